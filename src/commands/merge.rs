//! `emakeel merge`: a base and an adapter become one Hugging Face folder.

use candle_core::{DType, Device};

use crate::adapter::Adapter;
use crate::cli::MergeArgs;
use crate::data::Tokenizer;
use crate::device;
use crate::error::{Error, Result};
use crate::files;
use crate::model::Llama;
use crate::progress::Progress;

/// Merges in f32 and writes in the dtype asked for.
pub fn run(args: &MergeArgs, progress: Progress) -> Result<()> {
    if args.out.exists() {
        return Err(Error::new("the folder to write is already there")
            .at(args.out.display().to_string())
            .hint("give another folder; nothing is overwritten"));
    }
    let adapter = Adapter::load(&args.adapter)?;
    let mut model = Llama::load(&args.base, DType::F32, &Device::Cpu)?;
    let dtype = match &args.dtype {
        None => model.config.dtype.unwrap_or(DType::F32),
        Some(name) => device::dtype_named(name)
            .ok_or_else(|| Error::usage("--dtype").got(format!("{name:?}")).expected("f32, bf16 or f16"))?,
    };
    adapter.merge(&mut model)?;
    let partial = files::temporary_beside(&args.out);
    files::remove_folder(&partial)?;
    model.save(&partial, dtype)?;
    if let Ok(tokenizer) = Tokenizer::open(&args.base) {
        tokenizer.save(&partial)?;
    }
    files::rename_folder(&partial, &args.out)?;
    progress.say(format!("{} modules merged into {}", adapter.modules.len(), args.out.display()));
    Ok(())
}
