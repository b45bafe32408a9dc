//! Passes over flat buffers: add, clear, measure. Views of a buffer share its storage, so that these
//! change what every other view sees.

use candle_core::{DType, Tensor};

use super::cuda;
use super::parallel::{self, CHUNK};
use super::slices::{self, compute_dtype, expect_shape, on_cpu_f32};
use crate::error::{Error, Result};

/// `target += addend`, in place; the addend may be of another float dtype.
///
/// # Shapes  both the same; `target` contiguous (a view into a flat buffer is)
/// # Errors  both are views of one buffer; the target is not contiguous
pub fn add_in_place(target: &Tensor, addend: &Tensor) -> Result<()> {
    expect_shape("addend", addend, target.dims())?;
    if on_cpu_f32(&[target, addend]) {
        return slices::write_from(target, addend, |target, addend| {
            parallel::chunks_mut(target, CHUNK, |index, target| {
                let addend = addend.iter().skip(index * CHUNK);
                target.iter_mut().zip(addend).for_each(|(sum, value)| *sum += value);
            });
        });
    }
    if let Some(engine) = cuda::sum::engine(target, addend) {
        return cuda::sum::add(&engine, target, addend);
    }
    let wide = compute_dtype(target.dtype());
    copy_in_place(target, &(target.to_dtype(wide)? + addend.to_dtype(wide)?)?)
}

/// Sets every element to zero, in place.
pub fn fill_zero(target: &Tensor) -> Result<()> {
    Ok(target.zero_set()?)
}

/// The Euclidean norm of a flat buffer, summed in f64 in a fixed order.
///
/// # Shapes  any
pub fn norm(gradients: &Tensor) -> Result<f64> {
    if on_cpu_f32(&[gradients]) {
        return slices::read([gradients], |[values]| {
            let partial = parallel::map(values.len().div_ceil(CHUNK), |index| {
                let chunk = values.get(index * CHUNK..((index + 1) * CHUNK).min(values.len()));
                sum_of_squares(chunk.unwrap_or_default())
            });
            Ok(partial.iter().sum::<f64>().sqrt())
        });
    }
    if let Some(engine) = cuda::Engine::of(&[gradients]) {
        return Ok(cuda::norm::squares(&engine, gradients)?.to_vec1::<f64>()?.iter().sum::<f64>().sqrt());
    }
    reference_norm(gradients)
}

/// A sum of squares that a device may still be adding up.
#[derive(Debug, Clone)]
pub enum Squares {
    /// It is known.
    Known(f64),
    /// `[1]` f64, on the device.
    Pending(Tensor),
}

impl Squares {
    /// The root of the sum; waits for the device.
    ///
    /// # Errors
    /// The device failed.
    pub fn root(&self) -> Result<f64> {
        match self {
            Self::Known(sum) => Ok(sum.sqrt()),
            Self::Pending(sum) => Ok(sum.to_vec1::<f64>()?.iter().sum::<f64>().sqrt()),
        }
    }
}

/// The sum of squares of which [`norm`] is the root, without waiting for a device.
///
/// # Shapes  any
pub fn squares(gradients: &Tensor) -> Result<Squares> {
    if !on_cpu_f32(&[gradients])
        && let Some(engine) = cuda::Engine::of(&[gradients])
    {
        return Ok(Squares::Pending(cuda::norm::squares(&engine, gradients)?));
    }
    Ok(Squares::Known(norm(gradients)?.powi(2)))
}

fn sum_of_squares(values: &[f32]) -> f64 {
    let mut lanes = [0f64; 8];
    let (blocks, rest) = values.as_chunks::<8>();
    for block in blocks {
        for i in 0..8 {
            lanes[i] += f64::from(block[i]) * f64::from(block[i]);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>()
}

fn reference_norm(gradients: &Tensor) -> Result<f64> {
    /// Elements widened to f64 at one time.
    const WIDENED: usize = 1 << 24;
    let flat = gradients.flatten_all()?;
    let n = flat.elem_count();
    let mut sum = 0.0;
    for start in (0..n).step_by(WIDENED) {
        let part = flat.narrow(0, start, WIDENED.min(n - start))?.to_dtype(DType::F64)?;
        sum += part.sqr()?.sum_all()?.to_scalar::<f64>()?;
    }
    Ok(sum.sqrt())
}

/// Overwrites `target` with values of the same shape, rounded to its dtype.
///
/// # Shapes  both the same; `target` contiguous
/// # Errors  the target is not contiguous
pub fn copy_in_place(target: &Tensor, values: &Tensor) -> Result<()> {
    expect_shape("values", values, target.dims())?;
    if !target.is_contiguous() {
        return Err(Error::new("the target of an in-place operation").expected("contiguous"));
    }
    if on_cpu_f32(&[target, values]) {
        return slices::write_from(target, values, |target, values| {
            parallel::chunks_mut(target, CHUNK, |index, target| {
                let values = values.get(index * CHUNK..).unwrap_or_default();
                target.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
            });
        });
    }
    let values = values.to_dtype(target.dtype())?.contiguous()?.flatten_all()?;
    // A contiguous view flattens without a copy, so that the write lands in the shared storage.
    Ok(target.flatten_all()?.slice_set(&values, 0, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::oracle::random;

    #[test]
    fn adding_into_a_view_changes_the_buffer_there_and_only_there() -> Result<()> {
        for (dtype, addend) in [(DType::F32, DType::F32), (DType::F32, DType::BF16), (DType::F64, DType::F64)] {
            let buffer = Tensor::zeros(20, dtype, &candle_core::Device::Cpu)?;
            let view = buffer.narrow(0, 5, 6)?.reshape((2, 3))?;
            let ones = Tensor::ones((3, 2), addend, &candle_core::Device::Cpu)?.t()?;
            add_in_place(&view, &ones)?;
            add_in_place(&view, &ones)?;
            let sum: Vec<f64> = buffer.to_dtype(DType::F64)?.to_vec1()?;
            let expected: Vec<f64> = (0..20).map(|i| if (5..11).contains(&i) { 2.0 } else { 0.0 }).collect();
            assert_eq!(sum, expected);
            fill_zero(&view.narrow(0, 0, 1)?)?;
            assert_eq!(buffer.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?, 6.0);
        }
        Ok(())
    }

    #[test]
    fn adding_a_buffer_to_itself_is_refused_not_a_deadlock() -> Result<()> {
        let buffer = random("b", &[10], DType::F32)?;
        assert!(add_in_place(&buffer.narrow(0, 0, 5)?, &buffer.narrow(0, 5, 5)?).is_err());
        Ok(())
    }

    #[test]
    fn the_norm_is_that_of_f64() -> Result<()> {
        for n in [0usize, 1, 9, 100_003] {
            let x = random("x", &[n], DType::F32)?;
            let exact = x.to_vec1::<f32>()?.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            assert!((norm(&x)? - exact).abs() <= 1e-13 * exact && (reference_norm(&x)? - exact).abs() <= 1e-13 * exact);
        }
        Ok(())
    }
}
