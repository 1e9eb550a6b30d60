//! RTCP between two legs over a network that delays and loses, and what strangers make of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::world::{PEER, address, config, ms, negotiated};
use crate::codec::Codec;
use crate::frame::FRAME;
use crate::negotiated::{Direction, Negotiated, RtcpPath};
use crate::rtcp::{Block, Cname, Compound, MAX_COMPOUND, NtpTime, Packet, Reporting, SenderInfo, write};
use crate::session::{DropReason, MAX_PACKET, Port, Received, ReportConfig, ReportOut, Session, SessionConfig, Stats};
use crate::srtp::{MasterKey, RemoteKey, SrtpKeys, Suite};

const OURS: &str = "192.0.2.2:5000";
const OUR_SSRC: u32 = 1;
const THEIR_SSRC: u32 = 2;

/// A way for packets.
#[derive(Clone, Copy)]
struct Way {
    delay: Duration,
    loss: f64,
}

/// One leg of the two, as the network sees it.
struct End {
    session: Session,
    address: SocketAddr,
    /// What the other one gets of it.
    way: Way,
    /// RTP lost on that way.
    lost: u64,
    /// Its reports: when, from and to where, as they were on the wire.
    reports: Vec<(Instant, SocketAddr, SocketAddr, Vec<u8>)>,
    next_tick: Instant,
}

/// A datagram on its way.
struct Datagram {
    /// Which end it goes to.
    number: usize,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// Two legs and what lies between them.
struct Duo {
    now: Instant,
    start: Instant,
    ends: [End; 2],
    /// By when they arrive.
    wire: BTreeMap<(Instant, u64), Datagram>,
    posted: u64,
    rng: StdRng,
}

fn beside(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() + 1)
}

fn reporting(seed: u64) -> ReportConfig {
    // The two clocks are years apart, which must not matter.
    let time = NtpTime::from_unix(Duration::from_secs(1_700_000_000 + seed * 100_000_000));
    ReportConfig::new(time, Cname::new([seed as u8; 12]), seed)
}

impl Duo {
    fn new(seed: u64, there: Way, back: Way, change: impl Fn(&mut Negotiated, usize)) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut end = |number: usize, at: &str, peer: &str, ssrc, way| {
            let mut agreed = Negotiated { remote: Some(address(peer)), ..negotiated(Codec::Pcma) };
            change(&mut agreed, number);
            let config = SessionConfig { negotiated: agreed, ssrc, uplink: false, ..config() };
            let mut session = Session::new(now, config);
            session.report(now, reporting(2 * seed + number as u64));
            let next_tick = now + Duration::from_micros(rng.random_range(0..20_000));
            End { session, address: address(at), way, lost: 0, reports: Vec::new(), next_tick }
        };
        let ends = [end(0, OURS, PEER, OUR_SSRC, there), end(1, PEER, OURS, THEIR_SSRC, back)];
        Self { now, start: now, ends, wire: BTreeMap::new(), posted: 0, rng }
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let delivery = self.wire.keys().next().map(|&(at, _)| at);
            let next = delivery.into_iter().chain(self.ends.iter().map(|end| end.next_tick)).min();
            let next = next.expect("there is always a tick");
            if next > until {
                break;
            }
            self.now = next;
            if delivery == Some(next) {
                let (_, Datagram { number, from, to, bytes }) = self.wire.pop_first().expect("it was there");
                self.deliver(number, from, to, &bytes);
            } else {
                let number = usize::from(self.ends[1].next_tick == next);
                self.tick(number);
            }
        }
        self.now = until;
    }

    fn tick(&mut self, number: usize) {
        let now = self.now;
        let end = &mut self.ends[number];
        end.next_tick = now + FRAME;
        let mut packet = [0; MAX_PACKET];
        if let Some((to, length)) = end.session.tick(now, &mut packet).transmit {
            let from = end.address;
            let lost = self.rng.random_bool(end.way.loss);
            end.lost += u64::from(lost);
            if !lost {
                self.post(number, from, to, &packet[..length]);
            }
        }
        if let Some(report) = self.ends[number].session.poll_report(now, &mut packet) {
            self.post_report(number, report, &packet);
        }
        let end = &mut self.ends[number];
        while end.session.poll_event().is_some() {}
    }

    fn post_report(&mut self, number: usize, report: ReportOut, packet: &[u8; MAX_PACKET]) {
        let end = &mut self.ends[number];
        let from = if report.from == Port::Rtp { end.address } else { beside(end.address) };
        let bytes = packet[..report.length].to_vec();
        end.reports.push((self.now, from, report.to, bytes.clone()));
        self.post(number, from, report.to, &bytes);
    }

    fn post(&mut self, number: usize, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.posted += 1;
        let at = self.now + self.ends[number].way.delay;
        self.wire.insert((at, self.posted), Datagram { number: 1 - number, from, to, bytes: bytes.to_vec() });
    }

    fn deliver(&mut self, number: usize, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Option<Received> {
        let end = &mut self.ends[number];
        let received = match to {
            to if to == end.address => end.session.receive(self.now, from, bytes),
            to if to == beside(end.address) => end.session.receive_report(self.now, from, bytes),
            _ => return None,
        };
        Some(received)
    }

    fn stats(&self) -> [Stats; 2] {
        [self.ends[0].session.stats(), self.ends[1].session.stats()]
    }

    /// A report of the peer's as it would be in the clear, about our stream.
    fn peers(&self, block: Block) -> Vec<u8> {
        written(THEIR_SSRC, Some(block))
    }
}

