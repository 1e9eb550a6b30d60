//! From a TCP stream to messages (RFC 3261 section 18.3, RFC 5626 section 3.5.1).

use super::lexer::decimal;
use super::name::HeaderName;
use super::{MAX_MESSAGE, Message, parse};
use crate::error::ParseError;

/// Cuts a byte stream into messages.
///
/// Feed it with [`StreamFramer::push`], then call [`StreamFramer::next`] until it returns `None`. It holds at most one
/// incomplete message, so its memory is bounded by [`MAX_MESSAGE`] and the size of one push.
///
/// A message without Content-Length is taken to have no body: RFC 3261 section 20.14 requires the header on streams, and
/// the only length that can be acted upon without it is zero.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    /// Start of what has not been handed out.
    start: usize,
    /// How far the end of the head has been looked for.
    searched: usize,
    /// Length of the message at the start, once its head is here.
    length: Option<usize>,
    /// The last bytes handed out were a lone CRLF at the end of the buffer: it may prove to be the first half of a ping.
    half_ping: bool,
    broken: bool,
}

/// What a stream carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Box<Message>),
    /// A double CRLF, to be answered with a single one.
    Ping,
    /// A single CRLF: the answer to a ping.
    Pong,
}

/// What went wrong on a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// One message was malformed and has been skipped; the stream goes on behind it.
    #[error("malformed message: {0}")]
    Malformed(ParseError),
    /// The end of the message cannot be known, so the connection must be closed.
    #[error("stream cannot go on: {0}")]
    Fatal(#[from] StreamFault),
}

/// Why a stream cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// The headers do not end within [`MAX_MESSAGE`].
    #[error("head too long")]
    HeadTooLong,
    /// Head and Content-Length exceed [`MAX_MESSAGE`].
    #[error("Content-Length over the limit")]
    BodyTooLong,
    /// Content-Length is no number, or several differ.
    #[error("no usable Content-Length")]
    Length,
}

impl StreamFramer {
    /// A framer at the start of a stream.
    pub const fn new() -> Self {
        StreamFramer { buffer: Vec::new(), start: 0, searched: 0, length: None, half_ping: false, broken: false }
    }

