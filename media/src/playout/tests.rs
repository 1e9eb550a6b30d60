use proptest::prelude::*;

use super::*;

/// What a test does to a playout.
#[derive(Clone, Debug)]
enum Step {
    Play { samples: usize, from: usize },
    Stop { fade_ms: u64 },
    Mute(bool),
    Frames { count: usize, held: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0usize..900, 0usize..1_000).prop_map(|(samples, from)| Step::Play { samples, from: from * (from % 2) }),
        1 => (0u64..60).prop_map(|fade_ms| Step::Stop { fade_ms }),
        1 => any::<bool>().prop_map(Step::Mute),
        4 => (0usize..8, prop::bool::weighted(0.1)).prop_map(|(count, held)| Step::Frames { count, held }),
    ];
    prop::collection::vec(step, 0..40)
}

/// How a clip fared.
#[derive(Debug, Default)]
struct Fate {
    from: usize,
    length: usize,
    started: bool,
    /// Where it ended.
    ended: Option<u64>,
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
fn origin() -> Instant {
    Instant::now()
}

proptest! {
    /// Every clip ends exactly once, in order, and the samples its events promise are the samples that left.
    #[test]
    fn every_sample_is_accounted_for(steps in steps()) {
        let now = origin();
        let mut playout = Playout::default();
        let mut fates: Vec<Fate> = Vec::new();
        let mut left = 0usize;
        for step in steps.into_iter().chain([Step::Mute(false), Step::Frames { count: 400, held: false }]) {
            let frames = match step {
                Step::Play { samples, from } => {
                    // No sample is zero, also at the end of a fade of less than 60 ms.
                    let pcm = vec![i16::MAX; samples];
                    playout.play(ClipId(fates.len() as u64), pcm.into(), from).expect("few clips");
                    fates.push(Fate { from: from.min(samples), length: samples, ..Fate::default() });
                    continue;
                }
                Step::Stop { fade_ms } => { playout.stop(Duration::from_millis(fade_ms)); continue }
                Step::Mute(muted) => { playout.set_muted(muted); continue }
                Step::Frames { count, held } => std::iter::repeat_n(held, count),
            };
            for held in frames {
                let mut events = Vec::new();
                let mut frame = [1; FRAME_8K];
                playout.next(now, held, &mut frame, &mut |event| events.push(event));
                left += frame.iter().filter(|&&sample| sample != 0).count();
                for event in events {
                    note(&mut fates, event)?;
                }
            }
        }
        prop_assert!(!playout.is_busy());
        let mut told = 0;
        for (n, fate) in fates.iter().enumerate() {
            let ended = fate.ended.ok_or_else(|| TestCaseError::fail(format!("clip {n} never ended")))?;
            if fate.started {
                prop_assert!(ended as usize >= fate.from);
                told += ended as usize - fate.from;
            } else {
                prop_assert_eq!(ended, 0);
            }
        }
        prop_assert_eq!(left, told);
    }
}

fn note(fates: &mut [Fate], event: MediaEvent) -> Result<(), TestCaseError> {
    let (clip, end) = if let MediaEvent::ClipStarted { clip, .. } = event {
        prop_assert!(!std::mem::replace(&mut fates[clip.0 as usize].started, true));
        return Ok(());
    } else if let MediaEvent::ClipFinished { clip, .. } = event {
        prop_assert!(fates[clip.0 as usize].started);
        (clip, fates[clip.0 as usize].length as u64)
    } else if let MediaEvent::ClipCut { clip, samples, .. } = event {
        (clip, samples)
    } else {
        return Err(TestCaseError::fail(format!("{event:?} is not about clips")));
    };
    let index = clip.0 as usize;
    prop_assert!(fates[..index].iter().all(|fate| fate.ended.is_some()), "clips end in order");
    prop_assert!(fates[index].ended.replace(end).is_none(), "clip {} ended twice", index);
    Ok(())
}

#[test]
fn a_fade_is_even_and_as_long_as_asked() {
    let mut playout = Playout::default();
    playout.play(ClipId(1), vec![12_000; 1_000].into(), 0).expect("room");
    let mut frame = [0; FRAME_8K];
    playout.next(origin(), false, &mut frame, &mut |_| ());
    playout.stop(Duration::from_millis(15));
    playout.next(origin(), false, &mut frame, &mut |_| ());
    for (n, &sample) in frame.iter().enumerate() {
        let expected = if n < 120 { 12_000 * (120 - n as i32) / 120 } else { 0 };
        assert_eq!(i32::from(sample), expected, "sample {n}");
    }
}

#[test]
fn a_second_stop_does_not_prolong_the_fade() {
    let mut playout = Playout::default();
    playout.play(ClipId(1), vec![12_000; 8_000].into(), 0).expect("room");
    let mut frame = [0; FRAME_8K];
    playout.next(origin(), false, &mut frame, &mut |_| ());
    playout.stop(Duration::from_millis(40));
    playout.next(origin(), false, &mut frame, &mut |_| ());
    playout.stop(Duration::from_millis(40));
    playout.next(origin(), false, &mut frame, &mut |_| ());
    assert!(frame[159] < 100, "{}", frame[159]);
    assert!(!playout.is_busy(), "cut in the tick that carried its last sample");
}

#[test]
fn one_clip_too_many_is_refused() {
    let mut playout = Playout::default();
    let pcm: Arc<[i16]> = vec![1].into();
    for n in 0..MAX_CLIPS {
        playout.play(ClipId(n as u64), Arc::clone(&pcm), 0).expect("room");
    }
    assert_eq!(playout.play(ClipId(0), pcm, 0), Err(PlayoutFull));
}
