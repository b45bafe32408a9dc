//! Whether an adapter is for a base: the same modules, the same shapes, and the same weights where its file has copies.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Tensor};

use super::Adapter;
use super::beside::{gives_way, target_shapes};
use super::targets::EMBEDDING;
use crate::error::{Error, Result};
use crate::model::{Config, FrozenWeight, Llama, Side};

/// Half a unit in the last place of bf16, twice over, relative to the largest value.
const ROUNDING: f32 = 1.0 / 256.0;

impl Adapter {
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
        let targets = target_shapes(self.config.kind, config);
        let paths: Vec<String> = targets.iter().map(|(path, _)| path.clone()).collect();
        let shapes: BTreeMap<String, [usize; 2]> = targets.into_iter().collect();
        for path in self.targets() {
            let Some([rows, columns]) = shapes.get(path) else {
                errors
                    .push(Error::new("the adapter has factors for a module that the model has not").at(path.as_str()));
                continue;
            };
            if let Some((shared, pair)) = self.beside.vera_of(path) {
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
        let mut chosen = self.config.rules.select(&paths)?;
        chosen.retain(|path| !gives_way(path, &self.config.modules_to_save));
        let held: BTreeSet<&str> = self.targets().map(String::as_str).collect();
        for path in chosen.iter().filter(|path| !held.contains(**path)) {
            errors.push(Error::new("the adapter's config names the module, but there are no factors for it").at(*path));
        }
        for path in held.into_iter().filter(|path| shapes.contains_key(*path) && !chosen.contains(path)) {
            errors.push(
                Error::new("there are factors for the module, but the adapter's config does not name it").at(path),
            );
        }
        errors.extend(self.config.misfits_beside(&self.beside, config)?);
        if config.tie_word_embeddings && self.config.ensure_weight_tying && self.modules.contains_key(EMBEDDING) {
            errors.push(
                Error::new("a low-rank update of the embedding that the head shares (ensure_weight_tying) is not done")
                    .at(EMBEDDING),
            );
        }
        Ok(errors)
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
