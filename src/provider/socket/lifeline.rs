//! When to connect, when a connection is dead, when to give up: decisions without a socket or a clock.
//!
//! ```text
//!              connected                      closed, no sign of life
//!  Connecting -----------> Up --------------------------------------------> (lost)
//!      ^  |                 |  closed as a routine, after living long enough   |
//!      |  |                 +----------------------------> Connecting          |
//!      |  | failed                                                             |
//!      |  v                              tries left                            |
//!      | Waiting <-------------------------------------------------------------+
//!      |  | its time has come                                                  |
//!      +--+                        no tries left, or trying cannot help        v
//!                                                                            Dead
//! ```
//!
//! Tries are counted anew with every connection that stands, whatever it was used for. Connections that end within
//! [`Limits::settled`], or are soon found half-open, are counted apart, so that a server which accepts and then hangs up
//! or says nothing is given up too.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::wire::Closing;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::vendor::Vendor;

/// A connection that was found dead within so long of its beginning was of no use, though it took time to find out.
const DECEIVED: Duration = Duration::from_secs(10);

/// How patient a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for address, TCP, TLS and upgrade together. Default 3 s.
    pub connect: Duration,
    /// A ping after so long without anything from the vendor. Default 20 s.
    pub ping: Duration,
    /// A ping, too, when something was sent and nothing came for so long. Default 1 s.
    pub probe: Duration,
    /// A ping must be answered, or anything else come, within so long. Default 1.5 s. With `probe` it says how long a
    /// half-open connection can deceive us.
    pub pong: Duration,
    /// A vendor that reports all the time must say something so long after it was fed, pongs not counted. Default: off.
    pub talk: Option<Duration>,
    /// Tries after the first that failed, and connections in a row that may end at once. Default 4.
    pub tries: u32,
    /// Wait before the second try, doubled from try to try up to [`Limits::longest`], less up to half by chance.
    /// Default 100 ms.
    pub backoff: Duration,
    /// Longest wait between tries. A vendor that wants to be left alone for longer is given up. Default 2 s.
    pub longest: Duration,
    /// A connection that lived so long was a good one. Default 1 s.
    pub settled: Duration,
    /// Most bytes of a message. Default 4 MiB.
    pub message: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            ping: Duration::from_secs(20),
            probe: Duration::from_secs(1),
            pong: Duration::from_millis(1_500),
            talk: None,
            tries: 4,
            backoff: Duration::from_millis(100),
            longest: Duration::from_secs(2),
            settled: Duration::from_secs(1),
            message: 4 << 20,
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a connection.
    Connect,
    /// Send a ping.
    Ping,
    /// The connection, or the one being made, is to be dropped. Told once for every outage; without an error for a
    /// routine end.
    Lost(Option<Error>),
    /// Drop whatever there is: it is over.
    Dead(Error),
}

/// What came from the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A message.
    Message,
    /// A ping or a pong: the machine lives, which says nothing of the program.
    Pulse,
}

/// The decisions about one session's connections.
#[derive(Debug)]
pub struct Lifeline {
    vendor: Vendor,
    limits: Limits,
    state: State,
    /// Connections that could not be made since one stood.
    failures: u32,
    /// Connections in a row that ended at once.
    flaps: u32,
    /// An outage was told and no connection has stood since.
    down: bool,
    random: u64,
    steps: VecDeque<Step>,
}

#[derive(Debug)]
enum State {
    Connecting { deadline: Instant },
    Up(Up),
    Waiting { until: Instant },
    Dead,
}

#[derive(Debug)]
struct Up {
    since: Instant,
    /// Anything came.
    heard: Instant,
    /// The first message that went out since anything came.
    asked: Option<Instant>,
    /// The first feed since a message came.
    fed: Option<Instant>,
    /// A ping went out and nothing came since.
    pinged: Option<Instant>,
    /// Nobody reads at the moment, so nothing can be concluded from silence.
    paused: bool,
}

impl Lifeline {
    /// Begins with a [`Step::Connect`]. The seed decides the waits.
    #[must_use]
    pub fn new(now: Instant, vendor: Vendor, limits: Limits, seed: u64) -> Self {
        let state = State::Connecting { deadline: now + limits.connect };
        let steps = VecDeque::from([Step::Connect]);
        Self { vendor, limits, state, failures: 0, flaps: 0, down: false, random: seed, steps }
    }

    /// The next thing to do; to be asked until there is none after every other method.
    pub fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// The connection stands.
    pub fn connected(&mut self, now: Instant) {
        if let State::Connecting { .. } = self.state {
            self.failures = 0;
            self.down = false;
            let up = Up { since: now, heard: now, asked: None, fed: None, pinged: None, paused: false };
            self.state = State::Up(up);
        }
    }

