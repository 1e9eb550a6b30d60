use callwright_sip::message::Method;

use super::*;
use crate::trunk::numbers::{NumberForm, Writing};

const TRUNK: &str = "sip.carrier.example:5070";

fn text(print: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    print(&mut out);
    String::from_utf8(out).expect("text")
}

/// Request-URI, From, To and the further headers of a call.
fn said(callers: CallerRules) -> Vec<String> {
    let numbers = NumberRules {
        country_code: Some("49".to_owned()),
        called: Writing { form: NumberForm::National, rules: vec![] },
        ..NumberRules::default()
    };
    let host = |text: &str| HostPort::parse(text.as_bytes()).expect("a host");
    let (domain, own) = (host(TRUNK), host("198.51.100.4:5060"));
    let place = Place { domain: &domain, own: Some(&own), account: Some("acme") };
    let (to, from) = ("+4930901820".parse().expect("a number"), "+4930901821".parse().expect("a number"));
    let words = Wording { numbers, callers }.words(place, &to, Some(&from));
    assert_eq!(format!("{words:?}"), "Words([redacted])");
    let mut said =
        vec![text(|out| words.uri.print(out)), text(|out| words.from.print(out)), text(|out| words.to.print(out))];
    let header = |(name, value): (&HeaderName, &[u8])| format!("{name}: {}", String::from_utf8_lossy(value));
    said.extend(words.headers.iter().map(header));
    said
}

#[test]
fn the_number_stands_in_from_alone_or_in_the_header_that_the_carrier_reads() {
    let plain = ["sip:030901820@sip.carrier.example:5070", "<sip:+4930901821@sip.carrier.example>"];
    let to = "<sip:030901820@sip.carrier.example>";
    let with = |identity| said(CallerRules { identity, ..CallerRules::default() });
    assert_eq!(with(IdentityHeader::From), [plain[0], plain[1], to]);
    for (header, line) in [
        (IdentityHeader::PAssertedIdentity, "P-Asserted-Identity: <sip:+4930901821@sip.carrier.example>"),
        (IdentityHeader::PPreferredIdentity, "P-Preferred-Identity: <sip:+4930901821@sip.carrier.example>"),
        (
            IdentityHeader::RemotePartyId,
            "Remote-Party-ID: <sip:+4930901821@sip.carrier.example>;party=calling;screen=yes;privacy=off",
        ),
    ] {
        assert_eq!(with(header), [plain[0], plain[1], to, line]);
    }
}

#[test]
fn host_user_name_and_mark_of_the_caller_are_as_configured() {
    let own = CallerRules {
        from_host: FromHost::Own,
        display_name: Some("Müller \"& Co\"".to_owned()),
        user_phone: true,
        ..CallerRules::default()
    };
    assert_eq!(
        said(own),
        [
            "sip:030901820@sip.carrier.example:5070;user=phone",
            "\"Müller \\\"& Co\\\"\" <sip:+4930901821@198.51.100.4;user=phone>",
            "<sip:030901820@sip.carrier.example;user=phone>",
        ]
    );
    let account = CallerRules {
        identity: IdentityHeader::PPreferredIdentity,
        from_user: FromUser::Account,
        from_host: FromHost::Given,
        domain: Some("acme.example".to_owned()),
        ..CallerRules::default()
    };
    let said = said(account);
    assert_eq!(said[1], "<sip:acme@acme.example>");
    assert_eq!(said[3], "P-Preferred-Identity: <sip:+4930901821@acme.example>");
}

