//! What an adapter trains: its kind, its size, and the modules that it is for.

use super::super::count::Count;
use super::super::method::{AdapterKind, AllLinear, Initial, LoraSettings, Targets};
use super::super::nearest;
use super::super::places::Findings;
use super::super::shapes::{Named, Words};
use super::super::training::Quantization;
use super::super::written::{Adapter, MethodWord};
use super::beside;
use super::checks::Scope;

/// The keys that mean nothing where all parameters are trained.
pub(super) const KEYS: [&str; 15] = [
    "rank",
    "alpha",
    "dropout",
    "targets",
    "exclude",
    "layers",
    "feedforward",
    "modules_to_save",
    "trainable_tokens",
    "rank_pattern",
    "alpha_pattern",
    "rslora",
    "init",
    "lora_plus_ratio",
    "quantization",
];

/// The keys of a low-rank update, which (IA)³ has not.
const LOW_RANK: [&str; 8] =
    ["rank", "alpha", "dropout", "rank_pattern", "alpha_pattern", "rslora", "init", "lora_plus_ratio"];

/// Those of them that VeRA has not: it has a rank, and nothing to scale by.
const SCALED: [&str; 6] = ["alpha", "rank_pattern", "alpha_pattern", "rslora", "init", "lora_plus_ratio"];

/// The settings of an adapter; `written` holds its own keys and those it inherits.
pub(super) fn settings(scope: Scope<'_>, written: &Adapter, findings: &mut Findings<'_>) -> LoraSettings {
    let kind = match written.method {
        Some(MethodWord::Dora) => AdapterKind::Dora,
        Some(MethodWord::LoraFa) => AdapterKind::LoraFa,
        Some(MethodWord::Ia3) => AdapterKind::Ia3,
        Some(MethodWord::Vera) => AdapterKind::Vera,
        Some(MethodWord::Lora | MethodWord::Full) | None => AdapterKind::Lora,
    };
    let default = LoraSettings::default();
    let mut settings = LoraSettings {
        kind,
        targets: targets(scope, "targets", written.targets.as_ref(), findings).unwrap_or(default.targets),
        exclude: targets(scope, "exclude", written.exclude.as_ref(), findings),
        layers: written.layers.as_ref().map(|layers| layers.iter().map(|layer| layer.0 as usize).collect()),
        quantization: written.quantization.unwrap_or_default(),
        modules_to_save: beside::modules_to_save(scope, written, kind, findings),
        trainable_tokens: beside::trainable_tokens(scope, written, kind, findings),
        ..LoraSettings::default()
    };
    if kind != AdapterKind::Ia3 {
        findings.no_effect(&format!("{}.feedforward", scope.path), "only method: ia3 has it");
    }
    match kind {
        AdapterKind::Ia3 => scaled(scope, written, &mut settings, findings),
        AdapterKind::Vera => shared(scope, written, &mut settings, findings),
        AdapterKind::Lora | AdapterKind::LoraFa | AdapterKind::Dora => {
            low_rank(scope, written, &mut settings, findings);
        }
    }
    settings
}

/// The keys of (IA)³.
fn scaled(scope: Scope<'_>, written: &Adapter, settings: &mut LoraSettings, findings: &mut Findings<'_>) {
    for key in LOW_RANK {
        findings.no_effect(&format!("{}.{key}", scope.path), "method: ia3 has no low-rank update");
    }
    if written.targets.is_none() {
        settings.targets = Targets::Names(["k_proj", "v_proj", "down_proj"].map(str::to_owned).to_vec());
    }
    settings.dropout = 0.0;
    if let Some(words) = &written.feedforward {
        let key = scope.key(findings.places, "feedforward");
        settings.feedforward = words.at(&key).map(|(_, word)| word.to_owned()).collect();
    }
}

/// The keys of VeRA.
fn shared(scope: Scope<'_>, written: &Adapter, settings: &mut LoraSettings, findings: &mut Findings<'_>) {
    for key in SCALED {
        findings.no_effect(&format!("{}.{key}", scope.path), "method: vera has no scale and draws its own factors");
    }
    let key = scope.key(findings.places, "rank");
    let hint = "256 is common: its factors are shared, so that a rank costs little";
    settings.rank = findings.count(&key, written.rank.unwrap_or(Count(256)), 1..=u64::MAX, hint);
    settings.dropout = dropout(scope, written.dropout.unwrap_or(0.0), findings);
}

fn dropout(scope: Scope<'_>, dropout: f64, findings: &mut Findings<'_>) -> f64 {
    let key = scope.key(findings.places, "dropout");
    let (fits, expected) = ((0.0..1.0).contains(&dropout), "at least 0 and less than 1");
    findings.number(&key, dropout, fits, expected, "it is a probability: 0.1 is one in ten")
}

