//! Server-sent events as vendors stream them: bytes in, the data of each event out.
//!
//! Only `data` matters to a stream of answers; names, ids and comments are passed over. Lines end in LF, CRLF or CR.

/// Splits a stream into events. Bytes may be cut anywhere.
#[derive(Debug)]
pub struct Events {
    limit: usize,
    /// The line that is not complete.
    line: Vec<u8>,
    /// The data lines of the event that is not complete.
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a CR that ended a line: a LF right after it belongs to it.
    after_cr: bool,
    /// Nothing but the byte order mark may come before.
    at_start: bool,
}

/// An event is larger than anything that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is too long")]
pub struct TooLong;

impl Events {
    /// Events and lines may have up to `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, line: Vec::new(), data: Vec::new(), has_data: false, after_cr: false, at_start: true }
    }

    /// Takes the next bytes and adds the data of every event that they complete to `out`.
    ///
    /// # Errors
    /// [`TooLong`]; the stream is of no use any more.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            self.extend(&rest[..end])?;
            let is_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if is_cr {
                match rest.first() {
                    Some(b'\n') => rest = &rest[1..],
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.end_line(out)?;
        }
        self.extend(rest)
    }

    /// The stream has ended: what an unfinished last event holds. Its empty line is often left out.
    #[must_use]
    pub fn finish(mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        if !self.line.is_empty() {
            self.end_line(&mut out).ok()?;
        }
        self.has_data.then_some(self.data)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > self.limit {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, out: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        let mut line = self.line.as_slice();
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                out.push(std::mem::take(&mut self.data));
            }
        } else if let Some(value) = line.strip_prefix(b"data") {
            // `data` alone is an empty value; anything but a colon makes it another field.
            let value = if value.is_empty() { Some(value) } else { value.strip_prefix(b":") };
            if let Some(value) = value {
                let value = value.strip_prefix(b" ").unwrap_or(value);
                if self.data.len() + value.len() > self.limit {
                    return Err(TooLong);
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
        }
        self.line.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let (mut events, mut out) = (Events::new(64), Vec::new());
        for piece in pieces {
            events.push(piece, &mut out).expect("short enough");
        }
        out.extend(events.finish());
        out.into_iter().map(|data| String::from_utf8(data).expect("text")).collect()
    }

    #[test]
    fn every_line_end_comments_and_other_fields() {
        assert_eq!(events(&[b"data: a\n\ndata:b\n\n"]), ["a", "b"]);
        assert_eq!(events(&[b": ping\r\n\r\nid: 7\r\nevent: x\r\ndata: a\r\n\r\n"]), ["a"]);
        assert_eq!(events(&[b"data: a\r\rdata: b\r\r"]), ["a", "b"]);
        assert_eq!(events(&[b"\xEF\xBB\xBFdata: a\n\n"]), ["a"]);
        assert_eq!(events(&[b"data: a\ndata: b\ndata\n\n"]), ["a\nb\n"]);
        assert_eq!(events(&[b"database: a\n\n"]), [""; 0]);
        assert_eq!(events(&[b"data: a\n\ndata: the last"]), ["a", "the last"]);
    }

    #[test]
    fn bytes_may_be_cut_anywhere() {
        let stream = b": hi\r\ndata: {\"x\":\r\ndata: 1}\r\n\r\ndata: [DONE]\n\n";
        let whole = events(&[stream]);
        assert_eq!(whole, ["{\"x\":\n1}", "[DONE]"]);
        for cut in 0..=stream.len() {
            assert_eq!(events(&[&stream[..cut], &stream[cut..]]), whole, "cut at {cut}");
        }
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events(&single), whole);
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut out = Vec::new();
        assert_eq!(Events::new(64).push(&[b'x'; 65], &mut out), Err(TooLong));
        let mut lines = Events::new(64);
        assert_eq!((0..40).try_for_each(|_| lines.push(b"data: xx\n", &mut out)), Err(TooLong));
    }
}
