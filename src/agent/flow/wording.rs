//! What callers say and what the agent says by itself, in every language there is.

mod english;
mod german;

use jiff::civil::Date;

use super::graph::{AnswerKind, Ask, Choice};
use super::spoken::email;
use crate::agent::language::{DateOrder, Language, date_order};

/// The value of a yes.
pub(crate) const YES: &str = "yes";
/// The value of a no.
pub(crate) const NO: &str = "no";

/// The words of one language.
#[derive(Debug)]
pub(crate) struct Wording {
    /// What callers say for yes.
    pub(crate) yes: &'static [&'static str],
    /// What callers say for no.
    pub(crate) no: &'static [&'static str],
    /// What may stand before an option of a choice.
    pub(crate) choice_leads: &'static [&'static str],
    /// What may stand after it.
    pub(crate) choice_tails: &'static [&'static str],
    /// What ends a call when it is said.
    pub(crate) goodbyes: &'static [&'static str],
    /// What asks for the question again.
    pub(crate) repeats: &'static [&'static str],
    /// What refuses an answer.
    pub(crate) refusals: &'static [&'static str],
    /// Sentences that callers say and that are no answer: without them, such speech is pressed into one.
    pub(crate) decoys: &'static [&'static str],
    /// To a caller who said goodbye.
    pub(crate) goodbye: &'static str,
    /// When the time is up.
    pub(crate) time_up: &'static str,
    not_understood: &'static str,
    still_there: &'static str,
    /// How to answer a yes-or-no question.
    pub(crate) yes_no_hint: &'static str,
    number_hint: &'static str,
    spoken_number_hint: &'static str,
    date_hint: &'static str,
    day_first_hint: &'static str,
    month_first_hint: &'static str,
    typed_day_first_hint: &'static str,
    typed_month_first_hint: &'static str,
    phone_hint: &'static str,
    typed_phone_hint: &'static str,
    email_hint: &'static str,
    open_hint: &'static str,
    /// Around what was understood.
    understood: (&'static str, &'static str),
    please_say: &'static str,
    or_press: &'static str,
    or: &'static str,
    and: &'static str,
    key_for: &'static str,
}

/// Whether words are understood, or keys only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ears {
    /// Words are understood.
    Words,
    /// Keys only: there is no recogniser for the language.
    Keys,
}

impl Wording {
    /// The words of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &english::WORDING,
            Language::German => &german::WORDING,
        }
    }

    /// What is said when an answer was not understood.
    pub(crate) fn not_understood(&self, hint: &str) -> String {
        format!("{} {hint}", self.not_understood)
    }

    /// What is said after a silence.
    pub(crate) fn still_there(&self, hint: &str) -> String {
        format!("{} {hint}", self.still_there)
    }

    /// What is said to have an answer confirmed.
    pub(crate) fn confirmation(&self, answer: &str) -> String {
        format!("{}{answer}{}", self.understood.0, self.understood.1)
    }

    /// How to answer a question. `tag` is the assistant's language.
    pub(crate) fn hint(&self, ask: &Ask, tag: &str, ears: Ears) -> String {
        match (&ask.answer, ears) {
            (AnswerKind::YesNo {}, _) => self.yes_no_hint.to_owned(),
            (AnswerKind::Choice { options }, _) => self.choice_hint(options),
            (AnswerKind::Number { .. }, Ears::Keys) => self.number_hint.to_owned(),
            (AnswerKind::Number { .. }, Ears::Words) => self.spoken_number_hint.to_owned(),
            (AnswerKind::Date { .. }, ears) => match (ears, date_order(tag)) {
                (Ears::Words, DateOrder::DayFirst) => format!("{} {}", self.date_hint, self.day_first_hint),
                (Ears::Words, DateOrder::MonthFirst) => format!("{} {}", self.date_hint, self.month_first_hint),
                (Ears::Keys, DateOrder::DayFirst) => self.typed_day_first_hint.to_owned(),
                (Ears::Keys, DateOrder::MonthFirst) => self.typed_month_first_hint.to_owned(),
            },
            (AnswerKind::Phone { .. }, Ears::Words) => self.phone_hint.to_owned(),
            (AnswerKind::Phone { .. }, Ears::Keys) => self.typed_phone_hint.to_owned(),
            (AnswerKind::Email {}, _) => self.email_hint.to_owned(),
            (AnswerKind::Open { .. }, _) => self.open_hint.to_owned(),
        }
    }

    fn choice_hint(&self, options: &[Choice]) -> String {
        let spoken = list(&options.iter().map(label).collect::<Vec<_>>(), self.or);
        let keys = options
            .iter()
            .enumerate()
            .map(|(i, option)| format!("{} {} {}", option.key(i).unwrap_or_default(), self.key_for, label(option)));
        let keys = list(&keys.collect::<Vec<_>>(), self.and);
        format!("{} {spoken}, {} {keys}.", self.please_say, self.or_press)
    }
}

