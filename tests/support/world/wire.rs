//! Calls on a network that delays, loses and doubles packets: the office's end, and the carrier's.
//!
//! ```text
//! office                         carrier
//!   INVITE (again until answered) ──►  rings
//!   ◄── Ringing
//!   ◄── Refuse | Answer (again until ACK)
//!   CANCEL | BYE (again until Over) ──►
//!   ◄── Over          ◄── BYE (again until Over)
//! ```

use std::time::{Duration, Instant};

use callwright::campaign::disconnection::DisconnectionReason as R;
use callwright::campaign::states::AttemptState;
use callwright::dialer::retry::End;
use callwright::id::AttemptId;

use super::bug::Bug;
use super::callee::{self, Course, Manner};
use super::carrier::{Allowed, Call, CallId, Phase};
use super::check::Invite;
use super::fate::Step;
use super::rng::Rng;
use super::{Event, World};

/// What the network does to packets, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub lost: u64,
    pub doubled: u64,
    /// Packets that take up to a second.
    pub slow: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Invite,
    Ringing,
    Refuse,
    Answer,
    Ack,
    /// CANCEL before the answer, BYE after it.
    End,
    Over,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Carrier,
    Office { host: usize, life: u32 },
}

/// What a clock of a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Send what nobody has answered again; after how many microseconds, and when it began.
    Again { signal: Signal, after: u64, began: u64 },
    /// It has rung for long enough.
    RingTimeout,
    /// What was to be said is said.
    HangUp,
    /// It has lasted too long.
    MaxDuration,
    /// The callee picks up, or refuses.
    Decides,
    /// The phone begins to ring.
    Alerts,
    /// The callee hangs up.
    CalleeHangsUp,
}

/// The office's end of a call.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    stage: Stage,
    course: Course,
    /// Why it ends, once that is not the callee's to say.
    reason: R,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Calling,
    Alerting,
    Cancelling,
    Talking,
    Closing,
    /// An orphan of another process that is being ended.
    Recovering,
}

/// Timer A's beginning, and timer B.
const RESEND: u64 = 500_000;
const SILENCE: u64 = 32_000_000;

impl World {
    /// The INVITE is written, if it may be.
    pub(super) fn send(&mut self, host: usize, attempt: AttemptId, send_before: Instant) {
        let now = self.now();
        let begun = self.hosts[host].begun.remove(&attempt);
        let lease = u64::try_from(self.ledger.lease.as_micros()).expect("short");
        let slept = begun.is_none_or(|begun| self.at >= begun + lease / 3);
        let late = self.host_now(host).mono >= send_before || slept;
        if late && self.bug != Some(Bug::StaleSend) {
            let end = End { reason: R::NodeLost, technical: false, retry_after: None, at: now.wall };
            return self.finish(host, self.hosts[host].life, attempt, end, None);
        }
        let row = &self.ledger.attempts[attempt];
        let target = &self.ledger.targets[row.target];
        let claimed = self.at_of(row.claimed_at);
        let invite = Invite {
            attempt,
            campaign: target.campaign,
            target: row.target,
            round: row.round,
            callback: row.callback,
            dial_no: row.dial_no,
            number: self.ledger.number_of(attempt),
            zones: &self.zones[target.contact],
            committed_at: row.committed_at.expect("nothing is sent before its commit"),
            reserved: row.send_at,
            undisturbed: self.hosts[host].disturbed_until.max(self.hosts[host].clock_off_until) < claimed,
            clock_off: self.hosts[host].clock_off_until > claimed,
            uncompared: self.hosts[host].uncompared(self.at),
        };
        self.check.invite(now.wall, &invite);
        let counted = self.check.attempts_on_wire().all(|attempt| self.ledger.live.contains(&attempt));
        assert!(counted, "a call on the wire holds no channel");
        let course = self.course(attempt);
        let id = CallId { attempt, leg: 0 };
        let leg = Leg { stage: Stage::Calling, course, reason: course.reason };
        self.hosts[host].legs.insert(id, leg);
        self.call_out(host, id);
        self.reached(host, Step::Sent, attempt);
    }

