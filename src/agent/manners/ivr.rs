//! Menus to be gone through by keys: "for sales, press one".
//!
//! A menu is read from its words, so that a model or a tool can choose among its options. What was heard and pressed
//! is remembered: a menu that comes again and again is a loop, and a loop is left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::agent::language::Language;
use crate::agent::words::words;
use crate::pii::Pii;
use crate::provider::llm::{JsonSchema, LlmRequest, Message};

/// A menu heard for the so-manieth time means that we go round in a circle.
const MAX_HEARINGS: usize = 3;
/// More menus than this lead nowhere.
const MAX_MENUS: usize = 15;
/// So much alike are two hearings of one menu: shared pairs of words, of those of the shorter one.
const ALIKE: f64 = 0.7;
/// Fewer pairs of words say too little to compare.
const FEWEST_PAIRS: usize = 4;
/// Most keys in one answer to a menu.
const MAX_KEYS: usize = 32;

/// A menu, as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// What can be chosen, in the order it was said.
    pub options: Vec<MenuOption>,
}

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuOption {
    /// The key.
    pub key: char,
    /// What it is for, in the menu's words; empty when that was not understood.
    pub purpose: String,
}

/// The menus of one call.
#[derive(Clone, Debug)]
pub struct Menus {
    language: Language,
    heard: Vec<Hearing>,
}

/// A menu and what was done about it.
#[derive(Clone, Debug)]
struct Hearing {
    pairs: BTreeSet<(String, String)>,
    times: usize,
    pressed: Vec<String>,
}

/// What the conversation shall do about what it heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is no menu.
    NotAMenu,
    /// Choose. Keys that were tried at this menu already led back to it.
    Choose {
        /// The menu.
        menu: Menu,
        /// Keys pressed at it before.
        tried: Vec<String>,
    },
    /// We go round in circles: hang up, or hand over.
    GiveUp,
}

impl Menus {
    /// None heard yet.
    #[must_use]
    pub const fn new(language: Language) -> Self {
        Self { language, heard: Vec::new() }
    }

    /// Whether any menu was heard in this call.
    #[must_use]
    pub const fn is_in_menus(&self) -> bool {
        !self.heard.is_empty()
    }

    /// An utterance of the other side, whole.
    pub fn heard(&mut self, text: &str) -> Step {
        let Some(menu) = menu(self.language, text) else { return Step::NotAMenu };
        let pairs = pairs(text);
        let known = self.heard.iter_mut().find(|hearing| alike(&hearing.pairs, &pairs));
        let (times, tried) = match known {
            Some(hearing) => {
                hearing.times += 1;
                // The longer hearing of the two is the better description.
                if pairs.len() > hearing.pairs.len() {
                    hearing.pairs = pairs;
                }
                (hearing.times, hearing.pressed.clone())
            }
            None => {
                self.heard.push(Hearing { pairs, times: 1, pressed: Vec::new() });
                (1, Vec::new())
            }
        };
        if times > MAX_HEARINGS || self.heard.len() > MAX_MENUS { Step::GiveUp } else { Step::Choose { menu, tried } }
    }

    /// These keys were pressed at a menu that was heard as `text`.
    pub fn pressed(&mut self, text: &str, keys: &str) {
        let pairs = pairs(text);
        if let Some(hearing) = self.heard.iter_mut().find(|hearing| alike(&hearing.pairs, &pairs)) {
            hearing.pressed.push(keys.to_owned());
        }
    }
}

/// The menu in these words; `None` when no key is asked for.
#[must_use]
pub fn menu(language: Language, text: &str) -> Option<Menu> {
    let mut options: Vec<MenuOption> = Vec::new();
    for sentence in text.split(['.', '!', '?', ';']) {
        let words = words(sentence);
        let mut from = 0;
        for at in 0..words.len() {
            if at < from {
                continue;
            }
            let Some((key, end)) = key_asked_for(language, &words, at) else { continue };
            let before = purpose(language, &words[from..at]);
            // "Press 1 for sales" names the purpose after the key, "for sales, press 1" before it.
            let (purpose, end) = if before.is_empty() { after(language, &words, end) } else { (before, end) };
            if !options.iter().any(|option| option.key == key) {
                options.push(MenuOption { key, purpose });
            }
            from = end;
        }
    }
    (!options.is_empty()).then_some(Menu { options })
}

/// Keys with pauses, as they are sent: `0`–`9`, `*`, `#`, `A`–`D`, `w` for half a second, `W` for a second. Other signs
/// that people write between digits are dropped; `None` when no key is left, or there are too many.
#[must_use]
pub fn keys(text: &str) -> Option<String> {
    let mut keys = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' | '*' | '#' | 'A'..='D' | 'w' | 'W' => keys.push(c),
            'a'..='d' => keys.push(c.to_ascii_uppercase()),
            ',' => keys.push('w'),
            ' ' | '-' | '.' | '(' | ')' => {}
            _ => return None,
        }
    }
    let any = keys.contains(|c: char| !matches!(c, 'w' | 'W'));
    (any && keys.len() <= MAX_KEYS).then_some(keys)
}

