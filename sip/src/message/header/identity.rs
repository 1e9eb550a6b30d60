//! What tells calls, dialogs and transactions apart: Call-ID, CSeq, tags and branches.

use super::TypedHeader;
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Lexer, Method, is_value_byte, push_decimal};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident $holds:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<[u8]>);

        impl $name {
            /// The identifier made of these bytes. Those that would end it on the wire are dropped.
            pub fn from_bytes(bytes: impl AsRef<[u8]>) -> Self {
                let bytes = bytes.as_ref();
                if bytes.iter().all(|&byte| $holds(byte)) {
                    return $name(bytes.into());
                }
                $name(bytes.iter().copied().filter(|&byte| $holds(byte)).collect())
            }

            /// The bytes on the wire.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&String::from_utf8_lossy(&self.0))
            }
        }
    };
}

identifier! {
    /// A Call-ID (RFC 3261 section 20.8). Compared byte by byte.
    CallId is_word_byte
}

identifier! {
    /// A From or To tag (RFC 3261 section 19.3).
    Tag is_value_byte
}

identifier! {
    /// A Via branch (RFC 3261 section 8.1.1.7).
    Branch is_value_byte
}

impl Branch {
    /// What branches begin with that are unique across space and time.
    pub const COOKIE: &'static str = "z9hG4bK";

    /// Whether the branch identifies the transaction by itself: it begins with the cookie and goes on after it.
    pub fn is_unique(&self) -> bool {
        let cookie = Self::COOKIE.as_bytes();
        self.0.len() > cookie.len() && self.0[..cookie.len()].eq_ignore_ascii_case(cookie)
    }
}

/// What a Call-ID may hold: any byte but white space and control characters, to tell apart all that peers send.
fn is_word_byte(byte: u8) -> bool {
    byte > b' ' && byte != 0x7F
}

impl TypedHeader for CallId {
    const NAME: HeaderName = HeaderName::CallId;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let bad = value.iter().position(|&byte| !is_word_byte(byte));
        match bad {
            None if !value.is_empty() => Ok(CallId(value.into())),
            at => Err(ParseError::new(ParseFault::Token, at.unwrap_or(0))),
        }
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// CSeq: the request's number in its dialog, and its method (RFC 3261 section 20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Sequence number, below 2^31.
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

impl TypedHeader for CSeq {
    const NAME: HeaderName = HeaderName::CSeq;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let (number, method) = read_numbered_method(&mut lexer)?;
        lexer.finish()?;
        Ok(CSeq { number, method })
    }

    fn print(&self, out: &mut Vec<u8>) {
        push_decimal(out, u64::from(self.number));
        out.push(b' ');
        out.extend_from_slice(self.method.as_str().as_bytes());
    }
}

/// Reads `number method`, as CSeq and RAck have it.
pub(super) fn read_numbered_method(lexer: &mut Lexer<'_>) -> Result<(u32, Method), ParseError> {
    // RFC 3261 section 8.1.1.5: "MUST be less than 2**31".
    let number = lexer.number((1 << 31) - 1)?;
    lexer.skip_space();
    let method = Method::from_bytes(lexer.token()?).ok_or_else(|| lexer.fault(ParseFault::Method))?;
    let number = u32::try_from(number).map_err(|_| lexer.fault(ParseFault::Number))?;
    Ok((number, method))
}
