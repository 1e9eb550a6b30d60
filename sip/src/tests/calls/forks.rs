//! One INVITE, several callees (RFC 3261 12.1.2, 13.2.2.4): early dialogs are told apart, the first answer wins.

use crate::endpoint::{Config, EndedBy, Event};
use crate::message::header::To;
use crate::message::{HeaderName, Method};
use crate::tests::puppet::{Puppet, header, response};
use std::time::Duration;

#[test]
fn early_dialogs_are_told_apart_and_the_first_answer_wins() {
    let mut puppet = Puppet::new();
    let (session, invite) = puppet.call();
    for tag in ["one", "two", "one"] {
        puppet.answer(&invite, 183, tag);
    }
    let mut tags = Vec::new();
    while let Some(event) = puppet.event() {
        if let Event::Provisional { dialog: Some(dialog), .. } = event {
            tags.push(dialog.remote_tag);
        }
    }
    assert_eq!(tags, ["one", "two", "one"]);
    puppet.answer(&invite, 200, "two");
    let ack = puppet.request(&Method::Ack);
    assert_eq!(tag_of(&ack), "two");
    assert_eq!(header(&ack.headers, &HeaderName::CSeq), "1 ACK");
    assert_eq!(ack.uri.to_string(), "sip:callee@192.0.2.9:5060", "the ACK goes to the Contact");
    assert!(!puppet.expect_answered());
    // The other fork answers too: ACK, then BYE, in its own dialog.
    puppet.answer(&invite, 200, "one");
    let ack = puppet.request(&Method::Ack);
    assert_eq!(tag_of(&ack), "one");
    let bye = puppet.request(&Method::Bye);
    assert_eq!(tag_of(&bye), "one");
    puppet.answer(&bye, 200, "one");
    assert!(puppet.event().is_none(), "the second answer is no news");
    // The 2xx of each fork comes again and gets the ACK of its own dialog.
    for tag in ["two", "one"] {
        puppet.answer(&invite, 200, tag);
        assert_eq!(tag_of(&puppet.request(&Method::Ack)), tag);
        puppet.expect_quiet();
    }
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
    let bye = puppet.request(&Method::Bye);
    assert_eq!((tag_of(&bye), header(&bye.headers, &HeaderName::CSeq)), ("two".to_owned(), "3 BYE"));
    puppet.answer(&bye, 200, "two");
    assert_eq!(puppet.expect_end(), EndedBy::Local);
    puppet.expect_clean();
}

#[test]
fn forks_beyond_the_limit_are_ignored() {
    let mut puppet = Puppet::with(Config { max_forks: 4, ..Config::default() });
    let (session, invite) = puppet.call();
    for fork in 0..100 {
        puppet.answer(&invite, 180, &format!("fork{fork}"));
    }
    let seen = std::iter::from_fn(|| puppet.event()).filter(|event| matches!(event, Event::Provisional { .. })).count();
    assert_eq!(seen, 4);
    for fork in 0..100 {
        puppet.answer(&invite, 200, &format!("fork{fork}"));
    }
    puppet.run_for(Duration::from_secs(40));
    puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("the first fork stands");
    puppet.expect_end();
    puppet.expect_clean();
}

#[test]
fn routes_of_the_answer_are_followed_loosely_and_strictly() {
    for (routes, uri, sent) in [
        ("<sip:p2.example.org;lr>, <sip:192.0.2.7;lr>", "sip:callee@192.0.2.9:5060", "<sip:192.0.2.7;lr>"),
        ("<sip:p2.example.org;lr>, <sip:192.0.2.7>", "sip:192.0.2.7", "<sip:p2.example.org;lr>"),
    ] {
        let mut puppet = Puppet::new();
        let (session, invite) = puppet.call();
        let mut answer = response(&invite, 200, "x");
        answer.headers.push(HeaderName::RecordRoute, routes);
        puppet.say(answer.to_bytes());
        let ack = puppet.request(&Method::Ack);
        puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
        let bye = puppet.request(&Method::Bye);
        for request in [&ack, &bye] {
            assert_eq!(request.uri.to_string(), uri);
            assert_eq!(header(&request.headers, &HeaderName::Route), sent);
        }
        let last = bye.headers.all(&HeaderName::Route).last().expect("two routes");
        let strict = uri == "sip:192.0.2.7";
        let target: &[u8] = if strict { b"<sip:callee@192.0.2.9:5060>" } else { b"<sip:p2.example.org;lr>" };
        assert_eq!(last, target, "a strict router leaves the target at the end of the route");
        puppet.answer(&bye, 200, "x");
        puppet.expect_clean();
    }
}

fn tag_of(request: &crate::message::Request) -> String {
    let to: To = request.headers.typed().expect("requests have To");
    to.tag().expect("in a dialog").to_string()
}
