//! A person says "Hello?" and waits; a machine goes on talking.
//!
//! ```text
//!   Waiting ──speech──▶ Greeting ──pause_to_human──▶ Human, then only a long monologue is a machine
//!      │                   │
//!      │ deadline          ├── longer than longest_greeting, no pause in it ──▶ Machine
//!      ▼                   │
//!   Human so far           └── deadline ──▶ Human so far; the greeting is listened to until its end
//! ```

use std::time::Duration;

use crate::frame::FRAME;

/// Voiced frames that make an utterance out of clicks: 100 ms.
const UTTERANCE_FRAMES: u32 = 5;

/// The limits of the cadence, each rounded down to whole frames of 20 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GreetingConfig {
    /// Pauses shorter than this belong to the utterance.
    pub bridged: Duration,
    /// A first utterance that goes on for longer is a machine's. A receptionist who names the house, herself and an offer
    /// takes up to 7 s.
    pub longest_greeting: Duration,
    /// A pause of this length after an utterance that was short enough is a person waiting.
    pub pause_to_human: Duration,
    /// The same after words that only a person says: "hello?".
    pub pause_after_hello: Duration,
    /// Time after the answer by which something is said: a person until the contrary is heard.
    pub deadline: Duration,
    /// An utterance of this length is a machine's though a person was heard before: a person answering a question
    /// seldom talks on like that in the first 20 s.
    pub monologue: Duration,
}

impl Default for GreetingConfig {
    fn default() -> Self {
        Self {
            bridged: Duration::from_millis(700),
            longest_greeting: Duration::from_millis(8_000),
            pause_to_human: Duration::from_millis(800),
            pause_after_hello: Duration::from_millis(400),
            deadline: Duration::from_secs(4),
            monologue: Duration::from_secs(8),
        }
    }
}

/// What the cadence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GreetingVerdict {
    /// A person, or nothing heard by the deadline.
    Human,
    /// A recorded greeting.
    Machine,
}

/// Listens to the cadence of one callee. Pure counting: one [`push`](Self::push) per 20 ms from the answer on.
#[derive(Debug, Clone)]
pub struct Greeting {
    config: GreetingConfig,
    frames: u32,
    utterance: Utterance,
    /// A first utterance has ended in a pause long enough for a person.
    greeted: bool,
    /// Words were heard that only a person says: of one who waits for an answer, or of one who talks on.
    hello: bool,
    person: bool,
    human_said: bool,
    machine_said: bool,
}

/// The utterance that is going on, or the last one.
#[derive(Debug, Clone, Copy, Default)]
struct Utterance {
    /// From its first voiced frame to its last; 0 before the first.
    span: u32,
    voiced: u32,
    /// Frames since its last voiced one.
    pause: u32,
}

impl Greeting {
    /// Starts at the answer.
    #[must_use]
    pub fn new(config: GreetingConfig) -> Self {
        Self {
            config,
            frames: 0,
            utterance: Utterance::default(),
            greeted: false,
            hello: false,
            person: false,
            human_said: false,
            machine_said: false,
        }
    }

    /// Takes whether there was voice in the next frame. Says Human at most once and Machine at most once, never Human
    /// after Machine.
    pub fn push(&mut self, voiced: bool) -> Option<GreetingVerdict> {
        self.frames = self.frames.saturating_add(1);
        self.utterance.push(voiced, frames(self.config.bridged));
        if self.machine_said {
            return None;
        }
        let longest = if self.greeted { self.config.monologue } else { self.config.longest_greeting };
        if self.utterance.span > frames(longest) && !self.person {
            self.machine_said = true;
            return Some(GreetingVerdict::Machine);
        }
        let wait = if self.hello { self.config.pause_after_hello } else { self.config.pause_to_human };
        let waited = self.utterance.pause >= frames(wait);
        self.greeted |= waited && self.utterance.voiced >= UTTERANCE_FRAMES;
        if !self.human_said && (self.greeted || self.frames >= frames(self.config.deadline)) {
            self.human_said = true;
            return Some(GreetingVerdict::Human);
        }
        None
    }

    /// Whether a first utterance has ended in a pause as a person makes it.
    pub(super) const fn has_greeted(&self) -> bool {
        self.greeted
    }

    /// The deadline has passed before its frames had come: a person, as far as is known.
    pub(super) const fn give_up(&mut self) {
        self.human_said = true;
    }

    /// The words of a person who waits for an answer were heard: the pause may be shorter.
    pub const fn heard_hello(&mut self) {
        self.hello = true;
    }

