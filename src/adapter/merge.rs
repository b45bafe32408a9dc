//! An adapter into the weights of a model in memory, for good.

use candle_core::{DType, Tensor};

use super::attach::{base_weight, detach, frozen_weight, set, set_weight};
use super::fits::is_copy;
use super::targets::{EMBEDDING, HEAD};
use super::{Adapter, all_finite};
use crate::error::{Error, Place, Result};
use crate::kernels::matmul::matmul;
use crate::model::{Config, Factor, FrozenWeight, Llama, Projection, Rows, Side, Weight};

impl Adapter {
    /// Adds the adapter to the weights of a model, for good: `W + scale·B·A`, with DoRA's lengths of rows, or `W` scaled;
    /// computed in f32 (f64 if `W` is f64). Whole modules and rows take the place of the model's.
    ///
    /// Adapters that are attached to the model are taken off first.
    ///
    /// # Errors
    /// The adapter does not fit the model; a merged weight is not finite in the model's dtype.
    pub fn merge(&self, model: &mut Llama) -> Result<()> {
        self.check_fits(model)?;
        self.check_merges(&model.config)?;
        detach(model)?;
        for path in self.paths().filter(|path| *path != HEAD || model.head.is_some()).collect::<Vec<_>>() {
            if model.weight(path).is_some() {
                let merged = self.changed(path, &base_weight(model, path)?).at(path.as_str())?;
                set_weight(model, path, Weight::Frozen(merged))?;
                continue;
            }
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

    /// Refuses what no merged model of that shape can be.
    ///
    /// # Errors
    /// The embedding has a low-rank update which the head, that is the same weight, has not.
    pub fn check_merges(&self, config: &Config) -> Result<()> {
        if !config.tie_word_embeddings || !self.modules.contains_key(EMBEDDING) {
            return Ok(());
        }
        Err(Error::new("the update is of the embedding alone, and the head of this model is its embedding")
            .at(EMBEDDING)
            .hint(
                "keep the adapter beside its base, or train it on a model that is untied (tie_word_embeddings: false)",
            ))
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
        let merged = if let Some(whole) = self.beside.whole.get(path) {
            moved(whole)?
        } else if let Some(rows) = self.beside.rows.get(path) {
            Rows::new(&rows.ids, Factor::Frozen(moved(&rows.values)?))?.whole(&base.to_dtype(wide)?)?
        } else if let Some(pair) = self.modules.get(path) {
            let pair = pair.clone().upright(path)?;
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
        } else if let Some((shared, pair)) = self.beside.vera_of(path) {
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
