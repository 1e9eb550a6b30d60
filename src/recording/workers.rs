//! The threads that work recordings up: of the lowest priority, so that calls do not notice them.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::job::{Done, JobError, work};
use crate::config::RecordingFormat;

/// Nice value of the threads: whoever else wants the processor has it.
const NICE: i32 = 19;

/// The threads. They end when this and its clones are gone.
#[derive(Clone, Debug)]
pub struct Workers {
    jobs: SyncSender<Job>,
}

#[derive(Debug)]
struct Job {
    path: String,
    done: oneshot::Sender<Result<Done, JobError>>,
}

impl Workers {
    /// Starts so many threads for recordings of a folder.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(count: usize, folder: &Path, format: RecordingFormat) -> std::io::Result<Self> {
        // As many wait as are being worked on: what is more waits on the disk.
        let (jobs, waiting) = sync_channel(count);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let (waiting, folder) = (Arc::clone(&waiting), folder.to_owned());
            thread::Builder::new().name("encoder".to_owned()).spawn(move || run(&waiting, &folder, format))?;
        }
        Ok(Self { jobs })
    }

    /// Works a recording up; [`JobError::InUse`] when all threads are busy and as many wait, or all are gone.
    ///
    /// # Errors
    /// As [`work`].
    pub async fn work(&self, path: String) -> Result<Done, JobError> {
        let (done, result) = oneshot::channel();
        match self.jobs.try_send(Job { path, done }) {
            Ok(()) => result.await.unwrap_or(Err(JobError::InUse)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(JobError::InUse),
        }
    }
}

fn run(waiting: &Mutex<Receiver<Job>>, folder: &Path, format: RecordingFormat) {
    // On Linux it concerns this thread alone. Without it the threads do their work all the same.
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "recordings are encoded at the priority of calls");
    }
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { path, done }) = next else { return };
        // Whoever asked may have gone: the next start finds what was done.
        let _ = done.send(work(folder, &path, format));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn threads_are_nice_and_what_is_not_here_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let workers = Workers::start(1, folder.path(), RecordingFormat::Opus).expect("a thread");
        assert!(matches!(workers.work("a/b.wav".to_owned()).await, Err(JobError::NotHere)));
        let nice = std::fs::read_dir("/proc/self/task").expect("Linux").filter_map(|task| {
            let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            let (name, rest) = stat.split_once(") ")?;
            // The 19th field of proc(5) is the nice value; two stand before the bracket.
            name.ends_with("(encoder").then(|| rest.split(' ').nth(16).and_then(|nice| nice.parse::<i32>().ok()))
        });
        assert!(nice.flatten().any(|nice| nice == NICE));
    }
}
