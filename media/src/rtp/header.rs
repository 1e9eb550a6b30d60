//! The fixed header of an RTP packet, read and written without allocating.

use rtc_rtp::header::{
    CC_MASK, CSRC_LENGTH, EXTENSION_MASK, EXTENSION_SHIFT, HEADER_LENGTH as EXTENSION_HEADER, Header, PADDING_MASK,
    PADDING_SHIFT, VERSION_SHIFT,
};
use rtc_shared::marshal::{Marshal, Unmarshal};

/// Bytes of the fixed header.
pub const HEADER_LENGTH: usize = 12;

const VERSION: u8 = 2;

/// What the fixed header says (RFC 3550 section 5.1), without version, padding and contributing sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// First packet of a talk spurt or of a telephone event.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the payload type's clock rate.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// A packet that borrows its payload from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The fixed header.
    pub header: RtpHeader,
    /// What follows contributing sources and header extensions, padding taken off. May be empty.
    pub payload: &'a [u8],
}

/// The bytes are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Shorter than its own header says.
    #[error("datagram ends inside the RTP header")]
    Truncated,
    /// Another version than 2: STUN, DTLS, ZRTP or noise.
    #[error("not RTP version 2")]
    Version,
    /// The padding length is 0 or longer than what there is.
    #[error("padding length does not fit the payload")]
    Padding,
}

impl<'a> RtpPacket<'a> {
    /// Reads a datagram.
    ///
    /// Contributing sources and header extensions are stepped over unread: nothing here uses them, an extension that
    /// is broken inside does no harm, and none of them costs an allocation.
    ///
    /// # Errors
    /// [`RtpError`] when the bytes are not RTP; the peer's fault.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let header = header_length(datagram)?;
        let fixed = datagram.first_chunk::<HEADER_LENGTH>().ok_or(RtpError::Truncated)?;
        let flags = fixed[0];
        let mut payload = &datagram[header..];
        if (flags >> PADDING_SHIFT) & PADDING_MASK == 1 {
            let padding = usize::from(*payload.last().ok_or(RtpError::Padding)?);
            let length = payload.len().checked_sub(padding).filter(|_| padding > 0).ok_or(RtpError::Padding)?;
            payload = &payload[..length];
        }
        Ok(Self { header: RtpHeader::read(*fixed)?, payload })
    }
}

impl RtpHeader {
    /// Writes the header to the beginning of `datagram`. Version 2, no padding, no extension, no contributing source.
    pub fn write(&self, datagram: &mut [u8; HEADER_LENGTH]) {
        let header = Header {
            version: VERSION,
            marker: self.marker,
            payload_type: self.payload_type & 0x7f,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Header::default()
        };
        header.marshal_to(datagram).expect("a bare header takes exactly the fixed 12 bytes");
    }

    fn read(mut fixed: [u8; HEADER_LENGTH]) -> Result<Self, RtpError> {
        fixed[0] = VERSION << VERSION_SHIFT;
        let header = Header::unmarshal(&mut fixed.as_slice()).map_err(|_| RtpError::Truncated)?;
        Ok(Self {
            marker: header.marker,
            payload_type: header.payload_type,
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
        })
    }
}

/// Bytes before the payload: the fixed header, contributing sources and the header extension.
///
/// # Errors
/// [`RtpError`] when the bytes are not RTP; never for its padding, which a protected packet hides.
pub fn header_length(datagram: &[u8]) -> Result<usize, RtpError> {
    let (fixed, rest) = datagram.split_first_chunk::<HEADER_LENGTH>().ok_or(RtpError::Truncated)?;
    let flags = fixed[0];
    if flags >> VERSION_SHIFT != VERSION {
        return Err(RtpError::Version);
    }
    let mut behind = rest.get(usize::from(flags & CC_MASK) * CSRC_LENGTH..).ok_or(RtpError::Truncated)?;
    if (flags >> EXTENSION_SHIFT) & EXTENSION_MASK == 1 {
        let [_, _, high, low] = *behind.first_chunk::<EXTENSION_HEADER>().ok_or(RtpError::Truncated)?;
        let words = usize::from(u16::from_be_bytes([high, low]));
        behind = behind.get(EXTENSION_HEADER + words * 4..).ok_or(RtpError::Truncated)?;
    }
    Ok(datagram.len() - behind.len())
}

