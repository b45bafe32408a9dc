//! Attention of one new token per row against a cache of earlier keys and values.

use candle_core::{D, Device, Tensor};

use super::Heads;
use crate::error::{Error, Result};
use crate::kernels::matmul::matmul;
use crate::kernels::slices::{compute_dtype, expect_shape, matrix, on_cpu_f32};

/// Writes keys (or values) of new tokens into the cache, in place.
///
/// Token `i` of `new` goes to row `rows[i]`, position `positions[i]`. A whole prompt is one call
/// with a run of positions; a decoding step is one call with one token for each row.
///
/// # Shapes  `cache: [rows, capacity, features]` contiguous, `new: [tokens, features]`
/// # Errors  a row or a position is outside the cache; the lists and `new` differ in length
pub fn cache_write(cache: &Tensor, rows: &[usize], positions: &[usize], new: &Tensor) -> Result<()> {
    let (row_count, capacity, features) = cache_dims("key-value cache", cache)?;
    expect_shape("new keys or values", new, &[rows.len(), features])?;
    if positions.len() != rows.len() {
        return Err(Error::new("cache positions: count").got(positions.len()).expected(rows.len()));
    }
    if let Some((row, position)) = rows.iter().zip(positions).find(|(row, at)| **row >= row_count || **at >= capacity) {
        return Err(Error::new("a token's place in the key-value cache")
            .got(format!("row {row}, position {position}"))
            .expected(format!("within {row_count} rows of {capacity} positions")));
    }
    if on_cpu_f32(&[cache, new]) {
        return cpu::cache_write(cache, rows, positions, new);
    }
    reference::cache_write(cache, rows, positions, new)
}

/// One new query per row against the first `lengths[row]` cached keys of that row.
///
/// The new token's own key and value are already in the cache ([`cache_write`]) and counted in
/// `lengths`. Row `i` of `q` reads cache row `i`. What lies beyond a row's length must be finite,
/// so that a cache begins as zeros.
///
/// # Shapes  `q: [rows, query·dim]`, caches `[rows, capacity, key_value·dim]` → `[rows, query·dim]`
/// # Errors  a length is 0 or above the capacity
pub fn decode(q: &Tensor, k_cache: &Tensor, v_cache: &Tensor, heads: Heads, lengths: &[usize]) -> Result<Tensor> {
    heads.check()?;
    let (rows, _) = matrix("decoding queries", q)?;
    expect_shape("decoding queries", q, &[rows, heads.query_width()])?;
    let (_, capacity, _) = cache_dims("key cache", k_cache)?;
    expect_shape("key cache", k_cache, &[rows, capacity, heads.key_value_width()])?;
    expect_shape("value cache", v_cache, &[rows, capacity, heads.key_value_width()])?;
    if lengths.len() != rows {
        return Err(Error::new("cache lengths: count").got(lengths.len()).expected(rows));
    }
    if let Some(length) = lengths.iter().find(|length| **length == 0 || **length > capacity) {
        return Err(Error::new("cache length").got(length).expected(format!("1 to {capacity}")));
    }
    if rows == 0 {
        return Ok(q.clone());
    }
    if on_cpu_f32(&[q, k_cache, v_cache]) {
        return cpu::decode(q, k_cache, v_cache, heads, lengths);
    }
    reference::decode(q, k_cache, v_cache, heads, lengths)
}

fn cache_dims(what: &str, cache: &Tensor) -> Result<(usize, usize, usize)> {
    match cache.dims() {
        &[rows, capacity, features] if cache.is_contiguous() => Ok((rows, capacity, features)),
        other => Err(Error::new(format!("{what}: shape"))
            .got(format!("{other:?}"))
            .expected("contiguous [rows, capacity, features]")),
    }
}

mod reference {
    use super::*;

    pub(super) fn cache_write(cache: &Tensor, rows: &[usize], positions: &[usize], new: &Tensor) -> Result<()> {
        let new = new.to_dtype(cache.dtype())?.contiguous()?.unsqueeze(0)?;
        let mut start = 0;
        while let (Some(&row), Some(&position)) = (rows.get(start), positions.get(start)) {
            let follows = |&i: &usize| rows.get(i) == Some(&row) && positions.get(i) == Some(&(position + i - start));
            let end = (start + 1..rows.len()).take_while(follows).last().unwrap_or(start) + 1;
            cache.narrow(0, row, 1)?.slice_set(&new.narrow(1, start, end - start)?, 1, position)?;
            start = end;
        }
        Ok(())
    }

