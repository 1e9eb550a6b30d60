//! What everybody is told before anything else: that an AI is speaking, that the call is recorded. The lines are said
//! whole, first, and nothing the caller does skips or interrupts them; what was not heard to its end was not disclosed.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::assistant::Disclosure;
use crate::agent::language::Language;
use crate::agent::words::{any_said, words};

/// A line that has to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// An AI is speaking.
    Ai,
    /// The call is recorded.
    Recording,
}

/// What has to be said in one call, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosing {
    language: Language,
    owed: VecDeque<Line>,
    record: Disclosed,
    /// The caller was told of the recording, or it runs anyway: it can be refused.
    recorded: bool,
}

/// What a call leaves behind about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Disclosed {
    /// When the line about the AI had been heard to its end, milliseconds from the answer of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai_ms: Option<u64>,
    /// When the line about the recording had been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_ms: Option<u64>,
    /// When the caller refused to be recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_ms: Option<u64>,
}

impl Disclosing {
    /// For a call that is about to be answered. `recorded` is whether it is being recorded: without a recording there
    /// is nothing to tell about it.
    #[must_use]
    pub fn new(language: Language, wanted: &Disclosure, recorded: bool) -> Self {
        let ai = wanted.ai.then_some(Line::Ai);
        let recording = (wanted.recording && recorded).then_some(Line::Recording);
        let owed = ai.into_iter().chain(recording).collect();
        Self { language, owed, record: Disclosed::default(), recorded }
    }

    /// The line to say next, not to be interrupted, before anything else is said; `None` when all were. Report its end
    /// with [`Self::said`]; a line that was cut off comes again.
    #[must_use]
    pub fn next(&self) -> Option<Line> {
        self.owed.front().copied()
    }

    /// The line was heard to its end, so many milliseconds after the answer of the call.
    pub fn said(&mut self, line: Line, at_ms: u64) {
        if self.owed.front() == Some(&line) {
            self.owed.pop_front();
        }
        let place = match line {
            Line::Ai => &mut self.record.ai_ms,
            Line::Recording => &mut self.record.recording_ms,
        };
        place.get_or_insert(at_ms);
    }

    /// A turn of the caller's. True when it refuses the recording for the first time: stop it, and say [`refused`].
    pub fn heard(&mut self, text: &str, at_ms: u64) -> bool {
        let refuses = self.recorded && self.record.refused_ms.is_none() && refuses(self.language, text);
        if refuses {
            self.record.refused_ms = Some(at_ms);
            // Nothing is recorded any more: nothing about it need be told.
            self.owed.retain(|line| *line != Line::Recording);
        }
        refuses
    }

    /// For the record of the call.
    #[must_use]
    pub const fn record(&self) -> Disclosed {
        self.record
    }
}

/// The stricter of two wishes: what a campaign demands is not switched off by an assistant. Words of the `first` go
/// before those of the second.
#[must_use]
pub fn stricter(first: &Disclosure, second: &Disclosure) -> Disclosure {
    Disclosure {
        ai: first.ai || second.ai,
        ai_text: first.ai_text.clone().or_else(|| second.ai_text.clone()),
        recording: first.recording || second.recording,
        recording_text: first.recording_text.clone().or_else(|| second.recording_text.clone()),
    }
}

/// The words of a line when the assistant has none of its own.
#[must_use]
pub const fn usual(language: Language, line: Line) -> &'static str {
    match (language, line) {
        (Language::English, Line::Ai) => "Please note that you are talking to an automated assistant, an AI.",
        (Language::English, Line::Recording) => {
            "This call is recorded. If you do not want that, just say: do not record."
        }
        (Language::German, Line::Ai) => "Hinweis: Sie sprechen mit einem automatischen Assistenten, einer KI.",
        (Language::German, Line::Recording) => {
            "Dieses Gespräch wird aufgezeichnet. Wenn Sie das nicht möchten, sagen Sie einfach: nicht aufzeichnen."
        }
    }
}

/// What is said to a caller who refused the recording.
#[must_use]
pub const fn refused(language: Language) -> &'static str {
    match language {
        Language::English => "All right, the recording is off.",
        Language::German => "In Ordnung, die Aufzeichnung ist aus.",
    }
}

