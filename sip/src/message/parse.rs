//! From a datagram to a message.

use super::header::{CSeq, CallId, From, To, TypedHeader, Via};
use super::headers::Headers;
use super::lexer::decimal;
use super::method::Method;
use super::name::HeaderName;
use super::status::StatusCode;
use super::uri::Uri;
use super::{MAX_HEADER, MAX_HEADERS, MAX_MESSAGE, Message, Request, Response};
use crate::error::{Answerable, ParseError, ParseFault};

/// Reads one datagram, or one whole message cut from a stream.
///
/// Line ends before the start line are skipped. A body without Content-Length is the rest of the datagram, a body
/// longer than Content-Length is cut (RFC 3261 section 18.3). Lines may end in LF alone. The start line, the length and
/// Via, From, To, Call-ID and CSeq are checked; other headers only when they are read as their type.
///
/// # Errors
/// The first fault found. Headers after it are still read, so that [`ParseError::answerable`] is as full as it can be.
pub fn parse(datagram: &[u8]) -> Result<Message, ParseError> {
    if datagram.len() > MAX_MESSAGE {
        return Err(ParseError::new(ParseFault::MessageTooLong, MAX_MESSAGE));
    }
    let start = datagram.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let start = start.ok_or_else(|| ParseError::new(ParseFault::Empty, 0))?;
    let mut head = Head::read(datagram, start);
    match check(&mut head, datagram) {
        Ok((line, body)) => {
            let headers = head.headers;
            Ok(match line {
                StartLine::Request(method, uri) => Message::Request(Request { method, uri, headers, body }),
                StartLine::Response(status, reason) => Message::Response(Response { status, reason, headers, body }),
            })
        }
        Err(mut error) => {
            error.answerable = head.answerable().map(Box::new);
            Err(error)
        }
    }
}

enum StartLine {
    Request(Method, Uri),
    Response(StatusCode, Vec<u8>),
}

/// Everything before the body, as far as it could be read.
struct Head {
    line: Option<StartLine>,
    /// The method, where the start line has one, even if the rest of the line is bad.
    method: Option<Method>,
    headers: Headers,
    /// Offsets of the values in `headers`.
    offsets: Vec<usize>,
    content_length: Option<usize>,
    body_at: usize,
    fault: Option<ParseError>,
}

impl Head {
    fn read(bytes: &[u8], start: usize) -> Self {
        let mut head = Head {
            line: None,
            method: None,
            headers: Headers::with_capacity(16),
            offsets: Vec::with_capacity(16),
            content_length: None,
            body_at: bytes.len(),
            fault: None,
        };
        let Some(first) = Line::at(bytes, start) else {
            head.note(ParseError::new(ParseFault::Truncated, bytes.len()));
            return head;
        };
        head.start_line(&bytes[first.start..first.end], first.start);
        let mut at = first.next;
        let mut lines = 0;
        loop {
            let Some(line) = Line::at(bytes, at) else {
                head.note(ParseError::new(ParseFault::Truncated, bytes.len()));
                return head;
            };
            at = line.next;
            if line.start == line.end {
                head.body_at = at;
                return head;
            }
            let (end, next) = unfold_end(bytes, line);
            at = at.max(next);
            lines += 1;
            if lines > MAX_HEADERS {
                head.note(ParseError::new(ParseFault::TooManyHeaders, line.start));
                return head;
            }
            if let Err(error) = head.header(&bytes[line.start..end], line.start) {
                head.note(error);
            }
        }
    }

    fn start_line(&mut self, line: &[u8], at: usize) {
        let is_response = line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/");
        let read = if is_response {
            read_status_line(line)
        } else {
            let method = &line[..memchr::memchr(b' ', line).unwrap_or(line.len())];
            self.method = Method::from_bytes(method);
            read_request_line(line)
        };
        match read {
            Ok(line) => self.line = Some(line),
            Err(error) => self.note(error.shifted(at)),
        }
    }

