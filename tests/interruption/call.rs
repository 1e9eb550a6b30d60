//! One trial as a call has it: packets with jitter and loss, the leg's session, the conversation that decides.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use callwright::agent::action::Action;
use callwright::agent::assistant::Assistant;
use callwright::agent::conversation::Conversation;
use callwright::agent::ear::{self, VOICE};
use callwright::agent::input::{Heard, Input, ReplyId};
use callwright::agent::turn::Timing;
use callwright::pii::Pii;
use callwright::provider::stt::{Manner, Transcript};
use callwright_media::codec::Codec;
use callwright_media::codec::g711::Law;
use callwright_media::level::rms_dbfs;
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use callwright_media::session::{ClipId, MAX_PACKET, MediaEvent, Session, SessionConfig};

use crate::dice::Dice;
use crate::scene::{AGENT_BEGINS, LENGTH, Trial};

const TICK: Duration = Duration::from_millis(20);
const FRAME: usize = 160;
/// One packet in so many is lost.
const LOSS: u64 = 200;
/// Packets are up to this much later than the fastest.
const JITTER_MS: u64 = 20;
/// A recogniser writes a word so long after it was said.
const LAG: Duration = Duration::from_millis(300);
/// What it cannot hear.
const INAUDIBLE_DBFS: f32 = -55.0;

/// What the call did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reaction {
    /// From the first sound of the caller to the decision that the agent is interrupted. Negative before it.
    pub(crate) decided_ms: Option<i64>,
    /// From there to the agent's last sample on the wire.
    pub(crate) faded_ms: Option<u64>,
}

/// Runs a trial until the agent was interrupted and has fallen silent, or to its end. `words`: the recogniser writes as
/// the caller speaks; otherwise nothing is known but the sound.
pub(crate) fn place(trial: &Trial, words: bool, dice: &mut Dice) -> Reaction {
    let mut call = Call::answered(trial);
    let mut underway: Vec<(Instant, Vec<u8>)> = Vec::new();
    for tick in 0..LENGTH / FRAME {
        let now = call.at(tick * FRAME);
        underway.sort_by_key(|(at, _)| *at);
        while underway.first().is_some_and(|(at, _)| *at <= now) {
            let (at, bytes) = underway.remove(0);
            call.session.receive(at, call.peer, &bytes);
            call.follow(at);
        }
        if tick * FRAME == AGENT_BEGINS {
            call.session.play(ClipId(1), trial.agent.clone().into()).expect("the queue is empty");
        }
        call.session.tick(now, &mut [0; MAX_PACKET]);
        call.follow(now);
        if words {
            call.listen(now, trial);
        }
        if call.faded.is_some() {
            break;
        }
        if dice.roll(LOSS) != 0 {
            let late = TICK + Duration::from_millis(dice.roll(JITTER_MS));
            underway.push((now + late, packet(tick, &trial.caller[tick * FRAME..(tick + 1) * FRAME])));
        }
    }
    let onset = call.at(trial.onset);
    let ms = |at: Instant| {
        let after = i64::try_from(at.saturating_duration_since(onset).as_millis()).expect("a trial is short");
        after - i64::try_from(onset.saturating_duration_since(at).as_millis()).expect("a trial is short")
    };
    let faded = |at: Instant| u64::try_from(at.duration_since(call.decided.unwrap_or(at)).as_millis());
    Reaction { decided_ms: call.decided.map(ms), faded_ms: call.faded.map(|at| faded(at).expect("a trial is short")) }
}

struct Call {
    begin: Instant,
    peer: SocketAddr,
    session: Session,
    conversation: Conversation,
    /// What the agent is saying.
    reply: ReplyId,
    /// Which of the caller's 20 ms the recogniser could hear.
    audible: Vec<bool>,
    /// Words that were written: of all, and of those the conversation has replied to.
    written: usize,
    answered: usize,
    decided: Option<Instant>,
    faded: Option<Instant>,
}

impl Call {
    /// The agent has said hello and is about to tell something.
    fn answered(trial: &Trial) -> Self {
        let mut now = callwright::time::now().mono;
        let mut conversation =
            Conversation::new(&assistant(), &BTreeMap::new(), Timing::default()).expect("it is sound");
        conversation
            .handle(now, Input::Recogniser(Manner { continuous: true, detects_turns: false, replies: true, lag: LAG }));
        conversation.handle(now, Input::Answered);
        let mut spoken = 0;
        let reply = loop {
            match conversation.poll_action() {
                Some(Action::Prepare { prompt, .. }) => {
                    let samples = trial.agent.len() as u64;
                    conversation.handle(now, Input::Prepared { prompt, samples, marks: Vec::new() });
                }
                Some(Action::Speak { reply, .. }) if spoken == 0 => {
                    spoken += 1;
                    conversation.handle(now, Input::SpeechStarted { reply, ago: Duration::ZERO });
                    now += Duration::from_secs(2);
                    conversation.handle(now, Input::SpeechFinished { reply, ago: Duration::ZERO });
                }
                Some(Action::Speak { reply, .. }) => break reply,
                Some(_) => {}
                None => {
                    (now, _) = conversation.poll_timeout().expect("the greeting is waited for");
                    conversation.handle_timeout(now);
                }
            }
        };
        let peer = SocketAddr::from(([127, 0, 0, 1], 4_000));
        let negotiated = Negotiated {
            codec: Codec::Pcma,
            payload_type: 8,
            dtmf: None,
            remote: Some(peer),
            rtcp: RtcpPath::default(),
            direction: Direction::SendRecv,
            ptime_ms: 20,
            srtp: None,
        };
        let config =
            SessionConfig { negotiated, ssrc: 7, sequence: 100, timestamp: 8_000, uplink: true, vad: Some(VOICE) };
        Self {
            begin: now,
            peer,
            session: Session::new(now, config),
            conversation,
            reply,
            audible: Vec::new(),
            written: 0,
            answered: 0,
            decided: None,
            faded: None,
        }
    }

