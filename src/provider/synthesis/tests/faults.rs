//! Every vendor with every fault: what the call is told, and when.

use callwright_loadtest::vendors::faults::{Fault, Injection, Moment};

use std::time::Instant;

use super::*;
use crate::time;

/// How an utterance went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Went {
    /// All words were heard, each once.
    Spoken,
    /// It failed like this; what was heard of it before was right.
    Failed(ErrorKind),
    /// It failed, and the session with it.
    Died(ErrorKind),
}

use Went::{Died, Failed, Spoken};

/// What happens once, and what comes of it.
struct Case {
    fault: Fault,
    /// For whom it means something.
    kinds: &'static [Kind],
    /// How the utterance that is struck goes.
    struck: Went,
    /// Milliseconds until its first audio came, or its failure was told. With [`SLACK`] for a machine that is busy.
    within: std::ops::Range<u64>,
    /// How the next one goes.
    next: Went,
}

const SOCKETS: &[Kind] = &[Kind::Aura, Kind::Flux, Kind::Elevenlabs, Kind::Cartesia];
const JSON: &[Kind] = &[Kind::Elevenlabs, Kind::Cartesia];

const TEXT: &str = "One moment please, let me look.";

const SLACK: u64 = 2_500;

/// At the very beginning, and after some audio: five messages are two greetings at most and three pieces.
const BEGINNING: Moment = Moment { after_ms: 0, after_sent: 0 };
const MIDDLE: Moment = Moment { after_ms: 0, after_sent: 5 };

fn cases() -> Vec<Case> {
    let case = |fault, kinds, struck, within, next| Case { fault, kinds, struck, within, next };
    let close = |code, when| Fault::Close { code, reason: "NET-0000".to_owned(), when };
    let broken = Failed(ErrorKind::Broken);
    vec![
        case(Fault::Delay { ms: 300 }, &ALL, Spoken, 300..900, Spoken),
        case(Fault::SlowFirstByte { ms: 1_500 }, &ALL, Spoken, 1_500..1_800, Spoken),
        case(Fault::SlowFirstByte { ms: 9_000 }, &ALL, Failed(ErrorKind::TimedOut), 2_900..3_200, Spoken),
        case(Fault::Unauthorised, &ALL, Died(ErrorKind::Unauthorised), 0..600, Died(ErrorKind::Unauthorised)),
        case(Fault::TooMany { retry_after: None }, &ALL, Failed(ErrorKind::Busy), 0..600, Spoken),
        case(Fault::TooMany { retry_after: Some(30) }, SOCKETS, Died(ErrorKind::Busy), 0..600, Died(ErrorKind::Busy)),
        case(Fault::TooMany { retry_after: Some(30) }, &[Kind::Openai], Failed(ErrorKind::Busy), 0..600, Spoken),
        case(Fault::Refuse { status: 500 }, &ALL, Spoken, 0..600, Spoken),
        case(Fault::Hang, &ALL, Failed(ErrorKind::TimedOut), 2_900..3_200, Spoken),
        case(close(1011, BEGINNING), &ALL, Spoken, 0..600, Spoken),
        case(close(1011, MIDDLE), &ALL, broken, 0..600, Spoken),
        case(close(1001, MIDDLE), SOCKETS, broken, 0..600, Spoken),
        case(Fault::Cut { when: BEGINNING }, &ALL, Spoken, 0..600, Spoken),
        case(Fault::Cut { when: MIDDLE }, &ALL, broken, 0..600, Spoken),
        case(Fault::HalfOpen { when: BEGINNING }, SOCKETS, Spoken, 2_300..3_300, Spoken),
        case(Fault::HalfOpen { when: BEGINNING }, &[Kind::Openai], Failed(ErrorKind::TimedOut), 2_900..3_200, Spoken),
        case(Fault::HalfOpen { when: MIDDLE }, &ALL, Failed(ErrorKind::TimedOut), 2_300..3_300, Spoken),
        case(Fault::Garbage { when: MIDDLE }, SOCKETS, broken, 0..600, Spoken),
        case(Fault::EmptyAudio, &ALL, Spoken, 0..1_200, Spoken),
        case(Fault::TruncatedBase64, JSON, Spoken, 0..600, Spoken),
        case(Fault::Pace { factor: 100.0 }, &ALL, Spoken, 0..600, Spoken),
        case(Fault::Pace { factor: 0.8 }, &[Kind::Aura], Spoken, 0..600, Spoken),
    ]
}

