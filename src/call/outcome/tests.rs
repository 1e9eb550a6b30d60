use std::fmt::Write;

use super::*;

fn response(status: u16) -> DialFailure {
    DialFailure {
        cause: DialFault::Response,
        status: Some(status),
        phrase: b"Whatever".to_vec(),
        q850: None,
        reason_text: Vec::new(),
        jcard: false,
        retry_after: None,
        provisional_seen: false,
        rang: false,
        after: Duration::from_secs(3),
    }
}

fn reason(failure: &DialFailure) -> DisconnectionReason {
    dial_reason(failure, TrunkEvidence::default())
}

#[test]
fn every_status_has_its_reason() {
    let mut table = String::new();
    let mut last = String::new();
    for status in 300..700 {
        let plain = response(status);
        let rung = DialFailure { provisional_seen: true, rang: true, ..plain.clone() };
        let later = DialFailure { retry_after: Some(Duration::from_secs(30)), ..plain.clone() };
        let line = format!(
            "{} | after 180 {} | with Retry-After {} | failover {:?}",
            reason(&plain),
            reason(&rung),
            reason(&later),
            failover(&plain)
        );
        if line != last {
            writeln!(table, "{status}: {line}").expect("a String takes any text");
            last = line;
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_q850_cause_outranks_or_leaves_the_status() {
    let mut table = String::new();
    let mut last = String::new();
    for cause in 0..=u8::MAX {
        let on = |status| reason(&DialFailure { q850: Some(cause), ..response(status) });
        let (on_403, on_480, on_503) = (on(403), on(480), on(503));
        let line = if on_403 == on_480 && on_480 == on_503 {
            on_403.to_string()
        } else {
            format!("the status stands (403 {on_403}, 480 {on_480}, 503 {on_503})")
        };
        if line != last {
            writeln!(table, "{cause}: {line}").expect("a String takes any text");
            last = line;
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_rules_above_the_table_hold() {
    use DisconnectionReason as R;
    let cases: [(&str, DialFailure, R); 14] = [
        ("403 with 21", DialFailure { q850: Some(21), ..response(403) }, R::UserDeclined),
        ("404 with 2", DialFailure { q850: Some(2), ..response(404) }, R::DialFailed),
        ("404 with 3", DialFailure { q850: Some(3), ..response(404) }, R::DialFailed),
        ("404", response(404), R::InvalidPhoneNumber),
        ("408 after 100", DialFailure { provisional_seen: true, ..response(408) }, R::DialNoAnswer),
        ("408 alone", response(408), R::TelephonyProviderUnavailable),
        ("480 alone", response(480), R::DialNoAnswer),
        ("503 without Retry-After", response(503), R::DialFailed),
        ("416", response(416), R::DialFailed),
        ("300", response(302), R::DialFailed),
        (
            "603 with a network block",
            DialFailure { phrase: b"Network Blocked".to_vec(), ..response(603) },
            R::MarkedAsSpam,
        ),
        (
            "603 with cause 21 and analytics",
            DialFailure { q850: Some(21), reason_text: b"v=analytics1;url=x".to_vec(), ..response(603) },
            R::MarkedAsSpam,
        ),
        ("603 with a jCard", DialFailure { jcard: true, ..response(603) }, R::MarkedAsSpam),
        ("603", response(603), R::UserDeclined),
    ];
    for (name, failure, expected) in cases {
        assert_eq!(reason(&failure), expected, "{name}");
    }
    assert!(is_misconfiguration(&response(416)));
    assert!(!is_misconfiguration(&response(415)));
    for status in [428, 436, 437, 438] {
        let refused = response(status);
        assert!(is_misconfiguration(&refused), "{status}");
        assert_eq!(dial_reason(&refused, TrunkEvidence::default()), R::TelephonyProviderPermissionDenied, "{status}");
        assert_eq!(failover(&refused), Failover::Never, "{status}");
    }
}

#[test]
fn a_quick_480_counts_against_the_trunk_only_when_its_rate_is_raised() {
    let quick = DialFailure { after: Duration::from_millis(400), provisional_seen: true, ..response(480) };
    let raised = TrunkEvidence { raised_480: true };
    assert_eq!(dial_reason(&quick, TrunkEvidence::default()), DisconnectionReason::DialNoAnswer);
    assert_eq!(dial_reason(&quick, raised), DisconnectionReason::TelephonyProviderUnavailable);
    let slow = DialFailure { after: Duration::from_secs(1), ..quick.clone() };
    assert_eq!(dial_reason(&slow, raised), DisconnectionReason::DialNoAnswer);
    let rung = DialFailure { rang: true, ..quick };
    assert_eq!(dial_reason(&rung, raised), DisconnectionReason::DialNoAnswer);
}

#[test]
fn without_a_response_only_a_provably_unsent_invite_is_the_carriers() {
    let fault = |cause| DialFailure { cause, status: None, ..response(500) };
    assert_eq!(reason(&fault(DialFault::NotSent)), DisconnectionReason::TelephonyProviderUnavailable);
    for cause in [DialFault::Silence, DialFault::ConnectionLost, DialFault::Local] {
        assert_eq!(reason(&fault(cause)), DisconnectionReason::DialFailed, "{cause:?}");
        assert_eq!(failover(&fault(cause)), Failover::Never, "{cause:?}");
    }
    assert_eq!(failover(&fault(DialFault::NotSent)), Failover::Allowed);
}

#[test]
fn nothing_that_rang_or_was_refused_by_a_person_is_sent_again() {
    for status in 300..700 {
        let rang = DialFailure { rang: true, provisional_seen: true, ..response(status) };
        assert_eq!(failover(&rang), Failover::Never, "{status} after ringing");
        for cause in 17..=21 {
            let personal = DialFailure { q850: Some(cause), ..response(status) };
            assert_eq!(failover(&personal), Failover::Never, "{status} with cause {cause}");
        }
    }
}