/// Whether a datagram on a port shared by RTP and RTCP is RTCP: its packet types, 192 to 223, are payload types 64 to
/// 95 with the marker bit, which RTP must not use there (RFC 5761 section 4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [flags, 192..=223, ..] if flags >> VERSION_SHIFT == VERSION)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtc_rtp::Packet;

    use super::*;

    #[test]
    fn the_fixed_header_is_laid_out_as_the_rfc_draws_it() {
        let header =
            RtpHeader { marker: true, payload_type: 101, sequence: 0x1234, timestamp: 0x0102_0304, ssrc: 0xdead_beef };
        let mut bytes = [0; HEADER_LENGTH];
        header.write(&mut bytes);
        assert_eq!(bytes, [0x80, 0x80 | 101, 0x12, 0x34, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(RtpPacket::parse(&bytes), Ok(RtpPacket { header, payload: &[] }));
    }

    #[test]
    fn what_is_not_rtp_is_refused_with_its_cause() {
        let header = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
        let with = |flags: u8, rest: &[u8]| -> Result<usize, RtpError> {
            let mut bytes = header.to_vec();
            bytes[0] = flags;
            bytes.extend_from_slice(rest);
            RtpPacket::parse(&bytes).map(|packet| packet.payload.len())
        };
        assert_eq!(RtpPacket::parse(&header[..11]), Err(RtpError::Truncated));
        assert_eq!(with(0x00, &[0; 8]), Err(RtpError::Version), "STUN");
        assert_eq!(with(0x82, &[0; 7]), Err(RtpError::Truncated), "two sources, one and a bit there");
        assert_eq!(with(0x82, &[0; 9]), Ok(1));
        assert_eq!(with(0x90, &[0xbe, 0xde, 0, 1, 0, 0, 0]), Err(RtpError::Truncated));
        assert_eq!(with(0x90, &[0xbe, 0xde, 0, 1, 0xff, 0xff, 0xff, 0xff, 9]), Ok(1), "broken inside, whole outside");
        assert_eq!(with(0xa0, &[]), Err(RtpError::Padding));
        assert_eq!(with(0xa0, &[1, 2, 0]), Err(RtpError::Padding));
        assert_eq!(with(0xa0, &[1, 2, 4]), Err(RtpError::Padding));
        assert_eq!(with(0xa0, &[1, 2, 2]), Ok(1));
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_second_byte() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(is_rtcp(&[0x81, 201, 0, 7]));
        assert!(!is_rtcp(&[0x80, 0x80 | 13, 0, 6]));
        assert!(!is_rtcp(&[0x80, 0x80 | 101, 0, 6]));
        assert!(!is_rtcp(&[0x00, 200, 0, 6]));
        assert!(!is_rtcp(&[0x80]));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_packet_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = RtpPacket::parse(&bytes) {
                prop_assert!(packet.payload.len() + HEADER_LENGTH <= bytes.len());
                prop_assert!(packet.header.payload_type < 128);
            }
        }

        #[test]
        fn what_the_crate_reads_whole_is_read_the_same(
            flags in 0x80u8..=0xbf, mut bytes in proptest::collection::vec(any::<u8>(), 12..120), words in 0u8..4,
        ) {
            bytes[0] = flags;
            let extension = HEADER_LENGTH + usize::from(flags & 15) * 4;
            if flags & 0x10 != 0 && bytes.len() >= extension + 4 {
                // A profile without inner structure, so that the crate does not judge the inside.
                bytes[extension..extension + 4].copy_from_slice(&[0x12, 0x34, 0, words]);
            }
            if let Ok(theirs) = Packet::unmarshal(&mut bytes.as_slice()) {
                let ours = RtpPacket::parse(&bytes);
                if let Ok(ours) = ours {
                    prop_assert_eq!(ours.payload, &theirs.payload[..]);
                    prop_assert_eq!(ours.header.sequence, theirs.header.sequence_number);
                    prop_assert_eq!(ours.header.timestamp, theirs.header.timestamp);
                    prop_assert_eq!(ours.header.ssrc, theirs.header.ssrc);
                    prop_assert_eq!(ours.header.marker, theirs.header.marker);
                } else {
                    prop_assert_eq!(ours, Err(RtpError::Padding), "the crate takes a padding length of zero");
                }
            }
        }
    }
}
