use std::net::Ipv4Addr;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::codec::Codec;
use crate::negotiated::{Direction, Negotiated};
use crate::sdp::{LocalMedia, accept_answer, answer, offer};
use crate::srtp::{LocalKeys, Suite};

const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn keys(seed: u64) -> Box<LocalKeys> {
    Box::new(LocalKeys::generate(&mut StdRng::seed_from_u64(seed)))
}

fn local(encryption: Encryption) -> LocalMedia {
    LocalMedia {
        address: Ipv4Addr::new(203, 0, 113, 7).into(),
        port: 20_000,
        codecs: vec![Codec::Pcma],
        dtmf: false,
        session_id: 42,
        version: 1,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        encryption,
    }
}

fn off() -> LocalMedia {
    local(Encryption::Off)
}

fn offered(seed: u64) -> LocalMedia {
    local(Encryption::Offered(keys(seed)))
}

fn required(seed: u64) -> LocalMedia {
    local(Encryption::Required(keys(seed)))
}

fn description(media: &[&str]) -> Vec<u8> {
    let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n";
    format!("{head}{}\r\n", media.join("\r\n")).into_bytes()
}

fn text(body: &[u8]) -> &str {
    std::str::from_utf8(body).expect("a description of ours is text")
}

fn suite(negotiated: &Negotiated) -> Option<Suite> {
    negotiated.srtp.as_ref().map(|keys| keys.remote.key.suite())
}

/// Runs an offer and its answer, and checks that both sides got each other's keys.
fn agree(caller: &LocalMedia, callee: &LocalMedia) -> Result<Option<Suite>, SdpError> {
    let (body, at_callee) = answer(callee, &offer(caller))?;
    let at_caller = accept_answer(caller, &body)?;
    assert_eq!(at_caller.srtp.is_some(), at_callee.srtp.is_some());
    if let (Some(caller), Some(callee)) = (&at_caller.srtp, &at_callee.srtp) {
        assert_eq!((&caller.local, &caller.remote.key), (&callee.remote.key, &callee.local));
        assert_ne!(caller.local, callee.local);
    }
    Ok(suite(&at_caller))
}

#[test]
fn the_setting_of_both_sides_decides() {
    let encrypted = Ok(Some(Suite::AesCm128HmacSha1_80));
    let cases = [
        (off(), off(), Ok(None)),
        (off(), offered(2), Ok(None)),
        (off(), required(2), Err(SdpError::PlainMedia)),
        (offered(1), off(), Ok(None)),
        (offered(1), offered(2), encrypted),
        (offered(1), required(2), encrypted),
        (required(1), off(), Err(SdpError::SecureMedia)),
        (required(1), offered(2), encrypted),
        (required(1), required(2), encrypted),
    ];
    for (caller, callee, outcome) in cases {
        assert_eq!(agree(&caller, &callee), outcome, "{:?} to {:?}", caller.encryption, callee.encryption);
    }
}

#[test]
fn an_offer_has_a_line_with_a_key_of_its_own_for_each_suite() {
    let required = offer(&required(1));
    let lines: Vec<&str> = text(&required).lines().filter(|line| line.starts_with("a=crypto:")).collect();
    let names: Vec<&str> = lines.iter().map(|line| line.split(" inline:").next().expect("a first part")).collect();
    assert_eq!(
        names,
        ["a=crypto:1 AES_CM_128_HMAC_SHA1_80", "a=crypto:2 AEAD_AES_128_GCM", "a=crypto:3 AES_CM_128_HMAC_SHA1_32"]
    );
    assert!(text(&required).contains("m=audio 20000 RTP/SAVP 8\r\n"));
    assert!(text(&offer(&offered(1))).contains("m=audio 20000 RTP/AVP 8\r\n"));
    assert_eq!(text(&offer(&offered(1))).matches("a=crypto:").count(), 3);
    assert!(!text(&offer(&off())).contains("a=crypto"));
}

#[test]
fn the_first_line_that_can_be_used_is_answered_by_its_tag() {
    let offer = description(&[
        "m=audio 4000 RTP/SAVP 8",
        &format!("a=crypto:7 F8_128_HMAC_SHA1_80 {KEY}"),
        &format!("a=crypto:8 AES_CM_128_HMAC_SHA1_80 {KEY} UNENCRYPTED_SRTCP"),
        &format!("a=crypto:9 AES_CM_128_HMAC_SHA1_32 {KEY}|2^31"),
        &format!("a=crypto:10 AES_CM_128_HMAC_SHA1_80 {KEY}"),
    ]);
    let (body, negotiated) = answer(&offered(1), &offer).expect("an offer we can take");
    assert_eq!(suite(&negotiated), Some(Suite::AesCm128HmacSha1_32));
    let lines: Vec<&str> = text(&body).lines().filter(|line| line.starts_with("a=crypto:")).collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("a=crypto:9 AES_CM_128_HMAC_SHA1_32 inline:"), "{lines:?}");
    assert!(text(&body).contains("m=audio 20000 RTP/SAVP 8\r\n"));
    let ours = negotiated.srtp.expect("it is encrypted").local;
    assert_eq!(&ours, keys(1).of(Suite::AesCm128HmacSha1_32));
}

