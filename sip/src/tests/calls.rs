//! Calls without tricks, and the ways in which they end.

use super::pair::{Pair, Side, sdp, terminal};
use crate::endpoint::{EndedBy, Event, FailureCause, Rejection};
use crate::message::StatusCode;
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
        let rejection = Rejection { retry_after: Some(Duration::from_millis(1500)), reason: None };
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
