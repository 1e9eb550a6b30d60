//! Helps to test dialects.

use std::time::{Duration, Instant};

use super::dialect::{Dialect, Frame, Message, Outbox, Told};
use crate::provider::tts::UtteranceId;

/// A dialect with a clock of its own; frames are JSON with sorted keys.
pub(crate) struct Wire<D> {
    pub(crate) dialect: D,
    began: Instant,
    now: Instant,
    pending: Vec<String>,
}

impl<D: Dialect> Wire<D> {
    pub(crate) fn new(mut dialect: D) -> Self {
        let now = crate::time::now().mono;
        dialect.opened(now);
        Self { dialect, began: now, now, pending: Vec::new() }
    }

    pub(crate) fn text(&mut self, utterance: UtteranceId, text: &str) -> Vec<String> {
        self.told(|dialect, now, out| dialect.text(now, utterance, text, out));
        self.frames()
    }

    pub(crate) fn finish(&mut self, utterance: UtteranceId) -> Vec<String> {
        self.told(|dialect, now, out| dialect.finish(now, utterance, out));
        self.frames()
    }

    pub(crate) fn cancel(&mut self, utterance: UtteranceId, heard_ms: u64) -> Vec<String> {
        let heard = Duration::from_millis(heard_ms);
        self.told(|dialect, now, out| dialect.cancel(now, utterance, heard, out));
        self.frames()
    }

    pub(crate) fn receive(&mut self, text: &str) -> Vec<Told> {
        self.told(|dialect, now, out| dialect.receive(now, Message::Text(text), out))
    }

    pub(crate) fn binary(&mut self, bytes: &[u8]) -> Vec<Told> {
        self.told(|dialect, now, out| dialect.receive(now, Message::Binary(bytes), out))
    }

    /// What was reported by a command; frames are kept for [`Wire::frames`].
    pub(crate) fn told(&mut self, act: impl FnOnce(&mut D, Instant, &mut Outbox)) -> Vec<Told> {
        let mut out = Outbox::default();
        act(&mut self.dialect, self.now, &mut out);
        self.pending.extend(out.frames.into_iter().map(|frame| match frame {
            Frame::Text(text) => text,
            Frame::Drop => "drop".to_owned(),
        }));
        out.told
    }

    /// What was sent since it was last looked at.
    pub(crate) fn frames(&mut self) -> Vec<String> {
        std::mem::take(&mut self.pending)
    }

    /// Goes on to the next deadline, which there must be.
    pub(crate) fn wake(&mut self) -> Vec<Told> {
        self.now = self.now.max(self.dialect.deadline().expect("it waits for something"));
        self.told(|dialect, now, out| dialect.wake(now, out))
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.now += by;
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.began
    }
}

/// Frames as they are expected.
pub(crate) fn frames(expected: &[&str]) -> Vec<String> {
    expected.iter().map(|frame| (*frame).to_owned()).collect()
}

/// Feeds messages that are cut, damaged and mixed to fresh dialects, in all states. They must not panic, and what they
/// send must not grow with what they are sent.
pub(crate) fn garbage<D: Dialect>(make: impl Fn() -> D, messages: &[&str]) {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) as usize % below.max(1)
    };
    let odd =
        ["", "null", "[]", "{}", "\"x\"", "1e999", "{\"type\":7}", "{\"type\":\"chunk\"", "\u{0}", "{\"type\":null}"];
    for round in 0..300_u32 {
        let mut wire = Wire::new(make());
        for step in 0..20_u32 {
            let id = UtteranceId(step / 6);
            match random(8) {
                0 => drop(wire.text(id, "One two. ")),
                1 => drop(wire.finish(id)),
                2 => drop(wire.cancel(id, random(5_000) as u64)),
                3 => drop(wire.binary(&vec![round as u8; random(700)])),
                4 => drop(wire.receive(odd[random(odd.len())])),
                5 => {
                    let mut bytes = messages[random(messages.len())].as_bytes().to_vec();
                    let at = random(bytes.len());
                    if random(2) == 0 {
                        bytes.truncate(at);
                    } else {
                        bytes[at] = random(256) as u8;
                    }
                    drop(wire.receive(&String::from_utf8_lossy(&bytes)));
                }
                6 => drop(wire.receive(messages[random(messages.len())])),
                _ if wire.dialect.deadline().is_some() => drop(wire.wake()),
                _ => wire.advance(Duration::from_millis(700)),
            }
            assert!(wire.frames().len() <= 2, "round {round}, step {step}");
        }
    }
}
