//! Dialogs (RFC 3261 section 12): what two sides of a call agree on, and the requests that follow from it.

mod snapshot;

pub use snapshot::DialogSnapshot;
