//! An adapter alone as a GGUF file, which llama.cpp puts on its base when it loads it.

use std::path::Path;

use candle_core::Tensor;
use candle_core::quantized::GgmlDType;

use super::gguf::{self, Planned, Value};
use super::{FileType, names, values};
use crate::adapter::Adapter;
use crate::error::{Error, Place, Result};
use crate::model::Config;

/// How far a scale may be from alpha / rank before it is written into B.
const SAME: f64 = 1e-12;

/// The module whose update is of rows that are looked up.
const EMBEDDING: &str = "model.embed_tokens";

/// Writes an adapter's file; `config` is its base's.
///
/// The reader multiplies each update by alpha / rank, with one alpha for all. An adapter whose modules are scaled
/// otherwise (rsLoRA, or an alpha of some module's own) has the difference multiplied into B.
///
/// # Errors
/// The adapter does not fit the base, or is more than low-rank updates; the type is neither f32 nor f16; the head is adapted, and the base's head is its
/// embedding; the disk is full. An older file is then untouched.
pub fn write_lora(adapter: &Adapter, config: &Config, out: &Path, file: FileType) -> Result<()> {
    let kind = match file {
        FileType::F32 => GgmlDType::F32,
        FileType::F16 => GgmlDType::F16,
        FileType::Q8_0 | FileType::Q4KM => {
            return Err(Error::new("the type of an adapter's file").got("blocks").expected("f32 or f16"));
        }
    };
    adapter.only_factors()?;
    adapter.check_shapes(config)?;
    let alpha = if adapter.config.alpha == 0.0 { adapter.config.rank as f64 } else { adapter.config.alpha };
    let mut tensors: Vec<(Planned, Tensor)> = Vec::with_capacity(2 * adapter.modules.len());
    for (path, pair) in &adapter.modules {
        let module = names::module(path, config)?;
        if path == "lm_head" && config.tie_word_embeddings {
            return Err(Error::new("the adapter changes the head, which is the embedding in this base")
                .at(path.as_str())
                .hint("merge the adapter into the model and write that: --format gguf"));
        }
        if path == EMBEDDING && config.tie_word_embeddings {
            return Err(Error::new(
                "the update is of the embedding alone, and llama.cpp would give it to the head as well",
            )
            .at(path.as_str())
            .hint("train the adapter on a model that is untied, or without embed_tokens among its targets"));
        }
        let factor = adapter.config.scale_of(path)? * pair.a.dim(0)? as f64 / alpha;
        let mut b = if (factor - 1.0).abs() > SAME { (&pair.b * factor)? } else { pair.b.clone() };
        if let Some(heads) = module.turned_heads {
            b = names::turned(&b, heads).at(path.as_str())?;
        }
        // llama.cpp takes rows of the embedding's A, one for each token.
        let a = if path == EMBEDDING { pair.a.t()?.contiguous()? } else { pair.a.clone() };
        for (end, tensor) in [("lora_a", a), ("lora_b", b)] {
            let name = format!("{}.{end}", module.weight);
            tensors.push((Planned { name, shape: tensor.dims().to_vec(), kind }, tensor));
        }
    }
    let planned: Vec<Planned> = tensors.iter().map(|(planned, _)| planned.clone()).collect();
    gguf::write(out, &head(config, file, alpha), &planned, &mut |sink| {
        for (planned, tensor) in &tensors {
            sink.put(&planned.name, &values::bytes_of(tensor, kind).at(planned.name.as_str())?)?;
        }
        Ok(())
    })
}

fn head(config: &Config, file: FileType, alpha: f64) -> gguf::Head {
    let count = |number: usize| Value::Count(number.try_into().unwrap_or(u32::MAX));
    let text = |text: &str| Value::Text(text.to_owned());
    let entries = [
        ("general.architecture", text("llama")),
        ("general.type", text("adapter")),
        ("general.file_type", Value::Count(file.number())),
        ("adapter.type", text("lora")),
        ("adapter.lora.alpha", Value::Number(alpha as f32)),
        ("llama.attention.head_count", count(config.heads)),
        ("llama.attention.head_count_kv", count(config.key_value_heads)),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
