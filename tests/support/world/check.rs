//! What must hold, seen from the wire: a record of its own that knows the rules but none of the dialer's state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use callwright::campaign::disconnection::{DisconnectionReason, Retryability};
use callwright::campaign::phone::E164;
use callwright::campaign::settings::Settings;
use callwright::id::AttemptId;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A limit of pace and of simultaneous calls.
pub struct Limit {
    pub name: String,
    pub calls_per_minute: usize,
    pub most: usize,
    sent: VecDeque<Timestamp>,
}

impl Limit {
    pub fn new(name: String, calls_per_minute: u32, most: u32) -> Self {
        Self { name, calls_per_minute: calls_per_minute as usize, most: most as usize, sent: VecDeque::new() }
    }
}

/// The rules of one campaign, as its owner means them.
pub struct Meaning {
    pub settings: Settings,
    /// Minutes of the day on the clock named by `slots_in`, or on the contact's.
    pub slots: Vec<(u32, u32)>,
    pub slots_in: Option<TimeZone>,
    /// Minutes of the day on the contact's clock.
    pub contact_hours: (u32, u32),
    /// Positions in the list of limits.
    pub limits: Vec<usize>,
    /// Since when it is not in progress.
    pub stopped: Option<Timestamp>,
}

/// An INVITE on the wire.
pub struct Invite<'a> {
    pub attempt: AttemptId,
    pub campaign: usize,
    pub target: usize,
    pub dial_no: u32,
    pub number: &'a E164,
    /// Every zone the contact can be in.
    pub zones: &'a [TimeZone],
    pub committed_at: Timestamp,
    pub reserved: Timestamp,
    /// Nothing slowed the node down since the claim.
    pub undisturbed: bool,
}

#[derive(Default)]
struct Seen {
    dial_nos: BTreeSet<u32>,
    /// The last dial's end.
    ended: Option<(Timestamp, DisconnectionReason, bool)>,
    consumed: u32,
    free: u32,
    on_wire: bool,
}

pub struct Check {
    pub lease: Duration,
    pub limits: Vec<Limit>,
    pub campaigns: Vec<Meaning>,
    targets: BTreeMap<usize, Seen>,
    on_wire: BTreeMap<AttemptId, (usize, usize, E164)>,
    suppressed: BTreeMap<E164, Timestamp>,
    pub invites: usize,
    pub latest_lateness: Duration,
}

impl Check {
    pub fn new(lease: Duration, limits: Vec<Limit>, campaigns: Vec<Meaning>) -> Self {
        Self {
            lease,
            limits,
            campaigns,
            targets: BTreeMap::new(),
            on_wire: BTreeMap::new(),
            suppressed: BTreeMap::new(),
            invites: 0,
            latest_lateness: Duration::ZERO,
        }
    }

    pub fn suppress(&mut self, number: &E164, at: Timestamp) {
        self.suppressed.entry(number.clone()).or_insert(at);
    }

    pub fn invite(&mut self, now: Timestamp, invite: &Invite<'_>) {
        self.invites += 1;
        self.check_window(now, invite);
        self.check_permission(now, invite);
        self.check_target(now, invite);
        let twice = self.on_wire.values().any(|(_, _, number)| number == invite.number);
        assert!(!twice, "one number is rung twice at once");
        let entry = (invite.campaign, invite.target, invite.number.clone());
        assert!(self.on_wire.insert(invite.attempt, entry).is_none(), "one attempt sends one INVITE");
        self.check_limits(now, invite.campaign);
    }

    /// The wire falls silent for an attempt.
    pub fn down(&mut self, attempt: AttemptId) {
        if let Some((_, target, _)) = self.on_wire.remove(&attempt) {
            self.targets.entry(target).or_default().on_wire = false;
        }
    }

    /// The server believes that a dial ended so.
    pub fn ended(&mut self, now: Timestamp, target: usize, reason: DisconnectionReason, technical: bool) {
        let seen = self.targets.entry(target).or_default();
        seen.ended = Some((now, reason, technical));
        if reason.consumes_retry() {
            seen.consumed += 1;
        } else {
            seen.free += 1;
        }
    }

    pub fn attempts_on_wire(&self) -> impl Iterator<Item = AttemptId> {
        self.on_wire.keys().copied()
    }

