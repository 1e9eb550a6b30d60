//! From bytes to whom they concern: framing, matching, and the answers that need no session.

use super::envelope::{Envelope, top_via};
use super::event::{Event, SessionId};
use super::flow::{Flow, TransmitId};
use super::servers::{ServerNews, retry_after_header};
use super::{Endpoint, StreamError};
use crate::dialog::session_timer::Grant;
use crate::error::ParseError;
use crate::guard::Glance;
use crate::message::header::{CSeq, ProxyRequire, Replaces, Require, Tag, Unsupported};
use crate::message::{Frame, FrameError, HeaderName, Headers, Message, Method, Request, Response, Scheme, StatusCode};
use crate::session::{Session, body_of, reason_of};
use std::time::Instant;

/// Who is shown whole messages before they are served.
pub type Seen<'a> = &'a mut dyn FnMut(&[u8]);

impl Endpoint {
    pub(super) fn receive_datagram(&mut self, now: Instant, flow: Flow, bytes: &[u8]) {
        // RFC 5626 4.4.1: line ends alone keep a path open and are no message.
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return;
        }
        match crate::message::parse(bytes) {
            Ok(message) => self.receive(now, flow, message),
            Err(error) => self.malformed(flow, &error),
        }
    }

    pub(super) fn receive_stream(
        &mut self,
        now: Instant,
        flow: Flow,
        bytes: &[u8],
        admits: &mut dyn FnMut(&Glance<'_>, bool) -> bool,
        mut seen: Option<Seen<'_>>,
    ) -> Result<(), StreamError> {
        if flow.transport.is_websocket() {
            self.receive_alone(now, flow, bytes, admits, seen);
            return Ok(());
        }
        if !self.streams.contains_key(&flow) && self.streams.len() >= self.core.config.max_streams {
            self.core.counters.overloaded += 1;
            return Err(StreamError::TooMany);
        }
        let mut framer = self.streams.remove(&flow).unwrap_or_default();
        framer.push(bytes);
        self.kept.heard(flow);
        let mut outcome = Ok(());
        let (mut raw, watched) = (Vec::new(), seen.is_some());
        loop {
            raw.clear();
            let mut keep = |message: &[u8]| {
                if watched {
                    raw.extend_from_slice(message);
                }
            };
            let Some(frame) = framer.next_seen(&mut keep) else { break };
            match frame {
                Ok(Frame::Message(message)) => {
                    if self.lets_in(&message, admits) {
                        if let Some(seen) = &mut seen {
                            seen(&raw);
                        }
                        self.receive(now, flow, *message);
                    }
                }
                Ok(Frame::Ping) => self.core.transmit(flow, b"\r\n".to_vec(), TransmitId::UNTRACKED),
                Ok(Frame::Pong) => {
                    if self.kept.is_answer(flow) {
                        framer.take_pong();
                    }
                }
                // One malformed message is answered where it can be; the connection lives on.
                Err(FrameError::Malformed(error)) => {
                    if admits(&Glance::GARBAGE, false) {
                        self.malformed(flow, &error);
                    }
                }
                Err(FrameError::Fatal(fault)) => {
                    self.core.counters.malformed += 1;
                    outcome = Err(StreamError::Framing(fault));
                    break;
                }
            }
        }
        self.streams.insert(flow, framer);
        outcome
    }

    /// A frame of a websocket: one whole message, whose Content-Length may be absent, or line ends (RFC 7118 sections 4.2, 5.1
    /// and 6).
    fn receive_alone(
        &mut self,
        now: Instant,
        flow: Flow,
        bytes: &[u8],
        admits: &mut dyn FnMut(&Glance<'_>, bool) -> bool,
        seen: Option<Seen<'_>>,
    ) {
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            if bytes == b"\r\n\r\n" {
                self.core.transmit(flow, b"\r\n".to_vec(), TransmitId::UNTRACKED);
            }
            return;
        }
        match crate::message::parse(bytes) {
            Ok(message) if self.lets_in(&message, admits) => {
                if let Some(seen) = seen {
                    seen(bytes);
                }
                self.receive(now, flow, message);
            }
            Ok(_) => {}
            Err(error) => {
                if admits(&Glance::GARBAGE, false) {
                    self.malformed(flow, &error);
                }
            }
        }
    }

    fn lets_in(&self, message: &Message, admits: &mut dyn FnMut(&Glance<'_>, bool) -> bool) -> bool {
        let glance = Glance::of_message(message);
        let ours = glance.to_tag.as_deref().is_some_and(|tag| self.owns_tag(tag));
        admits(&glance, ours)
    }

    fn malformed(&mut self, flow: Flow, error: &ParseError) {
        self.core.counters.malformed += 1;
        self.core.emit_progress(Event::Malformed { flow, fault: "not a SIP message" });
        let Some(answerable) = &error.answerable else { return };
        let mut request = Request::new(answerable.method.clone(), crate::message::Uri::sip(None, flow.peer.into()));
        request.headers = answerable.headers.clone();
        if let Some(response_flow) = Envelope::response_flow(flow, &mut request.headers) {
            let mut response = Response::answering(&request.headers, error.what.status());
            response.reason = error.to_string().into_bytes();
            self.core.transmit(response_flow, response.to_bytes(), TransmitId::UNTRACKED);
        }
    }

    fn receive(&mut self, now: Instant, flow: Flow, message: Message) {
        match message {
            Message::Request(request) => self.receive_request(now, flow, request),
            Message::Response(response) => {
                // RFC 3261 8.1.3.3: with a second Via it is somebody else's.
                let vias = response.headers.all(&HeaderName::Via).flat_map(crate::message::split_list).count();
                if vias != 1 {
                    self.core.counters.stray_responses += 1;
                    return;
                }
                let via = top_via(&response.headers);
                let cseq = response.headers.typed::<CSeq>();
                let (Some(via), Ok(cseq)) = (via, cseq) else {
                    self.core.counters.malformed += 1;
                    return;
                };
                let delivery = self.core.on_response(now, &via, &cseq.method, response);
                self.dispatch(now, delivery);
            }
        }
    }

    fn receive_request(&mut self, now: Instant, flow: Flow, mut request: Request) {
        let envelope = match Envelope::read(flow, &mut request) {
            Ok(envelope) => envelope,
            Err(fault) => {
                self.core.counters.malformed += 1;
                self.core.emit_progress(Event::Malformed { flow, fault });
                return;
            }
        };
        self.aliases.hear(flow, &envelope.via, self.core.config.max_streams);
        if let Some(transaction) = self.core.servers.find(&envelope, &request.method) {
            let is_ack = request.method == Method::Ack;
            let session = self.core.servers.session(transaction);
            let news = self.core.on_server_message(now, transaction, is_ack);
            // An ACK that an RFC 2543 peer sent with the INVITE's branch.
            if is_ack && news == ServerNews::Acknowledged {
                self.acknowledge(now, session, &request, &envelope);
            }
            return;
        }
        match request.method {
            Method::Ack => {
                let session = envelope.to_tag.as_ref().and_then(|tag| self.by_tag.get(tag)).copied();
                self.acknowledge(now, session, &request, &envelope);
            }
            Method::Cancel => self.receive_cancel(now, &request, &envelope),
            Method::Invite
            | Method::Bye
            | Method::Options
            | Method::Register
            | Method::Info
            | Method::Prack
            | Method::Update
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => self.receive_new(now, request, &envelope),
        }
    }

    fn acknowledge(&mut self, now: Instant, session: Option<SessionId>, request: &Request, envelope: &Envelope) {
        let Some(session) = session.and_then(|id| self.sessions.get_mut(&id)) else { return };
        let id = session.id;
        if session.call_id == envelope.call_id && session.has_dialog(envelope.from_tag.as_ref()) {
            session.on_ack(&mut self.core, now, request, envelope.cseq);
            self.settle(id);
        }
    }

    /// RFC 3261 9.2: a CANCEL is answered by itself, 481 where its INVITE is unknown; the INVITE gets its own 487.
    fn receive_cancel(&mut self, now: Instant, request: &Request, envelope: &Envelope) {
        let invite = self.core.servers.find(envelope, &Method::Invite);
        let session = invite.and_then(|invite| self.core.servers.session(invite));
        let tag = match session.and_then(|id| self.sessions.get(&id)) {
            // The To tag of both responses is the same.
            Some(session) => session.local_tag.clone(),
            None => Tag::from_bytes(self.core.random.token()),
        };
        if !self.core.has_room(true) {
            return self.refuse_overload(request, envelope);
        }
        let transaction = self.core.open_server(now, request, envelope, &tag, None);
        let status = if invite.is_some() { StatusCode::OK } else { StatusCode::CALL_DOES_NOT_EXIST };
        self.core.respond_plain(now, transaction, status);
        if let Some(id) = session
            && let Some(session) = self.sessions.get_mut(&id)
        {
            session.on_cancel(&mut self.core, now, reason_of(&request.headers));
            self.settle(id);
        }
    }

    /// A request that starts a transaction.
    fn receive_new(&mut self, now: Instant, mut request: Request, envelope: &Envelope) {
        // Only a tag of ours opens the reserve: anybody can write some tag.
        let in_dialog = envelope.to_tag.as_ref().is_some_and(|tag| self.by_tag.contains_key(tag));
        if !self.core.has_room(in_dialog) {
            return self.refuse_overload(&request, envelope);
        }
        if envelope.to_tag.is_none() && self.sheds(&request.method) {
            self.core.counters.shed += 1;
            return self.refuse_overload(&request, envelope);
        }
        if self.core.servers.is_merged(envelope, &request.method) || self.is_our_own(envelope) {
            return self.answer(now, &request, envelope, StatusCode::LOOP_DETECTED);
        }
        // Whoever asks for the whole way to be secure is not served on one that is not (RFC 3261 26.2.2).
        let served = match &request.uri.scheme {
            Scheme::Sip | Scheme::Tel => true,
            Scheme::Sips => envelope.source.transport.is_secure(),
            Scheme::Other(_) => false,
        };
        if !served {
            return self.answer(now, &request, envelope, StatusCode::UNSUPPORTED_URI_SCHEME);
        }
        if let Some(unsupported) = self.unsupported(&request) {
            let transaction = self.open(now, &request, envelope);
            if let Some(mut response) = self.core.response(transaction, StatusCode::BAD_EXTENSION) {
                response.headers.push_typed(&unsupported);
                self.core.respond(now, transaction, &response);
            }
            return;
        }
        if matches!(request.method, Method::Invite | Method::Update) && !takes_body(&mut request) {
            let transaction = self.open(now, &request, envelope);
            let Some(mut response) = self.core.response(transaction, StatusCode::UNSUPPORTED_MEDIA_TYPE) else {
                return;
            };
            response.headers.push(HeaderName::Accept, "application/sdp");
            self.core.respond(now, transaction, &response);
            return;
        }
        if let Some(tag) = &envelope.to_tag {
            let tag = tag.clone();
            return self.receive_in_dialog(now, &tag, &request, envelope);
        }
        match &request.method {
            Method::Invite => self.receive_invite(now, request, envelope),
            Method::Options => self.answer_options(now, &request, envelope),
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
                self.answer(now, &request, envelope, StatusCode::CALL_DOES_NOT_EXIST);
            }
            Method::Register if self.core.config.registrar => self.receive_register(now, request, envelope),
            Method::Register | Method::Refer | Method::Subscribe | Method::Message | Method::Publish => {
                self.refuse_outside(now, &request, envelope, StatusCode::METHOD_NOT_ALLOWED);
            }
            Method::Other(_) => self.refuse_outside(now, &request, envelope, StatusCode::NOT_IMPLEMENTED),
            Method::Ack | Method::Cancel => {}
        }
    }

    fn receive_in_dialog(&mut self, now: Instant, tag: &Tag, request: &Request, envelope: &Envelope) {
        let session =
            self.by_tag.get(tag).and_then(|id| self.sessions.get_mut(id)).filter(|session| {
                session.call_id == envelope.call_id && session.has_dialog(envelope.from_tag.as_ref())
            });
        match session {
            Some(session) => {
                let id = session.id;
                session.on_request(&mut self.core, now, request, envelope);
                self.settle(id);
                self.take_over(now, id);
            }
            None => self.answer(now, request, envelope, StatusCode::CALL_DOES_NOT_EXIST),
        }
    }

    fn receive_invite(&mut self, now: Instant, request: Request, envelope: &Envelope) {
        if self.live >= self.core.config.max_sessions || self.core.events_full() {
            return self.refuse_overload(&request, envelope);
        }
        let Ok(account) = self.prove(now, &request, envelope) else { return };
        let envelope = &envelope.clone().of(account);
        let config = &self.core.config;
        let grant = match Grant::judge(&request.headers, config.min_se, config.session_expires) {
            Ok(grant) => grant,
            Err(least) => {
                let transaction = self.open(now, &request, envelope);
                let status = StatusCode::SESSION_INTERVAL_TOO_SMALL;
                if let Some(mut response) = self.core.response(transaction, status) {
                    response.headers.push_typed(&least);
                    self.core.respond(now, transaction, &response);
                }
                return;
            }
        };
        if !request.headers.has(&HeaderName::Contact) {
            // RFC 3261 8.1.1.8: without Contact there is nobody to send the BYE to.
            return self.answer(now, &request, envelope, StatusCode::BAD_REQUEST);
        }
        let replaces = match self.judge_replaces(&request) {
            Ok(replaces) => replaces,
            Err(status) => return self.answer(now, &request, envelope, status),
        };
        let id = SessionId(self.core.fresh_id());
        match Session::ring_in(&mut self.core, now, id, request.clone(), envelope, grant, replaces) {
            Ok(session) => self.insert(session),
            Err(_fault) => self.answer(now, &request, envelope, StatusCode::BAD_REQUEST),
        }
    }

    /// The call whose place an INVITE wants to take (RFC 3891 section 3), where calls let themselves be taken over.
    ///
    /// # Errors
    /// 400 where the header cannot be read, stands twice or beside a Join, 481 where there is no such call, 603 where it
    /// is over or no call may be taken over.
    fn judge_replaces(&self, request: &Request) -> Result<Option<SessionId>, StatusCode> {
        let joins = request.headers.iter().any(|(name, _)| name.as_str().eq_ignore_ascii_case("Join"));
        let replaces = match request.headers.try_typed::<Replaces>() {
            Ok(None) => return Ok(None),
            Ok(Some(replaces)) if !joins && request.headers.all(&HeaderName::Replaces).count() == 1 => replaces,
            Ok(Some(_)) | Err(_) => return Err(StatusCode::BAD_REQUEST),
        };
        let session = self.by_tag.get(&replaces.to_tag).and_then(|id| self.sessions.get(id));
        let Some(session) = session.filter(|session| session.call_id == replaces.call_id) else {
            return Err(StatusCode::CALL_DOES_NOT_EXIST);
        };
        session.may_be_replaced(&replaces)?;
        if self.core.config.replaceable { Ok(Some(session.id)) } else { Err(StatusCode::DECLINE) }
    }

    /// Ends the call whose place one has taken that was just answered: "BYE" for a confirmed dialog, "CANCEL" for an early
    /// one (RFC 3891 section 3).
    pub(super) fn take_over(&mut self, now: Instant, id: SessionId) {
        let replaced = self.sessions.get_mut(&id).and_then(Session::take_replaced);
        if let Some(replaced) = replaced {
            // It may have ended meanwhile, which is just as well.
            let _ = self.hang_up(now, replaced, None);
        }
    }

    /// Whether a request is one of ours that came back: its From tag is ours and nobody else's.
    fn is_our_own(&self, envelope: &Envelope) -> bool {
        let Some(id) = envelope.from_tag.as_ref().and_then(|tag| self.by_tag.get(tag)) else { return false };
        self.sessions.get(id).is_some_and(|session| session.call_id == envelope.call_id)
    }

    pub(super) fn open(
        &mut self,
        now: Instant,
        request: &Request,
        envelope: &Envelope,
    ) -> crate::transaction::TransactionId {
        let tag = Tag::from_bytes(self.core.random.token());
        self.core.open_server(now, request, envelope, &tag, None)
    }

    fn answer(&mut self, now: Instant, request: &Request, envelope: &Envelope, status: StatusCode) {
        let transaction = self.open(now, request, envelope);
        self.core.respond_plain(now, transaction, status);
    }

    /// 405 or 501 outside a dialog.
    fn refuse_outside(&mut self, now: Instant, request: &Request, envelope: &Envelope, status: StatusCode) {
        let transaction = self.open(now, request, envelope);
        let Some(mut response) = self.core.response(transaction, status) else { return };
        response.headers.push(HeaderName::Allow, self.allow());
        self.core.respond(now, transaction, &response);
    }

    /// What may be asked of us outside a dialog.
    fn allow(&self) -> String {
        let allow = self.core.allow();
        if self.core.config.registrar { format!("{allow}, REGISTER") } else { allow }
    }

    fn answer_options(&mut self, now: Instant, request: &Request, envelope: &Envelope) {
        let transaction = self.open(now, request, envelope);
        let Some(mut response) = self.core.response(transaction, StatusCode::OK) else { return };
        response.headers.push(HeaderName::Allow, self.allow());
        response.headers.push(HeaderName::Supported, self.core.supported());
        response.headers.push(HeaderName::Accept, "application/sdp");
        self.core.respond(now, transaction, &response);
    }

    /// Option tags that are required and that we do not know (RFC 3261 8.2.2.3).
    fn unsupported(&self, request: &Request) -> Option<Unsupported> {
        let required = request.headers.try_typed::<Require>().ok().flatten().map(|Require(tags)| tags);
        let of_proxies = request.headers.try_typed::<ProxyRequire>().ok().flatten().map(|ProxyRequire(tags)| tags);
        let all = required.into_iter().chain(of_proxies).flatten();
        let unknown: Vec<_> = all.filter(|tag| !self.core.is_known(tag)).collect();
        (!unknown.is_empty()).then_some(Unsupported(unknown))
    }

    /// 503 with Retry-After, without keeping anything.
    pub(super) fn refuse_overload(&mut self, request: &Request, envelope: &Envelope) {
        self.core.counters.overloaded += 1;
        let mut more = Headers::new();
        more.push_typed(&retry_after_header(self.core.config.overload_retry_after));
        self.core.respond_stateless(&request.headers, envelope, StatusCode::SERVICE_UNAVAILABLE, &more);
    }
}

/// Whether the body of a request is a session description or may be passed over, as `handling=optional` says (RFC 3261
/// sections 8.2.3 and 20.11): then it is dropped. A body without a type is taken for a description.
fn takes_body(request: &mut Request) -> bool {
    let has_type = request.headers.has(&HeaderName::ContentType);
    if !has_type || body_of(&request.headers, &request.body).is_none_or(|body| body.is_sdp()) {
        return true;
    }
    let handling = request.headers.get(&HeaderName::ContentDisposition).unwrap_or_default();
    let handling = String::from_utf8_lossy(handling).to_ascii_lowercase();
    let optional = handling.split(';').skip(1).any(|parameter| {
        let mut sides = parameter.splitn(2, '=').map(str::trim);
        (sides.next(), sides.next()) == (Some("handling"), Some("optional"))
    });
    if optional {
        request.headers.remove(&HeaderName::ContentType);
        request.body.clear();
    }
    optional
}
