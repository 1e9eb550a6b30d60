//! What the conversation asks for, carried out.

use std::time::Duration;

use super::CallTask;
use crate::agent::action::{Action, Source};
use crate::agent::input::{Input, ReplyId};
use crate::call::event::CallInput;
use crate::net::media_leg::MediaCommand;
use crate::time;

impl CallTask {
    pub(super) async fn converse(&mut self, action: Action) {
        match action {
            Action::Prepare { prompt, text } => self.voice.prepare(prompt, text),
            Action::Speak { reply, source, from } => self.speak(reply, source, from).await,
            Action::StopSpeaking { fade, .. } => {
                self.order(MediaCommand::Stop { fade }).await;
            }
            Action::Listen { turn, grammar, ago } => {
                let now = time::now().mono;
                self.ears.begin(turn, grammar, now.checked_sub(ago).unwrap_or(now)).await;
            }
            Action::EndTurn { turn } => self.ears.end(turn).await,
            Action::AbandonTurn { turn } => self.ears.abandon(turn).await,
            // The conversation keeps them all; its outcome has them at the end.
            Action::Transcribed(_) | Action::Answered(_) | Action::Replied(_) => {}
            // Flows without a model, the only ones so far, ask for none of these.
            Action::Say { .. }
            | Action::SayNoMore { .. }
            | Action::Forget { .. }
            | Action::Patience(_)
            | Action::Generate { .. }
            | Action::CancelGeneration { .. }
            | Action::RunTool { .. }
            | Action::CancelTool { .. }
            | Action::SendDtmf { .. }
            | Action::Transfer(_)
            | Action::CancelTransfer
            | Action::Native(_)
            | Action::Record(_)
            | Action::OptOut { .. } => {}
            Action::End(ending) => self.tell(CallInput::AgentEnded(ending)),
        }
    }

    async fn speak(&mut self, reply: ReplyId, source: Source, from: u64) {
        let clip = match source {
            Source::Prompt(prompt) => self.voice.begin(reply, prompt, from),
            Source::Utterance(_) | Source::Item(_) => None,
        };
        let sent = match clip {
            Some((clip, pcm, from)) => self.order(MediaCommand::Play { clip, pcm, from }).await,
            None => false,
        };
        if !sent {
            let cut = Input::SpeechCut { reply, heard: 0, ago: Duration::ZERO };
            self.conversation.handle(time::now().mono, cut);
        }
    }
}
