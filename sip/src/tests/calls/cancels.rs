//! CANCEL and everything that may cross it (RFC 3261 section 9, RFC 6026).

use crate::endpoint::{EndedBy, Event, FailureCause};
use crate::message::header::Reason;
use crate::message::{HeaderName, Method, StatusCode, Token};
use crate::tests::pair::{Pair, Side, sdp};
use crate::tests::puppet::{Puppet, header, request, to_tag};
use std::time::Duration;

#[test]
fn a_cancelled_call_ends_once_on_both_sides() {
    for pair in [Pair::new(3), Pair::new(3).over_tcp()] {
        let mut pair = pair;
        let caller = pair.call();
        let callee = pair.incoming();
        pair.act(Side::B, |b, now| b.ring(now, callee, StatusCode::RINGING, None).expect("it rings"));
        pair.expect(Side::A, |event| matches!(event, Event::Provisional { dialog: Some(_), .. }).then_some(()));
        let reason = Reason { protocol: Token::new("SIP").expect("a token"), cause: Some(200), text: None };
        pair.act(Side::A, |a, now| a.cancel(now, caller, Some(reason.clone())).expect("it is not answered"));
        let told =
            pair.expect(
                Side::B,
                |event| {
                    if let Event::Cancelled { reason, .. } = event { Some(reason.clone()) } else { None }
                },
            );
        assert_eq!(told, Some(reason));
        let failure = pair.expect_failure(Side::A);
        assert_eq!((failure.cause, failure.status), (FailureCause::Cancelled, Some(StatusCode::REQUEST_TERMINATED)));
        assert!(failure.ringing_seen);
        pair.expect_clean();
    }
}

#[test]
fn cancel_waits_for_a_provisional_response() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it is not answered");
    puppet.expect_quiet();
    puppet.answer(&invite, 100, "");
    let cancel = puppet.request(&Method::Cancel);
    // RFC 3261 9.1: all of these are those of the INVITE.
    for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId] {
        assert_eq!(cancel.headers.get(&name), invite.headers.get(&name), "{name:?}");
    }
    assert_eq!(cancel.uri, invite.uri);
    assert_eq!(header(&cancel.headers, &HeaderName::CSeq), "1 CANCEL");
    puppet.answer(&cancel, 200, "x");
    puppet.answer(&invite, 487, "x");
    puppet.request(&Method::Ack);
    assert_eq!(puppet.expect_failure().cause, FailureCause::Cancelled);
    puppet.expect_clean();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_an_answer() {
    // Before the CANCEL could be sent, and after.
    for provisional in [false, true] {
        let mut puppet = Puppet::new();
        let (session, invite) = puppet.call();
        if provisional {
            puppet.answer(&invite, 180, "x");
        }
        puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it is not answered");
        if provisional {
            let cancel = puppet.request(&Method::Cancel);
            puppet.answer(&cancel, 200, "x");
        }
        puppet.answer(&invite, 200, "x");
        puppet.request(&Method::Ack);
        assert!(puppet.expect_answered(), "the flag says that our CANCEL was under way");
        puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
        let bye = puppet.request(&Method::Bye);
        puppet.answer(&bye, 200, "x");
        assert_eq!(puppet.expect_end(), EndedBy::Local);
        puppet.expect_clean();
    }
}

#[test]
fn a_cancel_nobody_answers_ends_after_64_t1() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    puppet.answer(&invite, 180, "x");
    puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it is not answered");
    puppet.run_for(Duration::from_secs(31));
    assert!(!std::iter::from_fn(|| puppet.event()).any(|event| matches!(event, Event::Failed { .. })));
    puppet.run_for(Duration::from_secs(1));
    let failure = puppet.expect_failure();
    assert_eq!((failure.cause, failure.status), (FailureCause::Cancelled, None));
    puppet.ignore();
    // The 2xx of a callee that never saw the CANCEL still finds somebody.
    puppet.answer(&invite, 200, "x");
    puppet.request(&Method::Ack);
    puppet.request(&Method::Bye);
    puppet.expect_clean();
}

#[test]
fn a_late_provisional_after_timer_b_is_cancelled() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    puppet.run_for(Duration::from_secs(33));
    assert_eq!(puppet.expect_failure().cause, FailureCause::NoResponse);
    puppet.ignore();
    puppet.answer(&invite, 180, "x");
    let cancel = puppet.request(&Method::Cancel);
    puppet.answer(&cancel, 200, "x");
    puppet.answer(&invite, 180, "x");
    puppet.expect_quiet();
    puppet.answer(&invite, 487, "x");
    puppet.request(&Method::Ack);
    assert!(puppet.event().is_none(), "the session had its end already");
    puppet.expect_clean();
}

#[test]
fn a_late_answer_after_timer_b_gets_ack_and_bye() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    puppet.run_for(Duration::from_secs(33));
    puppet.ignore();
    puppet.answer(&invite, 200, "x");
    puppet.request(&Method::Ack);
    let bye = puppet.request(&Method::Bye);
    // Its retransmission gets the ACK only.
    puppet.answer(&invite, 200, "x");
    puppet.request(&Method::Ack);
    puppet.expect_quiet();
    puppet.answer(&bye, 200, "x");
    puppet.expect_clean();
}

#[test]
fn a_cancel_for_nothing_is_481_and_after_the_answer_has_no_effect() {
    let mut puppet = Puppet::new();
    puppet.say(request("CANCEL", "z9hG4bKnone", "1 CANCEL", "", ""));
    puppet.response(481);
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    let answer = puppet.response(200);
    puppet.say(request("CANCEL", "z9hG4bKcall", "1 CANCEL", "", ""));
    puppet.response(200);
    puppet.expect_quiet();
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &to_tag(&answer), ""));
    puppet.expect(|event| matches!(event, Event::Acknowledged { .. }).then_some(()));
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &to_tag(&answer), ""));
    puppet.response(200);
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
    puppet.expect_clean();
}

#[test]
fn cancel_and_answer_race_at_every_moment() {
    // The CANCEL leaves at each of these milliseconds after the INVITE; the callee answers at 150.
    for at in (0..300).step_by(5) {
        let mut pair = Pair::new(at);
        let caller = pair.call();
        pair.run_for(Duration::from_millis(at.min(150)));
        let mut cancelled = at <= 150;
        if cancelled {
            pair.act(Side::A, |a, now| a.cancel(now, caller, None).expect("it is not answered"));
        }
        pair.run_for(Duration::from_millis(150 - at.min(150)));
        let callee = pair
            .events(Side::B)
            .iter()
            .find_map(|event| if let Event::Incoming { session, .. } = event { Some(*session) } else { None });
        let callee = callee.expect("the INVITE arrived after 10 ms");
        let accepted = pair.act(Side::B, |b, now| b.accept(now, callee, sdp("answer"))).is_ok();
        if at > 150 {
            pair.run_for(Duration::from_millis(at - 150));
            cancelled = pair.act(Side::A, |a, now| a.cancel(now, caller, None)).is_ok();
        }
        pair.run_for(Duration::from_secs(1));
        let answered = pair.events(Side::A).iter().find_map(|event| {
            if let Event::Answered { cancel_crossed, .. } = event { Some(*cancel_crossed) } else { None }
        });
        assert_eq!(answered.is_some(), accepted, "at {at} ms both sides agree whether there is a call");
        if let Some(crossed) = answered {
            assert_eq!(crossed, cancelled, "at {at} ms");
            pair.act(Side::A, |a, now| a.bye(now, caller, None).expect("it is up"));
        }
        pair.expect_clean();
    }
}
