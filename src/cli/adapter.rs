//! The flags of `emakeel adapter`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
