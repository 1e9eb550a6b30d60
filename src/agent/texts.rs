//! The texts of one call that are made into speech as a whole: each is made once, however often it is said.

use std::collections::BTreeMap;

use super::input::PromptId;
use crate::pii::Pii;

/// Numbered texts, rendered for one contact.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    texts: Vec<Pii<String>>,
    numbers: BTreeMap<Pii<String>, PromptId>,
}

impl Texts {
    /// Numbers a text; the same text always has the same number.
    pub(crate) fn add(&mut self, text: String) -> PromptId {
        let text = Pii::new(text);
        if let Some(known) = self.numbers.get(&text) {
            return *known;
        }
        let number = PromptId(u32::try_from(self.texts.len()).expect("a call has a few thousand texts at most"));
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    /// The text of a number given by [`Self::add`].
    pub(crate) fn get(&self, prompt: PromptId) -> &Pii<String> {
        &self.texts[prompt.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number() {
        let mut texts = Texts::default();
        let hello = texts.add("Hello.".to_owned());
        assert_ne!(texts.add("Goodbye.".to_owned()), hello);
        assert_eq!(texts.add("Hello.".to_owned()), hello);
        assert_eq!(texts.get(hello).expose(), "Hello.");
    }
}
