//! The norm of a flat buffer on CUDA: `norm.cu`.

use candle_core::{DType, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

const THREADS: usize = 256;
/// Blocks that share a buffer. The same on every device, so that the order of the sum is.
const BLOCKS: usize = 1024;

/// The sum of squares, `[1]` f64, still on the device.
pub(in crate::kernels) fn squares(engine: &Engine, values: &Tensor) -> Result<Tensor> {
    squares_by(engine, values, BLOCKS)
}

fn squares_by(engine: &Engine, values: &Tensor, blocks: usize) -> Result<Tensor> {
    let (partial, sum) = (engine.empty(&[blocks], DType::F64)?, engine.empty(&[1], DType::F64)?);
    engine.run(&Launch {
        kernel: "norm_squares",
        dtype: Some(values.dtype()),
        grid: [blocks, 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[Argument::Output(&partial), Argument::Input(values), Argument::Long(values.elem_count() as i64)],
    })?;
    engine.run(&Launch {
        kernel: "norm_total",
        dtype: None,
        grid: [1, 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[Argument::Output(&sum), Argument::Input(&partial), Argument::Int(blocks as i32)],
    })?;
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::random;

    #[test]
    fn the_sum_is_that_of_f64() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        for (dtype, count) in
            [(DType::F32, 0), (DType::F32, 70_003), (DType::BF16, 5), (DType::F16, 9_001), (DType::BF16, 200_001)]
        {
            let values = random("values", &[count], dtype)?;
            let exact: f64 = values.to_dtype(DType::F64)?.to_vec1::<f64>()?.iter().map(|x| x * x).sum();
            let got = squares_by(&engine, &values, 20)?.to_vec1::<f64>()?[0];
            // Eight squares at a time are summed in f32.
            assert!((got - exact).abs() <= 1e-6 * exact, "{dtype:?} {count}: {got} {exact}");
        }
        Ok(())
    }
}
