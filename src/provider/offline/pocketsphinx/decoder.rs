//! One process of `pocketsphinx_continuous` decoding one turn.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

use super::judge::Decoding;
use super::model::{Files, Model, NAME};
use crate::provider::error::{Error, ErrorKind};

/// The most of a log that is kept; a turn's has some 15 kB.
const MAX_LOG: u64 = 1 << 20;

/// A process that listens. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Decoder {
    child: Child,
    stdin: Option<ChildStdin>,
    log: JoinHandle<Vec<u8>>,
}

impl Decoder {
    pub(super) fn start(program: &Path, model: &Model, network: &Files) -> Result<Self, Error> {
        let mut child = Command::new(program)
            .args(["-infile", "/dev/stdin", "-backtrace", "yes", "-lw", "1"])
            // A pause inside a turn does not split it: what ends a turn is decided elsewhere.
            .args(["-vad_postspeech", "150"])
            .arg("-hmm")
            .arg(&model.acoustic)
            .arg("-featparams")
            .arg(&model.features)
            .arg("-fdict")
            .arg(&model.fillers)
            .arg("-fsg")
            .arg(&network.grammar)
            .arg("-dict")
            .arg(&network.dictionary)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| not_started(program, &error))?;
        let stdin = child.stdin.take();
        let stderr = child.stderr.take();
        let log = tokio::spawn(async move {
            let mut log = Vec::new();
            if let Some(mut stderr) = stderr {
                // What is over the limit is read and forgotten: a full pipe would stop the program.
                let _ = (&mut stderr).take(MAX_LOG).read_to_end(&mut log).await;
                let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
            }
            log
        });
        Ok(Self { child, stdin, log })
    }

    /// Feeds 16 kHz audio. A program that has ended says so in [`Self::finish`].
    pub(super) async fn feed(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.stdin
            && stdin.write_all(bytes).await.is_err()
        {
            self.stdin = None;
        }
    }

    /// Closes the input and waits for the result.
    pub(super) async fn finish(mut self) -> Result<Decoding, Error> {
        self.stdin = None;
        let log = (&mut self.log).await.map_err(|_| broken("its log could not be read"))?;
        let status = self.child.wait().await.map_err(|error| broken(&error.to_string()))?;
        if status.success() {
            Ok(Decoding::parse(&String::from_utf8_lossy(&log)))
        } else {
            Err(broken(&format!("it ended with {status}")))
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.log.abort();
    }
}

fn broken(detail: &str) -> Error {
    Error::new(NAME, ErrorKind::Broken, detail)
}

fn not_started(program: &Path, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        let program = program.display();
        let detail = format!("`{program}` is not installed; on Debian or Ubuntu: apt-get install pocketsphinx");
        Error::new(NAME, ErrorKind::NotInstalled, detail)
    } else {
        Error::new(NAME, ErrorKind::Local, error.to_string())
    }
}
