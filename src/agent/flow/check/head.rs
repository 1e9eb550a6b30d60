//! Whether the assistant as a whole is sound: name, language, voice, prompt, mode.

use std::collections::BTreeMap;

use super::{Check, FACTS, Problem, escape, is_name};
use crate::agent::assistant::{Mode, Variable};
use crate::agent::language::Language;

/// Longest prompt, in characters.
pub(super) const MAX_PROMPT: usize = 20_000;
/// Most variables of an assistant.
const MAX_VARIABLES: usize = 100;
/// Most values that a bot is let know, and the longest of them, in characters.
const MAX_PARAMETERS: usize = 30;
const MAX_PARAMETER: usize = 500;
/// What templates call other things.
const RESERVED: [&str; 2] = ["args", "secrets"];

impl Check<'_> {
    pub(super) fn head(&mut self) {
        let assistant = self.assistant;
        self.length("/name", assistant.name.trim().chars().count(), 1, 100, "characters");
        let language = Language::of(&assistant.language);
        if language.is_none() {
            self.fault("/language", Problem::UnknownLanguage(assistant.language.clone()));
        }
        if !is_voice(&assistant.voice) {
            self.fault("/voice", Problem::NotAVoice);
        } else if assistant.mode != Mode::SpeechToSpeech
            && assistant.providers.tts.is_empty()
            && language.is_some()
            && Language::of(&assistant.voice) != language
        {
            self.fault("/voice", Problem::ForeignVoice(assistant.voice.clone()));
        }
        self.length("/voices", assistant.voices.len(), 0, 20, "voices");
        for (provider, voice) in &assistant.voices {
            let at = format!("/voices/{}", escape(provider));
            self.reference(&at, provider);
            if !is_voice(voice) {
                self.fault(at, Problem::NotAVoice);
            }
        }
        self.mode();
        if let Some(greeting) = &assistant.greeting {
            self.text("/greeting", greeting.expose());
        }
        if let Some(prompt) = &assistant.prompt {
            self.template("/prompt", prompt.expose(), MAX_PROMPT, &[]);
        }
        if let Some(closing) = &assistant.closing {
            self.text("/closing", closing.expose());
        }
        self.external();
        self.variables(&assistant.variables);
        if let Some(temperature) = assistant.model.temperature
            && !(0.0..=2.0).contains(&temperature)
        {
            self.fault("/model/temperature", Problem::Range { min: 0, max: 2 });
        }
        self.range("/model/max_tokens", assistant.model.max_tokens, 16, 4_096);
    }

    /// What each mode cannot do without.
    fn mode(&mut self) {
        let assistant = self.assistant;
        let providers = &assistant.providers;
        let needed: &[(&'static str, &'static str, bool)] = match assistant.mode {
            Mode::Flow => &[("/flow", "flow", assistant.flow.is_none())],
            Mode::Llm => &[
                ("/prompt", "prompt", assistant.prompt.is_none()),
                ("/providers/llm", "providers.llm", providers.llm.is_empty()),
                ("/providers/stt", "providers.stt", providers.stt.is_empty()),
            ],
            Mode::SpeechToSpeech => &[
                ("/prompt", "prompt", assistant.prompt.is_none()),
                ("/providers/s2s", "providers.s2s", providers.s2s.is_none()),
            ],
            Mode::External => &[("/providers/bot", "providers.bot", providers.bot.is_none())],
        };
        let mode = match assistant.mode {
            Mode::Flow => "flow",
            Mode::Llm => "llm",
            Mode::SpeechToSpeech => "speech_to_speech",
            Mode::External => "external",
        };
        for (pointer, field, missing) in needed {
            if *missing {
                self.fault(*pointer, Problem::Missing { field, mode });
            }
        }
    }

    fn external(&mut self) {
        let parameters = &self.assistant.external.parameters;
        self.length("/external/parameters", parameters.len(), 0, MAX_PARAMETERS, "parameters");
        for (name, value) in parameters {
            let at = format!("/external/parameters/{}", escape(name));
            self.reference(&at, name);
            self.template(&at, value.expose(), MAX_PARAMETER, &[]);
        }
    }

    fn variables(&mut self, variables: &BTreeMap<String, Variable>) {
        self.length("/variables", variables.len(), 0, MAX_VARIABLES, "variables");
        for name in variables.keys() {
            let at = format!("/variables/{}", escape(name));
            if !is_name(name) {
                self.fault(at, Problem::NotAName);
            } else if RESERVED.contains(&name.as_str()) || FACTS.contains(&name.as_str()) {
                self.fault(at, Problem::ReservedName(name.clone()));
            }
        }
    }

    /// A name that stands for something kept elsewhere.
    pub(super) fn reference(&mut self, pointer: &str, name: &str) {
        let sound = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if !sound {
            self.fault(pointer, Problem::NotAReference);
        }
    }
}

fn is_voice(voice: &str) -> bool {
    voice.len() <= 64
        && voice.starts_with(|c: char| c.is_ascii_alphanumeric())
        && voice.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'_'))
}
