//! emakeel teaches a Llama a new language on one GPU, and shows what it learned.
//!
//! One recipe describes a whole *study*: continued pretraining of a base model on text in the new
//! language, one LoRA adapter for each instruction mix, and a comparison of all of them on the same
//! tasks. Modules stand in layers; imports point down only (`tests/layers.rs` holds that):
//!
//! | layer | modules |
//! |---|---|
//! | 0 | [`error`], [`device`], [`progress`], [`files`], [`random`], [`markup`] |
//! | 1 | [`recipe`], [`kernels`], [`hub`] |
//! | 2 | [`data`], [`model`] |
//! | 3 | [`adapter`] |
//! | 4 | [`train`], [`eval`], [`export`] |
//! | 5 | [`judge`] |
//! | 6 | [`study`], [`report`] |
//! | 7 | [`commands`], [`cli`] |
#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo))]

pub mod adapter;
pub mod cli;
pub mod commands;
pub mod data;
pub mod device;
pub mod error;
pub mod eval;
pub mod export;
pub mod files;
pub mod hub;
pub mod judge;
pub mod kernels;
pub mod markup;
pub mod model;
pub mod progress;
pub mod random;
pub mod recipe;
pub mod report;
pub mod study;
pub mod train;
