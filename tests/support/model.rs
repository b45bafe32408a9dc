//! A small model for tests of the whole program.

use std::path::Path;

use candle_core::{DType, Device};
use emakeel::data::Tokenizer;
use emakeel::model::{Config, Llama};
use emakeel::recipe::NewModel;

/// A tokenizer of that many pieces.
pub fn small_tokenizer(vocabulary: usize) -> Tokenizer {
    let words: Vec<String> = (0..400).map(|n| format!("sõna{n} loeb raamatut number {n}")).collect();
    Tokenizer::train(words, vocabulary).expect("a tokenizer")
}

/// Writes a model of two layers with random weights and its tokenizer, as a Hugging Face folder.
pub fn write_small_model(folder: &Path) {
    let shape = NewModel {
        hidden_size: 32,
        intermediate_size: 48,
        layers: 2,
        heads: 4,
        key_value_heads: 2,
        max_position_embeddings: 128,
        tie_word_embeddings: false,
        rope_theta: 10_000.0,
        initializer_range: 0.02,
    };
    let tokenizer = small_tokenizer(300);
    let config =
        Config::new(&shape, tokenizer.vocabulary(), Some(tokenizer.bos()), vec![tokenizer.eos()]).expect("a config");
    let model = Llama::random(config, 1, DType::F32, &Device::Cpu).expect("a model");
    model.save(folder, DType::F32).expect("saved");
    tokenizer.save(folder).expect("saved");
}
