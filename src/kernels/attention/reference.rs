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

/// Zero where a query may look, minus infinity at later keys: `[queries, keys]`, the queries being the last tokens.
fn causal_mask(queries: usize, keys: usize, like: &Tensor) -> Result<Tensor> {
    let positions = Tensor::arange(0, keys as u32, like.device())?;
    let asking = positions.narrow(0, keys - queries, queries)?;
    let later = positions.unsqueeze(0)?.broadcast_gt(&asking.unsqueeze(1)?)?;
    let zeros = Tensor::zeros((queries, keys), like.dtype(), like.device())?;
    Ok(later.where_cond(
        &Tensor::full(f32::NEG_INFINITY, (queries, keys), like.device())?.to_dtype(like.dtype())?,
        &zeros,
    )?)
}

/// Scaled and masked scores of one segment, `[query, queries, keys]`, in the wide dtype.
fn scores(q: &Tensor, k: &Tensor, heads: Heads) -> Result<Tensor> {
    let (queries, keys) = (q.dim(1)? / heads.group(), k.dim(1)?);
    let products = matmul(q, &k.t()?)?.to_dtype(compute_dtype(q.dtype()))?;
    let scaled = (products.reshape((heads.query, queries, keys))? * heads.scale())?;
    Ok(scaled.broadcast_add(&causal_mask(queries, keys, &scaled)?)?)
}

pub(in crate::kernels) fn forward(
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
        let (out, lse) = mix(&qs, &ks, &vs, heads)?;
        outs.push(join(&out, tokens, heads, group)?);
        lses.push(lse);
    }
    if outs.is_empty() {
        return Ok((q.clone(), Tensor::zeros((heads.query, 0), compute_dtype(q.dtype()), q.device())?));
    }
    Ok((Tensor::cat(&outs, 0)?, Tensor::cat(&lses, 1)?))
}

pub(in crate::kernels) fn forward_after(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    let (queries, tokens) = (q.dim(0)?, k.dim(0)?);
    let [k, v] = [k, v].map(|x| split(x, &(0..tokens), heads, 1));
    let (out, _) = mix(&split(q, &(0..queries), heads, heads.group())?, &k?, &v?, heads)?;
    join(&out, queries, heads, heads.group())
}

/// The values of one segment mixed for its queries, `[key_value, group·queries, dim]`, and their log-sum-exp.
fn mix(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<(Tensor, Tensor)> {
    let scores = scores(q, k, heads)?;
    let largest = scores.max_keepdim(D::Minus1)?;
    let exponentials = scores.broadcast_sub(&largest)?.exp()?;
    let sum = exponentials.sum_keepdim(D::Minus1)?;
    let probabilities = exponentials.broadcast_div(&sum)?.to_dtype(q.dtype())?;
    let grouped = (heads.key_value, q.dim(1)?, k.dim(1)?);
    Ok((matmul(&probabilities.reshape(grouped)?, v)?, (sum.log()? + largest)?.squeeze(2)?))
}

#[allow(clippy::too_many_arguments)]
pub(in crate::kernels) fn backward(
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
        let p = scores(&qs, &ks, heads)?.broadcast_sub(&lses)?.exp()?.reshape(grouped)?;
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
