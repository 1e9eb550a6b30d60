use super::*;
use crate::sounds;

/// Speech in a clip, as (start, end) in ms.
fn spans(samples: &[i16]) -> Vec<(usize, usize)> {
    let (mut vad, mut activity) = (Vad::new(), VoiceActivity::new(SegmenterConfig::default()));
    let (mut spans, mut start) = (Vec::new(), 0);
    let frames = samples.chunks(FRAME_SAMPLES).chain(std::iter::repeat_n(&[][..], 15));
    for (index, frame) in frames.enumerate() {
        match activity.push(vad.push(frame).voiced) {
            Some(VoiceChange::Started { frames }) => start = (index + 1 - frames as usize) * 20,
            Some(VoiceChange::Stopped { silent, .. }) => spans.push((start, (index + 1 - silent as usize) * 20)),
            None => {}
        }
    }
    assert!(!activity.is_speaking(), "300 ms of silence ended the clip");
    spans
}

fn assert_near(actual: &[(usize, usize)], expected: &[(usize, usize)]) {
    let near = |a: usize, b: usize| a.abs_diff(b) <= 80;
    assert!(
        actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, b)| near(a.0, b.0) && near(a.1, b.1)),
        "heard {actual:?}, expected {expected:?}"
    );
}

#[test]
fn words_are_found_where_they_are() {
    assert_near(&spans(&sounds::hello()), &[(80, 540)]);
    assert_near(&spans(&sounds::yes()), &[(20, 400)]);
    // "Hello?" | "Yes, who is calling please?" | "I would like to know more about it."
    assert_near(&spans(&sounds::caller_man()), &[(100, 440), (740, 2_420), (2_740, 4_420)]);
    // "Yes." | "No, thank you." | "Maybe tomorrow afternoon."
    assert_near(&spans(&sounds::caller_woman()), &[(40, 360), (700, 1_860), (2_060, 3_380)]);
}

#[test]
fn quiet_callers_are_heard() {
    let quiet = sounds::through_line(&sounds::gained(&sounds::caller_man(), -16.0));
    let heard = spans(&quiet);
    let spoken: usize = heard.iter().map(|(start, end)| end - start).sum();
    assert!(heard[0].0.abs_diff(100) <= 80 && heard[heard.len() - 1].1.abs_diff(4_420) <= 120, "{heard:?}");
    assert!(spoken >= 3_000, "{spoken} ms of {heard:?}, 3.7 s were spoken");
}

#[test]
fn speech_over_noise_is_heard_and_ends_with_the_speech() {
    let speech = sounds::caller_man();
    let ms = speech.len() / 8;
    for noise in [sounds::brown(7, 2_500.0, ms), sounds::pink(7, 1_200.0, ms), sounds::white(7, 300.0, ms)] {
        let heard = spans(&sounds::through_line(&sounds::mixed(&speech, &noise)));
        let spoken: usize = heard.iter().map(|(start, end)| end - start).sum();
        assert!((3_000..=4_000).contains(&spoken), "{spoken} ms of {heard:?}, 3.7 s were spoken");
        assert!(heard.last().is_some_and(|last| last.1 <= 4_560), "{heard:?}");
    }
}

#[test]
fn noise_is_not_speech_at_any_level() {
    for peak in [200.0, 1_000.0, 4_000.0, 12_000.0, 32_000.0] {
        for seed in 1..=3 {
            for (name, noise) in [
                ("brown", sounds::brown(seed, peak, 6_000)),
                ("pink", sounds::pink(seed, peak, 6_000)),
                ("white", sounds::white(seed, peak, 6_000)),
            ] {
                assert_eq!(spans(&noise), [], "{name} noise, seed {seed}, peak {peak}");
                assert_eq!(spans(&sounds::through_line(&noise)), [], "{name} noise on the line, seed {seed}, {peak}");
            }
        }
    }
}

#[test]
fn tones_are_not_speech() {
    let dtmf = [[697.0, 1_209.0], [770.0, 1_336.0], [852.0, 1_477.0], [941.0, 1_336.0], [941.0, 1_633.0]];
    let single = [100.0, 150.0, 200.0, 300.0, 425.0, 440.0, 700.0, 1_000.0, 1_400.0, 2_100.0];
    let sounds_of_the_network = [[350.0, 440.0], [440.0, 480.0], [480.0, 620.0]];
    for peak in [800.0, 8_000.0, 30_000.0] {
        let mut all: Vec<Vec<f64>> = single.iter().map(|&hz| vec![hz]).collect();
        all.extend(dtmf.iter().chain(&sounds_of_the_network).map(|pair| pair.to_vec()));
        all.extend([vec![261.6, 329.6, 392.0], vec![220.0, 277.2, 329.6, 440.0]]);
        for frequencies in all {
            let tone = sounds::through_line(&sounds::chord(&frequencies, peak, 3_000));
            assert_eq!(spans(&tone), [], "{frequencies:?} Hz, peak {peak}");
        }
    }
    // Ringback: two seconds on, four off, so that the onset is heard as well.
    let mut ringback = sounds::chord(&[440.0, 480.0], 6_000.0, 2_000);
    ringback.extend(vec![0; 8 * 4_000]);
    assert_eq!(spans(&ringback.repeat(2)), []);
}

#[test]
fn a_buzzing_chord_is_not_speech() {
    for chord in [&[261.6, 329.6, 392.0][..], &[110.0, 220.0, 277.2], &[50.0]] {
        assert_eq!(spans(&sounds::through_line(&sounds::organ(chord, 9_000.0, 4_000))), [], "{chord:?}");
    }
}

#[test]
fn silence_is_silent_and_an_offset_does_not_open_the_gate() {
    let mut vad = Vad::new();
    for frame in [[0i16; FRAME_SAMPLES], [900; FRAME_SAMPLES], [900; FRAME_SAMPLES], [900; FRAME_SAMPLES]] {
        assert!(!vad.push(&frame).voiced);
    }
    assert!(vad.push(&[900; FRAME_SAMPLES]).level_dbfs < -90.0);
}

#[test]
fn it_hears_the_first_word_after_a_long_rest() {
    let mut clip = vec![0i16; 8 * 10_000];
    clip.extend(sounds::yes());
    assert_near(&spans(&clip), &[(10_020, 10_400)]);
}

#[test]
fn odd_frame_lengths_do_no_harm() {
    let mut vad = Vad::new();
    for length in [0, 1, 159, 161, 5_000] {
        let verdict = vad.push(&vec![1_000; length]);
        assert!(verdict.level_dbfs.is_finite() && (0.0..=1.0).contains(&verdict.probability), "{length}: {verdict:?}");
    }
}
