//! The subsets that a data set's own header lists.

use serde::Deserialize;
use serde_json::Value;

use super::super::repository::Entry;
use super::{Splits, by_name, listed, unknown};
use crate::error::{Error, Result};

/// The header of a README, as far as it is about files.
#[derive(Debug, Clone, Default)]
pub(in crate::hub) struct Card {
    pub(super) subsets: Vec<Subset>,
}

/// An entry of `configs`.
#[derive(Debug, Clone)]
pub(super) struct Subset {
    name: String,
    /// Splits and their patterns; `None` where names tell the splits.
    files: Option<Splits>,
    folder: String,
    default: bool,
}

#[derive(Debug, Deserialize)]
struct Written {
    #[serde(default)]
    configs: Option<Vec<WrittenSubset>>,
}

#[derive(Debug, Deserialize)]
struct WrittenSubset {
    config_name: Value,
    #[serde(default)]
    data_files: Option<WrittenFiles>,
    #[serde(default)]
    data_dir: Option<String>,
    #[serde(default)]
    default: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenFiles {
    One(String),
    Many(Vec<WrittenPart>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WrittenPart {
    Path(String),
    Split { split: String, path: Paths },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Paths {
    One(String),
    Many(Vec<String>),
}

/// Reads the header of a README: the YAML between its first two lines of `---`. `whole` says that the file is YAML.
///
/// # Errors
/// `configs` is not what it should be.
pub(in crate::hub) fn read(text: &str, whole: bool) -> Result<Card> {
    let Some(header) = (if whole { Some(text) } else { header(text) }) else { return Ok(Card::default()) };
    // A header without `configs` may be as wrong as it likes.
    if !header.lines().any(|line| line.trim_start().starts_with("configs")) {
        return Ok(Card::default());
    }
    let written: Written =
        serde_yaml::from_str(header).map_err(|e| Error::new(format!("cannot read its header `configs`: {e}")))?;
    let subsets = written.configs.unwrap_or_default().into_iter().map(subset).collect::<Result<_>>()?;
    Ok(Card { subsets })
}

fn header(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = text.strip_prefix("---")?.trim_start_matches(['\r', ' ']).strip_prefix('\n')?;
    let mut length = 0;
    for line in start.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return start.get(..length);
        }
        length += line.len();
    }
    None
}

fn subset(written: WrittenSubset) -> Result<Subset> {
    let name = match &written.config_name {
        Value::String(name) => name.clone(),
        Value::Number(_) | Value::Bool(_) => written.config_name.to_string(),
        _ => return Err(Error::new("a `config_name` of its header is no name")),
    };
    Ok(Subset {
        files: written.data_files.map(|files| splits(&name, files)).transpose()?,
        folder: written.data_dir.unwrap_or_default().trim_matches('/').to_owned(),
        default: written.default == Some(true) || name == "default",
        name,
    })
}

fn splits(name: &str, files: WrittenFiles) -> Result<Splits> {
    let parts = match files {
        WrittenFiles::One(pattern) => return Ok(vec![("train".to_owned(), vec![pattern])]),
        WrittenFiles::Many(parts) => parts,
    };
    let mut splits: Splits = Vec::new();
    for part in parts {
        let (split, patterns) = match part {
            WrittenPart::Path(pattern) => match splits.iter_mut().find(|(split, _)| split == "train") {
                Some((_, patterns)) => {
                    patterns.push(pattern);
                    continue;
                }
                None => ("train".to_owned(), vec![pattern]),
            },
            WrittenPart::Split { split, path: Paths::One(pattern) } => (split, vec![pattern]),
            WrittenPart::Split { split, path: Paths::Many(patterns) } => (split, patterns),
        };
        if splits.iter().any(|(known, _)| *known == split) {
            return Err(Error::new(format!("its header lists the split {split:?} of {name:?} twice")));
        }
        splits.push((split, patterns));
    }
    Ok(splits)
}

impl Card {
    /// The splits of a subset, the default one if none is named, and the folder that their patterns start at.
    pub(super) fn splits(&self, entries: &[Entry], wanted: Option<&str>) -> Result<(Option<String>, String, Splits)> {
        let known: Vec<&str> = self.subsets.iter().map(|subset| subset.name.as_str()).collect();
        let chosen = match (wanted, self.subsets.as_slice()) {
            (Some(wanted), all) => {
                all.iter().find(|subset| subset.name == wanted).ok_or_else(|| unknown("subset", wanted, &known))?
            }
            (None, [only]) => only,
            (None, all) => all.iter().find(|subset| subset.default).ok_or_else(|| {
                Error::new("the data set has several subsets and none of them is the default; subset is missing")
                    .hint(listed(&known))
            })?,
        };
        let name = Some(chosen.name.clone());
        match &chosen.files {
            Some(splits) => Ok((name, chosen.folder.clone(), splits.clone())),
            None => Ok((name, chosen.folder.clone(), by_name::splits(entries, &chosen.folder)?)),
        }
    }
}
