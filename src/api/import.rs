//! Contacts from a CSV file: good rows are kept, every bad one is told with its line and reason.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use csv::{ReaderBuilder, StringRecord};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::contacts::{ContactInput, MAX_VARIABLES, parse};
use super::error::{ApiError, FieldFault};
use super::paging::Params;
use crate::dialer::numbers::MAX;
use crate::id::ContactId;
use crate::store::contact::{self, ContactData};
use crate::store::org::{PhoneHash, PhoneKey};

/// Faults that an answer lists; more are only counted.
const MAX_FAULTS: usize = 1000;

/// How to read the file.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportOptions {
    /// Country in which numbers without `+` are to be read, ISO 3166-1, two letters.
    #[serde(default)]
    country: Option<String>,
}

/// What came of an import.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportReport {
    /// Rows of the file without its header.
    total: usize,
    /// Contacts made.
    created: usize,
    /// Rows whose number is already a contact's, or stood in an earlier row.
    skipped: usize,
    /// Rows that could not be used.
    failed: usize,
    /// Ids of the contacts made, in the order of the file.
    contact_ids: Vec<ContactId>,
    /// Skipped and failed rows, the first 1000.
    rows: Vec<RowReport>,
}

/// A row that made no contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RowReport {
    /// Line of the file, the header being line 1.
    line: u64,
    /// `skipped` or `failed`.
    result: &'static str,
    /// What was wrong.
    reason: String,
}

/// Import contacts from CSV
///
/// The first row names the columns: `name`, `phone`, `phone2` to `phone5` for further numbers, `time_zone`, `country`; every
/// other column becomes a variable. Comma, semicolon and tab are recognised. Rows that are wrong are left out and told; a
/// row whose first number is there already is skipped.
#[utoipa::path(
    post, path = "/api/v1/contacts/import", tag = "contacts", params(ImportOptions),
    request_body(content = String, content_type = "text/csv", example = json!("name;phone;offer\nAda;+442079460000;A\n")),
    responses(
        (status = 200, body = ImportReport),
        (status = 413, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn import(
    State(api): State<Api>,
    caller: Caller,
    Params(options): Params<ImportOptions>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ImportReport>, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/csv") {
        return Err(ApiError::UnsupportedType("text/csv"));
    }
    let mut sheet = Sheet::read(&body, options.country.as_deref(), &api.secrets.phone)?;
    let mut tx = api.db.begin().await?;
    let hashes: Vec<_> = sheet.rows.iter().filter_map(|row| row.hash.clone()).collect();
    let known: BTreeSet<_> = contact::known_phones(&mut tx, caller.org, &hashes).await?.into_iter().collect();
    sheet.skip_known(&known);
    let contacts: Vec<_> = sheet.rows.into_iter().map(|row| row.contact).collect();
    let contact_ids = contact::insert(&mut tx, caller.org, &api.secrets.phone, &contacts).await?;
    tx.commit().await?;
    let mut rows = sheet.left_out;
    rows.sort_by_key(|row| row.line);
    let of = |result| rows.iter().filter(|row| row.result == result).count();
    let (skipped, failed) = (of("skipped"), of("failed"));
    rows.truncate(MAX_FAULTS);
    Ok(Json(ImportReport { total: sheet.total, created: contact_ids.len(), skipped, failed, contact_ids, rows }))
}

/// A file, row by row.
#[derive(Debug, Default)]
struct Sheet {
    total: usize,
    rows: Vec<SheetRow>,
    left_out: Vec<RowReport>,
}

#[derive(Debug)]
struct SheetRow {
    line: u64,
    contact: ContactData,
    hash: Option<PhoneHash>,
}

impl Sheet {
    fn read(bytes: &[u8], country: Option<&str>, key: &PhoneKey) -> Result<Self, ApiError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            ApiError::field("", "not_utf8", format!("line {line} is not UTF-8: save the file as CSV in UTF-8"))
        })?;
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = ReaderBuilder::new().delimiter(delimiter(text)).flexible(true).from_reader(text.as_bytes());
        let columns = Columns::of(reader.headers().map_err(|error| unreadable(&error))?)?;
        let mut sheet = Self::default();
        let mut seen = BTreeSet::new();
        for record in reader.records() {
            sheet.total += 1;
            let record = record.map_err(|error| unreadable(&error))?;
            let line = record.position().map_or(0, csv::Position::line);
            match columns.contact(&record, country) {
                Err(reason) => sheet.left_out.push(RowReport { line, result: "failed", reason }),
                Ok(contact) => {
                    let hash = contact.phone.as_ref().map(|phone| key.hash(phone.expose()));
                    let repeated = hash.as_ref().is_some_and(|hash| !seen.insert(hash.clone()));
                    if repeated {
                        let reason = "the number stands in an earlier row".to_owned();
                        sheet.left_out.push(RowReport { line, result: "skipped", reason });
                    } else {
                        sheet.rows.push(SheetRow { line, contact, hash });
                    }
                }
            }
        }
        Ok(sheet)
    }

    fn skip_known(&mut self, known: &BTreeSet<PhoneHash>) {
        let left_out = &mut self.left_out;
        self.rows.retain(|row| {
            let is_known = row.hash.as_ref().is_some_and(|hash| known.contains(hash));
            if is_known {
                let reason = "a contact with this number exists".to_owned();
                left_out.push(RowReport { line: row.line, result: "skipped", reason });
            }
            !is_known
        });
    }
}

