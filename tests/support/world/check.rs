//! What must hold, seen from the wire: a record of its own that knows the rules but none of the dialer's state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use callwright::campaign::disconnection::{DisconnectionReason, Retryability};
use callwright::campaign::phone::E164;
use callwright::campaign::settings::Settings;
use callwright::id::AttemptId;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use callwright::dialer::forecast::ledger::answered;

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
    /// Later rounds are for those who never answered.
    pub later_rounds_unanswered: bool,
}

/// An INVITE on the wire.
pub struct Invite<'a> {
    pub attempt: AttemptId,
    pub campaign: usize,
    pub target: usize,
    pub round: u32,
    /// It is, or makes up for, a callback.
    pub callback: bool,
    pub dial_no: u32,
    pub number: &'a E164,
    /// Every zone the contact can be in.
    pub zones: &'a [TimeZone],
    pub committed_at: Timestamp,
    pub reserved: Timestamp,
    /// Nothing slowed the node down since the claim.
    pub undisturbed: bool,
    /// The node's clock on the wall was set after it was last compared with the store's.
    pub clock_off: bool,
    /// The longest time in which its clock was not compared with the store's.
    pub uncompared: Duration,
}

#[derive(Default)]
struct Seen {
    dial_nos: BTreeSet<(u32, u32)>,
    round: u32,
    /// The last dial's end.
    ended: Option<(Timestamp, DisconnectionReason, bool)>,
    /// Retries used in the round, and dials that used none: of callbacks, and of the others.
    used: BTreeMap<bool, (u32, u32)>,
    /// The number that was rung last, and those that do not exist.
    number: Option<E164>,
    invalid: BTreeSet<E164>,
    /// When they are to be called back at the earliest.
    wish: Option<Timestamp>,
    /// They asked for it in their last call: it is owed to them whatever is spent.
    asked: bool,
    /// They have answered; a person has started them over.
    answered: bool,
    restarted: bool,
    on_wire: bool,
}

pub struct Check {
    pub lease: Duration,
    pub limits: Vec<Limit>,
    pub campaigns: Vec<Meaning>,
    targets: BTreeMap<usize, Seen>,
    on_wire: BTreeMap<AttemptId, (usize, usize, E164)>,
    suppressed: BTreeMap<E164, Timestamp>,
    /// A node's clock can drift from the store's by one part in so many.
    pub drift: u32,
    /// Targets whose claim was given back by the reaper, and that have not been dialed since.
    reclaimed: BTreeMap<usize, Timestamp>,
    /// Dials whose outcome nobody will ever know.
    pub unknown: usize,
    pub invites: usize,
    pub latest_lateness: Duration,
}

/// How much earlier than reserved an INVITE can leave whose node's clock was set forward: the lead of its claim.
const LEAD: Duration = Duration::from_millis(2500);

impl Check {
    pub fn new(lease: Duration, limits: Vec<Limit>, campaigns: Vec<Meaning>) -> Self {
        Self {
            lease,
            limits,
            campaigns,
            targets: BTreeMap::new(),
            on_wire: BTreeMap::new(),
            suppressed: BTreeMap::new(),
            drift: u32::MAX,
            reclaimed: BTreeMap::new(),
            unknown: 0,
            invites: 0,
            latest_lateness: Duration::ZERO,
        }
    }

    pub fn suppress(&mut self, number: &E164, at: Timestamp) {
        self.suppressed.entry(number.clone()).or_insert(at);
    }

