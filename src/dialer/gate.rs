//! The gate: whether a contact may be rung now, later, or not at all. Asked inside the claim, on rows just read.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::campaign::law::Rule;
use crate::campaign::phone::E164;
use crate::campaign::settings::{FrequencyCap, Settings};
use crate::campaign::states::{BlockedReason, CampaignState};
use crate::campaign::wire::wire_enum;
use crate::campaign::zone::{ZoneSource, Zones};
use crate::dialer::calling_hours::{CallingHours, Opening, ShutBy};
use crate::id::RunId;
use crate::pii::Pii;

/// What a campaign says about dialing, made ready once and used for every claim until it changes.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Its state, as read in the same transaction.
    pub state: CampaignState,
    /// Its settings.
    pub settings: Settings,
    /// Its calling hours.
    pub hours: CallingHours,
}

/// A contact about to be rung, as the claim's transaction sees it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where to reach them.
    pub number: ContactNumber,
    /// The contact's own time zone, an IANA name, if it has one.
    pub zone: Option<String>,
    /// A suppression that holds for the contact, the number or the case, in any list of the organisation.
    pub suppression: Option<BlockedReason>,
    /// Whether valid consent of theirs is on record.
    pub consent: bool,
    /// When they asked to be called back, if this dial is that callback.
    pub callback_at: Option<Timestamp>,
    /// Dials of this round so far, sent or not.
    pub dials: u32,
    /// What else happens on the same number in the organisation.
    pub same_number: SameNumber,
}

/// A contact's telephone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContactNumber {
    /// There is none.
    Missing,
    /// There is a text that is no number.
    Invalid,
    /// A number.
    Valid(Pii<E164>),
}

/// Other dials of the same number, by any campaign of the organisation.
#[derive(Clone, Debug, Default)]
pub struct SameNumber {
    /// Whether another attempt is live.
    pub live: bool,
    /// When the latest attempt of *another* target ended.
    pub other_ended: Option<Timestamp>,
    /// When dials started within the frequency cap's period, oldest first; may be empty without a cap.
    pub started: Vec<Timestamp>,
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Ring now; the ring has to start by `until`.
    Open {
        /// The last moment at which the ring still ends within the window.
        until: Timestamp,
    },
    /// Not before `next_at`.
    Defer {
        /// The next moment that can be allowed.
        next_at: Timestamp,
        /// What stands in the way.
        held: Held,
    },
    /// Not at all.
    Block(BlockedReason),
    /// Not any more: no time is left in the campaign.
    Expire,
    /// A callback that came too late: back to the head of the queue.
    CallbackMissed,
}

wire_enum! {
    /// What postpones a dial.
    pub enum DeferReason is "reason to defer" {
        /// Outside the campaign's calling hours.
        OutsideHours = "outside_hours",
        /// Outside the hours of a legal rule.
        Law = "law",
        /// Within the organisation's quiet hours.
        QuietHours = "quiet_hours",
        /// The number is being rung or spoken to by another attempt.
        NumberBusy = "number_busy",
        /// Another target with the same number was called a short while ago.
        NumberSpacing = "number_spacing",
        /// The number had as many dials as the frequency cap allows.
        FrequencyCap = "frequency_cap",
    }
}

/// What holds a contact, and by which legal rule if it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What.
    pub why: DeferReason,
    /// The rule.
    pub rule: Option<&'static str>,
}

impl Held {
    const fn by(why: DeferReason) -> Self {
        Self { why, rule: None }
    }

    /// Takes apart what [`Display`](fmt::Display) has written: the reason's name, and the rule's if there is one.
    #[must_use]
    pub fn parts(code: &str) -> (&str, Option<&str>) {
        match code.split_once(':') {
            Some((why, rule)) => (why, Some(rule)),
            None => (code, None),
        }
    }
}

impl fmt::Display for Held {
    /// The form in which it is kept: `outside_hours`, `law:us-fl`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why.as_str())?;
        self.rule.map_or(Ok(()), |rule| write!(f, ":{rule}"))
    }
}

