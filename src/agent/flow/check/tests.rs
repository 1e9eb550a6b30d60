use serde_json::{Value, json};

use super::*;

const SURVEY: &str = include_str!("../fixtures/survey.json");

struct Only(&'static [&'static str]);

impl Lexicon for Only {
    fn knows(&self, word: &str) -> bool {
        self.0.contains(&word)
    }
}

/// The faults of the survey after one change, as `pointer: problem`.
fn faults(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut survey: Value = serde_json::from_str(SURVEY).expect("the fixture is JSON");
    change(&mut survey);
    let assistant: Assistant = serde_json::from_value(survey).expect("the change keeps the shape");
    assistant.faults(None).iter().map(ToString::to_string).collect()
}

#[test]
fn the_survey_has_no_faults() {
    assert_eq!(faults(|_| {}), [""; 0]);
}

#[test]
fn a_target_that_does_not_exist_is_named() {
    let found = faults(|survey| survey["flow"]["nodes"][0]["ask"]["next"] = json!("nowhere"));
    assert_eq!(found, ["/flow/nodes/0/ask/next: there is no node `nowhere`"]);
    let found = faults(|survey| survey["flow"]["start"] = json!("nowhere"));
    assert_eq!(found, ["/flow/start: there is no node `nowhere`"]);
}

#[test]
fn a_node_no_path_leads_to_is_named() {
    let found = faults(|survey| survey["flow"]["nodes"][1]["branch"]["cases"][0]["next"] = json!("party"));
    assert_eq!(found, ["/flow/nodes/2: no path from the start leads to this node"]);
}

#[test]
fn a_loop_without_an_end_is_named() {
    let found = faults(|survey| survey["flow"]["nodes"][4]["ask"]["next"] = json!("remark"));
    assert!(found.contains(&"/flow/nodes/4: no path from this node leads to an end".to_owned()), "{found:?}");
    assert!(!found.iter().any(|fault| fault.starts_with("/flow/nodes/0")), "{found:?}");
}

#[test]
fn branches_in_a_circle_are_named() {
    let found = faults(|survey| {
        let nodes = survey["flow"]["nodes"].as_array_mut().expect("nodes is a list");
        nodes[1]["branch"]["otherwise"] = json!("again");
        let cases = json!([{"is": "no", "next": "bye"}]);
        nodes.push(json!({"id": "again", "branch": {"on": "interest", "cases": cases, "otherwise": "interested"}}));
    });
    let problem = "branches lead in a circle without saying or asking anything";
    assert_eq!(found, [format!("/flow/nodes/1: {problem}"), format!("/flow/nodes/6: {problem}")]);
}

#[test]
fn undeclared_variables_and_broken_templates_are_named() {
    let found = faults(|survey| survey["flow"]["nodes"][0]["ask"]["text"] = json!("Hi {{ surname }}, yes or no?"));
    assert_eq!(found, ["/flow/nodes/0/ask/text: variable `surname` is not declared in `variables`"]);
    let found = faults(|survey| survey["flow"]["nodes"][0]["ask"]["text"] = json!("Hi {{ surname"));
    assert!(found[0].starts_with("/flow/nodes/0/ask/text: not a valid template"), "{found:?}");
}

#[test]
fn words_outside_the_dictionary_are_named() {
    let assistant: Assistant = serde_json::from_str(SURVEY).expect("the fixture is valid");
    let lexicon = Only(&["morning", "afternoon", "evening"]);
    let found: Vec<_> = assistant.faults(Some(&lexicon)).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["/flow/nodes/2/ask/answer/options/2/words/1: the recogniser does not know the word `tonight`"]);
}

#[test]
fn options_that_cannot_be_told_apart_are_named() {
    let found = faults(|survey| {
        let options = &mut survey["flow"]["nodes"][2]["ask"]["answer"]["options"];
        options[1]["words"] = json!(["morning"]);
        options[1]["dtmf"] = json!("1");
        options[2]["id"] = json!("afternoon");
        options[2]["words"] = json!(["Late!", "goodbye"]);
    });
    let at = "/flow/nodes/2/ask/answer/options";
    assert_eq!(
        found,
        [
            format!("{at}/1/dtmf: `1` is used twice"),
            format!("{at}/1/words/0: `morning` is used twice"),
            format!("{at}/2/id: `afternoon` is used twice"),
            format!("{at}/2/words/0: `Late!` is not a phrase of lower-case words"),
            format!("{at}/2/words/1: `goodbye` has a meaning of its own in every question"),
        ]
    );
}

#[test]
fn a_branch_must_fit_its_question() {
    let found = faults(|survey| survey["flow"]["nodes"][1]["branch"]["cases"][0]["is"] = json!("maybe"));
    assert_eq!(found, ["/flow/nodes/1/branch/cases/0/is: the answer to this question is never `maybe`"]);
    let found = faults(|survey| survey["flow"]["nodes"][1]["branch"]["on"] = json!("weather"));
    assert_eq!(found, ["/flow/nodes/1/branch/on: `weather` is neither the name of a question nor a variable"]);
}

#[test]
fn all_faults_come_at_once() {
    let found = faults(|survey| {
        survey["name"] = json!(" ");
        survey["language"] = json!("tlh");
        survey["voice"] = json!("-x");
        survey["flow"]["nodes"][0]["ask"]["attempts"] = json!(0);
        survey["flow"]["nodes"][3]["ask"]["answer"]["max_digits"] = json!(0);
        survey["flow"]["nodes"][4]["ask"]["answer"]["max_seconds"] = json!(121);
        survey["flow"]["nodes"][5]["id"] = json!("Bye");
    });
    let pointers: Vec<_> = found.iter().map(|fault| fault.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(
        pointers,
        [
            "/name",
            "/language",
            "/voice",
            "/flow/nodes/0/ask/attempts",
            "/flow/nodes/1/branch/otherwise",
            "/flow/nodes/3/ask/answer/max_digits",
            "/flow/nodes/4/ask/answer/max_seconds",
            "/flow/nodes/4/ask/next",
            "/flow/nodes/5/id",
        ]
    );
}
