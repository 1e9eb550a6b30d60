//! The inputs of one session, passed on without waiting for it.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use tokio::sync::mpsc;

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

/// Time until it is worth trying again to pass on what waits; for ever when nothing does.
pub(super) async fn a_moment(waiting: bool) {
    if waiting { tokio::time::sleep(Duration::from_millis(5)).await } else { pending().await }
}
