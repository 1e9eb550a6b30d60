//! What a row says: a contact, and perhaps a case.

use std::collections::BTreeMap;

use super::{Cell, Field, ImportKind, MAX_CELL, Plan, Row};
use crate::campaign::email::address;
use crate::campaign::phone::{E164, PhoneError};
use crate::campaign::zone::zone_named;
use crate::dialer::numbers::MAX;
use crate::pii::Pii;

/// What a row says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// The name; none when the row says nothing of it.
    pub name: Option<Pii<String>>,
    /// Numbers in order.
    pub phones: Vec<Pii<E164>>,
    /// Addresses in order.
    pub emails: Vec<Pii<String>>,
    /// Time zone.
    pub zone: Option<String>,
    /// The id that the contact has elsewhere.
    pub external_id: Option<Pii<String>>,
    /// Names of its tags.
    pub tags: Vec<String>,
    /// Variables.
    pub variables: Pii<BTreeMap<String, String>>,
    /// The case, when the file has cases.
    pub case: Option<CaseOf>,
}

/// What a row says of its case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseOf {
    /// The id that it has elsewhere.
    pub external_id: Option<Pii<String>>,
    /// Its type, by name.
    pub kind: Option<String>,
    /// Its state, by name.
    pub status: Option<String>,
    /// Details.
    pub details: Pii<BTreeMap<String, String>>,
}

/// Why a row makes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its stable name.
    pub code: &'static str,
    /// What is wrong, for people; names the column and holds nothing of the cell.
    pub reason: String,
}

/// Where the columns of a plan are in a file.
#[derive(Clone, Debug)]
pub struct Layout {
    kind: ImportKind,
    country: Option<String>,
    /// Place, heading, field, name.
    columns: Vec<(usize, String, Field, String)>,
    width: usize,
    case_type: Option<String>,
    case_status: Option<String>,
}

impl Layout {
    /// Of this plan in a file with these columns. Columns that the file does not have are left out.
    #[must_use]
    pub fn new(plan: &Plan, columns: &[String]) -> Self {
        let place = |column: &String| columns.iter().position(|known| known == column);
        Self {
            kind: plan.kind,
            country: plan.country.clone(),
            columns: plan
                .mapping
                .iter()
                .filter_map(|mapped| {
                    let named = mapped.named().to_owned();
                    Some((place(&mapped.column)?, mapped.column.clone(), mapped.field, named))
                })
                .collect(),
            width: columns.len(),
            case_type: plan.case_type.clone(),
            case_status: plan.case_status.clone(),
        }
    }

