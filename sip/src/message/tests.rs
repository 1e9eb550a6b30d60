use super::header::{CSeq, Contact, From, Supported, Via};
use super::*;
use crate::ParseFault;

const INVITE: &[u8] = b"INVITE sip:bob@biloxi.example.com SIP/2.0\r\n\
v: SIP/2.0/UDP [2001:db8::9:1]:5060;branch=z9hG4bK74bf9;rport, SIP/2.0/TCP a.example;branch=z9hG4bK1\r\n\
Max-Forwards: 70\r\n\
f: \"Alice \\\"A\\\"\" <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n\
To: Bob\r\n <sip:bob@biloxi.example.com>\r\n\
i: 3848276298220188511@atlanta.example.com\r\n\
CSeq: 1 INVITE\r\n\
Contact: <sip:alice@client.atlanta.example.com;transport=tcp>\r\n\
k: timer,\r\n\t100rel\r\n\
Supported: replaces\r\n\
X-Latin: caf\xe9\r\n\
Content-Type: application/sdp\r\n\
l: 4\r\n\
\r\n\
v=0\n";

fn invite() -> Request {
    match parse(INVITE).expect("well-formed") {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request was read as a response"),
    }
}

#[test]
fn reads_compact_folded_and_foreign_headers() {
    let request = invite();
    assert_eq!(request.method, Method::Invite);
    assert_eq!(request.body, b"v=0\n");
    let vias = request.headers.typed_all::<Via>().expect("two values");
    assert_eq!(vias.len(), 2);
    assert_eq!(vias[0].sent_by.to_string(), "[2001:db8::9:1]:5060");
    let from = request.headers.typed::<From>().expect("From");
    assert_eq!(from.display.as_deref(), Some(&b"Alice \"A\""[..]));
    assert_eq!(from.tag().expect("tag").as_bytes(), b"9fxced76sl");
    assert_eq!(request.headers.get(&HeaderName::To), Some(&b"Bob <sip:bob@biloxi.example.com>"[..]));
    let supported = request.headers.typed::<Supported>().expect("Supported");
    assert_eq!(supported.0.len(), 3);
    let latin = HeaderName::from_bytes(b"x-latin").expect("a token");
    assert_eq!(request.headers.get(&latin), Some(&b"caf\xe9"[..]));
}

#[test]
fn prints_what_it_read() {
    let request = invite();
    let printed = request.to_bytes();
    assert_eq!(parse(&printed), Ok(Message::Request(request)));
}

#[test]
fn an_answer_repeats_what_identifies_the_request() {
    let request = invite();
    let response = Response::answering(&request.headers, StatusCode::RINGING);
    assert_eq!(response.reason, b"Ringing");
    assert_eq!(response.headers.len(), 5);
    assert_eq!(response.headers.typed::<CSeq>().expect("CSeq").number, 1);
    assert!(matches!(parse(&response.to_bytes()), Ok(Message::Response(_))));
}

#[test]
fn a_fault_names_header_and_place_and_can_be_answered() {
    let text = String::from_utf8_lossy(INVITE).replace("CSeq: 1 INVITE", "CSeq: 1 BYE");
    let error = parse(text.as_bytes()).expect_err("mismatch");
    assert_eq!(error.what, ParseFault::MethodMismatch);
    assert_eq!(error.header, Some(HeaderName::CSeq));
    assert_eq!(error.at, text.find("1 BYE").expect("it is there"));
    let answerable = error.answerable.expect("Via was read");
    assert_eq!(answerable.method, Method::Invite);
    assert_eq!(answerable.headers.len(), 5);
}

#[test]
fn header_values_cannot_start_a_line() {
    let mut request = invite();
    request.headers.push(HeaderName::Subject, "a\r\nX-Evil: 1");
    let contact = request.headers.typed::<Contact>().expect("Contact");
    request.headers.set_typed(&contact);
    let Ok(Message::Request(read)) = parse(&request.to_bytes()) else { panic!("no longer a request") };
    assert_eq!(read.headers, request.headers);
    assert_eq!(read.headers.get(&HeaderName::Subject), Some(&b"a  X-Evil: 1"[..]));
}
