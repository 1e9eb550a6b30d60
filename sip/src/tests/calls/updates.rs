//! UPDATE in early dialogs (RFC 3311), and offers that meet (section 5.2).

use crate::endpoint::{Event, SessionId};
use crate::message::{HeaderName, Method, Request, Response, StatusCode};
use crate::tests::pair::sdp;
use crate::tests::puppet::{Puppet, header, request, request_with, response, to_tag, within};
use std::time::Duration;

fn reoffer(event: &Event) -> Option<Vec<u8>> {
    if let Event::Reoffer { body, .. } = event { body.clone().map(|body| body.bytes) } else { None }
}

/// A reliable response of the callee that answers our offer.
fn early_answer(invite: &Request, tag: &str, rseq: u32) -> Response {
    let mut early = response(invite, 183, tag);
    early.headers.push(HeaderName::Require, "100rel");
    early.headers.push(HeaderName::RSeq, rseq.to_string());
    early.headers.push(HeaderName::ContentType, "application/sdp");
    early.body = b"early answer".to_vec();
    early
}

/// A call of ours with early media that is settled, with these callees; the PRACKs are answered.
fn ringing(puppet: &mut Puppet, tags: &[&str]) -> (SessionId, Request) {
    let (session, invite) = puppet.call();
    for tag in tags {
        puppet.say(early_answer(&invite, tag, 1).to_bytes());
        let prack = puppet.request(&Method::Prack);
        puppet.answer(&prack, 200, tag);
    }
    puppet.ignore();
    (session, invite)
}

#[test]
fn a_callee_may_change_its_early_media_once_it_is_settled() {
    let mut puppet = Puppet::new();
    let (session, invite) = ringing(&mut puppet, &["callee"]);
    puppet.say(within(&invite, "UPDATE", "1 UPDATE", "callee", "new offer"));
    assert_eq!(puppet.expect(reoffer), b"new offer");
    // "if an UPDATE is received that contains an offer, and the UAS has received a previous offer [...] to which it has not
    // yet generated an answer", 500 with a random Retry-After.
    puppet.say(within(&invite, "UPDATE", "2 UPDATE", "callee", "another"));
    let busy = puppet.response(500);
    let after: u32 = header(&busy.headers, &HeaderName::RetryAfter).parse().expect("seconds");
    assert!(after <= 10);
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("new answer")))).expect("it was asked");
    let answer = puppet.response(200);
    assert_eq!(answer.body, b"new answer");
    assert!(answer.headers.has(&HeaderName::Contact), "a 2xx to UPDATE has a Contact");
    // An older request is out of order, also in an early dialog.
    puppet.say(within(&invite, "UPDATE", "1 UPDATE", "callee", "old").replace("theirs1", "theirs1again"));
    puppet.response(500);
    puppet.answer(&invite, 200, "callee");
    puppet.request(&Method::Ack);
    assert!(!puppet.expect_answered());
    // The order goes on in the confirmed dialog.
    puppet.say(within(&invite, "BYE", "2 BYE", "callee", "").replace("theirs2", "theirs2again"));
    puppet.response(500);
    puppet.say(within(&invite, "BYE", "3 BYE", "callee", ""));
    puppet.response(200);
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn what_is_not_settled_cannot_be_changed() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    puppet.answer(&invite, 180, "callee");
    for (method, cseq, body, status) in [
        // Our offer has no answer yet: glare.
        ("UPDATE", "1 UPDATE", "offer", 491),
        // Nothing is offered: the target is refreshed.
        ("UPDATE", "2 UPDATE", "", 200),
    ] {
        puppet.say(within(&invite, method, cseq, "callee", body));
        puppet.response(status);
    }
    puppet.say(within(&invite, "INVITE", "3 INVITE", "callee", "offer"));
    puppet.response(100);
    puppet.response(491);
    puppet.say(within(&invite, "ACK", "3 ACK", "callee", ""));
    assert!(!puppet.events().iter().any(|event| reoffer(event).is_some()));
    puppet.answer(&invite, 486, "callee");
    puppet.request(&Method::Ack);
    puppet.expect_clean();
}

