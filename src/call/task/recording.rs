//! The recording of one call: made when the call is answered, on disk when its end is reported.

use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use callwright_media::frame::Rate;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::call::place::RecordingFile;
use crate::call::record::{RecordError, Recorder, RecordingFault, RecordingHandle, RecordingSink};

/// How long the end of a call waits for its recording to be on disk.
const PATIENCE: Duration = Duration::from_secs(10);

type Opened = Result<(RecordingSink, RecordingHandle), RecordError>;
type Opening = JoinHandle<Opened>;

/// Where the recording of a call is in its life.
pub(super) struct Recording {
    /// Relative to the folder of recordings.
    path: PathBuf,
    opening: Option<Opening>,
    handle: Option<RecordingHandle>,
    /// Why there is none although there should be.
    fault: Option<RecordingFault>,
}

impl Recording {
    /// A recording that will have this path in the folder of recordings, once it is opened.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, opening: None, handle: None, fault: None }
    }

    /// Where it goes, relative to the folder of recordings.
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Makes the file, for sound of this rate, off this thread: a slow disk does not hold up a call.
    pub(super) fn open(&mut self, recorder: Recorder, folder: &std::path::Path, rate: Rate) {
        let path = folder.join(&self.path);
        self.opening = Some(tokio::task::spawn_blocking(move || recorder.begin(&path, rate)));
    }

    /// The sink, once the file is made; `None` when it cannot be. Waits for ever when none is being made.
    pub(super) async fn opened(&mut self) -> Option<RecordingSink> {
        match &mut self.opening {
            Some(opening) => {
                let opened = opening.await;
                self.opening = None;
                self.take(opened)
            }
            None => pending().await,
        }
    }

    /// The sink of a file that is made within a time limit, at the end of a call.
    pub(super) async fn opened_within(&mut self, limit: Duration) -> Option<RecordingSink> {
        match timeout(limit, self.opening.take()?).await {
            Ok(opened) => self.take(opened),
            Err(_) => {
                self.fault = Some(RecordingFault::DiskSlow);
                None
            }
        }
    }

    /// What is on disk when everything has been written, after the sink has gone, and what is wrong with it.
    pub(super) async fn finished(self) -> (Option<RecordingFile>, Option<RecordingFault>) {
        let Some(handle) = self.handle else { return (None, self.fault) };
        match timeout(PATIENCE, handle.finished()).await {
            Ok(Some(recorded)) => {
                (Some(RecordingFile { path: self.path, duration: recorded.duration }), recorded.fault)
            }
            Ok(None) => (None, Some(RecordingFault::DiskFailed)),
            Err(_) => (None, Some(RecordingFault::DiskSlow)),
        }
    }

    /// Nothing of the sink was recorded: the leg is gone.
    pub(super) fn give_up(&mut self) {
        self.handle = None;
    }

    fn take(&mut self, opened: Result<Opened, tokio::task::JoinError>) -> Option<RecordingSink> {
        match opened {
            Ok(Ok((sink, handle))) => {
                self.handle = Some(handle);
                Some(sink)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "a call is not recorded");
                self.fault = Some(error.fault());
                None
            }
            Err(_) => None,
        }
    }
}
