//! The low-rank update of LoRA, forward and backward, always through the narrow `rank` dimension.

use candle_core::Tensor;

use super::matmul::{add_matmul, linear, matmul};
use super::slices::{expect_shape, matrix};
use crate::error::Result;

/// `scale·(x·Aᵀ)`: scaling the narrow product costs `tokens·rank`, not `tokens·out`.
///
/// # Shapes  `x: [tokens, in]`, `a: [rank, in]` → `[tokens, rank]`
/// # Units   `scale = alpha / rank`, dimensionless
/// # Source  Hu et al. 2021, arXiv:2106.09685 §4.1
pub fn narrow(x: &Tensor, a: &Tensor, scale: f64) -> Result<Tensor> {
    let (rank, _) = matrix("LoRA A", a)?;
    let (_, features) = matrix("LoRA input", x)?;
    expect_shape("LoRA A", a, &[rank, features])?;
    Ok((linear(x, a)? * scale)?)
}

/// `y + narrow·Bᵀ`, in the memory of `y`, which the caller holds alone.
///
/// # Shapes  `y: [tokens, out]`, `narrow: [tokens, rank]`, `b: [out, rank]` → `[tokens, out]`
pub fn widen(y: Tensor, narrow: &Tensor, b: &Tensor) -> Result<Tensor> {
    add_matmul(y, narrow, &b.t()?)
}

/// The gradient of the update by `x·Aᵀ`.
///
/// That by `A` is its product with `x`, that by `B` the product of `dy` and [`narrow`]: no `[out, in]` matrix is formed.
///
/// # Shapes  `dy: [tokens, out]`, `b: [out, rank]` → `[tokens, rank]`
pub fn narrow_gradient(dy: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    let (out, _) = matrix("LoRA B", b)?;
    let (tokens, _) = matrix("LoRA output gradient", dy)?;
    expect_shape("LoRA output gradient", dy, &[tokens, out])?;
    Ok((matmul(dy, b)? * scale)?)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::kernels::matmul::linear_weight_gradient;
    use crate::kernels::oracle::{assert_close, gradients, random};

    #[test]
    fn forward_and_gradients_equal_autograd() -> Result<()> {
        for (tokens, features, out, rank) in [(1, 3, 2, 1), (11, 16, 24, 4)] {
            for (dtype, bound) in [(DType::F64, 1e-12), (DType::F32, 1e-6)] {
                let x = random("x", &[tokens, features], dtype)?;
                let (a, b) = (random("a", &[rank, features], dtype)?, random("b", &[out, rank], dtype)?);
                let dy = random("dy", &[tokens, out], dtype)?;
                let (y, [dx, da, db]) =
                    gradients([&x, &a, &b], &dy, |[x, a, b]| Ok((x.matmul(&a.t()?)?.matmul(&b.t()?)? * 0.25)?))?;
                let narrow = narrow(&x, &a, 0.25)?;
                let got = widen(y.zeros_like()?, &narrow, &b)?;
                let d_xa = narrow_gradient(&dy, &b, 0.25)?;
                let (got_da, got_db) = (linear_weight_gradient(&d_xa, &x)?, linear_weight_gradient(&dy, &narrow)?);
                let got_dx = matmul(&d_xa, &a)?;
                let pairs = [("y", &got, &y), ("dx", &got_dx, &dx), ("da", &got_da, &da), ("db", &got_db, &db)];
                assert_close(bound, &pairs)?;
            }
        }
        Ok(())
    }
}
