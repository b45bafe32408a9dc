//! AdamW, one pass over flat buffers, in place.

use candle_core::{DType, Tensor};

use super::slices::{expect_shape, on_cpu_f32};
use super::{cuda, rounding};
use crate::error::{Error, Result};

pub use super::flat::{Squares, add_in_place, copy_in_place, fill_zero, norm, squares};

/// The settings of one AdamW update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamwStep {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment, each step.
    pub beta1: f64,
    /// Decay of the second moment, each step.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled decay: the parameter shrinks by `learning_rate·weight_decay` each step.
    pub weight_decay: f64,
    /// Which step this is, from 1; used to correct the moments' bias.
    pub step: u64,
    /// Multiplies the gradient first: the clip factor.
    pub gradient_scale: f64,
    /// Rounds bf16 parameters that have no master copy by chance, another one for each seed.
    pub seed: Option<u32>,
}

impl AdamwStep {
    /// What the first moment over the root of the second is multiplied by.
    fn step_size(&self) -> f64 {
        self.learning_rate / (1.0 - self.beta1.powf(self.step as f64))
    }

    /// What the root of the second moment is multiplied by.
    fn root_scale(&self) -> f64 {
        1.0 / (1.0 - self.beta2.powf(self.step as f64)).sqrt()
    }

    /// All that an update of f32 uses: gradient scale, β1, 1 − β1, β2, 1 − β2, root scale, epsilon, step size, kept.
    pub(super) fn narrow(&self) -> [f32; 9] {
        // Rounded after the subtraction: 1 − 0.999 in f32 would be off by 5e-5 of itself.
        let (new1, new2) = (1.0 - self.beta1, 1.0 - self.beta2);
        let (beta1, beta2, root_scale) = (self.beta1, self.beta2, self.root_scale());
        let wide =
            [self.gradient_scale, beta1, new1, beta2, new2, root_scale, self.epsilon, self.step_size(), self.kept()];
        wide.map(|x| x as f32)
    }

    /// What is left of a parameter after its decay.
    fn kept(&self) -> f64 {
        1.0 - self.learning_rate * self.weight_decay
    }

    /// Refuses what would lose updates silently: parameters narrower than f32 that are simply rounded.
    pub(super) fn check(&self, parameters: DType, has_master: bool) -> Result<()> {
        if self.step == 0 {
            return Err(Error::new("AdamW step").got(0).expected("1 or more, to correct the moments' bias"));
        }
        let fits = match parameters {
            DType::F32 | DType::F64 => true,
            DType::BF16 => has_master || self.seed.is_some(),
            _ => has_master,
        };
        if fits {
            return Ok(());
        }
        Err(Error::new(format!("the update of {parameters:?} parameters"))
            .got("no copy of them in f32")
            .expected("a master copy, or for bf16 a seed to round by chance"))
    }

    /// Writes updated parameters, rounded to their dtype.
    pub(super) fn write(&self, parameters: &Tensor, after: &Tensor, has_master: bool) -> Result<()> {
        match self.seed {
            Some(seed) if parameters.dtype() == DType::BF16 && !has_master => {
                copy_in_place(parameters, &rounding::to_bf16_by_chance(after, seed)?)
            }
            _ => copy_in_place(parameters, after),
        }
    }
}

/// One AdamW update, in place.
///
/// The rows of `state` are the first moment, the second moment and, where parameters are not as wide
/// as the state, the master copy that the parameters are rounded from; the caller fills it with the
/// parameters before the first step. bf16 parameters can do without, if they are rounded by chance. `state` may be a
/// range of columns of a wider one. All three lie in buffers of their own.
///
/// # Shapes  `parameters: [n]`, `gradients: [n]`, `state: [2 or 3, n]` f32 (f64 for f64 parameters)
/// # Errors  shapes differ; narrow parameters without a master copy and without a seed; step 0
/// # Source  Loshchilov and Hutter 2019, arXiv:1711.05101, in PyTorch's order of operations
pub fn step(parameters: &Tensor, gradients: &Tensor, state: &Tensor, settings: &AdamwStep) -> Result<()> {
    let n = parameters.elem_count();
    expect_shape("AdamW parameters", parameters, &[n])?;
    expect_shape("AdamW gradients", gradients, &[n])?;
    let has_master = match *state.dims() {
        [2, m] if m == n => false,
        [3, m] if m == n => true,
        ref other => {
            return Err(Error::new("AdamW state: shape").got(format!("{other:?}")).expected(format!("[2 or 3, {n}]")));
        }
    };
    settings.check(parameters.dtype(), has_master)?;
    if n == 0 {
        return Ok(());
    }
    if on_cpu_f32(&[parameters, gradients, state]) && !has_master {
        return cpu::step(parameters, gradients, state, settings);
    }
    if let (Some(engine), DType::F32) = (cuda::Engine::on(parameters.device()), state.dtype())
        && [parameters.dtype(), DType::F32].contains(&gradients.dtype())
        && gradients.is_contiguous()
        && parameters.is_contiguous()
    {
        let master = if has_master { Some(state.get(2)?) } else { None };
        let rows = (&state.get(0)?, &state.get(1)?, master.as_ref());
        return cuda::adamw::step(&engine, parameters, gradients, rows, settings);
    }
    reference::step(parameters, gradients, state, has_master, settings)
}

