use super::*;
use crate::provider::synthesis::testing::{self, Wire, frames};

const ONE: UtteranceId = UtteranceId(1);
const TWO: UtteranceId = UtteranceId(2);

fn dialect() -> SpeakV2 {
    SpeakV2::new(Arc::new(Vendor::named("flux")))
}

/// So many milliseconds of audio.
fn audio(wire: &mut Wire<SpeakV2>, ms: usize) -> usize {
    wire.binary(&vec![0xff; ms * 8]).len()
}

const METADATA: &str = r#"{"type":"SpeechMetadata","speech_id":"dg_sp_0123456789ab","audio_duration_ms":2310,
    "input_character_count":41,"billable_character_count":41,"controls_applied":{"pronunciations_applied":0}}"#;

fn interrupted(spoken: &str, remaining: &str, played: u64) -> String {
    json!({"type": "SpeechInterrupted", "audio_played_ms": played, "text_spoken": spoken, "text_remaining": remaining,
        "metadata": {"speech_id": "dg_sp_1", "audio_duration_ms": 1}})
    .to_string()
}

fn interrupt(offset: u64) -> Vec<String> {
    frames(&[&format!(r#"{{"playback_offset":{{"type":"time_ms","value":{offset}}},"type":"Interrupt"}}"#)])
}

#[test]
fn a_turn_is_spoken() {
    let mut wire = Wire::new(dialect());
    wire.receive(r#"{"type":"Connected","request_id":"r","model_name":"flux-haley-en","model_uuids":[]}"#);
    assert_eq!(wire.text(ONE, "Sure, "), frames(&[r#"{"text":"Sure, ","type":"Speak"}"#]));
    assert_eq!(wire.receive(r#"{"type":"SpeechStarted","speech_id":"dg_sp_1"}"#), []);
    assert_eq!(audio(&mut wire, 20), 1);
    assert_eq!(wire.finish(ONE), frames(&[r#"{"type":"Flush"}"#]));
    assert_eq!(wire.receive(r#"{"type":"Flushed","speech_id":"dg_sp_1"}"#), [], "audio may follow");
    assert_eq!(audio(&mut wire, 20), 1);
    assert_eq!(wire.receive(METADATA), [Told::Finished { utterance: ONE }]);
    assert_eq!(audio(&mut wire, 20), 0, "it belongs to nothing");
    assert_eq!(wire.cancel(ONE, 10), frames(&[]), "the turn is over at the vendor");
}

#[test]
fn an_interruption_counts_what_was_played_since_the_session_began() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "First turn.");
    audio(&mut wire, 1_000);
    wire.finish(ONE);
    wire.receive(METADATA);
    wire.text(TWO, "Sure, I can help you cancel.");
    audio(&mut wire, 900);
    assert_eq!(wire.cancel(TWO, 500), interrupt(1_500));
    assert!(wire.dialect.settling(), "the next turn has to wait");
    assert_eq!(audio(&mut wire, 100), 0, "it was on its way");
    let mark = WordMark { text_end: 11, sample_end: 4_000 };
    let reply = interrupted("Sure, I can", " help you cancel.", 1_500);
    assert_eq!(wire.receive(&reply), [Told::Kept { utterance: TWO, mark }]);
    assert!(!wire.dialect.settling());
    wire.text(UtteranceId(3), "Yes. ");
    audio(&mut wire, 40);
    assert_eq!(wire.cancel(UtteranceId(3), 0), interrupt(1_501), "it has to move on, though nothing was heard");
}

#[test]
fn more_than_came_cannot_have_been_heard() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    audio(&mut wire, 60);
    assert_eq!(wire.cancel(ONE, 90_000_000), interrupt(60));
}

#[test]
fn interruptions_that_are_ignored_do_not_mix_turns() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    wire.cancel(ONE, 0);
    let ignored = r#"{"type":"Warning","code":"NO_AUDIO_GENERATED","description":"d"}"#;
    assert!(matches!(&wire.receive(ignored)[..], [Told::Warning(_), Told::Broken(_)]), "the turn cannot be ended");

    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    audio(&mut wire, 60);
    wire.finish(ONE);
    wire.cancel(ONE, 20);
    assert_eq!(wire.receive(METADATA), [], "it was quicker");
    wire.receive(r#"{"type":"Warning","code":"NO_ACTIVE_SPEECH","description":"d"}"#);
    assert!(!wire.dialect.settling());
    wire.text(TWO, "Yes. ");
    audio(&mut wire, 40);
    assert_eq!(wire.cancel(TWO, 40), interrupt(100), "a completed turn counts in full");

    assert_eq!(wire.receive(r#"{"type":"Warning","code":"INVALID_INTERRUPT_OFFSET","description":"d"}"#).len(), 1);
    assert_eq!(wire.frames(), frames(&[r#"{"type":"Interrupt"}"#]), "better without an offset than not at all");
    let reply = r#"{"type":"SpeechInterrupted","audio_played_ms":777,"metadata":{}}"#;
    assert_eq!(wire.receive(reply), [], "nothing is known of the text");
    wire.text(UtteranceId(3), "No. ");
    audio(&mut wire, 10);
    assert_eq!(wire.cancel(UtteranceId(3), 10), interrupt(787));
}

#[test]
fn an_interruption_without_an_answer_breaks_the_connection() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    wire.cancel(ONE, 0);
    assert!(matches!(&wire.wake()[..], [Told::Broken(error)] if error.kind == ErrorKind::TimedOut));
    assert_eq!(wire.elapsed(), ANSWERED_WITHIN);
}

#[test]
fn a_text_that_is_refused_is_not_sent_again() {
    let mut wire = Wire::new(dialect());
    let told = wire.receive(r#"{"type":"Error","code":"BIG-0000","description":"d"}"#);
    assert!(matches!(&told[..], [Told::Broken(error)] if error.kind == ErrorKind::Refused));
}

#[test]
fn garbage_is_harmless() {
    testing::garbage(
        dialect,
        &[
            METADATA,
            r#"{"type":"SpeechStarted","speech_id":"dg_sp_1"}"#,
            r#"{"type":"Flushed","speech_id":"dg_sp_1"}"#,
            r#"{"type":"SpeechInterrupted","audio_played_ms":-1e300,"text_spoken":"O"}"#,
            r#"{"type":"SpeechInterrupted","audio_played_ms":48230,"text_spoken":"One","text_remaining":" two"}"#,
            r#"{"type":"Warning","code":"INVALID_INTERRUPT_OFFSET"}"#,
            r#"{"type":"Warning","code":"NO_ACTIVE_SPEECH"}"#,
            r#"{"type":"Error","code":"NET-0001"}"#,
        ],
    );
}
