//! Dropout on CUDA: `dropout.cu`.

use candle_core::Tensor;

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;
use crate::random::Stream;

const THREADS: usize = 256;

/// Drops the elements whose 32 bits are below the threshold, and multiplies the others.
pub(in crate::kernels) fn apply(
    engine: &Engine,
    x: &Tensor,
    stream: Stream,
    threshold: u64,
    kept: f32,
) -> Result<Tensor> {
    let y = engine.empty(x.dims(), x.dtype())?;
    let packs = (x.elem_count() * x.dtype().size_in_bytes()).div_ceil(16);
    engine.run(&Launch {
        kernel: "dropout",
        dtype: Some(x.dtype()),
        grid: [packs.div_ceil(THREADS), 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(&y),
            Argument::Input(x),
            Argument::Long(x.elem_count() as i64),
            Argument::Long(stream.key() as i64),
            Argument::Long(threshold as i64),
            Argument::Float(kept),
        ],
    })?;
    Ok(y)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::dropout;
    use crate::kernels::oracle::{assert_close, bound_of, random};

    #[test]
    fn the_elements_that_the_cpu_drops_are_dropped() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        let stream = Stream::new(3, "dropout");
        for (dtype, probability) in [(DType::F32, 0.1), (DType::BF16, 0.4), (DType::F16, 0.05)] {
            let x = random("x", &[37, 264], dtype)?;
            let kept = (1.0 / (1.0 - probability)) as f32;
            let got = apply(&engine, &x, stream, dropout::threshold(probability), kept)?;
            let want = dropout::forward(&x.to_dtype(DType::F32)?, probability, stream)?;
            let zeros = |y: &Tensor| -> Result<Vec<bool>> {
                let values: Vec<f32> = y.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
                Ok(values.into_iter().map(|x| x == 0.0).collect())
            };
            assert_eq!(zeros(&got)?, zeros(&want)?, "{dtype:?}");
            assert_close(bound_of(dtype), &[("y", &got, &want)])?;
        }
        Ok(())
    }
}
