//! Whose words the call gets: the lead's, and the spare's where the lead has none or fewer.

use std::time::Instant;

use super::{AHEAD, Act, BETWEEN, Ears, MISSED, Short};
use crate::pii::Pii;
use crate::provider::stt::{SttEvent, SttInput, Transcript, TurnId};

impl Ears {
    pub(super) fn lead_said(&mut self, now: Instant, event: SttEvent) {
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

    pub(super) fn spare_said(&mut self, now: Instant, event: SttEvent) {
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
    pub(super) fn answer_by_spare(&mut self, admitted: &[bool]) {
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
}

/// The words of a text, without capitals and punctuation.
fn plain(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

pub(super) fn count(words: &Pii<String>) -> usize {
    words.expose().split_whitespace().count()
}
