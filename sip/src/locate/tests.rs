use super::*;
use crate::endpoint::{Failure, FailureCause};
use crate::message::StatusCode;
use crate::tests::epoch;
use crate::tests::pair::Dice;
use std::collections::BTreeMap;

/// A locator, a zone, and a clock.
struct World {
    now: Instant,
    locator: Locator,
    zone: BTreeMap<Question, Answer>,
    /// Whether the resolver answers at all.
    silent: bool,
    asked: Vec<Question>,
}

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

impl World {
    fn new() -> Self {
        Self::with(LocatorConfig { families: Families::V4, ..LocatorConfig::default() })
    }

    fn with(config: LocatorConfig) -> Self {
        let locator = Locator::new(config, [3; 32]);
        Self { now: epoch(), locator, zone: BTreeMap::new(), silent: false, asked: Vec::new() }
    }

    fn secure() -> Self {
        let protocols = vec![Protocol::Udp, Protocol::Tcp, Protocol::Tls];
        Self::with(LocatorConfig { protocols, families: Families::V4, ..LocatorConfig::default() })
    }

    fn a(&mut self, name: &str, addresses: &[&str]) {
        let parsed: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        for (question, v4) in [(Question::A(name.to_owned()), true), (Question::Aaaa(name.to_owned()), false)] {
            let family: Vec<IpAddr> = parsed.iter().copied().filter(|address| address.is_ipv4() == v4).collect();
            self.zone.insert(question, Answer::Addresses(family, MINUTE));
        }
    }

    fn srv(&mut self, name: &str, records: &[(u16, u16, u16, &str)]) {
        let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| Srv {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: (*target).to_owned(),
        };
        self.zone.insert(Question::Srv(name.to_owned()), Answer::Srv(records.iter().map(record).collect(), MINUTE));
    }

    fn naptr(&mut self, name: &str, records: &[(u16, u16, &str, &str)]) {
        let record = |(order, preference, service, replacement): &(u16, u16, &str, &str)| Naptr {
            order: *order,
            preference: *preference,
            flags: "s".to_owned(),
            service: (*service).to_owned(),
            regexp: String::new(),
            replacement: (*replacement).to_owned(),
        };
        let records = records.iter().map(record).collect();
        self.zone.insert(Question::Naptr(name.to_owned()), Answer::Naptr(records, HOUR));
    }

    fn watch(&mut self, uri: &str, configured: Option<Protocol>) -> TargetId {
        let id = self.locator.watch(self.now, target(uri, configured).expect("a target")).expect("there is room");
        self.serve();
        id
    }

    /// Answers what is asked, by the zone; what is not in it does not exist.
    fn serve(&mut self) {
        while let Some(question) = self.locator.poll_question() {
            self.asked.push(question.clone());
            if !self.silent {
                let answer = self.zone.get(&question).cloned().unwrap_or(Answer::Nothing(MINUTE));
                self.locator.handle_answer(self.now, question, answer);
            }
        }
    }

    /// Goes on to each wake-up within the span.
    fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.locator.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.locator.handle_timeout(self.now);
            self.serve();
        }
        self.now = end;
    }

    fn found(&mut self, id: TargetId) -> Vec<String> {
        let show = |candidate: Candidate| format!("{:?} {}", candidate.protocol, candidate.address).to_lowercase();
        self.locator.candidates(self.now, id).into_iter().map(show).collect()
    }

    fn events(&mut self) -> Vec<LocatorEvent> {
        std::iter::from_fn(|| self.locator.poll_event()).collect()
    }
}

fn target(uri: &str, configured: Option<Protocol>) -> Result<Target, LocateError> {
    Target::of_uri(&Uri::parse(uri.as_bytes()).expect("a URI of this test"), configured)
}

