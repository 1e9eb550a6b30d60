//! Changing an answered session from our side: a re-INVITE with a new offer (RFC 3261 section 14), for hold, another codec or
//! another address. One is open at a time.

use super::{Session, Stage, body_of, is_challenge, put_body};
use crate::dialog::session_timer;
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::{Body, CommandError, EndedBy, Event, SessionTimer as Deadline};
use crate::message::header::Refresher;
use crate::message::{Method, Response, StatusCode};
use crate::transaction::{Fault, TransactionId};
use std::time::{Duration, Instant};

/// How long an offer waits while something else is in progress in the dialog.
const BUSY: Duration = Duration::from_millis(200);

impl Session {
    /// Makes a new offer; it leaves as soon as nothing else is in progress.
    pub(crate) fn reoffer(&mut self, core: &mut Core, now: Instant, offer: Body) -> Result<(), CommandError> {
        match &mut self.stage {
            Stage::Up(up) if !self.ended && up.wanted.is_none() => up.wanted = Some(offer),
            Stage::Up(_) | Stage::Calling(_) | Stage::Ringing(_) | Stage::Over => {
                return Err(CommandError::WrongState(self.id));
            }
        }
        self.attempts.remove(&Purpose::Reoffer);
        self.send_reoffer(core, now);
        Ok(())
    }

    pub(super) fn send_reoffer(&mut self, core: &mut Core, now: Instant) {
        let Stage::Up(up) = &self.stage else { return };
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
        if !self.acknowledge_reinvite(core, transaction, response) {
            return;
        }
        let Stage::Up(up) = &mut self.stage else { return };
        let Some(offer) = up.wanted.take() else { return };
        let body = body_of(&response.headers, &response.body);
        up.local = Some(offer);
        up.remote.clone_from(&body);
        if !self.ended {
            self.start_timer(core, now, session_timer::SessionTimer::from_response(&response.headers));
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

/// How long a 491 is waited out (RFC 3261 14.1): 2.1 to 4 s on the side that made the Call-ID, 0 to 2 s on the other, in steps
/// of 10 ms.
pub(super) fn glare(core: &mut Core, caller: bool) -> Duration {
    let tens = if caller { core.random.between(210, 400) } else { core.random.between(0, 200) };
    Duration::from_millis(tens * 10)
}
