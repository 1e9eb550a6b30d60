//! The server side of an INVITE transaction.

use super::action::{Action, Actions, Fault};
use super::timer::{Intervals, Timer};
use std::time::Duration;

/// State of a server INVITE transaction (RFC 3261 figure 7 as changed by RFC 6026 figure 7.2).
///
/// ```text
///                                   |INVITE
///                                   |pass INVITE to TU, send 100
///                   INVITE          V
///                   send response +------------+
///                       +---------|            |--+ 101-199 from TU
///                       |         | Proceeding |  | send response
///                       +-------->|            |<-+
///                                 +------------+
///            300-699 from TU        |        | 2xx from TU
///            send response          |        | send response
///                  +----------------+        +------------------+
///                  |                                            |
///                  V        Timer G                             V
///            +-----------+  send response                 +-----------+
///            | Completed |--+                             |           |---+
///            |           |<-+                             | Accepted  |   | INVITE: absorbed
///            +-----------+  INVITE: send response         |           |<--+ ACK: to TU
///              | ACK   | Timer H                          +-----------+     2xx from TU: sent
///              |       | inform TU                          | Timer L
///              V       +---------------------+              |
///            +-----------+                   |              |
///            | Confirmed |--+ ACK: absorbed  |              |
///            |           |<-+                |              |
///            +-----------+                   |              |
///              | Timer I                     V              |
///              |                       +-----------+        |
///              +---------------------->| Terminated|<-------+
///                                      +-----------+
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// No final response yet.
    Proceeding {
        /// The latest provisional response.
        latest: Vec<u8>,
    },
    /// A 300-699 was sent; it is repeated until the ACK.
    Completed {
        /// The response.
        response: Vec<u8>,
        /// What timer G waits for next.
        resend_after: Duration,
    },
    /// The ACK of the 300-699 came; more of them are absorbed.
    Confirmed,
    /// A 2xx was sent; its retransmission until the ACK is the session's business.
    Accepted,
    /// Over; to be forgotten.
    Terminated,
}

/// What can happen to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The INVITE came again.
    Retransmission,
    /// An ACK within this transaction (same branch), or for its 2xx.
    Ack,
    /// The user sends a 1xx.
    RespondProvisional(Vec<u8>),
    /// The user sends a 2xx.
    RespondSuccess,
    /// The user sends a 300-699.
    RespondFailure(Vec<u8>),
    /// A timer of this transaction fired.
    Fired(Timer),
    /// The transport could not deliver.
    TransportError,
}

/// The machine: a state, and whether the transport repeats for us.
#[derive(Debug, Clone)]
pub struct ServerInvite {
    /// Where it stands.
    pub state: State,
    reliable: bool,
}

impl ServerInvite {
    /// Starts a transaction. Its `100 Trying` is sent at once unless the final response follows at once: RFC 3261 17.2.1
    /// asks for it within 200 ms where nothing better is known to come by then.
    #[must_use]
    pub fn start(reliable: bool, trying: Vec<u8>, final_follows: bool) -> (Self, Actions) {
        let actions =
            if final_follows { Actions::of(&[Action::Deliver]) } else { Actions::of(&[Action::Send, Action::Deliver]) };
        (Self { state: State::Proceeding { latest: trying }, reliable }, actions)
    }

    /// The response that [`Action::Send`] means, where this machine holds one.
    #[must_use]
    pub fn response(&self) -> Option<&[u8]> {
        match &self.state {
            State::Proceeding { latest } => Some(latest),
            State::Completed { response, .. } => Some(response),
            State::Confirmed | State::Accepted | State::Terminated => None,
        }
    }

    /// Takes one input; the state afterwards is in [`Self::state`].
    pub fn handle(&mut self, input: Input, intervals: &Intervals) -> Actions {
        let state = std::mem::replace(&mut self.state, State::Terminated);
        let (next, actions) = match state {
            State::Proceeding { latest } => self.proceeding(latest, input, intervals),
            State::Completed { response, resend_after } => self.completed(response, resend_after, input, intervals),
            State::Confirmed => Self::confirmed(&input),
            State::Accepted => Self::accepted(&input),
            State::Terminated => (State::Terminated, Actions::none()),
        };
        self.state = next;
        actions
    }

