//! A look at a message before it is parsed: what it is, who says to have sent it, and whether it belongs to a dialog.

use std::borrow::Cow;

use crate::message::header::{To, TypedHeader};
use crate::message::{HeaderName, Message, Method};

/// How far a message is looked through. What stands behind it counts as absent, which costs its sender the urgency of a
/// dialog and nothing else.
const FAR: usize = 8 * 1024;

/// What a message is, as far as a look tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Line ends alone (RFC 5626 section 4.4.1).
    KeepAlive,
    /// A response.
    Response,
    /// A request.
    Request(Method),
    /// Something else.
    Garbage,
}

/// A look at a message. Nothing in it is checked: it decides what is looked at first and what is not looked at at all.
#[derive(Debug, Clone)]
pub struct Glance<'a> {
    /// What it is.
    pub kind: Kind,
    /// The program it says to come from.
    pub agent: Option<Cow<'a, [u8]>>,
    /// The tag of its To header: present in what belongs to a dialog.
    pub to_tag: Option<Cow<'a, [u8]>>,
}

impl<'a> Glance<'a> {
    /// A look at what is no message.
    pub const GARBAGE: Glance<'static> = Glance { kind: Kind::Garbage, agent: None, to_tag: None };

    /// Looks at a datagram. Takes time in proportion to the first eight KiB of it and allocates nothing for the methods of
    /// RFC 3261.
    #[must_use]
    pub fn of(datagram: &'a [u8]) -> Self {
        let nothing = |kind| Glance { kind, agent: None, to_tag: None };
        let Some(start) = datagram.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) else {
            return nothing(Kind::KeepAlive);
        };
        let text = &datagram[start..datagram.len().min(start + FAR)];
        let mut lines = Lines(text);
        let Some(first) = lines.next() else { return nothing(Kind::Garbage) };
        let kind = kind_of(first);
        if kind == Kind::Garbage {
            return nothing(kind);
        }
        let mut glance = nothing(kind);
        for line in lines.take_while(|line| !line.is_empty()) {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (name, value) = (line[..colon].trim_ascii_end(), &line[colon + 1..]);
            if name.eq_ignore_ascii_case(b"to") || name.eq_ignore_ascii_case(b"t") {
                glance.to_tag = tag_of(value).map(Cow::Borrowed);
            } else if name.eq_ignore_ascii_case(b"user-agent") {
                glance.agent = Some(Cow::Borrowed(value.trim_ascii()));
            }
            if glance.to_tag.is_some() && glance.agent.is_some() {
                break;
            }
        }
        glance
    }

    /// What a look at a message shows that was parsed already, as those are that come over streams.
    #[must_use]
    pub fn of_message(message: &'a Message) -> Self {
        let (kind, headers) = match message {
            Message::Request(request) => (Kind::Request(request.method.clone()), &request.headers),
            Message::Response(response) => (Kind::Response, &response.headers),
        };
        let to_tag = headers.get(&HeaderName::To).and_then(|value| To::parse(value).ok()).and_then(|to| to.tag());
        Glance {
            kind,
            agent: headers.get(&HeaderName::UserAgent).map(Cow::Borrowed),
            to_tag: to_tag.map(|tag| Cow::Owned(tag.as_bytes().to_vec())),
        }
    }

    /// Whether it is a request of this method.
    #[must_use]
    pub fn asks(&self, method: &Method) -> bool {
        matches!(&self.kind, Kind::Request(of) if of == method)
    }
}

/// Reads a start line (RFC 3261 section 7) no further than to tell what it is.
fn kind_of(line: &[u8]) -> Kind {
    const VERSION: &[u8] = b"SIP/2.0";
    let is_version = |bytes: &[u8]| bytes.eq_ignore_ascii_case(VERSION);
    if line.len() > VERSION.len() && is_version(&line[..VERSION.len()]) && line[VERSION.len()] == b' ' {
        return Kind::Response;
    }
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(uri), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Kind::Garbage;
    };
    match Method::from_bytes(method) {
        Some(method) if !uri.is_empty() && is_version(version) => Kind::Request(method),
        Some(_) | None => Kind::Garbage,
    }
}

/// The tag parameter behind the address of a To value.
fn tag_of(value: &[u8]) -> Option<&[u8]> {
    let params = match memchr::memrchr(b'>', value) {
        Some(end) => &value[end + 1..],
        None => value,
    };
    params.split(|&byte| byte == b';').skip(1).find_map(|param| {
        let equals = memchr::memchr(b'=', param)?;
        let is_tag = param[..equals].trim_ascii().eq_ignore_ascii_case(b"tag");
        is_tag.then(|| param[equals + 1..].trim_ascii()).filter(|tag| !tag.is_empty())
    })
}

/// Lines with their folds (RFC 3261 section 7.3.1), without the last line end.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut from = 0;
        loop {
            let end = from + memchr::memchr(b'\n', self.0.get(from..)?)?;
            let folds = end > 1 && matches!(self.0.get(end + 1), Some(b' ' | b'\t'));
            if folds {
                from = end + 1;
                continue;
            }
            let line = &self.0[..end];
            self.0 = &self.0[end + 1..];
            return Some(line.strip_suffix(b"\r").unwrap_or(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag<'a>(glance: &'a Glance<'_>) -> Option<&'a str> {
        glance.to_tag.as_deref().map(|tag| std::str::from_utf8(tag).expect("text"))
    }

    #[test]
    fn method_agent_and_tag_are_seen_in_all_their_forms() {
        let text = b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nt: \"tag=no>\" <sip:a@b;tag=no>\r\n ; TAG = yes ;x\r\n\
                     USER-AGENT : friendly-scanner\r\n\r\nto: <sip:x>;tag=body";
        let glance = Glance::of(text);
        assert!(glance.asks(&Method::Bye));
        assert_eq!((tag(&glance), glance.agent.as_deref()), (Some("yes"), Some(&b"friendly-scanner"[..])));
        let bare = Glance::of(b"\r\nSIP/2.0 200 OK\nTo: sip:a@b;tag=1\n\n");
        assert_eq!((bare.kind.clone(), tag(&bare)), (Kind::Response, Some("1")));
        let fresh = Glance::of(b"INVITE sip:a@b SIP/2.0\r\nTo: <sip:a@b;tag=no>\r\n\r\n");
        assert_eq!((tag(&fresh), fresh.agent.as_deref()), (None, None));
    }

    #[test]
    fn what_is_no_message_is_garbage() {
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "\u{16}\u{3}\u{1}",
            "INVITE  SIP/2.0\r\n",
            "INVITE sip:a@b SIP/2.0",
            "a b c d\r\n",
        ] {
            assert_eq!(Glance::of(text.as_bytes()).kind, Kind::Garbage, "{text:?}");
        }
        assert_eq!(Glance::of(b"\r\n\r\n").kind, Kind::KeepAlive);
        assert_eq!(Glance::of(b"").kind, Kind::KeepAlive);
        let endless = [b"INVITE sip:a@b SIP/2.0\r\n".to_vec(), vec![b'x'; 2 * FAR]].concat();
        assert!(Glance::of(&endless).asks(&Method::Invite));
    }
}
