use super::*;
use crate::message::{Headers, Message, parse};

/// The token of the example in RFC 8225 appendix A.
const TOKEN: &str = concat!(
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.",
    "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEy",
    "In19.VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
);

fn read(value: &str) -> Identity {
    Identity::parse(value.as_bytes()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn fault(value: &str) -> ParseFault {
    Identity::parse(value.as_bytes()).expect_err(value).what
}

fn printed<H: TypedHeader>(header: &H) -> String {
    let mut out = Vec::new();
    header.print(&mut out);
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn the_full_form_is_read_and_printed() {
    let value = format!("{TOKEN};info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=shaken;x=1");
    let identity = read(&value);
    assert_eq!(identity.token, TOKEN);
    assert_eq!(identity.info, "https://cert.example.org/passport.cer");
    assert!(identity.alg.as_ref().is_some_and(|alg| alg.is("ES256")));
    assert!(identity.ppt.as_ref().is_some_and(|ppt| ppt.is("shaken")));
    assert!(!identity.is_compact());
    assert_eq!(printed(&identity), value);
}

#[test]
fn the_compact_form_leaves_header_and_payload_out() {
    let identity = read("..rq3pjT1akEGjHCnWSw_nshd0-zJ ; info = <https://a.example/c;v=1,2?q>");
    assert!(identity.is_compact());
    assert_eq!((identity.alg, identity.ppt), (None, None));
    assert_eq!(identity.info, "https://a.example/c;v=1,2?q", "an address may hold semicolons and commas");
}

#[test]
fn parameters_stand_in_any_order_quoted_or_not() {
    let identity = read("a.b.c;ppt=\"shaken\";ALG=ES256;seen;Info=<https://a.example/c>");
    assert!(identity.ppt.as_ref().is_some_and(|ppt| ppt.is("shaken")));
    assert!(identity.params.has("seen"));
    assert_eq!(printed(&identity), "a.b.c;info=<https://a.example/c>;alg=ES256;ppt=shaken;seen");
}

#[test]
fn what_is_no_identity_is_refused() {
    assert_eq!(fault(""), ParseFault::Token);
    assert_eq!(fault("a.b;info=<https://a/>"), ParseFault::Token, "two parts");
    assert_eq!(fault("a.b.c.d;info=<https://a/>"), ParseFault::Token, "four parts");
    assert_eq!(fault("a..c;info=<https://a/>"), ParseFault::Token, "half compact");
    assert_eq!(fault("a.b.;info=<https://a/>"), ParseFault::Token, "no signature");
    assert_eq!(
        fault("\"ZYNBbHC00VMZr2kZt6VmCvPonWJMGvQTBDqghoWeLxJf\";info=<https://a/>"),
        ParseFault::Token,
        "RFC 4474"
    );
    assert_eq!(fault("a.b.c"), ParseFault::Missing);
    assert_eq!(fault("a.b.c;info=https://a/"), ParseFault::Address);
    assert_eq!(fault("a.b.c;info=<>"), ParseFault::Address);
    assert_eq!(fault("a.b.c;info=<https://a"), ParseFault::Address);
    assert_eq!(fault("a.b.c;info=<https://a/>;info=<https://b/>"), ParseFault::Repeated);
    assert_eq!(fault("a.b.c;info=<https://a/>;ppt=a;ppt=b"), ParseFault::Repeated);
    assert_eq!(fault("a.b.c;info=<https://a/>;ppt=\"a b\""), ParseFault::Token);
    assert_eq!(fault("a.b.c;info=<https://a/>;x="), ParseFault::Param);
    assert_eq!(fault("a.b.c;info=<https://a/>,d.e.f;info=<https://b/>"), ParseFault::Trailing);
}

#[test]
fn sizes_are_bounded() {
    let longest =
        |token: usize, info: usize| format!("a.b.{};info=<https://{}>", "c".repeat(token - 4), "d".repeat(info - 8));
    assert_eq!(read(&longest(Identity::MAX_TOKEN, Identity::MAX_INFO)).token.len(), Identity::MAX_TOKEN);
    assert_eq!(fault(&longest(Identity::MAX_TOKEN + 1, 20)), ParseFault::HeaderTooLong);
    assert_eq!(fault(&longest(20, Identity::MAX_INFO + 1)), ParseFault::HeaderTooLong);
    assert_eq!(fault(&".".repeat(8_000)), ParseFault::HeaderTooLong);
}

#[test]
fn nothing_printed_ends_the_line_or_the_address() {
    let mut identity = read("a.b.c;info=<https://a/>");
    identity.info = "https://a/>\r\nVia: x".to_owned();
    identity.token = "a.b.c\r\n;x".to_owned();
    assert_eq!(printed(&identity), "a.b.cx;info=<https://a/Via:x>");
}

#[test]
fn a_message_may_have_several_in_long_and_compact_names() {
    let message = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n\
         Call-ID: x\r\nCSeq: 1 INVITE\r\nDate: Tue, 16 Aug 2016 19:23:38 GMT\r\n\
         Identity: a.b.c;info=<https://a/>;ppt=shaken\r\ny: ..d;\r\n info=<https://b/>\r\n\r\n";
    let Ok(Message::Request(request)) = parse(message.as_bytes()) else { panic!("a request") };
    let all = request.headers.typed_all::<Identity>().expect("both are read");
    assert_eq!(all.iter().map(|identity| identity.info.as_str()).collect::<Vec<_>>(), ["https://a/", "https://b/"]);
    assert_eq!(request.headers.typed::<Date>().expect("a date").unix(), 1_471_375_418);
}

#[test]
fn dates_are_read_and_printed() {
    for (text, seconds) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940),
        ("Tue, 16 Aug 2016 19:23:38 GMT", 1_471_375_418),
        ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LAST),
    ] {
        assert_eq!(Date::parse(text.as_bytes()).map(Date::unix), Ok(seconds), "{text}");
        assert_eq!(printed(&Date::from_unix(seconds)), text);
    }
    assert_eq!(Date::from_unix(u64::MAX).unix(), LAST);
    let loose = Date::parse(b" sat , 3 nov 2010 23:29:60 gmt ").expect("read");
    assert_eq!(printed(&loose), "Wed, 03 Nov 2010 23:29:59 GMT");
}

