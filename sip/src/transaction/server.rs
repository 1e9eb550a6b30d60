//! The server side of a transaction other than INVITE.

use super::action::{Action, Actions, Fault};
use super::timer::{Intervals, Timer};

/// State of a server non-INVITE transaction (RFC 3261 figure 8, RFC 4320).
///
/// RFC 4320 section 4 takes two things away: a 408 is never sent (the client has timed out by then and the
/// answer only breeds storms), and no provisional response but a 100 that comes late. We answer at once and
/// send no provisional response at all.
///
/// ```text
///                                  |Request received
///                                  |pass to TU
///                                  V
///                            +-----------+
///                            |           |--+ Request: absorbed
///                            |  Trying   |<-+
///                            +-----------+
///                                  | 200-699 from TU (no 408)
///                                  | send response
///                                  V
///                            +-----------+
///                            | Completed |--+ Request
///                            |           |<-+ send response
///                            +-----------+
///                                  | Timer J, or
///                                  | transport error: inform TU
///                                  V
///                            +-----------+
///                            |Terminated |
///                            +-----------+
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not answered yet.
    Trying,
    /// Answered; the response is repeated when the request is.
    Completed {
        /// The response.
        response: Vec<u8>,
    },
    /// Over; to be forgotten.
    Terminated,
}

/// What can happen to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The request came again.
    Retransmission,
    /// The user sends a final response other than 408.
    Respond(Vec<u8>),
    /// A timer of this transaction fired.
    Fired(Timer),
    /// The transport could not deliver.
    TransportError,
}

/// The machine: a state, and whether the transport repeats for us.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it stands.
    pub state: State,
    reliable: bool,
}

impl Server {
    /// Starts a transaction for a request that just came.
    #[must_use]
    pub fn start(reliable: bool) -> (Self, Actions) {
        (Self { state: State::Trying, reliable }, Actions::of(&[Action::Deliver]))
    }

    /// The response that [`Action::Send`] means, once there is one.
    #[must_use]
    pub fn response(&self) -> Option<&[u8]> {
        match &self.state {
            State::Completed { response } => Some(response),
            State::Trying | State::Terminated => None,
        }
    }

    /// Takes one input; the state afterwards is in [`Self::state`].
    pub fn handle(&mut self, input: Input, intervals: &Intervals) -> Actions {
        let state = std::mem::replace(&mut self.state, State::Terminated);
        let (next, actions) = match (state, input) {
            (State::Trying, Input::Respond(response)) => {
                let mut actions = Actions::of(&[Action::Send]);
                // Over TCP nothing is repeated, so timer J is zero; the response still has to be at hand for `Send`.
                let linger = if self.reliable { std::time::Duration::ZERO } else { intervals.timeout() };
                actions.push(Action::Start(Timer::J, linger));
                (State::Completed { response }, actions)
            }
            (State::Trying, Input::TransportError) => {
                (State::Terminated, Actions::of(&[Action::Report(Fault::Transport), Action::End]))
            }
            (State::Trying, Input::Retransmission | Input::Fired(_)) => (State::Trying, Actions::none()),
            (State::Completed { response }, Input::Retransmission) => {
                (State::Completed { response }, Actions::of(&[Action::Send]))
            }
            (State::Completed { .. }, Input::Fired(Timer::J)) => (State::Terminated, Actions::of(&[Action::End])),
            (State::Completed { .. }, Input::TransportError) => (
                State::Terminated,
                Actions::of(&[Action::Stop(Timer::J), Action::Report(Fault::Transport), Action::End]),
            ),
            (State::Completed { response }, Input::Respond(_) | Input::Fired(_)) => {
                (State::Completed { response }, Actions::none())
            }
            (
                State::Terminated,
                Input::Retransmission | Input::Respond(_) | Input::Fired(_) | Input::TransportError,
            ) => (State::Terminated, Actions::none()),
        };
        self.state = next;
        actions
    }
}
