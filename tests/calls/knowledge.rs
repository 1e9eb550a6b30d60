//! What an assistant knows, on a real call: documents in a database, a model that is shown what fits the caller's
//! words, and a transcript that names it.

use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::Assistant;
use callwright::agent::knowledge::chunk::Chunk;
use callwright::agent::record::{LookUp, Speaker};
use callwright::call::call::CallConfig;
use callwright::call::place::CallReport;
use callwright::call::tools::{Keeping, LookingUp, Offering, Running, ToolContext};
use callwright::config::OutboundConfig;
use callwright::config::SipTransport::Udp;
use callwright::id::{KnowledgeId, OrgId};
use callwright::lookup::Lookups;
use callwright::net::web::Web;
use callwright::pii::Pii;
use callwright::store::knowledge::{self, Document};
use callwright::store::org;
use callwright::toolbox::Toolbox;
use callwright_loadtest::vendors::Script;
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::faults::Vendor;
use callwright_loadtest::vendors::log::Event;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::db::TestDb;
use crate::office::{Office, version};
use crate::phone::Phone;
use crate::talker::{Talker, voice};
use crate::vendors::Vendors;

const NUMBER: &str = "+4930901820";
const GREETING: &str = "Hello, this is Anna, how can I help you?";
const QUESTION: &str = "where can I park my car";
const ANSWER: &str = "Behind the house, for two hours.";
const BYE: &str = "thank you very much bye then";
const GOODBYE: &str = "Goodbye then.";
const PARKING: &str = "Parking is free for two hours behind the house.";

/// The organisation of [`Office`].
const ORG: OrgId = OrgId::from_u128(1);

/// Tools of a server with documents; what is looked up takes `delay` longer.
struct Library {
    toolbox: Toolbox,
    org: OrgId,
    delay: Duration,
}

impl Library {
    /// The context of the call, in the organisation that has the documents.
    fn ours(&self, context: &Arc<ToolContext>) -> Arc<ToolContext> {
        assert_eq!(context.org, ORG);
        Arc::new(ToolContext { org: self.org, ..ToolContext::clone(context) })
    }
}

impl callwright::call::tools::Toolbox for Library {
    fn offering(&self, context: &Arc<ToolContext>) -> Offering {
        self.toolbox.offering(&self.ours(context))
    }

    fn run(&self, context: &Arc<ToolContext>, name: &str, arguments: Pii<String>, token: CancellationToken) -> Running {
        self.toolbox.run(&self.ours(context), name, arguments, token)
    }

    fn look_up(&self, context: &Arc<ToolContext>, question: Pii<String>, most: u8, limit: Duration) -> LookingUp {
        let (found, delay) = (self.toolbox.look_up(&self.ours(context), question, most, limit), self.delay);
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            found.await
        })
    }

    fn opt_out(&self, context: &Arc<ToolContext>, words: Pii<String>) -> Keeping {
        self.toolbox.opt_out(&self.ours(context), words)
    }
}

async fn library(test: &TestDb, delay: Duration) -> (Library, KnowledgeId) {
    let mut tx = test.db.begin().await.expect("a transaction");
    let org = org::ensure_default(&mut tx).await.expect("an organisation").id;
    let secrets = org::secrets(&mut tx, [[1; 32], [2; 32]]).await.expect("secrets");
    let chunks = [
        Chunk { heading: "Opening hours".to_owned(), text: "We are open from eight to six.".to_owned() },
        Chunk { heading: "Parking".to_owned(), text: PARKING.to_owned() },
    ];
    let document = Document { title: "Handbook", kind: "text", url: None, language: "en", digest: "", chunks: &chunks };
    let id = knowledge::insert(&mut tx, org, &document).await.expect("it is kept").id;
    tx.commit().await.expect("committed");
    let web = Web::new(OutboundConfig::default()).expect("a client");
    let lookups = Lookups::new(test.db.clone(), None);
    let toolbox = Toolbox::new(test.db.clone(), lookups, Arc::new(secrets), web, Default::default());
    (Library { toolbox, org, delay }, id)
}

fn script() -> Script {
    let mut script = Script::default();
    script.hearing.lines = [QUESTION, BYE].map(str::to_owned).into();
    script.speaking.char_ms = 50;
    let on = |when: &str, answer: Answer| Answer { when: Some(when.to_owned()), ..answer };
    let goodbye = Answer { say: GOODBYE.to_owned(), ..Answer::call("end_call", json!({ "reason": "done" }), "") };
    script.chat.answers = vec![on(QUESTION, Answer::say(ANSWER)), on(BYE, goodbye)];
    script
}

