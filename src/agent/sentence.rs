//! A model's words on their way to a voice: cut into pieces that can be spoken at once, and rid of what nobody says.

/// Words that end with a full stop and no sentence. Lower case, without the stop.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "mt", "no", "nos", "vs", "approx", "dept", "est", "ext", "fig",
    "gen", "gov", "hon", "inc", "ltd", "co", "corp", "rev", "sgt", "capt", "col", "lt", "e.g", "i.e", "jan", "feb",
    "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "tues", "wed", "thu", "thurs",
    "fri", "ave", "blvd", "rd", "u.s", "u.k", // English
    "nr", "str", "ca", "bzw", "hr", "hrn", "fr", "frl", "tel", "z", "d", "u", "o", "z.b", "d.h", "u.a", "evtl", "ggf",
    "inkl", "zzgl", "abs", "art", "bd", "dipl", "ing", "geb", "gest", "jh", "mio", "mrd", "st", "vgl", // German
    "mme", "mlle", "mm", "sra", "srta", "ud", "uds", "sig", "dott", "mevr", "dhr", // others
];

/// Abbreviations that may end a sentence as well: they do before a capital letter.
const MAYBE_LAST: &[&str] = &["a.m", "p.m", "etc", "usw", "co", "inc", "ltd", "corp", "u.s", "u.k", "jr", "sr"];

/// The first piece may be a clause of so many words and letters: so much gives a voice its tune.
const FIRST_WORDS: usize = 3;
const FIRST_LETTERS: usize = 14;

/// A sentence longer than this is spoken clause by clause; one without clauses is cut at a space when it is twice as
/// long.
const LONG: usize = 160;

/// Cuts streamed text into sentences; the first piece may be a clause, so that the first sound is early. Pieces put
/// together are the text as it is spoken.
#[derive(Debug, Default)]
pub(crate) struct Sentences {
    rest: String,
    begun: bool,
    /// Full stops behind numbers stand for "th" and end nothing.
    ordinals: bool,
}

impl Sentences {
    /// For text in this language, a BCP 47 tag.
    pub(crate) fn new(language: &str) -> Self {
        let code = language.split(['-', '_']).next().unwrap_or_default();
        let ordinals = ["de", "da", "nb", "no", "fi", "cs", "pl", "hu"].contains(&code);
        Self { rest: String::new(), begun: false, ordinals }
    }

    /// For text that goes on where another one broke off.
    pub(crate) fn continued(language: &str) -> Self {
        Self { begun: true, ..Self::new(language) }
    }

    /// More text; gives the pieces that are complete.
    pub(crate) fn push(&mut self, text: &str) -> Vec<String> {
        self.rest.push_str(text);
        let mut pieces = Vec::new();
        while let Some(end) = self.end_of_piece() {
            let rest = self.rest.split_off(end);
            let piece = std::mem::replace(&mut self.rest, rest);
            pieces.extend(self.spoken(&piece));
        }
        pieces
    }

    /// The text is complete; gives what is left of it.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let piece = std::mem::take(&mut self.rest);
        self.spoken(&piece)
    }

    /// Drops what has not made a piece: a sentence that broke off.
    pub(crate) fn drop_rest(&mut self) {
        self.rest.clear();
    }

    fn spoken(&mut self, piece: &str) -> Option<String> {
        let plain = plain(piece);
        if !plain.chars().any(char::is_alphanumeric) {
            return None;
        }
        let space = if std::mem::replace(&mut self.begun, true) { " " } else { "" };
        Some(format!("{space}{plain}"))
    }

    /// Where the first piece of what is left ends, if that can be known.
    fn end_of_piece(&self) -> Option<usize> {
        let text = &self.rest;
        let mut clause = None;
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            match c {
                '\n' if at > 0 && !text[..at].trim().is_empty() => return Some(end),
                '.' | '!' | '?' | '…' | '。' | '！' | '？' => {
                    if let Some(end) = self.end_of_sentence(at, c) {
                        return Some(end);
                    }
                }
                ',' | ';' | ':' | '–' | '—' if is_clause(text, at, end) => {
                    let early = !self.begun && is_long_enough(&text[..end]);
                    if early || end > LONG {
                        return Some(end);
                    }
                    clause = Some(end);
                }
                _ => {}
            }
            if end > 2 * LONG {
                let space = text[..end].rfind(char::is_whitespace);
                return clause.or(space.map(|at| at + 1)).or(Some(end));
            }
        }
        None
    }

    /// The end of the sentence whose last mark is at `at`; `None` when none ends there, or not for sure.
    fn end_of_sentence(&self, at: usize, mark: char) -> Option<usize> {
        let text = &self.rest;
        let mut end = at + mark.len_utf8();
        if matches!(mark, '。' | '！' | '？') {
            return Some(end);
        }
        let closing =
            |c: char| matches!(c, '.' | '!' | '?' | '"' | '\'' | '”' | '’' | ')' | ']' | '*' | '_' | '»' | '“');
        while let Some(c) = text[end..].chars().next().filter(|c| closing(*c)) {
            end += c.len_utf8();
        }
        if !text[end..].chars().next()?.is_whitespace() {
            return None;
        }
        let next = text[end..].chars().find(|c| !c.is_whitespace());
        if mark == '.' && self.is_abbreviation(&text[..at], next)? {
            return None;
        }
        Some(end)
    }

    /// Whether a full stop belongs to the word before it; `None` as long as it turns on what follows.
    fn is_abbreviation(&self, before: &str, next: Option<char>) -> Option<bool> {
        let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '*' | '_')).next()?;
        let lower = word.to_lowercase();
        if MAYBE_LAST.contains(&lower.as_str()) {
            return next.map(|next| !next.is_uppercase());
        }
        if lower == "no" {
            // "No." answers; "no. 5" counts.
            return next.map(|next| next.is_ascii_digit());
        }
        let number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        if number {
            let enumerates =
                before[..before.len() - word.len()].lines().next_back().is_none_or(|line| line.trim().is_empty());
            return Some(enumerates || (self.ordinals && word.len() <= 2));
        }
        let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I";
        Some(initial || ABBREVIATIONS.contains(&lower.as_str()))
    }
}

