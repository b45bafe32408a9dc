//! AdamW whose moments are kept in 8 bits: a quarter of the state, in place.

use candle_core::{DType, Device, Tensor};

use super::adamw::{self, AdamwStep, copy_in_place};
use super::cuda;
use super::parallel::{self, CHUNK};
use super::quantized::blockwise::{self, BLOCK};
use super::quantized::dynamic_map::DynamicMap;
use super::slices::expect_shape;
use crate::error::Result;

/// The moments of some parameters in 8 bits.
///
/// All are zero where every code and every magnitude is.
///
/// # Shapes  of n elements: codes `[n]` u8, magnitudes `[⌈n / 256⌉]` f32; views of larger tensors fit
/// # Source  Dettmers et al. 2022, arXiv:2110.02861: the blocks and the maps are those of bitsandbytes' `AdamW8bit`
#[derive(Debug, Clone)]
pub struct Moments {
    /// Of the first moment, in [`DynamicMap::signed`].
    pub first: Tensor,
    /// Of the second moment, in [`DynamicMap::unsigned`].
    pub second: Tensor,
    /// The largest magnitude of each block of the first moment.
    pub first_magnitudes: Tensor,
    /// The same of the second.
    pub second_magnitudes: Tensor,
}

impl Moments {
    /// The moments of n parameters before the first update.
    pub(super) fn zeros(n: usize, device: &Device) -> Result<Self> {
        let codes = || Tensor::zeros(n, DType::U8, device);
        let magnitudes = || Tensor::zeros(Maps::blocks(n), DType::F32, device);
        Ok(Self {
            first: codes()?,
            second: codes()?,
            first_magnitudes: magnitudes()?,
            second_magnitudes: magnitudes()?,
        })
    }
}

/// What the codes of both moments stand for, where the moments are.
#[derive(Debug, Clone)]
pub struct Maps {
    signed: DynamicMap,
    unsigned: DynamicMap,
    /// The values of both on the device, `[2, 256]`.
    pub(super) values: Tensor,
}

impl Maps {
    /// The maps on a device.
    ///
    /// # Errors
    /// The device has no room for two kilobytes.
    pub fn new(device: &Device) -> Result<Self> {
        let (signed, unsigned) = (DynamicMap::signed(), DynamicMap::unsigned());
        let values = Tensor::new(&[*signed.values(), *unsigned.values()], device)?;
        Ok(Self { signed, unsigned, values })
    }

    /// Blocks of so many elements.
    pub fn blocks(elements: usize) -> usize {
        elements.div_ceil(BLOCK)
    }

    /// Elements of a block.
    pub const BLOCK: usize = BLOCK;
}

/// One AdamW update, in place, as [`super::adamw::step`] but for the rounding of the moments.
///
/// # Shapes  `parameters: [n]`, `gradients: [n]`, `master: [n]` f32
/// # Errors  shapes differ; narrow parameters without a master copy and without a chance; step 0
/// # Source  Dettmers et al. 2022, arXiv:2110.02861
pub fn step(
    parameters: &Tensor,
    gradients: &Tensor,
    (moments, maps): (&Moments, &Maps),
    master: Option<&Tensor>,
    settings: &AdamwStep,
) -> Result<()> {
    let n = parameters.elem_count();
    expect_shape("AdamW parameters", parameters, &[n])?;
    expect_shape("AdamW gradients", gradients, &[n])?;
    for codes in [&moments.first, &moments.second] {
        expect_shape("moments in 8 bits", codes, &[n])?;
    }
    for magnitudes in [&moments.first_magnitudes, &moments.second_magnitudes] {
        expect_shape("magnitudes of moments in 8 bits", magnitudes, &[Maps::blocks(n)])?;
    }
    if let Some(master) = master {
        expect_shape("the master copy of parameters", master, &[n])?;
    }
    settings.check(parameters.dtype(), master.is_some())?;
    if n == 0 {
        return Ok(());
    }
    let fits = [parameters.dtype(), DType::F32].contains(&gradients.dtype())
        && gradients.is_contiguous()
        && parameters.is_contiguous();
    match cuda::Engine::on(parameters.device()) {
        Some(engine) if fits => {
            cuda::adamw::step_in_8_bits(&engine, parameters, gradients, (moments, maps), master, settings)
        }
        _ => on_cpu(parameters, gradients, (moments, maps), master, settings),
    }
}

