//! The sessions with browsers of this node: how many there may be, which ones there are, and how each goes from offer to media.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use callwright_media::negotiated::Negotiated;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::description::{Offer, OfferError, Ours, Purpose, fragment};
use super::driver::{ASIDE, LinkDriver};
use super::ice::Credentials;
use super::identity::{Identity, NoIdentity};
use super::link::{Link, LinkConfig, LinkEnd, LinkEvent};
use crate::config::{IceServer, WebRtcConfig};
use crate::id::{OrgId, WebRtcSessionId};
use crate::net::ports::{PortError, RtpPorts, RtpSocket};

/// Events of a link that wait for the call: it moves seldom, and ends once.
const NEWS: usize = 16;

/// The sessions with browsers of this node. Cloning shares them.
#[derive(Clone)]
pub struct WebRtc {
    inner: Arc<Inner>,
}

struct Inner {
    config: WebRtcConfig,
    identity: Arc<Identity>,
    ports: RtpPorts,
    sessions: Mutex<BTreeMap<WebRtcSessionId, Entry>>,
}

struct Entry {
    org: OrgId,
    /// What it is a session with: an assistant, or a call.
    with: u128,
    /// What the browser called its side of ICE.
    ufrag: String,
    tag: String,
    stop: CancellationToken,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    /// The offer cannot be taken: the browser's fault.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// There are as many as may be.
    #[error("this server has {0} sessions with browsers")]
    Full(usize),
    /// No port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The crypto library or the operating system refuses: ours to mend.
    #[error("{0}")]
    Fault(String),
}

impl From<io::Error> for NoSession {
    fn from(error: io::Error) -> Self {
        Self::Fault(error.to_string())
    }
}

/// What a fragment of the browser's means for a session (RFC 9725 section 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trickle {
    /// More candidates: nothing is to be done, who checks nothing needs none.
    Noted,
    /// ICE is to begin anew, which we do not do.
    Restart,
    /// There is no such session.
    Unknown,
    /// The session has another tag.
    Changed(String),
}

/// A session that waits for its browser.
pub struct Session {
    id: WebRtcSessionId,
    answer: String,
    tag: String,
    negotiated: Negotiated,
    driver: LinkDriver,
    rtp: RtpSocket,
    place: Place,
}

/// Takes the session off the list.
struct Place {
    inner: Arc<Inner>,
    id: WebRtcSessionId,
    stop: CancellationToken,
    over: CancellationToken,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.lock().remove(&self.id);
        self.over.cancel();
    }
}

/// A session whose media may flow: what a call needs of it.
#[derive(Debug)]
pub struct BrowserLeg {
    /// What both agreed on, with keys and address.
    pub negotiated: Negotiated,
    /// The socket, which the media worker reads from now on.
    pub rtp: RtpSocket,
    /// What becomes of the browser.
    pub side: BrowserSide,
}

/// The call's end of a session. Dropping it ends the session.
#[derive(Debug)]
pub struct BrowserSide {
    news: mpsc::Receiver<LinkEvent>,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl WebRtc {
    /// No sessions yet. `seed` shuffles the order of ports.
    ///
    /// # Errors
    /// No certificate can be made.
    pub fn start(config: WebRtcConfig, seed: u64) -> Result<Self, NoIdentity> {
        let identity = Arc::new(Identity::generate()?);
        let ports = RtpPorts::new(config.bind, config.port_min..=config.port_max, seed);
        Ok(Self { inner: Arc::new(Inner { config, identity, ports, sessions: Mutex::default() }) })
    }

    /// Takes an offer. The answer is the session's; what `with` stands for is the caller's to know.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn accept(
        &self,
        now: Instant,
        (org, with): (OrgId, u128),
        offer: &[u8],
        purpose: Purpose,
    ) -> Result<Session, NoSession> {
        let offer = Offer::parse(offer, purpose)?;
        let (inner, id) = (&self.inner, WebRtcSessionId::generate());
        let (local, tag) = (Credentials::generate(), format!("\"{:016x}\"", rand::random::<u64>()));
        let stop = CancellationToken::new();
        let place = {
            let mut sessions = inner.lock();
            if sessions.len() >= inner.config.max_sessions {
                return Err(NoSession::Full(sessions.len()));
            }
            let (tag, ufrag) = (tag.clone(), offer.remote.ufrag.clone());
            sessions.insert(id, Entry { org, with, ufrag, tag, stop: stop.clone() });
            Place { inner: Arc::clone(inner), id, stop: stop.clone(), over: CancellationToken::new() }
        };
        let rtp = inner.ports.bind()?;
        let ours = Ours {
            local: &local,
            fingerprint: inner.identity.fingerprint(),
            candidate: SocketAddr::new(inner.config.candidate(), rtp.lease.port()),
            session: rand::random::<u64>() >> 1,
        };
        let answer = offer.answer(ours);
        let config = LinkConfig {
            identity: Arc::clone(&inner.identity),
            remote_ufrag: offer.remote.ufrag.clone(),
            fingerprint: offer.fingerprint,
            connect_within: Duration::from_secs(inner.config.connect_s.into()),
            gone_after: Duration::from_secs(inner.config.gone_s.into()),
            local,
        };
        let link = Link::new(now, config).map_err(|error| NoSession::Fault(error.to_string()))?;
        let driver = LinkDriver::new(link, &rtp.socket, stop)?;
        Ok(Session { id, answer, tag, negotiated: offer.negotiated(), driver, rtp, place })
    }

