//! Registration as a registrar (RFC 3261 section 10.3), against requests written by hand and against our own client.

use crate::endpoint::{CommandError, Config, Event, Flow, LegKey, Registration, RegistrationState, Transport};
use crate::message::header::{Contact, NameAddr};
use crate::message::{HeaderName, Response, StatusCode};
use crate::registrar::{Bindings, IncomingRegister, RegisterAnswer, RegisterId};
use crate::tests::pair::{Faults, Pair, Side, uri};
use crate::tests::puppet::{Puppet, header, request_with, to_tag};
use std::time::Duration;

fn puppet() -> Puppet {
    Puppet::with(Config { registrar: true, ..Config::default() })
}

/// A REGISTER with these header lines in place of the Contact of other requests.
fn register(cseq: u32, lines: &str) -> String {
    let text = request_with("REGISTER", &format!("z9hG4bKr{cseq}"), &format!("{cseq} REGISTER"), "", lines, "");
    text.replacen("Contact: <sip:peer@192.0.2.9:5060>\r\n", "", 1)
}

fn incoming(puppet: &mut Puppet) -> (RegisterId, IncomingRegister) {
    puppet.expect(|event| {
        if let Event::Register { register, incoming } = event {
            Some((*register, incoming.as_ref().clone()))
        } else {
            None
        }
    })
}

/// The peer registers with `bindings`; the answer it gets.
fn round(puppet: &mut Puppet, bindings: &mut Bindings, text: &str, status: u16) -> Response {
    puppet.say(text);
    let (id, register) = incoming(puppet);
    let answer = bindings.register(puppet.now, &register);
    puppet.act(|endpoint, now| endpoint.answer_register(now, id, &answer)).expect("it waits");
    puppet.response(status)
}

/// The Contact values of a response.
fn contacts(response: &Response) -> Vec<String> {
    let contacts = response.headers.typed_all::<Contact>().expect("contacts");
    let text = |contact: Contact| {
        let expires = contact.params.text("expires").expect("a time").into_owned();
        format!("{} {}", contact.uri, String::from_utf8(expires).expect("text in this test"))
    };
    contacts.into_iter().map(text).collect()
}

fn peer_of(bindings: &Bindings, puppet: &Puppet) -> Option<String> {
    bindings.latest(puppet.now).map(|location| location.flow.peer.to_string())
}

#[test]
fn a_binding_is_made_refreshed_asked_for_and_removed() {
    let (mut puppet, mut bindings) = (puppet(), Bindings::default());
    let bound =
        round(&mut puppet, &mut bindings, &register(1, "Contact: sip:ua1@192.0.2.9:5077\r\nExpires: 300\r\n"), 200);
    assert_eq!(contacts(&bound), ["sip:ua1@192.0.2.9:5077 300"]);
    assert_eq!(header(&bound.headers, &HeaderName::Expires), "300");
    assert_eq!(peer_of(&bindings, &puppet).as_deref(), Some("192.0.2.9:5077"));
    puppet.run_for(Duration::from_secs(200));
    let asked = round(&mut puppet, &mut bindings, &register(2, ""), 200);
    assert_eq!(contacts(&asked), ["sip:ua1@192.0.2.9:5077 100"]);
    assert_eq!(asked.headers.get(&HeaderName::Expires), None);
    let second = "Contact: <sip:ua1@192.0.2.9:5077>;expires=999999\r\nContact: <sip:ua1@192.0.2.9:5078>;expires=60\r\n";
    let refreshed = round(&mut puppet, &mut bindings, &register(3, second), 200);
    assert_eq!(contacts(&refreshed), ["sip:ua1@192.0.2.9:5077 3600", "sip:ua1@192.0.2.9:5078 60"]);
    assert_eq!(peer_of(&bindings, &puppet).as_deref(), Some("192.0.2.9:5078"), "the latest one counts");
    puppet.run_for(Duration::from_secs(60));
    assert_eq!(peer_of(&bindings, &puppet).as_deref(), Some("192.0.2.9:5077"), "while it lasts");
    let removed =
        round(&mut puppet, &mut bindings, &register(4, "Contact: <sip:ua1@192.0.2.9:5077>;expires=0\r\n"), 200);
    assert_eq!(contacts(&removed), [""; 0]);
    assert_eq!(bindings.latest(puppet.now), None);
    puppet.expect_clean();
}

