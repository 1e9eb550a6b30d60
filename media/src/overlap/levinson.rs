//! Linear equations whose matrix is an autocorrelation (Levinson's recursion).

/// Solves `Σ_j own[|i - j|] x[j] = cross[i]`. `None` where the matrix is not positive.
pub(crate) fn solve<const N: usize>(own: &[f64; N], cross: &[f64; N]) -> Option<[f64; N]> {
    if own[0] <= 0.0 {
        return None;
    }
    let (mut x, mut forward) = ([0.0; N], [0.0; N]);
    x[0] = cross[0] / own[0];
    forward[0] = 1.0;
    let mut error = own[0];
    for n in 1..N {
        // The predictor of one order more.
        let missed: f64 = (0..n).map(|k| forward[k] * own[n - k]).sum();
        let reflection = -missed / error;
        let before = forward;
        for k in 0..=n {
            forward[k] = before[k] + reflection * before[n - k];
        }
        error *= 1.0 - reflection * reflection;
        if error <= own[0] * 1e-12 {
            return None;
        }
        // Its mirror image corrects the solution so far.
        let known: f64 = (0..n).map(|k| x[k] * own[n - k]).sum();
        let step = (cross[n] - known) / error;
        for k in 0..=n {
            x[k] += step * forward[n - k];
        }
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solution_solves_the_equations() {
        let own = [4.0, 2.0, 1.1, 0.5, 0.2];
        let cross = [1.0, -2.0, 3.0, 0.5, -1.5];
        let x = solve(&own, &cross).expect("the matrix is positive");
        for (row, wanted) in cross.iter().enumerate() {
            let sum: f64 = x.iter().enumerate().map(|(column, x)| own[row.abs_diff(column)] * x).sum();
            assert!((sum - wanted).abs() < 1e-9, "row {row}: {sum} for {wanted}");
        }
    }

    #[test]
    fn silence_and_impossible_matrices_have_no_solution() {
        assert_eq!(solve(&[0.0; 4], &[1.0; 4]), None);
        assert_eq!(solve(&[1.0, 2.0, 0.0], &[1.0; 3]), None);
    }
}
