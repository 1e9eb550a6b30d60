//! Incoming calls up to their ACK: ringing, accepting, refusing, and the caller's CANCEL.

use super::reliable::Reliable;
use super::{PendingAnswer, Ringing, Session, Stage, Up, body_of, put_body, refused, silent};
use crate::dialog::Dialog;
use crate::dialog::auth::Authenticator;
use crate::dialog::session_timer::Grant;
use crate::endpoint::core::Core;
use crate::endpoint::envelope::Envelope;
use crate::endpoint::servers::retry_after_header;
use crate::endpoint::{
    Body, CommandError, EndedBy, Event, FailureCause, IncomingInvite, Rejection, SessionId, SessionTimer as Deadline,
    TransmitId,
};
use crate::message::header::Reason;
use crate::message::{HeaderName, Request, Response, StatusCode};
use crate::transaction::TransactionId;
use std::time::{Duration, Instant};

/// A ringing call says so again this often: "every minute" (RFC 3261 13.3.1.1), lest a proxy takes it for dead.
const REPEAT_PROVISIONAL: Duration = Duration::from_secs(60);

impl Session {
    /// Takes an INVITE that starts a session: 100 is sent, the shell is asked.
    ///
    /// # Errors
    /// The INVITE lacks what a dialog needs.
    pub(crate) fn ring_in(
        core: &mut Core,
        now: Instant,
        id: SessionId,
        request: Request,
        envelope: &Envelope,
        grant: Option<Grant>,
        replaces: Option<SessionId>,
    ) -> Result<Self, &'static str> {
        let key = core.random.leg_key();
        let flow = envelope.response_flow;
        let dialog = Dialog::as_callee(&request, key.local_tag(), flow).ok_or("Contact")?;
        let contact_user = request.uri.user.clone().unwrap_or_else(|| core.config.contact_user.clone().into_bytes());
        let auth = Authenticator::default();
        let mut session = Self::new(id, key, envelope.call_id.clone(), auth, contact_user, Stage::Over);
        session.scheme = dialog.scheme(&request.uri);
        let transaction = core.open_server(now, &request, envelope, &session.local_tag, Some(id));
        let offer = body_of(&request.headers, &request.body);
        let snapshot = dialog.snapshot(0);
        let record_routes = request.headers.all(&HeaderName::RecordRoute).map(<[u8]>::to_vec).collect();
        session.stage = Stage::Ringing(Box::new(Ringing {
            transaction,
            dialog,
            grant,
            record_routes,
            offer: offer.clone(),
            latest: None,
            cseq: envelope.cseq,
        }));
        session.reliable = Reliable::of(core, &request);
        session.replaces = replaces;
        session.set(core, now + core.config.early_limit, Deadline::EarlyLimit);
        let Envelope { source: flow, account, .. } = *envelope;
        let invite = IncomingInvite { flow, request, body: offer, dialog: snapshot, account, replaces };
        let invite = Box::new(invite);
        core.emit(Event::Incoming { session: id, invite });
        Ok(session)
    }

    /// Sends a provisional response.
    pub(crate) fn ring(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: StatusCode,
        body: Option<&Body>,
    ) -> Result<(), CommandError> {
        if !status.is_provisional() || status == StatusCode::TRYING {
            return Err(CommandError::WrongStatus(status));
        }
        let (response, _) = self.dialog_response(core, status).ok_or(CommandError::WrongState(self.id))?;
        let mut response = response;
        if let Some(body) = body {
            put_body(&mut response.headers, &mut response.body, body);
        }
        if self.reliable.as_ref().is_some_and(Reliable::is_answered) {
            return Err(CommandError::WrongState(self.id));
        }
        if let Stage::Ringing(ringing) = &mut self.stage {
            ringing.latest = Some(response.clone());
        }
        self.send_provisional(core, now, response);
        self.set(core, now + REPEAT_PROVISIONAL, Deadline::RepeatProvisional);
        Ok(())
    }

    pub(super) fn repeat_provisional(&mut self, core: &mut Core, now: Instant) {
        let Stage::Ringing(ringing) = &self.stage else { return };
        if let Some(mut response) = ringing.latest.clone() {
            if self.reliable.as_ref().is_some_and(Reliable::is_settled) {
                // What was agreed upon is not offered again.
                response.headers.remove(&HeaderName::ContentType);
                response.body.clear();
            }
            self.send_provisional(core, now, response);
            self.set(core, now + REPEAT_PROVISIONAL, Deadline::RepeatProvisional);
        }
    }

    /// Answers with 200; it is sent again until the ACK comes.
    pub(crate) fn accept(&mut self, core: &mut Core, now: Instant, body: Body) -> Result<(), CommandError> {
        if matches!(self.stage, Stage::Ringing(_))
            && let Some(reliable) = &mut self.reliable
        {
            if reliable.is_answered() {
                return Err(CommandError::WrongState(self.id));
            }
            if reliable.holds_back(&body) {
                return Ok(());
            }
        }
        let (mut response, transaction) =
            self.dialog_response(core, StatusCode::OK).ok_or(CommandError::WrongState(self.id))?;
        let offered = self.reliable.as_ref().and_then(Reliable::answered_offer).cloned();
        if offered.is_none() {
            // Else offer and answer are done, and another description would be a new offer (RFC 3262 section 5).
            put_body(&mut response.headers, &mut response.body, &body);
        }
        let Stage::Ringing(ringing) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(CommandError::WrongState(self.id));
        };
        if let Some(grant) = &ringing.grant {
            grant.print(&mut response.headers);
        }
        self.clear(core, Deadline::EarlyLimit);
        self.clear(core, Deadline::RepeatProvisional);
        self.stop_reliable(core);
        let timer = ringing.grant.as_ref().map(Grant::timer);
        let mut up = Up::new(ringing.dialog, false);
        up.local = Some(offered.unwrap_or(body));
        up.remote = ringing.offer;
        self.stage = Stage::Up(Box::new(up));
        self.keep_early_offer(core, now);
        self.keep_early_change(core);
        if let Some((flow, bytes)) = core.respond(now, transaction, &response) {
            let resend_after = core.config.intervals.t1;
            self.await_ack(core, now, PendingAnswer { flow, bytes, resend_after, cseq: ringing.cseq, first: true });
        }
        self.start_timer(core, now, timer);
        Ok(())
    }

    /// Refuses the call.
    pub(crate) fn reject(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: StatusCode,
        rejection: &Rejection,
    ) -> Result<(), CommandError> {
        if !status.is_failure() {
            return Err(CommandError::WrongStatus(status));
        }
        let Stage::Ringing(ringing) = &self.stage else { return Err(CommandError::WrongState(self.id)) };
        if let Some(mut response) = core.response(ringing.transaction, status) {
            if let Some(after) = rejection.retry_after {
                response.headers.push_typed(&retry_after_header(after));
            }
            if let Some(reason) = &rejection.reason {
                response.headers.push_typed(reason);
            }
            if let Some(phrase) = rejection.phrase {
                response.reason = phrase.as_bytes().to_vec();
            }
            core.respond(now, ringing.transaction, &response);
            self.fail(core, refused(FailureCause::Rejected, response));
        }
        self.stage = Stage::Over;
        Ok(())
    }

    pub(super) fn refuse_unanswered(&mut self, core: &mut Core, now: Instant) {
        let refused = self.reject(core, now, StatusCode::TEMPORARILY_UNAVAILABLE, &Rejection::default());
        debug_assert!(refused.is_ok(), "a ringing call can be refused");
    }

    /// The caller gave up: 487 for the INVITE (the CANCEL has its 200). After our answer a CANCEL has no effect
    /// (RFC 3261 9.2).
    pub(crate) fn on_cancel(&mut self, core: &mut Core, now: Instant, reason: Option<Reason>) {
        let Stage::Ringing(ringing) = &self.stage else { return };
        core.respond_plain(now, ringing.transaction, StatusCode::REQUEST_TERMINATED);
        self.stage = Stage::Over;
        let session = self.id;
        self.conclude(core, Event::Cancelled { session, reason });
    }

    /// A response could not be delivered. That ends the call only if it is the one to the INVITE that rings: what
    /// becomes of other requests does not matter to it.
    pub(crate) fn on_undeliverable(&mut self, core: &mut Core, transaction: TransactionId) {
        if matches!(&self.stage, Stage::Ringing(ringing) if ringing.transaction == transaction) {
            self.stage = Stage::Over;
            self.fail(core, silent(FailureCause::LocalError));
        }
    }

    /// A response that belongs to the dialog: with Record-Route, Contact and what we can do (RFC 3261 12.1.1).
    fn dialog_response(&self, core: &Core, status: StatusCode) -> Option<(Response, TransactionId)> {
        let Stage::Ringing(ringing) = &self.stage else { return None };
        let mut response = core.response(ringing.transaction, status)?;
        for route in &ringing.record_routes {
            response.headers.push(HeaderName::RecordRoute, route);
        }
        self.describe_us(core, &ringing.dialog.flow, &mut response.headers);
        Some((response, ringing.transaction))
    }

    // --- the 2xx and its ACK ---

    pub(super) fn await_ack(&mut self, core: &mut Core, now: Instant, answer: PendingAnswer) {
        self.set(core, now + answer.resend_after, Deadline::RepeatAnswer);
        self.set(core, now + core.config.intervals.timeout(), Deadline::AckMissing);
        if let Stage::Up(up) = &mut self.stage {
            up.answer = Some(answer);
        }
    }

    pub(super) fn repeat_answer(&mut self, core: &mut Core, now: Instant) {
        let Stage::Up(up) = &mut self.stage else { return };
        let Some(answer) = &mut up.answer else { return };
        answer.resend_after = core.config.intervals.doubled(answer.resend_after);
        let (flow, bytes, after) = (answer.flow, answer.bytes.clone(), answer.resend_after);
        core.counters.retransmissions += 1;
        core.transmit(flow, bytes, TransmitId::UNTRACKED);
        self.set(core, now + after, Deadline::RepeatAnswer);
    }

    /// "If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK, the dialog is
    /// confirmed, but the session SHOULD be terminated. This is accomplished with a BYE" (RFC 3261 13.3.1.4).
    pub(super) fn ack_missing(&mut self, core: &mut Core, now: Instant) {
        let Stage::Up(up) = &mut self.stage else { return };
        up.answer = None;
        let waiting = up.bye_after_ack.take();
        self.clear(core, Deadline::RepeatAnswer);
        if let Some(reason) = waiting {
            self.send_bye(core, now, reason);
        } else if !self.ended {
            self.end(core, now, EndedBy::Error, None);
            self.send_bye(core, now, None);
        }
    }

    /// An ACK within the dialog.
    pub(crate) fn on_ack(&mut self, core: &mut Core, now: Instant, request: &Request, cseq: u32) {
        let Stage::Up(up) = &mut self.stage else { return };
        if up.answer.as_ref().is_none_or(|answer| answer.cseq != cseq) {
            return;
        }
        let body = body_of(&request.headers, &request.body);
        self.acknowledged(core, now, body);
    }

    /// The caller is known to have our 2xx.
    pub(super) fn acknowledged(&mut self, core: &mut Core, now: Instant, body: Option<Body>) {
        let Stage::Up(up) = &mut self.stage else { return };
        let first = up.answer.take().is_some_and(|answer| answer.first);
        let waiting = up.bye_after_ack.take();
        if body.is_some() {
            up.remote.clone_from(&body);
        }
        let dialog = Box::new(up.dialog.snapshot(self.cseq));
        self.clear(core, Deadline::RepeatAnswer);
        self.clear(core, Deadline::AckMissing);
        if let Some(reason) = waiting {
            self.send_bye(core, now, reason);
        }
        if !self.ended && (first || body.is_some()) {
            core.emit_progress(Event::Acknowledged { session: self.id, dialog, body });
        }
    }
}
