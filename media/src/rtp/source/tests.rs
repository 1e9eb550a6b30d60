use super::*;

/// One party that sends to the port.
struct Talker {
    from: SocketAddr,
    every: Duration,
    next: Instant,
    sequence: u16,
    timestamp: u32,
    accepted: u32,
    dropped: u32,
    /// Whether it holds the peer's key.
    authentic: bool,
    clock_rate: u32,
}

impl Talker {
    fn trace(&self) -> Trace {
        let Self { sequence, timestamp, authentic, clock_rate, .. } = *self;
        Trace { audio: true, authentic, sequence, timestamp, clock_rate }
    }

    fn new(from: &str, starts: Instant, every_micros: u64) -> Self {
        Self {
            from: address(from),
            every: Duration::from_micros(every_micros),
            next: starts,
            sequence: 65_533,
            timestamp: u32::MAX - 200,
            accepted: 0,
            dropped: 0,
            authentic: false,
            clock_rate: 8_000,
        }
    }
}

/// Lets all talkers send in order of time until `until`.
fn run(learner: &mut SourceLearner, talkers: &mut [&mut Talker], until: Instant) {
    while let Some(talker) = talkers.iter_mut().filter(|talker| talker.next < until).min_by_key(|talker| talker.next) {
        match learner.judge(talker.next, talker.from, talker.trace()) {
            Judgement::Accept => talker.accepted += 1,
            Judgement::Learning | Judgement::Stranger => talker.dropped += 1,
        }
        talker.sequence = talker.sequence.wrapping_add(1);
        talker.timestamp = talker.timestamp.wrapping_add(talker.clock_rate / 50);
        talker.next += talker.every;
    }
}

/// The `n`th packet of a stream at 8 kHz.
fn trace(n: u16) -> Trace {
    Trace { audio: true, authentic: false, sequence: n, timestamp: u32::from(n) * 160, clock_rate: 8_000 }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("test addresses are well formed")
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
fn origin() -> Instant {
    Instant::now()
}

const SDP: &str = "192.0.2.1:4000";
const SAME_HOST: &str = "192.0.2.1:5123";
const TRANSLATED: &str = "198.51.100.7:30000";
const STRANGER: &str = "203.0.113.9:9999";
/// A talker's pace and ten times that.
const PACE: u64 = 20_000;
const FLOOD: u64 = 2_000;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn the_announced_address_is_heard_from_its_first_packet() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    assert_eq!(learner.destination(), Some(address(SDP)));
    let mut peer = Talker::new(SDP, t0, PACE);
    run(&mut learner, &mut [&mut peer], t0 + ms(1_000));
    assert_eq!((peer.accepted, peer.dropped), (50, 0));
    assert!(learner.locked);
}

#[test]
fn another_address_is_learnt_from_four_packets() {
    for from in [SAME_HOST, TRANSLATED] {
        let t0 = origin();
        let mut learner = SourceLearner::new(t0, Some(address(SDP)));
        let mut peer = Talker::new(from, t0, PACE);
        run(&mut learner, &mut [&mut peer], t0 + ms(1_000));
        assert_eq!((peer.accepted, peer.dropped), (47, 3), "{from}");
        assert_eq!(learner.destination(), Some(address(from)));
    }
}

/// Who sends what, when the peer starts, and what must come of it.
#[test]
fn a_stranger_who_floods_is_never_believed() {
    // (peer's address, stranger's address, start of the peer, start of the stranger, peer's packets that may be lost)
    let matrix = [
        (SDP, STRANGER, 500, 0, 0),
        (SDP, SAME_HOST, 500, 0, 0),
        (SDP, STRANGER, 0, 1_000, 0),
        (TRANSLATED, STRANGER, 500, 0, 3),
        (TRANSLATED, SAME_HOST, 500, 0, 3),
        (TRANSLATED, STRANGER, 0, 1_000, 3),
        (SAME_HOST, STRANGER, 500, 0, 3),
        (SAME_HOST, STRANGER, 0, 1_000, 3),
    ];
    for (peer_at, stranger_at, peer_starts, stranger_starts, lost) in matrix {
        let t0 = origin();
        let mut learner = SourceLearner::new(t0, Some(address(SDP)));
        let mut peer = Talker::new(peer_at, t0 + ms(peer_starts), PACE);
        let mut stranger = Talker::new(stranger_at, t0 + ms(stranger_starts), FLOOD);
        run(&mut learner, &mut [&mut peer, &mut stranger], t0 + ms(3_000));
        let case = format!("peer {peer_at} from {peer_starts}, stranger {stranger_at} from {stranger_starts}");
        assert_eq!(stranger.accepted, 0, "{case}");
        assert_eq!(peer.dropped, lost, "{case}");
        assert_eq!(learner.destination(), Some(address(peer_at)), "{case}");
    }
}

#[test]
fn a_stranger_who_keeps_the_pace_loses_against_the_announced_address() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    let mut stranger = Talker::new(STRANGER, t0, PACE);
    run(&mut learner, &mut [&mut stranger], t0 + ms(500));
    assert_eq!(learner.destination(), Some(address(STRANGER)), "nobody else was there");
    let mut peer = Talker::new(SDP, t0 + ms(500), PACE);
    let before = stranger.accepted;
    run(&mut learner, &mut [&mut peer, &mut stranger], t0 + ms(1_500));
    assert_eq!(peer.dropped, 3);
    assert!(stranger.accepted - before <= 4, "{} more", stranger.accepted - before);
    assert_eq!(learner.destination(), Some(address(SDP)));
}

