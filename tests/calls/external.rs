//! Real calls that a bot elsewhere leads: what it hears, what is heard of it, what it is told, and how calls end by it.

use std::fs::File;
use std::io::BufReader;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callwright::agent::action::Ending;
use callwright::call::call::CallConfig;
use callwright::call::place::CallReport;
use callwright::call::registry::Supervision;
use callwright::call::tools::NoTools;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::campaign::states::EndedBy;
use callwright::config::SipTransport::Udp;
use callwright::id::CallId;
use callwright::pii::Pii;
use callwright_media::codec::g711::encode_ulaw;
use callwright_media::level::rms_dbfs;
use callwright_media::recording::RecordingReader;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::bots::{led, staff};
use crate::office::{Attempt, Office, PATIENCE, version};
use crate::phone::Phone;
use crate::talker::{Talker, tone};

const NUMBER: &str = "+4930901820";

/// Where a bot waits for calls.
struct Station {
    listener: TcpListener,
    address: String,
}

impl Station {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("ws://{}/calls?room=7", listener.local_addr().expect("an address"));
        Self { listener, address }
    }

    /// The next call, up to its `start`.
    async fn is_called(&self) -> Bot {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("in time").expect("a connection");
        let signature = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&signature);
        #[allow(clippy::result_large_err, reason = "the library wants it by value, once a connection")]
        let look = move |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            *seen.lock().expect("nobody panics") = request.headers().get("x-twilio-signature").cloned();
            Ok(response)
        };
        let socket = accept_hdr_async(stream, look).await.expect("a websocket");
        let signature = signature.lock().expect("nobody panics").take();
        let signature = signature.map(|value| value.to_str().expect("text").to_owned());
        let mut bot = Bot { socket, signature, start: Value::Null, heard: Vec::new(), sequence: 0, chunk: 0 };
        assert_eq!(bot.message().await.expect("a message")["event"], "connected");
        bot.start = bot.message().await.expect("a message");
        assert_eq!(bot.start["event"], "start");
        bot
    }
}

/// A bot in a call.
struct Bot {
    socket: WebSocketStream<TcpStream>,
    signature: Option<String>,
    start: Value,
    /// Mu-law, all of it.
    heard: Vec<u8>,
    sequence: u64,
    chunk: u64,
}

impl Bot {
    /// The next message; `None` after the last.
    async fn message(&mut self) -> Option<Value> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            let Ok(Message::Text(text)) = message? else { continue };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if let Some(sequence) = message["sequenceNumber"].as_str() {
                self.sequence += 1;
                assert_eq!(sequence, self.sequence.to_string(), "none is left out");
                assert!(message["streamSid"].as_str().is_some_and(|sid| sid.starts_with("MZ")));
            }
            if message["event"] == "media" {
                self.chunk += 1;
                let media = &message["media"];
                assert_eq!(media["chunk"], self.chunk.to_string());
                assert_eq!(media["timestamp"], ((self.chunk - 1) * 20).to_string());
                let payload = STANDARD.decode(media["payload"].as_str().expect("base64")).expect("base64");
                assert_eq!(payload.len(), 160, "20 ms");
                self.heard.extend(payload);
            }
            return Some(message);
        }
    }

    /// Listens until something else than media comes.
    async fn is_told(&mut self) -> Option<Value> {
        loop {
            let message = self.message().await?;
            if message["event"] != "media" {
                return Some(message);
            }
        }
    }

    async fn is_told_of_mark(&mut self, name: &str) {
        let message = self.is_told().await.expect("it goes on");
        assert_eq!((&message["event"], &message["mark"]["name"]), (&json!("mark"), &json!(name)), "{message}");
    }

    async fn listens(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while timeout(until.saturating_duration_since(Instant::now()), self.message())
            .await
            .is_ok_and(|it| it.is_some())
        {}
    }

    async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.expect("it goes out");
    }

    async fn says(&mut self, pcm: &[i16]) {
        let payload = STANDARD.encode(pcm.iter().map(|&sample| encode_ulaw(sample)).collect::<Vec<_>>());
        self.send(json!({ "event": "media", "streamSid": "MZ", "media": { "payload": payload } })).await;
    }

    async fn marks(&mut self, name: &str) {
        self.send(json!({ "event": "mark", "streamSid": "MZ", "mark": { "name": name } })).await;
    }

    async fn clears(&mut self) {
        self.send(json!({ "event": "clear", "streamSid": "MZ" })).await;
    }
}

