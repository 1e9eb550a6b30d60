//! XML of somebody's upload, one event after the other: no event may be longer than memory is given for.

use std::io::{self, BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::fault::{FileFault, Met};

/// Longest event.
const MAX_EVENT: usize = 4 << 20;

/// A reader of one part.
pub(super) struct Xml<R: Read> {
    reader: Reader<BufReader<Guarded<R>>>,
    buffer: Vec<u8>,
}

/// What comes next, without what no spreadsheet needs.
#[derive(Debug)]
pub(super) enum Node<'a> {
    Start(BytesStart<'a>),
    End(Vec<u8>),
    Text(String),
    Eof,
}

impl<R: Read> Xml<R> {
    pub(super) fn new(part: R) -> Self {
        let mut reader = Reader::from_reader(BufReader::with_capacity(64 << 10, Guarded { inner: part, since: 0 }));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = false;
        Self { reader, buffer: Vec::with_capacity(1024) }
    }

    pub(super) fn part(&self) -> &R {
        &self.reader.get_ref().get_ref().inner
    }

    pub(super) fn next(&mut self) -> Result<Node<'_>, FileFault> {
        self.reader.get_mut().get_mut().since = 0;
        self.buffer.clear();
        let event = self.reader.read_event_into(&mut self.buffer).map_err(|error| fault(&error))?;
        Ok(match event {
            Event::Start(start) => Node::Start(start),
            Event::End(end) => Node::End(end.local_name().as_ref().to_vec()),
            Event::Text(text) => Node::Text(text.decode().map_err(|_| NOT_UTF8)?.into_owned()),
            Event::CData(text) => Node::Text(text.decode().map_err(|_| NOT_UTF8)?.into_owned()),
            Event::GeneralRef(name) => {
                let known = match name.resolve_char_ref().map_err(|error| fault(&error))? {
                    Some(letter) => Some(letter),
                    None => match &*name.decode().map_err(|_| NOT_UTF8)? {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => None,
                    },
                };
                Node::Text(known.map(String::from).unwrap_or_default())
            }
            Event::Eof => Node::Eof,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                Node::Text(String::new())
            }
        })
    }
}

/// An attribute by its name without prefix.
pub(super) fn attribute(start: &BytesStart<'_>, name: &[u8]) -> Option<String> {
    let found = start.attributes().with_checks(false).flatten().find(|attr| attr.key.local_name().as_ref() == name)?;
    let text = String::from_utf8_lossy(&found.value);
    Some(quick_xml::escape::unescape(&text).map(std::borrow::Cow::into_owned).unwrap_or_else(|_| text.into_owned()))
}

const NOT_UTF8: FileFault = FileFault::Damaged("its text is not UTF-8");

fn fault(error: &quick_xml::Error) -> FileFault {
    if let quick_xml::Error::Io(error) = error {
        return FileFault::from(&**error);
    }
    FileFault::Damaged("its XML cannot be read")
}

/// Bytes since the last event.
struct Guarded<R> {
    inner: R,
    since: usize,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.since += read;
        if self.since > MAX_EVENT { Err(Met::LongText(MAX_EVENT >> 20).into_io()) } else { Ok(read) }
    }
}
