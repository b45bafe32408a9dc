//! The table of scores as HTML: candidates down, metrics across, the first of each task at once and the others on
//! demand.

use std::fmt::Write;

use super::comparison::{Column, Comparison};
use super::html;
use crate::eval::table::{Cell, Standing};
use crate::markup::escaped;

/// The table in a box that scrolls for itself.
pub(super) fn table(comparison: &Comparison) -> String {
    let primary: Vec<usize> = comparison.primary().into_iter().map(|(number, _)| number).collect();
    let class = |number: usize| if primary.contains(&number) { "" } else { " more" };
    let mut out = String::from(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Scores\"><table id=\"scores\">\n<thead><tr><th scope=\"col\">candidate</th>",
    );
    for (number, column) in comparison.columns.iter().enumerate() {
        let arrow = if column.higher_is_better { "↑" } else { "↓" };
        let title = column.signature.as_deref().map(|it| format!(" title=\"{}\"", escaped(it))).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<th scope=\"col\" class=\"score{}\" data-task=\"{}\"{title}><span>{}</span>{}\u{a0}{arrow}</th>",
            class(number),
            escaped(&column.task),
            escaped(&column.task),
            escaped(&column.measure().replace(' ', "\u{a0}")),
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &comparison.candidates {
        let (data, name) = (escaped(&row.candidate), html::name(&row.candidate));
        let _ = write!(out, "<tr data-candidate=\"{data}\"><th scope=\"row\">{name}</th>");
        for (number, column) in comparison.columns.iter().enumerate() {
            cell(&mut out, column, row.score(number), class(number));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn cell(out: &mut String, column: &Column, cell: Option<Cell>, more: &str) {
    let task = escaped(&column.task);
    let Some(cell) = cell else {
        let _ = write!(out, "<td class=\"score{more}\" data-task=\"{task}\">–</td>");
        return;
    };
    let value = column.number(cell.value);
    let (class, value) = match cell.standing {
        Standing::Best => (" best", format!("<b>{value}</b>")),
        Standing::Near => (" near", format!("<i>≈</i> {value}")),
        Standing::Behind | Standing::Level => ("", value),
    };
    let title = match (cell.p_value, cell.p_holm) {
        (Some(p), Some(holm)) => format!(" title=\"against the best: p = {p:.4}, {holm:.4} after Holm’s correction\""),
        _ => String::new(),
    };
    let interval = cell
        .interval
        .map(|interval| format!("<small>[{}, {}]</small>", column.number(interval.low), column.number(interval.high)));
    let _ = write!(
        out,
        "<td class=\"score{more}{class}\" data-task=\"{task}\"{title}>{value}{}</td>",
        interval.unwrap_or_default()
    );
}
