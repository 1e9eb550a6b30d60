//! Takes out of a message what would let somebody else in: passwords and what is computed from them, keys of media, keys
//! that a caller has pressed.
//!
//! Each such byte becomes an `x` and no byte is added or removed: Content-Length stays true, and bytes of any kind can be
//! worked upon. Where it is not plain what a value is, it goes.

use std::ops::Range;

use super::outline::{Lines, Outline};

/// What a redacted byte becomes.
const MASK: u8 = b'x';

/// Headers with credentials or with what they are computed from.
const HEADERS: [(&str, Scheme); 6] = [
    ("Authorization", Scheme::First),
    ("Proxy-Authorization", Scheme::First),
    ("WWW-Authenticate", Scheme::First),
    ("Proxy-Authenticate", Scheme::First),
    ("Authentication-Info", Scheme::None),
    ("Proxy-Authentication-Info", Scheme::None),
];

/// Parameters of those headers that may be read by anybody; all others are taken out.
const OPEN: [&str; 9] = ["username", "realm", "uri", "algorithm", "qop", "stale", "nc", "domain", "userhash"];

/// Bodies of pressed keys, in whatever request they come.
const KEYS: [&str; 5] = [
    "application/dtmf",
    "application/dtmf-relay",
    "application/kpml-response+xml",
    "application/vnd.nortelnetworks.digits",
    "audio/telephone-event",
];

/// Whether a scheme (`Digest`) stands before the parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    First,
    None,
}

/// Takes the secrets out of a message, or of any other bytes. Doing it twice changes nothing more.
pub fn redact(message: &mut [u8]) {
    for range in secrets(message) {
        for byte in &mut message[range] {
            if !matches!(byte, b'\r' | b'\n') {
                *byte = MASK;
            }
        }
    }
}

/// Where secrets stand.
fn secrets(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let outline = Outline::of(bytes);
    let body = bytes.len() - outline.body.len();
    let mut lines = Lines::new(bytes).peekable();
    while let Some(mut line) = lines.next() {
        // A header goes on in the next line where that one begins with white space.
        while let Some(more) = lines.next_if(|more| matches!(bytes.get(more.start), Some(b' ' | b'\t'))) {
            line.end = more.end;
        }
        header(bytes, line.clone(), &mut found);
        description(bytes, line, &mut found);
    }
    if hides(bytes, &outline) {
        found.push(body..bytes.len());
    } else if outline.is_of_type("application/dtmf-relay") {
        signals(bytes, body, &mut found);
    }
    uris(bytes, &mut found);
    found
}

/// Whether nothing of a body can be shown: it stands there in another form than its own, or all of it may be pressed keys.
fn hides(bytes: &[u8], outline: &Outline<'_>) -> bool {
    let keys = KEYS.iter().any(|kind| outline.is_of_type(kind)) && !outline.is_of_type("application/dtmf-relay");
    // Any other INFO may carry keys in a way of its vendor's.
    let open = outline.is_of_type("application/sdp") || outline.is_of_type("application/dtmf-relay");
    outline.encoded || keys || (outline.is_request("INFO") && !open) || is_transformed(bytes)
}

/// Whether the body, or a part of it, is in base64 or the like, where no key could be found.
fn is_transformed(bytes: &[u8]) -> bool {
    Lines::new(bytes).any(|line| {
        let line = &bytes[line];
        let Some(colon) = memchr::memchr(b':', line) else { return false };
        let plain =
            |value: &[u8]| ["7bit", "8bit", "binary"].iter().any(|way| value.eq_ignore_ascii_case(way.as_bytes()));
        line[..colon].trim_ascii().eq_ignore_ascii_case(b"Content-Transfer-Encoding")
            && !plain(line[colon + 1..].trim_ascii())
    })
}

/// Credentials and challenges (RFC 8760, RFC 7616), also in a header that a body quotes.
fn header(bytes: &[u8], line: Range<usize>, found: &mut Vec<Range<usize>>) {
    let text = &bytes[line.clone()];
    let Some(colon) = memchr::memchr(b':', text) else { return };
    let name = text[..colon].trim_ascii();
    let Some((_, scheme)) = HEADERS.iter().find(|(header, _)| name.eq_ignore_ascii_case(header.as_bytes())) else {
        return;
    };
    let mut cursor = Cursor { bytes, at: line.start + colon + 1, end: line.end };
    cursor.skip(is_space);
    if *scheme == Scheme::First {
        let name = cursor.take(|byte| !is_space(byte));
        cursor.skip(is_space);
        if !bytes[name].eq_ignore_ascii_case(b"Digest") {
            found.push(cursor.at..line.end);
            return;
        }
    }
    while cursor.at < cursor.end {
        let rest = cursor.at..line.end;
        let Some((name, value)) = cursor.parameter() else {
            found.push(rest);
            return;
        };
        if !OPEN.iter().any(|open| bytes[name.clone()].eq_ignore_ascii_case(open.as_bytes())) {
            found.push(value);
        }
    }
}

