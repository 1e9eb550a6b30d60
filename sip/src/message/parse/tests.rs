use super::*;

const HEADERS: &str = "Via: SIP/2.0/UDP host.example.com;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\n\
To: <sip:b@example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

fn options(extra: &str, body: &str) -> String {
    format!("OPTIONS sip:b@example.com SIP/2.0\r\n{HEADERS}{extra}\r\n{body}")
}

fn body(text: &str) -> Vec<u8> {
    match parse(text.as_bytes()) {
        Ok(message) => message.body().to_vec(),
        Err(error) => panic!("{error}: {text}"),
    }
}

fn fault(text: impl AsRef<[u8]>) -> ParseError {
    match parse(text.as_ref()) {
        Err(error) => error,
        Ok(message) => panic!("was read: {message:?}"),
    }
}

#[test]
fn body_length_on_datagrams() {
    assert_eq!(body(&options("", "rest")), b"rest");
    assert_eq!(body(&options("Content-Length: 2\r\n", "rest")), b"re");
    assert_eq!(body(&options("Content-Length: 4\r\nl: 4\r\n", "rest")), b"rest");
    assert_eq!(body(&options("Content-Length: 0\r\n", "")), b"");
    let short = options("Content-Length: 5\r\n", "rest");
    let error = fault(&short);
    assert_eq!((error.what, error.at), (ParseFault::BodyTooShort, short.len()));
    assert_eq!(fault(options("Content-Length: 4\r\nl: 5\r\n", "rest")).what, ParseFault::Repeated);
    let huge = fault(options("Content-Length: 18446744073709551616\r\n", "rest"));
    assert_eq!((huge.what, huge.header), (ParseFault::Number, Some(HeaderName::ContentLength)));
}

#[test]
fn line_ends_may_be_lf_alone_and_stand_before_the_start() {
    let text = format!("\r\n\n{}", options("Subject: a\r\n b\r\n", "x").replace("\r\n", "\n"));
    let message = parse(text.as_bytes()).expect("read");
    assert_eq!(message.headers().get(&HeaderName::Subject), Some(&b"a b"[..]));
    assert_eq!(message.body(), b"x");
}

#[test]
fn folds_become_one_space() {
    let text = options("Subject:\r\n  a \t\r\n\t \r\n b\r\nX:\r\n \r\n", "");
    let message = parse(text.as_bytes()).expect("read");
    assert_eq!(message.headers().get(&HeaderName::Subject), Some(&b"a  b"[..]));
    let last = HeaderName::from_bytes(b"X").expect("a token");
    assert_eq!(message.headers().get(&last), Some(&b""[..]));
}

#[test]
fn limits() {
    let long = "x".repeat(MAX_HEADER - "Subject: ".len());
    assert!(parse(options(&format!("Subject: {long}\r\n"), "").as_bytes()).is_ok());
    assert_eq!(fault(options(&format!("Subject: {long}y\r\n"), "")).what, ParseFault::HeaderTooLong);
    let folded = format!("Subject: {}\r\n", "x\r\n ".repeat(MAX_HEADER / 4));
    assert_eq!(fault(options(&folded, "")).what, ParseFault::HeaderTooLong);
    let many = "X: 1\r\n".repeat(MAX_HEADERS - 5);
    assert!(parse(options(&many, "").as_bytes()).is_ok());
    let error = fault(options(&(many + "X: 2\r\n"), ""));
    assert_eq!((error.what, error.what.status()), (ParseFault::TooManyHeaders, StatusCode::MESSAGE_TOO_LARGE));
    assert!(error.answerable.is_some());
    // A length counts as a line too: repeating it must not be a way around the limit.
    let lengths = "Content-Length: 0\r\n".repeat(MAX_HEADERS);
    assert_eq!(fault(options(&lengths, "")).what, ParseFault::TooManyHeaders);
    assert_eq!(fault(vec![b'a'; MAX_MESSAGE + 1]).what, ParseFault::MessageTooLong);
}

#[test]
fn what_is_no_message() {
    for (text, what) in [
        ("", ParseFault::Empty),
        ("\r\n\r\n", ParseFault::Empty),
        ("a", ParseFault::Truncated),
        ("OPTIONS sip:b@example.com SIP/2.0\r\n", ParseFault::Truncated),
        ("OPTIONS\r\n\r\n", ParseFault::StartLine),
        ("OPTIONS sip:b@example.com\r\n\r\n", ParseFault::StartLine),
        ("OPTIONS  SIP/2.0\r\n\r\n", ParseFault::Uri),
        ("OPT<>IONS sip:b@example.com SIP/2.0\r\n\r\n", ParseFault::Method),
        ("OPTIONS sip:b@example.com HTTP/1.1\r\n\r\n", ParseFault::StartLine),
        ("OPTIONS sip:b@example.com SIP/3.0\r\n\r\n", ParseFault::Version),
        ("SIP/2.0\r\n\r\n", ParseFault::StartLine),
        ("SIP/1.0 200 OK\r\n\r\n", ParseFault::Version),
        ("SIP/2.0 99 No\r\n\r\n", ParseFault::StatusCode),
        ("SIP/2.0 700 No\r\n\r\n", ParseFault::StatusCode),
        ("SIP/2.0 0200 OK\r\n\r\n", ParseFault::StatusCode),
        ("SIP/2.0 2x0 OK\r\n\r\n", ParseFault::StatusCode),
    ] {
        let error = fault(text);
        assert_eq!(error.what, what, "{text:?}");
        assert!(error.answerable.is_none(), "{text:?}");
    }
}

#[test]
fn bad_lines_among_good_ones_are_reported_first_and_leave_an_answer() {
    for (extra, what, needle) in [
        ("nonsense\r\n", ParseFault::HeaderLine, "nonsense"),
        (": empty name\r\n", ParseFault::HeaderLine, ": empty"),
        ("Bad Name: x\r\n", ParseFault::HeaderLine, "Bad Name"),
        ("Subject: a\rb\r\n", ParseFault::BareCr, "\rb"),
    ] {
        let text = options(&format!("{extra}Content-Length: x\r\n"), "");
        let error = fault(&text);
        assert_eq!((error.what, Some(error.at)), (what, text.find(needle)), "{extra:?}");
        assert_eq!(error.answerable.expect("all is there").headers.len(), 5);
    }
}

#[test]
fn a_bad_ack_is_never_answered() {
    let text = options("nonsense\r\n", "").replace("OPTIONS", "ACK");
    assert!(fault(text).answerable.is_none());
}

#[test]
fn every_mandatory_header_is_missed() {
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let text = options("", "").replace(&format!("\r\n{name}: "), "\r\nX-Other: ");
        let error = fault(text);
        let missing = HeaderName::from_bytes(name.as_bytes());
        assert_eq!((error.what, error.header), (ParseFault::Missing, missing), "{name}");
        assert_eq!(error.answerable.is_some(), name != "Via", "{name}");
    }
}

#[test]
fn the_place_of_a_fault_in_a_header_is_that_in_the_datagram() {
    let text = options("", "").replace("<sip:b@example.com>", "\"B\" <sip:b@exa$mple.com>");
    let error = fault(&text);
    assert_eq!((error.what, error.header), (ParseFault::Host, Some(HeaderName::To)));
    assert_eq!(Some(error.at), text.find("exa$"));
}

#[test]
fn a_status_line_without_phrase_may_lack_the_space() {
    let text = format!("sip/2.0 180\r\n{HEADERS}\r\n");
    assert!(matches!(parse(text.as_bytes()), Ok(Message::Response(response)) if response.reason.is_empty()));
}
