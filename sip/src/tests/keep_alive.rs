//! Pings on connections that we opened (RFC 5626 section 4.4.1), and what becomes of a registration whose connection is gone
//! (section 4.5).

use crate::endpoint::{
    Config, Event, FailureCause, Flow, InstanceId, Invite, LegKey, Listener, ListenerId, PeerName, Registration,
    RegistrationState, Transport,
};
use crate::message::header::NameAddr;
use crate::message::{HeaderName, HostPort, Method, Request, StatusCode};
use crate::tests::pair::uri;
use crate::tests::puppet::{Puppet, header, response};
use std::time::Duration;

const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";

/// An endpoint with a connection of its own over TLS.
fn connected(config: Config) -> (Puppet, Flow) {
    let mut puppet = Puppet::with(config);
    let advertised = HostPort::parse(b"198.51.100.1:5061").expect("an address of this test");
    let transport = Transport::Tls(PeerName::NONE);
    puppet.endpoint.add_listener(Listener { id: ListenerId(1), transport, advertised });
    puppet.transport = Transport::Tls(PeerName::of("sip.example.org"));
    let flow = Flow { listener: ListenerId(1), ..puppet.flow() };
    puppet.endpoint.handle_opened(puppet.now, flow);
    (puppet, flow)
}

/// Goes to the next deadline and lets it pass: how long that took, and the keep-alives that left.
fn next(puppet: &mut Puppet) -> Option<(Duration, Vec<Vec<u8>>)> {
    let (at, _) = puppet.endpoint.poll_timeout()?;
    let took = at - puppet.now;
    puppet.now = at;
    puppet.endpoint.handle_timeout(at);
    Some((took, std::iter::from_fn(|| puppet.endpoint.poll_transmit()).map(|transmit| transmit.bytes).collect()))
}

fn next_ping(puppet: &mut Puppet) -> Duration {
    let mut waited = Duration::ZERO;
    loop {
        let (took, sent) = next(puppet).expect("a ping is due");
        waited += took;
        if !sent.is_empty() {
            assert_eq!(sent, [PING]);
            return waited;
        }
    }
}

fn say(puppet: &mut Puppet, flow: Flow, bytes: &[u8]) {
    puppet.endpoint.handle_stream(puppet.now, flow, bytes).expect("well framed");
}

#[test]
fn a_ping_leaves_every_twenty_to_thirty_seconds() {
    let (mut puppet, flow) = connected(Config::default());
    let mut waits = Vec::new();
    for _ in 0..200 {
        waits.push(next_ping(&mut puppet));
        say(&mut puppet, flow, PONG);
        assert_eq!(puppet.endpoint.poll_close(), None);
    }
    assert!(waits.iter().all(|wait| (20_000..=30_000).contains(&wait.as_millis())), "{waits:?}");
    waits.sort();
    assert!(waits[190] - waits[10] > Duration::from_secs(5), "they keep no step: {waits:?}");
    puppet.endpoint.handle_closed(puppet.now, flow);
    puppet.expect_clean();
}

