//! What came of many calls: precision, recall and time to verdict of every class, and who was greeted.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use callwright_media::detect::Callee;

use crate::corpus::Corpus;
use crate::dice::Dice;
use crate::line::{Heard, Mode, place};
use crate::scene::{Class, Kind, MS, SHARES, Trial, progress, trial};

/// A first verdict falls by then, in ms after the answer.
pub(crate) const DEADLINE_MS: u64 = 4_000;
/// What else than a person answers is to be known so long after its first sound, in the middle.
pub(crate) const AIM_MS: u64 = 2_000;
/// An agent that greets falls silent so long after a ring begins.
pub(crate) const OVER_RINGING_MS: u64 = 1_000;
/// A beep is noticed so long after its end.
const BEEP_MS: i64 = 250;
/// And so long before it where it fades away.
const FADE_MS: i64 = 400;

/// One call and what came of it.
pub(crate) struct Result {
    label: String,
    kind: Kind,
    first_sound: u64,
    beep_end: Option<u64>,
    heard: Heard,
}

/// What came of all calls of one corpus.
pub(crate) struct Figures {
    pub(crate) corpus: &'static str,
    pub(crate) mode: Mode,
    pub(crate) all: Vec<Result>,
}

/// What was told of early media, beside what was played.
pub(crate) struct Progress {
    pub(crate) all: Vec<Played>,
}

/// What was played, what it means, and what was told of it, in ms after its first sound.
type Played = (String, Option<Callee>, Vec<(u64, Callee)>);

/// Places `hundreds` of calls of a corpus, in the shares of [`SHARES`], times `of_hundred` in a hundred.
pub(crate) fn measure(corpus: &'static Corpus, mode: Mode, count: usize, seed: u64) -> Figures {
    let trials: Vec<(Kind, usize)> = SHARES
        .into_iter()
        .flat_map(|(kind, share)| (0..(share * count).div_ceil(100)).map(move |n| (kind, n)))
        .collect();
    let all = in_parallel(trials.len(), |n| {
        let (kind, n) = trials[n];
        let mut dice = Dice::new(seed ^ ((kind as u64) << 40) ^ ((n as u64) << 8));
        let trial: Trial = trial(corpus, &folder(), kind, n, &mut dice);
        let heard = place(&trial, mode, &mut dice);
        let ms = |sample: usize| (sample / MS) as u64;
        Result { label: trial.label, kind, first_sound: ms(trial.first_sound), beep_end: trial.beep_end.map(ms), heard }
    });
    Figures { corpus: corpus.name, mode, all }
}

pub(crate) fn measure_progress(corpus: &'static Corpus, count: usize, seed: u64) -> Progress {
    let all = in_parallel(count, |n| {
        let mut dice = Dice::new(seed ^ ((n as u64) << 8));
        let (trial, expected) = progress(corpus, &folder(), n, &mut dice);
        let first = (trial.first_sound / MS) as u64;
        let said = place(&trial, Mode::Progress, &mut dice).said;
        let said = said.into_iter().map(|(at, callee)| (at.saturating_sub(first), callee)).collect();
        (trial.label, expected, said)
    });
    Progress { all }
}

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("callee");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return done;
            }
            done.push((n, work(n)));
        }
    };
    let mut all: Vec<(usize, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a call runs to its end")).collect()
    });
    all.sort_by_key(|(n, _)| *n);
    all.into_iter().map(|(_, result)| result).collect()
}

impl Result {
    fn class(&self) -> Class {
        self.kind.class()
    }

    /// What the call was taken for in the end.
    fn taken_for(&self) -> Option<Class> {
        self.heard.said.last().map(|(_, callee)| Class::of(*callee))
    }

    /// When the right verdict fell that was not taken back, in ms after the answer.
    fn right_at(&self) -> Option<u64> {
        let right = |(_, callee): &&(u64, Callee)| Class::of(*callee) == self.class();
        let trusted: Vec<_> = self.heard.said.iter().rev().take_while(right).collect();
        trusted.last().map(|(at, _)| *at)
    }

    /// A person about whom anything else was said, if only for a while.
    fn is_wronged(&self) -> bool {
        self.class() == Class::Human && self.heard.said.iter().any(|(_, callee)| Class::of(*callee) != Class::Human)
    }

