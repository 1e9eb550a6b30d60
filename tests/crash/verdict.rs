//! The judgement: what must hold of everything that was seen.

mod dials;
mod legs;
mod sound;

use crate::course::{MOST_NODES, address_of};
use crate::evidence::Evidence;
use crate::troubles::{Happened, Kind};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What must not be.
    pub(crate) faults: Vec<String>,
    happened: [usize; 3],
    legs_live: usize,
    unknown: usize,
    never_arrived: usize,
    taken_back: usize,
    retried: usize,
    slowest_up: f64,
    slowest_wall: f64,
    peak: usize,
    recordings: usize,
    lost_sound: f64,
    seconds: f64,
    calls: usize,
}

impl Verdict {
    /// Judges.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let mut verdict = Self { calls: evidence.wire.calls.len(), ..Self::default() };
        let count = |kind| evidence.happened.iter().filter(|happened| happened.kind == kind).count();
        let meant = evidence.troubles;
        verdict.happened = [Kind::Kill, Kind::Freeze, Kind::Cut].map(count);
        if verdict.happened != [meant.kills, meant.freezes, meant.cuts] {
            verdict.fault(format!("{:?} troubles, {meant:?} were meant", verdict.happened));
        }
        let times = |first: fn(f64, f64) -> f64, from, of: fn(&crate::course::Life) -> f64| {
            evidence.lives.iter().map(of).fold(from, first)
        };
        verdict.seconds = times(f64::max, 0.0, |life| life.ended) - times(f64::min, f64::INFINITY, |life| life.spawned);
        let dials = verdict.one_call_for_each_dial(evidence);
        verdict.nobody_rung_twice(evidence, &dials);
        verdict.nobody_left_ringing(evidence);
        verdict.unknown_only_where_explained(evidence, &dials);
        verdict.nobody_lost(evidence);
        verdict.limits_held(evidence);
        verdict.sound_is_kept(evidence);
        verdict
    }

    /// The line for people.
    pub(crate) fn figures(&self) -> String {
        let [kills, freezes, cuts] = self.happened;
        format!(
            "{kills} kills, {freezes} freezes and {cuts} interruptions in {:.0} s, {} calls, {} legs live at kills, {} \
             unknown ({} never arrived), {} claims given back, {} called again, slowest orphan ended {:.0} ms after a server \
             was up ({:.0} ms after its kill), at most {} calls at once, {} recordings cut with at most {:.1} s lost, {} \
             faults",
            self.seconds,
            self.calls,
            self.legs_live,
            self.unknown,
            self.never_arrived,
            self.taken_back,
            self.retried,
            self.slowest_up * 1000.0,
            self.slowest_wall * 1000.0,
            self.peak,
            self.recordings,
            self.lost_sound,
            self.faults.len()
        )
    }

    fn fault(&mut self, what: String) {
        self.faults.push(what);
    }
}

/// The kills of a server, in order.
fn kills(evidence: &Evidence, node: usize) -> Vec<Happened> {
    let kills = evidence.happened.iter().filter(|happened| happened.node == node && happened.kind == Kind::Kill);
    kills.copied().collect()
}

/// Which server made a call: its Call-ID ends with the server's address.
fn node_of(call_id: &str) -> Option<usize> {
    let (_, host) = call_id.rsplit_once('@')?;
    (0..MOST_NODES).find(|node| address_of(*node).to_string() == host)
}
