//! What the head of a model's GGUF file says of its shape.

use candle_core::Tensor;
use candle_core::quantized::GgmlDType;

use super::FileType;
use super::gguf::{Head, Planned, Value};
use crate::error::Result;
use crate::model::{Config, Rope, RopeScaling};

/// The layout of quantized blocks that readers must know.
const QUANTIZATION_VERSION: u32 = 2;

/// The factors that stretch Llama 3's frequencies.
pub(super) const ROPE_FACTORS: &str = "rope_freqs.weight";

/// Keys and values of a model, without its tokenizer.
pub(super) fn of_model(config: &Config, file: FileType, name: &str) -> Head {
    let count = |number: usize| Value::Count(number.try_into().unwrap_or(u32::MAX));
    let key = |name: &str| format!("llama.{name}");
    let mut head = vec![
        ("general.architecture".to_owned(), Value::Text("llama".into())),
        ("general.type".to_owned(), Value::Text("model".into())),
        ("general.name".to_owned(), Value::Text(name.to_owned())),
        ("general.file_type".to_owned(), Value::Count(file.number())),
        ("general.quantization_version".to_owned(), Value::Count(QUANTIZATION_VERSION)),
        (key("block_count"), count(config.layers)),
        (key("context_length"), count(config.max_position_embeddings)),
        (key("embedding_length"), count(config.hidden_size)),
        (key("feed_forward_length"), count(config.intermediate_size)),
        (key("vocab_size"), count(config.vocabulary)),
        (key("attention.head_count"), count(config.heads)),
        (key("attention.head_count_kv"), count(config.key_value_heads)),
        (key("attention.key_length"), count(config.head_dimension)),
        (key("attention.value_length"), count(config.head_dimension)),
        (key("attention.layer_norm_rms_epsilon"), Value::Number(config.rms_norm_epsilon as f32)),
        (key("rope.dimension_count"), count(config.head_dimension)),
        (key("rope.freq_base"), Value::Number(config.rope.theta as f32)),
    ];
    if let RopeScaling::Linear { factor } = config.rope.scaling {
        head.push((key("rope.scaling.type"), Value::Text("linear".into())));
        head.push((key("rope.scaling.factor"), Value::Number(factor as f32)));
    }
    head
}

/// By what each frequency is divided, where it is not one number for all: a tensor of its own.
pub(super) fn rope_factors(config: &Config) -> Option<Vec<f32>> {
    let RopeScaling::Llama3 { .. } = config.rope.scaling else { return None };
    let plain = Rope { scaling: RopeScaling::Default, ..config.rope }.inverse_frequencies(config.head_dimension);
    let scaled = config.rope.inverse_frequencies(config.head_dimension);
    Some(plain.iter().zip(&scaled).map(|(plain, scaled)| (plain / scaled) as f32).collect())
}

/// The factors as a tensor of the file.
pub(super) fn planned_factors(factors: &[f32]) -> Planned {
    Planned { name: ROPE_FACTORS.into(), shape: vec![factors.len()], kind: GgmlDType::F32 }
}

/// The factors as a tensor.
pub(super) fn factors_tensor(factors: &[f32]) -> Result<Tensor> {
    Ok(Tensor::from_slice(factors, factors.len(), &candle_core::Device::Cpu)?)
}
