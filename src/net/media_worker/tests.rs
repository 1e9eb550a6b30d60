//! Workers with real sockets on loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use callwright_media::codec::Codec;
use callwright_media::frame::PcmFrame;
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::rtp::RtpPacket;
use callwright_media::session::{ClipId, MediaEvent, ReportConfig, SessionConfig, Stats};
use tokio::time::timeout;

use super::*;
use crate::net::media_leg::FrameSink;
use crate::net::media_ring::MediaNews;
use crate::net::ports::RtpPorts;
use crate::net::reports::reports;

const PATIENCE: Duration = Duration::from_secs(10);

fn session(remote: u16, uplink: bool) -> Session {
    towards((Ipv4Addr::LOCALHOST, remote).into(), RtcpPath::default(), uplink)
}

/// A session that reports three times a second.
fn towards(remote: SocketAddr, rtcp: RtcpPath, uplink: bool) -> Session {
    let negotiated = agreed(remote, rtcp);
    let config = SessionConfig { negotiated, ssrc: remote.port().into(), sequence: 1, timestamp: 1, vad: None, uplink };
    let now = time::now();
    let mut session = Session::new(now.mono, config);
    session.report(now.mono, ReportConfig { minimum: Duration::from_millis(300), ..reports(now) });
    session
}

fn agreed(remote: SocketAddr, rtcp: RtcpPath) -> Negotiated {
    Negotiated {
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf: None,
        remote: Some(remote),
        rtcp,
        direction: Direction::SendRecv,
        ptime_ms: 20,
        srtp: None,
    }
}

/// Two legs of one worker that talk to each other.
async fn pair(workers: &MediaWorkers, first_port: u16) -> (MediaLeg, MediaLeg) {
    let ports = RtpPorts::new(Ipv4Addr::LOCALHOST.into(), first_port..=first_port + 98, 1);
    let (one, two) = (ports.bind().expect("a port"), ports.bind().expect("a port"));
    let (to_two, to_one) = (two.lease.port(), one.lease.port());
    let one = workers.add(one, session(to_two, true)).await.expect("running");
    let two = workers.add(two, session(to_one, true)).await.expect("running");
    (one, two)
}

async fn next(leg: &mut MediaLeg) -> MediaNews {
    timeout(PATIENCE, leg.news.recv()).await.expect("news in time").expect("the leg is open")
}

async fn close_of(leg: &mut MediaLeg) -> CloseCause {
    last_word(leg).await.0
}

async fn last_word(leg: &mut MediaLeg) -> (CloseCause, Stats) {
    loop {
        if let MediaNews::Closed(closed) = next(leg).await {
            return (closed.cause, closed.stats);
        }
    }
}

#[tokio::test]
async fn what_one_leg_plays_the_other_hears() {
    let workers = MediaWorkers::start(1).expect("a thread");
    let (one, mut two) = pair(&workers, 28_000).await;
    let pcm: Arc<[i16]> = vec![8_000; 4_000].into();
    one.control.send(MediaCommand::Play { clip: ClipId(1), pcm, from: 0 }).await.expect("running");
    let mut heard = 0;
    while heard < 20 {
        if let MediaNews::Audio { frame, .. } = next(&mut two).await {
            heard += usize::from(frame.samples().iter().all(|sample| sample.abs_diff(8_000) < 400));
        }
    }
    assert_eq!(workers.stats().legs, 2);
    one.control.send(MediaCommand::Close).await.expect("running");
    drop(two);
    let mut one = one;
    assert_eq!(close_of(&mut one).await, CloseCause::Stopped);
    assert!(one.news.recv().await.is_none());
    let gone = async {
        while workers.stats().legs > 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, gone).await.is_ok(), "a leg nobody listens to is closed as well");
}

