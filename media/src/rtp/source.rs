//! Where the peer's packets come from, learnt and then held on to.
//!
//! Many peers sit behind address translation and send from another address than their SDP says, so the SDP cannot be
//! believed alone; and whoever finds the port can send to it, so the first packet cannot be believed either.
//!
//! - Packets from the address of the SDP are taken at once.
//! - Another address is believed after four packets in a row that keep a talker's pace. A stranger who floods the port
//!   is therefore never believed, and one who keeps the pace loses against the SDP's address.
//! - Once learnt, packets from elsewhere are dropped. Only an address nearer to the SDP's (the same, or the same host)
//!   can still take over, again with four packets.
//! - A new SDP or two seconds without a packet open the question again.
//!
//! A stranger who forges the peer's own address passes; only SRTP helps against that. With SRTP whoever holds the key is
//! the peer, wherever its packets come from: they are heard at once, and ours follow after four in a row, so that whoever
//! sends on what he overheard, a packet at a time, does not turn them away.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Packets in a row that make an address the peer's.
const SEQUENTIAL: u32 = 4;

/// Silence after which any address may become the peer's again.
pub(crate) const REOPEN_AFTER: Duration = Duration::from_secs(2);

/// Addresses on trial at a time. When all are taken by lively ones, further addresses wait.
const CANDIDATES: usize = 8;

/// A candidate that has been silent for this long gives up its place.
const CANDIDATE_IDLE: Duration = Duration::from_millis(200);

/// Time that the timestamps of a trial span at least, in ms: four packets of the shortest packet time, 10 ms.
const LEAST_SPAN: u32 = 3 * 10;

/// What of a packet tells whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// It carries the negotiated codec: only those count for a trial.
    pub(crate) audio: bool,
    /// It is made with the peer's key.
    pub(crate) authentic: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    /// Timestamps a second.
    pub(crate) clock_rate: u32,
}

/// What to do with a packet, judged by where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The peer's.
    Accept,
    /// Perhaps the peer's: on trial.
    Learning,
    /// Not the peer's.
    Stranger,
}

/// How near an address is to what the SDP announced, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    Elsewhere,
    SameHost,
    Announced,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    from: SocketAddr,
    next: u16,
    packets: u32,
    started: Instant,
    first_timestamp: u32,
    last: Instant,
}

/// The learner of one leg.
#[derive(Clone, Debug)]
pub(crate) struct SourceLearner {
    announced: Option<SocketAddr>,
    /// The address learnt; kept as destination while learning is open again.
    learnt: Option<SocketAddr>,
    locked: bool,
    /// Whether the announced address was heard since learning opened.
    announced_heard: bool,
    heard: Instant,
    candidates: [Option<Candidate>; CANDIDATES],
}

impl SourceLearner {
    pub(crate) fn new(now: Instant, announced: Option<SocketAddr>) -> Self {
        Self {
            announced,
            learnt: None,
            locked: false,
            announced_heard: false,
            heard: now,
            candidates: [None; CANDIDATES],
        }
    }

