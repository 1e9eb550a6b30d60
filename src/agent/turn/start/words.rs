//! Interruption by words: sure, but 250 to 400 ms late.

use super::super::settings::Rules;
use super::super::words::Remark;

/// Whether these words take the word from the agent. Into a `greeting` greetings are said as well.
pub(super) fn interrupt(rules: &Rules, words: &str, greeting: bool) -> bool {
    if greeting {
        return rules.lexicon.beside_greetings(words) >= rules.interrupt_words;
    }
    match rules.lexicon.remark(words) {
        Remark::Nothing | Remark::BackChannel | Remark::Affirmation => false,
        Remark::Greeting => true,
        Remark::Speech { words, command } => command || words >= rules.interrupt_words,
    }
}
