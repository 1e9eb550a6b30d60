//! Sentences spoken by espeak-ng, made once and kept.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use callwright_media::clip::decode_wav;

/// How something is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    /// Words a minute.
    pub(crate) speed: u64,
    /// 0 to 99.
    pub(crate) pitch: u64,
    /// 0 to 200.
    pub(crate) loudness: u64,
}

/// A sentence in a voice, as 8 kHz samples.
pub(crate) fn spoken(folder: &Path, voice: &str, text: &str, delivery: Delivery) -> Vec<i16> {
    let Delivery { speed, pitch, loudness } = delivery;
    let name = format!("{voice} {speed} {pitch} {loudness} {}.s16", short(text)).replace([' ', '\''], "_");
    let path: PathBuf = folder.join(name);
    if let Ok(bytes) = fs::read(&path) {
        return bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    }
    let mut program = Command::new("espeak-ng")
        .args(["-v", voice, "-s", &speed.to_string(), "-p", &pitch.to_string(), "-a", &loudness.to_string()])
        .args(["--stdin", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("espeak-ng is installed");
    program.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("espeak-ng reads");
    let wav = program.wait_with_output().expect("espeak-ng ends").stdout;
    let pcm = decode_wav(&wav).expect("espeak-ng writes WAV");
    let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let draft = path.with_extension(format!("{}.{:?}.draft", std::process::id(), std::thread::current().id()));
    fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, &path)).expect("the target folder is writable");
    pcm
}

/// A name that a file system takes: long texts by their beginning and a sum of the rest.
fn short(text: &str) -> String {
    if text.len() <= 80 {
        return text.to_owned();
    }
    let sum =
        text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{} {sum:016x}", text.chars().take(40).collect::<String>())
}
