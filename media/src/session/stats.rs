//! Counters of a session.

use std::time::Duration;

use super::DropReason;

/// What a session has counted since it began. Counters never go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// RTP packets accepted from the peer, of any payload type.
    pub received: u64,
    /// Bytes of the datagrams accepted.
    pub received_bytes: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Bytes of their payloads, without headers and tags.
    pub sent_bytes: u64,
    /// Packets the peer's sequence numbers promise, whether they came or not.
    pub expected: u64,
    /// Packets the peer's sequence numbers promise and that have not come (RFC 3550 appendix A.3). Late ones did come.
    pub lost: u64,
    /// Packets that came too late to be heard, whether or not a recogniser could still use them.
    pub late: u64,
    /// Datagrams that the operating system dropped because nobody fetched them in time. Whoever has the socket counts them.
    pub overrun: u64,
    /// Accepted after a packet with a higher sequence number.
    pub reordered: u64,
    /// RTCP compound packets accepted from the peer; of a leg without [reports](super::Session::report) all of them.
    pub rtcp: u64,
    /// RTCP compound packets sent.
    pub rtcp_sent: u64,
    /// What the peer's reports say; `None` before one does.
    pub far: Option<FarSide>,
    /// What its reports tell of the way there and back; `None` before one does.
    pub round_trip: Option<RoundTrip>,
    /// Telephone events that were not understood or are no key.
    pub strange_keys: u64,
    /// Dropped, by reason.
    pub dropped: Dropped,
    /// Interarrival jitter (RFC 3550 section 6.4.1), now.
    pub jitter: Duration,
    /// The highest jitter at any report or at the end.
    pub jitter_peak: Duration,
    /// What the jitter buffer adds, now: from the arrival of an undelayed packet to its being heard.
    pub delay: Duration,
    /// What the jitter buffer aims at, now.
    pub target_delay: Duration,
    /// Audio made up for a listener because a packet was missing.
    pub concealed: Duration,
    /// Audio left out for a listener, where it was quiet, to bring the delay down.
    pub shortened: Duration,
    /// Audio put in for a listener, where it was quiet, to bring the delay up.
    pub lengthened: Duration,
    /// Audio made up for the recogniser because a packet was missing.
    pub uplink_filled: Duration,
    /// Uplink frames nobody fetched in time: the oldest were dropped.
    pub uplink_overflow: u64,
    /// Events nobody fetched in time: the oldest were dropped.
    pub event_overflow: u64,
    /// Frames of time that passed without a tick.
    pub skipped: u64,
    /// Silence sent in the middle of clips because more of their audio had not come.
    pub starved: Duration,
    /// Frames of a joined leg left out because too many waited.
    pub bridge_dropped: u64,
    /// Ticks at which a joined leg's next frame had not come.
    pub bridge_missing: u64,
    /// Times the peer's stream began anew: another synchronisation source, sequence or timestamp.
    pub restarts: u64,
}

/// What the peer got of our stream, by its own account (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FarSide {
    /// Reports of ours that came.
    pub reports: u64,
    /// Packets lost since the beginning.
    pub lost: u64,
    /// The worst share lost between two reports, in 256ths.
    pub worst_fraction: u8,
    /// Interarrival jitter, now.
    pub jitter: Duration,
    /// The highest it was.
    pub jitter_peak: Duration,
}

/// The time to the peer and back, without what the peer took to reply. It is exact to the pace at which the worker of
/// either side reads, a few milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrip {
    /// Times it was measured.
    pub measured: u32,
    /// The last.
    pub last: Duration,
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
    /// The mean.
    pub mean: Duration,
}

impl RoundTrip {
    /// Adds a measurement.
    pub(super) fn with(before: Option<Self>, time: Duration) -> Self {
        let Some(before) = before else { return Self { measured: 1, last: time, least: time, most: time, mean: time } };
        let measured = before.measured.saturating_add(1);
        Self {
            measured,
            last: time,
            least: before.least.min(time),
            most: before.most.max(time),
            mean: (before.mean * before.measured + time) / measured,
        }
    }
}

/// Dropped datagrams by [`DropReason`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Not RTP.
    pub malformed: u64,
    /// From a stranger's address.
    pub source: u64,
    /// While the source was being learnt.
    pub learning: u64,
    /// Payload type not negotiated.
    pub payload_type: u64,
    /// Empty or too long.
    pub size: u64,
    /// There already.
    pub duplicate: u64,
    /// Too late for every use.
    pub late: u64,
    /// Far from the stream.
    pub discontinuity: u64,
    /// The peer agreed not to send.
    pub direction: u64,
    /// Not protected with the key agreed on, RTP or RTCP.
    pub unauthentic: u64,
    /// Protected and there before.
    pub replayed: u64,
    /// RTCP that is none, or of our own source.
    pub report_malformed: u64,
    /// RTCP from a stranger's address.
    pub report_source: u64,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { malformed, source, learning, payload_type, size, duplicate, late, discontinuity, direction, .. } =
            *self;
        let plain = malformed + source + learning + payload_type + size + duplicate + late + discontinuity + direction;
        plain + self.unauthentic + self.replayed + self.report_malformed + self.report_source
    }

    pub(super) fn count(&mut self, reason: DropReason) {
        *match reason {
            DropReason::Malformed => &mut self.malformed,
            DropReason::Source => &mut self.source,
            DropReason::Learning => &mut self.learning,
            DropReason::PayloadType => &mut self.payload_type,
            DropReason::Size => &mut self.size,
            DropReason::Duplicate => &mut self.duplicate,
            DropReason::Late => &mut self.late,
            DropReason::Discontinuity => &mut self.discontinuity,
            DropReason::Direction => &mut self.direction,
            DropReason::Unauthentic => &mut self.unauthentic,
            DropReason::Replayed => &mut self.replayed,
            DropReason::ReportMalformed => &mut self.report_malformed,
            DropReason::ReportSource => &mut self.report_source,
        } += 1;
    }
}
