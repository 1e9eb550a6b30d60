//! Reading Ogg/Opus back, for checks and for whoever wants WAV.

use std::collections::VecDeque;
use std::io::{Read, Seek};

use ogg::{Packet, PacketReader};
use opus::MSDecoder;

use super::{OPUS_RATE, SIDES};
use crate::frame::Rate;

/// Samples of the longest packet and side at the widest rate: 120 ms.
const LONGEST: usize = 16_000 * 120 / 1_000;

/// Why a file is no encoded recording of ours, or not a whole one.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No Ogg, a page that is damaged, or the file cannot be read.
    #[error("the Ogg file cannot be read: {0}")]
    Ogg(#[source] ogg::OggReadError),
    /// Ogg of another kind, or Opus of another shape.
    #[error("an encoded recording is Opus with two sides, two streams and 8 or 16 kHz")]
    Format,
    /// The codec refused a packet.
    #[error("a packet cannot be decoded: {0}")]
    Codec(#[source] opus::Error),
    /// The pages do not follow each other: something is missing between.
    #[error("a page is missing")]
    Gap,
    /// The file ends before its last page.
    #[error("the file was cut off")]
    Cut,
}

/// An encoded recording being read: an iterator over (heard, said) samples at the rate of the call. It ends with the first
/// error. For files of one's own: a page's packet may be as long as the file is.
pub struct EncodedReader<R: Read + Seek> {
    packets: PacketReader<R>,
    decoder: MSDecoder,
    rate: Rate,
    scale: u64,
    /// Samples still to be left out at the beginning.
    skip: usize,
    pre_skip: u64,
    decoded: VecDeque<(i16, i16)>,
    /// Samples a side that packets held so far, at the rate of granule positions.
    granule: u64,
    given: u64,
    /// How many samples there are up to the end of this page.
    limit: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Last,
    Over,
}

impl<R: Read + Seek> EncodedReader<R> {
    /// Opens an encoded recording; buffer files.
    ///
    /// # Errors
    /// [`DecodeError`] when it is none.
    pub fn new(reader: R) -> Result<Self, DecodeError> {
        let mut packets = PacketReader::new(reader);
        let mut header = || packets.read_packet().map_err(DecodeError::Ogg)?.ok_or(DecodeError::Cut);
        let (head, tags) = (header()?.data, header()?.data);
        let (pre_skip, rate) = read_head(&head).ok_or(DecodeError::Format)?;
        if !tags.starts_with(b"OpusTags") {
            return Err(DecodeError::Format);
        }
        let scale = u64::from(OPUS_RATE / rate.hertz());
        Ok(Self {
            packets,
            decoder: MSDecoder::new(rate.hertz(), 2, 0, &[0, 1]).map_err(DecodeError::Codec)?,
            rate,
            scale,
            skip: (u64::from(pre_skip) / scale) as usize,
            pre_skip: pre_skip.into(),
            decoded: VecDeque::new(),
            granule: 0,
            given: 0,
            limit: 0,
            state: State::Reading,
        })
    }

    /// The rate of the call that was recorded.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Decodes the next packet. Whether there was one.
    fn advance(&mut self) -> Result<bool, DecodeError> {
        if self.state == State::Last {
            return Ok(false);
        }
        let packet = self.packets.read_packet().map_err(DecodeError::Ogg)?.ok_or(DecodeError::Cut)?;
        let mut samples = [0; SIDES * LONGEST];
        let length = self.decoder.decode(&packet.data, &mut samples, false).map_err(DecodeError::Codec)?;
        self.granule += length as u64 * self.scale;
        self.decoded
            .extend(samples[..SIDES * length].as_chunks::<SIDES>().0.iter().map(|[heard, said]| (*heard, *said)));
        let skipped = self.skip.min(self.decoded.len());
        self.decoded.drain(..skipped);
        self.skip -= skipped;
        self.heed(&packet)?;
        Ok(true)
    }

    /// What the page of a packet says of its place.
    fn heed(&mut self, packet: &Packet) -> Result<(), DecodeError> {
        let end = packet.absgp_page();
        self.limit = end.checked_sub(self.pre_skip).ok_or(DecodeError::Gap)? / self.scale;
        if packet.last_in_stream() {
            self.state = State::Last;
        }
        // Only the last page may say that it ends before its packets do (RFC 7845 section 4.4).
        let fits = if packet.last_in_stream() { end <= self.granule } else { end >= self.granule };
        let ends = packet.last_in_page() && !packet.last_in_stream();
        if !fits || (ends && end != self.granule) { Err(DecodeError::Gap) } else { Ok(()) }
    }

    fn step(&mut self) -> Result<Option<(i16, i16)>, DecodeError> {
        while self.decoded.is_empty() {
            if !self.advance()? {
                return if self.given == self.limit { Ok(None) } else { Err(DecodeError::Gap) };
            }
        }
        if self.given == self.limit {
            // Only what is trimmed is left, unless further pages follow.
            self.decoded.clear();
            return match self.state {
                State::Last | State::Over => Ok(None),
                State::Reading => Err(DecodeError::Gap),
            };
        }
        self.given += 1;
        Ok(self.decoded.pop_front())
    }
}

impl<R: Read + Seek> Iterator for EncodedReader<R> {
    type Item = Result<(i16, i16), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Over {
            return None;
        }
        let step = self.step().transpose();
        if !matches!(step, Some(Ok(_))) {
            self.state = State::Over;
        }
        step
    }
}

/// Pre-skip and rate, when it is a header of ours.
fn read_head(head: &[u8]) -> Option<(u16, Rate)> {
    let rest = head.strip_prefix(b"OpusHead")?;
    let [1, 2, skip_low, skip_high, a, b, c, d, 0, 0, 1, 2, 0, 0, 1] = *rest else { return None };
    let rate = Rate::of(u32::from_le_bytes([a, b, c, d]))?;
    Some((u16::from_le_bytes([skip_low, skip_high]), rate))
}
