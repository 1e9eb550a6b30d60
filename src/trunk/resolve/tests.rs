use std::net::IpAddr;

use callwright_loadtest::names::NameServer;

use super::*;

/// Longest wait for what follows within milliseconds.
const SOON: Duration = Duration::from_secs(20);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// One that asks this server, and holds what it says no longer than it says.
fn asking(server: &NameServer) -> Resolver {
    let protocols = vec![Protocol::Udp, Protocol::Tcp];
    let hold = Duration::from_millis(50);
    let (least_ttl, retry, families) = (hold, hold, Families::V4);
    Resolver::with(
        &[server.address],
        LocatorConfig { protocols, families, least_ttl, retry, ..LocatorConfig::default() },
    )
}

async fn found(resolver: &Resolver, host: &str, protocol: Option<Protocol>) -> Result<Vec<String>, LocateError> {
    let servers = resolver.locate(time::now().mono, host, None, protocol).await?;
    let show = |server: &Candidate| format!("{:?} {}", server.protocol, server.address).to_lowercase();
    Ok(servers.iter().map(show).collect())
}

/// Waits until a host leads somewhere.
async fn leads(resolver: &Resolver, host: &str, wanted: &[&str]) {
    let settled = async {
        while found(resolver, host, Some(Protocol::Udp)).await.as_deref().unwrap_or_default() != wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, settled).await.unwrap_or_else(|_| panic!("{host} does not lead to {wanted:?}"));
}

#[tokio::test]
async fn an_address_needs_no_name_server() {
    let resolver = Resolver::default();
    let now = time::now().mono;
    for (host, port, wanted) in
        [("192.0.2.7", None, "192.0.2.7:5060"), ("[2001:db8::1]", Some(5_080), "[2001:db8::1]:5080")]
    {
        let servers = resolver.locate(now, host, port, None).await.expect("it is an address");
        assert_eq!(servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>(), [wanted]);
    }
    assert_eq!(resolver.locate(now, "no host", None, None).await, Err(LocateError::Host));
}

#[tokio::test]
async fn records_say_which_servers_and_over_what() {
    let dns = NameServer::start(60).await.expect("a port");
    let resolver = asking(&dns);
    dns.services("carrier.test", &[(10, 1, "SIP+D2T", "tcp.carrier.test"), (10, 2, "SIP+D2U", "udp.carrier.test")])
        .expect("names");
    dns.service("tcp.carrier.test", &[(1, 0, 5070, "a.carrier.test"), (2, 0, 5080, "b.carrier.test")]).expect("names");
    dns.service("udp.carrier.test", &[(1, 0, 5060, "b.carrier.test")]).expect("names");
    dns.host("a.carrier.test", &[ip("192.0.2.1"), ip("192.0.2.2")]);
    dns.host("b.carrier.test", &[ip("192.0.2.3")]);
    let all = ["tcp 192.0.2.1:5070", "tcp 192.0.2.2:5070", "tcp 192.0.2.3:5080", "udp 192.0.2.3:5060"];
    assert_eq!(found(&resolver, "carrier.test", None).await.expect("located"), all);
    // A transport that is set asks for its own service, which this domain does not have; and it has no address.
    assert_eq!(found(&resolver, "carrier.test", Some(Protocol::Udp)).await, Err(LocateError::Nobody));
    dns.host("plain.test", &[ip("192.0.2.9")]);
    assert_eq!(found(&resolver, "plain.test", Some(Protocol::Tcp)).await.expect("located"), ["tcp 192.0.2.9:5060"]);
    let servers = resolver.locate(time::now().mono, "plain.test", Some(5_099), None).await.expect("located");
    assert_eq!(servers[0].address.port(), 5_099);
    assert!(dns.asked().contains(&"NAPTR carrier.test".to_owned()));
    assert!(!dns.asked().contains(&"NAPTR plain.test".to_owned()), "nothing to choose: {:?}", dns.asked());
}

#[tokio::test]
async fn what_has_grown_old_is_asked_for_again_and_stands_while_nobody_answers() {
    let dns = NameServer::start(0).await.expect("a port");
    let resolver = asking(&dns);
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(resolver.clone().keep(stop.clone()));
    dns.host("carrier.test", &[ip("192.0.2.1")]);
    leads(&resolver, "carrier.test", &["udp 192.0.2.1:5060"]).await;
    let mut changes = resolver.changes();
    dns.host("carrier.test", &[ip("192.0.2.2")]);
    // Nobody asks the resolver: it looks by itself, and says so.
    tokio::time::timeout(SOON, changes.changed()).await.expect("in time").expect("it lives");
    leads(&resolver, "carrier.test", &["udp 192.0.2.2:5060"]).await;
    dns.silence(true);
    let asked = dns.asked().len();
    while dns.asked().len() < asked + 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    leads(&resolver, "carrier.test", &["udp 192.0.2.2:5060"]).await;
    dns.silence(false);
    dns.host("carrier.test", &[]);
    tokio::time::timeout(SOON, changes.changed()).await.expect("in time").expect("it lives");
    let gone = async {
        while found(&resolver, "carrier.test", Some(Protocol::Udp)).await != Err(LocateError::Nobody) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("a name that is taken away leads nowhere");
    stop.cancel();
    keeping.await.expect("it ends when it is told to");
}

#[tokio::test]
async fn a_server_that_failed_comes_last_until_it_answers() {
    let dns = NameServer::start(60).await.expect("a port");
    let resolver = asking(&dns);
    dns.service("_sip._udp.carrier.test", &[(1, 0, 5060, "a.carrier.test"), (2, 0, 5060, "b.carrier.test")])
        .expect("names");
    dns.host("a.carrier.test", &[ip("192.0.2.1")]);
    dns.host("b.carrier.test", &[ip("192.0.2.2")]);
    leads(&resolver, "carrier.test", &["udp 192.0.2.1:5060", "udp 192.0.2.2:5060"]).await;
    let listener = callwright_sip::endpoint::ListenerId(0);
    let first = Flow { listener, transport: Transport::Udp, peer: "192.0.2.1:5060".parse().expect("an address") };
    resolver.report(time::now().mono, &first, Trouble::Unavailable { retry_after: Some(Duration::from_secs(60)) });
    leads(&resolver, "carrier.test", &["udp 192.0.2.2:5060", "udp 192.0.2.1:5060"]).await;
    resolver.cleared(&first);
    leads(&resolver, "carrier.test", &["udp 192.0.2.1:5060", "udp 192.0.2.2:5060"]).await;
}
