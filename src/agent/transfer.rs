//! Handing the caller over to somebody else, as the conversation sees it: an order goes out, news come back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::pii::Pii;

/// Whom to hand the caller over to, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransferOrder {
    /// The destination by the name it has in the assistant, or a phone number or SIP address.
    pub to: Pii<String>,
    /// How.
    pub manner: TransferManner,
    /// What whoever takes over is told before the caller is put through; only in a warm transfer.
    pub briefing: Option<Pii<String>>,
}

/// How a caller is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferManner {
    /// The caller's own side dials on (REFER), bridged by us where it refuses to; nobody is asked first.
    #[default]
    Cold,
    /// We dial, the caller hears music, whoever answers is told what it is about and may decline.
    Warm,
}

/// How far a transfer has come. After [`TransferNews::Done`] or [`TransferNews::Failed`] nothing follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferNews {
    /// The destination rings.
    Ringing,
    /// Somebody took the call and is being told what it is about.
    Briefing,
    /// The caller has been handed over; the agent's part is done.
    Done,
    /// It did not come to it: the caller is ours again, and the line is open both ways.
    Failed(TransferFailure),
}

/// Why a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferFailure {
    /// Whoever answered will not take the caller.
    Declined,
    /// Engaged.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// A machine answered.
    Voicemail,
    /// The destination does not exist, or may not be called.
    Refused,
    /// The transfer broke for a technical reason.
    Broken,
}

impl TransferFailure {
    /// The name it has towards a model and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Voicemail => "voicemail",
            Self::Refused => "refused",
            Self::Broken => "broken",
        }
    }
}
