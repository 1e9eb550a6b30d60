//! The task against a simulated vendor that breaks in every way it can.

use std::time::Duration;

use callwright_loadtest::vendors::faults::{Fault, Injection, Moment, Vendor as Simulated};
use callwright_loadtest::vendors::log::{Event as Logged, Side};
use callwright_loadtest::vendors::{self, Config, KEY, Running};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::probe::{Failure, Step as Trial};
use crate::provider::vendor::Vendor;

const SOON: Duration = Duration::from_secs(5);

/// Sends what it is told and tells what it gets.
struct Relay {
    vendor: Vendor,
    key: String,
    query: Vec<(&'static str, String)>,
}

#[derive(Debug, PartialEq)]
enum Told {
    Opened { request: bool },
    Text(String),
    Lost(Option<ErrorKind>),
    Dead(ErrorKind),
}

impl Wire for Relay {
    type Input = Message;
    type Event = Told;

    fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    fn endpoint(&mut self) -> Result<Endpoint, Error> {
        let url = address(&self.vendor, self.vendor.base_or(""), "/v1/listen", self.query.clone())?;
        Ok(Endpoint::with_header(url, "authorization", format!("Token {}", self.key)))
    }

    fn opened(&mut self, _: std::time::Instant, upgrade: &Upgrade, out: &mut Outbox<Told>) {
        out.event(Told::Opened { request: upgrade.request.is_some() });
    }

    fn told(&mut self, _: std::time::Instant, input: Message, out: &mut Outbox<Told>) {
        out.feed(input);
    }

    fn received(&mut self, _: std::time::Instant, message: Message, out: &mut Outbox<Told>) {
        if let Message::Text(text) = message {
            out.event(Told::Text(text));
        }
    }

    fn lost(&mut self, _: std::time::Instant, error: Option<&Error>, out: &mut Outbox<Told>) {
        out.event(Told::Lost(error.map(|error| error.kind)));
    }

    fn dead(&mut self, error: Error, out: &mut Outbox<Told>) {
        out.event(Told::Dead(error.kind));
    }

    fn goodbye(&mut self, out: &mut Outbox<Told>) {
        out.json(&serde_json::json!({ "type": "KeepAlive" }));
    }
}

struct Line {
    vendors: Running,
    input: mpsc::Sender<Message>,
    events: mpsc::Receiver<Told>,
}

fn quick() -> Limits {
    Limits {
        connect: Duration::from_millis(300),
        probe: Duration::from_millis(100),
        pong: Duration::from_millis(150),
        settled: Duration::from_millis(50),
        backoff: Duration::from_millis(10),
        ..Limits::default()
    }
}

fn relay(vendors: &Running) -> Relay {
    let vendor = Vendor { base_url: format!("http://{}", vendors.address), ..Vendor::named("relay") };
    let query =
        vec![("encoding", "mulaw".to_owned()), ("sample_rate", "8000".to_owned()), ("vad_events", "true".to_owned())];
    Relay { vendor, key: KEY.to_owned(), query }
}

impl Line {
    async fn open(faults: Vec<Fault>, limits: Limits) -> Self {
        let faults = faults.into_iter().map(|fault| Injection::once(Simulated::DeepgramListen, fault)).collect();
        let vendors = vendors::start(Config { faults, ..Config::default() }).await.expect("a port is free");
        let (input, inputs) = mpsc::channel(16);
        let (told, events) = mpsc::channel(4);
        tokio::spawn(run(relay(&vendors), limits, 1, inputs, told));
        Self { vendors, input, events }
    }

    async fn next(&mut self) -> Option<Told> {
        timeout(SOON, self.events.recv()).await.expect("something happens")
    }

    async fn expect(&mut self, expected: &[Told]) {
        for told in expected {
            assert_eq!(self.next().await.as_ref(), Some(told));
        }
    }

