//! The task that carries a [`Wire`]: reads the clock, drives the socket, does what the [`Lifeline`] says.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use super::connect::{Incoming, NoConnection, Socket, connect};
use super::lifeline::{Lifeline, Limits, Sign, Step};
use super::wire::{Closing, Outbox, Upgrade, Wire};
use crate::provider::error::Error;
use crate::time;

/// Events that are held for a call that does not take them; with more nothing is read.
const HELD: usize = 16;
/// How long the vendor may take to answer our close frame.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves one session until the call drops it or it dies: takes `inputs` until their sender is gone, and writes `events`
/// until nobody reads them. The seed decides the waits between tries.
///
/// When the call does not take its events, nothing is read from the vendor, and `inputs` go on.
pub async fn run<W: Wire>(
    wire: W,
    limits: Limits,
    seed: u64,
    inputs: mpsc::Receiver<W::Input>,
    events: mpsc::Sender<W::Event>,
) {
    let lifeline = Lifeline::new(time::now().mono, wire.vendor().clone(), limits, seed);
    Carrier { wire, limits, lifeline, connecting: None, socket: None, out: Outbox::default() }
        .run(inputs, events)
        .await;
}

type Connected = (Box<Socket>, Upgrade);
type Connecting = Pin<Box<dyn Future<Output = Result<Connected, NoConnection>> + Send>>;

struct Carrier<W: Wire> {
    wire: W,
    limits: Limits,
    lifeline: Lifeline,
    connecting: Option<Connecting>,
    socket: Option<Box<Socket>>,
    out: Outbox<W::Event>,
}

/// Why the task woke.
enum Woken<I> {
    Dropped,
    Delivered,
    Told(I),
    Connected(Result<Connected, NoConnection>),
    Came(Result<Incoming, Error>),
    Due,
}

impl<W: Wire> Carrier<W> {
    async fn run(mut self, mut inputs: mpsc::Receiver<W::Input>, events: mpsc::Sender<W::Event>) {
        loop {
            if self.take_steps().is_err() {
                for event in self.out.events.drain(..) {
                    if events.send(event).await.is_err() {
                        break;
                    }
                }
                return;
            }
            let reading = self.out.events.len() < HELD;
            self.lifeline.reading(time::now().mono, reading);
            let vendor = self.wire.vendor();
            let wake =
                self.lifeline.poll_timeout().into_iter().chain(self.wire.poll_timeout()).map(|(due, _)| due).min();
            let woken = tokio::select! {
                biased;
                () = events.closed() => Woken::Dropped,
                permit = events.reserve(), if !self.out.events.is_empty() => match (permit, self.out.events.pop_front()) {
                    (Ok(permit), Some(event)) => {
                        permit.send(event);
                        Woken::Delivered
                    }
                    (Ok(_) | Err(_), _) => Woken::Dropped,
                },
                input = inputs.recv() => input.map_or(Woken::Dropped, Woken::Told),
                connected = made(&mut self.connecting) => Woken::Connected(connected),
                came = next(&mut self.socket, vendor, reading) => Woken::Came(came),
                () = until(wake) => Woken::Due,
            };
            if let Woken::Dropped = woken {
                return self.say_goodbye().await;
            }
            self.handle(time::now().mono, woken);
        }
    }

