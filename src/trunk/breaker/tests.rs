use super::*;
use crate::call::outcome::Failover;
use crate::campaign::states::EndedBy;

const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

/// A dial that left at `now` and has come to this at once.
fn seen(now: Timestamp, number: u64, news: News) -> Seen {
    Seen { news, number, sent_at: now, jitter: 0.0 }
}

const FAULT: News = News::Fault { retry_after: None };

#[test]
fn three_numbers_failing_open_it_and_one_call_tries() {
    let mut trunk = Breaker::default();
    for number in [1, 1, 2] {
        trunk.observe(START, &seen(START, number, FAULT));
        assert_eq!(trunk.standing(START), BreakerState::Closed);
    }
    trunk.observe(START, &seen(START, 3, FAULT));
    assert_eq!(trunk.shut(START), Some(Shut { cause: BreakerCause::Failing, trying: false, until: at(1) }));
    assert_eq!((trunk.shut(at(1)), trunk.standing(at(1))), (None, BreakerState::HalfOpen));
    assert!(trunk.admit(at(1), "first"));
    assert_eq!(trunk.shut(at(1)), Some(Shut { cause: BreakerCause::Failing, trying: true, until: at(46) }));
    trunk.observe(at(1), &seen(at(1), 4, FAULT));
    assert_eq!(trunk.shut(at(1)), Some(Shut { cause: BreakerCause::Failing, trying: false, until: at(3) }));
    assert!(trunk.admit(at(3), "second"));
    trunk.observe(at(3), &seen(at(3), 5, News::Fine));
    assert_eq!((trunk.shut(at(3)), trunk.standing(at(3))), (None, BreakerState::Closed));
    assert!(!trunk.admit(at(3), "third"), "nobody has to try any more");
}

#[test]
fn who_was_granted_before_it_opened_stays_behind_until_it_is_closed() {
    let mut trunk = Breaker::default();
    assert!(!trunk.keeps_back("early"));
    trunk.observe(START, &seen(START, 1, News::Fault { retry_after: Some(Duration::from_secs(1)) }));
    assert!(trunk.keeps_back("early"));
    // Nobody tries yet, and an earlier grant is no try.
    assert_eq!(trunk.standing(at(1)), BreakerState::HalfOpen);
    assert!(trunk.keeps_back("early"));
    assert!(trunk.admit(at(1), "first"));
    assert!(trunk.keeps_back("early") && !trunk.keeps_back("first"));
    trunk.observe(at(1), &seen(at(1), 2, News::Fine));
    assert!(!trunk.keeps_back("early"));
}

#[test]
fn a_try_that_is_not_sent_or_never_heard_of_again_gives_way() {
    let mut trunk = Breaker::default();
    let asked = News::Fault { retry_after: Some(Duration::from_secs(10)) };
    trunk.observe(START, &seen(START, 1, asked));
    assert!(trunk.admit(at(10), "first"));
    trunk.withdraw("somebody else");
    assert!(trunk.shut(at(10)).is_some_and(|shut| shut.trying));
    trunk.withdraw("first");
    assert_eq!(trunk.shut(at(10)), None);
    assert!(trunk.admit(at(10), "second"));
    assert!(trunk.shut(at(54)).is_some());
    assert_eq!(trunk.shut(at(55)), None, "45 s without news");
}

#[test]
fn what_was_on_its_way_neither_prolongs_nor_ends_it() {
    let mut trunk = Breaker::default();
    for number in 0..40 {
        trunk.observe(at(5), &seen(at(4), number, FAULT));
    }
    assert_eq!(trunk.shut(at(5)).map(|shut| shut.until), Some(at(6)), "one pause, not forty");
    trunk.observe(at(5), &seen(at(0), 99, News::Fine));
    assert!(trunk.shut(at(5)).is_some(), "a long call that ends well says nothing about now");
    let asked = News::Fault { retry_after: Some(Duration::from_secs(30)) };
    trunk.observe(at(5), &seen(at(4), 41, asked));
    assert_eq!(trunk.shut(at(5)).map(|shut| shut.until), Some(at(35)), "but who asks for more gets more");
}

#[test]
fn pauses_grow_to_a_minute_and_spread() {
    let (mut trunk, mut now, mut pauses) = (Breaker::default(), START, Vec::new());
    for number in 0..12 {
        trunk.observe(now, &Seen { jitter: 1.0, ..seen(now, number, FAULT) });
        if let Some(shut) = trunk.shut(now) {
            pauses.push(shut.until.duration_since(now).as_millis());
            now = shut.until;
            assert!(trunk.admit(now, "try"));
        }
    }
    assert_eq!(pauses[..4], [1250, 2500, 5000, 10_000]);
    assert_eq!(pauses.last(), Some(&75_000));
}

#[test]
fn a_retry_after_is_obeyed_at_once_up_to_five_minutes() {
    for (asked, waited) in [(30, 30), (86_400, 300)] {
        let mut trunk = Breaker::default();
        let retry_after = Some(Duration::from_secs(asked));
        trunk.observe(START, &seen(START, 1, News::Fault { retry_after }));
        let shut = Shut { cause: BreakerCause::RetryAfter, trying: false, until: at(waited) };
        assert_eq!(trunk.shut(START), Some(shut));
    }
}

