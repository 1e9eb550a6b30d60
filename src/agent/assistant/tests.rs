use serde_json::{Value, json};

use super::*;

const SURVEY: &str = include_str!("../flow/fixtures/survey.json");
const CLINIC: &str = include_str!("fixtures/clinic.json");

/// What is wrong with the clinic after one change, as `pointer: problem`.
fn faults(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut clinic: Value = serde_json::from_str(CLINIC).expect("the fixture is JSON");
    change(&mut clinic);
    let assistant: Assistant = serde_json::from_value(clinic).expect("the change keeps the shape");
    assistant.faults(None).iter().map(ToString::to_string).collect()
}

#[test]
fn a_written_assistant_reads_back_the_same() {
    for fixture in [SURVEY, CLINIC] {
        let assistant: Assistant = serde_json::from_str(fixture).expect("the fixture is valid");
        let text = serde_json::to_string(&assistant).expect("it serialises");
        assert_eq!(serde_json::from_str::<Assistant>(&text).expect("it reads back"), assistant);
        assert_eq!(assistant.faults(None), []);
    }
}

#[test]
fn what_was_left_out_is_not_written() {
    let assistant: Assistant = serde_json::from_str(SURVEY).expect("the fixture is valid");
    let written = serde_json::to_value(&assistant).expect("it serialises");
    let fields: Vec<_> = written.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(fields, ["flow", "language", "mode", "name", "variables", "voice"]);
}

