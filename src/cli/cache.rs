//! The flags of `emakeel cache`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::time;

/// `emakeel cache`.
#[derive(Debug, Args)]
pub struct CacheArgs {
    /// What to do; without it the entries are listed.
    #[command(subcommand)]
    pub action: Option<CacheAction>,
    /// The folder; EMAKEEL_CACHE if not given, else the system's.
    #[arg(long, global = true, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What `emakeel cache` does.
#[derive(Debug, Subcommand)]
pub enum CacheAction {
    /// Remove entries that were not used lately; what a process uses stays.
    Clean(CacheCleanArgs),
}

/// `emakeel cache clean`.
#[derive(Debug, Args)]
pub struct CacheCleanArgs {
    /// Remove what was not used for so long, such as 12h, 30d or 8w.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = time)]
    pub older_than: Duration,
    /// Remove all that is not in use.
    #[arg(long, conflicts_with = "older_than")]
    pub all: bool,
    /// Only say what would be removed.
    #[arg(long)]
    pub dry_run: bool,
}
