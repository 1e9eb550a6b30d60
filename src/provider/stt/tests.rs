//! Every recogniser against its simulated vendor, with every fault: what the call is told, and when.
//!
//! The caller speaks words in tones, so that the transcripts of a call's turns, put together, tell whether a word was lost
//! or came twice. A line hums in real time; the scenarios of one vendor run at the same time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use callwright_loadtest::vendors::faults::{Fault, Injection, Moment, Vendor as Simulated};
use callwright_loadtest::vendors::log::Event as Logged;
use callwright_loadtest::vendors::{self, Config, KEY, Running, Script, hearing};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use super::*;
use crate::provider::assemblyai::streaming::AssemblyAi;
use crate::provider::deepgram::listen_v1::Nova;
use crate::provider::deepgram::listen_v2::Flux;
use crate::provider::elevenlabs::scribe::Scribe;
use crate::provider::error::ErrorKind;
use crate::provider::openai::transcription::Transcriber;
use crate::provider::probe::Step;
use crate::provider::vendor::Vendor;

const FRAME: Duration = Duration::from_millis(20);
/// When our side takes a turn for over: after its voice detection's 200 ms and 300 ms more.
const PAUSE: Duration = Duration::from_millis(500);
/// When our side overrules a recogniser that ends turns.
const OVERRULED: Duration = Duration::from_millis(2_500);
const WORDS: &str = "yes no one two three four five six seven eight nine please thanks";

/// A recogniser under test.
#[derive(Clone, Copy, Debug)]
struct Kind {
    simulated: Simulated,
    make: fn(Vendor) -> Result<Arc<dyn SpeechToText>, Error>,
    /// What comes after the vendor's address.
    base: &'static str,
    /// An answer comes so long after the end of speech, at the latest, when nothing is wrong.
    answer: Duration,
}

const NOVA: Kind = Kind {
    simulated: Simulated::DeepgramListen,
    make: |vendor| Ok(Arc::new(Nova::new(vendor)?)),
    base: "",
    answer: Duration::from_millis(650),
};
const FLUX: Kind = Kind {
    simulated: Simulated::DeepgramFlux,
    make: |vendor| Ok(Arc::new(Flux::new(vendor)?)),
    base: "",
    answer: Duration::from_millis(850),
};
const ASSEMBLYAI: Kind = Kind {
    simulated: Simulated::Assemblyai,
    make: |vendor| Ok(Arc::new(AssemblyAi::new(vendor)?)),
    base: "",
    answer: Duration::from_millis(1_300),
};
const TRANSCRIBER: Kind = Kind {
    simulated: Simulated::OpenaiTranscription,
    make: |vendor| Ok(Arc::new(Transcriber::new(vendor)?)),
    base: "/v1",
    answer: Duration::from_millis(800),
};
const SCRIBE: Kind = Kind {
    simulated: Simulated::ElevenlabsScribe,
    make: |vendor| Ok(Arc::new(Scribe::new(vendor)?)),
    base: "",
    answer: Duration::from_millis(800),
};

fn vocabulary() -> Vec<String> {
    WORDS.split(' ').map(str::to_owned).collect()
}

/// A call with one recogniser.
struct Call {
    kind: Kind,
    vendors: Running,
    stt: Arc<dyn SpeechToText>,
    commands: mpsc::Sender<SttInput>,
    events: mpsc::Receiver<SttEvent>,
    speech: mpsc::Sender<Vec<i16>>,
    line: JoinHandle<()>,
    /// Everything that was told, with milliseconds since the call began.
    told: Vec<(u128, SttEvent)>,
    began: Instant,
}

/// How a turn ended.
#[derive(Debug)]
struct Turn {
    words: Result<String, ErrorKind>,
    /// From the end of speech.
    after: Duration,
}

impl Call {
    async fn new(kind: Kind, faults: Vec<Injection>) -> Self {
        let hearing = hearing::Script { vocabulary: vocabulary(), ..hearing::Script::default() };
        let script = Script { hearing, ..Script::default() };
        let vendors = vendors::start(Config { script, faults, ..Config::default() }).await.expect("a port is free");
        let stt = recogniser(kind, &vendors, KEY);
        let Session { input, events } = stt.open(&ListenRequest::default()).expect("a place is free");
        let (speech, spoken) = mpsc::channel(8);
        let line = tokio::spawn(hum(input.clone(), spoken));
        Self { kind, vendors, stt, commands: input, events, speech, line, told: Vec::new(), began: Instant::now() }
    }

