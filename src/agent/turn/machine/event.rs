//! What the turn machine is told and what it says.

use std::time::Instant;

use callwright_media::overlap::Overlap;

use super::super::mute::Hearing;
use super::super::start::Guard;
use super::super::stop::Asked;
use crate::pii::Pii;
use crate::provider::stt::{Manner, Patience, Transcript, TurnId};

/// What the machine is told.
#[derive(Clone, Debug, PartialEq)]
pub enum TurnInput {
    /// The detector is sure of a voice.
    VoiceStarted {
        /// Arrival of its first packet.
        since: Instant,
    },
    /// The voice has been silent for 200 ms.
    VoiceStopped {
        /// Arrival of its last packet.
        last_voice: Instant,
    },
    /// What the sound over the agent's voice is taken for. Replaces the verdict before.
    Overlap(Overlap),
    /// The recogniser's own judgement: somebody speaks.
    TurnStarted,
    /// The recogniser's words since the turn before was answered.
    Partial {
        /// All of them.
        words: Pii<String>,
    },
    /// The recogniser's own judgement: the turn may be over.
    EagerEnd {
        /// All words.
        words: Pii<String>,
    },
    /// It was not.
    Resumed,
    /// The recogniser's own judgement: the turn is over.
    TurnEnded {
        /// All words.
        words: Pii<String>,
    },
    /// The recogniser's answer to [`TurnSignal::Close`].
    Final {
        /// The turn it was asked for.
        turn: TurnId,
        /// What was said.
        transcript: Transcript,
    },
    /// The recogniser cannot answer [`TurnSignal::Close`].
    Failed {
        /// The turn it was asked for.
        turn: TurnId,
    },
    /// The first packet of something the agent says has left.
    AgentStarted {
        /// When.
        at: Instant,
        /// How far it may be interrupted.
        guard: Guard,
    },
    /// The agent has fallen silent: finished or cut.
    AgentStopped,
    /// What the agent waits for from now on.
    Asked(Asked),
    /// What counts from now on. A turn that is open when nothing counts any more is abandoned.
    Hearing(Hearing),
    /// Another recogniser listens from now on.
    Manner(Manner),
    /// Nobody wants the open turn: keys have answered, the conversation has moved on.
    Abandon,
}

/// What the machine says. Per turn: one [`Started`](Self::Started), then one of [`Ended`](Self::Ended),
/// [`Dismissed`](Self::Dismissed) and [`Abandoned`](Self::Abandoned).
#[derive(Clone, Debug, PartialEq)]
pub enum TurnSignal {
    /// A turn begins. The recogniser is told (`SttInput::Begin`), unless the answer is only recorded.
    Started {
        /// Its number.
        turn: TurnId,
        /// Where it begins: the onset of the voice, or now.
        since: Instant,
    },
    /// The caller goes on after [`Close`](Self::Close): the turn is the same, and the recogniser listens to it under
    /// another number.
    Reopened {
        /// The number so far, which will not be heard of again.
        was: TurnId,
        /// The number from now on.
        turn: TurnId,
        /// Where the rest begins.
        since: Instant,
    },
    /// The turn's words have changed.
    Updated {
        /// All of them.
        words: Pii<String>,
    },
    /// The turn may be over: a reply can be prepared but not spoken, and nothing may be done in the world.
    EagerEnd {
        /// All words.
        words: Pii<String>,
    },
    /// It was not: what was prepared is thrown away. Only after an `EagerEnd`.
    Resumed,
    /// The turn is over as far as its sound goes: the recogniser is asked for its words (`SttInput::End`). The answer,
    /// or its absence, leads to `Ended` or `Dismissed`, or to `Reopened` when the caller goes on meanwhile.
    Close {
        /// The turn.
        turn: TurnId,
    },
    /// The turn is over: the caller wants a reply. Behind an `EagerEnd` that was not taken back the words are the same
    /// but for case and punctuation.
    Ended(Turn),
    /// The turn has come to nothing: no reply. What the agent said is taken up where it was cut, if it was. The words,
    /// if any, belong in the transcript.
    Dismissed(Turn),
    /// The turn is dropped without an answer; the recogniser is told (`SttInput::Abandon`).
    Abandoned {
        /// The turn.
        turn: TurnId,
    },
    /// Words of an earlier turn that came so late that they are only good for the transcript.
    Late {
        /// The turn.
        turn: TurnId,
        /// The words that were missing.
        words: Pii<String>,
    },
    /// The caller takes the word: what the agent says is stopped. At most once for each `AgentStarted`.
    Interrupt {
        /// Where the caller's voice, or turn, began: from there to the silence on the wire both talked.
        since: Instant,
    },
    /// A recogniser that detects turns should wait so long (`SttInput::Patience`).
    Patience(Patience),
}

/// A turn that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The recogniser's number of it.
    pub turn: TurnId,
    /// Where it began.
    pub since: Instant,
    /// Its last sound, or its last words where there was no voice.
    pub last_voice: Instant,
    /// When it was known to be over: the recogniser's answer is what came after.
    pub decided: Instant,
    /// What was said.
    pub transcript: Transcript,
    /// It began as the callee's half of the mutual hello.
    pub greeting: bool,
    /// It has stopped the agent.
    pub interrupted: bool,
}
