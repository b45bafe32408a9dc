//! The one place where matrices are multiplied, so that the library behind it can be chosen once.
//!
//! For f32 on the CPU it is the crate's own (`kernels::gemm`); else candle's `matmul`: the `gemm` crate for
//! other dtypes on the CPU, cuBLAS on CUDA. All read a transposed view without copying it, and on the CPU no
//! result depends on the number of threads.

use std::cell::Cell;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};

use super::gemm::{Packed, Panels, Target, View, product, product_packed, products_of_few_rows};
use super::slices::{self, expect_shape, matrix, on_cpu_f32};
use super::{cuda, flat};
use crate::error::{Error, Result};

thread_local! {
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How long this thread has been multiplying matrices, in seconds.
///
/// Whoever drives a step calls every product, so a difference of two readings is the step's share. On CUDA a
/// product only starts inside of it, so there it is not the products' time.
pub fn seconds() -> f64 {
    SPENT.get().as_secs_f64()
}

/// Runs `f` by the clock of [`seconds`].
fn timed<R>(f: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = f();
    SPENT.set(SPENT.get() + start.elapsed());
    result
}

/// `a·b`; either operand may be a transposed view.
///
/// # Shapes  `a: [m, k]`, `b: [k, n]` → `[m, n]`; or the same with one equal leading batch dimension
/// # Errors  inner dimensions differ: names both shapes
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    check(a, b)?;
    timed(|| match (a.dims(), b.dims()) {
        (&[m, _], &[_, n]) if on_cpu_f32(&[a, b]) => {
            let values = slices::read_matrices([a, b], |[a, b]| {
                slices::fresh(m * n, |values| product(Target::Fresh(values), a, b))
            })?;
            slices::tensor(values, &[m, n])
        }
        _ => Ok(readable(a)?.matmul(&readable(b)?)?),
    })
}

/// `sum + a·b`, in the memory of `sum` where that is possible: who calls holds `sum` alone.
///
/// # Shapes  `sum: [m, n]`, contiguous; `a: [m, k]`, `b: [k, n]`
/// # Errors  shapes do not fit
pub fn add_matmul(sum: Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    check(a, b)?;
    if let (&[m, _], &[_, n]) = (a.dims(), b.dims()) {
        expect_shape("the sum of a matrix product", &sum, &[m, n])?;
    }
    if !on_cpu_f32(&[&sum, a, b]) || !sum.is_contiguous() {
        if timed(|| cuda::gemm::product(&sum, a, b, true))? {
            return Ok(sum);
        }
        return Ok((sum + matmul(a, b)?)?);
    }
    timed(|| {
        slices::read_matrices([a, b], |[a, b]| slices::write(&sum, |values| product(Target::Sum(values), a, b)))?
    })?;
    Ok(sum)
}

/// The gradient of [`linear`] by its weight, `dyᵀ·x`, into a buffer: over what is there, or added to it.
///
/// # Shapes  `buffer: [out, in]`, contiguous; `dy: [tokens, out]`, `x: [tokens, in]`
/// # Errors  shapes do not fit
pub fn write_weight_gradient(buffer: &Tensor, dy: &Tensor, x: &Tensor, add: bool) -> Result<()> {
    let dy = dy.t()?;
    check(&dy, x)?;
    expect_shape("the buffer of a weight's gradient", buffer, &[dy.dim(0)?, x.dim(1)?])?;
    if !on_cpu_f32(&[buffer, &dy, x]) || !buffer.is_contiguous() {
        if timed(|| cuda::gemm::product(buffer, &dy, x, add))? {
            return Ok(());
        }
        let gradient = matmul(&dy, x)?;
        return if add { flat::add_in_place(buffer, &gradient) } else { flat::copy_in_place(buffer, &gradient) };
    }
    timed(|| {
        slices::read_matrices([&dy, x], |[dy, x]| {
            slices::write(buffer, |values| product(if add { Target::Sum(values) } else { Target::Over(values) }, dy, x))
        })?
    })
}

/// A weight in the order in which products read it, for many products with few rows.
#[derive(Debug)]
pub struct PackedWeight {
    panels: Panels,
    shape: [usize; 2],
}

impl PackedWeight {
    /// Packs a weight, which takes as much memory again; none where products do not profit from it.
    ///
    /// # Shapes  `weight: [out, in]`
    pub fn new(weight: &Tensor) -> Result<Option<Self>> {
        let &[outputs, inputs] = weight.dims() else { return Ok(None) };
        if !on_cpu_f32(&[weight]) {
            return Ok(None);
        }
        let panels =
            slices::read([weight], |[values]| Ok(Panels::new(View::contiguous(values, outputs, inputs).transposed())))?;
        Ok(Some(Self { panels, shape: [outputs, inputs] }))
    }
}

