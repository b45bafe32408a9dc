//! What a source holds, counted while it is tokenized and kept in the file of tokens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::Conversation;
use crate::data::clean;
use crate::data::ledger::{Dropped, Skipped};
use crate::data::read::Row;

/// A text is said to be in a language from this confidence on.
const LEAST_CONFIDENCE: f64 = 0.5;
/// A language that cannot be told.
const UNSURE: &str = "unsure";

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
    /// Texts by the language that they are told to be in; of most sources a part of them.
    pub languages: BTreeMap<String, u64>,
}

impl Stats {
    /// Counts a row that became tokens.
    pub fn row(&mut self, characters: u64) {
        self.rows += 1;
        self.characters += characters;
    }

    /// Counts the texts of a row by the language that they are told to be in.
    pub fn tell_languages(&mut self, row: &Row) {
        for text in texts(row) {
            if let Some((language, confidence)) = clean::language_of(text) {
                let name = if confidence < LEAST_CONFIDENCE { UNSURE } else { language };
                *self.languages.entry(name.to_owned()).or_default() += 1;
            }
        }
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
    }
}

/// Characters of a row's texts, before any template.
pub(super) fn characters(row: &Row) -> u64 {
    texts(row).into_iter().map(|text| text.chars().count() as u64).sum()
}

/// The texts of a row; none of one that is tokenized already.
fn texts(row: &Row) -> Vec<&str> {
    match row {
        Row::Document(text) => vec![text],
        Row::Pair(first, second) => vec![first, second],
        Row::Tokens { .. } => Vec::new(),
        Row::Conversation(Conversation { turns }) => {
            turns.iter().flat_map(|turn| [turn.text.as_str(), turn.input.as_str()]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_parts_join_to_those_of_the_whole_and_survive_json() {
        let (mut whole, mut first, mut second) = (Stats::default(), Stats::default(), Stats::default());
        first.row(6);
        [180, 6].into_iter().for_each(|characters| second.row(characters));
        [6, 180, 6].into_iter().for_each(|characters| whole.row(characters));
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
