//! Llama: its shape, its weights on disk, and its arithmetic as pairs of forward and backward.
//!
//! Every part is a pair on plain tensors: `forward(x)` returns the output and what its `backward` needs.
//! Nothing is recorded behind the scenes, so what is kept, what is computed again and what has no gradient
//! at all is written down in one place each: [`Projection`] for a linear module, the layer for its two
//! halves, [`Llama::train_micro_step`] for the whole.

mod attention;
mod batch;
mod cache;
mod config;
mod config_json;
mod config_write;
mod context;
mod decode;
mod delta;
mod dora;
mod embedding;
mod extend;
mod frozen_weight;
mod generate;
mod head;
mod layer;
mod llama;
mod load;
mod low_rank;
mod mlp;
mod noise;
mod parameters;
mod pieces;
mod projection;
mod rewrite;
mod rope;
mod rows;
mod sampling;
mod save;
mod scaled;
mod scoring;
mod shared_input;
mod state;
mod tensor_file;
mod tensor_writer;
mod together;
mod training;
mod values;
mod vera;
mod weight;
mod weights;

#[cfg(test)]
mod tests;

pub use crate::kernels::attention::Segments;
pub use attention::Attention;
pub use batch::{Batch, Pass};
pub use config::{Config, LAYER_PROJECTIONS};
pub use delta::{DELTA_FILE, Delta};
pub use dora::{DoraSaved, Magnitude, row_norms, row_squares};
pub use embedding::EmbeddingLora;
pub use extend::{NewRows, extend_vocabulary};
pub use frozen_weight::FrozenWeight;
pub use generate::Prompt;
pub use layer::Layer;
pub use llama::Llama;
pub use load::{read_weight, read_weights};
pub use low_rank::{Factor, Lora};
pub use mlp::Mlp;
pub use parameters::{Entry, GradientSink, Parameter, Parameters};
pub use projection::{InputGradient, Projection, ProjectionSaved};
pub use rewrite::{Change, Rewrite};
pub use rope::{Rope, RopeScaling};
pub use rows::Rows;
pub use sampling::Sampling;
pub use save::{SHARD_BYTES, write_model};
pub use scaled::{Scaled, Side};
pub use tensor_file::TensorFile;
pub use tensor_writer::write_tensors;
pub use together::{Share, Together};
pub use vera::Vera;
pub use weight::Weight;
