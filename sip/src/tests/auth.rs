//! Digest challenges met in a session (RFC 3261 section 22, RFC 7616, RFC 8760).

use crate::digest;
use crate::endpoint::{Credential, FailureCause, LegKey, Probe, SessionId};
use crate::message::header::{Authorization, ProxyAuthorization};
use crate::message::header::{Challenge, Credentials, TypedHeader};
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::tests::pair::credential;
use crate::tests::pair::uri;
use crate::tests::puppet::{Puppet, header, response};

const WWW: HeaderName = HeaderName::WwwAuthenticate;
const PROXY: HeaderName = HeaderName::ProxyAuthenticate;

fn known() -> Credential {
    credential("alice", "secret")
}

fn call(puppet: &mut Puppet) -> (SessionId, Request) {
    let mut invite = puppet.invitation();
    invite.credentials = Some(known());
    puppet.call_with(invite)
}

/// The peer refuses with a challenge; the ACK of an INVITE is looked at and dropped.
fn challenge(puppet: &mut Puppet, request: &Request, status: u16, name: &HeaderName, challenges: &[&str]) {
    let mut refusal = response(request, status, "x");
    for challenge in challenges {
        refusal.headers.push(name.clone(), challenge);
    }
    puppet.say(refusal.to_bytes());
    if request.method == Method::Invite {
        puppet.request(&Method::Ack);
    }
}

/// All credentials of a request, checked against the challenge they answer and the password.
fn verified(request: &Request, challenges: &[&str], name: &HeaderName) -> Vec<Credentials> {
    let mut headers = crate::message::Headers::new();
    for challenge in challenges {
        headers.push(name.clone(), challenge);
    }
    let challenges = Challenge::all(&headers);
    let mut all: Vec<Credentials> = Vec::new();
    for value in request.headers.all(&HeaderName::Authorization) {
        all.push(Authorization::parse(value).expect("we print well").0);
    }
    for value in request.headers.all(&HeaderName::ProxyAuthorization) {
        all.push(ProxyAuthorization::parse(value).expect("we print well").0);
    }
    for given in &all {
        let cnonce = String::from_utf8(given.cnonce.clone().unwrap_or_default()).expect("our own");
        let nc = given.nc.unwrap_or(1);
        let expected = digest::answer(&challenges, &known(), &request.method, &request.uri, &request.body, &cnonce, nc)
            .expect("it can be answered");
        if let Some(expected) = expected.iter().find(|expected| expected.realm == given.realm) {
            assert_eq!(given, expected);
        }
    }
    all
}

#[test]
fn a_challenge_is_answered_in_the_same_call_with_the_next_cseq() {
    for algorithm in ["MD5", "SHA-256"] {
        let mut puppet = Puppet::new();
        let (session, invite) = call(&mut puppet);
        let asked = format!("Digest realm=\"pbx\", nonce=\"n1\", qop=\"auth,auth-int\", algorithm={algorithm}");
        challenge(&mut puppet, &invite, 407, &PROXY, &[&asked]);
        let again = puppet.request(&Method::Invite);
        assert_eq!(again.headers.get(&HeaderName::CallId), invite.headers.get(&HeaderName::CallId));
        assert_eq!(again.headers.get(&HeaderName::From), invite.headers.get(&HeaderName::From));
        assert_eq!(header(&again.headers, &HeaderName::CSeq), "2 INVITE");
        assert_ne!(again.headers.get(&HeaderName::Via), invite.headers.get(&HeaderName::Via));
        let given = verified(&again, &[&asked], &PROXY);
        assert_eq!(given.len(), 1);
        assert_eq!((given[0].nc, given[0].qop.as_deref()), (Some(1), Some(b"auth".as_slice())));
        puppet.answer(&again, 200, "x");
        let ack = puppet.request(&Method::Ack);
        // RFC 3261 22.3: the ACK repeats the credentials of its INVITE.
        assert_eq!(
            ack.headers.get(&HeaderName::ProxyAuthorization),
            again.headers.get(&HeaderName::ProxyAuthorization)
        );
        assert_eq!(header(&ack.headers, &HeaderName::CSeq), "2 ACK");
        // The BYE has credentials at once; its challenge with a new nonce is answered all the same.
        puppet.act(|endpoint, now| endpoint.bye(now, session, None)).expect("it is up");
        let bye = puppet.request(&Method::Bye);
        assert_eq!(verified(&bye, &[&asked], &PROXY)[0].nc, Some(2));
        let asked = asked.replace("n1", "n2");
        challenge(&mut puppet, &bye, 407, &PROXY, &[&asked]);
        let bye = puppet.request(&Method::Bye);
        assert_eq!(header(&bye.headers, &HeaderName::CSeq), "4 BYE");
        assert_eq!(verified(&bye, &[&asked], &PROXY)[0].nonce, b"n2");
        puppet.answer(&bye, 200, "x");
        puppet.ignore();
        puppet.expect_clean();
    }
}

#[test]
fn two_proxies_and_a_server_ask_one_after_the_other() {
    let mut puppet = Puppet::new();
    let (_, invite) = call(&mut puppet);
    let first = "Digest realm=\"one\", nonce=\"a\", algorithm=MD5, qop=\"auth\"";
    let second = "Digest realm=\"two\", nonce=\"b\", algorithm=SHA-256, qop=\"auth\"";
    let third = "Digest realm=\"three\", nonce=\"c\"";
    challenge(&mut puppet, &invite, 407, &PROXY, &[first]);
    let invite = puppet.request(&Method::Invite);
    challenge(&mut puppet, &invite, 407, &PROXY, &[second]);
    let invite = puppet.request(&Method::Invite);
    assert_eq!(verified(&invite, &[first, second], &PROXY).len(), 2);
    challenge(&mut puppet, &invite, 401, &WWW, &[third]);
    let invite = puppet.request(&Method::Invite);
    assert_eq!(invite.headers.all(&HeaderName::ProxyAuthorization).count(), 2);
    assert_eq!(invite.headers.all(&HeaderName::Authorization).count(), 1);
    assert_eq!(header(&invite.headers, &HeaderName::CSeq), "4 INVITE");
    puppet.answer(&invite, 486, "x");
    puppet.request(&Method::Ack);
    let failure = puppet.expect_failure();
    assert_eq!((failure.status, failure.invites), (Some(StatusCode::BUSY_HERE), 4));
    puppet.expect_clean();
}

