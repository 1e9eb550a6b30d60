//! Workers with real sockets on loopback.

use std::net::Ipv4Addr;

use callwright_media::codec::Codec;
use callwright_media::frame::PcmFrame;
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::session::{ClipId, MediaEvent, SessionConfig};
use tokio::time::timeout;

use super::*;
use crate::net::media_leg::FrameSink;
use crate::net::media_ring::MediaNews;
use crate::net::ports::RtpPorts;

const PATIENCE: Duration = Duration::from_secs(10);

fn session(remote: u16, uplink: bool) -> Session {
    let negotiated = Negotiated {
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf: None,
        remote: Some((Ipv4Addr::LOCALHOST, remote).into()),
        rtcp: RtcpPath::default(),
        direction: Direction::SendRecv,
        ptime_ms: 20,
        srtp: None,
    };
    Session::new(time::now().mono, SessionConfig { negotiated, ssrc: 1, sequence: 1, timestamp: 1, vad: None, uplink })
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
    loop {
        if let MediaNews::Closed(closed) = next(leg).await {
            return closed.cause;
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
