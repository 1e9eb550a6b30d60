//! Keeps the messages of calls for as long as they are wanted, within bounds of every kind.
//!
//! A call begins with an INVITE. It is a stranger until somebody claims its Call-ID, before or after its first message;
//! strangers have few places, and the oldest makes room for the next. A claimed call is kept until its owner says that it
//! is over and its messages have come to rest; then it is handed out by [`Recorder::finished`].

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::{Message, Outline};

/// Bounds of what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Claimed calls; further ones are not kept.
    pub calls: usize,
    /// Calls that nobody has claimed; the oldest makes room for the next.
    pub strangers: usize,
    /// Messages of one call, at least 2: the first half are the first ones, the second half the last ones.
    pub messages: usize,
    /// Bytes of the messages of one call, shared in the same way.
    pub bytes: usize,
    /// How long a call that is over is kept after its last message: what is repeated comes within 4 s (RFC 3261 timer T2).
    pub rest: Duration,
    /// How long it is kept at the most when it does not come to rest.
    pub longest_rest: Duration,
    /// How long a stranger is kept after its last message.
    pub stranger: Duration,
}

impl Default for Limits {
    /// For a server of a few thousand calls at one time.
    fn default() -> Self {
        Self {
            calls: 10_000,
            strangers: 256,
            messages: 200,
            bytes: 128 * 1024,
            rest: Duration::from_secs(5),
            longest_rest: Duration::from_secs(40),
            stranger: Duration::from_secs(60),
        }
    }
}

/// What was not kept, since the recorder was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that belong to no call: without Call-ID, or of one that did not begin with an INVITE here.
    pub no_call: u64,
    /// Messages of calls that had too many.
    pub left_out: u64,
    /// Claims that found no place.
    pub calls_refused: u64,
    /// Strangers that made room before their time.
    pub strangers_ousted: u64,
}

/// The messages of one call as far as they are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    first: Vec<Message>,
    last: VecDeque<Message>,
    first_bytes: usize,
    last_bytes: usize,
    left_out: u64,
}

impl Trace {
    /// A trace as it was: the messages before those that were left out, how many these were, the messages after them.
    #[must_use]
    pub fn restored(first: Vec<Message>, left_out: u64, last: Vec<Message>) -> Self {
        let bytes = |messages: &[Message]| messages.iter().map(|message| message.bytes().len()).sum();
        let (first_bytes, last_bytes) = (bytes(&first), bytes(&last));
        Self { first, last: last.into(), first_bytes, last_bytes, left_out }
    }

    /// The first messages and the last ones, in their order.
    pub fn parts(&self) -> (&[Message], impl ExactSizeIterator<Item = &Message>) {
        (&self.first, self.last.iter())
    }

    /// All messages that are kept, in their order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.first.iter().chain(&self.last)
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.last.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were left out between the two parts.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Keeps a message; how many are left out because of it.
    fn push(&mut self, limits: &Limits, message: Message) -> u64 {
        let length = message.bytes().len();
        let still_first = self.last.is_empty() && self.left_out == 0;
        if still_first && self.first.len() < limits.messages / 2 && self.first_bytes + length <= limits.bytes / 2 {
            self.first_bytes += length;
            self.first.push(message);
            return 0;
        }
        self.last_bytes += length;
        self.last.push_back(message);
        let before = self.left_out;
        let (messages, bytes) = (limits.messages - limits.messages / 2, limits.bytes - limits.bytes / 2);
        while self.last.len() > messages || self.last_bytes > bytes {
            let Some(oldest) = self.last.pop_front() else { break };
            self.last_bytes -= oldest.bytes().len();
            self.left_out += 1;
        }
        self.left_out - before
    }
}

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished<O> {
    /// Its Call-ID.
    pub call_id: Vec<u8>,
    /// Whose it is.
    pub owner: O,
    /// Its messages.
    pub trace: Trace,
}

#[derive(Debug)]
struct Kept<O> {
    owner: Option<O>,
    /// When it last had a message, or was claimed.
    heard: Instant,
    over: Option<Instant>,
    /// Handed out: what comes now is left out.
    sealed: bool,
    trace: Trace,
}

/// The messages of calls, by Call-ID. `O` says whose a call is.
#[derive(Debug)]
pub struct Recorder<O> {
    limits: Limits,
    calls: BTreeMap<Vec<u8>, Kept<O>>,
    /// Calls without an owner, oldest first.
    strangers: VecDeque<Vec<u8>>,
    counts: Counts,
}

