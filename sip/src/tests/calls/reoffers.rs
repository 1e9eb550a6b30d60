//! Requests within an answered call: re-INVITE, UPDATE, INFO (RFC 3261 section 14, RFC 3311, RFC 6086).

use crate::endpoint::{Body, Endpoint, Event};
use crate::message::{HeaderName, Method, StatusCode};
use crate::tests::pair::{Pair, Side, sdp};
use crate::tests::puppet::{Puppet, header, request, request_with};
use std::time::Duration;

fn reoffer(event: &Event) -> Option<Option<Body>> {
    if let Event::Reoffer { body, .. } = event { Some(body.clone()) } else { None }
}

#[test]
fn a_new_offer_is_asked_about_and_the_answer_awaits_its_ack() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "hold"));
    puppet.response(100);
    assert_eq!(puppet.expect(reoffer), Some(sdp("hold")));
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("held")))).expect("it was asked");
    assert_eq!(puppet.response(200).body, b"held");
    puppet.run_for(Duration::from_millis(500));
    assert_eq!(puppet.response(200).body, b"held", "repeated until the ACK");
    puppet.say(request("ACK", "z9hG4bKreack", "2 ACK", &tag, ""));
    puppet.run_for(Duration::from_secs(60));
    puppet.expect_quiet();
    // The same offer again changes nothing and is answered without asking.
    puppet.say(request("UPDATE", "z9hG4bKup", "3 UPDATE", &tag, "hold"));
    assert_eq!(puppet.response(200).body, b"held");
    assert!(puppet.event().is_none());
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn a_refused_offer_leaves_the_call_up() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "video"));
    puppet.expect(reoffer);
    puppet.ignore();
    let refusal = Err(StatusCode::NOT_ACCEPTABLE_HERE);
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, refusal)).expect("it was asked");
    puppet.response(488);
    puppet.say(request("ACK", "z9hG4bKre", "2 ACK", &tag, ""));
    // The offer in force is still the first.
    puppet.say(request("UPDATE", "z9hG4bKup", "3 UPDATE", &tag, "offer"));
    assert_eq!(puppet.response(200).body, b"answer");
    puppet.say(request("BYE", "z9hG4bKbye", "4 BYE", &tag, ""));
    puppet.response(200);
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn offers_that_overlap_are_put_off() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    puppet.say(request("INVITE", "z9hG4bKre1", "2 INVITE", &tag, "one"));
    puppet.expect(reoffer);
    puppet.ignore();
    puppet.say(request("UPDATE", "z9hG4bKre2", "3 UPDATE", &tag, "two"));
    let response = puppet.response(500);
    let after: u32 = header(&response.headers, &HeaderName::RetryAfter).parse().expect("seconds");
    assert!(after <= 10);
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("first")))).expect("it was asked");
    puppet.response(200);
    // Before the ACK nothing new is taken.
    puppet.say(request("INVITE", "z9hG4bKre3", "4 INVITE", &tag, "three"));
    puppet.response(100);
    puppet.response(491);
    puppet.say(request("ACK", "z9hG4bKre3", "4 ACK", &tag, ""));
    puppet.say(request("ACK", "z9hG4bKre1ack", "2 ACK", &tag, ""));
    // A request older than the last one is 500 (RFC 3261 12.2.2).
    puppet.say(request("INFO", "z9hG4bKold", "3 INFO", &tag, "x"));
    puppet.response(500);
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn an_offer_the_shell_forgets_is_refused_in_time() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    puppet.say(request("UPDATE", "z9hG4bKup", "2 UPDATE", &tag, "new"));
    puppet.expect(reoffer);
    puppet.run_for(Duration::from_secs(5));
    puppet.response(500);
    let late = puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("late"))));
    assert!(late.is_err());
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn an_offer_pending_at_the_end_is_487() {
    let mut puppet = Puppet::new();
    let (_, tag) = puppet.call_in();
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "new"));
    puppet.expect(reoffer);
    puppet.ignore();
    puppet.say(request("BYE", "z9hG4bKbye", "3 BYE", &tag, ""));
    puppet.response(200);
    puppet.response(487);
    puppet.say(request("ACK", "z9hG4bKre", "2 ACK", &tag, ""));
    puppet.expect_end();
    puppet.expect_clean();
}