    /// Where packets go: to the address learnt, before that to the one announced.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.learnt.or(self.announced)
    }

    /// A new SDP. An unchanged address keeps what was learnt as destination, so that a mere refresh does not send the
    /// audio of a peer behind address translation to its private address.
    pub(crate) fn renegotiate(&mut self, announced: Option<SocketAddr>) {
        if announced != self.announced {
            self.learnt = None;
        }
        self.announced = announced;
        self.open();
    }

    /// Judges a packet.
    pub(crate) fn judge(&mut self, now: Instant, from: SocketAddr, trace: Trace) -> Judgement {
        if self.locked && now.saturating_duration_since(self.heard) >= REOPEN_AFTER {
            self.open();
        }
        let judgement = self.weigh(now, from, trace);
        if judgement == Judgement::Accept {
            self.heard = now;
        }
        judgement
    }

    /// Whether RTCP from there is the peer's: from where its RTP comes or, before any did, was announced.
    pub(crate) fn is_peer(&self, from: SocketAddr) -> bool {
        self.destination() == Some(from)
    }

    /// Whether the peer's packets come from where it announced.
    pub(crate) fn is_as_announced(&self) -> bool {
        self.learnt.is_none_or(|learnt| self.announced == Some(learnt))
    }

    fn weigh(&mut self, now: Instant, from: SocketAddr, trace: Trace) -> Judgement {
        if self.learnt == Some(from) {
            self.locked = true;
            return Judgement::Accept;
        }
        if trace.authentic {
            if self.learnt.is_none() || (trace.audio && self.try_out(now, from, trace)) {
                self.learnt = Some(from);
                self.locked = true;
            }
            return Judgement::Accept;
        }
        let nearness = self.nearness(from);
        let announced = nearness == Nearness::Announced;
        let beaten = match self.learnt.filter(|_| self.locked) {
            Some(learnt) => nearness <= self.nearness(learnt),
            None => self.announced_heard && !announced,
        };
        if beaten {
            return Judgement::Stranger;
        }
        if trace.audio && self.try_out(now, from, trace) {
            self.learnt = Some(from);
            self.locked = true;
            return Judgement::Accept;
        }
        if announced && !self.locked {
            self.announced_heard = true;
            return Judgement::Accept;
        }
        Judgement::Learning
    }

    /// Counts the packet for its candidate; whether the trial is passed.
    fn try_out(&mut self, now: Instant, from: SocketAddr, trace: Trace) -> bool {
        let Trace { sequence, timestamp, .. } = trace;
        let fresh = Candidate { from, next: sequence, packets: 0, started: now, first_timestamp: timestamp, last: now };
        let Some(candidate) = self.place(now, from) else { return false };
        let candidate = candidate.get_or_insert(fresh);
        if candidate.from != from || candidate.next != sequence {
            *candidate = fresh;
        }
        candidate.next = sequence.wrapping_add(1);
        candidate.packets += 1;
        candidate.last = now;
        candidate.packets >= SEQUENTIAL && candidate.keeps_pace(now, trace)
    }

    /// The place of a candidate, a free one, or the one of a candidate gone silent.
    fn place(&mut self, now: Instant, from: SocketAddr) -> Option<&mut Option<Candidate>> {
        let index = self
            .candidates
            .iter()
            .position(|place| place.is_some_and(|candidate| candidate.from == from))
            .or_else(|| self.candidates.iter().position(Option::is_none))
            .or_else(|| {
                self.candidates.iter().position(|place| {
                    place.is_some_and(|candidate| now.saturating_duration_since(candidate.last) > CANDIDATE_IDLE)
                })
            })
            // The SDP's own host always finds a place.
            .or_else(|| (self.nearness(from) > Nearness::Elsewhere).then_some(0))?;
        self.candidates.get_mut(index)
    }

    fn open(&mut self) {
        self.locked = false;
        self.announced_heard = false;
        self.candidates = [None; CANDIDATES];
    }

    fn nearness(&self, address: SocketAddr) -> Nearness {
        match self.announced {
            Some(announced) if announced == address => Nearness::Announced,
            Some(announced) if announced.ip() == address.ip() => Nearness::SameHost,
            Some(_) | None => Nearness::Elsewhere,
        }
    }
}

impl Candidate {
    /// Whether the trial took at least half the time its timestamps claim. Half, because the first packets may have
    /// queued up on their way.
    fn keeps_pace(&self, now: Instant, trace: Trace) -> bool {
        let claimed = trace.timestamp.wrapping_sub(self.first_timestamp);
        let a_millisecond = trace.clock_rate / 1_000;
        let taken = now.saturating_duration_since(self.started).as_millis() * u128::from(a_millisecond);
        claimed >= LEAST_SPAN * a_millisecond && taken >= u128::from(claimed / 2)
    }
}

#[cfg(test)]
mod tests;
