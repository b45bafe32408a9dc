//! An adapter on a base model, and off it again.

use candle_core::{DType, Tensor};

use super::beside::weight_shapes;
use super::targets::{EMBEDDING, HEAD};
use super::{Adapter, LoraPair, vera};
use crate::error::{Error, Result};
use crate::model::{EmbeddingLora, Factor, FrozenWeight, Llama, Lora, Projection, Rows, Scaled, Vera, Weight};

impl Adapter {
    /// Lets this adapter act on a model, in the place of any other.
    ///
    /// The model's weights stay where they are and the factors are shared, so a swap costs no more than a
    /// few pointers for each module, if the factors are on the model's device (see [`Adapter::prepare`]). The factors
    /// do not change in training; to train them, see [`Adapter::start_from`]. Dropout does not act. Rows in the head cost
    /// more: a copy of its weight with them in it.
    ///
    /// # Errors
    /// The adapter does not fit the model: it names the module, and which base to use. The model is then unchanged.
    pub fn attach(&self, model: &mut Llama) -> Result<()> {
        self.check_fits(model)?;
        let mut states = Vec::with_capacity(self.modules.len());
        for (path, pair) in self.modules.iter().filter(|(path, _)| *path != EMBEDDING) {
            let base = frozen_weight(model, path)?;
            let pair = pair.beside(&base)?;
            let scale = self.config.scale_of(path)?;
            let magnitude = self.beside.magnitudes.get(path).map(|value| beside(value, &base)).transpose()?;
            let lora = Lora::new(base, Factor::Frozen(pair.a), Factor::Frozen(pair.b), scale, 0.0);
            let lora = match magnitude {
                Some(magnitude) => lora.with_magnitude(Factor::Frozen(magnitude))?,
                None => lora,
            };
            states.push((path.as_str(), Projection::Lora(lora)));
        }
        for (path, factors) in &self.beside.scales {
            let base = frozen_weight(model, path)?;
            let factors = Factor::Frozen(beside(factors, &base)?);
            states.push((path, Projection::Scaled(Scaled { base, factors, side: self.config.side_of(path)? })));
        }
        if let Some(shared) = &self.beside.vera {
            states.extend(vera::frozen(shared, model)?);
        }
        let mut weights = self.of_embedding(model)?;
        for (path, own) in self.beside.whole.iter().filter(|(path, _)| *path != HEAD || model.head.is_some()) {
            let replaced = |base: &FrozenWeight| -> Result<Factor> {
                Ok(Factor::Frozen(own.to_device(base.device())?.to_dtype(base.dtype())?))
            };
            if model.weight(path).is_some() {
                let base = base_weight(model, path)?;
                let own = replaced(&FrozenWeight::Plain(base.clone()))?;
                weights.push((path, Weight::Replaced { base, own }));
            } else {
                let base = frozen_weight(model, path)?;
                let own = replaced(&base)?;
                states.push((path, Projection::Replaced { base, own }));
            }
        }
        if let Some(rows) = self.beside.rows.get(HEAD).filter(|_| model.head.is_some()) {
            let base = frozen_weight(model, HEAD)?;
            let own = Rows::new(&rows.ids, Factor::Frozen(beside(&rows.values, &base)?))?.whole(&base.to_tensor()?)?;
            states.push((HEAD, Projection::Replaced { base, own: Factor::Frozen(own) }));
        }
        detach(model)?;
        set(model, states)?;
        weights.into_iter().try_for_each(|(path, weight)| set_weight(model, path, weight))
    }

    /// The embedding with low-rank factors or rows.
    fn of_embedding(&self, model: &Llama) -> Result<Vec<(&str, Weight)>> {
        let (pair, rows) = (self.modules.get(EMBEDDING), self.beside.rows.get(EMBEDDING));
        if pair.is_none() && rows.is_none() {
            return Ok(Vec::new());
        }
        let base = base_weight(model, EMBEDDING)?;
        let plain = FrozenWeight::Plain(base.clone());
        let weight = match (pair, rows) {
            (Some(pair), _) => {
                let LoraPair { a, b } = pair.beside(&plain)?;
                let scale = self.config.scale_of(EMBEDDING)?;
                let lora = EmbeddingLora { a: Factor::Frozen(a), b: Factor::Frozen(b), scale };
                Weight::Lora { base, lora }
            }
            (None, Some(rows)) => {
                let rows = Rows::new(&rows.ids, Factor::Frozen(beside(&rows.values, &plain)?))?;
                match model.head {
                    Some(_) => Weight::Rows { base, rows },
                    // The head reads the whole of it, again and again.
                    None => Weight::Replaced { own: Factor::Frozen(rows.whole(&base)?), base },
                }
            }
            (None, None) => return Ok(Vec::new()),
        };
        Ok(vec![(EMBEDDING, weight)])
    }
}