    /// A person who was greeted when the rule says so.
    fn is_greeted_by_rule(&self) -> bool {
        self.heard.greeted.is_some() && self.heard.greeted == self.heard.due
    }

    fn beep_delay(&self) -> Option<i64> {
        let end = i64::try_from(self.beep_end?).ok()?;
        let (at, _) = self.heard.said.iter().find(|(_, callee)| *callee == Callee::Beep)?;
        i64::try_from(*at).ok().map(|at| at - end)
    }
}

impl Figures {
    fn of(&self, class: Class) -> impl Iterator<Item = &Result> {
        self.all.iter().filter(move |result| result.class() == class)
    }

    pub(crate) fn recall(&self, class: Class) -> f64 {
        let right = self.of(class).filter(|result| result.taken_for() == Some(class)).count();
        right as f64 / self.of(class).count().max(1) as f64
    }

    pub(crate) fn precision(&self, class: Class) -> f64 {
        let taken = |result: &&Result| result.taken_for() == Some(class);
        let all = self.all.iter().filter(taken).count();
        self.of(class).filter(taken).count() as f64 / all.max(1) as f64
    }

    /// Of the calls that were taken for a machine, those where nobody was: sound does not tell a mailbox from a menu.
    #[allow(dead_code, reason = "only the bench does")]
    pub(crate) fn precision_by_sound(&self) -> f64 {
        let taken = |result: &&Result| result.taken_for() == Some(Class::Machine);
        let machines = |result: &&Result| matches!(result.class(), Class::Machine | Class::Screening | Class::Menu);
        let all = self.all.iter().filter(taken).count();
        self.all.iter().filter(taken).filter(machines).count() as f64 / all.max(1) as f64
    }

    /// The middle of the times to the right verdict in ms, after the answer and after the first sound.
    pub(crate) fn medians(&self, class: Class) -> (u64, u64) {
        let mut after: Vec<(u64, u64)> = self
            .of(class)
            .filter_map(|one| one.right_at().map(|at| (at, at.saturating_sub(one.first_sound))))
            .collect();
        let middle = after.len() / 2;
        after.sort_unstable();
        let answer = after.get(middle).map_or(0, |pair| pair.0);
        after.sort_unstable_by_key(|pair| pair.1);
        (answer, after.get(middle).map_or(0, |pair| pair.1))
    }

    /// People about whom anything else was said, of all people.
    pub(crate) fn wronged(&self) -> f64 {
        self.of(Class::Human).filter(|one| one.is_wronged()).count() as f64 / self.of(Class::Human).count() as f64
    }

    pub(crate) fn greeted_by_rule(&self) -> f64 {
        let all = self.of(Class::Human).count();
        self.of(Class::Human).filter(|one| one.is_greeted_by_rule()).count() as f64 / all as f64
    }

    /// Calls that rang on within 0.7 s and were greeted, and the same of those that rang on later.
    pub(crate) fn false_answers_greeted(&self) -> (usize, usize) {
        let greeted =
            |kind: Kind| self.all.iter().filter(|one| one.kind == kind && one.heard.greeted.is_some()).count();
        (greeted(Kind::FalseAnswer), greeted(Kind::LateFalseAnswer))
    }

    /// The longest that an agent who had begun to greet talked on after it rang, in ms; `None` where one never fell silent.
    pub(crate) fn longest_over_ringing(&self) -> Option<u64> {
        let late = self.all.iter().filter(|one| one.kind == Kind::LateFalseAnswer && one.heard.greeted.is_some());
        let talked = |one: &Result| one.heard.silenced.map(|at| at.saturating_sub(one.first_sound));
        late.map(talked).try_fold(0, |longest, talked| talked.map(|ms| longest.max(ms)))
    }

    /// The latest first verdict of a call, in ms after the answer.
    pub(crate) fn latest(&self) -> u64 {
        self.all.iter().map(|one| one.heard.said.first().map_or(u64::MAX, |(at, _)| *at)).max().unwrap_or(0)
    }

    /// Share of beeps that were noticed at their end, and of the noticed those that were.
    pub(crate) fn beeps(&self) -> (f64, f64) {
        let (mut beeps, mut found, mut said) = (0, 0, 0);
        for one in &self.all {
            let noticed = one.beep_delay().is_some_and(|delay| (-FADE_MS..=BEEP_MS).contains(&delay));
            beeps += usize::from(one.beep_end.is_some());
            found += usize::from(noticed);
            said += usize::from(one.heard.said.iter().any(|(_, callee)| *callee == Callee::Beep));
        }
        (found as f64 / f64::from(beeps.max(1) as u32), found as f64 / f64::from(said.max(1) as u32))
    }

