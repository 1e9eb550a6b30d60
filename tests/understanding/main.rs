//! How well the offline recogniser understands: generated answers through G.711, RTP with jitter and loss, the speech
//! detector, the recogniser and the meaning of words, as in a call.

mod corpus;
#[path = "../support/dice.rs"]
mod dice;
mod line;
#[path = "../support/speech.rs"]
mod speech;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use callwright::agent::flow::graph::Choice;
use callwright::agent::flow::meaning::{Expectation, Meaning};
use callwright::agent::flow::spoken::date::{Lean, Reading};
use callwright::agent::language::{DateOrder, Language};
use callwright::provider::offline::pocketsphinx::{Pocketsphinx, PocketsphinxConfig};
use callwright::provider::stt::{ListenRequest, SpeechToText, SttEvent, SttInput, Transcript, TurnId};
use futures_util::StreamExt;

use self::corpus::{Corpus, HELD_OUT, TUNED, delivery};
use self::dice::Dice;
use self::line::turn_heard;
use self::speech::spoken;

/// Questions that are answered and questions that are answered with something else: so many of each kind with phrases …
const OF_PHRASES: (usize, usize) = (120, 100);
/// … and so many of each kind whose answers are put together of words.
const OF_SEQUENCES: (usize, usize) = (72, 72);
const SEED: u64 = 20_260_801;

/// What is promised of a kind of question: shares of the answers understood rightly at the first try, of answers taken
/// for another one, and of other talk taken for an answer.
struct Promise {
    kind: &'static str,
    right: f64,
    wrong: f64,
    taken: f64,
}

const KINDS: usize = 4;

