//! Filling the tables: campaigns, their trunks and rounds, contacts and what is known of their numbers.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::queue::Waiting;
use super::{Attempt, Campaign, Ledger, Scale, Target};
use crate::campaign::phone::E164;
use crate::campaign::rounds::Opened;
use crate::campaign::run::Schedule;
use crate::campaign::states::{AttemptState, TargetState};
use crate::dialer::engine::CampaignInfo;
use crate::dialer::gate::Rules;
use crate::dialer::share::Shares;
use crate::id::{CampaignId, RunId};

impl Ledger {
    /// Adds a campaign over one trunk; its position.
    pub fn add_campaign(&mut self, rules: Rules, trunk: usize) -> usize {
        let index = self.campaigns.len();
        let info = CampaignInfo {
            campaign: CampaignId::from_u128(100 + index as u128),
            org: self.org,
            trunks: vec![self.trunks[trunk].id],
            weight: rules.settings.max_concurrent_calls,
            period_end: rules.hours.period_end(),
        };
        self.campaigns.push(Campaign {
            info,
            rules,
            trunk,
            levels: vec![vec![(trunk, 1)]],
            shares: Shares::default(),
            caller_id: trunk,
            scale: Scale::WHOLE,
            schedule: Schedule::default(),
            started: Timestamp::UNIX_EPOCH,
            opened: Vec::new(),
            swept: 1,
            waiting: Waiting::default(),
            ready: BTreeSet::new(),
            callbacks: BTreeSet::new(),
            held: BTreeSet::new(),
            failed: BTreeSet::new(),
            members: Vec::new(),
        });
        index
    }

    /// Lets the campaign's runs open rounds.
    pub fn with_rounds(&mut self, campaign: usize, mut schedule: Schedule, started: Timestamp) {
        let mut next = 0;
        schedule.name_runs(None, || {
            next += 1;
            RunId::from_u128(next)
        });
        self.campaigns[campaign].schedule = schedule;
        self.campaigns[campaign].started = started;
    }

    /// Gives a campaign the rounds that were opened before.
    pub fn with_history(&mut self, campaign: usize, schedule: Schedule, started: Timestamp, opened: Vec<Opened>) {
        let entry = &mut self.campaigns[campaign];
        (entry.schedule, entry.started, entry.opened) = (schedule, started, opened);
    }

    /// Lets each contact of a campaign stand for several.
    pub fn set_scale(&mut self, campaign: usize, scale: Scale) {
        let entry = &mut self.campaigns[campaign];
        entry.scale = scale;
        // One turn is as much as its dials: a campaign of which a part is simulated has fewer of them.
        let weight = f64::from(entry.rules.settings.max_concurrent_calls) * 1000.0 / scale.dials;
        entry.info.weight = (weight as u32).max(1);
    }

    /// Gives a campaign trunks with weights, those of one priority together, the first priority first.
    pub fn with_trunks(&mut self, campaign: usize, levels: Vec<Vec<(usize, u32)>>) {
        let entry = &mut self.campaigns[campaign];
        entry.info.trunks = levels.iter().flatten().map(|&(trunk, _)| self.trunks[trunk].id).collect();
        entry.levels = levels;
    }

    /// Remembers dials of a number, oldest first: caps count them.
    pub fn remember(&mut self, number: E164, dials: Vec<Timestamp>) {
        self.starts_on_number.insert(number, dials);
    }

    /// Knows of a number of a contact that a carrier said there is none.
    pub fn mark_invalid(&mut self, contact: usize, number: E164) {
        self.invalid.insert((contact, number));
    }

    /// Puts a contact into a campaign as it is. One that is in a call has been since `began`.
    pub fn restore(&mut self, target: Target, began: Timestamp) -> usize {
        let (index, campaign) = (self.targets.len(), target.campaign);
        let (state, round, dial_no) = (target.state, target.round, target.dials);
        let number = self.number_at(target.contact, target.number).clone();
        let callback = target.callback_at.is_some() || target.late;
        self.targets.push(target);
        self.campaigns[campaign].members.push(index);
        self.enter(index);
        if state == TargetState::InProgress {
            let trunk = self.campaigns[campaign].trunk;
            let id = self.attempts.push(Attempt {
                target: index,
                trunk,
                round,
                callback,
                number,
                dial_no,
                state: AttemptState::Dialing,
                node: 0,
                send_at: began,
                claimed_at: began,
                lease_until: began,
                committed_at: Some(began),
                reason: None,
                ends: 0,
                cost: None,
            });
            self.take(id);
        }
        index
    }

    /// Puts a contact into a campaign, due at `at`.
    pub fn add_target(&mut self, campaign: usize, contact: usize, at: Timestamp) {
        let place = i64::try_from(self.targets.len()).expect("few");
        let target = Target {
            campaign,
            contact,
            state: TargetState::Waiting,
            blocked: None,
            next_at: at,
            round: 1,
            dials: 0,
            ends: Vec::new(),
            callback_at: None,
            hold: None,
            answered: false,
            last_ended: None,
            last_reason: None,
            late: false,
            priority: 0,
            rank: 0,
            place,
            listed: true,
            turn: 0,
            run_seq: 1,
            number: 0,
        };
        self.restore(target, at);
    }
}
