//! REFER and the NOTIFYs that tell how it went (RFC 3515, RFC 6665, RFC 4488).

use crate::endpoint::{CommandError, Config, EndedBy, Event, Refer, ReferEnd, ReferId, ReferProgress, SessionId};
use crate::message::header::{NameAddr, Replaces, TypedHeader};
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::tests::pair::{Faults, Pair, Side, credential, uri};
use crate::tests::puppet::{Puppet, header, request, request_with, response};
use std::time::Duration;

/// One side asks, the other is one that lets itself be sent elsewhere.
fn pair(seed: u64) -> Pair {
    Pair::with(seed, Config::default(), Config { referable: true, ..Config::default() })
}

fn wish() -> Refer {
    Refer {
        to: NameAddr::new(uri("sip:+49301234@gw.example;user=phone")),
        by: Some(NameAddr::new(uri("sip:agent@198.51.100.1"))),
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::new(code).expect("a status of this test")
}

/// The far side of the puppet answers our call; we ask it to call somebody else.
fn asked(puppet: &mut Puppet) -> (SessionId, ReferId, Request) {
    let (session, invite) = puppet.call();
    puppet.answer(&invite, 200, "peer");
    puppet.ignore();
    let refer = puppet.act(|endpoint, now| endpoint.refer(now, session, wish())).expect("it is up");
    let request = puppet.request(&Method::Refer);
    (session, refer, request)
}

/// A NOTIFY of the peer in the dialog of our call.
fn notify(refer: &Request, branch: &str, cseq: u32, state: &str, body: &str) -> String {
    let (id, from, to) = (
        header(&refer.headers, &HeaderName::CallId),
        header(&refer.headers, &HeaderName::To),
        header(&refer.headers, &HeaderName::From),
    );
    let number = header(&refer.headers, &HeaderName::CSeq).split(' ').next().unwrap_or_default();
    let state = if state.is_empty() { String::new() } else { format!("Subscription-State: {state}\r\n") };
    format!(
        "NOTIFY sip:us@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {cseq} NOTIFY\r\n\
         Contact: <sip:peer@192.0.2.9:5060>\r\nEvent: refer;id={number}\r\n{state}\
         Content-Type: message/sipfrag;version=2.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn progress(event: &Event) -> Option<ReferProgress> {
    if let Event::Refer { progress, .. } = event { Some(progress.clone()) } else { None }
}

fn end(event: &Event) -> Option<ReferEnd> {
    match progress(event)? {
        ReferProgress::Ended(end) => Some(end),
        ReferProgress::Accepted | ReferProgress::Trying { .. } => None,
    }
}

fn all(puppet: &mut Puppet) -> Vec<ReferProgress> {
    std::iter::from_fn(|| puppet.event()).filter_map(|event| progress(&event)).collect()
}

fn hang_up(puppet: &mut Puppet, session: SessionId) {
    puppet.ignore();
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    puppet.answer(&bye, 200, "peer");
    assert_eq!(puppet.expect_end(), EndedBy::Local);
    puppet.expect_clean();
}

#[test]
fn a_transfer_is_asked_for_watched_and_done() {
    let mut pair = pair(1);
    let (caller, callee) = pair.connect();
    let refer = pair.act(Side::A, |a, now| a.refer(now, caller, wish())).expect("it is up");
    let asked = pair
        .expect(Side::B, |event| if let Event::Referred { refer, .. } = event { Some(refer.clone()) } else { None });
    assert_eq!(asked.to.uri, wish().to.uri);
    assert_eq!(asked.by.as_ref().map(|by| by.uri.to_string()).as_deref(), Some("sip:agent@198.51.100.1"));
    assert!(asked.watched && asked.replaces.is_none());
    let now = pair.now;
    assert_eq!(pair.a.refer(now, caller, wish()), Err(CommandError::WrongState(caller)), "one at a time");
    pair.act(Side::B, |b, now| b.notify_refer(now, callee, StatusCode::RINGING)).expect("it is watched");
    pair.act(Side::B, |b, now| b.notify_refer(now, callee, StatusCode::OK)).expect("it is watched");
    let again = pair.act(Side::B, |b, now| b.notify_refer(now, callee, StatusCode::OK));
    assert_eq!(again, Err(CommandError::WrongState(callee)));
    let mut seen = Vec::new();
    while seen.last() != Some(&ReferProgress::Ended(ReferEnd::Result { status: StatusCode::OK })) {
        seen.push(pair.expect(Side::A, |event| {
            let Event::Refer { session, refer: name, progress } = event else { return None };
            assert_eq!((*session, *name), (caller, refer));
            Some(progress.clone())
        }));
    }
    assert_eq!(seen[0], ReferProgress::Accepted);
    assert!(seen.contains(&ReferProgress::Trying { status: StatusCode::TRYING }), "{seen:?}");
    pair.act(Side::A, |a, now| a.bye(now, caller, None)).expect("it is up");
    pair.expect_end(Side::B);
    pair.expect_clean();
}

#[test]
fn the_request_says_who_where_and_in_whose_name() {
    let mut puppet = Puppet::new();
    let (session, _, refer) = asked(&mut puppet);
    let value = |name| header(&refer.headers, &name).to_owned();
    assert_eq!(value(HeaderName::ReferTo), "<sip:+49301234@gw.example;user=phone>");
    assert_eq!(value(HeaderName::ReferredBy), "<sip:agent@198.51.100.1>");
    assert_eq!(value(HeaderName::CSeq), "2 REFER");
    assert!(value(HeaderName::Contact).contains("198.51.100.1"));
    assert!(value(HeaderName::Allow).contains("NOTIFY") && !value(HeaderName::Allow).contains("REFER"));
    puppet.answer(&refer, 603, "peer");
    assert_eq!(puppet.expect(end), ReferEnd::Refused { status: StatusCode::DECLINE, retry_after: None });
    hang_up(&mut puppet, session);
}

#[test]
fn a_refusal_leaves_the_call_up_and_may_be_followed_by_another_try() {
    for code in [405, 501, 603, 481, 503, 302] {
        let mut puppet = Puppet::new();
        let (session, _, refer) = asked(&mut puppet);
        let mut refusal = response(&refer, code, "peer");
        refusal.headers.push(HeaderName::RetryAfter, "7");
        puppet.say(refusal.to_bytes());
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(puppet.expect(end), ReferEnd::Refused { status: status(code), retry_after });
        puppet.act(|endpoint, now| endpoint.refer(now, session, wish())).expect("the first one is over");
        let refer = puppet.request(&Method::Refer);
        puppet.answer(&refer, code, "peer");
        puppet.expect(end);
        hang_up(&mut puppet, session);
    }
}

#[test]
fn a_challenge_is_answered_and_the_new_cseq_names_the_subscription() {
    let mut puppet = Puppet::new();
    let mut invite = puppet.invitation();
    invite.credentials = Some(credential("alice", "secret"));
    let (session, invite) = puppet.call_with(invite);
    puppet.answer(&invite, 200, "peer");
    puppet.ignore();
    puppet.act(|endpoint, now| endpoint.refer(now, session, wish())).expect("it is up");
    let first = puppet.request(&Method::Refer);
    let mut challenge = response(&first, 407, "peer");
    challenge.headers.push(HeaderName::ProxyAuthenticate, "Digest realm=\"gw\", nonce=\"n\", qop=\"auth\"");
    puppet.say(challenge.to_bytes());
    let second = puppet.request(&Method::Refer);
    assert!(second.headers.has(&HeaderName::ProxyAuthorization));
    puppet.answer(&second, 202, "peer");
    assert_eq!(puppet.expect(progress), ReferProgress::Accepted);
    puppet.say(notify(&first, "z9hG4bKold", 1, "active", "SIP/2.0 100 Trying"));
    puppet.response(481);
    puppet.say(notify(&second, "z9hG4bKnew", 2, "terminated;reason=noresource", "SIP/2.0 486 Busy Here"));
    puppet.response(200);
    assert_eq!(puppet.expect(end), ReferEnd::Result { status: StatusCode::BUSY_HERE });
    hang_up(&mut puppet, session);
}

#[test]
fn a_notify_may_be_faster_than_the_response() {
    let mut puppet = Puppet::new();
    let (session, _, refer) = asked(&mut puppet);
    puppet.say(notify(&refer, "z9hG4bKn1", 1, "active;expires=60", "SIP/2.0 100 Trying"));
    puppet.response(200);
    assert_eq!(all(&mut puppet), [ReferProgress::Accepted, ReferProgress::Trying { status: StatusCode::TRYING }]);
    puppet.answer(&refer, 202, "peer");
    assert_eq!(all(&mut puppet), [], "it was known");
    // The same again, as UDP has it, and an older one behind it.
    puppet.say(notify(&refer, "z9hG4bKn3", 3, "terminated", "SIP/2.0 200 OK"));
    puppet.say(notify(&refer, "z9hG4bKn3", 3, "terminated", "SIP/2.0 200 OK"));
    puppet.say(notify(&refer, "z9hG4bKn2", 2, "active", "SIP/2.0 180 Ringing"));
    puppet.response(200);
    puppet.response(200);
    puppet.response(500);
    assert_eq!(all(&mut puppet), [ReferProgress::Ended(ReferEnd::Result { status: StatusCode::OK })]);
    hang_up(&mut puppet, session);
}

#[test]
fn a_result_before_the_response_is_believed_whatever_the_response() {
    for code in [202, 503] {
        let mut puppet = Puppet::new();
        let (session, _, refer) = asked(&mut puppet);
        puppet.say(notify(&refer, "z9hG4bKn", 1, "", "SIP/2.0 200 OK\r\n"));
        puppet.response(200);
        puppet.answer(&refer, code, "peer");
        let told = [ReferProgress::Accepted, ReferProgress::Ended(ReferEnd::Result { status: StatusCode::OK })];
        assert_eq!(all(&mut puppet), told);
        hang_up(&mut puppet, session);
    }
}

#[test]
fn a_bye_before_the_last_notify_ends_the_wait_and_the_notify_is_still_answered() {
    let mut puppet = Puppet::new();
    let (session, _, refer) = asked(&mut puppet);
    puppet.answer(&refer, 202, "peer");
    puppet.ignore();
    let template = notify(&refer, "z9hG4bKbye", 1, "", "");
    let bye = template.replace("NOTIFY sip", "BYE sip").replace("1 NOTIFY", "1 BYE");
    puppet.say(bye);
    puppet.response(200);
    let mut seen = Vec::new();
    while let Some(event) = puppet.event() {
        if let Event::Ended { by, .. } = event {
            seen.push(format!("{by:?}"));
        } else {
            seen.push(format!("{:?}", progress(&event)));
        }
    }
    assert_eq!(seen, ["Some(Ended(SessionOver))", "Remote"]);
    puppet.say(notify(&refer, "z9hG4bKlate", 2, "terminated;reason=noresource", "SIP/2.0 200 OK"));
    puppet.response(200);
    puppet.run_for(Duration::from_secs(33));
    puppet.say(notify(&refer, "z9hG4bKtoolate", 3, "terminated;reason=noresource", "SIP/2.0 200 OK"));
    puppet.response(481);
    assert!(puppet.endpoint.notify_refer(puppet.now, session, StatusCode::OK).is_err());
    puppet.expect_clean();
}

#[test]
fn silence_has_an_end_at_every_step() {
    // No response at all: timer F. It is retransmitted over UDP.
    let mut puppet = Puppet::new();
    let (session, _, _) = asked(&mut puppet);
    puppet.run_for(Duration::from_secs(31));
    assert!(puppet.requests().iter().all(|request| request.method == Method::Refer));
    assert_eq!(all(&mut puppet), []);
    puppet.run_for(Duration::from_secs(2));
    assert_eq!(all(&mut puppet), [ReferProgress::Ended(ReferEnd::Unanswered)]);
    hang_up(&mut puppet, session);

    // Accepted and then nothing: timer N.
    let mut puppet = Puppet::new();
    let (session, _, refer) = asked(&mut puppet);
    puppet.answer(&refer, 200, "peer");
    assert_eq!(all(&mut puppet), [ReferProgress::Accepted]);
    puppet.run_for(Duration::from_secs(33));
    assert_eq!(all(&mut puppet), [ReferProgress::Ended(ReferEnd::Silent)]);
    hang_up(&mut puppet, session);

    // A subscription that is not ended: as long as its last NOTIFY said, within limits.
    for (state, seconds) in
        [("active;expires=60", 60), ("active;expires=9999", 600), ("active", 180), ("active;expires=0", 32)]
    {
        let mut puppet = Puppet::new();
        let (session, _, refer) = asked(&mut puppet);
        puppet.answer(&refer, 202, "peer");
        puppet.say(notify(&refer, "z9hG4bKn", 1, state, "SIP/2.0 100 Trying"));
        puppet.ignore();
        puppet.run_for(Duration::from_secs(seconds - 1));
        assert_eq!(all(&mut puppet), [], "{state}");
        puppet.run_for(Duration::from_secs(1));
        assert_eq!(all(&mut puppet), [ReferProgress::Ended(ReferEnd::Silent)], "{state}");
        hang_up(&mut puppet, session);
    }

    // Ended without a result.
    let mut puppet = Puppet::new();
    let (session, _, refer) = asked(&mut puppet);
    puppet.answer(&refer, 202, "peer");
    puppet.say(notify(&refer, "z9hG4bKn", 1, "terminated;reason=giveup", "nonsense"));
    assert_eq!(puppet.expect(end), ReferEnd::Silent);
    hang_up(&mut puppet, session);
}

#[test]
fn a_far_side_that_does_not_tell_is_known_at_once() {
    for (code, sub) in [(202, "Refer-Sub: false\r\n"), (204, "")] {
        let mut puppet = Puppet::new();
        let (session, _, refer) = asked(&mut puppet);
        let text = String::from_utf8(response(&refer, code, "peer").to_bytes()).expect("text in this test");
        puppet.say(text.replace("Contact:", &format!("{sub}Contact:")));
        assert_eq!(all(&mut puppet), [ReferProgress::Ended(ReferEnd::Unwatched)]);
        hang_up(&mut puppet, session);
    }
}

#[test]
fn notifies_of_other_things_are_refused_by_kind() {
    let mut puppet = Puppet::new();
    let (session, _, refer) = asked(&mut puppet);
    puppet.answer(&refer, 202, "peer");
    puppet.ignore();
    let fragment = notify(&refer, "z9hG4bKa", 1, "active", "SIP/2.0 100 Trying");
    puppet.say(fragment.replace("Event: refer", "Event: keep-alive"));
    assert_eq!(header(&puppet.response(489).headers, &HeaderName::AllowEvents), "refer");
    let fragment = notify(&refer, "z9hG4bKb", 2, "active", "SIP/2.0 100 Trying");
    puppet.say(fragment.replace("message/sipfrag;version=2.0", "text/plain"));
    assert_eq!(header(&puppet.response(415).headers, &HeaderName::Accept), "message/sipfrag");
    assert_eq!(all(&mut puppet), []);
    // Without `id` it can only be the one that is open.
    let fragment = notify(&refer, "z9hG4bKc", 3, "active", "SIP/2.0 180 Ringing");
    puppet.say(fragment.replace(";id=2", ""));
    puppet.response(200);
    assert_eq!(all(&mut puppet), [ReferProgress::Trying { status: StatusCode::RINGING }]);
    // Outside every call, and in a call that asked for nothing.
    puppet.say(request_with("NOTIFY", "z9hG4bKd", "1 NOTIFY", "", "Event: refer\r\n", ""));
    puppet.response(481);
    hang_up(&mut puppet, session);
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    puppet.say(request_with("NOTIFY", "z9hG4bKe", "2 NOTIFY", &tag, "Event: refer\r\n", ""));
    puppet.response(481);
    hang_up(&mut puppet, session);
}

#[test]
fn through_a_bad_network_each_transfer_ends_once() {
    let mut results = 0;
    for seed in 0..150 {
        let mut pair = pair(seed);
        let (caller, callee) = pair.connect();
        pair.faults = Faults { loss: 25, duplicate: 15, delay: (5, 300) };
        pair.act(Side::A, |a, now| a.refer(now, caller, wish())).expect("it is up");
        // The far side tells, and at some point hangs up, in whichever order the network lets it be heard.
        let end_after = Duration::from_millis(pair.dice.between((0, 9_000)));
        let (answer_after, hang_up_at) = (Duration::from_secs(2), pair.now + end_after);
        pair.run_for(answer_after.min(end_after));
        let _ = pair.act(Side::B, |b, now| b.notify_refer(now, callee, StatusCode::RINGING));
        let _ = pair.act(Side::B, |b, now| b.notify_refer(now, callee, StatusCode::OK));
        let left = hang_up_at.saturating_duration_since(pair.now);
        pair.run_for(left);
        pair.act(Side::B, |b, now| b.bye(now, callee, None)).expect("it is up");
        pair.run_for(Duration::from_secs(150));
        let events = pair.events(Side::A);
        let ends: Vec<ReferEnd> = events.iter().filter_map(end).collect();
        assert_eq!(ends.len(), 1, "seed {seed}: {ends:?}; {:#?}", pair.wire);
        let over = events.iter().position(|event| matches!(event, Event::Ended { .. }));
        let told = events.iter().position(|event| end(event).is_some());
        assert!(told < over, "seed {seed}: the end of the session is the last word");
        results += usize::from(ends[0] == ReferEnd::Result { status: StatusCode::OK });
        pair.expect_clean();
    }
    assert!((20..150).contains(&results), "the storm reaches both ends, {results} results");
}

#[test]
fn being_sent_elsewhere_is_refused_unless_switched_on() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    let to = "Refer-To: <sip:other@example.org>\r\n";
    puppet.say(request_with("REFER", "z9hG4bKr", "2 REFER", &tag, to, ""));
    assert!(!header(&puppet.response(405).headers, &HeaderName::Allow).contains("REFER"));
    hang_up(&mut puppet, session);

    let mut puppet = Puppet::with(Config { referable: true, ..Config::default() });
    let (session, tag) = puppet.call_in();
    puppet.say(request_with("REFER", "z9hG4bKr", "2 REFER", &tag, "", ""));
    puppet.response(400);
    let quiet = format!("Require: norefersub\r\nRefer-Sub: false\r\n{to}");
    puppet.say(request_with("REFER", "z9hG4bKr3", "3 REFER", &tag, &quiet, ""));
    let accepted = puppet.response(202);
    assert_eq!(header(&accepted.headers, &HeaderName::ReferSub), "false");
    assert!(header(&accepted.headers, &HeaderName::Allow).contains("REFER"));
    puppet.expect_quiet();
    puppet.say(request("REFER", "z9hG4bKout", "4 REFER", "", ""));
    puppet.response(405);
    hang_up(&mut puppet, session);
}

#[test]
fn an_attended_transfer_names_the_dialog_to_replace() {
    let mut pair = pair(3);
    let (caller, _) = pair.connect();
    let dialog = pair.a.dialog(caller).expect("it is up");
    let replaces = Replaces::of_dialog(&dialog);
    assert_eq!(replaces.to_tag.to_string(), dialog.remote_tag, "seen from the party that is to be called");
    let to = NameAddr::new(replaces.in_uri(&uri("sip:target@10.0.0.9")));
    pair.act(Side::A, |a, now| a.refer(now, caller, Refer { to, by: None })).expect("it is up");
    let asked = pair
        .expect(Side::B, |event| if let Event::Referred { refer, .. } = event { Some(refer.clone()) } else { None });
    assert_eq!(asked.replaces, Some(replaces));
    pair.act(Side::A, |a, now| a.bye(now, caller, None)).expect("it is up");
    pair.expect_clean();
}

#[test]
fn an_invite_that_would_take_over_a_call_is_refused() {
    let mut puppet = Puppet::new();
    let (session, tag) = puppet.call_in();
    let invite = |branch: &str, replaces: &str| {
        let more = format!("Replaces: {replaces}\r\n");
        request_with("INVITE", branch, "7 INVITE", "", &more, "offer")
            .replace("Call-ID: call-of-the-peer", &format!("Call-ID: {branch}"))
    };
    let ours = format!("call-of-the-peer;to-tag={tag};from-tag=peer");
    for (branch, replaces, status) in [
        ("z9hG4bKours", ours.as_str(), 603),
        ("z9hG4bKnone", "other;to-tag=1;from-tag=2", 481),
        ("z9hG4bKbad", "other;to-tag=1", 400),
    ] {
        puppet.say(invite(branch, replaces));
        assert_eq!(header(&puppet.response(status).headers, &HeaderName::CallId), branch);
    }
    assert!(puppet.event().is_none(), "nobody is told");
    assert!(Replaces::parse(ours.as_bytes()).is_ok());
    hang_up(&mut puppet, session);
}
