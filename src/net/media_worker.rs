//! Media workers: OS threads that serve RTP legs on absolute deadlines.
//!
//! A worker owns its legs outright. It waits in one epoll for packets, commands and the next deadline. Legs are spread
//! over the slots of a 20 ms wheel that turns on absolute time, so that a late wake-up delays one packet and not all
//! that follow. After a stall each leg sends one packet and skips the rest: a burst would only fill jitter buffers.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use callwright_media::session::{MAX_PACKET, Port, Session};
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::mpsc;

use super::media_leg::{Leg, MediaCommand, Sockets, Turn};
use super::media_ring::{CloseCause, NewsReceiver, RingSender, ring};
use super::media_wheel::{SLOT, Wheel};
use super::ports::RtpSocket;
use crate::time;

/// Commands that wait for one worker; further callers wait.
const COMMANDS: usize = 1_024;
/// The token that is not a leg. Those of legs are twice their index, and one more for their port of RTCP.
const WAKE: Token = Token(usize::MAX);
/// Readiness events taken from the kernel at once.
const EVENTS: usize = 256;
/// Audio that nobody is in a hurry for is handed over so often, that of all legs at once: the tasks of many calls woken
/// together cost less than each by itself.
const HAND_OVER: Duration = Duration::from_millis(12);
/// No RTP packet of ours or of a phone is longer.
const DATAGRAM: usize = 2_048;

/// The media workers of the process.
#[derive(Debug)]
pub struct MediaWorkers {
    workers: Vec<Worker>,
}

/// How well the workers keep time, over all of them since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// Legs served now.
    pub legs: usize,
    /// Ticks done.
    pub ticks: u64,
    /// Ticks done more than 2 ms after their time.
    pub late: u64,
    /// Slots passed over after stalls.
    pub skipped: u64,
    /// Legs ended by a panic in their processing.
    pub panics: u64,
}

#[derive(Debug)]
struct Worker {
    commands: mpsc::Sender<Command>,
    waker: Arc<Waker>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    legs: AtomicUsize,
    ticks: AtomicU64,
    late: AtomicU64,
    skipped: AtomicU64,
    panics: AtomicU64,
}

/// The workers have ended: the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("media has stopped")]
pub struct MediaStopped;

enum Command {
    Add { leg: Box<NewLeg>, key: LegId },
    Leg { key: LegId, command: MediaCommand },
}

struct NewLeg {
    socket: RtpSocket,
    session: Session,
    ring: RingSender,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { key, .. } => write!(f, "Add({key:?})"),
            Self::Leg { key, command } => write!(f, "{command:?}({key:?})"),
        }
    }
}

/// Names a leg inside a worker; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LegId(u64);

static NEXT_LEG: AtomicU64 = AtomicU64::new(0);

impl MediaWorkers {
    /// Starts `count` threads, or one per core for 0.
    ///
    /// # Errors
    /// The operating system gives no epoll or no thread.
    pub fn start(count: usize) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let count = if count == 0 { cores } else { count };
        let workers = (0..count).map(Worker::start).collect::<io::Result<_>>()?;
        Ok(Self { workers })
    }

    /// Gives a leg to the worker with the fewest. From here on its packets are read and, every 20 ms, one is sent.
    ///
    /// # Errors
    /// The workers have ended.
    pub async fn add(&self, socket: RtpSocket, session: Session) -> Result<MediaLeg, MediaStopped> {
        let worker =
            self.workers.iter().min_by_key(|worker| worker.shared.legs.load(Ordering::Relaxed)).ok_or(MediaStopped)?;
        worker.shared.legs.fetch_add(1, Ordering::Relaxed);
        let (sender, news) = ring();
        let key = LegId(NEXT_LEG.fetch_add(1, Ordering::Relaxed));
        let leg = Box::new(NewLeg { socket, session, ring: sender });
        let control = MediaControl { key, commands: worker.commands.clone(), waker: Arc::clone(&worker.waker) };
        control.post(Command::Add { leg, key }).await?;
        Ok(MediaLeg { control, news })
    }

    /// Counters, summed.
    #[must_use]
    pub fn stats(&self) -> WorkerStats {
        self.workers.iter().fold(WorkerStats::default(), |sum, worker| {
            let shared = &worker.shared;
            WorkerStats {
                legs: sum.legs + shared.legs.load(Ordering::Relaxed),
                ticks: sum.ticks + shared.ticks.load(Ordering::Relaxed),
                late: sum.late + shared.late.load(Ordering::Relaxed),
                skipped: sum.skipped + shared.skipped.load(Ordering::Relaxed),
                panics: sum.panics + shared.panics.load(Ordering::Relaxed),
            }
        })
    }
}

