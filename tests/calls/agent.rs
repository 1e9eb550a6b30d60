//! An agent with a model on a real call: phone, server and vendors over sockets. Three witnesses must agree on what was
//! said: the phone, the transcript, and the context that the model was given next.

use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::Assistant;
use callwright::agent::record::Speaker;
use callwright::call::call::CallConfig;
use callwright::call::place::CallReport;
use callwright::call::tools::{Keeping, NoTools, Offering, Running, ToolContext, Toolbox};
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::Udp;
use callwright::pii::Pii;
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::log::Event;
use callwright_loadtest::vendors::{Script, faults::Vendor};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::interrupter::interruption;
use crate::office::{Office, version};
use crate::phone::Phone;
use crate::talker::{Talker, voice};
use crate::vendors::Vendors;

const NUMBER: &str = "+4930901820";

const GREETING: &str = "Hello, this is Anna, how can I help you?";
const HOURS: &str = "It is nine now and the shop stays open until six tonight, and tomorrow from eight until noon.";
const GO_AHEAD: &str = "Sure, go ahead.";
const PRICE: &str = "That one costs twelve euros.";
const GOODBYE: &str = "Goodbye then.";

/// What the caller says, in this order, however it sounds.
const TIME: &str = "what time is it";
const WAIT: &str = "wait I have another question";
const LOOK: &str = "please look it up";
const BYE: &str = "bye then";

/// A pause in speech is shorter than this.
const PAUSE: Duration = Duration::from_millis(700);

fn script() -> Script {
    let mut script = Script::default();
    // The empty line is a voice of which no word is understood.
    script.hearing.lines = [TIME, "", WAIT, LOOK, BYE].map(str::to_owned).into();
    script.speaking.char_ms = 50;
    let on = |when: &str, answer: Answer| Answer { when: Some(when.to_owned()), ..answer };
    let goodbye = Answer { say: GOODBYE.to_owned(), ..Answer::call("end_call", json!({ "reason": "done" }), "") };
    script.chat.answers = vec![
        on(TIME, Answer::say(HOURS)),
        on(WAIT, Answer::say(GO_AHEAD)),
        on(LOOK, Answer::call("look_up", json!({ "what": "price" }), PRICE)),
        on(BYE, goodbye),
    ];
    script.chat.tokens_per_second = 60.0;
    script
}

fn assistant() -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna",
        "mode": "llm",
        "greeting": GREETING,
        "prompt": "You answer the phone of a shop.",
        "providers": { "stt": ["ears"], "llm": ["model"], "tts": ["voice"] },
        "tools": [
            { "kind": "builtin", "name": "end_call" },
            { "kind": "http", "name": "look_up", "description": "Looks a price up.", "url": "https://shop.invalid/" },
        ],
    }))
    .expect("an assistant")
}

/// Looks prices up, slowly.
pub(crate) struct Shelf;

impl Toolbox for Shelf {
    fn offering(&self, context: &Arc<ToolContext>) -> Offering {
        NoTools.offering(context)
    }

    fn run(&self, _: &Arc<ToolContext>, name: &str, arguments: Pii<String>, _: CancellationToken) -> Running {
        assert_eq!(name, "look_up");
        let what: Value = serde_json::from_str(arguments.expose()).expect("JSON");
        assert_eq!(what, json!({ "what": "price" }));
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Pii::new(r#"{"euros":12}"#.to_owned())
        })
    }

    fn opt_out(&self, context: &Arc<ToolContext>, words: Pii<String>) -> Keeping {
        NoTools.opt_out(context, words)
    }
}

/// Messages of the requests that the model got, each as role and text.
fn contexts(vendors: &Vendors) -> Vec<Vec<(String, String)>> {
    let mut contexts = Vec::new();
    for entry in vendors.running.log.entries() {
        if let (Some(Vendor::OpenaiChat), Event::Received { message }) = (entry.vendor, entry.event) {
            let messages = message["messages"].as_array().cloned().unwrap_or_default();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            contexts.push(messages.iter().map(|each| (text(&each["role"]), text(&each["content"]))).collect());
        }
    }
    contexts
}

