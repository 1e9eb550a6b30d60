//! The few lexical elements SIP header values are made of (RFC 3261 section 25.1).

use std::borrow::Cow;

use crate::error::{ParseError, ParseFault};

/// Whether the bytes are one token: not empty, token characters only.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN[byte as usize])
}

/// Whether a byte may stand in a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let is = byte as u8;
        table[byte] = is.is_ascii_alphanumeric()
            || matches!(is, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        byte += 1;
    }
    table
};

/// A cursor over one header value.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Lexer { bytes, at: 0 }
    }

    /// Offset of the next byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn fault(&self, what: ParseFault) -> ParseError {
        ParseError::new(what, self.at)
    }

    pub(crate) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads the next byte, if there is one.
    pub(crate) fn skip_byte(&mut self) {
        self.at = (self.at + 1).min(self.bytes.len());
    }

    /// Reads `byte` if it comes next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    /// Reads `byte` with white space around it, if it comes next.
    pub(crate) fn eat_spaced(&mut self, byte: u8) -> bool {
        let start = self.at;
        self.skip_space();
        if self.eat(byte) {
            self.skip_space();
            return true;
        }
        self.at = start;
        false
    }

    /// Reads as long as `keep` holds; may be nothing.
    pub(crate) fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|&byte| !keep(byte)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    pub(crate) fn token(&mut self) -> Result<&'a [u8], ParseError> {
        let token = self.take_while(is_token_byte);
        if token.is_empty() { Err(self.fault(ParseFault::Token)) } else { Ok(token) }
    }

    /// Reads a quoted string and returns it with its quotes.
    pub(crate) fn quoted(&mut self) -> Result<&'a [u8], ParseError> {
        let rest = self.rest();
        match quoted_len(rest) {
            Some(len) => {
                self.at += len;
                Ok(&rest[..len])
            }
            None => Err(self.fault(ParseFault::Quote)),
        }
    }

    /// Reads a decimal number of at most `max`.
    pub(crate) fn number(&mut self, max: u64) -> Result<u64, ParseError> {
        let start = self.at;
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        let fault = ParseError::new(ParseFault::Number, start);
        match decimal(digits) {
            Some(number) if number <= max => Ok(number),
            Some(_) | None => Err(fault),
        }
    }

    /// Nothing but white space may be left.
    pub(crate) fn finish(mut self) -> Result<(), ParseError> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault(ParseFault::Trailing)) }
    }
}

/// The value of one or more decimal digits; `None` for anything else and past `u64`.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        if !digit.is_ascii_digit() {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// Splits a comma-separated list, with regard to quotes and angle brackets. Elements come trimmed; empty ones are
/// yielded too, because whether they are allowed is the header's affair.
pub(crate) fn split_list(value: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = &value[start..];
        let len = element_len(rest);
        next = (start + len < value.len()).then_some(start + len + 1);
        let element = &rest[..len];
        let lead = element.len() - element.trim_ascii_start().len();
        Some((start + lead, element.trim_ascii()))
    })
}

/// The text of a quoted string without quotes and escapes; anything else as it is.
pub(crate) fn unquote(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return Cow::Borrowed(raw);
    };
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next() } else { None };
        text.push(*escaped.unwrap_or(&byte));
    }
    Cow::Owned(text)
}

/// Writes `text` as a quoted string. Line ends cannot be quoted and become spaces.
pub(crate) fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\r' | b'\n' => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Writes a number in decimal.
pub(crate) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        // A remainder of ten always fits a byte.
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Length of the quoted string at the start of `bytes`, quotes included; `None` if it does not end.
fn quoted_len(bytes: &[u8]) -> Option<usize> {
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        let found = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// Length of the first list element: up to the first comma outside quotes and angle brackets.
fn element_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr3(b',', b'"', b'<', &bytes[at..]) {
        at += found;
        at += match bytes[at] {
            b',' => return at,
            b'"' => match quoted_len(&bytes[at..]) {
                Some(len) => len,
                None => return bytes.len(),
            },
            _ => match memchr::memchr(b'>', &bytes[at..]) {
                Some(len) => len + 1,
                None => return bytes.len(),
            },
        };
    }
    bytes.len()
}
