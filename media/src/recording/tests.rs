use std::cell::RefCell;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::frame::{PcmFrame, Rate};
use crate::level::SILENCE_DBFS;

const HEADER: usize = 44;
const SECOND: usize = 4 * 8_000;

/// Where bytes went, and the bytes.
type Written = (usize, Vec<u8>);

/// A file whose every write is kept, and which can run full.
#[derive(Clone, Default)]
struct Disk {
    writes: Rc<RefCell<Vec<Written>>>,
    position: usize,
    capacity: Option<usize>,
}

impl Disk {
    /// What is on the disk after the first `count` writes.
    fn after(&self, count: usize) -> Vec<u8> {
        let mut image = Vec::new();
        for (at, bytes) in &self.writes.borrow()[..count] {
            image.resize(image.len().max(at + bytes.len()), 0);
            image[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        image
    }

    fn image(&self) -> Vec<u8> {
        self.after(self.writes.borrow().len())
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.capacity.is_some_and(|capacity| self.position + bytes.len() > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.writes.borrow_mut().push((self.position, bytes.to_vec()));
        self.position += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(at) => at as usize,
            SeekFrom::Current(by) => (self.position as i64 + by) as usize,
            SeekFrom::End(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(self.position as u64)
    }
}

fn frame(value: i16) -> PcmFrame {
    PcmFrame::from_samples(Rate::Hz8000, &[value; 160]).expect("160 samples")
}

/// The sample that frame `n` of a test recording carries on each side.
fn marks(n: usize) -> (i16, i16) {
    (n as i16 + 1, -(n as i16) - 1)
}

fn record(disk: &Disk, frames: usize) -> StereoRecorder<Disk> {
    let mut recorder = StereoRecorder::new(disk.clone()).expect("room for a header");
    for n in 0..frames {
        let (heard, said) = marks(n);
        recorder.push(&frame(heard), &frame(said)).expect("room");
    }
    recorder
}

/// Reads an image, checks that it holds the marks in order, and says how many samples there are.
fn check(image: &[u8]) -> usize {
    let mut count = 0;
    for sample in RecordingReader::new(Cursor::new(image)).expect("a readable file") {
        assert_eq!(sample, marks(count / 160), "sample {count}");
        count += 1;
    }
    count
}

#[test]
fn the_caller_is_left_and_the_agent_right() {
    let disk = Disk::default();
    let recorder = record(&disk, 75);
    assert_eq!(recorder.duration(), Duration::from_millis(1_500));
    assert_eq!(recorder.finalize().expect("room"), Duration::from_millis(1_500));
    let image = disk.image();
    assert_eq!(image.len(), HEADER + 75 * 640);
    assert_eq!(check(&image), 75 * 160);
}

#[test]
fn a_recorder_that_was_killed_leaves_a_file_that_plays_to_its_last_second() {
    let disk = Disk::default();
    // Three seconds and a half, and the process is gone: nothing is dropped, nothing finalised.
    std::mem::forget(record(&disk, 175));
    let image = disk.image();
    let flushed = HEADER + 3 * SECOND;
    for cut in (flushed..flushed + 64).chain((flushed..=image.len()).step_by(211)) {
        assert_eq!(check(&image[..cut]), 3 * 8_000, "cut at byte {cut}");
    }
    // A disk that lost more than the process: it plays as far as it goes.
    for cut in (HEADER..HEADER + 3 * SECOND).step_by(977) {
        assert_eq!(check(&image[..cut]), (cut - HEADER) / 4, "cut at byte {cut}");
    }
}

#[test]
fn after_every_single_write_the_file_plays_to_the_last_flush() {
    let disk = Disk::default();
    std::mem::forget(record(&disk, 60));
    let writes = disk.writes.borrow().len();
    let (mut longest, mut readable) = (0, false);
    for count in 0..=writes {
        let image = disk.after(count);
        if RecordingReader::new(Cursor::new(&image)).is_err() {
            assert!(!readable && image.len() <= HEADER, "unreadable after write {count} of {writes}");
            continue;
        }
        readable = true;
        let samples = check(&image);
        let whole_seconds = image.len().saturating_sub(HEADER) / SECOND;
        assert!(samples >= longest, "write {count} took samples away");
        // The flush of a second comes before the first sample of the next.
        assert!(samples / 8_000 + 1 >= whole_seconds, "{samples} samples of {whole_seconds} s after write {count}");
        longest = samples;
    }
    assert_eq!(longest, 8_000);
}

#[test]
fn a_full_disk_stops_the_recording_and_keeps_what_there_is() {
    let disk = Disk { capacity: Some(HEADER + SECOND + 10_000), ..Disk::default() };
    let mut recorder = StereoRecorder::new(disk.clone()).expect("room for a header");
    let mut faults = Vec::new();
    for n in 0..100 {
        let (heard, said) = marks(n);
        faults.extend(recorder.push(&frame(heard), &frame(said)).err());
    }
    assert!(matches!(faults[0], RecordingError::Full(_)), "{:?}", faults[0]);
    assert!(faults[1..].iter().all(|fault| matches!(fault, RecordingError::Stopped)));
    assert!(matches!(recorder.finalize(), Err(RecordingError::Stopped)));
    assert!(check(&disk.image()) >= 8_000);
}

#[test]
fn ticks_that_did_not_happen_are_silence() {
    let disk = Disk::default();
    let mut recorder = record(&disk, 1);
    recorder.skip(2).expect("room");
    recorder.push(&frame(5), &frame(6)).expect("room");
    assert_eq!(recorder.finalize().expect("room"), Duration::from_millis(80));
    let samples: Vec<_> = RecordingReader::new(Cursor::new(disk.image())).expect("readable").collect();
    let frames: Vec<_> = samples.chunks(160).map(|frame| frame[7]).collect();
    assert_eq!(frames, [(1, -1), (0, 0), (0, 0), (5, 6)]);
}

#[test]
fn wideband_frames_are_refused_without_harm() {
    let disk = Disk::default();
    let mut recorder = record(&disk, 1);
    let wide = PcmFrame::silence(Rate::Hz16000);
    assert!(matches!(recorder.push(&wide, &frame(0)), Err(RecordingError::Rate)));
    assert!(matches!(recorder.push(&frame(0), &wide), Err(RecordingError::Rate)));
    recorder.push(&frame(2), &frame(-2)).expect("it goes on");
    recorder.finalize().expect("room");
    assert_eq!(check(&disk.image()), 320);
}

#[test]
fn a_wideband_recording_is_as_long_and_takes_wideband_frames_only() {
    let disk = Disk::default();
    let mut recorder = StereoRecorder::at(disk.clone(), Rate::Hz16000).expect("room");
    let wide = |value: i16| PcmFrame::from_samples(Rate::Hz16000, &[value; 320]).expect("320 samples");
    recorder.push(&wide(3_277), &wide(0)).expect("room");
    assert!(matches!(recorder.push(&wide(1), &frame(1)), Err(RecordingError::Rate)));
    recorder.skip(1).expect("room");
    recorder.push(&wide(0), &wide(328)).expect("room");
    assert_eq!(recorder.finalize().expect("room"), Duration::from_millis(60));
    let reader = || RecordingReader::new(Cursor::new(disk.image())).expect("readable");
    assert_eq!((reader().rate(), reader().count()), (Rate::Hz16000, 3 * 320));
    let levels: Vec<_> = reader().levels(Duration::from_millis(20)).map(|levels| levels.heard.round()).collect();
    assert_eq!(levels, [-20.0, SILENCE_DBFS, SILENCE_DBFS]);
}

#[test]
fn levels_tell_who_spoke_when() {
    let disk = Disk::default();
    let mut recorder = StereoRecorder::new(disk.clone()).expect("room");
    for n in 0..30 {
        let (heard, said) = if n < 10 { (3_277, 0) } else { (0, 328) };
        recorder.push(&frame(heard), &frame(said)).expect("room");
    }
    recorder.finalize().expect("room");
    let levels: Vec<Levels> = RecordingReader::new(Cursor::new(disk.image()))
        .expect("readable")
        .levels(Duration::from_millis(200))
        .map(|levels| Levels { heard: levels.heard.round(), said: levels.said.round() })
        .collect();
    let late = Levels { heard: SILENCE_DBFS, said: -40.0 };
    assert_eq!(levels, [Levels { heard: -20.0, said: SILENCE_DBFS }, late, late]);
}

#[test]
fn other_files_are_refused() {
    assert!(matches!(RecordingReader::new(Cursor::new(b"RIFF")), Err(ReadError::NotWav(_))));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut mono = Cursor::new(Vec::new());
    hound::WavWriter::new(&mut mono, spec).expect("in memory").finalize().expect("in memory");
    assert!(matches!(RecordingReader::new(Cursor::new(mono.into_inner())), Err(ReadError::Format)));
}

proptest! {
    #[test]
    fn arbitrary_files_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), header in any::<bool>()) {
        let disk = Disk::default();
        std::mem::forget(record(&disk, 0));
        let mut file = if header { disk.image() } else { Vec::new() };
        file.extend(&bytes);
        if let Ok(reader) = RecordingReader::new(Cursor::new(file)) {
            prop_assert!(reader.count() <= bytes.len());
        }
    }
}
