//! The call flows of RFC 3665, by its section numbers, seen from the user agent that we are. What goes on between proxies
//! shows here as Record-Route, several challenges and responses of others.

use crate::endpoint::{EndedBy, Event, FailureCause, LegKey, Registration, RegistrationState, SessionId};
use crate::message::header::NameAddr;
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::tests::pair::{credential, sdp, uri};
use crate::tests::puppet::{Puppet, header, request, request_with, response, to_tag, within};
use std::time::Duration;

fn register(puppet: &mut Puppet) -> Request {
    let registration = Registration {
        key: LegKey([6; 32]),
        flow: puppet.flow(),
        registrar: uri("sip:biloxi.example.com"),
        aor: NameAddr::new(uri("sip:bob@biloxi.example.com")),
        contact_user: "bob".to_owned(),
        credentials: Some(credential("bob", "zanzibar")),
        expires: Duration::from_secs(3600),
        external: None,
    };
    puppet.act(|endpoint, now| endpoint.register(now, registration)).expect("there is room");
    puppet.request(&Method::Register)
}

fn challenge(puppet: &mut Puppet, asked: &Request, status: u16, realm: &str) {
    let mut refusal = response(asked, status, "proxy");
    let name = if status == 401 { HeaderName::WwwAuthenticate } else { HeaderName::ProxyAuthenticate };
    let nonce = format!("Digest realm=\"{realm}\", qop=\"auth\", nonce=\"{realm}-1\", opaque=\"\", algorithm=MD5");
    refusal.headers.push(name, nonce);
    puppet.say(refusal.to_bytes());
}

fn granted(puppet: &mut Puppet, asked: &Request) {
    let mut granted = response(asked, 200, "registrar");
    let ours = header(&asked.headers, &HeaderName::Contact).to_owned();
    granted.headers.set(HeaderName::Contact, format!("{ours};expires=3600"));
    puppet.say(granted.to_bytes());
}

fn state(puppet: &mut Puppet) -> RegistrationState {
    puppet.expect(|event| if let Event::RegistrationState { state, .. } = event { Some(state.clone()) } else { None })
}

/// The peer ends the call.
fn they_hang_up(puppet: &mut Puppet, invite: &Request, tag: &str) {
    puppet.say(within(invite, "BYE", "1 BYE", tag, ""));
    puppet.response(200);
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
}

#[test]
fn section_2_1_a_new_registration_answers_its_challenge() {
    let mut puppet = Puppet::new();
    let first = register(&mut puppet);
    assert_eq!(header(&first.headers, &HeaderName::CSeq), "1 REGISTER");
    challenge(&mut puppet, &first, 401, "biloxi.example.com");
    let second = puppet.request(&Method::Register);
    assert_eq!(header(&second.headers, &HeaderName::CSeq), "2 REGISTER");
    assert_eq!(second.headers.get(&HeaderName::CallId), first.headers.get(&HeaderName::CallId));
    assert!(header(&second.headers, &HeaderName::Authorization).contains("username=\"bob\""));
    granted(&mut puppet, &second);
    assert_eq!(state(&mut puppet), RegistrationState::Registered { expires: Duration::from_secs(3600) });
}

#[test]
fn sections_2_2_and_2_3_other_contacts_of_the_account_are_not_touched() {
    let mut puppet = Puppet::new();
    let asked = register(&mut puppet);
    // One Contact of ours is sent; the registrar tells all there are.
    assert_eq!(asked.headers.all(&HeaderName::Contact).count(), 1);
    let mut answer = response(&asked, 200, "registrar");
    let ours = header(&asked.headers, &HeaderName::Contact).to_owned();
    answer.headers.set(HeaderName::Contact, "<mailto:bob@biloxi.example.com>;expires=4294967295");
    answer.headers.push(HeaderName::Contact, format!("<sip:bob@192.0.2.77>;expires=5, {ours};expires=1800"));
    puppet.say(answer.to_bytes());
    assert_eq!(state(&mut puppet), RegistrationState::Registered { expires: Duration::from_secs(1800) });
}

#[test]
fn section_2_4_a_registration_is_taken_back_by_its_own_contact() {
    let mut puppet = Puppet::new();
    let asked = register(&mut puppet);
    granted(&mut puppet, &asked);
    let id = puppet.expect(|event| {
        if let Event::RegistrationState { registration, .. } = event { Some(*registration) } else { None }
    });
    puppet.act(|endpoint, now| endpoint.unregister(now, id));
    let leave = puppet.request(&Method::Register);
    assert_eq!(header(&leave.headers, &HeaderName::Expires), "0");
    assert_ne!(header(&leave.headers, &HeaderName::Contact), "*", "others' bindings stay");
    puppet.answer(&leave, 200, "registrar");
    assert_eq!(state(&mut puppet), RegistrationState::Unregistered);
}

