//! What people, machines and weather do.

use std::time::Duration;

use callwright::campaign::phone::E164;
use callwright::campaign::states::{BlockedReason, CampaignState};
use callwright::campaign::target::TargetEvent;
use callwright::campaign::transition::CampaignEvent;
use callwright::dialer::engine::{Input, Notice};
use callwright::id::AttemptId;

use super::{Event, World};

/// Something from outside.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    Change {
        campaign: usize,
        event: CampaignEvent,
    },
    TrunkTrouble {
        trunk: usize,
        seconds: u64,
    },
    Crash {
        host: usize,
    },
    Boot {
        host: usize,
    },
    /// The process stands still; clocks go on.
    Freeze {
        host: usize,
        millis: u64,
    },
    /// The machine sleeps: its monotonic clock stands still as well.
    Sleep {
        host: usize,
        millis: u64,
    },
    /// The host's wall clock is set by somebody.
    Jump {
        host: usize,
        millis: i64,
    },
    /// The store answers nobody.
    StoreDown {
        millis: u64,
    },
    /// Transactions wait.
    StoreStalls {
        millis: u64,
    },
    /// A host loses its connection to the store; of what was under way nobody knows whether it happened.
    Sever {
        host: usize,
        millis: u64,
    },
    /// The store takes back the host's next transactions.
    FailCommits {
        host: usize,
        count: u32,
    },
    /// No packet comes through.
    NetworkDown {
        millis: u64,
    },
    Suppress {
        contact: usize,
    },
    /// A person does something to a contact of a campaign.
    Act {
        target: usize,
        event: TargetEvent,
    },
    /// Something strikes right after the host's next step of this kind.
    Ambush {
        host: usize,
        step: Step,
        blow: Blow,
    },
}

/// What strikes between two steps of a dial.
#[derive(Clone, Copy, Debug)]
pub enum Blow {
    /// The process is killed, and started again later.
    Crash,
    /// The process stands still.
    Freeze { millis: u64 },
    /// The machine sleeps.
    Sleep { millis: u64 },
    /// The connection to the store is lost.
    Sever { millis: u64 },
    /// A person pauses the campaign, and lets it go on a minute later.
    Pause,
    /// The number is put on the suppression list.
    Suppress,
}

/// The steps of a dial, between which everything can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Claimed,
    Committed,
    Placed,
    Sent,
}

impl World {
    pub(super) fn befall(&mut self, fate: Fate) {
        match fate {
            Fate::Change { campaign, event } => self.change(campaign, event),
            Fate::TrunkTrouble { trunk, seconds } => self.trouble_until[trunk] = self.at + seconds * 1_000_000,
            Fate::Crash { host } => {
                let entry = &mut self.hosts[host];
                entry.up = false;
                entry.life += 1;
                entry.legs.clear();
                entry.begun.clear();
            }
            Fate::Boot { host } => {
                if !self.hosts[host].up {
                    self.boot(host);
                }
            }
            Fate::Freeze { host, millis } => self.freeze(host, millis),
            Fate::Sleep { host, millis } => {
                // One that stands still already sleeps for what that is longer.
                let began = self.hosts[host].frozen_until.max(self.at);
                self.freeze(host, millis);
                self.hosts[host].slept += self.hosts[host].frozen_until.saturating_sub(began);
            }
            Fate::Jump { host, millis } => {
                let entry = &mut self.hosts[host];
                entry.wall_off += millis * 1000;
                // Until the clock is compared with the store's again.
                entry.clock_off_until = u64::MAX;
            }
            Fate::StoreDown { millis } => {
                self.store_down_until = self.at + millis * 1000;
                self.disturb_all(self.store_down_until);
            }
            Fate::StoreStalls { millis } => {
                self.stalled_until = self.at + millis * 1000;
                self.disturb_all(self.stalled_until);
            }
            Fate::Sever { host, millis } => {
                let until = self.at + millis * 1000;
                let entry = &mut self.hosts[host];
                entry.severed_until = until;
                entry.disturbed_until = entry.disturbed_until.max(until + 1_000_000);
                // Who listens again does not know what was said meanwhile.
                let (life, input) = (entry.life, Input::Notice(Notice::Campaigns));
                self.schedule(Duration::from_millis(millis + 5), Event::Deliver { host, life, input });
            }
            Fate::FailCommits { host, count } => self.hosts[host].commits_to_fail = count,
            Fate::NetworkDown { millis } => self.network_down_until = self.at + millis * 1000,
            Fate::Act { target, event } => self.act(target, event),
            Fate::Ambush { host, step, blow } => self.hosts[host].ambush = Some((step, blow)),
            Fate::Suppress { contact } => {
                let first: E164 = self.ledger.contacts[contact].number.clone();
                let further = self.ledger.further.get(&contact).cloned().unwrap_or_default();
                // All their numbers, or the first alone: every second contact.
                let count = if contact % 2 == 0 { 1 } else { 1 + further.len() };
                for number in std::iter::once(first).chain(further).take(count) {
                    self.check.suppress(&number, self.now().wall);
                    self.ledger.suppressed.insert(number, BlockedReason::Dnc);
                }
            }
        }
    }

