//! One recogniser as the hedge sees it.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::pii::Pii;
use crate::provider::stt::{SttEvent, Transcript, TurnId};

#[derive(Debug)]
pub(super) struct Source {
    pub(super) open: bool,
    /// It failed in this call: it is not asked again.
    pub(super) spent: bool,
    /// Since when its connection is lost.
    pub(super) lost: Option<Instant>,
    /// It has heard the turn that is open, or that an answer is owed for, from its beginning.
    pub(super) since_begin: bool,
    /// What it calls a turn is only more words.
    flat: bool,
    /// Words of turns that it ended by itself, of a flat one.
    held: Pii<String>,
    /// Turns whose answers are not wanted.
    dropped: BTreeSet<TurnId>,
    /// As the spare: words that the call does not have from it, and what it called a turn.
    words: Option<Pii<String>>,
    ended: Option<Pii<String>>,
    answer: Option<(Instant, TurnId, Transcript)>,
}

/// What a spare has understood.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) ended: Option<Pii<String>>,
    pub(super) words: Option<Pii<String>>,
    pub(super) answer: Option<(TurnId, Transcript)>,
}

impl Source {
    pub(super) const fn new(flat: bool) -> Self {
        Self {
            open: false,
            spent: false,
            lost: None,
            since_begin: true,
            flat,
            held: Pii::new(String::new()),
            dropped: BTreeSet::new(),
            words: None,
            ended: None,
            answer: None,
        }
    }

    /// What of an event matters; any event says that the connection is there again.
    pub(super) fn take(&mut self, event: SttEvent) -> Option<SttEvent> {
        self.lost = None;
        if let SttEvent::Final { turn, .. } | SttEvent::Failed { turn, .. } = &event
            && self.dropped.remove(turn)
        {
            self.held.expose_mut().clear();
            self.forget();
            return None;
        }
        if self.flat { self.flatten(event) } else { Some(event) }
    }

    /// The event of one whose turns are only more words.
    fn flatten(&mut self, event: SttEvent) -> Option<SttEvent> {
        match event {
            SttEvent::TurnStarted | SttEvent::Resumed => None,
            SttEvent::Partial { words } | SttEvent::EagerEnd { words } => Some(self.partial(words.expose())),
            SttEvent::TurnEnded { words } => {
                self.held = Pii::new(joined(self.held.expose(), words.expose()));
                Some(self.partial(""))
            }
            SttEvent::Final { turn, transcript } => {
                let held = std::mem::take(&mut self.held).into_inner();
                let transcript = match transcript {
                    Transcript::Words { text, confidence } => {
                        Transcript::Words { text: Pii::new(joined(&held, text.expose())), confidence }
                    }
                    Transcript::OutOfGrammar | Transcript::Nothing if !held.is_empty() => {
                        Transcript::Words { text: Pii::new(held), confidence: None }
                    }
                    transcript @ (Transcript::OutOfGrammar | Transcript::Nothing) => transcript,
                };
                Some(SttEvent::Final { turn, transcript })
            }
            SttEvent::Failed { turn, error } => {
                let held = std::mem::take(&mut self.held).into_inner();
                if held.is_empty() {
                    return Some(SttEvent::Failed { turn, error });
                }
                let transcript = Transcript::Words { text: Pii::new(held), confidence: None };
                Some(SttEvent::Final { turn, transcript })
            }
            event @ (SttEvent::Interrupted { .. } | SttEvent::Dead { .. }) => Some(event),
        }
    }

    fn partial(&self, words: &str) -> SttEvent {
        SttEvent::Partial { words: Pii::new(joined(self.held.expose(), words)) }
    }

    /// A turn begins, or is abandoned: what was said before it does not matter any more.
    pub(super) fn begin(&mut self) {
        self.since_begin = self.open;
        self.held.expose_mut().clear();
        self.forget();
    }

    pub(super) fn has_words(&mut self, words: Pii<String>) {
        if !words.expose().trim().is_empty() {
            self.words = Some(words);
        }
    }

