//! AdamW over all trained parameters at once, as `torch.optim.AdamW` computes it.
//!
//! Both moments are kept in f32 or in 8 bits, and where parameters are bf16 or f16 a master copy in f32 that they are
//! rounded from, unless they are rounded by chance. Matrices decay and vectors do not.

mod state;

use std::ops::Range;

use candle_core::{DType, Tensor};

use super::flat_file::FlatFile;
use crate::error::{Error, Result};
use crate::kernels::adamw::{self, AdamwStep};
use crate::kernels::adamw_8bit;
use crate::model::Parameters;
use crate::random::Stream;
use crate::recipe::{OptimizerSettings, Rounding};

pub(crate) use state::{CHUNK, Layout};
use state::{Part, State};

/// AdamW and its state.
#[derive(Debug)]
pub struct Optimizer {
    settings: OptimizerSettings,
    parameters: Parameters,
    state: State,
}

/// What is particular to one update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Which one, counted from 1.
    pub step: u64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// What the gradients are multiplied by first: the clip factor.
    pub gradient_scale: f64,
    /// The step's own chances, where parameters are rounded by chance.
    pub chances: Stream,
}

impl Optimizer {
    /// AdamW before its first update: moments of zero, and a master copy where the settings ask for one.
    ///
    /// # Errors
    /// There is no room for the state; parameters of f16 cannot be rounded by chance.
    pub fn new(parameters: &Parameters, settings: &OptimizerSettings) -> Result<Self> {
        if settings.rounding == Rounding::Stochastic && parameters.dtype() == DType::F16 {
            return Err(Error::new("optimizer.rounding")
                .got("stochastic, of f16 parameters")
                .expected("master")
                .hint("bf16 parameters can be rounded by chance; f16 ones underflow long before that matters"));
        }
        let state = State::new(parameters, Layout::new(settings, parameters.dtype()))?;
        Ok(Self { settings: settings.clone(), parameters: parameters.clone(), state })
    }

    /// Updates all parameters from gradients of the same layout.
    ///
    /// # Shapes
    /// `gradients: [elements]`, of the parameters' dtype or wider
    /// # Errors
    /// The shape differs.
    pub fn update(&self, gradients: &Tensor, update: Update) -> Result<()> {
        for range in self.state.ranges(&self.parameters) {
            for range in chunks(range) {
                let gradients = gradients.narrow(0, range.start, range.len())?;
                self.update_range(range, &gradients, update)?;
            }
        }
        Ok(())
    }

    /// Updates one parameter, by its index among the entries, from its gradient.
    ///
    /// # Errors
    /// There is no such parameter, or its shape differs.
    pub fn update_one(&self, index: usize, gradient: &Tensor, update: Update) -> Result<()> {
        let Some(entry) = self.parameters.entries().get(index) else { return Ok(()) };
        let gradient = gradient.contiguous()?.flatten_all()?;
        for range in chunks(entry.offset..entry.offset + entry.elements()) {
            let gradient = gradient.narrow(0, range.start - entry.offset, range.len())?;
            self.update_range(range, &gradient, update)?;
        }
        Ok(())
    }

    /// Updates adjacent parameters which all decay, or none of which does.
    fn update_range(&self, range: Range<usize>, gradients: &Tensor, update: Update) -> Result<()> {
        let first = range.start;
        for (piece, rate) in self.parameters.by_rate(range) {
            let gradients = gradients.narrow(0, piece.start - first, piece.len())?;
            self.update_piece(piece, &gradients, Update { learning_rate: rate * update.learning_rate, ..update })?;
        }
        Ok(())
    }

    /// Updates adjacent parameters which are alike.
    fn update_piece(&self, range: Range<usize>, gradients: &Tensor, update: Update) -> Result<()> {
        let decays = range.start < self.parameters.decayed_elements();
        let step = AdamwStep {
            learning_rate: update.learning_rate,
            beta1: self.settings.beta1,
            beta2: self.settings.beta2,
            epsilon: self.settings.epsilon,
            weight_decay: if decays { self.settings.weight_decay } else { 0.0 },
            step: update.step,
            gradient_scale: update.gradient_scale,
            seed: (self.settings.rounding == Rounding::Stochastic)
                .then(|| update.chances.at(range.start as u64) as u32),
        };
        let parameters = self.parameters.value().narrow(0, range.start, range.len())?;
        // Gradients of LoRA's factors are as narrow as the model.
        let narrower = gradients.dtype().size_in_bytes() < parameters.dtype().size_in_bytes();
        let gradients = if narrower { &gradients.to_dtype(parameters.dtype())? } else { gradients };
        self.state.with(range, |part| match (part, self.state.maps()) {
            (Part::Wide(state), _) => adamw::step(&parameters, gradients, &state, &step),
            (Part::EightBit(moments, master), Some(maps)) => {
                adamw_8bit::step(&parameters, gradients, (&moments, maps), master.as_ref(), &step)
            }
            (Part::EightBit(..), None) => Err(Error::new("moments in 8 bits").expected("the maps of their codes")),
        })
    }

