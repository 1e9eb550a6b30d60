//! Services that stand before a phone (iOS 26, Pixel, Truecaller): they ask who calls and why, show the answer to the
//! person, and put the call through or not.
//!
//! ```text
//!        asked              said            asked again (once)
//!  Off ────────► Stating ────────► Waiting ────────────────► Stating
//!                                     │ person: talk │ refused, mailbox, 45 s: over
//! ```
//!
//! Name and reason are said once, whole; then we are quiet. There is no idle prompt, no "are you still there", and no
//! hang-up while the person reads.

use std::time::{Duration, Instant};

use callwright_media::detect::phrases::PhraseBook;

use crate::agent::language::Language;
use crate::agent::words::{any_said, words};

/// How long the person may take to decide.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// So often name and reason are said: a service that asks on gets them once more.
const MAX_STATEMENTS: u8 = 2;

/// What the conversation shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Stop what is being said, and say the [`statement`]; report its end with [`Screener::said`].
    State,
    /// The person is there: greet, as when they had answered themselves.
    Talk,
    /// We are not put through: hang up ([`crate::agent::action::Ending::Screened`]).
    Declined,
    /// A mailbox is next: go on with the policy for machines.
    Voicemail,
}

/// Deals with one screening service.
#[derive(Clone, Debug)]
pub struct Screener {
    language: Language,
    state: State,
    statements: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// None was met.
    Off,
    /// Name and reason are being said.
    Stating,
    /// The person decides.
    Waiting { until: Instant },
    /// It has let us through or not.
    Over,
}

impl Screener {
    /// For a call that was just answered.
    #[must_use]
    pub const fn new(language: Language) -> Self {
        Self { language, state: State::Off, statements: 0 }
    }

    /// Whether a service is being dealt with: no turn of the callee's is answered, no idle prompt is said.
    #[must_use]
    pub const fn is_screened(&self) -> bool {
        matches!(self.state, State::Stating | State::Waiting { .. })
    }

    /// An utterance of the callee's, whole.
    pub fn heard(&mut self, now: Instant, text: &str) -> Step {
        let heard = words(text);
        if heard.is_empty() || self.state == State::Over {
            return Step::Nothing;
        }
        let asks = asks(self.language, &heard);
        match self.state {
            State::Off if asks => self.state_it(),
            State::Off | State::Over => Step::Nothing,
            // What is said over our statement is the service, or the echo of it.
            State::Stating => Step::Nothing,
            State::Waiting { .. } if any_said(&heard, declines(self.language)) => self.over(Step::Declined),
            State::Waiting { .. } if super::voicemail::greets(self.language, &heard) => self.over(Step::Voicemail),
            State::Waiting { .. } if any_said(&heard, holds(self.language)) => {
                self.state = State::Waiting { until: now + PATIENCE };
                Step::Nothing
            }
            State::Waiting { .. } if asks && self.statements < MAX_STATEMENTS => self.state_it(),
            State::Waiting { .. } if asks => Step::Nothing,
            State::Waiting { .. } => self.over(Step::Talk),
        }
    }

    /// Something other than words showed that a service asks (a tool of the model, a supervisor).
    pub fn noticed(&mut self) -> Step {
        if self.state == State::Off { self.state_it() } else { Step::Nothing }
    }

    /// Something other than words showed that a person is there.
    pub fn person(&mut self) -> Step {
        if self.is_screened() { self.over(Step::Talk) } else { Step::Nothing }
    }

    /// The statement was said to its end.
    pub fn said(&mut self, now: Instant) -> Step {
        if self.state == State::Stating {
            self.state = State::Waiting { until: now + PATIENCE };
        }
        Step::Nothing
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Off | State::Stating | State::Over => None,
        }
    }

    /// The person did not take the call.
    pub fn handle_timeout(&mut self, now: Instant) -> Step {
        match self.state {
            State::Waiting { until } if until <= now => self.over(Step::Declined),
            State::Waiting { .. } | State::Off | State::Stating | State::Over => Step::Nothing,
        }
    }

    fn state_it(&mut self) -> Step {
        self.state = State::Stating;
        self.statements += 1;
        Step::State
    }

    fn over(&mut self, step: Step) -> Step {
        self.state = State::Over;
        step
    }
}

/// Name and reason as they are said. Both are the rendered texts of the assistant's `screening`.
#[must_use]
pub fn statement(language: Language, name: &str, reason: &str) -> String {
    let (name, reason) = (name.trim().trim_end_matches('.'), reason.trim().trim_end_matches('.'));
    match language {
        Language::English => format!("This is {name}. I am calling about {reason}."),
        Language::German => format!("Hier ist {name}. Es geht um {reason}."),
    }
}

/// Whether a service asks with such words who calls and why.
///
/// Only what services say and people do not: a receptionist who asks "may I ask who is calling?" is a person.
pub(super) fn asks(language: Language, heard: &[String]) -> bool {
    PhraseBook::of(language.tag()).asks(heard)
}

/// The person lets say no.
fn declines(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &[
            "can not * take|answer|accept * call",
            "not|un available|able to? * talk|take|come|answer",
            "is not available",
            "is unavailable",
            "not interested",
            "remove|take * number|me * list",
            "do not call",
            "stop calling",
            "call has been declined|rejected",
            "will call you back",
            "call * back later|another",
        ],
        Language::German => &[
            "kann * nicht annehmen|entgegennehmen|sprechen|rangehen",
            "ist nicht * verfuegbar|erreichbar",
            "nicht verfuegbar",
            "kein interesse",
            "rufen sie * nicht * an",
            "wurde abgelehnt",
            "ruft|rufe * zurueck",
        ],
    }
}