impl From<ShutBy> for Held {
    fn from(shut: ShutBy) -> Self {
        match shut {
            ShutBy::Window => Self::by(DeferReason::OutsideHours),
            ShutBy::Law(Rule { id, .. }) => Self { why: DeferReason::Law, rule: Some(id) },
            ShutBy::Quiet => Self::by(DeferReason::QuietHours),
        }
    }
}

/// How long a callback may be late before it counts as missed.
pub const CALLBACK_GRACE: Duration = Duration::from_secs(600);

/// How long a target waits for a live attempt on the same number to end.
const BUSY_NUMBER_WAIT: Duration = Duration::from_secs(60);

/// Asks whether the candidate may be rung at `at`.
#[must_use]
pub fn check(at: Timestamp, rules: &Rules, candidate: &Candidate) -> Gate {
    let number = match &candidate.number {
        ContactNumber::Missing => return Gate::Block(BlockedReason::EmptyPhone),
        ContactNumber::Invalid => return Gate::Block(BlockedReason::InvalidNumber),
        ContactNumber::Valid(number) => number.expose(),
    };
    if let Some(reason) = candidate.suppression {
        return Gate::Block(reason);
    }
    if let Some(reason) = rules.hours.bounds().refuses(number) {
        return Gate::Block(reason);
    }
    if rules.settings.require_consent && !candidate.consent {
        return Gate::Block(BlockedReason::NoConsent);
    }
    let Some(zones) = rules.zones(candidate.zone.as_deref(), number) else {
        return Gate::Block(BlockedReason::InvalidTimezone);
    };
    if candidate.callback_at.is_some_and(|callback_at| at > callback_at + CALLBACK_GRACE) {
        return Gate::CallbackMissed;
    }
    let postponed = rules.postponed(at, &zones, &candidate.same_number);
    let earliest = postponed.map_or(at, |(earliest, _)| earliest);
    match rules.opening(&zones, earliest) {
        Ok((from, until)) if from == at => Gate::Open { until },
        // It could have been called in time, and cannot be now.
        Ok((next_at, _)) if candidate.callback_at.is_some_and(|asked| next_at > asked + CALLBACK_GRACE) => {
            Gate::CallbackMissed
        }
        Ok((next_at, _)) => {
            // Of several that hold it, the one that holds it longest.
            let held = postponed.filter(|_| next_at == earliest).map(|(_, held)| held);
            Gate::Defer { next_at, held: held.unwrap_or_else(|| rules.held_until(&zones, next_at)) }
        }
        // It could be called by its hours, and had its calls until they end.
        Err(_)
            if postponed.is_some_and(|(_, held)| held.why == DeferReason::FrequencyCap)
                && rules.opening(&zones, at).is_ok() =>
        {
            Gate::Block(BlockedReason::FrequencyCap)
        }
        Err(shut) => shut.into(),
    }
}

/// Why no moment is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// The period or the run's days are over.
    Expired,
    /// The campaign has times left, and the law or the organisation's hours allow none of them.
    Unlawful,
    /// The zones the number could be in share no calling hours: its zone has to be given.
    ZonesDisagree,
}

impl From<Shut> for Gate {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Expired => Self::Expire,
            Shut::Unlawful => Self::Block(BlockedReason::Law),
            Shut::ZonesDisagree => Self::Block(BlockedReason::InvalidTimezone),
        }
    }
}

impl Rules {
    /// The zones that count for a contact, with the legal rules that hold for it; none when they cannot be told.
    #[must_use]
    pub fn zones(&self, explicit: Option<&str>, number: &E164) -> Option<Zones> {
        let fallback = (!self.settings.strict_time_zones).then(|| self.hours.zone());
        let zones = Zones::of_contact(explicit, number, fallback).ok()?;
        Some(zones.under(self.hours.bounds().rules(number, explicit)))
    }

