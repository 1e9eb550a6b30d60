//! The campaigns a node knows, and whose turn it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::dialer::pacing::{Limited, Scope};
use crate::id::{CampaignId, OrgId, TrunkId};
use crate::time::Now;

/// A campaign in progress, as far as the engine has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignInfo {
    /// Which.
    pub campaign: CampaignId,
    /// Whose.
    pub org: OrgId,
    /// The trunks it dials over, in the order in which it turns to them.
    pub trunks: Vec<TrunkId>,
    /// Its share of a common limit: its `max_concurrent_calls`.
    pub weight: u32,
    /// When its period ends.
    pub period_end: Option<Timestamp>,
}

/// One campaign's entry.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) info: CampaignInfo,
    /// What it was served so far, divided by its weight. The smallest is served next.
    served: u64,
    /// Whether its ready queue may hold somebody.
    pub(super) maybe_ready: bool,
    /// Somebody may have become ready since its last claim was asked for: that claim may have come too early for them.
    pub(super) crossed: bool,
    /// When a claim last found nobody.
    pub(super) emptied: Option<Instant>,
    /// How many were promoted and not yet claimed, roughly: keeps the promoter from running far ahead.
    pub(super) ready_guess: u32,
    /// Until when a limit holds it.
    hold: Option<Hold>,
    /// Until when it leaves its trunk alone, whatever the limits say.
    back_off: Option<Instant>,
    /// Dials in a row that were claimed and not sent, each claimed after the one before had come back.
    unsent: u32,
    /// When the last of them came back.
    unsent_at: Option<Instant>,
    /// When to promote next.
    pub(super) promote_at: Option<Timestamp>,
    /// When somebody may be due who goes before those that are ready.
    pub(super) hurry_at: Option<Timestamp>,
    /// When that was last looked for.
    pub(super) hurried: Option<Instant>,
    /// Whether anything is still waited for, as the last promotion found. Unknown until then.
    pub(super) open: bool,
    /// Whether the period's end was dealt with.
    pub(super) expired: bool,
    /// Claims and calls of this node.
    pub(super) busy: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Until(Instant),
    /// Until a live call of the scope ends, or until then: news of its end can be lost.
    Room(Instant),
}

/// All entries.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: BTreeMap<CampaignId, Entry>,
    /// What the entry served last had been served: whoever comes back from idling starts there, so that nobody saves
    /// up turns.
    floor: u64,
}

/// Dials in a row that may come back unsent before the campaign pauses.
const PATIENCE: u32 = 3;
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One turn at weight 1.
const TURN: u64 = 1 << 20;

impl Book {
    pub(super) fn get_mut(&mut self, campaign: CampaignId) -> Option<&mut Entry> {
        self.entries.get_mut(&campaign)
    }

