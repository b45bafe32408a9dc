//! The comparison as CSV, for other programs: one line for each score, numbers in full.

use super::{Cell, Standing, Table};
use crate::eval::result::Column;

const HEAD: [&str; 13] = [
    "candidate",
    "task",
    "metric",
    "value",
    "low",
    "high",
    "unit",
    "higher_is_better",
    "examples",
    "standing",
    "p",
    "p_holm",
    "signature",
];

pub(super) fn render(table: &Table) -> String {
    let mut out = ::csv::Writer::from_writer(Vec::new());
    let columns: Vec<_> = table.columns().collect();
    // Writing to memory cannot fail.
    let _ = out.write_record(HEAD);
    for (row, name) in table.candidates().iter().enumerate() {
        for (column, cells) in &columns {
            if let Some(cell) = cells.get(row).copied().flatten() {
                let _ = out.write_record(record(name, column, cell));
            }
        }
    }
    String::from_utf8(out.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn record(candidate: &str, column: &Column, cell: Cell) -> [String; 13] {
    let standing = match cell.standing {
        Standing::Best => "best",
        Standing::Near => "near",
        Standing::Behind => "behind",
        Standing::Level => "level",
    };
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        candidate.to_owned(),
        column.task.clone(),
        column.metric.word().to_owned(),
        cell.value.to_string(),
        number(cell.interval.map(|interval| interval.low)),
        number(cell.interval.map(|interval| interval.high)),
        column.unit.to_owned(),
        column.higher_is_better.to_string(),
        column.examples.to_string(),
        standing.to_owned(),
        number(cell.p_value),
        number(cell.p_holm),
        column.signature.clone().unwrap_or_default(),
    ]
}