    /// Ends a session. `false` when there is none of the organisation's with this.
    #[must_use]
    pub fn end(&self, (org, with): (OrgId, u128), id: WebRtcSessionId) -> bool {
        let sessions = self.inner.lock();
        let found = sessions.get(&id).filter(|entry| entry.org == org && entry.with == with);
        found.map(|entry| entry.stop.cancel()).is_some()
    }

    /// Takes a fragment of the browser's. `tag` is the state in which it is meant, any without.
    ///
    /// # Errors
    /// [`OfferError`] when it is none.
    pub fn trickle(
        &self,
        (org, with): (OrgId, u128),
        id: WebRtcSessionId,
        text: &[u8],
        tag: Option<&str>,
    ) -> Result<Trickle, OfferError> {
        let sessions = self.inner.lock();
        let Some(entry) = sessions.get(&id).filter(|entry| entry.org == org && entry.with == with) else {
            return Ok(Trickle::Unknown);
        };
        let theirs = fragment(text)?;
        Ok(if theirs.ufrag != entry.ufrag {
            Trickle::Restart
        } else if tag.is_some_and(|tag| tag != "*" && tag != entry.tag) {
            Trickle::Changed(entry.tag.clone())
        } else {
            Trickle::Noted
        })
    }

    /// Whether a session goes on.
    #[must_use]
    pub fn is_live(&self, id: WebRtcSessionId) -> bool {
        self.inner.lock().contains_key(&id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.lock().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.lock().is_empty()
    }

    /// The servers that browsers are told of.
    #[must_use]
    pub fn ice_servers(&self) -> &[IceServer] {
        &self.inner.config.ice_servers
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<WebRtcSessionId, Entry>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> WebRtcSessionId {
        self.id
    }

    /// What the browser is answered.
    #[must_use]
    pub fn answer(&self) -> &str {
        &self.answer
    }

    /// The tag of its ICE session, in quotes.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// What both agree on, before there are keys and an address.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Is cancelled when the session is over.
    #[must_use]
    pub fn over(&self) -> CancellationToken {
        self.place.over.clone()
    }

    /// Waits until media may flow.
    ///
    /// # Errors
    /// How it ended instead.
    pub async fn connect(&mut self) -> Result<Negotiated, LinkEnd> {
        loop {
            match self.driver.next().await {
                LinkEvent::Up { keys, remote } => {
                    let remote = Some(remote);
                    return Ok(Negotiated { remote, srtp: Some(keys), ..self.negotiated.clone() });
                }
                LinkEvent::Moved { .. } => {}
                LinkEvent::Over(end) => return Err(end),
            }
        }
    }

    /// The driver, for whoever sends by themselves.
    pub const fn driver(&mut self) -> &mut LinkDriver {
        &mut self.driver
    }

    /// Leaves the socket to the media worker. The link goes on in a task of its own, to its end or that of the call.
    #[must_use]
    pub fn into_leg(self, negotiated: Negotiated) -> BrowserLeg {
        let Self { mut driver, mut rtp, place, .. } = self;
        let (aside, strays) = mpsc::channel(ASIDE);
        let (told, news) = mpsc::channel(NEWS);
        rtp.aside = Some(aside);
        driver.leave_socket(strays);
        let stop = place.stop.clone();
        tokio::spawn(async move {
            loop {
                let event = driver.next().await;
                let over = matches!(event, LinkEvent::Over(_));
                // Who takes no news of a browser that moves sixteen times is gone: the guard ends the session.
                let _ = told.try_send(event);
                if over {
                    return drop(place);
                }
            }
        });
        BrowserLeg { negotiated, rtp, side: BrowserSide { news, _guard: stop.clone().drop_guard(), stop } }
    }
}

impl BrowserSide {
    /// What becomes of the browser; `None` after its end.
    pub async fn next(&mut self) -> Option<LinkEvent> {
        self.news.recv().await
    }

    /// Ends the session: the browser is told.
    pub fn end(&self) {
        self.stop.cancel();
    }
}
