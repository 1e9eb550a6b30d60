//! Being asked by the far side to call somebody else, and telling it how that goes (RFC 3515). Only where
//! [`Config::referable`](crate::endpoint::Config::referable) is set.

use super::refer::SIPFRAG;
use super::{Session, Stage, is_challenge, refuse_method};
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::{CommandError, Event, IncomingRefer};
use crate::message::header::{EventPackage, ReferSub, ReferTo, ReferredBy, Replaces, SubscriptionState};
use crate::message::{HeaderName, Method, Request, StatusCode, Token};
use crate::transaction::TransactionId;
use std::time::Instant;

/// What we promise of a subscription, in seconds. Nothing here ends it: the call it belongs to has an end.
const EXPIRES: u32 = 180;

/// A REFER that was accepted and whose sender wants to hear of it.
#[derive(Debug)]
pub(super) struct Notifier {
    /// CSeq of the REFER.
    id: u32,
    /// A NOTIFY waits for its response; the next one waits for that.
    busy: bool,
    next: Option<StatusCode>,
    /// The final status was given.
    done: bool,
}

impl Session {
    pub(super) fn on_refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
        cseq: u32,
    ) {
        if !core.config.referable {
            return refuse_method(core, now, transaction, StatusCode::METHOD_NOT_ALLOWED);
        }
        let flow = match &self.stage {
            Stage::Up(up) if !self.ended => match &up.notifier {
                Some(notifier) if !notifier.done => {
                    return core.respond_plain(now, transaction, StatusCode::REQUEST_PENDING);
                }
                Some(_) | None => up.dialog.flow,
            },
            Stage::Up(_) | Stage::Calling(_) | Stage::Ringing(_) | Stage::Over => {
                return core.respond_plain(now, transaction, StatusCode::CALL_DOES_NOT_EXIST);
            }
        };
        // "A REFER request implementation MUST contain exactly one Refer-To" (RFC 3515 section 2.4.1), else it gets 400.
        let to = request.headers.typed::<ReferTo>().ok();
        let Some((ReferTo(to), Ok(replaces))) = to.map(|to| (to.clone(), Replaces::of_uri(&to.uri))) else {
            return core.respond_plain(now, transaction, StatusCode::BAD_REQUEST);
        };
        let Some(mut response) = core.response(transaction, StatusCode::ACCEPTED) else { return };
        self.describe_us(core, &flow, &mut response.headers);
        let watched = !matches!(request.headers.try_typed(), Ok(Some(ReferSub(false))));
        if !watched {
            response.headers.push_typed(&ReferSub(false));
        }
        core.respond(now, transaction, &response);
        if let Stage::Up(up) = &mut self.stage {
            up.notifier = watched.then_some(Notifier { id: cseq, busy: false, next: None, done: false });
        }
        // "A NOTIFY MUST be sent immediately" (RFC 3515 section 2.4.4).
        let _ = self.notify_refer(core, now, StatusCode::TRYING);
        let by = request.headers.try_typed::<ReferredBy>().ok().flatten().map(|ReferredBy(by)| by);
        let refer = Box::new(IncomingRefer { to, by, replaces, watched });
        core.emit_progress(Event::Referred { session: self.id, refer });
    }

    /// Tells the sender of the REFER how it goes; a final status ends the subscription.
    pub(crate) fn notify_refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        status: StatusCode,
    ) -> Result<(), CommandError> {
        let wrong = CommandError::WrongState(self.id);
        let Stage::Up(up) = &mut self.stage else { return Err(wrong) };
        let Some(notifier) = up.notifier.as_mut().filter(|notifier| !notifier.done) else { return Err(wrong) };
        if self.ended {
            return Err(wrong);
        }
        notifier.done = status.is_final();
        notifier.next = Some(status);
        if !notifier.busy {
            self.send_notify(core, now);
        }
        Ok(())
    }

    fn send_notify(&mut self, core: &mut Core, now: Instant) {
        let Stage::Up(up) = &mut self.stage else { return };
        let Some(notifier) = &mut up.notifier else { return };
        notifier.busy = false;
        let Some(status) = notifier.next.take().filter(|_| !self.ended) else { return };
        notifier.busy = true;
        let id = notifier.id;
        self.cseq += 1;
        let (mut request, flow) = up.dialog.request(Method::Notify, self.cseq);
        self.describe_us(core, &flow, &mut request.headers);
        let token = |text: &str| Token::new(text).expect("these words are tokens");
        request.headers.push_typed(&EventPackage { package: token("refer"), id: Some(id.to_string().into_bytes()) });
        request.headers.push_typed(&if status.is_final() {
            SubscriptionState { state: token("terminated"), reason: Some(token("noresource")), expires: None }
        } else {
            SubscriptionState { state: token("active"), reason: None, expires: Some(EXPIRES) }
        });
        request.headers.set(HeaderName::ContentType, format!("{SIPFRAG};version=2.0"));
        request.body = format!("SIP/2.0 {status} {}\r\n", status.phrase()).into_bytes();
        self.attempts.remove(&Purpose::Notify);
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.key.branch(self.cseq, &request.method);
        self.launch(core, now, request, flow, &branch, Purpose::Notify);
    }

    pub(super) fn on_notify_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) {
        if let Delivered::Response(response) = what {
            if response.status.is_provisional() {
                return;
            }
            if is_challenge(response.status)
                && self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Notify).is_some()
            {
                return;
            }
            if !response.status.is_success()
                && let Stage::Up(up) = &mut self.stage
                && let Some(notifier) = &mut up.notifier
            {
                // The sender does not want to hear of it (RFC 6665 section 4.2.2).
                (notifier.done, notifier.next) = (true, None);
            }
        }
        self.send_notify(core, now);
    }
}
