//! Requests too large for a datagram (RFC 3261 18.1.1), where the call's [`Conduct`](crate::endpoint::Conduct) names a
//! listener for them: over TCP, and over UDP after all where nobody takes the connection.

use super::{Cancel, Session, Stage};
use crate::endpoint::core::{Core, Purpose};
use crate::endpoint::envelope::cseq_of;
use crate::endpoint::{Flow, Transport};
use crate::message::{HeaderName, Request};
use crate::transaction::TransactionId;
use std::time::Instant;

/// "if the request [...] is larger than 1300 bytes and the path MTU is unknown, the request MUST be sent using an RFC
/// 2914 congestion controlled transport protocol, such as TCP."
const LARGEST_DATAGRAM: usize = 1300;

impl Session {
    /// Sends a request with the latest CSeq, from which its branch follows.
    pub(super) fn send(
        &mut self,
        core: &mut Core,
        now: Instant,
        mut request: Request,
        flow: Flow,
        purpose: Purpose,
    ) -> TransactionId {
        let branch = self.key.branch(self.cseq, &request.method);
        let large_over = self.large_over.filter(|_| flow.transport == Transport::Udp);
        let stream = large_over.map(|listener| Flow { listener, transport: Transport::Tcp, peer: flow.peer });
        let raised = stream.filter(|_| {
            let mut wire = request.clone();
            core.stamp(&mut wire, &flow, self.own(core, &flow), &branch);
            wire.to_bytes().len() > LARGEST_DATAGRAM
        });
        let Some(stream) = raised else {
            return self.launch(core, now, request, flow, &branch, purpose);
        };
        if purpose == Purpose::Invite {
            // The dialog begins on the connection; one that is up stays where it is.
            request.headers.set(HeaderName::Contact, self.contact(core, &stream));
        }
        let transaction = self.launch(core, now, request, stream, &branch, purpose);
        self.raised.insert(transaction, flow);
        transaction
    }

    /// A request of which nothing left failed. Where it was only too large for a datagram, "the element SHOULD retry the
    /// request, using UDP" (18.1.1): then `true`.
    pub(super) fn send_small(
        &mut self,
        core: &mut Core,
        now: Instant,
        purpose: Purpose,
        failed: TransactionId,
        request: &Request,
    ) -> bool {
        let Some(flow) = self.raised.remove(&failed) else { return false };
        let given_up = matches!(&self.stage, Stage::Calling(calling) if calling.cancel != Cancel::No);
        if self.ended || given_up {
            return false;
        }
        let mut request = request.clone();
        request.headers.remove(&HeaderName::Via);
        if purpose == Purpose::Invite {
            request.headers.set(HeaderName::Contact, self.contact(core, &flow));
        }
        // The same transaction as far as anybody has heard of it: none of it left.
        let branch = self.key.branch(cseq_of(&request.headers), &request.method);
        let transaction = self.launch(core, now, request, flow, &branch, purpose);
        if let Some(change) = &mut self.early_change {
            change.moved(failed, transaction);
        }
        match &mut self.stage {
            Stage::Calling(calling) if purpose == Purpose::Invite => {
                calling.invites.retain(|invite| *invite != failed);
                calling.invites.push(transaction);
            }
            Stage::Up(up) if up.refresh == Some(failed) => up.refresh = Some(transaction),
            Stage::Calling(_) | Stage::Up(_) | Stage::Ringing(_) | Stage::Over => {}
        }
        true
    }
}
