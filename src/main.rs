//! The program: reads the command line, runs one command, and turns an error into an exit code.

use std::process::ExitCode;

use clap::Parser;
use emakeel::cli::Cli;
use emakeel::commands;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{}", commands::render_error(&error));
            ExitCode::from(error.exit_code())
        }
    }
}
