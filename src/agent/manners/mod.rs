//! Outbound manners: what is done about machines, screening services, menus, disclosure, opt-outs and card data.
//!
//! Each file is one policy: pure, with `now` as an argument, asked by the conversation and never asking back. What a
//! policy wants done is its return value.
//!
//! | policy | fed with | wants |
//! | --- | --- | --- |
//! | [`voicemail::Answering`] | detections, the callee's words and voice, what we said | silence, a message, a hang-up, going on |
//! | [`screening::Screener`] | the callee's words | name and reason once, then patience |
//! | [`ivr::Menus`] | the callee's words, keys pressed | a choice of keys, or giving up |
//! | [`disclosure::Disclosing`] | lines said to their end, the caller's words | lines before all else, recording off |
//! | [`optout`] | the caller's words | an opt-out and its confirmation |
//! | [`card::CardWatch`] | the caller's words and keys | recording paused and taken up again, masked text |
//!
//! The words of one utterance of the callee show what speaks: [`speaks`] tells a mailbox from a screening service from
//! a menu from a person.

pub mod card;
pub mod disclosure;
pub mod ivr;
pub mod optout;
pub mod screening;
pub mod voicemail;

use super::language::Language;
use super::words::words;

/// What speaks, by its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// The greeting of a mailbox.
    Voicemail,
    /// A service that asks who calls and why before it puts the call through.
    Screening,
    /// A menu to be gone through by keys.
    Menu,
    /// Nothing that a machine would say: a person, as far as words tell.
    Person,
}

/// What speaks such words. Few words that fit nothing are a person's.
#[must_use]
pub fn speaks(language: Language, text: &str) -> Speaks {
    let heard = words(text);
    if screening::asks(language, &heard) {
        Speaks::Screening
    } else if voicemail::greets(language, &heard) {
        Speaks::Voicemail
    } else if ivr::menu(language, text).is_some_and(|menu| menu.options.len() > 1) {
        Speaks::Menu
    } else {
        Speaks::Person
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_what_speaks() {
        let cases = [
            (Language::English, "Hello?", Speaks::Person),
            (Language::English, "This is Peter Miller speaking, who is calling?", Speaks::Person),
            (
                Language::English,
                "You have reached the voicemail of Peter. Please leave a message after the tone.",
                Speaks::Voicemail,
            ),
            (
                Language::English,
                "Hi. If you record your name and reason for calling, I'll see if this person is available.",
                Speaks::Screening,
            ),
            (Language::English, "For sales, press 1. For support, press 2.", Speaks::Menu),
            (Language::German, "Müller, guten Tag", Speaks::Person),
            (Language::German, "Bitte hinterlassen Sie eine Nachricht nach dem Signalton.", Speaks::Voicemail),
            (Language::German, "Für den Verkauf drücken Sie die 1, für den Service die 2.", Speaks::Menu),
        ];
        for (language, text, expected) in cases {
            assert_eq!(speaks(language, text), expected, "{text}");
        }
    }
}