    /// Words were heard that no machine says: however long they talk, it is a person.
    pub const fn heard_person(&mut self) {
        self.person = true;
        self.human_said = true;
    }
}

impl Utterance {
    fn push(&mut self, voiced: bool, bridged: u32) {
        match (voiced, self.span) {
            (true, 0) => *self = Self { span: 1, voiced: 1, pause: 0 },
            (true, _) if self.pause >= bridged => *self = Self { span: 1, voiced: 1, pause: 0 },
            (true, span) => *self = Self { span: span + self.pause + 1, voiced: self.voiced + 1, pause: 0 },
            (false, 0) => {}
            (false, _) => self.pause = self.pause.saturating_add(1),
        }
    }
}

fn frames(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis() / FRAME.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs a cadence given as (voiced, ms) and says what was decided when, in ms after the answer.
    fn decided(cadence: &[(bool, u32)]) -> Vec<(u32, GreetingVerdict)> {
        run(Greeting::new(GreetingConfig::default()), cadence)
    }

    fn run(mut greeting: Greeting, cadence: &[(bool, u32)]) -> Vec<(u32, GreetingVerdict)> {
        let frames = cadence.iter().flat_map(|&(voiced, ms)| std::iter::repeat_n(voiced, ms as usize / 20));
        (1..).zip(frames).filter_map(|(n, voiced)| Some((n * 20, greeting.push(voiced)?))).collect()
    }

    use GreetingVerdict::{Human, Machine};

    #[test]
    fn a_short_word_and_a_pause_is_a_person() {
        assert_eq!(decided(&[(false, 300), (true, 500), (false, 3_000)]), [(1_600, Human)]);
    }

    #[test]
    fn two_short_words_are_still_a_person() {
        let cadence = [(false, 200), (true, 400), (false, 600), (true, 600), (false, 3_000)];
        assert_eq!(decided(&cadence), [(2_600, Human)]);
    }

    #[test]
    fn whoever_said_hello_need_not_wait_as_long() {
        let mut greeting = Greeting::new(GreetingConfig::default());
        greeting.heard_hello();
        assert_eq!(run(greeting, &[(false, 300), (true, 500), (false, 3_000)]), [(1_200, Human)]);
    }

    #[test]
    fn whoever_spoke_as_a_person_may_talk_on() {
        let mut greeting = Greeting::new(GreetingConfig::default());
        greeting.heard_person();
        assert_eq!(run(greeting, &[(false, 300), (true, 19_000)]), []);
    }

    #[test]
    fn an_utterance_without_pause_is_a_machine() {
        let sentence = [(true, 900), (false, 400)];
        let cadence: Vec<_> = std::iter::once((false, 500)).chain(sentence.into_iter().cycle().take(16)).collect();
        assert_eq!(decided(&cadence), [(4_000, Human), (500 + 8_020, Machine)]);
    }

    #[test]
    fn silence_is_a_person_until_a_machine_speaks() {
        assert_eq!(decided(&[(false, 6_000), (true, 500), (false, 9_000)]), [(4_000, Human)]);
        assert_eq!(decided(&[(false, 6_000), (true, 9_000)]), [(4_000, Human), (14_020, Machine)]);
    }

    #[test]
    fn a_person_who_answers_at_length_stays_a_person() {
        let cadence = [(true, 400), (false, 2_000), (true, 5_000), (false, 1_000), (true, 5_000)];
        assert_eq!(decided(&cadence), [(1_200, Human)]);
        assert_eq!(decided(&[(true, 400), (false, 2_000), (true, 9_000)]), [(1_200, Human), (10_420, Machine)]);
    }

    #[test]
    fn a_click_is_no_greeting() {
        assert_eq!(decided(&[(true, 40), (false, 2_000), (true, 3_000)]), [(4_000, Human)]);
    }

    proptest! {
        #[test]
        fn every_call_is_decided_once_by_the_deadline(cadence in prop::collection::vec((any::<bool>(), 20u32..3_000), 40)) {
            let decisions = decided(&cadence);
            prop_assert!(!decisions.is_empty() && decisions[0].0 <= 4_000, "{decisions:?}");
            let count = |wanted| decisions.iter().filter(|(_, verdict)| *verdict == wanted).count();
            prop_assert!(count(Human) <= 1 && count(Machine) <= 1);
            prop_assert!(decisions.len() < 2 || decisions[0].1 == Human);
        }
    }
}
