//! The gated activation of a Llama's feed-forward block: `silu(gate) · up`.

use candle_core::Tensor;

use super::cuda;
use super::slices::{compute_dtype, expect_shape, on_cpu_f32};
use crate::error::Result;

/// `gate · sigmoid(gate) · up`, element by element.
///
/// # Shapes  `gate`, `up`: the same → the same
/// # Source  Shazeer 2020, arXiv:2002.05202
pub fn forward(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    expect_shape("swiglu up", up, gate.dims())?;
    if on_cpu_f32(&[gate, up]) {
        return cpu::forward(gate, up);
    }
    if let Some(engine) = cuda::Engine::of(&[gate, up]) {
        return cuda::swiglu::forward(&engine, gate, up);
    }
    reference::forward(gate, up)
}

/// Gradients of [`forward`] by `gate` and by `up`.
///
/// # Shapes  `dy`, `gate`, `up`: the same → the same, twice
pub fn backward(dy: &Tensor, gate: &Tensor, up: &Tensor) -> Result<(Tensor, Tensor)> {
    expect_shape("swiglu up", up, gate.dims())?;
    expect_shape("swiglu output gradient", dy, gate.dims())?;
    if on_cpu_f32(&[dy, gate, up]) {
        return cpu::backward(dy, gate, up);
    }
    if let Some(engine) = cuda::Engine::of(&[dy, gate, up]) {
        return cuda::swiglu::backward(&engine, dy, gate, up);
    }
    reference::backward(dy, gate, up)
}

pub(super) mod reference {
    use super::*;

    fn sigmoid(x: &Tensor) -> Result<Tensor> {
        Ok((x.neg()?.exp()? + 1.0)?.recip()?)
    }

    pub(in crate::kernels) fn forward(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
        let wide = compute_dtype(gate.dtype());
        let g = gate.to_dtype(wide)?;
        Ok(((&g * sigmoid(&g)?)? * up.to_dtype(wide)?)?.to_dtype(gate.dtype())?)
    }

    pub(in crate::kernels) fn backward(dy: &Tensor, gate: &Tensor, up: &Tensor) -> Result<(Tensor, Tensor)> {
        let wide = compute_dtype(gate.dtype());
        let (g, d) = (gate.to_dtype(wide)?, dy.to_dtype(wide)?);
        let s = sigmoid(&g)?;
        let silu = (&g * &s)?;
        // d silu / d gate = s + silu·(1 − s)
        let slope = (&s + (&silu * s.affine(-1.0, 1.0)?)?)?;
        let d_gate = ((&d * up.to_dtype(wide)?)? * slope)?.to_dtype(gate.dtype())?;
        Ok((d_gate, (d * silu)?.to_dtype(up.dtype())?))
    }
}

mod cpu {
    use super::*;
    use crate::kernels::parallel::{self, CHUNK};
    use crate::kernels::simd::{self, Kernel, Vector};
    use crate::kernels::slices;

    pub(super) fn forward(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
        let mut y = vec![0f32; gate.elem_count()];
        slices::read([gate, up], |[gate, up]| {
            let tasks = y.chunks_mut(CHUNK).zip(gate.chunks(CHUNK)).zip(up.chunks(CHUNK));
            let tasks = tasks.map(|((y, gate), up)| Forward { y, gate, up }).collect();
            parallel::each(tasks, simd::dispatch);
            Ok(())
        })?;
        slices::tensor(y, gate.dims())
    }

    pub(super) fn backward(dy: &Tensor, gate: &Tensor, up: &Tensor) -> Result<(Tensor, Tensor)> {
        let (mut d_gate, mut d_up) = (vec![0f32; gate.elem_count()], vec![0f32; gate.elem_count()]);
        slices::read([dy, gate, up], |[dy, gate, up]| {
            let outputs = d_gate.chunks_mut(CHUNK).zip(d_up.chunks_mut(CHUNK));
            let inputs = dy.chunks(CHUNK).zip(gate.chunks(CHUNK)).zip(up.chunks(CHUNK));
            let tasks = outputs.zip(inputs);
            let tasks = tasks.map(|((d_gate, d_up), ((dy, gate), up))| Backward { d_gate, d_up, dy, gate, up });
            parallel::each(tasks.collect(), simd::dispatch);
            Ok(())
        })?;
        Ok((slices::tensor(d_gate, gate.dims())?, slices::tensor(d_up, gate.dims())?))
    }

    #[inline(always)]
    fn sigmoid<V: Vector>(x: f32) -> f32 {
        1.0 / (1.0 + simd::exp::<V>(-x))
    }

    struct Forward<'a> {
        y: &'a mut [f32],
        gate: &'a [f32],
        up: &'a [f32],
    }

    impl Kernel for Forward<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            for ((y, &gate), &up) in self.y.iter_mut().zip(self.gate).zip(self.up) {
                *y = gate * sigmoid::<V>(gate) * up;
            }
        }
    }

    struct Backward<'a> {
        d_gate: &'a mut [f32],
        d_up: &'a mut [f32],
        dy: &'a [f32],
        gate: &'a [f32],
        up: &'a [f32],
    }

    impl Kernel for Backward<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            let outputs = self.d_gate.iter_mut().zip(self.d_up);
            for (((d_gate, d_up), &dy), (&gate, &up)) in outputs.zip(self.dy).zip(self.gate.iter().zip(self.up)) {
                let sigmoid = sigmoid::<V>(gate);
                let silu = gate * sigmoid;
                *d_gate = dy * up * (sigmoid + silu * (1.0 - sigmoid));
                *d_up = dy * silu;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::kernels::oracle::{assert_close, gradients, random};

    #[test]
    fn the_reference_equals_autograd_in_f64() -> Result<()> {
        let [gate, up, dy] = ["gate", "up", "dy"].map(|name| random(name, &[7, 13], DType::F64));
        let (gate, up, dy) = ((gate? * 3.0)?, up?, dy?);
        let (y, [d_gate, d_up]) = gradients([&gate, &up], &dy, |[gate, up]| Ok((gate.silu()? * up)?))?;
        let (got_gate, got_up) = backward(&dy, &gate, &up)?;
        let pairs = [("y", &forward(&gate, &up)?, &y), ("d_gate", &got_gate, &d_gate), ("d_up", &got_up, &d_up)];
        assert_close(1e-12, &pairs)
    }

    #[test]
    fn the_fast_path_equals_the_reference() -> Result<()> {
        for shape in [[0usize, 5], [1, 1], [3, 21], [77, 300]] {
            let [gate, up, dy] = ["gate", "up", "dy"].map(|name| random(name, &shape, DType::F32));
            let (gate, up, dy) = ((gate? * 4.0)?, up?, dy?);
            let ((d_gate, d_up), want) = (backward(&dy, &gate, &up)?, reference::backward(&dy, &gate, &up)?);
            let y = (forward(&gate, &up)?, reference::forward(&gate, &up)?);
            assert_close(5e-7, &[("y", &y.0, &y.1), ("d_gate", &d_gate, &want.0), ("d_up", &d_up, &want.1)])?;
        }
        Ok(())
    }

    #[test]
    fn gates_far_from_zero_stay_finite_and_a_nan_stays_nan() -> Result<()> {
        let gate = Tensor::new(&[-1e4f32, -100.0, 100.0, f32::NAN], &candle_core::Device::Cpu)?;
        let y = forward(&gate, &gate.ones_like()?)?.to_vec1::<f32>()?;
        assert!(y[0].abs() < 1e-30 && y[1].abs() < 1e-30 && y[2] == 100.0 && y[3].is_nan(), "{y:?}");
        Ok(())
    }
}
