//! The manners of a call, carried out: what the policies of [`crate::agent::manners`] want is said, or left unsaid,
//! whoever leads.
//!
//! ```text
//!            disclosures said               machine, screening               person after all
//!  (answer) ──────────────────► the lead has ──────────────────► quiet ──────────────────────► the lead has
//!                               the word                          │  ▲   message, statement   the word
//!                                                                 ▼  │
//!                                                              telling
//! ```
//!
//! Fixed texts (disclosure, message, name and reason) are spoken by the voice in every mode: what must be said is not
//! left to a model.

mod machines;
mod words;

use std::collections::BTreeMap;
use std::time::Instant;

use super::mouth::{Purpose, Saying};
use super::{Action, AnswerValue, Conversation, Lead, PromptId, ScriptError, Source, Stage, Texts, Timer, model};
use crate::agent::assistant::{Assistant, VoicemailPolicy};
use crate::agent::flow::template;
use crate::agent::language::Language;
use crate::agent::manners::card::CardWatch;
use crate::agent::manners::disclosure::{self, Disclosing};
use crate::agent::manners::ivr::Menus;
use crate::agent::manners::optout;
use crate::agent::manners::screening::{self, Screener};
use crate::agent::manners::voicemail::Answering;
use crate::pii::Pii;

/// The policies of one call and what they say.
#[derive(Debug)]
pub(super) struct Manners {
    language: Language,
    answering: Answering,
    /// Only where the assistant knows what to tell a screening service.
    screener: Option<Screener>,
    menus: Menus,
    /// The menu heard last.
    menu: Option<String>,
    disclosing: Disclosing,
    /// Only where the assistant watches for cards.
    card: Option<CardWatch>,
    quiet: Quiet,
    /// The lead has been given the word.
    opened: bool,
    /// The caller refused to be recorded.
    unrecorded: bool,
    message: Option<PromptId>,
    statement: Option<PromptId>,
    lines: [(disclosure::Line, PromptId); 2],
    refused: PromptId,
    opted_out: PromptId,
}

/// Whether the agent keeps to itself what it would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    /// It talks.
    No,
    /// It says nothing at all.
    Silent,
    /// It says what a machine is to be told and nothing else.
    Telling,
}

/// A fixed text that the manners of the call want said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What everybody is told first.
    Disclosure(disclosure::Line),
    /// The message left on a machine.
    Message,
    /// Name and reason, for a screening service.
    Statement,
    /// The recording is off.
    Refused,
}

impl Told {
    /// Whether it is said whole, whatever the caller does.
    pub(super) const fn is_whole(self) -> bool {
        match self {
            Self::Disclosure(_) | Self::Message | Self::Statement => true,
            Self::Refused => false,
        }
    }
}

impl Manners {
    /// For a contact with these values.
    pub(super) fn new(
        assistant: &Assistant,
        values: &BTreeMap<String, String>,
        texts: &mut Texts,
    ) -> Result<Self, ScriptError> {
        let language = Language::or_english(&assistant.language);
        let render = |field: &str, text: &Pii<String>| model::render(field, text, values, template::render);
        let message = match (&assistant.voicemail.policy, &assistant.voicemail.message) {
            (VoicemailPolicy::LeaveMessage, Some(message)) => Some(texts.add(render("voicemail", message)?)),
            (VoicemailPolicy::LeaveMessage, None) | (VoicemailPolicy::HangUp, _) => None,
        };
        let statement = match &assistant.screening {
            Some(known) => {
                let (name, reason) = (render("screening", &known.name)?, render("screening", &known.reason)?);
                Some(texts.add(screening::statement(language, &name, &reason)))
            }
            None => None,
        };
        let wanted = &assistant.disclosure;
        let mut line = |line, own: &Option<Pii<String>>| -> Result<_, ScriptError> {
            let text = match own {
                Some(own) => render("disclosure", own)?,
                None => disclosure::usual(language, line).to_owned(),
            };
            Ok((line, texts.add(text)))
        };
        let lines =
            [line(disclosure::Line::Ai, &wanted.ai_text)?, line(disclosure::Line::Recording, &wanted.recording_text)?];
        Ok(Self {
            language,
            answering: Answering::new(language, message.is_some()),
            screener: statement.map(|_| Screener::new(language)),
            menus: Menus::new(language),
            menu: None,
            disclosing: Disclosing::new(language, wanted, assistant.recording.audio),
            card: assistant.recording.pause_for_cards.then(|| CardWatch::new(language)),
            quiet: Quiet::No,
            opened: false,
            unrecorded: false,
            message,
            statement,
            lines,
            refused: texts.add(disclosure::refused(language).to_owned()),
            opted_out: texts.add(optout::confirmation(language).to_owned()),
        })
    }

    /// What is said before the lead says anything.
    pub(super) fn first_texts(&self, wanted: &crate::agent::assistant::Disclosure) -> Vec<PromptId> {
        let owed = |line| match line {
            disclosure::Line::Ai => wanted.ai,
            disclosure::Line::Recording => wanted.recording,
        };
        self.lines.iter().filter(|(line, _)| owed(*line)).map(|(_, prompt)| *prompt).collect()
    }

    /// What machines are told.
    pub(super) fn machine_texts(&self) -> impl Iterator<Item = PromptId> {
        self.message.into_iter().chain(self.statement)
    }

    /// Whether what the lead says is kept back.
    pub(super) fn keeps_quiet(&self) -> bool {
        self.quiet != Quiet::No
    }

