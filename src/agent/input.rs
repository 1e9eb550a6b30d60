//! What a conversation is told.
//!
//! Inputs hold no instants. An event that lies before its report says how long before: `ago` counts back from the `now`
//! that is given with the input. So an input together with its `now`, as an offset from the beginning of the call, is
//! all that a file needs to hold for the call to be run again, and it reads back the same to the nanosecond.

use std::time::Duration;

use callwright_media::overlap::Overlap;
use serde::{Deserialize, Serialize};

pub use super::external::ExternalNews;
use super::knowledge::Passage;
pub use super::native::NativeNews;
pub use super::transfer::TransferNews;
use crate::pii::Pii;
use crate::provider::error::ErrorKind;
use crate::provider::llm::{FinishReason, ToolCall, ToolSpec};
use crate::provider::stt::{Manner, Transcript, TurnId};
use crate::provider::tts::{UtteranceId, WordMark};

/// Numbers the texts of one call that are made into speech as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PromptId(pub u32);

/// Numbers what the agent says in one call; never used twice, so that an event about an earlier reply cannot be taken
/// for one about the present reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplyId(pub u32);

/// Numbers the generations of one call; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GenerationId(pub u32);

/// Numbers the runs of tools in one call; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ToolRunId(pub u32);

/// What a conversation is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A text asked for with [`super::conversation::Action::Prepare`] is ready to be played.
    Prepared {
        /// Which text.
        prompt: PromptId,
        /// Its length at 8 kHz, at least 1.
        samples: u64,
        /// Where its words end; empty when the provider does not tell.
        marks: Vec<WordMark>,
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
        /// Since the arrival of the first packet with voice, which is before the detector was sure of it.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// The caller's voice has been silent for as long as the detector waits (200 ms).
    VoiceStopped {
        /// Since the arrival of the last packet with voice.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// What a sound over the agent's voice is taken for; replaces the verdict before on the same sound. Where nobody
    /// judges, the length of the voice alone counts.
    Overlap(#[serde(with = "OverlapNames")] Overlap),
    /// The caller pressed a key: `0`–`9`, `*`, `#`, `A`–`D`.
    Dtmf {
        /// The key.
        digit: char,
        /// Since its first packet came.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// The digits of the last [`super::conversation::Action::SendDtmf`] have left.
    DtmfSent,

    /// The first packet of a reply left.
    SpeechStarted {
        /// Which reply.
        reply: ReplyId,
        /// Since the tick it left at.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// The last packet of a reply left; it was not cut. For a streamed utterance: the synthesiser has finished it, too.
    SpeechFinished {
        /// Which reply.
        reply: ReplyId,
        /// Since the tick it left at.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// A reply was cut by [`super::conversation::Action::StopSpeaking`], or never began.
    SpeechCut {
        /// Which reply.
        reply: ReplyId,
        /// Samples of it that left, counted from where it began (after `from`), including the fade.
        heard: u64,
        /// Since the tick of the last of them.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// A streamed reply that has begun has run out of audio although its utterance is not complete: silence leaves.
    SpeechStarved {
        /// Which reply.
        reply: ReplyId,
        /// Since the tick of the last packet that held some.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// A starved reply has audio again.
    SpeechFed {
        /// Which reply.
        reply: ReplyId,
        /// Since the tick of the first packet that held some.
        #[serde(with = "crate::nanos")]
        ago: Duration,
    },
    /// How much audio of a streamed utterance there is so far. Told for the first audio at once, then as it suits.
    Synthesised {
        /// Which utterance.
        utterance: UtteranceId,
        /// Samples from its beginning.
        samples: u64,
        /// No more follows.
        complete: bool,
    },
    /// Where words of a streamed utterance end, counted from its beginning; in the order of the words.
    Marks {
        /// Which utterance.
        utterance: UtteranceId,
        /// The words that became known.
        marks: Vec<WordMark>,
    },
    /// A streamed utterance will not be spoken to its end: every synthesiser there is has given it up. Audio that came
    /// before is still played; the reply ends with [`Input::SpeechFinished`] as if it were complete.
    SpeechFailed {
        /// Which utterance.
        utterance: UtteranceId,
    },

    /// How the recogniser hears, before its first event and again when another one has taken its place. Until told, it
    /// works turn by turn.
    Recogniser(Manner),
    /// What a recogniser that listens all the time reports.
    Heard(Heard),
    /// What the recogniser made of a turn; answers [`super::conversation::Action::EndTurn`].
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
    /// Every recogniser there is has given up: the caller is not understood for the rest of the call.
    RecogniserDead,

    /// What a look-up found; answers [`super::conversation::Action::LookUp`].
    LookedUp {
        /// The generation that waits, or waited, for it.
        generation: GenerationId,
        /// The passages, best first; nothing when it could not be done.
        passages: Option<Vec<Passage>>,
    },
    /// The next piece of a generation's text, spaces and all.
    Token {
        /// Which generation.
        generation: GenerationId,
        /// The piece.
        text: Pii<String>,
    },
    /// A generation calls a tool.
    ToolCalled {
        /// Which generation.
        generation: GenerationId,
        /// The call, whole.
        call: ToolCall,
    },
    /// A generation is complete.
    Generated {
        /// Which generation.
        generation: GenerationId,
        /// Why it ended.
        reason: FinishReason,
    },
    /// A generation will not be completed; what came of it stands.
    GenerationFailed {
        /// Which generation.
        generation: GenerationId,
        /// Why.
        kind: ErrorKind,
    },
    /// What a tool gave back; answers [`super::conversation::Action::RunTool`], also after it was cancelled when it was
    /// done by then.
    ToolResult {
        /// Which run.
        run: ToolRunId,
        /// JSON, or text.
        result: Pii<String>,
    },
    /// Tools besides those of the assistant: what a company's tool server offers, once it is known. Replaces those told
    /// before.
    Tools(Vec<ToolSpec>),

    /// How far a transfer has come.
    Transfer(TransferNews),
    /// What a speech-to-speech model reports.
    Native(NativeNews),
    /// What becomes of the bot that leads.
    External(ExternalNews),
    /// Something became known about who or what answered.
    Detected(Party),

    /// A supervisor's word to the agent: the model sees it, the caller does not hear it.
    Note(Pii<String>),
    /// What a supervisor said to the caller, who has taken the call over.
    Colleague(Pii<String>),
    /// A supervisor silences the agent, or gives it the word again.
    Muted(bool),
    /// A supervisor or a pattern takes the talk off the record (card data), or puts it on again.
    OffRecord(bool),
    /// The call reaches its maximum duration soon (20 s before): say goodbye after the present sentence.
    TimeNearlyUp,
    /// The call is over, whoever ended it; what was answered so far is kept.
    HungUp {
        /// Whether the callee ended it, and not a timer, an operator or a failure.
        by_callee: bool,
    },
}

/// What a recogniser that listens all the time reports; see [`crate::provider::stt::SttEvent`]. Words are cumulative:
/// all since the turn before was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// The caller began to speak, by the recogniser's own judgement.
    TurnStarted,
    /// The words so far.
    Partial {
        /// They replace those before.
        words: Pii<String>,
    },
    /// The turn may be over.
    EagerEnd {
        /// All words of the turn.
        words: Pii<String>,
    },
    /// It was not over after all.
    Resumed,
    /// The turn is over.
    TurnEnded {
        /// All words of the turn.
        words: Pii<String>,
    },
}

/// Who or what was noticed at the other end, by sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// A person, by the cadence of the greeting.
    Human,
    /// A machine, by the cadence of the greeting.
    Machine,
    /// The beep after which a machine records.
    Beep,
    /// A ringing tone after the answer: nobody has answered yet.
    Ringback,
    /// A fax machine.
    Fax,
    /// A service that asks who calls and why, by its words.
    Screening,
    /// A menu, by its words.
    Menu,
}

/// The names that verdicts on overlaps have in a file.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Overlap", rename_all = "snake_case")]
enum OverlapNames {
    Undecided,
    Speech,
    BackChannel,
    Noise,
    Echo,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_back(input: &Input, json: &str) {
        assert_eq!(serde_json::to_string(input).expect("an input serialises"), json);
        assert_eq!(&serde_json::from_str::<Input>(json).expect("it reads back"), input);
    }

    #[test]
    fn inputs_read_back_to_the_nanosecond() {
        reads_back(&Input::Answered, r#""answered""#);
        reads_back(&Input::Overlap(Overlap::BackChannel), r#"{"overlap":"back_channel"}"#);
        reads_back(&Input::VoiceStarted { ago: Duration::from_nanos(7) }, r#"{"voice_started":{"ago":7}}"#);
        reads_back(
            &Input::Heard(Heard::Partial { words: "who is".to_owned().into() }),
            r#"{"heard":{"partial":{"words":"who is"}}}"#,
        );
        let marks = vec![WordMark { text_end: 5, sample_end: 4_000 }];
        reads_back(
            &Input::Marks { utterance: UtteranceId(2), marks },
            r#"{"marks":{"utterance":2,"marks":[{"text_end":5,"sample_end":4000}]}}"#,
        );
        reads_back(
            &Input::Understood { turn: TurnId(1), transcript: Transcript::OutOfGrammar },
            r#"{"understood":{"turn":1,"transcript":"out_of_grammar"}}"#,
        );
        reads_back(
            &Input::GenerationFailed { generation: GenerationId(0), kind: ErrorKind::TimedOut },
            r#"{"generation_failed":{"generation":0,"kind":"timed_out"}}"#,
        );
        let manner = Manner { continuous: true, detects_turns: false, replies: true, lag: Duration::from_millis(300) };
        reads_back(
            &Input::Recogniser(manner),
            r#"{"recogniser":{"continuous":true,"detects_turns":false,"replies":true,"lag":300000000}}"#,
        );
    }
}
