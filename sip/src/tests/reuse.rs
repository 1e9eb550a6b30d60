//! Connections that carry requests both ways (RFC 5923), by its sections.

use crate::endpoint::{
    Alias, Config, Flow, InstanceId, LegKey, ListenerId, Orphan, OrphanInvite, OrphanStage, PeerName, Probe,
    Registration, Transport, Watch,
};
use crate::message::header::NameAddr;
use crate::message::{HeaderName, Headers, Message, Method, Request};
use crate::tests::pair::uri;
use crate::tests::puppet::{PEER, Puppet, header, request, within};
use std::net::SocketAddr;
use std::time::Duration;

/// One that opens connections to a far end of this name.
fn offering() -> Puppet {
    let mut puppet = Puppet::with(Config { reusable: true, ..Config::default() });
    puppet.transport = Transport::Tls(PeerName::of("sip.example.org"));
    puppet
}

fn via(request: &Request) -> &str {
    header(&request.headers, &HeaderName::Via)
}

fn offers(request: &Request) -> bool {
    via(request).split(';').any(|part| part == "alias")
}

/// Section 8.1: every request on a connection over TLS that we opened, ACK and CANCEL with the Via of their INVITE.
#[test]
fn section_8_1_what_we_send_on_our_connections_offers_them() {
    let mut puppet = offering();
    let (session, invite) = puppet.call();
    assert!(via(&invite).starts_with("SIP/2.0/TLS 198.51.100.1:5060;branch=z9hG4bK"), "{}", via(&invite));
    assert!(via(&invite).ends_with(";rport;alias"), "{}", via(&invite));
    puppet.answer(&invite, 180, "callee");
    puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it rings");
    let cancel = puppet.request(&Method::Cancel);
    assert_eq!(via(&cancel), via(&invite));
    puppet.answer(&cancel, 200, "callee");
    puppet.answer(&invite, 487, "callee");
    assert_eq!(via(&puppet.request(&Method::Ack)), via(&invite));

    let (session, invite) = {
        let mut again = puppet.invitation();
        again.key = LegKey([10; 32]);
        puppet.call_with(again)
    };
    puppet.answer(&invite, 200, "callee");
    assert!(offers(&puppet.request(&Method::Ack)));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    assert!(offers(&bye));
    puppet.answer(&bye, 200, "callee");
    let flow = puppet.flow();
    let probe = Probe { uri: uri("sip:example.org"), flow, key: LegKey([3; 32]), credentials: None };
    puppet.act(|endpoint, now| endpoint.ping(now, probe)).expect("there is room");
    let options = puppet.request(&Method::Options);
    assert!(offers(&options));
    puppet.answer(&options, 200, "callee");
    puppet.expect_clean();
}

/// The same for who ends what an earlier life began, and for who asks whether somebody is there.
#[test]
fn section_8_1_what_is_left_of_an_earlier_life_offers_them_too() {
    let mut puppet = offering();
    let flow = puppet.flow();
    let watch = Watch::new(uri("sip:example.org"), flow);
    puppet.act(|endpoint, now| endpoint.watch(now, watch)).expect("there is room");
    puppet.run_for(Duration::from_secs(40));
    let asked = puppet.requests();
    assert!(!asked.is_empty() && asked.iter().all(offers), "{asked:?}");
    let orphan = OrphanInvite {
        flow,
        sent_by: None,
        uri: uri("sip:callee@example.org"),
        from: NameAddr::new(uri("sip:caller@198.51.100.1")),
        to: NameAddr::new(uri("sip:callee@example.org")),
        headers: Headers::new(),
        invites: 1,
        dialog: None,
    };
    let orphan = Orphan { key: LegKey([9; 32]), credentials: None, stage: OrphanStage::Early(Box::new(orphan)) };
    puppet.act(|endpoint, now| endpoint.recover(now, orphan)).expect("there is room");
    assert!(offers(&puppet.request(&Method::Cancel)));
}

