//! The order in which a source's rows are read, round after round.
//!
//! A round is once through the mixture: as far as the source that runs out first, for its weight, reaches; or the last
//! one; or as much of each as the recipe says. Each source has one fixed random order of its rows; round after round takes
//! the next stretch of it, as long as the source's part of the round asks, and shuffles that stretch anew. So no row comes
//! again inside a round before all have come, and a source whose part is smaller than its size shows other rows each time
//! before any comes again.
//!
//! Stretches are bounded by the nearest row, and each bound is a function of the round's number alone, so rounding never
//! adds up and any round can be found at once.

use rayon::prelude::*;

use super::part::Part;
use crate::random::{self, Shuffle};
use crate::recipe::{Amount, StoppingStrategy};

/// One sum of tokens is kept for this many rows.
const SPAN: u64 = 64;

/// Running sums of row lengths, from a sample of them.
#[derive(Debug, Default)]
pub(super) struct Sums {
    sampled: Vec<u64>,
    total: u64,
}

impl Sums {
    /// The sums of `count` lengths.
    fn new(count: u64, length: impl Fn(u64) -> u64 + Sync) -> Self {
        let sum = |span: u64| (span * SPAN..((span + 1) * SPAN).min(count)).map(&length).sum::<u64>();
        let mut sums = Self { sampled: (0..count.div_ceil(SPAN)).into_par_iter().map(sum).collect(), total: 0 };
        for sampled in &mut sums.sampled {
            sums.total += std::mem::replace(sampled, sums.total);
        }
        sums
    }

    /// The sum of the first `count` lengths.
    fn before(&self, count: u64, length: impl Fn(u64) -> u64) -> u64 {
        let span = (count / SPAN).min((self.sampled.len() as u64).saturating_sub(1));
        let start = self.sampled.get(span as usize).copied().unwrap_or(0);
        start + (span * SPAN..count).map(length).sum::<u64>()
    }

    /// The row in which token `at` lies, and the sum before it.
    fn find(&self, at: u64, length: impl Fn(u64) -> u64) -> (u64, u64) {
        let span = self.sampled.partition_point(|sum| *sum <= at).saturating_sub(1);
        let (mut row, mut sum) = (span as u64 * SPAN, self.sampled.get(span).copied().unwrap_or(0));
        while sum < self.total {
            let next = sum + length(row);
            if next > at {
                break;
            }
            (row, sum) = (row + 1, next);
        }
        (row, sum)
    }
}

/// A source's fixed order and its division into rounds. Neither the order nor a round is stored: both are functions.
#[derive(Debug)]
pub(super) struct Rotation {
    order: Shuffle,
    sums: Sums,
    by_rows: bool,
    /// Tokens, or rows, that a round takes.
    per_round: f64,
    /// Rounds until training ends; infinite for a budget in tokens.
    rounds: f64,
    shuffle: random::Stream,
}

/// A round of a source: its rows in the order they are read.
#[derive(Debug)]
pub(super) struct Round {
    /// Rows of the whole run before it, repeats included.
    start: u64,
    order: Shuffle,
    sums: Sums,
}

impl Round {
    /// Number of rows.
    pub fn len(&self) -> u64 {
        self.order.len()
    }
}

impl Rotation {
    /// The rotation of a source under a stream of its own. `per_round` is set by [`divide`].
    pub fn new(part: &Part, by_rows: bool, rounds: f64, stream: random::Stream) -> Self {
        let order = Shuffle::new(stream.child(0), part.rows.len());
        let sums = Sums::new(order.len(), |index| part.length(part.rows.get(order.at(index))));
        Self { order, sums, by_rows, per_round: 0.0, rounds, shuffle: stream.child(1) }
    }

    /// What a round is measured in: tokens or rows of all rows together.
    fn measure(&self) -> f64 {
        if self.by_rows { self.rows() as f64 } else { self.sums.total as f64 }
    }

    /// Tokens that a round takes, on average.
    pub fn tokens_per_round(&self) -> f64 {
        self.per_round / self.measure() * self.sums.total as f64
    }

    /// Whether a round is measured in rows.
    pub fn by_rows(&self) -> bool {
        self.by_rows
    }

    /// Tokens of a row, on average.
    pub fn tokens_a_row(&self) -> f64 {
        self.sums.total as f64 / self.rows().max(1) as f64
    }

