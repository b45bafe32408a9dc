//! An adapter's folder: `adapter_config.json` and `adapter_model.safetensors`, as PEFT lays them out. What each tensor of
//! the second is, is in [`super::parts`].

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::config::CONFIG_FILE;
use super::mlx::{self, MLX_WEIGHTS_FILE};
use super::targets::EMBEDDING;
use super::{Adapter, PeftConfig, parts, pickled, vera_files};
use crate::error::{Place, Result};
use crate::files;
use crate::model::{Llama, Side, TensorFile, write_tensors};

/// The name of the file with the factors.
pub const WEIGHTS_FILE: &str = "adapter_model.safetensors";

/// What PEFT puts before a module's path.
pub(super) const PREFIX: &str = "base_model.model.";

/// Modules whose whole weight PEFT may put beside the factors.
const COPIED: [&str; 2] = ["model.embed_tokens", "lm_head"];

/// The header's entry for [`Adapter::base_hash`]; PEFT passes over it.
const BASE_HASH: &str = "emakeel_base_hash";

impl Adapter {
    /// Reads an adapter's folder, PEFT's or MLX's; the factors are f32 on the CPU.
    ///
    /// # Errors
    /// A file is missing or broken; the config asks for what is not done here; a tensor is not a factor, is NaN or
    /// infinite, has no partner, or a rank that the config does not give it. Whether it fits a base shows when it is
    /// attached.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(WEIGHTS_FILE);
        if !path.exists() && folder.join(MLX_WEIGHTS_FILE).exists() {
            return mlx::read(folder);
        }
        let config = PeftConfig::read(folder)?;
        let pickle = folder.join(pickled::PICKLED_FILE);
        let file = if !path.exists() && pickle.exists() { pickled::read(&pickle)? } else { TensorFile::open(&path)? };
        let base_hash = file.metadata(BASE_HASH).map(str::to_string);
        let copies = read_copies(&file, &config)?;
        let (modules, beside) = parts::read(&file, &config)?;
        Ok(Self { config, modules, beside, base_hash, copies })
    }

    /// Reads a folder and checks that it fits a base, with the folder named in every failure.
    ///
    /// # Errors
    /// As [`Adapter::load`] and [`Adapter::check_fits`].
    pub fn load_for(folder: &Path, model: &Llama) -> Result<Self> {
        let mut adapter = Self::load(folder)?;
        adapter.check_fits(model).at(folder.display().to_string())?;
        adapter.copies.clear();
        Ok(adapter)
    }

    /// Writes an adapter's folder whole, over an older one; factors are written in f32.
    ///
    /// # Errors
    /// A factor is NaN or infinite (names it); the disk is full or not writable. An older folder is then untouched.
    pub fn save(&self, folder: &Path) -> Result<()> {
        self.save_with(folder, |_| Ok(()))
    }

    /// As [`Adapter::save`], with other files beside: `more` writes them into the folder that it is given, before
    /// that takes its place.
    ///
    /// # Errors
    /// As [`Adapter::save`], and those of `more`.
    pub fn save_with(&self, folder: &Path, more: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        files::write_folder(folder, |unfinished| {
            self.write_into(unfinished)?;
            more(unfinished)
        })
    }

    fn write_into(&self, folder: &Path) -> Result<()> {
        let mut tensors = Vec::with_capacity(2 * self.modules.len());
        for (path, pair) in &self.modules {
            let [a, b] = if path == EMBEDDING {
                ["lora_embedding_A", "lora_embedding_B"]
            } else {
                ["lora_A.weight", "lora_B.weight"]
            };
            tensors.push((format!("{PREFIX}{path}.{a}"), pair.a.clone()));
            tensors.push((format!("{PREFIX}{path}.{b}"), pair.b.clone()));
        }
        for (path, whole) in &self.beside.whole {
            tensors.push((format!("{PREFIX}{path}.weight"), whole.clone()));
        }
        for (path, rows) in &self.beside.rows {
            tensors.push((format!("{PREFIX}{path}.{}", parts::ROWS), rows.values.clone()));
        }
        for (path, lengths) in &self.beside.magnitudes {
            tensors.push((format!("{PREFIX}{path}.lora_magnitude_vector"), lengths.clone()));
        }
        for (path, scales) in &self.beside.scales {
            // PEFT's have the shape of what multiplies the weight.
            let side = if self.config.side_of(path)? == Side::Outputs { 1 } else { 0 };
            tensors.push((format!("{PREFIX}{path}.ia3_l"), scales.unsqueeze(side)?));
        }
        tensors.extend(self.beside.vera.iter().flat_map(vera_files::tensors));
        tensors.sort_by(|left, right| left.0.cmp(&right.0));
        let mut metadata = vec![("format", "pt")];
        if let Some(hash) = &self.base_hash {
            metadata.push((BASE_HASH, hash));
        }
        write_tensors(&folder.join(WEIGHTS_FILE), &tensors, DType::F32, &metadata)?;
        files::write_json(&folder.join(CONFIG_FILE), &self.config.to_json())
    }
}

/// What an adapter's file records of the weights of its base; see [`Adapter::base_hash`].
///
/// # Errors
/// The file is there and cannot be read.
pub fn recorded_base(folder: &Path) -> Result<Option<String>> {
    let path = folder.join(WEIGHTS_FILE);
    if !path.exists() {
        return Ok(None);
    }
    Ok(TensorFile::open(&path)?.metadata(BASE_HASH).map(str::to_string))
}

/// The module whose base weight a tensor is a copy of: PEFT's first releases kept one beside a module that was trained whole.
pub(super) fn copy_of<'a>(name: &'a str, config: &PeftConfig) -> Option<&'a str> {
    let path = name.strip_prefix(PREFIX)?.strip_suffix(".weight")?;
    if let Some(path) = path.strip_suffix(".original_module").or(path.strip_suffix(".token_adapter.base_layer")) {
        return Some(path);
    }
    if parts::whole_of(name, config).is_some() {
        return None;
    }
    let path = path.strip_suffix(".base_layer").unwrap_or(path);
    COPIED.contains(&path).then_some(path)
}

/// The weights of the base that the file holds; PEFT puts them there if the embedding or the head is a target.
fn read_copies(file: &TensorFile, config: &PeftConfig) -> Result<BTreeMap<String, Tensor>> {
    let mut copies = BTreeMap::new();
    for name in file.names() {
        if let Some(path) = copy_of(&name, config) {
            let stored = file.dtype(&name).unwrap_or(DType::F32);
            copies.insert(path.to_string(), file.read(&name, stored, &Device::Cpu)?);
        }
    }
    Ok(copies)
}
