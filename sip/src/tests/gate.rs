//! Who has to prove who he is, and what is turned away when there is too much.

use crate::digest;
use crate::endpoint::{Account, AccountId, Callers, Config, Credential, Event, Shedding};
use crate::guard::{Glance, Networks};
use crate::message::header::{Challenge, RetryAfter};
use crate::message::{HeaderName, Headers, Message, Method, Request, Response, parse};
use crate::tests::pair::sdp;
use crate::tests::puppet::{PEER, Puppet, request, request_with, to_tag};

fn credential(password: &str) -> Credential {
    Credential { username: "pbx".to_owned(), password: password.to_owned(), realm: None }
}

fn guarded() -> Puppet {
    let mut puppet = Puppet::with(Config { registrar: true, ..Config::default() });
    let accounts = vec![Account { id: AccountId(7), credential: credential("secret") }];
    puppet.endpoint.set_callers(Callers { trusted: Networks::default(), accounts });
    puppet
}

/// An Authorization line that answers the challenges of a response.
fn authorization(text: &str, challenge: &Response, password: &str) -> String {
    let Ok(Message::Request(request)) = parse(text.as_bytes()) else { panic!("a request") };
    let Request { method, uri, body, .. } = request;
    let challenges = Challenge::all(&challenge.headers);
    assert_eq!(challenges.len(), 2, "one for each algorithm");
    let answers = digest::answer(&challenges, &credential(password), &method, &uri, &body, "cnonce", 1);
    let mut headers = Headers::new();
    for answer in answers.expect("it can be answered") {
        answer.push_onto(&mut headers);
    }
    let value = headers.get(&HeaderName::Authorization).expect("an answer").to_vec();
    format!("Authorization: {}\r\n", String::from_utf8(value).expect("text"))
}

fn account_of_call(puppet: &mut Puppet) -> Option<AccountId> {
    puppet.expect(|event| if let Event::Incoming { invite, .. } = event { Some(invite.account) } else { None })
}

#[test]
fn calls_and_registrations_from_elsewhere_are_proved_and_nothing_is_kept_before() {
    let mut puppet = guarded();
    for (method, cseq) in [("INVITE", 1), ("REGISTER", 3)] {
        let say = |puppet: &mut Puppet, cseq: u32, more: &str| {
            let text = request_with(method, &format!("z9hG4bK{cseq}"), &format!("{cseq} {method}"), "", more, "");
            puppet.say(&text);
            text
        };
        let before = puppet.endpoint.transactions();
        let text = say(&mut puppet, cseq, "");
        let challenge = puppet.response(401);
        assert_eq!(puppet.endpoint.transactions(), before);
        assert!(puppet.events().is_empty());
        let line = authorization(&text, &challenge, "secret");
        say(&mut puppet, cseq + 1, &line);
        if method == "INVITE" {
            puppet.response(100);
            assert_eq!(account_of_call(&mut puppet), Some(AccountId(7)));
        } else {
            let account =
                puppet.expect(
                    |event| {
                        if let Event::Register { incoming, .. } = event { Some(incoming.account) } else { None }
                    },
                );
            assert_eq!(account, Some(AccountId(7)));
        }
    }
    assert_eq!(puppet.endpoint.counters().unproved, 0);
}

#[test]
fn wrong_passwords_are_told_and_asked_again() {
    let mut puppet = guarded();
    let text = request("INVITE", "z9hG4bK1", "1 INVITE", "", "");
    puppet.say(&text);
    let challenge = puppet.response(401);
    let line = authorization(&text, &challenge, "guess");
    puppet.say(request_with("INVITE", "z9hG4bK2", "2 INVITE", "", &line, ""));
    let again = puppet.response(401);
    assert!(Challenge::all(&again.headers).iter().all(|challenge| !challenge.stale));
    let flow = puppet.expect(|event| if let Event::Unproved { flow } = event { Some(*flow) } else { None });
    assert_eq!((flow, puppet.endpoint.counters().unproved), (puppet.flow(), 1));
    let line = authorization(&text, &challenge, "secret");
    puppet.say(request_with("INVITE", "z9hG4bK3", "3 INVITE", "", &line, ""));
    puppet.response(100);
    puppet.ignore();
    puppet.say(request_with("INVITE", "z9hG4bK4", "4 INVITE", "", &line, "").replace("call-of-the-peer", "another"));
    let replayed = puppet.response(401);
    assert!(Challenge::all(&replayed.headers).iter().all(|challenge| challenge.stale));
    assert_eq!(puppet.endpoint.counters().unproved, 1, "that was no guess");
}

