//! Products of small matrices that fit the first caches: what attention is made of.
//!
//! The right operand is packed in *panels* of [`WIDTH`] columns: all rows of the first 16 columns,
//! then all rows of the next. The inner loop reads it forward and keeps `ROWS × WIDTH` sums in registers.

use crate::kernels::simd::Vector;
pub(super) use crate::kernels::simd::{Lanes, WIDTH};

/// Rows, or columns, of a tile: a multiple of [`WIDTH`] and of every kernel's `ROWS`.
pub(super) const TILE: usize = 48;

/// The left operand of a product.
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// Row by row, `stride` apart: `[m][k]`.
    Rows(&'a [f32], usize),
    /// A tile to be read transposed: `[k][m]`.
    Transposed(&'a [[f32; TILE]]),
}

/// Panels of a packed matrix, of which a product uses `depth` rows from `first`.
#[derive(Clone, Copy)]
pub(super) struct Right<'a> {
    /// All panels, one after another.
    pub(super) panels: &'a [Lanes],
    /// Rows of each panel.
    pub(super) rows: usize,
    /// First row used.
    pub(super) first: usize,
    /// Rows used: the `k` of the product.
    pub(super) depth: usize,
}

/// `c = a·b`, or `c += a·b` if `ADD`, for `m` rows and every panel of columns up to `columns`.
///
/// `m` is rounded up to `ROWS`, and `columns` to `WIDTH`: `c` and `a` are padded that far. Rows of `c`
/// are `stride` apart.
#[inline(always)]
pub(super) fn product<V: Vector, const ADD: bool, const ROWS: usize>(
    c: &mut [f32],
    stride: usize,
    a: Left<'_>,
    b: Right<'_>,
    m: usize,
    columns: usize,
) {
    for (index, panel) in b.panels.chunks_exact(b.rows).take(columns.div_ceil(WIDTH)).enumerate() {
        let panel = &panel[b.first..b.first + b.depth];
        for row in (0..m).step_by(ROWS) {
            let sums = match a {
                Left::Rows(a, a_stride) => block_of_rows::<V, ROWS>(&a[row * a_stride..], a_stride, panel),
                Left::Transposed(a) => block_transposed::<V, ROWS>(a, row, panel),
            };
            for (i, sum) in sums.into_iter().enumerate() {
                let at = (row + i) * stride + index * WIDTH;
                let Some(c) = c[at..].first_chunk_mut() else { return };
                let sum = if ADD { V::load(c).add(sum) } else { sum };
                sum.store(c);
            }
        }
    }
}

#[inline(always)]
fn block_of_rows<V: Vector, const ROWS: usize>(a: &[f32], stride: usize, panel: &[Lanes]) -> [V; ROWS] {
    let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = &a[i * stride..i * stride + panel.len()];
    }
    let mut sums = [V::splat(0.0); ROWS];
    for (k, b) in panel.iter().enumerate() {
        let b = V::load(b);
        for i in 0..ROWS {
            sums[i] = V::splat(rows[i][k]).multiply_add(b, sums[i]);
        }
    }
    sums
}

#[inline(always)]
fn block_transposed<V: Vector, const ROWS: usize>(a: &[[f32; TILE]], row: usize, panel: &[Lanes]) -> [V; ROWS] {
    let mut sums = [V::splat(0.0); ROWS];
    for (a, b) in a.iter().zip(panel) {
        let (a, b) = (&a[row..row + ROWS], V::load(b));
        for i in 0..ROWS {
            sums[i] = V::splat(a[i]).multiply_add(b, sums[i]);
        }
    }
    sums
}

/// One head's columns of a `[tokens, features]` matrix, from a document's first token on.
#[derive(Clone, Copy)]
pub(super) struct HeadRows<'a> {
    /// From the first element of the first token's head.
    pub(super) values: &'a [f32],
    /// Features of a token.
    pub(super) stride: usize,
    /// Features of a head.
    pub(super) dimension: usize,
}

impl<'a> HeadRows<'a> {
    #[inline(always)]
    pub(super) fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.stride..index * self.stride + self.dimension]
    }

    /// Panels of the rows `first..first + count`: `[dimension / 16][rows][16]`, zero beyond the dimension.
    #[inline(always)]
    pub(super) fn pack(&self, first: usize, count: usize, scale: f32, rows: usize, panels: &mut [Lanes]) {
        for (index, panel) in panels.chunks_exact_mut(rows).enumerate() {
            let (start, end) = (index * WIDTH, ((index + 1) * WIDTH).min(self.dimension));
            for (i, lanes) in panel.iter_mut().take(count).enumerate() {
                for (lane, value) in lanes.iter_mut().zip(&self.row(first + i)[start..end]) {
                    *lane = value * scale;
                }
            }
        }
    }

    /// Panels of the transpose: `[tokens / 16][dimension][16]`, zero beyond the last token.
    #[inline(always)]
    pub(super) fn pack_transposed(&self, count: usize, panels: &mut [Lanes]) {
        for (index, panel) in panels.chunks_exact_mut(self.dimension).enumerate() {
            for lane in 0..WIDTH.min(count.saturating_sub(index * WIDTH)) {
                for (lanes, value) in panel.iter_mut().zip(self.row(index * WIDTH + lane)) {
                    lanes[lane] = *value;
                }
            }
        }
    }

    /// A scaled copy of the rows `first..first + count`, adjacent.
    #[inline(always)]
    pub(super) fn copy(&self, first: usize, count: usize, scale: f32, rows: &mut [f32]) {
        for (i, row) in rows.chunks_exact_mut(self.dimension).take(count).enumerate() {
            for (to, from) in row.iter_mut().zip(self.row(first + i)) {
                *to = from * scale;
            }
        }
    }
}
