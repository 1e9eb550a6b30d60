//! What must hold of the INVITEs that were seen.

use std::collections::BTreeMap;

use callwright::id::CampaignId;

use crate::run::{Dialed, Plan, Race};

/// How much is asked for.
pub(crate) struct Promise {
    /// Seconds after its reserved moment within which an INVITE arrives…
    late: f64,
    /// …of so many in a hundred.
    share: f64,
    /// Whether as many dials have to be made as the rate allows.
    fast: bool,
    /// Seconds' worth of dials that may arrive in a heap: the carrier was not running meanwhile.
    heaped: f64,
    /// Seconds after a pause or a stop was answered in which an INVITE may still come.
    pause: f64,
    /// How far a campaign's part of the dials may be from its fair share.
    unfair: f64,
}

impl Promise {
    /// Everything: the machine is quiet.
    pub(crate) const WHOLE: Self = Self { late: 0.05, share: 100.0, fast: true, heaped: 0.0, pause: 0.1, unfair: 0.02 };
    /// What holds on a busy machine: the server takes back what it cannot send in time, so that a late arrival is the
    /// carrier's own lateness, and some sixty dials are left of whose shares a seventh is chance.
    pub(crate) const SAFE: Self = Self { late: 1.0, share: 98.0, fast: false, heaped: 1.0, pause: 1.5, unfair: 0.15 };
}

/// Seconds at the beginning that do not count for the lower bound: the first promotion and claims.
const WARM_UP: f64 = 2.0;

