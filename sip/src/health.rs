//! Peers that are watched by OPTIONS: whether they answer, and whether the path to them through a NAT is still the same.
//!
//! ```text
//!                answers                 `fail_after` failures in a row
//!   UNKNOWN ───────────────► UP ◄──────────────────────────────────► DOWN
//!      │                      ▲       `recover_after` answers          │ answers
//!      │ `fail_after` failures└───────────── HALF OPEN ◄───────────────┘
//!      └─────────────────────────► DOWN ◄────────┘ fails
//! ```

use crate::endpoint::core::{Core, Delivered, Owner};
use crate::endpoint::envelope::top_via;
use crate::endpoint::probe::{OpenProbe, Progress};
use crate::endpoint::{Event, Health, Probe, WakeReason, Watch, WatchId};
use crate::message::header::{RetryAfter, Rport};
use crate::message::{Headers, StatusCode};
use crate::transaction::TransactionId;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// No interval is below this, whatever is asked for.
const SHORTEST: Duration = Duration::from_secs(1);
/// A Retry-After is obeyed up to here.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// A peer that is watched.
#[derive(Debug)]
pub(crate) struct Watcher {
    id: WatchId,
    pub(crate) spec: Watch,
    health: Health,
    probe: Option<OpenProbe>,
    /// Failures in a row.
    failures: u32,
    /// Answers in a row since it was down.
    answers: u32,
    /// The address under which the peer sees us.
    seen_as: Option<SocketAddr>,
}

impl Watcher {
    /// Begins to watch; the first probe leaves at once.
    pub(crate) fn start(core: &mut Core, now: Instant, id: WatchId, mut spec: Watch) -> Self {
        for span in [&mut spec.interval, &mut spec.hurry, &mut spec.patience] {
            *span = (*span).max(SHORTEST);
        }
        let mut watcher =
            Self { id, spec, health: Health::Unknown, probe: None, failures: 0, answers: 0, seen_as: None };
        watcher.ask(core, now);
        watcher
    }

    /// Ends it; nothing is told any more.
    pub(crate) fn stop(&mut self, core: &mut Core) {
        core.timers.clear(WakeReason::Watch(self.id));
        if let Some(probe) = self.probe.take() {
            core.forget_client(probe.transaction);
        }
    }

    /// Time for the next probe, or the one under way took too long.
    pub(crate) fn on_deadline(&mut self, core: &mut Core, now: Instant) {
        match self.probe.take() {
            Some(probe) => {
                // Its answer is of no more interest, so that it need not be asked for again and again.
                core.forget_client(probe.transaction);
                self.judge(core, now, None, None);
            }
            None => self.ask(core, now),
        }
    }

    /// The outcome of a probe. Tells of another address under which the peer sees us.
    pub(crate) fn on_delivery(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) -> Option<Rebound> {
        let probe = self.probe.as_mut().filter(|probe| probe.transaction == transaction)?;
        let Progress::Over { status, .. } = probe.on_delivery(core, now, transaction, what) else { return None };
        self.probe = None;
        let headers = match what {
            Delivered::Response(response) => Some(&response.headers),
            Delivered::Failed { .. } => None,
        };
        let retry_after = headers.and_then(|headers| headers.try_typed::<RetryAfter>().ok().flatten());
        let retry_after = retry_after.map(|after| Duration::from_secs(u64::from(after.seconds)));
        self.judge(core, now, status, retry_after);
        headers.and_then(|headers| rebound(&mut self.seen_as, headers))
    }

    fn ask(&mut self, core: &mut Core, now: Instant) {
        let Watch { uri, flow, credentials, .. } = self.spec.clone();
        // Each has a Call-ID of its own: none is taken for the one before come again.
        let probe = Probe { uri, flow, key: core.random.leg_key(), credentials };
        self.probe = Some(OpenProbe::send(core, now, Owner::Watch(self.id), probe));
        core.timers.set(now + self.spec.patience, WakeReason::Watch(self.id));
    }

    /// Learns from an answer, or from none, and sets the time of the next probe.
    fn judge(&mut self, core: &mut Core, now: Instant, status: Option<StatusCode>, retry_after: Option<Duration>) {
        // 503 says so itself, and a proxy says 408 where there is nobody behind it. Whatever else is said, somebody says it.
        let well = status
            .is_some_and(|status| status != StatusCode::SERVICE_UNAVAILABLE && status != StatusCode::REQUEST_TIMEOUT);
        (self.failures, self.answers) = if well { (0, self.answers + 1) } else { (self.failures + 1, 0) };
        let health = match self.health {
            Health::Unknown | Health::Up if well => Health::Up,
            Health::Unknown | Health::Up if self.failures >= self.spec.fail_after => Health::Down,
            Health::Unknown | Health::Up => self.health,
            Health::Down | Health::HalfOpen if !well => Health::Down,
            Health::Down | Health::HalfOpen if self.answers >= self.spec.recover_after => Health::Up,
            Health::Down | Health::HalfOpen => Health::HalfOpen,
        };
        if health != self.health {
            self.health = health;
            core.emit_progress(Event::Health { watch: self.id, health, status });
        }
        let steady = health == Health::Up && self.failures == 0;
        let doubled = self.spec.hurry.saturating_mul(1 << self.failures.saturating_sub(1).min(10));
        let pause = if steady { self.spec.interval } else { doubled.min(self.spec.interval) };
        // A tenth of chance, so that many trunks are not asked at one moment.
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let pause = Duration::from_millis(core.random.between(millis - millis / 10, millis));
        let told = retry_after.filter(|_| !well).unwrap_or_default().min(LONGEST_RETRY_AFTER);
        core.timers.set(now + pause.max(told), WakeReason::Watch(self.id));
    }
}

/// The address under which a peer sees us is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rebound {
    pub(crate) was: SocketAddr,
    pub(crate) is: SocketAddr,
}

/// Notes what the Via of a response says about where its request came from (RFC 3581 section 4), and whether that changed.
pub(crate) fn rebound(seen_as: &mut Option<SocketAddr>, headers: &Headers) -> Option<Rebound> {
    let via = top_via(headers)?;
    let Some(Rport::Port(port)) = via.rport else { return None };
    let is = SocketAddr::new(via.received.or(via.sent_by.host.ip())?, port);
    let was = seen_as.replace(is)?;
    (was != is).then_some(Rebound { was, is })
}
