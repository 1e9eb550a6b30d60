//! Server transactions: requests that came in, until their responses need no repeating.

use super::core::Core;
use super::envelope::Envelope;
use super::event::SessionId;
use super::flow::{Flow, TransmitId};
use super::timers::WakeReason;
use crate::message::header::{RetryAfter, Tag};
use crate::message::{HeaderName, Headers, Method, Request, Response, StatusCode};
use crate::transaction::{Action, Actions, Fault, Server, ServerInvite, Timer, TransactionId, server, server_invite};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The server transactions of an endpoint, by their name and by what matches requests to them.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    all: BTreeMap<TransactionId, ServerTransaction>,
    by_key: BTreeMap<Vec<u8>, TransactionId>,
    /// Requests without To tag by From tag, Call-ID and CSeq: the same one by another path is a merged request.
    by_origin: BTreeMap<Vec<u8>, TransactionId>,
}

#[derive(Debug)]
enum ServerMachine {
    Invite(ServerInvite),
    Other(Server),
}

#[derive(Debug)]
struct ServerTransaction {
    machine: ServerMachine,
    key: Vec<u8>,
    origin: Option<Vec<u8>>,
    /// Where responses go.
    flow: Flow,
    method: Method,
    /// What every response repeats; the To header has our tag already.
    repeated: Headers,
    session: Option<SessionId>,
}

impl Servers {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The transaction a request, an ACK or a CANCEL belongs to (RFC 3261 17.2.3); `method` is INVITE for the last two.
    pub(crate) fn find(&self, envelope: &Envelope, method: &Method) -> Option<TransactionId> {
        self.by_key.get(&envelope.server_key(method)).copied()
    }

    /// The session an INVITE transaction belongs to.
    pub(crate) fn session(&self, id: TransactionId) -> Option<SessionId> {
        self.all.get(&id)?.session
    }

    /// Whether the same request is here already by another path (RFC 3261 8.2.2.2).
    pub(crate) fn is_merged(&self, envelope: &Envelope, method: &Method) -> bool {
        envelope.to_tag.is_none() && self.by_origin.contains_key(&envelope.origin_key(method))
    }

    fn remove(&mut self, id: TransactionId) {
        let Some(transaction) = self.all.remove(&id) else { return };
        self.by_key.remove(&transaction.key);
        if let Some(origin) = transaction.origin
            && self.by_origin.get(&origin) == Some(&id)
        {
            self.by_origin.remove(&origin);
        }
    }
}

/// What became of a message handed to a server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerNews {
    /// Nothing its user has to know.
    Quiet,
    /// An ACK for a 2xx: the session's business.
    Acknowledged,
    /// The response could not be delivered, or no ACK came for a 300-699.
    Failed(Fault),
}

impl Core {
    /// Opens the transaction of a request that just came. An INVITE that reaches a session is answered with 100 at
    /// once; any other gets its final response next. `tag` is our To tag in every response but 100, where the request
    /// has none.
    pub(crate) fn open_server(
        &mut self,
        now: Instant,
        request: &Request,
        envelope: &Envelope,
        tag: &Tag,
        session: Option<SessionId>,
    ) -> TransactionId {
        let id = TransactionId(self.fresh_id());
        let flow = envelope.response_flow;
        let reliable = flow.transport.is_reliable();
        let (machine, actions) = if request.method == Method::Invite {
            let trying = Response::answering(&request.headers, StatusCode::TRYING).to_bytes();
            let (machine, actions) = ServerInvite::start(reliable, trying, session.is_none());
            (ServerMachine::Invite(machine), actions)
        } else {
            let (machine, actions) = Server::start(reliable);
            (ServerMachine::Other(machine), actions)
        };
        let key = envelope.server_key(&request.method);
        let origin = envelope.to_tag.is_none().then(|| envelope.origin_key(&request.method));
        self.servers.by_key.insert(key.clone(), id);
        if let Some(origin) = &origin {
            self.servers.by_origin.insert(origin.clone(), id);
        }
        let repeated = repeated_headers(&request.headers, envelope, tag);
        let method = request.method.clone();
        self.servers.all.insert(id, ServerTransaction { machine, key, origin, flow, method, repeated, session });
        self.perform_server(now, id, actions);
        id
    }

    /// A response of this transaction, with everything it repeats of its request.
    pub(crate) fn response(&self, id: TransactionId, status: StatusCode) -> Option<Response> {
        let transaction = self.servers.all.get(&id)?;
        let mut response = Response::new(status);
        response.headers = transaction.repeated.clone();
        response.headers.push(HeaderName::Server, &self.config.user_agent);
        Some(response)
    }

    /// Sends a response. A 2xx to INVITE is returned too: its user repeats it until the ACK (RFC 6026 7.1).
    pub(crate) fn respond(&mut self, now: Instant, id: TransactionId, response: &Response) -> Option<(Flow, Vec<u8>)> {
        let intervals = self.config.intervals;
        let transaction = self.servers.all.get_mut(&id)?;
        let bytes = response.to_bytes();
        let flow = transaction.flow;
        let (actions, repeat) = match &mut transaction.machine {
            ServerMachine::Invite(machine) if response.status.is_success() => {
                (machine.handle(server_invite::Input::RespondSuccess, &intervals), Some((flow, bytes)))
            }
            ServerMachine::Invite(machine) => {
                let input = if response.status.is_provisional() {
                    server_invite::Input::RespondProvisional(bytes)
                } else {
                    server_invite::Input::RespondFailure(bytes)
                };
                (machine.handle(input, &intervals), None)
            }
            ServerMachine::Other(machine) => (machine.handle(server::Input::Respond(bytes), &intervals), None),
        };
        if let Some((flow, bytes)) = &repeat {
            self.transmit(*flow, bytes.clone(), TransmitId(id.0));
        }
        self.perform_server(now, id, actions);
        repeat
    }

