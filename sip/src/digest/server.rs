//! Challenges of our own, and who answers them (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! A nonce says when it was made and proves that we made it, for this sender; nothing is kept of it until it has been
//! answered rightly once. From then on its counts are kept, so that nothing is taken twice. When there is no more room
//! for counts, nonces of before are stale: whoever has one is asked again, which costs him one round trip.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Algorithm, Credential, Hashed, Protection, Scheme};
use crate::identity::Random;
use crate::message::header::{Asker, Authorization, Challenge, Credentials, TypedHeader};
use crate::message::{HeaderName, Request, Uri};

/// How long a nonce may be used.
const LIFE: Duration = Duration::from_secs(300);
/// Nonces of which counts are kept.
const MOST_NONCES: usize = 8_192;
/// Credentials that are looked at in one request.
const MOST_LINES: usize = 8;
/// Accounts under one name that are tried.
const MOST_NAMESAKES: usize = 16;
/// The domain of our challenges.
const REALM: &[u8] = b"callwright";
/// The algorithms offered, what is preferred first.
const OFFERED: [&[u8]; 2] = [b"SHA-256", b"MD5"];

/// Names an account to the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u128);

/// Somebody who may prove who he is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub id: AccountId,
    /// By what. Its realm is not looked at: ours is `callwright`.
    pub credential: Credential,
}

/// What the credentials of a request are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// They are those of this account.
    Of(AccountId),
    /// There are none for us, or they may have been right once: ask, and say whether only the nonce was too old.
    Absent {
        /// There were some, with a nonce of ours that can no longer be used.
        stale: bool,
    },
    /// They are wrong.
    Wrong,
}

/// Asks for credentials and checks them.
#[derive(Debug)]
pub struct DigestServer {
    random: Random,
    /// Time counts from here in nonces.
    origin: Option<Instant>,
    serial: u64,
    used: BTreeMap<NonceKey, Counts>,
    /// Nonces up to this one are stale unless their counts are kept.
    forgotten: Option<NonceKey>,
}

/// When a nonce was made, in milliseconds, and its number.
type NonceKey = (u64, u64);

/// Which counts of a nonce were used: the highest, and those of the 64 up to it, the lowest bit for the highest.
#[derive(Debug, Clone, Copy)]
struct Counts {
    highest: u32,
    window: u64,
}

impl DigestServer {
    /// Nobody was asked yet. `seed` makes nonces that only we can make: never the same twice except in tests.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self { random: Random::new(seed), origin: None, serial: 0, used: BTreeMap::new(), forgotten: None }
    }

    /// Challenges for a sender, one for each algorithm, the preferred one first (RFC 8760 section 2.3).
    pub fn challenges(&mut self, now: Instant, from: IpAddr, stale: bool) -> Vec<Challenge> {
        let origin = *self.origin.get_or_insert(now);
        self.serial += 1;
        let key = (millis(now.saturating_duration_since(origin)), self.serial);
        let nonce = self.nonce(key, from);
        let challenge = |algorithm: &&[u8]| Challenge {
            asker: Asker::Server,
            realm: REALM.to_vec(),
            nonce: nonce.clone().into_bytes(),
            opaque: None,
            algorithm: Some(algorithm.to_vec()),
            qop: vec![b"auth".to_vec()],
            stale,
            userhash: false,
        };
        OFFERED.iter().map(challenge).collect()
    }

    /// Checks the credentials of a request. Right ones are used up: the same count of the same nonce is stale afterwards.
    pub fn check(&mut self, now: Instant, from: IpAddr, request: &Request, accounts: &[Account]) -> Proof {
        let mut stale = false;
        let mut wrong = false;
        for line in request.headers.all(&HeaderName::Authorization).take(MOST_LINES) {
            let Ok(Authorization(credentials)) = Authorization::parse(line) else { continue };
            if credentials.realm != REALM {
                continue;
            }
            let Some(key) = self.key_of(now, from, &credentials.nonce) else {
                stale = true;
                continue;
            };
            match account_of(&credentials, request, accounts) {
                Some(account) if self.use_up(key, credentials.nc) => return Proof::Of(account),
                Some(_) => stale = true,
                None => wrong = true,
            }
        }
        if wrong && !stale { Proof::Wrong } else { Proof::Absent { stale } }
    }

    fn nonce(&self, (at, serial): NonceKey, from: IpAddr) -> String {
        let seal = self.seal((at, serial), from);
        format!("{at:016x}{serial:016x}{seal}")
    }

    fn seal(&self, (at, serial): NonceKey, from: IpAddr) -> String {
        let from = from.to_canonical().to_string();
        self.random.derived(&[b"nonce", &at.to_be_bytes(), &serial.to_be_bytes(), from.as_bytes()])
    }

    /// Which nonce of ours this is, if it is one for this sender and can still be used.
    fn key_of(&self, now: Instant, from: IpAddr, nonce: &[u8]) -> Option<NonceKey> {
        let text = std::str::from_utf8(nonce).ok().filter(|text| text.len() == 64 && text.is_ascii())?;
        let at = u64::from_str_radix(&text[..16], 16).ok()?;
        let serial = u64::from_str_radix(&text[16..32], 16).ok()?;
        let key = (at, serial);
        if !same(&text.as_bytes()[32..], self.seal(key, from).as_bytes()) {
            return None;
        }
        let age = millis(now.saturating_duration_since(self.origin?)).checked_sub(at)?;
        let forgotten = self.forgotten.is_some_and(|forgotten| key <= forgotten) && !self.used.contains_key(&key);
        (age <= millis(LIFE) && !forgotten).then_some(key)
    }

    /// Whether a count of a nonce is used for the first time. Credentials in the manner of RFC 2069 have none, and their
    /// nonce is good for once.
    fn use_up(&mut self, key: NonceKey, count: Option<u32>) -> bool {
        let count = count.unwrap_or(u32::MAX);
        if let Some(counts) = self.used.get_mut(&key) {
            return counts.add(count);
        }
        if self.used.len() >= MOST_NONCES
            && let Some((oldest, _)) = self.used.pop_first()
        {
            self.forgotten = self.forgotten.max(Some(oldest));
            if key <= oldest {
                return false;
            }
        }
        self.used.insert(key, Counts { highest: count, window: 1 });
        true
    }
}

