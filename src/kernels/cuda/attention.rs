//! Attention on CUDA by tensor cores: `attention_forward.cu`, `attention_backward.cu`.

use std::cmp::Reverse;
use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::{Error, Result};
use crate::kernels::attention::{Heads, Segments};

/// Queries, or keys, of a tile.
const TILE: usize = 128;

/// The names and sizes of the kernels for one head dimension, as their sources say them.
struct Kernels {
    forward: &'static str,
    forward_shared: usize,
    delta: &'static str,
    /// Rows of a head that a block of `delta` takes.
    delta_rows: usize,
    keys: &'static str,
    keys_shared: usize,
    queries: &'static str,
    queries_shared: usize,
}

const KERNELS_64: Kernels = Kernels {
    forward: "attention_forward_d64",
    forward_shared: 32_768,
    delta: "attention_delta_d64",
    delta_rows: 32,
    keys: "attention_backward_keys_d64",
    keys_shared: 66_560,
    queries: "attention_backward_queries_d64",
    queries_shared: 32_768,
};

const KERNELS_128: Kernels = Kernels {
    forward: "attention_forward_d128",
    forward_shared: 65_536,
    delta: "attention_delta_d128",
    delta_rows: 16,
    keys: "attention_backward_keys_d128",
    keys_shared: 98_816,
    queries: "attention_backward_queries_d128",
    queries_shared: 65_536,
};

fn kernels(heads: Heads) -> Result<&'static Kernels> {
    match heads.dimension {
        64 => Ok(&KERNELS_64),
        128 => Ok(&KERNELS_128),
        other => Err(Error::new("the dimension of a head").got(other).expected("64 or 128")),
    }
}

/// The engine, if the kernels fit.
pub(in crate::kernels) fn engine(tensors: &[&Tensor], heads: Heads) -> Option<Engine> {
    let fits = fits(tensors.first()?.dtype(), heads.dimension);
    Engine::of(tensors).filter(|_| fits)
}

/// Whether there are kernels for heads of that dimension.
pub(in crate::kernels) fn fits(dtype: DType, dimension: usize) -> bool {
    matches!(dtype, DType::BF16 | DType::F16) && matches!(dimension, 64 | 128)
}

/// Tiles of queries: first row, rows, row of the document's first key, position of the first query in the document. Those
/// that see most keys come first, so that no long one is left alone at the end.
fn query_tiles(documents: impl Iterator<Item = Range<usize>>, past: usize) -> Vec<[u32; 4]> {
    let tiles = documents.flat_map(|document| {
        document.clone().step_by(TILE).map(move |first| {
            let rows = TILE.min(document.end - first);
            [first, rows, document.start, past + first - document.start].map(|x| x as u32)
        })
    });
    let mut tiles: Vec<[u32; 4]> = tiles.collect();
    tiles.sort_by_key(|tile| Reverse(tile[3]));
    tiles
}

/// Tiles of keys: first row, rows, the row after the document's last. Those that most queries see come first.
fn key_tiles(segments: &Segments) -> Vec<[u32; 3]> {
    let tiles = segments.iter().flat_map(|document| {
        let end = document.end;
        document.step_by(TILE).map(move |first| [first, TILE.min(end - first), end].map(|x| x as u32))
    });
    let mut tiles: Vec<[u32; 3]> = tiles.collect();
    tiles.sort_by_key(|tile| Reverse(tile[2] - tile[0]));
    tiles
}

/// The tiles of some documents on a device.
#[derive(Debug, Clone)]
pub(in crate::kernels) struct Tiles {
    /// `[tiles, 4]` u32, see [`query_tiles`].
    queries: Tensor,
    /// `[tiles, 3]` u32, see [`key_tiles`].
    keys: Tensor,
}

impl Tiles {
    pub fn new(segments: &Segments, device: &Device) -> Result<Self> {
        Ok(Self {
            queries: on_device(&query_tiles(segments.iter(), 0), device)?,
            keys: on_device(&key_tiles(segments), device)?,
        })
    }

    pub fn are_on(&self, device: &Device) -> bool {
        self.queries.device().same_device(device)
    }
}

fn on_device<const N: usize>(tiles: &[[u32; N]], device: &Device) -> Result<Tensor> {
    Ok(Tensor::from_slice(tiles.as_flattened(), (tiles.len(), N), device)?)
}

