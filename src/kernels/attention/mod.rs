//! Attention over concatenated documents: causal inside each segment, blind to the others.
//!
//! Forward keeps only the log-sum-exp of each query; backward rebuilds the probabilities from it.
//! Several query heads may share one key-value head (GQA): query head `h` reads key-value head
//! `h / (query / key_value)`.

mod backward;
mod cpu;
mod decode;
mod forward;
pub(super) mod reference;
mod segments;
#[cfg(test)]
mod tests;
mod tile;

use candle_core::{DType, Tensor};

pub use decode::{cache_write, decode};
pub use segments::Segments;

use super::cuda;
use super::slices::{expect_shape, on_cpu_f32};
use crate::error::{Error, Result};

/// How many heads there are, and their dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key-value heads; divides `query`.
    pub key_value: usize,
    /// Features of one head.
    pub dimension: usize,
}

impl Heads {
    /// Query heads that share one key-value head.
    pub fn group(&self) -> usize {
        self.query / self.key_value.max(1)
    }

    /// Features of all query heads.
    pub fn query_width(&self) -> usize {
        self.query * self.dimension
    }

    /// Features of all key (or value) heads.
    pub fn key_value_width(&self) -> usize {
        self.key_value * self.dimension
    }

    /// What scores are multiplied by: `1 / √dimension`.
    pub fn scale(&self) -> f64 {
        1.0 / (self.dimension as f64).sqrt()
    }

    fn check(&self) -> Result<()> {
        if self.dimension == 0 || self.key_value == 0 || !self.query.is_multiple_of(self.key_value) {
            return Err(Error::new("attention heads")
                .got(format!("{} query, {} key-value, dimension {}", self.query, self.key_value, self.dimension))
                .expected("query heads a multiple of key-value heads, none of them 0"));
        }
        Ok(())
    }
}

/// Whether a CUDA device computes attention of such heads tile by tile, without the scores of a whole document.
pub fn is_tiled_on_cuda(dtype: DType, dimension: usize) -> bool {
    cuda::attention::fits(dtype, dimension)
}

/// Causal attention inside each segment; returns the output and each query's log-sum-exp.
///
/// # Shapes  `q: [tokens, query·dim]`, `k`, `v: [tokens, key_value·dim]` → `[tokens, query·dim]`, `[query, tokens]`
/// # Units   scores are multiplied by `1 / √dim`; the log-sum-exp is in nats, f32 (f64 for f64)
/// # Source  Dao et al. 2022, arXiv:2205.14135, for the saved log-sum-exp
pub fn forward(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads, segments: &Segments) -> Result<(Tensor, Tensor)> {
    check(q, k, v, heads, segments)?;
    if on_cpu_f32(&[q, k, v]) {
        return cpu::forward(q, k, v, heads, segments);
    }
    if let Some(engine) = cuda::attention::engine(&[q, k, v], heads) {
        return cuda::attention::forward(&engine, [q, k, v], heads, segments);
    }
    reference::forward(q, k, v, heads, segments)
}

/// Causal attention of the last tokens of one document, whose keys and values are all given: query `i` of `n` sees the
/// keys up to `tokens - n + i`.
///
/// # Shapes  `q: [n, query·dim]`, `k`, `v: [tokens, key_value·dim]`, `n ≤ tokens` → `[n, query·dim]`
/// # Units   as [`forward()`]
pub fn forward_after(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    heads.check()?;
    let (queries, tokens) = (q.dim(0)?, k.dim(0)?);
    if queries > tokens {
        return Err(Error::new("the queries of a document")
            .got(queries)
            .expected(format!("at most its {tokens} keys")));
    }
    expect_shape("attention queries", q, &[queries, heads.query_width()])?;
    expect_shape("attention keys", k, &[tokens, heads.key_value_width()])?;
    expect_shape("attention values", v, &[tokens, heads.key_value_width()])?;
    if on_cpu_f32(&[q, k, v]) {
        return cpu::forward_after(q, k, v, heads);
    }
    if let Some(engine) = cuda::attention::engine(&[q, k, v], heads) {
        return cuda::attention::forward_after(&engine, [q, k, v], heads);
    }
    reference::forward_after(q, k, v, heads)
}

/// Gradients of [`forward()`] by `q`, `k` and `v`.
///
/// # Shapes  `d_out`, `out: [tokens, query·dim]`, `lse: [query, tokens]` → as `q`, `k`, `v`
#[allow(clippy::too_many_arguments)]
pub fn backward(
    d_out: &Tensor,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    out: &Tensor,
    lse: &Tensor,
    heads: Heads,
    segments: &Segments,
) -> Result<(Tensor, Tensor, Tensor)> {
    check(q, k, v, heads, segments)?;
    expect_shape("attention output", out, q.dims())?;
    expect_shape("attention output gradient", d_out, q.dims())?;
    expect_shape("attention log-sum-exp", lse, &[heads.query, segments.tokens()])?;
    if on_cpu_f32(&[d_out, q, k, v, out, lse]) {
        return cpu::backward(d_out, q, k, v, out, lse, heads, segments);
    }
    if let Some(engine) = cuda::attention::engine(&[d_out, q, k, v, out], heads) {
        let saved = cuda::attention::Saved { q, k, v, out, lse };
        return cuda::attention::backward(&engine, d_out, &saved, heads, segments);
    }
    reference::backward(d_out, q, k, v, out, lse, heads, segments)
}

fn check(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads, segments: &Segments) -> Result<()> {
    heads.check()?;
    let tokens = segments.tokens();
    expect_shape("attention queries", q, &[tokens, heads.query_width()])?;
    expect_shape("attention keys", k, &[tokens, heads.key_value_width()])?;
    expect_shape("attention values", v, &[tokens, heads.key_value_width()])
}
