//! GGUF files read back, byte by byte or by candle's reader.

mod lora;

use std::path::Path;

use candle_core::quantized::{GgmlDType, gguf_file::Content};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::*;
use crate::adapter::Adapter;
use crate::files;
use crate::model::Config;
use crate::progress::Progress;
use crate::recipe::ChatTemplate;
use values::{Role, bytes_of, kind_of};

fn config(layers: usize, heads: usize, key_value_heads: usize, hidden: usize) -> Config {
    Config::from_json(&json!({
        "architectures": ["LlamaForCausalLM"], "hidden_size": hidden, "intermediate_size": hidden * 2,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": key_value_heads,
        "vocab_size": 320, "rope_theta": 500_000.0,
        "rope_scaling": { "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                          "original_max_position_embeddings": 8192 },
    }))
    .unwrap()
}

fn read(path: &Path) -> (Content, std::fs::File) {
    let mut file = std::fs::File::open(path).unwrap();
    (Content::read(&mut file).unwrap(), file)
}

/// Columns in the order that the expected file has: it turns the columns of the query's A, not the rows of its B.
fn turned_columns(a: &Tensor, heads: usize) -> Tensor {
    names::turned(&a.t().unwrap().contiguous().unwrap(), heads).unwrap().t().unwrap().contiguous().unwrap()
}

#[test]
fn an_mlx_adapter_has_the_values_of_the_expected_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/adapters/llama-3-8b_mlx_discollama");
    if !folder.is_dir() {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    }
    let adapter = Adapter::load(&folder).unwrap();
    assert_eq!((adapter.config.rank, adapter.config.alpha), (8, 32.0), "2·(16/8), as mlx-lm computes it, is 32/8");
    let expected: Value = files::read_json(&folder.join("expected_gguf_lora.json")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("lora.gguf");
    let base = Config { vocabulary: 128_256, intermediate_size: 14_336, ..config(32, 32, 8, 4096) };
    write_lora(&adapter, &base, &path, FileType::F16).unwrap();
    let (content, mut file) = read(&path);
    assert_eq!(content.tensor_infos.len(), 8);
    for name in content.tensor_infos.keys() {
        let mut tensor = content.tensor(&mut file, name, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap();
        if name.ends_with("attn_q.weight.lora_a") {
            tensor = turned_columns(&tensor, 32);
        } else if name.ends_with("attn_q.weight.lora_b") {
            // Back to the order before the rows were turned: pairs of neighbours become halves.
            let (rows, rank) = tensor.dims2().unwrap();
            let pairs = tensor.reshape((32, rows / 64, 2, rank)).unwrap().transpose(1, 2).unwrap();
            tensor = pairs.contiguous().unwrap().reshape((rows, rank)).unwrap();
        }
        let hash = files::sha256(bytes_of(&tensor, GgmlDType::F16).unwrap());
        assert_eq!(Some(hash.as_str()), expected.get(name).and_then(Value::as_str), "{name}");
    }
}

#[test]
fn the_mix_of_four_bits_is_that_of_llama_quantize() {
    let kinds = |layers, role: fn(usize) -> Role| -> String {
        let config = config(layers, 8, 8, 256);
        let letter = |layer| match kind_of(FileType::Q4KM, role(layer), &[256, 256], &config) {
            GgmlDType::Q6K => '6',
            GgmlDType::Q4K => '4',
            _ => '?',
        };
        (0..layers).map(letter).collect()
    };
    assert_eq!(kinds(32, Role::Down), "66664464464464464464464464466666".to_owned());
    assert_eq!(kinds(16, Role::AttentionValue), "6644644644644666".to_owned());
    let small = config(4, 4, 4, 96);
    let fallback = |role, shape: &[usize]| kind_of(FileType::Q4KM, role, shape, &small);
    assert_eq!(fallback(Role::Other, &[96, 96]), GgmlDType::Q5_0);
    assert_eq!(fallback(Role::Output, &[320, 96]), GgmlDType::Q8_0);
    assert_eq!(fallback(Role::Down(3), &[96, 192]), GgmlDType::Q8_0);
    assert_eq!(fallback(Role::Other, &[96, 100]), GgmlDType::F16);
    assert_eq!(fallback(Role::Other, &[96]), GgmlDType::F32);
    let large = config(80, 64, 8, 512);
    assert_eq!(kind_of(FileType::Q4KM, Role::AttentionValue(10), &[512, 512], &large), GgmlDType::Q5K);
}

#[test]
fn blocks_are_near_their_values_and_zeros_stay_zeros() {
    let values = Tensor::rand(-1f32, 1f32, (16, 512), &Device::Cpu).unwrap();
    let cases = [(GgmlDType::Q8_0, 0.005), (GgmlDType::Q6K, 0.02), (GgmlDType::Q5K, 0.03), (GgmlDType::Q4K, 0.05)];
    for (kind, most) in cases {
        let back = |tensor: &Tensor| {
            let bytes = bytes_of(tensor, kind).unwrap();
            let storage = candle_core::quantized::QStorage::from_data(bytes.into(), &Device::Cpu, kind).unwrap();
            candle_core::quantized::QTensor::new(storage, (16, 512)).unwrap().dequantize(&Device::Cpu).unwrap()
        };
        let error = (back(&values) - &values).unwrap().sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(error.sqrt() < most, "{kind:?} {}", error.sqrt());
        let zeros = back(&values.zeros_like().unwrap()).abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert_eq!(zeros, 0.0, "{kind:?}");
    }
}

#[test]
fn values_too_large_for_f16_are_refused() {
    let large = Tensor::from_slice(&[1f32, 7e4], (1, 2), &Device::Cpu).unwrap();
    let error = bytes_of(&large, GgmlDType::F16).unwrap_err().to_string();
    assert!(error.contains("too large for f16"), "{error}");
    assert!(bytes_of(&large, GgmlDType::F32).is_ok());
}

#[test]
fn llama_3_stretches_frequencies_by_a_tensor() {
    let factors = head::rope_factors(&config(1, 2, 2, 256)).unwrap();
    assert_eq!((factors.len(), factors[0], factors[63]), (64, 1.0, 8.0));
}

#[test]
fn a_file_of_the_built_in_model_is_read_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tiny-estonian");
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model.gguf");
    let source = Source { folder: &folder, adapter: None, name: "tiny", template: Some("{{ 1 }}") };
    write_gguf(&source, &path, FileType::F32, Progress::silent()).unwrap();
    let (content, mut file) = read(&path);
    let text = |key: &str| content.metadata[key].to_string().unwrap().clone();
    assert_eq!((text("tokenizer.ggml.model"), text("tokenizer.chat_template")), ("llama".into(), "{{ 1 }}".into()));
    assert_eq!(content.metadata["tokenizer.ggml.tokens"].to_vec().unwrap().len(), 1024);
    let norm = content.tensor(&mut file, "blk.3.ffn_norm.weight", &Device::Cpu).unwrap();
    let norm = norm.dequantize(&Device::Cpu).unwrap().to_vec1::<f32>().unwrap();
    let own = crate::model::read_weight(&folder).unwrap()("model.layers.3.post_attention_layernorm.weight").unwrap();
    assert_eq!(norm, own.to_vec1::<f32>().unwrap());
}

#[test]
fn a_modelfile_names_its_parts_and_where_answers_end() {
    let parts = |template| Modelfile { model: "model.gguf", adapter: Some("adapter.gguf"), template, end: "</s>" };
    let text = modelfile(&parts(&ChatTemplate::LlammasChat)).unwrap();
    assert!(text.starts_with("FROM ./model.gguf\nADAPTER ./adapter.gguf\nTEMPLATE \"\"\"{{ if .System }}<|system|>\n"));
    assert!(text.contains("<|assistant|>\n{{ .Response }}</s>\n\"\"\"\nPARAMETER stop \"</s>\"\n"), "{text}");
    assert!(!modelfile(&parts(&ChatTemplate::Model)).unwrap().contains("TEMPLATE"));
    let broken = Modelfile { end: "\"\n", ..parts(&ChatTemplate::Model) };
    assert!(modelfile(&broken).is_err());
}
