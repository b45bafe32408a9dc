//! One file for each subcommand; what they share with the terminal is in `output`.

mod adapter;
mod bench;
mod cache;
mod chat;
mod check;
mod combine;
mod compare;
mod data;
mod doctor;
mod export;
mod fetch;
mod generate;
mod interrupt;
mod measured;
mod merge;
mod output;
mod publish;
mod recipes;
mod report;
mod run;
mod schema;
mod score;
mod scratch;
mod search;
mod shape;
mod speaker;
mod unmerge;
mod weighted;

use crate::cli::{Cli, Command};
use crate::error::{Error, Result};
use crate::progress::Progress;

pub use output::render_error;

/// The stack of a thread, in bytes: what a main thread has.
const STACK: usize = 8 << 20;

/// Runs one command, on a thread of the pool.
///
/// Every thread that computes belongs to the pool: a main thread outside of it would wake the workers for each
/// matrix and compete with them for the same cores.
///
/// # Errors
/// Whatever stopped it; [`Error::exit_code`] says how the process should end.
pub fn run(cli: Cli) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cli.threads.map_or(0, usize::from)).stack_size(STACK);
    pool.build_global().map_err(|e| Error::new(format!("cannot start the threads: {e}")))?;
    let progress = Progress::new(cli.quiet);
    rayon::scope(|_| match cli.command {
        Command::Run(args) => run::run(&args, progress),
        Command::Check(args) => check::run(&args, progress),
        Command::Data(args) => data::run(&args, progress),
        Command::Compare(args) => compare::run(&args, progress),
        Command::Report(args) => report::run(&args, progress),
        Command::Score(args) => score::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Chat(args) => chat::run(&args, progress),
        Command::Merge(args) => merge::run(&args, progress),
        Command::Unmerge(args) => unmerge::run(&args, progress),
        Command::SearchMerge(args) => search::run(&args, progress),
        Command::Publish(args) => publish::run(&args, progress),
        Command::Fetch(args) => fetch::run(&args, progress),
        Command::Export(args) => export::run(&args, progress),
        Command::Adapter(args) => adapter::run(&args),
        Command::Bench(args) => bench::run(&args, progress),
        Command::Doctor(args) => doctor::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Recipes(args) => recipes::run(&args, progress),
        Command::Schema => schema::run(),
    })
}