    pub fn on_wire(&self) -> usize {
        self.on_wire.len()
    }

    fn check_window(&self, now: Timestamp, invite: &Invite<'_>) {
        let meaning = &self.campaigns[invite.campaign];
        let ring = Duration::from_secs(meaning.settings.ring_timeout_s.into());
        let within = |zone: &TimeZone, moment: Timestamp, slots: &[(u32, u32)]| {
            let wall = zone.to_datetime(moment);
            let minute =
                u32::try_from(wall.hour()).expect("positive") * 60 + u32::try_from(wall.minute()).expect("positive");
            slots.iter().any(|&(start, end)| (start..end).contains(&minute))
        };
        let last = now + ring - Duration::from_micros(1);
        for zone in invite.zones {
            for moment in [now, last] {
                assert!(within(zone, moment, &[meaning.contact_hours]), "outside the contact's hours: {moment}");
                let clock = meaning.slots_in.as_ref().unwrap_or(zone);
                assert!(within(clock, moment, &meaning.slots), "outside the run's slots: {moment}");
            }
        }
    }

    fn check_permission(&mut self, now: Timestamp, invite: &Invite<'_>) {
        if let Some(stopped) = self.campaigns[invite.campaign].stopped {
            assert!(invite.committed_at <= stopped, "committed after the campaign was stopped");
        }
        if let Some(&since) = self.suppressed.get(invite.number) {
            assert!(invite.committed_at <= since, "committed after the number was suppressed");
        }
        assert!(now < invite.committed_at + self.lease / 3, "sent a third of the lease after its commit");
        let late = Duration::try_from(now.duration_since(invite.reserved)).unwrap_or(Duration::ZERO);
        assert!(now >= invite.reserved, "sent before its reserved moment");
        if invite.undisturbed {
            assert!(late <= Duration::from_millis(50), "sent {late:?} after its reserved moment");
            self.latest_lateness = self.latest_lateness.max(late);
        }
    }

    fn check_target(&mut self, now: Timestamp, invite: &Invite<'_>) {
        let settings = &self.campaigns[invite.campaign].settings;
        let seen = self.targets.entry(invite.target).or_default();
        assert!(seen.dial_nos.insert(invite.dial_no), "dial {} is sent twice", invite.dial_no);
        assert!(!seen.on_wire, "rung again while the last dial is up");
        seen.on_wire = true;
        assert!(seen.consumed <= settings.max_retries, "rung beyond the retry budget");
        assert!(seen.free < 5, "a sixth dial that consumes no retry");
        let Some((ended, reason, technical)) = seen.ended else { return };
        let waited = Duration::try_from(now.duration_since(ended)).unwrap_or(Duration::ZERO);
        let minutes = |minutes: u32| Duration::from_secs(60) * minutes;
        let least = match reason.retryability() {
            Retryability::Budget | Retryability::Screened | Retryability::Once => minutes(settings.retry_delay_min),
            Retryability::Voicemail => minutes(settings.voicemail_retry_delay_min),
            Retryability::Free => minutes(1),
            Retryability::OnceIfTechnical if technical => minutes(settings.retry_delay_min),
            Retryability::NeverSent => Duration::ZERO,
            Retryability::OnceIfTechnical | Retryability::OptIn | Retryability::Hold | Retryability::Never => {
                panic!("rung again after {reason}")
            }
        };
        assert!(waited >= least, "rung again {waited:?} after {reason}");
    }

    fn check_limits(&mut self, now: Timestamp, campaign: usize) {
        for &index in &self.campaigns[campaign].limits {
            let up =
                self.on_wire.values().filter(|(owner, _, _)| self.campaigns[*owner].limits.contains(&index)).count();
            let limit = &mut self.limits[index];
            assert!(up <= limit.most, "{}: {up} calls at once, {} allowed", limit.name, limit.most);
            limit.sent.push_back(now);
            while limit.sent.front().is_some_and(|&sent| sent <= now - Duration::from_secs(60)) {
                limit.sent.pop_front();
            }
            let allowed = limit.calls_per_minute + (limit.calls_per_minute / 100).max(1);
            assert!(limit.sent.len() <= allowed, "{}: {} dials within a minute", limit.name, limit.sent.len());
        }
    }
}
