//! What each kernel is given, what it must do at least, and how exact it must be.

use candle_core::{DType, Device, Tensor};

use super::{Bench, Case, Work};
use crate::error::Result;
use crate::kernels::adamw::{self, AdamwStep};
use crate::kernels::adamw_8bit::{Maps, Moments};
use crate::kernels::attention::{self, Heads, Segments};
use crate::kernels::matmul::{linear, linear_input_gradient, linear_weight_gradient};
use crate::kernels::quantized::{Int8, Nf4};
use crate::kernels::rope::RotaryTable;
use crate::kernels::{adamw_8bit, cross_entropy, dropout, embedding, rms_norm, rope, swiglu};
use crate::random::Stream;

/// A product of two matrices.
type Multiply = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// The shape of a model and of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shapes {
    /// Tokens of a batch.
    pub tokens: usize,
    /// Tokens of each document of the batch; what is left over is a shorter first one.
    pub document: usize,
    /// Features of the residual stream.
    pub hidden: usize,
    /// Features inside the MLP.
    pub mlp: usize,
    /// Query heads; as many key-value heads.
    pub heads: usize,
    /// Features of a head.
    pub dimension: usize,
    /// Entries of the head.
    pub vocabulary: usize,
}

impl Shapes {
    /// Llama 2 7B.
    pub const LLAMA_7B: Self =
        Self { tokens: 2048, document: 1536, hidden: 4096, mlp: 11_008, heads: 32, dimension: 128, vocabulary: 32_000 };
    /// What a CPU checks in seconds.
    pub const SMALL: Self =
        Self { tokens: 256, document: 192, hidden: 768, mlp: 2048, heads: 12, dimension: 64, vocabulary: 8_000 };

    /// Batches of another size, for the same model.
    #[must_use]
    pub const fn of(self, tokens: usize, document: usize) -> Self {
        Self { tokens, document, ..self }
    }
}

pub(super) fn elementwise(bench: &mut Bench<'_>, s: &Shapes) -> Result<()> {
    let (rows, wide, weight): (&[usize], &[usize], &[usize]) = (&[s.tokens, s.hidden], &[s.tokens, s.mlp], &[s.hidden]);
    let (n, m, bound) = (s.tokens * s.hidden, s.tokens * s.mlp, bench.rounding());
    let case = |kernel, inputs, work| Case { kernel, inputs, work, bound, detail: String::new() };
    bench.check(&case("rms_norm", vec![rows, weight], bench.bytes(2 * n)), &|t, _| {
        let (x, weight) = (t[0].clone(), t[1].clone());
        Ok(Box::new(move || Ok(vec![rms_norm::forward(&x, &weight, 1e-5)?.0])))
    })?;
    bench.check(&case("rms_norm backward", vec![rows, weight, rows], bench.bytes(3 * n)), &|t, _| {
        let (weight, dy) = (t[1].clone(), t[2].clone());
        let (_, saved) = rms_norm::forward(&t[0], &weight, 1e-5)?;
        Ok(Box::new(move || {
            let (dx, dw) = rms_norm::backward(&dy, &weight, &saved, None, true)?;
            Ok([Some(dx), dw].into_iter().flatten().collect())
        }))
    })?;
    bench.check(&case("dropout", vec![rows], bench.bytes(2 * n)), &|t, _| {
        let (x, stream) = (t[0].clone(), Stream::new(1, "dropout"));
        Ok(Box::new(move || Ok(vec![dropout::forward(&x, 0.1, stream)?])))
    })?;
    bench.check(&case("swiglu", vec![wide, wide], bench.bytes(3 * m)), &|t, _| {
        let (gate, up) = (t[0].clone(), t[1].clone());
        Ok(Box::new(move || Ok(vec![swiglu::forward(&gate, &up)?])))
    })?;
    bench.check(&case("swiglu backward", vec![wide, wide, wide], bench.bytes(5 * m)), &|t, _| {
        let (gate, up, dy) = (t[0].clone(), t[1].clone(), t[2].clone());
        Ok(Box::new(move || swiglu::backward(&dy, &gate, &up).map(|(d_gate, d_up)| vec![d_gate, d_up])))
    })
}

