//! What a supervisor should see of a call at a glance: the last words, and whether somebody should look after it.
//!
//! Told of everything the conversation is told, it keeps a few facts; nothing is worked out until somebody looks. Anger is not
//! among the reasons: nothing here could tell it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::agent::input::Input;
use crate::agent::language::Language;
use crate::agent::record::{Answer, AnswerStatus, Line, Speaker};
use crate::agent::words::{any_said, words};
use crate::campaign::wire::wire_enum;
use crate::pii::Pii;

/// Nobody has spoken for so long: somebody may be waiting.
const SILENCE: Duration = Duration::from_secs(15);
/// So many times in a row that the caller was not understood.
const MISSES: u8 = 2;

wire_enum! {
    /// Why somebody should look after a call.
    pub enum AttentionReason is "reason for attention" {
        /// Neither side has spoken for 15 s.
        Silence = "silence",
        /// The caller has asked for a person.
        AskedForPerson = "asked_for_person",
        /// The caller was not understood twice in a row, or a question was given up that was put twice and more.
        NotUnderstood = "not_understood",
    }
}

/// The last words of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWords {
    /// Who.
    pub speaker: Speaker,
    /// What; as the transcript has it.
    pub text: Pii<String>,
    /// When they were over.
    pub at: Instant,
}

/// What is seen of a call at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// The last words.
    pub last_words: Option<LastWords>,
    /// Why somebody should look after it, and since when.
    pub attention: Option<(AttentionReason, Instant)>,
}

/// Follows one call. Its task tells, whoever looks asks.
#[derive(Debug)]
pub(super) struct Watch {
    language: Language,
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    answered: bool,
    agent_speaks: bool,
    caller_speaks: bool,
    /// Since when neither speaks.
    quiet_since: Option<Instant>,
    last_words: Option<LastWords>,
    /// When the caller asked for a person first.
    asked: Option<Instant>,
    /// Turns in a row that were not understood.
    misses: u8,
    /// Since when the caller is not understood.
    lost: Option<Instant>,
}

impl Watch {
    /// Of a call in this language, an IETF tag.
    pub(super) fn new(language: &str) -> Self {
        Self { language: Language::or_english(language), facts: Mutex::default() }
    }

    /// The conversation is told this.
    pub(super) fn told(&self, now: Instant, input: &Input) {
        if let Input::VoiceStarted { .. } = input {
            self.speaks(now, Speaker::Caller, true);
        } else if let Input::VoiceStopped { .. } = input {
            self.speaks(now, Speaker::Caller, false);
        } else if let Input::SpeechStarted { .. } = input {
            self.speaks(now, Speaker::Agent, true);
        } else if let Input::SpeechFinished { .. } | Input::SpeechCut { .. } = input {
            self.speaks(now, Speaker::Agent, false);
        } else if let Input::Answered = input {
            let mut facts = self.lock();
            facts.answered = true;
            facts.quiet_since = Some(now);
        }
    }

    /// A line of the transcript is final. Whether there is a reason for attention that was none, or none any more.
    pub(super) fn heard(&self, now: Instant, line: &Line) -> bool {
        let mut facts = self.lock();
        let before = facts.lasting();
        facts.last_words = Some(LastWords { speaker: line.speaker, text: line.text.clone(), at: now });
        if line.speaker == Speaker::Caller && !line.keys {
            if line.text.expose().is_empty() {
                facts.misses = facts.misses.saturating_add(1);
                if facts.misses >= MISSES {
                    facts.lost.get_or_insert(now);
                }
            } else {
                if std::mem::take(&mut facts.misses) >= MISSES {
                    facts.lost = None;
                }
                if any_said(&words(line.text.expose()), phrases(self.language)) {
                    facts.asked.get_or_insert(now);
                }
            }
        }
        facts.lasting() != before
    }

    /// A question has got its status. As [`heard`](Self::heard).
    pub(super) fn answered(&self, now: Instant, answer: &Answer) -> bool {
        let mut facts = self.lock();
        let before = facts.lasting();
        match answer.status {
            AnswerStatus::NoMatch if answer.attempts >= MISSES => drop(facts.lost.get_or_insert(now)),
            AnswerStatus::Answered => facts.lost = None,
            AnswerStatus::NoMatch | AnswerStatus::NoInput | AnswerStatus::Declined => {}
        }
        facts.lasting() != before
    }

    /// What there is to see now.
    pub(super) fn glance(&self, now: Instant) -> Glance {
        let facts = self.lock();
        let silent = facts.quiet_since.filter(|since| now.saturating_duration_since(*since) >= SILENCE);
        let silent = silent.map(|since| (AttentionReason::Silence, since));
        Glance { last_words: facts.last_words.clone(), attention: facts.lasting().or(silent) }
    }

