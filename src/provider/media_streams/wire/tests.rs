use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::*;
use crate::id::{CallId, OrgId};
use crate::time;

fn wire(options: Value) -> (StreamWire, Out, Instant) {
    let options = options.as_object().cloned().unwrap_or_else(Map::new);
    let vendor = Vendor { base_url: "wss://a.example/x".to_owned(), options, ..Vendor::named("bot") };
    let settings = Settings::new(&vendor).expect("settings");
    let parameters = BTreeMap::from([("who".to_owned(), "Ada".to_owned().into())]);
    let request = BotRequest { call: CallId::from_u128(0xca11), org: OrgId::from_u128(0xacc0), parameters };
    (StreamWire::new(vendor, settings, request), Out::default(), time::now().mono)
}

fn open(wire: &mut StreamWire, out: &mut Out, now: Instant) -> Vec<Value> {
    wire.opened(now, &Upgrade::default(), out);
    sent(out)
}

fn sent(out: &mut Out) -> Vec<Value> {
    let read = |message| match message {
        Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
        Message::Binary(_) => panic!("only text is sent"),
    };
    out.take().0.into_iter().map(read).collect()
}

fn receive(wire: &mut StreamWire, out: &mut Out, message: &Value) -> Vec<BotEvent> {
    wire.received(time::now().mono, Message::Text(message.to_string()), out);
    out.take().1
}

#[test]
fn a_stream_is_told_as_bots_expect_it() {
    let (mut wire, mut out, now) = wire(json!({}));
    wire.told(now, BotInput::Audio([0; 160].into()), &mut out);
    assert!(sent(&mut out).is_empty(), "nobody is there yet");
    let told = open(&mut wire, &mut out, now);
    let [connected, start, media] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*connected, json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" }));
    let stream = start["streamSid"].as_str().expect("a name");
    assert!(stream.starts_with("MZ") && stream.len() == 34, "{stream}");
    assert_eq!(
        *start,
        json!({
            "event": "start", "sequenceNumber": "1", "streamSid": stream,
            "start": {
                "accountSid": "AC0000000000000000000000000000acc0", "streamSid": stream,
                "callSid": "CA0000000000000000000000000000ca11", "tracks": ["inbound"],
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1 },
                "customParameters": { "who": "Ada" },
            },
        })
    );
    let payload = STANDARD.encode([0xff; 160]);
    assert_eq!(
        *media,
        json!({
            "event": "media", "sequenceNumber": "2", "streamSid": stream,
            "media": { "track": "inbound", "chunk": "1", "timestamp": "0", "payload": payload },
        }),
        "what was said meanwhile"
    );
    wire.told(now, BotInput::Audio([0; 160].into()), &mut out);
    wire.told(now, BotInput::Key('#'), &mut out);
    wire.told(now, BotInput::Played("end".to_owned().into()), &mut out);
    wire.goodbye(&mut out);
    let told = sent(&mut out);
    let [media, key, mark, stop] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&media["media"]["chunk"], &media["media"]["timestamp"]), (&json!("2"), &json!("20")));
    assert_eq!((&key["event"], &key["dtmf"]), (&json!("dtmf"), &json!({ "track": "inbound_track", "digit": "#" })));
    assert_eq!(
        (&mark["event"], &mark["mark"], &mark["sequenceNumber"]),
        (&json!("mark"), &json!({ "name": "end" }), &json!("5"))
    );
    assert_eq!((&stop["event"], &stop["stop"]["callSid"]), (&json!("stop"), &start["start"]["callSid"]));
}

#[test]
fn mu_law_goes_up_as_it_came_and_down_as_it_is() {
    let (mut wire, mut out, now) = wire(json!({}));
    open(&mut wire, &mut out, now);
    let all: Vec<u8> = (0..=255).collect();
    let linear: Arc<[i16]> = all.iter().map(|&byte| ULAW_TO_LINEAR[usize::from(byte)]).collect();
    wire.told(now, BotInput::Audio(Arc::clone(&linear)), &mut out);
    let message = sent(&mut out).remove(0);
    let back = STANDARD.decode(message["media"]["payload"].as_str().expect("base64")).expect("base64");
    // Mu-law has two zeros.
    let one_zero: Vec<u8> = all.iter().map(|&byte| if byte == 0x7f { 0xff } else { byte }).collect();
    assert_eq!(back, one_zero);
    let media = json!({ "event": "media", "media": { "payload": STANDARD.encode(&all) } });
    assert_eq!(receive(&mut wire, &mut out, &media), [BotEvent::Audio(linear)]);
}