#[test]
fn everything_is_removed_by_an_asterisk_and_only_with_zero() {
    let (mut puppet, mut bindings) = (puppet(), Bindings::default());
    let two = "Contact: <sip:a@192.0.2.9>, <sip:b@192.0.2.9>\r\n";
    assert_eq!(contacts(&round(&mut puppet, &mut bindings, &register(1, two), 200)).len(), 2);
    round(&mut puppet, &mut bindings, &register(2, "Contact: *\r\nExpires: 60\r\n"), 400);
    round(&mut puppet, &mut bindings, &register(3, "Contact: *, <sip:a@192.0.2.9>\r\nExpires: 0\r\n"), 400);
    assert!(bindings.latest(puppet.now).is_some());
    round(&mut puppet, &mut bindings, &register(4, "Contact: *\r\nExpires: 0\r\n"), 200);
    assert_eq!(bindings.latest(puppet.now), None);
}

#[test]
fn what_is_too_brief_or_too_old_changes_nothing() {
    let (mut puppet, mut bindings) = (puppet(), Bindings::default());
    let brief = "Contact: <sip:a@192.0.2.9>;expires=600, <sip:b@192.0.2.9>;expires=59\r\n";
    let refused = round(&mut puppet, &mut bindings, &register(1, brief), 423);
    assert_eq!(header(&refused.headers, &HeaderName::MinExpires), "60");
    assert_eq!(bindings.latest(puppet.now), None);
    round(&mut puppet, &mut bindings, &register(8, "Contact: <sip:a@192.0.2.9>\r\n"), 200);
    // Of the same Call-ID and an earlier CSeq: a request that was overtaken.
    let late = "Contact: <sip:c@192.0.2.9>, <sip:a@192.0.2.9>;expires=0\r\n";
    round(&mut puppet, &mut bindings, &register(7, late), 500);
    assert_eq!(contacts(&round(&mut puppet, &mut bindings, &register(9, ""), 200)), ["sip:a@192.0.2.9 600"]);
}

#[test]
fn bindings_are_bounded_and_the_oldest_gives_way() {
    let (mut puppet, mut bindings) = (puppet(), Bindings::default());
    for port in 1..=40 {
        let lines = format!("Contact: <sip:a@192.0.2.9:{port}>\r\n");
        let bound = round(&mut puppet, &mut bindings, &register(port, &lines), 200);
        assert_eq!(contacts(&bound).len(), Bindings::MOST.min(usize::try_from(port).expect("small")));
    }
    assert_eq!(peer_of(&bindings, &puppet).as_deref(), Some("192.0.2.9:40"));
    let many: Vec<String> = (1..=17).map(|port| format!("<sip:b@192.0.2.9:{port}>")).collect();
    round(&mut puppet, &mut bindings, &register(41, &format!("Contact: {}\r\n", many.join(", "))), 400);
    let long = format!("Contact: <sip:{}@192.0.2.9>\r\n", "x".repeat(600));
    round(&mut puppet, &mut bindings, &register(42, &long), 400);
}

#[test]
fn a_binding_never_leads_to_another_host() {
    for (contact, peer) in [
        ("sip:a@192.0.2.9", "192.0.2.9:5060"),
        ("sip:a@192.0.2.9:5099", "192.0.2.9:5099"),
        ("sip:a@192.0.2.9:5099;transport=udp", "192.0.2.9:5099"),
        ("sip:a@192.0.2.9:5099;transport=tcp", "192.0.2.9:5060"),
        ("sip:a@10.0.0.7:5099", "192.0.2.9:5060"),
        ("sip:a@198.51.100.66", "192.0.2.9:5060"),
        ("sip:a@pbx.example.org:5099", "192.0.2.9:5060"),
    ] {
        let (mut puppet, mut bindings) = (puppet(), Bindings::default());
        round(&mut puppet, &mut bindings, &register(1, &format!("Contact: <{contact}>\r\n")), 200);
        assert_eq!(peer_of(&bindings, &puppet).as_deref(), Some(peer), "{contact}");
    }
    let (mut puppet, mut bindings) = (puppet(), Bindings::default());
    puppet.transport = Transport::Tcp;
    round(&mut puppet, &mut bindings, &register(1, "Contact: <sip:a@192.0.2.9:5099>\r\n"), 200);
    assert_eq!(bindings.latest(puppet.now).map(|location| location.flow), Some(puppet.flow()), "its connection");
}

