//! Adapters: defaults, the models they stand on, and the adapters they start from.

use super::super::count::Count;
use super::super::method::Method;
use super::super::mismatch;
use super::super::places::Findings;
use super::super::shapes::{Named, Words};
use super::super::study::{AdapterPlan, Foundation, Source};
use super::super::training::Budget;
use super::super::written::{self, Adapter, MethodWord};
use super::checks::{self, Scope};
use super::lora;
use super::start;
use super::training;
use crate::error::Error;

/// The entry of `adapters` that is no adapter.
const DEFAULTS: &str = "adapters.defaults";

/// Names that candidates of the comparison have already.
const TAKEN: [&str; 2] = ["base", "pretrain"];

/// An entry of `adapters`, before it becomes one adapter for each model it is trained on.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) on: Vec<Foundation>,
    /// The text of `start_from`.
    pub(super) start_from: Option<String>,
    pub(super) plan: AdapterPlan,
}

impl Entry {
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope { path: &self.path, inherits: Some(DEFAULTS) }
    }

    /// The name of its adapter on that model.
    pub(super) fn adapter_name(&self, on: Foundation) -> String {
        on.adapter_name(&self.name, self.on.len() > 1)
    }
}

/// The adapters, each after the one it starts from; `snapshots` is `None` without pretraining.
pub(super) fn adapters(
    written: Option<&Named<Adapter>>,
    snapshots: Option<&[u64]>,
    sources: &[Source],
    findings: &mut Findings<'_>,
) -> Vec<AdapterPlan> {
    let written = written.map_or(&[][..], |named| &named.0);
    let defaults = written.iter().find(|(name, _)| name == "defaults").map(|(_, entry)| entry);
    if defaults.is_some_and(|defaults| defaults.start_from.is_some()) {
        findings.no_effect(&format!("{DEFAULTS}.start_from"), "each adapter names its own start");
    }
    let entries: Vec<Entry> = written
        .iter()
        .filter(|(name, _)| name != "defaults")
        .map(|(name, own)| entry(name, own, defaults, snapshots, sources, findings))
        .collect();
    start::in_order(&entries, findings)
        .into_iter()
        .flat_map(|entry| {
            let start = start::target(entry, &entries);
            entry.on.iter().map(move |&on| AdapterPlan {
                name: entry.adapter_name(on),
                on,
                start_from: start.map(|start| start.adapter_name(on)),
                ..entry.plan.clone()
            })
        })
        .collect()
}

fn entry(
    name: &str,
    own: &Adapter,
    defaults: Option<&Adapter>,
    snapshots: Option<&[u64]>,
    sources: &[Source],
    findings: &mut Findings<'_>,
) -> Entry {
    let path = format!("adapters.{name}");
    checks::folder_name(&path, name, false, findings);
    if TAKEN.contains(&name) {
        let error = Error::new(format!("the name {path} is taken by the model itself"));
        findings.report_key(&path, error.hint("the comparison has candidates of that name; choose another"));
    }
    let scope = Scope { path: &path, inherits: Some(DEFAULTS) };
    let written = merged(own, defaults);
    let full = written.method == Some(MethodWord::Full);
    let method =
        if full { full_method(scope, findings) } else { Method::Lora(lora::settings(scope, &written, findings)) };
    let budget = budget(scope, &written, findings);
    let kind = if full { training::FULL } else { training::LORA };
    let training = training::training(scope, &written.training(), kind, budget, sources, findings);
    let on = foundations(scope, written.on.as_ref(), snapshots, findings);
    let plan = AdapterPlan { name: String::new(), on: Foundation::Base, start_from: None, method, training };
    Entry { name: name.to_owned(), start_from: own.start_from.clone(), on, plan, path }
}

/// The entry's own keys, and the defaults for the others.
fn merged(own: &Adapter, defaults: Option<&Adapter>) -> Adapter {
    let Some(defaults) = defaults else { return own.clone() };
    let (own, defaults) = (own.clone(), defaults.clone());
    let (mine, theirs) = (own.training(), defaults.training());
    // What is computed again is said in one of two ways, too.
    let (recompute, memory) = match (mine.recompute, mine.memory) {
        (None, None) => (theirs.recompute, theirs.memory),
        both => both,
    };
    let training = written::Training {
        mixture: mine.mixture.or(theirs.mixture),
        mixture_by: mine.mixture_by.or(theirs.mixture_by),
        stopping_strategy: mine.stopping_strategy.or(theirs.stopping_strategy),
        sequence_length: mine.sequence_length.or(theirs.sequence_length),
        batch: mine.batch.or(theirs.batch),
        micro_batch: mine.micro_batch.or(theirs.micro_batch),
        packing: mine.packing.or(theirs.packing),
        too_long: mine.too_long.or(theirs.too_long),
        no_target: mine.no_target.or(theirs.no_target),
        template: mine.template.or(theirs.template),
        train_on: mine.train_on.or(theirs.train_on),
        optimizer: Some(mine.optimizer.unwrap_or_default().or(theirs.optimizer.unwrap_or_default())),
        schedule: Some(mine.schedule.unwrap_or_default().or(theirs.schedule.unwrap_or_default())),
        checkpoint_every: mine.checkpoint_every.or(theirs.checkpoint_every),
        held_out: mine.held_out.or(theirs.held_out),
        evaluate_every: mine.evaluate_every.or(theirs.evaluate_every),
        neftune_alpha: mine.neftune_alpha.or(theirs.neftune_alpha),
        recompute,
        memory,
    };
    // How long is said in one of two ways; the entry's own way replaces the other one of the defaults.
    let (epochs, tokens) = match (own.epochs, own.tokens) {
        (None, None) => (defaults.epochs, defaults.tokens),
        both => both,
    };
    Adapter {
        on: own.on.or(defaults.on),
        start_from: own.start_from,
        method: own.method.or(defaults.method),
        rank: own.rank.or(defaults.rank),
        alpha: own.alpha.or(defaults.alpha),
        dropout: own.dropout.or(defaults.dropout),
        targets: own.targets.or(defaults.targets),
        exclude: own.exclude.or(defaults.exclude),
        layers: own.layers.or(defaults.layers),
        feedforward: own.feedforward.or(defaults.feedforward),
        modules_to_save: own.modules_to_save.or(defaults.modules_to_save),
        trainable_tokens: own.trainable_tokens.or(defaults.trainable_tokens),
        rank_pattern: own.rank_pattern.or(defaults.rank_pattern),
        alpha_pattern: own.alpha_pattern.or(defaults.alpha_pattern),
        init: own.init.or(defaults.init),
        lora_plus_ratio: own.lora_plus_ratio.or(defaults.lora_plus_ratio),
        rslora: own.rslora.or(defaults.rslora),
        quantization: own.quantization.or(defaults.quantization),
        epochs,
        tokens,
        ..Adapter::default()
    }
    .with_training(training)
}

