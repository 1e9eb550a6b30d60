//! Reliable provisional responses (RFC 3262): PRACK for those of a callee, and ours where a caller requires them.
//!
//! One of ours is under way at a time (section 3); what the shell wants to say meanwhile waits, and only the latest of it.
//! An answer to an offer that is still unacknowledged holds back the 2xx (section 5).

use super::{Session, Stage, body_of, is_challenge, refused};
use crate::dialog::Dialog;
use crate::endpoint::core::{Core, Delivered, Purpose};
use crate::endpoint::{Body, Event, FailureCause, Flow, SessionTimer as Deadline, TransmitId};
use crate::message::header::{RAck, RSeq, Require, Tag};
use crate::message::{HeaderName, Headers, Method, Request, Response, StatusCode};
use crate::transaction::TransactionId;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The option tag.
pub(crate) const TAG: &str = "100rel";

/// Requests of one call under way, beyond which a response is left to come again: each PRACK is a transaction, and who is
/// called says how many there are.
const MOST_REQUESTS: usize = 64;

/// What a caller has heard: the last RSeq of each early dialog.
pub(super) type Heard = BTreeMap<Tag, u32>;

/// Our side towards a caller that requires it.
#[derive(Debug)]
pub(super) struct Reliable {
    /// RSeq of the next response.
    next: u32,
    pending: Option<Pending>,
    /// A response that waits for the PRACK of the one before.
    waiting: Option<Response>,
    /// The shell has answered; the 2xx waits for that PRACK too.
    answer: Option<Body>,
    /// A session description of ours was acknowledged: offer and answer are settled.
    settled: bool,
    /// It was an offer, to an INVITE without one, and the PRACK had the answer.
    offered: Option<Body>,
}

/// A response that waits for its PRACK.
#[derive(Debug)]
struct Pending {
    rseq: u32,
    /// CSeq of the INVITE.
    cseq: u32,
    flow: Flow,
    bytes: Vec<u8>,
    resend_after: Duration,
    /// The session description it carries.
    described: Option<Body>,
}

/// Whether a message requires reliable provisional responses, or is one.
pub(super) fn required(headers: &Headers) -> bool {
    headers.try_typed::<Require>().ok().flatten().is_some_and(|tags| tags.contains(TAG))
}

// --- the caller's side ---

impl Session {
    /// A 1xx of an early dialog: acknowledges it where it is reliable. `false` for one that was heard before, that overtook
    /// another and has to come again (section 4), or that is one too many.
    pub(super) fn hear_reliable(
        &mut self,
        core: &mut Core,
        now: Instant,
        dialog: &Dialog,
        response: &Response,
    ) -> bool {
        let rseq = response.headers.typed::<RSeq>().ok().filter(|_| required(&response.headers));
        let (Some(RSeq(rseq)), Stage::Calling(calling)) = (rseq, &mut self.stage) else { return true };
        let heard = calling.heard.get(&dialog.remote_tag);
        let overtook = heard.is_some_and(|last| rseq != last.wrapping_add(1));
        if overtook || core.open_requests(self.id) >= MOST_REQUESTS {
            return false;
        }
        calling.heard.insert(dialog.remote_tag.clone(), rseq);
        if let Some(body) = body_of(&response.headers, &response.body).filter(Body::is_sdp) {
            calling.described.entry(dialog.remote_tag.clone()).or_insert(body);
        }
        let cseq = crate::endpoint::envelope::cseq_of(&response.headers);
        self.cseq += 1;
        let (mut request, flow) = dialog.request(Method::Prack, self.cseq);
        request.headers.push_typed(&RAck { rseq, cseq, method: Method::Invite });
        self.auth.apply(&mut request, &mut core.random);
        let branch = self.key.branch(self.cseq, &Method::Prack);
        self.launch(core, now, request, flow, &branch, Purpose::Prack);
        true
    }

    /// The response to a PRACK matters only where it asks for credentials: the call gets a final response of its own.
    pub(super) fn on_prack_outcome(
        &mut self,
        core: &mut Core,
        now: Instant,
        transaction: TransactionId,
        what: &Delivered,
    ) {
        if let Delivered::Response(response) = what
            && is_challenge(response.status)
        {
            self.resend_with_credentials(core, now, transaction, &response.headers, Purpose::Prack);
        }
    }
}

// --- the callee's side ---

impl Reliable {
    /// For an INVITE that requires it; RSeq begins anywhere in the lower half (section 3).
    pub(super) fn of(core: &mut Core, invite: &Request) -> Option<Self> {
        let next = required(&invite.headers).then(|| core.random.between(1, u64::from(u32::MAX / 2)))?;
        Some(Self {
            next: u32::try_from(next).unwrap_or(1),
            pending: None,
            waiting: None,
            answer: None,
            settled: false,
            offered: None,
        })
    }

    /// Whether the 2xx has to wait; then it will be told with this body.
    pub(super) fn holds_back(&mut self, answer: &Body) -> bool {
        let holds = self.pending.as_ref().is_some_and(|pending| pending.described.is_some());
        if holds {
            self.answer = Some(answer.clone());
        }
        holds
    }

    /// The early offer of ours that a PRACK answered.
    pub(super) fn answered_offer(&self) -> Option<&Body> {
        self.offered.as_ref()
    }