/// Section 1: "we only consider connection reuse for TLS". A connection that somebody made to us is not ours to offer, and
/// by default nothing is.
#[test]
fn section_1_nothing_but_tls_is_offered() {
    let ours = Transport::Tls(PeerName::of("sip.example.org"));
    let cases = [
        (Transport::Udp, true),
        (Transport::Tcp, true),
        (Transport::Tls(PeerName::NONE), true),
        (Transport::Ws, true),
        (Transport::Wss, true),
        (ours, false),
    ];
    for (transport, reusable) in cases {
        let mut puppet = Puppet::with(Config { reusable, ..Config::default() });
        puppet.transport = transport;
        let (_, invite) = puppet.call();
        assert!(!offers(&invite), "{transport:?}: {}", via(&invite));
    }
}

/// What a registrar calls back on was agreed on with it (RFC 5626), and is not offered once more.
#[test]
fn registrations_have_their_own_way_to_be_called_back() {
    let instance = Some(InstanceId([0xab; 16]));
    let mut puppet = Puppet::with(Config { reusable: true, instance, ..Config::default() });
    puppet.transport = Transport::Tls(PeerName::of("sip.example.org"));
    let (flow, now) = (puppet.flow(), puppet.now);
    puppet.endpoint.handle_opened(now, flow);
    let registration = Registration {
        key: LegKey([7; 32]),
        flow,
        registrar: uri("sip:example.org"),
        aor: NameAddr::new(uri("sip:trunk@example.org")),
        contact_user: "trunk".to_owned(),
        credentials: None,
        expires: Duration::from_secs(600),
        external: None,
    };
    puppet.act(|endpoint, now| endpoint.register(now, registration)).expect("there is room");
    let register = puppet.request(&Method::Register);
    assert!(!offers(&register));
    let contact = header(&register.headers, &HeaderName::Contact).to_owned();
    let mut response = crate::tests::puppet::response(&register, 200, "registrar");
    response.headers.set(HeaderName::Contact, format!("{contact};expires=600"));
    response.headers.push(HeaderName::Require, "outbound");
    puppet.say(response.to_bytes());
    let (_, invite) = puppet.call();
    assert!(!offers(&invite), "the registrar keeps to the connection as it is");
}

/// Somebody connected to us from this port.
fn accepted(puppet: &Puppet, transport: Transport, port: u16) -> Flow {
    Flow { listener: ListenerId(1), transport, peer: SocketAddr::new(puppet.flow().peer.ip(), port) }
}

fn asks(puppet: &mut Puppet, flow: Flow, sent_by: &str, branch: &str) {
    let asked = request("OPTIONS", branch, "1 OPTIONS", "", "").replace("UDP 192.0.2.9:5060", sent_by);
    puppet.endpoint.handle_stream(puppet.now, flow, asked.as_bytes()).expect("well framed");
}

const TLS: Transport = Transport::Tls(PeerName::NONE);

/// Section 8.2: who connected over TLS and says so in its Via is told of, with the address that it stands for.
#[test]
fn section_8_2_an_offer_is_told_once_with_its_address() {
    let mut puppet = Puppet::new();
    let flow = accepted(&puppet, TLS, 40_000);
    asks(&mut puppet, flow, "TLS 192.0.2.9:5071", "z9hG4bKa;none");
    assert_eq!(puppet.endpoint.poll_alias(), None, "it does not say so");
    asks(&mut puppet, flow, "TLS 192.0.2.9:5071", "z9hG4bKb;alias");
    let told = Alias { flow, address: SocketAddr::from((PEER.0, 5071)) };
    assert_eq!(puppet.endpoint.poll_alias(), Some(told));
    // What comes later on the same connection changes nothing.
    asks(&mut puppet, flow, "TLS 192.0.2.77:5071", "z9hG4bKc;Alias");
    assert_eq!(puppet.endpoint.poll_alias(), None);
    // Another connection says it for itself; without a port it is that of TLS, and a name stands for where it came from.
    for (port, sent_by, address) in [
        (40_001, "TLS 192.0.2.77", "192.0.2.77:5061"),
        (40_002, "TLS edge.example.org:5081", "192.0.2.9:5081"),
        (40_003, "TLS edge.example.org", "192.0.2.9:5061"),
        (40_004, "TLS [2001:db8::1]:5062", "[2001:db8::1]:5062"),
    ] {
        let flow = accepted(&puppet, TLS, port);
        asks(&mut puppet, flow, sent_by, "z9hG4bKd;alias");
        let address = address.parse().expect("an address of this test");
        assert_eq!(puppet.endpoint.poll_alias(), Some(Alias { flow, address }), "{sent_by}");
    }
    // A new connection from the same port is another one.
    let now = puppet.now;
    puppet.endpoint.handle_closed(now, flow);
    asks(&mut puppet, flow, "TLS 192.0.2.9:5071", "z9hG4bKe;alias");
    assert_eq!(puppet.endpoint.poll_alias(), Some(told));
}

