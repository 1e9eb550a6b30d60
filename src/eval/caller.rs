//! Plays the caller of a scenario on an answered call.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use callwright_media::digit::Digit;
use callwright_media::level::rms_dbfs;
use callwright_media::session::ClipId;
use callwright_sip::endpoint::Event;

use super::person::{Move, Person};
use super::phone::Line;
use super::scenario::{Act, Caller};
use super::witness::Overheard;
use crate::net::media_leg::MediaCommand;
use crate::net::media_ring::MediaNews;
use crate::provider::tts::{SpeechRequest, TextToSpeech, Voice};
use crate::time;

/// Louder frames are somebody speaking.
const VOICE_DBFS: f32 = -45.0;
/// Silence after which the agent has finished, unless the scenario says otherwise: longer than pauses between sentences.
const PAUSE: Duration = Duration::from_millis(900);
/// Pause between keys.
const KEY: Duration = Duration::from_millis(250);

/// A caller who is played by a model says something into a silence of this length.
const PATIENCE: Duration = Duration::from_secs(7);

/// How soon a colleague says hello …
const HELLO: Duration = Duration::from_millis(200);
/// … and how long they stay: long enough to be taken for a person, and then some.
const TALK: Duration = Duration::from_secs(6);

/// What a line needs before it can be done: speech is made before the call, so that it comes when it is due.
enum Prepared {
    Say(Arc<[i16]>),
    Press(Vec<Digit>),
    Silence(Duration),
    HangUp,
}

/// When something is done.
#[derive(Clone, Copy)]
enum When {
    /// Once the other side has finished.
    Finished,
    /// So long after the other side began to speak.
    IntoSpeech(Duration),
    /// So long after what was done before.
    After(Duration),
}

/// Somebody's part, ready to be played.
pub(super) struct Part {
    steps: Vec<(Prepared, When)>,
    pause: Duration,
    /// Finds the words in place of the steps.
    person: Option<Box<Played>>,
}

/// A caller who is played by a model.
pub(super) struct Played {
    pub(super) person: Person,
    pub(super) most_turns: u32,
    pub(super) heard: Overheard,
    pub(super) voice: Voice,
    pub(super) tts: Arc<dyn TextToSpeech>,
}

/// How far a part was played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// Lines that were done, or answers that a model gave.
    pub(super) done: usize,
    /// The model had not come to an end after as many answers as it may give.
    pub(super) gave_up: bool,
}

impl Part {
    /// Makes the speech of a caller.
    pub(super) async fn of_caller(caller: &Caller, language: &str, tts: &dyn TextToSpeech) -> anyhow::Result<Self> {
        let mut steps = Vec::new();
        for line in &caller.lines {
            let line = &line.value;
            let prepared = match line.act().map_err(anyhow::Error::msg)? {
                Act::Say(text) => {
                    let name = caller.voice.clone().unwrap_or_default();
                    say(text, Voice { name, language: language.to_owned() }, tts).await?
                }
                Act::Press(keys) => Prepared::Press(keys.chars().filter_map(Digit::from_char).collect()),
                Act::Silence(ms) => Prepared::Silence(Duration::from_millis(ms.into())),
                Act::HangUp => Prepared::HangUp,
            };
            let after = line.after_ms.map(|ms| Duration::from_millis(ms.into()));
            steps.push((prepared, after.map_or(When::Finished, When::IntoSpeech)));
        }
        let pause = caller.pause_ms.map_or(PAUSE, |ms| Duration::from_millis(ms.into()));
        Ok(Self { steps, pause, person: None })
    }

    /// A caller whose words a model finds.
    pub(super) fn of_model(caller: &Caller, played: Played) -> Self {
        let pause = caller.pause_ms.map_or(PAUSE, |ms| Duration::from_millis(ms.into()));
        Self { steps: Vec::new(), pause, person: Some(Box::new(played)) }
    }

    /// Somebody who picks up, takes the caller when `asked`, talks for a moment and hangs up.
    pub(super) async fn of_colleague(asked: bool, language: &str, tts: &dyn TextToSpeech) -> anyhow::Result<Self> {
        let voice = Voice { name: String::new(), language: language.to_owned() };
        let mut steps = vec![(say("Hello?".to_owned(), voice, tts).await?, When::After(HELLO))];
        if asked {
            let yes = Digit::from_char('1').into_iter().collect();
            steps.push((Prepared::Press(yes), When::Finished));
        }
        steps.push((Prepared::HangUp, When::After(TALK)));
        Ok(Self { steps, pause: PAUSE, person: None })
    }

    /// Plays it to the end, then listens until the other side hangs up.
    pub(super) async fn play(self, line: Line) -> anyhow::Result<Course> {
        let mut player = Player { ear: Ear::default(), line, clips: 0, over: false };
        if let Some(played) = self.person {
            return player.talk(*played, self.pause).await;
        }
        let mut course = Course::default();
        for (prepared, when) in self.steps {
            match when {
                When::Finished => player.until_quiet(self.pause).await,
                When::IntoSpeech(after) => player.until_into_speech(after).await,
                When::After(after) => player.pass(time::now().mono + after).await,
            }
            if player.over {
                break;
            }
            player.act(prepared).await?;
            course.done += 1;
        }
        while !player.over {
            player.listen(None).await;
        }
        Ok(course)
    }
}

