//! Reliable provisional responses (RFC 3262), as caller and as callee.

use crate::endpoint::{EndedBy, Event, FailureCause};
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::tests::pair::sdp;
use crate::tests::puppet::{Puppet, header, request, request_with, response, to_tag};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The peer rings reliably.
fn rings(puppet: &mut Puppet, invite: &Request, status: u16, tag: &str, rseq: u32) {
    let mut ringing = response(invite, status, tag);
    ringing.headers.push(HeaderName::Require, "100rel");
    ringing.headers.push(HeaderName::RSeq, rseq.to_string());
    puppet.say(ringing.to_bytes());
}

fn provisionals(puppet: &mut Puppet) -> usize {
    std::iter::from_fn(|| puppet.event()).filter(|event| matches!(event, Event::Provisional { .. })).count()
}

#[test]
fn each_reliable_response_is_acknowledged_once_and_in_order() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    assert_eq!(header(&invite.headers, &HeaderName::Supported), "timer, 100rel", "section 4: told in the INVITE");
    rings(&mut puppet, &invite, 183, "one", 7);
    let prack = puppet.request(&Method::Prack);
    assert_eq!(header(&prack.headers, &HeaderName::RAck), "7 1 INVITE");
    assert_eq!(header(&prack.headers, &HeaderName::CSeq), "2 PRACK");
    assert_eq!(prack.uri.to_string(), "sip:callee@192.0.2.9:5060");
    puppet.answer(&prack, 200, "one");
    assert_eq!(provisionals(&mut puppet), 1);
    // Again: the PRACK is a transaction of its own that repeats itself.
    rings(&mut puppet, &invite, 183, "one", 7);
    // One that overtook another is not acknowledged, nor told.
    rings(&mut puppet, &invite, 180, "one", 9);
    puppet.expect_quiet();
    assert_eq!(provisionals(&mut puppet), 0);
    rings(&mut puppet, &invite, 180, "one", 8);
    let prack = puppet.request(&Method::Prack);
    assert_eq!(header(&prack.headers, &HeaderName::RAck), "8 1 INVITE");
    puppet.answer(&prack, 200, "one");
    puppet.answer(&invite, 200, "one");
    let ack = puppet.request(&Method::Ack);
    assert_eq!(header(&ack.headers, &HeaderName::CSeq), "1 ACK", "the ACK has the number of its INVITE");
    assert!(!puppet.expect_answered());
}

#[test]
fn every_early_dialog_counts_for_itself_and_plain_ones_need_nothing() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    for (tag, rseq) in [("one", 100), ("two", 1)] {
        rings(&mut puppet, &invite, 183, tag, rseq);
        let prack = puppet.request(&Method::Prack);
        assert_eq!(header(&prack.headers, &HeaderName::RAck), format!("{rseq} 1 INVITE"));
        puppet.answer(&prack, 200, tag);
    }
    puppet.answer(&invite, 180, "three");
    puppet.expect_quiet();
    assert_eq!(provisionals(&mut puppet), 3);
}

#[test]
fn a_callee_that_rings_without_end_does_not_fill_the_memory() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    for rseq in 1..=5_000 {
        rings(&mut puppet, &invite, 180, "one", rseq);
    }
    assert!(puppet.endpoint.transactions() <= 64, "{} transactions", puppet.endpoint.transactions());
    // What was left out comes again and is acknowledged once there is room.
    puppet.run_for(40 * SECOND);
    puppet.requests();
    rings(&mut puppet, &invite, 180, "one", 64);
    assert_eq!(header(&puppet.request(&Method::Prack).headers, &HeaderName::RAck), "64 1 INVITE");
    puppet.act(|endpoint, now| endpoint.hang_up(now, session, None)).expect("it rings");
    let cancel = puppet.request(&Method::Cancel);
    puppet.answer(&cancel, 200, "one");
    puppet.answer(&invite, 487, "one");
    assert_eq!(puppet.expect_failure().cause, FailureCause::Cancelled);
    puppet.expect_clean();
}

#[test]
fn an_unanswered_prack_changes_nothing_for_the_call() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    rings(&mut puppet, &invite, 180, "one", 1);
    puppet.run_for(40 * SECOND);
    let pracks = puppet.requests();
    assert!(pracks.len() > 5, "{} times over UDP (RFC 3261 17.1.2.2)", pracks.len());
    puppet.answer(&invite, 200, "one");
    puppet.request(&Method::Ack);
    assert!(!puppet.expect_answered());
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&bye, 200, "one");
    assert_eq!(puppet.expect_end(), EndedBy::Local);
    puppet.expect_clean();
}

