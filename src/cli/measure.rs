//! The flags of what measures: `emakeel bench` and `emakeel doctor`.

use std::path::PathBuf;

use clap::Args;

use super::size;
use crate::recipe::{Count, OptimizerKind, Rounding};

/// `emakeel bench`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("measured").required(true))]
pub struct BenchArgs {
    /// A Hugging Face model folder, which needs no tokenizer; or a known shape, with random weights: llama-2-7b,
    /// llama-2-13b, llama-3-8b, tinyllama-1.1b.
    #[arg(long, short, value_name = "DIR", group = "measured")]
    pub model: Option<PathBuf>,
    /// A model with random weights: hidden/layers/heads/mlp/vocab, for example 288/6/6/768/32000; heads:kv for
    /// grouped-query attention, for example 2048/16/32:8/5632/32000.
    #[arg(long, value_name = "SHAPE", group = "measured")]
    pub shape: Option<String>,
    /// Where to run: auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// The dtype of weights and activations: f32, bf16 or f16.
    #[arg(long, default_value = "f32")]
    pub dtype: String,
    /// Multiply f32 matrices as TF32 on CUDA.
    #[arg(long)]
    pub tf32: bool,
    /// What is measured: lora, qlora (the model's linear modules in 4 bits), lora-int8 (in 8 bits), full, generate,
    /// adapters, files (the weights written and read, one at a time), or swap (adapters loaded and swapped on a model of the shape
    /// whose weights take no memory).
    #[arg(long, default_value = "lora")]
    pub method: String,
    /// Rank of the adapter; it is on all linear modules but the head, with alpha = 2 · rank.
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub rank: usize,
    /// Sequences in a step; rows in a step with --lengths.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub batch: usize,
    /// Sequences in a micro-step; the whole batch if not given.
    #[arg(long, value_name = "N")]
    pub micro_batch: Option<usize>,
    /// Tokens in a sequence.
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub sequence_length: usize,
    /// How often the work is done, the first time not counted; 6 if not given, 3 for generation and adapters, and with
    /// --lengths as often as the rows last.
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Keep only each layer's input and compute the layer again in the backward pass.
    #[arg(long, conflicts_with = "memory")]
    pub recompute: bool,
    /// Compute so many layers again that a step is planned to stay within this much memory, such as 400MiB; on a GPU
    /// all that is free, if not given.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<Count>,
    /// Training: how AdamW's moments are kept, adamw (in f32) or adamw-8bit.
    #[arg(long, value_name = "KIND", default_value = "adamw", value_parser = word::<OptimizerKind>)]
    pub optimizer: OptimizerKind,
    /// Training: how bf16 parameters follow small updates, from a master copy in f32 or by stochastic rounding.
    #[arg(long, value_name = "WAY", default_value = "master", value_parser = word::<Rounding>)]
    pub rounding: Rounding,
    /// Training: keep the optimizer's state in the host's memory.
    #[arg(long)]
    pub offload: bool,
    /// Training: the largest norm of a step's gradient; 0 does not clip, and with one micro-step a step each parameter
    /// is then updated within the backward pass.
    #[arg(long, default_value_t = 1.0, value_name = "NORM")]
    pub clip: f64,
    /// Files: where they are written, in a folder of their own that is removed again; the system's temporary folder if
    /// not given.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Row lengths instead of full sequences: a JSON list of [tokens, supervised tokens], one a row. Rows are packed
    /// into sequences, and only the last supervised tokens of each are targets.
    #[arg(long, value_name = "FILE")]
    pub lengths: Option<PathBuf>,
    /// Generation: how many prompts are answered side by side.
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub prompts: usize,
    /// Generation: tokens of each prompt.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub prompt_tokens: usize,
    /// Generation: tokens that are added to each prompt.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub new_tokens: usize,
    /// Adapters: folders in PEFT's layout, or folders that hold several; each scores the batch in its turn.
    #[arg(long, value_name = "DIR")]
    pub adapter: Vec<PathBuf>,
    /// Another program's figures, a JSON object with the same keys, to compare with.
    #[arg(long, value_name = "FILE")]
    pub peer: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `emakeel doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// What to examine: auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// The random inputs follow from it.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Print one JSON object on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// Reads a word as recipes spell it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    use serde::de::IntoDeserializer;
    let deserializer: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|error| error.to_string())
}