    async fn say(&self, bytes: Vec<u8>) {
        self.input.send(Message::Binary(bytes.into())).await.expect("the session lives");
    }
}

const OPENED: Told = Told::Opened { request: true };

/// 20 ms of a loud square wave.
fn noise() -> Vec<u8> {
    (0..160).map(|n| if n % 20 < 10 { 0x90 } else { 0x10 }).collect()
}

#[tokio::test]
async fn messages_go_both_ways_and_the_end_is_in_order() {
    let mut line = Line::open(vec![], quick()).await;
    line.expect(&[OPENED]).await;
    line.say(noise()).await;
    let started = r#"{"channel":[0,1],"timestamp":0.0,"type":"SpeechStarted"}"#;
    line.expect(&[Told::Text(started.to_owned())]).await;
    let Line { vendors, input, events } = line;
    drop((input, events));
    let last = |entry: &vendors::log::Entry| matches!(&entry.event, Logged::Received { message } if message["type"] == "KeepAlive");
    assert!(vendors.log.find(SOON, last).await.is_some(), "the wire's last message");
    let closed = vendors.log.find(SOON, |entry| matches!(entry.event, Logged::Closed { .. })).await.expect("an end");
    assert!(matches!(closed.event, Logged::Closed { by: Side::Client, code: Some(1000), .. }), "{closed:?}");
}

#[tokio::test]
async fn what_is_refused_is_told_apart() {
    let refusals = [
        (Fault::Unauthorised, ErrorKind::Unauthorised, Trial::Auth),
        (Fault::Refuse { status: 402 }, ErrorKind::Unauthorised, Trial::Quota),
        (Fault::Refuse { status: 403 }, ErrorKind::Unauthorised, Trial::Auth),
        (Fault::Refuse { status: 400 }, ErrorKind::Refused, Trial::Model),
        (Fault::TooMany { retry_after: Some(60) }, ErrorKind::Busy, Trial::Quota),
    ];
    for (fault, kind, step) in refusals {
        let mut line = Line::open(vec![fault.clone(), fault.clone()], quick()).await;
        assert_eq!(line.next().await, Some(Told::Dead(kind)), "{fault:?}");
        assert_eq!(line.next().await, None, "nothing follows");
        let vendors = vendors::start(Config {
            faults: vec![Injection::always(Simulated::DeepgramListen, fault.clone())],
            ..Config::default()
        });
        let vendors = vendors.await.expect("a port is free");
        let failure = probe(relay(&vendors), vec![], |_, _| true).await.expect_err("it is refused");
        assert_eq!((failure.step, failure.error.kind), (step, kind), "{fault:?}");
    }
}

#[tokio::test]
async fn what_passes_is_waited_for() {
    for fault in [Fault::Refuse { status: 503 }, Fault::TooMany { retry_after: Some(0) }, Fault::Hang] {
        let mut line = Line::open(vec![fault.clone()], quick()).await;
        assert!(matches!(line.next().await, Some(Told::Lost(Some(_)))), "{fault:?}");
        line.expect(&[OPENED]).await;
    }
}

#[tokio::test]
async fn a_connection_that_ends_is_made_again() {
    let when = Moment::after(80);
    let faults = [
        (Fault::Close { code: 1011, reason: "NET-0000".to_owned(), when }, Some(ErrorKind::Broken)),
        (Fault::Close { code: 1013, reason: String::new(), when }, Some(ErrorKind::Busy)),
        (Fault::Close { code: 1001, reason: "Idle timeout".to_owned(), when }, None),
        (Fault::Cut { when }, Some(ErrorKind::Broken)),
    ];
    for (fault, kind) in faults {
        let mut line = Line::open(vec![fault.clone()], quick()).await;
        line.expect(&[OPENED, Told::Lost(kind), OPENED]).await;
        line.say(noise()).await;
        assert!(matches!(line.next().await, Some(Told::Text(_))), "{fault:?}: the new connection works");
    }
}

#[tokio::test]
async fn a_half_open_connection_is_replaced() {
    let mut line = Line::open(vec![Fault::HalfOpen { when: Moment::default() }], quick()).await;
    line.expect(&[OPENED]).await;
    line.say(noise()).await;
    line.expect(&[Told::Lost(Some(ErrorKind::TimedOut)), OPENED]).await;
}

#[tokio::test]
async fn a_call_that_does_not_read_holds_the_vendor_up_and_nothing_else() {
    let mut line = Line::open(vec![], quick()).await;
    line.expect(&[OPENED]).await;
    // Every burst is an event; far more than the queues hold.
    for _ in 0..60 {
        for _ in 0..3 {
            line.say(noise()).await;
        }
        line.say(vec![0xff; 160 * 40]).await;
    }
    let mut texts = 0;
    while texts < 60 {
        match line.next().await {
            Some(Told::Text(text)) if text.contains("SpeechStarted") => texts += 1,
            Some(Told::Text(_)) => {}
            other => panic!("{other:?} after {texts}"),
        }
    }
}

#[tokio::test]
async fn a_probe_tells_what_is_wrong() {
    let vendors = vendors::start(Config::default()).await.expect("a port is free");
    let proof = |_: &Relay, events: &[Told]| events.iter().any(|told| matches!(told, Told::Text(_)));
    let inputs = || vec![Message::Binary(noise().into())];
    assert_eq!(probe(relay(&vendors), inputs(), proof).await, Ok(()));
    let wrong = Relay { key: "wrong".to_owned(), ..relay(&vendors) };
    let Err(Failure { step: Trial::Auth, error, said }) = probe(wrong, inputs(), proof).await else {
        panic!("refused")
    };
    assert_eq!((error.kind, said.as_deref()), (ErrorKind::Unauthorised, Some("the key is wrong")));
    let odd = Relay { query: vec![("encoding", "mp3".to_owned())], ..relay(&vendors) };
    assert_eq!(probe(odd, inputs(), proof).await.map_err(|failure| failure.step), Err(Trial::Model));
    let close = Fault::Close { code: 1008, reason: "DATA-0000 no".to_owned(), when: Moment::default() };
    vendors.set_faults(vec![Injection::once(Simulated::DeepgramListen, close)]);
    let failure = probe(relay(&vendors), inputs(), proof).await.expect_err("it is closed");
    assert_eq!((failure.step, failure.said.as_deref()), (Trial::Auth, Some("DATA-0000 no")));
    assert_eq!(failure.error.detail, "closed with 1008 DATA-0000");
}

#[test]
fn messages_do_not_print_what_they_say() {
    let printed = format!("{:?} {:?}", Message::Text("my number is 4".to_owned()), Message::Binary(vec![1; 9].into()));
    assert_eq!(printed, "Text(14 bytes) Binary(9 bytes)");
}
