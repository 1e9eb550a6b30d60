//! From a trunk's host to the servers behind it (RFC 3263): keeps a [`Locator`] and asks the DNS what it wants to know.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use callwright_sip::endpoint::{Flow, Transport};
use callwright_sip::locate::{
    Candidate, Families, LocateError, Locator, LocatorConfig, Protocol, Target, TargetId, Trouble,
};
use callwright_sip::message::{Host, HostPort, Uri};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::dns::Dns;
use crate::net::sip_driver::BoundListener;
use crate::time;

/// How long an answer is waited for where nothing is known yet.
const PATIENCE: Duration = Duration::from_secs(5);
/// Hosts that are kept located; the one that was not asked for longest makes room.
const HOSTS: usize = 4_096;
/// How often what has become due is looked for at the least.
const IDLE: Duration = Duration::from_secs(60);

/// Locates hosts, and keeps them located. Cloning shares what is known.
#[derive(Clone, Debug)]
pub struct Resolver {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dns: Dns,
    kept: Mutex<Kept>,
    /// Counts the times at which some host led elsewhere than before.
    changes: watch::Sender<u64>,
    /// The next time at which something is due may have moved.
    timetable: Notify,
}

#[derive(Debug)]
struct Kept {
    locator: Locator,
    hosts: BTreeMap<Wanted, Known>,
}

/// Whom to locate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    host: String,
    port: Option<u16>,
    protocol: Option<Protocol>,
}

#[derive(Debug)]
struct Known {
    target: TargetId,
    /// When it was last asked for.
    used: Instant,
}

impl Default for Resolver {
    /// One that knows all transports and asks the name servers of the system.
    fn default() -> Self {
        let protocols = vec![Protocol::Udp, Protocol::Tcp, Protocol::Tls];
        Self::with(&[], LocatorConfig { protocols, ..LocatorConfig::default() })
    }
}

impl Resolver {
    /// One that asks these name servers, or those of the system when there are none, for what the listeners can reach.
    #[must_use]
    pub fn new(servers: &[SocketAddr], listeners: &[BoundListener]) -> Self {
        let has = |like: Transport| listeners.iter().any(|listener| listener.transport.is_like(like));
        let spoken = [
            (Protocol::Udp, has(Transport::Udp)),
            (Protocol::Tcp, has(Transport::Tcp)),
            (Protocol::Tls, listeners.iter().any(|listener| matches!(listener.transport, Transport::Tls(_)))),
        ];
        let protocols = spoken.into_iter().filter(|(_, here)| *here).map(|(protocol, _)| protocol).collect();
        let families = match (
            listeners.iter().any(|listener| listener.local.is_ipv4()),
            listeners.iter().any(|listener| listener.local.is_ipv6()),
        ) {
            (true, false) => Families::V4,
            (false, true) => Families::V6,
            (true, true) | (false, false) => Families::V4First,
        };
        Self::with(servers, LocatorConfig { protocols, families, ..LocatorConfig::default() })
    }

