//! An adapter's folder as Apple's MLX writes it: `adapter_config.json` with other keys, and `adapters.safetensors`.
//!
//! MLX computes `x·W + scale·(x·a)·b`, so its `lora_a` is `[in, rank]` and its `lora_b` `[rank, out]`: both are the
//! transposes of PEFT's. Its first releases multiply `scale` by `alpha / rank` and write an `alpha`; later ones have the
//! scale alone. What is read is an adapter like any other, and is written as PEFT's.
//!
//! # Source  `mlx_lm/tuner/lora.py` and `utils.py` of mlx-lm 0.13 (with alpha) and 0.21 (without)

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use candle_core::{DType, Device};
use serde_json::{Map, Value};

use super::config::CONFIG_FILE;
use super::targets::ModuleRules;
use super::{Adapter, Beside, LoraPair, PeftConfig};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::TensorFile;
use crate::recipe::{AdapterKind, Targets};

/// The name of the file with the factors.
pub(super) const MLX_WEIGHTS_FILE: &str = "adapters.safetensors";

/// Reads such a folder.
///
/// # Errors
/// A file is missing or broken; it is not for LoRA; a tensor is no factor, has no partner, or another rank than the
/// config says.
pub(super) fn read(folder: &Path) -> Result<Adapter> {
    let path = folder.join(CONFIG_FILE);
    let written: Map<String, Value> = files::read_json(&path)?;
    let (rank, scale, dropout) = parameters(&written).at(path.display().to_string())?;
    let modules = pairs(&TensorFile::open(&folder.join(MLX_WEIGHTS_FILE))?, rank)?;
    let config = PeftConfig {
        kind: AdapterKind::Lora,
        rank,
        alpha: scale * rank as f64,
        dropout,
        rslora: false,
        rules: rules(&modules),
        rank_pattern: Vec::new(),
        alpha_pattern: Vec::new(),
        feedforward: None,
        modules_to_save: Vec::new(),
        trainable_tokens: Vec::new(),
        ensure_weight_tying: false,
        base_model: written.get("model").and_then(Value::as_str).map(str::to_owned),
        other: Map::new(),
    };
    Ok(Adapter { config, modules, beside: Beside::default(), base_hash: None, copies: BTreeMap::new() })
}

/// Rank, scale and dropout.
fn parameters(written: &Map<String, Value>) -> Result<(usize, f64, f64)> {
    let kind = written.get("fine_tune_type").and_then(Value::as_str).unwrap_or("lora");
    if kind != "lora" || written.get("use_dora") == Some(&Value::Bool(true)) {
        let got = if kind == "lora" { "DoRA" } else { kind };
        return Err(Error::new("the kind of adapter").got(format!("{got:?}")).expected("\"lora\""));
    }
    let lora = written.get("lora_parameters");
    let lora =
        lora.ok_or_else(|| Error::new("lora_parameters is missing").hint("the folder must be one that MLX wrote"))?;
    let number = |key: &str| lora.get(key).and_then(Value::as_f64);
    let rank = lora.get("rank").and_then(Value::as_u64).filter(|rank| (1..=1 << 20).contains(rank));
    let rank = rank.ok_or_else(|| Error::new("lora_parameters.rank").expected("a whole number of at least 1"))?;
    let scale = number("scale").ok_or_else(|| Error::new("lora_parameters.scale").expected("a number"))?;
    let scale = number("alpha").map_or(scale, |alpha| scale * alpha / rank as f64);
    Ok((rank as usize, scale, number("dropout").unwrap_or(0.0)))
}

fn pairs(file: &TensorFile, rank: usize) -> Result<BTreeMap<String, LoraPair>> {
    let mut halves: BTreeMap<String, (Option<_>, Option<_>)> = BTreeMap::new();
    for name in file.names() {
        let place = || format!("{}: {name}", file.label());
        let (path, first) = match (name.strip_suffix(".lora_a"), name.strip_suffix(".lora_b")) {
            (Some(path), _) => (path, true),
            (_, Some(path)) => (path, false),
            _ => return Err(Error::new("the tensor is not a LoRA factor of a linear module").at(place())),
        };
        let shape = file.shape(&name).unwrap_or_default();
        let got = match shape {
            [_, rank] if first => Some(*rank),
            [rank, _] => Some(*rank),
            _ => None,
        };
        if got != Some(rank) {
            let expected = if first { format!("[in, {rank}]") } else { format!("[{rank}, out]") };
            return Err(Error::new("the shape").got(format!("{shape:?}")).expected(expected).at(place()));
        }
        let tensor = file.read(&name, DType::F32, &Device::Cpu)?.t()?.contiguous()?;
        let half = halves.entry(path.to_owned()).or_default();
        if first { half.0 = Some(tensor) } else { half.1 = Some(tensor) }
    }
    if halves.is_empty() {
        return Err(Error::new("the file has no factors").at(file.label()));
    }
    let each = halves.into_iter().map(|(path, half)| match half {
        (Some(a), Some(b)) => Ok((path, LoraPair { a, b })),
        _ => Err(Error::new("one of lora_a and lora_b is missing").at(format!("{}: {path}", file.label()))),
    });
    each.collect()
}

/// The modules as PEFT's config names them: by their last names, and by layer.
fn rules(modules: &BTreeMap<String, LoraPair>) -> ModuleRules {
    let names: BTreeSet<&str> = modules.keys().filter_map(|path| path.rsplit('.').next()).collect();
    let layer = |path: &String| path.strip_prefix("model.layers.")?.split_once('.')?.0.parse().ok();
    let layers: BTreeSet<usize> = modules.keys().filter_map(layer).collect();
    ModuleRules {
        targets: Targets::Names(names.into_iter().map(str::to_owned).collect()),
        exclude: None,
        layers: Some(layers.into_iter().collect()),
        layers_pattern: None,
    }
}