/// Which column holds what.
#[derive(Debug, Default)]
struct Columns {
    width: usize,
    name: Option<usize>,
    phone: Option<usize>,
    /// `phone2` and so on.
    further: BTreeMap<usize, usize>,
    country: Option<usize>,
    time_zone: Option<usize>,
    variables: Vec<(usize, String)>,
}

impl Columns {
    fn of(headers: &StringRecord) -> Result<Self, ApiError> {
        let mut columns = Self { width: headers.len(), ..Self::default() };
        let mut seen = BTreeSet::new();
        for (index, header) in headers.iter().enumerate() {
            let name = header.trim().to_lowercase();
            if !seen.insert(name.clone()) {
                return Err(ApiError::field("", "duplicate_column", format!("the column '{name}' stands there twice")));
            }
            match name.as_str() {
                "" => {}
                "name" => columns.name = Some(index),
                "phone" => columns.phone = Some(index),
                "country" => columns.country = Some(index),
                "time_zone" => columns.time_zone = Some(index),
                further if further.strip_prefix("phone").is_some_and(|place| place.parse::<usize>().is_ok()) => {
                    let place = further["phone".len()..].parse().unwrap_or(usize::MAX);
                    if !(2..=MAX).contains(&place) {
                        let reason = format!("there is no column '{name}': further numbers are phone2 to phone{MAX}");
                        return Err(ApiError::field("", "unknown_column", reason));
                    }
                    columns.further.insert(place, index);
                }
                _ => columns.variables.push((index, name)),
            }
        }
        if columns.phone.is_none() {
            let found: Vec<_> = headers.iter().take(20).collect();
            let reason = format!("there is no column 'phone'; the first row has: {}", found.join(", "));
            return Err(ApiError::field("", "missing_column", reason));
        }
        if columns.variables.len() > MAX_VARIABLES {
            let reason = format!("{} extra columns; at most {MAX_VARIABLES}", columns.variables.len());
            return Err(ApiError::field("", "too_many_columns", reason));
        }
        Ok(columns)
    }

