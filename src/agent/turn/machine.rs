//! The caller's turn: from the first sound to the words that are replied to.
//!
//! After every [`TurnMachine::handle`] and [`TurnMachine::handle_timeout`] the owner drains
//! [`TurnMachine::poll_signal`] and then sleeps until [`TurnMachine::poll_timeout`].
//!
//! ```text
//!         voice, words, or            no voice                  nothing speaks           silence for long
//!         the recogniser              for 200 ms                for more words           enough
//!  Quiet ────────────────▶ Speaking ─────────────▶ Pausing ──────────────────▶ Eager ────────────────────▶ Closing
//!    ▲                      ▲  ▲ ▲                  │   ▲                      │ │                          │ │
//!    │                      │  │ └────── voice ─────┘   └───── other words ─────┘ │        voice, then answer│ │
//!    │                      │  └─────── voice, or the recogniser says so ────────┘  ┌────────────────────────┘ │
//!    │                      └──────────────────────────────────────────────────────┘                          │
//!    └─────────── the recogniser ends the turn itself; or it has answered, or has not in time ─────────────────┘
//! ```
//!
//! The same machine serves three kinds of recognisers (see [`Manner`]): one asked turn by turn is fed by the voice alone
//! and never sees `Eager`; a continuous one brings words on the way; one that detects turns moves the machine itself,
//! and the voice only overrules it when it says nothing. While the agent speaks, the machine also says when the caller
//! has taken the word.

mod caller;
mod ending;
mod event;
mod late;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use callwright_media::overlap::Overlap;

pub use self::event::{Turn, TurnInput, TurnSignal};
use self::late::{Lateness, Sound};
use super::mute::Hearing;
use super::settings::Rules;
use super::start::{self, Decision, Guard, Overlapping};
use super::stop::pauses::Pauses;
use super::stop::{self, Asked, Stopped};
use super::words::tokens;
use crate::provider::stt::{Manner, Patience, TurnId};

/// A detector that judges voices has told its first verdict so soon after the voice.
const VERDICT_FOLLOWS: Duration = Duration::from_millis(20);

/// What the machine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TurnTimer {
    /// A voice over the agent's that has not lasted long enough to interrupt.
    Interrupt,
    /// More of the same turn.
    End,
    /// The end of a turn without end.
    Longest,
    /// The recogniser's answer.
    Final,
}

/// The turns of one call.
#[derive(Debug)]
pub struct TurnMachine {
    rules: Rules,
    manner: Manner,
    asked: Asked,
    hearing: Hearing,
    /// What the agent is saying.
    agent: Option<Agent>,
    /// Since when there is voice, while there is.
    voice: Option<Instant>,
    verdict: Option<Overlap>,
    /// Until then the recogniser may be writing what it heard of an echo before that was known for one.
    echo_until: Option<Instant>,
    open: Option<OpenTurn>,
    /// The turn before, for words that come late.
    before: Option<Before>,
    pauses: Pauses,
    lateness: Lateness,
    patience: Patience,
    /// This recogniser has written a full stop.
    punctuates: bool,
    timers: BTreeMap<TurnTimer, Instant>,
    signals: VecDeque<TurnSignal>,
    turns: u32,
}

/// What the agent is saying.
#[derive(Clone, Copy, Debug)]
struct Agent {
    started: Instant,
    guard: Guard,
    /// It was interrupted.
    stopped: bool,
}

/// A turn that is not over.
#[derive(Debug)]
struct OpenTurn {
    id: TurnId,
    since: Instant,
    phase: Phase,
    /// The last sound, once it has stopped.
    last_voice: Option<Instant>,
    /// How long there was voice.
    voiced: Duration,
    /// The voice before, which had no words: these are its words.
    late: Option<Sound>,
    /// When words last changed.
    words_at: Option<Instant>,
    /// Words that the recogniser has finished with, though the turn goes on.
    held: String,
    /// The recogniser's present words, which follow them.
    words: String,
    /// The first words of these are the agent's own, come back: how many.
    echoed: usize,
    /// What `EagerEnd` said, until it is taken back.
    eager: Option<String>,
    /// The same, once the turn is closed.
    promised: Option<String>,
    /// So often a reply was prepared.
    tries: u8,
    /// A recogniser that detects turns is in the middle of one.
    vendor_open: bool,
    greeting: bool,
    /// The agent was speaking when it began.
    over_agent: bool,
    interrupted: bool,
    /// When it was closed.
    decided: Option<Instant>,
}

/// How far a turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Sound or words come.
    Speaking,
    /// They have stopped; it may go on.
    Pausing,
    /// It is probably over; a reply is being prepared.
    Eager,
    /// It is over; the recogniser owes its answer.
    Closing,
}