    /// Answers with a status and nothing more.
    pub(crate) fn respond_plain(&mut self, now: Instant, id: TransactionId, status: StatusCode) {
        if let Some(response) = self.response(id, status) {
            self.respond(now, id, &response);
        }
    }

    /// Answers without keeping anything: for what is refused before it costs state. The tag follows from the request,
    /// so a retransmission gets the same answer (RFC 3261 8.2.7).
    pub(crate) fn respond_stateless(
        &mut self,
        request: &Headers,
        envelope: &Envelope,
        status: StatusCode,
        more: &Headers,
    ) {
        let tag = Tag::from_bytes(self.random.derived(&[b"stateless", &envelope.server_key(&Method::Invite)]));
        let mut response = Response::new(status);
        response.headers = repeated_headers(request, envelope, &tag);
        for (name, value) in more.iter() {
            response.headers.push(name.clone(), value);
        }
        self.transmit(envelope.response_flow, response.to_bytes(), TransmitId::UNTRACKED);
    }

    /// A request of this transaction came again, or an ACK came for it.
    pub(crate) fn on_server_message(&mut self, now: Instant, id: TransactionId, is_ack: bool) -> ServerNews {
        let intervals = self.config.intervals;
        let Some(transaction) = self.servers.all.get_mut(&id) else { return ServerNews::Quiet };
        let actions = match &mut transaction.machine {
            ServerMachine::Invite(machine) => {
                let input = if is_ack { server_invite::Input::Ack } else { server_invite::Input::Retransmission };
                machine.handle(input, &intervals)
            }
            ServerMachine::Other(machine) => machine.handle(server::Input::Retransmission, &intervals),
        };
        self.perform_server(now, id, actions)
    }

    /// A timer of a server transaction fired.
    pub(crate) fn on_server_timer(&mut self, now: Instant, id: TransactionId, timer: Timer) -> ServerNews {
        let intervals = self.config.intervals;
        let Some(transaction) = self.servers.all.get_mut(&id) else { return ServerNews::Quiet };
        let actions = match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.handle(server_invite::Input::Fired(timer), &intervals),
            ServerMachine::Other(machine) => machine.handle(server::Input::Fired(timer), &intervals),
        };
        self.perform_server(now, id, actions)
    }

    /// A response of this transaction could not be sent.
    pub(crate) fn on_server_fault(&mut self, now: Instant, id: TransactionId) -> ServerNews {
        let intervals = self.config.intervals;
        let Some(transaction) = self.servers.all.get_mut(&id) else { return ServerNews::Quiet };
        let actions = match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.handle(server_invite::Input::TransportError, &intervals),
            ServerMachine::Other(machine) => machine.handle(server::Input::TransportError, &intervals),
        };
        self.perform_server(now, id, actions)
    }

    fn perform_server(&mut self, now: Instant, id: TransactionId, actions: Actions) -> ServerNews {
        let mut news = ServerNews::Quiet;
        for action in actions.iter() {
            match action {
                Action::Send => self.send_server(id),
                Action::Start(timer, after) => self.timers.set(now + after, WakeReason::Transaction(id, timer)),
                Action::Stop(timer) => self.timers.clear(WakeReason::Transaction(id, timer)),
                Action::Deliver => news = ServerNews::Acknowledged,
                Action::Report(fault) => news = ServerNews::Failed(fault),
                Action::End => {
                    self.timers.clear_transaction(id);
                    self.servers.remove(id);
                }
                // Only client machines acknowledge.
                Action::Acknowledge => {}
            }
        }
        news
    }

    fn send_server(&mut self, id: TransactionId) {
        let Some(transaction) = self.servers.all.get(&id) else { return };
        let response = match &transaction.machine {
            ServerMachine::Invite(machine) => machine.response(),
            ServerMachine::Other(machine) => machine.response(),
        };
        if let Some(bytes) = response.map(<[u8]>::to_vec) {
            let flow = transaction.flow;
            self.transmit(flow, bytes, TransmitId(id.0));
        }
    }

    /// Where the responses of a server transaction go.
    pub(crate) fn server_flow(&self, id: TransactionId) -> Option<Flow> {
        self.servers.all.get(&id).map(|transaction| transaction.flow)
    }

    /// The method of the request a server transaction answers.
    pub(crate) fn server_method(&self, id: TransactionId) -> Option<&Method> {
        self.servers.all.get(&id).map(|transaction| &transaction.method)
    }
}

/// Retry-After in whole seconds, rounded up.
pub(crate) fn retry_after_header(after: Duration) -> RetryAfter {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    RetryAfter { seconds: u32::try_from(seconds).unwrap_or(u32::MAX), duration: None }
}

/// Via, From, To with our tag, Call-ID and CSeq.
fn repeated_headers(request: &Headers, envelope: &Envelope, tag: &Tag) -> Headers {
    let mut repeated = Response::answering(request, StatusCode::OK).headers;
    if envelope.to_tag.is_none()
        && let Some(to) = request.get(&HeaderName::To)
    {
        let mut to = to.to_vec();
        to.extend_from_slice(b";tag=");
        to.extend_from_slice(tag.as_bytes());
        repeated.set(HeaderName::To, to);
    }
    repeated
}
