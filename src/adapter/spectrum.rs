//! What an adapter does to each module, measured without ever forming the update: norms, effective ranks, and how much
//! of two adapters is the same.
//!
//! The update `s·B·A` is `[out, in]`; all that is asked of it follows from small matrices, of which both sides are the
//! rank: with `B = Q₁·R₁` and `Aᵀ = Q₂·R₂` its singular values are those of `R₁·R₂ᵀ`, and the product of two updates,
//! entry by entry, is the trace of `(A₂·A₁ᵀ)·(B₁ᵀ·B₂)`.

use candle_core::{DType, Tensor};

use super::decompose::{basis, columns, core, singular};
use super::{Adapter, LoraPair};
use crate::error::{Error, Result};

/// What an adapter does to one module.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The module's path.
    pub path: String,
    /// Rank of the factors.
    pub rank: usize,
    /// The update's Frobenius norm, with its scale.
    pub norm: f64,
    /// The exponential of the entropy of its singular values: from 1 to the rank; 0 for no update at all.
    pub effective_rank: f64,
}

impl Adapter {
    /// What it does to each module, in the order of their paths.
    ///
    /// # Errors
    /// A key of the config's patterns is no regular expression.
    ///
    /// # Source
    /// Effective rank: Roy and Vetterli 2007, "The effective rank".
    pub fn effects(&self) -> Result<Vec<Effect>> {
        let each = self.modules.iter().map(|(path, pair)| {
            let scale = self.config.scale_of(path)?;
            let values = singular_values(pair)?;
            let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt() * scale.abs();
            let effective_rank = effective_rank(&values);
            Ok(Effect { path: path.clone(), rank: pair.a.dim(0)?, norm, effective_rank })
        });
        each.collect()
    }

    /// The cosine between the updates of two adapters of one module, all entries of each taken as one vector: 1 where
    /// they do the same, 0 where nothing of one is in the other. `None` if either has no update there.
    ///
    /// # Errors
    /// The shapes of the updates differ.
    pub fn cosine(&self, other: &Self, path: &str) -> Result<Option<f64>> {
        let (Some(one), Some(two)) = (self.modules.get(path), other.modules.get(path)) else { return Ok(None) };
        let product = inner(one, two)?;
        let norms = inner(one, one)?.max(0.0).sqrt() * inner(two, two)?.max(0.0).sqrt();
        let sign = (self.config.scale_of(path)? * other.config.scale_of(path)?).signum();
        Ok((norms > 0.0).then(|| (sign * product / norms).clamp(-1.0, 1.0)))
    }
}

/// The sum over all entries of the product of two updates, without their scales.
pub(super) fn inner(one: &LoraPair, two: &LoraPair) -> Result<f64> {
    let shape = |pair: &LoraPair| -> Result<_> { Ok((pair.b.dim(0)?, pair.a.dim(1)?)) };
    if shape(one)? != shape(two)? {
        return Err(Error::new("the shape of the update")
            .got(format!("{:?}", shape(two)?))
            .expected(format!("{:?}, as the other adapter's", shape(one)?))
            .hint("the adapters are for different bases"));
    }
    let inputs = wide(&two.a)?.matmul(&wide(&one.a)?.t()?)?;
    let outputs = wide(&one.b)?.t()?.matmul(&wide(&two.b)?)?;
    Ok((inputs.t()? * outputs)?.sum_all()?.to_scalar()?)
}

fn wide(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_dtype(DType::F64)?.to_device(&candle_core::Device::Cpu)?)
}

/// The singular values of `B·A`, the largest first; as many as the rank.
fn singular_values(pair: &LoraPair) -> Result<Vec<f64>> {
    let (outputs, inputs) = (basis(columns(&pair.b)?), basis(columns(&pair.a.t()?)?));
    Ok(singular(core(&outputs.r, &inputs.r)).s)
}

/// The exponential of the entropy of values taken as shares of their sum.
fn effective_rank(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    if sum <= 0.0 {
        return 0.0;
    }
    let shares = values.iter().map(|value| value / sum).filter(|share| *share > 0.0);
    shares.map(|share| -share * share.ln()).sum::<f64>().exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn norm_and_rank_are_those_of_the_whole_update() {
        let factor = |rows, columns| Tensor::randn(0f32, 1f32, (rows, columns), &Device::Cpu).unwrap();
        let pair = LoraPair { a: factor(6, 20), b: factor(15, 6) };
        let whole = wide(&pair.b).unwrap().matmul(&wide(&pair.a).unwrap()).unwrap();
        let square = whole.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let values = singular_values(&pair).unwrap();
        assert!((values.iter().map(|v| v * v).sum::<f64>() / square - 1.0).abs() < 1e-9);
        assert!((inner(&pair, &pair).unwrap() / square - 1.0).abs() < 1e-9);
        assert!((effective_rank(&[2.0, 2.0, 2.0]) - 3.0).abs() < 1e-12);
        assert!((effective_rank(&[5.0, 0.0]) - 1.0).abs() < 1e-12);
    }
}
