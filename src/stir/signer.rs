//! Vouching for callers of ours: a key, its certificate, and the Identity header of an INVITE (RFC 8224 section 6.1).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use callwright_sip::message::header::{Date, Identity, NameAddr, PAssertedIdentity};
use callwright_sip::message::{Headers, Params, Token};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::certificate::{BadCertificate, Credential};
use super::party::Party;
use super::passport::{Attestation, Claims, ES256, Passport, SHAKEN, Shaken, token};
use crate::campaign::phone::E164;
use crate::campaign::wire::wire_enum;

wire_enum! {
    /// How well calls over a trunk are vouched for at best.
    pub enum SigningLevel is "attestation" {
        /// Not at all: they leave unsigned.
        None = "none",
        /// In full for the trunk's own caller IDs, partially for other numbers.
        A = "A",
        /// Partially.
        B = "B",
        /// As a gateway that only passes them on.
        C = "C",
    }
}

impl SigningLevel {
    /// How well a caller is vouched for, who shows a number of our own or another one.
    #[must_use]
    pub const fn attestation(self, own: bool) -> Option<Attestation> {
        match self {
            SigningLevel::None => None,
            SigningLevel::A if own => Some(Attestation::A),
            SigningLevel::A | SigningLevel::B => Some(Attestation::B),
            SigningLevel::C => Some(Attestation::C),
        }
    }
}

/// What is vouched for in a call.
#[derive(Clone, PartialEq, Eq)]
pub struct Vouching {
    /// How well.
    pub level: Attestation,
    /// Who calls.
    pub caller: E164,
    /// Who is called.
    pub callee: E164,
}

/// A key that vouches for callers, and where its certificate is found.
#[derive(Debug)]
pub struct Signer {
    pair: EcdsaKeyPair,
    address: String,
    until: u64,
}

/// Why a key and a certificate cannot vouch. Each names what to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSigner {
    /// No private key for P-256 in PEM.
    #[error(
        "the key is no private key on the curve P-256 in PEM: make one with `openssl ecparam -name prime256v1 -genkey`"
    )]
    Key,
    /// The certificate cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] BadCertificate),
    /// The key is not the certificate's.
    #[error("the key is not that of the first certificate in the file: put the certificate made for this key first")]
    Mismatch,
}

/// Why an INVITE stays without signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// It shows no number.
    #[error("the caller shows no number")]
    NoCaller,
    /// It is not for a number or address.
    #[error("the callee has neither number nor address")]
    NoCallee,
    /// The certificate has expired.
    #[error("the certificate has expired")]
    Expired,
    /// The crypto library failed.
    #[error("the signature could not be made")]
    Failed,
}

