//! Factors to train: fresh ones, ones to go on with, and the adapter that they are in the end.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Tensor};

use super::attach::{detach, frozen_weight, set};
use super::initial::{self, Want};
use super::vera::Slices;
use super::{Adapter, Beside, LoraPair, PeftConfig, Shared, all_finite, choose};
use crate::error::{Error, Place, Result};
use crate::model::{
    Factor, FrozenWeight, Llama, Lora, Parameter, Parameters, Projection, Scaled, Side, Vera, row_norms, row_squares,
};
use crate::recipe::{AdapterKind, LoraSettings};

/// Puts a fresh adapter on a model, what it trains in one flat buffer.
///
/// Factors begin as the settings say. The usual way is PEFT's: `A` uniform in `±1/√in` (Kaiming's uniform with a = √5) and
/// `B` zero, so that the model computes what it did until the first step. Each factor's numbers follow from the seed and
/// the module's path alone. Factors are f32 (f64 if the model is), whatever the model's dtype; in the buffer they are
/// named `<module>.lora_A` and `<module>.lora_B`, the lengths of DoRA `<module>.lora_magnitude_vector`, the factors of
/// (IA)³ `<module>.ia3_l`, the vectors of VeRA `<module>.vera_lambda_d` and `<module>.vera_lambda_b`. Any other adapter is taken off the model.
///
/// A start that takes a part of the weights (PiSSA, OLoRA, LoftQ) leaves the model without it, and brings the modules into
/// 4 or 8 bits if the settings say so: give it a model that is not quantized.
///
/// Returns the buffer, and the config of the adapter that [`Adapter::take`] makes of the factors later.
///
/// # Errors
/// A target matches no module; the rank is 0, or larger than a weight that the start takes apart; a module is trained
/// whole.
///
/// # Source
/// Hu et al. 2021, arXiv:2106.09685 §4.1; rsLoRA: Kalajdzievski 2023, arXiv:2312.03732; a frozen A: Zhang et al. 2023,
/// arXiv:2308.03303; LoRA+: Hayou et al. 2024, arXiv:2402.12354
pub fn create(model: &mut Llama, settings: &LoraSettings, seed: u64) -> Result<(Parameters, PeftConfig)> {
    let (paths, rules) = choose(settings, &model.module_paths())?;
    let mut config = PeftConfig::new(settings, rules);
    detach(model)?;
    if settings.kind == AdapterKind::Vera {
        config.other.insert("projection_prng_key".into(), seed.into());
        let beside = Beside { vera: Some(fresh_vera(model, &config, paths, seed)?), ..Beside::default() };
        let parameters = train(model, &config, (&BTreeMap::new(), &beside), &BTreeSet::new())?;
        return Ok((parameters, config));
    }
    let (mut modules, mut beside, mut started) = (BTreeMap::new(), Beside::default(), BTreeSet::new());
    for path in paths {
        let base = frozen_weight(model, &path)?;
        if settings.kind == AdapterKind::Ia3 {
            let (rows, columns) = base.dims2()?;
            let size = if config.side_of(&path)? == Side::Inputs { columns } else { rows };
            beside.scales.insert(path, Tensor::ones(size, DType::F32, &Device::Cpu)?);
            continue;
        }
        let want = Want { path: &path, rank: config.rank_of(&path)?, scale: config.scale_of(&path)?, seed, settings };
        let (pair, rest) = initial::pair(base, &want).at(path.as_str())?;
        if settings.kind == AdapterKind::Dora {
            let base = frozen_weight(model, &path)?;
            let norms = row_norms(&base, &row_squares(&base)?, (&on(&base, &pair.a)?, &on(&base, &pair.b)?), 0.0)?;
            beside.magnitudes.insert(path.clone(), norms);
        }
        if let Some(rest) = rest {
            set(model, vec![(&path, Projection::Frozen(rest))])?;
            started.insert(path.clone());
        }
        modules.insert(path, pair);
    }
    if settings.init.changes_base() {
        initial::quantize_others(model, settings.quantization)?;
    }
    let mut parameters = train(model, &config, (&modules, &beside), &started)?;
    parameters.set_rate(settings.lora_plus_ratio, |name| name.ends_with(".lora_B"));
    Ok((parameters, config))
}