    /// What a row says.
    ///
    /// # Errors
    /// Everything that is wrong with it; the code is that of the first fault.
    pub fn read(&self, row: &Row) -> Result<Person, Refusal> {
        let cells = row.cells.as_ref().map_err(|fault| refusal("unreadable", fault.to_string()))?;
        if let Some(cell) = cells.get(self.width..).and_then(|beyond| beyond.iter().position(|cell| !cell.is_empty())) {
            let reason = format!("{} columns where the first row has {}", self.width + cell + 1, self.width);
            return Err(refusal("too_many_columns", reason));
        }
        let mut person = Person::default();
        let mut case = CaseOf { kind: self.case_type.clone(), status: self.case_status.clone(), ..CaseOf::default() };
        let mut faults: Vec<Refusal> = Vec::new();
        let (mut first, mut last) = (None, None);
        let country = self.country_of(cells, &mut faults);
        for (place, heading, field, named) in &self.columns {
            let Some(cell) = cells.get(*place).filter(|cell| !cell.is_empty()) else { continue };
            let mut fault = |code, reason: String| faults.push(refusal(code, format!("column '{heading}': {reason}")));
            let text = match text(cell) {
                Ok(text) => text,
                Err(reason) => {
                    fault("no_value", reason);
                    continue;
                }
            };
            let limit = |most: usize| (text.chars().count() > most).then(|| format!("more than {most} characters"));
            match field {
                Field::Country => {}
                Field::Phone => match phone(cell, &text, country.as_deref()) {
                    Ok(number) if person.phones.iter().any(|known| *known.expose() == number) => {}
                    Ok(number) => person.phones.push(Pii::new(number)),
                    Err(error) => fault("invalid_phone", error),
                },
                Field::Email => match address(&text) {
                    Ok(found) if person.emails.iter().any(|known| known.expose().eq_ignore_ascii_case(&found)) => {}
                    Ok(found) => person.emails.push(Pii::new(found)),
                    Err(error) => fault("invalid_email", error.to_string()),
                },
                Field::TimeZone => match zone_named(&text) {
                    Ok(_) => person.zone = Some(text),
                    Err(error) => fault("unknown_zone", error.to_string()),
                },
                Field::Tags => {
                    let names = text.split([',', ';']).map(str::trim).filter(|name| !name.is_empty());
                    person.tags = names.map(str::to_owned).collect();
                    if person.tags.len() > 50 || person.tags.iter().any(|name| name.chars().count() > 60) {
                        fault("too_long", "at most 50 tags of at most 60 characters".to_owned());
                    }
                }
                Field::Name | Field::FirstName | Field::LastName => match limit(200) {
                    Some(reason) => fault("too_long", reason),
                    None if *field == Field::Name => person.name = Some(Pii::new(text)),
                    None if *field == Field::FirstName => first = Some(text),
                    None => last = Some(text),
                },
                Field::ContactId | Field::CaseId => match limit(100) {
                    Some(reason) => fault("too_long", reason),
                    None if *field == Field::ContactId => person.external_id = Some(Pii::new(text)),
                    None => case.external_id = Some(Pii::new(text)),
                },
                Field::CaseType | Field::CaseStatus => match limit(60) {
                    Some(reason) => fault("too_long", reason),
                    None if *field == Field::CaseType => case.kind = Some(text),
                    None => case.status = Some(text),
                },
                Field::Variable | Field::CaseDetail => match limit(500) {
                    Some(reason) => fault("too_long", reason),
                    None => {
                        let into = if *field == Field::Variable { &mut person.variables } else { &mut case.details };
                        into.expose_mut().insert(named.clone(), text);
                    }
                },
            }
        }
        if first.is_some() || last.is_some() {
            let parts: Vec<String> = first.into_iter().chain(last).collect();
            person.name = Some(Pii::new(parts.join(" ")));
        }
        let has_phone_fault = faults.iter().any(|fault| fault.code == "invalid_phone");
        if person.phones.is_empty() && !has_phone_fault {
            faults.push(refusal("missing_phone", "the row has no phone number".to_owned()));
        }
        if person.phones.len() > MAX {
            faults.push(refusal("too_many", format!("more than {MAX} phone numbers")));
        }
        if let Some(fault) = faults.first() {
            let reasons: Vec<_> = faults.iter().map(|fault| fault.reason.as_str()).collect();
            return Err(refusal(fault.code, reasons.join("; ")));
        }
        person.case = (self.kind == ImportKind::Cases).then_some(case);
        Ok(person)
    }

    /// The country in which the numbers of a row are read.
    fn country_of(&self, cells: &[Cell], faults: &mut Vec<Refusal>) -> Option<String> {
        let column = self.columns.iter().find(|(_, _, field, _)| *field == Field::Country);
        let written = column.and_then(|(place, heading, ..)| {
            cells.get(*place).filter(|cell| !cell.is_empty()).map(|cell| (heading, cell.shown()))
        });
        match written {
            None => self.country.clone(),
            Some((heading, name)) => match country_code(&name) {
                Some(code) => Some(code),
                None => {
                    let reason = format!("column '{heading}': not a known country: expected a code such as DE or US");
                    faults.push(refusal("unknown_country", reason));
                    None
                }
            },
        }
    }
}

fn refusal(code: &'static str, reason: String) -> Refusal {
    Refusal { code, reason }
}

