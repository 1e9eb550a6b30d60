//! What words of a turn are worth before anybody understands them: a remark, a turn, the middle of a number.

use super::language::{self, Language};

/// Lower-case words without punctuation; hyphens separate, apostrophes stay inside.
pub(super) fn tokens(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’' | '@')))
        .map(|token| token.trim_matches(['\'', '’']).to_lowercase().replace('’', "'"))
        .filter(|token| !token.is_empty())
        .collect()
}

/// Whether two texts have the same words: case and punctuation make no difference.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || tokens(a) == tokens(b)
}

/// What a turn's words are while the agent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// No words.
    Nothing,
    /// "Mhm": somebody listens.
    BackChannel,
    /// "Okay": somebody agrees, or answers.
    Affirmation,
    /// "Hello?", with or without an affirmation.
    Greeting,
    /// A turn.
    Speech {
        /// Words that are none of the above.
        words: usize,
        /// Some of them are a command to stop.
        command: bool,
    },
}

/// How words end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// No words.
    Nothing,
    /// With a full stop, a question mark, an exclamation mark.
    Sentence,
    /// With a comma, a dash, an ellipsis.
    Comma,
    /// With "um", "and", "my": more must come.
    Unfinished,
    /// In the middle of at least two digits or letters in a row, or of an e-mail address.
    Dictation,
    /// With a word, and no punctuation.
    Word,
}

/// The words of a language with an assistant's own.
#[derive(Clone, Debug)]
pub(super) struct Lexicon {
    language: &'static Language,
    back_channels: Vec<Vec<String>>,
}

impl Lexicon {
    /// For a BCP 47 tag; `own` are more back-channels.
    pub(super) fn new(tag: &str, own: &[String]) -> Self {
        Self { language: language::of(tag), back_channels: own.iter().map(|phrase| tokens(phrase)).collect() }
    }

    /// What these words are while the agent speaks.
    pub(super) fn remark(&self, text: &str) -> Remark {
        let all = tokens(text);
        if all.is_empty() {
            return Remark::Nothing;
        }
        let mut rest = self.without(all.clone(), self.language.back_channels);
        for phrase in &self.back_channels {
            remove(&mut rest, phrase);
        }
        rest = self.without(rest, self.language.hesitations);
        if rest.is_empty() {
            return Remark::BackChannel;
        }
        // Commands are looked for before agreement is taken out: "what" is one, "what great weather" is speech anyway.
        let command = self.language.commands.iter().any(|phrase| position(&all, &split(phrase)).is_some());
        let rest = self.without(rest, self.language.affirmations);
        if rest.is_empty() {
            return Remark::Affirmation;
        }
        let strange = self.without(rest.clone(), self.language.greetings);
        if strange.is_empty() {
            return Remark::Greeting;
        }
        Remark::Speech { words: rest.len(), command }
    }

    /// Words that are left when remarks and greetings are taken out.
    pub(super) fn beside_greetings(&self, text: &str) -> usize {
        let rest = self.without(tokens(text), self.language.back_channels);
        let rest = self.without(rest, self.language.greetings);
        let rest = self.without(rest, self.language.hesitations);
        self.without(rest, self.language.affirmations).len()
    }

    /// How a turn's words end.
    pub(super) fn tail(&self, text: &str) -> Tail {
        let words = tokens(text);
        let Some(last) = words.last() else { return Tail::Nothing };
        let ends_with = |list: &[&str]| list.iter().any(|phrase| words.ends_with(&split(phrase)));
        if self.spelt_at_end(&words) >= 2 || self.language.address_signs.contains(&last.as_str()) {
            return Tail::Dictation;
        }
        let text = text.trim_end();
        if text.ends_with("...") || text.ends_with([',', ';', ':', '-', '–', '—', '…']) {
            return Tail::Comma;
        }
        // "Come in." is finished, "come in" may not be; recognisers write a full stop after "um" as well.
        let hesitates = ends_with(self.language.hesitations) && self.remark(text) != Remark::BackChannel;
        let sentence = text.ends_with(['.', '?', '!', '。', '？', '！']);
        if hesitates || (!sentence && ends_with(self.language.unfinished)) {
            return Tail::Unfinished;
        }
        if sentence { Tail::Sentence } else { Tail::Word }
    }

    /// Digits in a turn's words, spelt or written.
    pub(super) fn digits(&self, text: &str) -> usize {
        tokens(text).iter().map(|word| self.digits_of(word)).sum()
    }

