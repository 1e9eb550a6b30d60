//! SIP over websockets (RFC 7118): frames that are messages, and peers that can be reached on their connection alone.

use crate::endpoint::{Config, Event, FailureCause, Flow, Invite, Transport};
use crate::message::{HeaderName, Method};
use crate::registrar::{Bindings, RegisterAnswer};
use crate::tests::pair::{sdp, uri};
use crate::tests::puppet::{Puppet, header, request, response, within};

/// What a browser says of its own address: it has none.
const NOWHERE: &str = "df7jal23ls0d.invalid";
const BOTH: [Transport; 2] = [Transport::Ws, Transport::Wss];

fn puppet(transport: Transport) -> Puppet {
    let mut puppet = Puppet::with(Config { registrar: true, ..Config::default() });
    puppet.transport = transport;
    puppet
}

/// A request as a browser sends it: without an address, and without a length where it has no body.
fn from_browser(transport: Transport, method: &str, cseq: u32) -> String {
    let body = if method == "INVITE" { "offer" } else { "" };
    let text = request(method, &format!("z9hG4bKws{cseq}"), &format!("{cseq} {method}"), "", body);
    text.replace("SIP/2.0/UDP 192.0.2.9:5060", &format!("SIP/2.0/{} {NOWHERE}", transport.name()))
        .replace("<sip:peer@192.0.2.9:5060>", &format!("<sip:peer@{NOWHERE};transport=ws>"))
        .replace("Content-Length: 0\r\n", "")
}

#[test]
fn a_message_needs_no_length_and_is_answered_where_it_came_from() {
    for transport in BOTH {
        let mut puppet = puppet(transport);
        let flow = puppet.flow();
        let text = from_browser(transport, "OPTIONS", 1);
        assert!(!text.contains("Content-Length"));
        puppet.endpoint.handle_stream(puppet.now, flow, text.as_bytes()).expect("a frame ends no connection");
        let answer = puppet.endpoint.poll_transmit().expect("an answer");
        assert_eq!(answer.flow, flow);
        let text = String::from_utf8(answer.bytes).expect("text in this test");
        assert!(text.starts_with("SIP/2.0 200"), "{text}");
        assert!(text.contains(&format!("Via: SIP/2.0/{} {NOWHERE};", transport.name())), "{text}");
        assert!(text.contains("received=192.0.2.9"), "{text}");
        puppet.expect_clean();
    }
}

#[test]
fn a_frame_is_one_message_and_a_broken_one_costs_nobody_anything() {
    let mut puppet = puppet(Transport::Ws);
    let text = request("OPTIONS", "z9hG4bKone", "1 OPTIONS", "", "");
    // Halves are not put together, and garbage has no end that could be missed.
    for part in [&text[..60], &text[60..], "\0\u{1}\u{2}", "GET / HTTP/1.1\r\n\r\n"] {
        puppet.say(part);
        let fault = puppet.expect(|event| if let Event::Malformed { fault, .. } = event { Some(*fault) } else { None });
        assert_eq!(fault, "not a SIP message", "{part:?}");
    }
    puppet.expect_quiet();
    puppet.say(text.replace("Content-Length: 0", "Content-Length: 99"));
    puppet.response(400);
    // What stands behind the length is no second message.
    let second = request("OPTIONS", "z9hG4bKtwo", "2 OPTIONS", "", "");
    puppet.say(format!("{text}{second}"));
    puppet.response(200);
    puppet.expect_quiet();
    puppet.expect_clean();
}

#[test]
fn line_ends_ask_for_line_ends() {
    let mut puppet = puppet(Transport::Wss);
    let flow = puppet.flow();
    for (said, answer) in [("\r\n\r\n", Some("\r\n")), ("\r\n", None), ("", None)] {
        puppet.endpoint.handle_stream(puppet.now, flow, said.as_bytes()).expect("a frame ends no connection");
        let heard = puppet.endpoint.poll_transmit().map(|transmit| (transmit.flow, transmit.bytes));
        assert_eq!(heard, answer.map(|answer| (flow, answer.as_bytes().to_vec())), "{said:?}");
    }
    puppet.expect_clean();
}

