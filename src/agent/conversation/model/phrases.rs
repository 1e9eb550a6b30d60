//! What the agent says by itself where a model leads: these texts are spoken before the call is answered, so that they
//! are there when everything else fails.

use super::super::{PromptId, Texts};

/// Numbers of the texts.
#[derive(Debug)]
pub(in crate::agent::conversation) struct Phrases {
    /// While something takes its time; the last one is repeated.
    pub(in crate::agent::conversation) fillers: Vec<PromptId>,
    /// While the caller's own words are on their way; in turn.
    pub(in crate::agent::conversation) bridges: [PromptId; 2],
    /// After a silence.
    pub(in crate::agent::conversation) still_there: PromptId,
    /// Something was said, and nobody knows what.
    pub(in crate::agent::conversation) pardon: PromptId,
    /// The reply broke off in the middle.
    pub(in crate::agent::conversation) lost: PromptId,
    /// Nothing works any more.
    pub(in crate::agent::conversation) trouble: PromptId,
    /// The caller is not understood any more.
    pub(in crate::agent::conversation) cannot_hear: PromptId,
}

struct Wording {
    fillers: [&'static str; 3],
    bridges: [&'static str; 2],
    still_there: &'static str,
    pardon: &'static str,
    lost: &'static str,
    trouble: &'static str,
    cannot_hear: &'static str,
}

const ENGLISH: Wording = Wording {
    fillers: ["One moment, please.", "I am still on it, just a moment.", "Thank you for waiting, one more moment."],
    bridges: ["One moment, please.", "Just a second, please."],
    still_there: "Are you still there?",
    pardon: "Sorry, I did not get that. Could you say it again?",
    lost: "Sorry, I lost my thread. What were you saying?",
    trouble: "I am sorry, I have a technical problem and have to end this call. Goodbye.",
    cannot_hear: "I am sorry, I cannot hear you any more because of a technical problem. Goodbye.",
};

const GERMAN: Wording = Wording {
    fillers: [
        "Einen Moment, bitte.",
        "Ich bin noch dabei, einen Moment noch.",
        "Danke für Ihre Geduld, gleich ist es so weit.",
    ],
    bridges: ["Einen Moment, bitte.", "Nur eine Sekunde, bitte."],
    still_there: "Sind Sie noch da?",
    pardon: "Entschuldigung, das habe ich nicht verstanden. Könnten Sie das wiederholen?",
    lost: "Entschuldigung, ich habe den Faden verloren. Was wollten Sie sagen?",
    trouble: "Es tut mir leid, ich habe ein technisches Problem und muss das Gespräch beenden. Auf Wiederhören.",
    cannot_hear: "Es tut mir leid, ich kann Sie wegen eines technischen Problems nicht mehr hören. Auf Wiederhören.",
};

impl Phrases {
    /// In a language, a BCP 47 tag; English where there is none.
    pub(in crate::agent::conversation) fn new(language: &str, texts: &mut Texts) -> Self {
        let wording = if language.split(['-', '_']).next() == Some("de") { &GERMAN } else { &ENGLISH };
        let mut add = |text: &str| texts.add(text.to_owned());
        Self {
            fillers: wording.fillers.iter().map(|text| add(text)).collect(),
            bridges: wording.bridges.map(&mut add),
            still_there: add(wording.still_there),
            pardon: add(wording.pardon),
            lost: add(wording.lost),
            trouble: add(wording.trouble),
            cannot_hear: add(wording.cannot_hear),
        }
    }

    /// All of them, those first that are needed first; before all others the one for when there is no other.
    pub(in crate::agent::conversation) fn all(&self) -> impl Iterator<Item = PromptId> {
        let others = [self.cannot_hear, self.pardon, self.still_there, self.lost];
        // The first bridge is the first filler.
        [self.trouble].into_iter().chain(self.fillers.clone()).chain(others).chain([self.bridges[1]])
    }
}
