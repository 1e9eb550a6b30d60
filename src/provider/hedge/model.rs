//! Several language models that look like one.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;

use super::race::{Act, Race};
use super::{Choice, Held, PATIENCE};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::llm::{EVENT_QUEUE, Generation, LanguageModel, LlmEvent, LlmRequest};
use crate::provider::probe::{self, Probing};
use crate::time;

/// Connections that are made while the phone rings: of the model that will be asked, and of the one after it.
const WARM: usize = 2;

/// Models in the order of preference. See the [module](super).
#[derive(Clone)]
pub struct HedgedModel {
    models: Vec<Choice<dyn LanguageModel>>,
    patience: Duration,
    /// Those whose last answer broke off: asked after the others, until one of theirs is whole.
    broken: Arc<[AtomicBool]>,
    /// Kept for as long as this is.
    _held: Option<Held>,
}

impl HedgedModel {
    /// Of at least one model.
    #[must_use]
    pub fn new(models: Vec<Choice<dyn LanguageModel>>) -> Self {
        let broken = models.iter().map(|_| AtomicBool::new(false)).collect();
        Self { models, patience: PATIENCE, broken, _held: None }
    }

    /// Keeps something until it is dropped itself: the call's places.
    #[must_use]
    pub fn holding(self, held: Held) -> Self {
        Self { _held: Some(held), ..self }
    }

    /// With another patience than [`PATIENCE`].
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl LanguageModel for HedgedModel {
    fn generate(&self, request: LlmRequest) -> Generation {
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let runners = self.models.iter().map(|_| None).collect();
        let (models, broken) = (self.models.clone(), Arc::clone(&self.broken));
        let run = Run { models, broken, request, runners, out: sender.clone() };
        let patience = self.patience;
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = sender.closed() => {}
                () = run.race(patience) => {}
            }
        });
        Generation { events }
    }

    fn warm(&self) {
        let admitted = self.models.iter().filter(|model| model.health.admits());
        admitted.take(WARM).for_each(|model| model.provider.warm());
    }

    fn probe(&self) -> Probing<'_> {
        self.models.first().map_or_else(probe::nothing_to_try, |model| model.provider.probe())
    }
}

/// One request on its way.
struct Run {
    models: Vec<Choice<dyn LanguageModel>>,
    broken: Arc<[AtomicBool]>,
    request: LlmRequest,
    runners: Vec<Option<Generation>>,
    out: mpsc::Sender<LlmEvent>,
}

impl Run {
    async fn race(mut self, patience: Duration) {
        let whole = self.broken.iter().map(|broken| !broken.load(Ordering::Relaxed));
        let admitted: Vec<bool> =
            self.models.iter().zip(whole).map(|(model, whole)| whole && model.health.admits()).collect();
        let mut race = Race::new(time::now().mono, patience, &admitted);
        loop {
            let mut first = None;
            while let Some(act) = race.poll_act() {
                match act {
                    Act::Start(at) => {
                        self.runners[at] = Some(self.models[at].provider.generate(self.request.clone()));
                    }
                    Act::Won(at, wait) => {
                        self.models[at].health.began(time::now().mono, wait);
                        self.models[at].serves();
                        first = Some(at);
                    }
                    Act::Drop(at, wait) => {
                        self.models[at].health.passed_over(wait);
                        self.runners[at] = None;
                    }
                    Act::Lost(error) => return self.tell(LlmEvent::Failed(error)).await,
                }
            }
            if let Some(winner) = first {
                return self.follow(winner).await;
            }
            let wake = race.poll_timeout();
            let (at, event) = tokio::select! {
                next = next(&mut self.runners) => next,
                () = sleep_until(wake) => {
                    race.tick(time::now().mono);
                    continue;
                }
            };
            let now = time::now().mono;
            if let LlmEvent::Failed(error) = event {
                self.models[at].health.failed(now, &error);
                self.runners[at] = None;
                race.failed(now, at, error);
            } else {
                race.spoke(now, at);
                self.tell(event).await;
            }
        }
    }

    /// Passes on what the winner says after its first word.
    async fn follow(mut self, winner: usize) {
        let Some(mut generation) = self.runners[winner].take() else { return };
        while let Some(event) = generation.events.recv().await {
            match &event {
                LlmEvent::Failed(error) => {
                    self.models[winner].health.failed(time::now().mono, error);
                    self.broken[winner].store(true, Ordering::Relaxed);
                }
                LlmEvent::Finished { .. } => self.broken[winner].store(false, Ordering::Relaxed),
                LlmEvent::Text(_) | LlmEvent::Call(_) => {}
            }
            self.tell(event).await;
        }
    }

    async fn tell(&self, event: LlmEvent) {
        // When nobody listens any more the whole run is dropped.
        drop(self.out.send(event).await);
    }
}

/// The next event of any runner; one that ends without a word has failed.
async fn next(runners: &mut [Option<Generation>]) -> (usize, LlmEvent) {
    poll_fn(|context| {
        for (at, runner) in runners.iter_mut().enumerate() {
            let Some(generation) = runner else { continue };
            if let Poll::Ready(event) = generation.events.poll_recv(context) {
                let silent = || LlmEvent::Failed(Error::new("model", ErrorKind::Broken, "the answer has no end"));
                return Poll::Ready((at, event.unwrap_or_else(silent)));
            }
        }
        Poll::Pending
    })
    .await
}

pub(super) async fn sleep_until(at: Option<std::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
