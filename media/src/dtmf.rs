//! Keys as RTP events (RFC 4733): one state machine that sends them, one that understands what comes.
//!
//! An event is a run of packets that share the timestamp of the key going down and say how long it has been down.
//! The last one has the end bit and is sent three times, because everything about the key is lost with it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::digit::Digit;
use crate::frame::FRAME_8K;

/// Length of one event report in bytes (RFC 4733 section 2.3).
pub const REPORT: usize = 4;

/// Keys that may wait to be sent.
pub const MAX_QUEUED: usize = 64;

/// How loud the tone is said to be, in dB below 0 dBm0 (section 2.3.4: 0 to 63). What keypads use.
const VOLUME: u8 = 10;

/// Times the last packet of an event is sent (section 2.5.1.4).
const END_PACKETS: u8 = 3;

/// How long a key must at least be down and up. Q.24 makes receivers accept 40 ms of each.
const MIN_LENGTH: Duration = Duration::from_millis(40);

/// Longest tone: the duration field ends at 8.19 s, and segments (section 2.5.1.3) are not sent.
const MAX_LENGTH: Duration = Duration::from_secs(8);

/// Reports of one packet that are looked at.
const MAX_REPORTS: usize = 8;

/// Samples of one packet at 8 kHz.
const STEP: u32 = FRAME_8K as u32;

/// More keys than may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no room for {rejected} more keys")]
pub struct QueueFull {
    /// How many keys did not fit; none of the call was queued.
    pub rejected: usize,
}

/// What the sender puts on the wire instead of audio.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    /// Marker bit: set on the first packet of an event (section 2.5.1.1).
    pub marker: bool,
    /// RTP timestamp, that of the beginning of the event in every packet of it.
    pub timestamp: u32,
    /// The payload.
    pub payload: [u8; REPORT],
}

// The payload is the key, and a key may be part of a card number.
impl std::fmt::Debug for EventPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventPacket").field("marker", &self.marker).field("timestamp", &self.timestamp).finish()
    }
}

/// Sends keys one after another.
///
/// ```text
///          key queued, gap over        down for `tone`           END_PACKETS sent
///   Idle ───────────────────────▶ Down ───────────────▶ Ending ───────────────────▶ Idle (gap counts from key up)
/// ```
#[derive(Debug, Clone)]
pub struct DtmfSender {
    queue: VecDeque<Digit>,
    /// In samples at 8 kHz, `units` of the RTP clock each.
    tone: u32,
    gap: u32,
    units: u32,
    state: Sending,
}

#[derive(Debug, Clone, Copy)]
enum Sending {
    /// No key is down. `free_from` is the timestamp at which the next may go down; `None` before the first.
    Idle {
        free_from: Option<u32>,
    },
    Down {
        digit: Digit,
        start: u32,
    },
    Ending {
        digit: Digit,
        start: u32,
        duration: u16,
        left: u8,
    },
}

impl Default for DtmfSender {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_millis(100))
    }
}

impl DtmfSender {
    /// A sender whose keys are down for `tone` and up for `gap` at least. Both are kept within 40 ms and 8 s and
    /// rounded up to whole packets of 20 ms.
    #[must_use]
    pub fn new(tone: Duration, gap: Duration) -> Self {
        let units =
            |length: Duration| (length.clamp(MIN_LENGTH, MAX_LENGTH).as_millis() as u32 * 8).next_multiple_of(STEP);
        let state = Sending::Idle { free_from: None };
        Self { queue: VecDeque::new(), tone: units(tone), gap: units(gap), units: 1, state }
    }

    /// The same for an RTP clock that counts `units` for each sample at 8 kHz. At 48 kHz no more than 1.36 s of a key can
    /// be told.
    pub(crate) fn on_clock(mut self, units: u32) -> Self {
        self.units = units;
        self
    }

    /// Goes over to another RTP clock. A key that is down ends there.
    pub(crate) fn set_clock(&mut self, units: u32) {
        self.units = units;
        self.state = Sending::Idle { free_from: None };
    }

    /// Queues keys behind those that wait. All or none: [`QueueFull`] when more than [`MAX_QUEUED`] would wait.
    pub fn send(&mut self, digits: &[Digit]) -> Result<(), QueueFull> {
        let room = MAX_QUEUED - self.queue.len();
        if digits.len() > room {
            return Err(QueueFull { rejected: digits.len() - room });
        }
        self.queue.extend(digits);
        Ok(())
    }

