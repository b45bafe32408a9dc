//! What bitsandbytes makes of the same numbers: `tests/golden/make_quantized.py`.

use serde::Deserialize;

#[derive(Deserialize)]
pub(in crate::kernels) struct Golden {
    pub seed: u64,
    pub nf4: Nf4,
    pub int8: Vec<Int8>,
    /// After each step of 0.01 with betas 0.9 and 0.95, epsilon 1e-8 and a weight decay of 0.1.
    pub adamw: Vec<Step>,
}

#[derive(Deserialize)]
pub(in crate::kernels) struct Nf4 {
    pub shape: [usize; 2],
    pub codes_sha256: String,
    pub scale_codes: Vec<u8>,
    pub scale_magnitudes: Vec<u32>,
    pub offset: u32,
}

/// Of a matrix whose rows have sizes of their own, in a dtype.
#[derive(Deserialize)]
pub(in crate::kernels) struct Int8 {
    pub dtype: String,
    pub seed: u64,
    pub shape: [usize; 2],
    pub codes_sha256: String,
    pub scales_sha256: String,
    /// Of what the codes stand for, in f32.
    pub back_sha256: String,
}

#[derive(Deserialize)]
pub(in crate::kernels) struct Step {
    pub parameters: Vec<u32>,
    pub first_codes: Vec<u8>,
    pub second_codes: Vec<u8>,
    pub first_magnitudes: Vec<u32>,
    pub second_magnitudes: Vec<u32>,
}

impl Golden {
    pub fn read() -> Self {
        serde_json::from_str(include_str!("../../../tests/golden/quantized.json")).unwrap()
    }
}

/// Cubes of multiples of 1/32768 between −1 and 1.
pub(in crate::kernels) fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 48) as f64 / 32_768.0 - 1.0).powi(3) as f32
    };
    (0..count).map(|_| next()).collect()
}

/// On the CPU, bitsandbytes finds codes by a table of 65,536 entries: close to the middle of two neighbours it may take
/// the farther one, and below a ten-thousandth of the largest it is off by up to seven.
pub(in crate::kernels) fn assert_codes_are_close(codes: &[u8], want: &[u8], farthest: u8, differing: f64) {
    let off: Vec<u8> = codes.iter().zip(want).map(|(a, b)| a.abs_diff(*b)).filter(|off| *off > 0).collect();
    assert!(off.iter().all(|off| *off <= farthest), "{off:?}");
    assert!(off.len() as f64 <= differing * codes.len() as f64, "{} of {} differ", off.len(), codes.len());
}

pub(in crate::kernels) fn floats(bits: &[u32]) -> Vec<f32> {
    bits.iter().map(|bits| f32::from_bits(*bits)).collect()
}