/// How long these keys take to send, each key being 100 ms of tone and 100 ms of pause.
#[must_use]
pub fn keys_take(keys: &str) -> Duration {
    let millis = keys.chars().map(|c| match c {
        'w' => 500,
        'W' => 1_000,
        _ => 200,
    });
    Duration::from_millis(millis.sum())
}

/// Asks a model which key to press. `goal` is what the call is for.
#[must_use]
pub fn question(menu: &Menu, heard: &str, tried: &[String], goal: &str) -> LlmRequest {
    let options: String = menu.options.iter().map(|option| format!("{}: {}\n", option.key, option.purpose)).collect();
    let tried = if tried.is_empty() {
        String::new()
    } else {
        format!("These keys led back to this menu, do not choose them again: {}.\n", tried.join(", "))
    };
    let system = format!(
        "You are on a phone call and hear the menu of a machine. Choose the keys that bring you nearest to your goal. \
         Prefer a person over a machine. `keys` holds digits, * and #, `w` for half a second's pause. Leave it empty to \
         wait for more of the menu.\nYour goal: {goal}"
    );
    let user = format!("The machine says: {heard}\nIts keys:\n{options}{tried}");
    let schema = json!({
        "type": "object",
        "properties": { "keys": { "type": "string", "description": "The keys to press; empty to wait." } },
        "required": ["keys"],
        "additionalProperties": false
    });
    LlmRequest {
        messages: Arc::from([Message::System { text: Pii::new(system) }, Message::User { text: Pii::new(user) }]),
        tools: Arc::from([]),
        max_tokens: 60,
        temperature: Some(0.0),
        schema: Some(Arc::new(JsonSchema { name: "menu_choice".to_owned(), schema })),
    }
}

/// The keys that a model chose; `None` to wait, or when its answer is none.
#[must_use]
pub fn choice(answer: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Chosen {
        keys: String,
    }
    let chosen: Chosen = serde_json::from_str(answer.trim()).ok()?;
    keys(&chosen.keys)
}

/// "press 1", "drücken Sie bitte die 1": the key and where the words after it begin.
fn key_asked_for(language: Language, words: &[String], at: usize) -> Option<(char, usize)> {
    let (verbs, fillers): (&[&str], &[&str]) = match language {
        Language::English => {
            (&["press", "dial", "push", "enter", "hit", "select"], &["the", "number", "key", "or", "say"])
        }
        Language::German => (
            &["druecken", "druecke", "waehlen", "waehle", "tippen", "die"],
            &["sie", "bitte", "die", "taste", "nun", "jetzt", "oder", "sagen"],
        ),
    };
    if !verbs.contains(&words[at].as_str()) {
        return None;
    }
    let mut next = at + 1;
    while words.get(next).is_some_and(|word| fillers.contains(&word.as_str())) {
        next += 1;
    }
    let key = key(language, words.get(next)?)?;
    // "die 2" counts after a first "drücken Sie die 1" only when nothing but the key follows: "für Service die 2".
    let alone = words[at] == "die" && next == at + 1;
    if words[at] == "die" && !alone { None } else { Some((key, next + 1)) }
}

fn key(language: Language, word: &str) -> Option<char> {
    let mut chars = word.chars();
    if let (Some(digit @ '0'..='9'), None) = (chars.next(), chars.next()) {
        return Some(digit);
    }
    match (language, word) {
        (Language::English, "star" | "asterisk") | (Language::German, "stern" | "sterntaste") => Some('*'),
        (Language::English, "pound" | "hash") | (Language::German, "raute" | "rautetaste") => Some('#'),
        _ => {
            let digits = crate::agent::flow::spoken::number::digits(language, word)?;
            let mut digits = digits.chars();
            digits.next().filter(|digit| digit.is_ascii_digit() && digits.next().is_none())
        }
    }
}

/// "sales" of "for sales": the words since the option before, without what leads up to them.
fn purpose(language: Language, words: &[String]) -> String {
    let leads: &[&str] = match language {
        Language::English => &["for", "to", "if"],
        Language::German => &["fuer", "um", "zum", "zur", "wenn", "bei"],
    };
    let Some(at) = words.iter().position(|word| leads.contains(&word.as_str())) else { return String::new() };
    words[at + 1..].join(" ")
}

/// "sales" of "press 1 for sales": up to the next key, and where that begins.
fn after(language: Language, words: &[String], from: usize) -> (String, usize) {
    let lead: &[&str] = match language {
        Language::English => &["for", "to", "if"],
        Language::German => &["fuer", "um", "zum", "zur", "wenn", "bei"],
    };
    if !words.get(from).is_some_and(|word| lead.contains(&word.as_str())) {
        return (String::new(), from);
    }
    let end = (from + 1..words.len()).find(|at| key_asked_for(language, words, *at).is_some()).unwrap_or(words.len());
    let end_of_purpose =
        (from + 1..end).find(|at| matches!(words[*at].as_str(), "and" | "or" | "und" | "oder")).unwrap_or(end);
    (words[from + 1..end_of_purpose].join(" "), end)
}

