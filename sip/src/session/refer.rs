//! Asking the far side to call somebody else (RFC 3515), and hearing how that went.
//!
//! ```text
//!          REFER           2xx             NOTIFY 1xx
//!   none ────────▶ Asked ────────▶ Watching ──┐
//!                   │ │ NOTIFY       ▲  │ ▲   │
//!                   │ └──────────────┘  │ └───┘
//!   3xx–6xx, silence│                   │ NOTIFY with a final status or terminated; expired; the session is over
//!                   └─────▶ Told ◀──────┘
//! ```
//!
//! A NOTIFY may come before the response to its REFER. In `Told` NOTIFYs that still come get 200 for 64*T1, also when
//! the call is over: the far side sends BYE and its last NOTIFY in either order.

use super::{Session, Stage, is_challenge, retry_after_of};
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::envelope::cseq_of;
use crate::endpoint::{CommandError, Event, Refer, ReferEnd, ReferId, ReferProgress, SessionTimer as Deadline};
use crate::message::header::{ContentType, EventPackage, ReferSub, ReferTo, ReferredBy, SubscriptionState};
use crate::message::{HeaderName, Method, Request, Response, StatusCode};
use crate::transaction::TransactionId;
use std::time::{Duration, Instant};

/// How long a subscription lasts whose NOTIFY does not say, in seconds.
const UNSAID: u32 = 180;

/// The shortest a subscription is believed to last, in seconds: some count an active one down to nothing.
const SHORTEST: u32 = 32;

/// The longest a subscription is believed to last, in seconds: nobody lets a telephone ring longer.
const LONGEST: u32 = 600;

/// A REFER of ours in its session.
#[derive(Debug)]
pub(super) struct OpenRefer {
    id: ReferId,
    /// CSeq of the request: the `id` of its events.
    cseq: u32,
    stage: ReferStage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReferStage {
    /// No final response yet, and no NOTIFY.
    Asked,
    /// Accepted; more is to come.
    Watching,
    /// The shell knows how it ended.
    Told,
}

impl Session {
    /// Sends REFER.
    pub(crate) fn refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: ReferId,
        refer: &Refer,
    ) -> Result<(), CommandError> {
        let Stage::Up(up) = &self.stage else { return Err(CommandError::WrongState(self.id)) };
        let open = up.refer.as_ref().is_some_and(|open| open.stage != ReferStage::Told);
        if self.ended || open {
            return Err(CommandError::WrongState(self.id));
        }
        self.cseq += 1;
        let (mut request, flow) = up.dialog.request(Method::Refer, self.cseq);
        self.describe_us(core, &flow, &mut request.headers);
        request.headers.push_typed(&ReferTo(refer.to.clone()));
        if let Some(by) = &refer.by {
            request.headers.push_typed(&ReferredBy(by.clone()));
        }
        request.headers.push(HeaderName::Accept, SIPFRAG);
        self.attempts.remove(&Purpose::Refer);
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.key.branch(self.cseq, &request.method);
        self.launch(core, now, request, flow, &branch, Purpose::Refer);
        self.clear(core, Deadline::Subscription);
        let open = OpenRefer { id, cseq: self.cseq, stage: ReferStage::Asked };
        if let Stage::Up(up) = &mut self.stage {
            up.refer = Some(open);
        }
        Ok(())
    }

