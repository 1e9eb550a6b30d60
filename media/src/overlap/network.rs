//! A small neural network: one hidden layer, three kinds of sound.

use super::features::{FEATURES, Features};
use crate::vector::dot;

/// Numbers so many deviations from the mean say no more than that.
const FARTHEST: f32 = 4.0;

/// Weights of a network with so many neurons.
pub(super) struct Network<const N: usize> {
    /// What is usual of each number.
    pub(super) mean: Features,
    /// One over its standard deviation.
    pub(super) scale: Features,
    /// Weights and bias of each neuron.
    pub(super) hidden: [(Features, f32); N],
    /// Weights and bias of each kind of sound.
    pub(super) output: [([f32; N], f32); 3],
}

/// How much speaks for each kind of sound, in natural logarithms of likelihood.
#[derive(Clone, Copy, Debug, PartialEq)]
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

impl<const N: usize> Network<N> {
    pub(super) fn judge(&self, features: &Features) -> Opinion {
        let usual: Features = std::array::from_fn::<_, FEATURES, _>(|n| {
            ((features[n] - self.mean[n]) * self.scale[n]).clamp(-FARTHEST, FARTHEST)
        });
        let hidden: [f32; N] = std::array::from_fn(|n| {
            let (weights, bias) = &self.hidden[n];
            (dot(weights, &usual) + bias).max(0.0)
        });
        let [talk, remark, noise] = std::array::from_fn(|kind| {
            let (weights, bias) = &self.output[kind];
            dot(weights, &hidden) + bias
        });
        Opinion { talk, remark, noise }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neuron_that_is_silent_says_nothing_and_far_values_are_cut() {
        let only_first = std::array::from_fn(|n| if n == 0 { 1.0 } else { 0.0 });
        let network = Network::<1> {
            mean: [1.0; FEATURES],
            scale: [0.5; FEATURES],
            hidden: [(only_first, -1.0)],
            output: [([2.0], 0.5), ([0.0], -0.5), ([0.0], 0.0)],
        };
        assert_eq!(network.judge(&[1.0; FEATURES]), Opinion { talk: 0.5, remark: -0.5, noise: 0.0 });
        assert_eq!(network.judge(&[5.0; FEATURES]).talk, 2.5);
        assert_eq!(network.judge(&[900.0; FEATURES]).talk, 6.5);
    }

    #[test]
    fn odds_are_against_both_others_together() {
        let even = Opinion { talk: 0.0, remark: 0.0, noise: 0.0 };
        assert!((even.odds_of_talk() + 2f32.ln()).abs() < 1e-6);
        assert!(Opinion { noise: 400.0, ..even }.odds_of_talk() < -399.0);
    }
}