#[test]
fn of_several_callees_only_the_one_heard_last_changes_the_media() {
    let mut puppet = Puppet::new();
    let (session, invite) = ringing(&mut puppet, &["one", "two"]);
    puppet.say(within(&invite, "UPDATE", "1 UPDATE", "one", "offer of one"));
    puppet.response(488);
    puppet.say(within(&invite, "UPDATE", "2 UPDATE", "two", "offer of two"));
    assert_eq!(puppet.expect(reoffer), b"offer of two");
    // The other one answers while the offer waits: it is dropped with its dialog.
    puppet.answer(&invite, 200, "one");
    puppet.request(&Method::Ack);
    puppet.response(481);
    let late = puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("late"))));
    assert!(late.is_err());
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.request(&Method::Bye);
    puppet.expect_clean();
}

#[test]
fn an_offer_that_waits_lives_on_in_the_answered_call() {
    let mut puppet = Puppet::new();
    let (session, invite) = ringing(&mut puppet, &["callee"]);
    puppet.say(within(&invite, "UPDATE", "1 UPDATE", "callee", "new offer"));
    puppet.answer(&invite, 200, "callee");
    puppet.request(&Method::Ack);
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("answer")))).expect("it waits");
    assert_eq!(puppet.response(200).body, b"answer");
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.request(&Method::Bye);
    puppet.expect_clean();
}

#[test]
fn an_offer_that_waits_at_the_end_is_answered_all_the_same() {
    let mut puppet = Puppet::new();
    let (_, invite) = ringing(&mut puppet, &["callee"]);
    puppet.say(within(&invite, "UPDATE", "1 UPDATE", "callee", "new offer"));
    puppet.answer(&invite, 486, "callee");
    puppet.request(&Method::Ack);
    puppet.expect_failure();
    puppet.run_for(Duration::from_secs(5));
    puppet.response(481);
    puppet.expect_clean();
    // And one that nobody answers is refused in time.
    let mut puppet = Puppet::new();
    let (_, invite) = ringing(&mut puppet, &["callee"]);
    puppet.say(within(&invite, "UPDATE", "1 UPDATE", "callee", "new offer"));
    puppet.run_for(Duration::from_secs(5));
    puppet.response(500);
    puppet.answer(&invite, 486, "callee");
    puppet.request(&Method::Ack);
    puppet.expect_clean();
}

#[test]
fn a_caller_may_change_early_media_once_our_answer_is_acknowledged() {
    let mut puppet = Puppet::new();
    puppet.say(request_with("INVITE", "z9hG4bKcall", "1 INVITE", "", "Require: 100rel\r\n", "offer"));
    let session = puppet.incoming();
    puppet.response(100);
    let early = Some(sdp("early answer"));
    let status = StatusCode::SESSION_PROGRESS;
    puppet.act(|endpoint, now| endpoint.ring(now, session, status, early)).expect("it rings");
    let early = puppet.response(183);
    let tag = to_tag(&early);
    // Our answer is not known to have arrived: 500, as is an INVITE before the final response (RFC 3261 14.2).
    puppet.say(request("UPDATE", "z9hG4bKu1", "2 UPDATE", &tag, "too early"));
    let busy = puppet.response(500);
    assert!(busy.headers.has(&HeaderName::RetryAfter));
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&early.headers, &HeaderName::RSeq));
    puppet.say(request_with("PRACK", "z9hG4bKp", "3 PRACK", &tag, &rack, ""));
    puppet.response(200);
    puppet.say(request("UPDATE", "z9hG4bKu2", "4 UPDATE", &tag, "new offer"));
    assert_eq!(puppet.expect(reoffer), b"new offer");
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("new answer")))).expect("it was asked");
    assert_eq!(puppet.response(200).body, b"new answer");
    puppet.say(request("INVITE", "z9hG4bKi", "5 INVITE", &tag, "second"));
    puppet.response(100);
    puppet.response(500);
    puppet.say(request("ACK", "z9hG4bKi", "5 ACK", &tag, ""));
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("new answer"))).expect("it rings");
    puppet.response(200);
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.request(&Method::Bye);
    puppet.expect_clean();
}

