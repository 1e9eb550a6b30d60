//! Redirections (RFC 3261 8.1.3.4): offered to the shell one by one, and followed only when it says so.

use crate::endpoint::{
    CommandError, Conduct, Event, Failure, FailureCause, Flow, Invite, ListenerId, Redirection, SessionId, Transport,
};
use crate::message::header::From;
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::tests::pair::{credential, uri};
use crate::tests::puppet::{Puppet, header, response};
use std::time::Duration;

/// Another host than the one that was called first.
fn elsewhere() -> Flow {
    let peer = "203.0.113.5:5060".parse().expect("an address of this test");
    Flow { listener: ListenerId(0), transport: Transport::Udp, peer }
}

fn invitation(puppet: &Puppet) -> Invite {
    Invite { conduct: Conduct { redirectable: true, ..Conduct::default() }, ..puppet.invitation() }
}

fn call(puppet: &mut Puppet) -> (SessionId, Request) {
    let invite = invitation(puppet);
    puppet.call_with(invite)
}

/// The peer redirects; the ACK is taken.
fn redirect(puppet: &mut Puppet, invite: &Request, status: u16, contacts: &[&str]) {
    let mut refusal = response(invite, status, "redirector");
    refusal.headers.remove(&HeaderName::Contact);
    for contact in contacts {
        refusal.headers.push(HeaderName::Contact, contact);
    }
    puppet.say(refusal.to_bytes());
    puppet.request(&Method::Ack);
}

fn offered(puppet: &mut Puppet) -> Redirection {
    puppet.expect(|event| {
        if let Event::Redirected { redirection, .. } = event { Some(redirection.as_ref().clone()) } else { None }
    })
}

fn follow(puppet: &mut Puppet, session: SessionId, flow: Flow) -> Request {
    puppet.act(|endpoint, now| endpoint.follow(now, session, flow)).expect("it was offered");
    puppet.request(&Method::Invite)
}

fn pass_over(puppet: &mut Puppet, session: SessionId) {
    puppet.act(|endpoint, now| endpoint.pass_over(now, session)).expect("it was offered");
}

fn failure(puppet: &mut Puppet) -> Box<Failure> {
    puppet.expect_failure()
}

#[test]
fn the_best_contact_is_offered_first_and_dialed_when_it_is_allowed() {
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    let contacts = [
        "<sip:low@203.0.113.5>;q=0.3, \"Best\" <sip:best@203.0.113.5;user=phone;method=BYE?Replaces=x%3Bto-tag%3Da>;q=0.9",
        "<sip:middle@203.0.113.5>;q=0.5",
    ];
    redirect(&mut puppet, &invite, 302, &contacts);
    puppet.expect_quiet();
    let best = offered(&mut puppet);
    assert_eq!((best.status, best.left), (Some(StatusCode::MOVED_TEMPORARILY), 2));
    assert_eq!(best.target.uri.to_string(), "sip:best@203.0.113.5;user=phone", "no method, no headers");
    assert_eq!(best.target.display.as_deref(), Some(&b"Best"[..]));
    let next = follow(&mut puppet, session, elsewhere());
    assert_eq!(next.uri, best.target.uri);
    // "reuse the same To, From, and Call-ID", a new CSeq and a new branch; the offer is the same.
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId] {
        assert_eq!(header(&next.headers, &name), header(&invite.headers, &name));
    }
    assert_eq!(header(&next.headers, &HeaderName::CSeq), "2 INVITE");
    assert_ne!(header(&next.headers, &HeaderName::Via), header(&invite.headers, &HeaderName::Via));
    assert_eq!((next.body.as_slice(), next.headers.has(&HeaderName::Replaces)), (&b"offer"[..], false));
    puppet.answer(&next, 200, "callee");
    puppet.request(&Method::Ack);
    let cseq = puppet.expect(|event| {
        let Event::Answered { request_cseq, dialog, .. } = event else { return None };
        Some((*request_cseq, dialog.flow))
    });
    assert_eq!(cseq, (2, elsewhere()));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&bye, 200, "callee");
    puppet.expect_clean();
}

