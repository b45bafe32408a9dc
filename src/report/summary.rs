//! The comparison in words: sentences that the numbers carry, and no others.

use super::comparison::{Column, Comparison, Row};
use super::series::{self, Point, Series};
use crate::eval::table::{Cell, Standing};
use crate::progress::short_count;

/// What is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Words {
    /// The paragraph that comes first.
    pub lead: Vec<String>,
    /// A sentence for each task, behind the task's name.
    pub tasks: Vec<(String, String)>,
}

/// All sentences about a comparison.
pub(super) fn words(comparison: &Comparison) -> Words {
    let mut lead = vec![size(comparison)];
    lead.extend(pretraining(comparison));
    lead.extend(ratio(comparison));
    lead.extend(knees(comparison));
    lead.extend(merged(comparison));
    let tasks = comparison.primary().into_iter().map(|it| (it.1.task.clone(), best(comparison, it)));
    Words { lead, tasks: tasks.collect() }
}

fn size(comparison: &Comparison) -> String {
    let primary = comparison.primary();
    let examples = || primary.iter().map(|(_, column)| column.examples);
    let (least, most) = (examples().min().unwrap_or(0), examples().max().unwrap_or(0));
    let each = if least == most { format!("{most} examples each") } else { format!("{least} to {most} examples each") };
    let (candidates, tasks) = (comparison.candidates.len(), primary.len());
    let s = |count: usize| if count == 1 { "" } else { "s" };
    format!("{candidates} candidate{} answered {tasks} task{}, {each}.", s(candidates), s(tasks))
}

/// What continued pretraining did to the texts of each language, from the base to the last snapshot.
fn pretraining(comparison: &Comparison) -> Vec<String> {
    let mut said = Vec::new();
    for (number, column) in comparison.primary() {
        if comparison.task_of(column).is_none_or(|task| task.kind != "perplexity") {
            continue;
        }
        for series in series::against_tokens(comparison, number) {
            let foundations = series.name.ends_with(series::FOUNDATIONS);
            let Some((first, last)) = series.points.first().zip(series.points.last()).filter(|_| foundations) else {
                continue;
            };
            let change = change(comparison, (number, column), first, last);
            said.push(format!("{} tokens of pretraining: {change}.", short_count((last.x - first.x) as u64)));
        }
    }
    said
}

/// What more of one direction did to both.
fn ratio(comparison: &Comparison) -> Vec<String> {
    let mut said = Vec::new();
    let Some(ratio) = series::ratio(comparison) else { return said };
    let translates = |column: &Column| comparison.task_of(column).is_some_and(|task| task.kind == "translation");
    let translations: Vec<_> = comparison.primary().into_iter().filter(|(_, column)| translates(column)).collect();
    let Some((first_column, _)) = translations.first() else { return said };
    for first in series::against_ratio(comparison, *first_column) {
        let same = |series: &Series| series.name == first.name;
        let changes: Vec<String> = translations
            .iter()
            .filter_map(|(number, column)| {
                let series = series::against_ratio(comparison, *number).into_iter().find(same)?;
                Some(change(comparison, (*number, column), series.points.first()?, series.points.last()?))
            })
            .collect();
        let Some((low, high)) = first.points.first().zip(first.points.last()) else { continue };
        said.push(format!(
            "From {} to {} of translations {}→{} ({} to {}): {}.",
            percent(low.x),
            percent(high.x),
            ratio.from,
            ratio.to,
            low.candidate,
            high.candidate,
            changes.join("; ")
        ));
    }
    said
}

/// `text English, world: 0.382 → 0.435 bits per byte, worse (…)`.
fn change(comparison: &Comparison, (number, column): (usize, &Column), from: &Point, to: &Point) -> String {
    let (before, after) = (column.number(from.y), column.number(to.y));
    let direction = match (after == before, (to.y > from.y) == column.higher_is_better) {
        (true, _) => "the same",
        (_, true) => "better",
        (_, false) => "worse",
    };
    let sure = certainty(comparison.cell(&from.candidate, number), comparison.cell(&to.candidate, number));
    let sure = sure.map(|sure| format!(" ({sure})")).unwrap_or_default();
    format!("{} {before} → {after} {}, {direction}{sure}", column.task, column.measure())
}

