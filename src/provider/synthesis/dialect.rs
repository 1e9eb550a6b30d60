//! What a vendor of speech adds to the rest: how its wire reads and writes.

use std::time::{Duration, Instant};

use crate::pii::Pii;
use crate::provider::error::Error;
use crate::provider::socket::{Close, Closing};
use crate::provider::tts::{UtteranceId, WordMark};

/// A vendor's wire for one session: commands in, frames out; messages in, reports out. Pure: no clock, no socket.
///
/// One utterance is spoken at a time. Its `text` begins it, its `finish` says that no more text comes; the next one
/// begins after `finish` was answered with [`Told::Finished`] or [`Told::Failed`], or after `cancel`, and never while
/// the dialect is [`settling`](Dialect::settling).
///
/// Whatever comes in must not panic and must not make it hold more than a few kilobytes: a message that makes no sense
/// is answered with [`Told::Broken`].
pub(crate) trait Dialect: Send {
    /// A new connection is open. All that concerned an earlier one is forgotten, the utterance too: what is still to be
    /// spoken of it is said again.
    fn opened(&mut self, now: Instant);

    /// More text of an utterance. Holds at least one letter or digit.
    fn text(&mut self, now: Instant, utterance: UtteranceId, text: &str, out: &mut Outbox);

    /// No more text follows. At least one text came before.
    fn finish(&mut self, now: Instant, utterance: UtteranceId, out: &mut Outbox);

    /// Nobody listens to the utterance any more; `heard` of its audio was heard. It may be over already.
    fn cancel(&mut self, now: Instant, utterance: UtteranceId, heard: Duration, out: &mut Outbox);

    /// A message of the vendor.
    fn receive(&mut self, now: Instant, message: Message<'_>, out: &mut Outbox);

    /// When [`Dialect::wake`] wants to be called.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline has come.
    fn wake(&mut self, now: Instant, out: &mut Outbox) {
        let _ = (now, out);
    }

    /// Whether a cancelled utterance is still being taken back, so that the next one has to wait.
    fn settling(&self) -> bool {
        false
    }

    /// What a close frame means, where that is not what it means at most vendors.
    fn judge(&self, close: &Close) -> Option<Closing> {
        let _ = close;
        None
    }

    /// The call is over: a last message.
    fn goodbye(&mut self, out: &mut Outbox) {
        let _ = out;
    }
}

/// A message of a vendor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// Text of a websocket.
    Text(&'a str),
    /// Bytes of a websocket, or a piece of the body of an answer.
    Binary(&'a [u8]),
    /// An answer to a request begins; its content type.
    Answer(&'a str),
    /// The body of the answer is complete.
    End,
}

/// What is sent to a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A text message of a websocket, or the body of a request.
    Text(String),
    /// Drop the requests under way and those that wait. Not for websockets.
    Drop,
}

/// What a dialect makes of commands and messages.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// For the vendor, in order.
    pub(crate) frames: Vec<Frame>,
    /// For the session, in order.
    pub(crate) told: Vec<Told>,
}

impl Outbox {
    /// Sends a JSON object.
    pub(crate) fn send(&mut self, message: &serde_json::Value) {
        self.frames.push(Frame::Text(message.to_string()));
    }

    /// Reports.
    pub(crate) fn tell(&mut self, told: Told) {
        self.told.push(told);
    }
}

/// What a vendor reported.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// Audio, 8 kHz. Never empty.
    Audio { utterance: UtteranceId, pcm: Vec<i16> },
    /// Words in the order of the text.
    Words { utterance: UtteranceId, words: Vec<Spoken> },
    /// How much of a cancelled utterance was heard, by the vendor's account.
    Kept { utterance: UtteranceId, mark: WordMark },
    /// All audio of a finished utterance has come.
    Finished { utterance: UtteranceId },
    /// The vendor will not speak the utterance, or has stopped in its middle. The connection is good.
    Failed { utterance: UtteranceId, error: Error },
    /// The connection is of no use any more.
    Broken(Error),
    /// The vendor warns; its code, for the log.
    Warning(String),
}

/// A word that the vendor has placed in the audio.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    /// As the vendor writes it.
    pub(crate) word: Pii<String>,
    /// Samples of the utterance up to its end, at 8 kHz.
    pub(crate) end: u64,
}

/// A vendor's code of what went wrong, for errors and the log. What does not look like a code may repeat what was said
/// and is left out.
pub(crate) fn name(code: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if (1..=64).contains(&code.len()) && code.chars().all(plain) { code } else { "without a code" }
}

/// A text in pieces of at most `limit` bytes, cut at white space where there is some.
pub(crate) fn pieces(text: &str, limit: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, left) = rest.split_at(cut(rest, limit.max(4)));
        rest = left;
        Some(piece)
    })
}

/// Where to cut a text so that its first part has at most `limit` bytes, which are at least those of one character.
fn cut(text: &str, limit: usize) -> usize {
    if text.len() <= limit {
        return text.len();
    }
    let most = text.floor_char_boundary(limit);
    match text[..most].rfind(char::is_whitespace) {
        Some(space) if space > 0 => space + text[space..].chars().next().map_or(1, char::len_utf8),
        Some(_) | None => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_are_repeated() {
        assert_eq!((name("NET-0001"), name("voice_not_found")), ("NET-0001", "voice_not_found"));
        assert_eq!((name(""), name("cannot say 4111 1111")), ("without a code", "without a code"));
    }

    #[test]
    fn pieces_are_cut_at_spaces_and_lose_nothing() {
        let text = "one two three  four—fünf";
        for limit in 0..=text.len() {
            let parts: Vec<&str> = pieces(text, limit).collect();
            assert_eq!(parts.concat(), text, "{limit}");
            assert!(parts.iter().all(|part| part.len() <= limit.max(4)), "{limit}: {parts:?}");
        }
        assert_eq!(pieces(text, 10).collect::<Vec<_>>(), ["one two ", "three  ", "four—fü", "nf"]);
        assert_eq!(pieces("", 10).count(), 0);
    }
}
