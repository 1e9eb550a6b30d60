//! The manners of outbound calls, on real ones: a mailbox is left its message, an opt-out is kept before the call's end
//! is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callwright::agent::assistant::Assistant;
use callwright::agent::conversation::Ending;
use callwright::call::call::CallConfig;
use callwright::call::tools::{Keeping, NoTools, Offering, Running, ToolContext, Toolbox};
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::states::AnsweredBy;
use callwright::config::SipTransport::Udp;
use callwright::pii::Pii;
use callwright_loadtest::vendors::Script;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::office::{Office, version};
use crate::phone::Phone;
use crate::talker::{Talker, tone, voice};
use crate::vendors::Vendors;

const NUMBER: &str = "+4930901820";
const MAILBOX: &str = "you have reached the voicemail of peter please leave a message after the tone";
const MESSAGE: &str = "This is Anna from the shop, please call us back.";
const GREETING: &str = "Hello, this is Anna, how can I help you?";
const ENOUGH: &str = "please take me off your list";
const CONFIRMED: &str = "All right. I have taken your number off our list, and we will not call you again. Goodbye.";

fn script(lines: &[&str]) -> Script {
    let mut script = Script::default();
    script.hearing.lines = lines.iter().map(|line| (*line).to_owned()).collect();
    script.speaking.char_ms = 50;
    script
}

fn assistant() -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna",
        "mode": "llm",
        "greeting": GREETING,
        "prompt": "You call the customers of a shop.",
        "providers": { "stt": ["ears"], "llm": ["model"], "tts": ["voice"] },
        "voicemail": { "policy": "leave_message", "message": MESSAGE },
    }))
    .expect("an assistant")
}

/// The phone heard this and nothing else. Two words of one length may sound alike.
fn assert_heard(script: &Script, text: &str, samples: &[i16]) {
    let heard = script.speaking.recognise(&script.hearing, text, samples);
    let said: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let other = heard.iter().zip(&said).filter(|(heard, said)| !heard.eq_ignore_ascii_case(said)).count();
    assert!(heard.len() == said.len() && other <= 1, "heard {heard:?}");
}

/// Takes its time to keep an opt-out.
#[derive(Default)]
struct SlowList {
    kept: AtomicBool,
}

struct Desk(Arc<SlowList>);

impl Toolbox for Desk {
    fn offering(&self, context: &Arc<ToolContext>) -> Offering {
        NoTools.offering(context)
    }

    fn run(&self, context: &Arc<ToolContext>, name: &str, arguments: Pii<String>, token: CancellationToken) -> Running {
        NoTools.run(context, name, arguments, token)
    }

