//! What browsers hear of a call: both sides encoded once, however many listen.

use std::sync::Arc;

use bytes::Bytes;
use callwright_media::codec::{Codec, Encoder, LONGEST_PAYLOAD, OpusTerms};
use callwright_media::frame::{FRAME_8K, Rate};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Happening, Listener, Listeners, Next, POSITION};

/// Frames that wait for one listener: 320 ms. Whoever is slower than that hears a gap.
const WAITING: usize = 16;
/// Bit rate of two channels, in bit/s: speech of two who mostly speak in turn.
const STEREO_BITRATE: i32 = 32_000;
/// How hard the encoder tries, 0 to 10; and the losses that its copies of earlier frames are made for, in percent.
const COMPLEXITY: i32 = 5;
const EXPECTED_LOSS: i32 = 10;
/// Samples of the longest frame.
const WIDEST: usize = Rate::Hz16000.samples();

/// How a call is encoded for listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Opus with two channels, the caller left, the agent right.
    OpusStereo,
    /// Opus with both in one channel.
    OpusMixed,
    /// G.711 μ-law with both in one channel.
    PcmuMixed,
    /// G.711 A-law with both in one channel.
    PcmaMixed,
}

impl Encoding {
    /// How many there are.
    const COUNT: usize = 4;

    /// The one for a codec that was agreed on; `None` for codecs that browsers are not sent.
    #[must_use]
    pub const fn of(codec: Codec, stereo: bool) -> Option<Self> {
        match (codec, stereo) {
            (Codec::Opus(_), true) => Some(Self::OpusStereo),
            (Codec::Opus(_), false) => Some(Self::OpusMixed),
            (Codec::Pcmu, false) => Some(Self::PcmuMixed),
            (Codec::Pcma, false) => Some(Self::PcmaMixed),
            (Codec::Pcmu | Codec::Pcma, true) | (Codec::G722 | Codec::L16(_), _) => None,
        }
    }
}

/// 20 ms of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The position of its first sample, in samples at 8 kHz since the answer.
    pub position: u64,
    /// The payload of one packet.
    pub payload: Bytes,
}

/// The encoders of one call that somebody hears.
#[derive(Debug, Default)]
pub(super) struct Encoders([Option<broadcast::Sender<Encoded>>; Encoding::COUNT]);

/// What comes next for a listener in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// 20 ms.
    Sound(Encoded),
    /// So many frames went by unheard because this listener was too slow.
    Missed(u64),
    /// The call is over.
    Ended,
}

/// A listener in a browser. Gone when dropped.
#[derive(Debug)]
pub struct Hearing {
    listener: Listener,
    encoded: broadcast::Receiver<Encoded>,
}

impl Listeners {
    /// Lets a listener hear the call in this encoding.
    pub(in crate::call) fn encode(self: &Arc<Self>, listener: Listener, encoding: Encoding) -> Hearing {
        let mut state = self.lock();
        let sound = listener.sound.resubscribe();
        let channels = state.channels.as_mut().map(|channels| &mut channels.encoders.0[encoding as usize]);
        let encoded = match channels {
            Some(Some(encoder)) => encoder.subscribe(),
            Some(slot @ None) => {
                let (sender, receiver) = broadcast::channel(WAITING);
                *slot = Some(sender.clone());
                let voice = Voice::new(encoding, listener.rate);
                tokio::spawn(encode(Arc::clone(self), voice, sound, sender));
                receiver
            }
            // The call has just ended; the listener is told.
            None => broadcast::channel(1).1,
        };
        drop(state);
        Hearing { listener, encoded }
    }

    /// Whether nobody hears this encoding any more; then it is made no longer.
    fn stops(&self, encoding: Encoding, sender: &broadcast::Sender<Encoded>) -> bool {
        let mut state = self.lock();
        let deserted = sender.receiver_count() == 0;
        if deserted && let Some(channels) = &mut state.channels {
            channels.encoders.0[encoding as usize] = None;
        }
        deserted
    }
}

impl Hearing {
    /// What comes next. After [`Heard::Ended`] it is always that. Giving up the wait loses nothing.
    pub async fn next(&mut self) -> Heard {
        loop {
            tokio::select! {
                biased;
                event = self.listener.happens() => match event {
                    Some(Next::Happened(Happening::Ended(..))) | None => return Heard::Ended,
                    Some(Next::Happened(_) | Next::Sound(_) | Next::Missed(_)) => {}
                },
                encoded = self.encoded.recv() => match encoded {
                    Ok(encoded) => return Heard::Sound(encoded),
                    Err(RecvError::Lagged(missed)) => return Heard::Missed(missed),
                    Err(RecvError::Closed) => return Heard::Ended,
                },
            }
        }
    }
}

