//! What can be typed: subcommands and flags, and nothing else.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::recipe::Count;

mod adapter;
mod compare;
mod export;
mod measure;
mod merge;
mod publish;
mod score;
mod search;

pub use adapter::{
    AdapterAction, AdapterArgs, AdapterCombineArgs, AdapterDiffArgs, AdapterShowArgs, AdapterVerifyArgs, CombineHow,
};
pub use compare::CompareArgs;
pub use export::{ExportArgs, FormatWord, TypeWord};
pub use measure::{BenchArgs, DoctorArgs};
pub use merge::{MergeArgs, QuantizeWord, UnmergeArgs};
pub use publish::{FetchArgs, PublishArgs};
pub use score::{MetricWord, ScoreArgs, SmoothWord, TestWord};
pub use search::SearchArgs;

/// Teach a Llama a new language on one GPU: one recipe runs pretraining, adapters and their comparison.
#[derive(Debug, Parser)]
#[command(name = "emakeel", version, about, max_term_width = 100)]
pub struct Cli {
    /// Print nothing but results and errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Use this many CPU threads.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a study, or go on with one: pretrain, adapters, compare.
    Run(RunArgs),
    /// Validate a recipe and everything it names, and print the plan; trains nothing.
    Check(CheckArgs),
    /// Show what a recipe's sources hold and what would be trained on, to the token.
    Data(DataArgs),
    /// Score the finished candidates of a run folder and print the table; have answers judged by a model or by people.
    Compare(CompareArgs),
    /// Write the report of a run again, or one page that compares several runs.
    Report(ReportArgs),
    /// Score texts against references as sacreBLEU does (BLEU, chrF, TER), with intervals, and compare systems.
    Score(ScoreArgs),
    /// Answer one prompt, or each line of standard input.
    Generate(GenerateArgs),
    /// Talk to a model; `/adapter NAME` swaps the adapter while talking.
    Chat(ChatArgs),
    /// Write a model with adapters merged into it as a Hugging Face folder, weight by weight.
    Merge(MergeArgs),
    /// Bring back the base of a merged model, bit for bit, from what `merge --keep-delta` kept.
    Unmerge(UnmergeArgs),
    /// Find the weights with which adapters, combined, predict held-out rows best.
    SearchMerge(SearchArgs),
    /// Send an adapter, a merged model or a snapshot of a run to the Hub, with a card written from the run's records.
    Publish(PublishArgs),
    /// Fetch a model or an adapter of the Hub; a fetch that was cut goes on, and every file is checked.
    Fetch(FetchArgs),
    /// Write a model or an adapter in another program's format: GGUF (llama.cpp), Ollama, Hugging Face, PEFT.
    Export(ExportArgs),
    /// Look at adapters: what one does to each module, how two differ, whether one fits its base; combine several.
    Adapter(AdapterArgs),
    /// Measure speed and memory of training or generation on random tokens.
    Bench(BenchArgs),
    /// Examine the device: what it is, what it reaches, and every kernel against the CPU.
    Doctor(DoctorArgs),
    /// List the tokenized sources that are kept for all studies, or remove old ones.
    Cache(CacheArgs),
    /// List the recipes that come with the program, or copy one.
    Recipes(RecipesArgs),
    /// Print the JSON Schema of recipes, for editors.
    Schema,
}

/// A recipe and changes to it.
#[derive(Debug, Args)]
pub struct RecipeArgs {
    /// The recipe: a YAML file.
    pub recipe: PathBuf,
    /// Change a value, for example `--set adapters.general.rank=8`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// The folder that holds run folders.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    /// The folder that keeps tokenized sources for all studies; EMAKEEL_CACHE if not given, else the system's.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `emakeel run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The recipe and where it runs.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Train up to this many adapters at a time that stand on one model, their rows in one batch; each is what it is alone.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub together: Option<u8>,
}

/// `emakeel check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The recipe and where it runs.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Plan the memory of a GPU of this size, such as 24GiB, from the recipe alone: no file is read.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub gpu_memory: Option<Count>,
    /// With --gpu-memory: the shape of the base, llama-2-7b, llama-2-13b, llama-3-8b, tinyllama-1.1b or
    /// hidden/layers/heads/mlp/vocab; if not given, it is read from the base's config.json.
    #[arg(long, value_name = "SHAPE", requires = "gpu_memory")]
    pub shape: Option<String>,
}

