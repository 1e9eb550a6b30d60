//! Calls that come in: who may call, and who answers.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use callwright_sip::endpoint::IncomingInvite;
use callwright_sip::message::header::{From as FromHeader, PAssertedIdentity};
use callwright_sip::message::{StatusCode, Uri};

use crate::agent::assistant::AssistantVersion;
use crate::campaign::phone::E164;
use crate::id::{CallId, OrgId, TrunkId};
use crate::pii::Pii;
use crate::stir::verdict::IdentityPolicy;

/// Counts calls that come in against what their organisation may have at one time, over all nodes.
pub trait Door: Send + Sync {
    /// Whether a call may come in. Answers within half a second, whatever the database does.
    fn admit(&self, call: CallId, org: OrgId, trunk: TrunkId) -> Entering;

    /// An admitted call is over, or was not taken after all.
    fn over(&self, call: CallId);
}

/// A call that waits at the door.
pub type Entering = Pin<Box<dyn Future<Output = Entrance> + Send>>;

/// Whether a call may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// It counts from now on.
    Open,
    /// The organisation has as many calls as it may.
    Full,
    /// The database did not answer: what this node knows by itself has to do.
    Unknown,
}

/// What a trunk may bring in.
#[derive(Clone, Debug)]
pub struct InboundRoute {
    /// The trunk.
    pub trunk: TrunkId,
    /// Whose it is.
    pub org: OrgId,
    /// The addresses its calls come from.
    pub sources: BTreeSet<IpAddr>,
    /// Who answers which number.
    pub numbers: BTreeMap<Pii<E164>, Arc<AssistantVersion>>,
    /// Who answers calls to any other user part; without it they get 404.
    pub otherwise: Option<Arc<AssistantVersion>>,
    /// Calls of the organisation at one time, in and out; further ones get 486.
    pub max_org_calls: usize,
    /// What is done about signatures of its calls.
    pub identity: IdentityPolicy,
}

/// All trunks that may bring calls in.
#[derive(Clone, Debug, Default)]
pub struct InboundRoutes {
    routes: Vec<InboundRoute>,
}

/// An incoming call that may be taken.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    pub(super) trunk: TrunkId,
    pub(super) org: OrgId,
    pub(super) assistant: Arc<AssistantVersion>,
    pub(super) max_org_calls: usize,
    pub(super) identity: IdentityPolicy,
    pub(super) caller: Option<Pii<E164>>,
    pub(super) called: Option<Pii<E164>>,
}

impl InboundRoutes {
    /// Routes in order: the first trunk with a call's source address has it.
    #[must_use]
    pub fn new(routes: Vec<InboundRoute>) -> Self {
        Self { routes }
    }

    /// Finds who answers. `Err` is the status of the refusal: 403 for an unknown source, 404 for an unknown number.
    pub(super) fn admit(&self, invite: &IncomingInvite) -> Result<Admitted, StatusCode> {
        let source = invite.flow.peer.ip().to_canonical();
        let route = self.routes.iter().find(|route| route.sources.contains(&source)).ok_or(StatusCode::FORBIDDEN)?;
        let called = number(&invite.request.uri);
        let assistant = called
            .as_ref()
            .and_then(|number| route.numbers.get(number))
            .or(route.otherwise.as_ref())
            .ok_or(StatusCode::NOT_FOUND)?;
        let asserted = invite.request.headers.typed_all::<PAssertedIdentity>().unwrap_or_default();
        let asserted = asserted.iter().find_map(|identity| number(&identity.0.uri));
        let shown = || invite.request.headers.typed::<FromHeader>().ok().and_then(|from| number(&from.0.uri));
        Ok(Admitted {
            trunk: route.trunk,
            org: route.org,
            assistant: Arc::clone(assistant),
            max_org_calls: route.max_org_calls,
            identity: route.identity,
            caller: asserted.or_else(shown),
            called,
        })
    }
}

/// The number in the user part of a URI, with or without its plus.
fn number(uri: &Uri) -> Option<Pii<E164>> {
    let user = uri.user_text()?;
    let text = std::str::from_utf8(&user).ok()?;
    let digits = text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or(text);
    format!("+{digits}").parse().ok().map(Pii::new)
}
