//! What whoever answers a second leg is told and asked: a small conversation of its own, made from the caller's agent.

use std::collections::BTreeMap;

use super::Decision;
use crate::agent::action::Ending;
use crate::agent::assistant::Assistant;
use crate::agent::record::{Channel, Outcome};
use crate::pii::Pii;

const ACCEPTED: &str = "accepted";
const DECLINED: &str = "declined";
const UNDECIDED: &str = "undecided";

/// The variable that the briefing's words come in: they are no template.
const WORDS: &str = "briefing";

/// An agent with the voice and language of the caller's that gives the briefing and asks for a yes or a no; without a
/// briefing it only asks. Both are one question, so that a key counts from the first word on. Nothing of it is recorded.
#[must_use]
pub fn asking(of: &Assistant, briefing: Option<&Pii<String>>) -> (Assistant, BTreeMap<String, Pii<String>>) {
    let language = QUESTIONS.iter().find(|(language, _)| of.language.starts_with(language));
    let (_, question) = language.unwrap_or(&QUESTIONS[0]);
    let (text, values) = match briefing {
        Some(briefing) => {
            (format!("{{{{ {WORDS} }}}} {question}"), BTreeMap::from([(WORDS.to_owned(), briefing.clone())]))
        }
        None => ((*question).to_owned(), BTreeMap::new()),
    };
    let mut nodes = vec![
        serde_json::json!({ "id": "ask", "ask": {
            "text": text, "hint": question, "answer": { "kind": "yes_no" }, "next": "decide",
        } }),
        serde_json::json!({ "id": "decide", "branch": {
            "on": "ask", "cases": [{ "is": "yes", "next": ACCEPTED }, { "is": "no", "next": DECLINED }],
            "otherwise": UNDECIDED,
        } }),
    ];
    nodes.extend([ACCEPTED, DECLINED, UNDECIDED].map(|id| serde_json::json!({ "id": id, "end": { "reason": id } })));
    (assistant(of, "ask", nodes), values)
}

/// An agent that says nothing at all, for a leg on which nobody is asked.
#[must_use]
pub fn silent(of: &Assistant) -> Assistant {
    assistant(of, UNDECIDED, vec![serde_json::json!({ "id": UNDECIDED, "end": { "reason": UNDECIDED } })])
}

fn assistant(of: &Assistant, start: &str, nodes: Vec<serde_json::Value>) -> Assistant {
    let mut assistant: Assistant = serde_json::from_value(serde_json::json!({
        "name": "Transfer",
        "flow": { "start": start, "nodes": nodes },
        "variables": { WORDS: { "default": "" } },
    }))
    .expect("the documents made here are assistants");
    assistant.language.clone_from(&of.language);
    assistant.voice.clone_from(&of.voice);
    assistant.voices.clone_from(&of.voices);
    assistant.providers.stt.clone_from(&of.providers.stt);
    assistant.providers.tts.clone_from(&of.providers.tts);
    assistant.recording.audio = false;
    assistant
}

/// What such a conversation came to; `None` when the leg was over first, which is told otherwise.
#[must_use]
pub fn decision(ending: &Ending, outcome: &Outcome) -> Option<Decision> {
    Some(match ending {
        Ending::Completed { reason } if reason == ACCEPTED => {
            let by_key = outcome.answers.last().is_some_and(|answer| answer.channel == Some(Channel::Dtmf));
            Decision::Accepted { by_key }
        }
        Ending::Completed { reason } if reason == DECLINED => Decision::Declined,
        Ending::CallerGoodbye | Ending::OptedOut => Decision::Declined,
        Ending::Completed { .. } | Ending::Inactivity | Ending::TimeUp | Ending::Transferred => Decision::Silent,
        // Somebody's screening service is as little a person as a mailbox is.
        Ending::VoicemailReached
        | Ending::MessageLeft
        | Ending::Screened
        | Ending::LostInMenus
        | Ending::NotAnswered
        | Ending::FaxReached => Decision::Machine,
        Ending::SpeechFailed | Ending::ModelFailed | Ending::RecogniserFailed => Decision::Broken,
        Ending::HungUp => return None,
    })
}

/// The question by language; the first one stands in for a language that is missing.
const QUESTIONS: &[(&str, &str)] = &[
    ("en", "Will you take this call? Press one or say yes to take it, press two or say no if you cannot."),
    ("de", "Nehmen Sie das Gespräch an? Drücken Sie eins oder sagen Sie ja, drücken Sie zwei oder sagen Sie nein."),
    ("es", "¿Acepta la llamada? Pulse uno o diga sí para aceptarla, pulse dos o diga no para rechazarla."),
    ("fr", "Prenez-vous cet appel ? Tapez un ou dites oui pour le prendre, tapez deux ou dites non."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::conversation::Conversation;

    fn agent() -> Assistant {
        serde_json::from_value(serde_json::json!({
            "name": "Desk", "language": "de", "voice": "de",
            "flow": { "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Auf Wiederhören." } }] },
        }))
        .expect("an assistant")
    }

    #[test]
    fn it_speaks_like_the_agent_and_takes_the_briefing_by_the_word() {
        let briefing = Pii::new("Herr {{ Müller }} fragt nach {% seiner %} Rechnung.".to_owned());
        let (asking, values) = asking(&agent(), Some(&briefing));
        assert_eq!((asking.language.as_str(), asking.voice.as_str()), ("de", "de"));
        assert!(!asking.recording.audio);
        Conversation::new(&asking, &values, asking.turn.timing()).expect("it can be spoken");
        let (bare, values) = super::asking(&agent(), None);
        Conversation::new(&bare, &values, bare.turn.timing()).expect("it can be spoken");
        let silent = silent(&agent());
        Conversation::new(&silent, &BTreeMap::new(), silent.turn.timing()).expect("there is nothing to speak");
    }

    #[test]
    fn every_ending_is_a_decision_or_the_end_of_the_leg() {
        let outcome = Outcome {
            ending: None,
            flow_completed: true,
            success: false,
            caller_reacted: true,
            first_speech: None,
            answers: Vec::new(),
            transcript: Vec::new(),
            turns: Vec::new(),
            disclosed: crate::agent::manners::disclosure::Disclosed::default(),
        };
        let completed = |reason: &str| Ending::Completed { reason: reason.to_owned() };
        for (ending, decided) in [
            (completed(ACCEPTED), Some(Decision::Accepted { by_key: false })),
            (completed(DECLINED), Some(Decision::Declined)),
            (completed(UNDECIDED), Some(Decision::Silent)),
            (Ending::Inactivity, Some(Decision::Silent)),
            (Ending::CallerGoodbye, Some(Decision::Declined)),
            (Ending::VoicemailReached, Some(Decision::Machine)),
            (Ending::Screened, Some(Decision::Machine)),
            (Ending::SpeechFailed, Some(Decision::Broken)),
            (Ending::HungUp, None),
        ] {
            assert_eq!(decision(&ending, &outcome), decided, "{ending:?}");
        }
    }
}
