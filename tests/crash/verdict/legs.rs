//! Legs: who was in a call when its server died is let go, and only what a trouble explains is unknown.

use std::collections::BTreeMap;

use callwright::campaign::states::AttemptState;
use callwright::demo::wire::WireCall;

use super::{Verdict, kills, node_of};
use crate::course::MOST_NODES;
use crate::evidence::{Evidence, seconds};
use crate::troubles::{Happened, Kind};

/// Seconds of the server being up within which a callee left behind must have been let go.
const LET_GO: f64 = 5.0;
/// Seconds that the end of a call may need to get into the database.
const WRITING: f64 = 4.0;

impl Verdict {
    /// Every call has ended, and who was in a call at a kill was let go soon after the restart.
    pub(super) fn nobody_left_ringing(&mut self, evidence: &Evidence) {
        for call in &evidence.wire.calls {
            if call.ended.is_none() {
                self.fault(format!("{} ({}) was left behind for ever", call.call_id, call.persona));
            }
        }
        for node in 0..MOST_NODES {
            for kill in kills(evidence, node) {
                self.let_go_after(evidence, node, kill);
            }
        }
    }

    fn let_go_after(&mut self, evidence: &Evidence, node: usize, kill: Happened) {
        let own = evidence.wire.calls.iter().filter(|call| node_of(&call.call_id) == Some(node));
        // Those that an earlier kill left behind are that one's.
        let before = kills(evidence, node).into_iter().filter(|other| other.from < kill.from).map(|other| other.until);
        let since = before.fold(0.0, f64::max);
        for call in own.filter(|call| call.began >= since && call.began < kill.until) {
            let Some(ended) = call.ended.filter(|ended| *ended > kill.from) else { continue };
            self.legs_live += 1;
            let lives = evidence.lives.iter().filter(|life| life.node == node);
            let up: f64 = lives
                .filter_map(|life| Some((life.up?.max(kill.from), life.ended.min(ended))))
                .map(|(from, to)| (to - from).max(0.0))
                .sum::<f64>()
                - disturbed(evidence, node, (kill.from, ended));
            self.slowest_up = self.slowest_up.max(up);
            self.slowest_wall = self.slowest_wall.max(ended - kill.from);
            if up > LET_GO {
                self.fault(format!(
                    "{} ({}, began {:.2} s before a kill of {node}, answered {:?}) was let go {up:.2} s of uptime later",
                    call.call_id,
                    call.persona,
                    kill.from - call.began,
                    call.answered.map(|answered| answered - kill.from),
                ));
            }
        }
    }

    /// An outcome is unknown only where a trouble explains it: there are never more than legs were live.
    pub(super) fn unknown_only_where_explained(&mut self, evidence: &Evidence, dials: &BTreeMap<&str, &WireCall>) {
        for attempt in evidence.attempts.iter().filter(|attempt| attempt.state == AttemptState::Unknown) {
            self.unknown += 1;
            let dialed = attempt.dialing_at.map_or(f64::INFINITY, seconds);
            let call = dials.get(attempt.id.as_str());
            self.never_arrived += usize::from(call.is_none());
            let over = call.map_or(dialed, |call| call.ended.unwrap_or(f64::INFINITY));
            let node = call.and_then(|call| node_of(&call.call_id));
            let explained = evidence.happened.iter().any(|happened| {
                let there = node.is_none_or(|node| node == happened.node);
                there && dialed <= happened.until + 0.1 && over >= happened.from - WRITING
            });
            if !explained {
                self.fault(format!("attempt {} is unknown, but no trouble explains it", attempt.id));
            }
        }
    }
}

/// Seconds of a span in which the server was frozen or had no database, or another one was frozen, which may have taken the
/// call to end it.
fn disturbed(evidence: &Evidence, node: usize, (from, to): (f64, f64)) -> f64 {
    let other = evidence.happened.iter().filter(|happened| {
        happened.kind.leaves_it_running() && (happened.node == node || happened.kind == Kind::Freeze)
    });
    let mut spans: Vec<_> = other.map(|happened| (happened.from.max(from), happened.until.min(to))).collect();
    spans.sort_by(|one, two| one.0.total_cmp(&two.0));
    let (mut disturbed, mut reached) = (0.0, from);
    for (begin, end) in spans {
        // What overlaps counts once.
        disturbed += (end - begin.max(reached)).max(0.0);
        reached = reached.max(end);
    }
    disturbed
}
