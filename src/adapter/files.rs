//! An adapter's folder: `adapter_config.json` and `adapter_model.safetensors`, as PEFT lays them out.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::config::CONFIG_FILE;
use super::mlx::{self, MLX_WEIGHTS_FILE};
use super::{Adapter, Beside, LoraPair, PeftConfig, pickled, vera_files};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::{Llama, Side, TensorFile, write_tensors};
use crate::recipe::AdapterKind;

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
        let copies = read_copies(&file)?;
        let (modules, beside) = read_parts(&file, &config)?;
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
            tensors.push((format!("{PREFIX}{path}.lora_A.weight"), pair.a.clone()));
            tensors.push((format!("{PREFIX}{path}.lora_B.weight"), pair.b.clone()));
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

/// What a tensor is of its module.
enum Part {
    A,
    B,
    /// DoRA's lengths of rows.
    Magnitude,
    /// The factors of (IA)³.
    Scales,
}

/// The module and the part that a tensor's name means.
fn meaning_of(name: &str) -> Option<(&str, Part)> {
    let inner = name.strip_prefix(PREFIX)?;
    let inner = inner.strip_suffix(".weight").unwrap_or(inner);
    let inner = inner.strip_suffix(".default").unwrap_or(inner);
    let (path, part) = inner.rsplit_once('.')?;
    Some((
        path,
        match part {
            "lora_A" if name.ends_with(".weight") => Part::A,
            "lora_B" if name.ends_with(".weight") => Part::B,
            "lora_magnitude_vector" => Part::Magnitude,
            "ia3_l" => Part::Scales,
            _ => return None,
        },
    ))
}

/// The module whose base weight a tensor is a copy of.
pub(super) fn copy_of(name: &str) -> Option<&str> {
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

fn read_parts(file: &TensorFile, config: &PeftConfig) -> Result<(BTreeMap<String, LoraPair>, Beside)> {
    if config.kind == AdapterKind::Vera {
        return Ok((BTreeMap::new(), vera_files::read(file, config)?));
    }
    let mut halves: BTreeMap<String, (Option<Tensor>, Option<Tensor>)> = BTreeMap::new();
    let mut beside = Beside::default();
    for name in file.names().into_iter().filter(|name| copy_of(name).is_none()) {
        let place = format!("{}: {name}", file.label());
        let Some((path, part)) = meaning_of(&name).filter(|(_, part)| belongs(part, config.kind)) else {
            return Err(foreign(&name).at(place));
        };
        let shape = file.shape(&name).unwrap_or_default();
        let before = match (&part, shape) {
            (Part::A | Part::B, &[rows, columns]) => {
                let got = if matches!(part, Part::A) { rows } else { columns };
                check_rank(got, shape, path, config).at(place.as_str())?;
                let half = halves.entry(path.to_string()).or_default();
                let slot = if matches!(part, Part::A) { &mut half.0 } else { &mut half.1 };
                slot.replace(file.read(&name, DType::F32, &Device::Cpu)?)
            }
            (Part::A | Part::B, _) => {
                return Err(Error::new("the shape").got(format!("{shape:?}")).expected("two dimensions").at(place));
            }
            (Part::Magnitude, _) => {
                let lengths = file.read(&name, DType::F32, &Device::Cpu)?.flatten_all()?;
                beside.magnitudes.insert(path.to_string(), lengths)
            }
            (Part::Scales, _) => {
                let scales = file.read(&name, DType::F32, &Device::Cpu)?.flatten_all()?;
                beside.scales.insert(path.to_string(), scales)
            }
        };
        if before.is_some() {
            return Err(Error::new("the factor is there twice, under two names").at(place));
        }
    }
    if halves.is_empty() && beside.is_empty() {
        return Err(Error::new("the file has no factors").at(file.label()));
    }
    let mut modules = BTreeMap::new();
    for (path, half) in halves {
        let (Some(a), Some(b)) = half else {
            return Err(Error::new("one of lora_A and lora_B is missing").at(format!("{}: {path}", file.label())));
        };
        modules.insert(path, LoraPair { a, b });
    }
    check_magnitudes(&modules, &beside, config).at(file.label())?;
    Ok((modules, beside))
}

/// Whether an adapter of that kind has such a part.
fn belongs(part: &Part, kind: AdapterKind) -> bool {
    match part {
        Part::A | Part::B => kind != AdapterKind::Ia3,
        Part::Magnitude => kind == AdapterKind::Dora,
        Part::Scales => kind == AdapterKind::Ia3,
    }
}

fn check_rank(got: usize, shape: &[usize], path: &str, config: &PeftConfig) -> Result<()> {
    let expected = config.rank_of(path)?;
    if got == expected {
        return Ok(());
    }
    Err(Error::new("the rank")
        .got(format!("{got} (shape {shape:?})"))
        .expected(format!("{expected}, as {CONFIG_FILE} says"))
        .hint("the two files of the folder belong to different adapters"))
}

/// DoRA has a length for each row of every module's update, and no others.
fn check_magnitudes(modules: &BTreeMap<String, LoraPair>, beside: &Beside, config: &PeftConfig) -> Result<()> {
    if config.kind != AdapterKind::Dora {
        return Ok(());
    }
    for (path, pair) in modules {
        let rows = pair.b.dim(0)?;
        match beside.magnitudes.get(path) {
            Some(lengths) if lengths.dims() == [rows] => {}
            Some(lengths) => {
                let error = Error::new("the shape of lora_magnitude_vector").got(format!("{:?}", lengths.dims()));
                return Err(error.expected(format!("[{rows}], as lora_B")).at(path.as_str()));
            }
            None => return Err(Error::new("lora_magnitude_vector is missing").at(path.as_str())),
        }
    }
    match beside.magnitudes.keys().find(|path| !modules.contains_key(*path)) {
        Some(path) => Err(Error::new("lora_A and lora_B are missing").at(path.as_str())),
        None => Ok(()),
    }
}

/// Why a tensor is none of ours.
fn foreign(name: &str) -> Error {
    let error = Error::new("the tensor is not a LoRA factor of a linear module");
    let hint = if name.contains("lora_embedding_") {
        "adapters on the embedding are not supported; retrain without embed_tokens among the targets"
    } else if name.contains("lora_magnitude_vector") {
        "it is DoRA's, but the config does not say use_dora"
    } else if name.contains("lora_") && name.ends_with(".bias") {
        "factors with a bias are not supported; retrain with lora_bias: false"
    } else if name.contains("lora_") {
        "names must be base_model.model.<module>.lora_A.weight and …lora_B.weight"
    } else {
        "the adapter replaces whole tensors of the base; merge it with PEFT and use the merged model"
    };
    error.hint(hint)
}
