//! What a simulated voice has still to say, and when the next piece of it is due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::speaking::parts;
use crate::vendors::connection::Connection;
use crate::vendors::server::Shared;

/// Characters of one piece of audio.
const PIECE: usize = 3;

/// A piece of audio and the characters that it says.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) samples: Vec<i16>,
    pub(super) text: String,
    /// The words that end in it, and where each ends in the samples of the whole text, counted at the same rate.
    pub(super) words: Vec<(String, u64)>,
}

/// An item of the queue: audio, or something to be told between.
#[derive(Debug)]
pub(super) enum Item<M> {
    Piece(Piece),
    Tell(M),
}

/// A queue of speech. `M` is what a vendor tells between pieces of audio.
#[derive(Debug)]
pub(super) struct Mouth<M> {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    pub(super) rate: u32,
    queue: VecDeque<(u64, Item<M>)>,
    /// When the audio that went out last has been said, at the pace of the vendor.
    free: Instant,
    /// Whether the fault of a slow first byte strikes here; the body of an HTTP answer has it of its own.
    slow: bool,
}

impl<M> Mouth<M> {
    pub(super) fn new(shared: Arc<Shared>, connection: Arc<Connection>, rate: u32) -> Self {
        let free = Instant::now();
        Self { shared, connection, rate, queue: VecDeque::new(), free, slow: true }
    }

    /// One for the body of an HTTP answer.
    pub(super) fn of_reply(shared: Arc<Shared>, connection: Arc<Connection>, rate: u32) -> Self {
        Self { slow: false, ..Self::new(shared, connection, rate) }
    }

    /// Says a text on the stream `of`. `said` samples of the stream came before it.
    pub(super) fn say(&mut self, of: u64, text: &str, said: u64) {
        if !self.has_sound() {
            let wait = Duration::from_millis(self.shared.script.speaking.first_byte_ms);
            let slow = if self.slow { self.connection.faults().slow_first_byte() } else { Duration::ZERO };
            self.free = self.free.max(Instant::now() + wait + slow);
        }
        let pieces = self.pieces(text, said);
        self.queue.extend(pieces.into_iter().map(|piece| (of, Item::Piece(piece))));
    }

    /// How long a text lasts, in samples.
    pub(super) fn length(&self, text: &str) -> u64 {
        (text.chars().count() * self.shared.script.speaking.char_samples(self.rate)) as u64
    }

    /// Tells something on the stream `of`, after what is said there.
    pub(super) fn tell(&mut self, of: u64, what: M) {
        self.queue.push_back((of, Item::Tell(what)));
    }

    /// Says no more on a stream.
    pub(super) fn stop(&mut self, of: u64) {
        self.queue.retain(|(stream, _)| *stream != of);
    }

    /// Whether anything is still to come on a stream.
    pub(super) fn is_busy(&self, of: u64) -> bool {
        self.queue.iter().any(|(stream, _)| *stream == of)
    }

    /// The next item on a stream, before its time: it was on its way already.
    pub(super) fn hurry(&mut self, of: u64) -> Option<Piece> {
        let at = self.queue.iter().position(|(stream, item)| *stream == of && matches!(item, Item::Piece(_)))?;
        match self.queue.remove(at)?.1 {
            Item::Piece(piece) => Some(piece),
            Item::Tell(_) => None,
        }
    }

    /// The next item, as soon as it is due; for ever none when there is none.
    pub(super) async fn next(&mut self) -> (u64, Item<M>) {
        match self.queue.front() {
            Some((_, Item::Piece(_))) => sleep_until(self.free.into()).await,
            Some((_, Item::Tell(_))) => {}
            None => std::future::pending().await,
        }
        let next = self.queue.pop_front().expect("there is one");
        if let (_, Item::Piece(piece)) = &next {
            let pace = self.connection.faults().pace().unwrap_or(self.shared.script.speaking.pace).max(0.01);
            let lasts = piece.samples.len() as f32 / self.rate as f32;
            self.free = self.free.max(Instant::now()) + Duration::from_secs_f32(lasts / pace);
        }
        next
    }

    fn has_sound(&self) -> bool {
        self.queue.iter().any(|(_, item)| matches!(item, Item::Piece(_)))
    }

    fn pieces(&self, text: &str, said: u64) -> Vec<Piece> {
        let script = &self.shared.script;
        let samples = script.speaking.say(&script.hearing, text, self.rate);
        let length = script.speaking.char_samples(self.rate);
        let chars: Vec<char> = text.chars().collect();
        let (mut ends, mut before) = (Vec::new(), 0);
        for word in text.split_inclusive(char::is_whitespace) {
            if parts(word).any(|(_, is_word)| is_word) {
                ends.push((before + word.trim_end().chars().count(), word.trim_end()));
            }
            before += word.chars().count();
        }
        let piece = |(index, chars): (usize, &[char])| {
            let (from, to) = (index * PIECE, index * PIECE + chars.len());
            let own = ends.iter().filter(|(end, _)| (from + 1..=to).contains(end));
            let words = own.map(|(end, word)| ((*word).to_owned(), said + (end * length) as u64));
            Piece {
                samples: samples[from * length..to * length].to_vec(),
                text: chars.iter().collect(),
                words: words.collect(),
            }
        };
        chars.chunks(PIECE).enumerate().map(piece).collect()
    }
}
