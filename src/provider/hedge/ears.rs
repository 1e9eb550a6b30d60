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

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::past::Past;
use self::source::Source;
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
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

    fn lead_said(&mut self, now: Instant, event: SttEvent) {
        match event {
            SttEvent::TurnEnded { words } => {
                self.well();
                (self.eager, self.words) = (false, 0);
                self.past.keep(BETWEEN);
                let ended = self.turn.take().map(|(turn, _)| turn);
                self.end_for_spare(ended);
                self.emit(SttEvent::TurnEnded { words });
            }
            SttEvent::Final { turn, transcript } if self.owed == Some(turn) && self.falls_short(&transcript) => {
                self.short = Some((now, Short::Of(transcript)));
            }
            SttEvent::Final { turn, transcript } => {
                (self.missed, self.words) = (0, 0);
                if matches!(transcript, Transcript::Words { .. }) {
                    self.well();
                }
                self.answered(turn);
                self.emit(SttEvent::Final { turn, transcript });
            }
            SttEvent::Failed { turn, error } => {
                self.acts.push_back(Act::Failed(self.lead, error.clone()));
                match self.spare {
                    // It may know better; it is asked for its answer already.
                    Some(_) if self.owed == Some(turn) => self.short = Some((now, Short::Failed(error))),
                    Some(_) | None => {
                        self.answered(turn);
                        self.emit(SttEvent::Failed { turn, error });
                    }
                }
            }
            SttEvent::EagerEnd { words } => {
                self.eager = true;
                self.words = count(&words);
                self.emit(SttEvent::EagerEnd { words });
            }
            SttEvent::Resumed => {
                self.eager = false;
                self.emit(SttEvent::Resumed);
            }
            SttEvent::Partial { words } => {
                self.words = count(&words);
                self.emit(SttEvent::Partial { words });
            }
            event @ (SttEvent::TurnStarted | SttEvent::Interrupted { .. } | SttEvent::Dead { .. }) => self.emit(event),
        }
    }

    fn spare_said(&mut self, now: Instant, event: SttEvent) {
        let Some(spare) = self.spare else { return };
        let source = &mut self.sources[spare];
        // What it says before it answers a turn that is answered belongs to that.
        let late = self.turn.is_none() && source.owes_in_vain();
        match event {
            SttEvent::Partial { .. } | SttEvent::EagerEnd { .. } | SttEvent::TurnEnded { .. } if late => {}
            SttEvent::Partial { words } | SttEvent::EagerEnd { words } => source.has_words(words),
            SttEvent::TurnEnded { words } => source.has_ended(words),
            SttEvent::Final { turn, transcript } if self.owed == Some(turn) => source.has_answer(now, turn, transcript),
            // It failed where the lead has not answered either: the lead's own end will tell.
            SttEvent::Failed { turn, .. } if self.owed == Some(turn) => {
                source.has_answer(now, turn, Transcript::Nothing);
            }
            SttEvent::TurnStarted
            | SttEvent::Resumed
            | SttEvent::Final { .. }
            | SttEvent::Failed { .. }
            | SttEvent::Interrupted { .. }
            | SttEvent::Dead { .. } => {}
        }
    }

    /// Whether the spare has heard all that the lead has, and more: the lead was away, and does not know it yet.
    fn falls_short(&self, transcript: &Transcript) -> bool {
        let Some(spare) = self.spare else { return false };
        let text = match transcript {
            Transcript::Words { text, .. } => text.expose().as_str(),
            Transcript::OutOfGrammar | Transcript::Nothing => "",
        };
        let (ours, theirs) = (plain(text), plain(&self.sources[spare].text()));
        let more = if ours.is_empty() { 1 } else { AHEAD };
        theirs.len() >= ours.len() + more && ours.iter().zip(&theirs).all(|(our, their)| our == their)
    }

    /// The lead's turn is over by its own judgement: so it is for the spare.
    fn end_for_spare(&mut self, turn: Option<TurnId>) {
        let Some(spare) = self.spare else { return };
        let source = &mut self.sources[spare];
        let had_ended = source.forget();
        if let Some(turn) = turn
            && !had_ended
        {
            source.drop_answer(turn);
            self.acts.push_back(Act::Tell(spare, SttInput::End { turn }));
        }
    }

    /// The call has its answer: the others' are not wanted any more.
    fn answered(&mut self, turn: TurnId) {
        self.short = None;
        if self.turn.is_none() {
            self.past.keep(BETWEEN);
        }
        if self.owed.take_if(|owed| *owed == turn).is_none() {
            return;
        }
        if let Some(spare) = self.spare
            && !self.sources[spare].forget_answer(turn)
        {
            self.sources[spare].drop_answer(turn);
        }
    }

    /// The spare's answer is taken in place of the lead's.
    fn answer_by_spare(&mut self, admitted: &[bool]) {
        let (Some(turn), Some(spare)) = (self.owed, self.spare) else { return };
        let answer = self.sources[spare].take_answer(turn);
        let heard = answer.filter(|transcript| matches!(transcript, Transcript::Words { .. }));
        match (heard, self.short.take()) {
            (Some(transcript), short) => {
                self.owed = None;
                self.missed += 1;
                if short.is_none() {
                    self.sources[self.lead].drop_answer(turn);
                }
                self.acts.push_back(Act::Well(spare));
                self.emit(SttEvent::Final { turn, transcript });
                if self.missed == MISSED {
                    self.take_over("it does not answer in time", admitted);
                }
            }
            (None, Some((_, short))) => {
                self.owed = None;
                self.sources[spare].drop_answer(turn);
                self.emit(short.answer(turn));
            }
            // Neither has heard anything: the lead says so itself.
            (None, None) => {}
        }
    }

    fn died(&mut self, source: usize, error: Error, admitted: &[bool]) {
        if !self.sources[source].open {
            return;
        }
        self.acts.push_back(Act::Failed(source, error.clone()));
        self.acts.push_back(Act::Close(source));
        self.gone(source, error, admitted);
    }

    /// A recogniser is not there any more, or never was.
    fn gone(&mut self, source: usize, error: Error, admitted: &[bool]) {
        self.sources[source].open = false;
        self.sources[source].spent = true;
        if source == self.lead {
            self.replace_lead(error, admitted);
        } else if Some(source) == self.spare {
            self.spare = None;
            self.find_spare(admitted);
        }
    }

    fn lost(&mut self, now: Instant, source: usize, error: Error) {
        self.sources[source].lost.get_or_insert(now);
        if source == self.lead {
            self.emit(SttEvent::Interrupted { error });
        }
    }

    /// The lead is let go, though it is not dead.
    fn take_over(&mut self, why: &str, admitted: &[bool]) {
        let lead = self.lead;
        if self.spare.is_none() && self.candidate(admitted, true).is_none() {
            // It is better than nobody.
            self.sources[lead].lost = None;
            return;
        }
        let error = Error::new("a recogniser", ErrorKind::TimedOut, why);
        self.emit(SttEvent::Interrupted { error: error.clone() });
        self.died(lead, error, admitted);
    }

    fn replace_lead(&mut self, error: Error, admitted: &[bool]) {
        let Some(next) = self.spare.take().or_else(|| self.candidate(admitted, false)) else {
            self.over = true;
            return self.emit(SttEvent::Dead { error });
        };
        self.lead = next;
        (self.missed, self.ahead) = (0, None);
        if !self.sources[next].open {
            self.open(next);
            self.hear_again(next);
        }
        self.catch_up();
        self.find_spare(admitted);
    }

    /// Keeps the caller's audio for one that takes over cold.
    fn remember(&mut self, samples: &Arc<[i16]>) {
        if self.spare.is_none() && self.someone_is_left() {
            self.past.push(samples, self.turn.is_some() || self.owed.is_some());
        } else {
            self.past.forget();
        }
    }

    /// Has one that was not there hear what is left of the turn, and answer it where an answer is owed.
    fn hear_again(&mut self, at: usize) {
        let (past, whole) = self.past.take();
        if past.is_empty() {
            return;
        }
        self.sources[at].since_begin |= whole;
        let owed = self.owed;
        let tell = |input| Act::Tell(at, input);
        self.acts.extend(owed.map(|turn| tell(SttInput::Begin { turn, grammar: Arc::default() })));
        self.acts.extend(past.into_iter().map(|samples| tell(SttInput::Audio(samples))));
        self.acts.extend(owed.map(|turn| tell(SttInput::End { turn })));
    }

    /// What the new lead has understood and the call does not know.
    fn catch_up(&mut self) {
        let lead = self.lead;
        let known = self.sources[lead].recall();
        if std::mem::take(&mut self.eager) {
            self.emit(SttEvent::Resumed);
        }
        if let Some(words) = known.ended {
            self.turn = None;
            self.emit(SttEvent::TurnEnded { words });
        }
        self.words = known.words.as_ref().map_or(0, count);
        if let Some(words) = known.words {
            self.emit(SttEvent::Partial { words });
        }
        let Some(turn) = self.owed else { return };
        let short = self.short.take();
        match known.answer.filter(|(of, _)| *of == turn) {
            Some((_, transcript)) => {
                self.owed = None;
                self.emit(SttEvent::Final { turn, transcript });
            }
            None if self.sources[lead].since_begin => {}
            // It was not there when the turn was spoken.
            None => {
                self.owed = None;
                let late = || Short::Failed(Error::new("a recogniser", ErrorKind::TimedOut, "nobody heard the turn"));
                let short = short.map_or_else(late, |(_, short)| short);
                self.sources[lead].drop_answer(turn);
                self.emit(short.answer(turn));
            }
        }
    }

    fn find_spare(&mut self, admitted: &[bool]) {
        if self.warm
            && self.spare.is_none()
            && let Some(spare) = self.candidate(admitted, true)
        {
            self.spare = Some(spare);
            self.open(spare);
        }
    }

    fn is_fresh(&self, at: usize) -> bool {
        at != self.lead && !self.sources[at].open && !self.sources[at].spent
    }

    fn someone_is_left(&self) -> bool {
        (0..self.sources.len()).any(|at| self.is_fresh(at))
    }

    /// The best that is not used yet; as a lead also one that failed elsewhere, for somebody has to listen.
    fn candidate(&self, admitted: &[bool], only_admitted: bool) -> Option<usize> {
        let fresh = |&at: &usize| self.is_fresh(at);
        let best = (0..self.sources.len()).filter(fresh).find(|&at| admitted[at]);
        best.or_else(|| (0..self.sources.len()).filter(fresh).find(|_| !only_admitted))
    }

    fn open(&mut self, at: usize) {
        self.sources[at].open = true;
        self.acts.push_back(Act::Open(at));
        if self.patience != Patience::Talk {
            self.acts.push_back(Act::Tell(at, SttInput::Patience(self.patience)));
        }
        if let Some((turn, grammar)) = &self.turn {
            let begin = SttInput::Begin { turn: *turn, grammar: Arc::clone(grammar) };
            self.acts.push_back(Act::Tell(at, begin));
        }
        self.sources[at].since_begin = self.turn.is_none() && self.owed.is_none();
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

/// The words of a text, without capitals and punctuation.
fn plain(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn count(words: &Pii<String>) -> usize {
    words.expose().split_whitespace().count()
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
