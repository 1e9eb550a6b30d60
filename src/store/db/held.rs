//! Commits that wait for the answer of the request they belong to, so that effect and answer are one transaction.
//!
//! While [`hold`] runs a piece of work, [`Tx::commit`] does not commit: it puts the transaction aside, for the caller of
//! `hold` to add the answer and commit. Should the work open another transaction, what was put aside is committed before,
//! and carries a [`Mark`] that says something took effect.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Arg, StoreError, Tx};

tokio::task_local! {
    static HELD: Arc<Mutex<State>>;
}

/// A statement that goes into the first transaction that is committed. It writes one row, or that transaction must not be.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The statement.
    pub sql: &'static str,
    /// Its values.
    pub args: Vec<Arg>,
}

/// What became of the commits.
#[derive(Debug)]
pub struct Held {
    /// The last one, which has not been made.
    pub tx: Option<Tx>,
    /// The mark, as long as no commit has carried it.
    pub mark: Option<Mark>,
}

#[derive(Debug)]
struct State {
    tx: Option<Tx>,
    mark: Option<Mark>,
}

impl Mark {
    /// Writes the row.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when none was written, or when the database fails.
    pub async fn leave(self, tx: &mut Tx) -> Result<(), StoreError> {
        match tx.execute(self.sql, self.args).await? {
            0 => Err(StoreError::Stale),
            _ => Ok(()),
        }
    }
}

/// Runs a piece of work whose last commit is held back. When the work is given up, so is what it wanted to commit.
pub async fn hold<F: Future>(mark: Mark, work: F) -> (F::Output, Held) {
    let state = Arc::new(Mutex::new(State { tx: None, mark: Some(mark) }));
    let output = HELD.scope(Arc::clone(&state), work).await;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    (output, Held { tx: state.tx.take(), mark: state.mark.take() })
}

/// Puts a transaction aside; gives back the one that is to be committed now instead.
pub(super) fn keep(tx: Tx) -> Option<Tx> {
    let mut tx = Some(tx);
    let before = with(|state| state.tx.replace(tx.take().expect("it is there the first time")));
    before.unwrap_or(tx)
}

/// What has been put aside, to be committed because the work goes on.
pub(super) fn release() -> Option<Tx> {
    with(|state| state.tx.take()).flatten()
}

/// The mark, as long as no commit has carried it.
pub(super) fn mark() -> Option<Mark> {
    with(|state| state.mark.clone()).flatten()
}

/// A commit has carried the mark.
pub(super) fn marked() {
    with(|state| state.mark = None);
}

fn with<T>(act: impl FnOnce(&mut State) -> T) -> Option<T> {
    HELD.try_with(|state| act(&mut state.lock().unwrap_or_else(PoisonError::into_inner))).ok()
}