fn full_method(scope: Scope<'_>, findings: &mut Findings<'_>) -> Method {
    for key in lora::KEYS {
        findings.no_effect(&format!("{}.{key}", scope.path), "method: full trains all parameters");
    }
    Method::Full
}

fn budget(scope: Scope<'_>, written: &Adapter, findings: &mut Findings<'_>) -> Budget {
    let epochs_key = scope.key(findings.places, "epochs");
    match (written.epochs, written.tokens) {
        (epochs, None) => {
            let epochs = epochs.unwrap_or(3.0);
            let hint = "LLAMMAS trains 3; less than one is part of the mixture";
            Budget::Epochs(findings.number(&epochs_key, epochs, epochs > 0.0, "more than 0", hint))
        }
        (None, Some(tokens)) => {
            let key = scope.key(findings.places, "tokens");
            Budget::Tokens(findings.count(&key, tokens, 1..=u64::MAX, "") as u64)
        }
        (Some(_), Some(tokens)) => {
            let path = epochs_key.trim_end_matches(".epochs");
            let error = Error::new(format!("{path} has both epochs and tokens")).hint("keep the one that is meant");
            findings.report(&epochs_key, error);
            Budget::Tokens(tokens.0)
        }
    }
}

/// The models that an entry's adapters are trained on.
fn foundations(
    scope: Scope<'_>,
    written: Option<&Words>,
    snapshots: Option<&[u64]>,
    findings: &mut Findings<'_>,
) -> Vec<Foundation> {
    let last = snapshots.and_then(<[u64]>::last).map(|&tokens| Foundation::Snapshot(tokens));
    let Some(words) = written else {
        return vec![last.unwrap_or(Foundation::Base)];
    };
    let path = scope.key(findings.places, "on");
    let mut on = Vec::new();
    for (key, word) in words.at(&path) {
        match foundation(word, snapshots) {
            Some(foundation) if on.contains(&foundation) => {
                let error = Error::new(format!("{key} names {} again", foundation.label()));
                findings.report(&key, error.hint("one adapter is trained for each model"));
            }
            Some(foundation) => on.push(foundation),
            None if findings.is_broken("pretrain") => {}
            None => unknown_foundation(&key, word, snapshots, findings),
        }
    }
    if words == &Words::Many(Vec::new()) {
        findings.wrong(&path, "empty", "a model, or a list of them", "base, pretrain or pretrain@1B");
    }
    on
}

fn unknown_foundation(key: &str, word: &str, snapshots: Option<&[u64]>, findings: &mut Findings<'_>) {
    let Some(snapshots) = snapshots else {
        let hint = if word.starts_with("pretrain") { "the recipe has no pretrain stage" } else { "" };
        return findings.wrong(key, format!("{word:?}"), "base", hint);
    };
    let mut known = vec!["base".to_owned(), "pretrain".to_owned()];
    known.extend(snapshots.iter().map(|&tokens| Foundation::Snapshot(tokens).label()));
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let hint =
        if word.starts_with("pretrain@") { "pretrain.snapshots lists the token counts that are kept" } else { "" };
    findings.wrong(key, format!("{word:?}"), &mismatch::one_of(&known), hint);
}

fn foundation(word: &str, snapshots: Option<&[u64]>) -> Option<Foundation> {
    match (word, snapshots) {
        ("base", _) => Some(Foundation::Base),
        ("pretrain", Some(snapshots)) => snapshots.last().map(|&tokens| Foundation::Snapshot(tokens)),
        (_, Some(snapshots)) => {
            let Count(tokens) = Count::parse(word.strip_prefix("pretrain@")?)?;
            snapshots.contains(&tokens).then_some(Foundation::Snapshot(tokens))
        }
        _ => None,
    }
}
