use super::*;
use crate::sounds;
use crate::vad::Vad;

/// What came of 20 ms after 20 ms of both sides: the verdicts with their frames, and how many frames held a voice of
/// the caller's.
fn run(said: &[i16], heard: &[i16]) -> (Vec<(usize, Overlap)>, usize) {
    let (mut detector, mut vad) = (OverlapDetector::new(), Vad::new());
    let (mut verdicts, mut voiced) = (Vec::new(), 0);
    let said = said.chunks_exact(FRAME_8K).map(Some).chain(std::iter::repeat(None));
    for (n, (said, heard)) in said.zip(heard.chunks_exact(FRAME_8K)).enumerate() {
        let said = said.map_or(&[0; FRAME_8K], |said| said.try_into().expect("chunks are frames"));
        detector.said(said, 0);
        let heard = detector.heard(heard.try_into().expect("chunks are frames"), vad.push(heard));
        verdicts.extend(heard.verdict.map(|verdict| (n, verdict)));
        voiced += usize::from(heard.voiced);
    }
    (verdicts, voiced)
}

fn after(ms: usize, sound: &[i16]) -> Vec<i16> {
    [&sounds::silence(ms), sound].concat()
}

#[test]
fn the_agents_own_voice_is_known_by_where_it_comes_from() {
    let agent = sounds::voicemail_greeting();
    for (ms, db) in [(40, -20.0), (130, -20.0), (460, -26.0)] {
        let (verdicts, voiced) = run(&agent, &after(ms, &sounds::gained(&agent, db)));
        let kinds: Vec<_> = verdicts.iter().map(|(_, verdict)| *verdict).collect();
        assert!(kinds.contains(&Overlap::Echo), "{ms} ms, {db} dB: {verdicts:?}");
        assert!(voiced < 40, "{ms} ms, {db} dB: {voiced} frames were somebody else's before the path was known");
    }
}

#[test]
fn somebody_who_goes_on_talking_has_the_word() {
    for caller in [sounds::caller_man(), sounds::caller_woman()] {
        let (verdicts, _) = run(&sounds::voicemail_greeting(), &after(2_000, &caller));
        assert!(verdicts.iter().any(|(_, verdict)| *verdict == Overlap::Speech), "{verdicts:?}");
        assert!(verdicts.iter().all(|(_, verdict)| *verdict != Overlap::Echo), "{verdicts:?}");
    }
}

#[test]
fn nothing_is_said_of_a_voice_in_silence() {
    let (verdicts, voiced) = run(&[], &after(500, &sounds::caller_man()));
    assert_eq!(verdicts, []);
    assert!(voiced > 50);
}

#[test]
fn missed_ticks_do_not_lose_the_echo() {
    let agent = sounds::voicemail_greeting();
    let (mut detector, mut vad) = (OverlapDetector::new(), Vad::new());
    let echo = after(200, &sounds::gained(&agent, -20.0));
    let mut echoes = 0;
    for (n, (said, heard)) in agent.chunks_exact(FRAME_8K).zip(echo.chunks_exact(FRAME_8K)).enumerate() {
        // Ten ticks are missed: nothing leaves, and what the caller sends goes on.
        if !(200..210).contains(&n) {
            detector.said(said.try_into().expect("chunks are frames"), if n == 210 { 10 } else { 0 });
        }
        let heard = detector.heard(heard.try_into().expect("chunks are frames"), vad.push(heard));
        echoes += usize::from(n > 230 && heard.echo);
    }
    assert!(echoes > 50, "{echoes}");
}
