//! What a callee says: the questions it expects, and its lines for them.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde::Deserialize;

use super::persona::Persona;

/// The questions that a callee expects, in the order in which they are asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// The questions.
    pub(crate) questions: Vec<Question>,
}

/// One expected question.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Question {
    /// Yes or no; 1 and 2 on the keypad.
    YesNo,
    /// One of several; 1, 2, 3 … on the keypad.
    Choice {
        /// What can be chosen, as it is spoken.
        options: Vec<String>,
    },
    /// A number on the keypad, ended with `#`.
    Number {
        /// How many digits.
        digits: usize,
    },
    /// Anything.
    Open,
}

/// One thing a callee does when it is its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Speaks.
    Say(String),
    /// Speaks without waiting for the end of what it hears, this many milliseconds after it began. The first thing an
    /// agent says is a greeting, so the first interruption comes later than the others.
    Interrupt(String, u64),
    /// Mumbles: speech without words.
    Mumble,
    /// Presses keys.
    Press(String),
}

impl Default for Script {
    /// The questions of the demonstration campaign.
    fn default() -> Self {
        let options = ["morning", "afternoon", "evening"].map(str::to_owned).to_vec();
        Self {
            questions: vec![
                Question::YesNo,
                Question::Choice { options },
                Question::Number { digits: 4 },
                Question::Open,
            ],
        }
    }
}

impl Script {
    /// The lines of a persona, in order; empty for those who never speak to an agent.
    pub(crate) fn lines(&self, persona: Persona, rng: &mut StdRng) -> Vec<Line> {
        let mut lines = Vec::new();
        match persona {
            Persona::Mumbles => lines.push(Line::Mumble),
            Persona::Strays => lines.push(Line::Say(pick(STRAY, rng))),
            Persona::Drops => return vec![Line::Say(pick(YES, rng))],
            Persona::HangsUp
            | Persona::Silent
            | Persona::NoAnswer
            | Persona::Declines
            | Persona::Invalid
            | Persona::Spam
            | Persona::Fails
            | Persona::Voicemail => return lines,
            Persona::SaysYes
            | Persona::SaysNo
            | Persona::Chooses
            | Persona::Interrupts
            | Persona::Presses
            | Persona::Busy
            | Persona::Unavailable => {}
        }
        for (place, question) in self.questions.iter().enumerate() {
            lines.push(match answer(question, persona, rng) {
                Line::Say(text) if persona == Persona::Interrupts => {
                    let into_question = rng.random_range(700..1500);
                    Line::Interrupt(text, if place == 0 { GREETING_MS + into_question } else { into_question })
                }
                line @ (Line::Say(_) | Line::Interrupt(..) | Line::Mumble | Line::Press(_)) => line,
            });
        }
        lines
    }
}

fn answer(question: &Question, persona: Persona, rng: &mut StdRng) -> Line {
    match question {
        Question::YesNo => {
            let yes = match persona {
                Persona::SaysNo => false,
                Persona::Chooses | Persona::Mumbles | Persona::Strays | Persona::Interrupts | Persona::Presses => {
                    rng.random()
                }
                Persona::SaysYes
                | Persona::HangsUp
                | Persona::Silent
                | Persona::Busy
                | Persona::NoAnswer
                | Persona::Declines
                | Persona::Invalid
                | Persona::Spam
                | Persona::Fails
                | Persona::Voicemail
                | Persona::Unavailable
                | Persona::Drops => true,
            };
            if persona == Persona::Presses {
                Line::Press(if yes { "1" } else { "2" }.to_owned())
            } else {
                Line::Say(pick(if yes { YES } else { NO }, rng))
            }
        }
        Question::Choice { options } => {
            let chosen = rng.random_range(0..options.len().max(1));
            if persona == Persona::Presses {
                Line::Press((chosen + 1).to_string())
            } else {
                let word = options.get(chosen).cloned().unwrap_or_default();
                Line::Say(pick(CHOICE, rng).replace("{}", &word))
            }
        }
        Question::Number { digits } => {
            let number: String = (0..*digits).map(|_| char::from(b'0' + rng.random_range(0..10))).collect();
            Line::Press(format!("{number}#"))
        }
        Question::Open => Line::Say(pick(REMARK, rng)),
    }
}

/// Length of an agent's greeting before its first question, roughly.
const GREETING_MS: u64 = 5000;

fn pick(from: &[&str], rng: &mut StdRng) -> String {
    from.choose(rng).copied().unwrap_or_default().to_owned()
}

const YES: &[&str] = &["yes", "yes please", "yeah", "yes I do", "sure, yes"];
const NO: &[&str] = &["no", "no thanks", "no thank you", "nope", "no I don't"];
const CHOICE: &[&str] = &["{}", "{} please", "the {}", "in the {}", "I'd like the {}"];
const STRAY: &[&str] = &[
    "what is this about",
    "I am driving right now",
    "who gave you this number",
    "the weather is nice today",
    "can you speak a bit louder",
];
const REMARK: &[&str] = &[
    "please ring me before you come",
    "the door bell is broken",
    "nothing else, thank you",
    "I will bring my son with me",
];

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn lines(persona: Persona, seed: u64) -> Vec<Line> {
        Script::default().lines(persona, &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn those_who_talk_have_a_line_for_every_question() {
        for persona in [Persona::SaysYes, Persona::SaysNo, Persona::Chooses, Persona::Presses, Persona::Interrupts] {
            assert_eq!(lines(persona, 1).len(), 4, "{persona}");
        }
        assert_eq!(lines(Persona::Mumbles, 1).len(), 5);
        assert_eq!(lines(Persona::Mumbles, 1)[0], Line::Mumble);
        assert_eq!(lines(Persona::Silent, 1), []);
    }

    #[test]
    fn the_keypad_answers_every_question_but_the_open_one() {
        for line in &lines(Persona::Presses, 3)[..3] {
            assert!(matches!(line, Line::Press(_)), "{line:?}");
        }
        let Line::Press(number) = &lines(Persona::SaysYes, 3)[2] else { panic!("numbers are pressed") };
        assert!(number.len() == 5 && number.ends_with('#'), "{number}");
    }

    #[test]
    fn a_script_is_read_from_json() {
        let text = r#"{"questions":[{"kind":"yes_no"},{"kind":"choice","options":["red","blue"]}]}"#;
        let script: Script = serde_json::from_str(text).expect("valid");
        assert_eq!(script.questions.len(), 2);
        assert!(serde_json::from_str::<Script>(r#"{"questions":[{"kind":"essay"}]}"#).is_err());
    }
}
