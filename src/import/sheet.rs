//! A file as rows, whatever kind it is.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fault::FileFault;
use super::xlsx::Workbook;
use super::zip::Archive;
use super::{ods, xlsx};
use crate::campaign::import::encoding::{Scent, Text};
use crate::campaign::import::{Cell, Encoding, Format, Reading, Row, RowFault, Separator, csv, headings};

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// What a look at a file tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What kind it is.
    pub format: Format,
    /// Its sheets.
    pub sheets: Vec<String>,
    /// How its text seems to be written.
    pub encoding: Encoding,
    /// What seems to stand between values.
    pub separator: Separator,
    /// The first line does nothing but name the separator.
    pub names_separator: bool,
}

impl Facts {
    /// How it is read: as somebody chose, and as it looks where nobody did.
    #[must_use]
    pub fn chosen(&self, reading: &Reading) -> Reading {
        let is_csv = self.format == Format::Csv;
        Reading {
            sheet: reading.sheet.clone().or_else(|| self.sheets.first().cloned()),
            encoding: is_csv.then(|| reading.encoding.unwrap_or(self.encoding)),
            separator: is_csv.then(|| reading.separator.unwrap_or(self.separator)),
            heading: Some(reading.heading.unwrap_or(true)),
        }
    }
}

/// Looks at a file from its beginning to its end.
///
/// # Errors
/// When it is no table that is read here.
pub fn look(path: &Path) -> Result<Facts, FileFault> {
    let mut file = File::open(path)?;
    let mut head = [0; 512];
    let read = read_some(&mut file, &mut head)?;
    let head = &head[..read];
    let begins = |word: &str| {
        let start = head.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        head[start..].get(..word.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()))
    };
    match () {
        () if head.is_empty() => return Err(FileFault::Empty),
        () if head.starts_with(b"PK\x03\x04") => return look_into(Archive::open(File::open(path)?)?),
        () if head.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) => return Err(FileFault::OldOrLocked),
        () if head.starts_with(b"%PDF") => return Err(FileFault::NoTable("a PDF document")),
        () if head.starts_with(&[0x1f, 0x8b]) => return Err(FileFault::NoTable("a packed file: unpack it first")),
        () if ["<!doctype", "<html", "<table", "<?xml"].iter().any(|word| begins(word)) => {
            return Err(FileFault::NoTable("a web page or XML, whatever its name says"));
        }
        () => {}
    }
    let mut scent = Scent::default();
    scent.feed(head);
    let mut piece = vec![0; PIECE];
    loop {
        let read = read_some(&mut file, &mut piece)?;
        if read == 0 {
            break;
        }
        scent.feed(&piece[..read]);
    }
    if scent.is_binary() {
        return Err(FileFault::NoTable("a file of another program"));
    }
    let encoding = scent.guess();
    let mut start = vec![0; PIECE];
    let read = read_some(&mut File::open(path)?, &mut start)?;
    let (separator, names_separator) = csv::separator(&Text::new(encoding).decode(&start[..read], false));
    Ok(Facts { format: Format::Csv, sheets: Vec::new(), encoding, separator, names_separator })
}

fn look_into(archive: Archive) -> Result<Facts, FileFault> {
    let (format, sheets) = if archive.has("content.xml") {
        (Format::Ods, ods::sheets(&archive)?)
    } else {
        (Format::Xlsx, Workbook::open(archive)?.sheets())
    };
    if sheets.is_empty() {
        return Err(FileFault::Empty);
    }
    let (encoding, separator) = (Encoding::default(), Separator::default());
    Ok(Facts { format, sheets, encoding, separator, names_separator: false })
}

/// The rows of a file, behind the names of its columns.
pub struct Sheet {
    rows: Rows,
    columns: Vec<String>,
    /// A first row that names no columns.
    first: Option<Row>,
}

enum Rows {
    Csv(Box<CsvFile>),
    Xlsx(Box<xlsx::Rows>),
    Ods(Box<ods::Rows>),
}

