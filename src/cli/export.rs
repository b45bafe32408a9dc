//! The flags of `emakeel export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `emakeel export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A Hugging Face model folder, a run folder, or a model inside the program: tiny-estonian, tiny-english. Of a run
    /// it is the model that the adapter was trained on, or its last snapshot.
    pub model: String,
    /// What to write: a file for gguf and gguf-lora, a folder for the others.
    pub out: PathBuf,
    /// What is written.
    #[arg(long, short, value_enum, default_value = "gguf")]
    pub format: FormatWord,
    /// How the weights are written; f16 if not given (hf: the model's own; gguf-lora and peft: f32).
    #[arg(long = "type", short, value_enum, value_name = "TYPE")]
    pub kind: Option<TypeWord>,
    /// An adapter: a folder in PEFT's or MLX's layout, or the name of one of the run. It is merged into the model, but
    /// for gguf-lora, peft and ollama.
    #[arg(long, short, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// The chat template that goes with the model, named as in recipes; the model's own if not given, and llammas-chat
    /// for ollama if it has none.
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatWord {
    /// One file for llama.cpp; an adapter is merged.
    Gguf,
    /// The adapter alone, as a file for llama.cpp.
    GgufLora,
    /// A Hugging Face folder; an adapter is merged.
    Hf,
    /// The adapter alone, as a folder in PEFT's layout.
    Peft,
    /// A folder for `ollama create`: model, adapter, Modelfile.
    Ollama,
}

/// How weights are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TypeWord {
    /// 32 bits each.
    F32,
    /// 16 bits each.
    F16,
    /// 16 bits each, the range of f32: hf only.
    Bf16,
    /// 8 bits each, and a scale for 32 of them.
    #[value(name = "q8_0")]
    Q8_0,
    /// 4 bits each, 6 where it matters most.
    #[value(name = "q4_k_m")]
    Q4KM,
}
