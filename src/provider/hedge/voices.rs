//! Who of several synthesisers speaks one call's utterances, pure.
//!
//! An utterance is spoken in *legs*. Its first leg begins with its first text; a leg is a race: the best voice is told
//! the text, the next one as well when no audio has come for the length of the patience or when a voice fails, and whose
//! audio comes first speaks the leg. When that voice fails in the middle, another leg begins with what is not yet said.
//! Texts and samples of a leg count from its beginning; what goes out counts from the utterance's.
//!
//! The voice that spoke last is asked first: a caller does not hear two voices in turn.
//!
//! There may be a voice of last resort, one that always works and that nobody wants to hear. It is asked when all others
//! have failed, or are known to fail, and when none of them has given a sound for [`LONGEST`].

mod leg;
mod resume;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use self::leg::Leg;
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::tts::{TtsEvent, TtsInput, UtteranceId, WordMark};

/// A voice whose audio was all played so long ago, while text is left that must be spoken, has failed.
const DRY: Duration = Duration::from_millis(900);
/// The same while more text may come: some voices wait for it before they speak what they have.
const DRY_WAITING: Duration = Duration::from_millis(2_500);
/// Silence between two voices, in samples: half a word and the whole one after it are no long one then. 60 ms.
const SEAM: usize = 480;
/// With a voice of last resort nobody waits longer than this for a sound.
const LONGEST: Duration = Duration::from_millis(2_500);
/// Texts that are kept of one utterance, in bytes; longer ones are spoken but cannot change their voice.
const KEPT: usize = 256 << 10;

/// The voices of one call.
#[derive(Debug)]
pub struct Voices {
    patience: Duration,
    /// Whether each has a session.
    open: Vec<bool>,
    /// The voice that is asked first.
    current: usize,
    /// The voice of last resort.
    last: Option<usize>,
    utterance: Option<Utterance>,
    acts: VecDeque<Act>,
}

#[derive(Debug)]
struct Utterance {
    id: UtteranceId,
    text: Pii<String>,
    finishing: bool,
    leg: Leg,
    /// Voices that failed it.
    failed: Vec<bool>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Open a session with this voice; [`Voices::not_opened`] if that cannot be done.
    Open(usize),
    /// Drop its session.
    Close(usize),
    /// Tell it this.
    Tell(usize, Told),
    /// Tell the call this.
    Emit(TtsEvent),
    /// Its first audio took so long.
    Began(usize, Duration),
    /// Another one's audio came first; it was waited for so long.
    PassedOver(usize, Duration),
    /// It failed.
    Failed(usize, Error),
}

/// What a voice is told; [`TtsInput`] that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// More text.
    Text(UtteranceId, Pii<String>),
    /// No more text.
    Finish(UtteranceId),
    /// Stop; so much was heard of what this voice said.
    Cancel(UtteranceId, Duration),
}

impl From<Told> for TtsInput {
    fn from(told: Told) -> Self {
        match told {
            Told::Text(utterance, text) => Self::Text { utterance, text },
            Told::Finish(utterance) => Self::Finish { utterance },
            Told::Cancel(utterance, heard) => Self::Cancel { utterance, heard },
        }
    }
}

impl Voices {
    /// Of so many voices, in the order of preference. The best whose circuit is closed is opened at once.
    #[must_use]
    pub fn new(patience: Duration, admitted: &[bool]) -> Self {
        let current = admitted.iter().position(|&admitted| admitted).unwrap_or(0);
        let open = vec![false; admitted.len()];
        let mut voices = Self { patience, open, current, last: None, utterance: None, acts: VecDeque::new() };
        voices.need(current);
        voices
    }

    /// Makes the last voice one of last resort. It is never `admitted`.
    #[must_use]
    pub fn with_last_resort(self) -> Self {
        Self { last: self.open.len().checked_sub(1), ..self }
    }

