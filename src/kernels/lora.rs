//! The low-rank update of LoRA, forward and backward, always through the narrow `rank` dimension.

use candle_core::Tensor;

use super::matmul::{add_matmul, linear, linear_weight_gradient, matmul};
use super::slices::{expect_shape, matrix};
use crate::error::Result;

/// `y + scale·(x·Aᵀ)·Bᵀ`, and `x·Aᵀ` for the gradients; `y` is held by the caller alone.
///
/// # Shapes  `y: [tokens, out]`, `x: [tokens, in]`, `a: [rank, in]`, `b: [out, rank]` → `[tokens, out]`, `[tokens, rank]`
/// # Units   `scale = alpha / rank`, dimensionless
/// # Source  Hu et al. 2021, arXiv:2106.09685 §4.1
pub fn forward(y: Tensor, x: &Tensor, a: &Tensor, b: &Tensor, scale: f64) -> Result<(Tensor, Tensor)> {
    let (_, rank) = matrix("LoRA B", b)?;
    let (_, features) = matrix("LoRA input", x)?;
    expect_shape("LoRA A", a, &[rank, features])?;
    let xa = linear(x, a)?;
    // Scaling the narrow product costs `tokens·rank`, not `tokens·out`.
    let narrow = (&xa * scale)?;
    let y = if y.dtype() == narrow.dtype() {
        add_matmul(y, &narrow, &b.t()?)?
    } else {
        (&y + linear(&narrow, b)?.to_dtype(y.dtype())?)?
    };
    Ok((y, xa))
}

/// The gradient of [`forward`] by `x·Aᵀ`.
///
/// # Shapes  `dy: [tokens, out]`, `b: [out, rank]` → `[tokens, rank]`
pub fn narrow_gradient(dy: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    let (out, _) = matrix("LoRA B", b)?;
    let (tokens, _) = matrix("LoRA output gradient", dy)?;
    expect_shape("LoRA output gradient", dy, &[tokens, out])?;
    Ok((matmul(dy, b)? * scale)?)
}

/// The gradients of [`forward`] by `a` and by `b`; no `[out, in]` matrix is formed.
///
/// # Shapes  `d_xa`, `xa: [tokens, rank]`, `x: [tokens, in]`, `dy: [tokens, out]` → `[rank, in]`, `[out, rank]`
pub fn factor_gradients(d_xa: &Tensor, dy: &Tensor, x: &Tensor, xa: &Tensor, scale: f64) -> Result<(Tensor, Tensor)> {
    let (tokens, _) = matrix("LoRA input", x)?;
    expect_shape("LoRA x·Aᵀ", xa, &[tokens, matrix("LoRA narrow gradient", d_xa)?.1])?;
    Ok((linear_weight_gradient(d_xa, x)?, linear_weight_gradient(dy, &(xa * scale)?)?))
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
                let (got, xa) = forward(y.zeros_like()?, &x, &a, &b, 0.25)?;
                let d_xa = narrow_gradient(&dy, &b, 0.25)?;
                let (got_da, got_db) = factor_gradients(&d_xa, &dy, &x, &xa, 0.25)?;
                let got_dx = matmul(&d_xa, &a)?;
                let pairs = [("y", &got, &y), ("dx", &got_dx, &dx), ("da", &got_da, &da), ("db", &got_db, &db)];
                assert_close(bound, &pairs)?;
            }
        }
        Ok(())
    }
}
