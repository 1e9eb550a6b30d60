//! An answer as the steps in which it goes out.

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::vendors::chat::{Answer, Call};
use crate::vendors::hearing;

/// Audio goes out at this multiple of real time.
pub(super) const PACE: f32 = 8.0;
/// Milliseconds of audio in one message.
const CHUNK: u64 = 100;
/// Milliseconds of a word: tone, and the silence after it.
const WORD: [u64; 2] = [160, 80];

/// What happens when its time has come.
pub(super) enum Step {
    /// A message.
    Tell(Value),
    /// This item is spoken from now on.
    Begin(String),
    /// More audio.
    Audio { item: String, response: String, samples: Vec<i16> },
    /// For the conversation, as a message of chat completions.
    Said(Value),
    /// The last message.
    End(Value),
}

/// How an answer is given.
pub(super) struct Plan<'a> {
    pub(super) response: String,
    /// Number of the connection; names of items are never used again.
    pub(super) connection: u64,
    pub(super) first: Instant,
    pub(super) pace: f64,
    pub(super) rate: u32,
    pub(super) vocabulary: &'a [String],
}

impl Plan<'_> {
    /// The steps of an answer, each with its time. `count` numbers the items.
    pub(super) fn steps(&self, answer: &Answer, count: &mut u32) -> VecDeque<(Instant, Step)> {
        let mut steps = VecDeque::new();
        let response = &self.response;
        let mut at = Instant::now();
        let created = json!({"type": "response.created", "response": {"id": response, "status": "in_progress"}});
        steps.push_back((at, Step::Tell(created)));
        at = self.first;
        let mut output = Vec::new();
        if !answer.say.is_empty() {
            *count += 1;
            let item = format!("item_{}_{count}", self.connection);
            at = self.speech(&item, &answer.say, &mut steps);
            output.push(json!({"id": item, "type": "message", "role": "assistant", "status": "completed"}));
        }
        for (number, call) in answer.calls.iter().enumerate() {
            *count += 1;
            let item = call_item(&format!("item_{}_{count}", self.connection), number, *count, call);
            let place = json!({"response_id": response, "output_index": output.len()});
            steps
                .push_back((at, Step::Tell(with(&place, json!({"type": "response.output_item.added", "item": item})))));
            let arguments = json!({"type": "response.function_call_arguments.done", "item_id": item["id"],
                                   "call_id": item["call_id"], "name": call.name, "arguments": item["arguments"]});
            steps.push_back((at, Step::Tell(with(&place, arguments))));
            steps.push_back((at, Step::Tell(with(&place, json!({"type": "response.output_item.done", "item": item})))));
            output.push(item);
        }
        let calls: Vec<Value> = output.iter().filter(|item| item["type"] == "function_call").map(as_call).collect();
        let mut said = json!({"role": "assistant", "content": answer.say});
        if !calls.is_empty() {
            said["tool_calls"] = json!(calls);
        }
        steps.push_back((at, Step::Said(said)));
        let usage = json!({"input_tokens": 100, "output_tokens": 50, "total_tokens": 150,
                           "input_token_details": {"cached_tokens": 64}});
        let done =
            json!({"id": response, "status": "completed", "status_details": null, "output": output, "usage": usage});
        steps.push_back((at, Step::End(json!({"type": "response.done", "response": done}))));
        steps
    }

    /// The steps of a spoken item; gives the time of the last one.
    fn speech(&self, item: &str, words: &str, steps: &mut VecDeque<(Instant, Step)>) -> Instant {
        let place = json!({"response_id": self.response, "item_id": item, "output_index": 0, "content_index": 0});
        let message =
            json!({"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []});
        let added = json!({"type": "response.output_item.added", "response_id": self.response, "output_index": 0, "item": message});
        steps.push_back((self.first, Step::Tell(added)));
        steps.push_back((self.first, Step::Begin(item.to_owned())));
        let samples = voice(self.vocabulary, words, self.rate);
        let chunk = (u64::from(self.rate) * CHUNK / 1000) as usize;
        let mut words = words.split_inclusive(' ');
        let mut at = self.first;
        for (number, chunk) in samples.chunks(chunk).enumerate() {
            at = self.first + Duration::from_millis(CHUNK * number as u64).div_f64(self.pace);
            // Text runs ahead of its audio.
            for word in words.by_ref().take(1) {
                let delta = json!({"type": "response.output_audio_transcript.delta", "delta": word});
                steps.push_back((at, Step::Tell(with(&place, delta))));
            }
            let audio = Step::Audio { item: item.to_owned(), response: self.response.clone(), samples: chunk.to_vec() };
            steps.push_back((at, audio));
        }
        for done in ["response.output_audio.done", "response.output_audio_transcript.done"] {
            steps.push_back((at, Step::Tell(with(&place, json!({"type": done})))));
        }
        let message = json!({"id": item, "type": "message", "role": "assistant", "status": "completed"});
        let done = json!({"type": "response.output_item.done", "response_id": self.response, "output_index": 0, "item": message});
        steps.push_back((at, Step::Tell(done)));
        at
    }
}

fn call_item(item: &str, number: usize, count: u32, call: &Call) -> Value {
    let id = call.id.clone().unwrap_or_else(|| format!("call_{count}_{number}"));
    let arguments = call.arguments.as_str().map_or_else(|| call.arguments.to_string(), str::to_owned);
    json!({"id": item, "type": "function_call", "call_id": id, "name": call.name, "arguments": arguments,
           "status": "completed"})
}

fn as_call(item: &Value) -> Value {
    json!({"id": item["call_id"], "type": "function", "function": {"name": item["name"], "arguments": item["arguments"]}})
}

fn with(place: &Value, mut message: Value) -> Value {
    if let (Some(fields), Some(more)) = (message.as_object_mut(), place.as_object()) {
        fields.extend(more.clone());
    }
    message
}

/// Words as sound: those of the vocabulary by their tones, so that a recogniser understands them; others as a low one.
fn voice(vocabulary: &[String], words: &str, rate: u32) -> Vec<i16> {
    let mut samples = Vec::new();
    for word in words.split_whitespace() {
        if rate == 8_000 && vocabulary.iter().any(|known| known == word) {
            samples.extend(hearing::tones(vocabulary, word));
            continue;
        }
        let [tone, silence] = WORD.map(|ms| (u64::from(rate) * ms / 1000) as u32);
        let step = TAU * 220.0 / f64::from(rate);
        samples.extend((0..tone).map(|n| ((step * f64::from(n)).sin() * 8_000.0) as i16));
        samples.resize(samples.len() + silence as usize, 0);
    }
    samples
}
