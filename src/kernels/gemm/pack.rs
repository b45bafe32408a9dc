//! Operands in the order in which the inner loop reads them.

use std::cell::Cell;
use std::ops::Range;

use super::View;
use crate::kernels::parallel;
use crate::kernels::simd::{Lanes, WIDTH};

/// Most rows of a block of the right operand: with this many, 12 rows of the left one fit the first cache.
pub(super) const DEPTH: usize = 384;

/// Panels that stay in the second cache while the rows of a task pass by: 384 columns.
pub(super) const GROUP: usize = 24;

thread_local! {
    /// The memory of earlier right operands, for the next.
    static RIGHT: Cell<Vec<Vec<Lanes>>> = const { Cell::new(Vec::new()) };
    /// The memory of the last block of a left operand.
    static LEFT: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// At least `len` elements of this thread's memory for left operands; give it back with [`put_left`].
pub(super) fn take_left(len: usize) -> Vec<f32> {
    // Taken, not borrowed: a task that runs inside another one on the same thread gets memory of its own.
    let mut memory = LEFT.take();
    if memory.len() < len {
        memory.resize(len, 0.0);
    }
    memory
}

/// Keeps the memory for the next task of this thread.
pub(super) fn put_left(memory: Vec<f32>) {
    LEFT.set(memory);
}

/// The right operand: block after block of rows, each panel after panel of columns.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Packed<'a> {
    panels: &'a [Lanes],
    /// Rows: the `k` of the product.
    pub(super) rows: usize,
    /// Columns without the padding.
    pub(in crate::kernels) columns: usize,
}

impl Packed<'_> {
    /// Packs `b`, in parallel if it is to be, and calls `f` with the result.
    pub(in crate::kernels) fn with<R>(b: View<'_>, parallel: bool, f: impl FnOnce(Packed<'_>) -> R) -> R {
        let mut kept = RIGHT.take();
        let memory = kept.pop().unwrap_or_default();
        RIGHT.set(kept);
        let panels = Panels::pack(b, parallel, memory);
        let result = f(panels.packed());
        let mut kept = RIGHT.take();
        kept.push(panels.memory);
        RIGHT.set(kept);
        result
    }
}

/// A right operand that is packed once for many products.
#[derive(Debug)]
pub(in crate::kernels) struct Panels {
    memory: Vec<Lanes>,
    rows: usize,
    columns: usize,
}

impl Panels {
    /// Packs `b`.
    pub(in crate::kernels) fn new(b: View<'_>) -> Self {
        Self::pack(b, true, Vec::new())
    }

    /// The operand as products take it.
    pub(in crate::kernels) fn packed(&self) -> Packed<'_> {
        let used = self.rows * self.columns.div_ceil(WIDTH);
        Packed { panels: self.memory.get(..used).unwrap_or_default(), rows: self.rows, columns: self.columns }
    }

    fn pack(b: View<'_>, parallel: bool, mut memory: Vec<Lanes>) -> Self {
        let (rows, columns) = b.shape;
        let panels = columns.div_ceil(WIDTH);
        if memory.len() < rows * panels {
            memory.resize(rows * panels, [0.0; WIDTH]);
        }
        let mut tasks = Vec::with_capacity(panels);
        let mut rest = memory.as_mut_slice();
        for (first, depth) in blocks(rows) {
            let (block, after) = rest.split_at_mut(depth * panels);
            tasks.extend(block.chunks_exact_mut(depth).enumerate().map(|(index, panel)| (first, index, panel)));
            rest = after;
        }
        let pack = |(first, index, panel): (usize, usize, &mut [Lanes])| fill(panel, b, first, index * WIDTH);
        if parallel {
            parallel::each_of_many(tasks, pack);
        } else {
            tasks.into_iter().for_each(pack);
        }
        Self { memory, rows, columns }
    }
}

/// A part of the right operand.
#[derive(Clone)]
pub(super) struct Part {
    /// Rows: whole blocks.
    pub(super) depth: Range<usize>,
    /// Panels of columns.
    pub(super) panels: Range<usize>,
}

