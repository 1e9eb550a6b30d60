//! REGISTER requests that come in: told to the shell, answered as it says.

use super::core::Core;
use super::envelope::Envelope;
use super::event::Event;
use super::servers::retry_after_header;
use super::timers::WakeReason;
use super::{CommandError, Endpoint};
use crate::message::header::{Contact, Expires, MinExpires, NameAddr};
use crate::message::{Request, StatusCode};
use crate::registrar::{IncomingRegister, RegisterAnswer, RegisterId};
use crate::transaction::TransactionId;
use std::time::Instant;

impl Endpoint {
    /// Answers [`Event::Register`].
    ///
    /// # Errors
    /// [`CommandError::NoRegister`] when it was answered already, or [`CommandError::WrongStatus`] for a refusal
    /// outside 300..=699.
    pub fn answer_register(
        &mut self,
        now: Instant,
        id: RegisterId,
        answer: &RegisterAnswer,
    ) -> Result<(), CommandError> {
        if !self.core.timers.is_set(WakeReason::Register(id)) {
            return Err(CommandError::NoRegister(id));
        }
        if let RegisterAnswer::Refused(status) = answer
            && (status.is_provisional() || status.is_success())
        {
            return Err(CommandError::WrongStatus(*status));
        }
        self.core.timers.clear(WakeReason::Register(id));
        respond(&mut self.core, now, id, answer);
        Ok(())
    }

    pub(super) fn receive_register(&mut self, now: Instant, request: Request, envelope: &Envelope) {
        if self.core.events_full() {
            return self.refuse_overload(&request, envelope);
        }
        let Ok(account) = self.prove(now, &request, envelope) else { return };
        let id = RegisterId(self.open(now, &request, envelope).0);
        self.core.timers.set(now + self.core.config.reoffer_limit, WakeReason::Register(id));
        let incoming = Box::new(IncomingRegister { flow: envelope.source, request, account });
        self.core.emit_progress(Event::Register { register: id, incoming });
    }

    /// The shell has not answered in time.
    pub(super) fn on_register_deadline(&mut self, now: Instant, id: RegisterId) {
        self.core.counters.overloaded += 1;
        let id = TransactionId(id.0);
        let Some(mut response) = self.core.response(id, StatusCode::SERVICE_UNAVAILABLE) else { return };
        response.headers.push_typed(&retry_after_header(self.core.config.overload_retry_after));
        self.core.respond(now, id, &response);
    }
}

fn respond(core: &mut Core, now: Instant, id: RegisterId, answer: &RegisterAnswer) {
    let id = TransactionId(id.0);
    let status = match answer {
        RegisterAnswer::Bound { .. } => StatusCode::OK,
        RegisterAnswer::TooBrief(_) => StatusCode::INTERVAL_TOO_BRIEF,
        RegisterAnswer::Refused(status) => *status,
    };
    let Some(mut response) = core.response(id, status) else { return };
    match answer {
        RegisterAnswer::Bound { contacts, granted } => {
            for (uri, seconds) in contacts {
                let mut contact = NameAddr::new(uri.clone());
                contact.params.set("expires", Some(seconds.to_string().as_bytes()));
                response.headers.push_typed(&Contact(contact));
            }
            if let Some(seconds) = granted {
                response.headers.push_typed(&Expires(*seconds));
            }
        }
        RegisterAnswer::TooBrief(least) => response.headers.push_typed(&MinExpires(*least)),
        RegisterAnswer::Refused(_) => {}
    }
    core.respond(now, id, &response);
}