    /// The state as it goes into a checkpoint.
    pub(crate) fn files(&self) -> Result<Vec<FlatFile>> {
        self.state.files()
    }
}

/// The factor that brings a gradient of this norm down to `clip`, as `torch.nn.utils.clip_grad_norm_` does.
pub fn clip_factor(norm: f64, clip: Option<f64>) -> f64 {
    clip.map_or(1.0, |clip| (clip / (norm + 1e-6)).min(1.0))
}

fn chunks(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(CHUNK).map(move |start| start..(start + CHUNK).min(end))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::model::Parameter;
    use crate::recipe::OptimizerKind;

    fn chances() -> Stream {
        Stream::new(1, "rounding")
    }

    const SETTINGS: OptimizerSettings = OptimizerSettings {
        kind: OptimizerKind::Adamw,
        rounding: Rounding::Master,
        offload: false,
        learning_rate: 1e-2,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        clip: None,
    };

    /// A matrix, which decays, and a vector, which does not.
    fn parameters(dtype: DType) -> (Parameters, Vec<Parameter>) {
        let tensor = |values: &[f64], shape: &[usize]| {
            Tensor::from_slice(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
        };
        let vector = tensor(&[1.0, -0.3], &[2]);
        let matrix = tensor(&[0.5, -1.25, 2.0, 0.1], &[2, 2]);
        Parameters::gather(vec![("vector".into(), vector), ("matrix".into(), matrix)]).unwrap()
    }

    /// The gradients that the golden values were made with, matrix first.
    fn gradients(step: usize, dtype: DType) -> Tensor {
        let s = step as f64;
        let values = [0.3 * (s + 1.0), -2.0 + s, 0.05 * s, 1e-3, 0.7 - s * 0.2, 4.0 / (s + 1.0)];
        Tensor::new(&values, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    }

    fn values(parameters: &Parameters) -> Vec<f64> {
        parameters.value().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
    }

    /// `torch.optim.AdamW` 2.15 with `clip_grad_norm_(…, 1.0)`, in f64: the norm and the parameters after each step.
    #[rustfmt::skip]
    const TORCH: [(f64, [f64; 6]); 5] = [
        (4.5365185991021795, [0.489500001512173, -1.238750000226826, 1.998, 0.08990045363138084, 0.9900000006480741, -0.309999999886587]),
        (2.369071759149562, [0.4820713173691934, -1.2297655865992847, 1.9905219238718352, 0.08212603611176386, 0.9820609836507695, -0.31799341360660294]),
        (1.639444655295743, [0.476650724585791, -1.224333608354095, 1.984680943726264, 0.07636541817607978, 0.97609167628155, -0.32398143953265035]),
        (1.8634647836758278, [0.4728906239043134, -1.2234821554313111, 1.980539806078742, 0.07246174938668935, 0.9724502150385377, -0.3278781881064384]),
        (2.634388164261296, [0.47094813054755613, -1.2238594940794236, 1.9783741395389802, 0.07051496951083373, 0.9710333262702451, -0.32972378665089436]),
    ];

    fn run_five_steps(dtype: DType, settings: &OptimizerSettings, tolerance: f64) {
        let (parameters, _) = parameters(dtype);
        let optimizer = Optimizer::new(&parameters, settings).unwrap();
        for (step, (golden_norm, golden)) in TORCH.iter().enumerate() {
            let gradients = gradients(step, dtype);
            let norm = adamw::norm(&gradients).unwrap();
            assert!((norm - golden_norm).abs() <= tolerance.min(2e-7) * golden_norm, "step {step}: norm {norm}");
            let gradient_scale = clip_factor(norm, Some(1.0));
            let learning_rate = 1e-2 * (5 - step) as f64 / 5.0;
            optimizer
                .update(&gradients, Update { step: step as u64 + 1, learning_rate, gradient_scale, chances: chances() })
                .unwrap();
            for (value, golden) in values(&parameters).iter().zip(golden) {
                assert!((value - golden).abs() <= tolerance, "step {step}: {value} is not {golden}");
            }
        }
    }

    #[test]
    fn five_steps_with_clipping_and_decay_are_those_of_torch() {
        run_five_steps(DType::F64, &SETTINGS, 1e-13);
        run_five_steps(DType::F32, &SETTINGS, 2e-7);
    }

    #[test]
    fn a_parameter_with_a_rate_of_its_own_moves_as_one_trained_alone_at_that_rate() {
        for kind in [OptimizerKind::Adamw, OptimizerKind::Adamw8bit] {
            let settings = OptimizerSettings { kind, ..SETTINGS };
            let run = |rates: [f64; 2], learning_rate: f64| {
                let (mut parameters, _) = parameters(DType::F32);
                parameters.set_rate(rates[0], |name| name == "matrix");
                parameters.set_rate(rates[1], |name| name == "vector");
                let optimizer = Optimizer::new(&parameters, &settings).unwrap();
                for step in 0..3 {
                    let update =
                        Update { step: step as u64 + 1, learning_rate, gradient_scale: 1.0, chances: chances() };
                    optimizer.update(&gradients(step, DType::F32), update).unwrap();
                }
                values(&parameters)
            };
            let (both, slow, fast) = (run([1.0, 16.0], 1e-3), run([1.0, 1.0], 1e-3), run([1.0, 1.0], 16.0 * 1e-3));
            assert_eq!((&both[..4], &both[4..]), (&slow[..4], &fast[4..]));
            assert_ne!(both[4..], slow[4..]);
        }
    }

    #[test]
    fn five_steps_with_moments_in_8_bits_are_close_to_those_of_torch() {
        // One of the six has gradients of a two-thousandth of the largest: its second moment is at the lower end of the map,
        // where codes are a third apart, and a sixth of each step of at most 0.01 may be lost or won.
        for offload in [false, true] {
            let settings = OptimizerSettings { kind: OptimizerKind::Adamw8bit, offload, ..SETTINGS };
            run_five_steps(DType::F32, &settings, 1.7e-3);
        }
    }

    #[test]
    fn bf16_parameters_are_rounded_from_an_f32_master() {
        let (parameters, _) = parameters(DType::BF16);
        let optimizer = Optimizer::new(&parameters, &SETTINGS).unwrap();
        let mut plain = values(&parameters);
        let (mut first, mut second) = ([0.0; 6], [0.0; 6]);
        for step in 1..=20 {
            let gradients = gradients(step, DType::F32);
            let update = Update { step: step as u64, learning_rate: 1e-4, gradient_scale: 0.5, chances: chances() };
            optimizer.update(&gradients, update).unwrap();
            // The same in f64, written out.
            for (i, gradient) in gradients.to_vec1::<f32>().unwrap().into_iter().enumerate() {
                let gradient = 0.5 * f64::from(gradient);
                first[i] = 0.9 * first[i] + 0.1 * gradient;
                second[i] = 0.95 * second[i] + 0.05 * gradient * gradient;
                let decay = if i < 4 { 0.1 } else { 0.0 };
                let correct = |beta: f64| 1.0 - beta.powi(step as i32);
                plain[i] *= 1.0 - 1e-4 * decay;
                plain[i] -= 1e-4 * (first[i] / correct(0.9)) / ((second[i] / correct(0.95)).sqrt() + 1e-8);
            }
        }
        let master = optimizer.state.master_row().unwrap().unwrap();
        let rounded: Vec<f64> = master.to_dtype(DType::BF16).unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
        assert_eq!(values(&parameters), rounded);
        for (master, plain) in master.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap().iter().zip(plain) {
            // Twenty roundings to f32 of numbers up to 2.
            assert!((master - plain).abs() <= 2e-6, "{master} is not {plain}");
        }
        // A bf16 parameter near 2 moves in steps of 2⁻⁷, so twenty updates of 1e-4 would all have been lost.
        assert!((plain_start(2) - master.get(2).unwrap().to_scalar::<f32>().unwrap()).abs() > 1e-3);
    }

    fn plain_start(index: usize) -> f32 {
        values(&parameters(DType::BF16).0)[index] as f32
    }

    /// All ways to keep the state, of f32 and bf16 parameters.
    fn ways() -> Vec<(DType, OptimizerSettings)> {
        let mut ways = Vec::new();
        for kind in [OptimizerKind::Adamw, OptimizerKind::Adamw8bit] {
            for (dtype, rounding) in
                [(DType::F32, Rounding::Master), (DType::BF16, Rounding::Master), (DType::BF16, Rounding::Stochastic)]
            {
                ways.push((dtype, OptimizerSettings { kind, rounding, ..SETTINGS }));
            }
        }
        ways
    }

    /// The bits of the parameters and of the whole state.
    fn everything(parameters: &Parameters, optimizer: &Optimizer) -> Vec<f64> {
        let mut all = values(parameters);
        for file in optimizer.files().unwrap() {
            all.extend(file.flat.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap());
        }
        all
    }

    #[test]
    fn one_parameter_at_a_time_is_all_at_once_bit_by_bit() {
        for (dtype, settings) in ways() {
            let (together, _) = parameters(dtype);
            let (apart, views) = parameters(dtype);
            let both = [&together, &apart].map(|parameters| Optimizer::new(parameters, &settings).unwrap());
            for step in 0..3 {
                let chances = chances().child(step);
                let update = Update { step: step + 1, learning_rate: 1e-2, gradient_scale: 1.0, chances };
                let gradients = gradients(step as usize, DType::F32);
                both[0].update(&gradients, update).unwrap();
                for view in &views {
                    let gradient = apart.view(&gradients, view.index).unwrap();
                    both[1].update_one(view.index, &gradient, update).unwrap();
                }
            }
            assert_ne!(values(&together), values(&parameters(dtype).0));
            // A chance goes by where an update begins, so that only the state is the same there.
            let from = if settings.rounding == Rounding::Stochastic { together.elements() } else { 0 };
            assert_eq!(everything(&together, &both[0])[from..], everything(&apart, &both[1])[from..]);
        }
    }

    #[test]
    fn state_in_the_hosts_memory_is_state_on_the_device_bit_by_bit() {
        for (dtype, settings) in ways() {
            let offloaded = OptimizerSettings { offload: true, ..settings.clone() };
            let [here, there] = [settings, offloaded].map(|settings| {
                let (parameters, views) = parameters(dtype);
                let optimizer = Optimizer::new(&parameters, &settings).unwrap();
                for step in 0..5 {
                    let chances = chances().child(step);
                    let update = Update { step: step + 1, learning_rate: 1e-2, gradient_scale: 0.7, chances };
                    let gradients = gradients(step as usize, DType::F32);
                    for view in &views {
                        let gradient = parameters.view(&gradients, view.index).unwrap();
                        optimizer.update_one(view.index, &gradient, update).unwrap();
                    }
                }
                everything(&parameters, &optimizer)
            });
            assert_eq!(here, there);
        }
    }

    #[test]
    fn the_state_takes_the_bytes_that_its_layout_says() {
        for (dtype, settings) in ways() {
            let (parameters, _) = parameters(dtype);
            let files = Optimizer::new(&parameters, &settings).unwrap().files().unwrap();
            let bytes: usize =
                files.iter().map(|file| file.flat.elem_count() * file.flat.dtype().size_in_bytes()).sum();
            let tensors = parameters.entries().iter().map(|entry| entry.elements() as u64);
            assert_eq!(Layout::new(&settings, dtype).bytes(tensors), bytes as u64);
        }
    }

    #[test]
    fn f16_parameters_are_not_rounded_by_chance() {
        let settings = OptimizerSettings { rounding: Rounding::Stochastic, ..SETTINGS };
        let text = Optimizer::new(&parameters(DType::F16).0, &settings).unwrap_err().to_string();
        assert!(text.starts_with("optimizer.rounding is stochastic, of f16 parameters, must be master"), "{text}");
    }

    #[test]
    fn clipping_never_scales_up() {
        assert_eq!(clip_factor(0.5, Some(1.0)), 1.0);
        assert_eq!(clip_factor(4.0, Some(1.0)), 1.0 / 4.000001);
        assert_eq!(clip_factor(4.0, None), 1.0);
        assert_eq!(clip_factor(0.0, Some(1.0)), 1.0);
    }
}
