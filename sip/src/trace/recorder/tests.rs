use super::super::tests::{received, sent};
use super::*;

const LIMITS: Limits = Limits {
    calls: 2,
    strangers: 2,
    messages: 4,
    bytes: 1_000,
    rest: Duration::from_secs(5),
    longest_rest: Duration::from_secs(40),
    stranger: Duration::from_secs(60),
};

fn request(method: &str, call: &str) -> Message {
    sent(0, &format!("{method} sip:a SIP/2.0\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\r\n"))
}

fn response(code: u16, call: &str) -> Message {
    received(0, &format!("SIP/2.0 {code} x\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\n\r\n"))
}

#[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
fn start() -> Instant {
    Instant::now()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_call_is_kept_from_its_invite_until_it_rests() {
    let (now, mut recorder) = (start(), Recorder::new(LIMITS));
    recorder.keep(now, response(200, "other"));
    recorder.keep(now, request("OPTIONS", "ping"));
    assert!(recorder.claim(now, b"a", 1));
    for message in [request("INVITE", "a"), response(486, "a"), request("ACK", "a")] {
        recorder.keep(now, message);
    }
    assert_eq!(recorder.counts(), Counts { no_call: 2, ..Counts::default() });
    assert!(recorder.finished(now + seconds(100), 9).is_empty(), "it goes on");
    recorder.over(now + seconds(100), b"a");
    assert!(recorder.finished(now + seconds(104), 9).is_empty());
    recorder.keep(now + seconds(104), response(486, "a"));
    assert!(recorder.finished(now + seconds(108), 9).is_empty(), "something came again");
    let finished = recorder.finished(now + seconds(109), 9);
    assert_eq!((finished.len(), finished[0].owner, finished[0].trace.len()), (1, 1, 4));
    assert!(recorder.finished(now + seconds(109), 9).is_empty(), "it is handed out once");
    assert_eq!(recorder.claimed().count(), 1, "and can be looked at until it is forgotten");
    recorder.forget(b"a");
    assert_eq!(recorder.claimed().count(), 0);
}

#[test]
fn what_does_not_come_to_rest_is_handed_out_all_the_same() {
    let (now, mut recorder) = (start(), Recorder::new(LIMITS));
    recorder.claim(now, b"a", 1);
    recorder.over(now, b"a");
    for second in 0..40 {
        recorder.keep(now + seconds(second), request("INVITE", "a"));
        assert!(recorder.finished(now + seconds(second), 9).is_empty());
    }
    let finished = recorder.finished(now + seconds(40), 9);
    assert_eq!((finished[0].trace.len(), finished[0].trace.left_out()), (4, 36));
    recorder.keep(now + seconds(41), request("INVITE", "a"));
    assert_eq!(recorder.counts().left_out, 37, "what comes later is counted");
}

#[test]
fn the_first_and_the_last_messages_are_kept() {
    let (now, mut recorder) = (start(), Recorder::new(LIMITS));
    recorder.claim(now, b"a", ());
    for code in [100, 180, 181, 182, 183, 200] {
        recorder.keep(now, if code == 100 { request("INVITE", "a") } else { response(code, "a") });
    }
    let finished = recorder.unfinished(9);
    let texts: Vec<_> = finished[0].trace.messages().map(|message| message.bytes()[8..11].to_vec()).collect();
    assert_eq!(texts, [b"ip:", b"180", b"183", b"200"]);
    assert_eq!((finished[0].trace.left_out(), recorder.counts().left_out), (2, 2));
}

#[test]
fn bytes_are_bounded_too() {
    let (now, mut recorder) = (start(), Recorder::new(LIMITS));
    recorder.claim(now, b"a", ());
    let long = |length: usize| sent(0, &format!("INVITE sip:a SIP/2.0\r\nCall-ID: a\r\n\r\n{}", "y".repeat(length)));
    for length in [300, 300, 2_000, 400] {
        recorder.keep(now, long(length));
    }
    let (_, _, trace) = recorder.claimed().next().expect("a call");
    let lengths: Vec<_> = trace.messages().map(|message| message.bytes().len() - 36).collect();
    assert_eq!((lengths, trace.left_out()), (vec![300, 400], 2));
    assert!(trace.messages().map(|message| message.bytes().len()).sum::<usize>() <= LIMITS.bytes);
}

#[test]
fn strangers_make_room_for_strangers_and_never_for_calls() {
    let (now, mut recorder) = (start(), Recorder::new(LIMITS));
    for call in ["a", "b", "c"] {
        recorder.keep(now, request("INVITE", call));
    }
    assert_eq!(recorder.counts().strangers_ousted, 1);
    assert!(recorder.claim(now, b"b", 1) && recorder.claim(now, b"d", 2));
    assert!(!recorder.claim(now, b"c", 3), "two calls at most");
    assert_eq!(recorder.counts().calls_refused, 1);
    let of_b = recorder.claimed().find(|(call_id, ..)| *call_id == b"b").map(|(.., trace)| trace.len());
    assert_eq!(of_b, Some(1), "what came before the claim is there");
    recorder.tidy(now + seconds(59));
    assert_eq!(recorder.strangers.len(), 1);
    recorder.tidy(now + seconds(60));
    assert_eq!((recorder.strangers.len(), recorder.calls.len()), (0, 2));
}

#[test]
fn a_trace_is_the_same_when_it_is_restored() {
    let (now, mut recorder) = (start(), Recorder::new(LIMITS));
    recorder.claim(now, b"a", ());
    for _ in 0..7 {
        recorder.keep(now, request("INVITE", "a"));
    }
    let trace = recorder.unfinished(1).remove(0).trace;
    let (first, last) = trace.parts();
    assert_eq!(Trace::restored(first.to_vec(), trace.left_out(), last.cloned().collect()), trace);
}