    fn call_out(&mut self, host: usize, id: CallId) {
        self.emit(Side::Carrier, host, id, Signal::Invite);
        self.again(host, id, Signal::Invite, RESEND, self.at);
    }

    /// How the callee takes this dial: the same whatever else happens in the world.
    fn course(&self, attempt: AttemptId) -> Course {
        let row = &self.ledger.attempts[attempt];
        let target = &self.ledger.targets[row.target];
        let trunk = self.ledger.campaigns[target.campaign].trunk;
        let contact = self.names[target.contact];
        let mut rng = Rng::of(&[self.seed, 1, contact, target.campaign as u64, row.round.into(), row.dial_no.into()]);
        let mut course = callee::draw(&mut rng, self.trouble_until[trunk] > self.at);
        course.talks = course.talks.min(self.longest(attempt));
        course
    }

    /// How long a call may last.
    fn longest(&self, attempt: AttemptId) -> Duration {
        let campaign = self.ledger.targets[self.ledger.attempts[attempt].target].campaign;
        Duration::from_secs(self.ledger.campaigns[campaign].rules.settings.max_call_duration_s.into())
    }

    /// Ends what a lost node has left behind.
    pub(super) fn recover(&mut self, host: usize, attempt: AttemptId) {
        let course = self.course(attempt);
        for leg in 0..2 {
            let id = CallId { attempt, leg };
            if leg > 0 && !self.carrier.calls.contains_key(&id) {
                continue;
            }
            self.hosts[host].legs.insert(id, Leg { stage: Stage::Recovering, course, reason: R::OutcomeUnknown });
            self.emit(Side::Carrier, host, id, Signal::End);
            self.again(host, id, Signal::End, RESEND, self.at);
        }
    }

    /// A packet arrives.
    pub(super) fn arrive(&mut self, to: Side, from_host: usize, id: CallId, signal: Signal) {
        match to {
            Side::Carrier => self.at_carrier(from_host, id, signal),
            Side::Office { host, life } if self.is_alive(host, life) => self.at_office(host, id, signal),
            Side::Office { .. } => {}
        }
    }

    fn at_carrier(&mut self, host: usize, id: CallId, signal: Signal) {
        let life = self.hosts[host].life;
        let Some(call) = self.carrier.calls.get(&id).copied() else {
            match signal {
                Signal::Invite => self.ring(host, life, id),
                // Nobody knows that call: 481.
                Signal::End => {
                    self.check.down(id.attempt);
                    self.emit(Side::Office { host, life }, host, id, Signal::Over);
                }
                Signal::Ringing | Signal::Refuse | Signal::Answer | Signal::Ack | Signal::Over => {}
            }
            return;
        };
        let back = Side::Office { host, life };
        match signal {
            // The same Call-ID again: a resend, answered as before.
            Signal::Invite if call.confirmed => {}
            Signal::Invite => match call.phase {
                Phase::Ringing => self.emit(back, host, id, Signal::Ringing),
                Phase::Answered => self.emit(back, host, id, Signal::Answer),
                Phase::Over => self.emit(back, host, id, Signal::Refuse),
            },
            Signal::Ack if call.confirmed => {}
            Signal::Ack => {
                self.call(id).confirmed = true;
                if call.phase == Phase::Answered {
                    // Whom nobody speaks to any more hangs up after a while.
                    let patience = if call.course.callee_ends() { 0 } else { 30_000_000 };
                    let lasts = u64::try_from(call.course.talks.as_micros()).expect("short");
                    self.carrier_timer(lasts + patience, id, Timer::CalleeHangsUp);
                }
            }
            Signal::End => {
                if call.phase != Phase::Over {
                    self.call(id).phase = Phase::Over;
                    self.call(id).confirmed = true;
                }
                self.check.down(id.attempt);
                self.emit(back, host, id, Signal::Over);
            }
            Signal::Over => self.call(id).confirmed = true,
            Signal::Ringing | Signal::Refuse | Signal::Answer => {}
        }
    }

