//! Whether two candidates differ, by approximate randomisation: if they are equally good, it does not matter which of the
//! two gave which answer.
//!
//! A trial swaps the answers to about half of the examples. The p-value is the share of trials in which the two differ at
//! least as much as they really do. Sums of swapped rows come from tables of the sixteen sums that four examples can have.

use rayon::prelude::*;

use super::rows::Rows;
use crate::random::Stream;

/// Trials, unless others are asked for; as in sacreBLEU.
pub const TRIALS: u64 = 10_000;

/// Trials that one thread does side by side.
const TOGETHER: u64 = 128;

/// Examples that are looked up together, and how many sums they can have.
const GROUP: usize = 4;
const SUMS: usize = 1 << GROUP;

/// The two-sided probability of a difference at least this large if the two were equally good.
///
/// `None` if they do not have the same number of examples, fewer than two, or a score that is not finite.
///
/// # Source
/// Noreen 1989; Riezler and Maxwell 2005. With one added to both counts, as in sacreBLEU; other than there, a trial that
/// differs just as much counts, without which the few different answers of a small task would look like certainty.
pub fn p_value(
    first: &Rows,
    second: &Rows,
    score: impl Fn(&[f64]) -> f64 + Sync,
    trials: u64,
    draws: Stream,
) -> Option<f64> {
    if first.len() != second.len() || first.len() < 2 || first.width() != second.width() {
        return None;
    }
    let (sum_of_first, sum_of_second) = (first.sum(), second.sum());
    let real = (score(&sum_of_first) - score(&sum_of_second)).abs();
    let tables = tables(first, second);
    let starts: Vec<u64> = (0..trials).step_by(TOGETHER as usize).collect();
    // Sums in another order differ in their last bits.
    let least = real * (1.0 - 1e-9);
    let counted = starts.par_iter().map(|start| {
        let end = trials.min(start + TOGETHER);
        let moved = moved(&tables, first.width(), *start..end, draws);
        let mut as_large = Some(0u64);
        for moved in moved.chunks_exact(first.width().max(1)) {
            let changed = |sums: &[f64], sign: f64| -> f64 {
                score(&sums.iter().zip(moved).map(|(sum, change)| sum + sign * change).collect::<Vec<f64>>())
            };
            let difference = (changed(&sum_of_first, -1.0) - changed(&sum_of_second, 1.0)).abs();
            as_large = as_large.filter(|_| difference.is_finite()).map(|count| count + u64::from(difference >= least));
        }
        as_large
    });
    let as_large: Option<u64> = counted.collect::<Option<Vec<u64>>>().map(|counts| counts.into_iter().sum());
    as_large.filter(|_| real.is_finite()).map(|count| (count + 1) as f64 / (trials + 1) as f64)
}

/// For each group of examples, the sums of first minus second over each subset of it, `[groups][subsets][width]`.
fn tables(first: &Rows, second: &Rows) -> Vec<Vec<f64>> {
    let difference = |(a, b): (&[f64], &[f64])| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
    let differences: Vec<Vec<f64>> = first.iter().zip(second.iter()).map(difference).collect();
    let table = |group: &[Vec<f64>]| {
        let mut sums = Vec::with_capacity(SUMS * first.width());
        for subset in 0..SUMS {
            let chosen = group.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1).map(|(_, row)| row);
            let mut sum = vec![0.0; first.width()];
            chosen.for_each(|row| sum.iter_mut().zip(row).for_each(|(sum, addend)| *sum += addend));
            sums.extend(sum);
        }
        sums
    };
    differences.chunks(GROUP).map(table).collect()
}

/// What each trial takes from the first and gives to the second, `[trials][width]`.
fn moved(tables: &[Vec<f64>], width: usize, trials: std::ops::Range<u64>, draws: Stream) -> Vec<f64> {
    const GROUPS_OF_A_NUMBER: usize = u64::BITS as usize / GROUP;
    let width = width.max(1);
    let streams: Vec<Stream> = trials.map(|trial| draws.child(trial)).collect();
    let mut sums = vec![0.0; streams.len() * width];
    for (tables, number) in tables.chunks(GROUPS_OF_A_NUMBER).zip(0u64..) {
        for (sums, stream) in sums.chunks_exact_mut(width).zip(&streams) {
            let mut bits = stream.at(number);
            for table in tables {
                let start = (bits as usize % SUMS) * width;
                bits >>= GROUP;
                let addends = table.get(start..start + width).unwrap_or_default();
                sums.iter_mut().zip(addends).for_each(|(sum, addend)| *sum += addend);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(sums: &[f64]) -> f64 {
        sums[0] / sums[1]
    }

    fn shares(right: &[u8]) -> Rows {
        Rows::new(2, right.iter().map(|right| vec![f64::from(*right), 1.0]))
    }

    fn p(first: &Rows, second: &Rows, seed: u64) -> f64 {
        p_value(first, second, mean, TRIALS, Stream::new(seed, "x")).unwrap()
    }

    #[test]
    fn the_share_of_trials_is_what_counting_all_of_them_gives() {
        // Five examples differ, all to the first's favour: of 32 ways to swap them, two differ as much.
        let first = shares(&[1, 1, 1, 1, 1, 1, 0, 1, 0]);
        let second = shares(&[0, 0, 0, 0, 0, 1, 0, 1, 0]);
        // The standard deviation of 10,000 trials is 0.0024; four of them.
        assert!((p(&first, &second, 1) - 2.0 / 32.0).abs() < 0.0097);
        assert_eq!(p(&first, &second, 1), p(&second, &first, 1));
        assert_eq!(p(&first, &first, 1), 1.0);
    }

    #[test]
    fn equals_are_called_different_as_often_as_the_level_says() {
        let stream = Stream::new(5, "equals");
        let called = (0..400u64)
            .filter(|run| {
                let rows = |side: u64| {
                    let value = |i: u64| stream.child(run * 2 + side).unit_at(i);
                    Rows::new(2, (0..60).map(|i| vec![value(i), 1.0]))
                };
                let found = p_value(&rows(0), &rows(1), mean, 500, Stream::new(*run, "x")).unwrap();
                found < 0.05
            })
            .count();
        // Binomial(400, 0.05): mean 20, standard deviation 4.4; four of them.
        assert!((3..=37).contains(&called), "{called}");
    }

    #[test]
    fn nothing_is_said_of_one_example_or_of_what_is_not_finite() {
        let say = |first: &Rows, second: &Rows| p_value(first, second, mean, 10, Stream::new(1, "x"));
        assert_eq!(say(&shares(&[1]), &shares(&[0])), None);
        assert_eq!(say(&shares(&[1, 0]), &shares(&[0])), None);
        let nan = Rows::new(2, vec![vec![f64::NAN, 1.0], vec![1.0, 1.0]]);
        assert_eq!(say(&nan, &shares(&[0, 1])), None);
    }
}
