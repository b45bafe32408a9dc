use candle_core::{D, DType, Device, Tensor};

use super::backward::BackwardTask;
use super::forward::ForwardTask;
use super::tile::HeadRows;
use super::*;
use crate::kernels::oracle::{assert_close, gradients, random};
use crate::kernels::simd::at_each_level;

struct Case {
    heads: Heads,
    segments: Segments,
    inputs: [Tensor; 3],
    d_out: Tensor,
}

fn case(query: usize, key_value: usize, dimension: usize, bounds: &[u32], dtype: DType) -> Result<Case> {
    let heads = Heads { query, key_value, dimension };
    let segments = Segments::new(bounds.to_vec())?;
    let tokens = segments.tokens();
    let inputs = [
        random("q", &[tokens, heads.query_width()], dtype)?,
        random("k", &[tokens, heads.key_value_width()], dtype)?,
        random("v", &[tokens, heads.key_value_width()], dtype)?,
    ];
    Ok(Case { heads, segments, inputs, d_out: random("d_out", &[tokens, heads.query_width()], dtype)? })
}

/// Attention written another way: all tokens at once, one mask for causality and documents, repeated key-value heads.
fn plain(q: &Tensor, k: &Tensor, v: &Tensor, heads: Heads, segments: &Segments) -> Result<Tensor> {
    let tokens = segments.tokens();
    let document = |token: usize| segments.iter().position(|range| range.contains(&token));
    let mask: Vec<f64> = (0..tokens * tokens)
        .map(|i| (i / tokens, i % tokens))
        .map(|(query, key)| if key <= query && document(key) == document(query) { 0.0 } else { f64::NEG_INFINITY })
        .collect();
    let mask = Tensor::from_vec(mask, (tokens, tokens), &Device::Cpu)?;
    let mut outs = Vec::new();
    for head in 0..heads.query {
        let shared = head / heads.group();
        let of = |x: &Tensor, head: usize| x.narrow(1, head * heads.dimension, heads.dimension);
        let scores = (of(q, head)?.matmul(&of(k, shared)?.t()?)? * heads.scale())?.broadcast_add(&mask)?;
        let exponentials = scores.exp()?;
        let probabilities = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?;
        outs.push(probabilities.matmul(&of(v, shared)?)?);
    }
    Ok(Tensor::cat(&outs, 1)?)
}

const BOUNDS: [&[u32]; 5] = [&[0, 1], &[0, 1, 2, 9], &[0, 48, 49, 130], &[0, 50], &[0, 3, 100, 101]];

#[test]
fn the_reference_equals_autograd_over_one_big_mask_in_f64() -> Result<()> {
    for bounds in BOUNDS {
        for (query, key_value, dimension) in [(1, 1, 4), (4, 2, 3), (3, 1, 16)] {
            let Case { heads, segments, inputs: [q, k, v], d_out } =
                case(query, key_value, dimension, bounds, DType::F64)?;
            let (want, [dq, dk, dv]) = gradients([&q, &k, &v], &d_out, |[q, k, v]| plain(q, k, v, heads, &segments))?;
            let (out, lse) = forward(&q, &k, &v, heads, &segments)?;
            let got = backward(&d_out, &q, &k, &v, &out, &lse, heads, &segments)?;
            assert_close(1e-12, &[("out", &out, &want), ("dv", &got.2, &dv)])?;
            // One token alone has no gradient by query and key but rounding.
            if segments.longest() > 1 {
                assert_close(1e-12, &[("dq", &got.0, &dq), ("dk", &got.1, &dk)])?;
            }
        }
    }
    Ok(())
}

