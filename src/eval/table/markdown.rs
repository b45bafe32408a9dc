//! The comparison as Markdown.

use std::fmt::Write;

use super::{Cell, Standing, Table, heading, legend, number};
use crate::eval::result::Column;

pub(super) fn render(table: &Table) -> String {
    let tasks = table.tasks();
    let columns: Vec<_> = table.columns().collect();
    let mut out = String::new();
    if tasks.len() > 1 {
        let main: Vec<_> = tasks.iter().filter_map(|task| columns.iter().find(|(c, _)| c.task == *task)).collect();
        let heads = main.iter().map(|(column, _)| format!("{}<br>{}", escaped(&column.task), heading(column)));
        let heads: Vec<String> = heads.collect();
        grid(&mut out, table, &heads, |row| {
            main.iter().map(|(column, cells)| cell_text(column, cells.get(row).copied().flatten(), false)).collect()
        });
    }
    for task in tasks {
        let of_task: Vec<_> = columns.iter().filter(|(column, _)| column.task == task).collect();
        let examples = of_task.first().map_or(0, |(column, _)| column.examples);
        let _ = write!(out, "{}### {task}\n\n{examples} examples\n\n", if out.is_empty() { "" } else { "\n" });
        let heads: Vec<String> = of_task.iter().map(|(c, _)| format!("{}<br>{}", heading(c), c.unit)).collect();
        grid(&mut out, table, &heads, |row| {
            of_task.iter().map(|(column, cells)| cell_text(column, cells.get(row).copied().flatten(), true)).collect()
        });
    }
    let _ = writeln!(out, "\n**Bold**: best of the column. {}", legend().join(" "));
    for signature in signatures(&columns) {
        let _ = writeln!(out, "\n{signature}");
    }
    out
}

/// A header line, a rule, and a line for each candidate that has any of these cells.
fn grid(out: &mut String, table: &Table, heads: &[String], cells: impl Fn(usize) -> Vec<String>) {
    let _ = writeln!(out, "| candidate | {} |", heads.join(" | "));
    let _ = writeln!(out, "|---|{}", "---:|".repeat(heads.len()));
    for (row, name) in table.candidates().iter().enumerate() {
        let cells = cells(row);
        if cells.iter().any(|cell| cell != MISSING) {
            let _ = writeln!(out, "| {} | {} |", escaped(name), cells.join(" | "));
        }
    }
}

const MISSING: &str = "–";

fn cell_text(column: &Column, cell: Option<Cell>, with_interval: bool) -> String {
    let Some(cell) = cell else { return MISSING.to_owned() };
    let value = number(column, cell.value);
    let mut text = match cell.standing {
        Standing::Best => format!("**{value}**"),
        Standing::Near => format!("≈ {value}"),
        Standing::Behind | Standing::Level => value,
    };
    if let Some(interval) = cell.interval.filter(|_| with_interval) {
        let _ = write!(text, " [{}, {}]", number(column, interval.low), number(column, interval.high));
    }
    text
}

/// Each signature once, behind its metric's name.
fn signatures(columns: &[(&Column, Vec<Option<Cell>>)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (column, _) in columns {
        let line = column.signature.as_ref().map(|signature| format!("{}: `{signature}`", column.name));
        if let Some(line) = line.filter(|line| !lines.contains(line)) {
            lines.push(line);
        }
    }
    lines
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}
