//! Compiles the CUDA kernels, where they are asked for.

use std::path::PathBuf;
use std::process::Command;

/// Generations of devices with code of their own: A100; RTX 30; RTX 40 and L4; H100 and H200.
const REAL: [&str; 4] = ["80", "86", "89", "90"];

fn main() {
    println!("cargo::rerun-if-changed=src/kernels/cuda");
    println!("cargo::rerun-if-env-changed=NVCC");
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    let nvcc = std::env::var_os("NVCC").map(PathBuf::from).unwrap_or_else(|| {
        let home = ["CUDA_HOME", "CUDA_PATH"].iter().find_map(std::env::var_os);
        home.map_or("nvcc".into(), |home| PathBuf::from(home).join("bin/nvcc"))
    });
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("kernels.fatbin");
    let mut command = Command::new(&nvcc);
    command.args(["-std=c++17", "-O3", "-fatbin", "--threads", "0", "-Xfatbin", "-compress-all"]);
    for generation in REAL {
        command.arg("-gencode").arg(format!("arch=compute_{generation},code=sm_{generation}"));
    }
    // Later devices compile this themselves when they load it.
    command.args(["-gencode", "arch=compute_90,code=compute_90"]);
    command.arg("src/kernels/cuda/kernels.cu").arg("-o").arg(&out);
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("{} ended with {status}", nvcc.display())),
        Err(error) => fail(&format!("{}: {error}; is the CUDA toolkit installed, and CUDA_HOME set?", nvcc.display())),
    }
}

fn fail(reason: &str) -> ! {
    println!("cargo::error=cannot compile the CUDA kernels: {reason}");
    std::process::exit(1);
}
