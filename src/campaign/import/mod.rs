//! Files with contacts and cases: how they are read, what their columns mean, what becomes of each row.

pub mod csv;
pub mod encoding;
pub mod guess;
pub mod person;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::wire_enum;
use crate::id::ListId;

/// Most columns of a file.
pub const MAX_COLUMNS: usize = 1000;
/// Longest cell, in bytes.
pub const MAX_CELL: usize = 32 << 10;
/// Longest row, in bytes.
pub const MAX_ROW: usize = 1 << 20;

wire_enum! {
    /// What kind of file it is.
    pub enum Format is "format" {
        /// Values with separators between them.
        Csv = "csv",
        /// Office Open XML, of Excel and others.
        Xlsx = "xlsx",
        /// OpenDocument, of LibreOffice and others.
        Ods = "ods",
    }
}

wire_enum! {
    /// How text is written as bytes.
    #[derive(Default)]
    pub enum Encoding is "encoding" {
        /// UTF-8.
        #[default]
        Utf8 = "utf-8",
        /// UTF-16, the lower byte first.
        Utf16Le = "utf-16le",
        /// UTF-16, the higher byte first.
        Utf16Be = "utf-16be",
        /// ISO 8859-1.
        Latin1 = "latin1",
        /// What Windows made of ISO 8859-1.
        Windows1252 = "windows-1252",
    }
}

wire_enum! {
    /// What stands between values.
    #[derive(Default)]
    pub enum Separator is "separator" {
        /// `,`
        #[default]
        Comma = "comma",
        /// `;`
        Semicolon = "semicolon",
        /// The tabulator.
        Tab = "tab",
        /// `|`
        Pipe = "pipe",
    }
}

impl Separator {
    /// The character.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }
}

/// How a file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = FileReading)]
pub struct Reading {
    /// Of a spreadsheet: which sheet, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Of CSV: how its text is written as bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Of CSV: what stands between values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<Separator>,
    /// The first row that is not empty names the columns.
    pub heading: Option<bool>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text, as it stands there; empty when nothing does.
    Text(String),
    /// A number as its file writes it: digits, perhaps with a point and an exponent.
    Number(String),
    /// What has no value, and why.
    Bad(String),
}

impl Cell {
    /// Nothing.
    pub const EMPTY: Self = Self::Text(String::new());

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }

    /// What people see of it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::Number(number) => plain_number(number),
            Self::Bad(why) => why.clone(),
        }
    }
}

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its line in a CSV file, its number in a sheet; from 1.
    pub number: u64,
    /// Its cells. The last ones may be missing.
    pub cells: Result<Vec<Cell>, RowFault>,
}

/// Why a row cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// It is longer than a row may be.
    #[error("the row is longer than {} KiB: a quotation mark may have been opened and not closed", MAX_ROW >> 10)]
    TooLong,
    /// It has more columns than a file may have.
    #[error("the row has more than {MAX_COLUMNS} columns")]
    TooManyColumns,
}

wire_enum! {
    /// What a file holds.
    #[derive(Default)]
    pub enum ImportKind is "kind of import" {
        /// Contacts.
        #[default]
        Contacts = "contacts",
        /// Cases, each with its primary contact.
        Cases = "cases",
    }
}

wire_enum! {
    /// What is done about a row whose contact or case is there already.
    #[derive(Default)]
    pub enum Strategy is "strategy" {
        /// What is there stays as it is.
        #[default]
        Skip = "skip",
        /// It gets what the row says.
        Update = "update",
    }
}

wire_enum! {
    /// What is done with several numbers or addresses.
    #[derive(Default)]
    pub enum Several is "way with numbers" {
        /// New ones are added behind those that are there.
        #[default]
        Add = "add",
        /// Those that are there go.
        Replace = "replace",
    }
}

/// What is done about rows whose contact or case is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Duplicates {
    /// Skip or update.
    pub strategy: Strategy,
    /// When updating: what becomes of phone numbers.
    pub phones: Several,
    /// When updating: what becomes of e-mail addresses.
    pub emails: Several,
}

