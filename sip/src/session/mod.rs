//! INVITE sessions: the early dialogs of one INVITE, then its confirmed dialog, then what is left to tidy up.
//!
//! A session has one stage at a time; each stage owns what only it knows. `ended` marks that the one terminal event
//! has been given; what happens afterwards (a BYE under way, a late 2xx) the shell does not hear of.

mod callee;
mod caller;
mod established;
mod info;
mod oversize;
mod recovery;
mod redirect;
mod refer;
mod referred;
mod refresh;
mod reliable;
mod reoffer;

use crate::dialog::auth::{Attempts, Authenticator};
use crate::dialog::session_timer::{Grant, SessionTimer};
use crate::dialog::{Dialog, DialogSnapshot};
use crate::endpoint::core::{Core, Delivered, Owner, Purpose};
use crate::endpoint::{
    Body, EndedBy, Event, External, Failure, FailureCause, Flow, ListenerId, ReferEnd, SessionId,
    SessionTimer as Deadline, WakeReason,
};
use crate::identity::LegKey;
use crate::message::header::{Branch, CallId, Reason, RetryAfter, Tag};
use crate::message::{HeaderName, Headers, HostPort, Method, Request, Response, Scheme, StatusCode};
use crate::transaction::{Fault, TransactionId};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What we can be asked for within a session and outside.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, NOTIFY";

/// Option tags we know, as Supported names them.
pub(crate) const SUPPORTED: &str = "timer, 100rel";

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    key: LegKey,
    pub(crate) call_id: CallId,
    pub(crate) local_tag: Tag,
    /// CSeq of our latest request, in whichever dialog of the session.
    cseq: u32,
    auth: Authenticator,
    /// How the latest request of each purpose fares with challenges.
    attempts: BTreeMap<Purpose, Attempts>,
    contact_user: Vec<u8>,
    /// Of our Contact.
    scheme: Scheme,
    /// The terminal event was given.
    pub(crate) ended: bool,
    /// The endpoint has taken it out of its count of live sessions.
    pub(crate) counted_out: bool,
    /// Its terminal event is `Recovered`: nobody but the recovery knows of this session.
    recovery: bool,
    pub(crate) stage: Stage,
    /// The call that this one takes the place of, once it is answered (RFC 3891).
    replaces: Option<SessionId>,
    /// Our offer in an early dialog.
    early_change: Option<reoffer::EarlyChange>,
    /// Their offer in an early dialog, named by its tag, that waits for the shell.
    early_offer: Option<(Tag, PendingReoffer)>,
    /// Our provisional responses, where the caller requires them to be reliable.
    reliable: Option<reliable::Reliable>,
    /// A feature tag of our Contact.
    feature: Option<&'static str>,
    /// Where we are seen by the far side, if not where the listener says.
    external: Option<External>,
    /// The listener for requests too large for a datagram.
    large_over: Option<ListenerId>,
    /// The requests that are on it only for that, with the flow they were for.
    raised: BTreeMap<TransactionId, Flow>,
    /// The ACK sent for the 2xx of each fork, by To tag: sent again when the 2xx comes again.
    acks: BTreeMap<Tag, (Flow, Vec<u8>)>,
}

/// How far a session is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Our INVITE is out.
    Calling(Box<Calling>),
    /// Their INVITE waits for our answer.
    Ringing(Box<Ringing>),
    /// Answered. Still here while the BYE is under way.
    Up(Box<Up>),
    /// Refused or given up; transactions may still absorb retransmissions.
    Over,
}

