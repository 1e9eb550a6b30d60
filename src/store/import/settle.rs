//! What becomes of a contact that is there already.

use std::collections::BTreeMap;

use crate::campaign::import::person::{CaseOf, Person};
use crate::campaign::import::{Duplicates, Several};
use crate::dialer::numbers::MAX;
use crate::pii::Pii;
use crate::store::contact::{ContactData, Email, FurtherPhone};

/// A contact that is made of a row.
#[must_use]
pub(super) fn made(person: &Person) -> ContactData {
    let further = person.phones.iter().skip(1).cloned();
    ContactData {
        name: person.name.clone().unwrap_or_default(),
        phone: person.phones.first().cloned(),
        label: None,
        further: further.map(|number| FurtherPhone { number, label: None, zone: None }).collect(),
        zone: person.zone.clone(),
        variables: person.variables.clone(),
        emails: person.emails.iter().map(|address| Email { address: address.clone(), label: None }).collect(),
        external_id: person.external_id.clone(),
    }
}

/// What cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoRoom {
    /// It would have more numbers than a contact has.
    #[error("the contact would have more than {MAX} phone numbers: replace them, or remove some")]
    Phones,
    /// It would have more addresses than a contact has.
    #[error("the contact would have more than {MAX} e-mail addresses: replace them, or remove some")]
    Emails,
    /// It would have more variables than a contact has.
    #[error("the contact would have more than 50 variables")]
    Variables,
}

/// A contact that is there, with what a row says: cells that are empty change nothing.
///
/// # Errors
/// When something has no room.
pub(super) fn updated(there: &ContactData, person: &Person, ways: Duplicates) -> Result<ContactData, NoRoom> {
    let mut data = there.clone();
    if let Some(name) = &person.name {
        data.name = name.clone();
    }
    if let Some(zone) = &person.zone {
        data.zone = Some(zone.clone());
    }
    if let Some(id) = &person.external_id {
        data.external_id = Some(id.clone());
    }
    data.variables.expose_mut().extend(person.variables.expose().clone());
    if data.variables.expose().len() > 50 {
        return Err(NoRoom::Variables);
    }
    phones(&mut data, person, ways.phones)?;
    emails(&mut data, person, ways.emails)?;
    Ok(data)
}

fn phones(data: &mut ContactData, person: &Person, way: Several) -> Result<(), NoRoom> {
    if person.phones.is_empty() {
        return Ok(());
    }
    let first = data.phone.take().map(|number| FurtherPhone { number, label: data.label.take(), zone: None });
    let there: Vec<FurtherPhone> = first.into_iter().chain(std::mem::take(&mut data.further)).collect();
    let line = |number: &Pii<_>| {
        // What is known of a number stays with it.
        let known = there.iter().find(|line| line.number == *number).cloned();
        known.unwrap_or_else(|| FurtherPhone { number: number.clone(), label: None, zone: None })
    };
    let mut lines = match way {
        Several::Replace => person.phones.iter().map(line).collect(),
        Several::Add => {
            let new = person.phones.iter().filter(|number| !there.iter().any(|line| line.number == **number));
            let new: Vec<_> = new.map(line).collect();
            there.iter().cloned().chain(new).collect::<Vec<_>>()
        }
    };
    if lines.len() > MAX {
        return Err(NoRoom::Phones);
    }
    let first = lines.remove(0);
    (data.phone, data.label, data.further) = (Some(first.number), first.label, lines);
    Ok(())
}

fn emails(data: &mut ContactData, person: &Person, way: Several) -> Result<(), NoRoom> {
    if person.emails.is_empty() {
        return Ok(());
    }
    let is = |line: &Email, address: &Pii<String>| line.address.expose().eq_ignore_ascii_case(address.expose());
    let there = std::mem::take(&mut data.emails);
    let line = |address: &Pii<String>| {
        let known = there.iter().find(|line| is(line, address)).cloned();
        known.unwrap_or_else(|| Email { address: address.clone(), label: None })
    };
    data.emails = match way {
        Several::Replace => person.emails.iter().map(line).collect(),
        Several::Add => {
            let new = person.emails.iter().filter(|address| !there.iter().any(|line| is(line, address)));
            let new: Vec<_> = new.map(line).collect();
            there.iter().cloned().chain(new).collect()
        }
    };
    if data.emails.len() > MAX { Err(NoRoom::Emails) } else { Ok(()) }
}

/// The details of a case that is there, with what a row says.
#[must_use]
pub(super) fn details(there: &BTreeMap<String, String>, case: &CaseOf) -> BTreeMap<String, String> {
    let mut details = there.clone();
    details.extend(case.details.expose().clone());
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(last: u32) -> Pii<crate::campaign::phone::E164> {
        Pii::new(format!("+44207946000{last}").parse().expect("canonical"))
    }

    fn person(phones: &[u32], emails: &[&str]) -> Person {
        Person {
            phones: phones.iter().map(|last| number(*last)).collect(),
            emails: emails.iter().map(|address| Pii::new((*address).to_owned())).collect(),
            ..Person::default()
        }
    }

    fn numbers(data: &ContactData) -> Vec<String> {
        let all = data.phone.iter().chain(data.further.iter().map(|line| &line.number));
        all.map(|number| number.expose().as_str()["+44207946000".len()..].to_owned()).collect()
    }

    #[test]
    fn numbers_and_addresses_are_added_or_replaced() {
        let mut there = made(&person(&[1, 2], &["a@example.org"]));
        there.label = Some("office".to_owned());
        let row = person(&[3, 1], &["b@example.org", "A@example.org"]);
        let add = updated(&there, &row, Duplicates::default()).expect("room");
        assert_eq!((numbers(&add), add.emails.len()), (vec!["1".into(), "2".into(), "3".into()], 2));
        let ways = Duplicates { phones: Several::Replace, emails: Several::Replace, ..Duplicates::default() };
        let replaced = updated(&there, &row, ways).expect("room");
        assert_eq!(numbers(&replaced), ["3", "1"]);
        assert_eq!(replaced.further[0].label.as_deref(), Some("office"), "a label stays with its number");
        assert_eq!(replaced.emails[0].address.expose(), "b@example.org");
        assert_eq!(updated(&there, &person(&[3, 4, 5, 6], &[]), Duplicates::default()), Err(NoRoom::Phones));
    }

    #[test]
    fn empty_cells_change_nothing() {
        let mut there = made(&person(&[1], &["a@example.org"]));
        there.name = Pii::new("Ada".to_owned());
        there.variables.expose_mut().insert("offer".into(), "A".into());
        assert_eq!(updated(&there, &Person::default(), Duplicates::default()), Ok(there));
    }
}