    fn at(&self, sample: usize) -> Instant {
        self.begin + Duration::from_micros(sample as u64 * 125)
    }

    /// Lets the conversation hear what the leg says, and the leg do what the conversation wants.
    fn follow(&mut self, now: Instant) {
        self.wait(now);
        while let Some(event) = self.session.poll_event() {
            let ago = |at: Instant| now.saturating_duration_since(at);
            let reply = self.reply;
            let input = if let MediaEvent::Uplink(frame) = &event {
                self.audible.push(rms_dbfs(frame.samples()) > INAUDIBLE_DBFS);
                None
            } else if let MediaEvent::ClipStarted { at, .. } = event {
                Some(Input::SpeechStarted { reply, ago: ago(at) })
            } else if let MediaEvent::ClipFinished { at, .. } = event {
                Some(Input::SpeechFinished { reply, ago: ago(at) })
            } else if let MediaEvent::ClipCut { at, .. } = event {
                self.faded = Some(at);
                None
            } else {
                ear::told(now, &event)
            };
            if let Some(input) = input {
                self.conversation.handle(now, input);
                self.act(now);
            }
        }
    }

    /// Lets the conversation's timers fire, each at its time.
    fn wait(&mut self, now: Instant) {
        while let Some((at, _)) = self.conversation.poll_timeout().filter(|(at, _)| *at <= now) {
            self.conversation.handle_timeout(at);
            self.act(at);
        }
    }

    fn act(&mut self, now: Instant) {
        while let Some(action) = self.conversation.poll_action() {
            if let Action::StopSpeaking { fade, .. } = action {
                self.decided.get_or_insert(now);
                self.session.stop(fade);
            } else if let Action::EndTurn { turn } = action {
                // Nothing more to write than what was written.
                self.answered = self.written;
                self.conversation.handle(now, Input::Understood { turn, transcript: Transcript::Nothing });
            }
        }
    }

    /// Writes the words that were said [`LAG`] ago, of the caller and of the agent's echo, if they were to be heard.
    fn listen(&mut self, now: Instant, trial: &Trial) {
        let due = trial.words.iter().filter(|word| self.at(word.until) + LAG <= now).count();
        if due == self.written {
            return;
        }
        self.written = due;
        let audible = |from: usize, until: usize| {
            let frames = &self.audible[(from / FRAME).min(self.audible.len())..(until / FRAME).min(self.audible.len())];
            2 * frames.iter().filter(|audible| **audible).count() > frames.len()
        };
        let words: Vec<_> = trial.words[self.answered.min(due)..due]
            .iter()
            .filter(|word| audible(word.from, word.until))
            .map(|word| word.text.as_str())
            .collect();
        if !words.is_empty() {
            let words = Pii::new(words.join(" "));
            self.conversation.handle(now, Input::Heard(Heard::Partial { words }));
            self.act(now);
        }
    }
}

fn assistant() -> Assistant {
    let assistant = serde_json::json!({
        "name": "Teller", "language": "en", "voice": "en-us", "mode": "flow", "variables": {},
        "flow": { "start": "hello", "nodes": [
            { "id": "hello", "say": { "text": "Hello.", "next": "news" } },
            { "id": "news", "say": { "text": "There is something to tell.", "next": "bye" } },
            { "id": "bye", "end": { "text": "Goodbye.", "reason": "completed" } },
        ] },
    });
    serde_json::from_value(assistant).expect("it is an assistant")
}

fn packet(number: usize, samples: &[i16]) -> Vec<u8> {
    let number = u16::try_from(number).expect("a trial is short");
    let header = RtpHeader {
        marker: number == 0,
        payload_type: 8,
        sequence: 1_000 + number,
        timestamp: 160 * u32::from(number),
        ssrc: 99,
    };
    let mut bytes = vec![0; HEADER_LENGTH + FRAME];
    let (head, payload) = bytes.split_first_chunk_mut().expect("a packet is longer than a header");
    header.write(head);
    Law::A.encode(samples, payload);
    bytes
}
