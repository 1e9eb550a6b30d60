//! Parameters: the `;name=value` tail of headers and URIs.

use std::borrow::Cow;

use super::lexer::{Lexer, is_token_byte, push_quoted, unquote};
use crate::error::{ParseError, ParseFault};

/// Parameters in order. Names compare without regard to case. Values are kept as written, quotes included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(Vec<Param>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Param {
    name: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl Params {
    /// No parameters.
    pub const fn new() -> Self {
        Params(Vec::new())
    }

    /// Whether a parameter stands here, with or without value.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The first such parameter's value as written; `None` also for a parameter without value.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.find(name)?.value.as_deref()
    }

    /// The first such parameter's value without quotes and escapes.
    pub fn text(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.value(name).map(unquote)
    }

    /// Sets a parameter, in place of the first one of this name or at the end. A value that is not a token, a host or
    /// a quoted string already is quoted. `name` must be a token: other bytes are dropped from it.
    pub fn set(&mut self, name: &str, value: Option<&[u8]>) {
        let value = value.map(|raw| {
            if !raw.is_empty() && raw.iter().all(|&byte| is_value_byte(byte)) || is_quoted(raw) {
                return raw.to_vec();
            }
            let mut quoted = Vec::with_capacity(raw.len() + 2);
            push_quoted(&mut quoted, raw);
            quoted
        });
        match self.0.iter_mut().find(|param| param.name.eq_ignore_ascii_case(name.as_bytes())) {
            Some(param) => param.value = value,
            None => {
                let name = name.bytes().filter(|&byte| is_token_byte(byte)).collect();
                self.0.push(Param { name, value });
            }
        }
    }

    /// Removes every parameter of this name; tells whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|param| !param.name.eq_ignore_ascii_case(name.as_bytes()));
        self.0.len() != before
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.0.iter().map(|param| (param.name.as_slice(), param.value.as_deref()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes `;name=value` for each.
    pub fn print(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            out.push(b';');
            out.extend_from_slice(name);
            if let Some(value) = value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
    }

    /// Reads header parameters: any number of `;name[=value]` with white space anywhere between.
    pub(crate) fn read(lexer: &mut Lexer<'_>) -> Result<Self, ParseError> {
        let mut params = Params::new();
        while lexer.eat_spaced(b';') {
            let name = lexer.token().map_err(|error| ParseError { what: ParseFault::Param, ..error })?;
            let value = if lexer.eat_spaced(b'=') { Some(read_value(lexer)?) } else { None };
            params.push(name, value);
        }
        Ok(params)
    }

    /// Appends a parameter as it is on the wire.
    pub(crate) fn push(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.0.push(Param { name: name.to_vec(), value: value.map(<[u8]>::to_vec) });
    }

    /// Removes the first parameter of this name and returns its value: `Some(None)` if it had none.
    pub(crate) fn take(&mut self, name: &str) -> Option<Option<Vec<u8>>> {
        let index = self.0.iter().position(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(self.0.remove(index).value)
    }

    fn find(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
    }
}

fn read_value<'a>(lexer: &mut Lexer<'a>) -> Result<&'a [u8], ParseError> {
    if lexer.peek() == Some(b'"') {
        return lexer.quoted();
    }
    let value = lexer.take_while(is_value_byte);
    if value.is_empty() { Err(lexer.fault(ParseFault::Param)) } else { Ok(value) }
}

/// What may stand in a value without quotes: more than a token and a host, since carriers put URIs and base64 here.
pub(crate) fn is_value_byte(byte: u8) -> bool {
    byte > b' ' && byte != 0x7F && !matches!(byte, b';' | b',' | b'"' | b'<' | b'>' | b'\\')
}

fn is_quoted(raw: &[u8]) -> bool {
    let mut lexer = Lexer::new(raw);
    lexer.quoted().is_ok() && lexer.rest().is_empty()
}