fn assistant(id: KnowledgeId, limit_ms: u16) -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna",
        "mode": "llm",
        "greeting": GREETING,
        "prompt": "You answer the phone of a clinic.",
        "providers": { "stt": ["ears"], "llm": ["model"], "tts": ["voice"] },
        "tools": [{ "kind": "builtin", "name": "end_call" }],
        "knowledge": [id],
        "lookup": { "limit_ms": limit_ms },
    }))
    .expect("an assistant")
}

/// The messages of every request that the model got.
fn requests(vendors: &Vendors) -> Vec<Vec<Value>> {
    let entries = vendors.running.log.entries();
    let requests = entries.iter().filter_map(|entry| match (&entry.vendor, &entry.event) {
        (Some(Vendor::OpenaiChat), Event::Received { message }) => message["messages"].as_array().cloned(),
        _ => None,
    });
    requests.collect()
}

/// A caller asks, is answered, and says goodbye.
async fn call(vendors: &Vendors, library: Library, assistant: Assistant, port: u16) -> CallReport {
    let office = Office::staffed(Udp, port, CallConfig::default(), 10, vendors.staff(), Arc::new(library)).await;
    let mut phone = Phone::new(Udp, port + 1_000).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(assistant);
    let attempt = office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);
    let pause = Duration::from_millis(700);
    let greeted = caller.hears_silence(0, pause).await;
    caller.says(voice(Duration::from_millis(1_400))).await;
    let answered = caller.hears_silence(greeted + 1, pause).await;
    caller.says(voice(Duration::from_millis(1_400))).await;
    caller.hears_sound(answered + 1).await;
    assert!(caller.gets_hung_up().await, "the model ends the call");
    attempt.ends().await.1
}

fn lines(report: &CallReport) -> Vec<(&str, &[String])> {
    let agent = report.conversation.transcript.iter().filter(|line| line.speaker == Speaker::Agent);
    agent.map(|line| (line.text.expose().as_str(), &line.passages[..])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fits_the_callers_words_is_before_the_model_and_named_in_the_transcript() {
    let (vendors, test) = (Vendors::start(script()).await, TestDb::sqlite().await);
    let (library, id) = library(&test, Duration::ZERO).await;
    // As long as it takes on a machine that does other things.
    let report = call(&vendors, library, assistant(id, 1_000), 35_000).await;

    let none: &[String] = &[];
    let parking: &[String] = &["Handbook › Parking".to_owned()];
    assert_eq!(lines(&report), [(GREETING, none), (ANSWER, parking), (GOODBYE, none)]);
    let turns: Vec<_> = report.conversation.turns.iter().map(|turn| turn.look_up).collect();
    assert_eq!(turns, [Some(LookUp::Found), Some(LookUp::Nothing)]);
    for messages in requests(&vendors) {
        let last = messages.iter().rposition(|message| message["role"] == "user").expect("the caller");
        let told: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].to_string().contains(PARKING)).collect();
        // An answer may have been prepared for the first words of the question.
        match messages[last]["content"].to_string().contains("park") {
            true => assert_eq!(told, [last - 1], "before the caller's words: {messages:?}"),
            false => assert_eq!(told, Vec::<usize>::new(), "for its turn only: {messages:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_take_too_long_delay_no_answer() {
    let (vendors, test) = (Vendors::start(script()).await, TestDb::sqlite().await);
    let delay = Duration::from_secs(6);
    let (library, id) = library(&test, delay).await;
    let report = call(&vendors, library, assistant(id, 50), 37_000).await;
    let lines = lines(&report);
    assert_eq!(lines.iter().map(|(text, _)| *text).collect::<Vec<_>>(), [GREETING, ANSWER, GOODBYE]);
    assert!(lines.iter().all(|(_, passages)| passages.is_empty()), "{lines:?}");
    for turn in &report.conversation.turns {
        assert_eq!(turn.look_up, Some(LookUp::Late), "{turn:?}");
        assert!(turn.replied < delay, "{turn:?}");
    }
    assert!(requests(&vendors).iter().flatten().all(|message| !message.to_string().contains(PARKING)));
}
