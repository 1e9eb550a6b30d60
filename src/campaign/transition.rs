//! How a campaign moves between its states.

use crate::campaign::states::CampaignState;
use crate::campaign::wire::wire_enum;

wire_enum! {
    /// What can happen to a campaign.
    pub enum CampaignEvent is "campaign event" {
        /// A person or the scheduled time starts it; the guards have to hold.
        Start = "start",
        /// A person or the system holds it.
        Pause = "pause",
        /// A person lets it go on; the guards have to hold.
        Resume = "resume",
        /// Nothing is live or due any more.
        Complete = "complete",
        /// Its period is over; what remains has expired.
        PeriodEnd = "period_end",
        /// A person ends it for good.
        Cancel = "cancel",
        /// Contacts were added or restarted, and somebody wants them called; the guards have to hold.
        Reopen = "reopen",
        /// As before, but trunk, caller ID or plan do not allow it: it is open, and paused for that reason.
        ReopenHeld = "reopen_held",
        /// Its contacts move into another campaign.
        Merge = "merge",
        /// A person deletes it.
        Delete = "delete",
    }
}

/// An event that a campaign's state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a campaign that is {state} cannot {event}")]
pub struct NotAllowed {
    /// The state.
    pub state: CampaignState,
    /// The event.
    pub event: CampaignEvent,
}

impl CampaignEvent {
    /// The states in which the event can happen, and the state it leads to.
    #[must_use]
    pub const fn transition(self) -> (&'static [CampaignState], CampaignState) {
        use CampaignState as S;
        match self {
            Self::Start => (&[S::Draft], S::InProgress),
            Self::Pause => (&[S::InProgress], S::Paused),
            Self::Resume => (&[S::Paused], S::InProgress),
            Self::Complete | Self::PeriodEnd => (&[S::InProgress], S::Completed),
            Self::Cancel => (&[S::InProgress, S::Paused], S::Cancelled),
            Self::Reopen => (&[S::Completed], S::InProgress),
            Self::ReopenHeld => (&[S::Completed], S::Paused),
            Self::Merge => (&[S::Draft, S::Paused, S::Completed], S::Cancelled),
            Self::Delete => (&[S::Draft, S::Paused, S::Completed, S::Cancelled], S::Deleting),
        }
    }

    /// The state after the event.
    ///
    /// # Errors
    /// When the event cannot happen in `state`.
    pub fn apply(self, state: CampaignState) -> Result<CampaignState, NotAllowed> {
        let (from, to) = self.transition();
        if from.contains(&state) { Ok(to) } else { Err(NotAllowed { state, event: self }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_event() {
        let mut table = String::new();
        for &state in CampaignState::ALL {
            for &event in CampaignEvent::ALL {
                let next = event.apply(state).map_or("-".to_owned(), |next| next.to_string());
                table.push_str(&format!("{state:12} {event:10} -> {next}\n"));
            }
        }
        insta::assert_snapshot!(table);
    }
}
