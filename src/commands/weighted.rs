//! Adapters named on the command line, each with a weight behind a colon or without one.

use std::path::{Path, PathBuf};

use super::speaker::folder_name;
use crate::adapter::Adapter;
use crate::adapter::combine::Part;
use crate::error::{Error, Place, Result};

/// Adapters that were loaded, with their names and weights.
pub struct Weighted {
    adapters: Vec<(String, Adapter)>,
    weights: Vec<f64>,
}

impl Weighted {
    /// Loads what `folder:0.7` or `folder` names.
    pub fn open(texts: &[String]) -> Result<Self> {
        let given = texts.iter().map(|text| weighted(text)).collect::<Result<Vec<_>>>()?;
        let adapters = open_all(given.iter().map(|(folder, _)| folder.as_path()))?;
        Ok(Self { adapters, weights: given.into_iter().map(|(_, weight)| weight).collect() })
    }

    /// As they are combined or merged.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let both = self.adapters.iter().zip(&self.weights);
        both.map(|((name, adapter), weight)| Part { name, adapter, weight: *weight }).collect()
    }
}

/// Loads adapters, each with the name of its folder.
pub fn open_all<'a>(folders: impl Iterator<Item = &'a Path>) -> Result<Vec<(String, Adapter)>> {
    let open = |folder: &Path| Ok((folder_name(folder), Adapter::load(folder).at(folder.display().to_string())?));
    folders.map(open).collect()
}

/// A folder and its weight, of `folder:0.7` or of `folder` alone.
fn weighted(text: &str) -> Result<(PathBuf, f64)> {
    if let Some((folder, weight)) = text.rsplit_once(':').filter(|_| !Path::new(text).exists()) {
        let number = weight.trim().parse::<f64>().ok().filter(|weight| weight.is_finite());
        let number = number.ok_or_else(|| {
            Error::usage("the weight").got(format!("{weight:?}")).expected("a number, as in general:0.7").at(text)
        })?;
        return Ok((folder.into(), number));
    }
    Ok((text.into(), 1.0))
}
