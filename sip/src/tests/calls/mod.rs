//! Calls without tricks, and the ways in which they end.

mod cancels;
mod external;
mod forks;
mod info;
mod oversize;
mod recovery;
mod redirects;
mod reliable;
mod reoffers;
mod session_timers;
mod updates;

use crate::endpoint::{CommandError, EndedBy, Event, FailureCause, ListenerId, Rejection};
use crate::message::{HeaderName, Method, StatusCode};
use crate::tests::pair::{Pair, Side, sdp, terminal};
use crate::tests::puppet::{Puppet, header, response};
use std::time::Duration;

#[test]
fn a_call_is_made_answered_and_ended_by_the_caller() {
    for pair in [Pair::new(1), Pair::new(1).over_tcp()] {
        let mut pair = pair;
        let caller = pair.call();
        let callee = pair.incoming();
        pair.act(Side::B, |b, now| b.ring(now, callee, StatusCode::RINGING, None).expect("it rings"));
        let (status, tag) = pair.expect(Side::A, |event| {
            let Event::Provisional { status, dialog: Some(dialog), .. } = event else { return None };
            Some((*status, dialog.remote_tag.clone()))
        });
        assert_eq!(status, StatusCode::RINGING);
        pair.act(Side::B, |b, now| b.accept(now, callee, sdp("answer")).expect("it rings"));
        let (dialog, body) = pair.expect(Side::A, |event| {
            let Event::Answered { session, dialog, body, cancel_crossed, request_cseq, .. } = event else {
                return None;
            };
            assert_eq!((*session, *cancel_crossed, *request_cseq), (caller, false, 1));
            Some((dialog.clone(), body.clone()))
        });
        assert_eq!(dialog.remote_tag, tag, "the early dialog became the confirmed one");
        assert_eq!(body, Some(sdp("answer")));
        pair.expect(Side::B, |event| matches!(event, Event::Acknowledged { body: None, .. }).then_some(()));
        pair.act(Side::A, |a, now| a.bye(now, caller, None).expect("it is up"));
        assert_eq!(pair.expect_end(Side::A), EndedBy::Local);
        assert_eq!(pair.expect_end(Side::B), EndedBy::Remote);
        pair.expect_clean();
        assert_eq!(pair.sent(Side::A, "INVITE"), 1);
        assert_eq!(pair.sent(Side::A, "ACK"), 1);
    }
}

#[test]
fn the_callee_ends_a_call() {
    let mut pair = Pair::new(1);
    let (_, callee) = pair.connect();
    pair.act(Side::B, |b, now| b.hang_up(now, callee, None).expect("it is up"));
    assert_eq!(pair.expect_end(Side::A), EndedBy::Remote);
    pair.expect_clean();
}

#[test]
fn a_refusal_says_what_the_callee_said() {
    for pair in [Pair::new(1), Pair::new(1).over_tcp()] {
        let mut pair = pair;
        pair.call();
        let callee = pair.incoming();
        let rejection = Rejection { retry_after: Some(Duration::from_millis(1500)), ..Rejection::default() };
        pair.act(Side::B, |b, now| b.reject(now, callee, StatusCode::BUSY_HERE, rejection).expect("it rings"));
        let failure = pair.expect_failure(Side::A);
        assert_eq!(failure.cause, FailureCause::Response);
        assert_eq!(failure.status, Some(StatusCode::BUSY_HERE));
        assert_eq!(failure.retry_after, Some(Duration::from_secs(2)));
        assert_eq!(failure.phrase, b"Busy Here");
        assert!(failure.provisional_seen && !failure.ringing_seen);
        assert_eq!(failure.invites, 1);
        pair.expect_clean();
        assert_eq!(pair.events(Side::B).iter().filter_map(terminal).count(), 1);
    }
}

#[test]
fn a_refusal_may_have_a_phrase_of_its_own() {
    let mut pair = Pair::new(1);
    pair.call();
    let callee = pair.incoming();
    let rejection = Rejection { phrase: Some("Stale Date"), ..Rejection::default() };
    pair.act(Side::B, |b, now| b.reject(now, callee, StatusCode::FORBIDDEN, rejection).expect("it rings"));
    let failure = pair.expect_failure(Side::A);
    assert_eq!((failure.status, failure.phrase.as_slice()), (Some(StatusCode::FORBIDDEN), &b"Stale Date"[..]));
    pair.expect_clean();
}

