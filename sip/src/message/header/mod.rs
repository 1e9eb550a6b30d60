//! Headers as the types their RFCs give them.

mod auth;
mod content;
mod identity;
mod lists;
mod name_addr;
mod numbers;
mod privacy;
mod refer;
mod session;
mod signed;
mod via;

pub use auth::{Asker, Authorization, Challenge, Credentials, ProxyAuthenticate, ProxyAuthorization, WwwAuthenticate};
pub use content::{ContentLength, ContentType};
pub use identity::{Branch, CSeq, CallId, Tag};
pub use lists::{Allow, ProxyRequire, Require, Supported, Unsupported};
pub use name_addr::{
    Contact, Diversion, From, HistoryInfo, NameAddr, PAssertedIdentity, PPreferredIdentity, Path, RecordRoute, ReferTo,
    ReferredBy, Route, ServiceRoute, To,
};
pub use numbers::{Expires, FlowTimer, MaxForwards, MinExpires, MinSe, RAck, RSeq, RetryAfter, Timestamp};
pub use privacy::Privacy;
pub use refer::{EventPackage, ReferSub, Replaces, SubscriptionState};
pub use session::{Reason, Refresher, SessionExpires};
pub use signed::{Date, Identity};
pub use via::{Rport, Via, ViaTransport};

use super::name::HeaderName;
use crate::error::ParseError;

/// A header value with a type.
pub trait TypedHeader: Sized {
    /// The header's name.
    const NAME: HeaderName;
    /// How several values of it are written.
    const SHAPE: Shape = Shape::Single;

    /// Reads one value, unfolded and trimmed.
    ///
    /// # Errors
    /// What is wrong with the value, at which of its bytes.
    fn parse(value: &[u8]) -> Result<Self, ParseError>;

    /// Writes the value.
    fn print(&self, out: &mut Vec<u8>);
}

/// How several values of one header are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The header stands once.
    Single,
    /// One value a header line, several lines.
    Lines,
    /// Several values a line separated by commas, several lines.
    List,
    /// One type holds the values of all lines.
    Joined,
}

#[cfg(test)]
mod tests;
