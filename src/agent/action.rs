//! What a conversation asks for.
//!
//! What is spoken is one of three [`Source`]s: a *prompt*, made into speech as a whole (greeting, fixed texts, fillers,
//! apologies, the texts of a flow); a streamed *utterance*, written sentence by sentence while a model finds it; an *item*
//! of a speech-to-speech model. Making speech and playing it are told apart: [`Action::Say`] has text spoken into a
//! buffer, [`Action::Speak`] plays from it, from any sample on. So an interrupted reply is taken up again by playing the
//! same source from where it was cut, and the next reply can be made while the present one is still heard.
//!
//! Tools that change the conversation itself (end the call, transfer, send or collect digits, opt out, record an answer)
//! are carried out by the conversation with the actions below; all others leave it as [`Action::RunTool`].

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub use super::external::ExternalOrder;
use super::input::{GenerationId, PromptId, ReplyId, ToolRunId};
pub use super::native::NativeOrder;
use super::record::{Answer, Line, TurnTiming};
pub use super::transfer::{TransferManner, TransferOrder};
use crate::pii::Pii;
use crate::provider::llm::LlmRequest;
use crate::provider::stt::{Grammar, Patience, TurnId};
use crate::provider::tts::UtteranceId;

/// What a conversation asks the call's task to do, in this order. After [`Action::End`] nothing follows. Written
/// to replay files, in this shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Have this text spoken and kept; answer with `Input::Prepared` or `Input::PrepareFailed`. Most of them come at
    /// once when the conversation is made, so that they are ready while the phone rings; the first is needed first.
    Prepare {
        /// Number of the text.
        prompt: PromptId,
        /// The text.
        text: Pii<String>,
    },
    /// Have more text of a streamed utterance spoken and keep its audio; the first text begins the utterance. Whole
    /// sentences or clauses with the spaces between them. Told of with `Input::Synthesised`, `Marks`, `SpeechFailed`.
    Say {
        /// The utterance.
        utterance: UtteranceId,
        /// The words.
        text: Pii<String>,
    },
    /// No more text of this utterance follows.
    SayNoMore {
        /// The utterance.
        utterance: UtteranceId,
    },
    /// Drop the utterance, and cancel it where it is being made: it is not played any more. Comes for every utterance
    /// that was not played to its end, after its reply has been cut.
    Forget {
        /// The utterance.
        utterance: UtteranceId,
        /// Samples of it that were heard, from its beginning.
        heard: u64,
    },
    /// Play from a source. At most one reply is open at a time: the one before has finished or been cut. Of a streamed
    /// utterance what is there is played at once and what follows as it comes.
    Speak {
        /// Number of this reply.
        reply: ReplyId,
        /// What to play.
        source: Source,
        /// The sample (8 kHz) of the source to begin with; 0 except when it was interrupted and is taken up again.
        from: u64,
    },
    /// Stop the reply with a fade; answered by `Input::SpeechCut`, or by `SpeechFinished` when it was over already. The
    /// audio of its source is kept, and goes on being made, until it is forgotten.
    StopSpeaking {
        /// The reply.
        reply: ReplyId,
        /// How long the sound may take to die away.
        #[serde(with = "crate::nanos")]
        fade: Duration,
    },

    /// A turn of the caller's begins, for the recogniser: one that works turn by turn starts 300 ms before the voice.
    Listen {
        /// The turn.
        turn: TurnId,
        /// What may be said.
        #[serde(serialize_with = "crate::arcs::one")]
        grammar: Arc<Grammar>,
        /// Since the arrival of the first packet with voice.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// The turn is over: the recogniser shall answer with `Input::Understood` or `Input::NotUnderstood`.
    EndTurn {
        /// The turn.
        turn: TurnId,
    },
    /// Nobody wants the turn's answer: the recogniser forgets it.
    AbandonTurn {
        /// The turn.
        turn: TurnId,
    },
    /// How long the caller may pause inside a turn from now on.
    Patience(Patience),

    /// Look for passages of the assistant's knowledge that fit; answer with `Input::LookedUp`. It is waited for only as
    /// long as the assistant's `lookup` says, and several may be under way when earlier ones are not wanted any more.
    LookUp {
        /// The generation that waits for it.
        generation: GenerationId,
        /// The caller's words.
        question: Pii<String>,
        /// So many passages at most.
        passages: u8,
    },
    /// Ask the model. Several may be under way for a moment while one is being cancelled; only the newest counts.
    Generate {
        /// Number of this generation.
        generation: GenerationId,
        /// The context and the tools.
        request: LlmRequest,
    },
    /// Nobody wants what comes of it.
    CancelGeneration {
        /// The generation.
        generation: GenerationId,
    },
    /// Run a tool; answer with `Input::ToolResult`, whatever happens, within the tool's own time limit.
    RunTool {
        /// Number of this run.
        run: ToolRunId,
        /// The tool.
        name: String,
        /// JSON, as the model wrote it: it may be broken.
        arguments: Pii<String>,
    },
    /// Nobody waits for the result any more. A tool that cannot be stopped goes on; its result is told when it comes.
    CancelTool {
        /// The run.
        run: ToolRunId,
    },
    /// Send these keys, `w` being half a second's pause and `W` a second's; answer with `Input::DtmfSent`.
    SendDtmf {
        /// `0`–`9`, `*`, `#`, `A`–`D`, `w`, `W`.
        digits: Pii<String>,
    },
    /// Hand the caller over; answer with `Input::Transfer`.
    Transfer(TransferOrder),
    /// Call a transfer off that is under way: the caller has changed their mind, or is gone.
    CancelTransfer,
    /// Tell the speech-to-speech model.
    Native(NativeOrder),
    /// Tell the bot that leads, or whoever plays what it sends.
    External(ExternalOrder),

    /// Go on with the recording, or pause it: the caller refused it, or says what must not be kept (card data).
    Record(bool),
    /// The caller will not be called again: to be in the suppression list before the call's end is reported.
    OptOut {
        /// The caller's own words.
        words: Pii<String>,
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

/// What a reply is played from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A text prepared as a whole.
    Prompt(PromptId),
    /// A streamed utterance.
    Utterance(UtteranceId),
    /// An item of a speech-to-speech model, by the vendor's name of it.
    Item(String),
}

/// Why a conversation ended, for the call to derive its disconnection reason from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The flow reached an end node, or the model ended the call: agent hangup.
    Completed {
        /// The node's or the model's `reason`.
        reason: String,
    },
    /// The caller said goodbye or asked to be left alone, and got a goodbye: agent hangup.
    CallerGoodbye,
    /// The caller does not want to be called again, and was told that it will not happen.
    OptedOut,
    /// The caller was handed over: nothing is hung up that the handover needs.
    Transferred,
    /// Two idle prompts were left without any reaction.
    Inactivity,
    /// A machine answered; nothing was left on it.
    VoicemailReached,
    /// A machine answered and was left a message.
    MessageLeft,
    /// A screening assistant answered and did not put us through.
    Screened,
    /// Menus led round in circles, or nowhere.
    LostInMenus,
    /// It rang on after the answer, and nobody came: a switch on the way had answered.
    NotAnswered,
    /// A fax machine answered.
    FaxReached,
    /// The time was up; a goodbye was said.
    TimeUp,
    /// A text could not be spoken: technical.
    SpeechFailed,
    /// The model gave no answer: technical.
    ModelFailed,
    /// The caller could not be understood because no recogniser worked: technical.
    RecogniserFailed,
    /// The call was over already ([`super::input::Input::HungUp`]); there is nothing to hang up.
    HungUp,
}
