//! What a shell asks of an endpoint.

use super::event::{Body, SessionId};
use super::flow::{Flow, ListenerId};
use crate::dialog::DialogSnapshot;
use crate::digest::Credential;
use crate::identity::LegKey;
use crate::message::header::{NameAddr, Reason};
use crate::message::{Headers, HostPort, StatusCode, StreamFault, Uri};
use crate::registrar::RegisterId;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// An outgoing call.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Secret of the leg: Call-ID, From tag and branches derive from it.
    pub key: LegKey,
    /// Where the INVITE is sent.
    pub flow: Flow,
    /// Request-URI.
    pub uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// Further headers, for example Route, P-Asserted-Identity, Privacy. Not the ones the endpoint makes itself.
    pub headers: Headers,
    /// The offer.
    pub body: Body,
    /// What answers a challenge.
    pub credentials: Option<Credential>,
    /// Session interval to ask for, in seconds (RFC 4028); `None` asks for none.
    pub session_expires: Option<u32>,
    /// What it does beyond what every call does.
    pub conduct: Conduct,
}

/// What an outgoing call does only where it is asked to. By default nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conduct {
    /// Whether the call may be redirected (300, 301, 302): [`Event::Redirected`](super::Event::Redirected) says where to,
    /// and nobody is dialed before `follow`. Otherwise a redirection ends the call.
    pub redirectable: bool,
    /// The TCP listener over which requests of more than 1300 bytes leave that were for UDP (RFC 3261 18.1.1), to the same
    /// address and port; where the connection is refused they leave over UDP all the same. None: always over UDP, as
    /// peers that take signed INVITEs and speak no TCP want it.
    pub large_over: Option<ListenerId>,
    /// A feature tag that our Contact shows (RFC 3840), for example `+sip.src`.
    pub feature: Option<&'static str>,
    /// The address that Via and Contact of the call name, where a NAT shows this peer another one than the listener
    /// advertises; the host of the Call-ID too. None: the listener's.
    pub external: Option<External>,
}

/// An address of ours as a peer sees it, where a NAT stands between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct External {
    /// The address. For peers of the other address family it counts for nothing.
    pub address: IpAddr,
    /// The port, where it is not that of the listener.
    pub port: Option<u16>,
}

impl External {
    /// What Via and Contact say towards `peer`, in place of what the listener advertises.
    #[must_use]
    pub fn in_place_of(self, advertised: HostPort, peer: SocketAddr) -> HostPort {
        if self.address.is_ipv4() != peer.is_ipv4() {
            return advertised;
        }
        let port = self.port.or(advertised.port);
        HostPort { host: self.address.into(), port }
    }
}

/// How an incoming call is refused, beyond the status.
#[derive(Debug, Clone, Default)]
pub struct Rejection {
    /// Retry-After header.
    pub retry_after: Option<Duration>,
    /// Reason header.
    pub reason: Option<Reason>,
    /// The reason phrase, where it is not the usual one of the status.
    pub phrase: Option<&'static str>,
}

/// A wish that the far side of a call may call somebody else.
#[derive(Debug, Clone)]
pub struct Refer {
    /// Refer-To: whom to call. With [`Replaces`](crate::message::header::Replaces) in its URI the new call takes the
    /// place of one we have with that party (an attended transfer).
    pub to: NameAddr,
    /// Referred-By: in whose name (RFC 3892), where that is to be told.
    pub by: Option<NameAddr>,
}

/// A leg that an earlier life of this process left behind (see [`recover`](super::Endpoint::recover)).
#[derive(Debug, Clone)]
pub struct Orphan {
    /// The secret of the leg. An incoming leg had none that the shell knows: any fresh one serves, for its branches.
    pub key: LegKey,
    /// What answers a challenge of the BYE.
    pub credentials: Option<Credential>,
    /// How far the leg had come.
    pub stage: OrphanStage,
}

/// How far an orphan had come, as far as is known.
#[derive(Debug, Clone)]
pub enum OrphanStage {
    /// An INVITE may have left, and no answer is known.
    Early(Box<OrphanInvite>),
    /// Answered: this was the dialog.
    Confirmed(Box<DialogSnapshot>),
}

