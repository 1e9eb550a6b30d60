use super::*;
use crate::sounds;
use crate::vad::Vad;

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Said {
    Human,
    Machine,
    Beep,
    Ringback,
}
use Said::{Beep, Human, Machine, Ringback};

/// Lets a detector hear a call from the answer on; what it says comes with the time in ms.
fn listen(sound: &[i16]) -> Vec<(u128, Said)> {
    let answered = start();
    let mut detector = CalleeDetector::new(answered, GreetingConfig::default());
    let mut vad = Vad::new();
    let mut said = Vec::new();
    for (n, frame) in (1u32..).zip(sound.chunks(160)) {
        let now = answered + Duration::from_millis(20) * n;
        let detection = detector.push(now, frame, vad.push(frame).voiced);
        said.extend(detection.map(|detection| match detection {
            Detection::Human { at } => (at, Human),
            Detection::Machine { at } => (at, Machine),
            Detection::Beep { at } => (at, Beep),
            Detection::Ringback { at } => (at, Ringback),
        }));
    }
    said.into_iter().map(|(at, said)| ((at - answered).as_millis(), said)).collect()
}

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock; which one does not matter")]
fn start() -> Instant {
    Instant::now()
}

fn kinds(said: &[(u128, Said)]) -> Vec<Said> {
    said.iter().map(|&(_, said)| said).collect()
}

fn joined(parts: &[Vec<i16>]) -> Vec<i16> {
    sounds::through_line(&parts.concat())
}

fn greeting_then(tail: &[Vec<i16>]) -> Vec<i16> {
    let mut parts = vec![sounds::silence(400), sounds::voicemail_greeting()];
    parts.extend_from_slice(tail);
    parts.push(sounds::silence(1_000));
    joined(&parts)
}

#[test]
fn people_are_people() {
    for (name, clip) in [("hello", sounds::hello()), ("yes", sounds::yes()), ("dave", sounds::hello_dave())] {
        let spoken = clip.len() as u128 / 8;
        let said = listen(&joined(&[sounds::silence(300), clip, sounds::silence(18_000)]));
        assert_eq!(kinds(&said), [Human], "{name}");
        assert!(said[0].0 <= 300 + spoken + 1_300, "{name}: {said:?}");
    }
}

#[test]
fn a_voicemail_is_a_machine_and_its_beep_is_heard_when_it_ends() {
    for (hz, ms) in [(1_000.0, 400), (425.0, 1_000), (1_400.0, 200), (2_400.0, 700), (800.0, 2_000)] {
        for peak in [700.0, 4_000.0, 20_000.0] {
            let call = greeting_then(&[sounds::silence(300), sounds::chord(&[hz], peak, ms)]);
            let end = (call.len() / 8 - 1_000) as u128;
            let said = listen(&call);
            assert_eq!(kinds(&said), [Machine, Beep], "{hz} Hz, {ms} ms, peak {peak}: {said:?}");
            assert!((2_900..4_000).contains(&said[0].0), "{said:?}");
            assert!((end..=end + 60).contains(&said[1].0), "{hz} Hz, {ms} ms: {said:?}, the tone ended at {end}");
        }
    }
}

#[test]
fn a_beep_over_line_noise_is_heard() {
    let beep = sounds::chord(&[1_000.0], 4_000.0, 500);
    let noisy = sounds::mixed(&beep, &sounds::white(3, 120.0, 500));
    assert_eq!(kinds(&listen(&greeting_then(&[sounds::silence(200), noisy]))), [Machine, Beep]);
}

#[test]
fn what_is_no_beep_is_not_taken_for_one() {
    let dtmf = |low, high| sounds::chord(&[low, high], 12_000.0, 400);
    let swept = |from: f64, to: f64| -> Vec<i16> {
        let mut phase = 0.0f64;
        (0..4_000)
            .map(|n| {
                phase += std::f64::consts::TAU * (from + (to - from) * f64::from(n) / 4_000.0) / 8_000.0;
                (9_000.0 * phase.sin()) as i16
            })
            .collect()
    };
    for (name, sound) in [
        ("key 1", dtmf(697.0, 1_209.0)),
        ("key 5", dtmf(770.0, 1_336.0)),
        ("key #", dtmf(941.0, 1_477.0)),
        ("key D", dtmf(941.0, 1_633.0)),
        ("ringing", sounds::chord(&[440.0, 480.0], 9_000.0, 1_000)),
        ("double ringing", sounds::chord(&[400.0, 450.0], 9_000.0, 400)),
        ("dial tone", sounds::chord(&[350.0, 440.0], 9_000.0, 1_000)),
        ("busy", sounds::chord(&[480.0, 620.0], 9_000.0, 500)),
        ("a blip", sounds::chord(&[1_000.0], 9_000.0, 100)),
        ("a low tone", sounds::chord(&[300.0], 9_000.0, 500)),
        ("a fax", sounds::chord(&[2_100.0], 9_000.0, 3_000)),
        ("a siren", swept(500.0, 2_000.0)),
        ("music", sounds::chord(&[523.0, 659.0, 784.0], 9_000.0, 600)),
        ("an organ", sounds::organ(&[440.0], 9_000.0, 600)),
        ("noise", sounds::white(1, 9_000.0, 600)),
    ] {
        let said = kinds(&listen(&greeting_then(&[sounds::silence(300), sound])));
        assert_eq!(said, [Machine], "{name}");
    }
}

#[test]
fn speech_is_never_a_beep() {
    let mut meter = ToneMeter::default();
    let mut beep = BeepDetector::default();
    for clip in [
        sounds::caller_man(),
        sounds::caller_woman(),
        sounds::hello(),
        sounds::hello_dave(),
        sounds::yes(),
        sounds::voicemail_greeting(),
    ] {
        for frame in clip.chunks(160) {
            let tone = meter.push(frame);
            assert!(!beep.push(tone));
        }
    }
}

#[test]
fn a_tone_without_speech_before_it_is_no_beep() {
    let call = joined(&[sounds::silence(500), sounds::chord(&[1_000.0], 9_000.0, 500), sounds::silence(5_000)]);
    assert_eq!(kinds(&listen(&call)), [Human]);
}

#[test]
fn ringing_after_the_answer_is_noticed() {
    for (name, tones, cadence) in [
        ("Europe", &[425.0][..], &[1_000, 4_000][..]),
        ("North America", &[440.0, 480.0], &[2_000, 4_000]),
        ("Britain", &[400.0, 450.0], &[400, 200, 400, 2_000]),
    ] {
        let mut parts = vec![sounds::silence(200)];
        for (n, &ms) in cadence.iter().cycle().take(cadence.len() * 2).enumerate() {
            parts.push(if n.is_multiple_of(2) { sounds::chord(tones, 4_000.0, ms) } else { sounds::silence(ms) });
        }
        let said = kinds(&listen(&joined(&parts)));
        assert!(said.contains(&Ringback), "{name}: {said:?}");
        assert!(!said.contains(&Beep) && !said.contains(&Machine), "{name}: {said:?}");
    }
}

#[test]
fn after_somebody_spoke_ringing_is_a_sound_like_others() {
    let ring = sounds::chord(&[440.0, 480.0], 4_000.0, 2_000);
    let call = joined(&[sounds::hello(), sounds::silence(1_500), ring.clone(), sounds::silence(4_000), ring]);
    assert_eq!(kinds(&listen(&call)), [Human]);
}

#[test]
fn listening_ends_after_twenty_seconds() {
    let late = joined(&[sounds::silence(20_100), sounds::voicemail_greeting()]);
    assert_eq!(listen(&late), [(4_000, Human)]);
}
