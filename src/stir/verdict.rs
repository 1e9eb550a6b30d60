//! What came of looking at who vouches for a caller, and what follows from it.

use callwright_sip::message::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::passport::Attestation;
use crate::campaign::wire::wire_enum;

wire_enum! {
    /// What is done about the signatures of calls that come in.
    pub enum IdentityPolicy is "identity policy" {
        /// Nobody looks at them.
        Off = "off",
        /// They are looked at and kept with the call; no call is refused.
        Record = "record",
        /// A call without a signature that holds is refused.
        Require = "require",
    }
}

wire_enum! {
    /// What was found.
    pub enum IdentityStatus is "identity status" {
        /// Somebody we trust vouches for the caller of this call.
        Verified = "verified",
        /// Somebody claims to, and it does not hold.
        Failed = "failed",
        /// Nobody vouches.
        Absent = "absent",
        /// We vouched ourselves: the call is ours.
        Signed = "signed",
    }
}

wire_enum! {
    /// Why a signature does not hold.
    pub enum IdentityFault is "identity fault" {
        /// An Identity header that cannot be read, or a token that is no PASSporT.
        Malformed = "malformed",
        /// A PASSporT of extensions we do not know, and none beside it.
        UnsupportedExtension = "unsupported_extension",
        /// Not signed with ES256.
        UnsupportedAlgorithm = "unsupported_algorithm",
        /// Header and token do not say the same: algorithm or extension.
        Contradictory = "contradictory",
        /// The address of the certificate is none of https, or header and token name two.
        CertificateAddress = "certificate_address",
        /// The certificate cannot be fetched.
        CertificateUnreachable = "certificate_unreachable",
        /// What was fetched is no certificate for this, has expired, or does not lead to a root we trust.
        CertificateUntrusted = "certificate_untrusted",
        /// The certificate is for other numbers.
        NumberNotCovered = "number_not_covered",
        /// The signature is not that of the certificate's key over this token.
        Signature = "signature",
        /// Signed more than a minute ago, or for later than in a minute.
        Stale = "stale",
        /// Signed for another caller.
        OtherCaller = "other_caller",
        /// Signed for another callee.
        OtherCallee = "other_callee",
    }
}

impl IdentityFault {
    /// The answer to a call that is refused for it (RFC 8224 section 6.2.2, and ATIS-1000074 where that is silent).
    #[must_use]
    pub const fn refusal(self) -> Refusal {
        let (status, phrase) = match self {
            Self::Stale => (StatusCode::FORBIDDEN, Some("Stale Date")),
            Self::UnsupportedExtension => (StatusCode::USE_IDENTITY_HEADER, Some("Use Supported PASSporT Format")),
            Self::CertificateAddress | Self::CertificateUnreachable => (StatusCode::BAD_IDENTITY_INFO, None),
            Self::UnsupportedAlgorithm | Self::CertificateUntrusted | Self::NumberNotCovered => {
                (StatusCode::UNSUPPORTED_CREDENTIAL, None)
            }
            Self::Malformed | Self::Contradictory | Self::Signature | Self::OtherCaller | Self::OtherCallee => {
                (StatusCode::INVALID_IDENTITY_HEADER, None)
            }
        };
        Refusal { status, phrase }
    }
}

/// How a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase, where it is not the usual one of the status.
    pub phrase: Option<&'static str>,
}

/// What came of looking at one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody vouches for the caller.
    Absent,
    /// Somebody claims to, and it does not hold.
    Failed(IdentityFault),
    /// Somebody we trust vouches.
    Verified(Voucher),
}

/// Who vouches for a caller, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// How well they know the caller; a PASSporT without extension does not say.
    pub attestation: Option<Attestation>,
    /// By which name they find the call again, if they gave one.
    pub origid: Option<String>,
    /// Who they are: the service provider codes of the certificate, separated by blanks, or its subject.
    pub signer: String,
}

/// What is kept with a call of who vouches for its caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallerIdentity {
    /// What was found, or that we vouched ourselves.
    pub status: IdentityStatus,
    /// How well whoever vouches knows the caller; absent where nobody does, or they do not say.
    pub attestation: Option<Attestation>,
    /// Why the signature does not hold; absent where it does, and where there is none.
    pub fault: Option<IdentityFault>,
    /// By which name the signer finds the call again; absent where nobody vouches, and for our own calls.
    pub origid: Option<String>,
    /// Who vouches: service provider codes separated by blanks, or the subject of the certificate. Absent where nobody
    /// does, and for our own calls.
    pub signer: Option<String>,
}

impl CallerIdentity {
    /// We vouched ourselves.
    #[must_use]
    pub fn signed(attestation: Attestation) -> Self {
        Self { attestation: Some(attestation), ..Self::of(IdentityStatus::Signed) }
    }

    const fn of(status: IdentityStatus) -> Self {
        Self { status, attestation: None, fault: None, origid: None, signer: None }
    }
}

impl From<Verdict> for CallerIdentity {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Absent => Self::of(IdentityStatus::Absent),
            Verdict::Failed(fault) => Self { fault: Some(fault), ..Self::of(IdentityStatus::Failed) },
            Verdict::Verified(Voucher { attestation, origid, signer }) => {
                Self { attestation, origid, signer: Some(signer), ..Self::of(IdentityStatus::Verified) }
            }
        }
    }
}

impl Verdict {
    /// How the call is refused under a policy; `None` when it may come in.
    #[must_use]
    pub const fn refusal(&self, policy: IdentityPolicy) -> Option<Refusal> {
        match (policy, self) {
            (IdentityPolicy::Off | IdentityPolicy::Record, _) | (IdentityPolicy::Require, Verdict::Verified(_)) => None,
            (IdentityPolicy::Require, Verdict::Absent) => {
                Some(Refusal { status: StatusCode::USE_IDENTITY_HEADER, phrase: None })
            }
            (IdentityPolicy::Require, Verdict::Failed(fault)) => Some(fault.refusal()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_answer() {
        let answers: Vec<_> = IdentityFault::ALL
            .iter()
            .map(|fault| {
                let Refusal { status, phrase } = fault.refusal();
                format!("{fault} {} {}", status.code(), phrase.unwrap_or_else(|| status.phrase()))
            })
            .collect();
        assert_eq!(
            answers,
            [
                "malformed 438 Invalid Identity Header",
                "unsupported_extension 428 Use Supported PASSporT Format",
                "unsupported_algorithm 437 Unsupported Credential",
                "contradictory 438 Invalid Identity Header",
                "certificate_address 436 Bad Identity Info",
                "certificate_unreachable 436 Bad Identity Info",
                "certificate_untrusted 437 Unsupported Credential",
                "number_not_covered 437 Unsupported Credential",
                "signature 438 Invalid Identity Header",
                "stale 403 Stale Date",
                "other_caller 438 Invalid Identity Header",
                "other_callee 438 Invalid Identity Header",
            ]
        );
    }

    #[test]
    fn only_a_strict_policy_refuses() {
        let voucher = Voucher { attestation: Some(Attestation::C), origid: None, signer: "1234".into() };
        let verdicts = [Verdict::Absent, Verdict::Failed(IdentityFault::Stale), Verdict::Verified(voucher)];
        let codes = |policy| verdicts.each_ref().map(|verdict| verdict.refusal(policy).map(|no| no.status.code()));
        assert_eq!(codes(IdentityPolicy::Off), [None; 3]);
        assert_eq!(codes(IdentityPolicy::Record), [None; 3]);
        assert_eq!(codes(IdentityPolicy::Require), [Some(428), Some(403), None]);
    }
}
