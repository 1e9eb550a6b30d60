//! Whether an encoded recording says the same as the WAV it was made of.

use super::decode::DecodeError;
use crate::frame::Rate;
use crate::level::SILENCE_DBFS;

/// A side of which no 20 ms are louder than this is silent: its course is not compared.
const SILENT_DBFS: f64 = -50.0;
/// What the codec may make of a silent side.
const QUIET_DBFS: f64 = -40.0;
/// How alike the courses of loudness have to be.
const CORRELATION: f64 = 0.97;
/// How much louder or quieter a side may have become, in dB. Speech keeps its level within 1 dB; of hiss as loud as speech the
/// codec drops up to 4.
const GAIN_DB: f64 = 4.5;

/// How alike two recordings are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Samples a side that both have.
    pub samples: u64,
    /// The caller (left).
    pub heard: SideAgreement,
    /// The agent (right).
    pub said: SideAgreement,
}

/// How alike one side is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SideAgreement {
    /// Correlation of the loudness of each 20 ms, 0 to 1; 1 where one of both is digital silence.
    pub correlation: f64,
    /// Level before, in dBFS.
    pub before_dbfs: f64,
    /// Level after, in dBFS.
    pub after_dbfs: f64,
    /// Loudest 20 ms before and after, in dBFS.
    pub loudest_dbfs: [f64; 2],
}

/// Why the WAV must stay.
#[derive(Debug, thiserror::Error)]
pub enum Disagreement {
    /// The encoded one cannot be read to its end.
    #[error("it cannot be read back")]
    Unreadable(#[from] DecodeError),
    /// They are not of one length.
    #[error("it has {after} samples of {before}")]
    Length {
        /// Samples of the WAV.
        before: u64,
        /// Samples of the other; counted until one more than the WAV has.
        after: u64,
    },
    /// A side sounds different.
    #[error("{side} sounds different: {agreement:?}")]
    Sound {
        /// Which side.
        side: &'static str,
        /// How different.
        agreement: SideAgreement,
    },
}

/// Compares what was recorded with what was read back, side by side, 20 ms by 20 ms. Both are read once, to their end.
///
/// # Errors
/// [`Disagreement`]: the encoded one does not stand for the WAV.
pub fn verify(
    rate: Rate,
    mut before: impl Iterator<Item = (i16, i16)>,
    mut after: impl Iterator<Item = Result<(i16, i16), DecodeError>>,
) -> Result<Agreement, Disagreement> {
    let (mut heard, mut said) = (Course::new(rate), Course::new(rate));
    let mut samples = 0;
    loop {
        let (old, new) = (before.next(), after.next().transpose()?);
        let (Some(old), Some(new)) = (old, new) else {
            let longer = |more: bool| samples + u64::from(more);
            return match (old, new) {
                (None, None) => check(samples, &mut heard, &mut said),
                _ => Err(Disagreement::Length {
                    before: longer(old.is_some()) + before.count() as u64,
                    after: longer(new.is_some()),
                }),
            };
        };
        samples += 1;
        heard.add(old.0, new.0);
        said.add(old.1, new.1);
    }
}

fn check(samples: u64, heard: &mut Course, said: &mut Course) -> Result<Agreement, Disagreement> {
    let agreement = Agreement { samples, heard: heard.agreement(), said: said.agreement() };
    for (side, agreement) in [("the caller", agreement.heard), ("the agent", agreement.said)] {
        if !agreement.is_close() {
            return Err(Disagreement::Sound { side, agreement });
        }
    }
    Ok(agreement)
}

impl SideAgreement {
    fn is_close(&self) -> bool {
        let [before, after] = self.loudest_dbfs;
        if before < SILENT_DBFS {
            return after < QUIET_DBFS;
        }
        self.correlation >= CORRELATION && (self.after_dbfs - self.before_dbfs).abs() <= GAIN_DB
    }
}

/// The loudness of one side before and after.
struct Course {
    frame: usize,
    filled: usize,
    samples: u64,
    /// Sums of squares of the frame that is being filled.
    power: [f64; 2],
    /// Sums over frames.
    powers: [f64; 2],
    loudest: [f64; 2],
    product: f64,
}

impl Course {
    const fn new(rate: Rate) -> Self {
        let (power, powers, loudest) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        Self { frame: rate.samples(), filled: 0, samples: 0, power, powers, loudest, product: 0.0 }
    }

    fn add(&mut self, before: i16, after: i16) {
        for (power, sample) in self.power.iter_mut().zip([before, after]) {
            *power += f64::from(sample) * f64::from(sample);
        }
        self.filled += 1;
        self.samples += 1;
        if self.filled == self.frame {
            self.close();
        }
    }

    fn close(&mut self) {
        let [before, after] = std::mem::take(&mut self.power);
        self.product += (before * after).sqrt();
        for (side, power) in [before, after].into_iter().enumerate() {
            self.powers[side] += power;
            self.loudest[side] = self.loudest[side].max(power);
        }
        self.filled = 0;
    }

    fn agreement(&mut self) -> SideAgreement {
        self.close();
        let [before, after] = self.powers;
        let both = (before * after).sqrt();
        let level = |power: f64, samples: u64| {
            let mean = power / (samples.max(1) as f64 * 32_768.0 * 32_768.0);
            (10.0 * mean.log10()).max(SILENCE_DBFS.into())
        };
        SideAgreement {
            correlation: if both > 0.0 { self.product / both } else { 1.0 },
            before_dbfs: level(before, self.samples),
            after_dbfs: level(after, self.samples),
            loudest_dbfs: self.loudest.map(|power| level(power, self.frame as u64)),
        }
    }
}