/// Whether these words refuse to be recorded.
#[must_use]
pub fn refuses(language: Language, text: &str) -> bool {
    let patterns: &[&str] = match language {
        Language::English => &[
            "do not * record|recording|recorded",
            "stop|switch|turn * recording|recorder",
            "no recording",
            "not * recorded|record",
            "without recording|being",
            "object * record|recorded|recording",
        ],
        Language::German => &[
            "nicht * aufzeichnen|aufgezeichnet|aufnehmen|aufgenommen|mitschneiden|mitgeschnitten",
            "keine * aufzeichnung|aufnahme|mitschnitt",
            "aufzeichnung|aufnahme * stoppen|beenden|aus|ausschalten|abschalten|nicht",
            "stoppen|beenden * aufzeichnung|aufnahme",
            "ohne aufzeichnung|aufnahme",
            "nicht * aufzeichnung|aufnahme * einverstanden",
            "nicht einverstanden * aufzeichnung|aufnahme|aufgezeichnet",
        ],
    };
    let heard = words(text);
    any_said(&heard, patterns) && !any_said(&heard, still_wanted(language))
}

/// "I do not mind the recording" refuses nothing.
const fn still_wanted(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => {
            &["do not mind", "do not care", "not a problem", "no problem", "not sure", "broken record"]
        }
        Language::German => &["nichts dagegen", "kein problem", "nicht schlimm", "egal"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Disclosure = Disclosure { ai: true, ai_text: None, recording: true, recording_text: None };

    #[test]
    fn lines_are_owed_until_they_were_heard_to_their_end() {
        let mut disclosing = Disclosing::new(Language::English, &BOTH, true);
        assert_eq!(disclosing.next(), Some(Line::Ai));
        assert_eq!(disclosing.next(), Some(Line::Ai), "asked for again after it was cut off");
        disclosing.said(Line::Ai, 3_000);
        assert_eq!(disclosing.next(), Some(Line::Recording));
        disclosing.said(Line::Recording, 6_000);
        assert_eq!(disclosing.next(), None);
        let record = disclosing.record();
        assert_eq!((record.ai_ms, record.recording_ms, record.refused_ms), (Some(3_000), Some(6_000), None));
    }

    #[test]
    fn only_what_is_wanted_and_true_is_said() {
        let none = Disclosing::new(Language::English, &Disclosure::default(), true);
        assert_eq!(none.next(), None);
        let mut unrecorded = Disclosing::new(Language::English, &BOTH, false);
        unrecorded.said(Line::Ai, 1);
        assert_eq!(unrecorded.next(), None);
        assert!(!unrecorded.heard("do not record me", 2), "there is nothing to refuse");
    }

    #[test]
    fn a_refusal_counts_once_and_nothing_is_told_of_a_recording_that_has_stopped() {
        let mut disclosing = Disclosing::new(Language::English, &BOTH, true);
        assert!(disclosing.heard("I do not want to be recorded", 700));
        assert!(!disclosing.heard("I said do not record", 900));
        disclosing.said(Line::Ai, 1_000);
        assert_eq!(disclosing.next(), None);
        assert_eq!(disclosing.record().refused_ms, Some(700));
    }

    #[test]
    fn refusals_in_two_languages() {
        for text in ["Please don't record this", "stop recording", "I object to being recorded", "no recording please"]
        {
            assert!(refuses(Language::English, text), "{text}");
        }
        for text in ["I don't mind the recording", "record a message", "that is not a problem, record it", "yes"] {
            assert!(!refuses(Language::English, text), "{text}");
        }
        for text in ["Bitte nicht aufzeichnen", "ich möchte nicht aufgenommen werden", "keine Aufnahme bitte"] {
            assert!(refuses(Language::German, text), "{text}");
        }
        for text in ["ich habe nichts dagegen, wenn aufgezeichnet wird", "ja, nehmen Sie es auf"] {
            assert!(!refuses(Language::German, text), "{text}");
        }
    }

    #[test]
    fn what_one_side_demands_the_other_cannot_switch_off() {
        let own = Disclosure { ai_text: Some("I am a robot.".to_owned().into()), ..Disclosure::default() };
        let both = stricter(&BOTH, &own);
        assert!(both.ai && both.recording);
        assert_eq!(both.ai_text, own.ai_text);
    }

    #[test]
    fn the_usual_words_can_be_refused_as_they_say() {
        assert!(refuses(Language::English, "do not record"));
        assert!(refuses(Language::German, "nicht aufzeichnen"));
    }
}
