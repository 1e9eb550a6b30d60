use serde_json::json;

use super::*;

/// What a stream of chunks comes to: its text and its end.
fn put_together(chunks: &[Value], done: bool) -> (String, Result<Ended, Fault>) {
    let (mut answer, mut text) = (Answer::new(0xABCD), String::new());
    for chunk in chunks {
        match answer.chunk(chunk.to_string().as_bytes()) {
            Ok(piece) => text.extend(piece.map(Pii::into_inner)),
            Err(fault) => return (text, Err(fault)),
        }
    }
    (text, answer.end(done))
}

fn delta(delta: Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn fragments(of: Value) -> Value {
    delta(json!({"tool_calls": of}))
}

/// The calls as (id, name, arguments).
fn calls(chunks: &[Value]) -> Vec<(String, String, String)> {
    let (_, ended) = put_together(chunks, true);
    let ended = ended.expect("complete");
    assert_eq!(ended.reason, FinishReason::ToolCalls);
    ended.calls.into_iter().map(|call| (call.id, call.name, call.arguments.into_inner())).collect()
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), arguments.to_owned())
}

#[test]
fn text_its_reason_and_its_price() {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930,
                                                "prompt_tokens_details": {"cached_tokens": 768}}});
    let chunks = [
        delta(json!({"role": "assistant", "content": "Hel"})),
        delta(json!({"content": "lo."})),
        finish("stop"),
        usage,
    ];
    let (text, ended) = put_together(&chunks, true);
    assert_eq!(text, "Hello.");
    let usage = Some(Usage { prompt: 900, cached: 768, completion: 30 });
    assert_eq!(ended, Ok(Ended { calls: vec![], reason: FinishReason::Stop, usage }));
}

#[test]
fn calls_in_fragments_by_index() {
    let chunks = [
        fragments(
            json!([{"index": 0, "id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": ""}}]),
        ),
        fragments(json!([{"index": 0, "function": {"arguments": "{\"id\""}}])),
        fragments(
            json!([{"index": 1, "id": "call_2", "type": "function", "function": {"name": "book", "arguments": "{"}}]),
        ),
        fragments(
            json!([{"index": 0, "function": {"arguments": ":7}"}}, {"index": 1, "function": {"arguments": "}"}}]),
        ),
        finish("tool_calls"),
    ];
    assert_eq!(calls(&chunks), [call("call_1", "lookup", "{\"id\":7}"), call("call_2", "book", "{}")]);
}

#[test]
fn calls_whole_without_type_and_with_stop_as_the_reason() {
    let whole = fragments(json!([{"index": 0, "id": "a", "function": {"name": "lookup", "arguments": "{\"id\":7}"}}]));
    assert_eq!(calls(&[whole, finish("stop")]), [call("a", "lookup", "{\"id\":7}")]);
}

#[test]
fn calls_with_the_name_or_the_id_repeated() {
    let fragment = |arguments: &str| {
        fragments(
            json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "lookup", "arguments": arguments}}]),
        )
    };
    let chunks = [fragment(""), fragment("{\"id\""), fragment(":7}"), finish("tool_calls")];
    assert_eq!(calls(&chunks), [call("a", "lookup", "{\"id\":7}")]);
}

#[test]
fn calls_that_all_have_the_index_zero() {
    let one = fragments(json!([{"index": 0, "id": "a", "function": {"name": "lookup", "arguments": "{\"id\":1}"}}]));
    let two = fragments(json!([{"index": 0, "id": "b", "function": {"name": "lookup", "arguments": "{\"id\":2}"}}]));
    let want = [call("a", "lookup", "{\"id\":1}"), call("b", "lookup", "{\"id\":2}")];
    assert_eq!(calls(&[one, two, finish("tool_calls")]), want);
}

