//! How a contact moves through a campaign.

use crate::campaign::states::TargetState;
use crate::campaign::wire::wire_enum;

wire_enum! {
    /// What can happen to a target.
    ///
    /// ```text
    /// add ─► NEW (preselection on) | WAITING (off)
    /// NEW ─approve► WAITING ◄─approve─ REJECTED ;  NEW/WAITING ─reject► REJECTED
    /// WAITING ─due► READY ─claim► IN_PROGRESS ─► DONE | FAILED | WAITING (retry) | CALLBACK
    /// CALLBACK ─due► READY ; missed ► WAITING at the head of the queue ; dropped by a person ► WAITING
    /// WAITING/READY/DONE/FAILED ─a person arranges a callback► CALLBACK ; ─a person calls at once► READY
    /// WAITING/READY/CALLBACK ─suspend► SUSPENDED ─resume► WAITING | CALLBACK
    /// DONE/FAILED ─restart► WAITING ; BLOCKED ─mended or restart► WAITING ; EXPIRED ─period extended► WAITING
    /// a later run ─new round► WAITING ; WAITING/READY ─left out by it► FAILED
    /// any non-live ─remove► REMOVED ; period end ► EXPIRED
    /// ```
    pub enum TargetEvent is "target event" {
        /// A person or preselection takes it in.
        Approve = "approve",
        /// A person or preselection refuses it.
        Reject = "reject",
        /// Its time has come.
        Due = "due",
        /// The gate postpones it.
        Defer = "defer",
        /// A dial begins.
        Claim = "claim",
        /// That dial was never sent.
        Unsent = "unsent",
        /// The call settled it.
        Finish = "finish",
        /// The dial failed and no further one follows.
        Fail = "fail",
        /// The dial failed and another one follows.
        Retry = "retry",
        /// They asked to be called back.
        AskCallback = "ask_callback",
        /// Nobody called back in time.
        MissCallback = "miss_callback",
        /// A person arranges a callback, or moves it.
        SetCallback = "set_callback",
        /// A person calls it off: it waits as before.
        DropCallback = "drop_callback",
        /// A person wants it called at once.
        CallNow = "call_now",
        /// A person holds it.
        Suspend = "suspend",
        /// A person held it during its call, which has ended.
        SuspendAfterCall = "suspend_after_call",
        /// A person lets it go on.
        Resume = "resume",
        /// A person lets it go on, and its callback is still to come.
        ResumeCallback = "resume_callback",
        /// The gate refuses it.
        Block = "block",
        /// What blocked it was mended.
        Mend = "mend",
        /// A person starts it over.
        Restart = "restart",
        /// A later run dials it again.
        NewRound = "new_round",
        /// A later run has begun that does not mean it.
        LeftOut = "left_out",
        /// The campaign ended before it.
        PeriodEnd = "period_end",
        /// The campaign was extended.
        ExtendPeriod = "extend_period",
        /// A person takes it out.
        Remove = "remove",
        /// A person took it out during its call, which has ended.
        RemoveAfterCall = "remove_after_call",
    }
}

/// An event that means nothing in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a target that is {state} cannot {event}")]
pub struct NotPossible {
    /// The state.
    pub state: TargetState,
    /// The event.
    pub event: TargetEvent,
}

impl TargetEvent {
    /// The states in which the event can happen, and the state it leads to. Every write of a target's state is a
    /// compare-and-set on these.
    #[must_use]
    pub const fn transition(self) -> (&'static [TargetState], TargetState) {
        use TargetState as S;
        match self {
            Self::Approve => (&[S::New, S::Rejected], S::Waiting),
            Self::Reject => (&[S::New, S::Waiting, S::Ready], S::Rejected),
            Self::Due => (&[S::Waiting, S::Callback], S::Ready),
            Self::Defer => (&[S::Ready], S::Waiting),
            Self::Claim => (&[S::Ready], S::InProgress),
            Self::Unsent => (&[S::InProgress], S::Ready),
            Self::Finish => (&[S::InProgress], S::Done),
            Self::Fail => (&[S::InProgress], S::Failed),
            Self::Retry => (&[S::InProgress], S::Waiting),
            Self::AskCallback => (&[S::InProgress], S::Callback),
            Self::MissCallback => (&[S::Callback, S::Ready], S::Waiting),
            Self::SetCallback => (&[S::Waiting, S::Ready, S::Callback, S::Done, S::Failed], S::Callback),
            Self::DropCallback => (&[S::Callback], S::Waiting),
            Self::CallNow => (&[S::Waiting, S::Ready, S::Callback, S::Done, S::Failed], S::Ready),
            Self::Suspend => (&[S::Waiting, S::Ready, S::Callback], S::Suspended),
            Self::SuspendAfterCall => (&[S::InProgress], S::Suspended),
            Self::Resume => (&[S::Suspended], S::Waiting),
            Self::ResumeCallback => (&[S::Suspended], S::Callback),
            Self::Block => (&[S::Waiting, S::Ready, S::Callback, S::InProgress], S::Blocked),
            Self::Mend => (&[S::Blocked], S::Waiting),
            Self::Restart => (&[S::Done, S::Failed, S::Blocked], S::Waiting),
            Self::NewRound => (&[S::Waiting, S::Ready, S::Done, S::Failed], S::Waiting),
            Self::LeftOut => (&[S::Waiting, S::Ready], S::Failed),
            Self::PeriodEnd => (&[S::New, S::Waiting, S::Ready, S::Callback, S::Suspended, S::InProgress], S::Expired),
            Self::ExtendPeriod => (&[S::Expired], S::Waiting),
            Self::Remove => (
                &[
                    S::New,
                    S::Rejected,
                    S::Waiting,
                    S::Ready,
                    S::Callback,
                    S::Done,
                    S::Failed,
                    S::Suspended,
                    S::Blocked,
                    S::Expired,
                ],
                S::Removed,
            ),
            Self::RemoveAfterCall => (&[S::InProgress], S::Removed),
        }
    }

    /// The state after the event.
    ///
    /// # Errors
    /// When the event cannot happen in `state`.
    pub fn apply(self, state: TargetState) -> Result<TargetState, NotPossible> {
        let (from, to) = self.transition();
        if from.contains(&state) { Ok(to) } else { Err(NotPossible { state, event: self }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_event() {
        let mut table = String::new();
        for &state in TargetState::ALL {
            for &event in TargetEvent::ALL {
                if let Ok(next) = event.apply(state) {
                    table.push_str(&format!("{state:12} {event:18} -> {next}\n"));
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn only_the_end_of_its_dial_moves_a_live_target() {
        let leaving: Vec<_> =
            TargetEvent::ALL.iter().filter(|event| event.apply(TargetState::InProgress).is_ok()).collect();
        assert!(!leaving.contains(&&TargetEvent::Remove));
        assert!(!leaving.contains(&&TargetEvent::Suspend));
        assert!(!leaving.contains(&&TargetEvent::Restart));
        let entering: Vec<_> =
            TargetEvent::ALL.iter().filter(|event| event.transition().1 == TargetState::InProgress).collect();
        assert_eq!(entering, [&TargetEvent::Claim], "a dial begins in one place only");
    }

    #[test]
    fn a_removed_target_stays_removed() {
        for event in TargetEvent::ALL {
            assert!(event.apply(TargetState::Removed).is_err(), "{event}");
        }
    }
}