    /// Says words and waits for what becomes of the turn, as a conversation would.
    async fn turn(&mut self, number: u32, words: &str) -> Turn {
        let turn = TurnId(number);
        self.commands.send(SttInput::Begin { turn, grammar: Arc::default() }).await.expect("the session lives");
        let samples = hearing::tones(&vocabulary(), words);
        let length = Duration::from_millis(samples.len() as u64 / 8);
        self.speech.send(samples).await.expect("the line hums");
        // The silence after the last word is in the tones.
        let ended = Instant::now() + length.saturating_sub(Duration::from_millis(80));
        let patience = if self.stt.manner().detects_turns { OVERRULED } else { PAUSE };
        let (mut end, mut asked) = (ended + patience, false);
        loop {
            match timeout_at(end, self.events.recv()).await {
                Ok(event) => {
                    let event = event.expect("the session lives");
                    let words = outcome(turn, &event);
                    self.told.push((self.began.elapsed().as_millis(), event));
                    if let Some(words) = words {
                        return Turn { words, after: Instant::now().saturating_duration_since(ended) };
                    }
                }
                Err(_) if asked => panic!("{:?}: no answer to the end of turn {number}: {:?}", self.kind, self.told),
                Err(_) => {
                    asked = true;
                    end = Instant::now() + Duration::from_millis(2_300);
                    self.commands.send(SttInput::End { turn }).await.expect("the session lives");
                }
            }
        }
    }

    /// Says words in several turns: what all of them were answered with, one after the other.
    async fn turns(&mut self, turns: &[&str]) -> (String, Vec<Turn>) {
        let mut all = Vec::new();
        for (index, words) in turns.iter().enumerate() {
            all.push(self.turn(index as u32 + 1, words).await);
        }
        let words: Vec<&str> = all.iter().filter_map(|turn| turn.words.as_deref().ok()).collect();
        (words.join(" ").split_whitespace().collect::<Vec<_>>().join(" "), all)
    }

    /// Lets time pass; what is told meanwhile is kept.
    async fn pass(&mut self, ms: u64) {
        let end = Instant::now() + Duration::from_millis(ms);
        while let Ok(Some(event)) = timeout_at(end, self.events.recv()).await {
            self.told.push((self.began.elapsed().as_millis(), event));
        }
        sleep_until(end).await;
    }

    fn count(&self, of: impl Fn(&SttEvent) -> bool) -> usize {
        self.told.iter().filter(|(_, event)| of(event)).count()
    }

    fn interruptions(&self) -> usize {
        self.count(|event| matches!(event, SttEvent::Interrupted { .. }))
    }

    /// What the vendor did not like.
    fn complaints(&self) -> Vec<String> {
        let entries = self.vendors.log.entries().into_iter();
        let complaint = |event| if let Logged::Complained { reason } = event { Some(reason) } else { None };
        entries.filter_map(|entry| complaint(entry.event)).collect()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.line.abort();
    }
}

fn recogniser(kind: Kind, vendors: &Running, key: &str) -> Arc<dyn SpeechToText> {
    let base_url = format!("http://{}{}", vendors.address, kind.base);
    let vendor = Vendor { base_url, key: Some(key.into()), capacity: 3, ..Vendor::named("under test") };
    (kind.make)(vendor).expect("the settings are right")
}

/// A telephone line: 20 ms of speech or silence every 20 ms.
async fn hum(input: mpsc::Sender<SttInput>, mut spoken: mpsc::Receiver<Vec<i16>>) {
    let mut waiting: VecDeque<i16> = VecDeque::new();
    let mut ticks = interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        ticks.tick().await;
        while let Ok(samples) = spoken.try_recv() {
            waiting.extend(samples);
        }
        let frame: Vec<i16> = (0..160).map(|_| waiting.pop_front().unwrap_or(0)).collect();
        if input.send(SttInput::Audio(frame.into())).await.is_err() {
            return;
        }
    }
}

/// What an event makes of a turn, if it ends it.
fn outcome(turn: TurnId, event: &SttEvent) -> Option<Result<String, ErrorKind>> {
    match event {
        SttEvent::TurnEnded { words } => Some(Ok(words.expose().clone())),
        SttEvent::Final { turn: answered, transcript } if *answered == turn => Some(Ok(match transcript {
            Transcript::Words { text, .. } => text.expose().clone(),
            Transcript::OutOfGrammar | Transcript::Nothing => String::new(),
        })),
        SttEvent::Failed { turn: answered, error } if *answered == turn => Some(Err(error.kind)),
        SttEvent::Dead { error } => Some(Err(error.kind)),
        SttEvent::TurnStarted
        | SttEvent::Partial { .. }
        | SttEvent::EagerEnd { .. }
        | SttEvent::Resumed
        | SttEvent::Final { .. }
        | SttEvent::Failed { .. }
        | SttEvent::Interrupted { .. } => None,
    }
}

