//! WAV to Ogg/Opus (RFC 7845), after the call.
//!
//! Each side is an Opus stream of its own (channel mapping family 1, two streams, none coupled): what one side says leaves
//! no trace in the other, and a side that is silent costs next to nothing.

use std::io::{self, Write};

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, MSEncoder};

use super::{OPUS_RATE, SIDES};
use crate::frame::Rate;

/// How hard the encoder tries, 0 to 10. What more costs is not heard in speech.
const COMPLEXITY: i32 = 5;
/// Packets of a page: one second. RFC 7845 section 4.2 advises against more.
const PACKETS_PER_PAGE: u64 = 50;
/// Longest packet of two streams, in bytes: each frame takes 1,275 at most (RFC 6716 section 3.2.1), the first one has its
/// length before it.
const LONGEST_PACKET: usize = 2 * 1_275 + 2;
/// Samples of a packet at the rate of granule positions.
const PACKET: u64 = OPUS_RATE as u64 / 50;

/// Why a recording could not be encoded. Nothing of the WAV was touched.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The file could not be written.
    #[error("the encoded recording cannot be written")]
    Io(#[source] io::Error),
    /// The codec refused.
    #[error("the codec refused: {0}")]
    Codec(#[source] opus::Error),
}

/// Encodes (heard, said) samples of a rate and says how many there were. The stream is as long as they are, to the sample:
/// what the codec puts before them is skipped (pre-skip), what it puts behind them is cut off (end trimming).
///
/// `serial` names the stream; any number does.
///
/// # Errors
/// [`EncodeError`]; what was written is to be thrown away.
pub fn encode<W: Write>(
    rate: Rate,
    samples: impl Iterator<Item = (i16, i16)>,
    serial: u32,
    to: W,
) -> Result<u64, EncodeError> {
    let mut encoder = encoder(rate).map_err(EncodeError::Codec)?;
    let scale = u64::from(OPUS_RATE / rate.hertz());
    let lookahead = encoder.get_lookahead().map_err(EncodeError::Codec)?;
    let pre_skip = u64::from(lookahead.unsigned_abs()) * scale;
    let mut pages = Pages { writer: PacketWriter::new(to), serial, packets: 0, waiting: None };
    pages.header(head(rate, pre_skip))?;
    pages.header(tags())?;
    let mut samples = samples.fuse();
    let mut frame = vec![0; SIDES * rate.samples()];
    let mut packet = vec![0; LONGEST_PACKET];
    let mut total = 0;
    loop {
        let mut filled = 0;
        for (pair, (heard, said)) in frame.as_chunks_mut::<SIDES>().0.iter_mut().zip(&mut samples) {
            *pair = [heard, said];
            filled += 1;
        }
        frame[SIDES * filled..].fill(0);
        total += filled as u64;
        let length = encoder.encode(&frame, &mut packet).map_err(EncodeError::Codec)?;
        pages.packet(packet[..length].to_vec())?;
        // What the codec holds back comes out behind further silence.
        let end = pre_skip + total * scale;
        if filled < rate.samples() && pages.granule() >= end {
            pages.finish(end)?;
            return Ok(total);
        }
    }
}

fn encoder(rate: Rate) -> opus::Result<MSEncoder> {
    let mut encoder = MSEncoder::new(rate.hertz(), 2, 0, &[0, 1], Application::Audio)?;
    encoder.set_complexity(COMPLEXITY)?;
    // Of both sides together.
    encoder.set_bitrate(Bitrate::Bits(match rate {
        Rate::Hz8000 => 32_000,
        Rate::Hz16000 => 48_000,
    }))?;
    encoder.set_vbr(true)?;
    Ok(encoder)
}

/// The identification header (RFC 7845 section 5.1).
fn head(rate: Rate, pre_skip: u64) -> Vec<u8> {
    let mut head = b"OpusHead".to_vec();
    head.extend([1, SIDES as u8]);
    head.extend(u16::try_from(pre_skip).unwrap_or(u16::MAX).to_le_bytes());
    head.extend(rate.hertz().to_le_bytes());
    // No gain; mapping family 1: two streams, none coupled, the first left and the second right.
    head.extend([0, 0, 1, 2, 0, 0, 1]);
    head
}

/// The comment header (RFC 7845 section 5.2): who encoded, and nothing of the call.
fn tags() -> Vec<u8> {
    let vendor = b"callwright";
    let mut tags = b"OpusTags".to_vec();
    tags.extend((vendor.len() as u32).to_le_bytes());
    tags.extend(vendor);
    tags.extend([0; 4]);
    tags
}

/// The pages of the one stream. A packet waits until it is known whether it is the last.
struct Pages<W: Write> {
    writer: PacketWriter<'static, W>,
    serial: u32,
    packets: u64,
    waiting: Option<Vec<u8>>,
}

impl<W: Write> Pages<W> {
    /// A header has its page alone, at granule position 0.
    fn header(&mut self, packet: Vec<u8>) -> Result<(), EncodeError> {
        self.write(packet, PacketWriteEndInfo::EndPage, 0)
    }

    fn packet(&mut self, packet: Vec<u8>) -> Result<(), EncodeError> {
        if let Some(before) = self.waiting.replace(packet) {
            let end = match self.packets.is_multiple_of(PACKETS_PER_PAGE) {
                true => PacketWriteEndInfo::EndPage,
                false => PacketWriteEndInfo::NormalPacket,
            };
            self.write(before, end, self.granule())?;
        }
        self.packets += 1;
        Ok(())
    }

    /// Where the packets so far end (RFC 7845 section 4), trimming aside.
    const fn granule(&self) -> u64 {
        self.packets * PACKET
    }

    fn finish(mut self, end: u64) -> Result<(), EncodeError> {
        let last = self.waiting.take().unwrap_or_default();
        self.write(last, PacketWriteEndInfo::EndStream, end)?;
        self.writer.inner_mut().flush().map_err(EncodeError::Io)
    }

    fn write(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) -> Result<(), EncodeError> {
        self.writer.write_packet(packet, self.serial, end, granule).map_err(EncodeError::Io)
    }
}
