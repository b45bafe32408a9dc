//! The product of f32 matrices on the CPU.
//!
//! The right operand is packed once in panels of 16 columns, in blocks of at most 384 rows, which
//! all threads share. A task is a block of rows of the result: it packs its rows of the left operand block by
//! block, and keeps a tile of `ROWS × 32` sums in registers while it walks down the panels. Each element of
//! the result is summed in one order whatever the task or the thread, so results do not depend on their number.
//!
//! Compared with the `gemm` crate, which candle uses: AVX-512 where the processor has it, a result that may be
//! added to, output memory that is not written twice, and no threads woken for a few rows.

mod few;
mod micro;
mod pack;
mod small;
#[cfg(test)]
mod tests;

use std::mem::MaybeUninit;

use micro::Rows;
#[cfg(test)]
use pack::DEPTH;
pub(super) use pack::{Packed, Panels};

use super::parallel;
use super::simd;

/// A matrix in memory, by its strides.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// From the first element on.
    pub(super) values: &'a [f32],
    /// Rows and columns.
    pub(super) shape: (usize, usize),
    /// Elements from one row to the next, and from one column to the next.
    pub(super) strides: (usize, usize),
}

impl<'a> View<'a> {
    /// A matrix whose rows are adjacent.
    pub(super) fn contiguous(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, shape: (rows, columns), strides: (columns, 1) }
    }

    /// The same elements, mirrored.
    pub(super) fn transposed(self) -> Self {
        let ((rows, columns), (row, column)) = (self.shape, self.strides);
        Self { values: self.values, shape: (columns, rows), strides: (column, row) }
    }

    /// The rows from `first` on.
    pub(super) fn below(self, first: usize, rows: usize) -> Self {
        let values = self.values.get(first * self.strides.0..).unwrap_or_default();
        Self { values, shape: (rows, self.shape.1), strides: self.strides }
    }
}

/// Where a product goes.
pub(super) enum Target<'a> {
    /// Memory that has no values yet.
    Fresh(&'a mut [MaybeUninit<f32>]),
    /// Values of which none is kept.
    Over(&'a mut [f32]),
    /// Values to which the product is added.
    Sum(&'a mut [f32]),
}

/// Multiplications below which one thread is faster than two.
const PARALLEL: usize = 1 << 17;
/// Tasks of a thread: enough that the last ones end together.
const TASKS: usize = 6;
/// Rows of the largest task: its part of the left operand fits the second cache beside the panels.
const MOST_ROWS: usize = 192;

impl<'a> Target<'a> {
    /// The memory, and whether the product is added to what is there; none if there is nothing to multiply.
    fn open(self, k: usize) -> Option<(&'a mut [f32], bool)> {
        if k == 0 {
            match self {
                Self::Fresh(values) => values.fill(MaybeUninit::new(0.0)),
                Self::Over(values) => values.fill(0.0),
                Self::Sum(_) => {}
            }
            return None;
        }
        let (values, add) = match self {
            Self::Sum(values) => (values, true),
            Self::Over(values) => (values, false),
            // SAFETY: the elements are f32 for any bytes, and all of them are written before one is read: a task
            // stores the sums of its first block over all its rows and columns, and `small` all of its results.
            Self::Fresh(values) => {
                (unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast::<f32>(), values.len()) }, false)
            }
        };
        if values.is_empty() { None } else { Some((values, add)) }
    }
}

/// `a·b` into the target, whose rows are adjacent: `[m, k]·[k, n]` → `[m, n]`. Every element is written.
///
/// The caller has made sure that the shapes fit.
pub(super) fn product(target: Target<'_>, a: View<'_>, b: View<'_>) {
    let ((m, k), n) = (a.shape, b.shape.1);
    let Some((values, add)) = target.open(k) else { return };
    if m <= small::DOTS && b.strides.0 == 1 && a.strides.1 == 1 {
        small::dots(values, add, a, b);
    } else if m <= small::MIRRORED && n >= 2 * m {
        small::mirrored(values, add, a, b);
    } else {
        large(values, add, a, b);
    }
}

/// As [`product`], by a right operand that was packed before; on several threads if they are `free` and it is worth it.
pub(super) fn product_packed(target: Target<'_>, a: View<'_>, b: Packed<'_>, free: bool) {
    let Some((values, add)) = target.open(b.rows) else { return };
    by_rows(values, add, a, b, free && a.shape.0 * b.rows * b.columns >= PARALLEL);
}

/// Products of one left operand, whose rows are adjacent in memory, with several packed ones.
///
/// Every element of the results is written.
pub(super) fn products_of_few_rows(a: View<'_>, results: Vec<(&mut [MaybeUninit<f32>], &Panels)>) {
    let opened =
        results.into_iter().filter_map(|(values, b)| Some((Target::Fresh(values).open(a.shape.1)?.0, b.packed())));
    few::products(a, opened.collect());
}

/// The product by packing the whole right operand.
fn large(values: &mut [f32], add: bool, a: View<'_>, b: View<'_>) {
    let parallel = a.shape.0 * a.shape.1 * b.shape.1 >= PARALLEL;
    Packed::with(b, parallel, |b| by_rows(values, add, a, b, parallel));
}

/// Shares out the rows of the result, for a part of the right operand after another: each part is small enough
/// to stay in the last cache while all rows pass by.
fn by_rows(values: &mut [f32], add: bool, a: View<'_>, b: Packed<'_>, parallel: bool) {
    let (m, n) = (a.shape.0, b.columns);
    let tasks = if parallel { rayon::current_num_threads() * TASKS } else { 1 };
    let rows = m.div_ceil(tasks).clamp(ROWS_MULTIPLE, MOST_ROWS).next_multiple_of(ROWS_MULTIPLE);
    for part in b.parts() {
        let tasks = values.chunks_mut(rows * n).enumerate().map(|(index, c)| Rows {
            a: a.below(index * rows, c.len() / n),
            c,
            add: add || part.depth.start > 0,
            b,
            part: part.clone(),
        });
        if parallel {
            parallel::each(tasks.collect(), simd::dispatch);
        } else {
            tasks.for_each(simd::dispatch);
        }
    }
}

/// A multiple of every kernel's `ROWS`.
const ROWS_MULTIPLE: usize = 12;
