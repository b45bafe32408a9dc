//! Saving a model as a Hugging Face folder that appears whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use serde_json::{Map, Value, json};

use super::config::Config;
use super::config_write::ids_value;
use super::frozen_weight::FrozenWeight;
use super::llama::Llama;
use super::projection::Projection;
use super::tensor_writer::{stored_bytes, write_streamed};
use super::weight::Weight;
use super::weights::{INDEX_FILE, SINGLE_FILE};
use crate::error::{Error, Place, Result};
use crate::files;

/// The largest file of weights, in bytes, as transformers has it: larger models are cut into several.
pub const SHARD_BYTES: u64 = 5_000_000_000;

impl Llama {
    /// Saves the model as a Hugging Face folder, in place of an older one: it appears whole or not at all.
    ///
    /// # Errors
    /// A module has a low-rank update (merge or detach it first); a weight is not finite; the disk is full.
    pub fn save(&self, folder: &Path, dtype: DType) -> Result<()> {
        files::write_folder(folder, |unfinished| self.write_into(unfinished, dtype, SHARD_BYTES))
    }

    /// Writes the files of the model into a folder; for a caller that adds files of its own before it puts the folder
    /// in its place.
    ///
    /// # Errors
    /// As [`Llama::save`].
    pub fn write_into(&self, folder: &Path, dtype: DType, shard_bytes: u64) -> Result<()> {
        let tensors: BTreeMap<String, Tensor> = self.named_tensors()?.into_iter().collect();
        write_model(folder, &self.config, dtype, shard_bytes, &mut |name, _| match tensors.get(name) {
            Some(tensor) => Ok(tensor.clone()),
            None => Err(Error::new("the tensor is missing").at(name)),
        })
    }

    /// Every tensor of the model under its Hugging Face name, in the order of the forward pass.
    ///
    /// # Errors
    /// A module has a low-rank update, or is in 4 or 8 bits, which such a list cannot hold.
    pub fn named_tensors(&self) -> Result<Vec<(String, Tensor)>> {
        if self.weights().any(Weight::is_adapted) {
            return Err(adapted());
        }
        let mut tensors = vec![self.embedding.value().clone()];
        for (index, layer) in self.layers.iter().enumerate() {
            for (which, projection) in layer.projections().into_iter().enumerate() {
                match which {
                    0 => tensors.push(layer.input_norm.value().clone()),
                    4 => tensors.push(layer.post_attention_norm.value().clone()),
                    _ => {}
                }
                tensors.push(plain(projection).at(format!("model.layers.{index}"))?);
            }
        }
        tensors.push(self.norm.value().clone());
        if let Some(head) = &self.head {
            tensors.push(plain(head).at("lm_head")?);
        }
        Ok(self.config.tensor_shapes().into_iter().map(|(name, _)| name).zip(tensors).collect())
    }
}

fn adapted() -> Error {
    Error::new("a module has an adapter, so the model is not one set of weights")
        .hint("merge the adapter into the model, or detach it, before saving")
}

fn plain(projection: &Projection) -> Result<Tensor> {
    match projection {
        Projection::Lora(_)
        | Projection::Scaled(_)
        | Projection::Vera(_)
        | Projection::Together(_)
        | Projection::Replaced { .. }
        | Projection::Rows { .. } => Err(adapted()),
        Projection::Frozen(weight @ (FrozenWeight::Nf4(_) | FrozenWeight::Int8(_))) => {
            let bits = weight.quantization().bits();
            Err(Error::new(format!("a module is in {bits}, so what would be saved is not the model that was loaded"))
                .hint("load the model without quantization before saving or merging"))
        }
        other => other.weight(),
    }
}

/// Writes a Hugging Face folder of a model whose tensors are made when their turn comes: no more than one of them is in
/// memory, so that a model may be larger than that.
///
/// # Errors
/// A tensor has another shape or a value that is not finite; the disk is full.
pub fn write_model(
    folder: &Path,
    config: &Config,
    dtype: DType,
    shard_bytes: u64,
    tensor: &mut dyn FnMut(&str, &[usize]) -> Result<Tensor>,
) -> Result<()> {
    write_files(folder, config, dtype, shard_bytes, &mut |shard| {
        write_streamed(&shard.path, shard.shapes, dtype, shard.metadata, tensor)
    })
}

/// One file of weights to be written.
pub(super) struct Shard<'a> {
    /// Where.
    pub path: PathBuf,
    /// The tensors in it.
    pub shapes: &'a [(String, Vec<usize>)],
    /// What its header says beside them.
    pub metadata: &'a [(&'a str, &'a str)],
}

/// Writes the settings of a model, and its weights file by file as `write` does it, with their index if they are several.
pub(super) fn write_files(
    folder: &Path,
    config: &Config,
    dtype: DType,
    shard_bytes: u64,
    write: &mut dyn FnMut(Shard<'_>) -> Result<()>,
) -> Result<()> {
    files::make_folder(folder)?;
    let config = Config { dtype: Some(dtype), ..config.clone() };
    files::write_json(&folder.join("config.json"), &config.to_json())?;
    files::write_json(&folder.join("generation_config.json"), &generation_config(&config))?;
    let shards = split(config.tensor_shapes(), dtype, shard_bytes);
    let count = shards.len();
    let metadata = &[("format", "pt")];
    let (mut weight_map, mut total) = (Map::new(), 0);
    for (number, shapes) in shards.iter().enumerate() {
        let file = match count {
            1 => SINGLE_FILE.to_owned(),
            _ => format!("model-{:05}-of-{count:05}.safetensors", number + 1),
        };
        write(Shard { path: folder.join(&file), shapes, metadata })?;
        for (name, shape) in shapes {
            total += stored_bytes(shape, dtype);
            weight_map.insert(name.clone(), json!(file));
        }
    }
    if count == 1 {
        return Ok(());
    }
    let index = json!({ "metadata": { "total_size": total }, "weight_map": weight_map });
    files::write_json(&folder.join(INDEX_FILE), &index)
}

fn generation_config(config: &Config) -> Value {
    match &config.generation {
        Some(kept) => Value::Object(kept.clone()),
        None => json!({
            "_from_model_config": true,
            "bos_token_id": config.bos,
            "eos_token_id": ids_value(&config.eos),
        }),
    }
}

/// Fills one file after the other, each up to the limit; a tensor larger than that has a file of its own.
fn split(shapes: Vec<(String, Vec<usize>)>, dtype: DType, shard_bytes: u64) -> Vec<Vec<(String, Vec<usize>)>> {
    let mut shards: Vec<Vec<(String, Vec<usize>)>> = Vec::new();
    let mut room = 0;
    for (name, shape) in shapes {
        let bytes = stored_bytes(&shape, dtype);
        match shards.last_mut() {
            Some(shard) if bytes <= room => {
                shard.push((name, shape));
                room -= bytes;
            }
            _ => {
                room = shard_bytes.saturating_sub(bytes);
                shards.push(vec![(name, shape)]);
            }
        }
    }
    shards
}
