//! Stepping into live calls from outside: whispering, silencing, taking off the record, ending.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::live::{Control, LiveCall, Stage};
use super::{Calls, Entry};
use crate::agent::assistant::Mode;
use crate::call::listen::{self, Encoding, Hearing, Listener, Unheard};
use crate::id::{CallId, OrgId};
use crate::net::webrtc::sessions::BrowserLeg;
use crate::pii::Pii;

/// Notes that one call takes: each stays in what the model is given for the rest of it.
const MOST_NOTES: u32 = 50;
/// Calls that are remembered as ended: their records are being written.
const ENDED: usize = 1_024;

/// What a supervisor does to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Supervision {
    /// Tells the agent something; the caller does not hear it.
    Note(Pii<String>),
    /// Silences the agent, or gives it the word again.
    Mute(bool),
    /// Takes the talk off the record, or puts it on again.
    OffRecord(bool),
}

/// Why nobody can step into a call so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReached {
    /// There is no such call here, or its record has it.
    #[error("there is no such live call")]
    Unknown,
    /// It has just ended.
    #[error("the call is over")]
    Over,
    /// A flow says what is written in it: nobody there could act on a note.
    #[error("a flow leads the call, no model is there to be told something")]
    NoModel,
    /// A bot elsewhere leads: its protocol has no word for a note.
    #[error("a bot elsewhere leads the call, and takes no notes")]
    Bot,
    /// The caller has been handed over, and the agent has gone.
    #[error("the agent has handed the caller over and left the call")]
    AgentLeft,
    /// It is the second leg of a transfer.
    #[error("this is the second leg of the transfer of call {0}")]
    SecondLeg(CallId),
    /// As many listen to it as may.
    #[error("{} people listen to the call already", listen::MOST)]
    TooManyListeners,
    /// It has all the notes that it takes.
    #[error("the call has been told {MOST_NOTES} notes and takes no more")]
    TooManyNotes,
    /// A supervisor has it.
    #[error("a supervisor has taken the call over")]
    TakenOver,
    /// No supervisor has it.
    #[error("no supervisor has taken the call over")]
    NotTakenOver,
    /// It has not been answered yet.
    #[error("the call has not been answered yet")]
    NotAnswered,
    /// It has not taken what it was told before.
    #[error("the call has not taken what it was told before")]
    Busy,
}

/// A live call that has room for a command.
pub struct Reached {
    permit: mpsc::OwnedPermit<Control>,
    supervised: Arc<Supervised>,
    call: LiveCall,
}

/// What supervisors have done to a call.
#[derive(Debug, Default)]
pub(in crate::call) struct Supervised {
    muted: AtomicBool,
    taken: AtomicBool,
    off_record: AtomicBool,
    notes: AtomicU32,
}

impl Supervised {
    pub(super) fn is_muted(&self) -> bool {
        self.muted.load(Ordering::Relaxed)
    }

    /// A supervisor has taken the call over, or handed it back: then the agent has the word.
    pub(in crate::call) fn take(&self, taken: bool) {
        self.taken.store(taken, Ordering::Relaxed);
        self.muted.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    pub(super) fn is_off_record(&self) -> bool {
        self.off_record.load(Ordering::Relaxed)
    }
}

impl Calls {
    /// Ends a call for a person: CANCEL before the answer, BYE after it. `false` when there is no such call, or it has
    /// not taken what it was told before.
    #[must_use]
    pub fn hang_up(&self, call: CallId) -> bool {
        self.inner.live.get(&call).is_some_and(|entry| entry.control.try_send(Control::HangUp).is_ok())
    }

    /// A live call of the organisation that has room for a command. What is then told to it is taken, unless the call
    /// ends before.
    ///
    /// # Errors
    /// [`NotReached::Unknown`], [`NotReached::Over`], [`NotReached::Busy`].
    pub fn reach(&self, org: OrgId, call: CallId) -> Result<Reached, NotReached> {
        let Some(entry) = self.inner.live.get(&call).filter(|entry| entry.identity.org == org) else {
            return Err(self.missed(org, call));
        };
        let Entry { control, supervised, .. } = &*entry;
        match control.clone().try_reserve_owned() {
            Ok(permit) => Ok(Reached { permit, supervised: Arc::clone(supervised), call: entry.live() }),
            Err(TrySendError::Full(_)) => Err(NotReached::Busy),
            Err(TrySendError::Closed(_)) => Err(NotReached::Over),
        }
    }