/// The update of one element on the CPU, by the numbers of [`AdamwStep::narrow`].
#[inline(always)]
pub(super) fn update(numbers: [f32; 9], parameter: &mut f32, gradient: f32, first: &mut f32, second: &mut f32) {
    let [scale, beta1, new1, beta2, new2, root_scale, epsilon, step_size, kept] = numbers;
    let gradient = gradient * scale;
    *first = *first * beta1 + gradient * new1;
    *second = *second * beta2 + gradient * gradient * new2;
    *parameter = *parameter * kept - *first / (second.sqrt() * root_scale + epsilon) * step_size;
}

mod reference {
    use super::*;

    pub(super) fn step(
        parameters: &Tensor,
        gradients: &Tensor,
        state: &Tensor,
        has_master: bool,
        settings: &AdamwStep,
    ) -> Result<()> {
        let (first_row, second_row) = (state.narrow(0, 0, 1)?, state.narrow(0, 1, 1)?);
        let gradient = (gradients.to_dtype(state.dtype())?.unsqueeze(0)? * settings.gradient_scale)?;
        let first = ((&first_row * settings.beta1)? + (&gradient * (1.0 - settings.beta1))?)?;
        let second = ((&second_row * settings.beta2)? + (gradient.sqr()? * (1.0 - settings.beta2))?)?;
        let denominator = ((second.sqrt()? * settings.root_scale())? + settings.epsilon)?;
        let update = ((&first / denominator)? * settings.step_size())?;
        let before =
            if has_master { state.narrow(0, 2, 1)? } else { parameters.unsqueeze(0)?.to_dtype(state.dtype())? };
        let after = ((before * settings.kept())? - update)?;
        copy_in_place(&first_row, &first)?;
        copy_in_place(&second_row, &second)?;
        if has_master {
            copy_in_place(&state.narrow(0, 2, 1)?, &after)?;
        }
        settings.write(parameters, &after.squeeze(0)?, has_master)
    }
}

mod cpu {
    use super::*;
    use crate::kernels::parallel::{self, CHUNK};
    use crate::kernels::simd::{self, Kernel, Vector};
    use crate::kernels::slices;

    pub(super) fn step(parameters: &Tensor, gradients: &Tensor, state: &Tensor, settings: &AdamwStep) -> Result<()> {
        // A candle operation changes one tensor, so that the two changed ones are reached one inside the other.
        slices::write_from(parameters, gradients, |parameters, gradients| {
            slices::write_rows(state, |[first, second]| {
                let moments = first.chunks_mut(CHUNK).zip(second.chunks_mut(CHUNK));
                let tasks = parameters.chunks_mut(CHUNK).zip(gradients.chunks(CHUNK)).zip(moments);
                let tasks = tasks.map(|((parameters, gradients), (first, second))| Update {
                    parameters,
                    gradients,
                    first,
                    second,
                    settings,
                });
                parallel::each(tasks.collect(), simd::dispatch);
            })
        })?
    }

    struct Update<'a> {
        parameters: &'a mut [f32],
        gradients: &'a [f32],
        first: &'a mut [f32],
        second: &'a mut [f32],
        settings: &'a AdamwStep,
    }

    impl Kernel for Update<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            let numbers = self.settings.narrow();
            let moments = self.first.iter_mut().zip(self.second);
            for ((parameter, gradient), (first, second)) in self.parameters.iter_mut().zip(self.gradients).zip(moments)
            {
                update(numbers, parameter, *gradient, first, second);
            }
        }
    }
}

