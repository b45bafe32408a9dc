//! How sure a score is: 95 % intervals and paired differences by bootstrap over examples.
//!
//! Every score here is a function of sums over the examples, so a resample draws examples with
//! replacement and adds their rows. All candidates are resampled with the same draws (the stream
//! depends on seed, task and metric only): that is what makes a difference between two of them *paired*.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::random::Stream;

/// Resamples drawn; the interval's ends are then the 26th of 1000 from either side, as in sacreBLEU.
pub const RESAMPLES: u64 = 1000;

/// One row of sums' addends for each example.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    width: usize,
    values: Vec<f64>,
}

impl Rows {
    /// Collects rows of `width` numbers each; a row of another length is cut or filled with zeros.
    pub fn new(width: usize, rows: impl IntoIterator<Item = Vec<f64>>) -> Self {
        let mut values = Vec::new();
        for mut row in rows {
            row.resize(width, 0.0);
            values.extend(row);
        }
        Self { width, values }
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rows, in the order of the examples.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// The sum of all rows.
    pub fn sum(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        self.iter().for_each(|row| add(&mut sum, row));
        sum
    }

    /// The sum of as many rows as there are, drawn with replacement.
    fn resampled_sum(&self, draws: Stream) -> Vec<f64> {
        let count = self.len() as u64;
        let mut sum = vec![0.0; self.width];
        for draw in 0..count {
            let start = draws.below_at(draw, count) as usize * self.width;
            if let Some(row) = self.values.get(start..start + self.width) {
                add(&mut sum, row);
            }
        }
        sum
    }
}

fn add(sum: &mut [f64], row: &[f64]) {
    for (sum, addend) in sum.iter_mut().zip(row) {
        *sum += addend;
    }
}

/// The middle 95 % of a score's bootstrap distribution, in the unit of the score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// How two candidates differ on the same examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// First minus second, in the unit of the score.
    pub value: f64,
    /// 95 % interval of the difference.
    pub interval: Interval,
    /// Two-sided probability of a difference at least this large if the two were equally good.
    pub p_value: f64,
}

/// The 95 % interval of a score; `None` for fewer than two examples, which say nothing about spread.
pub fn interval(rows: &Rows, score: impl Fn(&[f64]) -> f64 + Sync, stream: Stream) -> Option<Interval> {
    let scores = resampled(rows.len(), |draws| score(&rows.resampled_sum(draws)), stream)?;
    middle(scores)
}

/// Wilson's 95 % interval of a share, in percent: for shares of all or none, of which every resample is
/// the same and says nothing about spread.
///
/// # Source
/// Wilson 1927.
pub fn share_interval(hits: f64, count: f64) -> Interval {
    // The 97.5th percentile of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    let share = hits / count;
    let middle = share + Z * Z / (2.0 * count);
    let spread = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    let ends = [middle - spread, middle + spread].map(|end| 100.0 * (end / (1.0 + Z * Z / count)).clamp(0.0, 1.0));
    Interval { low: ends[0], high: ends[1] }
}

/// The paired difference of two candidates on the same examples in the same order.
///
/// `None` if they do not have the same number of examples, or fewer than two.
///
/// # Source
/// Koehn 2004 (paired bootstrap); the p-value by shifting the distribution to mean zero
/// (Noreen 1989, as used in multeval and sacreBLEU), with one added to both counts.
pub fn difference(
    first: &Rows,
    second: &Rows,
    score: impl Fn(&[f64]) -> f64 + Sync,
    stream: Stream,
) -> Option<Difference> {
    if first.len() != second.len() {
        return None;
    }
    let value = score(&first.sum()) - score(&second.sum());
    let once = |draws| score(&first.resampled_sum(draws)) - score(&second.resampled_sum(draws));
    let differences = resampled(first.len(), once, stream)?;
    let mean = differences.iter().fold(0.0, |sum, d| sum + d) / differences.len() as f64;
    let as_large = differences.iter().filter(|&d| (d - mean).abs() >= value.abs()).count();
    let p_value = (as_large + 1) as f64 / (differences.len() + 1) as f64;
    Some(Difference { value, interval: middle(differences)?, p_value })
}

