//! Loading a model: every tensor of the config present, of the right shape, and finite.

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::config::Config;
use super::llama::Llama;
use super::parameters::Parameters;
use super::tensor_file::TensorFile;
use super::weights::Weights;
use crate::error::{Error, Result};
use crate::recipe::Quantization;

/// At most this many wrong tensors are named in one error.
const NAMED: usize = 8;

pub(super) const HEAD: &str = "lm_head.weight";
pub(super) const EMBEDDING: &str = "model.embed_tokens.weight";

impl Llama {
    /// Loads a Hugging Face model folder: `config.json` and one or more safetensors files of f32, f16, bf16 or f64.
    ///
    /// All weights are frozen at first.
    ///
    /// # Errors
    /// Names the file and the tensor: a file is missing, cut short, or contradicts itself; a tensor is missing, is one
    /// that a Llama of this config does not have, has another shape, or holds NaN or infinite values.
    pub fn load(folder: &Path, dtype: DType, device: &Device) -> Result<Self> {
        Self::load_in(folder, (dtype, Quantization::None), device)
    }

    /// [`Llama::load`], with the layers' linear modules kept as the quantisation says: each is read, quantised and
    /// dropped before the next one is read.
    ///
    /// # Errors
    /// As [`Llama::load`].
    pub fn load_in(folder: &Path, precision: (DType, Quantization), device: &Device) -> Result<Self> {
        let config = Config::read(folder)?;
        Self::from_weights(config, &Weights::open(folder)?, precision, device)
    }

    /// [`Llama::load`] of a model that is trained whole: each weight is read into the flat buffer of its parameters.
    ///
    /// # Errors
    /// As [`Llama::load`].
    pub fn load_to_train(folder: &Path, dtype: DType, device: &Device) -> Result<(Self, Parameters)> {
        let (config, weights) = (Config::read(folder)?, Weights::open(folder)?);
        check_tensors(&config, &weights)?;
        check_tied_head(&config, &weights)?;
        Self::assemble_to_train(config, dtype, device, &mut |name, _| weights.read(name, dtype, device))
    }

    /// Loads a model from the content of a safetensors file; `label` names it in errors.
    ///
    /// # Errors
    /// As [`Llama::load`].
    pub fn from_safetensors_bytes(
        config: Config,
        label: &str,
        bytes: Vec<u8>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        Self::from_weights(
            config,
            &Weights::one(TensorFile::from_bytes(label, bytes)?),
            (dtype, Quantization::None),
            device,
        )
    }

    fn from_weights(
        config: Config,
        weights: &Weights,
        (dtype, quantization): (DType, Quantization),
        device: &Device,
    ) -> Result<Self> {
        check_tensors(&config, weights)?;
        check_tied_head(&config, weights)?;
        Self::assemble(config, (dtype, quantization), device, &mut |name, _| weights.read(name, dtype, device))
    }
}

/// Reads the weights of a model folder one by one, in the order of [`Config::tensor_shapes`], checked as
/// [`Llama::load`] does.
///
/// # Errors
/// As [`Llama::load`]; what `each` says.
pub fn read_weights(folder: &Path, dtype: DType, each: &mut dyn FnMut(&str, Tensor) -> Result<()>) -> Result<Config> {
    let (config, weights) = (Config::read(folder)?, Weights::open(folder)?);
    check(&config, &weights)?;
    for (name, _) in config.tensor_shapes() {
        each(&name, weights.read(&name, dtype, &Device::Cpu)?)?;
    }
    Ok(config)
}

/// Reads single weights of a model folder, in any order, in f32 on the CPU; the folder is checked as [`Llama::load`] does.
///
/// # Errors
/// As [`Llama::load`]; of the function that is given back: the model has no weight of that name.
pub fn read_weight(folder: &Path) -> Result<impl Fn(&str) -> Result<Tensor>> {
    let (config, weights) = (Config::read(folder)?, Weights::open(folder)?);
    check(&config, &weights)?;
    Ok(move |name: &str| weights.read(name, DType::F32, &Device::Cpu))
}

/// Checks that the weights are those of the config, before anything is read.
pub(super) fn check(config: &Config, weights: &Weights) -> Result<()> {
    check_tensors(config, weights)?;
    check_tied_head(config, weights)
}

/// Compares names and shapes with the config.
fn check_tensors(config: &Config, weights: &Weights) -> Result<()> {
    let mut errors = Vec::new();
    let expected = config.tensor_shapes();
    for (name, shape) in &expected {
        let Some(file) = weights.file(name) else {
            let hint = match name.as_str() {
                HEAD => "if the head is the embedding, set tie_word_embeddings to true in config.json",
                _ => "config.json and weights are of different models, or a file of the folder is missing",
            };
            errors.push(weights.missing(name).hint(hint));
            continue;
        };
        let got = file.shape(name).unwrap_or_default();
        if got != shape.as_slice() {
            errors.push(
                Error::new("the shape")
                    .got(format!("{got:?}"))
                    .expected(format!("{shape:?}, as config.json says"))
                    .at(format!("{}: {name}", file.label()))
                    .hint("config.json and weights are of different models"),
            );
        }
    }
    let expected: std::collections::HashSet<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    for name in weights.names().filter(|name| !expected.contains(name) && !is_harmless(name, config)) {
        let label = weights.file(name).map_or(weights.label.as_str(), TensorFile::label);
        errors.push(
            Error::new("the tensor is not one of a Llama with this config.json").at(format!("{label}: {name}")).hint(
                "a model with other parts (biases, more layers, a value head) would be computed wrong without them",
            ),
        );
    }
    let more = errors.len().saturating_sub(NAMED);
    errors.truncate(NAMED);
    if more > 0 {
        errors.push(Error::new(format!("and {more} more tensors that are missing, unexpected or of another shape")));
    }
    Error::all(errors).map_or(Ok(()), Err)
}

/// Tensors that old checkpoints carry and that say nothing new.
fn is_harmless(name: &str, config: &Config) -> bool {
    name.ends_with("rotary_emb.inv_freq") || (name == HEAD && config.tie_word_embeddings)
}

/// A copy of the embedding under the head's name is fine; another matrix there means that the config is wrong.
fn check_tied_head(config: &Config, weights: &Weights) -> Result<()> {
    let (Some(head), Some(embedding)) = (weights.file(HEAD), weights.file(EMBEDDING)) else { return Ok(()) };
    if !config.tie_word_embeddings {
        return Ok(());
    }
    if head.dtype(HEAD) == embedding.dtype(EMBEDDING) && head.raw(HEAD)? == embedding.raw(EMBEDDING)? {
        return Ok(());
    }
    Err(Error::new("config.json says that the head is the embedding, but the file has a different matrix for it")
        .at(format!("{}: {HEAD}", head.label()))
        .hint("set tie_word_embeddings to false in config.json"))
}
