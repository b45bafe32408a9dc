//! The flags of `emakeel adapter`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::adapter::combine::{Method, SignMethod};

/// `emakeel adapter`.
#[derive(Debug, Args)]
pub struct AdapterArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: AdapterAction,
}

/// What `emakeel adapter` does.
#[derive(Debug, Subcommand)]
pub enum AdapterAction {
    /// Show what an adapter is and what it does to each layer.
    Show(AdapterShowArgs),
    /// Show how two adapters differ: their settings, and how much of their updates is the same.
    Diff(AdapterDiffArgs),
    /// Check that an adapter fits a base and that every value of it is a number; exit code 1 if not.
    Verify(AdapterVerifyArgs),
    /// Combine adapters of one base into one: sums, TIES, DARE, the arc between two.
    Combine(AdapterCombineArgs),
}

/// `emakeel adapter combine`.
#[derive(Debug, Args)]
pub struct AdapterCombineArgs {
    /// Adapter folders, each with its weight behind a colon, for example `general:0.7 translation:0.3`; without one it is
    /// 1, and negative ones take away.
    #[arg(required = true, value_name = "DIR[:WEIGHT]")]
    pub adapters: Vec<String>,
    /// How they are combined.
    #[command(flatten)]
    pub how: CombineHow,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// A method of combining and its numbers.
#[derive(Debug, Args)]
pub struct CombineHow {
    /// The method; docs/merge.md says what each does.
    #[arg(long, value_enum, default_value = "linear")]
    pub method: Method,
    /// ties, dare_linear, dare_ties, magnitude_prune: the share of entries of each update that stay.
    #[arg(long, value_name = "SHARE")]
    pub density: Option<f64>,
    /// ties, dare_ties: how the sign of an entry is elected.
    #[arg(long, value_enum, default_value = "total")]
    pub majority_sign: SignMethod,
    /// The rank of the result; if not given, the largest of the adapters' ranks for svd and what ends in _svd, and their sum
    /// for all others.
    #[arg(long, value_name = "N")]
    pub rank: Option<usize>,
    /// dare_linear, dare_ties: what chance follows from.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
}

/// `emakeel adapter show`.
#[derive(Debug, Args)]
pub struct AdapterShowArgs {
    /// An adapter folder in PEFT's or MLX's layout.
    pub path: PathBuf,
    /// Another adapter: how much of the update is the same.
    #[arg(long, value_name = "DIR")]
    pub overlap: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `emakeel adapter diff`.
#[derive(Debug, Args)]
pub struct AdapterDiffArgs {
    /// An adapter folder.
    pub left: PathBuf,
    /// Another one.
    pub right: PathBuf,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `emakeel adapter verify`.
#[derive(Debug, Args)]
pub struct AdapterVerifyArgs {
    /// An adapter folder.
    pub path: PathBuf,
    /// Its base: a Hugging Face model folder, or a model inside the program.
    #[arg(long, value_name = "MODEL")]
    pub base: String,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}