/// What was in the INVITE of an orphan; a CANCEL has to repeat it (RFC 3261 9.1).
#[derive(Debug, Clone)]
pub struct OrphanInvite {
    /// Where the INVITE was sent.
    pub flow: Flow,
    /// What the top Via said of its sender, when another host may have sent it: CANCEL matches only with the same
    /// (RFC 3261 9.1, 17.2.3), and its host stands in the Call-ID. None: the listener of `flow`.
    pub sent_by: Option<HostPort>,
    /// Its Request-URI.
    pub uri: Uri,
    /// Its From, without tag.
    pub from: NameAddr,
    /// Its To.
    pub to: NameAddr,
    /// Its further headers; the Route headers matter.
    pub headers: Headers,
    /// How many INVITEs may have left, with CSeq 1 to this: 1 without credentials, [`Orphan::MOST_INVITES`] when a
    /// challenge may have been answered. Each gets its CANCEL.
    pub invites: u32,
    /// The early dialog last heard of. When the CANCEL comes too late, because the call was answered and nobody had
    /// noted it yet, its BYE goes there.
    pub dialog: Option<Box<DialogSnapshot>>,
}

impl Orphan {
    /// The most INVITEs one session sends: the first one and the resends after challenges and 422.
    pub const MOST_INVITES: u32 = 5;
}

/// An OPTIONS request that shows whether a peer is alive.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Request-URI.
    pub uri: Uri,
    /// Where to send it.
    pub flow: Flow,
    /// Secret from which its Call-ID and tag derive.
    pub key: LegKey,
    /// What answers a challenge.
    pub credentials: Option<Credential>,
}

/// A peer that is asked by OPTIONS again and again, which also keeps the path through a NAT open. Times below 1 s count as 1 s.
/// [`Watch::new`] has intervals that suit a trunk.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Request-URI.
    pub uri: Uri,
    /// Where it is.
    pub flow: Flow,
    /// What answers a challenge.
    pub credentials: Option<Credential>,
    /// From one answer to the next question while all is well; up to a tenth less by chance. Default 25 s: below the 30 s
    /// after which many NATs forget a UDP path.
    pub interval: Duration,
    /// From a failure to the next question; doubled for each further one, up to `interval`. Default 2 s.
    pub hurry: Duration,
    /// How long an answer may take. Default 8 s.
    pub patience: Duration,
    /// Failures in a row until it is down, at least 1. Default 3.
    pub fail_after: u32,
    /// Answers in a row until it is up again; with fewer it is half open. Default 3.
    pub recover_after: u32,
}

impl Watch {
    /// A watch with the usual intervals.
    #[must_use]
    pub fn new(uri: Uri, flow: Flow) -> Self {
        Self {
            uri,
            flow,
            credentials: None,
            interval: Duration::from_secs(25),
            hurry: Duration::from_secs(2),
            patience: Duration::from_secs(8),
            fail_after: 3,
            recover_after: 3,
        }
    }
}

/// A binding to keep at a registrar.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Secret from which Call-ID, tag and branches derive.
    pub key: LegKey,
    /// Where the REGISTER is sent.
    pub flow: Flow,
    /// Request-URI: the registrar's domain, for example `sip:example.org`.
    pub registrar: Uri,
    /// Address of record: To and From.
    pub aor: NameAddr,
    /// User part of the Contact.
    pub contact_user: String,
    /// What answers a challenge.
    pub credentials: Option<Credential>,
    /// How long to ask for. The registrar decides.
    pub expires: Duration,
    /// The address that Via and Contact name, as in [`Conduct::external`].
    pub external: Option<External>,
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The peer's bytes: where the message ends cannot be known.
    #[error("the stream cannot be framed: {0}")]
    Framing(#[from] StreamFault),
    /// There are [`Config::max_streams`](super::Config::max_streams) connections already.
    #[error("too many connections")]
    TooMany,
}

/// Why a command was not done. All of them are the caller's fault or a limit of this endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The session does not exist (any more).
    #[error("session {} does not exist", .0.0)]
    NoSession(SessionId),
    /// The REGISTER does not exist, or is answered.
    #[error("register {} does not exist or is answered", .0.0)]
    NoRegister(RegisterId),
    /// The session is in a state in which the command means nothing.
    #[error("session {} is not in a state for this command", .0.0)]
    WrongState(SessionId),
    /// The status does not fit the command.
    #[error("status {} does not fit the command", .0.code())]
    WrongStatus(StatusCode),
    /// The flow names a listener the endpoint has not been told of.
    #[error("listener {} is unknown", .0.0)]
    UnknownListener(ListenerId),
    /// A limit of [`Config`](super::Config) is reached.
    #[error("a limit of sessions or transactions is reached")]
    Full,
    /// A session with the same key is alive: the leg was already dialed.
    #[error("a session with this key is alive")]
    DuplicateKey,
    /// Text that was stored does not read as what it should be.
    #[error("{0} of the stored dialog cannot be read")]
    BadSnapshot(&'static str),
}