#[test]
fn contacts_are_tried_one_after_the_other_until_none_is_left() {
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    redirect(&mut puppet, &invite, 300, &["<sip:a@x.example>", "<sip:b@x.example>", "<sip:c@x.example>"]);
    assert_eq!(offered(&mut puppet).target.uri, uri("sip:a@x.example"));
    pass_over(&mut puppet, session);
    assert_eq!(offered(&mut puppet).target.uri, uri("sip:b@x.example"));
    let next = follow(&mut puppet, session, elsewhere());
    puppet.answer(&next, 486, "busy");
    puppet.request(&Method::Ack);
    let last = offered(&mut puppet);
    assert_eq!((last.status, last.left), (Some(StatusCode::BUSY_HERE), 0));
    pass_over(&mut puppet, session);
    let end = failure(&mut puppet);
    assert_eq!((end.cause, end.status, end.invites), (FailureCause::Response, Some(StatusCode::BUSY_HERE), 2));
    let too_late = puppet.act(|endpoint, now| endpoint.follow(now, session, elsewhere()));
    assert_eq!(too_late, Err(CommandError::WrongState(session)));
    puppet.expect_clean();
}

/// "The client MUST NOT add any given URI to the target set more than once."
#[test]
fn nobody_is_asked_for_twice() {
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    let ours = "<sip:callee@EXAMPLE.org>";
    redirect(&mut puppet, &invite, 302, &[ours, "<sip:a@x.example>", "<sip:a@X.example>;q=0.1"]);
    let first = offered(&mut puppet);
    assert_eq!((first.target.uri.to_string(), first.left), ("sip:a@x.example".to_owned(), 0));
    let next = follow(&mut puppet, session, elsewhere());
    redirect(&mut puppet, &next, 302, &["<sip:a@x.example>", ours]);
    let end = failure(&mut puppet);
    assert_eq!(end.status, Some(StatusCode::MOVED_TEMPORARILY));
    assert!(puppet.event().is_none());
    puppet.expect_clean();
}