/// Whether a clause ends with this comma: a space follows and it parts no numbers.
fn is_clause(text: &str, at: usize, end: usize) -> bool {
    let mut after = text[end..].chars();
    if !after.next().is_some_and(char::is_whitespace) {
        return false;
    }
    let digit_before = text[..at].chars().next_back().is_some_and(|c| c.is_ascii_digit());
    match after.find(|c| !c.is_whitespace()) {
        Some(next) => !(digit_before && next.is_ascii_digit()),
        None => !digit_before,
    }
}

fn is_long_enough(text: &str) -> bool {
    text.split_whitespace().count() >= FIRST_WORDS
        && text.chars().filter(|c| c.is_alphanumeric()).count() >= FIRST_LETTERS
}

/// A piece without markup, addresses of links and pictures: what remains can be said.
fn plain(piece: &str) -> String {
    let unlinked = without_links(piece);
    let mut words = Vec::new();
    for line in unlinked.lines() {
        let line = line.trim_start().trim_start_matches(['#', '>']).trim_start();
        let line = line.strip_prefix(['-', '*', '+', '•']).filter(|rest| rest.starts_with(' ')).unwrap_or(line);
        words.extend(line.split_whitespace().filter_map(plain_word));
    }
    words.join(" ")
}

/// A word without markup; `None` when nothing of it can be said.
fn plain_word(word: &str) -> Option<String> {
    if word.len() >= 3 && word.chars().all(|c| matches!(c, '-' | '=' | '_' | '*' | '|' | ':')) {
        return None;
    }
    let trimmed = word.trim_matches('_');
    let kept: String =
        trimmed.chars().filter(|c| !matches!(c, '*' | '`' | '~' | '|' | '\\') && !is_picture(*c)).collect();
    let said = kept.chars().any(|c| !c.is_whitespace());
    said.then_some(kept)
}

