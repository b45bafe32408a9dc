//! Where every row and token of a run went.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::progress::short_count;
use crate::recipe::MixtureUnit;

/// The count of a whole run of training, source by source. Saved as `ledger.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ledger {
    /// The stage or adapter that the counts belong to.
    pub stage: String,
    /// What the shares are shares of.
    pub by: MixtureUnit,
    /// Optimizer steps of the run.
    pub steps: u64,
    /// Sequences of the run.
    pub sequences: u64,
    /// Tokens that a sequence can hold.
    pub sequence_length: u64,
    /// Sequences for the held-out loss.
    pub held_out_sequences: u64,
    /// Tokens of the run, masked ones included.
    pub tokens: u64,
    /// Tokens of the run that are targets.
    pub trained_tokens: u64,
    /// One entry a source, in the mixture's order.
    pub sources: Vec<SourceLedger>,
}

/// One source's part of a [`Ledger`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SourceLedger {
    /// The source's name in the recipe.
    pub source: String,
    /// Rows in the source.
    pub rows: u64,
    /// Tokens in those rows, BOS and EOS included.
    pub tokens: u64,
    /// Characters of their texts, before any template.
    pub characters: u64,
    /// Rows whose content is that of an earlier row; of more than a million different rows about so many.
    pub duplicates: u64,
    /// Texts by the language that they are told to be in; of long sources a fair part of them. Short texts are not told.
    pub languages: BTreeMap<String, u64>,
    /// The name of the source's file of tokens in the cache: a hash of all that the tokens follow from.
    pub cache: String,
    /// Rows that could not be read and are skipped; they are not among `rows`.
    pub skipped: Skipped,
    /// What cleaning took away, by the reason; rows left out are not among `rows`.
    pub dropped: BTreeMap<String, Dropped>,
    /// Rows split off for the held-out loss, and their tokens.
    pub held_out: Count,
    /// Rows left out because they do not fit a sequence, and their tokens.
    pub too_long: Count,
    /// Rows left out because they have nothing to train on, and their tokens.
    pub no_target: Count,
    /// Rows whose end was cut off, and the tokens lost.
    pub truncated: Count,
    /// Rows that are longer than a sequence and trained on in pieces, and their tokens.
    pub split: Count,
    /// Rows that can be trained on, and their tokens after any cut.
    pub usable: Count,
    /// Tokens the run reads from this source, repeats included.
    pub tokens_read: u64,
    /// Rows the run reads from this source, repeats included; a row cut between two sequences counts as parts of one.
    pub rows_read: f64,
    /// Of the tokens read, those that are targets.
    pub trained_tokens: u64,
    /// Of the tokens read, those that are not.
    pub masked_tokens: u64,
    /// How many times the run goes through the usable rows.
    pub epochs: f64,
    /// The share that the recipe asks for, in `[0, 1]`.
    pub asked_share: f64,
    /// The share that the run gives it, in `[0, 1]`.
    pub realised_share: f64,
}

/// Rows and their tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Number of rows.
    pub rows: u64,
    /// Number of tokens.
    pub tokens: u64,
}

/// Rows that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// Where the first one is, and what is wrong with it.
    pub first: Option<String>,
}

/// What one reason took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Rows left out.
    pub rows: u64,
    /// Characters, those of rows left out and those cut from rows that stay.
    pub characters: u64,
}

impl Ledger {
    /// The ledger as a table for people: counts in K, M and B, shares in percent.
    pub fn table(&self) -> String {
        let unit = match self.by {
            MixtureUnit::Tokens => "of tokens",
            MixtureUnit::Rows => "of rows",
        };
        let mut lines = vec![
            [
                "source",
                "asked",
                "given",
                "epochs",
                "rows",
                "tokens",
                "trained",
                "masked",
                "cut",
                "too long",
                "no target",
                "held out",
                "characters",
            ]
            .map(str::to_owned),
            ["", unit, unit, "", "read", "read", "tokens", "tokens", "tokens", "rows", "rows", "rows", "a token"]
                .map(str::to_owned),
        ];
        lines.extend(self.sources.iter().map(SourceLedger::cells));
        let mut table = aligned(&lines);
        table.push_str(&self.summary());
        table.push('\n');
        for source in &self.sources {
            table.push_str(&source.lost());
        }
        table
    }
}

