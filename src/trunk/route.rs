//! From a trunk's settings to the way its requests go.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use callwright_sip::endpoint::{Credential, Flow, Transport};
use callwright_sip::message::{Host, HostPort, Uri};
use secrecy::ExposeSecret;

use super::plan::TrunkRoute;
use super::resolve::{Resolver, Unresolved};
use super::status::TrunkStatus;
use crate::net::sip_driver::BoundListener;
use crate::store::trunk::{Trunk, TrunkTransport};
use crate::time::Now;

/// The trunk's name has no address, or none that a listener can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the trunk's host cannot be reached from any listener")]
pub struct Unreachable;

/// Finds the way to trunks.
#[derive(Clone, Debug, Default)]
pub struct Router {
    /// Where requests may leave from.
    pub listeners: Vec<BoundListener>,
    /// Finds hosts.
    pub resolver: Resolver,
    /// Who has registered with us.
    pub status: TrunkStatus,
}

impl Router {
    /// Where a call over the trunk goes: to who registered with us from the trunk's address, while that lasts, else to
    /// the configured host.
    ///
    /// # Errors
    /// [`Unreachable`].
    pub async fn route(&self, now: Now, trunk: &Trunk) -> Result<TrunkRoute, Unreachable> {
        let (flow, domain) = match self.status.location(now, trunk.id) {
            Some(location) => (location.flow, location.contact.host_port()),
            None => {
                let flows = self.flows(now, trunk).await?;
                (*flows.first().ok_or(Unreachable)?, domain(trunk).ok_or(Unreachable)?)
            }
        };
        Ok(TrunkRoute { trunk: trunk.id, flow, sent_by: self.sent_by(&flow), domain, credentials: credentials(trunk) })
    }

    /// The ways to the configured host, in the resolver's order; none when no listener reaches any of its addresses.
    ///
    /// # Errors
    /// [`Unreachable`]: the host has no address.
    pub async fn flows(&self, now: Now, trunk: &Trunk) -> Result<Vec<Flow>, Unreachable> {
        let transport = match trunk.data.transport {
            TrunkTransport::Udp => Transport::Udp,
            TrunkTransport::Tcp => Transport::Tcp,
        };
        let addresses = self.resolver.resolve(now.mono, &trunk.data.host, trunk.data.port).await;
        let addresses = addresses.map_err(|_| Unreachable)?;
        Ok(addresses.into_iter().filter_map(|peer| self.flow(transport, peer)).collect())
    }

    fn flow(&self, transport: Transport, peer: SocketAddr) -> Option<Flow> {
        let reaches =
            |listener: &&BoundListener| listener.transport == transport && listener.local.is_ipv4() == peer.is_ipv4();
        let listener = self.listeners.iter().find(reaches)?;
        Some(Flow { listener: listener.id, transport, peer })
    }

    /// The way to a SIP address at its own host, which need not be a trunk's: by the transport it names, else by
    /// `usual`.
    ///
    /// # Errors
    /// [`Unreachable`].
    pub async fn direct(&self, now: Now, uri: &Uri, usual: Transport) -> Result<Flow, Unreachable> {
        let transport = match uri.params.value("transport") {
            Some(name) if name.eq_ignore_ascii_case(b"tcp") => Transport::Tcp,
            Some(name) if name.eq_ignore_ascii_case(b"udp") => Transport::Udp,
            Some(_) => return Err(Unreachable),
            None => usual,
        };
        let addresses = self.resolver.resolve(now.mono, &uri.host.to_string(), uri.port).await;
        let addresses = addresses.map_err(|_| Unreachable)?;
        addresses.into_iter().find_map(|peer| self.flow(transport, peer)).ok_or(Unreachable)
    }

    /// What the Via of requests that go this way says of its sender.
    #[must_use]
    pub fn sent_by(&self, flow: &Flow) -> Option<HostPort> {
        let listener = self.listeners.iter().find(|listener| listener.id == flow.listener)?;
        Some(HostPort::from(listener.advertised))
    }

    /// The addresses that requests of the trunk come from.
    ///
    /// # Errors
    /// The host has no address.
    pub async fn sources(&self, now: Now, trunk: &Trunk) -> Result<BTreeSet<IpAddr>, Unresolved> {
        let addresses = self.resolver.resolve(now.mono, &trunk.data.host, trunk.data.port).await?;
        Ok(addresses.into_iter().map(|address| address.ip()).collect())
    }
}

/// Host and port of a trunk as they stand in URIs; none for a host that cannot stand there.
#[must_use]
pub fn domain(trunk: &Trunk) -> Option<HostPort> {
    let host = Host::parse(trunk.data.host.as_bytes()).ok()?;
    Some(HostPort { host, port: trunk.data.port })
}

/// Digest credentials of a trunk.
#[must_use]
pub fn credentials(trunk: &Trunk) -> Option<Credential> {
    let (username, password) = (trunk.data.username.as_ref()?, trunk.data.password.as_ref()?);
    Some(Credential { username: username.clone(), password: password.expose_secret().to_owned(), realm: None })
}
