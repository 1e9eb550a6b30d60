//! One future: the engine against the ledger, in virtual time, with calls drawn from experience.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use jiff::Timestamp;

use super::experience::Sample;
use super::ledger::{Ledger, Node};
use super::{Holding, Hour, Plan, Stopped, Unreached};
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::month::next_month;
use crate::campaign::states::TargetState;
use crate::dialer::engine::{Action, ClaimResult, Config, Engine, Input, Notice};
use crate::dialer::pacing::{Limited, Scope};
use crate::dialer::retry::End;
use crate::id::AttemptId;
use crate::time::Now;

/// What one future came to, for one campaign.
#[derive(Clone, Debug, Default)]
pub(super) struct Future {
    /// When the last of its calls is over and nobody is left to dial; none beyond the horizon.
    pub(super) done: Option<Timestamp>,
    /// Minutes of calls that are answered before the month is over in which the forecast is made.
    pub(super) minutes_this_month: f64,
    pub(super) hours: BTreeMap<i64, Hour>,
    pub(super) unreached: BTreeMap<Unreached, f64>,
}

/// The only node.
const NODE: Node = 1;
/// Nobody looks further ahead.
const HORIZON: Duration = Duration::from_secs(400 * 86_400);
/// Draws for a call that is under way until one lasts that long.
const REDRAWS: u32 = 50;
/// Steps after which somebody is asked whether to go on.
const STRIDE: u64 = 4096;

struct Run<'a> {
    plan: &'a Plan,
    ledger: Ledger,
    engine: Engine,
    now: Now,
    choices: u64,
    /// Calls by their ends.
    calls: BinaryHeap<Reverse<(Timestamp, AttemptId, usize)>>,
    samples: Vec<Sample>,
    holding: Option<Holding>,
    /// Seconds of calls in the present month, and when it ends.
    talked: f64,
    month_ends: Option<Timestamp>,
    future: Future,
}

/// Lives one future to its end.
///
/// # Errors
/// When `stop` says so.
pub(super) fn run(plan: &Plan, seed: u64, stop: &dyn Fn() -> bool) -> Result<Future, Stopped> {
    // A single node that nobody competes with: its lease may last, and nothing it hears is lost.
    let config = Config { lease: plan.ledger.lease, recheck: Duration::from_secs(3600), ..Config::default() };
    let mut run = Run {
        plan,
        ledger: plan.ledger.clone(),
        engine: Engine::new(plan.now, config),
        now: plan.now,
        choices: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        calls: BinaryHeap::new(),
        samples: Vec::new(),
        holding: None,
        talked: plan.minutes.map_or(0.0, |minutes| minutes.used.as_secs_f64()),
        month_ends: next_month(plan.now.wall),
        future: Future::default(),
    };
    run.take_over();
    run.live(stop)?;
    run.count_unreached();
    Ok(run.future)
}

