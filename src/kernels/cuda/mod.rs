//! Fused kernels for CUDA: a `.cu` file for each operation, and beside it the launches that the operation is made of.
//!
//! A launch is described as data ([`launch::Launch`]) and run by an [`Engine`]: the device, or, in tests, an emulator that
//! compiles the same `.cu` files as plain C++ and runs each CUDA thread on a thread of the CPU. So grids, arguments and
//! the kernels' logic are tested where there is no GPU.

// Without CUDA, and outside of tests, there is no engine, and nothing of this runs.
#![cfg_attr(not(any(feature = "cuda", test)), allow(dead_code, unused_variables))]

mod launch;

#[cfg(feature = "cuda")]
mod driver;
#[cfg(test)]
pub(super) mod emulator;

pub(super) mod adamw;
pub(super) mod attention;
pub(super) mod cross_entropy;
pub(super) mod dropout;
pub(super) mod embedding;
pub(super) mod gemm;
pub(super) mod int8;
pub(super) mod nf4;
pub(super) mod norm;
pub(super) mod rms_norm;
pub(super) mod rope;
pub(super) mod sum;
pub(super) mod swiglu;

pub(super) use launch::Engine;
