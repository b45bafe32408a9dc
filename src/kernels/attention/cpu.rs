//! Attention on the CPU in f32: tile by tile, with a running softmax; never an `S×S` matrix.
//!
//! A task is one query head of one document. It packs that document's keys and values once, walks
//! over tiles of `TILE` queries, and for each over the tiles of keys that they may see. Results are
//! written head by head, each task into a range of its own, and put in token order at the end.

use std::ops::Range;

use candle_core::Tensor;

use super::backward::BackwardTask;
use super::forward::ForwardTask;
use super::tile::HeadRows;
use super::{Heads, Segments};
use crate::error::Result;
use crate::kernels::{parallel, simd, slices};

pub(super) fn forward(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: Heads,
    segments: &Segments,
) -> Result<(Tensor, Tensor)> {
    let tokens = segments.tokens();
    let (mut by_head, mut lse) = (vec![0f32; tokens * heads.query_width()], vec![0f32; heads.query * tokens]);
    slices::read([q, k, v], |[q, k, v]| {
        let outs = split(&mut by_head, heads.query, segments, heads.dimension);
        let lses = split(&mut lse, heads.query, segments, 1);
        let tasks = places(heads, segments).zip(outs).zip(lses).map(|((place, out), lse)| ForwardTask {
            q: place.query(q),
            k: place.key_value(k),
            v: place.key_value(v),
            tokens: place.range.len(),
            past: 0,
            scale: heads.scale() as f32,
            out,
            lse,
        });
        parallel::each(tasks.collect(), simd::dispatch);
        Ok(())
    })?;
    let out = in_token_order(&by_head, heads.query, 1, heads.dimension, tokens);
    Ok((slices::tensor(out, q.dims())?, slices::tensor(lse, &[heads.query, tokens])?))
}

pub(super) fn forward_after(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads) -> Result<Tensor> {
    let (queries, tokens) = (q.dim(0)?, k.dim(0)?);
    let (mut by_head, mut lse) = (vec![0f32; queries * heads.query_width()], vec![0f32; heads.query * queries]);
    let segments = Segments::one(queries);
    slices::read([q, k, v], |[q, k, v]| {
        let outs = split(&mut by_head, heads.query, &segments, heads.dimension);
        let lses = split(&mut lse, heads.query, &segments, 1);
        let tasks = places(heads, &segments).zip(outs).zip(lses).map(|((place, out), lse)| ForwardTask {
            q: place.query(q),
            k: place.key_value(k),
            v: place.key_value(v),
            tokens,
            past: tokens - queries,
            scale: heads.scale() as f32,
            out,
            lse,
        });
        parallel::each(tasks.collect(), simd::dispatch);
        Ok(())
    })?;
    slices::tensor(in_token_order(&by_head, heads.query, 1, heads.dimension, queries), q.dims())
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
    let tokens = segments.tokens();
    // Each query head has key and value gradients of its own, summed over the group afterwards.
    let [mut dq, mut dk, mut dv] = [(); 3].map(|()| vec![0f32; tokens * heads.query_width()]);
    slices::read([d_out, q, k, v, out, lse], |[d_out, q, k, v, out, lse]| {
        let [dqs, dks, dvs] = [&mut dq, &mut dk, &mut dv].map(|d| split(d, heads.query, segments, heads.dimension));
        let gradients = dqs.into_iter().zip(dks).zip(dvs);
        let tasks = places(heads, segments).zip(gradients).map(|(place, ((dq, dk), dv))| BackwardTask {
            d_out: place.query(d_out),
            q: place.query(q),
            k: place.key_value(k),
            v: place.key_value(v),
            out: place.query(out),
            lse: lse.get(place.head * tokens + place.range.start..).unwrap_or_default(),
            tokens: place.range.len(),
            scale: heads.scale() as f32,
            dq,
            dk,
            dv,
        });
        parallel::each(tasks.collect(), simd::dispatch);
        Ok(())
    })?;
    let dq = in_token_order(&dq, heads.query, 1, heads.dimension, tokens);
    let [dk, dv] = [dk, dv].map(|d| in_token_order(&d, heads.key_value, heads.group(), heads.dimension, tokens));
    Ok((slices::tensor(dq, q.dims())?, slices::tensor(dk, k.dims())?, slices::tensor(dv, v.dims())?))
}

/// One query head of one document.
struct Place {
    head: usize,
    heads: Heads,
    range: Range<usize>,
}

impl Place {
    fn query<'a>(&self, values: &'a [f32]) -> HeadRows<'a> {
        self.rows(values, self.head, self.heads.query_width())
    }

    fn key_value<'a>(&self, values: &'a [f32]) -> HeadRows<'a> {
        self.rows(values, self.head / self.heads.group(), self.heads.key_value_width())
    }

    fn rows<'a>(&self, values: &'a [f32], head: usize, stride: usize) -> HeadRows<'a> {
        let dimension = self.heads.dimension;
        let values = values.get(self.range.start * stride + head * dimension..).unwrap_or_default();
        HeadRows { values, stride, dimension }
    }
}

/// All places, document by document within each head.
fn places(heads: Heads, segments: &Segments) -> impl Iterator<Item = Place> + '_ {
    (0..heads.query).flat_map(move |head| segments.iter().map(move |range| Place { head, heads, range }))
}

/// Cuts `[heads][tokens][width]` into the parts of [`places`], in their order.
fn split<'a>(mut values: &'a mut [f32], heads: usize, segments: &Segments, width: usize) -> Vec<&'a mut [f32]> {
    let mut parts = Vec::with_capacity(heads * segments.len());
    for _ in 0..heads {
        for range in segments.iter() {
            let (part, rest) = values.split_at_mut(range.len() * width);
            parts.push(part);
            values = rest;
        }
    }
    parts
}

/// `[heads·group][tokens][width]` → `[tokens][heads·width]`, summing over each group in order.
fn in_token_order(by_head: &[f32], heads: usize, group: usize, width: usize, tokens: usize) -> Vec<f32> {
    let mut rows = vec![0f32; tokens * heads * width];
    let block = (parallel::CHUNK / (heads * width)).max(1);
    parallel::chunks_mut(&mut rows, block * heads * width, |index, rows| {
        for (token, row) in (index * block..).zip(rows.chunks_exact_mut(heads * width)) {
            for (head, to) in row.chunks_exact_mut(width).enumerate() {
                for member in 0..group {
                    let start = ((head * group + member) * tokens + token) * width;
                    let from = by_head.get(start..start + width).unwrap_or_default();
                    if member == 0 {
                        to.copy_from_slice(from);
                    } else {
                        to.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
                    }
                }
            }
        }
    });
    rows
}
