//! RMS normalisation: each token is divided by the root of its mean square, then scaled per feature.

use candle_core::{D, Tensor};

use super::cuda;
use super::slices::{compute_dtype, expect_shape, matrix, on_cpu_f32};
use super::sum::add;
use crate::error::Result;

/// What [`backward`] needs of a [`forward`].
#[derive(Debug, Clone)]
pub struct NormSaved {
    /// The input, `[tokens, features]`.
    pub x: Tensor,
    /// `1 / √(mean square + epsilon)` of each token, `[tokens]`, f32 (f64 for f64).
    pub inverse_rms: Tensor,
}

/// `x / √(mean(x²) + epsilon) · weight`, computed in f32 or wider and rounded once.
///
/// # Shapes  `x: [tokens, features]`, `weight: [features]` → `[tokens, features]`
/// # Source  Zhang and Sennrich 2019, arXiv:1910.07467
pub fn forward(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<(Tensor, NormSaved)> {
    let (_, features) = matrix("rms_norm input", x)?;
    expect_shape("rms_norm weight", weight, &[features])?;
    if on_cpu_f32(&[x, weight]) {
        return cpu::forward(x, weight, epsilon);
    }
    if let Some(engine) = cuda::rms_norm::engine(&[x, weight]) {
        return cuda::rms_norm::forward(&engine, x, None, weight, epsilon);
    }
    reference::forward(x, weight, epsilon)
}

/// [`forward`] of `delta + x`, which is what is saved; on CUDA in the same pass. `delta` was just computed and is not kept
/// elsewhere.
///
/// # Shapes  `delta`, `x: [tokens, features]`, `weight: [features]` → `[tokens, features]`
pub fn forward_added(delta: Tensor, x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<(Tensor, NormSaved)> {
    let (_, features) = matrix("rms_norm input", x)?;
    expect_shape("what is added to an rms_norm input", &delta, x.dims())?;
    expect_shape("rms_norm weight", weight, &[features])?;
    match cuda::rms_norm::engine(&[x, &delta, weight]) {
        Some(engine) => cuda::rms_norm::forward(&engine, x, Some(&delta), weight, epsilon),
        None => forward(&add(delta, x)?, weight, epsilon),
    }
}

/// Gradients of [`forward`] by its input and, if wanted, by its weight. What came beside, `residual`, is added to the
/// input's gradient; on CUDA in the same pass.
///
/// # Shapes  `dy`, `residual: [tokens, features]` → `[tokens, features]`, `[features]`
pub fn backward(
    dy: &Tensor,
    weight: &Tensor,
    saved: &NormSaved,
    residual: Option<&Tensor>,
    want_weight: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    expect_shape("rms_norm output gradient", dy, saved.x.dims())?;
    residual.map_or(Ok(()), |residual| expect_shape("rms_norm residual", residual, dy.dims()))?;
    let operands: Vec<&Tensor> = [dy, weight, &saved.x].into_iter().chain(residual).collect();
    if let Some(engine) = cuda::rms_norm::engine(&operands) {
        return cuda::rms_norm::backward(&engine, dy, weight, saved, residual, want_weight);
    }
    let (dx, d_weight) = backward_alone(dy, weight, saved, want_weight)?;
    match residual {
        Some(residual) => Ok((add(dx, residual)?, d_weight)),
        None => Ok((dx, d_weight)),
    }
}

fn backward_alone(
    dy: &Tensor,
    weight: &Tensor,
    saved: &NormSaved,
    want_weight: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    if on_cpu_f32(&[dy, weight, &saved.x, &saved.inverse_rms]) {
        return cpu::backward(dy, weight, saved, want_weight);
    }
    reference::backward(dy, weight, saved, want_weight)
}

pub(super) mod reference {
    use super::*;

    pub(in crate::kernels) fn forward(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<(Tensor, NormSaved)> {
        let wide = compute_dtype(x.dtype());
        let x_wide = x.to_dtype(wide)?;
        let inverse = (x_wide.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?.recip()?;
        let y = x_wide.broadcast_mul(&inverse)?.broadcast_mul(&weight.to_dtype(wide)?)?.to_dtype(x.dtype())?;
        Ok((y, NormSaved { x: x.clone(), inverse_rms: inverse.squeeze(D::Minus1)? }))
    }

    pub(in crate::kernels) fn backward(
        dy: &Tensor,
        weight: &Tensor,
        saved: &NormSaved,
        want_weight: bool,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let wide = compute_dtype(saved.x.dtype());
        let inverse = saved.inverse_rms.unsqueeze(1)?;
        let normal = saved.x.to_dtype(wide)?.broadcast_mul(&inverse)?;
        let dy_wide = dy.to_dtype(wide)?;
        let d_normal = dy_wide.broadcast_mul(&weight.to_dtype(wide)?)?;
        let along = (&d_normal * &normal)?.mean_keepdim(D::Minus1)?;
        let dx = (d_normal - normal.broadcast_mul(&along)?)?.broadcast_mul(&inverse)?;
        let d_weight = if want_weight { Some((dy_wide * normal)?.sum(0)?.to_dtype(weight.dtype())?) } else { None };
        Ok((dx.to_dtype(dy.dtype())?, d_weight))
    }
}

mod cpu {
    use super::*;
    use crate::kernels::simd::{self, Kernel, Vector};
    use crate::kernels::{parallel, slices};

    /// Tokens of one task; partial weight gradients are summed over these, then over tasks in order.
    const BLOCK: usize = 32;

    pub(super) fn forward(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<(Tensor, NormSaved)> {
        let (tokens, features) = matrix("rms_norm input", x)?;
        let (mut y, mut inverse) = (vec![0f32; tokens * features], vec![0f32; tokens]);
        slices::read([x, weight], |[x, weight]| {
            let wide = (BLOCK * features).max(1);
            let tasks = y.chunks_mut(wide).zip(inverse.chunks_mut(BLOCK)).zip(x.chunks(wide)).collect();
            parallel::each(tasks, |((y, inverse), x)| simd::dispatch(Forward { y, inverse, x, weight, epsilon }));
            Ok(())
        })?;
        let inverse_rms = slices::tensor(inverse, &[tokens])?;
        Ok((slices::tensor(y, &[tokens, features])?, NormSaved { x: x.clone(), inverse_rms }))
    }

    struct Forward<'a> {
        y: &'a mut [f32],
        inverse: &'a mut [f32],
        x: &'a [f32],
        weight: &'a [f32],
        epsilon: f64,
    }

    impl Kernel for Forward<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            let features = self.weight.len();
            let rows = self.y.chunks_exact_mut(features).zip(self.x.chunks_exact(features));
            for ((y, x), inverse) in rows.zip(self.inverse) {
                let mean = f64::from(simd::dot::<V>(x, x)) / features as f64;
                let scale = (1.0 / (mean + self.epsilon).sqrt()) as f32;
                *inverse = scale;
                for ((y, x), weight) in y.iter_mut().zip(x).zip(self.weight) {
                    *y = x * scale * weight;
                }
            }
        }
    }

    pub(super) fn backward(
        dy: &Tensor,
        weight: &Tensor,
        saved: &NormSaved,
        want_weight: bool,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let (tokens, features) = matrix("rms_norm output gradient", dy)?;
        let blocks = if want_weight { tokens.div_ceil(BLOCK) } else { 0 };
        let (mut dx, mut partial) = (vec![0f32; tokens * features], vec![0f32; blocks * features]);
        slices::read([dy, weight, &saved.x, &saved.inverse_rms], |[dy, weight, x, inverse]| {
            let wide = (BLOCK * features).max(1);
            let mut partials = partial.chunks_exact_mut(features.max(1));
            let tasks = dx.chunks_mut(wide).zip(dy.chunks(wide)).zip(x.chunks(wide)).zip(inverse.chunks(BLOCK));
            let tasks = tasks.map(|(((dx, dy), x), inverse)| Backward {
                dx,
                d_weight: partials.next().unwrap_or_default(),
                dy,
                weight,
                x,
                inverse,
            });
            parallel::each(tasks.collect(), simd::dispatch);
            Ok(())
        })?;
        let d_weight =
            if want_weight { Some(slices::tensor(sum_rows(&partial, features), &[features])?) } else { None };
        Ok((slices::tensor(dx, &[tokens, features])?, d_weight))
    }

    /// Adds up the rows, first to last.
    fn sum_rows(rows: &[f32], features: usize) -> Vec<f32> {
        let mut total = vec![0f32; features];
        for row in rows.chunks_exact(features.max(1)) {
            total.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        total
    }

    struct Backward<'a> {
        dx: &'a mut [f32],
        /// Empty if the weight's gradient is not wanted.
        d_weight: &'a mut [f32],
        dy: &'a [f32],
        weight: &'a [f32],
        x: &'a [f32],
        inverse: &'a [f32],
    }

    impl Kernel for Backward<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            let features = self.weight.len();
            let rows = self.dx.chunks_exact_mut(features).zip(self.dy.chunks_exact(features));
            for (((dx, dy), x), &inverse) in rows.zip(self.x.chunks_exact(features)).zip(self.inverse) {
                for ((dx, dy), weight) in dx.iter_mut().zip(dy).zip(self.weight) {
                    *dx = dy * weight;
                }
                let along = simd::dot::<V>(dx, x) / features as f32 * inverse * inverse;
                for (dx, x) in dx.iter_mut().zip(x) {
                    *dx = (*dx - x * along) * inverse;
                }
                for ((sum, dy), x) in self.d_weight.iter_mut().zip(dy).zip(x) {
                    *sum = simd::multiply_add::<V>(*dy, x * inverse, *sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::kernels::oracle::{assert_close, gradients, random};

    fn inputs(tokens: usize, features: usize, dtype: DType) -> Result<(Tensor, Tensor, Tensor)> {
        let x = random("x", &[tokens, features], dtype)?;
        Ok((x, random("weight", &[features], dtype)?, random("dy", &[tokens, features], dtype)?))
    }

    #[test]
    fn the_reference_equals_autograd_in_f64() -> Result<()> {
        for (tokens, features) in [(1, 3), (5, 12), (70, 33)] {
            let (x, weight, dy) = inputs(tokens, features, DType::F64)?;
            let (y, [dx, dw]) = gradients([&x, &weight], &dy, |[x, weight]| {
                let root = (x.sqr()?.mean_keepdim(1)? + 1e-5)?.sqrt()?;
                Ok(x.broadcast_div(&root)?.broadcast_mul(weight)?)
            })?;
            let (got, saved) = forward(&x, &weight, 1e-5)?;
            let (got_dx, got_dw) = backward(&dy, &weight, &saved, None, true)?;
            let got_dw = got_dw.expect("the weight's gradient");
            assert_close(1e-12, &[("y", &got, &y), ("dx", &got_dx, &dx), ("dw", &got_dw, &dw)])?;
        }
        Ok(())
    }

    #[test]
    fn the_fast_path_equals_the_reference() -> Result<()> {
        for (tokens, features) in [(0, 8), (1, 3), (1, 64), (33, 100), (130, 257)] {
            let (x, weight, dy) = inputs(tokens, features, DType::F32)?;
            let ((y, saved), (want, want_saved)) =
                (forward(&x, &weight, 1e-5)?, reference::forward(&x, &weight, 1e-5)?);
            let (dx, dw) = backward(&dy, &weight, &saved, None, true)?;
            let (want_dx, want_dw) = reference::backward(&dy, &weight, &want_saved, true)?;
            let (dw, want_dw) = (dw.expect("a gradient"), want_dw.expect("a gradient"));
            assert_close(1e-6, &[("y", &y, &want), ("dx", &dx, &want_dx), ("dw", &dw, &want_dw)])?;
            assert!(backward(&dy, &weight, &saved, None, false)?.1.is_none());
        }
        Ok(())
    }

    #[test]
    fn what_is_added_before_and_beside_is_the_sum() -> Result<()> {
        for dtype in [DType::F32, DType::F64] {
            let (x, weight, dy) = inputs(40, 24, dtype)?;
            let delta = random("delta", &[40, 24], dtype)?;
            let sum = (&x + &delta)?;
            let (want, want_saved) = forward(&sum, &weight, 1e-5)?;
            let (y, saved) = forward_added(delta, &x, &weight, 1e-5)?;
            assert_close(0.0, &[("y", &y, &want), ("sum", &saved.x, &sum)])?;
            let (dx, _) = backward(&dy, &weight, &want_saved, None, false)?;
            let (beside, _) = backward(&dy, &weight, &saved, Some(&x), false)?;
            assert_close(0.0, &[("dx", &beside, &(dx + &x)?)])?;
        }
        Ok(())
    }
}
