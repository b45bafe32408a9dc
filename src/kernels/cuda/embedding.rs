//! The gradient of the embedding on CUDA: `embedding.cu`.

use candle_core::{Device, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

/// Sums the rows of `dy` into the rows of `gradient` that the ids name, in the order of the tokens.
///
/// # Shapes  `gradient: [vocabulary, features]`, `dy: [tokens, features]`; ids are below the vocabulary
pub(in crate::kernels) fn backward(
    engine: &Engine,
    gradient: &Tensor,
    dy: &Tensor,
    ids: &[u32],
    add: bool,
) -> Result<()> {
    // A stable sort brings the tokens of one id together, still in their order.
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    order.sort_by_key(|&token| ids.get(token as usize));
    let same = |a: &u32, b: &u32| ids.get(*a as usize) == ids.get(*b as usize);
    let (mut owners, mut starts) = (Vec::new(), vec![0u32]);
    for tokens in order.chunk_by(same) {
        owners.extend(tokens.first().and_then(|&token| ids.get(token as usize)));
        starts.push(starts.last().copied().unwrap_or(0) + tokens.len() as u32);
    }
    let device: &Device = dy.device();
    let tensor = |values: &[u32]| Tensor::from_slice(values, values.len(), device);
    let (rows, owners, starts, order) = (owners.len(), tensor(&owners)?, tensor(&starts)?, tensor(&order)?);
    engine.run(&Launch {
        kernel: "embedding_backward",
        dtype: Some(dy.dtype()),
        grid: [rows, 1, 1],
        threads: 256,
        shared: 0,
        arguments: &[
            Argument::Output(gradient),
            Argument::Input(dy),
            Argument::Input(&owners),
            Argument::Input(&starts),
            Argument::Input(&order),
            Argument::Int(dy.dim(1)? as i32),
            Argument::Int(i32::from(add)),
        ],
    })
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::embedding;
    use crate::kernels::oracle::{assert_close, bound_of, random};

    #[test]
    fn rows_are_summed_where_their_ids_say() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        for (dtype, features) in [(DType::F32, 4), (DType::BF16, 2056), (DType::F16, 8)] {
            let ids = [6u32, 0, 6, 3, 3, 0, 3];
            let dy = random("dy", &[ids.len(), features], dtype)?;
            let want = embedding::backward(&dy.to_dtype(DType::F64)?, &ids, 7)?;
            let gradient = Tensor::zeros((7, features), dtype, &Device::Cpu)?;
            backward(&engine, &gradient, &dy, &ids, false)?;
            assert_close(bound_of(dtype), &[("gradient", &gradient, &want)])?;
            backward(&engine, &gradient, &dy, &ids, true)?;
            assert_close(2.0 * bound_of(dtype), &[("twice", &gradient, &(want * 2.0)?)])?;
        }
        Ok(())
    }
}