#[test]
fn contacts_and_invites_have_a_limit() {
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    let many: Vec<String> = (0..200).map(|n| format!("<sip:{n}@x.example>, garbage, <tel:+49{n}>")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    redirect(&mut puppet, &invite, 302, &many);
    assert_eq!(offered(&mut puppet).left, 4, "five in all");
    for _ in 0..3 {
        let next = follow(&mut puppet, session, elsewhere());
        redirect(&mut puppet, &next, 302, &["<sip:further@x.example>"]);
        offered(&mut puppet);
    }
    let fifth = follow(&mut puppet, session, elsewhere());
    assert_eq!(header(&fifth.headers, &HeaderName::CSeq), "5 INVITE");
    puppet.answer(&fifth, 404, "x");
    puppet.request(&Method::Ack);
    assert_eq!(failure(&mut puppet).invites, 5);
    puppet.expect_clean();
}

#[test]
fn a_secure_call_is_not_led_to_where_it_is_not() {
    let mut puppet = Puppet::new();
    let mut invite = invitation(&puppet);
    invite.uri = uri("sips:callee@example.org");
    let (session, invite) = puppet.call_with(invite);
    redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>", "<tel:+4930123>", "<sips:b@x.example>;q=0.1"]);
    let only = offered(&mut puppet);
    assert_eq!((only.target.uri.to_string(), only.left), ("sips:b@x.example".to_owned(), 0));
    pass_over(&mut puppet, session);
    failure(&mut puppet);
    puppet.expect_clean();
}

#[test]
fn what_is_no_other_address_is_not_followed() {
    for status in [305, 380, 486, 603] {
        let mut puppet = Puppet::new();
        let (_, invite) = call(&mut puppet);
        redirect(&mut puppet, &invite, status, &["<sip:a@x.example>"]);
        assert_eq!(failure(&mut puppet).status.map(StatusCode::code), Some(status));
        puppet.expect_clean();
    }
    // A 6xx of one contact speaks for the others too (section 21.6).
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>", "<sip:b@x.example>"]);
    let next = follow(&mut puppet, session, elsewhere());
    puppet.answer(&next, 603, "x");
    puppet.request(&Method::Ack);
    assert_eq!(failure(&mut puppet).status, Some(StatusCode::DECLINE));
    puppet.expect_clean();
}

#[test]
fn whoever_does_not_decide_has_decided() {
    let mut puppet = Puppet::new();
    let (_, invite) = call(&mut puppet);
    redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>"]);
    offered(&mut puppet);
    puppet.run_for(Duration::from_secs(6));
    assert_eq!(failure(&mut puppet).status, Some(StatusCode::MOVED_TEMPORARILY));
    puppet.expect_clean();

    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>"]);
    puppet.act(|endpoint, now| endpoint.hang_up(now, session, None)).expect("it is not over");
    let end = failure(&mut puppet);
    assert_eq!((end.cause, end.status), (FailureCause::Cancelled, None));
    puppet.expect_quiet();
    puppet.expect_clean();
}

#[test]
fn a_contact_that_cannot_be_reached_gives_way_to_the_next() {
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>", "<sip:b@x.example>"]);
    offered(&mut puppet);
    let unknown = Flow { listener: ListenerId(77), ..elsewhere() };
    let refused = puppet.act(|endpoint, now| endpoint.follow(now, session, unknown));
    assert_eq!(refused, Err(CommandError::UnknownListener(ListenerId(77))));
    let now = puppet.now;
    puppet.endpoint.follow(now, session, elsewhere()).expect("it still waits");
    let transmit = puppet.endpoint.poll_transmit().expect("the INVITE");
    puppet.act(|endpoint, now| endpoint.handle_send_failed(now, transmit.id, false));
    let next = offered(&mut puppet);
    assert_eq!((next.status, next.target.uri.to_string()), (None, "sip:b@x.example".to_owned()));
    let next = follow(&mut puppet, session, elsewhere());
    puppet.answer(&next, 404, "x");
    puppet.request(&Method::Ack);
    assert_eq!(failure(&mut puppet).status, Some(StatusCode::NOT_FOUND));
    puppet.expect_clean();
}

/// Whoever redirects a call does not learn what answers a challenge meant for the first host.
#[test]
fn credentials_go_to_no_other_host() {
    for (flow, answered) in [(None, true), (Some(elsewhere()), false)] {
        let mut puppet = Puppet::new();
        let mut invite = invitation(&puppet);
        invite.credentials = Some(credential("u", "p"));
        let (session, invite) = puppet.call_with(invite);
        redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>"]);
        let flow = flow.unwrap_or_else(|| puppet.flow());
        let next = follow(&mut puppet, session, flow);
        let mut challenge = response(&next, 401, "x");
        challenge.headers.push(HeaderName::WwwAuthenticate, "Digest realm=\"carrier\", nonce=\"n\"");
        puppet.say(challenge.to_bytes());
        puppet.request(&Method::Ack);
        if answered {
            let again = puppet.request(&Method::Invite);
            assert!(again.headers.has(&HeaderName::Authorization));
            puppet.answer(&again, 404, "x");
            puppet.request(&Method::Ack);
        }
        let status = if answered { StatusCode::NOT_FOUND } else { StatusCode::UNAUTHORIZED };
        assert_eq!(failure(&mut puppet).status, Some(status));
        puppet.expect_clean();
    }
}

/// RFC 3261 9.1: a CANCEL waits for a provisional response to the INVITE it cancels, not to one before it.
#[test]
fn a_cancel_waits_for_the_new_branch() {
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    puppet.answer(&invite, 180, "redirector");
    redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>"]);
    let next = follow(&mut puppet, session, elsewhere());
    puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it is not answered");
    puppet.expect_quiet();
    puppet.answer(&next, 180, "callee");
    let cancel = puppet.request(&Method::Cancel);
    assert_eq!(header(&cancel.headers, &HeaderName::Via), header(&next.headers, &HeaderName::Via));
    assert_eq!(cancel.uri, next.uri);
    let from: From = cancel.headers.typed().expect("requests have From");
    assert!(from.tag().is_some());
    puppet.answer(&cancel, 200, "callee");
    puppet.answer(&next, 487, "callee");
    puppet.request(&Method::Ack);
    assert_eq!(failure(&mut puppet).cause, FailureCause::Cancelled);
    puppet.expect_clean();
}

fn lines<'a>(request: &'a Request, name: &'a HeaderName) -> Vec<&'a str> {
    request.headers.all(name).map(|value| std::str::from_utf8(value).expect("text")).collect()
}

/// RFC 7044 sections 9.3, 10.2 and 10.3: each target with the response for which it was left, the next one beside it.
#[test]
fn who_is_called_next_is_told_whom_the_call_was_for() {
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    assert!(!invite.headers.has(&HeaderName::HistoryInfo) && !invite.headers.has(&HeaderName::Diversion));
    redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>;q=0.9", "<sip:b@x.example?Privacy=history>;q=0.1"]);
    let next = follow(&mut puppet, session, elsewhere());
    let first = "<sip:callee@example.org?Reason=SIP%3Bcause%3D302>;index=1";
    assert_eq!(lines(&next, &HeaderName::HistoryInfo), [first, "<sip:a@x.example>;index=2;mp=1"]);
    let diverted = "<sip:callee@example.org>;reason=unconditional";
    assert_eq!(lines(&next, &HeaderName::Diversion), [diverted]);
    // The other contact of the same redirection: nothing was diverted by the first one, which was busy.
    puppet.answer(&next, 486, "busy");
    puppet.request(&Method::Ack);
    let last = follow(&mut puppet, session, elsewhere());
    let told = [
        first,
        "<sip:a@x.example?Reason=SIP%3Bcause%3D486>;index=2;mp=1",
        "<sip:b@x.example?Privacy=history>;index=3;mp=1",
    ];
    assert_eq!(lines(&last, &HeaderName::HistoryInfo), told);
    assert_eq!(lines(&last, &HeaderName::Diversion), [diverted]);
    assert_eq!(last.uri, uri("sip:b@x.example"));
    puppet.answer(&last, 404, "nobody");
    puppet.request(&Method::Ack);
    assert_eq!(failure(&mut puppet).status, Some(StatusCode::NOT_FOUND));
    puppet.expect_clean();
}

/// RFC 5806: what the redirecting side says of diversions stands above what was known before. RFC 7044 section 10.4: a
/// contact of the same user (`rc`) diverts nothing.
#[test]
fn what_the_redirecting_side_says_is_passed_on() {
    let mut puppet = Puppet::new();
    let mut asked = invitation(&puppet);
    asked.headers.push(HeaderName::Diversion, "<sip:before@example.org>;reason=away");
    let (session, invite) = puppet.call_with(asked);
    let mut refusal = response(&invite, 302, "redirector");
    refusal.headers.remove(&HeaderName::Contact);
    refusal.headers.push(HeaderName::Contact, "<sip:else@x.example>;q=1, <sip:desk@x.example>;rc=1;q=0.5");
    refusal.headers.push(HeaderName::Diversion, "<sip:inner@x.example>;reason=user-busy;counter=1, broken");
    puppet.say(refusal.to_bytes());
    puppet.request(&Method::Ack);
    let next = follow(&mut puppet, session, elsewhere());
    let told = ["<sip:inner@x.example>;reason=user-busy;counter=1", "<sip:before@example.org>;reason=away"];
    assert_eq!(lines(&next, &HeaderName::Diversion), told);
    puppet.answer(&next, 480, "away");
    puppet.request(&Method::Ack);
    let same = follow(&mut puppet, session, elsewhere());
    assert_eq!(lines(&same, &HeaderName::HistoryInfo)[2], "<sip:desk@x.example>;index=3;rc=1");
    assert_eq!(lines(&same, &HeaderName::Diversion), [told[1]]);
}

/// RFC 7044 section 10.1.2: a call whose way is not to be shown names nobody in Diversion, and keeps its Privacy.
#[test]
fn a_call_whose_way_is_private_stays_so() {
    let mut puppet = Puppet::new();
    let mut asked = invitation(&puppet);
    asked.headers.push(HeaderName::Privacy, "history");
    let (session, invite) = puppet.call_with(asked);
    redirect(&mut puppet, &invite, 302, &["<sip:a@x.example>"]);
    let next = follow(&mut puppet, session, elsewhere());
    assert_eq!(lines(&next, &HeaderName::Privacy), ["history"]);
    let told = ["<sip:anonymous@anonymous.invalid>;reason=unconditional;privacy=full"];
    assert_eq!(lines(&next, &HeaderName::Diversion), told);
}