/// Output and log-sum-exp of each query.
pub(in crate::kernels) fn forward(
    engine: &Engine,
    [q, k, v]: [&Tensor; 3],
    heads: Heads,
    segments: &Segments,
) -> Result<(Tensor, Tensor)> {
    attend(engine, [q, k, v], heads, &segments.tiles(q.device())?.queries)
}

/// As [`forward`] for the last tokens of one document.
pub(in crate::kernels) fn forward_after(engine: &Engine, [q, k, v]: [&Tensor; 3], heads: Heads) -> Result<Tensor> {
    let (queries, keys) = (q.dim(0)?, k.dim(0)?);
    let tiles = query_tiles(std::iter::once(0..queries), keys - queries);
    Ok(attend(engine, [q, k, v], heads, &on_device(&tiles, q.device())?)?.0)
}

fn attend(engine: &Engine, [q, k, v]: [&Tensor; 3], heads: Heads, tiles: &Tensor) -> Result<(Tensor, Tensor)> {
    let (kernels, tokens) = (kernels(heads)?, q.dim(0)?);
    let out = engine.empty(q.dims(), q.dtype())?;
    let lse = engine.empty(&[heads.query, tokens], DType::F32)?;
    let count = tiles.dim(0)?;
    if count == 0 {
        return Ok((out, lse));
    }
    engine.run(&Launch {
        kernel: kernels.forward,
        dtype: Some(q.dtype()),
        grid: [count, heads.query, 1],
        threads: 128,
        shared: kernels.forward_shared,
        arguments: &[
            Argument::Output(&out),
            Argument::Output(&lse),
            Argument::Input(q),
            Argument::Input(k),
            Argument::Input(v),
            Argument::Input(tiles),
            Argument::Int(heads.query as i32),
            Argument::Int(heads.key_value as i32),
            Argument::Int(tokens as i32),
            Argument::Float(heads.scale() as f32),
        ],
    })?;
    Ok((out, lse))
}

/// What a forward pass read and wrote.
pub(in crate::kernels) struct Saved<'a> {
    pub q: &'a Tensor,
    pub k: &'a Tensor,
    pub v: &'a Tensor,
    pub out: &'a Tensor,
    pub lse: &'a Tensor,
}

/// Gradients by queries, keys and values; every sum has one owner and a fixed order.
pub(in crate::kernels) fn backward(
    engine: &Engine,
    d_out: &Tensor,
    saved: &Saved<'_>,
    heads: Heads,
    segments: &Segments,
) -> Result<(Tensor, Tensor, Tensor)> {
    let Saved { q, k, v, lse, .. } = *saved;
    let kernels = kernels(heads)?;
    let [dq, dk, dv] = [q, k, v].map(|like| engine.empty(like.dims(), like.dtype()));
    let (dq, dk, dv) = (dq?, dk?, dv?);
    if segments.is_empty() {
        return Ok((dq, dk, dv));
    }
    let delta = delta(engine, d_out, saved.out, heads, kernels)?;
    let tiles = segments.tiles(q.device())?;
    let sizes = [heads.query, heads.key_value, segments.tokens()].map(|size| Argument::Int(size as i32));
    let inputs = [d_out, q, k, v, lse, &delta].map(Argument::Input);
    let rest =
        |tiles| [&inputs[..], &[Argument::Input(tiles)], &sizes, &[Argument::Float(heads.scale() as f32)]].concat();
    engine.run(&Launch {
        kernel: kernels.keys,
        dtype: Some(q.dtype()),
        grid: [tiles.keys.dim(0)?, heads.key_value, 1],
        threads: 256,
        shared: kernels.keys_shared,
        arguments: &[vec![Argument::Output(&dk), Argument::Output(&dv)], rest(&tiles.keys)].concat(),
    })?;
    engine.run(&Launch {
        kernel: kernels.queries,
        dtype: Some(q.dtype()),
        grid: [tiles.queries.dim(0)?, heads.query, 1],
        threads: 256,
        shared: kernels.queries_shared,
        arguments: &[vec![Argument::Output(&dq)], rest(&tiles.queries)].concat(),
    })?;
    Ok((dq, dk, dv))
}