#[cfg(test)]
impl AdamwStep {
    /// What the tests of all ways to take a step begin with.
    pub(super) fn example(step: u64) -> Self {
        Self {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.1,
            step,
            gradient_scale: 0.5,
            seed: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::kernels::oracle::{assert_close, error, random};

    /// The rule as the paper writes it, element by element.
    fn by_hand(parameters: &mut [f64], gradients: impl Fn(u64) -> Vec<f64>, steps: u64) {
        let (mut m, mut v) = (vec![0.0; parameters.len()], vec![0.0; parameters.len()]);
        for t in 1..=steps {
            let s = AdamwStep::example(t);
            for (i, g) in gradients(t).into_iter().enumerate() {
                let g = g * s.gradient_scale;
                m[i] = s.beta1 * m[i] + (1.0 - s.beta1) * g;
                v[i] = s.beta2 * v[i] + (1.0 - s.beta2) * g * g;
                let (m_hat, v_hat) = (m[i] / (1.0 - s.beta1.powi(t as i32)), v[i] / (1.0 - s.beta2.powi(t as i32)));
                parameters[i] -=
                    s.learning_rate * (m_hat / (v_hat.sqrt() + s.epsilon) + s.weight_decay * parameters[i]);
            }
        }
    }

    fn run(dtype: DType, rows: usize, n: usize) -> Result<(Tensor, Tensor)> {
        let start = random("p", &[n], DType::BF16)?.to_dtype(DType::F64)?;
        let gradient = |t: u64| random(&format!("g{t}"), &[n], DType::BF16);
        let mut expected = start.to_vec1::<f64>()?;
        by_hand(&mut expected, |t| gradient(t).unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap(), 5);
        let parameters = start.to_dtype(dtype)?;
        let state_dtype = if dtype == DType::F64 { dtype } else { DType::F32 };
        // The state is the middle columns of a wider one.
        let wide = Tensor::zeros((rows, n + 7), state_dtype, &Device::Cpu)?;
        let state = wide.narrow(1, 3, n)?;
        if rows == 3 {
            copy_in_place(&state.narrow(0, 2, 1)?, &start.unsqueeze(0)?)?;
        }
        for t in 1..=5 {
            step(&parameters, &gradient(t)?.to_dtype(dtype)?, &state, &AdamwStep::example(t))?;
        }
        let edges = Tensor::cat(&[wide.narrow(1, 0, 3)?, wide.narrow(1, n + 3, 4)?], 1)?;
        assert_eq!(edges.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?, 0.0, "wrote beside the state");
        Ok((if rows == 3 { state.get(2)? } else { parameters }, Tensor::from_vec(expected, n, &Device::Cpu)?))
    }

    #[test]
    fn five_steps_equal_the_rule_by_hand() -> Result<()> {
        for n in [1, 37, 40_000] {
            let (got, expected) = run(DType::F64, 2, n)?;
            assert_close(1e-14, &[("f64", &got, &expected)])?;
            let (got, expected) = run(DType::F32, 2, n)?;
            assert_close(5e-7, &[("f32", &got, &expected)])?;
            let (got, expected) = run(DType::BF16, 3, n)?;
            assert_close(5e-7, &[("bf16 with a master copy", &got, &expected)])?;
        }
        Ok(())
    }

    #[test]
    fn the_fast_path_equals_the_reference() -> Result<()> {
        let gradients = random("g", &[1000], DType::F32)?;
        let both = [true, false].map(|fast| -> Result<(Tensor, Tensor)> {
            let parameters = random("p", &[1000], DType::F32)?;
            let state = random("state", &[2, 1000], DType::F32)?.abs()?;
            if fast {
                step(&parameters, &gradients, &state, &AdamwStep::example(3))?;
            } else {
                reference::step(&parameters, &gradients, &state, false, &AdamwStep::example(3))?;
            }
            Ok((parameters, state))
        });
        let [fast, slow] = both;
        let (fast, slow) = (fast?, slow?);
        assert_close(2e-7, &[("parameters", &fast.0, &slow.0), ("state", &fast.1, &slow.1)])
    }

    #[test]
    fn bf16_parameters_without_a_master_copy_and_a_step_of_zero_are_refused() -> Result<()> {
        let p = random("p", &[4], DType::BF16)?;
        let state = Tensor::zeros((2, 4), DType::F32, &Device::Cpu)?;
        assert!(step(&p, &p, &state, &AdamwStep::example(1)).is_err());
        let p = random("p", &[4], DType::F32)?;
        assert!(step(&p, &p.copy()?, &state, &AdamwStep::example(0)).is_err());
        assert_eq!(error(&p, &random("p", &[4], DType::F32)?)?, 0.0);
        Ok(())
    }
}