/// [`linear`] of the same input by several packed weights.
///
/// # Shapes  `x: [rows, in]`, each weight `[out, in]` → `[rows, out]` of each
/// # Errors  shapes do not fit
pub fn linear_by_packed(x: &Tensor, weights: &[&PackedWeight]) -> Result<Vec<Tensor>> {
    let (rows, inputs) = matrix("the input of packed weights", x)?;
    for weight in weights {
        expect_shape("the input of a packed weight", x, &[rows, weight.shape[1]])?;
    }
    timed(|| {
        slices::read([x], |[values]| {
            let lens: Vec<usize> = weights.iter().map(|weight| rows * weight.shape[0]).collect();
            let results = slices::fresh_each(&lens, |results| {
                let results = results.into_iter().zip(weights.iter().map(|weight| &weight.panels)).collect();
                products_of_few_rows(View::contiguous(values, rows, inputs), results);
            });
            results.into_iter().zip(weights).map(|(values, w)| slices::tensor(values, &[rows, w.shape[0]])).collect()
        })
    })
}

/// Calls `f` with two f32 matrices on the CPU as they lie; the products in it go by the functions below.
pub(super) fn with_views<R>(tensors: [&Tensor; 2], f: impl FnOnce([View<'_>; 2]) -> R) -> Result<R> {
    slices::read_matrices(tensors, f)
}

/// `a·b` in the memory of `values`.
pub(super) fn into_vec(values: &mut Vec<f32>, a: View<'_>, b: Packed<'_>) {
    timed(|| slices::refill(values, a.shape.0 * b.columns, |fresh| product_packed(Target::Fresh(fresh), a, b, true)));
}

/// `sum += a·b`.
pub(super) fn add_into(sum: &mut [f32], a: View<'_>, b: Packed<'_>) {
    timed(|| product_packed(Target::Sum(sum), a, b, true));
}

/// `sum += a·b`, neither of which is packed yet; a sum without elements begins as nothing.
pub(super) fn add_views(sum: &mut Vec<f32>, a: View<'_>, b: View<'_>) {
    timed(|| {
        if sum.is_empty() {
            slices::refill(sum, a.shape.0 * b.shape.1, |fresh| product(Target::Fresh(fresh), a, b));
        } else {
            product(Target::Sum(sum), a, b);
        }
    });
}

/// `a·b` as a part of a larger work, which other threads do other parts of.
pub(super) fn on_this_thread(target: Target<'_>, a: View<'_>, b: Packed<'_>) {
    timed(|| product_packed(target, a, b, false));
}

fn check(a: &Tensor, b: &Tensor) -> Result<()> {
    let fits = match (a.dims(), b.dims()) {
        (&[_, k], &[l, _]) => k == l,
        (&[batch, _, k], &[same_batch, l, _]) => k == l && batch == same_batch,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(Error::new("matrix product: shapes")
        .got(format!("{:?} and {:?}", a.dims(), b.dims()))
        .expected("[m, k] and [k, n]"))
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
    fn a_product_is_added_to_what_is_there_for_any_dtype() -> Result<()> {
        for dtype in [candle_core::DType::F32, candle_core::DType::F64] {
            let (a, b) = (Tensor::ones((3, 4), dtype, &Device::Cpu)?, Tensor::ones((4, 2), dtype, &Device::Cpu)?);
            let sum = add_matmul(Tensor::ones((3, 2), dtype, &Device::Cpu)?, &a, &b)?;
            assert_eq!(sum.to_dtype(candle_core::DType::F32)?.to_vec2::<f32>()?, vec![vec![5.0; 2]; 3]);
        }
        Ok(())
    }

    #[test]
    fn a_weight_gradient_goes_into_a_buffer_over_or_onto_what_is_there() -> Result<()> {
        for dtype in [candle_core::DType::F32, candle_core::DType::F64] {
            let (dy, x) = (Tensor::ones((5, 3), dtype, &Device::Cpu)?, Tensor::ones((5, 2), dtype, &Device::Cpu)?);
            let buffer = Tensor::full(7f32, (3, 2), &Device::Cpu)?.to_dtype(dtype)?;
            for (add, want) in [(false, 5.0), (true, 10.0)] {
                write_weight_gradient(&buffer, &dy, &x, add)?;
                assert_eq!(buffer.to_dtype(candle_core::DType::F32)?.to_vec2::<f32>()?, vec![vec![want; 2]; 3]);
            }
        }
        Ok(())
    }

    #[test]
    fn packed_weights_give_the_same_products() -> Result<()> {
        for (rows, inputs) in [(1, 5), (7, 40), (33, 400), (3, 0)] {
            let x = Tensor::randn(0f32, 1., (rows, inputs), &Device::Cpu)?;
            let weights = [300usize, 1, 37].map(|out| Tensor::randn(0f32, 1., (out, inputs), &Device::Cpu));
            let weights = weights.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
            let packed = weights.iter().map(|w| Ok(PackedWeight::new(w)?.expect("f32 on the CPU")));
            let packed = packed.collect::<Result<Vec<_>>>()?;
            let got = linear_by_packed(&x, &packed.iter().collect::<Vec<_>>())?;
            for (got, weight) in got.iter().zip(&weights) {
                crate::kernels::oracle::assert_close(1e-6, &[("y", got, &linear(&x, weight)?)])?;
            }
        }
        Ok(())
    }

    #[test]
    fn the_clock_runs_while_matrices_are_multiplied() -> Result<()> {
        let before = seconds();
        let a = Tensor::ones((64, 64), candle_core::DType::F32, &Device::Cpu)?;
        matmul(&a, &a)?;
        assert!(seconds() > before);
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
