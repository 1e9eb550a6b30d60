//! Our compound packets.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::read::{Block, SenderInfo};
use super::{MAX_COMPOUND, kind};

/// Version 2, no padding.
const VERSION: u8 = 0x80;

/// The item of a source description that names the source (RFC 3550 section 6.5.1).
const CNAME: u8 = 1;

/// Name under which a leg describes its source: 96 random bits, good for one call and telling nothing of the host
/// (RFC 7022 section 4.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cname([u8; 16]);

impl Cname {
    /// The name of these random bits.
    #[must_use]
    pub fn new(random: [u8; 12]) -> Self {
        let mut name = [0; 16];
        let written = STANDARD.encode_slice(random, &mut name);
        debug_assert_eq!(written, Ok(16), "twelve bytes are sixteen characters");
        Self(name)
    }

    /// As it is sent.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Cname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cname")
    }
}

/// What a report says.
#[derive(Clone, Copy, Debug)]
pub struct Reporting<'a> {
    /// Our source.
    pub ssrc: u32,
    /// Its name.
    pub cname: &'a Cname,
    /// What we sent; `None` makes it a receiver report.
    pub sender: Option<SenderInfo>,
    /// What we got of the peer's source, if anything.
    pub block: Option<Block>,
    /// Our source leaves.
    pub goodbye: bool,
}

/// Writes a report, the name of our source and, where it leaves, its goodbye to the beginning of `out`; how long it is
/// (RFC 3550 section 6.1).
pub fn write(report: &Reporting<'_>, out: &mut [u8; MAX_COMPOUND]) -> usize {
    let mut writer = Writer { out, length: 0 };
    let blocks = u8::from(report.block.is_some());
    let begun = match &report.sender {
        Some(info) => {
            let begun = writer.begin(blocks, kind::SENDER);
            writer.word(report.ssrc);
            writer.word((info.ntp.0 >> 32) as u32);
            writer.word(info.ntp.0 as u32);
            writer.word(info.timestamp);
            writer.word(info.packets);
            writer.word(info.octets);
            begun
        }
        None => {
            let begun = writer.begin(blocks, kind::RECEIVER);
            writer.word(report.ssrc);
            begun
        }
    };
    if let Some(block) = &report.block {
        writer.block(block);
    }
    writer.end(begun);
    let begun = writer.begin(1, kind::DESCRIPTION);
    writer.word(report.ssrc);
    let name = report.cname.as_bytes();
    writer.bytes(&[CNAME, name.len() as u8]);
    writer.bytes(name);
    // The end of the items, up to the next word.
    writer.bytes(&[0; 2]);
    writer.end(begun);
    if report.goodbye {
        let begun = writer.begin(1, kind::GOODBYE);
        writer.word(report.ssrc);
        writer.end(begun);
    }
    writer.length
}

struct Writer<'a> {
    out: &'a mut [u8; MAX_COMPOUND],
    length: usize,
}

impl Writer<'_> {
    /// Begins a packet; where it does.
    fn begin(&mut self, count: u8, packet_type: u8) -> usize {
        let begun = self.length;
        self.bytes(&[VERSION | count, packet_type, 0, 0]);
        begun
    }

    /// Writes the length of the packet that began there: its words less one.
    fn end(&mut self, begun: usize) {
        let words = (self.length - begun) / 4 - 1;
        self.out[begun + 2..begun + 4].copy_from_slice(&(words as u16).to_be_bytes());
    }

    fn block(&mut self, block: &Block) {
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        self.word(block.ssrc);
        self.word(u32::from(block.fraction) << 24 | lost);
        for word in [block.highest, block.jitter, block.last_report, block.delay] {
            self.word(word);
        }
    }

    fn word(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.out[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}
