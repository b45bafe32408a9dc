//! Takes sequences from several sources in turn, so that any beginning has the right shares.

/// Chooses a source for each sequence: after `t` sequences every source has had within one of `t · weight`.
///
/// # Source  Tijdeman 1980, "The chairman assignment problem", Discrete Mathematics 32
#[derive(Debug)]
pub(super) struct Interleave {
    weights: Vec<f64>,
    counts: Vec<u64>,
    chosen: u64,
    slack: f64,
}

impl Interleave {
    /// `weights` are positive and are scaled to sum to 1.
    pub fn new(weights: &[f64]) -> Self {
        let sum: f64 = weights.iter().sum();
        let slack = if weights.len() > 1 { 1.0 / (2 * weights.len() - 2) as f64 } else { 1.0 };
        Self { weights: weights.iter().map(|w| w / sum).collect(), counts: vec![0; weights.len()], chosen: 0, slack }
    }

    /// The next source among those that have `left` anything; `None` if none has.
    pub fn next(&mut self, left: impl Fn(usize) -> bool) -> Option<usize> {
        let time = (self.chosen + 1) as f64;
        let due = |source: usize| -> (f64, f64) {
            let weight = self.weights.get(source).copied().unwrap_or(0.0);
            let count = self.counts.get(source).copied().unwrap_or(0) as f64;
            // How far it is behind, and when it will be too far behind.
            (weight * time - count, (1.0 - self.slack + count) / weight)
        };
        let open = || (0..self.weights.len()).filter(|source| left(*source));
        let eligible = open().filter(|source| due(*source).0 >= self.slack - 1e-9);
        let first = eligible.min_by(|a, b| due(*a).1.total_cmp(&due(*b).1));
        let source = first.or_else(|| open().max_by(|a, b| due(*a).0.total_cmp(&due(*b).0).then(b.cmp(a))))?;
        self.chosen += 1;
        *self.counts.get_mut(source)? += 1;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_beginning_has_the_right_shares(raw in proptest::collection::vec(0.01f64..1.0, 1..8)) {
            let sum: f64 = raw.iter().sum();
            let mut interleave = Interleave::new(&raw);
            for time in 1..=2000u32 {
                interleave.next(|_| true).unwrap();
                for (count, weight) in interleave.counts.iter().zip(&raw) {
                    let wanted = weight / sum * f64::from(time);
                    proptest::prop_assert!((*count as f64 - wanted).abs() < 1.0 + 1e-6, "{} of {}", count, wanted);
                }
            }
        }
    }

    #[test]
    fn an_exhausted_source_is_passed_over() {
        let mut interleave = Interleave::new(&[0.5, 0.5]);
        for _ in 0..10 {
            assert_eq!(interleave.next(|source| source == 1), Some(1));
        }
        assert_eq!(interleave.next(|_| false), None);
    }
}
