use super::*;
use crate::error::ParseFault;
use crate::message::{Headers, Method};

fn read<H: TypedHeader>(value: &str) -> H {
    H::parse(value.as_bytes()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn fault<H: TypedHeader>(value: &str) -> (ParseFault, usize) {
    match H::parse(value.as_bytes()) {
        Err(error) => (error.what, error.at),
        Ok(_) => panic!("{value} was read"),
    }
}

fn printed<H: TypedHeader>(header: &H) -> String {
    let mut out = Vec::new();
    header.print(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads, and prints again.
fn normal<H: TypedHeader>(value: &str) -> String {
    printed(&read::<H>(value))
}

#[test]
fn via_parameters_are_told_apart() {
    let via: Via =
        read("sip / 2.0 / tcp [2001:db8::1] : 5061 ; ttl=3;RECEIVED=[2001:db8::2];rport = 5070;branch=z9hG4bKx;y");
    assert_eq!(via.transport, ViaTransport::Tcp);
    assert_eq!(via.sent_by.to_string(), "[2001:db8::1]:5061");
    assert_eq!(via.rport, Some(Rport::Port(5070)));
    assert_eq!(via.received.map(|address| address.to_string()).as_deref(), Some("2001:db8::2"));
    assert_eq!(printed(&via), "SIP/2.0/TCP [2001:db8::1]:5061;branch=z9hG4bKx;received=2001:db8::2;rport=5070;ttl=3;y");
    assert_eq!(
        normal::<Via>("SIP/2.0/UDP h;received=proxy.example;rport"),
        "SIP/2.0/UDP h;rport;received=proxy.example"
    );
    assert_eq!(normal::<Via>("SIP/2.0/UDP h;branch=\"a;b\""), "SIP/2.0/UDP h;branch=\"a;b\"");
}

#[test]
fn via_faults() {
    assert_eq!(fault::<Via>("").0, ParseFault::Token);
    assert_eq!(fault::<Via>("HTTP/2.0/UDP h").0, ParseFault::Version);
    assert_eq!(fault::<Via>("SIP/2.0 h").0, ParseFault::Token);
    assert_eq!(fault::<Via>("SIP/2.0/UDP"), (ParseFault::Host, 11));
    assert_eq!(fault::<Via>("SIP/2.0/UDP a b"), (ParseFault::Host, 12));
    assert_eq!(fault::<Via>("SIP/2.0/UDP h:x").0, ParseFault::Port);
    assert_eq!(fault::<Via>("SIP/2.0/UDP h;;").0, ParseFault::Param);
    assert_eq!(fault::<Via>("SIP/2.0/UDP h;branch=").0, ParseFault::Param);
    assert_eq!(fault::<Via>("SIP/2.0/UDP h;rport=99999").0, ParseFault::Port);
    assert_eq!(fault::<Via>("SIP/2.0/UDP h;x=\"y").0, ParseFault::Quote);
}

#[test]
fn addresses_with_and_without_brackets() {
    let bare: From = read("sip:a@b.example;tag=1");
    assert!(bare.uri.params.is_empty());
    assert_eq!(printed(&bare), "<sip:a@b.example>;tag=1");
    assert_eq!(normal::<To>("Anna  Bell<sip:a@b>"), "\"Anna  Bell\" <sip:a@b>");
    assert_eq!(normal::<To>("\"a\\\\b\\\"c\"<sip:a@b;x> ;y = \"z\""), "\"a\\\\b\\\"c\" <sip:a@b;x>;y=\"z\"");
    assert_eq!(normal::<To>("\"\" <tel:+1>"), "\"\" <tel:+1>");
    let unquoted: To = read("Zoë <sip:z@b>");
    assert_eq!(unquoted.display_text().as_deref(), Some("Zoë"));
    assert!(read::<To>("<tel:+1555>").is_phone() && read::<To>("<sip:1@b;user=Phone>").is_phone());
    assert!(!read::<To>("<sip:1@b>").is_phone());
}

#[test]
fn address_faults() {
    assert_eq!(fault::<To>("<sip:a@b"), (ParseFault::Address, 8));
    assert_eq!(fault::<To>("\"a <sip:a@b>"), (ParseFault::Quote, 0));
    assert_eq!(fault::<To>("\"a\" sip:a@b").0, ParseFault::Address);
    assert_eq!(fault::<To>("a,b <sip:a@b>"), (ParseFault::Address, 1));
    assert_eq!(fault::<To>("<sip:a@b> x").0, ParseFault::Trailing);
    assert_eq!(fault::<To>("").0, ParseFault::Uri);
    assert_eq!(fault::<Contact>("*").0, ParseFault::Uri);
}

#[test]
fn lists_are_split_outside_quotes_and_brackets() {
    let mut headers = Headers::new();
    headers.push(HeaderName::Contact, "\"a, b\" <sip:a@b?x=1,2>;q=1, <sip:c@d>,sip:e@f");
    headers.push(HeaderName::Contact, "<sip:g@h>");
    let contacts = headers.typed_all::<Contact>().expect("four");
    assert_eq!(contacts.len(), 4);
    assert_eq!(contacts[0].display.as_deref(), Some(&b"a, b"[..]));
    assert_eq!(headers.typed::<Contact>().expect("the first"), contacts[0]);
    headers.push(HeaderName::Contact, "<sip:a@b>, , <sip:c@d>");
    let error = headers.typed_all::<Contact>().expect_err("an empty one");
    assert_eq!((error.what, error.header), (ParseFault::EmptyElement, Some(HeaderName::Contact)));
    headers.set(HeaderName::Contact, "<sip:a@b>, <bad>");
    let error = headers.typed_all::<Contact>().expect_err("the second is bad");
    assert_eq!((error.what, error.at), (ParseFault::Uri, 12));
}

#[test]
fn option_lists_are_joined_over_lines() {
    let mut headers = Headers::new();
    headers.push(HeaderName::Supported, "timer ,100rel");
    headers.push(HeaderName::Supported, "");
    headers.push(HeaderName::Supported, "Replaces");
    let supported: Supported = headers.typed().expect("readable");
    assert!(supported.contains("TIMER") && supported.contains("replaces") && !supported.contains("path"));
    assert_eq!(printed(&supported), "timer, 100rel, Replaces");
    assert_eq!(fault::<Require>("a, b c"), (ParseFault::Token, 3));
    let allow: Allow = read("INVITE, ACK, FOO");
    assert_eq!(allow.0[1], Method::Ack);
    assert_eq!(printed(&allow), "INVITE, ACK, FOO");
}

#[test]
fn numbers_and_their_limits() {
    assert_eq!(read::<CSeq>("2147483647 INVITE").number, 2_147_483_647);
    assert_eq!(fault::<CSeq>("2147483648 INVITE"), (ParseFault::Number, 0));
    assert_eq!(fault::<CSeq>("1").0, ParseFault::Token);
    assert_eq!(fault::<CSeq>("1 INVITE x").0, ParseFault::Trailing);
    assert_eq!(fault::<MaxForwards>("256").0, ParseFault::Number);
    assert_eq!(read::<Expires>("4294967296"), Expires(u32::MAX));
    assert_eq!(fault::<Expires>("-1").0, ParseFault::Number);
    assert_eq!(read::<MinSe>("90;lr"), MinSe(90));
    assert_eq!(fault::<ContentLength>("4294967296").0, ParseFault::Number);
    assert_eq!(normal::<RAck>("776656 1 INVITE"), "776656 1 INVITE");
    assert_eq!(normal::<Timestamp>("54.21 0.5"), "54.21 0.5");
    assert_eq!(fault::<Timestamp>("1.2.3").0, ParseFault::Number);
}

#[test]
fn retry_after_with_comments() {
    let retry: RetryAfter = read("120 (in a (very \\) long) meeting) ;duration=3600;x");
    assert_eq!((retry.seconds, retry.duration), (120, Some(3600)));
    assert_eq!(printed(&retry), "120;duration=3600");
    assert_eq!(fault::<RetryAfter>("120 (open").0, ParseFault::Quote);
    assert_eq!(fault::<RetryAfter>("120 (open \\").0, ParseFault::Quote);
    assert_eq!(fault::<RetryAfter>("soon").0, ParseFault::Number);
    // Depth costs no stack.
    assert_eq!(fault::<RetryAfter>(&format!("1 {}", "(".repeat(8000))).0, ParseFault::Quote);
}

#[test]
fn session_headers() {
    let timer: SessionExpires = read("1800 ; Refresher = UAS;x=y");
    assert_eq!(timer, SessionExpires { seconds: 1800, refresher: Some(Refresher::Uas) });
    assert_eq!(printed(&timer), "1800;refresher=uas");
    assert_eq!(fault::<SessionExpires>("1800;refresher=proxy").0, ParseFault::Param);
    assert_eq!(normal::<ContentType>("multipart / mixed ;boundary=\"a b\""), "multipart/mixed;boundary=\"a b\"");
    assert!(read::<ContentType>("Application/SDP").is("application", "sdp"));
    assert_eq!(fault::<ContentType>("sdp").0, ParseFault::Token);
}

#[test]
fn headers_of_transfers() {
    let replaces = "a@b;to-tag=1;from-tag=2;early-only";
    assert_eq!(normal::<Replaces>(replaces), replaces);
    assert_eq!(fault::<Replaces>("a@b;to-tag=1").0, ParseFault::Param);
    assert_eq!(normal::<EventPackage>("Refer ; ID = 7;x=y"), "Refer;id=7");
    assert_eq!(normal::<EventPackage>("refer;id=\"a b\""), "refer;id=\"a b\"");
    assert_eq!(fault::<EventPackage>(";id=1").0, ParseFault::Token);
    let state: SubscriptionState = read("Active;expires=\"60\";reason=\"?\"");
    assert_eq!((state.expires, state.is_terminated()), (Some(60), false));
    assert_eq!(normal::<SubscriptionState>("terminated ;reason=noresource"), "terminated;reason=noresource");
    assert!(read::<SubscriptionState>("TERMINATED").is_terminated());
    assert_eq!(fault::<SubscriptionState>("active;expires=soon").0, ParseFault::Number);
    assert_eq!((normal::<ReferSub>("FALSE;x"), normal::<ReferSub>("true")), ("false".to_owned(), "true".to_owned()));
    assert_eq!(fault::<ReferSub>("maybe").0, ParseFault::Token);
}

#[test]
fn a_dialog_to_replace_travels_inside_a_uri() {
    let replaces: Replaces = read("7@192.0.2.1;to-tag=a%b;from-tag=c&d=e");
    let target: crate::message::Uri = "sip:+49301@gw.example;user=phone".parse().expect("a URI of this test");
    let uri = replaces.in_uri(&target);
    let text = uri.to_string();
    assert_eq!(text, "sip:+49301@gw.example;user=phone?Replaces=7%40192.0.2.1%3Bto-tag%3Da%25b%3Bfrom-tag%3Dc%26d%3De");
    let again: crate::message::Uri = text.parse().expect("what we print reads");
    assert_eq!(Replaces::of_uri(&again), Ok(Some(replaces)));
    assert_eq!(Replaces::of_uri(&target), Ok(None));
    assert!(Replaces::of_uri(&"sip:a@b?replaces=x".parse().expect("a URI of this test")).is_err());
    let refer = ReferTo(NameAddr::new(uri));
    assert_eq!(normal::<ReferTo>(&printed(&refer)), printed(&refer));
}

#[test]
fn the_isdn_cause_is_found_among_reasons() {
    let mut headers = Headers::new();
    headers.push(HeaderName::Reason, "SIP;cause=480, broken;;, q.850 ;cause=16 ;text=\"Normal, \\\"clearing\\\"\"");
    let reason = Reason::q850(&headers).expect("it is there");
    assert_eq!(reason.cause, Some(16));
    assert_eq!(reason.text.as_deref(), Some(&b"Normal, \"clearing\""[..]));
    assert_eq!(printed(&reason), "q.850;cause=16;text=\"Normal, \\\"clearing\\\"\"");
    assert_eq!(fault::<Reason>("Q.850;cause=70000").0, ParseFault::Number);
    assert!(Reason::q850(&Headers::new()).is_none());
}

#[test]
fn identifiers_cannot_leave_their_place() {
    assert_eq!(Tag::from_bytes("a;b c\r\n\"").as_bytes(), b"abc");
    assert_eq!(CallId::from_bytes("a;b\r\n c").as_bytes(), b"a;bc");
    assert_eq!(fault::<CallId>("a b").0, ParseFault::Token);
    assert!(Branch::from_bytes("Z9HG4BKx").is_unique() && !Branch::from_bytes("z9hG4bK").is_unique());
    let address: From = read("<sip:a@b>;tag=\"\"");
    assert!(address.tag().is_none());
}