/// Keys of media in a line of a session description: SRTP (RFC 4568), ICE (RFC 8839), DTLS (RFC 8122), MIKEY (RFC 4567).
fn description(bytes: &[u8], line: Range<usize>, found: &mut Vec<Range<usize>>) {
    let mut cursor = Cursor { bytes, at: line.start, end: line.end };
    cursor.skip(is_space);
    let kind = cursor.take(|byte| byte.is_ascii_alphabetic());
    cursor.skip(is_space);
    let (1, Some(b'=')) = (kind.len(), cursor.peek()) else { return };
    cursor.at += 1;
    match bytes[kind.start].to_ascii_lowercase() {
        b'k' => found.push(cursor.at..line.end),
        b'a' => {
            cursor.skip(is_space);
            let name = cursor.take(|byte| byte != b':' && !is_space(byte));
            cursor.skip(|byte| byte == b':' || is_space(byte));
            let value = cursor.at..line.end;
            let is = |attribute: &str| bytes[name.clone()].eq_ignore_ascii_case(attribute.as_bytes());
            if is("ice-pwd") {
                found.push(value);
            } else if is("fingerprint") || is("key-mgmt") {
                // The first word says how the rest was computed.
                cursor.take(|byte| !is_space(byte));
                cursor.skip(is_space);
                found.push(cursor.at..line.end);
            } else if is("crypto") {
                let inline = bytes[value.clone()].windows(7).position(|window| window.eq_ignore_ascii_case(b"inline:"));
                found.push(inline.map_or(value.start, |at| value.start + at + 7)..line.end);
            }
        }
        _ => {}
    }
}

/// Pressed keys in a body of `application/dtmf-relay`: `Signal=5`, beside the length of it.
fn signals(bytes: &[u8], body: usize, found: &mut Vec<Range<usize>>) {
    for line in Lines::new(&bytes[body..]) {
        let line = line.start + body..line.end + body;
        let text = &bytes[line.clone()];
        let Some(equals) = memchr::memchr2(b'=', b':', text) else {
            found.push(line);
            continue;
        };
        if !text[..equals].trim_ascii().eq_ignore_ascii_case(b"Duration") {
            found.push(line.start + equals + 1..line.end);
        }
    }
}

/// Passwords in URIs, and credentials that a URI wants sent (RFC 3261 section 19.1.1).
fn uris(bytes: &[u8], found: &mut Vec<Range<usize>>) {
    let mut start = 0;
    for word in bytes.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'<' | b'>' | b'"')) {
        uri(bytes, start..start + word.len(), found);
        start += word.len() + 1;
    }
}

fn uri(bytes: &[u8], word: Range<usize>, found: &mut Vec<Range<usize>>) {
    let mut at = word.start;
    while let Some(colon) = memchr::memchr(b':', &bytes[at..word.end]).map(|colon| at + colon) {
        at = colon + 1;
        let before = &bytes[word.start..colon];
        let ends = |scheme: &[u8]| {
            before.len() >= scheme.len() && before[before.len() - scheme.len()..].eq_ignore_ascii_case(scheme)
        };
        let (user, end) = match bytes[at..word.end].starts_with(b"//") {
            true => {
                let path = memchr::memchr3(b'/', b'?', b'#', &bytes[at + 2..word.end]);
                (at + 2, path.map_or(word.end, |length| at + 2 + length))
            }
            false if ends(b"sip") || ends(b"sips") => (at, word.end),
            false => continue,
        };
        let Some(host) = memchr::memchr(b'@', &bytes[user..end]).map(|host| user + host) else {
            at = end;
            continue;
        };
        if let Some(colon) = memchr::memchr(b':', &bytes[user..host]) {
            found.push(user + colon + 1..host);
        }
        at = host + 1;
    }
    let mut at = word.start;
    while let Some(equals) = memchr::memchr(b'=', &bytes[at..word.end]).map(|equals| at + equals) {
        const NAME: &[u8] = b"authorization";
        at = equals + 1;
        let name = &bytes[word.start..equals];
        if name.len() >= NAME.len() && name[name.len() - NAME.len()..].eq_ignore_ascii_case(NAME) {
            let end = memchr::memchr(b'&', &bytes[at..word.end]).map_or(word.end, |length| at + length);
            found.push(at..end);
            at = end;
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Reads parts of one line.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        (self.at < self.end).then(|| self.bytes[self.at])
    }

    fn skip(&mut self, is: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&is) {
            self.at += 1;
        }
    }

    fn take(&mut self, is: impl Fn(u8) -> bool) -> Range<usize> {
        let start = self.at;
        self.skip(is);
        start..self.at
    }

    /// The next `name=value` of a list, quotes not included; `None` when something else comes.
    fn parameter(&mut self) -> Option<(Range<usize>, Range<usize>)> {
        let name = self.take(|byte| crate::message::is_token(&[byte]));
        self.skip(is_space);
        if name.is_empty() || self.peek() != Some(b'=') {
            return None;
        }
        self.at += 1;
        self.skip(is_space);
        let value =
            if self.peek() == Some(b'"') { self.quoted()? } else { self.take(|byte| byte != b',' && !is_space(byte)) };
        self.skip(is_space);
        match self.peek() {
            None => {}
            Some(b',') => self.skip(|byte| byte == b',' || is_space(byte)),
            Some(_) => return None,
        }
        Some((name, value))
    }

    fn quoted(&mut self) -> Option<Range<usize>> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let value = start..self.at;
        self.at += 1;
        Some(value)
    }
}

#[cfg(test)]
mod tests;
