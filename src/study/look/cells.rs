//! A source in words and figures, the same for a terminal and a page.

use super::sample::Sample;
use crate::data::ledger::SourceLedger;
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

/// All that is said of a source; the groups and cells are the same for every source of a stage.
pub(super) fn groups(source: &SourceLedger, sample: &Sample, by: MixtureUnit) -> Vec<Group> {
    let unit = match by {
        MixtureUnit::Tokens => "share of tokens",
        MixtureUnit::Rows => "share of rows",
    };
    let holds = vec![
        cell(short_count(source.rows), "rows"),
        cell(short_count(source.tokens), "tokens"),
        cell(format!("{:.2}", sample.characters as f64 / sample.tokens.max(1) as f64), "characters a token"),
        cell(seen(sample, sample.duplicates), "duplicates"),
        cell(languages(sample), "language"),
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

/// A count of a sample; of how many rows, where that is not all.
fn seen(sample: &Sample, count: u64) -> String {
    match sample.whole {
        true => short_count(count),
        false => format!("{} of the first {}", short_count(count), short_count(sample.rows)),
    }
}

/// The languages of at least a hundredth of the texts, the most frequent first.
fn languages(sample: &Sample) -> String {
    let all: u64 = sample.languages.values().sum();
    let mut sorted: Vec<_> = sample.languages.iter().filter(|(_, texts)| **texts * 100 >= all).collect();
    sorted.sort_by_key(|(_, texts)| std::cmp::Reverse(**texts));
    let share = |(name, texts): &(&&str, &u64)| format!("{name} {:.0} %", **texts as f64 / all as f64 * 100.0);
    let mut named: Vec<String> = sorted.iter().take(3).map(share).collect();
    match (all, named.len() < sample.languages.len()) {
        (0, _) => named.push("unsure".to_owned()),
        (_, true) => named.push("others".to_owned()),
        (_, false) => {}
    }
    named.join(", ")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
