//! What stands before the endpoint: who is let in, what waits, and what is turned away when there is too much.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use callwright_sip::endpoint::{Callers, Counters, Flow, ListenerId, SessionId, Shedding, Transport};
use callwright_sip::guard::{
    Admission, Ban, Glance, Guard, GuardConfig, GuardCounters, Intake, IsKnown, Networks, Offence, Overload,
    OverloadConfig, Room, Urgency,
};
use callwright_sip::trace::Way;
use tokio::sync::oneshot;

use super::handle::Command;
use super::{Driver, SipHandle, SipStopped};
use crate::time;

/// How often the delay is looked at while new things come in.
const TICK: Duration = Duration::from_millis(20);
/// Nothing new for so long, and nobody looks.
const QUIET: Duration = Duration::from_secs(2);
/// More than ever wait.
const MOST_WAITING: usize = 65_536;

/// How a node protects itself.
#[derive(Clone, Debug)]
pub struct Protection {
    /// Whether strangers are told from others at all.
    pub enabled: bool,
    /// Whom it listens to.
    pub guard: GuardConfig,
    /// When it turns new calls away.
    pub overload: OverloadConfig,
}

impl Protection {
    /// Everybody is listened to, and new calls are turned away only when [`INCOMING`](super::INCOMING) wait.
    #[must_use]
    pub fn off() -> Self {
        let overload =
            OverloadConfig { target: Duration::MAX, most_waiting: MOST_WAITING, ..OverloadConfig::default() };
        Self { enabled: false, guard: GuardConfig::default(), overload }
    }
}

/// What the guard has done and does.
#[derive(Clone, Debug)]
pub struct GuardReport {
    /// The bans that last.
    pub bans: Vec<Ban>,
    /// What the guard counted.
    pub guard: GuardCounters,
    /// What the endpoint counted.
    pub endpoint: Counters,
    /// Messages that were dropped because too many waited.
    pub crowded: u64,
    /// Messages that wait now.
    pub queued: usize,
    /// Calls that have come in and wait for their first answer.
    pub waiting: usize,
    /// What part of new calls is turned away now, in thousandths.
    pub shedding: u32,
    /// Senders that are remembered.
    pub remembered: usize,
}

/// What the guard is asked.
#[derive(Debug)]
pub(super) enum GuardOrder {
    Report(oneshot::Sender<GuardReport>),
    Ban(IpAddr, Option<Duration>, oneshot::Sender<Result<Ban, IsKnown>>),
    Unban(IpAddr, oneshot::Sender<bool>),
    Know(Box<Networks>, Box<Callers>),
}

impl SipHandle {
    /// What the guard has done and does.
    ///
    /// # Errors
    /// The server stops.
    pub async fn guard(&self) -> Result<GuardReport, SipStopped> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Guard(GuardOrder::Report(reply))).await?;
        answer.await.map_err(|_| SipStopped)
    }

    /// Bans whoever is at an address, for so long or as long as bans last. `Err` within: it is an address of a trunk.
    ///
    /// # Errors
    /// The server stops.
    pub async fn ban(&self, address: IpAddr, lasts: Option<Duration>) -> Result<Result<Ban, IsKnown>, SipStopped> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Guard(GuardOrder::Ban(address, lasts, reply))).await?;
        answer.await.map_err(|_| SipStopped)
    }

    /// Lifts the ban of whoever is at an address; whether there was one.
    ///
    /// # Errors
    /// The server stops.
    pub async fn unban(&self, address: IpAddr) -> Result<bool, SipStopped> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Guard(GuardOrder::Unban(address, reply))).await?;
        answer.await.map_err(|_| SipStopped)
    }

    /// Says which addresses are those of trunks, and who of them and of others has to prove it.
    ///
    /// # Errors
    /// The server stops.
    pub async fn know(&self, known: Networks, callers: Callers) -> Result<(), SipStopped> {
        self.send(Command::Guard(GuardOrder::Know(Box::new(known), Box::new(callers)))).await
    }
}

/// A datagram that waits.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) listener: ListenerId,
    pub(super) peer: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Warden {
    enabled: bool,
    guard: Guard,
    intake: Intake<Datagram>,
    overload: Overload,
    /// Calls that have come in and have no answer of ours yet.
    waiting: BTreeSet<SessionId>,
    crowded: u64,
    /// When something new came in last.
    fresh_at: Option<Instant>,
    tick_at: Option<Instant>,
}

impl Warden {
    pub(super) fn new(protection: Protection) -> Self {
        Self {
            enabled: protection.enabled,
            guard: Guard::new(protection.guard),
            intake: Intake::new(Room::default()),
            overload: Overload::new(protection.overload),
            waiting: BTreeSet::new(),
            crowded: 0,
            fresh_at: None,
            tick_at: None,
        }
    }

