use callwright_sip::message::{Message, parse};

use super::*;
use crate::stir::passport::{Attestation, Shaken, token};

const NOW: u64 = 1_443_208_345;
const INFO: &str = "https://cert.example.org/passport.cer";

/// An INVITE from +1 215 555 0121 to +1 215 555 0131 with further header lines.
fn invite(headers: &str) -> Facts {
    invite_of("<sip:+12155550121@a.example>", "<sip:12155550131@b.example;user=phone>", headers)
}

fn invite_of(from: &str, to: &str, headers: &str) -> Facts {
    let text = format!(
        "INVITE sip:12155550131@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: {from};tag=1\r\n\
         To: {to}\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n{headers}\r\n"
    );
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => Facts::of(&request),
        Ok(Message::Response(_)) => panic!("a response"),
        Err(error) => panic!("{error}: {text}"),
    }
}

fn number(digits: &str) -> Party {
    Party::number(digits).expect("a number")
}

fn passport() -> Passport {
    Passport {
        certificate: INFO.into(),
        claims: Claims {
            orig: number("12155550121"),
            dest: vec![number("12155550131")],
            iat: NOW,
            shaken: Some(Shaken { attest: Attestation::A, origid: "x".into() }),
        },
    }
}

fn with(change: impl FnOnce(&mut Claims)) -> Passport {
    let mut passport = passport();
    change(&mut passport.claims);
    passport
}

/// Its header line, signed by nobody.
fn line(passport: &Passport) -> String {
    format!("Identity: {};info=<{}>;alg=ES256;ppt=shaken\r\n", token(&passport.signing_input(), &[7; 64]), INFO)
}

fn found(examined: Examined) -> Vec<Candidate> {
    match examined {
        Examined::Candidates(candidates) => candidates,
        other @ (Examined::Absent | Examined::Failed(_)) => panic!("{other:?}"),
    }
}