/// What one thread changes.
struct Task<'a> {
    values: &'a mut [f32],
    gradients: &'a [f32],
    first: (&'a mut [u8], &'a mut [f32]),
    second: (&'a mut [u8], &'a mut [f32]),
}

fn on_cpu(
    parameters: &Tensor,
    gradients: &Tensor,
    (moments, maps): (&Moments, &Maps),
    master: Option<&Tensor>,
    settings: &AdamwStep,
) -> Result<()> {
    const BLOCKS: usize = CHUNK / BLOCK;
    let wide = |tensor: &Tensor| -> Result<Vec<f32>> { Ok(tensor.to_dtype(DType::F32)?.to_vec1()?) };
    let mut values = wide(master.unwrap_or(parameters))?;
    let gradients = wide(gradients)?;
    let (mut first, mut second) = (moments.first.to_vec1::<u8>()?, moments.second.to_vec1::<u8>()?);
    let (mut first_magnitudes, mut second_magnitudes) =
        (wide(&moments.first_magnitudes)?, wide(&moments.second_magnitudes)?);
    let firsts = first.chunks_mut(CHUNK).zip(first_magnitudes.chunks_mut(BLOCKS));
    let seconds = second.chunks_mut(CHUNK).zip(second_magnitudes.chunks_mut(BLOCKS));
    let tasks = values.chunks_mut(CHUNK).zip(gradients.chunks(CHUNK)).zip(firsts.zip(seconds));
    let tasks = tasks.map(|((values, gradients), (first, second))| Task { values, gradients, first, second });
    let numbers = settings.narrow();
    parallel::each(tasks.collect(), |task| update(task, maps, numbers));
    let n = values.len();
    let values = Tensor::from_vec(values, n, &Device::Cpu)?;
    copy_in_place(&moments.first, &Tensor::from_vec(first, n, &Device::Cpu)?)?;
    copy_in_place(&moments.second, &Tensor::from_vec(second, n, &Device::Cpu)?)?;
    copy_in_place(&moments.first_magnitudes, &Tensor::new(first_magnitudes, &Device::Cpu)?)?;
    copy_in_place(&moments.second_magnitudes, &Tensor::new(second_magnitudes, &Device::Cpu)?)?;
    if let Some(master) = master {
        copy_in_place(master, &values)?;
    }
    settings.write(parameters, &values, master.is_some())
}

fn update(task: Task<'_>, maps: &Maps, numbers: [f32; 9]) {
    let firsts = task.first.0.chunks_mut(BLOCK).zip(task.first.1);
    let seconds = task.second.0.chunks_mut(BLOCK).zip(task.second.1);
    let blocks = task.values.chunks_mut(BLOCK).zip(task.gradients.chunks(BLOCK)).zip(firsts.zip(seconds));
    for ((values, gradients), ((first, first_magnitude), (second, second_magnitude))) in blocks {
        let (mut m, mut v) = ([0f32; BLOCK], [0f32; BLOCK]);
        let (m, v) = (&mut m[..values.len()], &mut v[..values.len()]);
        blockwise::dequantize_block(m, first, *first_magnitude, &maps.signed);
        blockwise::dequantize_block(v, second, *second_magnitude, &maps.unsigned);
        for ((value, gradient), (m, v)) in values.iter_mut().zip(gradients).zip(m.iter_mut().zip(v.iter_mut())) {
            adamw::update(numbers, value, *gradient, m, v);
        }
        *first_magnitude = blockwise::quantize_block(m, first, &maps.signed);
        *second_magnitude = blockwise::quantize_block(v, second, &maps.unsigned);
        keep_above_zero(second, v);
    }
}