    fn with(servers: &[SocketAddr], config: LocatorConfig) -> Self {
        let locator = Locator::new(LocatorConfig { max_targets: HOSTS, ..config }, rand::random());
        let kept = Mutex::new(Kept { locator, hosts: BTreeMap::new() });
        let inner = Inner { dns: Dns::new(servers), kept, changes: watch::Sender::new(0), timetable: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// The servers behind a host in the order in which they are to be tried, those that failed lately last: at least one.
    /// Without a protocol the host's records say which, without a port where. A host that is known is answered at once, by
    /// what is known, while its records are asked for again.
    ///
    /// # Errors
    /// Why there is none; [`LocateError::Unanswered`] also when the DNS takes longer than five seconds.
    pub async fn locate(
        &self,
        now: Instant,
        host: &str,
        port: Option<u16>,
        protocol: Option<Protocol>,
    ) -> Result<Vec<Candidate>, LocateError> {
        let wanted = Wanted { host: host.to_owned(), port, protocol };
        let mut changes = self.inner.changes.subscribe();
        let mut now = now;
        let located = async {
            loop {
                if let Some(found) = self.look(now, &wanted)? {
                    return Ok(found);
                }
                if changes.changed().await.is_err() {
                    return Err(LocateError::Unanswered);
                }
                now = time::now().mono;
            }
        };
        tokio::time::timeout(PATIENCE, located).await.unwrap_or(Err(LocateError::Unanswered))
    }

    /// A server failed: others go before it for a while.
    pub fn report(&self, now: Instant, flow: &Flow, trouble: Trouble) {
        self.lock().locator.report(now, &candidate(flow), trouble);
    }

    /// A server answered.
    pub fn cleared(&self, flow: &Flow) {
        self.lock().locator.cleared(&candidate(flow));
    }

    /// Wakes up when some host leads elsewhere than before.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Asks again for what grows old, until it is told to stop. Without it hosts are looked up anew only when somebody wants
    /// to go there.
    pub async fn keep(self, stop: CancellationToken) {
        loop {
            let next = self.lock().locator.poll_timeout().unwrap_or_else(|| time::now().mono + IDLE);
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {}
                () = self.inner.timetable.notified() => {}
                () = stop.cancelled() => return,
            }
            let now = time::now().mono;
            let mut kept = self.lock();
            kept.locator.handle_timeout(now);
            self.carry_out(&mut kept, false);
        }
    }

    /// What is known of a host; `None` while it is being asked for.
    fn look(&self, now: Instant, wanted: &Wanted) -> Result<Option<Vec<Candidate>>, LocateError> {
        let mut kept = self.lock();
        kept.locator.handle_timeout(now);
        let target = kept.target(now, wanted)?;
        self.carry_out(&mut kept, true);
        match kept.locator.standing(target) {
            None => Ok(None),
            Some(Err(error)) => Err(error),
            Some(Ok(())) => Ok(Some(kept.locator.candidates(now, target))),
        }
    }

    /// Asks what the locator wants to know, and tells what has changed.
    fn carry_out(&self, kept: &mut Kept, retime: bool) {
        while let Some(question) = kept.locator.poll_question() {
            let resolver = self.clone();
            tokio::spawn(async move {
                let answer = resolver.inner.dns.ask(&question).await;
                let mut kept = resolver.lock();
                kept.locator.handle_answer(time::now().mono, question, answer);
                resolver.carry_out(&mut kept, true);
            });
        }
        let mut changed = false;
        while kept.locator.poll_event().is_some() {
            changed = true;
        }
        if changed {
            self.inner.changes.send_modify(|count| *count += 1);
        }
        if retime {
            self.inner.timetable.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The target that stands for a host, watched from now on.
    fn target(&mut self, now: Instant, wanted: &Wanted) -> Result<TargetId, LocateError> {
        if let Some(known) = self.hosts.get_mut(wanted) {
            known.used = now;
            return Ok(known.target);
        }
        let host = Host::parse(wanted.host.as_bytes()).map_err(|_| LocateError::Host)?;
        let uri = Uri::sip(None, HostPort { host, port: wanted.port });
        let target = Target::of_uri(&uri, wanted.protocol)?;
        if self.hosts.len() >= HOSTS
            && let Some(oldest) =
                self.hosts.iter().min_by_key(|(_, known)| known.used).map(|(wanted, _)| wanted.clone())
            && let Some(known) = self.hosts.remove(&oldest)
        {
            self.locator.forget(known.target);
        }
        let target = self.locator.watch(now, target)?;
        self.hosts.insert(wanted.clone(), Known { target, used: now });
        Ok(target)
    }
}

/// What carries SIP on a transport.
#[must_use]
pub const fn protocol(transport: Transport) -> Protocol {
    match transport {
        Transport::Udp => Protocol::Udp,
        Transport::Tcp | Transport::Ws => Protocol::Tcp,
        Transport::Tls(_) | Transport::Wss => Protocol::Tls,
    }
}

/// The server at the far end of a flow.
fn candidate(flow: &Flow) -> Candidate {
    let Flow { transport, peer, .. } = *flow;
    Candidate { protocol: protocol(transport), address: peer, host: Host::from(peer.ip()), avoid_until: None }
}

#[cfg(test)]
mod tests;
