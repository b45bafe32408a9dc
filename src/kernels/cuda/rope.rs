//! Rotary position embedding on CUDA: `rope.cu`.

use candle_core::Tensor;

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

/// Turns `x` by the angles of its positions, which must lie in the table; a direction of -1 turns back.
pub(in crate::kernels) fn turn(
    engine: &Engine,
    x: &Tensor,
    positions: &Tensor,
    [cos, sin]: [&Tensor; 2],
    direction: f64,
) -> Result<Tensor> {
    let (tokens, width) = x.dims2()?;
    let half = cos.dim(1)?;
    let y = engine.empty(x.dims(), x.dtype())?;
    engine.run(&Launch {
        kernel: "rope_turn",
        dtype: Some(x.dtype()),
        grid: [tokens, 1, 1],
        threads: 256,
        shared: 0,
        arguments: &[
            Argument::Output(&y),
            Argument::Input(x),
            Argument::Input(positions),
            Argument::Input(cos),
            Argument::Input(sin),
            Argument::Int((width / (2 * half).max(1)) as i32),
            Argument::Int(half as i32),
            Argument::Float(direction as f32),
        ],
    })?;
    Ok(y)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, bound_of, random};
    use crate::kernels::rope::{RotaryTable, reference};

    #[test]
    fn the_kernel_equals_the_reference() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        let cases = [(DType::F32, 1, 4), (DType::BF16, 5, 64), (DType::F16, 32, 8)];
        for (dtype, heads, half) in cases {
            let frequencies: Vec<f64> = (0..half).map(|i| 0.7f64.powi(i)).collect();
            let tables =
                [DType::F32, DType::F64].map(|dtype| RotaryTable::new(&frequencies, 40, 1.0, dtype, &Device::Cpu));
            let [table, exact] = tables;
            let (table, exact) = (table?, exact?);
            let positions = Tensor::new(&[0u32, 39, 7, 7], &Device::Cpu)?;
            let x = random("x", &[4, heads * 2 * half as usize], dtype)?;
            for direction in [1.0, -1.0] {
                let want = reference::turn(&x.to_dtype(DType::F64)?, heads, &positions, &exact, direction)?;
                let got = turn(&engine, &x, &positions, table.tables(), direction)?;
                assert_close(bound_of(dtype), &[("turned", &got, &want)])?;
            }
        }
        Ok(())
    }
}
