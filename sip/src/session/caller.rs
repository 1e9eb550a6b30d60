//! Outgoing calls up to their answer: provisional responses, forks, CANCEL and what crosses it.

use super::redirect::Redirects;
use super::{Calling, Cancel, Session, Stage, Up, body_of, is_challenge, put_body, refused, silent};
use crate::dialog::Dialog;
use crate::dialog::auth::Authenticator;
use crate::dialog::session_timer::{self, SessionTimer};
use crate::endpoint::core::{Core, Delivered, Purpose, within_transaction};
use crate::endpoint::envelope::{cseq_of, top_via};
use crate::endpoint::{CommandError, Event, FailureCause, Flow, Invite, Orphan, SessionId, SessionTimer as Deadline};
use crate::message::header::{CSeq, Reason, To};
use crate::message::{HeaderName, HostPort, Method, Request, Response, StatusCode};
use crate::transaction::{Fault, TransactionId};
use std::collections::BTreeMap;
use std::time::Instant;

impl Session {
    /// Sends the INVITE.
    pub(crate) fn call(core: &mut Core, now: Instant, id: SessionId, invite: Invite) -> Self {
        let own = core.seen(&invite.flow, invite.conduct.external);
        let call_id = invite.key.call_id(&own.host.to_string());
        let contact_user =
            invite.from.uri.user.clone().unwrap_or_else(|| core.config.contact_user.clone().into_bytes());
        let auth = Authenticator::new(invite.credentials.clone());
        let mut session = Self::new(id, invite.key, call_id, auth, contact_user, Stage::Over);
        session.cseq = 1;
        session.scheme = invite.uri.scheme.clone();
        session.large_over = invite.conduct.large_over;
        session.feature = invite.conduct.feature;
        session.external = invite.conduct.external;
        let flow = invite.flow;
        let request = session.first_invite(core, &invite);
        let redirects = invite.conduct.redirectable.then(|| Redirects::new(&request.uri));
        let transaction = session.send(core, now, request, flow, Purpose::Invite);
        session.stage = Stage::Calling(Box::new(Calling {
            invites: vec![transaction],
            sent: 1,
            session_expires: invite.session_expires,
            offer: Some(invite.body),
            redirects,
            ..Calling::new()
        }));
        session.set(core, now + core.config.early_limit, Deadline::EarlyLimit);
        session
    }

    fn first_invite(&self, core: &Core, invite: &Invite) -> Request {
        let mut request = Request::new(Method::Invite, invite.uri.clone());
        let mut from = Vec::new();
        invite.from.clone().with_tag(&self.local_tag).print(&mut from);
        let mut to = invite.to.clone();
        to.params.remove("tag");
        request.headers.push(HeaderName::MaxForwards, "70");
        request.headers.push(HeaderName::From, from);
        request.headers.push_typed(&To(to));
        request.headers.push_typed(&self.call_id);
        request.headers.push_typed(&CSeq { number: self.cseq, method: Method::Invite });
        self.describe_us(core, &invite.flow, &mut request.headers);
        if let Some(seconds) = invite.session_expires {
            session_timer::ask(&mut request.headers, seconds, core.config.min_se, None);
        }
        request.headers.extend(&invite.headers);
        put_body(&mut request.headers, &mut request.body, &invite.body);
        request
    }