impl Sheet {
    /// Opens a file that has been looked at.
    ///
    /// # Errors
    /// When it cannot be read, or has no row that could name the columns.
    pub fn open(path: &Path, facts: &Facts, reading: &Reading) -> Result<Self, FileFault> {
        let chosen = facts.chosen(reading);
        let sheet = chosen.sheet.as_deref();
        let mut rows = match facts.format {
            Format::Csv => Rows::Csv(Box::new(CsvFile::open(path, facts, &chosen)?)),
            Format::Xlsx => {
                let book = Workbook::open(Archive::open(File::open(path)?)?)?;
                Rows::Xlsx(Box::new(book.rows(sheet, path)?))
            }
            Format::Ods => Rows::Ods(Box::new(ods::Rows::open(&Archive::open(File::open(path)?)?, sheet)?)),
        };
        let first = rows.next()?.ok_or(FileFault::Empty)?;
        let cells = match &first.cells {
            Ok(cells) => cells,
            Err(RowFault::TooManyColumns) => return Err(FileFault::TooManyColumns),
            Err(fault @ RowFault::TooLong) => return Err(FileFault::Heading(fault.to_string())),
        };
        if chosen.heading == Some(false) {
            let columns = headings(&vec![Cell::EMPTY; cells.len()]);
            return Ok(Self { rows, columns, first: Some(first) });
        }
        Ok(Self { rows, columns: headings(cells), first: None })
    }

    /// The names of its columns, each once.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row that is not empty.
    ///
    /// # Errors
    /// When the file is damaged from here on.
    pub fn next_row(&mut self) -> Result<Option<Row>, FileFault> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.rows.next(),
        }
    }

    /// Bytes that have been read, and how many there are.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        match &self.rows {
            Rows::Csv(file) => (file.read, file.length),
            Rows::Xlsx(rows) => rows.progress(),
            Rows::Ods(rows) => rows.progress(),
        }
    }

    /// Areas of merged cells, once it has been read to its end.
    #[must_use]
    pub fn merged(&self) -> u64 {
        match &self.rows {
            Rows::Csv(_) => 0,
            Rows::Xlsx(rows) => rows.merged(),
            Rows::Ods(rows) => rows.merged(),
        }
    }
}

impl Rows {
    fn next(&mut self) -> Result<Option<Row>, FileFault> {
        match self {
            Self::Csv(file) => file.next(),
            Self::Xlsx(rows) => rows.next(),
            Self::Ods(rows) => rows.next(),
        }
    }
}

struct CsvFile {
    file: File,
    text: Text,
    rows: csv::Rows,
    piece: Vec<u8>,
    read: u64,
    length: u64,
    /// Text of the first line, which only names the separator, is left out up to its end.
    in_first_line: bool,
    is_over: bool,
}

impl CsvFile {
    fn open(path: &Path, facts: &Facts, chosen: &Reading) -> Result<Self, FileFault> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut rows = csv::Rows::new(chosen.separator.unwrap_or(facts.separator));
        if facts.names_separator {
            rows.skip_line();
        }
        let text = Text::new(chosen.encoding.unwrap_or(facts.encoding));
        let (piece, in_first_line) = (vec![0; PIECE], facts.names_separator);
        Ok(Self { file, text, rows, piece, read: 0, length, in_first_line, is_over: false })
    }

    fn next(&mut self) -> Result<Option<Row>, FileFault> {
        loop {
            if let Some(row) = self.rows.next_row() {
                return Ok(Some(row));
            }
            if self.is_over {
                return Ok(None);
            }
            let read = read_some(&mut self.file, &mut self.piece)?;
            self.read += read as u64;
            self.is_over = read == 0;
            let text = self.text.decode(&self.piece[..read], self.is_over);
            let mut rest = text.as_str();
            if self.in_first_line {
                match rest.split_once('\n') {
                    Some((_, after)) => {
                        rest = after;
                        self.in_first_line = false;
                    }
                    None => rest = "",
                }
            }
            // An empty piece is the end.
            if !rest.is_empty() {
                self.rows.feed(rest);
            }
            if self.is_over {
                self.rows.feed("");
            }
        }
    }
}

fn read_some(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
