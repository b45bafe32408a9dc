//! The one place where matrices are multiplied, so that the library behind it can be chosen once.
//!
//! Today it is candle's `matmul`: the `gemm` crate on the CPU, cuBLAS on CUDA. Both read a
//! transposed view without copying it. On the CPU `gemm` reaches nine tenths of what the processor can
//! do in f32, and its results do not depend on the number of threads.

use std::cell::Cell;
use std::time::Instant;

use candle_core::{Device, Tensor};

use crate::error::{Error, Result};

thread_local! {
    static SPENT: Cell<f64> = const { Cell::new(0.0) };
}

/// Time that this thread has spent inside [`matmul`] so far, in seconds: what a step's matrix products take of it.
///
/// On CUDA a product only starts inside of it, so there it is not the products' time.
pub fn seconds() -> f64 {
    SPENT.get()
}

/// `a·b`; either operand may be a transposed view.
///
/// # Shapes  `a: [m, k]`, `b: [k, n]` → `[m, n]`; or the same with one equal leading batch dimension
/// # Errors  inner dimensions differ: names both shapes
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let fits = match (a.dims(), b.dims()) {
        (&[_, k], &[l, _]) => k == l,
        (&[batch, _, k], &[same_batch, l, _]) => k == l && batch == same_batch,
        _ => false,
    };
    if !fits {
        return Err(Error::new("matrix product: shapes")
            .got(format!("{:?} and {:?}", a.dims(), b.dims()))
            .expected("[m, k] and [k, n]"));
    }
    let started = Instant::now();
    let product = readable(a)?.matmul(&readable(b)?)?;
    SPENT.set(SPENT.get() + started.elapsed().as_secs_f64());
    Ok(product)
}

/// A linear layer without bias: `x·Wᵀ`.
///
/// # Shapes  `x: [tokens, in]`, `weight: [out, in]` → `[tokens, out]`
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    matmul(x, &weight.t()?)
}

/// The gradient of [`linear`] by its input: `dy·W`.
///
/// # Shapes  `dy: [tokens, out]`, `weight: [out, in]` → `[tokens, in]`
pub fn linear_input_gradient(dy: &Tensor, weight: &Tensor) -> Result<Tensor> {
    matmul(dy, weight)
}

/// The gradient of [`linear`] by its weight: `dyᵀ·x`.
///
/// # Shapes  `dy: [tokens, out]`, `x: [tokens, in]` → `[out, in]`
pub fn linear_weight_gradient(dy: &Tensor, x: &Tensor) -> Result<Tensor> {
    matmul(&dy.t()?, x)
}

/// The view itself where the library reads it as it is, else a contiguous copy.
///
/// `gemm` reads any strides; cuBLAS reads a matrix whose rows, or whose columns, are adjacent without gaps.
fn readable(view: &Tensor) -> Result<Tensor> {
    if matches!(view.device(), Device::Cpu) || view.is_contiguous() || view.t()?.is_contiguous() {
        Ok(view.clone())
    } else {
        Ok(view.contiguous()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_view_gives_the_same_product_as_its_copy() -> Result<()> {
        let a = Tensor::randn(0f32, 1., (7, 5), &Device::Cpu)?;
        let b = Tensor::randn(0f32, 1., (9, 5), &Device::Cpu)?;
        let from_view = matmul(&a, &b.t()?)?;
        let from_copy = matmul(&a, &b.t()?.contiguous()?)?;
        let difference = (from_view - from_copy)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(difference < 1e-6, "{difference}");
        Ok(())
    }

    #[test]
    fn a_wrong_inner_dimension_names_both_shapes() -> Result<()> {
        let a = Tensor::zeros((2, 3), candle_core::DType::F32, &Device::Cpu)?;
        let text = matmul(&a, &a).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(text, Err("matrix product: shapes is [2, 3] and [2, 3], must be [m, k] and [k, n]".into()));
        Ok(())
    }
}
