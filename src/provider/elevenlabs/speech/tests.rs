use super::*;
use crate::provider::synthesis::testing::{self, Wire, frames};

const ONE: UtteranceId = UtteranceId(1);
const TWO: UtteranceId = UtteranceId(2);

fn dialect() -> MultiStream {
    MultiStream::new(Arc::new(Vendor::named("elevenlabs")), json!({"speed": 1.0}))
}

/// A message with `samples` of audio and characters that last so many milliseconds each.
fn chunk(context: &str, samples: usize, chars: &str, ms: u32) -> String {
    use base64::Engine;
    let audio = base64::engine::general_purpose::STANDARD.encode(vec![0xff; samples]);
    let chars: Vec<String> = chars.chars().map(String::from).collect();
    let starts: Vec<u32> = (0..chars.len() as u32).map(|n| n * ms).collect();
    let durations = vec![ms; chars.len()];
    json!({"audio": audio, "contextId": context, "normalizedAlignment": null,
        "alignment": {"chars": chars, "charStartTimesMs": starts, "charDurationsMs": durations}})
    .to_string()
}

fn words(told: &[Told]) -> Vec<(&str, u64)> {
    let words = told.iter().filter_map(|told| if let Told::Words { words, .. } = told { Some(words) } else { None });
    words.flatten().map(|spoken| (spoken.word.expose().as_str(), spoken.end)).collect()
}

#[test]
fn an_utterance_is_a_context() {
    let mut wire = Wire::new(dialect());
    assert_eq!(
        wire.text(ONE, "Hello there."),
        frames(&[
            r#"{"context_id":"u1-1","text":" ","voice_settings":{"speed":1.0}}"#,
            r#"{"context_id":"u1-1","text":"Hello there. "}"#,
        ])
    );
    assert_eq!(wire.text(ONE, "Bye. "), frames(&[r#"{"context_id":"u1-1","text":"Bye. "}"#]));
    assert_eq!(
        wire.finish(ONE),
        frames(&[r#"{"context_id":"u1-1","flush":true}"#, r#"{"close_context":true,"context_id":"u1-1"}"#,])
    );
    assert_eq!(wire.receive(r#"{"isFinal":true,"contextId":"u0-9"}"#), [], "another context");
    assert_eq!(
        wire.receive(r#"{"audio":null,"isFinal":true,"contextId":"u1-1"}"#),
        [Told::Finished { utterance: ONE }]
    );
    assert!(wire.text(TWO, "Yes.")[0].contains("u2-2"), "no name is used twice");
}

#[test]
fn characters_become_words_that_count_from_the_utterances_beginning() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "One two. Three four.");
    let told = wire.receive(&chunk("u1-1", 720, "One two. ", 10));
    assert_eq!(words(&told), [("One", 240), ("two.", 640)]);
    let told = wire.receive(&chunk("u1-1", 480, "Three ", 10));
    assert_eq!(words(&told), [("Three", 720 + 400)]);
    let told = wire.receive(&chunk("u1-1", 160, "fo", 10));
    assert_eq!(words(&told), [], "its end has not come");
    let told = wire.receive(&chunk("u1-1", 240, "ur.", 10));
    assert_eq!(words(&told), []);
    let told = wire.receive(r#"{"isFinal":true,"contextId":"u1-1"}"#);
    assert_eq!(words(&told), [("four.", 720 + 480 + 160 + 240)]);
}

#[test]
fn scripts_without_spaces_are_told_by_character() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "你好");
    assert_eq!(words(&wire.receive(&chunk("u1-1", 160, "你好", 10))), [("你", 80), ("好", 160)]);
}

#[test]
fn a_cancelled_context_is_closed_and_what_comes_of_it_is_dropped() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    assert_eq!(wire.cancel(ONE, 0), frames(&[r#"{"close_context":true,"context_id":"u1-1"}"#]));
    wire.text(TWO, "Yes.");
    assert_eq!(wire.receive(&chunk("u1-1", 80, "H", 10)), []);
    assert_eq!(wire.receive(r#"{"isFinal":true,"contextId":"u1-1"}"#), []);
    assert_eq!(wire.receive(&chunk("u2-2", 80, "Y", 10)).len(), 1);
    wire.finish(TWO);
    assert_eq!(wire.cancel(TWO, 0), frames(&[]), "it is closed already");
    assert_eq!(wire.receive(&chunk("u2-2", 80, "Y", 10)), []);
}

#[test]
fn a_context_that_waits_for_text_is_kept_alive() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Well, ");
    wire.wake();
    assert_eq!(wire.elapsed(), KEEP_ALIVE);
    assert_eq!(wire.frames(), frames(&[r#"{"context_id":"u1-1","text":""}"#]));
    wire.wake();
    assert_eq!(wire.elapsed(), 2 * KEEP_ALIVE);
    wire.finish(ONE);
    assert_eq!(wire.dialect.deadline(), None, "nothing waits");
}

#[test]
fn a_context_that_the_vendor_closed_is_followed_by_another() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Well, ");
    wire.receive(&chunk("u1-1", 800, "Well, ", 10));
    assert_eq!(wire.receive(r#"{"is_final":true,"contextId":"u1-1"}"#), []);
    assert!(wire.text(ONE, "yes.")[0].contains("u1-2"));
    assert_eq!(words(&wire.receive(&chunk("u1-2", 320, "yes. ", 10))), [("yes.", 800 + 320)]);
    wire.receive(r#"{"isFinal":true,"contextId":"u1-2"}"#);
    let told = wire.told(|dialect, now, out| dialect.finish(now, ONE, out));
    assert_eq!(told, [Told::Finished { utterance: ONE }], "all of it was spoken");
}

#[test]
fn refusals_are_told_apart() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    let told = wire.receive(r#"{"error":"voice_not_found","message":"no: Hello.","contextId":"u1-1"}"#);
    let [Told::Failed { utterance: ONE, error }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((error.kind, error.detail.as_str()), (ErrorKind::Refused, "voice_not_found"));
    let told = wire.receive(r#"{"error":"quota_exceeded","message":"m"}"#);
    assert!(matches!(&told[..], [Told::Broken(error)] if error.kind == ErrorKind::Unauthorised));
}

#[test]
fn audio_that_is_cut_short_breaks_the_connection() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    let told = wire.receive(r#"{"audio":"/////w","contextId":"u1-1"}"#);
    assert!(matches!(&told[..], [Told::Broken(error)] if error.kind == ErrorKind::Broken));
}

#[test]
fn garbage_is_harmless() {
    testing::garbage(
        dialect,
        &[
            &chunk("u0-1", 80, "Hello there", 10),
            &chunk("u1-2", 80, &"x".repeat(300), 10),
            r#"{"isFinal":true,"contextId":"u0-1"}"#,
            r#"{"contextId":"u0-1","alignment":{"chars":["a","b"],"charStartTimesMs":[-1e300],"charDurationsMs":[1e300,2]}}"#,
            r#"{"error":"x","contextId":"u0-1"}"#,
            r#"{"audio":"","contextId":"u0-1","alignment":{}}"#,
        ],
    );
}
