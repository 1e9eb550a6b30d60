//! Registrations in both directions: ours at registrars, and those of others with us.

use std::time::Instant;

use callwright_sip::endpoint::{Registration, RegistrationId, RegistrationState};
use callwright_sip::registrar::{IncomingRegister, RegisterAnswer, RegisterId};
use tokio::sync::{oneshot, watch};

use super::{Command, Driver, InviteError, SipHandle, SipStopped};

/// REGISTER requests that wait to be looked at; further ones get 503.
pub(super) const REGISTERS: usize = 256;

/// A registration of ours. When it is dropped without [`SipHandle::unregister`], the driver takes it back.
#[derive(Debug)]
pub struct OurRegistration {
    /// Its name.
    pub id: RegistrationId,
    /// What it is now; `None` before the registrar has answered for the first time. Ends after
    /// [`RegistrationState::Unregistered`].
    pub state: watch::Receiver<Option<RegistrationState>>,
}

/// A REGISTER that waits for [`SipHandle::answer_register`].
#[derive(Debug)]
pub struct RegisterRequest {
    /// Its name.
    pub register: RegisterId,
    /// What arrived.
    pub incoming: Box<IncomingRegister>,
}

impl SipHandle {
    /// Registers, and stays registered until [`unregister`](Self::unregister).
    ///
    /// # Errors
    /// Nothing was sent.
    pub async fn register(&self, registration: Registration) -> Result<OurRegistration, InviteError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Register(Box::new(registration), reply)).await?;
        Ok(answer.await.map_err(|_| SipStopped)??)
    }

    /// Takes a registration back; its last state follows, at the latest after 64*T1.
    ///
    /// # Errors
    /// The server stops.
    pub async fn unregister(&self, registration: RegistrationId) -> Result<(), SipStopped> {
        self.send(Command::Unregister(registration)).await
    }

    /// Answers a REGISTER that came in.
    ///
    /// # Errors
    /// The server stops.
    pub async fn answer_register(&self, register: RegisterId, answer: RegisterAnswer) -> Result<(), SipStopped> {
        self.send(Command::AnswerRegister(register, answer)).await
    }
}

impl Driver {
    pub(super) fn register(
        &mut self,
        now: Instant,
        registration: Registration,
        reply: oneshot::Sender<super::Registered>,
    ) {
        let started = self.endpoint.register(now, registration).map(|id| {
            let (sender, state) = watch::channel(None);
            self.registrations.insert(id, sender);
            OurRegistration { id, state }
        });
        // A caller that is gone leaves a closed channel, which the sweep unregisters.
        let _ = reply.send(started);
    }

    pub(super) fn on_registration_state(&mut self, id: RegistrationId, state: &RegistrationState) {
        if let Some(sender) = self.registrations.get(&id) {
            sender.send_replace(Some(state.clone()));
        }
        if *state == RegistrationState::Unregistered {
            self.registrations.remove(&id);
        }
    }

    /// Takes back the registrations that nobody looks at any more.
    pub(super) fn sweep_registrations(&mut self, now: Instant) {
        for (id, sender) in &self.registrations {
            if sender.is_closed() {
                self.endpoint.unregister(now, *id);
            }
        }
    }

    pub(super) fn offer_register(&mut self, now: Instant, register: RegisterId, incoming: &IncomingRegister) {
        let request = RegisterRequest { register, incoming: Box::new(incoming.clone()) };
        if self.registers.try_send(request).is_err() {
            let busy = RegisterAnswer::Refused(callwright_sip::message::StatusCode::SERVICE_UNAVAILABLE);
            let _ = self.endpoint.answer_register(now, register, &busy);
        }
    }
}
