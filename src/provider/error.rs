//! The one error every provider gives. Fallback and retry look only at [`ErrorKind`].

use std::time::Duration;

/// What went wrong at a provider, and what may be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {detail}")]
pub struct Error {
    /// Who failed: `espeak-ng`, `pocketsphinx`, a vendor's name.
    pub provider: &'static str,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// One line for the operator; never holds what was said or a key.
    pub detail: String,
    /// How long the provider asked us to stay away, when it did.
    pub after: Option<Duration>,
}

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// A program or model file is not installed: nothing works until the operator acts.
    NotInstalled,
    /// All places are taken or the vendor limits us: the same request may succeed later.
    Busy,
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
            Self::Busy | Self::TimedOut | Self::Broken | Self::Local => true,
            Self::NotInstalled | Self::Refused => false,
        }
    }
}

impl Error {
    /// An error with its one-line explanation.
    pub fn new(provider: &'static str, kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self { provider, kind, detail: detail.into(), after: None }
    }
}
