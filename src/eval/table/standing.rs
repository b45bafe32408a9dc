//! How the scores of a table stand to the best of their columns.
//!
//! A candidate that scores as another does in every example, such as an adapter merged and the same swapped on, is one
//! comparison with it, not a second one. With many comparisons more trials are made, or no p-value could be small enough.

use std::collections::BTreeSet;

use super::super::holm::holm;
use super::super::randomisation;
use super::super::result::Column;
use super::{Cell, SIGNIFICANCE, Scores, Standing};

/// Trials for each comparison, at least: then the smallest p-value, corrected for all of them, is 0.01.
const FOR_EACH: u64 = 100;

/// What is compared with the best of a column.
enum Against {
    /// Nothing: there is no score, or it is the best itself.
    Nothing,
    /// A score of its own.
    Best,
    /// The same as that of an earlier candidate in each example.
    SameAs(usize),
}

/// The cells of each column that has a score, in the order of the candidates.
pub(super) fn cells(columns: &[Scores], candidates: usize) -> Vec<Vec<Option<Cell>>> {
    let trials = self::trials(columns);
    let scored = || columns.iter().filter(|scores| scores.first().is_some());
    let mut cells: Vec<Vec<Option<Cell>>> = scored().map(|scores| of_column(scores, candidates, trials)).collect();
    let firsts = firsts(scored());
    for wanted in [true, false] {
        let places: Vec<(usize, usize)> = (scored().zip(&firsts).enumerate())
            .filter(|(_, (_, is_first))| **is_first == wanted)
            .flat_map(|(at, (scores, _))| {
                let own = plan(scores).into_iter().enumerate();
                own.filter(|(_, against)| matches!(against, Against::Best)).map(move |(row, _)| (at, row))
            })
            .collect();
        let cell = |cells: &[Vec<Option<Cell>>], (at, row): (usize, usize)| *cells.get(at)?.get(row)?;
        let p_values: Vec<Option<f64>> = places.iter().map(|place| cell(&cells, *place)?.p_value).collect();
        for ((at, row), p_holm) in places.into_iter().zip(holm(&p_values)) {
            if let Some(Some(cell)) = cells.get_mut(at).and_then(|column| column.get_mut(row)) {
                cell.p_holm = p_holm;
                if p_holm.is_some_and(|p| p >= SIGNIFICANCE) {
                    cell.standing = Standing::Near;
                }
            }
        }
    }
    for (scores, cells) in scored().zip(&mut cells) {
        for (row, against) in plan(scores).into_iter().enumerate() {
            if let Against::SameAs(other) = against {
                let same = cells.get(other).copied().flatten();
                if let Some(place) = cells.get_mut(row) {
                    *place = same;
                }
            }
        }
    }
    cells
}

/// Trials of each comparison: the usual number, or more where there are very many comparisons.
pub(super) fn trials(columns: &[Scores]) -> u64 {
    let comparisons = |scores: &Scores| plan(scores).iter().filter(|it| matches!(it, Against::Best)).count() as u64;
    randomisation::TRIALS.max(FOR_EACH * columns.iter().map(comparisons).sum::<u64>())
}

/// Which columns are the first of their task.
fn firsts<'a>(columns: impl Iterator<Item = &'a Scores>) -> Vec<bool> {
    let mut seen = BTreeSet::new();
    columns.map(|scores| scores.first().is_some_and(|first| seen.insert(first.task.as_str()))).collect()
}

/// The best of a column, unless all are equal.
fn best(scores: &Scores) -> Option<&Column> {
    let best = scores.best()?;
    scores.of.iter().flatten().any(|column| column.value != best.value).then_some(best)
}

fn plan(scores: &Scores) -> Vec<Against> {
    let best = best(scores);
    let of = |(row, column): (usize, &Option<Column>)| {
        let (Some(column), Some(best)) = (column, best) else { return Against::Nothing };
        if column.value == best.value {
            return Against::Nothing;
        }
        let same = |other: &Option<Column>| other.as_ref().is_some_and(|other| other.rows == column.rows);
        scores.of.iter().take(row).position(same).map_or(Against::Best, Against::SameAs)
    };
    scores.of.iter().enumerate().map(of).collect()
}

/// A column's cells before the correction.
fn of_column(scores: &Scores, candidates: usize, trials: u64) -> Vec<Option<Cell>> {
    let best = best(scores);
    let plan = plan(scores);
    let of = |(column, against): (&Option<Column>, &Against)| -> Option<Cell> {
        let column = column.as_ref()?;
        let p_value = best.filter(|_| matches!(against, Against::Best)).and_then(|best| {
            let score = |sums: &[f64]| column.metric.score(sums);
            randomisation::p_value(&column.rows, &best.rows, score, trials, column.draws)
        });
        let standing = match best {
            None => Standing::Level,
            Some(best) if best.value == column.value => Standing::Best,
            Some(_) => Standing::Behind,
        };
        Some(Cell { value: column.value, interval: column.interval, standing, p_value, p_holm: None })
    };
    let mut cells: Vec<Option<Cell>> = scores.of.iter().zip(&plan).map(of).collect();
    cells.resize(candidates, None);
    cells
}
