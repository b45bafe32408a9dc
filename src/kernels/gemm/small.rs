//! Products with few rows on the left: the right operand is read once, as it lies, instead of being packed.

use super::{PARALLEL, View, large};
use crate::kernels::parallel;
use crate::kernels::simd::{self, Kernel, Vector};

/// Most rows for [`dots`].
pub(super) const DOTS: usize = 4;
/// Most rows for [`mirrored`].
pub(super) const MIRRORED: usize = 64;
/// Columns of a task of [`dots`].
const COLUMNS: usize = 64;

/// Inner products of the rows of `a` and the columns of `b`, both adjacent in memory.
pub(super) fn dots(c: &mut [f32], add: bool, a: View<'_>, b: View<'_>) {
    let ((m, k), n) = (a.shape, b.shape.1);
    let parallel = m * n * k >= PARALLEL;
    for (index, c) in c.chunks_exact_mut(n).enumerate() {
        let Some(row) = a.values.get(index * a.strides.0..index * a.strides.0 + k) else { return };
        let dots = |(first, c): (usize, &mut [f32])| simd::dispatch(Dots { c, add, row, b, first: first * COLUMNS });
        if parallel {
            parallel::each(c.chunks_mut(COLUMNS).enumerate().collect(), dots);
        } else {
            c.chunks_mut(COLUMNS).enumerate().for_each(dots);
        }
    }
}

struct Dots<'a> {
    c: &'a mut [f32],
    add: bool,
    row: &'a [f32],
    b: View<'a>,
    first: usize,
}

impl Kernel for Dots<'_> {
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(self) {
        for (column, c) in (self.first..).zip(self.c) {
            let start = column * self.b.strides.1;
            let dot = simd::dot::<V>(self.row, &self.b.values[start..start + self.row.len()]);
            *c = if self.add { *c + dot } else { dot };
        }
    }
}

/// `(bᵀ·aᵀ)ᵀ`: the long operand is the one whose rows are shared out, the short one is packed.
pub(super) fn mirrored(c: &mut [f32], add: bool, a: View<'_>, b: View<'_>) {
    let (m, n) = (a.shape.0, b.shape.1);
    let mut mirror = vec![0f32; n * m];
    large(&mut mirror, false, b.transposed(), a.transposed());
    for (index, row) in c.chunks_exact_mut(n).enumerate() {
        for (to, from) in row.iter_mut().zip(mirror.chunks_exact(m)) {
            let value = from.get(index).copied().unwrap_or_default();
            *to = if add { *to + value } else { value };
        }
    }
}
