//! Several synthesisers that look like one. What to do is decided by [`Voices`] and [`Race`].

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;

use super::line::{Talk, Woken, woken};
use super::model::sleep_until;
use super::race::{Act as RaceAct, Race};
use super::voices::{Act, Told, Voices};
use super::{Choice, Held, PATIENCE};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::probe::{self, Probing};
use crate::provider::tts::{
    EVENT_QUEUE, INPUT_QUEUE, Session, Speaking, Speech, SpeechRequest, TextToSpeech, TtsEvent, TtsInput, Voice,
};
use crate::time;

/// A text that is spoken whole takes longer than its first byte: so much for each byte of it.
const PER_BYTE: Duration = Duration::from_millis(12);
/// The same with a voice of last resort: later than this it speaks.
const LAST: Duration = Duration::from_millis(2_500);
/// Things told to a voice whose connection does not take them; with more it has failed.
const UNTAKEN: usize = 512;

/// One of several voices.
#[derive(Clone)]
pub struct VoiceChoice {
    /// Who speaks.
    pub choice: Choice<dyn TextToSpeech>,
    /// With this voice.
    pub voice: Voice,
}

/// Voices in the order of preference. See the [module](super).
#[derive(Clone)]
pub struct HedgedVoice {
    voices: Vec<VoiceChoice>,
    /// Who speaks when all of them have failed.
    last: Option<VoiceChoice>,
    patience: Duration,
    /// Kept for as long as this is.
    _held: Option<Held>,
}

impl HedgedVoice {
    /// Of at least one voice.
    #[must_use]
    pub const fn new(voices: Vec<VoiceChoice>) -> Self {
        Self { voices, last: None, patience: PATIENCE, _held: None }
    }

    /// Keeps something until it is dropped itself: the call's places.
    #[must_use]
    pub fn holding(self, held: Held) -> Self {
        Self { _held: Some(held), ..self }
    }

    /// With a voice of last resort: it works always, and nobody wants to hear it.
    #[must_use]
    pub fn or_else(self, last: VoiceChoice) -> Self {
        Self { last: Some(last), ..self }
    }

    /// With another patience than [`PATIENCE`].
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Whose circuit is closed; never that of a voice of last resort.
    fn admitted(&self) -> Vec<bool> {
        let voices = self.voices.iter().map(|voice| voice.choice.health.admits());
        voices.chain(self.last.iter().map(|_| false)).collect()
    }

    async fn speak_somehow(&self, request: SpeechRequest) -> Result<Speech, Error> {
        let length = u32::try_from(request.text.expose().len()).unwrap_or(u32::MAX);
        let longer = PER_BYTE.saturating_mul(length);
        let Some(VoiceChoice { choice, voice }) = &self.last else {
            return self.race(request, self.patience + longer).await;
        };
        if self.voices.iter().any(|voice| voice.choice.health.admits()) {
            let spoken = self.race(request.clone(), self.patience + longer);
            if let Ok(Ok(speech)) = tokio::time::timeout(LAST + longer, spoken).await {
                return Ok(speech);
            }
        }
        tracing::info!("no vendor speaks a text; the voice of last resort does");
        choice.serves();
        choice.provider.speak(SpeechRequest { voice: voice.clone(), ..request }).await
    }

    async fn race(&self, request: SpeechRequest, patience: Duration) -> Result<Speech, Error> {
        let admitted: Vec<bool> = self.voices.iter().map(|voice| voice.choice.health.admits()).collect();
        let mut race = Race::new(time::now().mono, patience, &admitted);
        let mut running: Vec<Option<Speaking<'_>>> = self.voices.iter().map(|_| None).collect();
        let mut spoken = None;
        loop {
            while let Some(act) = race.poll_act() {
                match act {
                    RaceAct::Start(at) => {
                        let VoiceChoice { choice, voice } = &self.voices[at];
                        // The first voice is what was asked for; the others have names of their own.
                        let voice = if at == 0 { request.voice.clone() } else { voice.clone() };
                        running[at] = Some(choice.provider.speak(SpeechRequest { voice, ..request.clone() }));
                    }
                    RaceAct::Won(at, _) => {
                        // How long a whole text takes says little of the first byte.
                        self.voices[at].choice.health.succeeded(time::now().mono);
                        self.voices[at].choice.serves();
                        return spoken.take().ok_or_else(|| Error::new("a voice", ErrorKind::Local, "it was lost"));
                    }
                    RaceAct::Drop(at, _) => running[at] = None,
                    RaceAct::Lost(error) => return Err(error),
                }
            }
            let (at, outcome) = tokio::select! {
                done = first(&mut running) => done,
                () = sleep_until(race.poll_timeout()) => {
                    race.tick(time::now().mono);
                    continue;
                }
            };
            let now = time::now().mono;
            running[at] = None;
            match outcome {
                Ok(speech) => {
                    spoken = Some(speech);
                    race.spoke(now, at);
                }
                Err(error) => {
                    self.voices[at].choice.health.failed(now, &error);
                    race.failed(now, at, error);
                }
            }
        }
    }
}

