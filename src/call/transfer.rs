//! Handing a caller over, pure: which way is tried, what is waited for, and what the caller hears meanwhile.
//!
//! ```text
//!  cold  Referring ──2xx──► Watching ── result 2xx ──────────────► handed over (the far side has the caller)
//!            │ refused, silence  │ busy, declined, no answer ────► failed
//!            ▼                   ▼ anything else, silence
//!  warm ► Placing ─────► Dialing ──answered──► Briefing ──accepted──► Joined ── either leg ends ──► over
//!            │              │      cold: Judging ──nobody but a person──► │
//!            └── no room ───┴── busy, no answer, declined, machine ──► failed: the agent has the caller again
//! ```
//!
//! The caller hears music from the beginning until the transfer has failed or the legs are joined. Every state has a
//! clock, but for `Joined`, which the call's own ceiling ends. Whatever happens, a transfer gives at most one of
//! [`TransferNews::Done`] and [`TransferNews::Failed`], and exactly one [`TransferAction::Over`], after which the second
//! leg is nobody's but its shell's, who sees it to its end.

pub mod briefing;
pub mod came;
pub mod desk;
pub mod destination;
pub(super) mod second;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::agent::transfer::{TransferFailure, TransferManner, TransferNews};

/// The clocks of one transfer, and what may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferConfig {
    /// Whether the caller's side may be asked to dial on by itself.
    pub refer_allowed: bool,
    /// From REFER to its result. Then we bridge.
    pub refer: Duration,
    /// Until the second INVITE has left: a rate limit may be waited for so long.
    pub place: Duration,
    /// From the INVITE to a sign that somebody is rung.
    pub setup: Duration,
    /// From that sign to the answer.
    pub ring: Duration,
    /// How long after the answer a machine is waited for before whoever is there counts as a person.
    pub judge: Duration,
    /// How long after the answer a machine may still be found out where nobody has accepted the caller.
    pub listen: Duration,
    /// From the answer to a decision about the caller.
    pub briefing: Duration,
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self {
            refer_allowed: true,
            refer: Duration::from_secs(35),
            place: Duration::from_secs(15),
            setup: Duration::from_secs(15),
            ring: Duration::from_secs(25),
            judge: Duration::from_secs(4),
            listen: Duration::from_secs(20),
            briefing: Duration::from_secs(90),
        }
    }
}

/// What a transfer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferInput {
    /// How the REFER goes.
    Refer(ReferNews),
    /// The second INVITE has left.
    Placed,
    /// It will not leave.
    NotPlaced(TransferFailure),
    /// Signalling of the second leg.
    Target(TargetEvent),
    /// What was found out about whoever answered.
    Judged(TargetParty),
    /// What the briefing came to.
    Decided(Decision),
    /// The agent does not want the transfer any more.
    CalledOff,
    /// The caller's leg is over.
    CallerGone,
}

/// How a REFER goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferNews {
    /// The far side means to do it.
    Accepted,
    /// It tells the final status it got from the target.
    Result(u16),
    /// It refused, or never answered.
    Refused,
    /// It accepted and will tell nothing more.
    Silent,
}

/// Signalling of the second leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetEvent {
    /// Somebody is rung.
    Ringing,
    /// Answered.
    Answered,
    /// The INVITE failed.
    Failed(TransferFailure),
    /// Over, after it was answered.
    Ended,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetParty {
    /// A person.
    Human,
    /// A machine, by its greeting or its beep.
    Machine,
}

/// What the briefing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The caller is accepted.
    Accepted {
        /// By a key: no machine presses one.
        by_key: bool,
    },
    /// The caller is not wanted.
    Declined,
    /// Nothing that could be understood was said.
    Silent,
    /// A machine was spoken to.
    Machine,
    /// Nothing could be said.
    Broken,
}

/// What a transfer asks for, to be done in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferAction {
    /// Music for the caller, or no more of it.
    Hold(bool),
    /// Send REFER to the caller's side.
    Refer,
    /// Put a second leg on disk and send its INVITE; answer with `Placed` or `NotPlaced`.
    Dial,
    /// Tell whoever answered what it is about; answer with `Decided`.
    Brief,
    /// Join the two legs.
    Join,
    /// Undo that.
    Part,
    /// End the second leg by what its state asks for, also while it is being placed.
    HangUp,
    /// Tell the call.
    Tell(Handover),
    /// Tell the conversation.
    News(TransferNews),
    /// Nothing follows.
    Over,
}

