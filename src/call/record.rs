//! Recording calls: frames leave the media workers in chunks of 200 ms and are written by one thread.
//!
//! A [`RecordingSink`] runs inside a media worker. It copies frames into a chunk and hands full chunks over without
//! waiting; chunks come back to be filled again. When the disk is slower than the calls, chunks are dropped and replaced
//! by silence, so that what follows stays in its place. A recording that cannot be written raises one alarm and ends;
//! the call goes on.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use callwright_media::convert::Converter;
use callwright_media::frame::{FRAME, PcmFrame, Rate};
use callwright_media::recording::{RecordingError, StereoRecorder};
use tokio::sync::oneshot;

use crate::campaign::wire::wire_enum;
use crate::net::media_leg::FrameSink;

/// Frames in a chunk: a killed process loses less than the last second, and a call has two of them all the time.
const CHUNK_FRAMES: usize = 10;
/// Full chunks that wait for the thread, per recording.
const WAITING: usize = 10;
/// How often the thread looks for full chunks.
const SWEEP: Duration = Duration::from_millis(100);
/// Recordings that wait to be opened.
const OPENING: usize = 1_024;

wire_enum! {
    /// Why a recording does not hold the whole call, or is not there. Each is an alarm: whoever runs the server has to act.
    pub enum RecordingFault is "fault of a recording" {
        /// No space was left on the disk, or a quota was used up: it ends there.
        DiskFull = "disk_full",
        /// The file could not be made or written: it ends there.
        DiskFailed = "disk_failed",
        /// The disk did not keep up: silence stands where it did not, or its end was not on disk in time.
        DiskSlow = "disk_slow",
        /// The call lasted longer than a recording can.
        TooLong = "too_long",
    }
}

impl RecordingFault {
    fn of(error: &RecordingError) -> Self {
        match error {
            RecordingError::Full(_) => Self::DiskFull,
            RecordingError::TooLong => Self::TooLong,
            RecordingError::Io(_) | RecordingError::Rate | RecordingError::Stopped => Self::DiskFailed,
        }
    }

    fn of_io(error: &io::Error) -> Self {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full { Self::DiskFull } else { Self::DiskFailed }
    }
}

/// What a recording is written into.
pub trait RecordFile: Write + Seek + Send {}

impl<T: Write + Seek + Send> RecordFile for T {}

/// Makes the file of a recording; it must not be there before.
pub type MakeFile = dyn Fn(&Path) -> io::Result<Box<dyn RecordFile>> + Send + Sync;

/// The recorder thread. Cloning shares it; it ends when the last clone is gone and every recording is closed.
#[derive(Clone, Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    thread: thread::Thread,
}

struct Shared {
    make: Box<MakeFile>,
    opening: Mutex<Vec<Recording>>,
    alarms: AtomicU64,
    dropped: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("alarms", &self.alarms).field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

/// A finished recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub duration: Duration,
    /// Chunks of 200 ms that the disk was too slow for; silence stands in their place.
    pub chunks_dropped: u64,
    /// Why it does not hold the whole call, if it does not. An alarm was raised.
    pub fault: Option<RecordingFault>,
}

/// A recording could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be made.
    #[error("cannot make a recording file")]
    Create(#[source] io::Error),
    /// It can, but not written.
    #[error(transparent)]
    Write(RecordingError),
    /// Too many recordings wait for a disk that hangs.
    #[error("the disk does not keep up with the recordings")]
    Behind,
}

impl RecordError {
    /// What the record of the call says.
    #[must_use]
    pub fn fault(&self) -> RecordingFault {
        match self {
            Self::Create(error) => RecordingFault::of_io(error),
            Self::Write(error) => RecordingFault::of(error),
            Self::Behind => RecordingFault::DiskSlow,
        }
    }
}

/// A recording under way.
#[derive(Debug)]
pub struct RecordingHandle {
    done: oneshot::Receiver<Recorded>,
}

