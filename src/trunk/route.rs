//! From a trunk's settings to the way its requests go.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use callwright_sip::endpoint::{Credential, Flow, PeerName, Transport};
use callwright_sip::message::{Host, HostPort, Scheme, Uri};
use secrecy::ExposeSecret;

use super::plan::{Signing, TrunkRoute};
use super::resolve::{Resolver, Unresolved};
use super::status::TrunkStatus;
use crate::net::sip_driver::BoundListener;
use crate::net::sip_tls::TlsNames;
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
    /// Told which hosts have to prove who they are over TLS.
    pub names: TlsNames,
}

impl Router {
    /// Where a call over the trunk goes: to who registered with us from the trunk's address, while that lasts, else to
    /// the configured host.
    ///
    /// # Errors
    /// [`Unreachable`], also where the keys of audio that has to be encrypted would travel in the open.
    pub async fn route(&self, now: Now, trunk: &Trunk) -> Result<TrunkRoute, Unreachable> {
        let (flow, domain) = match self.status.location(now, trunk.id) {
            Some(location) => (location.flow, location.contact.host_port()),
            None => {
                let flows = self.flows(now, trunk).await?;
                (*flows.first().ok_or(Unreachable)?, domain(trunk).ok_or(Unreachable)?)
            }
        };
        if !trunk.data.media.allow(flow.transport) {
            return Err(Unreachable);
        }
        let signing = Signing { level: trunk.data.attestation, own: trunk.data.caller_ids.clone() };
        let (sent_by, credentials) = (self.sent_by(&flow), credentials(trunk));
        let (media, wording) = (trunk.data.media.clone(), trunk.data.wording.clone());
        Ok(TrunkRoute { trunk: trunk.id, flow, sent_by, domain, credentials, signing, media, wording })
    }

    /// The ways to the configured host, in the resolver's order; none when no listener reaches any of its addresses.
    ///
    /// # Errors
    /// [`Unreachable`]: the host has no address.
    pub async fn flows(&self, now: Now, trunk: &Trunk) -> Result<Vec<Flow>, Unreachable> {
        let transport = match trunk.data.transport {
            TrunkTransport::Udp => Transport::Udp,
            TrunkTransport::Tcp => Transport::Tcp,
            TrunkTransport::Tls => Transport::Tls(PeerName::NONE),
        };
        self.ways(now, transport, &trunk.data.host, trunk.data.port).await
    }

    async fn ways(
        &self,
        now: Now,
        transport: Transport,
        host: &str,
        port: Option<u16>,
    ) -> Result<Vec<Flow>, Unreachable> {
        let port = Some(port.unwrap_or(transport.default_port()));
        let addresses = self.resolver.resolve(now.mono, host, port).await.map_err(|_| Unreachable)?;
        let transport = match transport {
            // What is asked for is what has to be proved, not what the resolver made of it (RFC 5922 section 4).
            Transport::Tls(_) => Transport::Tls(self.names.learn(host).ok_or(Unreachable)?),
            open @ (Transport::Udp | Transport::Tcp) => open,
        };
        Ok(addresses.into_iter().filter_map(|peer| self.flow(transport, peer)).collect())
    }

    fn flow(&self, transport: Transport, peer: SocketAddr) -> Option<Flow> {
        let reaches = |listener: &&BoundListener| {
            listener.transport.is_like(transport) && listener.local.is_ipv4() == peer.is_ipv4()
        };
        let listener = self.listeners.iter().find(reaches)?;
        Some(Flow { listener: listener.id, transport, peer })
    }

    /// The way to a SIP address at its own host, which need not be a trunk's: by TLS to a `sips` address (RFC 3261 section
    /// 26.2.2), else by the transport it names, else by `usual`.
    ///
    /// # Errors
    /// [`Unreachable`], also for a `sips` address that wants datagrams.
    pub async fn direct(&self, now: Now, uri: &Uri, usual: Transport) -> Result<Flow, Unreachable> {
        let named = uri.params.value("transport");
        let is_stream = |name: &[u8]| name.eq_ignore_ascii_case(b"tcp") || name.eq_ignore_ascii_case(b"tls");
        let transport = match named {
            Some(name) if uri.scheme == Scheme::Sips && !is_stream(name) => return Err(Unreachable),
            _ if uri.scheme == Scheme::Sips => Transport::Tls(PeerName::NONE),
            Some(name) if name.eq_ignore_ascii_case(b"tcp") => Transport::Tcp,
            Some(name) if name.eq_ignore_ascii_case(b"udp") => Transport::Udp,
            Some(name) if name.eq_ignore_ascii_case(b"tls") => Transport::Tls(PeerName::NONE),
            Some(_) => return Err(Unreachable),
            None => usual,
        };
        let ways = self.ways(now, transport, &uri.host.to_string(), uri.port).await?;
        ways.first().copied().ok_or(Unreachable)
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use callwright_sip::endpoint::ListenerId;

    use super::*;
    use crate::time;

    /// One that leaves from a listener for each transport.
    fn router(transports: &[Transport]) -> Router {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 5060));
        let bound = |(id, transport): (u16, &Transport)| BoundListener {
            id: ListenerId(id),
            transport: *transport,
            local: at,
            listens: true,
            advertised: at,
            media: at.ip(),
        };
        Router { listeners: (0..).zip(transports).map(bound).collect(), ..Router::default() }
    }

    async fn way(router: &Router, uri: &str, usual: Transport) -> Option<String> {
        let uri = Uri::parse(uri.as_bytes()).expect("a URI");
        let flow = router.direct(time::now(), &uri, usual).await.ok()?;
        Some(flow.to_string())
    }

    #[tokio::test]
    async fn secure_addresses_are_reached_by_tls_alone_and_have_to_prove_their_host() {
        let (any, open) = (Transport::Tls(PeerName::NONE), [Transport::Udp, Transport::Tcp]);
        let all = router(&[Transport::Udp, Transport::Tcp, any]);
        let PeerName(name) = PeerName::of("192.0.2.7");
        let secure = Some(format!("tls:{name:x}/2/192.0.2.7:5061"));
        assert_eq!(way(&all, "sips:a@192.0.2.7", Transport::Udp).await, secure);
        assert_eq!(way(&all, "sips:a@192.0.2.7;transport=tcp", Transport::Udp).await, secure);
        assert_eq!(way(&all, "sip:a@192.0.2.7;transport=tls", Transport::Udp).await, secure);
        assert!(all.names.of(PeerName::of("192.0.2.7")).is_some(), "it is known which host that is");
        // The trunk's name is not the one to prove for somebody else.
        assert_eq!(way(&all, "sip:a@192.0.2.7", Transport::Tls(PeerName::of("sip.carrier.example"))).await, secure);
        assert_eq!(way(&all, "sips:a@192.0.2.7;transport=udp", Transport::Udp).await, None);
        assert_eq!(way(&router(&open), "sips:a@192.0.2.7", Transport::Udp).await, None, "never in the open");
        assert_eq!(way(&all, "sip:a@192.0.2.7", Transport::Udp).await.as_deref(), Some("udp/0/192.0.2.7:5060"));
        assert_eq!(way(&all, "sip:a@192.0.2.7:5070;transport=tcp", any).await.as_deref(), Some("tcp/1/192.0.2.7:5070"));
    }
}
