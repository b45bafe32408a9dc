//! The page: one file for a browser, light or dark as the reader has it, that asks nobody for anything.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::comparison::Comparison;
use super::html::base64;
use super::{Report, figures, ledger, table};
use crate::markup::{escaped, json};

const STYLE: &str = include_str!("page.css");
/// The scripts, each a part of one.
const SCRIPTS: [&str; 3] = [include_str!("filter.js"), include_str!("words.js"), include_str!("answers.js")];

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let names: Vec<&str> = report.runs.iter().map(|run| run.name.as_str()).collect();
    let name = escaped(&names.join(", "));
    let script = format!("\"use strict\";\n{}", SCRIPTS.join("\n"));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\"/>\n\
         <title>{name}: report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><p class=\"kind\">emakeel report</p><h1>{name}</h1></header>\n<main>\n",
        policy(&script),
    );
    summary(&mut out, report);
    if !report.comparison.columns.is_empty() {
        filters(&mut out, &report.comparison);
        scores(&mut out, &report.comparison);
        figures::ratio_plots(&mut out, &report.comparison);
        figures::token_plots(&mut out, &report.comparison);
    }
    figures::training(&mut out, report);
    answers(&mut out, report);
    origins(&mut out, report);
    let _ = write!(out, "</main>\n<script>{script}</script>\n</body>\n</html>\n");
    out
}

/// Nothing is loaded, nothing is sent, and no script or style but the page's own two counts.
fn policy(script: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text.as_bytes())));
    format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(STYLE)
    )
}

fn summary(out: &mut String, report: &Report) {
    out.push_str("<section id=\"summary\">\n");
    if report.comparison.columns.is_empty() {
        out.push_str("<p>This study has no comparison.</p>\n");
    } else {
        let _ = writeln!(out, "<p class=\"lead\">{}</p>", escaped(&report.words.lead.join(" ")));
        out.push_str("<dl class=\"best\">\n");
        for (task, text) in &report.words.tasks {
            // Writing to a string cannot fail.
            let (data, task) = (escaped(task), escaped(task));
            let _ = writeln!(out, "<div data-task=\"{data}\"><dt>{task}</dt><dd>{}</dd></div>", escaped(text));
        }
        out.push_str("</dl>\n");
    }
    for note in &report.notes {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escaped(note));
    }
    out.push_str("</section>\n");
}

/// Boxes to tick for each task and candidate; the script makes them work.
fn filters(out: &mut String, comparison: &Comparison) {
    out.push_str(
        "<details id=\"filters\" class=\"filters\"><summary>Filter tasks and candidates <span class=\"quiet\" \
         id=\"filter-state\"></span></summary>\n",
    );
    let tasks: Vec<&str> = comparison.primary().into_iter().map(|(_, column)| column.task.as_str()).collect();
    let candidates: Vec<&str> = comparison.candidates.iter().map(|row| row.candidate.as_str()).collect();
    for (kind, names) in [("task", tasks), ("candidate", candidates)] {
        let _ = write!(
            out,
            "<fieldset id=\"filter-{kind}\"><legend>{kind}s</legend><button type=\"button\" data-set=\"all\">all</button>\
             <button type=\"button\" data-set=\"none\">none</button>"
        );
        for name in names {
            let name = escaped(name);
            let _ = write!(
                out,
                "<label><input type=\"checkbox\" name=\"{kind}\" value=\"{name}\" checked=\"\"/> {name}</label>"
            );
        }
        out.push_str("</fieldset>\n");
    }
    out.push_str("</details>\n");
}

fn scores(out: &mut String, comparison: &Comparison) {
    out.push_str(
        "<section id=\"table\">\n<h2>Scores</h2>\n<p class=\"quiet\"><b>Bold</b>: best of the column. ≈ not shown to be \
         worse than the best (randomisation over the same examples, p ≥ 0.05 after Holm’s correction). ↑ more is better, ↓ \
         less is better. In brackets: 95 % interval by bootstrap over the examples.</p>\n\
         <p class=\"choose\"><label><input type=\"checkbox\" id=\"all-metrics\"/> all metrics</label></p>\n",
    );
    out.push_str(&table::table(comparison));
    out.push_str("</section>\n");
}

/// The place where the script shows answers, and the answers.
fn answers(out: &mut String, report: &Report) {
    if report.answers.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"answers\">\n<h2>Answers side by side</h2>\n<p class=\"quiet\">Words that are not in the right answer \
         are <mark>marked</mark>; words of it that are missing are <del>struck</del>. Under each answer: its scores.</p>\n\
         <div class=\"controls\"><label>Task <select id=\"answer-task\">",
    );
    for (number, answers) in report.answers.iter().enumerate() {
        let _ = write!(out, "<option value=\"{number}\">{}</option>", escaped(answers.task()));
    }
    out.push_str(
        "</select></label> <label>Search <input type=\"search\" id=\"answer-search\" placeholder=\"in all texts\"/></label> \
         <label><input type=\"checkbox\" id=\"answer-missing\" checked=\"\"/> missing words</label> \
         <label><input type=\"checkbox\" id=\"answer-differ\"/> only where scores differ</label></div>\n\
         <fieldset id=\"answer-candidates\"><legend>candidates</legend></fieldset>\n\
         <p class=\"pager\"><button type=\"button\" id=\"answer-back\">← before</button> <span id=\"answer-count\" \
         aria-live=\"polite\"></span> <button type=\"button\" id=\"answer-on\">next →</button></p>\n\
         <div id=\"answer-list\"></div>\n<noscript><p>Answers need scripts; they are in compare/ of the run folder too.</p>\
         </noscript>\n",
    );
    for (number, answers) in report.answers.iter().enumerate() {
        let _ = writeln!(out, "<script type=\"application/json\" id=\"answers-{number}\">{}</script>", json(answers));
    }
    out.push_str("</section>\n");
}

/// Ledgers, recipes, hashes and versions, run by run.
fn origins(out: &mut String, report: &Report) {
    let several = report.runs.len() > 1;
    let title = |what: &str, run: &str| if several { format!("{what} of {run}") } else { what.to_owned() };
    for run in &report.runs {
        if !run.ledgers.is_empty() {
            let _ = writeln!(out, "<section>\n<h2>{}</h2>", escaped(&title("Ledger", &run.name)));
            run.ledgers.iter().for_each(|it| out.push_str(&ledger::ledger(it)));
            out.push_str("</section>\n");
        }
    }
    for run in &report.runs {
        let _ = writeln!(
            out,
            "<section>\n<h2>{}</h2>\n<details><summary>as resolved, every default filled</summary><pre tabindex=\"0\">{}</pre></details>\n</section>",
            escaped(&title("Recipe", &run.name)),
            escaped(&run.recipe)
        );
    }
    for run in &report.runs {
        let _ = writeln!(out, "<section>\n<h2>{}</h2>", escaped(&title("Hashes and versions", &run.name)));
        out.push_str(&ledger::lock(&run.lock));
        out.push_str("</section>\n");
    }
}
