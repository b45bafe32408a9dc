//! An adapter on a model to be trained: all that is trained of it in one flat buffer, and the modules in the states that
//! read it from there.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Tensor};

use super::attach::{base_weight, frozen_weight, set, set_weight};
use super::beside::weight_shapes;
use super::parts::ROWS;
use super::targets::EMBEDDING;
use super::vera::Slices;
use super::{Beside, LoraPair, PeftConfig};
use crate::error::{Error, Result};
use crate::model::{
    EmbeddingLora, Factor, FrozenWeight, Llama, Lora, Parameter, Parameters, Projection, Rows, Scaled, Vera, Weight,
};
use crate::recipe::AdapterKind;

/// What of a module is trained, by PEFT's names.
const WHOLE: &str = "modules_to_save";
const EMBEDDING_A: &str = "lora_embedding_A";
const EMBEDDING_B: &str = "lora_embedding_B";

/// Puts an adapter on a model to be trained, in one flat buffer; `started` are the modules whose weights lack what their
/// factors began with.
pub(super) fn train(
    model: &mut Llama,
    config: &PeftConfig,
    (modules, beside): (&BTreeMap<String, LoraPair>, &Beside),
    started: &BTreeSet<String>,
) -> Result<Parameters> {
    // In the model's own order, so that the buffer's layout does not follow the spelling of paths.
    let paths: Vec<String> = weight_shapes(&model.config).into_iter().map(|(path, _)| path).collect();
    let own = |path: &&String| model.weight(path).is_some() || model.projection(path).is_some();
    let paths: Vec<&String> = paths.iter().filter(own).collect();
    let mut tensors = Vec::new();
    for path in &paths {
        let base = frozen(model, path)?;
        for (name, tensor) in trained_of(path, config, modules, beside) {
            tensors.push((format!("{path}.{name}"), on(&base, tensor)?));
        }
    }
    let names: Vec<String> = tensors.iter().map(|(name, _)| name.clone()).collect();
    let (parameters, views) = Parameters::gather(tensors)?;
    let mut views = Views { left: names.into_iter().zip(views).collect(), slices: Slices::default() };
    for path in paths {
        let base = frozen(model, path)?;
        if model.weight(path).is_some() {
            let base = base_weight(model, path)?;
            if let Some(state) = weight(path, base, config, (modules, beside), &mut views)? {
                set_weight(model, path, state)?;
            }
        } else if let Some(state) = projection(path, base, config, (modules, beside), started, &mut views)? {
            set(model, vec![(path, state)])?;
        }
    }
    Ok(parameters)
}

/// The weight of the base at any path.
fn frozen(model: &Llama, path: &str) -> Result<FrozenWeight> {
    match model.weight(path) {
        Some(_) => Ok(FrozenWeight::Plain(base_weight(model, path)?)),
        None => frozen_weight(model, path),
    }
}

/// Names and first values of what is trained of a module.
fn trained_of<'a>(
    path: &str,
    config: &PeftConfig,
    modules: &'a BTreeMap<String, LoraPair>,
    beside: &'a Beside,
) -> Vec<(&'static str, &'a Tensor)> {
    let mut found = Vec::new();
    match modules.get(path) {
        Some(pair) if path == EMBEDDING => found.extend([(EMBEDDING_A, &pair.a), (EMBEDDING_B, &pair.b)]),
        Some(pair) => {
            found.extend((config.kind != AdapterKind::LoraFa).then_some(("lora_A", &pair.a)));
            found.push(("lora_B", &pair.b));
        }
        None => {}
    }
    found.extend(beside.magnitudes.get(path).map(|lengths| ("lora_magnitude_vector", lengths)));
    found.extend(beside.scales.get(path).map(|scales| ("ia3_l", scales)));
    if let Some((_, pair)) = beside.vera_of(path) {
        found.extend([("vera_lambda_d", &pair.inner), ("vera_lambda_b", &pair.outer)]);
    }
    found.extend(beside.whole.get(path).map(|whole| (WHOLE, whole)));
    found.extend(beside.rows.get(path).map(|rows| (ROWS, &rows.values)));
    found
}

/// What modules take their parts from.
struct Views {
    /// The parts of the buffer that no module has yet, by their names.
    left: BTreeMap<String, Parameter>,
    /// VeRA's shared factors in the shapes that are taken.
    slices: Slices,
}

