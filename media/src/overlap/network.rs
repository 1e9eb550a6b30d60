//! A small recurrent network that listens to a sound frame by frame: gated memory (GRU), three kinds of sound.

use crate::vector::dot;

/// Numbers that it is told of a frame.
pub(super) const INPUTS: usize = 26;

/// Numbers that it remembers.
pub(super) const MEMORY: usize = 32;

/// Gates: what is forgotten, what is kept, what is new.
const GATES: usize = 3 * MEMORY;

/// Kinds of sound.
const KINDS: usize = 3;

/// What it is told of a frame.
pub(super) type Inputs = [f32; INPUTS];

/// Weights are stored as whole numbers of this part.
const PART: f32 = 1.0 / 512.0;

/// Numbers in a file of weights.
const STORED: usize = GATES * (INPUTS + MEMORY + 2) + KINDS * (MEMORY + 1);

/// What the network has learnt.
pub(super) struct Network {
    /// Of what it is told, and of what it remembers, with a bias each.
    told: [[f32; INPUTS]; GATES],
    told_bias: [f32; GATES],
    remembered: [[f32; MEMORY]; GATES],
    remembered_bias: [f32; GATES],
    output: [[f32; MEMORY]; KINDS],
    output_bias: [f32; KINDS],
}

/// What it remembers of a sound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory([f32; MEMORY]);

/// How much speaks for each kind of sound, in natural logarithms of likelihood.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Opinion {
    pub(super) talk: f32,
    pub(super) remark: f32,
    pub(super) noise: f32,
}

impl Opinion {
    /// Talk against everything else: the logarithm of the odds.
    pub(super) fn odds_of_talk(&self) -> f32 {
        let most = self.remark.max(self.noise);
        self.talk - most - ((self.remark - most).exp() + (self.noise - most).exp()).ln()
    }
}

impl Memory {
    pub(super) const fn new() -> Self {
        Self([0.0; MEMORY])
    }
}

impl Network {
    /// Weights as the trainer writes them: 16 bits each, little-endian, in the order of the fields.
    pub(super) const fn read(bytes: &[u8; 2 * STORED]) -> Self {
        let (told, at) = rows(bytes, 0);
        let (told_bias, at) = row(bytes, at);
        let (remembered, at) = rows(bytes, at);
        let (remembered_bias, at) = row(bytes, at);
        let (output, at) = rows(bytes, at);
        let (output_bias, _) = row(bytes, at);
        Self { told, told_bias, remembered, remembered_bias, output, output_bias }
    }

    /// Listens to a frame.
    pub(super) fn hear(&self, memory: &mut Memory, inputs: &Inputs) -> Opinion {
        let before = memory.0;
        for (n, remembered) in memory.0.iter_mut().enumerate() {
            let told = |gate: usize| dot(&self.told[gate], inputs) + self.told_bias[gate];
            let past = |gate: usize| dot(&self.remembered[gate], &before) + self.remembered_bias[gate];
            let forgotten = sigmoid(told(n) + past(n));
            let kept = sigmoid(told(MEMORY + n) + past(MEMORY + n));
            let new = (told(2 * MEMORY + n) + forgotten * past(2 * MEMORY + n)).tanh();
            *remembered = (1.0 - kept) * new + kept * before[n];
        }
        let [talk, remark, noise] =
            std::array::from_fn(|kind| dot(&self.output[kind], &memory.0) + self.output_bias[kind]);
        Opinion { talk, remark, noise }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

const fn row<const N: usize>(bytes: &[u8], mut at: usize) -> ([f32; N], usize) {
    let mut row = [0.0; N];
    let mut n = 0;
    while n < N {
        row[n] = i16::from_le_bytes([bytes[at], bytes[at + 1]]) as f32 * PART;
        (n, at) = (n + 1, at + 2);
    }
    (row, at)
}

const fn rows<const N: usize, const M: usize>(bytes: &[u8], mut at: usize) -> ([[f32; N]; M], usize) {
    let mut rows = [[0.0; N]; M];
    let mut n = 0;
    while n < M {
        (rows[n], at) = row(bytes, at);
        n += 1;
    }
    (rows, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network that knows nothing, but for some of its numbers.
    fn with(numbers: &[(usize, i16)]) -> Network {
        let mut bytes = [0; 2 * STORED];
        for (place, number) in numbers {
            bytes[2 * place..2 * place + 2].copy_from_slice(&number.to_le_bytes());
        }
        Network::read(&bytes)
    }

    #[test]
    fn what_is_told_is_remembered_and_fades() {
        let new_of_first = 2 * MEMORY * INPUTS;
        let output = STORED - 3 * (MEMORY + 1);
        let network = with(&[(new_of_first, 512), (output, 1_024), (STORED - 2, -256)]);
        let mut memory = Memory::new();
        let mut loud = [0.0; INPUTS];
        loud[0] = 1.0;
        let heard = network.hear(&mut memory, &loud);
        // Half of tanh(1) is remembered, twice of it is said.
        assert!((heard.talk - 1f32.tanh()).abs() < 1e-6, "{heard:?}");
        assert_eq!((heard.remark, heard.noise), (-0.5, 0.0));
        let later = network.hear(&mut memory, &[0.0; INPUTS]);
        assert!((later.talk - heard.talk / 2.0).abs() < 1e-6, "{later:?}");
    }

    #[test]
    fn odds_are_against_both_others_together() {
        let even = Opinion::default();
        assert!((even.odds_of_talk() + 2f32.ln()).abs() < 1e-6);
        assert!(Opinion { noise: 400.0, ..even }.odds_of_talk() < -399.0);
    }
}
