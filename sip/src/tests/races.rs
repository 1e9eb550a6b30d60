//! The race conditions of RFC 5407, by its section numbers. What crosses a CANCEL at every moment is in `calls/cancels.rs`,
//! what crosses a REFER in `transfers.rs`, a BYE in an early dialog (appendix A) in `requests.rs`, forks that answer with new
//! tags (appendix E) in `calls/forks.rs`.

use crate::endpoint::{EndedBy, Event, FailureCause, SessionId};
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::tests::pair::sdp;
use crate::tests::puppet::{Puppet, header, request, response, to_tag, within};
use std::time::Duration;

/// A call from the peer with our 180 and 200 out and no ACK yet: the session and our tag.
fn moratorium(puppet: &mut Puppet, offer: &str) -> (SessionId, String) {
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", offer));
    puppet.response(100);
    let session = puppet.incoming();
    puppet.act(|endpoint, now| endpoint.ring(now, session, StatusCode::RINGING, None)).expect("it rings");
    puppet.response(180);
    puppet.act(|endpoint, now| endpoint.accept(now, session, sdp("answer"))).expect("it rings");
    let tag = to_tag(&puppet.response(200));
    (session, tag)
}

/// A call that we have just hung up; our BYE is out.
fn mortal(puppet: &mut Puppet) -> (Request, String) {
    let (session, tag) = puppet.call_in();
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    assert_eq!(puppet.expect_end(), EndedBy::Local);
    (puppet.request(&Method::Bye), tag)
}

/// A call of ours whose re-INVITE, which refreshes it, is out.
fn refreshes(puppet: &mut Puppet) -> Request {
    let mut invite = puppet.invitation();
    invite.session_expires = Some(200);
    let (_, invite) = puppet.call_with(invite);
    let mut answer = response(&invite, 200, "x");
    answer.headers.push(HeaderName::SessionExpires, "200;refresher=uac");
    puppet.say(answer.to_bytes());
    puppet.request(&Method::Ack);
    puppet.run_for(Duration::from_secs(100));
    puppet.request(&Method::Invite)
}

fn reoffer(event: &Event) -> Option<Vec<u8>> {
    if let Event::Reoffer { body: Some(body), .. } = event { Some(body.bytes.clone()) } else { None }
}

#[test]
fn section_3_1_1_a_repeated_invite_after_the_answer_changes_nothing() {
    let mut puppet = Puppet::new();
    let (_, tag) = moratorium(&mut puppet, "offer");
    // The transaction is in its state "accepted" (RFC 6026): absorbed, the 2xx comes again by its own timer.
    puppet.say(request("INVITE", "z9hG4bKcall", "1 INVITE", "", "offer"));
    puppet.expect_quiet();
    puppet.run_for(Duration::from_millis(500));
    assert_eq!(to_tag(&puppet.response(200)), tag);
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.run_for(Duration::from_secs(10));
    puppet.expect_quiet();
    assert!(puppet.event().is_some_and(|event| matches!(event, Event::Acknowledged { .. })));
    assert!(puppet.event().is_none(), "one call, not two");
}

#[test]
fn section_3_1_2_a_cancel_after_the_answer_has_no_effect() {
    let mut puppet = Puppet::new();
    let (_, tag) = moratorium(&mut puppet, "offer");
    puppet.say(request("CANCEL", "z9hG4bKcall", "1 CANCEL", "", ""));
    assert_eq!(header(&puppet.response(200).headers, &HeaderName::CSeq), "1 CANCEL");
    assert!(puppet.event().is_none(), "the call is up");
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &tag, ""));
    puppet.response(200);
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
    puppet.expect_clean();
}

#[test]
fn section_3_1_3_an_early_bye_that_meets_the_answer_ends_the_call() {
    let mut puppet = Puppet::new();
    let (_, tag) = moratorium(&mut puppet, "offer");
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &tag, ""));
    assert_eq!(header(&puppet.response(200).headers, &HeaderName::CSeq), "2 BYE");
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
    // The caller acknowledges the 2xx all the same.
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.run_for(Duration::from_secs(40));
    puppet.expect_quiet();
    puppet.expect_clean();
}

