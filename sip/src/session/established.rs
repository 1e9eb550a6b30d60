//! Answered calls: requests of the far side within the dialog, and our BYE.

use super::reliable::Reliable;
use super::{
    PendingAnswer, PendingReoffer, SUPPORTED, Session, Stage, Up, body_of, is_challenge, put_body, refuse_method,
};
use crate::dialog::Dialog;
use crate::dialog::session_timer::Grant;
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::envelope::Envelope;
use crate::endpoint::servers::retry_after_header;
use crate::endpoint::{Body, CommandError, EndedBy, Event, Flow, RecoveryOutcome, Rejection, SessionTimer as Deadline};
use crate::message::header::{CSeq, Reason, Tag};
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::transaction::{Fault, TransactionId};
use std::time::{Duration, Instant};

impl Up {
    pub(super) fn new(dialog: Dialog, caller: bool) -> Self {
        Self {
            dialog,
            caller,
            local: None,
            remote: None,
            timer: None,
            answer: None,
            reoffer: None,
            refresh: None,
            wanted: None,
            refresh_ack: None,
            bye_after_ack: None,
            refer: None,
            notifier: None,
        }
    }

    /// Whether an offer of ours is out.
    fn offering(&self) -> bool {
        self.refresh.is_some()
    }
}

impl Session {
    /// Whether one of our dialogs has this tag on the far side.
    pub(crate) fn has_dialog(&self, remote_tag: Option<&Tag>) -> bool {
        let same = |dialog: &Dialog| match remote_tag {
            Some(tag) => dialog.remote_tag == *tag,
            None => dialog.remote_tag.as_bytes().is_empty(),
        };
        match &self.stage {
            Stage::Calling(calling) => calling.early.values().any(same),
            Stage::Ringing(ringing) => same(&ringing.dialog),
            Stage::Up(up) => same(&up.dialog),
            Stage::Over => false,
        }
    }

    /// A request within the dialog that is neither ACK nor CANCEL. It has no transaction yet.
    pub(crate) fn on_request(&mut self, core: &mut Core, now: Instant, request: &Request, envelope: &Envelope) {
        let transaction = core.open_server(now, request, envelope, &self.local_tag, Some(self.id));
        if self.is_out_of_order(envelope.cseq) {
            // RFC 3261 12.2.2: an older request than the last one is answered 500.
            return core.respond_plain(now, transaction, StatusCode::SERVER_INTERNAL_ERROR);
        }
        match &request.method {
            Method::Bye => self.on_bye(core, now, transaction, request),
            Method::Invite | Method::Update => self.on_reoffer(core, now, transaction, request, envelope.cseq),
            Method::Info => {
                core.respond_plain(now, transaction, StatusCode::OK);
                if !self.ended {
                    let body = body_of(&request.headers, &request.body);
                    core.emit_progress(Event::Info { session: self.id, body });
                }
            }
            Method::Options => self.answer_options(core, now, transaction),
            Method::Ack | Method::Cancel => {}
            Method::Refer => self.on_refer(core, now, transaction, request, envelope.cseq),
            Method::Notify => self.on_notify(core, now, transaction, request),
            Method::Prack => self.on_prack(core, now, transaction, request),
            Method::Register | Method::Subscribe | Method::Message | Method::Publish => {
                refuse_method(core, now, transaction, StatusCode::METHOD_NOT_ALLOWED)
            }
            Method::Other(_) => refuse_method(core, now, transaction, StatusCode::NOT_IMPLEMENTED),
        }
    }

    fn answer_options(&self, core: &mut Core, now: Instant, transaction: TransactionId) {
        let Some(mut response) = core.response(transaction, StatusCode::OK) else { return };
        response.headers.push(HeaderName::Allow, core.allow());
        response.headers.push(HeaderName::Supported, SUPPORTED);
        response.headers.push(HeaderName::Accept, "application/sdp");
        core.respond(now, transaction, &response);
    }

    /// Notes the CSeq of a request; `true` if it is not above the last one.
    fn is_out_of_order(&mut self, cseq: u32) -> bool {
        let dialog = match &mut self.stage {
            Stage::Ringing(ringing) => &mut ringing.dialog,
            Stage::Up(up) => &mut up.dialog,
            Stage::Calling(_) | Stage::Over => return false,
        };
        if dialog.remote_cseq.is_some_and(|last| cseq <= last) {
            return true;
        }
        dialog.remote_cseq = Some(cseq);
        false
    }

    // --- BYE ---

