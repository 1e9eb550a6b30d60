//! What the manners of the call make of the caller's words: wishes that are granted at once, and card data.

use std::time::Instant;

use super::super::asking::asking_text;
use super::super::mouth::Purpose;
use super::super::{AnswerStatus, Conversation, Ending, Lead, Source, Speaker};
use super::{Quiet, Told};
use crate::agent::manners::{Speaks, card, optout, screening, speaks, voicemail};
use crate::agent::turn::machine::Turn;
use crate::pii::Pii;
use crate::provider::stt::Transcript;

impl Conversation {
    /// A turn of the caller's is over. True when the manners of the call have dealt with it: the lead does not see it.
    pub(in crate::agent::conversation) fn mind_turn(&mut self, now: Instant, turn: &Turn) -> bool {
        let text = match &turn.transcript {
            Transcript::Words { text, .. } => text.expose().clone(),
            Transcript::OutOfGrammar | Transcript::Nothing => String::new(),
        };
        self.watch_card(now, &text);
        let spoken = (turn.since, turn.last_voice);
        if self.mind_words(now, &text, spoken) {
            return true;
        }
        if self.mouth.silent_since.is_some_and(|silent| turn.since >= silent) && !text.is_empty() {
            self.met_person(now);
        }
        false
    }

    /// The same for words alone, which a speech-to-speech model has heard as well. Dealt with, they are written down.
    pub(in crate::agent::conversation) fn mind_words(
        &mut self,
        now: Instant,
        text: &str,
        spoken: (Instant, Instant),
    ) -> bool {
        if self.manners.quiet != Quiet::No {
            self.write_caller(text.to_owned(), spoken.0, spoken.1);
            self.hear_machine(now, text);
            return true;
        }
        if self.is_saying_goodbye() || text.is_empty() {
            return self.mind_unopened(text, spoken);
        }
        if optout::asked(self.manners.language, text) {
            self.write_caller(text.to_owned(), spoken.0, spoken.1);
            self.grant_opt_out(now, text);
            return true;
        }
        let at = self.millis(spoken.1);
        if self.manners.disclosing.heard(text, at) {
            self.manners.unrecorded = true;
            self.outcome.disclosed = self.manners.disclosing.record();
            self.write_caller(text.to_owned(), spoken.0, spoken.1);
            self.confirm_refusal(now, text);
            return true;
        }
        if let Some(screener) = &mut self.manners.screener {
            let step = screener.heard(now, text);
            if step != screening::Step::Nothing {
                self.write_caller(text.to_owned(), spoken.0, spoken.1);
                self.pass_screening(now, step, text);
                return true;
            }
        }
        let step = self.manners.answering.heard(now, text);
        if step != voicemail::Step::Nothing {
            self.write_caller(text.to_owned(), spoken.0, spoken.1);
            self.answer_machine(now, step);
            return true;
        }
        self.face_menu(now, text);
        self.outcome.ending.is_some() || self.mind_unopened(text, spoken)
    }

    /// Before the lead has the word, the caller's words are known to it and answered by nobody.
    fn mind_unopened(&mut self, text: &str, spoken: (Instant, Instant)) -> bool {
        let telling = self.mouth.open.as_ref().is_some_and(|reply| matches!(reply.saying.purpose, Purpose::Told(_)));
        if self.manners.opened || !telling {
            return false;
        }
        self.write_caller(text.to_owned(), spoken.0, spoken.1);
        if let (Lead::Model(model), false) = (&mut self.lead, text.is_empty()) {
            model.context.caller_first(text);
        }
        true
    }

    /// Words while we keep quiet.
    fn hear_machine(&mut self, now: Instant, text: &str) {
        if let Some(screener) = &mut self.manners.screener {
            let screened = screener.is_screened();
            let step = screener.heard(now, text);
            if screened || step != screening::Step::Nothing {
                return self.pass_screening(now, step, text);
            }
            if speaks(self.manners.language, text) == Speaks::Screening {
                return;
            }
        }
        let step = self.manners.answering.heard(now, text);
        self.answer_machine(now, step);
        if self.manners.quiet == Quiet::Silent && !self.manners.answering.is_with_machine() {
            // What sounded like a screening service is none.
            self.met_person(now);
            self.manners.quiet = Quiet::No;
            self.resume(now);
        }
    }

    /// The caller does not want to be called again: that is kept, confirmed, and the end.
    fn grant_opt_out(&mut self, now: Instant, words: &str) {
        if let Lead::Model(model) = &mut self.lead {
            model.context.caller(words);
        }
        self.opt_out_with(words.to_owned());
        self.close_question(now, AnswerStatus::Declined);
        self.owe_nothing();
        self.cancel_generation();
        self.stop_understanding();
        self.drop_tools(now);
        self.hold_native();
        self.manners.opened = true;
        let confirmation = self.manners.opted_out;
        self.say_goodbye(confirmation, Ending::OptedOut);
    }

    /// The recording is off; that is said, and what was interrupted goes on.
    fn confirm_refusal(&mut self, now: Instant, words: &str) {
        let refused = self.manners.refused;
        if let Lead::Native(_) = self.lead {
            return self.note(Pii::new(
                "The recording of this call has just been switched off, as the caller asked.".to_owned(),
            ));
        }
        self.resume(now);
        if let Lead::Model(model) = &mut self.lead {
            model.context.caller(words);
        }
        let again = match (&self.lead, self.is_mouth_free()) {
            (Lead::Flow(_), true) => self.asking().map(asking_text),
            (Lead::Flow(_) | Lead::Model(_) | Lead::Native(_) | Lead::External(_), _) => None,
        };
        let saying = self.say_first(Source::Prompt(refused), Purpose::Told(Told::Refused));
        if let Lead::Model(model) = &mut self.lead {
            model.context.say_beside(saying, false);
        }
        if let Some(question) = again {
            self.say_after(Source::Prompt(question), Purpose::Question, None);
        }
    }

    /// Words of the caller's that are whole, seen for card data only.
    pub(in crate::agent::conversation) fn watch_card(&mut self, now: Instant, text: &str) {
        if let Some(card) = &mut self.manners.card {
            let step = card.heard(now, text, true);
            self.guard_card(step);
        }
    }

    /// A key of the caller's, seen for card data and as the sign of a person.
    pub(in crate::agent::conversation) fn watch_key(&mut self, now: Instant, key: char) {
        if let Some(card) = &mut self.manners.card {
            let step = card.key(now, key);
            self.guard_card(step);
        }
        self.met_person(now);
    }

    /// Numbers that are no cards are asked for, or not any more.
    pub(in crate::agent::conversation) const fn expect_number(&mut self, expects: bool) {
        if let Some(card) = &mut self.manners.card {
            card.expect_number(expects);
        }
    }

    /// What was written of a card number before it was known to be one is masked.
    pub(super) fn guard_card(&mut self, step: card::Step) {
        let card::Step::Pause { lines } = step else { return };
        let Some(card) = &self.manners.card else { return };
        let callers = self.outcome.transcript.iter_mut().rev().filter(|line| line.speaker == Speaker::Caller);
        for line in callers.take(lines) {
            line.text = Pii::new(card.masked(line.text.expose()));
        }
    }
}
