//! The texts of one call being made into speech, and kept until they are played.

use std::collections::BTreeMap;
use std::sync::Arc;

use callwright_media::session::ClipId;
use tokio::task::JoinSet;

use crate::agent::input::{Input, PromptId, ReplyId};
use crate::pii::Pii;
use crate::provider::error::Error;
use crate::provider::tts::{Speech, SpeechRequest, TextToSpeech};

/// The agent's voice in one call.
pub(in crate::call) struct Voice {
    tts: Arc<dyn TextToSpeech>,
    name: String,
    making: JoinSet<(PromptId, Result<Speech, Error>)>,
    made: BTreeMap<PromptId, Speech>,
    /// The first sample of each reply under way: cut positions count from there.
    playing: BTreeMap<ReplyId, u64>,
}

impl Voice {
    pub(in crate::call) fn new(tts: Arc<dyn TextToSpeech>, name: String) -> Self {
        Self { tts, name, making: JoinSet::new(), made: BTreeMap::new(), playing: BTreeMap::new() }
    }

    /// Has a text spoken; [`next`](Self::next) tells when it is ready. What is being made ends with the call.
    pub(in crate::call) fn prepare(&mut self, prompt: PromptId, text: Pii<String>) {
        let tts = Arc::clone(&self.tts);
        let request = SpeechRequest { text, voice: self.name.clone() };
        self.making.spawn(async move { (prompt, tts.speak(request).await) });
    }

    /// The next text that is ready or has failed; waits for ever when none is being made.
    pub(in crate::call) async fn next(&mut self) -> Input {
        loop {
            match self.making.join_next().await {
                Some(Ok((prompt, Ok(speech)))) if !speech.pcm.is_empty() => {
                    let (samples, marks) = (speech.pcm.len() as u64, speech.marks.to_vec());
                    self.made.insert(prompt, speech);
                    return Input::Prepared { prompt, samples, marks };
                }
                Some(Ok((prompt, spoken))) => {
                    if let Err(error) = spoken {
                        tracing::warn!(provider = %error.provider, kind = ?error.kind, "a text could not be spoken");
                    }
                    return Input::PrepareFailed { prompt };
                }
                // A panic in a provider: the conversation gives the text up by its own clock.
                Some(Err(_)) => tracing::error!("a speech provider panicked"),
                None => std::future::pending().await,
            }
        }
    }

    /// Whether any text is ready.
    pub(in crate::call) fn is_ready(&self) -> bool {
        !self.made.is_empty()
    }

    /// The audio of a reply that begins now; `None` when its text is not there.
    pub(in crate::call) fn begin(
        &mut self,
        reply: ReplyId,
        prompt: PromptId,
        from: u64,
    ) -> Option<(ClipId, Arc<[i16]>, usize)> {
        let speech = self.made.get(&prompt)?;
        self.playing.insert(reply, from);
        Some((ClipId(u64::from(reply.0)), Arc::clone(&speech.pcm), usize::try_from(from).unwrap_or(usize::MAX)))
    }

    /// The reply that a clip is, and the sample it began with.
    pub(in crate::call) fn reply(&self, clip: ClipId) -> Option<(ReplyId, u64)> {
        let reply = ReplyId(u32::try_from(clip.0).ok()?);
        self.playing.get(&reply).map(|from| (reply, *from))
    }

    /// The same, for a clip that has ended.
    pub(in crate::call) fn end(&mut self, clip: ClipId) -> Option<(ReplyId, u64)> {
        let found = self.reply(clip)?;
        self.playing.remove(&found.0);
        Some(found)
    }
}
