//! The mixture as it came out, and how it was trained.

use serde::Serialize;
use serde_json::Value;

use super::facts::{CardFacts, Subject};
use super::scores::cell;
use crate::progress::short_count;
use crate::recipe::{AdapterKind, Amount, Budget, Initial, LoraSettings, Method, SourceOrigin, Targets};

/// The section with what every source gave.
pub fn mixture(facts: &CardFacts<'_>) -> String {
    let mut text = "## Trained on\n\n".to_owned();
    let Some(training) = facts.training() else {
        return text + "The recipe does not say it any more.\n\n";
    };
    text.push_str(
        "| source | from | asked | realised | tokens read | trained on | masked | rows | times | dropped | forward |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for part in &training.mixture.parts {
        let source = facts.study.sources.iter().find(|source| source.name == part.source);
        let forward = match source.and_then(|source| source.languages.as_ref()) {
            Some(_) => format!("{:.2}", part.forward_share),
            None => "–".to_owned(),
        };
        let ledger = ledger_of(facts, &part.source);
        let count = |key: &str| ledger.and_then(|it| it.get(key)?.as_f64()).map(|count| short_count(count as u64));
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let share = ledger.and_then(|it| it.get("realised_share")?.as_f64()).map(percent);
        let times = ledger.and_then(|it| it.get("epochs")?.as_f64()).map(|times| format!("{times:.2}"));
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {forward} |\n",
            cell(&part.source),
            source.map_or_else(|| "–".to_owned(), |source| cell(&origin(&source.origin))),
            asked(part.amount),
            or_none(share),
            or_none(count("tokens_read")),
            or_none(count("trained_tokens")),
            or_none(count("masked_tokens")),
            or_none(count("rows_read")),
            or_none(times),
            or_none(ledger.map(|ledger| short_count(dropped(ledger)))),
        ));
    }
    text.push_str(
        "\nTokens are counted as read; *trained on* are those with a loss, *masked* those without. *dropped* are rows that \
         cleaning left out, that were too long or had nothing to train on. *forward* is the share of the first direction \
         among translations.\n\n",
    );
    text
}

pub fn ledger_of<'f>(facts: &'f CardFacts<'_>, source: &str) -> Option<&'f Value> {
    let sources = facts.ledger.get("sources")?.as_array()?;
    sources.iter().find(|it| it.get("source").and_then(Value::as_str) == Some(source))
}

/// Rows that were not used.
pub fn dropped(ledger: &Value) -> u64 {
    let rows = |key: &str| ledger.get(key).and_then(|it| it.get("rows")?.as_u64()).unwrap_or(0);
    let cleaned = ledger.get("dropped").and_then(Value::as_object).into_iter().flatten();
    let cleaned: u64 = cleaned.filter_map(|(_, count)| count.as_u64().or_else(|| count.get("rows")?.as_u64())).sum();
    cleaned + rows("too_long") + rows("no_target")
}

fn origin(origin: &SourceOrigin) -> String {
    match origin {
        SourceOrigin::Hub(dataset) => format!("[{0}](https://huggingface.co/datasets/{0})", dataset.name),
        SourceOrigin::World { generator, .. } => format!("`{generator}`, which emakeel makes"),
        SourceOrigin::Files(paths) => {
            let name = |path: &std::path::PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
            let names: Vec<String> = paths.iter().filter_map(name).collect();
            format!("files: {}", names.join(", "))
        }
    }
}

/// How much of a source the recipe asks for.
fn asked(amount: Amount) -> String {
    match amount {
        Amount::Share(share) => percent(share),
        Amount::Rows(rows) => format!("{} rows a round", short_count(rows)),
        Amount::Tokens(tokens) => format!("{} tokens a round", short_count(tokens)),
        Amount::Epochs(epochs) => format!("{epochs} times a round"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// The section with how it was trained.
pub fn procedure(facts: &CardFacts<'_>) -> String {
    let mut text = "## How it was trained\n\n| | |\n|---|---|\n".to_owned();
    for (label, value) in rows(facts) {
        text.push_str(&format!("| {label} | {} |\n", cell(&value)));
    }
    text + "\n"
}

fn rows(facts: &CardFacts<'_>) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(plan) = facts.subject.plan() {
        rows.push(("method", plan.method.to_string()));
        if let Method::Lora(lora) = &plan.method {
            rows.extend(rows_of_adapter(lora));
        }
        rows.push(("trained on", plan.on.label()));
        if let Some(start) = &plan.start_from {
            rows.push(("started from", start.clone()));
        }
    }
    if let Some(training) = facts.training() {
        let (optimizer, schedule) = (&training.optimizer, &training.schedule);
        let long = match (facts.subject, training.budget) {
            (Subject::Snapshot(tokens), _) => format!("{tokens} tokens"),
            (_, Budget::Tokens(tokens)) => format!("{tokens} tokens"),
            (_, Budget::Epochs(epochs)) => format!("{epochs} times through the mixture"),
        };
        rows.push(("length", long));
        rows.push(("sequence length", format!("{} tokens", training.sequence_length)));
        rows.push(("batch", format!("{} sequences", training.batch)));
        rows.push(("optimizer", flat(optimizer)));
        rows.push(("schedule", flat(schedule)));
        rows.push(("template", training.template.name().into_owned()));
    }
    for (key, label) in [
        ("steps", "steps"),
        ("tokens", "tokens read"),
        ("trained_tokens", "tokens trained on"),
        ("final_loss", "loss at the last step"),
    ] {
        let value = facts.outcome.get(key).or_else(|| facts.ledger.get(key)).filter(|value| !value.is_null());
        if let (Some(value), false) = (value, matches!(facts.subject, Subject::Snapshot(_))) {
            rows.push((label, value.to_string()));
        }
    }
    rows.push(("seed", facts.study.seed.to_string()));
    if let Some(commit) = &facts.base.commit {
        rows.push(("commit of the base", commit.clone()));
    }
    if let Some(hash) = &facts.base.hash {
        rows.push(("weights of the base, SHA-256", hash.clone()));
    }
    rows
}

/// What an adapter trains, and at which scale.
fn rows_of_adapter(lora: &LoraSettings) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if lora.kind == AdapterKind::Vera {
        rows.push(("rank", lora.rank.to_string()));
        rows.push(("dropout", lora.dropout.to_string()));
    } else if lora.kind != AdapterKind::Ia3 {
        rows.push(("rank, alpha", format!("{}, {}", lora.rank, lora.alpha)));
        rows.push(("scale", if lora.rslora { "alpha / √rank" } else { "alpha / rank" }.to_owned()));
        rows.push(("dropout", lora.dropout.to_string()));
    }
    if lora.init != Initial::Kaiming {
        rows.push(("factors began as", lora.init.to_string()));
    }
    rows.push(("target modules", targets(&lora.targets)));
    if !lora.modules_to_save.is_empty() {
        rows.push(("modules trained whole", lora.modules_to_save.join(", ")));
    }
    for (name, ids) in &lora.trainable_tokens {
        rows.push(("tokens trained", format!("{} rows of {name}", ids.len())));
    }
    rows
}

/// Settings in one line, by the words of the recipe.
fn flat(settings: &impl Serialize) -> String {
    let value = serde_json::to_value(settings).unwrap_or_default();
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    pairs.map(|(key, value)| format!("{key} {}", word(value))).collect::<Vec<_>>().join(", ")
}

fn targets(targets: &Targets) -> String {
    match targets {
        Targets::AllLinear(_) => "every linear module but the head".to_owned(),
        Targets::Names(names) => names.join(", "),
        Targets::Pattern(pattern) => format!("`{pattern}`"),
    }
}