    pub fn invite(&mut self, now: Timestamp, invite: &Invite<'_>) {
        self.invites += 1;
        self.reclaimed.remove(&invite.target);
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
    pub fn ended(
        &mut self,
        now: Timestamp,
        target: usize,
        reason: DisconnectionReason,
        technical: bool,
        callback: bool,
    ) {
        let seen = self.targets.entry(target).or_default();
        seen.ended = Some((now, reason, technical));
        if reason == DisconnectionReason::InvalidPhoneNumber {
            seen.invalid.extend(seen.number.clone());
        }
        (seen.wish, seen.asked) = (None, false);
        seen.answered |= answered(reason);
        let (consumed, free) = seen.used.entry(callback).or_default();
        *(if reason.consumes_retry() { consumed } else { free }) += 1;
    }

    /// A claim was given back that was never sent.
    pub fn reclaimed(&mut self, target: usize, now: Timestamp) {
        self.reclaimed.insert(target, now);
    }

    /// Whose claim was given back before a time because its node was lost, and who was not dialed since.
    pub fn left_behind(&self, before: Timestamp) -> impl Iterator<Item = usize> {
        self.reclaimed.iter().filter(move |(_, at)| **at < before).map(|(&target, _)| target)
    }

    /// They are to be called back at this time.
    pub fn wished(&mut self, target: usize, at: Timestamp, asked: bool) {
        let seen = self.targets.entry(target).or_default();
        (seen.wish, seen.asked) = (Some(at), asked);
    }

    /// A person starts them over.
    pub fn restarted(&mut self, target: usize) {
        self.targets.entry(target).or_default().restarted = true;
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
            let heard = !invite.undisturbed || now <= stopped + Duration::from_millis(100);
            assert!(heard, "sent more than 100 ms after the campaign was stopped");
        }
        if let Some(&since) = self.suppressed.get(invite.number) {
            assert!(invite.committed_at <= since, "committed after the number was suppressed");
        }
        assert!(now < invite.committed_at + self.lease / 3, "sent a third of the lease after its commit");
        let late = Duration::try_from(now.duration_since(invite.reserved)).unwrap_or(Duration::ZERO);
        let early = if invite.clock_off { LEAD } else { invite.uncompared / self.drift };
        assert!(now + early >= invite.reserved, "sent before its reserved moment");
        if invite.undisturbed {
            assert!(late <= Duration::from_millis(50), "sent {late:?} after its reserved moment");
            self.latest_lateness = self.latest_lateness.max(late);
        }
    }

    fn check_target(&mut self, now: Timestamp, invite: &Invite<'_>) {
        let meaning = &self.campaigns[invite.campaign];
        let settings = &meaning.settings;
        let seen = self.targets.entry(invite.target).or_default();
        let dial = (invite.round, invite.dial_no);
        assert!(seen.dial_nos.insert(dial), "dial {dial:?} is sent twice");
        assert!(!seen.on_wire, "rung again while the last dial is up");
        assert!(invite.round >= seen.round, "a round that was over goes on");
        seen.on_wire = true;
        seen.number = Some(invite.number.clone());
        let anew = invite.round > seen.round;
        if anew {
            seen.used.clear();
            seen.round = invite.round;
        }
        let (consumed, free) = seen.used.get(&invite.callback).copied().unwrap_or_default();
        let owed = invite.callback && seen.asked;
        assert!(consumed <= settings.max_retries || owed, "rung beyond the retry budget");
        assert!(free < 5, "a sixth dial that consumes no retry");
        if invite.callback {
            assert!(seen.wish.is_none_or(|wish| now >= wish), "called back before the time they asked for");
            return;
        }
        let restarted = std::mem::take(&mut seen.restarted);
        if restarted {
            return;
        }
        if anew && invite.round > 1 && meaning.later_rounds_unanswered {
            assert!(!seen.answered, "a later round rings somebody who answered");
        }
        let Some((ended, reason, technical)) = seen.ended else { return };
        let waited = Duration::try_from(now.duration_since(ended)).unwrap_or(Duration::ZERO);
        let minutes = |minutes: u32| Duration::from_secs(60) * minutes;
        if anew {
            assert!(reason != DisconnectionReason::OutcomeUnknown, "a later round rings whose last dial is unknown");
            assert!(waited >= minutes(settings.retry_delay_min), "a new round rings {waited:?} after the last");
            return;
        }
        if reason == DisconnectionReason::InvalidPhoneNumber {
            // At once, and on a number that is not known to be wrong.
            assert!(!seen.invalid.contains(invite.number), "a number that does not exist is rung again");
            return;
        }
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
