//! What a call puts down while it goes on: entries, handed to the keeper's thread without ever waiting for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::format::{End, Entry, What};
use super::keeper::{Keep, Wake};
use crate::agent::action::Action;
use crate::agent::input::{ExternalNews, Input, NativeNews, TransferNews};
use crate::agent::record::Outcome;
use crate::agent::transfer::TransferFailure;

/// Entries that are handed over together.
const BATCH: usize = 64;
/// Entries wait no longer than this for others, as long as others come at all.
const OLDEST: Duration = Duration::from_secs(1);
/// Most entries that are held back until it is known whether a number is a card's. With more the file ends.
const MOST_HELD: usize = 2_048;
/// How long the end of a call waits for the file.
const PATIENCE: Duration = Duration::from_secs(2);
/// A reply that took longer than this is a fault that somebody will ask about.
const SLOW: Duration = Duration::from_secs(4);

/// The tape of one call. Dropped without [`Tape::finish`], as in a panic, what there is of it is kept.
#[derive(Debug)]
pub struct Tape {
    begun: Instant,
    batch: Vec<Entry>,
    /// Entries since digits began that may be a card's number: if they are, nothing of them is put down.
    held: Vec<Entry>,
    handed_over: Instant,
    /// Gone once nothing more is put down.
    batches: Option<SyncSender<Vec<Entry>>>,
    verdict: Arc<Verdict>,
    done: oneshot::Receiver<bool>,
    wake: Wake,
    keep: Keep,
    faulty: bool,
}

/// What becomes of a file, as the call says before its channel closes.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    said: AtomicU8,
    behind: AtomicBool,
}

/// What a call has said of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing: it broke.
    Nothing,
    /// It is wanted.
    Keep,
    /// It is not.
    Discard,
}

impl Verdict {
    pub(super) fn said(&self) -> Said {
        match self.said.load(Ordering::Acquire) {
            1 => Said::Keep,
            2 => Said::Discard,
            _ => Said::Nothing,
        }
    }

    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire)
    }

    fn say(&self, keep: bool) {
        self.said.store(if keep { 1 } else { 2 }, Ordering::Release);
    }
}

impl Tape {
    pub(super) fn new(
        begun: Instant,
        keep: Keep,
        batches: SyncSender<Vec<Entry>>,
        verdict: Arc<Verdict>,
        done: oneshot::Receiver<bool>,
        wake: Wake,
    ) -> Self {
        Self {
            begun,
            batch: Vec::new(),
            held: Vec::new(),
            handed_over: begun,
            batches: Some(batches),
            verdict,
            done,
            wake,
            keep,
            faulty: false,
        }
    }

    /// Whether anything is still put down.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.batches.is_some()
    }

    /// Puts a step of the conversation down. `digits`: the caller gives some that may turn out to be a card's number;
    /// then it waits with all that follows until they are known to be none.
    pub fn step(&mut self, now: Instant, what: What, actions: Vec<Action>, digits: bool) {
        if !self.runs() {
            return;
        }
        if let What::Input(input) = &what {
            self.faulty |= is_fault(input);
        }
        let off_record = actions.contains(&Action::Record(false));
        let held = digits || !self.held.is_empty();
        if held && (off_record || self.held.len() >= MOST_HELD) {
            let since = self.held.first().map(|entry| self.begun + Duration::from_nanos(entry.at));
            self.held.clear();
            return self.end(since.unwrap_or(now), End::OffRecord);
        }
        if digits {
            let entry = self.entry(now, what, actions);
            return self.held.push(entry);
        }
        self.release();
        self.put(now, what, actions);
        if off_record {
            self.end(now, End::OffRecord);
        }
    }

    /// Puts down what happened beside the conversation.
    pub fn note(&mut self, now: Instant, note: String) {
        self.put(now, What::Note(note), Vec::new());
    }

    /// Whether so much went wrong that somebody will ask.
    #[must_use]
    pub fn is_faulty(&self, outcome: &Outcome) -> bool {
        self.faulty || outcome.turns.iter().any(|turn| turn.replied > SLOW)
    }

    /// The call is over, `failed` if by its own account. Whether there is a file.
    pub async fn finish(mut self, now: Instant, failed: bool, outcome: &Outcome) -> bool {
        self.release();
        self.end(now, End::Complete);
        self.verdict.say(match self.keep {
            Keep::Failed => failed || self.is_faulty(outcome),
            Keep::All => true,
        });
        self.batches = None;
        self.wake.wake();
        matches!(timeout(PATIENCE, &mut self.done).await, Ok(Ok(true)))
    }

    /// Nobody wants what there is.
    pub fn discard(mut self) {
        self.batch.clear();
        self.held.clear();
        self.verdict.say(false);
    }

    fn put(&mut self, now: Instant, what: What, actions: Vec<Action>) {
        if !self.runs() {
            return;
        }
        let entry = self.entry(now, what, actions);
        if !self.held.is_empty() {
            return self.held.push(entry);
        }
        self.batch.push(entry);
        if self.batch.len() >= BATCH || now.saturating_duration_since(self.handed_over) >= OLDEST {
            self.hand_over(now);
        }
    }

    fn entry(&self, now: Instant, what: What, actions: Vec<Action>) -> Entry {
        let at = u64::try_from(now.saturating_duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX);
        Entry { at, what, actions }
    }

    /// What was held back is harmless.
    fn release(&mut self) {
        self.batch.append(&mut self.held);
    }

    fn end(&mut self, now: Instant, end: End) {
        self.put(now, What::End(end), Vec::new());
        self.hand_over(now);
        // What the channel holds is still written.
        self.batches = None;
    }

    fn hand_over(&mut self, now: Instant) {
        self.handed_over = now;
        if let Some(batches) = self.batches.as_ref().filter(|_| !self.batch.is_empty())
            && batches.try_send(std::mem::take(&mut self.batch)).is_err()
        {
            // A file with a hole in it cannot be played beyond the hole.
            self.verdict.behind.store(true, Ordering::Release);
            self.batches = None;
        }
    }
}

impl Drop for Tape {
    /// In a panic what was gathered is worth most.
    fn drop(&mut self) {
        self.hand_over(self.handed_over);
    }
}

/// Whether an input tells that something broke.
fn is_fault(input: &Input) -> bool {
    matches!(
        input,
        Input::PrepareFailed { .. }
            | Input::SpeechFailed { .. }
            | Input::SpeechStarved { .. }
            | Input::NotUnderstood { .. }
            | Input::RecogniserDead
            | Input::GenerationFailed { .. }
            | Input::Transfer(TransferNews::Failed(TransferFailure::Broken))
            | Input::Native(NativeNews::Interrupted | NativeNews::Dead)
            | Input::External(ExternalNews::Dead)
    )
}
