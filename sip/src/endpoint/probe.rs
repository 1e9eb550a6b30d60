//! OPTIONS requests that show whether a peer is alive.

use super::command::Probe;
use super::core::{Core, Delivered, Owner};
use crate::dialog::auth::{Attempts, Authenticator};
use crate::identity::LegKey;
use crate::message::header::{CSeq, From, NameAddr, To};
use crate::message::{HeaderName, Method, Request, StatusCode, Uri};
use crate::transaction::TransactionId;
use std::time::{Duration, Instant};

/// How far a probe is.
pub(crate) enum Progress {
    /// Its answer is still to come.
    Open,
    /// It was answered, or was not.
    Over { status: Option<StatusCode>, took: Duration },
}

/// A probe that waits for its answer.
#[derive(Debug)]
pub(crate) struct OpenProbe {
    owner: Owner,
    /// The transaction of its latest request.
    pub(crate) transaction: TransactionId,
    key: LegKey,
    started: Instant,
    cseq: u32,
    auth: Authenticator,
    attempts: Attempts,
}

impl OpenProbe {
    pub(crate) fn send(core: &mut Core, now: Instant, owner: Owner, probe: Probe) -> Self {
        let advertised = core.advertised(&probe.flow);
        let call_id = probe.key.call_id(&advertised.host.to_string());
        let contact_user = core.config.contact_user.clone().into_bytes();
        let contact = core.contact(&probe.flow, advertised.clone(), &contact_user, &probe.uri.scheme);
        let us = NameAddr::new(Uri::sip(Some(&contact_user), advertised));
        let mut request = Request::new(Method::Options, probe.uri.clone());
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push_typed(&From(us.with_tag(&probe.key.local_tag())));
        request.headers.push_typed(&To(NameAddr::new(probe.uri)));
        request.headers.push_typed(&call_id);
        request.headers.push_typed(&CSeq { number: 1, method: Method::Options });
        request.headers.push(HeaderName::Contact, contact);
        request.headers.push(HeaderName::Accept, "application/sdp");
        let branch = probe.key.branch(1, &Method::Options);
        let transaction = core.send_request(now, request, probe.flow, &branch, owner);
        let auth = Authenticator::new(probe.credentials);
        Self { owner, transaction, key: probe.key, started: now, cseq: 1, auth, attempts: Attempts::default() }
    }

    /// Takes the outcome.
    pub(crate) fn on_delivery(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) -> Progress {
        let status = match what {
            Delivered::Response(response) if response.status.is_provisional() => return Progress::Open,
            Delivered::Response(response) => {
                let challenged = response.status == StatusCode::UNAUTHORIZED
                    || response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
                if challenged
                    && self.auth.learn(&response.headers, &mut self.attempts)
                    && self.again(core, now, transaction)
                {
                    return Progress::Open;
                }
                Some(response.status)
            }
            Delivered::Failed { .. } => None,
        };
        Progress::Over { status, took: now.saturating_duration_since(self.started) }
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
        self.transaction = core.send_request(now, request, flow, &branch, self.owner);
        true
    }
}
