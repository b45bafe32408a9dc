//! The weights of a model folder: one safetensors file, or several with an index.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use super::tensor_file::TensorFile;
use crate::error::{Error, Place, Result};
use crate::files;

/// The name of the weights where they are one file.
pub(super) const SINGLE_FILE: &str = "model.safetensors";

/// The name of the list of files where they are several.
pub(super) const INDEX_FILE: &str = "model.safetensors.index.json";

/// The files of a model's weights, and which tensor is in which.
pub(super) struct Weights {
    files: Vec<TensorFile>,
    place_of: BTreeMap<String, usize>,
    /// What the whole is called in errors.
    pub label: String,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Opens the weights of a model folder; as transformers does, the single file goes first.
    pub fn open(folder: &Path) -> Result<Self> {
        let single = folder.join(SINGLE_FILE);
        if single.is_file() {
            return Ok(Self::one(TensorFile::open(&single)?));
        }
        let index_path = folder.join(INDEX_FILE);
        if !index_path.is_file() {
            return Err(no_weights(folder));
        }
        let label = index_path.display().to_string();
        let Index { weight_map } = files::read_json(&index_path)?;
        let mut weights = Self { files: Vec::new(), place_of: BTreeMap::new(), label: label.clone() };
        let mut places = BTreeMap::new();
        for (name, file) in weight_map {
            if file.is_empty() || file.contains(['/', '\\']) || file == ".." {
                return Err(Error::new("a file of the index")
                    .got(format!("{file:?}"))
                    .expected("a plain file name")
                    .at(label));
            }
            let place = match places.get(&file) {
                Some(place) => *place,
                None => {
                    weights.files.push(TensorFile::open(&folder.join(&file)).at(label.as_str())?);
                    places.insert(file, weights.files.len() - 1);
                    weights.files.len() - 1
                }
            };
            weights.place_of.insert(name, place);
        }
        weights.check_index()?;
        Ok(weights)
    }

    /// The weights of one file.
    pub fn one(file: TensorFile) -> Self {
        let place_of = file.names().into_iter().map(|name| (name, 0)).collect();
        Self { label: file.label().to_string(), files: vec![file], place_of }
    }

    /// The names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.place_of.keys().map(String::as_str)
    }

    /// The file that holds a tensor.
    pub fn file(&self, name: &str) -> Option<&TensorFile> {
        self.files.get(*self.place_of.get(name)?)
    }

    /// The files.
    pub fn files(&self) -> &[TensorFile] {
        &self.files
    }

    /// Reads a tensor, see [`TensorFile::read`].
    pub fn read(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.file(name).map_or_else(|| Err(self.missing(name)), |file| file.read(name, dtype, device))
    }

    /// The error of a tensor that is not there.
    pub fn missing(&self, name: &str) -> Error {
        Error::new("the tensor is missing").at(format!("{}: {name}", self.label))
    }

    /// Every tensor of the index must be in its file, and every tensor of a file in the index.
    fn check_index(&self) -> Result<()> {
        for (name, place) in &self.place_of {
            let file = self.files.get(*place).filter(|file| file.shape(name).is_none());
            if let Some(file) = file {
                return Err(Error::new(format!(
                    "the index says that {name} is in {}, which does not have it",
                    file.label()
                ))
                .at(self.label.as_str())
                .hint("index and files are of different models; fetch the folder again"));
            }
        }
        for (place, file) in self.files.iter().enumerate() {
            if let Some(name) = file.names().into_iter().find(|name| self.place_of.get(name) != Some(&place)) {
                return Err(Error::new(format!("{} holds {name}, which the index does not say", file.label()))
                    .at(self.label.as_str())
                    .hint("index and files are of different models; fetch the folder again"));
            }
        }
        Ok(())
    }
}

fn no_weights(folder: &Path) -> Error {
    let error =
        Error::new(format!("no weights: neither {SINGLE_FILE} nor {INDEX_FILE}")).at(folder.display().to_string());
    let has = |name: &str| folder.join(name).exists();
    if has("pytorch_model.bin") || has("pytorch_model.bin.index.json") {
        return error.hint(
            "the folder has PyTorch pickle files; save the model as safetensors (transformers: save_pretrained)",
        );
    }
    if has("consolidated.00.pth") {
        return error
            .hint("the folder has Meta's own format; take the model's Hugging Face version (its name ends in -hf)");
    }
    if has("adapter_config.json") {
        return error.hint("the folder holds an adapter, not a model; name its base model instead");
    }
    error.hint("a Hugging Face model folder has config.json and safetensors files")
}
