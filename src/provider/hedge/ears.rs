//! Which of several recognisers is listened to in one call, pure.
//!
//! Two of them hear the caller all the time: the *lead*, whose words the call gets, and a *spare*, whose words are only
//! remembered. The spare takes over when the lead is dead, when its connection does not come back, or when it says nothing
//! while the spare understands; another recogniser becomes the spare then.
//!
//! Without a warm spare, which costs twice, and with the last one of several, the caller's latest audio is kept and told to
//! whoever takes over: it understands the turn a little later.
//!
//! No word comes twice and none is lost, because both are told where turns end: when the lead has ended a turn by itself,
//! the spare is told its end as well and its answer is dropped; when the lead owes an answer that the spare has given, the
//! spare's is taken and the lead's dropped.
//!
//! Where some recognisers detect turns and others do not, none of them does, seen from the call: what one of them calls a
//! turn is only more words then.

mod past;
mod source;
mod succession;
mod words;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::past::Past;
use self::source::Source;
use crate::provider::error::Error;
use crate::provider::stt::{Grammar, Manner, Patience, SttEvent, SttInput, Transcript, TurnId};

/// A connection that was lost is waited for this long.
const LOST: Duration = Duration::from_millis(1_500);
/// The lead may say nothing for this long while the spare is ahead.
const SILENT: Duration = Duration::from_millis(1_500);
/// The spare is ahead when it has so many more words; one word may be two to the other.
const AHEAD: usize = 2;
/// Patience with the lead's answer once the spare has given its own.
const ANSWER: Duration = Duration::from_millis(300);
/// Answers in a row that the spare gave in place of the lead, before it takes over.
const MISSED: u32 = 2;

/// Of the caller's audio, what is kept when a turn is announced: its voice began before. 1 s.
const PRE_ROLL: usize = 8_000;
/// The same when a turn is over: no word of it may be left. 400 ms.
const BETWEEN: usize = 8_000 * 4 / 10;

/// The recognisers of one call.
#[derive(Debug)]
pub struct Ears {
    sources: Vec<Source>,
    lead: usize,
    spare: Option<usize>,
    /// Whether a spare is fed all the time.
    warm: bool,
    /// What the caller said lately, while there is no spare and could be one.
    past: Past,
    /// The turn that is open, and what may be said in it.
    turn: Option<(TurnId, Arc<Grammar>)>,
    /// The turn whose answer the call waits for.
    owed: Option<TurnId>,
    /// The lead's answer to it is none, or lacks words that the spare has: the spare may still know.
    short: Option<(Instant, Short)>,
    patience: Patience,
    /// Words of the lead since the last answer.
    words: usize,
    /// Since when the spare is ahead and the lead has said nothing.
    ahead: Option<Instant>,
    /// The lead has announced an early end that was not taken back.
    eager: bool,
    missed: u32,
    over: bool,
    acts: VecDeque<Act>,
}

/// An answer of the lead that is not passed on at once.
#[derive(Debug)]
enum Short {
    /// It has failed.
    Failed(Error),
    /// It has heard less than the spare.
    Of(Transcript),
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Act {
    /// Open a session; [`Ears::not_opened`] if that cannot be done.
    Open(usize),
    /// Drop its session.
    Close(usize),
    /// Tell it this.
    Tell(usize, SttInput),
    /// Tell the call this.
    Emit(SttEvent),
    /// It understands.
    Well(usize),
    /// It failed.
    Failed(usize, Error),
}

impl Ears {
    /// Whose words the call is told.
    #[must_use]
    pub const fn lead(&self) -> usize {
        self.lead
    }

    /// Of recognisers in the order of preference. `admitted` says whose circuit is closed; the first of them, and with
    /// `warm` the first two, are opened at once.
    #[must_use]
    pub fn new(manners: &[Manner], admitted: &[bool], warm: bool) -> Self {
        let manner = common(manners);
        let source = |own: &Manner| Source::new(own.detects_turns && !manner.detects_turns);
        let lead = admitted.iter().position(|&admitted| admitted).unwrap_or(0);
        let mut ears = Self {
            sources: manners.iter().map(source).collect(),
            lead,
            spare: None,
            warm,
            past: Past::default(),
            turn: None,
            owed: None,
            short: None,
            patience: Patience::Talk,
            words: 0,
            ahead: None,
            eager: false,
            missed: 0,
            over: false,
            acts: VecDeque::new(),
        };
        ears.open(lead);
        ears.find_spare(admitted);
        ears
    }

