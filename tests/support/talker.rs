//! Somebody on the phone who speaks, and remembers every sample that came.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use callwright::net::media_leg::MediaCommand;
use callwright::net::media_ring::MediaNews;
use callwright::net::media_worker::MediaControl;
use callwright::net::sip_driver::SipHandle;
use callwright_media::session::ClipId;
use callwright_sip::endpoint::{Event, SessionId};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::office::PATIENCE;
use crate::phone::Line;

/// Samples from this amplitude on are sound.
const LOUD: u16 = 400;

pub(crate) struct Talker {
    control: MediaControl,
    handle: SipHandle,
    session: SessionId,
    heard: Arc<Heard>,
    events: mpsc::Receiver<Event>,
    clips: u64,
}

#[derive(Default)]
struct Heard {
    samples: Mutex<Vec<i16>>,
    more: Notify,
}

impl Talker {
    pub(crate) fn new(line: Line) -> Self {
        let heard = Arc::new(Heard::default());
        let listening = Arc::clone(&heard);
        let mut news = line.media.news;
        tokio::spawn(async move {
            while let Some(news) = news.recv().await {
                if let MediaNews::Audio { frame, .. } = news {
                    listening.samples.lock().expect("nobody panics").extend_from_slice(frame.samples());
                    listening.more.notify_waiters();
                }
            }
        });
        let (handle, session) = (line.handle, line.session);
        Self { control: line.media.control, handle, session, heard, events: line.events, clips: 0 }
    }

    /// Everything heard so far, from the beginning of the call.
    pub(crate) fn heard(&self) -> Vec<i16> {
        self.heard.samples.lock().expect("nobody panics").clone()
    }

    /// Waits until what was heard is so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&[i16]) -> bool) {
        let wait = async {
            loop {
                let more = self.heard.more.notified();
                tokio::pin!(more);
                more.as_mut().enable();
                if is_so(&self.heard()) {
                    return;
                }
                more.await;
            }
        };
        let in_time = timeout(PATIENCE, wait).await;
        assert!(in_time.is_ok(), "{what}: {} s heard, sound at {:?} ms", self.heard().len() / 8_000, self.sounds());
    }

    /// Waits until there is sound behind sample `from`; the first sample of it.
    pub(crate) async fn hears_sound(&self, from: usize) -> usize {
        let mut at = None;
        self.until("sound", |heard| {
            at = first_sound(heard, from);
            at.is_some()
        })
        .await;
        at.expect("it was heard")
    }

    /// Waits until there was no sound for this long, behind the first sound after `from`; the last sample of the sound.
    pub(crate) async fn hears_silence(&self, from: usize, length: Duration) -> usize {
        let length = length.as_millis() as usize * 8;
        let mut last = from;
        self.until("silence", |heard| {
            let Some(start) = first_sound(heard, from) else { return false };
            last = start + heard[start..].iter().rposition(|sample| is_loud(*sample)).unwrap_or(0);
            heard.len() - last >= length
        })
        .await;
        last
    }

    /// Says something; returns when it has been said.
    pub(crate) async fn says(&mut self, pcm: Vec<i16>) {
        let length = Duration::from_millis(pcm.len() as u64 / 8);
        self.clips += 1;
        let play = MediaCommand::Play { clip: ClipId(self.clips), pcm: pcm.into(), from: 0 };
        self.control.send(play).await.expect("media runs");
        tokio::time::sleep(length).await;
    }

    #[allow(dead_code, reason = "most talkers are hung up on")]
    pub(crate) async fn hangs_up(self) {
        self.handle.hang_up(self.session, None).await.expect("SIP runs");
    }

    /// Waits until the other side hangs up.
    pub(crate) async fn gets_hung_up(&mut self) -> bool {
        let wait = async {
            while let Some(event) = self.events.recv().await {
                if matches!(event, Event::Ended { .. }) {
                    return true;
                }
            }
            false
        };
        timeout(PATIENCE, wait).await.unwrap_or(false)
    }

    /// How many words lie between two samples.
    pub(crate) fn words(&self, from: usize, to: usize) -> usize {
        words(&self.heard()[from..to])
    }

    /// Where sound began and ended, in milliseconds, with pauses of at least 200 ms between.
    fn sounds(&self) -> Vec<(usize, usize)> {
        let heard = self.heard();
        let mut sounds: Vec<(usize, usize)> = Vec::new();
        for (at, _) in heard.iter().enumerate().filter(|(_, sample)| is_loud(**sample)) {
            match sounds.last_mut() {
                Some((_, end)) if at / 8 < *end + 200 => *end = at / 8,
                _ => sounds.push((at / 8, at / 8)),
            }
        }
        sounds
    }
}

/// How many words there are: stretches of sound with at least 40 ms of silence between.
pub(crate) fn words(heard: &[i16]) -> usize {
    let (mut words, mut last) = (0, None);
    for (at, _) in heard.iter().enumerate().filter(|(_, sample)| is_loud(**sample)) {
        words += usize::from(last.is_none_or(|last| at - last >= 320));
        last = Some(at);
    }
    words
}

fn first_sound(heard: &[i16], from: usize) -> Option<usize> {
    heard.get(from..)?.iter().position(|sample| is_loud(*sample)).map(|at| from + at)
}

fn is_loud(sample: i16) -> bool {
    sample.unsigned_abs() >= LOUD
}

/// Something that sounds like a voice to whoever looks for one: a pulse train of 120 Hz through two formants, swelling
/// four times a second.
pub(crate) fn voice(length: Duration) -> Vec<i16> {
    let tau = std::f64::consts::TAU;
    let near = |hz: f64, centre: f64, width: f64| 1.0 / (1.0 + ((hz - centre) / width).powi(2));
    (0..length.as_millis() as usize * 8)
        .map(|n| {
            let t = n as f64 / 8_000.0;
            let formants: f64 = (1..=28)
                .map(|k| 120.0 * f64::from(k))
                .map(|hz| (near(hz, 600.0, 120.0) + 0.6 * near(hz, 1_400.0, 200.0)) * (tau * hz * t).sin())
                .sum();
            let swell = 0.6 - 0.4 * (tau * 4.0 * t).cos();
            (formants * swell * 3_500.0).clamp(-30_000.0, 30_000.0) as i16
        })
        .collect()
}

/// A pure tone, as a mailbox's beep.
pub(crate) fn tone(hz: f64, length: Duration) -> Vec<i16> {
    let step = std::f64::consts::TAU * hz / 8_000.0;
    (0..length.as_millis() as usize * 8).map(|n| ((n as f64 * step).sin() * 8_000.0) as i16).collect()
}
