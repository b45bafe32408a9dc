//! What the tests of this module compare with: random tensors, candle's autograd, relative errors.

use candle_core::{DType, Device, Tensor, Var};

use crate::error::Result;
use crate::random::Stream;

/// A tensor of numbers roughly normal with deviation 1, the same for the same name.
pub(super) fn random(name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
    let stream = Stream::new(7, name);
    let normal = |i: u64| (0..12).map(|j| stream.unit_at(12 * i + j)).sum::<f64>() - 6.0;
    let values: Vec<f64> = (0..shape.iter().product::<usize>() as u64).map(normal).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?)
}

/// The largest difference, divided by the largest magnitude of what is expected.
pub(super) fn error(got: &Tensor, expected: &Tensor) -> Result<f64> {
    assert_eq!(got.dims(), expected.dims());
    if expected.elem_count() == 0 {
        return Ok(0.0);
    }
    let (got, expected) = (got.to_dtype(DType::F64)?.flatten_all()?, expected.to_dtype(DType::F64)?.flatten_all()?);
    let (got, expected) = (got.to_vec1::<f64>()?, expected.to_vec1::<f64>()?);
    let scale = expected.iter().fold(1e-30f64, |most, x| most.max(x.abs()));
    let difference = got.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    Ok(difference.fold(0.0, |most: f64, x| if x.is_nan() { f64::INFINITY } else { most.max(x) }) / scale)
}

/// Asserts that each pair agrees within the bound.
pub(super) fn assert_close(bound: f64, pairs: &[(&str, &Tensor, &Tensor)]) -> Result<()> {
    for (name, got, expected) in pairs {
        let error = error(got, expected)?;
        assert!(error <= bound, "{name}: relative error {error:e} is above {bound:e}");
    }
    Ok(())
}

/// How far a result may be off that is computed in f32 and rounded to `dtype` once, relative to the largest.
pub(super) fn bound_of(dtype: DType) -> f64 {
    match dtype {
        // Half the distance of two neighbours above a power of two, and what f32 itself is off by.
        DType::BF16 => 2f64.powi(-8) + 1e-6,
        DType::F16 => 2f64.powi(-11) + 1e-6,
        _ => 1e-6,
    }
}

/// Gradients of `Σ output·direction` by each input, from candle's autograd over plain operations.
pub(super) fn gradients<const N: usize>(
    inputs: [&Tensor; N],
    direction: &Tensor,
    f: impl FnOnce([&Tensor; N]) -> Result<Tensor>,
) -> Result<(Tensor, [Tensor; N])> {
    let variables = inputs.map(|input| Var::from_tensor(input).expect("a variable"));
    let output = f(std::array::from_fn(|i| variables[i].as_tensor()))?;
    let mut store = (&output * direction)?.sum_all()?.backward()?;
    let gradients =
        std::array::from_fn(|i| store.remove(&variables[i]).unwrap_or_else(|| inputs[i].zeros_like().expect("zeros")));
    Ok((output.detach(), gradients))
}
