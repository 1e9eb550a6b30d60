//! Recordings that nobody ended: their writer was killed.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use callwright_media::recording::RecordingReader;

/// A recording cut off by a kill.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) path: PathBuf,
    /// When its file was made, seconds since 1970 UTC.
    pub(crate) begun: f64,
    /// Seconds of sound in it, or why it cannot be read.
    pub(crate) length: Result<f64, String>,
}

/// The recordings below `folder` but those of the calls named.
pub(crate) fn without(folder: &Path, kept: &[&str]) -> Vec<Cut> {
    let days = std::fs::read_dir(folder).expect("calls were recorded").map(|day| day.expect("readable").path());
    let files = days.flat_map(|day| std::fs::read_dir(day).expect("a day's folder"));
    let paths = files.map(|file| file.expect("readable").path());
    let paths = paths.filter(|path| path.extension().is_some_and(|kind| kind == "wav"));
    let cut = paths.filter(|path| {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        !kept.contains(&name.as_str())
    });
    cut.map(read).collect()
}

fn read(path: PathBuf) -> Cut {
    let file = File::open(&path).expect("our own file");
    let about = file.metadata().expect("our own file");
    let length = match RecordingReader::new(BufReader::new(file)) {
        Ok(samples) => Ok(samples.count() as f64 / 8000.0),
        Err(error) => Err(error.to_string()),
    };
    let unix = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    // Not every file system keeps the time of creation; the last write is close enough to the end of what is in it.
    let begun = about
        .created()
        .map(unix)
        .unwrap_or_else(|_| about.modified().map_or(0.0, unix) - length.as_ref().copied().unwrap_or_default());
    Cut { path, begun, length }
}
