//! Callers who do not want to be called again. What they say is taken at its word: the number is suppressed for the
//! whole organisation before the call ends ([`crate::agent::action::Action::OptOut`]), and they are told so.

use crate::agent::language::Language;
use crate::agent::words::{any_said, words};

/// Whether these words ask not to be called again.
///
/// "Do not call me now" asks for another time, and is none.
#[must_use]
pub fn asked(language: Language, text: &str) -> bool {
    any_said(&words(text), phrases(language))
}

/// What is said to somebody who asked for it.
#[must_use]
pub const fn confirmation(language: Language) -> &'static str {
    match language {
        Language::English => {
            "All right. I have taken your number off our list, and we will not call you again. Goodbye."
        }
        Language::German => {
            "In Ordnung. Ich habe Ihre Nummer von unserer Liste genommen, wir rufen Sie nicht mehr an. Auf Wiederhören."
        }
    }
}

/// For the offline recogniser: whole sentences whose words are in its dictionary.
#[must_use]
pub const fn sentences(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &[
            "do not call me again",
            "don't call me again",
            "don't call me anymore",
            "never call me again",
            "please do not call me again",
            "take me off your list",
            "please take me off your list",
            "remove me from your list",
            "put me on your do not call list",
            "stop calling me",
            "stop calling",
            "leave me alone",
        ],
        Language::German => &[],
    }
}

const fn phrases(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &[
            "do not * call|phone|ring|contact * again|anymore|ever",
            "do not call any more",
            "do not you? dare? call * again",
            "do not call this|my number",
            "do not want * call|calls|called again|anymore",
            "do not want any? more calls",
            "never call|phone|ring|contact me|us|this|here",
            "never call again",
            "stop calling|phoning|ringing",
            "stop these|those|your? calls",
            "quit calling",
            "leave me|us alone",
            "take|remove|delete|strike me|us|my|this|our * off|from * list|lists|database|system|records",
            "take|remove|delete my|this|our number",
            "off your calling? list",
            "put me|us|my|this * do not call",
            "do not call list|registry",
            "unsubscribe",
            "opt|opting * out",
            "lose my|this number",
        ],
        Language::German => &[
            "ruf|rufen|rufe|rufst * nie|nicht|niemals wieder|mehr|mehr? * an",
            "nie|niemals wieder|mehr * anrufen|anruf|anrufe|angerufen",
            "nicht mehr * anrufen|angerufen|kontaktieren",
            "keine * anrufe mehr",
            "keine weiteren anrufe",
            "hoeren|hoer * auf * anzurufen",
            "streichen|streich|nehmen|nimm|loeschen|loesch * von|aus * liste|verteiler|datenbank|system|kartei",
            "loeschen|loesch|streichen|streich * nummer|daten|kontakt",
            "lassen|lass sie? mich|uns in ruhe",
            "lassen|lass mich|uns in ruhe",
            "unterlassen sie * anrufe",
            "widerspreche * anrufen|werbung|werbeanrufen|kontaktaufnahme",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opt_outs_in_english() {
        for text in [
            "Don't call me again!",
            "please do not ever call me again",
            "I do not want you to call me anymore",
            "I don't want to be called again",
            "take me off your list",
            "Could you remove my number from your database?",
            "put me on your do not call list",
            "Stop calling me.",
            "never call this number again",
            "just leave me alone",
            "I want to opt out",
            "don't call this number",
        ] {
            assert!(asked(Language::English, text), "{text}");
        }
        for text in [
            "do not call me now, call me tomorrow",
            "please call me again later",
            "you can call me again",
            "I'm not interested",
            "do not worry",
            "take me to the list of offers",
            "I never said that",
            "he is off on Monday",
            "call me again next week",
        ] {
            assert!(!asked(Language::English, text), "{text}");
        }
    }

    #[test]
    fn opt_outs_in_german() {
        for text in [
            "Rufen Sie mich nie wieder an!",
            "Bitte rufen Sie hier nicht mehr an.",
            "Ich möchte nicht mehr angerufen werden",
            "Streichen Sie mich von Ihrer Liste",
            "Nehmen Sie mich bitte aus der Liste",
            "Löschen Sie meine Nummer",
            "Lassen Sie mich in Ruhe",
            "keine weiteren Anrufe bitte",
        ] {
            assert!(asked(Language::German, text), "{text}");
        }
        for text in [
            "Rufen Sie mich morgen wieder an",
            "Ich habe kein Interesse",
            "Rufen Sie bitte später noch einmal an",
            "Das steht nicht auf meiner Liste",
            "Ich weiß nicht mehr",
        ] {
            assert!(!asked(Language::German, text), "{text}");
        }
    }

    #[test]
    fn the_offline_sentences_are_opt_outs() {
        for sentence in sentences(Language::English) {
            assert!(asked(Language::English, sentence), "{sentence}");
        }
    }
}
