//! The caller's voice on its way to a recogniser.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::frame::{FRAME_8K, PcmFrame};
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::timeout;

use crate::agent::input::Input;
use crate::provider::stt::{Grammar, ListenRequest, Session, SpeechToText, SttEvent, SttInput, TurnId};

/// How much of the past is kept: a turn is announced after its voice began, at the latest when an interruption is sure.
const HISTORY: usize = 100;
/// A turn's audio begins this long before its voice.
const PRE_ROLL: Duration = Duration::from_millis(300);
/// Frames that make one bite for the recogniser.
const BITE: usize = 3;
/// How long a recogniser may refuse a command before it counts as broken.
const PATIENCE: Duration = Duration::from_secs(1);

/// One call's recogniser and what it is fed from.
pub(in crate::call) struct Ears {
    stt: Arc<dyn SpeechToText>,
    session: Option<Session>,
    turn: Option<TurnId>,
    history: VecDeque<(Instant, [i16; FRAME_8K])>,
    bite: Vec<i16>,
    /// Turns that failed before a recogniser had them, to be told at the next [`next`](Self::next).
    failed: VecDeque<TurnId>,
    dropped: u64,
}

impl Ears {
    pub(in crate::call) fn new(stt: Arc<dyn SpeechToText>) -> Self {
        Self {
            stt,
            session: None,
            turn: None,
            history: VecDeque::with_capacity(HISTORY),
            bite: Vec::with_capacity(BITE * FRAME_8K),
            failed: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Takes 20 ms of the caller.
    pub(in crate::call) fn hear(&mut self, at: Instant, frame: &PcmFrame) {
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        let mut samples = [0; FRAME_8K];
        let step = frame.samples().len() / FRAME_8K;
        samples.iter_mut().zip(frame.samples().iter().step_by(step)).for_each(|(to, from)| *to = *from);
        self.history.push_back((at, samples));
        if self.turn.is_some() {
            self.bite.extend_from_slice(&samples);
            if self.bite.len() >= BITE * FRAME_8K {
                self.send_bite();
            }
        }
    }

    /// Begins a turn whose voice began at `since`.
    pub(in crate::call) async fn begin(&mut self, turn: TurnId, grammar: Arc<Grammar>, since: Instant) {
        if self.session.is_none() {
            self.session = self.stt.open(&ListenRequest::default()).inspect_err(log_failure).ok();
        }
        self.turn = Some(turn);
        self.bite.clear();
        if self.command(SttInput::Begin { turn, grammar }).await {
            let from = since.checked_sub(PRE_ROLL).unwrap_or(since);
            let first = self.history.partition_point(|(at, _)| *at < from);
            let past: Arc<[i16]> = self.history.range(first..).flat_map(|(_, samples)| *samples).collect();
            self.audio(past);
        }
    }

    /// Ends a turn: its answer comes out of [`next`](Self::next).
    pub(in crate::call) async fn end(&mut self, turn: TurnId) {
        self.send_bite();
        self.turn = None;
        if !self.command(SttInput::End { turn }).await {
            self.failed.push_back(turn);
        }
    }

    /// Drops a turn.
    pub(in crate::call) async fn abandon(&mut self, turn: TurnId) {
        self.turn = None;
        self.command(SttInput::Abandon { turn }).await;
    }

    /// Gives the recogniser's place back.
    pub(in crate::call) fn close(&mut self) {
        self.session = None;
        self.turn = None;
    }

    /// The next thing understood, or not; waits for ever when there is no recogniser.
    pub(in crate::call) async fn next(&mut self) -> Input {
        loop {
            if let Some(turn) = self.failed.pop_front() {
                return Input::NotUnderstood { turn };
            }
            let Some(session) = &mut self.session else { return std::future::pending().await };
            match session.events.recv().await {
                Some(SttEvent::Final { turn, transcript }) => return Input::Understood { turn, transcript },
                Some(SttEvent::Failed { turn, error }) => {
                    log_failure(&error);
                    return Input::NotUnderstood { turn };
                }
                Some(SttEvent::Interrupted { error } | SttEvent::Dead { error }) => log_failure(&error),
                // A recogniser that works turn by turn says nothing between turns.
                Some(
                    SttEvent::TurnStarted
                    | SttEvent::Partial { .. }
                    | SttEvent::EagerEnd { .. }
                    | SttEvent::Resumed
                    | SttEvent::TurnEnded { .. },
                ) => {}
                // The recogniser is gone; a turn it owed is given up by the conversation's clock.
                None => self.session = None,
            }
        }
    }

    fn send_bite(&mut self) {
        if !self.bite.is_empty() {
            let bite: Arc<[i16]> = self.bite.as_slice().into();
            self.bite.clear();
            self.audio(bite);
        }
    }

    fn audio(&mut self, samples: Arc<[i16]>) {
        let Some(session) = &self.session else { return };
        match session.input.try_send(SttInput::Audio(samples)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.dropped += 1,
            Err(TrySendError::Closed(_)) => self.session = None,
        }
    }

    /// Whether the recogniser took the command. One that does not take it in time is let go.
    async fn command(&mut self, command: SttInput) -> bool {
        let Some(session) = &self.session else { return false };
        let taken = matches!(timeout(PATIENCE, session.input.send(command)).await, Ok(Ok(())));
        if !taken {
            tracing::warn!("a recogniser does not take commands and is let go");
            self.session = None;
        }
        taken
    }
}

fn log_failure(error: &crate::provider::error::Error) {
    tracing::warn!(provider = %error.provider, kind = ?error.kind, "a recogniser failed");
}