pub(super) fn by_tokens(bench: &mut Bench<'_>, s: &Shapes) -> Result<()> {
    let (tokens, vocabulary, heads, bound) = (s.tokens, s.vocabulary, s.heads, bench.rounding());
    let rotated = [tokens, heads * s.dimension];
    let case = Case {
        kernel: "rope",
        inputs: vec![&rotated],
        work: bench.bytes(2 * tokens * rotated[1]),
        bound,
        detail: String::new(),
    };
    let frequencies: Vec<f64> =
        (0..s.dimension / 2).map(|i| 10_000f64.powf(-2.0 * i as f64 / s.dimension as f64)).collect();
    let positions: Vec<u32> = (0..tokens as u32).collect();
    bench.check(&case, &|t, device| {
        let x = t[0].clone();
        let table = RotaryTable::new(&frequencies, tokens, 1.0, x.dtype(), device)?;
        let positions = Tensor::from_slice(&positions, tokens, device)?;
        Ok(Box::new(move || Ok(vec![rope::forward(&x, heads, &positions, &table)?])))
    })?;
    // Few different ids, so that rows have many tokens to sum.
    let ids: Vec<u32> = (0..tokens as u32).map(|i| i * i % 61 % vocabulary as u32).collect();
    let rows = [tokens, s.hidden];
    let work = bench.bytes((tokens + vocabulary) * s.hidden);
    bench.check(
        &Case { kernel: "embedding backward", inputs: vec![&rows], work, bound, detail: String::new() },
        &|t, _| {
            let (dy, ids) = (t[0].clone(), ids.clone());
            Ok(Box::new(move || Ok(vec![embedding::backward(&dy, &ids, vocabulary)?])))
        },
    )
}

pub(super) fn attention(bench: &mut Bench<'_>, s: &Shapes) -> Result<()> {
    let heads = Heads { query: s.heads, key_value: s.heads, dimension: s.dimension };
    let (tokens, short) = (s.tokens, s.tokens % s.document);
    let mut bounds: Vec<u32> = if short > 0 { vec![0] } else { Vec::new() };
    bounds.extend((short..=tokens).step_by(s.document).map(|bound| bound as u32));
    let segments = Segments::new(bounds)?;
    let detail = format!(", documents of {}", s.document);
    let rows: &[usize] = &[tokens, heads.query_width()];
    let pairs: f64 = segments.iter().map(|range| (range.len() * (range.len() + 1) / 2) as f64).sum();
    let product = 2.0 * pairs * heads.query_width() as f64;
    // Probabilities and their gradients are rounded to the storage type before they are multiplied.
    let bound = match bench.dtype {
        DType::BF16 => 1e-2,
        DType::F16 => 2e-3,
        _ => 1e-5,
    };
    let case = |kernel, inputs, products| Case {
        kernel,
        inputs,
        work: Work::Operations(products * product),
        bound,
        detail: detail.clone(),
    };
    bench.check(&case("attention", vec![rows, rows, rows], 2.0), &|t, _| {
        let (q, k, v, segments) = (t[0].clone(), t[1].clone(), t[2].clone(), segments.clone());
        Ok(Box::new(move || attention::forward(&q, &k, &v, heads, &segments).map(|(out, lse)| vec![out, lse])))
    })?;
    bench.check(&case("attention backward", vec![rows, rows, rows, rows], 5.0), &|t, _| {
        let (q, k, v, d_out, segments) = (t[0].clone(), t[1].clone(), t[2].clone(), t[3].clone(), segments.clone());
        let (out, lse) = attention::forward(&q, &k, &v, heads, &segments)?;
        Ok(Box::new(move || {
            let (dq, dk, dv) = attention::backward(&d_out, &q, &k, &v, &out, &lse, heads, &segments)?;
            Ok(vec![dq, dk, dv])
        }))
    })?;
    let first = tokens / 4;
    let seen = (tokens * (tokens + 1) - first * (first + 1)) as f64 / 2.0;
    let work = Work::Operations(4.0 * seen * heads.query_width() as f64);
    bench.check(
        &Case { kernel: "attention after", inputs: vec![rows, rows, rows], work, bound, detail: String::new() },
        &|t, _| {
            let (q, k, v) = (t[0].narrow(0, first, tokens - first)?, t[1].clone(), t[2].clone());
            Ok(Box::new(move || Ok(vec![attention::forward_after(&q, &k, &v, heads)?])))
        },
    )
}

