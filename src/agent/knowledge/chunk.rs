//! From a document to pieces that can be read to a model.

use super::extract::Section;

/// A piece ends at the sentence that passes this many characters.
const AIM: usize = 700;
/// No piece is longer than this: a sentence without an end is cut between words.
const MOST: usize = 1_000;
/// More pieces than this make a source too large.
pub const MAX_CHUNKS: usize = 20_000;

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The heading it stands under; empty when there is none.
    pub heading: String,
    /// Whole sentences, at most 1000 characters.
    pub text: String,
}

/// Cuts sections into pieces of whole sentences, paragraphs kept together where they fit. A piece never spans two
/// sections, so that its heading is true of all of it.
#[must_use]
pub fn chunks(sections: &[Section]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for section in sections {
        let mut text = String::new();
        for paragraph in section.paragraphs.iter().map(|paragraph| paragraph.trim()).filter(|p| !p.is_empty()) {
            for sentence in sentences(paragraph).flat_map(cut) {
                if !text.is_empty() && text.chars().count() + 1 + sentence.chars().count() > AIM {
                    chunks.push(Chunk { heading: section.heading.clone(), text: std::mem::take(&mut text) });
                }
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(sentence);
            }
        }
        if !text.is_empty() {
            chunks.push(Chunk { heading: section.heading.clone(), text });
        }
    }
    chunks
}

/// The sentences of a paragraph: up to a mark of their end that is followed by a space.
fn sentences(paragraph: &str) -> impl Iterator<Item = &str> {
    let mut rest = paragraph;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let mut after_mark = false;
        for (at, c) in rest.char_indices() {
            if after_mark && c.is_whitespace() {
                let (sentence, after) = rest.split_at(at);
                rest = after;
                return Some(sentence);
            }
            after_mark = matches!(c, '.' | '?' | '!' | '。') || (after_mark && matches!(c, '"' | ')' | '”' | '\''));
        }
        Some(std::mem::take(&mut rest).trim_end())
    })
}

/// A sentence in parts of at most [`MOST`] characters, cut between words where it has any.
fn cut(sentence: &str) -> impl Iterator<Item = &str> {
    let mut rest = sentence;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((limit, _)) = rest.char_indices().nth(MOST) else { return Some(std::mem::take(&mut rest)) };
        let at = rest[..limit].rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(limit);
        let (part, after) = rest.split_at(at);
        rest = after.trim_start();
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(heading: &str, paragraphs: &[&str]) -> Section {
        Section { heading: heading.to_owned(), paragraphs: paragraphs.iter().map(|p| (*p).to_owned()).collect() }
    }

    #[test]
    fn a_short_section_is_one_piece_and_sections_do_not_mix() {
        let cut = chunks(&[section("Hours", &["We open at 8.30 a.m.", "We close at 6."]), section("", &["Call us."])]);
        let texts: Vec<_> = cut.iter().map(|chunk| (chunk.heading.as_str(), chunk.text.as_str())).collect();
        assert_eq!(texts, [("Hours", "We open at 8.30 a.m. We close at 6."), ("", "Call us.")]);
    }

    #[test]
    fn long_text_is_cut_after_sentences_and_nothing_is_lost() {
        let sentence = "The quick brown fox jumps over the lazy dog near the river bank today. ";
        let long = sentence.repeat(50);
        let cut = chunks(&[section("Fox", &[&long])]);
        assert!(cut.len() > 4);
        assert!(cut.iter().all(|chunk| chunk.text.ends_with('.') && chunk.text.chars().count() <= AIM));
        let words = |text: &str| text.split_whitespace().count();
        assert_eq!(cut.iter().map(|chunk| words(&chunk.text)).sum::<usize>(), words(&long));
    }

    #[test]
    fn text_without_sentences_is_cut_between_words_or_anywhere() {
        let words = "word ".repeat(1_000);
        let blob = "ü".repeat(5_000);
        for text in [&words, &blob] {
            let cut = chunks(&[section("", &[text])]);
            assert!(cut.iter().all(|chunk| !chunk.text.is_empty() && chunk.text.chars().count() <= MOST));
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            assert_eq!(cut.iter().map(|chunk| letters(&chunk.text)).sum::<usize>(), letters(text));
        }
        assert_eq!(chunks(&[section("", &["", "  "])]), []);
    }
}
