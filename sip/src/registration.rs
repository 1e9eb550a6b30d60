//! Registration as a client (RFC 3261 section 10): one binding, kept until it is taken back.

use crate::dialog::auth::{Attempts, Authenticator};
use crate::endpoint::core::{Core, Delivered, Owner};
use crate::endpoint::{Event, Flow, Registration, RegistrationId, RegistrationState, WakeReason};
use crate::health::{Rebound, rebound};
use crate::message::header::{CSeq, CallId, Contact, Expires, FlowTimer, From, MinExpires, Require, RetryAfter, To};
use crate::message::{HeaderName, HostPort, Method, Request, Response, StatusCode};
use crate::transaction::TransactionId;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// First wait after a failure; doubled for each further one.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// Longest wait after a failure (RFC 5626 section 4.5 recommends 1800 s).
const LONGEST_RETRY: Duration = Duration::from_secs(1800);
/// A registration is refreshed this long before it expires, or a fifth of its life if that is less.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);

/// Wait after the connection was lost, in milliseconds, by lot.
const RETURN: (u64, u64) = (1_000, 3_000);
/// A connection that is lost sooner after its REGISTER counts as a failure.
const STEADY: Duration = Duration::from_secs(120);
/// A registrar that grants next to nothing is not asked more often than this.
const SOONEST_REFRESH: Duration = Duration::from_secs(5);

/// A binding at a registrar.
#[derive(Debug)]
pub(crate) struct Binding {
    id: RegistrationId,
    spec: Registration,
    call_id: CallId,
    cseq: u32,
    auth: Authenticator,
    attempts: Attempts,
    /// The REGISTER that counts; what becomes of earlier ones does not matter.
    current: Option<TransactionId>,
    /// What we ask for; raised by a 423.
    expires: Duration,
    failures: u32,
    /// When the binding was made over the connection that is up.
    bound: Option<Instant>,
    /// Connections in a row that were lost too soon.
    losses: u32,
    leaving: bool,
    /// The address under which the registrar sees us, and that it is another one.
    seen_as: Option<SocketAddr>,
    rebound: Option<Rebound>,
    outbound: Outbound,
    reg_id: u32,
    flow_timer: Option<u32>,
    flow_failed: bool,
}

/// Whether calls to us have to come back on the connection of the binding (RFC 5626).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outbound {
    /// There is none, nobody told us who we are, or a proxy on the way cannot do it.
    No,
    /// We ask for it each time; a registrar that does not know it binds our address as ever.
    Asked,
}

impl Binding {
    /// `reg_id` tells the bindings of one address apart.
    pub(crate) fn start(core: &mut Core, now: Instant, id: RegistrationId, spec: Registration, reg_id: u32) -> Self {
        let call_id = spec.key.call_id(&own(core, &spec).host.to_string());
        let auth = Authenticator::new(spec.credentials.clone());
        let expires = spec.expires;
        let can_ask = core.config.instance.is_some() && spec.flow.transport.is_reliable();
        let mut binding = Self {
            id,
            spec,
            call_id,
            cseq: 0,
            auth,
            attempts: Attempts::default(),
            current: None,
            expires,
            failures: 0,
            bound: None,
            losses: 0,
            leaving: false,
            seen_as: None,
            rebound: None,
            outbound: if can_ask { Outbound::Asked } else { Outbound::No },
            reg_id,
            flow_timer: None,
            flow_failed: false,
        };
        binding.send(core, now);
        binding
    }

    /// Takes the binding back.
    pub(crate) fn leave(&mut self, core: &mut Core, now: Instant) {
        if !self.leaving {
            self.leaving = true;
            core.timers.clear(WakeReason::Registration(self.id));
            self.send(core, now);
        }
    }

    /// The path it goes over.
    pub(crate) fn flow(&self) -> Flow {
        self.spec.flow
    }

    /// Its number, if it is one of the address that `other` is for.
    pub(crate) fn reg_id_at(&self, other: &Registration) -> Option<u32> {
        let same = self.spec.aor.uri.equivalent(&other.aor.uri) && self.spec.registrar.equivalent(&other.registrar);
        same.then_some(self.reg_id)
    }

    /// How often the registrar wants to see the connection in use, in seconds, where the latest response says so.
    pub(crate) fn take_flow_timer(&mut self) -> Option<u32> {
        self.flow_timer.take()
    }