/// A call that requires it; the session.
fn comes_in(puppet: &mut Puppet) -> crate::endpoint::SessionId {
    puppet.say(request_with("INVITE", "z9hG4bKcall", "1 INVITE", "", "Require: 100rel\r\n", "offer"));
    let session = puppet.incoming();
    puppet.response(100);
    session
}

fn prack(rseq: &str, branch: &str, cseq: u32, tag: &str) -> String {
    let more = format!("RAck: {rseq} 1 INVITE\r\n");
    request_with("PRACK", branch, &format!("{cseq} PRACK"), tag, &more, "")
}

#[test]
fn who_requires_it_is_rung_reliably() {
    let mut puppet = Puppet::new();
    let session = comes_in(&mut puppet);
    puppet
        .act(|endpoint, now| endpoint.ring(now, session, crate::message::StatusCode::RINGING, None))
        .expect("it rings");
    let ringing = puppet.response(180);
    let (rseq, tag) = (header(&ringing.headers, &HeaderName::RSeq).to_owned(), to_tag(&ringing));
    assert_eq!(header(&ringing.headers, &HeaderName::Require), "100rel");
    let first: u32 = rseq.parse().expect("a number");
    assert!((1..1 << 31).contains(&first), "section 3: {first}");
    // It comes again after T1, 3 T1, 7 T1 until it is acknowledged.
    puppet.run_for(4 * SECOND);
    for _ in 0..3 {
        assert_eq!(header(&puppet.response(180).headers, &HeaderName::RSeq), rseq);
    }
    puppet.expect_quiet();
    puppet.say(prack("12345", "z9hG4bKwrong", 2, &tag));
    puppet.response(481);
    puppet.say(prack(&rseq, "z9hG4bKright", 3, &tag));
    puppet.response(200);
    puppet.say(prack(&rseq, "z9hG4bKright", 3, &tag));
    puppet.response(200);
    puppet.say(prack(&rseq, "z9hG4bKagain", 4, &tag));
    puppet.response(481);
    puppet.run_for(10 * SECOND);
    puppet.expect_quiet();
    // The next one counts on.
    let progress = crate::message::StatusCode::new(183).expect("a status");
    puppet.act(|endpoint, now| endpoint.ring(now, session, progress, None)).expect("it rings");
    assert_eq!(header(&puppet.response(183).headers, &HeaderName::RSeq), (first + 1).to_string());
}

#[test]
fn the_answer_waits_for_the_prack_of_early_media() {
    let mut puppet = Puppet::new();
    let session = comes_in(&mut puppet);
    let progress = crate::message::StatusCode::new(183).expect("a status");
    let early = sdp("answer");
    puppet.act(|endpoint, now| endpoint.ring(now, session, progress, Some(early))).expect("it rings");
    let ringing = puppet.response(183);
    let (rseq, tag) = (header(&ringing.headers, &HeaderName::RSeq).to_owned(), to_tag(&ringing));
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    puppet.expect_quiet();
    let twice = puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer")));
    assert!(twice.is_err(), "it is answered already");
    puppet.say(prack(&rseq, "z9hG4bKprack", 2, &tag));
    puppet.response(200);
    let answer = puppet.response(200);
    assert_eq!(header(&answer.headers, &HeaderName::CSeq), "1 INVITE");
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.say(request("BYE", "z9hG4bKbye", "3 BYE", &tag, ""));
    puppet.response(200);
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
    puppet.expect_clean();
}

#[test]
fn an_answer_without_early_media_goes_at_once_and_the_late_prack_is_heard() {
    let mut puppet = Puppet::new();
    let session = comes_in(&mut puppet);
    puppet
        .act(|endpoint, now| endpoint.ring(now, session, crate::message::StatusCode::RINGING, None))
        .expect("it rings");
    let ringing = puppet.response(180);
    let (rseq, tag) = (header(&ringing.headers, &HeaderName::RSeq).to_owned(), to_tag(&ringing));
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    puppet.response(200);
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.run_for(5 * SECOND);
    puppet.expect_quiet();
    puppet.say(prack(&rseq, "z9hG4bKprack", 2, &tag));
    puppet.response(200);
}

#[test]
fn only_the_latest_of_what_waits_is_told() {
    let mut puppet = Puppet::new();
    let session = comes_in(&mut puppet);
    for status in [180, 181, 183] {
        let status = crate::message::StatusCode::new(status).expect("a status");
        puppet.act(|endpoint, now| endpoint.ring(now, session, status, None)).expect("it rings");
    }
    let ringing = puppet.response(180);
    puppet.expect_quiet();
    let (rseq, tag) = (header(&ringing.headers, &HeaderName::RSeq).to_owned(), to_tag(&ringing));
    puppet.say(prack(&rseq, "z9hG4bKprack", 2, &tag));
    puppet.response(200);
    puppet.response(183);
    puppet.expect_quiet();
}