    fn on_bye(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, request: &Request) {
        let reason = super::reason_of(&request.headers);
        match &mut self.stage {
            Stage::Up(up) => {
                let pending = up.reoffer.take().map(|reoffer| reoffer.transaction);
                up.answer = None;
                up.bye_after_ack = None;
                core.respond_plain(now, transaction, StatusCode::OK);
                if let Some(pending) = pending {
                    // RFC 3261 15.1.2: what is pending in the dialog is answered 487.
                    core.respond_plain(now, pending, StatusCode::REQUEST_TERMINATED);
                }
                self.clear(core, Deadline::RepeatAnswer);
                self.clear(core, Deadline::AckMissing);
                self.clear(core, Deadline::ReofferUnanswered);
                if self.recovery {
                    self.recovered(core, RecoveryOutcome::HungUp);
                } else {
                    self.end(core, now, EndedBy::Remote, reason);
                }
            }
            Stage::Ringing(_) => {
                // A caller may end an early dialog by BYE instead of CANCEL (RFC 3261 section 15).
                core.respond_plain(now, transaction, StatusCode::OK);
                self.on_cancel(core, now, reason);
            }
            // RFC 3261 section 15: a callee must not end an early dialog by BYE.
            Stage::Calling(_) | Stage::Over => core.respond_plain(now, transaction, StatusCode::CALL_DOES_NOT_EXIST),
        }
    }

    /// Ends an answered call.
    pub(crate) fn bye(&mut self, core: &mut Core, now: Instant, reason: Option<Reason>) -> Result<(), CommandError> {
        if matches!(self.stage, Stage::Ringing(_)) && self.reliable.as_ref().is_some_and(Reliable::is_answered) {
            // The 2xx still waits for a PRACK: nobody has heard of it.
            let rejection = Rejection { reason, ..Rejection::default() };
            return self.reject(core, now, StatusCode::TEMPORARILY_UNAVAILABLE, &rejection);
        }
        if self.ended || !matches!(self.stage, Stage::Up(_)) {
            return Err(CommandError::WrongState(self.id));
        }
        self.hang_up(core, now, EndedBy::Local, reason);
        Ok(())
    }

    /// Reports the end and sends BYE, or leaves it to be sent after the ACK: "the callee's UA MUST NOT send a BYE on
    /// a confirmed dialog until it has received an ACK for its 2xx response or until the server transaction times
    /// out" (RFC 3261 section 15).
    pub(super) fn hang_up(&mut self, core: &mut Core, now: Instant, by: EndedBy, reason: Option<Reason>) {
        let Stage::Up(up) = &mut self.stage else { return };
        if let Some(reoffer) = up.reoffer.take() {
            core.respond_plain(now, reoffer.transaction, StatusCode::REQUEST_TERMINATED);
        }
        if up.answer.as_ref().is_some_and(|answer| answer.first) {
            up.bye_after_ack = Some(reason);
        } else {
            up.answer = None;
            self.clear(core, Deadline::RepeatAnswer);
            self.clear(core, Deadline::AckMissing);
            self.send_bye(core, now, reason);
        }
        self.clear(core, Deadline::ReofferUnanswered);
        self.end(core, now, by, None);
    }

    pub(super) fn send_bye(&mut self, core: &mut Core, now: Instant, reason: Option<Reason>) {
        let Stage::Up(up) = &self.stage else { return };
        self.cseq += 1;
        let (mut request, flow) = up.dialog.request(Method::Bye, self.cseq);
        if let Some(reason) = reason {
            request.headers.push_typed(&reason);
        }
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.key.branch(self.cseq, &Method::Bye);
        core.send_request(now, request, flow, &branch, self.owner(Purpose::Bye));
    }