/// Elements of a part: 4 MiB, which the last cache has room for.
const PART: usize = 1 << 20;
/// Rows of a part of an operand with many rows and columns: sums are written and read again once for each part.
const PART_ROWS: usize = 2048;

impl<'a> Packed<'a> {
    /// An operand of that shape without its elements.
    #[cfg(test)]
    pub(super) fn empty(panels: &'a [Lanes], rows: usize, columns: usize) -> Self {
        Self { panels, rows, columns }
    }

    /// The parts in which a product goes through the operand: rows last, so that sums are made in order.
    pub(super) fn parts(&self) -> Vec<Part> {
        let count = self.columns.div_ceil(WIDTH);
        let block = blocks(self.rows).next().map_or(1, |(_, length)| length);
        let rows = (PART / (count * WIDTH).max(1)).max(PART_ROWS).min(self.rows.max(1));
        let rows = (rows / block).max(1) * block;
        let panels = (PART / (rows * WIDTH)).next_multiple_of(GROUP).min(count.max(1));
        let mut parts = Vec::new();
        for first in (0..self.rows).step_by(rows) {
            for panel in (0..count).step_by(panels) {
                parts.push(Part {
                    depth: first..(first + rows).min(self.rows),
                    panels: panel..(panel + panels).min(count),
                });
            }
        }
        parts
    }

    /// The panels of the block of `depth` rows from row `first`, one after another.
    #[inline(always)]
    pub(super) fn block(&self, first: usize, depth: usize) -> &'a [Lanes] {
        let panels = self.columns.div_ceil(WIDTH);
        &self.panels[first * panels..(first + depth) * panels]
    }
}

/// First row and length of blocks of about equal length, at most [`DEPTH`].
pub(super) fn blocks(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let length = rows.div_ceil(rows.div_ceil(DEPTH).max(1)).max(1);
    (0..rows).step_by(length).map(move |first| (first, length.min(rows - first)))
}

/// One panel: rows from `first`, columns from `column`, zero beyond the last.
fn fill(panel: &mut [Lanes], b: View<'_>, first: usize, column: usize) {
    let (row_stride, column_stride) = b.strides;
    let columns = WIDTH.min(b.shape.1 - column);
    let values = &b.values[first * row_stride + column * column_stride..];
    if column_stride == 1 {
        for (k, lanes) in panel.iter_mut().enumerate() {
            let from = &values[k * row_stride..k * row_stride + columns];
            match from.first_chunk::<WIDTH>() {
                Some(from) => *lanes = *from,
                None => {
                    *lanes = [0.0; WIDTH];
                    lanes[..columns].copy_from_slice(from);
                }
            }
        }
        return;
    }
    if columns < WIDTH {
        panel.fill([0.0; WIDTH]);
    }
    if row_stride == 1 && columns == WIDTH {
        let sources: [&[f32]; WIDTH] =
            std::array::from_fn(|lane| &values[lane * column_stride..lane * column_stride + panel.len()]);
        return transpose(panel, &sources);
    }
    for lane in 0..columns {
        for (k, lanes) in panel.iter_mut().enumerate() {
            lanes[lane] = values[lane * column_stride + k * row_stride];
        }
    }
}

/// Columns of a panel that are read in one turn of [`transpose`]: a line of memory each.
const TURN: usize = 16;

/// Sixteen columns, each adjacent in memory, side by side.
fn transpose(panel: &mut [Lanes], sources: &[&[f32]; WIDTH]) {
    let (turns, rest) = panel.as_chunks_mut::<TURN>();
    let done = turns.len() * TURN;
    for (turn, lanes) in turns.iter_mut().enumerate() {
        let mut square = [[0f32; TURN]; WIDTH];
        for (row, source) in square.iter_mut().zip(sources) {
            row.copy_from_slice(&source[turn * TURN..(turn + 1) * TURN]);
        }
        for (k, lanes) in lanes.iter_mut().enumerate() {
            for (lane, row) in lanes.iter_mut().zip(&square) {
                *lane = row[k];
            }
        }
    }
    for (k, lanes) in rest.iter_mut().enumerate() {
        for (lane, source) in lanes.iter_mut().zip(sources) {
            *lane = source[done + k];
        }
    }
}
