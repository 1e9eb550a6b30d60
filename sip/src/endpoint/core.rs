//! What every session, probe and registration works with: transactions, deadlines, randomness, and the queues of
//! messages and events that go out.

use super::command::External;
use super::config::Config;
use super::event::{Counters, Event, ProbeId, RegistrationId, SessionId, WatchId};
use super::flow::{Flow, Listener, ListenerId, PeerName, Transmit, TransmitId, Transport};
use super::reuse::ALIAS;
use super::timers::{TimerQueue, WakeReason};
use crate::identity::Random;
use crate::message::header::{Branch, TypedHeader, Via, ViaTransport};
use crate::message::{HeaderName, HostPort, Method, Request, Response, Scheme, Token, Uri};
use crate::session::{ALLOW, SUPPORTED};
use crate::transaction::{Action, Actions, Client, ClientInvite, Fault, Timer, TransactionId, client, client_invite};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// Places that an empty queue keeps.
const KEPT: usize = 256;

/// Who waits for the outcome of a client transaction, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Session(SessionId, Purpose),
    Probe(ProbeId),
    Watch(WatchId),
    Registration(RegistrationId),
}

/// What a session sent a request for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// The INVITE that makes the session.
    Invite,
    /// Its CANCEL.
    Cancel,
    /// The PRACK of a reliable provisional response.
    Prack,
    /// The BYE that ends it.
    Bye,
    /// The BYE of a fork that answered too late.
    ForkBye,
    /// A refresh of the session timer by UPDATE or re-INVITE.
    Refresh,
    /// A new offer of ours.
    Reoffer,
    /// A REFER of ours.
    Refer,
    /// How their REFER goes.
    Notify,
    /// An INFO of ours.
    Info,
}

/// What a client transaction has to say to its owner.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) owner: Owner,
    pub(crate) transaction: TransactionId,
    pub(crate) what: Delivered,
    /// The transaction is over; it is forgotten once its owner, who may send its request again, has been told.
    pub(crate) last: bool,
}

#[derive(Debug)]
pub(crate) enum Delivered {
    Response(Box<Response>),
    /// `request` is the one that failed; the transaction is gone already.
    Failed {
        fault: Fault,
        request: Box<Request>,
        flow: Flow,
        written: bool,
    },
}

#[derive(Debug)]
pub(crate) enum ClientMachine {
    Invite(ClientInvite),
    Other(Client),
}

#[derive(Debug)]
pub(crate) struct ClientTransaction {
    machine: ClientMachine,
    key: Vec<u8>,
    pub(crate) request: Request,
    wire: Vec<u8>,
    pub(crate) flow: Flow,
    owner: Owner,
    /// How often the request was handed to the shell.
    sent: u32,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) timers: TimerQueue,
    pub(crate) counters: Counters,
    pub(crate) servers: super::servers::Servers,
    /// Connections that registrars call back on, each with the registrations that say so.
    pub(crate) outbound: BTreeSet<(Flow, RegistrationId)>,
    listeners: BTreeMap<ListenerId, Listener>,
    clients: BTreeMap<TransactionId, ClientTransaction>,
    client_keys: BTreeMap<Vec<u8>, TransactionId>,
    /// Client transactions on streams, to find those of a connection that closed.
    on_streams: BTreeSet<(Flow, TransactionId)>,
    /// How many client transactions each session has.
    busy: BTreeMap<SessionId, usize>,
    outbox: VecDeque<Transmit>,
    events: VecDeque<Event>,
    next_id: u64,
}