    fn speaks(&self, now: Instant, who: Speaker, speaks: bool) {
        let mut facts = self.lock();
        match who {
            Speaker::Agent => facts.agent_speaks = speaks,
            Speaker::Caller => facts.caller_speaks = speaks,
        }
        let quiet = facts.answered && !facts.agent_speaks && !facts.caller_speaks;
        facts.quiet_since = if quiet { facts.quiet_since.or(Some(now)) } else { None };
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    /// The reason that does not pass with the next word.
    fn lasting(&self) -> Option<(AttentionReason, Instant)> {
        let asked = self.asked.map(|since| (AttentionReason::AskedForPerson, since));
        asked.or_else(|| self.lost.map(|since| (AttentionReason::NotUnderstood, since)))
    }
}

/// How people ask for a person.
const fn phrases(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &[
            "speak|talk|speaking|talking to|with * human|person|someone|somebody|agent|representative|operator|manager|supervisor",
            "real|actual|live|human person|human|agent|being|operator",
            "transfer|connect|put me * to|through * human|person|someone|somebody|agent|representative|operator|manager",
            "get me * human|person|representative|operator|manager|supervisor",
            "are you * robot|machine|computer|bot",
        ],
        Language::German => &[
            "mit * menschen|mensch|mitarbeiter|mitarbeiterin|person|kollegen|kollegin|jemandem * sprechen|reden|verbinden",
            "echten|echter|richtigen|richtiger|wirklichen menschen|mensch|mitarbeiter|person",
            "verbinden|verbinde sie? mich * menschen|mitarbeiter|mitarbeiterin|kollegen|kollegin|jemandem",
            "sind sie * roboter|maschine|computer|automat|bot",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(speaker: Speaker, text: &str) -> Line {
        Line {
            speaker,
            text: Pii::new(text.to_owned()),
            from_ms: 0,
            to_ms: 0,
            cut: false,
            keys: false,
            passages: Vec::new(),
        }
    }

    fn answer(status: AnswerStatus, attempts: u8) -> Answer {
        let name = "size".to_owned();
        Answer { name, status, value: None, channel: None, confidence: None, attempts, at_ms: 0 }
    }

    fn reason(watch: &Watch, at: Instant) -> Option<AttentionReason> {
        watch.glance(at).attention.map(|(reason, _)| reason)
    }

    #[test]
    fn long_silence_is_told_and_passes_with_the_next_word() {
        let (watch, start) = (Watch::new("en"), crate::time::now().mono);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(reason(&watch, at(100)), None, "it has not been answered");
        watch.told(at(0), &Input::Answered);
        assert_eq!(reason(&watch, at(14)), None);
        assert_eq!(watch.glance(at(15)).attention, Some((AttentionReason::Silence, at(0))));
        watch.told(at(16), &Input::VoiceStarted { ago: Duration::ZERO });
        assert_eq!(reason(&watch, at(60)), None, "somebody speaks");
        watch.told(at(60), &Input::VoiceStopped { ago: Duration::ZERO });
        assert_eq!((reason(&watch, at(74)), reason(&watch, at(75))), (None, Some(AttentionReason::Silence)));
    }

    #[test]
    fn whoever_asks_for_a_person_is_told_of_to_the_end() {
        for (language, asked, not) in [
            ("en", "Can I talk to a real person please?", "I talk to my wife about it"),
            ("en-GB", "put me through to somebody", "put me down for two"),
            ("de", "Ich möchte mit einem Menschen sprechen", "Ich spreche mit meiner Frau"),
            ("de-DE", "Verbinden Sie mich mit einem Mitarbeiter", "Sie sind verbunden"),
        ] {
            let (watch, now) = (Watch::new(language), crate::time::now().mono);
            assert!(!watch.heard(now, &line(Speaker::Caller, not)), "{not}");
            assert!(!watch.heard(now, &line(Speaker::Agent, asked)), "the agent may say so");
            assert!(watch.heard(now, &line(Speaker::Caller, asked)), "{asked}");
            assert!(!watch.heard(now, &line(Speaker::Caller, asked)), "that is known");
            watch.heard(now, &line(Speaker::Caller, not));
            assert_eq!(reason(&watch, now), Some(AttentionReason::AskedForPerson));
            assert_eq!(watch.glance(now).last_words.expect("words").text.expose(), not);
        }
    }

    #[test]
    fn being_lost_passes_when_the_caller_is_understood_again() {
        let (watch, now) = (Watch::new("en"), crate::time::now().mono);
        let miss = line(Speaker::Caller, "");
        assert!(!watch.heard(now, &miss));
        assert!(!watch.heard(now, &line(Speaker::Caller, "yes")), "once is nothing");
        assert!(!watch.heard(now, &miss) && watch.heard(now, &miss));
        assert_eq!(reason(&watch, now), Some(AttentionReason::NotUnderstood));
        assert!(watch.heard(now, &line(Speaker::Caller, "yes")));
        assert_eq!(reason(&watch, now), None);
        assert!(!watch.answered(now, &answer(AnswerStatus::NoMatch, 1)), "it was put once only");
        assert!(!watch.answered(now, &answer(AnswerStatus::NoInput, 3)), "nothing was said");
        assert!(watch.answered(now, &answer(AnswerStatus::NoMatch, 2)));
        watch.heard(now, &line(Speaker::Caller, "pardon"));
        assert_eq!(reason(&watch, now), Some(AttentionReason::NotUnderstood));
        assert!(watch.answered(now, &answer(AnswerStatus::Answered, 1)));
        assert_eq!(reason(&watch, now), None);
    }
}
