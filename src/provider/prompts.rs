//! Spoken prompts on disk, named by who says what: samples, and where the words end in them.
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

use crate::provider::error::{Error, ErrorKind};
use crate::provider::tts::{Speech, SpeechRequest, WordMark};

/// Raises whenever the same text would sound different or is written otherwise, so that old files are not found any
/// more.
const FORMAT: &str = "2";

/// Bytes of a mark on disk: bytes of the text and samples, both as `u32`.
const MARK: usize = 8;

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
    in_use: Mutex<BTreeMap<Key, InUse>>,
    /// One lock a prompt that is being made, so that it is made once.
    being_made: Mutex<BTreeMap<Key, Weak<tokio::sync::Mutex<()>>>>,
}

/// A prompt that somebody holds.
#[derive(Debug)]
struct InUse {
    pcm: Weak<[i16]>,
    marks: Arc<[WordMark]>,
}

impl InUse {
    fn speech(&self) -> Option<Speech> {
        Some(Speech { pcm: self.pcm.upgrade()?, marks: Arc::clone(&self.marks) })
    }
}

/// Names a prompt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The name of what `speaker` says to this request. The speaker is all that decides how it sounds, the voice apart:
    /// program or vendor, model, settings. Nothing of the text can be read from it.
    #[must_use]
    pub fn new(speaker: &str, request: &SpeechRequest) -> Self {
        let mut hash = Sha256::new();
        let SpeechRequest { text, voice } = request;
        for part in [FORMAT, speaker, &voice.name, &voice.language, text.expose()] {
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
            being_made: Mutex::new(BTreeMap::new()),
        };
        prompts.make_room()?;
        Ok(prompts)
    }

    /// A prompt that is known, or that `make` makes and that is kept then. What is asked for twice at once is made once.
    /// `provider` is named when the folder cannot be used.
    ///
    /// # Errors
    /// Those of `make`. A prompt that cannot be written is good all the same.
    pub async fn find_or_make(
        self: &Arc<Self>,
        provider: &str,
        key: &Key,
        make: impl Future<Output = Result<Speech, Error>>,
    ) -> Result<Speech, Error> {
        let turn = self.turn(key);
        let _guard = turn.lock().await;
        if let Some(speech) = self.on_disk(provider, key, |prompts, key| prompts.find(key)).await? {
            return Ok(speech);
        }
        let speech = make.await?;
        let (speech, written) = self.on_disk(provider, key, move |prompts, key| prompts.keep(key, speech)).await?;
        if let Err(error) = written {
            tracing::warn!(%error, "prompt not kept on disk");
        }
        Ok(speech)
    }

    /// A prompt, when it is known. Reads a file: not for a thread that must not wait.
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<Speech> {
        if let Some(speech) = self.lock().get(key).and_then(InUse::speech) {
            return Some(speech);
        }
        let path = self.path(key);
        let speech = decode(&fs::read(&path).ok()?)?;
        // What is used stays: the age of a file is that of its last use.
        if let Ok(file) = fs::File::options().append(true).open(&path) {
            let _ = file.set_modified(now());
        }
        Some(self.share(key, speech))
    }

    /// Keeps a prompt and says whether the disk took it. When it did not, the prompt is still good for the calls that
    /// use it now.
    pub fn keep(&self, key: &Key, speech: Speech) -> (Speech, io::Result<()>) {
        let speech = self.share(key, speech);
        let written = self.write(key, &speech);
        (speech, written)
    }

    fn share(&self, key: &Key, speech: Speech) -> Speech {
        let mut in_use = self.lock();
        if let Some(known) = in_use.get(key).and_then(InUse::speech) {
            return known;
        }
        in_use.retain(|_, prompt| prompt.pcm.strong_count() > 0);
        in_use.insert(key.clone(), InUse { pcm: Arc::downgrade(&speech.pcm), marks: Arc::clone(&speech.marks) });
        speech
    }

    /// The lock of a prompt.
    fn turn(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut being_made = self.being_made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = being_made.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        being_made.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        being_made.insert(key.clone(), Arc::downgrade(&turn));
        turn
    }

    /// Works with the folder off the threads that must not wait.
    async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        provider: &str,
        key: &Key,
        work: impl FnOnce(&Self, &Key) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (prompts, key) = (Arc::clone(self), key.clone());
        let done = tokio::task::spawn_blocking(move || work(&prompts, &key)).await;
        done.map_err(|_| Error::new(provider.to_owned(), ErrorKind::Local, "the prompt folder could not be used"))
    }

    fn write(&self, key: &Key, speech: &Speech) -> io::Result<()> {
        let bytes = encode(speech);
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
        Path::new(&self.folder).join(format!("{}.prompt", key.0))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, InUse>> {
        // The map is whole after every statement, so a panic elsewhere cannot have broken it.
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many marks, the marks, the samples; all little-endian. What does not fit 32 bits is no prompt and has no marks.
fn encode(speech: &Speech) -> Vec<u8> {
    let narrow = |mark: &WordMark| {
        Some([u32::try_from(mark.text_end).ok()?, u32::try_from(mark.sample_end).ok()?].map(u32::to_le_bytes).concat())
    };
    let marks: Option<Vec<Vec<u8>>> = speech.marks.iter().map(narrow).collect();
    let marks = marks.unwrap_or_default();
    let mut bytes = (marks.len() as u32).to_le_bytes().to_vec();
    bytes.extend(marks.into_iter().flatten());
    bytes.extend(speech.pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// What [`encode`] wrote; `None` for anything else.
fn decode(bytes: &[u8]) -> Option<Speech> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(MARK)?;
    let (marks, pcm) = rest.split_at_checked(length)?;
    if pcm.is_empty() || pcm.len() % 2 != 0 {
        return None;
    }
    let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let mark = |bytes: &[u8]| WordMark { text_end: number(bytes) as usize, sample_end: u64::from(number(&bytes[4..])) };
    let pcm = pcm.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    Some(Speech { pcm, marks: marks.chunks_exact(MARK).map(mark).collect() })
}

fn now() -> SystemTime {
    crate::time::now().wall.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pii::Pii;
    use crate::provider::tts::Voice;

    fn key(text: &str) -> Key {
        Key::new("test", &SpeechRequest { text: Pii::new(text.to_owned()), voice: Voice::default() })
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("callwright-prompts-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn speech(pcm: Vec<i16>) -> Speech {
        Speech { pcm: pcm.into(), marks: [].into() }
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).expect("the folder is there").count()
    }

    #[test]
    fn a_prompt_outlives_the_process_and_is_shared_while_in_use() {
        let folder = folder("kept");
        let prompts = Prompts::open(folder.clone(), 1 << 20).expect("a folder");
        assert!(prompts.find(&key("hello")).is_none());
        let marks = [WordMark { text_end: 2, sample_end: 1 }, WordMark { text_end: 5, sample_end: 3 }];
        let speech = Speech { pcm: vec![1, -2, 3].into(), marks: marks.into() };
        prompts.keep(&key("hello"), speech.clone()).1.expect("it is kept");
        let again = prompts.find(&key("hello")).expect("it is known");
        assert!(Arc::ptr_eq(&speech.pcm, &again.pcm));
        let other = Prompts::open(folder.clone(), 1 << 20).expect("a folder");
        assert_eq!(other.find(&key("hello")), Some(speech));
        assert!(other.find(&key("hello ")).is_none());
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn the_folder_stays_below_its_limit_and_what_is_used_stays() {
        let folder = folder("limit");
        let prompts = Prompts::open(folder.clone(), 10_000).expect("a folder");
        for n in 0..20_u32 {
            prompts.keep(&key(&n.to_string()), speech(vec![7; 500])).1.expect("it is kept");
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
        for bytes in [&[][..], &[0; 4], &[0; 7], &[1, 0, 0, 0, 9, 9], &[255; 40]] {
            fs::write(prompts.path(&key("broken")), bytes).expect("the folder is writable");
            assert!(prompts.find(&key("broken")).is_none(), "{bytes:?}");
        }
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn a_disk_that_refuses_gives_the_prompt_back() {
        let folder = folder("refused");
        let prompts = Prompts::open(folder.clone(), 10_000).expect("a folder");
        fs::remove_dir_all(&folder).expect("it is ours");
        let (kept, written) = prompts.keep(&key("hello"), speech(vec![1, 2]));
        assert!(written.is_err(), "there is no folder");
        assert_eq!(*kept.pcm, [1, 2]);
        assert!(prompts.find(&key("hello")).is_some(), "as long as it is in use");
    }
}