    /// The next thing to do.
    pub fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// The call says something.
    pub fn told(&mut self, input: SttInput) {
        match &input {
            SttInput::Begin { turn, grammar } => {
                self.turn = Some((*turn, Arc::clone(grammar)));
                self.eager = false;
                self.words = 0;
                self.sources.iter_mut().for_each(Source::begin);
                self.past.keep(PRE_ROLL);
            }
            SttInput::End { turn } => {
                self.turn.take_if(|(open, _)| open == turn);
                self.owed = Some(*turn);
                self.short = None;
            }
            SttInput::Abandon { turn } => {
                self.turn.take_if(|(open, _)| open == turn);
                self.owed.take_if(|owed| owed == turn);
                self.words = 0;
                self.sources.iter_mut().for_each(Source::begin);
                self.past.keep(BETWEEN);
            }
            SttInput::Patience(patience) => self.patience = *patience,
            SttInput::Audio(samples) => self.remember(samples),
        }
        for source in [Some(self.lead), self.spare].into_iter().flatten() {
            self.acts.push_back(Act::Tell(source, input.clone()));
        }
    }

    /// A recogniser says something.
    pub fn said(&mut self, now: Instant, source: usize, event: SttEvent, admitted: &[bool]) {
        if self.over {
            return;
        }
        match &event {
            SttEvent::Dead { error } => return self.died(source, error.clone(), admitted),
            SttEvent::Interrupted { error } => return self.lost(now, source, error.clone()),
            SttEvent::TurnStarted
            | SttEvent::Partial { .. }
            | SttEvent::EagerEnd { .. }
            | SttEvent::Resumed
            | SttEvent::TurnEnded { .. }
            | SttEvent::Final { .. }
            | SttEvent::Failed { .. } => {}
        }
        let event = self.sources[source].take(event);
        if source == self.lead {
            self.ahead = None;
            event.into_iter().for_each(|event| self.lead_said(now, event));
        } else if Some(source) == self.spare {
            event.into_iter().for_each(|event| self.spare_said(now, event));
        }
        self.compare(now);
    }

    /// A session could not be opened.
    pub fn not_opened(&mut self, source: usize, error: Error, admitted: &[bool]) {
        // A vendor without a free place has not failed.
        self.gone(source, error, admitted);
    }

    /// When to [`tick`](Self::tick) at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        [self.lost_at(), self.silent_at(), self.answer_at()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant, admitted: &[bool]) {
        if self.over {
            return;
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.answer_at()) {
            self.answer_by_spare(admitted);
        }
        if due(self.lost_at()) {
            self.take_over("its connection does not come back", admitted);
        } else if due(self.silent_at()) {
            self.take_over("it says nothing though there is speech", admitted);
        }
    }

    /// Notes since when the spare is ahead.
    fn compare(&mut self, now: Instant) {
        let spare = self.spare.map_or(0, |spare| self.sources[spare].words_ahead());
        let ahead = if self.words == 0 { spare > 0 } else { spare >= self.words + AHEAD };
        // Between turns a spare whose connection is back may still tell what was said in the one before.
        let asked = self.turn.is_some() || self.owed.is_some();
        self.ahead = (ahead && asked).then(|| self.ahead.unwrap_or(now));
    }

    fn lost_at(&self) -> Option<Instant> {
        let other = match self.spare {
            Some(spare) => self.sources[spare].lost.is_none(),
            None => self.someone_is_left(),
        };
        self.sources[self.lead].lost.filter(|_| other).map(|at| at + LOST)
    }

    fn silent_at(&self) -> Option<Instant> {
        self.ahead.map(|since| since + SILENT)
    }

    fn answer_at(&self) -> Option<Instant> {
        let turn = self.owed?;
        let spare = self.spare?;
        let answered = self.sources[spare].answered_at(turn);
        let short = self.short.as_ref().map(|(at, _)| *at + ANSWER);
        match (answered, short) {
            // Both are there: nothing to wait for.
            (Some(at), Some(_)) => Some(at),
            (Some(at), None) => Some(at + ANSWER).filter(|_| self.sources[spare].has_heard(turn)),
            (None, short) => short,
        }
    }

    fn well(&mut self) {
        self.acts.push_back(Act::Well(self.lead));
    }

    fn emit(&mut self, event: SttEvent) {
        self.acts.push_back(Act::Emit(event));
    }
}

impl Short {
    /// As the call is told it when the spare does not know better.
    fn answer(self, turn: TurnId) -> SttEvent {
        match self {
            Self::Failed(error) => SttEvent::Failed { turn, error },
            Self::Of(transcript) => SttEvent::Final { turn, transcript },
        }
    }
}

/// How recognisers hear that stand in for each other.
#[must_use]
pub fn common(manners: &[Manner]) -> Manner {
    Manner {
        continuous: manners.iter().all(|manner| manner.continuous),
        detects_turns: manners.iter().all(|manner| manner.detects_turns),
        replies: manners.iter().all(|manner| manner.replies),
        lag: manners.iter().map(|manner| manner.lag).max().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
