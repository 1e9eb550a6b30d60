//! One call's session: what the call says becomes the vendor's messages, and the other way round.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callwright_media::codec::g711::{ULAW_TO_LINEAR, encode_ulaw};
use serde_json::{Value, json};

use super::context::{Context, note_item, result_item};
use super::event::{Failure, Item, ResponseDone, ServerEvent, read};
use super::session;
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::llm::ToolCall;
use crate::provider::s2s::{S2sEvent, S2sInput, S2sRequest};
use crate::provider::socket::{Closing, Endpoint, Message, Outbox, Upgrade, Wire};
use crate::provider::vendor::Vendor;

/// Of the caller's voice, samples that are kept: while the session does not stand, and of what was sent since the
/// caller's last turn, for a connection may have been deaf for a while before that was found out. 5 s.
const KEPT: usize = 5 * 8_000;
/// Messages of one connection that make no sense before it is given up.
const GARBAGE: u32 = 3;
/// Turns of the caller whose words are not known yet.
const UNKNOWN: usize = 16;
/// A turn whose words have not come when those of so many later ones have is passed by.
const OVERTAKEN: usize = 2;

type Out = Outbox<S2sEvent>;

/// The names of our messages that the vendor's errors are related to.
const UPDATE: &str = "update";

/// A session. See the [module](super).
#[derive(Debug)]
pub(super) struct RealtimeWire {
    vendor: Vendor,
    request: S2sRequest,
    context: Context,
    ready: bool,
    /// The caller's voice until the session stands.
    waiting: VecDeque<Arc<[i16]>>,
    /// The caller's voice that was sent and is in no turn yet.
    sent: VecDeque<Arc<[i16]>>,
    /// An answer is being made.
    active: bool,
    /// Asked for while another answer is being made, or while there is no session.
    respond: Option<Option<Pii<String>>>,
    /// What was asked for last, until it is over: the vendor may refuse it, because it has begun to answer by itself.
    asked: Option<Pii<String>>,
    /// Items whose audio is not complete.
    sounding: Vec<String>,
    /// What the caller said, in order, until it can be told.
    turns: VecDeque<(String, Option<Option<Pii<String>>>)>,
    garbage: u32,
}

impl RealtimeWire {
    pub(super) fn new(vendor: Vendor, request: S2sRequest) -> Self {
        Self {
            vendor,
            request,
            context: Context::default(),
            ready: false,
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            active: false,
            respond: None,
            asked: None,
            sounding: Vec::new(),
            turns: VecDeque::new(),
            garbage: 0,
        }
    }

    fn audio(&mut self, pcm: Arc<[i16]>, out: &mut Out) {
        if self.ready {
            append(&pcm, out);
            self.sent.push_back(pcm);
            return shorten(&mut self.sent);
        }
        self.waiting.push_back(pcm);
        shorten(&mut self.waiting);
    }

    fn respond(&mut self, instructions: Option<Pii<String>>, out: &mut Out) {
        if self.active || !self.ready {
            self.respond = Some(instructions);
            return;
        }
        self.active = true;
        let mut message = json!({"type": "response.create"});
        self.asked.clone_from(&instructions);
        if let Some(instructions) = instructions {
            message["response"] = json!({"instructions": instructions.expose()});
        }
        out.json(&message);
    }

    fn create(&self, item: &Value, out: &mut Out) {
        if self.ready {
            out.json(&json!({"type": "conversation.item.create", "item": item}));
        }
    }