#[test]
fn a_repeated_register_is_told_once_and_answered_alike() {
    let mut puppet = puppet();
    let text = register(1, "Contact: <sip:a@192.0.2.9>\r\n");
    puppet.say(&text);
    puppet.say(&text);
    let (id, _) = incoming(&mut puppet);
    assert!(puppet.event().is_none());
    puppet.expect_quiet();
    let wrong = puppet
        .act(|endpoint, now| endpoint.answer_register(now, id, &RegisterAnswer::Refused(StatusCode::OK)))
        .expect_err("200 refuses nothing");
    assert_eq!(wrong, CommandError::WrongStatus(StatusCode::OK));
    let answer = RegisterAnswer::Refused(StatusCode::FORBIDDEN);
    puppet.act(|endpoint, now| endpoint.answer_register(now, id, &answer)).expect("it waits");
    let again = puppet.act(|endpoint, now| endpoint.answer_register(now, id, &answer));
    assert_eq!(again, Err(CommandError::NoRegister(id)));
    puppet.say(&text);
    let (first, second) = (to_tag(&puppet.response(403)), to_tag(&puppet.response(403)));
    assert_eq!(first, second);
    puppet.expect_clean();
}

#[test]
fn a_shell_that_does_not_answer_puts_off() {
    let mut puppet = puppet();
    puppet.say(register(1, "Contact: <sip:a@192.0.2.9>\r\n"));
    incoming(&mut puppet);
    puppet.run_for(Duration::from_secs(5));
    assert_eq!(header(&puppet.response(503).headers, &HeaderName::RetryAfter), "5");
    puppet.expect_clean();
    let mut full = Puppet::with(Config { registrar: true, max_events: 0, ..Config::default() });
    full.say(register(1, "Contact: <sip:a@192.0.2.9>\r\n"));
    full.response(503);
}

#[test]
fn a_registrar_says_so() {
    let mut puppet = puppet();
    for (method, status) in [("OPTIONS", 200), ("MESSAGE", 405)] {
        puppet.say(request_with(method, &format!("z9hG4bK{method}"), &format!("1 {method}"), "", "", ""));
        assert!(header(&puppet.response(status).headers, &HeaderName::Allow).ends_with(", REGISTER"));
    }
}

/// Hands the registers that reached B to `bindings`.
fn serve(pair: &mut Pair, bindings: &mut Bindings) {
    while let Some(event) = pair.next_event(Side::B) {
        let Event::Register { register, incoming } = event else { panic!("{event:?}") };
        let answer = bindings.register(pair.now, &incoming);
        pair.act(Side::B, |endpoint, now| endpoint.answer_register(now, register, &answer)).expect("it waits");
    }
}

#[test]
fn our_own_client_stays_bound_over_a_bad_network_and_leaves() {
    let mut pair = Pair::with(11, Config::default(), Config { registrar: true, ..Config::default() });
    pair.faults = Faults { loss: 20, duplicate: 20, delay: (5, 80) };
    let registration = Registration {
        key: LegKey([6; 32]),
        flow: pair.flow(Side::A),
        registrar: uri("sip:example.org"),
        aor: NameAddr::new(uri("sip:trunk@example.org")),
        contact_user: "a user@x".to_owned(),
        credentials: None,
        expires: Duration::from_secs(300),
        external: None,
    };
    let mut bindings = Bindings::default();
    let id = pair.act(Side::A, |endpoint, now| endpoint.register(now, registration)).expect("there is room");
    for second in 0..3_600 {
        pair.run_for(Duration::from_secs(1));
        serve(&mut pair, &mut bindings);
        let flow = bindings.latest(pair.now).map(|location| location.flow);
        assert!(second < 40 || flow == Some(Flow { peer: Side::A.address(), ..pair.flow(Side::B) }), "at {second} s");
    }
    let states = pair.events(Side::A);
    assert!((14..20).contains(&states.len()), "a refresh each 240 s: {}", states.len());
    for event in states {
        let Event::RegistrationState { state, .. } = event else { panic!("{event:?}") };
        assert_eq!(state, RegistrationState::Registered { expires: Duration::from_secs(300) });
    }
    pair.act(Side::A, |endpoint, now| endpoint.unregister(now, id));
    for _ in 0..40 {
        pair.run_for(Duration::from_secs(1));
        serve(&mut pair, &mut bindings);
    }
    assert_eq!(bindings.latest(pair.now), None);
    let left = |event: &Event| {
        matches!(event, Event::RegistrationState { state: RegistrationState::Unregistered, .. }).then_some(())
    };
    pair.expect(Side::A, left);
}
