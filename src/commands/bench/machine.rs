//! What the machine can do.

use std::time::Instant;

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::kernels::matmul::matmul;

/// The products that a CPU's peak is measured on: `[m, k]·[k, n]`.
const SHAPES: [[usize; 3]; 3] = [[1024, 1024, 1024], [2048, 768, 1024], [1536, 1536, 1536]];

/// How often each is done.
const TIMES: usize = 6;

/// The most that a matrix product reaches here, in GFLOP/s: the best time of a few large products.
///
/// # Errors
/// There is no memory for the matrices.
pub fn matmul_peak(device: &Device, dtype: DType) -> Result<f64> {
    let mut best = 0.0f64;
    let large = [[8192, 8192, 8192]];
    let shapes = if device.is_cpu() { &SHAPES[..] } else { &large[..] };
    for &[m, k, n] in shapes {
        // Not zero: some processors multiply zeros at another speed.
        let full = |value: f32, shape| Tensor::full(value, shape, device)?.contiguous()?.to_dtype(dtype);
        let (a, b) = (full(0.5, (m, k))?, full(0.25, (k, n))?);
        for _ in 0..TIMES {
            device.synchronize()?;
            let started = Instant::now();
            std::hint::black_box(matmul(&a, &b)?);
            device.synchronize()?;
            best = best.max((2 * m * k * n) as f64 / 1e9 / started.elapsed().as_secs_f64());
        }
    }
    Ok(best)
}
