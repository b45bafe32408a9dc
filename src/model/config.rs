//! The shape of a Llama: what its `config.json` says, checked.
//!
//! Keys that this program does not need are kept and written back, so that a model that comes in
//! with a field from elsewhere leaves with it. How the JSON is read and written is in
//! [`super::config_json`].

use std::path::Path;

use candle_core::DType;
use serde_json::{Map, Value};

use super::rope::Rope;
use super::{config_json, config_write};
use crate::error::{Place, Result};
use crate::files;
use crate::recipe::NewModel;

/// The seven linear modules of a layer, in the order of the forward pass, below `model.layers.N.`.
pub const LAYER_PROJECTIONS: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// The shape of a Llama and the ids of its special tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; equal to `heads` for multi-head attention, fewer for grouped-query attention.
    pub key_value_heads: usize,
    /// Width of one head.
    pub head_dimension: usize,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// Added to the mean square inside RMSNorm.
    pub rms_norm_epsilon: f64,
    /// Rotary position embedding.
    pub rope: Rope,
    /// Whether the head is the embedding.
    pub tie_word_embeddings: bool,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
    /// The id that starts a text, if there is one.
    pub bos: Option<u32>,
    /// The ids that end a text.
    pub eos: Vec<u32>,
    /// The dtype of the stored weights, where the file says so.
    pub dtype: Option<DType>,
    /// Every other key of `config.json`, in its order.
    pub other: Map<String, Value>,
    /// `generation_config.json`, where the folder has one; its stop ids come before those of `config.json`.
    pub generation: Option<Map<String, Value>>,
}

impl Config {
    /// Reads `config.json`, and `generation_config.json` where there is one, from a model folder.
    ///
    /// # Errors
    /// The file is missing or not JSON; the architecture is not Llama; keys are missing, of the wrong type, out of
    /// range, or ask for something this program does not compute. All wrong keys are reported together.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let mut config = config_json::parse(&files::read_json(&path)?, Some(&path.display().to_string()))?;
        let path = folder.join("generation_config.json");
        if path.is_file() {
            let generation: Map<String, Value> = files::read_json(&path)?;
            config_json::token_ids(generation.get("eos_token_id")).at(path.display().to_string())?;
            config.generation = Some(generation);
        }
        Ok(config)
    }

    /// Reads the content of a `config.json`.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn from_json(value: &Value) -> Result<Self> {
        config_json::parse(value, None)
    }

    /// The content of a `config.json` that transformers 4 and 5 both read.
    pub fn to_json(&self) -> Value {
        config_write::render(self)
    }

    /// The shape of a model that starts from random weights.
    ///
    /// # Errors
    /// The numbers do not fit together; the keys are named as in `config.json`.
    pub fn new(shape: &NewModel, vocabulary: usize, bos: Option<u32>, eos: Vec<u32>) -> Result<Self> {
        Self::from_json(&serde_json::json!({
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": shape.hidden_size,
            "intermediate_size": shape.intermediate_size,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.key_value_heads,
            "vocab_size": vocabulary,
            "max_position_embeddings": shape.max_position_embeddings,
            "rms_norm_eps": 1e-5,
            "rope_theta": shape.rope_theta,
            "tie_word_embeddings": shape.tie_word_embeddings,
            "initializer_range": shape.initializer_range,
            "bos_token_id": bos,
            "eos_token_id": eos,
        }))
    }

    /// The ids that end a generated text: those of `generation_config.json`, else those of `config.json`.
    pub fn stop_ids(&self) -> Vec<u32> {
        let generation = self.generation.as_ref().and_then(|g| g.get("eos_token_id"));
        match config_json::token_ids(generation) {
            Ok(ids) if !ids.is_empty() => ids,
            _ => self.eos.clone(),
        }
    }

    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dimension
    }

    /// Width of all key (or value) heads together.
    pub fn key_value_width(&self) -> usize {
        self.key_value_heads * self.head_dimension
    }

    /// The shape `[out, in]` of one of [`LAYER_PROJECTIONS`], by its place there.
    pub fn projection_shape(&self, which: usize) -> [usize; 2] {
        match which {
            0 => [self.query_width(), self.hidden_size],
            1 | 2 => [self.key_value_width(), self.hidden_size],
            3 => [self.hidden_size, self.query_width()],
            4 | 5 => [self.intermediate_size, self.hidden_size],
            _ => [self.hidden_size, self.intermediate_size],
        }
    }

    /// Path and shape `[out, in]` of every linear module, in the order of the forward pass; the head last, if untied.
    pub fn module_shapes(&self) -> Vec<(String, [usize; 2])> {
        let mut shapes = Vec::with_capacity(self.layers * LAYER_PROJECTIONS.len() + 1);
        for layer in 0..self.layers {
            for (which, name) in LAYER_PROJECTIONS.iter().enumerate() {
                shapes.push((format!("model.layers.{layer}.{name}"), self.projection_shape(which)));
            }
        }
        if !self.tie_word_embeddings {
            shapes.push(("lm_head".into(), [self.vocabulary, self.hidden_size]));
        }
        shapes
    }

    /// Name and shape of every tensor of the model, as Hugging Face names them, in the order of the forward pass.
    pub fn tensor_shapes(&self) -> Vec<(String, Vec<usize>)> {
        let hidden = self.hidden_size;
        let mut shapes = vec![("model.embed_tokens.weight".into(), vec![self.vocabulary, hidden])];
        for layer in 0..self.layers {
            let prefix = format!("model.layers.{layer}");
            for (which, name) in LAYER_PROJECTIONS.iter().enumerate() {
                match which {
                    0 => shapes.push((format!("{prefix}.input_layernorm.weight"), vec![hidden])),
                    4 => shapes.push((format!("{prefix}.post_attention_layernorm.weight"), vec![hidden])),
                    _ => {}
                }
                shapes.push((format!("{prefix}.{name}.weight"), self.projection_shape(which).to_vec()));
            }
        }
        shapes.push(("model.norm.weight".into(), vec![hidden]));
        if !self.tie_word_embeddings {
            shapes.push(("lm_head.weight".into(), vec![self.vocabulary, hidden]));
        }
        shapes
    }

    /// Number of parameters; a tied head counts once.
    pub fn parameter_count(&self) -> usize {
        self.tensor_shapes().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}
