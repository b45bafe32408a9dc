//! One file for each subcommand; what they share with the terminal is in `output`.

mod chat;
mod check;
mod compare;
mod data;
mod generate;
mod interrupt;
mod merge;
mod output;
mod recipes;
mod run;
mod schema;
mod speaker;

use crate::cli::{Cli, Command};
use crate::error::{Error, Result};
use crate::progress::Progress;

pub use output::render_error;

/// Runs one command.
///
/// # Errors
/// Whatever stopped it; [`Error::exit_code`] says how the process should end.
pub fn run(cli: Cli) -> Result<()> {
    let progress = Progress::new(cli.quiet);
    if let Some(threads) = cli.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|e| Error::new(format!("cannot start {threads} threads: {e}")))?;
    }
    match cli.command {
        Command::Run(args) => run::run(&args, progress),
        Command::Check(args) => check::run(&args, progress),
        Command::Data(args) => data::run(&args, progress),
        Command::Compare(args) => compare::run(&args, progress),
        Command::Generate(args) => generate::run(&args),
        Command::Chat(args) => chat::run(&args, progress),
        Command::Merge(args) => merge::run(&args, progress),
        Command::Recipes(args) => recipes::run(&args, progress),
        Command::Schema => schema::run(),
    }
}
