//! Answers to digest challenges (RFC 2617, RFC 7616, RFC 8760).
//!
//! A challenge's algorithm decides the hash, its `qop` list the form: `auth` where offered, else `auth-int`, and without
//! a list the older form of RFC 2069. `userhash` is an offer we do not take. `domain` and `charset` are not needed: the
//! credentials are used for the challenged request, and the user name's bytes are hashed as they are.

pub mod server;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

use crate::message::header::{Challenge, Credentials};
use crate::message::{Method, Uri};

/// Most askers and realms answered in one request. A chain of proxies has two or three; who sends hundreds of challenges
/// wants to see us hash.
const MAX_ANSWERS: usize = 8;

/// A user name and password, perhaps good for one realm only.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
    /// The only realm it is for; any if absent.
    pub realm: Option<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").finish_non_exhaustive()
    }
}

/// Why challenges could not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The response carried no digest challenge.
    #[error("no digest challenge")]
    NoChallenge,
    /// No challenge has an algorithm and a quality of protection we can do.
    #[error("no supported digest algorithm")]
    Unsupported,
    /// The credential is for another realm than any that asks.
    #[error("no credential for the realm")]
    Realm,
}

/// Answers the challenges of one response: one set of credentials for each asker and realm, by the strongest algorithm
/// offered there that we can do. Among equals it is the first, as the server prefers it (RFC 8760 section 2.4 would have
/// the first in any case, but lets local policy decide, and ours is not to send MD5 where better is offered).
///
/// `cnonce` is our nonce, fresh for each answer and of token characters; `nc` counts the uses of the server's nonce,
/// this one included.
///
/// # Errors
/// [`DigestError`] when not one of them can be answered.
pub fn answer(
    challenges: &[Challenge],
    credential: &Credential,
    method: &Method,
    uri: &Uri,
    body: &[u8],
    cnonce: &str,
    nc: u32,
) -> Result<Vec<Credentials>, DigestError> {
    if challenges.is_empty() {
        return Err(DigestError::NoChallenge);
    }
    let ours = |challenge: &&Challenge| {
        credential.realm.as_ref().is_none_or(|realm| realm.as_bytes() == challenge.realm.as_slice())
    };
    if !challenges.iter().any(|challenge| ours(&challenge)) {
        return Err(DigestError::Realm);
    }
    let mut chosen: Vec<(Scheme, &Challenge)> = Vec::new();
    for challenge in challenges.iter().filter(ours) {
        let Some(scheme) = Scheme::of(challenge) else { continue };
        let same =
            |other: &&mut (Scheme, &Challenge)| other.1.asker == challenge.asker && other.1.realm == challenge.realm;
        let full = chosen.len() == MAX_ANSWERS;
        match chosen.iter_mut().find(same) {
            Some(other) if scheme.algorithm.strength() > other.0.algorithm.strength() => *other = (scheme, challenge),
            Some(_) => {}
            None if full => {}
            None => chosen.push((scheme, challenge)),
        }
    }
    if chosen.is_empty() {
        return Err(DigestError::Unsupported);
    }
    // The bytes of the request line, which need not be text.
    let mut line_uri = Vec::with_capacity(64);
    uri.print(&mut line_uri);
    let request = Hashed { method: method.as_str(), uri: &line_uri, body, cnonce, nc };
    Ok(chosen.into_iter().map(|(scheme, challenge)| request.credentials(scheme, challenge, credential)).collect())
}

/// What of the request and our side goes into the hash.
struct Hashed<'a> {
    method: &'a str,
    uri: &'a [u8],
    body: &'a [u8],
    cnonce: &'a str,
    nc: u32,
}

impl Hashed<'_> {
    fn credentials(&self, scheme: Scheme, challenge: &Challenge, credential: &Credential) -> Credentials {
        let hash = |parts: &[&[u8]]| scheme.algorithm.hash(parts);
        let cnonce = self.cnonce.as_bytes();
        let mut secret = hash(&[credential.username.as_bytes(), &challenge.realm, credential.password.as_bytes()]);
        if scheme.session {
            secret = hash(&[secret.as_bytes(), &challenge.nonce, cnonce]);
        }
        let count = format!("{:08x}", self.nc);
        let (request, response);
        match scheme.protection {
            None => {
                request = hash(&[self.method.as_bytes(), self.uri]);
                response = hash(&[secret.as_bytes(), &challenge.nonce, request.as_bytes()]);
            }
            Some(protection) => {
                request = match protection {
                    Protection::Auth => hash(&[self.method.as_bytes(), self.uri]),
                    Protection::AuthInt => hash(&[self.method.as_bytes(), self.uri, hash(&[self.body]).as_bytes()]),
                };
                let qop = protection.as_str().as_bytes();
                response =
                    hash(&[secret.as_bytes(), &challenge.nonce, count.as_bytes(), cnonce, qop, request.as_bytes()]);
            }
        }
        Credentials {
            asker: challenge.asker,
            username: credential.username.as_bytes().to_vec(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: self.uri.to_vec(),
            response,
            algorithm: challenge.algorithm.clone(),
            // A -sess hash holds our nonce even in the form without qop.
            cnonce: (scheme.protection.is_some() || scheme.session).then(|| cnonce.to_vec()),
            opaque: challenge.opaque.clone(),
            qop: scheme.protection.map(|protection| protection.as_str().as_bytes().to_vec()),
            nc: scheme.protection.map(|_| self.nc),
        }
    }
}

/// How a challenge is answered.
#[derive(Debug, Clone, Copy)]
struct Scheme {
    algorithm: Algorithm,
    session: bool,
    protection: Option<Protection>,
}

impl Scheme {
    /// `None` if the challenge asks for what we cannot do.
    fn of(challenge: &Challenge) -> Option<Self> {
        let name = challenge.algorithm.as_deref().unwrap_or(b"MD5").to_ascii_uppercase();
        let (base, session) = match name.strip_suffix(b"-SESS") {
            Some(base) => (base, true),
            None => (name.as_slice(), false),
        };
        let algorithm = match base {
            b"MD5" => Algorithm::Md5,
            b"SHA-256" => Algorithm::Sha256,
            b"SHA-512-256" => Algorithm::Sha512Trunc256,
            _ => return None,
        };
        let offers = |wanted: Protection| {
            challenge.qop.iter().any(|option| option.eq_ignore_ascii_case(wanted.as_str().as_bytes()))
        };
        let protection = if challenge.qop.is_empty() {
            None
        } else {
            Some([Protection::Auth, Protection::AuthInt].into_iter().find(|wanted| offers(*wanted))?)
        };
        Some(Scheme { algorithm, session, protection })
    }
}

#[derive(Debug, Clone, Copy)]
enum Protection {
    Auth,
    AuthInt,
}

impl Protection {
    fn as_str(self) -> &'static str {
        match self {
            Protection::Auth => "auth",
            Protection::AuthInt => "auth-int",
        }
    }
}

/// The hash functions.
#[derive(Debug, Clone, Copy)]
enum Algorithm {
    Md5,
    Sha256,
    Sha512Trunc256,
}

impl Algorithm {
    fn strength(self) -> u8 {
        match self {
            Algorithm::Md5 => 0,
            Algorithm::Sha256 | Algorithm::Sha512Trunc256 => 1,
        }
    }

    /// Hash of the parts joined by colons, in hexadecimal.
    fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Algorithm::Md5 => joined::<Md5>(parts),
            Algorithm::Sha256 => joined::<Sha256>(parts),
            Algorithm::Sha512Trunc256 => joined::<Sha512_256>(parts),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> String {
    let mut hash = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
