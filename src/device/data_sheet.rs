//! What makers say of their devices, to set a measured rate beside.

use candle_core::DType;

/// Dense products of bf16 or f16 with sums in f32, in 10¹² operations a second, by a part of the device's name; the more
/// telling part first. From NVIDIA's data sheets and architecture papers; sparsity, which they like to count, is not
/// counted.
const TERAFLOPS: [(&str, f64); 17] = [
    ("B200", 2250.0),
    ("H200 NVL", 835.5),
    ("H200", 989.4),
    ("H100 PCIe", 756.0),
    ("H100 NVL", 835.5),
    ("H100", 989.4),
    ("A100", 312.0),
    ("L40S", 362.1),
    ("L4", 121.0),
    ("A10G", 70.0),
    ("A10", 125.0),
    ("RTX 5090", 209.5),
    ("RTX 4090", 165.2),
    ("RTX 4080", 97.5),
    ("RTX 3090 Ti", 80.0),
    ("RTX 3090", 71.0),
    ("RTX A6000", 154.8),
];

/// Operations a second of matrix products in that dtype, as the maker says; none for devices and dtypes that are not in
/// the list.
pub fn product_peak(name: &str, dtype: DType) -> Option<f64> {
    if !matches!(dtype, DType::BF16 | DType::F16) {
        return None;
    }
    let words: Vec<&str> = name.split([' ', '-']).collect();
    let has = |part: &str| {
        let part: Vec<&str> = part.split(' ').collect();
        let mut rest = words.iter();
        part.iter().all(|word| rest.any(|found| found == word))
    };
    TERAFLOPS.iter().find(|(part, _)| has(part)).map(|(_, peak)| peak * 1e12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_the_names_their_drivers_give() {
        let peak = |name| product_peak(name, DType::BF16).map(|peak| (peak / 1e11).round() / 10.0);
        assert_eq!(peak("NVIDIA H100 80GB HBM3"), Some(989.4));
        assert_eq!(peak("NVIDIA H100 PCIe"), Some(756.0));
        assert_eq!(peak("NVIDIA H200"), Some(989.4));
        assert_eq!(peak("NVIDIA A100-SXM4-80GB"), Some(312.0));
        assert_eq!(peak("NVIDIA GeForce RTX 3090 Ti"), Some(80.0));
        assert_eq!(peak("NVIDIA GeForce RTX 3090"), Some(71.0));
        assert_eq!(peak("NVIDIA L40S"), Some(362.1));
        assert_eq!(peak("AMD EPYC"), None);
        assert_eq!(product_peak("NVIDIA H200", DType::F32), None);
    }
}