/// Section 4.1 and 4.2: a numeric host and a port that is written need no SRV, and a numeric one no DNS at all.
#[test]
fn what_is_written_is_not_asked_for() {
    let mut world = World::secure();
    for (uri, configured, expected) in [
        ("sip:x@192.0.2.1", None, "udp 192.0.2.1:5060"),
        ("sip:x@192.0.2.1:5080;transport=tcp", None, "tcp 192.0.2.1:5080"),
        ("sip:x@[2001:db8::1]", Some(Protocol::Tcp), "tcp [2001:db8::1]:5060"),
        ("sips:x@192.0.2.1", None, "tls 192.0.2.1:5061"),
        ("sips:x@192.0.2.1;transport=tcp", None, "tls 192.0.2.1:5061"),
        ("sip:x@192.0.2.1;transport=udp", Some(Protocol::Tls), "tls 192.0.2.1:5061"),
        ("sip:x@example.org;maddr=192.0.2.7", None, "udp 192.0.2.7:5060"),
    ] {
        let id = world.watch(uri, configured);
        assert_eq!(world.found(id), [expected], "{uri}");
    }
    assert!(world.asked.is_empty() && world.locator.poll_timeout().is_none());
    world.a("pbx.example.org", &["192.0.2.2", "192.0.2.3"]);
    let id = world.watch("sip:x@PBX.example.org.:5070", None);
    assert_eq!(world.found(id), ["udp 192.0.2.2:5070", "udp 192.0.2.3:5070"]);
    assert_eq!(world.asked, [Question::A("pbx.example.org".to_owned())]);
    let id = world.watch("sips:x@pbx.example.org:5070", None);
    assert_eq!(world.found(id), ["tls 192.0.2.2:5070", "tls 192.0.2.3:5070"]);
    assert_eq!(world.asked.len(), 1, "the answer still holds");
}

#[test]
fn what_cannot_be_a_target_is_said_at_once() {
    assert_eq!(target("tel:+4930123", None), Err(LocateError::Scheme));
    assert_eq!(target("sip:x@example.org;transport=sctp", None), Err(LocateError::Transport));
    assert_eq!(target("sips:x@example.org;transport=udp", None), Err(LocateError::Transport));
    assert_eq!(target("sips:x@example.org", Some(Protocol::Udp)), Err(LocateError::Transport));
    let mut world = World::new();
    let secure = target("sips:x@example.org", None).expect("a target");
    assert_eq!(world.locator.watch(world.now, secure), Err(LocateError::NotHere));
    assert!(world.locator.poll_question().is_none());
}

