//! Legs that an earlier life of this process left behind: CANCEL or BYE, and what they answer.

use super::{Calling, Cancel, Session, Stage, Up};
use crate::dialog::Dialog;
use crate::dialog::auth::Authenticator;
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::{
    CommandError, Event, Orphan, OrphanInvite, OrphanStage, RecoveryOutcome, SessionId, SessionTimer as Deadline,
};
use crate::identity::LegKey;
use crate::message::header::{CSeq, To};
use crate::message::{HeaderName, Method, Request, StatusCode};
use crate::transaction::TransactionId;
use std::time::Instant;

/// CSeq numbers an earlier life may have used after it stored the dialog: refreshes of a day fit in.
const CSEQ_GAP: u32 = 1000;

/// How long, in T1, a CANCEL that was accepted may wait for the final response of its INVITE. A callee that had answered
/// just before sends none: then its dialog gets a BYE.
const CROSSED: u32 = 2;

impl Session {
    /// Takes up an orphan: CANCEL for each INVITE that may have left, or BYE for a confirmed dialog.
    ///
    /// # Errors
    /// [`CommandError::BadSnapshot`] if the stored dialog cannot be read.
    pub(crate) fn recover(core: &mut Core, now: Instant, id: SessionId, orphan: Orphan) -> Result<Self, CommandError> {
        let auth = Authenticator::new(orphan.credentials);
        match orphan.stage {
            OrphanStage::Early(invite) => {
                let dialog = invite.dialog.as_ref().map(|dialog| dialog.restore()).transpose()?;
                Ok(Self::recover_early(core, now, id, orphan.key, auth, &invite, dialog))
            }
            OrphanStage::Confirmed(snapshot) => {
                let dialog = snapshot.restore()?;
                let contact_user = core.config.contact_user.clone().into_bytes();
                let mut session = Self::new(id, orphan.key, dialog.call_id.clone(), auth, contact_user, Stage::Over);
                // The tag of an inbound leg came from the earlier endpoint's seed, not from a key anyone kept.
                session.local_tag = dialog.local_tag.clone();
                session.recovery = true;
                session.cseq = snapshot.local_cseq.saturating_add(CSEQ_GAP);
                session.stage = Stage::Up(Box::new(Up::new(dialog, true)));
                session.send_bye(core, now, None);
                Ok(session)
            }
        }
    }

    fn recover_early(
        core: &mut Core,
        now: Instant,
        id: SessionId,
        key: LegKey,
        auth: Authenticator,
        invite: &OrphanInvite,
        dialog: Option<Dialog>,
    ) -> Self {
        let sent_by = invite.sent_by.clone().unwrap_or_else(|| core.advertised(&invite.flow));
        let contact_user = core.config.contact_user.clone().into_bytes();
        let mut session = Self::new(id, key, key.call_id(&sent_by.host.to_string()), auth, contact_user, Stage::Over);
        session.recovery = true;
        let mut calling = Calling::new();
        calling.cancel = Cancel::Wanted(None);
        calling.early.extend(dialog.map(|dialog| (dialog.remote_tag.clone(), dialog)));
        let sent = invite.invites.clamp(1, Orphan::MOST_INVITES);
        for cseq in 1..=sent {
            let branch = key.branch(cseq, &Method::Invite);
            let mut request = session.invite_as_sent(invite, cseq);
            core.stamp(&mut request, &invite.flow, sent_by.clone(), &branch);
            let owner = session.owner(Purpose::Invite);
            calling.invites.push(core.resume_invite(request, invite.flow, &branch, owner));
        }
        session.cseq = sent;
        session.stage = Stage::Calling(Box::new(calling));
        session.send_cancel(core, now);
        session
    }

    /// As much of the INVITE as CANCEL and ACK repeat.
    fn invite_as_sent(&self, invite: &OrphanInvite, cseq: u32) -> Request {
        let mut request = Request::new(Method::Invite, invite.uri.clone());
        let mut from = Vec::new();
        invite.from.clone().with_tag(&self.local_tag).print(&mut from);
        let mut to = invite.to.clone();
        to.params.remove("tag");
        request.headers.push(HeaderName::From, from);
        request.headers.push_typed(&To(to));
        request.headers.push_typed(&self.call_id);
        request.headers.push_typed(&CSeq { number: cseq, method: Method::Invite });
        request.headers.extend(&invite.headers);
        request
    }

