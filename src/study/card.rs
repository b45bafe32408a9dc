//! The model card of an adapter, written from the run's own records.

use serde_json::Value;

use crate::progress::short_count;
use crate::recipe::{AdapterPlan, Amount, Budget, Method, Study};

/// What a card is written from.
#[derive(Debug)]
pub struct CardFacts<'a> {
    /// The study that the adapter belongs to.
    pub study: &'a Study,
    /// What was asked for.
    pub plan: &'a AdapterPlan,
    /// What came out: the `outcome` of the stage's record.
    pub outcome: &'a Value,
    /// How the base is named: a path or a built-in name.
    pub base: &'a str,
    /// The hash of the base's weights.
    pub base_hash: &'a str,
}

/// The card as Markdown with the Hub's YAML header.
pub fn write_card(facts: &CardFacts<'_>) -> String {
    let (study, plan) = (facts.study, facts.plan);
    let mut card = header(facts);
    card.push_str(&format!("# {}\n\n", plan.name));
    card.push_str(&format!(
        "{} trained on `{}` of the study `{}` by emakeel {}.\n\n",
        match &plan.method {
            Method::Lora(lora) => format!("A LoRA adapter of rank {} (alpha {})", lora.rank, lora.alpha),
            Method::Full => "A full tune".to_owned(),
        },
        plan.on.label(),
        study.name,
        env!("CARGO_PKG_VERSION"),
    ));
    card.push_str("## Trained on\n\n| source | asked | forward share of translation |\n|---|---|---|\n");
    for part in &plan.training.mixture.parts {
        let forward = if study.sources.iter().any(|s| s.name == part.source && s.languages.is_some()) {
            format!("{:.2}", part.forward_share)
        } else {
            "–".to_owned()
        };
        card.push_str(&format!("| {} | {} | {forward} |\n", part.source, asked(part.amount)));
    }
    card.push_str(&procedure(facts));
    card.push_str(&usage(facts));
    card
}

/// How much of a source the recipe asks for.
fn asked(amount: Amount) -> String {
    match amount {
        Amount::Share(share) => format!("{:.1} %", 100.0 * share),
        Amount::Rows(rows) => format!("{} rows a round", short_count(rows)),
        Amount::Tokens(tokens) => format!("{} tokens a round", short_count(tokens)),
        Amount::Epochs(epochs) => format!("{epochs} times a round"),
    }
}

fn header(facts: &CardFacts<'_>) -> String {
    let kind = if matches!(facts.plan.method, Method::Lora(_)) { "adapter" } else { "finetune" };
    let library = if kind == "adapter" { "peft" } else { "transformers" };
    format!(
        "---\nlibrary_name: {library}\nbase_model: {}\nbase_model_relation: {kind}\npipeline_tag: text-generation\nlanguage:\n- et\n- en\ntags:\n- emakeel\n- {}\n---\n\n",
        quoted(facts.base),
        if kind == "adapter" { "lora" } else { "full-tune" },
    )
}

fn procedure(facts: &CardFacts<'_>) -> String {
    let training = &facts.plan.training;
    let long = match training.budget {
        Budget::Tokens(tokens) => format!("{tokens} tokens"),
        Budget::Epochs(epochs) => format!("{epochs} epochs"),
    };
    let mut rows = vec![
        ("length of training", long),
        ("sequence length", format!("{} tokens", training.sequence_length)),
        ("batch", format!("{} sequences", training.batch)),
        ("peak learning rate", format!("{:e}", training.optimizer.learning_rate)),
        ("weight decay", training.optimizer.weight_decay.to_string()),
        ("template", training.template.name().into_owned()),
    ];
    if let Method::Lora(lora) = &facts.plan.method {
        rows.push(("dropout", lora.dropout.to_string()));
    }
    if let Some(start) = &facts.plan.start_from {
        rows.push(("started from", start.clone()));
    }
    for (key, label) in [("steps", "steps"), ("tokens", "tokens read"), ("final_loss", "loss at the last step")] {
        if let Some(value) = facts.outcome.get(key).filter(|v| !v.is_null()) {
            rows.push((label, value.to_string()));
        }
    }
    rows.push(("weights of the base, SHA-256", facts.base_hash.to_owned()));
    let mut text = String::from("\n## How\n\n| | |\n|---|---|\n");
    for (label, value) in rows {
        text.push_str(&format!("| {label} | {value} |\n"));
    }
    text
}

fn usage(facts: &CardFacts<'_>) -> String {
    if !matches!(facts.plan.method, Method::Lora(_)) {
        return String::new();
    }
    format!(
        "\n## Use\n\n```sh\nemakeel chat --model BASE --adapter {name}\n```\n\n```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\nbase = AutoModelForCausalLM.from_pretrained({base})\nmodel = PeftModel.from_pretrained(base, \"{name}\")\n```\n",
        name = facts.plan.name,
        base = quoted(facts.base),
    )
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
