//! The comparison in words: sentences that the numbers carry, and no others.

use super::comparison::{Column, Comparison, Row};
use super::series::{self, Point, Series};
use crate::eval::table::{Cell, Standing};
use crate::recipe::Count;

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

/// What continued pretraining did to the texts of each language, from the base to the last snapshot; a sentence a run.
fn pretraining(comparison: &Comparison) -> Vec<String> {
    let mut runs: Vec<(String, u64, Vec<String>)> = Vec::new();
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
            match runs.iter_mut().find(|(name, ..)| *name == series.name) {
                Some((.., changes)) => changes.push(change),
                None => runs.push((series.name.clone(), (last.x - first.x) as u64, vec![change])),
            }
        }
    }
    let sentence = |(name, tokens, changes): (String, u64, Vec<String>)| {
        let run = name.strip_suffix(series::FOUNDATIONS).and_then(|name| name.strip_suffix('/'));
        let run = run.map(|run| format!(" in {run}")).unwrap_or_default();
        format!("With {} tokens of pretraining{run}, {}.", Count(tokens).label(), listed(&changes))
    };
    runs.into_iter().map(sentence).collect()
}

/// Several changes in one sentence.
fn listed(changes: &[String]) -> String {
    match changes {
        [some @ .., last] if some.len() > 1 => format!("{}; and {last}", some.join("; ")),
        few => few.join(", and "),
    }
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
            "With {} instead of {} of the translations {}→{} ({} instead of {}), {}.",
            percent(high.x),
            percent(low.x),
            ratio.from,
            ratio.to,
            high.candidate,
            low.candidate,
            listed(&changes)
        ));
    }
    said
}

/// `text English, world rose from 0.382 to 0.435 bits per byte, 14 % worse (p = 0.030)`.
fn change(comparison: &Comparison, (number, column): (usize, &Column), from: &Point, to: &Point) -> String {
    let (task, before, after) = (&column.task, column.number(from.y), column.number(to.y));
    if before == after {
        return format!("{task} stayed at {after} {}", column.measure());
    }
    let verb = if to.y > from.y { "rose" } else { "fell" };
    // Shares of a score mean something where zero does: of bits, not of BLEU.
    let by = (100.0 * (to.y - from.y) / from.y).abs();
    let share = match (column.higher_is_better, to.y > from.y) {
        (false, worse) if by.is_finite() => format!(", {by:.0} % {}", if worse { "worse" } else { "better" }),
        _ => String::new(),
    };
    let sure = certainty(comparison.cell(&from.candidate, number), comparison.cell(&to.candidate, number));
    let sure = sure.map(|sure| format!(" ({sure})")).unwrap_or_default();
    format!("{task} {verb} from {before} to {after} {}{share}{sure}", column.measure())
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
        Some((_, Some(p))) if p < 0.001 => Some("corrected p < 0.001".to_owned()),
        Some((_, Some(p))) => Some(format!("corrected p = {p:.3}")),
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

/// Whether merging changed a score, and where it did so most for its size.
fn merged(comparison: &Comparison) -> Option<String> {
    let pairs = comparison.pairs();
    let mut differing = 0;
    let mut most: Option<(f64, String)> = None;
    for (adapter, merged) in &pairs {
        let differences = comparison.primary().into_iter().filter_map(|(number, column)| {
            let (one, other) = (adapter.score(number)?.value, merged.score(number)?.value);
            let (a, b) = (column.number(one), column.number(other));
            let text = || format!("{}, {} {}: {a} and merged {b}", adapter.candidate, column.task, column.measure());
            (a != b).then(|| ((one - other).abs() / one.abs().max(other.abs()), text()))
        });
        let largest = differences.max_by(|a, b| a.0.total_cmp(&b.0));
        differing += usize::from(largest.is_some());
        most = [most, largest].into_iter().flatten().max_by(|a, b| a.0.total_cmp(&b.0));
    }
    match (pairs.len(), most) {
        (0, _) => None,
        (_, None) => Some("Every adapter scored the same merged as swapped on, to the digits shown.".to_owned()),
        (all, Some((_, most))) => Some(format!(
            "{differing} of {all} adapters did not score the same merged as swapped on, to the digits shown; the largest \
             difference is that of {most}."
        )),
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
