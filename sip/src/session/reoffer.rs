//! Changing a session from our side, for hold, another codec or another address: a re-INVITE with a new offer (RFC 3261
//! section 14), before the answer an UPDATE (RFC 3311). One is open at a time.

use super::{Cancel, Session, Stage, body_of, is_challenge, put_body, retry_after_of};
use crate::dialog::session_timer;
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::{Body, CommandError, EndedBy, Event, SessionTimer as Deadline};
use crate::message::header::{Refresher, Tag};
use crate::message::{Method, Response, StatusCode};
use crate::transaction::{Fault, TransactionId};
use std::time::{Duration, Instant};

/// How often an offer is made again after a 500 that says when, and how long that may be: RFC 3261 14.2 has 0 to 10 s.
const MOST_PUT_OFF: u32 = 4;
const LONGEST_PUT_OFF: Duration = Duration::from_secs(10);

/// How long an offer waits while something else is in progress in the dialog.
const BUSY: Duration = Duration::from_millis(200);

impl Session {
    /// Makes a new offer; it leaves as soon as nothing else is in progress.
    pub(crate) fn reoffer(&mut self, core: &mut Core, now: Instant, offer: Body) -> Result<(), CommandError> {
        match &mut self.stage {
            Stage::Up(up) if !self.ended && up.wanted.is_none() => (up.wanted, up.put_off) = (Some(offer), 0),
            Stage::Calling(_) | Stage::Ringing(_) => return self.reoffer_early(core, now, offer),
            Stage::Up(_) | Stage::Over => return Err(CommandError::WrongState(self.id)),
        }
        self.attempts.remove(&Purpose::Reoffer);
        self.send_reoffer(core, now);
        Ok(())
    }

    pub(super) fn send_reoffer(&mut self, core: &mut Core, now: Instant) {
        let Stage::Up(up) = &self.stage else { return self.send_early_change(core, now) };
        let Some(offer) = up.wanted.clone() else { return };
        if up.refresh.is_some() || up.reoffer.is_some() || up.answer.is_some() {
            return self.set(core, now + BUSY, Deadline::Reoffer);
        }
        self.cseq += 1;
        let (mut request, flow) = up.dialog.request(Method::Invite, self.cseq);
        self.describe_us_again(core, &flow, &mut request.headers);
        if let Some(timer) = up.timer {
            // It refreshes as well, and the roles stay (RFC 4028 section 7.4).
            let refresher = if timer.ours { Refresher::Uac } else { Refresher::Uas };
            session_timer::ask(&mut request.headers, timer.seconds, core.config.min_se, Some(refresher));
        }
        put_body(&mut request.headers, &mut request.body, &offer);
        self.send_change(core, now, request, flow, Purpose::Reoffer);
    }

