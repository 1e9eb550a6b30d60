//! What of a message is shown or acted upon, read from its bytes without asking for more: a message that is no good is
//! looked at all the more.

use std::ops::Range;

/// The beginning of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start<'a> {
    /// A request with this method.
    Request(&'a [u8]),
    /// A response.
    Response {
        /// Its status.
        code: u16,
        /// Its reason phrase.
        phrase: &'a [u8],
    },
    /// Neither.
    Unreadable,
}

/// Parts of a message. Values are as they stand there, without white space around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline<'a> {
    /// What it is.
    pub start: Start<'a>,
    /// Call-ID.
    pub call_id: Option<&'a [u8]>,
    /// CSeq: number and method.
    pub cseq: Option<&'a [u8]>,
    /// Whether To has a tag: the request is within a dialog.
    pub in_dialog: bool,
    /// Whether it answers a challenge.
    pub credentials: bool,
    /// Content-Type, without parameters.
    pub content_type: Option<&'a [u8]>,
    /// Whether the body stands there in another form than its own (Content-Encoding).
    pub encoded: bool,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Outline<'a> {
    /// Reads a message. Where a header stands there twice the first counts.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        let mut lines = Lines::new(bytes);
        let start = lines.next().map_or(Start::Unreadable, |line| start(&bytes[line]));
        let mut outline = Self {
            start,
            call_id: None,
            cseq: None,
            in_dialog: false,
            credentials: false,
            content_type: None,
            encoded: false,
            body: &[],
        };
        for line in lines.by_ref() {
            if line.is_empty() {
                break;
            }
            let line = &bytes[line];
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            outline.take(line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        }
        outline.body = &bytes[lines.at..];
        outline
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let is = |long: &[u8], short: &[u8]| name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short);
        if is(b"Call-ID", b"i") {
            self.call_id = self.call_id.or(Some(value));
        } else if is(b"CSeq", b"CSeq") {
            self.cseq = self.cseq.or(Some(value));
        } else if is(b"To", b"t") {
            self.in_dialog |= value.windows(5).any(|window| window.eq_ignore_ascii_case(b";tag="));
        } else if is(b"Authorization", b"Proxy-Authorization") {
            self.credentials = true;
        } else if is(b"Content-Type", b"c") {
            let end = memchr::memchr(b';', value).unwrap_or(value.len());
            self.content_type = self.content_type.or(Some(value[..end].trim_ascii()));
        } else if is(b"Content-Encoding", b"e") {
            self.encoded |= !value.eq_ignore_ascii_case(b"identity");
        }
    }

    /// Whether it is a request with this method.
    #[must_use]
    pub fn is_request(&self, method: &str) -> bool {
        matches!(self.start, Start::Request(found) if found.eq_ignore_ascii_case(method.as_bytes()))
    }

    /// Whether the body is of this type.
    #[must_use]
    pub fn is_of_type(&self, content_type: &str) -> bool {
        self.content_type.is_some_and(|found| found.eq_ignore_ascii_case(content_type.as_bytes()))
    }
}

fn start(line: &[u8]) -> Start<'_> {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (first, second, rest) = (words.next().unwrap_or_default(), words.next(), words.next());
    let (Some(second), Some(rest)) = (second, rest) else { return Start::Unreadable };
    if first.len() == 7 && first[..4].eq_ignore_ascii_case(b"SIP/") {
        let code = std::str::from_utf8(second).ok().and_then(|code| code.parse().ok());
        return code.map_or(Start::Unreadable, |code| Start::Response { code, phrase: rest.trim_ascii() });
    }
    let is_request = rest.trim_ascii().len() == 7 && rest.trim_ascii()[..4].eq_ignore_ascii_case(b"SIP/");
    if is_request && !first.is_empty() { Start::Request(first) } else { Start::Unreadable }
}

/// The lines of a message without their ends, which are CR LF, LF or CR: whoever reads more leniently than others hides
/// nothing behind that.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the next one begins.
    at: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', &self.bytes[start..]).map_or(self.bytes.len(), |length| start + length);
        let ends = match &self.bytes[end..] {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        self.at = end + ends;
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read() {
        let text = b"INVITE sip:a@b SIP/2.0\r\nt: <sip:a@b>;TAG=1\r\ni: x@y\r\nCSeq: 2 INVITE\r\n\
                     Proxy-Authorization: Digest a=b\r\nc: application/sdp ; x=y\r\n\r\nv=0\r\n";
        let outline = Outline::of(text);
        assert_eq!(outline.start, Start::Request(b"INVITE"));
        assert!(outline.is_request("INVITE") && !outline.is_request("BYE"));
        assert_eq!((outline.call_id, outline.cseq), (Some(&b"x@y"[..]), Some(&b"2 INVITE"[..])));
        assert!(outline.in_dialog && outline.credentials && !outline.encoded);
        assert!(outline.is_of_type("application/sdp"));
        assert_eq!(outline.body, b"v=0\r\n");
    }

    #[test]
    fn a_response_is_read() {
        let outline = Outline::of(b"SIP/2.0 486 Busy Here\nCall-ID: 1\nCall-ID: 2\nContent-Encoding: gzip\n\nbody");
        assert_eq!(outline.start, Start::Response { code: 486, phrase: b"Busy Here" });
        assert_eq!((outline.call_id, outline.encoded, outline.body), (Some(&b"1"[..]), true, &b"body"[..]));
    }

    #[test]
    fn what_is_no_message_is_unreadable() {
        for text in ["", "\r\n", "hello", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 abc x\r\n", " sip:a SIP/2.0", "INVITE"] {
            assert_eq!(Outline::of(text.as_bytes()).start, Start::Unreadable, "{text:?}");
        }
    }
}
