//! Headers about a session's life: its timer, and the reason of its end.

use super::{Shape, TypedHeader};
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Headers, Lexer, Params, Token, push_decimal, push_quoted};

/// Session-Expires (RFC 4028 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds until the session ends without a refresh.
    pub seconds: u32,
    /// Who refreshes, once that is settled.
    pub refresher: Option<Refresher>,
}

/// Who refreshes a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answers it.
    Uas,
}

impl TypedHeader for SessionExpires {
    const NAME: HeaderName = HeaderName::SessionExpires;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let seconds = lexer.number(u64::from(u32::MAX))?;
        let seconds = u32::try_from(seconds).map_err(|_| lexer.fault(ParseFault::Number))?;
        let params = Params::read(&mut lexer)?;
        let refresher = match params.value("refresher") {
            None => None,
            Some(side) if side.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(side) if side.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            Some(_) => return Err(lexer.fault(ParseFault::Param)),
        };
        lexer.finish()?;
        Ok(SessionExpires { seconds, refresher })
    }

    fn print(&self, out: &mut Vec<u8>) {
        push_decimal(out, u64::from(self.seconds));
        match self.refresher {
            Some(Refresher::Uac) => out.extend_from_slice(b";refresher=uac"),
            Some(Refresher::Uas) => out.extend_from_slice(b";refresher=uas"),
            None => {}
        }
    }
}

/// Reason: why a request was sent or a call failed (RFC 3326).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` or another protocol whose cause this is.
    pub protocol: Token,
    /// The protocol's cause code.
    pub cause: Option<u16>,
    /// Words for people, without quotes; any bytes.
    pub text: Option<Vec<u8>>,
}

impl Reason {
    /// The first ISDN cause among the Reason headers (ITU-T Q.850), whatever else stands there.
    pub fn q850(headers: &Headers) -> Option<Reason> {
        headers
            .all(&HeaderName::Reason)
            .flat_map(crate::message::split_list)
            .filter_map(|(_, element)| Reason::parse(element).ok())
            .find(|reason| reason.protocol.is("Q.850"))
    }
}

impl TypedHeader for Reason {
    const NAME: HeaderName = HeaderName::Reason;
    const SHAPE: Shape = Shape::List;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let protocol = Token::new(lexer.token()?).ok_or_else(|| lexer.fault(ParseFault::Token))?;
        let params = Params::read(&mut lexer)?;
        lexer.finish()?;
        let cause = match params.text("cause") {
            None => None,
            Some(digits) => {
                let number = Lexer::new(&digits).number(u64::from(u16::MAX))?;
                Some(u16::try_from(number).map_err(|_| ParseError::new(ParseFault::Number, 0))?)
            }
        };
        Ok(Reason { protocol, cause, text: params.text("text").map(std::borrow::Cow::into_owned) })
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.protocol.as_str().as_bytes());
        if let Some(cause) = self.cause {
            out.extend_from_slice(b";cause=");
            push_decimal(out, u64::from(cause));
        }
        if let Some(text) = &self.text {
            out.extend_from_slice(b";text=");
            push_quoted(out, text);
        }
    }
}
