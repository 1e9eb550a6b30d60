//! What a session says.

use std::net::SocketAddr;
use std::time::Instant;

use crate::detect::Detection;
use crate::digit::Digit;
use crate::dtmf::QueueFull;
use crate::frame::PcmFrame;
use crate::overlap::Overlap;

/// Names one piece of audio given to [`Session::play`](super::Session::play); chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipId(pub u64);

/// Something happened on the leg.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most events are frames, and a box would allocate for each")]
pub enum MediaEvent {
    /// The first RTP packet of the peer was accepted. Said once.
    FirstPacket {
        /// When it arrived.
        at: Instant,
    },
    /// Twenty milliseconds of the caller for a recogniser: in order, each handed out as soon as it is there. A gap is
    /// waited for at most 60 ms, then filled, so that frames count the caller's own time. With
    /// [`SessionConfig::vad`](super::SessionConfig::vad) what is nothing but this side's voice, come back from the peer's
    /// loudspeaker, is silence.
    Uplink(PcmFrame),
    /// The caller began to speak.
    VoiceStarted {
        /// When it was decided.
        at: Instant,
        /// When the first frame with voice came.
        since: Instant,
    },
    /// The caller fell silent.
    VoiceStopped {
        /// When it was decided: the trailing silence after `last_voice`.
        at: Instant,
        /// Arrival of the last packet with voice in it, from which turn latency counts.
        last_voice: Instant,
    },
    /// What the caller's voice is taken for while this side speaks. Said after [`MediaEvent::VoiceStarted`], again
    /// whenever it turns out otherwise, and never of a voice that began in silence. An echo is told of also when it was
    /// known before it had lasted long enough for a voice.
    Overlap {
        /// What it is.
        verdict: Overlap,
        /// When it was decided.
        at: Instant,
    },
    /// The caller pressed a key (RFC 4733); said once per key, at its first packet.
    DtmfReceived {
        /// Which key.
        digit: Digit,
        /// Arrival of the first packet that told of it.
        at: Instant,
    },
    /// All keys given to [`Session::send_dtmf`](super::Session::send_dtmf) have been sent.
    DtmfSent {
        /// The tick whose packet carried the last of them.
        at: Instant,
    },
    /// Something was found out about who answered, after [`Session::detect_callee`](super::Session::detect_callee), or
    /// about what is played before, after [`Session::detect_progress`](super::Session::detect_progress).
    Detected(Detection),
    /// The first sample of a clip left.
    ClipStarted {
        /// The clip.
        clip: ClipId,
        /// The tick whose packet carried it.
        at: Instant,
    },
    /// A clip that is appended to has nothing more to play: silence leaves until more comes. Said once for each gap.
    ClipStarved {
        /// The clip.
        clip: ClipId,
        /// The tick whose packet carried the last of its audio.
        at: Instant,
    },
    /// A starved clip plays on.
    ClipFed {
        /// The clip.
        clip: ClipId,
        /// The tick whose packet carried the first audio after the gap.
        at: Instant,
    },
    /// The last sample of a clip left.
    ClipFinished {
        /// The clip.
        clip: ClipId,
        /// Samples at 8 kHz up to its end, counted from the beginning of its audio. Silence in gaps does not count.
        samples: u64,
        /// The tick whose packet carried it.
        at: Instant,
    },
    /// A clip was stopped before its end. Every clip ends in exactly one of this and [`MediaEvent::ClipFinished`].
    ClipCut {
        /// The clip.
        clip: ClipId,
        /// Samples at 8 kHz that were sent, counted from the beginning of its audio, the fade included, silence in
        /// gaps not; 0 when it never started.
        samples: u64,
        /// The tick whose packet carried the last of them.
        at: Instant,
    },
    /// No RTP came for two seconds, or since the session began.
    Stalled {
        /// Arrival of the last packet, or the beginning of the session.
        since: Instant,
    },
    /// RTP came again after [`MediaEvent::Stalled`].
    Resumed {
        /// When the packet arrived.
        at: Instant,
    },
    /// The leg this one was joined with is gone; the bridge is too.
    Parted {
        /// The tick at which it was noticed.
        at: Instant,
    },
    /// The peer's packets come from another address than before, and ours go there now.
    SourceChanged {
        /// The new address.
        to: SocketAddr,
    },
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// RTP of the peer.
    Accepted,
    /// RTCP of the peer; a leg without [reports](super::Session::report) does not look into it.
    Rtcp,
    /// Dropped and counted.
    Dropped(DropReason),
}

/// Keys were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendDtmfError {
    /// The peer takes no telephone events.
    #[error("telephone events were not negotiated")]
    NotNegotiated,
    /// Too many keys are waiting.
    #[error(transparent)]
    QueueFull(#[from] QueueFull),
}

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Not RTP: too short, wrong version, lengths that do not add up.
    Malformed,
    /// From an address that is not the peer's.
    Source,
    /// From an address that may become the peer's: four packets in a row are wanted first.
    Learning,
    /// A payload type that was not negotiated.
    PayloadType,
    /// A payload longer than 120 ms, empty, or none of its codec.
    Size,
    /// A packet that was there already.
    Duplicate,
    /// Its time to be heard and its time to be recognised have passed.
    Late,
    /// Sequence, timestamp or source number far from the stream's: taken for a new stream only when the next packet
    /// continues it.
    Discontinuity,
    /// The peer agreed not to send.
    Direction,
    /// Not protected with the key agreed on, or changed on its way.
    Unauthentic,
    /// A protected packet that came before, or too late to tell.
    Replayed,
    /// RTCP that is none (RFC 3550 appendix A.2), or of our own source.
    ReportMalformed,
    /// RTCP from an address that is not the peer's.
    ReportSource,
}

/// What one tick produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The caller as a listener hears it now: out of the jitter buffer, losses concealed.
    pub heard: PcmFrame,
    /// What we say to the caller now, clips and the party of a joined leg; silence when nothing is played. Music on hold is
    /// not in it.
    pub said: PcmFrame,
    /// Where to send the packet and how many bytes of the buffer it takes; `None` while nothing may be sent, no address is
    /// known, or a longer packet is not full yet.
    pub transmit: Option<(SocketAddr, usize)>,
    /// Frames of time that passed without a tick before this one, 0 when the worker keeps its deadlines. A recording
    /// puts that many frames of silence first.
    pub skipped: u32,
}