fn written(ssrc: u32, block: Option<Block>) -> Vec<u8> {
    let mut out = [0; MAX_COMPOUND];
    let cname = Cname::new([9; 12]);
    let length = write(&Reporting { ssrc, cname: &cname, sender: None, block, goodbye: false }, &mut out);
    out[..length].to_vec()
}

fn clean(delay: u64) -> Way {
    Way { delay: ms(delay), loss: 0.0 }
}

fn info(bytes: &[u8]) -> Option<SenderInfo> {
    match Compound::parse(bytes).expect("we write compounds").packets().next() {
        Some(Packet::Sender { info, .. }) => Some(info),
        Some(Packet::Receiver { .. } | Packet::Goodbye(_) | Packet::Other) | None => None,
    }
}

#[test]
fn both_sides_learn_what_the_other_got_and_how_far_it_is() {
    for seed in 0..8 {
        for path in [RtcpPath::Muxed, RtcpPath::Beside] {
            let (there, back) = (Way { delay: ms(40), loss: 0.05 }, Way { delay: ms(60), loss: 0.0 });
            let mut duo = Duo::new(seed, there, back, |negotiated, _| negotiated.rtcp = path);
            duo.run(Duration::from_secs(120));
            let [ours, theirs] = duo.stats();
            let case = format!("seed {seed}, {path:?}: {ours:?}");
            assert!((20..32).contains(&ours.rtcp_sent) && ours.rtcp + 1 >= theirs.rtcp_sent, "{case}");
            assert_eq!(ours.dropped.total() + theirs.dropped.total(), 0, "{case}");
            let (far, near) = (ours.far.expect("reports came"), theirs.far.expect("reports came"));
            assert!(far.lost <= theirs.lost && far.lost + 25 > theirs.lost && theirs.lost > 200, "{case}");
            assert!((13..60).contains(&far.worst_fraction), "5 % of 256 and its chances: {case}");
            assert_eq!((near.lost, near.worst_fraction, ours.lost), (0, 0, 0), "{case}");
            for stats in [&ours, &theirs] {
                let round_trip = stats.round_trip.expect("it was measured");
                let off = |time: Duration| time.abs_diff(ms(100));
                assert!(off(round_trip.mean) < ms(1) && off(round_trip.least) < ms(1), "{case}: {round_trip:?}");
                assert!(off(round_trip.most) < ms(1) && round_trip.measured > 15, "{case}: {round_trip:?}");
            }
            let muxed = path == RtcpPath::Muxed;
            let from = if muxed { address(OURS) } else { beside(address(OURS)) };
            assert!(duo.ends[0].reports.iter().all(|(_, at, to, _)| {
                *at == from && *to == if muxed { address(PEER) } else { beside(address(PEER)) }
            }));
        }
    }
}

