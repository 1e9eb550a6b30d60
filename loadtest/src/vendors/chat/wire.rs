//! An answer as chunks of a stream, or as a whole.

use serde_json::{Value, json};

use super::script::{Answer, Call, Fragments};

/// Characters of arguments in one fragment.
const PIECE: usize = 7;

/// The chunks of a streamed answer, in order.
pub(super) fn chunks(answer: &Answer, usage: bool) -> Vec<Value> {
    let mut deltas = vec![json!({"role": "assistant", "content": ""})];
    deltas.extend(tokens(&answer.say).map(|token| json!({"content": token})));
    deltas.extend(fragments(answer).into_iter().map(|calls| json!({"tool_calls": calls})));
    let mut chunks: Vec<Value> = deltas.into_iter().map(|delta| chunk(json!([choice(delta, None)]))).collect();
    if let Some(reason) = finish(answer) {
        chunks.push(chunk(json!([choice(json!({}), Some(reason))])));
    }
    if usage {
        let mut last = chunk(json!([]));
        last["usage"] = figures(answer);
        chunks.push(last);
    }
    chunks
}

/// The answer of a server that does not stream.
pub(super) fn whole(answer: &Answer) -> Value {
    let calls: Vec<Value> = (0..).zip(&answer.calls).map(|(at, call)| entry(at, call, &text(call))).collect();
    let mut message = json!({"role": "assistant", "content": answer.say});
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({"id": "chatcmpl-simulated", "object": "chat.completion", "created": 1, "model": "simulated",
           "choices": [{"index": 0, "message": message, "finish_reason": finish(answer), "logprobs": null}],
           "usage": figures(answer)})
}

fn chunk(choices: Value) -> Value {
    json!({"id": "chatcmpl-simulated", "object": "chat.completion.chunk", "created": 1, "model": "simulated",
           "system_fingerprint": null, "choices": choices, "usage": null})
}

fn choice(delta: Value, reason: Option<&str>) -> Value {
    json!({"index": 0, "delta": delta, "finish_reason": reason, "logprobs": null})
}

fn finish(answer: &Answer) -> Option<&str> {
    let usual = if answer.calls.is_empty() { "stop" } else { "tool_calls" };
    Some(answer.finish.as_deref().unwrap_or(usual)).filter(|reason| !reason.is_empty())
}

fn figures(answer: &Answer) -> Value {
    let completion = tokens(&answer.say).count() + 5 * answer.calls.len();
    json!({"prompt_tokens": 100, "completion_tokens": completion, "total_tokens": 100 + completion,
           "prompt_tokens_details": {"cached_tokens": 64}})
}

/// Words with the space before them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().skip(1).find(|(_, letter)| *letter == ' ').map_or(rest.len(), |(at, _)| at);
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token).filter(|token| !token.is_empty())
    })
}

/// The `tool_calls` of each chunk.
fn fragments(answer: &Answer) -> Vec<Value> {
    let calls = || (0..).zip(&answer.calls);
    match answer.fragments {
        Fragments::Whole if answer.calls.is_empty() => vec![],
        Fragments::Whole => vec![calls().map(|(at, call)| indexed(at, entry(at, call, &text(call)))).collect()],
        Fragments::IndexZero => calls().map(|(at, call)| json!([indexed(0, entry(at, call, &text(call)))])).collect(),
        Fragments::Bare => {
            let bare = |call: &Call| json!([{"function": {"name": call.name, "arguments": call.arguments}}]);
            answer.calls.iter().map(bare).collect()
        }
        Fragments::Openai | Fragments::NoType | Fragments::Repeated => {
            calls().flat_map(|(at, call)| pieces(answer.fragments, at, call)).collect()
        }
    }
}

/// One call in pieces: what names it, then its arguments.
fn pieces(style: Fragments, at: usize, call: &Call) -> Vec<Value> {
    let mut first = indexed(at, entry(at, call, ""));
    if style == Fragments::NoType
        && let Some(fields) = first.as_object_mut()
    {
        fields.remove("type");
    }
    let text: Vec<char> = text(call).chars().collect();
    let mut pieces = vec![json!([first])];
    pieces.extend(text.chunks(PIECE).map(|piece| {
        let piece: String = piece.iter().collect();
        if style == Fragments::Repeated {
            json!([indexed(at, entry(at, call, &piece))])
        } else {
            json!([{"index": at, "function": {"arguments": piece}}])
        }
    }));
    pieces
}

fn entry(at: usize, call: &Call, arguments: &str) -> Value {
    let id = call.id.clone().unwrap_or_else(|| format!("call_{}_{at}", call.name));
    json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

fn indexed(at: usize, mut entry: Value) -> Value {
    entry["index"] = json!(at);
    entry
}

fn text(call: &Call) -> String {
    call.arguments.as_str().map_or_else(|| call.arguments.to_string(), str::to_owned)
}