#[test]
fn calls_without_index_or_id() {
    let chunks = [
        fragments(json!([{"function": {"name": "lookup", "arguments": "{\"id\""}}])),
        fragments(json!([{"function": {"name": "lookup", "arguments": ":1}"}}])),
        fragments(json!([{"function": {"name": "lookup", "arguments": {"id": 2}}}])),
        finish("tool_calls"),
    ];
    let made = ["call_000000000000abcd_0", "call_000000000000abcd_1"];
    assert_eq!(calls(&chunks), [call(made[0], "lookup", "{\"id\":1}"), call(made[1], "lookup", "{\"id\":2}")]);
    let same =
        |id: &str| fragments(json!([{"index": 0, "id": id, "function": {"name": "end_call", "arguments": null}}]));
    assert_eq!(calls(&[same(""), finish("tool_calls")]), [call(made[0], "end_call", "{}")]);
}

#[test]
fn the_older_form_of_a_call() {
    let chunks = [
        delta(json!({"function_call": {"name": "lookup", "arguments": ""}})),
        delta(json!({"function_call": {"arguments": "{\"id\":7}"}})),
        finish("function_call"),
    ];
    assert_eq!(calls(&chunks), [call("call_000000000000abcd_0", "lookup", "{\"id\":7}")]);
}

#[test]
fn a_server_that_does_not_stream() {
    let message = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]},
                                      "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}});
    let (text, ended) = put_together(&[message], false);
    assert_eq!((text.as_str(), ended.map(|ended| ended.reason)), ("Hi.", Ok(FinishReason::Stop)));
}

#[test]
fn an_end_needs_a_reason_or_done() {
    let hello = delta(json!({"content": "Hello"}));
    let reason = |chunks: &[Value], done| put_together(chunks, done).1.map(|ended| ended.reason);
    assert_eq!(reason(&[hello.clone(), finish("stop")], false), Ok(FinishReason::Stop), "[DONE] is often missing");
    assert_eq!(reason(std::slice::from_ref(&hello), true), Ok(FinishReason::Stop));
    assert_eq!(reason(std::slice::from_ref(&hello), false), Err(Fault::BrokenOff));
    assert_eq!(reason(&[], true), Err(Fault::BrokenOff), "nothing at all is no answer");
    assert_eq!(reason(&[hello.clone(), finish("length")], true), Ok(FinishReason::Length));
    assert_eq!(reason(&[hello, finish("content_filter")], true), Ok(FinishReason::Filtered));
}

#[test]
fn a_call_that_was_cut_off_is_not_made() {
    let cut = fragments(json!([{"index": 0, "id": "a", "function": {"name": "pay", "arguments": "{\"amount\": 10"}}]));
    let (_, ended) = put_together(&[cut, finish("length")], true);
    assert_eq!(ended, Ok(Ended { calls: vec![], reason: FinishReason::Length, usage: None }));
}

#[test]
fn an_error_inside_the_stream_has_its_kind() {
    let kind = |error: Value| match put_together(&[delta(json!({"content": "Hel"})), json!({"error": error})], true) {
        (_, Err(fault)) => fault.error(&Vendor::named("v")).kind,
        other => panic!("an error, not {other:?}"),
    };
    assert_eq!(kind(json!({"message": "slow down", "code": "rate_limit_exceeded"})), ErrorKind::Busy);
    assert_eq!(kind(json!({"message": "no", "code": 401})), ErrorKind::Unauthorised);
    assert_eq!(kind(json!({"message": "too long", "code": "context_length_exceeded"})), ErrorKind::Refused);
    assert_eq!(kind(json!("boom")), ErrorKind::Broken);
}

#[test]
fn what_is_no_chunk_or_too_large_is_refused() {
    let mut answer = Answer::new(1);
    assert_eq!(answer.chunk(b"{\"choices\":[{\"delta\":").map(|_| ()), Err(Fault::Garbage));
    assert_eq!(answer.chunk(b"[1,2]").map(|_| ()), Err(Fault::Garbage));
    let huge = delta(json!({"content": "x".repeat(TEXT + 1)}));
    assert_eq!(put_together(&[huge], true).1, Err(Fault::TooLarge));
    let many: Vec<Value> = (0..=CALLS).map(|index| json!({"index": index, "id": format!("c{index}")})).collect();
    assert_eq!(put_together(&[fragments(json!(many))], true).1, Err(Fault::TooLarge));
}
