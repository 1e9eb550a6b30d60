//! Calls that come in: who may call, and who answers.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use callwright_sip::endpoint::{AccountId, External, IncomingInvite};
use callwright_sip::guard::Networks;
use callwright_sip::message::{StatusCode, Uri};

use crate::agent::assistant::AssistantVersion;
use crate::campaign::phone::E164;
use crate::id::{CallId, OrgId, TrunkId};
use crate::pii::Pii;
use crate::stir::verdict::IdentityPolicy;
use crate::trunk::callers::{Arrival, Wording};
use crate::trunk::media::MediaTerms;

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
    /// Further ones, and networks.
    pub networks: Networks,
    /// Whether its calls have to prove to be the trunk's, and where they come from counts for nothing.
    pub proves: bool,
    /// Who answers calls to numbers that begin with these digits; the longest counts.
    pub numbers: BTreeMap<Pii<String>, Arc<AssistantVersion>>,
    /// Who answers calls to any other user part; without it they get 404.
    pub otherwise: Option<Arc<AssistantVersion>>,
    /// Calls of the organisation at one time, in and out; further ones get 486.
    pub max_org_calls: usize,
    /// What is done about signatures of its calls.
    pub identity: IdentityPolicy,
    /// What the audio of its calls is like.
    pub media: MediaTerms,
    /// How it writes numbers, and what it is believed about callers.
    pub wording: Wording,
    /// Where it sees us, if not at the address that the listener advertises.
    pub external: Option<External>,
    /// Whether its calls may take the place of its live ones (RFC 3891).
    pub replaces: bool,
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
    pub(super) media: MediaTerms,
    pub(super) arrival: Arrival,
    pub(super) called: Option<Pii<E164>>,
    pub(super) external: Option<External>,
}

impl InboundRoutes {
    /// Routes in order: the first trunk with a call's source address has it. Whoever has proved to be a trunk's is that one's.
    #[must_use]
    pub fn new(routes: Vec<InboundRoute>) -> Self {
        Self { routes }
    }

    /// Finds who answers. `Err` is the status of the refusal: 403 for an unknown source, 404 for an unknown number.
    pub(super) fn admit(&self, invite: &IncomingInvite) -> Result<Admitted, StatusCode> {
        let route = self.brings(invite).ok_or(StatusCode::FORBIDDEN)?;
        let called = route.wording.incoming_called(&invite.request.uri);
        let assistant = route.answers(&invite.request.uri).ok_or(StatusCode::NOT_FOUND)?;
        Ok(Admitted {
            trunk: route.trunk,
            org: route.org,
            assistant: Arc::clone(assistant),
            max_org_calls: route.max_org_calls,
            identity: route.identity,
            media: route.media.clone(),
            arrival: route.wording.arrival(&invite.request),
            called,
            external: route.external,
        })
    }

    /// The trunk that a call comes from.
    pub(super) fn brings(&self, invite: &IncomingInvite) -> Option<&InboundRoute> {
        let source = invite.flow.peer.ip().to_canonical();
        self.routes.iter().find(|route| match invite.account {
            Some(AccountId(trunk)) => route.proves && route.trunk == TrunkId::from_u128(trunk),
            None => !route.proves && (route.sources.contains(&source) || route.networks.contains(source)),
        })
    }
}

impl InboundRoute {
    /// Who answers calls to this address.
    fn answers(&self, called: &Uri) -> Option<&Arc<AssistantVersion>> {
        let number = self.wording.incoming_called(called).map(|number| number.expose().digits().to_owned());
        let digits = number.or_else(|| digits(called)).unwrap_or_default();
        let fits = |(beginning, _): &(&Pii<String>, _)| digits.starts_with(beginning.expose().as_str());
        let longest = self.numbers.iter().filter(fits).max_by_key(|(beginning, _)| beginning.expose().len());
        longest.map(|(_, assistant)| assistant).or(self.otherwise.as_ref())
    }
}

/// The user part of a URI without what stands before a country code.
fn digits(uri: &Uri) -> Option<String> {
    let user = uri.user_text()?;
    let text = std::str::from_utf8(&user).ok()?;
    Some(text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::assistant::Assistant;
    use crate::id::{AssistantId, AssistantVersionId};

    fn assistant(number: u128) -> Arc<AssistantVersion> {
        let definition: Assistant = serde_json::from_value(serde_json::json!({
            "name": "Desk",
            "flow": { "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Goodbye." } }] },
        }))
        .expect("an assistant");
        let (id, assistant) = (AssistantVersionId::from_u128(number), AssistantId::from_u128(number));
        Arc::new(AssistantVersion { id, assistant, version: 1, definition })
    }

    #[test]
    fn the_longest_beginning_of_the_called_number_says_who_answers() {
        let numbers = [("4930", 1), ("493012", 2), ("49301234567", 3)];
        let mut route = InboundRoute {
            trunk: TrunkId::from_u128(1),
            org: OrgId::from_u128(1),
            sources: BTreeSet::new(),
            networks: Networks::default(),
            proves: false,
            numbers: numbers.map(|(digits, number)| (Pii::new(digits.to_owned()), assistant(number))).into(),
            otherwise: None,
            max_org_calls: 1,
            identity: IdentityPolicy::Record,
            media: MediaTerms::default(),
            wording: Wording::default(),
            external: None,
            replaces: false,
        };
        let answers = |route: &InboundRoute, user: &str| {
            let called = Uri::parse(format!("sip:{user}@us.example").as_bytes()).expect("a URI");
            route.answers(&called).map(|found| found.assistant)
        };
        for (user, number) in [
            ("+49309", Some(1)),
            ("0049301299", Some(2)),
            ("+49301234567", Some(3)),
            ("493012345678", Some(3)),
            ("+4989", None),
            ("desk", None),
        ] {
            assert_eq!(answers(&route, user), number.map(AssistantId::from_u128), "{user}");
        }
        route.otherwise = Some(assistant(9));
        assert_eq!(answers(&route, "desk"), Some(AssistantId::from_u128(9)));
    }
}
