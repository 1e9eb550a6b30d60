use super::*;

fn number(text: &str) -> E164 {
    text.parse().expect(text)
}

fn rule(matches: &str, form: Option<NumberForm>, strip: u8, prepend: &str) -> NumberRule {
    NumberRule { matches: matches.to_owned(), form, strip, prepend: prepend.to_owned() }
}

fn german() -> NumberRules {
    NumberRules { country_code: Some("49".to_owned()), ..NumberRules::default() }
}

fn written(form: NumberForm, text: &str) -> String {
    let rules = NumberRules { called: Writing { form, rules: vec![] }, ..german() };
    rules.called(&number(text)).text.into_inner()
}

#[test]
fn numbers_are_written_in_every_form() {
    use NumberForm as F;
    let forms = |text| F::ALL.iter().map(|form| written(*form, text)).collect::<Vec<_>>();
    assert_eq!(forms("+4930901820"), ["+4930901820", "4930901820", "004930901820", "030901820"]);
    assert_eq!(forms("+442079460000"), ["+442079460000", "442079460000", "00442079460000", "00442079460000"]);
    let american = NumberRules {
        country_code: Some("1".to_owned()),
        national_prefix: String::new(),
        international_prefix: "011".to_owned(),
        called: Writing { form: F::National, rules: vec![] },
        ..NumberRules::default()
    };
    assert_eq!(american.called(&number("+12125550100")).text.expose(), "2125550100");
    assert_eq!(american.called(&number("+4930901820")).text.expose(), "0114930901820");
}

#[test]
fn the_first_rule_that_takes_a_number_decides_and_the_tech_prefix_stands_before_all() {
    let rules = vec![
        rule("+4930XXXXXX$", Some(NumberForm::National), 1, ""),
        rule("+49", None, 3, "0"),
        rule("+", Some(NumberForm::E164WithoutPlus), 0, "9"),
    ];
    let rules = NumberRules {
        tech_prefix: "77#".to_owned(),
        called: Writing { form: NumberForm::E164, rules: rules.clone() },
        caller: Writing { form: NumberForm::International, rules: rules[1..2].to_vec() },
        ..german()
    };
    let called = |text| {
        let Written { text, rule } = rules.called(&number(text));
        (text.into_inner(), rule)
    };
    assert_eq!(called("+4930901820"), ("77#30901820".to_owned(), Some(0)));
    assert_eq!(called("+49309018200"), ("77#0309018200".to_owned(), Some(1)), "one digit more than the pattern has");
    assert_eq!(called("+442079460000"), ("77#9442079460000".to_owned(), Some(2)));
    let caller = rules.caller(&number("+442079460000"));
    assert_eq!((caller.text.expose().as_str(), caller.rule), ("00442079460000", None), "no tech prefix, no rule");
    assert_eq!(format!("{caller:?}"), "Written { text: [redacted], rule: None }");
}

#[test]
fn a_rule_that_would_leave_nothing_does_not_take_the_number() {
    let rules = vec![rule("+49", None, 15, "")];
    let rules = NumberRules { called: Writing { form: NumberForm::E164, rules }, ..german() };
    assert_eq!(rules.called(&number("+4930901820")).rule, None);
    assert_eq!(rules.called(&number("+493012345678901")).text.expose(), "1", "16 characters");
}

fn read(rules: &NumberRules, text: &str) -> Option<String> {
    rules.incoming_caller(text).map(|read| read.number.expose().to_string())
}

#[test]
fn numbers_that_come_in_are_read_back_to_e164() {
    let plain = NumberRules::default();
    let berlin = Some("+4930901820".to_owned());
    for text in ["+4930901820", "4930901820", "004930901820", "+49-30-90 18 20", "+4930901820;npdi;rn=+4930"] {
        assert_eq!(read(&plain, text), berlin, "{text}");
    }
    for text in ["030901820", "anonymous", "", "1001", "+", "*67", &"4".repeat(65)] {
        assert_eq!(read(&plain, text), None, "{text}");
    }
    assert_eq!(read(&german(), "030901820"), berlin, "no country code begins with 0");
    let reading = Reading { form: NumberForm::National, rules: vec![] };
    let national = NumberRules { incoming_caller: reading, ..german() };
    for text in ["30901820", "030901820", "004930901820", "+4930901820"] {
        assert_eq!(read(&national, text), berlin, "{text}");
    }
    assert_eq!(read(&national, "00442079460000").as_deref(), Some("+442079460000"));
    let strict = Reading { form: NumberForm::E164, rules: vec![] };
    let strict = NumberRules { incoming_caller: strict, ..german() };
    assert_eq!((read(&strict, "4930901820"), read(&strict, "+4930901820")), (None, berlin));
}

