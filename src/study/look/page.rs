//! The page: one file for a browser, light or dark as the reader has it, and nothing that runs.

use std::fmt::Write;

use super::StageLook;
use super::cells;
use super::page_parts::{chart, excerpt};
use super::signs::on_one_line;
use crate::data::ledger::SourceLedger;
use crate::markup::escaped;
use crate::progress::short_count;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(super) fn page(study: &str, stages: &[StageLook]) -> String {
    let name = escaped(study);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{name}: what is trained on</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>{name} <small>what is trained on</small></h1>\n\
         <p><span class=\"t\">trained</span> <span class=\"m\">masked</span> <span class=\"t s\">special token</span> \
         <small>a token's number stands in its title</small></p>\n<nav>"
    );
    for (index, stage) in stages.iter().enumerate() {
        let _ = write!(out, "<a href=\"#stage-{index}\">{}</a> ", escaped(&stage.ledger.stage));
    }
    out.push_str("</nav>\n");
    for (index, stage) in stages.iter().enumerate() {
        section(&mut out, index, stage);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn section(out: &mut String, index: usize, stage: &StageLook) {
    let (ledger, lengths) = (&stage.ledger, &stage.lengths);
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<section id=\"stage-{index}\">\n<h2>{}</h2>\n<p>{}</p>",
        escaped(&ledger.stage),
        escaped(&ledger.summary()),
    );
    tables(out, stage);
    let figures: Vec<String> = lengths.figures().iter().map(|(name, tokens)| format!("{name} {tokens}")).collect();
    let _ = writeln!(
        out,
        "<h3>document lengths in tokens <small>{} rows; {}; {} longer than a sequence</small></h3>\n<div class=\"wide\">",
        short_count(lengths.rows()),
        figures.join(", "),
        short_count(lengths.beyond(ledger.sequence_length)),
    );
    chart(out, lengths, ledger.sequence_length);
    out.push_str("</div>\n");
    stage.excerpts.iter().for_each(|it| excerpt(out, it));
    out.push_str("</section>\n");
}

/// A table for each group of figures, with a line for each source; the same figures as on a terminal.
fn tables(out: &mut String, stage: &StageLook) {
    let all = cells::of_sources(&stage.ledger);
    let Some((_, first)) = all.first() else { return };
    for (index, group) in first.iter().enumerate() {
        let _ = write!(out, "<div class=\"wide\"><table>\n<thead><tr><th>{}</th>", escaped(group.name));
        for cell in &group.cells {
            let _ = write!(out, "<th>{}</th>", escaped(&cell.label));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for (name, groups) in &all {
            let _ = write!(out, "<tr><th>{}</th>", escaped(name));
            for cell in groups.get(index).into_iter().flat_map(|group| &group.cells) {
                let _ = write!(out, "<td>{}</td>", escaped(&cell.value));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
    }
    let lost: String = stage.ledger.sources.iter().map(SourceLedger::lost).collect();
    if !lost.is_empty() {
        let lines: Vec<String> = lost.lines().map(|line| format!("<li>{}</li>", escaped(&on_one_line(line)))).collect();
        let _ = writeln!(out, "<ul>{}</ul>", lines.join("\n"));
    }
}
