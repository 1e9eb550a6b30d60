//! The whole SIP side of one process: bytes and time in, bytes and events out.

mod command;
mod config;
mod event;
mod flow;
mod timers;

pub use crate::dialog::DialogSnapshot;
pub use crate::digest::Credential;
pub use crate::identity::LegKey;
pub use command::{CommandError, Invite, Orphan, OrphanInvite, OrphanStage, Probe, Registration, Rejection};
pub use config::Config;
pub use event::{
    Body, Counters, EndedBy, Event, Failure, FailureCause, IncomingInvite, ProbeId, RecoveryOutcome, RegistrationId,
    RegistrationState, SessionId,
};
pub use flow::{Flow, FlowSyntax, Listener, ListenerId, Transmit, TransmitId, Transport};
pub use timers::{SessionTimer, WakeReason};
