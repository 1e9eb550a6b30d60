//! Sheets of Office Open XML (ECMA-376), row by row: memory does not grow with the sheet. The texts that its cells share lie in a
//! file beside.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::Path;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan as _};

use super::fault::FileFault;
use super::xml::{Node, Xml, attribute};
use super::zip::{Archive, Part};
use crate::campaign::import::{Cell, MAX_CELL, MAX_COLUMNS, MAX_ROW, Row, RowFault};

/// Parts other than sheets and texts, when unpacked.
const MAX_SMALL: u64 = 32 << 20;
/// The texts of a workbook, when unpacked.
const MAX_TEXTS: u64 = 1 << 30;
/// How many texts.
const MAX_COUNT: usize = 5_000_000;
/// A sheet, when unpacked.
const MAX_SHEET: u64 = 4 << 30;

/// What is needed of a workbook to read its sheets.
#[derive(Debug)]
pub(super) struct Workbook {
    archive: Archive,
    /// Names and parts.
    sheets: Vec<(String, String)>,
    texts_part: String,
    styles_part: String,
    is_1904: bool,
}

impl Workbook {
    pub(super) fn open(archive: Archive) -> Result<Self, FileFault> {
        let main =
            relations(&archive, "_rels/.rels")?.into_values().find(|(kind, _)| kind.ends_with("/officeDocument"));
        let main =
            main.map_or_else(|| "xl/workbook.xml".to_owned(), |(_, part)| part.trim_start_matches('/').to_owned());
        let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
        let inside = |part: &str| match part.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None if folder.is_empty() => part.to_owned(),
            None => format!("{folder}/{part}"),
        };
        let relations = relations(&archive, &inside(&format!("_rels/{file}.rels")))?;
        let of_kind = |end: &str, usual: &str| {
            let found = relations.values().find(|(kind, _)| kind.ends_with(end));
            inside(found.map_or(usual, |(_, part)| part.as_str()))
        };
        let (texts_part, styles_part) =
            (of_kind("/sharedStrings", "sharedStrings.xml"), of_kind("/styles", "styles.xml"));
        let part = archive.part(&main, "the workbook", MAX_SMALL)?;
        let mut xml = Xml::new(part.ok_or(FileFault::NoTable("an archive of other files"))?);
        let (mut sheets, mut is_1904) = (Vec::new(), false);
        loop {
            match xml.next()? {
                Node::Start(start) if start.local_name().as_ref() == b"workbookPr" => {
                    is_1904 = attribute(&start, b"date1904").is_some_and(|value| value == "1" || value == "true");
                }
                Node::Start(start) if start.local_name().as_ref() == b"sheet" => {
                    let (name, id) = (attribute(&start, b"name").unwrap_or_default(), attribute(&start, b"id"));
                    let known = id.and_then(|id| relations.get(&id));
                    // Sheets of charts have no rows.
                    if let Some((_, part)) = known.filter(|(kind, _)| kind.ends_with("/worksheet")) {
                        sheets.push((name, inside(part)));
                    }
                }
                Node::Eof => break,
                Node::Start(_) | Node::End(_) | Node::Text(_) => {}
            }
        }
        Ok(Self { archive, sheets, texts_part, styles_part, is_1904 })
    }

    pub(super) fn sheets(&self) -> Vec<String> {
        self.sheets.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The rows of a sheet, the first one without a name. `beside` is where a file may lie while they are read.
    pub(super) fn rows(&self, sheet: Option<&str>, beside: &Path) -> Result<Rows, FileFault> {
        let found = match sheet {
            None => self.sheets.first(),
            Some(wanted) => self.sheets.iter().find(|(name, _)| name == wanted),
        };
        let (_, part) =
            found.ok_or_else(|| FileFault::NoSheet(sheet.unwrap_or_default().to_owned(), self.sheets().join(", ")))?;
        let dates = match self.archive.part(&self.styles_part, "the styles", MAX_SMALL)? {
            Some(part) => date_styles(part)?,
            None => Vec::new(),
        };
        let texts = match self.archive.part(&self.texts_part, "the texts", MAX_TEXTS)? {
            Some(part) => Texts::read(part, beside)?,
            None => Texts::default(),
        };
        let part = self.archive.part(part, "the sheet", MAX_SHEET)?;
        let xml = Xml::new(part.ok_or(FileFault::Damaged("a sheet is missing"))?);
        Ok(Rows {
            xml,
            texts,
            dates,
            is_1904: self.is_1904,
            number: 0,
            merged: 0,
            ready: VecDeque::new(),
            is_over: false,
        })
    }
}