    /// How many digits and single letters there are at the end.
    fn spelt_at_end(&self, words: &[String]) -> usize {
        let spelt = |word: &String| {
            let letter = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
            let number = self.language.numbers.contains(&word.as_str());
            self.digits_of(word).max(usize::from(letter)).max(usize::from(number))
        };
        words.iter().rev().map(spelt).take_while(|count| *count > 0).sum()
    }

    fn digits_of(&self, word: &str) -> usize {
        if word.chars().all(|c| c.is_ascii_digit()) {
            word.len()
        } else {
            usize::from(self.language.digits.contains(&word))
        }
    }

    #[expect(clippy::unused_self, reason = "reads as a sentence beside its siblings")]
    fn without(&self, mut words: Vec<String>, list: &[&str]) -> Vec<String> {
        // Longer phrases first: "uh huh" goes before "uh".
        let mut phrases: Vec<Vec<String>> = list.iter().map(|phrase| split(phrase)).collect();
        phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        for phrase in &phrases {
            remove(&mut words, phrase);
        }
        words
    }
}

fn split(phrase: &str) -> Vec<String> {
    phrase.split(' ').map(str::to_owned).collect()
}

fn position(words: &[String], phrase: &[String]) -> Option<usize> {
    if phrase.is_empty() {
        return None;
    }
    words.windows(phrase.len()).position(|window| window == phrase)
}

fn remove(words: &mut Vec<String>, phrase: &[String]) {
    while let Some(at) = position(words, phrase) {
        words.drain(at..at + phrase.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_told_from_turns() {
        use Remark::*;
        let speech = |words, command| Speech { words, command };
        for (language, text, wanted) in [
            ("en", "", Nothing),
            ("en", "Mm-hmm.", BackChannel),
            ("en", "uh-huh, uh-huh", BackChannel),
            ("en", "um", BackChannel),
            ("en", "Yeah, okay.", Affirmation),
            ("en", "oh I see", Affirmation),
            ("en", "Hello? Yes?", Greeting),
            ("en", "Yeah but", speech(1, false)),
            ("en", "stop", speech(1, true)),
            ("en", "wait a minute", speech(3, true)),
            ("en", "no I don't", speech(3, false)),
            ("de", "Ja, genau.", Affirmation),
            ("de", "ja aber ich", speech(2, false)),
            ("de", "Moment mal!", speech(2, true)),
            ("fr", "d'accord", Affirmation),
            ("es", "sí, vale", Affirmation),
            ("it", "Pronto?", Greeting),
            ("xx", "hm", BackChannel),
            ("xx", "dobra dobra", speech(2, false)),
        ] {
            assert_eq!(Lexicon::new(language, &[]).remark(text), wanted, "{language}: {text}");
        }
        let own = Lexicon::new("xx", &["Dobra".to_owned()]);
        assert_eq!(own.remark("dobra dobra"), BackChannel);
    }

    #[test]
    fn open_ends_are_seen() {
        use Tail::*;
        for (language, text, wanted) in [
            ("en", "", Nothing),
            ("en", "I need a refund.", Sentence),
            ("en", "I need a refund", Word),
            ("en", "I need a refund, ", Comma),
            ("en", "I need a refund and", Unfinished),
            ("en", "My name is, um.", Unfinished),
            ("en", "um", Word),
            ("en", "it is five five", Dictation),
            ("en", "it is 555.", Dictation),
            ("en", "A B", Dictation),
            ("en", "peter at", Dictation),
            ("en", "at five", Word),
            ("de", "meine Nummer ist null drei", Dictation),
            ("de", "ich heiße", Word),
            ("de", "weil ich", Unfinished),
            ("fr", "c'est euh", Unfinished),
        ] {
            assert_eq!(Lexicon::new(language, &[]).tail(text), wanted, "{language}: {text}");
        }
    }

    #[test]
    fn digits_are_counted_spoken_and_written() {
        let lexicon = Lexicon::new("en", &[]);
        assert_eq!(lexicon.digits("oh one two, 345 and six"), 7);
        assert_eq!(Lexicon::new("de", &[]).digits("null eins sieben"), 3);
    }

    #[test]
    fn case_and_punctuation_make_no_other_words() {
        assert!(same("I need a refund.", "i need a refund"));
        assert!(same("that’s it", "That's it!"));
        assert!(!same("i need", "i need a"));
    }
}