/// The words of a text, in lower case.
fn words(text: &str) -> Vec<String> {
    let letters = |c: char| !c.is_alphanumeric();
    text.split(letters).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// What a phone heard between two samples, as words; the last one may be cut short and is then left out.
fn heard(script: &Script, candidates: &str, samples: &[i16]) -> Vec<String> {
    let named = script.speaking.recognise(&script.hearing, candidates, samples);
    named.iter().filter(|word| !word.ends_with('~')).map(|word| word.to_lowercase()).collect()
}

fn agent_lines(report: &CallReport) -> Vec<(String, bool)> {
    let agent = report.conversation.transcript.iter().filter(|line| line.speaker == Speaker::Agent);
    agent.map(|line| (line.text.expose().clone(), line.cut)).collect()
}

/// Asserts that the phone heard these words, in their order. A frame that a busy machine sent late stands in the middle of
/// a word as silence, and that word is not known: one may be missing.
fn assert_heard(script: &Script, text: &str, samples: &[i16]) {
    let (said, heard) = (words(text), heard(script, text, samples));
    let mut rest = heard.iter();
    let known = said.iter().filter(|word| rest.clone().any(|other| other == *word) && rest.any(|other| other == *word));
    assert!(known.count() + 1 >= said.len(), "{said:?} was said, {heard:?} was heard");
}

/// The long answer went on, after the noise, at the sample where it had stopped, give or take its fade. Both places are
/// looked for by what is heard there: the time between them may hold a frame more than the answer.
fn assert_seamless(script: &Script, heard: &[i16], (answered, stopped): (usize, usize), resumed: usize) {
    const FADE: usize = 120;
    // Longer than a word: within one, a voice that is a tone is the same everywhere.
    const PIECE: usize = 4_000;
    let source = script.speaking.say(&script.hearing, HOURS, 8_000);
    let loud = |sample: &i16| sample.unsigned_abs() >= 400;
    let begin = source.iter().position(loud).expect("it has sound");
    let place = |from: usize, near: usize| -> usize {
        let piece = &heard[from..from + PIECE];
        let off = |at: usize| -> u64 {
            piece.iter().zip(&source[at..]).map(|(heard, said)| u64::from(heard.abs_diff(*said))).sum()
        };
        let places = near.saturating_sub(2_000)..(near + 4_000).min(source.len() - PIECE);
        let at = places.min_by_key(|at| off(*at)).expect("there are places");
        let power: u64 = piece.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
        assert!(off(at) < power / 2, "it is part of the answer: {} of {power} differ", off(at));
        at
    };
    let last = stopped - PIECE - FADE;
    let end = place(last, begin + last - answered) + PIECE + FADE;
    let at = place(resumed, end);
    assert!(
        at > end && (at <= end + FADE || !source[end + FADE..at].iter().any(loud)),
        "stopped at {end}, resumed at {at}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_answers_is_interrupted_resumes_looks_up_and_says_goodbye() {
    let script = script();
    let vendors = Vendors::start(script.clone()).await;
    let office = Office::staffed(Udp, 61_000, CallConfig::default(), 10, vendors.staff(), Arc::new(Shelf)).await;
    let mut phone = Phone::new(Udp, 62_000).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let attempt = office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);

    let greeted = caller.hears_silence(0, PAUSE).await;
    assert_heard(&script, GREETING, &caller.heard()[..greeted + 1]);

    // A question, answered at length.
    caller.says(voice(Duration::from_millis(1_100))).await;
    let answered = caller.hears_sound(greeted + 1).await;
    caller.until("some words", |heard| heard.len() > answered + 16_000).await;
    // Somebody talks over the answer, perhaps to somebody else: the agent stops, no word is understood, the agent goes on
    // where it was.
    caller.says(interruption(Duration::from_millis(700))).await;
    let stopped = caller.hears_silence(answered, PAUSE).await;
    let resumed = caller.hears_sound(stopped + 1).await;
    caller.until("more words", |heard| heard.len() > resumed + 12_000).await;
    // An interruption with words.
    caller.says(interruption(Duration::from_millis(1_400))).await;
    let cut = caller.hears_silence(resumed, Duration::from_millis(300)).await;
    let ahead = caller.hears_sound(cut + 1).await;
    let done = caller.hears_silence(ahead, PAUSE).await;
    assert_heard(&script, GO_AHEAD, &caller.heard()[ahead..done + 1]);

    // A tool, then the end.
    caller.says(voice(Duration::from_millis(1_000))).await;
    let priced = caller.hears_sound(done + 1).await;
    let done = caller.hears_silence(priced, PAUSE).await;
    assert_heard(&script, PRICE, &caller.heard()[priced..done + 1]);
    caller.says(voice(Duration::from_millis(600))).await;
    assert!(caller.gets_hung_up().await, "the model ends the call");

    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::AgentHangup);
    assert_seamless(&script, &caller.heard(), (answered, stopped), resumed);
    // What the phone heard of the long answer: up to the noise and behind it, to the interruption.
    let before = heard(&script, HOURS, &caller.heard()[answered..stopped + 1]);
    let after = heard(&script, HOURS, &caller.heard()[resumed..cut + 1]);
    let lines = agent_lines(&report);
    let said: Vec<String> = lines.iter().flat_map(|(text, _)| words(text)).collect();
    let all = [GREETING, GO_AHEAD, PRICE, GOODBYE].map(words);
    assert_eq!(said[..all[0].len()], all[0]);
    let hours = words(HOURS);
    let told = &said[all[0].len()..said.len() - all[1].len() - all[2].len() - all[3].len()];
    assert_eq!(told, &hours[..told.len()], "what was cut is a beginning: {lines:?}");
    // A word that was cut in the middle and resumed in the middle is two pieces on the wire, and one may not be known.
    let wire = before.len() + after.len();
    assert!(
        (wire..=wire + 3).contains(&told.len()),
        "{before:?} and {after:?} on the wire, {told:?} in the transcript"
    );
    assert!(told.len() < hours.len(), "it was interrupted");

    let contexts = contexts(&vendors);
    let interrupted = contexts.iter().find(|messages| messages.iter().any(|(_, text)| text.contains(WAIT)));
    let interrupted = interrupted.expect("the interruption was answered");
    let answer = interrupted.iter().filter(|(role, _)| role == "assistant").map(|(_, text)| text);
    let context: Vec<String> = answer.skip(1).flat_map(|text| words(text)).collect();
    assert_eq!(context, told, "the model knows what was heard and no more");
    let last = contexts.last().expect("requests");
    assert!(last.iter().any(|(role, text)| role == "tool" && text.contains("12")), "{last:?}");
    assert!(report.conversation.turns.iter().all(|turn| turn.first_token.is_some() && turn.first_audio.is_some()));
}
