//! What the wire saw: `carrier.jsonl` read back, and the figures that follow from it alone.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::pii::Pii;

/// One line of `carrier.jsonl`. Times are seconds since 1970 UTC.
#[derive(Clone, Debug, Deserialize)]
pub struct WireEvent {
    /// When.
    pub t: f64,
    /// What.
    #[serde(flatten)]
    pub kind: WireKind,
    /// Call-ID of the call.
    pub call_id: String,
    /// Dialed number.
    pub to: Pii<String>,
    /// Who answers there.
    pub persona: String,
}

/// What happened on the wire.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum WireKind {
    /// A new INVITE transaction arrived.
    Invite,
    /// The callee rang.
    Ringing,
    /// The callee answered.
    Answer,
    /// The call was refused.
    Final {
        /// SIP status.
        status: u16,
    },
    /// The callee spoke.
    Said {
        /// The words.
        text: Pii<String>,
        /// First packet.
        start: f64,
        /// Last packet.
        end: f64,
    },
    /// The callee heard the agent speak.
    Heard {
        /// First packet above the threshold.
        start: f64,
        /// Last packet above the threshold.
        end: f64,
    },
    /// The callee pressed keys.
    Dtmf {
        /// The keys.
        digits: Pii<String>,
    },
    /// The server cancelled.
    Cancel,
    /// The call ended.
    Bye {
        /// `server` or `callee`.
        by: String,
    },
}

/// One call as the wire saw it.
#[derive(Clone, Debug)]
pub struct WireCall {
    /// Its Call-ID.
    pub call_id: String,
    /// Dialed number.
    pub to: Pii<String>,
    /// Who answers there.
    pub persona: String,
    /// INVITE transactions; more than one when a challenge was answered.
    pub invites: u32,
    /// First INVITE.
    pub began: f64,
    /// 200 was sent.
    pub answered: Option<f64>,
    /// Final failure, CANCEL or BYE.
    pub ended: Option<f64>,
    /// Status of a final failure.
    pub status: Option<u16>,
    /// Everything, in order.
    pub events: Vec<WireEvent>,
}

/// All calls that a carrier saw, by the time of their first INVITE.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// The calls.
    pub calls: Vec<WireCall>,
}

impl Wire {
    /// Reads a carrier's log.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not what the carrier writes. A last line without an end is left out: the
    /// carrier may have been killed while writing it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut events = Vec::new();
        for (number, line) in whole.lines().enumerate() {
            let event: WireEvent = serde_json::from_str(line)
                .with_context(|| format!("line {} of {} is not an event", number + 1, path.display()))?;
            events.push(event);
        }
        Ok(Self::from_events(events))
    }

    /// Groups events into calls.
    #[must_use]
    pub fn from_events(events: Vec<WireEvent>) -> Self {
        let mut calls: BTreeMap<String, WireCall> = BTreeMap::new();
        for event in events {
            let call = calls.entry(event.call_id.clone()).or_insert_with(|| WireCall {
                call_id: event.call_id.clone(),
                to: event.to.clone(),
                persona: event.persona.clone(),
                invites: 0,
                began: event.t,
                answered: None,
                ended: None,
                status: None,
                events: Vec::new(),
            });
            match &event.kind {
                WireKind::Invite => call.invites += 1,
                WireKind::Answer => call.answered = Some(event.t),
                WireKind::Final { status } => {
                    call.status = Some(*status);
                    call.ended = call.ended.or(Some(event.t));
                }
                WireKind::Cancel | WireKind::Bye { .. } => call.ended = call.ended.or(Some(event.t)),
                WireKind::Ringing | WireKind::Said { .. } | WireKind::Heard { .. } | WireKind::Dtmf { .. } => {}
            }
            call.events.push(event);
        }
        let mut calls: Vec<_> = calls.into_values().collect();
        calls.sort_by(|a, b| a.began.total_cmp(&b.began));
        Self { calls }
    }

    /// Most calls that were up at the same time, from INVITE to end.
    #[must_use]
    pub fn peak_concurrency(&self) -> usize {
        let mut changes: Vec<(f64, i64)> = Vec::new();
        for call in &self.calls {
            changes.push((call.began, 1));
            if let Some(end) = call.ended {
                changes.push((end, -1));
            }
        }
        changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut up = 0_i64;
        changes
            .iter()
            .map(|(_, change)| {
                up += change;
                up
            })
            .max()
            .map_or(0, |peak| usize::try_from(peak).unwrap_or(0))
    }

    /// Most calls begun in any minute.
    #[must_use]
    pub fn most_in_a_minute(&self) -> usize {
        let starts: Vec<f64> = self.calls.iter().map(|call| call.began).collect();
        starts
            .iter()
            .map(|from| starts.iter().filter(|start| (*from..*from + 60.0).contains(*start)).count())
            .max()
            .unwrap_or(0)
    }

    /// Calls that rang a number again while an earlier call to it was still up.
    #[must_use]
    pub fn overlapping(&self) -> usize {
        let mut last: BTreeMap<&str, f64> = BTreeMap::new();
        let mut count = 0;
        for call in &self.calls {
            let until = call.ended.unwrap_or(f64::INFINITY);
            let earlier = last.entry(call.to.expose()).or_insert(f64::NEG_INFINITY);
            if call.began < *earlier {
                count += 1;
            }
            *earlier = earlier.max(until);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(lines: &[(f64, &str, &str, &str)]) -> Wire {
        let event = |(t, call, to, kind): &(f64, &str, &str, &str)| {
            let text = format!(r#"{{"t":{t},"call_id":"{call}","to":"{to}","from":"+1","persona":"busy",{kind}}}"#);
            serde_json::from_str::<WireEvent>(&text).expect("a line of the carrier")
        };
        Wire::from_events(lines.iter().map(event).collect())
    }

    const INVITE: &str = r#""event":"invite""#;
    const BYE: &str = r#""event":"bye","by":"server""#;

    #[test]
    fn concurrency_and_pace_are_counted_on_the_wire() {
        let wire = wire(&[
            (0.0, "a", "1", INVITE),
            (1.0, "b", "2", INVITE),
            (2.0, "a", "1", BYE),
            (2.0, "c", "3", INVITE),
            (3.0, "b", "2", BYE),
            (70.0, "d", "4", INVITE),
        ]);
        assert_eq!(wire.peak_concurrency(), 2);
        assert_eq!(wire.most_in_a_minute(), 3);
        assert_eq!(wire.overlapping(), 0);
    }

    #[test]
    fn ringing_a_number_twice_at_once_is_seen() {
        let wire =
            wire(&[(0.0, "a", "1", INVITE), (1.0, "b", "1", INVITE), (2.0, "a", "1", BYE), (3.0, "b", "1", BYE)]);
        assert_eq!(wire.overlapping(), 1);
    }

    #[test]
    fn a_refused_call_has_its_status() {
        let wire = wire(&[(0.0, "a", "1", INVITE), (0.5, "a", "1", r#""event":"final","status":486"#)]);
        assert_eq!((wire.calls[0].status, wire.calls[0].ended, wire.calls[0].answered), (Some(486), Some(0.5), None));
    }
}
