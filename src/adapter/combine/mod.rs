//! Several adapters of one base combined into one.
//!
//! Every method acts on what the adapters really add to the weights, `scale·B·A` of each module, whatever their ranks,
//! alphas and kinds of scale are; a module that an adapter does not have is an update of zeros. PEFT's methods of the same
//! names differ where they take A and B apart; `docs/merge.md` has a table of that, with measured errors.
//!
//! | file | what |
//! |---|---|
//! | `settings` | the methods, and what each takes |
//! | `stacked` | sums of updates, kept in factors: `linear`, `cat`, `svd`, `slerp` |
//! | `pruned` | which entries of an update stay: by magnitude, or by chance (DARE) |
//! | `summed` | sums of whole updates, with signs elected (TIES) or not |
//! | `low_rank` | the nearest update of a rank, from factors or from a whole one |

mod low_rank;
mod pruned;
mod settings;
pub(super) mod stacked;
mod summed;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::Map;

pub use settings::{Method, Settings, SignMethod};

use super::{Adapter, Beside, LoraPair, ModuleRules, PeftConfig, all_finite};
use crate::error::{Error, Place, Result};
use crate::recipe::{AdapterKind, Targets};

/// Whole updates that are in memory at one time, each of the size of a module's weight in f32, for each adapter.
const AT_ONCE: usize = 4;

/// An adapter and how much of it goes in; negative takes its update away (task arithmetic).
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// What it is called in errors.
    pub name: &'a str,
    /// The adapter.
    pub adapter: &'a Adapter,
    /// Its weight.
    pub weight: f64,
}

/// One adapter, and what was lost on the way to its rank.
#[derive(Debug)]
pub struct Combined {
    /// The adapter; its scale is 1 for every module.
    pub adapter: Adapter,
    /// The share of the combined update's squared norm that its rank holds, by module; 1 where nothing was cut.
    pub kept: BTreeMap<String, f64>,
}

/// The update of one adapter to one module.
pub(super) struct Update {
    /// The number of the adapter.
    number: usize,
    /// Its weight.
    weight: f64,
    /// `alpha / rank`, or as its adapter has it.
    scale: f64,
    pair: LoraPair,
}

impl Update {
    /// How much of it goes in.
    pub(super) fn weight(&self) -> f64 {
        self.weight
    }
}