/// Ids with their kinds and targets.
fn relations(archive: &Archive, part: &str) -> Result<BTreeMap<String, (String, String)>, FileFault> {
    let mut found = BTreeMap::new();
    let Some(part) = archive.part(part, "a list of parts", MAX_SMALL)? else { return Ok(found) };
    let mut xml = Xml::new(part);
    loop {
        match xml.next()? {
            Node::Start(start) if start.local_name().as_ref() == b"Relationship" => {
                let get = |name: &[u8]| attribute(&start, name).unwrap_or_default();
                found.insert(get(b"Id"), (get(b"Type"), get(b"Target")));
            }
            Node::Eof => return Ok(found),
            Node::Start(_) | Node::End(_) | Node::Text(_) => {}
        }
    }
}

/// For each style of cells whether its numbers are dates or times.
fn date_styles(part: Part) -> Result<Vec<bool>, FileFault> {
    let mut xml = Xml::new(part);
    let (mut own, mut dates, mut in_cells) = (BTreeMap::new(), Vec::new(), false);
    loop {
        match xml.next()? {
            Node::Start(start) => match start.local_name().as_ref() {
                b"numFmt" => {
                    let id: u32 = attribute(&start, b"numFmtId").and_then(|id| id.parse().ok()).unwrap_or(0);
                    own.insert(id, is_date_format(&attribute(&start, b"formatCode").unwrap_or_default()));
                }
                b"cellXfs" => in_cells = true,
                b"xf" if in_cells && dates.len() < 100_000 => {
                    let id: u32 = attribute(&start, b"numFmtId").and_then(|id| id.parse().ok()).unwrap_or(0);
                    // 18.8.30: the formats that need not be written down.
                    let usual = matches!(id, 14..=22 | 27..=36 | 45..=47 | 50..=58);
                    dates.push(own.get(&id).copied().unwrap_or(usual));
                }
                _ => {}
            },
            Node::End(name) if name == b"cellXfs" => in_cells = false,
            Node::Eof => return Ok(dates),
            Node::End(_) | Node::Text(_) => {}
        }
    }
}

/// Whether a format shows days or hours: one of its letters outside quotation marks and brackets.
fn is_date_format(code: &str) -> bool {
    let (mut in_quotes, mut in_brackets, mut escaped) = (false, false, false);
    for letter in code.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' | '_' | '*' => escaped = true,
            '"' => in_quotes = !in_quotes,
            _ if in_quotes => {}
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ if in_brackets => {}
            'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' => return true,
            // `General` and the like: a word without those letters goes on; what follows a semicolon is for other numbers.
            ';' => return false,
            _ => {}
        }
    }
    false
}

/// The texts that cells share.
#[derive(Debug, Default)]
struct Texts {
    /// Where each ends.
    ends: Vec<u32>,
    /// While there are few.
    bytes: Vec<u8>,
    file: Option<File>,
}

impl Texts {
    /// So much stays in memory.
    const FEW: usize = 8 << 20;

    fn read(part: Part, beside: &Path) -> Result<Self, FileFault> {
        let mut texts = Self::default();
        let mut xml = Xml::new(part);
        // Within <si>; within its <t>; within <rPh>, which tells how it is spoken.
        let (mut text, mut in_text, mut spoken, mut written) = (None::<String>, false, 0_u32, 0_usize);
        loop {
            match xml.next()? {
                Node::Start(start) => match start.local_name().as_ref() {
                    b"si" => text = Some(String::new()),
                    b"rPh" => spoken += 1,
                    b"t" => in_text = spoken == 0,
                    _ => {}
                },
                Node::End(name) => match name.as_slice() {
                    b"rPh" => spoken = spoken.saturating_sub(1),
                    b"t" => in_text = false,
                    b"si" => {
                        let one = text.take().unwrap_or_default();
                        written += one.len();
                        if texts.ends.len() >= MAX_COUNT {
                            return Err(FileFault::Texts(MAX_COUNT as u64));
                        }
                        texts.ends.push(u32::try_from(written).map_err(|_| FileFault::Texts(MAX_COUNT as u64))?);
                        texts.bytes.extend_from_slice(one.as_bytes());
                        if texts.bytes.len() > Self::FEW {
                            texts.spill(beside)?;
                        }
                    }
                    _ => {}
                },
                Node::Text(more) => {
                    if let (true, Some(text)) = (in_text, &mut text)
                        && text.len() <= MAX_CELL
                    {
                        text.push_str(&more);
                    }
                }
                Node::Eof => break,
            }
        }
        if texts.file.is_some() {
            texts.spill(beside)?;
        }
        Ok(texts)
    }

