//! Peers that are watched by OPTIONS, and the address under which they see us.

use crate::endpoint::{
    CommandError, Config, Event, Flow, Health, LegKey, Registration, RegistrationState, Watch, WatchId,
};
use crate::message::header::NameAddr;
use crate::message::{HeaderName, Method, Request, Response, StatusCode};
use crate::tests::pair::{credential, uri};
use crate::tests::puppet::{Puppet, header};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn watch(puppet: &mut Puppet) -> WatchId {
    let watch = Watch::new(uri("sip:trunk.example.org"), puppet.flow());
    puppet.act(|endpoint, now| endpoint.watch(now, watch)).expect("there is room")
}

fn answer(puppet: &mut Puppet, request: &Request, status: u16) {
    say(puppet, request, status, |_| {});
}

fn say(puppet: &mut Puppet, request: &Request, status: u16, more: impl FnOnce(&mut Response)) {
    let status = StatusCode::new(status).expect("a status of this test");
    let mut response = Response::answering(&request.headers, status);
    more(&mut response);
    puppet.say(response.to_bytes());
}

/// Writes into the Via where the request was seen to come from.
fn seen_as(response: &mut Response, address: &str, port: u16) {
    let via = header(&response.headers, &HeaderName::Via).to_owned();
    response.headers.set(HeaderName::Via, via.replace(";rport", &format!(";received={address};rport={port}")));
}

fn verdicts(puppet: &mut Puppet) -> Vec<(Health, Option<u16>)> {
    let events = puppet.events().into_iter();
    let told = events.filter_map(|event| {
        if let Event::Health { health, status, .. } = event {
            Some((health, status.map(StatusCode::code)))
        } else {
            None
        }
    });
    told.collect()
}

/// The next probe and how long it took to come.
fn next(puppet: &mut Puppet) -> (Request, Duration) {
    let before = puppet.now;
    let request = puppet.await_request(&Method::Options, MINUTE);
    (request, puppet.now - before)
}

#[test]
fn a_peer_that_answers_is_up_and_asked_again_in_time() {
    let mut puppet = Puppet::new();
    let id = watch(&mut puppet);
    let first = puppet.request(&Method::Options);
    // Whatever is said, somebody says it.
    answer(&mut puppet, &first, 404);
    assert_eq!(verdicts(&mut puppet), [(Health::Up, Some(404))]);
    let mut call_ids = vec![header(&first.headers, &HeaderName::CallId).to_owned()];
    for _ in 0..20 {
        let (probe, pause) = next(&mut puppet);
        assert!((Duration::from_millis(22_500)..=Duration::from_millis(25_001)).contains(&pause), "{pause:?}");
        call_ids.push(header(&probe.headers, &HeaderName::CallId).to_owned());
        answer(&mut puppet, &probe, 200);
    }
    call_ids.sort();
    call_ids.dedup();
    assert_eq!(call_ids.len(), 21, "none is taken for the one before");
    assert_eq!(verdicts(&mut puppet), [], "no change, no news");
    puppet.act(|endpoint, _| endpoint.unwatch(id));
    puppet.expect_clean();
}

#[test]
fn silence_takes_it_down_after_three_and_answers_bring_it_back_in_steps() {
    let mut puppet = Puppet::new();
    let id = watch(&mut puppet);
    let first = puppet.request(&Method::Options);
    answer(&mut puppet, &first, 200);
    assert_eq!(verdicts(&mut puppet), [(Health::Up, Some(200))]);
    let start = puppet.now;
    let (mut told, mut asked) = (Vec::new(), 0);
    while told.is_empty() {
        puppet.run_for(Duration::from_secs(1));
        asked += puppet.requests().iter().filter(|request| request.method == Method::Options).count();
        told = verdicts(&mut puppet);
    }
    assert_eq!(told, [(Health::Down, None)]);
    // 25 s to the first, then three times 8 s with 2 and 4 s between.
    let took = puppet.now - start;
    assert!((Duration::from_secs(50)..Duration::from_secs(58)).contains(&took), "{took:?}");
    assert!(asked > 3, "each is repeated by its transaction");
    // While it is down it is asked at the usual pace.
    puppet.run_for(MINUTE * 10);
    let asked = puppet.requests().into_iter().map(|request| header(&request.headers, &HeaderName::CallId).to_owned());
    let mut asked: Vec<String> = asked.collect();
    asked.dedup();
    assert!((15..=25).contains(&asked.len()), "{} questions in ten minutes", asked.len());
    assert_eq!(verdicts(&mut puppet), []);
    // Back: half open, and up after three in a row.
    puppet.run_for(Duration::from_secs(8));
    puppet.ignore();
    let mut seen = Vec::new();
    for status in [200, 503, 200, 486, 200] {
        let (probe, _) = next(&mut puppet);
        answer(&mut puppet, &probe, status);
        seen.push(verdicts(&mut puppet).first().map(|(health, _)| *health));
    }
    assert_eq!(seen, [Some(Health::HalfOpen), Some(Health::Down), Some(Health::HalfOpen), None, Some(Health::Up)]);
    puppet.act(|endpoint, _| endpoint.unwatch(id));
    puppet.expect_clean();
}

#[test]
fn two_failures_are_no_verdict_and_a_peer_that_never_answered_is_down() {
    let mut puppet = Puppet::new();
    watch(&mut puppet);
    for status in [200, 503, 408, 200, 408, 503, 503] {
        let (probe, pause) = next(&mut puppet);
        assert!(pause < Duration::from_secs(26));
        answer(&mut puppet, &probe, status);
    }
    assert_eq!(verdicts(&mut puppet), [(Health::Up, Some(200)), (Health::Down, Some(503))]);
    let mut puppet = Puppet::new();
    watch(&mut puppet);
    puppet.run_for(Duration::from_secs(8 + 2 + 8 + 4 + 8 + 1));
    assert_eq!(verdicts(&mut puppet), [(Health::Down, None)]);
}

