//! From a trunk's settings to the way its requests go.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use callwright_sip::endpoint::{Credential, Flow, Transport};
use callwright_sip::locate::{Candidate, LocateError, Protocol};
use callwright_sip::message::{Host, HostPort, Scheme, Uri};
use secrecy::ExposeSecret;

use super::plan::{Signing, TrunkRoute};
use super::resolve::{self, Resolver};
use super::signalling::Manner;
use super::status::TrunkStatus;
use crate::net::faults::ConnectionFaults;
use crate::net::sip_driver::BoundListener;
use crate::net::sip_tls::TlsNames;
use crate::store::trunk::{Trunk, TrunkTransport};
use crate::time::Now;

/// A trunk's host cannot be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Its name leads nowhere.
    #[error(transparent)]
    Host(#[from] LocateError),
    /// No listener speaks the transport over the kind of address that was found.
    #[error("the trunk's host cannot be reached from any listener: add one of its transport and address family")]
    Listener,
    /// The address asks for a transport that is not known or, where it has to be secure, is not.
    #[error("the address asks for a transport that cannot be used")]
    Transport,
}

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
    /// Why connections could not be made.
    pub faults: ConnectionFaults,
}

/// One server of a trunk, in the order in which it is tried.
#[derive(Clone, Debug)]
pub struct Server {
    /// How it is reached; none when no listener reaches it.
    pub flow: Option<Flow>,
    /// What carries SIP there.
    pub protocol: Protocol,
    /// Its address.
    pub address: SocketAddr,
    /// It failed, or asked to be left alone: others go before it until then.
    pub avoid_until: Option<Instant>,
}

/// The servers of a trunk that one dial goes to at most.
const SERVERS: usize = 4;

impl Router {
    /// Where a call over the trunk goes first: see [`Router::routes`].
    ///
    /// # Errors
    /// [`Unreachable`].
    pub async fn route(&self, now: Now, trunk: &Trunk) -> Result<TrunkRoute, Unreachable> {
        self.routes(now, trunk).await?.into_iter().next().ok_or(Unreachable::Listener)
    }

    /// Where a call over the trunk goes, and where next when a server gives it up unheard: to who registered with us from the
    /// trunk's address, while that lasts, else to the servers behind the configured host, four at most. Never empty.
    ///
    /// # Errors
    /// [`Unreachable`], also where the keys of audio that has to be encrypted would travel in the open.
    pub async fn routes(&self, now: Now, trunk: &Trunk) -> Result<Vec<TrunkRoute>, Unreachable> {
        let (mut flows, domain) = match self.status.location(now, trunk.id) {
            Some(location) => (vec![location.flow], location.contact.host_port()),
            None => (self.flows(now, trunk).await?, domain(trunk).ok_or(LocateError::Host)?),
        };
        if flows.is_empty() {
            return Err(Unreachable::Listener);
        }
        // Keys of audio that has to be encrypted do not travel in the open.
        flows.retain(|flow| trunk.data.media.allow(flow.transport));
        if flows.is_empty() {
            return Err(Unreachable::Transport);
        }
        let signing = Signing { level: trunk.data.attestation, own: trunk.data.caller_ids.clone() };
        let route = |flow: Flow| TrunkRoute {
            trunk: trunk.id,
            flow,
            sent_by: self.seen_as(trunk, &flow),
            domain: domain.clone(),
            credentials: credentials(trunk),
            signing: signing.clone(),
            media: trunk.data.media.clone(),
            wording: trunk.data.wording.clone(),
            conduct: self.conduct(trunk, &flow),
        };
        Ok(flows.into_iter().take(SERVERS).map(route).collect())
    }

    /// The ways to the servers behind the configured host, in the order in which they are to be tried (RFC 3263), those that
    /// do not answer OPTIONS last; none when no listener reaches any of them.
    ///
    /// # Errors
    /// [`Unreachable::Host`].
    pub async fn flows(&self, now: Now, trunk: &Trunk) -> Result<Vec<Flow>, Unreachable> {
        Ok(self.servers(now, trunk).await?.into_iter().filter_map(|server| server.flow).collect())
    }

    async fn ways(
        &self,
        now: Now,
        protocol: Option<Protocol>,
        host: &str,
        port: Option<u16>,
    ) -> Result<Vec<Flow>, Unreachable> {
        let servers = self.resolver.locate(now.mono, host, port, protocol).await?;
        Ok(servers.iter().filter_map(|server| self.flow(host, server)).collect())
    }

