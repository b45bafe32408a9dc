//! How many rows of a source are there more than once.

use std::collections::HashMap;

/// Different rows that are remembered, at most.
const MOST: usize = 1 << 20;

/// Counts rows by the hash of their content. Of a source of more than a million different rows, those of a fair part are
/// counted for all, so that memory does not grow with the source.
///
/// # Source  Gibbons 2001, "Distinct Sampling for Highly-Accurate Answers to Distinct Values Queries", VLDB
#[derive(Debug, Default)]
pub(super) struct Repeats {
    seen: HashMap<u64, u32>,
    /// Of so many powers of two of contents one is remembered.
    level: u32,
}

impl Repeats {
    /// Counts a row.
    pub fn add(&mut self, hash: u64) {
        if is_of(hash, self.level) {
            let count = self.seen.entry(hash).or_default();
            *count = count.saturating_add(1);
            self.fit(MOST);
        }
    }

    fn fit(&mut self, most: usize) {
        while self.seen.len() > most && self.level < 63 {
            self.level += 1;
            self.seen.retain(|hash, _| is_of(*hash, self.level));
        }
    }

    /// Rows whose content is that of an earlier one.
    pub fn count(&self) -> u64 {
        self.seen.values().map(|count| u64::from(count - 1)).sum::<u64>() << self.level
    }
}

/// Whether a content is remembered: a part of all that does not depend on the row's place.
fn is_of(hash: u64, level: u32) -> bool {
    // The upper bits of the product follow from all bits of the hash.
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).leading_zeros() >= level
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn repeated_rows_are_counted_exactly_while_they_are_few_and_about_when_they_are_many() {
        let contents = Stream::new(1, "contents");
        let mut repeats = Repeats::default();
        let mut few = Repeats::default();
        for row in 0..60_000u64 {
            // Each content comes three times, wherever.
            let hash = contents.below_at(row % 20_000, u64::MAX);
            repeats.add(hash);
            few.add(hash);
            few.fit(2000);
        }
        assert_eq!((repeats.count(), repeats.level), (40_000, 0));
        assert!(few.level >= 4 && few.seen.len() <= 2000);
        assert!((few.count() as f64 / 40_000.0 - 1.0).abs() < 0.15, "{}", few.count());
    }
}
