//! The client side of a transaction other than INVITE.

use super::action::{Action, Actions, Fault};
use super::timer::{Intervals, Timer};
use std::time::Duration;

/// State of a client non-INVITE transaction (RFC 3261 figure 6, RFC 4320).
///
/// ```text
///                                    |Request from TU
///                                    |send request
///                Timer E             V
///                send request  +-----------+
///                    +---------|           |-------------------+
///                    |         |  Trying   |  Timer F          |
///                    +-------->|           |  or transport     |
///                              +-----------+  error: inform TU |
///                 200-699         |  |                         |
///                 resp. to TU     |  |1xx to TU                |
///                 +---------------+  V                         |
///                 |   Timer E  +-----------+                   |
///                 |   send req.|Proceeding |------------------>|
///                 |   +--------|           |  Timer F or       |
///                 |   +------->|           |  transport error  |
///                 |   1xx to TU+-----------+                   |
///                 |                  | 200-699 to TU           |
///                 |                  V                         |
///                 |            +-----------+                   |
///                 +----------->| Completed |                   |
///                              +-----------+                   |
///                                    | Timer K                 |
///                                    V                         |
///                              +-----------+                   |
///                              |Terminated |<------------------+
///                              +-----------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request was sent; nothing came back yet.
    Trying {
        /// What timer E waits for next.
        resend_after: Duration,
    },
    /// A provisional response came; timer E runs at T2.
    Proceeding,
    /// The final response came; retransmissions of it are absorbed until timer K.
    Completed,
    /// Over; to be forgotten.
    Terminated,
}

/// What can happen to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A 1xx response.
    Provisional,
    /// A 200-699 response.
    Final,
    /// A timer of this transaction fired.
    Fired(Timer),
    /// The transport could not deliver.
    TransportError,
}

/// The machine: a state, and whether the transport repeats for us.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where it stands.
    pub state: State,
    reliable: bool,
}

impl Client {
    /// Starts a transaction whose request is to be sent now.
    #[must_use]
    pub fn start(reliable: bool, intervals: &Intervals) -> (Self, Actions) {
        let machine = Self { state: State::Trying { resend_after: intervals.t1 }, reliable };
        let mut actions = Actions::of(&[Action::Send]);
        if !reliable {
            actions.push(Action::Start(Timer::E, intervals.t1));
        }
        actions.push(Action::Start(Timer::F, intervals.timeout()));
        (machine, actions)
    }

    /// Takes one input; the state afterwards is in [`Self::state`].
    pub fn handle(&mut self, input: Input, intervals: &Intervals) -> Actions {
        let (next, actions) = match self.state {
            State::Trying { .. } | State::Proceeding => self.waiting(input, intervals),
            State::Completed => match input {
                Input::Fired(Timer::K) => (State::Terminated, Actions::of(&[Action::End])),
                Input::Provisional | Input::Final | Input::TransportError | Input::Fired(_) => {
                    (State::Completed, Actions::none())
                }
            },
            State::Terminated => (State::Terminated, Actions::none()),
        };
        self.state = next;
        actions
    }

    fn waiting(&self, input: Input, intervals: &Intervals) -> (State, Actions) {
        let stop = [Action::Stop(Timer::E), Action::Stop(Timer::F)];
        match input {
            Input::Provisional => (State::Proceeding, Actions::of(&[Action::Deliver])),
            Input::Final if self.reliable => {
                (State::Terminated, Actions::of(&[stop[0], stop[1], Action::Deliver, Action::End]))
            }
            Input::Final => (
                State::Completed,
                Actions::of(&[stop[0], stop[1], Action::Deliver, Action::Start(Timer::K, intervals.t4)]),
            ),
            Input::Fired(Timer::E) => {
                let (state, resend_after) = match self.state {
                    State::Trying { resend_after } => {
                        let resend_after = intervals.doubled(resend_after);
                        (State::Trying { resend_after }, resend_after)
                    }
                    State::Proceeding | State::Completed | State::Terminated => (self.state, intervals.t2),
                };
                (state, Actions::of(&[Action::Send, Action::Start(Timer::E, resend_after)]))
            }
            Input::Fired(Timer::F) => {
                (State::Terminated, Actions::of(&[stop[0], Action::Report(Fault::Timeout), Action::End]))
            }
            Input::TransportError => {
                (State::Terminated, Actions::of(&[stop[0], stop[1], Action::Report(Fault::Transport), Action::End]))
            }
            Input::Fired(
                Timer::A
                | Timer::B
                | Timer::D
                | Timer::G
                | Timer::H
                | Timer::I
                | Timer::J
                | Timer::K
                | Timer::L
                | Timer::M,
            ) => (self.state, Actions::none()),
        }
    }
}
