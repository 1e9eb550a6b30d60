//! Calls that come in and take the place of a live one's leg (RFC 3891).

use std::sync::PoisonError;

use callwright_sip::endpoint::SessionId;
use callwright_sip::message::StatusCode;

use super::Calls;
use super::incoming::{Refusal, overload, plain};
use super::live::Control;
use crate::id::CallId;
use crate::net::sip_driver::IncomingCall;
use crate::time;

impl Calls {
    /// Tells the call whose leg is to be replaced. Whoever may take over a leg comes by the trunk that the leg is on: its
    /// carrier is at the far end of both.
    pub(super) fn replace(&self, replaced: SessionId, incoming: IncomingCall) -> Result<(), Refusal> {
        let declined = || plain(StatusCode::DECLINE);
        let trunk = {
            let routes = self.inner.inbound.read().unwrap_or_else(PoisonError::into_inner);
            let route = routes.brings(&incoming.invite).ok_or_else(|| plain(StatusCode::FORBIDDEN))?;
            if !route.replaces {
                return Err(declined());
            }
            route.trunk
        };
        let found = self.inner.live.iter().find(|entry| entry.has_leg(replaced)).map(|entry| *entry.key());
        let gone = || plain(StatusCode::CALL_DOES_NOT_EXIST);
        let entry = found.and_then(|call| self.inner.live.get(&call)).ok_or_else(gone)?;
        if entry.identity.trunk != Some(trunk) || entry.stage.borrow().answered().is_none() {
            return Err(declined());
        }
        entry.control.try_send(Control::Replace(Box::new(incoming))).map_err(|_| overload())
    }

    /// A call goes on over another leg, whose messages are kept from now on.
    pub(in crate::call) fn goes_on(&self, call: CallId, call_id: &[u8]) {
        let Some(entry) = self.inner.live.get(&call) else { return };
        if let Some(sight) = self.sight() {
            sight.over(time::now(), call);
        }
        self.watch(&entry.identity, call_id);
    }
}
