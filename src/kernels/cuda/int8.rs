//! Matrices in int8 on CUDA: `int8.cu`.

use candle_core::{DType, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

const THREADS: usize = 256;

/// The codes and the largest magnitude of each row of a weight in f16.
///
/// # Shapes  `weight: [rows, columns]` → `[rows, columns]` u8, `[rows]` f32
pub(in crate::kernels) fn quantize(engine: &Engine, weight: &Tensor) -> Result<(Tensor, Tensor)> {
    let (rows, columns) = weight.dims2()?;
    let (codes, scales) = (engine.empty(&[rows, columns], DType::U8)?, engine.empty(&[rows], DType::F32)?);
    engine.run(&Launch {
        kernel: "int8_quantize",
        dtype: None,
        grid: [rows, 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(&codes),
            Argument::Output(&scales),
            Argument::Input(weight),
            Argument::Int(columns as i32),
        ],
    })?;
    Ok((codes, scales))
}

/// Writes the matrix: `[codes, scales]`.
pub(in crate::kernels) fn dequantize(engine: &Engine, y: &Tensor, [codes, scales]: [&Tensor; 2]) -> Result<()> {
    let (rows, columns) = y.dims2()?;
    engine.run(&Launch {
        kernel: "int8_dequantize",
        dtype: Some(y.dtype()),
        grid: [rows, 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(y),
            Argument::Input(codes),
            Argument::Input(scales),
            Argument::Int(columns as i32),
        ],
    })
}
