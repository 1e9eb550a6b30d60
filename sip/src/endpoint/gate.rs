//! Who may begin something with us: those at addresses that are trusted, and those who prove who they are (RFC 3261
//! section 22). And what is turned away when there is too much of it.

use super::Endpoint;
use super::envelope::Envelope;
use super::event::Event;
use crate::digest::server::{Account, AccountId, DigestServer, Proof};
use crate::guard::Networks;
use crate::message::header::{Tag, WwwAuthenticate};
use crate::message::{Headers, Method, Request, StatusCode};
use std::time::Instant;

/// Who may begin calls and registrations. Without accounts everybody may, and the shell looks at the address.
#[derive(Debug, Clone, Default)]
pub struct Callers {
    /// Addresses that have nothing to prove.
    pub trusted: Networks,
    /// Who else may come in: by digest.
    pub accounts: Vec<Account>,
}

/// What new requests are answered with 503 and Retry-After for now. What belongs to something under way never is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shedding {
    /// INVITE requests that would begin a call.
    pub calls: bool,
    /// OPTIONS requests outside of calls.
    pub probes: bool,
}

#[derive(Debug)]
pub(super) struct Gate {
    callers: Callers,
    digest: DigestServer,
    shedding: Shedding,
}

impl Gate {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { callers: Callers::default(), digest: DigestServer::new(seed), shedding: Shedding::default() }
    }
}

impl Endpoint {
    /// Says who may begin calls and registrations, from the next request on. Where there are accounts, whoever is not at a
    /// trusted address is asked for credentials by 401, without anything being kept of the request;
    /// [`IncomingInvite::account`](super::IncomingInvite::account) tells whose they were.
    pub fn set_callers(&mut self, callers: Callers) {
        self.gate.callers = callers;
    }

    /// Says what is turned away from now on.
    pub fn set_shedding(&mut self, shedding: Shedding) {
        self.gate.shedding = shedding;
    }

    /// Whether a tag is ours: that of a session, early ones and those just ended included.
    #[must_use]
    pub fn owns_tag(&self, tag: &[u8]) -> bool {
        self.by_tag.contains_key(&Tag::from_bytes(tag))
    }

    /// Whether a request outside of calls is turned away now.
    pub(super) fn sheds(&self, method: &Method) -> bool {
        match method {
            Method::Invite => self.gate.shedding.calls,
            Method::Options => self.gate.shedding.probes,
            Method::Ack
            | Method::Cancel
            | Method::Bye
            | Method::Register
            | Method::Info
            | Method::Prack
            | Method::Update
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => false,
        }
    }

    /// Who sent a request, where that has to be proved; `Err` when it was answered with a challenge.
    pub(super) fn prove(
        &mut self,
        now: Instant,
        request: &Request,
        envelope: &Envelope,
    ) -> Result<Option<AccountId>, Challenged> {
        let from = envelope.source.peer.ip();
        let Gate { callers, digest, .. } = &mut self.gate;
        if callers.accounts.is_empty() || callers.trusted.contains(from) {
            return Ok(None);
        }
        let stale = match digest.check(now, from, request, &callers.accounts) {
            Proof::Of(account) => return Ok(Some(account)),
            Proof::Absent { stale } => stale,
            Proof::Wrong => {
                self.core.counters.unproved += 1;
                self.core.emit_progress(Event::Unproved { flow: envelope.source });
                false
            }
        };
        let mut more = Headers::new();
        for challenge in digest.challenges(now, from, stale) {
            more.push_typed(&WwwAuthenticate(challenge));
        }
        self.core.respond_stateless(&request.headers, envelope, StatusCode::UNAUTHORIZED, &more);
        Err(Challenged)
    }
}

/// A request was answered with 401.
#[derive(Debug, Clone, Copy)]
pub(super) struct Challenged;
