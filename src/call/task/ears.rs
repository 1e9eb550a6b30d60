//! The caller's voice on its way to a recogniser, and what the recogniser makes of it.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::frame::FRAME_8K;

use super::bites::Bites;
use super::line::Line;
use crate::agent::input::{Heard, Input};
use crate::call::providers::guarded;
use crate::provider::error::Error;
use crate::provider::stt::{Grammar, ListenRequest, Manner, Patience, SpeechToText, SttEvent, SttInput, TurnId};
use crate::time;

/// How much of the past is kept for a recogniser that works turn by turn: a turn is announced after its voice began, at
/// the latest when an interruption is sure.
const HISTORY: usize = 100;
/// A turn's audio begins this long before its voice.
const PRE_ROLL: Duration = Duration::from_millis(300);
/// Pieces of audio that wait behind a recogniser that takes none; then the oldest goes.
const WAITING: usize = 32;
/// How often a recogniser that went without a word is opened again.
const REOPENED: u8 = 2;

/// One call's recogniser and what it is fed from.
pub(super) struct Ears {
    stt: Arc<dyn SpeechToText>,
    /// Listens when that one has given up.
    stand_in: Option<Arc<dyn SpeechToText>>,
    request: ListenRequest,
    manner: Manner,
    /// A model hears the caller itself: no recogniser is wanted.
    deaf: bool,
    line: Option<Line<SttInput, SttEvent>>,
    /// The call is answered: what the caller says is meant for us.
    answered: bool,
    turn: Option<TurnId>,
    /// A turn whose answer is owed.
    owed: Option<TurnId>,
    /// What of the turn, open or owed, another recogniser would have to know.
    asked: Option<Asked>,
    history: VecDeque<(Instant, [i16; FRAME_8K])>,
    bites: Bites,
    /// What is to be told before anything else.
    news: VecDeque<Input>,
    reopened: u8,
    dropped: u64,
}

/// A turn as it was announced.
struct Asked {
    turn: TurnId,
    grammar: Arc<Grammar>,
    since: Instant,
    /// Words of it were told: the conversation keeps them.
    worded: bool,
}

impl Ears {
    pub(super) fn new(
        stt: Arc<dyn SpeechToText>,
        stand_in: Option<Arc<dyn SpeechToText>>,
        request: ListenRequest,
    ) -> Self {
        Self {
            manner: stt.manner(),
            stt,
            stand_in,
            request,
            deaf: false,
            line: None,
            answered: false,
            turn: None,
            owed: None,
            asked: None,
            history: VecDeque::new(),
            bites: Bites::default(),
            news: VecDeque::new(),
            reopened: 0,
            dropped: 0,
        }
    }

    /// Ears that never open: a model hears the caller itself.
    pub(super) fn deaf(self) -> Self {
        Self { deaf: true, ..self }
    }

    /// Whether the recogniser ends turns by itself.
    pub(super) const fn detects_turns(&self) -> bool {
        self.manner.detects_turns
    }

    /// Whether a recogniser hears all the time.
    pub(super) fn is_continuous(&self) -> bool {
        self.manner.continuous && !self.deaf
    }

    /// The phone rings: a recogniser that hears all the time makes its connection.
    pub(super) fn open(&mut self) {
        if self.is_continuous() && self.line.is_none() && self.connect() {
            self.news.push_back(Input::Recogniser(self.manner));
        }
    }

    /// The call is answered: from here on the caller is heard.
    pub(super) fn answer(&mut self) {
        self.answered = true;
        self.open();
        if self.is_continuous() && self.line.is_none() {
            self.give_up();
        }
    }

    /// While in a hurry, what the caller says goes up without delay.
    pub(super) fn hurry(&mut self, hurry: bool) {
        self.bites.hurry(hurry);
        if hurry {
            self.send_rest();
        }
    }

    /// Takes 20 ms of the caller.
    pub(super) fn hear(&mut self, at: Instant, samples: &[i16; FRAME_8K]) {
        if !self.manner.continuous || self.stand_in.is_some() {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back((at, *samples));
        }
        let wanted = if self.manner.continuous { self.answered } else { self.turn.is_some() };
        if let Some(bite) = wanted.then(|| self.bites.push(samples)).flatten() {
            self.audio(bite);
        }
    }

