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

impl Session {
    /// Takes up an orphan: CANCEL for each INVITE that may have left, or BYE for a confirmed dialog.
    ///
    /// # Errors
    /// [`CommandError::BadSnapshot`] if the stored dialog cannot be read.
    pub(crate) fn recover(core: &mut Core, now: Instant, id: SessionId, orphan: Orphan) -> Result<Self, CommandError> {
        let auth = Authenticator::new(orphan.credentials);
        match orphan.stage {
            OrphanStage::Early(invite) => Ok(Self::recover_early(core, now, id, orphan.key, auth, &invite)),
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
    ) -> Self {
        let host = core.advertised(&invite.flow).host.to_string();
        let contact_user = core.config.contact_user.clone().into_bytes();
        let mut session = Self::new(id, key, key.call_id(&host), auth, contact_user, Stage::Over);
        session.recovery = true;
        let mut calling = Calling::new();
        calling.cancel = Cancel::Wanted(None);
        let sent = invite.invites.clamp(1, Orphan::MOST_INVITES);
        for cseq in 1..=sent {
            let branch = key.branch(cseq, &Method::Invite);
            let mut request = session.invite_as_sent(invite, cseq);
            core.stamp(&mut request, &invite.flow, &branch);
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

    /// A CANCEL of a recovery was answered. 200 means that the INVITE gets its final response next; 481 that there is
    /// none under this branch. Only when every CANCEL says so is the leg unknown; a late 2xx still gets ACK and BYE.
    pub(super) fn recovered_cancel(&mut self, core: &mut Core, what: &Delivered) {
        let Stage::Calling(calling) = &mut self.stage else { return };
        match what {
            Delivered::Response(response) if response.status.is_provisional() => return,
            Delivered::Response(response) => calling.unknown |= response.status == StatusCode::CALL_DOES_NOT_EXIST,
            Delivered::Failed { .. } => {}
        }
        if let Delivered::Response(response) = what
            && response.status.is_success()
        {
            return;
        }
        calling.cancels_open = calling.cancels_open.saturating_sub(1);
        if calling.cancels_open == 0 {
            let outcome = if calling.unknown { RecoveryOutcome::Unknown } else { RecoveryOutcome::Silent };
            self.recovered(core, outcome);
        }
    }

    /// No final response 64*T1 after the CANCEL. If the CANCEL itself was taken, the transaction counts as cancelled.
    pub(super) fn recovered_silence(&mut self, core: &mut Core) {
        let Stage::Calling(calling) = &self.stage else { return };
        let outcome = if calling.cancels_open > 0 { RecoveryOutcome::Released } else { RecoveryOutcome::Silent };
        self.recovered(core, outcome);
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