#[test]
fn a_peer_that_names_a_time_is_left_alone_until_then() {
    let mut puppet = Puppet::new();
    watch(&mut puppet);
    for (asked, waited) in [("40", 40), ("86400", 300)] {
        let probe = puppet.await_request(&Method::Options, MINUTE * 6);
        say(&mut puppet, &probe, 503, |response| response.headers.push(HeaderName::RetryAfter, asked));
        puppet.run_for(Duration::from_millis(waited * 1000 - 1));
        puppet.expect_quiet();
        puppet.run_for(Duration::from_millis(1));
    }
    puppet.request(&Method::Options);
}

#[test]
fn a_challenge_is_answered_and_a_late_answer_is_not_heard() {
    let mut puppet = Puppet::new();
    let watch =
        Watch { credentials: Some(credential("u", "p")), ..Watch::new(uri("sip:trunk.example.org"), puppet.flow()) };
    let id = puppet.act(|endpoint, now| endpoint.watch(now, watch)).expect("there is room");
    let probe = puppet.request(&Method::Options);
    say(&mut puppet, &probe, 401, |response| {
        response.headers.push(HeaderName::WwwAuthenticate, "Digest realm=\"r\", nonce=\"n\"");
    });
    let again = puppet.request(&Method::Options);
    assert!(again.headers.has(&HeaderName::Authorization));
    puppet.run_for(Duration::from_secs(9));
    answer(&mut puppet, &again, 200);
    assert_eq!(verdicts(&mut puppet), [], "it was given up");
    puppet.act(|endpoint, _| endpoint.unwatch(id));
    puppet.expect_clean();
}

#[test]
fn watches_are_bounded() {
    let mut puppet = Puppet::with(Config { max_watches: 2, ..Config::default() });
    let first = watch(&mut puppet);
    watch(&mut puppet);
    let third = Watch::new(uri("sip:trunk.example.org"), puppet.flow());
    assert_eq!(puppet.act(|endpoint, now| endpoint.watch(now, third.clone())), Err(CommandError::Full));
    puppet.act(|endpoint, _| endpoint.unwatch(first));
    assert!(puppet.act(|endpoint, now| endpoint.watch(now, third)).is_ok());
}

fn rebounds(puppet: &mut Puppet) -> Vec<(Flow, String, String)> {
    let events = puppet.events().into_iter();
    let told = events.filter_map(|event| {
        if let Event::Rebound { flow, was, is } = event { Some((flow, was.to_string(), is.to_string())) } else { None }
    });
    told.collect()
}

/// RFC 3581: what the peer writes into our Via tells where the NAT sends us from.
#[test]
fn another_address_of_ours_is_noticed_and_the_binding_refreshed() {
    let mut puppet = Puppet::new();
    let registration = Registration {
        key: LegKey([4; 32]),
        flow: puppet.flow(),
        registrar: uri("sip:example.org"),
        aor: NameAddr::new(uri("sip:us@example.org")),
        contact_user: "us".to_owned(),
        credentials: None,
        expires: Duration::from_secs(3600),
        external: None,
    };
    puppet.act(|endpoint, now| endpoint.register(now, registration)).expect("there is room");
    let register = puppet.request(&Method::Register);
    say(&mut puppet, &register, 200, |response| seen_as(response, "203.0.113.1", 40_000));
    watch(&mut puppet);
    let probe = puppet.request(&Method::Options);
    say(&mut puppet, &probe, 200, |response| seen_as(response, "203.0.113.1", 40_000));
    puppet.expect_quiet();
    assert_eq!(rebounds(&mut puppet), [], "the first time is no change");
    let (probe, _) = next(&mut puppet);
    say(&mut puppet, &probe, 200, |response| seen_as(response, "203.0.113.1", 40_777));
    let told = [(puppet.flow(), "203.0.113.1:40000".to_owned(), "203.0.113.1:40777".to_owned())];
    assert_eq!(rebounds(&mut puppet), told);
    let register = puppet.request(&Method::Register);
    assert_eq!(header(&register.headers, &HeaderName::CSeq), "2 REGISTER");
    say(&mut puppet, &register, 200, |response| seen_as(response, "203.0.113.1", 40_777));
    let registered = puppet
        .events()
        .into_iter()
        .filter(|event| matches!(event, Event::RegistrationState { state: RegistrationState::Registered { .. }, .. }));
    assert_eq!(registered.count(), 1);
    puppet.expect_quiet();
}

#[test]
fn a_registrar_alone_shows_it_too() {
    let mut puppet = Puppet::new();
    let registration = Registration {
        key: LegKey([4; 32]),
        flow: puppet.flow(),
        registrar: uri("sip:example.org"),
        aor: NameAddr::new(uri("sip:us@example.org")),
        contact_user: "us".to_owned(),
        credentials: None,
        expires: Duration::from_secs(60),
        external: None,
    };
    puppet.act(|endpoint, now| endpoint.register(now, registration)).expect("there is room");
    for (port, changed) in [(1000, 0), (1000, 0), (1001, 1), (1001, 0)] {
        let register = puppet.await_request(&Method::Register, MINUTE);
        say(&mut puppet, &register, 200, |response| seen_as(response, "203.0.113.1", port));
        assert_eq!(rebounds(&mut puppet).len(), changed);
    }
}
