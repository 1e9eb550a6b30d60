//! The catalog against simulated vendors.

use std::time::Duration;

use callwright_loadtest::vendors::chat::{Answer, Script};
use callwright_loadtest::vendors::faults::{Fault, Injection, Vendor as Simulated};
use callwright_loadtest::vendors::{Config, KEY, Running, start};
use jiff::Timestamp;

use super::*;
use crate::pii::Pii;
use crate::provider::llm::{LlmEvent, LlmRequest, Message};

const ORG: OrgId = OrgId::from_u128(1);
const OTHER: OrgId = OrgId::from_u128(2);
const SOON: Duration = Duration::from_secs(10);

async fn simulated(say: &str) -> Running {
    let chat = Script { answers: vec![Answer::say(say)], ..Script::default() };
    let script = callwright_loadtest::vendors::Script { chat, ..Default::default() };
    start(Config { script, ..Config::default() }).await.expect("a port is free")
}

fn fixed(name: &str, running: &Running) -> Fixed {
    let base_url = format!("http://{}/v1", running.address);
    Fixed { kind: Kind::OpenaiChat, vendor: Vendor { base_url, key: Some(KEY.into()), ..Vendor::named(name) } }
}

fn row(id: u128, name: &str, running: &Running, sealer: &Sealer) -> StoredProvider {
    let id = ProviderId::from_u128(id);
    let data = ProviderData {
        name: name.to_owned(),
        kind: Kind::OpenaiChat,
        base_url: format!("http://{}/v1", running.address),
        key: Some(sealer.seal(ORG, id, &KEY.into())),
        model: String::new(),
        options: Map::new(),
        capacity: 2,
        enabled: true,
    };
    let at = Timestamp::UNIX_EPOCH;
    StoredProvider { id, org: ORG, version: 1, data, created_at: at, updated_at: at }
}

fn catalog(fixed: Vec<Fixed>) -> Catalog {
    let folder = std::env::temp_dir().join(format!("callwright-catalog-{}", std::process::id()));
    let prompts = Prompts::open(folder, 1 << 20).expect("a folder");
    Catalog::new(fixed, Sealer::new([7; 32]), Arc::new(prompts))
}

fn models(names: &[&str]) -> Wanted {
    Wanted { llm: names.iter().map(|&name| name.to_owned()).collect(), ..Wanted::default() }
}

/// What the models of these names say.
async fn answer(catalog: &Catalog, names: &[&str]) -> Result<String, ErrorKind> {
    let llm = catalog.serve(ORG, &models(names)).expect("they are there").llm.expect("a model");
    let messages = [Message::User { text: Pii::new("Hello".to_owned()) }].into();
    let request = LlmRequest { messages, tools: [].into(), max_tokens: 10, temperature: None, schema: None };
    let (mut generation, mut text) = (llm.generate(request), String::new());
    while let Some(event) = generation.events.recv().await {
        match event {
            LlmEvent::Text(piece) => text.push_str(piece.expose()),
            LlmEvent::Failed(error) => return Err(error.kind),
            LlmEvent::Call(_) | LlmEvent::Finished { .. } => {}
        }
    }
    Ok(text)
}

#[tokio::test]
async fn a_vendor_that_fails_is_passed_by_and_comes_back_by_a_trial() {
    let (first, second) = (simulated("first").await, simulated("second").await);
    let catalog = catalog(vec![fixed("one", &first), fixed("two", &second)]);
    let (both, one) = (models(&["one", "two"]), models(&["one"]));
    assert_eq!(answer(&catalog, &["one", "two"]).await.as_deref(), Ok("first"));
    let limited = Injection::always(Simulated::OpenaiChat, Fault::TooMany { retry_after: Some(1) });
    first.set_faults(vec![limited]);
    assert_eq!(answer(&catalog, &["one", "two"]).await.as_deref(), Ok("second"), "inside the turn");
    assert_eq!(catalog.room(ORG, &both), Room::Free(100), "the other one's");
    let Room::None(NoRoom::Failing { stage: Stage::Llm, error, until: Some(_) }) = catalog.room(ORG, &one) else {
        panic!("{:?}", catalog.room(ORG, &one))
    };
    assert!(error.contains("429"), "{error}");
    let id = catalog.fixed()[0].id;
    assert_eq!(catalog.condition(ORG, id).map(|condition| condition.standing), Some(Standing::Open));
    // Somebody has to be asked when nobody else is there.
    assert_eq!(answer(&catalog, &["one"]).await, Err(ErrorKind::Busy));

    first.set_faults(vec![]);
    let keeper = tokio::spawn({
        let catalog = catalog.clone();
        async move { keeper::try_out(&catalog).await }
    });
    let closed = async {
        while catalog.room(ORG, &one) != Room::Free(100) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, closed).await.expect("the trial closes the circuit");
    keeper.abort();
    assert_eq!(answer(&catalog, &["one", "two"]).await.as_deref(), Ok("first"));
}

