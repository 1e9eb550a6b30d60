//! Whether a stream is encrypted, and by which of the lines offered (RFC 4568 sections 5.1 and 7.1, RFC 8643).

use super::crypto::{self, CryptoLine};
use super::remote::RemoteMedia;
use super::{Encryption, SdpError};

/// The profile that is offered. Encryption that is offered and not required hides in the plain one.
pub(super) const fn profile(encryption: &Encryption) -> &'static str {
    match encryption {
        Encryption::Off | Encryption::Offered(_) => "RTP/AVP",
        Encryption::Required(_) => "RTP/SAVP",
    }
}

/// The line of an offer by which the stream is encrypted, the first that can be used; `None` leaves it plain.
pub(super) fn chosen(encryption: &Encryption, media: &RemoteMedia) -> Result<Option<CryptoLine>, SdpError> {
    let secure = media.is_secure()?;
    let mut lines = lines(media);
    match encryption {
        Encryption::Off if secure => Err(SdpError::SecureMedia),
        Encryption::Off => Ok(None),
        Encryption::Offered(_) if secure => lines.next().map(Some).ok_or(SdpError::Crypto),
        // In the plain profile, lines that are of no use are as good as none (RFC 8643 section 3.2).
        Encryption::Offered(_) => Ok(lines.next()),
        Encryption::Required(_) => {
            let missing = if secure { SdpError::Crypto } else { SdpError::PlainMedia };
            lines.next().map(Some).ok_or(missing)
        }
    }
}

/// The line of an answer to our offer: exactly one of those we offered, by its tag and suite; `None` leaves the stream
/// plain.
pub(super) fn accepted(encryption: &Encryption, media: &RemoteMedia) -> Result<Option<CryptoLine>, SdpError> {
    let secure = media.is_secure()?;
    let Some(keys) = encryption.keys() else {
        return if secure { Err(SdpError::SecureMedia) } else { Ok(None) };
    };
    match (media.values("crypto").count(), encryption) {
        (0, Encryption::Offered(_)) if !secure => Ok(None),
        (0, _) => Err(if secure { SdpError::Crypto } else { SdpError::PlainMedia }),
        // Whoever answers with a key means to encrypt: what does not fit cannot be taken for a plain stream.
        (1, _) => {
            let offered = |line: &CryptoLine| {
                crypto::tagged(keys).any(|(tag, key)| (tag, key.suite()) == (line.tag, line.suite()))
            };
            lines(media).next().filter(offered).map(Some).ok_or(SdpError::Crypto)
        }
        (_, _) => Err(SdpError::Crypto),
    }
}

fn lines(media: &RemoteMedia) -> impl Iterator<Item = CryptoLine> {
    media.values("crypto").filter_map(CryptoLine::parse)
}

#[cfg(test)]
mod tests;
