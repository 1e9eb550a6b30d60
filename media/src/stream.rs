//! The stream of RTP packets a peer sends: put in order, put on one time line, and begun anew when it does.

use std::time::{Duration, Instant};

use crate::packets::{Content, Packets};
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

/// A change of the clock this long after the audio before, by its arrival, was a pause: 200 ms.
const PAUSE: i64 = 1_600;
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
    expected_before: u64,
    restarts: u64,
}

/// What came of one run of sequence numbers, as a report tells it (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    /// Highest sequence number, with the times it came round above it.
    pub(crate) highest: u32,
    /// Packets its numbers promise.
    pub(crate) expected: i64,
    /// Packets that came, late ones and repeated ones too.
    pub(crate) received: i64,
    /// Which run it is: the times that the stream began anew.
    pub(crate) run: u64,
}

/// One run of sequence numbers and timestamps.
#[derive(Debug)]
struct Line {
    ssrc: u32,
    sequence: Sequence,
    /// In units of the RTP clock, `units` of which are one sample at 8 kHz.
    timestamp: Timestamp,
    units: i64,
    /// Where the newest audio ends.
    end: i64,
    /// How long it is.
    length: i64,
    arrivals: Arrivals,
    first: i64,
    received: u64,
    repeated: u64,
}

impl Stream {
    pub(crate) fn new() -> Self {
        Self {
            packets: Packets::new(),
            line: None,
            trial: None,
            late_run: 0,
            lost_before: 0,
            expected_before: 0,
            restarts: 0,
        }
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

    /// Packets the sequence numbers promise, those of earlier runs included.
    pub(crate) fn expected(&self) -> u64 {
        self.expected_before + self.line.as_ref().map_or(0, Line::expected)
    }

    /// What a report says of the run of numbers that goes on; `None` before the first packet.
    pub(crate) fn reception(&self) -> Option<Reception> {
        let line = self.line.as_ref()?;
        // Numbers are counted from one turn up.
        let highest = (line.sequence.newest() - (1 << 16)) as u32;
        let received = (line.received + line.repeated).cast_signed();
        Some(Reception {
            ssrc: line.ssrc,
            highest,
            expected: line.expected().cast_signed(),
            received,
            run: self.restarts,
        })
    }

    /// Times the stream began anew.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Interarrival jitter, now.
    pub(crate) fn jitter(&self) -> Duration {
        self.arrivals().map_or(Duration::ZERO, Arrivals::jitter)
    }

    /// Takes a packet of the peer. `clock` is `now` in samples; `units` of the packet's RTP clock are a sample.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        clock: i64,
        window: Window,
        header: &RtpHeader,
        units: u32,
        content: Content<'_>,
    ) -> Taken {
        let is_audio = content.is_audio();
        if let Some(line) = self.line.as_mut().filter(|line| line.units != i64::from(units)) {
            // Another codec, whose timestamps have nothing to do with those before.
            match line.ahead(header) {
                _ if !is_audio => return Taken::Discontinuity,
                Some(ahead @ 1..) => line.anchor(clock, ahead, header.timestamp, units),
                Some(_) => return Taken::Late,
                None => return self.begin(now, clock, window, header, units, content),
            }
        }
        let fits = self.line.as_ref().is_some_and(|line| line.fits(clock, header, is_audio));
        if !fits {
            let continues = self.trial == Some((header.ssrc, header.sequence));
            if self.line.is_some() && !(continues && is_audio) {
                // Only audio says where a stream's time line is.
                self.trial = is_audio.then(|| (header.ssrc, header.sequence.wrapping_add(1))).or(self.trial);
                return Taken::Discontinuity;
            }
            return self.begin(now, clock, window, header, units, content);
        }
        self.trial = None;
        let line = self.line.as_mut().expect("a packet fits only what is there");
        if is_audio && line.stood_still(clock, header) {
            return self.begin(now, clock, window, header, units, content);
        }
        let sequence = line.sequence.extend(header.sequence);
        let timestamp = line.place(header.timestamp);
        if self.packets.contains(sequence) {
            line.repeated += 1;
            return Taken::Duplicate;
        }
        let end = timestamp + content.samples();
        let too_old = self.packets.too_old(sequence);
        // Readers that have followed the higher number never look at a later time under a lower one.
        let contrary = sequence < line.sequence.newest() && timestamp > line.newest();
        let late = is_audio && (end <= window.from || too_old || contrary);
        self.late_run = if late { self.late_run + 1 } else { 0 };
        if self.late_run >= LATE_RUN {
            return self.begin(now, clock, window, header, units, content);
        }
        line.received += 1;
        if too_old {
            return Taken::Late;
        }
        let reordered = sequence < line.sequence.newest();
        line.sequence.advance(sequence);
        if is_audio {
            line.timestamp.advance(header.timestamp, line.timestamp.extend(header.timestamp));
            line.arrivals.note(clock, timestamp);
            if end > line.end {
                (line.end, line.length) = (end, content.samples());
            }
        }
        self.packets.insert(sequence, timestamp, now, content);
        if late { Taken::Late } else { Taken::Accepted { end, reordered, begins: None } }
    }

