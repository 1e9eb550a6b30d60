//! Registration as a client against a registrar written by hand (RFC 3261 section 10).

use crate::endpoint::{Event, LegKey, Registration, RegistrationId, RegistrationState};
use crate::message::header::NameAddr;
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::tests::pair::{credential, uri};
use crate::tests::puppet::{Puppet, header, response};
use std::time::Duration;

fn start(puppet: &mut Puppet) -> (RegistrationId, Request) {
    let registration = Registration {
        key: LegKey([6; 32]),
        flow: puppet.flow(),
        registrar: uri("sip:example.org"),
        aor: NameAddr::new(uri("sip:trunk@example.org")),
        contact_user: "trunk".to_owned(),
        credentials: Some(credential("trunk", "secret")),
        expires: Duration::from_secs(600),
        external: None,
    };
    let id = puppet.act(|endpoint, now| endpoint.register(now, registration)).expect("there is room");
    (id, puppet.request(&Method::Register))
}

fn grant(puppet: &mut Puppet, register: &Request, seconds: u32) {
    let mut granted = response(register, 200, "r");
    let ours = header(&register.headers, &HeaderName::Contact);
    granted.headers.set(HeaderName::Contact, format!("<sip:other@192.0.2.77>;expires=7, {ours};expires={seconds}"));
    puppet.say(granted.to_bytes());
}

fn state(puppet: &mut Puppet) -> RegistrationState {
    puppet.expect(|event| if let Event::RegistrationState { state, .. } = event { Some(state.clone()) } else { None })
}

#[test]
fn a_binding_is_kept_for_twelve_hours() {
    let mut puppet = Puppet::new();
    let (id, mut register) = start(&mut puppet);
    assert_eq!(register.uri.to_string(), "sip:example.org");
    assert_eq!(header(&register.headers, &HeaderName::Expires), "600");
    let begun = puppet.now;
    let mut refreshes = 0;
    let mut nonce = 0;
    while puppet.now - begun < Duration::from_secs(12 * 3600) {
        // The registrar hands out a new nonce each hour.
        let hour = (puppet.now - begun).as_secs() / 3600;
        if hour >= nonce {
            nonce = hour + 1;
            let mut refusal = response(&register, 401, "r");
            let asked = format!("Digest realm=\"example.org\", nonce=\"{nonce}\", stale=true, qop=\"auth\"");
            refusal.headers.push(HeaderName::WwwAuthenticate, asked);
            puppet.say(refusal.to_bytes());
            register = puppet.request(&Method::Register);
        }
        assert!(header(&register.headers, &HeaderName::Authorization).contains(&format!("nonce=\"{nonce}\"")));
        grant(&mut puppet, &register, 300);
        assert_eq!(state(&mut puppet), RegistrationState::Registered { expires: Duration::from_secs(300) });
        // A fifth of the life ahead of its end.
        puppet.run_for(Duration::from_millis(239_999));
        puppet.expect_quiet();
        puppet.run_for(Duration::from_millis(1));
        let next = puppet.request(&Method::Register);
        assert_eq!(next.headers.get(&HeaderName::CallId), register.headers.get(&HeaderName::CallId));
        register = next;
        refreshes += 1;
    }
    assert_eq!(refreshes, 12 * 3600 / 240);
    grant(&mut puppet, &register, 300);
    puppet.act(|endpoint, now| endpoint.unregister(now, id));
    let leave = puppet.request(&Method::Register);
    assert_eq!(header(&leave.headers, &HeaderName::Expires), "0");
    puppet.ignore();
    puppet.answer(&leave, 200, "r");
    assert_eq!(state(&mut puppet), RegistrationState::Unregistered);
    puppet.expect_clean();
}

#[test]
fn an_interval_too_brief_is_raised() {
    let mut puppet = Puppet::new();
    let (id, register) = start(&mut puppet);
    let mut refusal = response(&register, 423, "r");
    refusal.headers.push(HeaderName::MinExpires, "3600");
    puppet.say(refusal.to_bytes());
    let register = puppet.request(&Method::Register);
    assert_eq!(header(&register.headers, &HeaderName::Expires), "3600");
    puppet.answer(&register, 200, "r");
    assert_eq!(state(&mut puppet), RegistrationState::Registered { expires: Duration::from_secs(3600) });
    puppet.act(|endpoint, now| endpoint.unregister(now, id));
    puppet.run_for(Duration::from_secs(32));
    assert_eq!(state(&mut puppet), RegistrationState::Unregistered, "also when nobody answers");
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn failures_back_off_with_jitter_and_heed_retry_after() {
    let mut puppet = Puppet::new();
    let (id, mut register) = start(&mut puppet);
    let mut waits = Vec::new();
    for _ in 0..9 {
        puppet.answer(&register, 500, "r");
        let RegistrationState::Failed { status, retry_in } = state(&mut puppet) else { panic!("it was refused") };
        assert_eq!(status, Some(StatusCode::SERVER_INTERNAL_ERROR));
        puppet.run_for(retry_in);
        register = puppet.request(&Method::Register);
        waits.push(retry_in.as_secs());
    }
    for (wait, longest) in waits.iter().zip([30, 60, 120, 240, 480, 960, 1800, 1800, 1800]) {
        assert!((longest / 2..=longest).contains(wait), "{waits:?}");
    }
    let mut refusal = response(&register, 503, "r");
    refusal.headers.push(HeaderName::RetryAfter, "7200");
    puppet.say(refusal.to_bytes());
    let RegistrationState::Failed { retry_in, .. } = state(&mut puppet) else { panic!("it was refused") };
    assert_eq!(retry_in, Duration::from_secs(7200));
    puppet.act(|endpoint, now| endpoint.unregister(now, id));
    puppet.run_for(Duration::from_secs(40));
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn refused_credentials_wait_for_the_next_try() {
    let mut puppet = Puppet::new();
    let (id, register) = start(&mut puppet);
    let refuse = |puppet: &mut Puppet, register: &Request, nonce: &str| {
        let mut refusal = response(register, 403, "r");
        refusal.status = StatusCode::UNAUTHORIZED;
        refusal.headers.push(HeaderName::WwwAuthenticate, format!("Digest realm=\"r\", nonce=\"{nonce}\""));
        puppet.say(refusal.to_bytes());
    };
    refuse(&mut puppet, &register, "1");
    let register = puppet.request(&Method::Register);
    refuse(&mut puppet, &register, "2");
    assert!(matches!(state(&mut puppet), RegistrationState::Failed { status: Some(StatusCode::UNAUTHORIZED), .. }));
    puppet.expect_quiet();
    puppet.act(|endpoint, now| endpoint.unregister(now, id));
    puppet.run_for(Duration::from_secs(40));
    puppet.ignore();
    puppet.expect_clean();
}
