//! The stream of RTP packets a peer sends: put in order, put on one time line, and begun anew when it does.

use std::time::{Duration, Instant};

use crate::packets::{Audio, Packets};
use crate::rtp::RtpHeader;
use crate::rtp::arrivals::Arrivals;
use crate::rtp::unwrap::{Sequence, Timestamp};

/// Sequence numbers further ahead than this are another stream's (RFC 3550 appendix A.1, `MAX_DROPOUT`).
const MAX_AHEAD: i64 = 3_000;

/// Sequence numbers further behind than this are another stream's (`MAX_MISORDER`).
const MAX_BEHIND: i64 = 100;

/// A jump of more numbers than this must be borne out by the timestamp: a packet takes at least [`SHORTEST`].
const JUMP: i64 = 10;

/// Samples per packet below anything a peer sends: 5 ms.
const SHORTEST: i64 = 40;

/// A timestamp this far from where its arrival puts it is another time line's: 2 s.
const MAX_OFF: i64 = 16_000;

/// A sender that marks a packet as the first after a pause (RFC 3551 section 4.1), and has not let its timestamps go on in
/// that pause, is this late at least: 100 ms.
const STOOD_STILL: i64 = 800;

/// How exactly its timestamps go on where they were: 10 ms.
const CONTINUES: i64 = 80;

/// Packets in a row that came too late to be of use, after which they are believed to be another stream: the peer has
/// set its clock or its numbers back.
const LATE_RUN: u32 = 10;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// In its place.
    Accepted {
        /// Where its audio ends on the time line.
        end: i64,
        /// After one with a higher number.
        reordered: bool,
        /// The first of a stream: of the first, or of another than before, whose numbers begin here.
        begins: Option<i64>,
    },
    /// Everybody has passed its place.
    Late,
    /// It was there already.
    Duplicate,
    /// Far from the stream; believed when the next packet continues it.
    Discontinuity,
}

/// The part of the time line in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// All readers have passed what lies before.
    pub(crate) from: i64,
    /// No reader has passed this.
    pub(crate) to: i64,
}

/// The stream of one peer.
#[derive(Debug)]
pub(crate) struct Stream {
    packets: Packets,
    line: Option<Line>,
    /// Next packet of a stream that may have begun.
    trial: Option<(u32, u16)>,
    late_run: u32,
    /// Of the lines before this one.
    lost_before: u64,
    restarts: u64,
}

/// One run of sequence numbers and timestamps.
#[derive(Debug)]
struct Line {
    ssrc: u32,
    sequence: Sequence,
    timestamp: Timestamp,
    /// Where the newest audio ends.
    end: i64,
    arrivals: Arrivals,
    first: i64,
    received: u64,
}

impl Stream {
    pub(crate) fn new() -> Self {
        Self { packets: Packets::new(), line: None, trial: None, late_run: 0, lost_before: 0, restarts: 0 }
    }

    pub(crate) fn packets(&self) -> &Packets {
        &self.packets
    }

    /// Arrival statistics; `None` before the first packet.
    pub(crate) fn arrivals(&self) -> Option<&Arrivals> {
        self.line.as_ref().map(|line| &line.arrivals)
    }