/// An offer whose connection has gone before anybody looked at it is not told of any more.
#[test]
fn an_offer_is_worth_nothing_without_its_connection() {
    let mut puppet = Puppet::new();
    let flow = accepted(&puppet, TLS, 40_000);
    asks(&mut puppet, flow, "TLS 192.0.2.9", "z9hG4bKa;alias");
    let now = puppet.now;
    puppet.endpoint.handle_closed(now, flow);
    assert_eq!(puppet.endpoint.poll_alias(), None);
}

/// Section 9: without a certificate there is nobody to believe. What we opened ourselves is ours already.
#[test]
fn section_9_nothing_is_told_of_connections_that_prove_nobody() {
    let mut puppet = offering();
    for transport in [Transport::Tcp, Transport::Wss, puppet.transport] {
        let flow = accepted(&puppet, transport, 40_000);
        asks(&mut puppet, flow, "TLS 192.0.2.9", "z9hG4bKa;alias");
        assert_eq!(puppet.endpoint.poll_alias(), None, "{transport:?}");
    }
    puppet.endpoint.handle_datagram(
        puppet.now,
        ListenerId(0),
        SocketAddr::from(PEER),
        request("OPTIONS", "z9hG4bKb;alias", "1 OPTIONS", "", "").as_bytes(),
    );
    assert_eq!(puppet.endpoint.poll_alias(), None, "datagrams");
}

#[test]
fn offers_are_bounded_by_the_connections_that_are_served() {
    let mut puppet = Puppet::with(Config { max_streams: 3, ..Config::default() });
    let now = puppet.now;
    for port in 40_000..40_010 {
        let flow = accepted(&puppet, TLS, port);
        let asked = request("OPTIONS", "z9hG4bKa;alias", "1 OPTIONS", "", "").replace("UDP 192.0.2.9", "TLS 192.0.2.9");
        let _ = puppet.endpoint.handle_stream(now, flow, asked.as_bytes());
    }
    let told = std::iter::from_fn(|| puppet.endpoint.poll_alias()).count();
    assert_eq!(told, 3);
}

/// Section 8.1: who offers a connection takes requests on it.
#[test]
fn section_8_1_requests_come_back_on_what_we_offered() {
    let mut puppet = offering();
    let (session, invite) = puppet.call();
    puppet.answer(&invite, 200, "callee");
    puppet.ignore();
    // A new call, not one within the dialog, on the same connection.
    puppet.say(request("INVITE", "z9hG4bKback", "1 INVITE", "", "offer").replace("UDP", "TLS"));
    let back = puppet.incoming();
    assert_ne!(back, session);
    puppet.response(100);
    puppet.ignore();
    puppet.say(within(&invite, "BYE", "2 BYE", "callee", "").replace("UDP", "TLS"));
    puppet.response(200);
    let sent = puppet.endpoint.poll_transmit();
    assert!(sent.is_none_or(|sent| !matches!(crate::message::parse(&sent.bytes), Ok(Message::Request(_)))));
}
