//! `vendors.jsonl`: what came and went at the vendors, one JSON object a line, so that nobody has to believe a server
//! about when it was heard.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;

use super::faults::{Fault, Vendor};
use super::sound::Run;

/// Strings of a message that are longer are audio; the log has their length instead.
const LONGEST: usize = 400;

/// The log. Clones write to the same place. Every line is written through at once: killed vendors lose none.
#[derive(Clone, Debug)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    keep: bool,
    lines: Mutex<Lines>,
    grown: Notify,
}

#[derive(Debug)]
struct Lines {
    out: Option<BufWriter<File>>,
    kept: Vec<Entry>,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Microseconds on the monotonic clock since the vendors were started.
    pub t_us: u64,
    /// The vendor, where it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Vendor>,
    /// Number of the connection or request, from 1, in the order of their coming; 0 for what concerns none.
    pub connection: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The vendors are there.
    Started {
        /// Microseconds since 1970 UTC at `t_us` 0.
        unix_us: u64,
    },
    /// The faults were replaced.
    FaultsSet {
        /// How many there are now.
        count: usize,
    },
    /// A request or an upgrade was taken.
    Opened {
        /// Path and query.
        target: String,
    },
    /// A request or an upgrade was not taken.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why.
        reason: String,
    },
    /// A text message, or the body of a request, came.
    Received {
        /// The message; long strings are replaced by their length.
        message: Value,
    },
    /// A text message, or a piece of an answer, went out.
    Sent {
        /// The message; long strings are replaced by their length.
        message: Value,
    },
    /// The caller was heard, or the vendor's voice went out: one stretch of sound without a pause of 200 ms.
    Sound {
        /// `in` or `out`.
        direction: Direction,
        /// When, and which samples.
        #[serde(flatten)]
        run: Run,
    },
    /// The client did something that the vendor does not like, and went on.
    Complained {
        /// What.
        reason: String,
    },
    /// A fault struck, or holds from here on.
    Struck {
        /// Which.
        fault: Fault,
    },
    /// The connection ended.
    Closed {
        /// Who ended it.
        by: Side,
        /// The close code, where there was one.
        code: Option<u16>,
        /// Words of the close frame.
        reason: String,
        /// Bytes of audio that came.
        audio_in: u64,
        /// Bytes of audio that went.
        audio_out: u64,
    },
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the vendor.
    In,
    /// From the vendor.
    Out,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Who uses the vendor.
    Client,
    /// The vendor.
    Vendor,
}

impl Log {
    /// A log that appends to a file, is kept in memory, or both.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: Option<&Path>, keep: bool) -> io::Result<Self> {
        let out = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        let lines = Lines { out: out.map(BufWriter::new), kept: Vec::new() };
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let log = Self(Arc::new(Inner { began: Instant::now(), keep, lines: Mutex::new(lines), grown: Notify::new() }));
        log.write(log.0.began, None, 0, Event::Started { unix_us: micros(unix) });
        Ok(log)
    }

    /// The lines so far, where they are kept.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lines().kept.clone()
    }

    /// The first line that is asked for, as soon as it is there; none within the time limit.
    pub async fn find(&self, within: Duration, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let search = async {
            let mut seen = 0;
            loop {
                let grown = self.0.grown.notified();
                tokio::pin!(grown);
                grown.as_mut().enable();
                {
                    let lines = self.lines();
                    if let Some(found) = lines.kept[seen..].iter().find(|entry| wanted(entry)) {
                        return found.clone();
                    }
                    seen = lines.kept.len();
                }
                grown.await;
            }
        };
        tokio::time::timeout(within, search).await.ok()
    }

    /// Microseconds from the start to `at`.
    #[must_use]
    pub fn micros(&self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.0.began))
    }

    /// Writes a line. A full disk ends the file with one message: the vendors go on.
    pub(crate) fn write(&self, at: Instant, vendor: Option<Vendor>, connection: u64, event: Event) {
        let entry = Entry { t_us: self.micros(at), vendor, connection, event };
        let mut lines = self.lines();
        if let Some(out) = &mut lines.out {
            let written = serde_json::to_writer(&mut *out, &entry)
                .map_err(io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .and_then(|()| out.flush());
            if let Err(error) = written {
                tracing::error!(%error, "the vendors' log cannot be written any more");
                lines.out = None;
            }
        }
        if self.0.keep {
            lines.kept.push(entry);
            self.0.grown.notify_waiters();
        }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lines.lock().expect("nothing panics while it is held")
    }
}

/// A message as the log has it: without its audio.
pub(crate) fn abridged(mut message: Value) -> Value {
    shorten(&mut message);
    message
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST => *text = format!("({} characters)", text.len()),
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_found_before_and_after_it_is_written() {
        let log = Log::open(None, true).expect("memory is always writable");
        let count = |wanted: usize| move |entry: &Entry| entry.event == Event::FaultsSet { count: wanted };
        log.write(Instant::now(), None, 0, Event::FaultsSet { count: 1 });
        assert!(log.find(Duration::ZERO, count(1)).await.is_some());
        let later = log.clone();
        let (found, ()) = tokio::join!(log.find(Duration::from_secs(5), count(2)), async move {
            later.write(Instant::now(), None, 0, Event::FaultsSet { count: 2 });
        });
        assert!(found.is_some());
        assert!(log.find(Duration::from_millis(1), count(3)).await.is_none());
    }

    #[test]
    fn audio_is_left_out_of_messages() {
        let message = serde_json::json!({ "type": "x", "audio": "A".repeat(5_000), "list": [{ "delta": "short" }] });
        let expected = serde_json::json!({ "type": "x", "audio": "(5000 characters)", "list": [{ "delta": "short" }] });
        assert_eq!(abridged(message), expected);
    }
}