    /// The next thing to do.
    pub fn poll_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// The call says something. `admitted` says whose circuit is closed.
    pub fn told(&mut self, now: Instant, input: TtsInput, admitted: &[bool]) {
        match input {
            TtsInput::Text { utterance, text } => {
                self.begin(utterance, admitted);
                self.text(now, text);
            }
            TtsInput::Finish { utterance } => {
                self.begin(utterance, admitted);
                let Some(current) = &mut self.utterance else { return };
                if std::mem::replace(&mut current.finishing, true) {
                    return;
                }
                let (id, listening) = (current.id, current.leg.listening());
                listening.for_each(|voice| self.acts.push_back(Act::Tell(voice, Told::Finish(id))));
                self.finish_if_nothing_is_left();
            }
            TtsInput::Cancel { utterance, heard } => {
                if let Some(current) = self.utterance.take_if(|current| current.id == utterance) {
                    for voice in current.leg.listening() {
                        let heard = current.leg.heard_of(voice, heard);
                        self.acts.push_back(Act::Tell(voice, Told::Cancel(utterance, heard)));
                    }
                }
            }
        }
    }

    /// A voice says something.
    pub fn said(&mut self, now: Instant, voice: usize, event: TtsEvent, admitted: &[bool]) {
        match event {
            TtsEvent::Audio { utterance, pcm } => {
                if self.concerns(utterance, voice) && !pcm.is_empty() {
                    self.audio(now, voice, utterance, pcm);
                }
            }
            TtsEvent::Marks { utterance, marks } => {
                if self.concerns(utterance, voice)
                    && let Some(current) = &mut self.utterance
                    && let Some(marks) = current.leg.marks(voice, marks)
                {
                    self.acts.push_back(Act::Emit(TtsEvent::Marks { utterance, marks }));
                }
            }
            TtsEvent::Finished { utterance } => {
                if self.concerns(utterance, voice) {
                    self.finished(now, voice, admitted);
                }
            }
            TtsEvent::Failed { utterance, error } => {
                self.acts.push_back(Act::Failed(voice, error.clone()));
                if self.concerns(utterance, voice) {
                    self.failed(now, voice, error, admitted);
                }
            }
            TtsEvent::Dead { error } => {
                self.open[voice] = false;
                self.acts.push_back(Act::Failed(voice, error.clone()));
                self.acts.push_back(Act::Close(voice));
                self.failed(now, voice, error, admitted);
            }
        }
    }

    /// A session could not be opened.
    pub fn not_opened(&mut self, now: Instant, voice: usize, error: Error, admitted: &[bool]) {
        self.open[voice] = false;
        self.failed(now, voice, error, admitted);
    }

