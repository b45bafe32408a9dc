//! AdamW on CUDA: `adamw.cu`.

use candle_core::Tensor;

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;
use crate::kernels::adamw::AdamwStep;

const THREADS: usize = 256;

/// One update in place; without a master copy, a seed rounds bf16 parameters by chance.
///
/// # Shapes  `parameters: [n]`, `gradients: [n]` of the same type or f32; `state`: two or three `[n]` f32, the third the master copy
pub(in crate::kernels) fn step(
    engine: &Engine,
    parameters: &Tensor,
    gradients: &Tensor,
    (first, second, master): (&Tensor, &Tensor, Option<&Tensor>),
    settings: &AdamwStep,
    chance: Option<u32>,
) -> Result<()> {
    let elements = parameters.elem_count();
    let [scale, beta1, new1, beta2, new2, root_scale, epsilon, step_size, kept] = settings.narrow();
    engine.run(&Launch {
        kernel: if gradients.dtype() == parameters.dtype() { "adamw_step" } else { "adamw_step_of_sums" },
        dtype: Some(parameters.dtype()),
        grid: [elements.div_ceil(THREADS), 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &[
            Argument::Output(parameters),
            Argument::Input(gradients),
            Argument::Output(first),
            Argument::Output(second),
            Argument::output(master),
            Argument::Long(elements as i64),
            Argument::Float(scale),
            Argument::Float(beta1),
            Argument::Float(new1),
            Argument::Float(beta2),
            Argument::Float(new2),
            Argument::Float(root_scale),
            Argument::Float(epsilon),
            Argument::Float(step_size),
            Argument::Float(kept),
            Argument::Int(i32::from(chance.is_some())),
            Argument::Int(chance.unwrap_or(0) as i32),
        ],
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::kernels::adamw;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, error, random};

    fn settings(step: u64) -> AdamwStep {
        // An epsilon large enough to be seen.
        let (beta1, beta2, epsilon) = (0.9, 0.999, 0.1);
        AdamwStep { learning_rate: 0.01, beta1, beta2, epsilon, weight_decay: 0.1, step, gradient_scale: 0.5 }
    }

    #[test]
    fn steps_equal_those_of_the_reference() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        let cases = [
            (DType::F32, DType::F32, 700),
            (DType::BF16, DType::BF16, 300),
            (DType::BF16, DType::F32, 1),
            (DType::F16, DType::F32, 257),
        ];
        for (dtype, of_gradients, n) in cases {
            let master = dtype != DType::F32;
            let start = random("p", &[n], dtype)?;
            let states = [(); 2].map(|()| -> Result<Tensor> {
                let state = Tensor::zeros((if master { 3 } else { 2 }, n), DType::F32, &Device::Cpu)?;
                if master {
                    adamw::copy_in_place(&state.narrow(0, 2, 1)?, &start.unsqueeze(0)?)?;
                }
                Ok(state)
            });
            let [state, want_state] = states;
            let (state, want_state) = (state?, want_state?);
            let (got, want) = (start.copy()?, start.copy()?);
            for t in 1..=3 {
                let gradients = random(&format!("g{t}"), &[n], of_gradients)?;
                let master = master.then(|| state.get(2)).transpose()?;
                let rows = (&state.get(0)?, &state.get(1)?, master.as_ref());
                step(&engine, &got, &gradients, rows, &settings(t), None)?;
                adamw::step(&want, &gradients, &want_state, &settings(t))?;
            }
            let rounding = if master { 1e-3 } else { 5e-7 };
            assert_close(rounding, &[("parameters", &got, &want)])?;
            assert_close(5e-7, &[("state", &state, &want_state)])?;
        }
        Ok(())
    }

    #[test]
    fn rounding_by_chance_moves_parameters_by_the_mean_of_what_they_should() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        let n = 20_000;
        // Each step is a sixteenth of the distance between 1 and the next bf16 below.
        let distance = 2f64.powi(-8);
        let settings = AdamwStep { learning_rate: distance / 16.0, weight_decay: 0.0, epsilon: 0.0, ..settings(1) };
        let [by_chance, nearest] = [Some(17), None].map(|chance| -> Result<Tensor> {
            let parameters = Tensor::ones(n, DType::BF16, &Device::Cpu)?;
            let gradients = parameters.copy()?;
            let [first, second] = [(); 2].map(|()| Tensor::zeros(n, DType::F32, &Device::Cpu));
            step(&engine, &parameters, &gradients, (&first?, &second?, None), &settings, chance)?;
            Ok(parameters)
        });
        assert_eq!(error(&nearest?, &Tensor::ones(n, DType::F64, &Device::Cpu)?)?, 0.0);
        let moved: Vec<f64> = by_chance?.to_dtype(DType::F64)?.to_vec1()?;
        assert!(moved.iter().all(|x| *x == 1.0 || *x == 1.0 - distance));
        let share = moved.iter().filter(|x| **x < 1.0).count() as f64 / n as f64;
        // Four standard deviations of a share of 1/16 among 20,000.
        assert!((share - 1.0 / 16.0).abs() < 0.007, "{share}");
        Ok(())
    }
}