#[test]
fn every_day_of_a_century_round_trips() {
    for day in 0..36_525 {
        let date = Date::from_unix(day * DAY + day % DAY);
        assert_eq!(Date::parse(printed(&date).as_bytes()), Ok(date));
    }
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "Sat, 13 Nov 2010 23:29:00",
        "Sat, 13 Nov 2010 23:29:00 PST",
        "Sat 13 Nov 2010 23:29:00 GMT",
        "Sat, 31 Nov 2010 23:29:00 GMT",
        "Sat, 29 Feb 2023 23:29:00 GMT",
        "Sat, 00 Nov 2010 23:29:00 GMT",
        "Sat, 13 Nov 1969 23:29:00 GMT",
        "Sat, 13 Nov 10000 23:29:00 GMT",
        "Sat, 13 Nov 2010 24:29:00 GMT",
        "Sat, 13 Nov 2010 23:60:00 GMT",
        "Sat, 13 Nov 2010 23:29 GMT",
        "Sat, 13 Noo 2010 23:29:00 GMT",
        "Sat, 13 Nov 2010 23:29:00 GMT x",
        "Sat, 99999999999999999999 Nov 2010 23:29:00 GMT",
    ] {
        assert!(Date::parse(text.as_bytes()).is_err(), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_harm_and_what_is_read_is_read_again(value: Vec<u8>, tail in "[a-c.=;<>\" ]{0,40}") {
        let _ = Date::parse(&value);
        let _ = Identity::parse(&value);
        if let Ok(identity) = Identity::parse(format!("a.b.c;info=<https://a/>{tail}").as_bytes()) {
            let mut headers = Headers::new();
            headers.push_typed(&identity);
            proptest::prop_assert_eq!(headers.typed::<Identity>(), Ok(identity));
        }
    }
}
