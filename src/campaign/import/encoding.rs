//! How the text of a file is written as bytes.

use encoding_rs::{CoderResult, Decoder};

use super::Encoding;

/// What tells the encoding of a file, fed from its beginning to its end.
#[derive(Debug, Default)]
pub struct Scent {
    head: Vec<u8>,
    /// Bytes of a letter that the next piece ends.
    open: Vec<u8>,
    not_utf8: bool,
    /// Bytes that Windows uses and ISO 8859-1 does not.
    windows: bool,
    zeros: u64,
    bytes: u64,
}

impl Scent {
    const HEAD: usize = 4096;

    /// Looks at a piece.
    pub fn feed(&mut self, piece: &[u8]) {
        let room = Self::HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(&piece[..piece.len().min(room)]);
        self.bytes += piece.len() as u64;
        self.zeros += piece.iter().filter(|byte| **byte == 0).count() as u64;
        self.windows |= piece.iter().any(|byte| (0x80..0xa0).contains(byte));
        if self.not_utf8 {
            return;
        }
        let mut joined = std::mem::take(&mut self.open);
        joined.extend_from_slice(piece);
        if let Err(error) = std::str::from_utf8(&joined) {
            match error.error_len() {
                Some(_) => self.not_utf8 = true,
                None => self.open = joined[error.valid_up_to()..].to_vec(),
            }
        }
    }

    /// The encoding that it is most likely in.
    #[must_use]
    pub fn guess(&self) -> Encoding {
        if self.head.starts_with(&[0xff, 0xfe]) {
            return Encoding::Utf16Le;
        }
        if self.head.starts_with(&[0xfe, 0xff]) {
            return Encoding::Utf16Be;
        }
        let zeros = |odd: usize| self.head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
        let pairs = self.head.len() / 2;
        // Latin letters in UTF-16 have a zero in every pair.
        if pairs > 1 && zeros(1) * 10 > pairs * 7 && zeros(0) * 10 < pairs {
            return Encoding::Utf16Le;
        }
        if pairs > 1 && zeros(0) * 10 > pairs * 7 && zeros(1) * 10 < pairs {
            return Encoding::Utf16Be;
        }
        match (self.not_utf8 || !self.open.is_empty(), self.windows) {
            (false, _) => Encoding::Utf8,
            (true, true) => Encoding::Windows1252,
            (true, false) => Encoding::Latin1,
        }
    }

    /// Whether it is no text: bytes that are zero, and not those of UTF-16.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.zeros > 0 && !matches!(self.guess(), Encoding::Utf16Le | Encoding::Utf16Be)
    }
}

/// Turns bytes into UTF-8, piece by piece. What is none in its encoding becomes U+FFFD.
pub struct Text {
    decoder: Decoder,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.decoder.encoding().name())
    }
}

impl Text {
    /// From this encoding. A byte order mark at the beginning is left out.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        let of = match encoding {
            Encoding::Utf8 => encoding_rs::UTF_8,
            Encoding::Utf16Le => encoding_rs::UTF_16LE,
            Encoding::Utf16Be => encoding_rs::UTF_16BE,
            // They differ where ISO 8859-1 has control characters, which no text has.
            Encoding::Latin1 | Encoding::Windows1252 => encoding_rs::WINDOWS_1252,
        };
        Self { decoder: of.new_decoder_with_bom_removal() }
    }

    /// The text of a piece; `last` is the end of the file.
    pub fn decode(&mut self, piece: &[u8], last: bool) -> String {
        let mut text = String::with_capacity(self.decoder.max_utf8_buffer_length(piece.len()).unwrap_or(piece.len()));
        let mut rest = piece;
        loop {
            let (result, read, _) = self.decoder.decode_to_string(rest, &mut text, last);
            rest = &rest[read..];
            match result {
                CoderResult::InputEmpty => return text,
                CoderResult::OutputFull => text.reserve(rest.len().max(16) * 3),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(bytes: &[u8]) -> Encoding {
        let mut whole = Scent::default();
        whole.feed(bytes);
        let mut cut = Scent::default();
        bytes.chunks(3).for_each(|piece| cut.feed(piece));
        assert_eq!(whole.guess(), cut.guess(), "however it is cut");
        whole.guess()
    }

    fn utf16(text: &str, little: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(guess("Name;Ort\nJürgen;Köln\n".as_bytes()), Encoding::Utf8);
        assert_eq!(guess(b"Name;Ort\nJ\xfcrgen;K\xf6ln\n"), Encoding::Latin1);
        assert_eq!(guess(b"Name;Preis\nJ\xfcrgen;5 \x80\n"), Encoding::Windows1252);
        for little in [true, false] {
            let want = if little { Encoding::Utf16Le } else { Encoding::Utf16Be };
            assert_eq!(guess(&utf16("Name;Ort\nJürgen;Köln\n", little)), want);
            assert_eq!(guess(&utf16("\u{feff}名;前\n", little)), want, "by its mark");
        }
        let mut binary = Scent::default();
        binary.feed(b"\x00\x01\x02\x03\xff\xfe\x00\x00PDF");
        assert!(binary.is_binary());
    }

    #[test]
    fn text_reads_the_same_however_it_is_cut() {
        let want = "Jürgen;5 €\n";
        for (encoding, bytes) in [
            (Encoding::Utf8, [b"\xef\xbb\xbf".as_slice(), want.as_bytes()].concat()),
            (Encoding::Utf16Le, [vec![0xff, 0xfe], utf16(want, true)].concat()),
            (Encoding::Utf16Be, utf16(want, false)),
            (Encoding::Windows1252, b"J\xfcrgen;5 \x80\n".to_vec()),
        ] {
            for size in [1, 2, 3, 100] {
                let mut text = Text::new(encoding);
                let mut got: String = bytes.chunks(size).map(|piece| text.decode(piece, false)).collect();
                got.push_str(&text.decode(&[], true));
                assert_eq!(got, want, "{encoding} by {size}");
            }
        }
    }
}