    /// A turn begins whose voice began at `since`.
    pub(super) fn begin(&mut self, turn: TurnId, grammar: Arc<Grammar>, since: Instant) {
        self.turn = Some(turn);
        self.asked = Some(Asked { turn, grammar: Arc::clone(&grammar), since, worded: false });
        if self.line.is_none() && !self.connect() {
            return;
        }
        self.tell(SttInput::Begin { turn, grammar });
        if !self.manner.continuous {
            self.hear_again(since);
        }
    }

    /// What the caller said since then, and a little before.
    fn hear_again(&mut self, since: Instant) {
        self.bites.clear();
        let from = since.checked_sub(PRE_ROLL).unwrap_or(since);
        let first = self.history.partition_point(|(at, _)| *at < from);
        let past: Arc<[i16]> = self.history.range(first..).flat_map(|(_, samples)| *samples).collect();
        self.audio(past);
    }

    /// The turn is over: its answer comes out of [`next`](Self::next).
    pub(super) fn end(&mut self, turn: TurnId) {
        self.send_rest();
        self.turn = None;
        if self.line.is_some() {
            self.owed = Some(turn);
            self.tell(SttInput::End { turn });
        } else {
            self.news.push_back(Input::NotUnderstood { turn });
        }
    }

    /// Drops a turn.
    pub(super) fn abandon(&mut self, turn: TurnId) {
        self.turn = None;
        self.answered(turn);
        self.tell(SttInput::Abandon { turn });
    }

    /// How long the caller may pause inside a turn.
    pub(super) fn patience(&mut self, patience: Patience) {
        self.tell(SttInput::Patience(patience));
    }

    /// Gives the recogniser's place back.
    pub(super) fn close(&mut self) {
        self.line = None;
        self.turn = None;
        self.owed = None;
        self.asked = None;
        self.stand_in = None;
        self.answered = false;
    }

    /// Pieces of audio the recogniser did not take in time.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The next thing understood, or not; waits for ever when there is no recogniser.
    pub(super) async fn next(&mut self) -> Input {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            let Some(line) = &mut self.line else { return pending().await };
            match line.next().await {
                Some(event) => {
                    if let Some(input) = self.heard(event) {
                        return input;
                    }
                }
                None => self.lose(),
            }
        }
    }

    fn heard(&mut self, event: SttEvent) -> Option<Input> {
        if let (Some(asked), SttEvent::Partial { .. } | SttEvent::EagerEnd { .. }) = (&mut self.asked, &event) {
            asked.worded = true;
        }
        Some(Input::Heard(match event {
            SttEvent::TurnStarted => Heard::TurnStarted,
            SttEvent::Partial { words } => Heard::Partial { words },
            SttEvent::EagerEnd { words } => Heard::EagerEnd { words },
            SttEvent::Resumed => Heard::Resumed,
            SttEvent::TurnEnded { words } => {
                self.asked = None;
                Heard::TurnEnded { words }
            }
            SttEvent::Final { turn, transcript } => {
                self.answered(turn);
                return Some(Input::Understood { turn, transcript });
            }
            SttEvent::Failed { turn, error } => {
                log(&error);
                self.answered(turn);
                return Some(Input::NotUnderstood { turn });
            }
            SttEvent::Interrupted { error } => {
                log(&error);
                return None;
            }
            SttEvent::Dead { error } => {
                log(&error);
                self.reopened = REOPENED;
                self.lose();
                return None;
            }
        }))
    }

    /// The turn has its answer, or needs none.
    fn answered(&mut self, turn: TurnId) {
        self.owed.take_if(|owed| *owed == turn);
        self.asked.take_if(|asked| asked.turn == turn);
    }

    /// The session is over. One that was given up on stays so; one that vanished, by a bug of its adapter, is opened
    /// again.
    fn lose(&mut self) {
        self.line = None;
        if !self.manner.continuous {
            return self.owe_nothing();
        }
        let again = self.reopened < REOPENED;
        self.reopened += u8::from(again);
        if again && self.connect() {
            self.owe_nothing();
        } else {
            self.give_up();
        }
    }

    fn owe_nothing(&mut self) {
        if let Some(turn) = self.owed.take() {
            self.asked = None;
            self.news.push_back(Input::NotUnderstood { turn });
        }
    }

    /// The recogniser will not be back: another one listens, from the beginning of a turn of which nothing was understood
    /// yet.
    fn give_up(&mut self) {
        let Some(stt) = self.stand_in.take() else {
            self.owe_nothing();
            return self.news.push_back(Input::RecogniserDead);
        };
        tracing::warn!("every recogniser has given up; the one that stands in listens");
        (self.manner, self.stt) = (stt.manner(), stt);
        self.news.push_back(Input::Recogniser(self.manner));
        self.bites.clear();
        let Some(Asked { turn, grammar, since, worded }) = self.asked.take() else { return };
        let owed = self.owed == Some(turn);
        let reaches_back = self.history.front().is_some_and(|(first, _)| *first <= since);
        if owed && (worded || !reaches_back) {
            return self.owe_nothing();
        }
        // What was understood of it is kept: only the rest is listened to.
        let from = if worded { time::now().mono } else { since };
        self.begin(turn, grammar, from);
        if owed {
            self.end(turn);
        }
    }

    fn connect(&mut self) -> bool {
        if self.deaf {
            return false;
        }
        let (stt, request) = (Arc::clone(&self.stt), self.request.clone());
        let session = guarded(move || stt.open(&request)).inspect_err(log).ok();
        self.line = session.map(|session| Line::new(session.input, session.events));
        self.line.is_some()
    }

    fn send_rest(&mut self) {
        if let Some(rest) = self.bites.take() {
            self.audio(rest);
        }
    }

    fn audio(&mut self, samples: Arc<[i16]>) {
        let Some(line) = &mut self.line else { return };
        let is_audio = |input: &SttInput| matches!(input, SttInput::Audio(_));
        self.dropped += u64::from(line.send_audio(SttInput::Audio(samples), is_audio, WAITING));
    }

    fn tell(&mut self, input: SttInput) {
        if let Some(line) = &mut self.line {
            line.send(input);
        }
    }
}

