//! What an organisation sets about calling for all its campaigns, and what follows for one of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::region::Region;
use super::{Callees, Profile, Rule, law};
use crate::campaign::caller_numbers::CallerNumberRules;
use crate::campaign::phone::E164;
use crate::campaign::run::{ContactHours, Day, Slot};
use crate::campaign::settings::{FrequencyCap, SettingFault, Settings};
use crate::campaign::spend::SpendRules;
use crate::campaign::states::BlockedReason;
use crate::campaign::toll;

/// What holds for all campaigns of an organisation, whatever they set themselves. Stored as JSON; absent fields have their
/// default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "law": ["eu", "us"] }))]
pub struct CallingPolicy {
    /// The sets of legal rules that hold. A campaign can add to them, not take away.
    pub law: BTreeSet<Profile>,
    /// The hours in which anybody may be called, on their own clock: 08:00 to 21:00 until the organisation sets its own.
    pub contact_hours: ContactHours,
    /// Times at which nobody is called, on their own clock; at most 20.
    pub quiet_hours: Vec<QuietHours>,
    /// Countries that may be called, ISO 3166-1, two letters; `null` for the country of the number that a campaign calls
    /// from alone. Premium-rate numbers and those of satellite and international networks are refused in any case.
    #[schema(example = json!(["DE", "AT"]))]
    pub allowed_countries: Option<BTreeSet<String>>,
    /// How much the calls of a day may cost; `null` for as much as they do.
    pub spend: Option<SpendRules>,
    /// How many dials of a day one number to call from makes; `null` for as many as there are.
    pub caller_numbers: Option<CallerNumberRules>,
    /// Dials that one number may get in a period, from all campaigns together; `null` for as many as campaigns say.
    pub frequency_cap: Option<FrequencyCap>,
}

impl Default for CallingPolicy {
    fn default() -> Self {
        Self {
            law: BTreeSet::from([Profile::Eu, Profile::Us]),
            contact_hours: ContactHours::default(),
            quiet_hours: Vec::new(),
            allowed_countries: None,
            spend: None,
            caller_numbers: None,
            frequency_cap: None,
        }
    }
}

/// A time at which nobody is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// On which days; every day when it is left out.
    #[serde(default = "every_day")]
    pub days: BTreeSet<Day>,
    /// First minute of the day, 0 to 1439.
    pub start_min: u16,
    /// First minute after, at most 1440.
    pub end_min: u16,
}

fn every_day() -> BTreeSet<Day> {
    Day::ALL.iter().copied().collect()
}

impl CallingPolicy {
    /// Most quiet times.
    pub const MAX_QUIET: usize = 20;

    /// Checks the whole policy.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), Vec<SettingFault>> {
        let mut faults = Vec::new();
        let mut add = |field: String, fault: &str| faults.push(SettingFault { field, fault: fault.to_owned() });
        let ContactHours(Slot { start_min, end_min }) = self.contact_hours;
        if start_min >= end_min || end_min > 24 * 60 {
            add("contact_hours".to_owned(), "must start before it ends, within 0 and 1440 minutes");
        }
        if self.quiet_hours.len() > Self::MAX_QUIET {
            add("quiet_hours".to_owned(), "at most 20 times: join some of them");
        }
        for (index, quiet) in self.quiet_hours.iter().enumerate().take(Self::MAX_QUIET) {
            if quiet.start_min >= quiet.end_min || quiet.end_min > 24 * 60 {
                let fault = "must start before it ends, within 0 and 1440 minutes: cut a night in two at midnight";
                add(format!("quiet_hours.{index}"), fault);
            }
            if quiet.days.is_empty() {
                add(format!("quiet_hours.{index}.days"), "at least one day");
            }
        }
        for code in self.allowed_countries.iter().flatten() {
            if !Region::is_country(code) {
                add("allowed_countries".to_owned(), "expected codes of two capital letters such as DE");
                break;
            }
        }
        if let Some(cap) = self.frequency_cap {
            if !(1..=100).contains(&cap.dials) {
                add("frequency_cap.dials".to_owned(), "must be between 1 and 100");
            }
            if !(1..=744).contains(&cap.per_hours) {
                add("frequency_cap.per_hours".to_owned(), "must be between 1 and 744");
            }
        }
        faults.extend(self.spend.iter().flat_map(SpendRules::faults));
        faults.extend(self.caller_numbers.iter().flat_map(CallerNumberRules::faults));
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// What stands above the schedule of one campaign: its organisation's policy and the law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    policy: CallingPolicy,
    profiles: BTreeSet<Profile>,
    callees: Callees,
    /// The countries that may be called; any without them.
    countries: Option<BTreeSet<String>>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new(&CallingPolicy::default(), &Settings::default())
    }
}

