//! One recording worked up: encoded, read back, compared, looked at. Blocks; for a thread of its own.
//!
//! | killed while | there are | the next start |
//! | --- | --- | --- |
//! | encoding or comparing | WAV, a part of an Ogg under another name | encodes anew |
//! | renaming, before it is on record | WAV, a whole Ogg | compares, puts it on record |
//! | removing the WAV | both, the Ogg on record | removes the WAV |

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use callwright_media::recording::{
    Agreement, Disagreement, EncodeError, EncodedReader, ReadError, RecordingReader, Waveform, WaveformBuilder, encode,
    verify,
};
use sha2::{Digest, Sha256};

use crate::config::RecordingFormat;
use crate::store::recording::Worked;

/// Why a recording was not worked up now. Its WAV is as it was.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It is on no disk of this server.
    #[error("it does not lie here")]
    NotHere,
    /// It is being written, or another server works on it.
    #[error("it is in use")]
    InUse,
    /// A file cannot be read or written: the disk may be full. To be tried again.
    #[error("a file cannot be read or written")]
    Io(#[from] io::Error),
}

/// What came of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The file that stays.
    pub worked: Worked,
    /// The file that is to go once the other one is on record.
    pub outdated: Option<PathBuf>,
    /// Why it stays WAV although it should not.
    pub fault: Option<String>,
}

/// Works a recording up. `path` is relative to the folder and stays so.
///
/// # Errors
/// [`JobError`]; nothing is lost.
pub fn work(folder: &Path, path: &str, format: RecordingFormat) -> Result<Done, JobError> {
    let wav = folder.join(path);
    let encoded = wav.with_extension("ogg");
    let file = match OpenOptions::new().read(true).write(true).open(&wav) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return without_wav(path, &encoded),
        Err(error) => return Err(error.into()),
    };
    // Held until the end: whoever records holds it, too. A file system without locks has one server.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(JobError::InUse);
    }
    match format {
        RecordingFormat::Wav => as_it_is(path, &wav, None),
        RecordingFormat::Opus => match encoded_and_compared(&wav, &encoded) {
            Ok(waveform) => Ok(Done {
                worked: worked(Path::new(path).with_extension("ogg"), &encoded, Some(&waveform))?,
                outdated: Some(wav),
                fault: None,
            }),
            Err(Fault::Io(error)) => Err(error.into()),
            Err(fault) => as_it_is(path, &wav, Some(fault.to_string())),
        },
    }
}

/// Why a recording stays WAV.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the WAV cannot be read: {0}")]
    Wav(#[from] ReadError),
    #[error("it cannot be encoded: {0}")]
    Codec(#[source] EncodeError),
    #[error("what was read back is something else: {0}")]
    Other(#[from] Disagreement),
}

impl From<EncodeError> for Fault {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Io(error) => Self::Io(error),
            EncodeError::Codec(_) => Self::Codec(error),
        }
    }
}

/// Makes the Ogg unless it is there, under its name only when it agrees with the WAV and would survive a power cut.
fn encoded_and_compared(wav: &Path, encoded: &Path) -> Result<Waveform, Fault> {
    if encoded.try_exists()?
        && let Ok((_, waveform)) = compared(wav, encoded)
    {
        return Ok(waveform);
    }
    let samples = RecordingReader::new(BufReader::new(File::open(wav)?))?;
    let part = encoded.with_extension("ogg.part");
    let file = File::create(&part)?;
    encode(samples.rate(), samples, serial(encoded), BufWriter::new(&file))?;
    file.sync_all()?;
    let (agreement, waveform) = match compared(wav, &part) {
        Ok(agreed) => agreed,
        Err(fault) => {
            // It is of no use, and the next try begins anew.
            let _ = fs::remove_file(&part);
            return Err(fault);
        }
    };
    fs::rename(&part, encoded)?;
    if let Some(folder) = encoded.parent() {
        File::open(folder)?.sync_all()?;
    }
    tracing::debug!(?agreement, "a recording was encoded");
    Ok(waveform)
}

fn compared(wav: &Path, encoded: &Path) -> Result<(Agreement, Waveform), Fault> {
    let before = RecordingReader::new(BufReader::new(File::open(wav)?))?;
    let after = EncodedReader::new(BufReader::new(File::open(encoded)?)).map_err(Disagreement::from)?;
    let mut waveform = WaveformBuilder::new(before.rate());
    let agreement = verify(before.rate(), before.inspect(|(heard, said)| waveform.add(*heard, *said)), after)?;
    Ok((agreement, waveform.finish()))
}

/// It stays WAV.
fn as_it_is(path: &str, wav: &Path, fault: Option<String>) -> Result<Done, JobError> {
    let waveform = RecordingReader::new(BufReader::new(File::open(wav)?)).ok().map(|samples| {
        let mut waveform = WaveformBuilder::new(samples.rate());
        samples.for_each(|(heard, said)| waveform.add(heard, said));
        waveform.finish()
    });
    Ok(Done { worked: worked(PathBuf::from(path), wav, waveform.as_ref())?, outdated: None, fault })
}

/// The WAV has gone: what took its place was compared before, and a crash of the machine took that off the record.
fn without_wav(path: &str, encoded: &Path) -> Result<Done, JobError> {
    let samples = match File::open(encoded) {
        Ok(file) => EncodedReader::new(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(JobError::NotHere),
        Err(error) => return Err(error.into()),
    };
    let waveform = samples.ok().and_then(|samples| {
        let mut waveform = WaveformBuilder::new(samples.rate());
        for sample in samples {
            let (heard, said) = sample.ok()?;
            waveform.add(heard, said);
        }
        Some(waveform.finish())
    });
    let fault = waveform.is_none().then(|| "the WAV is gone and the Ogg cannot be read to its end".to_owned());
    let worked = worked(Path::new(path).with_extension("ogg"), encoded, waveform.as_ref())?;
    Ok(Done { worked, outdated: None, fault })
}

fn worked(path: PathBuf, file: &Path, waveform: Option<&Waveform>) -> io::Result<Worked> {
    let (bytes, sha256) = digest(File::open(file)?)?;
    let peaks = waveform.map(Waveform::to_bytes);
    Ok(Worked { path: path.to_string_lossy().into_owned(), bytes, sha256, peaks })
}

/// Length and SHA-256, in hexadecimal.
fn digest(mut file: impl Read) -> io::Result<(u64, String)> {
    let mut digest = Digesting { digest: Sha256::new(), bytes: 0 };
    io::copy(&mut file, &mut digest)?;
    Ok((digest.bytes, hex(&digest.digest.finalize())))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Digesting {
    digest: Sha256,
    bytes: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name of the stream within its file: from the file's own name, so that another try writes the same bytes.
fn serial(path: &Path) -> u32 {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let digest = Sha256::digest(name.as_bytes());
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests;