async fn say(text: String, voice: Voice, tts: &dyn TextToSpeech) -> anyhow::Result<Prepared> {
    let speech = tts.speak(SpeechRequest { text: text.into(), voice }).await;
    Ok(Prepared::Say(speech.context("the caller's voice cannot be made")?.pcm))
}

/// When the agent was heard.
#[derive(Default)]
struct Ear {
    /// Since the caller last did something.
    began: Option<Instant>,
    last: Option<Instant>,
}

struct Player {
    ear: Ear,
    line: Line,
    clips: u64,
    over: bool,
}

impl Player {
    /// Says what a model finds until one side hangs up.
    async fn talk(mut self, mut played: Played, pause: Duration) -> anyhow::Result<Course> {
        let mut course = Course::default();
        while !self.over {
            let patience = time::now().mono + PATIENCE;
            while !self.over && self.ear.last.is_none() && time::now().mono < patience {
                self.listen(Some(patience)).await;
            }
            if self.ear.last.is_some() {
                self.until_quiet(pause).await;
            }
            if self.over {
                break;
            }
            if course.done == played.most_turns as usize {
                course.gave_up = true;
                self.act(Prepared::HangUp).await?;
                break;
            }
            let heard = played.heard.since();
            let Some(next) = self.meanwhile(played.person.answers(&heard)).await else { break };
            let Move { says, hangs_up } = next?;
            course.done += 1;
            if !says.is_empty() {
                let Some(speech) = self.meanwhile(say(says, played.voice.clone(), &*played.tts)).await else { break };
                // Who has gone on speaking is not spoken over.
                if self.ear.last.is_some() {
                    self.until_quiet(pause).await;
                }
                if self.over {
                    break;
                }
                self.act(speech?).await?;
            }
            if hangs_up && !self.over {
                self.act(Prepared::HangUp).await?;
            }
        }
        Ok(course)
    }

    /// What comes of some work, while the line is listened to; nothing when the call is over before.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        while !self.over {
            tokio::select! {
                done = &mut work => return Some(done),
                () = self.listen(None) => {}
            }
        }
        None
    }

    /// Until the agent has spoken and then been silent for so long.
    async fn until_quiet(&mut self, pause: Duration) {
        while !self.over {
            match self.ear.last {
                Some(last) if time::now().mono >= last + pause => return,
                Some(last) => self.listen(Some(last + pause)).await,
                None => self.listen(None).await,
            }
        }
    }

    /// Until so long after the agent began to speak.
    async fn until_into_speech(&mut self, after: Duration) {
        while !self.over {
            match self.ear.began {
                Some(began) if time::now().mono >= began + after => return,
                Some(began) => self.listen(Some(began + after)).await,
                None => self.listen(None).await,
            }
        }
    }

    /// Takes one piece of news, or waits until then.
    async fn listen(&mut self, until: Option<Instant>) {
        let wait = async {
            match until {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            news = self.line.media.news.recv() => match news {
                Some(MediaNews::Audio { at, frame }) if rms_dbfs(frame.samples()) > VOICE_DBFS => {
                    self.ear.began.get_or_insert(at);
                    self.ear.last = Some(at);
                }
                Some(MediaNews::Audio { .. } | MediaNews::Event(_)) => {}
                Some(MediaNews::Closed(_)) | None => self.over = true,
            },
            event = self.line.events.recv() => {
                if matches!(event, None | Some(Event::Ended { .. })) {
                    self.over = true;
                }
            }
            () = wait => {}
        }
    }

    async fn pass(&mut self, until: Instant) {
        while !self.over && time::now().mono < until {
            self.listen(Some(until)).await;
        }
    }

    async fn act(&mut self, prepared: Prepared) -> anyhow::Result<()> {
        let begin = time::now().mono;
        let length = match prepared {
            Prepared::Say(pcm) => {
                self.clips += 1;
                let length = Duration::from_millis(pcm.len() as u64 / 8);
                let clip = ClipId(self.clips);
                self.line.media.control.send(MediaCommand::Play { clip, pcm, from: 0 }).await?;
                length
            }
            Prepared::Press(digits) => {
                let length = KEY * u32::try_from(digits.len()).unwrap_or(u32::MAX);
                self.line.media.control.send(MediaCommand::SendDtmf(digits)).await?;
                length
            }
            Prepared::Silence(length) => {
                self.pass(begin + length).await;
                return Ok(());
            }
            Prepared::HangUp => {
                self.line.hang_up().await;
                self.over = true;
                return Ok(());
            }
        };
        self.pass(begin + length).await;
        // What the agent says from here on answers this.
        self.ear = Ear::default();
        Ok(())
    }
}