    /// When to [`tick`](Self::tick) at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let current = self.utterance.as_ref()?;
        match current.leg.speaker() {
            None => current.leg.next_at(),
            Some(_) => self.dry_at(current),
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant, admitted: &[bool]) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        let Some(current) = &mut self.utterance else { return };
        let Some(speaker) = current.leg.speaker() else {
            match self.helper(now, admitted) {
                Some(voice) => self.join(now, voice),
                None => self.wait(now),
            }
            return;
        };
        if current.leg.left(current.text.expose(), current.finishing).trim().is_empty() {
            // All was spoken, and only its end was not told.
            let id = current.id;
            self.acts.push_back(Act::Tell(speaker, Told::Cancel(id, Duration::ZERO)));
            self.end(TtsEvent::Finished { utterance: id });
            return;
        }
        let error = Error::new("a voice", ErrorKind::TimedOut, "it stopped in the middle");
        self.acts.push_back(Act::Failed(speaker, error.clone()));
        self.acts.push_back(Act::Tell(speaker, Told::Cancel(current.id, Duration::ZERO)));
        self.failed(now, speaker, error, admitted);
    }

    fn concerns(&self, utterance: UtteranceId, voice: usize) -> bool {
        self.utterance.as_ref().is_some_and(|current| current.id == utterance && current.leg.takes_part(voice))
    }

    /// Begins an utterance, unless it is the one that is being said.
    fn begin(&mut self, id: UtteranceId, admitted: &[bool]) {
        if self.utterance.as_ref().is_some_and(|current| current.id == id) {
            return;
        }
        if let Some(before) = self.utterance.take() {
            for voice in before.leg.listening() {
                self.acts.push_back(Act::Tell(voice, Told::Cancel(before.id, Duration::ZERO)));
            }
        }
        let failed = vec![false; self.open.len()];
        let mut order = std::iter::once(self.current).chain(0..self.open.len());
        let voice = order.find(|&voice| admitted[voice]).or(self.last).unwrap_or(self.current);
        let leg = Leg::new(voice, 0, 0, self.open.len());
        self.utterance = Some(Utterance { id, text: Pii::default(), finishing: false, leg, failed });
        self.need(voice);
    }

    fn text(&mut self, now: Instant, text: Pii<String>) {
        let Some(current) = &mut self.utterance else { return };
        if current.finishing {
            return;
        }
        if current.text.expose().len() + text.expose().len() <= KEPT {
            current.text.expose_mut().push_str(text.expose());
        }
        if !text.expose().trim().is_empty() {
            current.leg.asked(now, self.patience);
        }
        let id = current.id;
        for voice in current.leg.listening() {
            self.acts.push_back(Act::Tell(voice, Told::Text(id, text.clone())));
        }
    }

    fn audio(&mut self, now: Instant, voice: usize, utterance: UtteranceId, pcm: std::sync::Arc<[i16]>) {
        let Some(current) = &mut self.utterance else { return };
        match current.leg.speaker() {
            Some(speaker) if speaker != voice => return,
            Some(_) => {}
            None => {
                self.current = voice;
                let (waited, losers, marks) = current.leg.won(now, voice);
                self.acts.push_back(Act::Began(voice, waited));
                for (loser, waited) in losers {
                    self.acts.push_back(Act::PassedOver(loser, waited));
                    self.acts.push_back(Act::Tell(loser, Told::Cancel(utterance, Duration::ZERO)));
                }
                if !marks.is_empty() {
                    self.acts.push_back(Act::Emit(TtsEvent::Marks { utterance, marks }));
                }
            }
        }
        current.leg.sounded(now, pcm.len());
        self.acts.push_back(Act::Emit(TtsEvent::Audio { utterance, pcm }));
    }

    fn finished(&mut self, now: Instant, voice: usize, admitted: &[bool]) {
        let Some(current) = &self.utterance else { return };
        let utterance = current.id;
        if !current.finishing {
            return;
        }
        match current.leg.speaker() {
            Some(speaker) if speaker == voice => self.end(TtsEvent::Finished { utterance }),
            Some(_) => {}
            None if !has_words(current.leg.text(current.text.expose())) => self.end(TtsEvent::Finished { utterance }),
            None => {
                let error = Error::new("a voice", ErrorKind::Broken, "it gave no audio");
                self.acts.push_back(Act::Failed(voice, error.clone()));
                self.failed(now, voice, error, admitted);
            }
        }
    }

    /// Who is asked as well when nobody is heard.
    fn helper(&self, now: Instant, admitted: &[bool]) -> Option<usize> {
        let current = self.utterance.as_ref()?;
        if let Some(voice) = next(&current.failed, &current.leg, admitted) {
            return Some(voice);
        }
        let hopeless = current.leg.listening().all(|voice| !admitted[voice]);
        let late = current.leg.begun().is_some_and(|begun| now >= begun + LONGEST);
        self.last_resort().filter(|_| hopeless || late)
    }

    fn last_resort(&self) -> Option<usize> {
        let current = self.utterance.as_ref()?;
        self.last.filter(|&last| !current.failed[last] && !current.leg.takes_part(last))
    }

    /// Who stands in for one that failed.
    fn successor(&self, admitted: &[bool]) -> Option<usize> {
        let current = self.utterance.as_ref()?;
        let best = next(&current.failed, &current.leg, admitted);
        // Better a voice that nobody wants than one that is known to fail.
        let anybody = || next(&current.failed, &current.leg, &vec![true; admitted.len()]);
        best.or_else(|| self.last_resort()).or_else(anybody)
    }

    fn wait(&mut self, now: Instant) {
        let Some(current) = &mut self.utterance else { return };
        let latest = current.leg.begun().map(|begun| begun + LONGEST).filter(|&latest| latest > now);
        let patient = now + self.patience;
        current.leg.wait(latest.filter(|_| self.last.is_some()).map_or(patient, |latest| latest.min(patient)));
    }

    /// A voice is of no use for the current utterance any more.
    fn failed(&mut self, now: Instant, voice: usize, error: Error, admitted: &[bool]) {
        let Some(current) = &mut self.utterance else { return };
        if !current.leg.takes_part(voice) {
            return;
        }
        current.failed[voice] = true;
        if current.leg.speaker() == Some(voice) {
            let (from, samples) = (current.leg.resume_at(current.text.expose()), current.leg.samples());
            if current.finishing && !has_words(&current.text.expose()[from..]) {
                let utterance = current.id;
                return self.end(TtsEvent::Finished { utterance });
            }
            let Some(next) = self.successor(admitted) else {
                return self.give_up(error);
            };
            let seam = if samples > 0 { SEAM } else { 0 };
            let Some(current) = &mut self.utterance else { return };
            current.leg = Leg::new(next, from, samples + seam as u64, self.open.len());
            if seam > 0 {
                let silence = TtsEvent::Audio { utterance: current.id, pcm: vec![0; seam].into() };
                self.acts.push_back(Act::Emit(silence));
            }
            self.current = next;
            self.need(next);
            self.tell_all(now, next);
            return self.finish_if_nothing_is_left();
        }
        current.leg.dropped(voice);
        if current.leg.listening().next().is_some() {
            return;
        }
        match self.successor(admitted) {
            Some(next) => self.join(now, next),
            None => self.give_up(error),
        }
    }

    fn give_up(&mut self, error: Error) {
        if let Some(current) = &self.utterance {
            let utterance = current.id;
            self.end(TtsEvent::Failed { utterance, error });
        }
    }

    /// One more voice runs for the current leg.
    fn join(&mut self, now: Instant, voice: usize) {
        self.need(voice);
        if let Some(current) = &mut self.utterance {
            current.leg.joined(voice);
        }
        self.tell_all(now, voice);
    }

    /// Tells a voice all of the leg so far.
    fn tell_all(&mut self, now: Instant, voice: usize) {
        let Some(current) = &mut self.utterance else { return };
        let text = current.leg.text(current.text.expose()).to_owned();
        let id = current.id;
        if !text.trim().is_empty() {
            current.leg.asked_again(now, voice, self.patience);
            self.acts.push_back(Act::Tell(voice, Told::Text(id, Pii::new(text))));
        }
        if current.finishing {
            self.acts.push_back(Act::Tell(voice, Told::Finish(id)));
        }
    }

    /// A leg without words has nobody to wait for.
    fn finish_if_nothing_is_left(&mut self) {
        let Some(current) = &self.utterance else { return };
        let utterance = current.id;
        let nothing =
            current.finishing && current.leg.is_later() && !has_words(current.leg.text(current.text.expose()));
        if nothing {
            for voice in current.leg.listening() {
                self.acts.push_back(Act::Tell(voice, Told::Cancel(utterance, Duration::ZERO)));
            }
            self.end(TtsEvent::Finished { utterance });
        }
    }

    fn end(&mut self, last: TtsEvent) {
        self.utterance = None;
        self.acts.push_back(Act::Emit(last));
    }

    fn need(&mut self, voice: usize) {
        if !std::mem::replace(&mut self.open[voice], true) {
            self.acts.push_back(Act::Open(voice));
        }
    }

    fn dry_at(&self, current: &Utterance) -> Option<Instant> {
        let patience = if current.finishing { DRY } else { DRY_WAITING };
        let left = !current.leg.left(current.text.expose(), current.finishing).trim().is_empty();
        (left || current.finishing).then(|| current.leg.idle_since()).flatten().map(|at| at + patience)
    }
}

/// The best voice with a closed circuit that was not asked for this leg.
fn next(failed: &[bool], leg: &Leg, admitted: &[bool]) -> Option<usize> {
    (0..failed.len()).find(|&voice| admitted[voice] && !failed[voice] && !leg.takes_part(voice))
}

fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Marks moved by what was said before.
fn moved(marks: Vec<WordMark>, bytes: usize, samples: u64) -> Vec<WordMark> {
    let one = |mark: WordMark| WordMark { text_end: mark.text_end + bytes, sample_end: mark.sample_end + samples };
    marks.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests;
