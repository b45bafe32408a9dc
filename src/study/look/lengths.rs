//! Rows by their length in tokens: shares, and bars that widen with the length.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// More bars than this are made half as many.
const MOST_BARS: usize = 22;

/// Rows by their length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lengths(BTreeMap<u64, u64>);

/// Rows of `from` to `to` tokens, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    pub from: u64,
    pub to: u64,
    pub rows: u64,
}

impl Lengths {
    /// Counts a row of that many tokens.
    pub fn add(&mut self, tokens: u64) {
        *self.0.entry(tokens).or_default() += 1;
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.0.values().sum()
    }

    /// The least length that the share `share` of the rows does not exceed.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = self.rows() as f64 * share;
        let mut seen = 0;
        for (tokens, rows) in &self.0 {
            seen += rows;
            if seen as f64 >= wanted {
                return *tokens;
            }
        }
        self.longest()
    }

    /// The length of the longest row.
    pub fn longest(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(tokens, _)| *tokens)
    }

    /// Rows longer than that.
    pub fn beyond(&self, tokens: u64) -> u64 {
        self.0.range(tokens.saturating_add(1)..).map(|(_, rows)| rows).sum()
    }

    /// The four figures that people ask for, with their names.
    pub fn figures(&self) -> [(&'static str, u64); 4] {
        [
            ("50 %", self.quantile(0.5)),
            ("90 %", self.quantile(0.9)),
            ("99 %", self.quantile(0.99)),
            ("longest", self.longest()),
        ]
    }

    /// Bars from the shortest row to the longest; none reaches over `mark`, so that it lies between two of them.
    pub fn bars(&self, mark: u64) -> Vec<Bar> {
        let Some((shortest, _)) = self.0.first_key_value() else { return Vec::new() };
        let longest = self.longest();
        let fine = starts(*shortest, longest, true);
        let mut starts = if fine.len() > MOST_BARS { starts(*shortest, longest, false) } else { fine };
        if starts.first().is_some_and(|first| *first <= mark) && mark < longest {
            starts.push(mark + 1);
            starts.sort_unstable();
            starts.dedup();
        }
        let ends = starts.iter().skip(1).map(|next| next - 1).chain([longest]);
        let bar =
            |(from, to): (&u64, u64)| Bar { from: *from, to, rows: self.0.range(*from..=to).map(|(_, n)| n).sum() };
        starts.iter().zip(ends).map(bar).collect()
    }

    /// The figures, the bars, and the rows that do not fit.
    pub fn to_json(&self, mark: u64) -> Value {
        let bars: Vec<Value> = self.bars(mark).iter().map(|bar| json!([bar.from, bar.to, bar.rows])).collect();
        json!({
            "rows": self.rows(),
            "longer_than_a_sequence": self.beyond(mark),
            "percentile_50": self.quantile(0.5),
            "percentile_90": self.quantile(0.9),
            "percentile_99": self.quantile(0.99),
            "longest": self.longest(),
            "bars": bars,
        })
    }
}

/// Powers of two, and with `halves` the lengths halfway between them (1, 2, 3, 4, 6, 8, 12 …), that cover a range.
fn starts(shortest: u64, longest: u64, halves: bool) -> Vec<u64> {
    let powers = (0..64).map(|power| 1u64 << power);
    let all: Vec<u64> = powers.flat_map(|it| [Some(it), (halves && it > 1).then(|| it + it / 2)]).flatten().collect();
    let first = all.iter().rev().find(|start| **start <= shortest).copied().unwrap_or(0);
    let mut starts: Vec<u64> = all.into_iter().filter(|start| *start >= first && *start <= longest).collect();
    if first == 0 {
        starts.insert(0, 0);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lengths: impl IntoIterator<Item = u64>) -> Lengths {
        let mut counted = Lengths::default();
        lengths.into_iter().for_each(|tokens| counted.add(tokens));
        counted
    }

    proptest::proptest! {
        #[test]
        fn bars_hold_every_row_once_and_none_reaches_over_the_mark(
            lengths in proptest::collection::vec(0u64..100_000, 1..200),
            mark in 1u64..5000,
        ) {
            let lengths = counted(lengths);
            let bars = lengths.bars(mark);
            proptest::prop_assert_eq!(bars.iter().map(|bar| bar.rows).sum::<u64>(), lengths.rows());
            proptest::prop_assert!(bars.windows(2).all(|pair| pair[0].to + 1 == pair[1].from));
            proptest::prop_assert!(bars.iter().all(|bar| bar.from <= bar.to && (bar.to <= mark || bar.from > mark)));
            proptest::prop_assert_eq!(bars.last().map(|bar| bar.to), Some(lengths.longest()));
            proptest::prop_assert!(bars.len() <= MOST_BARS + 1);
        }
    }

    #[test]
    fn shares_are_those_of_the_rows() {
        let lengths = counted(1..=1000);
        assert_eq!(lengths.figures().map(|(_, tokens)| tokens), [500, 900, 990, 1000]);
        assert_eq!((lengths.beyond(990), lengths.beyond(u64::MAX)), (10, 0));
        assert!(Lengths::default().bars(10).is_empty());
    }
}
