//! One leg of an utterance: who runs for it, who speaks it, how far that came.

use std::time::{Duration, Instant};

use super::{moved, resume};
use crate::provider::tts::{RATE, WordMark};

#[derive(Debug)]
pub(super) struct Leg {
    /// Where it begins in the utterance.
    bytes: usize,
    base: u64,
    runners: Vec<Runner>,
    speaker: Option<usize>,
    /// When the next voice is asked.
    next: Option<Instant>,
    /// When the first words were told, and the last ones.
    begun: Option<Instant>,
    told: Option<Instant>,
    /// Of the speaker: samples, marks, and when its first and its last audio came.
    samples: u64,
    marks: Vec<WordMark>,
    sounded: Option<(Instant, Instant)>,
}

#[derive(Clone, Debug, Default)]
struct Runner {
    takes_part: bool,
    asked: Option<Instant>,
    /// Marks that came before its audio.
    marks: Vec<WordMark>,
}

impl Leg {
    /// A leg that begins with one voice.
    pub(super) fn new(voice: usize, bytes: usize, base: u64, voices: usize) -> Self {
        let mut runners = vec![Runner::default(); voices];
        runners[voice].takes_part = true;
        Self {
            bytes,
            base,
            runners,
            speaker: None,
            next: None,
            begun: None,
            told: None,
            samples: 0,
            marks: Vec::new(),
            sounded: None,
        }
    }

    /// Since when somebody has something to say.
    pub(super) const fn begun(&self) -> Option<Instant> {
        self.begun
    }

    pub(super) const fn speaker(&self) -> Option<usize> {
        self.speaker
    }

    pub(super) fn takes_part(&self, voice: usize) -> bool {
        self.runners[voice].takes_part
    }

    /// Those who are told what is to be said.
    pub(super) fn listening(&self) -> impl Iterator<Item = usize> + use<> {
        let all: Vec<usize> = (0..self.runners.len()).filter(|&voice| self.runners[voice].takes_part).collect();
        all.into_iter()
    }

    /// Whether another leg came before it.
    pub(super) const fn is_later(&self) -> bool {
        self.base > 0
    }

    /// What is to be said in it, so far.
    pub(super) fn text<'a>(&self, whole: &'a str) -> &'a str {
        whole.get(self.bytes..).unwrap_or_default()
    }

    /// There is something to say.
    pub(super) fn asked(&mut self, now: Instant, patience: Duration) {
        self.begun.get_or_insert(now);
        self.told = Some(now);
        if self.speaker.is_none() {
            self.next.get_or_insert(now + patience);
        }
        for runner in self.runners.iter_mut().filter(|runner| runner.takes_part) {
            runner.asked.get_or_insert(now);
        }
    }

    /// One more was told.
    pub(super) fn asked_again(&mut self, now: Instant, voice: usize, patience: Duration) {
        self.begun.get_or_insert(now);
        self.told = Some(now);
        self.next = Some(now + patience);
        self.runners[voice].asked = Some(now);
    }

    pub(super) fn joined(&mut self, voice: usize) {
        self.runners[voice].takes_part = true;
    }

    pub(super) fn dropped(&mut self, voice: usize) {
        self.runners[voice] = Runner::default();
    }

    pub(super) const fn wait(&mut self, until: Instant) {
        self.next = Some(until);
    }

    pub(super) const fn next_at(&self) -> Option<Instant> {
        self.next
    }

    /// A voice's audio came first: how long that took, who lost after how long, and its marks so far.
    pub(super) fn won(&mut self, now: Instant, voice: usize) -> (Duration, Vec<(usize, Duration)>, Vec<WordMark>) {
        self.speaker = Some(voice);
        self.next = None;
        let waited =
            |runner: &Runner| runner.asked.map_or(Duration::ZERO, |asked| now.saturating_duration_since(asked));
        let took = waited(&self.runners[voice]);
        let mut losers = Vec::new();
        for other in self.listening().filter(|&other| other != voice) {
            losers.push((other, waited(&self.runners[other])));
            self.dropped(other);
        }
        let marks = std::mem::take(&mut self.runners[voice].marks);
        self.marks.clone_from(&marks);
        (took, losers, moved(marks, self.bytes, self.base))
    }

    /// More audio of the speaker.
    pub(super) fn sounded(&mut self, now: Instant, samples: usize) {
        self.samples += samples as u64;
        let first = self.sounded.map_or(now, |(first, _)| first);
        self.sounded = Some((first, now));
    }

    /// Marks of a voice, as the call is told them; none for a voice that does not speak (yet).
    pub(super) fn marks(&mut self, voice: usize, marks: Vec<WordMark>) -> Option<Vec<WordMark>> {
        if self.speaker == Some(voice) {
            self.marks.extend(&marks);
            return Some(moved(marks, self.bytes, self.base));
        }
        if self.speaker.is_none() {
            self.runners[voice].marks.extend(marks);
        }
        None
    }

    /// How much of what a voice said was heard, out of what was heard of the whole utterance.
    pub(super) fn heard_of(&self, voice: usize, heard: Duration) -> Duration {
        if self.speaker == Some(voice) { heard.saturating_sub(length(self.base)) } else { Duration::ZERO }
    }

    /// Samples of the utterance up to now.
    pub(super) const fn samples(&self) -> u64 {
        self.base + self.samples
    }

    /// Where the utterance goes on in the text, when the speaker says no more.
    pub(super) fn resume_at(&self, whole: &str) -> usize {
        self.bytes + resume::unsaid(self.text(whole), &self.marks, self.samples)
    }

    /// What the speaker has still to say, as far as can be known.
    pub(super) fn left<'a>(&self, whole: &'a str, is_over: bool) -> &'a str {
        let text = self.text(whole);
        if resume::is_said(text, &self.marks, self.samples, is_over) { "" } else { text }
    }

    /// Since when the speaker has nothing to say but what it was told and has not said: when all audio so far is played,
    /// if it is played as soon as it comes, and not before the last words were told.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let (first, last) = self.sounded?;
        Some(last.max(first + length(self.samples)).max(self.told.unwrap_or(first)))
    }
}

fn length(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(RATE))
}
