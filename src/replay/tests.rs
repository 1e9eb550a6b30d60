//! Calls that are put on tape and run again.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::format::{End, Header, LARGEST};
use super::keeper::{Keep, Replays};
use super::observed::Observed;
use super::play::{Differs, Event, Played, Recording, ReplayError, Seen};
use crate::agent::action::{Action, Source};
use crate::agent::assistant::Assistant;
use crate::agent::input::{Heard, Input};
use crate::id::{AssistantVersionId, CallId};
use crate::pii::Pii;
use crate::provider::error::ErrorKind;
use crate::provider::llm::{FinishReason, ToolCall};
use crate::provider::stt::Manner;
use crate::time;

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("callwright-replay-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("2026-11-21").join("call.replay.gz")
    }

    /// A file with these lines, or whatever stands in their place.
    fn write(&self, plain: &[u8]) -> PathBuf {
        let path = self.0.join("written.gz");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(plain).expect("memory takes it");
        std::fs::write(&path, gzip.finish().expect("memory takes it")).expect("the disk takes it");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn assistant() -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna",
        "mode": "llm",
        "greeting": "Hello {{ name }}, this is Anna.",
        "prompt": "You answer the phone of a shop.",
        "variables": { "name": {} },
        "providers": { "stt": ["ears"], "llm": ["model"] },
        "tools": [
            { "kind": "builtin", "name": "end_call" },
            { "kind": "builtin", "name": "collect_digits" },
            { "kind": "http", "name": "look_up", "description": "Looks up.", "url": "https://shop.invalid/",
              "headers": { "authorization": "Bearer s3cret" } },
        ],
    }))
    .expect("an assistant")
}

fn header() -> Header {
    let values = [("name".to_owned(), Pii::new("Ada".to_owned()))].into();
    let started = "2026-11-21T10:00:00Z".parse().expect("a time");
    Header::new(CallId::from_u128(7), started, AssistantVersionId::from_u128(8), &assistant(), &values)
}

/// A call in the making, on a clock of its own.
struct Room {
    now: Instant,
    observed: Observed,
    said: Vec<Action>,
}

impl Room {
    fn new(replays: &Replays, path: PathBuf) -> Self {
        let now = time::now().mono;
        let header = header();
        let tape = replays.begin(path, now, &header);
        assert!(tape.is_some(), "the thread keeps up");
        let observed = Observed::new(now, header.conversation().expect("a sound assistant"), tape, None);
        let mut room = Self { now, observed, said: Vec::new() };
        room.serve();
        room
    }

