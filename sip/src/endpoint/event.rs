//! What an endpoint tells its shell.

use super::flow::Flow;
use crate::dialog::DialogSnapshot;
use crate::digest::server::AccountId;
use crate::message::header::{NameAddr, Reason, Replaces};
use crate::message::{Request, Response, StatusCode};
use crate::registrar::{IncomingRegister, RegisterId};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One INVITE session: all early dialogs of one INVITE, then the confirmed dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// One OPTIONS probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

/// One peer that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u64);

/// One REFER of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferId(pub u64);

/// One registration with a registrar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId(pub u64);

/// A message body with its type. `Debug` shows no byte of it: descriptions carry the keys of encrypted audio, INFO what
/// callers press.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// The Content-Type header as it stands on the wire, for example `application/sdp`.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Body {
    /// A session description.
    #[must_use]
    pub fn sdp(bytes: Vec<u8>) -> Self {
        Self { content_type: "application/sdp".to_owned(), bytes }
    }

    /// Whether the type (parameters aside, any case) is `application/sdp`.
    #[must_use]
    pub fn is_sdp(&self) -> bool {
        let essence = self.content_type.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/sdp")
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({}, {} bytes)", self.content_type, self.bytes.len())
    }
}

/// What happened. Each session that was announced ([`Event::Incoming`]) or asked for ([`invite`](super::Endpoint::invite))
/// ends with exactly one of [`Event::Failed`], [`Event::Cancelled`] and [`Event::Ended`].
#[derive(Debug, Clone)]
pub enum Event {
    /// A call comes in. `100 Trying` has been sent; answer with `ring`, `accept` or `reject`.
    Incoming {
        /// Its name from here on.
        session: SessionId,
        /// What arrived.
        invite: Box<IncomingInvite>,
    },
    /// A 1xx to our INVITE. Every early dialog is told apart by `dialog.remote_tag`.
    Provisional {
        /// The session.
        session: SessionId,
        /// 100 to 199.
        status: StatusCode,
        /// The early dialog, when the response made or belongs to one.
        dialog: Option<Box<DialogSnapshot>>,
        /// Early media, if the response carries a body.
        body: Option<Body>,
        /// When it arrived.
        at: Instant,
    },
    /// Our call is redirected, and its [`Conduct`](super::Conduct) allows it to go on. Nothing is sent until the shell
    /// says `follow`, or `pass_over` to hear of the next contact; after [`Config::reoffer_limit`](super::Config) the call
    /// ends by the response that redirected it. An orphan of the new branch is cancelled by its own Request-URI and flow:
    /// store them before `follow`.
    Redirected {
        /// The session.
        session: SessionId,
        /// Where to.
        redirection: Box<Redirection>,
    },
    /// Our INVITE was answered; the ACK has been sent.
    Answered {
        /// The session.
        session: SessionId,
        /// The confirmed dialog.
        dialog: Box<DialogSnapshot>,
        /// The session description of the 2xx.
        body: Option<Body>,
        /// CSeq of the INVITE that was answered (above 1 after a challenge or a 422).
        request_cseq: u32,
        /// The answer crossed our CANCEL on the way. The call is up all the same: talk, or say `bye`.
        cancel_crossed: bool,
        /// When it arrived.
        at: Instant,
    },
    /// A session ended before it was answered, for a reason other than the caller's CANCEL.
    Failed {
        /// The session.
        session: SessionId,
        /// Why.
        failure: Box<Failure>,
    },
    /// The caller gave up an incoming call that was not answered yet.
    Cancelled {
        /// The session.
        session: SessionId,
        /// Reason header of the CANCEL.
        reason: Option<Reason>,
    },
    /// The caller acknowledged our 2xx.
    Acknowledged {
        /// The session.
        session: SessionId,
        /// The dialog as it stands now.
        dialog: Box<DialogSnapshot>,
        /// The session description of the ACK: the answer, where our 2xx made the offer.
        body: Option<Body>,
    },
    /// The far side changes the session: answer with `answer_reoffer`. Before the answer it is an UPDATE in the early dialog
    /// that was heard of last. A refresh of the session timer that brings
    /// no new session description is answered by the endpoint and not reported.
    Reoffer {
        /// The session.
        session: SessionId,
        /// The new offer; `None` when we are asked to make one.
        body: Option<Body>,
    },
    /// The re-INVITE by which we refresh a session timer was answered with another session description than the
    /// one in force; or the offer that our reliable provisional response made was answered in its PRACK, before the call is.
    Reanswered {
        /// The session.
        session: SessionId,
        /// The new answer.
        body: Body,
    },
    /// A new offer of ours ([`reoffer`](super::Endpoint::reoffer)) was answered, or refused: then the session goes on as it
    /// was. Each gets one, unless the session ends first.
    Reoffered {
        /// The session.
        session: SessionId,
        /// The session description of the 2xx, or the final response that refused it (503 where it could not be sent).
        answer: Result<Option<Body>, StatusCode>,
    },
    /// INFO within the session, already answered with 200.
    Info {
        /// The session.
        session: SessionId,
        /// Its body, for example `application/dtmf-relay`.
        body: Option<Body>,
    },
    /// A REFER of ours gets on. Each one ends with exactly one [`ReferProgress::Ended`], before its session's end.
    Refer {
        /// The session.
        session: SessionId,
        /// The name `refer` gave it.
        refer: ReferId,
        /// How far it is.
        progress: ReferProgress,
    },
    /// The far side wants us to call somebody else; it was told 202. Only where
    /// [`Config::referable`](super::Config::referable) is set. Say how it goes with `notify_refer`.
    Referred {
        /// The session.
        session: SessionId,
        /// What is asked.
        refer: Box<IncomingRefer>,
    },
    /// An answered session is over.
    Ended {
        /// The session.
        session: SessionId,
        /// Who or what ended it.
        by: EndedBy,
        /// Reason header of the BYE that came, if one came.
        reason: Option<Reason>,
    },
    /// [`recover`](super::Endpoint::recover) is done with a leg of an earlier life.
    Recovered {
        /// The name `recover` gave it.
        session: SessionId,
        /// How it turned out.
        outcome: RecoveryOutcome,
    },
    /// An OPTIONS probe was answered, or not.
    ProbeResult {
        /// The probe.
        probe: ProbeId,
        /// The final response; any of them shows that somebody is there. `None` after 64*T1 of silence or when
        /// it could not be sent.
        status: Option<StatusCode>,
        /// From sending to the final response, or to giving up.
        took: Duration,
    },
    /// The verdict about a watched peer changed.
    Health {
        /// The watch.
        watch: WatchId,
        /// What it is now.
        health: Health,
        /// The answer that decided; none where there was none.
        status: Option<StatusCode>,
    },
    /// A peer sees our messages come from another address than before (RFC 3581): a NAT between has forgotten the path, or our
    /// own address changed. What the peer sends to the old one does not arrive. Registrations over the same flow have been
    /// refreshed.
    Rebound {
        /// The path it was noticed on.
        flow: Flow,
        /// Where we were seen before.
        was: SocketAddr,
        /// Where we are seen now.
        is: SocketAddr,
    },
    /// A registration changed.
    RegistrationState {
        /// The registration.
        registration: RegistrationId,
        /// What it is now.
        state: RegistrationState,
    },
    /// Somebody registers; only where [`Config::registrar`](super::Config::registrar) is set. Answer with
    /// `answer_register`.
    Register {
        /// Its name for the answer.
        register: RegisterId,
        /// What arrived.
        incoming: Box<IncomingRegister>,
    },
    /// Bytes that are not a SIP message, or a message that cannot be one of ours. Answered with 400 where possible.
    Malformed {
        /// Where they came from.
        flow: Flow,
        /// What is wrong, without any content of the message.
        fault: &'static str,
    },
    /// Somebody gave wrong credentials and was asked again.
    Unproved {
        /// Where they came from.
        flow: Flow,
    },
}