    /// Whether a connection is being made.
    #[must_use]
    pub const fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting { .. })
    }

    /// The connection could not be made.
    pub fn failed(&mut self, now: Instant, error: Error) {
        if let State::Connecting { .. } = self.state {
            self.failures += 1;
            self.try_again(now, error, self.failures);
        }
    }

    /// A message goes out; `fed` when the vendor is bound to say something about it.
    pub fn sent(&mut self, now: Instant, fed: bool) {
        if let State::Up(up) = &mut self.state {
            up.asked.get_or_insert(now);
            if fed {
                up.fed.get_or_insert(now);
            }
        }
    }

    /// Something came.
    pub fn received(&mut self, now: Instant, sign: Sign) {
        if let State::Up(up) = &mut self.state {
            up.heard = now;
            up.asked = None;
            up.pinged = None;
            if sign == Sign::Message {
                up.fed = None;
            }
        }
    }

    /// Whether somebody reads. While nobody does, silence means nothing.
    pub fn reading(&mut self, now: Instant, reading: bool) {
        if let State::Up(up) = &mut self.state {
            if up.paused && reading {
                up.heard = now;
                (up.asked, up.fed, up.pinged) = (None, None, None);
            }
            up.paused = !reading;
        }
    }

    /// The connection has ended, or is to end.
    pub fn closed(&mut self, now: Instant, closing: Closing) {
        let State::Up(up) = &self.state else { return };
        let lived = now.saturating_duration_since(up.since);
        let deceived = matches!(&closing, Closing::Failed(error) if error.kind == ErrorKind::TimedOut);
        let flapping = lived < if deceived { DECEIVED } else { self.limits.settled };
        self.flaps = if flapping { self.flaps + 1 } else { 0 };
        match closing {
            Closing::Routine if !flapping => {
                self.steps.push_back(Step::Lost(None));
                self.connect(now);
            }
            Closing::Routine => {
                let error = self.vendor.error(ErrorKind::Broken, "it closes as soon as it is connected");
                self.try_again(now, error, self.flaps);
            }
            // Finding out took long enough.
            Closing::Failed(error) if deceived && self.flaps <= self.limits.tries => {
                self.outage(error);
                self.connect(now);
            }
            Closing::Failed(error) => self.try_again(now, error, self.flaps),
        }
    }

    /// When [`timeout`](Self::timeout) is wanted, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        match &self.state {
            State::Connecting { deadline } => Some((*deadline, "connecting takes too long")),
            State::Waiting { until } => Some((*until, "next try")),
            State::Up(up) if up.paused => None,
            State::Up(up) => up.next(&self.limits),
            State::Dead => None,
        }
    }

    /// That moment may have come.
    pub fn timeout(&mut self, now: Instant) {
        let Some((due, why)) = self.poll_timeout() else { return };
        if now < due {
            return;
        }
        match &mut self.state {
            State::Connecting { .. } => {
                let error = self.vendor.error(ErrorKind::TimedOut, why);
                self.failed(now, error);
            }
            State::Waiting { .. } => self.connect(now),
            State::Up(up) if why == PULSE => {
                up.pinged = Some(now);
                self.steps.push_back(Step::Ping);
            }
            State::Up(_) => {
                let error = self.vendor.error(ErrorKind::TimedOut, why);
                self.closed(now, Closing::Failed(error));
            }
            State::Dead => {}
        }
    }

    /// The first try after a connection that had lived is made at once.
    fn try_again(&mut self, now: Instant, error: Error, count: u32) {
        let wait = self.backoff(count).max(error.after.unwrap_or_default());
        if !error.kind.is_retryable() || count > self.limits.tries || wait > self.limits.longest {
            self.state = State::Dead;
            self.steps.push_back(Step::Dead(error));
            return;
        }
        self.outage(error);
        if wait.is_zero() {
            self.connect(now);
        } else {
            self.state = State::Waiting { until: now + wait };
        }
    }

    /// Tells an outage, once.
    fn outage(&mut self, error: Error) {
        if !std::mem::replace(&mut self.down, true) {
            self.steps.push_back(Step::Lost(Some(error)));
        }
    }

    fn connect(&mut self, now: Instant) {
        self.state = State::Connecting { deadline: now + self.limits.connect };
        self.steps.push_back(Step::Connect);
    }

    fn backoff(&mut self, count: u32) -> Duration {
        let Some(doublings) = count.checked_sub(1) else { return Duration::ZERO };
        let whole = self.limits.backoff.saturating_mul(1 << doublings.min(16)).min(self.limits.longest);
        whole.mul_f64(1.0 - self.chance() / 2.0)
    }

    /// A number from 0 to 1 (SplitMix64).
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const PULSE: &str = "a ping is due";

impl Up {
    fn next(&self, limits: &Limits) -> Option<(Instant, &'static str)> {
        let pulse = match self.pinged {
            Some(pinged) => (pinged + limits.pong, "half-open: no sign of life"),
            None => {
                let idle = self.heard + limits.ping;
                (self.asked.map_or(idle, |asked| idle.min(asked + limits.probe)), PULSE)
            }
        };
        let talk = self.fed.zip(limits.talk).map(|(fed, talk)| (fed + talk, "it is fed and says nothing"));
        talk.into_iter().chain([pulse]).min_by_key(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests;
