//! Headers that are little more than a number.

use super::identity::read_numbered_method;
use super::{Shape, TypedHeader};
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Lexer, Method, Params, push_decimal};

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident $max:expr, $over:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
            pub struct $name(pub u32);

            impl TypedHeader for $name {
                const NAME: HeaderName = HeaderName::$name;

                fn parse(value: &[u8]) -> Result<Self, ParseError> {
                    let mut lexer = Lexer::new(value);
                    let number = $over(&mut lexer, $max)?;
                    // Parameters are legal on Min-SE only, and harmless everywhere.
                    Params::read(&mut lexer)?;
                    lexer.finish()?;
                    Ok($name(number))
                }

                fn print(&self, out: &mut Vec<u8>) {
                    push_decimal(out, u64::from(self.0));
                }
            }
        )*
    };
}

numbers! {
    /// Max-Forwards: hops left, at most 255 (RFC 3261 section 20.22).
    MaxForwards 255, limited
    /// Expires in seconds; beyond 32 bits it is the largest number (RFC 3261 section 20.19).
    Expires u32::MAX, saturated
    /// Flow-Timer: how often the far side wants to see a keep-alive, in seconds (RFC 5626 section 10).
    FlowTimer u32::MAX, saturated
    /// Min-Expires in seconds (RFC 3261 section 20.23).
    MinExpires u32::MAX, saturated
    /// Min-SE in seconds (RFC 4028 section 5).
    MinSe u32::MAX, saturated
    /// RSeq of a reliable provisional response, 1 to 2^32 - 1 (RFC 3262 section 7.1).
    RSeq u32::MAX, limited
}

fn limited(lexer: &mut Lexer<'_>, max: u32) -> Result<u32, ParseError> {
    let fault = lexer.fault(ParseFault::Number);
    u32::try_from(lexer.number(u64::from(max))?).map_err(|_| fault)
}

fn saturated(lexer: &mut Lexer<'_>, max: u32) -> Result<u32, ParseError> {
    let digits = lexer.take_while(|byte| byte.is_ascii_digit());
    if digits.is_empty() {
        return Err(lexer.fault(ParseFault::Number));
    }
    let number = digits.iter().fold(0u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0')).min(u64::from(max))
    });
    Ok(u32::try_from(number).unwrap_or(max))
}

/// Retry-After: when to try again (RFC 3261 section 20.33).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    /// Seconds to wait.
    pub seconds: u32,
    /// Seconds the peer will then be available.
    pub duration: Option<u32>,
}

impl TypedHeader for RetryAfter {
    const NAME: HeaderName = HeaderName::RetryAfter;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let seconds = saturated(&mut lexer, u32::MAX)?;
        lexer.skip_space();
        if lexer.peek() == Some(b'(') {
            skip_comment(&mut lexer)?;
        }
        let params = Params::read(&mut lexer)?;
        lexer.finish()?;
        let duration = params.value("duration").map(|digits| saturated(&mut Lexer::new(digits), u32::MAX));
        Ok(RetryAfter { seconds, duration: duration.transpose()? })
    }

    fn print(&self, out: &mut Vec<u8>) {
        push_decimal(out, u64::from(self.seconds));
        if let Some(duration) = self.duration {
            out.extend_from_slice(b";duration=");
            push_decimal(out, u64::from(duration));
        }
    }
}

/// Reads a comment, which may hold comments.
fn skip_comment(lexer: &mut Lexer<'_>) -> Result<(), ParseError> {
    let mut depth = 0usize;
    loop {
        lexer.take_while(|byte| !matches!(byte, b'(' | b')' | b'\\'));
        if lexer.eat(b'\\') {
            lexer.skip_byte();
        } else if lexer.eat(b'(') {
            depth += 1;
        } else if lexer.eat(b')') {
            depth -= 1;
            if depth == 0 {
                return Ok(());
            }
        } else {
            return Err(lexer.fault(ParseFault::Quote));
        }
    }
}

/// Timestamp: when the request was sent, and how long the answer took; digits as written (RFC 3261 section 20.38).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// Seconds by the sender's clock.
    pub sent: String,
    /// Seconds between receipt and answer.
    pub delay: Option<String>,
}

impl TypedHeader for Timestamp {
    const NAME: HeaderName = HeaderName::Timestamp;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let sent = read_decimal_fraction(&mut lexer)?;
        lexer.skip_space();
        let delay = if lexer.rest().is_empty() { None } else { Some(read_decimal_fraction(&mut lexer)?) };
        lexer.finish()?;
        Ok(Timestamp { sent, delay })
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.sent.as_bytes());
        if let Some(delay) = &self.delay {
            out.push(b' ');
            out.extend_from_slice(delay.as_bytes());
        }
    }
}

fn read_decimal_fraction(lexer: &mut Lexer<'_>) -> Result<String, ParseError> {
    let digits = lexer.take_while(|byte| byte.is_ascii_digit() || byte == b'.');
    let dots = memchr::memchr_iter(b'.', digits).count();
    if digits.is_empty() || dots > 1 {
        return Err(lexer.fault(ParseFault::Number));
    }
    Ok(String::from_utf8_lossy(digits).into_owned())
}

/// RAck: which reliable provisional response a PRACK acknowledges (RFC 3262 section 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The response's RSeq.
    pub rseq: u32,
    /// The CSeq number of the request it answered.
    pub cseq: u32,
    /// The method of that request.
    pub method: Method,
}

impl TypedHeader for RAck {
    const NAME: HeaderName = HeaderName::RAck;
    const SHAPE: Shape = Shape::Single;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let rseq = limited(&mut lexer, u32::MAX)?;
        lexer.skip_space();
        let (cseq, method) = read_numbered_method(&mut lexer)?;
        lexer.finish()?;
        Ok(RAck { rseq, cseq, method })
    }

    fn print(&self, out: &mut Vec<u8>) {
        push_decimal(out, u64::from(self.rseq));
        out.push(b' ');
        push_decimal(out, u64::from(self.cseq));
        out.push(b' ');
        out.extend_from_slice(self.method.as_str().as_bytes());
    }
}
