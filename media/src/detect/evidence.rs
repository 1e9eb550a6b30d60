//! What speaks for a machine without being sure: how the greeting begins, and that it goes on when the agent speaks.
//!
//! Natural logarithms of how much likelier a machine is for it are added up (a sequential test), and a guess is made when
//! they reach a bound that only so many people reach.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Callee;
use super::openings::Odds;
use super::phrases::PhraseBook;

/// From this sum on it is guessed. Chosen on the training part, so that hardly a person reaches it.
const SURE: f32 = 4.2;

/// Below this sum a guess is taken back.
const DOUBT: f32 = 0.5;

/// There are fewer services and menus than mailboxes.
const RARER: f32 = -1.6;

/// Fewer words say nothing: one of them may be misheard.
const FEW: usize = 3;

/// Frames after the agent's first sound in which nobody can have fallen silent for it yet: 300 ms.
const REACTION: u32 = 15;

/// What a frame of voice after that says, and all of them together at most. Whoever still talks when the agent begins is
/// a receptionist, or a machine: one in three or four of the former talks on.
const TALKS_ON: f32 = 0.03;
const TALKED_ON: f32 = 1.3;

/// Frames without voice while the agent speaks after which somebody has fallen silent for it: longer than most pauses
/// between two sentences. And what that says.
const FELL_SILENT: u32 = 30;
const LISTENS: f32 = -1.5;

/// Ticks after the agent's last sound in which it still speaks: 0.3 s.
const LINGERS: u32 = 15;

/// The sum for one call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    opening: Option<Odds>,
    /// The first word of the greeting, and how many there were.
    told: Option<(u64, usize)>,
    /// Ticks since the agent's first sound, and since its last.
    agent: u32,
    agent_silent: u32,
    /// Frames of voice under the agent's, and those without since the last one.
    talked: u32,
    pause: u32,
    /// Somebody has fallen silent for the agent.
    listens: bool,
}

impl Evidence {
    /// Takes whether the agent was heard in the next tick.
    pub(super) fn agent(&mut self, speaks: bool) {
        if speaks || self.agent > 0 {
            self.agent = self.agent.saturating_add(1);
            self.agent_silent = if speaks { 0 } else { self.agent_silent.saturating_add(1) };
        }
    }

    /// Takes whether there was voice in the callee's next frame.
    pub(super) fn callee(&mut self, voiced: bool) {
        if self.agent <= REACTION || self.agent_silent > LINGERS {
            return;
        }
        self.pause = if voiced { 0 } else { self.pause.saturating_add(1) };
        self.listens |= self.pause >= FELL_SILENT;
        self.talked = self.talked.saturating_add(u32::from(voiced && !self.listens));
    }

    /// Takes the words of an utterance as far as they are known: of the `first` one, or of a later one if it is the
    /// greeting still, which goes on after a pause.
    pub(super) fn heard(&mut self, book: &PhraseBook, text: &str, first: bool) {
        let mut words = text.split_whitespace();
        let Some(begin) = words.next() else { return };
        let mut hasher = DefaultHasher::new();
        begin.hash(&mut hasher);
        let told = (hasher.finish(), 1 + words.count());
        if told.1 < FEW {
            return;
        }
        if first || self.told.is_some_and(|before| before.0 == told.0 && before.1 <= told.1) {
            self.told = Some(told);
            self.opening = Some(book.opening(text));
        }
    }

    /// Whether the agent has begun to speak.
    pub(super) fn agent_has_spoken(&self) -> bool {
        self.agent > 0
    }

    /// Who it is by all that is known; `None` while it is not sure, or nothing was said.
    pub(super) fn guess(&self) -> Option<Callee> {
        let (callee, sum) = self.sum()?;
        (sum >= SURE).then_some(callee)
    }

    /// Whether a guess does not hold any more.
    pub(super) fn doubts(&self) -> bool {
        self.sum().is_none_or(|(_, sum)| sum < DOUBT)
    }

