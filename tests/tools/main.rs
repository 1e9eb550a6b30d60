//! What assistants can do beside talking, against real databases and servers on this machine.

#[path = "../support/db.rs"]
mod db;

mod meaning;
mod servers;

use std::collections::BTreeMap;
use std::sync::Arc;

use callwright::agent::assistant::{Assistant, AssistantVersion};
use callwright::agent::knowledge::chunk::Chunk;
use callwright::call::tools::{ToolContext, Toolbox as _};
use callwright::config::OutboundConfig;
use callwright::id::{AssistantId, AssistantVersionId, AttemptId, CallId, OrgId, TargetId, TrunkId};
use callwright::lookup::Lookups;
use callwright::net::web::Web;
use callwright::pii::Pii;
use callwright::store::knowledge::{self, Document};
use callwright::store::{org, suppression};
use callwright::toolbox::Toolbox;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::db::TestDb;
use self::servers::{Crm, tool_server};

on_both!(
    a_request_is_sent_signed_and_its_answer_checked,
    a_slow_or_broken_server_is_told_to_the_model,
    what_may_be_stopped_is_stopped_and_the_rest_goes_on,
    a_tool_server_says_what_it_offers_and_carries_it_out,
    knowledge_is_found_with_its_source,
    an_opt_out_is_on_the_list_when_it_is_said_to_be,
);

/// A toolbox, and the call it is used in.
struct Desk {
    toolbox: Toolbox,
    context: Arc<ToolContext>,
}

impl Desk {
    async fn new(test: &TestDb, tools: Value, knowledge: Value) -> Self {
        let mut tx = test.db.begin().await.expect("a transaction");
        let org = org::ensure_default(&mut tx).await.expect("an organisation").id;
        let secrets = org::secrets(&mut tx, [[1; 32], [2; 32]]).await.expect("secrets");
        tx.commit().await.expect("committed");
        let named = BTreeMap::from([("crm".to_owned(), SecretString::from("s3cret"))]);
        let outbound = OutboundConfig { private_hosts: vec!["127.0.0.1".to_owned()], ..OutboundConfig::default() };
        let web = Web::new(outbound).expect("a client");
        let lookups = Lookups::new(test.db.clone(), None);
        let toolbox = Toolbox::new(test.db.clone(), lookups, Arc::new(secrets), web, named);
        Self { toolbox, context: Arc::new(context(org, tools, knowledge)) }
    }

    async fn run(&self, name: &str, arguments: Value) -> Value {
        self.run_until(name, arguments, CancellationToken::new()).await
    }

    async fn run_until(&self, name: &str, arguments: Value, cancelled: CancellationToken) -> Value {
        let arguments = Pii::new(arguments.to_string());
        let result = self.toolbox.run(&self.context, name, arguments, cancelled).await;
        serde_json::from_str(result.expose()).expect("results are JSON")
    }
}

fn context(org: OrgId, tools: Value, knowledge: Value) -> ToolContext {
    let definition: Assistant = serde_json::from_value(json!({
        "name": "Clinic", "mode": "llm", "prompt": "Be kind.", "tools": tools, "knowledge": knowledge,
        "providers": { "llm": ["gpt"] }
    }))
    .expect("an assistant");
    let (id, assistant) = (AssistantVersionId::generate(), AssistantId::generate());
    ToolContext {
        call: CallId::generate(),
        org,
        trunk: Some(TrunkId::generate()),
        attempt: Some((AttemptId::generate(), TargetId::generate())),
        assistant: Arc::new(AssistantVersion { id, assistant, version: 1, definition }),
        variables: BTreeMap::from([("customer".to_owned(), Pii::new("c 7".to_owned()))]),
        contact: Some("+442079460001".parse().map(Pii::new).expect("a number")),
        ours: None,
        started: callwright::time::now(),
    }
}

fn booking(address: &str, change: Value) -> Value {
    let mut tool = json!({
        "kind": "http", "name": "book", "description": "Books a slot.",
        "url": format!("http://{address}/customers/{{{{ customer }}}}/slots"),
        "parameters": { "type": "object", "properties": { "day": { "type": "string" } }, "required": ["day"] },
        "headers": { "authorization": "Bearer {{ secrets.crm }}" }, "sign_with": "crm",
        "result": { "type": "object", "required": ["booked"] }
    });
    for (name, value) in change.as_object().expect("fields") {
        tool[name] = value.clone();
    }
    json!([tool])
}

async fn a_request_is_sent_signed_and_its_answer_checked(test: TestDb) {
    let crm = Crm::start().await;
    let desk = Desk::new(&test, booking(&crm.address, json!({})), json!([])).await;
    assert_eq!(desk.run("book", json!({ "day": "Monday" })).await, json!({ "booked": "Monday" }));
    let asked = crm.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, "/customers/c%207/slots");
    assert_eq!(asked[0].headers["authorization"], "Bearer s3cret");
    assert!(asked[0].is_signed_with("s3cret"), "{:?}", asked[0]);

    let wrong = desk.run("book", json!({ "night": 1 })).await;
    assert!(wrong["error"].as_str().is_some_and(|error| error.contains("required")), "{wrong}");
    assert_eq!(crm.asked().len(), 1, "what breaks the schema is not sent");
    let unknown = desk.run("cook", json!({})).await;
    assert!(unknown["error"].as_str().is_some_and(|error| error.contains("cook")), "{unknown}");
    let broken = desk.toolbox.run(&desk.context, "book", Pii::new("{".to_owned()), CancellationToken::new()).await;
    assert!(broken.expose().contains("not JSON"), "{}", broken.expose());
}

