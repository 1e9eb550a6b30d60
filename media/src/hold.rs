//! Music for those who wait.

use std::f64::consts::TAU;
use std::sync::Arc;

use crate::frame::FRAME_8K;

/// Samples over which music comes and goes: 100 ms.
const FADE: i32 = 800;

/// Samples of one beat: 0.5 s, 120 beats a minute.
const BEAT: usize = 4_000;

/// Eight bars of four beats, 16 s: the chord of each, lowest note first, in Hz.
const BARS: [[f64; 4]; 8] = [
    [261.63, 329.63, 392.00, 493.88],
    [220.00, 329.63, 392.00, 523.25],
    [293.66, 349.23, 440.00, 523.25],
    [196.00, 293.66, 392.00, 329.63],
    [261.63, 392.00, 493.88, 659.26],
    [220.00, 329.63, 523.25, 392.00],
    [174.61, 349.23, 440.00, 659.26],
    [196.00, 392.00, 493.88, 587.33],
];

/// A loop of 16 s at 8 kHz: broken chords of a soft plucked string over a quiet bass, made here note by note, so that no
/// recording of anybody's is played. Its end runs into its beginning. About −24 dBFS, well under a voice.
///
/// It takes some milliseconds to make: make it once.
#[must_use]
pub fn music() -> Arc<[i16]> {
    let length = BARS.len() * 4 * BEAT;
    let mut sum = vec![0.0; length];
    for (bar, chord) in BARS.iter().enumerate() {
        let start = bar * 4 * BEAT;
        // Up and down the chord in quavers, the bass on the first and third beat.
        for (quaver, step) in [0, 1, 2, 3, 2, 1, 3, 2].into_iter().enumerate() {
            pluck(&mut sum, start + quaver * BEAT / 2, chord[step] * 2.0, 0.55, 0.45);
        }
        for beat in [0, 2] {
            pluck(&mut sum, start + beat * BEAT, chord[0], 0.9, 0.9);
        }
    }
    let loudest = sum.iter().fold(1e-9f64, |loudest, sample| loudest.max(sample.abs()));
    sum.iter().map(|sample| (sample / loudest * 7_500.0) as i16).collect()
}

/// Adds a note that rings out, around the end of the loop if need be. `decay` is the time in s in which it falls to a
/// third.
fn pluck(sum: &mut [f64], start: usize, hertz: f64, strength: f64, decay: f64) {
    let length = sum.len();
    let samples = (8_000.0 * decay * 5.0) as usize;
    for n in 0..samples.min(length) {
        let t = n as f64 / 8_000.0;
        let attack = (t / 0.008).min(1.0);
        let ring = (-t / decay).exp() * attack * strength;
        let phase = TAU * hertz * t;
        // Partials die away the faster the higher they are.
        let tone =
            phase.sin() + 0.35 * (-3.0 * t).exp() * (2.0 * phase).sin() + 0.12 * (-6.0 * t).exp() * (3.0 * phase).sin();
        sum[(start + n) % length] += ring * tone;
    }
}

/// Music on one leg: plays in a loop while nobody speaks there, and fades in and out.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    music: Option<Arc<[i16]>>,
    at: usize,
    /// How loud it is now, of [`FADE`].
    gain: i32,
    wanted: bool,
}

impl Hold {
    /// Has this music played from its beginning, or lets what plays fade out. Empty music is none.
    pub(crate) fn set(&mut self, music: Option<Arc<[i16]>>) {
        self.wanted = music.as_ref().is_some_and(|music| !music.is_empty());
        if self.wanted {
            (self.music, self.at) = (music, 0);
        }
    }

    /// Whether music is to be heard, apart from what is fading out.
    pub(crate) fn is_on(&self) -> bool {
        self.wanted
    }

    /// The next 20 ms, if there are any. It gives way while something else is heard and goes on where it was.
    pub(crate) fn next(&mut self, gives_way: bool) -> Option<[i16; FRAME_8K]> {
        let target = if self.wanted && !gives_way { FADE } else { 0 };
        let music = self.music.as_ref().filter(|_| self.gain > 0 || target > 0)?;
        let mut part = [0; FRAME_8K];
        for sample in &mut part {
            self.gain += (target - self.gain).signum();
            *sample = (i32::from(music[self.at]) * self.gain / FADE) as i16;
            self.at = (self.at + 1) % music.len();
        }
        if self.gain == 0 && !self.wanted {
            self.music = None;
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;
    use crate::vad::Vad;

    #[test]
    fn the_music_is_a_quiet_seamless_loop_without_clipping() {
        let music = music();
        assert_eq!(music.len(), 16 * 8_000);
        assert!(music.iter().all(|sample| sample.abs() <= 7_500));
        for second in music.chunks(8_000) {
            let level = rms_dbfs(second);
            assert!((-32.0..-18.0).contains(&level), "{level}");
        }
        // Around its end it moves no faster than anywhere else.
        let step = |pair: &[i16]| (i32::from(pair[1]) - i32::from(pair[0])).abs();
        let fastest = music.windows(2).map(step).max().unwrap_or(0);
        assert!(step(&[music[music.len() - 1], music[0]]) <= fastest);
    }

    #[test]
    fn it_comes_and_goes_without_a_click_and_gives_way_to_a_voice() {
        let loud: Arc<[i16]> = vec![8_000; 1_000].into();
        let mut hold = Hold::default();
        let run = |hold: &mut Hold, frames: usize, gives_way: bool| {
            let mut out = Vec::new();
            for _ in 0..frames {
                out.extend(hold.next(gives_way).unwrap_or([0; FRAME_8K]));
            }
            out
        };
        assert_eq!(run(&mut hold, 2, false), vec![0; 320]);
        hold.set(Some(Arc::clone(&loud)));
        assert!(hold.is_on());
        let mut heard = run(&mut hold, 10, false);
        assert_eq!(heard.last(), Some(&8_000));
        heard.extend(run(&mut hold, 10, true));
        assert_eq!(heard.last(), Some(&0));
        heard.extend(run(&mut hold, 10, false));
        hold.set(None);
        heard.extend(run(&mut hold, 10, false));
        assert!(heard.windows(2).all(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs() <= 10));
        assert_eq!((heard[0], heard.last(), hold.is_on()), (10, Some(&0), false));
        hold.set(Some(Vec::new().into()));
        assert_eq!(run(&mut hold, 1, false), vec![0; 160], "empty music is silence");
    }

    /// What is heard of the music over a bad line, an echo for instance, must not be taken for somebody who speaks all
    /// the time: an agent would wait for its end.
    #[test]
    fn an_echo_of_the_music_is_seldom_taken_for_speech() {
        let mut vad = Vad::new();
        let music = music();
        let voiced = music
            .chunks_exact(FRAME_8K)
            .filter(|frame| {
                let mut echo = [0; FRAME_8K];
                echo.iter_mut().zip(*frame).for_each(|(to, from)| *to = from / 10);
                vad.push(&echo).voiced
            })
            .count();
        assert!(voiced * 5 < music.len() / FRAME_8K, "{voiced} of {} frames", music.len() / FRAME_8K);
    }
}