    pub(super) fn get(&self, campaign: CampaignId) -> Option<&Entry> {
        self.entries.get(&campaign)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(super) fn remove(&mut self, campaign: CampaignId) {
        self.entries.remove(&campaign);
    }

    /// Takes the complete list of campaigns in progress.
    pub(super) fn replace(&mut self, now: Now, campaigns: Vec<CampaignInfo>, busy: impl Fn(CampaignId) -> u32) {
        let mut old = std::mem::take(&mut self.entries);
        for info in campaigns {
            let mut entry = old.remove(&info.campaign).unwrap_or_else(|| Entry {
                info: info.clone(),
                served: self.floor,
                maybe_ready: true,
                crossed: false,
                emptied: None,
                ready_guess: 0,
                hold: None,
                back_off: None,
                unsent: 0,
                unsent_at: None,
                promote_at: Some(now.wall),
                hurry_at: None,
                hurried: None,
                open: true,
                expired: false,
                busy: busy(info.campaign),
            });
            entry.expired &= entry.info.period_end == info.period_end;
            entry.info = info;
            // Whatever changed about it may have made room, or somebody due.
            entry.hold = None;
            entry.due(now.wall);
            self.entries.insert(entry.info.campaign, entry);
        }
    }

    /// The campaign to claim for next: the one served least among those that may have somebody ready and are not held.
    pub(super) fn next(&self, now: Instant) -> Option<CampaignId> {
        self.entries
            .values()
            .filter(|entry| entry.maybe_ready && !entry.is_held(now))
            .min_by_key(|entry| (entry.served, entry.info.campaign))
            .map(|entry| entry.info.campaign)
    }

    /// Whether nobody else could be claimed for.
    pub(super) fn is_alone(&self, now: Instant, campaign: CampaignId) -> bool {
        let waits = |entry: &Entry| entry.maybe_ready && !entry.is_held(now) && entry.info.campaign != campaign;
        !self.entries.values().any(waits)
    }

    /// Charges a campaign for one dial.
    pub(super) fn charge(&mut self, campaign: CampaignId) {
        if let Some(entry) = self.entries.get_mut(&campaign) {
            self.floor = self.floor.max(entry.served);
            entry.served += TURN / u64::from(entry.info.weight.max(1));
            entry.ready_guess = entry.ready_guess.saturating_sub(1);
        }
    }

    /// Somebody may be ready again.
    pub(super) fn awaken(&mut self, campaign: CampaignId) {
        if let Some(entry) = self.entries.get_mut(&campaign) {
            entry.crossed = true;
            if !entry.maybe_ready {
                entry.maybe_ready = true;
                entry.served = entry.served.max(self.floor);
            }
        }
    }

    /// Holds everybody whom a limit holds that was found while claiming for `campaign`; for `recheck` at most where nobody
    /// knows until when.
    pub(super) fn hold(&mut self, now: Now, campaign: CampaignId, limited: Limited, recheck: Duration) {
        let Some(info) = self.entries.get(&campaign).map(|entry| entry.info.clone()) else { return };
        let hold = match limited.until {
            // A call that ends gives back what it had reserved, and a dial that was not placed does not count.
            Some(until) if matches!(limited.scope, Scope::Spend | Scope::CallerDay) => {
                Hold::Room(now.mono + until_wall(now, until))
            }
            Some(until) => Hold::Until(now.mono + until_wall(now, until)),
            None => Hold::Room(now.mono + recheck),
        };
        for entry in self.entries.values_mut() {
            let shares = match limited.scope {
                Scope::Organisation => entry.info.org == info.org,
                // Who has other trunks as well may find room there.
                Scope::Trunk => entry.info.trunks == info.trunks,
                Scope::Campaign | Scope::CallerId | Scope::CallerDay | Scope::Spend | Scope::Providers => {
                    entry.info.campaign == info.campaign
                }
                Scope::Node => true,
            };
            if shares {
                entry.hold = Some(hold);
            }
        }
    }

    /// Leaves trunks alone: nobody who has no other claims before `until`.
    pub(super) fn back_off(&mut self, trunks: &[TrunkId], until: Instant) {
        let left = |entry: &&mut Entry| entry.info.trunks.iter().all(|trunk| trunks.contains(trunk));
        for entry in self.entries.values_mut().filter(left) {
            entry.back_off = entry.back_off.max(Some(until));
        }
    }

    /// A dial was claimed and not sent. When that goes on, something is wrong that claiming again does not mend: the
    /// campaign waits longer each time.
    ///
    /// What was on its way together and was late together counts once: a machine that stood still for a moment has made
    /// one mistake, however fast the campaign is.
    pub(super) fn not_sent(&mut self, now: Instant, campaign: CampaignId, claimed: Instant) {
        if let Some(entry) = self.entries.get_mut(&campaign)
            && entry.unsent_at.is_none_or(|before| claimed >= before)
        {
            entry.unsent += 1;
            entry.unsent_at = Some(now);
            if let Some(beyond) = entry.unsent.checked_sub(PATIENCE) {
                let pause = Duration::from_secs(1 << beyond.min(5)).min(LONGEST_PAUSE);
                entry.back_off = entry.back_off.max(Some(now + pause));
            }
        }
    }

    /// A dial was sent.
    pub(super) fn sent(&mut self, campaign: CampaignId) {
        if let Some(entry) = self.entries.get_mut(&campaign) {
            entry.unsent = 0;
        }
    }

    /// A call ended somewhere: full scopes may have room.
    pub(super) fn make_room(&mut self) {
        for entry in self.entries.values_mut() {
            if matches!(entry.hold, Some(Hold::Room(_))) {
                entry.hold = None;
            }
        }
    }
}

impl Entry {
    fn is_held(&self, now: Instant) -> bool {
        let limited = match self.hold {
            Some(Hold::Until(until) | Hold::Room(until)) => until > now,
            None => false,
        };
        limited || self.back_off.is_some_and(|until| until > now)
    }

    /// When a hold ends by itself, for an entry that waits for it.
    pub(super) fn held_until(&self) -> Option<Instant> {
        let limited = match self.hold {
            Some(Hold::Until(until) | Hold::Room(until)) => Some(until),
            None => None,
        };
        limited.max(self.back_off).filter(|_| self.maybe_ready)
    }

    /// Asks for a promotion at `at` or earlier.
    pub(super) fn due(&mut self, at: Timestamp) {
        self.promote_at = Some(self.promote_at.map_or(at, |earlier| earlier.min(at)));
        self.hurry_at = Some(self.hurry_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Whether so few are ready that more are promoted as they fall due; otherwise only urgent ones are.
    pub(super) fn is_low(&self, batch: u32) -> bool {
        self.ready_guess < batch / 2 || !self.maybe_ready
    }

    /// When to look for urgent targets, no sooner than `pause` after the last look.
    pub(super) fn hurries_at(&self, now: Now, pause: Duration) -> Option<Instant> {
        let at = now.mono + until_wall(now, self.hurry_at?);
        Some(self.hurried.map_or(at, |last| at.max(last + pause)))
    }
}

/// Time from `now` until a moment on the wall.
pub(super) fn until_wall(now: Now, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now.wall)).unwrap_or(Duration::ZERO)
}
