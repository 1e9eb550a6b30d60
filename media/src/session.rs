//! One RTP leg.
//!
//! The shell hands every datagram to [`Session::receive`], calls [`Session::tick`] at absolute deadlines 20 ms apart and
//! after each of both drains [`Session::poll_event`]. The session never waits and never asks for the time.
//!
//! ```text
//!  datagram ─▶ opened ─▶ parse ─▶ source learnt? ─▶ Stream ─┬─▶ Uplink (in order, at once) ─▶ voice, MediaEvent::Uplink
//!                                                          └─▶ JitterBuffer (at its time) ─▶ Tick::heard
//!  datagram ◀─ sealed ◀─ encode ◀─ telephone event, or Playout (clips, silence), or the echo ◀─ Tick::said
//!                                 with the party of a joined leg, or music, mixed in
//!  report   ◀─ sealed ◀─ Session::poll_report, at times of its own
//! ```

mod config;
mod event;
mod formats;
mod outbox;
mod packer;
mod protection;
mod receive;
mod reports;
mod send_clock;
mod stats;
mod tick;
mod voice;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use config::SessionConfig;
pub use event::{ClipId, DropReason, MediaEvent, Received, SendDtmfError, Tick};
pub use reports::{Port, ReportConfig, ReportOut};
pub use stats::{Dropped, FarSide, RoundTrip, Stats};

use crate::bridge::{Joint, JointCount};
use crate::convert::{Converter, narrowed};
use crate::detect::CalleeDetector;
use crate::detect::greeting::GreetingConfig;
use crate::detect::keys::KeyEar;
use crate::detect::phrases::PhraseBook;
use crate::digit::Digit;
use crate::dtmf::{DtmfReceiver, DtmfSender};
use crate::frame::{PcmFrame, Rate};
use crate::hold::Hold;
use crate::jitter::JitterBuffer;
use crate::negotiated::Negotiated;
use crate::playout::{AppendError, Playout, PlayoutFull};
use crate::rtp::arrivals::{duration, samples_between};
use crate::rtp::source::SourceLearner;
use crate::stream::Stream;
use crate::uplink::Uplink;
use formats::Formats;
use outbox::Outbox;
use packer::Packer;
use protection::Protection;
use reports::Reports;
use send_clock::SendClock;
use voice::Voice;

/// The longest datagram a session sends, in bytes. A G.711 packet of 20 ms takes 172.
pub const MAX_PACKET: usize = 1_200;

/// No RTP for this long is a stall.
pub const STALL_AFTER: Duration = Duration::from_secs(2);

/// One RTP leg: what the peer sends becomes audio and events, what is played becomes packets.
#[derive(Debug)]
pub struct Session {
    epoch: Instant,
    rate: Rate,
    /// None at 8 kHz.
    wide: Option<Box<Wide>>,
    negotiated: Negotiated,
    formats: Formats,
    ssrc: u32,
    /// None while packets are sent and taken in the clear.
    protection: Option<Box<Protection>>,
    source: SourceLearner,
    stream: Stream,
    jitter: JitterBuffer,
    uplink: Option<Uplink>,
    hands_out_uplink: bool,
    voice: Option<Voice>,
    keys_in: DtmfReceiver,
    /// Hears keys in the caller's audio, where that is asked for.
    key_ear: Option<KeyEar>,
    keys_out: DtmfSender,
    /// Keys were given and the last of them has not left.
    keys_owed: bool,
    playout: Playout,
    packer: Packer,
    send_clock: SendClock,
    echo: bool,
    joint: Option<Joint>,
    /// What joints counted that are gone.
    parted: JointCount,
    hold: Hold,
    /// Arrival of the last packet accepted, or when waiting for one began.
    heard_at: Instant,
    heard_any: bool,
    stalled: bool,
    outbox: Outbox,
    /// None while no reports are sent.
    reports: Option<Box<Reports>>,
    counted: Stats,
}

/// What a leg at 16 kHz needs where work is done at 8 kHz.
#[derive(Debug)]
struct Wide {
    /// The caller's audio and what leaves, for those who listen for speech and tones.
    uplink: Converter,
    leaves: Converter,
    music: Converter,
}

impl Wide {
    fn new() -> Self {
        let down = || Converter::new(Rate::Hz16000, Rate::Hz8000);
        Self { uplink: down(), leaves: down(), music: Converter::new(Rate::Hz8000, Rate::Hz16000) }
    }
}

