//! What a body is and how long.

use super::TypedHeader;
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Lexer, Params, Token, push_decimal};

/// Content-Length in bytes (RFC 3261 section 20.14). Messages derive it from their body; this is for reading it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentLength(pub u32);

impl TypedHeader for ContentLength {
    const NAME: HeaderName = HeaderName::ContentLength;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let length = lexer.number(u64::from(u32::MAX))?;
        let length = u32::try_from(length).map_err(|_| lexer.fault(ParseFault::Number))?;
        lexer.finish()?;
        Ok(ContentLength(length))
    }

    fn print(&self, out: &mut Vec<u8>) {
        push_decimal(out, u64::from(self.0));
    }
}

/// Content-Type (RFC 3261 section 20.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// `application` of `application/sdp`.
    pub kind: Token,
    /// `sdp` of `application/sdp`.
    pub subtype: Token,
    /// Parameters such as `boundary`.
    pub params: Params,
}

impl ContentType {
    /// Whether the type is `kind/subtype`, letter case and parameters aside.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.is(kind) && self.subtype.is(subtype)
    }
}

impl TypedHeader for ContentType {
    const NAME: HeaderName = HeaderName::ContentType;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let kind = Token::new(lexer.token()?).ok_or_else(|| lexer.fault(ParseFault::Token))?;
        if !lexer.eat_spaced(b'/') {
            return Err(lexer.fault(ParseFault::Token));
        }
        let subtype = Token::new(lexer.token()?).ok_or_else(|| lexer.fault(ParseFault::Token))?;
        let params = Params::read(&mut lexer)?;
        lexer.finish()?;
        Ok(ContentType { kind, subtype, params })
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.kind.as_str().as_bytes());
        out.push(b'/');
        out.extend_from_slice(self.subtype.as_str().as_bytes());
        self.params.print(out);
    }
}
