//! Rows of CSV, piece by piece: memory stays the same however long the file is.

use std::collections::VecDeque;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{Cell, MAX_COLUMNS, MAX_ROW, Row, RowFault, Separator};

/// Reads rows from text that is fed to it.
#[derive(Debug)]
pub struct Rows {
    reader: Reader,
    row: Vec<u8>,
    ends: Vec<usize>,
    bytes: usize,
    fields: usize,
    fault: Option<RowFault>,
    /// Something of the row under way has been read.
    begun: bool,
    /// Where the row under way begins, among the lines that the reader got.
    line: u64,
    /// Ends of lines that the reader did not get: of a first line that names the separator, and those before rows.
    skipped: u64,
    ready: VecDeque<Row>,
}

impl Rows {
    /// At the beginning of a text.
    #[must_use]
    pub fn new(separator: Separator) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(separator.byte()).build(),
            row: vec![0; 4096],
            ends: vec![0; 64],
            bytes: 0,
            fields: 0,
            fault: None,
            begun: false,
            line: 1,
            skipped: 0,
            ready: VecDeque::new(),
        }
    }

    /// The next row of what has been fed.
    pub fn next_row(&mut self) -> Option<Row> {
        self.ready.pop_front()
    }

    /// A line of the file was left out before the first piece.
    pub fn skip_line(&mut self) {
        self.skipped += 1;
    }

    /// Reads a piece; an empty one is the end of the file.
    pub fn feed(&mut self, text: &str) {
        let mut input = text.as_bytes();
        let end = input.is_empty();
        loop {
            if !self.begun && !end {
                input = self.at_a_row(input);
                if input.is_empty() {
                    break;
                }
                self.begun = true;
            }
            let (result, read, written, ended) =
                self.reader.read_record(input, &mut self.row[self.bytes..], &mut self.ends[self.fields..]);
            input = &input[read..];
            self.bytes += written;
            self.fields += ended;
            match result {
                ReadRecordResult::InputEmpty if !end => break,
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.row.len() < MAX_ROW => {
                    let longer = (self.row.len() * 2).min(MAX_ROW);
                    self.row.resize(longer, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                    let longer = (self.ends.len() * 2).min(MAX_COLUMNS);
                    self.ends.resize(longer, 0);
                }
                // The rest of the row goes over what is known to be too much.
                ReadRecordResult::OutputFull => self.give_up(RowFault::TooLong),
                ReadRecordResult::OutputEndsFull => self.give_up(RowFault::TooManyColumns),
                ReadRecordResult::Record => {
                    self.take();
                    (self.begun, self.line) = (false, self.reader.line());
                }
                ReadRecordResult::End => break,
            }
        }
    }

    /// The text from where the next row begins: the reader ends a row before the line feed of a CR LF.
    fn at_a_row<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let ends = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (before, row) = text.split_at(ends);
        self.skipped += before.iter().filter(|byte| **byte == b'\n').count() as u64;
        row
    }

    fn give_up(&mut self, fault: RowFault) {
        self.fault.get_or_insert(fault);
        (self.bytes, self.fields) = (0, 0);
    }

    fn take(&mut self) {
        let (bytes, fields) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.fields));
        let number = self.line + self.skipped;
        if let Some(fault) = self.fault.take() {
            self.ready.push_back(Row { number, cells: Err(fault) });
            return;
        }
        // What is fed is text, and separators are letters of their own: cells are text.
        let text = std::str::from_utf8(&self.row[..bytes]).unwrap_or_default();
        let mut start = 0;
        let mut cells = Vec::with_capacity(fields);
        for &end in &self.ends[..fields] {
            cells.push(Cell::Text(text.get(start..end).unwrap_or_default().to_owned()));
            start = end;
        }
        if cells.iter().any(|cell| !cell.is_empty()) {
            self.ready.push_back(Row { number, cells: Ok(cells) });
        }
    }
}