#[test]
fn whom_the_guard_refuses_is_not_heard() {
    let mut puppet = puppet(Transport::Ws);
    let flow = puppet.flow();
    let (options, mut shown) = (from_browser(Transport::Ws, "OPTIONS", 1), Vec::new());
    for (text, lets_in) in [(options.as_str(), false), ("garbage", false), (options.as_str(), true)] {
        let mut seen = |message: &[u8]| shown.push(message.to_vec());
        let now = puppet.now;
        let served = puppet.endpoint.handle_stream_with(
            now,
            flow,
            text.as_bytes(),
            &mut |_, ours| {
                assert!(!ours, "no call is up");
                lets_in
            },
            Some(&mut seen),
        );
        served.expect("a frame ends no connection");
        assert_eq!(puppet.endpoint.poll_transmit().is_some(), lets_in, "{text:?}");
    }
    assert_eq!(shown, [options.into_bytes()], "and nobody sees what was not let in");
    assert!(puppet.endpoint.poll_event().is_none());
    puppet.expect_clean();
}

/// Where calls go to after a REGISTER over this transport.
fn registered(puppet: &mut Puppet) -> (Flow, crate::message::Uri) {
    puppet.say(from_browser(puppet.transport, "REGISTER", 1));
    let (id, incoming) = puppet.expect(|event| {
        if let Event::Register { register, incoming } = event {
            Some((*register, incoming.as_ref().clone()))
        } else {
            None
        }
    });
    let mut bindings = Bindings::default();
    let answer = bindings.register(puppet.now, &incoming);
    assert!(matches!(answer, RegisterAnswer::Bound { .. }));
    puppet.act(|endpoint, now| endpoint.answer_register(now, id, &answer)).expect("it waits");
    puppet.response(200);
    let location = bindings.latest(puppet.now).expect("it is bound");
    (location.flow, location.contact.clone())
}

#[test]
fn who_registers_is_called_on_its_websocket_and_the_whole_call_stays_there() {
    for transport in BOTH {
        let mut puppet = puppet(transport);
        let (flow, contact) = registered(&mut puppet);
        assert_eq!(flow, puppet.flow(), "back the way it came");
        let invite = Invite { flow, uri: contact, ..puppet.invitation() };
        let (session, invite) = puppet.call_with(invite);
        let via = header(&invite.headers, &HeaderName::Via);
        assert!(via.starts_with(&format!("SIP/2.0/{} 198.51.100.1", transport.name())), "{via}");
        assert!(header(&invite.headers, &HeaderName::Contact).ends_with(";transport=ws>"));
        let mut answer = response(&invite, 200, "x");
        answer.headers.set(HeaderName::Contact, format!("<sip:peer@{NOWHERE};transport=ws>"));
        puppet.say(answer.to_bytes());
        puppet.request(&Method::Ack);
        // Whatever the peer asks within the call is answered there as well.
        puppet.say(within(&invite, "OPTIONS", "1 OPTIONS", "x", ""));
        puppet.response(200);
        let now = puppet.now;
        puppet.endpoint.bye(now, session, None).expect("it is up");
        let bye = puppet.endpoint.poll_transmit().expect("BYE");
        assert_eq!(bye.flow, flow, "the name in the Contact leads nowhere");
        puppet.run_for(std::time::Duration::from_secs(40));
        puppet.ignore();
        puppet.expect_clean();
    }
}

#[test]
fn a_call_that_waits_on_a_websocket_ends_with_it() {
    let mut puppet = puppet(Transport::Wss);
    let (_, _invite) = puppet.call();
    let flow = puppet.flow();
    puppet.act(|endpoint, now| endpoint.handle_closed(now, flow));
    assert_eq!(puppet.expect_failure().cause, FailureCause::ConnectionLost);
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn a_secure_address_is_served_on_a_secure_websocket_alone() {
    for (transport, secure) in [(Transport::Ws, false), (Transport::Wss, true)] {
        let mut puppet = puppet(transport);
        puppet.say(from_browser(transport, "INVITE", 1).replace("INVITE sip:", "INVITE sips:"));
        if !secure {
            puppet.response(416);
            continue;
        }
        let session = puppet.incoming();
        puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
        puppet.response(100);
        let contact = header(&puppet.response(200).headers, &HeaderName::Contact).to_owned();
        assert!(contact.starts_with("<sips:") && contact.ends_with(";transport=ws>"), "{contact}");
    }
    assert!(uri("sip:a@b;transport=ws").params.value("transport").is_some_and(|value| value == b"ws"));
}
