//! What a column is, told by its heading in English or German, and where that says nothing by its values.

use super::{Field, ImportKind, Mapped};
use crate::campaign::email::address;

/// Words of headings, without blanks and signs and in lower case, by what they mean. The first that fits counts.
const WORDS: &[(Field, &[&str])] = &[
    (Field::FirstName, &["firstname", "givenname", "forename", "fname", "first", "vorname", "rufname"]),
    (Field::LastName, &["lastname", "surname", "familyname", "lname", "last", "nachname", "familienname", "zuname"]),
    (
        Field::Name,
        &[
            "name",
            "fullname",
            "contactname",
            "contact",
            "customer",
            "customername",
            "client",
            "clientname",
            "displayname",
            "vollername",
            "vollständigername",
            "kontakt",
            "kontaktname",
            "kunde",
            "kundenname",
            "ansprechpartner",
            "person",
        ],
    ),
    (
        Field::Phone,
        &[
            "mobile",
            "mobilephone",
            "mobilenumber",
            "cell",
            "cellphone",
            "cellular",
            "phone",
            "phonenumber",
            "phone1",
            "phone2",
            "phone3",
            "phone4",
            "phone5",
            "telephone",
            "telephonenumber",
            "tel",
            "homephone",
            "workphone",
            "businessphone",
            "primaryphone",
            "secondaryphone",
            "number",
            "msisdn",
            "handy",
            "handynummer",
            "mobil",
            "mobilnummer",
            "mobiltelefon",
            "mobilfunk",
            "telefon",
            "telefonnummer",
            "telefon1",
            "telefon2",
            "telefon3",
            "telnr",
            "telefonnr",
            "rufnummer",
            "festnetz",
            "telefonprivat",
            "telefongeschäftlich",
            "telefondienstlich",
            "nummer",
        ],
    ),
    (
        Field::Email,
        &[
            "email",
            "email1",
            "email2",
            "email3",
            "emailaddress",
            "mail",
            "mailaddress",
            "emailadresse",
            "mailadresse",
            "emailprivat",
            "emailgeschäftlich",
        ],
    ),
    (Field::TimeZone, &["timezone", "tz", "zeitzone"]),
    (Field::Country, &["country", "countrycode", "countryiso", "land", "länderkennung", "ländercode", "landeskennung"]),
    (
        Field::CaseId,
        &[
            "caseid",
            "casenumber",
            "caseno",
            "casenr",
            "case",
            "externalcaseid",
            "fallnummer",
            "fallnr",
            "fallid",
            "fall",
            "aktenzeichen",
            "vorgangsnummer",
            "vorgangsnr",
            "vorgang",
            "aktennummer",
            "az",
        ],
    ),
    (Field::CaseType, &["casetype", "typeofcase", "falltyp", "fallart", "vorgangsart"]),
    (Field::CaseStatus, &["casestatus", "casestate", "fallstatus", "vorgangsstatus"]),
    (
        Field::ContactId,
        &[
            "contactid",
            "contactnumber",
            "externalid",
            "customerid",
            "customernumber",
            "customerno",
            "clientid",
            "clientnumber",
            "crmid",
            "id",
            "kundennummer",
            "kundennr",
            "kdnr",
            "kundenid",
            "kontaktid",
            "mandantennummer",
            "personennummer",
        ],
    ),
    (Field::Tags, &["tags", "tag", "labels", "label", "schlagworte", "schlagwörter", "stichworte", "markierungen"]),
];

/// A guess of what a column is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// What it would be mapped to.
    pub mapped: Mapped,
    /// The heading says so; else only the values look like it.
    pub by_heading: bool,
}

