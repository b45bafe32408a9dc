//! The low-rank update of LoRA, forward and backward, always through the narrow `rank` dimension.

use candle_core::Tensor;

use super::matmul::{linear, linear_input_gradient, linear_weight_gradient, matmul};
use super::slices::{expect_shape, matrix};
use crate::error::Result;

/// The update that LoRA adds to a projection's output, `scale·(x·Aᵀ)·Bᵀ`, and `x·Aᵀ` for [`backward`].
///
/// # Shapes  `x: [tokens, in]`, `a: [rank, in]`, `b: [out, rank]` → `[tokens, out]`, `[tokens, rank]`
/// # Units   `scale = alpha / rank`, dimensionless
/// # Source  Hu et al. 2021, arXiv:2106.09685 §4.1
pub fn forward(x: &Tensor, a: &Tensor, b: &Tensor, scale: f64) -> Result<(Tensor, Tensor)> {
    let (_, rank) = matrix("LoRA B", b)?;
    let (_, features) = matrix("LoRA input", x)?;
    expect_shape("LoRA A", a, &[rank, features])?;
    let xa = linear(x, a)?;
    // Scaling the narrow product costs `tokens·rank`, not `tokens·out`.
    let delta = linear(&(&xa * scale)?, b)?;
    Ok((delta, xa))
}

/// Gradients of [`forward`] by `x`, `a` and `b`; no `[out, in]` matrix is formed.
///
/// # Shapes  `dy: [tokens, out]`, `x: [tokens, in]`, `xa: [tokens, rank]` → `[tokens, in]`, `[rank, in]`, `[out, rank]`
pub fn backward(
    dy: &Tensor,
    x: &Tensor,
    xa: &Tensor,
    a: &Tensor,
    b: &Tensor,
    scale: f64,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (out, rank) = matrix("LoRA B", b)?;
    let (tokens, _) = matrix("LoRA input", x)?;
    expect_shape("LoRA output gradient", dy, &[tokens, out])?;
    expect_shape("LoRA x·Aᵀ", xa, &[tokens, rank])?;
    let d_xa = (matmul(dy, b)? * scale)?;
    let dx = linear_input_gradient(&d_xa, a)?;
    let da = linear_weight_gradient(&d_xa, x)?;
    let db = linear_weight_gradient(dy, &(xa * scale)?)?;
    Ok((dx, da, db))
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
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
                let (got, xa) = forward(&x, &a, &b, 0.25)?;
                let (got_dx, got_da, got_db) = backward(&dy, &x, &xa, &a, &b, 0.25)?;
                let pairs = [("y", &got, &y), ("dx", &got_dx, &dx), ("da", &got_da, &da), ("db", &got_db, &db)];
                assert_close(bound, &pairs)?;
            }
        }
        Ok(())
    }
}