/// Combines adapters.
///
/// # Errors
/// The settings contradict each other or the number of adapters; a weight or a factor is not finite; adapters are of
/// different bases; the shapes of a module's updates differ.
pub fn combine(parts: &[Part<'_>], settings: &Settings) -> Result<Combined> {
    settings.check(parts)?;
    check_bases(parts)?;
    parts.iter().try_for_each(|part| part.adapter.only_factors().at(part.name))?;
    let paths: BTreeSet<&String> = parts.iter().flat_map(|part| part.adapter.modules.keys()).collect();
    let modules: Vec<(&String, Vec<Update>)> =
        paths.into_iter().map(|path| Ok((path, updates(parts, path)?))).collect::<Result<_>>()?;
    let one = |(path, updates): &(&String, Vec<Update>)| -> Result<_> {
        let low = match settings.method.prunes() {
            None => stacked::combine(updates, parts, settings),
            Some(_) => summed::combine(updates, path, settings),
        };
        Ok(((*path).clone(), low.at(path.as_str())?))
    };
    let mut done = Vec::with_capacity(modules.len());
    for some in modules.chunks(AT_ONCE) {
        done.extend(some.par_iter().map(one).collect::<Result<Vec<_>>>()?);
    }
    let kept = done.iter().map(|(path, low)| (path.clone(), low.kept)).collect();
    let modules: BTreeMap<String, LoraPair> = done.into_iter().map(|(path, low)| (path, low.pair)).collect();
    let config = config(parts, &modules)?;
    let base_hash = parts.iter().find_map(|part| part.adapter.base_hash.clone());
    Ok(Combined {
        adapter: Adapter { config, modules, base_hash, copies: BTreeMap::new(), beside: Beside::default() },
        kept,
    })
}

/// The updates of one module, of those adapters that have one; all of one shape.
pub(super) fn updates(parts: &[Part<'_>], path: &str) -> Result<Vec<Update>> {
    let mut updates: Vec<Update> = Vec::with_capacity(parts.len());
    let mut first = None;
    for (number, part) in parts.iter().enumerate() {
        let Some(pair) = part.adapter.modules.get(path) else { continue };
        let place = || format!("{}: {path}", part.name);
        let shape = [pair.b.dim(0)?, pair.a.dim(1)?];
        let (expected, whose) = *first.get_or_insert((shape, part.name));
        if shape != expected {
            return Err(Error::new("the shape of the update")
                .got(format!("{shape:?}"))
                .expected(format!("{expected:?}, as in {whose}"))
                .at(place())
                .hint("adapters of different bases cannot be combined"));
        }
        if !all_finite(&pair.a)? || !all_finite(&pair.b)? {
            return Err(Error::new("a factor holds NaN or infinite values").at(place()));
        }
        let scale = part.adapter.config.scale_of(path)?;
        updates.push(Update { number, weight: part.weight, scale, pair: pair.clone() });
    }
    Ok(updates)
}

/// Adapters that record their base must record the same.
pub(super) fn check_bases(parts: &[Part<'_>]) -> Result<()> {
    let differ = |one: &Part<'_>, what: &str, got: &str, expected: &str, other: &Part<'_>| {
        Error::new(format!("the {what} that the adapter was trained on"))
            .got(got)
            .expected(format!("{expected}, as of {}", other.name))
            .at(one.name)
            .hint("updates of different bases mean different things; combine adapters of one base only")
    };
    for (index, one) in parts.iter().enumerate() {
        for other in parts.get(..index).unwrap_or_default() {
            match (&one.adapter.base_hash, &other.adapter.base_hash) {
                (Some(got), Some(expected)) if got == expected => {}
                (Some(got), Some(expected)) => return Err(differ(one, "base's hash", got, expected, other)),
                // Without hashes a name is all there is; one model may have two names, but then a person must say so.
                _ => match (&one.adapter.config.base_model, &other.adapter.config.base_model) {
                    (Some(got), Some(expected)) if got != expected => {
                        let error = differ(one, "model", got, expected, other);
                        return Err(error.hint(
                            "if both are one model, write the same base_model_name_or_path in each adapter_config.json",
                        ));
                    }
                    _ => {}
                },
            }
        }
    }
    Ok(())
}

/// The config of the combined adapter: a scale of 1, and ranks of modules that differ from the most common one.
fn config(parts: &[Part<'_>], modules: &BTreeMap<String, LoraPair>) -> Result<PeftConfig> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let mut ranks = Vec::with_capacity(modules.len());
    for (path, pair) in modules {
        let rank = pair.a.dim(0)?;
        *counts.entry(rank).or_default() += 1;
        ranks.push((path, rank));
    }
    let rank = counts.iter().max_by_key(|(rank, count)| (**count, **rank)).map_or(1, |(rank, _)| *rank);
    let others = ranks.iter().filter(|(_, other)| *other != rank);
    let rank_pattern: Vec<(String, usize)> =
        others.map(|(path, other)| (fancy_regex::escape(path).into_owned(), *other)).collect();
    let alpha_pattern = rank_pattern.iter().map(|(path, rank)| (path.clone(), *rank as f64)).collect();
    Ok(PeftConfig {
        kind: AdapterKind::Lora,
        feedforward: None,
        modules_to_save: Vec::new(),
        trainable_tokens: Vec::new(),
        ensure_weight_tying: false,
        rank,
        alpha: rank as f64,
        dropout: 0.0,
        rslora: false,
        rules: rules(parts, modules),
        rank_pattern,
        alpha_pattern,
        base_model: parts.iter().find_map(|part| part.adapter.config.base_model.clone()),
        other: Map::new(),
    })
}

/// The rules that all adapters share, or else the modules by their whole paths.
fn rules(parts: &[Part<'_>], modules: &BTreeMap<String, LoraPair>) -> ModuleRules {
    let whole = || ModuleRules::only(Targets::Names(modules.keys().cloned().collect()));
    let Some(first) = parts.first() else { return whole() };
    let rules = &first.adapter.config.rules;
    let shared = parts.iter().all(|part| {
        part.adapter.config.rules == *rules && part.adapter.modules.keys().eq(first.adapter.modules.keys())
    });
    if shared { rules.clone() } else { whole() }
}