    /// For people to read.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{} voices and sentences, {:?}, {} calls\n", self.corpus, self.mode, self.all.len());
        let _ = writeln!(
            text,
            "{:<12}{:>6}{:>11}{:>8}{:>14}{:>14}",
            "class", "calls", "precision", "recall", "after answer", "after sound"
        );
        for class in Class::ALL {
            let (answer, sound) = self.medians(class);
            let (calls, precision, recall) = (self.of(class).count(), self.precision(class), self.recall(class));
            let name = format!("{class:?}");
            let _ = writeln!(text, "{name:<12}{calls:>6}{precision:>11.3}{recall:>8.3}{answer:>11} ms{sound:>11} ms");
        }
        let (recall, precision) = self.beeps();
        let (early, late) = self.false_answers_greeted();
        let late_calls = self.all.iter().filter(|one| one.kind == Kind::LateFalseAnswer).count();
        let _ = writeln!(text, "beeps: precision {precision:.3}, recall {recall:.3}");
        let _ = writeln!(text, "people taken for anything else, if only for a while: {:.4}", self.wronged());
        let _ = writeln!(text, "people greeted by the rule: {:.4}", self.greeted_by_rule());
        let _ =
            writeln!(text, "false answers greeted: {early}; of {late_calls} that ring later than the greeting: {late}");
        let silenced = self.longest_over_ringing();
        let _ = writeln!(text, "there the agent talks on after it rings for, in ms at most: {silenced:?}");
        let _ = writeln!(text, "latest first verdict: {} ms", self.latest());
        text
    }

    /// Every call that went wrong or was known late.
    pub(crate) fn mistakes(&self) -> String {
        let mut text = String::new();
        for one in &self.all {
            let greeted = one.class() != Class::Human || one.is_greeted_by_rule();
            let beep =
                one.beep_end.is_none() || one.beep_delay().is_some_and(|delay| (-FADE_MS..=BEEP_MS).contains(&delay));
            let late = one.class() != Class::Human
                && one.right_at().is_none_or(|at| at.saturating_sub(one.first_sound) > AIM_MS);
            if one.taken_for() != Some(one.class()) || one.is_wronged() || !greeted || !beep || late {
                let _ = writeln!(
                    text,
                    "{:?} {} first sound {} beep {:?}: {:?} greeted {:?} due {:?}",
                    one.kind,
                    one.label,
                    one.first_sound,
                    one.beep_end,
                    one.heard.said,
                    one.heard.greeted,
                    one.heard.due
                );
            }
        }
        text
    }
}

impl Progress {
    /// Share of what was told right and nothing else; the middle of the times after the first sound.
    pub(crate) fn figures(&self) -> (f64, u64) {
        let right = self.all.iter().filter(|(_, expected, said)| Self::is_right(*expected, said));
        let mut times: Vec<u64> = self.all.iter().filter_map(|(.., said)| said.first().map(|(at, _)| *at)).collect();
        times.sort_unstable();
        (right.count() as f64 / self.all.len() as f64, times.get(times.len() / 2).copied().unwrap_or(0))
    }

    fn is_right(expected: Option<Callee>, said: &[(u64, Callee)]) -> bool {
        match (expected, said) {
            (None, []) => true,
            (Some(expected), [(_, said)]) => expected == *said,
            (Some(_) | None, _) => false,
        }
    }

    pub(crate) fn mistakes(&self) -> String {
        let wrong = self.all.iter().filter(|(_, expected, said)| !Self::is_right(*expected, said));
        wrong.fold(String::new(), |mut text, (label, expected, said)| {
            let _ = writeln!(text, "{label}, expected {expected:?}: {said:?}");
            text
        })
    }
}

/// Leaves figures where benches leave theirs.
#[allow(dead_code, reason = "only the bench does")]
pub(crate) fn publish(figures: &serde_json::Value) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../bench");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    let text = serde_json::to_string_pretty(figures).expect("it serialises");
    fs::write(folder.join("detect.json"), text).expect("it is writable");
}