#[tokio::test]
async fn a_panic_ends_its_own_leg_only() {
    struct Bomb;
    impl FrameSink for Bomb {
        fn frame(&mut self, _: u32, _: &PcmFrame, _: &PcmFrame) {
            panic!("a bug, as a test wants it");
        }
    }
    let workers = MediaWorkers::start(1).expect("a thread");
    let (mut one, mut two) = pair(&workers, 28_200).await;
    one.control.send(MediaCommand::Record(Box::new(Bomb))).await.expect("running");
    assert_eq!(close_of(&mut one).await, CloseCause::Panicked);
    assert_eq!(workers.stats().panics, 1);
    let clip = MediaCommand::Play { clip: ClipId(1), pcm: vec![1; 160].into(), from: 0 };
    two.control.send(clip).await.expect("running");
    loop {
        if let MediaNews::Event(event) = next(&mut two).await
            && matches!(*event, MediaEvent::ClipFinished { .. })
        {
            break;
        }
    }
}

#[tokio::test]
async fn every_leg_is_closed_when_the_workers_end() {
    let workers = MediaWorkers::start(2).expect("two threads");
    let (mut one, mut two) = pair(&workers, 28_400).await;
    drop(workers);
    assert_eq!(close_of(&mut one).await, CloseCause::Worker);
    assert_eq!(close_of(&mut two).await, CloseCause::Worker);
}

#[tokio::test]
async fn a_leg_ticks_every_20_ms() {
    /// Tells how many frames of time each tick stood for.
    struct Counter(mpsc::UnboundedSender<u32>);
    impl FrameSink for Counter {
        fn frame(&mut self, skipped: u32, _: &PcmFrame, _: &PcmFrame) {
            let _ = self.0.send(1 + skipped);
        }
    }
    let workers = MediaWorkers::start(1).expect("a thread");
    let (one, _two) = pair(&workers, 28_600).await;
    let (sender, mut counts) = mpsc::unbounded_channel();
    one.control.send(MediaCommand::Record(Box::new(Counter(sender)))).await.expect("running");
    counts.recv().await.expect("running");
    let start = time::now().mono;
    let mut frames = 0;
    while frames < 25 {
        frames += counts.recv().await.expect("running");
    }
    let passed = time::now().mono.duration_since(start);
    let told = Duration::from_millis(20) * frames;
    assert!(passed.abs_diff(told) < Duration::from_millis(40), "{frames} frames in {passed:?}");
}

/// Two calls on two threads, joined in the middle: each far end hears the other, and the survivor is told of the end.
#[tokio::test]
async fn joined_legs_pass_audio_between_threads() {
    async fn level_of(leg: &mut MediaLeg, level: i16) {
        let mut heard = 0;
        while heard < 20 {
            if let MediaNews::Audio { frame, .. } = next(leg).await {
                heard += usize::from(frame.samples().iter().all(|sample| sample.abs_diff(level) < 400));
            }
        }
    }
    let workers = MediaWorkers::start(2).expect("two threads");
    let (mut caller_phone, mut caller) = pair(&workers, 28_800).await;
    let (mut target_phone, mut target) = pair(&workers, 29_000).await;
    for (phone, level) in [(&caller_phone, 8_000), (&target_phone, -4_000)] {
        let pcm: Arc<[i16]> = vec![level; 80_000].into();
        phone.control.send(MediaCommand::Play { clip: ClipId(1), pcm, from: 0 }).await.expect("running");
    }
    let (here, there) = callwright_media::bridge::bridge(false);
    caller.control.send(MediaCommand::Join(Box::new(here))).await.expect("running");
    target.control.send(MediaCommand::Join(Box::new(there))).await.expect("running");
    level_of(&mut caller_phone, -4_000).await;
    level_of(&mut target_phone, 8_000).await;
    target.control.send(MediaCommand::Close).await.expect("running");
    assert_eq!(close_of(&mut target).await, CloseCause::Stopped);
    loop {
        if let MediaNews::Event(event) = next(&mut caller).await
            && matches!(*event, MediaEvent::Parted { .. })
        {
            break;
        }
    }
    level_of(&mut caller_phone, 0).await;
}

