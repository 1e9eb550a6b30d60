//! The trace of a call, made of its trail when the call is over. Pure.
//!
//! ```text
//! call ─┬─ greeting                 answer → first packet of ours
//!       ├─ turn ─┬─ end_of_turn     caller stopped → turn declared over          (stage eou)
//!       │        ├─ transcribe      caller stopped → words known                 (stage stt)
//!       │        ├─ retrieval       look-up asked for → passages there                (stage knowledge)
//!       │        ├─ chat            model asked → answer complete, first token as an event   (stage llm)
//!       │        ├─ execute_tool …  asked for → result
//!       │        ├─ speak           first sentence → first audio                 (stage tts)
//!       │        └─ wire            audio there → first packet of the reply      (stage wire)
//!       └─ chat, execute_tool …     what belongs to no turn
//! ```
//!
//! A turn lasts from the caller's last packet to the first packet of the reply: what the caller waits. Answers of models
//! may last longer than their turn. Names and attributes follow the semantic conventions for generative AI where they
//! have any; there are no words in them, no numbers, no names of people.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::context::{SpanOf, span_id, trace_id};
use super::trail::{Generated, Generation, LookUp, ToolRun, Trail, Turn};
use crate::agent::record::Outcome;
use crate::call::outcome::CallOutcome;
use crate::call::quality::MediaQuality;
use crate::call::tools::ToolContext;
use crate::provider::error::ErrorKind;
use crate::provider::llm::FinishReason;
use crate::provider::witness::Who;

/// What there is to tell of a call that is over.
#[derive(Debug)]
pub struct CallFacts<'a> {
    /// Who took part.
    pub context: &'a ToolContext,
    /// Whether we called.
    pub outbound: bool,
    /// How it ended.
    pub outcome: &'a CallOutcome,
    /// What was said; only its times are told.
    pub conversation: &'a Outcome,
    /// How good the audio was, if there was any.
    pub quality: Option<&'a MediaQuality>,
    /// When what happened.
    pub trail: &'a Trail,
}

/// The spans of a call, the call itself first.
#[must_use]
pub fn spans(facts: &CallFacts<'_>) -> Vec<SpanData> {
    let maker = Maker { facts, scope: scope() };
    let mut spans = vec![maker.call()];
    spans.extend(maker.greeting());
    for (number, turn) in (0_u32..).zip(&facts.trail.turns) {
        maker.turn(number, turn, &mut spans);
    }
    spans.extend(facts.trail.generations.iter().map(|generation| maker.generation(generation)));
    spans.extend(facts.trail.look_ups.iter().map(|look_up| maker.look_up(look_up)));
    spans.extend(facts.trail.tools.iter().map(|tool| maker.tool(tool)));
    spans
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("callwright").with_version(env!("CARGO_PKG_VERSION")).build()
}

struct Maker<'a> {
    facts: &'a CallFacts<'a>,
    scope: InstrumentationScope,
}

