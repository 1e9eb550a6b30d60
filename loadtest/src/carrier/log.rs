//! `carrier.jsonl`: what the wire saw, one JSON object a line, for comparison with what a server believes.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::persona::Persona;

/// The log of a carrier. Every line is written through at once: a killed carrier loses none.
#[derive(Debug)]
pub(crate) struct Log {
    out: Option<BufWriter<File>>,
}

/// What every line of a call has in common.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Parties {
    /// Call-ID of the call.
    pub(crate) call_id: String,
    /// Dialed number.
    pub(crate) to: String,
    /// Calling number.
    pub(crate) from: String,
    /// Who answers.
    pub(crate) persona: Persona,
}

/// What happened. Times are seconds since 1970 UTC.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A new INVITE transaction (a retransmission is none).
    Invite,
    /// 180 was sent.
    Ringing,
    /// 200 was sent.
    Answer,
    /// A final failure was sent.
    Final {
        /// SIP status.
        status: u16,
    },
    /// The callee spoke.
    Said {
        /// The words; empty for a mumble.
        text: String,
        /// When its first packet left.
        start: f64,
        /// When its last packet left.
        end: f64,
    },
    /// The other side was heard speaking, by its level.
    Heard {
        /// First packet above the threshold.
        start: f64,
        /// Last packet above the threshold.
        end: f64,
    },
    /// The callee pressed keys.
    Dtmf {
        /// The keys.
        digits: String,
    },
    /// The other side cancelled.
    Cancel,
    /// The call was ended.
    Bye {
        /// `server` or `callee`.
        by: &'static str,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    t: f64,
    #[serde(flatten)]
    event: &'a Event,
    #[serde(flatten)]
    parties: &'a Parties,
}

impl Log {
    /// Appends to a file.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { out: Some(BufWriter::new(file)) })
    }

    /// Writes a line with the time `t`. A full disk ends the log with one message: the calls go on, the comparison will show
    /// the gap.
    pub(crate) fn write(&mut self, t: f64, parties: &Parties, event: &Event) {
        let Some(out) = &mut self.out else { return };
        let written = serde_json::to_writer(&mut *out, &Line { t, event, parties })
            .map_err(io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        if let Err(error) = written {
            tracing::error!(%error, "the carrier's log cannot be written any more");
            self.out = None;
        }
    }
}
