//! When the caller's turn begins, when it is over, and when the caller's voice is left aside.
//!
//! [`machine::TurnMachine`] is told what is heard and says where turns begin and end; what it goes by are policies, one
//! a file, under [`start`], [`stop`] and [`mute`], and the words of the language.

mod language;
pub mod machine;
pub mod mute;
pub mod settings;
pub mod start;
pub mod stop;
mod words;

use std::time::Duration;

/// The conversation's patience. The defaults are what calls use; tests and later languages set their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The agent speaks at the latest this long after the answer.
    pub greeting_wait: Duration,
    /// How long the agent's voice takes to die away when it is interrupted.
    pub fade: Duration,
    /// Free answers shorter than this are noise.
    pub shortest_open_answer: Duration,
    /// Pause after which typed digits are complete.
    pub digit_pause: Duration,
    /// Pause after which keys that nobody asked for are complete.
    pub key_pause: Duration,
    /// A model that says nothing for so long has failed.
    pub model_limit: Duration,
    /// A tool that takes longer than this is bridged with a few words.
    pub tool_filler: Duration,
    /// Silence after a question, from the end of its playout, until the caller is asked whether anybody is there.
    pub idle: Duration,
    /// So many idle prompts, then the agent hangs up.
    pub idle_prompts: u8,
    /// A text that is not ready this long after it is needed has failed.
    pub speech_limit: Duration,
    /// So often an interrupted text is taken up again when the interruption was no speech.
    pub resumes: u8,
    /// So often a question is repeated on request before it counts as not understood.
    pub repeats: u8,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            greeting_wait: Duration::from_millis(1_000),
            fade: Duration::from_millis(15),
            shortest_open_answer: Duration::from_millis(300),
            digit_pause: Duration::from_secs(4),
            key_pause: Duration::from_millis(1_500),
            model_limit: Duration::from_secs(8),
            tool_filler: Duration::from_millis(700),
            idle: Duration::from_secs(8),
            idle_prompts: 2,
            speech_limit: Duration::from_secs(5),
            resumes: 2,
            repeats: 3,
        }
    }
}
