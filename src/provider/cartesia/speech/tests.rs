use super::*;
use crate::provider::synthesis::testing::{self, Wire, frames};

const ONE: UtteranceId = UtteranceId(1);
const TWO: UtteranceId = UtteranceId(2);

fn dialect() -> Contexts {
    Contexts::new(Arc::new(Vendor::named("cartesia")), json!({"model_id": "sonic-3.5"}))
}

fn request(context: &str, transcript: &str, goes_on: bool) -> String {
    format!(r#"{{"context_id":"{context}","continue":{goes_on},"model_id":"sonic-3.5","transcript":"{transcript}"}}"#)
}

fn chunk(context: &str, samples: usize) -> String {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(vec![0xff; samples]);
    json!({"type": "chunk", "context_id": context, "data": data, "done": false, "status_code": 206, "step_time": 1.2})
        .to_string()
}

fn timestamps(context: &str, words: &[&str], end: &[f64]) -> String {
    let start = vec![0.0; end.len()];
    json!({"type": "timestamps", "context_id": context, "done": false, "status_code": 206,
        "word_timestamps": {"words": words, "start": start, "end": end}})
    .to_string()
}

fn done(context: &str) -> String {
    json!({"type": "done", "context_id": context, "done": true, "status_code": 200}).to_string()
}

fn words(told: &[Told]) -> Vec<(&str, u64)> {
    let words = told.iter().filter_map(|told| if let Told::Words { words, .. } = told { Some(words) } else { None });
    words.flatten().map(|spoken| (spoken.word.expose().as_str(), spoken.end)).collect()
}

#[test]
fn an_utterance_is_a_context() {
    let mut wire = Wire::new(dialect());
    assert_eq!(wire.text(ONE, "Hello, "), [request("u1-1", "Hello, ", true)]);
    assert_eq!(wire.text(ONE, "you."), [request("u1-1", "you.", true)]);
    assert_eq!(wire.receive(&chunk("u1-1", 160)), [Told::Audio { utterance: ONE, pcm: vec![0; 160] }]);
    assert_eq!(
        words(&wire.receive(&timestamps("u1-1", &["Hello,", "you."], &[0.41, 0.7]))),
        [("Hello,", 3_280), ("you.", 5_600)]
    );
    assert_eq!(wire.finish(ONE), [request("u1-1", "", false)]);
    assert_eq!(wire.receive(&done("u1-1")), [Told::Finished { utterance: ONE }]);
}

#[test]
fn a_cancelled_context_is_cancelled_and_what_comes_of_it_is_dropped() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    assert_eq!(wire.cancel(ONE, 0), frames(&[r#"{"cancel":true,"context_id":"u1-1"}"#]));
    wire.text(TWO, "Yes.");
    for stale in [chunk("u1-1", 160), timestamps("u1-1", &["Hello."], &[0.1]), done("u1-1")] {
        assert_eq!(wire.receive(&stale), []);
    }
    assert_eq!(wire.receive(&chunk("u2-2", 8)).len(), 1);
}

#[test]
fn text_after_a_pause_goes_to_a_new_context_whose_words_come_after() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "One. ");
    wire.advance(Duration::from_millis(100));
    wire.receive(&chunk("u1-1", 4_000));
    wire.advance(Duration::from_millis(300));
    assert_eq!(wire.text(ONE, "Two. "), [request("u1-1", "Two. ", true)], "the context is fresh");
    wire.advance(Duration::from_secs(2));
    assert_eq!(wire.text(ONE, "Three. "), [request("u1-1", "Three. ", true)], "it has not said Two yet");
    wire.advance(Duration::from_millis(100));
    wire.receive(&chunk("u1-1", 4_000));
    wire.advance(QUIET);
    assert_eq!(wire.text(ONE, "Four. "), [request("u1-2", "Four. ", true)]);
    assert_eq!(words(&wire.receive(&timestamps("u1-2", &["Four."], &[0.5]))), [("Four.", 8_000 + 4_000)]);
    wire.finish(ONE);
    assert_eq!(wire.receive(&done("u1-2")), [Told::Finished { utterance: ONE }]);
}

#[test]
fn an_expired_context_has_ended_whatever_the_vendor_says_of_it() {
    let expired = |wire: &mut Wire<Contexts>| {
        wire.text(ONE, "One. ");
        wire.advance(Duration::from_millis(100));
        wire.receive(&chunk("u1-1", 4_000));
        wire.advance(Duration::from_secs(2));
    };
    let mut wire = Wire::new(dialect());
    expired(&mut wire);
    wire.finish(ONE);
    let error = r#"{"type":"error","context_id":"u1-1","done":true,"status_code":400,"error_code":"context_expired"}"#;
    assert_eq!(wire.receive(error), [Told::Finished { utterance: ONE }]);

    let mut wire = Wire::new(dialect());
    expired(&mut wire);
    wire.finish(ONE);
    assert_eq!(wire.wake(), [Told::Finished { utterance: ONE }]);

    let mut wire = Wire::new(dialect());
    expired(&mut wire);
    assert_eq!(wire.receive(&done("u1-1")), [], "there may be more text");
    let told = wire.told(|dialect, now, out| dialect.finish(now, ONE, out));
    assert_eq!(told, [Told::Finished { utterance: ONE }]);
    assert_eq!(wire.frames(), frames(&[]));
}

#[test]
fn refusals_are_told_apart() {
    let kind = |status: u16| {
        let mut wire = Wire::new(dialect());
        wire.text(ONE, "Hello.");
        let error = json!({"type": "error", "context_id": "u1-1", "done": true, "status_code": status, "title": "t",
            "message": "cannot say Hello.", "error_code": "model_not_found", "request_id": "r7"});
        match &wire.receive(&error.to_string())[..] {
            [Told::Failed { utterance: ONE, error }] => {
                assert_eq!(error.detail, format!("{status} model_not_found"));
                assert_eq!(error.request.as_deref(), Some("r7"));
                error.kind
            }
            told => panic!("{told:?}"),
        }
    };
    assert_eq!(kind(400), ErrorKind::Refused);
    assert_eq!(kind(402), ErrorKind::Unauthorised);
    assert_eq!(kind(429), ErrorKind::Busy);
    assert_eq!(kind(500), ErrorKind::Broken);
}

#[test]
fn audio_that_is_cut_short_breaks_the_connection() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello.");
    let told = wire.receive(r#"{"type":"chunk","context_id":"u1-1","data":"/////w"}"#);
    assert!(matches!(&told[..], [Told::Broken(error)] if error.kind == ErrorKind::Broken));
}

#[test]
fn garbage_is_harmless() {
    testing::garbage(
        dialect,
        &[
            &chunk("u0-1", 80),
            &timestamps("u0-1", &["One", "two."], &[-1e300, 1e300]),
            &timestamps("u0-1", &["One"], &[]),
            &done("u0-1"),
            r#"{"type":"flush_done","context_id":"u0-1","done":false,"flush_done":true,"flush_id":1,"status_code":206}"#,
            r#"{"type":"error","status_code":500}"#,
            r#"{"type":"error","context_id":"u0-1","status_code":70000}"#,
        ],
    );
}
