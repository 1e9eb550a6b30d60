//! The judgement: what must hold of everything that was seen.

use std::collections::{BTreeMap, BTreeSet};

use callwright::campaign::disconnection::{DisconnectionReason, Retryability};
use callwright::campaign::states::{AttemptState, TargetState};
use callwright::demo::wire::WireCall;

use crate::campaign::{CALLS_PER_MINUTE, MAX_CONCURRENT, RETRY_DELAY_MIN};
use crate::evidence::{Attempt, Evidence, seconds};
use crate::kills::KILLS;

/// Seconds of the server being up within which a callee left behind must have been let go.
const LET_GO: f64 = 5.0;
/// Seconds that the end of a call may need to get into the database.
const WRITING: f64 = 4.0;
/// Seconds of a recording that a kill may cost: what is not flushed, what is in the worker's hand, and the scheduler.
const LOST_SOUND: f64 = 1.8;
/// Seconds of the windows in which dials are counted, and dials above the rate that the moment of arrival excuses.
const WINDOW: f64 = 10.0;
const JITTER: usize = 4;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What must not be.
    pub(crate) faults: Vec<String>,
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

/// A kill, and when the next process was started.
#[derive(Clone, Copy, Debug)]
struct Kill {
    number: usize,
    at: f64,
    respawned: f64,
}

