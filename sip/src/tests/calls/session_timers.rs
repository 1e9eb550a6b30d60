//! Session timers over hours of virtual time (RFC 4028).

use crate::endpoint::{Config, EndedBy, Event};
use crate::message::{HeaderName, Method};
use crate::tests::pair::{Pair, Side};
use crate::tests::puppet::{Puppet, header, request, request_with, response};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_call_of_two_hours_is_kept_by_refreshes() {
    for pair in [Pair::new(11), Pair::new(11).over_tcp()] {
        let mut pair = pair;
        let mut invite = pair.invitation();
        invite.session_expires = Some(600);
        let (caller, _) = pair.connect_with(invite);
        pair.run_for(2 * HOUR);
        for side in [Side::A, Side::B] {
            let ends: Vec<Event> = pair.events(side);
            assert!(ends.is_empty(), "{side:?}: {ends:?}");
        }
        // Every 300 s from the side that placed the call, which both know to be the refresher.
        assert_eq!(pair.sent(Side::A, "UPDATE"), 23);
        assert_eq!(pair.sent(Side::B, "UPDATE"), 0);
        pair.act(Side::A, |a, now| a.bye(now, caller, None).expect("it is still up"));
        pair.expect_clean();
    }
}

#[test]
fn a_call_whose_peer_vanished_ends_by_its_timer() {
    let mut pair = Pair::new(12);
    let mut invite = pair.invitation();
    invite.session_expires = Some(600);
    pair.connect_with(invite);
    pair.cut = true;
    let cut_at = pair.now;
    // The refresher learns it from its refresh (at 300 s, plus 32 s of timer F), the other side when none comes.
    assert_eq!(pair.expect_end(Side::A), EndedBy::SessionTimer);
    let refresher = (pair.now - cut_at).as_secs();
    assert!((331..=332).contains(&refresher), "{refresher}");
    assert_eq!(pair.expect_end(Side::B), EndedBy::SessionTimer);
    let other = (pair.now - cut_at).as_secs();
    assert!((567..=568).contains(&other), "600 s less 32: {other}");
    pair.expect_clean();
}

