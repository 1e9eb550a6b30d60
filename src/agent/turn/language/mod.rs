//! What turns on the language: how long people pause in a number, and the words that tell a remark from a turn and a
//! finished sentence from an open one.
//!
//! All lists are lower case with words separated by one space, as [`super::words::tokens`] leaves them: hyphens
//! separate words, other punctuation is gone.

mod dutch;
mod english;
mod french;
mod german;
mod italian;
mod portuguese;
mod spanish;

use self::dutch::DUTCH;
use self::english::ENGLISH;
use self::french::FRENCH;
use self::german::GERMAN;
use self::italian::ITALIAN;
use self::portuguese::PORTUGUESE;
use self::spanish::SPANISH;

/// The words of one language, and its pace.
#[derive(Debug)]
pub(super) struct Language {
    /// ISO 639-1.
    pub(super) code: &'static str,
    /// Silence that people leave inside a number, an address, a name being spelt, in ms: by how numbers are said in it.
    pub(super) dictation_pause_ms: u32,
    /// Listening noises: never a turn while the agent speaks.
    pub(super) back_channels: &'static [&'static str],
    /// Agreement: a remark while the agent talks, an answer when it has asked.
    pub(super) affirmations: &'static [&'static str],
    /// What is said into the first words of a call.
    pub(super) greetings: &'static [&'static str],
    /// Noises of somebody who is about to say more.
    pub(super) hesitations: &'static [&'static str],
    /// Words that end no sentence.
    pub(super) unfinished: &'static [&'static str],
    /// Short commands that want the word at once, although they are a single word.
    pub(super) commands: &'static [&'static str],
    /// Numbers that stand for one digit, 0 to 9 (several words for one are fine).
    pub(super) digits: &'static [&'static str],
    /// Words inside numbers that are no single digit.
    pub(super) numbers: &'static [&'static str],
    /// Words that e-mail addresses are spelt with.
    pub(super) address_signs: &'static [&'static str],
}

/// Whether settings for `wanted` are meant for `tag`: the same tag, or its language without a country. Case and the kind
/// of dash make no difference.
pub(super) fn covers(wanted: &str, tag: &str) -> bool {
    let mut parts = tag.split(['-', '_']);
    wanted.split(['-', '_']).all(|part| parts.next().is_some_and(|of_tag| of_tag.eq_ignore_ascii_case(part)))
}

/// The words of a language by its BCP 47 tag; what all languages share for one that is not known.
pub(super) fn of(tag: &str) -> &'static Language {
    let code = tag.split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.iter().find(|language| language.code.eq_ignore_ascii_case(code)).unwrap_or(&ANY)
}

static LANGUAGES: [Language; 7] = [ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, DUTCH, PORTUGUESE];

/// Hums and signs that need no translation.
const ANY: Language = Language {
    code: "",
    dictation_pause_ms: 1_700,
    back_channels: &["mhm", "mmhm", "mm hmm", "mm hm", "hm", "hmm", "mm", "mmm", "uh huh", "aha", "ah", "oh", "eh"],
    affirmations: &["okay", "ok"],
    greetings: &["hello", "hallo", "allo"],
    hesitations: &["hm", "hmm", "mm", "mmm", "eh", "em", "um", "uh"],
    unfinished: &[],
    commands: &["stop"],
    digits: &[],
    numbers: &[],
    address_signs: &["at", "@", "www"],
};

#[cfg(test)]
mod tests {
    use super::super::words::tokens;
    use super::*;

    #[test]
    fn every_list_is_written_the_way_words_are_compared() {
        for language in LANGUAGES.iter().chain([&ANY]) {
            let lists = [
                language.back_channels,
                language.affirmations,
                language.greetings,
                language.hesitations,
                language.unfinished,
                language.commands,
                language.digits,
                language.numbers,
            ];
            for phrase in lists.into_iter().flatten() {
                assert_eq!(tokens(phrase).join(" "), **phrase, "{}", language.code);
            }
        }
    }

    #[test]
    fn a_setting_covers_its_language_and_a_country_covers_only_itself() {
        for (wanted, tag) in [("de", "de"), ("de", "de-AT"), ("DE-at", "de_AT"), ("de-AT", "de-AT-1996")] {
            assert!(covers(wanted, tag), "{wanted} {tag}");
        }
        for (wanted, tag) in [("de-AT", "de"), ("de", "den"), ("de", "en"), ("", "de")] {
            assert!(!covers(wanted, tag), "{wanted} {tag}");
        }
    }

    #[test]
    fn tags_are_matched_by_their_language_and_strange_ones_fall_back() {
        for (tag, code) in [("en", "en"), ("de-AT", "de"), ("FR_fr", "fr"), ("xx", ""), ("", "")] {
            assert_eq!(of(tag).code, code, "{tag}");
        }
    }
}
