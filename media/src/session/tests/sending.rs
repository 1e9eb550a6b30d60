//! What leaves.

use std::sync::Arc;
use std::time::Duration;

use super::world::{Network, World, address, config, ms, negotiated};
use crate::codec::Codec;
use crate::digit::Digit;
use crate::negotiated::Direction;
use crate::rtp::RtpPacket;
use crate::session::{ClipId, MediaEvent};

pub(super) const FADE: Duration = Duration::from_millis(15);

pub(super) fn world() -> World {
    World::new(1, Network::CLEAN, config())
}

/// A clip in which every sample is told from its neighbours, also after G.711.
pub(super) fn clip(samples: usize) -> Arc<[i16]> {
    (0..samples).map(|n| if n % 2 == 0 { 8_000 } else { -8_000 } + (n % 97) as i16).collect()
}

#[test]
fn a_packet_leaves_every_tick_with_silence_when_nothing_is_played() {
    let mut world = world();
    world.run(ms(1_000));
    assert_eq!(world.sent.len(), 50);
    for (n, (_, to, bytes)) in world.sent.iter().enumerate() {
        let packet = RtpPacket::parse(bytes).expect("RTP");
        assert_eq!(*to, world.peer.from);
        assert_eq!(packet.header.sequence, 65_530u16.wrapping_add(n as u16));
        assert_eq!(packet.header.timestamp, (u32::MAX - 1_000).wrapping_add(160 * n as u32));
        assert_eq!(packet.header.marker, n == 0);
        assert_eq!(packet.payload, [0xff; 160]);
    }
}

#[test]
fn a_clip_is_sent_whole_and_its_events_bear_the_ticks_of_its_ends() {
    let mut world = world();
    world.run(ms(95));
    world.session.play(ClipId(1), clip(1_000)).expect("room");
    world.session.play(ClipId(2), clip(500)).expect("room");
    let first = world.sent.len();
    world.run(ms(400));
    let audio = world.sent_audio();
    let heard = &audio[first * 160..][..1_500];
    for (n, (&sent, &wanted)) in heard.iter().zip(clip(1_000).iter().chain(clip(500).iter())).enumerate() {
        assert!((i32::from(sent) - i32::from(wanted)).abs() < 300, "sample {n}: {sent} for {wanted}");
    }
    assert!(audio[first * 160 + 1_500..].iter().all(|&sample| sample == 0));
    // 1,000 samples end in the seventh packet, where the second clip begins; 1,500 end in the tenth.
    let at = |packet: usize| world.sent[first + packet].0;
    assert_eq!(
        playing(&world),
        [
            MediaEvent::ClipStarted { clip: ClipId(1), at: at(0) },
            MediaEvent::ClipFinished { clip: ClipId(1), samples: 1_000, at: at(6) },
            MediaEvent::ClipStarted { clip: ClipId(2), at: at(6) },
            MediaEvent::ClipFinished { clip: ClipId(2), samples: 500, at: at(9) },
        ]
    );
}

#[test]
fn stopping_fades_within_fifteen_milliseconds_and_accounts_for_every_sample() {
    let mut world = world();
    world.run(ms(95));
    world.session.play(ClipId(1), clip(8_000)).expect("room");
    world.session.play(ClipId(2), clip(8_000)).expect("room");
    let first = world.sent.len();
    world.run(ms(100));
    assert_eq!(world.session.position(), Some((ClipId(1), (world.sent.len() - first) as u64 * 160)));
    world.session.stop(FADE);
    world.session.play(ClipId(3), clip(80)).expect("room");
    world.run(ms(100));
    let packet = world.sent.len() - 5;
    let samples = ((packet - first) * 160 + 120) as u64;
    let at = world.sent[packet].0;
    assert_eq!(
        playing(&world)[1..],
        [
            MediaEvent::ClipCut { clip: ClipId(1), samples, at },
            MediaEvent::ClipCut { clip: ClipId(2), samples: 0, at },
            MediaEvent::ClipStarted { clip: ClipId(3), at },
            MediaEvent::ClipFinished { clip: ClipId(3), samples: 80, at: at + ms(20) },
        ]
    );
    let fade: Vec<i32> = world.sent_audio()[packet * 160..][..120].iter().map(|&s| i32::from(s).abs()).collect();
    assert!(fade[..8].iter().all(|&level| level > 7_000) && fade[112..].iter().all(|&level| level < 700), "{fade:?}");
}

#[test]
fn a_clip_resumes_at_the_sample_it_was_cut_at() {
    let mut world = world();
    let pcm = clip(4_000);
    world.session.play(ClipId(1), Arc::clone(&pcm)).expect("room");
    world.run(ms(100));
    world.session.stop(Duration::ZERO);
    world.run(ms(40));
    let events = playing(&world);
    let [_, MediaEvent::ClipCut { samples, .. }] = events[..] else { panic!("{events:?}") };
    world.session.play_from(ClipId(2), pcm, samples as usize).expect("room");
    world.run(ms(1_000));
    let audio: Vec<i16> = world.sent_audio().into_iter().filter(|&sample| sample != 0).collect();
    assert_eq!(audio.len(), 4_000, "nothing twice, nothing left out");
}

#[test]
fn muted_or_held_clips_stand_still() {
    type Hold = fn(&mut World, bool);
    let holds: [(&str, Hold); 3] = [
        ("muted", |world, on| world.session.set_muted(on)),
        ("echo", |world, on| world.session.set_echo(on)),
        ("on hold", |world, on| {
            let mut negotiated = negotiated(Codec::Pcmu);
            negotiated.direction = if on { Direction::Inactive } else { Direction::SendRecv };
            let now = world.now;
            world.session.renegotiate(now, negotiated);
        }),
    ];
    for (what, hold) in holds {
        let mut world = world();
        world.peer.signal = |_| 0;
        world.session.play(ClipId(1), clip(3_200)).expect("room");
        world.run(ms(100));
        hold(&mut world, true);
        world.run(ms(1_000));
        hold(&mut world, false);
        world.run(ms(1_000));
        let audible = world.sent_audio().iter().filter(|sample| sample.abs() > 1_000).count();
        assert_eq!(audible, 3_200, "{what}");
        assert_eq!(playing(&world).len(), 2, "{what}: started and finished");
    }
}