    fn ring(&mut self, host: usize, life: u32, id: CallId) {
        let course = self.course(id.attempt);
        let row = &self.ledger.attempts[id.attempt];
        let dial = (row.target, row.round, row.dial_no);
        let campaign = self.ledger.targets[row.target].campaign;
        let call = Call { host, life, course, phase: Phase::Ringing, confirmed: false, given_up: false, campaign };
        let own = &self.check.campaigns[campaign].limits;
        let limits: Vec<_> = own
            .iter()
            .map(|&index| {
                let limit = &self.check.limits[index];
                Allowed { index, name: &limit.name, calls_per_minute: limit.calls_per_minute, most: limit.most }
            })
            .collect();
        let campaigns = &self.check.campaigns;
        let shares = |limit: usize, campaign: usize| campaigns[campaign].limits.contains(&limit);
        self.carrier.came(self.at, id, call, dial, &limits, shares);
        match course.manner() {
            Manner::Silent => self.call(id).phase = Phase::Over,
            Manner::Refuses | Manner::Rings | Manner::Answers => {
                let mut rng = Rng::of(&[self.seed, 2, self.at]);
                self.carrier_timer(rng.between(20_000, 400_000), id, Timer::Alerts);
                let rings = u64::try_from(course.rings.as_micros()).expect("short");
                self.carrier_timer(rings.max(500_000), id, Timer::Decides);
            }
        }
        if course.manner() == Manner::Silent {
            self.call(id).confirmed = true;
        }
    }

    fn at_office(&mut self, host: usize, id: CallId, signal: Signal) {
        let Some(leg) = self.hosts[host].legs.get(&id).copied() else {
            match signal {
                // A late answer: confirmed, and ended.
                Signal::Answer => {
                    self.emit(Side::Carrier, host, id, Signal::Ack);
                    self.emit(Side::Carrier, host, id, Signal::End);
                }
                Signal::Refuse => self.emit(Side::Carrier, host, id, Signal::Ack),
                Signal::End => self.emit(Side::Carrier, host, id, Signal::Over),
                Signal::Invite | Signal::Ringing | Signal::Ack | Signal::Over => {}
            }
            return;
        };
        match (signal, leg.stage) {
            (Signal::Ringing, Stage::Calling) => {
                self.leg(host, id).stage = Stage::Alerting;
                let campaign = self.ledger.targets[self.ledger.attempts[id.attempt].target].campaign;
                let ring = self.ledger.campaigns[campaign].rules.settings.ring_timeout();
                self.leg_timer(u64::try_from(ring.as_micros()).expect("short"), host, id, Timer::RingTimeout);
            }
            (Signal::Refuse, Stage::Calling | Stage::Alerting | Stage::Cancelling) => {
                self.emit(Side::Carrier, host, id, Signal::Ack);
                self.over(host, id, leg.reason);
            }
            // A 200 that crosses our CANCEL is talked to.
            (Signal::Answer, Stage::Calling | Stage::Alerting | Stage::Cancelling) => {
                self.emit(Side::Carrier, host, id, Signal::Ack);
                self.leg(host, id).stage = Stage::Talking;
                self.answered(host, id.attempt);
                let talks = u64::try_from(leg.course.talks.as_micros()).expect("short");
                if !leg.course.callee_ends() {
                    self.leg_timer(talks, host, id, Timer::HangUp);
                }
                let longest = u64::try_from(self.longest(id.attempt).as_micros()).expect("short");
                self.leg_timer(longest + 1_000_000, host, id, Timer::MaxDuration);
            }
            (Signal::Answer, Stage::Talking | Stage::Closing) => self.emit(Side::Carrier, host, id, Signal::Ack),
            (Signal::Answer, Stage::Recovering) => self.emit(Side::Carrier, host, id, Signal::End),
            (Signal::Refuse, _) => self.emit(Side::Carrier, host, id, Signal::Ack),
            (Signal::End, Stage::Talking | Stage::Closing) => {
                self.emit(Side::Carrier, host, id, Signal::Over);
                self.over(host, id, leg.reason);
            }
            (Signal::End, _) => self.emit(Side::Carrier, host, id, Signal::Over),
            (Signal::Over, Stage::Cancelling | Stage::Closing) => self.over(host, id, leg.reason),
            (Signal::Over, Stage::Recovering) => {
                self.hosts[host].legs.remove(&id);
                self.free(host, id.attempt);
            }
            (Signal::Invite | Signal::Ringing | Signal::Ack | Signal::Over, _) => {}
        }
    }

