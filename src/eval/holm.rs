//! Holm's correction: with many comparisons some look like differences by chance, and their p-values have to say so.

/// The p-values after correction for all of them, in the same order; where there is none, there is none.
///
/// If all compared are equally good, the probability that any corrected value is below a level is at most that level.
///
/// # Source
/// Holm 1979
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = p_values.iter().enumerate().filter_map(|(at, p)| Some((at, (*p)?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut corrected = vec![None; p_values.len()];
    let mut largest = 0.0f64;
    for ((at, p), left) in order.iter().zip((1..=order.len()).rev()) {
        // A comparison cannot be surer than one with a smaller p-value.
        largest = largest.max((p * left as f64).min(1.0));
        if let Some(place) = corrected.get_mut(*at) {
            *place = Some(largest);
        }
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_is_multiplied_most_and_order_stays() {
        let corrected = holm(&[Some(0.03), None, Some(0.01), Some(0.02), Some(0.6)]);
        // 0.01·4, then 0.02·3, then 0.03·2 but not less than before, then 0.6.
        let expected = [Some(0.06), None, Some(0.04), Some(0.06), Some(0.6)];
        for (got, expected) in corrected.iter().zip(expected) {
            assert_eq!(got.is_some(), expected.is_some());
            assert!(got.zip(expected).is_none_or(|(a, b)| (a - b).abs() < 1e-12), "{corrected:?}");
        }
        assert_eq!(holm(&[Some(0.9), Some(0.8)]), [Some(1.0), Some(1.0)]);
        assert!(holm(&[]).is_empty());
    }
}