/// Says two utterances at a vendor whose first connection is struck.
async fn strike(kind: Kind, fault: Fault) -> (Went, Duration, Went) {
    let config = Config { faults: vec![Injection::once(kind.simulated(), fault)], ..slow(4.0) };
    let mut bench = Bench::open(kind, config).await;
    let began = time::now().mono;
    bench.say(ONE, TEXT).await;
    let (struck, at) = went(&mut bench, ONE, TEXT).await;
    if let Died(_) = struck {
        return (struck, at - began, struck);
    }
    bench.say(TWO, "Thanks for waiting.").await;
    let (next, _) = went(&mut bench, TWO, "Thanks for waiting.").await;
    (struck, at - began, next)
}

/// How an utterance went, and when its first audio or its failure came.
async fn went(bench: &mut Bench, utterance: UtteranceId, text: &str) -> (Went, Instant) {
    let whole = text.replace([',', '.'], "");
    let (mut pcm, mut first) = (Vec::new(), None);
    loop {
        match bench.next().await {
            TtsEvent::Audio { utterance: of, pcm: more } => {
                assert_eq!(of, utterance, "{:?}", bench.kind);
                first.get_or_insert_with(|| time::now().mono);
                pcm.extend_from_slice(&more);
            }
            TtsEvent::Finished { .. } => {
                assert_eq!(words(text, &pcm), whole, "{:?}", bench.kind);
                return (Spoken, first.expect("what is spoken has audio"));
            }
            TtsEvent::Failed { error, .. } => {
                let at = time::now().mono;
                let heard = words(text, &pcm);
                let heard = heard.rsplit_once(' ').map_or("", |(sure, _)| sure);
                assert!(whole.starts_with(heard), "{:?}: {heard}", bench.kind);
                // Death, if it comes, comes right behind.
                match timeout(Duration::from_millis(50), bench.session.events.recv()).await {
                    Ok(Some(TtsEvent::Dead { error })) => return (Died(error.kind), at),
                    Ok(event) => panic!("{:?}: {event:?} after a failure", bench.kind),
                    Err(_) => return (Failed(error.kind), at),
                }
            }
            TtsEvent::Dead { error } => return (Died(error.kind), time::now().mono),
            TtsEvent::Marks { .. } => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_told_in_time_and_the_session_goes_on() {
    let cases = cases().into_iter().flat_map(|case| {
        let case = Arc::new(case);
        case.kinds.iter().map(move |kind| (*kind, Arc::clone(&case))).collect::<Vec<_>>()
    });
    let running: Vec<_> = cases
        .map(|(kind, case)| {
            let fault = case.fault.clone();
            (kind, case, tokio::spawn(strike(kind, fault)))
        })
        .collect();
    let mut wrong = Vec::new();
    for (kind, case, running) in running {
        let name = format!("{kind:?}, {:?}", case.fault);
        match running.await {
            Ok((struck, took, next)) => {
                let took = took.as_millis() as u64;
                let in_time = (case.within.start..case.within.end + SLACK).contains(&took);
                if struck != case.struck || !in_time || next != case.next {
                    wrong.push(format!("{name}: {struck:?} after {took} ms, then {next:?}"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_connection_that_is_closed_while_nothing_is_said_costs_nothing() {
    each(async |kind: Kind| {
        if kind == Kind::Openai {
            return;
        }
        let mut bench = Bench::open(kind, Config::default()).await;
        bench.say(ONE, "Hello.").await;
        assert_eq!(bench.heard(ONE).await.error, None, "{kind:?}");
        let close = Fault::Close { code: 1001, reason: "Idle timeout".to_owned(), when: BEGINNING };
        bench.vendors.set_faults(vec![Injection { times: Some(1), ..Injection::now(kind.simulated(), close) }]);
        let closed = |entry: &Entry| matches!(entry.event, Logged::Closed { .. });
        assert!(bench.vendors.log.find(SOON, closed).await.is_some());
        bench.say(TWO, "Are you there?").await;
        let heard = bench.heard(TWO).await;
        assert_eq!((heard.error.as_ref(), heard.words("Are you there").as_str()), (None, "Are you there"), "{kind:?}");
    })
    .await;
}