pub(super) fn products(bench: &mut Bench<'_>, s: &Shapes) -> Result<()> {
    let (rows, weight): (&[usize], &[usize]) = (&[s.tokens, s.hidden], &[s.mlp, s.hidden]);
    let wide: &[usize] = &[s.tokens, s.mlp];
    let bound = bench.rounding();
    let product = Work::Operations(2.0 * (s.tokens * s.hidden * s.mlp) as f64);
    let kinds: [(_, _, Multiply); 3] = [
        ("linear", vec![rows, weight], linear),
        ("linear, by input", vec![wide, weight], linear_input_gradient),
        ("linear, by weight", vec![wide, rows], linear_weight_gradient),
    ];
    for (kernel, inputs, multiply) in kinds {
        bench.check(&Case { kernel, inputs, work: product, bound, detail: String::new() }, &|t, _| {
            let (a, b) = (t[0].clone(), t[1].clone());
            Ok(Box::new(move || Ok(vec![multiply(&a, &b)?])))
        })?;
    }
    let targets: Vec<u32> = (0..s.tokens as u32).map(|i| i * 7919 % s.vocabulary as u32).collect();
    let head: &[usize] = &[s.vocabulary, s.hidden];
    let work = Work::Operations(6.0 * (s.tokens * s.hidden * s.vocabulary) as f64);
    // The logits are rounded to the storage type, and so is their gradient.
    let case =
        Case { kernel: "cross_entropy", inputs: vec![rows, head], work, bound: 4.0 * bound, detail: String::new() };
    bench.check(&case, &|t, device| {
        let targets = Tensor::from_slice(&targets, targets.len(), device)?;
        // Logits of deviation 1.
        let (hidden, head) = ((&t[0] * (1.0 / (s.hidden as f64).sqrt()))?, t[1].clone());
        Ok(Box::new(move || {
            let output = cross_entropy::forward_backward(&hidden, &head, &targets, 1.0, true)?;
            let loss = Tensor::new(&[output.loss_sum], &Device::Cpu)?;
            Ok([Some(output.d_hidden), output.d_weight, Some(loss)].into_iter().flatten().collect())
        }))
    })
}

/// A weight in 4 bits, written out, and multiplied with few rows without being written out; and one in 8 bits.
pub(super) fn quantized(bench: &mut Bench<'_>, s: &Shapes) -> Result<()> {
    let (weight, few): (&[usize], &[usize]) = (&[s.mlp, s.hidden], &[8, s.hidden]);
    let (n, bound) = (s.mlp * s.hidden, bench.rounding());
    let kept = Nf4::bytes_of(n as u64) as f64;
    let work = Work::Bytes(kept + (n * bench.dtype.size_in_bytes()) as f64);
    bench.check(
        &Case { kernel: "nf4 dequantize", inputs: vec![weight], work, bound, detail: String::new() },
        &|t, _| {
            let kept = Nf4::quantize(&t[0])?;
            Ok(Box::new(move || Ok(vec![kept.dequantize()?])))
        },
    )?;
    let case = Case {
        kernel: "nf4 linear, 8 rows",
        inputs: vec![few, weight],
        work: Work::Bytes(kept),
        bound,
        detail: String::new(),
    };
    bench.check(&case, &|t, _| {
        let (x, kept) = (t[0].clone(), Nf4::quantize(&t[1])?);
        Ok(Box::new(move || Ok(vec![kept.linear(&x)?])))
    })?;
    let bytes = Int8::bytes_of([s.mlp, s.hidden]) as f64 + (n * bench.dtype.size_in_bytes()) as f64;
    let (inputs, work) = (vec![weight], Work::Bytes(bytes));
    bench.check(&Case { kernel: "int8 dequantize", inputs, work, bound, detail: String::new() }, &|t, _| {
        let kept = Int8::quantize(&t[0])?;
        Ok(Box::new(move || Ok(vec![kept.dequantize()?])))
    })
}

