//! Vectors of meaning: what a model of embeddings makes of a passage or a question, kept in a byte a dimension.
//!
//! A vector has length 1, so that the product of two of them is the cosine between them. Bytes are enough: the cosine is
//! off by some thousandths, far less than models differ about what fits.

/// Most dimensions of a vector.
pub const MAX_DIMENSIONS: usize = 8_192;

/// Bytes before the dimensions of a stored vector: its scale.
const HEAD: usize = 4;

/// A vector of length 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    /// What a step of a dimension is worth.
    scale: f32,
    steps: Vec<i8>,
}

impl Vector {
    /// From what a model gave, of any length but 0. Nothing when it is no vector: a number is none, all are 0, or there
    /// are too many.
    #[must_use]
    pub fn new(values: &[f32]) -> Option<Self> {
        let length = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let sound = length.is_finite() && largest > 0.0 && (1..=MAX_DIMENSIONS).contains(&values.len());
        if !sound {
            return None;
        }
        let step = largest / 127.0;
        #[expect(clippy::cast_possible_truncation, reason = "at most 127 steps of the largest one")]
        let steps: Vec<i8> = values.iter().map(|value| (value / step).round() as i8).collect();
        #[expect(clippy::cast_possible_truncation, reason = "a part of 1")]
        let scale = (f64::from(step) / length) as f32;
        (scale > 0.0 && scale.is_finite()).then_some(Self { scale, steps })
    }

    /// As it is kept: the scale, little endian, and a byte a dimension.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let steps = self.steps.iter().map(|step| step.cast_unsigned());
        self.scale.to_le_bytes().into_iter().chain(steps).collect()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, steps) = bytes.split_first_chunk::<HEAD>()?;
        let scale = f32::from_le_bytes(*head);
        let sound = scale > 0.0 && scale.is_finite() && (1..=MAX_DIMENSIONS).contains(&steps.len());
        sound.then(|| Self { scale, steps: steps.iter().map(|step| step.cast_signed()).collect() })
    }

    /// How many dimensions it has.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.steps.len()
    }
}

/// The vectors of a document, side by side in memory.
#[derive(Clone, Debug, Default)]
pub struct Vectors {
    dimensions: usize,
    /// Which piece each is of, and its scale.
    heads: Vec<(u32, f32)>,
    steps: Vec<i8>,
}

impl Vectors {
    /// Adds the vector of a piece. One of other dimensions than those before is left out: false.
    pub fn push(&mut self, piece: u32, vector: &Vector) -> bool {
        if self.heads.is_empty() {
            self.dimensions = vector.dimensions();
        }
        let fits = vector.dimensions() == self.dimensions;
        if fits {
            self.heads.push((piece, vector.scale));
            self.steps.extend_from_slice(&vector.steps);
        }
        fits
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.steps.capacity() + self.heads.capacity() * size_of::<(u32, f32)>()
    }

    /// The pieces nearest to a question with the cosine between them, at least `least`, nearest first; equals by piece.
    /// None for a question of other dimensions.
    #[must_use]
    pub fn nearest(&self, question: &Vector, most: usize, least: f32) -> Vec<(u32, f32)> {
        if question.dimensions() != self.dimensions || most == 0 {
            return Vec::new();
        }
        let mut found: Vec<(u32, f32)> = Vec::new();
        for ((piece, scale), steps) in self.heads.iter().zip(self.steps.chunks_exact(self.dimensions)) {
            let cosine = product(&question.steps, steps) as f32 * scale * question.scale;
            if cosine >= least {
                found.push((*piece, cosine));
            }
        }
        let nearer = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if found.len() > most {
            found.select_nth_unstable_by(most - 1, nearer);
            found.truncate(most);
        }
        found.sort_by(nearer);
        found
    }
}

/// At most 8192 times 127 times 127, which fits.
fn product(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(i16::from(*a) * i16::from(*b))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from −1 to 1, the same in every run.
    fn noise(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn a_byte_a_dimension_keeps_the_cosine() {
        for seed in 1..40 {
            let (a, other) = (noise(seed, 768), noise(seed + 100, 768));
            let near: Vec<f32> = a.iter().zip(&other).map(|(a, other)| 3.0 * a + other).collect();
            let mut vectors = Vectors::default();
            for (piece, values) in [(7, &near), (9, &other)] {
                let vector = Vector::new(values).expect("a vector");
                assert!(vectors.push(piece, &Vector::from_bytes(&vector.to_bytes()).expect("it reads back")));
            }
            let found = vectors.nearest(&Vector::new(&a).expect("a vector"), 5, -1.0);
            assert_eq!(found.iter().map(|(piece, _)| *piece).collect::<Vec<_>>(), [7, 9], "seed {seed}");
            for ((_, got), wanted) in found.iter().zip([cosine(&a, &near), cosine(&a, &other)]) {
                assert!((f64::from(*got) - wanted).abs() < 0.005, "seed {seed}: {got} for {wanted}");
            }
        }
    }

    #[test]
    fn what_is_no_vector_is_none() {
        for values in [&[][..], &[0.0, 0.0], &[1.0, f32::NAN], &[f32::INFINITY, 1.0], &[0.5; MAX_DIMENSIONS + 1]] {
            assert_eq!(Vector::new(values), None, "{} values", values.len());
        }
        assert!(Vector::new(&[f32::MAX; 4]).is_some() && Vector::new(&[1e-30; 4]).is_some());
        for bytes in [&[][..], &[0, 0, 128, 63], &[0, 0, 0, 0, 1], &[0, 0, 192, 127, 1]] {
            assert_eq!(Vector::from_bytes(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn the_nearest_are_few_and_near_enough() {
        let mut vectors = Vectors::default();
        for piece in 0..100 {
            let angle = f32::from(u8::try_from(piece).expect("small")) * 0.01;
            assert!(vectors.push(piece, &Vector::new(&[angle.cos(), angle.sin()]).expect("a vector")));
        }
        assert!(!vectors.push(100, &Vector::new(&[1.0, 2.0, 3.0]).expect("a vector")), "other dimensions");
        let question = Vector::new(&[1.0, 0.0]).expect("a vector");
        let found = vectors.nearest(&question, 3, 0.0);
        assert_eq!(found.iter().map(|(piece, _)| *piece).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(vectors.nearest(&question, 100, 0.9).len() < 50);
        assert_eq!(vectors.nearest(&Vector::new(&[1.0]).expect("a vector"), 3, -1.0), []);
        assert_eq!(Vectors::default().nearest(&question, 3, -1.0), []);
    }
}