/// How far a transfer is, as far as the call's own end is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// It has begun: no clock of the agent's runs meanwhile.
    Begun,
    /// The far side accepted the REFER: if it hangs up now, the caller is where they should be.
    Accepted,
    /// It has failed: the agent goes on.
    Failed,
    /// The caller talks to somebody else on this line.
    Joined,
    /// The caller is gone to somebody else, or has finished with them: hang up.
    Done,
}

/// One transfer.
#[derive(Debug)]
pub struct Transfer {
    config: TransferConfig,
    state: State,
    /// When the second leg was answered.
    answered: Option<Instant>,
    party: Option<TargetParty>,
    manner: TransferManner,
    /// A second leg is placed or being placed, and has not ended.
    leg: bool,
    actions: VecDeque<TransferAction>,
    told: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// REFER is out.
    Referring { until: Instant },
    /// It was accepted.
    Watching { until: Instant },
    /// The second leg is being put on disk, and may have to wait for its turn.
    Placing { until: Instant },
    /// Its INVITE is out.
    Dialing { until: Instant, rings: bool },
    /// Somebody answered whom nobody will ask: is it a person?
    Judging { until: Instant },
    /// Whoever answered is being told, and asked.
    Briefing { until: Instant },
    /// They accepted by a word that a machine could have said too.
    Accepted { until: Instant },
    /// The legs are joined. Until then a machine may still be found out.
    Joined { until: Option<Instant> },
    /// Nothing follows.
    Over,
}

/// Why a transfer wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransferTimer {
    /// The REFER has no result.
    Refer,
    /// The second INVITE has not left.
    Place,
    /// Nobody rings, or nobody answers.
    Ring,
    /// Nothing speaks against a person.
    Judge,
    /// No decision.
    Briefing,
}

impl Transfer {
    /// Begins a transfer. `refer` says whether the caller's side may be asked to do it by itself, which only a cold
    /// transfer does.
    #[must_use]
    pub fn new(now: Instant, config: TransferConfig, manner: TransferManner, refer: bool) -> Self {
        let (state, first) = match manner {
            TransferManner::Cold if refer => (State::Referring { until: now + config.refer }, TransferAction::Refer),
            TransferManner::Cold | TransferManner::Warm => {
                (State::Placing { until: now + config.place }, TransferAction::Dial)
            }
        };
        let leg = first == TransferAction::Dial;
        let actions = [TransferAction::Tell(Handover::Begun), TransferAction::Hold(true), first].into();
        Self { config, state, answered: None, party: None, manner, leg, actions, told: 0 }
    }

    /// Takes one input. After its end a transfer ignores every input.
    pub fn handle(&mut self, now: Instant, input: TransferInput) {
        if self.is_over() {
            return;
        }
        match input {
            TransferInput::Refer(news) => self.on_refer(now, news),
            TransferInput::Placed => {
                if let State::Placing { .. } = self.state {
                    self.state = State::Dialing { until: now + self.config.setup, rings: false };
                }
            }
            TransferInput::NotPlaced(why) => {
                if let State::Placing { .. } = self.state {
                    self.leg = false;
                    self.fail(why);
                }
            }
            TransferInput::Target(event) => self.on_target(now, event),
            TransferInput::Judged(party) => self.on_party(now, party),
            TransferInput::Decided(decision) => self.on_decision(now, decision),
            TransferInput::CalledOff => self.call_off(),
            TransferInput::CallerGone => {
                self.drop_leg();
                self.finish();
            }
        }
        self.check_invariants();
    }

