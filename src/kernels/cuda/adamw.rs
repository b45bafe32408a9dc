//! AdamW on CUDA: `adamw.cu`.

use candle_core::Tensor;

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;
use crate::kernels::adamw::AdamwStep;
use crate::kernels::adamw_8bit::{Maps, Moments};

const THREADS: usize = 256;
/// Elements that a block of threads updates in one turn, where moments are in 8 bits.
const TURN: usize = 2048;
/// Elements of an update that keeps a device busy with eight turns for each block.
const MANY: usize = 1 << 23;

/// One update in place.
///
/// # Shapes  `parameters: [n]`, `gradients: [n]` of the same type or f32; `state`: two or three `[n]` f32, the third the master copy
pub(in crate::kernels) fn step(
    engine: &Engine,
    parameters: &Tensor,
    gradients: &Tensor,
    (first, second, master): (&Tensor, &Tensor, Option<&Tensor>),
    settings: &AdamwStep,
) -> Result<()> {
    let elements = parameters.elem_count();
    let mut arguments = vec![
        Argument::Output(parameters),
        Argument::Input(gradients),
        Argument::Output(first),
        Argument::Output(second),
        Argument::output(master),
        Argument::Long(elements as i64),
    ];
    arguments.extend(numbers(settings, master));
    engine.run(&Launch {
        kernel: if gradients.dtype() == parameters.dtype() { "adamw_step" } else { "adamw_step_of_sums" },
        dtype: Some(parameters.dtype()),
        grid: [elements.div_ceil(THREADS), 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &arguments,
    })
}

/// What ends the arguments of every update: its numbers, and whether and how parameters are rounded by chance.
fn numbers<'a>(settings: &AdamwStep, master: Option<&Tensor>) -> impl Iterator<Item = Argument<'a>> {
    let seed = settings.seed.filter(|_| master.is_none());
    let chance = [Argument::Int(i32::from(seed.is_some())), Argument::Int(seed.unwrap_or(0) as i32)];
    settings.narrow().map(Argument::Float).into_iter().chain(chance)
}

/// One update in place, of moments in 8 bits.
///
/// # Shapes  `parameters: [n]`, `gradients: [n]` of the same type or f32, `master: [n]` f32
pub(in crate::kernels) fn step_in_8_bits(
    engine: &Engine,
    parameters: &Tensor,
    gradients: &Tensor,
    (moments, maps): (&Moments, &Maps),
    master: Option<&Tensor>,
    settings: &AdamwStep,
) -> Result<()> {
    let elements = parameters.elem_count();
    let (first_map, second_map) = (maps.values.get(0)?, maps.values.get(1)?);
    let mut arguments = vec![
        Argument::Output(parameters),
        Argument::Input(gradients),
        Argument::Output(&moments.first),
        Argument::Output(&moments.second),
        Argument::Output(&moments.first_magnitudes),
        Argument::Output(&moments.second_magnitudes),
        Argument::Input(&first_map),
        Argument::Input(&second_map),
        Argument::output(master),
        Argument::Long(elements as i64),
    ];
    arguments.extend(numbers(settings, master));
    // Each block of threads reads the maps once, so that it is given more than one turn, if all are busy.
    let turns = if elements >= MANY { 8 } else { 1 };
    engine.run(&Launch {
        kernel: if gradients.dtype() == parameters.dtype() { "adamw_8bit_step" } else { "adamw_8bit_step_of_sums" },
        dtype: Some(parameters.dtype()),
        grid: [elements.div_ceil(TURN * turns), 1, 1],
        threads: THREADS,
        shared: 0,
        arguments: &arguments,
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
        AdamwStep { epsilon: 0.1, ..AdamwStep::example(step) }
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
                step(&engine, &got, &gradients, rows, &settings(t))?;
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
        let parameters = Tensor::ones(n, DType::BF16, &Device::Cpu)?;
        let want = parameters.copy()?;
        let gradients = parameters.copy()?;
        let settings = AdamwStep { seed: Some(17), ..settings };
        let state = Tensor::zeros((2, n), DType::F32, &Device::Cpu)?;
        let state_rows = state.copy()?;
        step(&engine, &parameters, &gradients, (&state_rows.get(0)?, &state_rows.get(1)?, None), &settings)?;
        adamw::step(&want, &gradients, &state, &settings)?;
        assert_eq!(error(&parameters, &want)?, 0.0, "the CPU rounds by the same chances");
        let moved: Vec<f64> = parameters.to_dtype(DType::F64)?.to_vec1()?;
        assert!(moved.iter().all(|x| *x == 1.0 || *x == 1.0 - distance));
        let share = moved.iter().filter(|x| **x < 1.0).count() as f64 / n as f64;
        // Four standard deviations of a share of 1/16 among 20,000.
        assert!((share - 1.0 / 16.0).abs() < 0.007, "{share}");
        Ok(())
    }
}