    /// The servers behind the configured host, in the order in which they are to be tried.
    ///
    /// # Errors
    /// [`Unreachable::Host`].
    pub async fn servers(&self, now: Now, trunk: &Trunk) -> Result<Vec<Server>, Unreachable> {
        let (host, port) = (&trunk.data.host, trunk.data.port);
        let found = self.resolver.locate(now.mono, host, port, protocol(trunk.data.transport)).await?;
        let server = |server: Candidate| Server {
            flow: self.flow(host, &server),
            protocol: server.protocol,
            address: server.address,
            avoid_until: server.avoid_until,
        };
        let mut servers: Vec<_> = found.into_iter().map(server).collect();
        let healths = self.status.healths();
        servers.sort_by_key(|server| server.flow.is_some_and(|flow| healths.is_down(trunk.id, &flow)));
        Ok(servers)
    }

    fn flow(&self, host: &str, server: &Candidate) -> Option<Flow> {
        let transport = match server.protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp => Transport::Tcp,
            // What is asked for is what has to be proved, not what the DNS made of it (RFC 5922 section 4).
            Protocol::Tls => Transport::Tls(self.names.learn(host)?),
        };
        let peer = server.address;
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
        let protocol = match named {
            Some(name) if uri.scheme == Scheme::Sips && !is_stream(name) => return Err(Unreachable::Transport),
            _ if uri.scheme == Scheme::Sips => Protocol::Tls,
            Some(name) if name.eq_ignore_ascii_case(b"tcp") => Protocol::Tcp,
            Some(name) if name.eq_ignore_ascii_case(b"udp") => Protocol::Udp,
            Some(name) if name.eq_ignore_ascii_case(b"tls") => Protocol::Tls,
            Some(_) => return Err(Unreachable::Transport),
            None => resolve::protocol(usual),
        };
        let ways = self.ways(now, Some(protocol), &uri.host.to_string(), uri.port).await?;
        ways.first().copied().ok_or(Unreachable::Listener)
    }

    /// What the Via of requests that go this way says of its sender.
    #[must_use]
    pub fn sent_by(&self, flow: &Flow) -> Option<HostPort> {
        let listener = self.listeners.iter().find(|listener| listener.id == flow.listener)?;
        Some(HostPort::from(listener.advertised))
    }

    /// The same for calls of a trunk, whose carrier may see us elsewhere.
    fn seen_as(&self, trunk: &Trunk, flow: &Flow) -> Option<HostPort> {
        let advertised = self.sent_by(flow)?;
        let external = trunk.data.signalling.external;
        Some(external.map_or_else(|| advertised.clone(), |seen| seen.in_place_of(advertised.clone(), flow.peer)))
    }

    fn conduct(&self, trunk: &Trunk, flow: &Flow) -> Manner {
        let stream = |listener: &&BoundListener| {
            listener.transport == Transport::Tcp && listener.local.is_ipv4() == flow.peer.is_ipv4()
        };
        let large = trunk.data.signalling.large_over_tcp && flow.transport == Transport::Udp;
        let large_over = self.listeners.iter().find(stream).filter(|_| large).map(|listener| listener.id);
        Manner { large_over, external: trunk.data.signalling.external, redirects: trunk.data.signalling.redirects }
    }

    /// The addresses that requests of the trunk come from: those of all servers behind its host.
    ///
    /// # Errors
    /// The host has no address.
    pub async fn sources(&self, now: Now, trunk: &Trunk) -> Result<BTreeSet<IpAddr>, LocateError> {
        let (host, port) = (&trunk.data.host, trunk.data.port);
        let servers = self.resolver.locate(now.mono, host, port, protocol(trunk.data.transport)).await?;
        Ok(servers.into_iter().map(|server| server.address.ip()).collect())
    }
}

