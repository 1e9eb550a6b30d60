//! Printing what was read, reading what was printed, and reading one message in its many spellings.

mod generate;

use callwright_sip::guard::Glance;
use callwright_sip::message::header::{
    Branch, CSeq, CallId, Contact, ContentType, From, MaxForwards, NameAddr, Tag, To, Via, ViaTransport,
};
use callwright_sip::message::{HeaderName, HostPort, Message, Method, Params, Request, Token, Uri, parse};
use generate::{Sample, config, plain};
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Message {
    parse(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// The sample with compact names, folded lines, white space and letter case as `choices` say.
fn respelled(sample: &Sample, choices: &[u8]) -> Vec<u8> {
    let mut choices = choices.iter().copied().cycle();
    let mut choose = |options: u8| choices.next().map_or(0, |choice| choice % options);
    let eol = if choose(4) == 0 { "\n" } else { "\r\n" };
    let mut out = format!("{}{eol}", sample.start_line()).into_bytes();
    for (name, value) in sample.headers() {
        let name = match (choose(4), compact(&name)) {
            (0, Some(letter)) => letter.to_owned(),
            (1, Some(letter)) => letter.to_uppercase(),
            (2, _) => name.to_uppercase(),
            (3, _) => name.to_lowercase(),
            _ => name,
        };
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice([":", ": ", " : \t", ":\r\n "][usize::from(choose(4))].as_bytes());
        let mut quoted = false;
        for byte in value.bytes() {
            quoted ^= byte == b'"';
            match byte {
                // Every single space outside quotes may as well be a fold.
                b' ' if !quoted && choose(3) == 0 => out.extend_from_slice(format!("{eol}\t ").as_bytes()),
                _ => out.push(byte),
            }
        }
        out.extend_from_slice(["", " ", "\r\n \t"][usize::from(choose(3))].as_bytes());
        out.extend_from_slice(eol.as_bytes());
    }
    out.extend_from_slice(eol.as_bytes());
    out.extend_from_slice(sample.body.as_bytes());
    out
}

fn compact(name: &str) -> Option<&'static str> {
    [
        ("Via", "v"),
        ("From", "f"),
        ("To", "t"),
        ("Call-ID", "i"),
        ("Contact", "m"),
        ("Content-Length", "l"),
        ("Subject", "s"),
    ]
    .into_iter()
    .find_map(|(long, short)| (long == name).then_some(short))
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn printing_keeps_every_byte_that_counts(sample in plain()) {
        let wire = sample.text();
        let message = read(wire.as_bytes());
        let printed = message.to_bytes();
        prop_assert_eq!(String::from_utf8_lossy(&printed), wire);
    }

    #[test]
    fn spelling_does_not_matter(sample in plain(), choices in prop::collection::vec(any::<u8>(), 1..40)) {
        // Values with runs of spaces or of no fixed grammar cannot be folded without a trace.
        prop_assume!(!sample.others.iter().any(|(_, value)| value.contains("  ") || value.contains('"')));
        let wire = respelled(&sample, &choices);
        prop_assert_eq!(read(&wire), read(sample.text().as_bytes()), "{}", String::from_utf8_lossy(&wire));
    }

    #[test]
    fn a_look_sees_what_the_parser_sees(sample in plain(), choices in prop::collection::vec(any::<u8>(), 1..40)) {
        let wire = respelled(&sample, &choices);
        let (looked, message) = (Glance::of(&wire), read(&wire));
        let parsed = Glance::of_message(&message);
        prop_assert_eq!((looked.kind, looked.to_tag), (parsed.kind, parsed.to_tag), "{}", String::from_utf8_lossy(&wire));
    }

    #[test]
    fn any_bytes_survive_in_the_fields_that_take_them(
        user in prop::collection::vec(any::<u8>(), 1..20),
        display in prop::collection::vec(any::<u8>(), 0..20),
        value in prop::collection::vec(any::<u8>(), 0..20),
        subject in prop::collection::vec(any::<u8>(), 0..40),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let one_line = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect()
        };
        let mut request = invite();
        request.uri = Uri::sip(Some(&user), HostPort::parse(b"example.com").expect("a host"));
        let mut address = NameAddr::new(request.uri.clone());
        address.display = Some(display.clone());
        address.params.set("x", Some(&value));
        request.headers.set_typed(&Contact(address));
        request.headers.push(HeaderName::Subject, &subject);
        request.body = body;

        let Message::Request(again) = read(&request.to_bytes()) else { panic!("still a request") };
        prop_assert_eq!(again.uri.user_text().expect("user").into_owned(), user);
        let contact: Contact = again.headers.typed().expect("Contact");
        let display = one_line(&display);
        prop_assert_eq!(contact.display.as_deref(), Some(display.as_slice()));
        prop_assert_eq!(contact.params.text("x").expect("x").into_owned(), one_line(&value));
        prop_assert_eq!(again.headers.get(&HeaderName::Subject), request.headers.get(&HeaderName::Subject));
        prop_assert_eq!(again.body, request.body);
    }

    #[test]
    fn noise_is_refused_without_harm(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(error) = parse(&noise) {
            prop_assert!(error.at <= noise.len());
        }
    }
}

fn uri(text: &str) -> Uri {
    text.parse().expect("a URI")
}

fn invite() -> Request {
    let mut request = Request::new(Method::Invite, uri("sip:+12015550123@carrier.example;user=phone"));
    let sent_by = HostPort::parse(b"192.0.2.10:5060").expect("an address");
    let headers = &mut request.headers;
    headers.push_typed(&Via::new(ViaTransport::Udp, sent_by, Branch::from_bytes("z9hG4bK74bf9")));
    headers.push_typed(&MaxForwards(70));
    let mut from = NameAddr::new(uri("sip:+12015550100@callwright.example"));
    from.display = Some("Support \"east\"".into());
    headers.push_typed(&From(from.with_tag(&Tag::from_bytes("9fxced76sl"))));
    headers.push_typed(&To(NameAddr::new(uri("sip:+12015550123@carrier.example"))));
    headers.push_typed(&CallId::from_bytes("3848276298220188511@callwright.example"));
    headers.push_typed(&CSeq { number: 1, method: Method::Invite });
    headers.push_typed(&Contact(NameAddr::new(uri("sip:192.0.2.10:5060;transport=udp"))));
    headers.push_typed(&ContentType {
        kind: Token::new("application").expect("a token"),
        subtype: Token::new("sdp").expect("a token"),
        params: Params::new(),
    });
    request.body = b"v=0\r\n".to_vec();
    request
}

#[test]
fn a_printed_invite() {
    let printed = String::from_utf8(invite().to_bytes()).expect("text");
    insta::assert_snapshot!(printed.replace('\r', ""), @r#"
    INVITE sip:+12015550123@carrier.example;user=phone SIP/2.0
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74bf9;rport
    Max-Forwards: 70
    From: "Support \"east\"" <sip:+12015550100@callwright.example>;tag=9fxced76sl
    To: <sip:+12015550123@carrier.example>
    Call-ID: 3848276298220188511@callwright.example
    CSeq: 1 INVITE
    Contact: <sip:192.0.2.10:5060;transport=udp>
    Content-Type: application/sdp
    Content-Length: 5

    v=0
    "#);
}