/// RFC 3261 14.2, RFC 3311 5.2: the far side has an offer of its own open and says how long that will take.
#[test]
fn an_offer_of_ours_that_is_put_off_is_made_again() {
    let mut puppet = Puppet::new();
    let (session, _) = puppet.call_in();
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("ours"))).expect("it is up");
    let reinvite = puppet.request(&Method::Invite);
    let mut busy = response(&reinvite, 500, "peer");
    busy.headers.push(HeaderName::RetryAfter, "3");
    puppet.say(busy.to_bytes());
    puppet.request(&Method::Ack);
    puppet.run_for(Duration::from_millis(2900));
    puppet.expect_quiet();
    let again = puppet.await_request(&Method::Invite, Duration::from_millis(200));
    assert_eq!(again.body, b"ours");
    puppet.answer(&again, 200, "peer");
    puppet.request(&Method::Ack);
    let answer =
        puppet.expect(|event| if let Event::Reoffered { answer, .. } = event { Some(answer.clone()) } else { None });
    assert_eq!(answer, Ok(Some(sdp("answer"))));
    // Without an end it is a refusal.
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("more"))).expect("it is up");
    for attempt in 0..5 {
        let reinvite = puppet.await_request(&Method::Invite, Duration::from_secs(1));
        let mut busy = response(&reinvite, 500, "peer");
        busy.headers.push(HeaderName::RetryAfter, "0");
        puppet.say(busy.to_bytes());
        puppet.request(&Method::Ack);
        let told = puppet.events().iter().any(|event| matches!(event, Event::Reoffered { answer: Err(_), .. }));
        assert_eq!(told, attempt == 4);
    }
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.request(&Method::Bye);
    puppet.expect_clean();
}

/// The callee's early answer says that UPDATE is allowed.
fn changeable(puppet: &mut Puppet, tag: &str) -> (SessionId, Request) {
    let (session, invite) = puppet.call();
    let mut early = early_answer(&invite, tag, 1);
    early.headers.push(HeaderName::Allow, "INVITE, UPDATE");
    puppet.say(early.to_bytes());
    let prack = puppet.request(&Method::Prack);
    puppet.answer(&prack, 200, tag);
    puppet.ignore();
    (session, invite)
}

fn offer(puppet: &mut Puppet, session: SessionId) -> Request {
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("ours"))).expect("it may be changed");
    puppet.request(&Method::Update)
}

fn reoffered(puppet: &mut Puppet) -> Result<Option<Vec<u8>>, u16> {
    let answer =
        puppet.expect(|event| if let Event::Reoffered { answer, .. } = event { Some(answer.clone()) } else { None });
    answer.map(|body| body.map(|body| body.bytes)).map_err(StatusCode::code)
}

fn with_body(request: &Request, tag: &str) -> Response {
    let mut taken = response(request, 200, tag);
    taken.headers.push(HeaderName::ContentType, "application/sdp");
    taken.body = b"theirs".to_vec();
    taken
}

#[test]
fn we_may_change_early_media_once_it_is_settled() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    puppet.answer(&invite, 183, "callee");
    let early = puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("too early")));
    assert!(early.is_err(), "our offer has no answer yet");

    let mut puppet = Puppet::new();
    let (session, invite) = changeable(&mut puppet, "callee");
    let update = offer(&mut puppet, session);
    assert_eq!((update.body.as_slice(), header(&update.headers, &HeaderName::CSeq)), (&b"ours"[..], "3 UPDATE"));
    assert!(puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("second"))).is_err());
    // "MUST reject the UPDATE with a 491": theirs crosses ours.
    puppet.say(within(&invite, "UPDATE", "1 UPDATE", "callee", "crossing"));
    puppet.response(491);
    puppet.say(with_body(&update, "callee").to_bytes());
    assert_eq!(reoffered(&mut puppet), Ok(Some(b"theirs".to_vec())));
    puppet.answer(&invite, 200, "callee");
    puppet.request(&Method::Ack);
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.request(&Method::Bye);
    puppet.expect_clean();
}