#[test]
fn a_far_end_that_stops_answering_is_gone_in_ten_seconds() {
    let (mut puppet, flow) = connected(Config::default());
    next_ping(&mut puppet);
    say(&mut puppet, flow, PONG);
    next_ping(&mut puppet);
    let mut invite = puppet.invitation();
    invite.flow = flow;
    puppet.endpoint.invite(puppet.now, invite).expect("there is room");
    let asked = puppet.now;
    while puppet.endpoint.poll_timeout().is_some_and(|(at, _)| at <= asked + Duration::from_secs(10)) {
        assert_eq!(puppet.endpoint.poll_close(), None);
        next(&mut puppet);
    }
    assert_eq!(puppet.now - asked, Duration::from_secs(10));
    assert_eq!(puppet.endpoint.poll_close(), Some(flow));
    assert_eq!(puppet.endpoint.poll_close(), None, "once");
    puppet.act(|_, _| ());
    assert_eq!(puppet.expect_failure().cause, FailureCause::ConnectionLost, "what waited for an answer knows");
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn whatever_comes_shows_that_the_far_end_lives() {
    let (mut puppet, flow) = connected(Config::default());
    next_ping(&mut puppet);
    say(&mut puppet, flow, PONG);
    for _ in 0..20 {
        next_ping(&mut puppet);
        say(&mut puppet, flow, b"OPT");
        next(&mut puppet);
        assert_eq!(puppet.endpoint.poll_close(), None);
        say(&mut puppet, flow, b"IONS sip:us@198.51.100.1 SIP/2.0\r\n\r\n");
        while puppet.endpoint.poll_transmit().is_some() {}
    }
    puppet.endpoint.handle_closed(puppet.now, flow);
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn the_silence_of_a_far_end_that_does_not_know_pings_means_nothing() {
    let (mut puppet, flow) = connected(Config::default());
    // A stray line end before the first ping is no answer to it.
    say(&mut puppet, flow, PONG);
    for _ in 0..50 {
        next_ping(&mut puppet);
        assert_eq!(puppet.endpoint.poll_close(), None);
    }
    puppet.endpoint.handle_closed(puppet.now, flow);
    puppet.expect_clean();
}

#[test]
fn a_connection_that_takes_the_place_of_another_owes_nothing() {
    let (mut puppet, flow) = connected(Config::default());
    next_ping(&mut puppet);
    say(&mut puppet, flow, PONG);
    next_ping(&mut puppet);
    say(&mut puppet, flow, b"OPTIONS sip:us@198.51.1");
    next_ping(&mut puppet);
    // The shell opens it anew without having said that it was closed.
    puppet.endpoint.handle_opened(puppet.now, flow);
    for _ in 0..3 {
        next_ping(&mut puppet);
        assert_eq!(puppet.endpoint.poll_close(), None, "the new one has answered nothing yet");
    }
    let options = crate::tests::puppet::request("OPTIONS", "z9hG4bKnew", "1 OPTIONS", "", "");
    say(&mut puppet, flow, options.as_bytes());
    let answer = puppet.endpoint.poll_transmit().expect("an answer");
    assert!(answer.bytes.starts_with(b"SIP/2.0 200"), "half a message of the old one is gone");
    puppet.endpoint.handle_closed(puppet.now, flow);
    puppet.expect_clean();
}

#[test]
fn only_connections_are_kept_and_not_without_bound() {
    let (mut puppet, flow) = connected(Config { max_streams: 3, ..Config::default() });
    let now = puppet.now;
    puppet.endpoint.handle_opened(now, flow);
    puppet.endpoint.handle_opened(now, Flow { transport: Transport::Udp, listener: ListenerId(0), ..flow });
    assert_eq!(puppet.endpoint.leftovers().2, 1, "one connection, once, and no datagrams");
    for port in 1..10 {
        let mut another = flow;
        another.peer.set_port(port);
        puppet.endpoint.handle_opened(now, another);
    }
    assert_eq!(puppet.endpoint.leftovers().2, 3);
    for port in 1..10 {
        let mut another = flow;
        another.peer.set_port(port);
        puppet.endpoint.handle_closed(now, another);
    }
    puppet.endpoint.handle_closed(now, flow);
    puppet.expect_clean();
}

#[test]
fn a_registration_follows_its_connection() {
    let (mut puppet, flow) = connected(Config::default());
    puppet.endpoint.handle_closed(puppet.now, flow);
    let id = puppet.act(|endpoint, now| endpoint.register(now, registration(flow))).expect("there is room");
    let mut waits = Vec::new();
    // It is lost at once several times, then after a long time, then at once again.
    for lasted in [0, 1, 2, 600, 3] {
        let register = puppet.request(&Method::Register);
        puppet.answer(&register, 200, "r");
        puppet.run_for(Duration::from_secs(lasted));
        puppet.expect_quiet();
        puppet.act(|endpoint, now| endpoint.handle_closed(now, flow));
        // It may be said twice, as when both sides close.
        puppet.act(|endpoint, now| endpoint.handle_closed(now, flow));
        let lost = puppet.now;
        let (at, _) = puppet.endpoint.poll_timeout().expect("it comes back");
        puppet.run_for(at - lost);
        waits.push((at - lost).as_millis());
    }
    let expected = [(15_000, 30_000), (30_000, 60_000), (60_000, 120_000), (1_000, 3_000), (15_000, 30_000)];
    for (wait, (soonest, latest)) in waits.iter().zip(expected) {
        assert!((soonest..=latest).contains(wait), "{waits:?}");
    }
    let register = puppet.request(&Method::Register);
    puppet.ignore();
    puppet.say(response(&register, 200, "r").to_bytes());
    let state = puppet.event();
    assert!(
        matches!(
            &state,
            Some(crate::endpoint::Event::RegistrationState { state: RegistrationState::Registered { .. }, .. })
        ),
        "{state:?}"
    );
    puppet.act(|endpoint, now| endpoint.unregister(now, id));
    puppet.act(|endpoint, now| endpoint.handle_closed(now, flow));
    puppet.ignore();
    puppet.expect_clean();
}

/// A registration over the connection, by somebody who says who it is, and its first REGISTER.
fn registering(config: Config) -> (Puppet, Flow, Request) {
    let (mut puppet, flow) = connected(config);
    puppet.act(|endpoint, now| endpoint.register(now, registration(flow))).expect("there is room");
    let register = puppet.request(&Method::Register);
    (puppet, flow, register)
}

fn registration(flow: Flow) -> Registration {
    Registration {
        key: LegKey([6; 32]),
        flow,
        registrar: uri("sip:example.org"),
        aor: NameAddr::new(uri("sip:trunk@example.org")),
        contact_user: "trunk".to_owned(),
        credentials: None,
        expires: Duration::from_secs(3600),
        external: None,
    }
}

fn instance() -> Config {
    Config { instance: Some(InstanceId([0xab; 16])), ..Config::default() }
}

const OURS: &str = "+sip.instance=\"<urn:uuid:abababab-abab-abab-abab-abababababab>\"";

/// The registrar says yes, and knows of outbound.
fn agrees(puppet: &mut Puppet, register: &Request, more: &str) {
    let mut granted = response(register, 200, "r");
    granted.headers.push(HeaderName::Require, "outbound");
    if !more.is_empty() {
        granted.headers.push(HeaderName::FlowTimer, more);
    }
    puppet.say(granted.to_bytes());
}

#[test]
fn a_registration_over_a_connection_asks_for_calls_on_it() {
    let (mut puppet, flow, register) = registering(instance());
    let contact = header(&register.headers, &HeaderName::Contact);
    assert!(contact.ends_with(&format!(">;{OURS};reg-id=1")), "{contact}");
    assert_eq!(header(&register.headers, &HeaderName::Supported), "path, outbound");
    // Another one of the same address has a number of its own; one of another address does not need it.
    let mut others = [registration(flow), registration(flow)];
    others[0].key = LegKey([7; 32]);
    (others[1].key, others[1].aor) = (LegKey([8; 32]), NameAddr::new(uri("sip:other@example.org")));
    for (other, number) in others.into_iter().zip([2, 1]) {
        puppet.act(|endpoint, now| endpoint.register(now, other)).expect("there is room");
        let register = puppet.request(&Method::Register);
        let contact = header(&register.headers, &HeaderName::Contact);
        assert!(contact.ends_with(&format!(";reg-id={number}")), "{contact}");
    }
}

#[test]
fn without_a_connection_or_a_name_nothing_is_asked() {
    let (_, _, register) = registering(Config::default());
    let mut puppet = Puppet::with(instance());
    let flow = puppet.flow();
    assert_eq!(flow.transport, Transport::Udp);
    puppet.act(|endpoint, now| endpoint.register(now, registration(flow))).expect("there is room");
    for register in [register, puppet.request(&Method::Register)] {
        let contact = header(&register.headers, &HeaderName::Contact);
        assert!(contact.ends_with('>') && !register.headers.has(&HeaderName::Supported), "{contact}");
    }
}

#[test]
fn calls_over_the_connection_say_so_while_the_registrar_keeps_to_it() {
    let (mut puppet, flow) = connected(instance());
    // Without pings, which are no messages.
    puppet.endpoint.handle_closed(puppet.now, flow);
    let id = puppet.act(|endpoint, now| endpoint.register(now, registration(flow))).expect("there is room");
    let register = puppet.request(&Method::Register);
    let mut keys = 0;
    let mut contact = |puppet: &mut Puppet| {
        keys += 1;
        let invite = Invite { key: LegKey([100 + keys; 32]), flow, ..puppet.invitation() };
        let (_, invite) = puppet.call_with(invite);
        puppet.answer(&invite, 486, "busy");
        puppet.ignore();
        header(&invite.headers, &HeaderName::Contact).to_owned()
    };
    assert!(!contact(&mut puppet).contains(";ob"), "nobody has agreed");
    puppet.answer(&register, 200, "r");
    assert!(!contact(&mut puppet).contains(";ob"), "the registrar does not know it");
    puppet.run_for(Duration::from_secs(3_300));
    let register = puppet.request(&Method::Register);
    agrees(&mut puppet, &register, "");
    assert!(contact(&mut puppet).ends_with(";ob>"));
    puppet.act(|endpoint, now| endpoint.handle_closed(now, flow));
    assert!(!contact(&mut puppet).contains(";ob"), "another connection is not the one that was bound");
    puppet.run_for(Duration::from_secs(4));
    let register = puppet.request(&Method::Register);
    assert!(!header(&register.headers, &HeaderName::Contact).contains(";ob"));
    agrees(&mut puppet, &register, "");
    assert!(contact(&mut puppet).ends_with(";ob>"));
    puppet.act(|endpoint, now| endpoint.unregister(now, id));
    let leave = puppet.request(&Method::Register);
    assert!(header(&leave.headers, &HeaderName::Contact).contains("reg-id=1"), "it is this binding that goes");
    puppet.answer(&leave, 200, "r");
    assert!(!contact(&mut puppet).contains(";ob"));
    puppet.expect_clean();
}

#[test]
fn a_first_hop_that_cannot_do_it_is_registered_through_without() {
    let (mut puppet, flow, register) = registering(instance());
    puppet.answer(&register, 439, "r");
    let again = puppet.request(&Method::Register);
    let contact = header(&again.headers, &HeaderName::Contact);
    assert!(contact.ends_with('>') && !again.headers.has(&HeaderName::Supported), "{contact}");
    // It is not asked again, and not repeated for ever.
    puppet.answer(&again, 439, "r");
    puppet.expect_quiet();
    let state = puppet
        .expect(|event| if let Event::RegistrationState { state, .. } = event { Some(state.clone()) } else { None });
    let refused = Some(StatusCode::FIRST_HOP_LACKS_OUTBOUND);
    assert!(matches!(state, RegistrationState::Failed { status, .. } if status == refused), "{state:?}");
    assert_eq!(puppet.endpoint.poll_close(), None, "{flow}");
}

#[test]
fn a_connection_whose_far_half_has_failed_is_given_up() {
    let (mut puppet, flow, register) = registering(instance());
    puppet.answer(&register, 430, "r");
    assert_eq!(puppet.endpoint.poll_close(), Some(flow));
    assert_eq!(puppet.endpoint.poll_close(), None);
    puppet.expect_quiet();
    puppet.run_for(Duration::from_secs(30));
    puppet.request(&Method::Register);
}

#[test]
fn a_registrar_may_ask_for_more_pings() {
    // More often than we ever do, and less often.
    for (told, least, most) in [("15", 12_000, 15_000), ("120", 20_000, 30_000)] {
        let (mut puppet, flow, register) = registering(instance());
        agrees(&mut puppet, &register, told);
        // The time of the first one was set before.
        next_ping(&mut puppet);
        say(&mut puppet, flow, PONG);
        for _ in 0..50 {
            let wait = next_ping(&mut puppet).as_millis();
            say(&mut puppet, flow, PONG);
            assert!((least..=most).contains(&wait), "{wait} ms where {told} s are allowed");
        }
    }
}
