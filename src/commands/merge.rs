//! `emakeel merge`: a base and adapters become one Hugging Face folder, one weight after the other.

use candle_core::DType;

use super::interrupt::Interrupt;
use super::measured::Measured;
use super::output::{self, refuse_existing};
use super::weighted::Weighted;
use crate::adapter::Merge;
use crate::cli::{MergeArgs, QuantizeWord};
use crate::data::Tokenizer;
use crate::device;
use crate::error::{Error, Result};
use crate::model::{Config, Rewrite};
use crate::progress::Progress;
use crate::recipe::Quantization;

/// Merges in f32 and writes in the dtype asked for.
pub fn run(args: &MergeArgs, progress: Progress) -> Result<()> {
    refuse_existing(&args.out)?;
    let dtype = match &args.dtype {
        None => None,
        Some(name) => Some(
            device::dtype_named(name)
                .ok_or_else(|| Error::usage("--dtype").got(format!("{name:?}")).expected("f32, bf16 or f16"))?,
        ),
    };
    let adapters = Weighted::open(&args.adapters)?;
    let parts = adapters.parts();
    let quantization = match args.quantize {
        None => Quantization::None,
        Some(QuantizeWord::Nf4) => Quantization::Nf4,
        Some(QuantizeWord::Int8) => Quantization::Int8,
    };
    if quantization != Quantization::None {
        progress.say(format!(
            "the base's linear modules are rounded to {}: the result is not the base with the adapter in it",
            quantization.bits()
        ));
    }
    let config = Config::read(&args.base)?;
    let written = dtype.or(config.dtype).unwrap_or(DType::F32);
    let merge = Merge {
        rewrite: Rewrite { base: &args.base, dtype, shard_bytes: args.shard_size, keep_delta: args.keep_delta },
        parts: &parts,
        quantization,
    };
    let ways = [Quantization::None, if quantization == Quantization::None { Quantization::Nf4 } else { quantization }];
    let measured = args.measure.then(|| Measured::new(&args.base, &parts, written, &ways)).transpose()?;
    let interrupt = Interrupt::listen()?;
    let mut bar = progress.bar("merge", "bytes", 0, (config.parameter_count() * written.size_in_bytes()) as u64);
    let mut done = |bytes: u64, name: &str| {
        bar.advance(bytes, name);
        if interrupt.asked() { Err(Error::interrupted("the merge was stopped; nothing was written")) } else { Ok(()) }
    };
    merge.write(&args.out, &mut done, |folder| match Tokenizer::open(&args.base) {
        Ok(tokenizer) => tokenizer.save(folder),
        // A base may be without one.
        Err(_) => Ok(()),
    })?;
    let modules: std::collections::BTreeSet<&String> = parts.iter().flat_map(|part| part.adapter.paths()).collect();
    bar.finish(format!("{} modules merged into {}", modules.len(), args.out.display()));
    match measured {
        Some(measured) => output::print(measured.against(&args.out)?.join("\n")),
        None => Ok(()),
    }
}
