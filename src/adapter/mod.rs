//! Low-rank adapters (LoRA) in PEFT's format: made, trained, read, written, swapped and merged.
//!
//! An [`Adapter`] is two small matrices for each module it is for. The base model's weights exist once;
//! any number of adapters can be loaded beside them, and [`Adapter::attach`] changes which one acts
//! without copying a weight. A module with an adapter computes
//! `x·Wᵀ + scale·(x·Aᵀ)·Bᵀ`, and [`Adapter::merge`] writes the same sum into `W`.
//!
//! Formulas, files and the rules for choosing modules follow PEFT (0.21.2), so that adapters go both
//! ways; `tests/parity.rs` and `tests/peft.rs` hold that. The candle-lora crate is not used: its forward
//! is `(W·x + B·A·x)·scale`, which scales the base model's output too and disagrees with its own merge,
//! and its files are not PEFT's.
//!
//! | file | what |
//! |---|---|
//! | `config`, `config_read`, `config_keys` | `adapter_config.json` |
//! | `targets` | which modules |
//! | `files`, `parts` | the folder on disk, and the tensors in it |
//! | `mlx`, `pickled` | the folder as MLX writes it, and as PEFT's first releases did |
//! | `create` | fresh factors, factors taken up again, factors taken out after training |
//! | `train` | on a base model to be trained |
//! | `initial`, `leading` | what fresh factors begin as |
//! | `beside` | what there is beside factors: lengths, scales, whole modules, rows of tokens |
//! | `vera`, `vera_files`, `mersenne` | VeRA: shared factors and vectors, in memory and in files, and how they are drawn |
//! | `attach` | on and off a base model |
//! | `fits` | whether an adapter is for a base |
//! | `merge` | into a base model for good |
//! | `folder` | into the files of a base, which is not in memory |
//! | `combine` | several adapters into one |
//! | `decompose` | orthonormal bases and singular values |
//! | `spectrum`, `verify` | what an adapter does to each module, and what is wrong with it |

mod attach;
mod beside;
pub mod combine;
mod config;
mod config_keys;
mod config_read;
mod create;
mod decompose;
mod files;
mod fits;
mod folder;
mod initial;
mod leading;
mod merge;
mod mersenne;
mod mlx;
mod parts;
mod pickled;
mod spectrum;
mod targets;
mod train;
mod vera;
mod vera_files;
mod verify;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

pub use attach::detach;
pub use beside::{Beside, TokenRows, target_shapes, trained_beside};
pub use config::{CONFIG_FILE, PeftConfig};
pub use create::create;
pub use files::{WEIGHTS_FILE, recorded_base};
pub use folder::Merge;
pub use spectrum::Effect;
pub use targets::{ModuleRules, choose, resolve};
pub use vera::{Shared, VeraPair};
pub use verify::{Against, Findings, verify};

use crate::error::{Error, Result};

/// The two factors of one module's update.
///
/// The embedding reads an id as a vector with a one: its `in` is the vocabulary, and `B·A` is the transpose of what is
/// added to its weight.
#[derive(Debug, Clone)]
pub struct LoraPair {
    /// The first factor, `[rank, in]`.
    pub a: Tensor,
    /// The second factor, `[out, rank]`.
    pub b: Tensor,
}

impl LoraPair {
    /// The factors with `B·A` as it is added to the weight of a module at that path.
    pub(crate) fn upright(self, path: &str) -> Result<Self> {
        if path != targets::EMBEDDING {
            return Ok(self);
        }
        Ok(Self { a: self.b.t()?.contiguous()?, b: self.a.t()?.contiguous()? })
    }
}

/// A low-rank update of some modules of a base model.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// Its shape, its scale, and the modules it is for.
    pub config: PeftConfig,
    /// The factors, by the path of their module: `model.layers.0.self_attn.q_proj`.
    pub modules: BTreeMap<String, LoraPair>,
    /// What it has beside factors.
    pub beside: Beside,
    /// What identifies the weights of the base it was trained on (a hash that the trainer chose), if it is recorded.
    pub base_hash: Option<String>,
    /// Weights of the base that came in the adapter's file, by the path of their module.
    copies: BTreeMap<String, Tensor>,
}

