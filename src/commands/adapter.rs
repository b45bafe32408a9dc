//! `emakeel adapter`: what an adapter is and does, how two differ, whether one fits its base; `combine` is in a file of its own.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::adapter::{Adapter, Against, Effect, verify};
use crate::cli::{AdapterAction, AdapterArgs, AdapterDiffArgs, AdapterShowArgs, AdapterVerifyArgs};
use crate::commands::scratch::ModelFolder;
use crate::commands::speaker::folder_name;
use crate::commands::{combine, output};
use crate::error::{Error, Result};
use crate::model::{Config, LAYER_PROJECTIONS};
use crate::recipe::AdapterKind;
use crate::study;

/// Characters of the longest bar.
const WIDTH: usize = 32;

/// Does what is asked.
pub fn run(args: &AdapterArgs) -> Result<()> {
    match &args.action {
        AdapterAction::Show(args) => show(args),
        AdapterAction::Diff(args) => diff(args),
        AdapterAction::Verify(args) => check(args),
        AdapterAction::Combine(args) => combine::run(args),
    }
}

fn show(args: &AdapterShowArgs) -> Result<()> {
    let adapter = Adapter::load(&args.path)?;
    let effects = adapter.effects()?;
    let other = args.overlap.as_ref().map(|path| Adapter::load(path)).transpose()?;
    let cosines = other.as_ref().map(|other| cosines(&adapter, other)).transpose()?;
    if args.json {
        let modules: Vec<Value> = effects
            .iter()
            .map(|effect| {
                let cosine = cosines.as_ref().and_then(|cosines| cosines.get(&effect.path).copied().flatten());
                json!({
                    "path": effect.path, "rank": effect.rank, "norm": effect.norm,
                    "effective_rank": effect.effective_rank, "cosine": cosine,
                })
            })
            .collect();
        let mut object = settings(&adapter);
        if let Some(keys) = object.as_object_mut() {
            keys.insert("effects".into(), json!(modules));
        }
        return output::print_json(&object);
    }
    let mut text = String::new();
    for (key, value) in settings(&adapter).as_object().into_iter().flatten() {
        // A String never refuses a write.
        let _ = writeln!(text, "{:<11} {}", key.replace('_', " "), plain(value));
    }
    text.push_str("\nnorm of the update by layer\n");
    text.push_str(&plot(&by_layer(&effects)));
    text.push_str("\nby module             norm   effective rank\n");
    for (name, group) in by_module(&effects) {
        let ranks: f64 = group.iter().map(|effect| effect.effective_rank).sum::<f64>() / group.len() as f64;
        let rank = group.iter().map(|effect| effect.rank).max().unwrap_or(0);
        let _ = writeln!(text, "{name:<16} {:>9.4}   {ranks:.1} of {rank}", total(group.iter().copied()));
    }
    if let (Some(cosines), Some(path)) = (&cosines, &args.overlap) {
        let _ = writeln!(text, "\noverlap with {}: {}", folder_name(path), summary(cosines));
    }
    output::print(text.trim_end())
}

fn diff(args: &AdapterDiffArgs) -> Result<()> {
    let (left, right) = (Adapter::load(&args.left)?, Adapter::load(&args.right)?);
    let cosines = cosines(&left, &right)?;
    let (one, two) = (settings(&left), settings(&right));
    let differing: Vec<(&String, &Value, &Value)> = one
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key, value, two.get(key)?)))
        .filter(|(_, value, other)| value != other)
        .collect();
    let lacks = |one: &Adapter, two: &Adapter| -> Vec<String> {
        one.modules.keys().filter(|path| !two.modules.contains_key(*path)).cloned().collect()
    };
    let (only_left, only_right) = (lacks(&left, &right), lacks(&right, &left));
    if args.json {
        let changed: BTreeMap<&String, Value> = differing.iter().map(|(k, a, b)| (*k, json!([a, b]))).collect();
        return output::print_json(&json!({
            "settings": changed, "only_left": only_left, "only_right": only_right, "cosines": cosines,
        }));
    }
    let mut text = String::new();
    for (key, value, other) in &differing {
        let _ = writeln!(text, "{:<11} {}  →  {}", key.replace('_', " "), plain(value), plain(other));
    }
    if differing.is_empty() {
        text.push_str("the settings are the same\n");
    }
    for (name, missing) in [(&args.left, only_left), (&args.right, only_right)] {
        if !missing.is_empty() {
            let _ = writeln!(text, "only in {}: {}", folder_name(name), missing.join(", "));
        }
    }
    let (before, after) = (left.effects()?, right.effects()?);
    text.push_str("\nlayer       norm left  norm right   cosine\n");
    let (before, after) = (by_layer(&before), by_layer(&after));
    for (layer, norm) in &before {
        let Some(other) = after.get(layer) else { continue };
        let inside = cosines.iter().filter(|(path, _)| layer_of(path) == *layer).filter_map(|(_, cosine)| *cosine);
        let inside: Vec<f64> = inside.collect();
        let mean = inside.iter().sum::<f64>() / inside.len().max(1) as f64;
        let _ = writeln!(text, "{:<10} {norm:>10.4}  {other:>10.4}  {mean:>+7.3}", label(*layer));
    }
    let _ = writeln!(text, "\noverlap: {}", summary(&cosines));
    output::print(text.trim_end())
}

