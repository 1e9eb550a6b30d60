//! What keeps strangers from hurting anybody: who is listened to, how much, and who is served first when there is too much.
//!
//! A [`Guard`] looks at every message before it is parsed. The addresses of trunks are known: nothing they send is
//! limited unless a rate is set for them, and they are never banned. Everybody else is a stranger. Strangers get no
//! answer to what would begin something, so that who looks for servers finds none, unless they may prove by digest who
//! they are; what belongs to a call of ours is served whoever sends it. Strangers who send too much, or what only an
//! attacker sends, are banned for a while.
//!
//! The address of a datagram can be forged. So a ban may hit somebody who has sent nothing; it never hits a trunk.
//!
//! [`Intake`] and [`Overload`] decide about the rest: what is served first, and which new calls get 503 when there are
//! more than can be served in time.

mod bans;
mod bucket;
mod glance;
mod intake;
mod network;
mod overload;
mod scanners;
mod sources;

use std::net::IpAddr;
use std::time::{Duration, Instant};

pub use bans::{Ban, BanCause};
pub use bucket::Rate;
pub use glance::{Glance, Kind};
pub use intake::{Intake, Room, Urgency};
pub use network::{Networks, Source, parse_net};
pub use overload::{Overload, OverloadConfig};
pub use sources::{Limit, Offence};

use crate::message::Method;
use bans::Bans;
use bucket::Bucket;
use scanners::Scanners;
use sources::Sources;

/// Knobs of a [`Guard`].
#[derive(Debug, Clone)]
pub struct GuardConfig {
    /// Whether strangers are answered as RFC 3261 wants it, instead of not at all.
    pub answers_strangers: bool,
    /// What one stranger may send. Default 20 a second, 100 at once.
    pub stranger: Rate,
    /// What all strangers together may begin. Default 200 a second, 400 at once.
    pub strangers: Rate,
    /// What one address of a trunk may send; `None`, the default, sets no limit.
    pub trunk: Option<Rate>,
    /// How long a ban lasts. Default an hour.
    pub ban: Duration,
    /// Beginnings of User-Agent values that are banned like those of the scanners known here.
    pub scanners: Vec<String>,
    /// Messages that are none: default 50 within 10 s.
    pub malformed: Limit,
    /// Wrong names or passwords: default 10 within 5 minutes.
    pub digest: Limit,
    /// REGISTER requests from who has nothing to register: default 20 within a minute.
    pub register: Limit,
    /// Messages beyond what one may send: default 1000 within 10 s.
    pub flood: Limit,
    /// Senders that are remembered. Default 16,384.
    pub sources: usize,
    /// Bans at one time. Default 10,000.
    pub bans: usize,
}

impl Default for GuardConfig {
    fn default() -> Self {
        let limit = |times, seconds| Limit { times, within: Duration::from_secs(seconds) };
        Self {
            answers_strangers: false,
            stranger: Rate { per_second: 20, burst: 100 },
            strangers: Rate { per_second: 200, burst: 400 },
            trunk: None,
            ban: Duration::from_secs(3_600),
            scanners: Vec::new(),
            malformed: limit(50, 10),
            digest: limit(10, 300),
            register: limit(20, 60),
            flood: limit(1_000, 10),
            sources: 16_384,
            bans: 10_000,
        }
    }
}

/// How long somebody who has proved to be a trunk's is treated like one, counted from the last proof.
const VOUCHED: Duration = Duration::from_secs(600);

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is served, sooner or later.
    In(Urgency),
    /// It is dropped, and nobody is told.
    Out(Refusal),
}

/// Why a message is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Its sender is banned.
    Banned,
    /// Its sender is banned from now on: a program that looks for servers.
    Scanner,
    /// Its sender has sent too much, or strangers all together have.
    Limited,
    /// A stranger's, and strangers are not answered.
    Stranger,
    /// It is no SIP message, from a stranger.
    Garbage,
}

/// What was counted since the guard was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GuardCounters {
    /// Messages that were looked at.
    pub seen: u64,
    /// Of those, the ones of trunks.
    pub of_trunks: u64,
    /// Dropped: their sender was banned.
    pub banned: u64,
    /// Dropped: their sender sent too much, or all strangers did.
    pub limited: u64,
    /// Dropped: strangers are not answered.
    pub strangers: u64,
    /// Dropped: no SIP messages.
    pub garbage: u64,
    /// Bans that were begun.
    pub bans: u64,
}

