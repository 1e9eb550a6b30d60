//! What the conversation asks for, carried out, and what its helpers come up with.

use std::time::Duration;

use callwright_media::digit::Digit;

use super::CallTask;
use super::brain::Thought;
use super::keys::{self, Next};
use super::voice::Spoken;
use crate::agent::action::{Action, Source};
use crate::agent::input::{Input, ReplyId};
use crate::agent::native::{NativeNews, NativeOrder};
use crate::call::event::CallInput;
use crate::call::listen::Happening;
use crate::call::transfer::TransferInput;
use crate::net::media_leg::MediaCommand;
use crate::time;
use crate::trunk::media::KeyWay;

impl CallTask {
    pub(super) async fn converse(&mut self, action: Action) {
        match action {
            Action::Prepare { prompt, text } => self.voice.prepare(prompt, text),
            Action::Say { utterance, text } => {
                self.player.expect(Source::Utterance(utterance));
                self.voice.say(utterance, text);
            }
            Action::SayNoMore { utterance } => self.voice.say_no_more(utterance),
            Action::Forget { utterance, heard } => {
                self.player.forget(&Source::Utterance(utterance));
                self.voice.forget(utterance, heard);
            }
            Action::Speak { reply, source, from } => self.speak(reply, source, from).await,
            Action::StopSpeaking { fade, .. } => self.player.stop(fade).await,
            Action::Listen { turn, grammar, ago } => {
                let now = time::now().mono;
                self.ears.begin(turn, grammar, now.checked_sub(ago).unwrap_or(now));
            }
            Action::EndTurn { turn } => self.ears.end(turn),
            Action::AbandonTurn { turn } => self.ears.abandon(turn),
            Action::Patience(patience) => self.ears.patience(patience),
            Action::LookUp { generation, question, passages } => self.tools.look_up(generation, question, passages),
            Action::Generate { generation, request } => self.brain.generate(generation, request),
            Action::CancelGeneration { generation } => self.brain.cancel(generation),
            Action::RunTool { run, name, arguments } => self.tools.run(run, name, arguments),
            Action::CancelTool { run } => self.tools.cancel(run),
            Action::SendDtmf { digits } => {
                self.keys.press(digits.expose());
                self.press().await;
            }
            Action::Transfer(order) => self.begin_transfer(&order),
            Action::CancelTransfer => self.transfer(TransferInput::CalledOff),
            Action::Native(order) => {
                if let NativeOrder::Truncate { item, .. } = &order {
                    self.player.forget(&Source::Item(item.clone()));
                }
                self.brain.order(order);
            }
            Action::External(order) => {
                self.bot.order(order);
                self.play_bot().await;
            }
            Action::Record(on) => self.set_off_record(!on).await,
            Action::OptOut { words } => self.tools.opt_out(words),
            Action::Transcribed(line) => {
                self.listeners.tell(|| Happening::Line(line.clone()));
                if self.watch.heard(time::now().mono, &line) {
                    self.listeners.tell(|| Happening::Changed);
                }
                if let Some(lines) = &self.calls.insight().lines {
                    // Whoever does not keep up misses some; the outcome has them all.
                    let _ = lines.try_send((self.context.call, line));
                }
            }
            // The conversation keeps them all; its outcome has them at the end.
            Action::Answered(answer) => {
                if self.watch.answered(time::now().mono, &answer) {
                    self.listeners.tell(|| Happening::Changed);
                }
            }
            Action::Replied(_) => {}
            Action::End(ending) => self.conversation_ended(ending),
        }
    }

    async fn speak(&mut self, reply: ReplyId, source: Source, from: u64) {
        if !self.player.play(reply, source, from).await {
            self.inform(Input::SpeechCut { reply, heard: 0, ago: Duration::ZERO });
        }
    }

    /// A text has become speech, or more of it has.
    pub(super) async fn spoken(&mut self, first: Spoken) {
        match first {
            Spoken::Prompt(prompt, speech) => {
                let (samples, marks) = (speech.pcm.len() as u64, speech.marks.to_vec());
                self.player.keep(prompt, speech.pcm);
                self.inform(Input::Prepared { prompt, samples, marks });
                self.tell(CallInput::AgentReady);
            }
            Spoken::PromptFailed(prompt) => self.inform(Input::PrepareFailed { prompt }),
            Spoken::Audio(utterance, pcm) => {
                if let Some(samples) = self.player.append(&Source::Utterance(utterance), pcm).await {
                    self.inform(Input::Synthesised { utterance, samples, complete: false });
                }
            }
            Spoken::Marks(utterance, marks) => self.inform(Input::Marks { utterance, marks }),
            Spoken::Finished(utterance) => {
                if let Some(samples) = self.player.complete(&Source::Utterance(utterance)).await {
                    self.inform(Input::Synthesised { utterance, samples, complete: true });
                }
            }
            Spoken::Failed(utterance) => {
                self.inform(Input::SpeechFailed { utterance });
                self.player.complete(&Source::Utterance(utterance)).await;
            }
            Spoken::Nothing => {}
        }
    }

    /// A model has come up with something.
    pub(super) async fn thought(&mut self, thought: Thought) {
        match thought {
            Thought::Told(input) => {
                let ready = input == Input::Native(NativeNews::Ready);
                self.inform(input);
                if ready {
                    self.tell(CallInput::AgentReady);
                }
            }
            Thought::Audio(item, pcm) => {
                let source = Source::Item(item.clone());
                self.player.expect(source.clone());
                if let Some(samples) = self.player.append(&source, pcm).await {
                    self.inform(Input::Native(NativeNews::Audio { item, samples, complete: false }));
                }
            }
            Thought::ItemFinished(item) => {
                if let Some(samples) = self.player.complete(&Source::Item(item.clone())).await {
                    self.inform(Input::Native(NativeNews::Audio { item, samples, complete: true }));
                }
            }
        }
    }

    /// Takes the next step in pressing keys.
    pub(super) async fn press(&mut self) {
        let way = self.key_way();
        loop {
            match self.keys.step(time::now().mono, way) {
                // Where there is no leg that could, the rest is passed over.
                Next::Order(command) => {
                    if self.order(command).await {
                        return;
                    }
                }
                Next::Tell(body) => {
                    if let Some(session) = self.session {
                        let _ = self.services.sip.info(session, body).await;
                    }
                    return;
                }
                Next::Wait => return,
                Next::Done => return self.inform(Input::DtmfSent),
            }
        }
    }

    /// Passes on a key of the party that this leg is joined with. To whom keys are sound it is passed on if it came as one:
    /// by the audio itself.
    pub(super) async fn pass_on(&self, digit: Digit) {
        match (self.key_way(), self.session) {
            (KeyWay::Events, _) => {
                self.order(MediaCommand::SendDtmf(vec![digit])).await;
            }
            (KeyWay::Info, Some(session)) => {
                let _ = self.services.sip.info(session, keys::info(digit)).await;
            }
            (KeyWay::Info, None) | (KeyWay::Sound, _) => {}
        }
    }

    fn key_way(&self) -> KeyWay {
        self.dtmf.way(self.leg.negotiated().is_some_and(|negotiated| negotiated.dtmf.is_some()))
    }

    async fn set_off_record(&mut self, off: bool) {
        self.off_record = off;
        self.order(MediaCommand::OffRecord(off)).await;
    }
}