    /// Takes bytes as they were received. After a fatal error they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`FrameError::Malformed`] for a message that was skipped; [`FrameError::Fatal`] once when the stream is lost,
    /// `None` ever after.
    #[allow(clippy::should_implement_trait, reason = "None is not the end: more bytes may come")]
    pub fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        self.next_seen(&mut |_| {})
    }

    /// [`StreamFramer::next`], with the bytes of each message shown to `seen`, malformed or not.
    ///
    /// # Errors
    /// As those of `next`.
    pub fn next_seen(&mut self, seen: &mut dyn FnMut(&[u8])) -> Option<Result<Frame, FrameError>> {
        if self.broken {
            return None;
        }
        if let Some(frame) = self.keep_alive() {
            return Some(Ok(frame));
        }
        match self.whole_message() {
            Ok(None) => None,
            Ok(Some(len)) => {
                let end = self.start + len;
                let bytes = &self.buffer[self.start..end];
                seen(bytes);
                let message = parse(bytes);
                self.advance(len);
                Some(message.map(|message| Frame::Message(Box::new(message))).map_err(FrameError::Malformed))
            }
            Err(fault) => {
                *self = StreamFramer { broken: true, ..StreamFramer::new() };
                Some(Err(FrameError::Fatal(fault)))
            }
        }
    }

    /// The [`Frame::Pong`] just handed out was the answer to a ping: it is not the first half of one.
    pub fn take_pong(&mut self) {
        self.half_ping = false;
    }

    /// Reads a ping or pong between messages.
    fn keep_alive(&mut self) -> Option<Frame> {
        let half_ping = std::mem::take(&mut self.half_ping);
        let rest = &self.buffer[self.start..];
        if !rest.starts_with(b"\r\n") {
            // With nothing new the question stays open.
            self.half_ping = half_ping && (rest.is_empty() || rest == b"\r");
            return None;
        }
        if half_ping {
            self.advance(2);
            return Some(Frame::Ping);
        }
        if rest.starts_with(b"\r\n\r\n") {
            self.advance(4);
            return Some(Frame::Ping);
        }
        self.half_ping = rest.len() <= 3;
        self.advance(2);
        Some(Frame::Pong)
    }

    /// Length of the message at the start, once all of it is here.
    fn whole_message(&mut self) -> Result<Option<usize>, StreamFault> {
        let here = self.buffer.len() - self.start;
        if self.length.is_none() {
            self.length = self.measure()?;
        }
        match self.length {
            None if here > MAX_MESSAGE => Err(StreamFault::HeadTooLong),
            length => Ok(length.filter(|&length| length <= here)),
        }
    }

    /// Length of the message at the start, once its head is here.
    fn measure(&mut self) -> Result<Option<usize>, StreamFault> {
        let Some(head_end) = self.head_end() else { return Ok(None) };
        let head = &self.buffer[self.start..head_end];
        if head.len() > MAX_MESSAGE {
            return Err(StreamFault::HeadTooLong);
        }
        let body = content_length(head)?;
        if body > MAX_MESSAGE - head.len() {
            return Err(StreamFault::BodyTooLong);
        }
        Ok(Some(head.len() + body))
    }

    /// Offset behind the blank line that ends the head.
    fn head_end(&mut self) -> Option<usize> {
        let mut at = self.searched.max(self.start);
        while let Some(feed) = memchr::memchr(b'\n', &self.buffer[at..]) {
            let line_end = at + feed;
            let after = &self.buffer[line_end + 1..];
            let blank = match after {
                [b'\n', ..] => Some(1),
                [b'\r', b'\n', ..] => Some(2),
                // The byte that decides is not here yet: look at this line end again.
                [] | [b'\r'] => {
                    self.searched = line_end;
                    return None;
                }
                _ => None,
            };
            if let Some(len) = blank {
                self.searched = line_end;
                return Some(line_end + 1 + len);
            }
            at = line_end + 1;
        }
        self.searched = self.buffer.len();
        None
    }

    fn advance(&mut self, len: usize) {
        self.start += len;
        self.searched = self.start;
        self.length = None;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            (self.start, self.searched) = (0, 0);
        }
    }
}

/// The length the head's Content-Length lines agree on; zero without any.
fn content_length(head: &[u8]) -> Result<usize, StreamFault> {
    let mut length = None;
    // The start line has no length, so a search for line ends finds every header's beginning.
    for feed in memchr::memchr_iter(b'\n', head) {
        let line = &head[feed + 1..];
        if !matches!(line.first(), Some(b'c' | b'C' | b'l' | b'L')) {
            continue;
        }
        let Some(value_at) = length_value(line) else { continue };
        let digits = unfolded_digits(&line[value_at..]);
        let number = decimal(&digits).and_then(|number| usize::try_from(number).ok()).ok_or(StreamFault::Length)?;
        if length.is_some_and(|other| other != number) {
            return Err(StreamFault::Length);
        }
        length = Some(number);
    }
    Ok(length.unwrap_or(0))
}

/// Where the value begins, if the line that begins here is a Content-Length.
fn length_value(line: &[u8]) -> Option<usize> {
    let colon = memchr::memchr2(b':', b'\n', line).filter(|&end| line[end] == b':')?;
    let name = line[..colon].trim_ascii_end();
    let long = HeaderName::ContentLength.as_str().as_bytes();
    (name.eq_ignore_ascii_case(b"l") || name.eq_ignore_ascii_case(long)).then_some(colon + 1)
}

/// The value up to its line end. A folded length is legal and absurd; its digits may stand on the next line.
fn unfolded_digits(value: &[u8]) -> Vec<u8> {
    let mut lines = value.split(|&byte| byte == b'\n');
    let mut digits = lines.next().unwrap_or_default().trim_ascii().to_vec();
    for more in lines.take_while(|line| matches!(line.first(), Some(b' ' | b'\t'))) {
        digits.push(b' ');
        digits.extend_from_slice(more);
    }
    digits.trim_ascii().to_vec()
}

#[cfg(test)]
mod tests;
