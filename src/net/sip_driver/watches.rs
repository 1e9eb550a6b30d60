//! Peers that are watched by OPTIONS.

use std::time::Instant;

use callwright_sip::endpoint::{CommandError, Health, Watch, WatchId};
use callwright_sip::message::StatusCode;
use tokio::sync::{oneshot, watch};

use super::{Command, Driver, InviteError, SipHandle};

/// The verdict about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it answers.
    pub health: Health,
    /// The answer that decided; none where there was none.
    pub status: Option<StatusCode>,
}

/// A peer that is watched for as long as this is kept.
#[derive(Debug)]
pub struct OurWatch {
    /// What is known of it; [`Health::Unknown`] at first.
    pub verdict: watch::Receiver<Verdict>,
}

/// What became of [`SipHandle::watch`].
pub(super) type Watched = Result<OurWatch, CommandError>;

impl SipHandle {
    /// Asks a peer by OPTIONS again and again, until what is returned is dropped.
    ///
    /// # Errors
    /// Nothing is asked.
    pub async fn watch(&self, watch: Watch) -> Result<OurWatch, InviteError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Watch(Box::new(watch), reply)).await?;
        Ok(answer.await.map_err(|_| super::SipStopped)??)
    }
}

impl Driver {
    pub(super) fn watch(&mut self, now: Instant, watch: Watch, reply: oneshot::Sender<Watched>) {
        let started = self.endpoint.watch(now, watch).map(|id| {
            let (sender, verdict) = watch::channel(Verdict { health: Health::Unknown, status: None });
            self.watches.insert(id, sender);
            OurWatch { verdict }
        });
        // A caller that is gone leaves a closed channel, which the sweep ends.
        let _ = reply.send(started);
    }

    pub(super) fn on_health(&self, id: WatchId, health: Health, status: Option<StatusCode>) {
        if let Some(sender) = self.watches.get(&id) {
            sender.send_replace(Verdict { health, status });
        }
    }

    /// Ends the watches that nobody looks at any more.
    pub(super) fn sweep_watches(&mut self) {
        let endpoint = &mut self.endpoint;
        self.watches.retain(|id, sender| {
            let wanted = !sender.is_closed();
            if !wanted {
                endpoint.unwatch(*id);
            }
            wanted
        });
    }
}