    pub(super) fn recovered(&mut self, core: &mut Core, outcome: RecoveryOutcome) {
        let session = self.id;
        self.conclude(core, Event::Recovered { session, outcome });
    }

    /// A final refusal came for an INVITE of an earlier life: it rings no more.
    pub(super) fn recovered_refusal(&mut self, core: &mut Core) {
        self.recovered(core, RecoveryOutcome::Released);
    }

    /// A CANCEL of a recovery was answered. 200 means that the INVITE gets its final response next, or had it before;
    /// 481 that there is none under this branch, any more or at all. An early dialog that is known then gets a BYE. Only
    /// when every CANCEL says 481 and there is none is the leg unknown; a late 2xx still gets ACK and BYE.
    pub(super) fn recovered_cancel(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) {
        let Stage::Calling(calling) = &mut self.stage else { return };
        if self.ended {
            return;
        }
        match what {
            Delivered::Response(response) if response.status.is_provisional() => return,
            Delivered::Response(response) if response.status.is_success() => {
                // RFC 3261 9.2: the response carries the tag of the dialog, where no proxy gave it.
                if calling.early.is_empty()
                    && let Some(cancel) = core.client(transaction)
                    && let Some(dialog) = Dialog::as_caller(&cancel.request, response, cancel.flow)
                    && !dialog.remote_tag.as_bytes().is_empty()
                {
                    calling.early.insert(dialog.remote_tag.clone(), dialog);
                }
                if !calling.early.is_empty() {
                    self.set(core, now + core.config.intervals.t1 * CROSSED, Deadline::CancelUnanswered);
                }
                return;
            }
            Delivered::Response(response) => calling.unknown |= response.status == StatusCode::CALL_DOES_NOT_EXIST,
            Delivered::Failed { .. } => {}
        }
        calling.cancels_open = calling.cancels_open.saturating_sub(1);
        if calling.cancels_open == 0 {
            if !calling.unknown {
                self.recovered(core, RecoveryOutcome::Silent);
            } else if !self.hang_up_early(core, now) {
                self.recovered(core, RecoveryOutcome::Unknown);
            }
        }
    }

    /// No final response after the CANCEL in time. The dialog gets a BYE, if one is known: it may have been answered. If
    /// not, and the CANCEL itself was taken, the transaction counts as cancelled after 64*T1.
    pub(super) fn recovered_silence(&mut self, core: &mut Core, now: Instant) {
        let Stage::Calling(calling) = &self.stage else { return };
        let outcome = if calling.cancels_open > 0 { RecoveryOutcome::Released } else { RecoveryOutcome::Silent };
        if self.ended || !self.hang_up_early(core, now) {
            self.recovered(core, outcome);
            self.set(core, now + core.config.linger, Deadline::Linger);
        }
    }

    /// Sends BYE in the dialog that was early when it was last heard of (RFC 3261 section 15 allows it either way). The
    /// INVITEs stay for their late responses. `false` if there is no such dialog.
    fn hang_up_early(&mut self, core: &mut Core, now: Instant) -> bool {
        let Stage::Calling(calling) = &mut self.stage else { return false };
        let Some((_, dialog)) = calling.early.pop_first() else { return false };
        self.cseq = self.cseq.saturating_add(CSEQ_GAP);
        let (mut request, flow) = dialog.request(Method::Bye, self.cseq);
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.key.branch(self.cseq, &Method::Bye);
        self.launch(core, now, request, flow, &branch, Purpose::Bye);
        // Longer than the BYE can take.
        self.set(core, now + core.config.intervals.timeout() + core.config.linger, Deadline::Linger);
        true
    }

    /// A 2xx came for the INVITE of an earlier life; its ACK is sent, now the BYE.
    pub(super) fn hang_up_recovered(&mut self, core: &mut Core, now: Instant, answered: TransactionId, dialog: Dialog) {
        self.clear(core, Deadline::CancelUnanswered);
        if let Stage::Calling(calling) = &self.stage {
            for invite in calling.invites.iter().filter(|invite| **invite != answered) {
                core.forget_client(*invite);
            }
        }
        self.stage = Stage::Up(Box::new(Up::new(dialog, true)));
        self.send_bye(core, now, None);
    }
}
