//! The tones of the telephone networks: who plays which, how long on and how long off.
//!
//! Sources: ITU-T E.180 Supplement 2 and the lists of national tones that the ITU publishes from it, BT SIN 350 (United
//! Kingdom), ACIF S002 (Australia), Telepermit TNA 102 (New Zealand), IDA TS PSTN 1 (Singapore). Countries are named by
//! ISO 3166. Where one country's engaged tone is another one's congestion, both rows stand here and
//! [`signal`](super::signal) takes it for the former.

/// What a tone of the network says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// The callee's phone rings.
    Ringback,
    /// The callee's line is engaged.
    Busy,
    /// The network has no way free.
    Congestion,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cadence {
    pub(super) signal: Signal,
    /// The frequencies in Hz; the second is 0 where there is one only. A modulated tone stands with its carrier.
    pub(super) hz: [u16; 2],
    /// Milliseconds on, off, on, off; the last two are 0 where two repeat.
    pub(super) on_off: [u16; 4],
    #[cfg_attr(not(test), expect(dead_code, reason = "says where a row comes from"))]
    pub(super) countries: &'static str,
}

impl Cadence {
    /// The frequency in the middle, which is what the meter finds.
    pub(super) fn middle(&self) -> f32 {
        let [low, high] = self.hz.map(f32::from);
        if high > 0.0 { (low + high) / 2.0 } else { low }
    }

    /// The lengths that repeat.
    pub(super) fn lengths(&self) -> &[u16] {
        if self.on_off[2] == 0 { &self.on_off[..2] } else { &self.on_off }
    }
}

const fn row(signal: Signal, hz: [u16; 2], on_off: [u16; 4], countries: &'static str) -> Cadence {
    Cadence { signal, hz, on_off, countries }
}

use Signal::{Busy, Congestion, Ringback};

const DOUBLE: [u16; 4] = [400, 200, 400, 2_000];

/// Every tone that is looked for.
pub(super) const CADENCES: &[Cadence] = &[
    row(Ringback, [425, 0], [1_000, 4_000, 0, 0], "BG BR CH CZ DE DK EE FI GR ID IT LT MX NL NO PL RU VE"),
    row(Ringback, [425, 0], [1_000, 3_000, 0, 0], "BE"),
    row(Ringback, [425, 0], [1_000, 5_000, 0, 0], "PT SE"),
    row(Ringback, [425, 0], [1_250, 3_750, 0, 0], "HU"),
    row(Ringback, [425, 0], [1_500, 3_000, 0, 0], "ES"),
    row(Ringback, [425, 0], DOUBLE, "MY SG"),
    row(Ringback, [440, 0], [1_500, 3_500, 0, 0], "FR"),
    row(Ringback, [420, 0], [1_000, 5_000, 0, 0], "AT TH"),
    row(Ringback, [414, 0], [1_000, 3_000, 0, 0], "IL"),
    row(Ringback, [400, 0], [1_000, 3_000, 0, 0], "CL"),
    row(Ringback, [400, 0], [1_000, 2_000, 0, 0], "JP"),
    row(Ringback, [400, 0], DOUBLE, "IN ZA"),
    row(Ringback, [450, 0], [1_000, 4_000, 0, 0], "CN"),
    row(Ringback, [413, 438], DOUBLE, "AU"),
    row(Ringback, [400, 450], DOUBLE, "GB IE NZ"),
    row(Ringback, [425, 480], [1_000, 4_000, 0, 0], "PH"),
    row(Ringback, [440, 480], [2_000, 4_000, 0, 0], "CA US"),
    row(Ringback, [440, 480], [1_000, 2_000, 0, 0], "TW"),
    row(Ringback, [440, 480], [400, 200, 400, 3_000], "HK"),
    row(Busy, [425, 0], [500, 500, 0, 0], "BE BG CH DK ID IT MY NL NO PL PT VE"),
    row(Busy, [425, 0], [480, 480, 0, 0], "DE"),
    row(Busy, [425, 0], [375, 375, 0, 0], "AU"),
    row(Busy, [425, 0], [350, 350, 0, 0], "LT RU"),
    row(Busy, [425, 0], [330, 330, 0, 0], "CZ"),
    row(Busy, [425, 0], [300, 300, 0, 0], "EE FI GR HU"),
    row(Busy, [425, 0], [250, 250, 0, 0], "BR MX SE"),
    row(Busy, [425, 0], [200, 200, 0, 0], "ES"),
    row(Busy, [425, 0], [750, 750, 0, 0], "SG"),
    row(Busy, [420, 0], [400, 400, 0, 0], "AT"),
    row(Busy, [414, 0], [500, 500, 0, 0], "IL"),
    row(Busy, [400, 0], [500, 500, 0, 0], "CL JP NZ TH ZA"),
    row(Busy, [400, 0], [375, 375, 0, 0], "GB IE"),
    row(Busy, [400, 0], [750, 750, 0, 0], "IN"),
    row(Busy, [440, 0], [500, 500, 0, 0], "FR"),
    row(Busy, [450, 0], [350, 350, 0, 0], "CN"),
    row(Busy, [480, 620], [500, 500, 0, 0], "CA HK PH TW US"),
    row(Congestion, [425, 0], [250, 250, 0, 0], "BG ID NL SG VE"),
    row(Congestion, [425, 0], [240, 240, 0, 0], "DE"),
    row(Congestion, [425, 0], [200, 200, 0, 0], "CH DK EE FI GR IT LT NO PT"),
    row(Congestion, [425, 0], [170, 170, 0, 0], "BE CZ RU"),
    row(Congestion, [425, 0], [250, 750, 0, 0], "SE"),
    row(Congestion, [425, 0], [250, 250, 750, 250], "BR"),
    row(Congestion, [420, 0], [200, 200, 0, 0], "AT"),
    row(Congestion, [414, 0], [250, 250, 0, 0], "IL"),
    row(Congestion, [400, 0], [400, 350, 225, 525], "GB IE"),
    row(Congestion, [400, 0], [250, 250, 0, 0], "IN NZ ZA"),
    row(Congestion, [400, 0], [200, 200, 0, 0], "CL"),
    row(Congestion, [440, 0], [250, 250, 0, 0], "FR"),
    row(Congestion, [450, 0], [700, 700, 0, 0], "CN"),
    row(Congestion, [480, 620], [250, 250, 0, 0], "CA HK PH TW US"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_ringing_tone_and_no_row_stands_twice() {
        let of = |signal: Signal| -> Vec<&str> {
            let rows = CADENCES.iter().filter(|row| row.signal == signal);
            rows.flat_map(|row| row.countries.split(' ')).collect()
        };
        let (rings, engaged) = (of(Ringback), of(Busy));
        for country in &engaged {
            assert!(rings.contains(country), "{country} has an engaged tone and no ringing tone");
        }
        for signal in [Ringback, Busy] {
            let mut all = of(signal);
            all.sort_unstable();
            let before = all.len();
            all.dedup();
            assert_eq!(all.len(), before, "a country has two tones of {signal:?}");
        }
        for row in CADENCES {
            assert!(row.lengths().iter().all(|ms| (160..=5_000).contains(ms)), "{row:?}");
        }
    }
}