    pub(super) fn decode(
        q: &Tensor,
        k_cache: &Tensor,
        v_cache: &Tensor,
        heads: Heads,
        lengths: &[usize],
    ) -> Result<Tensor> {
        let rows = lengths.len();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let (group, wide) = (heads.group(), compute_dtype(q.dtype()));
        // [rows, longest, key_value, dim] → [rows·key_value, longest, dim]
        let by_head = |cache: &Tensor| -> Result<Tensor> {
            let used = cache.narrow(1, 0, longest)?.reshape((rows, longest, heads.key_value, heads.dimension))?;
            let used = used.transpose(1, 2)?.contiguous()?;
            Ok(used.reshape((rows * heads.key_value, longest, heads.dimension))?)
        };
        let queries = q.reshape((rows * heads.key_value, group, heads.dimension))?;
        let scores = (matmul(&queries, &by_head(k_cache)?.t()?)?.to_dtype(wide)? * heads.scale())?;
        let row = |length: usize| (0..longest).map(move |key| if key < length { 0.0 } else { f32::NEG_INFINITY });
        let mask: Vec<f32> = lengths.iter().flat_map(|&length| row(length)).collect();
        let mask = Tensor::from_vec(mask, (rows, 1, longest), &Device::Cpu)?.to_dtype(wide)?.to_device(q.device())?;
        let scores = scores.reshape((rows, heads.query, longest))?.broadcast_add(&mask)?;
        let exponentials = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let probabilities = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?.to_dtype(q.dtype())?;
        let probabilities = probabilities.reshape((rows * heads.key_value, group, longest))?;
        Ok(matmul(&probabilities, &by_head(v_cache)?)?.reshape((rows, heads.query_width()))?)
    }
}

mod cpu {
    use super::*;
    use crate::kernels::simd::{self, Kernel, Vector};
    use crate::kernels::{parallel, slices};

    pub(super) fn cache_write(cache: &Tensor, rows: &[usize], positions: &[usize], new: &Tensor) -> Result<()> {
        let (_, capacity, features) = cache_dims("key-value cache", cache)?;
        slices::write_from(cache, new, |cache, new| {
            let places = rows.iter().zip(positions).map(|(row, position)| (row * capacity + position) * features);
            for (start, new) in places.zip(new.chunks_exact(features.max(1))) {
                if let Some(place) = cache.get_mut(start..start + features) {
                    place.copy_from_slice(new);
                }
            }
        })
    }

    pub(super) fn decode(
        q: &Tensor,
        k_cache: &Tensor,
        v_cache: &Tensor,
        heads: Heads,
        lengths: &[usize],
    ) -> Result<Tensor> {
        let (_, capacity, features) = cache_dims("key cache", k_cache)?;
        let mut out = vec![0f32; q.elem_count()];
        slices::read([q, k_cache, v_cache], |[q, k, v]| {
            // A task is some key-value heads of one row. Fewer tasks read a row's cache more in order, and
            // what a head computes does not depend on which task it is in.
            let tasks_a_row = rayon::current_num_threads().div_ceil(lengths.len()).min(heads.key_value);
            let heads_a_task = heads.key_value.div_ceil(tasks_a_row);
            let one = heads.group() * heads.dimension;
            let of_row = heads.query_width();
            let rows = out.chunks_exact_mut(of_row).zip(q.chunks_exact(of_row)).zip(lengths).enumerate();
            let tasks = rows.flat_map(|(row, ((out, q), length))| {
                let (start, end) = (row * capacity * features, (row * capacity + length) * features);
                let parts = out.chunks_mut(heads_a_task * one).zip(q.chunks(heads_a_task * one)).enumerate();
                parts.map(move |(part, (out, q))| {
                    let from = start + part * heads_a_task * heads.dimension;
                    let [k, v] = [k, v].map(|cache| cache.get(from..end).unwrap_or_default());
                    HeadsOfRow { out, q, k, v, features, heads, scale: heads.scale() as f32 }
                })
            });
            // Few multiplications are done before other threads would have woken.
            let work = lengths.iter().sum::<usize>() * heads.query_width();
            if work < 4 * parallel::CHUNK {
                tasks.for_each(simd::dispatch);
            } else {
                parallel::each(tasks.collect(), simd::dispatch);
            }
            Ok(())
        })?;
        slices::tensor(out, q.dims())
    }

    struct HeadsOfRow<'a> {
        out: &'a mut [f32],
        q: &'a [f32],
        /// From the first of these heads at position 0 to the row's last position.
        k: &'a [f32],
        v: &'a [f32],
        /// From one cached position to the next.
        features: usize,
        heads: Heads,
        scale: f32,
    }

    impl Kernel for HeadsOfRow<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            let (dimension, group) = (self.heads.dimension, self.heads.group());
            let length = self.k.len().div_ceil(self.features);
            let mut scores = vec![0f32; self.q.len() / dimension * length];
            for (position, keys) in self.k.chunks(self.features).enumerate() {
                for (head, q) in self.q.chunks_exact(dimension).enumerate() {
                    let k = &keys[head / group * dimension..][..dimension];
                    scores[head * length + position] = simd::dot::<V>(q, k) * self.scale;
                }
            }
            for scores in scores.chunks_exact_mut(length) {
                let largest = simd::largest::<V>(scores);
                scores.iter_mut().for_each(|score| *score = simd::exp::<V>(*score - largest));
                let inverse = 1.0 / simd::sum::<V>(scores);
                scores.iter_mut().for_each(|score| *score *= inverse);
            }
            for (position, values) in self.v.chunks(self.features).enumerate() {
                for (head, out) in self.out.chunks_exact_mut(dimension).enumerate() {
                    let (p, v) = (scores[head * length + position], &values[head / group * dimension..][..dimension]);
                    simd::add_scaled::<V>(out, p, v);
                }
            }
        }
    }
}
