//! Dials: one call for each, nobody rung twice, nobody lost, no limit passed.

use std::collections::{BTreeMap, BTreeSet};

use callwright::campaign::disconnection::{DisconnectionReason, Retryability};
use callwright::campaign::states::{AttemptState, TargetState};
use callwright::demo::wire::WireCall;

use super::Verdict;
use crate::campaign::{CALLS_PER_MINUTE, MAX_CONCURRENT, RETRY_DELAY_MIN};
use crate::evidence::{Attempt, Evidence};

/// Seconds of the windows in which dials are counted, and dials above the rate that the moment of arrival excuses.
const WINDOW: f64 = 10.0;
const JITTER: usize = 4;

impl Verdict {
    /// Every call on the wire belongs to a leg, and no attempt has two. Gives the call of each attempt.
    pub(super) fn one_call_for_each_dial<'a>(&mut self, evidence: &'a Evidence) -> BTreeMap<&'a str, &'a WireCall> {
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
            // A dial may be on record that never left; one that left must be on record, and not as one taken back.
            let agrees = match (attempt.state, attempt.dialing_at) {
                (AttemptState::Unknown, on_record) => call.is_none() || on_record.is_some(),
                (AttemptState::NotPlaced, _) | (_, None) => call.is_none(),
                (_, Some(_)) => call.is_some(),
            };
            if !agrees {
                self.fault(format!("attempt {} is {}, but the wire disagrees", attempt.id, attempt.state));
            }
        }
        dials
    }

    /// A number is called again only after a call whose end allows it, and never while another call to it is up.
    pub(super) fn nobody_rung_twice(&mut self, evidence: &Evidence, dials: &BTreeMap<&str, &WireCall>) {
        if evidence.wire.overlapping() > 0 {
            self.fault(format!("{} numbers had two calls at once", evidence.wire.overlapping()));
        }
        let mut last: BTreeMap<&str, &Attempt> = BTreeMap::new();
        for attempt in &evidence.attempts {
            let Some(earlier) = last.insert(&attempt.contact_id, attempt) else { continue };
            // Every dial but those taken back must have let its call end, for a reason that allows another one.
            match (earlier.state, earlier.reason) {
                (AttemptState::NotPlaced, _) => {}
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
        }
    }

    /// Everybody has come to an end, and who was only claimed in a trouble was dialed later.
    pub(super) fn nobody_lost(&mut self, evidence: &Evidence) {
        if !evidence.completed {
            self.fault("the campaign is not completed".to_owned());
        }
        if evidence.contacts.len() != evidence.people.len() {
            self.fault(format!("{} contacts of {}", evidence.contacts.len(), evidence.people.len()));
        }
        let sent: BTreeSet<_> = evidence
            .attempts
            .iter()
            .filter(|attempt| attempt.dialing_at.is_some() && attempt.state != AttemptState::NotPlaced)
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
    pub(super) fn limits_held(&mut self, evidence: &Evidence) {
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
