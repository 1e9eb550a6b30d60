//! A model that hears and speaks, watched: how its sessions go is told to its circuit. There is no second one beside it,
//! for two cannot answer at once; an open circuit keeps calls from being made.

use tokio::sync::mpsc;

use super::{Choice, Held};
use crate::provider::error::Error;
use crate::provider::probe::Probing;
use crate::provider::s2s::{EVENT_QUEUE, S2sEvent, S2sRequest, Session, SpeechToSpeech};
use crate::time;

/// The model of one call.
pub struct Watched {
    model: Choice<dyn SpeechToSpeech>,
    voice: String,
    /// Kept for as long as this is.
    _held: Option<Held>,
}

impl Watched {
    /// Watches a model, which speaks with this voice whatever it is asked for; with its default when that is empty.
    #[must_use]
    pub const fn new(model: Choice<dyn SpeechToSpeech>, voice: String) -> Self {
        Self { model, voice, _held: None }
    }

    /// Keeps something until it is dropped itself: the call's place.
    #[must_use]
    pub fn holding(self, held: Held) -> Self {
        Self { _held: Some(held), ..self }
    }
}

impl SpeechToSpeech for Watched {
    fn open(&self, request: S2sRequest) -> Result<Session, Error> {
        let request = S2sRequest { voice: self.voice.clone(), ..request };
        let Session { input, mut events } = self.model.provider.open(request)?;
        self.model.serves();
        let (sender, watched) = mpsc::channel(EVENT_QUEUE);
        let health = self.model.health.clone();
        let opened = time::now().mono;
        tokio::spawn(async move {
            let mut ready = false;
            loop {
                let event = tokio::select! {
                    biased;
                    () = sender.closed() => return,
                    event = events.recv() => event,
                };
                let Some(event) = event else { return };
                let now = time::now().mono;
                match &event {
                    S2sEvent::Ready if !std::mem::replace(&mut ready, true) => {
                        health.began(now, now.saturating_duration_since(opened));
                    }
                    S2sEvent::Interrupted { error } | S2sEvent::Dead { error } => health.failed(now, error),
                    S2sEvent::Finished { .. } => health.succeeded(now),
                    S2sEvent::Ready
                    | S2sEvent::CallerStarted
                    | S2sEvent::CallerStopped
                    | S2sEvent::CallerSaid(_)
                    | S2sEvent::Audio { .. }
                    | S2sEvent::Words { .. }
                    | S2sEvent::ItemFinished { .. }
                    | S2sEvent::Call(_) => {}
                }
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        });
        Ok(Session { input, events: watched })
    }

    fn probe(&self) -> Probing<'_> {
        self.model.provider.probe()
    }
}
