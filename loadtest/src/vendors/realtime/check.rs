//! Whether OpenAI would take a message, and what it would say if not.

use serde_json::{Map, Value, json};

use crate::vendors::sound::Encoding;

/// A message that is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn of(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// As the vendor tells it.
    pub(super) fn event(&self, about: Option<&str>) -> Value {
        json!({"type": "error", "event_id": "event_simulated",
               "error": {"type": "invalid_request_error", "code": self.code, "message": self.message, "param": null,
                         "event_id": about}})
    }
}

/// What a session is set to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) input: (Encoding, u32),
    pub(super) output: (Encoding, u32),
    /// Silence that ends a turn; none when the client ends turns itself.
    pub(super) silence_ms: Option<u64>,
    pub(super) prefix_ms: u64,
    pub(super) create_response: bool,
    pub(super) interrupt: bool,
    pub(super) transcribe: bool,
}

const PCM: (Encoding, u32) = (Encoding::Linear16, 24_000);

impl Session {
    pub(super) const fn new(beta: bool) -> Self {
        Self {
            input: PCM,
            output: PCM,
            silence_ms: Some(if beta { 200 } else { 500 }),
            prefix_ms: 300,
            create_response: true,
            interrupt: true,
            transcribe: false,
        }
    }

    /// Takes what a `session.update` sets.
    pub(super) fn update(&mut self, session: &Value, beta: bool) -> Result<(), Refusal> {
        let mut next = *self;
        if beta {
            next.read_beta(session)?
        } else {
            next.read(session)?
        }
        *self = next;
        Ok(())
    }

    fn read(&mut self, session: &Value) -> Result<(), Refusal> {
        let fields = object(session, "session")?;
        let known = [
            "type",
            "model",
            "output_modalities",
            "instructions",
            "max_output_tokens",
            "tool_choice",
            "tools",
            "audio",
            "truncation",
            "tracing",
            "include",
            "prompt",
        ];
        known_only(fields, "session", &known)?;
        if session["type"] != "realtime" {
            return Err(Refusal::of("missing_required_parameter", "Missing required parameter: 'session.type'."));
        }
        tools(&session["tools"])?;
        let (input, output) = (&session["audio"]["input"], &session["audio"]["output"]);
        if let Some(input) = input.as_object() {
            known_only(
                input,
                "session.audio.input",
                &["format", "noise_reduction", "transcription", "turn_detection"],
            )?;
        }
        if let Some(output) = output.as_object() {
            known_only(output, "session.audio.output", &["format", "voice", "speed"])?;
        }
        for (format, place) in [(&input["format"], &mut self.input), (&output["format"], &mut self.output)] {
            *place = match (format["type"].as_str(), format["rate"].as_u64()) {
                (Some("audio/pcmu"), None) => (Encoding::Mulaw, 8_000),
                (Some("audio/pcma"), None) => (Encoding::Alaw, 8_000),
                (Some("audio/pcm"), Some(24_000)) => PCM,
                (None, None) => *place,
                _ => return Err(Refusal::of("invalid_value", format!("Invalid value: {format}."))),
            };
        }
        self.transcription(&input["transcription"])?;
        self.turn_detection(input.get("turn_detection"))
    }

    fn read_beta(&mut self, session: &Value) -> Result<(), Refusal> {
        let fields = object(session, "session")?;
        let known = [
            "modalities",
            "instructions",
            "voice",
            "input_audio_format",
            "output_audio_format",
            "input_audio_transcription",
            "input_audio_noise_reduction",
            "turn_detection",
            "tools",
            "tool_choice",
            "temperature",
            "max_response_output_tokens",
            "speed",
            "model",
        ];
        known_only(fields, "session", &known)?;
        tools(&session["tools"])?;
        for (field, place) in [("input_audio_format", &mut self.input), ("output_audio_format", &mut self.output)] {
            *place = match session[field].as_str() {
                Some("g711_ulaw") => (Encoding::Mulaw, 8_000),
                Some("g711_alaw") => (Encoding::Alaw, 8_000),
                Some("pcm16") => PCM,
                None => *place,
                Some(other) => return Err(Refusal::of("invalid_value", format!("Invalid value: '{other}'."))),
            };
        }
        self.transcription(&session["input_audio_transcription"])?;
        self.turn_detection(session.get("turn_detection"))
    }

