//! INFO of ours within an answered call, in the manner that RFC 6086 section 4 calls the legacy usage: keys pressed, for
//! peers that want them so.

use super::{Session, Stage, is_challenge, put_body};
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::{Body, CommandError, EndedBy};
use crate::message::{Method, StatusCode};
use crate::transaction::{Fault, TransactionId};
use std::time::Instant;

impl Session {
    /// Sends INFO. Those sent before need not be answered yet.
    pub(crate) fn info(&mut self, core: &mut Core, now: Instant, body: &Body) -> Result<(), CommandError> {
        let Stage::Up(up) = &self.stage else { return Err(CommandError::WrongState(self.id)) };
        if self.ended {
            return Err(CommandError::WrongState(self.id));
        }
        if !core.has_room(true) {
            return Err(CommandError::Full);
        }
        self.cseq += 1;
        let (mut request, flow) = up.dialog.request(Method::Info, self.cseq);
        put_body(&mut request.headers, &mut request.body, body);
        self.attempts.remove(&Purpose::Info);
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.key.branch(self.cseq, &request.method);
        self.launch(core, now, request, flow, &branch, Purpose::Info);
        Ok(())
    }

    pub(super) fn on_info_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) {
        if self.ended {
            return;
        }
        match what {
            Delivered::Response(response) if is_challenge(response.status) => {
                // Without an answer to the challenge the key is lost, and the call goes on.
                let _ = self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Info);
            }
            // RFC 3261 12.2.1.2: either of these ends the dialog, and so does silence.
            Delivered::Response(response)
                if matches!(response.status, StatusCode::CALL_DOES_NOT_EXIST | StatusCode::REQUEST_TIMEOUT) =>
            {
                self.hang_up(core, now, EndedBy::Error, None);
            }
            Delivered::Failed { fault: Fault::Timeout, .. } => self.hang_up(core, now, EndedBy::Error, None),
            Delivered::Response(_) | Delivered::Failed { fault: Fault::Transport, .. } => {}
        }
    }
}
