//! One session of several: what it is told, passed on without waiting for it, and what it says.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::model::sleep_until;

/// What a session was told and what of that it has not taken.
#[derive(Debug)]
pub(super) struct Line<T> {
    input: mpsc::Sender<T>,
    untaken: VecDeque<T>,
}

impl<T> Line<T> {
    pub(super) const fn new(input: mpsc::Sender<T>) -> Self {
        Self { input, untaken: VecDeque::new() }
    }

    /// Tells the session something, after all that it was told before.
    pub(super) fn tell(&mut self, input: T) {
        self.untaken.push_back(input);
        self.pass_on();
    }

    /// Inputs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.untaken.len()
    }

    /// Lets the oldest waiting input go that may be missed, if one may.
    pub(super) fn let_go(&mut self, may_be_missed: impl Fn(&T) -> bool) {
        if let Some(oldest) = self.untaken.iter().position(may_be_missed) {
            self.untaken.remove(oldest);
        }
    }

    /// Passes on as much as the session takes.
    pub(super) fn pass_on(&mut self) {
        while !self.untaken.is_empty() {
            let Ok(permit) = self.input.try_reserve() else { return };
            if let Some(input) = self.untaken.pop_front() {
                permit.send(input);
            }
        }
    }
}

/// A session.
pub(super) struct Talk<I, O> {
    pub(super) line: Line<I>,
    events: mpsc::Receiver<O>,
}

impl<I, O> Talk<I, O> {
    pub(super) const fn new(input: mpsc::Sender<I>, events: mpsc::Receiver<O>) -> Self {
        Self { line: Line::new(input), events }
    }
}

/// What happened.
pub(super) enum Woken<I, O> {
    /// The call says something; nothing when it is over.
    Told(Option<I>),
    /// A session does.
    Said(usize, O),
    /// It is time.
    Due,
}

/// Waits until something happens or it is time to wake. `ended` is said by a session that ends without a word.
pub(super) async fn woken<I, O>(
    inputs: &mut mpsc::Receiver<I>,
    talks: &mut [Option<Talk<I, O>>],
    wake: Option<Instant>,
    ended: impl Fn() -> O,
) -> Woken<I, O> {
    tokio::select! {
        biased;
        input = inputs.recv() => Woken::Told(input),
        (at, event) = said(talks, ended) => Woken::Said(at, event),
        () = sleep_until(wake) => Woken::Due,
    }
}

/// The next event of any session. Meanwhile what was not taken is passed on.
async fn said<I, O>(talks: &mut [Option<Talk<I, O>>], ended: impl Fn() -> O) -> (usize, O) {
    loop {
        let waiting = talks.iter().flatten().any(|talk| talk.line.waiting() > 0);
        let event = poll_fn(|context| {
            for (at, talk) in talks.iter_mut().enumerate() {
                let Some(talk) = talk else { continue };
                if let Poll::Ready(event) = talk.events.poll_recv(context) {
                    return Poll::Ready((at, event.unwrap_or_else(&ended)));
                }
            }
            Poll::Pending
        });
        tokio::select! {
            event = event => return event,
            () = a_moment(waiting) => {}
        }
        talks.iter_mut().flatten().for_each(|talk| talk.line.pass_on());
    }
}

/// Time until it is worth trying again to pass on what waits; for ever when nothing does.
async fn a_moment(waiting: bool) {
    if waiting { tokio::time::sleep(Duration::from_millis(5)).await } else { pending().await }
}