#[test]
fn a_caller_that_never_acknowledges_is_refused() {
    let mut puppet = Puppet::new();
    let session = comes_in(&mut puppet);
    puppet
        .act(|endpoint, now| endpoint.ring(now, session, crate::message::StatusCode::RINGING, None))
        .expect("it rings");
    puppet.run_for(32 * SECOND);
    let mut last = puppet.response(180);
    for _ in 0..6 {
        last = puppet.response(180);
    }
    puppet.response(504);
    assert_eq!(puppet.expect_failure().cause, FailureCause::LocalError);
    let ack = request("ACK", "z9hG4bKcall", "1 ACK", &to_tag(&last), "");
    puppet.say(ack);
    puppet.expect_clean();
}

#[test]
fn a_held_back_answer_can_be_withdrawn_and_cancelled() {
    for cancelled in [false, true] {
        let mut puppet = Puppet::new();
        let session = comes_in(&mut puppet);
        let progress = crate::message::StatusCode::new(183).expect("a status");
        let early = sdp("answer");
        puppet.act(|endpoint, now| endpoint.ring(now, session, progress, Some(early))).expect("it rings");
        puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
        puppet.response(183);
        if cancelled {
            puppet.say(request("CANCEL", "z9hG4bKcall", "1 CANCEL", "", ""));
            puppet.response(200);
            puppet.response(487);
        } else {
            puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is answered");
            puppet.response(480);
            assert_eq!(puppet.expect_failure().cause, FailureCause::Rejected);
        }
        puppet.say(request("ACK", "z9hG4bKcall", "1 ACK", "", ""));
        puppet.expect_clean();
    }
}

/// RFC 3262 section 5: where the INVITE has no offer, the first reliable response makes one, and the PRACK answers it.
#[test]
fn a_late_offer_in_a_provisional_response_is_answered_by_the_prack() {
    let mut puppet = Puppet::new();
    puppet.say(request_with("INVITE", "z9hG4bKlate", "1 INVITE", "", "Require: 100rel\r\n", ""));
    let session = puppet.incoming();
    puppet.response(100);
    let offer = Some(sdp("our offer"));
    let progress = StatusCode::SESSION_PROGRESS;
    puppet.act(|endpoint, now| endpoint.ring(now, session, progress, offer)).expect("it rings");
    let early = puppet.response(183);
    assert_eq!(early.body, b"our offer");
    let tag = to_tag(&early);
    // Until it is answered an offer of theirs crosses ours (RFC 3311 5.2).
    puppet.say(request_with("UPDATE", "z9hG4bKu1", "2 UPDATE", &tag, "", "crossing"));
    puppet.response(491);
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&early.headers, &HeaderName::RSeq));
    puppet.say(request_with("PRACK", "z9hG4bKp1", "3 PRACK", &tag, &rack, "their answer"));
    puppet.response(200);
    let answer =
        puppet.expect(|event| if let Event::Reanswered { body, .. } = event { Some(body.clone()) } else { None });
    assert_eq!(answer, sdp("their answer"));
    // What is said each minute does not offer it again.
    puppet.run_for(Duration::from_secs(60));
    let again = puppet.response(183);
    assert!(again.body.is_empty() && !again.headers.has(&HeaderName::ContentType));
    let rack = format!("RAck: {} 1 INVITE\r\n", header(&again.headers, &HeaderName::RSeq));
    puppet.say(request_with("PRACK", "z9hG4bKp2", "4 PRACK", &tag, &rack, "new offer"));
    puppet.response(488);
    puppet.say(request_with("UPDATE", "z9hG4bKu2", "5 UPDATE", &tag, "", "new offer"));
    puppet.expect(|event| matches!(event, Event::Reoffer { .. }).then_some(()));
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("new answer")))).expect("it was asked");
    puppet.response(200);
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("our offer"))).expect("it rings");
    let answered = puppet.response(200);
    assert!(answered.body.is_empty(), "offer and answer are done");
    puppet.say(request_with("ACK", "z9hG4bKa", "1 ACK", &tag, "", ""));
    puppet.expect(|event| matches!(event, Event::Acknowledged { body: None, .. }).then_some(()));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&bye, 200, "peer");
    puppet.expect_clean();
}
