//! What every text of a call may use without the assistant declaring it: day, weekday and time where the callee is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::agent::flow::wording;
use crate::agent::language::Language;
use crate::campaign::phone::E164;
use crate::campaign::zone::{zone_named, zones_of_number};
use crate::pii::Pii;
use crate::trunk::callers::Diversion;

/// Where somebody is: in the zone that is known of them, or the first one that their number can be in, or at UTC.
#[must_use]
pub fn zone(known: Option<&str>, number: Option<&E164>) -> TimeZone {
    known
        .and_then(|name| zone_named(name).ok())
        .or_else(|| zones_of_number(number?)?.first().cloned())
        .unwrap_or(TimeZone::UTC)
}

/// Adds `today` (`2026-08-05`), `weekday` (in the language of the assistant) and `time` (`14:05`), where they are not there.
pub fn add(values: &mut BTreeMap<String, Pii<String>>, now: Timestamp, zone: TimeZone, language: &str) {
    let here = now.to_zoned(zone);
    let facts = [
        ("today", here.date().to_string()),
        ("weekday", wording::weekday(Language::or_english(language), here.date()).to_owned()),
        ("time", here.strftime("%H:%M").to_string()),
    ];
    for (name, value) in facts {
        values.entry(name.to_owned()).or_insert_with(|| Pii::new(value));
    }
}

/// Adds whom a call was meant for that was diverted to us (`first_called`, where that is told) and why it was
/// (`diversion_reason`, a word of RFC 5806 such as `no-answer`).
pub fn add_diversion(values: &mut BTreeMap<String, Pii<String>>, diversion: Option<&Diversion>) {
    let Some(Diversion { first_called, reason }) = diversion else { return };
    if let Some(number) = first_called {
        values.insert("first_called".to_owned(), Pii::new(number.expose().to_string()));
    }
    values.insert("diversion_reason".to_owned(), Pii::new(reason.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(known: Option<&str>, number: &str, language: &str) -> Vec<(String, String)> {
        let now: Timestamp = "2026-08-05T23:30:00Z".parse().expect("a time");
        let number = number.parse().expect("a number");
        let mut values = BTreeMap::new();
        add(&mut values, now, zone(known, Some(&number)), language);
        values.into_iter().map(|(name, value)| (name, value.expose().clone())).collect()
    }

    fn pairs(texts: [&str; 3]) -> Vec<(String, String)> {
        let names = ["time", "today", "weekday"].into_iter();
        names.zip(texts).map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn it_is_another_day_where_the_callee_is() {
        assert_eq!(facts(None, "+4930901820", "de-DE"), pairs(["01:30", "2026-08-06", "Donnerstag"]));
        assert_eq!(facts(Some("America/New_York"), "+4930901820", "en"), pairs(["19:30", "2026-08-05", "Wednesday"]));
        assert_eq!(facts(Some("Nowhere/Land"), "+4930901820", "en"), pairs(["01:30", "2026-08-06", "Thursday"]));
    }

    #[test]
    fn a_value_that_is_there_stays() {
        let mut values = BTreeMap::from([("today".to_owned(), Pii::new("2026-01-01".to_owned()))]);
        add(&mut values, Timestamp::UNIX_EPOCH, TimeZone::UTC, "en");
        assert_eq!(values["today"].expose(), "2026-01-01");
        assert_eq!(values["weekday"].expose(), "Thursday");
    }
}
