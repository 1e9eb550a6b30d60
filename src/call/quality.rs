//! How good the audio of a call was, as its record keeps it.

use std::time::Duration;

use callwright_media::negotiated::Negotiated;
use callwright_media::quality::Quality;
use callwright_media::session::Stats;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How good the audio of a call was, counted on our leg and told by the far side (RTCP).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MediaQuality {
    /// The codec, as SDP names it.
    #[schema(examples("PCMA"))]
    pub codec: String,
    /// Whether it was encrypted (SRTP).
    pub encrypted: bool,
    /// What we heard.
    pub heard: HeardAudio,
    /// What we said.
    pub said: SaidAudio,
    /// The time to the far side and back; absent when it sent no report that tells.
    pub round_trip: Option<RoundTripMs>,
}

/// The audio that came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeardAudio {
    /// RTP packets.
    pub packets: u64,
    /// Packets that never came, by their numbers.
    pub lost: u64,
    /// Packets that came too late to be heard.
    pub late: u64,
    /// Packets dropped because they were not the far side's: from a strange address, or not made with its key.
    pub foreign: u64,
    /// Packets dropped for any other reason, such as those that came twice.
    pub dropped: u64,
    /// Datagrams that the operating system dropped on our side because they were not fetched in time; those of the far side
    /// are counted as lost as well.
    #[serde(default)]
    pub overrun: u64,
    /// Interarrival jitter at the end, milliseconds.
    pub jitter_ms: f64,
    /// The highest jitter, milliseconds.
    pub jitter_peak_ms: f64,
    /// What the jitter buffer added at the end, milliseconds.
    pub buffer_ms: f64,
    /// Audio made up for what was missing, milliseconds.
    pub concealed_ms: u64,
    /// Estimated mean opinion score (ITU-T G.107), 1 to 4.5; absent for a codec without published figures, and when nothing
    /// came.
    #[schema(minimum = 1, maximum = 4.5)]
    pub mos: Option<f64>,
}

/// The audio that left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SaidAudio {
    /// RTP packets.
    pub packets: u64,
    /// What came of them by the far side's account; absent when it sent none.
    pub reported: Option<ReportedAudio>,
    /// Estimated mean opinion score (ITU-T G.107), 1 to 4.5, without the far side's jitter buffer; absent when it sent no
    /// report.
    #[schema(minimum = 1, maximum = 4.5)]
    pub mos: Option<f64>,
}

/// What the far side says that it got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportedAudio {
    /// Packets lost.
    pub lost: u64,
    /// The worst share lost between two reports, percent.
    #[schema(minimum = 0, maximum = 100)]
    pub worst_loss_percent: f64,
    /// Interarrival jitter in the last report, milliseconds.
    pub jitter_ms: f64,
    /// The highest jitter reported, milliseconds.
    pub jitter_peak_ms: f64,
}

/// The time to the far side and back, without what it took to reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoundTripMs {
    /// The mean, milliseconds.
    pub mean_ms: f64,
    /// The longest, milliseconds.
    pub most_ms: f64,
}

impl MediaQuality {
    /// What the counters of a leg say, whose last description is given.
    #[must_use]
    pub fn of(negotiated: &Negotiated, stats: &Stats) -> Self {
        let score = Quality::of(negotiated.codec, stats);
        let dropped = &stats.dropped;
        let foreign = dropped.source + dropped.learning + dropped.unauthentic + dropped.replayed;
        let reports = dropped.report_malformed + dropped.report_source;
        let tell = |mos: Option<f64>| mos.map(|mos| rounded(mos, 100.0));
        Self {
            codec: negotiated.codec.encoding_name().to_owned(),
            encrypted: negotiated.srtp.is_some(),
            heard: HeardAudio {
                packets: stats.received,
                lost: stats.lost,
                late: stats.late,
                foreign,
                dropped: dropped.total().saturating_sub(foreign + reports),
                overrun: stats.overrun,
                jitter_ms: ms(stats.jitter),
                jitter_peak_ms: ms(stats.jitter_peak),
                buffer_ms: ms(stats.delay),
                concealed_ms: u64::try_from(stats.concealed.as_millis()).unwrap_or(u64::MAX),
                mos: tell(score.heard),
            },
            said: SaidAudio {
                packets: stats.sent,
                reported: stats.far.map(|far| ReportedAudio {
                    lost: far.lost,
                    worst_loss_percent: rounded(f64::from(far.worst_fraction) * 100.0 / 256.0, 10.0),
                    jitter_ms: ms(far.jitter),
                    jitter_peak_ms: ms(far.jitter_peak),
                }),
                mos: tell(score.said),
            },
            round_trip: stats
                .round_trip
                .map(|round_trip| RoundTripMs { mean_ms: ms(round_trip.mean), most_ms: ms(round_trip.most) }),
        }
    }
}

/// To a tenth.
fn ms(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1_000.0, 10.0)
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use callwright_media::codec::Codec;
    use callwright_media::negotiated::{Direction, RtcpPath};
    use callwright_media::session::{Dropped, FarSide, RoundTrip};

    use super::*;

    fn negotiated() -> Negotiated {
        Negotiated {
            codec: Codec::Pcma,
            payload_type: 8,
            dtmf: None,
            remote: None,
            rtcp: RtcpPath::default(),
            direction: Direction::SendRecv,
            ptime_ms: 20,
            srtp: None,
        }
    }

    #[test]
    fn counters_are_told_in_milliseconds_and_by_whose_fault() {
        let dropped = Dropped { source: 5, replayed: 2, duplicate: 3, report_source: 7, ..Dropped::default() };
        let stats = Stats {
            received: 990,
            expected: 1_000,
            lost: 10,
            overrun: 4,
            sent: 1_000,
            dropped,
            jitter: Duration::from_micros(3_125),
            far: Some(FarSide { lost: 20, worst_fraction: 64, ..FarSide::default() }),
            round_trip: Some(RoundTrip { mean: Duration::from_micros(48_260), ..RoundTrip::default() }),
            ..Stats::default()
        };
        let quality = MediaQuality::of(&negotiated(), &stats);
        assert_eq!((quality.codec.as_str(), quality.encrypted), ("PCMA", false));
        let HeardAudio { packets, lost, foreign, dropped, overrun, jitter_ms, .. } = quality.heard;
        assert_eq!((packets, lost, foreign, dropped, overrun), (990, 10, 7, 3, 4));
        assert!((jitter_ms - 3.1).abs() < 1e-9, "{jitter_ms}");
        let reported = quality.said.reported.expect("the far side reported");
        assert!(reported.lost == 20 && (reported.worst_loss_percent - 25.0).abs() < 1e-9, "{reported:?}");
        assert!(quality.heard.mos > quality.said.mos, "half the loss");
        assert_eq!(quality.round_trip.map(|times| times.mean_ms), Some(48.3));
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let quality = MediaQuality::of(&negotiated(), &Stats { sent: 100, ..Stats::default() });
        assert_eq!((quality.heard.mos, quality.said.mos), (None, None));
        assert!(quality.said.reported.is_none() && quality.round_trip.is_none());
    }
}