    /// Lets time pass, timers and all.
    fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some((at, _)) = self.observed.poll_timeout().filter(|(at, _)| *at <= until) {
            // A task wakes a little late.
            self.now = at + Duration::from_nanos(61_234);
            self.observed.handle_timeout(self.now);
            self.serve();
        }
        self.now = self.now.max(until);
    }

    fn give(&mut self, input: Input) {
        self.observed.handle(self.now, input);
        self.serve();
    }

    /// Texts are spoken at once, replies last 400 ms.
    fn serve(&mut self) {
        while let Some(action) = self.observed.poll_action() {
            self.said.push(action.clone());
            self.now += Duration::from_nanos(1_017);
            match action {
                Action::Prepare { prompt, .. } => {
                    self.observed.handle(self.now, Input::Prepared { prompt, samples: 3_200, marks: Vec::new() });
                }
                Action::Say { utterance, .. } => {
                    self.observed.handle(self.now, Input::Synthesised { utterance, samples: 3_200, complete: false });
                }
                Action::SayNoMore { utterance } => {
                    self.observed.handle(self.now, Input::Synthesised { utterance, samples: 3_200, complete: true });
                }
                Action::Speak { reply, source, .. } => {
                    let ago = Duration::from_micros(3);
                    self.observed.handle(self.now, Input::SpeechStarted { reply, ago });
                    if source != Source::Item(String::new()) {
                        self.now += Duration::from_millis(400);
                        self.observed.handle(self.now, Input::SpeechFinished { reply, ago });
                    }
                }
                _ => {}
            }
        }
    }

    /// The last generation that was asked for.
    fn generation(&self) -> crate::agent::input::GenerationId {
        let asked = self.said.iter().rev().find_map(|action| match action {
            Action::Generate { generation, .. } => Some(*generation),
            _ => None,
        });
        asked.expect("the model was asked")
    }

    fn caller_says(&mut self, words: &str) {
        self.give(Input::VoiceStarted { ago: Duration::from_millis(200) });
        self.pass(500);
        self.give(Input::Heard(Heard::Partial { words: words.to_owned().into() }));
        self.pass(300);
        self.give(Input::VoiceStopped { ago: Duration::from_millis(200) });
        self.give(Input::Heard(Heard::TurnEnded { words: words.to_owned().into() }));
    }

    fn model_says(&mut self, text: &str) {
        let generation = self.generation();
        self.give(Input::Token { generation, text: text.to_owned().into() });
        self.give(Input::Generated { generation, reason: FinishReason::Stop });
    }

    fn model_calls(&mut self, name: &str, arguments: &Value) {
        let generation = self.generation();
        let (id, name) = (format!("call_{}", generation.0), name.to_owned());
        let call = ToolCall { id, name, arguments: arguments.to_string().into() };
        self.give(Input::ToolCalled { generation, call });
        self.give(Input::Generated { generation, reason: FinishReason::ToolCalls });
    }

    fn begins(&mut self) {
        self.give(Input::Recogniser(Manner {
            continuous: true,
            detects_turns: true,
            replies: false,
            lag: Duration::from_millis(300),
        }));
        self.pass(1_500);
        self.give(Input::Answered);
        self.pass(2_000);
    }

    async fn ends(self, failed: bool) -> bool {
        self.observed.finish(self.now, failed).await.replay
    }

    /// A question, a tool, a model that fails once.
    fn has_a_fault(&mut self) {
        self.begins();
        self.caller_says("what does it cost");
        self.model_calls("look_up", &json!({ "what": "price" }));
        self.pass(2_000);
        let run = self.said.iter().find_map(|action| match action {
            Action::RunTool { run, .. } => Some(*run),
            _ => None,
        });
        self.give(Input::ToolResult { run: run.expect("a tool runs"), result: r#"{"euros":12}"#.to_owned().into() });
        let generation = self.generation();
        self.give(Input::GenerationFailed { generation, kind: ErrorKind::TimedOut });
        self.model_says("It costs twelve euros. Anything else?");
        self.observed.note(self.now, || "the leg stays".to_owned());
        self.pass(30_000);
    }
}

fn play(path: &std::path::Path) -> (Played, Vec<Event>) {
    let mut events = Vec::new();
    let recording = Recording::open(path).expect("a replay file");
    let played = recording.play(|event| {
        events.push(Event { at: event.at, what: event.what.clone(), actions: event.actions.clone() });
    });
    (played.expect("it can be played"), events)
}

/// The lines of a file as text.
fn lines(path: &std::path::Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("a file");
    MultiGzDecoder::new(file).read_to_string(&mut text).expect("text");
    text
}

/// The file of a call with a fault, as text.
async fn faulty(folder: &Folder) -> String {
    let replays = Replays::start(Keep::All).expect("a thread");
    let mut room = Room::new(&replays, folder.file());
    room.has_a_fault();
    assert!(room.ends(false).await, "there is a file");
    lines(&folder.file())
}

#[tokio::test]
async fn a_call_runs_again_as_it_went() {
    let folder = Folder::new("again");
    let replays = Replays::start(Keep::All).expect("a thread");
    let mut room = Room::new(&replays, folder.file());
    room.has_a_fault();
    let said = room.said.clone();
    assert!(room.ends(false).await, "there is a file");
    let (played, events) = play(&folder.file());
    assert_eq!((&played.difference, &played.missing), (&None, &None));
    let again: Vec<Value> = events.iter().flat_map(|event| event.actions.clone()).collect();
    let said: Vec<Value> = said.iter().map(|action| serde_json::to_value(action).expect("JSON")).collect();
    assert_eq!(again, said, "the very actions in their order");
    assert_eq!(played.actions, said.len() as u64);
    assert!(events.iter().any(|event| event.what == Seen::Note("the leg stays".to_owned())));
    assert!(events.iter().any(|event| matches!(event.what, Seen::Timer(_))), "timers fired");
    assert!(events.is_sorted_by_key(|event| event.at));
}

#[tokio::test]
async fn what_was_tampered_with_shows() {
    let folder = Folder::new("tampered");
    let text = faulty(&folder).await;
    let difference = |text: &str| play(&folder.write(text.as_bytes())).0.difference.expect("a difference");

    let other = difference(&text.replacen("It costs twelve", "It costs eleven", 1));
    let Differs::Action { number: 0, then: Some(then), now: Some(now) } = other.what else { panic!("{other:?}") };
    assert!(then.to_string().contains("twelve") != now.to_string().contains("twelve"), "{then} {now}");

    let line = text.lines().position(|line| line.contains("\"timer\":\"Greeting\"")).expect("it greeted by the clock");
    let other = difference(&text.replace("\"timer\":\"Greeting\"", "\"timer\":\"Idle\""));
    let then = "Idle".to_owned();
    assert_eq!(other.what, Differs::Timer { then, now: Some("Greeting".to_owned()) });
    assert_eq!(other.line, line as u64 + 1, "the line is told");

    let gone: String =
        text.lines().filter(|line| !line.contains("tool_result")).map(|line| format!("{line}\n")).collect();
    difference(&gone);
}

#[tokio::test]
async fn what_is_no_whole_file_says_so() {
    let folder = Folder::new("broken");
    let text = faulty(&folder).await;
    let open = |plain: &[u8]| Recording::open(&folder.write(plain)).expect_err("no replay file").to_string();
    assert!(open(b"").contains("empty"));
    assert!(open(b"{\"some\":\"thing\"}\n").contains("no header"));
    assert!(open(b"\xff\xfe\n").contains("no header"));
    assert!(open(b"{\"callwright_replay\":99}\n").contains("format 99"));
    assert!(open(b"{\"callwright_replay\":1}\n").contains("line 1: missing field"));
    let missing = Recording::open(&folder.0.join("nowhere")).expect_err("nothing there");
    assert!(matches!(missing, ReplayError::Read(_)), "{missing}");
    std::fs::write(folder.0.join("wav"), b"RIFF....WAVEfmt ").expect("the disk takes it");
    let foreign = Recording::open(&folder.0.join("wav")).expect_err("a recording").to_string();
    assert!(foreign.contains("no replay file"), "{foreign}");

    // Cut off between two members, as by a killed process, and in the middle of a line.
    let end = text.trim_end().rfind('\n').expect("lines");
    let (killed, _) = play(&folder.write(&text.as_bytes()[..=end]));
    assert!(killed.missing.expect("the end is missing").contains("killed"));
    let (cut, _) = play(&folder.write(&text.as_bytes()[..end - 5]));
    assert!(cut.missing.expect("a line is missing").contains("breaks off after line"));
    let bytes = std::fs::read(folder.file()).expect("a file");
    std::fs::write(folder.0.join("cut"), &bytes[..bytes.len() - 9]).expect("the disk takes it");
    let (cut, _) = play(&folder.0.join("cut"));
    assert!(cut.difference.is_none() && cut.missing.is_some());

    let wrong = text.replacen("\"input\"", "\"imput\"", 1);
    let wrong = Recording::open(&folder.write(wrong.as_bytes())).expect("a header").play(|_| {});
    let Err(ReplayError::Line { line, problem }) = wrong else { panic!("{wrong:?}") };
    assert!(line > 1 && problem.contains("imput"), "{line}: {problem}");
    let nothing = format!("{}\n{{\"at\":1}}\n", text.lines().next().expect("a header"));
    let nothing = Recording::open(&folder.write(nothing.as_bytes())).expect("a header").play(|_| {});
    assert!(nothing.expect_err("a line without a sense").to_string().contains("line 2"));
}

#[tokio::test]
async fn a_file_that_swells_is_refused() {
    let folder = Folder::new("huge");
    let mut text = faulty(&folder).await.lines().next().expect("a header").to_owned().into_bytes();
    text.push(b'\n');
    text.resize(5 * LARGEST, b' ');
    let huge = Recording::open(&folder.write(&text)).expect("a header").play(|_| {});
    assert!(matches!(huge, Err(ReplayError::TooLarge)), "{huge:?}");
    let huge = Recording::open(&folder.write(&vec![b'x'; 5 * LARGEST]));
    assert!(matches!(huge, Err(ReplayError::TooLarge)), "{huge:?}");
}

#[tokio::test]
async fn what_is_off_the_record_is_not_in_the_file() {
    let folder = Folder::new("secret");
    let replays = Replays::start(Keep::All).expect("a thread");
    let mut room = Room::new(&replays, folder.file());
    room.begins();
    room.caller_says("I want to pay");
    room.give(Input::OffRecord(true));
    room.model_says("Your card number please.");
    room.caller_says("four one one one");
    room.give(Input::OffRecord(false));
    room.caller_says("that was it");
    assert!(room.ends(false).await, "there is a file");
    let text = lines(&folder.file());
    assert!(text.contains("I want to pay"));
    assert!(!text.contains("four one") && !text.contains("that was it"), "{text}");
    assert!(!text.contains("s3cret"), "keys of tool servers are nobody's business");
    let (played, _) = play(&folder.file());
    assert_eq!(played.difference, None);
    assert_eq!(played.missing.as_deref(), End::OffRecord.missing());
}

#[tokio::test]
async fn of_a_cards_number_not_even_the_beginning_is_in_the_file() {
    let folder = Folder::new("card");
    let replays = Replays::start(Keep::All).expect("a thread");
    let mut room = Room::new(&replays, folder.file());
    room.begins();
    room.caller_says("I want to pay");
    room.model_says("Type your number please.");
    for digit in "4111111111111111".chars() {
        room.give(Input::Dtmf { digit, ago: Duration::ZERO });
        // Longer than entries wait for others.
        room.pass(1_200);
    }
    assert!(room.said.contains(&Action::Record(false)));
    assert!(room.ends(false).await, "there is a file");
    let text = lines(&folder.file());
    assert!(text.contains("I want to pay") && !text.contains("dtmf"), "{text}");
    let (played, _) = play(&folder.file());
    assert_eq!((played.difference, played.missing.as_deref()), (None, End::OffRecord.missing()));

    // The same by voice, in two breaths.
    std::fs::remove_file(folder.file()).expect("a file");
    let mut room = Room::new(&replays, folder.file());
    room.begins();
    room.caller_says("I want to pay");
    room.model_says("Tell me your number please.");
    room.caller_says("it is four one one one one one one one");
    room.pass(2_000);
    room.caller_says("one one one one one one one one");
    assert!(room.said.contains(&Action::Record(false)));
    assert!(room.ends(false).await, "there is a file");
    let text = lines(&folder.file());
    assert!(text.contains("I want to pay") && !text.contains("four one") && !text.contains("one one"), "{text}");
}

#[tokio::test]
async fn digits_that_are_no_cards_are_all_in_the_file() {
    let folder = Folder::new("digits");
    let replays = Replays::start(Keep::All).expect("a thread");
    let mut room = Room::new(&replays, folder.file());
    room.begins();
    room.caller_says("my order is one two three");
    room.pass(4_000);
    room.model_says("Thank you.");
    room.give(Input::Dtmf { digit: '7', ago: Duration::ZERO });
    room.pass(30_000);
    room.caller_says("are you there");
    room.model_says("Yes.");
    room.give(Input::Dtmf { digit: '8', ago: Duration::ZERO });
    assert!(room.ends(false).await, "there is a file");
    let text = lines(&folder.file());
    assert!(text.contains("one two three") && text.contains("are you there"), "{text}");
    assert!(text.contains(r#""digit":"7""#) && text.contains(r#""digit":"8""#), "{text}");
    let (played, _) = play(&folder.file());
    assert_eq!((played.difference, played.missing), (None, None));
}

#[tokio::test]
async fn sound_calls_leave_no_file_unless_asked_for() {
    let folder = Folder::new("failed");
    let replays = Replays::start(Keep::Failed).expect("a thread");
    let mut room = Room::new(&replays, folder.file());
    room.begins();
    room.caller_says("hello");
    room.model_says("Hello again.");
    assert!(!room.ends(false).await, "nobody will ask");
    assert!(!folder.file().exists());

    let room = Room::new(&replays, folder.file());
    assert!(room.ends(true).await, "its end was a failure");
    std::fs::remove_file(folder.file()).expect("a file");

    let mut room = Room::new(&replays, folder.file());
    room.has_a_fault();
    assert!(room.ends(false).await, "the model failed once");
}

#[tokio::test]
async fn a_call_that_breaks_leaves_what_there_is_and_one_that_is_left_nothing() {
    let folder = Folder::new("panic");
    let replays = Replays::start(Keep::Failed).expect("a thread");
    let mut room = Room::new(&replays, folder.file());
    room.begins();
    drop(room);
    // The file is there before all of it is.
    let whole = || {
        let played = Recording::open(&folder.file()).ok()?.play(|_| {}).ok()?;
        (played.missing.as_deref() == End::BrokenOff.missing()).then_some(())
    };
    let written = async {
        while whole().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), written).await.expect("it says how it ends");
    let (played, events) = play(&folder.file());
    assert_eq!(played.difference, None);
    assert!(events.len() > 3);
    std::fs::remove_file(folder.file()).expect("a file");

    let mut room = Room::new(&replays, folder.file());
    room.begins();
    room.observed.leave();
    assert!(!room.observed.finish(room.now, true).await.replay);
}

#[tokio::test]
async fn a_long_call_ends_in_its_file_before_it_ends() {
    let folder = Folder::new("long");
    let replays = Replays::start(Keep::All).expect("a thread");
    let mut room = Room::new(&replays, folder.file());
    room.begins();
    let long = "a".repeat(16 << 10);
    let mut given = 0;
    while given < LARGEST + (1 << 20) {
        for _ in 0..128 {
            room.observed.note(room.now, || long.clone());
            given += long.len();
        }
        // So that the thread keeps up.
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    assert!(room.ends(false).await, "there is a file");
    let (played, _) = play(&folder.file());
    assert_eq!(played.missing.as_deref(), End::TooLong.missing());
    assert_eq!(played.difference, None);
}
