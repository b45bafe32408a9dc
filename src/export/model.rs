//! A model folder, with or without an adapter merged into it, as one GGUF file or as a Hugging Face folder.
//!
//! Weights are read, changed and written one by one: the memory is that of the largest tensor a few times over, whatever
//! the size of the model.

use std::path::Path;

use candle_core::{DType, Tensor};

use super::gguf::{self, Planned};
use super::{FileType, head, names, values, vocabulary};
use crate::adapter::combine::Part;
use crate::adapter::{Adapter, Merge};
use crate::data::Tokenizer;
use crate::error::{Error, Place, Result};
use crate::model::{Config, Rewrite, SHARD_BYTES, read_weights};
use crate::progress::{Bar, Progress};
use crate::recipe::Quantization;

/// A model folder and what is added to it.
pub struct Source<'a> {
    /// A Hugging Face model folder.
    pub folder: &'a Path,
    /// The adapter that is merged into it.
    pub adapter: Option<&'a Adapter>,
    /// What the model is called in the file.
    pub name: &'a str,
    /// The chat template that goes into the file; the tokenizer's own if none is given.
    pub template: Option<&'a str>,
}

impl Source<'_> {
    /// Checks the adapter before anything is written.
    fn check(&self, config: &Config) -> Result<()> {
        self.adapter.map_or(Ok(()), |adapter| adapter.check_shapes(config).and_then(|()| adapter.check_merges(config)))
    }

    /// A weight with the adapter in it.
    fn merged(&self, name: &str, weight: Tensor) -> Result<Tensor> {
        match (self.adapter, name.strip_suffix(".weight")) {
            (Some(adapter), Some(path)) => adapter.merged(path, weight),
            _ => Ok(weight),
        }
    }
}

/// Writes one GGUF file.
///
/// # Errors
/// The folder is no model or its tokenizer is one that llama.cpp has no name for; the adapter does not fit; a weight is
/// not finite, or too large for f16; the disk is full. An older file is then untouched.
pub fn write_gguf(source: &Source<'_>, out: &Path, file: FileType, progress: Progress) -> Result<Config> {
    let config = Config::read(source.folder)?;
    source.check(&config)?;
    let tokenizer = Tokenizer::open(source.folder)?;
    let own = tokenizer.chat_template()?;
    let mut keys = head::of_model(&config, file, source.name);
    keys.extend(vocabulary::of_tokenizer(&tokenizer, &config, source.template.or(own.as_deref()), progress)?);
    let factors = head::rope_factors(&config);
    let mut planned: Vec<Planned> = factors.iter().map(|factors| head::planned_factors(factors)).collect();
    for (name, shape) in config.tensor_shapes() {
        let module = names::module(name.strip_suffix(".weight").unwrap_or(&name), &config)?;
        let kind = values::kind_of(file, module.role, &shape, &config);
        planned.push(Planned { name: module.weight, shape, kind });
    }
    let total = planned.iter().map(|tensor| tensor.bytes() as u64).sum();
    let mut bar = progress.bar("gguf", "bytes", 0, total);
    gguf::write(out, &keys, &planned, &mut |tensors| {
        let mut left = planned.iter();
        if let Some(factors) = &factors {
            let tensor = head::factors_tensor(factors)?;
            left.next();
            tensors.put(head::ROPE_FACTORS, &values::bytes_of(&tensor, candle_core::quantized::GgmlDType::F32)?)?;
        }
        read_weights(source.folder, DType::F32, &mut |name, weight| {
            let Some(planned) = left.next() else { return Err(Error::new("the model has one more tensor").at(name)) };
            let module = names::module(name.strip_suffix(".weight").unwrap_or(name), &config)?;
            let mut weight = source.merged(name, weight).at(name)?;
            if let Some(heads) = module.turned_heads {
                weight = names::turned(&weight, heads).at(name)?;
            }
            let bytes = values::bytes_of(&weight, planned.kind).at(name)?;
            tensors.put(&planned.name, &bytes)?;
            bar.advance(bytes.len() as u64, planned.name.as_str());
            Ok(())
        })
        .map(|_| ())
    })?;
    bar.finish(out.display().to_string());
    Ok(config)
}

/// Writes a Hugging Face folder, in place of an older one.
///
/// # Errors
/// As [`write_gguf`]; the tokenizer may be any.
pub fn write_folder(source: &Source<'_>, out: &Path, dtype: DType, progress: Progress) -> Result<()> {
    let total = (Config::read(source.folder)?.parameter_count() * dtype.size_in_bytes()) as u64;
    let mut bar: Bar = progress.bar("hf", "bytes", 0, total);
    let part = source.adapter.map(|adapter| Part { name: "the adapter", adapter, weight: 1.0 });
    let merge = Merge {
        rewrite: Rewrite { base: source.folder, dtype: Some(dtype), shard_bytes: SHARD_BYTES, keep_delta: false },
        parts: part.as_slice(),
        quantization: Quantization::None,
    };
    let mut done = |bytes: u64, name: &str| {
        bar.advance(bytes, name);
        Ok(())
    };
    merge.write(out, &mut done, |folder| match Tokenizer::open(source.folder) {
        Ok(tokenizer) => tokenizer.save(folder),
        Err(_) => Ok(()),
    })?;
    bar.finish(out.display().to_string());
    Ok(())
}
