//! `emakeel unmerge`: a base brought back from the model that adapters were merged into.

use super::interrupt::Interrupt;
use super::output::refuse_existing;
use crate::cli::UnmergeArgs;
use crate::error::{Error, Result};
use crate::model::Delta;
use crate::progress::Progress;

/// Writes the base's folder again.
pub fn run(args: &UnmergeArgs, progress: Progress) -> Result<()> {
    refuse_existing(&args.out)?;
    let delta = Delta::open(&args.merged)?;
    let interrupt = Interrupt::listen()?;
    let mut bar = progress.bar("unmerge", "bytes", 0, delta.bytes()?);
    delta.restore(&args.out, &mut |bytes, name| {
        bar.advance(bytes, name);
        if interrupt.asked() { Err(Error::interrupted("it was stopped; nothing was written")) } else { Ok(()) }
    })?;
    bar.finish(format!("the base is in {}, every weight checked", args.out.display()));
    Ok(())
}