wire_enum! {
    /// What a column can be.
    pub enum Field is "field" {
        /// The whole name.
        Name = "name",
        /// The first part of the name.
        FirstName = "first_name",
        /// The last part of the name.
        LastName = "last_name",
        /// A phone number; several columns may be one, in their order.
        Phone = "phone",
        /// An e-mail address; several columns may be one, in their order.
        Email = "email",
        /// An IANA time zone.
        TimeZone = "time_zone",
        /// Country in which the row's numbers are read.
        Country = "country",
        /// The id that the contact has elsewhere.
        ContactId = "contact_id",
        /// Names of tags with commas or semicolons between them.
        Tags = "tags",
        /// A variable of the contact.
        Variable = "variable",
        /// The id that the case has elsewhere.
        CaseId = "case_id",
        /// The type of the case.
        CaseType = "case_type",
        /// The state of the case.
        CaseStatus = "case_status",
        /// A detail of the case.
        CaseDetail = "case_detail",
    }
}

impl Field {
    /// Whether only cases have it.
    #[must_use]
    pub const fn is_of_case(self) -> bool {
        match self {
            Self::CaseId | Self::CaseType | Self::CaseStatus | Self::CaseDetail => true,
            Self::Name
            | Self::FirstName
            | Self::LastName
            | Self::Phone
            | Self::Email
            | Self::TimeZone
            | Self::Country
            | Self::ContactId
            | Self::Tags
            | Self::Variable => false,
        }
    }

    /// How many columns can be it.
    #[must_use]
    pub const fn most(self) -> usize {
        match self {
            Self::Phone | Self::Email => crate::dialer::numbers::MAX,
            Self::Variable | Self::CaseDetail => 50,
            Self::Name
            | Self::FirstName
            | Self::LastName
            | Self::TimeZone
            | Self::Country
            | Self::ContactId
            | Self::Tags
            | Self::CaseId
            | Self::CaseType
            | Self::CaseStatus => 1,
        }
    }
}

/// What a column is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapped {
    /// The column's heading.
    pub column: String,
    /// What it is.
    pub field: Field,
    /// Of a variable or a detail: its name. The heading, when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Mapped {
    /// The name of a variable or a detail.
    #[must_use]
    pub fn named(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.column).trim()
    }
}

/// The list that everybody of a file comes into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum IntoList {
    /// One that is there.
    Id(ListId),
    /// A new one of this name.
    New(String),
}

/// What is made of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({
    "kind": "contacts", "country": "GB", "duplicates": { "strategy": "update", "phones": "add", "emails": "add" },
    "mapping": [{ "column": "Name", "field": "name" }, { "column": "Mobile", "field": "phone" }], "tags": ["Spring"]
}))]
pub struct Plan {
    /// What it holds.
    pub kind: ImportKind,
    /// Country in which numbers without `+` are read, ISO 3166-1, two letters.
    pub country: Option<String>,
    /// What is done about rows that are there already.
    pub duplicates: Duplicates,
    /// What its columns are. Those that are not named are left out.
    pub mapping: Vec<Mapped>,
    /// Tags for everybody, by their names.
    pub tags: Vec<String>,
    /// The list that everybody comes into, made when the import starts if it is a new one.
    pub list: Option<IntoList>,
    /// The type of cases for which no column says one, by its name.
    pub case_type: Option<String>,
    /// The state of cases for which no column says one, by its name.
    pub case_status: Option<String>,
}

/// Something wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFault {
    /// Where, as a JSON Pointer.
    pub pointer: String,
    /// Its stable name.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub reason: String,
}