/// An outgoing call that is not answered.
#[derive(Debug)]
pub(crate) struct Calling {
    /// The transactions of its INVITE: one, except that recovery does not know which of several was the last.
    invites: Vec<TransactionId>,
    early: BTreeMap<Tag, Dialog>,
    /// Last RSeq of each early dialog.
    heard: reliable::Heard,
    /// What answered our offer in each early dialog, reliably.
    described: BTreeMap<Tag, Body>,
    /// The early dialog that was heard of last.
    latest: Option<Tag>,
    provisional_seen: bool,
    ringing_seen: bool,
    /// The latest INVITE has a provisional response: only now may it be cancelled (RFC 3261 9.1).
    cancellable: bool,
    cancel: Cancel,
    /// How many INVITEs were sent.
    sent: u32,
    /// The interval asked for.
    session_expires: Option<u32>,
    offer: Option<Body>,
    /// Where else it may go, if it may.
    redirects: Option<redirect::Redirects>,
    /// CANCELs of a recovery that wait for their response, and whether one was told 481.
    cancels_open: u32,
    unknown: bool,
}

/// Whether an outgoing call is being cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cancel {
    No,
    /// To be sent when a provisional response comes (RFC 3261 9.1).
    Wanted(Option<Reason>),
    Sent,
}

/// An incoming call that is not answered.
#[derive(Debug)]
pub(crate) struct Ringing {
    transaction: TransactionId,
    dialog: Dialog,
    grant: Option<Grant>,
    record_routes: Vec<Vec<u8>>,
    offer: Option<Body>,
    /// The latest provisional response, to be repeated each minute.
    latest: Option<Response>,
    cseq: u32,
}

/// An answered call.
#[derive(Debug)]
pub(crate) struct Up {
    dialog: Dialog,
    /// Whether we sent the INVITE that made it (decides how long a glare is waited out).
    caller: bool,
    local: Option<Body>,
    remote: Option<Body>,
    timer: Option<SessionTimer>,
    /// Our 2xx that waits for its ACK.
    answer: Option<PendingAnswer>,
    /// Their re-INVITE or UPDATE that waits for the shell.
    reoffer: Option<PendingReoffer>,
    /// Our refresh or new offer that waits for its response.
    refresh: Option<TransactionId>,
    /// Our new offer, until it is answered or refused.
    wanted: Option<Body>,
    /// How often it was put off by 500.
    put_off: u32,
    /// The ACK of our latest re-INVITE.
    refresh_ack: Option<(TransactionId, Flow, Vec<u8>)>,
    /// A BYE that has to wait for the ACK (RFC 3261 section 15).
    bye_after_ack: Option<Option<Reason>>,
    /// Our REFER, until nothing can come of it any more.
    refer: Option<refer::OpenRefer>,
    /// Their REFER.
    notifier: Option<referred::Notifier>,
}

#[derive(Debug)]
struct PendingAnswer {
    flow: Flow,
    bytes: Vec<u8>,
    resend_after: Duration,
    cseq: u32,
    /// Whether it answers the INVITE that made the session.
    first: bool,
}

#[derive(Debug)]
struct PendingReoffer {
    transaction: TransactionId,
    method: Method,
    cseq: u32,
    grant: Option<Grant>,
    offer: Option<Body>,
}

impl Session {
    fn new(
        id: SessionId,
        key: LegKey,
        call_id: CallId,
        auth: Authenticator,
        contact_user: Vec<u8>,
        stage: Stage,
    ) -> Self {
        Self {
            id,
            key,
            call_id,
            local_tag: key.local_tag(),
            cseq: 0,
            auth,
            attempts: BTreeMap::new(),
            contact_user,
            scheme: Scheme::Sip,
            ended: false,
            counted_out: false,
            recovery: false,
            stage,
            replaces: None,
            early_change: None,
            early_offer: None,
            reliable: None,
            feature: None,
            external: None,
            large_over: None,
            raised: BTreeMap::new(),
            acks: BTreeMap::new(),
        }
    }