/// `out·d_out` of each query and head, `[query, tokens]` f32: the mean that the softmax's gradient subtracts.
fn delta(engine: &Engine, d_out: &Tensor, out: &Tensor, heads: Heads, kernels: &Kernels) -> Result<Tensor> {
    let tokens = out.dim(0)?;
    let delta = engine.empty(&[heads.query, tokens], DType::F32)?;
    engine.run(&Launch {
        kernel: kernels.delta,
        dtype: Some(out.dtype()),
        grid: [(tokens * heads.query).div_ceil(kernels.delta_rows), 1, 1],
        threads: 256,
        shared: 0,
        arguments: &[
            Argument::Output(&delta),
            Argument::Input(out),
            Argument::Input(d_out),
            Argument::Int(heads.query as i32),
            Argument::Int(tokens as i32),
        ],
    })?;
    Ok(delta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::attention::reference;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, random};

    /// Probabilities and their gradients are rounded to the storage type before the products that use them.
    fn bound(dtype: DType) -> f64 {
        if dtype == DType::BF16 { 1e-2 } else { 2e-3 }
    }

    fn inputs(heads: Heads, tokens: usize, dtype: DType) -> Result<[Tensor; 4]> {
        let of = |name, width| random(name, &[tokens, width], dtype);
        let (wide, narrow) = (heads.query_width(), heads.key_value_width());
        Ok([of("q", wide)?, of("k", narrow)?, of("v", narrow)?, of("d_out", wide)?])
    }

    #[test]
    fn gradients_of_documents_in_tiles_equal_the_reference() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        let cases = [
            (DType::BF16, 64, (2, 1), vec![0, 1, 6, 69, 134]),
            (DType::F16, 128, (1, 1), vec![0, 65, 265]),
            (DType::BF16, 128, (2, 2), vec![0, 129]),
        ];
        for (dtype, dimension, (query, key_value), bounds) in cases {
            let (heads, segments) = (Heads { query, key_value, dimension }, Segments::new(bounds)?);
            let [q, k, v, d_out] = inputs(heads, segments.tokens(), dtype)?;
            let [q64, k64, v64, d64] = [&q, &k, &v, &d_out].map(|t| t.to_dtype(DType::F64));
            let (q64, k64, v64, d64) = (q64?, k64?, v64?, d64?);
            let (want, want_lse) = reference::forward(&q64, &k64, &v64, heads, &segments)?;
            let (out, lse) = forward(&engine, [&q, &k, &v], heads, &segments)?;
            assert_close(bound(dtype), &[("out", &out, &want)])?;
            assert_close(1e-5, &[("lse", &lse, &want_lse)])?;
            let saved = Saved { q: &q, k: &k, v: &v, out: &out, lse: &lse };
            let got = backward(&engine, &d_out, &saved, heads, &segments)?;
            let want = reference::backward(&d64, &q64, &k64, &v64, &want, &want_lse, heads, &segments)?;
            let pairs = [("dq", &got.0, &want.0), ("dk", &got.1, &want.1), ("dv", &got.2, &want.2)];
            assert_close(bound(dtype), &pairs)?;
        }
        Ok(())
    }

    #[test]
    fn the_last_tokens_of_a_document_see_all_before_them() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        // A past of 62 puts the first masked key at the very end of a tile of keys.
        for (past, queries) in [(62, 3), (64, 130), (200, 1)] {
            let heads = Heads { query: 2, key_value: 1, dimension: 64 };
            let [q, k, v, _] = inputs(heads, past + queries, DType::BF16)?;
            let q = q.narrow(0, past, queries)?;
            let [q64, k64, v64] = [&q, &k, &v].map(|t| t.to_dtype(DType::F64));
            let want = reference::forward_after(&q64?, &k64?, &v64?, heads)?;
            let got = forward_after(&engine, [&q, &k, &v], heads)?;
            assert_close(bound(DType::BF16), &[("out", &got, &want)])?;
        }
        Ok(())
    }

    #[test]
    fn tiles_cover_every_row_once_and_the_longest_work_comes_first() -> Result<()> {
        let segments = Segments::new(vec![0, 300, 310])?;
        let tiles = [[256, 44, 0, 256], [128, 128, 0, 128], [0, 128, 0, 0], [300, 10, 300, 0]];
        assert_eq!(query_tiles(segments.iter(), 0), tiles);
        assert_eq!(key_tiles(&segments), [[0, 128, 300], [128, 128, 300], [256, 44, 300], [300, 10, 310]]);
        assert_eq!(query_tiles(std::iter::once(0..130), 7), [[128, 2, 0, 135], [0, 128, 0, 7]]);
        Ok(())
    }
}
