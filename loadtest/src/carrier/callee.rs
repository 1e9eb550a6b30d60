//! The behaviour of one callee after it answered: a pure state machine stepped once per 20 ms frame.
//!
//! A callee does not understand what it hears: it waits for the end of what is said to it and then says its next line,
//! as a person does who knows the questions.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::persona::Persona;
use super::script::Line;

/// Silence after which the other side is taken to have finished. Longer than the pauses inside a spoken prompt.
const END_OF_PROMPT: Duration = Duration::from_millis(700);
/// A callee that hears nothing for this long hangs up, as people do.
const PATIENCE: Duration = Duration::from_secs(25);
/// A voicemail box records for this long after its beep, then hangs up.
const MAILBOX: Duration = Duration::from_secs(30);

/// What a callee does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Speaks; the shell synthesises and plays it.
    Speak(Utterance),
    /// Presses keys.
    Press(String),
    /// Ends the call.
    HangUp,
    /// Sends nothing more and answers nothing more.
    Vanish,
}

/// Something to be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Utterance {
    /// Words.
    Words(String),
    /// Speech without words.
    Mumble,
    /// A voicemail greeting followed by a beep.
    Mailbox(String),
}

impl Utterance {
    /// Its words; none for a mumble.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Words(text) | Self::Mailbox(text) => text.clone(),
            Self::Mumble => String::new(),
        }
    }
}

/// What the callee perceives in one frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Perception {
    /// Time since the call was answered.
    pub(crate) at: Duration,
    /// Whether the other side is speaking in this frame, by its level.
    pub(crate) hears_speech: bool,
    /// Whether something of the callee's own is still being played or pressed.
    pub(crate) busy: bool,
}

/// One callee in one answered call.
#[derive(Debug)]
pub(crate) struct Callee {
    persona: Persona,
    lines: VecDeque<Line>,
    rng: StdRng,
    state: State,
    prompt: Prompt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Picks up the receiver; speaks first at this time.
    PickingUp(Duration),
    /// Hears the other side out.
    Listening,
    /// Will say its next line at this time.
    Thinking(Duration),
    /// Is speaking or pressing.
    Busy,
    /// Will end the call at this time.
    Leaving(Duration),
    /// Has ended the call or vanished.
    Gone,
}

/// What the other side is saying.
#[derive(Clone, Copy, Debug, Default)]
struct Prompt {
    began: Option<Duration>,
    last_voice: Duration,
}

impl Callee {
    /// A callee that has just answered.
    pub(crate) fn new(persona: Persona, lines: Vec<Line>, mut rng: StdRng) -> Self {
        let pick_up = Duration::from_millis(rng.random_range(250..700));
        let state = if persona == Persona::HangsUp {
            State::Leaving(Duration::from_millis(rng.random_range(600..2000)))
        } else if persona.greets() {
            State::PickingUp(pick_up)
        } else {
            State::Listening
        };
        Self { persona, lines: lines.into(), rng, state, prompt: Prompt::default() }
    }

    /// One frame of 20 ms.
    pub(crate) fn step(&mut self, seen: Perception) -> Option<Action> {
        self.listen(seen);
        match self.state {
            State::PickingUp(at) if seen.at >= at => self.greet(),
            State::Listening => self.consider(seen),
            State::Thinking(at) if seen.at >= at => self.speak(),
            State::Busy if !seen.busy => {
                self.state = self.after_own_words(seen.at);
                None
            }
            State::Leaving(at) if seen.at >= at => {
                self.state = State::Gone;
                Some(if self.persona == Persona::Drops { Action::Vanish } else { Action::HangUp })
            }
            State::PickingUp(_) | State::Thinking(_) | State::Busy | State::Leaving(_) | State::Gone => None,
        }
    }

    fn listen(&mut self, seen: Perception) {
        if seen.hears_speech {
            self.prompt.began.get_or_insert(seen.at);
            self.prompt.last_voice = seen.at;
        }
    }

    fn greet(&mut self) -> Option<Action> {
        self.state = State::Busy;
        if self.persona == Persona::Voicemail {
            let text = "Hello, you have reached my mailbox. I cannot take your call right now. \
                        Please leave your name and number after the tone.";
            return Some(Action::Speak(Utterance::Mailbox(text.to_owned())));
        }
        let words = ["hello?", "yes, hello?", "hello, who is there?"][self.rng.random_range(0..3)];
        Some(Action::Speak(Utterance::Words(words.to_owned())))
    }

    /// Decides, while listening, whether it is this side's turn.
    fn consider(&mut self, seen: Perception) -> Option<Action> {
        let Some(began) = self.prompt.began else {
            if seen.at > self.prompt.last_voice + PATIENCE {
                self.state = State::Leaving(seen.at);
            }
            return None;
        };
        if let Some(Line::Interrupt(_, after)) = self.lines.front()
            && seen.at >= began + Duration::from_millis(*after)
        {
            return self.speak();
        }
        if seen.at >= self.prompt.last_voice + END_OF_PROMPT {
            self.prompt.began = None;
            if !self.lines.is_empty() {
                self.state = State::Thinking(seen.at + Duration::from_millis(self.rng.random_range(0..500)));
            }
        }
        None
    }

