//! Models and adapters in the formats of other programs: llama.cpp's GGUF, and Ollama's Modelfile.
//!
//! What a file says follows llama.cpp (its `convert_hf_to_gguf.py`, `convert_lora_to_gguf.py` and `llama-quantize`), so
//! that a file from here is read as one from there; `.ci/gguf` runs llama.cpp on ours and compares what it says.
//!
//! | module | concept |
//! |---|---|
//! | `gguf` | the format: a head, a table, tensors |
//! | `values` | which type each tensor gets, and its bytes |
//! | `names` | llama.cpp's names, and its order of rows |
//! | `head`, `vocabulary` | what the head says of the model and of its tokenizer |
//! | `model` | a model as a file or folder |
//! | `lora` | an adapter as a file |
//! | `ollama` | a Modelfile |

mod gguf;
mod head;
mod lora;
mod model;
mod names;
mod ollama;
#[cfg(test)]
mod tests;
mod values;
mod vocabulary;

pub use lora::write_lora;
pub use model::{Source, write_folder, write_gguf};
pub use ollama::{Modelfile, modelfile};

/// How the weights of a GGUF file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    /// 32 bits each.
    F32,
    /// 16 bits each; vectors have 32.
    F16,
    /// Blocks of 32 with 8 bits each and a scale.
    Q8_0,
    /// Super-blocks of 256 with 4 bits each, and 6 where it matters most.
    Q4KM,
}

impl FileType {
    /// The number by which a file says it.
    fn number(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q8_0 => 7,
            Self::Q4KM => 15,
        }
    }
}