#[test]
fn the_strongest_of_several_challenges_is_answered() {
    let mut puppet = Puppet::new();
    let (_, invite) = call(&mut puppet);
    let asked = [
        "Digest realm=\"pbx\", nonce=\"m\", algorithm=MD5, qop=\"auth\"",
        "Digest realm=\"pbx\", nonce=\"s\", algorithm=SHA-256, qop=\"auth\"",
    ];
    challenge(&mut puppet, &invite, 401, &WWW, &asked);
    let again = puppet.request(&Method::Invite);
    let given = verified(&again, &asked, &WWW);
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].nonce, b"s");
    puppet.run_for(std::time::Duration::from_secs(80));
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn refused_credentials_are_a_failure_and_a_stale_nonce_is_forgiven_once() {
    // Each list is what the peer asks after its first challenge; the number is how many INVITEs leave in all.
    let same = "Digest realm=\"pbx\", nonce=\"n1\", qop=\"auth\"";
    let other = "Digest realm=\"pbx\", nonce=\"n2\", qop=\"auth\"";
    let stale = "Digest realm=\"pbx\", nonce=\"n3\", stale=true, qop=\"auth\"";
    let staler = "Digest realm=\"pbx\", nonce=\"n4\", stale=true, qop=\"auth\"";
    for (next, invites) in [(vec![same], 2), (vec![other], 2), (vec![stale, same], 3), (vec![stale, staler], 3)] {
        let mut puppet = Puppet::new();
        let (_, mut invite) = call(&mut puppet);
        challenge(&mut puppet, &invite, 401, &WWW, &[same]);
        for asked in &next {
            invite = puppet.request(&Method::Invite);
            challenge(&mut puppet, &invite, 401, &WWW, &[asked]);
        }
        puppet.expect_quiet();
        let failure = puppet.expect_failure();
        assert_eq!((failure.cause, failure.status), (FailureCause::Response, Some(StatusCode::UNAUTHORIZED)));
        assert_eq!(failure.invites, invites, "{next:?}");
        puppet.expect_clean();
    }
}

#[test]
fn without_credentials_a_challenge_is_a_failure() {
    let mut puppet = Puppet::new();
    let (_, invite) = puppet.call();
    challenge(&mut puppet, &invite, 407, &PROXY, &["Digest realm=\"pbx\", nonce=\"n1\""]);
    puppet.expect_quiet();
    assert_eq!(puppet.expect_failure().status, Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED));
    // So it is for another realm than the one we have credentials for.
    let mut invite = puppet.invitation();
    invite.key = LegKey([10; 32]);
    invite.credentials = Some(Credential { realm: Some("elsewhere".to_owned()), ..known() });
    let (_, invite) = puppet.call_with(invite);
    challenge(&mut puppet, &invite, 407, &PROXY, &["Digest realm=\"pbx\", nonce=\"n1\""]);
    puppet.expect_quiet();
    puppet.expect_failure();
    puppet.expect_clean();
}

#[test]
fn a_cancelled_call_does_not_answer_a_challenge() {
    let mut puppet = Puppet::new();
    let (session, invite) = call(&mut puppet);
    puppet.act(|endpoint, now| endpoint.cancel(now, session, None)).expect("it is not answered");
    challenge(&mut puppet, &invite, 407, &PROXY, &["Digest realm=\"pbx\", nonce=\"n1\""]);
    puppet.expect_quiet();
    assert_eq!(puppet.expect_failure().cause, FailureCause::Cancelled);
    puppet.expect_clean();
}

#[test]
fn a_probe_answers_a_challenge_too() {
    let mut puppet = Puppet::new();
    let probe = Probe {
        uri: uri("sip:pbx.example.org"),
        flow: puppet.flow(),
        key: LegKey([4; 32]),
        credentials: Some(known()),
    };
    puppet.act(|endpoint, now| endpoint.ping(now, probe.clone())).expect("there is room");
    let options = puppet.request(&Method::Options);
    let asked = "Digest realm=\"pbx\", nonce=\"n1\"";
    challenge(&mut puppet, &options, 401, &WWW, &[asked]);
    let options = puppet.request(&Method::Options);
    assert_eq!(verified(&options, &[asked], &WWW).len(), 1);
    puppet.now += std::time::Duration::from_millis(70);
    puppet.answer(&options, 200, "x");
    let result = |event: &crate::endpoint::Event| {
        if let crate::endpoint::Event::ProbeResult { status, took, .. } = event { Some((*status, *took)) } else { None }
    };
    assert_eq!(puppet.expect(result), (Some(StatusCode::OK), std::time::Duration::from_millis(70)));
    // Nobody there.
    puppet.act(|endpoint, now| endpoint.ping(now, probe)).expect("there is room");
    puppet.run_for(std::time::Duration::from_secs(32));
    assert_eq!(puppet.expect(result), (None, std::time::Duration::from_secs(32)));
    puppet.ignore();
    puppet.expect_clean();
}
