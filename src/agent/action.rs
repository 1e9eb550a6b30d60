//! What a conversation asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::input::{PromptId, ReplyId};
use super::record::{Answer, Line, TurnTiming};
use crate::pii::Pii;
use crate::provider::stt::{Grammar, TurnId};

/// What a conversation asks the call's task to do, in this order. After [`Action::End`] nothing follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Have this text spoken and kept; answer with `Input::Prepared` or `Input::PrepareFailed`. Most of them come at
    /// once when the conversation is made, so that they are ready while the phone rings; the first is needed first.
    Prepare {
        /// Number of the text.
        prompt: PromptId,
        /// The text.
        text: Pii<String>,
    },
    /// Play a prepared text. At most one reply is open at a time: the one before has started-and-finished or been cut.
    Speak {
        /// Number of this reply.
        reply: ReplyId,
        /// The text.
        prompt: PromptId,
        /// The sample (8 kHz) of the text to begin with; 0 except when an interrupted text is resumed.
        from: u64,
    },
    /// Stop the reply with a fade; answered by `Input::SpeechCut`, or by `SpeechFinished` when it was over already.
    StopSpeaking {
        /// The reply.
        reply: ReplyId,
        /// How long the sound may take to die away.
        fade: Duration,
    },
    /// Start a recogniser for the caller's turn, beginning 300 ms before `since`, and feed it what follows.
    Listen {
        /// The turn.
        turn: TurnId,
        /// What may be said.
        grammar: Arc<Grammar>,
        /// Arrival of the first packet with voice.
        since: Instant,
    },
    /// The turn is over: the recogniser shall answer with `Input::Understood` or `Input::NotUnderstood`.
    EndTurn {
        /// The turn.
        turn: TurnId,
    },
    /// Nobody wants the turn's answer: drop the recogniser.
    AbandonTurn {
        /// The turn.
        turn: TurnId,
    },
    /// A line of the transcript is final. For live views and for saving as the call goes.
    Transcribed(Line),
    /// A question has got its status, once for each question put.
    Answered(Answer),
    /// A turn was replied to; the timing is that of the wire.
    Replied(TurnTiming),
    /// Hang up now: everything that was to be heard has left. [`super::conversation::Conversation::outcome`] has the rest.
    End(Ending),
}

/// Why a conversation ended, for the call to derive its disconnection reason from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The flow reached an end node: agent hangup.
    Completed {
        /// The node's `reason`.
        reason: String,
    },
    /// The caller said goodbye or asked to be left alone, and got a goodbye: agent hangup.
    CallerGoodbye,
    /// Two idle prompts were left without any reaction.
    Inactivity,
    /// A machine answered; nothing was left on it.
    VoicemailReached,
    /// The time was up; a goodbye was said.
    TimeUp,
    /// A text could not be spoken: technical.
    SpeechFailed,
    /// The call was over already ([`super::input::Input::HungUp`]); there is nothing to hang up.
    HungUp,
}
