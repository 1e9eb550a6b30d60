//! Who answered, from the answer on.

use std::time::{Duration, Instant};

use super::beep::BeepDetector;
use super::evidence::Evidence;
use super::fax::FaxDetector;
use super::greeting::{Greeting, GreetingConfig, GreetingVerdict};
use super::phrases::{PhraseBook, Speaker};
use super::signal::SignalDetector;
use super::sit::SitDetector;
use super::tone::ToneMeter;
use super::{Callee, Detection, Signal};
use crate::frame::FRAME;
use crate::level::rms_dbfs;

/// How long after the answer, or after the last ring heard since, is listened.
const LISTENING: Duration = Duration::from_secs(20);

/// The longest pause between two rings, and a little more: then it does not ring any longer.
const RING_PAUSE: Duration = Duration::from_millis(5_400);

/// Frames of the longest ring of all networks, 2 s, and a little more: what sounds on hums and does not ring.
const LONGEST_RING: u32 = 115;

/// Voiced frames that make speech out of clicks and coughs: 200 ms.
const SPEECH_FRAMES: u32 = 10;

/// Voiced frames before a beep: 0.8 s. No machine says less first; a word and a tone are somebody's phone or kitchen.
const GREETING_FRAMES: u32 = 40;

/// Voiced frames in a row that count; the edges of a tone may be fewer.
const SYLLABLE: u32 = 4;

/// Whoever is so much softer than the loudest voice is somebody in the background.
const BACKGROUND_DB: f32 = 12.0;

/// How fast the loudest voice is forgotten, per frame (2 dB a second).
const FORGET_DB: f32 = 0.04;

/// Frames without voice after which what was heard before is forgotten as long as it was no speech: 0.5 s. What a line
/// gives back of the agent comes in such bits.
const BITS: u32 = 25;

/// The agent greets a second after the answer at the latest; and a little more.
const GREETING_DUE: Duration = Duration::from_millis(1_100);

/// What is told of later, counted from the answer or the last ring, is no beginning of a greeting.
const OPENING: Duration = Duration::from_secs(6);

/// The agent's frames that are quieter are silence.
const AGENT_SPEAKS_DBFS: f32 = -60.0;

/// Confidence of what is guessed, in percent.
const GUESS: u8 = 75;

/// Listens to one callee from the answer on.
///
/// ```text
///          ┌───────────────── any, once ─────────────────┐
///          ▼                                             │
///   Network(Ringback) ──voice, or silence──▶ Human ──┐   (nothing yet)
///                                              ▲     │ greeting goes on, words, beep
///                            a person's words  │     ▼
///                                            Machine, Screening, Menu ──▶ Beep
///   Fax, Refused, engaged tones, Beep: over
/// ```
#[derive(Debug, Clone)]
pub struct CalleeDetector {
    /// By then something is said, whatever has come of the callee's sound.
    deadline: Instant,
    /// By then the agent has begun to greet.
    greeting_due: Instant,
    /// The answer, or the last ring.
    since: Instant,
    greeting: Greeting,
    meter: ToneMeter,
    beep: BeepDetector,
    fax: FaxDetector,
    signals: SignalDetector,
    sit: SitDetector,
    /// Frames in a row of a tone that rings somewhere.
    ringing: u32,
    voiced: u32,
    /// Voiced frames in a row, and those without voice since.
    syllable: u32,
    unvoiced: u32,
    /// Level of the loudest voice.
    loudest_dbfs: f32,
    /// Words that were told of the utterance with the most; `None` where nothing is told.
    words: Option<usize>,
    evidence: Evidence,
    said: Option<Callee>,
    /// What was said last was known by words.
    by_words: bool,
    /// Words were heard that only a person says.
    settled: bool,
    /// What was said last is likely and not sure.
    guessed: bool,
    /// It rang after the answer: what sounds like a beep then may be another ring.
    rang: bool,
}

impl CalleeDetector {
    /// A detector for a call that was answered at `now`.
    #[must_use]
    pub fn new(now: Instant, config: GreetingConfig) -> Self {
        Self {
            deadline: now + config.deadline,
            greeting_due: now + GREETING_DUE,
            since: now,
            greeting: Greeting::new(config),
            meter: ToneMeter::default(),
            beep: BeepDetector::default(),
            fax: FaxDetector::default(),
            signals: SignalDetector::default(),
            sit: SitDetector::default(),
            ringing: 0,
            voiced: 0,
            syllable: 0,
            unvoiced: 0,
            loudest_dbfs: f32::MIN,
            words: None,
            evidence: Evidence::default(),
            said: None,
            by_words: false,
            settled: false,
            guessed: false,
            rang: false,
        }
    }