    pub(super) fn on_reoffer_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: Delivered,
    ) {
        if self.early_change.as_ref().is_some_and(|change| change.transaction == Some(transaction)) {
            return self.on_early_outcome(core, now, transaction, what);
        }
        match what {
            Delivered::Response(response) if response.status.is_provisional() => {}
            Delivered::Response(response) if response.status.is_success() => {
                self.reoffer_accepted(core, now, transaction, &response);
            }
            Delivered::Response(response) => self.reoffer_refused(core, now, transaction, &response),
            // RFC 3261 14.1 and 12.2.1.2: silence ends the dialog as a 408 does.
            Delivered::Failed { fault: Fault::Timeout, .. } => self.hang_up(core, now, EndedBy::Error, None),
            Delivered::Failed { fault: Fault::Transport, .. } => {
                self.reoffer_over(core, Err(StatusCode::SERVICE_UNAVAILABLE));
            }
        }
    }

    fn reoffer_accepted(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: &Response) {
        let by_update = core.client(transaction).is_some_and(|client| client.request.method == Method::Update);
        if !self.acknowledge_reinvite(core, transaction, response) {
            return;
        }
        let Stage::Up(up) = &mut self.stage else { return };
        let Some(offer) = up.wanted.take() else { return };
        let body = body_of(&response.headers, &response.body);
        up.local = Some(offer);
        up.remote.clone_from(&body);
        if !self.ended {
            if !by_update {
                // One that left before the answer says nothing about timers.
                self.start_timer(core, now, session_timer::SessionTimer::from_response(&response.headers));
            }
            core.emit_progress(Event::Reoffered { session: self.id, answer: Ok(body) });
        }
    }

    fn reoffer_refused(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: &Response) {
        let Stage::Up(up) = &mut self.stage else { return };
        up.refresh = None;
        if self.ended {
            return;
        }
        match response.status {
            status if is_challenge(status) => {
                let resent = self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Reoffer);
                match (resent, &mut self.stage) {
                    (Some(_), Stage::Up(up)) => up.refresh = resent,
                    (_, _) => self.reoffer_over(core, Err(status)),
                }
            }
            StatusCode::SESSION_INTERVAL_TOO_SMALL => {
                let asked = up.timer.map_or(0, |timer| timer.seconds);
                match (session_timer::after_refusal(&response.headers, asked), &mut up.timer) {
                    (Some(seconds), Some(timer)) => {
                        timer.seconds = seconds;
                        self.send_reoffer(core, now);
                    }
                    (_, _) => self.reoffer_over(core, Err(response.status)),
                }
            }
            StatusCode::REQUEST_PENDING => {
                let after = glare(core, up.caller);
                self.set(core, now + after, Deadline::Reoffer);
            }
            // The far side has another one open (RFC 3261 14.2).
            StatusCode::SERVER_INTERNAL_ERROR if up.put_off < MOST_PUT_OFF => {
                match retry_after_of(&response.headers).filter(|after| *after <= LONGEST_PUT_OFF) {
                    Some(after) => {
                        up.put_off += 1;
                        self.set(core, now + after.max(BUSY), Deadline::Reoffer);
                    }
                    None => self.reoffer_over(core, Err(response.status)),
                }
            }
            // RFC 3261 12.2.1.2: either of these ends the dialog.
            StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT => {
                self.hang_up(core, now, EndedBy::Error, None);
            }
            status => self.reoffer_over(core, Err(status)),
        }
    }

    /// The session goes on as it was.
    fn reoffer_over(&mut self, core: &mut Core, answer: Result<Option<Body>, StatusCode>) {
        let Stage::Up(up) = &mut self.stage else { return };
        (up.refresh, up.wanted) = (None, None);
        if !self.ended {
            core.emit_progress(Event::Reoffered { session: self.id, answer });
        }
    }
}

/// An offer of ours in an early dialog.
#[derive(Debug)]
pub(super) struct EarlyChange {
    /// Names the dialog.
    tag: Tag,
    offer: Body,
    /// Its UPDATE; none while it waits.
    transaction: Option<TransactionId>,
    put_off: u32,
}

impl EarlyChange {
    /// Whether it is out.
    pub(super) fn is_open(&self) -> bool {
        self.transaction.is_some()
    }

    /// Its UPDATE goes on as another transaction.
    pub(super) fn moved(&mut self, from: TransactionId, to: TransactionId) {
        if self.transaction == Some(from) {
            self.transaction = Some(to);
        }
    }
}

impl Session {
    /// Makes a new offer before the answer: to the callee that was heard of last, or to the caller, where the first offer
    /// has its answer for good and UPDATE is allowed (RFC 3311 section 5.1).
    fn reoffer_early(&mut self, core: &mut Core, now: Instant, offer: Body) -> Result<(), CommandError> {
        let dialog = match &self.stage {
            Stage::Calling(calling) if calling.cancel == Cancel::No => {
                let latest = calling.latest.as_ref().filter(|tag| calling.described.contains_key(*tag));
                latest.and_then(|tag| calling.early.get(tag))
            }
            Stage::Ringing(ringing) => {
                let settled = self.reliable.as_ref().is_some_and(|ours| ours.is_settled() && !ours.is_answered());
                settled.then_some(&ringing.dialog)
            }
            Stage::Calling(_) | Stage::Up(_) | Stage::Over => None,
        };
        let dialog = dialog.filter(|dialog| dialog.allows_update && !self.ended && self.early_change.is_none());
        let tag = dialog.map(|dialog| dialog.remote_tag.clone()).ok_or(CommandError::WrongState(self.id))?;
        self.early_change = Some(EarlyChange { tag, offer, transaction: None, put_off: 0 });
        self.attempts.remove(&Purpose::Reoffer);
        self.send_early_change(core, now);
        Ok(())
    }

