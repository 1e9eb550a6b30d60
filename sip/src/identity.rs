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

/// Which user agent this is, for registrars: the same for as long as its data live (RFC 5626 section 4.1). A UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceId(pub [u8; 16]);

impl fmt::Display for InstanceId {
    /// `urn:uuid:` and the UUID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex(&self.0);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        write!(f, "urn:uuid:{}", parts.join("-"))
    }
}

/// Everything an endpoint needs that nobody may guess: a seed and a counter under HMAC-SHA-256. The same seed gives
/// the same sequence, which is what simulations need and why a seed is used for one endpoint only.
#[derive(Clone)]
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// 256 fresh bits.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        keyed_hash(&self.seed, &[b"random", &self.counter.to_be_bytes()])
    }

    /// 128 fresh bits as hexadecimal digits.
    pub(crate) fn token(&mut self) -> String {
        hex(&self.bytes()[..16])
    }

    /// The secret of a leg that nobody else gave one.
    pub(crate) fn leg_key(&mut self) -> LegKey {
        LegKey(self.bytes())
    }

    /// 128 bits that follow from `parts` and the seed: the same parts, the same answer (stateless responses need it).
    pub(crate) fn derived(&self, parts: &[&[u8]]) -> String {
        hex(&keyed_hash(&self.seed, parts)[..16])
    }

    /// A branch that no leg derives.
    pub(crate) fn branch(&mut self) -> Branch {
        Branch::from_bytes(format!("{}{}", Branch::COOKIE, self.token()))
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let bytes = self.bytes();
        let mut first = [0; 8];
        first.copy_from_slice(&bytes[..8]);
        let span = high.saturating_sub(low).saturating_add(1);
        low + u64::from_be_bytes(first) % span
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Random {{ counter: {} }}", self.counter)
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

    #[test]
    fn an_instance_is_printed_as_a_uuid() {
        let id = InstanceId(std::array::from_fn(|index| 0x10 * (index as u8 % 16) + 1));
        assert_eq!(id.to_string(), "urn:uuid:01112131-4151-6171-8191-a1b1c1d1e1f1");
    }

    #[test]
    fn random_repeats_with_its_seed_only() {
        let draw = |seed| {
            let mut random = Random::new([seed; 32]);
            (random.token(), random.branch(), random.between(3, 5))
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!((3..=5).contains(&draw(1).2));
    }
}