#[test]
fn silence_is_no_response_after_64_t1() {
    let mut pair = Pair::new(1);
    pair.cut = true;
    pair.call();
    let failure = pair.expect_failure(Side::A);
    assert_eq!(failure.cause, FailureCause::NoResponse);
    assert!(!failure.provisional_seen);
    assert_eq!(pair.now - pair.start, Duration::from_secs(32));
    // T1 doubling from 500 ms: at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s (RFC 3261 17.1.1.2).
    assert_eq!(pair.sent(Side::A, "INVITE"), 7);
    pair.expect_clean();
}

#[test]
fn a_failure_carries_what_the_network_said() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    puppet.answer(&invite, 183, "x");
    let mut refusal = response(&invite, 403, "x");
    refusal.headers.push(HeaderName::Reason, "SIP;cause=403, Q.850;cause=21;text=\"call rejected\"");
    refusal.headers.push(HeaderName::RetryAfter, "18000;duration=3600");
    puppet.say(refusal.to_bytes());
    puppet.request(&Method::Ack);
    let failure = puppet.expect_failure();
    let reason = failure.reason.expect("it was given");
    assert_eq!((reason.protocol.as_str(), reason.cause), ("Q.850", Some(21)));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(18_000)));
    assert!(failure.provisional_seen && failure.ringing_seen);
    assert_eq!(failure.response.map(|response| response.status), Some(StatusCode::FORBIDDEN));
    puppet.expect_clean();
}

#[test]
fn a_redirection_is_not_followed() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    puppet.answer(&invite, 302, "x");
    puppet.request(&Method::Ack);
    puppet.expect_quiet();
    let failure = puppet.expect_failure();
    assert_eq!((failure.cause, failure.status), (FailureCause::Response, Some(StatusCode::MOVED_TEMPORARILY)));
    puppet.expect_clean();
}

#[test]
fn names_of_a_call_follow_from_its_key() {
    let mut puppet = Puppet::new();
    let key = puppet.invitation().key;
    let (_, invite) = puppet.call();
    assert_eq!(header(&invite.headers, &HeaderName::CallId), key.call_id("198.51.100.1").to_string());
    assert!(header(&invite.headers, &HeaderName::From).ends_with(&format!(";tag={}", key.local_tag())));
    let via = header(&invite.headers, &HeaderName::Via);
    assert_eq!(via, format!("SIP/2.0/UDP 198.51.100.1:5060;branch={};rport", key.branch(1, &Method::Invite)));
}

#[test]
fn commands_that_make_no_sense_are_refused_by_type() {
    let mut pair = Pair::new(6);
    let caller = pair.call();
    let now = pair.now;
    assert_eq!(pair.a.bye(now, caller, None), Err(CommandError::WrongState(caller)));
    assert_eq!(pair.a.accept(now, caller, sdp("x")), Err(CommandError::WrongState(caller)));
    let callee = pair.incoming();
    let now = pair.now;
    let busy = StatusCode::BUSY_HERE;
    assert_eq!(pair.b.ring(now, callee, busy, None), Err(CommandError::WrongStatus(busy)));
    let ok = StatusCode::OK;
    assert_eq!(pair.b.reject(now, callee, ok, Rejection::default()), Err(CommandError::WrongStatus(ok)));
    assert_eq!(pair.b.cancel(now, callee, None), Err(CommandError::WrongState(callee)));
    let mut invite = pair.invitation();
    invite.flow.listener = ListenerId(9);
    assert_eq!(pair.a.invite(now, invite), Err(CommandError::UnknownListener(ListenerId(9))));
    pair.act(Side::B, |b, now| b.hang_up(now, callee, None).expect("it rings"));
    pair.expect_failure(Side::A);
    pair.run_for(Duration::from_secs(60));
    let now = pair.now;
    assert_eq!(pair.a.bye(now, caller, None), Err(CommandError::NoSession(caller)));
    pair.expect_clean();
}
