//! One call as a leg has it: G.711 in RTP with jitter and loss both ways, the agent's greeting, its echo, and a
//! recogniser that writes behind the voice.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use callwright_media::codec::{Codec, Encoder};
use callwright_media::detect::greeting::GreetingConfig;
use callwright_media::detect::phrases::PhraseBook;
use callwright_media::detect::{Callee, Signal};
use callwright_media::frame::Rate;
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use callwright_media::session::{ClipId, MAX_PACKET, MediaEvent, Session, SessionConfig};
use callwright_media::vad::SegmenterConfig;

use crate::dice::Dice;
use crate::scene::{MS, Trial};

const FRAME: usize = 160;
/// One packet in so many is lost.
const LOSS: u64 = 150;
/// The agent speaks at the latest so long after the answer.
const GREETING_WAIT: u64 = 1_000;

/// What a call showed. Times in ms after the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) said: Vec<(u64, Callee)>,
    /// When the agent's greeting began, and when it was to begin by rule.
    pub(crate) greeted: Option<u64>,
    pub(crate) due: Option<u64>,
    /// When it fell silent because it rang.
    pub(crate) silenced: Option<u64>,
}

/// What listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the short form needs two of them")]
pub(crate) enum Mode {
    /// Sound, and a recogniser's words.
    Words,
    /// Sound alone.
    Sound,
    /// What is played before the answer.
    Progress,
}

/// Runs a call to its end.
pub(crate) fn place(trial: &Trial, mode: Mode, dice: &mut Dice) -> Heard {
    let begin = start();
    let peer = SocketAddr::from(([127, 0, 0, 1], 4_000));
    let mut session = session(begin, peer);
    match mode {
        Mode::Progress => session.detect_progress(begin),
        Mode::Words | Mode::Sound => session.detect_callee(begin, GreetingConfig::default()),
    }
    let book = PhraseBook::of(trial.tag);
    let lag = MS * (250 + dice.roll(300) as usize);
    let mut echo = Echo::new(dice);
    let (mut underway, mut heard, mut told) = (Vec::<(Instant, Vec<u8>)>::new(), Heard::default(), 0);
    for tick in 0..trial.callee.len() / FRAME {
        let (ms, now) = (20 * tick as u64, begin + Duration::from_millis(20 * tick as u64));
        underway.sort_by_key(|(at, _)| *at);
        while underway.first().is_some_and(|(at, _)| *at <= now) {
            let (at, bytes) = underway.remove(0);
            session.receive(at, peer, &bytes);
        }
        let silent = silent_from(trial, heard.greeted);
        let known = words(trial, tick * FRAME, lag, silent);
        if let Some((count, text)) = known.filter(|(count, _)| mode == Mode::Words && *count != told) {
            told = count;
            session.callee_said(now, book, &text);
        }
        let said = session.tick(now, &mut [0; MAX_PACKET]).said;
        while let Some(event) = session.poll_event() {
            if let MediaEvent::Detected(detection) = event {
                heard.said.push(((detection.at - begin).as_millis() as u64, detection.callee));
            } else if let MediaEvent::VoiceStopped { .. } = event {
                heard.due.get_or_insert(ms);
            }
        }
        if ms >= GREETING_WAIT {
            heard.due.get_or_insert(ms);
        }
        let rings = matches!(heard.said.last(), Some((_, Callee::Network(Signal::Ringback))));
        if heard.greeted.is_some() && heard.silenced.is_none() && rings {
            session.stop(Duration::from_millis(15));
            heard.silenced = Some(ms);
        }
        if mode != Mode::Progress && heard.greeted.is_none() && heard.due.is_some() && may_greet(&heard) {
            session.play(ClipId(1), trial.agent.clone().into()).expect("nothing else is played");
            heard.greeted = Some(ms);
        }
        let mut frame = sound(trial, tick * FRAME, silent);
        echo.add(said.samples(), &mut frame);
        if dice.roll(LOSS) != 0 {
            underway.push((now + Duration::from_millis(20 + dice.roll(20)), packet(tick, &frame)));
        }
    }
    heard
}

/// Whether what was found out last lets the agent speak: a false answer does not, nor what ends the call.
fn may_greet(heard: &Heard) -> bool {
    match heard.said.last() {
        None | Some((_, Callee::Human)) => true,
        Some((_, Callee::Network(Signal::Ringback | Signal::Busy | Signal::Congestion))) => false,
        Some((
            _,
            Callee::Machine | Callee::Beep | Callee::Screening | Callee::Menu | Callee::Fax | Callee::Refused(_),
        )) => false,
    }
}

/// From which sample on somebody who was talked over is silent, where that is before the end of what they say.
fn silent_from(trial: &Trial, greeted: Option<u64>) -> Option<usize> {
    let yields = trial.yields.as_ref()?;
    let from = MS * greeted? as usize + yields.after;
    yields.utterance.contains(&from).then_some(from)
}

/// The callee's next 20 ms. Whoever falls silent does not break off within a sample.
fn sound(trial: &Trial, at: usize, silent: Option<usize>) -> [i16; FRAME] {
    const FADE: usize = 40 * MS;
    let Some((yields, from)) = trial.yields.as_ref().zip(silent) else {
        return trial.callee[at..at + FRAME].try_into().expect("a frame");
    };
    std::array::from_fn(|n| {
        let rest = 1.0 - ((at + n).saturating_sub(from) as f64 / FADE as f64).min(1.0);
        let [with, without] = [trial.callee[at + n], yields.without[at + n]].map(f64::from);
        (without + rest * (with - without)) as i16
    })
}

/// How many words of the call are known, and those of the utterance that goes on. Of the first one only those that were
/// said before its speaker fell silent.
fn words(trial: &Trial, now: usize, lag: usize, silent: Option<usize>) -> Option<(usize, String)> {
    let end = trial.yields.as_ref().map_or(0, |yields| yields.utterance.end);
    let is_said = |at: usize| silent.is_none_or(|from| at <= from || at > end);
    let due = |words: &[(usize, String)]| words.iter().take_while(|(at, _)| at + lag <= now && is_said(*at)).count();
    let count = trial.utterances.iter().map(|words| due(words)).sum();
    let last = trial.utterances.iter().rfind(|words| due(words) > 0)?;
    let text: Vec<&str> = last[..due(last)].iter().map(|(_, word)| word.as_str()).collect();
    Some((count, text.join(" ")))
}

/// The agent's voice as a phone returns it, if it does.
struct Echo {
    gain: f64,
    waiting: VecDeque<i16>,
}

impl Echo {
    fn new(dice: &mut Dice) -> Self {
        let gain = if dice.roll(2) == 0 { 0.0 } else { 10f64.powf(dice.within(-42.0, -26.0) / 20.0) };
        let delay = MS * (40 + dice.roll(260) as usize);
        Self { gain, waiting: vec![0; delay].into() }
    }

    fn add(&mut self, said: &[i16], frame: &mut [i16]) {
        self.waiting.extend(said);
        for (slot, back) in frame.iter_mut().zip(self.waiting.drain(..said.len())) {
            *slot = slot.saturating_add((f64::from(back) * self.gain) as i16);
        }
    }
}

fn session(begin: Instant, peer: SocketAddr) -> Session {
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
    let vad = Some(SegmenterConfig { start_ms: 200, stop_ms: 200 });
    Session::new(begin, SessionConfig { negotiated, ssrc: 7, sequence: 100, timestamp: 8_000, uplink: false, vad })
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
    Encoder::new(Codec::Pcma, Rate::Hz8000).encode(samples, payload);
    bytes
}

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock; which one does not matter")]
fn start() -> Instant {
    Instant::now()
}