fn in_8_bits(bench: &mut Bench<'_>, n: usize, settings: &AdamwStep) -> Result<()> {
    let flat: &[usize] = &[n];
    let has_master = bench.dtype != DType::F32;
    // As `adamw`, but for the moments: a byte each, read and written, in two steps.
    let bytes = 2 * n * (3 * bench.dtype.size_in_bytes() + if has_master { 12 } else { 4 });
    // A moment that lies between two codes may go to either: 0.7 % of a step of 0.01.
    let bound = bench.rounding() + 2e-4;
    let case = Case {
        kernel: "adamw, 8 bits, twice",
        inputs: vec![flat, flat],
        work: Work::Bytes(bytes as f64),
        bound,
        detail: String::new(),
    };
    bench.check(&case, &|t, device| {
        let (parameters, gradients) = (t[0].copy()?, t[1].clone());
        let (moments, maps) = (Moments::zeros(n, device)?, Maps::new(device)?);
        let master = if has_master { Some(parameters.to_dtype(DType::F32)?) } else { None };
        let settings = *settings;
        Ok(Box::new(move || {
            for step in 1..=2 {
                let settings = AdamwStep { step, ..settings };
                adamw_8bit::step(&parameters, &gradients, (&moments, &maps), master.as_ref(), &settings)?;
            }
            Ok(vec![parameters.clone()])
        }))
    })
}

pub(super) fn optimizer(bench: &mut Bench<'_>, s: &Shapes) -> Result<()> {
    let (n, bound) = (s.hidden * s.mlp, bench.rounding());
    let flat: &[usize] = &[n];
    let settings = AdamwStep {
        learning_rate: 0.01,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        weight_decay: 0.1,
        step: 3,
        gradient_scale: 0.5,
        seed: None,
    };
    let has_master = bench.dtype != DType::F32;
    // Parameters read and written and gradients read in the storage type; state read and written in f32.
    let bytes = n * (3 * bench.dtype.size_in_bytes() + if has_master { 24 } else { 16 });
    let case = Case {
        kernel: "adamw",
        inputs: vec![flat, flat, flat],
        work: Work::Bytes(bytes as f64),
        bound,
        detail: String::new(),
    };
    bench.check(&case, &|t, _| {
        let (parameters, gradients) = (t[0].copy()?, t[1].clone());
        let wide = if parameters.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let moment = t[2].to_dtype(wide)?;
        let mut state = vec![moment.clone(), moment.sqr()?];
        if has_master {
            state.push(parameters.to_dtype(wide)?);
        }
        let state = Tensor::stack(&state, 0)?;
        Ok(Box::new(move || {
            adamw::step(&parameters, &gradients, &state, &settings)?;
            Ok(vec![parameters.clone(), state.narrow(0, 0, 2)?])
        }))
    })?;
    in_8_bits(bench, n, &settings)?;
    bench.check(
        &Case { kernel: "norm", inputs: vec![flat], work: bench.bytes(n), bound: 1e-6, detail: String::new() },
        &|t, _| {
            let values = t[0].clone();
            Ok(Box::new(move || Ok(vec![Tensor::new(&[adamw::norm(&values)?], &Device::Cpu)?])))
        },
    )
}
