//! One call: a voice, a codec, a network, and everybody who listens.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use callwright_media::codec::{Codec, Decoder, Encoder};
use callwright_media::frame::{FRAME, FRAME_8K, Rate};
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::recording::{RecordingError, StereoRecorder};
use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use callwright_media::session::{MAX_PACKET, MediaEvent, Session, SessionConfig, Stats};

use crate::network::{Fate, Network};

/// What every packet takes.
const TRANSIT: Duration = Duration::from_millis(30);

/// The delay of the buffers that the two simplest ways to fill a gap are given: nothing that comes later is heard.
const FIXED: Duration = Duration::from_millis(60);

/// Longest payload of 20 ms here, in bytes.
const LONGEST: usize = 400;

const FRAMES_A_SECOND: u32 = 50;

/// Delays of the first second do not count: the buffer knows nothing yet.
const LEARNING: usize = 50;

/// What was heard, by whom.
pub(crate) struct Outcome {
    /// The recording's file: the caller is on its left.
    recording: Vec<u8>,
    uplink: Vec<i16>,
    /// Missing packets are silence.
    zeros: Vec<i16>,
    /// Missing packets are the last one again.
    repeated: Vec<i16>,
    /// What the jitter buffer added, at each tick.
    delays: Vec<Duration>,
    stats: Stats,
}

/// Lets `voice` speak over `network`.
pub(crate) fn run(voice: &[i16], codec: Codec, network: &Network, seed: u64) -> Result<Outcome, RecordingError> {
    let start = some_instant();
    let peer = SocketAddr::from(([192, 0, 2, 1], 4_000));
    let mut session = Session::new(start, config(codec, peer));
    let mut file = Cursor::new(Vec::new());
    let mut recorder = StereoRecorder::new(&mut file)?;
    let (mut uplink, mut zeros, mut repeated, mut delays) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let wire = wire(voice, codec, network, seed, |frame| {
        zeros.extend(frame.unwrap_or([0; FRAME_8K]));
        let last = repeated.len().saturating_sub(FRAME_8K);
        match frame {
            Some(frame) => repeated.extend(frame),
            None => repeated.extend_from_within(last..),
        }
    });
    let mut wire = wire.into_iter().peekable();
    // Ticks and packets are out of phase, as they are on a wire.
    let phase = Duration::from_micros(seed * 7_301 % 20_000);
    let mut packet = [0; MAX_PACKET];
    for tick in 0..(voice.len() / FRAME_8K + 50) as u32 {
        let at = phase + FRAME * tick;
        while let Some(((arrives, _), bytes)) = wire.next_if(|((arrives, _), _)| *arrives <= at) {
            session.receive(start + arrives, peer, &bytes);
            drain(&mut session, &mut uplink);
        }
        let tick = session.tick(start + at, &mut packet);
        drain(&mut session, &mut uplink);
        delays.push(session.stats().delay);
        recorder.push(&tick.heard, &tick.said)?;
    }
    recorder.finalize()?;
    Ok(Outcome { recording: file.into_inner(), uplink, zeros, repeated, delays, stats: session.stats() })
}

/// The packets that arrive, by when. `fixed` is told each frame as a buffer of a fixed delay hears it.
fn wire(
    voice: &[i16],
    codec: Codec,
    network: &Network,
    seed: u64,
    mut fixed: impl FnMut(Option<[i16; FRAME_8K]>),
) -> BTreeMap<(Duration, usize), Vec<u8>> {
    let mut fate = Fate::new(network, seed);
    let (mut encoder, mut decoder) = (Encoder::new(codec, Rate::Hz8000), Decoder::new(codec, Rate::Hz8000));
    let mut wire = BTreeMap::new();
    for (n, frame) in voice.chunks_exact(FRAME_8K).enumerate() {
        let sent = FRAME * (n as u32 + 1);
        let mut bytes = vec![0; HEADER_LENGTH + LONGEST];
        let (header, payload) = bytes.split_first_chunk_mut().expect("it was made longer");
        let (sequence, timestamp) = (n as u16, n as u32 * codec.clock_rate() / FRAMES_A_SECOND);
        let payload_type = codec.payload_type();
        RtpHeader { marker: n == 0, payload_type, sequence, timestamp, ssrc: 7 }.write(header);
        let length = encoder.encode(frame, payload);
        let late = fate.next(sent);
        // What is lost is not decoded either: it is missing to whatever the codec remembers.
        fixed(late.filter(|&late| late <= FIXED).map(|_| {
            let mut decoded = [0; FRAME_8K];
            decoder.decode(&payload[..length], &mut decoded).expect("it was encoded just now");
            decoded
        }));
        bytes.truncate(HEADER_LENGTH + length);
        if let Some(late) = late {
            wire.insert((sent + TRANSIT + late, n), bytes);
        }
    }
    wire
}

fn drain(session: &mut Session, uplink: &mut Vec<i16>) {
    while let Some(event) = session.poll_event() {
        if let MediaEvent::Uplink(frame) = event {
            uplink.extend(frame.samples());
        }
    }
}

impl Outcome {
    /// Everything that was heard, each as a WAV file.
    pub(crate) fn files(&self) -> io::Result<[(&'static str, Vec<u8>); 4]> {
        Ok([
            ("recording", self.recording.clone()),
            ("uplink", wav(&self.uplink)?),
            ("zeros", wav(&self.zeros)?),
            ("repeated", wav(&self.repeated)?),
        ])
    }

    /// The last columns of the table.
    pub(crate) fn figures(&self) -> String {
        let mut delays = self.delays[LEARNING..].to_vec();
        delays.sort();
        let ms = |delay: Duration| delay.as_secs_f64() * 1e3;
        let mean = delays.iter().sum::<Duration>() / delays.len() as u32;
        let (p95, max) = (delays[delays.len() * 95 / 100], delays[delays.len() - 1]);
        let Stats { concealed, lengthened, shortened, late, .. } = self.stats;
        let made = format!("{:.0}\t{:.0}\t{:.0}\t{late}", ms(concealed), ms(lengthened), ms(shortened));
        format!("{:.1}\t{:.1}\t{:.1}\t{made}", ms(mean), ms(p95), ms(max))
    }
}

fn wav(samples: &[i16]) -> io::Result<Vec<u8>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(io::Error::other)?;
    samples.iter().try_for_each(|&sample| writer.write_sample(sample)).map_err(io::Error::other)?;
    writer.finalize().map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

fn config(codec: Codec, peer: SocketAddr) -> SessionConfig {
    let negotiated = Negotiated {
        codec,
        payload_type: codec.payload_type(),
        dtmf: None,
        remote: Some(peer),
        rtcp: RtcpPath::default(),
        direction: Direction::SendRecv,
        ptime_ms: 20,
        srtp: None,
    };
    SessionConfig { negotiated, ssrc: 1, sequence: 1, timestamp: 1, vad: None, uplink: true }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
fn some_instant() -> Instant {
    Instant::now()
}
