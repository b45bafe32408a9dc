//! The models inside the program: a tiny Llama that knows only English, and the one that the quickstart
//! makes of it, for which the adapters in `adapters/` are.
//!
//! `recipes/tiny-base.yaml` and `recipes/quickstart.yaml` made them.

use std::path::Path;

use candle_core::{DType, Device};

use crate::data::Tokenizer;
use crate::error::{Error, Result};
use crate::files;
use crate::model::{Config, Llama};
use crate::study::OpenedModel;

/// The files of a Hugging Face folder.
struct BuiltIn {
    name: &'static str,
    config: &'static [u8],
    weights: &'static [u8],
    tokenizer: &'static [u8],
}

static MODELS: [BuiltIn; 2] = [
    BuiltIn {
        name: "tiny-english",
        config: include_bytes!("../../assets/tiny-english/config.json"),
        weights: include_bytes!("../../assets/tiny-english/model.safetensors"),
        tokenizer: include_bytes!("../../assets/tiny-english/tokenizer.json"),
    },
    BuiltIn {
        name: "tiny-estonian",
        config: include_bytes!("../../assets/tiny-estonian/config.json"),
        weights: include_bytes!("../../assets/tiny-estonian/model.safetensors"),
        tokenizer: include_bytes!("../../assets/tiny-estonian/tokenizer.json"),
    },
];

/// Whether a model of that name is inside the program.
pub fn exists(name: &str) -> bool {
    MODELS.iter().any(|model| model.name == name)
}

/// Writes a built-in model as a Hugging Face folder; files that are already right stay.
///
/// # Errors
/// There is no model of that name, or the folder cannot be written.
pub fn unpack(name: &str, folder: &Path) -> Result<()> {
    let model = find(name)?;
    files::make_folder(folder)?;
    let contents =
        [("config.json", model.config), ("model.safetensors", model.weights), ("tokenizer.json", model.tokenizer)];
    for (file, content) in contents {
        let path = folder.join(file);
        let right = path.exists() && files::read(&path)? == content;
        if !right {
            files::write(&path, content)?;
        }
    }
    Ok(())
}

/// Loads a built-in model and its tokenizer straight from the program.
pub fn open(name: &str, dtype: DType, device: &Device) -> Result<OpenedModel> {
    let model = find(name)?;
    let config = serde_json::from_slice(model.config)
        .map_err(|e| Error::new(format!("cannot read the config of the built-in {name}: {e}")))?;
    let config = Config::from_json(&config)?;
    Ok(OpenedModel {
        model: Llama::from_safetensors_bytes(config, name, model.weights.to_vec(), dtype, device)?,
        tokenizer: Tokenizer::from_bytes(model.tokenizer)?,
        weights_hash: weights_hash(model),
    })
}

/// The tokenizer of a built-in model, and the hash of its weights as a folder of it has.
pub fn tokenizer_and_hash(name: &str) -> Result<(Tokenizer, String)> {
    let model = find(name)?;
    Ok((Tokenizer::from_bytes(model.tokenizer)?, weights_hash(model)))
}

fn weights_hash(model: &BuiltIn) -> String {
    files::sha256(files::sha256(model.weights))
}

fn find(name: &str) -> Result<&'static BuiltIn> {
    MODELS.iter().find(|model| model.name == name).ok_or_else(|| {
        let known: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
        Error::new("base.builtin").got(format!("{name:?}")).expected(format!("one of: {}", known.join(", ")))
    })
}