    /// Rows that a round takes, on average.
    pub fn rows_per_round(&self) -> f64 {
        self.per_round / self.measure() * self.rows() as f64
    }

    /// The rows that are read before round `round`, counted through all repeats.
    pub fn bound(&self, part: &Part, round: u64) -> u64 {
        let rows = self.rows();
        let target = (round as f64).min(self.rounds) * self.per_round;
        let times = (target / self.measure()).floor();
        let rest = target - times * self.measure();
        let index = match self.by_rows {
            true => rest.round() as u64,
            false => {
                let (index, before) = self.sums.find(rest as u64, |index| self.length(part, index));
                let after = before + self.length(part, index);
                index + u64::from(after as f64 - rest < rest - before as f64)
            }
        };
        times as u64 * rows + index
    }

    /// The tokens of the first `rows` rows, counted through all repeats.
    pub fn tokens_before(&self, part: &Part, rows: u64) -> u64 {
        let count = self.rows().max(1);
        rows / count * self.sums.total + self.sums.before(rows % count, |index| self.length(part, index))
    }

    /// The round in which token `at` of the whole run lies.
    pub fn round_at(&self, part: &Part, at: u64) -> u64 {
        let total = self.sums.total.max(1);
        let (index, _) = self.sums.find(at % total, |index| self.length(part, index));
        let row = at / total * self.rows() + index;
        let measured = if self.by_rows { row as f64 } else { at as f64 };
        let mut round = (measured / self.per_round) as u64;
        while self.bound(part, round) > row {
            round -= 1;
        }
        // A round shorter than half a row is empty; rows never are, so this ends.
        while self.bound(part, round + 1) <= row && ((round + 1) as f64) < self.rounds {
            round += 1;
        }
        round
    }

    /// The rows of a round.
    pub fn round(&self, part: &Part, round: u64) -> Round {
        let (start, end) = (self.bound(part, round), self.bound(part, round + 1));
        let order = Shuffle::new(self.shuffle.child(round), end.saturating_sub(start));
        let mut round = Round { start, order, sums: Sums::default() };
        round.sums = Sums::new(order.len(), |index| part.length(self.row_of(part, &round, index)));
        round
    }

    /// A row of a round; `index` is below its length.
    pub fn row_of(&self, part: &Part, round: &Round, index: u64) -> u32 {
        self.row(part, (round.start + round.order.at(index)) % self.rows().max(1))
    }

    /// The row in which token `at` of a round lies: its index in the round and the tokens before it.
    pub fn find(&self, part: &Part, round: &Round, at: u64) -> (u64, u64) {
        round.sums.find(at, |index| part.length(self.row_of(part, round, index)))
    }

    fn rows(&self) -> u64 {
        self.order.len()
    }

    fn row(&self, part: &Part, index: u64) -> u32 {
        part.rows.get(self.order.at(index))
    }

    fn length(&self, part: &Part, index: u64) -> u64 {
        part.length(self.row(part, index))
    }
}

/// Sets how much each source gives to a round: the amount that it has, or its share of what the source that runs out
/// first allows, or the one that runs out last asks for.
pub(super) fn divide(rotations: &mut [Rotation], amounts: &[Amount], stopping: StoppingStrategy) {
    let whole = |(rotation, amount): (&Rotation, &Amount)| match amount {
        Amount::Share(share) => Some(rotation.measure() / share),
        Amount::Rows(_) | Amount::Tokens(_) | Amount::Epochs(_) => None,
    };
    let wholes = rotations.iter().zip(amounts).filter_map(whole);
    let limit = match stopping {
        StoppingStrategy::AllExhausted => wholes.fold(0.0, f64::max),
        _ => wholes.fold(f64::INFINITY, f64::min),
    };
    for (rotation, amount) in rotations.iter_mut().zip(amounts) {
        let all = rotation.measure();
        rotation.per_round = match (amount, stopping) {
            (Amount::Rows(count) | Amount::Tokens(count), _) => *count as f64,
            (Amount::Epochs(epochs), _) => all * epochs,
            (Amount::Share(_), StoppingStrategy::AllExhaustedWithoutReplacement) => all,
            // The source that sets the limit gives all of itself, exactly.
            (Amount::Share(share), _) if all / share == limit => all,
            (Amount::Share(share), StoppingStrategy::FirstExhausted) => (limit * share).min(all),
            (Amount::Share(share), StoppingStrategy::AllExhausted) => (limit * share).max(all),
        };
    }
}