impl TextToSpeech for HedgedVoice {
    fn speak(&self, request: SpeechRequest) -> Speaking<'_> {
        Box::pin(self.speak_somehow(request))
    }

    fn open(self: Arc<Self>, voice: &Voice) -> Result<Session, Error> {
        let (input, inputs) = mpsc::channel(INPUT_QUEUE);
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        let mut choices: Vec<VoiceChoice> = self.voices.iter().chain(&self.last).cloned().collect();
        if let Some(first) = choices.first_mut() {
            first.voice.clone_from(voice);
        }
        let admitted = self.admitted();
        let core = Voices::new(self.patience, &admitted);
        let mut run = Run {
            core: if self.last.is_some() { core.with_last_resort() } else { core },
            lines: choices.iter().map(|_| None).collect(),
            voices: choices,
            out: sender.clone(),
            held: Arc::clone(&self),
        };
        // A voice that cannot be had at all is told at once, as a single one would.
        run.open_first()?;
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = sender.closed() => {}
                () = run.run(inputs) => {}
            }
        });
        Ok(Session { input, events })
    }

    fn probe(&self) -> Probing<'_> {
        self.voices.first().map_or_else(probe::nothing_to_try, |voice| voice.choice.provider.probe())
    }
}

/// One call's session with all its voices.
struct Run {
    core: Voices,
    voices: Vec<VoiceChoice>,
    lines: Vec<Option<Talk<TtsInput, TtsEvent>>>,
    out: mpsc::Sender<TtsEvent>,
    held: Arc<HedgedVoice>,
}

impl Run {
    fn open_first(&mut self) -> Result<(), Error> {
        let mut refused = None;
        while let Some(act) = self.core.poll_act() {
            if let Act::Open(at) = act
                && let Err(error) = self.open(at)
            {
                self.core.not_opened(time::now().mono, at, error.clone(), &self.held.admitted());
                refused = Some(error);
            }
        }
        match refused {
            Some(error) if self.voices.len() == 1 => Err(error),
            Some(_) | None => Ok(()),
        }
    }

    async fn run(mut self, mut inputs: mpsc::Receiver<TtsInput>) {
        loop {
            if self.carry_out().await.is_err() {
                return;
            }
            let wake = self.core.poll_timeout();
            let ended = || TtsEvent::Dead { error: Error::new("a voice", ErrorKind::Broken, "its session ended") };
            let woken = woken(&mut inputs, &mut self.lines, wake, ended).await;
            let (now, admitted) = (time::now().mono, self.held.admitted());
            match woken {
                Woken::Told(Some(input)) => self.core.told(now, input, &admitted),
                Woken::Told(None) => return,
                Woken::Said(at, event) => self.core.said(now, at, event, &admitted),
                Woken::Due => self.core.tick(now, &admitted),
            }
        }
    }

    /// Does what the core wants; an error when nobody listens any more.
    async fn carry_out(&mut self) -> Result<(), mpsc::error::SendError<TtsEvent>> {
        while let Some(act) = self.core.poll_act() {
            let now = time::now().mono;
            match act {
                Act::Open(at) => {
                    if let Err(error) = self.open(at) {
                        self.core.not_opened(now, at, error, &self.held.admitted());
                    }
                }
                Act::Close(at) => self.lines[at] = None,
                Act::Tell(at, told) => self.tell(at, told),
                Act::Emit(event) => self.out.send(event).await?,
                Act::Began(at, wait) => {
                    self.voices[at].choice.health.began(now, wait);
                    self.voices[at].choice.serves();
                }
                Act::PassedOver(at, wait) => self.voices[at].choice.health.passed_over(wait),
                Act::Failed(at, error) => self.voices[at].choice.health.failed(now, &error),
            }
        }
        Ok(())
    }

    fn open(&mut self, at: usize) -> Result<(), Error> {
        let VoiceChoice { choice, voice } = &self.voices[at];
        let session = Arc::clone(&choice.provider).open(voice)?;
        self.lines[at] = Some(Talk::new(session.input, session.events));
        Ok(())
    }

    fn tell(&mut self, at: usize, told: Told) {
        let Some(Talk { line, .. }) = &mut self.lines[at] else { return };
        line.tell(told.into());
        if line.waiting() > UNTAKEN {
            let error = Error::new("a voice", ErrorKind::TimedOut, "it takes nothing any more");
            self.core.said(time::now().mono, at, TtsEvent::Dead { error }, &self.held.admitted());
        }
    }
}

/// The first of several futures to be done.
async fn first(running: &mut [Option<Speaking<'_>>]) -> (usize, Result<Speech, Error>) {
    poll_fn(|context| {
        for (at, one) in running.iter_mut().enumerate() {
            if let Some(future) = one
                && let Poll::Ready(done) = future.as_mut().poll(context)
            {
                return Poll::Ready((at, done));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests;
