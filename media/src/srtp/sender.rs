//! What this side sends, protected.

use std::fmt;

use super::cipher::{GCM_TAG, Place, StreamCipher};
use super::key::MasterKey;
use crate::rtp::header_length;

/// Bytes by which a packet grows at most: a tag of AES-GCM, and the index of an RTCP packet.
pub const MAX_OVERHEAD: usize = GCM_TAG + INDEX_WORD;

/// Bytes of the word with the SRTCP index.
pub(super) const INDEX_WORD: usize = 4;

/// Bytes of an RTCP packet that stay in the clear.
pub(super) const RTCP_CLEAR: usize = 8;

/// The bit of the index word that says that the packet is encrypted.
pub(super) const ENCRYPTED: u32 = 1 << 31;

/// One key for everything that one source sends.
pub struct SrtpSender {
    rtp: StreamCipher,
    rtcp: StreamCipher,
    /// The source, and the first index that it has not used.
    free: Option<(u32, u64)>,
    next_report: u32,
}

/// The packet was not protected and must not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectError {
    /// Not an RTP or RTCP packet.
    #[error("not a packet")]
    Malformed,
    /// No room for [`MAX_OVERHEAD`] behind it.
    #[error("no room for the tag")]
    NoRoom,
    /// Another source's, or a number that was used before: two packets would be encrypted with the same keystream.
    #[error("the packet's number was used before")]
    Reused,
    /// The key has protected as many packets as it may (RFC 3711 section 9.2).
    #[error("the key is used up")]
    UsedUp,
}

impl SrtpSender {
    /// Begins to use a key.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self { rtp: StreamCipher::rtp(key), rtcp: StreamCipher::rtcp(key), free: None, next_report: 1 }
    }

    /// Protects the RTP packet in the first `length` bytes of `packet`, whose sequence number has come round `rollover`
    /// times, and returns its new length.
    ///
    /// # Errors
    /// [`ProtectError`]; what is left in `packet` must not be sent.
    pub fn protect(&mut self, packet: &mut [u8], length: usize, rollover: u32) -> Result<usize, ProtectError> {
        let clear = packet.get(..length).ok_or(ProtectError::Malformed)?;
        let header = header_length(clear).map_err(|_| ProtectError::Malformed)?;
        let sequence = u16::from_be_bytes([clear[2], clear[3]]);
        let place = Place { ssrc: word(clear, 8), index: u64::from(rollover) << 16 | u64::from(sequence) };
        if packet.len() - length < MAX_OVERHEAD {
            return Err(ProtectError::NoRoom);
        }
        if self.free.is_some_and(|(ssrc, free)| ssrc != place.ssrc || place.index < free) {
            return Err(ProtectError::Reused);
        }
        self.free = Some((place.ssrc, place.index + 1));
        match &self.rtp {
            StreamCipher::CounterMode(cipher) => {
                cipher.crypt(place, &mut packet[header..length]);
                // The rollover counter is signed behind the packet and not sent.
                packet[length..length + 4].copy_from_slice(&rollover.to_be_bytes());
                let tag = cipher.sign(&packet[..length + 4]);
                packet[length..length + cipher.tag].copy_from_slice(&tag.as_ref()[..cipher.tag]);
                Ok(length + cipher.tag)
            }
            StreamCipher::Gcm(cipher) => {
                let (header, payload) = packet[..length].split_at_mut(header);
                let tag = cipher.seal(place, header, payload);
                packet[length..length + GCM_TAG].copy_from_slice(&tag);
                Ok(length + GCM_TAG)
            }
        }
    }

    /// Protects the RTCP packet in the first `length` bytes of `packet` and returns its new length.
    ///
    /// # Errors
    /// [`ProtectError`]; what is left in `packet` must not be sent.
    pub fn protect_rtcp(&mut self, packet: &mut [u8], length: usize) -> Result<usize, ProtectError> {
        if !(RTCP_CLEAR..=packet.len()).contains(&length) {
            return Err(ProtectError::Malformed);
        }
        if packet.len() - length < MAX_OVERHEAD {
            return Err(ProtectError::NoRoom);
        }
        let index = Some(self.next_report).filter(|index| *index < ENCRYPTED).ok_or(ProtectError::UsedUp)?;
        self.next_report += 1;
        let place = Place { ssrc: word(packet, 4), index: u64::from(index) };
        let index = (index | ENCRYPTED).to_be_bytes();
        match &self.rtcp {
            StreamCipher::CounterMode(cipher) => {
                cipher.crypt(place, &mut packet[RTCP_CLEAR..length]);
                let signed = length + INDEX_WORD;
                packet[length..signed].copy_from_slice(&index);
                let tag = cipher.sign(&packet[..signed]);
                packet[signed..signed + cipher.tag].copy_from_slice(&tag.as_ref()[..cipher.tag]);
                Ok(signed + cipher.tag)
            }
            StreamCipher::Gcm(cipher) => {
                let header = report_header(packet, index);
                let tag = cipher.seal(place, &header, &mut packet[RTCP_CLEAR..length]);
                let tagged = length + GCM_TAG;
                packet[length..tagged].copy_from_slice(&tag);
                packet[tagged..tagged + INDEX_WORD].copy_from_slice(&index);
                Ok(tagged + INDEX_WORD)
            }
        }
    }

    /// Makes as if the packets up to this index had left.
    #[cfg(test)]
    pub(super) fn skip_reports(&mut self, next: u32) {
        self.next_report = next;
    }
}

/// What AES-GCM authenticates of an RTCP packet besides what it encrypts (RFC 7714 section 9.2).
pub(super) fn report_header(packet: &[u8], index: [u8; INDEX_WORD]) -> [u8; RTCP_CLEAR + INDEX_WORD] {
    let mut header = [0; RTCP_CLEAR + INDEX_WORD];
    header[..RTCP_CLEAR].copy_from_slice(&packet[..RTCP_CLEAR]);
    header[RTCP_CLEAR..].copy_from_slice(&index);
    header
}

/// The word at a place that is known to be there.
pub(super) fn word(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
}

impl fmt::Debug for SrtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SrtpSender")
    }
}