/// VeRA's factors and vectors for some modules, as they begin.
fn fresh_vera(model: &Llama, config: &PeftConfig, paths: Vec<String>, seed: u64) -> Result<Shared> {
    let shape = |path: String| -> Result<(String, [usize; 2])> {
        let (rows, columns) = frozen_weight(model, &path)?.dims2()?;
        Ok((path, [rows, columns]))
    };
    Shared::fresh(seed, config.rank, &paths.into_iter().map(shape).collect::<Result<Vec<_>>>()?)
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
        let (paths, rules) = choose(settings, &model.module_paths())?;
        let wanted = PeftConfig::new(settings, rules);
        let mut errors = Vec::new();
        let mut differ = |what: &str, got: String, expected: String| {
            errors.push(Error::new(what).got(got).expected(format!("{expected}, as of the adapter it starts from")));
        };
        // In the files of the two there is no difference.
        let kind = |kind: AdapterKind| if kind == AdapterKind::LoraFa { AdapterKind::Lora } else { kind };
        if kind(wanted.kind) != kind(self.config.kind) {
            differ("the kind of adapter", wanted.kind.name().into(), self.config.kind.name().into());
        }
        if wanted.kind == AdapterKind::Vera && wanted.rank != self.config.rank {
            differ("rank", wanted.rank.to_string(), self.config.rank.to_string());
        }
        for path in self.modules.keys() {
            let (rank, scale) = (self.config.rank_of(path)?, self.config.scale_of(path)?);
            let (wanted_rank, wanted_scale) = (wanted.rank_of(path)?, wanted.scale_of(path)?);
            if rank != wanted_rank {
                differ("rank", wanted_rank.to_string(), rank.to_string());
            } else if (scale - wanted_scale).abs() > 1e-12 * scale.abs() {
                differ("the scale that alpha gives", wanted_scale.to_string(), scale.to_string());
            } else {
                continue;
            }
            break;
        }
        let held: BTreeSet<&String> = self.paths().collect();
        if paths.len() != held.len() || !paths.iter().all(|path| held.contains(path)) {
            let count = |count: usize| format!("{count} modules");
            differ("targets", count(paths.len()), format!("the same {}", count(held.len())));
        }
        if let Some(error) = Error::all(errors) {
            return Err(error);
        }
        let config = PeftConfig { dropout: settings.dropout, kind: settings.kind, ..self.config.clone() };
        detach(model)?;
        let mut parameters = train(model, &config, (&self.modules, &self.beside), &BTreeSet::new())?;
        parameters.set_rate(settings.lora_plus_ratio, |name| name.ends_with(".lora_B"));
        Ok((parameters, config))
    }

    /// The adapter that a model's factors are now, copied out of the buffer that training writes to.
    ///
    /// # Errors
    /// The model has no adapter on it; a factor is not finite (names it).
    pub fn take(model: &Llama, config: &PeftConfig) -> Result<Self> {
        let (mut modules, mut beside, mut started) = (BTreeMap::new(), Beside::default(), false);
        for path in model.module_paths() {
            match model.projection(&path) {
                Some(Projection::Lora(lora)) => {
                    let mut pair =
                        LoraPair { a: owned(lora.a.value()).at(&path)?, b: owned(lora.b.value()).at(&path)? };
                    if let Some((a, b)) = &lora.start {
                        started = true;
                        pair =
                            LoraPair { a: Tensor::cat(&[&pair.a, a], 0)?, b: Tensor::cat(&[&pair.b, &b.neg()?], 1)? };
                    }
                    if let Some(magnitude) = &lora.magnitude {
                        beside.magnitudes.insert(path.clone(), owned(magnitude.value.value()).at(&path)?);
                    }
                    modules.insert(path, pair);
                }
                Some(Projection::Scaled(scaled)) => {
                    beside.scales.insert(path.clone(), owned(scaled.factors.value()).at(&path)?);
                }
                _ => {}
            }
        }
        beside.vera = Shared::taken(model)?;
        if modules.is_empty() && beside.is_empty() {
            return Err(Error::new("the model has no adapter on it to take"));
        }
        let config = if started { config.doubled() } else { config.clone() };
        Ok(Self { config, modules, beside, base_hash: None, copies: BTreeMap::new() })
    }
}