    /// Runs the clock if it is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, timer)) = self.poll_timeout().filter(|(at, _)| *at <= now) {
            match timer {
                TransferTimer::Refer => self.bridge_instead(now),
                TransferTimer::Place => self.fail(TransferFailure::Broken),
                TransferTimer::Ring | TransferTimer::Briefing => self.fail(TransferFailure::NoAnswer),
                TransferTimer::Judge => self.on_party(now, TargetParty::Human),
            }
            self.check_invariants();
        }
    }

    /// When the transfer wants to be woken, and why. `None` after its end and while two people talk.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, TransferTimer)> {
        match self.state {
            State::Referring { until } | State::Watching { until } => Some((until, TransferTimer::Refer)),
            State::Placing { until } => Some((until, TransferTimer::Place)),
            State::Dialing { until, .. } => Some((until, TransferTimer::Ring)),
            State::Judging { until } | State::Accepted { until } => Some((until, TransferTimer::Judge)),
            State::Joined { until } => until.map(|until| (until, TransferTimer::Judge)),
            State::Briefing { until } => Some((until, TransferTimer::Briefing)),
            State::Over => None,
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<TransferAction> {
        self.actions.pop_front()
    }

    /// Whether nothing follows any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn on_refer(&mut self, now: Instant, news: ReferNews) {
        if let ReferNews::Result(200..300) = news
            && !matches!(self.state, State::Joined { .. })
        {
            // Also late, while we had given up on it and ring the target ourselves.
            self.drop_leg();
            self.say(TransferAction::Hold(false));
            self.say(TransferAction::Tell(Handover::Done));
            self.done();
            return self.finish();
        }
        let (State::Referring { until } | State::Watching { until }) = self.state else { return };
        match news {
            ReferNews::Accepted => {
                self.state = State::Watching { until };
                self.say(TransferAction::Tell(Handover::Accepted));
            }
            ReferNews::Result(486 | 600) => self.fail(TransferFailure::Busy),
            ReferNews::Result(603 | 607 | 608) => self.fail(TransferFailure::Declined),
            ReferNews::Result(408 | 480 | 487) => self.fail(TransferFailure::NoAnswer),
            // The far side could not or would not reach the target; perhaps we can.
            ReferNews::Result(_) | ReferNews::Refused => self.bridge_instead(now),
            // It may still hang up, which is how many tell that it worked; the clock ends the wait.
            ReferNews::Silent => {}
        }
    }

    fn bridge_instead(&mut self, now: Instant) {
        self.say(TransferAction::Tell(Handover::Begun));
        self.state = State::Placing { until: now + self.config.place };
        self.leg = true;
        self.say(TransferAction::Dial);
    }

    fn on_target(&mut self, now: Instant, event: TargetEvent) {
        match event {
            TargetEvent::Ringing => {
                if let State::Dialing { rings: false, .. } = self.state {
                    self.state = State::Dialing { until: now + self.config.ring, rings: true };
                    self.say(TransferAction::News(TransferNews::Ringing));
                }
            }
            TargetEvent::Answered => {
                if let State::Dialing { .. } = self.state {
                    self.target_answered(now);
                }
            }
            TargetEvent::Failed(why) => {
                self.leg = false;
                self.fail(why);
            }
            TargetEvent::Ended => self.target_ended(),
        }
    }

    fn target_answered(&mut self, now: Instant) {
        self.answered = Some(now);
        match self.manner {
            TransferManner::Warm => {
                self.state = State::Briefing { until: now + self.config.briefing };
                self.say(TransferAction::News(TransferNews::Briefing));
                self.say(TransferAction::Brief);
            }
            TransferManner::Cold => self.state = State::Judging { until: now + self.config.judge },
        }
    }

    fn target_ended(&mut self) {
        self.leg = false;
        if let State::Joined { until } = self.state {
            // They have talked, however shortly; there is nothing to come back for.
            if until.is_some() {
                self.done();
            }
            self.say(TransferAction::Part);
            self.say(TransferAction::Tell(Handover::Done));
            self.finish();
        } else {
            self.fail(TransferFailure::Declined);
        }
    }

    fn on_party(&mut self, now: Instant, party: TargetParty) {
        self.party = Some(party);
        match (self.state, party) {
            (State::Judging { .. }, TargetParty::Human) => {
                self.join();
                // The clock ran out, or a person was heard: greetings can fool the ear, a beep later cannot.
                let listen = self.answered.map(|answered| answered + self.config.listen);
                self.state = State::Joined { until: listen.filter(|until| *until > now) };
                self.settle_joined();
            }
            (State::Accepted { .. }, TargetParty::Human) => self.join_for_good(),
            (State::Joined { until: Some(_) }, TargetParty::Human) => {
                self.state = State::Joined { until: None };
                self.settle_joined();
            }
            (
                State::Judging { .. }
                | State::Briefing { .. }
                | State::Accepted { .. }
                | State::Joined { until: Some(_) },
                TargetParty::Machine,
            ) => self.fail(TransferFailure::Voicemail),
            (
                State::Referring { .. }
                | State::Watching { .. }
                | State::Placing { .. }
                | State::Dialing { .. }
                | State::Briefing { .. }
                | State::Joined { until: None }
                | State::Over,
                TargetParty::Human,
            )
            | (
                State::Referring { .. }
                | State::Watching { .. }
                | State::Placing { .. }
                | State::Dialing { .. }
                | State::Joined { until: None }
                | State::Over,
                TargetParty::Machine,
            ) => {}
        }
    }

    fn on_decision(&mut self, now: Instant, decision: Decision) {
        let State::Briefing { .. } = self.state else { return };
        let judged_at = self.answered.map_or(now, |answered| answered + self.config.judge);
        match decision {
            // Words may be a machine's as long as the ear has not made up its mind.
            Decision::Accepted { by_key: false } if self.party.is_none() && judged_at > now => {
                self.state = State::Accepted { until: judged_at };
            }
            Decision::Accepted { .. } => self.join_for_good(),
            Decision::Declined => self.fail(TransferFailure::Declined),
            Decision::Silent => self.fail(TransferFailure::NoAnswer),
            Decision::Machine => self.fail(TransferFailure::Voicemail),
            Decision::Broken => self.fail(TransferFailure::Broken),
        }
    }

    fn join_for_good(&mut self) {
        self.join();
        self.state = State::Joined { until: None };
        self.settle_joined();
    }

    fn join(&mut self) {
        self.say(TransferAction::Hold(false));
        self.say(TransferAction::Join);
        self.say(TransferAction::Tell(Handover::Joined));
    }

    /// The agent's part is over once nothing can send the caller back.
    fn settle_joined(&mut self) {
        if self.state == (State::Joined { until: None }) {
            self.done();
        }
    }

    fn call_off(&mut self) {
        match self.state {
            // Too late: they talk.
            State::Joined { .. } | State::Over => {}
            State::Referring { .. }
            | State::Watching { .. }
            | State::Placing { .. }
            | State::Dialing { .. }
            | State::Judging { .. }
            | State::Briefing { .. }
            | State::Accepted { .. } => {
                self.drop_leg();
                self.say(TransferAction::Hold(false));
                self.say(TransferAction::Tell(Handover::Failed));
                self.finish();
            }
        }
    }

    /// The caller is the agent's again.
    fn fail(&mut self, why: TransferFailure) {
        if let State::Joined { .. } = self.state {
            self.say(TransferAction::Part);
        }
        self.drop_leg();
        self.say(TransferAction::Hold(false));
        self.say(TransferAction::Tell(Handover::Failed));
        self.told += 1;
        self.say(TransferAction::News(TransferNews::Failed(why)));
        self.finish();
    }

    fn done(&mut self) {
        self.told += 1;
        self.say(TransferAction::News(TransferNews::Done));
    }

    fn drop_leg(&mut self) {
        if std::mem::take(&mut self.leg) {
            self.say(TransferAction::HangUp);
        }
    }

    fn finish(&mut self) {
        self.state = State::Over;
        self.say(TransferAction::Over);
    }

    fn say(&mut self, action: TransferAction) {
        self.actions.push_back(action);
    }

    fn check_invariants(&self) {
        debug_assert!(self.told <= 1, "one outcome at most");
        debug_assert!(!self.is_over() || !self.leg, "no leg is left behind");
        let waits = !matches!(self.state, State::Joined { until: None } | State::Over);
        debug_assert_eq!(self.poll_timeout().is_some(), waits, "what can hang has a clock");
    }
}

#[cfg(test)]
mod tests;
