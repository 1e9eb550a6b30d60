//! What every connection and every request to a vendor has: a number, its faults, and its place in the log.

use std::sync::Mutex;
use std::time::Instant;

use serde_json::Value;

use super::faults::{Fault, Faults, Vendor};
use super::log::{Direction, Event, Log, Side, abridged};
use super::sound::Runs;

/// One connection or request.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) vendor: Vendor,
    /// From 1, over all vendors.
    pub(crate) number: u64,
    pub(crate) began: Instant,
    faults: Mutex<Faults>,
    log: Log,
    sounds: Mutex<Sounds>,
}

#[derive(Debug, Default)]
struct Sounds {
    heard: Runs,
    said: Runs,
    audio_in: u64,
    audio_out: u64,
    closed: bool,
}

impl Connection {
    pub(crate) fn new(vendor: Vendor, number: u64, faults: Faults, log: Log) -> Self {
        let sounds = Mutex::new(Sounds::default());
        Self { vendor, number, began: Instant::now(), faults: Mutex::new(faults), log, sounds }
    }

    /// What strikes it.
    pub(crate) fn faults(&self) -> Faults {
        self.faults.lock().expect("nothing panics while it is held").clone()
    }

    /// What strikes it from now on, too.
    pub(crate) fn strike(&self, more: Faults) {
        more.iter().filter(|fault| fault.lasts()).for_each(|fault| self.struck(fault));
        self.faults.lock().expect("nothing panics while it is held").extend(more);
    }

    pub(crate) fn write(&self, event: Event) {
        self.log.write(Instant::now(), Some(self.vendor), self.number, event);
    }

    /// A text came.
    pub(crate) fn received(&self, text: &str) {
        let message = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        self.write(Event::Received { message: abridged(message) });
    }

    /// A text went out.
    pub(crate) fn sent(&self, text: &str) {
        let message = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        self.write(Event::Sent { message: abridged(message) });
    }

    /// Audio of the caller came, `bytes` long on the wire.
    pub(crate) fn heard(&self, samples: &[i16], rate: u32, bytes: usize) {
        let mut sounds = self.sounds();
        sounds.audio_in += bytes as u64;
        let run = sounds.heard.push(&self.log, Instant::now(), samples, rate);
        drop(sounds);
        if let Some(run) = run {
            self.write(Event::Sound { direction: Direction::In, run });
        }
    }

    /// Audio of the vendor went out, `bytes` long on the wire.
    pub(crate) fn said(&self, samples: &[i16], rate: u32, bytes: usize) {
        let mut sounds = self.sounds();
        sounds.audio_out += bytes as u64;
        let run = sounds.said.push(&self.log, Instant::now(), samples, rate);
        drop(sounds);
        if let Some(run) = run {
            self.write(Event::Sound { direction: Direction::Out, run });
        }
    }

    /// The client did something that it should not.
    pub(crate) fn complain(&self, reason: &str) {
        self.write(Event::Complained { reason: reason.to_owned() });
    }

    pub(crate) fn struck(&self, fault: &Fault) {
        self.write(Event::Struck { fault: fault.clone() });
    }

    /// The end; only the first one counts.
    pub(crate) fn closed(&self, by: Side, code: Option<u16>, reason: &str) {
        let mut sounds = self.sounds();
        if std::mem::replace(&mut sounds.closed, true) {
            return;
        }
        let (heard, said) = (sounds.heard.finish(), sounds.said.finish());
        let (audio_in, audio_out) = (sounds.audio_in, sounds.audio_out);
        drop(sounds);
        for (direction, run) in [(Direction::In, heard), (Direction::Out, said)] {
            if let Some(run) = run {
                self.write(Event::Sound { direction, run });
            }
        }
        self.write(Event::Closed { by, code, reason: reason.to_owned(), audio_in, audio_out });
    }

    fn sounds(&self) -> std::sync::MutexGuard<'_, Sounds> {
        self.sounds.lock().expect("nothing panics while it is held")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.closed(Side::Client, None, "");
    }
}