/// Decides who is listened to.
#[derive(Debug)]
pub struct Guard {
    config: GuardConfig,
    scanners: Scanners,
    known: Networks,
    /// Whether there is anybody who may prove who he is.
    accounts: bool,
    sources: Sources,
    trunks: Sources,
    strangers: Option<Bucket>,
    bans: Bans,
    counters: GuardCounters,
}

impl Guard {
    /// A guard that knows nobody.
    #[must_use]
    pub fn new(config: GuardConfig) -> Self {
        Self {
            scanners: Scanners::with(&config.scanners),
            known: Networks::default(),
            accounts: false,
            sources: Sources::new(config.sources),
            trunks: Sources::new(config.sources),
            strangers: None,
            bans: Bans::new(config.bans),
            counters: GuardCounters::default(),
            config,
        }
    }

    /// Says which addresses are those of trunks, and whether others may prove by digest to be one. A ban of an address
    /// that is a trunk's now is lifted.
    pub fn set_known(&mut self, known: Networks, accounts: bool) {
        self.bans.lift_where(|source| known.touches(source));
        self.known = known;
        self.accounts = accounts;
    }

    /// Decides about a datagram. `is_ours` says whether a tag is that of a call of ours.
    pub fn admit(
        &mut self,
        now: Instant,
        from: IpAddr,
        datagram: &[u8],
        is_ours: impl FnOnce(&[u8]) -> bool,
    ) -> Admission {
        if let Some(out) = self.before(now, from) {
            return out;
        }
        self.judge(now, from, &Glance::of(datagram), is_ours)
    }

    /// Decides about a message that was parsed already.
    pub fn admit_parsed(
        &mut self,
        now: Instant,
        from: IpAddr,
        glance: &Glance<'_>,
        is_ours: impl FnOnce(&[u8]) -> bool,
    ) -> Admission {
        if let Some(out) = self.before(now, from) {
            return out;
        }
        self.judge(now, from, glance, is_ours)
    }

    /// Whether somebody is banned now. It counts as a message that was dropped for it.
    pub fn is_banned(&mut self, now: Instant, from: IpAddr) -> bool {
        !self.known.contains(from) && self.bans.stops(now, Source::of(from))
    }

    /// Takes note of something that came to light later: a message that does not parse, a wrong password.
    pub fn offend(&mut self, now: Instant, from: IpAddr, offence: Offence) {
        if self.known.contains(from) {
            return;
        }
        let source = Source::of(from);
        let limit = self.limit(offence);
        let seen = self.sources.touch(now, source, self.config.stranger);
        if seen.offend(now, offence, limit) {
            self.begin_ban(now, source, BanCause::Offence(offence));
        }
    }

    /// Somebody there has proved to be a trunk's: for ten minutes what comes from there is not limited.
    pub fn vouch(&mut self, now: Instant, from: IpAddr) {
        let seen = self.sources.touch(now, Source::of(from), self.config.stranger);
        seen.vouched = Some(now + VOUCHED);
        seen.forgive();
    }

    /// Bans whoever is at an address; for so long, or as long as bans last.
    ///
    /// # Errors
    /// [`IsKnown`]: it is an address of a trunk, and those are never banned.
    pub fn ban(&mut self, now: Instant, address: IpAddr, lasts: Option<Duration>) -> Result<Ban, IsKnown> {
        let source = Source::of(address);
        if self.known.touches(source) {
            return Err(IsKnown);
        }
        let until = now + lasts.unwrap_or(self.config.ban);
        self.bans.lift(source);
        self.bans.put(now, source, BanCause::Operator, until);
        self.counters.bans += 1;
        Ok(Ban { source, cause: BanCause::Operator, since: now, until, dropped: 0 })
    }

    /// Lifts the ban of whoever is at an address, and forgets what he did; whether there was one.
    pub fn unban(&mut self, now: Instant, address: IpAddr) -> bool {
        let source = Source::of(address);
        let lifted = self.bans.lift(source);
        if lifted {
            self.sources.touch(now, source, self.config.stranger).forgive();
        }
        lifted
    }

    /// The bans that last, by address.
    pub fn bans(&mut self, now: Instant) -> Vec<Ban> {
        self.bans.all(now)
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> GuardCounters {
        self.counters
    }

    /// Senders that are remembered: never more than [`GuardConfig::sources`], trunks aside.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.sources.len()
    }

    /// What is decided without looking at the message.
    fn before(&mut self, now: Instant, from: IpAddr) -> Option<Admission> {
        self.counters.seen += 1;
        self.is_banned(now, from).then(|| self.out(Refusal::Banned))
    }

