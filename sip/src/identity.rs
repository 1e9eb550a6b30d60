//! Names of a leg on the wire, all derived from one secret: records of the carrier can be matched to a leg, and a
//! process that starts again can name what an earlier one left behind, without storing a single name.

use crate::message::Method;
use crate::message::header::{Branch, CallId, Tag};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// The secret of one leg. Two legs never share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LegKey(pub [u8; 32]);

impl LegKey {
    /// The Call-ID of the leg: 128 bits derived from the secret, at `host`.
    #[must_use]
    pub fn call_id(&self, host: &str) -> CallId {
        CallId::from_bytes(format!("{}@{host}", self.derive(&[b"call-id"])))
    }

    /// The tag on our side of every dialog of the leg.
    #[must_use]
    pub fn local_tag(&self) -> Tag {
        Tag::from_bytes(self.derive(&[b"tag"]))
    }

    /// The branch of the request with this CSeq and method, magic cookie included. A CANCEL takes the branch of its
    /// INVITE (RFC 3261 9.1).
    #[must_use]
    pub fn branch(&self, cseq: u32, method: &Method) -> Branch {
        let method = match method {
            Method::Cancel => Method::Invite.as_str(),
            Method::Invite
            | Method::Ack
            | Method::Bye
            | Method::Options
            | Method::Register
            | Method::Info
            | Method::Prack
            | Method::Update
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => method.as_str(),
        };
        let unique = self.derive(&[b"branch", &cseq.to_be_bytes(), method.as_bytes()]);
        Branch::from_bytes(format!("{}{unique}", Branch::COOKIE))
    }

    fn derive(&self, parts: &[&[u8]]) -> String {
        hex(&keyed_hash(&self.0, parts)[..16])
    }
}

impl fmt::Debug for LegKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LegKey([redacted])")
    }
}

/// HMAC-SHA-256 over length-prefixed parts, so that no two lists of parts read alike.
fn keyed_hash(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_secret_alone() {
        let key = LegKey([7; 32]);
        assert_eq!(key.call_id("example.org"), LegKey([7; 32]).call_id("example.org"));
        assert_ne!(key.local_tag(), LegKey([8; 32]).local_tag());
        assert_ne!(key.branch(1, &Method::Invite), key.branch(2, &Method::Invite));
        assert_ne!(key.branch(1, &Method::Invite), key.branch(1, &Method::Ack));
        assert_eq!(key.branch(1, &Method::Invite), key.branch(1, &Method::Cancel));
        assert!(key.branch(1, &Method::Bye).is_unique());
    }
}
