//! What is known of one utterance: its text, how much of it a vendor has, and how much audio has come of it.

use std::time::Instant;

use super::align::Cursor;
use super::dialect::Spoken;
use crate::pii::Pii;
use crate::provider::tts::{UtteranceId, WordMark};

/// Most bytes of an utterance: an hour of speech.
const LONGEST: usize = 64 * 1024;

/// One utterance.
#[derive(Debug)]
pub(crate) struct Utterance {
    pub(crate) id: UtteranceId,
    text: Pii<String>,
    /// Bytes of the text that the vendor has.
    sent: usize,
    /// No more text follows, and the vendor knows.
    finishing: bool,
    finish_sent: bool,
    /// Samples that came.
    samples: u64,
    cursor: Cursor,
    last: WordMark,
    /// When text was last sent or audio last came.
    pub(crate) stirred: Instant,
    /// Connections that failed under it.
    pub(crate) losses: u32,
}

/// What an utterance wants from the vendor next.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is given this text.
    Text(Pii<String>),
    /// It is told that no more text comes.
    Finish,
    /// There was nothing to say: it is over.
    Over,
}

impl Utterance {
    pub(crate) fn new(id: UtteranceId, now: Instant) -> Self {
        Self {
            id,
            text: Pii::new(String::new()),
            sent: 0,
            finishing: false,
            finish_sent: false,
            samples: 0,
            cursor: Cursor::default(),
            last: WordMark { text_end: 0, sample_end: 0 },
            stirred: now,
            losses: 0,
        }
    }

    /// Takes more text; false when that is too much of it.
    pub(crate) fn push(&mut self, more: &str, now: Instant) -> bool {
        if self.finishing {
            return true;
        }
        if !self.has_more() {
            self.stirred = now;
        }
        let mut text = std::mem::take(&mut self.text).into_inner();
        let fits = text.len() + more.len() <= LONGEST;
        if fits {
            text.push_str(more);
        }
        self.text = Pii::new(text);
        fits
    }

    pub(crate) const fn finish(&mut self) {
        self.finishing = true;
    }

    pub(crate) const fn is_finishing(&self) -> bool {
        self.finishing
    }

    /// Whether some of its audio was given out.
    pub(crate) const fn was_heard(&self) -> bool {
        self.samples > 0
    }

    /// Whether there is something to say that the vendor does not have.
    fn has_more(&self) -> bool {
        self.text.expose()[self.sent..].contains(char::is_alphanumeric)
    }

    /// Whether it waits for somebody to say it.
    pub(crate) fn waits(&self) -> bool {
        self.has_more() || (self.finishing && !self.finish_sent)
    }

    /// Whether audio has to come: it was given text and nothing came yet, or all of its text.
    pub(crate) const fn is_owed_audio(&self) -> bool {
        self.sent > 0 && (self.samples == 0 || self.finish_sent)
    }

    /// What the vendor is told next. White space and punctuation alone are kept back until there is something to say.
    pub(crate) fn step(&mut self, now: Instant) -> Option<Step> {
        if self.has_more() {
            let text = self.text.expose()[self.sent..].to_owned();
            self.sent += text.len();
            self.stirred = now;
            return Some(Step::Text(Pii::new(text)));
        }
        if !self.finishing || self.finish_sent {
            return None;
        }
        self.finish_sent = true;
        self.stirred = now;
        Some(if self.sent == 0 { Step::Over } else { Step::Finish })
    }

    /// A new connection: all is said again. Only before any of it was heard.
    pub(crate) fn again(&mut self) {
        self.sent = 0;
        self.finish_sent = false;
        self.cursor = Cursor::default();
    }

    /// Audio came.
    pub(crate) fn hear(&mut self, samples: usize, now: Instant) {
        self.samples += samples as u64;
        self.stirred = now;
    }

    /// Marks of words that the vendor has placed, in order and each further than the one before.
    pub(crate) fn mark(&mut self, words: &[Spoken]) -> Vec<WordMark> {
        let mut marks = Vec::new();
        for spoken in words {
            let Some(text_end) = self.cursor.pass(self.text.expose(), spoken.word.expose()) else { continue };
            if text_end > self.last.text_end {
                self.last = WordMark { text_end, sample_end: spoken.end.max(self.last.sample_end) };
                marks.push(self.last);
            }
        }
        marks
    }
}
