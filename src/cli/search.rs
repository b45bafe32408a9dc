//! The flags of `emakeel search-merge`.

use std::path::PathBuf;

use clap::Args;

use super::CombineHow;

/// `emakeel search-merge`.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// The base: a Hugging Face model folder, or a model inside the program.
    #[arg(long, value_name = "MODEL")]
    pub base: String,
    /// Held-out rows: a file of text, or JSON rows with `text`, `instruction` and `output`, `prompt` and `completion`, or
    /// `messages`.
    #[arg(long, value_name = "FILE", required_unless_present = "recipe")]
    pub data: Option<PathBuf>,
    /// Instead of rows: a recipe with a comparison, and the tasks of it that are to be answered best.
    #[arg(long, value_name = "RECIPE", conflicts_with = "data", requires = "task")]
    pub recipe: Option<PathBuf>,
    /// The tasks, for example `translation-english-estonian-world,choice`: as the files in a run's compare folders are
    /// called, or their first words. What is made large is the mean of their main scores; scores of which less is better
    /// count as negative.
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "recipe")]
    pub task: Vec<String>,
    /// Change a value of the recipe, for example `--set seed=7` for other questions of the built-in world.
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "recipe")]
    pub sets: Vec<String>,
    /// Adapter folders of that base.
    #[arg(required = true, value_name = "ADAPTER")]
    pub adapters: Vec<PathBuf>,
    /// How they are combined; a density that is not given is searched for, too.
    #[command(flatten)]
    pub how: CombineHow,
    /// How many combinations are tried at most.
    #[arg(long, value_name = "N", default_value = "40", value_parser = clap::value_parser!(u16).range(1..))]
    pub steps: u16,
    /// The folder to write the best combination to; what was tried is kept beside it, in DIR.trials.json.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Read no more than so many rows, or ask so many examples of each task.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// How a conversation becomes text, as for `emakeel generate`; the tasks of a recipe have its own.
    #[arg(long, default_value = "llammas-chat", conflicts_with = "recipe")]
    pub template: String,
    /// Where to run: auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// The dtype of weights and activations: f32, bf16 or f16.
    #[arg(long, default_value = "f32")]
    pub dtype: String,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}