    /// The run whose day it is for the candidate; none when its zone cannot be told.
    #[must_use]
    pub fn run_at(&self, candidate: &Candidate, at: Timestamp) -> Option<RunId> {
        let ContactNumber::Valid(number) = &candidate.number else { return None };
        let zones = self.zones(candidate.zone.as_deref(), number.expose())?;
        self.hours.run_at(&zones, at)
    }

    /// The first allowed moment from `earliest` on, and the last moment to start ringing after it.
    ///
    /// # Errors
    /// When there is none.
    pub fn opening(&self, zones: &Zones, earliest: Timestamp) -> Result<(Timestamp, Timestamp), Shut> {
        match self.hours.next(zones, earliest, self.settings.ring_timeout()) {
            Opening::At { from, until } => Ok((from, until)),
            Opening::PeriodOver | Opening::Never if self.own_opening(zones, earliest) => Err(Shut::Unlawful),
            Opening::PeriodOver => Err(Shut::Expired),
            Opening::Never if zones.source() == ZoneSource::Number && zones.as_slice().len() > 1 => {
                Err(Shut::ZonesDisagree)
            }
            Opening::Never => Err(Shut::Expired),
        }
    }

    /// What keeps a contact shut at this moment, if anything of hours does.
    #[must_use]
    pub fn shut(&self, zones: &Zones, at: Timestamp) -> Option<Held> {
        self.hours.shut_by(zones, at).map(Held::from)
    }

    /// What holds a contact until its hours open at `next_at`: of several rules the one that opens last.
    #[must_use]
    pub fn held_until(&self, zones: &Zones, next_at: Timestamp) -> Held {
        let before = next_at - Duration::from_micros(1);
        self.shut(zones, before).unwrap_or(Held::by(DeferReason::OutsideHours))
    }

    /// How far back dials of the same number matter.
    #[must_use]
    pub fn look_back(&self) -> Duration {
        let spacing = Duration::from_secs(60) * self.settings.retry_delay_min;
        let own = self.settings.frequency_cap.map(FrequencyCap::period).unwrap_or_default();
        spacing.max(own).max(self.hours.bounds().look_back())
    }

    fn own_opening(&self, zones: &Zones, earliest: Timestamp) -> bool {
        self.hours.next_of_its_own(zones, earliest, self.settings.ring_timeout()).from().is_some()
    }

    /// Until when other dials of the same number hold this one back.
    fn postponed(&self, at: Timestamp, zones: &Zones, same: &SameNumber) -> Option<(Timestamp, Held)> {
        if same.live {
            return Some((at + BUSY_NUMBER_WAIT, Held::by(DeferReason::NumberBusy)));
        }
        let spacing = Duration::from_secs(60) * self.settings.retry_delay_min;
        if let Some(free) = same.other_ended.map(|ended| ended + spacing).filter(|&free| free > at) {
            return Some((free, Held::by(DeferReason::NumberSpacing)));
        }
        let own = self.settings.frequency_cap.map(|cap| (cap, None));
        let capped = own.into_iter().chain(self.hours.bounds().caps(zones.law())).filter_map(|(cap, rule)| {
            let free = free_again(at, cap, &same.started)?;
            Some((free, Held { why: DeferReason::FrequencyCap, rule }))
        });
        capped.max_by_key(|(free, _)| *free)
    }
}