/// What the first lines of a text say about what stands between values: a line `sep=;` of its own, or the character that cuts
/// most lines into the same number of pieces. With it, whether there is such a line.
#[must_use]
pub fn separator(head: &str) -> (Separator, bool) {
    let first = head.lines().next().unwrap_or_default();
    if let Some(named) = first.strip_prefix("sep=").or_else(|| first.strip_prefix("SEP=")) {
        let named = Separator::ALL.iter().find(|known| named.trim_end_matches('\r').as_bytes() == [known.byte()]);
        if let Some(named) = named {
            return (*named, true);
        }
    }
    let score = |separator: Separator| {
        let mut rows = Rows::new(separator);
        rows.feed(head);
        rows.feed("");
        let width = |row: &Row| match &row.cells {
            Ok(cells) => Some(cells.len()),
            Err(RowFault::TooManyColumns) => Some(MAX_COLUMNS + 1),
            Err(RowFault::TooLong) => None,
        };
        let widths: Vec<usize> = rows.ready.iter().take(20).filter_map(width).collect();
        let Some(&first) = widths.first() else { return (0, 0) };
        // The last line of the beginning may be cut off.
        let same = widths.iter().filter(|width| **width == first).count();
        if first < 2 { (0, 0) } else { (same * 100 / widths.len(), first) }
    };
    // Of equals the last one wins, so the comma stands last.
    let best = [Separator::Pipe, Separator::Tab, Separator::Semicolon, Separator::Comma];
    (best.into_iter().max_by_key(|separator| score(*separator)).unwrap_or_default(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, piece: usize, separator: Separator) -> Vec<(u64, Result<Vec<String>, RowFault>)> {
        let mut rows = Rows::new(separator);
        let mut rest = text;
        while !rest.is_empty() {
            let mut cut = piece.min(rest.len());
            while !rest.is_char_boundary(cut) {
                cut += 1;
            }
            rows.feed(&rest[..cut]);
            rest = &rest[cut..];
        }
        rows.feed("");
        let shown = |cells: Vec<Cell>| cells.iter().map(Cell::shown).collect::<Vec<_>>();
        std::iter::from_fn(|| rows.next_row()).map(|row| (row.number, row.cells.map(shown))).collect()
    }

    #[test]
    fn rows_are_the_same_however_the_text_is_cut() {
        let text = "name;phone\r\n\"Lovelace; Ada\";1\n\n\"two\nlines\";2\n\"say \"\"hi\"\"\";3\n;;\nüé;4";
        let want = |cells: &[&str]| Ok(cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        for piece in [1, 2, 5, 1000] {
            let got = read(text, piece, Separator::Semicolon);
            assert_eq!(
                got,
                [
                    (1, want(&["name", "phone"])),
                    (2, want(&["Lovelace; Ada", "1"])),
                    (4, want(&["two\nlines", "2"])),
                    (6, want(&["say \"hi\"", "3"])),
                    (8, want(&["üé", "4"])),
                ],
                "by {piece}"
            );
        }
    }

    #[test]
    fn a_row_without_an_end_is_one_fault() {
        let mut text = "a;b\n\"open;1\n".to_owned();
        text.push_str(&"x;y\n".repeat(MAX_ROW));
        let got = read(&text, 1 << 16, Separator::Semicolon);
        assert_eq!(got.len(), 2);
        assert_eq!(got[1], (2, Err(RowFault::TooLong)));
        let wide = format!("a\n{}\nb\n", ";".repeat(MAX_COLUMNS + 5));
        let got = read(&wide, 100, Separator::Semicolon);
        assert_eq!((got[1].clone(), got[2].0), ((2, Err(RowFault::TooManyColumns)), 3));
    }

    #[test]
    fn separators_are_told_from_the_first_lines() {
        for (text, want) in [
            ("a,b,c\n1,2,3\n", Separator::Comma),
            ("name;note\nAda;\"a, b, c, d\"\nBo;\"e, f, g, h\"\n", Separator::Semicolon),
            ("a\tb\n1\t2\n", Separator::Tab),
            ("a|b|c\n1|2|3\n", Separator::Pipe),
            ("phone\n+4930901820\n", Separator::Comma),
            ("Betrag;Name\n1,50;Ada\n2,75;Bo\n", Separator::Semicolon),
        ] {
            assert_eq!(separator(text), (want, false), "{text}");
        }
        assert_eq!(separator("sep=;\r\na,b;c\n"), (Separator::Semicolon, true));
    }
}