#[test]
fn what_comes_in_is_changed_by_the_first_rule_before_it_is_read() {
    let rules = vec![rule("77#", None, 3, "+"), rule("XXXX$", None, 0, "+493090")];
    let reading = Reading { form: NumberForm::E164WithoutPlus, rules };
    let rules = NumberRules { incoming_called: reading, ..german() };
    let called = |text| rules.incoming_called(text).map(|read| (read.number.expose().to_string(), read.rule));
    assert_eq!(called("77#4930901820"), Some(("+4930901820".to_owned(), Some(0))));
    assert_eq!(called("1820"), Some(("+4930901820".to_owned(), Some(1))), "an extension");
    assert_eq!(called("4930901820"), Some(("+4930901820".to_owned(), None)));
}

/// Whatever is written in a form is read again as the number it was, in the same form.
#[test]
fn what_is_written_is_read_back() {
    for text in ["+4930901820", "+442079460000", "+12125550100", "+390612345678", "+4915112345678"] {
        for form in NumberForm::ALL.iter().copied() {
            let reading = Reading { form, rules: vec![] };
            let writing = Writing { form, rules: vec![] };
            let rules = NumberRules { caller: writing, incoming_caller: reading, ..german() };
            let written = rules.caller(&number(text)).text.into_inner();
            assert_eq!(read(&rules, &written).as_deref(), Some(text), "{form}");
        }
    }
}

#[test]
fn every_fault_names_its_field_and_its_remedy() {
    let wrong = NumberRules {
        country_code: Some("+49".to_owned()),
        tech_prefix: "a".to_owned(),
        national_prefix: "00000".to_owned(),
        called: Writing {
            form: NumberForm::E164,
            rules: vec![
                rule("+49", None, 0, ""),
                rule("+4930", None, 16, ""),
                rule("030", None, 0, "x"),
                rule("+4[2-9]", None, 0, ""),
                rule("$", None, 0, ""),
            ],
        },
        ..NumberRules::default()
    };
    let faults: Vec<_> = wrong.faults().into_iter().map(|fault| (fault.pointer, fault.code)).collect();
    let expected = [
        ("/country_code", "country_code"),
        ("/national_prefix", "prefix"),
        ("/tech_prefix", "prefix"),
        ("/called/rules/1/match", "unreachable"),
        ("/called/rules/1/strip", "range"),
        ("/called/rules/2/match", "pattern"),
        ("/called/rules/2/prepend", "prefix"),
        ("/called/rules/3/match", "pattern"),
        ("/called/rules/4/match", "pattern"),
    ];
    assert_eq!(faults, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    let homeless = NumberRules {
        incoming_called: Reading {
            form: NumberForm::National,
            rules: vec![rule("0", Some(NumberForm::National), 0, "")],
        },
        caller: Writing { form: NumberForm::E164, rules: vec![NumberRule::default(); 33] },
        ..NumberRules::default()
    };
    let faults: Vec<_> = homeless.faults().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(faults, ["/caller/rules", "/incoming_called/form", "/incoming_called/rules/0/form"]);
    assert_eq!(NumberRules::default().faults(), []);
    assert!(wrong.faults().iter().all(|fault| fault.reason.len() > 20));
}

#[test]
fn a_narrower_rule_may_stand_before_a_wider_one_and_never_behind_it() {
    let faults = |first: &str, second: &str| {
        let rules = vec![rule(first, None, 0, ""), rule(second, None, 0, "")];
        NumberRules { called: Writing { form: NumberForm::E164, rules }, ..NumberRules::default() }.faults().len()
    };
    for (narrow, wide) in [("+4930", "+49"), ("+49", "+4X"), ("+4930$", "+49"), ("+4930$", "+493X$"), ("+49X", "+49X")]
    {
        assert_eq!(faults(wide, narrow), 1, "{wide} {narrow}");
    }
    for (one, other) in [("+4930", "+49"), ("+49", "+4930$"), ("+49$", "+49"), ("+4X", "+49X")] {
        let wrong = usize::from(other == "+4930$" || other == "+49X");
        assert_eq!(faults(one, other), wrong, "{one} {other}");
    }
}

#[test]
fn rules_are_stored_as_they_were_given_and_unknown_fields_are_refused() {
    let text = r#"{"country_code":"49","called":{"form":"national","rules":[{"match":"+4930","strip":1}]}}"#;
    let rules: NumberRules = serde_json::from_str(text).expect("rules");
    let stored = serde_json::to_string(&rules).expect("JSON");
    assert_eq!(serde_json::from_str::<NumberRules>(&stored).expect("rules"), rules);
    assert_eq!(serde_json::from_str::<NumberRules>("{}").expect("rules"), NumberRules::default());
    assert!(serde_json::from_str::<NumberRules>(r#"{"calles":{}}"#).is_err());
}
