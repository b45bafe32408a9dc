//! The findings as Markdown.

use std::fmt::Write;

use super::bradley_terry::PRIOR;
use super::findings::{Findings, OfTask, Position};
use super::standing::{Estimate, Standing};

/// The whole report; `note` says how asking ended if it did not come to its end.
pub(super) fn markdown(findings: &Findings, note: Option<&str>) -> String {
    let mut text = format!("# What {} says\n\n", findings.model);
    if let Some(note) = note {
        line(&mut text, &format!("**{note}**\n"));
    }
    counts(findings, &mut text);
    if !findings.overall.is_empty() {
        text.push_str("\n## All tasks together\n\n");
        table(&findings.overall, &mut text);
        line(&mut text, &format!("\n{}", how_to_read()));
    }
    if let Some(position) = &findings.position {
        bias(position, &mut text);
    }
    for task in &findings.tasks {
        of_task(task, &mut text);
    }
    scores(findings, &mut text);
    text
}

/// What stands below a table of strengths.
pub(super) fn how_to_read() -> String {
    format!(
        "Win rate: wins and half the ties. Strength: Bradley and Terry's, as a logarithm, 0 for the mean of all; a tie is half \
         a win for either, and each candidate has {PRIOR} tie more with one of strength 0. Intervals: 95 %, bootstrap over \
         questions; Wilson's where all comparisons of a candidate ended the same."
    )
}

fn counts(findings: &Findings, text: &mut String) {
    let [read, written] = findings.tokens;
    let estimated = if findings.tokens_counted { "" } else { ", in part estimated" };
    line(text, &format!("- {} of {} prompts have their reply", findings.answered, findings.prompts));
    if findings.comparisons + findings.left_out + findings.same_answers > 0 {
        line(
            text,
            &format!(
                "- {} comparisons in both orders; {} more of answers that are the same, which count as ties; {} left out \
                 for want of a verdict",
                findings.comparisons, findings.same_answers, findings.left_out
            ),
        );
    }
    if !findings.twins.is_empty() {
        line(text, &format!("- left out, as they answer the same as another: {}", findings.twins.join(", ")));
    }
    let cut = match findings.cut {
        0 => String::new(),
        cut => format!(", {cut} of them cut at max_tokens"),
    };
    line(text, &format!("- {} replies without a verdict that can be read, asked twice{cut}", findings.unreadable));
    line(text, &format!("- {read:.0} tokens read, {written:.0} written{estimated}"));
    if let Some(cost) = findings.cost {
        line(text, &format!("- ${cost:.4} for these; ${:.4} for all in verdicts.jsonl", findings.spent_in_all));
    }
}

/// A table of candidates, the strongest first.
pub(super) fn table(standings: &[Standing], text: &mut String) {
    line(text, "| candidate | win rate | strength | wins | ties | losses |");
    line(text, "|---|---|---|---:|---:|---:|");
    let mut rows: Vec<&Standing> = standings.iter().collect();
    rows.sort_by(|a, b| b.strength.value.total_cmp(&a.strength.value));
    for row in rows {
        let rate = estimate(&row.win_rate, 1, " %");
        let (strength, Standing { wins, ties, losses, .. }) = (estimate(&row.strength, 2, ""), row);
        line(text, &format!("| {} | {rate} | {strength} | {wins} | {ties} | {losses} |", row.candidate));
    }
}

fn bias(position: &Position, text: &mut String) {
    text.push_str("\n## What the order does\n\n");
    let shown = |estimate: &Option<Estimate>| {
        estimate.as_ref().map_or_else(|| "not known".to_owned(), |known| self::estimate(known, 1, " %"))
    };
    line(
        text,
        &format!("- the answer shown first wins {} of the verdicts that are no tie", shown(&position.first_wins)),
    );
    line(text, &format!("- the other answer wins when the order is swapped: {}", shown(&position.flips)));
    line(text, &format!("- the verdict changes in any way: {}; all of these count as ties", shown(&position.changes)));
}

fn of_task(task: &OfTask, text: &mut String) {
    line(text, &format!("\n## {}\n", task.task));
    table(&task.standings, text);
    if task.agreement.is_empty() {
        return;
    }
    line(text, "\n| metric | prefers the same answer | pairs | Spearman's ρ | Kendall's τ |");
    line(text, "|---|---|---:|---:|---:|");
    for row in &task.agreement {
        let same = row.same_preference.as_ref().map_or_else(|| "–".to_owned(), |share| estimate(share, 1, " %"));
        let rank = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let (rho, tau) = (rank(row.spearman), rank(row.kendall));
        line(text, &format!("| {} | {same} | {} | {rho} | {tau} |", row.metric, row.pairs));
    }
}

fn scores(findings: &Findings, text: &mut String) {
    let mut task = "";
    for row in &findings.scores {
        if row.task != task {
            task = &row.task;
            line(text, &format!("\n## Scores from 1 to 10: {task}\n"));
            line(text, "| candidate | mean score | answers |");
            line(text, "|---|---|---:|");
        }
        line(text, &format!("| {} | {} | {} |", row.candidate, estimate(&row.mean, 2, ""), row.answers));
    }
}

/// A number with its interval.
pub(super) fn estimate(estimate: &Estimate, decimals: usize, unit: &str) -> String {
    let shown = |value: f64| {
        let text = format!("{value:.decimals$}");
        // A zero has no sign.
        match text.strip_prefix('-') {
            Some(size) if size.chars().all(|c| "0.".contains(c)) => size.to_owned(),
            _ => text,
        }
    };
    let value = shown(estimate.value);
    match &estimate.interval {
        Some(i) => format!("{value}{unit} ({} to {})", shown(i.low), shown(i.high)),
        None => format!("{value}{unit}"),
    }
}

pub(super) fn line(text: &mut String, line: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{line}");
}
