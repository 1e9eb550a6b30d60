//! E-mail addresses: "anna dot miller at gmail dot com", "b as in bravo", "unterstrich", "ät".

use crate::agent::language::Language;
use crate::agent::words::fold;

/// Longest address, in characters (RFC 5321 4.5.3.1.3).
const MAX_ADDRESS: usize = 254;

/// The one e-mail address that is said, in lower case.
#[must_use]
pub fn email(language: Language, text: &str) -> Option<String> {
    if let Some(written) = written(text) {
        return Some(written);
    }
    let words = words(text);
    let pieces = pieces(language, &words);
    let mut ats = pieces.iter().enumerate().filter(|(_, piece)| **piece == Piece::Sign('@'));
    let (at, _) = ats.next()?;
    if ats.next().is_some() {
        return None;
    }
    let local = side(after_lead(language, &words[..at], &pieces[..at]));
    let domain = side(until_tail(language, &words[at + 1..], &pieces[at + 1..]));
    let address = format!("{local}@{}", known_domain(domain));
    is_address(&address).then_some(address)
}

/// An address as it is spoken back: the part before the `@` letter by letter, the rest as it is.
#[must_use]
pub fn read_back(language: Language, address: &str) -> String {
    let (local, domain) = address.split_once('@').unwrap_or((address, ""));
    let (at, dot, dash, underscore) = match language {
        Language::English => ("at", "dot", "dash", "underscore"),
        Language::German => ("ät", "Punkt", "Bindestrich", "Unterstrich"),
    };
    let sign = |c: char| match c {
        '.' => dot.to_owned(),
        '-' => dash.to_owned(),
        '_' => underscore.to_owned(),
        '+' => "plus".to_owned(),
        other => other.to_uppercase().to_string(),
    };
    let letters: Vec<String> = local.chars().map(sign).collect();
    let labels: Vec<String> = domain.split('.').map(|label| label.replace('-', &format!(" {dash} "))).collect();
    format!("{}, {at}, {}", letters.join(", "), labels.join(&format!(" {dot} ")))
}

/// Whether this is an address that mail can be sent to: the plain form that people have, not all that RFC 5322 allows.
#[must_use]
pub fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    let dots = |part: &str| part.split('.').all(|label| !label.is_empty());
    let host = |label: &str| {
        !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    address.len() <= MAX_ADDRESS
        && (1..=64).contains(&local.len())
        && dots(local)
        && local.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-+".contains(&b))
        && dots(domain)
        && domain.split('.').all(host)
        && domain.rsplit_once('.').is_some_and(|(_, top)| top.len() >= 2 && top.bytes().all(|b| b.is_ascii_lowercase()))
}

/// An address that the recogniser wrote as one.
fn written(text: &str) -> Option<String> {
    let mut found = text
        .split_whitespace()
        .map(|word| fold(word.trim_matches(|c: char| !c.is_alphanumeric())))
        .filter(|word| is_address(word));
    let address = found.next()?;
    found.all(|other| other == address).then_some(address)
}

fn words(text: &str) -> Vec<String> {
    let spaced: String = text
        .chars()
        .flat_map(|c| {
            let apart = matches!(c, '@' | '_' | '+');
            [if apart { Some(' ') } else { None }, Some(c), if apart { Some(' ') } else { None }]
        })
        .flatten()
        .collect();
    let mut words = Vec::new();
    for word in spaced.split_whitespace() {
        if word == "." {
            words.push(word.to_owned());
            continue;
        }
        // "gmail.com" inside a sentence; a point at the end of it ends the sentence.
        let inner = word.trim_matches(|c: char| matches!(c, ',' | ';' | ':' | '?' | '!' | '.' | '"' | '\''));
        for (index, label) in inner.split('.').enumerate() {
            if index > 0 {
                words.push(".".to_owned());
            }
            for (index, part) in label.split('-').enumerate() {
                if index > 0 {
                    words.push("-".to_owned());
                }
                if !part.is_empty() {
                    words.push(fold(part));
                }
            }
        }
    }
    words
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Sign(char),
    Text(String),
    /// Part of what another word means: the "bravo" of "b as in bravo".
    Nothing,
}

fn pieces(language: Language, words: &[String]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = words.iter().map(|word| piece(language, word)).collect();
    let spelt: &[&[&str]] = match language {
        Language::English => &[&["as", "in"], &["for"], &["like"]],
        Language::German => &[&["wie"]],
    };
    for at in 0..words.len() {
        if words[at].len() != 1 || matches!(pieces[at], Piece::Nothing | Piece::Sign(_)) {
            continue;
        }
        for link in spelt {
            let end = at + 1 + link.len();
            let linked = words.get(at + 1..end).is_some_and(|between| between.iter().zip(*link).all(|(a, b)| a == b));
            if linked && words.get(end).is_some_and(|word| word.starts_with(&words[at])) {
                pieces[at + 1..=end].fill(Piece::Nothing);
            }
        }
    }
    pieces
}

