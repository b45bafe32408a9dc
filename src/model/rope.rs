//! Rotary frequencies: the base, and how a model stretches them to reach further than it was trained.
//!
//! The rotation itself is a kernel; this is the part that comes from `config.json`.

use std::f64::consts::TAU;

/// How the rotary frequencies of a model are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rope {
    /// The base of the geometric series of frequencies.
    pub theta: f64,
    /// What is done to the frequencies afterwards.
    pub scaling: RopeScaling,
}

/// Ways of stretching the frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    Default,
    /// Every frequency divided by one factor (position interpolation).
    Linear {
        /// How many times further the model shall reach.
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided, high ones kept, a ramp between.
    Llama3 {
        /// How many times further the model shall reach.
        factor: f64,
        /// Wavelengths above `original_positions / low_frequency_factor` are stretched fully.
        low_frequency_factor: f64,
        /// Wavelengths below `original_positions / high_frequency_factor` are kept.
        high_frequency_factor: f64,
        /// The context the model was first trained with, in tokens.
        original_positions: f64,
    },
}

impl Rope {
    /// The inverse frequencies, in radians per position, one for each pair of a head's dimensions.
    ///
    /// # Source
    /// Su et al. 2021, arXiv:2104.09864 §3.2; Chen et al. 2023, arXiv:2306.15595 (linear); the Llama 3.1 rule as
    /// transformers computes it (`rope_type: llama3`).
    pub fn inverse_frequencies(&self, head_dimension: usize) -> Vec<f64> {
        (0..head_dimension / 2)
            .map(|pair| self.theta.powf(-((2 * pair) as f64) / head_dimension as f64))
            .map(|frequency| self.scaling.apply(frequency))
            .collect()
    }
}

impl RopeScaling {
    fn apply(self, frequency: f64) -> f64 {
        match self {
            Self::Default => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_positions } => {
                let wavelength = TAU / frequency;
                if wavelength < original_positions / high_frequency_factor {
                    frequency
                } else if wavelength > original_positions / low_frequency_factor {
                    frequency / factor
                } else {
                    let smooth = (original_positions / wavelength - low_frequency_factor)
                        / (high_frequency_factor - low_frequency_factor);
                    (1.0 - smooth) * frequency / factor + smooth * frequency
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_frequencies_are_the_powers_of_theta() {
        let rope = Rope { theta: 10_000.0, scaling: RopeScaling::Default };
        let got = rope.inverse_frequencies(8);
        for (got, expected) in got.iter().zip([1.0, 0.1, 0.01, 0.001]) {
            assert!((got - expected).abs() < 1e-15, "{got} {expected}");
        }
        let linear = Rope { scaling: RopeScaling::Linear { factor: 4.0 }, ..rope };
        assert!((linear.inverse_frequencies(8)[1] - 0.025).abs() < 1e-15);
    }

    #[test]
    fn llama3_scaling_keeps_high_stretches_low_and_ramps_between() {
        // Llama 3.1: theta 500000, factor 8, 1 and 4, 8192 positions, heads of 128.
        let plain = Rope { theta: 500_000.0, scaling: RopeScaling::Default };
        let scaled = Rope {
            scaling: RopeScaling::Llama3 {
                factor: 8.0,
                low_frequency_factor: 1.0,
                high_frequency_factor: 4.0,
                original_positions: 8192.0,
            },
            ..plain
        };
        let (plain, scaled) = (plain.inverse_frequencies(128), scaled.inverse_frequencies(128));
        for (pair, (plain, scaled)) in plain.iter().zip(&scaled).enumerate() {
            let wavelength = TAU / plain;
            let ratio = scaled / plain;
            match pair {
                0..=28 => assert!(wavelength < 2048.0 && (ratio - 1.0).abs() < 1e-15, "{pair} {ratio}"),
                35.. => assert!(wavelength > 8192.0 && (ratio - 0.125).abs() < 1e-15, "{pair} {ratio}"),
                // The ramp is linear in 1 / wavelength: 1/8 at 8192, 1 at 2048.
                _ => {
                    let expected = 0.125 + 0.875 * (8192.0 / wavelength - 1.0) / 3.0;
                    assert!((ratio - expected).abs() < 1e-12, "{pair} {ratio} {expected}");
                }
            }
        }
    }
}