impl Session {
    /// A leg that begins now, may send from its first tick, and works at 8 kHz.
    #[must_use]
    pub fn new(now: Instant, config: SessionConfig) -> Self {
        Self::at(now, config, Rate::Hz8000)
    }

    /// A leg that works at this rate, whatever codecs come: frames have it both ways. It is for what the codec
    /// [carries](crate::codec::Codec::rate); 16 kHz cost some more. Speech, tones and overlaps are listened for at 8 kHz.
    #[must_use]
    pub fn at(now: Instant, config: SessionConfig, rate: Rate) -> Self {
        let SessionConfig { mut negotiated, ssrc, sequence, timestamp, vad, uplink } = config;
        let protection = negotiated.srtp.take().map(|keys| Box::new(Protection::new(keys)));
        // Numbers of an encrypted stream begin in the first half, so that a peer that misses the first packets knows
        // whether they have come round (RFC 4568 section 6.4).
        let sequence = if protection.is_some() { sequence & 0x7fff } else { sequence };
        let (codec, units) = (negotiated.codec, negotiated.codec.units());
        Self {
            epoch: now,
            rate,
            wide: (rate == Rate::Hz16000).then(|| Box::new(Wide::new())),
            formats: Formats::new(&negotiated),
            packer: Packer::new(codec, negotiated.ptime_ms, rate),
            ssrc,
            protection,
            source: SourceLearner::new(now, negotiated.remote),
            negotiated,
            stream: Stream::new(),
            jitter: JitterBuffer::new(rate),
            uplink: (uplink || vad.is_some()).then(|| Uplink::new(rate)),
            hands_out_uplink: uplink,
            voice: vad.map(|segmenter| Voice::new(now, Some(segmenter))),
            keys_in: DtmfReceiver::new(units),
            key_ear: None,
            keys_out: DtmfSender::default().on_clock(units),
            keys_owed: false,
            playout: Playout::new(rate),
            send_clock: SendClock::new(sequence, timestamp, units),
            echo: false,
            joint: None,
            parted: JointCount::default(),
            hold: Hold::default(),
            heard_at: now,
            heard_any: false,
            stalled: false,
            outbox: Outbox::default(),
            reports: None,
            counted: Stats::default(),
        }
    }

    /// A later offer/answer exchange. Sequence numbers, timestamps and what is being played go on, also in another codec or
    /// in packets of another length; packets in the format before are understood for 2 s more. A codec with another RTP
    /// clock is sent under a new source number (RFC 7160 section 4.1), unless packets are encrypted. The source is learnt
    /// again, and media goes to the new address first if it changed.
    pub fn renegotiate(&mut self, now: Instant, mut negotiated: Negotiated) {
        self.source.renegotiate(negotiated.remote);
        match (&mut self.protection, negotiated.srtp.take()) {
            (Some(protection), Some(keys)) => protection.rekey(keys),
            (protection, keys) => *protection = keys.map(|keys| Box::new(Protection::new(keys))),
        }
        if negotiated.dtmf.is_none() {
            self.keys_out.clear();
        }
        self.formats.renegotiate(now, &negotiated);
        self.packer.renegotiate(negotiated.codec, negotiated.ptime_ms);
        let units = negotiated.codec.units();
        if units != self.negotiated.codec.units() {
            self.send_clock.set_units(units);
            self.keys_out.set_clock(units);
            self.keys_in = DtmfReceiver::new(units);
            // A key is bound to the source that it has begun with.
            if self.protection.is_none() {
                self.ssrc = self.ssrc.wrapping_add(1);
            }
        }
        if let Some(reports) = &mut self.reports {
            reports.renegotiate(self.ssrc, &self.counted);
        }
        self.negotiated = negotiated;
        self.heard_at = now;
    }

    /// Finds out who, or what, has answered at `now`: [`MediaEvent::Detected`] in the next 20 s, by the deadline also where nothing comes. Needs no `vad` in the
    /// configuration. Called again, it begins again.
    pub fn detect_callee(&mut self, now: Instant, config: GreetingConfig) {
        self.uplink.get_or_insert_with(|| Uplink::new(self.rate));
        self.voice.get_or_insert_with(|| Voice::new(now, None)).detect(CalleeDetector::new(now, config));
    }

    /// Finds out what the network plays until [`detect_callee`](Self::detect_callee): [`MediaEvent::Detected`].
    pub fn detect_progress(&mut self, now: Instant) {
        self.uplink.get_or_insert_with(|| Uplink::new(self.rate));
        self.voice.get_or_insert_with(|| Voice::new(now, None)).detect_progress();
    }