    /// Whether the lead may be heard at all.
    pub(super) fn gives_word(&self) -> bool {
        self.opened && self.quiet == Quiet::No
    }

    /// Whether something is being disclosed, or is still to be before the lead has the word.
    pub(super) const fn is_disclosing(&self) -> bool {
        !self.opened
    }

    /// Whether this may be said now.
    pub(super) fn lets_say(&self, saying: &Saying) -> bool {
        match self.quiet {
            Quiet::No => true,
            Quiet::Silent => false,
            Quiet::Telling => matches!(saying.purpose, Purpose::Told(_)),
        }
    }

    /// Whether nothing may be recorded: a card is being given, or the caller will not have it.
    pub(super) fn forbids_recording(&self) -> bool {
        self.unrecorded || self.card.as_ref().is_some_and(CardWatch::is_paused)
    }

    /// Whether the number of a card has just been given.
    pub(super) fn has_card(&self) -> bool {
        self.card.as_ref().is_some_and(CardWatch::has_card)
    }

    /// Whether digits are being given that may turn out to be a card's.
    pub(super) fn hears_digits(&self, now: Instant) -> bool {
        self.card.as_ref().is_some_and(|card| card.hears_digits(now))
    }

    /// A line as it may be written.
    pub(super) fn masked(&self, text: &str, keys: bool) -> String {
        match &self.card {
            Some(card) if keys => card.masked_keys(text),
            Some(card) => card.masked(text),
            None => text.to_owned(),
        }
    }

    /// An answer as it may be kept: the number of a card is none.
    pub(super) fn masked_answer(&self, value: AnswerValue) -> AnswerValue {
        if let AnswerValue::Digits(digits) = &value {
            return AnswerValue::Digits(Pii::new(self.masked(digits.expose(), true)));
        }
        value
    }

    /// When something is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let screener = self.screener.as_ref().and_then(Screener::poll_timeout);
        let card = self.card.as_ref().and_then(CardWatch::poll_timeout);
        [self.answering.poll_timeout(), screener, card].into_iter().flatten().min()
    }
}

impl Conversation {
    /// The agent keeps still: a supervisor or the manners of the call want it.
    pub(super) fn is_silenced(&self) -> bool {
        self.muted || self.manners.keeps_quiet()
    }

    /// Says what is still to be disclosed, then gives the lead the word.
    pub(super) fn take_the_floor(&mut self, now: Instant) {
        if self.mouth.queue.iter().any(|saying| matches!(saying.purpose, Purpose::Told(_))) {
            return;
        }
        let owed = self.manners.disclosing.next();
        match owed.and_then(|line| self.manners.lines.iter().find(|(known, _)| *known == line).copied()) {
            Some((line, prompt)) => self.say_fixed(prompt, Told::Disclosure(line)),
            None => {
                self.manners.opened = true;
                self.lead_open(now);
            }
        }
    }

    /// Says a fixed text behind what waits.
    fn say_fixed(&mut self, prompt: PromptId, told: Told) {
        let saying = self.say_after(Source::Prompt(prompt), Purpose::Told(told), None);
        if let Lead::Model(model) = &mut self.lead {
            model.context.say_beside(saying, false);
        }
    }

    /// A fixed text was said to its end.
    pub(super) fn told(&mut self, now: Instant, told: Told) {
        match told {
            Told::Disclosure(line) => {
                let at = self.millis(now);
                self.manners.disclosing.said(line, at);
                self.outcome.disclosed = self.manners.disclosing.record();
                if self.manners.quiet == Quiet::No && !self.manners.opened {
                    self.take_the_floor(now);
                }
            }
            Told::Message => {
                let step = self.manners.answering.message_said();
                self.answer_machine(now, step);
            }
            Told::Statement => {
                self.manners.quiet = Quiet::Silent;
                if let Some(screener) = &mut self.manners.screener {
                    screener.said(now);
                }
            }
            Told::Refused if self.manners.is_disclosing() => self.take_the_floor(now),
            Told::Refused => self.wait_for_answer(now),
        }
    }

    /// Something that the manners of the call wait for is due.
    pub(super) fn manners_due(&mut self, now: Instant) {
        let step = self.manners.answering.handle_timeout(now);
        self.answer_machine(now, step);
        if let Some(screener) = &mut self.manners.screener {
            let step = screener.handle_timeout(now);
            self.pass_screening(now, step, "");
        }
        if let Some(card) = &mut self.manners.card {
            let step = card.handle_timeout(now);
            self.guard_card(step);
        }
    }

    /// Everything that was being said, prepared or done is off; nothing is owed for it.
    fn drop_everything(&mut self, now: Instant) {
        self.timers.remove(&Timer::Greeting);
        if self.stage == Stage::Greeting {
            self.stage = Stage::Talking;
        }
        self.drop_keys();
        self.owe_nothing();
        self.hold_native();
        self.cancel_generation();
        self.stop_understanding();
        self.drop_tools(now);
        if let Lead::Flow(flow) = &mut self.lead {
            flow.asking = None;
        }
        self.hush();
    }

    /// Tells the recorder what may be kept, when that has changed.
    pub(super) fn tell_recorder(&mut self) {
        let on = !(self.is_off_record() || self.manners.forbids_recording());
        if std::mem::replace(&mut self.told_recording, on) != on {
            self.actions.push_back(Action::Record(on));
        }
    }
}