#[test]
fn trusted_addresses_and_calls_that_are_up_prove_nothing() {
    let mut puppet = guarded();
    let mut trusted = Networks::default();
    trusted.add(PEER.0.into());
    let accounts = vec![Account { id: AccountId(7), credential: credential("secret") }];
    puppet.endpoint.set_callers(Callers { trusted, accounts: accounts.clone() });
    let (_, tag) = puppet.call_in();
    puppet.endpoint.set_callers(Callers { trusted: Networks::default(), accounts });
    puppet.say(request("INVITE", "z9hG4bKre", "2 INVITE", &tag, "offer"));
    puppet.response(100);
    puppet.say(request("BYE", "z9hG4bKbye", "3 BYE", &tag, ""));
    puppet.expect_end();
}

#[test]
fn new_calls_and_probes_are_shed_and_nothing_else() {
    let mut puppet = Puppet::new();
    let (_, tag) = puppet.call_in();
    puppet.say(request("INVITE", "z9hG4bKring", "9 INVITE", "", "offer").replace("call-of-the-peer", "ringing"));
    let ringing = puppet.incoming();
    puppet.ignore();
    puppet.act(|endpoint, _| endpoint.set_shedding(Shedding { calls: true, probes: true }));
    for method in ["INVITE", "OPTIONS"] {
        puppet.say(request(method, "z9hG4bKnew", &format!("1 {method}"), "", "").replace("call-of-the-peer", "new"));
        let refused = puppet.response(503);
        assert!(refused.headers.typed::<RetryAfter>().is_ok_and(|after| after.seconds > 0));
        assert!(!to_tag(&refused).is_empty());
    }
    assert_eq!(puppet.endpoint.counters().shed, 2);
    // The INVITE again that was taken before: it gets its 100 again, and no 503.
    puppet.say(request("INVITE", "z9hG4bKring", "9 INVITE", "", "offer").replace("call-of-the-peer", "ringing"));
    puppet.response(100);
    puppet.say(request("OPTIONS", "z9hG4bKin", "2 OPTIONS", &tag, ""));
    puppet.response(200);
    puppet.act(|endpoint, now| endpoint.accept(now, ringing, sdp("answer"))).expect("it rings");
    puppet.response(200);
    assert!(puppet.endpoint.owns_tag(tag.as_bytes()) && !puppet.endpoint.owns_tag(b"nobody's"));
    puppet.say(request("BYE", "z9hG4bKbye", "3 BYE", &tag, ""));
    puppet.response(200);
}

#[test]
fn messages_of_a_stream_that_are_not_let_in_get_no_answer() {
    let mut puppet = Puppet::new();
    puppet.transport = crate::endpoint::Transport::Tcp;
    let flow = puppet.flow();
    let texts = [
        request("OPTIONS", "z9hG4bKa", "1 OPTIONS", "", ""),
        "INVITE broken\r\nContent-Length: 0\r\n\r\n".to_owned(),
        request("OPTIONS", "z9hG4bKb", "2 OPTIONS", "", ""),
    ];
    let (mut asked, mut shown) = (Vec::new(), Vec::new());
    let bytes = texts.concat().replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    puppet.act(|endpoint, now| {
        let mut admits = |glance: &Glance<'_>, ours: bool| {
            asked.push((glance.asks(&Method::Options), ours));
            asked.len() == 3
        };
        let mut seen = |message: &[u8]| shown.push(message.to_vec());
        let framed = endpoint.handle_stream_with(now, flow, bytes.as_bytes(), &mut admits, Some(&mut seen));
        framed.expect("it is framed well");
    });
    let last = texts[2].replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    assert_eq!(shown, [last.into_bytes()], "only what is let in is seen");
    assert_eq!(asked, [(true, false), (false, false), (true, false)]);
    let answered = puppet.response(200);
    assert!(answered.headers.get(&HeaderName::CSeq).is_some_and(|cseq| cseq.starts_with(b"2")));
    puppet.expect_quiet();
}