    /// Begins a time line at this packet: its audio belongs where the clock is, or where readers have got to.
    fn begin(
        &mut self,
        now: Instant,
        clock: i64,
        window: Window,
        header: &RtpHeader,
        units: u32,
        content: Content<'_>,
    ) -> Taken {
        if let Some(old) = self.line.take() {
            self.lost_before += old.lost();
            self.expected_before += old.expected();
            self.restarts += 1;
        }
        self.trial = None;
        self.late_run = 0;
        let start = clock.max(window.to);
        let sequence = Sequence::starting_at(header.sequence);
        let first = sequence.newest();
        let arrivals = Arrivals::starting(clock, start);
        let (units, length) = (i64::from(units), content.samples());
        self.packets.clear();
        self.packets.insert(first, start, now, content);
        self.line = Some(Line {
            ssrc: header.ssrc,
            sequence,
            timestamp: Timestamp::starting_at(header.timestamp, start * units),
            units,
            end: start + length,
            length,
            arrivals,
            first,
            received: 1,
            repeated: 0,
        });
        Taken::Accepted { end: start + length, reordered: false, begins: Some(first) }
    }
}

impl Line {
    /// Where a timestamp lies, in samples.
    fn place(&self, timestamp: u32) -> i64 {
        self.timestamp.extend(timestamp).div_euclid(self.units)
    }

    /// The newest place noted.
    fn newest(&self) -> i64 {
        self.timestamp.newest().div_euclid(self.units)
    }

    /// By how much a packet's number is ahead of the newest; `None` when it is another stream's.
    fn ahead(&self, header: &RtpHeader) -> Option<i64> {
        let ahead = self.sequence.extend(header.sequence) - self.sequence.newest();
        (header.ssrc == self.ssrc && (-MAX_BEHIND..=MAX_AHEAD).contains(&ahead)).then_some(ahead)
    }

    /// Goes over to another clock at this packet. What the numbers promise lies between it and the audio before, unless
    /// its arrival says that there was a pause.
    fn anchor(&mut self, clock: i64, ahead: i64, timestamp: u32, units: u32) {
        let by_number = self.end + (ahead - 1) * self.length;
        let by_arrival = clock - self.arrivals.base();
        let place = if by_arrival - by_number > PAUSE { by_arrival } else { by_number };
        self.units = i64::from(units);
        self.timestamp = Timestamp::starting_at(timestamp, place * self.units);
    }

    /// Whether a packet can be this line's. Timestamps of telephone events are those of the key going down, so only
    /// audio is held against the clock.
    fn fits(&self, clock: i64, header: &RtpHeader, audio: bool) -> bool {
        let ahead = self.sequence.extend(header.sequence) - self.sequence.newest();
        let timestamp = self.place(header.timestamp);
        let off = self.arrivals.lateness(clock, timestamp);
        let jumps = ahead > JUMP && timestamp - self.newest() < ahead * SHORTEST;
        header.ssrc == self.ssrc
            && (-MAX_BEHIND..=MAX_AHEAD).contains(&ahead)
            && (!audio || (off.abs() <= MAX_OFF && !jumps))
    }

    /// Whether the sender's timestamps have not counted the pause before this packet.
    fn stood_still(&self, clock: i64, header: &RtpHeader) -> bool {
        let timestamp = self.place(header.timestamp);
        header.marker
            && self.sequence.extend(header.sequence) == self.sequence.newest() + 1
            && (timestamp - self.end).abs() <= CONTINUES
            && self.arrivals.lateness(clock, timestamp) >= STOOD_STILL + self.arrivals.usual_lateness()
    }

    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    fn expected(&self) -> u64 {
        (self.sequence.newest() - self.first + 1).unsigned_abs()
    }
}

#[cfg(test)]
mod tests;
