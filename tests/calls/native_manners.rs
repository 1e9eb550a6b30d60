//! Manners and tools where a speech-to-speech model leads, on real calls: the model answers whoever speaks, and only what
//! the manners of the call allow is heard.

use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::Assistant;
use callwright::agent::conversation::Ending;
use callwright::agent::record::Speaker;
use callwright::call::call::CallConfig;
use callwright::call::place::CallReport;
use callwright::call::tools::{NoTools, Toolbox};
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::states::AnsweredBy;
use callwright::config::SipTransport::Udp;
use callwright_loadtest::vendors::Script;
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::log::Event;
use serde_json::{Value, json};

use crate::agent::Shelf;
use crate::office::{Attempt, Office, version};
use crate::phone::Phone;
use crate::talker::{Talker, tone, voice};
use crate::vendors::Vendors;

const NUMBER: &str = "+4930901820";
const GREETING: &str = "Hello this is Anna";
const MAILBOX: &str = "you have reached the voicemail of peter please leave a message after the tone";
const MESSAGE: &str = "This is Anna from the shop, please call us back.";
const SERVICE: &str = "if you record your name and reason for calling I will see if this person is available";
const STATEMENT: &str = "This is Anna from the shop. I am calling about your order.";
const PETER: &str = "hello this is peter";
const ENOUGH: &str = "please take me off your list";
const CONFIRMED: &str = "All right. I have taken your number off our list, and we will not call you again. Goodbye.";
const PRICE: &str = "That one costs twelve euros";

const PAUSE: Duration = Duration::from_millis(700);

/// The callee says these; the model greets when it is told to, and has an answer to everything.
fn script(lines: &[&str]) -> Script {
    let mut script = Script::default();
    script.hearing.lines = lines.iter().map(|line| (*line).to_owned()).collect();
    script.speaking.char_ms = 50;
    let on = |when: &str, answer: Answer| Answer { when: Some(when.to_owned()), ..answer };
    script.realtime.answers = vec![
        on("exactly", Answer::say(GREETING)),
        on("look it up", Answer::call("look_up", json!({ "what": "price" }), PRICE)),
        on("message", Answer::say("Oh what a nice machine you have there")),
        Answer::say("I could not agree more with all of that"),
    ];
    script
}

fn assistant() -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna",
        "mode": "speech_to_speech",
        "greeting": GREETING,
        "prompt": "You call the customers of a shop.",
        "providers": { "s2s": "native", "tts": ["voice"] },
        "voicemail": { "policy": "leave_message", "message": MESSAGE },
        "screening": { "name": "Anna from the shop", "reason": "your order" },
        "tools": [
            { "kind": "http", "name": "look_up", "description": "Looks a price up.", "url": "https://shop.invalid/" },
        ],
    }))
    .expect("an assistant")
}

/// A call that has been answered.
struct Call {
    script: Script,
    vendors: Vendors,
    attempt: Attempt,
    callee: Talker,
    _phone: Phone,
    office: Office,
}

impl Call {
    async fn answered(lines: &[&str], port: u16, toolbox: Arc<dyn Toolbox>) -> Self {
        let script = script(lines);
        let vendors = Vendors::start(script.clone()).await;
        let office = Office::staffed(Udp, port, CallConfig::default(), 10, vendors.staff(), toolbox).await;
        let mut phone = Phone::new(Udp, port + 1_000).await;
        let mut order = office.order(phone.address(), NUMBER);
        order.assistant = version(assistant());
        let attempt = office.place(order);
        let callee = Talker::new(phone.rings().await.answer().await);
        Self { script, vendors, attempt, callee, _phone: phone, office }
    }

    /// Waits until the assistant's voice has said this, whatever was heard before.
    async fn told(&self, text: &str) {
        let said: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        self.callee
            .until(text, |samples| {
                let heard = self.script.speaking.recognise(&self.script.hearing, text, samples);
                // Words of one length may sound alike.
                let same = |heard: &[String]| {
                    let other = heard.iter().zip(&said).filter(|(heard, said)| !heard.eq_ignore_ascii_case(said));
                    other.count() <= said.len() / 4
                };
                heard.windows(said.len()).any(same)
            })
            .await;
    }

    async fn ends(self) -> CallReport {
        let (_, report) = self.attempt.ends().await;
        let entries = self.vendors.running.log.entries().into_iter();
        let complaints = entries
            .filter_map(|entry| if let Event::Complained { reason } = entry.event { Some(reason) } else { None });
        // An answer may be over when its cancellation arrives, or begin while another one is being asked for.
        let crossed = |reason: &String| {
            ["no active response", "already has an active response"].iter().any(|known| reason.contains(known))
        };
        let complaints: Vec<String> = complaints.filter(|reason| !crossed(reason)).collect();
        assert!(complaints.is_empty(), "{complaints:?}");
        report
    }
}