    fn change(&mut self, campaign: usize, event: CampaignEvent) {
        let state = self.ledger.campaigns[campaign].rules.state;
        let Ok(next) = event.apply(state) else { return };
        self.ledger.campaigns[campaign].rules.state = next;
        let stopped = (next != CampaignState::InProgress).then(|| self.now().wall);
        self.check.campaigns[campaign].stopped = stopped;
        if stopped.is_some() {
            self.notify(Notice::Halt(self.ledger.campaigns[campaign].info.campaign));
        }
        self.notify(Notice::Campaigns);
    }

    fn act(&mut self, target: usize, event: TargetEvent) {
        let now = self.now().wall;
        if self.ledger.act(target, event, now) {
            if event == TargetEvent::Restart {
                self.check.restarted(target);
            }
            let campaign = self.ledger.campaigns[self.ledger.targets[target].campaign].info.campaign;
            self.notify(Notice::Targets(campaign));
        }
    }

    fn freeze(&mut self, host: usize, millis: u64) {
        let until = self.at + millis * 1000;
        let entry = &mut self.hosts[host];
        entry.frozen_until = entry.frozen_until.max(until);
        entry.disturbed_until = entry.disturbed_until.max(until);
    }

    fn disturb_all(&mut self, until: u64) {
        for host in &mut self.hosts {
            host.disturbed_until = host.disturbed_until.max(until + 1_000_000);
        }
    }

    /// A dial of the host has come to `step`.
    pub(super) fn reached(&mut self, host: usize, step: Step, attempt: AttemptId) {
        let Some((_, blow)) = self.hosts[host].ambush.filter(|&(wanted, _)| wanted == step) else { return };
        self.hosts[host].ambush = None;
        let target = &self.ledger.targets[self.ledger.attempts[attempt].target];
        let (campaign, contact) = (target.campaign, target.contact);
        match blow {
            Blow::Crash => {
                self.befall(Fate::Crash { host });
                self.schedule(Duration::from_secs(20), Event::Fate(Fate::Boot { host }));
            }
            Blow::Freeze { millis } => self.befall(Fate::Freeze { host, millis }),
            Blow::Sleep { millis } => self.befall(Fate::Sleep { host, millis }),
            Blow::Sever { millis } => self.befall(Fate::Sever { host, millis }),
            Blow::Pause => {
                self.befall(Fate::Change { campaign, event: CampaignEvent::Pause });
                let resume = Fate::Change { campaign, event: CampaignEvent::Resume };
                self.schedule(Duration::from_secs(60), Event::Fate(resume));
            }
            Blow::Suppress => self.befall(Fate::Suppress { contact }),
        }
    }
}
