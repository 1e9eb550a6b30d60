//! Whether patience, voicemail, screening and disclosure are sound.

use super::{Check, Problem, escape};
use crate::agent::assistant::{MAX_REASON, MAX_SCREENING_NAME, VoicemailPolicy};

/// Most languages that an assistant's patience differs in, and the longest name of one.
const MAX_LANGUAGES: usize = 20;
const MAX_TAG: usize = 35;

impl Check<'_> {
    pub(super) fn manners(&mut self) {
        let assistant = self.assistant;
        self.turn();
        let voicemail = &assistant.voicemail;
        match &voicemail.message {
            Some(message) => self.text("/voicemail/message", message.expose()),
            None if voicemail.policy == VoicemailPolicy::LeaveMessage => {
                self.fault("/voicemail/message", Problem::NoMessage);
            }
            None => {}
        }
        if let Some(screening) = &assistant.screening {
            self.template("/screening/name", screening.name.expose(), MAX_SCREENING_NAME, &[]);
            self.template("/screening/reason", screening.reason.expose(), MAX_REASON, &[]);
        }
        let disclosure = &assistant.disclosure;
        for (at, text) in
            [("/disclosure/ai_text", &disclosure.ai_text), ("/disclosure/recording_text", &disclosure.recording_text)]
        {
            if let Some(text) = text {
                self.text(at, text.expose());
            }
        }
    }

    fn turn(&mut self) {
        let turn = &self.assistant.turn;
        let ranges = [
            ("greeting_wait_ms", turn.greeting_wait_ms, 0, 5_000),
            ("end_of_turn_ms", turn.end_of_turn_ms, 100, 2_000),
            ("longest_pause_ms", turn.longest_pause_ms, 500, 10_000),
            ("dictation_pause_ms", turn.dictation_pause_ms, 500, 10_000),
            ("barge_in_ms", turn.barge_in_ms, 100, 2_000),
            ("barge_in_words", turn.barge_in_words.map(u32::from), 1, 5),
            ("idle_ms", turn.idle_ms, 3_000, 60_000),
            ("idle_prompts", turn.idle_prompts.map(u32::from), 0, 5),
            ("digit_pause_ms", turn.digit_pause_ms, 1_000, 10_000),
        ];
        for (field, value, min, max) in ranges {
            if let Some(value) = value {
                self.range(&format!("/turn/{field}"), value, min, max);
            }
        }
        self.backchannels("/turn/backchannels", &turn.backchannels);
        self.length("/turn/languages", turn.languages.len(), 0, MAX_LANGUAGES, "languages");
        for (tag, patience) in &turn.languages {
            let at = format!("/turn/languages/{}", escape(tag));
            self.length(&at, tag.chars().count(), 2, MAX_TAG, "characters of a language tag");
            let ranges = [
                ("end_of_turn_ms", patience.end_of_turn_ms, 100, 2_000),
                ("longest_pause_ms", patience.longest_pause_ms, 500, 10_000),
                ("dictation_pause_ms", patience.dictation_pause_ms, 500, 10_000),
            ];
            for (field, value, min, max) in ranges {
                if let Some(value) = value {
                    self.range(&format!("{at}/{field}"), value, min, max);
                }
            }
            self.backchannels(&format!("{at}/backchannels"), &patience.backchannels);
        }
    }

    fn backchannels(&mut self, at: &str, phrases: &[String]) {
        self.length(at, phrases.len(), 0, 50, "phrases");
        for (index, phrase) in phrases.iter().enumerate() {
            self.length(&format!("{at}/{index}"), phrase.trim().chars().count(), 1, 40, "characters");
        }
    }
}