/// What a trunk is set to speak; none where its host's records say.
const fn protocol(transport: TrunkTransport) -> Option<Protocol> {
    match transport {
        TrunkTransport::Auto => None,
        TrunkTransport::Udp => Some(Protocol::Udp),
        TrunkTransport::Tcp => Some(Protocol::Tcp),
        TrunkTransport::Tls => Some(Protocol::Tls),
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

    use callwright_loadtest::names::NameServer;
    use callwright_sip::endpoint::{ListenerId, PeerName};

    use super::*;
    use crate::id::{OrgId, TrunkId};
    use crate::stir::signer::SigningLevel;
    use crate::stir::verdict::IdentityPolicy;
    use crate::store::trunk::TrunkData;
    use crate::time;
    use crate::trunk::callers::Wording;
    use crate::trunk::media::MediaTerms;
    use crate::trunk::signalling::{Signalling, external};

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

    #[tokio::test]
    async fn a_trunk_leads_to_every_server_that_can_be_reached_and_its_calls_come_from_all() {
        let dns = NameServer::start(60).await.expect("a port");
        let any = Transport::Tls(PeerName::NONE);
        let router = router(&[Transport::Udp, any]);
        let router = Router { resolver: Resolver::new(&[dns.address], &router.listeners), ..router };
        let services = [(1, 1, "SIPS+D2T", "_sips._tcp.carrier.test"), (1, 2, "SIP+D2T", "_sip._tcp.carrier.test")];
        dns.services("carrier.test", &services).expect("names");
        dns.service("_sips._tcp.carrier.test", &[(1, 0, 5061, "a.test"), (2, 0, 5071, "b.test")]).expect("names");
        dns.service("_sip._tcp.carrier.test", &[(1, 0, 5060, "c.test")]).expect("names");
        for (name, last) in [("a.test", 1), ("b.test", 2), ("c.test", 3)] {
            dns.host(name, &[IpAddr::from([192, 0, 2, last]), "2001:db8::1".parse().expect("an address")]);
        }
        let trunk = trunk("carrier.test", TrunkTransport::Auto);
        let now = time::now();
        let ways: Vec<_> = router.flows(now, &trunk).await.expect("located").iter().map(Flow::to_string).collect();
        // Every server proves the name that the trunk is set to, whatever its own is (RFC 5922 section 4).
        let PeerName(name) = PeerName::of("carrier.test");
        let secure = |to: &str| format!("tls:{name:x}/1/{to}");
        assert_eq!(ways, [secure("192.0.2.1:5061"), secure("192.0.2.2:5071")], "no listener speaks TCP in the open");
        let sources = router.sources(now, &trunk).await.expect("located");
        assert_eq!(sources, [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])].into());
        let routes = router.routes(now, &trunk).await.expect("located");
        assert_eq!(routes.iter().map(|route| route.flow.to_string()).collect::<Vec<_>>(), ways);
        assert!(
            routes.iter().all(|route| route.domain == domain(&trunk).expect("a host")),
            "the name stays in the URI"
        );
        let nowhere = router.routes(now, &self::trunk("other.test", TrunkTransport::Auto)).await;
        assert_eq!(nowhere.map(|_| ()), Err(Unreachable::Host(LocateError::Nobody)));
    }

    #[tokio::test]
    async fn a_carrier_may_see_us_elsewhere_and_get_large_requests_over_tcp() {
        let router = router(&[Transport::Udp, Transport::Tcp]);
        let mut trunk = trunk("192.0.2.7", TrunkTransport::Udp);
        let plain = router.route(time::now(), &trunk).await.expect("an address");
        assert_eq!(plain.conduct, Manner::default());
        assert_eq!(plain.sent_by.map(|own| own.to_string()).as_deref(), Some("127.0.0.1:5060"));
        let external_address = external("203.0.113.7");
        trunk.data.signalling =
            Signalling { large_over_tcp: true, external: external_address, redirects: 2, replaces: false };
        let route = router.route(time::now(), &trunk).await.expect("an address");
        assert_eq!(route.conduct.large_over, Some(ListenerId(1)));
        assert_eq!((route.conduct.external, route.conduct.redirects), (external("203.0.113.7"), 2));
        assert_eq!(route.sent_by.map(|own| own.to_string()).as_deref(), Some("203.0.113.7:5060"));
        let udp_alone = self::router(&[Transport::Udp]).route(time::now(), &trunk).await.expect("an address");
        assert_eq!(udp_alone.conduct.large_over, None, "they leave over UDP where nothing speaks TCP");
    }

    fn trunk(host: &str, transport: TrunkTransport) -> Trunk {
        let data = TrunkData {
            name: "Carrier".to_owned(),
            host: host.to_owned(),
            port: None,
            transport,
            username: None,
            password: None,
            caller_ids: Vec::new(),
            register: false,
            enabled: true,
            max_channels: 1,
            calls_per_minute: 60,
            caller_id_calls_per_minute: None,
            caller_id_max_calls: None,
            inbound_assistant: None,
            identity_policy: IdentityPolicy::Record,
            attestation: SigningLevel::A,
            media: MediaTerms::default(),
            wording: Wording::default(),
            options_s: 0,
            signalling: Signalling::default(),
        };
        let (id, org, at) = (TrunkId::from_u128(1), OrgId::from_u128(2), time::now().wall);
        Trunk { id, org, version: 1, data, created_at: at, updated_at: at }
    }
}