    fn judge(
        &mut self,
        now: Instant,
        from: IpAddr,
        glance: &Glance<'_>,
        is_ours: impl FnOnce(&[u8]) -> bool,
    ) -> Admission {
        let source = Source::of(from);
        if self.known.contains(from) {
            self.counters.of_trunks += 1;
            if let Some(rate) = self.config.trunk
                && !self.trunks.touch(now, source, rate).bucket.take(rate, now)
            {
                return self.out(Refusal::Limited);
            }
            return Admission::In(urgency_of(glance));
        }
        if glance.agent.as_deref().is_some_and(|agent| self.scanners.matches(agent)) {
            self.begin_ban(now, source, BanCause::Scanner);
            return self.out(Refusal::Scanner);
        }
        let (stranger, flood) = (self.config.stranger, self.config.flood);
        let seen = self.sources.touch(now, source, stranger);
        if seen.vouched.is_some_and(|until| until > now) {
            return Admission::In(urgency_of(glance));
        }
        if !seen.bucket.take(stranger, now) {
            if seen.offend(now, Offence::Flood, flood) {
                self.begin_ban(now, source, BanCause::Offence(Offence::Flood));
            }
            return self.out(Refusal::Limited);
        }
        match &glance.kind {
            Kind::KeepAlive => self.out(Refusal::Stranger),
            // One that answers nothing of ours is dropped and counted by whoever looks for what it answers.
            Kind::Response => Admission::In(Urgency::Fresh),
            Kind::Garbage => {
                self.offend(now, from, Offence::Malformed);
                if self.config.answers_strangers { self.within_all(now) } else { self.out(Refusal::Garbage) }
            }
            Kind::Request(method) => {
                if glance.to_tag.as_deref().is_some_and(is_ours) {
                    return Admission::In(Urgency::Underway);
                }
                self.begins(now, from, glance, method)
            }
        }
    }

    /// A request of a stranger that belongs to no call of ours.
    fn begins(&mut self, now: Instant, from: IpAddr, glance: &Glance<'_>, method: &Method) -> Admission {
        if *method == Method::Register {
            self.offend(now, from, Offence::Register);
        }
        let may_prove = matches!(method, Method::Invite | Method::Cancel | Method::Ack | Method::Register);
        if !(self.config.answers_strangers || self.accounts && may_prove) {
            return self.out(Refusal::Stranger);
        }
        match self.within_all(now) {
            Admission::In(_) if glance.asks(&Method::Options) => Admission::In(Urgency::Probe),
            other @ (Admission::In(_) | Admission::Out(_)) => other,
        }
    }

    /// What strangers may begin all together.
    fn within_all(&mut self, now: Instant) -> Admission {
        let rate = self.config.strangers;
        let bucket = self.strangers.get_or_insert_with(|| Bucket::full(rate, now));
        if bucket.take(rate, now) { Admission::In(Urgency::Fresh) } else { self.out(Refusal::Limited) }
    }

    fn limit(&self, offence: Offence) -> Limit {
        match offence {
            Offence::Malformed => self.config.malformed,
            Offence::Digest => self.config.digest,
            Offence::Register => self.config.register,
            Offence::Flood => self.config.flood,
        }
    }

    fn begin_ban(&mut self, now: Instant, source: Source, cause: BanCause) {
        if !self.known.touches(source) {
            self.counters.bans += 1;
            self.bans.put(now, source, cause, now + self.config.ban);
        }
    }

    fn out(&mut self, refusal: Refusal) -> Admission {
        let counters = &mut self.counters;
        let counter = match refusal {
            Refusal::Banned | Refusal::Scanner => &mut counters.banned,
            Refusal::Limited => &mut counters.limited,
            Refusal::Stranger => &mut counters.strangers,
            Refusal::Garbage => &mut counters.garbage,
        };
        *counter += 1;
        Admission::Out(refusal)
    }
}

/// The address is that of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is that of a trunk")]
pub struct IsKnown;

/// How soon a message of somebody who is trusted is served.
#[must_use]
pub fn urgency_of(glance: &Glance<'_>) -> Urgency {
    let in_dialog = glance.to_tag.is_some();
    match &glance.kind {
        Kind::Response
        | Kind::KeepAlive
        | Kind::Request(Method::Ack | Method::Cancel | Method::Bye | Method::Prack) => Urgency::Underway,
        Kind::Request(_) if in_dialog => Urgency::Underway,
        Kind::Request(Method::Options) => Urgency::Probe,
        Kind::Request(_) | Kind::Garbage => Urgency::Fresh,
    }
}

#[cfg(test)]
mod tests;
