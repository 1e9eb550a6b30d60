//! Sheets of OpenDocument (ISO 26300), row by row: what is written once and said to be there a million times is counted, not
//! copied.

use super::fault::FileFault;
use super::xml::{Node, Xml, attribute};
use super::zip::{Archive, Part};
use crate::campaign::import::{Cell, MAX_CELL, MAX_COLUMNS, MAX_ROW, Row, RowFault};

/// The content of a workbook, when unpacked.
const MAX_CONTENT: u64 = 4 << 30;
/// Rows that a sheet can have.
const MAX_ROWS: u64 = 1 << 20;

fn content(archive: &Archive) -> Result<Xml<Part>, FileFault> {
    let part = archive.part("content.xml", "the content", MAX_CONTENT)?;
    Ok(Xml::new(part.ok_or(FileFault::NoTable("an archive of other files"))?))
}

/// The names of its sheets.
pub(super) fn sheets(archive: &Archive) -> Result<Vec<String>, FileFault> {
    let mut xml = content(archive)?;
    let mut names = Vec::new();
    loop {
        match xml.next()? {
            Node::Start(start) if start.local_name().as_ref() == b"table" && names.len() < 1000 => {
                names.push(attribute(&start, b"name").unwrap_or_default());
            }
            Node::Eof => return Ok(names),
            Node::Start(_) | Node::End(_) | Node::Text(_) => {}
        }
    }
}

/// The rows of a sheet.
pub(super) struct Rows {
    xml: Xml<Part>,
    number: u64,
    merged: u64,
    /// A row that is to be told so many times more.
    again: Option<(Vec<Cell>, u64)>,
    is_over: bool,
}

impl Rows {
    /// Of a sheet, the first one without a name.
    pub(super) fn open(archive: &Archive, sheet: Option<&str>) -> Result<Self, FileFault> {
        let mut xml = content(archive)?;
        let mut names = Vec::new();
        loop {
            match xml.next()? {
                Node::Start(start) if start.local_name().as_ref() == b"table" => {
                    let name = attribute(&start, b"name").unwrap_or_default();
                    if sheet.is_none_or(|wanted| wanted == name) {
                        break;
                    }
                    names.push(name);
                }
                Node::Eof => return Err(FileFault::NoSheet(sheet.unwrap_or_default().to_owned(), names.join(", "))),
                Node::Start(_) | Node::End(_) | Node::Text(_) => {}
            }
        }
        Ok(Self { xml, number: 0, merged: 0, again: None, is_over: false })
    }

    /// Areas of merged cells, once the sheet has been read to its end.
    pub(super) fn merged(&self) -> u64 {
        self.merged
    }

