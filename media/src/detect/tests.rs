use std::time::Duration;

use super::beep::BeepDetector;
use super::greeting::GreetingConfig;
use super::phrases::PhraseBook;
use super::tone::ToneMeter;
use super::*;
use crate::sounds;
use crate::vad::Vad;

use Callee::{Beep, Fax, Human, Machine, Menu, Network, Refused, Screening};
const RINGBACK: Callee = Network(Signal::Ringback);

/// Lets a detector hear a call from the answer on; what it says comes with the time in ms.
fn listen(sound: &[i16]) -> Vec<(u128, Callee)> {
    listen_with(sound, &[])
}

/// The same with words that are known so many ms after the answer.
fn listen_with(sound: &[i16], words: &[(u32, &str)]) -> Vec<(u128, Callee)> {
    let answered = start();
    let book = PhraseBook::of("en");
    let mut detector = CalleeDetector::new(answered, GreetingConfig::default());
    let mut vad = Vad::new();
    let mut said = Vec::new();
    for (n, frame) in (1u32..).zip(sound.chunks(160)) {
        let now = answered + Duration::from_millis(20) * n;
        let known = words.iter().filter(|(at, _)| at / 20 == n);
        said.extend(known.filter_map(|(_, text)| detector.heard(now, book, text)));
        said.extend(detector.push(now, frame, vad.push(frame).voiced));
    }
    assert!(said.iter().all(|detection: &Detection| (1..=100).contains(&detection.confidence)));
    said.into_iter().map(|detection| ((detection.at - answered).as_millis(), detection.callee)).collect()
}

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock; which one does not matter")]
fn start() -> Instant {
    Instant::now()
}

fn kinds(said: &[(u128, Callee)]) -> Vec<Callee> {
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
        assert!(said[0].0 <= 300 + spoken + 900, "{name}: {said:?}");
    }
}

#[test]
fn a_voicemail_is_a_machine_and_its_beep_is_heard_when_it_ends() {
    for (hz, ms) in [(1_000.0, 400), (425.0, 1_000), (1_400.0, 200), (2_400.0, 700), (800.0, 2_000)] {
        for peak in [700.0, 4_000.0, 20_000.0] {
            let call = greeting_then(&[sounds::silence(300), sounds::chord(&[hz], peak, ms)]);
            let end = (call.len() / 8 - 1_000) as u128;
            let said = listen(&call);
            assert_eq!(kinds(&said), [Human, Machine, Beep], "{hz} Hz, {ms} ms, peak {peak}: {said:?}");
            assert!(said[0].0 <= 4_000 && said[1].0 <= 9_000, "{said:?}");
            assert!((end..=end + 100).contains(&said[2].0), "{hz} Hz, {ms} ms: {said:?}, the tone ended at {end}");
        }
    }
}

#[test]
fn a_beep_over_line_noise_is_heard() {
    let beep = sounds::chord(&[1_000.0], 4_000.0, 500);
    let noisy = sounds::mixed(&beep, &sounds::white(3, 120.0, 500));
    assert_eq!(kinds(&listen(&greeting_then(&[sounds::silence(200), noisy]))), [Human, Machine, Beep]);
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
        assert_eq!(said, [Human, Machine], "{name}");
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
        let said = listen(&joined(&parts));
        assert_eq!(said[0].1, RINGBACK, "{name}: {said:?}");
        assert!(said[0].0 <= 200 + 280, "before the agent has said a word: {said:?}");
        assert!(!kinds(&said).contains(&Beep) && !kinds(&said).contains(&Machine), "{name}: {said:?}");
    }
}

#[test]
fn after_somebody_spoke_ringing_is_a_sound_like_others() {
    let ring = sounds::chord(&[440.0, 480.0], 4_000.0, 2_000);
    let call = joined(&[sounds::hello(), sounds::silence(1_500), ring.clone(), sounds::silence(4_000), ring]);
    assert_eq!(kinds(&listen(&call)), [Human]);
}

#[test]
fn whoever_picks_up_after_all_is_a_person() {
    let ring = sounds::chord(&[425.0], 4_000.0, 1_000);
    let pause = sounds::silence(4_000);
    let rings = [ring.clone(), pause.clone(), ring.clone(), pause, ring];
    let call = joined(&[rings.concat(), sounds::silence(900), sounds::hello(), sounds::silence(4_000)]);
    assert_eq!(kinds(&listen(&call)), [RINGBACK, Human]);
    let silent = joined(&[rings.concat(), sounds::silence(8_000)]);
    let said = listen(&silent);
    assert_eq!(kinds(&said), [RINGBACK, Human], "nobody rings for ever");
    assert!((16_000..17_000).contains(&said[1].0), "{said:?}");
}

#[test]
fn a_tone_without_end_hums_and_does_not_ring() {
    let said = listen(&sounds::chord(&[440.0], 4_000.0, 12_000));
    assert_eq!(kinds(&said), [RINGBACK, Human], "{said:?}");
    assert!((2_300..=2_400).contains(&said[1].0), "{said:?}");
}

#[test]
fn ringing_after_a_silence_that_was_taken_for_a_persons_is_noticed() {
    let ring = sounds::chord(&[440.0, 480.0], 4_000.0, 2_000);
    let call = joined(&[sounds::silence(4_600), ring, sounds::silence(3_000)]);
    let said = listen(&call);
    assert_eq!(kinds(&said), [Human, RINGBACK]);
    assert!((4_600..=4_900).contains(&said[1].0), "{said:?}");
}

