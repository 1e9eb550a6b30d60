//! What a transaction machine asks of the layer that holds its messages and timers.

use super::timer::Timer;
use std::time::Duration;

/// One request of a machine to the layer around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send what this side of the transaction sends: the request, or the latest response.
    Send,
    /// Send the ACK of the 300-699 response at hand (RFC 3261 17.1.1.3).
    Acknowledge,
    /// Pass the message at hand to the user of the transaction.
    Deliver,
    /// Start (or restart) a timer.
    Start(Timer, Duration),
    /// Stop a timer, if it runs.
    Stop(Timer),
    /// Tell the user of the transaction that it failed.
    Report(Fault),
    /// Forget the transaction.
    End,
}

/// Why a transaction failed without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing came back within 64*T1.
    Timeout,
    /// The transport could not deliver.
    Transport,
}

/// Up to [`Actions::CAPACITY`] actions in order; no allocation per message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    list: [Option<Action>; Self::CAPACITY],
}

impl Actions {
    /// The most any transition of any machine asks for.
    pub const CAPACITY: usize = 6;

    /// Nothing to do.
    #[must_use]
    pub fn none() -> Self {
        Self { list: [None; Self::CAPACITY] }
    }

    /// The given actions, in order.
    #[must_use]
    pub fn of(actions: &[Action]) -> Self {
        let mut list = Self::none();
        for action in actions {
            list.push(*action);
        }
        list
    }

    /// Adds one action at the end.
    pub fn push(&mut self, action: Action) {
        let free = self.list.iter_mut().find(|slot| slot.is_none());
        debug_assert!(free.is_some(), "a transition asks for more than Actions::CAPACITY");
        if let Some(slot) = free {
            *slot = Some(action);
        }
    }

    /// The actions in order.
    pub fn iter(&self) -> impl Iterator<Item = Action> + '_ {
        self.list.iter().flatten().copied()
    }
}