#[test]
fn unknown_fields_are_refused_at_every_level() {
    let survey = [
        (r#""name": "Survey""#, r#""name": "Survey", "colour": 1"#),
        (r#""kind": "yes_no""#, r#""kind": "yes_no", "colour": 1"#),
        (r#""start": "interest""#, r#""start": "interest", "colour": 1"#),
        (r#""id": "morning""#, r#""id": "morning", "colour": 1"#),
        (r#""reason": "completed""#, r#""reason": "completed", "colour": 1"#),
    ];
    let clinic = [
        (r#""name": "end_call""#, r#""name": "end_call", "colour": 1"#),
        (r#""method": "GET""#, r#""method": "GET", "colour": 1"#),
        (r#""name": "crm""#, r#""name": "crm", "colour": 1"#),
        (r#""name": "reception""#, r#""name": "reception", "colour": 1"#),
        (r#""temperature": 0.3"#, r#""temperature": 0.3, "colour": 1"#),
        (r#""end_of_turn_ms": 400"#, r#""end_of_turn_ms": 400, "colour": 1"#),
        (r#""ai": true"#, r#""ai": true, "colour": 1"#),
        (r#""pause_for_cards": true"#, r#""pause_for_cards": true, "colour": 1"#),
    ];
    for (fixture, cases) in [(SURVEY, &survey[..]), (CLINIC, &clinic[..])] {
        for (from, to) in cases {
            assert!(fixture.contains(from), "{from}");
            let error = serde_json::from_str::<Assistant>(&fixture.replacen(from, to, 1)).expect_err(to);
            assert!(error.to_string().contains("colour"), "{error}");
        }
    }
}

#[test]
fn scripts_do_not_print() {
    let survey: Assistant = serde_json::from_str(SURVEY).expect("the fixture is valid");
    assert!(!format!("{survey:?}").contains("appointment"));
    let clinic: Assistant = serde_json::from_str(CLINIC).expect("the fixture is valid");
    let printed = format!("{clinic:?}");
    for secret in ["Offer to move", "Bearer", "+442079460000", "asks about a bill", "call us back", "your appointment"]
    {
        assert!(CLINIC.contains(secret) && !printed.contains(secret), "{secret}");
    }
}

#[test]
fn each_mode_names_what_it_needs() {
    let found = faults(|clinic| clinic["mode"] = json!("flow"));
    assert_eq!(found, ["/flow: `flow` is needed in mode `flow`"]);
    let found = faults(|clinic| {
        clinic["prompt"] = Value::Null;
        clinic["providers"] = json!({ "tts": ["deepgram"] });
    });
    assert_eq!(
        found,
        [
            "/prompt: `prompt` is needed in mode `llm`",
            "/providers/llm: `providers.llm` is needed in mode `llm`",
            "/providers/stt: `providers.stt` is needed in mode `llm`",
        ]
    );
    let found = faults(|clinic| clinic["mode"] = json!("speech_to_speech"));
    assert_eq!(found, ["/providers/s2s: `providers.s2s` is needed in mode `speech_to_speech`"]);
}

#[test]
fn all_faults_of_the_head_come_at_once_with_their_places() {
    let found = faults(|clinic| {
        clinic["language"] = json!("tlh");
        clinic["voices"] = json!({ "no such name": "ok", "cartesia": "-v" });
        clinic["greeting"] = json!("Hi {{ nickname }}");
        clinic["prompt"] = json!("x".repeat(20_001));
        clinic["variables"]["args"] = json!({});
        clinic["model"]["temperature"] = json!(2.5);
        clinic["model"]["max_tokens"] = json!(5);
        clinic["turn"]["idle_ms"] = json!(10);
        clinic["turn"]["backchannels"] = json!([""]);
        clinic["voicemail"]["message"] = Value::Null;
        clinic["screening"]["reason"] = json!("x".repeat(201));
        clinic["disclosure"]["ai_text"] = json!("{{ nobody }}");
    });
    let pointers: Vec<_> = found.iter().map(|fault| fault.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(
        pointers,
        [
            "/language",
            "/voices/cartesia",
            "/voices/no such name",
            "/greeting",
            "/prompt",
            "/variables/args",
            "/model/temperature",
            "/model/max_tokens",
            "/turn/idle_ms",
            "/turn/backchannels/0",
            "/voicemail/message",
            "/screening/reason",
            "/disclosure/ai_text",
        ]
    );
}

#[test]
fn all_faults_of_the_tools_come_at_once_with_their_places() {
    let found = faults(|clinic| {
        let tools = &mut clinic["tools"];
        tools[0]["name"] = json!("transfer");
        tools[2]["name"] = json!("opt_out");
        tools[2]["description"] = json!("");
        tools[2]["parameters"] = json!({ "type": "string" });
        tools[2]["url"] = json!("https://{{ args.host }}/slots");
        tools[2]["headers"]["Host"] = json!("x");
        tools[2]["body"] = json!({ "who": ["{{ stranger }}"] });
        tools[2]["timeout_ms"] = json!(1);
        tools[3]["name"] = json!("Crm");
        tools[3]["url"] = json!("ftp://crm.example");
        clinic["transfers"][0]["to"] = json!("0800 1234");
        clinic["transfers"][0]["kind"] = json!("cold");
        let twice = clinic["knowledge"][0].clone();
        clinic["knowledge"] = json!([twice, twice]);
        clinic["providers"]["llm"] = json!(["gpt", "gpt"]);
    });
    assert_eq!(
        found,
        [
            "/tools/1/name: `transfer` is used twice",
            "/tools/2/name: `opt_out` is used twice",
            "/tools/2/description: must have 1 to 1000 characters",
            "/tools/2/parameters: must be a JSON Schema whose `type` is `object`",
            "/tools/2/url: must be a web address with `https://` or `http://` and the host written out",
            "/tools/2/headers/Host: `Host` cannot be set as a header",
            "/tools/2/body/who/0: variable `stranger` is not declared in `variables`",
            "/tools/2/timeout_ms: must be between 100 and 60000",
            "/tools/3/name: must be 1 to 64 lower-case letters, digits and underscores, beginning with a letter",
            "/tools/3/url: must be a web address with `https://` or `http://` and the host written out",
            "/transfers/0/to: must be a phone number such as +4930123456 or a SIP address",
            "/transfers/0/briefing: a briefing is heard only with kind `warm`",
            "/knowledge/1: `0190f3c4-7b1a-7000-8000-000000000001` is used twice",
            "/providers/llm/1: `gpt` is used twice",
        ]
    );
}

#[test]
fn an_offline_voice_speaks_the_language() {
    let mut survey: Value = serde_json::from_str(SURVEY).expect("the fixture is JSON");
    survey["language"] = json!("de-AT");
    let german: Assistant = serde_json::from_value(survey.clone()).expect("it has the shape");
    let found: Vec<_> = german.faults(None).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["/voice: the offline voice `en-us` does not speak this language"]);
    survey["voice"] = json!("de");
    let german: Assistant = serde_json::from_value(survey).expect("it has the shape");
    assert_eq!(german.faults(None), []);
}

#[test]
fn settings_stand_in_for_the_usual_patience() {
    let clinic: Assistant = serde_json::from_str(CLINIC).expect("the fixture is valid");
    let (timing, turns) = (clinic.turn.timing(), clinic.turn.turns("en-GB"));
    assert_eq!(turns.end_of_turn_ms, 400);
    assert_eq!(turns.back_channels, ["right-o"]);
    assert_eq!(turns.faults(), []);
    assert_eq!(timing.idle, crate::agent::turn::Timing::default().idle);
}

#[test]
fn patience_differs_by_language_and_the_closest_entry_comes_first() {
    let turn: TurnSettings = serde_json::from_value(json!({
        "end_of_turn_ms": 350,
        "backchannels": ["right-o"],
        "languages": {
            "de": { "dictation_pause_ms": 2_200, "end_of_turn_ms": 450, "backchannels": ["jo mei"] },
            "de-AT": { "end_of_turn_ms": 500 },
            "fr": { "longest_pause_ms": 4_000 },
        },
    }))
    .expect("it has the shape");
    let in_language = |tag: &str| {
        let turns = turn.turns(tag);
        (turns.end_of_turn_ms, turns.longest_pause_ms, turns.dictation_pause_ms, turns.back_channels.len())
    };
    assert_eq!(in_language("en"), (350, 2_500, 1_500, 1));
    assert_eq!(in_language("de-CH"), (450, 2_500, 2_200, 2));
    assert_eq!(in_language("de-AT"), (500, 2_500, 2_200, 2));
    assert_eq!(in_language("fr-FR"), (350, 4_000, 1_800, 1));
    // What is set for all languages comes before what is usual in one.
    let slow = TurnSettings { dictation_pause_ms: Some(3_000), ..TurnSettings::default() };
    assert_eq!(slow.turns("fr").dictation_pause_ms, 3_000);
}

#[test]
fn patience_of_a_language_is_checked_like_the_other() {
    let found = faults(|clinic| {
        clinic["turn"]["languages"] = json!({
            "de": { "dictation_pause_ms": 20 },
            "x": { "backchannels": [" "] },
        });
    });
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("/turn/languages/de/dictation_pause_ms"), "{found:?}");
    assert!(found[1].starts_with("/turn/languages/x:"), "{found:?}");
    assert!(found[2].starts_with("/turn/languages/x/backchannels/0"), "{found:?}");
}

#[test]
fn a_provider_may_have_a_voice_of_its_own() {
    let clinic: Assistant = serde_json::from_str(CLINIC).expect("the fixture is valid");
    assert_eq!(clinic.voice_for("deepgram"), "aura-2-thalia-en");
    assert_eq!(clinic.voice_for("cartesia"), "e07c00bc-4134-4eae-9ea4-1a55fb45746b");
}

#[test]
fn the_examples_of_the_documentation_are_sound() {
    let docs = include_str!("../../../docs/assistants.md");
    let examples: Vec<&str> = docs.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        let assistant: Assistant = serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        assert_eq!(assistant.faults(None), [], "{example}");
    }
}