fn piece(language: Language, word: &str) -> Piece {
    let sign = match (language, word) {
        (_, "@" | "at") => '@',
        (_, ".") => '.',
        (_, "-") => '-',
        (_, "_") => '_',
        (_, "+" | "plus") => '+',
        (Language::English, "dot" | "point" | "period") => '.',
        (Language::English, "dash" | "hyphen" | "minus") => '-',
        (Language::English, "underscore") => '_',
        (Language::German, "aet" | "et" | "klammeraffe" | "affenschwanz") => '@',
        (Language::German, "punkt" | "dot") => '.',
        (Language::German, "minus" | "bindestrich" | "strich") => '-',
        (Language::German, "unterstrich") => '_',
        _ => return digit(language, word).map_or_else(|| Piece::Text(word.to_owned()), Piece::Text),
    };
    Piece::Sign(sign)
}

/// A number word as figures.
fn digit(language: Language, word: &str) -> Option<String> {
    super::number::digits(language, word).filter(|_| !word.bytes().any(|b| b.is_ascii_digit()) && word.len() > 1)
}

/// What is said before the address: "my e-mail is", "that is".
fn after_lead<'a>(language: Language, words: &[String], pieces: &'a [Piece]) -> &'a [Piece] {
    let leads: &[&str] = match language {
        Language::English => &[
            "my", "e", "-", "mail", "email", "address", "is", "it", "its", "it's", "that", "that's", "would", "be",
            "the", "um", "uh", "yes", "sure", "okay", "so", "well", "you", "can", "use",
        ],
        Language::German => &[
            "meine",
            "e",
            "-",
            "mail",
            "email",
            "adresse",
            "mailadresse",
            "ist",
            "das",
            "lautet",
            "die",
            "waere",
            "aehm",
            "aeh",
            "ja",
            "also",
            "gerne",
            "sie",
            "koennen",
        ],
    };
    let skip = words.iter().take_while(|word| leads.contains(&word.as_str())).count();
    // An address may begin with such a word ("use@…"): then there is nothing else before the sign.
    if skip == pieces.len() { &pieces[skip.saturating_sub(1)..] } else { &pieces[skip..] }
}

/// What is said after the address: "please", "that is all".
fn until_tail<'a>(language: Language, words: &[String], pieces: &'a [Piece]) -> &'a [Piece] {
    let tails: &[&str] = match language {
        Language::English => &["please", "thanks", "thank", "okay", "that", "that's", "all", "lowercase", "and"],
        Language::German => &["bitte", "danke", "okay", "das", "alles", "klein", "kleingeschrieben", "und"],
    };
    let top = pieces.iter().rposition(|piece| *piece == Piece::Sign('.')).map_or(0, |at| at + 2);
    let end = words.iter().enumerate().position(|(at, word)| at >= top && tails.contains(&word.as_str()));
    &pieces[..end.unwrap_or(pieces.len())]
}

fn side(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Sign(sign) => text.push(*sign),
            Piece::Text(word) => text.push_str(word),
            Piece::Nothing => {}
        }
    }
    text
}

/// What recognisers make of well-known providers, put right.
fn known_domain(domain: String) -> String {
    const HEARD: [(&str, &str); 5] = [
        ("geemail.com", "gmail.com"),
        ("jimail.com", "gmail.com"),
        ("tonline.de", "t-online.de"),
        ("teonline.de", "t-online.de"),
        ("geemx.de", "gmx.de"),
    ];
    HEARD.iter().find(|(heard, _)| *heard == domain).map_or(domain, |(_, meant)| (*meant).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_addresses() {
        let cases = [
            ("anna dot miller at gmail dot com", "anna.miller@gmail.com"),
            ("My email address is anna miller at example dot co dot uk, thanks.", "annamiller@example.co.uk"),
            ("j o h n underscore four two at hot mail dot com", "john_42@hotmail.com"),
            ("b as in bravo, o, b for bob, at web dash shop dot org please", "bob@web-shop.org"),
            ("It's Anna.Miller@Example.com.", "anna.miller@example.com"),
            ("john plus news at example.com", "john+news@example.com"),
            ("info @ example . com", "info@example.com"),
        ];
        for (text, expected) in cases {
            assert_eq!(email(Language::English, text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn german_addresses() {
        let cases = [
            ("anna punkt müller ät web punkt de", "anna.mueller@web.de"),
            ("meine E-Mail-Adresse ist hans minus peter at t minus online punkt de", "hans-peter@t-online.de"),
            ("m wie martha, a, x unterstrich drei klammeraffe gmx punkt net bitte", "max_3@gmx.net"),
        ];
        for (text, expected) in cases {
            assert_eq!(email(Language::German, text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in ["", "i have none", "at", "anna at home", "a at b at c dot com", "meet me at the corner dot", "@."]
        {
            assert_eq!(email(Language::English, text), None, "{text}");
        }
        assert!(!is_address("anna..m@example.com"));
        assert!(!is_address("anna@-example.com"));
        assert!(!is_address(&format!("{}@example.com", "a".repeat(65))));
    }

    #[test]
    fn an_address_is_read_back_letter_by_letter() {
        assert_eq!(
            read_back(Language::English, "ann-m.x_4@web-shop.co.uk"),
            "A, N, N, dash, M, dot, X, underscore, 4, at, web dash shop dot co dot uk"
        );
        assert_eq!(read_back(Language::German, "max@web.de"), "M, A, X, ät, web Punkt de");
    }

    proptest::proptest! {
        #[test]
        fn nothing_said_breaks_it(text in "\\PC{0,80}") {
            for language in [Language::English, Language::German] {
                if let Some(address) = email(language, &text) {
                    proptest::prop_assert!(is_address(&address));
                }
            }
        }
    }
}