#[test]
fn an_early_offer_of_ours_that_is_put_off_is_made_again() {
    let mut puppet = Puppet::new();
    let (session, invite) = changeable(&mut puppet, "callee");
    let update = offer(&mut puppet, session);
    puppet.answer(&update, 491, "callee");
    // RFC 3261 14.1: 2.1 to 4 s on the side that made the Call-ID.
    puppet.run_for(Duration::from_millis(2050));
    puppet.expect_quiet();
    let again = puppet.await_request(&Method::Update, Duration::from_secs(2));
    let mut busy = response(&again, 500, "callee");
    busy.headers.push(HeaderName::RetryAfter, "1");
    puppet.say(busy.to_bytes());
    let third = puppet.await_request(&Method::Update, Duration::from_millis(1001));
    puppet.answer(&third, 488, "callee");
    assert_eq!(reoffered(&mut puppet), Err(488));
    puppet.answer(&invite, 486, "callee");
    puppet.request(&Method::Ack);
    puppet.expect_failure();
    puppet.expect_clean();
}

#[test]
fn an_early_offer_of_ours_meets_the_answer() {
    // Of its own dialog: it goes on there. Of another: it is over.
    for (answering, outcome) in [("callee", Ok(Some(b"theirs".to_vec()))), ("other", Err(481))] {
        let mut puppet = Puppet::new();
        let (session, invite) = changeable(&mut puppet, "callee");
        let update = offer(&mut puppet, session);
        puppet.answer(&invite, 200, answering);
        puppet.request(&Method::Ack);
        puppet.say(with_body(&update, "callee").to_bytes());
        assert_eq!(reoffered(&mut puppet), outcome);
        puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
        let bye = puppet.request(&Method::Bye);
        puppet.answer(&bye, 200, answering);
        puppet.expect_clean();
    }
    // And the end of the call: nobody is told.
    let mut puppet = Puppet::new();
    let (_, invite) = {
        let (session, invite) = changeable(&mut puppet, "callee");
        offer(&mut puppet, session);
        (session, invite)
    };
    puppet.answer(&invite, 486, "callee");
    puppet.request(&Method::Ack);
    puppet.expect_failure();
    puppet.expect_clean();
}

#[test]
fn a_callee_of_ours_may_change_early_media_too() {
    let mut puppet = Puppet::new();
    let more = "Require: 100rel\r\nAllow: UPDATE\r\n";
    puppet.say(request_with("INVITE", "z9hG4bKcall", "1 INVITE", "", more, "offer"));
    let session = puppet.incoming();
    puppet.response(100);
    let status = StatusCode::SESSION_PROGRESS;
    let early = Some(sdp("early answer"));
    puppet.act(|endpoint, now| endpoint.ring(now, session, status, early)).expect("it rings");
    let early = puppet.response(183);
    assert!(puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("too early"))).is_err());
    let tag = to_tag(&early);
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&early.headers, &HeaderName::RSeq));
    puppet.say(request_with("PRACK", "z9hG4bKp", "2 PRACK", &tag, &rack, ""));
    puppet.response(200);
    let update = offer(&mut puppet, session);
    puppet.say(with_body(&update, "peer").to_bytes());
    assert_eq!(reoffered(&mut puppet), Ok(Some(b"theirs".to_vec())));
    puppet.act(|endpoint, now| endpoint.hang_up(now, session, None)).expect("it rings");
    puppet.response(480);
    puppet.say(request_with("ACK", "z9hG4bKcall", "1 ACK", &tag, "", ""));
    puppet.expect_clean();
}
