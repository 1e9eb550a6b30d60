//! Keeping the session timer: our refreshes, and the end when none comes (RFC 4028).

use super::caller::ack_bytes;
use super::reoffer::glare;
use super::{Session, Stage, body_of, is_challenge, put_body, retry_after_of};
use crate::dialog::session_timer::{self, SessionTimer};
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::envelope::cseq_of;
use crate::endpoint::{EndedBy, Event, Flow, SessionTimer as Deadline, TransmitId};
use crate::message::header::Refresher;
use crate::message::{Method, Request, Response, StatusCode};
use crate::transaction::{Fault, TransactionId};
use std::time::{Duration, Instant};

/// The soonest that a refresh is made again where the far side says when.
const SOONEST: Duration = Duration::from_secs(1);

/// How long a refresh waits that met something else in progress, or was refused for no lasting reason.
const TRY_AGAIN: Duration = Duration::from_secs(10);

impl Session {
    /// Takes over what was settled about timers and winds them up. `None` leaves the session without one.
    pub(super) fn start_timer(&mut self, core: &mut Core, now: Instant, timer: Option<SessionTimer>) {
        let Stage::Up(up) = &mut self.stage else { return };
        up.timer = timer;
        self.clear(core, Deadline::Refresh);
        self.clear(core, Deadline::Expiry);
        if self.ended {
            return;
        }
        if let Some(timer) = timer {
            self.set(core, now + timer.expire_after(), Deadline::Expiry);
            if timer.ours {
                self.set(core, now + timer.refresh_after(), Deadline::Refresh);
            }
        }
    }

    /// Sends the refresh: UPDATE where the far side allows it, else a re-INVITE with the session description in force.
    pub(super) fn send_refresh(&mut self, core: &mut Core, now: Instant) {
        let Stage::Up(up) = &self.stage else { return };
        let Some(timer) = up.timer else { return };
        if up.refresh.is_some() || up.reoffer.is_some() || up.answer.is_some() {
            self.set(core, now + TRY_AGAIN, Deadline::Refresh);
            return;
        }
        let method = if up.dialog.allows_update { Method::Update } else { Method::Invite };
        self.cseq += 1;
        let (mut request, flow) = up.dialog.request(method, self.cseq);
        self.describe_us_again(core, &flow, &mut request.headers);
        // The side that refreshes names itself, so that the roles stay (RFC 4028 section 7.4).
        session_timer::ask(&mut request.headers, timer.seconds, core.config.min_se, Some(Refresher::Uac));
        if let (Method::Invite, Some(local)) = (&request.method, &up.local) {
            put_body(&mut request.headers, &mut request.body, local);
        }
        self.attempts.remove(&Purpose::Refresh);
        self.send_change(core, now, request, flow, Purpose::Refresh);
    }

    /// Sends an UPDATE or re-INVITE of ours; nothing else is asked for in the dialog until its response.
    pub(super) fn send_change(
        &mut self,
        core: &mut Core,
        now: Instant,
        mut request: Request,
        flow: Flow,
        purpose: Purpose,
    ) {
        self.auth.apply(&mut request, &mut core.random);
        let transaction = self.send(core, now, request, flow, purpose);
        if let Stage::Up(up) = &mut self.stage {
            up.refresh = Some(transaction);
        }
    }

