//! The tensors of an adapter's file: which module and which part of the adapter each is.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::config::CONFIG_FILE;
use super::files::{PREFIX, copy_of};
use super::targets::{EMBEDDING, HEAD};
use super::{Beside, LoraPair, PeftConfig, TokenRows, vera_files};
use crate::error::{Error, Place, Result};
use crate::model::TensorFile;
use crate::recipe::AdapterKind;

/// What PEFT calls the rows of some tokens.
pub(super) const ROWS: &str = "token_adapter.trainable_tokens_delta";

/// What a tensor is of its module.
enum Part {
    A,
    B,
    /// The factors of an update of the embedding.
    EmbeddingA,
    EmbeddingB,
    /// A weight in the place of the base's.
    Whole,
    /// Rows in the place of the base's.
    Rows,
    /// DoRA's lengths of rows.
    Magnitude,
    /// The factors of (IA)³.
    Scales,
}

/// The module and the part that a tensor's name means.
fn meaning_of<'a>(name: &'a str, config: &PeftConfig) -> Option<(&'a str, Part)> {
    if let Some(path) = whole_of(name, config) {
        return Some((path, Part::Whole));
    }
    let inner = name.strip_prefix(PREFIX)?;
    let inner = inner.strip_suffix(".weight").unwrap_or(inner);
    let inner = inner.strip_suffix(".default").unwrap_or(inner);
    if let Some(path) = inner.strip_suffix(ROWS).and_then(|path| path.strip_suffix('.')) {
        return Some((path, Part::Rows));
    }
    let (path, part) = inner.rsplit_once('.')?;
    Some((
        path,
        match part {
            "lora_A" if name.ends_with(".weight") => Part::A,
            "lora_B" if name.ends_with(".weight") => Part::B,
            "lora_embedding_A" if path == EMBEDDING => Part::EmbeddingA,
            "lora_embedding_B" if path == EMBEDDING => Part::EmbeddingB,
            "lora_magnitude_vector" => Part::Magnitude,
            "ia3_l" => Part::Scales,
            _ => return None,
        },
    ))
}

/// The module whose weight a tensor is in the place of the base's: one that `modules_to_save` names, or a head that stays the
/// embedding.
///
/// Its name is the module's own; files from elsewhere may still have what it is called in memory,
/// `modules_to_save.default.weight`.
pub(super) fn whole_of<'a>(name: &'a str, config: &PeftConfig) -> Option<&'a str> {
    let inner = name.strip_prefix(PREFIX)?.strip_suffix(".weight")?;
    let inner = inner.strip_suffix(".default").unwrap_or(inner);
    let path = inner.strip_suffix(".modules_to_save").unwrap_or(inner);
    let meant = |path: &str| config.modules_to_save.iter().any(|name| path.ends_with(name.as_str()));
    let tied = config.ensure_weight_tying && path == HEAD && meant(EMBEDDING);
    (meant(path) || tied).then_some(path)
}

/// Reads all parts of a file.
///
/// # Errors
/// A tensor is none of an adapter's, has another shape than the config says, has no partner, or comes twice.
pub(super) fn read(file: &TensorFile, config: &PeftConfig) -> Result<(BTreeMap<String, LoraPair>, Beside)> {
    if config.kind == AdapterKind::Vera {
        return Ok((BTreeMap::new(), vera_files::read(file, config)?));
    }
    let mut halves: BTreeMap<String, (Option<Tensor>, Option<Tensor>)> = BTreeMap::new();
    let mut beside = Beside::default();
    for name in file.names().into_iter().filter(|name| copy_of(name, config).is_none()) {
        let place = format!("{}: {name}", file.label());
        let Some((path, part)) = meaning_of(&name, config).filter(|(_, part)| belongs(part, config.kind)) else {
            return Err(foreign(&name).at(place));
        };
        let shape = file.shape(&name).unwrap_or_default();
        let before = match (&part, shape) {
            (Part::A | Part::B | Part::EmbeddingA | Part::EmbeddingB, &[rows, columns]) => {
                let is_first = matches!(part, Part::A | Part::EmbeddingA);
                check_rank(if is_first { rows } else { columns }, shape, path, config).at(place.as_str())?;
                let half = halves.entry(path.to_string()).or_default();
                let slot = if is_first { &mut half.0 } else { &mut half.1 };
                slot.replace(file.read(&name, DType::F32, &Device::Cpu)?)
            }
            (Part::Whole, _) => beside.whole.insert(path.to_string(), file.read(&name, DType::F32, &Device::Cpu)?),
            (Part::Rows, &[count, _]) => {
                let ids = ids_of(path, count, config).at(place.as_str())?;
                let rows = TokenRows { ids, values: file.read(&name, DType::F32, &Device::Cpu)? };
                beside.rows.insert(path.to_string(), rows).map(|rows| rows.values)
            }
            (Part::A | Part::B | Part::EmbeddingA | Part::EmbeddingB | Part::Rows, _) => {
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
    share_head(&mut beside, config)?;
    Ok((modules, beside))
}

/// Whether an adapter of that kind has such a part.
fn belongs(part: &Part, kind: AdapterKind) -> bool {
    match part {
        Part::A | Part::B | Part::Rows => kind != AdapterKind::Ia3,
        Part::EmbeddingA | Part::EmbeddingB => kind == AdapterKind::Lora,
        Part::Whole => true,
        Part::Magnitude => kind == AdapterKind::Dora,
        Part::Scales => kind == AdapterKind::Ia3,
    }
}

/// Which token ids the rows of a module are for.
fn ids_of(path: &str, count: usize, config: &PeftConfig) -> Result<Vec<u32>> {
    match config.trainable_tokens.iter().find(|(name, _)| path.ends_with(name.as_str())) {
        Some((_, ids)) if ids.len() == count => Ok(ids.clone()),
        Some((_, ids)) => Err(Error::new("the number of rows")
            .got(count)
            .expected(format!("{}, as trainable_token_indices has ids", ids.len()))
            .hint("the two files of the folder belong to different adapters")),
        None => Err(Error::new("there are rows of tokens, but trainable_token_indices does not name their module")),
    }
}

/// Makes one tensor of an embedding and a head that are one weight and equal.
fn share_head(beside: &mut Beside, config: &PeftConfig) -> Result<()> {
    if let (true, Some(embedding), Some(head)) =
        (config.ensure_weight_tying, beside.whole.get(EMBEDDING), beside.whole.get(HEAD))
        && embedding.dims() == head.dims()
        && (embedding - head)?.abs()?.max_all()?.to_scalar::<f32>()? == 0.0
    {
        beside.share_head();
    }
    Ok(())
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
        "DoRA on the embedding is not supported; retrain without embed_tokens among the targets"
    } else if name.contains("lora_magnitude_vector") {
        "it is DoRA's, but the config does not say use_dora"
    } else if name.contains("lora_") && name.ends_with(".bias") {
        "factors with a bias are not supported; retrain with lora_bias: false"
    } else if name.contains("lora_") {
        "names must be base_model.model.<module>.lora_A.weight and …lora_B.weight"
    } else {
        "adapter_config.json does not name the module in modules_to_save; were the two files made together?"
    };
    error.hint(hint)
}
