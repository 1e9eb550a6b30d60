//! PASSporTs: what a signer says about a call (RFC 8225, and RFC 8588 for its extension `shaken`), as canonical JSON in
//! base64url. Signatures are made and checked elsewhere.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::party::Party;
use crate::campaign::wire::wire_enum;

/// The only algorithm PASSporTs are signed with (RFC 8225 section 4.2).
pub const ES256: &str = "ES256";
/// The extension that carries an attestation.
pub const SHAKEN: &str = "shaken";

/// What a signer says about a call, and where their certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passport {
    /// The address of the certificate (`x5u`).
    pub certificate: String,
    /// What is said.
    pub claims: Claims,
}

/// What a signer says about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who calls.
    pub orig: Party,
    /// Who is called; not empty.
    pub dest: Vec<Party>,
    /// When it was said, in seconds since 1970 UTC.
    pub iat: u64,
    /// What the extension `shaken` adds; none in a PASSporT without extension.
    pub shaken: Option<Shaken>,
}

/// What the extension `shaken` adds (RFC 8588).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shaken {
    /// How well the signer knows the caller.
    pub attest: Attestation,
    /// By which name the signer finds the call again: a UUID if they keep to the rules, printable ASCII in any case.
    pub origid: String,
}

wire_enum! {
    /// How well a signer knows a caller and their right to a number (RFC 8588 section 4).
    pub enum Attestation is "attestation" {
        /// Full: the signer knows the caller and their right to the number.
        A = "A",
        /// Partial: the signer knows the caller, but not their right to the number.
        B = "B",
        /// Gateway: the signer knows only from where the call came.
        C = "C",
    }
}

/// A token cut in its three parts and read. The signature has not been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// `alg` of the header.
    pub alg: String,
    /// `ppt` of the header.
    pub ppt: Option<String>,
    /// What is said.
    pub passport: Passport,
    /// The signature.
    pub signature: Vec<u8>,
}

/// Why a token cannot be read. Always the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not three parts of base64url.
    #[error("not three parts of base64url")]
    Encoding,
    /// The header is not the JSON object of a PASSporT, or lacks `alg`, `typ` or `x5u`.
    #[error("no PASSporT header")]
    Header,
    /// `typ` is not `passport`.
    #[error("not of type passport")]
    Type,
    /// The payload is not a JSON object with `orig`, `dest` and `iat` as RFC 8225 has them.
    #[error("no PASSporT claims")]
    Claims,
    /// `shaken` without `attest` of A, B or C and `origid`.
    #[error("no attestation")]
    Shaken,
}

impl Passport {
    /// What is signed: header and payload in base64url with a dot between, both JSON with keys in lexicographic order
    /// and without white space (RFC 8225 section 9).
    #[must_use]
    pub fn signing_input(&self) -> String {
        let Claims { orig, dest, iat, shaken } = &self.claims;
        let header = JoseHeader {
            alg: ES256.into(),
            ppt: shaken.as_ref().map(|_| SHAKEN.into()),
            typ: "passport".into(),
            x5u: self.certificate.clone(),
        };
        let mut ends = Dest::default();
        for end in dest {
            match end {
                Party::Number(digits) => ends.tn.push(digits.to_string()),
                Party::Address(address) => ends.uri.push(address.to_string()),
            }
        }
        let orig = match orig {
            Party::Number(digits) => Orig { tn: Some(digits.to_string()), uri: None },
            Party::Address(address) => Orig { tn: None, uri: Some(address.to_string()) },
        };
        let payload = Payload {
            attest: shaken.as_ref().map(|shaken| shaken.attest.as_str().into()),
            dest: ends,
            iat: *iat,
            orig,
            origid: shaken.as_ref().map(|shaken| shaken.origid.clone()),
        };
        format!("{}.{}", encoded(&header), encoded(&payload))
    }

    /// Reads a token in full form. A header or payload may have further members, and is read in any order.
    ///
    /// # Errors
    /// [`Unreadable`] says which part is at fault.
    pub fn read(token: &str) -> Result<Read, Unreadable> {
        let mut parts = token.split('.').map(decoded);
        let mut part = || parts.next().flatten().ok_or(Unreadable::Encoding);
        let (header, payload, signature) = (part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(Unreadable::Encoding);
        }
        let header: JoseHeader = serde_json::from_slice(&header).map_err(|_| Unreadable::Header)?;
        if !header.typ.eq_ignore_ascii_case("passport") {
            return Err(Unreadable::Type);
        }
        let payload: Payload = serde_json::from_slice(&payload).map_err(|_| Unreadable::Claims)?;
        let shaken = if header.ppt.as_deref() == Some(SHAKEN) {
            Some(Shaken::read(payload.attest, payload.origid).ok_or(Unreadable::Shaken)?)
        } else {
            None
        };
        let orig = payload.orig.party().ok_or(Unreadable::Claims)?;
        let dest = payload.dest.parties().ok_or(Unreadable::Claims)?;
        let claims = Claims { orig, dest, iat: payload.iat, shaken };
        let passport = Passport { certificate: header.x5u, claims };
        Ok(Read { alg: header.alg, ppt: header.ppt, passport, signature })
    }
}

/// Reads the signature of a token in the compact form.
///
/// # Errors
/// [`Unreadable::Encoding`].
pub fn compact_signature(token: &str) -> Result<Vec<u8>, Unreadable> {
    token.strip_prefix("..").and_then(decoded).ok_or(Unreadable::Encoding)
}

/// A token in full form of what was signed and its signature.
#[must_use]
pub fn token(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl Shaken {
    /// Longest `origid` accepted, in bytes. A UUID has 36.
    const MAX_ORIGID: usize = 128;

    fn read(attest: Option<String>, origid: Option<String>) -> Option<Self> {
        let attest = attest?.parse().ok()?;
        let plain = |origid: &String| origid.bytes().all(|byte| byte.is_ascii_graphic());
        let origid = origid.filter(|origid| (1..=Self::MAX_ORIGID).contains(&origid.len()) && plain(origid))?;
        Some(Self { attest, origid })
    }
}

// Members stand in lexicographic order: that is how they are written.
#[derive(Serialize, Deserialize)]
struct JoseHeader {
    alg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ppt: Option<String>,
    typ: String,
    x5u: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attest: Option<String>,
    dest: Dest,
    iat: u64,
    orig: Orig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origid: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Dest {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tn: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    uri: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Orig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
}

impl Dest {
    /// All of them; none when there is none, or one is no number.
    fn parties(self) -> Option<Vec<Party>> {
        let mut all = self.tn.iter().map(|tn| Party::number(tn)).collect::<Option<Vec<_>>>()?;
        all.extend(self.uri.iter().map(|uri| Party::from_claim(uri)));
        (!all.is_empty()).then_some(all)
    }
}

impl Orig {
    /// RFC 8225 section 5.2.1: there is exactly one.
    fn party(self) -> Option<Party> {
        match (self.tn, self.uri) {
            (Some(tn), None) => Party::number(&tn),
            (None, Some(uri)) => Some(Party::from_claim(&uri)),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

fn encoded(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("strings and numbers serialise"))
}

/// Reads base64url. Padding is let pass, which some senders add.
fn decoded(part: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(part).ok()
}

#[cfg(test)]
mod tests;