impl RecordingHandle {
    /// The finished recording, once its sink is gone and the file would survive a power cut. `None` when the recorder
    /// has ended.
    pub async fn finished(self) -> Option<Recorded> {
        let mut recorded = self.done.await.ok()?;
        let path = recorded.path.clone();
        // Away from the recorder's thread: calls that end together do not hold up those that go on.
        let synced = tokio::task::spawn_blocking(move || File::open(path)?.sync_all()).await;
        if !matches!(synced, Ok(Ok(()))) {
            recorded.fault.get_or_insert(RecordingFault::DiskFailed);
        }
        Some(recorded)
    }
}

impl Recorder {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start() -> io::Result<Self> {
        Self::start_on(Box::new(make_file))
    }

    /// Starts the thread on files of another kind: those of a disk that fails, in tests.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start_on(make: Box<MakeFile>) -> io::Result<Self> {
        let (opening, alarms, dropped) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { make, opening, alarms, dropped });
        let weak = Arc::downgrade(&shared);
        let handle = thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            let mut recordings: Vec<Recording> = Vec::new();
            loop {
                let Some(shared) = weak.upgrade() else {
                    if recordings.is_empty() {
                        return;
                    }
                    sweep(&mut recordings, None);
                    thread::park_timeout(SWEEP);
                    continue;
                };
                recordings.append(&mut shared.opening.lock().unwrap_or_else(PoisonError::into_inner));
                sweep(&mut recordings, Some(&shared));
                drop(shared);
                thread::park_timeout(SWEEP);
            }
        })?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    /// Begins a recording at this rate in a new file, making its folder if need be. Blocks on the disk: call it where that
    /// is allowed.
    ///
    /// # Errors
    /// [`RecordError`]; the call goes on without a recording.
    pub fn begin(&self, path: &Path, rate: Rate) -> Result<(RecordingSink, RecordingHandle), RecordError> {
        self.open(path, rate).inspect_err(|_| {
            self.shared.alarms.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn open(&self, path: &Path, rate: Rate) -> Result<(RecordingSink, RecordingHandle), RecordError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(RecordError::Create)?;
        }
        let file = (self.shared.make)(path).map_err(RecordError::Create)?;
        let writer = StereoRecorder::at(BufWriter::new(file), rate).map_err(RecordError::Write)?;
        let (full, chunks) = sync_channel(WAITING);
        let (spare, spares) = sync_channel(WAITING);
        let (done, finished) = oneshot::channel();
        let dropped = Arc::new(AtomicU64::new(0));
        let recording = Recording {
            path: path.to_owned(),
            rate,
            writer: Some(writer),
            chunks,
            spare,
            done: Some(done),
            dropped: Arc::clone(&dropped),
            duration: Duration::ZERO,
            fault: None,
        };
        let mut opening = self.shared.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if opening.len() >= OPENING {
            return Err(RecordError::Behind);
        }
        opening.push(recording);
        drop(opening);
        let thread = self.thread.clone();
        let chunk = Chunk::boxed(rate);
        let sink = RecordingSink { rate, chunk, full, spares, dropped, thread, converters: [None, None] };
        Ok((sink, RecordingHandle { done: finished }))
    }

    /// Recordings that ended early, or did not begin, because they could not be written.
    #[must_use]
    pub fn alarms(&self) -> u64 {
        self.shared.alarms.load(Ordering::Relaxed)
    }

    /// Chunks dropped because the disk was too slow, over all recordings that have ended.
    #[must_use]
    pub fn chunks_dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

/// A new file, locked for as long as it is written: whoever works recordings up leaves it alone until then, also in
/// another process.
fn make_file(path: &Path) -> io::Result<Box<dyn RecordFile>> {
    let file = File::create_new(path)?;
    // Where the file system has no locks, no other process works on the folder.
    let _ = file.try_lock();
    Ok(Box::new(file))
}

/// 200 ms of both sides.
struct Chunk {
    /// Frames that were missing before this chunk's first one.
    missed: u32,
    frames: usize,
    /// Silence before each frame, in frames.
    skipped: [u32; CHUNK_FRAMES],
    caller: Box<[i16]>,
    agent: Box<[i16]>,
}

impl Chunk {
    fn boxed(rate: Rate) -> Box<Self> {
        let silence = || vec![0; CHUNK_FRAMES * rate.samples()].into();
        Box::new(Self { missed: 0, frames: 0, skipped: [0; CHUNK_FRAMES], caller: silence(), agent: silence() })
    }
}

/// Takes frames inside a media worker. Dropping it ends the recording.
pub struct RecordingSink {
    rate: Rate,
    chunk: Box<Chunk>,
    full: SyncSender<Box<Chunk>>,
    spares: Receiver<Box<Chunk>>,
    dropped: Arc<AtomicU64>,
    thread: thread::Thread,
    /// Of each side, for a leg of another rate than the file.
    converters: [Option<Converter>; 2],
}

impl FrameSink for RecordingSink {
    fn frame(&mut self, skipped: u32, caller: &PcmFrame, agent: &PcmFrame) {
        let chunk = &mut self.chunk;
        let at = chunk.frames * self.rate.samples()..(chunk.frames + 1) * self.rate.samples();
        chunk.skipped[chunk.frames] = skipped;
        let [of_caller, of_agent] = &mut self.converters;
        copy(caller, self.rate, of_caller, &mut chunk.caller[at.clone()]);
        copy(agent, self.rate, of_agent, &mut chunk.agent[at]);
        chunk.frames += 1;
        if chunk.frames == CHUNK_FRAMES {
            self.hand_over();
        }
    }
}

impl RecordingSink {
    /// Begins with silence of this length, before the first frame.
    pub fn lead_in(&mut self, silence: Duration) {
        let frames = silence.as_millis() / FRAME.as_millis();
        self.chunk.missed = self.chunk.missed.saturating_add(u32::try_from(frames).unwrap_or(u32::MAX));
    }

    fn hand_over(&mut self) {
        // Two chunks go round in steady state; a further one is made only while the thread is behind.
        let next = self.spares.try_recv().unwrap_or_else(|_| Chunk::boxed(self.rate));
        let full = std::mem::replace(&mut self.chunk, next);
        if let Err(TrySendError::Full(chunk) | TrySendError::Disconnected(chunk)) = self.full.try_send(full) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            let silent: u32 = chunk.skipped[..chunk.frames].iter().sum();
            let frames = u32::try_from(chunk.frames).expect("a chunk has few frames");
            self.chunk.missed = chunk.missed.saturating_add(silent).saturating_add(frames);
        }
    }
}

