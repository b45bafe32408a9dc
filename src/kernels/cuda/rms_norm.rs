//! RMS normalisation on CUDA: `rms_norm.cu`.

use candle_core::{DType, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;
use crate::kernels::rms_norm::NormSaved;

const THREADS: usize = 256;
/// Blocks that share the rows where the weight's gradient is wanted, each with a partial sum of its own.
const PARTS: usize = 512;
/// A block's shared memory holds a partial sum of the weight's gradient of so many features.
const FEATURES: usize = 48 * 1024 / size_of::<f32>() - 64;

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
    backward_by(engine, dy, weight, saved, residual, want_weight.then_some(PARTS))
}

/// [`backward`], with the weight's gradient from that many partial sums, if it is wanted.
fn backward_by(
    engine: &Engine,
    dy: &Tensor,
    weight: &Tensor,
    saved: &NormSaved,
    residual: Option<&Tensor>,
    parts: Option<usize>,
) -> Result<(Tensor, Option<Tensor>)> {
    let (rows, features) = dy.dims2()?;
    let dx = engine.empty(dy.dims(), dy.dtype())?;
    let blocks = parts.map_or(rows, |parts| rows.min(parts));
    let partial = parts.map(|_| engine.empty(&[blocks, features], DType::F32)).transpose()?;
    engine.run(&Launch {
        kernel: "rms_norm_backward",
        dtype: Some(dy.dtype()),
        grid: [blocks, 1, 1],
        threads: THREADS,
        shared: parts.map_or(0, |_| features * size_of::<f32>()),
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
        ],
    })?;
    let Some(partial) = partial else { return Ok((dx, None)) };
    let sum = engine.empty(&[features], weight.dtype())?;
    engine.run(&Launch {
        kernel: "rms_norm_sum_rows",
        dtype: Some(weight.dtype()),
        grid: [features.div_ceil(THREADS), 1, 1],
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
        // More rows than parts, more features than a block's threads take at once, and less than one warp's.
        for (dtype, rows, features) in [(DType::F32, 3, 8), (DType::BF16, 5, 2056), (DType::F16, 7, 24)] {
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
                let (dx, dw) = backward_by(&engine, &dy, &weight, &saved, None, Some(3))?;
                assert_close(bound_of(dtype), &[("dx", &dx, &want_dx), ("dw", &dw.expect("a gradient"), &want_dw)])?;
                let (dx, none) = backward(&engine, &dy, &weight, &saved, Some(&residual), false)?;
                assert_close(bound_of(dtype), &[("dx beside", &dx, &(&want_dx + wide(&residual)?)?)])?;
                assert!(none.is_none());
            }
        }
        Ok(())
    }
}
