//! Files in a ZIP archive (APPNOTE 6.3.10), as far as spreadsheets use them: stored or deflated, no encryption, no ZIP64.
//!
//! The archive is somebody's upload. What it says of sizes is not believed: everything that is held in memory has a limit, and
//! every part is read under one of its own.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::fault::{FileFault, Met};

/// Most bytes of the table of contents.
const MAX_CONTENTS: u64 = 4 << 20;
/// A comment behind the table of contents is at most so long (4.3.16), with the record before it.
const MAX_TAIL: u64 = 65_535 + 22;

/// An open archive.
#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<File>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    is_locked: bool,
    method: u16,
    crc: u32,
    packed: u64,
    header_at: u64,
}

impl Archive {
    pub(super) fn open(file: File) -> Result<Self, FileFault> {
        let length = file.metadata()?.len();
        let tail_at = length.saturating_sub(MAX_TAIL);
        let mut tail = vec![0; usize::try_from(length - tail_at).unwrap_or(0)];
        file.read_exact_at(&mut tail, tail_at)?;
        let end = tail.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").ok_or(NO_CONTENTS)?;
        let end = tail.get(end..end + 22).ok_or(NO_CONTENTS)?;
        let (size, at) = (u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
        if u16_at(end, 10) == u16::MAX || size > MAX_CONTENTS {
            return Err(FileFault::Damaged("it has more parts than a spreadsheet has"));
        }
        if at + size > length {
            return Err(NO_CONTENTS);
        }
        let mut contents = vec![0; usize::try_from(size).unwrap_or(0)];
        file.read_exact_at(&mut contents, at)?;
        let mut entries = Vec::new();
        let mut rest = contents.as_slice();
        while rest.len() >= 46 && rest.starts_with(b"PK\x01\x02") {
            let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(rest, at)));
            let name_of = rest.get(46..46 + name).ok_or(NO_CONTENTS)?;
            entries.push(Entry {
                // Some programs write them the other way round.
                name: String::from_utf8_lossy(name_of).replace('\\', "/"),
                is_locked: u16_at(rest, 8) & 1 == 1,
                method: u16_at(rest, 10),
                crc: u32_at(rest, 16),
                packed: u64::from(u32_at(rest, 20)),
                header_at: u64::from(u32_at(rest, 42)),
            });
            rest = rest.get(46 + name + extra + comment..).ok_or(NO_CONTENTS)?;
        }
        Ok(Self { file: Arc::new(file), entries })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// A part, of at most so many bytes when unpacked; `what` names it for people.
    pub(super) fn part(&self, name: &str, what: &'static str, most: u64) -> Result<Option<Part>, FileFault> {
        let Some(entry) = self.entry(name) else { return Ok(None) };
        if entry.is_locked {
            return Err(FileFault::OldOrLocked);
        }
        let mut header = [0; 30];
        self.file.read_exact_at(&mut header, entry.header_at)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(FileFault::Damaged("a part of it is not where it should be"));
        }
        let names = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        let packed = Span { file: Arc::clone(&self.file), at: entry.header_at + 30 + names, left: entry.packed };
        let inner = match entry.method {
            0 => Inner::Stored(packed),
            8 => Inner::Deflated(Box::new(DeflateDecoder::new(packed))),
            _ => return Err(FileFault::Damaged("it is packed in a way that no spreadsheet uses")),
        };
        Ok(Some(Part { inner, packed: entry.packed, crc: entry.crc, seen: Crc::new(), read: 0, most, what }))
    }

    /// Names are compared without their case, as some programs write others than they refer to.
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
    }
}

const NO_CONTENTS: FileFault = FileFault::Damaged("its table of contents is missing");

/// The content of a part.
pub(super) struct Part {
    inner: Inner,
    packed: u64,
    crc: u32,
    seen: Crc,
    read: u64,
    most: u64,
    what: &'static str,
}

enum Inner {
    Stored(Span),
    Deflated(Box<DeflateDecoder<Span>>),
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("what", &self.what).finish_non_exhaustive()
    }
}

impl Part {
    /// Packed bytes that have been read, and how many there are.
    pub(super) fn progress(&self) -> (u64, u64) {
        let left = match &self.inner {
            Inner::Stored(span) => span.left,
            Inner::Deflated(decoder) => decoder.get_ref().left,
        };
        (self.packed - left, self.packed)
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.inner {
            Inner::Stored(span) => span.read(buffer)?,
            Inner::Deflated(decoder) => decoder.read(buffer)?,
        };
        self.read += read as u64;
        if self.read > self.most {
            return Err(Met::Unpacked(self.what, self.most >> 20).into_io());
        }
        self.seen.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.seen.sum() != self.crc {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "checksum"));
        }
        Ok(read)
    }
}

/// Some bytes of a file.
struct Span {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Span {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