impl Drop for RecordingSink {
    fn drop(&mut self) {
        if self.chunk.frames > 0 {
            self.hand_over();
        }
        // The thread finds the channel closed once this is gone, at its next sweep at the latest.
        self.thread.unpark();
    }
}

/// Copies a frame, at the file's rate.
fn copy(frame: &PcmFrame, rate: Rate, converter: &mut Option<Converter>, to: &mut [i16]) {
    to.copy_from_slice(match frame.rate() {
        own if own == rate => frame.samples(),
        other => converter.get_or_insert_with(|| Converter::new(other, rate)).convert(frame.samples()),
    });
}

/// The thread's side of a recording.
struct Recording {
    path: PathBuf,
    rate: Rate,
    /// `None` once it failed.
    writer: Option<StereoRecorder<BufWriter<Box<dyn RecordFile>>>>,
    chunks: Receiver<Box<Chunk>>,
    spare: SyncSender<Box<Chunk>>,
    done: Option<oneshot::Sender<Recorded>>,
    dropped: Arc<AtomicU64>,
    duration: Duration,
    fault: Option<RecordingFault>,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording").field("duration", &self.duration).finish_non_exhaustive()
    }
}

/// Writes every full chunk and ends the recordings whose sink is gone.
fn sweep(recordings: &mut Vec<Recording>, shared: Option<&Shared>) {
    recordings.retain_mut(|recording| {
        loop {
            match recording.chunks.try_recv() {
                Ok(mut chunk) => {
                    recording.write(&chunk, shared);
                    chunk.frames = 0;
                    chunk.missed = 0;
                    // More spares than fit are not needed.
                    let _ = recording.spare.try_send(chunk);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => {
                    recording.finish(shared);
                    return false;
                }
            }
        }
    });
}

impl Recording {
    fn write(&mut self, chunk: &Chunk, shared: Option<&Shared>) {
        let Some(writer) = &mut self.writer else { return };
        let written = write_chunk(writer, chunk, self.rate);
        self.duration = writer.duration();
        if let Err(error) = written {
            self.writer = None;
            self.fail(&error, shared);
        }
    }

    fn finish(&mut self, shared: Option<&Shared>) {
        if let Some(writer) = self.writer.take() {
            let sure = writer.sure();
            match writer.finalize() {
                Ok(duration) => self.duration = duration,
                Err(error) => {
                    self.duration = sure;
                    self.fail(&error, shared);
                }
            }
        }
        let chunks_dropped = self.dropped.load(Ordering::Relaxed);
        if let Some(shared) = shared {
            shared.dropped.fetch_add(chunks_dropped, Ordering::Relaxed);
        }
        let slow = (chunks_dropped > 0).then_some(RecordingFault::DiskSlow);
        let fault = self.fault.or(slow);
        if let Some(done) = self.done.take() {
            let path = std::mem::take(&mut self.path);
            let _ = done.send(Recorded { path, duration: self.duration, chunks_dropped, fault });
        }
    }

    fn fail(&mut self, error: &RecordingError, shared: Option<&Shared>) {
        self.fault = Some(RecordingFault::of(error));
        if let Some(shared) = shared {
            shared.alarms.fetch_add(1, Ordering::Relaxed);
        }
        tracing::error!(%error, "a recording stopped; its call goes on");
    }
}

fn write_chunk(
    writer: &mut StereoRecorder<impl Write + Seek>,
    chunk: &Chunk,
    rate: Rate,
) -> Result<(), RecordingError> {
    let frame = |samples| PcmFrame::from_samples(rate, samples).expect("a chunk holds whole frames");
    writer.skip(chunk.missed)?;
    for (number, skipped) in chunk.skipped[..chunk.frames].iter().enumerate() {
        let at = number * rate.samples()..(number + 1) * rate.samples();
        writer.skip(*skipped)?;
        writer.push(&frame(&chunk.caller[at.clone()]), &frame(&chunk.agent[at]))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use callwright_media::frame::FRAME_8K;
    use callwright_media::recording::RecordingReader;

    use super::*;

    fn level(level: i16) -> PcmFrame {
        PcmFrame::from_samples(Rate::Hz8000, &[level; FRAME_8K]).expect("160 samples are a frame")
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("callwright-record-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    #[tokio::test]
    async fn both_sides_and_gaps_are_on_disk_when_the_recording_is_reported() {
        let folder = folder("sides");
        let recorder = Recorder::start().expect("a thread can be had");
        let (mut sink, handle) =
            recorder.begin(&folder.join("2026/one.wav"), Rate::Hz8000).expect("a file can be made");
        for number in 0..60 {
            sink.frame(if number == 30 { 5 } else { 0 }, &level(100), &level(-200));
        }
        drop(sink);
        let recorded = handle.finished().await.expect("the recorder reports");
        assert_eq!(recorded.duration, Duration::from_millis(65 * 20));
        assert_eq!(recorded.fault, None);
        let reader = RecordingReader::new(File::open(&recorded.path).expect("the file is there")).expect("a recording");
        let samples: Vec<_> = reader.collect();
        assert_eq!(samples.len(), 65 * FRAME_8K);
        assert_eq!(samples[0], (100, -200));
        assert_eq!(samples[31 * FRAME_8K], (0, 0), "five skipped frames are silence in their place");
        assert_eq!(samples[35 * FRAME_8K], (100, -200));
        let _ = std::fs::remove_dir_all(folder);
    }

    /// A disk that is full after so many bytes, or has no room for a file.
    struct Full {
        file: std::io::Cursor<Vec<u8>>,
        capacity: u64,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.file.position() + bytes.len() as u64 > self.capacity {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.file.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Full {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    fn full_after(capacity: u64) -> Recorder {
        let make = move |path: &Path| -> io::Result<Box<dyn RecordFile>> {
            // The file itself is looked for when the recording is over.
            File::create_new(path)?;
            Ok(Box::new(Full { file: io::Cursor::default(), capacity }))
        };
        Recorder::start_on(Box::new(make)).expect("a thread can be had")
    }

    #[tokio::test]
    async fn a_full_disk_ends_the_recording_with_an_alarm_and_the_reason() {
        let folder = folder("full");
        let recorder = full_after(44 + 32_000);
        let (mut sink, handle) = recorder.begin(&folder.join("one.wav"), Rate::Hz8000).expect("a header fits");
        for _ in 0..10 * CHUNK_FRAMES {
            sink.frame(0, &level(1), &level(2));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(sink);
        let recorded = handle.finished().await.expect("the recorder reports");
        assert_eq!((recorded.fault, recorder.alarms()), (Some(RecordingFault::DiskFull), 1));
        assert!(recorded.duration <= Duration::from_secs(1) && recorded.duration > Duration::ZERO, "{recorded:?}");
        let full = full_after(0);
        let refused = full.begin(&folder.join("two.wav"), Rate::Hz8000).map(drop).expect_err("no header fits");
        assert_eq!((refused.fault(), full.alarms()), (RecordingFault::DiskFull, 1));
        let refused = recorder.begin(&folder.join("one.wav"), Rate::Hz8000).map(drop).expect_err("it is there");
        assert_eq!((refused.fault(), recorder.alarms()), (RecordingFault::DiskFailed, 2));
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn a_file_has_its_own_rate_whatever_the_leg_has() {
        let folder = folder("rates");
        let recorder = Recorder::start().expect("a thread can be had");
        for (file, leg) in
            [(Rate::Hz16000, Rate::Hz16000), (Rate::Hz16000, Rate::Hz8000), (Rate::Hz8000, Rate::Hz16000)]
        {
            let path = folder.join(format!("{}-{}.wav", file.hertz(), leg.hertz()));
            let (mut sink, handle) = recorder.begin(&path, file).expect("a file can be made");
            let frame = PcmFrame::from_samples(leg, &vec![1_000; leg.samples()]).expect("20 ms");
            (0..25).for_each(|_| sink.frame(0, &frame, &PcmFrame::silence(leg)));
            drop(sink);
            let recorded = handle.finished().await.expect("the recorder reports");
            assert_eq!((recorded.duration, recorded.fault), (Duration::from_millis(500), None));
            let reader = RecordingReader::new(File::open(&path).expect("the file is there")).expect("a recording");
            assert_eq!(reader.rate(), file);
            let samples: Vec<_> = reader.collect();
            assert_eq!(samples.len(), 25 * file.samples());
            let settled = &samples[file.samples()..];
            assert!(
                settled.iter().all(|(caller, agent)| (995..=1_005).contains(caller) && *agent == 0),
                "{file:?}, {leg:?}"
            );
        }
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn a_disk_too_slow_costs_silence_and_not_the_order() {
        let (full, chunks) = sync_channel(1);
        let (_spare, spares) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let mut sink = RecordingSink {
            rate: Rate::Hz8000,
            chunk: Chunk::boxed(Rate::Hz8000),
            full,
            spares,
            dropped: Arc::clone(&dropped),
            thread: thread::current(),
            converters: [None, None],
        };
        for _ in 0..3 * CHUNK_FRAMES {
            sink.frame(0, &level(1), &level(1));
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 2, "nobody took the second and the third");
        drop(chunks.recv());
        (0..CHUNK_FRAMES).for_each(|_| sink.frame(0, &level(2), &level(2)));
        let next = chunks.recv().expect("the fourth chunk fits again");
        assert_eq!(next.missed, 2 * CHUNK_FRAMES as u32);
    }

    #[test]
    fn an_existing_file_is_not_overwritten() {
        let folder = folder("twice");
        let recorder = Recorder::start().expect("a thread can be had");
        let path = folder.join("one.wav");
        let first = recorder.begin(&path, Rate::Hz8000).expect("a file can be made");
        assert!(matches!(recorder.begin(&path, Rate::Hz8000), Err(RecordError::Create(_))));
        drop(first);
        let _ = std::fs::remove_dir_all(folder);
    }
}