    /// A client transaction of this session has news.
    pub(crate) fn on_delivery(
        &mut self,
        core: &mut Core,
        now: Instant,
        purpose: Purpose,
        transaction: TransactionId,
        what: Delivered,
    ) {
        if let Delivered::Failed { fault: Fault::Transport, request, written: false, .. } = &what
            && self.send_small(core, now, purpose, transaction, request)
        {
            return;
        }
        self.raised.remove(&transaction);
        match (purpose, what) {
            (Purpose::Invite, Delivered::Response(response)) => {
                self.on_invite_response(core, now, transaction, *response);
            }
            (Purpose::Invite, Delivered::Failed { fault, request, flow, written }) => {
                self.on_invite_fault(core, now, transaction, fault, *request, flow, written);
            }
            (Purpose::Prack, what) => self.on_prack_outcome(core, now, transaction, &what),
            (Purpose::Cancel, what) => self.on_cancel_outcome(core, now, transaction, &what),
            (Purpose::Bye, what) => self.on_bye_outcome(core, now, transaction, what),
            (Purpose::ForkBye, what) => self.on_fork_bye_outcome(core, now, transaction, &what),
            (Purpose::Refresh, what) => self.on_refresh_outcome(core, now, transaction, what),
            (Purpose::Reoffer, what) => self.on_reoffer_outcome(core, now, transaction, what),
            (Purpose::Refer, what) => self.on_refer_outcome(core, now, transaction, what),
            (Purpose::Notify, what) => self.on_notify_outcome(core, now, transaction, &what),
            (Purpose::Info, what) => self.on_info_outcome(core, now, transaction, &what),
        }
    }

    /// A deadline of this session has come.
    pub(crate) fn on_deadline(&mut self, core: &mut Core, now: Instant, deadline: Deadline) {
        match deadline {
            Deadline::RepeatAnswer => self.repeat_answer(core, now),
            Deadline::AckMissing => self.ack_missing(core, now),
            Deadline::EarlyLimit => self.early_limit(core, now),
            Deadline::RepeatProvisional => self.repeat_provisional(core, now),
            Deadline::CancelUnanswered => self.cancel_unanswered(core, now),
            Deadline::Linger => self.stop_lingering(core),
            Deadline::Refresh => self.send_refresh(core, now),
            Deadline::Reoffer => self.send_reoffer(core, now),
            Deadline::Expiry => self.session_expired(core, now),
            Deadline::ReofferUnanswered => self.reoffer_unanswered(core, now),
            Deadline::RepeatReliable => self.repeat_reliable(core, now),
            Deadline::PrackMissing => self.prack_missing(core, now),
            Deadline::RedirectUnanswered => self.redirect_unanswered(core),
            Deadline::Subscription => self.subscription_over(core, now),
        }
    }

    /// Whether nothing is left to do: the session can be forgotten.
    pub(crate) fn is_done(&self, core: &Core) -> bool {
        let waits = [
            Deadline::AckMissing,
            Deadline::CancelUnanswered,
            Deadline::Linger,
            Deadline::Subscription,
            Deadline::ReofferUnanswered,
        ];
        self.ended
            && !core.is_busy(self.id)
            && !waits.iter().any(|deadline| core.timers.is_set(WakeReason::Session(self.id, *deadline)))
    }

    /// What must hold between two inputs; debug builds check it.
    pub(crate) fn check(&self, core: &Core) {
        let set = |deadline| core.timers.is_set(WakeReason::Session(self.id, deadline));
        let late = matches!(&self.stage, Stage::Up(up) if up.reoffer.is_some());
        debug_assert!(
            (late || self.early_offer.is_some()) == set(Deadline::ReofferUnanswered),
            "an offer of theirs has a limit"
        );
        match &self.stage {
            Stage::Calling(calling) => {
                let asking = calling.redirects.as_ref().is_some_and(redirect::Redirects::is_open);
                debug_assert!(asking == set(Deadline::RedirectUnanswered), "a redirection has a limit");
                debug_assert!(
                    self.ended || asking || core.is_busy(self.id),
                    "an outgoing call that is not over has a transaction"
                );
            }
            Stage::Ringing(ringing) => debug_assert!(
                core.server_method(ringing.transaction).is_some() && set(Deadline::EarlyLimit) && !self.ended,
                "an incoming call has its transaction and its limit"
            ),
            Stage::Up(up) => {
                debug_assert!(
                    up.answer.is_some() == set(Deadline::AckMissing),
                    "a 2xx without ACK is watched, and nothing else is"
                );
                debug_assert!(
                    self.ended || up.timer.is_none() || set(Deadline::Expiry),
                    "a session with a timer has an end"
                );
            }
            Stage::Over => debug_assert!(self.ended, "what is over was reported"),
        }
    }