impl Maker<'_> {
    fn call(&self) -> SpanData {
        let CallFacts { context, outcome, trail, .. } = self.facts;
        let (name, kind, direction) = match self.facts.outbound {
            true => ("call outbound", SpanKind::Client, "outbound"),
            false if context.trunk.is_none() => ("call browser", SpanKind::Server, "browser"),
            false => ("call inbound", SpanKind::Server, "inbound"),
        };
        let mut attributes = vec![
            KeyValue::new("gen_ai.conversation.id", context.call.to_string()),
            KeyValue::new("gen_ai.agent.id", context.assistant.assistant.to_string()),
            KeyValue::new("gen_ai.agent.name", context.assistant.definition.name.clone()),
            KeyValue::new("gen_ai.agent.version", context.assistant.version.to_string()),
            KeyValue::new("callwright.call.direction", direction),
            KeyValue::new("callwright.org.id", context.org.to_string()),
            KeyValue::new("callwright.call.reason", outcome.reason.as_str()),
            KeyValue::new("callwright.call.ended_by", outcome.ended_by.as_str()),
            KeyValue::new("callwright.call.technical", outcome.technical),
        ];
        attributes.extend(outcome.sip_code.map(|code| KeyValue::new("callwright.sip.status_code", i64::from(code))));
        attributes.extend(outcome.q850.map(|cause| KeyValue::new("callwright.sip.q850", i64::from(cause))));
        attributes.extend(context.trunk.map(|trunk| KeyValue::new("callwright.trunk.id", trunk.to_string())));
        if let Some((attempt, _)) = context.attempt {
            attributes.push(KeyValue::new("callwright.attempt.id", attempt.to_string()));
        }
        if trail.dropped > 0 {
            attributes.push(KeyValue::new("callwright.call.spans_dropped", i64::from(trail.dropped)));
        }
        attributes.extend(self.facts.quality.into_iter().flat_map(media));
        let mut events = Vec::new();
        events.extend(outcome.answered_at.map(|at| self.event("answered", at, Vec::new())));
        for stop in &trail.stops {
            let silent = stop.silent.map(|at| seconds("callwright.speech.stop_time", at - stop.asked));
            events.push(self.event("speech_stopped", stop.asked, silent.into_iter().collect()));
        }
        let mut span = self.span(SpanOf::Call, None, name, context.started.mono, outcome.ended_at, attributes);
        span.span_kind = kind;
        span.events.events = events;
        if outcome.technical {
            span.status = Status::error(outcome.reason.as_str());
            span.attributes.push(KeyValue::new("error.type", outcome.reason.as_str()));
        }
        span
    }

    fn greeting(&self) -> Option<SpanData> {
        let answered = self.facts.outcome.answered_at?;
        let first = answered + self.facts.conversation.first_speech?;
        Some(self.span(SpanOf::Greeting, Some(SpanOf::Call), "greeting", answered, first, Vec::new()))
    }

    fn turn(&self, number: u32, turn: &Turn, spans: &mut Vec<SpanData>) {
        let timing = &turn.timing;
        let of = |stage| SpanOf::Turn { turn: number, stage };
        let mut attributes = vec![
            KeyValue::new("gen_ai.conversation.id", self.facts.context.call.to_string()),
            KeyValue::new("callwright.turn.number", i64::from(number)),
            seconds("callwright.turn.voice_to_voice", timing.replied),
        ];
        attributes.extend(timing.talk_over.map(|both| seconds("callwright.turn.talk_over", both)));
        attributes.extend(served(turn.by.s2s.as_ref()));
        spans.push(self.span(of(0), Some(SpanOf::Call), "turn", turn.since, turn.end(), attributes));

        let mut stage = |number, name, stage, from: Duration, to: Duration| {
            let mut attributes = vec![KeyValue::new("callwright.stage", stage)];
            if stage == "tts" {
                attributes.push(KeyValue::new("gen_ai.operation.name", "text_to_speech"));
                attributes.push(KeyValue::new("gen_ai.output.type", "speech"));
                attributes.extend(served(turn.by.tts.as_ref()));
            } else if stage == "stt" {
                attributes.extend(served(turn.by.stt.as_ref()));
            }
            let (from, to) = (turn.at(from), turn.at(to.max(from)));
            spans.push(self.span(of(number), Some(of(0)), name, from, to, attributes));
        };
        stage(1, "end_of_turn", "eou", Duration::ZERO, timing.decided);
        stage(2, "transcribe", "stt", Duration::ZERO, timing.understood);
        if let (Some(sentence), Some(audio)) = (timing.first_sentence, timing.first_audio) {
            // On a busy machine its arrival can be noted after it was heard.
            stage(3, "speak", "tts", sentence, audio.min(timing.replied));
        }
        // What was made before the turn was declared over waited for that.
        let made = timing.first_audio.unwrap_or_default().max(timing.understood).min(timing.replied);
        stage(4, "wire", "wire", made, timing.replied);
    }

    fn generation(&self, generation: &Generation) -> SpanData {
        let end = generation.end.map_or(self.facts.outcome.ended_at, |(at, _)| at);
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.conversation.id", self.facts.context.call.to_string()),
            KeyValue::new("callwright.stage", "llm"),
        ];
        attributes.extend(served(generation.by.as_ref()));
        let mut status = Status::Unset;
        match generation.end {
            Some((_, Generated::Complete(reason))) => {
                let reasons = vec![StringValue::from(finish(reason))];
                attributes.push(KeyValue::new("gen_ai.response.finish_reasons", Value::Array(Array::String(reasons))));
            }
            Some((_, Generated::Failed(kind))) => {
                status = Status::error(error(kind));
                attributes.push(KeyValue::new("error.type", error(kind)));
            }
            Some((_, Generated::Cancelled)) => attributes.push(KeyValue::new("callwright.cancelled", true)),
            None => {}
        }
        let of = SpanOf::Generation(generation.id.0);
        let mut span = self.span(of, Some(self.parent(generation.asked)), "chat", generation.asked, end, attributes);
        span.span_kind = SpanKind::Client;
        span.status = status;
        if let Some(first) = generation.first {
            span.attributes.push(seconds("gen_ai.response.time_to_first_chunk", first - generation.asked));
            span.events.events.push(self.event("first_token", first, Vec::new()));
        }
        span
    }

    fn look_up(&self, look_up: &LookUp) -> SpanData {
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", "retrieval"),
            KeyValue::new("gen_ai.conversation.id", self.facts.context.call.to_string()),
            KeyValue::new("callwright.stage", "knowledge"),
        ];
        // One that nobody waited for was over for the call when the model was asked without it.
        let of_same = |generation: &&Generation| generation.id == look_up.generation;
        let without = || self.facts.trail.generations.iter().find(of_same).map_or(look_up.asked, |asked| asked.asked);
        let end = match look_up.end {
            Some((at, found)) => {
                attributes.push(KeyValue::new("callwright.knowledge.passages", found as i64));
                at
            }
            None => {
                attributes.push(KeyValue::new("callwright.cancelled", true));
                without()
            }
        };
        let (of, asked) = (SpanOf::LookUp(look_up.generation.0), look_up.asked);
        self.span(of, Some(self.parent(asked)), "retrieval", asked, end, attributes)
    }

    fn tool(&self, tool: &ToolRun) -> SpanData {
        let end = tool.end.unwrap_or(self.facts.outcome.ended_at);
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", "execute_tool"),
            KeyValue::new("gen_ai.conversation.id", self.facts.context.call.to_string()),
            KeyValue::new("gen_ai.tool.name", tool.name.clone()),
        ];
        if tool.cancelled {
            attributes.push(KeyValue::new("callwright.cancelled", true));
        }
        let name = format!("execute_tool {}", tool.name);
        self.span(SpanOf::Tool(tool.run), Some(self.parent(tool.asked)), name, tool.asked, end, attributes)
    }

    /// The turn in which something was asked for; the call when it was in none.
    fn parent(&self, asked: Instant) -> SpanOf {
        let within = |turn: &Turn| (turn.since..=turn.end()).contains(&asked);
        match (0_u32..).zip(&self.facts.trail.turns).find(|(_, turn)| within(turn)) {
            Some((turn, _)) => SpanOf::Turn { turn, stage: 0 },
            None => SpanOf::Call,
        }
    }

    fn span(
        &self,
        of: SpanOf,
        parent: Option<SpanOf>,
        name: impl Into<std::borrow::Cow<'static, str>>,
        from: Instant,
        to: Instant,
        attributes: Vec<KeyValue>,
    ) -> SpanData {
        let call = self.facts.context.call;
        SpanData {
            span_context: SpanContext::new(
                trace_id(call),
                span_id(call, of),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| span_id(call, parent)),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: self.wall(from),
            end_time: self.wall(to.max(from)),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn event(&self, name: &'static str, at: Instant, attributes: Vec<KeyValue>) -> Event {
        Event::new(name, self.wall(at), attributes, 0)
    }

    /// Time of day of an instant of the call.
    fn wall(&self, at: Instant) -> SystemTime {
        let started = self.facts.context.started;
        SystemTime::from(started.wall) + at.saturating_duration_since(started.mono)
    }
}

/// Who did it: whose product, which model, and what the operator calls it.
fn served(by: Option<&Arc<Who>>) -> Vec<KeyValue> {
    let Some(who) = by else { return Vec::new() };
    let mut attributes = vec![
        KeyValue::new("gen_ai.provider.name", who.system),
        KeyValue::new("callwright.provider.name", who.name.to_string()),
    ];
    if !who.model.is_empty() {
        attributes.push(KeyValue::new("gen_ai.request.model", who.model.to_string()));
    }
    attributes
}

/// How good the audio was; what is not known is left out.
fn media(quality: &MediaQuality) -> Vec<KeyValue> {
    let MediaQuality { codec, encrypted, heard, said, round_trip } = quality;
    let count = |name, value: u64| KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX));
    let mut attributes = vec![
        KeyValue::new("callwright.media.codec", codec.clone()),
        KeyValue::new("callwright.media.encrypted", *encrypted),
        count("callwright.media.heard.packets", heard.packets),
        count("callwright.media.heard.lost", heard.lost),
        count("callwright.media.heard.late", heard.late),
        count("callwright.media.heard.overrun", heard.overrun),
        KeyValue::new("callwright.media.heard.jitter", heard.jitter_ms / 1_000.0),
        count("callwright.media.said.packets", said.packets),
    ];
    attributes.extend(heard.mos.map(|mos| KeyValue::new("callwright.media.heard.mos", mos)));
    attributes.extend(said.mos.map(|mos| KeyValue::new("callwright.media.said.mos", mos)));
    attributes.extend(said.reported.as_ref().map(|reported| count("callwright.media.said.lost", reported.lost)));
    attributes
        .extend(round_trip.as_ref().map(|times| KeyValue::new("callwright.media.round_trip", times.mean_ms / 1_000.0)));
    attributes
}

fn seconds(name: &'static str, duration: Duration) -> KeyValue {
    KeyValue::new(name, duration.as_secs_f64())
}

const fn finish(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Filtered => "content_filter",
    }
}

const fn error(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotInstalled => "not_installed",
        ErrorKind::Unauthorised => "unauthorised",
        ErrorKind::Busy => "busy",
        ErrorKind::Unreachable => "unreachable",
        ErrorKind::TimedOut => "timeout",
        ErrorKind::Refused => "refused",
        ErrorKind::Broken => "broken",
        ErrorKind::Local => "local",
    }
}