/// Gives second moments that would be rounded to zero the smallest code that is not.
///
/// The first moment has the finer map: where it is kept and the second one is not, the next update would divide by
/// epsilon.
fn keep_above_zero(codes: &mut [u8], values: &[f32]) {
    for (code, value) in codes.iter_mut().zip(values) {
        if *code == 0 && *value > 0.0 {
            *code = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, error, random};
    use crate::kernels::quantized::golden::{Golden, assert_codes_are_close, floats, numbers};

    impl Moments {
        fn wide(&self) -> Result<Tensor> {
            let row = |codes: &Tensor, magnitudes: &Tensor, map| -> Result<Tensor> {
                let mut values = vec![0.0; codes.elem_count()];
                blockwise::dequantize(&mut values, &codes.to_vec1::<u8>()?, &magnitudes.to_vec1::<f32>()?, map)?;
                Ok(Tensor::new(values, &Device::Cpu)?)
            };
            let (signed, unsigned) = (DynamicMap::signed(), DynamicMap::unsigned());
            let first = row(&self.first, &self.first_magnitudes, &signed)?;
            Ok(Tensor::stack(&[first, row(&self.second, &self.second_magnitudes, &unsigned)?], 0)?)
        }
    }

    #[test]
    fn each_step_is_that_of_wide_moments_but_for_their_rounding() -> Result<()> {
        for n in [1, 257, CHUNK + 300] {
            let maps = Maps::new(&Device::Cpu)?;
            let (parameters, moments) = (random("p", &[n], DType::F32)?, Moments::zeros(n, &Device::Cpu)?);
            for t in 1..=4 {
                let gradients = random(&format!("g{t}"), &[n], DType::F32)?;
                // From the moments as they are kept: what this step does, and nothing of the steps before.
                let (want, state) = (parameters.copy()?, moments.wide()?);
                adamw::step(&want, &gradients, &state, &AdamwStep::example(t))?;
                step(&parameters, &gradients, (&moments, &maps), None, &AdamwStep::example(t))?;
                assert_close(1e-6, &[("parameters", &parameters, &want)])?;
                let off = (moments.wide()? - &state)?.abs()?.to_vec2::<f32>()?;
                for (row, half) in off.iter().zip([0.9 / 128.0, 0.9 / 256.0]) {
                    let magnitudes = if half > 0.005 { &moments.first_magnitudes } else { &moments.second_magnitudes };
                    let largest = magnitudes.to_vec1::<f32>()?;
                    assert!(
                        row.iter().enumerate().all(|(i, off)| *off <= half * largest[i / BLOCK] * 1.000_1),
                        "{n} {t}"
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn each_step_from_the_state_that_bitsandbytes_left_is_its_next_one() -> Result<()> {
        let golden = Golden::read();
        let n = golden.adamw[0].parameters.len();
        let (maps, device) = (Maps::new(&Device::Cpu)?, Device::Cpu);
        let (mut parameters, mut moments) =
            (Tensor::new(numbers(n, golden.seed), &device)?, Moments::zeros(n, &Device::Cpu)?);
        for (t, want) in (1..).zip(&golden.adamw) {
            let floats = |bits: &[u32]| Tensor::new(floats(bits), &device);
            let settings = AdamwStep { beta2: 0.95, gradient_scale: 1.0, ..AdamwStep::example(t) };
            let gradients = Tensor::new(numbers(n, golden.seed + t), &device)?;
            step(&parameters, &gradients, (&moments, &maps), None, &settings)?;
            let next = Moments {
                first: Tensor::new(want.first_codes.as_slice(), &device)?,
                second: Tensor::new(want.second_codes.as_slice(), &device)?,
                first_magnitudes: floats(&want.first_magnitudes)?,
                second_magnitudes: floats(&want.second_magnitudes)?,
            };
            for (codes, want, differing) in [(&moments.first, &next.first, 0.03), (&moments.second, &next.second, 0.25)]
            {
                assert_codes_are_close(&codes.to_vec1()?, &want.to_vec1()?, 7, differing);
            }
            let after = floats(&want.parameters)?;
            assert_close(
                4e-7,
                &[
                    ("parameters", &parameters, &after),
                    ("first magnitudes", &moments.first_magnitudes, &next.first_magnitudes),
                    ("second magnitudes", &moments.second_magnitudes, &next.second_magnitudes),
                ],
            )?;
            (parameters, moments) = (after, next);
        }
        Ok(())
    }

    #[test]
    fn a_master_copy_or_a_chance_keeps_small_updates_of_bf16() -> Result<()> {
        let n = 60_000;
        let maps = Maps::new(&Device::Cpu)?;
        let parameters = || random("p", &[n], DType::BF16);
        let (with_master, by_chance) = (parameters()?, parameters()?);
        let master = with_master.to_dtype(DType::F32)?;
        let (moments, others) = (Moments::zeros(n, &Device::Cpu)?, Moments::zeros(n, &Device::Cpu)?);
        let gradients = Tensor::ones(n, DType::BF16, &Device::Cpu)?;
        for t in 1..=40 {
            let settings = AdamwStep { learning_rate: 1e-4, weight_decay: 0.0, ..AdamwStep::example(t) };
            step(&with_master, &gradients, (&moments, &maps), Some(&master), &settings)?;
            let settings = AdamwStep { seed: Some(t as u32), ..settings };
            step(&by_chance, &gradients, (&others, &maps), None, &settings)?;
        }
        let moved = |tensor: &Tensor| -> Result<f64> {
            let difference = (tensor.to_dtype(DType::F64)? - parameters()?.to_dtype(DType::F64)?)?;
            Ok(difference.mean_all()?.to_scalar::<f64>()?)
        };
        // Forty steps of 1e-4 down. By chance, the mean of 60,000 parameters that move in steps of 2⁻⁷ is off by 3e-5.
        assert!((moved(&master)? + 4e-3).abs() < 1e-5, "{}", moved(&master)?);
        assert_eq!(error(&with_master, &master.to_dtype(DType::BF16)?)?, 0.0);
        assert!((moved(&by_chance)? + 4e-3).abs() < 1.5e-4, "{}", moved(&by_chance)?);
        assert!(
            step(&by_chance, &gradients, (&others, &maps), None, &AdamwStep::example(1)).is_err(),
            "neither of them"
        );
        Ok(())
    }

    #[test]
    fn elements_far_below_the_largest_of_their_block_do_not_run_away() -> Result<()> {
        // The gradients of one element are a ten-thousandth of another's, and stop after some steps.
        let (n, maps) = (BLOCK, Maps::new(&Device::Cpu)?);
        let (parameters, moments) = (Tensor::zeros(n, DType::F32, &Device::Cpu)?, Moments::zeros(n, &Device::Cpu)?);
        for t in 1..=20 {
            let mut gradients = vec![0.0; n];
            (gradients[0], gradients[1]) = (1.0, if t <= 10 { 1e-4 } else { 0.0 });
            let settings = AdamwStep { weight_decay: 0.0, gradient_scale: 1.0, ..AdamwStep::example(t) };
            step(&parameters, &Tensor::new(gradients, &Device::Cpu)?, (&moments, &maps), None, &settings)?;
        }
        let values = parameters.to_vec1::<f32>()?;
        // Twenty steps of 0.01 each at most; without a floor the second would be at −598.
        assert!((values[0] + 0.2).abs() < 1e-3 && (-0.2..0.0).contains(&values[1]), "{:?}", &values[..2]);
        Ok(())
    }

    #[test]
    fn the_kernel_does_the_steps_of_the_cpu() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        let cases = [
            (DType::F32, DType::F32, false, 300),
            (DType::BF16, DType::BF16, false, 2600),
            (DType::BF16, DType::F32, true, 513),
            (DType::F16, DType::F32, true, 2048),
        ];
        for (dtype, of_gradients, with_master, n) in cases {
            let maps = Maps::new(&Device::Cpu)?;
            let start = random("p", &[n], dtype)?;
            let [got, want] = [start.copy()?, start.copy()?];
            let [got_master, want_master] = [(); 2].map(|()| start.to_dtype(DType::F32));
            let (got_master, want_master) = (got_master?.copy()?, want_master?.copy()?);
            let (moments, others) = (Moments::zeros(n, &Device::Cpu)?, Moments::zeros(n, &Device::Cpu)?);
            for t in 1..=3 {
                let gradients = random(&format!("g{t}"), &[n], of_gradients)?;
                let settings = AdamwStep { seed: (dtype == DType::BF16).then_some(t as u32), ..AdamwStep::example(t) };
                let master = |tensor| if with_master { Some(tensor) } else { None };
                let moments = (&moments, &maps);
                cuda::adamw::step_in_8_bits(&engine, &got, &gradients, moments, master(&got_master), &settings)?;
                step(&want, &gradients, (&others, &maps), master(&want_master), &settings)?;
            }
            // Neither side contracts a multiplication and an addition here, so that not a bit differs.
            assert_eq!(error(&got, &want)?, 0.0, "{dtype:?}");
            assert_eq!(moments.first.to_vec1::<u8>()?, others.first.to_vec1::<u8>()?);
            assert_eq!(moments.second.to_vec1::<u8>()?, others.second.to_vec1::<u8>()?);
            assert_eq!(error(&moments.first_magnitudes, &others.first_magnitudes)?, 0.0);
            assert_eq!(error(&moments.second_magnitudes, &others.second_magnitudes)?, 0.0);
        }
        Ok(())
    }
}
