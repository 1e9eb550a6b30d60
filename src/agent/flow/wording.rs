//! What callers say and what the agent says by itself, in English.

use super::graph::{AnswerKind, Ask, Choice};

/// The value of a yes.
pub(crate) const YES: &str = "yes";
/// The value of a no.
pub(crate) const NO: &str = "no";

/// What callers say for yes.
pub(crate) const YES_PHRASES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "sure",
    "okay",
    "of course",
    "absolutely",
    "definitely",
    "certainly",
    "correct",
    "yes i do",
    "yes i would",
    "yes i am",
    "i do",
    "i would",
    "oh yes",
    "yes of course",
    "yes sure",
    "yeah sure",
    "sure thing",
    "yes absolutely",
    "yes definitely",
    "that is right",
    "yes that is right",
    "that would be great",
    "yeah okay",
    "okay then",
    "yes yes",
    "um yes",
    "uh yes",
    "well yes",
    "um yeah",
    "yes please",
    "yes thank you",
    "yes thanks",
    "yeah please",
    "sure please",
    "okay please",
];

/// What callers say for no.
pub(crate) const NO_PHRASES: &[&str] = &[
    "no",
    "nope",
    "oh no",
    "no no",
    "um no",
    "uh no",
    "well no",
    "no i do not",
    "no i don't",
    "no i am not",
    "not really",
    "no not really",
    "not now",
    "not today",
    "no not today",
    "not at all",
    "no not at all",
    "definitely not",
    "absolutely not",
    "i do not think so",
    "i don't think so",
    "no i do not think so",
    "no sorry",
    "no way",
    "no thanks",
    "no thank you",
    "no i am not interested",
    "no i don't think so",
    "no not now",
];

/// What may stand before an option of a choice.
pub(crate) const CHOICE_LEADS: &[&str] = &[
    "um",
    "uh",
    "well",
    "the",
    "in the",
    "um the",
    "i would like the",
    "i prefer the",
    "i think the",
    "maybe the",
    "maybe in the",
];

/// What may stand after an option of a choice.
pub(crate) const CHOICE_TAILS: &[&str] =
    &["please", "thanks", "would be good", "would be great", "is fine", "is better", "is best"];

/// What ends a call when it is said.
pub(crate) const GOODBYES: &[&str] =
    &["goodbye", "bye bye", "do not call me again", "stop calling me", "leave me alone"];

/// What asks for the question again.
pub(crate) const REPEATS: &[&str] =
    &["pardon", "sorry what", "say that again", "could you repeat that", "can you repeat that"];

/// What refuses an answer.
pub(crate) const REFUSALS: &[&str] = &["i would rather not say", "none of your business"];

/// Sentences that callers say and that are no answer: without them, such speech is pressed into one.
pub(crate) const DECOYS: &[&str] = &[
    "hello",
    "hello hello",
    "hello who is this",
    "who is this",
    "who are you",
    "what",
    "what is this about",
    "what is it",
    "hold on",
    "hold on a second",
    "one moment",
    "just a moment",
    "wait",
    "i am busy",
    "i am driving",
    "i do not know",
    "i don't know",
    "i do not understand",
    "can you call me back later",
    "call me later",
    "maybe",
    "let me think",
    "where are you calling from",
    "how did you get my number",
    "i am not interested",
    "what do you mean",
    "what do you want",
    "is this a recording",
    "are you a robot",
    "i cannot hear you",
    "i can't hear you",
    "is it important",
    "i am at work",
    "i have no time",
];

/// Whether a phrase means something in every question.
pub(crate) fn is_reserved(phrase: &str) -> bool {
    [GOODBYES, REPEATS, REFUSALS].iter().any(|list| list.contains(&phrase))
}

/// What is said when an answer was not understood.
pub(crate) fn not_understood(hint: &str) -> String {
    format!("Sorry, I did not get that. {hint}")
}

/// What is said after a silence.
pub(crate) fn still_there(hint: &str) -> String {
    format!("Are you still there? {hint}")
}

/// What is said to a caller who said goodbye.
pub(crate) const GOODBYE: &str = "All right. Goodbye.";

/// What is said when the time is up.
pub(crate) const TIME_UP: &str = "I am sorry, our time is up. Goodbye.";

/// How to answer a yes-or-no question.
pub(crate) const YES_NO_HINT: &str = "Please say yes or no, or press 1 for yes and 2 for no.";

/// How to answer a question.
pub(crate) fn hint(ask: &Ask) -> String {
    match &ask.answer {
        AnswerKind::YesNo {} => YES_NO_HINT.to_owned(),
        AnswerKind::Choice { options } => {
            let spoken = list(&options.iter().map(label).collect::<Vec<_>>());
            let keys = options
                .iter()
                .enumerate()
                .map(|(i, option)| format!("{} for {}", option.key(i).unwrap_or_default(), label(option)));
            format!("Please say {spoken}, or press {}.", list(&keys.collect::<Vec<_>>()).replace(" or ", " and "))
        }
        AnswerKind::Number { .. } => "Please type the number on your keypad, then press the hash key.".to_owned(),
        AnswerKind::Open { .. } => "Please speak now.".to_owned(),
    }
}

/// What is said to have an answer confirmed.
pub(crate) fn confirmation(answer: &str) -> String {
    format!("I understood {answer}. Is that right?")
}

/// Digits as they are read out, one by one.
pub(crate) fn digits(digits: &str) -> String {
    digits.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

/// What an option is called aloud.
pub(crate) fn label(option: &Choice) -> String {
    option.words.first().unwrap_or(&option.id).clone()
}

/// "a, b or c".
fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
