//! A bot of somebody else's leads: the conversation says when it may be heard, and speaks itself only where a fixed text is
//! due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::{Action, Conversation, Ending, Keys, Lead, ScriptError, Stage, Timer, model};
use crate::agent::assistant::Assistant;
use crate::agent::external::{ExternalNews, ExternalOrder};
use crate::agent::flow::meaning::Expectation;
use crate::agent::flow::template;
use crate::agent::turn::machine::Turn;
use crate::pii::Pii;
use crate::provider::stt::Transcript;

/// The `reason` of calls that the bot ended.
const HUNG_UP: &str = "bot_hung_up";
/// Keys that are written down together.
const MOST_KEYS: usize = 32;

/// What is known of the bot.
pub(super) struct ExternalLead {
    /// What it is let know; taken when it is called.
    parameters: Option<BTreeMap<String, Pii<String>>>,
    /// A recogniser writes down what the caller says.
    pub(super) listens: bool,
    /// What may be said: anything.
    pub(super) anything: Arc<Expectation>,
    /// The assistant has last words of its own.
    has_closing: bool,
    /// It was told that it is heard.
    floor: bool,
    over: Option<Over>,
}

/// How a bot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    HungUp,
    Dead,
}

impl ExternalLead {
    /// For a contact with these values.
    pub(super) fn new(assistant: &Assistant, values: &BTreeMap<String, String>) -> Result<Self, ScriptError> {
        let fill = |(name, text): (&String, &Pii<String>)| {
            let value = model::render("external", text, values, template::render)?;
            Ok((name.clone(), Pii::new(value)))
        };
        let parameters = assistant.external.parameters.iter().map(fill).collect::<Result<_, ScriptError>>()?;
        Ok(Self {
            parameters: Some(parameters),
            listens: !assistant.providers.stt.is_empty(),
            anything: Arc::new(Expectation::nothing(&assistant.language)),
            has_closing: assistant.closing.is_some(),
            floor: false,
            over: None,
        })
    }
}

impl Conversation {
    /// The bot is called.
    pub(super) fn external_open(&mut self) {
        if let Lead::External(bot) = &mut self.lead
            && let Some(parameters) = bot.parameters.take()
        {
            self.actions.push_back(Action::External(ExternalOrder::Open { parameters }));
        }
    }

    pub(super) fn external_news(&mut self, now: Instant, news: ExternalNews) {
        let Lead::External(bot) = &mut self.lead else { return };
        match news {
            ExternalNews::Ready => {}
            ExternalNews::Spoke { ago } => {
                let at = now.checked_sub(ago).unwrap_or(now);
                let since_answer = self.since_answer(at);
                self.outcome.first_speech.get_or_insert(since_answer);
            }
            ExternalNews::HungUp => bot.over = Some(Over::HungUp),
            ExternalNews::Dead => bot.over = Some(Over::Dead),
        }
    }

    /// What follows from the state alone: whether the bot is heard, and what is said when it is gone.
    pub(super) fn external_move_on(&mut self, now: Instant) {
        let may_end = self.stage == Stage::Talking
            && !self.manners.keeps_quiet()
            && !self.is_saying_goodbye()
            && !self.closing
            && !self.tools.is_transferring();
        let Lead::External(bot) = &mut self.lead else { return };
        match bot.over.take_if(|_| may_end) {
            Some(Over::HungUp) => return self.end(now, Ending::Completed { reason: HUNG_UP.to_owned() }),
            Some(Over::Dead) => {
                let last = if bot.has_closing { self.farewell } else { self.phrases.trouble };
                self.say_goodbye(last, Ending::ModelFailed);
            }
            None => {}
        }
        let heard = self.manners.gives_word() && !self.muted && !self.closing && self.is_mouth_free();
        if let Lead::External(bot) = &mut self.lead
            && std::mem::replace(&mut bot.floor, heard) != heard
        {
            self.actions.push_back(Action::External(ExternalOrder::Floor(heard)));
        }
    }

    /// A turn of the caller's is over: it is written down, the bot has heard it.
    pub(super) fn external_heard(&mut self, turn: Turn) {
        let text = match turn.transcript {
            Transcript::Words { text, .. } => text.into_inner(),
            Transcript::Nothing | Transcript::OutOfGrammar => String::new(),
        };
        self.write_caller(text, turn.since, turn.last_voice);
    }

    /// The bot is told of a key at once; it is written down with those that follow it.
    pub(super) fn external_key(&mut self, now: Instant, digit: char, at: Instant) {
        self.actions.push_back(Action::External(ExternalOrder::Key(digit)));
        let keys = self.keys.get_or_insert(Keys { typed: String::new(), first: at, last: at });
        keys.typed.push(digit);
        keys.last = at;
        let over = keys.typed.len() >= MOST_KEYS;
        self.timers.insert(Timer::Digit, if over { now } else { now + self.timing.key_pause });
    }
}