    fn contact(&self, record: &StringRecord, country: Option<&str>) -> Result<ContactData, String> {
        if record.len() != self.width {
            return Err(format!("{} columns where the first row has {}", record.len(), self.width));
        }
        let cell = |index: Option<usize>| {
            let text = index.and_then(|index| record.get(index)).unwrap_or_default().trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let variables: BTreeMap<_, _> =
            self.variables.iter().filter_map(|(index, name)| Some((name.clone(), cell(Some(*index))?))).collect();
        let name = cell(self.name).unwrap_or_default();
        if name.chars().count() > 200 {
            return Err("the name has more than 200 characters".to_owned());
        }
        let country = cell(self.country).or_else(|| country.map(str::to_owned));
        // Where a number is missing the next one takes its place; a fault names the column that it stands in.
        let columns =
            std::iter::once((1, self.phone)).chain(self.further.iter().map(|(place, at)| (*place, Some(*at))));
        let numbers: Vec<(usize, String)> =
            columns.filter_map(|(place, at)| cell(at).map(|number| (place, number))).collect();
        let places: Vec<_> = numbers.iter().map(|(place, _)| *place).collect();
        let numbers = numbers.into_iter().map(|(_, number)| number).collect();
        let input = ContactInput::from_row(name, numbers, country, cell(self.time_zone), variables);
        parse(input).map_err(|faults| {
            let column = |pointer: &str| {
                let index =
                    pointer.strip_prefix("/phones/").and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
                match index.and_then(|index| places.get(index)) {
                    Some(1) => "phone".to_owned(),
                    Some(place) => format!("phone{place}"),
                    None => pointer.trim_start_matches('/').to_owned(),
                }
            };
            let told = |fault: &FieldFault| format!("{}: {}", column(&fault.pointer), fault.reason);
            faults.iter().map(told).collect::<Vec<_>>().join("; ")
        })
    }
}

/// The separator that stands most often in the first line.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: &u8| first.bytes().filter(|byte| byte == separator).count();
    // Of equals the last one wins, so the comma stands last.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

fn unreadable(error: &csv::Error) -> ApiError {
    let line = error.position().map_or(1, csv::Position::line);
    ApiError::field("", "not_csv", format!("line {line} cannot be read as CSV: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Sheet {
        Sheet::read(text.as_bytes(), Some("GB"), &PhoneKey::new([7; 32])).expect("a readable file")
    }

    #[test]
    fn good_rows_are_kept_and_bad_ones_told() {
        let sheet =
            read("name,phone,time_zone,colour\nAda,+442079460001,,red\nBen,12,,\nEve,+442079460002,Moon/Base,\n");
        assert_eq!((sheet.total, sheet.rows.len()), (3, 1));
        assert_eq!(sheet.rows[0].contact.variables.expose().get("colour").map(String::as_str), Some("red"));
        let told: Vec<_> = sheet.left_out.iter().map(|row| (row.line, row.result)).collect();
        assert_eq!(told, [(3, "failed"), (4, "failed")]);
        assert!(sheet.left_out[1].reason.starts_with("time_zone: "), "{:?}", sheet.left_out[1]);
    }

    #[test]
    fn separators_and_national_numbers_are_understood() {
        for separator in [",", ";", "\t"] {
            let sheet = read(&"\u{feff}Phone,Name\n020 7946 0001,Ada\n".replace(',', separator));
            assert_eq!(sheet.rows.len(), 1, "{separator:?}: {:?}", sheet.left_out);
            let phone = sheet.rows[0].contact.phone.as_ref().map(|phone| phone.expose().as_str().to_owned());
            assert_eq!(phone.as_deref(), Some("+442079460001"));
        }
    }

    #[test]
    fn a_number_counts_once_however_it_is_written() {
        let mut sheet = read("phone\n+442079460001\n020 7946 0001\n+442079460002\n");
        assert_eq!(
            sheet.left_out,
            [RowReport { line: 3, result: "skipped", reason: "the number stands in an earlier row".to_owned() }]
        );
        let known = BTreeSet::from_iter(sheet.rows[1].hash.clone());
        sheet.skip_known(&known);
        assert_eq!(sheet.rows.len(), 1);
        assert_eq!(sheet.left_out[1].line, 4);
    }

    #[test]
    fn further_numbers_have_columns_of_their_own() {
        let sheet = read(
            "phone,phone3,phone2\n+442079460001,020 7946 0003,+442079460002\n,,+442079460004\n+442079460005,12,\n",
        );
        let numbers = |row: &SheetRow| {
            let first = row.contact.phone.iter().map(|phone| phone.expose().as_str().to_owned());
            let rest = row.contact.further.iter().map(|further| further.number.expose().as_str().to_owned());
            first.chain(rest).collect::<Vec<_>>()
        };
        let kept: Vec<_> = sheet.rows.iter().map(numbers).collect();
        assert_eq!(kept, [vec!["+442079460001", "+442079460002", "+442079460003"], vec!["+442079460004"]]);
        assert_eq!(sheet.left_out.len(), 1, "{:?}", sheet.left_out);
        assert!(sheet.left_out[0].reason.starts_with("phone3: "), "{:?}", sheet.left_out);
    }

    #[test]
    fn a_file_that_is_no_table_is_refused_with_the_place() {
        let fault = |bytes: &[u8]| match Sheet::read(bytes, None, &PhoneKey::new([7; 32])) {
            Err(ApiError::Invalid(faults)) => faults[0].code.clone(),
            other => panic!("expected a fault, got {other:?}"),
        };
        assert_eq!(fault(b"name,tel\nAda,1\n"), "missing_column");
        assert_eq!(fault(b"phone,phone\n1,2\n"), "duplicate_column");
        assert_eq!(fault(b"phone,phone6\n1,2\n"), "unknown_column");
        assert_eq!(fault(b"phone\n\xff\xfe\n"), "not_utf8");
    }

    #[test]
    fn rows_of_another_width_are_told() {
        let sheet = read("name,phone\nAda\nBen,+442079460001,x\n");
        assert_eq!(sheet.left_out.len(), 2);
        assert!(sheet.left_out[0].reason.contains("1 columns where the first row has 2"), "{:?}", sheet.left_out);
    }
}