impl Core {
    pub(crate) fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            config,
            random: Random::new(seed),
            timers: TimerQueue::default(),
            counters: Counters::default(),
            servers: super::servers::Servers::default(),
            outbound: BTreeSet::new(),
            listeners: BTreeMap::new(),
            clients: BTreeMap::new(),
            client_keys: BTreeMap::new(),
            on_streams: BTreeSet::new(),
            busy: BTreeMap::new(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            next_id: 0,
        }
    }

    /// A number no transaction, session, probe or registration of this endpoint has had.
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(crate) fn add_listener(&mut self, listener: Listener) {
        self.listeners.insert(listener.id, listener);
    }

    pub(crate) fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.listeners.get(&id)
    }

    /// What Via and Contact say for this flow; the peer's own address where the listener is unknown, which only a
    /// stored dialog of another configuration can bring about.
    pub(crate) fn advertised(&self, flow: &Flow) -> HostPort {
        self.listeners.get(&flow.listener).map_or_else(|| flow.peer.into(), |listener| listener.advertised.clone())
    }

    /// The same, towards a peer that sees us elsewhere.
    pub(crate) fn seen(&self, flow: &Flow, external: Option<External>) -> HostPort {
        let advertised = self.advertised(flow);
        external.map_or_else(|| advertised.clone(), |external| external.in_place_of(advertised.clone(), flow.peer))
    }

    /// Our Contact at this address, on this flow. Who is called by a `sips` address, or calls one, says one (RFC 3261 8.1.1.8
    /// and 12.1.1), which implies TLS.
    pub(crate) fn contact(&self, flow: &Flow, at: HostPort, user: &[u8], scheme: &Scheme) -> Vec<u8> {
        let mut uri = Self::contact_uri(flow, at, user, scheme);
        if self.is_called_back_on(flow) {
            // RFC 5626 section 4.3: what comes within the call has to come back on the connection as well.
            uri.params.set("ob", None);
        }
        bracketed(&uri)
    }

    /// The address that we register.
    pub(crate) fn registered_contact(flow: &Flow, at: HostPort, user: &[u8], scheme: &Scheme) -> Vec<u8> {
        bracketed(&Self::contact_uri(flow, at, user, scheme))
    }

    fn contact_uri(flow: &Flow, at: HostPort, user: &[u8], scheme: &Scheme) -> Uri {
        let mut uri = Uri::sip(Some(user), at);
        let secure = *scheme == Scheme::Sips;
        if secure {
            uri.scheme = Scheme::Sips;
        }
        let transport: Option<&[u8]> = match flow.transport {
            Transport::Udp => None,
            Transport::Tcp => Some(b"tcp"),
            Transport::Tls(_) if secure => None,
            Transport::Tls(_) => Some(b"tls"),
            // RFC 7118 section 5.2.2 has no other name for the secure one.
            Transport::Ws | Transport::Wss => Some(b"ws"),
        };
        if transport.is_some() {
            uri.params.set("transport", transport);
        }
        uri
    }

    /// Option tags we know, as Supported names them.
    pub(crate) fn supported(&self) -> String {
        if self.config.replaceable { format!("{SUPPORTED}, replaces") } else { SUPPORTED.to_owned() }
    }

    /// Whether a message may require this of us. Knowing `norefersub` (RFC 4488) is no more than heeding Refer-Sub.
    pub(crate) fn is_known(&self, tag: &Token) -> bool {
        let mut known = SUPPORTED.split(", ").chain(["norefersub"]);
        known.any(|name| tag.is(name)) || (self.config.replaceable && tag.is("replaces"))
    }

    /// What we can be asked for within a call.
    pub(crate) fn allow(&self) -> String {
        if self.config.referable { format!("{ALLOW}, REFER") } else { ALLOW.to_owned() }
    }

    pub(crate) fn transaction_count(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether a request that starts something new may be served. Requests of sessions that are up may go an eighth
    /// beyond the limit: they are served first.
    pub(crate) fn has_room(&self, in_dialog: bool) -> bool {
        let limit = self.config.max_transactions;
        self.transaction_count() < if in_dialog { limit + limit / 8 } else { limit }
    }

    /// Whether the session waits for a client transaction.
    pub(crate) fn is_busy(&self, session: SessionId) -> bool {
        self.open_requests(session) > 0
    }

    /// How many client transactions the session has.
    pub(crate) fn open_requests(&self, session: SessionId) -> usize {
        self.busy.get(&session).copied().unwrap_or(0)
    }

    // --- queues ---

    /// The most messages that wait for the shell; what comes beyond is dropped as a network would.
    fn max_outbox(&self) -> usize {
        self.config.max_transactions.saturating_mul(4).max(1024)
    }

    pub(crate) fn transmit(&mut self, flow: Flow, bytes: Vec<u8>, id: TransmitId) {
        if self.outbox.len() >= self.max_outbox() {
            self.counters.transmits_dropped += 1;
            return;
        }
        self.outbox.push_back(Transmit { flow, bytes, id });
    }

    pub(crate) fn pop_transmit(&mut self) -> Option<Transmit> {
        pop(&mut self.outbox)
    }

    /// Queues an event that must not be lost: the first and the last of a session.
    pub(crate) fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Queues an event about progress; dropped and counted when the shell does not fetch its events.
    pub(crate) fn emit_progress(&mut self, event: Event) {
        if self.events_full() {
            self.counters.events_dropped += 1;
            return;
        }
        self.events.push_back(event);
    }

    pub(crate) fn events_full(&self) -> bool {
        self.events.len() >= self.config.max_events
    }

    pub(crate) fn pop_event(&mut self) -> Option<Event> {
        pop(&mut self.events)
    }

    /// How many messages and events the queues could take without growing.
    #[cfg(test)]
    pub(crate) fn room(&self) -> (usize, usize) {
        (self.outbox.capacity(), self.events.capacity())
    }

    // --- client transactions ---

    /// Sends a request in a new transaction: puts our Via on top and our name in.
    pub(crate) fn send_request(
        &mut self,
        now: Instant,
        mut request: Request,
        flow: Flow,
        branch: &Branch,
        owner: Owner,
    ) -> TransactionId {
        self.stamp(&mut request, &flow, self.advertised(&flow), branch);
        self.send_stamped(now, request, flow, branch, owner)
    }

    /// Sends a request, whose Via has this branch already, in a new transaction.
    pub(crate) fn send_stamped(
        &mut self,
        now: Instant,
        request: Request,
        flow: Flow,
        branch: &Branch,
        owner: Owner,
    ) -> TransactionId {
        let reliable = flow.transport.is_reliable();
        let (machine, actions) = if request.method == Method::Invite {
            let (machine, actions) = ClientInvite::start(reliable, &self.config.intervals);
            (ClientMachine::Invite(machine), actions)
        } else {
            let (machine, actions) = Client::start(reliable, &self.config.intervals);
            (ClientMachine::Other(machine), actions)
        };
        let id = self.insert_client(machine, request, flow, branch, owner);
        let delivery = self.perform(now, id, actions, None);
        debug_assert!(delivery.is_none(), "starting a transaction delivers nothing");
        id
    }

    /// Takes up an INVITE that left earlier, so that what still comes for it is handled. Nothing is sent.
    pub(crate) fn resume_invite(
        &mut self,
        request: Request,
        flow: Flow,
        branch: &Branch,
        owner: Owner,
    ) -> TransactionId {
        let machine = ClientMachine::Invite(ClientInvite::resume(flow.transport.is_reliable()));
        self.insert_client(machine, request, flow, branch, owner)
    }

    /// Puts a Via of this sender on top and our name in.
    pub(crate) fn stamp(&self, request: &mut Request, flow: &Flow, sent_by: HostPort, branch: &Branch) {
        let transport = match flow.transport {
            Transport::Udp => ViaTransport::Udp,
            Transport::Tcp => ViaTransport::Tcp,
            Transport::Tls(_) => ViaTransport::Tls,
            Transport::Ws => ViaTransport::Ws,
            Transport::Wss => ViaTransport::Wss,
        };
        let mut sender = Via::new(transport, sent_by, branch.clone());
        if self.config.reusable && request.method != Method::Register && self.may_be_reused(flow) {
            sender.params.set(ALIAS, None);
        }
        let mut via = Vec::with_capacity(80);
        sender.print(&mut via);
        request.headers.insert_first(HeaderName::Via, via);
        request.headers.set(HeaderName::UserAgent, &self.config.user_agent);
    }

    /// Whether the far end may send requests of its own on this connection (RFC 5923 section 8.1): one over TLS that we
    /// opened. Where a registrar calls back on it, that was agreed on otherwise (RFC 5626).
    fn may_be_reused(&self, flow: &Flow) -> bool {
        let opened = matches!(flow.transport, Transport::Tls(name) if name != PeerName::NONE);
        opened && !self.is_called_back_on(flow)
    }

    /// Whether a registrar calls on this connection.
    fn is_called_back_on(&self, flow: &Flow) -> bool {
        let first = (*flow, RegistrationId(0));
        self.outbound.range(first..).next().is_some_and(|(kept, _)| kept == flow)
    }

    fn insert_client(
        &mut self,
        machine: ClientMachine,
        request: Request,
        flow: Flow,
        branch: &Branch,
        owner: Owner,
    ) -> TransactionId {
        let id = TransactionId(self.fresh_id());
        let key = client_key(branch, &request.method);
        let wire = request.to_bytes();
        if let Some(earlier) = self.client_keys.get(&key).copied() {
            // Only a resumed INVITE can meet its own branch: the new one takes its place.
            self.forget_client(earlier);
        }
        self.client_keys.insert(key.clone(), id);
        if flow.transport.is_reliable() {
            self.on_streams.insert((flow, id));
        }
        if let Owner::Session(session, _) = owner {
            *self.busy.entry(session).or_default() += 1;
        }
        self.clients.insert(id, ClientTransaction { machine, key, request, wire, flow, owner, sent: 0 });
        id
    }

    pub(crate) fn client(&self, id: TransactionId) -> Option<&ClientTransaction> {
        self.clients.get(&id)
    }

    pub(crate) fn client_owner(&self, id: TransactionId) -> Option<Owner> {
        self.clients.get(&id).map(|transaction| transaction.owner)
    }

    /// Forgets a client transaction at once.
    pub(crate) fn forget_client(&mut self, id: TransactionId) {
        let Some(transaction) = self.clients.remove(&id) else { return };
        self.timers.clear_transaction(id);
        if self.client_keys.get(&transaction.key) == Some(&id) {
            self.client_keys.remove(&transaction.key);
        }
        self.on_streams.remove(&(transaction.flow, id));
        if let Owner::Session(session, _) = transaction.owner
            && let Some(count) = self.busy.get_mut(&session)
        {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(&session);
            }
        }
    }

    /// Gives a response to the transaction it belongs to (RFC 3261 17.1.3). A response for nobody is counted and
    /// dropped (RFC 6026 section 8.12: never passed on).
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        via: &Via,
        method: &Method,
        response: Response,
    ) -> Option<Delivery> {
        let key = via.branch.as_ref().map(|branch| client_key(branch, method));
        let Some(id) = key.and_then(|key| self.client_keys.get(&key).copied()) else {
            self.counters.stray_responses += 1;
            return None;
        };
        let status = response.status;
        let intervals = self.config.intervals;
        let transaction = self.clients.get_mut(&id)?;
        let actions = match &mut transaction.machine {
            ClientMachine::Invite(machine) => {
                let input = if status.is_provisional() {
                    client_invite::Input::Provisional
                } else if status.is_success() {
                    client_invite::Input::Success
                } else {
                    client_invite::Input::Failure
                };
                machine.handle(input, &intervals)
            }
            ClientMachine::Other(machine) => {
                let input = if status.is_provisional() { client::Input::Provisional } else { client::Input::Final };
                machine.handle(input, &intervals)
            }
        };
        self.perform(now, id, actions, Some(response))
    }

    /// A timer of a client transaction fired. `None` also when there is no such transaction.
    pub(crate) fn on_client_timer(&mut self, now: Instant, id: TransactionId, timer: Timer) -> Option<Delivery> {
        let intervals = self.config.intervals;
        let transaction = self.clients.get_mut(&id)?;
        let actions = match &mut transaction.machine {
            ClientMachine::Invite(machine) => machine.handle(client_invite::Input::Fired(timer), &intervals),
            ClientMachine::Other(machine) => machine.handle(client::Input::Fired(timer), &intervals),
        };
        self.perform(now, id, actions, None)
    }

    /// The transport failed for a client transaction. `written` says that bytes of it may have left.
    pub(crate) fn on_client_fault(&mut self, now: Instant, id: TransactionId, written: bool) -> Option<Delivery> {
        let intervals = self.config.intervals;
        let transaction = self.clients.get_mut(&id)?;
        let actions = match &mut transaction.machine {
            ClientMachine::Invite(machine) => machine.handle(client_invite::Input::TransportError, &intervals),
            ClientMachine::Other(machine) => machine.handle(client::Input::TransportError, &intervals),
        };
        if written {
            transaction.sent = transaction.sent.max(2);
        }
        self.perform(now, id, actions, None)
    }

    /// Client transactions that wait for a first response on a stream which closed. One that has a provisional
    /// response waits on: the far side opens a new connection for the final one (RFC 3261 18.2.2).
    pub(crate) fn unanswered_on(&self, flow: Flow) -> Vec<TransactionId> {
        self.on_streams
            .range((flow, TransactionId(0))..=(flow, TransactionId(u64::MAX)))
            .map(|(_, id)| *id)
            .filter(|id| {
                self.clients.get(id).is_some_and(|transaction| match &transaction.machine {
                    ClientMachine::Invite(machine) => matches!(machine.state, client_invite::State::Calling { .. }),
                    ClientMachine::Other(machine) => matches!(machine.state, client::State::Trying { .. }),
                })
            })
            .collect()
    }

    /// Does what a client machine asks for, in order.
    fn perform(
        &mut self,
        now: Instant,
        id: TransactionId,
        actions: Actions,
        response: Option<Response>,
    ) -> Option<Delivery> {
        let mut delivered = None;
        let mut response = response;
        for action in actions.iter() {
            match action {
                Action::Send => self.send_client(id),
                Action::Acknowledge => self.acknowledge(id, response.as_ref()),
                Action::Deliver => {
                    let owner = self.client_owner(id)?;
                    let what = Delivered::Response(Box::new(response.take()?));
                    delivered = Some(Delivery { owner, transaction: id, what, last: false });
                }
                Action::Start(timer, after) => self.timers.set(now + after, WakeReason::Transaction(id, timer)),
                Action::Stop(timer) => self.timers.clear(WakeReason::Transaction(id, timer)),
                Action::Report(fault) => {
                    let transaction = self.clients.get(&id)?;
                    let what = Delivered::Failed {
                        fault,
                        request: Box::new(transaction.request.clone()),
                        flow: transaction.flow,
                        written: fault == Fault::Timeout || transaction.sent > 1,
                    };
                    delivered = Some(Delivery { owner: transaction.owner, transaction: id, what, last: false });
                }
                Action::End => match &mut delivered {
                    Some(Delivery { what: Delivered::Response(_), last, .. }) => *last = true,
                    Some(_) | None => self.forget_client(id),
                },
            }
        }
        delivered
    }

    fn send_client(&mut self, id: TransactionId) {
        let Some(transaction) = self.clients.get_mut(&id) else { return };
        transaction.sent += 1;
        if transaction.sent > 1 {
            self.counters.retransmissions += 1;
        }
        let (flow, wire) = (transaction.flow, transaction.wire.clone());
        self.transmit(flow, wire, TransmitId(id.0));
    }

    /// ACK of a 300-699 (RFC 3261 17.1.1.3): Request-URI, Call-ID, From, CSeq number, Route and the one Via of the
    /// INVITE; To of the response.
    fn acknowledge(&mut self, id: TransactionId, response: Option<&Response>) {
        let (Some(transaction), Some(response)) = (self.clients.get(&id), response) else { return };
        let to = response.headers.get(&HeaderName::To).or_else(|| transaction.request.headers.get(&HeaderName::To));
        let mut ack = within_transaction(&transaction.request, Method::Ack);
        if let Some(to) = to {
            ack.headers.set(HeaderName::To, to);
        }
        let flow = transaction.flow;
        self.transmit(flow, ack.to_bytes(), TransmitId::UNTRACKED);
    }
}

