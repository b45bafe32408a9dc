//! `emakeel adapter combine`: adapters of one base become one adapter.

use serde_json::json;

use crate::adapter::combine::{Combined, Settings, combine};
use crate::cli::{AdapterCombineArgs, CombineHow};
use crate::commands::output;
use crate::commands::weighted::Weighted;
use crate::error::Result;

/// Combines and writes.
pub fn run(args: &AdapterCombineArgs) -> Result<()> {
    output::refuse_existing(&args.out)?;
    let adapters = Weighted::open(&args.adapters)?;
    let Combined { adapter, kept } = combine(&adapters.parts(), &settings(&args.how))?;
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

/// What the flags ask for.
pub fn settings(how: &CombineHow) -> Settings {
    Settings { method: how.method, density: how.density, sign: how.majority_sign, rank: how.rank, seed: how.seed }
}