const FIRST: &str = "one two three four";
const SECOND: &str = "five six seven";
const THIRD: &str = "eight nine please";
const ALL: &str = "one two three four five six seven eight nine please";

/// Nothing is wrong: every turn has its words, in time, once.
async fn well(kind: Kind) {
    let mut call = Call::new(kind, vec![]).await;
    for (number, words) in [(1, FIRST), (2, SECOND), (3, "yes")] {
        let turn = call.turn(number, words).await;
        assert_eq!(turn.words.as_deref(), Ok(words), "{kind:?}: {:?}", call.told);
        assert!(turn.after <= kind.answer, "{kind:?}: {words} after {:?}", turn.after);
    }
    call.pass(300).await;
    assert_eq!(call.interruptions(), 0, "{:?}", call.told);
    assert_eq!(call.complaints(), [""; 0], "{kind:?}");
    assert_eq!(call.stt.capacity(), Capacity { total: 3, free: 2 });
}

/// Something goes wrong in the first turn, on one connection: the three turns together have all words once and in their
/// order, every end of a turn is answered, and the third turn is as if nothing had happened.
async fn ill(kind: Kind, fault: Fault, interruptions: usize) {
    let name = format!("{kind:?} {fault:?}");
    let mut call = Call::new(kind, vec![Injection::once(kind.simulated, fault)]).await;
    let (mut words, turns) = call.turns(&[FIRST, SECOND]).await;
    call.pass(4_500).await;
    let third = call.turn(3, THIRD).await;
    words = format!("{words} {}", third.words.as_deref().unwrap_or_default());
    assert_eq!(words.trim(), ALL, "{name}: {turns:?} {third:?} {:?}", call.told);
    assert!(third.words.as_deref().is_ok_and(|words| words.ends_with(THIRD)), "{name}: {third:?}");
    assert!(third.after <= kind.answer + Duration::from_millis(100), "{name}: {third:?}");
    assert_eq!(call.interruptions(), interruptions, "{name}: {:?}", call.told);
    assert_eq!(call.complaints(), [""; 0], "{name}");
}

/// All final words come late: every end of a turn is answered all the same, and no word is lost or comes twice.
async fn late(kind: Kind, ms: u64) {
    let mut call = Call::new(kind, vec![Injection::always(kind.simulated, Fault::LateFinal { ms })]).await;
    let (mut words, mut turns) = call.turns(&[FIRST, SECOND]).await;
    for (number, said) in [(3, THIRD), (4, "thanks"), (5, "")] {
        call.pass(ms + 1_000).await;
        let turn = call.turn(number, said).await;
        words = format!("{words} {}", turn.words.as_deref().unwrap_or_default());
        turns.push(turn);
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words, format!("{ALL} thanks"), "{kind:?}: {turns:?} {:?}", call.told);
    assert_eq!(call.interruptions(), 0, "{kind:?}: {:?}", call.told);
}

/// A fault of every connection that trying again cannot help: the session dies with this reason, at once.
async fn dead(kind: Kind, fault: Fault, reason: ErrorKind) {
    let mut call = Call::new(kind, vec![Injection::always(kind.simulated, fault.clone())]).await;
    let error = loop {
        let event = timeout_at(call.began + Duration::from_millis(500), call.events.recv()).await;
        match event.unwrap_or_else(|_| panic!("{kind:?} {fault:?}: it goes on: {:?}", call.told)) {
            Some(SttEvent::Dead { error }) => break error,
            Some(event) => call.told.push((0, event)),
            None => panic!("{kind:?} {fault:?}: it ends without a word"),
        }
    };
    assert_eq!(error.kind, reason, "{kind:?} {fault:?}: {error}");
    assert!(call.events.recv().await.is_none(), "nothing follows");
    assert_eq!(call.stt.capacity().free, 3, "the place is free again");
    let probe = recogniser(kind, &call.vendors, KEY);
    let failure = probe.probe().await.expect_err("the fault is still there");
    assert_eq!(failure.error.kind, reason, "{kind:?} {fault:?}: {failure}");
}

/// The probe passes, and tells a wrong key.
async fn probed(kind: Kind) {
    let vendors = vendors::start(Config::default()).await.expect("a port is free");
    assert_eq!(recogniser(kind, &vendors, KEY).probe().await, Ok(()), "{kind:?}");
    let failure = recogniser(kind, &vendors, "wrong").probe().await.expect_err("the key is wrong");
    assert_eq!((failure.step, failure.error.kind), (Step::Auth, ErrorKind::Unauthorised), "{kind:?}");
}