    /// Reads one header, folds included.
    fn header(&mut self, line: &[u8], at: usize) -> Result<(), ParseError> {
        if line.len() > MAX_HEADER {
            return Err(ParseError::new(ParseFault::HeaderTooLong, at));
        }
        let fault = || ParseError::new(ParseFault::HeaderLine, at);
        let colon = memchr::memchr(b':', line).ok_or_else(fault)?;
        let name = HeaderName::from_bytes(line[..colon].trim_ascii_end()).ok_or_else(fault)?;
        let raw = &line[colon + 1..];
        let lead = raw.len() - raw.trim_ascii_start().len();
        let value_at = at + colon + 1 + lead;
        let value = unfold(raw.trim_ascii())
            .map_err(|offset| ParseError::new(ParseFault::BareCr, value_at + offset).in_header(name.clone()))?;
        if name == HeaderName::ContentLength {
            return self.length(&value, value_at);
        }
        self.headers.push_line(name, value);
        self.offsets.push(value_at);
        Ok(())
    }

    fn length(&mut self, value: &[u8], at: usize) -> Result<(), ParseError> {
        let fault = |what| ParseError::new(what, at).in_header(HeaderName::ContentLength);
        let length = decimal(value).and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or_else(|| fault(ParseFault::Number))?;
        match self.content_length {
            Some(other) if other != length => Err(fault(ParseFault::Repeated)),
            Some(_) | None => {
                self.content_length = Some(length);
                Ok(())
            }
        }
    }

    fn note(&mut self, fault: ParseError) {
        self.fault.get_or_insert(fault);
    }

    /// What an error response needs: a request with a method, not ACK, and a Via that says where to send it.
    fn answerable(self) -> Option<Answerable> {
        let method = self.method.filter(|method| *method != Method::Ack)?;
        self.headers.typed::<Via>().ok()?;
        let mut headers = Headers::new();
        for (name, value) in self.headers.iter() {
            if name.is_repeated_in_responses() {
                headers.push(name.clone(), value);
            }
        }
        Some(Answerable { method, headers })
    }

    /// The fault of a typed header with its place in the datagram.
    fn locate(&self, error: ParseError) -> ParseError {
        let found = self.headers.iter().position(|(name, _)| error.header.as_ref() == Some(name));
        let value_at = found.and_then(|index| self.offsets.get(index)).copied();
        error.shifted(value_at.unwrap_or(0))
    }
}

/// What makes a head and the bytes after it a message.
fn check(head: &mut Head, bytes: &[u8]) -> Result<(StartLine, Vec<u8>), ParseError> {
    if let Some(fault) = head.fault.take() {
        return Err(fault);
    }
    check_mandatory(head).map_err(|error| head.locate(error))?;
    let rest = &bytes[head.body_at..];
    let body = match head.content_length {
        None => rest,
        Some(length) => rest.get(..length).ok_or_else(|| {
            ParseError::new(ParseFault::BodyTooShort, bytes.len()).in_header(HeaderName::ContentLength)
        })?,
    };
    let line = head.line.take().ok_or_else(|| ParseError::new(ParseFault::StartLine, 0))?;
    Ok((line, body.to_vec()))
}

/// Via, From, To, Call-ID and CSeq must be there and be readable (RFC 3261 section 8.1.1). Max-Forwards must be too, but
/// RFC 2543 did not know it and its absence harms nobody.
fn check_mandatory(head: &Head) -> Result<(), ParseError> {
    let headers = &head.headers;
    if headers.typed_all::<Via>()?.is_empty() {
        return Err(ParseError::new(ParseFault::Missing, 0).in_header(Via::NAME));
    }
    headers.typed::<From>()?;
    headers.typed::<To>()?;
    headers.typed::<CallId>()?;
    let cseq = headers.typed::<CSeq>()?;
    match &head.method {
        Some(method) if *method != cseq.method => {
            Err(ParseError::new(ParseFault::MethodMismatch, 0).in_header(CSeq::NAME))
        }
        Some(_) | None => Ok(()),
    }
}

