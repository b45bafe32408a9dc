//! The comparison of the study: a table for people, and scores with their intervals for the header.

use serde_json::{Value, json};

use super::facts::{CardFacts, Subject};

/// A column of the comparison.
struct Column<'c> {
    task: &'c str,
    metric: String,
    name: &'c str,
    unit: &'c str,
    digits: usize,
    higher_is_better: bool,
    examples: u64,
}

/// The columns of the comparison, in its order.
fn columns<'c>(facts: &'c CardFacts<'_>) -> Vec<Column<'c>> {
    let text = |value: &'c Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let column = |value: &'c Value| Column {
        task: text(value, "task"),
        metric: value.get("metric").and_then(Value::as_str).unwrap_or_else(|| text(value, "name")).to_lowercase(),
        name: text(value, "name"),
        unit: text(value, "unit"),
        digits: value.get("digits").and_then(Value::as_u64).unwrap_or(1).min(9) as usize,
        higher_is_better: value.get("higher_is_better") == Some(&Value::Bool(true)),
        examples: value.get("examples").and_then(Value::as_u64).unwrap_or(0),
    };
    facts.comparison.get("columns").and_then(Value::as_array).into_iter().flatten().map(column).collect()
}

fn candidates<'c>(facts: &'c CardFacts<'_>) -> Vec<(&'c str, &'c [Value])> {
    let candidate = |row: &'c Value| Some((row.get("candidate")?.as_str()?, row.get("scores")?.as_array()?.as_slice()));
    let rows = facts.comparison.get("candidates").and_then(Value::as_array);
    rows.into_iter().flatten().filter_map(candidate).collect()
}

/// The scores of what the card is of.
fn own<'c>(facts: &'c CardFacts<'_>) -> Option<&'c [Value]> {
    let name = facts.subject.candidate();
    let find = |name: &str| candidates(facts).into_iter().find(|(known, _)| *known == name).map(|(_, scores)| scores);
    // Where merged models were not compared, the adapter's scores are theirs.
    find(&name).or_else(|| find(name.strip_suffix("+merged")?))
}

fn value_of(score: &Value) -> Option<f64> {
    score.get("value")?.as_f64().filter(|value| value.is_finite())
}

fn interval_of(score: &Value) -> Option<[f64; 2]> {
    let interval = score.get("interval")?;
    Some([interval.get("low")?.as_f64()?, interval.get("high")?.as_f64()?])
}

/// Four digits behind the point, and none that mean nothing.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4 + 0.0
}

/// The header's `model-index`; `None` if there are no scores.
pub fn model_index(facts: &CardFacts<'_>) -> Option<Value> {
    let (columns, scores) = (columns(facts), own(facts)?);
    let mut results: Vec<Value> = Vec::new();
    let mut last = "";
    for (column, score) in columns.iter().zip(scores) {
        let Some(value) = value_of(score) else { continue };
        let mut metric = json!({ "type": column.metric, "name": column.name, "value": rounded(value) });
        if let (Some([low, high]), Some(metric)) = (interval_of(score), metric.as_object_mut()) {
            let args = json!({ "interval_95_low": rounded(low), "interval_95_high": rounded(high) });
            metric.insert("args".to_owned(), args);
        }
        if column.task == last
            && let Some(metrics) = results.last_mut().and_then(|it| it.get_mut("metrics")).and_then(Value::as_array_mut)
        {
            metrics.push(metric);
            continue;
        }
        last = column.task;
        let kind = if column.task.starts_with("translation") { "translation" } else { "text-generation" };
        results.push(json!({
            "task": { "type": kind, "name": column.task },
            "dataset": { "type": slug(column.task), "name": column.task, "args": { "examples": column.examples } },
            "metrics": [metric],
            "source": { "name": "emakeel compare", "url": "https://github.com/emakeel/emakeel" },
        }));
    }
    (!results.is_empty()).then(|| json!([{ "name": facts.title(), "results": results }]))
}

fn slug(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.replace('→', "-").chars().map(letter).collect();
    text.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// The section with the comparison and all scores.
pub fn section(facts: &CardFacts<'_>) -> String {
    let mut text = "## Results\n\n".to_owned();
    let (columns, candidates) = (columns(facts), candidates(facts));
    let Some(own) = own(facts) else {
        return text + "There are no scores: the study has not compared it.\n\n";
    };
    let heads = headline(&columns);
    text.push_str("All that the study compared, by the first measure of each task; this one is bold.\n\n| |");
    for (_, column) in &heads {
        let arrow = if column.higher_is_better { "↑" } else { "↓" };
        text.push_str(&format!(" {}<br>{} {arrow} |", cell(column.task), column.name));
    }
    text.push_str(&format!("\n|---|{}\n", "---:|".repeat(heads.len())));
    let name = facts.subject.candidate();
    let is_merged = |name: &str| name.ends_with("+merged");
    let shown = |row: &&(&str, &[Value])| row.0 == name || !is_merged(row.0);
    for (candidate, scores) in candidates.iter().filter(shown) {
        let bold = if *candidate == name { "**" } else { "" };
        text.push_str(&format!("| {bold}{}{bold} |", cell(candidate)));
        for (at, column) in &heads {
            let score = scores.get(*at).and_then(|score| shown_score(score, column.digits));
            text.push_str(&format!(" {} |", score.unwrap_or_else(|| "–".to_owned())));
        }
        text.push('\n');
    }
    text.push_str("\nEvery measure of this one:\n\n| task | measure | score | 95 % interval | examples |\n|---|---|---:|---|---:|\n");
    for (column, score) in columns.iter().zip(own) {
        let Some(value) = value_of(score) else { continue };
        let digits = column.digits;
        let interval = interval_of(score).map(|[low, high]| format!("{low:.digits$} to {high:.digits$}"));
        let unit = if column.unit.is_empty() { String::new() } else { format!(", {}", column.unit) };
        text.push_str(&format!(
            "| {} | {}{unit} | {value:.digits$} | {} | {} |\n",
            cell(column.task),
            column.name,
            interval.unwrap_or_else(|| "–".to_owned()),
            column.examples,
        ));
    }
    text.push_str("\nIntervals are from resampling the examples (bootstrap). ");
    if matches!(facts.subject, Subject::Merged(_)) {
        text.push_str("A merged model computes what its adapter does, up to rounding. ");
    }
    text + "Candidates were asked the same questions with the same template.\n\n"
}

/// The first measure of each task, with its place among the columns.
fn headline<'c>(columns: &'c [Column<'c>]) -> Vec<(usize, &'c Column<'c>)> {
    let mut heads: Vec<(usize, &Column<'_>)> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        if heads.last().is_none_or(|(_, last)| last.task != column.task) {
            heads.push((at, column));
        }
    }
    heads
}

fn shown_score(score: &Value, digits: usize) -> Option<String> {
    let value = value_of(score)?;
    let interval = interval_of(score).map(|[low, high]| format!(" [{low:.digits$}, {high:.digits$}]"));
    Some(format!("{value:.digits$}{}", interval.unwrap_or_default()))
}

/// A text that stays in its cell.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
