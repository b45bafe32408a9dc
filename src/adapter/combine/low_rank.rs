//! The nearest update of a rank.

use candle_core::{DType, Device, Tensor};

use crate::adapter::LoraPair;
use crate::adapter::decompose::{Singular, basis, columns, core, matrix, singular};
use crate::error::Result;
use crate::kernels::matmul::matmul;
use crate::random::Stream;

/// Matrices with a side of no more than this are taken apart whole.
const SMALL: usize = 256;

/// Directions that are followed beside those that are wanted.
const BESIDE: usize = 16;

/// Rounds of the search for directions, at most.
const ROUNDS: usize = 24;

/// Rows whose squares are added at a time.
const ROWS: usize = 256;

/// The search ends when a round finds no more than this share of the norm in addition.
const ENOUGH: f64 = 1e-6;

/// An update in factors.
pub(super) struct Low {
    /// Its factors; the scale is in them.
    pub pair: LoraPair,
    /// The share of the squared norm that it holds of what it was made from.
    pub kept: f64,
}

/// The nearest update of a rank to `B·A`, which is never formed.
///
/// # Shapes  `b: [out, r]`, `a: [r, in]` → `[out, rank]` and `[rank, in]`
/// # Source  the truncated singular values of `R₁·R₂ᵀ`, where `B = Q₁·R₁` and `Aᵀ = Q₂·R₂`; Eckart and Young 1936
pub(super) fn of_factors(b: &Tensor, a: &Tensor, rank: usize) -> Result<Low> {
    let (outputs, inputs) = (basis(columns(b)?), basis(columns(&a.t()?)?));
    let small = singular(core(&outputs.r, &inputs.r));
    let (rows, count) = (b.dim(0)?, outputs.q.len());
    let (q1, q2) = (matrix(&outputs.q, rows)?, matrix(&inputs.q, a.dim(1)?)?);
    let (b, a) = split(&small, rank, [count, count])?;
    let pair = LoraPair { b: narrow(&matmul(&q1, &b)?)?, a: narrow(&matmul(&a, &q2.t()?)?)? };
    let norm = small.s.iter().map(|value| value * value).sum();
    Ok(Low { pair, kept: share(&small.s, rank, norm) })
}

/// The nearest update of a rank to a whole one.
///
/// Where both sides are long, the directions of the largest singular values are searched for by subspace iteration, until
/// a round finds next to nothing more.
///
/// # Shapes  `update: [out, in]`, f32 → `[out, rank]` and `[rank, in]`
/// # Source  Halko, Martinsson and Tropp 2011, arXiv:0909.4061, algorithm 4.4
pub(super) fn of_matrix(update: &Tensor, rank: usize, stream: Stream) -> Result<Low> {
    let (rows, inputs) = update.dims2()?;
    let small = rows.min(inputs);
    let rank = rank.min(small);
    if small <= SMALL || 2 * followed(rank) >= small { whole(update, rank) } else { searched(update, rank, stream) }
}

/// How many directions are followed for a rank.
fn followed(rank: usize) -> usize {
    rank + BESIDE.max(rank / 2)
}

/// [`of_matrix`] by subspace iteration.
pub(super) fn searched(update: &Tensor, rank: usize, stream: Stream) -> Result<Low> {
    let (inputs, followed) = (update.dim(1)?, followed(rank));
    let norm = squares(update)?;
    let start: Vec<f32> = (0..(inputs * followed) as u64).map(|i| stream.unit_at(i) as f32 - 0.5).collect();
    let mut directions = Tensor::from_vec(start, (inputs, followed), &Device::Cpu)?;
    let mut image = matmul(update, &directions)?;
    let mut found = 0.0;
    for _ in 0..ROUNDS {
        let q = orthonormal(&image)?;
        directions = orthonormal(&matmul(&update.t()?, &q)?)?;
        image = matmul(update, &directions)?;
        let now = squares(&image)?;
        if now - found <= ENOUGH * norm {
            break;
        }
        found = now;
    }
    let low = of_factors(&image, &directions.t()?.contiguous()?, rank)?;
    // What the directions hold of the whole, times what the rank holds of that.
    let held = if norm > 0.0 { squares(&image)? / norm } else { 1.0 };
    Ok(Low { kept: (low.kept * held).min(1.0), ..low })
}

/// [`of_matrix`] by all singular values.
pub(super) fn whole(update: &Tensor, rank: usize) -> Result<Low> {
    let (rows, inputs) = update.dims2()?;
    let upright = rows >= inputs;
    let turned = if upright { update.clone() } else { update.t()? };
    let parts = singular(columns(&turned)?);
    let (b, a) = split(&parts, rank, [rows.max(inputs), rows.min(inputs)])?;
    let norm = parts.s.iter().map(|value| value * value).sum();
    let kept = share(&parts.s, rank, norm);
    let (b, a) = if upright { (b, a) } else { (a.t()?, b.t()?) };
    Ok(Low { pair: LoraPair { a: narrow(&a)?, b: narrow(&b)? }, kept })
}

/// `U·√S` and `√S·Vᵀ` of the largest singular values; `lengths` are those of the columns of U and of V.
fn split(parts: &Singular, rank: usize, lengths: [usize; 2]) -> Result<(Tensor, Tensor)> {
    let scaled = |columns: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let each = columns.iter().zip(&parts.s).take(rank);
        each.map(|(column, value)| column.iter().map(|entry| entry * value.sqrt()).collect()).collect()
    };
    Ok((matrix(&scaled(&parts.u), lengths[0])?, matrix(&scaled(&parts.v), lengths[1])?.t()?))
}

/// The share of the squared norm that the largest singular values hold.
fn share(values: &[f64], rank: usize, norm: f64) -> f64 {
    let held: f64 = values.iter().take(rank).map(|value| value * value).sum();
    if norm > 0.0 { (held / norm).min(1.0) } else { 1.0 }
}

/// An orthonormal basis of the columns, f32.
fn orthonormal(tensor: &Tensor) -> Result<Tensor> {
    narrow(&matrix(&basis(columns(tensor)?).q, tensor.dim(0)?)?)
}

/// The squared norm.
fn squares(tensor: &Tensor) -> Result<f64> {
    // Some rows at a time: in f64 a whole update would take twice its memory again.
    let rows = tensor.dim(0)?;
    (0..rows).step_by(ROWS).try_fold(0.0, |sum, from| {
        let part = tensor.narrow(0, from, ROWS.min(rows - from))?.to_dtype(DType::F64)?;
        Ok(sum + part.sqr()?.sum_all()?.to_scalar::<f64>()?)
    })
}

fn narrow(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_dtype(DType::F32)?.contiguous()?)
}
