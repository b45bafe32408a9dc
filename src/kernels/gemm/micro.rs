//! A task: some rows of the result, tile by tile in registers.

use super::View;
use super::pack::{DEPTH, GROUP, Packed, Part, blocks, put_left, take_left};
use crate::kernels::simd::{Kernel, Lanes, Vector, WIDTH};

/// Some rows of `c = a·b` or `c += a·b`.
pub(super) struct Rows<'a> {
    /// The rows of the left operand.
    pub(super) a: View<'a>,
    /// The rows of the result, adjacent.
    pub(super) c: &'a mut [f32],
    /// Whether the product is added to what is there.
    pub(super) add: bool,
    /// The whole right operand.
    pub(super) b: Packed<'a>,
    /// The part of it that is multiplied.
    pub(super) part: Part,
}

/// A block of the left operand.
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// Its rows, each with `DEPTH` places: a row-major operand, copied as it is.
    ByRows(&'a [[f32; DEPTH]]),
    /// Strips of `ROWS` rows, each stored column by column.
    ByColumns(&'a [f32]),
}

impl Kernel for Rows<'_> {
    // No closure in here may compute with vectors: it would not be compiled for the wide instructions.
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(mut self) {
        let padded = self.a.shape.0.next_multiple_of(ROWS);
        let mut memory = take_left(padded * DEPTH);
        for (first, depth) in blocks(self.b.rows) {
            if !self.part.depth.contains(&first) {
                continue;
            }
            let left = if self.a.strides.1 == 1 {
                copy_rows(&mut memory[..padded * DEPTH], self.a, first, depth);
                Left::ByRows(memory.as_chunks().0)
            } else {
                copy_columns::<ROWS>(&mut memory, self.a, first, depth);
                Left::ByColumns(&memory)
            };
            self.block::<V, ROWS>(first, depth, left);
        }
        put_left(memory);
    }
}

impl Rows<'_> {
    /// All tiles of one block of `k`.
    #[inline(always)]
    fn block<V: Vector, const ROWS: usize>(&mut self, first: usize, depth: usize, left: Left<'_>) {
        let (n, add) = (self.b.columns, self.add || first > self.part.depth.start);
        let panels = self.b.block(first, depth);
        let count = self.part.panels.end;
        for group in self.part.panels.clone().step_by(GROUP) {
            let end = (group + GROUP).min(count);
            for (index, c) in self.c.chunks_mut(ROWS * n).enumerate() {
                let row = index * ROWS;
                let mut panel = group;
                while panel < end {
                    let one = &panels[panel * depth..(panel + 1) * depth];
                    if V::WIDE && panel + 1 < end {
                        let other = &panels[(panel + 1) * depth..(panel + 2) * depth];
                        let (sums, others) = two::<V, ROWS, false>(left, row, one, other, &[]);
                        store(&mut c[panel * WIDTH..], n, n - panel * WIDTH, &sums, add);
                        store(&mut c[(panel + 1) * WIDTH..], n, n - (panel + 1) * WIDTH, &others, add);
                        panel += 2;
                    } else {
                        let sums = single::<V, ROWS, false>(left, row, one, &[]);
                        store(&mut c[panel * WIDTH..], n, n - panel * WIDTH, &sums, add);
                        panel += 1;
                    }
                }
            }
        }
    }
}

/// Writes a panel's sums, or adds them to what is there: rows of `c` are `stride` apart, `columns` remain in each.
#[inline(always)]
fn store<V: Vector, const ROWS: usize>(c: &mut [f32], stride: usize, columns: usize, sums: &[V; ROWS], add: bool) {
    if columns >= WIDTH && c.len() >= (ROWS - 1) * stride + WIDTH {
        for i in 0..ROWS {
            let Some(to) = c[i * stride..].first_chunk_mut() else { return };
            let sum = if add { V::load(to).add(sums[i]) } else { sums[i] };
            sum.store(to);
        }
        return;
    }
    // The last columns, or the last rows: fewer than the tile has.
    let mut lanes = [[0f32; WIDTH]; ROWS];
    for i in 0..ROWS {
        sums[i].store(&mut lanes[i]);
    }
    for (row, lanes) in c.chunks_mut(stride).zip(&lanes) {
        for (to, lane) in row.iter_mut().take(columns).zip(lanes) {
            *to = if add { *to + lane } else { *lane };
        }
    }
}

/// Turns of the inner loop that are written out: a thread that shares its core's decoder with another gains a third
/// by it, at eight the sums no longer stay in registers.
const TURNS: usize = 4;