    /// The confirmed dialog, if there is one.
    pub(crate) fn snapshot(&self) -> Option<DialogSnapshot> {
        match &self.stage {
            Stage::Up(up) => Some(up.dialog.snapshot(self.cseq)),
            Stage::Calling(_) | Stage::Ringing(_) | Stage::Over => None,
        }
    }

    // --- helpers of all stages ---

    fn set(&self, core: &mut Core, at: Instant, deadline: Deadline) {
        core.timers.set(at, WakeReason::Session(self.id, deadline));
    }

    fn clear(&self, core: &mut Core, deadline: Deadline) {
        core.timers.clear(WakeReason::Session(self.id, deadline));
    }

    fn owner(&self, purpose: Purpose) -> Owner {
        Owner::Session(self.id, purpose)
    }

    /// Gives the terminal event, once. A session of a recovery gives its own kind (see `recovery`).
    fn conclude(&mut self, core: &mut Core, event: Event) {
        if self.ended {
            return;
        }
        self.ended = true;
        for deadline in [
            Deadline::EarlyLimit,
            Deadline::RepeatProvisional,
            Deadline::RepeatReliable,
            Deadline::PrackMissing,
            Deadline::Refresh,
            Deadline::Reoffer,
            Deadline::Expiry,
            Deadline::RedirectUnanswered,
        ] {
            self.clear(core, deadline);
        }
        if self.early_offer.is_none() {
            // Else their request still has to be answered.
            self.clear(core, Deadline::ReofferUnanswered);
        }
        core.emit(event);
    }

    fn fail(&mut self, core: &mut Core, failure: Failure) {
        let session = self.id;
        self.conclude(core, Event::Failed { session, failure: Box::new(failure) });
    }

    fn end(&mut self, core: &mut Core, now: Instant, by: EndedBy, reason: Option<Reason>) {
        let session = self.id;
        if matches!(&self.stage, Stage::Up(up) if up.refresh.is_some()) {
            // A re-INVITE that got a provisional response has no timer of its own any more.
            self.set(core, now + core.config.linger, Deadline::Linger);
        }
        self.finish_refer(core, now, ReferEnd::SessionOver);
        self.conclude(core, Event::Ended { session, by, reason });
    }

    /// Where the far side sees us on a flow.
    fn own(&self, core: &Core, flow: &Flow) -> HostPort {
        core.seen(flow, self.external)
    }

    /// The far side sees us there.
    pub(crate) fn known_as(&mut self, external: External) {
        self.external = Some(external);
    }

    /// Sends a request in a new transaction, with our Via on top.
    fn launch(
        &self,
        core: &mut Core,
        now: Instant,
        mut request: Request,
        flow: Flow,
        branch: &Branch,
        purpose: Purpose,
    ) -> TransactionId {
        core.stamp(&mut request, &flow, self.own(core, &flow), branch);
        core.send_stamped(now, request, flow, branch, self.owner(purpose))
    }

    /// Our Contact on a flow, with the feature tag of the call.
    fn contact(&self, core: &Core, flow: &Flow) -> Vec<u8> {
        let mut contact = core.contact(flow, self.own(core, flow), &self.contact_user, &self.scheme);
        if let Some(feature) = self.feature {
            contact.push(b';');
            contact.extend_from_slice(feature.as_bytes());
        }
        contact
    }