    pub(super) fn on_invite_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        response: Response,
    ) {
        if response.status.is_provisional() {
            self.on_progress(core, now, transaction, &response);
        } else if response.status.is_success() {
            self.on_answer(core, now, transaction, &response);
        } else {
            self.on_refusal(core, now, transaction, response);
        }
    }

    fn on_progress(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: &Response) {
        let Stage::Calling(calling) = &mut self.stage else { return };
        (calling.provisional_seen, calling.cancellable) = (true, true);
        calling.ringing_seen |= (180..190).contains(&response.status.code());
        match (&calling.cancel, self.ended) {
            (Cancel::Wanted(_), _) | (Cancel::No, true) => return self.send_cancel(core, now),
            (Cancel::Sent, _) => return,
            (Cancel::No, false) => {}
        }
        let mut snapshot = None;
        if response.status != StatusCode::TRYING
            && let Some(client) = core.client(transaction)
            && let Some(dialog) = Dialog::as_caller(&client.request, response, client.flow)
        {
            let forks = calling.early.len();
            if !calling.early.contains_key(&dialog.remote_tag) && forks >= core.config.max_forks {
                return;
            }
            if !self.hear_reliable(core, now, &dialog, response) {
                return;
            }
            let Stage::Calling(calling) = &mut self.stage else { return };
            snapshot = Some(Box::new(dialog.snapshot(self.cseq)));
            calling.latest = Some(dialog.remote_tag.clone());
            let known = calling.early.get(&dialog.remote_tag);
            let remote_cseq = known.and_then(|known| known.remote_cseq);
            calling.early.insert(dialog.remote_tag.clone(), Dialog { remote_cseq, ..dialog });
        }
        let body = body_of(&response.headers, &response.body);
        core.emit_progress(Event::Provisional {
            session: self.id,
            status: response.status,
            dialog: snapshot,
            body,
            at: now,
        });
    }

    /// A 2xx: the first, the same again, or that of another fork.
    fn on_answer(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: &Response) {
        let Some(client) = core.client(transaction) else { return };
        let Some(dialog) = Dialog::as_caller(&client.request, response, client.flow) else { return };
        if let Some((flow, ack)) = self.acks.get(&dialog.remote_tag) {
            let (flow, ack) = (*flow, ack.clone());
            core.transmit(flow, ack, crate::endpoint::TransmitId::UNTRACKED);
            return;
        }
        if self.acks.len() >= core.config.max_forks {
            return;
        }
        let invite = client.request.clone();
        let wanted = !self.ended && matches!(self.stage, Stage::Calling(_));
        self.acknowledge(core, &dialog, &invite, wanted);
        if !wanted {
            return self.hang_up_fork(core, now, &dialog);
        }
        if self.recovery {
            return self.hang_up_recovered(core, now, transaction, dialog);
        }
        self.become_answered(core, now, dialog, &invite, response);
    }

    fn become_answered(
        &mut self,
        core: &mut Core,
        now: Instant,
        dialog: Dialog,
        invite: &Request,
        response: &Response,
    ) {
        let Stage::Calling(calling) = std::mem::replace(&mut self.stage, Stage::Over) else { return };
        for deadline in [Deadline::EarlyLimit, Deadline::CancelUnanswered, Deadline::Linger] {
            self.clear(core, deadline);
        }
        let body = body_of(&response.headers, &response.body);
        let timer = SessionTimer::from_response(&response.headers);
        let tag = &dialog.remote_tag;
        let remote_cseq = calling.early.get(tag).and_then(|early| early.remote_cseq);
        let described = calling.described.get(tag).cloned();
        let dialog = Dialog { remote_cseq, ..dialog };
        let snapshot = Box::new(dialog.snapshot(self.cseq));
        let mut up = Up::new(dialog, true);
        up.local = calling.offer;
        up.remote = body.clone().or(described);
        self.stage = Stage::Up(Box::new(up));
        self.keep_early_offer(core, now);
        self.keep_early_change(core);
        self.start_timer(core, now, timer);
        core.emit(Event::Answered {
            session: self.id,
            dialog: snapshot,
            body,
            request_cseq: cseq_of(&invite.headers),
            cancel_crossed: calling.cancel != Cancel::No,
            at: now,
        });
    }

    /// Sends the ACK of a 2xx and keeps it for when the 2xx comes again (RFC 3261 13.2.2.4). It carries the credentials
    /// of the INVITE. The branch of the call that stands derives from the leg; those of other forks must differ.
    fn acknowledge(&mut self, core: &mut Core, dialog: &Dialog, invite: &Request, wanted: bool) {
        let cseq = cseq_of(&invite.headers);
        let branch = if wanted { self.key.branch(cseq, &Method::Ack) } else { core.random.branch() };
        let (flow, bytes) = ack_bytes(core, self.own(core, &dialog.flow), dialog, invite, cseq, &branch);
        core.transmit(flow, bytes.clone(), crate::endpoint::TransmitId::UNTRACKED);
        self.acks.insert(dialog.remote_tag.clone(), (flow, bytes));
    }

    fn hang_up_fork(&mut self, core: &mut Core, now: Instant, dialog: &Dialog) {
        self.cseq += 1;
        let (mut request, flow) = dialog.request(Method::Bye, self.cseq);
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.key.branch(self.cseq, &Method::Bye);
        self.launch(core, now, request, flow, &branch, Purpose::ForkBye);
    }

    pub(super) fn on_fork_bye_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) {
        if let Delivered::Response(response) = what
            && is_challenge(response.status)
        {
            self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::ForkBye);
        }
    }

    fn on_refusal(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: Response) {
        if self.recovery {
            return self.recovered_refusal(core);
        }
        let Stage::Calling(calling) = &self.stage else { return };
        let cancelled = calling.cancel != Cancel::No;
        if !self.ended && !cancelled {
            if self.try_again(core, now, transaction, &response) {
                return;
            }
            let sent = core.client(transaction).map(|client| (client.request.clone(), client.flow));
            if let Some((request, flow)) = sent
                && self.look_elsewhere(core, now, request, flow, Some(response.clone()))
            {
                return;
            }
        }
        let cause = if cancelled { FailureCause::Cancelled } else { FailureCause::Response };
        let failure = refused(cause, response);
        self.give_up(core, failure);
        self.clear(core, Deadline::CancelUnanswered);
        self.clear(core, Deadline::Linger);
        self.stage = Stage::Over;
    }

    /// Sends the INVITE again where the refusal says how: a challenge, or a session interval too small.
    fn try_again(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, response: &Response) -> bool {
        let Stage::Calling(calling) = &self.stage else { return false };
        if calling.sent >= Orphan::MOST_INVITES {
            return false;
        }
        let asked = calling.session_expires;
        let mut interval = asked;
        let resent = if is_challenge(response.status) {
            self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Invite)
        } else if response.status == StatusCode::SESSION_INTERVAL_TOO_SMALL {
            interval = session_timer::after_refusal(&response.headers, asked.unwrap_or(0));
            interval.and_then(|seconds| {
                self.resend(core, now, transaction, Purpose::Invite, |request| {
                    session_timer::ask(&mut request.headers, seconds, seconds, None);
                })
            })
        } else {
            None
        };
        let (Some(resent), Stage::Calling(calling)) = (resent, &mut self.stage) else { return false };
        calling.session_expires = interval;
        calling.sent_again(resent);
        true
    }

    /// Reports a failure with what is known of the call's progress.
    pub(super) fn give_up(&mut self, core: &mut Core, mut failure: crate::endpoint::Failure) {
        if let Stage::Calling(calling) = &self.stage {
            failure.provisional_seen = calling.provisional_seen;
            failure.ringing_seen = calling.ringing_seen;
            failure.invites = calling.sent;
        }
        self.fail(core, failure);
    }

    #[expect(clippy::too_many_arguments, reason = "the fault and everything of the transaction that is gone")]
    pub(super) fn on_invite_fault(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        fault: Fault,
        request: Request,
        flow: Flow,
        written: bool,
    ) {
        let Stage::Calling(calling) = &mut self.stage else { return };
        let cancelled = calling.cancel != Cancel::No;
        let cause = match (fault, written) {
            (Fault::Transport, false) => FailureCause::NotSent,
            (Fault::Timeout | Fault::Transport, _) if cancelled => FailureCause::Cancelled,
            (Fault::Timeout, _) => FailureCause::NoResponse,
            (Fault::Transport, true) => FailureCause::ConnectionLost,
        };
        if written
            && !self.ended
            && let Some(branch) = top_via(&request.headers).and_then(|via| via.branch)
        {
            // What may have arrived may still answer: somebody has to CANCEL a late 1xx, and ACK and BYE a late 2xx.
            let owner = crate::endpoint::core::Owner::Session(self.id, Purpose::Invite);
            let resumed = core.resume_invite(request, flow, &branch, owner);
            calling.invites.retain(|invite| *invite != transaction);
            calling.invites.push(resumed);
            self.set(core, now + core.config.linger, Deadline::Linger);
            self.give_up(core, silent(cause));
        } else if cause == FailureCause::NotSent && self.look_elsewhere(core, now, request, flow, None) {
            // The shell decides.
        } else {
            self.give_up(core, silent(cause));
            self.clear(core, Deadline::CancelUnanswered);
            self.stage = Stage::Over;
        }
    }

    /// Asks for the call to be given up. The CANCEL leaves as soon as a provisional response allows it.
    pub(crate) fn cancel(&mut self, core: &mut Core, now: Instant, reason: Option<Reason>) -> Result<(), CommandError> {
        let Stage::Calling(calling) = &mut self.stage else { return Err(CommandError::WrongState(self.id)) };
        if self.ended {
            return Err(CommandError::WrongState(self.id));
        }
        if calling.cancel == Cancel::No {
            calling.cancel = Cancel::Wanted(reason);
            let cancellable = calling.cancellable;
            if !self.drop_offered(core, FailureCause::Cancelled) && cancellable {
                self.send_cancel(core, now);
            }
        }
        Ok(())
    }

    pub(super) fn send_cancel(&mut self, core: &mut Core, now: Instant) {
        let owner = self.owner(Purpose::Cancel);
        let Stage::Calling(calling) = &mut self.stage else { return };
        let reason = match std::mem::replace(&mut calling.cancel, Cancel::Sent) {
            Cancel::Wanted(reason) => reason,
            Cancel::No | Cancel::Sent => None,
        };
        for invite in calling.invites.clone() {
            let Some(client) = core.client(invite) else { continue };
            let Some(branch) = top_via(&client.request.headers).and_then(|via| via.branch) else { continue };
            let mut request = within_transaction(&client.request, Method::Cancel);
            if let Some(reason) = &reason {
                request.headers.push_typed(reason);
            }
            let flow = client.flow;
            calling.cancels_open += 1;
            core.send_stamped(now, request, flow, &branch, owner);
        }
        self.clear(core, Deadline::EarlyLimit);
        if self.ended {
            self.set(core, now + core.config.linger, Deadline::Linger);
        } else {
            // RFC 3261 9.1: without a final response after 64*T1 the original transaction counts as cancelled.
            self.set(core, now + core.config.intervals.timeout(), Deadline::CancelUnanswered);
        }
    }

    /// The response to a CANCEL says nothing about the call: its INVITE gets a final response of its own.
    pub(super) fn on_cancel_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) {
        if self.recovery {
            self.recovered_cancel(core, now, transaction, what);
        }
    }

    pub(super) fn cancel_unanswered(&mut self, core: &mut Core, now: Instant) {
        if self.recovery {
            return self.recovered_silence(core, now);
        }
        self.give_up(core, silent(FailureCause::Cancelled));
        self.set(core, now + core.config.linger, Deadline::Linger);
    }

    /// Forgets the INVITEs that might have been answered late.
    pub(super) fn stop_lingering(&mut self, core: &mut Core) {
        match &mut self.stage {
            Stage::Calling(calling) => {
                calling.invites.iter().for_each(|invite| core.forget_client(*invite));
                self.stage = Stage::Over;
            }
            Stage::Up(up) => {
                if let Some(refresh) = up.refresh.take() {
                    core.forget_client(refresh);
                }
            }
            Stage::Ringing(_) | Stage::Over => {}
        }
    }

    /// The guard behind the shell's own limit: the call is given up and cancelled, an incoming one refused.
    pub(super) fn early_limit(&mut self, core: &mut Core, now: Instant) {
        match &self.stage {
            Stage::Calling(calling) => {
                let unanswered = calling.cancellable;
                if self.drop_offered(core, FailureCause::NoResponse) {
                    return;
                }
                self.give_up(core, silent(FailureCause::NoResponse));
                if unanswered {
                    self.send_cancel(core, now);
                } else {
                    self.set(core, now + core.config.linger, Deadline::Linger);
                }
            }
            Stage::Ringing(_) => self.refuse_unanswered(core, now),
            Stage::Up(_) | Stage::Over => {}
        }
    }
}

