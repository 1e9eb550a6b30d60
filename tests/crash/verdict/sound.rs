//! Recordings: what was said before a kill can be heard but for the last moments.

use super::{Verdict, kills, node_of};
use crate::course::MOST_NODES;
use crate::evidence::Evidence;
use crate::recordings::Cut;
use crate::troubles::Happened;

/// Seconds of a recording that a kill may cost: what is not flushed, what is in the worker's hand, and the scheduler.
const LOST_SOUND: f64 = 1.8;

impl Verdict {
    /// What was recorded of a call that a kill ended can be heard but for the last moments. Calls of a server that was
    /// frozen or could not write meanwhile are left out.
    pub(super) fn sound_is_kept(&mut self, evidence: &Evidence) {
        for node in 0..MOST_NODES {
            let kills = kills(evidence, node);
            let mut cut_at = vec![0_usize; kills.len()];
            for (_, cut) in evidence.cuts.iter().filter(|(of, _)| *of == node) {
                let number = kills.iter().position(|kill| kill.from > cut.begun);
                let until = number.map_or(f64::INFINITY, |number| kills[number].from);
                if spoiled(evidence, node, (cut.begun, until)) {
                    continue;
                }
                match number {
                    Some(number) => {
                        cut_at[number] += 1;
                        self.one_is_kept(cut, kills[number]);
                    }
                    None => self.fault(format!("{} belongs to no call and no kill", cut.path.display())),
                }
            }
            for (number, kill) in kills.iter().enumerate() {
                let since = number.checked_sub(1).map_or(0.0, |before| kills[before].from);
                let talking = talking_at(evidence, node, since, *kill);
                let found = cut_at[number];
                if found < talking {
                    self.fault(format!("kill {number} of {node}: {talking} calls talked, {found} recordings"));
                }
            }
        }
    }

    fn one_is_kept(&mut self, cut: &Cut, kill: Happened) {
        self.recordings += 1;
        match &cut.length {
            Ok(length) => {
                let lost = kill.from - cut.begun - length;
                self.lost_sound = self.lost_sound.max(lost);
                if lost > LOST_SOUND {
                    self.fault(format!("{} lacks its last {lost:.2} s", cut.path.display()));
                }
            }
            Err(error) => self.fault(format!("{}: {error}", cut.path.display())),
        }
    }
}

/// Calls of a server that talked when it was killed, and had begun after the kill before.
fn talking_at(evidence: &Evidence, node: usize, since: f64, kill: Happened) -> usize {
    let own = evidence.wire.calls.iter().filter(|call| node_of(&call.call_id) == Some(node));
    own.filter(|call| {
        let talks = call.answered.is_some_and(|answered| answered < kill.from - 1.0);
        let there = call.ended.is_none_or(|ended| ended > kill.from);
        talks && there && call.began > since && !spoiled(evidence, node, (call.began, kill.from))
    })
    .count()
}

/// Whether the server was frozen or without its database meanwhile.
fn spoiled(evidence: &Evidence, node: usize, (from, to): (f64, f64)) -> bool {
    let other = evidence.happened.iter().filter(|happened| happened.node == node && happened.kind.leaves_it_running());
    other.into_iter().any(|happened| from < happened.until && to > happened.from)
}
