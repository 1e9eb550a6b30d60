//! Spoken prompts on disk, named by what they say.
//!
//! A file is complete or absent: it is written under another name and renamed. Any number of processes may share the
//! folder. The folder is kept below a size; the prompts that were not used for longest go first.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::provider::tts::SpeechRequest;

/// Raises whenever the same text would sound different, so that old files are not found any more.
const FORMAT: &str = "1";

/// A folder of prompts, and those of them that are in use now.
#[derive(Debug)]
pub struct Prompts {
    folder: PathBuf,
    /// Bytes that the folder may hold.
    limit: u64,
    /// Bytes it holds, as far as this process knows.
    held: AtomicU64,
    written: AtomicU64,
    /// Prompts that a call holds: calls that say the same share the samples.
    in_use: Mutex<BTreeMap<Key, Weak<[i16]>>>,
}

/// Names a prompt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The name of what `program` says to this request. Nothing of the text can be read from it.
    #[must_use]
    pub fn new(program: &str, request: &SpeechRequest) -> Self {
        let mut hash = Sha256::new();
        for part in [FORMAT, program, &request.voice, request.text.expose()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Prompts {
    /// Opens a folder, which is made when it is missing, and brings it below `limit` bytes.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(folder: PathBuf, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let prompts = Self {
            folder,
            limit,
            held: AtomicU64::new(0),
            written: AtomicU64::new(0),
            in_use: Mutex::new(BTreeMap::new()),
        };
        prompts.make_room()?;
        Ok(prompts)
    }

    /// A prompt, when it is known. Reads a file: not for a thread that must not wait.
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<Arc<[i16]>> {
        if let Some(pcm) = self.lock().get(key).and_then(Weak::upgrade) {
            return Some(pcm);
        }
        let path = self.path(key);
        let bytes = fs::read(&path).ok()?;
        if bytes.is_empty() || bytes.len() % 2 != 0 {
            return None;
        }
        // What is used stays: the age of a file is that of its last use.
        if let Ok(file) = fs::File::options().append(true).open(&path) {
            let _ = file.set_modified(now());
        }
        let pcm = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        Some(self.share(key, pcm))
    }

    /// Keeps a prompt and says whether the disk took it. When it did not, the prompt is still good for the calls that
    /// use it now.
    pub fn keep(&self, key: &Key, pcm: Arc<[i16]>) -> (Arc<[i16]>, io::Result<()>) {
        let pcm = self.share(key, pcm);
        let written = self.write(key, &pcm);
        (pcm, written)
    }

    fn share(&self, key: &Key, pcm: Arc<[i16]>) -> Arc<[i16]> {
        let mut in_use = self.lock();
        if let Some(known) = in_use.get(key).and_then(Weak::upgrade) {
            return known;
        }
        in_use.retain(|_, pcm| pcm.strong_count() > 0);
        in_use.insert(key.clone(), Arc::downgrade(&pcm));
        pcm
    }

    fn write(&self, key: &Key, pcm: &[i16]) -> io::Result<()> {
        let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let draft = self.folder.join(format!("{}.{}.{number}.draft", key.0, std::process::id()));
        let done = fs::write(&draft, &bytes).and_then(|()| fs::rename(&draft, self.path(key)));
        if let Err(error) = done {
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        let length = bytes.len() as u64;
        if self.held.fetch_add(length, Ordering::Relaxed) + length > self.limit {
            self.make_room()?;
        }
        Ok(())
    }

    /// Removes what was not used for longest until a tenth of the room is free, and drafts that nobody finishes.
    fn make_room(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(about) = entry.metadata() else { continue };
            if about.is_file() {
                files.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path(), about.len()));
            }
        }
        files.sort();
        let mut held: u64 = files.iter().map(|(_, _, length)| length).sum();
        let target = if held > self.limit { self.limit - self.limit / 10 } else { u64::MAX };
        for (_, path, length) in &files {
            if held <= target {
                break;
            }
            fs::remove_file(path)?;
            held -= length;
        }
        self.held.store(held, Ordering::Relaxed);
        Ok(())
    }

    fn path(&self, key: &Key) -> PathBuf {
        Path::new(&self.folder).join(format!("{}.s16", key.0))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, Weak<[i16]>>> {
        // The map is whole after every statement, so a panic elsewhere cannot have broken it.
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> SystemTime {
    crate::time::now().wall.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pii::Pii;

    fn key(text: &str) -> Key {
        Key::new("test", &SpeechRequest { text: Pii::new(text.to_owned()), voice: "en-us".to_owned() })
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("callwright-prompts-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).expect("the folder is there").count()
    }

    #[test]
    fn a_prompt_outlives_the_process_and_is_shared_while_in_use() {
        let folder = folder("kept");
        let prompts = Prompts::open(folder.clone(), 1 << 20).expect("a folder");
        assert!(prompts.find(&key("hello")).is_none());
        let pcm: Arc<[i16]> = vec![1, -2, 3].into();
        prompts.keep(&key("hello"), Arc::clone(&pcm)).1.expect("it is kept");
        let again = prompts.find(&key("hello")).expect("it is known");
        assert!(Arc::ptr_eq(&pcm, &again));
        let other = Prompts::open(folder.clone(), 1 << 20).expect("a folder");
        assert_eq!(other.find(&key("hello")).as_deref(), Some(&[1, -2, 3][..]));
        assert!(other.find(&key("hello ")).is_none());
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn the_folder_stays_below_its_limit_and_what_is_used_stays() {
        let folder = folder("limit");
        let prompts = Prompts::open(folder.clone(), 10_000).expect("a folder");
        for n in 0..20_u32 {
            prompts.keep(&key(&n.to_string()), vec![7; 500].into()).1.expect("it is kept");
            assert!(prompts.find(&key("0")).is_some(), "used all the time, after {n}");
        }
        assert!(names(&folder) <= 10, "{}", names(&folder));
        assert!(prompts.find(&key("1")).is_none());
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn broken_files_are_not_believed() {
        let folder = folder("broken");
        let prompts = Prompts::open(folder.clone(), 10_000).expect("a folder");
        fs::write(prompts.path(&key("odd")), [1, 2, 3]).expect("the folder is writable");
        fs::write(prompts.path(&key("empty")), []).expect("the folder is writable");
        assert!(prompts.find(&key("odd")).is_none());
        assert!(prompts.find(&key("empty")).is_none());
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn a_disk_that_refuses_gives_the_prompt_back() {
        let folder = folder("refused");
        let prompts = Prompts::open(folder.clone(), 10_000).expect("a folder");
        fs::remove_dir_all(&folder).expect("it is ours");
        let (pcm, written) = prompts.keep(&key("hello"), vec![1, 2].into());
        assert!(written.is_err(), "there is no folder");
        assert_eq!(*pcm, [1, 2]);
        assert!(prompts.find(&key("hello")).is_some(), "as long as it is in use");
    }
}
