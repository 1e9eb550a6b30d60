//! How one bot is reached and in which form it hears.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::provider::error::{Error, ErrorKind};
use crate::provider::socket::{Endpoint, is_local};
use crate::provider::vendor::Vendor;

/// In which form audio goes both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// G.711 mu-law at 8 kHz, as the protocol has it.
    Mulaw,
    /// Linear, 16 bits, little-endian, at 16 kHz: an extension of ours.
    L16,
}

impl Encoding {
    /// Its name in `mediaFormat`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mulaw => "audio/x-mulaw",
            Self::L16 => "audio/x-l16",
        }
    }

    pub(super) const fn rate(self) -> u32 {
        match self {
            Self::Mulaw => 8_000,
            Self::L16 => 16_000,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    url: Url,
    auth: Auth,
    pub(super) encoding: Encoding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auth {
    Signature,
    Bearer,
}

impl Settings {
    pub(super) fn new(vendor: &Vendor) -> Result<Self, Error> {
        let refused = |detail: String| vendor.error(ErrorKind::Refused, detail);
        if vendor.base_url.is_empty() {
            return Err(refused("base_url is needed: the address of the bot, wss://…".to_owned()));
        }
        let url = Url::parse(&vendor.base_url).map_err(|error| refused(format!("base_url is no address: {error}")))?;
        let open = vendor.options.get("unencrypted").and_then(serde_json::Value::as_bool).unwrap_or(false);
        match url.scheme() {
            "wss" => {}
            "ws" if open || is_local(&url) => {}
            "ws" => {
                let why = "base_url is unencrypted and not on this machine: use wss://, or set the option unencrypted";
                return Err(refused(why.to_owned()));
            }
            other => return Err(refused(format!("base_url begins with {other}, and must with wss://"))),
        }
        if !url.has_host() {
            return Err(refused("base_url has no host".to_owned()));
        }
        let option = |name: &str| vendor.options.get(name).map(|value| value.as_str().unwrap_or_default());
        let auth = match option("auth") {
            None | Some("signature") => Auth::Signature,
            Some("bearer") => Auth::Bearer,
            Some(_) => return Err(refused("auth must be signature or bearer".to_owned())),
        };
        let encoding = match option("encoding") {
            None | Some("mulaw_8000") => Encoding::Mulaw,
            Some("l16_16000") => Encoding::L16,
            Some(_) => return Err(refused("encoding must be mulaw_8000 or l16_16000".to_owned())),
        };
        Ok(Self { url, auth, encoding })
    }

    pub(super) fn endpoint(&self, vendor: &Vendor) -> Endpoint {
        let key = vendor.key.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty());
        let header = key.map(|key| match self.auth {
            Auth::Signature => ("x-twilio-signature", SecretString::from(signature(key, &vendor.base_url))),
            Auth::Bearer => ("authorization", SecretString::from(format!("Bearer {key}"))),
        });
        Endpoint { url: self.url.clone(), headers: header.into_iter().collect(), protocols: Vec::new() }
    }
}

/// What proves that we know the key, without telling it.
fn signature(key: &str, url: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, url.as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn vendor(base_url: &str, options: Value) -> Vendor {
        let options = options.as_object().cloned().unwrap_or_else(Map::new);
        Vendor { base_url: base_url.to_owned(), options, ..Vendor::named("bot") }
    }

    fn refusal(base_url: &str, options: Value) -> Option<String> {
        Settings::new(&vendor(base_url, options)).err().map(|error| {
            assert_eq!(error.kind, ErrorKind::Refused);
            error.detail
        })
    }

    #[test]
    fn what_cannot_work_is_said_before_a_call() {
        for (base, options, says) in [
            ("", json!({}), "base_url is needed"),
            ("bot", json!({}), "no address"),
            ("https://a.example/x", json!({}), "begins with https"),
            ("ws://a.example/x", json!({}), "unencrypted"),
            ("wss://a.example/x", json!({ "auth": "basic" }), "auth must be"),
            ("wss://a.example/x", json!({ "encoding": "opus" }), "encoding must be"),
        ] {
            let told = refusal(base, options).expect("refused");
            assert!(told.contains(says), "{base}: {told}");
        }
        for (base, options) in [
            ("wss://a.example/x?room=1", json!({})),
            ("ws://127.0.0.1:9/x", json!({ "encoding": "l16_16000" })),
            ("ws://10.0.0.1/x", json!({ "unencrypted": true, "auth": "bearer" })),
        ] {
            assert_eq!(refusal(base, options), None, "{base}");
        }
    }

    #[test]
    fn a_connection_is_signed_and_the_key_stays_here() {
        // RFC 2202 section 3, test case 2.
        assert_eq!(signature("Jefe", "what do ya want for nothing?"), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
        let vendor = Vendor { key: Some("secret".into()), ..vendor("wss://a.example/x", json!({})) };
        let endpoint = Settings::new(&vendor).expect("settings").endpoint(&vendor);
        let [(name, value)] = &endpoint.headers[..] else { panic!("one header") };
        assert_eq!(*name, "x-twilio-signature");
        assert!(!value.expose_secret().contains("secret"));
        assert!(!format!("{endpoint:?}").contains(value.expose_secret()));
    }
}