impl LoraPair {
    /// The factors on the device of the base weight, and no narrower than it.
    fn beside(&self, base: &FrozenWeight) -> Result<Self> {
        Ok(Self { a: beside(&self.a, base)?, b: beside(&self.b, base)? })
    }
}

/// A tensor on the device of the base weight, and no narrower than it.
pub(super) fn beside(tensor: &Tensor, base: &FrozenWeight) -> Result<Tensor> {
    let tensor = tensor.to_device(base.device())?;
    Ok(if base.dtype() == DType::F64 { tensor.to_dtype(DType::F64)? } else { tensor })
}

/// Takes every adapter off a model; what is left is the base alone.
///
/// # Errors
/// The adapter's start took something from the base, so that this is not the base any more.
pub fn detach(model: &mut Llama) -> Result<()> {
    for path in model.module_paths() {
        let base = match model.projection(&path) {
            Some(
                Projection::Lora(_)
                | Projection::Scaled(_)
                | Projection::Vera(_)
                | Projection::Replaced { .. }
                | Projection::Rows { .. },
            ) => frozen_weight(model, &path)?,
            _ => continue,
        };
        if let Some(projection) = model.projection_mut(&path) {
            *projection = Projection::Frozen(base);
        }
    }
    for (path, _) in weight_shapes(&model.config) {
        if let Some(weight) = model.weight_mut(&path).filter(|weight| weight.is_adapted()) {
            *weight = Weight::Frozen(weight.value().clone());
        }
    }
    Ok(())
}

/// The weight of the embedding or of a norm, with or without an adapter on it.
pub(super) fn base_weight(model: &Llama, path: &str) -> Result<Tensor> {
    match model.weight(path) {
        Some(Weight::Trained(_)) => Err(trained(path)),
        Some(weight) => Ok(weight.value().clone()),
        None => Err(Error::new("the model has no such module").at(path)),
    }
}

fn trained(path: &str) -> Error {
    Error::new("the module is trained whole, so it takes no adapter")
        .at(path)
        .hint("freeze the model first, or use an adapter and no full training")
}

/// The frozen weight of a module, with or without an adapter on it.
pub(super) fn frozen_weight(model: &Llama, path: &str) -> Result<FrozenWeight> {
    match model.projection(path) {
        Some(Projection::Frozen(weight)) => Ok(weight.clone()),
        Some(Projection::Lora(Lora { start: Some(_), .. })) => {
            Err(Error::new("the adapter on the module began with a part of its weight, which is not there any more")
                .at(path)
                .hint("load the model again"))
        }
        Some(
            Projection::Lora(Lora { base, .. })
            | Projection::Scaled(Scaled { base, .. })
            | Projection::Vera(Vera { base, .. })
            | Projection::Replaced { base, .. }
            | Projection::Rows { base, .. },
        ) => Ok(base.clone()),
        Some(Projection::Together(_)) => Err(Error::new("the module has several adapters at once").at(path)),
        Some(Projection::Trained(_)) => Err(trained(path)),
        None => Err(Error::new("the model has no such module").at(path)),
    }
}

/// Puts new states in the place of the old ones.
pub(super) fn set(model: &mut Llama, states: Vec<(&str, Projection)>) -> Result<()> {
    for (path, state) in states {
        match model.projection_mut(path) {
            Some(projection) => *projection = state,
            None => return Err(Error::new("the model has no such module").at(path)),
        }
    }
    Ok(())
}

/// Puts a new state in the place of the old one.
pub(super) fn set_weight(model: &mut Llama, path: &str, state: Weight) -> Result<()> {
    let weight = model.weight_mut(path).ok_or_else(|| Error::new("the model has no such module").at(path))?;
    *weight = state;
    Ok(())
}
