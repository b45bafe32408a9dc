//! What a device is, and what memory it has and had.

use candle_core::Device;

use crate::error::Result;

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What its maker calls it.
    pub name: String,
    /// Which generation of CUDA devices it is, major and minor.
    pub compute_capability: Option<(i32, i32)>,
    /// The newest CUDA that its driver knows, major and minor.
    pub driver: Option<(i32, i32)>,
    /// The version of the library that multiplies matrices there.
    pub cublas: Option<String>,
    /// Bytes that new work can have.
    pub free: Option<u64>,
    /// All its bytes.
    pub total: Option<u64>,
}

/// Asks a device what it is.
///
/// # Errors  the driver does not answer
pub fn facts(device: &Device) -> Result<Facts> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return super::cuda::facts(device);
    }
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("CPU", |(_, name)| name.trim());
    Ok(Facts {
        name: model.to_owned(),
        compute_capability: None,
        driver: None,
        cublas: None,
        free: free_memory(device),
        total: memory_line("MemTotal:"),
    })
}

/// Bytes that new work can have; not known where the system does not say it as Linux does.
pub fn free_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return super::cuda::facts(device).ok()?.free;
    }
    if device.is_cpu() { memory_line("MemAvailable:") } else { None }
}

/// The most bytes that this process had on the device at one time; not known where the system does not say it as Linux
/// does.
pub fn peak_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return super::cuda::peak_memory(device).ok();
    }
    if device.is_cpu() { kibibytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM:") } else { None }
}

/// What the system says of its memory, in bytes.
fn memory_line(key: &str) -> Option<u64> {
    kibibytes(&std::fs::read_to_string("/proc/meminfo").ok()?, key)
}

/// The line of that key, which counts kibibytes, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_kibibytes() {
        assert_eq!(kibibytes("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n", "VmHWM:"), Some(2 << 20));
        assert_eq!(kibibytes("VmRSS:\t 1 kB\n", "VmHWM:"), None);
        assert!(peak_memory(&Device::Cpu).is_none_or(|bytes| bytes > 1 << 20));
    }
}
