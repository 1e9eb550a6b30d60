//! Calls that come in.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use callwright_sip::endpoint::{Event, IncomingInvite, SessionId};
use callwright_sip::message::StatusCode;
use tokio::sync::mpsc;

use super::live::{Entry, Identity};
use super::{Calls, local_media};
use crate::agent::conversation::Conversation;
use crate::call::call::Call;
use crate::call::facts;
use crate::call::inbound::Admitted;
use crate::call::leg::sip::SipLeg;
use crate::call::task::{CallTask, Parts, refuse};
use crate::id::CallId;
use crate::net::sip_driver::IncomingCall;
use crate::pii::Pii;
use crate::provider::catalog::Room;
use crate::time;

/// What a refused caller is told to wait when the node is full.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Calls {
    /// Takes calls until SIP ends.
    pub async fn serve(&self, mut incoming: mpsc::Receiver<IncomingCall>) {
        while let Some(call) = incoming.recv().await {
            if let Err((status, retry_after)) = self.take(call.session, call.events, &call.invite) {
                refuse(&self.inner.services, call.session, status, retry_after).await;
            }
        }
    }

    /// Starts the task of a call that came in, or says with which status it is refused.
    fn take(
        &self,
        session: SessionId,
        events: mpsc::Receiver<Event>,
        invite: &IncomingInvite,
    ) -> Result<(), (StatusCode, Option<Duration>)> {
        let admitted = self.inner.inbound.read().unwrap_or_else(PoisonError::into_inner).admit(invite);
        let Admitted { trunk, org, assistant, max_org_calls, caller, called } =
            admitted.map_err(|code| (code, None))?;
        let overload = || (StatusCode::SERVICE_UNAVAILABLE, Some(RETRY_AFTER));
        if self.is_full() {
            return Err(overload());
        }
        if self.inner.live.iter().filter(|entry| entry.identity.org == org).count() >= max_org_calls {
            return Err((StatusCode::BUSY_HERE, None));
        }
        let services = &self.inner.services;
        let now = time::now();
        let media = services.media_address(invite.flow.listener).ok_or_else(overload)?;
        let definition = &assistant.definition;
        if let Room::None(why) = services.providers.room(org, definition) {
            tracing::warn!(%why, "a call that came in is refused");
            return Err(overload());
        }
        let lineup = services.providers.lineup(org, definition).map_err(|_| overload())?;
        let mut variables = BTreeMap::new();
        let zone = facts::zone(None, caller.as_ref().map(Pii::expose));
        facts::add(&mut variables, now.wall, zone, &definition.language);
        let conversation = Conversation::new(definition, &variables, definition.turn.timing())
            .map_err(|_| (StatusCode::SERVER_INTERNAL_ERROR, None))?;
        let rtp = services.ports.bind().map_err(|_| overload())?;
        let (leg, body) = SipLeg::inbound(local_media(media, &rtp), invite.dialog.clone(), invite.body.as_ref())
            .map_err(|_| (StatusCode::NOT_ACCEPTABLE_HERE, None))?;
        let call = Call::inbound(now.mono, services.clocks.clone());
        let identity = Identity {
            call: CallId::generate(),
            org,
            trunk,
            attempt: None,
            second_of: None,
            assistant,
            contact: caller,
            ours: called,
            started: now,
        };
        let (control, stage, entry) = Entry::new(identity.clone());
        let context = identity.context(variables);
        let recording = identity.recording();
        let parts = Parts { call, conversation, lineup, context, leg, body, rtp, recording };
        let task = CallTask::new(self.clone(), parts, control, stage).taking(session, events);
        self.spawn(identity, entry, task, None);
        Ok(())
    }
}
