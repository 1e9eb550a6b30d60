//! A compound packet of a peer, checked as a whole before any of it counts.

use super::kind;
use super::ntp::NtpTime;

/// Bytes of the word every packet begins with.
const HEADER: usize = 4;

/// Bytes of a reception report block.
const BLOCK: usize = 24;

/// Bytes of a sender report before its blocks, without the first word.
const SENDER: usize = 24;

/// The bytes are no compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// A packet ends behind the datagram, or inside itself.
    #[error("an RTCP packet is longer than its datagram or shorter than its own content")]
    Truncated,
    /// Another version than 2.
    #[error("not RTCP version 2")]
    Version,
    /// The first packet is not a report (RFC 3550 section 6.1).
    #[error("the first RTCP packet is not a report")]
    NoReport,
    /// Padding elsewhere than at the end, of no length or of more than there is.
    #[error("padding does not fit the RTCP packet")]
    Padding,
}

/// A compound packet whose form is right (RFC 3550 appendix A.2).
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// A sender report.
    Sender {
        /// Whose.
        ssrc: u32,
        /// What it sent.
        info: SenderInfo,
        /// What it got.
        blocks: Blocks<'a>,
    },
    /// A receiver report.
    Receiver {
        /// Whose.
        ssrc: u32,
        /// What it got.
        blocks: Blocks<'a>,
    },
    /// Sources that leave; the reason is not looked at.
    Goodbye(Sources<'a>),
    /// Source descriptions, feedback, extended reports, what an application defines or nobody knows: passed over.
    Other,
}

/// What a sender says of itself (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Its wall clock when the report left.
    pub ntp: NtpTime,
    /// The same time on the clock of its RTP timestamps.
    pub timestamp: u32,
    /// RTP packets sent.
    pub packets: u32,
    /// Bytes of payload sent.
    pub octets: u32,
}

/// What one side got of a source (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The source reported on.
    pub ssrc: u32,
    /// Share lost since the last report, in 256ths.
    pub fraction: u8,
    /// Packets lost since the beginning; 24 bits. Less than none when packets came twice.
    pub lost: i32,
    /// Highest sequence number received, with the times it came round above it.
    pub highest: u32,
    /// Interarrival jitter in units of the timestamp.
    pub jitter: u32,
    /// Middle of the NTP time of the source's last sender report; 0 for none.
    pub last_report: u32,
    /// How long before this report that one came, in units of 1/65536 s.
    pub delay: u32,
}

impl<'a> Compound<'a> {
    /// Checks a datagram.
    ///
    /// # Errors
    /// [`RtcpError`] when any of it is not in form; the peer's fault.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = datagram;
        let mut first = true;
        while first || !rest.is_empty() {
            let (packet, behind) = split(rest)?;
            if first && !matches!(packet[1], kind::SENDER | kind::RECEIVER) {
                return Err(RtcpError::NoReport);
            }
            // Padding is for the end of the whole, and a report alone needs none.
            let padded = packet[0] & 0x20 != 0;
            if padded && (first || !behind.is_empty()) {
                return Err(RtcpError::Padding);
            }
            body(packet)?;
            let least = HEADER + least_body(packet[0] & 0x1f, packet[1]);
            if packet.len() < least {
                return Err(RtcpError::Truncated);
            }
            rest = behind;
            first = false;
        }
        Ok(Self { bytes: datagram })
    }

    /// Its packets, in order.
    pub fn packets(self) -> impl Iterator<Item = Packet<'a>> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (packet, behind) = split(rest).ok().filter(|_| !rest.is_empty())?;
            rest = behind;
            Some(Packet::of(packet))
        })
    }
}

impl<'a> Packet<'a> {
    /// Reads a packet that was checked.
    fn of(packet: &'a [u8]) -> Self {
        let count = usize::from(packet[0] & 0x1f);
        let body = body(packet).unwrap_or(&[]);
        match packet[1] {
            kind::SENDER => Self::Sender {
                ssrc: word(body, 0),
                info: SenderInfo {
                    ntp: NtpTime(u64::from(word(body, 4)) << 32 | u64::from(word(body, 8))),
                    timestamp: word(body, 12),
                    packets: word(body, 16),
                    octets: word(body, 20),
                },
                blocks: Blocks(head(body, SENDER, count * BLOCK)),
            },
            kind::RECEIVER => Self::Receiver { ssrc: word(body, 0), blocks: Blocks(head(body, 4, count * BLOCK)) },
            kind::GOODBYE => Self::Goodbye(Sources(head(body, 0, count * 4))),
            _ => Self::Other,
        }
    }
}

/// The blocks of a report.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a>(&'a [u8]);

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (block, rest) = self.0.split_first_chunk::<BLOCK>()?;
        self.0 = rest;
        let loss = word(block, 4);
        Some(Block {
            ssrc: word(block, 0),
            fraction: (loss >> 24) as u8,
            // Its 24 bits have a sign.
            lost: (loss << 8).cast_signed() >> 8,
            highest: word(block, 8),
            jitter: word(block, 12),
            last_report: word(block, 16),
            delay: word(block, 20),
        })
    }
}

/// The sources of a goodbye.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a>(&'a [u8]);

impl Iterator for Sources<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (source, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*source))
    }
}

/// The first packet, of at least its header, and what follows.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), RtcpError> {
    let [flags, _, high, low] = *bytes.first_chunk::<HEADER>().ok_or(RtcpError::Truncated)?;
    if flags >> 6 != 2 {
        return Err(RtcpError::Version);
    }
    let length = HEADER + usize::from(u16::from_be_bytes([high, low])) * 4;
    bytes.split_at_checked(length).ok_or(RtcpError::Truncated)
}

/// A packet behind its first word, padding taken off. Some write one that is not a number of words.
fn body(packet: &[u8]) -> Result<&[u8], RtcpError> {
    let body = &packet[HEADER..];
    if packet[0] & 0x20 == 0 {
        return Ok(body);
    }
    let padding = usize::from(*body.last().ok_or(RtcpError::Padding)?);
    let length = body.len().checked_sub(padding).filter(|_| padding > 0);
    Ok(&body[..length.ok_or(RtcpError::Padding)?])
}

/// Bytes that a packet of this count and type has at least behind its first word.
fn least_body(count: u8, packet_type: u8) -> usize {
    let count = usize::from(count);
    match packet_type {
        kind::SENDER => SENDER + count * BLOCK,
        kind::RECEIVER => 4 + count * BLOCK,
        kind::GOODBYE => count * 4,
        _ => 0,
    }
}

/// So many bytes from there on, or what is left of them.
fn head(body: &[u8], at: usize, length: usize) -> &[u8] {
    let from = body.get(at..).unwrap_or(&[]);
    &from[..length.min(from.len())]
}

/// The word there; 0 behind the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_be_bytes(*word))
}
