//! Sight of SIP: what every call said on the wire, kept without its secrets and shown as a ladder.
//!
//! The SIP driver hands each message to a [`tap`], which never waits. [`keeper`] takes the secrets out, keeps the message
//! with its call, and tells a capture server where there is one. When a call has come to rest its messages are written
//! down beside its record.

pub mod keeper;
pub mod show;
pub mod stored;
pub mod tap;
pub mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_sip::trace::{Counts, Finished, Limits, Message, Recorder, Trace};

use crate::id::{AttemptId, CallId, OrgId};
use crate::time::Now;

/// Whose messages a dialog's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The organisation.
    pub org: OrgId,
    /// The call.
    pub call: CallId,
    /// The attempt of a campaign that it is, or that it was handed over from.
    pub attempt: Option<AttemptId>,
    /// The call whose caller is handed over on this one.
    pub second_of: Option<CallId>,
}

/// Whose messages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Those of a call, with the second legs of its transfers.
    Call(CallId),
    /// Those of an attempt, answered or not.
    Attempt(AttemptId),
}

/// The messages of one Call-ID.
#[derive(Clone, Debug)]
pub struct LegTrace {
    /// The Call-ID.
    pub call_id: Vec<u8>,
    /// The messages.
    pub trace: Trace,
}

/// The messages of calls that go on or have just ended. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Sight {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    recorder: Recorder<Owner>,
    /// The Call-IDs of calls.
    legs: BTreeMap<CallId, Vec<u8>>,
}

impl Sight {
    /// Sees nothing yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { state: Arc::new(Mutex::new(State { recorder: Recorder::new(limits), legs: BTreeMap::new() })) }
    }

    /// Says whose a Call-ID is, before its first message or after.
    pub fn claim(&self, now: Now, call_id: &[u8], mut owner: Owner) {
        let mut state = self.state();
        if let Some(first) = owner.second_of.and_then(|first| state.legs.get(&first)).cloned() {
            let of_first = state.recorder.claimed().find(|(call_id, ..)| *call_id == first);
            owner.attempt = of_first.and_then(|(_, first, _)| first.attempt);
        }
        if state.recorder.claim(now.mono, call_id, owner) {
            state.legs.insert(owner.call, call_id.to_vec());
        }
    }

    /// A call is over. Its messages are kept until they have come to rest and are written down.
    pub fn over(&self, now: Now, call: CallId) {
        let mut state = self.state();
        if let Some(call_id) = state.legs.remove(&call) {
            state.recorder.over(now.mono, &call_id);
        }
    }

    /// The messages of a call that are not written down yet, in the order of their legs.
    #[must_use]
    pub fn live(&self, org: OrgId, of: Of) -> Vec<LegTrace> {
        let state = self.state();
        let wanted = |owner: &Owner| {
            owner.org == org
                && match of {
                    Of::Call(call) => owner.call == call || owner.second_of == Some(call),
                    Of::Attempt(attempt) => owner.attempt == Some(attempt),
                }
        };
        let mut legs: Vec<_> = state.recorder.claimed().filter(|(_, owner, _)| wanted(owner)).collect();
        legs.sort_by_key(|(_, owner, _)| owner.call);
        legs.into_iter()
            .map(|(call_id, _, trace)| LegTrace { call_id: call_id.to_vec(), trace: trace.clone() })
            .collect()
    }

    /// What was not kept.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().recorder.counts()
    }

    fn keep(&self, now: Now, message: Message) {
        self.state().recorder.keep(now.mono, message);
    }

    fn finished(&self, now: Now, most: usize) -> Vec<Finished<Owner>> {
        let mut state = self.state();
        state.recorder.tidy(now.mono);
        state.recorder.finished(now.mono, most)
    }

    fn unfinished(&self, most: usize) -> Vec<Finished<Owner>> {
        self.state().recorder.unfinished(most)
    }

    fn forget(&self, call_id: &[u8]) {
        self.state().recorder.forget(call_id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