impl Adapter {
    /// Refuses what is not low-rank updates alone, for a place that can do no more.
    ///
    /// # Errors
    /// The adapter has magnitudes (DoRA), scales ((IA)³), vectors of shared factors (VeRA), whole modules or rows of tokens.
    pub fn only_factors(&self) -> Result<()> {
        if self.beside.is_empty() {
            return Ok(());
        }
        if self.beside.replaces() {
            let whole = self.beside.whole.keys().chain(self.beside.rows.keys());
            return Err(Error::new("the adapter")
                .got(format!("one with weights in the place of the base's ({})", names(whole)))
                .expected("low-rank updates alone")
                .hint("merge it into its base (emakeel merge) and go on with the merged model"));
        }
        Err(Error::new("the kind of adapter")
            .got(self.config.kind.name())
            .expected("lora")
            .hint("merge it into its base (emakeel merge) and go on with the merged model"))
    }

    /// The paths of all modules that it changes.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
        self.targets().chain(self.beside.whole.keys()).chain(self.beside.rows.keys())
    }

    /// The paths of the modules that its targets choose.
    pub fn targets(&self) -> impl Iterator<Item = &String> {
        let vectors = self.beside.vera.iter().flat_map(|shared| shared.modules.keys());
        self.modules.keys().chain(self.beside.scales.keys()).chain(vectors)
    }

    /// Number of elements of all factors, but for those that VeRA's modules share.
    pub fn elements(&self) -> usize {
        let factors = self.modules.values().map(|pair| pair.a.elem_count() + pair.b.elem_count());
        factors.chain(self.beside.tensors().map(Tensor::elem_count)).sum()
    }

    /// The same adapter in another dtype or on another device, so that [`Adapter::attach`] has nothing to move.
    ///
    /// # Errors
    /// The device has no room.
    pub fn prepare(&self, dtype: DType, device: &Device) -> Result<Self> {
        let moved = |tensor: &Tensor| -> Result<Tensor> { Ok(tensor.to_device(device)?.to_dtype(dtype)?) };
        let modules = self
            .modules
            .iter()
            .map(|(path, pair)| Ok((path.clone(), LoraPair { a: moved(&pair.a)?, b: moved(&pair.b)? })))
            .collect::<Result<_>>()?;
        Ok(Self { modules, beside: self.beside.map(moved)?, ..self.clone() })
    }

    /// Refuses a base whose weights are not the ones that the adapter was trained on.
    ///
    /// An adapter that records no base, as those from elsewhere, passes; its shapes are checked by
    /// [`Adapter::attach`].
    ///
    /// # Errors
    /// The adapter records another hash.
    pub fn check_base(&self, hash: &str) -> Result<()> {
        match &self.base_hash {
            Some(recorded) if recorded != hash => Err(Error::new("the base model")
                .got(format!("not the one that the adapter was trained on: its weights hash to {hash}"))
                .expected(recorded)
                .hint(self.base_hint())),
            _ => Ok(()),
        }
    }

    /// Which base the adapter belongs on, as a hint.
    fn base_hint(&self) -> String {
        match &self.config.base_model {
            Some(name) => format!("the adapter was trained on {name}; use it with that model"),
            None => "the adapter does not say which model it was trained on; use it with that one".into(),
        }
    }
}

/// Some paths in few words.
fn names<'a>(paths: impl Iterator<Item = &'a String>) -> String {
    let ends: std::collections::BTreeSet<&str> = paths.map(|path| path.rsplit('.').next().unwrap_or(path)).collect();
    ends.into_iter().collect::<Vec<_>>().join(", ")
}

/// Whether no value is NaN or infinite: a finite number times zero is zero, any other is NaN.
fn all_finite(tensor: &Tensor) -> Result<bool> {
    Ok((tensor * 0.0)?.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()? == 0.0)
}
