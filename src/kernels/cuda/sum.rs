//! Adding one tensor into another on CUDA: `sum.cu`.

use candle_core::{DType, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

const THREADS: usize = 256;

/// The engine, if the kernels fit: both of one type, or the target in f32.
pub(in crate::kernels) fn engine(target: &Tensor, addend: &Tensor) -> Option<Engine> {
    let fits = target.dtype() == addend.dtype() || target.dtype() == DType::F32;
    let engines = Engine::of(&[target]).zip(Engine::of(&[addend]));
    engines.filter(|_| fits).map(|(engine, _)| engine)
}

/// `target += addend`, in place; they do not overlap.
pub(in crate::kernels) fn add(engine: &Engine, target: &Tensor, addend: &Tensor) -> Result<()> {
    let (elements, dtype) = (addend.elem_count(), addend.dtype());
    let packs = (elements * dtype.size_in_bytes()).div_ceil(16);
    engine.run(&Launch {
        kernel: if target.dtype() == dtype { "sum_add" } else { "sum_add_to_f32" },
        dtype: Some(dtype),
        grid: [packs.div_ceil(THREADS), 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[Argument::Output(target), Argument::Input(addend), Argument::Long(elements as i64)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, bound_of, random};

    #[test]
    fn sums_are_those_of_f64_also_in_a_view_of_a_wider_buffer() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        let cases = [(DType::F32, DType::F32), (DType::F32, DType::BF16), (DType::F32, DType::F16)];
        for (target, addend) in cases.into_iter().chain([(DType::BF16, DType::BF16), (DType::F16, DType::F16)]) {
            let buffer = random("buffer", &[4000], target)?;
            let before = buffer.to_dtype(DType::F64)?;
            let more = random("more", &[5, 504], addend)?;
            add(&engine, &buffer.narrow(0, 16, 2520)?.reshape((5, 504))?, &more)?;
            let more = more.to_dtype(DType::F64)?.flatten_all()?.pad_with_zeros(0, 16, 4000 - 2536)?;
            assert_close(bound_of(target), &[("sum", &buffer, &(before + more)?)])?;
        }
        Ok(())
    }
}