#[test]
fn half_the_rate_is_left_and_comes_back_by_a_twentieth_in_ten_clean_seconds() {
    let mut trunk = Breaker::default();
    assert_eq!(trunk.share(START), 1000);
    for number in 0..3 {
        trunk.observe(START, &seen(START, number, FAULT));
    }
    assert_eq!(trunk.share(START), 500);
    trunk.observe(at(20), &seen(at(20), 9, News::Fine));
    assert_eq!(
        (trunk.share(at(20)), trunk.share(at(29)), trunk.share(at(30))),
        (500, 500, 550),
        "from when it closed on"
    );
    trunk.observe(at(35), &seen(at(35), 1, FAULT));
    assert_eq!((trunk.share(at(44)), trunk.share(at(45))), (550, 600), "one failure begins the ten seconds anew");
    assert_eq!(trunk.share(at(3600)), 1000);
    trunk.observe(at(3600), &seen(at(3600), 1, News::Fine));
    assert!(trunk.is_at_rest(at(3600)));
    assert_eq!(trunk, Breaker::default());
}

#[test]
fn five_numbers_refused_within_five_minutes_stop_it_until_one_call_is_let_through() {
    let mut slow = Breaker::default();
    for number in 0..6 {
        slow.observe(at(76 * number), &seen(at(76 * number), number, News::Refused));
    }
    assert_eq!(slow.shut(at(380)), None, "never five within five minutes");
    let mut trunk = Breaker::default();
    for number in [1, 2, 3, 4, 4] {
        trunk.observe(START, &seen(START, number, News::Refused));
        assert_eq!(trunk.shut(START), None);
    }
    trunk.observe(START, &seen(START, 5, News::Refused));
    assert_eq!(trunk.shut(START), Some(Shut { cause: BreakerCause::Refused, trying: false, until: at(300) }));
    assert!(trunk.admit(at(300), "try"));
    trunk.observe(at(300), &seen(at(300), 6, News::Refused));
    assert_eq!(trunk.shut(at(300)).map(|shut| shut.until), Some(at(900)), "twice as long");
    assert!(trunk.admit(at(900), "try"));
    trunk.observe(at(900), &seen(at(900), 6, News::Fine));
    assert_eq!(trunk.standing(at(900)), BreakerState::Closed);
}

#[test]
fn it_is_kept_as_text_without_loss() {
    let mut trunk = Breaker::default();
    for number in 0..3 {
        trunk.observe(START, &seen(START, number, FAULT));
        trunk.observe(START, &seen(START, number, News::Refused));
    }
    assert!(trunk.admit(at(1), "try"));
    let text = serde_json::to_string(&trunk).expect("JSON");
    assert_eq!(serde_json::from_str::<Breaker>(&text).expect("what was written"), trunk);
}

#[test]
fn our_own_faults_say_nothing_about_the_trunk() {
    let outcome = CallOutcome {
        sip_code: None,
        retry_after: Some(Duration::from_secs(9)),
        ended_by: EndedBy::System,
        technical: true,
        ..CallOutcome::refused(DisconnectionReason::DialFailed, 500, Failover::Never)
    };
    assert_eq!(News::of(&outcome), None);
    let silent = CallOutcome { technical: false, ..outcome.clone() };
    assert_eq!(News::of(&silent), Some(FAULT), "a Retry-After counts in a 503 only");
    let unavailable = DisconnectionReason::TelephonyProviderUnavailable;
    let overloaded = CallOutcome { reason: unavailable, sip_code: Some(503), ..silent.clone() };
    let asked = News::Fault { retry_after: Some(Duration::from_secs(9)) };
    assert_eq!(News::of(&overloaded), Some(asked));
    let busy = CallOutcome { reason: DisconnectionReason::DialBusy, ..silent };
    assert_eq!(News::of(&busy), Some(News::Fine));
}

#[test]
fn what_is_found_down_without_a_dial_is_left_alone_until_it_is_found_up_and_one_call_tries() {
    let mut trunk = Breaker::default();
    trunk.hold(START, BreakerCause::Silent, at(60));
    assert_eq!(trunk.shut(START), Some(Shut { cause: BreakerCause::Silent, trying: false, until: at(60) }));
    trunk.hold(at(30), BreakerCause::Unregistered, at(90));
    assert_eq!(trunk.opened(), Some((BreakerCause::Unregistered, START, at(90))), "since when it was down");
    assert_eq!(trunk.share(at(30)), 650, "halved once, and growing");
    trunk.release(at(40));
    assert_eq!((trunk.standing(at(40)), trunk.shut(at(40))), (BreakerState::HalfOpen, None));
    assert!(trunk.admit(at(40), "first"));
    assert!(trunk.shut(at(41)).is_some_and(|shut| shut.trying), "and no other");
    trunk.observe(at(42), &seen(at(41), 1, News::Fine));
    assert_eq!(trunk.standing(at(42)), BreakerState::Closed);
    // Nobody says that it is up again: its time runs out all the same.
    trunk.hold(at(50), BreakerCause::Silent, at(110));
    assert_eq!(trunk.standing(at(110)), BreakerState::HalfOpen);
}

#[test]
fn what_dials_have_found_is_not_ended_by_an_answer_to_options() {
    let mut trunk = Breaker::default();
    let asked = News::Fault { retry_after: Some(Duration::from_secs(100)) };
    trunk.observe(START, &seen(START, 1, asked));
    trunk.hold(at(1), BreakerCause::Silent, at(61));
    trunk.release(at(2));
    assert_eq!(trunk.shut(at(2)), Some(Shut { cause: BreakerCause::RetryAfter, trying: false, until: at(100) }));
    trunk.hold(at(80), BreakerCause::Silent, at(140));
    assert_eq!(
        trunk.shut(at(100)).map(|shut| shut.until),
        Some(at(140)),
        "it is down longer than the carrier asked for"
    );
}
