//! Stands between calls and what carries out their tools and transfers, and remembers what was asked for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callwright_sip::endpoint::{Flow, ListenerId, Transport};
use callwright_sip::message::HostPort;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::agent::record::{Line, Speaker};
use crate::call::outcome::TrunkEvidence;
use crate::call::tools::{Keeping, LookingUp, Offering, Running, ToolContext, Toolbox};
use crate::call::transfer::desk::{
    Admission, LegNote, NotAdmitted, Noting, Permission, SecondLeg, TransferDesk, TransferDial,
};
use crate::call::transfer::destination::Destination;
use crate::id::{AttemptId, CallId, LegId, TrunkId};
use crate::pii::Pii;
use crate::time::{self, Latest};
use crate::trunk::callers::Wording;
use crate::trunk::media::MediaTerms;
use crate::trunk::plan::{InvitePlan, Signing, TrunkRoute};
use crate::trunk::signalling::Manner;

/// How long the INVITE of a second leg may be held up.
const LATE: Duration = Duration::from_secs(5);

/// A tool that was used.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) name: String,
    pub(super) arguments: Value,
    pub(super) result: Value,
}

/// What was seen of all calls.
#[derive(Default)]
pub(super) struct Seen {
    used: Mutex<BTreeMap<CallId, Vec<Used>>>,
    /// What agents have said so far.
    said: Mutex<BTreeMap<CallId, Vec<String>>>,
    /// The telephone that second legs of a call ring at.
    phones: Mutex<BTreeMap<AttemptId, SocketAddr>>,
}

impl Seen {
    /// Tools used in a call, in the order in which they were begun.
    pub(super) fn take(&self, call: CallId) -> Vec<Used> {
        lock(&self.said).remove(&call);
        lock(&self.used).remove(&call).unwrap_or_default()
    }

    /// A line of a call.
    pub(super) fn write(&self, call: CallId, line: &Line) {
        if line.speaker == Speaker::Agent {
            lock(&self.said).entry(call).or_default().push(line.text.expose().clone());
        }
    }

    /// Second legs of this attempt ring at this telephone.
    pub(super) fn expect_at(&self, attempt: AttemptId, phone: SocketAddr) {
        lock(&self.phones).insert(attempt, phone);
    }
}

/// What the agent of one call says, as it was heard.
pub(super) struct Overheard {
    seen: Arc<Seen>,
    call: CallId,
    known: usize,
}

impl Overheard {
    pub(super) const fn new(seen: Arc<Seen>, call: CallId) -> Self {
        Self { seen, call, known: 0 }
    }

    /// What it said since this was asked last.
    pub(super) fn since(&mut self) -> String {
        let said = lock(&self.seen.said);
        let lines = said.get(&self.call).map_or(&[][..], Vec::as_slice);
        let new = lines[self.known.min(lines.len())..].join(" ");
        self.known = lines.len();
        new
    }
}

/// The tools, seen.
pub(super) struct SeenTools {
    pub(super) seen: Arc<Seen>,
    pub(super) tools: Arc<dyn Toolbox>,
}

impl Toolbox for SeenTools {
    fn offering(&self, context: &Arc<ToolContext>) -> Offering {
        self.tools.offering(context)
    }

    fn look_up(&self, context: &Arc<ToolContext>, question: Pii<String>, most: u8, limit: Duration) -> LookingUp {
        self.tools.look_up(context, question, most, limit)
    }

    fn run(
        &self,
        context: &Arc<ToolContext>,
        name: &str,
        arguments: Pii<String>,
        cancelled: CancellationToken,
    ) -> Running {
        let given = serde_json::from_str(arguments.expose()).unwrap_or(Value::Null);
        let used = Used { name: name.to_owned(), arguments: given, result: Value::Null };
        let place = {
            let mut all = lock(&self.seen.used);
            let of_call = all.entry(context.call).or_default();
            of_call.push(used);
            of_call.len() - 1
        };
        let (seen, call) = (Arc::clone(&self.seen), context.call);
        let running = self.tools.run(context, name, arguments, cancelled);
        Box::pin(async move {
            let result = running.await;
            let read = serde_json::from_str(result.expose()).unwrap_or_else(|_| Value::from(result.expose().as_str()));
            if let Some(used) = lock(&seen.used).get_mut(&call).and_then(|of_call| of_call.get_mut(place)) {
                used.result = read;
            }
            result
        })
    }

    fn opt_out(&self, context: &Arc<ToolContext>, words: Pii<String>) -> Keeping {
        self.tools.opt_out(context, words)
    }
}

/// Lets every second leg be dialed: at the telephone of its scenario.
pub(super) struct OpenDesk {
    pub(super) seen: Arc<Seen>,
    pub(super) listener: ListenerId,
    pub(super) transport: Transport,
}

impl OpenDesk {
    fn leg(&self, dial: &TransferDial) -> Result<Box<SecondLeg>, NotAdmitted> {
        let attempt = dial.attempt.ok_or(NotAdmitted::Unreachable)?;
        let peer = lock(&self.seen.phones).get(&attempt).copied().ok_or(NotAdmitted::Unreachable)?;
        let flow = Flow { listener: self.listener, transport: self.transport, peer };
        let domain = HostPort::from(peer);
        let from = dial.from.as_ref().map(|number| number.expose());
        let invite = match &dial.to {
            Destination::Number(number) => {
                let route = TrunkRoute {
                    trunk: TrunkId::from_u128(1),
                    flow,
                    sent_by: None,
                    domain,
                    credentials: None,
                    signing: Signing::default(),
                    media: MediaTerms::default(),
                    wording: Wording::default(),
                    conduct: Manner::default(),
                };
                InvitePlan::new(&route, number.expose(), from)
            }
            Destination::Address(uri) => InvitePlan::to_address(flow, None, uri, from, &domain),
        };
        let now = time::now().mono;
        Ok(Box::new(SecondLeg {
            trunk: dial.trunk,
            leg: dial.leg,
            invite,
            credentials: None,
            evidence: TrunkEvidence::default(),
            send_at: now,
            send_before: Latest::at(now + LATE),
        }))
    }
}

impl TransferDesk for OpenDesk {
    fn permits(&self, _: &TransferDial) -> Permission {
        Box::pin(std::future::ready(Ok(())))
    }

    fn admit(&self, dial: TransferDial) -> Admission {
        let leg = self.leg(&dial);
        Box::pin(std::future::ready(leg))
    }

    fn note(&self, _: LegId, _: LegNote) -> Noting {
        Box::pin(std::future::ready(()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