#[test]
fn stopping_while_nothing_is_heard_ends_clips_at_the_next_tick() {
    let mut world = world();
    world.session.play(ClipId(1), clip(8_000)).expect("room");
    world.run(ms(100));
    world.session.set_muted(true);
    world.session.stop(FADE);
    world.run(ms(20));
    assert!(matches!(playing(&world)[..], [_, MediaEvent::ClipCut { samples: 800, .. }]), "{:?}", playing(&world));
}

#[test]
fn after_a_stall_of_the_worker_timestamps_skip_and_no_sample_is_lost() {
    let mut world = world();
    world.session.play(ClipId(1), clip(3_200)).expect("room");
    world.run(ms(200));
    world.stall(15);
    world.run(ms(1_000));
    let gaps: Vec<(u128, u32, bool)> = world
        .sent
        .windows(2)
        .map(|pair| {
            let header = |n: usize| RtpPacket::parse(&pair[n].2).expect("RTP").header;
            assert_eq!(header(1).sequence, header(0).sequence.wrapping_add(1));
            let ahead = header(1).timestamp.wrapping_sub(header(0).timestamp);
            ((pair[1].0 - pair[0].0).as_millis(), ahead, header(1).marker)
        })
        .filter(|&(_, ahead, _)| ahead != 160)
        .collect();
    assert_eq!(gaps, [(320, 16 * 160, true)]);
    assert_eq!(world.session.stats().skipped, 15);
    let audible = world.sent_audio().iter().filter(|sample| sample.abs() > 1_000).count();
    assert_eq!(audible, 3_200);
    assert!(world.session.stats().delay <= ms(30), "the listener is not left behind");
}

#[test]
fn the_echo_is_what_was_heard() {
    let mut world = world();
    world.session.set_echo(true);
    world.run(ms(3_000));
    let echoed = world.sent_audio();
    assert_eq!(echoed.len(), world.heard.len());
    for (&sent, &heard) in echoed.iter().zip(&world.heard) {
        assert!(sent.abs_diff(heard) <= 8 + heard.unsigned_abs() / 16, "{sent} for {heard}");
    }
    assert!(echoed.iter().any(|sample| sample.abs() > 5_000));
}

#[test]
fn nothing_leaves_without_an_address_until_the_peer_is_learnt() {
    let mut config = config();
    config.negotiated.remote = None;
    let mut world = World::new(1, Network::CLEAN, config);
    world.peer.talking = false;
    world.session.play(ClipId(1), clip(160)).expect("room");
    world.run(ms(500));
    assert_eq!(world.sent.len(), 0);
    assert_eq!(playing(&world), [], "a clip waits for somebody to hear it");
    world.peer.talking = true;
    world.peer.from = address("198.51.100.7:30000");
    world.run(ms(500));
    assert!(world.events.contains(&MediaEvent::SourceChanged { to: world.peer.from }));
    assert!(world.sent.len() > 15 && world.sent.iter().all(|(_, to, _)| *to == world.peer.from));
    assert!(RtpPacket::parse(&world.sent[0].2).expect("RTP").header.marker);
}

#[test]
fn another_codec_is_spoken_from_the_next_packet_on() {
    let mut world = world();
    world.peer.signal = super::world::vowel;
    world.run(ms(1_000));
    let now = world.now;
    world.session.renegotiate(now, negotiated(Codec::Pcma));
    world.peer.codec = Codec::Pcma;
    world.peer.payload_type = 8;
    world.run(ms(1_000));
    let last = RtpPacket::parse(&world.sent.last().expect("packets").2).expect("RTP").header;
    assert_eq!(last.payload_type, 8);
    let stats = world.session.stats();
    // Packets of the old codec that were under way.
    assert!(stats.dropped.payload_type <= 2, "{stats:?}");
    let loudest = world.heard.iter().map(|sample| sample.unsigned_abs()).max().expect("samples");
    assert!(loudest < 11_000, "packets that wait are decoded by the codec they came in: {loudest}");
}

pub(super) fn playing(world: &World) -> Vec<MediaEvent> {
    world
        .events
        .iter()
        .filter(|event| {
            matches!(
                event,
                MediaEvent::ClipStarted { .. }
                    | MediaEvent::ClipStarved { .. }
                    | MediaEvent::ClipFed { .. }
                    | MediaEvent::ClipFinished { .. }
                    | MediaEvent::ClipCut { .. }
            )
        })
        .cloned()
        .collect()
}

#[test]
fn the_last_key_is_told_of_when_it_has_left() {
    let mut world = world();
    world.run(ms(95));
    let keys: Vec<Digit> = "12".chars().filter_map(Digit::from_char).collect();
    world.session.send_dtmf(&keys).expect("room");
    let first = world.sent.len();
    world.run(ms(600));
    let last = world
        .sent
        .iter()
        .rposition(|(_, _, bytes)| RtpPacket::parse(bytes).expect("RTP").header.payload_type == super::world::DTMF);
    let last = last.expect("keys were sent");
    assert!(last > first + 10);
    let told: Vec<_> = world.events.iter().filter(|event| matches!(event, MediaEvent::DtmfSent { .. })).collect();
    assert_eq!(told, [&MediaEvent::DtmfSent { at: world.sent[last].0 }]);
}
