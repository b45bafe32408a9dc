//! An adapter on a base model, off it again, and into it for good.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Tensor};

use super::{Adapter, LoraPair, Shared, VeraPair, all_finite, vera};
use crate::error::{Error, Place, Result};
use crate::kernels::matmul::matmul;
use crate::model::{Config, Factor, FrozenWeight, Llama, Lora, Projection, Scaled, Side, Vera};

/// Half a unit in the last place of bf16, twice over, relative to the largest value.
const ROUNDING: f32 = 1.0 / 256.0;

impl Adapter {
    /// Lets this adapter act on a model, in the place of any other.
    ///
    /// The model's weights stay where they are and the factors are shared, so a swap costs no more than a
    /// few pointers for each module, if the factors are on the model's device (see [`Adapter::prepare`]). The factors
    /// do not change in training; to train them, see [`Adapter::start_from`]. Dropout does not act.
    ///
    /// # Errors
    /// The adapter does not fit the model: it names the module, and which base to use. The model is then unchanged.
    pub fn attach(&self, model: &mut Llama) -> Result<()> {
        self.check_fits(model)?;
        let mut states = Vec::with_capacity(self.modules.len());
        for (path, pair) in &self.modules {
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
        detach(model)?;
        set(model, states)
    }

    /// Adds the adapter to the weights of a model, for good: `W + scale·B·A`, with DoRA's lengths of rows, or `W` scaled;
    /// computed in f32 (f64 if `W` is f64).
    ///
    /// Adapters that are attached to the model are taken off first.
    ///
    /// # Errors
    /// The adapter does not fit the model; a merged weight is not finite in the model's dtype.
    pub fn merge(&self, model: &mut Llama) -> Result<()> {
        self.check_fits(model)?;
        detach(model)?;
        for path in self.paths() {
            let base = match frozen_weight(model, path)? {
                FrozenWeight::Plain(base) => base,
                quantized => {
                    let bits = quantized.quantization().bits();
                    return Err(Error::new(format!("the module is in {bits}, so an adapter cannot be merged into it"))
                        .at(path.as_str())
                        .hint("load the model without quantization to merge"));
                }
            };
            let merged = self.changed(path, &base).at(path.as_str())?;
            set(model, vec![(path, Projection::Frozen(FrozenWeight::Plain(merged)))])?;
        }
        Ok(())
    }

    /// Checks that every module of the adapter is one of the model, that its factors have the module's shape, and
    /// that the modules are those that its config names.
    ///
    /// # Errors
    /// Names each module that does not fit, and which base the adapter belongs on.
    pub fn check_fits(&self, model: &Llama) -> Result<()> {
        let mut errors = self.misfits(&model.config)?;
        for (path, copy) in &self.copies {
            let same = match path.as_str() {
                "model.embed_tokens" => is_copy(copy, model.embedding.value())?,
                path => match model.projection(path) {
                    // 4 or 8 bits are no exact copy of anything, so the shape has to do.
                    Some(projection)
                        if matches!(projection.frozen(), Some(FrozenWeight::Nf4(_) | FrozenWeight::Int8(_))) =>
                    {
                        copy.dims2()? == projection.dims2()?
                    }
                    Some(projection) => is_copy(copy, &projection.weight()?)?,
                    None => true,
                },
            };
            if !same {
                let error =
                    Error::new("the adapter's file holds a weight for the whole module, and it is not the base's");
                errors.push(error.at(path.as_str()));
            }
        }
        self.refuse(errors)
    }

    /// [`Adapter::check_fits`] by the shape of a base alone, whose weights are not in memory.
    ///
    /// # Errors
    /// As [`Adapter::check_fits`].
    pub fn check_shapes(&self, config: &Config) -> Result<()> {
        self.refuse(self.misfits(config)?)
    }

    /// What does not fit a base of that shape, module by module.
    pub(super) fn misfits(&self, config: &Config) -> Result<Vec<Error>> {
        let mut errors = Vec::new();
        let shapes: BTreeMap<String, [usize; 2]> = config.module_shapes().into_iter().collect();
        for path in self.paths() {
            let Some([rows, columns]) = shapes.get(path) else {
                errors
                    .push(Error::new("the adapter has factors for a module that the model has not").at(path.as_str()));
                continue;
            };
            if let Some((shared, pair)) = self.vera_of(path) {
                errors.extend(shared.misfit(pair, [*rows, *columns])?.map(|error| error.at(path.as_str())));
                continue;
            }
            let (what, got, expected) = match (self.modules.get(path), self.beside.scales.get(path)) {
                (Some(pair), _) => ("update", vec![pair.b.dim(0)?, pair.a.dim(1)?], vec![*rows, *columns]),
                (None, Some(scales)) => {
                    let inputs = self.config.side_of(path)? == Side::Inputs;
                    ("factors", scales.dims().to_vec(), vec![if inputs { *columns } else { *rows }])
                }
                (None, None) => continue,
            };
            if got != expected {
                let error = Error::new(format!("the shape of the {what}")).got(format!("{got:?}"));
                errors.push(error.expected(format!("{expected:?}, as the model's weight")).at(path.as_str()));
            }
        }
        let paths: Vec<String> = config.module_shapes().into_iter().map(|(path, _)| path).collect();
        let chosen = self.config.rules.select(&paths)?;
        let held: BTreeSet<&str> = self.paths().map(String::as_str).collect();
        for path in chosen.iter().filter(|path| !held.contains(**path)) {
            errors.push(Error::new("the adapter's config names the module, but there are no factors for it").at(*path));
        }
        for path in held.into_iter().filter(|path| shapes.contains_key(*path) && !chosen.contains(path)) {
            errors.push(
                Error::new("there are factors for the module, but the adapter's config does not name it").at(path),
            );
        }
        Ok(errors)
    }

    /// What VeRA has for a module.
    fn vera_of(&self, path: &str) -> Option<(&Shared, &VeraPair)> {
        let shared = self.beside.vera.as_ref()?;
        Some((shared, shared.modules.get(path)?))
    }

    /// The first of what does not fit, and how much more there is.
    fn refuse(&self, errors: Vec<Error>) -> Result<()> {
        match (errors.len(), errors.into_iter().next()) {
            (_, None) => Ok(()),
            (1, Some(first)) => Err(first.hint(self.base_hint())),
            (count, Some(first)) => {
                Err(first.hint(format!("{} modules more do not fit; {}", count - 1, self.base_hint())))
            }
        }
    }

    /// The weight of one module, or of the embedding, with the adapter in it; as [`Adapter::merge`], for a model whose
    /// weights are not in memory together.
    ///
    /// # Errors
    /// The merged weight is not finite; the adapter's file holds another weight for the module than the base.
    pub fn merged(&self, path: &str, base: Tensor) -> Result<Tensor> {
        if let Some(copy) = self.copies.get(path)
            && !is_copy(copy, &base)?
        {
            return Err(Error::new("the adapter's file holds a weight for the whole module, and it is not the base's")
                .at(path)
                .hint(self.base_hint()));
        }
        self.changed(path, &base).at(path)
    }

    /// The weight of one module with the adapter in it.
    fn changed(&self, path: &str, base: &Tensor) -> Result<Tensor> {
        let wide = if base.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let moved = |tensor: &Tensor| -> Result<Tensor> { Ok(tensor.to_device(base.device())?.to_dtype(wide)?) };
        let merged = if let Some(pair) = self.modules.get(path) {
            let (a, b, scale) = (moved(&pair.a)?, moved(&pair.b)?, self.config.scale_of(path)?);
            let updated = (base.to_dtype(wide)? + (matmul(&b, &a)? * scale)?)?;
            match self.beside.magnitudes.get(path) {
                Some(magnitude) => {
                    let norms = updated.sqr()?.sum(1)?.maximum(f64::from(f32::MIN_POSITIVE))?.sqrt()?;
                    updated.broadcast_mul(&(moved(magnitude)? / norms)?.unsqueeze(1)?)?
                }
                None => updated,
            }
        } else if let Some(scales) = self.beside.scales.get(path) {
            let across = if self.config.side_of(path)? == Side::Outputs { 1 } else { 0 };
            base.to_dtype(wide)?.broadcast_mul(&moved(scales)?.unsqueeze(across)?)?
        } else if let Some((shared, pair)) = self.vera_of(path) {
            let base = base.to_dtype(wide)?;
            (&base + shared.update(pair, &base)?)?
        } else {
            return Ok(base.clone());
        };
        let merged = merged.to_dtype(base.dtype())?;
        if !all_finite(&merged)? {
            return Err(Error::new("the merged weight is not finite")
                .hint("the adapter's training diverged, or f16 is too narrow for it: use bf16 or f32"));
        }
        Ok(merged)
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
            Some(Projection::Lora(_) | Projection::Scaled(_) | Projection::Vera(_)) => frozen_weight(model, &path)?,
            _ => continue,
        };
        if let Some(projection) = model.projection_mut(&path) {
            *projection = Projection::Frozen(base);
        }
    }
    Ok(())
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
            | Projection::Vera(Vera { base, .. }),
        ) => Ok(base.clone()),
        Some(Projection::Together(_)) => Err(Error::new("the module has several adapters at once").at(path)),
        Some(Projection::Trained(_)) => Err(Error::new("the module is trained whole, so it takes no adapter")
            .at(path)
            .hint("freeze the model first, or use an adapter and no full training")),
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

/// Whether a tensor is the weight, but for the rounding of either to a narrower dtype.
pub(super) fn is_copy(copy: &Tensor, weight: &Tensor) -> Result<bool> {
    if copy.dims() != weight.dims() {
        return Ok(false);
    }
    let (copy, weight) = (copy.to_device(weight.device())?.to_dtype(DType::F32)?, weight.to_dtype(DType::F32)?);
    let largest = |tensor: Tensor| -> Result<f32> { Ok(tensor.abs()?.max_all()?.to_scalar()?) };
    Ok(largest((&copy - &weight)?)? <= ROUNDING * largest(weight)?)
}