impl Verdict {
    /// Judges.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let mut verdict = Self { calls: evidence.wire.calls.len(), ..Self::default() };
        let kills = kills(evidence);
        if kills.len() != KILLS {
            verdict.fault(format!("{} kills", kills.len()));
        }
        verdict.seconds = evidence.lives.last().map_or(0.0, |last| last.ended - evidence.lives[0].spawned);
        let dials = verdict.one_call_for_each_dial(evidence);
        verdict.nobody_rung_twice(evidence, &dials);
        verdict.nobody_left_ringing(evidence, &kills);
        verdict.unknown_only_where_killed(evidence, &kills, &dials);
        verdict.nobody_lost(evidence);
        verdict.limits_held(evidence);
        verdict.sound_is_kept(evidence, &kills);
        verdict
    }

    /// The line for people.
    pub(crate) fn figures(&self) -> String {
        format!(
            "{KILLS} kills in {:.0} s, {} calls, {} legs live at kills, {} unknown ({} never arrived), {} claims given \
             back, {} called again, slowest orphan ended {:.0} ms after a server was up ({:.0} ms after its kill), at most \
             {} calls at once, {} recordings cut with at most {:.1} s lost, {} faults",
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

    /// Every call on the wire belongs to a leg, and no attempt has two. Gives the call of each attempt.
    fn one_call_for_each_dial<'a>(&mut self, evidence: &'a Evidence) -> BTreeMap<&'a str, &'a WireCall> {
        let mut dials: BTreeMap<&str, &WireCall> = BTreeMap::new();
        for call in &evidence.wire.calls {
            if call.invites != 1 {
                self.fault(format!("{}: {} INVITEs", call.call_id, call.invites));
            }
            let Some(attempt) = evidence.legs.get(&call.call_id) else {
                self.fault(format!("{}: rung by no leg on record", call.call_id));
                continue;
            };
            if let Some(other) = dials.insert(attempt, call) {
                self.fault(format!("attempt {attempt} rang twice: {} and {}", other.call_id, call.call_id));
            }
        }
        for attempt in &evidence.attempts {
            let call = dials.get(attempt.id.as_str());
            if let Some(call) = call
                && call.to.expose() != evidence.phone(&attempt.contact_id)
            {
                self.fault(format!("attempt {} rang somebody else", attempt.id));
            }
            if call.is_some() != attempt.dialing_at.is_some() && attempt.state != AttemptState::Unknown {
                self.fault(format!("attempt {} is {}, but the wire disagrees", attempt.id, attempt.state));
            }
        }
        dials
    }

    /// A number is called again only after a call whose end allows it, and never while another call to it is up.
    fn nobody_rung_twice(&mut self, evidence: &Evidence, dials: &BTreeMap<&str, &WireCall>) {
        if evidence.wire.overlapping() > 0 {
            self.fault(format!("{} numbers had two calls at once", evidence.wire.overlapping()));
        }
        let mut last: BTreeMap<&str, &Attempt> = BTreeMap::new();
        for attempt in &evidence.attempts {
            let Some(earlier) = last.get(attempt.contact_id.as_str()) else {
                last.insert(&attempt.contact_id, attempt);
                continue;
            };
            // Every dial but those taken back must have let its call end, for a reason that allows another one.
            match (earlier.state, earlier.reason) {
                (AttemptState::NotPlaced, Some(DisconnectionReason::NodeLost)) => {}
                (AttemptState::Ended, Some(reason)) if allows_another(reason) => {
                    let over = dials.get(earlier.id.as_str()).and_then(|call| call.ended).unwrap_or(f64::INFINITY);
                    let again = dials.get(attempt.id.as_str()).map(|call| call.began);
                    let delay = f64::from(RETRY_DELAY_MIN) * 60.0;
                    if again.is_some_and(|again| again < over + delay - 0.5) {
                        self.fault(format!("attempt {} follows too soon", attempt.id));
                    }
                    self.retried += usize::from(again.is_some());
                }
                (state, reason) => {
                    self.fault(format!("attempt {} follows one that is {state} ({reason:?})", attempt.id));
                }
            }
            last.insert(&attempt.contact_id, attempt);
        }
    }

    /// Who was in a call at a kill was let go soon after the restart.
    fn nobody_left_ringing(&mut self, evidence: &Evidence, kills: &[Kill]) {
        for kill in kills {
            let live = evidence
                .wire
                .calls
                .iter()
                .filter(|call| call.began < kill.respawned && call.ended.is_none_or(|ended| ended > kill.at));
            for call in live {
                let earlier = kills[..kill.number].iter().any(|other| call.began < other.respawned);
                self.legs_live += usize::from(!earlier);
                let Some(ended) = call.ended else {
                    if !earlier {
                        self.fault(format!("{} ({}) was left behind for ever", call.call_id, call.persona));
                    }
                    continue;
                };
                let up: f64 = evidence
                    .lives
                    .iter()
                    .filter_map(|life| Some((life.up?.max(kill.at), life.ended.min(ended))))
                    .map(|(from, to)| (to - from).max(0.0))
                    .sum();
                self.slowest_up = self.slowest_up.max(up);
                self.slowest_wall = self.slowest_wall.max(ended - kill.at);
                if up > LET_GO && !earlier {
                    self.fault(format!(
                        "{} ({}, began {:.2} s before kill {}, answered {:?}) was let go {up:.2} s of uptime later",
                        call.call_id,
                        call.persona,
                        kill.at - call.began,
                        kill.number,
                        call.answered.map(|answered| answered - kill.at),
                    ));
                }
            }
        }
    }

    /// An outcome is unknown only where a kill explains it, and nobody dials on after that.
    fn unknown_only_where_killed(&mut self, evidence: &Evidence, kills: &[Kill], dials: &BTreeMap<&str, &WireCall>) {
        for attempt in evidence.attempts.iter().filter(|attempt| attempt.state == AttemptState::Unknown) {
            self.unknown += 1;
            let dialed = attempt.dialing_at.map_or(f64::INFINITY, seconds);
            let call = dials.get(attempt.id.as_str());
            self.never_arrived += usize::from(call.is_none());
            let explained = kills.iter().any(|kill| {
                let over = call.map_or(dialed, |call| call.ended.unwrap_or(f64::INFINITY));
                dialed <= kill.at + 0.1 && over >= kill.at - WRITING
            });
            if !explained {
                self.fault(format!("attempt {} is unknown, but no kill explains it", attempt.id));
            }
        }
    }

    /// Everybody has come to an end, and who was only claimed at a kill was dialed later.
    fn nobody_lost(&mut self, evidence: &Evidence) {
        if !evidence.completed {
            self.fault("the campaign is not completed".to_owned());
        }
        if evidence.contacts.len() != evidence.people.len() {
            self.fault(format!("{} contacts of {}", evidence.contacts.len(), evidence.people.len()));
        }
        let sent: BTreeSet<_> = evidence
            .attempts
            .iter()
            .filter(|attempt| attempt.dialing_at.is_some())
            .map(|attempt| attempt.contact_id.as_str())
            .collect();
        for contact in &evidence.contacts {
            if !matches!(contact.state, TargetState::Done | TargetState::Failed) {
                self.fault(format!("contact {} is {} at the end", contact.id, contact.state));
            }
            if !sent.contains(contact.id.as_str()) {
                self.fault(format!("contact {} was never called", contact.id));
            }
        }
        for attempt in &evidence.attempts {
            match attempt.state {
                AttemptState::NotPlaced => self.taken_back += 1,
                AttemptState::Ended | AttemptState::Unknown => {}
                AttemptState::Claimed
                | AttemptState::Dialing
                | AttemptState::Ringing
                | AttemptState::Answered
                | AttemptState::InConversation
                | AttemptState::Cancelled => {
                    self.fault(format!("attempt {} is {} at the end", attempt.id, attempt.state));
                }
            }
        }
        if self.retried == 0 {
            self.fault("nobody engaged was called again".to_owned());
        }
    }

    /// Neither more calls at once nor more in a while than allowed, those left behind included.
    fn limits_held(&mut self, evidence: &Evidence) {
        self.peak = evidence.wire.peak_concurrency();
        if self.peak > MAX_CONCURRENT as usize {
            self.fault(format!("{} calls at once", self.peak));
        }
        let most = (f64::from(CALLS_PER_MINUTE) / 60.0 * WINDOW) as usize + JITTER;
        let starts: Vec<_> = evidence.wire.calls.iter().map(|call| call.began).collect();
        for (index, from) in starts.iter().enumerate() {
            let within = starts[index..].iter().take_while(|start| **start < from + WINDOW).count();
            if within > most {
                return self.fault(format!("{within} calls begun within {WINDOW} s"));
            }
        }
    }

    /// What was recorded of a call that a kill ended can be heard but for the last moments.
    fn sound_is_kept(&mut self, evidence: &Evidence, kills: &[Kill]) {
        let mut cut_at = vec![0_usize; kills.len()];
        for cut in &evidence.cuts {
            let Some(kill) = kills.iter().find(|kill| kill.at > cut.begun) else {
                self.fault(format!("{} belongs to no call and no kill", cut.path.display()));
                continue;
            };
            cut_at[kill.number] += 1;
            self.recordings += 1;
            match &cut.length {
                Ok(length) => {
                    let lost = kill.at - cut.begun - length;
                    self.lost_sound = self.lost_sound.max(lost);
                    if lost > LOST_SOUND {
                        self.fault(format!("{} lacks its last {lost:.2} s", cut.path.display()));
                    }
                }
                Err(error) => self.fault(format!("{}: {error}", cut.path.display())),
            }
        }
        for kill in kills {
            let answered = evidence.wire.calls.iter().filter(|call| {
                let talks = call.answered.is_some_and(|answered| answered < kill.at - 1.0);
                let first = kills[..kill.number].iter().all(|other| call.began > other.at);
                talks && first && call.ended.is_none_or(|ended| ended > kill.at)
            });
            let talking = answered.count();
            if cut_at[kill.number] < talking {
                let found = cut_at[kill.number];
                self.fault(format!("kill {}: {talking} calls talked, {found} recordings", kill.number));
            }
        }
    }
}

fn kills(evidence: &Evidence) -> Vec<Kill> {
    let lives = &evidence.lives;
    let killed = lives.iter().enumerate().take(lives.len().saturating_sub(1));
    killed.map(|(number, life)| Kill { number, at: life.ended, respawned: lives[number + 1].spawned }).collect()
}

/// Whether a call that ended so may be followed by another one.
fn allows_another(reason: DisconnectionReason) -> bool {
    match reason.retryability() {
        Retryability::Budget
        | Retryability::Free
        | Retryability::Once
        | Retryability::OnceIfTechnical
        | Retryability::NeverSent => true,
        Retryability::Voicemail
        | Retryability::Screened
        | Retryability::OptIn
        | Retryability::Hold
        | Retryability::Never => false,
    }
}