/// The example of section 4.1: three services, of which the client takes the one with the lowest order that it supports.
#[test]
fn naptr_names_the_protocol() {
    let records = [
        (50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
        (90, 50, "SIP+D2T", "_sip._tcp.example.com."),
        (100, 50, "SIP+D2U", "_sip._udp.example.com"),
    ];
    let mut world = World::new();
    world.naptr("example.com", &records);
    world.srv("_sip._tcp.example.com", &[(0, 1, 5060, "server1.example.com"), (1, 2, 5062, "server2.example.com")]);
    world.a("server1.example.com", &["192.0.2.1"]);
    world.a("server2.example.com", &["192.0.2.2"]);
    let id = world.watch("sip:user@example.com", None);
    assert_eq!(world.found(id), ["tcp 192.0.2.1:5060", "tcp 192.0.2.2:5062"]);
    let host = world.locator.candidates(world.now, id)[0].host.clone();
    assert_eq!(host, Host::Name("server1.example.com".to_owned()), "the name a certificate would be held against");

    // "a client resolving a SIPS URI MUST discard any services that do not contain SIPS".
    let mut world = World::secure();
    world.naptr("example.com", &records[1..]);
    world.srv("_sip._tcp.example.com", &[(0, 1, 5060, "server1.example.com")]);
    world.a("server1.example.com", &["192.0.2.1"]);
    world.a("example.com", &["192.0.2.9"]);
    let id = world.watch("sips:user@example.com", None);
    assert_eq!(world.found(id), ["tls 192.0.2.9:5061"], "no TLS by NAPTR or SRV: the host itself");
    assert!(!world.asked.contains(&Question::Srv("_sip._tcp.example.com".to_owned())));
}

#[test]
fn naptr_records_that_are_not_for_us_are_passed_over() {
    let mut world = World::new();
    let record = |flags: &str, service: &str, regexp: &str, replacement: &str| Naptr {
        order: 1,
        preference: 1,
        flags: flags.to_owned(),
        service: service.to_owned(),
        regexp: regexp.to_owned(),
        replacement: replacement.to_owned(),
    };
    let records = vec![
        record("u", "E2U+sip", "!^.*$!sip:evil@example.net!", "."),
        record("s", "SIP+D2U", "!x!y!", "_sip._udp.evil.example.net"),
        record("a", "SIP+D2U", "", "evil.example.net"),
        record("s", "SIP+D2S", "", "_sip._sctp.example.com"),
        record("s", "SIP+D2U", "", "bad name"),
    ];
    world.zone.insert(Question::Naptr("example.com".to_owned()), Answer::Naptr(records, HOUR));
    world.srv("_sip._udp.example.com", &[(0, 0, 5090, "server1.example.com")]);
    world.a("server1.example.com", &["192.0.2.1"]);
    let id = world.watch("sip:example.com", None);
    assert_eq!(world.found(id), ["udp 192.0.2.1:5090"], "none is usable: SRV of each protocol");
}

/// Section 4.1: without NAPTR an SRV query for each protocol; without SRV the addresses of the name, over UDP.
#[test]
fn without_naptr_each_protocol_is_asked_for_and_then_the_host_itself() {
    let mut world = World::new();
    world.srv("_sip._tcp.example.com", &[(0, 0, 5061, "server1.example.com")]);
    world.srv("_sip._udp.example.com", &[(0, 0, 5062, "server1.example.com")]);
    world.a("server1.example.com", &["192.0.2.1"]);
    let id = world.watch("sip:example.com", None);
    assert_eq!(world.found(id), ["udp 192.0.2.1:5062", "tcp 192.0.2.1:5061"], "in our order");
    let id = world.watch("sip:example.com;transport=tcp", None);
    assert_eq!(world.found(id), ["tcp 192.0.2.1:5061"]);

    let mut world = World::new();
    world.a("example.com", &["192.0.2.9"]);
    let id = world.watch("sip:example.com", None);
    assert_eq!(world.found(id), ["udp 192.0.2.9:5060"]);
    let id = world.watch("sip:example.com", Some(Protocol::Tcp));
    assert_eq!(world.found(id), ["tcp 192.0.2.9:5060"]);
}

/// RFC 2782: "A Target of "." means that the service is decidedly not available at this domain".
#[test]
fn a_service_that_is_decidedly_not_there_is_not_looked_for_elsewhere() {
    let mut world = World::new();
    world.srv("_sip._udp.example.com", &[(0, 0, 0, ".")]);
    world.a("example.com", &["192.0.2.9"]);
    let id = world.watch("sip:example.com;transport=udp", None);
    assert_eq!(world.events(), [LocatorEvent::Lost(id, LocateError::Nobody)]);
    let id = world.watch("sip:example.com", None);
    assert!(world.found(id).is_empty());
}

#[test]
fn both_families_are_asked_and_the_preferred_one_comes_first() {
    for (families, expected) in [
        (Families::V4First, vec!["udp 192.0.2.1:5060", "udp [2001:db8::1]:5060"]),
        (Families::V6First, vec!["udp [2001:db8::1]:5060", "udp 192.0.2.1:5060"]),
        (Families::V6, vec!["udp [2001:db8::1]:5060"]),
    ] {
        let mut world = World::with(LocatorConfig { families, ..LocatorConfig::default() });
        world.a("example.com", &["192.0.2.1", "2001:db8::1"]);
        let id = world.watch("sip:example.com:5060", None);
        assert_eq!(world.found(id), expected, "{families:?}");
    }
}

/// RFC 2782: lower priorities first, always; among equals in proportion to the weight, a weight of 0 hardly ever first.
#[test]
fn equals_are_drawn_by_weight() {
    let mut world = World::new();
    let name = "_sip._udp.example.com";
    world.srv(name, &[(10, 60, 1, "a"), (10, 30, 2, "b"), (10, 10, 3, "c"), (10, 0, 4, "d"), (5, 1, 5, "e")]);
    for (host, address) in [("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.3"), ("d", "192.0.2.4")] {
        world.a(host, &[address]);
    }
    world.a("e", &["192.0.2.5"]);
    let id = world.watch("sip:example.com;transport=udp", None);
    let mut firsts = BTreeMap::new();
    for _ in 0..2000 {
        let found = world.locator.candidates(world.now, id);
        let ports: Vec<u16> = found.iter().map(|candidate| candidate.address.port()).collect();
        assert_eq!((ports.len(), ports[0]), (5, 5), "all of them, and the lower priority first");
        *firsts.entry(ports[1]).or_insert(0) += 1;
    }
    let share = |port: u16| firsts.get(&port).copied().unwrap_or(0);
    assert!((1080..=1320).contains(&share(1)), "60 of 100: {firsts:?}");
    assert!((500..=700).contains(&share(2)), "30 of 100: {firsts:?}");
    assert!((130..=270).contains(&share(3)), "10 of 100: {firsts:?}");
    assert!(share(4) <= 60, "weight 0 comes first by the one draw of 0: {firsts:?}");
}

#[test]
fn the_same_seed_gives_the_same_order() {
    let draw = || {
        let mut world = World::new();
        world.srv("_sip._udp.x", &[(1, 5, 1, "a"), (1, 5, 2, "a"), (1, 5, 3, "a")]);
        world.a("a", &["192.0.2.1"]);
        let id = world.watch("sip:x;transport=udp", None);
        (0..8).map(|_| world.found(id)).collect::<Vec<_>>()
    };
    assert_eq!(draw(), draw());
    assert!(draw().windows(2).any(|two| two[0] != two[1]), "drawn anew each time");
}

/// Section 4.3: transport errors, silence and 503 lead to the next server; any other answer stands.
#[test]
fn a_server_that_fails_gives_way_and_is_avoided_for_a_while() {
    let mut world = World::new();
    world.srv("_sip._udp.x", &[(1, 0, 5060, "a"), (2, 0, 5060, "b"), (3, 0, 5060, "c")]);
    for (name, address) in [("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.3")] {
        world.a(name, &[address]);
    }
    let id = world.watch("sip:x;transport=udp", None);
    let mut hunt = Hunt::new(world.locator.candidates(world.now, id)).expect("three");
    let failure = |cause, status: Option<u16>, retry_after: Option<u64>, provisional_seen| Failure {
        cause,
        status: status.map(|code| StatusCode::new(code).expect("a status")),
        reason: None,
        retry_after: retry_after.map(Duration::from_secs),
        phrase: Vec::new(),
        provisional_seen,
        ringing_seen: false,
        invites: 1,
        response: None,
    };
    let busy = failure(FailureCause::Response, Some(503), Some(120), false);
    let trouble = Trouble::of(&busy).expect("503 is the server's");
    assert_eq!(trouble, Trouble::Unavailable { retry_after: Some(Duration::from_secs(120)) });
    world.locator.report(world.now, hunt.current(), trouble);
    assert_eq!(hunt.advance().map(|next| next.address.to_string()), Some("192.0.2.2:5060".to_owned()));
    let trouble = Trouble::of(&failure(FailureCause::NotSent, None, None, false)).expect("unreachable");
    assert!(!trouble.may_have_arrived());
    world.locator.report(world.now, hunt.current(), trouble);
    assert!(hunt.advance().is_some() && hunt.left() == 0);
    let silence = Trouble::of(&failure(FailureCause::NoResponse, None, None, false)).expect("silent");
    assert!(silence.may_have_arrived(), "somebody may have been rung");
    assert!(hunt.advance().is_none());
    for stands in [
        failure(FailureCause::Response, Some(486), None, true),
        failure(FailureCause::NoResponse, None, None, true),
        failure(FailureCause::Cancelled, None, None, false),
    ] {
        assert_eq!(Trouble::of(&stands), None, "{stands:?}");
    }
    // The next call goes to the one that did not fail; the one with Retry-After comes last.
    let next = |world: &mut World| world.found(id).iter().map(|text| text[4..].to_owned()).collect::<Vec<_>>();
    assert_eq!(next(&mut world), ["192.0.2.3:5060", "192.0.2.2:5060", "192.0.2.1:5060"]);
    world.run_for(Duration::from_secs(31));
    assert_eq!(next(&mut world), ["192.0.2.2:5060", "192.0.2.3:5060", "192.0.2.1:5060"]);
    let last = world.locator.candidates(world.now, id)[2].clone();
    assert!(last.avoid_until.is_some());
    world.locator.cleared(&last);
    assert_eq!(next(&mut world)[0], "192.0.2.1:5060");
}

#[test]
fn answers_are_asked_for_again_when_their_time_is_over() {
    let mut world = World::new();
    world.a("example.com", &["192.0.2.1"]);
    let id = world.watch("sip:example.com:5060", None);
    assert_eq!(world.events(), [LocatorEvent::Located(id)]);
    world.run_for(Duration::from_secs(59));
    assert_eq!(world.asked.len(), 1);
    world.run_for(Duration::from_secs(61));
    assert_eq!(world.asked.len(), 3);
    assert_eq!(world.events(), [], "nothing new");
    world.a("example.com", &["192.0.2.2"]);
    world.run_for(MINUTE);
    assert_eq!(world.events(), [LocatorEvent::Located(id)]);
    assert_eq!(world.found(id), ["udp 192.0.2.2:5060"]);
    world.locator.forget(id);
    world.run_for(HOUR);
    assert_eq!(world.asked.len(), 4, "nobody is interested any more");
    assert!(world.locator.poll_timeout().is_none());
}

#[test]
fn that_there_is_nothing_holds_for_a_minute_at_most() {
    let mut world = World::new();
    world.silent = true;
    let id = world.watch("sip:example.com:5060", None);
    assert_eq!(world.locator.standing(id), None, "the question is under way");
    world.silent = false;
    let question = Question::A("example.com".to_owned());
    world.locator.handle_answer(world.now, question, Answer::Nothing(Duration::from_secs(86_400)));
    assert_eq!(world.events(), [LocatorEvent::Lost(id, LocateError::Nobody)]);
    assert_eq!(world.locator.standing(id), Some(Err(LocateError::Nobody)));
    world.run_for(Duration::from_secs(59));
    assert_eq!(world.asked.len(), 1);
    world.a("example.com", &["192.0.2.1"]);
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.events(), [LocatorEvent::Located(id)]);
    assert_eq!(world.locator.standing(id), Some(Ok(())));
    world.locator.forget(id);
    assert_eq!(world.locator.standing(id), None);
}