/// Two legs on ports of `local` that know each other by addresses of `known`; what each counted by the time the first had
/// three reports, the first closed before the second.
async fn reported(local: IpAddr, known: IpAddr, path: RtcpPath, first_port: u16) -> (Stats, Stats) {
    let workers = MediaWorkers::start(1).expect("a thread");
    let ports = RtpPorts::new(local, first_port..=first_port + 98, 1);
    let (one, two) = (ports.bind().expect("a port"), ports.bind().expect("a port"));
    let of = |port| SocketAddr::new(known, port);
    let (to_two, to_one) = (of(two.lease.port()), of(one.lease.port()));
    let mut one = workers.add(one, towards(to_two, path, true)).await.expect("running");
    let mut two = workers.add(two, towards(to_one, path, true)).await.expect("running");
    let until = time::now().mono + Duration::from_millis(1_500);
    while time::now().mono < until {
        next(&mut one).await;
    }
    one.control.send(MediaCommand::Close).await.expect("running");
    let (_, first) = last_word(&mut one).await;
    // The goodbye is on its way.
    let until = time::now().mono + Duration::from_millis(200);
    while time::now().mono < until {
        next(&mut two).await;
    }
    two.control.send(MediaCommand::Close).await.expect("running");
    let (_, second) = last_word(&mut two).await;
    (first, second)
}

#[tokio::test]
async fn legs_report_to_each_other_and_say_goodbye() {
    let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    let any = IpAddr::from(Ipv6Addr::UNSPECIFIED);
    let ways = [
        reported(v4, v4, RtcpPath::Beside, 29_200),
        reported(v4, v4, RtcpPath::Muxed, 29_400),
        reported(v6, v6, RtcpPath::Beside, 29_600),
        reported(any, v4, RtcpPath::Beside, 29_800),
    ];
    for (first, second) in futures_util::future::join_all(ways).await {
        let case = format!("{first:?} {second:?}");
        assert!(first.received > 50 && second.received > 50, "{case}");
        assert!(first.rtcp >= 2 && first.far.is_some_and(|far| far.lost == 0), "{case}");
        assert!(first.round_trip.is_some_and(|time| time.least < Duration::from_millis(60)), "{case}");
        assert_eq!(second.rtcp, first.rtcp_sent, "the goodbye is a report too: {case}");
        assert_eq!(first.dropped.report_malformed + first.dropped.report_source, 0, "{case}");
    }
}

