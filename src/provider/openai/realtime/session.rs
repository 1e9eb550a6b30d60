//! Where a session connects, and what it is opened with.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{MODEL, PUBLIC};
use crate::provider::error::Error;
use crate::provider::llm::ToolSpec;
use crate::provider::s2s::S2sRequest;
use crate::provider::socket::{Endpoint, address};
use crate::provider::vendor::Vendor;

/// The voice when neither the call nor the operator names one.
const VOICE: &str = "marin";
/// What writes down what the caller says.
const TRANSCRIPTION: &str = "gpt-4o-mini-transcribe";

/// Where to connect.
pub(super) fn endpoint(vendor: &Vendor) -> Result<Endpoint, Error> {
    let query = [("model", vendor.model_or(MODEL).to_owned())];
    let url = address(vendor, vendor.base_or(PUBLIC), "/realtime", query)?;
    let mut headers = Vec::new();
    if let Some(key) = vendor.key.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty()) {
        headers.push(("authorization", format!("Bearer {key}").into()));
    }
    if is_beta(vendor) {
        headers.push(("openai-beta", "realtime=v1".into()));
    }
    Ok(Endpoint { url, headers, protocols: Vec::new() })
}

/// Whether the vendor speaks as OpenAI did before general availability.
pub(super) fn is_beta(vendor: &Vendor) -> bool {
    vendor.flag("beta").unwrap_or(false)
}

/// The first message.
pub(super) fn update(vendor: &Vendor, request: &S2sRequest, event: &str) -> Value {
    let session = if is_beta(vendor) { beta(vendor, request) } else { current(vendor, request) };
    json!({"type": "session.update", "event_id": event, "session": session})
}

fn current(vendor: &Vendor, request: &S2sRequest) -> Value {
    let mut session = json!({
        "type": "realtime",
        "model": vendor.model_or(MODEL),
        "output_modalities": ["audio"],
        "instructions": request.instructions.expose(),
        "tool_choice": "auto",
        "tools": request.tools.iter().map(tool).collect::<Vec<_>>(),
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "noise_reduction": noise_reduction(vendor),
                "transcription": transcription(vendor, request),
                "turn_detection": turn_detection(vendor),
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": voice(vendor, request)},
        },
    });
    if let Some(speed) = vendor.number("speed") {
        session["audio"]["output"]["speed"] = json!(speed);
    }
    if let Some(limit) = vendor.options.get("max_output_tokens") {
        session["max_output_tokens"] = limit.clone();
    }
    session
}

fn beta(vendor: &Vendor, request: &S2sRequest) -> Value {
    let mut session = json!({
        "modalities": ["audio", "text"],
        "instructions": request.instructions.expose(),
        "voice": voice(vendor, request),
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "input_audio_transcription": transcription(vendor, request),
        "turn_detection": turn_detection(vendor),
        "tool_choice": "auto",
        "tools": request.tools.iter().map(tool).collect::<Vec<_>>(),
    });
    if let Some(limit) = vendor.options.get("max_output_tokens") {
        session["max_response_output_tokens"] = limit.clone();
    }
    session
}

fn voice<'a>(vendor: &'a Vendor, request: &'a S2sRequest) -> &'a str {
    let named = Some(request.voice.as_str()).filter(|voice| !voice.is_empty());
    named.or_else(|| vendor.text("voice")).unwrap_or(VOICE)
}

fn noise_reduction(vendor: &Vendor) -> Value {
    match vendor.text("noise_reduction") {
        Some("none") => Value::Null,
        Some(kind) => json!({"type": kind}),
        // A telephone's microphone, and whatever stands around it.
        None => json!({"type": "far_field"}),
    }
}

fn transcription(vendor: &Vendor, request: &S2sRequest) -> Value {
    let mut transcription = json!({"model": vendor.text("transcription_model").unwrap_or(TRANSCRIPTION)});
    // The vendor knows languages and not their regions.
    if let Some(language) = request.language.split(['-', '_']).next().filter(|language| !language.is_empty()) {
        transcription["language"] = json!(language.to_lowercase());
    }
    transcription
}

fn turn_detection(vendor: &Vendor) -> Value {
    let ours = || {
        json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
               "create_response": true, "interrupt_response": true})
    };
    vendor.options.get("turn_detection").filter(|value| value.is_object()).cloned().unwrap_or_else(ours)
}

fn tool(tool: &ToolSpec) -> Value {
    json!({"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters})
}
