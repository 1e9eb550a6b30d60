//! The server and two telephones, and what is to be heard on them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callwright::agent::assistant::{Assistant, AssistantVersion, Mode};
use callwright::call::call::CallConfig;
use callwright::call::outcome::TrunkEvidence;
use callwright::call::providers::{Lineup, NoProvider, Providers};
use callwright::call::tools::NoTools;
use callwright::call::transfer::came::CameBy;
use callwright::call::transfer::desk::{
    Admission, LegNote, NotAdmitted, Noting, Permission, SecondLeg, TransferDesk, TransferDial,
};
use callwright::call::transfer::destination::Destination;
use callwright::config::SipTransport::Udp;
use callwright::id::{LegId, OrgId};
use callwright::net::media_leg::MediaCommand;
use callwright::net::media_ring::MediaNews;
use callwright::pii::Pii;
use callwright::provider::llm::{FinishReason, Generation, LanguageModel, LlmEvent, LlmRequest, Message, ToolCall};
use callwright::provider::stt::SpeechToText;
use callwright::provider::tts::Voice;
use callwright::provider::witness::Witness;
use callwright::time;
use callwright::trunk::media::DtmfMode;
use callwright::trunk::plan::InvitePlan;
use callwright_media::level::rms_dbfs;
use callwright_media::session::{ClipId, MediaEvent};
use callwright_sip::endpoint::{Event, Flow, ListenerId, Transport};
use callwright_sip::message::{HostPort, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::office::{Attempt, Deaf, Office, PATIENCE, Whistle, version};
use crate::phone::{Line, Phone};

const NUMBER: &str = "+4930901820";
/// What the caller and the target sound like, in Hz. Neither is a harmonic of the other, nor of the agent's whistle.
pub(super) const CALLER: f64 = 410.0;
pub(super) const TARGET: f64 = 1_310.0;
/// The strength of both, in dBFS.
pub(super) const LEVEL: f64 = -17.7;

pub(super) const NOBODY: &str = "Nobody is there.";
pub(super) const ASK: &str = "Nobody is there. Shall I take a message?";
pub(super) const NOTED: &str = "I have noted it.";
pub(super) const MESSAGE: &str = "yes please tell them it drips";

/// A model that hands every caller to the desk. When that fails it says so and ends the call, or takes a message.
struct Clerk {
    pub(super) patient: bool,
}

impl LanguageModel for Clerk {
    fn generate(&self, request: LlmRequest) -> Generation {
        let failed =
            |message: &Message| matches!(message, Message::Tool { result, .. } if result.expose().contains("error"));
        let came_back = request.messages.iter().any(failed);
        let (words, call) = match (came_back, self.patient, request.messages.last()) {
            (false, ..) => {
                ("One moment please.", Some(("transfer", r#"{"to":"desk","summary":"It is about a leak."}"#)))
            }
            (true, true, Some(last)) if failed(last) => (ASK, None),
            (true, true, _) => (NOTED, Some(("end_call", r#"{"reason":"message"}"#))),
            (true, false, _) => (NOBODY, Some(("end_call", r#"{"reason":"nobody"}"#))),
        };
        let (sender, events) = mpsc::channel(8);
        let reason = if call.is_some() { FinishReason::ToolCalls } else { FinishReason::Stop };
        let call = call.map(|(name, arguments)| {
            LlmEvent::Call(ToolCall {
                id: format!("call-{}", request.messages.len()),
                name: name.to_owned(),
                arguments: Pii::new(arguments.to_owned()),
            })
        });
        let text = LlmEvent::Text(Pii::new(words.to_owned()));
        for event in [Some(text), call, Some(LlmEvent::Finished { reason, usage: None })].into_iter().flatten() {
            sender.try_send(event).expect("there is room");
        }
        Generation { events }
    }
}

/// The clerk thinks for agents that have a model. Everybody whistles.
pub(super) struct Staff {
    pub(super) ears: Arc<dyn SpeechToText>,
    pub(super) patient: bool,
}

impl Providers for Staff {
    fn lineup(&self, _: OrgId, assistant: &Assistant) -> Result<Lineup, NoProvider> {
        let thinks = assistant.mode == Mode::Llm;
        let clerk = Clerk { patient: self.patient };
        Ok(Lineup {
            stt: Arc::clone(&self.ears),
            stand_in: None,
            tts: Arc::new(Whistle),
            voice: Voice::default(),
            llm: thinks.then(|| Arc::new(clerk) as Arc<dyn LanguageModel>),
            s2s: None,
            bot: None,
            witness: Witness::default(),
        })
    }

    fn capacity(&self) -> usize {
        100
    }
}

/// Lets every leg be dialed, at the address's own host, and remembers what it is told.
struct Ledger {
    listener: ListenerId,
    transport: Transport,
    refuses: Option<NotAdmitted>,
    /// Where a leg goes that the first server gives up.
    other: Option<SocketAddr>,
    /// How its legs have keys.
    dtmf: DtmfMode,
    notes: Arc<Mutex<Vec<&'static str>>>,
    came: Arc<Mutex<Vec<Option<CameBy>>>>,
}

impl TransferDesk for Ledger {
    fn permits(&self, _: &TransferDial) -> Permission {
        let forbidden = self.refuses.filter(|why| *why == NotAdmitted::Blocked);
        Box::pin(std::future::ready(forbidden.map_or(Ok(()), Err)))
    }

    fn admit(&self, dial: TransferDial) -> Admission {
        let Destination::Address(uri) = &dial.to else { panic!("these desks have addresses") };
        let named: SocketAddr = format!("{}:{}", uri.host, uri.port.unwrap_or(5060)).parse().expect("digits");
        let peer = match (dial.tried.len(), self.other) {
            (0, _) => named,
            (1, Some(other)) => other,
            _ => return Box::pin(std::future::ready(Err(NotAdmitted::Unreachable))),
        };
        assert!(dial.tried.iter().all(|tried| tried.flow.peer == named), "what was tried is told");
        let flow = Flow { listener: self.listener, transport: self.transport, peer };
        let from = dial.from.as_ref().map(|number| number.expose());
        let mut invite = InvitePlan::to_address(flow, None, uri, from, &HostPort::from(peer));
        invite.media.dtmf = self.dtmf;
        let now = time::now().mono;
        let leg = SecondLeg {
            leg: dial.leg,
            trunk: dial.trunk,
            invite,
            credentials: None,
            evidence: TrunkEvidence::default(),
            send_at: now + Duration::from_millis(100),
            send_before: callwright::time::Latest::at(now + Duration::from_secs(5)),
        };
        let refused = self.refuses;
        self.notes.lock().expect("no panic").push("admitted");
        self.came.lock().expect("no panic").push(dial.came);
        Box::pin(async move { refused.map_or(Ok(Box::new(leg)), Err) })
    }

    fn note(&self, _: LegId, note: LegNote) -> Noting {
        self.notes.lock().expect("no panic").push(match note {
            LegNote::Ringing(_) => "ringing",
            LegNote::Answered(dialog) => {
                assert!(dialog.is_some(), "an answered leg has a dialog to be stored");
                "answered"
            }
            LegNote::Joined => "joined",
            LegNote::Over(_) => "over",
        });
        Box::pin(std::future::ready(()))
    }
}

/// The server and both telephones.
pub(super) struct Scene {
    pub(super) office: Office,
    pub(super) caller: Phone,
    pub(super) target: Phone,
    notes: Arc<Mutex<Vec<&'static str>>>,
    came: Arc<Mutex<Vec<Option<CameBy>>>>,
}

impl Scene {
    pub(super) async fn new(ports: u16) -> Self {
        let caller = Phone::new(Udp, ports + 1_000).await;
        Self::with(ports, caller, None, clerk()).await
    }

    pub(super) async fn with(ports: u16, caller: Phone, refuses: Option<NotAdmitted>, staff: Staff) -> Self {
        // Not so soon that the agent has to say goodbye before it has handed anybody over.
        let clocks = CallConfig { closing: Duration::from_secs(2), ..CallConfig::default() };
        let office = Office::staffed(Udp, ports, clocks, 100, Arc::new(staff), Arc::new(NoTools)).await;
        let (notes, came) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let scene = Self { office, caller, target: Phone::new(Udp, ports + 1_200).await, notes, came };
        scene.staff(refuses, None, DtmfMode::Auto);
        scene
    }

    /// Another server, for legs that the first one gives up.
    pub(super) async fn with_other(ports: u16) -> (Self, Phone) {
        let scene = Self::new(ports).await;
        let other = Phone::new(Udp, ports + 1_400).await;
        scene.staff(None, Some(other.address()), DtmfMode::Auto);
        (scene, other)
    }

    /// Whoever is at the desk has keys so.
    pub(super) async fn with_keys(ports: u16, dtmf: DtmfMode) -> Self {
        let scene = Self::new(ports).await;
        scene.staff(None, None, dtmf);
        scene
    }

    fn staff(&self, refuses: Option<NotAdmitted>, other: Option<SocketAddr>, dtmf: DtmfMode) {
        self.office.calls.set_desk(Arc::new(Ledger {
            listener: self.office.listener,
            transport: self.office.transport,
            refuses,
            other,
            dtmf,
            notes: Arc::clone(&self.notes),
            came: Arc::clone(&self.came),
        }));
    }

    /// A call to the caller, whom the agent then hands over.
    pub(super) async fn call(&mut self, kind: &str, longest: Duration) -> (Attempt, Line) {
        self.call_for(self.target.address(), kind, longest).await
    }

    /// [`Scene::call`] with somebody else as the target.
    pub(super) async fn call_for(&mut self, target: SocketAddr, kind: &str, longest: Duration) -> (Attempt, Line) {
        let mut order = self.office.order(self.caller.address(), NUMBER);
        order.assistant = agent(target, kind);
        order.max_duration = longest;
        let attempt = self.office.place(order);
        let mut line = self.caller.rings().await.answer().await;
        assert!(line.hears_a_tone().await, "the agent says so first");
        (attempt, line)
    }

    /// By which way the callers of the legs that were wanted came.
    pub(super) fn came(&self) -> Vec<Option<CameBy>> {
        self.came.lock().expect("no panic").clone()
    }

    pub(super) fn notes(&self) -> Vec<&'static str> {
        self.notes.lock().expect("no panic").clone()
    }
}

/// Who hears nobody and ends the call when nobody takes the caller.
pub(super) fn clerk() -> Staff {
    Staff { ears: Arc::new(Deaf), patient: false }
}

pub(super) fn agent(target: SocketAddr, kind: &str) -> Arc<AssistantVersion> {
    let definition: Assistant = serde_json::from_value(serde_json::json!({
        "name": "Clerk", "mode": "llm", "prompt": "You hand callers over.",
        "providers": { "stt": ["ears"], "llm": ["clerk"] },
        "tools": [{ "kind": "builtin", "name": "transfer" }, { "kind": "builtin", "name": "end_call" }],
        "transfers": [{ "name": "desk", "to": format!("sip:desk@{target}"), "kind": kind, "ring_timeout_s": 5 }],
    }))
    .expect("an assistant");
    version(definition)
}

pub(super) fn tone(hertz: f64) -> Vec<i16> {
    (0..60 * 8_000).map(|n| (6_000.0 * (std::f64::consts::TAU * hertz * f64::from(n) / 8_000.0).sin()) as i16).collect()
}

/// How strong a pure tone is in a sound, in dBFS.
pub(super) fn strength(sound: &[i16], hertz: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / 8_000.0;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        real += f64::from(*sample) * (step * n as f64).cos();
        imaginary += f64::from(*sample) * (step * n as f64).sin();
    }
    let amplitude = 2.0 * (real * real + imaginary * imaginary).sqrt() / sound.len() as f64;
    20.0 * (amplitude.max(0.001) / 32_768.0).log10() - 3.01
}

/// The tone as it was sent, and nothing else.
pub(super) fn is_alone(sound: &[i16], hertz: f64) -> bool {
    let (tone, all) = (strength(sound, hertz), f64::from(rms_dbfs(sound)));
    (tone - LEVEL).abs() < 1.0 && (all - tone).abs() < 1.0
}

/// Both hear each other and nobody else, at the level that was sent. The caller has begun to talk before.
pub(super) async fn both_talk(caller: &mut Line, target: &mut Line) {
    target.plays(tone(TARGET)).await;
    assert!(caller.hears(|sound| is_alone(sound, TARGET)).await, "the caller hears the target");
    assert!(target.hears(|sound| is_alone(sound, CALLER)).await, "the target hears the caller");
}

/// How strong the whistling of every agent is.
pub(super) fn whistling(sound: &[i16]) -> f64 {
    strength(sound, 0.5 * 8_000.0 / std::f64::consts::TAU)
}

pub(super) fn is_music(sound: &[i16]) -> bool {
    rms_dbfs(sound) > -40.0 && whistling(sound) < -35.0 && sound.iter().all(|sample| sample.abs() < 9_000)
}

/// The agent whistles, and neither music nor the caller is to be heard.
pub(super) fn is_briefing(sound: &[i16]) -> bool {
    let (whistle, all) = (whistling(sound), f64::from(rms_dbfs(sound)));
    whistle > -20.0 && (all - whistle).abs() < 1.0 && strength(sound, CALLER) < -50.0
}

/// What a test does with a line beside talking by keys.
impl Line {
    /// Plays a sound at 8 kHz.
    pub(crate) async fn plays(&self, pcm: Vec<i16>) {
        let play = MediaCommand::Play { clip: ClipId(1), pcm: pcm.into(), from: 0 };
        self.media.control.send(play).await.expect("media runs");
    }

    /// Listens until `enough` says so of the last 200 ms; false when it never does.
    pub(crate) async fn hears(&mut self, enough: impl Fn(&[i16]) -> bool) -> bool {
        let listen = async {
            let mut last = VecDeque::new();
            while let Some(news) = self.media.news.recv().await {
                if let MediaNews::Audio { frame, .. } = news {
                    last.extend(frame.samples().iter().copied());
                    let over = last.len().saturating_sub(1_600);
                    drop(last.drain(..over));
                    if last.len() == 1_600 && enough(last.make_contiguous()) {
                        return true;
                    }
                }
            }
            false
        };
        timeout(PATIENCE, listen).await.unwrap_or(false)
    }

    /// What is heard in the next so many milliseconds.
    pub(crate) async fn listens(&mut self, time: Duration) -> Vec<i16> {
        let samples = time.as_millis() as usize * 8;
        let mut heard = Vec::with_capacity(samples);
        let listen = async {
            while let Some(news) = self.media.news.recv().await {
                if let MediaNews::Audio { frame, .. } = news {
                    heard.extend_from_slice(frame.samples());
                    if heard.len() >= samples {
                        return;
                    }
                }
            }
        };
        let _ = timeout(PATIENCE, listen).await;
        heard
    }

    /// Waits for a key of the other side.
    pub(crate) async fn is_pressed(&mut self) -> Option<char> {
        let listen = async {
            while let Some(news) = self.media.news.recv().await {
                if let MediaNews::Event(event) = news
                    && let MediaEvent::DtmfReceived { digit, .. } = *event
                {
                    return Some(digit.as_char());
                }
            }
            None
        };
        timeout(PATIENCE, listen).await.ok().flatten()
    }

    /// Waits to be sent elsewhere; the user part of the address.
    pub(crate) async fn is_referred(&mut self) -> String {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the call is up");
                if let Event::Referred { refer, .. } = event {
                    return String::from_utf8_lossy(&refer.to.uri.user_text().unwrap_or_default()).into_owned();
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("a REFER in time")
    }

    /// Waits for the end of the call, before which nobody has to be sent elsewhere.
    pub(crate) async fn ends_unreferred(mut self) -> bool {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the call ends properly");
                if matches!(event, Event::Referred { .. } | Event::Ended { .. }) {
                    return matches!(event, Event::Ended { .. });
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("an end in time")
    }

    /// Tells how the call elsewhere goes.
    pub(crate) async fn notifies(&self, status: u16) {
        let status = StatusCode::new(status).expect("a status");
        self.handle.notify_refer(self.session, status).await.expect("SIP runs");
    }
}
