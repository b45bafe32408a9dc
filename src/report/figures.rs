//! The page's sections of plots: scores against ratios and tokens, and training curves.

use std::fmt::Write;

use super::Report;
use super::comparison::{Column, Comparison};
use super::curves::{self, Curve};

use super::plot::{self, Frame};
use super::series::{self, Series};
use super::summary::percent;
use crate::markup::{escaped, json};
use crate::progress::short_count;
use crate::recipe::Count;

/// Adapters against their share of one direction, if the study has such.
pub(super) fn ratio_plots(out: &mut String, comparison: &Comparison) {
    let Some(ratio) = series::ratio(comparison) else { return };
    let label = format!("share of {}→{} among the translations", ratio.from, ratio.to);
    let text = |x: f64| percent(x);
    let explained = "Adapters on one line differ in their ratio only. Bars: 95 % interval.";
    plots(out, comparison, ("ratio", "Scores against the ratio", explained), (&label, &text), series::against_ratio);
}

/// Foundations, and adapters on several of them, against the tokens of pretraining.
pub(super) fn token_plots(out: &mut String, comparison: &Comparison) {
    let text = |x: f64| if x == 0.0 { "base".to_owned() } else { Count(x as u64).label() };
    let explained = "What the base has read in continued pretraining. Texts in the language that the base knew before show \
                     what it keeps of that. Bars: 95 % interval.";
    let what = ("tokens", "Scores against tokens of pretraining", explained);
    plots(out, comparison, what, ("tokens of pretraining", &text), series::against_tokens);
}

/// A section of plots, one for each task's first metric, if a task has something to plot.
fn plots(
    out: &mut String,
    comparison: &Comparison,
    (id, title, explained): (&str, &str, &str),
    (x_label, x_text): (&str, &dyn Fn(f64) -> String),
    series_of: impl Fn(&Comparison, usize) -> Vec<Series>,
) {
    let all: Vec<(usize, &Column, Vec<Series>)> = comparison
        .primary()
        .into_iter()
        .map(|(number, column)| (number, column, series_of(comparison, number)))
        .filter(|(_, _, series)| !series.is_empty())
        .collect();
    if all.is_empty() {
        return;
    }
    let mut names: Vec<String> = Vec::new();
    for series in all.iter().flat_map(|(_, _, series)| series) {
        if !names.contains(&series.name) {
            names.push(series.name.clone());
        }
    }
    let _ = writeln!(out, "<section id=\"{id}\">\n<h2>{title}</h2>\n<p class=\"quiet\">{explained}</p>");
    legend(out, &names);
    out.push_str("<div class=\"plots\">\n");
    for (number, column, series) in &all {
        let y_text = |y: f64| column.number(y);
        let title = format!("{}, {}", column.task, column.measure());
        let frame = Frame { x_label, title: &title, x_text, y_text: &y_text, names: &names };
        let arrow = if column.higher_is_better { "↑" } else { "↓" };
        let knee = (id == "tokens").then(|| series::knee(comparison, (*number, column))).flatten();
        let knee =
            knee.map(|(name, _)| format!("; more tokens buy less from {} on", escaped(&name))).unwrap_or_default();
        let task = escaped(&column.task);
        let _ = writeln!(
            out,
            "<figure data-task=\"{task}\"><figcaption>{task} <span class=\"quiet\">{} {arrow}{knee}</span></figcaption>\n{}</figure>",
            escaped(&column.measure()),
            plot::plot(&frame, series),
        );
    }
    out.push_str("</div>\n</section>\n");
}

fn legend(out: &mut String, names: &[String]) {
    out.push_str("<ul class=\"legend\">\n");
    for (number, name) in names.iter().enumerate() {
        let _ = writeln!(
            out,
            "<li><svg viewBox=\"0 0 26 14\" width=\"26\" height=\"14\" aria-hidden=\"true\"><g class=\"s{}\">\
             <line class=\"line s{}\" x1=\"0\" x2=\"26\" y1=\"7\" y2=\"7\"/>{}</g></svg> {}</li>",
            number % 6,
            number % 6,
            plot::shape(number, 13.0, 7.0),
            escaped(name)
        );
    }
    out.push_str("</ul>\n");
}

/// A curve for each job; adapters share one axis of losses, and pretraining has its own.
pub(super) fn training(out: &mut String, report: &Report) {
    let several = report.runs.len() > 1;
    let mut all = Vec::new();
    for run in &report.runs {
        for (job, lines) in &run.jobs {
            let name = if several { format!("{}/{job}", run.name) } else { job.clone() };
            all.push((job == "pretrain", name, Curve::of(lines)));
        }
    }
    if all.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"training\">\n<h2>Training</h2>\n<p class=\"quiet\">Loss of each job over the tokens it has read: each \
         step faint, the mean of neighbouring steps strong, the held-out loss dashed where it was measured. Adapters share \
         one axis.</p>\n<div class=\"plots\">\n",
    );
    let scale = |pretrain: bool| curves::loss_scale(all.iter().filter(|it| it.0 == pretrain).map(|it| &it.2));
    let scales = [scale(false), scale(true)];
    for (pretrain, name, curve) in &all {
        let y = if *pretrain { &scales[1] } else { &scales[0] };
        let last = curve.last().map(|(tokens, loss)| format!("{loss:.2} after {} tokens", short_count(tokens as u64)));
        let held_out = curve.held_out.last().map(|(_, loss)| format!(", held-out {loss:.2}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "<figure data-any=\"{}\"><figcaption>{} <span class=\"quiet\">{}{held_out}</span></figcaption>\n{}</figure>",
            escaped(&json(&candidates_of(&report.comparison, name))),
            escaped(name),
            last.unwrap_or_default(),
            curves::svg(name, curve, y)
        );
    }
    out.push_str("</div>\n</section>\n");
}

/// The candidates that a job made: an adapter, merged or not; for pretraining none, its curve is always shown.
fn candidates_of(comparison: &Comparison, job: &str) -> Vec<String> {
    let names = [job.to_owned(), format!("{job}+merged")];
    comparison.candidates.iter().map(|row| row.candidate.clone()).filter(|name| names.contains(name)).collect()
}
