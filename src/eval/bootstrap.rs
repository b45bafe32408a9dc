//! How sure a score is: 95 % intervals and paired differences by bootstrap over examples.
//!
//! Every score here is a function of sums over the examples, so a resample draws examples with
//! replacement and adds their rows. All candidates are resampled with the same draws (the stream
//! depends on seed and task only): that is what makes a difference between two of them *paired*.

use serde::{Deserialize, Serialize};

use crate::random::Stream;

pub use super::rows::{Rows, resampled_sums};

/// Resamples drawn; the interval's ends are then the 26th of 1000 from either side, as in sacreBLEU.
pub const RESAMPLES: u64 = 1000;

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
    /// sacreBLEU's p-value of the paired bootstrap; see [`difference`].
    pub p_value: f64,
}

/// A score, and what it is in each resample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resampled {
    /// Of all examples.
    pub value: f64,
    /// Of each resample; none for fewer than two examples, which say nothing about spread.
    pub scores: Vec<f64>,
}

/// The scores of tables of the same examples, over the same draws; `score` also gets the number of the table.
pub fn resampled(
    tables: &[Rows],
    score: impl Fn(usize, &[f64]) -> f64,
    resamples: u64,
    stream: Stream,
) -> Vec<Resampled> {
    let sums = resampled_sums(&tables.iter().collect::<Vec<_>>(), resamples, stream);
    let of_table = tables.iter().zip(sums).enumerate().map(|(table, (rows, sums))| {
        let sums = if rows.len() < 2 { Vec::new() } else { sums };
        let scores = sums.iter().map(|sums| score(table, sums)).collect();
        Resampled { value: score(table, &rows.sum()), scores }
    });
    of_table.collect()
}

impl Resampled {
    /// The 95 % interval; `None` where a score is not finite, or there are none.
    pub fn interval(&self) -> Option<Interval> {
        middle(self.scores.clone())
    }
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

/// The paired difference of two candidates on the same examples in the same order, from the same draws.
///
/// `None` if they do not have the same number of resamples, or none.
///
/// The p-value is computed as sacreBLEU does: the sizes of the resamples' differences, less their mean, are compared with
/// the size of the real one. Where the two clearly differ that is the probability on one side only, so that at 0.05
/// about one of ten pairs of equals is called different; [`randomisation`](super::randomisation) keeps its level. Two
/// whose scores are the same have a p-value of 1 (sacreBLEU's rule would say 0.001).
///
/// # Source
/// Koehn 2004 (paired bootstrap); the p-value by shifting the distribution to mean zero
/// (Noreen 1989, as used in multeval and sacreBLEU 2.6), with one added to both counts.
pub fn difference(first: &Resampled, second: &Resampled) -> Option<Difference> {
    if first.scores.len() != second.scores.len() {
        return None;
    }
    let differences: Vec<f64> = first.scores.iter().zip(&second.scores).map(|(a, b)| a - b).collect();
    let value = first.value - second.value;
    Some(Difference { value, p_value: paired_p_value(value, &differences), interval: middle(differences)? })
}

/// sacreBLEU's p-value from the differences of resamples, but for scores that are the same.
fn paired_p_value(real: f64, differences: &[f64]) -> f64 {
    if real == 0.0 {
        return 1.0;
    }
    let count = differences.len() as f64;
    let mean = differences.iter().fold(0.0, |sum, difference| sum + difference.abs()) / count;
    let larger = differences.iter().filter(|difference| difference.abs() - mean > real.abs()).count();
    (larger as f64 + 1.0) / (count + 1.0)
}

/// The middle 95 % of some scores; `None` if one is not finite.
fn middle(mut scores: Vec<f64>) -> Option<Interval> {
    if scores.iter().any(|score| !score.is_finite()) {
        return None;
    }
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

    fn of(rows: &Rows, stream: Stream) -> Resampled {
        resampled(std::slice::from_ref(rows), |_, sums| mean(sums), RESAMPLES, stream).remove(0)
    }

    fn interval(rows: &Rows, stream: Stream) -> Option<Interval> {
        of(rows, stream).interval()
    }

    fn paired(first: &Rows, second: &Rows) -> Option<Difference> {
        let stream = Stream::new(1, "x");
        difference(&of(first, stream), &of(second, stream))
    }

    #[test]
    fn the_interval_of_a_mean_is_as_wide_as_theory_says() {
        let interval = interval(&normal_rows(400, 3, 0.0), Stream::new(1, "x")).unwrap();
        // ±1.96 / √400 = 0.196 in all; the estimate itself spreads by about 6 %.
        assert!((interval.high - interval.low - 0.196).abs() < 0.03, "{interval:?}");
    }

    #[test]
    fn about_95_of_100_intervals_hold_the_true_mean() {
        let holding = (0..200)
            .filter(|&seed| {
                let i = interval(&normal_rows(100, seed, 0.5), Stream::new(seed, "x")).unwrap();
                i.low <= 0.5 && 0.5 <= i.high
            })
            .count();
        // Binomial(200, 0.945): mean 189, standard deviation 3.2; four of them.
        assert!((176..=200).contains(&holding), "{holding}");
    }

    #[test]
    fn a_constant_shift_is_a_certain_difference_and_none_is_none() {
        let (a, b) = (normal_rows(50, 1, 0.1), normal_rows(50, 1, 0.0));
        let found = paired(&a, &b).unwrap();
        assert!((found.value - 0.1).abs() < 1e-12 && found.p_value < 0.001, "{found:?}");
        assert!((found.interval.low - 0.1).abs() < 1e-9 && (found.interval.high - 0.1).abs() < 1e-9);
        let same = paired(&a, &a).unwrap();
        assert_eq!((same.value, same.p_value), (0.0, 1.0));
        let unrelated = paired(&a, &normal_rows(50, 9, 0.1)).unwrap();
        assert!(unrelated.p_value > 0.05, "{unrelated:?}");
    }

    #[test]
    fn the_p_value_is_sacrebleus() {
        // Sizes 1, 3, 1, 3: mean 2; less that, two are more than a half and none is more than one.
        let differences = [1.0, -3.0, 1.0, 3.0];
        assert_eq!(paired_p_value(0.5, &differences), 3.0 / 5.0);
        assert_eq!(paired_p_value(-1.0, &differences), 1.0 / 5.0);
    }

    #[test]
    fn sacrebleus_rule_calls_about_one_of_ten_pairs_of_equals_different() {
        let is_called = |run: &u64| {
            let [first, second] = [0, 1].map(|side| normal_rows(60, run * 2 + side, 0.0));
            paired(&first, &second).unwrap().p_value < 0.05
        };
        let called = (0..400).filter(is_called).count();
        // Binomial(400, 0.1): mean 40, standard deviation 6; four of them.
        assert!((16..=64).contains(&called), "{called}");
        eprintln!("{called} of 400");
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
        assert_eq!(interval(&normal_rows(1, 1, 0.0), Stream::new(1, "x")), None);
        assert_eq!(paired(&normal_rows(1, 1, 0.0), &normal_rows(1, 2, 0.0)), None);
        let rows = normal_rows(30, 1, 0.0);
        let twice = [1, 1, 2].map(|seed| interval(&rows, Stream::new(seed, "x")).unwrap());
        assert_eq!(twice[0], twice[1]);
        assert_ne!(twice[0], twice[2]);
    }
}
