//! Telephone numbers from a file of any size, piece by piece: memory stays the same however long the file is.
//!
//! One number a line, or a table with comma, semicolon or tab whose column of numbers is named or recognised.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::phone::{E164, PhoneError};

/// How a file is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Country in which numbers without `+` are read, ISO 3166-1, two letters.
    pub country: Option<String>,
    /// Name of the column; without it the first row tells.
    pub column: Option<String>,
}

/// A row that is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// Line of the file, from 1.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It has no number that can be read.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// It has too few columns.
    #[error("the row has no such column")]
    NoColumn,
    /// It is longer than a row of numbers can be.
    #[error("the row is longer than 4096 bytes")]
    TooLong,
    /// It is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
}

/// The file has no column of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the first row has no column {0}")]
pub struct NoSuchColumn(pub String);

/// Reads a file that is fed to it in pieces.
#[derive(Debug)]
pub struct NumberReader {
    layout: Layout,
    reader: Option<Reader>,
    column: Option<usize>,
    /// Bytes of the row under way, and the ends of its fields.
    row: Box<[u8; Self::LONGEST_ROW]>,
    ends: Box<[usize; Self::MOST_FIELDS]>,
    bytes: usize,
    fields: usize,
    too_long: bool,
    /// Where the row under way begins.
    line: u64,
    rows: u64,
}

/// What a piece of the file held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// Its numbers, in order.
    pub numbers: Vec<E164>,
    /// Its other rows.
    pub faults: Vec<RowFault>,
}

/// Names under which a column of numbers is recognised.
const NAMES: [&str; 9] =
    ["phone", "phone_number", "phonenumber", "number", "telephone", "telefon", "mobile", "msisdn", "telephone_number"];

impl NumberReader {
    /// Bytes of the longest row.
    const LONGEST_ROW: usize = 4096;
    const MOST_FIELDS: usize = 64;

    /// A reader at the beginning of a file.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            reader: None,
            column: None,
            row: Box::new([0; Self::LONGEST_ROW]),
            ends: Box::new([0; Self::MOST_FIELDS]),
            bytes: 0,
            fields: 0,
            too_long: false,
            line: 1,
            rows: 0,
        }
    }

    /// Rows read so far, without the first one where it named the columns.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Reads a piece; an empty one is the end of the file.
    ///
    /// # Errors
    /// When the named column is not there; the rest of the file need not be fed then.
    pub fn feed(&mut self, mut input: &[u8]) -> Result<Piece, NoSuchColumn> {
        let mut piece = Piece::default();
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                input = input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input);
                ReaderBuilder::new().delimiter(delimiter(input)).build()
            }
        };
        let end = input.is_empty();
        loop {
            let room = (&mut self.row[self.bytes..], &mut self.ends[self.fields..]);
            let (result, read, written, ended) = reader.read_record(input, room.0, room.1);
            input = &input[read..];
            self.bytes += written;
            self.fields += ended;
            match result {
                ReadRecordResult::InputEmpty if !end => break,
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    // The rest of the row goes over what is known to be too long.
                    (self.bytes, self.fields, self.too_long) = (0, 0, true);
                }
                ReadRecordResult::Record => {
                    self.row(&mut piece)?;
                    self.line = reader.line();
                }
                ReadRecordResult::End => break,
            }
        }
        self.reader = Some(reader);
        Ok(piece)
    }

    fn row(&mut self, piece: &mut Piece) -> Result<(), NoSuchColumn> {
        let (bytes, fields) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.fields));
        let too_long = std::mem::take(&mut self.too_long);
        let text = std::str::from_utf8(&self.row[..bytes]);
        let ends = &self.ends[..fields];
        let line = self.line;
        if self.column.is_none() && !too_long {
            let words = text.unwrap_or_default();
            let named = header(words, ends, self.layout.column.as_deref());
            if let (None, Some(name)) = (named, &self.layout.column) {
                return Err(NoSuchColumn(name.clone()));
            }
            self.column = Some(named.unwrap_or(0));
            if named.is_some() || is_title(words, ends) {
                return Ok(());
            }
        }
        self.rows += 1;
        let column = self.column.unwrap_or(0);
        let number = match text {
            _ if too_long => Err(Fault::TooLong),
            Err(_) => Err(Fault::NotUtf8),
            Ok(text) => field(text, ends, column)
                .ok_or(Fault::NoColumn)
                .and_then(|text| number(text, self.layout.country.as_deref()).map_err(Fault::from)),
        };
        match number {
            Ok(number) => piece.numbers.push(number),
            Err(fault) => piece.faults.push(RowFault { line, fault }),
        }
        Ok(())
    }
}

/// Reads a number. Most lists are plain North American ones, which need no more than a look.
fn number(text: &str, country: Option<&str>) -> Result<E164, PhoneError> {
    let text = text.trim();
    let plain = |digits: &str| digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Area codes and exchanges begin with 2 to 9: nothing that a longer look would take away or add.
    let american = |digits: &str| plain(digits) && digits.as_bytes()[0] >= b'2' && digits.as_bytes()[3] >= b'2';
    let national = text.strip_prefix("+1").or_else(|| {
        let here =
            country.is_some_and(|country| country.eq_ignore_ascii_case("US") || country.eq_ignore_ascii_case("CA"));
        here.then(|| if text.len() == 11 { text.strip_prefix('1').unwrap_or(text) } else { text })
    });
    match national.filter(|digits| american(digits)) {
        Some(digits) => format!("+1{digits}").parse(),
        None => E164::parse(text, country),
    }
}