/// What the columns of a file most likely are. `samples` has some values for each column.
#[must_use]
pub fn guess(kind: ImportKind, columns: &[String], samples: &[Vec<String>]) -> Vec<Guess> {
    let mut guesses: Vec<Guess> = Vec::new();
    let mapped = |column: &String, field| Mapped { column: column.clone(), field, name: None };
    let count = |guesses: &[Guess], field| guesses.iter().filter(|guess| guess.mapped.field == field).count();
    for column in columns {
        let Some(field) = by_heading(column).filter(|field| kind == ImportKind::Cases || !field.is_of_case()) else {
            continue;
        };
        if count(&guesses, field) < field.most() {
            guesses.push(Guess { mapped: mapped(column, field), by_heading: true });
        }
    }
    for (column, values) in columns.iter().zip(samples) {
        let known = guesses.iter().any(|guess| guess.mapped.column == *column);
        let wanted = [(Field::Email, looks_like_addresses(values)), (Field::Phone, looks_like_numbers(values))];
        let wanted = wanted.into_iter().find(|(field, looks)| *looks && count(&guesses, *field) == 0);
        if let (false, Some((field, _))) = (known, wanted) {
            guesses.push(Guess { mapped: mapped(column, field), by_heading: false });
        }
    }
    // Parts of a name beside a whole one: the parts say more.
    if count(&guesses, Field::FirstName) > 0 && count(&guesses, Field::LastName) > 0 {
        guesses.retain(|guess| guess.mapped.field != Field::Name);
    } else if count(&guesses, Field::Name) > 0 {
        guesses.retain(|guess| !matches!(guess.mapped.field, Field::FirstName | Field::LastName));
    }
    guesses.sort_by_key(|guess| columns.iter().position(|column| *column == guess.mapped.column));
    guesses
}

fn by_heading(heading: &str) -> Option<Field> {
    let word: String = heading.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect();
    WORDS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(field, _)| *field)
}

fn filled(values: &[String]) -> impl Iterator<Item = &String> + Clone {
    values.iter().filter(|value| !value.is_empty())
}

fn looks_like_addresses(values: &[String]) -> bool {
    filled(values).next().is_some() && filled(values).all(|value| address(value).is_ok())
}

/// Nothing but digits and the signs between them, as many digits as a number has, and a sign that no amount has.
fn looks_like_numbers(values: &[String]) -> bool {
    let is_number = |value: &String| {
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        let plain = value.chars().all(|letter| letter.is_ascii_digit() || "+()-/. ".contains(letter));
        (7..=15).contains(&digits) && plain && (value.starts_with('+') || value.starts_with('0'))
    };
    filled(values).next().is_some() && filled(values).all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(kind: ImportKind, columns: &[&str], samples: &[&[&str]]) -> Vec<(String, Field)> {
        let columns: Vec<_> = columns.iter().map(|column| (*column).to_owned()).collect();
        let samples: Vec<Vec<String>> =
            samples.iter().map(|values| values.iter().map(|value| (*value).to_owned()).collect()).collect();
        guess(kind, &columns, &samples).into_iter().map(|guess| (guess.mapped.column, guess.mapped.field)).collect()
    }

    fn want(pairs: &[(&str, Field)]) -> Vec<(String, Field)> {
        pairs.iter().map(|(column, field)| ((*column).to_owned(), *field)).collect()
    }

    #[test]
    fn headings_are_understood_in_both_languages() {
        assert_eq!(
            fields(ImportKind::Contacts, &["Vorname", "Nachname", "Handy", "E-Mail", "Kunden-Nr.", "Notiz"], &[]),
            want(&[
                ("Vorname", Field::FirstName),
                ("Nachname", Field::LastName),
                ("Handy", Field::Phone),
                ("E-Mail", Field::Email),
                ("Kunden-Nr.", Field::ContactId),
            ])
        );
        assert_eq!(
            fields(ImportKind::Cases, &["First Name", "Mobile", "Phone 2", "CaseID", "Case Type"], &[]),
            want(&[
                ("First Name", Field::FirstName),
                ("Mobile", Field::Phone),
                ("Phone 2", Field::Phone),
                ("CaseID", Field::CaseId),
                ("Case Type", Field::CaseType),
            ])
        );
        assert_eq!(fields(ImportKind::Contacts, &["CaseID"], &[]), [], "contacts have no case");
    }

    #[test]
    fn values_tell_where_headings_say_nothing() {
        let samples: &[&[&str]] = &[&["ada@example.org", ""], &["030 901820", "+49 30 901821"], &["1200", "13000000"]];
        assert_eq!(
            fields(ImportKind::Contacts, &["A", "B", "C"], samples),
            want(&[("A", Field::Email), ("B", Field::Phone)])
        );
        assert_eq!(
            fields(ImportKind::Contacts, &["Tel", "B"], &[&[], &["+4930901820"]]),
            want(&[("Tel", Field::Phone)])
        );
    }

    #[test]
    fn a_name_is_read_once() {
        let columns = ["Name", "Vorname", "Nachname"];
        let parts = want(&[("Vorname", Field::FirstName), ("Nachname", Field::LastName)]);
        assert_eq!(fields(ImportKind::Contacts, &columns, &[]), parts);
        assert_eq!(fields(ImportKind::Contacts, &["Name", "Vorname"], &[]), want(&[("Name", Field::Name)]));
    }
}
