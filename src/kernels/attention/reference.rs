//! Attention in plain candle operations, segment by segment.

use std::ops::Range;

use candle_core::{D, Tensor};

use super::{Heads, Segments};
use crate::error::Result;
use crate::kernels::matmul::matmul;
use crate::kernels::slices::compute_dtype;

/// Rows of one segment, `[tokens, key_value·each·dim]` → `[key_value, each·tokens, dim]`.
fn split(x: &Tensor, range: &Range<usize>, heads: Heads, each: usize) -> Result<Tensor> {
    let tokens = range.len();
    let rows = x.narrow(0, range.start, tokens)?.reshape((tokens, heads.key_value, each, heads.dimension))?;
    let by_head = rows.permute((1, 2, 0, 3))?.contiguous()?;
    Ok(by_head.reshape((heads.key_value, each * tokens, heads.dimension))?)
}

/// The inverse of [`split`].
fn join(x: &Tensor, tokens: usize, heads: Heads, each: usize) -> Result<Tensor> {
    let by_head = x.reshape((heads.key_value, each, tokens, heads.dimension))?;
    let rows = by_head.permute((2, 0, 1, 3))?.contiguous()?;
    Ok(rows.reshape((tokens, heads.key_value * each * heads.dimension))?)
}

/// Zero where a query may look, minus infinity at later keys: `[tokens, tokens]`.
fn causal_mask(tokens: usize, like: &Tensor) -> Result<Tensor> {
    let positions = Tensor::arange(0, tokens as u32, like.device())?;
    let later = positions.unsqueeze(0)?.broadcast_gt(&positions.unsqueeze(1)?)?;
    let zeros = Tensor::zeros((tokens, tokens), like.dtype(), like.device())?;
    Ok(later.where_cond(
        &Tensor::full(f32::NEG_INFINITY, (tokens, tokens), like.device())?.to_dtype(like.dtype())?,
        &zeros,
    )?)
}

/// Scaled and masked scores of one segment, `[query, tokens, tokens]`, in the wide dtype.
fn scores(q: &Tensor, k: &Tensor, tokens: usize, heads: Heads) -> Result<Tensor> {
    let products = matmul(q, &k.t()?)?.to_dtype(compute_dtype(q.dtype()))?;
    let scaled = (products.reshape((heads.query, tokens, tokens))? * heads.scale())?;
    Ok(scaled.broadcast_add(&causal_mask(tokens, &scaled)?)?)
}

pub(super) fn forward(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: Heads,
    segments: &Segments,
) -> Result<(Tensor, Tensor)> {
    let group = heads.group();
    let (mut outs, mut lses) = (Vec::new(), Vec::new());
    for range in segments.iter() {
        let tokens = range.len();
        let (qs, ks, vs) = (split(q, &range, heads, group)?, split(k, &range, heads, 1)?, split(v, &range, heads, 1)?);
        let scores = scores(&qs, &ks, tokens, heads)?;
        let largest = scores.max_keepdim(D::Minus1)?;
        let exponentials = scores.broadcast_sub(&largest)?.exp()?;
        let sum = exponentials.sum_keepdim(D::Minus1)?;
        let probabilities = exponentials.broadcast_div(&sum)?.to_dtype(q.dtype())?;
        let out = matmul(&probabilities.reshape((heads.key_value, group * tokens, tokens))?, &vs)?;
        outs.push(join(&out, tokens, heads, group)?);
        lses.push((sum.log()? + largest)?.squeeze(2)?);
    }
    if outs.is_empty() {
        return Ok((q.clone(), Tensor::zeros((heads.query, 0), compute_dtype(q.dtype()), q.device())?));
    }
    Ok((Tensor::cat(&outs, 0)?, Tensor::cat(&lses, 1)?))
}

#[allow(clippy::too_many_arguments)]
pub(super) fn backward(
    d_out: &Tensor,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    out: &Tensor,
    lse: &Tensor,
    heads: Heads,
    segments: &Segments,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (group, wide) = (heads.group(), compute_dtype(q.dtype()));
    let (mut dqs, mut dks, mut dvs) = (Vec::new(), Vec::new(), Vec::new());
    for range in segments.iter() {
        let tokens = range.len();
        let (qs, ks, vs) = (split(q, &range, heads, group)?, split(k, &range, heads, 1)?, split(v, &range, heads, 1)?);
        let (d_outs, outs) = (split(d_out, &range, heads, group)?, split(out, &range, heads, group)?);
        let lses = lse.narrow(1, range.start, tokens)?.unsqueeze(2)?;
        let grouped = (heads.key_value, group * tokens, tokens);
        let p = scores(&qs, &ks, tokens, heads)?.broadcast_sub(&lses)?.exp()?.reshape(grouped)?;
        let p_narrow = p.to_dtype(q.dtype())?;
        let dv = matmul(&p_narrow.t()?, &d_outs)?;
        let dp = matmul(&d_outs, &vs.t()?)?.to_dtype(wide)?;
        // Σ over keys of p·dp equals out·d_out, one number for each query.
        let mean = (d_outs.to_dtype(wide)? * outs.to_dtype(wide)?)?.sum_keepdim(D::Minus1)?;
        let ds = ((p * dp.broadcast_sub(&mean)?)? * heads.scale())?.to_dtype(q.dtype())?;
        dqs.push(join(&matmul(&ds, &ks)?, tokens, heads, group)?);
        // The rows of `ds` are all queries of the group, so that this product sums over the group.
        dks.push(join(&matmul(&ds.t()?, &qs)?, tokens, heads, 1)?);
        dvs.push(join(&dv, tokens, heads, 1)?);
    }
    if dqs.is_empty() {
        return Ok((q.clone(), k.clone(), v.clone()));
    }
    Ok((Tensor::cat(&dqs, 0)?, Tensor::cat(&dks, 0)?, Tensor::cat(&dvs, 0)?))
}