    /// Contact, Allow and Supported: what every message that makes or changes a dialog carries.
    fn describe_us(&self, core: &Core, flow: &Flow, headers: &mut Headers) {
        headers.set(HeaderName::Contact, self.contact(core, flow));
        headers.set(HeaderName::Allow, core.allow());
        headers.set(HeaderName::Supported, core.supported());
    }

    /// The same within an answered session, where provisional responses need not be reliable.
    fn describe_us_again(&self, core: &Core, flow: &Flow, headers: &mut Headers) {
        self.describe_us(core, flow, headers);
        headers.set(HeaderName::Supported, "timer");
    }

    /// Sends a request again after a challenge, with the next CSeq and fresh credentials (RFC 3261 22.2).
    /// `false` if the challenge cannot be answered.
    fn resend_with_credentials(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        response: &Headers,
        purpose: Purpose,
    ) -> Option<TransactionId> {
        let attempts = self.attempts.entry(purpose).or_default();
        if !self.auth.learn(response, attempts) {
            return None;
        }
        self.resend(core, now, transaction, purpose, |_| {})
    }

    /// Sends the request of a finished transaction again with the next CSeq, after `change`.
    fn resend(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        purpose: Purpose,
        change: impl FnOnce(&mut Request),
    ) -> Option<TransactionId> {
        let client = core.client(transaction)?;
        let (mut request, flow) = (client.request.clone(), client.flow);
        self.cseq += 1;
        request.headers.remove(&HeaderName::Via);
        request.headers.remove(&HeaderName::Authorization);
        request.headers.remove(&HeaderName::ProxyAuthorization);
        request.headers.set(HeaderName::CSeq, format!("{} {}", self.cseq, request.method));
        change(&mut request);
        self.auth.apply(&mut request, &mut core.random);
        Some(self.send(core, now, request, flow, purpose))
    }
}

/// The body of a message with its type, if it has one.
pub(crate) fn body_of(headers: &Headers, bytes: &[u8]) -> Option<Body> {
    if bytes.is_empty() {
        return None;
    }
    let content_type = headers.get(&HeaderName::ContentType).unwrap_or(b"application/octet-stream");
    Some(Body { content_type: String::from_utf8_lossy(content_type).into_owned(), bytes: bytes.to_vec() })
}

fn put_body(headers: &mut Headers, bytes: &mut Vec<u8>, body: &Body) {
    headers.set(HeaderName::ContentType, &body.content_type);
    bytes.clone_from(&body.bytes);
}

/// The Reason header with protocol Q.850, else the first one that can be read.
pub(crate) fn reason_of(headers: &Headers) -> Option<Reason> {
    Reason::q850(headers).or_else(|| headers.typed_all::<Reason>().ok()?.into_iter().next())
}

fn retry_after_of(headers: &Headers) -> Option<Duration> {
    let after: RetryAfter = headers.try_typed().ok().flatten()?;
    Some(Duration::from_secs(u64::from(after.seconds)))
}

/// A failure without a response.
fn silent(cause: FailureCause) -> Failure {
    Failure {
        cause,
        status: None,
        reason: None,
        retry_after: None,
        phrase: Vec::new(),
        provisional_seen: false,
        ringing_seen: false,
        invites: 0,
        response: None,
    }
}

/// A failure by a final response.
fn refused(cause: FailureCause, response: Response) -> Failure {
    Failure {
        status: Some(response.status),
        reason: reason_of(&response.headers),
        retry_after: retry_after_of(&response.headers),
        phrase: response.reason.clone(),
        response: Some(Box::new(response)),
        ..silent(cause)
    }
}

/// 405 and 501 name what we can do (RFC 3261 8.2.1).
fn refuse_method(core: &mut Core, now: Instant, transaction: TransactionId, status: StatusCode) {
    let Some(mut response) = core.response(transaction, status) else { return };
    response.headers.push(HeaderName::Allow, core.allow());
    core.respond(now, transaction, &response);
}

fn is_challenge(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
}