    /// Whether the latest response says that the connection is of no use any more.
    pub(crate) fn take_flow_failed(&mut self) -> bool {
        std::mem::take(&mut self.flow_failed)
    }

    /// Whether the latest response says that we are seen at another address.
    pub(crate) fn take_rebound(&mut self) -> Option<(Flow, Rebound)> {
        Some((self.spec.flow, self.rebound.take()?))
    }

    /// Refreshes the binding before its time, unless a REGISTER is under way.
    pub(crate) fn refresh(&mut self, core: &mut Core, now: Instant) {
        if self.current.is_none() && !self.leaving {
            core.timers.clear(WakeReason::Registration(self.id));
            self.send(core, now);
        }
    }

    /// Time to refresh, or to try again.
    pub(crate) fn on_deadline(&mut self, core: &mut Core, now: Instant) {
        self.send(core, now);
    }

    /// A connection is gone. With the one of the binding goes the way of calls to us: another REGISTER makes a new one, soon,
    /// but later and later where connections do not last (RFC 5626 section 4.5).
    pub(crate) fn on_closed(&mut self, core: &mut Core, now: Instant, flow: Flow) {
        if flow != self.spec.flow || self.leaving {
            return;
        }
        let Some(bound) = self.bound.take() else { return };
        let steady = now.saturating_duration_since(bound) >= STEADY;
        self.losses = if steady { 0 } else { self.losses + 1 };
        let wait = match self.losses {
            0 => Duration::from_millis(core.random.between(RETURN.0, RETURN.1)),
            losses => backoff(core, losses - 1),
        };
        core.timers.set_sooner(now + wait, WakeReason::Registration(self.id));
    }

    /// Takes the outcome of a REGISTER; `true` when the binding is gone for good.
    pub(crate) fn on_delivery(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) -> bool {
        if self.current != Some(transaction) {
            return false;
        }
        let response = match what {
            Delivered::Response(response) if response.status.is_provisional() => return false,
            Delivered::Response(response) => Some(response.as_ref()),
            Delivered::Failed { .. } => None,
        };
        self.current = None;
        self.rebound = response.and_then(|response| rebound(&mut self.seen_as, &response.headers));
        if let Some(response) = response
            && self.try_again(core, now, response)
        {
            return false;
        }
        if self.leaving {
            core.outbound.remove(&(self.spec.flow, self.id));
            self.report(core, RegistrationState::Unregistered);
            return true;
        }
        self.flow_failed = response.is_some_and(|response| response.status == StatusCode::FLOW_FAILED);
        match response {
            Some(response) if response.status.is_success() => self.registered(core, now, response),
            Some(_) | None => self.failed(core, now, response),
        }
        false
    }

