//! Writes replay files: one thread for all calls.
//!
//! Calls hand their entries over in batches and never wait. The thread looks for batches ten times a second, makes JSON
//! of them and writes it, compressed, every 8 KiB or five seconds: so much is lost when the process is killed. A call
//! whose batches find no room goes without the rest of its file; a file that cannot be written ends with an alarm, and
//! its call goes on.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::format::{self, End, Entry, Header, LARGEST, What};
use super::tape::{Said, Tape, Verdict};
use crate::time;

/// Batches of one call that wait for the thread.
const WAITING: usize = 16;
/// How often the thread looks for batches.
const SWEEP: Duration = Duration::from_millis(100);
/// So much is compressed at a time, in bytes.
const MEMBER: usize = 8 << 10;
/// What is there is written after this time in any case.
const OLDEST: Duration = Duration::from_secs(5);
/// Files that wait to be begun.
const OPENING: usize = 1_024;

/// Which calls leave a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Those in which something broke, was not understood for a technical reason, or a reply took longer than 4 s.
    #[default]
    Failed,
    /// All of them.
    All,
}

/// The thread that writes replay files. Cloning shares it; it ends when the last clone is gone and every file is
/// written.
#[derive(Clone, Debug)]
pub struct Replays {
    opening: Arc<Mutex<Vec<Reel>>>,
    wake: Wake,
    keep: Keep,
}

/// Wakes the thread before its time.
#[derive(Clone, Debug)]
pub(super) struct Wake(thread::Thread);

impl Wake {
    pub(super) fn wake(&self) {
        self.0.unpark();
    }
}

impl Replays {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(keep: Keep) -> std::io::Result<Self> {
        let opening: Arc<Mutex<Vec<Reel>>> = Arc::default();
        let weak = Arc::downgrade(&opening);
        let thread = thread::Builder::new().name("replays".to_owned()).spawn(move || {
            let mut reels: Vec<Reel> = Vec::new();
            loop {
                match weak.upgrade() {
                    Some(opening) => reels.append(&mut opening.lock().unwrap_or_else(PoisonError::into_inner)),
                    None if reels.is_empty() => return,
                    None => {}
                }
                let now = time::now().mono;
                reels.retain_mut(|reel| reel.turn(now));
                thread::park_timeout(SWEEP);
            }
        })?;
        Ok(Self { opening, wake: Wake(thread.thread().clone()), keep })
    }

    /// Begins a file for a call that began at `begun`; nothing is on disk before there is something to write. `None`
    /// when the thread does not keep up: the call goes without.
    #[must_use]
    pub fn begin(&self, path: PathBuf, begun: Instant, header: &Header) -> Option<Tape> {
        let (batches, receiver) = sync_channel(WAITING);
        let (done, finished) = oneshot::channel();
        let verdict = Arc::new(Verdict::default());
        let mut plain = Vec::new();
        format::write_header(header, &mut plain);
        let reel = Reel {
            path,
            plain,
            since: begun,
            written: 0,
            file: None,
            failed: false,
            batches: receiver,
            verdict: Arc::clone(&verdict),
            done: Some(done),
            last: 0,
            end: None,
        };
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if opening.len() >= OPENING {
            tracing::error!("the disk does not keep up with replay files: a call leaves none");
            return None;
        }
        opening.push(reel);
        Some(Tape::new(begun, self.keep, batches, verdict, finished, self.wake.clone()))
    }
}

/// The thread's side of a file.
#[derive(Debug)]
struct Reel {
    path: PathBuf,
    /// Not yet written.
    plain: Vec<u8>,
    /// When something was written last.
    since: Instant,
    /// Bytes written so far, before they were compressed.
    written: usize,
    file: Option<File>,
    failed: bool,
    batches: Receiver<Vec<Entry>>,
    verdict: Arc<Verdict>,
    done: Option<oneshot::Sender<bool>>,
    /// Offset of the last entry.
    last: u64,
    end: Option<End>,
}

impl Reel {
    /// Takes what there is; false when the file is done.
    fn turn(&mut self, now: Instant) -> bool {
        loop {
            match self.batches.try_recv() {
                Ok(batch) => self.take(batch),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    // The call may still have a word to say on what becomes of the file.
                    if self.verdict.said() == Said::Nothing && Arc::strong_count(&self.verdict) > 1 {
                        break;
                    }
                    self.finish();
                    return false;
                }
            }
        }
        if self.plain.len() >= MEMBER || now.saturating_duration_since(self.since) >= OLDEST {
            self.write();
            self.since = now;
        }
        true
    }

    fn take(&mut self, batch: Vec<Entry>) {
        for entry in batch {
            if self.end.is_some() || self.failed {
                return;
            }
            self.last = entry.at;
            if let What::End(end) = entry.what {
                self.end = Some(end);
            } else if self.written + self.plain.len() >= LARGEST {
                return self.put_end(End::TooLong);
            }
            format::write_entry(&entry, &mut self.plain);
        }
    }

    fn put_end(&mut self, end: End) {
        self.end = Some(end);
        format::write_entry(&Entry { at: self.last, what: What::End(end), actions: Vec::new() }, &mut self.plain);
    }

    fn write(&mut self) {
        if self.plain.is_empty() || self.failed {
            self.plain.clear();
            return;
        }
        self.written += self.plain.len();
        if let Err(error) = self.write_member() {
            self.failed = true;
            tracing::error!(%error, "a replay file cannot be written; its call goes on");
        }
        self.plain.clear();
        self.plain.shrink_to(MEMBER);
    }

    fn write_member(&mut self) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                if let Some(folder) = self.path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                self.file.insert(OpenOptions::new().write(true).create_new(true).open(&self.path)?)
            }
        };
        let mut member = GzEncoder::new(Vec::new(), Compression::fast());
        member.write_all(&self.plain)?;
        // In one piece: a killed process leaves whole members.
        file.write_all(&member.finish()?)
    }

    fn finish(&mut self) {
        let said = self.verdict.said();
        let kept = said != Said::Discard;
        if kept {
            if self.end.is_none() {
                self.put_end(if self.verdict.is_behind() { End::Behind } else { End::BrokenOff });
            }
            self.write();
        } else if self.file.take().is_some()
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::error!(%error, "a replay file that is not wanted cannot be removed");
        }
        if let Some(done) = self.done.take() {
            // Nobody waits for it any more when the end of the call took too long.
            let _ = done.send(kept && !self.failed);
        }
    }
}
