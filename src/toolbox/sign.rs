//! Signatures of requests after Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Marks a secret whose key is written in Base64.
const PREFIX: &str = "whsec_";

/// The headers of a request: its number, the second it is sent in, and the signature over both and the body.
pub(super) fn headers(secret: &SecretString, id: &str, unix_seconds: i64, body: &[u8]) -> [(&'static str, String); 3] {
    let secret = secret.expose_secret();
    let key = secret.strip_prefix(PREFIX).and_then(|key| STANDARD.decode(key).ok());
    let key = key.unwrap_or_else(|| secret.as_bytes().to_vec());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{unix_seconds}.").as_bytes());
    mac.update(body);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", unix_seconds.to_string()),
        ("webhook-signature", format!("v1,{signature}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_hmac_of_id_time_and_body() {
        // Made with: printf 'msg_1.1700000000.{"a":1}' | openssl dgst -sha256 -hmac key -binary | base64
        let expected = "v1,KSgv0SSgWzG5LPnm9tfWJRfBlWqAqHz+OlObgspQi/g=";
        let plain = headers(&SecretString::from("key"), "msg_1", 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(plain[2].1, expected);
        let coded = headers(&SecretString::from("whsec_a2V5"), "msg_1", 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(coded, plain, "the key may be written in Base64");
        let other = headers(&SecretString::from("key"), "msg_1", 1_700_000_001, br#"{"a":1}"#);
        assert_ne!(other[2], plain[2]);
    }
}