/// How sure a difference between two scores of a column is: by the table's test where one is the best, else by whether
/// their intervals overlap.
fn certainty(first: Option<Cell>, second: Option<Cell>) -> Option<String> {
    let (first, second) = (first?, second?);
    let other = match (first.standing, second.standing) {
        (Standing::Best, _) => Some(second),
        (_, Standing::Best) => Some(first),
        _ => None,
    };
    match other.map(|other| (other.standing, other.p_holm)) {
        Some((Standing::Best, _)) => None,
        Some((Standing::Near, _)) => Some("not shown to differ".to_owned()),
        Some((_, Some(p))) if p < 0.001 => Some("shown, p < 0.001".to_owned()),
        Some((_, Some(p))) => Some(format!("shown, p = {p:.3}")),
        _ => {
            let (a, b) = (first.interval?, second.interval?);
            let apart = a.high < b.low || b.high < a.low;
            Some(if apart { "the intervals do not overlap" } else { "the intervals overlap" }.to_owned())
        }
    }
}

/// Where more tokens begin to buy less, for each task in which four snapshots or more show it.
fn knees(comparison: &Comparison) -> Vec<String> {
    let knee = |it: (usize, &Column)| series::knee(comparison, it).map(|(name, _)| (it.1.task.clone(), name));
    let found = comparison.primary().into_iter().filter_map(knee);
    found.map(|(task, name)| format!("In {task}, more tokens buy less from {name} on.")).collect()
}

/// Whether merging changed a score.
fn merged(comparison: &Comparison) -> Option<String> {
    let pairs = comparison.pairs();
    let differing = pairs.iter().filter(|(adapter, merged)| {
        let value = |row: &Row, number: usize| row.score(number).map(|cell| cell.value);
        (0..comparison.columns.len()).any(|number| value(adapter, number) != value(merged, number))
    });
    match (pairs.len(), differing.count()) {
        (0, _) => None,
        (_, 0) => Some("Each merged adapter scored exactly as the same adapter swapped on.".to_owned()),
        (all, some) => Some(format!("{some} of {all} merged adapters scored not exactly as when swapped on.")),
    }
}

/// Who is best in a column, with the interval, and who is not shown to be worse.
fn best(comparison: &Comparison, (number, column): (usize, &Column)) -> String {
    let with = |standing| -> Vec<&Row> { comparison.unmerged().filter(|row| row.stands(number, standing)).collect() };
    let (best, near, behind) = (with(Standing::Best), with(Standing::Near), with(Standing::Behind));
    let Some((first, cell)) = best.first().and_then(|row| Some((row, row.score(number)?))) else {
        return "all scores are the same, or there is only one.".to_owned();
    };
    let mut text = match best.len() {
        1 => format!("{} is best with {} {}", first.candidate, column.with_interval(cell), column.measure()),
        _ => format!("{} share the best, {} {}", names(&best), column.with_interval(cell), column.measure()),
    };
    let shown = behind.iter().all(|row| row.score(number).is_some_and(|cell| cell.p_holm.is_some()));
    text.push_str(&match (near.len(), behind.len()) {
        (0, 0) => ".".to_owned(),
        (0, _) if shown => "; all others are shown to be worse.".to_owned(),
        (0, _) => "; the others are behind.".to_owned(),
        (_, 0) => "; no other is shown to be worse.".to_owned(),
        _ => format!("; not shown to be worse: {}.", names(&near)),
    });
    text
}

fn names(rows: &[&Row]) -> String {
    rows.iter().map(|row| row.candidate.as_str()).collect::<Vec<_>>().join(", ")
}

/// `25 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if (percent - percent.round()).abs() < 0.05 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}