/// The rules that hold for one person.
pub type Rules = Arc<[&'static Rule]>;

impl Bounds {
    /// What a policy means for a campaign with these settings, as far as it does not depend on the number it calls from.
    #[must_use]
    pub fn new(policy: &CallingPolicy, settings: &Settings) -> Self {
        let profiles = policy.law.union(&settings.law).copied().collect();
        Self {
            policy: policy.clone(),
            profiles,
            callees: settings.callees,
            countries: policy.allowed_countries.clone(),
        }
    }

    /// The same for calls from this number: where the policy names no countries, its own is the only one.
    #[must_use]
    pub fn calling_from(self, number: &E164) -> Self {
        let own = || toll::country(number).map(|country| BTreeSet::from([country.to_owned()])).unwrap_or_default();
        Self { countries: Some(self.countries.unwrap_or_else(own)), ..self }
    }

    /// Why a number is not to be called whoever it belongs to, if it is not.
    #[must_use]
    pub fn refuses(&self, number: &E164) -> Option<BlockedReason> {
        let foreign = || self.countries.as_ref().is_some_and(|countries| !toll::allowed(number, countries));
        toll::refused(number).or_else(|| foreign().then_some(BlockedReason::CountryNotAllowed))
    }

    /// The rules that hold for somebody with this number, whose zone was given if it was.
    #[must_use]
    pub fn rules(&self, number: &E164, zone: Option<&str>) -> Rules {
        let regions = self.regions(number, zone);
        law().of(&regions, &self.profiles, self.callees).collect()
    }

    /// Where somebody is, as far as the law asks: where the number belongs to, and in the USA also the state of the given
    /// zone, because numbers move with their owners.
    #[must_use]
    pub fn regions(&self, number: &E164, zone: Option<&str>) -> Vec<Region> {
        let by_number = Region::of_number(number);
        let american = by_number.is_some_and(|region| region.country() == "US") || number.digits().starts_with('1');
        let by_zone = zone.and_then(Region::of_zone).filter(|region| american && Some(*region) != by_number);
        by_number.into_iter().chain(by_zone).collect()
    }

    /// The caps on dials to one number that stand above the campaign's: the organisation's, then those of the rules with
    /// their names.
    pub fn caps<'a>(
        &'a self,
        rules: &'a [&'static Rule],
    ) -> impl Iterator<Item = (FrequencyCap, Option<&'static str>)> + 'a {
        let by_law = rules.iter().filter_map(|rule| rule.cap.map(|cap| (cap, Some(rule.id.as_str()))));
        self.policy.frequency_cap.map(|cap| (cap, None)).into_iter().chain(by_law)
    }

    /// How much calls may cost in a day, where that has an end.
    #[must_use]
    pub const fn spend(&self) -> Option<&SpendRules> {
        self.policy.spend.as_ref()
    }

    /// How many dials of a day a number to call from makes, where that has an end.
    #[must_use]
    pub const fn caller_numbers(&self) -> Option<&CallerNumberRules> {
        self.policy.caller_numbers.as_ref()
    }

    /// How far back dials of a number can matter.
    #[must_use]
    pub fn look_back(&self) -> Duration {
        let by_law =
            law().rules().iter().filter(|rule| self.profiles.contains(&rule.profile)).filter_map(|rule| rule.cap);
        self.policy.frequency_cap.into_iter().chain(by_law).map(FrequencyCap::period).max().unwrap_or_default()
    }

    /// What the organisation's hours leave of a day's times.
    pub fn quieten(&self, slots: &mut Vec<Slot>, day: Date) {
        let ContactHours(hours) = self.policy.contact_hours;
        intersect(slots, &[hours]);
        let weekday = Day::of(day);
        for quiet in self.policy.quiet_hours.iter().filter(|quiet| quiet.days.contains(&weekday)) {
            let before = Slot { start_min: 0, end_min: quiet.start_min };
            let after = Slot { start_min: quiet.end_min, end_min: 24 * 60 };
            intersect(slots, &[before, after]);
        }
    }
}

/// Leaves of `slots` what lies within one of `others`; both in order, and so is what is left.
pub fn intersect(slots: &mut Vec<Slot>, others: &[Slot]) {
    let both = slots.iter().flat_map(|slot| others.iter().filter_map(|other| slot.intersection(*other))).collect();
    *slots = both;
}
