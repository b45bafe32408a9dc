//! What a source holds, counted while it is tokenized and kept in the file of tokens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::Conversation;
use crate::data::ledger::{Dropped, Skipped};
use crate::data::read::Row;

/// Counts of a source. A file of another version of the program may lack some; those are then empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Rows that became tokens.
    pub rows: u64,
    /// Bytes of the source that were read for them (rows, for the built-in world).
    pub bytes: u64,
    /// Characters of their texts.
    pub characters: u64,
    /// Rows that could not be read and that the recipe allows to skip.
    pub skipped: Skipped,
    /// Rows, or characters of rows, that cleaning took away, by the reason.
    pub dropped: BTreeMap<String, Dropped>,
    /// Rows by the language that they are found to be in.
    pub languages: BTreeMap<String, u64>,
    /// How long the rows are.
    pub lengths: Lengths,
}

impl Stats {
    /// Counts a row that became tokens.
    pub fn row(&mut self, characters: u64, tokens: u64) {
        self.rows += 1;
        self.characters += characters;
        self.lengths.add(tokens, 1);
    }

    /// Counts a row that is left out, or the characters that a row loses, for a reason.
    pub fn drop(&mut self, reason: &str, rows: u64, characters: u64) {
        let dropped = self.dropped.entry(reason.to_owned()).or_default();
        dropped.rows += rows;
        dropped.characters += characters;
    }

    /// Adds the counts of rows that come after these.
    pub fn join(&mut self, later: Self) {
        self.rows += later.rows;
        self.bytes += later.bytes;
        self.characters += later.characters;
        self.skipped.count += later.skipped.count;
        self.skipped.first = self.skipped.first.take().or(later.skipped.first);
        for (reason, dropped) in later.dropped {
            self.drop(&reason, dropped.rows, dropped.characters);
        }
        for (language, rows) in later.languages {
            *self.languages.entry(language).or_default() += rows;
        }
        for (tokens, rows) in later.lengths.0 {
            self.lengths.add(tokens, rows);
        }
    }
}

/// Rows by their length in tokens: each power of two is divided into 8 parts, so a length is known within an eighth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lengths(BTreeMap<u64, u64>);

impl Lengths {
    /// Counts rows of that many tokens.
    pub fn add(&mut self, tokens: u64, rows: u64) {
        *self.0.entry(part_of(tokens)).or_default() += rows;
    }

    /// The least length of each part that has rows, and how many.
    pub fn parts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(tokens, rows)| (*tokens, *rows))
    }

    /// A length, within an eighth below, that the share `share` of the rows does not exceed.
    pub fn quantile(&self, share: f64) -> u64 {
        let rows = self.0.values().sum::<u64>() as f64;
        let mut seen = 0;
        for (tokens, count) in self.parts() {
            seen += count;
            if seen as f64 >= rows * share {
                return tokens;
            }
        }
        0
    }
}

/// The least length of the part in which a length lies.
fn part_of(tokens: u64) -> u64 {
    match tokens.checked_ilog2() {
        Some(power @ 3..) => tokens >> (power - 3) << (power - 3),
        _ => tokens,
    }
}

/// Characters of a row's texts, before any template.
pub(super) fn characters(row: &Row) -> u64 {
    let count = |text: &str| text.chars().count() as u64;
    match row {
        Row::Document(text) => count(text),
        Row::Pair(first, second) => count(first) + count(second),
        // Nobody knows them any more.
        Row::Tokens { .. } => 0,
        Row::Conversation(Conversation { turns }) => {
            turns.iter().map(|turn| count(&turn.text) + count(&turn.input)).sum()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_known_within_an_eighth() {
        for tokens in (0..5000).chain([u64::MAX]) {
            let part = part_of(tokens);
            assert!(part <= tokens && (tokens - part) as f64 <= tokens as f64 / 8.0, "{tokens} {part}");
            assert_eq!(part_of(part), part);
        }
        let mut lengths = Lengths::default();
        (1..=1000).for_each(|tokens| lengths.add(tokens, 1));
        assert_eq!((lengths.quantile(0.5), lengths.quantile(1.0)), (480, 960));
        assert_eq!(lengths.parts().map(|(_, rows)| rows).sum::<u64>(), 1000);
        assert!(lengths.parts().count() < 64);
        assert_eq!(Lengths::default().quantile(0.5), 0);
    }

    #[test]
    fn counts_of_parts_join_to_those_of_the_whole_and_survive_json() {
        let (mut whole, mut first, mut second) = (Stats::default(), Stats::default(), Stats::default());
        first.row(6, 3);
        [(180, 90), (6, 3)].into_iter().for_each(|(characters, tokens)| second.row(characters, tokens));
        [(6, 3), (180, 90), (6, 3)].into_iter().for_each(|(characters, tokens)| whole.row(characters, tokens));
        second.drop("too short", 1, 5);
        second.skipped = Skipped { count: 2, first: Some("a.jsonl:3  no JSON".into()) };
        whole.drop("too short", 1, 5);
        whole.skipped = second.skipped.clone();
        first.join(second);
        assert_eq!(first, whole);
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Stats>(&text).unwrap(), whole);
        assert_eq!(serde_json::from_str::<Stats>("{}").unwrap(), Stats::default());
    }
}
