use super::*;
use crate::provider::synthesis::testing::{self, Wire, frames};

const ONE: UtteranceId = UtteranceId(1);
const TWO: UtteranceId = UtteranceId(2);

fn wire() -> Wire<SpeakV1> {
    Wire::new(SpeakV1::new(Arc::new(Vendor::named("deepgram"))))
}

fn flushed() -> &'static str {
    r#"{"type":"Flushed","sequence_id":0}"#
}

#[test]
fn the_first_sentence_is_flushed_at_once_and_the_next_when_nothing_is_left() {
    let mut wire = wire();
    assert_eq!(wire.text(ONE, "Hello. "), frames(&[r#"{"text":"Hello. ","type":"Speak"}"#, r#"{"type":"Flush"}"#]));
    assert_eq!(wire.text(ONE, "How are "), frames(&[r#"{"text":"How are ","type":"Speak"}"#]));
    assert_eq!(wire.binary(&[0xff; 160]), [Told::Audio { utterance: ONE, pcm: vec![0; 160] }]);
    assert_eq!(wire.receive(flushed()), []);
    assert_eq!(wire.frames(), frames(&[r#"{"type":"Flush"}"#]), "the vendor has nothing left to say");
    assert_eq!(wire.finish(ONE), frames(&[]), "all is flushed");
    assert_eq!(wire.receive(flushed()), [Told::Finished { utterance: ONE }]);
}

#[test]
fn what_comes_between_clear_and_cleared_is_dropped() {
    let mut wire = wire();
    wire.text(ONE, "Hello. ");
    assert_eq!(wire.cancel(ONE, 0), frames(&[r#"{"type":"Clear"}"#]));
    wire.text(TWO, "Yes.");
    wire.finish(TWO);
    assert_eq!(wire.binary(&[0; 160]), []);
    assert_eq!(wire.receive(flushed()), [], "it answers the flush of what was cleared");
    assert_eq!(wire.receive(r#"{"type":"Cleared","sequence_id":1}"#), []);
    assert_eq!(wire.binary(&[0xff; 2]), [Told::Audio { utterance: TWO, pcm: vec![0; 2] }]);
    assert_eq!(wire.receive(flushed()), [Told::Finished { utterance: TWO }]);
    assert_eq!(wire.cancel(TWO, 0), frames(&[]), "there is nothing to clear");
}

#[test]
fn a_clear_without_an_answer_breaks_the_connection() {
    let mut wire = wire();
    wire.text(ONE, "Hello. ");
    wire.cancel(ONE, 0);
    assert!(matches!(&wire.wake()[..], [Told::Broken(error)] if error.kind == ErrorKind::TimedOut));
    assert_eq!(wire.elapsed(), CLEARED_WITHIN);
}

#[test]
fn no_more_than_twenty_flushes_a_minute_and_every_reply_is_flushed_at_its_end() {
    let mut wire = wire();
    let mut sent = Vec::new();
    for reply in 0..40_u32 {
        let id = UtteranceId(reply);
        let mut out = wire.text(id, "One. ");
        out.extend(wire.text(id, "Two. "));
        out.extend(wire.finish(id));
        for _ in 0..3 {
            wire.binary(&[0xff; 80]);
            wire.receive(flushed());
            out.extend(wire.frames());
        }
        while wire.dialect.turn.is_some() {
            wire.wake();
            out.extend(wire.frames());
            wire.receive(flushed());
        }
        let at = wire.elapsed();
        let flushes = out.iter().filter(|frame| **frame == frames(&[r#"{"type":"Flush"}"#])[0]).count();
        assert!(flushes >= 1, "reply {reply}");
        sent.extend(std::iter::repeat_n(at, flushes));
        wire.advance(Duration::from_millis(1_700));
    }
    for (n, at) in sent.iter().enumerate() {
        let window = sent[n..].iter().take_while(|other| **other < *at + WINDOW).count();
        assert!(window <= FLUSHES, "{window} flushes in the minute from {at:?}");
    }
}

#[test]
fn long_texts_are_sent_in_pieces() {
    let mut wire = wire();
    let text = "word ".repeat(1_000);
    let sent = wire.text(ONE, &text);
    assert_eq!(sent.len(), 5, "four pieces and a flush");
    let said: String = sent
        .iter()
        .filter_map(|frame| {
            let frame: serde_json::Value = serde_json::from_str(frame).expect("JSON");
            frame["text"].as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(said, text);
}

#[test]
fn errors_have_their_code_and_not_their_words() {
    let mut wire = wire();
    let error = r#"{"type":"Error","code":"DATA-0000","description":"cannot say 4111"}"#;
    assert!(matches!(&wire.receive(error)[..], [Told::Broken(error)] if error.detail == "DATA-0000"));
    let warning = r#"{"type":"Warning","code":"EXCESS","description":"d"}"#;
    assert_eq!(wire.receive(warning), [Told::Warning("EXCESS".to_owned())]);
}

#[test]
fn garbage_is_harmless() {
    testing::garbage(
        || SpeakV1::new(Arc::new(Vendor::named("deepgram"))),
        &[
            flushed(),
            r#"{"type":"Cleared"}"#,
            r#"{"type":"Metadata","request_id":"x","model_name":"aura-2-thalia-en"}"#,
            r#"{"type":"Warning"}"#,
            r#"{"type":"Error"}"#,
        ],
    );
}
