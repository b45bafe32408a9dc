//! The backward pass of one head over one document: probabilities again from the log-sum-exp.

use super::tile::{HeadRows, Lanes, Left, Right, TILE, WIDTH, product};
use crate::kernels::simd::{self, Kernel, Vector};

/// What to compute and where to put it.
pub(super) struct BackwardTask<'a> {
    pub(super) d_out: HeadRows<'a>,
    pub(super) q: HeadRows<'a>,
    pub(super) k: HeadRows<'a>,
    pub(super) v: HeadRows<'a>,
    pub(super) out: HeadRows<'a>,
    /// From the document's first token on.
    pub(super) lse: &'a [f32],
    pub(super) tokens: usize,
    pub(super) scale: f32,
    /// `[tokens][dimension]` each.
    pub(super) dq: &'a mut [f32],
    pub(super) dk: &'a mut [f32],
    pub(super) dv: &'a mut [f32],
}

/// Keys and values of the document, packed both ways.
struct Packed {
    keys: Vec<Lanes>,
    keys_transposed: Vec<Lanes>,
    values_transposed: Vec<Lanes>,
}

/// A tile of queries and of output gradients, as rows and as panels.
struct QueryTile {
    q: Vec<f32>,
    d_out: Vec<f32>,
    q_panels: Vec<Lanes>,
    d_out_panels: Vec<Lanes>,
    /// `Σ out·d_out` of each query.
    mean: [f32; TILE],
}

impl Kernel for BackwardTask<'_> {
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(self) {
        let (tokens, dimension) = (self.tokens, self.q.dimension);
        let padded = dimension.next_multiple_of(WIDTH);
        let packed = self.pack();
        let mut tile = QueryTile::new(dimension);
        let (mut p, mut ds) = ([[0f32; TILE]; TILE], [[0f32; TILE]; TILE]);
        // Padded to whole tiles of tokens and whole panels of features.
        let mut sums_q = vec![0f32; TILE * padded];
        let [mut sums_k, mut sums_v] = [(); 2].map(|()| vec![0f32; tokens.next_multiple_of(TILE) * padded]);
        for first in (0..tokens).step_by(TILE) {
            let rows = TILE.min(tokens - first);
            tile.load::<V>(&self, first, rows);
            sums_q.fill(0.0);
            for key in (0..first + rows).step_by(TILE) {
                let seen = TILE.min(first + rows - key);
                let of_key = |panels| Right { panels, rows: dimension, first: 0, depth: dimension };
                let keys = of_key(&packed.keys_transposed[key / WIDTH * dimension..]);
                product::<V, false, ROWS>(p.as_flattened_mut(), TILE, Left::Rows(&tile.q, dimension), keys, rows, seen);
                let values = of_key(&packed.values_transposed[key / WIDTH * dimension..]);
                let d_out = Left::Rows(&tile.d_out, dimension);
                product::<V, false, ROWS>(ds.as_flattened_mut(), TILE, d_out, values, rows, seen);
                for row in 0..rows {
                    let visible = seen.min(first + row + 1 - key);
                    differentiate::<V>(&mut p[row], &mut ds[row], visible, self.lse[first + row], tile.mean[row]);
                }
                let of_query = |panels| Right { panels, rows: TILE, first: 0, depth: rows };
                let (p_left, ds_left) = (Left::Transposed(&p), Left::Transposed(&ds));
                let here = key * padded..;
                product::<V, true, ROWS>(
                    &mut sums_v[here.clone()],
                    padded,
                    p_left,
                    of_query(&tile.d_out_panels),
                    seen,
                    padded,
                );
                product::<V, true, ROWS>(&mut sums_k[here], padded, ds_left, of_query(&tile.q_panels), seen, padded);
                let keys = Right { panels: &packed.keys, rows: tokens, first: key, depth: seen };
                product::<V, true, ROWS>(&mut sums_q, padded, Left::Rows(ds.as_flattened(), TILE), keys, rows, padded);
            }
            unpad(&sums_q, padded, &mut self.dq[first * dimension..(first + rows) * dimension], dimension, self.scale);
        }
        // The packed queries carry the scale already.
        unpad(&sums_k, padded, self.dk, dimension, 1.0);
        unpad(&sums_v, padded, self.dv, dimension, 1.0);
    }
}

impl BackwardTask<'_> {
    #[inline(always)]
    fn pack(&self) -> Packed {
        let (tokens, dimension) = (self.tokens, self.q.dimension);
        let transposed = || vec![[0f32; WIDTH]; tokens.div_ceil(WIDTH) * dimension];
        let mut packed = Packed {
            keys: vec![[0f32; WIDTH]; dimension.div_ceil(WIDTH) * tokens],
            keys_transposed: transposed(),
            values_transposed: transposed(),
        };
        self.k.pack(0, tokens, 1.0, tokens, &mut packed.keys);
        self.k.pack_transposed(tokens, &mut packed.keys_transposed);
        self.v.pack_transposed(tokens, &mut packed.values_transposed);
        packed
    }
}

impl QueryTile {
    fn new(dimension: usize) -> Self {
        let (rows, panels) = (vec![0f32; TILE * dimension], vec![[0f32; WIDTH]; dimension.div_ceil(WIDTH) * TILE]);
        Self { q: rows.clone(), d_out: rows, q_panels: panels.clone(), d_out_panels: panels, mean: [0.0; TILE] }
    }

    #[inline(always)]
    fn load<V: Vector>(&mut self, task: &BackwardTask<'_>, first: usize, rows: usize) {
        task.q.copy(first, rows, task.scale, &mut self.q);
        task.q.pack(first, rows, task.scale, TILE, &mut self.q_panels);
        task.d_out.copy(first, rows, 1.0, &mut self.d_out);
        task.d_out.pack(first, rows, 1.0, TILE, &mut self.d_out_panels);
        for row in 0..rows {
            self.mean[row] = simd::dot::<V>(task.out.row(first + row), task.d_out.row(first + row));
        }
    }
}

/// Scores → probabilities, and `d_out·v` → gradients of the scores; zero where not visible.
#[inline(always)]
fn differentiate<V: Vector>(p: &mut [f32; TILE], ds: &mut [f32; TILE], visible: usize, lse: f32, mean: f32) {
    for i in 0..TILE {
        p[i] = simd::exp::<V>(p[i] - lse);
        ds[i] = p[i] * (ds[i] - mean);
    }
    p[visible..].fill(0.0);
    ds[visible..].fill(0.0);
}

/// Copies padded rows to adjacent ones.
#[inline(always)]
fn unpad(padded: &[f32], stride: usize, rows: &mut [f32], dimension: usize, scale: f32) {
    for (to, from) in rows.chunks_exact_mut(dimension).zip(padded.chunks_exact(stride)) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = from * scale;
        }
    }
}
