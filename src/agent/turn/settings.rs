//! How patient a conversation is, as an assistant may set it and as the policies use it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::language;
use super::words::Lexicon;

/// What an assistant may change about turns. Everything left out is as it usually is in English; [`Self::of`] knows other
/// languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TurnSettings {
    /// Whether the agent may be interrupted at all. What is said over it is heard in any case.
    pub interruptible: bool,
    /// So much voice interrupts the agent, in ms, 100 to 2000, where nothing tells a voice from a noise.
    pub interrupt_after_ms: u32,
    /// So many words interrupt the agent however short they are; remarks such as "mhm" and "okay" do not count. 1 to 10.
    pub interrupt_words: u8,
    /// Silence after which a turn is over, in ms, 100 to 2000, counted from where the voice is known to have stopped
    /// (200 ms after its last sound). Never less than the recogniser needs for its last words.
    pub end_of_turn_ms: u32,
    /// Silence after which a turn is over in any case, in ms, 500 to 10000, counted from its last sound.
    pub longest_pause_ms: u32,
    /// Silence that a caller may leave inside a number, an address, a name being spelt, in ms, 500 to 10000.
    pub dictation_pause_ms: u32,
    /// Whether replies are prepared when a turn may be over and thrown away when it goes on: faster, and dearer.
    pub eager: bool,
    /// Remarks that do not interrupt, beside those of the language; at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub back_channels: Vec<String>,
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self {
            interruptible: true,
            interrupt_after_ms: 300,
            interrupt_words: 2,
            end_of_turn_ms: 300,
            longest_pause_ms: 2_500,
            dictation_pause_ms: 1_500,
            eager: true,
            back_channels: Vec::new(),
        }
    }
}

/// A setting is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {range}")]
pub struct TurnFault {
    /// The field.
    pub field: &'static str,
    /// What it may be.
    pub range: String,
}

impl TurnSettings {
    /// What is usual in a language, by its BCP 47 tag: numbers that are said in pairs are said with longer pauses.
    #[must_use]
    pub fn of(language: &str) -> Self {
        Self { dictation_pause_ms: language::of(language).dictation_pause_ms, ..Self::default() }
    }

    /// What is wrong with these settings.
    #[must_use]
    pub fn faults(&self) -> Vec<TurnFault> {
        let ranges = [
            ("interrupt_after_ms", self.interrupt_after_ms, 100..=2_000),
            ("interrupt_words", u32::from(self.interrupt_words), 1..=10),
            ("end_of_turn_ms", self.end_of_turn_ms, 100..=2_000),
            ("longest_pause_ms", self.longest_pause_ms, 500..=10_000),
            ("dictation_pause_ms", self.dictation_pause_ms, 500..=10_000),
        ];
        let mut faults: Vec<_> = ranges
            .into_iter()
            .filter(|(_, value, range)| !range.contains(value))
            .map(|(field, _, range)| TurnFault { field, range: format!("{} to {}", range.start(), range.end()) })
            .collect();
        if self.back_channels.len() > 50 {
            faults.push(TurnFault { field: "back_channels", range: "at most 50 phrases".to_owned() });
        }
        faults
    }
}

/// Settings and language together, as the policies use them.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) lexicon: Lexicon,
    pub(super) interruptible: bool,
    pub(super) barge_in: Duration,
    pub(super) interrupt_words: usize,
    pub(super) end_of_turn: Duration,
    pub(super) longest_pause: Duration,
    pub(super) dictation_pause: Duration,
    pub(super) eager: bool,
}

impl Rules {
    /// For a BCP 47 language tag. Settings out of range are taken to the nearest that is inside.
    #[must_use]
    pub fn new(language: &str, settings: &TurnSettings) -> Self {
        let ms = |value: u32, low, high| Duration::from_millis(value.clamp(low, high).into());
        Self {
            lexicon: Lexicon::new(language, &settings.back_channels),
            interruptible: settings.interruptible,
            barge_in: ms(settings.interrupt_after_ms, 100, 2_000),
            interrupt_words: usize::from(settings.interrupt_words.clamp(1, 10)),
            end_of_turn: ms(settings.end_of_turn_ms, 100, 2_000),
            longest_pause: ms(settings.longest_pause_ms, 500, 10_000),
            dictation_pause: ms(settings.dictation_pause_ms, 500, 10_000),
            eager: settings.eager,
        }
    }
}

/// Whether settings for one BCP 47 tag are meant for another: the same tag, or its language without a country.
#[must_use]
pub fn covers(wanted: &str, tag: &str) -> bool {
    language::covers(wanted, tag)
}

impl Default for Rules {
    fn default() -> Self {
        Self::new("en", &TurnSettings::of("en"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_an_empty_object_gives_them() {
        let settings: TurnSettings = serde_json::from_str("{}").expect("nothing is required");
        assert_eq!(settings, TurnSettings::default());
        assert_eq!(settings.faults(), []);
    }

    #[test]
    fn every_language_has_a_pace_of_its_own_in_range() {
        assert_eq!(TurnSettings::of("en-GB"), TurnSettings::default());
        for (tag, pause) in [("de-CH", 1_700), ("fr", 1_800), ("it", 1_600), ("xx", 1_700)] {
            let settings = TurnSettings::of(tag);
            assert_eq!(settings.dictation_pause_ms, pause, "{tag}");
            assert_eq!(settings.faults(), [], "{tag}");
        }
    }

    #[test]
    fn every_value_out_of_range_is_named() {
        let settings: TurnSettings = serde_json::from_str(
            r#"{"interrupt_after_ms": 20, "interrupt_words": 0, "longest_pause_ms": 60000, "eager": false}"#,
        )
        .expect("they are numbers");
        let fields: Vec<_> = settings.faults().into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["interrupt_after_ms", "interrupt_words", "longest_pause_ms"]);
    }
}