/// ACK or CANCEL that repeats what names the INVITE: top Via, Route, From, To, Call-ID and the CSeq number
/// (RFC 3261 9.1 and 17.1.1.3).
pub(crate) fn within_transaction(invite: &Request, method: Method) -> Request {
    let mut request = Request::new(method, invite.uri.clone());
    if let Some(via) = invite.headers.get(&HeaderName::Via) {
        request.headers.push(HeaderName::Via, via);
    }
    for route in invite.headers.all(&HeaderName::Route) {
        request.headers.push(HeaderName::Route, route);
    }
    request.headers.push(HeaderName::MaxForwards, "70");
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
        if let Some(value) = invite.headers.get(&name) {
            request.headers.push(name, value);
        }
    }
    let number = super::envelope::cseq_of(&invite.headers);
    request.headers.push(HeaderName::CSeq, format!("{number} {}", request.method));
    if let Some(agent) = invite.headers.get(&HeaderName::UserAgent) {
        request.headers.push(HeaderName::UserAgent, agent);
    }
    request
}

/// The first of a queue. One that has become empty gives back what a burst has made it take.
fn pop<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() && queue.capacity() > KEPT {
        queue.shrink_to(KEPT);
    }
    first
}

fn bracketed(uri: &Uri) -> Vec<u8> {
    let mut out = b"<".to_vec();
    uri.print(&mut out);
    out.push(b'>');
    out
}

fn client_key(branch: &Branch, method: &Method) -> Vec<u8> {
    let mut key = branch.as_bytes().to_ascii_lowercase();
    key.push(b' ');
    key.extend_from_slice(method.as_str().as_bytes());
    key
}
