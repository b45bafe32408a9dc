//! Sums of updates that stay in factors: what is `[out, in]` is never formed.
//!
//! `c₁·B₁·A₁ + c₂·B₂·A₂` is `[c₁·B₁ | c₂·B₂]` times `A₁` above `A₂`, exactly; the rank is the sum of the ranks, and a
//! smaller one is found from the factors.

use candle_core::{DType, Device, Tensor};

use super::low_rank::{self, Low};
use super::settings::{Method, Settings};
use super::{Part, Update};
use crate::adapter::LoraPair;
use crate::adapter::spectrum::inner;
use crate::error::Result;

/// Cosines of angles this near to 0 or to a half turn: the arc is a straight line there, or there is none.
const STRAIGHT: f64 = 0.9995;

/// One module by `linear`, `cat`, `svd` or `slerp`.
///
/// # Source
/// Weighted sums: Ilharco et al. 2022, arXiv:2212.04089 (task arithmetic); the smaller rank: Eckart and Young 1936.
/// Slerp: Shoemake 1985, "Animating rotation with quaternion curves".
pub(super) fn combine(updates: &[Update], parts: &[Part<'_>], settings: &Settings) -> Result<Low> {
    let shares = match settings.method {
        Method::Slerp => arc(updates, parts)?,
        _ => updates.iter().map(|update| update.weight).collect(),
    };
    let stack = stack(updates, &shares)?;
    let rank = stack.a.dim(0)?;
    let wanted = settings.rank_for(updates.iter().map(|update| update.pair.a.dim(0).unwrap_or(0)));
    if wanted >= rank { Ok(Low { pair: stack, kept: 1.0 }) } else { low_rank::of_factors(&stack.b, &stack.a, wanted) }
}

/// The factors of a sum of updates, each times its share and its scale, in f32 on the CPU.
pub(in crate::adapter) fn stack(updates: &[Update], shares: &[f64]) -> Result<LoraPair> {
    let (mut first, mut second) = (Vec::with_capacity(updates.len()), Vec::with_capacity(updates.len()));
    for (update, share) in updates.iter().zip(shares) {
        let wide = |factor: &Tensor| -> Result<Tensor> { Ok(factor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?) };
        first.push(wide(&update.pair.a)?);
        second.push((wide(&update.pair.b)? * (share * update.scale))?);
    }
    Ok(LoraPair { a: Tensor::cat(&first, 0)?, b: Tensor::cat(&second, 1)? })
}

/// How much of each of two updates there is at their place on the arc between them.
///
/// The angle is that of the updates taken as vectors; where they point the same way or in opposite ones, or one is
/// missing, the place is on the straight line.
fn arc(updates: &[Update], parts: &[Part<'_>]) -> Result<Vec<f64>> {
    let sum: f64 = parts.iter().map(|part| part.weight).sum();
    let straight: Vec<f64> = updates.iter().map(|update| update.weight / sum).collect();
    let ([one, two], [left, right]) = (updates, straight.as_slice()) else { return Ok(straight) };
    let norms = (inner(&one.pair, &one.pair)? * inner(&two.pair, &two.pair)?).max(0.0).sqrt();
    let sign = (one.scale * two.scale).signum();
    let cosine = sign * inner(&one.pair, &two.pair)? / norms;
    // Not a number where an update is zero.
    if cosine.is_nan() || cosine.abs() > STRAIGHT {
        return Ok(straight);
    }
    let angle = cosine.acos();
    Ok(vec![(left * angle).sin() / angle.sin(), (right * angle).sin() / angle.sin()])
}
