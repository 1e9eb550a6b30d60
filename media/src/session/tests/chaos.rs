//! Anything may come, in any order, and anything may be asked for: nothing panics, and what must hold holds.

use proptest::prelude::*;

use super::world::{DTMF, Network, PEER, World, address, config, ms, negotiated, rtp};
use crate::codec::Codec;
use crate::detect::greeting::GreetingConfig;
use crate::digit::Digit;
use crate::negotiated::Direction;
use crate::session::{ClipId, Stats};
use crate::vad::SegmenterConfig;

#[derive(Clone, Debug)]
enum Step {
    Run(u64),
    Stall(u32),
    Packet { from_peer: bool, payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32, length: usize },
    Near { sequence: i16, timestamp: i32, length: usize },
    Bytes(Vec<u8>),
    Talk(bool),
    Ptime(usize),
    Play(usize),
    Stop(u64),
    Mute(bool),
    Echo(bool),
    Keys(u8),
    Renegotiate { codec: bool, dtmf: bool, remote: bool, direction: u8 },
    Detect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u64..300).prop_map(Step::Run),
        1 => (0u32..40).prop_map(Step::Stall),
        2 => (any::<bool>(), prop_oneof![Just(0u8), Just(8), Just(13), Just(DTMF), 0u8..128], any::<u16>(), any::<u32>(), 0u32..3, 0usize..1_000)
            .prop_map(|(from_peer, payload_type, sequence, timestamp, ssrc, length)| Step::Packet {
                from_peer, payload_type, sequence, timestamp, ssrc, length
            }),
        4 => (-120i16..120, -20_000i32..20_000, 0usize..500)
            .prop_map(|(sequence, timestamp, length)| Step::Near { sequence, timestamp, length }),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Step::Bytes),
        1 => any::<bool>().prop_map(Step::Talk),
        1 => (1usize..7).prop_map(|tens| Step::Ptime(tens * 80)),
        2 => (0usize..4_000).prop_map(Step::Play),
        1 => (0u64..2_000).prop_map(Step::Stop),
        1 => any::<bool>().prop_map(Step::Mute),
        1 => any::<bool>().prop_map(Step::Echo),
        1 => (0u8..16).prop_map(Step::Keys),
        1 => (any::<bool>(), any::<bool>(), any::<bool>(), 0u8..4)
            .prop_map(|(codec, dtmf, remote, direction)| Step::Renegotiate { codec, dtmf, remote, direction }),
        1 => Just(Step::Detect),
    ]
}

fn take(world: &mut World, step: Step, clips: &mut u64) {
    let now = world.now;
    match step {
        Step::Run(time) => world.run(ms(time)),
        Step::Stall(frames) => world.stall(frames),
        Step::Packet { from_peer, payload_type, sequence, timestamp, ssrc, length } => {
            let from = if from_peer { world.peer.from } else { address("203.0.113.9:9") };
            world.deliver(from, &rtp(payload_type, sequence, timestamp, ssrc, &vec![0x33; length]));
        }
        Step::Near { sequence, timestamp, length } => {
            let peer = &world.peer;
            let sequence = peer.sequence.wrapping_add_signed(sequence);
            let timestamp = peer.timestamp.wrapping_add(peer.sent as u32).wrapping_add_signed(timestamp);
            let packet = rtp(peer.payload_type, sequence, timestamp, peer.ssrc, &vec![0x44; length]);
            world.deliver(world.peer.from, &packet);
        }
        Step::Bytes(bytes) => {
            world.deliver(world.peer.from, &bytes);
        }
        Step::Talk(talking) => world.peer.talking = talking,
        Step::Ptime(samples) => world.peer.ptime = samples,
        Step::Play(samples) => {
            *clips += 1;
            world.session.play(ClipId(*clips), vec![100; samples].into()).expect("few clips");
        }
        Step::Stop(fade) => world.session.stop(ms(fade)),
        Step::Mute(muted) => world.session.set_muted(muted),
        Step::Echo(echo) => world.session.set_echo(echo),
        Step::Keys(key) => {
            let keys = [Digit::from_event(key).expect("a key"); 2];
            // Refused when not negotiated or when too many wait; both are answers.
            let _ = world.session.send_dtmf(&keys);
        }
        Step::Renegotiate { codec, dtmf, remote, direction } => {
            let mut negotiated = negotiated(if codec { Codec::Pcma } else { Codec::Pcmu });
            negotiated.dtmf = dtmf.then_some(DTMF);
            negotiated.remote = remote.then(|| address(PEER));
            negotiated.direction = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
                [usize::from(direction)];
            world.session.renegotiate(now, negotiated);
        }
        Step::Detect => world.session.detect_callee(now, GreetingConfig::default()),
    }
}

#[test]
fn a_foreign_first_packet_far_ahead_is_soon_forgotten() {
    let steps = vec![Step::Ptime(240), Step::Near { sequence: 0, timestamp: 1_520, length: 1 }];
    let (before, after, ptime) = understood_again(8_528_773_768_840_144_317, 0, 0.0, steps);
    assert!(after.received - before.received >= 2_000 / ptime - 1, "{after:?}");
    assert_eq!((after.restarts, after.late), (before.restarts, before.late), "{after:?}");
}

/// What was counted when an orderly peer had sent over a clean network for three and for five seconds after the steps,
/// and its packets' length in ms.
fn understood_again(seed: u64, jitter: u64, loss: f64, steps: Vec<Step>) -> (Stats, Stats, u64) {
    let network = Network { jitter: ms(jitter), loss, burst: 2, duplicates: 0.05, ..Network::CLEAN };
    let mut config = config();
    config.vad = Some(SegmenterConfig::default());
    let mut world = World::new(seed, network, config);
    world.orderly = false;
    let mut clips = 0;
    for step in steps {
        take(&mut world, step, &mut clips);
    }
    // Whatever was done to it, an orderly peer is understood again within three seconds.
    world.network = Network::CLEAN;
    world.peer.talking = true;
    world.peer.payload_type = 0;
    world.peer.codec = Codec::Pcmu;
    let now = world.now;
    world.session.renegotiate(now, negotiated(Codec::Pcmu));
    world.run(ms(3_000));
    let before = world.session.stats();
    world.run(ms(2_000));
    (before, world.session.stats(), world.peer.ptime as u64 / 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn nothing_that_happens_breaks_a_session(
        seed in any::<u64>(), jitter in 0u64..120, loss in 0.0f64..0.3, steps in prop::collection::vec(step(), 0..60),
    ) {
        let (before, after, ptime) = understood_again(seed, jitter, loss, steps);
        prop_assert!(after.received - before.received >= 2_000 / ptime - 1, "{:?}", after);
        prop_assert_eq!(after.restarts, before.restarts);
    }
}