#[tokio::test]
async fn places_are_taken_for_as_long_as_a_call_lasts() {
    let running = simulated("hello").await;
    let Fixed { kind, vendor } = fixed("one", &running);
    let catalog = catalog(vec![Fixed { kind, vendor: Vendor { capacity: 2, ..vendor } }]);
    let wanted = models(&["one"]);
    let calls: Vec<Served> = (0..2).map(|_| catalog.serve(ORG, &wanted).expect("it is there")).collect();
    assert_eq!(catalog.room(ORG, &wanted), Room::None(NoRoom::Full { stage: Stage::Llm }));
    let copy = calls[0].clone();
    drop(calls);
    assert_eq!(catalog.room(ORG, &wanted), Room::Free(1));
    drop(copy);
    assert_eq!(catalog.room(ORG, &wanted), Room::Free(2));
    assert_eq!(catalog.room(ORG, &Wanted::default()), Room::Free(usize::MAX));
}

#[tokio::test]
async fn vendors_of_the_database_belong_to_their_organisation_and_keep_their_state() {
    let running = simulated("hello").await;
    let catalog = catalog(vec![]);
    assert!(catalog.is_empty());
    let one = row(1, "one", &running, catalog.sealer());
    catalog.replace(std::slice::from_ref(&one));
    assert_eq!(answer(&catalog, &["one"]).await.as_deref(), Ok("hello"));
    assert!(matches!(catalog.serve(OTHER, &models(&["one"])), Err(Unknown::Name(name, Stage::Llm)) if name == "one"));
    let elsewhere = Wanted { s2s: Some(("one".to_owned(), String::new())), ..Wanted::default() };
    assert!(matches!(catalog.serve(ORG, &elsewhere).map(drop), Err(Unknown::Name(_, Stage::S2s))));
    assert_eq!(catalog.condition(OTHER, one.id), None);

    let call = catalog.serve(ORG, &models(&["one"])).expect("it is there");
    catalog.replace(&[one.clone(), row(2, "two", &running, catalog.sealer())]);
    assert_eq!(catalog.condition(ORG, one.id).map(|condition| condition.used), Some(1), "what did not change goes on");
    let mut changed = one.clone();
    changed.data.model = "other".to_owned();
    catalog.replace(std::slice::from_ref(&changed));
    assert_eq!(catalog.condition(ORG, one.id).map(|condition| condition.used), Some(0));
    drop(call);

    changed.data.enabled = false;
    catalog.replace(std::slice::from_ref(&changed));
    assert!(matches!(catalog.serve(ORG, &models(&["one"])).map(drop), Err(Unknown::Unusable(_))));
    let sealed_elsewhere = row(1, "one", &running, &Sealer::new([8; 32]));
    catalog.replace(&[sealed_elsewhere]);
    let error = catalog.condition(ORG, one.id).and_then(|condition| condition.error).expect("it cannot work");
    assert_eq!(error.kind, ErrorKind::Unauthorised);
    assert!(error.detail.contains("enter it again"), "{error}");
    catalog.replace(&[]);
    assert!(matches!(catalog.room(ORG, &models(&["one"])), Room::None(NoRoom::Unknown(_))));
}

#[test]
fn what_cannot_work_is_said_before_it_is_kept() {
    let with = |options: serde_json::Value| Vendor {
        base_url: "http://127.0.0.1:1/v1".to_owned(),
        options: options.as_object().cloned().expect("an object"),
        ..Vendor::named("v")
    };
    let catalog = catalog(vec![]);
    let codes = |kind, vendor| {
        let faults = catalog.faults(kind, vendor);
        faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect::<Vec<_>>()
    };
    assert_eq!(codes(Kind::OpenaiChat, with(serde_json::json!({"temperature": 0.3}))), []);
    let unknown = codes(Kind::OpenaiChat, with(serde_json::json!({"temprature": 0.3, "a/b": 1})));
    assert_eq!(
        unknown,
        [("/options/a~1b".to_owned(), "unknown_option"), ("/options/temprature".to_owned(), "unknown_option")]
    );
    assert_eq!(codes(Kind::OpenaiRealtime, Vendor::named("v")), [("/key".to_owned(), "key_needed")]);
    let unencrypted = Vendor { base_url: "ws://speech.example/v1".to_owned(), ..Vendor::named("v") };
    assert_eq!(codes(Kind::OpenaiRealtime, unencrypted), [(String::new(), "cannot_work")]);
}