/// The person has not decided yet.
fn holds(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &[
            "stay|please? on|hold the? line",
            "hold on|please|the",
            "one|a|just moment|second|minute|sec",
            "please wait",
            "connecting|connect you|your|the",
            "thank you|thanks * line|wait|hold|moment",
            "i will see if|whether",
            "let me see|check",
            "still? checking|trying to? * reach?",
        ],
        Language::German => &[
            "bleiben|bleib * leitung|dran|apparat",
            "einen|ein|kleinen moment|augenblick",
            "bitte warten",
            "verbinde|verbunden",
            "sehe|schaue|pruefe nach|ob",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IOS: &str = "Hi. If you record your name and reason for calling, I'll see if this person is available.";
    const PIXEL: &str = "Hi, the person you're calling is using a screening service from Google, and will get a copy of \
                         this conversation. Go ahead and say your name, and why you're calling.";

    fn asked(language: Language, text: &str) -> bool {
        asks(language, &words(text))
    }

    #[test]
    fn services_are_known_by_their_words() {
        for text in [
            IOS,
            PIXEL,
            "Hello, you've reached an assistant by Truecaller. May I know your name and the reason for your call?",
            "The number you called is using call screening. Please state your name and purpose.",
        ] {
            assert!(asked(Language::English, text), "{text}");
        }
        for text in [
            "Hallo. Wenn du deinen Namen und den Grund deines Anrufs aufnimmst, sehe ich nach, ob diese Person verfügbar ist.",
            "Bitte nennen Sie Ihren Namen und den Grund Ihres Anrufs.",
        ] {
            assert!(asked(Language::German, text), "{text}");
        }
        for text in [
            "Hello?",
            "May I ask who is calling?",
            "Who is this and what is it about?",
            "Riverside clinic, how can I help you?",
            "Please leave your name and number after the tone.",
        ] {
            assert!(!asked(Language::English, text), "{text}");
        }
        for text in
            ["Ja bitte?", "Wer ist denn da?", "Worum geht es denn?", "Praxis Doktor Weber, mein Name ist Klein."]
        {
            assert!(!asked(Language::German, text), "{text}");
        }
    }

    #[test]
    fn name_and_reason_are_said_once_and_then_nothing_for_45_seconds() {
        let (mut screener, start) = (Screener::new(Language::English), crate::time::now().mono);
        assert_eq!(screener.heard(start, "Hello"), Step::Nothing);
        assert_eq!(screener.heard(start, IOS), Step::State);
        assert!(screener.is_screened());
        assert_eq!(screener.heard(start, IOS), Step::Nothing, "it is being said");
        let said = start + Duration::from_secs(5);
        screener.said(said);
        assert_eq!(screener.poll_timeout(), Some(said + PATIENCE));
        assert_eq!(screener.handle_timeout(said + PATIENCE - Duration::from_millis(1)), Step::Nothing);
        assert_eq!(screener.handle_timeout(said + PATIENCE), Step::Declined);
        assert!(!screener.is_screened());
        assert_eq!(screener.poll_timeout(), None);
    }

    #[test]
    fn a_service_that_asks_on_is_told_once_more() {
        let (mut screener, now) = (Screener::new(Language::English), crate::time::now().mono);
        screener.heard(now, PIXEL);
        screener.said(now);
        assert_eq!(screener.heard(now, "Go ahead and say your name and why you're calling."), Step::State);
        screener.said(now);
        assert_eq!(screener.heard(now, "Please say your name and why you're calling."), Step::Nothing);
        assert!(screener.is_screened());
    }

    #[test]
    fn being_asked_to_wait_begins_the_wait_anew() {
        let (mut screener, now) = (Screener::new(Language::English), crate::time::now().mono);
        screener.heard(now, IOS);
        screener.said(now);
        let later = now + Duration::from_secs(40);
        assert_eq!(screener.heard(later, "Thanks. Please stay on the line."), Step::Nothing);
        assert_eq!(screener.poll_timeout(), Some(later + PATIENCE));
    }

    #[test]
    fn what_comes_of_it() {
        for (text, step) in [
            ("Hello, this is Peter.", Step::Talk),
            ("Yes?", Step::Talk),
            ("Sorry, this person is not available.", Step::Declined),
            ("The person you're calling can't take your call right now.", Step::Declined),
            ("Please leave a message after the tone.", Step::Voicemail),
        ] {
            let (mut screener, now) = (Screener::new(Language::English), crate::time::now().mono);
            screener.heard(now, IOS);
            screener.said(now);
            assert_eq!(screener.heard(now, ""), Step::Nothing);
            assert_eq!(screener.heard(now, text), step, "{text}");
            assert_eq!(screener.heard(now, IOS), Step::Nothing, "once over, it is over");
        }
    }

    #[test]
    fn other_signs_than_words_count() {
        let now = crate::time::now().mono;
        let mut screener = Screener::new(Language::German);
        assert_eq!(screener.person(), Step::Nothing);
        assert_eq!(screener.noticed(), Step::State);
        assert_eq!(screener.noticed(), Step::Nothing);
        screener.said(now);
        assert_eq!(screener.person(), Step::Talk);
    }

    #[test]
    fn the_statement_names_who_and_why() {
        assert_eq!(
            statement(Language::English, "Anna from the clinic", "your appointment on Tuesday."),
            "This is Anna from the clinic. I am calling about your appointment on Tuesday."
        );
        assert_eq!(statement(Language::German, "Anna", "Ihren Termin"), "Hier ist Anna. Es geht um Ihren Termin.");
    }
}