    pub(super) fn on_refresh_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: Delivered,
    ) {
        match what {
            Delivered::Response(response) if response.status.is_provisional() => {}
            Delivered::Response(response) if response.status.is_success() => {
                self.refreshed(core, now, transaction, &response);
            }
            Delivered::Response(response) => self.refresh_refused(core, now, transaction, &response),
            Delivered::Failed { fault: Fault::Timeout, .. } => {
                // RFC 4028 section 10: no answer to a refresh means that nobody is there.
                self.hang_up(core, now, EndedBy::SessionTimer, None);
            }
            Delivered::Failed { fault: Fault::Transport, .. } => self.refresh_later(core, now, TRY_AGAIN),
        }
    }

    fn refresh_later(&mut self, core: &mut Core, now: Instant, after: Duration) {
        let Stage::Up(up) = &mut self.stage else { return };
        up.refresh = None;
        if !self.ended {
            self.set(core, now + after, Deadline::Refresh);
        }
    }

    fn refreshed(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: &Response) {
        if !self.acknowledge_reinvite(core, transaction, response) {
            return;
        }
        let Stage::Up(up) = &mut self.stage else { return };
        let body = body_of(&response.headers, &response.body);
        let changed = body.filter(|body| up.remote.as_ref() != Some(body));
        if changed.is_some() {
            up.remote.clone_from(&changed);
        }
        if self.ended {
            return;
        }
        self.start_timer(core, now, SessionTimer::from_response(&response.headers));
        if let Some(body) = changed {
            core.emit_progress(Event::Reanswered { session: self.id, body });
        }
    }

    /// A 2xx to our re-INVITE or UPDATE: the first gets its ACK, the same again the same ACK. Whether it is the first, and
    /// news.
    pub(super) fn acknowledge_reinvite(
        &mut self,
        core: &mut Core,
        transaction: TransactionId,
        response: &Response,
    ) -> bool {
        let Stage::Up(up) = &mut self.stage else { return false };
        if let Some((acked, flow, ack)) = &up.refresh_ack
            && *acked == transaction
        {
            let (flow, ack) = (*flow, ack.clone());
            core.transmit(flow, ack, TransmitId::UNTRACKED);
            return false;
        }
        let Some(client) = core.client(transaction) else { return false };
        up.dialog.refresh_target(&response.headers);
        if client.request.method == Method::Invite {
            let cseq = cseq_of(&client.request.headers);
            let branch = self.key.branch(cseq, &Method::Ack);
            let own = core.seen(&up.dialog.flow, self.external);
            let (flow, ack) = ack_bytes(core, own, &up.dialog, &client.request, cseq, &branch);
            core.transmit(flow, ack.clone(), TransmitId::UNTRACKED);
            up.refresh_ack = Some((transaction, flow, ack));
        }
        let news = up.refresh == Some(transaction);
        if news {
            up.refresh = None;
        }
        news
    }

    fn refresh_refused(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: &Response) {
        let Stage::Up(up) = &mut self.stage else { return };
        if self.ended {
            up.refresh = None;
            return;
        }
        let (caller, asked) = (up.caller, up.timer.map_or(0, |timer| timer.seconds));
        match response.status {
            status if is_challenge(status) => {
                let resent = self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Refresh);
                if let Stage::Up(up) = &mut self.stage {
                    up.refresh = resent;
                }
                if resent.is_none() {
                    self.refresh_later(core, now, TRY_AGAIN);
                }
            }
            StatusCode::SESSION_INTERVAL_TOO_SMALL => {
                if let Some(seconds) = session_timer::after_refusal(&response.headers, asked)
                    && let Some(timer) = &mut up.timer
                {
                    timer.seconds = seconds;
                }
                self.refresh_later(core, now, Duration::ZERO);
            }
            StatusCode::REQUEST_PENDING => {
                let after = glare(core, caller);
                self.refresh_later(core, now, after);
            }
            // RFC 3261 12.2.1.2: either of these ends the dialog.
            StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT => {
                up.refresh = None;
                self.hang_up(core, now, EndedBy::Error, None);
            }
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED if up.dialog.allows_update => {
                up.dialog.allows_update = false;
                self.refresh_later(core, now, Duration::ZERO);
            }
            // RFC 3311 5.2: 0 to 10 s.
            _other => {
                let told = retry_after_of(&response.headers).filter(|after| *after <= TRY_AGAIN);
                self.refresh_later(core, now, told.unwrap_or(TRY_AGAIN).max(SOONEST));
            }
        }
    }

    pub(super) fn session_expired(&mut self, core: &mut Core, now: Instant) {
        self.hang_up(core, now, EndedBy::SessionTimer, None);
    }
}
