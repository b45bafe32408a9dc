//! The arithmetic of a Llama, one fused operation in a file: forward, backward, and how it runs.
//!
//! Every operation has two implementations. The `reference` is written in plain candle operations
//! and runs for any float dtype on any device. For contiguous f32 on the CPU there is a fast path
//! on slices: one pass over memory, parallel over tokens or heads, sums in a fixed order. The fast
//! path is tested against the reference, and the reference against candle's autograd in f64.
//!
//! Activations are `[tokens, features]`; a backward takes what its forward saved and returns
//! gradients, without a graph.

pub mod adamw;
pub mod adamw_8bit;
pub mod attention;
pub mod check;
pub mod cross_entropy;
pub mod dropout;
pub mod embedding;
pub mod lora;
pub mod matmul;
pub mod quantized;
pub mod rms_norm;
pub mod rope;
pub mod rows;
pub mod sum;
pub mod swiglu;

mod cuda;
mod flat;
mod gemm;
#[cfg(test)]
mod oracle;
mod parallel;
mod rounding;
mod simd;
mod slices;
