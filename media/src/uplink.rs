//! The caller's audio for a recogniser: in order and as soon as it is there.
//!
//! Nothing is delayed for the sake of evenness. Only a gap waits, at most 60 ms after the packet behind it, because the
//! missing packet may be on its way; then it is filled from both its sides, so that frames go on counting the caller's own
//! time. A peer that stops sending is filled in with silence, 200 ms behind its clock.

use std::time::{Duration, Instant};

use crate::conceal::Concealer;
use crate::frame::{FRAME_8K, MAX_FACTOR, MAX_SAMPLES, Rate};
use crate::packets::{Coded, Next, Packets, Reader};
use crate::stream::Stream;
use crate::unpacker::Unpacker;

/// How long a gap is waited for.
const GAP: Duration = Duration::from_millis(60);

/// How far behind the peer's clock silence is filled in when nothing comes, in samples: 200 ms.
const OVERDUE: i64 = 1_600;

/// Samples behind a gap that are looked at to fill it: 35 ms.
const FOLLOWING: usize = 280;

/// The reader of one recogniser.
#[derive(Debug)]
pub(crate) struct Uplink {
    /// Of the frames handed out. Places are counted at 8 kHz.
    rate: Rate,
    /// `None` before the first packet.
    reader: Option<Reader>,
    unpacker: Unpacker,
    concealer: Concealer,
    partial: [i16; MAX_SAMPLES],
    filled: usize,
    /// Samples made up.
    made_up: i64,
}

/// Why there is no audio.
#[derive(Clone, Copy, Debug)]
enum Missing<'a> {
    /// The peer sent none.
    Unsent,
    /// It was lost before this packet.
    Before(Coded<'a>),
    /// Nothing later has come.
    Late,
}

impl Uplink {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            reader: None,
            unpacker: Unpacker::new(rate),
            concealer: Concealer::at(rate),
            partial: [0; MAX_SAMPLES],
            filled: 0,
            made_up: 0,
        }
    }

    /// The stream numbers its packets anew, from `sequence`; the time line goes on.
    pub(crate) fn restart(&mut self, sequence: i64) {
        self.reader = self.reader.map(|reader| reader.renumbered(sequence));
        self.unpacker.reset();
    }

    /// The place of the next sample wanted; `None` before the first packet.
    pub(crate) fn place(&self) -> Option<i64> {
        self.reader.map(Reader::timestamp)
    }

    /// Samples made up because packets were missing.
    pub(crate) fn made_up(&self) -> i64 {
        self.made_up
    }

    /// Hands out what there is, frame by frame, each with the arrival of the packet that completed it. To be called
    /// after each packet and at each tick; `clock` is `now` in samples.
    pub(crate) fn advance(&mut self, now: Instant, clock: i64, stream: &Stream, mut emit: impl FnMut(&[i16], Instant)) {
        let Some(arrivals) = stream.arrivals() else { return };
        let Some(mut reader) = self.reader.or_else(|| stream.packets().reader()) else { return };
        loop {
            match reader.next(stream.packets()) {
                Next::Audio { coded, arrived } => {
                    let rest = &mut self.partial[self.filled..self.rate.samples()];
                    let read = self.unpacker.read(&coded, rest);
                    self.concealer.real(&mut rest[..read]);
                    reader.advance((read / self.rate.factor()) as i64);
                    self.complete(read, arrived, &mut emit);
                }
                Next::Pause { samples } => {
                    self.pass(&mut reader, stream.packets(), samples, Missing::Unsent, now, &mut emit);
                }
                Next::Lost { samples, later, since } => {
                    if now.saturating_duration_since(since) < GAP {
                        break;
                    }
                    self.pass(&mut reader, stream.packets(), samples, Missing::Before(later), now, &mut emit);
                }
                Next::Nothing => {
                    let behind = clock - arrivals.base() - reader.timestamp();
                    if behind < OVERDUE + FRAME_8K as i64 {
                        break;
                    }
                    let missing = if reader.silent() { Missing::Unsent } else { Missing::Late };
                    self.pass(&mut reader, stream.packets(), FRAME_8K as i64, missing, now, &mut emit);
                }
            }
        }
        self.reader = Some(reader);
    }

    /// Passes over samples that did not come: made up when they are lost, silence when none were sent. At most to the end
    /// of a frame.
    fn pass(
        &mut self,
        reader: &mut Reader,
        packets: &Packets,
        samples: i64,
        missing: Missing<'_>,
        now: Instant,
        emit: &mut impl FnMut(&[i16], Instant),
    ) {
        let factor = self.rate.factor();
        let rest = &mut self.partial[self.filled..self.rate.samples()];
        let left = rest.len() / factor;
        let step = usize::try_from(samples).unwrap_or(left).min(left);
        let rest = &mut rest[..step * factor];
        match missing {
            Missing::Unsent => {
                rest.fill(0);
                self.concealer.real(rest);
            }
            Missing::Before(later) if self.unpacker.recover(reader.timestamp(), samples, &later, rest) => {
                self.concealer.real(rest);
                self.made_up += step as i64;
            }
            Missing::Before(_) if samples == step as i64 => {
                let mut following = [0; MAX_FACTOR * FOLLOWING];
                let following = &mut following[..FOLLOWING * factor];
                let known = self.unpacker.peek(reader.after(samples), packets, following);
                self.concealer.bridge(rest, &following[..known]);
                self.made_up += step as i64;
            }
            Missing::Before(_) | Missing::Late => {
                self.concealer.conceal(rest);
                self.made_up += step as i64;
            }
        }
        reader.advance(step as i64);
        self.complete(step * factor, now, emit);
    }

    fn complete(&mut self, added: usize, arrived: Instant, emit: &mut impl FnMut(&[i16], Instant)) {
        self.filled += added;
        if self.filled == self.rate.samples() {
            self.filled = 0;
            emit(&self.partial[..self.rate.samples()], arrived);
        }
    }
}
