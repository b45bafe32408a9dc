//! Adapters as GGUF that are more than updates of linear modules.

use candle_core::{DType, Device};
use serde_json::json;

use crate::adapter::{Adapter, create};
use crate::export::{FileType, write_lora};
use crate::model::{Config, Llama};
use crate::recipe::{LoraSettings, Targets};

fn small(tied: bool) -> Llama {
    let config = json!({
        "model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "vocab_size": 40,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32, "tie_word_embeddings": tied,
    });
    Llama::random(Config::from_json(&config).unwrap(), 3, DType::F32, &Device::Cpu).unwrap()
}

fn fresh(model: &Llama, settings: &LoraSettings) -> Adapter {
    let mut model = model.clone();
    let (parameters, config) = create(&mut model, &LoraSettings { rank: 4, ..settings.clone() }, 1).unwrap();
    parameters.value().slice_set(&(parameters.value() + 0.5).unwrap(), 0, 0).unwrap();
    Adapter::take(&model, &config).unwrap()
}

#[test]
fn llama_cpp_gets_rows_of_the_embeddings_update_and_no_whole_modules() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("adapter.gguf");
    let model = small(false);
    let embedding = LoraSettings { targets: Targets::Names(vec!["embed_tokens".into()]), ..LoraSettings::default() };
    let adapter = fresh(&model, &embedding);
    write_lora(&adapter, &model.config, &out, FileType::F32).unwrap();
    let mut file = std::fs::File::open(&out).unwrap();
    let content = candle_core::quantized::gguf_file::Content::read(&mut file).unwrap();
    let mut of = |name: &str| content.tensor(&mut file, name, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap();
    let (a, b) = (of("token_embd.weight.lora_a"), of("token_embd.weight.lora_b"));
    let pair = &adapter.modules["model.embed_tokens"];
    assert_eq!(a.to_vec2::<f32>().unwrap(), pair.a.t().unwrap().to_vec2::<f32>().unwrap());
    assert_eq!(b.to_vec2::<f32>().unwrap(), pair.b.to_vec2::<f32>().unwrap());
    let whole = LoraSettings { modules_to_save: vec!["lm_head".into()], ..LoraSettings::default() };
    let whole = fresh(&model, &whole);
    assert!(write_lora(&whole, &model.config, &out, FileType::F32).unwrap_err().to_string().contains("(lm_head)"));
    let tied = small(true);
    let adapter = fresh(&tied, &embedding);
    let error = write_lora(&adapter, &tied.config, &out, FileType::F32).unwrap_err().to_string();
    assert!(error.contains("would give it to the head as well"), "{error}");
}