impl Drop for MediaWorkers {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.shared.stop.store(true, Ordering::Relaxed);
            let _ = worker.waker.wake();
        }
    }
}

/// A leg served by a worker.
#[derive(Debug)]
pub struct MediaLeg {
    /// The way to the leg.
    pub control: MediaControl,
    /// What it says. Dropping this closes the leg.
    pub news: NewsReceiver,
}

/// The way to a leg.
#[derive(Clone, Debug)]
pub struct MediaControl {
    key: LegId,
    commands: mpsc::Sender<Command>,
    waker: Arc<Waker>,
}

impl MediaControl {
    /// Gives the leg a command. Waits while the worker has too many; a leg that is closed ignores it.
    ///
    /// # Errors
    /// The workers have ended.
    pub async fn send(&self, command: MediaCommand) -> Result<(), MediaStopped> {
        self.post(Command::Leg { key: self.key, command }).await
    }

    async fn post(&self, command: Command) -> Result<(), MediaStopped> {
        self.commands.send(command).await.map_err(|_| MediaStopped)?;
        self.waker.wake().map_err(|_| MediaStopped)
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let shared = Arc::new(Shared::default());
        let engine = Engine {
            poll,
            commands: receiver,
            shared: Arc::clone(&shared),
            legs: Vec::new(),
            vacant: Vec::new(),
            wheel: Wheel::new(time::now().mono),
            unread: Vec::new(),
            handed_over: time::now().mono,
            buffer: vec![0; DATAGRAM],
            packet: [0; MAX_PACKET],
        };
        thread::Builder::new().name(format!("media-{number}")).spawn(move || engine.run())?;
        Ok(Self { commands, waker, shared })
    }
}

/// The thread's own state.
struct Engine {
    poll: Poll,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    /// By index, from which their tokens are made.
    legs: Vec<Option<(LegId, Leg)>>,
    vacant: Vec<usize>,
    wheel: Wheel,
    /// Ports with packets left unread.
    unread: Vec<Token>,
    /// When audio was handed over last.
    handed_over: Instant,
    buffer: Vec<u8>,
    packet: [u8; MAX_PACKET],
}

