//! How good a call sounded, estimated from what was counted: the E-model of ITU-T G.107 (06/2015).
//!
//! The model adds up what harms a conversation into a rating R: 93.2 is a good telephone line, below 50 nobody wants to
//! talk. Of its parameters two are measured, loss and delay; all others have the values the recommendation gives where
//! nothing is known, so that this is the network's part of the quality and not that of telephones or rooms.

use std::time::Duration;

use crate::codec::Codec;
use crate::session::Stats;

/// Basic signal-to-noise ratio Ro, from the default noise of rooms and lines: 15 − 1.5 (SLR + No) with SLR = 8 dB and
/// No = −61.18 dBm0p.
const BASIC: f64 = 94.77;

/// Impairments Is that come at the same time as the voice: loudness, sidetone, quantisation.
const SIMULTANEOUS: f64 = 1.41;

/// Sum of noises No, in dBm0p.
const NOISE: f64 = -61.18;

/// Receive loudness rating RLR, in dB.
const RECEIVE_LOUDNESS: f64 = 2.0;

/// Talker echo loudness rating TELR, in dB: what a telephone without echo sends back.
const TALKER_ECHO: f64 = 65.0;

/// Weighted echo path loss WEPL, in dB.
const ECHO_PATH: f64 = 110.0;

/// Time of the voice in a packet: it can leave only when it is complete.
const PACKET: Duration = Duration::from_millis(20);

/// What a codec does to a voice (ITU-T G.113 appendix I).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Equipment {
    /// Impairment Ie without loss.
    impairment: f64,
    /// How well it stands random loss: Bpl.
    robustness: f64,
}

/// One direction of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    /// Share of the packets whose audio was not heard, 0 to 1.
    pub loss: f64,
    /// From mouth to ear.
    pub delay: Duration,
}

/// How good a call sounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// How we heard the peer: mean opinion score, 1 to 4.5; `None` when nothing came, or for a codec whose figures are not
    /// published.
    pub heard: Option<f64>,
    /// How the peer heard us, by its own account; without its jitter buffer, of which it tells nothing. `None` as well when
    /// it sent no report.
    pub said: Option<f64>,
}

impl Quality {
    /// What the counters of a leg say. Where the peer sent no reports the way itself counts as without delay.
    #[must_use]
    pub fn of(codec: Codec, stats: &Stats) -> Self {
        let network = stats.round_trip.map_or(Duration::ZERO, |round_trip| round_trip.mean / 2);
        let missed = stats.lost + stats.late;
        let heard = (stats.expected > 0)
            .then(|| Way { loss: share(missed, stats.expected), delay: PACKET + network + stats.delay });
        let far = stats.far.filter(|_| stats.sent > 0);
        let said = far.map(|far| Way { loss: share(far.lost, stats.sent), delay: PACKET + network });
        let opinion = |way| rating(codec, way).map(mean_opinion);
        Self { heard: heard.and_then(opinion), said: said.and_then(opinion) }
    }
}

/// The rating R of a way, from below 0 to 93.2; `None` for a codec whose figures are not published. Loss counts as random.
#[must_use]
pub fn rating(codec: Codec, way: Way) -> Option<f64> {
    let Equipment { impairment, robustness } = equipment(codec)?;
    let percent = way.loss.clamp(0.0, 1.0) * 100.0;
    // G.107 equation 7-29, with BurstR = 1.
    let effective = impairment + (95.0 - impairment) * percent / (percent + robustness);
    Some(BASIC - SIMULTANEOUS - delay_impairment(way.delay.as_secs_f64() * 1_000.0) - effective)
}