#[test]
fn linear_audio_at_16_khz_is_the_same_sound() {
    let (mut wire, mut out, now) = wire(json!({ "encoding": "l16_16000" }));
    let start = open(&mut wire, &mut out, now).remove(1);
    let format = json!({ "encoding": "audio/x-l16", "sampleRate": 16_000, "channels": 1 });
    assert_eq!(start["start"]["mediaFormat"], format);
    let tone = |n: usize| ((n as f64 * std::f64::consts::TAU * 440.0 / 8_000.0).sin() * 8_000.0) as i16;
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for frame in 0..50 {
        let pcm: Arc<[i16]> = (frame * 160..(frame + 1) * 160).map(tone).collect();
        wire.told(now, BotInput::Audio(pcm), &mut out);
        for message in sent(&mut out) {
            let bytes = STANDARD.decode(message["media"]["payload"].as_str().expect("base64")).expect("base64");
            // Back again in two pieces that cut a sample.
            let (one, two) = bytes.split_at(bytes.len() / 2 - 1);
            for piece in [one, two] {
                let media = json!({ "event": "media", "media": { "payload": STANDARD.encode(piece) } });
                for event in receive(&mut wire, &mut out, &media) {
                    let BotEvent::Audio(pcm) = event else { panic!("{event:?}") };
                    down.extend_from_slice(&pcm);
                }
            }
            up.extend(bytes);
        }
    }
    assert!((15_000..=16_000).contains(&(up.len() / 2)), "{}", up.len() / 2);
    assert!((7_400..=8_000).contains(&down.len()), "{}", down.len());
    let loud =
        |samples: &[i16]| samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64;
    let (then, now) = (loud(&(0..4_000).map(tone).collect::<Vec<_>>()), loud(&down[2_000..6_000]));
    assert!((now / then - 1.0).abs() < 0.05, "{then} {now}");
}

#[test]
fn what_a_bot_sends_is_understood_and_garbage_is_borne_for_a_while() {
    let (mut wire, mut out, now) = wire(json!({}));
    open(&mut wire, &mut out, now);
    let mark = json!({ "event": "mark", "streamSid": "MZ", "mark": { "name": "m" } });
    assert_eq!(receive(&mut wire, &mut out, &mark), [BotEvent::Mark("m".to_owned().into())]);
    assert_eq!(receive(&mut wire, &mut out, &json!({ "event": "clear" })), [BotEvent::Clear]);
    assert_eq!(receive(&mut wire, &mut out, &json!({ "event": "later" })), []);
    let empty = json!({ "event": "media", "media": { "payload": "" } });
    assert_eq!(receive(&mut wire, &mut out, &empty), []);
    let garbage = [
        json!([1]),
        json!({ "event": "media" }),
        json!({ "event": "media", "media": { "payload": "§" } }),
        json!({ "event": "mark", "mark": { "name": "x".repeat(2_000) } }),
    ];
    for n in 0..GARBAGE as usize {
        assert!(out.take_closing().is_none(), "{n}");
        assert_eq!(receive(&mut wire, &mut out, &garbage[n % garbage.len()]), []);
    }
    assert!(matches!(out.take_closing(), Some(Closing::Failed(error)) if error.kind == ErrorKind::Broken));
}

#[test]
fn a_bot_that_closes_has_hung_up_and_one_that_breaks_off_is_not_called_again() {
    let closed = |code: u16| Close { code, reason: String::new() };
    let (mut wire, mut out, now) = wire(json!({}));
    assert!(
        matches!(wire.judge(&closed(1000)), Closing::Failed(error) if error.kind == ErrorKind::Broken),
        "no stream yet"
    );
    open(&mut wire, &mut out, now);
    let Closing::Failed(error) = wire.judge(&closed(1000)) else { panic!("no other connection is made") };
    assert!(!error.kind.is_retryable());
    wire.dead(error, &mut out);
    assert_eq!(out.take().1, [BotEvent::HungUp]);

    let (mut wire, mut out, now) = self::wire(json!({}));
    open(&mut wire, &mut out, now);
    let broken = Error::new("bot", ErrorKind::Broken, "broke off");
    wire.lost(now, Some(&broken), &mut out);
    let refusal = wire.endpoint().expect_err("not called again");
    wire.dead(refusal, &mut out);
    assert_eq!(out.take().1, [BotEvent::Dead { error: broken }]);
}

#[test]
fn what_is_said_while_nobody_is_there_is_kept_for_two_seconds() {
    let (mut wire, mut out, now) = wire(json!({}));
    (0..250_i16).for_each(|n| wire.told(now, BotInput::Audio(vec![n; 160].into()), &mut out));
    let told = open(&mut wire, &mut out, now);
    assert_eq!(told.len(), 2 + KEPT);
    let last = STANDARD.decode(told[1 + KEPT]["media"]["payload"].as_str().expect("base64")).expect("base64");
    assert_eq!(last[0], encode_ulaw(249));
}