#[test]
fn a_peer_without_update_is_refreshed_by_invite_with_the_same_offer() {
    let mut puppet = Puppet::new();
    let mut invite = puppet.invitation();
    invite.session_expires = Some(200);
    let (session, invite) = puppet.call_with(invite);
    assert_eq!(header(&invite.headers, &HeaderName::SessionExpires), "200");
    assert_eq!(header(&invite.headers, &HeaderName::Supported), "timer, 100rel");
    let mut answer = response(&invite, 200, "x");
    answer.headers.push(HeaderName::SessionExpires, "200;refresher=uac");
    puppet.say(answer.to_bytes());
    puppet.request(&Method::Ack);
    puppet.expect_answered();
    puppet.run_for(Duration::from_secs(100));
    let refresh = puppet.request(&Method::Invite);
    assert_eq!(refresh.body, b"offer");
    assert_eq!(header(&refresh.headers, &HeaderName::SessionExpires), "200;refresher=uac");
    let mut answer = response(&refresh, 200, "x");
    answer.headers.push(HeaderName::SessionExpires, "200;refresher=uac");
    for _ in 0..2 {
        puppet.say(answer.to_bytes());
        assert_eq!(header(&puppet.request(&Method::Ack).headers, &HeaderName::CSeq), "2 ACK");
    }
    assert!(puppet.event().is_none(), "nothing changed");
    // The next one answers with something new.
    puppet.run_for(Duration::from_secs(100));
    let refresh = puppet.request(&Method::Invite);
    let mut answer = response(&refresh, 200, "x");
    answer.body = b"moved".to_vec();
    puppet.say(answer.to_bytes());
    puppet.request(&Method::Ack);
    let moved =
        puppet.expect(|event| if let Event::Reanswered { body, .. } = event { Some(body.clone()) } else { None });
    assert_eq!(moved.bytes, b"moved");
    // That answer asked for no timer any more.
    puppet.run_for(HOUR);
    puppet.expect_quiet();
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn a_refresh_that_collides_is_sent_again_after_a_while() {
    let mut puppet = Puppet::new();
    let mut invite = puppet.invitation();
    invite.session_expires = Some(200);
    let (_, invite) = puppet.call_with(invite);
    let mut answer = response(&invite, 200, "x");
    answer.headers.push(HeaderName::SessionExpires, "200;refresher=uac");
    answer.headers.push(HeaderName::Allow, "INVITE, UPDATE");
    puppet.say(answer.to_bytes());
    puppet.request(&Method::Ack);
    puppet.run_for(Duration::from_secs(100));
    let refresh = puppet.request(&Method::Update);
    puppet.answer(&refresh, 491, "x");
    puppet.run_for(Duration::from_millis(2_099));
    puppet.expect_quiet();
    let refresh = puppet.await_request(&Method::Update, Duration::from_millis(1_901));
    // Not understood after all: a re-INVITE follows at once, and 422 is met by asking for more.
    puppet.answer(&refresh, 501, "x");
    puppet.run_for(Duration::ZERO);
    let refresh = puppet.request(&Method::Invite);
    let mut small = response(&refresh, 422, "x");
    small.headers.push(HeaderName::MinSe, "400");
    puppet.say(small.to_bytes());
    puppet.request(&Method::Ack);
    puppet.run_for(Duration::ZERO);
    let refresh = puppet.request(&Method::Invite);
    assert_eq!(header(&refresh.headers, &HeaderName::SessionExpires), "400;refresher=uac");
    puppet.answer(&refresh, 481, "x");
    puppet.request(&Method::Ack);
    puppet.request(&Method::Bye);
    assert_eq!(puppet.expect_end(), EndedBy::Error, "481 ends the dialog");
    puppet.expect_clean();
}

#[test]
fn an_interval_too_small_is_asked_for_again_with_the_minimum() {
    let mut pair = Pair::with(13, Config::default(), Config { min_se: 500, ..Config::default() });
    let mut invite = pair.invitation();
    invite.session_expires = Some(120);
    let caller = pair.call_with(invite);
    pair.incoming();
    assert_eq!(pair.sent(Side::A, "INVITE"), 2);
    pair.act(Side::A, |a, now| a.cancel(now, caller, None).expect("it is not answered"));
    let failure = pair.expect_failure(Side::A);
    assert_eq!(failure.invites, 2);
    pair.expect_clean();
}

#[test]
fn a_refresher_on_the_other_side_is_watched() {
    let mut puppet = Puppet::new();
    let more = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    puppet.say(request_with("INVITE", "z9hG4bKcall", "1 INVITE", "", more, "offer"));
    let session = puppet.incoming();
    puppet.response(100);
    puppet.act(|endpoint, now| endpoint.accept(now, session, crate::tests::pair::sdp("answer"))).expect("it rings");
    let answer = puppet.response(200);
    assert_eq!(header(&answer.headers, &HeaderName::SessionExpires), "90;refresher=uac");
    assert_eq!(header(&answer.headers, &HeaderName::Require), "timer");
    let tag = crate::tests::puppet::to_tag(&answer);
    puppet.say(request("ACK", "z9hG4bKack", "1 ACK", &tag, ""));
    for refresh in 2..10 {
        puppet.run_for(Duration::from_secs(45));
        puppet.expect_quiet();
        let branch = format!("z9hG4bKrefresh{refresh}");
        puppet.say(request_with("UPDATE", &branch, &format!("{refresh} UPDATE"), &tag, more, ""));
        puppet.response(200);
    }
    puppet.run_for(Duration::from_secs(59));
    puppet.expect_quiet();
    puppet.run_for(Duration::from_secs(1));
    puppet.request(&Method::Bye);
    assert_eq!(puppet.expect_end(), EndedBy::SessionTimer);
    puppet.expect_clean();
}

#[test]
fn too_small_an_interval_from_a_caller_is_422() {
    let mut puppet = Puppet::new();
    let more = "Supported: timer\r\nSession-Expires: 30\r\n";
    puppet.say(request_with("INVITE", "z9hG4bKcall", "1 INVITE", "", more, "offer"));
    let response = puppet.response(422);
    assert_eq!(header(&response.headers, &HeaderName::MinSe), "90");
    assert!(puppet.event().is_none());
    puppet.expect_clean();
}

#[test]
fn a_refresh_that_only_rings_is_forgotten_after_the_call() {
    let mut puppet = Puppet::new();
    let mut invite = puppet.invitation();
    invite.session_expires = Some(90);
    let (_, invite) = puppet.call_with(invite);
    let mut answer = response(&invite, 200, "x");
    answer.headers.push(HeaderName::SessionExpires, "90;refresher=uac");
    puppet.say(answer.to_bytes());
    puppet.request(&Method::Ack);
    puppet.run_for(Duration::from_secs(45));
    let refresh = puppet.request(&Method::Invite);
    puppet.answer(&refresh, 180, "x");
    puppet.run_for(Duration::from_secs(15));
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&bye, 200, "x");
    assert_eq!(puppet.expect_end(), EndedBy::SessionTimer);
    puppet.expect_clean();
}
