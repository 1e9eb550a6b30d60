//! What can be wrong with bytes that claim to be SIP. Always the sender's fault, never ours.

use std::fmt;

use crate::message::{HeaderName, Headers, Method, StatusCode};

/// Why bytes could not be read as SIP, and where.
///
/// From [`crate::message::parse`], `at` is an offset in the datagram; from a typed header it is an offset in that
/// header's value. A fault inside a folded header is reported at the place it has in the unfolded value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What was wrong.
    pub what: ParseFault,
    /// Offset of the fault in bytes.
    pub at: usize,
    /// The header it was found in, when it was found in one.
    pub header: Option<HeaderName>,
    /// What an error response needs; absent where none can or may be sent (responses, ACK, no readable Via).
    pub answerable: Option<Box<Answerable>>,
}

impl ParseError {
    /// A fault at an offset.
    pub fn new(what: ParseFault, at: usize) -> Self {
        ParseError { what, at, header: None, answerable: None }
    }

    /// The same fault, naming the header it was found in.
    pub fn in_header(mut self, name: HeaderName) -> Self {
        self.header = Some(name);
        self
    }

    /// The same fault, `offset` bytes further on: from an offset in a part to one in the whole.
    pub fn shifted(mut self, offset: usize) -> Self {
        self.at += offset;
        self
    }
}

impl fmt::Display for ParseError {
    // The text goes into reason phrases and logs, so it names places and never shows the peer's bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.header {
            Some(HeaderName::Other(_)) => write!(f, "{} in an extension header at byte {}", self.what, self.at),
            Some(name) => write!(f, "{} in {} at byte {}", self.what, name.as_str(), self.at),
            None => write!(f, "{} at byte {}", self.what, self.at),
        }
    }
}

impl std::error::Error for ParseError {}

/// The parts of a malformed request that its error response has to repeat (RFC 3261 section 8.2.6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answerable {
    /// The request's method; never ACK.
    pub method: Method,
    /// Via, From, To, Call-ID and CSeq as far as they could be read. The topmost Via is always well-formed.
    pub headers: Headers,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseFault {
    /// Nothing but line ends.
    #[error("empty message")]
    Empty,
    /// Longer than [`crate::message::MAX_MESSAGE`].
    #[error("message too long")]
    MessageTooLong,
    /// A header longer than [`crate::message::MAX_HEADER`].
    #[error("header too long")]
    HeaderTooLong,
    /// More headers than [`crate::message::MAX_HEADERS`].
    #[error("too many headers")]
    TooManyHeaders,
    /// No blank line after the headers.
    #[error("headers do not end")]
    Truncated,
    /// Neither a request line nor a status line.
    #[error("bad start line")]
    StartLine,
    /// A version other than `SIP/2.0`.
    #[error("unsupported SIP version")]
    Version,
    /// Not a number from 100 to 699.
    #[error("bad status code")]
    StatusCode,
    /// A method that is no token.
    #[error("bad method")]
    Method,
    /// A line among the headers that is neither `name: value` nor a continuation.
    #[error("bad header line")]
    HeaderLine,
    /// A carriage return that ends no line.
    #[error("bare carriage return")]
    BareCr,
    /// A header every message must have is absent.
    #[error("missing header")]
    Missing,
    /// A header that may stand once stands several times with different values.
    #[error("repeated header")]
    Repeated,
    /// The method in CSeq is not the request's.
    #[error("CSeq method differs from request method")]
    MethodMismatch,
    /// The body is shorter than Content-Length.
    #[error("body shorter than Content-Length")]
    BodyTooShort,
    /// Not a number, or out of range.
    #[error("bad number")]
    Number,
    /// Not a token where one must stand.
    #[error("bad token")]
    Token,
    /// A quoted string that does not end.
    #[error("unbalanced quotes")]
    Quote,
    /// A URI that cannot be read.
    #[error("bad URI")]
    Uri,
    /// A host name or address that cannot be read.
    #[error("bad host")]
    Host,
    /// A port that is no number from 0 to 65535.
    #[error("bad port")]
    Port,
    /// A parameter that cannot be read.
    #[error("bad parameter")]
    Param,
    /// A name-addr whose display name or angle brackets cannot be read.
    #[error("bad address")]
    Address,
    /// An empty element in a comma-separated list.
    #[error("empty list element")]
    EmptyElement,
    /// Something stands after the value's end.
    #[error("trailing bytes")]
    Trailing,
    /// Not a challenge or credentials of the digest scheme.
    #[error("not a digest header")]
    Scheme,
}

impl ParseFault {
    /// The status an answer to a request with this fault carries.
    pub fn status(self) -> StatusCode {
        match self {
            ParseFault::Version => StatusCode::VERSION_NOT_SUPPORTED,
            ParseFault::MessageTooLong | ParseFault::HeaderTooLong | ParseFault::TooManyHeaders => {
                StatusCode::MESSAGE_TOO_LARGE
            }
            ParseFault::Empty
            | ParseFault::Truncated
            | ParseFault::StartLine
            | ParseFault::StatusCode
            | ParseFault::Method
            | ParseFault::HeaderLine
            | ParseFault::BareCr
            | ParseFault::Missing
            | ParseFault::Repeated
            | ParseFault::MethodMismatch
            | ParseFault::BodyTooShort
            | ParseFault::Number
            | ParseFault::Token
            | ParseFault::Quote
            | ParseFault::Uri
            | ParseFault::Host
            | ParseFault::Port
            | ParseFault::Param
            | ParseFault::Address
            | ParseFault::EmptyElement
            | ParseFault::Trailing
            | ParseFault::Scheme => StatusCode::BAD_REQUEST,
        }
    }
}
