//! The shell: what the core decides is done.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::pii::Pii;
use crate::provider::stt::{Grammar, Transcript, TurnId};

const SOON: Duration = Duration::from_secs(5);

/// Counts the samples of a turn and says so; dies when it is told to.
struct Counter {
    name: &'static str,
    sessions: Mutex<Vec<mpsc::Sender<SttEvent>>>,
}

impl SpeechToText for Counter {
    fn manner(&self) -> Manner {
        Manner { continuous: true, detects_turns: false, replies: true, lag: Duration::ZERO }
    }

    fn capacity(&self) -> Capacity {
        Capacity { total: 9, free: 4 }
    }

    fn open(&self, _: &ListenRequest) -> Result<Session, Error> {
        let (input, mut inputs) = mpsc::channel(INPUT_QUEUE);
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        self.sessions.lock().expect("no panic").push(sender.clone());
        let name = self.name;
        tokio::spawn(async move {
            let mut samples = 0;
            while let Some(input) = inputs.recv().await {
                match input {
                    SttInput::Audio(pcm) => samples += pcm.len(),
                    SttInput::End { turn } => {
                        let text = Pii::new(format!("{name} heard {samples}"));
                        let transcript = Transcript::Words { text, confidence: None };
                        drop(sender.send(SttEvent::Final { turn, transcript }).await);
                        samples = 0;
                    }
                    SttInput::Begin { .. } | SttInput::Abandon { .. } | SttInput::Patience(_) => {}
                }
            }
        });
        Ok(Session { input, events })
    }
}

async fn next(session: &mut Session) -> SttEvent {
    tokio::time::timeout(SOON, session.events.recv()).await.expect("something comes").expect("it is open")
}

async fn turn(session: &mut Session, turn: u32, samples: usize) -> SttEvent {
    let turn = TurnId(turn);
    let begin = SttInput::Begin { turn, grammar: Arc::new(Grammar::default()) };
    for input in [begin, SttInput::Audio(vec![0; samples].into()), SttInput::End { turn }] {
        session.input.send(input).await.expect("it is open");
    }
    next(session).await
}

fn heard(event: SttEvent) -> String {
    let SttEvent::Final { transcript: Transcript::Words { text, .. }, .. } = event else {
        panic!("an answer, not {event:?}")
    };
    text.into_inner()
}

#[tokio::test]
async fn a_spare_that_heard_everything_takes_over() {
    let counter = |name| Arc::new(Counter { name, sessions: Mutex::default() });
    let (first, second) = (counter("first"), counter("second"));
    let choice = |counter: &Arc<Counter>| Choice::new(Arc::clone(counter) as Arc<dyn SpeechToText>);
    let choices = vec![choice(&first), choice(&second)];
    let health = choices[0].health.clone();
    let ears = HedgedEars::new(choices);
    assert_eq!(ears.capacity(), Capacity { total: 9, free: 4 });
    let mut session = ears.open(&ListenRequest::default()).expect("a place");
    assert_eq!(heard(turn(&mut session, 1, 160).await), "first heard 160");
    session.input.send(SttInput::Audio(vec![0; 320].into())).await.expect("it is open");
    let dead = SttEvent::Dead { error: Error::new("first", ErrorKind::Unauthorised, "no") };
    let sender = first.sessions.lock().expect("no panic")[0].clone();
    sender.send(dead).await.expect("it is open");
    while health.admits() {
        tokio::task::yield_now().await;
    }
    assert_eq!(heard(turn(&mut session, 2, 160).await), "second heard 480", "also what came before it took over");
    assert_eq!(ears.open(&ListenRequest::default()).map(drop), Ok(()));
    assert_eq!(first.sessions.lock().expect("no panic").len(), 1, "its circuit is open");
    drop(session);
}
