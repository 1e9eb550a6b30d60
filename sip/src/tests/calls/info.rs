//! INFO of ours within calls.

use crate::endpoint::{Body, CommandError, EndedBy, SessionId};
use crate::message::{HeaderName, Method, Request};
use crate::tests::pair::credential;
use crate::tests::puppet::{Puppet, header, response};
use std::time::Duration;

fn key() -> Body {
    Body { content_type: "application/dtmf-relay".to_owned(), bytes: b"Signal=5\r\nDuration=160\r\n".to_vec() }
}

/// A call of ours that is up.
fn answered(puppet: &mut Puppet) -> SessionId {
    let invite = crate::endpoint::Invite { credentials: Some(credential("alice", "secret")), ..puppet.invitation() };
    let (session, invite) = puppet.call_with(invite);
    puppet.answer(&invite, 200, "callee");
    puppet.request(&Method::Ack);
    puppet.ignore();
    session
}

fn send(puppet: &mut Puppet, session: SessionId) -> Request {
    puppet.act(|endpoint, now| endpoint.info(now, session, &key())).expect("it is up");
    puppet.request(&Method::Info)
}

#[test]
fn each_one_is_a_request_of_the_dialog_with_its_body() {
    let mut puppet = Puppet::new();
    let session = answered(&mut puppet);
    let first = send(&mut puppet, session);
    assert_eq!(header(&first.headers, &HeaderName::ContentType), "application/dtmf-relay");
    assert_eq!(first.body, key().bytes);
    assert!(header(&first.headers, &HeaderName::To).ends_with(";tag=callee"));
    assert_eq!(header(&first.headers, &HeaderName::CSeq), "2 INFO");
    let second = send(&mut puppet, session);
    assert_eq!(header(&second.headers, &HeaderName::CSeq), "3 INFO", "the first one need not be answered");
    puppet.answer(&first, 200, "callee");
    // Who does not know what it is about says so, and nothing comes of it.
    puppet.answer(&second, 415, "callee");
    puppet.expect_quiet();
    assert!(puppet.event().is_none());
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up all the same");
}

#[test]
fn a_challenge_is_answered() {
    let mut puppet = Puppet::new();
    let session = answered(&mut puppet);
    let first = send(&mut puppet, session);
    let mut challenge = response(&first, 407, "callee");
    challenge.headers.push(HeaderName::ProxyAuthenticate, "Digest realm=\"example.org\", nonce=\"n\", qop=\"auth\"");
    puppet.say(challenge.to_bytes());
    let again = puppet.request(&Method::Info);
    assert!(header(&again.headers, &HeaderName::ProxyAuthorization).starts_with("Digest "));
    assert_eq!((header(&again.headers, &HeaderName::CSeq), again.body), ("3 INFO", key().bytes));
}

/// RFC 3261 12.2.1.2: 481, 408 and silence end the dialog.
#[test]
fn a_far_side_that_knows_nothing_of_the_call_ends_it() {
    for status in [Some(481), Some(408), None] {
        let mut puppet = Puppet::new();
        let session = answered(&mut puppet);
        let info = send(&mut puppet, session);
        match status {
            Some(status) => puppet.answer(&info, status, "callee"),
            None => puppet.run_for(Duration::from_secs(33)),
        }
        assert_eq!(puppet.expect_end(), EndedBy::Error, "{status:?}");
    }
}

#[test]
fn there_is_none_before_the_answer_and_after_the_end() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    let refused = |puppet: &mut Puppet| puppet.act(|endpoint, now| endpoint.info(now, session, &key()));
    assert_eq!(refused(&mut puppet), Err(CommandError::WrongState(session)));
    puppet.answer(&invite, 200, "callee");
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    assert_eq!(refused(&mut puppet), Err(CommandError::WrongState(session)));
}
