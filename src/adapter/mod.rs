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
//! | `files` | the folder on disk |
//! | `mlx`, `pickled` | the folder as MLX writes it, and as PEFT's first releases did |
//! | `create` | fresh factors, factors taken up again, factors taken out after training |
//! | `initial`, `leading` | what fresh factors begin as |
//! | `vera`, `vera_files`, `mersenne` | VeRA: shared factors and vectors, in memory and in files, and how they are drawn |
//! | `attach` | on and off a base model, and into it |
//! | `folder` | into the files of a base, which is not in memory |
//! | `combine` | several adapters into one |
//! | `decompose` | orthonormal bases and singular values |
//! | `spectrum`, `verify` | what an adapter does to each module, and what is wrong with it |

mod attach;
pub mod combine;
mod config;
mod config_keys;
mod config_read;
mod create;
mod decompose;
mod files;
mod folder;
mod initial;
mod leading;
mod mersenne;
mod mlx;
mod pickled;
mod spectrum;
mod targets;
mod vera;
mod vera_files;
mod verify;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

pub use attach::detach;
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
#[derive(Debug, Clone)]
pub struct LoraPair {
    /// The first factor, `[rank, in]`.
    pub a: Tensor,
    /// The second factor, `[out, rank]`.
    pub b: Tensor,
}

/// What adapters of the rarer kinds have beside the factors of low-rank updates, or instead of them. Keys are the paths of
/// modules.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Of DoRA, the length of each row, `[out]`.
    pub magnitudes: BTreeMap<String, Tensor>,
    /// Of (IA)³, what each output or input is multiplied by, `[out]` or `[in]`.
    pub scales: BTreeMap<String, Tensor>,
    /// Of VeRA, the factors that all modules share, and the vectors of each.
    pub vera: Option<Shared>,
}

impl Beside {
    /// Whether there is nothing: then the adapter is low-rank updates and no more.
    pub fn is_empty(&self) -> bool {
        self.tensors().next().is_none()
    }

    /// What is trained of it.
    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let vectors = self.vera.iter().flat_map(|shared| shared.modules.values());
        let vectors = vectors.flat_map(|pair| [&pair.inner, &pair.outer]);
        self.magnitudes.values().chain(self.scales.values()).chain(vectors)
    }

    fn map(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let each = |tensors: &BTreeMap<String, Tensor>| {
            tensors.iter().map(|(path, tensor)| Ok((path.clone(), change(tensor)?))).collect::<Result<_>>()
        };
        let vera = self.vera.as_ref().map(|shared| shared.map(&change)).transpose()?;
        Ok(Self { magnitudes: each(&self.magnitudes)?, scales: each(&self.scales)?, vera })
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
    /// The adapter has magnitudes (DoRA), scales ((IA)³), or vectors of shared factors (VeRA).
    pub fn only_factors(&self) -> Result<()> {
        if self.beside.is_empty() {
            return Ok(());
        }
        Err(Error::new("the kind of adapter")
            .got(self.config.kind.name())
            .expected("lora")
            .hint("merge it into its base (emakeel merge) and go on with the merged model"))
    }

    /// The paths of all modules that it changes.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
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

/// Whether no value is NaN or infinite: a finite number times zero is zero, any other is NaN.
fn all_finite(tensor: &Tensor) -> Result<bool> {
    Ok((tensor * 0.0)?.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()? == 0.0)
}