impl Counts {
    fn add(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            self.window = self.window.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        let Some(bit) = 1_u64.checked_shl(behind).filter(|bit| self.window & bit == 0) else { return false };
        self.window |= bit;
        true
    }
}

/// The account whose credentials these are.
fn account_of(credentials: &Credentials, request: &Request, accounts: &[Account]) -> Option<AccountId> {
    if !concerns(credentials, request) {
        return None;
    }
    let challenge = Challenge {
        asker: Asker::Server,
        realm: credentials.realm.clone(),
        nonce: credentials.nonce.clone(),
        opaque: None,
        algorithm: credentials.algorithm.clone(),
        qop: credentials.qop.clone().into_iter().collect(),
        stale: false,
        userhash: false,
    };
    let scheme = Scheme::of(&challenge).filter(offered)?;
    let cnonce = std::str::from_utf8(credentials.cnonce.as_deref().unwrap_or_default()).ok()?;
    if scheme.protection.is_some() && (cnonce.is_empty() || credentials.nc.is_none()) {
        return None;
    }
    let request = Hashed {
        method: request.method.as_str(),
        uri: &credentials.uri,
        body: &request.body,
        cnonce,
        nc: credentials.nc.unwrap_or_default(),
    };
    let given = credentials.response.to_ascii_lowercase();
    let is = |account: &&Account| {
        let right = request.credentials(scheme, &challenge, &account.credential).response;
        same(right.as_bytes(), given.as_bytes())
    };
    let named = accounts.iter().filter(|account| account.credential.username.as_bytes() == credentials.username);
    named.take(MOST_NAMESAKES).find(is).map(|account| account.id)
}

/// What we have asked for: `-sess` and `auth-int` are not among it.
fn offered(scheme: &Scheme) -> bool {
    let protection = matches!(scheme.protection, None | Some(Protection::Auth));
    !scheme.session && protection && matches!(scheme.algorithm, Algorithm::Md5 | Algorithm::Sha256)
}

/// Whether credentials are for this request. Proxies on the way change host and parameters of the address that was hashed
/// (RFC 3261 section 22.4); whom it calls they leave.
fn concerns(credentials: &Credentials, request: &Request) -> bool {
    Uri::parse(&credentials.uri).is_ok_and(|uri| uri.user_text() == request.uri.user_text())
}

/// Compares in a time that does not tell where the first difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