    /// Lets a datagram wait, if it is let in and there is room.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        listener: ListenerId,
        peer: SocketAddr,
        bytes: &[u8],
        is_ours: impl Fn(&[u8]) -> bool,
    ) {
        let urgency = if self.enabled {
            match self.guard.admit(now, peer.ip(), bytes, is_ours) {
                Admission::In(urgency) => urgency,
                Admission::Out(_) => return,
            }
        } else {
            callwright_sip::guard::urgency_of(&Glance::of(bytes))
        };
        if urgency != Urgency::Underway {
            self.note_fresh(now);
        }
        let datagram = Datagram { listener, peer, bytes: bytes.to_vec() };
        if self.intake.push(now, urgency, bytes.len(), datagram).is_err() {
            self.crowded += 1;
        }
    }

    /// Whether a message of a connection is served.
    pub(super) fn admits(&mut self, now: Instant, from: IpAddr, glance: &Glance<'_>, ours: bool) -> bool {
        !self.enabled || matches!(self.guard.admit_parsed(now, from, glance, |_| ours), Admission::In(_))
    }

    pub(super) fn is_banned(&mut self, now: Instant, from: IpAddr) -> bool {
        self.enabled && self.guard.is_banned(now, from)
    }

    /// The next datagram to be served, and what is turned away if it begins something.
    pub(super) fn next(&mut self) -> Option<(Datagram, Shedding)> {
        let (urgency, datagram) = self.intake.pop()?;
        let shedding =
            self.shedding(urgency == Urgency::Fresh && datagram.bytes.trim_ascii_start().starts_with(b"INVITE "));
        Some((datagram, shedding))
    }

    /// What is turned away of bytes that came over a connection.
    pub(super) fn shedding_of(&mut self, now: Instant, bytes: &[u8]) -> Shedding {
        let invites = bytes.trim_ascii_start().starts_with(b"INVITE ");
        if invites {
            self.note_fresh(now);
        }
        self.shedding(invites)
    }

    fn shedding(&mut self, invites: bool) -> Shedding {
        let calls = invites && !self.overload.lets_in(self.waiting.len());
        Shedding { calls, probes: self.overload.is_on() }
    }

    pub(super) fn has_more(&self) -> bool {
        !self.intake.is_empty()
    }

    /// We got to work so late after the timer's time.
    pub(super) fn late(&mut self, now: Instant, late: Duration) {
        self.overload.observe(now, late.max(self.intake.delay(now)));
    }

    /// When the driver has to be woken to see how late it is.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Instant> {
        let fresh = self.fresh_at.is_some_and(|at| now.saturating_duration_since(at) < QUIET);
        self.tick_at = match self.tick_at {
            _ if !fresh => None,
            Some(at) if at > now => Some(at),
            Some(_) | None => Some(now + TICK),
        };
        self.tick_at
    }

    pub(super) fn offered(&mut self, session: SessionId) {
        self.waiting.insert(session);
    }

    pub(super) fn answered(&mut self, session: SessionId) {
        self.waiting.remove(&session);
    }

    pub(super) fn offends(&mut self, now: Instant, flow: Flow, offence: Offence) {
        if self.enabled {
            self.guard.offend(now, flow.peer.ip(), offence);
        }
    }

    pub(super) fn vouch(&mut self, now: Instant, flow: Flow) {
        self.guard.vouch(now, flow.peer.ip());
    }

    fn note_fresh(&mut self, now: Instant) {
        self.fresh_at = Some(now);
    }
}

impl Driver {
    /// Serves what waits, at most [`BUDGET`](super::BUDGET) messages; `true` when more wait.
    pub(super) fn serve(&mut self, now: Instant) -> bool {
        for _ in 0..super::BUDGET {
            let Some((datagram, shedding)) = self.warden.next() else { return false };
            self.endpoint.set_shedding(shedding);
            if let Some(tap) = &self.tap {
                let flow = Flow { listener: datagram.listener, transport: Transport::Udp, peer: datagram.peer };
                tap.show(now, Way::Received, flow, &datagram.bytes);
            }
            self.endpoint.handle_datagram(now, datagram.listener, datagram.peer, &datagram.bytes);
        }
        self.warden.has_more()
    }

    /// Bytes of a connection. `false` when it has to be closed.
    pub(super) fn serve_stream(&mut self, now: Instant, flow: Flow, bytes: &[u8]) -> bool {
        let from = flow.peer.ip();
        let warden = &mut self.warden;
        self.endpoint.set_shedding(warden.shedding_of(now, bytes));
        let mut admits = |glance: &Glance<'_>, ours: bool| warden.admits(now, from, glance, ours);
        let tap = self.tap.as_ref();
        let mut seen = |message: &[u8]| {
            if let Some(tap) = tap {
                tap.show(now, Way::Received, flow, message);
            }
        };
        let seen = tap.map(|_| &mut seen as &mut dyn FnMut(&[u8]));
        let framed = self.endpoint.handle_stream_with(now, flow, bytes, &mut admits, seen);
        framed.is_ok() && !self.warden.is_banned(now, from)
    }

    pub(super) fn order_guard(&mut self, order: GuardOrder) {
        let now = time::now().mono;
        let warden = &mut self.warden;
        match order {
            GuardOrder::Report(reply) => {
                let report = GuardReport {
                    bans: warden.guard.bans(now),
                    guard: warden.guard.counters(),
                    endpoint: self.endpoint.counters(),
                    crowded: warden.crowded,
                    queued: warden.intake.len(),
                    waiting: warden.waiting.len(),
                    shedding: warden.overload.share(),
                    remembered: warden.guard.remembered(),
                };
                let _ = reply.send(report);
            }
            GuardOrder::Ban(address, lasts, reply) => {
                let _ = reply.send(warden.guard.ban(now, address, lasts));
            }
            GuardOrder::Unban(address, reply) => {
                let _ = reply.send(warden.guard.unban(now, address));
            }
            GuardOrder::Know(known, callers) => {
                warden.guard.set_known(*known, !callers.accounts.is_empty());
                self.endpoint.set_callers(*callers);
            }
        }
    }
}
