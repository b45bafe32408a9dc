//! The flags of `emakeel compare`.

use std::path::PathBuf;

use clap::Args;

/// `emakeel compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A run folder, for example `runs/quickstart`.
    pub run: PathBuf,
    /// The folder that keeps tokenized sources for all studies; EMAKEEL_CACHE if not given, else the system's.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Change a value of the run folder's recipe for this once, for example `--set compare.judge.model=NAME`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
    /// Ask the recipe's judge about the answers that are there; key from OPENAI_API_KEY.
    #[arg(long, conflicts_with_all = ["blind", "ratings"])]
    pub judge: bool,
    /// Write a page on which people rate pairs of answers without knowing whose they are.
    #[arg(long, value_name = "FILE.html", conflicts_with = "ratings")]
    pub blind: Option<PathBuf>,
    /// With --blind: only these candidates.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', requires = "blind")]
    pub candidates: Vec<String>,
    /// With --blind: only tasks of this kind or name; may be given several times.
    #[arg(long, value_name = "NAME", requires = "blind")]
    pub task: Vec<String>,
    /// With --blind: how many pairs of answers the page shows [default: 50].
    #[arg(long, value_name = "N", requires = "blind", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub questions: Option<u32>,
    /// With --blind: another seed shows other pairs [default: the study's].
    #[arg(long, value_name = "S", requires = "blind")]
    pub seed: Option<u64>,
    /// Read ratings that the page's button downloaded; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub ratings: Vec<PathBuf>,
}
