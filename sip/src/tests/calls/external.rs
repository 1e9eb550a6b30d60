//! Calls with a peer that sees us at another address than the listener advertises.

use crate::endpoint::{Conduct, External, Invite, Registration};
use crate::message::header::NameAddr;
use crate::message::{HeaderName, Headers, HostPort, Method};
use crate::tests::pair::{sdp, uri};
use crate::tests::puppet::{Puppet, header, request};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const SEEN: External = External { address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)), port: Some(5070) };

fn names_us(headers: &Headers) -> bool {
    header(headers, &HeaderName::Via).starts_with("SIP/2.0/UDP 203.0.113.7:5070;")
}

#[test]
fn every_request_of_a_call_of_ours_names_it() {
    let mut puppet = Puppet::new();
    let conduct = Conduct { external: Some(SEEN), ..Conduct::default() };
    let invite = Invite { conduct, ..puppet.invitation() };
    let (session, invite) = puppet.call_with(invite);
    assert!(names_us(&invite.headers), "{invite:?}");
    assert_eq!(header(&invite.headers, &HeaderName::Contact), "<sip:caller@203.0.113.7:5070>");
    assert!(header(&invite.headers, &HeaderName::CallId).ends_with("@203.0.113.7"));
    puppet.answer(&invite, 200, "callee");
    assert!(names_us(&puppet.request(&Method::Ack).headers));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    assert!(names_us(&puppet.request(&Method::Bye).headers));
}

#[test]
fn a_cancel_and_the_ack_of_a_refusal_name_what_the_invite_named() {
    let mut puppet = Puppet::new();
    let conduct = Conduct { external: Some(SEEN), ..Conduct::default() };
    let invite = Invite { conduct, ..puppet.invitation() };
    let (session, invite) = puppet.call_with(invite);
    puppet.answer(&invite, 180, "callee");
    puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it rings");
    let cancel = puppet.request(&Method::Cancel);
    assert_eq!(header(&cancel.headers, &HeaderName::Via), header(&invite.headers, &HeaderName::Via));
    puppet.answer(&cancel, 200, "callee");
    puppet.answer(&invite, 487, "callee");
    let ack = puppet.request(&Method::Ack);
    assert_eq!(header(&ack.headers, &HeaderName::Via), header(&invite.headers, &HeaderName::Via));
}

#[test]
fn a_call_that_came_in_is_answered_from_there() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    let session = puppet.incoming();
    puppet.act(|endpoint, _| endpoint.known_as(session, SEEN)).expect("it rings");
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    puppet.response(100);
    let answer = puppet.response(200);
    assert!(header(&answer.headers, &HeaderName::Contact).contains("@203.0.113.7:5070>"), "{answer:?}");
    let tag = crate::tests::puppet::to_tag(&answer);
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    assert!(names_us(&puppet.request(&Method::Bye).headers));
}

#[test]
fn a_registration_binds_it_and_finds_its_own_contact_again() {
    let mut puppet = Puppet::new();
    let registration = Registration {
        key: crate::endpoint::LegKey([4; 32]),
        flow: puppet.flow(),
        registrar: uri("sip:example.org"),
        aor: NameAddr::new(uri("sip:us@example.org")),
        contact_user: "us".to_owned(),
        credentials: None,
        expires: Duration::from_secs(600),
        external: Some(SEEN),
    };
    puppet.act(|endpoint, now| endpoint.register(now, registration)).expect("there is room");
    let register = puppet.request(&Method::Register);
    assert!(names_us(&register.headers));
    assert_eq!(header(&register.headers, &HeaderName::Contact), "<sip:us@203.0.113.7:5070>");
}

#[test]
fn the_port_is_the_listeners_unless_it_is_given_and_the_other_family_sees_nothing_of_it() {
    let advertised = HostPort::parse(b"198.51.100.1:5060").expect("an address");
    let seen = |port, peer: &str| {
        let external = External { port, ..SEEN };
        external.in_place_of(advertised.clone(), peer.parse().expect("an address")).to_string()
    };
    assert_eq!(seen(None, "192.0.2.9:5060"), "203.0.113.7:5060");
    assert_eq!(seen(Some(5070), "192.0.2.9:5060"), "203.0.113.7:5070");
    assert_eq!(seen(Some(5070), "[2001:db8::9]:5060"), "198.51.100.1:5060");
}
