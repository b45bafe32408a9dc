//! Where the work runs: CPU or a CUDA device, and the dtype of weights and activations.
//!
//! This is the only place that knows which devices this build has.

#[cfg(feature = "cuda")]
mod cuda;
mod data_sheet;
mod facts;
#[cfg(feature = "cuda")]
mod lanes;
mod laps;
pub mod transfers;

use candle_core::{DType, Device};

pub use data_sheet::product_peak;
pub use facts::{Facts, facts, free_memory, peak_memory};
pub use laps::Laps;

use crate::error::{Error, Result};

/// What a recipe or a flag asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first CUDA device where this build has CUDA and the machine has one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of that number.
    Cuda(usize),
}

impl std::str::FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            "cuda" => return Ok(Self::Cuda(0)),
            _ => {}
        }
        text.strip_prefix("cuda:")
            .and_then(|ordinal| ordinal.parse().ok())
            .map(Self::Cuda)
            .ok_or_else(|| Error::usage("device").got(format!("{text:?}")).expected("auto, cpu, cuda or cuda:N"))
    }
}

/// Opens the device that was asked for.
///
/// # Errors
/// A CUDA device is asked for by number and this build or this machine has none.
pub fn open(choice: DeviceChoice) -> Result<Device> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda(ordinal) => open_cuda(ordinal),
        DeviceChoice::Auto if candle_core::utils::cuda_is_available() => open_cuda(0),
        DeviceChoice::Auto => Ok(Device::Cpu),
    }
}

fn open_cuda(ordinal: usize) -> Result<Device> {
    if !cfg!(feature = "cuda") {
        return Err(Error::new(format!("device cuda:{ordinal} needs a build with CUDA"))
            .hint("build with: cargo build --release --features cuda"));
    }
    let device = Device::new_cuda(ordinal).map_err(|source| {
        Error::new(format!("cannot open device cuda:{ordinal}: {source}"))
            .hint("nvidia-smi lists the devices; --device cpu runs without one")
    })?;
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = &device {
        cuda::prepare(device)?;
    }
    Ok(device)
}

/// Lets CUDA devices multiply f32 matrices as TF32, or not, from now on.
pub fn allow_tf32(allow: bool) {
    #[cfg(feature = "cuda")]
    candle_core::cuda_backend::set_gemm_reduced_precision_f32(allow);
    #[cfg(not(feature = "cuda"))]
    let _ = allow;
}

/// Reads a dtype by the names that recipes and Hugging Face configs use.
pub fn dtype_named(name: &str) -> Option<DType> {
    match name {
        "f32" | "float32" => Some(DType::F32),
        "bf16" | "bfloat16" => Some(DType::BF16),
        "f16" | "float16" => Some(DType::F16),
        "f64" | "float64" => Some(DType::F64),
        _ => None,
    }
}

/// A device in words, as run folders and tables name it.
pub fn describe(device: &Device) -> String {
    match device {
        Device::Cpu => format!("cpu, {} threads", rayon::current_num_threads()),
        other => format!("{:?}", other.location()).to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_reads_as_people_write_it() {
        assert_eq!("cuda:1".parse::<DeviceChoice>().ok(), Some(DeviceChoice::Cuda(1)));
        assert_eq!("auto".parse::<DeviceChoice>().ok(), Some(DeviceChoice::Auto));
        let refused = "gpu".parse::<DeviceChoice>().map_err(|e| e.to_string());
        assert_eq!(refused, Err("device is \"gpu\", must be auto, cpu, cuda or cuda:N".into()));
    }
}