fn fault(headers: &str) -> IdentityFault {
    match examine(&invite(headers), NOW) {
        Examined::Failed(fault) => fault,
        other @ (Examined::Absent | Examined::Candidates(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_sound_header_is_a_candidate() {
    let candidates = found(examine(&invite(&line(&passport())), NOW));
    let signed = passport().signing_input().into_bytes();
    assert_eq!(candidates, [Candidate { passport: passport(), signed, signature: vec![7; 64] }]);
}

#[test]
fn numbers_are_not_shown() {
    let facts = invite(&line(&passport()));
    let shown = format!("{facts:?} {:?}", examine(&facts, NOW));
    assert!(!shown.contains("1215") && !shown.contains("eyJ") && !shown.contains("101, 121, 74"), "{shown}");
}

#[test]
fn nothing_is_not_a_fault() {
    let facts = invite("");
    assert!(!facts.is_signed());
    assert_eq!(examine(&facts, NOW), Examined::Absent);
}

#[test]
fn what_was_signed_is_what_was_sent_not_what_we_would_write() {
    let sent = line(&passport());
    // The same claims in another order: canonical or not, the signature is over these bytes.
    let payload =
        r#"{"orig":{"tn":"12155550121"},"iat":1443208345,"dest":{"tn":["12155550131"]},"attest":"A","origid":"x"}"#;
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload);
    let header = sent.trim_start_matches("Identity: ").split('.').next().expect("a part");
    let text = format!("Identity: {header}.{payload}.c2ln;info=<{INFO}>\r\n");
    let candidates = found(examine(&invite(&text), NOW));
    assert_eq!(candidates[0].signed, format!("{header}.{payload}").into_bytes());
    assert_eq!(candidates[0].passport, passport());
}

#[test]
fn a_signature_is_good_for_a_minute_either_way() {
    let facts = invite(&line(&passport()));
    for now in [NOW - FRESHNESS, NOW, NOW + FRESHNESS] {
        assert_eq!(found(examine(&facts, now)).len(), 1, "{now}");
    }
    for now in [0, NOW - FRESHNESS - 1, NOW + FRESHNESS + 1, u64::MAX] {
        assert_eq!(examine(&facts, now), Examined::Failed(IdentityFault::Stale), "{now}");
    }
}

#[test]
fn the_caller_is_who_is_asserted_else_who_is_shown() {
    let asserted = "P-Asserted-Identity: \"A\" <sip:+1-215-555-0121@a.example;user=phone>, <tel:+12155559999>\r\n";
    let anonymous = |headers: &str| {
        invite_of("<sip:anonymous@anonymous.invalid>", "<tel:+12155550131>", &format!("{headers}{}", line(&passport())))
    };
    assert_eq!(found(examine(&anonymous(asserted), NOW)).len(), 1);
    assert_eq!(examine(&anonymous(""), NOW), Examined::Failed(IdentityFault::OtherCaller));
    let other = "P-Asserted-Identity: <tel:+12155559999>\r\n";
    assert_eq!(fault(&format!("{other}{}", line(&passport()))), IdentityFault::OtherCaller);
}

#[test]
fn a_signature_for_others_does_not_hold() {
    assert_eq!(fault(&line(&with(|claims| claims.orig = number("12155550122")))), IdentityFault::OtherCaller);
    let address = Party::Address("sip:+12155550121@a.example".into());
    assert_eq!(fault(&line(&with(|claims| claims.orig = address))), IdentityFault::OtherCaller);
    assert_eq!(fault(&line(&with(|claims| claims.dest = vec![number("12155550132")]))), IdentityFault::OtherCallee);
}

#[test]
fn one_of_several_destinations_is_enough_in_to_or_in_the_request_uri() {
    let several = with(|claims| {
        claims.dest = vec![number("1"), number("12155550131"), Party::Address("sip:bob@b.example".into())];
    });
    assert_eq!(found(examine(&invite(&line(&several)), NOW)).len(), 1);
    let forwarded = |to: &str| examine(&invite_of("<tel:+12155550121>", to, &line(&several)), NOW);
    assert_eq!(found(forwarded("<sip:BOB@b.example>")).len(), 1, "by the Request-URI");
    assert_eq!(found(forwarded("<sip:bob@B.example:5060>")).len(), 1);
}

#[test]
fn header_and_token_have_to_agree() {
    let sound = line(&passport());
    assert_eq!(fault(&sound.replace("alg=ES256", "alg=RS256")), IdentityFault::UnsupportedAlgorithm);
    assert_eq!(fault(&sound.replace("ppt=shaken", "ppt=div")), IdentityFault::UnsupportedExtension);
    assert_eq!(fault(&sound.replace(INFO, "https://b.example/c")), IdentityFault::CertificateAddress);
    let plain = with(|claims| claims.shaken = None);
    assert_eq!(fault(&line(&plain)), IdentityFault::Contradictory, "shaken in the header only");
    let bare = found(examine(&invite(&line(&plain).replace(";ppt=shaken", "")), NOW));
    assert_eq!(bare[0].passport.claims.shaken, None);
    assert_eq!(found(examine(&invite(&sound.replace(";alg=ES256;ppt=shaken", "")), NOW)).len(), 1);
}

#[test]
fn certificates_are_fetched_over_https_only() {
    for address in ["http://cert.example.org/c", "file:///etc/passwd", "cid:1", "https:/x"] {
        let mut passport = passport();
        passport.certificate = address.into();
        let line = line(&passport).replace(INFO, address);
        assert_eq!(fault(&line), IdentityFault::CertificateAddress, "{address}");
    }
}

#[test]
fn other_algorithms_and_extensions_in_the_token_are_not_understood() {
    use base64::Engine as _;
    let made = |header: &str| {
        let payload = passport().signing_input().split('.').nth(1).expect("a payload").to_owned();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
        format!("Identity: {header}.{payload}.c2ln;info=<{INFO}>\r\n")
    };
    let none = made(&format!(r#"{{"alg":"none","ppt":"shaken","typ":"passport","x5u":"{INFO}"}}"#));
    assert_eq!(fault(&none), IdentityFault::UnsupportedAlgorithm);
    let div = made(&format!(r#"{{"alg":"ES256","ppt":"div","typ":"passport","x5u":"{INFO}"}}"#));
    assert_eq!(fault(&div), IdentityFault::UnsupportedExtension);
}

#[test]
fn unreadable_headers_are_malformed() {
    for value in ["", "x", "a.b.c", "a.b.c;info=<https://a/>", "\"signature of RFC 4474\"", "..a;info=<https://a/>"] {
        assert_eq!(fault(&format!("Identity: {value}\r\n")), IdentityFault::Malformed, "{value}");
    }
    let huge = format!("y: {};info=<{INFO}>\r\n", "a".repeat(7_000));
    assert_eq!(fault(&huge), IdentityFault::Malformed);
}

#[test]
fn of_several_the_attested_come_first_and_bad_ones_do_not_harm() {
    let plain = with(|claims| claims.shaken = None);
    let plain = line(&plain).replace(";ppt=shaken", "");
    let div = line(&passport()).replace("ppt=shaken", "ppt=div");
    let headers = format!("Identity: x\r\n{div}{plain}{}", line(&passport()));
    let candidates = found(examine(&invite(&headers), NOW));
    assert_eq!(candidates.iter().map(|it| it.passport.claims.shaken.is_some()).collect::<Vec<_>>(), [true, false]);
    let stale = line(&with(|claims| claims.iat = 1));
    assert_eq!(fault(&format!("{div}{stale}Identity: x\r\n")), IdentityFault::Stale, "an unknown extension says least");
    assert_eq!(fault(&div), IdentityFault::UnsupportedExtension);
}

#[test]
fn no_more_than_a_few_headers_are_looked_at() {
    let headers = format!("{}{}", "Identity: x\r\n".repeat(MOST_HEADERS), line(&passport()));
    assert_eq!(fault(&headers), IdentityFault::Malformed);
}

#[test]
fn a_compact_form_is_signed_over_what_the_message_says() {
    let date = "Date: Fri, 25 Sep 2015 19:12:25 GMT\r\n";
    let compact = format!("Identity: ..BwcH;info=<{INFO}>;alg=ES256\r\n");
    let candidates = found(examine(&invite(&format!("{date}{compact}")), NOW));
    let meant = with(|claims| claims.shaken = None);
    assert_eq!(candidates[0].passport, meant);
    assert_eq!(candidates[0].signed, meant.signing_input().into_bytes());
    assert_eq!(candidates[0].signature, [7; 3]);
    assert_eq!(fault(&compact), IdentityFault::Malformed, "no Date");
    assert_eq!(fault(&format!("{}{compact}", date.replace("12:25", "13:26"))), IdentityFault::Stale);
    assert_eq!(fault(&format!("{date}{}", compact.replace("ES256", "ES256;ppt=shaken"))), IdentityFault::Malformed);
}
