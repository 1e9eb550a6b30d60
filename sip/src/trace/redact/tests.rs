use proptest::prelude::*;

use super::*;

fn redacted(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    redact(&mut bytes);
    assert_eq!(bytes.len(), text.len(), "no byte comes or goes");
    String::from_utf8(bytes).expect("still text")
}

#[test]
fn credentials_go_and_who_gave_them_stays() {
    let text = "REGISTER sip:example.org SIP/2.0\r\n\
                Authorization: Digest username=\"bob\", realm=\"a.example\",\r\n nonce=\"n0nce\" , uri=\"sip:a\",\
                response=\"5ecret\", cnonce=c1,opaque=\"o\", qop=auth, nc=00000001, algorithm=MD5, new=\"thing\"\r\n\
                Call-ID: 1\r\n\r\n";
    let shown = redacted(text);
    assert!(shown.contains("username=\"bob\", realm=\"a.example\",\r\n nonce=\"xxxxx\" , uri=\"sip:a\","), "{shown}");
    assert!(
        shown.contains(
            "response=\"xxxxxx\", cnonce=xx,opaque=\"x\", qop=auth, nc=00000001, algorithm=MD5, new=\"xxxxx\""
        )
    );
    assert!(shown.ends_with("Call-ID: 1\r\n\r\n"));
}

#[test]
fn challenges_and_other_schemes_go() {
    for (header, expected) in [
        (
            "WWW-Authenticate: Digest realm=\"r\",nonce=\"abc\",stale=TRUE",
            "WWW-Authenticate: Digest realm=\"r\",nonce=\"xxx\",stale=TRUE",
        ),
        (
            "Proxy-Authenticate :Digest nonce=\"a\\\"b\", qop=\"auth\"",
            "Proxy-Authenticate :Digest nonce=\"xxxx\", qop=\"auth\"",
        ),
        (
            "authentication-info: nextnonce=\"q\", rspauth=\"w\", qop=auth",
            "authentication-info: nextnonce=\"x\", rspauth=\"x\", qop=auth",
        ),
        ("Proxy-Authorization: Basic Ym9iOnB3", "Proxy-Authorization: Basic xxxxxxxx"),
        ("AUTHORIZATION:\tBearer abc", "AUTHORIZATION:\tBearer xxx"),
    ] {
        let shown = redacted(&format!("BYE sip:a SIP/2.0\r\n{header}\r\n\r\n"));
        assert_eq!(shown.lines().nth(1), Some(expected));
    }
}

#[test]
fn what_cannot_be_read_goes_as_a_whole() {
    for tail in ["response=\"abc", "response", "realm=\"r\" response=abc", ";response=abc", "username=\"\\"] {
        let shown = redacted(&format!("BYE sip:a SIP/2.0\r\nAuthorization: Digest qop=auth, {tail}"));
        assert!(shown.ends_with(&"x".repeat(tail.len())), "{shown}");
    }
}

#[test]
fn keys_of_media_go() {
    let body = "v=0\r\nk=base64:c2VjcmV0\r\n\
                a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20|1:32;inline:bW9yZQ==\r\n\
                a=crypto:2 weird\r\na=ice-ufrag:keep\r\na=ice-pwd:secret\r\nA = Ice-Pwd : secret\n\
                a=fingerprint:sha-256 AA:BB\ra=key-mgmt:mikey c2VjcmV0\r\na=rtpmap:0 PCMU/8000\r\n";
    let shown = redacted(&format!("INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n{body}"));
    let expected = "v=0\r\nk=xxxxxxxxxxxxxxx\r\n\
                a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\
                a=crypto:xxxxxxx\r\na=ice-ufrag:keep\r\na=ice-pwd:xxxxxx\r\nA = Ice-Pwd : xxxxxx\n\
                a=fingerprint:sha-256 xxxxx\ra=key-mgmt:mikey xxxxxxxx\r\na=rtpmap:0 PCMU/8000\r\n";
    assert!(shown.ends_with(expected), "{shown}");
}

