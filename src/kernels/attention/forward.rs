//! The forward pass of one head over one document, or over the last tokens of one.

use super::tile::{HeadRows, Left, Right, TILE, WIDTH, product};
use crate::kernels::simd::{self, Kernel, Vector};

/// What to compute and where to put it.
pub(super) struct ForwardTask<'a> {
    pub(super) q: HeadRows<'a>,
    pub(super) k: HeadRows<'a>,
    pub(super) v: HeadRows<'a>,
    /// Keys and values.
    pub(super) tokens: usize,
    /// How many of them come before the first query.
    pub(super) past: usize,
    pub(super) scale: f32,
    /// `[tokens - past][dimension]`
    pub(super) out: &'a mut [f32],
    /// `[tokens - past]`
    pub(super) lse: &'a mut [f32],
}

/// The running softmax of a tile of queries.
struct Running {
    largest: [f32; TILE],
    sum: [f32; TILE],
}

impl Kernel for ForwardTask<'_> {
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(self) {
        let (tokens, past, dimension) = (self.tokens, self.past, self.q.dimension);
        let (padded, padded_tokens) = (dimension.next_multiple_of(WIDTH), tokens.next_multiple_of(WIDTH));
        let mut keys = vec![[0f32; WIDTH]; padded_tokens / WIDTH * dimension];
        let mut values = vec![[0f32; WIDTH]; padded / WIDTH * tokens];
        self.k.pack_transposed(tokens, &mut keys);
        self.v.pack(0, tokens, 1.0, tokens, &mut values);
        let mut queries = vec![0f32; TILE * dimension];
        let mut sums = vec![0f32; TILE * padded];
        let mut scores = [[0f32; TILE]; TILE];
        let outputs = self.out.chunks_mut(TILE * dimension).zip(self.lse.chunks_mut(TILE));
        for (first, (out, lse)) in (0..tokens - past).step_by(TILE).zip(outputs) {
            let rows = lse.len();
            self.q.copy(first, rows, self.scale, &mut queries);
            sums.fill(0.0);
            let mut running = Running { largest: [f32::NEG_INFINITY; TILE], sum: [0.0; TILE] };
            let end = past + first + rows;
            for key in (0..end).step_by(TILE) {
                let seen = TILE.min(end - key);
                let panels = &keys[key / WIDTH * dimension..];
                let b = Right { panels, rows: dimension, first: 0, depth: dimension };
                let a = Left::Rows(&queries, dimension);
                product::<V, false, ROWS>(scores.as_flattened_mut(), TILE, a, b, rows, seen);
                for row in 0..rows {
                    let visible = seen.min((past + first + row + 1).saturating_sub(key));
                    let shrink = running.take_row::<V>(&mut scores[row], row, visible);
                    if shrink != 1.0 {
                        sums[row * padded..(row + 1) * padded].iter_mut().for_each(|sum| *sum *= shrink);
                    }
                }
                let b = Right { panels: &values, rows: tokens, first: key, depth: seen };
                product::<V, true, ROWS>(&mut sums, padded, Left::Rows(scores.as_flattened(), TILE), b, rows, padded);
            }
            for (row, (out, lse)) in out.chunks_exact_mut(dimension).zip(lse).enumerate() {
                let inverse = 1.0 / running.sum[row];
                for (out, sum) in out.iter_mut().zip(&sums[row * padded..]) {
                    *out = sum * inverse;
                }
                *lse = running.largest[row] + running.sum[row].ln();
            }
        }
    }
}

impl Running {
    /// Turns a row of scores into exponentials (zero where not visible); returns what earlier sums shrink by.
    #[inline(always)]
    fn take_row<V: Vector>(&mut self, scores: &mut [f32; TILE], row: usize, visible: usize) -> f32 {
        scores[visible..].fill(f32::NEG_INFINITY);
        let (before, here) = (self.largest[row], simd::largest::<V>(scores));
        let largest = if here > before { here } else { before };
        scores.iter_mut().for_each(|score| *score = simd::exp::<V>(*score - largest));
        let shrink = if largest == before { 1.0 } else { simd::exp::<V>(before - largest) };
        self.largest[row] = largest;
        self.sum[row] = self.sum[row] * shrink + simd::sum::<V>(scores);
        shrink
    }
}
