//! A model that hears and speaks by itself on a real call.

use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::Assistant;
use callwright::agent::record::Speaker;
use callwright::call::call::CallConfig;
use callwright::call::tools::NoTools;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::Udp;
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::log::Event;
use callwright_loadtest::vendors::{Script, faults::Vendor};
use serde_json::json;

use crate::interrupter::interruption;
use crate::office::{Office, version};
use crate::phone::Phone;
use crate::talker::{Talker, voice};
use crate::vendors::Vendors;

const GREETING: &str = "Hello this is Anna";
const HOURS: &str = "It is nine now and the shop stays open until six tonight and tomorrow from eight until noon";
const SURE: &str = "Sure go ahead";
const GOODBYE: &str = "Goodbye then";

const PAUSE: Duration = Duration::from_millis(700);
/// Milliseconds of a word: a tone, and the silence after it.
const WORD: usize = 240;

fn script() -> Script {
    let mut script = Script::default();
    script.hearing.lines = ["what time is it", "wait another question", "bye then"].map(str::to_owned).into();
    let on = |when: &str, answer: Answer| Answer { when: Some(when.to_owned()), ..answer };
    script.realtime.answers = vec![
        on("exactly", Answer::say(GREETING)),
        on("time", Answer::say(HOURS)),
        on("another", Answer::say(SURE)),
        on("bye", Answer { say: GOODBYE.to_owned(), ..Answer::call("end_call", json!({ "reason": "done" }), "") }),
    ];
    script
}

fn assistant() -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna",
        "mode": "speech_to_speech",
        "greeting": GREETING,
        "prompt": "You answer the phone of a shop.",
        "providers": { "s2s": "native" },
        "tools": [{ "kind": "builtin", "name": "end_call" }],
    }))
    .expect("an assistant")
}

fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_speaks_is_told_what_was_heard_of_it() {
    let vendors = Vendors::start(script()).await;
    let office = Office::staffed(Udp, 63_000, CallConfig::default(), 10, vendors.staff(), Arc::new(NoTools)).await;
    let mut phone = Phone::new(Udp, 64_000).await;
    let mut order = office.order(phone.address(), "+4930901820");
    order.assistant = version(assistant());
    let attempt = office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);

    let greeted = caller.hears_silence(0, PAUSE).await;
    assert_eq!(caller.words(0, greeted + 1), count(GREETING));
    caller.says(voice(Duration::from_millis(1_100))).await;
    let answered = caller.hears_sound(greeted + 1).await;
    caller.until("some words", |heard| heard.len() > answered + 12_000).await;
    caller.says(interruption(Duration::from_millis(900))).await;
    let cut = caller.hears_silence(answered, Duration::from_millis(400)).await;
    let ahead = caller.hears_sound(cut + 1).await;
    let done = caller.hears_silence(ahead, PAUSE).await;
    assert_eq!(caller.words(ahead, done + 1), count(SURE));
    caller.says(voice(Duration::from_millis(600))).await;
    let goodbye = caller.hears_sound(done + 1).await;
    assert!(caller.gets_hung_up().await, "the model ends the call");
    assert_eq!(caller.words(goodbye, caller.heard().len()), count(GOODBYE));

    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::AgentHangup);
    let told = vendors.running.log.entries().into_iter().find_map(|entry| match (entry.vendor, entry.event) {
        (Some(Vendor::OpenaiRealtime), Event::Received { message })
            if message["type"] == "conversation.item.truncate" =>
        {
            message["audio_end_ms"].as_u64()
        }
        (Some(_) | None, _) => None,
    });
    let told = usize::try_from(told.expect("the model is told")).expect("it fits");
    let heard = (cut + 1 - answered) / 8;
    // The last sound may be up to a pause between words before the cut, and the fade is sound too.
    assert!((heard..=heard + 100).contains(&told), "{heard} ms heard, {told} ms told");
    let complaints: Vec<_> = vendors
        .running
        .log
        .entries()
        .into_iter()
        .filter(|entry| matches!(entry.event, Event::Complained { .. }))
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");

    let agent = report.conversation.transcript.iter().filter(|line| line.speaker == Speaker::Agent);
    let lines: Vec<(&str, bool)> = agent.map(|line| (line.text.expose().as_str(), line.cut)).collect();
    let [greeting, (hours, true), sure, goodbye] = lines[..] else { panic!("{lines:?}") };
    assert_eq!([greeting, sure, goodbye], [GREETING, SURE, GOODBYE].map(|text| (text, false)));
    assert!(HOURS.starts_with(hours), "{hours}");
    assert!(count(hours).abs_diff(told / WORD) <= 2, "{} words written, {told} ms heard", count(hours));
    let caller: Vec<&str> = report
        .conversation
        .transcript
        .iter()
        .filter(|line| line.speaker == Speaker::Caller)
        .map(|line| line.text.expose().as_str())
        .collect();
    assert_eq!(caller, ["what time is it", "wait another question", "bye then"]);
}
