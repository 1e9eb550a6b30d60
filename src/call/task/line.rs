//! A provider's session as a call holds it: what goes out waits here and never holds up the call.

use std::collections::VecDeque;
use std::future::pending;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::timeout_at;

use crate::time;

/// How long a provider may take nothing at all before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(2);
/// Commands that wait behind a provider that takes none; one more and it counts as broken.
const COMMANDS: usize = 256;

/// Both directions of a session.
pub(super) struct Line<I, E> {
    outbox: Outbox<I>,
    events: mpsc::Receiver<E>,
}

impl<I, E> Line<I, E> {
    pub(super) fn new(input: mpsc::Sender<I>, events: mpsc::Receiver<E>) -> Self {
        Self { outbox: Outbox::new(input), events }
    }

    /// Lets so many more commands wait than usual: those that may be due all at once.
    pub(super) const fn with_room_for(mut self, commands: usize) -> Self {
        self.outbox.most += commands;
        self
    }

    /// Sends behind what waits.
    pub(super) fn send(&mut self, item: I) {
        self.outbox.send(item);
    }

    /// Sends audio behind what waits; when too much of it waits the oldest is dropped. True when some was.
    pub(super) fn send_audio(&mut self, item: I, is_audio: impl Fn(&I) -> bool, at_most: usize) -> bool {
        self.outbox.send(item);
        self.outbox.drop_oldest(is_audio, at_most)
    }

    /// The next event; `None` when the provider has gone or takes nothing any more. Giving up the wait loses nothing.
    pub(super) async fn next(&mut self) -> Option<E> {
        tokio::select! {
            biased;
            event = self.events.recv() => event,
            () = self.outbox.broken() => None,
        }
    }

    /// The next event if there is one now.
    pub(super) fn ready(&mut self) -> Option<E> {
        self.events.try_recv().ok()
    }
}

/// What is on its way out.
struct Outbox<I> {
    sender: mpsc::Sender<I>,
    waiting: VecDeque<I>,
    /// So many may wait.
    most: usize,
    /// Since when the first of them has waited.
    since: Option<Instant>,
    closed: bool,
}

impl<I> Outbox<I> {
    fn new(sender: mpsc::Sender<I>) -> Self {
        Self { sender, waiting: VecDeque::new(), most: COMMANDS, since: None, closed: false }
    }

    fn send(&mut self, item: I) {
        if !self.waiting.is_empty() {
            self.waiting.push_back(item);
            self.closed |= self.waiting.len() > self.most;
            return;
        }
        match self.sender.try_send(item) {
            Ok(()) => {}
            Err(TrySendError::Full(item)) => {
                self.since = Some(time::now().mono);
                self.waiting.push_back(item);
            }
            Err(TrySendError::Closed(_)) => self.closed = true,
        }
    }

    fn drop_oldest(&mut self, is_audio: impl Fn(&I) -> bool, at_most: usize) -> bool {
        let audio = self.waiting.iter().filter(|item| is_audio(item)).count();
        let oldest = self.waiting.iter().position(is_audio).filter(|_| audio > at_most);
        oldest.and_then(|index| self.waiting.remove(index)).is_some()
    }

    /// Sends what waits as there is room; returns when there will be none any more.
    async fn broken(&mut self) {
        while !self.closed {
            let Some(since) = self.since else { return pending().await };
            match timeout_at((since + PATIENCE).into(), self.sender.reserve()).await {
                Ok(Ok(permit)) => {
                    if let Some(item) = self.waiting.pop_front() {
                        permit.send(item);
                    }
                    self.since = (!self.waiting.is_empty()).then(|| time::now().mono);
                }
                Ok(Err(_)) | Err(_) => self.closed = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(room: usize) -> (Line<u32, u32>, mpsc::Receiver<u32>, mpsc::Sender<u32>) {
        let (input, inputs) = mpsc::channel(room);
        let (events_in, events) = mpsc::channel(4);
        (Line::new(input, events), inputs, events_in)
    }

    #[tokio::test]
    async fn what_waits_goes_out_in_order_while_events_are_waited_for() {
        let (mut line, mut inputs, events) = line(1);
        (1..=4).for_each(|n| line.send(n));
        let take = async {
            for n in 1..=4 {
                assert_eq!(inputs.recv().await, Some(n));
            }
            events.send(9).await.expect("the line is there");
        };
        let (event, ()) = tokio::join!(line.next(), take);
        assert_eq!(event, Some(9));
    }

    #[tokio::test]
    async fn audio_makes_way_for_newer_audio_and_commands_stay() {
        let (mut line, mut inputs, events) = line(1);
        let is_audio = |n: &u32| *n < 100;
        line.send(100);
        line.send(101);
        let dropped: Vec<bool> = (1..=5).map(|n| line.send_audio(n, is_audio, 3)).collect();
        assert_eq!(dropped, [false, false, false, true, true]);
        line.send(102);
        let take = async {
            let mut seen = Vec::new();
            while seen.last() != Some(&102) {
                seen.push(inputs.recv().await.expect("the line is there"));
            }
            events.send(0).await.expect("the line is there");
            seen
        };
        let (_, seen) = tokio::join!(line.next(), take);
        assert_eq!(seen, [100, 101, 3, 4, 5, 102]);
    }

    #[tokio::test]
    async fn a_provider_that_has_gone_is_noticed_after_its_last_events() {
        let (mut line, inputs, events) = line(1);
        events.send(1).await.expect("room");
        drop(inputs);
        line.send(1);
        assert_eq!(line.next().await, Some(1));
        assert_eq!(line.next().await, None);
    }

    #[tokio::test]
    async fn too_many_commands_that_wait_are_a_broken_provider() {
        let (mut line, _inputs, _events) = line(1);
        (0..COMMANDS as u32 + 2).for_each(|n| line.send(n));
        assert_eq!(line.next().await, None);
    }

    #[tokio::test]
    async fn a_provider_that_may_get_many_at_once_is_not_broken_by_them() {
        let (line, mut inputs, events) = line(1);
        let mut line = line.with_room_for(1_000);
        (0..COMMANDS as u32 + 1_001).for_each(|n| line.send(n));
        let take = async {
            for n in 0..COMMANDS as u32 + 1_001 {
                assert_eq!(inputs.recv().await, Some(n));
            }
            events.send(9).await.expect("the line is there");
        };
        let (event, ()) = tokio::join!(line.next(), take);
        assert_eq!(event, Some(9));
        (0..COMMANDS as u32 + 1_002).for_each(|n| line.send(n));
        assert_eq!(line.next().await, None);
    }
}