impl Views {
    /// What is trained, or a tensor that is not, beside the base weight.
    fn factor(&mut self, path: &str, name: &str, base: &FrozenWeight, tensor: &Tensor) -> Result<Factor> {
        let trained = self.left.remove(&format!("{path}.{name}"));
        trained.map_or_else(|| Ok(Factor::Frozen(on(base, tensor)?)), |parameter| Ok(Factor::Trained(parameter)))
    }
}

/// The state of the embedding or a norm, if the adapter has anything for it.
fn weight(
    path: &str,
    base: Tensor,
    config: &PeftConfig,
    (modules, beside): (&BTreeMap<String, LoraPair>, &Beside),
    views: &mut Views,
) -> Result<Option<Weight>> {
    let plain = FrozenWeight::Plain(base.clone());
    if let Some(pair) = modules.get(path) {
        let a = views.factor(path, EMBEDDING_A, &plain, &pair.a)?;
        let b = views.factor(path, EMBEDDING_B, &plain, &pair.b)?;
        return Ok(Some(Weight::Lora { base, lora: EmbeddingLora { a, b, scale: config.scale_of(path)? } }));
    }
    if let Some(rows) = beside.rows.get(path) {
        let own = views.factor(path, ROWS, &plain, &rows.values)?;
        return Ok(Some(Weight::Rows { base, rows: Rows::new(&rows.ids, own)? }));
    }
    let Some(whole) = beside.whole.get(path) else { return Ok(None) };
    let own = views.factor(path, WHOLE, &plain, whole)?;
    Ok(Some(Weight::Replaced { base, own }))
}

/// The state of a linear module, if the adapter has anything for it.
fn projection(
    path: &str,
    base: FrozenWeight,
    config: &PeftConfig,
    (modules, beside): (&BTreeMap<String, LoraPair>, &Beside),
    started: &BTreeSet<String>,
    views: &mut Views,
) -> Result<Option<Projection>> {
    if let Some(pair) = modules.get(path) {
        let (a, b) = (views.factor(path, "lora_A", &base, &pair.a)?, views.factor(path, "lora_B", &base, &pair.b)?);
        let magnitude = beside.magnitudes.get(path);
        let magnitude =
            magnitude.map(|lengths| views.factor(path, "lora_magnitude_vector", &base, lengths)).transpose()?;
        let start = started.contains(path).then(|| Ok::<_, Error>((on(&base, &pair.a)?, on(&base, &pair.b)?)));
        let mut lora = Lora::new(base, a, b, config.scale_of(path)?, config.dropout);
        lora.start = start.transpose()?;
        return Ok(Some(Projection::Lora(match magnitude {
            Some(magnitude) => lora.with_magnitude(magnitude)?,
            None => lora,
        })));
    }
    if let Some(scales) = beside.scales.get(path) {
        let factors = views.factor(path, "ia3_l", &base, scales)?;
        return Ok(Some(Projection::Scaled(Scaled { base, factors, side: config.side_of(path)? })));
    }
    if let Some((shared, pair)) = beside.vera_of(path) {
        let inner = views.factor(path, "vera_lambda_d", &base, &pair.inner)?;
        let outer = views.factor(path, "vera_lambda_b", &base, &pair.outer)?;
        let (a, b) = views.slices.of(&shared.factors, &base)?;
        return Ok(Some(Projection::Vera(Vera { base, a, b, inner, outer, dropout: config.dropout })));
    }
    if let Some(rows) = beside.rows.get(path) {
        let own = views.factor(path, ROWS, &base, &rows.values)?;
        return Ok(Some(Projection::Rows { base, rows: Rows::new(&rows.ids, own)? }));
    }
    let Some(whole) = beside.whole.get(path) else { return Ok(None) };
    let own = views.factor(path, WHOLE, &base, whole)?;
    Ok(Some(Projection::Replaced { base, own }))
}

/// A tensor where a weight is, in f32 (f64 if the weight is).
pub(super) fn on(base: &FrozenWeight, tensor: &Tensor) -> Result<Tensor> {
    let dtype = if base.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    Ok(tensor.to_device(base.device())?.to_dtype(dtype)?)
}