fn reoffered(event: &Event) -> Option<Result<Option<Body>, u16>> {
    let Event::Reoffered { answer, .. } = event else { return None };
    Some(answer.clone().map_err(StatusCode::code))
}

#[test]
fn our_offer_is_answered_and_acknowledged() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("hold"))).expect("it is up");
    let again = puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("more")));
    assert!(again.is_err(), "one at a time");
    let invite = puppet.request(&Method::Invite);
    assert_eq!(invite.body, b"hold");
    assert_eq!(header(&invite.headers, &HeaderName::Supported), "timer");
    // Theirs crosses it.
    puppet.say(request("INVITE", "z9hG4bKglare", "2 INVITE", &tag, "other"));
    puppet.response(100);
    puppet.response(491);
    puppet.say(request("ACK", "z9hG4bKglare", "2 ACK", &tag, ""));
    puppet.answer(&invite, 100, "");
    puppet.answer(&invite, 200, "peer");
    let ack = puppet.request(&Method::Ack);
    assert_eq!(puppet.expect(reoffered), Ok(Some(sdp("answer"))));
    puppet.answer(&invite, 200, "peer");
    assert_eq!(puppet.request(&Method::Ack), ack, "a repeated 2xx gets the same ACK");
    assert!(puppet.event().is_none());
    // From here on it is what is in force.
    puppet.say(request("INVITE", "z9hG4bKsame", "3 INVITE", &tag, "answer"));
    puppet.response(100);
    assert_eq!(puppet.response(200).body, b"hold");
}

#[test]
fn our_offer_waits_for_what_is_in_progress() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "theirs"));
    puppet.response(100);
    puppet.expect(reoffer);
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("ours"))).expect("it is up");
    puppet.run_for(Duration::from_secs(1));
    puppet.expect_quiet();
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("fine")))).expect("it was asked");
    puppet.response(200);
    puppet.say(request("ACK", "z9hG4bKreack", "2 ACK", &tag, ""));
    let invite = puppet.await_request(&Method::Invite, Duration::from_millis(200));
    assert_eq!(invite.body, b"ours");
    // It crossed one of theirs: as the called side we wait up to 2 s.
    puppet.answer(&invite, 491, "peer");
    puppet.request(&Method::Ack);
    let invite = puppet.await_request(&Method::Invite, Duration::from_millis(2_001));
    puppet.answer(&invite, 200, "peer");
    puppet.request(&Method::Ack);
    assert_eq!(puppet.expect(reoffered), Ok(Some(sdp("answer"))));
}

#[test]
fn our_offer_may_be_refused_and_the_call_goes_on() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    for status in [488, 606, 500] {
        puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("video"))).expect("it is up");
        let invite = puppet.request(&Method::Invite);
        puppet.answer(&invite, status, "peer");
        puppet.request(&Method::Ack);
        assert_eq!(puppet.expect(reoffered), Err(status));
    }
    puppet.say(request("INVITE", "z9hG4bKsame", "2 INVITE", &tag, "offer"));
    puppet.response(100);
    assert_eq!(puppet.response(200).body, b"answer", "what was in force still is");
    puppet.say(request("ACK", "z9hG4bKsameack", "2 ACK", &tag, ""));
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("hold"))).expect("it is up");
    let invite = puppet.request(&Method::Invite);
    puppet.answer(&invite, 481, "peer");
    puppet.request(&Method::Ack);
    puppet.request(&Method::Bye);
    assert_eq!(puppet.expect_end(), crate::endpoint::EndedBy::Error, "481 ends the dialog");
    puppet.expect_clean();
}