    fn spill(&mut self, beside: &Path) -> Result<(), FileFault> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let path = beside.with_extension(format!("texts-{:016x}", rand::random::<u64>()));
                let file = File::options().read(true).write(true).create_new(true).open(&path)?;
                // It is ours for as long as it is open, and gone after that, whatever happens.
                std::fs::remove_file(&path)?;
                self.file.insert(file)
            }
        };
        file.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    fn get(&self, index: usize) -> Result<String, FileFault> {
        const MISSING: FileFault = FileFault::Damaged("a cell refers to a text that is not there");
        let end = *self.ends.get(index).ok_or(MISSING)? as usize;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |start| *start as usize);
        let mut bytes = vec![0; end.saturating_sub(start)];
        match &self.file {
            Some(file) => file.read_exact_at(&mut bytes, start as u64)?,
            None => bytes.copy_from_slice(self.bytes.get(start..end).ok_or(MISSING)?),
        }
        String::from_utf8(bytes).map_err(|_| MISSING)
    }
}

/// The rows of a sheet.
pub(super) struct Rows {
    xml: Xml<Part>,
    texts: Texts,
    dates: Vec<bool>,
    is_1904: bool,
    number: u64,
    merged: u64,
    ready: VecDeque<Row>,
    is_over: bool,
}

/// The row under way.
#[derive(Default)]
struct Open {
    cells: Vec<Cell>,
    bytes: usize,
    fault: Option<RowFault>,
}

impl Rows {
    /// Areas of merged cells, once the sheet has been read to its end.
    pub(super) fn merged(&self) -> u64 {
        self.merged
    }

    pub(super) fn progress(&self) -> (u64, u64) {
        self.xml.part().progress()
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, FileFault> {
        let mut open: Option<Open> = None;
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Ok(Some(row));
            }
            if self.is_over {
                return Ok(None);
            }
            match self.xml.next()? {
                Node::Start(start) => match start.local_name().as_ref() {
                    b"row" => {
                        let number =
                            attribute(&start, b"r").and_then(|number| number.parse::<u32>().ok()).map(u64::from);
                        // Never back: rows are told by their numbers.
                        self.number = number.unwrap_or(0).max(self.number + 1);
                        open = Some(Open::default());
                    }
                    b"c" => {
                        let place = attribute(&start, b"r").and_then(|place| column(&place));
                        let kind = attribute(&start, b"t").unwrap_or_default();
                        let style = attribute(&start, b"s").and_then(|style| style.parse::<usize>().ok());
                        let is_date = style.and_then(|style| self.dates.get(style)).copied().unwrap_or(false);
                        let cell = self.cell(&kind, is_date)?;
                        if let Some(open) = &mut open {
                            open.put(place, cell);
                        }
                    }
                    b"mergeCell" => self.merged += 1,
                    _ => {}
                },
                Node::End(name) if name == b"row" => {
                    let Open { cells, fault, .. } = open.take().unwrap_or_default();
                    let cells = fault.map_or(Ok(cells), Err);
                    if cells.as_ref().is_ok_and(|cells| cells.iter().all(Cell::is_empty)) {
                        continue;
                    }
                    self.ready.push_back(Row { number: self.number, cells });
                }
                Node::Eof => self.is_over = true,
                Node::End(_) | Node::Text(_) => {}
            }
        }
    }

    /// The rest of a cell.
    fn cell(&mut self, kind: &str, is_date: bool) -> Result<Cell, FileFault> {
        let (mut value, mut text) = (None::<String>, None::<String>);
        let (mut in_value, mut in_text, mut has_formula, mut spoken) = (false, false, false, 0_u32);
        loop {
            match self.xml.next()? {
                Node::Start(start) => match start.local_name().as_ref() {
                    b"v" => {
                        in_value = true;
                        value.get_or_insert_default();
                    }
                    b"f" => has_formula = true,
                    b"rPh" => spoken += 1,
                    b"t" => {
                        in_text = spoken == 0;
                        text.get_or_insert_default();
                    }
                    _ => {}
                },
                Node::Text(more) => {
                    let into = if in_value { &mut value } else { &mut text };
                    if let (true, Some(into)) = (in_value || in_text, into)
                        && into.len() <= MAX_CELL
                    {
                        into.push_str(&more);
                    }
                }
                Node::End(name) => match name.as_slice() {
                    b"v" => in_value = false,
                    b"t" => in_text = false,
                    b"rPh" => spoken = spoken.saturating_sub(1),
                    b"c" => break,
                    _ => {}
                },
                Node::Eof => return Err(FileFault::Damaged("its end is missing")),
            }
        }
        Ok(match (kind, value) {
            ("inlineStr", _) => Cell::Text(text.unwrap_or_default()),
            (_, None) if has_formula => Cell::Bad(
                "the formula has no stored value: open the file in a spreadsheet program and save it again".to_owned(),
            ),
            (_, None) => Cell::Text(text.unwrap_or_default()),
            ("s", Some(index)) => {
                let index = index.trim().parse().map_err(|_| FileFault::Damaged("a cell refers to no text"))?;
                Cell::Text(self.texts.get(index)?)
            }
            ("b", Some(value)) => Cell::Text(if value.trim() == "1" { "true" } else { "false" }.to_owned()),
            ("e", Some(value)) => Cell::Bad(format!("the cell shows the fault {}", value.trim())),
            ("str" | "d", Some(value)) => Cell::Text(value),
            (_, Some(value)) if is_date => {
                match value.trim().parse().ok().and_then(|days| moment(days, self.is_1904)) {
                    Some(shown) => Cell::Text(shown),
                    None => Cell::Number(value),
                }
            }
            (_, Some(value)) => Cell::Number(value),
        })
    }
}

