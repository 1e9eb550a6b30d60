//! Shutting down in order: SIGTERM or Ctrl-C asks, every task hears it, a second signal ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two stages of an orderly end.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// No new calls; live ones finish up to a limit.
    pub drain: CancellationToken,
    /// Everything ends now.
    pub stop: CancellationToken,
}

impl Shutdown {
    /// Waits until an end of either kind was asked for.
    pub async fn asked(&self) {
        tokio::select! {
            () = self.drain.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Listens for SIGTERM and SIGINT: the first drains, the second stops.
    ///
    /// # Errors
    /// When the operating system refuses a signal handler.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let this = self.clone();
        tokio::spawn(async move {
            for stage in [&this.drain, &this.stop] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = this.stop.cancelled() => return,
                }
                stage.cancel();
            }
        });
        Ok(())
    }
}