/// A call that is answered, with the bot in it.
async fn called(office: &Office, phone: &mut Phone, station: &Station) -> (CallId, Attempt, Talker, Bot) {
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(led());
    order.variables.insert("first_name".to_owned(), Pii::new("Ada".to_owned()));
    let call = order.call;
    let attempt = office.place(order);
    let line = phone.rings().await.answer().await;
    let (caller, bot) = (Talker::new(line), station.is_called().await);
    (call, attempt, caller, bot)
}

async fn office(address: &str, port: u16) -> (Office, Phone) {
    let office =
        Office::staffed(Udp, port, CallConfig::default(), 10, staff(address, json!({})), Arc::new(NoTools)).await;
    (office, Phone::new(Udp, port + 1_000).await)
}

fn ended(report: &CallReport) -> (Reason, EndedBy, Option<Ending>) {
    (report.outcome.reason, report.outcome.ended_by, report.conversation.ending.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_hears_speaks_is_told_what_was_heard_and_ends_the_call() {
    let station = Station::new().await;
    let (office, mut phone) = office(&station.address, 16_000).await;
    let mut order = office.order(phone.address(), NUMBER);
    order.assistant = version(led());
    order.variables.insert("first_name".to_owned(), Pii::new("Ada".to_owned()));
    let call = order.call;
    let attempt = office.place(order);
    let line = phone.rings().await.answer().await;
    let keys = line.media.control.clone();
    let (mut caller, mut bot) = (Talker::new(line), station.is_called().await);
    let start = &bot.start["start"];
    assert_eq!(start["callSid"], format!("CA{}", call.to_string().replace('-', "")));
    assert_eq!((&start["customParameters"], &start["tracks"]), (&json!({ "who": "Ada" }), &json!(["inbound"])));
    assert_eq!(start["mediaFormat"], json!({ "encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1 }));
    assert!(bot.signature.as_ref().is_some_and(|signature| signature.len() == 28), "{:?}", bot.signature);

    // It says a second, in one message, and is told when the last of it has left.
    let began = Instant::now();
    bot.says(&tone(500.0, Duration::from_secs(1))).await;
    bot.marks("said").await;
    bot.is_told_of_mark("said").await;
    let took = began.elapsed();
    assert!((980..1_400).contains(&took.as_millis()), "{took:?}");
    let from = caller.hears_sound(0).await;
    let last = caller.hears_silence(0, Duration::from_millis(300)).await;
    assert!((7_900..8_100).contains(&(last - from)), "{} samples without a gap", last - from);
    assert_eq!(caller.words(0, last), 1);

    // What the caller says arrives to the bit.
    let words = tone(900.0, Duration::from_millis(600));
    let ((), ()) = tokio::join!(caller.says(words.clone()), bot.listens(Duration::from_millis(1_200)));
    let sent: Vec<u8> = words.iter().map(|&sample| encode_ulaw(sample)).collect();
    // Mu-law has two zeros.
    let plain = |bytes: &[u8]| bytes.iter().map(|&byte| if byte == 0x7f { 0xff } else { byte }).collect::<Vec<_>>();
    let (heard, sent) = (plain(&bot.heard), plain(&sent));
    assert!(heard.windows(sent.len()).any(|window| window == sent), "mu-law goes up untouched");

    // A key.
    let digit = callwright_media::digit::Digit::from_char('5').expect("a key");
    let press = callwright::net::media_leg::MediaCommand::SendDtmf(vec![digit]);
    keys.send(press).await.expect("media runs");
    let key = bot.is_told().await.expect("it goes on");
    assert_eq!((&key["event"], &key["dtmf"]["digit"]), (&json!("dtmf"), &json!("5")), "{key}");

    // Words that are cleared in their middle, with marks that are not reached.
    let heard = caller.heard().len();
    bot.says(&tone(500.0, Duration::from_secs(5))).await;
    bot.marks("not heard").await;
    bot.marks("nor this").await;
    caller.hears_sound(heard).await;
    bot.listens(Duration::from_millis(300)).await;
    let cleared = Instant::now();
    bot.clears().await;
    bot.is_told_of_mark("not heard").await;
    bot.is_told_of_mark("nor this").await;
    assert!(cleared.elapsed() < Duration::from_millis(200), "{:?}", cleared.elapsed());
    let begun = caller.hears_sound(heard).await;
    let last = caller.hears_silence(heard, Duration::from_millis(300)).await;
    assert!((1_600..6_400).contains(&(last - begun)), "{} samples of five seconds", last - begun);

    // Its last words are heard, though it hangs up behind them at once.
    let before = caller.heard().len();
    bot.says(&tone(500.0, Duration::from_millis(500))).await;
    bot.socket.close(None).await.expect("it goes out");
    assert!(caller.gets_hung_up().await);
    let (begun, all) = (caller.hears_sound(before).await, caller.heard().len());
    // What the phone's jitter buffer still had goes with the line.
    assert!(all - begun > 3_000, "{} samples", all - begun);
    let (events, report) = attempt.ends().await;
    let completed = Ending::Completed { reason: "bot_hung_up".to_owned() };
    assert_eq!(ended(&report), (Reason::AgentHangup, EndedBy::Agent, Some(completed)), "{events:?}");
    assert!(!report.outcome.technical && report.conversation.first_speech.is_some());
    let lines: Vec<_> =
        report.conversation.transcript.iter().map(|line| (line.keys, line.text.expose().as_str())).collect();
    assert_eq!(lines, [(true, "5")], "no words without a recogniser");
    let recording = office.recordings.join(&report.recording.expect("it was recorded").path);
    let samples: Vec<(i16, i16)> =
        RecordingReader::new(BufReader::new(File::open(recording).expect("a file"))).expect("stereo").collect();
    let side = |pick: fn(&(i16, i16)) -> i16| rms_dbfs(&samples.iter().map(pick).collect::<Vec<_>>());
    assert!(side(|pair| pair.0) > -40.0 && side(|pair| pair.1) > -40.0, "both sides are recorded");
    let said: Vec<i16> = samples.iter().map(|pair| pair.1).collect();
    let loud: Vec<bool> = said.chunks(160).map(|frame| rms_dbfs(frame) > -40.0).collect();
    let end = loud.iter().rposition(|&loud| loud).expect("it spoke") + 1;
    let last = loud[end.saturating_sub(26)..end].iter().filter(|&&loud| loud).count();
    assert!((23..=26).contains(&last), "{last} of the last words' 25 frames have left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_echoes_is_told_of_the_end_and_half_a_minute_at_once_is_played_with_every_mark() {
    let station = Station::new().await;
    let (office, mut phone) = office(&station.address, 18_000).await;
    let (call, attempt, caller, mut bot) = called(&office, &mut phone, &station).await;
    // Thirty seconds and three hundred marks in a moment.
    let names: Vec<String> = (0..300).map(|n| format!("m{n}")).collect();
    let began = Instant::now();
    let words = tone(500.0, Duration::from_millis(100));
    for name in &names {
        bot.says(&words).await;
        bot.marks(name).await;
    }
    for name in &names[..20] {
        bot.is_told_of_mark(name).await;
    }
    let took = began.elapsed();
    assert!((1_950..2_600).contains(&took.as_millis()), "{took:?} for two seconds");
    // A supervisor has the last word.
    let from = caller.hears_sound(0).await;
    let reached = office.calls.reach(office.org, call).expect("it is live");
    let live = reached.supervise(Supervision::Mute(true));
    assert!(live.muted);
    for name in &names[20..] {
        bot.is_told_of_mark(name).await;
    }
    assert!(began.elapsed() < Duration::from_secs(6), "they come back at once");
    let last = caller.hears_silence(0, Duration::from_millis(400)).await;
    assert!(last - from < 6 * 8_000 && caller.words(from, last + 1) <= 2, "it was one sound, and was cut");
    bot.says(&words).await;
    bot.marks("muted").await;
    bot.is_told_of_mark("muted").await;
    let _ = office.calls.reach(office.org, call).expect("it is live").supervise(Supervision::Mute(false));
    bot.listens(Duration::from_millis(200)).await;
    let heard = caller.heard().len();
    assert_eq!(caller.words(last + 1, heard), 0, "a muted bot is not heard");

    // Then it says back what it hears.
    let echo = async {
        loop {
            let message = bot.message().await?;
            match message["event"].as_str() {
                Some("media") => {
                    let payload = message["media"]["payload"].clone();
                    bot.send(json!({ "event": "media", "media": { "payload": payload } })).await;
                }
                Some("stop") => return Some(message),
                Some(_) | None => {}
            }
        }
    };
    let mut talker = caller;
    let speak = async {
        let from = talker.heard().len();
        talker.says(tone(900.0, Duration::from_millis(500))).await;
        let began = talker.hears_sound(from).await;
        talker.hears_silence(began, Duration::from_millis(300)).await;
        assert!(office.calls.hang_up(call));
    };
    let (stop, ()) = tokio::join!(echo, speak);
    let stop = stop.expect("the end is told");
    assert!(stop["stop"]["callSid"].as_str().is_some_and(|sid| sid.starts_with("CA")), "{stop}");
    let (_, report) = attempt.ends().await;
    assert_eq!((report.outcome.reason, report.outcome.ended_by), (Reason::AgentHangup, EndedBy::System));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_floods_loses_what_is_too_much_and_one_that_talks_nonsense_is_excused() {
    let station = Station::new().await;
    let (office, mut phone) = office(&station.address, 20_000).await;
    let (_, attempt, mut caller, mut bot) = called(&office, &mut phone, &station).await;
    // Ten minutes in a few seconds, and more marks than may wait.
    let words = tone(500.0, Duration::from_secs(10));
    for _ in 0..60 {
        bot.says(&words).await;
    }
    for n in 0..3_000 {
        bot.marks(&n.to_string()).await;
    }
    bot.clears().await;
    let mut marks = 0;
    while marks < 1_000 {
        let message = bot.is_told().await.expect("it goes on");
        assert_eq!(message["mark"]["name"], marks.to_string(), "in order: {message}");
        marks += 1;
    }
    let sound = caller.hears_sound(0).await;
    caller.hears_silence(sound, Duration::from_millis(300)).await;
    // Nonsense is borne for a while.
    for text in ["{", "[]", "{\"event\":\"media\"}", "null"].iter().cycle().take(19) {
        bot.socket.send(Message::text(*text)).await.expect("it goes out");
    }
    bot.send(json!({ "event": "media", "media": { "payload": "***" } })).await;
    let closed = async { while bot.message().await.is_some() {} };
    timeout(PATIENCE, closed).await.expect("it is let go");
    // The caller hears our own voice, then the end.
    let heard = caller.heard().len();
    caller.hears_sound(heard.saturating_sub(8_000).max(sound + 8_000)).await;
    assert!(caller.gets_hung_up().await);
    let (_, report) = attempt.ends().await;
    assert_eq!(ended(&report), (Reason::AgentHangup, EndedBy::System, Some(Ending::ModelFailed)));
    assert!(report.outcome.technical);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_that_is_not_there_or_never_answers_is_excused() {
    let station = Station::new().await;
    // Nobody listens at one address; at the other somebody does, and says nothing.
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("ws://{}/", listener.local_addr().expect("an address"))
    };
    let call = async |address: &str, port: u16| {
        let (office, mut phone) = office(address, port).await;
        let mut order = office.order(phone.address(), NUMBER);
        order.assistant = version(led());
        let attempt = office.place(order);
        let mut caller = Talker::new(phone.rings().await.answer().await);
        caller.hears_sound(0).await;
        let waited = caller.heard().len() / 8;
        assert!(caller.gets_hung_up().await);
        let (_, report) = attempt.ends().await;
        assert_eq!(ended(&report).2, Some(Ending::ModelFailed));
        assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::AgentHangup, true));
        waited
    };
    let (absent, mute) = tokio::join!(call(&gone, 13_600), call(&station.address, 14_800));
    assert!(absent < 2_000, "{absent} ms");
    assert!((2_500..8_500).contains(&mute), "{mute} ms");
}