/// Somebody else whom our call may go on to.
#[derive(Debug, Clone)]
pub struct Redirection {
    /// The contact; its URI is what would be dialed.
    pub target: NameAddr,
    /// The response that ended the attempt before: a 3xx, or the refusal of another contact. None where that one could
    /// not be reached.
    pub status: Option<StatusCode>,
    /// How many contacts are left after this one.
    pub left: usize,
}

/// How far a REFER of ours is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferProgress {
    /// The far side means to do it and to tell how it goes.
    Accepted,
    /// It tells of a provisional response to its own INVITE.
    Trying {
        /// 100 to 199.
        status: StatusCode,
    },
    /// Nothing more is told.
    Ended(ReferEnd),
}

/// How a REFER of ours ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferEnd {
    /// The far side did as asked and tells the final response it got: 200 is a transfer that worked.
    Result {
        /// 200 to 699.
        status: StatusCode,
    },
    /// The REFER was refused.
    Refused {
        /// 300 to 699.
        status: StatusCode,
        /// Its Retry-After.
        retry_after: Option<Duration>,
    },
    /// No response to the REFER came, or it could not be sent.
    Unanswered,
    /// Accepted by a far side that does not tell how it goes (RFC 4488).
    Unwatched,
    /// Accepted, and then nothing was told in time, or the subscription was ended without a result.
    Silent,
    /// The session was over first. Where the REFER had been accepted this is how most transfers end: the far side hangs
    /// up on us and tells the result afterwards or never.
    SessionOver,
}

