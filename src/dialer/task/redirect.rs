//! A dial that its carrier sends on to the same number elsewhere.

use callwright_sip::endpoint::Flow;
use callwright_sip::message::Uri;

use super::Shared;
use super::dial::Leg;
use crate::store::dialing::{Claimed, Node};
use crate::time;
use crate::trunk::plan::InvitePlan;

impl Shared {
    /// Over which flow a leg goes on to the address, once its row says that it is there; none when it does not.
    pub(super) async fn redirect(&self, claimed: &Claimed, leg: &Leg, node: Node, to: &Uri) -> Option<Flow> {
        let router = &self.parts.router;
        let flow = match router.direct(time::now(), to, leg.route.flow.transport).await {
            Ok(flow) => flow,
            Err(why) => {
                tracing::info!(attempt = %claimed.attempt, %why, "a redirection leads nowhere");
                return None;
            }
        };
        if !leg.route.media.allow(flow.transport) {
            tracing::info!(attempt = %claimed.attempt, "a redirection is not followed: its audio has to be encrypted");
            return None;
        }
        let advertised = router.sent_by(&flow)?;
        let external = leg.route.conduct.external;
        let sent_by =
            external.map_or_else(|| advertised.clone(), |seen| seen.in_place_of(advertised.clone(), flow.peer));
        let plan = InvitePlan::new(&leg.route, claimed.to.expose(), Some(&claimed.caller_id));
        let plan = plan.redirected(flow, Some(sent_by), to);
        let invite = serde_json::from_str(&plan.to_json()).expect("a plan is JSON");
        match self.dialing.redirected(claimed.attempt, &node, leg.leg, &invite).await {
            Ok(()) => Some(flow),
            Err(error) => {
                tracing::warn!(attempt = %claimed.attempt, %error, "a redirection is not followed: it was not written");
                None
            }
        }
    }
}
