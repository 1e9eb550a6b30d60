//! OPTIONS requests that show whether a peer is alive.

use super::command::Probe;
use super::core::{Core, Delivered, Owner};
use super::event::{Event, ProbeId};
use crate::dialog::auth::{Attempts, Authenticator};
use crate::identity::LegKey;
use crate::message::header::{CSeq, From, NameAddr, To};
use crate::message::{HeaderName, Method, Request, StatusCode, Uri};
use crate::transaction::TransactionId;
use std::time::Instant;

/// A probe that waits for its answer.
#[derive(Debug)]
pub(crate) struct OpenProbe {
    id: ProbeId,
    key: LegKey,
    started: Instant,
    cseq: u32,
    auth: Authenticator,
    attempts: Attempts,
}

impl OpenProbe {
    pub(crate) fn send(core: &mut Core, now: Instant, id: ProbeId, probe: Probe) -> Self {
        let advertised = core.advertised(&probe.flow);
        let call_id = probe.key.call_id(&advertised.host.to_string());
        let contact_user = core.config.contact_user.clone().into_bytes();
        let us = NameAddr::new(Uri::sip(Some(&contact_user), advertised));
        let mut request = Request::new(Method::Options, probe.uri.clone());
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push_typed(&From(us.with_tag(&probe.key.local_tag())));
        request.headers.push_typed(&To(NameAddr::new(probe.uri)));
        request.headers.push_typed(&call_id);
        request.headers.push_typed(&CSeq { number: 1, method: Method::Options });
        request.headers.push(HeaderName::Contact, core.contact(&probe.flow, &contact_user));
        request.headers.push(HeaderName::Accept, "application/sdp");
        let branch = probe.key.branch(1, &Method::Options);
        core.send_request(now, request, probe.flow, &branch, Owner::Probe(id));
        let auth = Authenticator::new(probe.credentials);
        Self { id, key: probe.key, started: now, cseq: 1, auth, attempts: Attempts::default() }
    }

    /// Takes the outcome; `true` when the probe is over.
    pub(crate) fn on_delivery(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) -> bool {
        let status = match what {
            Delivered::Response(response) if response.status.is_provisional() => return false,
            Delivered::Response(response) => {
                let challenged = response.status == StatusCode::UNAUTHORIZED
                    || response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
                if challenged
                    && self.auth.learn(&response.headers, &mut self.attempts)
                    && self.again(core, now, transaction)
                {
                    return false;
                }
                Some(response.status)
            }
            Delivered::Failed { .. } => None,
        };
        let took = now.saturating_duration_since(self.started);
        core.emit_progress(Event::ProbeResult { probe: self.id, status, took });
        true
    }

    fn again(&mut self, core: &mut Core, now: Instant, transaction: TransactionId) -> bool {
        let Some(client) = core.client(transaction) else { return false };
        let (mut request, flow) = (client.request.clone(), client.flow);
        self.cseq += 1;
        request.headers.remove(&HeaderName::Via);
        request.headers.remove(&HeaderName::Authorization);
        request.headers.remove(&HeaderName::ProxyAuthorization);
        request.headers.set_typed(&CSeq { number: self.cseq, method: Method::Options });
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.key.branch(self.cseq, &Method::Options);
        core.send_request(now, request, flow, &branch, Owner::Probe(self.id));
        true
    }
}