#[test]
fn reports_say_what_was_sent_by_the_time_they_were() {
    let mut duo = Duo::new(3, clean(10), clean(10), |_, _| ());
    duo.run(Duration::from_secs(60));
    let infos: Vec<(Duration, SenderInfo)> =
        duo.ends[0].reports.iter().filter_map(|(at, _, _, bytes)| Some((*at - duo.start, info(bytes)?))).collect();
    assert!(infos.len() > 8);
    for pair in infos.windows(2) {
        let [(before, first), (after, second)] = pair else { panic!("two of them") };
        let passed = *after - *before;
        assert_eq!(first.ntp.after(passed).0 >> 20, second.ntp.0 >> 20, "the wall clock goes by the media's");
        let samples = second.timestamp.wrapping_sub(first.timestamp);
        assert!((passed.as_micros() as i64 - i64::from(samples) * 125).abs() < 250, "{samples} samples in {passed:?}");
        let packets = second.packets - first.packets;
        assert!((u128::from(packets) * 20).abs_diff(passed.as_millis()) <= 20, "{packets} packets in {passed:?}");
        assert_eq!(second.octets - first.octets, packets * 160);
    }
    let names: Vec<&[u8]> = duo.ends[0].reports.iter().map(|(_, _, _, bytes)| &bytes[bytes.len() - 18..]).collect();
    assert!(names.windows(2).all(|pair| pair[0] == pair[1]), "one name for the whole call");
    assert_ne!(names[0], &duo.ends[1].reports[0].3[duo.ends[1].reports[0].3.len() - 18..]);
}

#[test]
fn who_only_listens_reports_as_a_receiver_and_says_nothing_of_who_is_silent() {
    let mut duo = Duo::new(4, clean(10), clean(10), |negotiated, number| {
        negotiated.direction = if number == 0 { Direction::RecvOnly } else { Direction::SendOnly };
    });
    duo.run(Duration::from_secs(40));
    let first = |bytes: &[u8]| {
        let packet = Compound::parse(bytes).expect("we write compounds").packets().next().expect("a report");
        match packet {
            Packet::Sender { blocks, .. } => (true, blocks.count()),
            Packet::Receiver { blocks, .. } => (false, blocks.count()),
            Packet::Goodbye(_) | Packet::Other => panic!("not a report"),
        }
    };
    assert!(duo.ends[0].reports.iter().all(|(_, _, _, bytes)| first(bytes) == (false, 1)));
    assert!(duo.ends[1].reports.iter().all(|(_, _, _, bytes)| first(bytes) == (true, 0)));
    let [ours, theirs] = duo.stats();
    assert!(theirs.round_trip.is_some() && ours.round_trip.is_none(), "who sends measures");
}

