//! Factors to train: fresh ones, ones to go on with, and the adapter that they are in the end.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::attach::{detach, frozen_weight, set};
use super::{Adapter, LoraPair, PeftConfig, all_finite, resolve};
use crate::error::{Error, Place, Result};
use crate::model::{Factor, Llama, Lora, Parameters, Projection};
use crate::random::Stream;
use crate::recipe::LoraSettings;

/// Puts a fresh adapter on a model, its factors in one flat buffer to train.
///
/// `A` is uniform in `±1/√in` (Kaiming's uniform with a = √5, which PEFT uses) and `B` is zero, so that the
/// model computes what it did until the first step. Each factor's numbers follow from the seed and the module's path
/// alone. Factors are f32 (f64 if the model is), whatever the model's dtype; in the buffer they are named
/// `<module>.lora_A` and `<module>.lora_B`. Any other adapter is taken off the model.
///
/// Returns the buffer, and the config of the adapter that [`Adapter::take`] makes of the factors later.
///
/// # Errors
/// A target matches no module; the rank is 0; a module is trained whole.
///
/// # Source
/// Hu et al. 2021, arXiv:2106.09685 §4.1; rsLoRA: Kalajdzievski 2023, arXiv:2312.03732
pub fn create(model: &mut Llama, settings: &LoraSettings, seed: u64) -> Result<(Parameters, PeftConfig)> {
    if settings.rank == 0 {
        return Err(Error::new("the rank").got(0).expected("at least 1").hint("8 to 64 are common"));
    }
    let (paths, named) = resolve(&settings.targets, &model.module_paths())?;
    let config = PeftConfig::new(settings, named);
    let mut modules = BTreeMap::new();
    for path in paths {
        let base = frozen_weight(model, &path)?;
        let (rows, columns) = base.dims2()?;
        let a = uniform(Stream::new(seed, &format!("lora_A of {path}")), settings.rank, columns)?;
        let b = Tensor::zeros((rows, settings.rank), DType::F32, &Device::Cpu)?;
        modules.insert(path, LoraPair { a, b });
    }
    let parameters = train(model, &config, &modules)?;
    Ok((parameters, config))
}

impl Adapter {
    /// Goes on training this adapter: its factors, as they are, in a new flat buffer on the model.
    ///
    /// The settings must describe the same adapter (rank, scale, modules); dropout may differ.
    ///
    /// # Errors
    /// The adapter does not fit the model; the settings ask for another rank, scale or other modules.
    pub fn start_from(&self, model: &mut Llama, settings: &LoraSettings) -> Result<(Parameters, PeftConfig)> {
        self.check_fits(model)?;
        let (paths, _) = resolve(&settings.targets, &model.module_paths())?;
        let mut errors = Vec::new();
        let mut differ = |what: &str, got: String, expected: String| {
            errors.push(Error::new(what).got(got).expected(format!("{expected}, as of the adapter it starts from")));
        };
        for path in self.modules.keys() {
            let (rank, scale) = (self.config.rank_of(path)?, self.config.scale_of(path)?);
            let wanted = PeftConfig::new(settings, settings.targets.clone()).scale_of(path)?;
            if rank != settings.rank {
                differ("rank", settings.rank.to_string(), rank.to_string());
            } else if (scale - wanted).abs() > 1e-12 * scale.abs() {
                differ("the scale that alpha gives", wanted.to_string(), scale.to_string());
            } else {
                continue;
            }
            break;
        }
        if paths.len() != self.modules.len() || !paths.iter().all(|path| self.modules.contains_key(path)) {
            let count = |count: usize| format!("{count} modules");
            differ("targets", count(paths.len()), format!("the same {}", count(self.modules.len())));
        }
        if let Some(error) = Error::all(errors) {
            return Err(error);
        }
        let config = PeftConfig { dropout: settings.dropout, ..self.config.clone() };
        Ok((train(model, &config, &self.modules)?, config))
    }

    /// The adapter that a model's factors are now, copied out of the buffer that training writes to.
    ///
    /// # Errors
    /// The model has no adapter on it; a factor is not finite (names it).
    pub fn take(model: &Llama, config: &PeftConfig) -> Result<Self> {
        let mut modules = BTreeMap::new();
        for path in model.module_paths() {
            if let Some(Projection::Lora(lora)) = model.projection(&path) {
                let pair = LoraPair { a: owned(lora.a.value()).at(&path)?, b: owned(lora.b.value()).at(&path)? };
                modules.insert(path, pair);
            }
        }
        if modules.is_empty() {
            return Err(Error::new("the model has no adapter on it to take"));
        }
        Ok(Self { config: config.clone(), modules, base_hash: None, copies: BTreeMap::new() })
    }
}

/// Puts factors on a model to be trained, in one flat buffer.
fn train(model: &mut Llama, config: &PeftConfig, modules: &BTreeMap<String, LoraPair>) -> Result<Parameters> {
    // In the model's own order, so that the buffer's layout does not follow the spelling of paths.
    let paths: Vec<String> = model.module_paths().into_iter().filter(|path| modules.contains_key(path)).collect();
    let (mut bases, mut tensors) = (Vec::with_capacity(paths.len()), Vec::with_capacity(2 * paths.len()));
    for path in &paths {
        let Some(pair) = modules.get(path) else { continue };
        let base = frozen_weight(model, path)?;
        let dtype = if base.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        for (name, factor) in [("lora_A", &pair.a), ("lora_B", &pair.b)] {
            tensors.push((format!("{path}.{name}"), factor.to_device(base.device())?.to_dtype(dtype)?));
        }
        bases.push((base, config.scale_of(path)?));
    }
    let (parameters, views) = Parameters::gather(tensors)?;
    let mut views = views.into_iter();
    let mut states = Vec::with_capacity(paths.len());
    for (path, (base, scale)) in paths.iter().zip(bases) {
        let (Some(a), Some(b)) = (views.next(), views.next()) else { break };
        let lora = Lora { base, a: Factor::Trained(a), b: Factor::Trained(b), scale, dropout: config.dropout };
        states.push((path.as_str(), Projection::Lora(lora)));
    }
    detach(model)?;
    set(model, states)?;
    Ok(parameters)
}

/// `[rank, columns]`, uniform in `±1/√columns`.
fn uniform(stream: Stream, rank: usize, columns: usize) -> Result<Tensor> {
    let bound = 1.0 / (columns as f64).sqrt();
    let values = (0..(rank * columns) as u64).map(|i| (bound * (2.0 * stream.unit_at(i) - 1.0)) as f32).collect();
    Ok(Tensor::from_vec(values, (rank, columns), &Device::Cpu)?)
}

/// A copy that training does not write to, checked.
fn owned(factor: &Tensor) -> Result<Tensor> {
    let copy = factor.copy()?;
    if !all_finite(&copy)? {
        return Err(
            Error::new("a factor of the adapter is not finite").hint("the training diverged: lower the learning rate")
        );
    }
    Ok(copy)
}