impl Calling {
    pub(super) fn new() -> Self {
        Self {
            invites: Vec::new(),
            early: BTreeMap::new(),
            heard: BTreeMap::new(),
            described: BTreeMap::new(),
            latest: None,
            provisional_seen: false,
            ringing_seen: false,
            cancellable: false,
            cancel: Cancel::No,
            sent: 0,
            session_expires: None,
            offer: None,
            redirects: None,
            cancels_open: 0,
            unknown: false,
        }
    }

    /// Another INVITE took the place of the one before; its early dialogs are gone with it.
    pub(super) fn sent_again(&mut self, transaction: TransactionId) {
        self.invites = vec![transaction];
        self.sent += 1;
        self.cancellable = false;
        self.early.clear();
        self.heard.clear();
        self.described.clear();
        self.latest = None;
    }
}

/// The ACK of a 2xx: a request of the dialog with the INVITE's CSeq number and credentials.
pub(super) fn ack_bytes(
    core: &Core,
    own: HostPort,
    dialog: &Dialog,
    invite: &Request,
    cseq: u32,
    branch: &crate::message::header::Branch,
) -> (Flow, Vec<u8>) {
    let (mut ack, flow) = dialog.request(Method::Ack, cseq);
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        for value in invite.headers.all(&name) {
            ack.headers.push(name.clone(), value);
        }
    }
    core.stamp(&mut ack, &flow, own, branch);
    (flow, ack.to_bytes())
}
