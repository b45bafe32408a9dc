//! Products of a few rows with operands that are packed already, as in decoding: columns are shared out, not rows,
//! and several products with one left operand are one piece of work.

use std::ops::Range;

use super::micro::{Left, copy_rows, single, two};
use super::pack::{DEPTH, Packed, blocks, put_left, take_left};
use super::{PARALLEL, View};
use crate::kernels::parallel;
use crate::kernels::simd::{self, Kernel, Lanes, Vector, WIDTH};

/// Tasks of a thread, unless these would be larger than [`MOST_PANELS`].
const TASKS: usize = 3;
/// Panels of the largest task: where many remain, a thread that was held up leaves them to others.
const MOST_PANELS: usize = 64;
/// The last rows, if they are not more than this, are a tile of their own: 32 rows are 12, 12 and 8.
const SHORT: usize = 8;
/// The same where registers hold 6 rows of one vector: 32 rows are 6, 6 and four times 5, not 6 times 6.
const NARROW: usize = 5;

/// `a·b` over each of the results, whose rows are adjacent; the rows of `a` are adjacent in memory, too.
pub(super) fn products(a: View<'_>, results: Vec<(&mut [f32], Packed<'_>)>) {
    let panels: usize = results.iter().map(|(_, b)| b.columns.div_ceil(WIDTH)).sum();
    let parallel = a.shape.0 * a.shape.1 * panels * WIDTH >= PARALLEL;
    let tasks = if parallel { rayon::current_num_threads() * TASKS } else { 1 };
    let most = panels.div_ceil(tasks).clamp(2, MOST_PANELS).next_multiple_of(2);
    let mut work = Vec::new();
    for (values, b) in results {
        let count = b.columns.div_ceil(WIDTH);
        let mut rests: Vec<&mut [f32]> = values.chunks_mut(b.columns.max(1)).collect();
        for first in (0..count).step_by(most) {
            let panels = first..(first + most).min(count);
            let width = (panels.len() * WIDTH).min(b.columns - first * WIDTH);
            let rows = rests.iter_mut().filter_map(|rest| rest.split_off_mut(..width)).collect();
            work.push(Columns { a, rows, b, panels });
        }
    }
    if parallel {
        parallel::each(work, simd::dispatch);
    } else {
        work.into_iter().for_each(simd::dispatch);
    }
}

/// Some columns of a result.
struct Columns<'a> {
    a: View<'a>,
    /// Of each row, the columns.
    rows: Vec<&'a mut [f32]>,
    b: Packed<'a>,
    panels: Range<usize>,
}

impl Kernel for Columns<'_> {
    // No closure in here may compute with vectors: it would not be compiled for the wide instructions.
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(mut self) {
        let padded = self.a.shape.0.next_multiple_of(ROWS);
        let mut memory = take_left(padded * DEPTH);
        for (first, depth) in blocks(self.b.rows) {
            copy_rows(&mut memory[..padded * DEPTH], self.a, first, depth);
            let left = Left::ByRows(memory.as_chunks().0);
            let block = self.b.block(first, depth);
            let mut panel = self.panels.start;
            while panel < self.panels.end {
                let one = &block[panel * depth..(panel + 1) * depth];
                let column = (panel - self.panels.start) * WIDTH;
                let pair = V::WIDE && panel + 1 < self.panels.end;
                if !pair {
                    let next = block.get((panel + 1) * depth..).unwrap_or_default();
                    one_panel::<V, ROWS>(left, &mut self.rows, column, (one, next), first > 0);
                    panel += 1;
                    continue;
                }
                for (index, rows) in self.rows.chunks_mut(ROWS).enumerate() {
                    let row = index * ROWS;
                    let other = &block[(panel + 1) * depth..(panel + 2) * depth];
                    // The first rows fetch the next pair's first panel, the second rows its second one.
                    let next = block.get((panel + 2 + index) * depth..).unwrap_or_default();
                    let next = if index < 2 { next } else { &[] };
                    if ROWS > SHORT && rows.len() <= SHORT {
                        let (sums, others) = two::<V, SHORT, true>(left, row, one, other, next);
                        store(rows, column, &sums, first > 0);
                        store(rows, column + WIDTH, &others, first > 0);
                    } else {
                        let (sums, others) = two::<V, ROWS, true>(left, row, one, other, next);
                        store(rows, column, &sums, first > 0);
                        store(rows, column + WIDTH, &others, first > 0);
                    }
                }
                panel += 2;
            }
        }
        put_left(memory);
    }
}

/// The products of all rows with one panel; the first rows fetch the next one.
#[inline(always)]
fn one_panel<V: Vector, const ROWS: usize>(
    left: Left<'_>,
    rows: &mut [&mut [f32]],
    column: usize,
    (panel, next): (&[Lanes], &[Lanes]),
    add: bool,
) {
    let tiles = rows.len().div_ceil(ROWS);
    let full = if ROWS > NARROW && !V::WIDE { rows.len() - rows.len().min(tiles * NARROW) } else { tiles };
    let mut row = 0;
    for index in 0..tiles {
        let count = if index < full { ROWS } else { NARROW }.min(rows.len() - row);
        let tile = &mut rows[row..row + count];
        if index == 0 {
            store(tile, column, &single::<V, ROWS, true>(left, row, panel, next), add);
        } else if count > NARROW || ROWS <= NARROW {
            store(tile, column, &single::<V, ROWS, false>(left, row, panel, &[]), add);
        } else {
            store(tile, column, &single::<V, NARROW, false>(left, row, panel, &[]), add);
        }
        row += count;
    }
}

/// Writes a panel's sums from that column on, or adds them to what is there.
#[inline(always)]
fn store<V: Vector, const ROWS: usize>(rows: &mut [&mut [f32]], column: usize, sums: &[V; ROWS], add: bool) {
    for i in 0..rows.len() {
        let to = &mut rows[i][column..];
        match to.first_chunk_mut() {
            Some(to) => {
                let sum = if add { V::load(to).add(sums[i]) } else { sums[i] };
                sum.store(to);
            }
            None => {
                let mut lanes = [0f32; WIDTH];
                sums[i].store(&mut lanes);
                for (to, lane) in to.iter_mut().zip(&lanes) {
                    *to = if add { *to + lane } else { *lane };
                }
            }
        }
    }
}