/// The mean opinion score of a rating, 1 to 4.5 (G.107 annex B).
#[must_use]
pub fn mean_opinion(rating: f64) -> f64 {
    let r = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

/// By the name of the codec, because most codecs have no figures on this scale.
fn equipment(codec: Codec) -> Option<Equipment> {
    match codec.encoding_name() {
        // With concealment of lost packets as in G.711 appendix I.
        "PCMU" | "PCMA" => Some(Equipment { impairment: 0.0, robustness: 25.1 }),
        _ => None,
    }
}

/// What delay costs, of so many ms one way: echo of the talker, echo of the listener, and the delay itself
/// (G.107 section 7.4).
fn delay_impairment(ms: f64) -> f64 {
    let talker_echo =
        TALKER_ECHO - 40.0 * ((1.0 + ms / 10.0) / (1.0 + ms / 150.0)).log10() + 6.0 * (-0.3 * ms * ms).exp();
    let without = -1.5 * (NOISE - RECEIVE_LOUDNESS);
    let with = 80.0 + 2.5 * (talker_echo - 14.0);
    let talker = (half_hyperbola(without - with, 100.0) - 1.0) * (1.0 - (-ms).exp());
    let listener_echo = 10.5 * (ECHO_PATH + 7.0) * (2.0 * ms + 1.0).powf(-0.25);
    let listener = half_hyperbola(BASIC - listener_echo, 169.0);
    let x = (ms / 100.0).log2();
    let sixth = |value: f64| (1.0 + value.powi(6)).powf(1.0 / 6.0);
    let waiting = if ms <= 100.0 { 0.0 } else { 25.0 * (sixth(x) - 3.0 * sixth(x / 3.0) + 2.0) };
    talker + listener + waiting
}

fn half_hyperbola(difference: f64, square: f64) -> f64 {
    difference / 2.0 + (difference * difference / 4.0 + square).sqrt()
}

fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{FarSide, RoundTrip};

    fn score(loss: f64, ms: u64) -> (f64, f64) {
        let rating =
            rating(Codec::Pcma, Way { loss, delay: Duration::from_millis(ms) }).expect("its figures are known");
        (rating, mean_opinion(rating))
    }

    #[test]
    fn a_line_without_fault_has_the_rating_of_the_recommendation() {
        let (rating, mos) = score(0.0, 0);
        assert!((rating - 93.2).abs() < 0.1, "{rating}");
        assert!((mos - 4.41).abs() < 0.01, "{mos}");
    }

    #[test]
    fn ratings_become_the_opinions_of_annex_b() {
        for (rating, mos) in
            [(90.0, 4.34), (80.0, 4.02), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58), (0.0, 1.0), (-5.0, 1.0)]
        {
            let ours = mean_opinion(rating);
            assert!((ours - mos).abs() < 0.01, "{rating}: {ours} for {mos}");
        }
        assert!((mean_opinion(200.0) - 4.5).abs() < 1e-9);
    }

    #[test]
    fn loss_costs_what_the_robustness_of_the_codec_says() {
        // 95 × 1 / (1 + 25.1) and 95 × 10 / (10 + 25.1).
        for (loss, cost) in [(0.01, 3.64), (0.1, 27.07)] {
            let lost = score(0.0, 0).0 - score(loss, 0).0;
            assert!((lost - cost).abs() < 0.01, "{loss}: {lost}");
        }
    }

    #[test]
    fn delay_hardly_matters_up_to_150_ms_and_then_more_and_more() {
        // The curve of G.107 for a line without echo (TELR = 65 dB): 91 at 100 ms, 86 at 200 ms, 62 at 400 ms.
        let (near, middle, far) = (score(0.0, 100).0, score(0.0, 200).0, score(0.0, 400).0);
        assert!((near - 90.7).abs() < 0.2 && (middle - 85.8).abs() < 0.2 && (far - 62.3).abs() < 0.2);
        let ratings: Vec<f64> = (0..60).map(|n| score(0.0, n * 10).0).collect();
        assert!(ratings.windows(2).all(|pair| pair[1] <= pair[0] + 0.01), "{ratings:?}");
    }

    #[test]
    fn counters_become_scores_of_both_ways() {
        assert_eq!(Quality::of(Codec::Pcmu, &Stats::default()), Quality { heard: None, said: None });
        let stats = Stats { expected: 1_000, sent: 1_000, ..Stats::default() };
        let clean = Quality::of(Codec::Pcmu, &stats);
        assert!(clean.heard.is_some_and(|mos| mos > 4.3) && clean.said.is_none(), "{clean:?}");
        let far = Some(FarSide { lost: 50, ..FarSide::default() });
        let mean = Duration::from_millis(600);
        let round_trip = Some(RoundTrip { mean, ..RoundTrip::default() });
        let bad = Quality::of(Codec::Pcmu, &Stats { lost: 20, late: 10, far, round_trip, ..stats });
        let (Some(heard), Some(said)) = (bad.heard, bad.said) else { panic!("{bad:?}") };
        assert!(said < heard && heard < 3.9, "{bad:?}");
    }
}