async fn encode(
    listeners: Arc<Listeners>,
    voice: Option<Voice>,
    mut sound: broadcast::Receiver<Bytes>,
    sender: broadcast::Sender<Encoded>,
) {
    let Some(mut voice) = voice else { return };
    loop {
        match sound.recv().await {
            Ok(message) => {
                let encoded = voice.encode(&message);
                // Whoever comes in the moment in which the last one goes is served.
                if encoded.is_none_or(|encoded| sender.send(encoded).is_err())
                    && listeners.stops(voice.encoding, &sender)
                {
                    return;
                }
            }
            // Positions show the gap.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// The encoder of one call and encoding.
struct Voice {
    encoding: Encoding,
    /// Of the sound that is encoded.
    rate: Rate,
    encoder: VoiceEncoder,
}

enum VoiceEncoder {
    Stereo(Box<opus::Encoder>),
    Mixed(Box<Encoder>),
}

impl Voice {
    fn new(encoding: Encoding, rate: Rate) -> Option<Self> {
        let mixed = |codec| VoiceEncoder::Mixed(Box::new(Encoder::new(codec, rate)));
        let encoder = match encoding {
            Encoding::OpusStereo => VoiceEncoder::Stereo(Box::new(stereo(rate).ok()?)),
            Encoding::OpusMixed => mixed(Codec::Opus(OpusTerms::OURS)),
            Encoding::PcmuMixed => mixed(Codec::Pcmu),
            Encoding::PcmaMixed => mixed(Codec::Pcma),
        };
        Some(Self { encoding, rate, encoder })
    }

    /// Encodes a message as listeners get it.
    fn encode(&mut self, message: &Bytes) -> Option<Encoded> {
        let (position, samples) = message.split_first_chunk::<POSITION>()?;
        let mut both = [0_i16; 2 * WIDEST];
        let both = &mut both[..2 * self.rate.samples()];
        let pairs = samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        both.iter_mut().zip(pairs).for_each(|(to, sample)| *to = sample);
        let mut payload = [0; LONGEST_PAYLOAD];
        let length = match &mut self.encoder {
            VoiceEncoder::Stereo(encoder) => encoder.encode(both, &mut payload).ok()?,
            VoiceEncoder::Mixed(encoder) => {
                let mut one = [0_i16; WIDEST];
                let one = &mut one[..self.rate.samples()];
                let pairs = both.chunks_exact(2).map(|pair| pair[0].saturating_add(pair[1]));
                one.iter_mut().zip(pairs).for_each(|(to, sample)| *to = sample);
                encoder.encode(one, &mut payload)
            }
        };
        let payload = Bytes::copy_from_slice(&payload[..length]);
        let position = u64::from_le_bytes(*position) * FRAME_8K as u64 / self.rate.samples() as u64;
        Some(Encoded { position, payload })
    }
}

fn stereo(rate: Rate) -> opus::Result<opus::Encoder> {
    let mut encoder = opus::Encoder::new(rate.hertz(), opus::Channels::Stereo, opus::Application::Voip)?;
    encoder.set_bitrate(opus::Bitrate::Bits(STEREO_BITRATE))?;
    encoder.set_complexity(COMPLEXITY)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(EXPECTED_LOSS)?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callwright_media::codec::Decoder;
    use callwright_media::frame::PcmFrame;
    use tokio::time::timeout;

    use super::*;
    use crate::call::listen::to_listeners;
    use crate::campaign::disconnection::DisconnectionReason;
    use crate::campaign::states::EndedBy;
    use crate::net::media_leg::FrameSink;

    fn frame(level: i16) -> PcmFrame {
        PcmFrame::from_samples(Rate::Hz8000, &[level; FRAME_8K]).expect("20 ms")
    }

    async fn next(hearing: &mut Hearing) -> Heard {
        timeout(Duration::from_secs(5), hearing.next()).await.expect("it comes in time")
    }

    fn hearing(listeners: &Arc<Listeners>, encoding: Encoding) -> Hearing {
        let (listener, _) = listeners.join().expect("there is room");
        listeners.encode(listener, encoding)
    }

    #[tokio::test]
    async fn one_encoding_is_made_once_for_all_and_ends_with_the_call() {
        let listeners = Arc::new(Listeners::default());
        let mut one = hearing(&listeners, Encoding::PcmuMixed);
        let sound = listeners.wants_sound().expect("somebody listens");
        let mut feed = to_listeners(&listeners, sound, 800);
        let mut two = hearing(&listeners, Encoding::PcmuMixed);
        feed.frame(0, &frame(1_000), &frame(2_000));
        let (Heard::Sound(at_one), Heard::Sound(at_two)) = (next(&mut one).await, next(&mut two).await) else {
            panic!("both hear it");
        };
        assert_eq!((at_one.position, at_one.payload.as_ptr()), (800, at_two.payload.as_ptr()));
        let mut decoder = Decoder::new(Codec::Pcmu, Rate::Hz8000);
        let mut samples = [0; FRAME_8K];
        assert_eq!(decoder.decode(&at_one.payload, &mut samples).expect("a payload"), FRAME_8K);
        assert!(samples.iter().all(|sample| (2_800..3_200).contains(sample)), "both sides in one");
        listeners.end(DisconnectionReason::UserHangup, EndedBy::Contact);
        assert_eq!((next(&mut one).await, next(&mut one).await), (Heard::Ended, Heard::Ended));
        assert_eq!(next(&mut two).await, Heard::Ended);
    }

    #[tokio::test]
    async fn two_channels_stay_apart() {
        let listeners = Arc::new(Listeners::default());
        let mut hearing = hearing(&listeners, Encoding::OpusStereo);
        let sound = listeners.wants_sound().expect("somebody listens");
        let mut feed = to_listeners(&listeners, sound, 0);
        let mut decoder = opus::Decoder::new(8_000, opus::Channels::Stereo).expect("a decoder");
        let hum: Vec<i16> = (0..FRAME_8K).map(|n| if n % 8 < 4 { 8_000 } else { -8_000 }).collect();
        let hum = PcmFrame::from_samples(Rate::Hz8000, &hum).expect("20 ms");
        let mut last = [0_i16; 2 * FRAME_8K];
        for _ in 0..10 {
            feed.frame(0, &hum, &frame(0));
            let Heard::Sound(encoded) = next(&mut hearing).await else { panic!("it is heard") };
            decoder.decode(&encoded.payload, &mut last, false).expect("a payload");
        }
        let power =
            |side: usize| last.iter().skip(side).step_by(2).map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        assert!(power(0) > 100.0 * power(1).max(1.0), "{} {}", power(0), power(1));
    }

    #[tokio::test]
    async fn a_wideband_leg_is_heard_in_wideband() {
        let listeners = Arc::new(Listeners::default());
        listeners.works_at(Rate::Hz16000);
        let mut hearing = hearing(&listeners, Encoding::OpusStereo);
        let sound = listeners.wants_sound().expect("somebody listens");
        let mut feed = to_listeners(&listeners, sound, 320);
        let mut decoder = opus::Decoder::new(16_000, opus::Channels::Stereo).expect("a decoder");
        let turn = std::f64::consts::TAU * 6_000.0 / 16_000.0;
        let mut last = [0_i16; 2 * WIDEST];
        for n in 0..25_u32 {
            let tone: Vec<i16> = (0..320).map(|at| (8_000.0 * (turn * f64::from(n * 320 + at)).sin()) as i16).collect();
            let tone = PcmFrame::from_samples(Rate::Hz16000, &tone).expect("20 ms");
            feed.frame(0, &tone, &PcmFrame::silence(Rate::Hz16000));
            let Heard::Sound(encoded) = next(&mut hearing).await else { panic!("it is heard") };
            assert_eq!(encoded.position, 160 * u64::from(n + 1), "positions are counted at 8 kHz");
            decoder.decode(&encoded.payload, &mut last, false).expect("a payload");
        }
        let caller: Vec<i16> = last.iter().copied().step_by(2).collect();
        assert!(callwright_media::level::rms_dbfs(&caller) > -25.0, "6 kHz, which a leg of 8 kHz could not carry");
    }

    #[tokio::test]
    async fn an_encoding_that_nobody_hears_any_more_is_made_no_longer_and_anew_when_wanted() {
        let listeners = Arc::new(Listeners::default());
        let mut stays = hearing(&listeners, Encoding::PcmaMixed);
        let goes = hearing(&listeners, Encoding::PcmuMixed);
        let sound = listeners.wants_sound().expect("somebody listens");
        let mut feed = to_listeners(&listeners, sound, 0);
        drop(goes);
        let made = |listeners: &Listeners| {
            let state = listeners.lock();
            state.channels.as_ref().is_some_and(|channels| channels.encoders.0[Encoding::PcmuMixed as usize].is_some())
        };
        timeout(Duration::from_secs(5), async {
            while made(&listeners) {
                feed.frame(0, &frame(1), &frame(1));
                next(&mut stays).await;
            }
        })
        .await
        .expect("it stops");
        let mut again = hearing(&listeners, Encoding::PcmuMixed);
        feed.frame(0, &frame(1), &frame(1));
        assert!(matches!(next(&mut again).await, Heard::Sound(_)));
    }
}