    fn sum(&self) -> Option<(Callee, f32)> {
        let Odds { machine, screening, menu } = self.opening?;
        let kinds = [(Callee::Machine, machine), (Callee::Screening, screening + RARER), (Callee::Menu, menu + RARER)];
        let first = kinds[0];
        let likeliest = kinds.into_iter().fold(first, |best, kind| if kind.1 > best.1 { kind } else { best });
        let together = kinds.iter().map(|(_, odds)| (odds - likeliest.1).exp()).sum::<f32>().ln();
        Some((likeliest.0, likeliest.1 + together + self.manners()))
    }

    fn manners(&self) -> f32 {
        let talks_on = (TALKS_ON * self.talked as f32).min(TALKED_ON);
        if self.listens { talks_on + LISTENS } else { talks_on }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is nearly enough.
    const NEARLY: Odds = Odds { machine: SURE - 0.6, screening: -9.0, menu: -9.0 };

    /// Evidence of a beginning and of so many frames: whether the agent speaks, whether the callee does.
    fn after(opening: Odds, frames: &[(bool, bool, u32)]) -> Evidence {
        let mut evidence = Evidence { opening: Some(opening), ..Evidence::default() };
        for &(speaks, voiced, count) in frames {
            for _ in 0..count {
                evidence.agent(speaks);
                evidence.callee(voiced);
            }
        }
        evidence
    }

    #[test]
    fn whoever_talks_on_under_the_agents_voice_is_more_of_a_machine() {
        assert_eq!(after(NEARLY, &[]).guess(), None);
        assert_eq!(after(NEARLY, &[(false, true, 100)]).guess(), None, "nobody has talked over it");
        assert_eq!(after(NEARLY, &[(true, true, REACTION)]).guess(), None, "too early to have fallen silent");
        assert_eq!(after(NEARLY, &[(true, true, 60)]).guess(), Some(Callee::Machine));
        let sentences = [(true, true, 20), (true, false, FELL_SILENT - 1), (true, true, 40)];
        assert_eq!(after(NEARLY, &sentences).guess(), Some(Callee::Machine), "a pause between two sentences");
    }

    #[test]
    fn whoever_falls_silent_for_the_agent_is_less_of_one() {
        let silent = [(true, true, 20), (true, false, FELL_SILENT), (true, true, 200)];
        assert_eq!(after(NEARLY, &silent).guess(), None);
        assert!(after(Odds { machine: 1.0, ..NEARLY }, &silent).doubts());
        let over = [(true, true, 10), (false, false, 100), (false, true, 200)];
        assert_eq!(after(NEARLY, &over).guess(), None, "the agent has fallen silent itself");
    }

    #[test]
    fn talking_on_alone_is_no_machine() {
        assert_eq!(after(Odds::default(), &[(true, true, 1_000)]).guess(), None);
        let nothing_said = Evidence { opening: None, ..after(Odds::default(), &[(true, true, 1_000)]) };
        assert!(nothing_said.guess().is_none() && nothing_said.doubts());
    }

    #[test]
    fn kinds_of_machine_add_up_and_the_likeliest_is_guessed() {
        let menu = SURE - 0.3 - RARER;
        let both = Odds { machine: SURE - 1.0, screening: -9.0, menu };
        assert_eq!(after(both, &[]).guess(), Some(Callee::Menu));
        assert_eq!(after(Odds { machine: -9.0, ..both }, &[]).guess(), None);
    }

    #[test]
    fn only_the_greeting_is_weighed() {
        let (book, mut evidence) = (PhraseBook::of("en"), Evidence::default());
        evidence.heard(book, "hi this", true);
        assert_eq!(evidence.opening, None, "two words say nothing");
        evidence.heard(book, "hi this is Dave", true);
        let begun = evidence.opening;
        assert!(begun.is_some());
        evidence.heard(book, "sorry I missed your call", false);
        assert_eq!(evidence.opening, begun, "a later utterance");
        evidence.heard(book, "hi this is Dave I am not here", false);
        assert!(evidence.opening.map(|odds| odds.machine) > begun.map(|odds| odds.machine), "it went on after a pause");
    }
}
