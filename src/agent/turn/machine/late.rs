//! Words that come long after the voice that said them.
//!
//! A voice without words was a noise, or the recogniser is late. What this call has shown tells which: a recogniser
//! whose words were there in time would have had words; one that was late before may be late again.

use std::time::{Duration, Instant};

use super::{Asked, Before, OpenTurn, TurnMachine};

/// So much later than is usual for it, and a recogniser is late.
const MARGIN: Duration = Duration::from_millis(700);
/// Nobody is called late before this, whatever is usual.
const USUAL: Duration = Duration::from_millis(300);

/// Shorter sounds are no words while nothing is known of the recogniser…
const UNPROVEN: Duration = Duration::from_millis(400);
/// …and when it is known to be late.
const PROVEN_LATE: Duration = Duration::from_millis(250);

/// Words without a voice belong to the last one that had none, if that was heard no longer ago than this.
const LATEST: Duration = Duration::from_secs(5);

/// What a call has shown of its recogniser.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lateness {
    /// From the last sound of the turn before to its last words.
    behind: Option<Duration>,
    /// The caller was told to wait for words that never came: it was a noise.
    in_vain: bool,
}

/// The sound of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) since: Instant,
    pub(super) until: Instant,
}

impl Lateness {
    /// Words were there so long after the last sound.
    fn learn(&mut self, lag: Duration, behind: Duration) {
        self.behind = Some(behind);
        if behind > limit(lag) {
            self.in_vain = false;
        }
    }

    /// Whether a sound of this length was probably words.
    fn may_owe(self, lag: Duration, voiced: Duration) -> bool {
        let least = match self.behind {
            None => UNPROVEN,
            Some(behind) if behind > limit(lag) => PROVEN_LATE,
            Some(_) => return false,
        };
        !self.in_vain && voiced >= least
    }
}

fn limit(lag: Duration) -> Duration {
    lag.max(USUAL) + MARGIN
}

impl TurnMachine {
    /// The last sound of a voice whose words are probably still on their way: since then the caller waits.
    #[must_use]
    pub fn unheard(&self) -> Option<Instant> {
        let listening = self.manner.continuous && self.hearing.hears_voice() && self.voice.is_none();
        if !listening || matches!(self.asked, Asked::Recording { .. }) {
            return None;
        }
        match &self.open {
            // Who answers every turn will say what became of this one.
            Some(_) if self.manner.replies => None,
            Some(turn) => turn.sound().filter(|_| self.is_unheard(turn)).map(|sound| sound.until),
            None => self.before.as_ref().filter(|before| before.unheard).map(|before| before.last_voice),
        }
    }

    /// The words that were waited for did not come: it was a noise.
    pub fn give_up_unheard(&mut self) {
        self.lateness.in_vain = true;
        if let Some(before) = &mut self.before {
            before.unheard = false;
        }
    }

    /// Whether a turn without words was probably some.
    pub(super) fn is_unheard(&self, turn: &OpenTurn) -> bool {
        let beside = turn.over_agent || turn.interrupted || turn.greeting;
        self.manner.continuous
            && turn.text().is_empty()
            && !beside
            && self.lateness.may_owe(self.manner.lag, turn.voiced)
    }

    /// The voice that words without one belong to.
    pub(super) fn owner(&self, now: Instant) -> Option<Sound> {
        let owns = |before: &&Before| before.wordless && now < before.last_voice + LATEST;
        let before = self.before.as_ref().filter(owns)?;
        self.voice.is_none().then_some(Sound { since: before.since, until: before.last_voice })
    }

    /// Whether the words of a turn can only have been said before the agent began.
    pub(super) fn was_said_before(&self, turn: &OpenTurn, agent: Instant) -> bool {
        self.voice.is_none() && turn.sound().is_some_and(|sound| sound.until <= agent)
    }

    /// Learns from a turn that is over.
    pub(super) fn learn_lateness(&mut self, turn: &OpenTurn) {
        if let (Some(words_at), Some(sound)) = (turn.words_at, turn.sound())
            && self.manner.continuous
        {
            self.lateness.learn(self.manner.lag, words_at.saturating_duration_since(sound.until));
        }
    }
}

impl OpenTurn {
    /// Its own sound, or that of the voice before whose words it has; none while it sounds, and where nothing did.
    pub(super) fn sound(&self) -> Option<Sound> {
        let own = || self.last_voice.map(|until| Sound { since: self.since, until });
        self.late.filter(|_| self.voiced.is_zero()).or_else(own)
    }
}
