//! `a=crypto` lines (RFC 4568 section 9.1): keys that travel in descriptions.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::srtp::{LocalKeys, MasterKey, Mki, RemoteKey, Suite};

/// Prints padding, and reads with it or without: peers do both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Most packets that one key may protect (section 6.1).
const LONGEST_LIFETIME: u64 = 1 << 48;

/// A line that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CryptoLine {
    /// What an answer calls it by.
    pub(super) tag: u32,
    /// The key with which its sender protects.
    pub(super) key: RemoteKey,
}

impl CryptoLine {
    /// Reads the value of an `a=crypto`. `None` when it is broken, or asks for something we do not do: another suite,
    /// several keys, a session parameter that changes what is sent. Such a line counts as not being there (section 6.3.7).
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| (1..=9).contains(&tag.len()))?;
        let suite = Suite::from_name(words.next()?)?;
        let key = words.next().and_then(|word| key(suite, word))?;
        words.all(is_harmless).then_some(Self { tag: digits(tag)?.try_into().ok()?, key })
    }

    /// The suite of its key.
    pub(super) const fn suite(&self) -> Suite {
        self.key.key.suite()
    }
}

/// The value of the line that offers or answers with a key.
pub(super) fn print(tag: u32, key: &MasterKey) -> String {
    format!("{tag} {} inline:{}", key.suite().name(), BASE64.encode(key.expose()))
}

/// Our keys, with the tags that they have in every offer of ours.
pub(super) fn tagged(keys: &LocalKeys) -> impl Iterator<Item = (u32, &MasterKey)> {
    (1..).zip(keys.iter())
}

/// `inline:` key and salt, perhaps `|` its lifetime, perhaps `|` its name in packets.
fn key(suite: Suite, word: &str) -> Option<RemoteKey> {
    let (method, info) = word.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") || info.contains(';') {
        return None;
    }
    let mut parts = info.split('|');
    let material = Zeroizing::new(BASE64.decode(parts.next()?).ok()?);
    let key = MasterKey::new(suite, &material)?;
    let mut mki = None;
    let mut part = parts.next();
    if let Some(text) = part.filter(|text| !text.contains(':')) {
        let packets = match text.strip_prefix("2^") {
            Some(power) => 1u64.checked_shl(digits(power)?.try_into().ok()?)?,
            None => digits(text)?,
        };
        // It is the peer's to give a new key in time; what has none at all is broken.
        Some(packets).filter(|packets| (1..=LONGEST_LIFETIME).contains(packets))?;
        part = parts.next();
    }
    if let Some(text) = part {
        let (value, length) = text.split_once(':')?;
        mki = Some(Mki::new(digits(value)?, digits(length)?.try_into().ok()?)?);
    }
    parts.next().is_none().then_some(RemoteKey { key, mki })
}

/// Whether a session parameter changes nothing for us: a size for our replay list, which is large enough, or one that
/// its inventor marked as one that may be ignored.
fn is_harmless(parameter: &str) -> bool {
    match parameter.strip_prefix("WSH=") {
        Some(size) => digits(size).is_some_and(|size| size >= 64),
        None => parameter.starts_with('-'),
    }
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    /// 30 bytes, and 28.
    const LONG: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    const SHORT: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubA==";

    fn reads(value: &str) -> bool {
        CryptoLine::parse(value).is_some()
    }

    #[test]
    fn the_lines_of_the_rfc_are_read() {
        let line = CryptoLine::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|2^20|1:4")).expect("a good line");
        assert_eq!((line.tag, line.suite()), (1, Suite::AesCm128HmacSha1_80));
        assert_eq!(line.key.key.expose(), b"YS___semctl () {\t220;}\n}\nunles");
        assert_eq!(line.key.mki, Mki::new(1, 4));
        let plain = CryptoLine::parse(&format!("999999999  AES_CM_128_HMAC_SHA1_32\t{LONG}")).expect("a good line");
        assert_eq!((plain.tag, plain.key.mki), (999_999_999, None));
        let line = CryptoLine::parse(&format!("2 AES_CM_128_HMAC_SHA1_80 {LONG}|1066:4")).expect("a good line");
        assert_eq!(line.key.mki, Mki::new(1_066, 4), "a name without a lifetime");
        assert!(reads(&format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|2^48")));
        assert!(reads(&format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|1048576|1:1")));
        assert!(reads(&format!("1 AEAD_AES_128_GCM {SHORT}")));
        assert!(reads(&format!("1 AEAD_AES_128_GCM {}", SHORT.trim_end_matches('='))));
        assert!(reads(&format!("1 AES_CM_128_HMAC_SHA1_80 {LONG} WSH=128 -NEW=x")));
    }

    #[test]
    fn what_we_do_not_do_refuses_the_line() {
        let lines = [
            format!("1 F8_128_HMAC_SHA1_80 {LONG}"),
            format!("1 AEAD_AES_128_GCM {LONG}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {SHORT}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|2^20|1:4;{LONG}|2^20|2:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|2^20|1:9"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|2^20|256:1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|2^20|1:4|x"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|2^49"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|2^64"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|0"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG}|"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG} KDR=1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG} FEC_ORDER=FEC_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {LONG} WSH=32"),
            format!("x AES_CM_128_HMAC_SHA1_80 {LONG}"),
            format!("+1 AES_CM_128_HMAC_SHA1_80 {LONG}"),
            format!("1234567890 AES_CM_128_HMAC_SHA1_80 {LONG}"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:????".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80 uri:x".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
            String::new(),
        ];
        for line in lines {
            assert!(!reads(&line), "{line}");
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let keys = LocalKeys::generate(&mut StdRng::seed_from_u64(1));
        for (tag, key) in tagged(&keys) {
            let line = CryptoLine::parse(&print(tag, key)).expect("our own line");
            assert_eq!(line, CryptoLine { tag, key: RemoteKey { key: key.clone(), mki: None } });
        }
    }
}