/// The text of a cell, or why it has none.
fn text(cell: &Cell) -> Result<String, String> {
    let text = match cell {
        // An apostrophe that keeps a spreadsheet from taking the cell for a formula is not part of it.
        Cell::Text(text) => match text.trim().strip_prefix('\'') {
            Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
            Some(_) | None => text.trim(),
        },
        Cell::Number(number) => return Ok(super::plain_number(number)),
        Cell::Bad(why) => return Err(why.clone()),
    };
    if text.len() > MAX_CELL {
        return Err(format!("longer than {} KiB", MAX_CELL >> 10));
    }
    if text.contains('\u{fffd}') {
        return Err("it has letters that are none in this encoding: choose another encoding".to_owned());
    }
    // Databases keep no such letters.
    Ok(text.chars().filter(|letter| *letter != '\0').collect())
}

/// A phone number. Spreadsheets make numbers of them: without a plus, or with an exponent that has lost digits.
fn phone(cell: &Cell, text: &str, country: Option<&str>) -> Result<E164, String> {
    const LOST: &str = "the number was written with an exponent and its last digits are lost: format the column as text and \
                        export it again";
    let is_number = matches!(cell, Cell::Number(_));
    let mantissa = text.split_once(['e', 'E']).map(|(mantissa, _)| mantissa.replace(',', "."));
    let digits = match mantissa {
        // What text shows of an exponent is what somebody saw, and rarely all of it.
        Some(mantissa) if mantissa.trim_start_matches('+').parse::<f64>().is_ok() => {
            let shown = mantissa.bytes().filter(u8::is_ascii_digit).count();
            let whole = super::plain_number(&text.replace(',', "."));
            let is_whole = whole.bytes().all(|byte| byte.is_ascii_digit());
            // A number whose last digits were cut off ends in zeros.
            if !is_whole || whole.len() > shown + 2 {
                return Err(LOST.to_owned());
            }
            whole
        }
        Some(_) | None => text.to_owned(),
    };
    match E164::parse(&digits, country) {
        Ok(number) => Ok(number),
        // A number without its plus, as sheets show it.
        Err(error) => {
            let bare = digits.strip_suffix(".0").unwrap_or(&digits);
            let long = bare.len() >= 10 && bare.bytes().all(|byte| byte.is_ascii_digit()) && !bare.starts_with('0');
            let with_plus = (is_number || error == PhoneError::NoCountry) && long;
            with_plus.then(|| E164::parse(&format!("+{bare}"), None).ok()).flatten().ok_or_else(|| error.to_string())
        }
    }
}

