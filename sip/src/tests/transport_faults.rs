//! What the shell could not send, and connections that break.

use crate::endpoint::{Config, Endpoint, Event, FailureCause, Transport};
use crate::message::Method;
use crate::tests::pair::{Pair, Side};
use crate::tests::puppet::{Puppet, request};
use std::time::Duration;

/// Sends an INVITE and hands its transmit to the shell only.
fn invite_taken(puppet: &mut Puppet) -> crate::endpoint::Transmit {
    let invite = puppet.invitation();
    puppet.endpoint.invite(puppet.now, invite).expect("there is room");
    puppet.endpoint.poll_transmit().expect("the INVITE")
}

#[test]
fn a_refused_connection_is_not_sent() {
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut puppet = Puppet::new();
        puppet.transport = transport;
        let transmit = invite_taken(&mut puppet);
        puppet.act(|endpoint, now| endpoint.handle_send_failed(now, transmit.id, false));
        let failure = puppet.expect_failure();
        assert_eq!(failure.cause, FailureCause::NotSent);
        assert!(!failure.provisional_seen);
        puppet.expect_clean();
    }
}

#[test]
fn what_may_have_left_is_never_called_not_sent() {
    // The connection broke after the first byte.
    let mut puppet = Puppet::new();
    puppet.transport = Transport::Tcp;
    let transmit = invite_taken(&mut puppet);
    puppet.act(|endpoint, now| endpoint.handle_send_failed(now, transmit.id, true));
    assert_eq!(puppet.expect_failure().cause, FailureCause::ConnectionLost);
    puppet.expect_clean();
    // A datagram left, and only its repetition could not be sent.
    let mut puppet = Puppet::new();
    let transmit = invite_taken(&mut puppet);
    puppet.run_for(Duration::from_millis(500));
    puppet.act(|endpoint, now| endpoint.handle_send_failed(now, transmit.id, false));
    assert_eq!(puppet.expect_failure().cause, FailureCause::ConnectionLost);
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn a_closed_connection_ends_what_waits_for_its_first_answer() {
    let mut puppet = Puppet::new();
    puppet.transport = Transport::Tcp;
    let (_, invite) = puppet.call();
    let flow = puppet.flow();
    puppet.act(|endpoint, now| endpoint.handle_closed(now, flow));
    assert_eq!(puppet.expect_failure().cause, FailureCause::ConnectionLost);
    // The call may have arrived: its late answer is dealt with.
    puppet.answer(&invite, 200, "x");
    puppet.request(&Method::Ack);
    puppet.request(&Method::Bye);
    puppet.expect_clean();
}

#[test]
fn a_ringing_call_outlives_its_connection() {
    let mut puppet = Puppet::new();
    puppet.transport = Transport::Tcp;
    let (session, invite) = puppet.call();
    puppet.answer(&invite, 180, "x");
    let flow = puppet.flow();
    puppet.act(|endpoint, now| endpoint.handle_closed(now, flow));
    assert!(!std::iter::from_fn(|| puppet.event()).any(|event| matches!(event, Event::Failed { .. })));
    // The far side comes back on a new connection.
    puppet.answer(&invite, 200, "x");
    puppet.request(&Method::Ack);
    puppet.expect_answered();
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn an_incoming_call_whose_answer_cannot_be_delivered_fails() {
    let mut puppet = Puppet::new();
    puppet.transport = Transport::Tcp;
    let flow = puppet.flow();
    let text = request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer");
    puppet.endpoint.handle_stream(puppet.now, flow, text.as_bytes()).expect("well framed");
    let trying = puppet.endpoint.poll_transmit().expect("100");
    puppet.act(|endpoint, now| endpoint.handle_send_failed(now, trying.id, true));
    assert_eq!(puppet.expect_failure().cause, FailureCause::LocalError);
    puppet.expect_clean();
}

#[test]
fn a_stream_in_pieces_and_with_pings_is_understood() {
    let mut puppet = Puppet::new();
    puppet.transport = Transport::Tcp;
    let flow = puppet.flow();
    let text = format!("\r\n\r\n{}", request("OPTIONS", "z9hG4bKpieces", "1 OPTIONS", "", ""));
    for byte in text.as_bytes() {
        puppet.endpoint.handle_stream(puppet.now, flow, &[*byte]).expect("well framed");
    }
    let pong = puppet.endpoint.poll_transmit().expect("the answer to the ping");
    assert_eq!(pong.bytes, b"\r\n");
    let answer = puppet.endpoint.poll_transmit().expect("the answer to OPTIONS");
    assert!(answer.bytes.starts_with(b"SIP/2.0 200"));
    puppet.expect_clean();
}

#[test]
fn a_stream_that_cannot_be_framed_is_given_up_alone() {
    let mut puppet = Puppet::with(Config { max_streams: 2, ..Config::default() });
    puppet.transport = Transport::Tcp;
    let flow = |port| {
        let mut flow = puppet.flow();
        flow.peer.set_port(port);
        flow
    };
    let (first, second, third) = (flow(1001), flow(1002), flow(1003));
    let now = puppet.now;
    let hello = request("OPTIONS", "z9hG4bKhello", "1 OPTIONS", "", "");
    let speak = |endpoint: &mut Endpoint, flow, text: &str| endpoint.handle_stream(now, flow, text.as_bytes());
    let endless = "OPTIONS sip:x SIP/2.0\r\nContent-Length: 4294967295\r\n\r\n";
    assert!(speak(&mut puppet.endpoint, first, endless).is_err());
    assert!(speak(&mut puppet.endpoint, second, &hello).is_ok());
    assert!(speak(&mut puppet.endpoint, third, &hello).is_err(), "beyond the limit of connections");
    puppet.endpoint.handle_closed(now, first);
    assert!(speak(&mut puppet.endpoint, third, &hello).is_ok());
    while puppet.endpoint.poll_transmit().is_some() {}
    puppet.expect_clean();
}

#[test]
fn a_peer_that_comes_back_late_finds_the_call_up() {
    // Half a minute of nothing in the middle of a call does no harm without a session timer to miss.
    let mut pair = Pair::new(31);
    let (caller, _) = pair.connect();
    pair.cut = true;
    pair.run_for(Duration::from_secs(30));
    pair.cut = false;
    pair.act(Side::A, |a, now| a.bye(now, caller, None).expect("it is up"));
    pair.expect_end(Side::B);
    pair.expect_clean();
}

#[test]
fn a_bye_whose_connection_is_gone_goes_to_the_contact() {
    let mut puppet = Puppet::new();
    puppet.transport = Transport::Tcp;
    let ephemeral = {
        let mut flow = puppet.flow();
        flow.peer.set_port(40_000);
        flow
    };
    let now = puppet.now;
    let say = |puppet: &mut Puppet, text: &str| {
        puppet.endpoint.handle_stream(now, ephemeral, text.as_bytes()).expect("well framed");
        std::iter::from_fn(|| puppet.endpoint.poll_transmit()).collect::<Vec<_>>()
    };
    say(&mut puppet, &request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    let Some(Event::Incoming { session, invite }) = puppet.endpoint.poll_event() else { panic!("a call") };
    assert_eq!(invite.flow, ephemeral);
    puppet.endpoint.accept(now, session, crate::tests::pair::sdp("answer")).expect("it rings");
    let answer = puppet.endpoint.poll_transmit().expect("200");
    let Ok(crate::message::Message::Response(answer)) = crate::message::parse(&answer.bytes) else { panic!("200") };
    say(&mut puppet, &request("ACK", "z9hG4bKack", "1 ACK", &crate::tests::puppet::to_tag(&answer), ""));
    puppet.endpoint.handle_closed(now, ephemeral);
    puppet.endpoint.bye(now, session, None).expect("it is up");
    let bye = puppet.endpoint.poll_transmit().expect("BYE");
    assert_eq!(bye.flow, ephemeral);
    puppet.endpoint.handle_send_failed(now, bye.id, false);
    let again = puppet.endpoint.poll_transmit().expect("BYE again");
    assert_eq!(again.flow, puppet.flow(), "the port of their Contact");
    assert!(again.bytes.starts_with(b"BYE sip:peer@192.0.2.9:5060"));
    puppet.endpoint.handle_send_failed(now, again.id, false);
    assert!(puppet.endpoint.poll_transmit().is_none(), "once");
    puppet.ignore();
    while puppet.endpoint.poll_event().is_some() {}
    puppet.expect_clean();
}