/// The turn before.
#[derive(Debug)]
struct Before {
    id: TurnId,
    /// The words it was answered with.
    words: String,
    since: Instant,
    last_voice: Instant,
    /// There was a voice and no words: what comes without a voice was said by it.
    wordless: bool,
    /// The same, and its words are probably still on their way.
    unheard: bool,
    at: Instant,
    /// The recogniser still owes its answer.
    owed: bool,
}

impl OpenTurn {
    /// All words so far.
    fn text(&self) -> String {
        join(&self.held, &self.words)
    }

    /// The words that are not the agent's own.
    fn own_words(&self) -> String {
        if self.echoed == 0 {
            self.text()
        } else {
            tokens(&self.text()).get(self.echoed..).unwrap_or_default().join(" ")
        }
    }

    /// Where the silence began.
    fn quiet_since(&self) -> Instant {
        self.last_voice.or(self.words_at).unwrap_or(self.since)
    }
}

impl TurnMachine {
    /// Before the first turn: everything is heard, anything may be said, the agent is silent.
    #[must_use]
    pub fn new(rules: Rules, manner: Manner) -> Self {
        Self {
            rules,
            manner,
            asked: Asked::default(),
            hearing: Hearing::Everything,
            agent: None,
            voice: None,
            verdict: None,
            echo_until: None,
            open: None,
            before: None,
            pauses: Pauses::default(),
            lateness: Lateness::default(),
            patience: Patience::Talk,
            punctuates: false,
            timers: BTreeMap::new(),
            signals: VecDeque::new(),
            turns: 0,
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: TurnInput) {
        match input {
            TurnInput::VoiceStarted { since } => self.voice_started(now, since),
            TurnInput::VoiceStopped { last_voice } => self.voice_stopped(now, last_voice),
            TurnInput::Overlap(verdict) => self.judged(now, verdict),
            TurnInput::TurnStarted => self.vendor_started(now),
            TurnInput::Partial { words } => self.heard_words(now, words.into_inner()),
            TurnInput::EagerEnd { words } => self.vendor_nearly_done(now, words.into_inner()),
            TurnInput::Resumed => self.vendor_resumed(now),
            TurnInput::TurnEnded { words } => self.vendor_ended(now, words.into_inner()),
            TurnInput::Final { turn, transcript } => self.answered(now, turn, transcript),
            TurnInput::Failed { turn } => self.unanswered(now, turn),
            TurnInput::AgentStarted { at, guard } => {
                self.agent = Some(Agent { started: at, guard, stopped: false });
                self.watch(now);
            }
            TurnInput::AgentStopped => {
                self.agent = None;
                self.verdict = None;
                self.timers.remove(&TurnTimer::Interrupt);
            }
            TurnInput::Asked(asked) => {
                self.asked = asked;
                self.tell_patience();
                self.wait_for_end(now);
            }
            TurnInput::Hearing(hearing) => self.set_hearing(now, hearing),
            TurnInput::Manner(manner) => self.set_manner(now, manner),
            TurnInput::Abandon => self.drop_turn(),
        }
        self.check_invariants();
    }

    /// Lets every timer fire that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((timer, _)) =
            self.timers.iter().map(|(timer, at)| (*timer, *at)).filter(|(_, at)| *at <= now).min_by_key(|(_, at)| *at)
        {
            self.timers.remove(&timer);
            match timer {
                TurnTimer::Interrupt => self.watch(now),
                TurnTimer::End | TurnTimer::Longest => self.close(now),
                TurnTimer::Final => self.overdue(now),
            }
            self.check_invariants();
        }
    }

