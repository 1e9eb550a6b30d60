//! A telephone line: G.711 over RTP with jitter and loss, and a detector of speech at the far end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::codec::Codec;
use callwright_media::frame::PcmFrame;
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::session::{ClipId, MAX_PACKET, MediaEvent, Session, SessionConfig};
use callwright_media::vad::SegmenterConfig;

use crate::dice::Dice;

const TICK: Duration = Duration::from_millis(20);
/// One packet in so many is lost.
const LOSS: u64 = 100;
/// Packets are up to this much later than the fastest, in milliseconds.
const JITTER_MS: u64 = 30;
/// What the call adds around the voice: pre-roll, and the silence after which a turn is over.
const PRE_ROLL: Duration = Duration::from_millis(300);
const TURN_END: Duration = Duration::from_millis(500);

/// What a recogniser gets of a clip that is said into the line: the caller's turn, cut out as a call cuts it out.
/// `None` when the line's far end noticed no voice.
pub(crate) fn turn_heard(clip: &[i16], dice: &mut Dice) -> Option<Vec<i16>> {
    let begin = callwright::time::now().mono;
    let (near, far) = (SocketAddr::from(([127, 0, 0, 1], 4_000)), SocketAddr::from(([127, 0, 0, 1], 5_000)));
    let mut caller = Session::new(begin, config(far, None));
    let mut callee = Session::new(begin, config(near, Some(SegmenterConfig::default())));
    let silence: Arc<[i16]> = vec![0; 4_000].into();
    let said: Arc<[i16]> = clip.into();
    for (id, pcm) in [(0, silence), (1, said)] {
        caller.play(ClipId(id), pcm).expect("the queue is empty");
    }
    let ticks = clip.len() / 160 + 25 + 75;
    let mut underway: Vec<(Instant, Vec<u8>)> = Vec::new();
    let mut heard = Heard::default();
    let mut packet = [0; MAX_PACKET];
    for tick in 0..ticks {
        let now = begin + TICK * u32::try_from(tick).expect("a clip is short");
        if let Some((_, length)) = caller.tick(now, &mut packet).transmit
            && dice.roll(LOSS) != 0
        {
            let late = Duration::from_millis(40 + dice.roll(JITTER_MS));
            underway.push((now + late, packet[..length].to_vec()));
        }
        underway.sort_by_key(|(at, _)| *at);
        while underway.first().is_some_and(|(at, _)| *at <= now) {
            let (at, bytes) = underway.remove(0);
            callee.receive(at, near, &bytes);
            heard.take(&mut callee, at);
        }
        callee.tick(now, &mut packet);
        heard.take(&mut callee, now);
    }
    heard.turn()
}

fn config(remote: SocketAddr, vad: Option<SegmenterConfig>) -> SessionConfig {
    let negotiated = Negotiated {
        codec: Codec::Pcma,
        payload_type: 8,
        dtmf: None,
        remote: Some(remote),
        rtcp: RtcpPath::default(),
        direction: Direction::SendRecv,
        ptime_ms: 20,
        srtp: None,
    };
    SessionConfig { negotiated, ssrc: 7, sequence: 100, timestamp: 8_000, uplink: vad.is_some(), vad }
}

/// The far end's notes.
#[derive(Default)]
struct Heard {
    frames: Vec<(Instant, PcmFrame)>,
    since: Option<Instant>,
    last_voice: Option<Instant>,
}

impl Heard {
    fn take(&mut self, session: &mut Session, now: Instant) {
        while let Some(event) = session.poll_event() {
            match event {
                MediaEvent::Uplink(frame) => self.frames.push((now, frame)),
                MediaEvent::VoiceStarted { since, .. } => {
                    self.since.get_or_insert(since);
                    self.last_voice = None;
                }
                MediaEvent::VoiceStopped { last_voice, .. } => self.last_voice = Some(last_voice),
                MediaEvent::FirstPacket { .. }
                | MediaEvent::Overlap { .. }
                | MediaEvent::DtmfReceived { .. }
                | MediaEvent::Detected(_)
                | MediaEvent::ClipStarted { .. }
                | MediaEvent::ClipStarved { .. }
                | MediaEvent::ClipFed { .. }
                | MediaEvent::DtmfSent { .. }
                | MediaEvent::ClipFinished { .. }
                | MediaEvent::ClipCut { .. }
                | MediaEvent::Stalled { .. }
                | MediaEvent::Resumed { .. }
                | MediaEvent::Parted { .. }
                | MediaEvent::SourceChanged { .. } => {}
            }
        }
    }

    fn turn(self) -> Option<Vec<i16>> {
        let from = self.since? - PRE_ROLL;
        let to = self.last_voice.map(|at| at + TURN_END);
        let inside = self.frames.iter().filter(|(at, _)| *at >= from && to.is_none_or(|to| *at <= to));
        Some(inside.flat_map(|(_, frame)| frame.samples().to_vec()).collect())
    }
}