/// A REFER of the far side.
#[derive(Debug, Clone)]
pub struct IncomingRefer {
    /// Whom to call.
    pub to: NameAddr,
    /// Who asks, where that is told (RFC 3892).
    pub by: Option<NameAddr>,
    /// The dialog the call is to take the place of (RFC 3891).
    pub replaces: Option<Replaces>,
    /// Whether the far side wants to hear how it goes.
    pub watched: bool,
}

/// An INVITE that starts a session.
#[derive(Debug, Clone)]
pub struct IncomingInvite {
    /// Where it came from.
    pub flow: Flow,
    /// The request, with `received` and `rport` filled in its top Via.
    pub request: Request,
    /// Its session description, if it carries one.
    pub body: Option<Body>,
    /// The dialog that answering will make; its local tag and Call-ID name the leg in logs and records.
    pub dialog: DialogSnapshot,
    /// Who proved to have sent it, where that was asked ([`Callers`](super::Callers)).
    pub account: Option<AccountId>,
    /// The call of ours that it takes the place of (RFC 3891), which ends as soon as this one is accepted. Whether the caller
    /// may do so is for the shell to say. Only where [`Config::replaceable`](super::Config::replaceable) is set.
    pub replaces: Option<SessionId>,
}

/// Why a session failed before it was answered.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What kind of end it was.
    pub cause: FailureCause,
    /// The final response, where there was one.
    pub status: Option<StatusCode>,
    /// The Reason header of that response with protocol Q.850, or else its first one.
    pub reason: Option<Reason>,
    /// Its Retry-After.
    pub retry_after: Option<Duration>,
    /// Its reason phrase.
    pub phrase: Vec<u8>,
    /// Whether any 1xx came, 100 included: the far side had the request.
    pub provisional_seen: bool,
    /// Whether a 180 to 189 came: somebody or something was being rung.
    pub ringing_seen: bool,
    /// How many INVITEs left (above 1 after a challenge, a 422 or a redirection).
    pub invites: u32,
    /// The whole final response: 3xx targets, Call-Info and the signed body of 607/608 are found here.
    pub response: Option<Box<Response>>,
}

/// What kind of end a [`Failure`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCause {
    /// A final response of 300 to 699. Redirections (3xx) are followed only where the call's conduct allows it.
    Response,
    /// No final response: timer B, or the guard [`Config::early_limit`](super::Config::early_limit). The request may
    /// have arrived.
    NoResponse,
    /// Nothing left this host: the connection was refused.
    NotSent,
    /// We cancelled: `status` is 487, another one that crossed, or none if the far side stayed silent.
    Cancelled,
    /// The shell, or the guard [`Config::early_limit`](super::Config::early_limit), refused an incoming call.
    Rejected,
    /// The connection broke after bytes were written.
    ConnectionLost,
    /// An incoming call could not be refused or answered: its response did not get out, or no ACK for it came.
    LocalError,
}

/// Who ended an answered session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The far side sent BYE.
    Remote,
    /// We sent BYE.
    Local,
    /// The session timer ran out; BYE was sent.
    SessionTimer,
    /// The dialog is broken: no ACK came, the far side no longer knows the call (481), or its connection is gone.
    Error,
}

/// How the recovery of a leg turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryOutcome {
    /// The far side ended it: CANCEL or BYE was accepted, or a final response came.
    Released,
    /// The leg had been answered, or was while we cancelled it; it got its ACK and BYE.
    HungUp,
    /// The far side no longer knows it (481).
    Unknown,
    /// Nothing came back; whether it still rings cannot be known.
    Silent,
}

/// The verdict about a watched peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It has neither answered nor failed often enough.
    Unknown,
    /// It answers.
    Up,
    /// It does not, or says 503 or 408.
    Down,
    /// It was down and answers again: one call may try.
    HalfOpen,
}

/// The state of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationState {
    /// Bound at the registrar; refreshed by the endpoint before it expires.
    Registered {
        /// What the registrar granted.
        expires: Duration,
    },
    /// Refused or unanswered; tried again by the endpoint.
    Failed {
        /// The final response, if one came.
        status: Option<StatusCode>,
        /// When it is tried again, from now.
        retry_in: Duration,
    },
    /// Taken back, as asked. Nothing follows.
    Unregistered,
}

/// Counters since the endpoint was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes or messages that could not be used.
    pub malformed: u64,
    /// Requests refused or dropped because a limit was reached.
    pub overloaded: u64,
    /// Responses that matched no transaction.
    pub stray_responses: u64,
    /// Progress events dropped because the shell did not fetch them.
    pub events_dropped: u64,
    /// Messages dropped because the shell did not fetch them.
    pub transmits_dropped: u64,
    /// Of the overloaded, the new calls and probes turned away because the shell said so ([`Shedding`](super::Shedding)).
    pub shed: u64,
    /// Requests with wrong credentials.
    pub unproved: u64,
    /// Requests and responses sent again by a timer.
    pub retransmissions: u64,
}