    fn opt_out(&self, _: &Arc<ToolContext>, words: Pii<String>) -> Keeping {
        assert_eq!(words.expose(), ENOUGH);
        let list = Arc::clone(&self.0);
        Box::pin(async move {
            // Longer than the call.
            tokio::time::sleep(Duration::from_secs(8)).await;
            list.kept.store(true, Ordering::SeqCst);
            true
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_is_left_the_message_after_its_beep() {
    let script = script(&[MAILBOX]);
    let vendors = Vendors::start(script.clone()).await;
    let office = Office::staffed(Udp, 51_000, CallConfig::default(), 10, vendors.staff(), Arc::new(NoTools)).await;
    let mut phone = Phone::new(Udp, 52_000).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let attempt = office.place(order);
    let mut mailbox = Talker::new(phone.rings().await.answer().await);

    let mut greeting = voice(Duration::from_millis(3_500));
    greeting.extend([0; 4_000]);
    greeting.extend(tone(1_000.0, Duration::from_millis(600)));
    mailbox.says(greeting).await;
    let beep = mailbox.heard().len();
    let begin = mailbox.hears_sound(beep).await;
    assert!(mailbox.gets_hung_up().await, "the agent hangs up when the message is left");

    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::VoicemailReached);
    assert_eq!(report.outcome.answered_by, Some(AnsweredBy::Voicemail));
    assert_eq!(report.conversation.ending, Some(Ending::MessageLeft));
    assert_heard(&script, MESSAGE, &mailbox.heard()[begin..]);
}

/// The same tones again and again: how long on and how long off.
fn cadence(hz: [f64; 2], on: u64, off: u64, times: usize) -> Vec<i16> {
    let [one, other] = hz.map(|hz| tone(hz, Duration::from_millis(on)));
    let both: Vec<i16> = one.iter().zip(&other).map(|(a, b)| a / 2 + b / 2).collect();
    let silence = vec![0; 8 * off as usize];
    [both, silence].concat().repeat(times)
}

/// An order of that office with the assistant of these tests, and its phone.
async fn quiet_office(ports: u16) -> (Office, Phone, Vendors) {
    let vendors = Vendors::start(script(&[])).await;
    let office = Office::staffed(Udp, ports, CallConfig::default(), 10, vendors.staff(), Arc::new(NoTools)).await;
    (office, Phone::new(Udp, ports + 300).await, vendors)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engaged_tone_before_the_answer_ends_the_dial() {
    let (office, mut phone, _vendors) = quiet_office(33_400).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let attempt = office.place(order);
    let mut ringing = phone.rings().await;
    let _media = ringing.plays(cadence([425.0, 425.0], 480, 480, 20)).await;
    assert!(ringing.is_cancelled().await, "the dial is withdrawn");
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::DialBusy);
    assert_eq!(report.outcome.answered_by, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_rings_on_after_the_answer_is_greeted_when_somebody_is_there() {
    let (office, mut phone, _vendors) = quiet_office(34_400).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let attempt = office.place(order);
    let mut switch = Talker::new(phone.rings().await.answer().await);
    switch.says(cadence([440.0, 480.0], 2_000, 1_500, 1)).await;
    assert_eq!(switch.words(0, switch.heard().len()), 0, "nobody is there to be greeted");
    switch.says(voice(Duration::from_millis(700))).await;
    let begin = switch.heard().len();
    switch.hears_sound(begin).await;
    // A word and the silence behind it.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    switch.hangs_up().await;
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.answered_by, Some(AnsweredBy::Human));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fax_machine_is_hung_up_on() {
    let (office, mut phone, _vendors) = quiet_office(35_400).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let attempt = office.place(order);
    let mut fax = Talker::new(phone.rings().await.answer().await);
    fax.says(tone(2_100.0, Duration::from_millis(1_500))).await;
    assert!(fax.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.answered_by, Some(AnsweredBy::Fax));
    assert_eq!(report.outcome.reason, Reason::InvalidPhoneNumber);
    assert_eq!(report.conversation.ending, Some(Ending::FaxReached));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opt_out_is_kept_before_the_end_is_told() {
    let script = script(&[ENOUGH]);
    let vendors = Vendors::start(script.clone()).await;
    let list = Arc::new(SlowList::default());
    let desk = Arc::new(Desk(Arc::clone(&list)));
    let office = Office::staffed(Udp, 53_000, CallConfig::default(), 10, vendors.staff(), desk).await;
    let mut phone = Phone::new(Udp, 54_000).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant());
    let attempt = office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);

    let greeted = caller.hears_silence(0, Duration::from_millis(700)).await;
    caller.says(voice(Duration::from_millis(1_400))).await;
    let begin = caller.hears_sound(greeted + 1).await;
    assert!(caller.gets_hung_up().await);
    assert!(!list.kept.load(Ordering::SeqCst), "it takes longer than the call");
    let (_, report) = attempt.ends().await;
    assert!(list.kept.load(Ordering::SeqCst), "nothing is told before it is on the list");
    assert_eq!(report.outcome.reason, Reason::VoiceCallsOptedOut);
    assert_heard(&script, CONFIRMED, &caller.heard()[begin..]);
}