fn check(args: &AdapterVerifyArgs) -> Result<()> {
    let base = ModelFolder::open(&args.base)?;
    let config = Config::read(base.path())?;
    let hash = study::hash_of_weights(base.path())?;
    let findings = verify(&args.path, &Against { config: &config, hash: &hash })?;
    if args.json {
        output::print_json(&json!({ "wrong": findings.wrong, "notes": findings.notes }))?;
    } else {
        findings.notes.iter().try_for_each(|note| output::print(format!("note: {note}")))?;
        if findings.wrong.is_empty() {
            output::print(format!("{} fits {}", args.path.display(), args.base))?;
        }
    }
    let errors = findings.wrong.into_iter().map(Error::new).collect();
    Error::all(errors).map_or(Ok(()), Err)
}

/// What an adapter is, in the order in which it is shown.
fn settings(adapter: &Adapter) -> Value {
    let config = &adapter.config;
    let ranks: Vec<usize> = adapter.modules.values().filter_map(|pair| pair.a.dim(0).ok()).collect();
    let shared = if config.kind == AdapterKind::Vera { config.rank } else { 0 };
    let (least, most) = (ranks.iter().min().copied().unwrap_or(shared), ranks.iter().max().copied().unwrap_or(shared));
    let names: std::collections::BTreeSet<&str> = adapter.targets().map(|path| module_name(path)).collect();
    let mut object = json!({
        "kind": match (config.kind, config.rslora) {
            (AdapterKind::Ia3, _) => "(IA)³",
            (AdapterKind::Vera, _) => "VeRA",
            (AdapterKind::Dora, false) => "DoRA",
            (AdapterKind::Dora, true) => "DoRA, rank-stabilised (rsLoRA)",
            (AdapterKind::Lora | AdapterKind::LoraFa, true) => "LoRA, rank-stabilised (rsLoRA)",
            (AdapterKind::Lora | AdapterKind::LoraFa, false) => "LoRA",
        },
        "base": config.base_model,
        "base_hash": adapter.base_hash,
        "rank": if least == most { json!(most) } else { json!(format!("{least} to {most}")) },
        "alpha": config.alpha,
        "scale": config.alpha / if config.rslora { (config.rank as f64).sqrt() } else { config.rank as f64 },
        "dropout": config.dropout,
        "targets": names,
        "modules": adapter.paths().count(),
        "parameters": adapter.elements(),
    });
    if let Some(keys) = object.as_object_mut() {
        // Most adapters have none of these.
        let whole: std::collections::BTreeSet<&str> =
            adapter.beside.whole.keys().map(|path| module_name(path)).collect();
        if !whole.is_empty() {
            keys.insert("whole".into(), json!(whole));
        }
        let rows = adapter.beside.rows.iter().map(|(path, rows)| (module_name(path).to_owned(), json!(rows.ids.len())));
        let rows: serde_json::Map<String, Value> = rows.collect();
        if !rows.is_empty() {
            keys.insert("tokens".into(), Value::Object(rows));
        }
    }
    object
}

/// A value as a person reads it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "not said".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(counts) => {
            counts.iter().map(|(name, count)| format!("{} of {name}", plain(count))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn cosines(one: &Adapter, two: &Adapter) -> Result<BTreeMap<String, Option<f64>>> {
    let shared = one.modules.keys().filter(|path| two.modules.contains_key(*path));
    shared.map(|path| Ok((path.clone(), one.cosine(two, path)?))).collect()
}

/// Mean and range of the cosines.
fn summary(cosines: &BTreeMap<String, Option<f64>>) -> String {
    let known: Vec<f64> = cosines.values().flatten().copied().collect();
    if known.is_empty() {
        return "no module that both change".into();
    }
    let (least, most) = known.iter().fold((f64::MAX, f64::MIN), |(low, high), c| (low.min(*c), high.max(*c)));
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    format!("cosine of the updates {mean:+.3} on average over {} modules ({least:+.3} to {most:+.3})", known.len())
}

/// The number of a layer; those outside of all, the head say, come last.
fn layer_of(path: &str) -> usize {
    let number = path.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.')?.0.parse().ok());
    number.unwrap_or(usize::MAX)
}

fn label(layer: usize) -> String {
    if layer == usize::MAX { "outside".into() } else { format!("layer {layer}") }
}

fn module_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The norm of several updates taken as one.
fn total<'e>(effects: impl Iterator<Item = &'e Effect>) -> f64 {
    effects.map(|effect| effect.norm * effect.norm).sum::<f64>().sqrt()
}

fn by_layer(effects: &[Effect]) -> BTreeMap<usize, f64> {
    let mut squares: BTreeMap<usize, f64> = BTreeMap::new();
    for effect in effects {
        *squares.entry(layer_of(&effect.path)).or_default() += effect.norm * effect.norm;
    }
    squares.into_iter().map(|(layer, square)| (layer, square.sqrt())).collect()
}

/// Modules of one name together, in the order of the forward pass.
fn by_module(effects: &[Effect]) -> Vec<(&str, Vec<&Effect>)> {
    let known = LAYER_PROJECTIONS.iter().map(|name| module_name(name)).chain(["lm_head"]);
    let of = |name: &str| effects.iter().filter(|effect| module_name(&effect.path) == name).collect::<Vec<_>>();
    known.map(|name| (name, of(name))).filter(|(_, group)| !group.is_empty()).collect()
}

/// A bar for each layer.
fn plot(norms: &BTreeMap<usize, f64>) -> String {
    let most = norms.values().copied().fold(0.0, f64::max);
    let mut text = String::new();
    for (layer, norm) in norms {
        let length = if most > 0.0 { (norm / most * WIDTH as f64).round() as usize } else { 0 };
        let _ = writeln!(text, "{:<10} {norm:>10.4}  {}", label(*layer), "█".repeat(length));
    }
    text
}
