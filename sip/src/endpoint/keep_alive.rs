//! Connections that the shell opened are kept up, and found dead, by pings (RFC 5626 sections 3.5.1 and 4.4.1).
//!
//! A double CRLF leaves every 20 to 30 seconds, or sooner where a registrar asks for it, so that no NAT or firewall on the way forgets the connection. A far end that
//! has answered one by a CRLF and then lets ten seconds pass without a byte is gone: the shell is told to close, and what
//! waits for a first answer fails. A far end that has never answered need not know of pings; its silence means nothing.

use super::Endpoint;
use super::event::RegistrationId;
use super::flow::{Flow, TransmitId};
use super::timers::WakeReason;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// From one ping to the next, in milliseconds, by lot: connections opened together do not stay in step.
const INTERVAL: (u64, u64) = (20_000, 30_000);
/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections that are kept alive.
#[derive(Debug, Default)]
pub(super) struct KeptFlows {
    by_flow: BTreeMap<Flow, u64>,
    flows: BTreeMap<u64, Kept>,
    dead: VecDeque<Flow>,
}

#[derive(Debug)]
struct Kept {
    flow: Flow,
    /// Whether a ping has just left, bytes have come since, and its answer among them.
    asked: bool,
    heard: bool,
    answered: bool,
    /// Whether the far end knows of pings.
    answers: bool,
    /// The longest from one ping to the next that its registrar allows, in milliseconds.
    most: u64,
}

impl Kept {
    fn new(flow: Flow) -> Self {
        Self { flow, asked: false, heard: false, answered: false, answers: false, most: INTERVAL.1 }
    }

    /// From one ping to the next, in milliseconds: four fifths of the longest to all of it where that is short (RFC 5626
    /// section 4.4.1).
    fn interval(&self) -> (u64, u64) {
        (INTERVAL.0.min(self.most / 5 * 4), INTERVAL.1.min(self.most))
    }
}

impl KeptFlows {
    /// Bytes came.
    pub(super) fn heard(&mut self, flow: Flow) {
        if let Some(kept) = self.get(flow) {
            kept.heard = true;
        }
    }

    /// A lone CRLF came; whether it answers a ping of ours.
    pub(super) fn is_answer(&mut self, flow: Flow) -> bool {
        let Some(kept) = self.get(flow).filter(|kept| kept.asked && !kept.answered) else { return false };
        (kept.answered, kept.answers) = (true, true);
        true
    }

    fn get(&mut self, flow: Flow) -> Option<&mut Kept> {
        self.flows.get_mut(self.by_flow.get(&flow)?)
    }

    fn forget(&mut self, flow: Flow) -> Option<u64> {
        let id = self.by_flow.remove(&flow)?;
        self.flows.remove(&id);
        Some(id)
    }
}

impl Endpoint {
    /// The shell has opened this connection: what comes on it starts a new message, and it is kept alive until
    /// [`handle_closed`](Self::handle_closed). At most [`Config::max_streams`](super::Config::max_streams) are; further ones,
    /// and flows over UDP, are left to themselves.
    pub fn handle_opened(&mut self, now: Instant, flow: Flow) {
        // Of an earlier connection to the same peer, whose end need not have been told, nothing counts any more.
        self.streams.remove(&flow);
        self.forget_kept(flow);
        if self.kept.flows.len() >= self.core.config.max_streams || !flow.transport.is_reliable() {
            return;
        }
        let id = self.core.fresh_id();
        self.kept.by_flow.insert(flow, id);
        self.kept.flows.insert(id, Kept::new(flow));
        let first = self.core.random.between(INTERVAL.0, INTERVAL.1);
        self.core.timers.set(now + Duration::from_millis(first), WakeReason::KeepAlive(id));
    }

    /// A connection that is dead: the shell closes it without being told again, and need not say so by
    /// [`handle_closed`](Self::handle_closed).
    pub fn poll_close(&mut self) -> Option<Flow> {
        self.kept.dead.pop_front()
    }

    pub(super) fn on_keep_alive(&mut self, now: Instant, id: u64) {
        let Some(kept) = self.kept.flows.get_mut(&id) else { return };
        let flow = kept.flow;
        let after = if !kept.asked {
            (kept.asked, kept.heard, kept.answered) = (true, false, false);
            self.core.transmit(flow, b"\r\n\r\n".to_vec(), TransmitId::UNTRACKED);
            PATIENCE
        } else if kept.heard || !kept.answers {
            kept.asked = false;
            let (least, most) = kept.interval();
            Duration::from_millis(self.core.random.between(least, most)).saturating_sub(PATIENCE)
        } else {
            self.kept.dead.push_back(flow);
            return self.handle_closed(now, flow);
        };
        self.core.timers.set(now + after, WakeReason::KeepAlive(id));
    }

    /// What the response to a REGISTER says of its connection.
    pub(super) fn heed_flow_news(&mut self, now: Instant, id: RegistrationId) {
        let Some(binding) = self.registrations.get_mut(&id) else { return };
        let flow = binding.flow();
        if let Some(seconds) = binding.take_flow_timer()
            && let Some(kept) = self.kept.get(flow)
        {
            kept.most = u64::from(seconds) * 1_000;
        }
        if binding.take_flow_failed() && flow.transport.is_reliable() {
            self.kept.dead.push_back(flow);
            self.handle_closed(now, flow);
        }
    }

    pub(super) fn forget_kept(&mut self, flow: Flow) {
        if let Some(id) = self.kept.forget(flow) {
            self.core.timers.clear(WakeReason::KeepAlive(id));
        }
    }
}