    pub(super) fn progress(&self) -> (u64, u64) {
        self.xml.part().progress()
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, FileFault> {
        loop {
            if let Some((cells, left)) = self.again.take() {
                self.number += 1;
                if left > 1 {
                    self.again = Some((cells.clone(), left - 1));
                }
                return Ok(Some(Row { number: self.number, cells: Ok(cells) }));
            }
            if self.is_over {
                return Ok(None);
            }
            match self.xml.next()? {
                Node::Start(start) if start.local_name().as_ref() == b"table-row" => {
                    let times = repeated(attribute(&start, b"number-rows-repeated")).min(MAX_ROWS);
                    match self.row()? {
                        Err(fault) => {
                            self.number += times;
                            return Ok(Some(Row { number: self.number, cells: Err(fault) }));
                        }
                        Ok(cells) if cells.iter().all(Cell::is_empty) => self.number += times,
                        Ok(cells) => self.again = Some((cells, times)),
                    }
                    if self.number > MAX_ROWS {
                        return Err(FileFault::Damaged("it has more rows than a sheet can have"));
                    }
                }
                Node::End(name) if name == b"table" => self.is_over = true,
                Node::Eof => return Err(FileFault::Damaged("its end is missing")),
                Node::Start(_) | Node::End(_) | Node::Text(_) => {}
            }
        }
    }

    fn row(&mut self) -> Result<Result<Vec<Cell>, RowFault>, FileFault> {
        let (mut cells, mut bytes, mut fault) = (Vec::new(), 0, None);
        // Empty cells count once something follows them.
        let mut empty = 0_u64;
        loop {
            match self.xml.next()? {
                Node::Start(start) if matches!(start.local_name().as_ref(), b"table-cell" | b"covered-table-cell") => {
                    let times = repeated(attribute(&start, b"number-columns-repeated"));
                    if attribute(&start, b"number-columns-spanned").is_some_and(|span| span != "1")
                        || attribute(&start, b"number-rows-spanned").is_some_and(|span| span != "1")
                    {
                        self.merged += 1;
                    }
                    let is_covered = start.local_name().as_ref() == b"covered-table-cell";
                    let kind = attribute(&start, b"value-type").unwrap_or_default();
                    let is_fault = kind == "error"
                        || start
                            .attributes()
                            .flatten()
                            .any(|attr| attr.key.as_ref() == b"calcext:value-type" && attr.value.as_ref() == b"error");
                    let value = ["value", "date-value", "time-value", "boolean-value"]
                        .iter()
                        .find_map(|name| attribute(&start, name.as_bytes()));
                    let text = self.text(if is_covered { b"covered-table-cell" } else { b"table-cell" })?;
                    let cell = match (kind.as_str(), value) {
                        _ if is_covered => Cell::EMPTY,
                        _ if is_fault => Cell::Bad(format!("the cell shows the fault {}", text.trim())),
                        ("float" | "percentage" | "currency", Some(value)) => Cell::Number(value),
                        ("date" | "time" | "boolean", Some(value)) => Cell::Text(value),
                        (_, _) => Cell::Text(text),
                    };
                    if cell.is_empty() {
                        empty = empty.saturating_add(times);
                        continue;
                    }
                    let width = (cells.len() as u64).saturating_add(empty).saturating_add(times);
                    if width > MAX_COLUMNS as u64 {
                        fault.get_or_insert(RowFault::TooManyColumns);
                        continue;
                    }
                    bytes += cell.shown().len() * usize::try_from(times).unwrap_or(usize::MAX);
                    if bytes > MAX_ROW {
                        fault.get_or_insert(RowFault::TooLong);
                        continue;
                    }
                    cells.extend(std::iter::repeat_n(Cell::EMPTY, usize::try_from(empty).unwrap_or(0)));
                    empty = 0;
                    cells.extend(std::iter::repeat_n(cell, usize::try_from(times).unwrap_or(0)));
                }
                Node::End(name) if name == b"table-row" => return Ok(fault.map_or(Ok(cells), Err)),
                Node::Eof => return Err(FileFault::Damaged("its end is missing")),
                Node::Start(_) | Node::End(_) | Node::Text(_) => {}
            }
        }
    }

    /// The text of a cell up to its end: paragraphs with line breaks between them, without the notes beside it.
    fn text(&mut self, of: &[u8]) -> Result<String, FileFault> {
        let (mut text, mut paragraphs, mut depth, mut beside) = (String::new(), 0, 0_u32, 0_u32);
        loop {
            match self.xml.next()? {
                Node::Start(start) => match start.local_name().as_ref() {
                    b"annotation" => beside += 1,
                    b"p" if beside == 0 => {
                        depth += 1;
                        paragraphs += 1;
                        if paragraphs > 1 {
                            text.push('\n');
                        }
                    }
                    b"s" if depth > 0 && beside == 0 => {
                        let times = repeated(attribute(&start, b"c")).min(MAX_CELL as u64);
                        if text.len() <= MAX_CELL {
                            text.extend(std::iter::repeat_n(' ', usize::try_from(times).unwrap_or(0)));
                        }
                    }
                    b"tab" if depth > 0 && beside == 0 => text.push('\t'),
                    b"line-break" if depth > 0 && beside == 0 => text.push('\n'),
                    _ => {}
                },
                Node::Text(more) => {
                    if depth > 0 && beside == 0 && text.len() <= MAX_CELL {
                        text.push_str(&more);
                    }
                }
                Node::End(name) => match name.as_slice() {
                    b"annotation" => beside = beside.saturating_sub(1),
                    b"p" if beside == 0 => depth = depth.saturating_sub(1),
                    end if end == of => return Ok(text),
                    _ => {}
                },
                Node::Eof => return Err(FileFault::Damaged("its end is missing")),
            }
        }
    }
}

/// How often something is there; once when it is not said.
fn repeated(text: Option<String>) -> u64 {
    text.and_then(|times| times.parse::<u32>().ok()).map_or(1, u64::from).max(1)
}