    pub(super) fn has_ended(&mut self, words: Pii<String>) {
        if !words.expose().trim().is_empty() {
            let before = self.ended.take().map(Pii::into_inner).unwrap_or_default();
            self.ended = Some(Pii::new(joined(&before, words.expose())));
        }
        self.words = None;
    }

    pub(super) fn has_answer(&mut self, now: Instant, turn: TurnId, transcript: Transcript) {
        let before = self.ended.take().map(Pii::into_inner).unwrap_or_default();
        let transcript = match transcript {
            Transcript::Words { text, confidence } => {
                Transcript::Words { text: Pii::new(joined(&before, text.expose())), confidence }
            }
            Transcript::OutOfGrammar | Transcript::Nothing if !before.is_empty() => {
                Transcript::Words { text: Pii::new(before), confidence: None }
            }
            transcript @ (Transcript::OutOfGrammar | Transcript::Nothing) => transcript,
        };
        self.words = None;
        self.answer = Some((now, turn, transcript));
    }

    /// All that it has understood and the call does not have from it.
    pub(super) fn text(&self) -> String {
        let ended = self.ended.as_ref().map(|words| words.expose().as_str()).unwrap_or_default();
        let words = self.words.as_ref().map(|words| words.expose().as_str()).unwrap_or_default();
        match &self.answer {
            Some((_, _, Transcript::Words { text, .. })) => text.expose().clone(),
            Some((_, _, Transcript::OutOfGrammar | Transcript::Nothing)) | None => joined(ended, words),
        }
    }

    /// How many words it has that the call does not have from it.
    pub(super) fn words_ahead(&self) -> usize {
        let both = [&self.ended, &self.words].into_iter().flatten();
        both.map(|words| words.expose().split_whitespace().count()).sum()
    }

    pub(super) fn answered_at(&self, turn: TurnId) -> Option<Instant> {
        self.answer.as_ref().filter(|(_, of, _)| *of == turn).map(|(at, ..)| *at)
    }

    /// Whether its answer has words in it.
    pub(super) fn has_heard(&self, turn: TurnId) -> bool {
        self.answer.as_ref().is_some_and(|(_, of, heard)| *of == turn && matches!(heard, Transcript::Words { .. }))
    }

    pub(super) fn take_answer(&mut self, turn: TurnId) -> Option<Transcript> {
        let answer = self.answer.take_if(|(_, of, _)| *of == turn);
        self.forget();
        answer.map(|(_, _, transcript)| transcript)
    }

    /// The call has it from somebody else; true when it had been given here.
    pub(super) fn forget_answer(&mut self, turn: TurnId) -> bool {
        let given = self.answer.take_if(|(_, of, _)| *of == turn).is_some();
        self.forget();
        given
    }

    /// Its answer for this turn, when it comes, is not wanted.
    pub(super) fn drop_answer(&mut self, turn: TurnId) {
        self.dropped.insert(turn);
        // Answers that never come are not waited for without end.
        while self.dropped.len() > 16 {
            self.dropped.pop_first();
        }
    }

    /// Whether an answer is to come from it that is not wanted.
    pub(super) fn owes_in_vain(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// What it has understood is known to the call; true when it had ended a turn by itself.
    pub(super) fn forget(&mut self) -> bool {
        self.words = None;
        self.answer = None;
        self.ended.take().is_some()
    }

    /// What it has understood and the call does not know.
    pub(super) fn recall(&mut self) -> Known {
        let answer = self.answer.take().map(|(_, turn, transcript)| (turn, transcript));
        Known { ended: self.ended.take(), words: self.words.take(), answer }
    }
}

/// Words after words.
pub(super) fn joined(before: &str, after: &str) -> String {
    let (before, after) = (before.trim(), after.trim());
    match (before.is_empty(), after.is_empty()) {
        (true, _) => after.to_owned(),
        (_, true) => before.to_owned(),
        (false, false) => format!("{before} {after}"),
    }
}