/// When a cap has room again; none when it has room.
fn free_again(at: Timestamp, cap: FrequencyCap, started: &[Timestamp]) -> Option<Timestamp> {
    let since = at - cap.period();
    let within: Vec<_> = started.iter().filter(|&&started| started > since).collect();
    let over = within.len().checked_sub(cap.dials as usize)?;
    // The dial that has to leave the period before there is room again.
    within.get(over).map(|&&started| started + cap.period())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::law::policy::{Bounds, CallingPolicy};
    use crate::campaign::run::Schedule;
    use crate::campaign::settings::TzMode;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn rules() -> Rules {
        let schedule = Schedule {
            time_zone: "Europe/Berlin".to_owned(),
            period_end: Some(jiff::civil::date(2026, 6, 30)),
            ..Schedule::default()
        };
        Rules {
            state: CampaignState::InProgress,
            settings: Settings::default(),
            hours: CallingHours::new(&schedule, TzMode::ContactLocal).expect("zone exists"),
        }
    }

    fn candidate(number: &str) -> Candidate {
        Candidate {
            number: ContactNumber::Valid(number.parse::<E164>().expect("canonical").into()),
            zone: None,
            suppression: None,
            consent: false,
            callback_at: None,
            dials: 0,
            same_number: SameNumber::default(),
        }
    }

    fn defer(next_at: &str, why: DeferReason) -> Gate {
        Gate::Defer { next_at: at(next_at), held: Held::by(why) }
    }

    const NOON: &str = "2026-06-10T10:00:00Z";

    #[test]
    fn opens_within_the_hours_and_tells_the_last_moment_to_ring() {
        let berlin = candidate("+4930901820");
        assert_eq!(check(at(NOON), &rules(), &berlin), Gate::Open { until: at("2026-06-10T18:59:30Z") });
        assert_eq!(
            check(at("2026-06-10T19:00:00Z"), &rules(), &berlin),
            defer("2026-06-11T06:00:00Z", DeferReason::OutsideHours)
        );
        assert_eq!(check(at("2026-06-30T19:00:00Z"), &rules(), &berlin), Gate::Expire);
    }

    #[test]
    fn blocks_what_time_cannot_mend() {
        let mut contact = candidate("+4930901820");
        contact.number = ContactNumber::Missing;
        assert_eq!(check(at(NOON), &rules(), &contact), Gate::Block(BlockedReason::EmptyPhone));
        contact.number = ContactNumber::Invalid;
        assert_eq!(check(at(NOON), &rules(), &contact), Gate::Block(BlockedReason::InvalidNumber));
        let mut contact = candidate("+4930901820");
        contact.zone = Some("Nowhere/Land".to_owned());
        assert_eq!(check(at(NOON), &rules(), &contact), Gate::Block(BlockedReason::InvalidTimezone));
        contact.suppression = Some(BlockedReason::Dnc);
        assert_eq!(check(at(NOON), &rules(), &contact), Gate::Block(BlockedReason::Dnc));
    }

    #[test]
    fn consent_and_the_price_of_a_number_are_asked_before_the_hours() {
        let night = at("2026-06-10T22:00:00Z");
        let mut rules = rules();
        let mut berlin = candidate("+4930901820");
        rules.settings.require_consent = true;
        assert_eq!(check(night, &rules, &berlin), Gate::Block(BlockedReason::NoConsent));
        berlin.consent = true;
        assert!(matches!(check(night, &rules, &berlin), Gate::Defer { .. }));
        berlin.suppression = Some(BlockedReason::OptedOut);
        assert_eq!(check(night, &rules, &berlin), Gate::Block(BlockedReason::OptedOut), "who said no later");
        let premium = Candidate { consent: true, ..candidate("+499001123456") };
        assert_eq!(check(night, &rules, &premium), Gate::Block(BlockedReason::PremiumNumber));
    }

    #[test]
    fn a_strict_campaign_does_not_assume_its_own_zone() {
        let mut rules = rules();
        let nowhere = candidate("+99912345678");
        assert!(matches!(check(at(NOON), &rules, &nowhere), Gate::Open { .. }));
        rules.settings.strict_time_zones = true;
        assert_eq!(check(at(NOON), &rules, &nowhere), Gate::Block(BlockedReason::InvalidTimezone));
        assert!(matches!(check(at(NOON), &rules, &candidate("+4930901820")), Gate::Open { .. }));
    }

    #[test]
    fn the_same_number_is_never_rung_twice_at_once_nor_at_once_again() {
        let mut contact = candidate("+4930901820");
        contact.same_number.live = true;
        assert_eq!(check(at(NOON), &rules(), &contact), defer("2026-06-10T10:01:00Z", DeferReason::NumberBusy));
        contact.same_number = SameNumber { other_ended: Some(at("2026-06-10T09:57:00Z")), ..SameNumber::default() };
        assert_eq!(check(at(NOON), &rules(), &contact), defer("2026-06-10T10:02:00Z", DeferReason::NumberSpacing));
        contact.same_number.other_ended = Some(at("2026-06-10T09:55:00Z"));
        assert!(matches!(check(at(NOON), &rules(), &contact), Gate::Open { .. }));
    }

    #[test]
    fn the_frequency_cap_waits_for_the_oldest_dial_to_leave_the_period() {
        let mut rules = rules();
        rules.settings.frequency_cap = Some(FrequencyCap { dials: 2, per_hours: 24 });
        let mut contact = candidate("+4930901820");
        contact.same_number.started =
            vec![at("2026-06-09T09:00:00Z"), at("2026-06-09T11:00:00Z"), at("2026-06-09T12:00:00Z")];
        assert_eq!(check(at(NOON), &rules, &contact), defer("2026-06-10T11:00:00Z", DeferReason::FrequencyCap));
        assert!(matches!(check(at("2026-06-10T11:00:00Z"), &rules, &contact), Gate::Open { .. }));
    }

    #[test]
    fn a_callback_lives_for_its_grace() {
        let mut contact = candidate("+4930901820");
        contact.callback_at = Some(at("2026-06-10T09:50:00Z"));
        assert!(matches!(check(at(NOON), &rules(), &contact), Gate::Open { .. }));
        contact.callback_at = Some(at("2026-06-10T09:49:59Z"));
        assert_eq!(check(at(NOON), &rules(), &contact), Gate::CallbackMissed);
        contact.callback_at = Some(at("2026-06-10T18:58:00Z"));
        let closed = at("2026-06-10T19:00:00Z");
        assert_eq!(check(closed, &rules(), &contact), Gate::CallbackMissed, "its last moment today has passed");
        contact.callback_at = Some(at(NOON));
        contact.same_number.live = true;
        let busy = defer("2026-06-10T10:01:00Z", DeferReason::NumberBusy);
        assert_eq!(check(at(NOON), &rules(), &contact), busy, "a minute's wait is within its grace");
    }

    /// The same rules under another policy, for everybody until the end of the year.
    fn under(policy: &CallingPolicy) -> Rules {
        let schedule = Schedule {
            time_zone: "Europe/Berlin".to_owned(),
            period_end: Some(jiff::civil::date(2026, 12, 31)),
            ..Schedule::default()
        };
        let hours = CallingHours::new(&schedule, TzMode::ContactLocal).expect("zone exists");
        Rules { hours: hours.within(Bounds::new(policy, &Settings::default())), ..rules() }
    }

    fn held(gate: Gate) -> (String, String) {
        match gate {
            Gate::Defer { next_at, held } => (held.to_string(), next_at.to_string()),
            Gate::Open { .. } | Gate::Block(_) | Gate::Expire | Gate::CallbackMissed => {
                (format!("{gate:?}"), String::new())
            }
        }
    }

    #[test]
    fn the_law_of_the_number_holds_and_is_named() {
        let rules = under(&CallingPolicy::default());
        let asked = |number: &str, moment: &str| held(check(at(moment), &rules, &candidate(number)));
        let said = |code: &str, next: &str| (code.to_owned(), next.to_owned());
        let paris = "+33140205050";
        assert!(matches!(check(at("2026-06-10T08:00:00Z"), &rules, &candidate(paris)), Gate::Open { .. }));
        assert_eq!(asked(paris, "2026-06-10T07:00:00Z"), said("law:fr-hours", "2026-06-10T08:00:00Z"));
        assert_eq!(asked(paris, "2026-06-10T11:00:00Z"), said("law:fr-hours", "2026-06-10T12:00:00Z"));
        assert_eq!(
            asked(paris, "2026-06-12T18:00:00Z"),
            said("law:fr-hours", "2026-06-15T08:00:00Z"),
            "Friday at eight"
        );
        assert_eq!(asked(paris, "2026-07-14T09:00:00Z"), said("law:fr-hours", "2026-07-15T08:00:00Z"), "a holiday");
        // In Miami the campaign's own hours begin with the law's: the window is what holds.
        assert_eq!(asked("+13055550123", "2026-06-10T11:00:00Z"), said("outside_hours", "2026-06-10T12:00:00Z"));
        assert_eq!(
            asked("+18015550123", "2026-06-14T18:00:00Z"),
            said("outside_hours", "2026-06-15T14:00:00Z"),
            "a Sunday in Utah"
        );
        let none = under(&CallingPolicy { law: std::collections::BTreeSet::new(), ..CallingPolicy::default() });
        assert!(matches!(check(at("2026-07-14T09:00:00Z"), &none, &candidate(paris)), Gate::Open { .. }));
    }

    #[test]
    fn quiet_hours_hold_and_are_named() {
        let quiet = r#"{"quiet_hours": [{"start_min": 720, "end_min": 780}]}"#;
        let rules = under(&serde_json::from_str(quiet).expect("a policy"));
        let berlin = candidate("+4930901820");
        let gate = check(at("2026-06-10T10:30:00Z"), &rules, &berlin);
        assert_eq!(held(gate), ("quiet_hours".to_owned(), "2026-06-10T11:00:00Z".to_owned()));
        let zones = rules.zones(None, &"+4930901820".parse().expect("canonical")).expect("Berlin");
        assert_eq!(
            rules.shut(&zones, at("2026-06-10T10:30:00Z")).map(|held| held.to_string()).as_deref(),
            Some("quiet_hours")
        );
        assert_eq!(rules.shut(&zones, at("2026-06-10T11:00:00Z")), None);
    }

    #[test]
    fn nothing_lawful_left_blocks_and_says_so() {
        let schedule = r#"{"time_zone": "Europe/Paris", "runs": [{"days": {"weekdays": ["sat", "sun"]}}]}"#;
        let schedule: Schedule = serde_json::from_str(schedule).expect("well formed");
        let hours = CallingHours::new(&schedule, TzMode::ContactLocal).expect("zone exists");
        let rules = Rules { hours, ..rules() };
        let saturday = at("2026-06-13T10:00:00Z");
        assert_eq!(check(saturday, &rules, &candidate("+33140205050")), Gate::Block(BlockedReason::Law));
        assert!(matches!(check(saturday, &rules, &candidate("+4930901820")), Gate::Open { .. }));
    }

    #[test]
    fn caps_of_law_and_organisation_hold_besides_the_campaigns() {
        let rules = under(&CallingPolicy::default());
        let mut paris = candidate("+33140205050");
        paris.same_number.started = (1..=4).map(|day| at(&format!("2026-06-0{day}T12:00:00Z"))).collect();
        let gate = check(at("2026-06-10T12:00:00Z"), &rules, &paris);
        assert_eq!(held(gate), ("frequency_cap:fr-hours".to_owned(), "2026-07-01T12:00:00Z".to_owned()));
        assert!(rules.look_back() >= Duration::from_secs(720 * 3600));
        let policy =
            CallingPolicy { frequency_cap: Some(FrequencyCap { dials: 1, per_hours: 48 }), ..CallingPolicy::default() };
        let mut berlin = candidate("+4930901820");
        berlin.same_number.started = vec![at("2026-06-10T09:00:00Z")];
        let gate = check(at(NOON), &under(&policy), &berlin);
        assert_eq!(held(gate), ("frequency_cap".to_owned(), "2026-06-12T09:00:00Z".to_owned()));
        // Nothing is left of the campaign by then.
        berlin.same_number.started = vec![at("2026-12-31T09:00:00Z")];
        let gate = check(at("2026-12-31T10:00:00Z"), &under(&policy), &berlin);
        assert_eq!(gate, Gate::Block(BlockedReason::FrequencyCap));
    }
}
