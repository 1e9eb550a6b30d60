use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::agent::flow::check::Lexicon;
use crate::agent::flow::meaning::Expectation;

/// A busy machine is slow, not wrong.
const PATIENCE: Duration = Duration::from_secs(60);

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("callwright-pocketsphinx-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder
}

fn recogniser(name: &str, calls: usize) -> Pocketsphinx {
    let config = PocketsphinxConfig { time_limit: PATIENCE, ..PocketsphinxConfig::new(folder(name), calls) };
    Pocketsphinx::open(config).expect("pocketsphinx-en-us is installed")
}

/// A program that stands in for the recogniser.
fn program(name: &str, lines: &str, time_limit: Duration) -> Pocketsphinx {
    let folder = folder(name);
    let program = folder.join("program");
    fs::write(&program, format!("#!/bin/sh\n{lines}\n")).expect("the folder is writable");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    let config = PocketsphinxConfig { program, time_limit, ..PocketsphinxConfig::new(folder, 2) };
    Pocketsphinx::open(config).expect("the model is installed")
}

fn yes_no() -> Arc<Grammar> {
    let phrases = ["yes", "no"].map(str::to_owned).to_vec();
    Arc::new(Grammar { language: "en".to_owned(), phrases, ..Grammar::default() })
}

async fn turn(session: &mut Session, id: u32, grammar: Arc<Grammar>, audio: &[i16]) -> Option<SttEvent> {
    let turn = TurnId(id);
    session.input.send(SttInput::Begin { turn, grammar }).await.ok()?;
    for chunk in audio.chunks(160) {
        session.input.send(SttInput::Audio(chunk.into())).await.ok()?;
    }
    session.input.send(SttInput::End { turn }).await.ok()?;
    session.events.recv().await
}

#[tokio::test]
async fn silence_is_nothing() {
    let recogniser = recogniser("silence", 1);
    let mut session = recogniser.open(&ListenRequest::default()).expect("a place is free");
    let event = turn(&mut session, 0, yes_no(), &[0; 8_000]).await;
    assert_eq!(event, Some(SttEvent::Final { turn: TurnId(0), transcript: Transcript::Nothing }));
}

#[tokio::test]
async fn places_are_counted_and_given_back() {
    let recogniser = recogniser("places", 1);
    assert_eq!(recogniser.capacity(), Capacity { total: 1, free: 1 });
    let session = recogniser.open(&ListenRequest::default()).expect("a place is free");
    assert_eq!(recogniser.capacity(), Capacity { total: 1, free: 0 });
    assert_eq!(recogniser.open(&ListenRequest::default()).expect_err("no place is free").kind, ErrorKind::Busy);
    drop(session);
    let place = tokio::time::timeout(Duration::from_secs(5), recogniser.places.acquire()).await;
    assert!(place.is_ok(), "the place comes back");
}

#[tokio::test]
async fn a_word_outside_the_dictionary_fails_the_turn_and_not_the_session() {
    let recogniser = recogniser("word", 1);
    let mut session = recogniser.open(&ListenRequest::default()).expect("a place is free");
    let grammar = Arc::new(Grammar { phrases: vec!["blorb".to_owned()], ..Grammar::default() });
    let event = turn(&mut session, 0, grammar, &[0; 800]).await;
    assert!(matches!(&event, Some(SttEvent::Failed { error, .. }) if error.kind == ErrorKind::Refused), "{event:?}");
    let event = turn(&mut session, 1, yes_no(), &[0; 800]).await;
    assert!(matches!(event, Some(SttEvent::Final { turn: TurnId(1), .. })), "{event:?}");
}

#[tokio::test]
async fn an_abandoned_turn_is_not_answered() {
    let recogniser = program("abandoned", "exec sleep 60", PATIENCE);
    let mut session = recogniser.open(&ListenRequest::default()).expect("a place is free");
    let id = TurnId(0);
    for input in
        [SttInput::Begin { turn: id, grammar: yes_no() }, SttInput::Abandon { turn: id }, SttInput::End { turn: id }]
    {
        session.input.send(input).await.expect("it listens");
    }
    let unknown = Arc::new(Grammar { phrases: vec!["blorb".into()], ..Grammar::default() });
    let event = turn(&mut session, 1, unknown, &[]).await;
    assert!(matches!(event, Some(SttEvent::Failed { turn: TurnId(1), .. })), "only the second is answered: {event:?}");
}

#[tokio::test]
async fn processes_end_with_the_session() {
    let pid_file = folder("ended-pids").join("pids");
    let recogniser = program("ended", &format!("echo $$ >> {}\nexec sleep 60", pid_file.display()), PATIENCE);
    let session = recogniser.open(&ListenRequest::default()).expect("a place is free");
    session.input.send(SttInput::Begin { turn: TurnId(0), grammar: yes_no() }).await.expect("it listens");
    let pids = || fs::read_to_string(&pid_file).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    until(|| pids().len() == 2, "both processes run").await;
    drop(session);
    until(|| pids().iter().all(|pid| !runs(pid)), "both processes have ended").await;
}

/// Whether a process runs; one that has ended and was not waited for yet does not.
fn runs(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

/// Waits for something another process does.
async fn until(done: impl Fn() -> bool, what: &str) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[tokio::test]
async fn a_hanging_or_failing_program_fails_the_turn() {
    for (name, lines, time_limit, kind) in [
        ("hanging", "exec sleep 60", Duration::from_millis(100), ErrorKind::TimedOut),
        ("failing", "exit 3", PATIENCE, ErrorKind::Broken),
    ] {
        let recogniser = program(name, lines, time_limit);
        let mut session = recogniser.open(&ListenRequest::default()).expect("a place is free");
        let event = turn(&mut session, 0, yes_no(), &[0; 1_600]).await;
        assert!(matches!(&event, Some(SttEvent::Failed { error, .. }) if error.kind == kind), "{name}: {event:?}");
    }
}

#[tokio::test]
async fn a_missing_program_says_what_to_install() {
    let mut config = PocketsphinxConfig::new(folder("missing"), 1);
    config.program = PathBuf::from("/nowhere/pocketsphinx_continuous");
    let recogniser = Pocketsphinx::open(config).expect("the model is there");
    let mut session = recogniser.open(&ListenRequest::default()).expect("a place is free");
    let event = turn(&mut session, 0, yes_no(), &[]).await;
    let Some(SttEvent::Failed { error, .. }) = event else { panic!("{event:?}") };
    assert_eq!(error.kind, ErrorKind::NotInstalled);
    assert!(error.detail.contains("apt-get install pocketsphinx"), "{error}");
}

#[test]
fn a_missing_model_says_what_to_install() {
    let mut config = PocketsphinxConfig::new(folder("model"), 1);
    config.model = PathBuf::from("/nowhere");
    let error = Pocketsphinx::open(config).expect_err("it is not there");
    assert_eq!(error.kind, ErrorKind::NotInstalled);
    assert!(error.detail.contains("pocketsphinx-en-us"), "{error}");
}

#[test]
fn the_words_of_every_question_are_in_the_dictionary() {
    let recogniser = recogniser("words", 1);
    for expectation in [Expectation::yes_no("en"), Expectation::choice("en", &[]), Expectation::nothing("en")] {
        let grammar = expectation.grammar;
        for phrase in [&grammar.phrases, &grammar.leads, &grammar.tails, &grammar.decoys].into_iter().flatten() {
            for word in phrase.split(' ') {
                assert!(recogniser.dictionary().knows(word), "{word:?} of {phrase:?}");
            }
        }
    }
}