    pub(super) fn leg_timer_fires(&mut self, host: usize, id: CallId, timer: Timer) {
        let Some(leg) = self.hosts[host].legs.get(&id).copied() else { return };
        match (timer, leg.stage) {
            (Timer::Again { signal, after, began }, stage) if waits_for(signal, stage) => {
                if self.at >= began + SILENCE {
                    self.give_up(host, id, leg);
                } else {
                    if self.bug == Some(Bug::SilenceFailsOver) && stage == Stage::Calling && after >= 4_000_000 {
                        let other = CallId { leg: 1, ..id };
                        self.hosts[host].legs.insert(other, leg);
                        self.emit(Side::Carrier, host, other, Signal::Invite);
                    }
                    self.emit(Side::Carrier, host, id, signal);
                    self.again(host, id, signal, after * 2, began);
                }
            }
            (Timer::RingTimeout, Stage::Alerting) => self.close(host, id, Stage::Cancelling, R::DialNoAnswer),
            (Timer::HangUp, Stage::Talking) => self.close(host, id, Stage::Closing, leg.reason),
            (Timer::MaxDuration, Stage::Talking) => self.close(host, id, Stage::Closing, R::MaxDurationReached),
            (
                Timer::Again { .. }
                | Timer::RingTimeout
                | Timer::HangUp
                | Timer::MaxDuration
                | Timer::Decides
                | Timer::Alerts
                | Timer::CalleeHangsUp,
                _,
            ) => {}
        }
    }

    /// Nobody has said a word for timer B.
    fn give_up(&mut self, host: usize, id: CallId, leg: Leg) {
        if let Some(call) = self.carrier.calls.get_mut(&id) {
            call.given_up = true;
        }
        if leg.stage == Stage::Recovering {
            // It stays an orphan: somebody tries again, or its time runs out.
            self.hosts[host].legs.remove(&id);
            return;
        }
        self.check.down(id.attempt);
        self.over(host, id, if leg.stage == Stage::Calling { R::DialFailed } else { leg.reason });
    }

    fn close(&mut self, host: usize, id: CallId, stage: Stage, reason: R) {
        let leg = self.leg(host, id);
        (leg.stage, leg.reason) = (stage, reason);
        self.emit(Side::Carrier, host, id, Signal::End);
        self.again(host, id, Signal::End, RESEND, self.at);
    }

    /// The office knows that a call is over.
    fn over(&mut self, host: usize, id: CallId, reason: R) {
        let Some(leg) = self.hosts[host].legs.remove(&id) else { return };
        let now = self.now().wall;
        let as_drawn = reason == leg.course.reason;
        let end = End {
            reason,
            technical: as_drawn && leg.course.technical,
            retry_after: leg.course.retry_after.filter(|_| as_drawn),
            at: now,
        };
        let wish = leg.course.callback.filter(|_| as_drawn).map(|after| now + after);
        let life = self.hosts[host].life;
        self.finish(host, life, id.attempt, end, wish);
    }

    /// The answer is written, if the store is there: recovery then knows that it has to send BYE.
    fn answered(&mut self, host: usize, attempt: AttemptId) {
        let row = &mut self.ledger.attempts[attempt];
        if self.hosts[host].severed_until <= self.at && row.state.may_become(AttemptState::Answered) {
            row.state = AttemptState::Answered;
        }
    }