async fn a_slow_or_broken_server_is_told_to_the_model(test: TestDb) {
    let crm = Crm::start().await;
    let address = &crm.address;
    let cases = [
        (json!({ "url": format!("http://{address}/slow"), "timeout_ms": 200 }), "in time"),
        (json!({ "url": format!("http://{address}/down") }), "503"),
        (json!({ "url": format!("http://{address}/huge") }), "larger"),
        (json!({ "url": format!("http://{address}/other") }), "not what was expected"),
        (json!({ "url": "http://10.9.8.7/" }), "private network"),
        (json!({ "url": "http://127.0.0.1:1/" }), "cannot be reached"),
        (json!({ "sign_with": "none" }), "none"),
    ];
    for (change, told) in cases {
        let desk = Desk::new(&test, booking(address, change.clone()), json!([])).await;
        let result = desk.run("book", json!({ "day": "Monday" })).await;
        assert!(result["error"].as_str().is_some_and(|error| error.contains(told)), "{change}: {result}");
    }
    let refused = booking(address, json!({ "url": format!("http://{address}/refused"), "result": null }));
    let desk = Desk::new(&test, refused, json!([])).await;
    let result = desk.run("book", json!({ "day": "Monday" })).await;
    assert_eq!(result["answer"]["reason"], "the day is full", "{result}");
}

async fn what_may_be_stopped_is_stopped_and_the_rest_goes_on(test: TestDb) {
    let crm = Crm::start().await;
    let slow = format!("http://{}/late", crm.address);
    for (finishes, expected) in [(true, json!({ "booked": "late" })), (false, json!({ "error": "interrupted" }))] {
        let tools = booking(&crm.address, json!({ "url": slow, "finish_when_interrupted": finishes }));
        let desk = Desk::new(&test, tools, json!([])).await;
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        assert_eq!(desk.run_until("book", json!({ "day": "Monday" }), cancelled).await, expected);
    }
}

async fn a_tool_server_says_what_it_offers_and_carries_it_out(test: TestDb) {
    let (address, dropped) = tool_server().await;
    let server = json!({
        "kind": "mcp", "name": "crm", "url": format!("http://{address}/mcp"),
        "headers": { "authorization": "Bearer {{ secrets.crm }}" }, "only": ["lookup", "fail"]
    });
    let desk = Desk::new(&test, json!([server]), json!([])).await;
    let offered = desk.toolbox.offering(&desk.context).await;
    let names: Vec<_> = offered.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["crm_lookup", "crm_fail"]);
    assert_eq!(offered[0].parameters["required"], json!(["id"]));
    assert_eq!(desk.run("crm_lookup", json!({ "id": 7 })).await, json!({ "name": "Ada", "id": 7 }));
    assert_eq!(desk.run("crm_fail", json!({})).await, json!({ "error": "no such customer" }));
    let hidden = desk.run("crm_delete", json!({})).await;
    assert!(hidden["error"].as_str().is_some_and(|error| error.contains("crm_delete")), "{hidden}");
    assert_eq!(dropped.unauthorised(), 0, "every request carries the secret");

    let gone = json!([{ "kind": "mcp", "name": "gone", "url": "http://127.0.0.1:1/mcp", "timeout_ms": 2000 }]);
    let desk = Desk::new(&test, gone, json!([])).await;
    assert_eq!(desk.toolbox.offering(&desk.context).await, []);
    let result = desk.run("gone_lookup", json!({})).await;
    assert!(result["error"].as_str().is_some_and(|error| error.contains("tool server")), "{result}");
}

async fn knowledge_is_found_with_its_source(test: TestDb) {
    let mut tx = test.db.begin().await.expect("a transaction");
    let org = org::ensure_default(&mut tx).await.expect("an organisation").id;
    let chunks = [Chunk { heading: "Parking".to_owned(), text: "Parking is free.".to_owned() }];
    let document = Document { title: "Handbook", kind: "text", url: None, language: "en", digest: "", chunks: &chunks };
    let id = knowledge::insert(&mut tx, org, &document).await.expect("it is kept").id;
    tx.commit().await.expect("committed");
    let desk = Desk::new(&test, json!([]), json!([id])).await;
    assert_eq!(desk.toolbox.offering(&desk.context).await[0].name, "search_knowledge");
    let found = desk.run("search_knowledge", json!({ "question": "where can I park?" })).await;
    assert_eq!(found, json!({ "passages": [{ "source": "Handbook › Parking", "text": "Parking is free." }] }));
    assert_eq!(desk.run("search_knowledge", json!({ "question": "bicycles" })).await, json!({ "passages": [] }));
    assert!(desk.run("search_knowledge", json!({})).await["error"].is_string());
}

async fn an_opt_out_is_on_the_list_when_it_is_said_to_be(test: TestDb) {
    let desk = Desk::new(&test, json!([]), json!([])).await;
    for _ in 0..2 {
        let words = Pii::new("never call me again".to_owned());
        assert!(desk.toolbox.opt_out(&desk.context, words).await, "twice is as good as once");
    }
    let mut tx = test.db.read().await.expect("a transaction");
    let listing = suppression::list(&mut tx, desk.context.org, callwright::store::Page::first(10)).await;
    let entries = listing.expect("a page").items;
    assert_eq!(entries.len(), 1);
    assert!(entries[0].note.contains(&desk.context.call.to_string()));
}
