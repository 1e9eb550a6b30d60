use serde_json::json;

use super::*;
use crate::agent::assistant::Assistant;

fn script(flow: Value, given: &[(&str, &str)]) -> Script {
    let assistant: Assistant = serde_json::from_value(json!({
        "name": "Clinic",
        "variables": { "name": { "default": "there" } },
        "greeting": "Hello {{ name }}.",
        "closing": "Bye, {{ name }}.",
        "tools": [{ "kind": "http", "name": "slots", "description": "Free times.", "url": "https://clinic.example" }],
        "transfers": [{ "name": "desk", "to": "+4930123456" }],
        "flow": flow
    }))
    .expect("it has the shape");
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), Pii::new((*value).to_owned()))).collect();
    Script::compile(&assistant, &given).expect("the flow is sound")
}

fn booking() -> Value {
    json!({ "start": "look", "nodes": [
        { "id": "look", "tool": {
            "name": "slots", "arguments": { "who": "{{ name }}", "on": "{{ today }}" }, "into": "slots",
            "text": "One moment, {{ name }}.", "next": "any", "on_error": "desk" } },
        { "id": "any", "branch": { "on": "slots.count", "cases": [{ "at_least": 1, "next": "offer" }], "otherwise": "desk" } },
        { "id": "offer", "ask": {
            "text": "Is {{ slots.times[0] }} all right?", "answer": { "kind": "yes_no" }, "next": "bye" } },
        { "id": "desk", "transfer": { "target": "desk", "on_declined": "bye" } },
        { "id": "bye", "end": { "text": "{{ offer }}" } }
    ] })
}

fn say(script: &Script, text: &Text) -> Option<String> {
    let mut texts = Texts::default();
    let late = script.prompt(text, &mut texts)?;
    match text {
        Text::Ready(prompt) => Some(script.texts.get(*prompt).expose().clone()),
        Text::Late(_) => Some(texts.get(late).expose().clone()),
    }
}

fn tool(script: &Script) -> Arc<ToolUse> {
    let Node::Tool(tool) = script.node(0) else { panic!("a tool comes first") };
    Arc::clone(tool)
}

fn fork(script: &Script) -> Arc<Fork> {
    let Node::Branch(fork) = script.node(1) else { panic!("a branch comes second") };
    Arc::clone(fork)
}

#[test]
fn a_greeting_comes_before_the_start_and_a_closing_in_place_of_the_usual_goodbye() {
    let script = script(booking(), &[("name", "Ada")]);
    let Node::Say { text, next: 0 } = script.node(script.start) else { panic!("the greeting comes first") };
    assert_eq!(say(&script, text).as_deref(), Some("Hello Ada."));
    assert_eq!(script.texts.get(script.goodbye).expose(), "Bye, Ada.");
    let order: Vec<_> = script.texts_in_order().iter().map(|text| script.texts.get(*text).expose().clone()).collect();
    assert_eq!(order[..2], ["Hello Ada.", "One moment, Ada."]);
    assert_eq!(order[order.len() - 2..], ["Bye, Ada.", "I am sorry, our time is up. Goodbye."]);
}

#[test]
fn what_a_tool_gives_back_fills_texts_and_decides_branches() {
    let mut script = script(booking(), &[("today", "2026-08-05")]);
    let tool = tool(&script);
    let arguments = script.arguments(&tool).expect("they can be made");
    assert_eq!(arguments.expose(), r#"{"on":"2026-08-05","who":"there"}"#);
    let fork = fork(&script);
    assert_eq!(script.way(&fork), 3, "nothing is known yet");
    assert!(script.learn(&tool, r#"{"count":2,"times":["ten","noon"]}"#));
    assert_eq!(script.way(&fork), 2);
    let Node::Ask(question) = script.node(2) else { panic!("a question") };
    assert_eq!(say(&script, &question.text).as_deref(), Some("Is ten all right?"));
    assert_eq!(value(&script.values, &script.results, "slots.times.1").as_deref(), Some("noon"));
    assert_eq!(value(&script.values, &script.results, "slots.times.7"), None);
    assert!(!script.learn(&tool, r#"{"error":"closed"}"#));
    assert_eq!(script.way(&fork), 3, "a failed tool leaves nothing behind");
    assert!(script.learn(&tool, "plain words"));
    assert_eq!(value(&script.values, &script.results, "slots").as_deref(), Some("plain words"));
}

#[test]
fn a_text_of_which_nothing_is_left_is_not_said() {
    let mut script = script(booking(), &[]);
    let Node::End { text: Some(text), .. } = script.node(4).clone() else { panic!("an end with a text") };
    assert_eq!(say(&script, &text), None);
    script.values.insert("offer".to_owned(), "yes".to_owned());
    assert_eq!(say(&script, &text).as_deref(), Some("yes"));
}

#[test]
fn a_question_whose_words_are_gone_is_put_with_its_hint() {
    let script = script(
        json!({ "start": "a", "nodes": [
            { "id": "a", "ask": { "text": "{{ b }}", "answer": { "kind": "yes_no" }, "next": "b" } },
            { "id": "b", "ask": { "text": "Well?", "answer": { "kind": "yes_no" }, "next": "c" } },
            { "id": "c", "end": {} }
        ] }),
        &[],
    );
    let Node::Ask(question) = script.node(0) else { panic!("a question") };
    let mut texts = Texts::default();
    let (words, hint) = script.words_now(question, &mut texts);
    assert_eq!(words, hint);
}

#[test]
fn offline_long_answers_are_asked_back_only_when_they_were_spoken() {
    let ask = |kind: Value| {
        let script = script(
            json!({ "start": "a", "nodes": [
                { "id": "a", "ask": { "text": "Well?", "answer": kind, "next": "c" } }, { "id": "c", "end": {} }
            ] }),
            &[("today", "2026-08-05")],
        );
        let Node::Ask(question) = script.node(0) else { panic!("a question") };
        (question.form, question.confirm.as_ref().map(|confirm| confirm.spoken_only), question.kind.clone())
    };
    let eight = Kind::Number { min: 8, max: 8 };
    assert_eq!(ask(json!({ "kind": "date" })), (Form::Date, Some(true), eight));
    let number = json!({ "kind": "number", "min_digits": 1, "max_digits": 4 });
    assert_eq!(ask(number), (Form::Number, Some(true), Kind::Number { min: 1, max: 4 }));
    assert_eq!(ask(json!({ "kind": "phone" })).0, Form::Phone);
    let (form, confirm, kind) = ask(json!({ "kind": "yes_no" }));
    assert_eq!((form, confirm), (Form::Choice, None));
    assert!(matches!(kind, Kind::Choice { keys } if keys.len() == 2));
}

#[test]
fn answers_have_values_and_are_read_back_by_their_form() {
    let cases = [
        (Form::Number, "407", "4 0 7"),
        (Form::Date, "2026-08-11", "Tuesday, August 11, 2026"),
        (Form::Phone, "+4930123", "plus 4 9 3, 0 1 2, 3"),
        (Form::Email, "an@web.de", "A, N, at, web dot de"),
        (Form::Choice, "morning", "morning"),
    ];
    for (form, answer, spoken) in cases {
        assert_eq!(form.read_back(Language::English, answer), spoken);
        assert_eq!(form.value(answer.to_owned()).text(), Some(answer));
    }
}
