use serde_json::{Value, json};

use super::check::read;
use super::script::{Answer, Fragments, Script};
use super::wire::chunks;

fn refusal(body: Value) -> Option<String> {
    read(&Script { models: vec!["m".to_owned()], ..Script::default() }, body.to_string().as_bytes()).err().map(
        |refusal| {
            format!("{} {}", refusal.status, refusal.param.or(refusal.code.map(str::to_owned)).unwrap_or_default())
        },
    )
}

fn body(more: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().cloned().expect("an object"));
    body
}

#[test]
fn requests_are_refused_as_openai_refuses_them() {
    let tool = json!({"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}});
    assert_eq!(refusal(body(json!({"tools": [tool], "tool_choice": "auto", "max_completion_tokens": 9}))), None);
    let refused = |more: Value, want: &str| assert_eq!(refusal(body(more.clone())).as_deref(), Some(want), "{more}");
    refused(json!({"model": "other"}), "404 model_not_found");
    refused(json!({"messages": []}), "400 messages");
    refused(json!({"messages": [{"role": "caller", "content": "Hi"}]}), "400 messages[0].role");
    refused(json!({"maxtokens": 3}), "400 maxtokens");
    refused(json!({"max_tokens": 0}), "400 max_tokens");
    refused(json!({"max_tokens": 3, "max_completion_tokens": 3}), "400 max_tokens");
    refused(json!({"temperature": 3}), "400 temperature");
    refused(json!({"stream_options": {"include_usage": true}}), "400 stream_options");
    refused(json!({"tool_choice": "auto"}), "400 tool_choice");
    refused(json!({"tools": [{"type": "function", "function": {"name": "look up"}}]}), "400 tools[0]");
    let format = |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}}});
    refused(
        format(json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]})),
        "400 response_format",
    );
    let strict = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    assert_eq!(refusal(body(format(strict))), None);
}

#[test]
fn every_call_is_followed_by_its_result() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let asked = json!({"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "{}"});
    let user = json!({"role": "user", "content": "Hi"});
    let check = |messages: &[&Value]| refusal(body(json!({"messages": messages})));
    assert_eq!(check(&[&user, &asked, &result("b"), &result("a"), &user]), None);
    assert_eq!(check(&[&user, &asked, &result("a"), &user]).as_deref(), Some("400 messages[3].role"));
    assert_eq!(check(&[&user, &asked]).as_deref(), Some("400 messages[2].role"));
    assert_eq!(check(&[&user, &result("a")]).as_deref(), Some("400 messages[1].role"));
    assert_eq!(check(&[&user, &asked, &result("a"), &result("a")]).as_deref(), Some("400 messages[3].role"));
}

#[test]
fn answers_follow_the_context() {
    let script = Script {
        answers: vec![
            Answer::say("First."),
            Answer { when: Some("ORDER".to_owned()), ..Answer::call("look_up", json!({"id": 7}), "It is there.") },
            Answer::say("Second."),
        ],
        ..Script::default()
    };
    let user = |text: &str| json!({"role": "user", "content": text});
    let reply = json!({"role": "assistant", "content": "x"});
    let asked = json!({"role": "assistant", "tool_calls": [{"id": "a"}]});
    let said = |messages: &[Value]| script.answer(messages, None).say;
    assert_eq!(said(&[user("Hello")]), "First.");
    assert_eq!(said(&[user("Hello"), reply.clone(), user("Well")]), "Second.");
    assert_eq!(said(&[user("Hello"), reply.clone(), user("Well"), reply, user("So")]), "Second.");
    assert_eq!(script.answer(&[user("My order?")], None).calls[0].name, "look_up");
    assert_eq!(said(&[user("My order?"), asked, json!({"role": "tool"})]), "It is there.");
    let schema =
        json!({"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}, "age": {"type": "integer"}}});
    assert_eq!(Script::default().answer(&[], Some(&schema)).say, r#"{"age":0,"mood":"good"}"#);
}

#[test]
fn every_style_of_fragments_holds_the_whole_call() {
    let arguments = json!({"street": "Große Straße 7", "floor": 3});
    for style in [Fragments::Openai, Fragments::Whole, Fragments::NoType, Fragments::Repeated, Fragments::IndexZero] {
        let answer = Answer { fragments: style, ..Answer::call("book", arguments.clone(), "") };
        let text: String = chunks(&answer, false)
            .iter()
            .filter_map(|chunk| {
                chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(arguments.clone()), "{style:?}");
    }
    let words: String = chunks(&Answer::say("Two words."), true)
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(words, "Two words.");
}