    /// Takes the next 20 ms at 8 kHz of what the callee says and whether there was voice in it
    /// ([`Vad::push`](crate::vad::Vad::push)). Does nothing any more when it [is done](Self::is_done). Does not allocate.
    pub fn push(&mut self, now: Instant, frame: &[i16], voiced: bool) -> Option<Detection> {
        if self.is_done(now) {
            return None;
        }
        let tone = self.meter.push(frame);
        let voiced = voiced && !tone.is_some_and(|tone| tone.pure) && self.is_foreground(frame);
        let beeped = self.beep.push(tone);
        let (fax, signal, refusal) = (self.fax.push(tone), self.signals.push(tone), self.sit.push(tone));
        self.ringing = if self.signals.sounds() { self.ringing + 1 } else { 0 };
        // A ring or a fax machine under the agent's echo is not pure any more, and no voice for that.
        self.count(voiced && !self.signals.sounds() && !self.fax.sounds());
        self.evidence.callee(voiced);
        if self.voiced >= SPEECH_FRAMES {
            let greeted = self.said == Some(Callee::Machine) || (!self.rang && self.voiced >= GREETING_FRAMES);
            if beeped && greeted {
                return self.say(now, Callee::Beep, 90);
            }
            let heard = self.follow(now, voiced);
            return heard.or_else(|| self.guess(now));
        }
        // Nobody has spoken: tones are the network's, or a machine's that talks to machines.
        if let Some(refusal) = refusal {
            return self.say(now, Callee::Refused(refusal), 95);
        }
        if fax {
            return self.say(now, Callee::Fax, 90);
        }
        if let Some(signal @ (Signal::Busy | Signal::Congestion)) = signal {
            return self.say(now, Callee::Network(signal), 85);
        }
        // A line's echo of the agent spoils the tone at times; then its lengths tell, and a ring of which it is known that
        // it rings need not be clean.
        let rings = if self.is_ringing() { self.signals.sounds() } else { signal == Some(Signal::Ringback) };
        if self.ringing > LONGEST_RING {
            // Somebody may be there beside it.
            return if self.is_ringing() { self.say(now, Callee::Human, 30) } else { self.follow(now, voiced) };
        }
        if rings || self.signals.rings() {
            self.since = now;
            self.rang = true;
            return self.say(now, Callee::Network(Signal::Ringback), 75);
        }
        if !self.is_ringing() {
            return self.follow(now, voiced);
        }
        // Whoever picks up in silence, and a beep that was taken for a ring.
        let stopped = now.saturating_duration_since(self.since) >= RING_PAUSE;
        if stopped { self.say(now, Callee::Human, 30) } else { None }
    }

    /// Takes that 20 ms have passed, with a frame of the callee's or without: a line that sends nothing, or late, does not
    /// put the deadline off. Does not allocate.
    pub fn handle_tick(&mut self, now: Instant) -> Option<Detection> {
        // The next tick would be too late.
        if self.said.is_some() || now + FRAME <= self.deadline {
            return None;
        }
        self.greeting.give_up();
        self.say(now, Callee::Human, self.confidence_of_person())
    }

    /// Takes 20 ms at 8 kHz that leave for the callee: what the agent says. Whoever falls silent for it listens; a
    /// recording talks on. To be told only where [`push`](Self::push) does not hold the agent's echo for a voice. Does not
    /// allocate.
    pub fn agent_said(&mut self, frame: &[i16]) {
        self.evidence.agent(rms_dbfs(frame) > AGENT_SPEAKS_DBFS);
    }

    /// Takes the callee's words as far as they are known; may be told again and again as they grow.
    pub fn heard(&mut self, now: Instant, book: &PhraseBook, text: &str) -> Option<Detection> {
        if self.is_done(now) {
            return None;
        }
        let count = text.split_whitespace().count();
        self.words = Some(self.words.map_or(count, |most| most.max(count)));
        let first = !self.greeting.has_greeted();
        if now.saturating_duration_since(self.since) <= OPENING {
            self.evidence.heard(book, text, first);
        }
        let Some(speaker) = book.speaker(text, first) else { return self.guess(now) };
        let (callee, confidence) = match speaker {
            Speaker::Machine => (Callee::Machine, 95),
            Speaker::Screening => (Callee::Screening, 95),
            Speaker::Menu => (Callee::Menu, 90),
            // A service asks who is calling as well.
            Speaker::Person if self.guessed && self.evidence.guess() == Some(Callee::Screening) => {
                return self.guess(now);
            }
            Speaker::Person => {
                self.greeting.heard_person();
                (Callee::Human, 90)
            }
            Speaker::Hello => {
                self.greeting.heard_hello();
                return self.guess(now);
            }
        };
        let detection = self.say(now, callee, confidence);
        let confirmed = std::mem::take(&mut self.guessed) && self.said == Some(callee);
        self.by_words |= detection.is_some() || confirmed;
        self.settled |= callee == Callee::Human;
        detection
    }