#[test]
fn the_deadline_holds_however_little_is_heard() {
    for frames in [0u32, 1, 150, 198] {
        let (begin, mut said) = (start(), Vec::new());
        let mut detector = CalleeDetector::new(begin, GreetingConfig::default());
        for n in 1..=300 {
            // Half a tick beside the answer's own beat.
            let now = begin + Duration::from_millis(20) * n + Duration::from_millis(10);
            if n <= frames {
                said.extend(detector.push(now, &[0; 160], false));
            }
            said.extend(detector.handle_tick(now));
        }
        let [Detection { callee: Human, at, .. }] = said[..] else { panic!("{frames} frames: {said:?}") };
        let after = (at - begin).as_millis();
        assert!((3_970..=4_000).contains(&after), "{frames} frames: {after} ms");
    }
}

#[test]
fn a_ring_that_crosses_the_answer_is_none() {
    let call = joined(&[sounds::chord(&[425.0], 4_000.0, 200), sounds::silence(6_000)]);
    assert_eq!(kinds(&listen(&call)), [Human]);
}

#[test]
fn fax_machines_and_the_tones_of_the_network_are_known_after_the_answer_too() {
    let tone = |hz: f64, ms| sounds::chord(&[hz], 4_000.0, ms);
    let fax = joined(&[sounds::silence(1_900), tone(2_100.0, 2_600), sounds::silence(2_000)]);
    assert_eq!(kinds(&listen(&fax)), [Fax]);
    let refused = joined(&[tone(950.0, 330), tone(1_400.0, 330), tone(1_800.0, 330), sounds::voicemail_greeting()]);
    assert_eq!(kinds(&listen(&refused)), [Refused(Refusal::Unspecified)]);
    let both = |ms| sounds::chord(&[480.0, 620.0], 4_000.0, ms);
    let busy = joined(&[sounds::silence(300), [both(500), sounds::silence(500)].concat().repeat(4)]);
    assert_eq!(kinds(&listen(&busy)), [Network(Signal::Busy)]);
}

#[test]
fn words_tell_sooner_and_correct_what_sound_alone_says() {
    let greeting = joined(&[sounds::silence(400), sounds::voicemail_greeting()]);
    let said = listen_with(&greeting, &[(1_000, "hello"), (1_800, "hello you have reached the voicemail")]);
    assert_eq!(said[0], (1_800, Machine));
    assert_eq!(said.len(), 1, "{said:?}");
    let long = listen_with(&greeting, &[(2_000, "riverside clinic how can I help you")]);
    assert_eq!(long, [(2_000, Human)], "a person may talk for long");
    let screened =
        listen_with(&greeting, &[(1_000, "please record your"), (1_500, "please record your name and reason")]);
    assert_eq!(kinds(&screened), [Machine, Screening], "most that is recorded is a message");
    let late = listen_with(&joined(&[sounds::hello(), sounds::silence(9_000)]), &[(6_000, "please leave a message")]);
    assert_eq!(kinds(&late), [Human, Machine], "a later phrase turns it");
}

#[test]
fn who_it_is_likely_to_be_is_told_beside_the_agents_greeting_and_corrected() {
    let greeting = joined(&[sounds::silence(200), sounds::voicemail_greeting()]);
    let early = listen_with(&greeting, &[(700, "welcome to voicemail")]);
    assert_eq!(early[0], (1_100, Machine), "the agent was to begin at the second");
    let menu = listen_with(&greeting, &[(1_600, "welcome to Riverside bank")]);
    assert_eq!(menu, [(1_600, Menu)]);
    let machine_first = [(1_500, "the number you have"), (2_400, "the number you have called is using call")];
    assert_eq!(kinds(&listen_with(&greeting, &machine_first)), [Machine, Screening]);
    let person_after_all = [(1_500, "hi this is Dave I am"), (2_400, "hi this is Dave I am here how can I help")];
    assert_eq!(listen_with(&greeting, &person_after_all), [(1_500, Machine), (2_400, Human)]);
    let sure = [(1_500, "hi this is Dave I am"), (2_000, "hi this is Dave I am away"), (3_000, "hi who is calling")];
    assert_eq!(kinds(&listen_with(&greeting, &sure)), [Machine], "what a guess becomes sure of is not taken back");
    let asks = [(1_500, "this is the assistant of Olivia"), (2_600, "this is the assistant of Olivia who is calling")];
    assert_eq!(kinds(&listen_with(&greeting, &asks)).last(), Some(&Screening), "a service asks as people do");
    for person in ["thank you for calling", "hello who is this", "this is Peter Miller", "I am in a meeting"] {
        assert_eq!(kinds(&listen_with(&greeting, &[(1_500, person)])), [Human], "{person}");
    }
    let late = listen_with(&joined(&[sounds::hello(), sounds::silence(9_000)]), &[(7_000, "hi this is Dave I am")]);
    assert_eq!(kinds(&late), [Human], "no greeting any more");
}

#[test]
fn early_media_is_told_as_it_changes() {
    let tone = |ms| [sounds::chord(&[425.0], 3_000.0, ms), sounds::silence(ms)].concat();
    let ring = [sounds::chord(&[425.0], 3_000.0, 1_000), sounds::silence(4_000)].concat();
    let call = joined(&[sounds::silence(100), ring, tone(480).repeat(5)]);
    let (begin, mut detector) = (start(), ProgressDetector::default());
    let said: Vec<Callee> = (1u32..)
        .zip(call.chunks(160))
        .filter_map(|(n, frame)| detector.push(begin + Duration::from_millis(20) * n, frame))
        .map(|detection| detection.callee)
        .collect();
    assert_eq!(said, [RINGBACK, Network(Signal::Busy)]);
}

#[test]
fn listening_ends_after_twenty_seconds() {
    let late = joined(&[sounds::silence(20_100), sounds::voicemail_greeting()]);
    assert_eq!(listen(&late), [(4_000, Human)]);
}
