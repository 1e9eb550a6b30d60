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
    let problem = "the nodes lead in a circle in which nothing is asked";
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
    assert_eq!(
        found,
        ["/flow/nodes/1/branch/on: `weather` is neither a question, nor a result of a tool, nor a variable"]
    );
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

/// The faults of a flow of these nodes, of an assistant with a tool, a server of tools and somebody to hand over to.
fn faults_of(nodes: Value) -> Vec<String> {
    let assistant: Assistant = serde_json::from_value(json!({
        "name": "Clinic",
        "tools": [
            { "kind": "http", "name": "slots", "description": "Free times.", "url": "https://clinic.example" },
            { "kind": "mcp", "name": "crm", "url": "https://crm.example/mcp", "only": ["find"] }
        ],
        "transfers": [{ "name": "desk", "to": "sip:desk@clinic.example" }],
        "flow": { "start": "a", "nodes": nodes }
    }))
    .expect("it has the shape");
    assistant.faults(None).iter().map(ToString::to_string).collect()
}

#[test]
fn nodes_may_use_tools_hand_over_and_speak_of_what_became_known() {
    let found = faults_of(json!([
        { "id": "a", "tool": { "name": "slots", "arguments": { "day": "{{ today }}" }, "into": "slots", "next": "b" } },
        { "id": "b", "branch": { "on": "slots.count", "cases": [{ "more_than": 0, "next": "c" }], "otherwise": "d" } },
        { "id": "c", "ask": { "text": "At {{ slots.first }}?", "answer": { "kind": "yes_no" }, "next": "e" } },
        { "id": "d", "transfer": { "target": "desk", "text": "One moment.", "on_declined": "e" } },
        { "id": "e", "tool": { "name": "crm_find", "arguments": { "said": "{{ c }}" }, "next": "f" } },
        { "id": "f", "mark_success": { "next": "g" } },
        { "id": "g", "end": { "text": "Goodbye." } }
    ]));
    assert_eq!(found, [""; 0]);
}

#[test]
fn tools_and_transfers_that_do_not_exist_are_named() {
    let found = faults_of(json!([
        { "id": "a", "tool": { "name": "slot", "arguments": { "day": "{{ tomorrow }}" }, "next": "b" } },
        { "id": "b", "tool": { "name": "crm_delete", "arguments": [], "into": "B", "next": "c", "on_error": "x" } },
        { "id": "c", "tool": { "name": "end_call", "next": "d" } },
        { "id": "d", "transfer": { "target": "boss", "on_declined": "e", "on_failed": "y" } },
        { "id": "e", "branch": { "on": "a.count", "cases": [{ "less_than": "many", "next": "f" }], "otherwise": "f" } },
        { "id": "f", "end": {} }
    ]));
    assert_eq!(
        found,
        [
            "/flow/nodes/0/tool/name: there is no tool `slot`",
            "/flow/nodes/0/tool/arguments/day: variable `tomorrow` is not declared in `variables`",
            "/flow/nodes/1/tool/name: there is no tool `crm_delete`",
            "/flow/nodes/1/tool/arguments: must be an object",
            "/flow/nodes/1/tool/into: must be 1 to 64 lower-case letters, digits and underscores, beginning with a letter",
            "/flow/nodes/1/tool/on_error: there is no node `x`",
            "/flow/nodes/2/tool/name: there is no tool `end_call`",
            "/flow/nodes/3/transfer/target: there is no entry `boss` in `transfers`",
            "/flow/nodes/3/transfer/on_failed: there is no node `y`",
            "/flow/nodes/4/branch/on: `a.count` is neither a question, nor a result of a tool, nor a variable",
            "/flow/nodes/4/branch/cases/0/less_than: must be a number, a day such as `2026-03-05`, or `today`",
        ]
    );
}

#[test]
fn a_circle_without_a_question_is_named_even_when_it_talks() {
    let found = faults_of(json!([
        { "id": "a", "say": { "text": "One moment.", "next": "b" } },
        { "id": "b", "tool": { "name": "slots", "next": "c", "on_error": "a" } },
        { "id": "c", "end": {} }
    ]));
    let problem = "the nodes lead in a circle in which nothing is asked";
    assert_eq!(found, [format!("/flow/nodes/0: {problem}"), format!("/flow/nodes/1: {problem}")]);
}

#[test]
fn answers_that_nobody_could_give_are_named() {
    let ask = |answer: Value| {
        faults_of(json!([
            { "id": "a", "ask": { "text": "Well?", "answer": answer, "next": "b" } },
            { "id": "b", "end": {} }
        ]))
    };
    assert_eq!(ask(json!({ "kind": "date" })), [""; 0]);
    assert_eq!(
        ask(json!({ "kind": "email" })),
        ["/flow/nodes/0/ask/answer/kind: an e-mail address is not understood offline"]
    );
    assert_eq!(
        ask(json!({ "kind": "phone", "country": "Germany" })),
        ["/flow/nodes/0/ask/answer/country: must be a country of ISO 3166-1, such as `DE`"]
    );
    assert_eq!(ask(json!({ "kind": "phone", "country": "de" })), [""; 0]);
    let number = json!({ "kind": "number", "min_digits": 1, "max_digits": 2, "min": 9, "max": 3 });
    assert_eq!(ask(number), ["/flow/nodes/0/ask/answer/max: must be at least 9"]);
    let long = |i: usize| -> Vec<String> {
        (0..10)
            .map(|j| format!("a {} b c d", ["e", "f", "g", "h", "i", "j", "k", "l", "m", "n"][(i + j) % 10]))
            .collect()
    };
    let options: Vec<_> =
        (0..9).map(|i| json!({ "id": format!("o{i}"), "words": long(i).iter().map(|w| format!("{w} {}", "x".repeat(i + 1))).collect::<Vec<_>>() })).collect();
    let found = ask(json!({ "kind": "choice", "options": options }));
    assert_eq!(
        found,
        ["/flow/nodes/0/ask/answer/options: the phrases of a question have 540 words in all; the recogniser takes 200"]
    );
}

#[test]
fn facts_of_the_call_need_no_declaration_and_take_none() {
    let found = faults(|survey| {
        survey["flow"]["nodes"][5]["end"]["text"] = json!("It is {{ weekday }}, {{ today }}, {{ time }}.");
        survey["variables"]["today"] = json!({});
    });
    assert_eq!(found, ["/variables/today: `today` has a meaning of its own in templates"]);
}

#[test]
fn every_problem_says_what_to_do() {
    for problem in [
        Problem::UnknownNode("x".to_owned()),
        Problem::Unreachable,
        Problem::NoExit,
        Problem::EndlessCircle,
        Problem::UnknownVariable("x".to_owned()),
        Problem::UnknownTool("x".to_owned()),
        Problem::UnknownWord("x".to_owned()),
        Problem::GrammarTooLarge { words: 300, max: 200 },
    ] {
        assert!(problem.remedy().is_some(), "{problem}");
        assert!(!problem.code().contains(' '), "{problem}");
    }
}