/// `[text](address)` becomes `text`, `![text](address)` too.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, from) = rest.split_at(open);
        let middle = from[1..].find(['[', ']']).map(|at| at + 1).filter(|middle| from[*middle..].starts_with("]("));
        let link = middle.and_then(|middle| Some((middle, middle + from[middle..].find(')')?)));
        plain.push_str(before.strip_suffix('!').filter(|_| link.is_some()).unwrap_or(before));
        match link {
            Some((middle, end)) => {
                plain.push_str(&from[1..middle]);
                rest = &from[end + 1..];
            }
            None => {
                plain.push('[');
                rest = &from[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// Emoji, dingbats, arrows, flags, and what joins and varies them.
const fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{200d}' | '\u{20e3}' | '\u{fe00}'..='\u{fe0f}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}'
        | '\u{2460}'..='\u{24ff}' | '\u{2500}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1faff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a text that comes in tokens of this many characters.
    fn pieces(language: &str, text: &str, token: usize) -> Vec<String> {
        let mut sentences = Sentences::new(language);
        let chars: Vec<char> = text.chars().collect();
        let mut pieces: Vec<String> =
            chars.chunks(token).flat_map(|token| sentences.push(&token.iter().collect::<String>())).collect();
        pieces.extend(sentences.finish());
        pieces
    }

    #[test]
    fn the_first_clause_comes_early_and_then_whole_sentences() {
        let text = "Yes, I can see your booking, it is on Tuesday, the fifth. Shall I move it, or leave it?";
        assert_eq!(
            pieces("en", text, 3),
            ["Yes, I can see your booking,", " it is on Tuesday, the fifth.", " Shall I move it, or leave it?"]
        );
    }

    #[test]
    fn short_first_words_wait_for_more() {
        assert_eq!(pieces("en", "Sure, one moment please. Done.", 2), ["Sure, one moment please.", " Done."]);
        assert_eq!(pieces("en", "Hi!", 1), ["Hi!"]);
    }

    #[test]
    fn pieces_do_not_depend_on_how_the_text_is_cut_into_tokens() {
        let texts = [
            (
                "en",
                "Dr. Smith is in at 3.30 p.m. on Jan. 5. It costs $1,250.50, e.g. for two. Is No. 7 right? No. Fine.",
            ),
            ("en", "Version 2.0 costs 3. Then it rains… Well! \"Really?\" he said. J. R. Smith and I. Then you."),
            ("de", "Das ist z. B. am 3. Mai um 14.30 Uhr, ca. zwei Stunden. Passt das? Nr. 5 bzw. Nr. 6."),
            ("en", "First line\nSecond line\n- a point\n- another\n\n1. One\n2. Two"),
        ];
        for (language, text) in texts {
            let whole = pieces(language, text, 10_000);
            for token in 1..9 {
                assert_eq!(pieces(language, text, token), whole, "tokens of {token}");
            }
        }
    }

    #[test]
    fn abbreviations_numbers_and_initials_end_nothing() {
        assert_eq!(
            pieces(
                "en",
                "Dr. J. Smith is in at 3.30 p.m. on Jan. 5th. He has 2.5 hours, e.g. for you. It is No. 7. No. Bye.",
                4
            ),
            [
                "Dr. J. Smith is in at 3.30 p.m. on Jan. 5th.",
                " He has 2.5 hours, e.g. for you.",
                " It is No. 7.",
                " No.",
                " Bye."
            ]
        );
        assert_eq!(pieces("en", "We open at 9 a.m. See you there.", 4), ["We open at 9 a.m.", " See you there."]);
        assert_eq!(
            pieces("de", "Am 3. Mai um 14.30 Uhr z. B. bei Dr. Maier. Gut?", 4),
            ["Am 3. Mai um 14.30 Uhr z. B. bei Dr. Maier.", " Gut?"]
        );
        assert_eq!(
            pieces("en", "The numbers are 5, 6, 7, 8 and 9. Right?", 1),
            ["The numbers are 5, 6, 7, 8 and 9.", " Right?"]
        );
    }

    #[test]
    fn markup_and_pictures_are_not_spoken() {
        assert_eq!(
            pieces("en", "**Great** news! 🎉 Your _order_ is `ready`. 👍🏽", 3),
            ["Great news!", " Your order is ready."]
        );
        assert_eq!(
            pieces("en", "## Options\n- **Monday** at nine\n* Tuesday\n1. Call us\n---\n| a | b |", 5),
            ["Options", " Monday at nine", " Tuesday", " 1. Call us", " a b"]
        );
        assert_eq!(
            pieces("en", "See [our site](https://example.com/a.b?c=d) now. [ok] ![x](y)", 4),
            ["See our site now.", " [ok] x"]
        );
        assert_eq!(pieces("en", "2 * 3 is 6. snake_case stays.", 4), ["2 3 is 6.", " snake_case stays."]);
        assert_eq!(pieces("en", " 😀 ", 1), [""; 0]);
    }

    #[test]
    fn endless_sentences_are_cut() {
        let text = "word ".repeat(200);
        let cut = pieces("en", &text, 7);
        assert!(cut.iter().all(|piece| piece.len() <= 2 * LONG + 1), "{cut:?}");
        assert_eq!(cut.concat(), text.trim_end());
        let listing = "one hundred and something, ".repeat(12);
        assert!(pieces("en", &listing, 7).iter().skip(1).all(|piece| piece.len() <= LONG + 30));
    }

    #[test]
    fn what_broke_off_can_be_dropped() {
        let mut sentences = Sentences::new("en");
        assert_eq!(sentences.push("It is ready. You can come and"), ["It is ready."]);
        sentences.drop_rest();
        assert_eq!(sentences.finish(), None);
    }
}