#[test]
fn whoever_calls_anonymously_is_named_to_the_carrier_alone() {
    let with = |identity| said(CallerRules { identity, withhold: true, ..CallerRules::default() });
    for (header, line) in [
        (IdentityHeader::From, "P-Preferred-Identity: <sip:+4930901821@sip.carrier.example>"),
        (IdentityHeader::PAssertedIdentity, "P-Asserted-Identity: <sip:+4930901821@sip.carrier.example>"),
        (IdentityHeader::PPreferredIdentity, "P-Preferred-Identity: <sip:+4930901821@sip.carrier.example>"),
        (
            IdentityHeader::RemotePartyId,
            "Remote-Party-ID: <sip:+4930901821@sip.carrier.example>;party=calling;screen=yes;privacy=full",
        ),
    ] {
        let said = with(header);
        assert_eq!(said[1], "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
        let mut headers = said[3..].to_vec();
        headers.sort_unstable();
        let mut expected = vec![line.to_owned(), "Privacy: id".to_owned()];
        expected.sort_unstable();
        assert_eq!(headers, expected, "{header}");
    }
}

fn faults(rules: &CallerRules, account: bool) -> Vec<(String, &'static str)> {
    rules.faults(account).into_iter().map(|fault| (fault.pointer, fault.code)).collect()
}

#[test]
fn what_cannot_be_used_is_told_with_its_field() {
    let wrong = CallerRules {
        display_name: Some("a\r\nb".to_owned()),
        from_host: FromHost::Given,
        from_user: FromUser::Account,
        ..CallerRules::default()
    };
    let all = [
        ("/display_name", "name"),
        ("/domain", "missing_field"),
        ("/from_user", "account_missing"),
        ("/identity", "number_missing"),
    ];
    assert_eq!(faults(&wrong, false), all.map(|(pointer, code)| (pointer.to_owned(), code)));
    for (from_host, domain, code) in [
        (FromHost::Given, "sip:acme.example", "host"),
        (FromHost::Given, "acme.example:5060", "host"),
        (FromHost::Trunk, "acme.example", "unused"),
    ] {
        let rules = CallerRules { from_host, domain: Some(domain.to_owned()), ..CallerRules::default() };
        assert_eq!(faults(&rules, true), [("/domain".to_owned(), code)], "{domain}");
    }
    assert_eq!(faults(&CallerRules::default(), false), []);
}

fn arrival(trust_asserted: bool, lines: &[(HeaderName, &str)]) -> Arrival {
    let mut invite = Request::new(Method::Invite, "sip:+4930901820@192.0.2.1".parse().expect("a URI"));
    for (name, value) in lines {
        invite.headers.push(name.clone(), value);
    }
    let callers = CallerRules { trust_asserted, ..CallerRules::default() };
    Wording { callers, ..Wording::default() }.arrival(&invite)
}

fn number(text: &str) -> Option<Pii<E164>> {
    Some(Pii::new(text.parse().expect("a number")))
}

#[test]
fn an_asserted_identity_counts_only_from_trunks_that_are_trusted() {
    let lines = [
        (HeaderName::From, "<sip:+4930111111@a.example>;tag=1"),
        (HeaderName::PAssertedIdentity, "<sip:+4930222222@a.example>"),
    ];
    assert_eq!(arrival(false, &lines).caller, number("+4930111111"));
    assert_eq!(arrival(true, &lines).caller, number("+4930222222"));
    let named = [lines[0].clone(), (HeaderName::PAssertedIdentity, "<sip:alice@a.example>")];
    assert_eq!(arrival(true, &named).caller, number("+4930111111"), "no number in the identity");
}

#[test]
fn a_caller_who_asks_for_privacy_stays_unknown() {
    let from = (HeaderName::From, "<sip:+4930111111@a.example>;tag=1");
    let asserted = (HeaderName::PAssertedIdentity, "<sip:+4930222222@a.example>");
    let hidden = arrival(true, &[from, asserted.clone(), (HeaderName::Privacy, "id")]);
    assert_eq!((hidden.caller, hidden.withheld), (None, true));
    let anonymous = arrival(true, &[(HeaderName::From, "<sip:anonymous@anonymous.invalid>;tag=1"), asserted]);
    assert_eq!((anonymous.caller, anonymous.withheld), (None, true));
    let unknown = arrival(true, &[(HeaderName::From, "<sip:alice@a.example>;tag=1")]);
    assert_eq!((unknown.caller, unknown.withheld), (None, false), "shows no number, and hides none");
}

#[test]
fn who_was_called_first_is_kept_with_the_reason() {
    let from = (HeaderName::From, "<sip:+4930111111@a.example>;tag=1");
    let diverted = |value| arrival(false, &[from.clone(), (HeaderName::Diversion, value)]).diversion;
    let first = diverted("<sip:+4930333333@a.example>;reason=no-answer, <sip:+4930444444@a.example>;reason=user-busy");
    let told = Diversion { first_called: number("+4930444444"), reason: "user-busy".to_owned() };
    assert_eq!(first, Some(told), "the oldest stands last");
    let private = diverted("<sip:+4930333333@a.example>;reason=user-busy;privacy=full");
    assert_eq!(private, Some(Diversion { first_called: None, reason: "user-busy".to_owned() }));
    assert_eq!(arrival(false, &[from]).diversion, None);
}