    /// Whether an early answer of ours was acknowledged, or an early offer answered.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether the shell has answered already.
    pub(super) fn is_answered(&self) -> bool {
        self.answer.is_some()
    }
}

impl Session {
    /// Sends a provisional response, reliably where the caller requires it.
    pub(super) fn send_provisional(&mut self, core: &mut Core, now: Instant, mut response: Response) {
        let Stage::Ringing(ringing) = &mut self.stage else { return };
        let (transaction, cseq) = (ringing.transaction, ringing.cseq);
        let Some(reliable) = &mut self.reliable else {
            core.respond(now, transaction, &response);
            return;
        };
        if reliable.pending.is_some() {
            reliable.waiting = Some(response);
            return;
        }
        let rseq = reliable.next;
        reliable.next = rseq.wrapping_add(1);
        response.headers.set(HeaderName::Require, TAG);
        response.headers.set_typed(&RSeq(rseq));
        let t1 = core.config.intervals.t1;
        reliable.pending = Some(Pending {
            rseq,
            cseq,
            flow: core.server_flow(transaction).unwrap_or(ringing.dialog.flow),
            bytes: response.to_bytes(),
            resend_after: t1,
            described: body_of(&response.headers, &response.body),
        });
        core.respond(now, transaction, &response);
        self.set(core, now + t1, Deadline::RepeatReliable);
        self.set(core, now + core.config.intervals.timeout(), Deadline::PrackMissing);
    }

    /// No PRACK yet: the response is sent again, over streams too, each time after twice as long (section 3).
    pub(super) fn repeat_reliable(&mut self, core: &mut Core, now: Instant) {
        let Some(pending) = self.reliable.as_mut().and_then(|reliable| reliable.pending.as_mut()) else { return };
        pending.resend_after *= 2;
        let (flow, bytes, after) = (pending.flow, pending.bytes.clone(), pending.resend_after);
        core.counters.retransmissions += 1;
        core.transmit(flow, bytes, TransmitId::UNTRACKED);
        self.set(core, now + after, Deadline::RepeatReliable);
    }

    /// A caller that requires PRACK and never sends one gets a 5xx (section 3).
    pub(super) fn prack_missing(&mut self, core: &mut Core, now: Instant) {
        self.stop_reliable(core);
        let Stage::Ringing(ringing) = &self.stage else { return };
        if let Some(response) = core.response(ringing.transaction, StatusCode::SERVER_TIMEOUT) {
            core.respond(now, ringing.transaction, &response);
            self.stage = Stage::Over;
            self.fail(core, refused(FailureCause::LocalError, response));
        }
    }

    /// A PRACK: 200 where it acknowledges what waits for it, 481 else (section 3). It brings the answer to an early offer of
    /// ours (section 5); any other session description is a new offer and refused.
    pub(super) fn on_prack(&mut self, core: &mut Core, now: Instant, transaction: TransactionId, request: &Request) {
        let Ok(rack) = request.headers.typed::<RAck>() else {
            return core.respond_plain(now, transaction, StatusCode::BAD_REQUEST);
        };
        let Some(reliable) = &mut self.reliable else {
            return core.respond_plain(now, transaction, StatusCode::CALL_DOES_NOT_EXIST);
        };
        let matches =
            |pending: &Pending| (pending.rseq, pending.cseq) == (rack.rseq, rack.cseq) && rack.method == Method::Invite;
        if !reliable.pending.as_ref().is_some_and(matches) {
            return core.respond_plain(now, transaction, StatusCode::CALL_DOES_NOT_EXIST);
        }
        let (waiting, answer) = (reliable.waiting.take(), reliable.answer.take());
        let ours = reliable.pending.take().and_then(|pending| pending.described);
        let theirs = body_of(&request.headers, &request.body).filter(Body::is_sdp);
        let status = match (&mut self.stage, ours, theirs) {
            (Stage::Ringing(ringing), Some(offer), Some(body)) if ringing.offer.is_none() => {
                ringing.offer = Some(body.clone());
                (reliable.settled, reliable.offered) = (true, Some(offer));
                core.emit_progress(Event::Reanswered { session: self.id, body });
                StatusCode::OK
            }
            (_, _, Some(_)) => StatusCode::NOT_ACCEPTABLE_HERE,
            (Stage::Ringing(ringing), Some(_), None) => {
                reliable.settled |= ringing.offer.is_some();
                StatusCode::OK
            }
            (_, _, None) => StatusCode::OK,
        };
        core.respond_plain(now, transaction, status);
        self.clear(core, Deadline::RepeatReliable);
        self.clear(core, Deadline::PrackMissing);
        if let Some(body) = answer {
            let answered = self.accept(core, now, body);
            debug_assert!(answered.is_ok(), "a call whose answer was held back rings");
        } else if let Some(response) = waiting {
            self.send_provisional(core, now, response);
        }
    }

    /// A final response ends the repetitions; a PRACK that is on its way still gets its 200 (section 3).
    pub(super) fn stop_reliable(&mut self, core: &mut Core) {
        self.clear(core, Deadline::RepeatReliable);
        self.clear(core, Deadline::PrackMissing);
    }
}
