//! One sub-band of G.722: an adaptive quantiser around a predictor of two poles and six zeros (clauses 3.3 to 3.6 and
//! 4.2). All arithmetic is that of 16-bit processors, so that both ends of a line stay in step to the bit.

/// Inverse quantiser of six bits, by code.
const SIX_BITS: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9_360,
    -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776, -2_400, -2_032,
    -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576,
    7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040,
    728, 432, 136, -432, -136,
];

/// Inverse quantiser of four bits, by the upper four of six.
const FOUR_BITS: [i32; 16] =
    [0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0];

/// Inverse quantiser of the upper band's two bits.
const TWO_BITS: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];

/// Decision levels of the lower band's quantiser, in 4,096ths of its step.
const DECISIONS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121, 1_219, 1_339,
    1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];

/// The upper band's only decision level.
const DECISION: i32 = 564;

/// What a step of the lower band does to its logarithmic scale, by the upper four bits.
const LOWER_GROWTH: [i32; 16] = [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];

/// The same of the upper band.
const UPPER_GROWTH: [i32; 4] = [798, -214, 798, -214];

/// Powers of two in steps of a 32nd, times 2,048.
const ANTILOG: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774, 2_834,
    2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];

/// Limits of what a band may say: 15 bits.
const LIMITS: (i32, i32) = (-16_384, 16_383);

/// The band up to 4 kHz, six bits a sample.
#[derive(Clone, Debug)]
pub(super) struct Lower {
    predictor: Predictor,
    scale: Scale,
}

impl Lower {
    pub(super) const fn new() -> Self {
        Self { predictor: Predictor::NEW, scale: Scale { log: 0, step: 32 } }
    }

    /// The code of a sample of 15 bits.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        let error = saturate(sample - self.predictor.estimate);
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let level = DECISIONS.partition_point(|&decision| (decision * self.scale.step) >> 12 <= magnitude) as u8 + 1;
        // Codes go down from the middle; those of the two smallest negative steps lie at the upper end.
        let code = match (error < 0, level) {
            (true, 1 | 2) => 64 - level,
            (true, level) => 34 - level,
            (false, level) => 62 - level,
        };
        self.adapt(code);
        code
    }

    /// The sample of a code, which has six bits.
    pub(super) fn decode(&mut self, code: u8) -> i32 {
        let difference = (self.scale.step * SIX_BITS[usize::from(code & 63)]) >> 15;
        let sample = (self.predictor.estimate + difference).clamp(LIMITS.0, LIMITS.1);
        self.adapt(code);
        sample
    }

    /// Both ends go by the upper four bits, so that a network may take away the others.
    fn adapt(&mut self, code: u8) {
        let upper = usize::from(code >> 2 & 15);
        let difference = (self.scale.step * FOUR_BITS[upper]) >> 15;
        self.scale.grow(LOWER_GROWTH[upper], 18_432, 8);
        self.predictor.take(difference);
    }
}

/// The band above 4 kHz, two bits a sample.
#[derive(Clone, Debug)]
pub(super) struct Upper {
    predictor: Predictor,
    scale: Scale,
}

impl Upper {
    pub(super) const fn new() -> Self {
        Self { predictor: Predictor::NEW, scale: Scale { log: 0, step: 8 } }
    }

    /// The code of a sample of 15 bits.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        let error = saturate(sample - self.predictor.estimate);
        let magnitude = if error < 0 { -(error + 1) } else { error };
        let small = magnitude < (DECISION * self.scale.step) >> 12;
        let code = u8::from(small) | if error < 0 { 0 } else { 2 };
        self.adapt(code);
        code
    }

    /// The sample of a code, which has two bits.
    pub(super) fn decode(&mut self, code: u8) -> i32 {
        let before = self.predictor.estimate;
        (before + self.adapt(code)).clamp(LIMITS.0, LIMITS.1)
    }

    fn adapt(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 3);
        let difference = (self.scale.step * TWO_BITS[code]) >> 15;
        self.scale.grow(UPPER_GROWTH[code], 22_528, 10);
        self.predictor.take(difference);
        difference
    }
}

/// How large a step of the quantiser is.
#[derive(Clone, Debug)]
struct Scale {
    log: i32,
    step: i32,
}

impl Scale {
    /// `most` bounds the logarithm; `shift` is where its whole part stands for a factor of one.
    fn grow(&mut self, growth: i32, most: i32, shift: i32) {
        self.log = (((self.log * 127) >> 7) + growth).clamp(0, most);
        let mantissa = ANTILOG[(self.log >> 6 & 31) as usize];
        let down = shift - (self.log >> 11);
        let step = if down < 0 { mantissa << -down } else { mantissa >> down };
        self.step = step << 2;
    }
}

/// Guesses the next sample from what both ends know.
#[derive(Clone, Debug)]
struct Predictor {
    /// The guess.
    estimate: i32,
    /// The part of it that comes from the zeros.
    from_zeros: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// Newest first: quantised differences, and the signs of their sums with what the zeros had guessed.
    differences: [i32; 6],
    signs: [bool; 2],
    /// The last two samples, newest first.
    samples: [i32; 2],
}

impl Predictor {
    const NEW: Self = Self {
        estimate: 0,
        from_zeros: 0,
        poles: [0; 2],
        zeros: [0; 6],
        differences: [0; 6],
        signs: [false; 2],
        samples: [0; 2],
    };

    /// Takes what the last guess was off by, and guesses anew.
    fn take(&mut self, difference: i32) {
        let sample = saturate(self.estimate + difference);
        let sign = saturate(self.from_zeros + difference) < 0;
        self.move_poles(sign);
        self.move_zeros(difference);
        self.samples = [sample, self.samples[0]];
        self.signs = [sign, self.signs[0]];
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;

        let from = |weights: &[i32], values: &[i32]| -> i32 {
            weights.iter().zip(values).map(|(weight, value)| (weight * saturate(2 * value)) >> 15).sum()
        };
        self.from_zeros = saturate(from(&self.zeros, &self.differences));
        self.estimate = saturate(saturate(from(&self.poles, &self.samples)) + self.from_zeros);
    }

    fn move_poles(&mut self, sign: bool) {
        let [first, second] = self.poles;
        let lean = saturate(first << 2);
        let lean = if sign == self.signs[0] { (-lean).min(32_767) } else { lean };
        let push = if sign == self.signs[1] { 128 } else { -128 };
        let second = ((lean >> 7) + push + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let push = if sign == self.signs[0] { 192 } else { -192 };
        let most = saturate(15_360 - second);
        self.poles = [saturate(push + ((first * 32_640) >> 15)).clamp(-most, most), second];
    }

    fn move_zeros(&mut self, difference: i32) {
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let push = if (before < 0) == (difference < 0) { push } else { -push };
            *zero = saturate(push + ((*zero * 32_640) >> 15));
        }
    }
}

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}
