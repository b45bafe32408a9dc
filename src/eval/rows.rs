//! The addends of a score, one row for each example, and the sums of rows that are drawn.

use rayon::prelude::*;

use crate::random::Stream;

/// Resamples that are summed together.
const TOGETHER: usize = 4;

/// Numbers that are multiplied and added side by side.
const LANES: usize = 4;

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

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows, in the order of the examples.
    pub fn iter(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// The sum of all rows.
    pub fn sum(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        for row in self.iter() {
            sum.iter_mut().zip(row).for_each(|(sum, addend)| *sum += addend);
        }
        sum
    }

    /// Its columns one after the other, each filled with zeros to `length`.
    fn columns(&self, length: usize) -> impl Iterator<Item = Vec<f64>> {
        (0..self.width).map(move |column| {
            let mut values: Vec<f64> = self.values.iter().skip(column).step_by(self.width.max(1)).copied().collect();
            values.resize(length, 0.0);
            values
        })
    }
}

/// For each of some tables of the same examples, the sums of many resamples; the draws are the same for all tables.
///
/// A resample draws as many examples as there are, with replacement. What is drawn is counted first, then each column is
/// multiplied by the counts, several resamples side by side: nothing but the counts is read in disorder.
///
/// # Shapes
/// `[tables][resamples][width]`; no table where they are not of equally many examples.
pub fn resampled_sums(tables: &[&Rows], resamples: u64, draws: Stream) -> Vec<Vec<Vec<f64>>> {
    let examples = tables.first().map_or(0, |rows| rows.len());
    if tables.iter().any(|rows| rows.len() != examples) {
        return Vec::new();
    }
    let length = examples.next_multiple_of(LANES);
    let columns: Vec<Vec<f64>> = tables.iter().flat_map(|rows| rows.columns(length)).collect();
    let starts: Vec<u64> = (0..resamples).step_by(TOGETHER).collect();
    let blocks: Vec<Vec<[f64; TOGETHER]>> = starts
        .par_iter()
        .map(|start| {
            let counts: [Vec<f64>; TOGETHER] =
                std::array::from_fn(|at| counts(draws.child(start + at as u64), examples, length));
            columns.iter().map(|column| products(column, &counts)).collect()
        })
        .collect();
    let mut first_column = 0;
    let of_table = tables.iter().map(|rows| {
        let own = first_column..first_column + rows.width;
        first_column = own.end;
        let sums = |index: u64| {
            let (block, at) = (index as usize / TOGETHER, index as usize % TOGETHER);
            let sums = blocks.get(block).and_then(|block| block.get(own.clone())).unwrap_or_default();
            sums.iter().filter_map(|of_resamples| of_resamples.get(at).copied()).collect()
        };
        (0..resamples).map(sums).collect()
    });
    of_table.collect()
}

/// How often each example is drawn, filled with zeros to `length`.
fn counts(draws: Stream, examples: usize, length: usize) -> Vec<f64> {
    let mut counts = vec![0u32; length];
    let bound = examples as u64;
    // One random number is two draws: either half times the bound, of which the upper half counts.
    let (pairs, single) = (bound / 2, bound % 2);
    let mut draw = |half: u64| {
        if let Some(count) = counts.get_mut(((half * bound) >> 32) as usize) {
            *count += 1;
        }
    };
    for index in 0..pairs {
        let number = draws.at(index);
        draw(number >> 32);
        draw(number & 0xffff_ffff);
    }
    if single == 1 {
        draw(draws.at(pairs) >> 32);
    }
    counts.into_iter().map(f64::from).collect()
}

/// One column times the counts of each resample.
fn products(column: &[f64], counts: &[Vec<f64>; TOGETHER]) -> [f64; TOGETHER] {
    let [first, second, third, fourth] = counts.each_ref().map(|counts| counts.chunks_exact(LANES));
    let mut sums = [[0.0; LANES]; TOGETHER];
    for ((((values, a), b), c), d) in column.chunks_exact(LANES).zip(first).zip(second).zip(third).zip(fourth) {
        for (sums, counts) in sums.iter_mut().zip([a, b, c, d]) {
            for ((sum, value), count) in sums.iter_mut().zip(values).zip(counts) {
                *sum += value * count;
            }
        }
    }
    sums.map(|lanes| lanes.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resample_draws_as_many_examples_as_there_are_the_same_for_all_tables() {
        for examples in [1u64, 2, 3, 7, 100] {
            let first = Rows::new(2, (0..examples).map(|i| vec![1.0, i as f64]));
            let second = Rows::new(1, (0..examples).map(|i| vec![(i * 2) as f64]));
            let sums = resampled_sums(&[&first, &second], 10, Stream::new(1, "draws"));
            assert_eq!((sums.len(), sums[0].len(), sums[1].len()), (2, 10, 10));
            for (one, two) in sums[0].iter().zip(&sums[1]) {
                assert_eq!(one[0], examples as f64);
                assert_eq!(one[1] * 2.0, two[0]);
            }
        }
        let [one, two] = [1, 2].map(|rows| Rows::new(1, vec![vec![1.0]; rows]));
        assert!(resampled_sums(&[&one, &two], 10, Stream::new(1, "draws")).is_empty());
    }

    #[test]
    fn each_example_is_drawn_about_as_often_as_any_other() {
        let rows = Rows::new(10, (0..10).map(|i| (0..10).map(|k| f64::from(u8::from(i == k))).collect()));
        let sums = resampled_sums(&[&rows], 10_000, Stream::new(3, "draws"));
        for example in 0..10 {
            let drawn: f64 = sums[0].iter().map(|sum| sum[example]).sum();
            // 100,000 draws: mean 10,000, standard deviation 95; five of them.
            assert!((drawn - 10_000.0).abs() < 475.0, "{drawn}");
        }
    }
}