    pub(super) fn carrier_timer_fires(&mut self, id: CallId, timer: Timer) {
        let Some(call) = self.carrier.calls.get(&id).copied() else { return };
        let (host, life) = (call.host, call.life);
        let back = Side::Office { host, life };
        match timer {
            Timer::Alerts if call.phase == Phase::Ringing => self.emit(back, host, id, Signal::Ringing),
            Timer::Decides if call.phase == Phase::Ringing => {
                let answers = call.course.manner() == Manner::Answers;
                let signal = if answers { Signal::Answer } else { Signal::Refuse };
                self.call(id).phase = if answers { Phase::Answered } else { Phase::Over };
                if !answers {
                    self.check.down(id.attempt);
                }
                self.emit(back, host, id, signal);
                self.carrier_again(id, signal, RESEND, self.at);
            }
            Timer::CalleeHangsUp if call.phase == Phase::Answered => {
                self.call(id).phase = Phase::Over;
                self.call(id).confirmed = false;
                self.check.down(id.attempt);
                self.emit(back, host, id, Signal::End);
                self.carrier_again(id, Signal::End, RESEND, self.at);
            }
            Timer::Again { signal, after, began } if !call.confirmed => {
                if self.at < began + SILENCE {
                    self.emit(back, host, id, signal);
                    self.carrier_again(id, signal, (after * 2).min(4_000_000), began);
                } else if call.phase == Phase::Answered {
                    // Nobody has taken the answer.
                    self.call(id).phase = Phase::Over;
                    self.check.down(id.attempt);
                }
            }
            Timer::Again { .. }
            | Timer::Alerts
            | Timer::Decides
            | Timer::CalleeHangsUp
            | Timer::RingTimeout
            | Timer::HangUp
            | Timer::MaxDuration => {}
        }
    }

    /// Gives a packet to the network.
    fn emit(&mut self, to: Side, host: usize, id: CallId, signal: Signal) {
        if self.at < self.network_down_until {
            return;
        }
        let weather = self.weather;
        let copies = if self.net.chance(weather.lost) { 0 } else { 1 + u64::from(self.net.chance(weather.doubled)) };
        for _ in 0..copies {
            let slow = self.net.chance(weather.slow);
            let micros = if slow { self.net.between(100_000, 1_000_000) } else { self.net.between(1_000, 30_000) };
            self.schedule(Duration::from_micros(micros), Event::Packet { to, host, id, signal });
        }
    }

    fn again(&mut self, host: usize, id: CallId, signal: Signal, after: u64, began: u64) {
        self.leg_timer(after, host, id, Timer::Again { signal, after, began });
    }

    fn leg_timer(&mut self, after: u64, host: usize, id: CallId, timer: Timer) {
        let life = self.hosts[host].life;
        self.schedule(Duration::from_micros(after), Event::LegTimer { host, life, id, timer });
    }

    fn carrier_again(&mut self, id: CallId, signal: Signal, after: u64, began: u64) {
        self.carrier_timer(after, id, Timer::Again { signal, after, began });
    }

    fn carrier_timer(&mut self, after: u64, id: CallId, timer: Timer) {
        self.schedule(Duration::from_micros(after), Event::CarrierTimer { id, timer });
    }

    fn leg(&mut self, host: usize, id: CallId) -> &mut Leg {
        self.hosts[host].legs.get_mut(&id).expect("looked up before")
    }

    fn call(&mut self, id: CallId) -> &mut Call {
        self.carrier.calls.get_mut(&id).expect("looked up before")
    }
}

/// Whether a leg at this stage still waits for an answer to `signal`.
fn waits_for(signal: Signal, stage: Stage) -> bool {
    match signal {
        Signal::Invite => stage == Stage::Calling,
        Signal::End => matches!(stage, Stage::Cancelling | Stage::Closing | Stage::Recovering),
        Signal::Ringing | Signal::Refuse | Signal::Answer | Signal::Ack | Signal::Over => false,
    }
}