impl Plan {
    /// What is wrong with it for a file with these columns.
    #[must_use]
    pub fn faults(&self, columns: &[String]) -> Vec<PlanFault> {
        let mut faults = Vec::new();
        let mut fault = |pointer: String, code, reason: String| faults.push(PlanFault { pointer, code, reason });
        let mut counts = std::collections::BTreeMap::new();
        let mut names = std::collections::BTreeSet::new();
        for (index, mapped) in self.mapping.iter().enumerate() {
            let place = |field: &str| format!("/mapping/{index}/{field}");
            if !columns.contains(&mapped.column) {
                let reason = format!("the file has no column '{}': it has {}", mapped.column, told(columns));
                fault(place("column"), "unknown_column", reason);
            }
            if self.mapping[..index].iter().any(|before| before.column == mapped.column) {
                fault(place("column"), "repeated", "the column is mapped already: map it once".to_owned());
            }
            if mapped.field.is_of_case() && self.kind == ImportKind::Contacts {
                let reason = "contacts have no such field: import the file as `cases`, or take another field";
                fault(place("field"), "not_here", reason.to_owned());
            }
            let count = counts.entry(mapped.field).or_insert(0_usize);
            *count += 1;
            if *count == mapped.field.most() + 1 {
                let reason = format!("at most {} column(s) can be `{}`", mapped.field.most(), mapped.field);
                fault(place("field"), "too_many", reason);
            }
            let is_named = matches!(mapped.field, Field::Variable | Field::CaseDetail);
            if !is_named && mapped.name.is_some() {
                fault(place("name"), "not_here", "only variables and details have names: leave it out".to_owned());
            }
            if is_named && !(1..=100).contains(&mapped.named().chars().count()) {
                fault(place("name"), "too_long", "a name has 1 to 100 characters".to_owned());
            }
            if is_named && !names.insert((mapped.field, mapped.named().to_owned())) {
                let reason = format!("another column is '{}' already: give one of them another name", mapped.named());
                fault(place("name"), "repeated", reason);
            }
        }
        let mut required = vec![(Field::Phone, "a contact is called by its phone number: say which column has it")];
        if self.kind == ImportKind::Cases {
            required.push((Field::CaseId, "cases are known again by their id: say which column has it"));
        }
        for (field, why) in required {
            if !counts.contains_key(&field) {
                fault("/mapping".to_owned(), "missing_field", format!("no column is `{field}`: {why}"));
            }
        }
        if counts.contains_key(&Field::Name)
            && (counts.contains_key(&Field::FirstName) || counts.contains_key(&Field::LastName))
        {
            let reason = "map either the whole name or its parts";
            fault("/mapping".to_owned(), "ambiguous", reason.to_owned());
        }
        if let Some(country) = &self.country
            && let Err(error @ super::phone::PhoneError::UnknownCountry) =
                super::phone::E164::parse("+4930901820", Some(country))
        {
            fault("/country".to_owned(), "unknown_country", error.to_string());
        }
        if self.kind == ImportKind::Contacts {
            for (pointer, given) in
                [("/case_type", self.case_type.is_some()), ("/case_status", self.case_status.is_some())]
            {
                if given {
                    fault(pointer.to_owned(), "not_here", "only cases have one: leave it out".to_owned());
                }
            }
        }
        faults
    }
}

/// The names of columns for people.
fn told(columns: &[String]) -> String {
    let mut told = columns.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
    if columns.len() > 20 {
        told.push_str(&format!(" and {} more", columns.len() - 20));
    }
    told
}

/// Names for the columns that a first row names: each once and none empty.
#[must_use]
pub fn headings(cells: &[Cell]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(cells.len());
    let mut taken = std::collections::BTreeSet::new();
    for (index, cell) in cells.iter().enumerate() {
        let shown: String = cell.shown().chars().take(100).collect();
        let base = if shown.is_empty() { format!("Column {}", index + 1) } else { shown };
        let mut name = base.clone();
        let mut again = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base} ({again})");
            again += 1;
        }
        names.push(name);
    }
    names
}