/// Puts an adapter on a model to be trained, in one flat buffer; `started` are the modules whose weights lack what their
/// factors began with.
fn train(
    model: &mut Llama,
    config: &PeftConfig,
    (modules, beside): (&BTreeMap<String, LoraPair>, &Beside),
    started: &BTreeSet<String>,
) -> Result<Parameters> {
    let tensors = trained_tensors(model, config, (modules, beside))?;
    let names: Vec<String> = tensors.iter().map(|(name, _)| name.clone()).collect();
    let (parameters, views) = Parameters::gather(tensors)?;
    let mut views: BTreeMap<String, Parameter> = names.into_iter().zip(views).collect();
    let mut slices = Slices::default();
    for path in &model.module_paths() {
        let base = frozen_weight(model, path)?;
        let mut factor = |name: &str, tensor: &Tensor| -> Result<Factor> {
            let trained = views.remove(&format!("{path}.{name}"));
            trained.map_or_else(|| Ok(Factor::Frozen(on(&base, tensor)?)), |parameter| Ok(Factor::Trained(parameter)))
        };
        let state = if let Some(pair) = modules.get(path) {
            let (a, b) = (factor("lora_A", &pair.a)?, factor("lora_B", &pair.b)?);
            let magnitude = beside.magnitudes.get(path);
            let magnitude = magnitude.map(|lengths| factor("lora_magnitude_vector", lengths)).transpose()?;
            let start = started.contains(path).then(|| Ok::<_, Error>((on(&base, &pair.a)?, on(&base, &pair.b)?)));
            let mut lora = Lora::new(base, a, b, config.scale_of(path)?, config.dropout);
            lora.start = start.transpose()?;
            Projection::Lora(match magnitude {
                Some(magnitude) => lora.with_magnitude(magnitude)?,
                None => lora,
            })
        } else if let Some(scales) = beside.scales.get(path) {
            let factors = factor("ia3_l", scales)?;
            Projection::Scaled(Scaled { base, factors, side: config.side_of(path)? })
        } else if let Some((shared, pair)) = beside.vera.as_ref().and_then(|it| Some((it, it.modules.get(path)?))) {
            let (inner, outer) = (factor("vera_lambda_d", &pair.inner)?, factor("vera_lambda_b", &pair.outer)?);
            let (a, b) = slices.of(&shared.factors, &base)?;
            Projection::Vera(Vera { base, a, b, inner, outer, dropout: config.dropout })
        } else {
            continue;
        };
        set(model, vec![(path, state)])?;
    }
    Ok(parameters)
}

/// What is trained, by the names of the buffer.
fn trained_tensors(
    model: &Llama,
    config: &PeftConfig,
    (modules, beside): (&BTreeMap<String, LoraPair>, &Beside),
) -> Result<Vec<(String, Tensor)>> {
    let mut tensors = Vec::new();
    // In the model's own order, so that the buffer's layout does not follow the spelling of paths.
    for path in &model.module_paths() {
        let base = frozen_weight(model, path)?;
        let mut take = |name: &str, tensor: &Tensor| -> Result<()> {
            tensors.push((format!("{path}.{name}"), on(&base, tensor)?));
            Ok(())
        };
        if let Some(pair) = modules.get(path) {
            if config.kind != AdapterKind::LoraFa {
                take("lora_A", &pair.a)?;
            }
            take("lora_B", &pair.b)?;
        }
        beside.magnitudes.get(path).map_or(Ok(()), |lengths| take("lora_magnitude_vector", lengths))?;
        beside.scales.get(path).map_or(Ok(()), |scales| take("ia3_l", scales))?;
        if let Some(pair) = beside.vera.as_ref().and_then(|shared| shared.modules.get(path)) {
            take("vera_lambda_d", &pair.inner)?;
            take("vera_lambda_b", &pair.outer)?;
        }
    }
    Ok(tensors)
}

/// A tensor where a weight is, in f32 (f64 if the weight is).
fn on(base: &FrozenWeight, tensor: &Tensor) -> Result<Tensor> {
    let dtype = if base.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    Ok(tensor.to_device(base.device())?.to_dtype(dtype)?)
}

/// A copy that training does not write to, checked.
pub(super) fn owned(factor: &Tensor) -> Result<Tensor> {
    let copy = factor.copy()?;
    if !all_finite(&copy)? {
        return Err(
            Error::new("a factor of the adapter is not finite").hint("the training diverged: lower the learning rate")
        );
    }
    Ok(copy)
}