/// Digits and the words of a date are short and differ in consonants that a telephone does not carry: at these questions
/// what was understood is always read back, and keys are offered. Their figures are what there is, not what is wished for.
const PROMISES: [Promise; KINDS] = [
    Promise { kind: "yes/no", right: 0.90, wrong: 0.05, taken: 0.05 },
    Promise { kind: "choice", right: 0.90, wrong: 0.05, taken: 0.05 },
    Promise { kind: "number", right: 0.30, wrong: 0.45, taken: 0.12 },
    Promise { kind: "date", right: 0.40, wrong: 0.20, taken: 0.08 },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_understood_and_other_talk_is_not_taken_for_one() {
    assert_kept(&measure("held-out", &HELD_OUT, SEED).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sentences_that_the_thresholds_were_chosen_on_stay_understood() {
    assert_kept(&measure("tuned", &TUNED, SEED + 1).await);
}

/// Every promise is kept; all figures are told when one is not.
fn assert_kept(tallies: &[Tally]) {
    let kept = |(tally, promise): (&Tally, &Promise)| {
        tally.right() >= promise.right && tally.wrong() <= promise.wrong && tally.taken() <= promise.taken
    };
    let reports: Vec<String> = tallies.iter().map(Tally::report).collect();
    assert!(tallies.iter().zip(&PROMISES).all(kept), "{}", reports.join("\n"));
}

/// What came of the questions of one kind.
struct Tally {
    kind: &'static str,
    asked: usize,
    right: usize,
    /// Answers understood as another answer.
    wrong: usize,
    others: usize,
    /// Other talk taken for an answer.
    taken: usize,
    notes: Vec<String>,
}

impl Tally {
    fn right(&self) -> f64 {
        self.right as f64 / self.asked as f64
    }

    fn wrong(&self) -> f64 {
        self.wrong as f64 / self.asked as f64
    }

    fn taken(&self) -> f64 {
        self.taken as f64 / self.others as f64
    }

    fn report(&self) -> String {
        let Self { kind, asked, wrong, others, notes, .. } = self;
        let (right, taken) = (100.0 * self.right(), 100.0 * self.taken());
        let notes = notes.join("\n  ");
        format!(
            "{kind}: {right:.1} % of {asked} right, {wrong} wrong, {taken:.1} % of {others} others taken\n  {notes}"
        )
    }
}

/// One answer to one question.
struct Trial {
    kind: usize,
    voice: &'static str,
    text: &'static str,
    /// The value it stands for; `None` when it is no answer.
    value: Option<&'static str>,
    seed: u64,
}

async fn measure(name: &str, corpus: &Corpus, seed: u64) -> Vec<Tally> {
    let expectations = Arc::new(expectations());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("understanding");
    fs::create_dir_all(&folder).expect("the target folder is writable");
    let grammars = folder.join(format!("grammars-{}", std::process::id()));
    // A busy machine is slow, not wrong.
    let config = PocketsphinxConfig { time_limit: Duration::from_secs(60), ..PocketsphinxConfig::new(grammars, 32) };
    let recogniser = Arc::new(Pocketsphinx::open(config).expect("pocketsphinx and its model are installed"));
    let done: Vec<(Trial, Option<Meaning>, String)> = futures_util::stream::iter(trials(corpus, seed))
        .map(|trial| one(trial, folder.clone(), Arc::clone(&recogniser), Arc::clone(&expectations)))
        .buffer_unordered(3)
        .collect()
        .await;
    let mut tallies = PROMISES.each_ref().map(|promise| Tally {
        kind: promise.kind,
        asked: 0,
        right: 0,
        wrong: 0,
        others: 0,
        taken: 0,
        notes: Vec::new(),
    });
    for (trial, meaning, heard) in done {
        let tally = &mut tallies[trial.kind];
        let answer = match &meaning {
            Some(Meaning::Answer(value)) => Some(value.as_str()),
            Some(Meaning::Repeat | Meaning::Refusal | Meaning::Goodbye | Meaning::OptOut | Meaning::Unclear) | None => {
                None
            }
        };
        let good = answer == trial.value;
        match trial.value {
            Some(_) => {
                tally.asked += 1;
                tally.right += usize::from(good);
                tally.wrong += usize::from(!good && answer.is_some());
            }
            None => {
                tally.others += 1;
                tally.taken += usize::from(!good);
            }
        }
        if !good {
            tally.notes.push(format!("{} by {}: {heard}", trial.text, trial.voice));
        }
    }
    save(name, &tallies);
    tallies.into()
}

/// What is asked, kind by kind.
fn expectations() -> [Expectation; KINDS] {
    let today = jiff::civil::date(2026, 8, 5);
    let reading = Reading { language: Language::English, order: DateOrder::MonthFirst, today, lean: Lean::Future };
    [
        Expectation::yes_no("en"),
        Expectation::choice("en", &options()),
        Expectation::number("en", (4, 4), (None, None)),
        Expectation::date("en", reading),
    ]
}

fn options() -> [Choice; 3] {
    ["morning", "afternoon", "evening"].map(|word| Choice {
        id: word.to_owned(),
        words: vec![word.to_owned()],
        dtmf: None,
    })
}

/// Balanced over values, drawn over voices and sentences.
fn trials(corpus: &Corpus, seed: u64) -> Vec<Trial> {
    let yes_no = [("yes", corpus.yes), ("no", corpus.no)];
    let phrases = [(0, &yes_no[..]), (1, corpus.choices)];
    let sequences = [(2, corpus.numbers), (3, corpus.dates)];
    let mut trials = drawn(corpus, &phrases, OF_PHRASES, seed);
    trials.extend(drawn(corpus, &sequences, OF_SEQUENCES, seed + 100));
    trials
}

/// Values and the sentences that stand for each.
type Answers<'a> = &'a [(&'static str, &'static [&'static str])];

fn drawn(corpus: &Corpus, kinds: &[(usize, Answers)], (questions, others): (usize, usize), seed: u64) -> Vec<Trial> {
    let mut dice = Dice::new(seed);
    let mut trials = Vec::new();
    for n in 0..questions {
        for (kind, values) in kinds {
            let (value, sentences) = values[n % values.len()];
            let text = dice.pick(sentences);
            let (voice, value) = (dice.pick(corpus.voices), Some(value));
            trials.push(Trial { kind: *kind, voice, text, value, seed: dice.roll(u64::MAX) });
        }
    }
    for n in 0..others {
        for (kind, _) in kinds {
            let text = corpus.other[n % corpus.other.len()];
            let voice = dice.pick(corpus.voices);
            trials.push(Trial { kind: *kind, voice, text, value: None, seed: dice.roll(u64::MAX) });
        }
    }
    trials
}

async fn one(
    trial: Trial,
    folder: PathBuf,
    recogniser: Arc<Pocketsphinx>,
    expectations: Arc<[Expectation; KINDS]>,
) -> (Trial, Option<Meaning>, String) {
    let (voice, text, seed) = (trial.voice, trial.text, trial.seed);
    let audio = tokio::task::spawn_blocking(move || {
        let mut dice = Dice::new(seed);
        let delivery = delivery(&mut dice);
        turn_heard(&spoken(&folder, voice, text, delivery), &mut dice)
    });
    let Some(audio) = audio.await.expect("the line works") else { return (trial, None, "no voice noticed".to_owned()) };
    let expectation = &expectations[trial.kind];
    let transcript = recognise(&recogniser, expectation, &audio).await;
    let heard = match &transcript {
        Transcript::Words { text, confidence } => format!("{} ({:.2})", text.expose(), confidence.unwrap_or(0.0)),
        Transcript::OutOfGrammar => "out of grammar".to_owned(),
        Transcript::Nothing => "nothing".to_owned(),
    };
    let meaning = match transcript {
        Transcript::Words { text, .. } => Some(expectation.meaning(text.expose())),
        Transcript::OutOfGrammar | Transcript::Nothing => None,
    };
    (trial, meaning, heard)
}

async fn recognise(recogniser: &Pocketsphinx, expectation: &Expectation, audio: &[i16]) -> Transcript {
    let mut session =
        recogniser.open(&ListenRequest::default()).expect("there are far more places than trials at once");
    let turn = TurnId(0);
    let begin = SttInput::Begin { turn, grammar: Arc::clone(&expectation.grammar) };
    session.input.send(begin).await.expect("the recogniser listens");
    for chunk in audio.chunks(480) {
        session.input.send(SttInput::Audio(chunk.into())).await.expect("the recogniser listens");
    }
    session.input.send(SttInput::End { turn }).await.expect("the recogniser listens");
    match session.events.recv().await {
        Some(SttEvent::Final { transcript, .. }) => transcript,
        Some(SttEvent::Failed { error, .. } | SttEvent::Interrupted { error } | SttEvent::Dead { error }) => {
            panic!("{error}")
        }
        Some(
            SttEvent::TurnStarted
            | SttEvent::Partial { .. }
            | SttEvent::EagerEnd { .. }
            | SttEvent::Resumed
            | SttEvent::TurnEnded { .. },
        ) => panic!("a recogniser that works turn by turn speaks up by itself"),
        None => panic!("the recogniser went away"),
    }
}

/// Leaves the figures where benches leave theirs.
fn save(name: &str, tallies: &[Tally; KINDS]) {
    let figure = |tally: &Tally, what: &str, value: f64, cmp: &str, budget: f64| {
        let holds = if cmp == ">=" { value >= budget } else { value <= budget };
        serde_json::json!({
            "name": format!("{name}: {} {what}", tally.kind), "value": value, "unit": "share", "cmp": cmp,
            "budget": budget, "holds": holds,
            "conditions": format!("{} answers, {} others, G.711 A-law, 30 ms jitter, 1 % loss", tally.asked, tally.others),
        })
    };
    let figures: Vec<_> = tallies
        .iter()
        .zip(&PROMISES)
        .flat_map(|(tally, promise)| {
            [
                figure(tally, "answers understood", tally.right(), ">=", promise.right),
                figure(tally, "answers taken for another one", tally.wrong(), "<=", promise.wrong),
                figure(tally, "other talk taken for an answer", tally.taken(), "<=", promise.taken),
            ]
        })
        .collect();
    let reports: Vec<_> = tallies.iter().map(Tally::report).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../bench");
    let text = serde_json::to_string_pretty(&serde_json::json!({ "figures": figures, "reports": reports }));
    fs::create_dir_all(&folder).expect("the target folder is writable");
    fs::write(folder.join(format!("understanding-{name}.json")), text.expect("it serialises")).expect("it is writable");
}