#[test]
fn section_3_1_4_a_new_offer_shows_that_the_answer_arrived() {
    let mut puppet = Puppet::new();
    let (session, tag) = moratorium(&mut puppet, "offer");
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "hold"));
    puppet.response(100);
    assert_eq!(puppet.expect(reoffer), b"hold");
    puppet.act(|endpoint, now| endpoint.answer_reoffer(now, session, Ok(sdp("held")))).expect("it was asked");
    assert_eq!(puppet.response(200).body, b"held");
    // The ACK of the first answer comes after all: it ends nothing but the first.
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    puppet.run_for(Duration::from_millis(500));
    assert_eq!(puppet.response(200).body, b"held");
    puppet.say(request("ACK", "z9hG4bKreack", "2 ACK", &tag, ""));
    puppet.run_for(Duration::from_secs(40));
    puppet.expect_quiet();
}

#[test]
fn section_3_1_5_a_new_offer_waits_where_the_ack_has_the_answer() {
    let mut puppet = Puppet::new();
    let (_, tag) = moratorium(&mut puppet, "");
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "hold"));
    puppet.response(100);
    puppet.response(491);
    puppet.say(request("ACK", "z9hG4bKre", "2 ACK", &tag, ""));
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, "their answer"));
    let answer =
        puppet.expect(|event| if let Event::Acknowledged { body, .. } = event { Some(body.clone()) } else { None });
    assert_eq!(answer, Some(sdp("their answer")));
    puppet.say(request("INVITE", "z9hG4bKre2", "3 INVITE", &tag, "hold"));
    puppet.response(100);
    assert_eq!(puppet.expect(reoffer), b"hold");
}

#[test]
fn section_3_1_6_a_bye_may_overtake_the_ack() {
    let mut puppet = Puppet::new();
    let (_, tag) = moratorium(&mut puppet, "offer");
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &tag, ""));
    puppet.response(200);
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
    puppet.expect_quiet();
    puppet.expect_clean();
}

#[test]
fn section_3_2_1_byes_that_cross_are_both_answered() {
    let mut puppet = Puppet::new();
    let (ours, tag) = mortal(&mut puppet);
    puppet.say(request("BYE", "z9hG4bKbye", "2 BYE", &tag, ""));
    assert_eq!(header(&puppet.response(200).headers, &HeaderName::CSeq), "2 BYE");
    puppet.answer(&ours, 200, "peer");
    assert!(puppet.event().is_none(), "the end is told once");
    puppet.expect_clean();
}

#[test]
fn section_3_2_2_a_reinvite_that_crosses_our_bye_is_refused() {
    let mut puppet = Puppet::new();
    let (ours, tag) = mortal(&mut puppet);
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "hold"));
    puppet.response(100);
    puppet.response(481);
    puppet.say(request("ACK", "z9hG4bKre", "2 ACK", &tag, ""));
    puppet.answer(&ours, 200, "peer");
    assert!(puppet.event().is_none());
    puppet.expect_clean();
}

#[test]
fn section_3_2_3_the_answer_to_our_reinvite_after_the_end_gets_its_ack() {
    let mut puppet = Puppet::new();
    let refresh = refreshes(&mut puppet);
    puppet.say(within(&refresh, "BYE", "1 BYE", "x", ""));
    puppet.response(200);
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
    puppet.answer(&refresh, 200, "x");
    let ack = puppet.request(&Method::Ack);
    assert_eq!(header(&ack.headers, &HeaderName::CSeq), "2 ACK");
    puppet.expect_clean();
}

#[test]
fn section_3_2_4_an_ack_after_the_end_is_harmless() {
    let mut puppet = Puppet::new();
    let (session, tag) = moratorium(&mut puppet, "offer");
    // We hang up before the ACK is here: the BYE waits for it (RFC 3261 section 15).
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    assert_eq!(puppet.expect_end(), EndedBy::Local);
    puppet.expect_quiet();
    for branch in ["z9hG4bKack", "z9hG4bKack2"] {
        puppet.say(request("ACK", branch, "1 ACK", &tag, ""));
    }
    let bye = puppet.request(&Method::Bye);
    puppet.expect_quiet();
    puppet.answer(&bye, 200, "peer");
    puppet.expect_clean();
}