    /// Forgets the keys that have not gone down yet; one that is down is ended properly.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Whether a key is down or waits.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !matches!(self.state, Sending::Idle { .. })
    }

    /// What to send in the packet for the 20 ms that begin at `timestamp`; `None` means audio. Timestamps go forward
    /// by 20 ms a packet, by more after a stall.
    pub fn next(&mut self, timestamp: u32) -> Option<EventPacket> {
        if let Sending::Idle { free_from } = self.state {
            let resting = free_from.is_some_and(|free| is_before(timestamp, free));
            let digit = if resting { None } else { self.queue.pop_front() }?;
            self.state = Sending::Down { digit, start: timestamp };
        }
        match self.state {
            Sending::Idle { .. } => None,
            Sending::Down { digit, start } => {
                // A report says how long the key has been down at the end of the packet's 20 ms.
                let down = timestamp.wrapping_sub(start).saturating_add(STEP * self.units);
                let duration = u16::try_from(down).unwrap_or(u16::MAX);
                let end = down >= self.tone * self.units;
                if end {
                    self.state = Sending::Ending { digit, start, duration, left: END_PACKETS - 1 };
                }
                Some(packet(digit, start, duration, end, timestamp == start))
            }
            Sending::Ending { digit, start, duration, left } => {
                self.state = match left {
                    0 | 1 => Sending::Idle {
                        free_from: Some(start.wrapping_add(u32::from(duration) + self.gap * self.units)),
                    },
                    left => Sending::Ending { digit, start, duration, left: left - 1 },
                };
                Some(packet(digit, start, duration, true, false))
            }
        }
    }
}

/// Keys as sound at 8 kHz, 100 ms down and 100 ms up each, for a peer that takes no events (Q.23).
#[must_use]
pub fn in_band(digits: &[Digit]) -> Vec<i16> {
    const LENGTH: usize = 800;
    let mut samples = Vec::with_capacity(digits.len() * 2 * LENGTH);
    for digit in digits {
        let (low, high) = frequencies(*digit);
        let wave = |hz: f64, n: usize| (std::f64::consts::TAU * hz * n as f64 / 8_000.0).sin();
        // -12 and -10 dBFS: the higher tone is the louder one, for lines swallow it first.
        samples.extend((0..LENGTH).map(|n| (wave(low, n) * 8_200.0 + wave(high, n) * 10_300.0) as i16));
        samples.extend([0; LENGTH]);
    }
    samples
}

/// The low tones, one for each row of the keypad, in Hz.
pub(crate) const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
/// The high ones, one for each column.
pub(crate) const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYPAD: [char; 16] = ['1', '2', '3', 'A', '4', '5', '6', 'B', '7', '8', '9', 'C', '*', '0', '#', 'D'];

/// The key of a row and a column, both 0 to 3.
pub(crate) fn key_at(row: usize, column: usize) -> Digit {
    Digit::from_char(KEYPAD[row * 4 + column]).expect("the keypad has keys alone")
}

/// The two tones of a key in Hz.
fn frequencies(digit: Digit) -> (f64, f64) {
    let place = KEYPAD.iter().position(|key| *key == digit.as_char()).expect("the keypad has all sixteen keys");
    (ROWS[place / 4], COLUMNS[place % 4])
}

/// What a packet told about the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// A key has gone down. Said once per key, at the first packet of it that arrives.
    Down(Digit),
    /// The key is up again. Not said of a key whose end was the first thing that arrived.
    Up {
        /// Which key.
        digit: Digit,
        /// How long it was down, in units of 1/8000 s.
        duration: u16,
    },
}

/// Why a payload was not understood. The peer's fault, and harmless: the packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DtmfError {
    /// Shorter than one report.
    #[error("telephone-event payload of {0} bytes, a report has 4")]
    Short(usize),
    /// An event that is no key: hook flash (16, which `0-16` in an offer lets in), modem and fax tones.
    #[error("telephone-event {0} is no key")]
    NotAKey(u8),
}

