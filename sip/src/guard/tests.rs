use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const CARRIER: &str = "192.0.2.1";
const STRANGER: &str = "203.0.113.5";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn request(method: &str, more: &str) -> Vec<u8> {
    format!(
        "{method} sip:us.example SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:us.example>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn within(method: &str, tag: &str) -> Vec<u8> {
    let text = String::from_utf8(request(method, "")).expect("text");
    text.replace("To: <sip:us.example>", &format!("To: <sip:us.example>;tag={tag}")).into_bytes()
}

struct World {
    guard: Guard,
    now: Instant,
}

impl World {
    fn new(config: GuardConfig) -> Self {
        let mut guard = Guard::new(config);
        let mut known = Networks::default();
        known.add(ip(CARRIER));
        guard.set_known(known, false);
        Self { guard, now: crate::tests::epoch() }
    }

    fn says(&mut self, from: &str, datagram: &[u8]) -> Admission {
        self.guard.admit(self.now, ip(from), datagram, |tag| tag == b"ours")
    }

    fn passes(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn causes(&mut self) -> Vec<(String, BanCause)> {
        self.guard.bans(self.now).iter().map(|ban| (ban.source.to_string(), ban.cause)).collect()
    }
}

#[test]
fn strangers_get_nothing_but_what_belongs_to_calls_of_ours() {
    let mut world = World::new(GuardConfig::default());
    for method in ["OPTIONS", "REGISTER", "INVITE", "SUBSCRIBE", "CANCEL", "ACK", "FOO"] {
        assert_eq!(world.says(STRANGER, &request(method, "")), Admission::Out(Refusal::Stranger), "{method}");
    }
    assert_eq!(world.says(STRANGER, &within("BYE", "ours")), Admission::In(Urgency::Underway));
    assert_eq!(world.says(STRANGER, &within("BYE", "another")), Admission::Out(Refusal::Stranger));
    assert_eq!(world.says(STRANGER, b"SIP/2.0 200 OK\r\n\r\n"), Admission::In(Urgency::Fresh));
    assert_eq!(world.says(STRANGER, b"\x00\x01\x02\n"), Admission::Out(Refusal::Garbage));
    assert_eq!(world.says(STRANGER, b"\r\n\r\n"), Admission::Out(Refusal::Stranger));
    let counters = world.guard.counters();
    assert_eq!((counters.seen, counters.strangers, counters.garbage, counters.bans), (12, 9, 1, 0));
}

#[test]
fn trunks_are_served_by_what_they_ask() {
    let mut world = World::new(GuardConfig::default());
    for (method, urgency) in [
        ("INVITE", Urgency::Fresh),
        ("REGISTER", Urgency::Fresh),
        ("OPTIONS", Urgency::Probe),
        ("ACK", Urgency::Underway),
        ("CANCEL", Urgency::Underway),
        ("BYE", Urgency::Underway),
        ("PRACK", Urgency::Underway),
    ] {
        assert_eq!(world.says(CARRIER, &request(method, "")), Admission::In(urgency), "{method}");
    }
    for method in ["INVITE", "OPTIONS", "INFO"] {
        assert_eq!(world.says(CARRIER, &within(method, "any")), Admission::In(Urgency::Underway), "{method}");
    }
    assert_eq!(world.says(CARRIER, b"garbage\n"), Admission::In(Urgency::Fresh), "it may get its 400");
}

#[test]
fn who_may_prove_who_he_is_is_asked_and_let_in_once_he_has() {
    let mut world = World::new(GuardConfig::default());
    world.guard.set_known(Networks::default(), true);
    assert_eq!(world.says(STRANGER, &request("INVITE", "")), Admission::In(Urgency::Fresh));
    assert_eq!(world.says(STRANGER, &request("OPTIONS", "")), Admission::Out(Refusal::Stranger));
    world.guard.vouch(world.now, ip(STRANGER));
    for _ in 0..10_000 {
        assert_eq!(world.says(STRANGER, &request("OPTIONS", "")), Admission::In(Urgency::Probe));
    }
    world.passes(600);
    assert_eq!(world.says(STRANGER, &request("OPTIONS", "")), Admission::Out(Refusal::Stranger), "it was long ago");
}

#[test]
fn strangers_are_limited_each_and_all_together() {
    let config = GuardConfig {
        answers_strangers: true,
        flood: Limit { times: u32::MAX, within: Duration::MAX },
        ..GuardConfig::default()
    };
    let mut world = World::new(config);
    let options = request("OPTIONS", "");
    let one = (0..300).filter(|_| world.says(STRANGER, &options) == Admission::In(Urgency::Probe)).count();
    assert_eq!(one, 100);
    let networks = |n: u32| format!("2001:db8:{n:x}::{n:x}");
    let all = (1..1_000).filter(|n| world.says(&networks(*n), &options) == Admission::In(Urgency::Probe)).count();
    assert_eq!(all, 300, "the first stranger had the rest of the 400");
    assert_eq!(world.says("2001:db8:9999::1", &within("BYE", "ours")), Admission::In(Urgency::Underway));
    world.passes(1);
    assert_eq!(world.says(STRANGER, &options), Admission::In(Urgency::Probe));
}

#[test]
fn offenders_are_banned_for_a_while_and_told_by_cause() {
    let mut world = World::new(GuardConfig::default());
    assert_eq!(
        world.says("203.0.113.1", &request("INVITE", "User-Agent: friendly-scanner\r\n")),
        Admission::Out(Refusal::Scanner)
    );
    for _ in 0..50 {
        world.says("203.0.113.2", b"junk\n");
    }
    for _ in 0..20 {
        world.says("203.0.113.3", &request("REGISTER", ""));
    }
    for _ in 0..10 {
        world.guard.offend(world.now, ip("203.0.113.4"), Offence::Digest);
    }
    for _ in 0..1_100 {
        world.says("2001:db8::1", b"\r\n");
    }
    let banned = |last: &str, cause| (last.to_owned(), cause);
    assert_eq!(
        world.causes(),
        [
            banned("203.0.113.1", BanCause::Scanner),
            banned("203.0.113.2", BanCause::Offence(Offence::Malformed)),
            banned("203.0.113.3", BanCause::Offence(Offence::Register)),
            banned("203.0.113.4", BanCause::Offence(Offence::Digest)),
            banned("2001:db8::/64", BanCause::Offence(Offence::Flood)),
        ]
    );
    assert_eq!(world.says("2001:db8::2", &within("BYE", "ours")), Admission::Out(Refusal::Banned), "of that network");
    world.passes(3_600);
    assert!(world.causes().is_empty());
    assert_eq!(world.says("2001:db8::2", &within("BYE", "ours")), Admission::In(Urgency::Underway));
}

#[test]
fn trunks_are_never_banned() {
    let mut world = World::new(GuardConfig::default());
    for _ in 0..10_000 {
        world.says(CARRIER, b"junk\n");
        world.says(CARRIER, &request("REGISTER", "User-Agent: sipcli/v1.8\r\n"));
        world.guard.offend(world.now, ip(CARRIER), Offence::Digest);
    }
    assert_eq!(world.guard.ban(world.now, ip(CARRIER), None), Err(IsKnown));
    assert!(world.causes().is_empty());
    let ban = world.guard.ban(world.now, ip("198.51.100.9"), Some(Duration::from_secs(60))).expect("a stranger");
    assert_eq!((ban.cause, ban.until), (BanCause::Operator, world.now + Duration::from_secs(60)));
    let mut known = Networks::default();
    known.add_net(parse_net("198.51.100.0/24").expect("a network"));
    world.guard.set_known(known, false);
    assert!(world.causes().is_empty(), "it belongs to a trunk now");
}

#[test]
fn who_is_pardoned_begins_anew() {
    let mut world = World::new(GuardConfig::default());
    for _ in 0..10 {
        world.guard.offend(world.now, ip(STRANGER), Offence::Digest);
    }
    assert!(world.guard.unban(world.now, ip(STRANGER)) && !world.guard.unban(world.now, ip(STRANGER)));
    for _ in 0..9 {
        world.guard.offend(world.now, ip(STRANGER), Offence::Digest);
    }
    assert!(world.causes().is_empty());
}

/// Whatever comes from wherever: tables stay bounded, the carrier is served, counts add up.
#[test]
fn a_flood_from_everywhere_takes_no_more_memory_than_the_tables_have() {
    for seed in 0..8 {
        let mut dice = StdRng::seed_from_u64(seed);
        let config = GuardConfig { sources: 64, bans: 16, answers_strangers: seed % 2 == 0, ..GuardConfig::default() };
        let mut world = World::new(config);
        world.guard.set_known(world.guard.known.clone(), seed % 3 == 0);
        let mut dropped = 0;
        for _ in 0..20_000 {
            let from = format!("10.0.{}.{}", dice.random_range(0..2), dice.random_range(0..255));
            let text = match dice.random_range(0..5) {
                0 => request("INVITE", ""),
                1 => request("REGISTER", ""),
                2 => request("OPTIONS", "User-Agent: sipvicious\r\n"),
                3 => (0..dice.random_range(0..99)).map(|_| dice.random()).collect(),
                _ => within("BYE", "guessed"),
            };
            dropped += u64::from(matches!(world.says(&from, &text), Admission::Out(_)));
            assert!(world.guard.remembered() <= 64 && world.causes().len() <= 16, "seed {seed}");
            world.now += Duration::from_micros(dice.random_range(0..5_000));
        }
        let GuardCounters { banned, limited, strangers, garbage, .. } = world.guard.counters();
        assert_eq!(banned + limited + strangers + garbage, dropped, "seed {seed}");
        assert_eq!(world.says(CARRIER, &request("INVITE", "")), Admission::In(Urgency::Fresh), "seed {seed}");
    }
}