fn log(error: &Error) {
    tracing::warn!(provider = %error.provider, kind = ?error.kind, "a recogniser failed");
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::pii::Pii;
    use crate::provider::error::ErrorKind;
    use crate::provider::stt::{Capacity, Session, Transcript};

    /// Hands its other end to the test.
    struct Puppet {
        manner: Manner,
        sessions: mpsc::UnboundedSender<(mpsc::Receiver<SttInput>, mpsc::Sender<SttEvent>)>,
        refuses: bool,
    }

    impl SpeechToText for Puppet {
        fn manner(&self) -> Manner {
            self.manner
        }

        fn capacity(&self) -> Capacity {
            Capacity { total: 1, free: 1 }
        }

        fn open(&self, _: &ListenRequest) -> Result<Session, Error> {
            if self.refuses {
                return Err(Error::new("puppet", ErrorKind::Busy, "no place"));
            }
            let (input, inputs) = mpsc::channel(4);
            let (events_in, events) = mpsc::channel(4);
            self.sessions.send((inputs, events_in)).expect("the test listens");
            Ok(Session { input, events })
        }
    }

    type Sessions = mpsc::UnboundedReceiver<(mpsc::Receiver<SttInput>, mpsc::Sender<SttEvent>)>;

    const ALWAYS: Manner =
        Manner { continuous: true, detects_turns: true, replies: false, lag: Duration::from_millis(300) };

    fn ears(manner: Manner, refuses: bool) -> (Ears, Sessions) {
        let (sessions, opened) = mpsc::unbounded_channel();
        (Ears::new(Arc::new(Puppet { manner, sessions, refuses }), None, ListenRequest::default()), opened)
    }

    fn hear(ears: &mut Ears, frames: usize) {
        (0..frames).for_each(|_| ears.hear(time::now().mono, &[7; FRAME_8K]));
    }

    /// Lengths of the audio that has come, and other inputs by name.
    fn came(inputs: &mut mpsc::Receiver<SttInput>) -> Vec<String> {
        std::iter::from_fn(|| inputs.try_recv().ok())
            .map(|input| match input {
                SttInput::Audio(samples) => samples.len().to_string(),
                SttInput::Begin { turn, .. } => format!("begin {}", turn.0),
                SttInput::End { turn } => format!("end {}", turn.0),
                SttInput::Abandon { turn } => format!("abandon {}", turn.0),
                SttInput::Patience(patience) => format!("{patience:?}"),
            })
            .collect()
    }

    #[tokio::test]
    async fn one_that_always_hears_is_connected_while_it_rings_and_hears_from_the_answer_on() {
        let (mut ears, mut sessions) = ears(ALWAYS, false);
        ears.open();
        let (mut inputs, _events) = sessions.try_recv().expect("connected");
        assert_eq!(ears.next().await, Input::Recogniser(ALWAYS));
        hear(&mut ears, 6);
        assert_eq!(came(&mut inputs), Vec::<String>::new(), "early media is not the caller");
        ears.answer();
        hear(&mut ears, 5);
        assert_eq!(came(&mut inputs), ["640"]);
        ears.hurry(true);
        hear(&mut ears, 2);
        assert_eq!(came(&mut inputs), ["160", "160", "160"]);
        ears.hurry(false);
        hear(&mut ears, 4);
        ears.begin(TurnId(1), Arc::default(), time::now().mono);
        hear(&mut ears, 4);
        assert_eq!(came(&mut inputs), ["640", "begin 1", "640"], "it has heard the beginning already");
        assert!(sessions.try_recv().is_err(), "one connection");
    }

    #[tokio::test]
    async fn one_asked_turn_by_turn_gets_the_voice_from_before_it_was_sure() {
        let (mut ears, mut sessions) = ears(Manner::TURN_BY_TURN, false);
        ears.open();
        ears.answer();
        let before = time::now().mono;
        hear(&mut ears, 120);
        assert!(sessions.try_recv().is_err(), "no place is taken before it is needed");
        ears.begin(TurnId(3), Arc::default(), before + PRE_ROLL);
        let (mut inputs, events) = sessions.try_recv().expect("connected");
        assert_eq!(came(&mut inputs), ["begin 3", &(HISTORY * FRAME_8K).to_string()]);
        hear(&mut ears, 2);
        ears.end(TurnId(3));
        assert_eq!(came(&mut inputs), ["320", "end 3"]);
        let transcript = Transcript::Words { text: Pii::new("yes".to_owned()), confidence: None };
        let answer = SttEvent::Final { turn: TurnId(3), transcript: transcript.clone() };
        events.send(answer).await.expect("the call is there");
        assert_eq!(ears.next().await, Input::Understood { turn: TurnId(3), transcript });
        hear(&mut ears, 9);
        assert_eq!(came(&mut inputs), Vec::<String>::new(), "nothing between turns");
    }

    #[tokio::test]
    async fn a_turn_owed_by_one_that_goes_is_not_understood() {
        let (mut ears, mut sessions) = ears(Manner::TURN_BY_TURN, false);
        ears.begin(TurnId(1), Arc::default(), time::now().mono);
        ears.end(TurnId(1));
        drop(sessions.try_recv().expect("connected"));
        assert_eq!(ears.next().await, Input::NotUnderstood { turn: TurnId(1) });
        ears.begin(TurnId(2), Arc::default(), time::now().mono);
        assert!(sessions.try_recv().is_ok(), "the next turn has another one");
    }

    #[tokio::test]
    async fn one_that_vanishes_is_opened_again_and_one_that_gives_up_is_not() {
        let (mut ears, mut sessions) = ears(ALWAYS, false);
        ears.answer();
        assert_eq!(ears.next().await, Input::Recogniser(ALWAYS));
        for _ in 0..REOPENED {
            drop(sessions.try_recv().expect("connected"));
            let waited = tokio::time::timeout(Duration::from_millis(20), ears.next()).await;
            assert!(waited.is_err(), "{waited:?}");
        }
        let (_inputs, events) = sessions.try_recv().expect("connected");
        let error = Error::new("puppet", ErrorKind::Unreachable, "gone");
        events.send(SttEvent::Dead { error }).await.expect("the call is there");
        assert_eq!(ears.next().await, Input::RecogniserDead);
        assert!(sessions.try_recv().is_err());
    }

    #[tokio::test]
    async fn the_conversation_is_told_when_there_is_no_place() {
        let (mut ears, _sessions) = ears(ALWAYS, true);
        ears.open();
        ears.answer();
        assert_eq!(ears.next().await, Input::RecogniserDead);
    }

    #[tokio::test]
    async fn another_one_listens_when_it_gives_up() {
        let (mut ears, mut sessions) = ears(ALWAYS, false);
        let (offline, mut offline_sessions) = mpsc::unbounded_channel();
        let stand_in = Puppet { manner: Manner::TURN_BY_TURN, sessions: offline, refuses: false };
        ears.stand_in = Some(Arc::new(stand_in));
        ears.answer();
        assert_eq!(ears.next().await, Input::Recogniser(ALWAYS));
        hear(&mut ears, 30);
        ears.begin(TurnId(1), Arc::default(), time::now().mono);
        hear(&mut ears, 10);
        ears.end(TurnId(1));
        let (_inputs, events) = sessions.try_recv().expect("connected");
        let error = Error::new("puppet", ErrorKind::Unreachable, "gone");
        events.send(SttEvent::Dead { error }).await.expect("the call is there");
        assert_eq!(ears.next().await, Input::Recogniser(Manner::TURN_BY_TURN));
        let (mut inputs, events) = offline_sessions.try_recv().expect("it listens");
        let came = came(&mut inputs);
        assert_eq!((came[0].as_str(), came[2].as_str()), ("begin 1", "end 1"), "the turn is not lost: {came:?}");
        assert!(came[1].parse::<usize>().expect("audio") >= 10 * FRAME_8K, "{came:?}");
        events.send(SttEvent::Final { turn: TurnId(1), transcript: Transcript::Nothing }).await.expect("it is open");
        let answer = Input::Understood { turn: TurnId(1), transcript: Transcript::Nothing };
        assert_eq!(ears.next().await, answer);
    }

    #[tokio::test]
    async fn what_was_understood_before_it_gave_up_is_not_heard_twice() {
        let (mut ears, mut sessions) = ears(ALWAYS, false);
        let (offline, mut offline_sessions) = mpsc::unbounded_channel();
        let stand_in = Puppet { manner: Manner::TURN_BY_TURN, sessions: offline, refuses: false };
        ears.stand_in = Some(Arc::new(stand_in));
        ears.answer();
        assert_eq!(ears.next().await, Input::Recogniser(ALWAYS));
        ears.begin(TurnId(1), Arc::default(), time::now().mono);
        hear(&mut ears, 10);
        let (_inputs, events) = sessions.try_recv().expect("connected");
        let words = Pii::new("yes".to_owned());
        events.send(SttEvent::Partial { words: words.clone() }).await.expect("the call is there");
        assert_eq!(ears.next().await, Input::Heard(Heard::Partial { words }));
        ears.end(TurnId(1));
        let error = Error::new("puppet", ErrorKind::Unreachable, "gone");
        events.send(SttEvent::Dead { error }).await.expect("the call is there");
        assert_eq!(ears.next().await, Input::Recogniser(Manner::TURN_BY_TURN));
        assert_eq!(ears.next().await, Input::NotUnderstood { turn: TurnId(1) }, "its words are known");
        assert!(offline_sessions.try_recv().is_err(), "nothing to listen to");
    }

    #[tokio::test]
    async fn a_slow_recogniser_loses_the_oldest_audio_and_no_command() {
        let (mut ears, mut sessions) = ears(ALWAYS, false);
        ears.answer();
        assert_eq!(ears.next().await, Input::Recogniser(ALWAYS));
        let (mut inputs, events) = sessions.try_recv().expect("connected");
        // Four go at once, the rest waits.
        hear(&mut ears, 4 * (4 + WAITING + 10));
        ears.patience(Patience::Dictation);
        assert_eq!(ears.dropped(), 10);
        let take = async {
            let mut audio = 0;
            while let Some(input) = inputs.recv().await {
                if let SttInput::Patience(_) = input {
                    break;
                }
                assert!(matches!(input, SttInput::Audio(_)), "{input:?}");
                audio += 1;
            }
            events.send(SttEvent::TurnStarted).await.expect("the call is there");
            audio
        };
        let (input, audio) = tokio::join!(ears.next(), take);
        assert_eq!((input, audio), (Input::Heard(Heard::TurnStarted), 4 + WAITING));
    }
}