fn field<'a>(text: &'a str, ends: &[usize], column: usize) -> Option<&'a str> {
    let start = if column == 0 { 0 } else { *ends.get(column - 1)? };
    text.get(start..*ends.get(column)?)
}

/// The column of numbers, where the first row names the columns.
fn header(text: &str, ends: &[usize], wanted: Option<&str>) -> Option<usize> {
    let names: Vec<_> = (0..ends.len()).map(|column| field(text, ends, column).unwrap_or_default().trim()).collect();
    let is = |name: &&str| match wanted {
        Some(wanted) => name.eq_ignore_ascii_case(wanted.trim()),
        None => NAMES.iter().any(|known| name.replace([' ', '-'], "_").eq_ignore_ascii_case(known)),
    };
    names.iter().position(is)
}

/// A first row without a digit is a title.
fn is_title(text: &str, ends: &[usize]) -> bool {
    let first = field(text, ends, 0).unwrap_or_default();
    !first.is_empty() && !first.bytes().any(|byte| byte.is_ascii_digit())
}

/// The character between columns: the one that the first line has most of.
fn delimiter(input: &[u8]) -> u8 {
    let line = input.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| line.iter().filter(|byte| **byte == wanted).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|&byte| count(byte)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], piece: usize, layout: &Layout) -> (Vec<String>, Vec<(u64, Fault)>, u64) {
        let mut reader = NumberReader::new(layout.clone());
        let (mut numbers, mut faults) = (Vec::new(), Vec::new());
        for bytes in text.chunks(piece).chain([&[][..]]) {
            let piece = reader.feed(bytes).expect("the column is there");
            numbers.extend(piece.numbers.into_iter().map(String::from));
            faults.extend(piece.faults.into_iter().map(|row| (row.line, row.fault)));
        }
        (numbers, faults, reader.rows())
    }

    fn german() -> Layout {
        Layout { country: Some("DE".to_owned()), column: None }
    }

    #[test]
    fn a_file_reads_the_same_however_it_is_cut() {
        let file = "\u{feff}name;phone;note\r\nAda;\"+49 30 901820\";x\nBob;030 / 90 18 21;\n\"Eve;\nQ\";nonsense;\nIda\n;;\nJo;+14155550123;";
        let whole = read(file.as_bytes(), 1 << 20, &german());
        assert_eq!(whole.0, ["+4930901820", "+4930901821", "+14155550123"]);
        assert_eq!(
            whole.1,
            [(4, Fault::Phone(PhoneError::Invalid)), (6, Fault::NoColumn), (7, Fault::Phone(PhoneError::Empty))]
        );
        assert_eq!(whole.2, 6);
        // The first piece has to hold the first line: the delimiter is told from it.
        for piece in [16, 17, 23, 40, 64] {
            assert_eq!(read(file.as_bytes(), piece, &german()), whole, "in pieces of {piece}");
        }
    }

    #[test]
    fn one_number_a_line_needs_no_header() {
        let (numbers, faults, rows) = read(b"+4930901820\n\n+4930901821\n", 7, &Layout::default());
        assert_eq!((numbers.len(), faults.len(), rows), (2, 0, 2), "empty lines are nothing");
        let (numbers, _, rows) = read(b"Robinson list\n+4930901820\n", 64, &Layout::default());
        assert_eq!((numbers.len(), rows), (1, 1), "a title is no row");
    }

    #[test]
    fn a_named_column_has_to_be_there() {
        let layout = Layout { column: Some("Rufnummer".to_owned()), ..german() };
        let (numbers, ..) = read(b"id,rufnummer\n1,030 901820\n", 64, &layout);
        assert_eq!(numbers, ["+4930901820"]);
        let missing = NumberReader::new(layout).feed(b"id,phone\n1,030 901820\n").expect_err("no such column");
        assert_eq!(missing, NoSuchColumn("Rufnummer".to_owned()));
    }

    #[test]
    fn what_is_too_long_or_no_text_is_one_fault_and_the_next_row_is_read() {
        let mut file = b"+4930901820\n".to_vec();
        file.extend(std::iter::repeat_n(b'9', 100_000));
        file.extend(b"\n\xff\xfe,1\n+4930901821\n");
        let (numbers, faults, rows) = read(&file, 4096, &Layout::default());
        assert_eq!(numbers, ["+4930901820", "+4930901821"]);
        assert_eq!((faults, rows), (vec![(2, Fault::TooLong), (3, Fault::NotUtf8)], 4));
    }

    #[test]
    fn the_short_way_gives_what_the_long_way_gives() {
        for text in
            ["+12125550123", "2125550123", "12125550123", "+11125550123", "1125550123", "+12121550123", "+1212555012"]
        {
            assert_eq!(number(text, Some("US")), E164::parse(text, Some("US")), "{text}");
        }
        assert_eq!(number("2125550123", None), Err(PhoneError::NoCountry));
    }
}