/// A leg whose peer is a socket of the test's.
async fn leg_and_peer(workers: &MediaWorkers, first_port: u16) -> (MediaLeg, UdpSocket, SocketAddr) {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let ports = RtpPorts::new(Ipv4Addr::LOCALHOST.into(), first_port..=first_port + 98, 1);
    let rtp = ports.bind().expect("a port");
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, rtp.lease.port()));
    let remote = peer.local_addr().expect("bound").port();
    let leg = workers.add(rtp, session(remote, true)).await.expect("running");
    (leg, peer, at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_stall_of_200_ms_a_leg_is_back_in_step_with_its_next_packet() {
    /// Holds the worker up once.
    struct Brake(u32);
    impl FrameSink for Brake {
        fn frame(&mut self, _: u32, _: &PcmFrame, _: &PcmFrame) {
            self.0 += 1;
            let until = time::now().mono + Duration::from_millis(200);
            while self.0 == 25 && time::now().mono < until {
                std::thread::park_timeout(until.saturating_duration_since(time::now().mono));
            }
        }
    }
    let workers = MediaWorkers::start(1).expect("a thread");
    let (leg, peer, _) = leg_and_peer(&workers, 30_000).await;
    leg.control.send(MediaCommand::Record(Box::new(Brake(0)))).await.expect("running");
    let packets = tokio::task::spawn_blocking(move || {
        let mut packets = Vec::new();
        let mut buffer = [0; 2_048];
        while packets.len() < 60 {
            let length = peer.recv(&mut buffer).expect("packets come");
            let at = time::now().mono;
            let header = RtpPacket::parse(&buffer[..length]).expect("RTP").header;
            packets.push((at, header.sequence, header.timestamp, header.marker));
        }
        packets
    });
    let packets = packets.await.expect("no panic");
    let (start, _, origin, _) = packets[0];
    let skips: Vec<usize> =
        (1..packets.len()).filter(|&n| packets[n].2.wrapping_sub(packets[n - 1].2) != 160).collect();
    let &[skip, ..] = &skips[..] else { panic!("no stall: {packets:?}") };
    let skipped = packets[skip].2.wrapping_sub(packets[skip - 1].2) / 160;
    assert!((9..=12).contains(&skipped) && packets[skip].3, "{skipped} frames in {packets:?}");
    assert!(packets.windows(2).all(|pair| pair[1].1 == pair[0].1.wrapping_add(1)), "no number is left out");
    // Before and after: each packet at its own time, none to make up for others.
    for (number, (at, _, timestamp, _)) in packets.iter().enumerate().filter(|(number, _)| number + 1 != skip) {
        let due = start + Duration::from_millis(20) * (timestamp.wrapping_sub(origin) / 160);
        let off = at.saturating_duration_since(due).max(due.saturating_duration_since(*at));
        assert!(off < Duration::from_millis(20), "packet {number} is {off:?} off: {packets:?}");
    }
    drop(leg);
}

/// On real sockets what the session's own tests show in virtual time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_elsewhere_is_dropped_before_the_first_packet_in_mid_call_and_after_a_new_description() {
    let workers = MediaWorkers::start(1).expect("a thread");
    let (mut leg, peer, at) = leg_and_peer(&workers, 30_200).await;
    let remote = peer.local_addr().expect("bound");
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    stranger.set_nonblocking(true).expect("it can be");
    let packet = |sequence: u16, ssrc: u8, fill: u8| {
        let mut bytes = vec![0x80, 0];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend((u32::from(sequence) * 160).to_be_bytes());
        bytes.extend([0, 0, 0, ssrc]);
        bytes.extend([fill; 160]);
        bytes
    };
    let (mut injected, mut sent) = (0, 0);
    let mut beat = tokio::time::interval(Duration::from_millis(2));
    for tick in 0..800_u16 {
        beat.tick().await;
        stranger.send_to(&packet(injected, 66, 0x00), at).expect("loopback takes it");
        injected += 1;
        // Silent for 400 ms, then a packet every 20 ms.
        if tick >= 200 && tick % 10 == 0 {
            peer.send_to(&packet(sent, 7, 0x80), at).expect("loopback takes it");
            sent += 1;
        }
        if tick == 500 {
            let again = MediaCommand::Renegotiate(agreed(remote, RtcpPath::default()));
            leg.control.send(again).await.expect("running");
        }
        while let Some(news) = leg.news.try_recv() {
            if let MediaNews::Audio { frame, .. } = news {
                let loudest = frame.samples().iter().map(|sample| sample.unsigned_abs()).max();
                assert!(frame.samples().iter().all(|sample| *sample >= -8), "the stranger is heard: {loudest:?}");
            }
        }
    }
    leg.control.send(MediaCommand::Close).await.expect("running");
    let (_, stats) = last_word(&mut leg).await;
    assert_eq!((stats.received, stats.lost, stats.restarts), (u64::from(sent), 0, 0), "{stats:?}");
    let dropped = stats.dropped.source + stats.dropped.learning;
    assert!(dropped > u64::from(injected) * 9 / 10 && dropped == stats.dropped.total(), "{stats:?}");
    assert!(stranger.recv(&mut [0; 2_048]).is_err(), "nothing goes to the stranger");
}
