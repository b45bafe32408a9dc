//! An adapter's folder: `adapter_config.json` and `adapter_model.safetensors`, as PEFT lays them out.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::config::CONFIG_FILE;
use super::mlx::{self, MLX_WEIGHTS_FILE};
use super::{Adapter, LoraPair, PeftConfig};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::{Llama, TensorFile, write_tensors};

/// The name of the file with the factors.
pub const WEIGHTS_FILE: &str = "adapter_model.safetensors";

/// What PEFT puts before a module's path.
const PREFIX: &str = "base_model.model.";

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
        if !path.exists() && folder.join("adapter_model.bin").exists() {
            return Err(Error::new("the adapter is stored as a pickle (adapter_model.bin), which is not read")
                .at(folder.display().to_string())
                .hint("load it with PEFT and save it again: it then writes adapter_model.safetensors"));
        }
        if !path.exists() && folder.join(MLX_WEIGHTS_FILE).exists() {
            return mlx::read(folder);
        }
        let config = PeftConfig::read(folder)?;
        let file = TensorFile::open(&path)?;
        let base_hash = file.metadata(BASE_HASH).map(str::to_string);
        let copies = read_copies(&file)?;
        let modules = read_pairs(&file, &config)?;
        Ok(Self { config, modules, base_hash, copies })
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
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        files::make_folder(parent)?;
        let unfinished = files::temporary_beside(folder);
        files::remove_folder(&unfinished)?;
        files::make_folder(&unfinished)?;
        let written = self.write_into(&unfinished).and_then(|()| more(&unfinished));
        if let Err(error) = written {
            files::remove_folder(&unfinished)?;
            return Err(error);
        }
        files::rename_folder(&unfinished, folder)
    }

    fn write_into(&self, folder: &Path) -> Result<()> {
        let mut tensors = Vec::with_capacity(2 * self.modules.len());
        for (path, pair) in &self.modules {
            tensors.push((format!("{PREFIX}{path}.lora_A.weight"), pair.a.clone()));
            tensors.push((format!("{PREFIX}{path}.lora_B.weight"), pair.b.clone()));
        }
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

/// Which factor a tensor is.
enum Side {
    A,
    B,
}

/// The module and the factor that a tensor's name means.
fn meaning_of(name: &str) -> Option<(&str, Side)> {
    let inner = name.strip_prefix(PREFIX)?.strip_suffix(".weight")?;
    let inner = inner.strip_suffix(".default").unwrap_or(inner);
    match inner.strip_suffix(".lora_A") {
        Some(path) => Some((path, Side::A)),
        None => inner.strip_suffix(".lora_B").map(|path| (path, Side::B)),
    }
}

/// The module whose base weight a tensor is a copy of.
fn copy_of(name: &str) -> Option<&str> {
    let path = name.strip_prefix(PREFIX)?.strip_suffix(".weight")?;
    let path = path.strip_suffix(".base_layer").unwrap_or(path);
    COPIED.contains(&path).then_some(path)
}

/// The weights of the base that the file holds; PEFT puts them there if the head is a target.
fn read_copies(file: &TensorFile) -> Result<BTreeMap<String, Tensor>> {
    let mut copies = BTreeMap::new();
    for name in file.names() {
        if let Some(path) = copy_of(&name) {
            let stored = file.dtype(&name).unwrap_or(DType::F32);
            copies.insert(path.to_string(), file.read(&name, stored, &Device::Cpu)?);
        }
    }
    Ok(copies)
}

fn read_pairs(file: &TensorFile, config: &PeftConfig) -> Result<BTreeMap<String, LoraPair>> {
    let mut halves = BTreeMap::new();
    for name in file.names().into_iter().filter(|name| copy_of(name).is_none()) {
        let place = format!("{}: {name}", file.label());
        let Some((path, side)) = meaning_of(&name) else { return Err(foreign(&name).at(place)) };
        let shape = file.shape(&name).unwrap_or_default();
        let &[rows, columns] = shape else {
            return Err(Error::new("the shape").got(format!("{shape:?}")).expected("two dimensions").at(place));
        };
        let (got, expected) = (if matches!(side, Side::A) { rows } else { columns }, config.rank_of(path)?);
        if got != expected {
            return Err(Error::new("the rank")
                .got(format!("{got} (shape {shape:?})"))
                .expected(format!("{expected}, as {CONFIG_FILE} says"))
                .at(place)
                .hint("the two files of the folder belong to different adapters"));
        }
        let tensor = file.read(&name, DType::F32, &Device::Cpu)?;
        let half: &mut (Option<_>, Option<_>) = halves.entry(path.to_string()).or_default();
        let slot = if matches!(side, Side::A) { &mut half.0 } else { &mut half.1 };
        if slot.replace(tensor).is_some() {
            return Err(Error::new("the factor is there twice, under two names").at(place));
        }
    }
    if halves.is_empty() {
        return Err(Error::new("the file has no factors").at(file.label()));
    }
    let mut modules = BTreeMap::new();
    for (path, half) in halves {
        let (Some(a), Some(b)) = half else {
            return Err(Error::new("one of lora_A and lora_B is missing").at(format!("{}: {path}", file.label())));
        };
        modules.insert(path, LoraPair { a, b });
    }
    Ok(modules)
}

/// Why a tensor is none of ours.
fn foreign(name: &str) -> Error {
    let error = Error::new("the tensor is not a LoRA factor of a linear module");
    let hint = if name.contains("lora_embedding_") {
        "adapters on the embedding are not supported; retrain without embed_tokens among the targets"
    } else if name.contains("lora_magnitude_vector") {
        "it is DoRA's; merge the adapter with PEFT and use the merged model"
    } else if name.contains("lora_") && name.ends_with(".bias") {
        "factors with a bias are not supported; retrain with lora_bias: false"
    } else if name.contains("lora_") {
        "names must be base_model.model.<module>.lora_A.weight and …lora_B.weight"
    } else {
        "the adapter replaces whole tensors of the base; merge it with PEFT and use the merged model"
    };
    error.hint(hint)
}
