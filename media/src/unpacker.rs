//! What one reader of a stream hears of its packets.
//!
//! Readers take the time line as it is, with places in the middle of packets, second looks at the next frame and gaps; a
//! decoder with a memory wants whole packets, each once. So packets of such codecs are decoded in one piece when a reader
//! first comes to them, and the last two stay. G.711 needs none of this and is read where it lies.

use crate::codec::{Codec, Decoder, LONGEST, OPUS_GRAIN, g711::Law};
use crate::frame::{FRAME_8K, Rate};
use crate::packets::Coded;

/// Longest gap, in samples at 8 kHz, that is filled by the codec: 60 ms. What is made up has faded away by then.
const LONGEST_GAP: i64 = 480;

/// Pieces of audio that stay: that of a packet, and of the next for those who look ahead.
const PIECES: usize = 2;

/// The decoding of one reader.
#[derive(Debug, Default)]
pub(crate) struct Unpacker {
    stateful: Option<Box<Stateful>>,
}

#[derive(Debug)]
struct Stateful {
    decoder: Decoder,
    pieces: [Piece; PIECES],
    newest: usize,
}

/// Audio on the time line.
#[derive(Clone, Debug)]
struct Piece {
    start: i64,
    samples: [i16; LONGEST],
    length: usize,
}

impl Piece {
    const NONE: Self = Self { start: 0, samples: [0; LONGEST], length: 0 };

    fn end(&self) -> i64 {
        self.start + self.length as i64
    }

    fn from(&self, place: i64) -> Option<&[i16]> {
        let at = usize::try_from(place - self.start).ok()?;
        self.samples[..self.length].get(at..).filter(|rest| !rest.is_empty())
    }
}

impl Unpacker {
    /// Reads a packet from the reader's place on and returns how many samples were written.
    pub(crate) fn read(&mut self, coded: &Coded<'_>, samples: &mut [i16]) -> usize {
        match coded.codec {
            Codec::Pcmu => Law::Mu.decode(&coded.payload[coded.read..], samples),
            Codec::Pcma => Law::A.decode(&coded.payload[coded.read..], samples),
            Codec::G722 | Codec::Opus(_) | Codec::L16(_) => {
                let place = coded.start + coded.read as i64;
                copy(self.of(coded.codec).piece(coded).from(place).unwrap_or_default(), samples)
            }
        }
    }

    /// Fills a gap of so many samples that begins at `place` and ends at `next`, as far as the codec can. False, and
    /// nothing is written, when it cannot.
    pub(crate) fn recover(&mut self, place: i64, gap: i64, next: &Coded<'_>, samples: &mut [i16]) -> bool {
        let Some(stateful) = self.stateful.as_mut().filter(|stateful| stateful.decoder.codec() == next.codec) else {
            return false;
        };
        stateful.fill(place, gap, next);
        let filled = stateful.pieces.iter().find_map(|piece| piece.from(place)).unwrap_or_default();
        filled.len() >= samples.len() && copy(filled, samples) == samples.len()
    }

    /// The sound of a line whose peer is silent, as the codec has it. False, and nothing is written, when it has none.
    pub(crate) fn rest(&mut self, samples: &mut [i16]) -> bool {
        let Some(stateful) = &mut self.stateful else { return false };
        let mut sound = [0; FRAME_8K];
        let wanted = samples.len().next_multiple_of(OPUS_GRAIN).min(FRAME_8K);
        let made = stateful.decoder.recover(None, &mut sound[..wanted]);
        made >= samples.len() && copy(&sound[..made], samples) == samples.len()
    }

    /// The stream is another.
    pub(crate) fn reset(&mut self) {
        if let Some(stateful) = &mut self.stateful {
            stateful.decoder.reset();
            stateful.pieces.iter_mut().for_each(|piece| piece.length = 0);
        }
    }

    /// The decoder of a codec. A change of the codec makes a new one.
    fn of(&mut self, codec: Codec) -> &mut Stateful {
        if self.stateful.as_ref().is_none_or(|stateful| stateful.decoder.codec() != codec) {
            let decoder = Decoder::new(codec, Rate::Hz8000);
            self.stateful = Some(Box::new(Stateful { decoder, pieces: [Piece::NONE; PIECES], newest: 0 }));
        }
        self.stateful.as_mut().expect("it was just put there")
    }
}

impl Stateful {
    /// The audio of a whole packet.
    fn piece(&mut self, coded: &Coded<'_>) -> &Piece {
        let there = self.pieces.iter().position(|piece| piece.start == coded.start && piece.length == coded.samples);
        let at = there.unwrap_or_else(|| {
            let at = (self.newest + 1) % PIECES;
            let piece = &mut self.pieces[at];
            (piece.start, piece.length) = (coded.start, coded.samples);
            let samples = &mut piece.samples[..coded.samples];
            let decoded = match self.decoder.decode(coded.payload, samples) {
                Ok(decoded) => decoded,
                // Its length could be read and nothing else: as good as lost.
                Err(_) => self.decoder.recover(None, samples),
            };
            samples[decoded..].fill(0);
            self.newest = at;
            at
        });
        &self.pieces[at]
    }

    /// Has the gap filled, if that was not done before: all of one that follows what was heard, the last packet of a
    /// longer one.
    fn fill(&mut self, place: i64, gap: i64, next: &Coded<'_>) {
        let follows = self.pieces[self.newest].end() == place && gap <= LONGEST_GAP;
        let last = gap <= next.samples as i64;
        if self.pieces.iter().any(|piece| piece.from(place).is_some()) || !(follows || last) {
            return;
        }
        let at = (self.newest + 1) % PIECES;
        let piece = &mut self.pieces[at];
        let room = usize::try_from(gap).unwrap_or(0).min(LONGEST);
        piece.start = place;
        piece.length = self.decoder.recover(Some(next.payload), &mut piece.samples[..room]);
        if piece.length > 0 {
            self.newest = at;
        }
    }
}

fn copy(from: &[i16], to: &mut [i16]) -> usize {
    let count = from.len().min(to.len());
    to[..count].copy_from_slice(&from[..count]);
    count
}

#[cfg(test)]
mod tests;