#[test]
fn the_fast_path_equals_the_reference() -> Result<()> {
    let heads = [(1, 1, 1), (4, 2, 3), (6, 2, 16), (2, 2, 20), (4, 1, 64), (2, 1, 128)];
    for bounds in BOUNDS.into_iter().chain([&[0u32][..], &[0, 300, 301, 333]]) {
        for (query, key_value, dimension) in heads {
            let Case { heads, segments, inputs: [q, k, v], d_out } =
                case(query, key_value, dimension, bounds, DType::F32)?;
            let wide = |x: &Tensor| x.to_dtype(DType::F64);
            let (out, lse) = forward(&q, &k, &v, heads, &segments)?;
            let (q64, k64, v64, d64) = (wide(&q)?, wide(&k)?, wide(&v)?, wide(&d_out)?);
            let (want, want_lse) = reference::forward(&q64, &k64, &v64, heads, &segments)?;
            assert_close(2e-6, &[("out", &out, &want), ("lse", &lse, &want_lse)])?;
            let got = backward(&d_out, &q, &k, &v, &out, &lse, heads, &segments)?;
            let d = reference::backward(&d64, &q64, &k64, &v64, &want, &want_lse, heads, &segments)?;
            assert_close(2e-6, &[("dv", &got.2, &d.2)])?;
            if segments.longest() > 1 {
                assert_close(2e-6, &[("dq", &got.0, &d.0), ("dk", &got.1, &d.1)])?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_document_does_not_see_its_neighbours() -> Result<()> {
    let Case { heads, segments, inputs: [q, k, v], .. } = case(2, 1, 16, &[0, 70, 75, 140], DType::F32)?;
    let (together, _) = forward(&q, &k, &v, heads, &segments)?;
    for range in segments.iter() {
        let part = |x: &Tensor| x.narrow(0, range.start, range.len());
        let (alone, _) = forward(&part(&q)?, &part(&k)?, &part(&v)?, heads, &Segments::one(range.len()))?;
        assert_eq!(part(&together)?.to_vec2::<f32>()?, alone.to_vec2::<f32>()?);
    }
    Ok(())
}

/// The last tokens of a document, in chunks of some size, against the whole of it.
fn chunks_equal_the_whole(dtype: DType, bound: f64) -> Result<()> {
    for (tokens, chunk) in [(1, 1), (100, 33), (130, 48), (150, 7)] {
        let Case { heads, segments, inputs: [q, k, v], .. } = case(6, 2, 20, &[0, tokens], dtype)?;
        let (want, _) = forward(&q, &k, &v, heads, &segments)?;
        for first in (0..tokens as usize).step_by(chunk) {
            let length = chunk.min(tokens as usize - first);
            let part = |x: &Tensor| x.narrow(0, first, length);
            let seen = |x: &Tensor| x.narrow(0, 0, first + length);
            let got = forward_after(&part(&q)?, &seen(&k)?, &seen(&v)?, heads)?;
            assert_close(bound, &[("chunk", &got, &part(&want)?)])?;
        }
        assert!(forward_after(&q, &k.narrow(0, 0, tokens as usize - 1)?, &v, heads).is_err());
    }
    Ok(())
}

#[test]
fn a_document_read_in_chunks_is_attended_to_as_a_whole() -> Result<()> {
    chunks_equal_the_whole(DType::F64, 1e-13)?;
    chunks_equal_the_whole(DType::F32, 1e-6)
}

#[test]
fn scores_of_any_size_keep_the_softmax_finite_and_a_nan_stays_in_its_document() -> Result<()> {
    let Case { heads, segments, inputs: [q, k, v], .. } = case(1, 1, 16, &[0, 60, 120], DType::F32)?;
    let (out, lse) = forward(&(&q * 1e3)?, &(&k * 1e3)?, &v, heads, &segments)?;
    assert!(out.abs()?.max_all()?.to_scalar::<f32>()? <= v.abs()?.max_all()?.to_scalar::<f32>()?);
    assert!(lse.to_vec2::<f32>()?.concat().iter().all(|x| x.is_finite()));
    let poison = Tensor::full(f32::NAN, (1, 16), &Device::Cpu)?;
    k.slice_set(&poison, 0, 61)?;
    let rows = forward(&q, &k, &v, heads, &segments)?.0.to_vec2::<f32>()?;
    let poisoned: Vec<bool> = rows.iter().map(|row| row.iter().any(|x| x.is_nan())).collect();
    assert!(poisoned[..61].iter().all(|p| !p) && poisoned[61..].iter().all(|p| *p));
    Ok(())
}

/// Rows of different lengths, decoded token by token, against all tokens at once.
fn decode_equals_forward(dtype: DType, bound: f64) -> Result<()> {
    let Case { heads, segments, inputs: [q, k, v], .. } = case(6, 2, 20, &[0, 5, 12, 13], dtype)?;
    let (want, _) = forward(&q, &k, &v, heads, &segments)?;
    let capacity = 9;
    let [k_cache, v_cache] = [(); 2].map(|()| {
        let features = heads.key_value_width();
        Tensor::full(f32::NAN, (3, capacity, features), &Device::Cpu).and_then(|t| t.to_dtype(dtype)?.copy())
    });
    let (k_cache, v_cache) = (k_cache?, v_cache?);
    // All but the last token of each document in one write; then one step.
    let (mut rows, mut positions, mut earlier, mut last) = (vec![], vec![], vec![], vec![]);
    for (row, range) in segments.iter().enumerate() {
        for token in range.clone() {
            if token + 1 < range.end {
                rows.push(row);
                positions.push(token - range.start);
                earlier.push(token as u32);
            } else {
                last.push(token as u32);
            }
        }
    }
    let pick = |x: &Tensor, tokens: &[u32]| x.index_select(&Tensor::new(tokens, &Device::Cpu)?, 0);
    let lengths: Vec<usize> = segments.iter().map(|range| range.len()).collect();
    let ends: Vec<usize> = lengths.iter().map(|length| length - 1).collect();
    for (cache, new) in [(&k_cache, &k), (&v_cache, &v)] {
        cache_write(cache, &rows, &positions, &pick(new, &earlier)?)?;
        cache_write(cache, &[0, 1, 2], &ends, &pick(new, &last)?)?;
    }
    // What is beyond a row's length must not matter; the fast path never reads it, NaN or not.
    let caches = if dtype == DType::F32 {
        (k_cache, v_cache)
    } else {
        let zero_nan = |x: Tensor| x.eq(&x)?.where_cond(&x, &x.zeros_like()?);
        (zero_nan(k_cache)?, zero_nan(v_cache)?)
    };
    let got = decode(&pick(&q, &last)?, &caches.0, &caches.1, heads, &lengths)?;
    assert_close(bound, &[("decoded", &got, &pick(&want, &last)?)])
}

#[test]
fn decoding_with_a_cache_equals_attention_over_all_tokens() -> Result<()> {
    decode_equals_forward(DType::F64, 1e-13)?;
    decode_equals_forward(DType::F32, 1e-6)
}

#[test]
fn a_place_outside_the_cache_and_a_length_of_zero_are_refused() -> Result<()> {
    let cache = Tensor::zeros((2, 3, 4), DType::F32, &Device::Cpu)?;
    let new = Tensor::ones((1, 4), DType::F32, &Device::Cpu)?;
    assert!(cache_write(&cache, &[2], &[0], &new).is_err());
    assert!(cache_write(&cache, &[0], &[3], &new).is_err());
    let heads = Heads { query: 1, key_value: 1, dimension: 4 };
    let q = Tensor::ones((2, 4), DType::F32, &Device::Cpu)?;
    assert!(decode(&q, &cache, &cache, heads, &[1, 0]).is_err());
    assert!(decode(&q, &cache, &cache, heads, &[1, 4]).is_err());
    Ok(())
}

/// One head at a level narrower than this processor's best: `[q, k, v, d_out]` → `[out, lse, dq, dk, dv]`.
fn one_head(inputs: &[Vec<f32>; 4], tokens: usize, dimension: usize) -> Vec<[Vec<f32>; 5]> {
    let [q, k, v, d_out] = inputs.each_ref().map(|values| HeadRows { values, stride: dimension, dimension });
    let empty = || {
        [tokens * dimension, tokens, tokens * dimension, tokens * dimension, tokens * dimension].map(|n| vec![0f32; n])
    };
    let scale = 1.0 / (dimension as f32).sqrt();
    let mut results = vec![empty(), empty(), empty()];
    let mut each = results.iter_mut();
    at_each_level(|| {
        let [out, lse, ..] = each.next().unwrap();
        ForwardTask { q, k, v, tokens, past: 0, scale, out, lse }
    });
    let levels = 3 - each.len();
    results.truncate(levels);
    let mut each = results.iter_mut();
    at_each_level(|| {
        let [out, lse, dq, dk, dv] = each.next().unwrap();
        let out = HeadRows { values: out, stride: dimension, dimension };
        BackwardTask { d_out, q, k, v, out, lse, tokens, scale, dq, dk, dv }
    });
    results
}

#[test]
fn narrower_instructions_give_the_same_attention() -> Result<()> {
    for (tokens, dimension) in [(1, 8), (77, 20), (150, 64)] {
        let Case { inputs: [q, k, v], d_out, .. } = case(1, 1, dimension, &[0, tokens as u32], DType::F32)?;
        let mut inputs: [Vec<f32>; 4] = Default::default();
        for (values, tensor) in inputs.iter_mut().zip([&q, &k, &v, &d_out]) {
            *values = tensor.flatten_all()?.to_vec1()?;
        }
        let levels = one_head(&inputs, tokens, dimension);
        for level in &levels[1..] {
            for (got, expected) in level.iter().zip(&levels[0]) {
                let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu);
                assert!(crate::kernels::oracle::error(&tensor(got)?, &tensor(expected)?)? < 2e-6 || tokens == 1);
            }
        }
    }
    Ok(())
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() -> Result<()> {
    let Case { heads, segments, inputs: [q, k, v], d_out } = case(6, 3, 20, &[0, 130, 131, 200], DType::F32)?;
    let all = |threads: usize| -> Result<Vec<f32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (out, lse) = forward(&q, &k, &v, heads, &segments)?;
            let (dq, dk, dv) = backward(&d_out, &q, &k, &v, &out, &lse, heads, &segments)?;
            let cache = |x: &Tensor| x.reshape((2, 100, heads.key_value_width()));
            let decoded = decode(&q.narrow(0, 0, 2)?, &cache(&k)?, &cache(&v)?, heads, &[100, 37])?;
            let flat = [out, lse, dq, dk, dv, decoded].map(|x| x.flatten_all().and_then(|x| x.to_vec1::<f32>()));
            Ok(flat.into_iter().collect::<candle_core::Result<Vec<_>>>()?.concat())
        })
    };
    let one = all(1)?;
    assert!(one == all(2)? && one == all(5)?);
    Ok(())
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn documents_of_any_lengths_and_heads_of_any_shape_agree_with_the_reference(
        lengths in proptest::collection::vec(1u32..120, 1..6),
        key_value in 1usize..4, group in 1usize..4, dimension in 1usize..70,
    ) {
        let mut bounds = vec![0];
        bounds.extend(lengths.iter().scan(0, |end, length| { *end += length; Some(*end) }));
        let compare = || -> Result<()> {
            let Case { heads, segments, inputs: [q, k, v], d_out } =
                case(key_value * group, key_value, dimension, &bounds, DType::F32)?;
            let (out, lse) = forward(&q, &k, &v, heads, &segments)?;
            let (want, want_lse) = reference::forward(&q, &k, &v, heads, &segments)?;
            let d = backward(&d_out, &q, &k, &v, &out, &lse, heads, &segments)?;
            let want_d = reference::backward(&d_out, &q, &k, &v, &want, &want_lse, heads, &segments)?;
            assert_close(5e-6, &[("out", &out, &want), ("lse", &lse, &want_lse), ("dv", &d.2, &want_d.2)])?;
            if segments.longest() > 1 {
                assert_close(1e-5, &[("dq", &d.0, &want_d.0), ("dk", &d.1, &want_d.1)])?;
            }
            Ok(())
        };
        proptest::prop_assert!(compare().is_ok());
    }
}