/// The statistic of each resample, in a fixed order.
fn resampled(examples: usize, once: impl Fn(Stream) -> f64 + Sync, stream: Stream) -> Option<Vec<f64>> {
    if examples < 2 {
        return None;
    }
    let scores: Vec<f64> = (0..RESAMPLES).into_par_iter().map(|index| once(stream.child(index))).collect();
    scores.iter().all(|s| s.is_finite()).then_some(scores)
}

fn middle(mut scores: Vec<f64>) -> Option<Interval> {
    scores.sort_by(f64::total_cmp);
    let outside = scores.len() / 40;
    let low = *scores.get(outside)?;
    let high = *scores.get(scores.len().checked_sub(outside + 1)?)?;
    Some(Interval { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(sums: &[f64]) -> f64 {
        sums[0] / sums[1]
    }

    fn normal_rows(count: u64, seed: u64, shift: f64) -> Rows {
        // The sum of 12 uniform numbers less 6 has mean 0 and standard deviation 1.
        let stream = Stream::new(seed, "rows");
        let value = |i: u64| (0..12).map(|k| stream.unit_at(i * 12 + k)).sum::<f64>() - 6.0;
        Rows::new(2, (0..count).map(|i| vec![value(i) + shift, 1.0]))
    }

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_theory_says() {
        let interval = interval(&normal_rows(400, 3, 0.0), mean, Stream::new(1, "x")).unwrap();
        // ±1.96 / √400 = 0.196 in all; the estimate itself spreads by about 6 %.
        assert!((interval.high - interval.low - 0.196).abs() < 0.03, "{interval:?}");
    }

    #[test]
    fn about_95_of_100_intervals_hold_the_true_mean() {
        let holding = (0..200)
            .filter(|&seed| {
                let i = interval(&normal_rows(100, seed, 0.5), mean, Stream::new(seed, "x")).unwrap();
                i.low <= 0.5 && 0.5 <= i.high
            })
            .count();
        // Binomial(200, 0.945): mean 189, standard deviation 3.2; four of them.
        assert!((176..=200).contains(&holding), "{holding}");
    }

    #[test]
    fn a_constant_shift_is_a_certain_difference_and_none_is_none() {
        let (a, b) = (normal_rows(50, 1, 0.1), normal_rows(50, 1, 0.0));
        let found = difference(&a, &b, mean, Stream::new(1, "x")).unwrap();
        assert!((found.value - 0.1).abs() < 1e-12 && found.p_value < 0.001, "{found:?}");
        assert!((found.interval.low - 0.1).abs() < 1e-9 && (found.interval.high - 0.1).abs() < 1e-9);
        let same = difference(&a, &a, mean, Stream::new(1, "x")).unwrap();
        assert_eq!((same.value, same.p_value), (0.0, 1.0));
        let unrelated = difference(&a, &normal_rows(50, 9, 0.1), mean, Stream::new(1, "x")).unwrap();
        assert!(unrelated.p_value > 0.05, "{unrelated:?}");
    }

    #[test]
    fn all_right_of_eight_is_not_certainty() {
        // 8 of 8: n / (n + z²) at the lower end; 0 of 8 mirrors it.
        let all = share_interval(8.0, 8.0);
        assert!((all.low - 100.0 * 8.0 / (8.0 + 1.959963984540054f64.powi(2))).abs() < 1e-9 && all.high == 100.0);
        let none = share_interval(0.0, 8.0);
        assert!(none.low == 0.0 && (none.high - (100.0 - all.low)).abs() < 1e-9);
    }

    #[test]
    fn one_example_has_no_interval_and_the_seed_decides_the_draws() {
        assert_eq!(interval(&normal_rows(1, 1, 0.0), mean, Stream::new(1, "x")), None);
        assert_eq!(difference(&normal_rows(2, 1, 0.0), &normal_rows(3, 1, 0.0), mean, Stream::new(1, "x")), None);
        let rows = normal_rows(30, 1, 0.0);
        let twice = [1, 1, 2].map(|seed| interval(&rows, mean, Stream::new(seed, "x")).unwrap());
        assert_eq!(twice[0], twice[1]);
        assert_ne!(twice[0], twice[2]);
    }
}
