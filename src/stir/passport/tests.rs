use super::*;

/// The example of RFC 8225 appendix A.
const EXAMPLE: &str = concat!(
    "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.",
    "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEy",
    "In19.VLBCIVDCaeK6M4hLJb6SHQvacAQVvoiiEOWQ_iUkqk79UD81fHQ0E1b3_GluIkba7UWYRM47ZbNFdOJquE35cw"
);

fn number(digits: &str) -> Party {
    Party::Number(digits.into())
}

fn example() -> Passport {
    Passport {
        certificate: "https://cert.example.org/passport.cer".into(),
        claims: Claims {
            orig: number("12155551212"),
            dest: vec![Party::Address("sip:alice@example.com".into())],
            iat: 1_471_375_418,
            shaken: None,
        },
    }
}

fn json(token: &str, part: usize) -> String {
    let part = token.split('.').nth(part).expect("a part");
    String::from_utf8(decoded(part).expect("base64url")).expect("UTF-8")
}

/// A token of these parts, signed by nobody.
fn made(header: &str, payload: &str) -> String {
    format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

const HEADER: &str = r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://a.example/c"}"#;
const PAYLOAD: &str =
    r#"{"attest":"B","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},"origid":"x"}"#;

#[test]
fn the_example_of_rfc_8225_is_built_byte_for_byte() {
    let (signed, _) = EXAMPLE.rsplit_once('.').expect("three parts");
    assert_eq!(example().signing_input(), signed);
}

#[test]
fn the_example_of_rfc_8225_is_read() {
    let read = Passport::read(EXAMPLE).expect("readable");
    assert_eq!((read.alg.as_str(), read.ppt), ("ES256", None));
    assert_eq!(read.passport, example());
    assert_eq!(read.signature.len(), 64);
    assert_eq!(token(&read.passport.signing_input(), &read.signature), EXAMPLE);
    let compact = format!("..{}", EXAMPLE.rsplit('.').next().expect("a part"));
    assert_eq!(compact_signature(&compact), Ok(read.signature));
}

/// The example of RFC 8588 section 6, its `iat` a number as erratum 6656 has it and its keys in order.
#[test]
fn shaken_is_built_with_keys_in_order() {
    let mut passport = example();
    passport.claims = Claims {
        orig: number("12155550121"),
        dest: vec![number("12155550131")],
        iat: 1_443_208_345,
        shaken: Some(Shaken { attest: Attestation::A, origid: "123e4567-e89b-12d3-a456-426655440000".into() }),
    };
    let built = token(&passport.signing_input(), b"sig");
    assert_eq!(
        json(&built, 0),
        r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.org/passport.cer"}"#
    );
    assert_eq!(
        json(&built, 1),
        concat!(
            r#"{"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},"#,
            r#""origid":"123e4567-e89b-12d3-a456-426655440000"}"#
        )
    );
    assert_eq!(Passport::read(&built).expect("readable").passport, passport);
}

#[test]
fn a_call_may_have_several_destinations() {
    let mut passport = example();
    passport.claims.dest = vec![number("1"), Party::Address("sip:bob@b.example".into()), number("2")];
    let built = token(&passport.signing_input(), b"sig");
    assert!(json(&built, 1).starts_with(r#"{"dest":{"tn":["1","2"],"uri":["sip:bob@b.example"]},"#));
    let read = Passport::read(&built).expect("readable").passport.claims.dest;
    assert_eq!(read, [number("1"), number("2"), Party::Address("sip:bob@b.example".into())]);
}

#[test]
fn order_white_space_padding_and_further_members_are_let_pass() {
    let header = r#"{ "x5u":"https://a.example/c", "typ":"PASSporT", "ppt":"shaken", "alg":"ES256", "kid":{"a":[1]} }"#;
    let payload = r#"{"origid":"x","mky":[{"alg":"sha-256"}],"orig":{"tn":"+1-215-555-0121"},"iat":1443208345,
        "dest":{"tn":["12155550131"]},"attest":"B"}"#;
    let padded = made(header, payload).replace(".c2ln", ".c2k=");
    let read = Passport::read(&padded).expect("readable");
    assert_eq!(read.signature, b"si");
    assert_eq!(read.passport, Passport::read(&made(HEADER, PAYLOAD)).expect("readable").passport);
}

#[test]
fn what_is_no_passport_is_refused() {
    let header = |from: &str, to: &str| Passport::read(&made(&HEADER.replace(from, to), PAYLOAD));
    let payload = |from: &str, to: &str| Passport::read(&made(HEADER, &PAYLOAD.replace(from, to)));
    assert!(header("x", "x").is_ok(), "what is changed below is the only fault");
    assert_eq!(header(r#""ES256""#, "1"), Err(Unreadable::Header));
    assert_eq!(header(r#""alg":"ES256","#, ""), Err(Unreadable::Header));
    assert_eq!(header(r#","x5u":"https://a.example/c""#, ""), Err(Unreadable::Header));
    assert_eq!(header("}", r#","alg":"none"}"#), Err(Unreadable::Header), "twice");
    assert_eq!(header(r#""passport""#, r#""JWT""#), Err(Unreadable::Type));
    assert_eq!(payload(r#"["12155550131"]"#, "[]"), Err(Unreadable::Claims));
    assert_eq!(payload(r#"["12155550131"]"#, r#"["12x"]"#), Err(Unreadable::Claims));
    assert_eq!(payload(r#"{"tn":"12155550121"}"#, "{}"), Err(Unreadable::Claims));
    assert_eq!(payload(r#"{"tn":"12155550121"}"#, r#"{"tn":"1","uri":"sip:a@b"}"#), Err(Unreadable::Claims));
    assert_eq!(payload("1443208345", r#""1443208345""#), Err(Unreadable::Claims), "iat is a number (RFC 8225 9.4)");
    assert_eq!(payload("1443208345", "-1"), Err(Unreadable::Claims));
    assert_eq!(payload("1443208345", "1e99"), Err(Unreadable::Claims));
    assert_eq!(payload(r#""iat""#, r#""iat":1,"iat""#), Err(Unreadable::Claims), "twice");
    assert_eq!(payload(r#""B""#, r#""D""#), Err(Unreadable::Shaken));
    assert_eq!(payload(r#""attest":"B","#, ""), Err(Unreadable::Shaken));
    assert_eq!(payload(r#""origid":"x""#, r#""origid":"""#), Err(Unreadable::Shaken));
    assert_eq!(payload(r#""origid":"x""#, &format!(r#""origid":"{}""#, "x".repeat(129))), Err(Unreadable::Shaken));
    assert_eq!(payload(r#""origid":"x""#, r#""origid":"\u0000""#), Err(Unreadable::Shaken), "no database keeps it");
    for token in ["", "a.b", "!.b.c", &format!("{}.d", made(HEADER, PAYLOAD)), "a+/.b.c"] {
        assert_eq!(Passport::read(token), Err(Unreadable::Encoding), "{token}");
    }
    assert_eq!(compact_signature("a.b.c"), Err(Unreadable::Encoding));
}

#[test]
fn nothing_deep_harms() {
    let deep = made(HEADER, &format!("{}{}", "[".repeat(3_000), "]".repeat(3_000)));
    assert_eq!(Passport::read(&deep), Err(Unreadable::Claims));
    let deep = made(HEADER, &PAYLOAD.replace("}", &format!(r#","x":{}"#, "[".repeat(2_000))));
    assert_eq!(Passport::read(&deep), Err(Unreadable::Claims));
}