    /// Packets that the sequence numbers promise and that did not come (RFC 3550 appendix A.3).
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.line.as_ref().map_or(0, Line::lost)
    }

    /// Times the stream began anew.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Interarrival jitter, now.
    pub(crate) fn jitter(&self) -> Duration {
        self.arrivals().map_or(Duration::ZERO, Arrivals::jitter)
    }

    /// Takes a packet of the peer. `clock` is `now` in samples.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        clock: i64,
        window: Window,
        header: &RtpHeader,
        audio: Audio<'_>,
    ) -> Taken {
        let fits = self.line.as_ref().is_some_and(|line| line.fits(clock, header, audio.is_some()));
        if !fits {
            let continues = self.trial == Some((header.ssrc, header.sequence));
            if self.line.is_some() && !(continues && audio.is_some()) {
                // Only audio says where a stream's time line is.
                self.trial = audio.map(|_| (header.ssrc, header.sequence.wrapping_add(1))).or(self.trial);
                return Taken::Discontinuity;
            }
            return self.begin(now, clock, window, header, audio);
        }
        self.trial = None;
        let line = self.line.as_mut().expect("a packet fits only what is there");
        if audio.is_some() && line.stood_still(clock, header) {
            return self.begin(now, clock, window, header, audio);
        }
        let sequence = line.sequence.extend(header.sequence);
        let timestamp = line.timestamp.extend(header.timestamp);
        if self.packets.contains(sequence) {
            return Taken::Duplicate;
        }
        let samples = audio.map_or(0, |(codec, payload)| codec.samples_in(payload.len()) as i64);
        let end = timestamp + samples;
        let too_old = self.packets.too_old(sequence);
        // Readers that have followed the higher number never look at a later time under a lower one.
        let contrary = sequence < line.sequence.newest() && timestamp > line.timestamp.newest();
        let late = audio.is_some() && (end <= window.from || too_old || contrary);
        self.late_run = if late { self.late_run + 1 } else { 0 };
        if self.late_run >= LATE_RUN {
            return self.begin(now, clock, window, header, audio);
        }
        line.received += 1;
        if too_old {
            return Taken::Late;
        }
        let reordered = sequence < line.sequence.newest();
        line.sequence.advance(sequence);
        if audio.is_some() {
            line.timestamp.advance(header.timestamp, timestamp);
            line.arrivals.note(clock, timestamp);
            line.end = line.end.max(end);
        }
        self.packets.insert(sequence, timestamp, now, audio);
        if late { Taken::Late } else { Taken::Accepted { end, reordered, begins: None } }
    }

    /// Begins a time line at this packet: its audio belongs where the clock is, or where readers have got to.
    fn begin(&mut self, now: Instant, clock: i64, window: Window, header: &RtpHeader, audio: Audio<'_>) -> Taken {
        if let Some(old) = self.line.take() {
            self.lost_before += old.lost();
            self.restarts += 1;
        }
        self.trial = None;
        self.late_run = 0;
        let start = clock.max(window.to);
        let sequence = Sequence::starting_at(header.sequence);
        let first = sequence.newest();
        let mut arrivals = Arrivals::starting(clock, start);
        if audio.is_some() {
            arrivals.note(clock, start);
        }
        let samples = audio.map_or(0, |(codec, payload)| codec.samples_in(payload.len()) as i64);
        self.packets.clear();
        self.packets.insert(first, start, now, audio);
        self.line = Some(Line {
            ssrc: header.ssrc,
            sequence,
            timestamp: Timestamp::starting_at(header.timestamp, start),
            end: start + samples,
            arrivals,
            first,
            received: 1,
        });
        Taken::Accepted { end: start + samples, reordered: false, begins: Some(first) }
    }
}

impl Line {
    /// Whether a packet can be this line's. Timestamps of telephone events are those of the key going down, so only
    /// audio is held against the clock.
    fn fits(&self, clock: i64, header: &RtpHeader, audio: bool) -> bool {
        let ahead = self.sequence.extend(header.sequence) - self.sequence.newest();
        let timestamp = self.timestamp.extend(header.timestamp);
        let off = self.arrivals.lateness(clock, timestamp);
        let jumps = ahead > JUMP && timestamp - self.timestamp.newest() < ahead * SHORTEST;
        header.ssrc == self.ssrc
            && (-MAX_BEHIND..=MAX_AHEAD).contains(&ahead)
            && (!audio || (off.abs() <= MAX_OFF && !jumps))
    }

    /// Whether the sender's timestamps have not counted the pause before this packet.
    fn stood_still(&self, clock: i64, header: &RtpHeader) -> bool {
        let timestamp = self.timestamp.extend(header.timestamp);
        header.marker
            && self.sequence.extend(header.sequence) == self.sequence.newest() + 1
            && (timestamp - self.end).abs() <= CONTINUES
            && self.arrivals.lateness(clock, timestamp) >= STOOD_STILL + self.arrivals.usual_lateness()
    }

    fn lost(&self) -> u64 {
        let expected = (self.sequence.newest() - self.first + 1).unsigned_abs();
        expected.saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests;