#[test]
fn a_silent_resolver_leaves_the_last_answer_in_force_for_a_day() {
    let mut world = World::new();
    world.a("example.com", &["192.0.2.1"]);
    let id = world.watch("sip:example.com:5060", None);
    world.silent = true;
    world.run_for(HOUR * 23);
    assert_eq!(world.found(id), ["udp 192.0.2.1:5060"]);
    assert!(world.asked.len() < 6000, "asked again every 20 s, not faster: {}", world.asked.len());
    world.run_for(HOUR * 2);
    assert_eq!(world.events(), [LocatorEvent::Lost(id, LocateError::Unanswered)]);
    world.silent = false;
    world.run_for(MINUTE);
    assert_eq!(world.events(), [LocatorEvent::Located(id)]);
    // A target that was never known says so once the resolver had its time.
    world.silent = true;
    let unknown = world.watch("sip:unknown.example.com", None);
    assert_eq!(world.events(), []);
    world.run_for(Duration::from_secs(16));
    assert_eq!(world.events(), [LocatorEvent::Lost(unknown, LocateError::Unanswered)]);
}

#[test]
fn what_the_dns_says_is_bounded() {
    let config = LocatorConfig { max_targets: 3, max_answers: 4, families: Families::V4, ..LocatorConfig::default() };
    let mut world = World::with(config);
    let many: Vec<(u16, u16, u16, String)> =
        (0..60_000).map(|port| (port, 0, port, format!("host{port}.example.com"))).collect();
    let many: Vec<(u16, u16, u16, &str)> =
        many.iter().map(|(priority, weight, port, target)| (*priority, *weight, *port, target.as_str())).collect();
    world.srv("_sip._udp.x", &many);
    let addresses: Vec<String> = (0..250).map(|last| format!("192.0.2.{last}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    for port in 0..100 {
        world.a(&format!("host{port}.example.com"), &addresses);
    }
    let id = world.watch("sip:x;transport=udp", None);
    assert_eq!(world.found(id).len(), 32);
    assert_eq!(world.asked.len(), 33, "32 hosts are enough");
    world.watch("sip:y:5060", None);
    world.watch("sip:z:5060", None);
    let fourth = target("sip:example.com", None).expect("a target");
    assert_eq!(world.locator.watch(world.now, fourth), Err(LocateError::Full));
    assert_eq!(world.locator.answers(), 35, "what is needed is kept");
    world.locator.forget(id);
    assert_eq!(world.locator.answers(), 4, "what is not gives way");
}

#[test]
fn an_answer_nobody_asked_for_changes_nothing() {
    let mut world = World::new();
    let question = Question::A("example.com".to_owned());
    let forged = Answer::Addresses(vec!["203.0.113.66".parse().expect("an address")], HOUR);
    world.locator.handle_answer(world.now, question.clone(), forged.clone());
    assert_eq!(world.locator.answers(), 0);
    world.a("example.com", &["192.0.2.1"]);
    let id = world.watch("sip:example.com:5060", None);
    world.locator.handle_answer(world.now, question, forged);
    assert_eq!(world.found(id), ["udp 192.0.2.1:5060"]);
}

/// A DNS that says anything, at any time, or nothing at all.
#[test]
fn nothing_the_dns_says_breaks_the_locator() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let config = LocatorConfig { max_targets: 4, max_answers: 8, ..LocatorConfig::default() };
        let mut world = World::with(config);
        let names = ["x", "y", "_sip._udp.x", "_sip._tcp.x", ".", "", "bad name", "192.0.2.7"];
        let mut open: Vec<Question> = Vec::new();
        let mut targets = Vec::new();
        for _ in 0..300 {
            while let Some(question) = world.locator.poll_question() {
                open.push(question);
            }
            assert!(open.len() <= 4 * 80, "seed {seed}: {} questions", open.len());
            let mut name = || names[usize::try_from(dice.below(8)).expect("below 8")].to_owned();
            let (replacement, host) = (name(), name());
            let ttl = Duration::from_secs(dice.below(3) * dice.below(1 << 40));
            let count = dice.below(4);
            let number = |dice: &mut Dice| u16::try_from(dice.below(65_536)).expect("16 bits");
            match dice.below(8) {
                0 => {
                    let uri = if dice.percent(50) { "sip:x" } else { "sip:y;transport=tcp" };
                    targets.extend(world.locator.watch(world.now, target(uri, None).expect("a target")));
                }
                1 if !targets.is_empty() => {
                    let at = usize::try_from(dice.below(targets.len() as u64)).expect("an index");
                    world.locator.forget(targets.swap_remove(at));
                }
                2 => {
                    world.now += Duration::from_millis(dice.below(40_000));
                    world.locator.handle_timeout(world.now);
                    assert!(world.locator.poll_timeout().is_none_or(|at| at > world.now), "seed {seed}: it spins");
                }
                _ if open.is_empty() => {}
                kind => {
                    let at = usize::try_from(dice.below(open.len() as u64)).expect("an index");
                    let question = open.swap_remove(at);
                    let answer = match kind {
                        3 => Answer::Failed,
                        4 => Answer::Nothing(ttl),
                        5 => {
                            let record =
                                Srv { priority: number(&mut dice), weight: number(&mut dice), port: 0, target: host };
                            Answer::Srv(vec![record; usize::try_from(count).expect("few")], ttl)
                        }
                        6 => {
                            let naptr = Naptr {
                                order: number(&mut dice),
                                preference: number(&mut dice),
                                flags: "S".to_owned(),
                                service: "SIP+D2U".to_owned(),
                                regexp: String::new(),
                                replacement,
                            };
                            Answer::Naptr(vec![naptr; usize::try_from(count).expect("few")], ttl)
                        }
                        _other => Answer::Addresses(vec![IpAddr::from([192, 0, 2, 1]), IpAddr::from([0; 16])], ttl),
                    };
                    world.locator.handle_answer(world.now, question, answer);
                }
            }
            for id in &targets {
                let found = world.locator.candidates(world.now, *id);
                assert!(found.len() <= 32);
                if let Some(first) = found.first().filter(|_| dice.percent(5)) {
                    world.locator.report(world.now, first, Trouble::Unavailable { retry_after: Some(ttl) });
                }
            }
        }
        assert!(world.locator.answers() <= 8 + 4 * 80, "seed {seed}: {} answers", world.locator.answers());
    }
}
