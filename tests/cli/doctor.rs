//! `emakeel doctor`: the device, what it reaches, and every kernel on it.

use serde_json::Value;

use crate::support::emakeel;

#[test]
fn every_kernel_of_this_machine_is_within_its_bound() {
    let output = emakeel(&["doctor", "--device", "cpu", "--json", "--seed", "7"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(found["device"].as_str().is_some_and(|name| !name.is_empty()));
    assert!(found["copy_bytes_per_s"].as_f64().is_some_and(|rate| rate > 1e8));
    let kernels = found["kernels"].as_array().expect("a list of kernels");
    for kernel in ["rms_norm backward", "rope", "swiglu", "attention backward", "cross_entropy", "adamw", "norm"] {
        assert!(kernels.iter().any(|found| found["kernel"] == kernel), "{kernel}");
    }
    for kernel in kernels {
        assert_eq!(kernel["passed"], true, "{kernel}");
        assert!(kernel["error"].as_f64() <= kernel["bound"].as_f64(), "{kernel}");
    }
}

#[test]
fn people_read_a_table_and_a_device_that_is_not_there_is_named() {
    let output = emakeel(&["doctor", "--device", "cpu"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("GB/s") && text.contains("FLOP/s") && text.contains("kernels are within their bounds"),
        "{text}"
    );
    let output = emakeel(&["doctor", "--device", "cuda:63"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cuda:63"));
}