impl Signer {
    /// A key in PEM, and the certificates in PEM that are served at `address`, the key's own first.
    ///
    /// # Errors
    /// [`BadSigner`].
    pub fn new(key: &[u8], certificates: &[u8], address: &str) -> Result<Self, BadSigner> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadSigner::Key)?;
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_der());
        let pair = pair.map_err(|_| BadSigner::Key)?;
        let credential = Credential::own(certificates)?;
        if credential.key() != pair.public_key().as_ref() {
            return Err(BadSigner::Mismatch);
        }
        Ok(Self { pair, address: address.to_owned(), until: credential.until() })
    }

    /// Until when the certificate is valid, in seconds since 1970 UTC.
    #[must_use]
    pub const fn until(&self) -> u64 {
        self.until
    }

    /// Puts Identity and Date into the headers of an INVITE, at a time in seconds since 1970 UTC.
    ///
    /// The caller is whom P-Asserted-Identity among the headers names, else From, and has to be a number; the callee is
    /// whom To names.
    ///
    /// # Errors
    /// [`Unsigned`]; the headers are as they were.
    pub fn vouch(
        &self,
        headers: &mut Headers,
        (from, to): (&NameAddr, &NameAddr),
        (attest, origid): (Attestation, &str),
        now: u64,
    ) -> Result<(), Unsigned> {
        if now > self.until {
            return Err(Unsigned::Expired);
        }
        let asserted = headers.typed_all::<PAssertedIdentity>().unwrap_or_default();
        let orig = asserted.iter().map(|asserted| &asserted.0).chain([from]).find_map(|caller| Party::of(&caller.uri));
        let orig = orig.filter(|orig| orig.digits().is_some()).ok_or(Unsigned::NoCaller)?;
        let dest = vec![Party::of(&to.uri).ok_or(Unsigned::NoCallee)?];
        let shaken = Some(Shaken { attest, origid: origid.to_owned() });
        let passport = Passport { certificate: self.address.clone(), claims: Claims { orig, dest, iat: now, shaken } };
        let signed = passport.signing_input();
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| Unsigned::Failed)?;
        let identity = Identity {
            token: token(&signed, signature.as_ref()),
            info: passport.certificate,
            alg: Token::new(ES256),
            ppt: Token::new(SHAKEN),
            params: Params::new(),
        };
        headers.set_typed(&Date::from_unix(now));
        headers.set_typed(&identity);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use callwright_sip::message::{HeaderName, Method, Request};

    use super::*;
    use crate::stir::certificate::testing::{NOW, Wanted};
    use crate::stir::examine::{Examined, Facts, examine};

    const ADDRESS: &str = "https://cert.example.org/1234.pem";

    fn name(uri: &str) -> NameAddr {
        NameAddr::new(uri.parse().expect(uri))
    }

    fn vouch(signer: &Signer, from: &str, to: &str, headers: &mut Headers, now: u64) -> Result<(), Unsigned> {
        signer.vouch(headers, (&name(from), &name(to)), (Attestation::A, "origid"), now)
    }

    #[test]
    fn what_we_sign_is_what_others_check() {
        let chain = Wanted::default().make();
        let signer = Signer::new(chain.key.serialize_pem().as_bytes(), chain.pem.as_bytes(), ADDRESS).expect("usable");
        let mut invite = Request::new(Method::Invite, "sip:+12155550131@192.0.2.1".parse().expect("a URI"));
        let (from, to) = ("sip:+12155550121@a.example", "sip:+12155550131@192.0.2.1");
        vouch(&signer, from, to, &mut invite.headers, NOW).expect("signed");
        assert_eq!(invite.headers.get(&HeaderName::Date), Some(&b"Sun, 01 Jun 2025 00:00:00 GMT"[..]));
        invite.headers.push(HeaderName::From, format!("<{from}>;tag=1"));
        invite.headers.push(HeaderName::To, format!("<{to}>"));
        let Examined::Candidates(candidates) = examine(&Facts::of(&invite), NOW) else { panic!("a candidate") };
        let credential = Credential::check(chain.pem.as_bytes(), &chain.roots(), NOW).expect("good");
        assert!(credential.has_signed(&candidates[0].signed, &candidates[0].signature));
        assert_eq!(candidates[0].passport.certificate, ADDRESS);
        let shaken = candidates[0].passport.claims.shaken.as_ref().expect("attested");
        assert_eq!((shaken.attest, shaken.origid.as_str()), (Attestation::A, "origid"));
        let value = invite.headers.get(&HeaderName::Identity).expect("an Identity");
        let tail = format!(";info=<{ADDRESS}>;alg=ES256;ppt=shaken");
        assert!(value.ends_with(tail.as_bytes()), "{}", String::from_utf8_lossy(value));
    }

    #[test]
    fn only_callers_with_a_number_are_vouched_for() {
        let chain = Wanted::default().make();
        let signer = Signer::new(chain.key.serialize_pem().as_bytes(), chain.pem.as_bytes(), ADDRESS).expect("usable");
        let mut headers = Headers::new();
        let anonymous = "sip:anonymous@anonymous.invalid";
        assert_eq!(vouch(&signer, anonymous, "tel:+12155550131", &mut headers, NOW), Err(Unsigned::NoCaller));
        assert_eq!(vouch(&signer, "tel:+12155550121", "urn:x:y", &mut headers, NOW), Err(Unsigned::NoCallee));
        let late = signer.until() + 1;
        let expired = vouch(&signer, "tel:+12155550121", "tel:+12155550131", &mut headers, late);
        assert_eq!(expired, Err(Unsigned::Expired));
        assert!(headers.is_empty());
        headers.push(HeaderName::PAssertedIdentity, "<tel:+12155550121>");
        vouch(&signer, anonymous, "tel:+12155550131", &mut headers, NOW).expect("the network knows the number");
        vouch(&signer, anonymous, "tel:+12155550131", &mut headers, NOW).expect("signed anew");
        assert_eq!(headers.all(&HeaderName::Identity).count(), 1);
    }

    #[test]
    fn only_numbers_of_our_own_are_vouched_for_in_full() {
        let letters = |own| SigningLevel::ALL.iter().map(|level| level.attestation(own)).collect::<Vec<_>>();
        use Attestation::{A, B, C};
        assert_eq!(letters(true), [None, Some(A), Some(B), Some(C)]);
        assert_eq!(letters(false), [None, Some(B), Some(B), Some(C)]);
    }

    #[test]
    fn key_and_certificate_have_to_belong_together() {
        let (chain, other, wrong) = (Wanted::default().make(), Wanted::default().make(), Wanted::p384().make());
        let signer = |key: &str, chain: &str| Signer::new(key.as_bytes(), chain.as_bytes(), ADDRESS).map(|_| ());
        assert_eq!(signer(&chain.key.serialize_pem(), &chain.pem), Ok(()));
        assert_eq!(signer(&other.key.serialize_pem(), &chain.pem), Err(BadSigner::Mismatch));
        assert_eq!(signer(&wrong.key.serialize_pem(), &chain.pem), Err(BadSigner::Key));
        assert_eq!(signer("", &chain.pem), Err(BadSigner::Key));
        let unusable = signer(&chain.key.serialize_pem(), &chain.root);
        assert_eq!(unusable, Err(BadSigner::Certificate(BadCertificate::Usage)));
    }
}
