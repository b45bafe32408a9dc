//! The flags of `emakeel merge`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::recipe::Count;

/// `emakeel merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The base: a Hugging Face model folder.
    pub base: PathBuf,
    /// Adapter folders, each with its weight behind a colon or 1, for example `general:0.7 translation:0.3`.
    #[arg(required = true, value_name = "ADAPTER[:WEIGHT]")]
    pub adapters: Vec<String>,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The dtype of the weights written: f32, bf16 or f16; the base's own if not given.
    #[arg(long)]
    pub dtype: Option<String>,
    /// The largest file of weights, such as 2GB or 500MiB.
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = file_size)]
    pub shard_size: u64,
    /// Round the base's linear modules to 4 or 8 bits before merging: what an adapter trained on a base in these knows.
    #[arg(long, value_enum, value_name = "KIND")]
    pub quantize: Option<QuantizeWord>,
    /// Write beside the weights what gives the base back, bit for bit; see `emakeel unmerge`.
    #[arg(long)]
    pub keep_delta: bool,
    /// Say how far the merged model's logits are from those of the adapters beside the base, as it is and in 4 or 8 bits: each
    /// of these models is loaded in turn.
    #[arg(long)]
    pub measure: bool,
}

/// `emakeel unmerge`.
#[derive(Debug, Args)]
pub struct UnmergeArgs {
    /// A folder that `emakeel merge --keep-delta` wrote.
    #[arg(value_name = "DIR")]
    pub merged: PathBuf,
    /// The folder to write the base to.
    #[arg(long, value_name = "BASE")]
    pub out: PathBuf,
}

/// What the base is rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QuantizeWord {
    /// 4 bits, as QLoRA has it.
    Nf4,
    /// 8 bits with a scale for each row, as LLM.int8 has its weights.
    Int8,
}

/// Bytes, also as the Hub's tools write them: `5GB` is five billion.
fn file_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 3] = [("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];
    let decimal = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim(), bytes)));
    let bytes = match decimal {
        Some((number, unit)) => number.parse::<f64>().ok().filter(|n| *n < 1e9).map(|n| (n * *unit as f64) as u64),
        None => Count::parse(text).map(|count| count.0),
    };
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "expected a size such as 5GB or 500MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_kinds_of_units() {
        assert_eq!(file_size("5GB"), Ok(5_000_000_000));
        assert_eq!((file_size("1.5 MB"), file_size("2GiB")), (Ok(1_500_000), Ok(2 << 30)));
        for wrong in ["", "0", "GB", "-1GB", "NaNGB", "five"] {
            assert!(file_size(wrong).is_err(), "{wrong}");
        }
    }
}
