//! A bot of somebody else's, watched: how its sessions go is told to its circuit. There is no second one beside it; an
//! open circuit keeps calls from being made.

use tokio::sync::mpsc;

use super::{Choice, Held};
use crate::provider::bot::{Bot, BotEvent, BotRequest, EVENT_QUEUE, Session};
use crate::provider::error::Error;
use crate::provider::probe::Probing;
use crate::time;

/// The bot of one call.
pub struct WatchedBot {
    bot: Choice<dyn Bot>,
    /// Kept for as long as this is.
    _held: Held,
}

impl WatchedBot {
    /// Watches a bot, and keeps something until it is dropped itself: the call's place.
    #[must_use]
    pub const fn new(bot: Choice<dyn Bot>, held: Held) -> Self {
        Self { bot, _held: held }
    }
}

impl Bot for WatchedBot {
    fn open(&self, request: BotRequest) -> Result<Session, Error> {
        let now = time::now().mono;
        let opened = self.bot.provider.open(request).inspect_err(|error| self.bot.health.failed(now, error));
        let Session { input, mut events } = opened?;
        self.bot.serves();
        let (sender, watched) = mpsc::channel(EVENT_QUEUE);
        let health = self.bot.health.clone();
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    biased;
                    () = sender.closed() => return,
                    event = events.recv() => event,
                };
                let Some(event) = event else { return };
                let at = time::now().mono;
                match &event {
                    BotEvent::Ready => {
                        health.began(at, at.saturating_duration_since(now));
                        health.succeeded(at);
                    }
                    BotEvent::Dead { error } => health.failed(at, error),
                    BotEvent::Audio(_) | BotEvent::Mark(_) | BotEvent::Clear | BotEvent::HungUp => {}
                }
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        });
        Ok(Session { input, events: watched })
    }

    fn probe(&self) -> Probing<'_> {
        self.bot.provider.probe()
    }
}
