//! The far end: a carrier that rings phones and counts what comes to it.

use std::collections::{BTreeMap, VecDeque};

use callwright::id::AttemptId;

use super::callee::Course;

/// An INVITE and its resends: what the carrier knows a call by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId {
    pub attempt: AttemptId,
    /// Further legs of the same attempt.
    pub leg: u8,
}

/// How far a call is, seen from the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Ringing,
    Answered,
    Over,
}

/// A call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub host: usize,
    pub life: u32,
    pub course: Course,
    pub phase: Phase,
    /// The office has confirmed the last answer, or our BYE.
    pub confirmed: bool,
    /// The office has given it up without having heard a word.
    pub given_up: bool,
    pub campaign: usize,
}

/// Which dial an INVITE belongs to: target, round, number.
pub type Dial = (usize, u32, u32);

/// All calls that ever came.
#[derive(Default)]
pub struct Carrier {
    pub calls: BTreeMap<CallId, Call>,
    dials: BTreeMap<Dial, CallId>,
    /// Calls that were up when one came last.
    open: Vec<CallId>,
    /// When calls came, for each limit.
    came: BTreeMap<usize, VecDeque<u64>>,
}

/// What a limit allows.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    pub index: usize,
    pub name: &'a str,
    pub calls_per_minute: usize,
    pub most: usize,
}

impl Carrier {
    /// A call that was not known comes in at `at` (microseconds). `shares` tells whether a campaign is under a limit.
    pub fn came(
        &mut self,
        at: u64,
        id: CallId,
        call: Call,
        dial: Dial,
        limits: &[Allowed<'_>],
        shares: impl Fn(usize, usize) -> bool,
    ) {
        let earlier = self.dials.insert(dial, id);
        assert!(earlier.is_none(), "dial {dial:?} rings twice: {earlier:?} and {id:?}");
        self.calls.insert(id, call);
        self.open.push(id);
        self.open.retain(|id| self.calls[id].counts());
        for limit in limits {
            let up = self.open.iter().filter(|id| shares(limit.index, self.calls[id].campaign)).count();
            assert!(up <= limit.most, "{}: the carrier has {up} calls, {} allowed", limit.name, limit.most);
            let came = self.came.entry(limit.index).or_default();
            came.push_back(at);
            while came.front().is_some_and(|&first| first + 60_000_000 <= at) {
                came.pop_front();
            }
            // Two dials may change their distance on the way.
            let allowed = limit.calls_per_minute + (limit.calls_per_minute / 100).max(1) + 1;
            assert!(came.len() <= allowed, "{}: {} calls came within a minute", limit.name, came.len());
        }
    }

    /// Calls with a phone that rings or talks, other than those that nobody here knows of any more.
    pub fn up(&self) -> usize {
        self.calls.values().filter(|call| call.counts()).count()
    }
}

impl Call {
    fn counts(&self) -> bool {
        self.phase != Phase::Over && !self.given_up
    }
}