    fn transcription(&mut self, transcription: &Value) -> Result<(), Refusal> {
        self.transcribe = transcription.is_object();
        if let Some(fields) = transcription.as_object() {
            known_only(fields, "transcription", &["model", "language", "prompt"])?;
            let language = transcription["language"].as_str().unwrap_or("en");
            if !(2..=3).contains(&language.len()) || !transcription["model"].is_string() {
                return Err(Refusal::of("invalid_value", "Invalid 'transcription'."));
            }
        }
        Ok(())
    }

    fn turn_detection(&mut self, detection: Option<&Value>) -> Result<(), Refusal> {
        let Some(detection) = detection else { return Ok(()) };
        self.silence_ms = match detection["type"].as_str() {
            Some("server_vad") => Some(detection["silence_duration_ms"].as_u64().unwrap_or(500)),
            Some("semantic_vad") => Some(400),
            None if detection.is_null() => None,
            Some(_) | None => return Err(Refusal::of("invalid_value", "Invalid 'turn_detection.type'.")),
        };
        self.prefix_ms = detection["prefix_padding_ms"].as_u64().unwrap_or(300);
        self.create_response = detection["create_response"].as_bool().unwrap_or(true);
        self.interrupt = detection["interrupt_response"].as_bool().unwrap_or(true);
        Ok(())
    }
}

/// An item that the client adds, as a message of chat completions.
pub(super) fn item(item: &Value, beta: bool, calls: &[String]) -> Result<Value, Refusal> {
    let fields = object(item, "item")?;
    known_only(fields, "item", &["id", "type", "role", "content", "status", "call_id", "name", "arguments", "output"])?;
    match item["type"].as_str() {
        Some("message") => {
            let role = item["role"].as_str().unwrap_or_default();
            let kind = match role {
                "user" | "system" => "input_text",
                "assistant" if beta => "text",
                "assistant" => "output_text",
                _ => return Err(Refusal::of("invalid_value", "Invalid 'item.role'.")),
            };
            let content = &item["content"][0];
            if content["type"] != kind || !content["text"].is_string() {
                return Err(Refusal::of("invalid_value", format!("Content of {role} has to be '{kind}'.")));
            }
            Ok(json!({"role": role, "content": content["text"]}))
        }
        Some("function_call") if item["call_id"].is_string() && item["name"].is_string() => {
            let function = json!({"name": item["name"], "arguments": item["arguments"]});
            let call = json!({"id": item["call_id"], "type": "function", "function": function});
            Ok(json!({"role": "assistant", "content": null, "tool_calls": [call]}))
        }
        Some("function_call_output") if item["output"].is_string() => {
            let call = item["call_id"].as_str().unwrap_or_default();
            if !calls.iter().any(|known| known == call) {
                let what = format!("Tool call ID '{call}' not found in conversation.");
                return Err(Refusal::of("invalid_tool_call_id", what));
            }
            Ok(json!({"role": "tool", "tool_call_id": call, "content": item["output"]}))
        }
        Some(_) | None => Err(Refusal::of("invalid_value", "Invalid 'item'.")),
    }
}

fn tools(tools: &Value) -> Result<(), Refusal> {
    let is_tool = |tool: &Value| {
        tool["type"] == "function"
            && tool["name"].is_string()
            && tool["function"].is_null()
            && tool["parameters"].is_object()
    };
    match tools.as_array() {
        Some(tools) if !tools.iter().all(is_tool) => Err(Refusal::of("invalid_value", "Invalid 'session.tools'.")),
        Some(_) | None => Ok(()),
    }
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value
        .as_object()
        .ok_or_else(|| Refusal::of("invalid_type", format!("Invalid type for '{name}': expected an object.")))
}

fn known_only(fields: &Map<String, Value>, place: &str, known: &[&str]) -> Result<(), Refusal> {
    match fields.keys().find(|field| !known.contains(&field.as_str())) {
        Some(field) => Err(Refusal::of("unknown_parameter", format!("Unknown parameter: '{place}.{field}'."))),
        None => Ok(()),
    }
}
