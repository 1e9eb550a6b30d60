//! Looking at an INVITE's Identity headers, as far as that needs neither certificate nor key.
//!
//! Everything that can be told from the message and the time is told first, so that a bad header costs neither a fetch
//! nor a signature check. RFC 8224 section 6.2 has another order, but the answer is the same: all of it has to hold.

use std::fmt;

use callwright_sip::message::header::{Date, From as FromHeader, Identity, PAssertedIdentity, To};
use callwright_sip::message::{HeaderName, Request, TypedHeader};

use super::party::Party;
use super::passport::{Claims, ES256, Passport, Read, SHAKEN, compact_signature};
use super::verdict::IdentityFault;

/// How far the time of signing may lie before or after now, in seconds (RFC 8224 section 6.2 step 4).
pub const FRESHNESS: u64 = 60;
/// Identity headers looked at; carriers send two or three.
pub const MOST_HEADERS: usize = 8;

/// What an INVITE says that bears on who calls. Personal data: `Debug` shows none of it.
#[derive(Clone)]
pub struct Facts {
    identities: Vec<Option<Identity>>,
    /// Of its Date, in seconds since 1970 UTC.
    date: Option<u64>,
    /// Everybody it says it is from; the first is the one a compact form was made with.
    callers: Vec<Party>,
    /// Everybody it says it is to, the To header's first.
    called: Vec<Party>,
}

/// A PASSporT that holds if its signature does. Personal data: `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it says, and the https address of the certificate.
    pub passport: Passport,
    /// What was signed.
    pub signed: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What is left to be decided about an INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Examined {
    /// Nothing: it has no Identity header.
    Absent,
    /// Nothing: none of its PASSporTs can hold, and why the first that matters cannot.
    Failed(IdentityFault),
    /// Whether one of these is signed as it says; those that carry an attestation come first. Not empty.
    Candidates(Vec<Candidate>),
}

impl Facts {
    /// Reads an INVITE. The caller is whom P-Asserted-Identity names, else From; the callee To and the Request-URI,
    /// for a call may have been forwarded to us.
    #[must_use]
    pub fn of(invite: &Request) -> Self {
        let headers = &invite.headers;
        let identities = headers.all(&HeaderName::Identity).take(MOST_HEADERS);
        let asserted = headers.typed_all::<PAssertedIdentity>().unwrap_or_default();
        let mut callers: Vec<_> = asserted.iter().filter_map(|identity| Party::of(&identity.uri)).collect();
        if callers.is_empty() {
            callers.extend(headers.typed::<FromHeader>().ok().and_then(|from| Party::of(&from.uri)));
        }
        let to = headers.typed::<To>().ok().and_then(|to| Party::of(&to.uri));
        Self {
            identities: identities.map(|value| Identity::parse(value).ok()).collect(),
            date: headers.typed::<Date>().ok().map(Date::unix),
            callers,
            called: to.into_iter().chain(Party::of(&invite.uri)).collect(),
        }
    }

    /// Whether anybody claims to vouch for the caller.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        !self.identities.is_empty()
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Facts {{ identities: {} }}", self.identities.len())
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("passport", &self.passport).finish_non_exhaustive()
    }
}

/// Looks at all Identity headers at a time in seconds since 1970 UTC.
#[must_use]
pub fn examine(facts: &Facts, now: u64) -> Examined {
    let (mut attested, mut others) = (Vec::new(), Vec::new());
    let mut fault = None;
    for identity in &facts.identities {
        let examined = identity.as_ref().ok_or(IdentityFault::Malformed).and_then(|it| candidate(it, facts, now));
        match examined {
            Ok(candidate) if candidate.passport.claims.shaken.is_some() => attested.push(candidate),
            Ok(candidate) => others.push(candidate),
            // What is wrong with one that we understand says more than that there is one we do not.
            Err(found) if fault.is_none() || fault == Some(IdentityFault::UnsupportedExtension) => fault = Some(found),
            Err(_) => {}
        }
    }
    attested.append(&mut others);
    match fault {
        _ if !attested.is_empty() => Examined::Candidates(attested),
        Some(fault) => Examined::Failed(fault),
        None => Examined::Absent,
    }
}

fn candidate(identity: &Identity, facts: &Facts, now: u64) -> Result<Candidate, IdentityFault> {
    if identity.alg.as_ref().is_some_and(|alg| !alg.is(ES256)) {
        return Err(IdentityFault::UnsupportedAlgorithm);
    }
    if identity.ppt.as_ref().is_some_and(|ppt| !ppt.is(SHAKEN)) {
        return Err(IdentityFault::UnsupportedExtension);
    }
    let candidate = if identity.is_compact() { compact(identity, facts)? } else { full(identity)? };
    let Passport { certificate, claims } = &candidate.passport;
    if *certificate != identity.info || !is_https(certificate) {
        return Err(IdentityFault::CertificateAddress);
    }
    if claims.iat.abs_diff(now) > FRESHNESS {
        return Err(IdentityFault::Stale);
    }
    if !facts.callers.contains(&claims.orig) {
        return Err(IdentityFault::OtherCaller);
    }
    if !claims.dest.iter().any(|dest| facts.called.contains(dest)) {
        return Err(IdentityFault::OtherCallee);
    }
    Ok(candidate)
}

fn full(identity: &Identity) -> Result<Candidate, IdentityFault> {
    let read = Passport::read(&identity.token).map_err(|_| IdentityFault::Malformed)?;
    let Read { alg, ppt, passport, signature } = read;
    if alg != ES256 {
        return Err(IdentityFault::UnsupportedAlgorithm);
    }
    match (&ppt, &identity.ppt) {
        // RFC 8224 section 4: the header names the extension that the token has.
        (None, Some(_)) => return Err(IdentityFault::Contradictory),
        (Some(ppt), _) if ppt != SHAKEN => return Err(IdentityFault::UnsupportedExtension),
        (Some(_) | None, _) => {}
    }
    let (signed, _) = identity.token.rsplit_once('.').ok_or(IdentityFault::Malformed)?;
    Ok(Candidate { signed: signed.as_bytes().to_vec(), signature, passport })
}

/// A compact form says nothing itself: it is signed over the canonical form of what the message says (RFC 8224 section
/// 4.1.1). An attestation stands nowhere in a message, so `shaken` has no compact form.
fn compact(identity: &Identity, facts: &Facts) -> Result<Candidate, IdentityFault> {
    if identity.ppt.is_some() {
        return Err(IdentityFault::Malformed);
    }
    let signature = compact_signature(&identity.token).map_err(|_| IdentityFault::Malformed)?;
    let orig = facts.callers.first().ok_or(IdentityFault::OtherCaller)?.clone();
    let dest = vec![facts.called.first().ok_or(IdentityFault::OtherCallee)?.clone()];
    let iat = facts.date.ok_or(IdentityFault::Malformed)?;
    let passport = Passport { certificate: identity.info.clone(), claims: Claims { orig, dest, iat, shaken: None } };
    Ok(Candidate { signed: passport.signing_input().into_bytes(), signature, passport })
}

fn is_https(address: &str) -> bool {
    address.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

#[cfg(test)]
mod tests;