impl<O: Clone> Recorder<O> {
    /// Keeps nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, calls: BTreeMap::new(), strangers: VecDeque::new(), counts: Counts::default() }
    }

    /// What was not kept.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Keeps a message.
    pub fn keep(&mut self, now: Instant, message: Message) {
        let outline = Outline::of(message.bytes());
        let Some(call_id) = outline.call_id.filter(|call_id| !call_id.is_empty()) else {
            self.counts.no_call += 1;
            return;
        };
        if !self.calls.contains_key(call_id) {
            if !outline.is_request("INVITE") || self.limits.strangers == 0 {
                self.counts.no_call += 1;
                return;
            }
            let call_id = call_id.to_vec();
            self.make_room_for_a_stranger();
            self.strangers.push_back(call_id.clone());
            self.calls.insert(call_id, Kept::new(now, None));
        }
        let Some(kept) = self.calls.get_mut(call_id) else { return };
        kept.heard = now;
        self.counts.left_out += if kept.sealed { 1 } else { kept.trace.push(&self.limits, message) };
    }

    /// Says whose a call is. `false` when there is no place for it.
    pub fn claim(&mut self, now: Instant, call_id: &[u8], owner: O) -> bool {
        if self.calls.len() - self.strangers.len() >= self.limits.calls {
            self.counts.calls_refused += 1;
            return false;
        }
        self.strangers.retain(|stranger| stranger != call_id);
        match self.calls.get_mut(call_id) {
            Some(kept) => kept.owner = Some(owner),
            None => drop(self.calls.insert(call_id.to_vec(), Kept::new(now, Some(owner)))),
        }
        true
    }

    /// Says that a call is over.
    pub fn over(&mut self, now: Instant, call_id: &[u8]) {
        if let Some(kept) = self.calls.get_mut(call_id) {
            kept.over = kept.over.or(Some(now));
        }
    }

    /// Claimed calls that are over and at rest, at most so many of them. They stay until [`Recorder::forget`].
    #[must_use]
    pub fn finished(&mut self, now: Instant, most: usize) -> Vec<Finished<O>> {
        let limits = self.limits;
        let at_rest = |kept: &Kept<O>| {
            let since = |at: Instant| now.saturating_duration_since(at);
            let rests = since(kept.heard) >= limits.rest;
            kept.over.is_some_and(|over| (rests && since(over) >= limits.rest) || since(over) >= limits.longest_rest)
        };
        self.hand_out(most, at_rest)
    }

    /// All claimed calls, at rest or not, at most so many of them: the server ends.
    #[must_use]
    pub fn unfinished(&mut self, most: usize) -> Vec<Finished<O>> {
        self.hand_out(most, |_| true)
    }

    /// Forgets a call.
    pub fn forget(&mut self, call_id: &[u8]) {
        self.calls.remove(call_id);
        self.strangers.retain(|stranger| stranger != call_id);
    }

    /// Forgets strangers whom nobody has claimed in time.
    pub fn tidy(&mut self, now: Instant) {
        let Self { calls, strangers, limits, .. } = self;
        strangers.retain(|stranger| {
            let heard = calls.get(stranger).map(|kept| kept.heard);
            let stays = heard.is_some_and(|heard| now.saturating_duration_since(heard) < limits.stranger);
            if !stays {
                calls.remove(stranger);
            }
            stays
        });
    }

    /// The calls that somebody has claimed: Call-ID, owner and messages.
    pub fn claimed(&self) -> impl Iterator<Item = (&[u8], &O, &Trace)> {
        self.calls.iter().filter_map(|(call_id, kept)| Some((&call_id[..], kept.owner.as_ref()?, &kept.trace)))
    }

    fn hand_out(&mut self, most: usize, which: impl Fn(&Kept<O>) -> bool) -> Vec<Finished<O>> {
        let ready = self.calls.iter_mut().filter(|(_, kept)| !kept.sealed && kept.owner.is_some() && which(kept));
        let finish = |(call_id, kept): (&Vec<u8>, &mut Kept<O>)| {
            kept.sealed = true;
            Some(Finished { call_id: call_id.clone(), owner: kept.owner.clone()?, trace: kept.trace.clone() })
        };
        ready.take(most).filter_map(finish).collect()
    }

    fn make_room_for_a_stranger(&mut self) {
        while self.strangers.len() >= self.limits.strangers {
            let Some(oldest) = self.strangers.pop_front() else { return };
            self.calls.remove(&oldest);
            self.counts.strangers_ousted += 1;
        }
    }
}

impl<O> Kept<O> {
    fn new(now: Instant, owner: Option<O>) -> Self {
        Self { owner, heard: now, over: None, sealed: false, trace: Trace::default() }
    }
}

#[cfg(test)]
mod tests;