#[test]
fn of_two_streams_the_one_that_can_be_used_is_taken() {
    let both = description(&[
        "m=audio 4000 RTP/SAVP 8",
        &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}"),
        "m=audio 4002 RTP/AVP 8",
    ]);
    for (local, secure) in [(off(), false), (offered(1), true), (required(1), true)] {
        let (body, negotiated) = answer(&local, &both).expect("an offer we can take");
        assert_eq!(negotiated.srtp.is_some(), secure, "{:?}", local.encryption);
        let declined = if secure { "m=audio 0 RTP/AVP 8\r\n" } else { "m=audio 0 RTP/SAVP 8\r\n" };
        assert!(text(&body).contains(declined), "{}", text(&body));
    }
    let plain_first = description(&[
        "m=audio 4002 RTP/AVP 8",
        "m=audio 4000 RTP/SAVP 8",
        &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}"),
    ]);
    let (_, negotiated) = answer(&required(1), &plain_first).expect("an offer we can take");
    assert_eq!(negotiated.remote.map(|remote| remote.port()), Some(4_000));
}

#[test]
fn offers_without_a_usable_key_are_refused_or_plain() {
    let broken = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short";
    let secure = description(&["m=audio 4000 RTP/SAVP 8", broken]);
    let plain = description(&["m=audio 4000 RTP/AVP 8", broken]);
    let dtls = description(&["m=audio 9 UDP/TLS/RTP/SAVPF 8", "a=fingerprint:sha-256 00"]);
    let fault = |local: &LocalMedia, offer: &[u8]| answer(local, offer).map(|(_, agreed)| suite(&agreed));
    assert_eq!(fault(&offered(1), &secure), Err(SdpError::Crypto));
    assert_eq!(fault(&required(1), &secure), Err(SdpError::Crypto));
    assert_eq!(fault(&offered(1), &plain), Ok(None), "RFC 8643: as if it had no line");
    assert_eq!(fault(&required(1), &plain), Err(SdpError::PlainMedia));
    for local in [off(), offered(1), required(1)] {
        assert_eq!(fault(&local, &dtls), Err(SdpError::SecureMedia));
    }
    assert!(!SdpError::PlainMedia.is_malformed() && !SdpError::Crypto.is_malformed());
}

#[test]
fn answers_that_do_not_fit_the_offer_are_not_taken() {
    let answers: [(&[&str], SdpError); 6] = [
        (&["m=audio 4000 RTP/AVP 8"], SdpError::PlainMedia),
        (&["m=audio 4000 RTP/SAVP 8"], SdpError::Crypto),
        (&["m=audio 4000 RTP/SAVP 8", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 KEY"], SdpError::Crypto),
        (&["m=audio 4000 RTP/SAVP 8", "a=crypto:4 AES_CM_128_HMAC_SHA1_80 KEY"], SdpError::Crypto),
        (&["m=audio 4000 RTP/SAVP 8", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 KEY KDR=3"], SdpError::Crypto),
        (
            &[
                "m=audio 4000 RTP/SAVP 8",
                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 KEY",
                "a=crypto:3 AES_CM_128_HMAC_SHA1_32 KEY",
            ],
            SdpError::Crypto,
        ),
    ];
    for (lines, fault) in answers {
        let lines: Vec<String> = lines.iter().map(|line| line.replace("KEY", KEY)).collect();
        let body = description(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(accept_answer(&required(1), &body).err(), Some(fault), "{lines:?}");
    }
    let wrong_tag = description(&["m=audio 4000 RTP/AVP 8", &format!("a=crypto:2 AES_CM_128_HMAC_SHA1_80 {KEY}")]);
    assert_eq!(accept_answer(&offered(1), &wrong_tag).err(), Some(SdpError::Crypto), "it would not be understood");
    assert_eq!(accept_answer(&off(), &wrong_tag).map(|agreed| agreed.srtp), Ok(None), "nobody asked for it");
    let named =
        description(&["m=audio 4000 RTP/SAVP 8", &format!("a=crypto:3 AES_CM_128_HMAC_SHA1_32 {KEY}|2^20|1:4")]);
    let agreed = accept_answer(&required(1), &named).expect("the third line");
    assert_eq!(suite(&agreed), Some(Suite::AesCm128HmacSha1_32));
}

#[test]
fn a_new_offer_brings_new_keys_of_the_peer_and_keeps_ours() {
    let callee = required(2);
    let (_, before) = answer(&callee, &offer(&required(1))).expect("an offer we can take");
    let (_, after) = answer(&callee, &offer(&required(3))).expect("an offer we can take");
    let (before, after) = (before.srtp.expect("encrypted"), after.srtp.expect("encrypted"));
    assert_ne!(before.remote, after.remote);
    assert_eq!(before.local, after.local);
}

#[test]
fn keys_do_not_print() {
    let (_, negotiated) = answer(&required(2), &offer(&required(1))).expect("an offer we can take");
    let printed = format!("{negotiated:?} {:?}", required(1));
    assert!(printed.contains("MasterKey(AES_CM_128_HMAC_SHA1_80)"), "{printed}");
    for key in keys(1).iter().chain(keys(2).iter()) {
        assert!(!printed.contains(&format!("{:?}", &key.expose()[..4])), "{printed}");
    }
}