impl Open {
    fn put(&mut self, place: Option<usize>, cell: Cell) {
        let place = place.unwrap_or(self.cells.len());
        if cell.is_empty() && place >= self.cells.len() {
            return;
        }
        if place >= MAX_COLUMNS {
            self.fault.get_or_insert(RowFault::TooManyColumns);
            return;
        }
        self.bytes += match &cell {
            Cell::Text(text) | Cell::Number(text) | Cell::Bad(text) => text.len(),
        };
        if self.bytes > MAX_ROW {
            self.fault.get_or_insert(RowFault::TooLong);
            self.cells.clear();
            return;
        }
        if place >= self.cells.len() {
            self.cells.resize(place + 1, Cell::EMPTY);
        }
        self.cells[place] = cell;
    }
}

/// The column of a place such as `AB12`, from 0.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters
        .take(4)
        .fold(0_usize, |number, letter| number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1);
    number.checked_sub(1)
}

/// The day and time of a number of days (18.17.4.1), as ISO 8601 writes it.
fn moment(days: f64, is_1904: bool) -> Option<String> {
    if !(0.0..2_958_466.0).contains(&days) {
        return None;
    }
    let seconds = (days * 86_400.0).round() as i64;
    let (whole, rest) = (seconds / 86_400, seconds % 86_400);
    let time = Time::midnight().checked_add(SignedDuration::from_secs(rest)).ok()?;
    if whole == 0 && !is_1904 {
        return Some(time.to_string());
    }
    // Until 28 February 1900 its calendar is a day off: it has a 29th.
    let start: Date = match is_1904 {
        true => Date::constant(1904, 1, 1),
        false if whole < 60 => Date::constant(1899, 12, 31),
        false => Date::constant(1899, 12, 30),
    };
    let day = start.checked_add(whole.days()).ok()?;
    Some(if rest == 0 { day.to_string() } else { DateTime::from_parts(day, time).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_told_as_everybody_writes_them() {
        for (days, want) in [
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (61.0, "1900-03-01"),
            (46_348.0, "2026-11-22"),
            (46_348.5, "2026-11-22T12:00:00"),
            (0.25, "06:00:00"),
        ] {
            assert_eq!(moment(days, false).as_deref(), Some(want), "{days}");
        }
        assert_eq!(moment(44_886.0, true).as_deref(), Some("2026-11-22"));
        assert_eq!(moment(-1.0, false), None);
        assert_eq!(moment(f64::NAN, false), None);
    }

    #[test]
    fn formats_of_dates_are_known() {
        for (code, want) in [
            ("dd.mm.yyyy", true),
            ("[$-407]d. mmmm yyyy;@", true),
            ("h:mm", true),
            ("0.00", false),
            ("#,##0 \"Stunden\"", false),
            ("[Red]0;-0", false),
            ("0\\d", false),
            ("General", false),
        ] {
            assert_eq!(is_date_format(code), want, "{code}");
        }
    }

    #[test]
    fn columns_have_letters() {
        for (place, want) in
            [("A1", Some(0)), ("Z9", Some(25)), ("AA1", Some(26)), ("XFD1", Some(16_383)), ("12", None)]
        {
            assert_eq!(column(place), want, "{place}");
        }
    }
}
