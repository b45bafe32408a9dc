//! The flags of `emakeel publish` and `emakeel fetch`.

use std::path::PathBuf;

use clap::Args;

/// `emakeel publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// A run folder, for example `runs/quickstart`.
    pub run: PathBuf,
    /// What to publish: an adapter's name, `NAME+merged` for a whole model, or a snapshot such as `pretrain@1B`.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub candidate: Option<String>,
    /// Publish every adapter (those of the recipe's publish.adapters), each in a repository of its own.
    #[arg(long)]
    pub all: bool,
    /// Where it goes: user/name, or a user or an organisation; the recipe's publish.to if not given.
    #[arg(long, value_name = "USER/NAME")]
    pub to: Option<String>,
    /// Let only the owner see a new repository.
    #[arg(long, conflicts_with = "public")]
    pub private: bool,
    /// Let everybody see a new repository, whatever the recipe says.
    #[arg(long)]
    pub public: bool,
    /// Propose it as a pull request.
    #[arg(long)]
    pub create_pr: bool,
    /// Write and check everything, print what would be sent, and send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The licence, by the Hub's word for it: apache-2.0, cc-by-4.0, llama2, other.
    #[arg(long, value_name = "NAME")]
    pub license: Option<String>,
    /// Where the base is on the Hub, if the run has it from a folder or made it.
    #[arg(long, value_name = "OWNER/NAME")]
    pub base: Option<String>,
    /// The folder that keeps tokenized sources for all studies; EMAKEEL_CACHE if not given, else the system's.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `emakeel fetch`.
#[derive(Debug, Args)]
pub struct FetchArgs {
    /// A model or an adapter on the Hub: owner/name.
    pub name: String,
    /// A branch, a tag or a commit.
    #[arg(long, value_name = "REVISION", default_value = "main")]
    pub revision: String,
    /// Also put its files into this folder; without it they lie in the Hub's cache.
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Of an adapter: fetch the base that it names, too.
    #[arg(long)]
    pub with_base: bool,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}