impl Race {
    /// What does not hold.
    pub(crate) fn faults(&self, plan: &Plan, promise: &Promise) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                faults.push(what);
            }
        };
        check(self.strangers == 0, format!("{} INVITEs belong to no leg on disk", self.strangers));
        let first = self.of(0);
        check(first.len() > 10, format!("only {} dials", first.len()));
        for (number, calls) in self.twice() {
            check(false, format!("{number} was dialed {calls} times over one trunk"));
        }
        let late = self.dialed.iter().filter(|dialed| dialed.lateness() > promise.late).count();
        let allowed = self.dialed.len() as f64 * (100.0 - promise.share) / 100.0;
        check(late as f64 <= allowed, format!("{late} INVITEs came more than {} s late", promise.late));
        let early = self.dialed.iter().filter(|dialed| dialed.lateness() < -0.005).count();
        check(early == 0, format!("{early} INVITEs came before their moment"));
        for dialed in &first {
            let invites = if plan.challenge { 2 } else { 1 };
            check(dialed.invites == invites, format!("{} INVITEs of one leg to {}", dialed.invites, dialed.to));
        }
        self.check_failover(plan, &mut check);
        let (most, least) = self.minutes(plan);
        let slack = slack(plan);
        let full = f64::from(plan.calls_per_minute);
        let heap = promise.heaped * full / stretch(plan);
        check(most <= full + slack + heap, format!("{most} dials a minute, {full} are set"));
        let after = self.dialed.iter().filter(|dialed| dialed.arrived > self.paused + promise.pause).count();
        check(after == 0, format!("{after} INVITEs more than {} s after the answer to {:?}", promise.pause, plan.halt));
        if promise.fast {
            check(least >= full - slack, format!("only {least} dials in a minute, {full} are set"));
        }
        for (campaign, share) in self.shares() {
            let fair = 1.0 / plan.campaigns as f64;
            let off = (share - fair).abs();
            check(off <= promise.unfair, format!("{campaign} had {:.1} % of the dials", share * 100.0));
        }
        faults
    }

    /// A dial that failed went on over the other trunk, and no other did.
    fn check_failover(&self, plan: &Plan, check: &mut impl FnMut(bool, String)) {
        let failed: Vec<_> = self.of(0).into_iter().filter(|dialed| dialed.status == Some(500)).collect();
        let second: BTreeMap<_, _> = self.of(1).into_iter().map(|dialed| (dialed.attempt, dialed)).collect();
        check(plan.failing.is_none() || !failed.is_empty(), "no dial failed".to_owned());
        for dialed in &failed {
            let went_on = second.get(&dialed.attempt);
            // The last ones may have been stopped by the pause.
            let near_the_end = self.dialed.last().is_some_and(|last| dialed.arrived > last.arrived - 2.5);
            check(went_on.is_some() || near_the_end, format!("the dial to {} went no further", dialed.to));
        }
        for dialed in second.values() {
            let why = failed.iter().any(|before| before.attempt == dialed.attempt && before.arrived < dialed.arrived);
            check(why, format!("{} was dialed over the second trunk without reason", dialed.to));
        }
    }

    /// Dials of the first trunk in the fullest and in the emptiest stretch, as dials a minute.
    fn minutes(&self, plan: &Plan) -> (f64, f64) {
        let times: Vec<f64> = self.of(0).iter().map(|dialed| dialed.arrived).collect();
        let (Some(&begin), Some(&end)) = (times.first(), times.last()) else { return (0.0, 0.0) };
        let stretch = stretch(plan);
        let scale = 60.0 / stretch;
        let count = |from: f64| times.iter().filter(|&&time| time >= from && time < from + stretch).count() as f64;
        // A stretch that begins just at a dial holds one more than its length says.
        let most = times.iter().map(|&time| (count(time) - 1.0) * scale).fold(0.0, f64::max);
        let whole = times.iter().filter(|&&time| time >= begin + WARM_UP && time + stretch <= end);
        let least = whole.map(|&time| count(time) * scale).fold(f64::INFINITY, f64::min);
        (most, least)
    }

    /// Each campaign's share of the first trunk's dials, from the moment on at which all of them dial: they are started
    /// one after the other, and nobody is owed what was dialed before they came.
    fn shares(&self) -> BTreeMap<CampaignId, f64> {
        let begun = self.begun();
        let all = begun.values().copied().fold(0.0, f64::max);
        let common: Vec<_> = self.of(0).into_iter().filter(|dialed| dialed.arrived >= all).collect();
        let share = |campaign| {
            let own = common.iter().filter(|dialed| dialed.campaign == campaign).count();
            own as f64 / common.len() as f64
        };
        begun.into_keys().map(|campaign| (campaign, share(campaign))).collect()
    }

    /// When each campaign's first dial arrived over the first trunk, seconds since 1970 UTC.
    fn begun(&self) -> BTreeMap<CampaignId, f64> {
        let mut begun = BTreeMap::new();
        for dialed in self.of(0) {
            begun.entry(dialed.campaign).or_insert(dialed.arrived);
        }
        begun
    }

    /// Numbers that one carrier saw under several Call-IDs.
    fn twice(&self) -> BTreeMap<&str, usize> {
        let mut calls: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for dialed in &self.dialed {
            *calls.entry((dialed.carrier, dialed.to.as_str())).or_default() += 1;
        }
        calls.into_iter().filter(|(_, calls)| *calls > 1).map(|((_, number), calls)| (number, calls)).collect()
    }

    fn of(&self, carrier: usize) -> Vec<&Dialed> {
        self.dialed.iter().filter(|dialed| dialed.carrier == carrier).collect()
    }

    /// One line of figures.
    pub(crate) fn figures(&self, plan: &Plan) -> String {
        let mut late: Vec<f64> = self.dialed.iter().map(Dialed::lateness).collect();
        late.sort_by(f64::total_cmp);
        let at = |percent: usize| late.get((late.len().max(1) - 1) * percent / 100).copied().unwrap_or(0.0) * 1e3;
        let (most, least) = self.minutes(plan);
        let begun = self.begun();
        format!(
            "{}: {} dials over the first trunk, {} over the second; {least:.1} to {most:.1} a minute of {}; INVITEs after \
             their moment p50 {:.1} p99 {:.1} max {:.1} ms; shares {:?}, begun {:.1} s apart; the last INVITE {:.0} ms after \
             the answer to {:?}",
            plan.name,
            self.of(0).len(),
            self.of(1).len(),
            plan.calls_per_minute,
            at(50),
            at(99),
            at(100),
            self.shares().values().map(|share| (share * 1000.0).round() / 10.0).collect::<Vec<_>>(),
            begun.values().copied().fold(f64::NEG_INFINITY, f64::max)
                - begun.values().copied().fold(f64::INFINITY, f64::min),
            self.dialed.last().map_or(f64::NAN, |last| (last.arrived - self.paused) * 1e3),
            plan.halt,
        )
    }
}

impl Dialed {
    fn lateness(&self) -> f64 {
        self.arrived - self.reserved
    }
}

/// One call or one in a hundred; a shorter stretch than a minute is bounded by calls, not by shares of one.
fn slack(plan: &Plan) -> f64 {
    let minute = (f64::from(plan.calls_per_minute) / 100.0).max(1.0);
    // What may be caught up in it: one interval, and half a one of lateness at each end.
    minute.max(2.0 * 60.0 / stretch(plan))
}

/// Seconds over which dials are counted: a minute, or what a shorter run leaves of its middle.
fn stretch(plan: &Plan) -> f64 {
    (f64::from(plan.seconds) - 1.5 * WARM_UP).clamp(1.0, 60.0)
}