/// What means something in every question of a language: goodbyes, requests to repeat, refusals.
pub(crate) fn is_reserved(language: Language, phrase: &str) -> bool {
    let wording = Wording::of(language);
    [wording.goodbyes, wording.repeats, wording.refusals].iter().any(|list| list.contains(&phrase))
        || crate::agent::manners::optout::asked(language, phrase)
}

/// Digits as they are read out, one by one.
pub(crate) fn digits(digits: &str) -> String {
    digits.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

/// A phone number as it is read out: digit by digit, with a pause after every third.
pub(crate) fn phone(language: Language, number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let groups: Vec<String> =
        digits.chunks(3).map(|group| group.iter().map(char::to_string).collect::<Vec<_>>().join(" ")).collect();
    let plus = match (number.starts_with('+'), language) {
        (true, Language::English | Language::German) => "plus ",
        (false, _) => "",
    };
    format!("{plus}{}", groups.join(", "))
}

/// An e-mail address as it is read out.
pub(crate) fn address(language: Language, address: &str) -> String {
    email::read_back(language, address)
}

/// The day of the week.
pub(crate) fn weekday(language: Language, date: Date) -> &'static str {
    const DAYS: [[&str; 7]; 2] = [
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    ];
    let row = match language {
        Language::English => 0,
        Language::German => 1,
    };
    usize::try_from(date.weekday().to_monday_zero_offset()).map_or("", |day| DAYS[row][day])
}

/// A date as it is read out: the weekday shows what was meant by "next Tuesday".
pub(crate) fn date(language: Language, date: Date) -> String {
    const MONTHS: [[&str; 12]; 2] = [
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ],
    ];
    let row = match language {
        Language::English => 0,
        Language::German => 1,
    };
    let weekday = weekday(language, date);
    let month = usize::try_from(date.month()).map_or("", |month| MONTHS[row][month - 1]);
    match language {
        Language::English => format!("{weekday}, {month} {}, {}", date.day(), date.year()),
        Language::German => format!("{weekday}, der {}. {month} {}", date.day(), date.year()),
    }
}

/// What an option is called aloud.
pub(crate) fn label(option: &Choice) -> String {
    option.words.first().unwrap_or(&option.id).clone()
}

/// "a, b or c".
fn list(items: &[String], last: &str) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::words::words;

    #[test]
    fn every_language_has_every_word() {
        for language in [Language::English, Language::German] {
            let wording = Wording::of(language);
            for list in [wording.yes, wording.no, wording.goodbyes, wording.repeats, wording.refusals, wording.decoys] {
                assert!(!list.is_empty() && list.iter().all(|phrase| !words(phrase).is_empty()), "{language:?}");
            }
            let both: Vec<_> = wording.yes.iter().filter(|phrase| wording.no.contains(phrase)).collect();
            assert!(both.is_empty(), "{both:?} in {language:?}");
        }
    }

    #[test]
    fn german_phrases_are_folded_as_callers_words_are() {
        let wording = Wording::of(Language::German);
        for phrase in [wording.yes, wording.no, wording.goodbyes, wording.repeats, wording.refusals].concat() {
            assert_eq!(words(phrase).join(" "), phrase);
        }
    }

    #[test]
    fn choices_are_listed_with_their_keys() {
        let option = |words: &str| Choice { id: words.to_owned(), words: vec![words.to_owned()], dtmf: None };
        let options = ["morning", "noon", "evening"].map(option);
        assert_eq!(
            Wording::of(Language::English).choice_hint(&options),
            "Please say morning, noon or evening, or press 1 for morning, 2 for noon and 3 for evening."
        );
        assert_eq!(
            Wording::of(Language::German).choice_hint(&options[..2]),
            "Bitte sagen Sie morning oder noon, oder drücken Sie 1 für morning und 2 für noon."
        );
    }

    #[test]
    fn what_was_understood_is_read_back() {
        let day = jiff::civil::date(2026, 3, 5);
        assert_eq!(date(Language::English, day), "Thursday, March 5, 2026");
        assert_eq!(date(Language::German, day), "Donnerstag, der 5. März 2026");
        assert_eq!(phone(Language::English, "+4930123456"), "plus 4 9 3, 0 1 2, 3 4 5, 6");
        assert_eq!(digits("407"), "4 0 7");
        assert_eq!(
            Wording::of(Language::German).confirmation(&date(Language::German, day)),
            "Ich habe verstanden: Donnerstag, der 5. März 2026. Ist das richtig?"
        );
    }
}
