//! VeRA's tensors in an adapter's file: `base_model.vera_A` and `vera_B` once, and two vectors for each module.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::config::PeftConfig;
use super::files::{PREFIX, copy_of};
use super::vera::{Shared, VeraPair};
use super::{Beside, LoraPair};
use crate::error::{Error, Result};
use crate::model::TensorFile;

/// The names of the shared factors.
const FACTORS: [&str; 2] = ["base_model.vera_A", "base_model.vera_B"];

/// What stands behind the path of a module.
const VECTORS: [&str; 2] = [".vera_lambda_d", ".vera_lambda_b"];

/// The tensors as they are written.
pub(super) fn tensors(shared: &Shared) -> Vec<(String, Tensor)> {
    let [a, b] = FACTORS.map(str::to_owned);
    let mut tensors = vec![(a, shared.factors.a.clone()), (b, shared.factors.b.clone())];
    for (path, pair) in &shared.modules {
        let [inner, outer] = VECTORS.map(|name| format!("{PREFIX}{path}{name}"));
        tensors.extend([(inner, pair.inner.clone()), (outer, pair.outer.clone())]);
    }
    tensors
}

/// Reads them.
///
/// # Errors
/// The shared factors are not in the file; a tensor is none of VeRA's, has another rank than the config says, or is alone.
pub(super) fn read(file: &TensorFile, config: &PeftConfig) -> Result<Beside> {
    let mut factors: [Option<Tensor>; 2] = [None, None];
    let mut halves: BTreeMap<String, [Option<Tensor>; 2]> = BTreeMap::new();
    for name in file.names().into_iter().filter(|name| copy_of(name, config).is_none()) {
        let place = || format!("{}: {name}", file.label());
        let tensor = || file.read(&name, DType::F32, &Device::Cpu);
        let shape = file.shape(&name).unwrap_or_default();
        let slot = match (FACTORS.iter().position(|known| *known == name), vector_of(&name)) {
            (Some(which), _) => {
                let rank = match (which, shape) {
                    (0, &[rank, _]) | (1, &[_, rank]) => Some(rank),
                    _ => None,
                };
                check_rank(rank, shape, config, &place())?;
                factors.get_mut(which)
            }
            (None, Some((path, which))) => {
                let rank = match (which, shape) {
                    (0, &[rank]) => Some(rank),
                    (1, &[_]) => Some(config.rank),
                    _ => None,
                };
                check_rank(rank, shape, config, &place())?;
                halves.entry(path.to_owned()).or_default().get_mut(which)
            }
            (None, None) => None,
        };
        match slot {
            Some(slot) => *slot = Some(tensor()?),
            None => return Err(Error::new("the tensor is none of VeRA's").at(place())),
        }
    }
    let [Some(a), Some(b)] = factors else {
        return Err(Error::new("vera_A or vera_B is missing").at(file.label()).hint(IN_THE_FILE));
    };
    let mut modules = BTreeMap::new();
    for (path, pair) in halves {
        let [Some(inner), Some(outer)] = pair else {
            let error = Error::new("one of vera_lambda_d and vera_lambda_b is missing");
            return Err(error.at(format!("{}: {path}", file.label())));
        };
        modules.insert(path, VeraPair { inner, outer });
    }
    if modules.is_empty() {
        return Err(Error::new("the file has no vectors of a module").at(file.label()));
    }
    Ok(Beside { vera: Some(Shared { factors: LoraPair { a, b }, modules }), ..Beside::default() })
}

/// What to do where the shared factors are not in the file.
pub(super) const IN_THE_FILE: &str =
    "load it with PEFT and save it again with save_projection=True: the random factors must be in the file";

/// The module of a vector, and which one it is.
fn vector_of(name: &str) -> Option<(&str, usize)> {
    let inner = name.strip_prefix(PREFIX)?;
    let inner = inner.strip_suffix(".default").unwrap_or(inner);
    VECTORS.iter().enumerate().find_map(|(which, suffix)| Some((inner.strip_suffix(suffix)?, which)))
}

fn check_rank(rank: Option<usize>, shape: &[usize], config: &PeftConfig, place: &str) -> Result<()> {
    if rank == Some(config.rank) {
        return Ok(());
    }
    let error = Error::new("the shape").got(format!("{shape:?}"));
    Err(error.expected(format!("one of rank {}, as the config says", config.rank)).at(place))
}