    /// Whether listening is over: 20 s have passed, or what was found out cannot be corrected any more.
    #[must_use]
    pub fn is_done(&self, now: Instant) -> bool {
        let settled = match self.said {
            Some(Callee::Beep | Callee::Fax | Callee::Refused(_)) => true,
            Some(Callee::Network(signal)) => signal != Signal::Ringback,
            Some(Callee::Human | Callee::Machine | Callee::Screening | Callee::Menu) | None => false,
        };
        settled || now.saturating_duration_since(self.since) >= LISTENING
    }

    /// Counts speech, from a syllable on.
    fn count(&mut self, voiced: bool) {
        self.syllable = if voiced { self.syllable + 1 } else { 0 };
        self.unvoiced = if voiced { 0 } else { self.unvoiced.saturating_add(1) };
        self.voiced += match self.syllable {
            0..SYLLABLE => 0,
            SYLLABLE => SYLLABLE,
            _ => 1,
        };
        if self.unvoiced >= BITS && self.voiced < SPEECH_FRAMES {
            self.voiced = 0;
        }
    }

    fn is_ringing(&self) -> bool {
        self.said == Some(Callee::Network(Signal::Ringback))
    }

    fn follow(&mut self, now: Instant, voiced: bool) -> Option<Detection> {
        match self.greeting.push(voiced)? {
            GreetingVerdict::Human => self.say(now, Callee::Human, self.confidence_of_person()),
            // Somebody who talks for long and says nothing that a machine says.
            GreetingVerdict::Machine if self.words.is_some() => None,
            GreetingVerdict::Machine => self.say(now, Callee::Machine, 70),
        }
    }

    fn confidence_of_person(&self) -> u8 {
        if self.voiced >= SPEECH_FRAMES { 70 } else { 40 }
    }

    /// Says who it is likely to be, as long as nothing surer was said, and takes that back.
    fn guess(&mut self, now: Instant) -> Option<Detection> {
        // A greeting that is due is not held back for a guess.
        if self.by_words || self.settled || (now < self.greeting_due && !self.evidence.agent_has_spoken()) {
            return None;
        }
        let callee = match self.evidence.guess() {
            Some(callee) => callee,
            None if self.guessed && self.evidence.doubts() => Callee::Human,
            None => return None,
        };
        if self.said == Some(callee) || (callee != Callee::Human && !self.may_guess()) {
            return None;
        }
        self.said = Some(callee);
        self.guessed = callee != Callee::Human;
        Some(Detection { callee, at: now, confidence: GUESS })
    }

    /// Whether nothing was said, or only what a guess corrects.
    fn may_guess(&self) -> bool {
        self.guessed || matches!(self.said, None | Some(Callee::Human))
    }

    /// Whether a frame is loud enough to be of whoever answered.
    fn is_foreground(&mut self, frame: &[i16]) -> bool {
        let level = rms_dbfs(frame);
        self.loudest_dbfs = level.max(self.loudest_dbfs - FORGET_DB);
        level >= self.loudest_dbfs - BACKGROUND_DB
    }

    fn say(&mut self, now: Instant, callee: Callee, confidence: u8) -> Option<Detection> {
        let corrects = match (self.said, callee) {
            (Some(said), _) if said == callee => false,
            // Only words make a person of a machine, and only sound told of it before.
            (Some(Callee::Machine), Callee::Human) => confidence >= 90 && !self.by_words,
            (Some(Callee::Screening | Callee::Menu), Callee::Human | Callee::Machine) => {
                self.guessed && confidence >= 90
            }
            // Nobody has spoken, or it would not be asked: that silence was a person's was a guess.
            (Some(Callee::Human), Callee::Network(Signal::Ringback)) => !self.by_words,
            (Some(_) | None, _) => true,
        };
        if !corrects {
            return None;
        }
        self.said = Some(callee);
        self.by_words = false;
        self.guessed = false;
        Some(Detection { callee, at: now, confidence })
    }
}
