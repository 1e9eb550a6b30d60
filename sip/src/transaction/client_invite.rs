//! The client side of an INVITE transaction.

use super::action::{Action, Actions, Fault};
use super::timer::{Intervals, Timer};
use std::time::Duration;

/// State of a client INVITE transaction (RFC 3261 figure 5 as changed by RFC 6026 figure 7.1).
///
/// ```text
///                                    |INVITE from TU
///                  Timer A fires     |INVITE sent      Timer B fires or
///                  Reset A,          V                 transport error:
///                  INVITE sent +-----------+           inform TU
///                    +---------|  Calling  |----------------------------+
///                    +-------->|           |                            |
///                              +-----------+                            |
///   300-699                      |  |    |  2xx: 2xx to TU              |
///   ACK sent, response to TU     |  |    +------------------+           |
///        +-----------------------+  | 1xx to TU             |           |
///        |                          V                       |           |
///        |   1xx to TU         +-----------+  2xx to TU     |           |
///        |            +--------|Proceeding |------------+   |           |
///        |            +------->|           |            |   |           |
///        |                     +-----------+            |   |           |
///        |                          | 300-699           |   |           |
///        |                          | ACK sent, to TU   |   |           |
///        |                          V                   V   V           |
///        |                     +-----------+         +-----------+      |
///        +-------------------->| Completed |         | Accepted  |--+   |
///               300-699   +----|           |         |           |<-+   |
///               ACK sent  +--->+-----------+         +-----------+ 2xx to TU
///                                   | Timer D or        | Timer M      |
///                                   | transport error   |              |
///                                   V                   V              |
///                              +-------------------------------+       |
///                              |          Terminated           |<------+
///                              +-------------------------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The request was sent; nothing came back yet.
    Calling {
        /// What timer A waits for next.
        resend_after: Duration,
    },
    /// A provisional response came; the far side has the request.
    Proceeding,
    /// A 300-699 came and was acknowledged; retransmissions of it are acknowledged again.
    Completed,
    /// A 2xx came; retransmissions and the 2xx of other forks go up until timer M.
    Accepted,
    /// Over; to be forgotten.
    Terminated,
}

/// What can happen to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A 1xx response.
    Provisional,
    /// A 2xx response.
    Success,
    /// A 300-699 response.
    Failure,
    /// A timer of this transaction fired.
    Fired(Timer),
    /// The transport could not deliver.
    TransportError,
}

/// The machine: a state, and whether the transport repeats for us.
#[derive(Debug, Clone)]
pub struct ClientInvite {
    /// Where it stands.
    pub state: State,
    reliable: bool,
}

impl ClientInvite {
    /// Starts a transaction whose request is to be sent now.
    #[must_use]
    pub fn start(reliable: bool, intervals: &Intervals) -> (Self, Actions) {
        let machine = Self { state: State::Calling { resend_after: intervals.t1 }, reliable };
        let mut actions = Actions::of(&[Action::Send]);
        if !reliable {
            actions.push(Action::Start(Timer::A, intervals.t1));
        }
        actions.push(Action::Start(Timer::B, intervals.timeout()));
        (machine, actions)
    }

    /// Takes up a transaction whose request left earlier: nothing is sent, whatever still comes is handled.
    /// Used after timer B and after a crash, so that a late 1xx or 2xx finds somebody to answer it.
    #[must_use]
    pub fn resume(reliable: bool) -> Self {
        Self { state: State::Proceeding, reliable }
    }

    /// Takes one input; the state afterwards is in [`Self::state`].
    pub fn handle(&mut self, input: Input, intervals: &Intervals) -> Actions {
        let (next, actions) = match self.state {
            State::Calling { resend_after } => self.calling(resend_after, input, intervals),
            State::Proceeding => self.proceeding(input, intervals),
            State::Completed => self.completed(input),
            State::Accepted => self.accepted(input),
            State::Terminated => (State::Terminated, Actions::none()),
        };
        self.state = next;
        actions
    }

    fn calling(&self, resend_after: Duration, input: Input, intervals: &Intervals) -> (State, Actions) {
        match input {
            Input::Provisional | Input::Success | Input::Failure => {
                let (state, then) = self.proceeding(input, intervals);
                let mut actions = Actions::of(&[Action::Stop(Timer::A), Action::Stop(Timer::B)]);
                then.iter().for_each(|action| actions.push(action));
                (state, actions)
            }
            // RFC 3261 17.1.1.2: timer A doubles without the ceiling of T2; timer B ends it.
            Input::Fired(Timer::A) => {
                let resend_after = resend_after * 2;
                (State::Calling { resend_after }, Actions::of(&[Action::Send, Action::Start(Timer::A, resend_after)]))
            }
            Input::Fired(Timer::B) => {
                (State::Terminated, Actions::of(&[Action::Stop(Timer::A), Action::Report(Fault::Timeout), Action::End]))
            }
            Input::TransportError => (
                State::Terminated,
                Actions::of(&[
                    Action::Stop(Timer::A),
                    Action::Stop(Timer::B),
                    Action::Report(Fault::Transport),
                    Action::End,
                ]),
            ),
            Input::Fired(
                Timer::D
                | Timer::E
                | Timer::F
                | Timer::G
                | Timer::H
                | Timer::I
                | Timer::J
                | Timer::K
                | Timer::L
                | Timer::M,
            ) => (State::Calling { resend_after }, Actions::none()),
        }
    }

    fn proceeding(&self, input: Input, intervals: &Intervals) -> (State, Actions) {
        match input {
            Input::Provisional => (State::Proceeding, Actions::of(&[Action::Deliver])),
            Input::Success => {
                (State::Accepted, Actions::of(&[Action::Deliver, Action::Start(Timer::M, intervals.timeout())]))
            }
            Input::Failure if self.reliable => {
                (State::Terminated, Actions::of(&[Action::Acknowledge, Action::Deliver, Action::End]))
            }
            Input::Failure => (
                State::Completed,
                Actions::of(&[
                    Action::Acknowledge,
                    Action::Deliver,
                    Action::Start(Timer::D, intervals.absorb_invite_responses()),
                ]),
            ),
            // The far side has the request; its final response finds a way of its own (RFC 3261 18.2.2).
            Input::TransportError | Input::Fired(_) => (State::Proceeding, Actions::none()),
        }
    }

    fn completed(&self, input: Input) -> (State, Actions) {
        match input {
            Input::Failure => (State::Completed, Actions::of(&[Action::Acknowledge])),
            Input::Fired(Timer::D) => (State::Terminated, Actions::of(&[Action::End])),
            // The answer is known to the user of the transaction: a lost ACK is repaired by the next retransmission.
            Input::Provisional | Input::Success | Input::TransportError | Input::Fired(_) => {
                (State::Completed, Actions::none())
            }
        }
    }

    fn accepted(&self, input: Input) -> (State, Actions) {
        match input {
            Input::Success => (State::Accepted, Actions::of(&[Action::Deliver])),
            Input::Fired(Timer::M) => (State::Terminated, Actions::of(&[Action::End])),
            // RFC 6026 7.2: only 2xx are passed up here; a transport error does not undo the answer.
            Input::Provisional | Input::Failure | Input::TransportError | Input::Fired(_) => {
                (State::Accepted, Actions::none())
            }
        }
    }
}