fn pairs(text: &str) -> BTreeSet<(String, String)> {
    let words = words(text);
    words.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

fn alike(one: &BTreeSet<(String, String)>, other: &BTreeSet<(String, String)>) -> bool {
    let fewest = one.len().min(other.len());
    let shared = one.intersection(other).count();
    fewest >= FEWEST_PAIRS && shared as f64 >= ALIKE * fewest as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENU: &str = "Welcome to Riverside. For sales, press 1. For support, press two. To speak to an operator, press \
                        zero.";

    fn options(language: Language, text: &str) -> Vec<String> {
        let options = menu(language, text).map(|menu| menu.options).unwrap_or_default();
        options.iter().map(|option| format!("{} {}", option.key, option.purpose)).collect()
    }

    #[test]
    fn english_menus_are_read() {
        assert_eq!(options(Language::English, MENU), ["1 sales", "2 support", "0 speak to an operator"]);
        assert_eq!(
            options(Language::English, "Press one for billing, press 2 for repairs or press star to hear this again."),
            ["1 billing", "2 repairs", "* hear this again"]
        );
        assert_eq!(
            options(Language::English, "If you know the extension, dial pound now."),
            ["# you know the extension"]
        );
        for text in ["Hello?", "We are pressed for time", "I will be there at two"] {
            assert_eq!(menu(Language::English, text), None, "{text}");
        }
    }

    #[test]
    fn german_menus_are_read() {
        let text = "Für den Verkauf drücken Sie bitte die 1, für den Kundendienst die zwei. Um zu wiederholen, wählen Sie die \
                    Raute.";
        assert_eq!(options(Language::German, text), ["1 den verkauf", "2 den kundendienst", "# zu wiederholen"]);
        assert_eq!(options(Language::German, "Die Praxis Weber, guten Tag"), [""; 0]);
    }

    #[test]
    fn a_menu_heard_again_tells_what_was_tried() {
        let mut menus = Menus::new(Language::English);
        assert!(!menus.is_in_menus());
        assert!(matches!(menus.heard(MENU), Step::Choose { tried, .. } if tried.is_empty()));
        menus.pressed(MENU, "1");
        let worse = "to riverside for sales press 1 for support press two to speak to an operator press";
        assert!(matches!(menus.heard(worse), Step::Choose { tried, .. } if tried == ["1"]));
        menus.pressed(worse, "2");
        assert!(matches!(menus.heard(MENU), Step::Choose { tried, .. } if tried == ["1", "2"]));
        assert_eq!(menus.heard(MENU), Step::GiveUp);
    }

    #[test]
    fn other_menus_are_no_loop() {
        let mut menus = Menus::new(Language::English);
        menus.heard(MENU);
        let next = "You have chosen sales. For new customers press one. For existing contracts press two.";
        assert!(matches!(menus.heard(next), Step::Choose { tried, .. } if tried.is_empty()));
        assert_eq!(menus.heard("One moment please."), Step::NotAMenu);
    }

    #[test]
    fn too_many_menus_lead_nowhere() {
        let mut menus = Menus::new(Language::English);
        let texts = ('a'..='z').map(|c| format!("for {c} {c}{c} {c}x {c}y press one"));
        let steps: Vec<_> = texts.map(|text| menus.heard(&text)).collect();
        assert_eq!(steps.iter().position(|step| *step == Step::GiveUp), Some(MAX_MENUS));
    }

    #[test]
    fn keys_are_what_can_be_sent() {
        assert_eq!(keys("1w2W#").as_deref(), Some("1w2W#"));
        assert_eq!(keys("0800 12-34, 5").as_deref(), Some("08001234w5"));
        for text in ["", "w", "sales", "1;2", &"1".repeat(33)] {
            assert_eq!(keys(text), None, "{text}");
        }
        assert_eq!(keys_take("1w2W"), Duration::from_millis(1_900));
    }

    #[test]
    fn a_model_is_asked_and_its_answer_read() {
        let menu = menu(Language::English, MENU).expect("it is a menu");
        let request = question(&menu, MENU, &["1".to_owned()], "reach billing");
        let Message::User { text } = &request.messages[1] else { panic!("the menu comes second") };
        assert!(text.expose().contains("2: support") && text.expose().contains("do not choose them again: 1"));
        assert!(request.schema.is_some());
        assert_eq!(choice(r#"{"keys":"2"}"#).as_deref(), Some("2"));
        assert_eq!(choice(r#" {"keys":""} "#), None);
        assert_eq!(choice("two"), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_heard_breaks_it(text in "\\PC{0,120}") {
            let _ = (menu(Language::English, &text), menu(Language::German, &text), keys(&text), choice(&text));
        }
    }
}