#[test]
fn encrypted_reports_are_read_by_the_peer_alone_and_once() {
    for suite in Suite::ALL {
        let key = |seed| MasterKey::generate(suite, &mut StdRng::seed_from_u64(seed));
        let mut duo = Duo::new(5, clean(20), clean(20), |negotiated, number| {
            let (local, remote) = if number == 0 { (1, 2) } else { (2, 1) };
            let remote = RemoteKey { key: key(remote), mki: None };
            negotiated.srtp = Some(Box::new(SrtpKeys { local: key(local), remote }));
            negotiated.rtcp = RtcpPath::Muxed;
        });
        duo.run(Duration::from_secs(30));
        let [ours, theirs] = duo.stats();
        assert!(ours.round_trip.is_some() && ours.rtcp > 3 && theirs.rtcp > 3, "{suite:?}: {ours:?}");
        assert_eq!(ours.dropped.total(), 0, "{suite:?}: {ours:?}");
        // Sent on again by whoever caught it, changed, and in the clear.
        let (_, _, _, caught) = duo.ends[1].reports.last().cloned().expect("reports were sent");
        let mut changed = caught.clone();
        changed[20] ^= 1;
        let plain = duo.peers(Block { ssrc: OUR_SSRC, lost: 9_999, ..Block::default() });
        for (bytes, reason) in
            [(&caught, DropReason::Replayed), (&changed, DropReason::Replayed), (&plain, DropReason::Unauthentic)]
        {
            let got = duo.deliver(0, address(PEER), address(OURS), bytes);
            assert_eq!(got, Some(Received::Dropped(reason)), "{suite:?}");
        }
        assert_eq!(duo.stats()[0].far, ours.far, "{suite:?}");
        assert!(
            !caught.windows(16).any(|name| name == Cname::new([11; 12]).as_bytes()),
            "the name is not in the clear"
        );
    }
}

#[test]
fn what_strangers_report_is_dropped_and_counted() {
    for (path, port) in [(RtcpPath::Muxed, OURS), (RtcpPath::Beside, "192.0.2.2:5001")] {
        let mut duo = Duo::new(6, clean(20), clean(20), |negotiated, _| negotiated.rtcp = path);
        let lie = duo.peers(Block { ssrc: OUR_SSRC, lost: 9_999, fraction: 255, jitter: 80_000, ..Block::default() });
        let stranger = address("203.0.113.9:9");
        for round in 0..200 {
            // Before the first genuine packet, and ten times as often ever after.
            let got = duo.deliver(0, stranger, address(port), &lie);
            assert_eq!(got, Some(Received::Dropped(DropReason::ReportSource)), "{path:?}, round {round}");
            duo.run(ms(100));
            if round == 100 {
                let again = Negotiated { rtcp: path, ..negotiated(Codec::Pcma) };
                duo.ends[0].session.renegotiate(duo.now, again);
            }
        }
        let [ours, _] = duo.stats();
        assert_eq!((ours.dropped.report_source, ours.dropped.total()), (200, 200), "{path:?}");
        assert_eq!(ours.far.map(|far| (far.lost, far.worst_fraction)), Some((0, 0)), "{path:?}");
        assert!(duo.ends[0].reports.iter().all(|(_, _, to, _)| to.ip() == address(PEER).ip()), "{path:?}");
    }
}

#[test]
fn what_is_no_report_or_our_own_is_dropped_and_counted() {
    let mut duo = Duo::new(7, clean(20), clean(20), |negotiated, _| negotiated.rtcp = RtcpPath::Muxed);
    duo.run(Duration::from_secs(20));
    let before = duo.stats()[0];
    let good = duo.peers(Block { ssrc: OUR_SSRC, ..Block::default() });
    let own = duo.ends[0].reports.last().cloned().expect("reports were sent").3;
    let goodbye_of_ours = [&written(THEIR_SSRC, None)[..], &[0x81, 203, 0, 1, 0, 0, 0, 1]].concat();
    for bad in [&good[..30], &good[32..], &own, &goodbye_of_ours, &[0x80, 200, 0, 6][..]] {
        let got = duo.deliver(0, address(PEER), address(OURS), bad);
        assert_eq!(got, Some(Received::Dropped(DropReason::ReportMalformed)), "{bad:?}");
    }
    // What the reports are about may be anybody's.
    let other = duo.peers(Block { ssrc: 77, lost: 9_999, ..Block::default() });
    assert_eq!(duo.deliver(0, address(PEER), address(OURS), &other), Some(Received::Rtcp));
    let after = duo.stats()[0];
    assert_eq!((after.far, after.round_trip), (before.far, before.round_trip));
    assert_eq!((after.dropped.report_malformed, after.rtcp), (5, before.rtcp + 1));
}