    fn proceeding(&self, latest: Vec<u8>, input: Input, intervals: &Intervals) -> (State, Actions) {
        match input {
            Input::Retransmission => (State::Proceeding { latest }, Actions::of(&[Action::Send])),
            Input::RespondProvisional(latest) => (State::Proceeding { latest }, Actions::of(&[Action::Send])),
            Input::RespondSuccess => (State::Accepted, Actions::of(&[Action::Start(Timer::L, intervals.timeout())])),
            Input::RespondFailure(response) => {
                let mut actions = Actions::of(&[Action::Send, Action::Start(Timer::H, intervals.timeout())]);
                if !self.reliable {
                    actions.push(Action::Start(Timer::G, intervals.t1));
                }
                (State::Completed { response, resend_after: intervals.t1 }, actions)
            }
            Input::TransportError => (State::Terminated, Actions::of(&[Action::Report(Fault::Transport), Action::End])),
            Input::Ack | Input::Fired(_) => (State::Proceeding { latest }, Actions::none()),
        }
    }

    fn completed(
        &self,
        response: Vec<u8>,
        resend_after: Duration,
        input: Input,
        intervals: &Intervals,
    ) -> (State, Actions) {
        match input {
            Input::Retransmission => (State::Completed { response, resend_after }, Actions::of(&[Action::Send])),
            Input::Ack if self.reliable => (State::Terminated, Actions::of(&[Action::Stop(Timer::H), Action::End])),
            Input::Ack => (
                State::Confirmed,
                Actions::of(&[Action::Stop(Timer::G), Action::Stop(Timer::H), Action::Start(Timer::I, intervals.t4)]),
            ),
            Input::Fired(Timer::G) => {
                let resend_after = intervals.doubled(resend_after);
                let actions = Actions::of(&[Action::Send, Action::Start(Timer::G, resend_after)]);
                (State::Completed { response, resend_after }, actions)
            }
            Input::Fired(Timer::H) => {
                (State::Terminated, Actions::of(&[Action::Stop(Timer::G), Action::Report(Fault::Timeout), Action::End]))
            }
            Input::TransportError => (
                State::Terminated,
                Actions::of(&[
                    Action::Stop(Timer::G),
                    Action::Stop(Timer::H),
                    Action::Report(Fault::Transport),
                    Action::End,
                ]),
            ),
            Input::RespondProvisional(_)
            | Input::RespondSuccess
            | Input::RespondFailure(_)
            | Input::Fired(
                Timer::A
                | Timer::B
                | Timer::D
                | Timer::E
                | Timer::F
                | Timer::I
                | Timer::J
                | Timer::K
                | Timer::L
                | Timer::M,
            ) => (State::Completed { response, resend_after }, Actions::none()),
        }
    }

    fn confirmed(input: &Input) -> (State, Actions) {
        match input {
            Input::Fired(Timer::I) => (State::Terminated, Actions::of(&[Action::End])),
            Input::Retransmission
            | Input::Ack
            | Input::RespondProvisional(_)
            | Input::RespondSuccess
            | Input::RespondFailure(_)
            | Input::TransportError
            | Input::Fired(_) => (State::Confirmed, Actions::none()),
        }
    }

    fn accepted(input: &Input) -> (State, Actions) {
        match input {
            // RFC 6026 7.1: a retransmitted INVITE is absorbed; the user repeats its 2xx by its own timer.
            Input::Ack => (State::Accepted, Actions::of(&[Action::Deliver])),
            Input::Fired(Timer::L) => (State::Terminated, Actions::of(&[Action::End])),
            Input::TransportError => (State::Accepted, Actions::of(&[Action::Report(Fault::Transport)])),
            Input::Retransmission
            | Input::RespondProvisional(_)
            | Input::RespondSuccess
            | Input::RespondFailure(_)
            | Input::Fired(_) => (State::Accepted, Actions::none()),
        }
    }
}