#[test]
fn section_2_5_a_second_challenge_to_the_same_credentials_is_a_refusal() {
    let mut puppet = Puppet::new();
    let asked = register(&mut puppet);
    challenge(&mut puppet, &asked, 401, "biloxi.example.com");
    let again = puppet.request(&Method::Register);
    challenge(&mut puppet, &again, 401, "biloxi.example.com");
    puppet.expect_quiet();
    let RegistrationState::Failed { status, .. } = state(&mut puppet) else { panic!("it was refused") };
    assert_eq!(status, Some(StatusCode::UNAUTHORIZED));
}

#[test]
fn section_3_1_a_call_is_made_and_ended_by_the_callee() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    puppet.answer(&invite, 180, "bob");
    puppet.answer(&invite, 200, "bob");
    let ack = puppet.request(&Method::Ack);
    assert_eq!(header(&ack.headers, &HeaderName::CSeq), "1 ACK");
    they_hang_up(&mut puppet, &invite, "bob");
    puppet.expect_clean();
}

#[test]
fn section_3_2_two_proxies_stay_in_the_path() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    puppet.answer(&invite, 100, "");
    for status in [180, 200] {
        let mut answer = response(&invite, status, "bob");
        answer
            .headers
            .push(HeaderName::RecordRoute, "<sip:ss2.biloxi.example.com;lr>, <sip:ss1.atlanta.example.com;lr>");
        puppet.say(answer.to_bytes());
    }
    for method in [Method::Ack, Method::Bye] {
        if method == Method::Bye {
            puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
        }
        let within = puppet.request(&method);
        let routes: Vec<_> = within.headers.all(&HeaderName::Route).map(<[u8]>::to_vec).collect();
        assert_eq!(routes.len(), 2);
        assert!(routes[0].starts_with(b"<sip:ss1.atlanta"), "the nearest first");
        assert_eq!(within.uri.to_string(), "sip:callee@192.0.2.9:5060");
        if method == Method::Bye {
            puppet.answer(&within, 200, "bob");
        }
    }
    assert_eq!(puppet.expect_end(), EndedBy::Local);
    puppet.expect_clean();
}

#[test]
fn section_3_3_each_proxy_asks_for_credentials() {
    let mut puppet = Puppet::new();
    let mut invitation = puppet.invitation();
    invitation.credentials = Some(credential("alice", "secret"));
    let (_, mut invite) = puppet.call_with(invitation);
    for realm in ["atlanta.example.com", "biloxi.example.com"] {
        challenge(&mut puppet, &invite, 407, realm);
        puppet.request(&Method::Ack);
        invite = puppet.request(&Method::Invite);
    }
    assert_eq!(invite.headers.all(&HeaderName::ProxyAuthorization).count(), 2);
    assert_eq!(header(&invite.headers, &HeaderName::CSeq), "3 INVITE");
    puppet.answer(&invite, 200, "bob");
    let ack = puppet.request(&Method::Ack);
    assert_eq!(ack.headers.all(&HeaderName::ProxyAuthorization).count(), 2, "RFC 3261 22.3");
    assert!(!puppet.expect_answered());
}

#[test]
fn section_3_4_a_dead_proxy_is_told_apart_from_a_refusal() {
    // Another proxy is the shell's choice: it has to know that nobody ever answered.
    let mut puppet = Puppet::new();
    puppet.call();
    puppet.run_for(Duration::from_secs(33));
    let failure = puppet.expect_failure();
    assert_eq!((failure.cause, failure.status, failure.provisional_seen), (FailureCause::NoResponse, None, false));
    puppet.ignore();
    let mut invitation = puppet.invitation();
    invitation.key = LegKey([10; 32]);
    let (_, invite) = puppet.call_with(invitation);
    puppet.answer(&invite, 200, "bob");
    puppet.request(&Method::Ack);
    assert!(!puppet.expect_answered());
}

#[test]
fn section_3_5_a_gateway_that_rewrites_addresses_is_followed() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    let mut answer = response(&invite, 200, "bob");
    answer.headers.set(HeaderName::Contact, "<sip:callee@192.0.2.128:5070;transport=udp>");
    puppet.say(answer.to_bytes());
    assert_eq!(puppet.request(&Method::Ack).uri.to_string(), "sip:callee@192.0.2.128:5070;transport=udp");
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    assert_eq!(puppet.request(&Method::Bye).uri.to_string(), "sip:callee@192.0.2.128:5070;transport=udp");
}