    pub(super) fn on_bye_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: Delivered,
    ) {
        match what {
            Delivered::Response(response) if response.status.is_provisional() => {}
            Delivered::Response(response) => {
                let resent = is_challenge(response.status)
                    && self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Bye).is_some();
                if !resent && self.recovery {
                    let unknown = response.status == StatusCode::CALL_DOES_NOT_EXIST;
                    self.recovered(core, if unknown { RecoveryOutcome::Unknown } else { RecoveryOutcome::HungUp });
                }
            }
            Delivered::Failed { fault, request, flow, .. } => {
                let resent = fault == Fault::Transport && self.try_target(core, now, *request, flow);
                if !resent && self.recovery {
                    self.recovered(core, RecoveryOutcome::Silent);
                }
            }
        }
    }

    /// The connection of the dialog is gone and cannot be opened from here: the BYE goes to the target's own address,
    /// once (RFC 3261 18.1.1). `false` if that is no other address.
    fn try_target(&mut self, core: &mut Core, now: Instant, mut request: Request, flow: Flow) -> bool {
        let Stage::Up(up) = &mut self.stage else { return false };
        let Some(target) = up.dialog.listening_flow(flow) else { return false };
        up.dialog.flow = target;
        self.cseq += 1;
        request.headers.remove(&HeaderName::Via);
        request.headers.set_typed(&CSeq { number: self.cseq, method: Method::Bye });
        let branch = self.key.branch(self.cseq, &Method::Bye);
        core.send_request(now, request, target, &branch, self.owner(Purpose::Bye));
        true
    }

    // --- re-INVITE and UPDATE ---

    fn on_reoffer(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, request: &Request, cseq: u32) {
        let is_invite = request.method == Method::Invite;
        let offer = body_of(&request.headers, &request.body);
        let grant = Grant::judge(&request.headers, core.config.min_se, None);
        let Stage::Up(up) = &mut self.stage else {
            // No answer has been given yet, so a new offer has to wait (RFC 3311 5.2).
            let status = if offer.is_none() && !is_invite { StatusCode::OK } else { StatusCode::REQUEST_PENDING };
            return core.respond_plain(now, transaction, status);
        };
        if self.ended {
            return core.respond_plain(now, transaction, StatusCode::CALL_DOES_NOT_EXIST);
        }
        if up.reoffer.is_some() {
            // RFC 3261 14.2, RFC 3311 5.2: 500 with a Retry-After of 0 to 10 s while the previous one is open.
            let after = Duration::from_secs(core.random.between(0, 10));
            let Some(mut response) = core.response(transaction, StatusCode::SERVER_INTERNAL_ERROR) else { return };
            response.headers.push_typed(&retry_after_header(after));
            core.respond(now, transaction, &response);
            return;
        }
        let answered = up.answer.as_ref().is_some_and(|answer| answer.first) && up.remote.is_some();
        if answered {
            // Whoever sends this has our 2xx: only its ACK was lost or overtaken (RFC 5407 3.1.4). Without an offer in the
            // INVITE the ACK has the answer and must come first (3.1.5).
            self.acknowledged(core, now, None);
        }
        let Stage::Up(up) = &mut self.stage else { return };
        if up.offering() || up.answer.is_some() {
            return core.respond_plain(now, transaction, StatusCode::REQUEST_PENDING);
        }
        let grant = match grant {
            Ok(grant) => grant,
            Err(least) => {
                let status = StatusCode::SESSION_INTERVAL_TOO_SMALL;
                let Some(mut response) = core.response(transaction, status) else { return };
                response.headers.push_typed(&least);
                core.respond(now, transaction, &response);
                return;
            }
        };
        up.dialog.refresh_target(&request.headers);
        let same = offer.as_ref().is_some_and(|offer| up.remote.as_ref() == Some(offer));
        let method = request.method.clone();
        let local = up.local.clone();
        up.reoffer = Some(PendingReoffer { transaction, method, cseq, grant, offer: offer.clone() });
        self.set(core, now + core.config.reoffer_limit, Deadline::ReofferUnanswered);
        match (same, local) {
            // A refresh that changes nothing is answered by what is in force.
            (true, Some(local)) => self.finish_reoffer(core, now, Ok(Some(local))),
            (_, _) if offer.is_none() && !is_invite => self.finish_reoffer(core, now, Ok(None)),
            (_, _) => core.emit_progress(Event::Reoffer { session: self.id, body: offer }),
        }
    }

    /// The shell answers a re-INVITE or UPDATE.
    pub(crate) fn answer_reoffer(
        &mut self,
        core: &mut Core,
        now: Instant,
        answer: Result<Body, StatusCode>,
    ) -> Result<(), CommandError> {
        if let Err(status) = answer
            && !status.is_failure()
        {
            return Err(CommandError::WrongStatus(status));
        }
        let open = matches!(&self.stage, Stage::Up(up) if up.reoffer.is_some());
        if self.ended || !open {
            return Err(CommandError::WrongState(self.id));
        }
        self.finish_reoffer(core, now, answer.map(Some));
        Ok(())
    }

    pub(super) fn reoffer_unanswered(&mut self, core: &mut Core, now: Instant) {
        self.finish_reoffer(core, now, Err(StatusCode::SERVER_INTERNAL_ERROR));
    }

    fn finish_reoffer(&mut self, core: &mut Core, now: Instant, answer: Result<Option<Body>, StatusCode>) {
        self.clear(core, Deadline::ReofferUnanswered);
        let Stage::Up(up) = &mut self.stage else { return };
        let Some(reoffer) = up.reoffer.take() else { return };
        let body = match answer {
            Ok(body) => body,
            Err(status) => return core.respond_plain(now, reoffer.transaction, status),
        };
        let flow = up.dialog.flow;
        if let Some(body) = &body {
            up.local = Some(body.clone());
        }
        if reoffer.offer.is_some() {
            up.remote = reoffer.offer;
        }
        let Some(mut response) = core.response(reoffer.transaction, StatusCode::OK) else { return };
        self.describe_us(core, &flow, &mut response.headers);
        if let Some(body) = &body {
            put_body(&mut response.headers, &mut response.body, body);
        }
        if let Some(grant) = &reoffer.grant {
            grant.print(&mut response.headers);
        }
        let sent = core.respond(now, reoffer.transaction, &response);
        if let (Method::Invite, Some((flow, bytes))) = (&reoffer.method, sent) {
            let resend_after = core.config.intervals.t1;
            self.await_ack(core, now, PendingAnswer { flow, bytes, resend_after, cseq: reoffer.cseq, first: false });
        }
        if let Some(grant) = &reoffer.grant {
            self.start_timer(core, now, Some(grant.timer()));
        }
    }
}
