//! What a campaign demands to be told in its calls before anything else.

use crate::agent::assistant::Disclosure;
use crate::campaign::settings::SettingFault;
use crate::pii::Pii;

/// Longest words of a campaign for one line, in characters.
pub const LONGEST_WORDS: usize = 500;

/// Whether a campaign may demand this. Its words are said as they are: nothing of the contact stands in them, as a
/// campaign does not know which variables the assistants to come have.
///
/// # Errors
/// All faults at once, in the order of the fields.
pub fn validate(demanded: &Disclosure) -> Result<(), Vec<SettingFault>> {
    let mut faults = Vec::new();
    let lines = [
        ("ai", demanded.ai, "ai_text", &demanded.ai_text),
        ("recording", demanded.recording, "recording_text", &demanded.recording_text),
    ];
    for (line, wanted, field, words) in lines {
        let Some(words) = words.as_ref().map(Pii::expose) else { continue };
        let length = words.trim().chars().count();
        let fault = if !wanted {
            Some(format!("these words are said only when `{line}` is true"))
        } else if !(1..=LONGEST_WORDS).contains(&length) {
            Some(format!("must have 1 to {LONGEST_WORDS} characters"))
        } else if words.contains("{{") || words.contains("}}") {
            Some("must be plain words: a campaign's disclosure takes no variables".to_owned())
        } else {
            None
        };
        faults.extend(fault.map(|fault| SettingFault { field: field.to_owned(), fault }));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Whether nothing is demanded.
#[must_use]
pub fn demands_nothing(demanded: &Disclosure) -> bool {
    *demanded == Disclosure::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(demanded: &Disclosure) -> Vec<String> {
        validate(demanded).err().into_iter().flatten().map(|fault| fault.field).collect()
    }

    #[test]
    fn words_are_plain_and_belong_to_a_line_that_is_demanded() {
        let words = |text: &str| Some(Pii::new(text.to_owned()));
        let sound = Disclosure { ai: true, ai_text: words("I am a robot."), recording: true, recording_text: None };
        assert_eq!(validate(&sound), Ok(()));
        assert_eq!(faults(&Disclosure { ai: false, ..sound.clone() }), ["ai_text"]);
        assert_eq!(faults(&Disclosure { ai_text: words("Hi {{ name }}"), ..sound.clone() }), ["ai_text"]);
        let long = words(&"x".repeat(LONGEST_WORDS + 1));
        assert_eq!(
            faults(&Disclosure { ai_text: words(" "), recording_text: long, ..sound }),
            ["ai_text", "recording_text"]
        );
        assert!(demands_nothing(&Disclosure::default()) && validate(&Disclosure::default()).is_ok());
    }
}