    fn speak(&mut self) -> Option<Action> {
        let line = self.lines.pop_front()?;
        self.state = State::Busy;
        self.prompt.began = None;
        Some(match line {
            Line::Say(text) | Line::Interrupt(text, _) => Action::Speak(Utterance::Words(text)),
            Line::Mumble => Action::Speak(Utterance::Mumble),
            Line::Press(digits) => Action::Press(digits),
        })
    }

    fn after_own_words(&mut self, at: Duration) -> State {
        // What was said over the callee's own words was hardly heard: listening begins anew.
        self.prompt = Prompt { began: None, last_voice: self.prompt.last_voice.max(at) };
        if self.persona == Persona::Voicemail {
            State::Leaving(at + MAILBOX)
        } else if self.persona == Persona::Drops && self.lines.is_empty() {
            State::Leaving(at + Duration::from_millis(200))
        } else {
            State::Listening
        }
    }
}

impl Persona {
    /// Whether this persona speaks first when it answers.
    const fn greets(self) -> bool {
        match self {
            Self::SaysYes
            | Self::SaysNo
            | Self::Chooses
            | Self::Mumbles
            | Self::Strays
            | Self::Interrupts
            | Self::Presses
            | Self::Busy
            | Self::Voicemail
            | Self::Unavailable
            | Self::Drops => true,
            Self::HangsUp
            | Self::Silent
            | Self::NoAnswer
            | Self::Declines
            | Self::Invalid
            | Self::Spam
            | Self::Fails => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    /// Steps a callee; `speech` tells when the other side speaks, own utterances last one second.
    fn run(
        persona: Persona,
        lines: Vec<Line>,
        seconds: u64,
        speech: impl Fn(Duration) -> bool,
    ) -> Vec<(Duration, Action)> {
        let mut callee = Callee::new(persona, lines, StdRng::seed_from_u64(5));
        let (mut at, mut busy_until, mut done) = (Duration::ZERO, Duration::ZERO, Vec::new());
        while at < Duration::from_secs(seconds) {
            if let Some(action) = callee.step(Perception { at, hears_speech: speech(at), busy: at < busy_until }) {
                busy_until = at + Duration::from_secs(1);
                done.push((at, action));
            }
            at += FRAME;
        }
        done
    }

    fn between(at: Duration, from_ms: u64, to_ms: u64) -> bool {
        (Duration::from_millis(from_ms)..Duration::from_millis(to_ms)).contains(&at)
    }

    #[test]
    fn a_talker_greets_then_answers_after_the_prompt_has_ended() {
        let prompt = |at| between(at, 2000, 4000);
        let done = run(Persona::SaysYes, vec![Line::Say("yes".to_owned())], 10, prompt);
        assert_eq!(done.len(), 2, "{done:?}");
        assert!(matches!(&done[0], (at, Action::Speak(Utterance::Words(_))) if *at < Duration::from_millis(700)));
        assert!(between(done[1].0, 4660, 5300), "{done:?}");
        assert_eq!(done[1].1, Action::Speak(Utterance::Words("yes".to_owned())));
    }

    #[test]
    fn an_interrupter_does_not_wait() {
        let done =
            run(Persona::Interrupts, vec![Line::Interrupt("yes".to_owned(), 900)], 10, |at| between(at, 2000, 6000));
        assert!(between(done[1].0, 2900, 2940), "{done:?}");
    }

    #[test]
    fn pauses_inside_a_prompt_are_not_its_end() {
        let prompt = |at| between(at, 2000, 3000) || between(at, 3500, 4500);
        let done = run(Persona::SaysYes, vec![Line::Say("yes".to_owned())], 10, prompt);
        assert!(done[1].0 > Duration::from_millis(5100), "{done:?}");
    }

    #[test]
    fn the_impatient_and_the_vanishing_leave() {
        let done = run(Persona::HangsUp, Vec::new(), 10, |_| true);
        assert!(matches!(done.as_slice(), [(at, Action::HangUp)] if *at < Duration::from_secs(2)), "{done:?}");
        let done = run(Persona::Drops, vec![Line::Say("yes".to_owned())], 10, |at| between(at, 2000, 3000));
        assert_eq!(done.last().map(|(_, action)| action.clone()), Some(Action::Vanish));
        let done = run(Persona::Silent, Vec::new(), 60, |at| between(at, 1000, 3000));
        assert!(matches!(done.as_slice(), [(at, Action::HangUp)] if *at > PATIENCE), "{done:?}");
    }
}
