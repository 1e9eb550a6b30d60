//! What became of a call, from the simulators' log and what came through the telephone.

use std::fmt;
use std::time::{Duration, Instant};

use callwright_loadtest::vendors::faults::Vendor;
use callwright_loadtest::vendors::log::{Event, Log};

use crate::listener::{Record, Said};

/// How a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// The caller was answered and the model ended the call.
    WentOn,
    /// The agent said that it cannot go on, and goodbye.
    Excused,
    /// The call ended without a word.
    Lost,
    /// The call did not end.
    Stuck,
}

/// The judgement of one call.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) course: Course,
    /// From the fault to the next sound of the agent; none when there was no fault or no sound.
    pub(crate) to_sound: Option<Duration>,
    /// The longest time, from the first words of the caller after which the fault strikes to the end, in which neither
    /// spoke.
    pub(crate) silence: Duration,
    /// Who spoke when, for whoever has to find out why.
    pub(crate) story: String,
}

impl Verdict {
    /// `set` is when the faults were set, `ended` when the telephone stopped listening.
    pub(crate) fn of(record: &Record, log: &Log, vendor: Vendor, set: Instant, ended: Instant) -> Self {
        let struck = struck(log, vendor, set);
        let to_sound = struck.and_then(|struck| {
            let struck = Duration::from_micros(struck);
            let micros = |at: &Instant| Duration::from_micros(log.micros(*at));
            let next = record.agent.iter().find(|(_, end)| micros(end) >= struck);
            next.map(|(start, _)| micros(start).saturating_sub(struck))
        });
        let course = match record.ended {
            None => Course::Stuck,
            Some(_) if record.said.last() == Some(&Said::Goodbye) => Course::WentOn,
            Some(_) if record.said.last() == Some(&Said::Sorry) => Course::Excused,
            Some(_) => Course::Lost,
        };
        Self { course, to_sound, silence: silence(record, ended), story: story(record, log, struck, set) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let course = match self.course {
            Course::WentOn => "goes on",
            Course::Excused => "says goodbye",
            Course::Lost => "LOST",
            Course::Stuck => "STUCK",
        };
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let to_sound = self.to_sound.map_or_else(|| "–".to_owned(), seconds);
        write!(out, "{course}, {to_sound}, {}", seconds(self.silence))
    }
}

/// Who spoke when, in seconds since the faults were set.
fn story(record: &Record, log: &Log, struck: Option<u64>, set: Instant) -> String {
    let seconds = |micros: u64| format!("{:.2}", micros.saturating_sub(log.micros(set)) as f64 / 1e6);
    let stretches = |sounds: &[(Instant, Instant)]| {
        let stretch = |(start, end): &(Instant, Instant)| {
            format!("{}-{}", seconds(log.micros(*start)), seconds(log.micros(*end)))
        };
        sounds.iter().filter(|(_, end)| *end >= set).map(stretch).collect::<Vec<_>>().join(" ")
    };
    let (struck, ended) = (struck.map(seconds), record.ended.map(|at| seconds(log.micros(at))));
    let (caller, agent) = (stretches(&record.caller), stretches(&record.agent));
    let tones: Vec<String> = record.tones.iter().map(|tone| format!("{tone:.0}")).collect();
    let (said, tones) = (&record.said, tones.join(" "));
    format!("struck {struck:?}, caller {caller}, agent {agent}, {said:?}, then {tones}, ended {ended:?}")
}

/// Microseconds at which a fault struck the vendor first.
fn struck(log: &Log, vendor: Vendor, set: Instant) -> Option<u64> {
    let from = log.micros(set);
    let struck = log.entries().into_iter().find(|entry| {
        entry.vendor == Some(vendor) && entry.t_us >= from && matches!(entry.event, Event::Struck { .. })
    });
    struck.map(|entry| entry.t_us)
}

/// The longest time in which nobody spoke, from the caller's first words on.
fn silence(record: &Record, ended: Instant) -> Duration {
    let Some((from, _)) = record.caller.first() else { return Duration::ZERO };
    let mut sounds: Vec<_> = record.agent.iter().chain(&record.caller).filter(|(_, end)| end >= from).collect();
    sounds.sort();
    let (mut longest, mut until) = (Duration::ZERO, *from);
    for (start, end) in sounds {
        longest = longest.max(start.saturating_duration_since(until));
        until = until.max(*end);
    }
    longest.max(record.ended.unwrap_or(ended).saturating_duration_since(until))
}