    /// When to call [`Self::handle_timeout`], and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, TurnTimer)> {
        self.timers.iter().map(|(timer, at)| (*at, *timer)).min()
    }

    /// What the machine has to say.
    pub fn poll_signal(&mut self) -> Option<TurnSignal> {
        self.signals.pop_front()
    }

    /// Whether a turn is open: begun, and neither ended nor dismissed.
    #[must_use]
    pub const fn has_turn(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the caller's voice is heard at present, whatever it is worth.
    #[must_use]
    pub const fn hears_voice(&self) -> bool {
        self.voice.is_some()
    }

    /// How the present recogniser works.
    #[must_use]
    pub const fn manner(&self) -> Manner {
        self.manner
    }

    /// The least silence, from the last sound, that this caller's own pauses have taught; zero at first.
    #[must_use]
    pub fn learnt_pause(&self) -> Duration {
        self.pauses.least()
    }

    fn begin(&mut self, now: Instant, since: Instant) {
        let id = TurnId(self.turns);
        self.turns += 1;
        let late = self.owner(now);
        let greeting = self.overlapping(since, "").is_some_and(|overlapping| start::is_greeting(&overlapping));
        let agent = self.agent.filter(|_| late.is_none());
        self.open = Some(OpenTurn {
            id,
            since,
            phase: Phase::Speaking,
            last_voice: None,
            voiced: Duration::ZERO,
            late,
            words_at: None,
            held: String::new(),
            words: String::new(),
            echoed: 0,
            eager: None,
            promised: None,
            tries: 0,
            vendor_open: false,
            greeting,
            over_agent: agent.is_some(),
            interrupted: agent.is_some_and(|agent| agent.stopped),
            decided: None,
        });
        self.signals.push_back(TurnSignal::Started { turn: id, since });
        self.timers.insert(TurnTimer::Longest, stop::longest(self.manner, self.asked, since).max(now));
    }

    /// Sets or fires the interruption of what the agent says.
    fn watch(&mut self, now: Instant) {
        match self.decide(now) {
            Decision::Now => self.interrupt(),
            Decision::At(at) => drop(self.timers.insert(TurnTimer::Interrupt, at)),
            Decision::No => {}
        }
    }

    /// The same for a voice that has just been noticed: what it is taken for is told right behind.
    fn watch_soon(&mut self, now: Instant) {
        match self.decide(now) {
            Decision::Now => drop(self.timers.insert(TurnTimer::Interrupt, now + VERDICT_FOLLOWS)),
            Decision::At(at) => drop(self.timers.insert(TurnTimer::Interrupt, at.max(now + VERDICT_FOLLOWS))),
            Decision::No => {}
        }
    }

    /// Whether the agent is interrupted, by all that is known.
    fn decide(&mut self, now: Instant) -> Decision {
        self.timers.remove(&TurnTimer::Interrupt);
        if self.hearing != Hearing::Everything {
            return Decision::No;
        }
        let Some(turn) = &self.open else { return Decision::No };
        // What was said before the agent began was not said over it.
        let over = self.agent.is_some_and(|agent| {
            turn.words_at.is_some_and(|at| at > agent.started) && !self.was_said_before(turn, agent.started)
        });
        let text = if over { turn.own_words() } else { String::new() };
        let Some(overlapping) = self.overlapping(turn.since, &text) else { return Decision::No };
        start::decide(&self.rules, now, &overlapping)
    }

    /// What the policies of interruption look at; `None` while the agent is silent or was stopped already.
    fn overlapping<'a>(&self, since: Instant, words: &'a str) -> Option<Overlapping<'a>> {
        let agent = self.agent.filter(|agent| !agent.stopped)?;
        Some(Overlapping {
            since,
            voice: self.voice,
            words,
            verdict: self.verdict,
            guard: agent.guard,
            started: agent.started,
        })
    }

    fn interrupt(&mut self) {
        let (Some(agent), Some(turn)) = (&mut self.agent, &mut self.open) else { return };
        agent.stopped = true;
        turn.interrupted = true;
        let since = turn.since.max(agent.started);
        self.signals.push_back(TurnSignal::Interrupt { since });
    }

    /// What the policies of ending look at.
    fn stopped<'a>(&self, turn: &OpenTurn, words: &'a str) -> Stopped<'a> {
        Stopped {
            asked: self.asked,
            words,
            lag: self.manner.continuous.then_some(self.manner.lag),
            punctuates: self.punctuates,
            interrupted: turn.interrupted,
            learnt: self.pauses.least(),
        }
    }

    /// What must hold between inputs.
    fn check_invariants(&self) {
        let Some(turn) = &self.open else {
            debug_assert!(self.timers.is_empty(), "nothing is waited for without a turn: {self:?}");
            return;
        };
        debug_assert!(self.hearing.hears_voice(), "a turn is heard: {self:?}");
        debug_assert_eq!(turn.eager.is_some(), turn.phase == Phase::Eager, "{self:?}");
        debug_assert_eq!(turn.decided.is_some(), turn.phase == Phase::Closing, "{self:?}");
        let waits = |timer| self.timers.contains_key(&timer);
        debug_assert!(
            match turn.phase {
                Phase::Speaking => waits(TurnTimer::Longest),
                Phase::Pausing | Phase::Eager => waits(TurnTimer::End) && waits(TurnTimer::Longest),
                Phase::Closing => waits(TurnTimer::Final),
            },
            "something ends every turn: {self:?}"
        );
    }
}

/// Two texts as one.
fn join(a: &str, b: &str) -> String {
    let space = if a.is_empty() || b.is_empty() { "" } else { " " };
    format!("{a}{space}{b}")
}

#[cfg(test)]
mod tests;
