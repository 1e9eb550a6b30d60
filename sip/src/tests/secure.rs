//! `sips` addresses and calls over TLS (RFC 3261 sections 8.1.1.8, 12.1.1, 19.1.2 and 26.2.2).

use crate::endpoint::{Event, PeerName, Transport};
use crate::message::{HeaderName, Message, Method, Response};
use crate::tests::pair::{sdp, uri};
use crate::tests::puppet::{Puppet, header, request, request_with};

fn secured() -> Puppet {
    let mut puppet = Puppet::new();
    puppet.transport = Transport::Tls(PeerName::of("sip.example.org"));
    puppet
}

/// The Contact of our 200 to this INVITE.
fn answered(puppet: &mut Puppet, invite: &str) -> String {
    puppet.say(invite);
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    puppet.response(100);
    header(&puppet.response(200).headers, &HeaderName::Contact).to_owned()
}

#[test]
fn a_call_over_tls_says_so() {
    let mut puppet = secured();
    let (_, invite) = puppet.call();
    assert!(header(&invite.headers, &HeaderName::Via).starts_with("SIP/2.0/TLS "));
    assert!(header(&invite.headers, &HeaderName::Contact).ends_with(";transport=tls>"));
}

#[test]
fn who_calls_a_secure_address_gives_a_secure_contact() {
    let mut puppet = secured();
    let mut invite = puppet.invitation();
    invite.uri = uri("sips:callee@example.org");
    let (_, invite) = puppet.call_with(invite);
    let contact = header(&invite.headers, &HeaderName::Contact);
    assert!(contact.starts_with("<sips:caller@") && !contact.contains("transport"), "{contact}");
}

#[test]
fn who_is_called_securely_gives_a_secure_contact() {
    let plain = request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer");
    let recorded = |route: &str| {
        request_with("INVITE", "z9hG4bKcall", "1 INVITE", "", &format!("Record-Route: <{route}>\r\n"), "offer")
    };
    let cases = [
        (plain.clone(), false),
        (plain.replace("INVITE sip:", "INVITE sips:"), true),
        (plain.replace("Contact: <sip:", "Contact: <sips:"), true),
        (recorded("sips:proxy.example.org;lr"), true),
        // Behind a proxy only its own address counts.
        (recorded("sip:proxy.example.org;lr").replace("Contact: <sip:", "Contact: <sips:"), false),
    ];
    for (invite, secure) in cases {
        let contact = answered(&mut secured(), &invite);
        assert_eq!(contact.starts_with("<sips:"), secure, "{contact} for {invite}");
    }
}

#[test]
fn a_secure_address_is_not_served_on_an_open_way() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut puppet = Puppet::new();
        puppet.transport = transport;
        puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer").replace("INVITE sip:", "INVITE sips:"));
        puppet.response(416);
        assert!(puppet.event().is_none(), "nobody is told of a call");
    }
}

#[test]
fn a_bye_whose_connection_is_gone_goes_to_the_port_of_tls() {
    let mut puppet = secured();
    let mut flow = puppet.flow();
    flow.peer.set_port(40_000);
    let now = puppet.now;
    let invite =
        request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer").replace("peer@192.0.2.9:5060", "peer@192.0.2.9");
    puppet.endpoint.handle_stream(now, flow, invite.as_bytes()).expect("well framed");
    let Some(Event::Incoming { session, .. }) = puppet.endpoint.poll_event() else { panic!("a call") };
    puppet.endpoint.accept(now, session, sdp("answer")).expect("it rings");
    let sent: Vec<_> = std::iter::from_fn(|| puppet.endpoint.poll_transmit()).collect();
    let Ok(Message::Response(answer)) = crate::message::parse(&sent[1].bytes) else { panic!("200") };
    let ack = request("ACK", "z9hG4bKack", "1 ACK", &tag(&answer), "");
    puppet.endpoint.handle_stream(now, flow, ack.as_bytes()).expect("well framed");
    puppet.endpoint.bye(now, session, None).expect("it is up");
    let bye = puppet.endpoint.poll_transmit().expect("BYE");
    assert_eq!(bye.flow, flow, "first on the connection of the call");
    puppet.endpoint.handle_send_failed(now, bye.id, false);
    let again = puppet.endpoint.poll_transmit().expect("BYE again");
    assert_eq!((again.flow.peer.port(), again.flow.transport), (5061, flow.transport));
    assert!(again.bytes.starts_with(Method::Bye.as_str().as_bytes()));
}

fn tag(answer: &Response) -> String {
    crate::tests::puppet::to_tag(answer)
}
