//! Trying a vendor out: one connection, no second try, and what went wrong told step by step.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::connect::{Incoming, NoConnection, Socket, connect};
use super::wire::{Closing, Message, Outbox, Wire};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::probe::{Failure, STEP, Step, reach};
use crate::time;

/// How long the vendor may take from being told to its proof.
const ANSWER: Duration = Duration::from_secs(8);
/// Bytes of a message.
const MESSAGE: usize = 4 << 20;

/// Connects, tells the wire the `inputs`, and waits until `proven` holds: it is asked after everything that happens, with
/// the events that came of it. What is still to be said is said in the wire's own time.
///
/// # Errors
/// [`Failure`] with the step that failed.
pub async fn probe<W: Wire>(
    mut wire: W,
    inputs: Vec<W::Input>,
    proven: impl FnMut(&W, &[W::Event]) -> bool + Send,
) -> Result<(), Failure> {
    let vendor = wire.vendor().clone();
    let endpoint = wire.endpoint()?;
    reach(&vendor, endpoint.url.as_str()).await?;
    let made = tokio::time::timeout(STEP, connect(&vendor, &endpoint, MESSAGE)).await;
    let (socket, upgrade) = match made {
        Ok(Ok(made)) => made,
        Ok(Err(NoConnection::Failed(error))) => return Err(Failure { step: Step::Format, error, said: None }),
        Ok(Err(NoConnection::Refused(refusal))) => return Err(refusal.failure(&vendor)),
        Err(_) => return Err(vendor.error(ErrorKind::TimedOut, "no answer to the upgrade").into()),
    };
    let mut trial = Trial { wire, socket, out: Outbox::default(), proven };
    trial.wire.opened(time::now().mono, &upgrade, &mut trial.out);
    for input in inputs {
        trial.wire.told(time::now().mono, input, &mut trial.out);
    }
    let deadline = Instant::now() + ANSWER;
    match timeout_at(deadline, trial.run()).await {
        Ok(outcome) => outcome,
        Err(_) => Err(vendor.error(ErrorKind::TimedOut, "it connects and does not answer").into()),
    }
}

struct Trial<W: Wire, P> {
    wire: W,
    socket: Box<Socket>,
    out: Outbox<W::Event>,
    proven: P,
}

impl<W: Wire, P: FnMut(&W, &[W::Event]) -> bool + Send> Trial<W, P> {
    async fn run(&mut self) -> Result<(), Failure> {
        let vendor = self.wire.vendor().clone();
        while !self.step()? {
            let wake = self.wire.poll_timeout().map(|(due, _)| due);
            let came = tokio::select! {
                came = self.socket.next(&vendor, true) => Some(came?),
                () = async { match wake { Some(wake) => sleep_until(wake.into()).await, None => std::future::pending().await } } => None,
            };
            let now = time::now().mono;
            match came {
                Some(Incoming::Message(message)) => self.wire.received(now, message, &mut self.out),
                Some(Incoming::Pulse) => {}
                Some(Incoming::Closed(close)) => {
                    let said = Some(close.reason.clone()).filter(|reason| !reason.is_empty());
                    let error = match self.wire.judge(&close) {
                        Closing::Failed(error) => error,
                        Closing::Routine => vendor.error(ErrorKind::Broken, "it closes before it has answered"),
                    };
                    return Err(Failure { said, ..error.into() });
                }
                None => self.wire.timeout(now, &mut self.out),
            }
        }
        self.wire.goodbye(&mut self.out);
        let last: Vec<Message> = self.out.messages.drain(..).collect();
        for message in last {
            drop(self.socket.send(&vendor, message));
        }
        self.socket.close();
        // It has answered; how it ends does not matter.
        let end = async { while self.socket.next(&vendor, true).await.is_ok() {} };
        let _late = tokio::time::timeout(Duration::from_millis(500), end).await.is_err();
        Ok(())
    }

    /// Sends what the wire wrote; whether the vendor has proven itself.
    fn step(&mut self) -> Result<bool, Error> {
        for message in self.out.messages.drain(..) {
            self.socket.send(self.wire.vendor(), message)?;
        }
        if let Some(Closing::Failed(error)) = self.out.closing.take() {
            return Err(error);
        }
        let events: Vec<W::Event> = self.out.events.drain(..).collect();
        Ok((self.proven)(&self.wire, &events))
    }
}