#[test]
fn section_3_3_1_reinvites_that_cross_are_both_put_off() {
    let mut puppet = Puppet::new();
    let ours = refreshes(&mut puppet);
    puppet.say(within(&ours, "INVITE", "1 INVITE", "x", "hold"));
    puppet.response(100);
    puppet.response(491);
    puppet.say(within(&ours, "ACK", "1 ACK", "x", ""));
    puppet.answer(&ours, 491, "x");
    puppet.request(&Method::Ack);
    // Whoever made the call waits 2.1 to 4 s (RFC 3261 14.1).
    puppet.run_for(Duration::from_millis(2_099));
    puppet.expect_quiet();
    let again = puppet.await_request(&Method::Invite, Duration::from_millis(1_901));
    assert_eq!(header(&again.headers, &HeaderName::CSeq), "3 INVITE");
}

#[test]
fn section_3_3_2_an_update_that_crosses_our_reinvite_is_put_off() {
    let mut puppet = Puppet::new();
    let ours = refreshes(&mut puppet);
    puppet.say(within(&ours, "UPDATE", "1 UPDATE", "x", "hold"));
    puppet.response(491);
    puppet.answer(&ours, 200, "x");
    puppet.request(&Method::Ack);
    puppet.say(within(&ours, "UPDATE", "2 UPDATE", "x", "hold"));
    assert_eq!(puppet.expect(reoffer), b"hold", "once ours is settled theirs is heard");
}

#[test]
fn section_3_3_3_a_refer_that_crosses_our_bye_is_refused() {
    let mut puppet = Puppet::new();
    let (ours, tag) = mortal(&mut puppet);
    puppet.say(request("REFER", "z9hG4bKrefer", "2 REFER", &tag, ""));
    puppet.response(405);
    puppet.answer(&ours, 200, "peer");
    assert!(puppet.event().is_none());
    puppet.expect_clean();
}

#[test]
fn appendix_b_a_bye_may_follow_a_reinvite_that_is_not_answered() {
    let mut puppet = Puppet::new();
    let (_, tag) = puppet.call_in();
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "hold"));
    puppet.response(100);
    assert_eq!(puppet.expect(reoffer), b"hold");
    puppet.say(request("BYE", "z9hG4bKbye", "3 BYE", &tag, ""));
    let answers = [puppet.response(200), puppet.response(487)];
    let answered: Vec<_> = answers.iter().map(|answer| header(&answer.headers, &HeaderName::CSeq)).collect();
    assert_eq!(answered, ["3 BYE", "2 INVITE"]);
    puppet.say(request("ACK", "z9hG4bKre", "2 ACK", &tag, ""));
    assert_eq!(puppet.expect_end(), EndedBy::Remote);
    puppet.expect_clean();
}

#[test]
fn appendix_b_our_bye_may_follow_our_reinvite() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    puppet.answer(&invite, 200, "x");
    puppet.request(&Method::Ack);
    puppet.act(|endpoint, now| endpoint.reoffer(now, session, sdp("hold"))).expect("it is up");
    let ours = puppet.request(&Method::Invite);
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&ours, 487, "x");
    puppet.request(&Method::Ack);
    puppet.answer(&bye, 200, "x");
    assert_eq!(puppet.expect_end(), EndedBy::Local);
    puppet.expect_clean();
}

#[test]
fn appendix_c_a_cancel_may_meet_any_final_response() {
    for status in [200, 486, 487, 503] {
        let mut puppet = Puppet::new();
        let (session, invite) = puppet.call();
        puppet.answer(&invite, 180, "x");
        puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it rings");
        let cancel = puppet.request(&Method::Cancel);
        puppet.answer(&invite, status, "x");
        puppet.request(&Method::Ack);
        puppet.answer(&cancel, 481, "x");
        if status == 200 {
            assert!(puppet.expect_answered(), "the shell is told that the two crossed");
            puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
            let bye = puppet.request(&Method::Bye);
            puppet.answer(&bye, 200, "x");
            assert_eq!(puppet.expect_end(), EndedBy::Local);
        } else {
            assert_eq!(puppet.expect_failure().cause, FailureCause::Cancelled);
        }
        puppet.expect_clean();
    }
}