    fn send_early_change(&mut self, core: &mut Core, now: Instant) {
        let Some(change) = &self.early_change else { return };
        let offer = change.offer.clone();
        if self.early_offer.is_some() {
            return self.set(core, now + BUSY, Deadline::Reoffer);
        }
        let dialog = match &self.stage {
            Stage::Calling(calling) => calling.early.get(&change.tag),
            Stage::Ringing(ringing) => Some(&ringing.dialog),
            Stage::Up(_) | Stage::Over => None,
        };
        let Some(dialog) = dialog else { return self.early_change_over(core, Err(StatusCode::CALL_DOES_NOT_EXIST)) };
        self.cseq += 1;
        let (mut request, flow) = dialog.request(Method::Update, self.cseq);
        self.describe_us_again(core, &flow, &mut request.headers);
        put_body(&mut request.headers, &mut request.body, &offer);
        self.auth.apply(&mut request, &mut core.random);
        let transaction = self.send(core, now, request, flow, Purpose::Reoffer);
        if let Some(change) = &mut self.early_change {
            change.transaction = Some(transaction);
        }
    }

    fn on_early_outcome(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, what: Delivered) {
        let response = match what {
            Delivered::Response(response) if response.status.is_provisional() => return,
            Delivered::Response(response) => response,
            Delivered::Failed { fault: Fault::Timeout, .. } => {
                return self.early_change_over(core, Err(StatusCode::REQUEST_TIMEOUT));
            }
            Delivered::Failed { fault: Fault::Transport, .. } => {
                return self.early_change_over(core, Err(StatusCode::SERVICE_UNAVAILABLE));
            }
        };
        let caller = matches!(self.stage, Stage::Calling(_));
        let Some(change) = &mut self.early_change else { return };
        change.transaction = None;
        let told = retry_after_of(&response.headers).filter(|after| *after <= LONGEST_PUT_OFF);
        match (response.status, told) {
            (status, _) if status.is_success() => self.early_change_taken(core, &response),
            (status, _) if is_challenge(status) => {
                let resent = self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Reoffer);
                match (&mut self.early_change, resent) {
                    (Some(change), Some(_)) => change.transaction = resent,
                    (_, _) => self.early_change_over(core, Err(status)),
                }
            }
            (StatusCode::REQUEST_PENDING, _) if !self.ended => {
                let after = glare(core, caller);
                self.set(core, now + after, Deadline::Reoffer);
            }
            (StatusCode::SERVER_INTERNAL_ERROR, Some(after)) if change.put_off < MOST_PUT_OFF && !self.ended => {
                change.put_off += 1;
                self.set(core, now + after.max(BUSY), Deadline::Reoffer);
            }
            // What becomes of the call its INVITE tells.
            (status, _) => self.early_change_over(core, Err(status)),
        }
    }

    fn early_change_taken(&mut self, core: &mut Core, response: &Response) {
        let Some(change) = &self.early_change else { return };
        let body = body_of(&response.headers, &response.body);
        match &mut self.stage {
            Stage::Calling(calling) => {
                calling.offer = Some(change.offer.clone());
                if let Some(dialog) = calling.early.get_mut(&change.tag) {
                    dialog.refresh_target(&response.headers);
                }
                if let Some(body) = &body {
                    calling.described.insert(change.tag.clone(), body.clone());
                }
            }
            Stage::Ringing(ringing) => {
                ringing.dialog.refresh_target(&response.headers);
                if body.is_some() {
                    ringing.offer.clone_from(&body);
                }
            }
            Stage::Up(_) | Stage::Over => {}
        }
        self.early_change_over(core, Ok(body));
    }

    fn early_change_over(&mut self, core: &mut Core, answer: Result<Option<Body>, StatusCode>) {
        self.early_change = None;
        if !self.ended {
            core.emit_progress(Event::Reoffered { session: self.id, answer });
        }
    }

    /// The call was answered while an offer of ours is out or waits: it goes on where the dialog is the one that was
    /// answered.
    pub(super) fn keep_early_change(&mut self, core: &mut Core) {
        let Stage::Up(up) = &mut self.stage else { return };
        match self.early_change.take() {
            Some(change) if change.tag == up.dialog.remote_tag => {
                (up.wanted, up.refresh, up.put_off) = (Some(change.offer), change.transaction, change.put_off);
            }
            Some(change) => {
                // Its dialog is gone, and what is still said there concerns nobody.
                change.transaction.iter().for_each(|transaction| core.forget_client(*transaction));
                self.clear(core, Deadline::Reoffer);
                self.early_change_over(core, Err(StatusCode::CALL_DOES_NOT_EXIST));
            }
            None => {}
        }
    }
}

/// How long a 491 is waited out (RFC 3261 14.1): 2.1 to 4 s on the side that made the Call-ID, 0 to 2 s on the other, in steps
/// of 10 ms.
pub(super) fn glare(core: &mut Core, caller: bool) -> Duration {
    let tens = if caller { core.random.between(210, 400) } else { core.random.between(0, 200) };
    Duration::from_millis(tens * 10)
}
