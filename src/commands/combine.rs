//! `emakeel adapter combine`: adapters of one base become one adapter.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::adapter::Adapter;
use crate::adapter::combine::{Combined, Part, Settings, combine};
use crate::cli::{AdapterCombineArgs, CombineHow};
use crate::commands::output;
use crate::commands::speaker::folder_name;
use crate::error::{Error, Place, Result};

/// Combines and writes.
pub fn run(args: &AdapterCombineArgs) -> Result<()> {
    if args.out.exists() {
        return Err(Error::new("the folder to write is already there")
            .at(args.out.display().to_string())
            .hint("give another folder; nothing is overwritten"));
    }
    let given = args.adapters.iter().map(|text| weighted(text)).collect::<Result<Vec<_>>>()?;
    let adapters = open_all(given.iter().map(|(folder, _)| folder.as_path()))?;
    let parts: Vec<Part<'_>> = adapters
        .iter()
        .zip(&given)
        .map(|((name, adapter), (_, weight))| Part { name, adapter, weight: *weight })
        .collect();
    let Combined { adapter, kept } = combine(&parts, &settings(&args.how))?;
    adapter.save(&args.out)?;
    let least = kept.iter().min_by(|left, right| left.1.total_cmp(right.1));
    let mean = kept.values().sum::<f64>() / kept.len().max(1) as f64;
    let ranks: Vec<usize> = adapter.modules.values().filter_map(|pair| pair.a.dim(0).ok()).collect();
    let (low, high) = (ranks.iter().min().copied().unwrap_or(0), ranks.iter().max().copied().unwrap_or(0));
    if args.json {
        return output::print_json(&json!({
            "out": args.out, "modules": adapter.modules.len(), "rank": [low, high],
            "parameters": adapter.elements(), "kept": kept, "kept_mean": mean,
        }));
    }
    let rank = if low == high { high.to_string() } else { format!("{low} to {high}") };
    let mut text = format!(
        "{}: {} modules, rank {rank}, {} parameters",
        args.out.display(),
        adapter.modules.len(),
        adapter.elements()
    );
    if let Some((path, share)) = least.filter(|(_, share)| **share < 1.0) {
        let (mean, share) = (100.0 * mean, 100.0 * share);
        text.push_str(&format!(
            "\nthe rank holds {mean:.2} % of the combined update on average, {share:.2} % at least ({path})"
        ));
    }
    output::print(text)
}

/// A folder and its weight, of `folder:0.7` or of `folder` alone.
pub fn weighted(text: &str) -> Result<(PathBuf, f64)> {
    if let Some((folder, weight)) = text.rsplit_once(':').filter(|_| !Path::new(text).exists()) {
        let number = weight.trim().parse::<f64>().ok().filter(|weight| weight.is_finite());
        let number = number.ok_or_else(|| {
            Error::usage("the weight").got(format!("{weight:?}")).expected("a number, as in general:0.7").at(text)
        })?;
        return Ok((folder.into(), number));
    }
    Ok((text.into(), 1.0))
}

/// Loads adapters, each with the name of its folder.
pub fn open_all<'a>(folders: impl Iterator<Item = &'a Path>) -> Result<Vec<(String, Adapter)>> {
    let open = |folder: &Path| Ok((folder_name(folder), Adapter::load(folder).at(folder.display().to_string())?));
    folders.map(open).collect()
}

/// What the flags ask for.
pub fn settings(how: &CombineHow) -> Settings {
    Settings {
        method: how.method.method(),
        density: how.density,
        sign: how.majority_sign.method(),
        rank: how.rank,
        seed: how.seed,
    }
}