fn read_request_line(line: &[u8]) -> Result<StartLine, ParseError> {
    let fault = |what, at| ParseError::new(what, at);
    let method_end = memchr::memchr(b' ', line).ok_or_else(|| fault(ParseFault::StartLine, 0))?;
    let uri_end = memchr::memrchr(b' ', line).filter(|&end| end > method_end);
    let uri_end = uri_end.ok_or_else(|| fault(ParseFault::StartLine, method_end))?;
    let method = Method::from_bytes(&line[..method_end]).ok_or_else(|| fault(ParseFault::Method, 0))?;
    check_version(&line[uri_end + 1..]).map_err(|what| fault(what, uri_end + 1))?;
    let uri = Uri::parse(&line[method_end + 1..uri_end]).map_err(|error| error.shifted(method_end + 1))?;
    // RFC 3261 section 19.1.1: headers are not allowed in a Request-URI.
    if uri.headers.is_some() {
        return Err(fault(ParseFault::Uri, method_end + 1));
    }
    Ok(StartLine::Request(method, uri))
}

fn read_status_line(line: &[u8]) -> Result<StartLine, ParseError> {
    let fault = |what, at| ParseError::new(what, at);
    let version_end = memchr::memchr(b' ', line).ok_or_else(|| fault(ParseFault::StartLine, 0))?;
    check_version(&line[..version_end]).map_err(|what| fault(what, 0))?;
    let code_at = version_end + 1;
    let rest = &line[code_at..];
    // The space after the code is required even before an empty phrase, but often forgotten there.
    let (code, reason) = match memchr::memchr(b' ', rest) {
        Some(space) => (&rest[..space], &rest[space + 1..]),
        None => (rest, &[][..]),
    };
    let number = if code.len() == 3 { decimal(code) } else { None };
    let status = number.and_then(|number| u16::try_from(number).ok()).and_then(StatusCode::new);
    let status = status.ok_or_else(|| fault(ParseFault::StatusCode, code_at))?;
    if memchr::memchr(b'\r', reason).is_some() {
        return Err(fault(ParseFault::BareCr, code_at));
    }
    Ok(StartLine::Response(status, reason.to_vec()))
}

fn check_version(version: &[u8]) -> Result<(), ParseFault> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let numbers = if version.len() > 4 && version[..4].eq_ignore_ascii_case(b"SIP/") { &version[4..] } else { b"" };
    let mut parts = numbers.splitn(2, |&byte| byte == b'.');
    let is_number = |part: Option<&[u8]>| part.is_some_and(|digits| decimal(digits).is_some());
    if is_number(parts.next()) && is_number(parts.next()) {
        Err(ParseFault::Version)
    } else {
        Err(ParseFault::StartLine)
    }
}

/// One line: its extent without the line end, and where the next begins.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    next: usize,
}

impl Line {
    fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let feed = start + memchr::memchr(b'\n', bytes.get(start..)?)?;
        let end = if feed > start && bytes[feed - 1] == b'\r' { feed - 1 } else { feed };
        Some(Line { start, end, next: feed + 1 })
    }
}

/// Where a header that begins with `line` ends, and where the next begins: lines that begin with white space continue it.
fn unfold_end(bytes: &[u8], line: Line) -> (usize, usize) {
    let (mut end, mut next) = (line.end, line.next);
    while let Some(b' ' | b'\t') = bytes.get(next) {
        let Some(more) = Line::at(bytes, next) else { break };
        (end, next) = (more.end, more.next);
    }
    (end, next)
}

/// The value with each fold replaced by one space; the offset of a bare CR as error.
fn unfold(raw: &[u8]) -> Result<Vec<u8>, usize> {
    if memchr::memchr2(b'\r', b'\n', raw).is_none() {
        return Ok(raw.to_vec());
    }
    let mut value = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(line) = Line::at(raw, at) {
        push_part(&mut value, raw, line.start, line.end)?;
        value.push(b' ');
        at = line.next;
    }
    push_part(&mut value, raw, at, raw.len())?;
    Ok(value)
}

/// Appends one line of a folded value without the white space around it.
fn push_part(value: &mut Vec<u8>, raw: &[u8], start: usize, end: usize) -> Result<(), usize> {
    let part = &raw[start..end];
    match memchr::memchr(b'\r', part) {
        Some(at) => Err(start + at),
        None => {
            value.extend_from_slice(part.trim_ascii());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