    /// Tells the callee's words as far as they are known to whoever finds out what answered.
    pub fn callee_said(&mut self, now: Instant, book: &PhraseBook, words: &str) {
        let outbox = &mut self.outbox;
        if let Some(voice) = &mut self.voice {
            voice.callee_said(now, book, words, |event| outbox.push(event));
        }
    }

    /// Hears keys in the peer's audio as well, as long as the description in force has no telephone events: a peer that has
    /// both would press each key twice. They come by [`MediaEvent::DtmfReceived`], some 30 ms after the key went down. Needs
    /// no `uplink` in the configuration.
    pub fn listen_for_keys(&mut self) {
        self.uplink.get_or_insert_with(|| Uplink::new(self.rate));
        self.key_ear = Some(KeyEar::default());
    }

    /// Queues audio at 8 kHz behind what is playing. Clips follow each other without a gap, also inside a packet.
    ///
    /// # Errors
    /// [`PlayoutFull`] when [`MAX_CLIPS`](crate::playout::MAX_CLIPS) wait; nothing is queued then.
    pub fn play(&mut self, clip: ClipId, pcm: Arc<[i16]>) -> Result<(), PlayoutFull> {
        self.play_from(clip, pcm, 0)
    }

    /// [`play`](Self::play) from a later sample on, as after an interruption that was none. A place behind the end plays
    /// nothing and finishes.
    ///
    /// # Errors
    /// [`PlayoutFull`] as for [`play`](Self::play).
    pub fn play_from(&mut self, clip: ClipId, pcm: Arc<[i16]>, sample: usize) -> Result<(), PlayoutFull> {
        self.playout.play(clip, Rate::Hz8000, pcm, sample)
    }

    /// [`play_from`](Self::play_from) with audio at another rate, whose samples `sample` counts.
    ///
    /// # Errors
    /// [`PlayoutFull`] as for [`play`](Self::play).
    pub fn play_at(&mut self, clip: ClipId, rate: Rate, pcm: Arc<[i16]>, sample: usize) -> Result<(), PlayoutFull> {
        self.playout.play(clip, rate, pcm, sample)
    }

    /// Queues a clip that is [appended to](Self::append) while it plays. Its first sample has the number `first`, from
    /// which its events count: more than 0 when the rest of an earlier clip is taken up again.
    ///
    /// # Errors
    /// [`PlayoutFull`] as for [`play`](Self::play).
    pub fn open(&mut self, clip: ClipId, first: u64) -> Result<(), PlayoutFull> {
        self.playout.open(clip, Rate::Hz8000, first)
    }

    /// [`open`](Self::open) for audio at another rate. `first` and the events count at 8 kHz all the same.
    ///
    /// # Errors
    /// [`PlayoutFull`] as for [`play`](Self::play).
    pub fn open_at(&mut self, clip: ClipId, rate: Rate, first: u64) -> Result<(), PlayoutFull> {
        self.playout.open(clip, rate, first)
    }

    /// Appends audio at the clip's rate, from its sample `from` on, to a clip that was opened; after the `last` of it,
    /// which may be empty, the clip ends. The first audio of a clip leaves with the next tick. When the clip runs dry there
    /// is [silence](MediaEvent::ClipStarved), and playing goes on, where it stopped, once 50 ms are there or the last audio
    /// is.
    ///
    /// # Errors
    /// [`AppendError`]; nothing is appended then.
    pub fn append(&mut self, clip: ClipId, pcm: Arc<[i16]>, from: usize, last: bool) -> Result<(), AppendError> {
        self.playout.append(clip, pcm, from, last)
    }

    /// Ends everything queued so far. What is playing fades out over `fade` (at most 1 s) from the next tick on; each
    /// clip then ends in [`MediaEvent::ClipCut`]. What is queued afterwards plays right behind the fade.
    pub fn stop(&mut self, fade: Duration) {
        self.playout.stop(fade);
    }

    /// Presses keys, one after another: 100 ms down, 100 ms up (RFC 4733). Clips stand still until all are sent, which
    /// [`MediaEvent::DtmfSent`] tells, also when a new description takes no keys and the rest of them is forgotten.
    ///
    /// # Errors
    /// [`SendDtmfError`]; no key is sent then.
    pub fn send_dtmf(&mut self, digits: &[Digit]) -> Result<(), SendDtmfError> {
        if self.negotiated.dtmf.is_none() {
            return Err(SendDtmfError::NotNegotiated);
        }
        self.keys_out.send(digits)?;
        self.keys_owed = true;
        Ok(())
    }