impl Run<'_> {
    fn live(&mut self, stop: &dyn Fn() -> bool) -> Result<(), Stopped> {
        let mut steps = 0_u64;
        self.engine.handle(self.now, Input::Tick);
        loop {
            steps += 1;
            if steps.is_multiple_of(STRIDE) && stop() {
                return Err(Stopped);
            }
            self.drain();
            if !self.ledger.anybody_left(self.plan.campaign, self.now.wall) {
                self.future.done = Some(self.now.wall);
                return Ok(());
            }
            let wake = self.engine.poll_timeout().map(|(at, _)| at.saturating_duration_since(self.now.mono));
            let ends = self.calls.peek().map(|Reverse((at, _, _))| at.duration_since(self.now.wall));
            let ends = ends.map(|after| Duration::try_from(after).unwrap_or(Duration::ZERO));
            let Some(after) = [wake, ends].into_iter().flatten().min() else { return Ok(()) };
            self.pass(after.max(Duration::from_micros(10)));
            if self.now.wall > self.plan.now.wall + HORIZON {
                return Ok(());
            }
            let mut told = false;
            while let Some(&Reverse((at, attempt, sample))) = self.calls.peek()
                && at <= self.now.wall
            {
                self.calls.pop();
                self.end(attempt, sample);
                told = true;
            }
            if !told {
                self.engine.handle(self.now, Input::Tick);
            }
        }
    }

    /// Time passes, and is booked to what holds the campaign meanwhile.
    fn pass(&mut self, by: Duration) {
        let mut left = by;
        while left > Duration::ZERO {
            let second = self.now.wall.as_second();
            let hour = second.div_euclid(3600);
            let to_next = Duration::from_secs(u64::try_from((hour + 1) * 3600 - second).unwrap_or(3600));
            let part = left.min(to_next);
            if let Some(holding) = self.holding {
                let entry = self.future.hours.entry(hour).or_default();
                *entry.held.entry(holding).or_default() += part.as_secs_f64();
            }
            self.now = self.now.after(part);
            left = left.saturating_sub(part);
        }
    }

    /// Carries out what the engine asks for, until it asks no more.
    fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            let input = match action {
                Action::Load => Input::Campaigns(self.ledger.in_progress()),
                Action::Promote { campaign, limit } => {
                    let index = self.ledger.index_of(campaign);
                    let (promoted, next_due, open) = self.ledger.promote(index, limit, self.now.wall);
                    Input::Promoted { campaign, promoted, next_due, open }
                }
                // Everybody who is due is promoted as soon as there is room, whatever their priority.
                Action::Hurry { campaign, limit } => {
                    let index = self.ledger.index_of(campaign);
                    let (promoted, next) = self.ledger.hurry(index, limit, self.now.wall);
                    Input::Hurried { campaign, promoted, next }
                }
                Action::Claim { campaign, headroom, .. } => {
                    let index = self.ledger.index_of(campaign);
                    let (result, next_due) = match self.out_of_minutes() {
                        Some(until) => {
                            self.holding = Some(Holding::QuotaMinutes);
                            let scope = Scope::Organisation;
                            (ClaimResult::Limited(Limited { scope, until: Some(until) }), None)
                        }
                        None => {
                            let (result, next_due) = self.ledger.claim(index, NODE, self.now.wall, headroom);
                            self.judge(index, result);
                            (result, next_due)
                        }
                    };
                    Input::Claimed { campaign, result, next_due }
                }
                Action::Commit { attempt, send_by } => {
                    let may_send = self.ledger.commit(attempt, NODE, self.now.wall, send_by);
                    Input::Committed { attempt, may_send }
                }
                Action::Unsend { attempt } => {
                    self.ledger.unsend(attempt, NODE, self.now.wall);
                    Input::Unsent { attempt }
                }
                Action::Expire { campaign } => {
                    let index = self.ledger.index_of(campaign);
                    self.ledger.expire(index, self.now.wall);
                    Input::Expired(campaign)
                }
                Action::Complete { campaign } => {
                    let index = self.ledger.index_of(campaign);
                    Input::Completed(campaign, self.ledger.complete(index, self.now.wall))
                }
                Action::RenewLease => Input::LeaseRenewed { held: self.ledger.renew(NODE, self.now.wall) },
                Action::Reap => Input::Reaped,
                Action::Place { attempt, .. } => {
                    self.begin(attempt, Duration::ZERO);
                    continue;
                }
            };
            self.engine.handle(self.now, input);
        }
    }

    /// Calls that were live when the copy was made go on for a part of what a call lasts.
    fn take_over(&mut self) {
        let live: Vec<_> = self.ledger.live.iter().copied().collect();
        for attempt in live {
            let began = self.ledger.attempts[attempt].send_at;
            let since = Duration::try_from(self.now.wall.duration_since(began)).unwrap_or(Duration::ZERO);
            self.begin(attempt, since);
        }
    }

    /// A dial leaves, or left so long ago.
    fn begin(&mut self, attempt: AttemptId, since: Duration) {
        let campaign = self.ledger.targets[self.ledger.attempts[attempt].target].campaign;
        let mut sample = self.draw(campaign);
        // A call that has lasted is one of those that last.
        for _ in 0..REDRAWS {
            if sample.lasts > since {
                break;
            }
            sample = self.draw(campaign);
        }
        let scale = self.ledger.campaigns[campaign].scale;
        // One that stands for more dials than it takes channels is up for longer.
        let stretched = sample.lasts.mul_f64((scale.dials / f64::from(scale.channels)).max(1.0));
        let left = stretched.saturating_sub(since);
        if campaign == self.plan.campaign {
            let hour = self.future.hours.entry(self.now.wall.as_second().div_euclid(3600)).or_default();
            hour.dials += if since.is_zero() { scale.dials } else { 0.0 };
            if let Some(talked) = sample.talked {
                // Of a call that goes on what is still to come.
                let minutes = talked.min(sample.lasts.saturating_sub(since)).as_secs_f64() / 60.0 * scale.dials;
                hour.answered += scale.dials;
                hour.minutes += minutes;
                if self.now.wall < self.plan.month_ends() {
                    self.future.minutes_this_month += minutes;
                }
            }
        }
        sample.lasts = left;
        self.samples.push(sample);
        self.calls.push(Reverse((self.now.wall + left, attempt, self.samples.len() - 1)));
    }

    fn end(&mut self, attempt: AttemptId, sample: usize) {
        let sample = self.samples[sample];
        let end = End {
            reason: sample.reason,
            technical: sample.technical,
            retry_after: sample.retry_after,
            at: self.now.wall,
        };
        if let Some(talked) = sample.talked {
            let campaign = self.ledger.targets[self.ledger.attempts[attempt].target].campaign;
            self.talked += talked.as_secs_f64() * self.ledger.campaigns[campaign].scale.dials;
            self.ledger.talked(attempt, talked);
        }
        let wish = sample.callback.map(|after| self.now.wall + after);
        let next_at = self.ledger.finish(attempt, &end, wish);
        let unavailable = sample.reason == DisconnectionReason::TelephonyProviderUnavailable;
        let back_off = sample.retry_after.filter(|_| unavailable);
        self.engine.handle(self.now, Input::Ended { attempt, next_at, back_off });
        if next_at.is_none() {
            self.engine.handle(self.now, Input::Notice(Notice::Room));
        }
    }

    fn draw(&mut self, campaign: usize) -> Sample {
        self.choices = self.choices.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.plan.experience[campaign].draw(mixed(self.choices))
    }

    /// Until when the organisation has no minutes left; none while it has some.
    fn out_of_minutes(&mut self) -> Option<Timestamp> {
        let most = self.plan.minutes?.most;
        if let Some(ends) = self.month_ends.filter(|&ends| ends <= self.now.wall) {
            (self.talked, self.month_ends) = (0.0, next_month(ends));
        }
        self.month_ends.filter(|_| self.talked >= most.as_secs_f64())
    }

    /// What holds the campaign, from what a claim came to.
    fn judge(&mut self, index: usize, result: ClaimResult) {
        let mine = index == self.plan.campaign;
        match result {
            ClaimResult::Limited(Limited { scope, until }) => {
                let own = &self.ledger.campaigns[self.plan.campaign];
                let shared = match scope {
                    Scope::Organisation | Scope::Node | Scope::Spend => true,
                    Scope::Trunk | Scope::CallerId | Scope::CallerDay => {
                        own.trunk == self.ledger.campaigns[index].trunk
                    }
                    Scope::Campaign | Scope::Providers => mine,
                };
                if mine || shared && self.ledger.is_ready(self.plan.campaign) {
                    self.holding = Some(Holding::limit(scope, until.is_some()));
                }
            }
            ClaimResult::Empty if mine => self.holding = Some(self.idle()),
            ClaimResult::Empty | ClaimResult::Dial(_) | ClaimResult::TurnedAway | ClaimResult::Stopped => {}
        }
    }

    /// What a campaign waits for in which nobody is ready.
    fn idle(&self) -> Holding {
        match self.ledger.next_is_open(self.plan.campaign, self.now.wall) {
            Some(true) => Holding::Retry,
            Some(false) => Holding::Windows,
            None => Holding::LastCalls,
        }
    }

    fn count_unreached(&mut self) {
        let scale = self.ledger.campaigns[self.plan.campaign].scale.dials;
        for (index, target) in self.ledger.targets.iter().enumerate() {
            if target.campaign != self.plan.campaign {
                continue;
            }
            let never = target.dials == 0 && target.round == self.plan.ledger.targets[index].round;
            let why = match target.state {
                TargetState::Blocked => target.blocked.map(Unreached::Blocked),
                TargetState::Expired if self.plan.windowless.contains(&index) => Some(Unreached::NoWindow),
                TargetState::Expired if never => Some(Unreached::PeriodEnd),
                TargetState::New => Some(Unreached::Preselection),
                TargetState::Suspended => Some(Unreached::Suspended),
                TargetState::Waiting | TargetState::Ready | TargetState::Callback | TargetState::InProgress => {
                    Some(Unreached::Horizon)
                }
                TargetState::Expired
                | TargetState::Done
                | TargetState::Failed
                | TargetState::Rejected
                | TargetState::Removed => None,
            };
            if let Some(why) = why {
                *self.future.unreached.entry(why).or_default() += scale;
            }
        }
    }
}

/// SplitMix64's mixing.
fn mixed(state: u64) -> u64 {
    let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
