use super::*;
use crate::provider::synthesis::testing::{self, Wire};

const ONE: UtteranceId = UtteranceId(1);

fn dialect() -> Requests {
    Requests::new(Arc::new(Vendor::named("openai")), json!({"model": "m", "voice": "v"}), SAMPLE_RATE)
}

fn answer(wire: &mut Wire<Requests>, kind: &str) -> Vec<Told> {
    wire.told(|dialect, now, out| dialect.receive(now, Message::Answer(kind), out))
}

fn end(wire: &mut Wire<Requests>) -> Vec<Told> {
    wire.told(|dialect, now, out| dialect.receive(now, Message::End, out))
}

fn samples(told: &[Told]) -> usize {
    told.iter().map(|told| if let Told::Audio { pcm, .. } = told { pcm.len() } else { 0 }).sum()
}

#[test]
fn each_text_is_a_request() {
    let mut wire = Wire::new(dialect());
    assert_eq!(wire.text(ONE, "Hello. "), [r#"{"input":"Hello. ","model":"m","voice":"v"}"#]);
    assert_eq!(wire.text(ONE, "Bye."), [r#"{"input":"Bye.","model":"m","voice":"v"}"#]);
    assert_eq!(answer(&mut wire, "audio/pcm"), []);
    assert_eq!(samples(&wire.binary(&[0; 4_800])), 800, "24 kHz");
    assert_eq!(end(&mut wire), []);
    wire.finish(ONE);
    answer(&mut wire, "audio/pcm;rate=16000");
    assert_eq!(samples(&wire.binary(&[0; 3_200])), 800, "16 kHz");
    assert_eq!(end(&mut wire), [Told::Finished { utterance: ONE }]);
}

#[test]
fn a_cancelled_utterance_drops_its_requests() {
    let mut wire = Wire::new(dialect());
    wire.text(ONE, "Hello. ");
    assert_eq!(wire.cancel(ONE, 0), ["drop"]);
    assert_eq!(wire.cancel(ONE, 0), Vec::<String>::new());
    assert_eq!(wire.binary(&[0; 100]), []);
}

#[test]
fn what_is_no_audio_is_refused() {
    for kind in ["application/json", "audio/mpeg", "text/html; charset=utf-8"] {
        let mut wire = Wire::new(dialect());
        wire.text(ONE, "Hello. ");
        let told = answer(&mut wire, kind);
        let refused = |error: &Error| error.kind == ErrorKind::Refused;
        assert!(matches!(&told[..], [Told::Failed { utterance: ONE, error }] if refused(error)), "{kind}: {told:?}");
    }
}

#[test]
fn requests_hold_no_more_than_the_vendor_takes() {
    let mut wire = Wire::new(dialect());
    let sent = wire.text(ONE, &"word ".repeat(2_000));
    assert_eq!(sent.len(), 3);
    wire.finish(ONE);
    let mut ends = 0;
    for _ in 0..3 {
        ends += end(&mut wire).len();
    }
    assert_eq!(ends, 1, "the utterance ends with the last of them");
}

#[test]
fn garbage_is_harmless() {
    testing::garbage(dialect, &["{}", "RIFF", "x"]);
}