    /// While muted the caller gets silence and clips stand still.
    pub fn set_muted(&mut self, muted: bool) {
        self.playout.set_muted(muted);
    }

    /// While set, what is heard from the peer is sent back to it and clips stand still. For tests and benches.
    pub fn set_echo(&mut self, echo: bool) {
        self.echo = echo;
    }

    /// Joins the leg with another one: from the next tick on both parties hear each other, and clips played here are
    /// mixed in. A joint that was there before is dropped. [`MediaEvent::Parted`] tells when the other leg is gone.
    pub fn join(&mut self, joint: Joint) {
        self.part();
        self.joint = Some(joint);
    }

    /// Undoes [`join`](Self::join). The other leg is told.
    pub fn part(&mut self) {
        if let Some(joint) = self.joint.take() {
            self.parted += joint.counted();
        }
    }

    /// Whether the leg is joined with another one.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.joint.is_some()
    }

    /// Plays music at 8 kHz in a loop while nothing else is played here and the leg is not joined; `None` lets it fade
    /// out. It is not part of [`Tick::said`].
    pub fn hold(&mut self, music: Option<Arc<[i16]>>) {
        self.hold.set(music);
    }

    /// Whether music is on.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.hold.is_on()
    }

    /// Whether a clip is playing or waits.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.playout.is_busy()
    }

    /// Samples a second of the frames that go in and out.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// The clip being played and how many samples at 8 kHz of its audio have been sent, as [`MediaEvent::ClipCut`] would
    /// say if it ended now.
    #[must_use]
    pub fn position(&self) -> Option<(ClipId, u64)> {
        self.playout.position()
    }

    /// The next event, if any: what happened first, then uplink frames, both in order. At most
    /// [64 events](Stats::event_overflow) and [128 frames](Stats::uplink_overflow) wait; beyond that the oldest are
    /// dropped and counted.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.outbox.pop()
    }

    /// What has been counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (event_overflow, uplink_overflow) = self.outbox.overflows();
        let mut bridged = self.parted;
        bridged += self.joint.as_ref().map(Joint::counted).unwrap_or_default();
        Stats {
            lost: self.stream.lost(),
            expected: self.stream.expected(),
            jitter_peak: self.counted.jitter_peak.max(self.stream.jitter()),
            restarts: self.stream.restarts(),
            jitter: self.stream.jitter(),
            delay: duration(self.jitter.delay()),
            target_delay: duration(self.jitter.target()),
            concealed: duration(self.jitter.concealed()),
            shortened: duration(self.jitter.shortened()),
            lengthened: duration(self.jitter.lengthened()),
            uplink_filled: duration(self.uplink.as_ref().map_or(0, Uplink::made_up)),
            starved: duration(i64::try_from(self.playout.starved()).unwrap_or(i64::MAX)),
            event_overflow,
            uplink_overflow,
            bridge_dropped: bridged.dropped,
            bridge_missing: bridged.missing,
            ..self.counted
        }
    }

    fn clock(&self, now: Instant) -> i64 {
        samples_between(self.epoch, now)
    }

    /// Hands the uplink's frames to whoever wants them.
    fn advance_uplink(&mut self, now: Instant, clock: i64) {
        let Some(uplink) = &mut self.uplink else { return };
        let outbox = &mut self.outbox;
        let (hands_out, rate) = (self.hands_out_uplink, self.rate);
        let voice = &mut self.voice;
        let wide = &mut self.wide;
        let mut key_ear = self.key_ear.as_mut().filter(|_| self.negotiated.dtmf.is_none());
        uplink.advance(now, clock, &self.stream, |frame, arrived| {
            let mut echo = false;
            if voice.is_some() || key_ear.is_some() {
                let narrow = narrowed(wide.as_mut().map(|wide| &mut wide.uplink), frame);
                if let Some(digit) = key_ear.as_mut().and_then(|ear| ear.push(narrow)) {
                    outbox.push(MediaEvent::DtmfReceived { digit, at: now });
                }
                if let Some(voice) = voice {
                    echo = voice.push(now, narrow, arrived, |event| outbox.push(event));
                }
            }
            if hands_out {
                let frame = PcmFrame::from_samples(rate, frame).filter(|_| !echo);
                outbox.push_frame(frame.unwrap_or(PcmFrame::silence(rate)));
            }
        });
    }
}

#[cfg(test)]
mod tests;