    /// Sends again at once where the response says how: after a challenge, or with a longer interval.
    fn try_again(&mut self, core: &mut Core, now: Instant, response: &Response) -> bool {
        let again = match response.status {
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                self.auth.learn(&response.headers, &mut self.attempts)
            }
            StatusCode::INTERVAL_TOO_BRIEF => {
                let least: Option<MinExpires> = response.headers.try_typed().ok().flatten();
                match least.map(|MinExpires(seconds)| Duration::from_secs(u64::from(seconds))) {
                    Some(least) if least > self.expires => {
                        self.expires = least;
                        true
                    }
                    Some(_) | None => false,
                }
            }
            // RFC 5626 section 4.2.1: the binding is worth having without it.
            StatusCode::FIRST_HOP_LACKS_OUTBOUND if self.outbound == Outbound::Asked => {
                self.outbound = Outbound::No;
                true
            }
            _other => false,
        };
        if again {
            self.transmit(core, now);
        }
        again
    }

    fn registered(&mut self, core: &mut Core, now: Instant, response: &Response) {
        self.failures = 0;
        self.bound = self.bound.or(Some(now));
        self.agree(core, response);
        let expires = self.granted(core, response);
        let ahead = REFRESH_AHEAD.min(expires / 5);
        core.timers.set(now + (expires - ahead).max(SOONEST_REFRESH), WakeReason::Registration(self.id));
        self.report(core, RegistrationState::Registered { expires });
    }

    /// A registrar that knows it requires it (RFC 5626 section 6).
    fn agree(&mut self, core: &mut Core, response: &Response) {
        let required = response.headers.try_typed::<Require>().ok().flatten();
        if self.outbound == Outbound::Asked
            && required.is_some_and(|Require(tags)| tags.iter().any(|tag| tag.is("outbound")))
        {
            core.outbound.insert((self.spec.flow, self.id));
            self.flow_timer =
                response.headers.try_typed::<FlowTimer>().ok().flatten().map(|FlowTimer(seconds)| seconds);
        } else {
            core.outbound.remove(&(self.spec.flow, self.id));
        }
    }

    /// What the registrar granted: `expires` of our Contact among the ones it lists, else Expires, else what we asked
    /// for (RFC 3261 10.2.4).
    fn granted(&self, core: &Core, response: &Response) -> Duration {
        let ours = own(core, &self.spec);
        let contacts = response.headers.typed_all::<Contact>().unwrap_or_default();
        let contact = contacts.iter().find(|contact| {
            contact.uri.host_port() == ours
                && contact.uri.user_text().as_deref() == Some(self.spec.contact_user.as_bytes())
        });
        let of_contact = contact.and_then(|contact| {
            let text = contact.params.text("expires")?;
            std::str::from_utf8(&text).ok()?.parse::<u32>().ok()
        });
        let of_response = || response.headers.try_typed::<Expires>().ok().flatten().map(|Expires(seconds)| seconds);
        match of_contact.or_else(of_response) {
            Some(seconds) => Duration::from_secs(u64::from(seconds)),
            None => self.expires,
        }
    }

    fn failed(&mut self, core: &mut Core, now: Instant, response: Option<&Response>) {
        let backoff = backoff(core, self.failures);
        self.failures += 1;
        self.bound = None;
        core.outbound.remove(&(self.spec.flow, self.id));
        let told: Option<RetryAfter> = response.and_then(|response| response.headers.try_typed().ok().flatten());
        let told = told.map_or(Duration::ZERO, |after| Duration::from_secs(u64::from(after.seconds)));
        let retry_in = backoff.max(told);
        core.timers.set(now + retry_in, WakeReason::Registration(self.id));
        self.report(core, RegistrationState::Failed { status: response.map(|response| response.status), retry_in });
    }

    fn report(&self, core: &mut Core, state: RegistrationState) {
        core.emit_progress(Event::RegistrationState { registration: self.id, state });
    }

    fn send(&mut self, core: &mut Core, now: Instant) {
        self.attempts = Attempts::default();
        self.transmit(core, now);
    }

    fn transmit(&mut self, core: &mut Core, now: Instant) {
        self.cseq += 1;
        let mut request = Request::new(Method::Register, self.spec.registrar.clone());
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, "70");
        headers.push_typed(&From(self.spec.aor.clone().with_tag(&self.spec.key.local_tag())));
        headers.push_typed(&To(self.spec.aor.clone()));
        headers.push_typed(&self.call_id);
        headers.push_typed(&CSeq { number: self.cseq, method: Method::Register });
        let (flow, user) = (&self.spec.flow, self.spec.contact_user.as_bytes());
        let mut contact = Core::registered_contact(flow, own(core, &self.spec), user, &self.spec.registrar.scheme);
        if let (Outbound::Asked, Some(instance)) = (self.outbound, core.config.instance) {
            contact.extend_from_slice(format!(";+sip.instance=\"<{instance}>\";reg-id={}", self.reg_id).as_bytes());
            headers.push(HeaderName::Supported, "path, outbound");
        }
        headers.push(HeaderName::Contact, contact);
        let seconds = if self.leaving { 0 } else { u32::try_from(self.expires.as_secs()).unwrap_or(u32::MAX) };
        headers.push_typed(&Expires(seconds));
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.spec.key.branch(self.cseq, &Method::Register);
        let owner = Owner::Registration(self.id);
        core.stamp(&mut request, &self.spec.flow, own(core, &self.spec), &branch);
        self.current = Some(core.send_stamped(now, request, self.spec.flow, &branch, owner));
    }
}

/// Where the registrar is to find us.
fn own(core: &Core, spec: &Registration) -> HostPort {
    core.seen(&spec.flow, spec.external)
}

/// How long to wait after so many failures before this one.
fn backoff(core: &mut Core, earlier: u32) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1 << earlier.min(10)).min(LONGEST_RETRY);
    // Half to all of it, so that many trunks do not come back at one time (RFC 5626 section 4.5).
    let millis = u64::try_from(doubled.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(core.random.between(millis / 2, millis))
}
