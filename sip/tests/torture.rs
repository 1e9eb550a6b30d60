//! The torture messages of RFC 4475, and those of RFC 5118 for IPv6, with the treatment each gets.
//!
//! What a test of the RFC asks above the message level (unknown methods, schemes and extensions, Max-Forwards of zero,
//! body types) is not decided here: those messages are read, and what the layers above need is checked to be readable.

use std::collections::BTreeSet;
use std::path::PathBuf;

use callwright_sip::message::header::{
    Authorization, CSeq, CallId, Contact, Expires, From, MaxForwards, ProxyRequire, RecordRoute, Require, RetryAfter,
    Route, To, Via,
};
use callwright_sip::message::{
    Frame, HeaderName, Host, Message, Method, Request, Response, Scheme, StatusCode, StreamFramer, TypedHeader, parse,
};
use callwright_sip::{ParseError, ParseFault};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/torture")
}

fn bytes(name: &str) -> Vec<u8> {
    let path = directory().join(format!("{name}.dat"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn request(name: &str) -> Request {
    match parse(&bytes(name)) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name} is not a request: {other:?}"),
    }
}

fn response(name: &str) -> Response {
    match parse(&bytes(name)) {
        Ok(Message::Response(response)) => response,
        other => panic!("{name} is not a response: {other:?}"),
    }
}

fn refusal(name: &str) -> ParseError {
    match parse(&bytes(name)) {
        Err(error) => error,
        Ok(message) => panic!("{name} was read: {message:?}"),
    }
}

fn from_request<H: TypedHeader>(request: &Request) -> H {
    request.headers.typed().unwrap_or_else(|error| panic!("{}: {error}", H::NAME))
}

/// Messages that are read as they are.
const READ: [&str; 40] = [
    "baddate",
    "badbranch",
    "bcast",
    "bext01",
    "cparam01",
    "cparam02",
    "dblreq",
    "esc01",
    "esc02",
    "escnull",
    "intmeth",
    "inv2543",
    "invut",
    "ipv4-mapped-ipv6",
    "ipv6-bug-abnf-3-colons",
    "ipv6-correct-abnf-2-colons",
    "ipv6-good",
    "ipv6-in-sdp",
    "longreq",
    "lwsdisp",
    "mpart01",
    "mult-ip-in-header",
    "mult-ip-in-sdp",
    "noreason",
    "novelsc",
    "port-ambiguous",
    "port-unambiguous",
    "regaut01",
    "regbadct",
    "regescrt",
    "sdp01",
    "semiuri",
    "transports",
    "unkscm",
    "unksm2",
    "unreason",
    "via-received-param-no-delim",
    "via-received-param-with-delim",
    "wsinv",
    "zeromf",
];

/// Messages that are refused: why, in which header, and whether an error response can be sent.
const REFUSED: [(&str, ParseFault, Option<HeaderName>, bool); 21] = [
    ("badaspec", ParseFault::Uri, Some(HeaderName::To), true),
    ("baddn", ParseFault::Address, Some(HeaderName::From), true),
    ("badinv01", ParseFault::Param, Some(HeaderName::Via), false),
    ("badvers", ParseFault::Version, None, true),
    ("bigcode", ParseFault::StatusCode, None, false),
    ("clerr", ParseFault::BodyTooShort, Some(HeaderName::ContentLength), true),
    ("escruri", ParseFault::Uri, None, true),
    ("insuf", ParseFault::Missing, Some(HeaderName::From), true),
    ("ipv6-bad", ParseFault::Port, None, true),
    ("ltgtruri", ParseFault::Uri, None, true),
    ("lwsruri", ParseFault::Uri, None, true),
    ("lwsstart", ParseFault::Uri, None, true),
    ("mcl01", ParseFault::Repeated, Some(HeaderName::ContentLength), true),
    ("mismatch01", ParseFault::MethodMismatch, Some(HeaderName::CSeq), true),
    ("mismatch02", ParseFault::MethodMismatch, Some(HeaderName::CSeq), true),
    ("multi01", ParseFault::Repeated, Some(HeaderName::From), true),
    ("ncl", ParseFault::Number, Some(HeaderName::ContentLength), true),
    ("quotbal", ParseFault::Quote, Some(HeaderName::To), true),
    ("scalar02", ParseFault::Number, Some(HeaderName::CSeq), true),
    ("scalarlg", ParseFault::Number, Some(HeaderName::CSeq), false),
    ("trws", ParseFault::StartLine, None, true),
];

#[test]
fn every_message_has_its_treatment() {
    let files: BTreeSet<String> = std::fs::read_dir(directory())
        .expect("the directory is part of the package")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    let named: BTreeSet<String> =
        READ.iter().copied().chain(REFUSED.iter().map(|entry| entry.0)).map(str::to_owned).collect();
    assert_eq!(files, named);
}

#[test]
fn valid_messages_are_read_and_survive_printing() {
    for name in READ {
        let message = parse(&bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(parse(&message.to_bytes()), Ok(message), "{name}");
    }
}

#[test]
fn invalid_messages_are_refused_for_the_right_reason() {
    for (name, what, header, answerable) in REFUSED {
        let error = refusal(name);
        assert_eq!((error.what, &error.header), (what, &header), "{name}: {error}");
        assert_eq!(error.answerable.is_some(), answerable, "{name}: {error}");
    }
}

#[test]
fn an_answer_to_a_refused_request_can_be_read() {
    for (name, what, _, answerable) in REFUSED {
        if !answerable {
            continue;
        }
        let error = refusal(name);
        let salvaged = error.answerable.expect("checked by another test");
        let answer = Response::answering(&salvaged.headers, what.status());
        let text = answer.to_bytes();
        assert!(text.starts_with(b"SIP/2.0 4") || text.starts_with(b"SIP/2.0 505 "), "{name}");
        assert!(answer.headers.typed::<Via>().is_ok(), "{name}");
    }
}

/// RFC 4475 section 3.1.1.1.
#[test]
fn folding_and_white_space_everywhere() {
    let request = request("wsinv");
    assert!(request.uri.params.has("unknownparam"));
    let to: To = from_request(&request);
    assert_eq!(to.tag().expect("tag").as_bytes(), b"1918181833n");
    let from: From = from_request(&request);
    assert_eq!(from.display.as_deref(), Some(&b"J Rosenberg \\\""[..]));
    assert_eq!(from_request::<MaxForwards>(&request), MaxForwards(68));
    assert_eq!(from_request::<CSeq>(&request), CSeq { number: 9, method: Method::Invite });
    let vias = request.headers.typed_all::<Via>().expect("three values");
    let hosts: Vec<String> = vias.iter().map(|via| via.sent_by.to_string()).collect();
    assert_eq!(hosts, ["192.0.2.2", "spindle.example.com", "192.168.255.111"]);
    assert_eq!(vias[2].branch.as_ref().expect("branch").as_bytes(), b"z9hG4bK30239");
    assert_eq!(request.headers.get(&HeaderName::Subject), Some(&b""[..]));
    let unknown = HeaderName::from_bytes(b"UNKNOWNHEADERWITHUNUSUALVALUE").expect("a token");
    assert_eq!(request.headers.get(&unknown), Some(&b";;,,;;,;"[..]));
    let route: Route = from_request(&request);
    assert!(route.uri.params.has("lr") && route.uri.params.has("unknown-no-value"));
    let contact: Contact = from_request(&request);
    assert_eq!(contact.display.as_deref(), Some(&b"Quoted string \"\""[..]));
    assert_eq!(contact.params.value("newparam"), Some(&b"newvalue"[..]));
    assert_eq!(contact.params.value("q"), Some(&b"0.33"[..]));
    assert_eq!(request.body.len(), 150);
}

/// RFC 4475 section 3.1.1.2.
#[test]
fn wide_range_of_characters() {
    let request = request("intmeth");
    assert_eq!(request.method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(request.uri.user.as_deref(), Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..]));
    assert_eq!(request.uri.password.as_deref(), Some(&b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..]));
    assert_eq!(request.uri.host, Host::Name("example.com".to_owned()));
    let to: To = from_request(&request);
    assert_eq!(to.display.as_deref(), Some(&b"BEL:\x07 NUL:\x00 DEL:\x7f"[..]));
    let from: From = from_request(&request);
    assert_eq!(from.display.as_deref(), Some(&b"token1~` token2'+_ token3*%!.-"[..]));
    assert_eq!(from.params.text("fromParam''~+*_!.-%").expect("parameter"), "работающий".as_bytes());
    let call_id: CallId = from_request(&request);
    assert_eq!(call_id.as_bytes(), b"intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
}

/// RFC 4475 sections 3.1.1.3, 3.1.1.4, 3.1.1.5 and 3.1.1.9.
#[test]
fn escapes_are_decoded_in_uris_and_nowhere_else() {
    let escaped = request("esc01");
    assert_eq!(escaped.uri.user_text().expect("user"), &b"sips:user@example.com"[..]);
    let contact: Contact = from_request(&escaped);
    let same = "sip:caller@host5.example.net;lr;name=value%2541".parse().expect("a URI");
    let decoded_twice = "sip:caller@host5.example.net;lr;name=valueA".parse().expect("a URI");
    assert!(contact.uri.equivalent(&same) && !contact.uri.equivalent(&decoded_twice));
    assert_eq!(contact.uri.user_text().expect("user"), &b"caller"[..]);

    let null = request("escnull");
    let contacts = null.headers.typed_all::<Contact>().expect("two");
    assert_eq!(contacts[1].uri.user_text().expect("user"), &b"\0\0"[..]);
    assert!(!contacts[0].uri.equivalent(&contacts[1].uri));

    let tokens = request("esc02");
    assert_eq!(tokens.method.as_str(), "RE%47IST%45R");
    assert_eq!(tokens.headers.typed_all::<Contact>().expect("two").len(), 2);
    assert_eq!(from_request::<To>(&tokens).display.as_deref(), Some(&b"%Z%45"[..]));

    let semicolon = request("semiuri");
    assert_eq!(semicolon.uri.user_text().expect("user"), &b"user;par=u@example.net"[..]);
    assert!(semicolon.uri.params.is_empty());
}

/// RFC 4475 sections 3.1.1.6, 3.1.1.7 and 3.1.1.10.
#[test]
fn odd_addresses_long_values_and_transports() {
    assert_eq!(from_request::<From>(&request("lwsdisp")).display.as_deref(), Some(&b"caller"[..]));

    let long = request("longreq");
    assert_eq!(long.headers.typed_all::<Via>().expect("all are well-formed").len(), 33);
    let from: From = from_request(&long);
    assert_eq!(from.tag().expect("tag").as_bytes().len(), 155);

    let transports = request("transports").headers.typed_all::<Via>().expect("five");
    let names: Vec<&str> = transports.iter().map(|via| via.transport.as_str()).collect();
    assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

/// RFC 4475 section 3.1.1.8: as a datagram the second request is cut off, on a stream both are read.
#[test]
fn two_requests_in_one_buffer() {
    let both = bytes("dblreq");
    let register = request("dblreq");
    assert_eq!((register.method, register.body.len()), (Method::Register, 0));
    let mut framer = StreamFramer::new();
    framer.push(&both);
    let mut methods = Vec::new();
    while let Some(frame) = framer.next() {
        match frame.expect("both are well-formed") {
            Frame::Message(message) => {
                let Message::Request(request) = *message else { panic!("both are requests") };
                methods.push((request.method, request.body.len()));
            }
            // The blank lines between the messages are a keep-alive to a stream.
            Frame::Ping | Frame::Pong => {}
        }
    }
    assert_eq!(methods, [(Method::Register, 0), (Method::Invite, 150)]);
}

/// RFC 4475 sections 3.1.1.11, 3.1.1.12 and 3.1.1.13.
#[test]
fn binary_bodies_and_reason_phrases() {
    let parts = request("mpart01");
    assert_eq!(parts.body.len(), 553);
    assert!(parts.body.contains(&0) && parts.body.contains(&0xFF));

    let unusual = response("unreason");
    assert_eq!(unusual.status, StatusCode::OK);
    assert!(unusual.reason.starts_with(b"= 2**3 * 5**2 \xD0\xBD\xD0\xBE"));

    let empty = response("noreason");
    assert_eq!((empty.status, empty.reason.as_slice()), (StatusCode::TRYING, &b""[..]));
}

/// RFC 4475 sections 3.1.2.4, 3.1.2.5, 3.1.2.13, 3.2.1, 3.3.11, 3.3.12 and 3.3.14.
#[test]
fn headers_that_are_read_only_when_needed() {
    let salvaged = refusal("scalar02");
    assert_eq!(salvaged.what.status(), StatusCode::BAD_REQUEST);
    assert_eq!(Expires::parse(&[b'1'; 100]), Ok(Expires(u32::MAX)));
    assert_eq!(MaxForwards::parse(b"300").expect_err("over 255").what, ParseFault::Number);
    let retry = RetryAfter::parse(b"949302838503028349304023988").expect("saturates");
    assert_eq!(retry.seconds, u32::MAX);

    let bad_contact = request("regbadct").headers.typed::<Contact>().expect_err("URI headers need brackets");
    assert_eq!((bad_contact.what, bad_contact.header), (ParseFault::Address, Some(HeaderName::Contact)));
    let bracketed: Contact = from_request(&request("regescrt"));
    assert_eq!(bracketed.uri.headers.as_deref(), Some(&b"Route=%3Csip:sip.example.com%3E"[..]));

    let branch = from_request::<Via>(&request("badbranch")).branch.expect("it has one");
    assert!(!branch.is_unique());
    assert_eq!(from_request::<MaxForwards>(&request("zeromf")), MaxForwards(0));

    let bare: Contact = from_request(&request("cparam01"));
    assert!(bare.params.has("unknownparam") && bare.uri.params.is_empty());
    let bracketed: Contact = from_request(&request("cparam02"));
    assert!(bracketed.params.is_empty() && bracketed.uri.params.has("unknownparam"));
}

/// RFC 4475 sections 3.3.2 to 3.3.7 and 3.4.1.
#[test]
fn unknown_schemes_extensions_and_old_senders() {
    let opaque = request("unkscm").uri;
    assert!(matches!(&opaque.scheme, Scheme::Other(scheme) if scheme.as_str() == "nobodyknowsthisscheme"));
    assert_eq!(opaque.user.as_deref(), Some(&b"totallyopaquecontent"[..]));
    assert_eq!(request("novelsc").uri.to_string(), "soap.beep://192.0.2.103:3002");
    let strange = request("unksm2");
    assert!(matches!(from_request::<To>(&strange).uri.scheme, Scheme::Other(_)));
    assert!(matches!(from_request::<Contact>(&strange).uri.scheme, Scheme::Other(_)));

    let extensions = request("bext01");
    assert!(from_request::<Require>(&extensions).contains("nothingsupportsthiseither"));
    assert_eq!(from_request::<ProxyRequire>(&extensions).0.len(), 2);
    let unknown = request("regaut01").headers.typed::<Authorization>().expect_err("not digest");
    assert_eq!(unknown.what, ParseFault::Scheme);

    let old = request("inv2543");
    assert!(from_request::<Via>(&old).branch.is_none());
    assert!(from_request::<From>(&old).tag().is_none());
    assert!(from_request::<RecordRoute>(&old).uri.params.has("maddr"));
    assert!(old.body.starts_with(b"v=0\r\n"));
}

/// RFC 5118 section 4.
#[test]
fn ipv6_in_uris_and_via() {
    assert_eq!(request("ipv6-good").uri.host.to_string(), "[2001:db8::10]");
    let ambiguous = request("port-ambiguous").uri;
    assert_eq!((ambiguous.host.to_string().as_str(), ambiguous.port), ("[2001:db8::10:5070]", None));
    assert_eq!(request("port-unambiguous").uri.port, Some(5070));
    for name in ["via-received-param-no-delim", "via-received-param-with-delim"] {
        let via: Via = from_request(&request(name));
        assert_eq!(via.received.expect(name).to_string(), "2001:db8::9:255", "{name}");
        assert!(via.branch.is_some(), "{name}");
    }
    assert_eq!(request("ipv6-bug-abnf-3-colons").uri.host, request("ipv6-correct-abnf-2-colons").uri.host);
    let mapped = request("ipv4-mapped-ipv6").headers.typed_all::<Via>().expect("two");
    assert_eq!(mapped[0].sent_by.to_string(), "[::ffff:192.0.2.10]:19823");
}