    fn truncate(&mut self, item: &str, heard: std::time::Duration, out: &mut Out) {
        // The vendor refuses more than it has made; of what it makes now, less has come here.
        let Some((samples, known)) = self.context.samples(item) else { return };
        let heard = u64::try_from(heard.as_millis()).unwrap_or(u64::MAX).min(samples / 8);
        self.context.heard(item, heard * 8);
        if self.ready && known {
            out.json(&json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0,
                             "audio_end_ms": heard}));
        }
    }

    fn session_stands(&mut self, out: &mut Out) {
        if std::mem::replace(&mut self.ready, true) {
            return;
        }
        for item in self.context.items(session::is_beta(&self.vendor)) {
            self.create(&item, out);
        }
        self.waiting.iter().for_each(|pcm| append(pcm, out));
        self.sent = std::mem::take(&mut self.waiting);
        out.event(S2sEvent::Ready);
        if let Some(instructions) = self.respond.take() {
            self.respond(instructions, out);
        }
    }

    fn happened(&mut self, event: ServerEvent, out: &mut Out) {
        match event {
            ServerEvent::SessionUpdated => self.session_stands(out),
            ServerEvent::SpeechStarted => out.event(S2sEvent::CallerStarted),
            ServerEvent::SpeechStopped => out.event(S2sEvent::CallerStopped),
            ServerEvent::Committed { item } => {
                self.sent.clear();
                self.context.caller(&item);
                self.turns.push_back((item, None));
                self.tell_turns(out);
            }
            ServerEvent::Transcribed { item, text } => self.transcribed(item, text.map(Pii::new), out),
            ServerEvent::ResponseCreated { .. } => self.active = true,
            ServerEvent::Audio { item, base64 } => self.heard(item, &base64, out),
            ServerEvent::Words { item, text } => {
                self.context.words(&item, &text);
                out.event(S2sEvent::Words { item, text: Pii::new(text) });
            }
            ServerEvent::AudioDone { item } => self.item_finished(&item, out),
            ServerEvent::ItemDone { item } => self.item_done(item, out),
            ServerEvent::ResponseDone { done } => self.response_done(done, out),
            ServerEvent::Failed { failure } => self.failed(&failure, out),
            ServerEvent::Other => {}
        }
    }

    fn heard(&mut self, item: String, base64: &str, out: &mut Out) {
        let Ok(bytes) = STANDARD.decode(base64) else { return self.garbage("audio", out) };
        if bytes.is_empty() {
            return;
        }
        let pcm: Arc<[i16]> = bytes.iter().map(|&byte| ULAW_TO_LINEAR[usize::from(byte)]).collect();
        self.context.audio(&item, pcm.len());
        if !self.sounding.contains(&item) {
            self.sounding.push(item.clone());
        }
        out.event(S2sEvent::Audio { item, pcm });
    }

    fn item_finished(&mut self, item: &str, out: &mut Out) {
        if let Some(at) = self.sounding.iter().position(|sounding| sounding == item) {
            out.event(S2sEvent::ItemFinished { item: self.sounding.remove(at) });
        }
    }

    fn item_done(&mut self, item: Item, out: &mut Out) {
        let is_new = item.kind == "function_call" && !item.call_id.is_empty() && !self.context.has_call(&item.call_id);
        if is_new {
            let call = ToolCall { id: item.call_id, name: item.name, arguments: Pii::new(item.arguments) };
            self.context.call(&call);
            out.event(S2sEvent::Call(call));
        }
    }

    fn response_done(&mut self, done: ResponseDone, out: &mut Out) {
        (self.active, self.asked) = (false, None);
        done.items.into_iter().for_each(|item| self.item_done(item, out));
        // An answer that was cancelled leaves its audio where it was.
        self.silence(out);
        if let Some(failure) = done.failure {
            let error = self.error(&failure);
            // With the connection made anew it is asked for again.
            self.active = true;
            return out.hang_up(Closing::Failed(error));
        }
        out.event(S2sEvent::Finished { usage: done.usage });
        if let Some(instructions) = self.respond.take() {
            self.respond(instructions, out);
        }
    }

    fn failed(&mut self, failure: &Failure, out: &mut Out) {
        match failure.code.as_deref() {
            // The vendor ended the answer in the same moment, or has it end by itself.
            Some("response_cancel_not_active") => {}
            Some("conversation_already_has_active_response") => {
                self.active = true;
                let asked = self.asked.take();
                // Words of ours are said in place of what the vendor began by itself.
                if asked.is_some() {
                    out.json(&json!({"type": "response.cancel"}));
                }
                self.respond.get_or_insert(asked);
            }
            Some("session_expired") => out.hang_up(Closing::Routine),
            _ if failure.event_id.as_deref() == Some(UPDATE) => {
                out.hang_up(Closing::Failed(self.error(failure)));
            }
            // One message of ours was refused: the session goes on.
            _ if failure.kind.as_deref() == Some("invalid_request_error") && !is_account(failure) => {
                tracing::warn!(vendor = %self.vendor.name, code = failure.code, about = failure.event_id,
                               "a speech model refused a message");
            }
            _ => out.hang_up(Closing::Failed(self.error(failure))),
        }
    }

    /// The vendor's failure as an error; its words stay out, for they may repeat what was said.
    fn error(&self, failure: &Failure) -> Error {
        let code = failure.code.as_deref().or(failure.kind.as_deref()).unwrap_or("unknown");
        let kind = match code {
            "insufficient_quota" | "invalid_api_key" | "billing_hard_limit_reached" => ErrorKind::Unauthorised,
            "rate_limit_exceeded" => ErrorKind::Busy,
            _ if failure.kind.as_deref() == Some("invalid_request_error") => ErrorKind::Refused,
            _ => ErrorKind::Broken,
        };
        self.vendor.error(kind, format!("it reports {code}"))
    }

    /// What the caller said; told in the order in which it was said, which is not that in which it is known.
    fn transcribed(&mut self, item: String, text: Option<Pii<String>>, out: &mut Out) {
        if let Some(text) = &text {
            self.context.caller_said(&item, text);
        }
        match self.turns.iter_mut().find(|(turn, _)| *turn == item) {
            Some((_, known)) => *known = Some(text),
            None => self.turns.push_back((item, Some(text))),
        }
        self.tell_turns(out);
    }

    fn tell_turns(&mut self, out: &mut Out) {
        while let Some((_, first)) = self.turns.front() {
            let later = self.turns.iter().skip(1).filter(|(_, known)| known.is_some()).count();
            if first.is_none() && later < OVERTAKEN && self.turns.len() <= UNKNOWN {
                return;
            }
            if let Some((_, Some(Some(text)))) = self.turns.pop_front()
                && !text.expose().trim().is_empty()
            {
                out.event(S2sEvent::CallerSaid(text));
            }
        }
    }

    /// No more audio comes of anything.
    fn silence(&mut self, out: &mut Out) {
        for item in std::mem::take(&mut self.sounding) {
            out.event(S2sEvent::ItemFinished { item });
        }
    }

    fn garbage(&mut self, what: &str, out: &mut Out) {
        self.garbage += 1;
        if self.garbage == GARBAGE {
            let error = self.vendor.error(ErrorKind::Broken, format!("its {what} makes no sense"));
            out.hang_up(Closing::Failed(error));
        }
    }
}