/// A cell that no spreadsheet takes for a formula. A number with its sign is none.
#[must_use]
pub fn harmless(cell: &str) -> String {
    let is_number =
        cell.len() > 1 && cell[1..].chars().all(|letter| letter.is_ascii_digit() || " ()-/.".contains(letter));
    let formula = match cell.chars().next() {
        Some('+' | '-') => !is_number,
        Some(first) => matches!(first, '=' | '@' | '\t' | '\r'),
        None => false,
    };
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

/// A number without exponent and without a point where it is whole: `4.915112345678E12` as `4915112345678`.
#[must_use]
pub fn plain_number(written: &str) -> String {
    // Up to here doubles hold every whole number.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    let text = written.trim();
    let is_plain = text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    if is_plain {
        return text.to_owned();
    }
    match text.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() < WHOLE => format!("{value:.0}"),
        Ok(value) if value.is_finite() && value.abs() < WHOLE => format!("{value}"),
        Ok(_) | Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<String> {
        ["Name", "Mobile", "Case", "Note"].map(str::to_owned).to_vec()
    }

    fn mapped(column: &str, field: Field) -> Mapped {
        Mapped { column: column.to_owned(), field, name: None }
    }

    fn codes(plan: &Plan) -> Vec<(String, &'static str)> {
        plan.faults(&columns()).into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn what_has_to_be_mapped_is_asked_for() {
        let mapping = vec![mapped("Name", Field::Name), mapped("Mobile", Field::Phone)];
        let plan = Plan { mapping, ..Plan::default() };
        assert_eq!(codes(&plan), []);
        assert_eq!(
            codes(&Plan { mapping: plan.mapping[..1].to_vec(), ..plan.clone() }),
            [("/mapping".to_owned(), "missing_field")]
        );
        let cases = Plan { kind: ImportKind::Cases, ..plan.clone() };
        assert_eq!(codes(&cases), [("/mapping".to_owned(), "missing_field")]);
        let with_case = Plan { mapping: [plan.mapping.clone(), vec![mapped("Case", Field::CaseId)]].concat(), ..cases };
        assert_eq!(codes(&with_case), []);
        assert_eq!(
            codes(&Plan { kind: ImportKind::Contacts, ..with_case }),
            [("/mapping/2/field".to_owned(), "not_here")]
        );
    }

    #[test]
    fn every_fault_of_a_mapping_has_its_place() {
        let mapping = vec![
            mapped("Mobile", Field::Phone),
            mapped("Mobile", Field::Email),
            mapped("Fax", Field::Email),
            Mapped { name: Some("x".to_owned()), ..mapped("Name", Field::Name) },
            mapped("Note", Field::FirstName),
        ];
        let plan =
            Plan { mapping, country: Some("Germany".to_owned()), case_type: Some("x".into()), ..Plan::default() };
        let want = [
            ("/mapping/1/column", "repeated"),
            ("/mapping/2/column", "unknown_column"),
            ("/mapping/3/name", "not_here"),
            ("/mapping", "ambiguous"),
            ("/country", "unknown_country"),
            ("/case_type", "not_here"),
        ];
        assert_eq!(codes(&plan), want.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn columns_have_names_of_their_own() {
        let cells = ["Tel", "", " Tel ", "Tel (2)"].map(|text| Cell::Text(text.to_owned()));
        assert_eq!(headings(&cells), ["Tel", "Column 2", "Tel (2)", "Tel (2) (2)"]);
    }

    #[test]
    fn cells_are_no_formulas() {
        for (cell, shown) in [
            ("Ada", "Ada"),
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            ("-", "'-"),
            ("", ""),
            ("+44 20 7946", "+44 20 7946"),
            ("+cmd|x", "'+cmd|x"),
        ] {
            assert_eq!(harmless(cell), shown);
        }
    }

    #[test]
    fn numbers_are_written_out() {
        for (written, want) in [
            ("4915112345678", "4915112345678"),
            ("4.915112345678E12", "4915112345678"),
            ("4.915112345678e+12", "4915112345678"),
            ("4915112345678.0", "4915112345678"),
            ("-3", "-3"),
            ("0.5", "0.5"),
            ("1E400", "1E400"),
            ("00491511", "00491511"),
        ] {
            assert_eq!(plain_number(written), want, "{written}");
        }
    }
}
