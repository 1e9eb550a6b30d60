//! Clips that are appended to while they play.

use std::sync::Arc;
use std::time::Duration;

use super::sending::{FADE, clip, playing, world};
use super::world::{World, ms};
use crate::playout::AppendError;
use crate::session::{ClipId, MediaEvent};

const CLIP: ClipId = ClipId(1);

/// Pieces of a clip, as a synthesiser hands them out.
fn pieces(pcm: &[i16], length: usize) -> Vec<Arc<[i16]>> {
    pcm.chunks(length).map(Into::into).collect()
}

/// A world a little before its tick, with an open clip.
fn open() -> World {
    let mut world = world();
    world.run(ms(95));
    world.session.open(CLIP, 0).expect("room");
    world
}

fn append(world: &mut World, pcm: Arc<[i16]>, last: bool) {
    world.session.append(CLIP, pcm, 0, last).expect("it is open");
}

/// Everything audible that was sent, in order.
fn audible(world: &World) -> Vec<i16> {
    world.sent_audio().into_iter().filter(|sample| sample.abs() > 1_000).collect()
}

fn assert_heard(world: &World, wanted: &[i16]) {
    let heard = audible(world);
    assert_eq!(heard.len(), wanted.len(), "nothing twice, nothing left out");
    for (n, (&sent, &wanted)) in heard.iter().zip(wanted).enumerate() {
        assert!((i32::from(sent) - i32::from(wanted)).abs() < 300, "sample {n}: {sent} for {wanted}");
    }
}

#[test]
fn the_first_audio_leaves_with_the_next_tick_and_pieces_follow_without_a_gap() {
    let mut world = open();
    world.run(ms(200));
    assert_eq!(playing(&world), [], "an open clip is silence");
    let pcm = clip(4_000);
    let first = world.sent.len();
    // Pieces of odd lengths, 30 ms ahead.
    for piece in pieces(&pcm, 333) {
        append(&mut world, piece, false);
        world.run(ms(40));
    }
    append(&mut world, Arc::new([]), true);
    world.run(ms(200));
    assert!(world.sent_audio()[first * 160] > 7_000, "no pre-buffer");
    assert_heard(&world, &pcm);
}

#[test]
fn a_stream_fast_enough_has_no_gap_at_all() {
    let mut world = open();
    let pcm = clip(8_000);
    let first = world.sent.len();
    for piece in pieces(&pcm, 800) {
        append(&mut world, piece, false);
        world.run(ms(80));
    }
    append(&mut world, Arc::new([]), true);
    world.run(ms(400));
    let sent = &world.sent_audio()[first * 160..];
    assert!(sent[..8_000].iter().all(|sample| sample.abs() > 1_000) && sent[8_000..].iter().all(|&sample| sample == 0));
    let at = |packet: usize| world.sent[first + packet].0;
    assert_eq!(
        playing(&world),
        [
            MediaEvent::ClipStarted { clip: CLIP, at: at(0) },
            MediaEvent::ClipFinished { clip: CLIP, samples: 8_000, at: at(49) },
        ]
    );
    assert_eq!(world.session.stats().starved, Duration::ZERO);
}

#[test]
fn a_gap_is_silence_that_is_counted_and_no_sample_of_the_clip() {
    let mut world = open();
    let pcm = clip(2_000);
    let first = world.sent.len();
    append(&mut world, pcm[..1_000].into(), false);
    world.run(ms(500));
    // 40 ms are not enough to go on after a gap, 50 are.
    append(&mut world, pcm[1_000..1_320].into(), false);
    world.run(ms(100));
    assert_eq!(audible(&world).len(), 1_000);
    append(&mut world, pcm[1_320..1_400].into(), false);
    let again = world.sent.len();
    world.run(ms(20));
    assert_eq!(audible(&world).len(), 1_160);
    append(&mut world, pcm[1_400..].into(), true);
    world.run(ms(400));
    assert_heard(&world, &pcm);
    let at = |packet: usize| world.sent[packet].0;
    assert_eq!(
        playing(&world),
        [
            MediaEvent::ClipStarted { clip: CLIP, at: at(first) },
            MediaEvent::ClipStarved { clip: CLIP, at: at(first + 6) },
            MediaEvent::ClipFed { clip: CLIP, at: at(again) },
            MediaEvent::ClipFinished { clip: CLIP, samples: 2_000, at: at(again + 6) },
        ]
    );
    let silent = (again - first) * 160 - 1_000;
    assert_eq!(world.session.stats().starved.as_micros(), silent as u128 * 125);
}