    /// Lets somebody of the organisation listen to a live call, from its answer on, until what is given here is dropped.
    /// The call as it is now, too.
    ///
    /// # Errors
    /// [`NotReached::Unknown`], [`NotReached::Over`], [`NotReached::Busy`], [`NotReached::TooManyListeners`].
    pub fn listen(&self, org: OrgId, call: CallId) -> Result<(Listener, LiveCall), NotReached> {
        let Some(entry) = self.inner.live.get(&call).filter(|entry| entry.identity.org == org) else {
            return Err(self.missed(org, call));
        };
        let (listener, tell) = entry.listeners.join().map_err(|why| match why {
            Unheard::Over => NotReached::Over,
            Unheard::Full => NotReached::TooManyListeners,
        })?;
        if tell {
            entry.control.try_send(Control::Listen).map_err(|error| match error {
                TrySendError::Full(_) => NotReached::Busy,
                TrySendError::Closed(_) => NotReached::Over,
            })?;
        }
        Ok((listener, entry.live()))
    }

    /// Like [`listen`](Self::listen), but encoded for browsers: once for all who listen in this encoding.
    ///
    /// # Errors
    /// [`NotReached::Unknown`], [`NotReached::Over`], [`NotReached::Busy`], [`NotReached::TooManyListeners`].
    pub fn hear(&self, org: OrgId, call: CallId, encoding: Encoding) -> Result<Hearing, NotReached> {
        let (listener, _) = self.listen(org, call)?;
        let Some(entry) = self.inner.live.get(&call) else { return Err(NotReached::Over) };
        Ok(entry.listeners.encode(listener, encoding))
    }

    /// The call has ended.
    pub(super) fn note_end(&self, org: OrgId, call: CallId) {
        let mut ended = self.inner.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= ENDED {
            ended.pop_front();
        }
        ended.push_back((org, call));
    }

    fn missed(&self, org: OrgId, call: CallId) -> NotReached {
        let ended = self.inner.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.contains(&(org, call)) { NotReached::Over } else { NotReached::Unknown }
    }
}

impl Reached {
    /// Whether this can be done to the call.
    ///
    /// # Errors
    /// Why not.
    pub fn allows(&self, what: &Supervision) -> Result<(), NotReached> {
        if let Some(of) = self.call.second_of {
            return Err(NotReached::SecondLeg(of));
        }
        let left = matches!(self.call.stage, Stage::HandedOver { .. });
        match what {
            Supervision::Note(_) if self.call.assistant.definition.mode == Mode::Flow => Err(NotReached::NoModel),
            Supervision::Note(_) if self.call.assistant.definition.mode == Mode::External => Err(NotReached::Bot),
            Supervision::Note(_) | Supervision::Mute(_) if left => Err(NotReached::AgentLeft),
            Supervision::Mute(_) if self.supervised.is_taken() => Err(NotReached::TakenOver),
            Supervision::Note(_) if self.supervised.notes.load(Ordering::Relaxed) >= MOST_NOTES => {
                Err(NotReached::TooManyNotes)
            }
            Supervision::Note(_) | Supervision::Mute(_) | Supervision::OffRecord(_) => Ok(()),
        }
    }

    /// Steps in. The call as it then is.
    #[must_use]
    pub fn supervise(self, what: Supervision) -> LiveCall {
        let Self { permit, supervised, mut call } = self;
        match what {
            Supervision::Note(_) => drop(supervised.notes.fetch_add(1, Ordering::Relaxed)),
            Supervision::Mute(on) => supervised.muted.store(on, Ordering::Relaxed),
            Supervision::OffRecord(on) => supervised.off_record.store(on, Ordering::Relaxed),
        }
        (call.muted, call.off_record) = (supervised.is_muted(), supervised.is_off_record());
        permit.send(Control::Supervise(what));
        call
    }

    /// Whether a supervisor can take the call over.
    ///
    /// # Errors
    /// Why not.
    pub fn allows_take_over(&self) -> Result<(), NotReached> {
        if let Some(of) = self.call.second_of {
            return Err(NotReached::SecondLeg(of));
        }
        match self.call.stage {
            Stage::HandedOver { .. } => Err(NotReached::AgentLeft),
            Stage::Dialing | Stage::Ringing => Err(NotReached::NotAnswered),
            Stage::Answered { .. } | Stage::InConversation { .. } if self.supervised.is_taken() => {
                Err(NotReached::TakenOver)
            }
            Stage::Answered { .. } | Stage::InConversation { .. } => Ok(()),
        }
    }

    /// Gives a supervisor's browser the call. One that cannot have it after all, because somebody else was faster, is let go.
    pub fn take_over(self, browser: BrowserLeg) {
        self.permit.send(Control::from(browser));
    }

    /// Gives the agent the word again. The call as it then is.
    ///
    /// # Errors
    /// [`NotReached::NotTakenOver`].
    pub fn hand_back(self) -> Result<LiveCall, NotReached> {
        let Self { permit, supervised, mut call } = self;
        if !supervised.is_taken() {
            return Err(NotReached::NotTakenOver);
        }
        permit.send(Control::HandBack);
        (call.taken_over, call.muted) = (false, false);
        Ok(call)
    }

    /// Ends the call: CANCEL before the answer, BYE after it. The call as it was.
    #[must_use]
    pub fn hang_up(self) -> LiveCall {
        self.permit.send(Control::HangUp);
        self.call
    }
}