/// The products of `ROWS` rows with one panel; meanwhile, if so asked, memory that comes `next` is fetched.
#[inline(always)]
pub(super) fn single<V: Vector, const ROWS: usize, const FETCH: bool>(
    left: Left<'_>,
    row: usize,
    panel: &[Lanes],
    next: &[Lanes],
) -> [V; ROWS] {
    let mut sums = [V::splat(0.0); ROWS];
    let (turns, rest) = panel.as_chunks::<TURNS>();
    let done = turns.len() * TURNS;
    match left {
        Left::ByRows(rows) => {
            let Some(rows) = rows[row..].first_chunk::<ROWS>() else { return sums };
            for (turn, panel) in turns.iter().enumerate().take(DEPTH / TURNS) {
                if FETCH && let Some(next) = next.as_chunks::<TURNS>().0.get(turn) {
                    next.iter().for_each(V::fetch);
                }
                for j in 0..TURNS {
                    let b = V::load(&panel[j]);
                    for i in 0..ROWS {
                        sums[i] = V::splat(rows[i][turn * TURNS + j]).multiply_add(b, sums[i]);
                    }
                }
            }
            for (k, b) in (done..DEPTH).zip(rest) {
                let b = V::load(b);
                for i in 0..ROWS {
                    sums[i] = V::splat(rows[i][k]).multiply_add(b, sums[i]);
                }
            }
        }
        Left::ByColumns(values) => {
            let columns = values[row * panel.len()..].as_chunks::<ROWS>().0;
            for (columns, panel) in columns.as_chunks::<TURNS>().0.iter().zip(turns) {
                for j in 0..TURNS {
                    let b = V::load(&panel[j]);
                    for i in 0..ROWS {
                        sums[i] = V::splat(columns[j][i]).multiply_add(b, sums[i]);
                    }
                }
            }
            for (column, b) in columns.iter().skip(done).zip(rest) {
                let b = V::load(b);
                for i in 0..ROWS {
                    sums[i] = V::splat(column[i]).multiply_add(b, sums[i]);
                }
            }
        }
    }
    sums
}

/// The products of `ROWS` rows with two panels; meanwhile, if so asked, memory that comes `next` is fetched.
#[inline(always)]
pub(super) fn two<V: Vector, const ROWS: usize, const FETCH: bool>(
    left: Left<'_>,
    row: usize,
    panel: &[Lanes],
    other: &[Lanes],
    next: &[Lanes],
) -> ([V; ROWS], [V; ROWS]) {
    let (mut sums, mut others) = ([V::splat(0.0); ROWS], [V::splat(0.0); ROWS]);
    match left {
        Left::ByRows(rows) => {
            let Some(rows) = rows[row..].first_chunk::<ROWS>() else { return (sums, others) };
            for (k, (b, c)) in panel.iter().zip(other).enumerate().take(DEPTH) {
                if FETCH && let Some(next) = next.get(k) {
                    V::fetch(next);
                }
                let (b, c) = (V::load(b), V::load(c));
                for i in 0..ROWS {
                    let a = V::splat(rows[i][k]);
                    sums[i] = a.multiply_add(b, sums[i]);
                    others[i] = a.multiply_add(c, others[i]);
                }
            }
        }
        Left::ByColumns(values) => {
            let columns = values[row * panel.len()..].as_chunks::<ROWS>().0;
            for (a, (b, c)) in columns.iter().zip(panel.iter().zip(other)) {
                let (b, c) = (V::load(b), V::load(c));
                for i in 0..ROWS {
                    let a = V::splat(a[i]);
                    sums[i] = a.multiply_add(b, sums[i]);
                    others[i] = a.multiply_add(c, others[i]);
                }
            }
        }
    }
    (sums, others)
}

/// Rows of the left operand, each with `DEPTH` places.
#[inline(always)]
pub(super) fn copy_rows(left: &mut [f32], a: View<'_>, first: usize, depth: usize) {
    let mut rows = left.as_chunks_mut::<DEPTH>().0.iter_mut();
    for (index, to) in rows.by_ref().take(a.shape.0).enumerate() {
        let start = index * a.strides.0 + first;
        to[..depth].copy_from_slice(&a.values[start..start + depth]);
    }
    rows.for_each(|row| row[..depth].fill(0.0));
}

/// Strips of `ROWS` rows, each stored column by column.
#[inline(always)]
fn copy_columns<const ROWS: usize>(left: &mut [f32], a: View<'_>, first: usize, depth: usize) {
    for (strip, to) in left.chunks_exact_mut(ROWS * depth).enumerate() {
        let count = a.shape.0.saturating_sub(strip * ROWS).min(ROWS);
        for (k, to) in to.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
            let start = (first + k) * a.strides.1 + strip * ROWS * a.strides.0;
            if a.strides.0 == 1 && count == ROWS {
                to.copy_from_slice(&a.values[start..start + ROWS]);
            } else {
                *to = std::array::from_fn(|i| if i < count { a.values[start + i * a.strides.0] } else { 0.0 });
            }
        }
        if count < ROWS {
            return;
        }
    }
}
