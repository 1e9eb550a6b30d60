//! INVITEs that take the place of a call (RFC 3891), where that is switched on.

use crate::endpoint::{Config, EndedBy, Event, FailureCause, Rejection, SessionId};
use crate::message::{HeaderName, Method, StatusCode};
use crate::tests::pair::sdp;
use crate::tests::puppet::{Puppet, header, request_with, response, to_tag};

fn puppet() -> Puppet {
    Puppet::with(Config { replaceable: true, ..Config::default() })
}

/// An INVITE of somebody else with this Replaces.
fn taking(branch: &str, replaces: &str, more: &str) -> String {
    let more = format!("Require: replaces\r\nReplaces: {replaces}\r\n{more}");
    request_with("INVITE", branch, "7 INVITE", "", &more, "offer")
        .replace("Call-ID: call-of-the-peer", &format!("Call-ID: {branch}"))
        .replace(">;tag=peer", ">;tag=other")
}

/// The new call, and which one it would replace.
fn asked(puppet: &mut Puppet) -> (SessionId, Option<SessionId>) {
    puppet.expect(|event| {
        if let Event::Incoming { session, invite } = event { Some((*session, invite.replaces)) } else { None }
    })
}

#[test]
fn a_confirmed_call_is_taken_over_when_the_new_one_is_accepted() {
    let mut puppet = puppet();
    let (old, tag) = puppet.call_in();
    puppet.say(taking("z9hG4bKnew", &format!("call-of-the-peer;from-tag=peer;to-tag={tag}"), ""));
    puppet.response(100);
    let (new, replaced) = asked(&mut puppet);
    assert_eq!(replaced, Some(old));
    puppet.act(|endpoint, now| endpoint.ring(now, new, StatusCode::RINGING, None)).expect("it rings");
    let ringing = puppet.response(180);
    assert!(header(&ringing.headers, &HeaderName::Supported).contains("replaces"));
    assert!(puppet.event().is_none(), "the old call is untouched");
    puppet.act(|endpoint, now| endpoint.accept(now, new, sdp("answer"))).expect("it rings");
    let tag = to_tag(&puppet.response(200));
    let bye = puppet.request(&Method::Bye);
    assert_eq!(header(&bye.headers, &HeaderName::CallId), "call-of-the-peer");
    let ended =
        puppet.expect(|event| if let Event::Ended { session, by, .. } = event { Some((*session, *by)) } else { None });
    assert_eq!(ended, (old, EndedBy::Local));
    puppet.answer(&bye, 200, "peer");
    let ack = taking("z9hG4bKnew", "x;from-tag=1;to-tag=2", "").replace("INVITE", "ACK");
    puppet.say(ack.replace("To: <sip:us@198.51.100.1>", &format!("To: <sip:us@198.51.100.1>;tag={tag}")));
    puppet.act(|endpoint, now| endpoint.bye(now, new, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    assert_eq!(header(&bye.headers, &HeaderName::CallId), "z9hG4bKnew");
    puppet.answer(&bye, 200, "other");
    puppet.expect_clean();
}

/// Section 3: where the new call is not accepted, the one it was to replace stays as it was.
#[test]
fn a_refused_one_leaves_the_call_as_it_was() {
    let mut puppet = puppet();
    let (old, tag) = puppet.call_in();
    puppet.say(taking("z9hG4bKnew", &format!("call-of-the-peer;from-tag=peer;to-tag={tag}"), ""));
    puppet.response(100);
    let (new, _) = asked(&mut puppet);
    let no = Rejection::default();
    puppet.act(|endpoint, now| endpoint.reject(now, new, StatusCode::FORBIDDEN, no)).expect("it rings");
    puppet.response(403);
    puppet.expect_quiet();
    puppet.act(|endpoint, now| endpoint.bye(now, old, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&bye, 200, "peer");
    puppet.expect_clean();
}

#[test]
fn a_call_of_ours_that_rings_is_cancelled() {
    let mut puppet = puppet();
    let (old, invite) = puppet.call();
    puppet.answer(&invite, 180, "callee");
    let call_id = header(&invite.headers, &HeaderName::CallId).to_owned();
    let ours = header(&invite.headers, &HeaderName::From).split("tag=").nth(1).expect("our tag").to_owned();
    let replaces = format!("{call_id};to-tag={ours};from-tag=callee;early-only");
    puppet.say(taking("z9hG4bKnew", &replaces, ""));
    puppet.response(100);
    let (new, replaced) = asked(&mut puppet);
    assert_eq!(replaced, Some(old));
    puppet.act(|endpoint, now| endpoint.accept(now, new, sdp("answer"))).expect("it rings");
    puppet.response(200);
    let cancel = puppet.request(&Method::Cancel);
    puppet.answer(&cancel, 200, "callee");
    puppet.say(response(&invite, 487, "callee").to_bytes());
    puppet.request(&Method::Ack);
    assert_eq!(puppet.expect_failure().cause, FailureCause::Cancelled);
}

/// Section 3, each refusal with its status.
#[test]
fn what_cannot_be_taken_over_is_refused_by_kind() {
    let mut puppet = puppet();
    let (old, tag) = puppet.call_in();
    let ours = format!("call-of-the-peer;from-tag=peer;to-tag={tag}");
    // A call that rings here was not initiated by us.
    puppet.say(
        taking("z9hG4bKringing", "none;from-tag=1;to-tag=2", "")
            .replace("Replaces: none", "Subject: none")
            .replace("Require: replaces\r\n", ""),
    );
    puppet.response(100);
    let (ringing, replaced) = asked(&mut puppet);
    assert_eq!(replaced, None);
    puppet.act(|endpoint, now| endpoint.ring(now, ringing, StatusCode::RINGING, None)).expect("it rings");
    let ringing_tag = to_tag(&puppet.response(180));
    let inbound = format!("z9hG4bKringing;from-tag=other;to-tag={ringing_tag}");
    for (branch, replaces, more, status) in [
        ("z9hG4bK1", format!("{ours};early-only"), "", 486),
        ("z9hG4bK2", "other;from-tag=1;to-tag=2".to_owned(), "", 481),
        ("z9hG4bK3", format!("call-of-the-peer;from-tag=wrong;to-tag={tag}"), "", 481),
        ("z9hG4bK4", format!("other-call;from-tag=peer;to-tag={tag}"), "", 481),
        ("z9hG4bK5", inbound, "", 481),
        ("z9hG4bK6", "no tags".to_owned(), "", 400),
        ("z9hG4bK7", ours.clone(), "Join: call-of-the-peer;from-tag=peer;to-tag=x\r\n", 400),
        ("z9hG4bK8", ours.clone(), "Replaces: other;from-tag=1;to-tag=2\r\n", 400),
    ] {
        puppet.say(taking(branch, &replaces, more));
        puppet.response(status);
        assert!(!puppet.events().iter().any(|event| matches!(event, Event::Incoming { .. })), "{branch}");
    }
    // "matches a dialog that has already terminated": 603.
    puppet.act(|endpoint, now| endpoint.bye(now, old, None)).expect("it is up");
    puppet.request(&Method::Bye);
    puppet.say(taking("z9hG4bK9", &ours, ""));
    puppet.response(603);
}

#[test]
fn without_the_switch_the_extension_is_not_known() {
    let mut puppet = Puppet::new();
    puppet.say(taking("z9hG4bKnew", "other;from-tag=1;to-tag=2", ""));
    let refusal = puppet.response(420);
    assert_eq!(header(&refusal.headers, &HeaderName::Unsupported), "replaces");
}
