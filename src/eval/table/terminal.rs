//! The comparison for a terminal: one block for each task, numbers under each other, the best in colour.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::{Cell, Standing, Table, heading, legend, number};
use crate::eval::result::Column;

const TITLE: Style = Style::new().bold();
const BEST: Style = AnsiColor::Green.on_default().bold();
const NEAR: Style = AnsiColor::Green.on_default();
const QUIET: Style = Style::new().dimmed();

pub(super) fn render(table: &Table) -> String {
    let columns: Vec<_> = table.columns().collect();
    let mut out = String::new();
    for task in table.tasks() {
        let of_task: Vec<_> = columns.iter().filter(|(column, _)| column.task == task).collect();
        let examples = of_task.first().map_or(0, |(column, _)| column.examples);
        let _ = writeln!(out, "{TITLE}{task}{TITLE:#}  {QUIET}{examples} examples{QUIET:#}");
        block(&mut out, table, &of_task);
        out.push('\n');
    }
    let _ = writeln!(out, "{QUIET}* best of the column. {}{QUIET:#}", legend().join(" "));
    out
}

fn block(out: &mut String, table: &Table, columns: &[&(&Column, Vec<Option<Cell>>)]) {
    let names = table.candidates().iter().map(|name| name.chars().count());
    let name_width = names.chain([9]).max().unwrap_or(9);
    let _ = write!(out, "  {QUIET}{:name_width$}", "candidate");
    let widths: Vec<usize> = columns.iter().map(|(column, cells)| width(column, cells)).collect();
    for ((column, _), width) in columns.iter().zip(&widths) {
        let head = format!("{} {}", heading(column), column.unit);
        let _ = write!(out, "  {head:>width$}");
    }
    let _ = writeln!(out, "{QUIET:#}");
    for (row, name) in table.candidates().iter().enumerate() {
        let cells: Vec<_> = columns.iter().map(|(_, cells)| cells.get(row).copied().flatten()).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let _ = write!(out, "  {name:name_width$}");
        for ((cell, (column, _)), width) in cells.iter().zip(columns).zip(&widths) {
            let (value, interval) = texts(column, *cell);
            let style = match cell.map(|cell| cell.standing) {
                Some(Standing::Best) => BEST,
                Some(Standing::Near) => NEAR,
                _ => Style::new(),
            };
            let pad = width.saturating_sub(value.chars().count() + interval.chars().count());
            let _ = write!(out, "  {:pad$}{style}{value}{style:#}{QUIET}{interval}{QUIET:#}", "");
        }
        out.push('\n');
    }
}

fn width(column: &Column, cells: &[Option<Cell>]) -> usize {
    let head = heading(column).chars().count() + 1 + column.unit.chars().count();
    let cells = cells.iter().map(|cell| {
        let (value, interval) = texts(column, *cell);
        value.chars().count() + interval.chars().count()
    });
    cells.chain([head]).max().unwrap_or(head)
}

/// A score with its mark, and its interval.
fn texts(column: &Column, cell: Option<Cell>) -> (String, String) {
    let Some(cell) = cell else { return ("–".to_owned(), String::new()) };
    let mark = match cell.standing {
        Standing::Best => "*",
        Standing::Near => "≈",
        Standing::Behind | Standing::Level => "",
    };
    let interval = cell.interval.map(|i| format!(" [{}, {}]", number(column, i.low), number(column, i.high)));
    (format!("{mark}{}", number(column, cell.value)), interval.unwrap_or_default())
}
