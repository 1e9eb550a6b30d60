//! Was the answer right? What a callee said on the wire, compared with what the server understood.

use super::client::CallRow;
use super::wire::{WireCall, WireKind};
use crate::agent::conversation::{Answer, AnswerStatus, AnswerValue};

/// Wire and server note the same moment on two clocks of one machine, up to this many seconds apart.
const SKEW: f64 = 0.4;
/// Names of the demonstration's questions, and how their answers sound.
const YES: &[&str] = &["yes", "yeah", "sure"];
const NO: &[&str] = &["no", "nope"];
const OPTIONS: &[&str] = &["morning", "afternoon", "evening"];

/// Answers that callees gave, and how many of them the server understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Questions to which the callee answered, or to which the server believes it did.
    pub asked: usize,
    /// Those where the server's answer is the callee's.
    pub right: usize,
}

impl Score {
    /// Adds the answers of one call.
    pub fn count(&mut self, call: &CallRow, wire: &WireCall) {
        let Some(answered) = wire.answered else { return };
        let mut from = 0.0;
        for answer in &call.answers {
            let until = answer.at_ms as f64 / 1000.0;
            let meant = meant(&answer.name, wire, answered + from, answered + until + SKEW);
            from = until;
            let believed = believed(answer);
            if meant.is_none() && believed.is_none() {
                continue;
            }
            self.asked += 1;
            if meant == believed {
                self.right += 1;
            }
        }
    }
}

/// The last thing in this span of time that answers the question.
fn meant(question: &str, wire: &WireCall, from: f64, until: f64) -> Option<String> {
    let inside = |at: f64| at > from && at <= until;
    wire.events.iter().rev().find_map(|event| match &event.kind {
        WireKind::Said { text, end, .. } if inside(*end) => of_words(question, text.expose()),
        WireKind::Dtmf { digits } if inside(event.t) => of_keys(question, digits.expose()),
        WireKind::Said { .. }
        | WireKind::Dtmf { .. }
        | WireKind::Invite
        | WireKind::Ringing
        | WireKind::Answer
        | WireKind::Final { .. }
        | WireKind::Heard { .. }
        | WireKind::Cancel
        | WireKind::Bye { .. } => None,
    })
}

fn of_words(question: &str, text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let words: Vec<_> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let has = |list: &[&str]| list.iter().find(|word| words.contains(word)).map(|word| (*word).to_owned());
    match question {
        "interest" if lower.ends_with('?') => None,
        "interest" => has(YES).map(|_| "yes".to_owned()).or_else(|| has(NO).map(|_| "no".to_owned())),
        "time" => has(OPTIONS),
        _ => None,
    }
}

fn of_keys(question: &str, keys: &str) -> Option<String> {
    let key = keys.chars().next();
    match question {
        "interest" => match key {
            Some('1') => Some("yes".to_owned()),
            Some('2') => Some("no".to_owned()),
            _ => None,
        },
        "time" => {
            let place = key.and_then(|key| key.to_digit(10))?.checked_sub(1)?;
            OPTIONS.get(usize::try_from(place).ok()?).map(|option| (*option).to_owned())
        }
        "code" => Some(keys.trim_end_matches('#').to_owned()),
        _ => None,
    }
}

fn believed(answer: &Answer) -> Option<String> {
    match (&answer.status, &answer.value) {
        (AnswerStatus::Answered, Some(AnswerValue::Choice(choice))) => Some(choice.clone()),
        (
            AnswerStatus::Answered,
            Some(
                AnswerValue::Digits(value)
                | AnswerValue::Date(value)
                | AnswerValue::Phone(value)
                | AnswerValue::Email(value),
            ),
        ) => Some(value.expose().clone()),
        // What was said to an open question is recorded, not understood.
        (AnswerStatus::Answered, Some(AnswerValue::Recorded { .. }) | None)
        | (AnswerStatus::NoMatch | AnswerStatus::NoInput | AnswerStatus::Declined, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Wire;
    use super::*;

    fn wire(lines: &[&str]) -> WireCall {
        let parse = |kind: &&str| {
            let text = format!(r#"{{"call_id":"a","to":"1","from":"2","persona":"busy",{kind}}}"#);
            serde_json::from_str(&text).expect("a line of the carrier")
        };
        Wire::from_events(lines.iter().map(parse).collect()).calls.remove(0)
    }

    fn call(answers: &str) -> CallRow {
        let text = format!(
            r#"{{"id":"x","contact_id":null,"answered_at":null,"duration_ms":0,"recording_ms":null,"answers":[{answers}]}}"#
        );
        serde_json::from_str(&text).expect("a call")
    }

    fn answer(name: &str, value: &str, at_ms: u32) -> String {
        let (status, value) = match value {
            "" => ("no_match", "null".to_owned()),
            value => ("answered", format!(r#"{{"choice":"{value}"}}"#)),
        };
        format!(
            r#"{{"name":"{name}","status":"{status}","value":{value},"channel":null,"confidence":null,"attempts":1,"at_ms":{at_ms}}}"#
        )
    }

    fn score(answers: &[String], lines: &[&str]) -> Score {
        let mut score = Score::default();
        score.count(&call(&answers.join(",")), &wire(lines));
        score
    }

    const ANSWER: &str = r#""t":100.0,"event":"answer""#;
    const HELLO: &str = r#""t":101.0,"event":"said","text":"yes, hello?","start":100.5,"end":101.0"#;
    const YES: &str = r#""t":106.0,"event":"said","text":"yes please","start":105.0,"end":106.0"#;
    const MORNING: &str = r#""t":110.0,"event":"said","text":"in the morning","start":109.0,"end":110.0"#;

    #[test]
    fn an_answer_counts_for_the_question_it_was_given_to() {
        let answers = [answer("interest", "yes", 6500), answer("time", "evening", 10_500)];
        assert_eq!(score(&answers, &[ANSWER, HELLO, YES, MORNING]), Score { asked: 2, right: 1 });
    }

    #[test]
    fn an_answer_not_understood_counts_against_us_and_no_answer_does_not() {
        assert_eq!(score(&[answer("interest", "", 6500)], &[ANSWER, YES]), Score { asked: 1, right: 0 });
        assert_eq!(score(&[answer("interest", "", 6500)], &[ANSWER, HELLO]), Score { asked: 0, right: 0 });
        assert_eq!(score(&[answer("interest", "no", 6500)], &[ANSWER, HELLO]), Score { asked: 1, right: 0 });
    }
}