impl Wire for RealtimeWire {
    type Input = S2sInput;
    type Event = S2sEvent;

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn endpoint(&mut self) -> Result<Endpoint, Error> {
        session::endpoint(&self.vendor)
    }

    fn opened(&mut self, _: Instant, _: &Upgrade, out: &mut Out) {
        self.garbage = 0;
        out.json(&session::update(&self.vendor, &self.request, UPDATE));
    }

    fn told(&mut self, _: Instant, input: S2sInput, out: &mut Out) {
        match input {
            S2sInput::Audio(pcm) => self.audio(pcm, out),
            S2sInput::Respond { instructions } => self.respond(instructions, out),
            S2sInput::Cancel => {
                (self.respond, self.asked) = (None, None);
                if self.active && self.ready {
                    out.json(&json!({"type": "response.cancel"}));
                }
            }
            S2sInput::Truncate { item, heard } => self.truncate(&item, heard, out),
            S2sInput::ToolResult { call, result } => {
                self.create(&result_item(&call, &result), out);
                self.context.result(&call, &result);
            }
            S2sInput::Note(note) => {
                self.create(&note_item(&note), out);
                self.context.note(&note);
            }
        }
    }

    fn received(&mut self, _: Instant, message: Message, out: &mut Out) {
        let event = match message {
            Message::Text(text) => read(&text),
            Message::Binary(_) => None,
        };
        match event {
            Some(event) => self.happened(event, out),
            None => self.garbage("message", out),
        }
    }

    fn lost(&mut self, _: Instant, error: Option<&Error>, out: &mut Out) {
        self.ready = false;
        self.sent.append(&mut self.waiting);
        self.waiting = std::mem::take(&mut self.sent);
        shorten(&mut self.waiting);
        self.context.forget_names();
        self.silence(out);
        // What was not said to the end is asked for again; the new session knows how far it came.
        if std::mem::take(&mut self.active) {
            self.respond.get_or_insert(None);
        }
        if let Some(error) = error {
            out.event(S2sEvent::Interrupted { error: error.clone() });
        }
    }