fn said(report: &CallReport, speaker: Speaker) -> Vec<&str> {
    let lines = report.conversation.transcript.iter().filter(|line| line.speaker == speaker);
    lines.map(|line| line.text.expose().as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_is_left_the_message_in_place_of_what_the_model_would_say() {
    let mut call = Call::answered(&[MAILBOX], 12_000, Arc::new(NoTools)).await;
    let mut greeting = voice(Duration::from_millis(3_500));
    greeting.extend([0; 4_000]);
    greeting.extend(tone(1_000.0, Duration::from_millis(600)));
    call.callee.says(greeting).await;
    let beep = call.callee.heard().len();
    call.callee.hears_sound(beep).await;
    assert!(call.callee.gets_hung_up().await, "the agent hangs up when the message is left");
    let report = call.ends().await;
    assert_eq!(report.outcome.reason, Reason::VoicemailReached);
    assert_eq!(report.outcome.answered_by, Some(AnsweredBy::Voicemail));
    assert_eq!(report.conversation.ending, Some(Ending::MessageLeft));
    let agent = said(&report, Speaker::Agent);
    assert_eq!(agent.last(), Some(&MESSAGE));
    assert!(agent.iter().all(|line| !line.contains("machine")), "{agent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screening_service_is_told_who_calls_and_the_person_is_greeted() {
    let mut call = Call::answered(&[SERVICE, PETER], 14_000, Arc::new(NoTools)).await;
    call.callee.says(voice(Duration::from_millis(3_500))).await;
    call.told(STATEMENT).await;
    let last_words = call.callee.heard().len() - 4_000;
    let stated = call.callee.hears_silence(last_words, PAUSE).await + 1;
    call.callee.until("nothing", |heard| heard.len() > stated + 12_000).await;
    assert_eq!(call.callee.words(stated, call.callee.heard().len()), 0, "the person decides");
    call.callee.says(voice(Duration::from_millis(900))).await;
    let greeted = call.callee.hears_sound(stated).await;
    let done = call.callee.hears_silence(greeted, PAUSE).await;
    // A word of what the model began to answer by itself may be there before it is stopped.
    assert!(call.callee.words(greeted, done + 1) >= GREETING.split(' ').count());
    let live = call.office.calls.list();
    assert!(call.office.calls.hang_up(live[0].call));
    let report = call.ends().await;
    let agent = said(&report, Speaker::Agent);
    assert!(agent.contains(&STATEMENT) && agent.last() == Some(&GREETING), "{agent:?}");
    assert_eq!(said(&report, Speaker::Caller), [SERVICE, PETER]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opt_out_is_confirmed_by_the_voice_and_the_end() {
    let mut call = Call::answered(&[ENOUGH], 16_000, Arc::new(NoTools)).await;
    let greeted = call.callee.hears_silence(0, PAUSE).await;
    call.callee.says(voice(Duration::from_millis(1_400))).await;
    call.callee.hears_sound(greeted + 1).await;
    assert!(call.callee.gets_hung_up().await);
    let report = call.ends().await;
    assert_eq!(report.outcome.reason, Reason::VoiceCallsOptedOut);
    assert_eq!(said(&report, Speaker::Agent).last(), Some(&CONFIRMED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_is_run_and_the_model_tells_what_came_of_it() {
    let mut call = Call::answered(&["please look it up"], 18_000, Arc::new(Shelf)).await;
    let greeted = call.callee.hears_silence(0, PAUSE).await;
    call.callee.says(voice(Duration::from_millis(1_000))).await;
    let priced = call.callee.hears_sound(greeted + 1).await;
    let done = call.callee.hears_silence(priced, PAUSE).await;
    assert_eq!(call.callee.words(priced, done + 1), PRICE.split(' ').count());
    let received = call
        .vendors
        .running
        .log
        .entries()
        .into_iter()
        .filter_map(|entry| if let Event::Received { message } = entry.event { Some(message) } else { None });
    let results: Vec<Value> = received.filter(|message| message["item"]["type"] == "function_call_output").collect();
    let [result] = &results[..] else { panic!("{results:?}") };
    assert_eq!(result["item"]["output"], r#"{"euros":12}"#);
    let live = call.office.calls.list();
    assert!(call.office.calls.hang_up(live[0].call));
    let report = call.ends().await;
    assert_eq!(said(&report, Speaker::Agent), [GREETING, PRICE]);
}