impl Engine {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.shared.stop.load(Ordering::Relaxed) {
            let mut wait =
                if self.unread.is_empty() { self.wheel.wait(time::now().mono) } else { Some(Duration::ZERO) };
            // When the next slot is near, packets wait for it: a worker with many legs wakes once a slot, not once a
            // packet, and sleeps more exactly than epoll's whole milliseconds allow.
            if let Some(short) = wait.filter(|wait| *wait <= SLOT) {
                thread::park_timeout(short);
                wait = Some(Duration::ZERO);
            }
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a media worker cannot wait for packets and ends");
                break;
            }
            let now = time::now().mono;
            for token in std::mem::take(&mut self.unread) {
                self.read(now, token);
            }
            for event in &events {
                if event.token() != WAKE {
                    self.read(now, event.token());
                }
            }
            self.run_commands(now);
            self.run_wheel();
            self.hand_over(now);
        }
        for index in 0..self.legs.len() {
            self.close(index, CloseCause::Worker);
        }
    }

    fn read(&mut self, now: Instant, token: Token) {
        let index = token.0 / 2;
        let Some(Some((_, leg))) = self.legs.get_mut(index) else { return };
        let port = if token == token_of(index, Port::Rtp) { Port::Rtp } else { Port::Rtcp };
        match leg.read(now, port, &mut self.buffer) {
            Turn::Done => {}
            Turn::More => self.unread.push(token),
            Turn::Close(cause) => self.close(index, cause),
        }
    }

    fn hand_over(&mut self, now: Instant) {
        if now.saturating_duration_since(self.handed_over) >= HAND_OVER {
            self.handed_over = now;
            self.legs.iter_mut().flatten().for_each(|(_, leg)| leg.hand_over());
        }
    }

    fn run_commands(&mut self, now: Instant) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Add { leg, key } => self.add(key, *leg),
                Command::Leg { key, command } => {
                    let found = self.legs.iter().position(|leg| matches!(leg, Some((id, _)) if *id == key));
                    if let Some(index) = found
                        && let Some((_, leg)) = &mut self.legs[index]
                        && let Turn::Close(cause) = leg.command(now, command)
                    {
                        self.close(index, cause);
                    }
                }
            }
        }
    }

    fn add(&mut self, key: LegId, new: NewLeg) {
        let mut leg = Leg::new(Sockets::from(new.socket), new.session, new.ring);
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.legs.push(None);
            self.legs.len() - 1
        });
        let registry = self.poll.registry();
        let (rtp, rtcp) = (token_of(index, Port::Rtp), token_of(index, Port::Rtcp));
        let registered = registry
            .register(&mut leg.sockets.rtp, rtp, Interest::READABLE)
            .and_then(|()| registry.register(&mut leg.sockets.rtcp, rtcp, Interest::READABLE));
        self.legs[index] = Some((key, leg));
        self.wheel.insert(index);
        match registered {
            // Packets that came before the registration raise no event.
            Ok(()) => self.unread.extend([rtp, rtcp]),
            Err(_) => self.close(index, CloseCause::Worker),
        }
    }

    fn close(&mut self, index: usize, cause: CloseCause) {
        let Some((_, mut leg)) = self.legs[index].take() else { return };
        let _ = self.poll.registry().deregister(&mut leg.sockets.rtp);
        let _ = self.poll.registry().deregister(&mut leg.sockets.rtcp);
        self.wheel.remove(index);
        self.vacant.push(index);
        self.shared.legs.fetch_sub(1, Ordering::Relaxed);
        if cause == CloseCause::Panicked {
            self.shared.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!("the media of a leg panicked; the leg is closed");
        }
        leg.close(time::now().mono, cause, &mut self.packet);
    }

    fn run_wheel(&mut self) {
        let now = time::now().mono;
        self.shared.skipped.fetch_add(self.wheel.catch_up(now), Ordering::Relaxed);
        while let Some((at, slot)) = self.wheel.due(now) {
            let mut position = 0;
            while let Some(&index) = self.wheel.members(slot).get(position) {
                let turn = match &mut self.legs[index] {
                    Some((_, leg)) => leg.tick(at, &mut self.packet),
                    None => Turn::Close(CloseCause::Worker),
                };
                match turn {
                    Turn::Done | Turn::More => position += 1,
                    Turn::Close(cause) => self.close(index, cause),
                }
            }
            let done = self.wheel.members(slot).len() as u64;
            self.shared.ticks.fetch_add(done, Ordering::Relaxed);
            if time::now().mono.saturating_duration_since(at) > Duration::from_millis(2) {
                self.shared.late.fetch_add(done, Ordering::Relaxed);
            }
        }
    }
}

fn token_of(index: usize, port: Port) -> Token {
    Token(index * 2 + usize::from(port == Port::Rtcp))
}

#[cfg(test)]
mod tests;
