//! Everything that is wrong with an adapter's folder, found together; a broken part hides no other.

use std::path::Path;

use candle_core::DType;

use super::{Adapter, all_finite};
use crate::error::Result;
use crate::model::Config;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What makes the adapter wrong, or unusable on the base.
    pub wrong: Vec<String>,
    /// What is no mistake but worth knowing.
    pub notes: Vec<String>,
}

/// A base to hold an adapter against.
pub struct Against<'a> {
    /// Its shape.
    pub config: &'a Config,
    /// What identifies its weights.
    pub hash: &'a str,
}

/// Examines a folder: files, shapes, the base's hash, values that are no numbers, modules that change nothing.
///
/// # Errors
/// None for what is wrong with the adapter: that is what is found. Arithmetic on its factors fails.
pub fn verify(folder: &Path, base: &Against<'_>) -> Result<Findings> {
    let mut findings = Findings::default();
    let adapter = match Adapter::load(folder) {
        Ok(adapter) => adapter,
        Err(error) => {
            findings.wrong.push(error.to_string());
            return Ok(findings);
        }
    };
    findings.wrong.extend(adapter.misfits(base.config)?.iter().map(ToString::to_string));
    if let Err(error) = adapter.check_base(base.hash) {
        findings.wrong.push(error.to_string());
    }
    if adapter.base_hash.is_none() {
        findings.notes.push("the adapter does not record the weights of its base, so they are not compared".into());
    }
    for (path, pair) in &adapter.modules {
        let zero = |tensor: &candle_core::Tensor| -> Result<bool> {
            Ok(tensor.to_dtype(DType::F32)?.abs()?.max_all()?.to_scalar::<f32>()? == 0.0)
        };
        let (a, b) = (zero(&pair.a)?, zero(&pair.b)?);
        let scale = adapter.config.scale_of(path)?;
        let inert = match (a, b) {
            (true, true) => Some("A and B are"),
            (true, false) => Some("A is"),
            (false, true) => Some("B is"),
            (false, false) => None,
        };
        if let Some(which) = inert {
            findings.notes.push(format!("{path} changes nothing: {which} all zeros"));
        } else if scale == 0.0 {
            findings.notes.push(format!("{path} changes nothing: its scale is 0"));
        } else if !all_finite(&(&pair.b * scale)?)? {
            findings.wrong.push(format!("{path}: B times its scale, {scale}, is not finite"));
        }
    }
    for tensor in adapter.beside.tensors() {
        if !all_finite(tensor)? {
            findings.wrong.push("a weight or row in the place of the base's is not finite".into());
        }
    }
    for key in adapter.config.unknown_keys() {
        findings.notes.push(format!("adapter_config.json has a key that is not known here: {key}"));
    }
    Ok(findings)
}