#[test]
fn mid_call_a_stranger_at_the_right_pace_is_dropped() {
    for peer_at in [SDP, SAME_HOST, TRANSLATED] {
        let t0 = origin();
        let mut learner = SourceLearner::new(t0, Some(address(SDP)));
        let mut peer = Talker::new(peer_at, t0, PACE);
        let mut stranger = Talker::new(STRANGER, t0 + ms(400), PACE);
        run(&mut learner, &mut [&mut peer, &mut stranger], t0 + ms(5_000));
        assert_eq!(stranger.accepted, 0, "peer at {peer_at}");
        assert_eq!(learner.destination(), Some(address(peer_at)));
    }
}

#[test]
fn many_strangers_leave_a_place_for_the_announced_host() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    let mut crowd: Vec<Talker> =
        (0..64).map(|n| Talker::new(&format!("203.0.113.9:{}", 1_000 + n), t0, FLOOD)).collect();
    let mut peer = Talker::new(SAME_HOST, t0 + ms(300), PACE);
    let mut all: Vec<&mut Talker> = crowd.iter_mut().collect();
    all.push(&mut peer);
    run(&mut learner, &mut all, t0 + ms(1_000));
    assert_eq!(peer.dropped, 3);
    assert_eq!(crowd.iter().map(|stranger| stranger.accepted).sum::<u32>(), 0);
}

#[test]
fn two_seconds_of_silence_open_the_question_again() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    let mut peer = Talker::new(SDP, t0, PACE);
    run(&mut learner, &mut [&mut peer], t0 + ms(200));
    let mut moved = Talker::new(TRANSLATED, t0 + ms(1_000), PACE);
    run(&mut learner, &mut [&mut moved], t0 + ms(2_100));
    assert_eq!(moved.accepted, 0, "the last packet is not two seconds old");
    assert_eq!(learner.destination(), Some(address(SDP)));
    run(&mut learner, &mut [&mut moved], t0 + ms(2_500));
    assert!(moved.accepted > 0);
    assert_eq!(learner.destination(), Some(address(TRANSLATED)));
}

#[test]
fn a_new_description_opens_the_question_again() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    let mut peer = Talker::new(TRANSLATED, t0, PACE);
    run(&mut learner, &mut [&mut peer], t0 + ms(200));

    learner.renegotiate(Some(address(SDP)));
    assert_eq!(learner.destination(), Some(address(TRANSLATED)), "a refresh keeps the path");

    learner.renegotiate(Some(address(STRANGER)));
    assert_eq!(learner.destination(), Some(address(STRANGER)), "media goes first to the new address");
    let mut transferred = Talker::new(STRANGER, t0 + ms(200), PACE);
    run(&mut learner, &mut [&mut transferred], t0 + ms(400));
    assert_eq!(transferred.dropped, 0);
}

#[test]
fn without_an_announced_address_the_first_talker_at_pace_is_the_peer() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, None);
    assert_eq!(learner.destination(), None);
    let mut peer = Talker::new(TRANSLATED, t0, PACE);
    run(&mut learner, &mut [&mut peer], t0 + ms(200));
    assert_eq!(learner.destination(), Some(address(TRANSLATED)));
    assert_eq!(peer.dropped, 3);
}

#[test]
fn packets_of_another_payload_type_or_out_of_order_teach_nothing() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    for n in 0..20u16 {
        let at = t0 + ms(20 * u64::from(n));
        let judged = learner.judge(at, address(TRANSLATED), Trace { audio: false, ..trace(n) });
        assert_eq!(judged, Judgement::Learning);
        let judged = learner.judge(at, address(STRANGER), Trace { sequence: n * 2, ..trace(n) });
        assert_eq!(judged, Judgement::Learning);
    }
    assert_eq!(learner.destination(), Some(address(SDP)));
}

#[test]
fn whoever_holds_the_key_is_heard_at_once_and_followed_after_four_packets() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    let mut peer = Talker { authentic: true, ..Talker::new(TRANSLATED, t0, PACE) };
    run(&mut learner, &mut [&mut peer], t0 + ms(1));
    assert_eq!(learner.destination(), Some(address(TRANSLATED)), "nobody was learnt before");
    run(&mut learner, &mut [&mut peer], t0 + ms(1_000));
    // It moves in mid-call.
    let mut moved = Talker { from: address(STRANGER), accepted: 0, ..peer };
    run(&mut learner, &mut [&mut moved], t0 + ms(1_060));
    assert_eq!((moved.accepted, moved.dropped), (3, 0));
    assert_eq!(learner.destination(), Some(address(TRANSLATED)));
    run(&mut learner, &mut [&mut moved], t0 + ms(1_080));
    assert_eq!(learner.destination(), Some(address(STRANGER)));
}

#[test]
fn single_packets_of_the_key_from_elsewhere_turn_nothing_away() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    for n in 0..500_u16 {
        // Two of three packets are caught on the way and sent on from elsewhere, before they can come themselves.
        let from = if n % 3 == 0 { SDP } else { STRANGER };
        let trace = Trace { authentic: true, ..trace(n) };
        assert_eq!(learner.judge(t0 + ms(20 * u64::from(n)), address(from), trace), Judgement::Accept);
        assert_eq!(learner.destination(), Some(address(SDP)));
    }
}

#[test]
fn the_pace_is_that_of_the_codecs_clock() {
    let t0 = origin();
    let mut learner = SourceLearner::new(t0, Some(address(SDP)));
    let mut stranger = Talker { clock_rate: 48_000, ..Talker::new(STRANGER, t0, FLOOD) };
    run(&mut learner, &mut [&mut stranger], t0 + ms(500));
    assert_eq!(stranger.accepted, 0);
    let mut peer = Talker { clock_rate: 48_000, ..Talker::new(TRANSLATED, t0 + ms(800), PACE) };
    run(&mut learner, &mut [&mut peer], t0 + ms(1_800));
    assert_eq!((peer.accepted, peer.dropped), (47, 3));
}
