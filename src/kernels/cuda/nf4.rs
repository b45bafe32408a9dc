//! Matrices in NF4 on CUDA: `nf4.cu`, `nf4_linear.cu`.

use candle_core::{DType, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

const THREADS: usize = 256;
/// Elements that share a largest magnitude.
const BLOCK: usize = 64;
/// Elements of a block of threads.
const QUANTIZED: usize = 2048;
const DEQUANTIZED: usize = 8192;
/// Rows that the product of few rows takes, rows of the matrix for a block of threads, and its shared bytes.
const FEW: usize = 8;
const ROWS_OF_BLOCK: usize = 16;
const TABLE_AND_SUMS: usize = 33_792;

/// The codes and the largest magnitudes of a weight.
///
/// # Shapes  of n elements → `[⌈n / 2⌉]` u8, `[⌈n / 64⌉]` f32
pub(in crate::kernels) fn quantize(engine: &Engine, weight: &Tensor) -> Result<(Tensor, Tensor)> {
    let elements = weight.elem_count();
    let codes = engine.empty(&[elements.div_ceil(2)], DType::U8)?;
    let magnitudes = engine.empty(&[elements.div_ceil(BLOCK)], DType::F32)?;
    engine.run(&Launch {
        kernel: "nf4_quantize",
        dtype: Some(weight.dtype()),
        grid: [elements.div_ceil(QUANTIZED), 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(&codes),
            Argument::Output(&magnitudes),
            Argument::Input(weight),
            Argument::Long(elements as i64),
        ],
    })?;
    Ok((codes, magnitudes))
}

/// Writes the matrix: `[codes, scale codes, scale magnitudes, map]` and the mean of the scales.
pub(in crate::kernels) fn dequantize(engine: &Engine, y: &Tensor, weight: [&Tensor; 4], offset: f32) -> Result<()> {
    let elements = y.elem_count();
    let [codes, scale_codes, scale_magnitudes, map] = weight.map(Argument::Input);
    engine.run(&Launch {
        kernel: "nf4_dequantize",
        dtype: Some(y.dtype()),
        grid: [elements.div_ceil(DEQUANTIZED), 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(y),
            codes,
            scale_codes,
            scale_magnitudes,
            map,
            Argument::Float(offset),
            Argument::Long(elements as i64),
        ],
    })
}

/// Whether [`linear`] takes so many rows and columns.
pub(in crate::kernels) fn fits_linear(rows: usize, columns: usize) -> bool {
    (1..=FEW).contains(&rows) && columns.is_multiple_of(BLOCK)
}

/// `y = x·Wᵀ` without writing the matrix.
///
/// # Shapes  `x: [rows, in]`, at most 8 rows and whole blocks of columns → `y: [rows, out]`
pub(in crate::kernels) fn linear(
    engine: &Engine,
    y: &Tensor,
    x: &Tensor,
    weight: [&Tensor; 4],
    offset: f32,
) -> Result<()> {
    let ((rows, out), columns) = (y.dims2()?, x.dim(1)?);
    let [codes, scale_codes, scale_magnitudes, map] = weight.map(Argument::Input);
    engine.run(&Launch {
        kernel: "nf4_linear",
        dtype: Some(x.dtype()),
        grid: [out.div_ceil(ROWS_OF_BLOCK), 1, 1],
        threads: THREADS,
        shared: TABLE_AND_SUMS,
        arguments: &[
            Argument::Output(y),
            Argument::Input(x),
            codes,
            scale_codes,
            scale_magnitudes,
            map,
            Argument::Float(offset),
            Argument::Int(rows as i32),
            Argument::Int(columns as i32),
            Argument::Int(out as i32),
        ],
    })
}