/// Understands the events of one stream.
///
/// Peers differ: some never set the marker bit, some start a new timestamp with every packet of a long key (as
/// segments of section 2.5.1.3 do), packets get lost at either end, are repeated and overtake each other. What counts
/// is therefore the timestamp of the event: a newer one is a new key, unless it goes on where the same key, still
/// down, left off.
#[derive(Debug, Clone)]
pub struct DtmfReceiver {
    last: Option<Last>,
    /// Of the RTP clock, in a sample at 8 kHz.
    units: u32,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    digit: Digit,
    timestamp: u32,
    duration: u16,
    /// What earlier segments of the same key add to `duration`.
    before: u32,
    ended: bool,
}

impl Default for DtmfReceiver {
    /// Of events on a clock of 8 kHz.
    fn default() -> Self {
        Self::new(1)
    }
}

impl DtmfReceiver {
    /// Of events on an RTP clock that counts `units` for each sample at 8 kHz.
    pub(crate) fn new(units: u32) -> Self {
        Self { last: None, units: units.max(1) }
    }

    /// Takes the payload of one packet and says what it told. Usually that is one report; several events in one packet
    /// (section 2.5.1.5) follow each other without a pause, so each begins where the one before ended.
    pub fn receive(
        &mut self,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
        mut said: impl FnMut(KeyChange),
    ) -> Result<(), DtmfError> {
        let (reports, _) = payload.as_chunks::<REPORT>();
        if reports.is_empty() {
            return Err(DtmfError::Short(payload.len()));
        }
        let mut start = timestamp;
        for (index, &[event, flags, high, low]) in reports.iter().enumerate().take(MAX_REPORTS) {
            let digit = Digit::from_event(event).ok_or(DtmfError::NotAKey(event))?;
            let duration = u16::from_be_bytes([high, low]);
            let report = Report {
                digit,
                timestamp: start,
                marker: marker && index == 0,
                duration,
                ended: flags & 0x80 != 0 || index + 1 < reports.len(),
            };
            self.take(report).into_iter().for_each(&mut said);
            start = start.wrapping_add(u32::from(duration));
        }
        Ok(())
    }

    /// Forgets the last key, for a new stream whose timestamps have nothing to do with the old one's.
    pub fn reset(&mut self) {
        self.last = None;
    }

    fn take(&mut self, report: Report) -> Option<KeyChange> {
        let Some(last) = &mut self.last else { return Some(self.press(report)) };
        if is_before(report.timestamp, last.timestamp) {
            return None;
        }
        if report.timestamp == last.timestamp {
            last.duration = last.duration.max(report.duration);
        } else if last.continues(&report, STEP * self.units) {
            last.before = last.before.saturating_add(u32::from(last.duration));
            last.timestamp = report.timestamp;
            last.duration = report.duration;
        } else {
            return Some(self.press(report));
        }
        if last.ended || !report.ended || report.digit != last.digit {
            return None;
        }
        last.ended = true;
        let duration = last.before.saturating_add(u32::from(last.duration)) / self.units;
        Some(KeyChange::Up { digit: last.digit, duration: u16::try_from(duration).unwrap_or(u16::MAX) })
    }

    fn press(&mut self, report: Report) -> KeyChange {
        let Report { digit, timestamp, duration, ended, marker: _ } = report;
        self.last = Some(Last { digit, timestamp, duration, before: 0, ended });
        KeyChange::Down(digit)
    }
}

/// One report, with the timestamp of its own event.
#[derive(Clone, Copy)]
struct Report {
    digit: Digit,
    timestamp: u32,
    marker: bool,
    duration: u16,
    ended: bool,
}

impl Last {
    /// Whether a report of a later timestamp is about the same press: the key is still down and the new segment begins
    /// no more than a packet, of so many units, after the old one's end.
    fn continues(&self, report: &Report, packet: u32) -> bool {
        let ahead = report.timestamp.wrapping_sub(self.timestamp);
        !self.ended && !report.marker && report.digit == self.digit && ahead <= u32::from(self.duration) + packet
    }
}

fn packet(digit: Digit, start: u32, duration: u16, end: bool, marker: bool) -> EventPacket {
    let flags = if end { 0x80 | VOLUME } else { VOLUME };
    let [high, low] = duration.to_be_bytes();
    EventPacket { marker, timestamp: start, payload: [digit.event(), flags, high, low] }
}

/// Order of two timestamps that wrap.
fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

#[cfg(test)]
mod tests;