impl Ledger {
    /// Steps, sequences, how full they are, and tokens, in one line.
    pub(crate) fn summary(&self) -> String {
        let full = self.tokens as f64 / (self.sequences * self.sequence_length).max(1) as f64;
        format!(
            "{} steps, {} sequences of {} tokens, {:.1} % full: {} tokens, {} of them trained on",
            self.steps,
            short_count(self.sequences),
            self.sequence_length,
            full * 100.0,
            short_count(self.tokens),
            short_count(self.trained_tokens),
        )
    }
}

impl SourceLedger {
    /// Lines about rows that never became tokens, or not one piece of them; nothing if there are none.
    pub(crate) fn lost(&self) -> String {
        let mut lines = String::new();
        // Writing to a string cannot fail.
        if self.skipped.count > 0 {
            let first = self.skipped.first.as_deref().unwrap_or("unknown");
            let _ = writeln!(lines, "{}: {} rows skipped, the first: {first}", self.source, self.skipped.count);
        }
        if self.split.rows > 0 {
            let (rows, tokens) = (short_count(self.split.rows), short_count(self.split.tokens));
            let _ = writeln!(lines, "{}: {rows} rows of {tokens} tokens are split into sequences", self.source);
        }
        for (reason, Dropped { rows, characters }) in &self.dropped {
            let (rows, characters) = (short_count(*rows), short_count(*characters));
            let _ = writeln!(lines, "{}: {reason}: {rows} rows, {characters} characters left out", self.source);
        }
        lines
    }

    fn cells(&self) -> [String; 13] {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        [
            self.source.clone(),
            percent(self.asked_share),
            percent(self.realised_share),
            format!("{:.2}", self.epochs),
            short_count(self.rows_read.round() as u64),
            short_count(self.tokens_read),
            short_count(self.trained_tokens),
            short_count(self.masked_tokens),
            short_count(self.truncated.tokens),
            short_count(self.too_long.rows),
            short_count(self.no_target.rows),
            short_count(self.held_out.rows),
            format!("{:.2}", self.characters as f64 / self.tokens.max(1) as f64),
        ]
    }
}

/// Lines of cells, the first column to the left, the others to the right.
fn aligned(lines: &[[String; 13]]) -> String {
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..13).map(|column| width(column).unwrap_or(0)).collect();
    let mut table = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_units_and_a_line_for_each_source() {
        let source = SourceLedger {
            source: "estonian".into(),
            asked_share: 0.75,
            realised_share: 0.7502,
            epochs: 0.5,
            rows_read: 1234.4,
            tokens_read: 3_750_000_000,
            trained_tokens: 3_746_000_000,
            masked_tokens: 4_000_000,
            tokens: 7_500_000_000,
            characters: 30_000_000_000,
            skipped: Skipped { count: 3, first: Some("et.jsonl:7  cannot read JSON".into()) },
            dropped: [("too short".to_owned(), Dropped { rows: 1200, characters: 9000 })].into(),
            ..SourceLedger::default()
        };
        let ledger = Ledger {
            stage: "pretrain".into(),
            by: MixtureUnit::Tokens,
            steps: 19_074,
            sequences: 4_882_944,
            sequence_length: 1024,
            held_out_sequences: 0,
            tokens: 5_000_134_656,
            trained_tokens: 4_995_251_712,
            sources: vec![source],
        };
        let expected = "\
source        asked      given  epochs  rows  tokens  trained  masked     cut  too long  no target  held out  characters
          of tokens  of tokens          read    read   tokens  tokens  tokens      rows       rows      rows     a token
estonian     75.0 %     75.0 %    0.50  1.2K   3.75B    3.75B   4.00M       0         0          0         0        4.00
19074 steps, 4.88M sequences of 1024 tokens, 100.0 % full: 5.00B tokens, 5.00B of them trained on
estonian: 3 rows skipped, the first: et.jsonl:7  cannot read JSON
estonian: too short: 1.2K rows, 9.0K characters left out
";
        assert_eq!(ledger.table(), expected);
        assert!(serde_json::to_value(&ledger).unwrap()["sources"][0]["held_out"]["rows"].is_u64());
    }
}