#[test]
fn pressed_keys_go() {
    let info = |method: &str, kind: &str, body: &str| {
        let shown = redacted(&format!("{method} sip:a SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}"));
        shown[shown.len() - body.len()..].to_owned()
    };
    assert_eq!(info("INFO", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), "Signal=x\r\nDuration=160\r\n");
    assert_eq!(info("INFO", "Application/DTMF-relay;a=b", "signal= #\n7\n"), "signal=xx\nx\n");
    assert_eq!(info("INFO", "application/dtmf", "7\r\n"), "x\r\n");
    assert_eq!(info("INFO", "application/vnd.somebody", "d=Digits=1"), "xxxxxxxxxx");
    assert_eq!(info("NOTIFY", "application/kpml-response+xml", "<a digits=\"12\"/>"), "x".repeat(16));
    assert_eq!(info("NOTIFY", "message/sipfrag", "SIP/2.0 200 OK"), "SIP/2.0 200 OK");
    assert_eq!(info("INFO", "application/sdp", "v=0"), "v=0");
}

#[test]
fn bodies_in_another_form_go() {
    let packed = redacted("INVITE sip:a SIP/2.0\r\ne: gzip\r\n\r\nbytes");
    assert!(packed.ends_with("\r\n\r\nxxxxx"));
    let part = "--a\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--a--";
    let shown = redacted(&format!("INVITE sip:a SIP/2.0\r\nContent-Type: multipart/mixed\r\n\r\n{part}"));
    assert!(!shown.contains("YQ=="), "{shown}");
    let open = "--a\r\nContent-Transfer-Encoding: 8bit\r\n\r\nv=0\r\n--a--";
    assert!(redacted(&format!("INVITE sip:a SIP/2.0\r\n\r\n{open}")).ends_with(open));
}

#[test]
fn passwords_in_addresses_go() {
    for (text, expected) in [
        ("INVITE sip:bob:pw@h;x=y SIP/2.0", "INVITE sip:bob:xx@h;x=y SIP/2.0"),
        ("t: \"A:B\" <sips:b:p:w@h:5061>", "t: \"A:B\" <sips:b:xxx@h:5061>"),
        ("m: <sip:a:1@h>,<SIP:b:22@h>", "m: <sip:a:x@h>,<SIP:b:xx@h>"),
        ("Call-Info: <https://u:p@h/x>", "Call-Info: <https://u:x@h/x>"),
        ("Call-Info: <https://h:8080/x@y>", "Call-Info: <https://h:8080/x@y>"),
        ("v: SIP/2.0/UDP h:5060;branch=z", "v: SIP/2.0/UDP h:5060;branch=z"),
        (
            "Refer-To: <sip:a@h?Authorization=Digest%20x&Replaces=1>",
            "Refer-To: <sip:a@h?Authorization=xxxxxxxxxx&Replaces=1>",
        ),
        ("Contact: sip:h:5060", "Contact: sip:h:5060"),
    ] {
        assert_eq!(redacted(text), expected);
    }
}

#[test]
fn time_grows_with_the_length_alone() {
    // Each of these made a careless search look at the rest again and again.
    for pattern in ["sip:", "sip:a@", "@", "sip:a:b@", "Authorization=", "a=crypto:", "\r\n ", "://", "\"\\"] {
        let mut bytes = pattern.repeat((1 << 20) / pattern.len()).into_bytes();
        redact(&mut bytes);
    }
}

proptest! {
    #[test]
    fn any_bytes_keep_their_length_and_are_redacted_once(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut once = bytes.clone();
        redact(&mut once);
        prop_assert_eq!(once.len(), bytes.len());
        let mut twice = once.clone();
        redact(&mut twice);
        prop_assert_eq!(twice, once);
    }

    /// Pieces of messages in any order, with secrets where secrets stand.
    #[test]
    fn secrets_do_not_survive(pieces in proptest::collection::vec(0_usize..8, 1..30), lenient in any::<bool>()) {
        const PIECES: [&str; 8] = [
            "Authorization: Digest realm=\"r\", response=\"S3CRET\"",
            "Proxy-Authorization: Basic S3CRET",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:S3CRET",
            "a=ice-pwd:S3CRET",
            "k=clear:S3CRET",
            "To: <sip:bob:S3CRET@example.org>",
            "",
            "Content-Type: application/sdp",
        ];
        let end = if lenient { "\n" } else { "\r\n" };
        let mut text = format!("INVITE sip:x SIP/2.0{end}");
        for piece in pieces {
            text += PIECES[piece];
            text += end;
        }
        let shown = redacted(&text);
        prop_assert!(!shown.contains("S3CRET"), "{}", shown);
    }
}