#[test]
fn times_that_cannot_be_are_no_round_trips() {
    let mut duo = Duo::new(8, clean(20), clean(20), |negotiated, _| negotiated.rtcp = RtcpPath::Muxed);
    duo.run(ms(500));
    let now = reporting(16).time.after(duo.now - duo.start).middle();
    let block = Block { ssrc: OUR_SSRC, ..Block::default() };
    let second = 1 << 16;
    for (last_report, delay) in [
        (0, 0),
        // From the future, after eleven seconds, and longer ago than the report itself.
        (now.wrapping_add(second), 0),
        (now.wrapping_sub(11 * second), 0),
        (now.wrapping_sub(second), 2 * second),
    ] {
        let report = duo.peers(Block { last_report, delay, ..block });
        assert_eq!(duo.deliver(0, address(PEER), address(OURS), &report), Some(Received::Rtcp));
        assert_eq!(duo.stats()[0].round_trip, None, "{last_report} and {delay}");
    }
    let report = duo.peers(Block { last_report: now.wrapping_sub(3 * second), delay: second, ..block });
    duo.deliver(0, address(PEER), address(OURS), &report);
    let measured = duo.stats()[0].round_trip.expect("a time that can be");
    assert!(measured.last.abs_diff(Duration::from_secs(2)) < ms(1), "{measured:?}");
}

#[test]
fn a_peer_with_a_port_of_its_own_for_rtcp_is_answered_there() {
    let elsewhere = address("198.51.100.20:7777");
    let mut duo = Duo::new(9, clean(20), clean(20), |negotiated, number| {
        if number == 0 {
            negotiated.rtcp = RtcpPath::At(elsewhere);
        }
    });
    duo.run(Duration::from_secs(10));
    assert!(duo.ends[0].reports.iter().any(|(_, _, to, _)| *to == elsewhere), "where it was announced");
    // It reports from another port of its host, as behind address translation, and is answered there from then on.
    assert!(duo.ends[0].reports.last().is_some_and(|(_, _, to, _)| *to == beside(address(PEER))));
    let lie = duo.peers(Block { ssrc: OUR_SSRC, lost: 9_999, ..Block::default() });
    let neighbour = address("192.0.2.1:6000");
    let got = duo.deliver(0, neighbour, beside(address(OURS)), &lie);
    assert_eq!(got, Some(Received::Dropped(DropReason::ReportSource)), "somebody else reports already");
}

#[test]
fn the_last_report_says_goodbye() {
    let mut duo = Duo::new(10, clean(20), clean(20), |_, _| ());
    let mut packet = [0; MAX_PACKET];
    assert_eq!(duo.ends[0].session.goodbye(duo.now, &mut packet), None, "nobody has heard of us");
    duo.run(Duration::from_secs(8));
    let report = duo.ends[0].session.goodbye(duo.now, &mut packet).expect("a report");
    let packets: Vec<Packet<'_>> = Compound::parse(&packet[..report.length]).expect("a compound").packets().collect();
    let [Packet::Sender { ssrc: OUR_SSRC, .. }, Packet::Other, Packet::Goodbye(mut gone)] = packets[..] else {
        panic!("{packets:?}");
    };
    assert_eq!(gone.next(), Some(OUR_SSRC));
    duo.post_report(0, report, &packet);
    let before = duo.stats()[1].rtcp;
    duo.run(ms(50));
    assert_eq!(duo.stats()[1].rtcp, before + 1);
}

#[test]
fn on_hold_reports_go_on_and_without_an_address_they_do_not() {
    let mut duo = Duo::new(11, clean(20), clean(20), |negotiated, _| negotiated.direction = Direction::Inactive);
    duo.run(Duration::from_secs(30));
    assert!(duo.stats()[0].rtcp > 3 && duo.stats()[0].sent == 0);
    let sent = duo.ends[0].reports.len();
    let nowhere = Negotiated { remote: None, direction: Direction::Inactive, ..negotiated(Codec::Pcma) };
    duo.ends[0].session.renegotiate(duo.now, nowhere);
    duo.run(Duration::from_secs(30));
    assert_eq!(duo.ends[0].reports.len(), sent);
}