    fn handle(&mut self, now: Instant, woken: Woken<W::Input>) {
        match woken {
            Woken::Dropped | Woken::Delivered => return,
            Woken::Told(input) => self.wire.told(now, input, &mut self.out),
            Woken::Connected(Ok((socket, upgrade))) => {
                tracing::debug!(vendor = %self.wire.vendor().name, request = ?upgrade.request, "connected");
                self.connecting = None;
                self.socket = Some(socket);
                self.lifeline.connected(now);
                self.wire.opened(now, &upgrade, &mut self.out);
            }
            Woken::Connected(Err(reason)) => {
                self.connecting = None;
                self.lifeline.failed(now, reason.into_error(self.wire.vendor()));
            }
            Woken::Came(Ok(Incoming::Message(message))) => {
                self.lifeline.received(now, Sign::Message);
                self.wire.received(now, message, &mut self.out);
            }
            Woken::Came(Ok(Incoming::Pulse)) => {
                self.lifeline.received(now, Sign::Pulse);
                self.wire.pulse(now);
            }
            Woken::Came(Ok(Incoming::Closed(close))) => {
                let closing = self.wire.judge(&close);
                self.lifeline.closed(now, closing);
            }
            Woken::Came(Err(error)) => self.lifeline.closed(now, Closing::Failed(error)),
            Woken::Due => {
                self.lifeline.timeout(now);
                if self.wire.poll_timeout().is_some_and(|(due, _)| due <= now) {
                    self.wire.timeout(now, &mut self.out);
                }
            }
        }
        self.carry_out(now);
    }

    /// Sends what the wire wrote, and ends the connection if it wants that.
    fn carry_out(&mut self, now: Instant) {
        let fed = std::mem::take(&mut self.out.fed);
        match &mut self.socket {
            Some(socket) if !self.out.messages.is_empty() => {
                self.lifeline.sent(now, fed);
                for message in self.out.messages.drain(..) {
                    if let Err(error) = socket.send(self.wire.vendor(), message) {
                        self.lifeline.closed(now, Closing::Failed(error));
                        break;
                    }
                }
            }
            Some(_) => {}
            None => self.out.messages.clear(),
        }
        if self.out.take_ping() {
            self.socket.iter_mut().for_each(|socket| socket.ping());
        }
        if let Some(closing) = self.out.closing.take() {
            self.lifeline.closed(now, closing);
        }
    }

    /// Does what the lifeline says.
    fn take_steps(&mut self) -> Result<(), Over> {
        while let Some(step) = self.lifeline.poll() {
            let now = time::now().mono;
            match step {
                Step::Connect => match self.wire.endpoint() {
                    Ok(endpoint) => {
                        let (vendor, message) = (self.wire.vendor().clone(), self.limits.message);
                        self.connecting = Some(Box::pin(async move { connect(&vendor, &endpoint, message).await }));
                    }
                    Err(error) => self.lifeline.failed(now, error),
                },
                Step::Ping => self.socket.iter_mut().for_each(|socket| socket.ping()),
                Step::Lost(error) => {
                    if let Some(error) = &error {
                        tracing::debug!(%error, kind = ?error.kind, "the connection is lost");
                    }
                    self.socket = None;
                    self.wire.lost(now, error.as_ref(), &mut self.out);
                    self.carry_out(now);
                }
                Step::Dead(error) => {
                    self.socket = None;
                    self.wire.dead(error, &mut self.out);
                    return Err(Over);
                }
            }
        }
        if !self.lifeline.is_connecting() {
            self.connecting = None;
        }
        Ok(())
    }

    /// Lets the vendor end in order; it is not waited for any longer than a second.
    async fn say_goodbye(mut self) {
        let Some(mut socket) = self.socket.take() else { return };
        let vendor = self.wire.vendor().clone();
        self.wire.goodbye(&mut self.out);
        for message in self.out.messages.drain(..) {
            if socket.send(&vendor, message).is_err() {
                return;
            }
        }
        socket.close();
        drop(self);
        // A vendor that does not answer in time is left.
        let _late = timeout(GOODBYE, async { while socket.next(&vendor, true).await.is_ok() {} }).await.is_err();
    }
}

/// The session is over.
struct Over;

async fn made(connecting: &mut Option<Connecting>) -> Result<Connected, NoConnection> {
    match connecting {
        Some(connecting) => connecting.await,
        None => pending().await,
    }
}

async fn next(
    socket: &mut Option<Box<Socket>>,
    vendor: &crate::provider::vendor::Vendor,
    reading: bool,
) -> Result<Incoming, Error> {
    match socket {
        Some(socket) => socket.next(vendor, reading).await,
        None => pending().await,
    }
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake.into()).await,
        None => pending().await,
    }
}
