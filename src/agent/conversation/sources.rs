//! What replies are played from: how much of it there is, and which words lie where.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::{Action, Conversation, PromptId, Source};
use crate::agent::heard::{Ledger, Pace};
use crate::provider::tts::{UtteranceId, WordMark};

/// Everything that can be played.
#[derive(Debug, Default)]
pub(super) struct Sources {
    clips: BTreeMap<PromptId, Clip>,
    streams: BTreeMap<UtteranceId, Stream>,
    items: BTreeMap<String, Stream>,
    /// How fast this voice speaks.
    pace: Pace,
    utterances: u32,
    /// What is said from here on is drawn from these passages.
    cited: Arc<[String]>,
}

/// A text as audio.
#[derive(Debug)]
enum Clip {
    /// Asked for.
    Awaited,
    /// To be played.
    Ready(Ledger),
    /// Never to be played.
    Failed,
}

/// Speech that is being made while it is heard.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) ledger: Ledger,
    /// All its text has been given.
    pub(super) written: bool,
    /// It will not be spoken to its end.
    pub(super) failed: bool,
    pub(super) first_audio: Option<Instant>,
    /// Since when nothing has come of what was given to the voice.
    pub(super) dry_since: Option<Instant>,
    /// Passages it is drawn from.
    cited: Arc<[String]>,
}

impl Stream {
    fn citing(cited: &Arc<[String]>) -> Self {
        Self { cited: Arc::clone(cited), ..Self::default() }
    }
}

/// Most passages that one saying names.
const CITED: usize = 20;

/// Whether a source can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    Awaited,
    Failed,
}

impl Sources {
    pub(super) fn readiness(&self, source: &Source) -> Readiness {
        let known = |known: bool| if known { Readiness::Ready } else { Readiness::Failed };
        match source {
            Source::Prompt(prompt) => match self.clips.get(prompt) {
                Some(Clip::Ready(_)) => Readiness::Ready,
                Some(Clip::Awaited) => Readiness::Awaited,
                Some(Clip::Failed) | None => Readiness::Failed,
            },
            Source::Utterance(id) => known(self.streams.contains_key(id)),
            Source::Item(item) => known(self.items.contains_key(item)),
        }
    }

    pub(super) fn ledger(&self, source: &Source) -> Option<&Ledger> {
        match source {
            Source::Prompt(prompt) => match self.clips.get(prompt)? {
                Clip::Ready(ledger) => Some(ledger),
                Clip::Awaited | Clip::Failed => None,
            },
            Source::Utterance(_) | Source::Item(_) => self.stream(source).map(|stream| &stream.ledger),
        }
    }

    /// What is known of a source that is streamed.
    pub(super) fn stream(&self, source: &Source) -> Option<&Stream> {
        match source {
            Source::Prompt(_) => None,
            Source::Utterance(id) => self.streams.get(id),
            Source::Item(item) => self.items.get(item),
        }
    }

    fn stream_mut(&mut self, source: &Source) -> Option<&mut Stream> {
        match source {
            Source::Prompt(_) => None,
            Source::Utterance(id) => self.streams.get_mut(id),
            Source::Item(item) => self.items.get_mut(item),
        }
    }

    /// The words of a source up to a sample of it.
    pub(super) fn heard(&self, source: &Source, played: u64) -> &str {
        self.ledger(source).map_or("", |ledger| &ledger.text()[..ledger.heard(played, self.pace)])
    }

    /// Whether a source is played to its end when so much of it was played, as far as is known.
    pub(super) fn is_over(&self, source: &Source, played: u64) -> bool {
        self.ledger(source).is_none_or(|ledger| ledger.is_complete() && played >= ledger.samples())
    }

    /// What is said from here on is drawn from these passages.
    pub(super) fn cite(&mut self, passages: Vec<String>) {
        self.cited = passages.into();
    }

    /// …and from these.
    pub(super) fn cite_also(&mut self, passages: Vec<String>) {
        let new: Vec<String> = passages.into_iter().filter(|name| !self.cited.contains(name)).collect();
        self.cited = self.cited.iter().cloned().chain(new).take(CITED).collect();
    }

    /// The passages that a source is drawn from.
    pub(super) fn cited(&self, source: &Source) -> &[String] {
        self.stream(source).map_or(&[], |stream| &stream.cited)
    }

    /// A new utterance, of which nothing is written yet.
    pub(super) fn begin_utterance(&mut self) -> UtteranceId {
        let id = UtteranceId(self.utterances);
        self.utterances += 1;
        self.streams.insert(id, Stream::citing(&self.cited));
        id
    }

    /// An item of a speech-to-speech model; true when it is a new one.
    pub(super) fn begin_item(&mut self, item: &str) -> bool {
        let new = !self.items.contains_key(item);
        if new {
            self.items.insert(item.to_owned(), Stream::citing(&self.cited));
        }
        new
    }

    /// More words of a streamed source.
    pub(super) fn write(&mut self, now: Instant, source: &Source, text: &str) {
        if let Some(stream) = self.stream_mut(source) {
            stream.ledger.write(text);
            stream.dry_since.get_or_insert(now);
        }
    }

    /// No more words of a streamed source follow.
    pub(super) fn written(&mut self, source: &Source) {
        if let Some(stream) = self.stream_mut(source) {
            stream.written = true;
        }
    }

    /// There is so much audio of a streamed source.
    pub(super) fn lengthen(&mut self, now: Instant, source: &Source, samples: u64, complete: bool) {
        let Some(stream) = self.stream_mut(source) else { return };
        stream.ledger.lengthen(samples, complete);
        stream.first_audio.get_or_insert(now);
        stream.dry_since = Some(now);
        if complete && matches!(source, Source::Utterance(_)) {
            let ledger = stream.ledger.clone();
            self.pace.learn(&ledger);
        }
    }

    pub(super) fn mark(&mut self, utterance: UtteranceId, marks: &[WordMark]) {
        if let Some(stream) = self.streams.get_mut(&utterance) {
            stream.ledger.mark(marks);
        }
    }

    pub(super) fn set_failed(&mut self, utterance: UtteranceId) {
        if let Some(stream) = self.streams.get_mut(&utterance) {
            stream.failed = true;
        }
    }

    /// It is not played any more.
    pub(super) fn drop_stream(&mut self, source: &Source) {
        match source {
            Source::Prompt(_) => {}
            Source::Utterance(id) => {
                self.streams.remove(id);
            }
            // Its words may still come, and are no others then.
            Source::Item(_) => {}
        }
    }
}

impl Conversation {
    /// Asks for a text to be spoken, once.
    pub(super) fn prepare(&mut self, prompt: PromptId) {
        if let std::collections::btree_map::Entry::Vacant(entry) = self.sources.clips.entry(prompt) {
            entry.insert(Clip::Awaited);
            self.actions.push_back(Action::Prepare { prompt, text: self.texts.get(prompt).clone() });
        }
    }

    pub(super) fn prepared(&mut self, prompt: PromptId, samples: u64, marks: &[WordMark]) {
        if let Some(clip @ Clip::Awaited) = self.sources.clips.get_mut(&prompt) {
            let ledger = Ledger::whole(self.texts.get(prompt).expose(), samples, marks);
            self.sources.pace.learn(&ledger);
            *clip = Clip::Ready(ledger);
        }
    }

    pub(super) fn prepare_failed(&mut self, prompt: PromptId) {
        if let Some(clip @ Clip::Awaited) = self.sources.clips.get_mut(&prompt) {
            *clip = Clip::Failed;
        }
    }
}