    fn dead(&mut self, error: Error, out: &mut Out) {
        self.silence(out);
        out.event(S2sEvent::Dead { error });
    }
}

/// Leaves the latest [`KEPT`] samples.
fn shorten(voice: &mut VecDeque<Arc<[i16]>>) {
    let mut kept: usize = voice.iter().map(|pcm| pcm.len()).sum();
    while kept > KEPT
        && let Some(oldest) = voice.pop_front()
    {
        kept -= oldest.len();
    }
}

fn append(pcm: &[i16], out: &mut Out) {
    let bytes: Vec<u8> = pcm.iter().map(|&sample| encode_ulaw(sample)).collect();
    out.json(&json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes)}));
}

/// Whether an error is about the account and not about a message.
fn is_account(failure: &Failure) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    matches!(code, "insufficient_quota" | "invalid_api_key" | "billing_hard_limit_reached" | "model_not_found")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    fn ready() -> (RealtimeWire, Out, Instant) {
        let request = S2sRequest {
            instructions: Pii::default(),
            voice: String::new(),
            language: String::new(),
            tools: [].into(),
        };
        let mut wire = RealtimeWire::new(Vendor::named("v"), request);
        let (mut out, now) = (Out::default(), time::now().mono);
        wire.opened(now, &Upgrade::default(), &mut out);
        receive(&mut wire, &mut out, &json!({"type": "session.updated"}));
        out.take();
        (wire, out, now)
    }

    fn receive(wire: &mut RealtimeWire, out: &mut Out, message: &Value) {
        wire.received(time::now().mono, Message::Text(message.to_string()), out);
    }

    fn sent(out: &mut Out) -> Vec<String> {
        let kind = |message: Message| match message {
            Message::Text(text) => serde_json::from_str::<Value>(&text).ok()?["type"].as_str().map(str::to_owned),
            Message::Binary(_) => None,
        };
        out.take().0.into_iter().filter_map(kind).collect()
    }

    #[test]
    fn answers_wait_for_each_other() {
        let (mut wire, mut out, now) = ready();
        wire.told(now, S2sInput::Respond { instructions: None }, &mut out);
        wire.told(now, S2sInput::Respond { instructions: None }, &mut out);
        assert_eq!(sent(&mut out), ["response.create"]);
        receive(&mut wire, &mut out, &json!({"type": "response.done", "response": {"status": "completed"}}));
        assert_eq!(sent(&mut out), ["response.create"]);
        receive(&mut wire, &mut out, &json!({"type": "response.done", "response": {"status": "completed"}}));
        assert_eq!(sent(&mut out), [""; 0]);
        wire.told(now, S2sInput::Cancel, &mut out);
        assert_eq!(sent(&mut out), [""; 0], "nothing is there to cancel");
    }

    #[test]
    fn words_of_ours_are_said_though_the_vendor_began_to_answer_in_the_same_moment() {
        let (mut wire, mut out, now) = ready();
        let words = Some(Pii::new("Say exactly this: Hello".to_owned()));
        wire.told(now, S2sInput::Respond { instructions: words }, &mut out);
        assert_eq!(sent(&mut out), ["response.create"]);
        receive(&mut wire, &mut out, &json!({"type": "response.created", "response": {"id": "its own"}}));
        let refusal = json!({"type": "invalid_request_error", "code": "conversation_already_has_active_response"});
        receive(&mut wire, &mut out, &json!({"type": "error", "error": refusal}));
        assert_eq!(sent(&mut out), ["response.cancel"]);
        receive(&mut wire, &mut out, &json!({"type": "response.done", "response": {"status": "cancelled"}}));
        let (messages, ..) = out.take();
        let [Message::Text(message)] = &messages[..] else { panic!("{messages:?}") };
        let message: Value = serde_json::from_str(message).expect("JSON");
        assert_eq!(message["type"], "response.create");
        assert_eq!(message["response"]["instructions"], "Say exactly this: Hello");
    }

    #[test]
    fn what_the_caller_said_is_told_in_order_and_never_held_up_for_long() {
        let (mut wire, mut out, _) = ready();
        let committed = |item: &str| json!({"type": "input_audio_buffer.committed", "item_id": item});
        let completed = |item: &str| json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": item, "transcript": item});
        for item in ["a", "b", "c", "d"] {
            receive(&mut wire, &mut out, &committed(item));
        }
        let mut said = |message: &Value| {
            receive(&mut wire, &mut out, message);
            let text = |event| if let S2sEvent::CallerSaid(text) = event { Some(text.into_inner()) } else { None };
            out.take().1.into_iter().filter_map(text).collect::<Vec<_>>()
        };
        assert_eq!(said(&completed("b")), [""; 0]);
        assert_eq!(said(&completed("a")), ["a", "b"]);
        assert_eq!(said(&completed("d")), [""; 0]);
        let failed = json!({"type": "conversation.item.input_audio_transcription.failed", "item_id": "c"});
        assert_eq!(said(&failed), ["d"]);
        for item in ["e", "f", "g"] {
            said(&committed(item));
        }
        assert_eq!(said(&completed("f")), [""; 0]);
        assert_eq!(said(&completed("g")), ["f", "g"], "e never came");
    }

    #[test]
    fn failures_are_told_apart() {
        let closing = |message: Value| {
            let (mut wire, mut out, _) = ready();
            receive(&mut wire, &mut out, &message);
            out.take_closing().map(|closing| match closing {
                Closing::Routine => None,
                Closing::Failed(error) => Some(error.kind),
            })
        };
        let error = |code: &str, kind: &str| json!({"type": "error", "error": {"type": kind, "code": code}});
        assert_eq!(closing(error("response_cancel_not_active", "invalid_request_error")), None);
        assert_eq!(closing(error("invalid_value", "invalid_request_error")), None);
        assert_eq!(closing(error("session_expired", "invalid_request_error")), Some(None));
        assert_eq!(closing(error("insufficient_quota", "invalid_request_error")), Some(Some(ErrorKind::Unauthorised)));
        assert_eq!(closing(error("oops", "server_error")), Some(Some(ErrorKind::Broken)));
        let details = json!({"error": {"type": "rate_limit", "code": "rate_limit_exceeded"}});
        let failed = json!({"type": "response.done", "response": {"status": "failed", "status_details": details}});
        assert_eq!(closing(failed), Some(Some(ErrorKind::Busy)));
    }

    #[test]
    fn garbage_is_borne_for_a_while() {
        let (mut wire, mut out, now) = ready();
        for _ in 0..GARBAGE {
            assert!(out.take_closing().is_none());
            wire.received(now, Message::Text("{".to_owned()), &mut out);
        }
        assert!(matches!(out.take_closing(), Some(Closing::Failed(error)) if error.kind == ErrorKind::Broken));
        let cut = json!({"type": "response.audio.delta", "item_id": "a", "delta": "AAAAA"});
        receive(&mut wire, &mut out, &cut);
        assert_eq!(out.take().1, [], "half a message is no audio");
    }

    #[test]
    fn what_was_said_into_a_dead_line_is_said_again() {
        let (mut wire, mut out, now) = ready();
        let speak = |wire: &mut RealtimeWire, out: &mut Out| {
            (0..3).for_each(|_| wire.told(now, S2sInput::Audio([0; 160].into()), out));
        };
        speak(&mut wire, &mut out);
        receive(&mut wire, &mut out, &json!({"type": "input_audio_buffer.committed", "item_id": "a"}));
        speak(&mut wire, &mut out);
        out.take();
        for _ in 0..2 {
            wire.lost(now, None, &mut out);
            wire.opened(now, &Upgrade::default(), &mut out);
            receive(&mut wire, &mut out, &json!({"type": "session.updated"}));
            assert_eq!(sent(&mut out).iter().filter(|kind| kind.ends_with("append")).count(), 3);
        }
    }

    #[test]
    fn the_voice_is_kept_for_seconds_while_there_is_no_session() {
        let (mut wire, mut out, now) = ready();
        wire.lost(now, None, &mut out);
        (0..500).for_each(|_| wire.told(now, S2sInput::Audio([0; 160].into()), &mut out));
        assert_eq!(wire.waiting.len(), KEPT / 160);
        wire.opened(now, &Upgrade::default(), &mut out);
        receive(&mut wire, &mut out, &json!({"type": "session.updated"}));
        assert_eq!(sent(&mut out).len(), 1 + KEPT / 160);
    }
}
