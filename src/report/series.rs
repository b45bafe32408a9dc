//! Scores as points: against tokens of continued pretraining, and against the ratio of translations.

use super::comparison::{Column, Comparison, Ratio, Row};
use crate::eval::Interval;

/// Points that belong together, in the order of the axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub name: String,
    pub points: Vec<Point>,
}

/// A candidate's score.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub candidate: String,
    pub x: f64,
    pub y: f64,
    pub interval: Option<Interval>,
}

/// The name of the series of foundations.
pub(super) const FOUNDATIONS: &str = "no adapter";

/// Foundations, and adapters of one entry on several of them, against the tokens of pretraining. Series of one point tell
/// nothing about tokens and are left out.
pub(super) fn against_tokens(comparison: &Comparison, column: usize) -> Vec<Series> {
    let named = |row: &Row| {
        let made_of = row.made_of.as_ref()?;
        let run = run_of(row);
        let entry = match made_of.form.as_str() {
            "foundation" => FOUNDATIONS.to_owned(),
            _ => {
                let adapter = made_of.adapter.as_deref()?;
                adapter.strip_suffix(&format!("@{}", made_of.on)).unwrap_or(adapter).to_owned()
            }
        };
        Some((format!("{run}{entry}"), made_of.pretrain_tokens as f64))
    };
    series(comparison, column, named)
}

/// Adapters that differ in their ratio only, against the share of the first direction.
pub(super) fn against_ratio(comparison: &Comparison, column: usize) -> Vec<Series> {
    let place = |row: &Row| {
        let ratio = row.made_of.as_ref()?.ratio.as_ref()?;
        Some((format!("{}{}", run_of(row), ratio.group), ratio.share))
    };
    let mut found = series(comparison, column, place);
    for series in &mut found {
        let names: Vec<&str> = series.points.iter().map(|point| point.candidate.as_str()).collect();
        series.name = names.join(", ");
    }
    found
}

/// The directions of the ratio, of the first adapter that has one.
pub(super) fn ratio(comparison: &Comparison) -> Option<&Ratio> {
    comparison.candidates.iter().find_map(|row| row.made_of.as_ref()?.ratio.as_ref())
}

/// `run/` of `run/candidate`, where several runs are compared.
fn run_of(row: &Row) -> &str {
    row.candidate.rfind('/').and_then(|at| row.candidate.get(..=at)).unwrap_or_default()
}

fn series(comparison: &Comparison, column: usize, place: impl Fn(&Row) -> Option<(String, f64)>) -> Vec<Series> {
    let mut found: Vec<Series> = Vec::new();
    for row in comparison.unmerged() {
        let Some(((name, x), cell)) = place(row).zip(row.score(column)).filter(|(_, cell)| cell.value.is_finite())
        else {
            continue;
        };
        let point = Point { candidate: row.candidate.clone(), x, y: cell.value, interval: cell.interval };
        match found.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push(point),
            None => found.push(Series { name, points: vec![point] }),
        }
    }
    for series in &mut found {
        series.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    let differ = |series: &Series| series.points.first().zip(series.points.last()).is_some_and(|(a, b)| a.x < b.x);
    found.retain(differ);
    found
}

/// The knee of the snapshots' scores in a column, as the snapshot and its tokens; four snapshots at least, of which the
/// last is surely better than the first: their intervals do not overlap.
pub(super) fn knee(comparison: &Comparison, (number, column): (usize, &Column)) -> Option<(String, f64)> {
    let all = against_tokens(comparison, number);
    let snapshots = all.iter().find(|series| series.name == FOUNDATIONS)?;
    let points: Vec<&Point> = snapshots.points.iter().filter(|point| point.x > 0.0).collect();
    let (first, last) = (points.first()?.interval?, points.last()?.interval?);
    if first.low <= last.high && last.low <= first.high {
        return None;
    }
    let sign = if column.higher_is_better { 1.0 } else { -1.0 };
    let curve: Vec<(f64, f64)> = points.iter().map(|point| (point.x, sign * point.y)).collect();
    let at = points.get(super::knee::knee(&curve)?)?;
    Some((at.candidate.clone(), at.x))
}