/// The keys of a low-rank update.
fn low_rank(scope: Scope<'_>, written: &Adapter, settings: &mut LoraSettings, findings: &mut Findings<'_>) {
    let key = |name: &str, findings: &Findings<'_>| scope.key(findings.places, name);
    let rank_key = key("rank", findings);
    let hint = "8 to 64 are common; the LLAMMAS scripts use 64";
    settings.rank = findings.count(&rank_key, written.rank.unwrap_or(Count(64)), 1..=u64::MAX, hint);
    let hint = "the LLAMMAS scripts use 16 with rank 64";
    settings.alpha = positive(&key("alpha", findings), written.alpha.unwrap_or(16.0), hint, findings);
    settings.dropout = dropout(scope, written.dropout.unwrap_or(0.1), findings);
    settings.rslora = written.rslora.unwrap_or(false);
    settings.rank_pattern = patterns(&key("rank_pattern", findings), written.rank_pattern.as_ref(), |key, rank| {
        findings.count(key, *rank, 1..=u64::MAX, "8 to 64 are common")
    });
    settings.alpha_pattern = patterns(&key("alpha_pattern", findings), written.alpha_pattern.as_ref(), |key, alpha| {
        positive(key, *alpha, "", findings)
    });
    let hint = "16 is common: the factors B learn 16 times as fast as A";
    settings.lora_plus_ratio =
        positive(&key("lora_plus_ratio", findings), written.lora_plus_ratio.unwrap_or(1.0), hint, findings);
    settings.init = initial(scope, written, settings, findings);
}

fn positive(key: &str, value: f64, hint: &str, findings: &mut Findings<'_>) -> f64 {
    findings.number(key, value, value > 0.0, "more than 0", hint)
}

/// Entries of a map from names to numbers, each checked.
fn patterns<T, U>(key: &str, written: Option<&Named<T>>, mut value: impl FnMut(&str, &T) -> U) -> Vec<(String, U)> {
    let entries = written.map_or(&[][..], |named| &named.0);
    entries.iter().map(|(name, number)| (name.clone(), value(&format!("{key}.{name}"), number))).collect()
}

/// What the factors begin as.
fn initial(scope: Scope<'_>, written: &Adapter, settings: &LoraSettings, findings: &mut Findings<'_>) -> Initial {
    let Some(word) = &written.init else { return Initial::Kaiming };
    let key = scope.key(findings.places, "init");
    let Some(init) = Initial::parse(word) else {
        let known = ["kaiming", "gaussian", "pissa", "pissa_niter_16", "olora", "loftq", "loftq_iter_5"];
        let hint = nearest::hint(word, "known words", &known);
        findings.wrong(&key, format!("{word:?}"), &super::super::mismatch::one_of(&known), &hint);
        return Initial::Kaiming;
    };
    if matches!(init, Initial::Loftq(_)) && settings.quantization == Quantization::None {
        findings.wrong(&key, word, "another word where the model is not quantized", "add quantization: nf4 or int8");
    }
    if init.changes_base() && settings.kind == AdapterKind::Dora {
        let hint = "such a start changes the frozen weight, and DoRA's update cannot be taken back to the old one";
        findings.wrong(&key, word, "kaiming or gaussian with method: dora", hint);
    }
    if init.changes_base() && written.start_from.is_some() {
        findings.no_effect(&format!("{}.init", scope.path), "start_from goes on with factors that are there");
        return Initial::Kaiming;
    }
    init
}

/// Modules by name or pattern.
fn targets(scope: Scope<'_>, key: &str, written: Option<&Words>, findings: &mut Findings<'_>) -> Option<Targets> {
    let key = scope.key(findings.places, key);
    Some(match written? {
        Words::One(word) if word == "all-linear" => Targets::AllLinear(AllLinear::AllLinear),
        Words::One(pattern) => {
            // The path of a module has dots: a bare word can match none, and is a slip for a list or for all-linear.
            if pattern.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                let hint = match nearest::nearest(pattern, ["all-linear"]) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("a list of names is written [{pattern}]"),
                };
                let expected = "all-linear, a list of names, or a regular expression for a module's whole path";
                findings.wrong(&key, format!("{pattern:?}"), expected, &hint);
            }
            Targets::Pattern(pattern.clone())
        }
        Words::Many(names) => {
            if names.is_empty() || names.iter().any(|name| name.trim().is_empty()) {
                findings.wrong(&key, "empty", "all-linear, or a list of names such as [q_proj, v_proj]", "");
            }
            Targets::Names(names.clone())
        }
    })
}