/// The code of a country that is written as one, or by a name that address books use.
fn country_code(name: &str) -> Option<String> {
    const NAMES: &[(&str, &str)] = &[
        ("germany", "DE"),
        ("deutschland", "DE"),
        ("austria", "AT"),
        ("österreich", "AT"),
        ("switzerland", "CH"),
        ("schweiz", "CH"),
        ("united states", "US"),
        ("usa", "US"),
        ("vereinigte staaten", "US"),
        ("united kingdom", "GB"),
        ("uk", "GB"),
        ("vereinigtes königreich", "GB"),
        ("france", "FR"),
        ("frankreich", "FR"),
        ("netherlands", "NL"),
        ("niederlande", "NL"),
        ("italy", "IT"),
        ("italien", "IT"),
        ("spain", "ES"),
        ("spanien", "ES"),
        ("poland", "PL"),
        ("polen", "PL"),
        ("canada", "CA"),
        ("kanada", "CA"),
    ];
    let name = name.trim().to_lowercase();
    let code = NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map_or_else(|| name.to_uppercase(), |(_, code)| (*code).to_owned());
    (!matches!(E164::parse("+4930901820", Some(&code)), Err(PhoneError::UnknownCountry))).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::import::{Mapped, RowFault};

    const COLUMNS: [&str; 9] = ["First", "Last", "Mobile", "Tel", "Mail", "Land", "Zone", "Tags", "Offer"];

    fn layout(country: Option<&str>) -> Layout {
        let fields = [
            Field::FirstName,
            Field::LastName,
            Field::Phone,
            Field::Phone,
            Field::Email,
            Field::Country,
            Field::TimeZone,
            Field::Tags,
            Field::Variable,
        ];
        let columns = COLUMNS.map(str::to_owned);
        let mapping = columns.iter().zip(fields);
        let mapping = mapping.map(|(column, field)| Mapped { column: column.clone(), field, name: None }).collect();
        let plan = Plan { mapping, country: country.map(str::to_owned), ..Plan::default() };
        assert_eq!(plan.faults(&columns), []);
        Layout::new(&plan, &columns)
    }

    fn read(cells: &[&str], country: Option<&str>) -> Result<Person, Refusal> {
        let cells = cells.iter().map(|cell| Cell::Text((*cell).to_owned())).collect();
        layout(country).read(&Row { number: 2, cells: Ok(cells) })
    }

    fn numbers(person: &Person) -> Vec<&str> {
        person.phones.iter().map(|phone| phone.expose().as_str()).collect()
    }

    #[test]
    fn a_row_says_who_it_is() {
        let cells =
            [" Ada", "Lovelace ", "0151 12345678", "+4930901820", "ada@example.org", "", "Europe/Rome", "a; b,c", "X"];
        let person = read(&cells, Some("DE")).expect("a person");
        assert_eq!(person.name, Some(Pii::new("Ada Lovelace".to_owned())));
        assert_eq!(numbers(&person), ["+4915112345678", "+4930901820"]);
        assert_eq!(person.tags, ["a", "b", "c"]);
        assert_eq!(person.variables.expose().get("Offer").map(String::as_str), Some("X"));
        let austrian = read(&["", "Bo", "0664 1234567", "", "", "Österreich"], Some("DE")).expect("a person");
        assert_eq!(numbers(&austrian), ["+436641234567"], "the row's country outranks the file's");
        assert_eq!(numbers(&read(&["", "", "", "+4930901820", "", ""], None).expect("a person")), ["+4930901820"]);
    }

    #[test]
    fn all_that_is_wrong_with_a_row_is_told_without_its_values() {
        let refused = read(&["Ada", "", "12", "", "ada", "Mordor", "Moon/Base"], Some("DE")).expect_err("wrong");
        assert_eq!(refused.code, "unknown_country");
        for column in ["'Land'", "'Mobile'", "'Mail'", "'Zone'"] {
            assert!(refused.reason.contains(column), "{column} in {}", refused.reason);
        }
        assert!(!refused.reason.contains("Mordor"), "{}", refused.reason);
        assert_eq!(read(&["Ada"], None).expect_err("no number").code, "missing_phone");
        let wide = ["", "", "+4930901820", "", "", "", "", "", "", "", "more"];
        assert_eq!(read(&wide, None).expect_err("too wide").code, "too_many_columns");
        assert!(read(&wide[..10], None).is_ok(), "empty cells behind the last column are nothing");
        let unreadable = Row { number: 3, cells: Err(RowFault::TooLong) };
        assert_eq!(layout(None).read(&unreadable).expect_err("unreadable").code, "unreadable");
        assert_eq!(read(&["Jos\u{fffd}", "", "+4930901820"], None).expect_err("encoding").code, "no_value");
    }

    #[test]
    fn what_sheets_make_of_numbers_is_undone_where_it_can_be() {
        let of = |cell: Cell| {
            let cells = vec![Cell::EMPTY, Cell::EMPTY, cell];
            layout(Some("DE")).read(&Row { number: 2, cells: Ok(cells) }).map(|person| numbers(&person).join(" "))
        };
        let number = |text: &str| of(Cell::Number(text.to_owned()));
        let text = |text: &str| of(Cell::Text(text.to_owned()));
        assert_eq!(number("4915112345678").as_deref(), Ok("+4915112345678"), "without its plus");
        assert_eq!(number("4.915112345678E12").as_deref(), Ok("+4915112345678"));
        assert_eq!(number("4915112345678.0").as_deref(), Ok("+4915112345678"));
        assert_eq!(text("4.915112345678E+12").as_deref(), Ok("+4915112345678"));
        for lost in ["4.91511E+12", "4,91511E+12", "4.9E12"] {
            let refused = text(lost).expect_err(lost);
            assert!(refused.reason.contains("exponent"), "{lost}: {}", refused.reason);
        }
        assert_eq!(of(Cell::Bad("#N/A".to_owned())).expect_err("no value").code, "no_value");
    }
}