    pub(super) fn on_refer_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: Delivered,
    ) {
        // What a NOTIFY said counts more than a response that comes behind it.
        if self.open_refer().is_none_or(|open| open.stage != ReferStage::Asked) {
            return;
        }
        match what {
            Delivered::Response(response) if response.status.is_provisional() => {}
            Delivered::Response(response) if response.status.is_success() => self.referred(core, now, &response),
            Delivered::Response(response) => self.refer_refused(core, now, transaction, &response),
            Delivered::Failed { .. } => self.finish_refer(core, now, ReferEnd::Unanswered),
        }
    }

    /// 202, or another 2xx: all of them mean the same (RFC 6665 section 8.3.1). Without a subscription (RFC 4488, or the
    /// 204 of RFC 5839) nothing more will be heard.
    fn referred(&mut self, core: &mut Core, now: Instant, response: &Response) {
        let unwatched = matches!(response.headers.try_typed(), Ok(Some(ReferSub(false))));
        if unwatched || response.status == StatusCode::NO_NOTIFICATION {
            return self.finish_refer(core, now, ReferEnd::Unwatched);
        }
        self.watch_refer(core);
        // RFC 6665 section 4.1.2.4, timer N: the first NOTIFY comes within 64*T1.
        self.set(core, now + core.config.intervals.timeout(), Deadline::Subscription);
    }

    fn refer_refused(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: &Response) {
        if is_challenge(response.status)
            && let Some(resent) =
                self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Refer)
        {
            let cseq = core.client(resent).map_or(0, |client| cseq_of(&client.request.headers));
            if let Some(open) = self.open_refer() {
                open.cseq = cseq;
            }
            return;
        }
        // A 481 may mean the REFER or the call: whether the call is gone is left to what else is sent in it.
        let retry_after = retry_after_of(&response.headers);
        self.finish_refer(core, now, ReferEnd::Refused { status: response.status, retry_after });
    }

    /// A NOTIFY within the dialog: only those of our REFER are expected.
    pub(super) fn on_notify(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, request: &Request) {
        let event = request.headers.try_typed::<EventPackage>().ok().flatten();
        let Some(event) = event.filter(|event| event.package.is("refer")) else {
            let Some(mut response) = core.response(transaction, StatusCode::BAD_EVENT) else { return };
            response.headers.push(HeaderName::AllowEvents, "refer");
            core.respond(now, transaction, &response);
            return;
        };
        let Some(open) = self.open_refer() else {
            return core.respond_plain(now, transaction, StatusCode::CALL_DOES_NOT_EXIST);
        };
        // RFC 3515 section 2.4.6 lets the first REFER of a dialog go without id.
        if event.id.is_some_and(|id| id != open.cseq.to_string().as_bytes()) {
            return core.respond_plain(now, transaction, StatusCode::CALL_DOES_NOT_EXIST);
        }
        let fragment = request.headers.try_typed::<ContentType>().ok().flatten();
        if fragment.is_some_and(|kind| !kind.is("message", "sipfrag")) && !request.body.is_empty() {
            let Some(mut response) = core.response(transaction, StatusCode::UNSUPPORTED_MEDIA_TYPE) else { return };
            response.headers.push(HeaderName::Accept, SIPFRAG);
            core.respond(now, transaction, &response);
            return;
        }
        core.respond_plain(now, transaction, StatusCode::OK);
        self.refer_notified(core, now, request);
    }

    fn refer_notified(&mut self, core: &mut Core, now: Instant, request: &Request) {
        let Some(open) = self.open_refer().filter(|open| open.stage != ReferStage::Told) else { return };
        let (refer, asked) = (open.id, open.stage == ReferStage::Asked);
        let state = request.headers.try_typed::<SubscriptionState>().ok().flatten();
        let status = status_of_fragment(&request.body);
        if asked {
            self.watch_refer(core);
        }
        match status {
            Some(status) if status.is_final() => self.finish_refer(core, now, ReferEnd::Result { status }),
            _ if state.as_ref().is_some_and(SubscriptionState::is_terminated) => {
                self.finish_refer(core, now, ReferEnd::Silent);
            }
            status => {
                if let Some(status) = status {
                    let progress = ReferProgress::Trying { status };
                    core.emit_progress(Event::Refer { session: self.id, refer, progress });
                }
                let seconds = state.and_then(|state| state.expires).unwrap_or(UNSAID).clamp(SHORTEST, LONGEST);
                self.set(core, now + Duration::from_secs(seconds.into()), Deadline::Subscription);
            }
        }
    }

    /// The first NOTIFY, the next one or the end of the subscription is overdue, or late NOTIFYs need no answer any more.
    pub(super) fn subscription_over(&mut self, core: &mut Core, now: Instant) {
        let Some(open) = self.open_refer() else { return };
        match open.stage {
            ReferStage::Asked => {}
            ReferStage::Watching => self.finish_refer(core, now, ReferEnd::Silent),
            ReferStage::Told => {
                if let Stage::Up(up) = &mut self.stage {
                    up.refer = None;
                }
            }
        }
    }

    /// Tells how the REFER ended, once.
    pub(super) fn finish_refer(&mut self, core: &mut Core, now: Instant, end: ReferEnd) {
        let session = self.id;
        let Some(open) = self.open_refer() else { return };
        if std::mem::replace(&mut open.stage, ReferStage::Told) == ReferStage::Told {
            return;
        }
        let refer = open.id;
        self.set(core, now + core.config.intervals.timeout(), Deadline::Subscription);
        core.emit(Event::Refer { session, refer, progress: ReferProgress::Ended(end) });
    }

    fn watch_refer(&mut self, core: &mut Core) {
        let session = self.id;
        let Some(open) = self.open_refer() else { return };
        open.stage = ReferStage::Watching;
        let refer = open.id;
        core.emit_progress(Event::Refer { session, refer, progress: ReferProgress::Accepted });
    }

    fn open_refer(&mut self) -> Option<&mut OpenRefer> {
        match &mut self.stage {
            Stage::Up(up) => up.refer.as_mut(),
            Stage::Calling(_) | Stage::Ringing(_) | Stage::Over => None,
        }
    }
}

/// The type of a NOTIFY's body (RFC 3420).
pub(super) const SIPFRAG: &str = "message/sipfrag";

/// The status of the status line a `message/sipfrag` begins with, which is all that a NOTIFY has to carry (RFC 3515
/// section 2.4.5). `None` for anything else: what cannot be read says nothing.
fn status_of_fragment(body: &[u8]) -> Option<StatusCode> {
    let line = body.trim_ascii_start().split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (version, code) = (words.next()?, words.next()?);
    let code = std::str::from_utf8(code).ok()?.parse().ok()?;
    if version.eq_ignore_ascii_case(b"SIP/2.0") { StatusCode::new(code) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read_and_nothing_else() {
        let status = |body: &str| status_of_fragment(body.as_bytes()).map(StatusCode::code);
        assert_eq!(status("SIP/2.0 100 Trying\r\n"), Some(100));
        assert_eq!(status("\r\nsip/2.0  503\nContact: <sip:x@y>"), Some(503));
        for nonsense in
            ["", "SIP/2.0", "SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/3.0 200 OK", "HTTP/1.1 200 OK", "\u{e4} 200"]
        {
            assert_eq!(status(nonsense), None, "{nonsense}");
        }
    }
}
