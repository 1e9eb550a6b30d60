//! What a conversation is told.

use std::sync::Arc;
use std::time::Instant;

use crate::provider::stt::{Transcript, TurnId};
use crate::provider::tts::WordMark;

/// Numbers the texts of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromptId(pub u32);

/// Numbers what the agent says in one call; never used twice, so that an event about an earlier reply cannot be taken
/// for one about the present reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyId(pub u32);

/// What a conversation is told. Instants named `at` are those of the event itself (packet or tick), not of its report,
/// and never later than the `now` given with them.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A text asked for with [`super::conversation::Action::Prepare`] is ready to be played.
    Prepared {
        /// Which text.
        prompt: PromptId,
        /// Its length at 8 kHz, at least 1.
        samples: u64,
        /// Where its words end; empty when the provider does not tell.
        marks: Arc<[WordMark]>,
    },
    /// A text cannot be spoken: the provider has given up on it.
    PrepareFailed {
        /// Which text.
        prompt: PromptId,
    },
    /// The callee answered (200 OK): audio flows both ways from here.
    Answered,
    /// The caller's voice began.
    VoiceStarted {
        /// Arrival of the first packet with voice, which is before the detector was sure of it.
        since: Instant,
    },
    /// The caller's voice has been silent for as long as the detector waits (200 ms).
    VoiceStopped {
        /// Arrival of the last packet with voice.
        last_voice: Instant,
    },
    /// The caller pressed a key: `0`–`9`, `*`, `#`, `A`–`D`.
    Dtmf {
        /// The key.
        digit: char,
        /// When its first packet came.
        at: Instant,
    },
    /// The first packet of a reply left.
    SpeechStarted {
        /// Which reply.
        reply: ReplyId,
        /// The tick it left at.
        at: Instant,
    },
    /// The last packet of a reply left; it was not cut.
    SpeechFinished {
        /// Which reply.
        reply: ReplyId,
        /// The tick it left at.
        at: Instant,
    },
    /// A reply was cut by [`super::conversation::Action::StopSpeaking`], or never began.
    SpeechCut {
        /// Which reply.
        reply: ReplyId,
        /// Samples of it that left, counted from where it began (after `from`), including the fade.
        heard: u64,
        /// The tick of the last of them.
        at: Instant,
    },
    /// What the recogniser made of a turn.
    Understood {
        /// The turn given with [`super::conversation::Action::Listen`].
        turn: TurnId,
        /// What was said.
        transcript: Transcript,
    },
    /// The recogniser failed at a turn.
    NotUnderstood {
        /// The turn.
        turn: TurnId,
    },
    /// A machine answers, by its greeting or its beep.
    MachineDetected,
    /// The call reaches its maximum duration soon (20 s before): say goodbye after the present sentence.
    TimeNearlyUp,
    /// The call is over, whoever ended it; what was answered so far is kept.
    HungUp {
        /// Whether the callee ended it, and not a timer, an operator or a failure.
        by_callee: bool,
    },
}
