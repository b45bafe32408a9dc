//! What the machine can do, and what the process has taken of it.

use std::time::Instant;

use candle_core::{Device, Tensor};

use crate::error::Result;
use crate::kernels::matmul::matmul;

/// The products that the peak is measured on: `[m, k]·[k, n]`.
const SHAPES: [[usize; 3]; 3] = [[1024, 1024, 1024], [2048, 768, 1024], [1536, 1536, 1536]];

/// How often each is done.
const TIMES: usize = 6;

/// The most that this program's matrix product reaches here in f32, in GFLOP/s: the best time of a few large products.
///
/// # Errors
/// There is no memory for the matrices.
pub fn matmul_peak() -> Result<f64> {
    let mut best = 0.0f64;
    for [m, k, n] in SHAPES {
        // Not zero: some processors multiply zeros at another speed.
        let a = Tensor::full(0.5f32, (m, k), &Device::Cpu)?.contiguous()?;
        let b = Tensor::full(0.25f32, (k, n), &Device::Cpu)?.contiguous()?;
        for _ in 0..TIMES {
            let started = Instant::now();
            std::hint::black_box(matmul(&a, &b)?);
            best = best.max((2 * m * k * n) as f64 / 1e9 / started.elapsed().as_secs_f64());
        }
    }
    Ok(best)
}

/// The most memory that the process had at one time, in MiB; `None` where the system does not say (it does on Linux).
pub fn peak_memory() -> Option<f64> {
    peak_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_in(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_mebibytes() {
        assert_eq!(peak_in("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n"), Some(2.0));
        assert_eq!(peak_in("VmRSS:\t 1 kB\n"), None);
    }
}
