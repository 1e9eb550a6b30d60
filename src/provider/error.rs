//! The one error every provider gives. Fallback and retry look only at [`ErrorKind`].

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What went wrong at a provider, and what may be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {detail}")]
pub struct Error {
    /// Who failed: `espeak-ng`, `pocketsphinx`, or the name that the settings give a vendor.
    pub provider: Cow<'static, str>,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// One line for the operator; never holds what was said or a key.
    pub detail: String,
    /// How long the provider asked us to stay away, when it did.
    pub after: Option<Duration>,
    /// The vendor's number of the request, to ask its support about.
    pub request: Option<String>,
}

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A program or model file is not installed: nothing works until the operator acts.
    NotInstalled,
    /// The key is missing, wrong or out of funds: nothing works until the operator acts.
    Unauthorised,
    /// All places are taken or the vendor limits us: the same request may succeed later.
    Busy,
    /// No connection, or none that answers.
    Unreachable,
    /// No answer within the time limit.
    TimedOut,
    /// The request cannot be served by this provider: unknown voice, word outside the dictionary.
    Refused,
    /// The provider answered with something that makes no sense, or ended in the middle.
    Broken,
    /// The local machine failed: disk full, no file descriptor.
    Local,
}

impl ErrorKind {
    /// Whether the same request may succeed when it is made again.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Busy | Self::Unreachable | Self::TimedOut | Self::Broken | Self::Local => true,
            Self::NotInstalled | Self::Unauthorised | Self::Refused => false,
        }
    }
}

impl Error {
    /// An error with its one-line explanation.
    pub fn new(provider: impl Into<Cow<'static, str>>, kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { provider: provider.into(), kind, detail: detail.into(), after: None, request: None }
    }
}