/// `emakeel data`.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The recipe and where it runs.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Look at one stage only: pretrain, or an adapter's name.
    #[arg(long, value_name = "NAME")]
    pub stage: Option<String>,
    /// Show N sequences of each stage as the model gets them: green, or in ⟦ ⟧, what is trained on.
    #[arg(long, value_name = "N")]
    pub show: Option<usize>,
    /// The step whose sequences are shown first.
    #[arg(long, value_name = "K", default_value = "1")]
    pub step: NonZeroU64,
    /// Mark where one token ends and the next begins.
    #[arg(long, requires = "show")]
    pub tokens: bool,
    /// Write it all as a page for a browser, with 3 sequences of each stage if --show does not say how many.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `emakeel report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run folders, for example `runs/quickstart`; of several, one page compares them all.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Where to write the page; report.html in the run folder if not given, or here if there are several runs.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// The model that answers if none is named: what the quickstart makes of tiny-english.
pub const BUILT_IN_MODEL: &str = "tiny-estonian";

/// A model, and how its answers are chosen.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// A Hugging Face model folder, or a model inside the program: tiny-estonian, tiny-english.
    #[arg(long, short, default_value = BUILT_IN_MODEL)]
    pub model: String,
    /// Where to run: auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// The dtype of weights and activations: f32, bf16 or f16.
    #[arg(long, default_value = "f32")]
    pub dtype: String,
    /// How a conversation becomes text: llammas-chat, alpaca, plain, llama-2-chat, llama-3, chatml, tulu, model (the
    /// chat template that came with the model), or the path of a .jinja file.
    #[arg(long, default_value = "llammas-chat")]
    pub template: String,
    /// The most tokens an answer may have.
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub max_new_tokens: usize,
    /// 0 takes the likeliest token each time; higher is more varied.
    #[arg(long, default_value_t = 0.0)]
    pub temperature: f64,
    /// Sample from the N likeliest tokens only.
    #[arg(long, value_name = "N")]
    pub top_k: Option<usize>,
    /// Sample from the likeliest tokens that together have this probability.
    #[arg(long, value_name = "P")]
    pub top_p: Option<f64>,
    /// The same seed gives the same samples.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
}

/// `emakeel generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The model and its sampling.
    #[command(flatten)]
    pub model: ModelArgs,
    /// An adapter folder in PEFT's layout.
    #[arg(long, short, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// What to ask; without it each line of standard input is a prompt.
    pub prompt: Option<String>,
    /// Give the text to the model as it is, without a template.
    #[arg(long)]
    pub raw: bool,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `emakeel chat`.
#[derive(Debug, Args)]
pub struct ChatArgs {
    /// The model and its sampling.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Adapter folders in PEFT's layout, or folders that hold several; the first one speaks first.
    #[arg(long, short, value_name = "DIR")]
    pub adapter: Vec<PathBuf>,
}

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

/// `emakeel recipes`.
#[derive(Debug, Args)]
pub struct RecipesArgs {
    /// The recipe to copy; without it all are listed.
    pub name: Option<String>,
    /// Where to copy it; the current folder if not given.
    pub to: Option<PathBuf>,
}

/// A time as people write it.
fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(char, u64); 4] = [('m', 60), ('h', 3600), ('d', 86_400), ('w', 7 * 86_400)];
    let unit = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)));
    let seconds = unit.and_then(|(count, seconds)| count.trim().parse::<u64>().ok()?.checked_mul(*seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "expected a time such as 45m, 12h, 30d or 8w".to_owned())
}

/// Bytes as people write them.
fn size(text: &str) -> Result<Count, String> {
    Count::parse(text).ok_or_else(|| "expected a size such as 400MiB or 2GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(time("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!((time("45m"), time("2w")), (Ok(Duration::from_secs(2700)), Ok(Duration::from_secs(1_209_600))));
        for wrong in ["", "d", "30", "-1d", "1.5h", "30 days", "99999999999999999999d", "9999999999999999w"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
