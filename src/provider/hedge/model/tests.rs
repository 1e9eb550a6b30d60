//! A model is what it says and when. When to do what is tested with the race; this is whether it is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::pii::Pii;
use crate::provider::catalog::Stage;
use crate::provider::llm::FinishReason;
use crate::provider::witness::{Seen, Serving, Who, Witness};

const MS: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_millis(150);

/// Says its words one by one, so many milliseconds after the one before, and ends like `end`.
struct Speaker {
    words: Vec<(u32, &'static str)>,
    end: Option<ErrorKind>,
    asked: AtomicUsize,
    given_up: Arc<AtomicUsize>,
}

impl Speaker {
    /// Whether nobody waits for any of its answers.
    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed) == self.asked.load(Ordering::Relaxed)
    }
}

fn speaker(words: &[(u32, &'static str)], end: Option<ErrorKind>) -> Arc<Speaker> {
    Arc::new(Speaker { words: words.to_vec(), end, asked: AtomicUsize::new(0), given_up: Arc::default() })
}

impl LanguageModel for Speaker {
    fn generate(&self, _: LlmRequest) -> Generation {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let (words, end, given_up) = (self.words.clone(), self.end, Arc::clone(&self.given_up));
        tokio::spawn(async move {
            let speak = async {
                for (wait, word) in words {
                    tokio::time::sleep(MS * wait).await;
                    if !word.is_empty() {
                        drop(sender.send(LlmEvent::Text(Pii::new(word.to_owned()))).await);
                    }
                }
                let end = match end {
                    Some(kind) => LlmEvent::Failed(Error::new("speaker", kind, "no")),
                    None => LlmEvent::Finished { reason: FinishReason::Stop, usage: None },
                };
                drop(sender.send(end).await);
            };
            tokio::select! {
                () = sender.closed() => drop(given_up.fetch_add(1, Ordering::Relaxed)),
                () = speak => {}
            }
        });
        Generation { events }
    }
}

fn hedged(models: &[Arc<Speaker>]) -> HedgedModel {
    let choice = |model: &Arc<Speaker>| Choice::new(Arc::clone(model) as Arc<dyn LanguageModel>);
    HedgedModel::new(models.iter().map(choice).collect()).patient(PATIENCE)
}

fn request() -> LlmRequest {
    LlmRequest { messages: [].into(), tools: [].into(), max_tokens: 10, temperature: None, schema: None }
}

/// Text, end, and the time to the first event.
async fn answer(model: &HedgedModel) -> (String, Option<ErrorKind>, Duration) {
    let began = tokio::time::Instant::now();
    let (mut text, mut first) = (String::new(), None);
    let mut generation = model.generate(request());
    while let Some(event) = generation.events.recv().await {
        let first = *first.get_or_insert_with(|| began.elapsed());
        match event {
            LlmEvent::Text(piece) => text.push_str(piece.expose()),
            LlmEvent::Failed(error) => return (text, Some(error.kind), first),
            LlmEvent::Finished { .. } => return (text, None, first),
            LlmEvent::Call(_) => panic!("nobody calls"),
        }
    }
    panic!("an answer has an end, not only {text:?}")
}

#[tokio::test]
async fn a_late_model_is_joined_by_the_next() {
    let (late, prompt) = (speaker(&[(2_000, "late")], None), speaker(&[(20, "here "), (5, "I am")], None));
    let model = hedged(&[Arc::clone(&late), Arc::clone(&prompt)]);
    let (text, end, first) = answer(&model).await;
    assert_eq!((text.as_str(), end), ("here I am", None));
    assert!((PATIENCE..MS * 1_500).contains(&first), "{first:?}");
    tokio::time::sleep(MS * 50).await;
    assert!(late.is_given_up(), "the loser is given up");
    let waits = |at: usize| model.models[at].health.report().first.expect("known").0;
    assert!(waits(0) >= PATIENCE + MS * 20 && waits(1) >= MS * 20, "{:?} {:?}", waits(0), waits(1));
}

#[tokio::test]
async fn who_answers_is_seen() {
    let witness = Witness::default();
    let who = |name: &str| Arc::new(Who { name: name.into(), system: "openai", model: "m".into() });
    let choice = |name: &str, model: Arc<Speaker>| {
        let seen = Seen { witness: witness.clone(), stage: Stage::Llm, who: who(name) };
        Choice::new(model as Arc<dyn LanguageModel>).seen(seen)
    };
    let dead = choice("dead", speaker(&[(5, "")], Some(ErrorKind::Busy)));
    let model = HedgedModel::new(vec![dead, choice("spare", speaker(&[(5, "fine")], None))]).patient(PATIENCE);
    assert_eq!(witness.serving(), Serving::default(), "nobody has said anything");
    assert_eq!(answer(&model).await.0, "fine");
    assert_eq!(witness.serving(), Serving { llm: Some(who("spare")), ..Serving::default() });
}

#[tokio::test]
async fn a_prompt_model_is_asked_alone() {
    let (prompt, spare) = (speaker(&[(30, "yes"), (200, " and no")], None), speaker(&[(1, "no")], None));
    let (text, end, _) = answer(&hedged(&[prompt, Arc::clone(&spare)])).await;
    assert_eq!((text.as_str(), end), ("yes and no", None));
    assert_eq!(spare.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_failure_before_the_first_word_is_not_heard() {
    let (dead, spare) = (speaker(&[(5, "")], Some(ErrorKind::Busy)), speaker(&[(5, "fine")], None));
    let model = hedged(&[Arc::clone(&dead), Arc::clone(&spare)]);
    for _ in 0..2 {
        let (text, end, first) = answer(&model).await;
        assert_eq!((text.as_str(), end), ("fine", None));
        assert!(first < PATIENCE, "{first:?}");
    }
    assert_eq!(dead.asked.load(Ordering::Relaxed), 1, "its circuit is open then");
}

#[tokio::test]
async fn failures_that_cannot_be_mended_are_told() {
    let breaks = speaker(&[(1, "half")], Some(ErrorKind::Broken));
    let (text, end, _) = answer(&hedged(&[breaks, speaker(&[(1, "no")], None)])).await;
    assert_eq!((text.as_str(), end), ("half", Some(ErrorKind::Broken)), "in the middle of an answer");
    let dead = |kind| speaker(&[(1, "")], Some(kind));
    let (text, end, _) = answer(&hedged(&[dead(ErrorKind::Unreachable), dead(ErrorKind::TimedOut)])).await;
    assert_eq!((text.as_str(), end), ("", Some(ErrorKind::TimedOut)), "of everybody");
}

#[tokio::test]
async fn dropping_the_answer_gives_up_every_model() {
    let (late, later) = (speaker(&[(5_000, "a")], None), speaker(&[(5_000, "b")], None));
    let generation = hedged(&[Arc::clone(&late), Arc::clone(&later)]).generate(request());
    while later.asked.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(MS * 5).await;
    }
    drop(generation);
    tokio::time::sleep(MS * 50).await;
    assert!(late.is_given_up() && later.is_given_up());
}
