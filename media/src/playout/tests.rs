use proptest::prelude::*;

use super::*;

/// What a test does to a playout.
#[derive(Clone, Debug)]
enum Step {
    Play {
        samples: usize,
        from: usize,
    },
    Open {
        first: u64,
    },
    /// To the clip opened so long ago.
    Append {
        back: usize,
        samples: usize,
        from: usize,
        last: bool,
    },
    Stop {
        fade_ms: u64,
    },
    Mute(bool),
    Frames {
        count: usize,
        held: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0usize..900, 0usize..1_000).prop_map(|(samples, from)| Step::Play { samples, from: from * (from % 2) }),
        2 => (0u64..500).prop_map(|first| Step::Open { first }),
        6 => (0usize..3, 0usize..700, 0usize..20, prop::bool::weighted(0.2))
            .prop_map(|(back, samples, from, last)| Step::Append { back, samples, from, last }),
        1 => (0u64..60).prop_map(|fade_ms| Step::Stop { fade_ms }),
        1 => any::<bool>().prop_map(Step::Mute),
        4 => (0usize..8, prop::bool::weighted(0.1)).prop_map(|(count, held)| Step::Frames { count, held }),
    ];
    prop::collection::vec(step, 0..60)
}

/// How a clip fared.
#[derive(Debug, Default)]
struct Fate {
    from: usize,
    length: usize,
    /// Audio may still be appended.
    open: bool,
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
        let mut playout = Playout::new(Rate::Hz8000);
        let mut fates: Vec<Fate> = Vec::new();
        let mut left = 0usize;
        let closing = (0..60).map(|_| Step::Append { back: 0, samples: 1, from: 0, last: true });
        let ending = [Step::Mute(false), Step::Frames { count: 700, held: false }];
        for step in steps.into_iter().chain(closing).chain(ending) {
            let frames = match step {
                Step::Play { samples, from } => {
                    // No sample is zero, also at the end of a fade of less than 60 ms.
                    let pcm = vec![i16::MAX; samples];
                    playout.play(ClipId(fates.len() as u64), Rate::Hz8000, pcm.into(), from).expect("few clips");
                    fates.push(Fate { from: from.min(samples), length: samples, ..Fate::default() });
                    continue;
                }
                Step::Open { first } => {
                    playout.open(ClipId(fates.len() as u64), Rate::Hz8000, first).expect("few clips");
                    let from = first as usize;
                    fates.push(Fate { from, length: from, open: true, ..Fate::default() });
                    continue;
                }
                Step::Append { back, samples, from, last } => {
                    let open = fates.iter_mut().enumerate().filter(|(_, fate)| fate.open).nth_back(back);
                    let Some((number, fate)) = open else { continue };
                    let pcm = vec![i16::MAX; samples];
                    if playout.append(ClipId(number as u64), pcm.into(), from, last).is_ok() {
                        fate.length += samples.saturating_sub(from);
                        fate.open = !last;
                    } else {
                        // It was told to stop, or is cut already.
                        fate.open = false;
                    }
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
    } else if let MediaEvent::ClipStarved { clip, .. } | MediaEvent::ClipFed { clip, .. } = event {
        let fate = &fates[clip.0 as usize];
        prop_assert!(fate.started && fate.ended.is_none());
        return Ok(());
    } else if let MediaEvent::ClipFinished { clip, samples, .. } = event {
        let fate = &fates[clip.0 as usize];
        prop_assert!(fate.started && !fate.open);
        prop_assert_eq!(samples, fate.length as u64);
        (clip, samples)
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
    let mut playout = Playout::new(Rate::Hz8000);
    playout.play(ClipId(1), Rate::Hz8000, vec![12_000; 1_000].into(), 0).expect("room");
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
    let mut playout = Playout::new(Rate::Hz8000);
    playout.play(ClipId(1), Rate::Hz8000, vec![12_000; 8_000].into(), 0).expect("room");
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
    let mut playout = Playout::new(Rate::Hz8000);
    let pcm: Arc<[i16]> = vec![1].into();
    for n in 0..MAX_CLIPS {
        playout.play(ClipId(n as u64), Rate::Hz8000, Arc::clone(&pcm), 0).expect("room");
    }
    assert_eq!(playout.play(ClipId(0), Rate::Hz8000, pcm, 0), Err(PlayoutFull));
}

#[test]
fn a_clip_takes_two_minutes_ahead_and_ends_behind_them() {
    let mut playout = Playout::new(Rate::Hz8000);
    playout.open(ClipId(1), Rate::Hz8000, 0).expect("room");
    let minute: Arc<[i16]> = vec![1; MAX_WAITING / 2].into();
    for _ in 0..2 {
        playout.append(ClipId(1), Arc::clone(&minute), 0, false).expect("room");
    }
    assert_eq!(playout.append(ClipId(1), vec![1].into(), 0, false), Err(AppendError::Full));
    assert_eq!(playout.append(ClipId(1), vec![1].into(), 0, false), Err(AppendError::Closed));
    assert_eq!(playout.append(ClipId(2), vec![1].into(), 0, true), Err(AppendError::Closed), "never opened");
    let mut finished = None;
    let mut frame = [0; FRAME_8K];
    while playout.is_busy() {
        playout.next(origin(), false, &mut frame, &mut |event| {
            if let MediaEvent::ClipFinished { samples, .. } = event {
                finished = Some(samples);
            }
        });
    }
    assert_eq!(finished, Some(MAX_WAITING as u64));
}

#[test]
fn many_small_pieces_are_bounded_too() {
    let mut playout = Playout::new(Rate::Hz8000);
    playout.open(ClipId(1), Rate::Hz8000, 0).expect("room");
    let pcm: Arc<[i16]> = vec![1].into();
    let taken = (0..=MAX_PIECES).take_while(|_| playout.append(ClipId(1), Arc::clone(&pcm), 0, false).is_ok()).count();
    assert_eq!(taken, MAX_PIECES);
}
