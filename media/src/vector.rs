//! Arithmetic on runs of samples, written so that the compiler can use vector registers.

/// Dot product over the shorter length, in eight independent sums: the compiler may not reorder floating-point
/// additions by itself.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    let mut sums = [0.0f32; 8];
    let (a, a_rest) = a[..length].as_chunks::<8>();
    let (b, b_rest) = b[..length].as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h)) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_counted_once_at_every_length() {
        let ones = [1.0; 40];
        let counted: Vec<f32> = (0..40u8).map(f32::from).collect();
        for length in 0..=40usize {
            let wanted = (0..length).sum::<usize>() as f32;
            assert_eq!(dot(&counted[..length], &ones), wanted, "{length}");
            assert_eq!(dot(&ones, &counted[..length]), wanted, "{length}");
        }
    }
}
