//! The program: reads the command line, runs one command, and turns an error into an exit code.

use std::process::ExitCode;

use clap::Parser;
use emakeel::cli::Cli;
use emakeel::commands;

#[cfg(target_os = "linux")]
mod memory {
    //! Where memory comes from: each step of training frees and asks for the same large blocks again.
    //!
    //! jemalloc keeps them, on huge pages, so that after the first step no page has to be found, cleared and
    //! mapped. It is told so here, not by an environment variable.

    use tikv_jemallocator::Jemalloc;

    #[global_allocator]
    static ALLOCATOR: Jemalloc = Jemalloc;

    /// A C string that the allocator reads before `main`.
    #[repr(transparent)]
    struct Options(*const u8);

    // SAFETY: it points to constant bytes.
    unsafe impl Sync for Options {}

    // SAFETY: the name and type are those of jemalloc's variable in this build of it, which nothing else defines.
    #[unsafe(export_name = "_rjem_malloc_conf")]
    static OPTIONS: Options = Options(
        c"thp:always,metadata_thp:auto,oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1".as_ptr().cast(),
    );
}

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{}", commands::render_error(&error));
            ExitCode::from(error.exit_code())
        }
    }
}