#[test]
fn the_last_audio_ends_a_gap_however_little_it_is() {
    let mut world = open();
    append(&mut world, clip(160), false);
    world.run(ms(200));
    append(&mut world, clip(10), true);
    world.run(ms(40));
    assert_eq!(audible(&world).len(), 170);
    assert!(matches!(playing(&world).last(), Some(MediaEvent::ClipFinished { samples: 170, .. })));
}

#[test]
fn the_end_of_a_clip_is_its_last_sample_and_not_the_news_of_it() {
    let mut world = open();
    let first = world.sent.len();
    append(&mut world, clip(320), false);
    world.run(ms(300));
    append(&mut world, Arc::new([]), true);
    world.run(ms(40));
    let at = world.sent[first + 1].0;
    assert_eq!(playing(&world).last(), Some(&MediaEvent::ClipFinished { clip: CLIP, samples: 320, at }));
}

#[test]
fn a_stopped_stream_fades_and_takes_no_more() {
    let mut world = open();
    append(&mut world, clip(4_000), false);
    world.run(ms(100));
    world.session.stop(FADE);
    let late = world.session.append(CLIP, clip(100), 0, false);
    assert_eq!(late, Err(AppendError::Closed), "nobody hears it any more");
    world.session.open(ClipId(2), 0).expect("room");
    world.session.append(ClipId(2), clip(160), 0, true).expect("it is open");
    world.run(ms(200));
    let events = playing(&world);
    assert!(matches!(events[1], MediaEvent::ClipCut { clip: CLIP, samples: 920, .. }), "{events:?}");
    assert!(matches!(events.last(), Some(MediaEvent::ClipFinished { clip: ClipId(2), .. })), "{events:?}");
}

#[test]
fn a_stream_that_is_stopped_in_a_gap_ends_at_once_with_what_was_heard() {
    let mut world = open();
    let first = world.sent.len();
    append(&mut world, clip(300), false);
    world.run(ms(200));
    world.session.stop(FADE);
    world.run(ms(20));
    let at = world.sent[first + 1].0;
    assert_eq!(playing(&world).last(), Some(&MediaEvent::ClipCut { clip: CLIP, samples: 300, at }));
    assert_eq!(world.session.stats().starved.as_micros(), (1_600 - 300) * 125);
}

#[test]
fn a_stream_that_runs_dry_while_it_fades_is_cut_there() {
    let mut world = open();
    append(&mut world, clip(360), false);
    world.run(ms(40));
    world.session.stop(ms(100));
    world.run(ms(40));
    assert!(matches!(playing(&world).last(), Some(MediaEvent::ClipCut { samples: 360, .. })), "{:?}", playing(&world));
}

#[test]
fn the_rest_of_a_cut_stream_is_taken_up_at_its_sample() {
    let mut world = open();
    let pcm = clip(4_000);
    let parts = pieces(&pcm, 700);
    parts.iter().for_each(|piece| append(&mut world, Arc::clone(piece), false));
    world.run(ms(100));
    world.session.stop(Duration::ZERO);
    world.run(ms(40));
    let events = playing(&world);
    let [_, MediaEvent::ClipCut { samples, .. }] = events[..] else { panic!("{events:?}") };
    let again = ClipId(2);
    world.session.open(again, samples).expect("room");
    let mut before = 0;
    for piece in &parts {
        let from = (samples as usize).saturating_sub(before).min(piece.len());
        before += piece.len();
        world.session.append(again, Arc::clone(piece), from, before == pcm.len()).expect("it is open");
    }
    world.run(ms(1_000));
    assert_heard(&world, &pcm);
    assert!(matches!(playing(&world).last(), Some(MediaEvent::ClipFinished { clip: ClipId(2), samples: 4_000, .. })));
}

#[test]
fn a_clip_behind_an_open_one_waits_for_its_end() {
    let mut world = open();
    world.session.play(ClipId(2), clip(160)).expect("room");
    world.run(ms(200));
    assert_eq!(playing(&world), []);
    append(&mut world, clip(80), true);
    world.run(ms(100));
    let ended = |event: &MediaEvent| matches!(event, MediaEvent::ClipFinished { .. });
    assert_eq!(playing(&world).iter().filter(|event| ended(event)).count(), 2);
}
