use callwright_media::frame::{PcmFrame, Rate};
use callwright_media::recording::StereoRecorder;

use super::*;

const PATH: &str = "2026-11-22/call.wav";

/// A folder with one recording of so many milliseconds: one side hums, then the other does.
fn recorded(frames: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("2026-11-22")).expect("a folder");
    let file = File::create_new(folder.path().join(PATH)).expect("a file");
    let mut recorder = StereoRecorder::new(BufWriter::new(file)).expect("room");
    for number in 0..frames {
        let hum: Vec<i16> = (0..160).map(|n| ((f64::from(n) * 0.3).sin() * 6_000.0) as i16).collect();
        let (hum, rest) = (PcmFrame::from_samples(Rate::Hz8000, &hum).expect("160"), PcmFrame::silence(Rate::Hz8000));
        let (heard, said) = if number < frames / 2 { (&hum, &rest) } else { (&rest, &hum) };
        recorder.push(heard, said).expect("room");
    }
    recorder.finalize().expect("room");
    folder
}

fn files(folder: &tempfile::TempDir) -> Vec<String> {
    let listed = fs::read_dir(folder.path().join("2026-11-22")).expect("a folder");
    let mut names: Vec<_> =
        listed.map(|file| file.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn work_opus(folder: &tempfile::TempDir) -> Result<Done, JobError> {
    work(folder.path(), PATH, RecordingFormat::Opus)
}

#[test]
fn an_ogg_takes_the_place_of_the_wav() {
    let folder = recorded(120);
    let done = work_opus(&folder).expect("it can be encoded");
    assert_eq!(files(&folder), ["call.ogg", "call.wav"], "the WAV stays until the Ogg is on record");
    assert_eq!((done.worked.path.as_str(), &done.fault), ("2026-11-22/call.ogg", &None));
    assert_eq!(done.outdated.as_deref(), Some(folder.path().join(PATH).as_path()));
    let ogg = fs::read(folder.path().join(&done.worked.path)).expect("it is there");
    assert_eq!(done.worked.bytes, ogg.len() as u64);
    assert_eq!(done.worked.sha256, hex(&Sha256::digest(&ogg)));
    let shown = Waveform::from_bytes(done.worked.peaks.as_ref().expect("peaks")).expect("ours");
    assert_eq!((shown.bucket_ms, shown.heard.len()), (20, 120));
    assert!(shown.heard[10] > 40 && shown.heard[100] == 0 && shown.said[10] == 0 && shown.said[100] > 40);
}

#[test]
fn work_that_was_cut_short_is_taken_up() {
    let folder = recorded(60);
    let first = work_opus(&folder).expect("it can be encoded");
    // Killed before it was on record.
    assert_eq!(work_opus(&folder).expect("both are there"), first);
    // Killed while it was encoded: a part is there, or one that is no Ogg has the name.
    let (ogg, part) = (folder.path().join(&first.worked.path), folder.path().join("2026-11-22/call.ogg.part"));
    fs::rename(&ogg, &part).expect("it is there");
    assert_eq!(work_opus(&folder).expect("the part is overwritten"), first);
    fs::write(&ogg, b"OggS").expect("a file");
    assert_eq!(work_opus(&folder).expect("it is made anew"), first);
    assert_eq!(files(&folder), ["call.ogg", "call.wav"]);
    // The machine lost what was on record, not what was done.
    fs::remove_file(folder.path().join(PATH)).expect("it is there");
    let done = work_opus(&folder).expect("the Ogg is there");
    assert_eq!((&done.worked.sha256, done.outdated, done.fault), (&first.worked.sha256, None, None));
    assert_eq!(done.worked.peaks.map(|peaks| peaks.len()), first.worked.peaks.map(|peaks| peaks.len()));
}

#[test]
fn what_is_being_recorded_is_left_alone() {
    let folder = recorded(60);
    let writer = File::options().append(true).open(folder.path().join(PATH)).expect("it is there");
    writer.lock().expect("nobody has it");
    assert!(matches!(work_opus(&folder), Err(JobError::InUse)));
    assert_eq!(files(&folder), ["call.wav"]);
    drop(writer);
    assert!(work_opus(&folder).is_ok());
    assert!(matches!(work(folder.path(), "2026-11-22/other.wav", RecordingFormat::Opus), Err(JobError::NotHere)));
}

#[test]
fn what_cannot_be_read_stays_as_it_is() {
    let folder = recorded(0);
    fs::write(folder.path().join(PATH), b"RIFF and no more").expect("a file");
    let done = work_opus(&folder).expect("it is kept");
    assert_eq!((done.worked.path.as_str(), done.worked.bytes, done.worked.peaks), (PATH, 16, None));
    assert!(done.outdated.is_none() && done.fault.is_some_and(|fault| fault.contains("WAV")));
    assert_eq!(files(&folder), ["call.wav"]);
}

#[test]
fn a_recording_that_was_cut_off_is_encoded_to_its_last_second() {
    let folder = recorded(175);
    let wav = folder.path().join(PATH);
    // The header of a file whose writer was killed speaks of the last flush: three seconds.
    let mut bytes = fs::read(&wav).expect("it is there");
    bytes[40..44].copy_from_slice(&(3 * 32_000_u32).to_le_bytes());
    fs::write(&wav, bytes).expect("a file");
    let done = work_opus(&folder).expect("it can be encoded");
    let file = File::open(folder.path().join(&done.worked.path)).expect("it is there");
    assert_eq!(EncodedReader::new(BufReader::new(file)).expect("readable").count(), 3 * 8_000);
}

#[test]
fn wav_stays_wav_where_that_is_wanted() {
    let folder = recorded(60);
    let done = work(folder.path(), PATH, RecordingFormat::Wav).expect("nothing to do but to look");
    assert_eq!((done.worked.path.as_str(), done.outdated, done.fault), (PATH, None, None));
    assert!(done.worked.peaks.is_some());
    assert_eq!(files(&folder), ["call.wav"]);
}