#[test]
fn section_3_6_a_redirection_is_told_with_its_targets() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    let mut moved = response(&invite, 302, "redirect");
    moved.headers.set(HeaderName::Contact, "<sip:bob@chicago.example.com>;q=0.5, <sip:bob@biloxi.example.com>");
    puppet.say(moved.to_bytes());
    puppet.request(&Method::Ack);
    let failure = puppet.expect_failure();
    let response = failure.response.expect("it is kept");
    assert!(header(&response.headers, &HeaderName::Contact).contains("chicago"));
    puppet.expect_clean();
}

#[test]
fn section_3_7_a_new_address_in_mid_call_is_answered_and_used() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    let moved = request("INVITE", "z9hG4bKmoved", "2 INVITE", &tag, "moved")
        .replace("Contact: <sip:peer@192.0.2.9:5060>", "Contact: <sip:peer@192.0.2.77:5060>");
    puppet.say(moved);
    puppet.response(100);
    puppet.expect(|event| matches!(event, Event::Reoffer { .. }).then_some(()));
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("answer")))).expect("it was asked");
    puppet.response(200);
    puppet.say(request("ACK", "z9hG4bKmovedack", "2 ACK", &tag, ""));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    assert_eq!(puppet.request(&Method::Bye).uri.to_string(), "sip:peer@192.0.2.77:5060");
}

#[test]
fn section_3_8_a_caller_gives_up_a_call_that_nobody_answers() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    puppet.answer(&invite, 180, "bob");
    puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it rings");
    let cancel = puppet.request(&Method::Cancel);
    assert_eq!(cancel.headers.get(&HeaderName::Via), invite.headers.get(&HeaderName::Via), "RFC 3261 9.1");
    assert_eq!(cancel.uri, invite.uri);
    puppet.answer(&cancel, 200, "bob");
    puppet.answer(&invite, 487, "bob");
    puppet.request(&Method::Ack);
    assert_eq!(puppet.expect_failure().cause, FailureCause::Cancelled);
    puppet.expect_clean();
    // And as the callee: 200 to the CANCEL, 487 to the INVITE, one tag.
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    puppet.response(100);
    let rung: SessionId = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.ring(now, rung, StatusCode::RINGING, None)).expect("it rings");
    let tag = to_tag(&puppet.response(180));
    puppet.say(request("CANCEL", "z9hG4bKcall", "1 CANCEL", "", ""));
    assert_eq!(to_tag(&puppet.response(200)), tag);
    assert_eq!(to_tag(&puppet.response(487)), tag);
    puppet.say(request("ACK", "z9hG4bKcall", "1 ACK", &tag, ""));
    puppet.expect_clean();
}

#[test]
fn sections_3_9_and_3_11_refusals_are_acknowledged_and_told() {
    for status in [486, 480, 404, 600] {
        let mut puppet = Puppet::new();
        let (_, invite) = puppet.call();
        puppet.answer(&invite, 180, "bob");
        puppet.answer(&invite, status, "bob");
        let ack = puppet.request(&Method::Ack);
        assert_eq!(ack.headers.get(&HeaderName::Via), invite.headers.get(&HeaderName::Via), "RFC 3261 17.1.1.3");
        let failure = puppet.expect_failure();
        assert_eq!(failure.status.map(StatusCode::code), Some(status));
        assert!(failure.ringing_seen);
        // The ACK was lost: the refusal comes again and gets another.
        puppet.answer(&invite, status, "bob");
        puppet.request(&Method::Ack);
        puppet.expect_clean();
    }
}

#[test]
fn section_3_10_silence_is_an_end_after_64_times_t1() {
    let mut puppet = Puppet::new();
    let (_, _) = puppet.call();
    puppet.run_for(Duration::from_millis(31_999));
    assert!(puppet.event().is_none());
    // 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s after the first (RFC 3261 17.1.1.2).
    assert_eq!(puppet.requests().len(), 6);
    puppet.run_for(Duration::from_millis(1));
    assert_eq!(puppet.expect_failure().cause, FailureCause::NoResponse);
    puppet.expect_clean();
}

#[test]
fn a_late_offer_is_answered_in_the_ack() {
    // RFC 3264 section 4 with RFC 3261 13.2.1: an INVITE without offer, which gateways send to move a call.
    let mut puppet = Puppet::new();
    puppet.say(request_with("INVITE", "z9hG4bKcall", "1 INVITE", "", "", ""));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("our offer"))).expect("it rings");
    let answer = puppet.response(200);
    assert_eq!(answer.body, b"our offer");
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &to_tag(&answer), "their answer"));
    let body =
        puppet.expect(|event| if let Event::Acknowledged { body, .. } = event { Some(body.clone()) } else { None });
    assert_eq!(body, Some(sdp("their answer")));
}
