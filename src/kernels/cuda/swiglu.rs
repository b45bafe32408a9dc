//! The gated activation on CUDA: `swiglu.cu`.

use candle_core::Tensor;

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

const THREADS: usize = 256;

/// Blocks for so many elements of a tensor, a pack of 16 bytes for each thread.
fn grid(like: &Tensor) -> [usize; 3] {
    let packs = (like.elem_count() * like.dtype().size_in_bytes()).div_ceil(16);
    [packs.div_ceil(THREADS), 1, 1]
}

pub(in crate::kernels) fn forward(engine: &Engine, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    let y = engine.empty(gate.dims(), gate.dtype())?;
    engine.run(&Launch {
        kernel: "swiglu_forward",
        dtype: Some(gate.dtype()),
        grid: grid(gate),
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(&y),
            Argument::Input(gate),
            Argument::Input(up),
            Argument::Long(gate.elem_count() as i64),
        ],
    })?;
    Ok(y)
}

/// Gradients by gate and up.
pub(in crate::kernels) fn backward(
    engine: &Engine,
    dy: &Tensor,
    gate: &Tensor,
    up: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let (d_gate, d_up) = (engine.empty(gate.dims(), gate.dtype())?, engine.empty(gate.dims(), gate.dtype())?);
    engine.run(&Launch {
        kernel: "swiglu_backward",
        dtype: Some(gate.dtype()),
        grid: grid(gate),
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(&d_gate),
            Argument::Output(&d_up),
            Argument::Input(dy),
            Argument::Input(gate),
            Argument::Input(up),
            Argument::Long(gate.elem_count() as i64),
        ],
    })?;
    Ok((d_gate, d_up))
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, bound_of, random};
    use crate::kernels::swiglu;

    #[test]
    fn the_kernels_equal_the_reference() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        for (dtype, shape) in [(DType::F32, [3, 4]), (DType::BF16, [33, 136]), (DType::F16, [1, 8])] {
            let [gate, up, dy] = ["gate", "up", "dy"].map(|name| random(name, &shape, dtype));
            // Far from zero the exponential overflows or vanishes; the sigmoid must not.
            let (gate, up, dy) = ((gate? * 30.0)?, up?, dy?);
            let wide = |t: &Tensor| t.to_dtype(DType::F64);
            let want = swiglu::reference::forward(&wide(&gate)?, &wide(&up)?)?;
            let (by_gate, by_up) = swiglu::reference::backward(&wide(&dy)?, &wide(&gate)?, &wide(&up)?)?;
            let y = forward(&engine, &gate, &up)?;
            let (d_gate, d_up) = backward(&engine, &dy, &gate, &up)?;
            assert_close(bound_of(dtype), &[("y", &y, &want), ("d_gate", &d_gate, &by_gate), ("d_up", &d_up, &by_up)])?;
        }
        Ok(())
    }
}
