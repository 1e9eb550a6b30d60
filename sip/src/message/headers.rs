//! The ordered list of a message's headers.

use super::header::{Shape, TypedHeader};
use super::lexer::split_list;
use super::name::HeaderName;
use crate::error::{ParseError, ParseFault};

/// Headers in the order they stand in the message; names in their long form, values unfolded and trimmed, otherwise
/// the bytes that were sent.
///
/// Values given to [`Headers::push`] and its like cannot start a new line: CR and LF in them become spaces.
/// Content-Length is not held here (see [`super::Request::headers`]): printing derives it, and pushing it has no effect
/// on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<Header>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    name: HeaderName,
    value: Vec<u8>,
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Headers(Vec::new())
    }

    /// The first header of this name.
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        self.0.iter().find(|header| header.name == *name).map(|header| header.value.as_slice())
    }

    /// All headers of this name in order, one item a header line: comma lists are not split.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.0.iter().filter(move |header| header.name == *name).map(|header| header.value.as_slice())
    }

    /// Whether a header of this name stands here.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// The header as its type: the first value of a list, the whole of a joined list.
    ///
    /// # Errors
    /// [`ParseFault::Missing`] if there is none, else what [`Headers::try_typed`] says.
    pub fn typed<H: TypedHeader>(&self) -> Result<H, ParseError> {
        self.try_typed()?.ok_or_else(|| ParseError::new(ParseFault::Missing, 0).in_header(H::NAME))
    }

    /// The header as its type, if it stands here: the first value of a list, the whole of a joined list.
    ///
    /// # Errors
    /// What is wrong with the value; [`ParseFault::Repeated`] where a header that may stand once stands several times
    /// with different values.
    pub fn try_typed<H: TypedHeader>(&self) -> Result<Option<H>, ParseError> {
        let Some(first) = self.get(&H::NAME) else { return Ok(None) };
        let value = match H::SHAPE {
            Shape::Single => {
                if self.all(&H::NAME).any(|other| other != first) {
                    return Err(ParseError::new(ParseFault::Repeated, 0).in_header(H::NAME));
                }
                H::parse(first)
            }
            Shape::Lines => H::parse(first),
            Shape::List => split_list(first)
                .next()
                .map_or_else(|| H::parse(first), |(at, element)| H::parse(element).map_err(|error| error.shifted(at))),
            Shape::Joined => H::parse(&self.all(&H::NAME).collect::<Vec<_>>().join(&b", "[..])),
        };
        value.map(Some).map_err(|error| error.in_header(H::NAME))
    }

    /// All values of the header in order, comma lists split where the header has them.
    ///
    /// # Errors
    /// What is wrong with the first bad value; an empty list element is one.
    pub fn typed_all<H: TypedHeader>(&self) -> Result<Vec<H>, ParseError> {
        let mut values = Vec::new();
        for line in self.all(&H::NAME) {
            match H::SHAPE {
                Shape::List => {
                    for (at, element) in split_list(line) {
                        if element.is_empty() {
                            return Err(ParseError::new(ParseFault::EmptyElement, at).in_header(H::NAME));
                        }
                        let value = H::parse(element).map_err(|error| error.shifted(at).in_header(H::NAME))?;
                        values.push(value);
                    }
                }
                Shape::Single | Shape::Lines | Shape::Joined => {
                    values.push(H::parse(line).map_err(|error| error.in_header(H::NAME))?);
                }
            }
        }
        Ok(values)
    }

    /// Appends a header.
    pub fn push(&mut self, name: HeaderName, value: impl AsRef<[u8]>) {
        self.0.push(Header { name, value: one_line(value.as_ref()) });
    }

    /// Appends a typed header.
    pub fn push_typed<H: TypedHeader>(&mut self, header: &H) {
        self.push(H::NAME, printed(header));
    }

    /// Puts a header before all others of its name, or at the end if it is the first of it: a proxy's Via, a Route.
    pub fn insert_first(&mut self, name: HeaderName, value: impl AsRef<[u8]>) {
        let index = self.0.iter().position(|header| header.name == name).unwrap_or(self.0.len());
        self.0.insert(index, Header { name, value: one_line(value.as_ref()) });
    }

    /// Puts this in place of the first header of its name and removes the others; at the end if there was none.
    pub fn set(&mut self, name: HeaderName, value: impl AsRef<[u8]>) {
        let value = one_line(value.as_ref());
        match self.0.iter().position(|header| header.name == name) {
            Some(index) => {
                self.0[index].value = value;
                let mut position = 0;
                self.0.retain(|header| {
                    position += 1;
                    position - 1 <= index || header.name != name
                });
            }
            None => self.0.push(Header { name, value }),
        }
    }

    /// [`Headers::set`] with a typed header.
    pub fn set_typed<H: TypedHeader>(&mut self, header: &H) {
        self.set(H::NAME, printed(header));
    }

    /// Removes all headers of this name; tells whether there was one.
    pub fn remove(&mut self, name: &HeaderName) -> bool {
        let before = self.0.len();
        self.0.retain(|header| header.name != *name);
        self.0.len() != before
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &[u8])> {
        self.0.iter().map(|header| (&header.name, header.value.as_slice()))
    }

    /// Appends all headers of `other`.
    pub fn extend(&mut self, other: &Headers) {
        self.0.extend_from_slice(&other.0);
    }

    /// Number of header lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes all header lines but Content-Length.
    pub(crate) fn print(&self, out: &mut Vec<u8>) {
        for header in self.0.iter().filter(|header| header.name != HeaderName::ContentLength) {
            out.extend_from_slice(header.name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(&header.value);
            out.extend_from_slice(b"\r\n");
        }
    }

    pub(crate) fn printed_len(&self) -> usize {
        self.0.iter().map(|header| header.name.as_str().len() + header.value.len() + 4).sum()
    }

    /// Room for `lines` headers more.
    pub(crate) fn with_capacity(lines: usize) -> Self {
        Headers(Vec::with_capacity(lines))
    }

    /// Appends a value that is known to be a single trimmed line.
    pub(crate) fn push_line(&mut self, name: HeaderName, value: Vec<u8>) {
        self.0.push(Header { name, value });
    }
}

fn printed<H: TypedHeader>(header: &H) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    header.print(&mut out);
    out
}

fn one_line(value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    value.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }).collect()
}

#[cfg(test)]
mod tests;
