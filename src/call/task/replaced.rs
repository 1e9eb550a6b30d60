//! A leg that another one takes the place of (RFC 3891): the call, its agent and its audio go on.

use callwright_sip::endpoint::Rejection;
use callwright_sip::message::{HeaderName, StatusCode};

use super::{CallTask, refuse};
use crate::call::event::CallInput;
use crate::call::leg::Leg;
use crate::net::sip_driver::IncomingCall;
use crate::time;

impl CallTask {
    /// Answers the new leg with our side of the old one; the endpoint then hangs up the old one. A call that is ending, or a
    /// description that cannot be answered, leaves everything as it was.
    pub(super) async fn replaced(&mut self, incoming: IncomingCall) {
        let IncomingCall { session, invite, events } = incoming;
        // Its caller has given up meanwhile.
        if events.is_closed() {
            return;
        }
        let plain = Rejection::default();
        if self.events.is_none() || self.call.answered_at().is_none() {
            return refuse(&self.services, session, StatusCode::DECLINE, plain).await;
        }
        let call_id = invite.request.headers.get(&HeaderName::CallId).map(<[u8]>::to_vec);
        let Leg::Sip(leg) = &mut self.leg else {
            return refuse(&self.services, session, StatusCode::DECLINE, plain).await;
        };
        let news = leg.taken_over(invite.dialog, invite.body);
        let body = match news.reoffer {
            Some(Ok(body)) => body,
            Some(Err(status)) => return refuse(&self.services, session, status, plain).await,
            None => return refuse(&self.services, session, StatusCode::NOT_ACCEPTABLE_HERE, plain).await,
        };
        let trunk = self.context.trunk;
        tracing::info!(call = %self.context.call, ?trunk, "another leg takes the place of this call's");
        self.conversation.note(time::now().mono, || "another leg takes the place of this one".to_owned());
        if let Some(call_id) = call_id {
            self.calls.goes_on(self.context.call, &call_id);
        }
        let _ = self.services.sip.accept(session, body).await;
        self.is_on(session, events);
        if let Some(event) = news.event {
            self.tell(CallInput::Leg(event));
        }
    }
}
