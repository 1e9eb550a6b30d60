//! What one reader of a stream hears of its packets.
//!
//! Readers take the time line as it is, with places in the middle of packets, second looks at the next frame and gaps; a
//! decoder with a memory wants whole packets, each once. So packets of such codecs are decoded in one piece when a reader
//! first comes to them, and the last few stay. G.711 needs none of this at 8 kHz and is read where it lies.
//!
//! Places are counted at 8 kHz, like all time lines; samples are those of the reader's own rate.

use crate::codec::{Codec, Decoder, LONGEST, OPUS_GRAIN, g711::Law};
use crate::frame::{FRAME_8K, MAX_SAMPLES, Rate};
use crate::packets::{Coded, Next, Packets, Reader};

/// Longest gap, in samples at 8 kHz, that is filled by the codec: 60 ms. What is made up has faded away by then.
const LONGEST_GAP: i64 = 480;

/// Pieces of audio that stay: that of a packet, and of the next ones for those who look ahead.
const PIECES: usize = 6;

/// The decoding of one reader.
#[derive(Debug)]
pub(crate) struct Unpacker {
    rate: Rate,
    stateful: Option<Box<Stateful>>,
}

#[derive(Debug)]
struct Stateful {
    /// Samples in the time of one at 8 kHz.
    factor: usize,
    decoder: Decoder,
    pieces: [Piece; PIECES],
    newest: usize,
}

/// Audio on the time line.
#[derive(Debug, Default)]
struct Piece {
    start: i64,
    /// Grows to the longest there was.
    samples: Vec<i16>,
}

impl Piece {
    fn from(&self, place: i64, factor: usize) -> Option<&[i16]> {
        let at = usize::try_from(place - self.start).ok()?;
        self.samples.get(at * factor..).filter(|rest| !rest.is_empty())
    }

    /// Room for another piece.
    fn begin(&mut self, start: i64, length: usize) -> &mut [i16] {
        self.start = start;
        self.samples.clear();
        self.samples.resize(length, 0);
        &mut self.samples
    }
}

impl Unpacker {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { rate, stateful: None }
    }

    /// Reads a packet from the reader's place on and returns how many samples were written.
    pub(crate) fn read(&mut self, coded: &Coded<'_>, samples: &mut [i16]) -> usize {
        match (self.rate, coded.codec) {
            (Rate::Hz8000, Codec::Pcmu) => Law::Mu.decode(&coded.payload[coded.read..], samples),
            (Rate::Hz8000, Codec::Pcma) => Law::A.decode(&coded.payload[coded.read..], samples),
            (_, codec) => {
                let place = coded.start + coded.read as i64;
                let factor = self.rate.factor();
                copy(self.of(codec).piece(coded).from(place, factor).unwrap_or_default(), samples)
            }
        }
    }

    /// Reads up to a gap or a pause, and returns how many samples were written. The reader moves on by them.
    pub(crate) fn follow(&mut self, reader: &mut Reader, packets: &Packets, samples: &mut [i16]) -> usize {
        let mut filled = 0;
        while filled < samples.len()
            && let Next::Audio { coded, .. } = reader.next(packets)
        {
            let read = self.read(&coded, &mut samples[filled..]);
            reader.advance((read / self.rate.factor()) as i64);
            filled += read;
        }
        filled
    }

    /// Looks at what comes at `reader`, up to a gap, a pause or another codec, and returns how many samples were written.
    /// It can still be read: no more packets are looked at than stay.
    pub(crate) fn peek(&mut self, mut reader: Reader, packets: &Packets, samples: &mut [i16]) -> usize {
        let mut filled = 0;
        let mut first = None;
        for _ in 1..PIECES {
            let Next::Audio { coded, .. } = reader.next(packets) else { break };
            if filled == samples.len() || *first.get_or_insert(coded.codec) != coded.codec {
                break;
            }
            let read = self.read(&coded, &mut samples[filled..]);
            reader.advance((read / self.rate.factor()) as i64);
            filled += read;
        }
        filled
    }

    /// Fills a gap as long as so many samples at 8 kHz that begins at `place` and ends at `next`, as far as the codec can.
    /// False, and nothing is written, when it cannot.
    pub(crate) fn recover(&mut self, place: i64, gap: i64, next: &Coded<'_>, samples: &mut [i16]) -> bool {
        let Some(stateful) = self.stateful.as_mut().filter(|stateful| stateful.decoder.codec() == next.codec) else {
            return false;
        };
        stateful.fill(place, gap, next);
        let filled = stateful.pieces.iter().find_map(|piece| piece.from(place, stateful.factor)).unwrap_or_default();
        filled.len() >= samples.len() && copy(filled, samples) == samples.len()
    }

    /// The sound of a line whose peer is silent, as the codec has it. False, and nothing is written, when it has none.
    pub(crate) fn rest(&mut self, samples: &mut [i16]) -> bool {
        let Some(stateful) = &mut self.stateful else { return false };
        let mut sound = [0; MAX_SAMPLES];
        let grain = OPUS_GRAIN * stateful.factor;
        let wanted = samples.len().next_multiple_of(grain).min(FRAME_8K * stateful.factor);
        let made = stateful.decoder.recover(None, &mut sound[..wanted]);
        made >= samples.len() && copy(&sound[..made], samples) == samples.len()
    }

    /// The stream is another.
    pub(crate) fn reset(&mut self) {
        if let Some(stateful) = &mut self.stateful {
            stateful.decoder.reset();
            stateful.pieces.iter_mut().for_each(|piece| piece.samples.clear());
        }
    }

    /// The decoder of a codec. A change of the codec makes a new one.
    fn of(&mut self, codec: Codec) -> &mut Stateful {
        if self.stateful.as_ref().is_none_or(|stateful| stateful.decoder.codec() != codec) {
            let decoder = Decoder::new(codec, self.rate);
            self.stateful =
                Some(Box::new(Stateful { factor: self.rate.factor(), decoder, pieces: Default::default(), newest: 0 }));
        }
        self.stateful.as_mut().expect("it was just put there")
    }
}

impl Stateful {
    /// The audio of a whole packet.
    fn piece(&mut self, coded: &Coded<'_>) -> &Piece {
        let length = coded.samples * self.factor;
        let is_it = |piece: &Piece| piece.start == coded.start && piece.samples.len() == length;
        let at = self.pieces.iter().position(is_it).unwrap_or_else(|| {
            let at = (self.newest + 1) % PIECES;
            let samples = self.pieces[at].begin(coded.start, length);
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
        let newest = &self.pieces[self.newest];
        let follows = newest.start + (newest.samples.len() / self.factor) as i64 == place && gap <= LONGEST_GAP;
        let last = gap <= next.samples as i64;
        if self.pieces.iter().any(|piece| piece.from(place, self.factor).is_some()) || !(follows || last) {
            return;
        }
        let at = (self.newest + 1) % PIECES;
        let piece = &mut self.pieces[at];
        let room = piece.begin(place, usize::try_from(gap).unwrap_or(0).min(LONGEST) * self.factor);
        let recovered = self.decoder.recover(Some(next.payload), room);
        piece.samples.truncate(recovered);
        if recovered > 0 {
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
