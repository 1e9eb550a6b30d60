//! Somebody who wants the word: real speech, because the server tells voices that talk from all other sounds.

use std::path::PathBuf;
use std::time::Duration;

use crate::speech::{Delivery, spoken};

/// Long enough for every test, and without a pause: simulated recognisers take that for the end of an utterance.
const WORDS: &str = "I would really like to know one more thing about all your other opening hours before you go on";

/// The last samples die away, as no voice ends with a click.
const FADE: usize = 80;

/// The beginning of a sentence, of this length at most, from its first sound on.
pub(crate) fn interruption(length: Duration) -> Vec<i16> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("interrupter");
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    let all = spoken(&folder, "en-us", WORDS, Delivery { speed: 170, pitch: 50, loudness: 100 });
    let first = all.iter().position(|sample| sample.unsigned_abs() > 600).expect("it has sound");
    let last = all.len().min(first + length.as_millis() as usize * 8);
    let mut said = all[first..last].to_vec();
    for (n, sample) in said.iter_mut().rev().take(FADE).enumerate() {
        *sample = (i32::from(*sample) * n as i32 / FADE as i32) as i16;
    }
    said
}