/// All of it, for one recogniser.
async fn everything(kind: Kind) {
    let mid = Moment::after(700);
    let close = |code, reason: &str| Fault::Close { code, reason: reason.to_owned(), when: mid };
    let mut scenarios = JoinSet::new();
    scenarios.spawn(well(kind));
    scenarios.spawn(probed(kind));
    for (fault, reason) in [
        (Fault::Unauthorised, ErrorKind::Unauthorised),
        (Fault::Refuse { status: 402 }, ErrorKind::Unauthorised),
        (Fault::Refuse { status: 400 }, ErrorKind::Refused),
        (Fault::TooMany { retry_after: Some(30) }, ErrorKind::Busy),
    ] {
        scenarios.spawn(dead(kind, fault, reason));
    }
    for (fault, interruptions) in [
        (Fault::TooMany { retry_after: Some(1) }, 1),
        (Fault::Refuse { status: 503 }, 1),
        (close(1011, "NET-0000"), 1),
        (close(1012, ""), 1),
        (Fault::Cut { when: mid }, 1),
        (Fault::HalfOpen { when: mid }, 1),
        (Fault::Delay { ms: 60 }, 0),
        (Fault::Garbage { when: mid }, 0),
        (Fault::DuplicateFinals, 0),
    ] {
        scenarios.spawn(ill(kind, fault, interruptions));
    }
    scenarios.spawn(late(kind, 2_000));
    while let Some(done) = scenarios.join_next().await {
        done.expect("the scenario holds");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deepgram_nova() {
    everything(NOVA).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deepgram_flux() {
    everything(FLUX).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assemblyai() {
    everything(ASSEMBLYAI).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openai_transcription() {
    everything(TRANSCRIBER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elevenlabs_scribe() {
    everything(SCRIBE).await;
}

/// A pause inside a turn is an early end that is taken back, except while something is spelt out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flux_ends_turns_early_and_takes_it_back() {
    let mut call = Call::new(FLUX, vec![]).await;
    let vocabulary = vocabulary();
    let mut halting = hearing::tones(&vocabulary, "one two");
    halting.resize(halting.len() + 400 * 8, 0);
    halting.extend(hearing::tones(&vocabulary, "three"));
    call.speech.send(halting.clone()).await.expect("the line hums");
    call.pass(2_500).await;
    let told: Vec<&SttEvent> = call.told.iter().map(|(_, event)| event).collect();
    let words = |text: &str| crate::pii::Pii::new(text.to_owned());
    let place = |wanted: &SttEvent| told.iter().position(|event| *event == wanted);
    let order = [
        SttEvent::TurnStarted,
        SttEvent::EagerEnd { words: words("one two") },
        SttEvent::Resumed,
        SttEvent::EagerEnd { words: words("one two three") },
        SttEvent::TurnEnded { words: words("one two three") },
    ];
    let places: Vec<Option<usize>> = order.iter().map(place).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {told:?}");

    call.told.clear();
    call.commands.send(SttInput::Patience(Patience::Dictation)).await.expect("the session lives");
    call.speech.send(halting).await.expect("the line hums");
    call.pass(3_200).await;
    assert_eq!(call.count(|event| matches!(event, SttEvent::TurnEnded { .. })), 0, "{:?}", call.told);
    call.pass(1_500).await;
    let ended = SttEvent::TurnEnded { words: words("one two three") };
    assert_eq!(call.count(|event| *event == ended), 1, "{:?}", call.told);
}

/// A vendor that closes after idling is met again without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_routine_close_is_not_noticed() {
    let close = Fault::Close { code: 1001, reason: "Idle timeout".to_owned(), when: Moment::after(1_200) };
    let mut call = Call::new(NOVA, vec![Injection::always(Simulated::DeepgramListen, close)]).await;
    let (words, turns) = call.turns(&[FIRST, SECOND, THIRD]).await;
    assert_eq!(words, ALL, "{turns:?} {:?}", call.told);
    assert_eq!(call.interruptions(), 0, "{:?}", call.told);
}

/// The vendor comes back never: the session says so and dies within seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_stays_away_is_given_up() {
    let down = Injection { skip: 1, ..Injection::always(Simulated::DeepgramListen, Fault::Refuse { status: 500 }) };
    let cut = Injection::once(Simulated::DeepgramListen, Fault::Cut { when: Moment::after(300) });
    let mut call = Call::new(NOVA, vec![cut, down]).await;
    let turn = call.turn(1, "one two three").await;
    let died = turn.words.expect_err("nobody heard it");
    assert_eq!(died, ErrorKind::Broken);
    assert_eq!(call.interruptions(), 1, "{:?}", call.told);
    call.pass(4_000).await;
    assert!(call.events.recv().await.is_none());
    assert!(call.began.elapsed() < Duration::from_secs(8));
}
