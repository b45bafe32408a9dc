//! RMS normalisation on CUDA: `rms_norm.cu`.

use candle_core::{DType, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;
use crate::kernels::rms_norm::NormSaved;

const THREADS: usize = 256;
/// Blocks that share the rows of the backward pass, each with a partial sum of the weight's gradient.
const PARTS: usize = 256;
/// Features that a thread of the backward pass has, and the threads that a block has at most.
const EACH: usize = 16;
const MOST_THREADS: usize = 512;
/// A block has so many features at most.
const FEATURES: usize = EACH * MOST_THREADS;
/// Columns that a block adds up.
const COLUMNS: usize = 32;
/// Shared bytes of a block up to which it keeps two rows on their way; else one.
const SHARED: usize = 66_000;

/// The engine, if the kernels fit these tensors.
pub(in crate::kernels) fn engine(tensors: &[&Tensor]) -> Option<Engine> {
    let features = tensors.first()?.dims().last()?;
    Engine::of(tensors).filter(|_| *features <= FEATURES)
}

/// The norm of `x`, or of `x + delta`, which `NormSaved` then holds.
pub(in crate::kernels) fn forward(
    engine: &Engine,
    x: &Tensor,
    delta: Option<&Tensor>,
    weight: &Tensor,
    epsilon: f64,
) -> Result<(Tensor, NormSaved)> {
    let (rows, features) = x.dims2()?;
    let y = engine.empty(x.dims(), x.dtype())?;
    let sum = delta.map(|_| engine.empty(x.dims(), x.dtype())).transpose()?;
    let inverse_rms = engine.empty(&[rows], DType::F32)?;
    engine.run(&Launch {
        kernel: "rms_norm_forward",
        dtype: Some(x.dtype()),
        grid: [rows, 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(&y),
            Argument::output(sum.as_ref()),
            Argument::Output(&inverse_rms),
            Argument::Input(x),
            Argument::input(delta),
            Argument::Input(weight),
            Argument::Int(features as i32),
            Argument::Float(epsilon as f32),
        ],
    })?;
    Ok((y, NormSaved { x: sum.unwrap_or_else(|| x.clone()), inverse_rms }))
}

/// Gradients by the input, plus `residual` where there is one, and by the weight, if it is wanted.
pub(in crate::kernels) fn backward(
    engine: &Engine,
    dy: &Tensor,
    weight: &Tensor,
    saved: &NormSaved,
    residual: Option<&Tensor>,
    want_weight: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    backward_by(engine, dy, weight, saved, residual, want_weight, PARTS)
}

/// [`backward`] by at most that many blocks.
fn backward_by(
    engine: &Engine,
    dy: &Tensor,
    weight: &Tensor,
    saved: &NormSaved,
    residual: Option<&Tensor>,
    want_weight: bool,
    parts: usize,
) -> Result<(Tensor, Option<Tensor>)> {
    let (rows, features) = dy.dims2()?;
    let dx = engine.empty(dy.dims(), dy.dtype())?;
    let blocks = rows.min(parts);
    let partial = want_weight.then(|| engine.empty(&[blocks, features], DType::F32)).transpose()?;
    // A row of `dy` and of `x`.
    let stage = 2 * features * dy.dtype().size_in_bytes();
    let stages = if 2 * stage <= SHARED { 2 } else { 1 };
    engine.run(&Launch {
        kernel: "rms_norm_backward",
        dtype: Some(dy.dtype()),
        grid: [blocks, 1, 1],
        threads: features.div_ceil(EACH).next_multiple_of(32),
        shared: stages * stage,
        arguments: &[
            Argument::Output(&dx),
            Argument::output(partial.as_ref()),
            Argument::Input(dy),
            Argument::Input(&saved.x),
            Argument::Input(weight),
            Argument::Input(&saved.inverse_rms),
            Argument::input(residual),
            Argument::Int(rows as i32),
            Argument::Int(features as i32),
            Argument::Int(stages as i32),
        ],
    })?;
    let Some(partial) = partial else { return Ok((dx, None)) };
    let sum = engine.empty(&[features], weight.dtype())?;
    engine.run(&Launch {
        kernel: "rms_norm_sum_rows",
        dtype: Some(weight.dtype()),
        grid: [features.div_ceil(COLUMNS), 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(&sum),
            Argument::Input(&partial),
            Argument::Int(blocks as i32),
            Argument::Int(features as i32),
        ],
    })?;
    Ok((dx, Some(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, bound_of, random};
    use crate::kernels::rms_norm;

    #[test]
    fn the_kernels_equal_the_reference() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        // More rows than parts, so that stages are used again; features that end inside a pack's round, of more threads
        // than a warp, less than one warp's, and so many that only one row is on its way.
        let cases = [
            (DType::F32, 3, 8),
            (DType::BF16, 11, 2056),
            (DType::F16, 7, 24),
            (DType::F32, 4, 4140),
            (DType::BF16, 8, 512),
        ];
        for (dtype, rows, features) in cases {
            let [x, delta, dy, residual] =
                ["x", "delta", "dy", "residual"].map(|n| random(n, &[rows, features], dtype));
            let (x, delta, dy, residual, weight) = (x?, delta?, dy?, residual?, random("weight", &[features], dtype)?);
            let wide = |t: &Tensor| t.to_dtype(DType::F64);
            let sum = (&x + &delta)?;
            for delta in [None, Some(&delta)] {
                let read = if delta.is_some() { &sum } else { &x };
                let (want, want_saved) = rms_norm::reference::forward(&wide(read)?, &wide(&weight)?, 1e-5)?;
                let (y, saved) = forward(&engine, &x, delta, &weight, 1e-5)?;
                assert_close(bound_of(dtype), &[("y", &y, &want), ("sum", &saved.x, read)])?;
                assert_close(1e-6, &[("inverse", &saved.inverse_rms, &want_saved.inverse_rms)])?;
                let (want_dx, want_dw) =
                    rms_norm::reference::backward(&wide(&dy)?, &wide(&weight)?, &want_saved, true)?;
                let want_dw = want_dw.expect("a gradient");
                let (dx, dw) = backward_by(&engine, &dy, &weight, &saved, None, true, 3)?;
                assert_close(bound_of(dtype), &[("dx", &dx, &want_dx), ("dw", &dw.expect("a gradient"), &want_dw)])?;
                let (dx, none) = backward(&engine, &dy, &weight, &saved, Some(&residual), false)?;
                assert_close(bound_of(dtype), &[("dx beside", &dx, &(&want_dx + wide(&residual)?)?)])?;
                assert!(none.is_none());
            }
        }
        Ok(())
    }
}
