//! A source in words and figures, the same for a terminal and a page.

use std::collections::BTreeMap;

use crate::data::ledger::{Ledger, SourceLedger};
use crate::progress::short_count;
use crate::recipe::MixtureUnit;

/// A figure and what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub value: String,
    pub label: String,
}

/// Figures that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub name: &'static str,
    pub cells: Vec<Cell>,
}

fn cell(value: impl Into<String>, label: impl Into<String>) -> Cell {
    Cell { value: value.into(), label: label.into() }
}

/// All that is said of each source, by its name.
pub(super) fn of_sources(ledger: &Ledger) -> Vec<(&str, Vec<Group>)> {
    ledger.sources.iter().map(|source| (source.source.as_str(), groups(source, ledger.by))).collect()
}

/// All that is said of a source; the groups and cells are the same for every source of a stage.
fn groups(source: &SourceLedger, by: MixtureUnit) -> Vec<Group> {
    let unit = match by {
        MixtureUnit::Tokens => "share of tokens",
        MixtureUnit::Rows => "share of rows",
    };
    let holds = vec![
        cell(short_count(source.rows), "rows"),
        cell(short_count(source.tokens), "tokens"),
        cell(format!("{:.2}", source.characters as f64 / source.tokens.max(1) as f64), "characters a token"),
        cell(short_count(source.duplicates), "duplicates"),
        cell(languages(&source.languages), "language"),
    ];
    let left_out = vec![
        cell(short_count(source.held_out.rows), "held out"),
        cell(short_count(source.too_long.rows), "too long"),
        cell(short_count(source.no_target.rows), "no target"),
        cell(short_count(source.truncated.rows), "truncated"),
        cell(short_count(source.truncated.tokens), "tokens cut off"),
    ];
    let read = vec![
        cell(short_count(source.rows_read.round() as u64), "rows"),
        cell(short_count(source.tokens_read), "tokens"),
        cell(short_count(source.trained_tokens), "trained"),
        cell(short_count(source.masked_tokens), "masked"),
        cell(format!("{:.2}", source.epochs), "epochs"),
        cell(percent(source.realised_share), unit),
        cell(percent(source.asked_share), "asked"),
    ];
    vec![
        Group { name: "holds", cells: holds },
        Group { name: "left out", cells: left_out },
        Group { name: "read", cells: read },
    ]
}

/// The languages of at least a hundredth of the texts, the most frequent first.
fn languages(told: &BTreeMap<String, u64>) -> String {
    let all: u64 = told.values().sum();
    let mut sorted: Vec<_> = told.iter().filter(|(_, texts)| **texts * 100 >= all).collect();
    sorted.sort_by_key(|(_, texts)| std::cmp::Reverse(**texts));
    let share = |(name, texts): &(&String, &u64)| format!("{name} {:.0} %", **texts as f64 / all as f64 * 100.0);
    let mut named: Vec<String> = sorted.iter().take(3).map(share).collect();
    match (all, named.len() < told.len()) {
        (0, _) => named.push("unsure".to_owned()),
        (_, true) => named.push("others".to_owned()),
        (_, false) => {}
    }
    named.join(", ")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