#[test]
fn silence_to_our_offer_ends_the_call_and_an_end_needs_no_outcome() {
    let mut puppet = Puppet::new();
    let (session, _) = puppet.call_in();
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("hold"))).expect("it is up");
    puppet.run_for(Duration::from_secs(33));
    assert_eq!(puppet.expect_end(), crate::endpoint::EndedBy::Error);
    puppet.ignore();
    puppet.expect_clean();
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("hold"))).expect("it is up");
    let invite = puppet.request(&Method::Invite);
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &tag, ""));
    puppet.response(200);
    assert_eq!(puppet.expect_end(), crate::endpoint::EndedBy::Remote);
    puppet.answer(&invite, 487, "peer");
    puppet.request(&Method::Ack);
    assert!(puppet.event().is_none());
    puppet.expect_clean();
}

#[test]
fn offers_of_both_sides_come_to_an_end() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed);
        let (caller, callee) = pair.connect();
        let now = pair.now;
        pair.a.reoffer(now, caller, sdp("from a")).expect("it is up");
        pair.b.reoffer(now, callee, sdp("from b")).expect("it is up");
        // Whoever was called tries again first.
        for (asked, session, side) in [(Side::A, caller, Side::B), (Side::B, callee, Side::A)] {
            pair.expect(asked, |event| matches!(event, Event::Reoffer { .. }).then_some(()));
            let fine = |endpoint: &mut Endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("fine")));
            pair.act(asked, fine).expect("it was asked");
            assert_eq!(pair.expect(side, reoffered), Ok(Some(sdp("fine"))), "seed {seed}");
        }
    }
}

#[test]
fn info_is_passed_up_with_its_body() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    let digit = "Signal=5\r\nDuration=160\r\n";
    let info = request_with("INFO", "z9hG4bKdtmf", "2 INFO", &tag, "Content-Type: application/dtmf-relay\r\n", "");
    let info = info.replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: {}\r\n\r\n{digit}", digit.len()));
    puppet.say(&info);
    puppet.say(&info);
    puppet.response(200);
    puppet.response(200);
    let body = puppet.expect(|event| if let Event::Info { body, .. } = event { body.clone() } else { None });
    assert_eq!((body.content_type.as_str(), body.bytes.as_slice()), ("application/dtmf-relay", digit.as_bytes()));
    assert!(puppet.event().is_none(), "a retransmission is no second digit");
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn an_invite_without_offer_is_answered_by_the_ack() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", ""));
    let (session, offer) = puppet.expect(|event| {
        if let Event::Incoming { session, invite } = event { Some((*session, invite.body.clone())) } else { None }
    });
    assert_eq!(offer, None);
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("our offer"))).expect("it rings");
    puppet.response(100);
    let tag = crate::tests::puppet::to_tag(&puppet.response(200));
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, "their answer"));
    let body = puppet.expect(|event| if let Event::Acknowledged { body, .. } = event { body.clone() } else { None });
    assert_eq!(body, sdp("their answer"));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&bye, 200, "peer");
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let mut pair = Pair::new(5);
    let (caller, callee) = pair.connect();
    let now = pair.now;
    pair.a.bye(now, caller, None).expect("it is up");
    pair.b.bye(now, callee, None).expect("it is up");
    for side in [Side::A, Side::B] {
        assert_eq!(pair.expect_end(side), crate::endpoint::EndedBy::Local);
    }
    pair.expect_clean();
}

#[test]
fn a_refused_reoffer_without_ack_does_not_end_a_ringing_call() {
    let mut puppet = Puppet::new();
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.ring(now, session, StatusCode::RINGING, None)).expect("it rings");
    let tag = crate::tests::puppet::to_tag(&puppet.response(180));
    puppet.say(request("INVITE", "z9hG4bKearly", "2 INVITE", &tag, "early"));
    puppet.response(100);
    // RFC 3261 14.2: before the final response to the first.
    puppet.response(500);
    puppet.run_for(Duration::from_secs(40));
    assert!(puppet.event().is_none(), "the call rings on");
    puppet.ignore();
    puppet.act(|endpoint, now| endpoint.hang_up(now, session, None)).expect("it rings");
    puppet.response(480);
    puppet.expect_failure();
    puppet.expect_clean();
}
