//! The way to the task that owns the SIP endpoint: commands in, answers and events back.

use callwright_sip::endpoint::{
    Body, CommandError, Event, External, Flow, Invite, Orphan, Probe, RecoveryOutcome, Refer, ReferId, Registration,
    RegistrationId, Rejection, SessionId, Watch,
};
use callwright_sip::message::StatusCode;
use callwright_sip::message::header::Reason;
use callwright_sip::registrar::{RegisterAnswer, RegisterId};
use tokio::sync::{mpsc, oneshot};

use super::OurRegistration;
use super::warden::GuardOrder;
use super::watches::Watched;

use crate::time::Latest;

/// The way to the endpoint for everybody else. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct SipHandle {
    pub(super) commands: mpsc::Sender<Command>,
}

/// The endpoint's task has ended: the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SIP has stopped")]
pub struct SipStopped;

/// An INVITE could not be sent at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// The server stops.
    #[error(transparent)]
    Stopped(#[from] SipStopped),
    /// The endpoint refused.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// Its time had passed.
    #[error("the INVITE could not be sent in time")]
    TooLate,
}

/// A session that was begun, and what it says from here on.
pub type Started = (SessionId, mpsc::Receiver<Event>);

/// What became of [`SipHandle::register`].
pub(super) type Registered = Result<OurRegistration, CommandError>;

/// What the driver is asked.
#[derive(Debug)]
pub(super) enum Command {
    Invite { invite: Box<Invite>, send_before: Latest, reply: oneshot::Sender<Result<Started, InviteError>> },
    HangUp(SessionId, Option<Reason>),
    Ring(SessionId, StatusCode, Option<Body>),
    Accept(SessionId, Body),
    Reject(SessionId, StatusCode, Rejection),
    AnswerReoffer(SessionId, Result<Body, StatusCode>),
    Refer(SessionId, Box<Refer>, oneshot::Sender<Result<ReferId, CommandError>>),
    NotifyRefer(SessionId, StatusCode),
    Info(SessionId, Body),
    Follow(SessionId, Flow),
    PassOver(SessionId),
    KnownAs(SessionId, External),
    Recover(Box<Orphan>, oneshot::Sender<Result<RecoveryOutcome, CommandError>>),
    Guard(GuardOrder),
    Ping(Box<Probe>, oneshot::Sender<Option<StatusCode>>),
    Register(Box<Registration>, oneshot::Sender<Registered>),
    Unregister(RegistrationId),
    Watch(Box<Watch>, oneshot::Sender<Watched>),
    AnswerRegister(RegisterId, RegisterAnswer),
}

impl SipHandle {
    /// Sends an INVITE, before `send_before` or not at all; the session and its events. The time is looked at where the
    /// INVITE is made: waiting for the driver counts.
    ///
    /// # Errors
    /// Nothing was sent.
    pub async fn invite(&self, invite: Invite, send_before: Latest) -> Result<Started, InviteError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Invite { invite: Box::new(invite), send_before, reply }).await?;
        answer.await.map_err(|_| SipStopped)?
    }

    /// Ends a session with what its state asks for: CANCEL, BYE, or a refusal.
    ///
    /// # Errors
    /// The server stops.
    pub async fn hang_up(&self, session: SessionId, reason: Option<Reason>) -> Result<(), SipStopped> {
        self.send(Command::HangUp(session, reason)).await
    }

    /// Sends 180, or 183 with a description.
    ///
    /// # Errors
    /// The server stops.
    pub async fn ring(&self, session: SessionId, status: StatusCode, body: Option<Body>) -> Result<(), SipStopped> {
        self.send(Command::Ring(session, status, body)).await
    }

    /// Takes an incoming call.
    ///
    /// # Errors
    /// The server stops.
    pub async fn accept(&self, session: SessionId, body: Body) -> Result<(), SipStopped> {
        self.send(Command::Accept(session, body)).await
    }

    /// Refuses an incoming call.
    ///
    /// # Errors
    /// The server stops.
    pub async fn reject(&self, session: SessionId, status: StatusCode, more: Rejection) -> Result<(), SipStopped> {
        self.send(Command::Reject(session, status, more)).await
    }

    /// Answers a re-INVITE or UPDATE.
    ///
    /// # Errors
    /// The server stops.
    pub async fn answer_reoffer(&self, session: SessionId, answer: Result<Body, StatusCode>) -> Result<(), SipStopped> {
        self.send(Command::AnswerReoffer(session, answer)).await
    }

    /// Asks the far side of an answered session to call somebody else; [`Event::Refer`] tells how it goes.
    ///
    /// # Errors
    /// Nothing was sent: the session is over or was asked already, or the server stops.
    pub async fn refer(&self, session: SessionId, refer: Refer) -> Result<ReferId, InviteError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Refer(session, Box::new(refer), reply)).await?;
        Ok(answer.await.map_err(|_| SipStopped)??)
    }

    /// Lets a session go on to whom [`Event::Redirected`] named, over this flow.
    ///
    /// # Errors
    /// The server stops.
    pub async fn follow(&self, session: SessionId, flow: Flow) -> Result<(), SipStopped> {
        self.send(Command::Follow(session, flow)).await
    }

    /// Does not let it go on there: the next contact is named, or the session ends by what redirected it.
    ///
    /// # Errors
    /// The server stops.
    pub async fn pass_over(&self, session: SessionId) -> Result<(), SipStopped> {
        self.send(Command::PassOver(session)).await
    }

    /// Sends INFO within an answered session.
    ///
    /// # Errors
    /// The server stops.
    pub async fn info(&self, session: SessionId, body: Body) -> Result<(), SipStopped> {
        self.send(Command::Info(session, body)).await
    }

    /// The far side of an incoming call sees us at this address, which Via and Contact are to name.
    ///
    /// # Errors
    /// The server stops.
    pub async fn known_as(&self, session: SessionId, external: External) -> Result<(), SipStopped> {
        self.send(Command::KnownAs(session, external)).await
    }

    /// Tells the far side how the call goes that it asked for by [`Event::Referred`].
    ///
    /// # Errors
    /// The server stops.
    pub async fn notify_refer(&self, session: SessionId, status: StatusCode) -> Result<(), SipStopped> {
        self.send(Command::NotifyRefer(session, status)).await
    }

    /// Ends a leg that an earlier life of the server left behind, and tells how that turned out.
    ///
    /// # Errors
    /// Nothing was sent.
    pub async fn recover(&self, orphan: Orphan) -> Result<RecoveryOutcome, InviteError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Recover(Box::new(orphan), reply)).await?;
        Ok(answer.await.map_err(|_| SipStopped)??)
    }

    /// Asks a peer for a sign of life (OPTIONS). The final status, or `None` when nobody answered.
    ///
    /// # Errors
    /// The server stops.
    pub async fn ping(&self, probe: Probe) -> Result<Option<StatusCode>, SipStopped> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Ping(Box::new(probe), reply)).await?;
        answer.await.map_err(|_| SipStopped)
    }

    pub(super) async fn send(&self, command: Command) -> Result<(), SipStopped> {
        self.commands.send(command).await.map_err(|_| SipStopped)
    }
}
