use super::*;
use crate::digest;
use crate::message::{Message, Method, parse};

const FROM: [u8; 4] = [192, 0, 2, 7];

struct World {
    server: DigestServer,
    now: Instant,
    accounts: Vec<Account>,
}

fn account(id: u128, username: &str, password: &str) -> Account {
    let credential = Credential { username: username.to_owned(), password: password.to_owned(), realm: None };
    Account { id: AccountId(id), credential }
}

fn invite(uri: &str) -> Request {
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <{uri}>\r\n\
         Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    let Ok(Message::Request(request)) = parse(text.as_bytes()) else { panic!("a request") };
    request
}

impl World {
    fn new() -> Self {
        let accounts = vec![account(1, "pbx", "secret"), account(2, "pbx", "other"), account(3, "shop", "secret")];
        Self { server: DigestServer::new([7; 32]), now: crate::tests::epoch(), accounts }
    }

    fn ask(&mut self) -> Vec<Challenge> {
        self.server.challenges(self.now, FROM.into(), false)
    }

    fn check(&mut self, request: &Request) -> Proof {
        self.server.check(self.now, FROM.into(), request, &self.accounts)
    }

    /// An INVITE with an answer to challenges.
    fn answer(&self, challenges: &[Challenge], of: usize, nc: u32) -> Request {
        let mut request = invite("sip:+4930123@us.example");
        let credential = &self.accounts[of].credential;
        let answers = digest::answer(challenges, credential, &Method::Invite, &request.uri, b"", "cnonce", nc);
        for credentials in answers.expect("it can be answered") {
            credentials.push_onto(&mut request.headers);
        }
        request
    }
}

#[test]
fn right_answers_are_taken_once_by_either_algorithm() {
    let mut world = World::new();
    assert_eq!(world.check(&invite("sip:a@b")), Proof::Absent { stale: false });
    for algorithm in 0..2 {
        for of in 0..3 {
            let challenges = world.ask();
            let request = world.answer(&challenges[algorithm..=algorithm], of, 1);
            assert_eq!(world.check(&request), Proof::Of(world.accounts[of].id), "{of}");
            assert_eq!(world.check(&request), Proof::Absent { stale: true }, "the same again");
        }
    }
}

#[test]
fn a_nonce_serves_many_requests_in_any_order_but_each_count_once() {
    let mut world = World::new();
    let challenges = world.ask();
    for (count, taken) in [(5, true), (3, true), (5, false), (3, false), (70, true), (6, false), (69, true), (1, false)]
    {
        let request = world.answer(&challenges, 0, count);
        let expected = if taken { Proof::Of(AccountId(1)) } else { Proof::Absent { stale: true } };
        assert_eq!(world.check(&request), expected, "{count}");
    }
}

#[test]
fn wrong_answers_are_wrong() {
    let mut world = World::new();
    let challenges = world.ask();
    let right = world.answer(&challenges, 0, 1);
    let line = String::from_utf8(right.headers.get(&HeaderName::Authorization).expect("one").to_vec()).expect("text");
    for (from, to) in [
        ("username=\"pbx\"", "username=\"pby\""),
        ("nc=00000001", "nc=00000002"),
        ("cnonce=\"cnonce\"", "cnonce=\"cn\""),
        ("algorithm=SHA-256", "algorithm=MD5"),
        ("algorithm=SHA-256", "algorithm=SHA-512-256"),
        ("qop=auth", "qop=auth-int"),
        ("sip:+4930123@", "sip:+4930124@"),
    ] {
        let mut request = invite("sip:+4930123@us.example");
        assert!(line.contains(from), "{line}");
        request.headers.push(HeaderName::Authorization, line.replace(from, to));
        assert_eq!(world.check(&request), Proof::Wrong, "{to}");
    }
    let mut elsewhere = right.clone();
    elsewhere.uri = "sip:+4999999@us.example".parse().expect("a URI");
    assert_eq!(world.check(&elsewhere), Proof::Wrong, "it was given for a call to somebody else");
    let mut behind = right;
    behind.uri = "sip:+4930123@10.0.0.1:5060;x=y".parse().expect("a URI");
    assert_eq!(world.check(&behind), Proof::Of(AccountId(1)), "a proxy has changed the host");
}

#[test]
fn nonces_are_for_one_sender_and_some_minutes() {
    let mut world = World::new();
    let challenges = world.ask();
    let request = world.answer(&challenges, 0, 1);
    let other = world.server.check(world.now, [192, 0, 2, 8].into(), &request, &world.accounts);
    assert_eq!(other, Proof::Absent { stale: true });
    world.now += LIFE + Duration::from_millis(1);
    assert_eq!(world.check(&request), Proof::Absent { stale: true });
    let mut strange = DigestServer::new([8; 32]);
    strange.challenges(world.now, FROM.into(), false);
    assert_eq!(strange.check(world.now, FROM.into(), &request, &world.accounts), Proof::Absent { stale: true });
}

#[test]
fn what_is_forgotten_is_stale_and_memory_is_bounded() {
    let mut world = World::new();
    let (first, early) = (world.ask(), world.ask());
    let used = world.answer(&first, 0, 1);
    assert_eq!(world.check(&used), Proof::Of(AccountId(1)));
    world.now += Duration::from_secs(1);
    for _ in 0..MOST_NONCES {
        let challenges = world.ask();
        let request = world.answer(&challenges, 0, 1);
        assert_eq!(world.check(&request), Proof::Of(AccountId(1)));
    }
    assert_eq!(world.server.used.len(), MOST_NONCES);
    assert_eq!(world.check(&used), Proof::Absent { stale: true }, "its counts are no longer kept");
    let late = world.answer(&early, 0, 1);
    world.check(&late);
    assert!(world.server.used.len() <= MOST_NONCES);
}

/// RFC 2069 answers have no count: a nonce is good for one.
#[test]
fn answers_without_quality_are_taken_once() {
    let mut world = World::new();
    let mut challenges = world.ask();
    for challenge in &mut challenges {
        challenge.qop.clear();
    }
    let request = world.answer(&challenges, 2, 1);
    assert_eq!(world.check(&request), Proof::Of(AccountId(3)));
    assert_eq!(world.check(&request), Proof::Absent { stale: true });
}
