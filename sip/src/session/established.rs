//! Requests of the far side within a dialog, early or confirmed, and our BYE.

use super::reliable::Reliable;
use super::reoffer::EarlyChange;
use super::{
    Calling, Cancel, PendingAnswer, PendingReoffer, Session, Stage, Up, body_of, is_challenge, put_body, refuse_method,
};
use crate::dialog::Dialog;
use crate::dialog::session_timer::Grant;
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::envelope::Envelope;
use crate::endpoint::servers::retry_after_header;
use crate::endpoint::{
    Body, CommandError, EndedBy, Event, Flow, RecoveryOutcome, Rejection, SessionId, SessionTimer as Deadline,
};
use crate::message::header::{CSeq, From, Reason, Replaces, Tag};
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
            put_off: 0,
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
        if self.is_out_of_order(envelope.from_tag.as_ref(), envelope.cseq) {
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
        response.headers.push(HeaderName::Supported, core.supported());
        response.headers.push(HeaderName::Accept, "application/sdp");
        core.respond(now, transaction, &response);
    }

    /// Notes the CSeq of a request; `true` if it is not above the last one.
    fn is_out_of_order(&mut self, remote_tag: Option<&Tag>, cseq: u32) -> bool {
        let dialog = match &mut self.stage {
            Stage::Ringing(ringing) => &mut ringing.dialog,
            Stage::Up(up) => &mut up.dialog,
            Stage::Calling(calling) => match remote_tag.and_then(|tag| calling.early.get_mut(tag)) {
                Some(dialog) => dialog,
                None => return false,
            },
            Stage::Over => return false,
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
        self.launch(core, now, request, flow, &branch, Purpose::Bye);
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
        self.launch(core, now, request, target, &branch, Purpose::Bye);
        true
    }

    // --- re-INVITE and UPDATE ---

    fn on_reoffer(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, request: &Request, cseq: u32) {
        let is_invite = request.method == Method::Invite;
        let offer = body_of(&request.headers, &request.body);
        let grant = Grant::judge(&request.headers, core.config.min_se, None);
        let Stage::Up(up) = &mut self.stage else {
            return self.on_early_change(core, now, transaction, request, cseq);
        };
        if self.ended {
            return core.respond_plain(now, transaction, StatusCode::CALL_DOES_NOT_EXIST);
        }
        if up.reoffer.is_some() {
            return put_off(core, now, transaction);
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

    /// An INVITE or UPDATE in an early dialog. An UPDATE may bring a new offer once the first one is answered for good, by a
    /// reliable response (RFC 3311 section 5.1).
    fn on_early_change(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
        cseq: u32,
    ) {
        let (method, offer) = (request.method.clone(), body_of(&request.headers, &request.body));
        let tag = request.headers.typed::<From>().ok().and_then(|from| from.tag());
        let tag = tag.unwrap_or_else(|| Tag::from_bytes([]));
        let open = self.early_offer.is_some();
        let ours = self.early_change.as_ref().is_some_and(EarlyChange::is_open);
        let verdict = match &self.stage {
            Stage::Calling(calling) if !self.ended => calling.judge_change(&tag, &method, offer.is_some()),
            Stage::Ringing(ringing) => {
                let settled = self.reliable.as_ref().is_some_and(Reliable::is_settled);
                match (&offer, &ringing.offer) {
                    (None, _) if method == Method::Update => Ok(()),
                    // "MUST reject [...] with a 491" an offer that crosses ours, with 500 one that comes before our answer
                    // (RFC 3311 5.2), as an INVITE before the final response of the first (RFC 3261 14.2).
                    (Some(_), None) if method == Method::Update => Err(StatusCode::REQUEST_PENDING),
                    (Some(_), Some(_)) if method == Method::Update && settled => Ok(()),
                    (_, _) => Err(StatusCode::SERVER_INTERNAL_ERROR),
                }
            }
            Stage::Calling(_) | Stage::Up(_) | Stage::Over => Err(StatusCode::CALL_DOES_NOT_EXIST),
        };
        match verdict {
            Err(StatusCode::SERVER_INTERNAL_ERROR) => return put_off(core, now, transaction),
            Err(status) => return core.respond_plain(now, transaction, status),
            Ok(()) if open => return put_off(core, now, transaction),
            // Glare (RFC 3311 5.2).
            Ok(()) if ours && offer.is_some() => {
                return core.respond_plain(now, transaction, StatusCode::REQUEST_PENDING);
            }
            Ok(()) => {}
        }
        match &mut self.stage {
            Stage::Calling(calling) => {
                if let Some(dialog) = calling.early.get_mut(&tag) {
                    dialog.refresh_target(&request.headers);
                }
            }
            Stage::Ringing(ringing) => ringing.dialog.refresh_target(&request.headers),
            Stage::Up(_) | Stage::Over => {}
        }
        let asked = offer.is_some();
        self.early_offer = Some((tag, PendingReoffer { transaction, method, cseq, grant: None, offer: offer.clone() }));
        if asked {
            self.set(core, now + core.config.reoffer_limit, Deadline::ReofferUnanswered);
            core.emit_progress(Event::Reoffer { session: self.id, body: offer });
        } else {
            self.finish_reoffer(core, now, Ok(None));
        }
    }

    /// Answers what was asked in an early dialog; `false` if nothing was.
    fn finish_early_offer(&mut self, core: &mut Core, now: Instant, answer: &Result<Option<Body>, StatusCode>) -> bool {
        let Some((tag, pending)) = self.early_offer.take() else { return false };
        let body = match answer {
            _ if self.ended => {
                core.respond_plain(now, pending.transaction, StatusCode::CALL_DOES_NOT_EXIST);
                return true;
            }
            Err(status) => {
                core.respond_plain(now, pending.transaction, *status);
                return true;
            }
            Ok(body) => body,
        };
        if let (Some(offer), Some(body)) = (pending.offer, body) {
            match &mut self.stage {
                Stage::Calling(calling) => {
                    calling.offer = Some(body.clone());
                    calling.described.insert(tag, offer);
                }
                Stage::Ringing(ringing) => ringing.offer = Some(offer),
                Stage::Up(_) | Stage::Over => {}
            }
        }
        let flow = core.server_flow(pending.transaction);
        let (Some(mut response), Some(flow)) = (core.response(pending.transaction, StatusCode::OK), flow) else {
            return true;
        };
        self.describe_us(core, &flow, &mut response.headers);
        if let Some(body) = body {
            put_body(&mut response.headers, &mut response.body, body);
        }
        core.respond(now, pending.transaction, &response);
        true
    }

    /// The call was answered while an offer of theirs waits: it goes on waiting if the dialog is the one that was answered.
    pub(super) fn keep_early_offer(&mut self, core: &mut Core, now: Instant) {
        let Stage::Up(up) = &mut self.stage else { return };
        match self.early_offer.take() {
            Some((tag, pending)) if tag == up.dialog.remote_tag => up.reoffer = Some(pending),
            Some((_, pending)) => {
                core.respond_plain(now, pending.transaction, StatusCode::CALL_DOES_NOT_EXIST);
                self.clear(core, Deadline::ReofferUnanswered);
            }
            None => {}
        }
    }

    /// Whether an INVITE may take the place of this call (RFC 3891 section 3).
    ///
    /// # Errors
    /// The status that refuses it.
    pub(crate) fn may_be_replaced(&self, replaces: &Replaces) -> Result<(), StatusCode> {
        match &self.stage {
            _ if !self.has_dialog(Some(&replaces.from_tag)) => Err(StatusCode::CALL_DOES_NOT_EXIST),
            // "matches a dialog that has already terminated".
            _ if self.ended => Err(StatusCode::DECLINE),
            Stage::Up(_) if replaces.early_only => Err(StatusCode::BUSY_HERE),
            Stage::Up(_) | Stage::Calling(_) => Ok(()),
            // "matches an early dialog that was not initiated by this UA".
            Stage::Ringing(_) | Stage::Over => Err(StatusCode::CALL_DOES_NOT_EXIST),
        }
    }

    /// The call that this one has taken the place of; told once, when it is answered.
    pub(crate) fn take_replaced(&mut self) -> Option<SessionId> {
        if matches!(self.stage, Stage::Up(_)) && !self.ended { self.replaces.take() } else { None }
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
        let open = self.early_offer.is_some() || matches!(&self.stage, Stage::Up(up) if up.reoffer.is_some());
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
        if self.finish_early_offer(core, now, &answer) {
            return;
        }
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

impl Calling {
    /// Whether the far side of an early dialog may change it now (RFC 3311 5.2, RFC 3261 14.2).
    fn judge_change(&self, tag: &Tag, method: &Method, offers: bool) -> Result<(), StatusCode> {
        if self.cancel != Cancel::No {
            return Err(StatusCode::CALL_DOES_NOT_EXIST);
        }
        match (method, offers) {
            (Method::Update, false) => Ok(()),
            // Our offer has no answer for good yet.
            (Method::Update, true) if !self.described.contains_key(tag) => Err(StatusCode::REQUEST_PENDING),
            // There is one media path: it belongs to the callee that was heard of last.
            (Method::Update, true) if self.latest.as_ref() != Some(tag) => Err(StatusCode::NOT_ACCEPTABLE_HERE),
            (Method::Update, true) => Ok(()),
            (_, _) => Err(StatusCode::REQUEST_PENDING),
        }
    }
}

/// RFC 3261 14.2, RFC 3311 5.2: 500 with a Retry-After of 0 to 10 s, chosen at random, while the previous one is open.
fn put_off(core: &mut Core, now: Instant, transaction: TransactionId) {
    let after = Duration::from_secs(core.random.between(0, 10));
    let Some(mut response) = core.response(transaction, StatusCode::SERVER_INTERNAL_ERROR) else { return };
    response.headers.push_typed(&retry_after_header(after));
    core.respond(now, transaction, &response);
}
