//! A model: its config, its tokenizer, and the safetensors files that its index names.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::ahead::Files;
use super::download::{self, Transfer};
use super::repository::{Entry, Kind, Repository};
use super::{Client, Name};
use crate::error::{Error, Result};
use crate::files;
use crate::progress::Progress;

/// Files beside the weights that are fetched where they are there.
const SMALL: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
];

#[derive(Debug, Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// Fetches a model at a commit; returns its folder in the cache, which is laid out as any model folder.
///
/// # Errors
/// It has no config or no safetensors files; a file cannot be fetched; offline, one is not in the cache.
pub fn fetch_model(client: &Client, name: &Name, commit: &str, progress: Progress) -> Result<PathBuf> {
    let repository = Repository::open(client, Kind::Model, name, commit)?;
    let mut wanted: Vec<Entry> = SMALL.iter().filter_map(|path| repository.entry(path).cloned()).collect();
    if repository.entry("config.json").is_none() {
        return Err(Error::new("the model has no config.json").at(repository.place()).hint("is it a Llama?"));
    }
    wanted.extend(weights(&repository)?);
    let folder = repository.cache.snapshot(commit);
    let mut files = Files::new(Arc::new(repository), wanted, true, progress);
    for index in 0..files.len() {
        files.path(index)?;
    }
    Ok(folder)
}

/// What was fetched of a repository.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its folder in the cache.
    pub folder: PathBuf,
    /// The commit.
    pub commit: String,
    /// Paths of the files, in order.
    pub paths: Vec<String>,
    /// Whether it is an adapter in PEFT's layout.
    pub is_adapter: bool,
    /// What an adapter says that it stands on.
    pub base: Option<String>,
}

/// Fetches a model or an adapter at a commit, with its card and, for an adapter, its tokenizer.
///
/// # Errors
/// It is neither; a file cannot be fetched or is not what the Hub says; offline, one is not in the cache.
pub fn fetch_repository(client: &Client, name: &Name, commit: &str, progress: Progress) -> Result<Fetched> {
    const CONFIG: &str = "adapter_config.json";
    let repository = Repository::open(client, Kind::Model, name, commit)?;
    let mut wanted: Vec<Entry> = Vec::new();
    let mut want = |path: &str| wanted.extend(repository.entry(path).cloned());
    let is_adapter = repository.entry(CONFIG).is_some();
    ["README.md", "LICENSE", "USE_POLICY.md"].into_iter().chain(SMALL).for_each(&mut want);
    if is_adapter {
        let weights = ["adapter_model.safetensors", "adapter_model.bin"];
        let Some(weights) = weights.into_iter().find(|path| repository.entry(path).is_some()) else {
            return Err(Error::new("the adapter has neither adapter_model.safetensors nor adapter_model.bin")
                .at(repository.place()));
        };
        [CONFIG, weights].into_iter().for_each(&mut want);
    } else if repository.entry("config.json").is_none() {
        return Err(Error::new("it has neither adapter_config.json nor config.json")
            .at(repository.place())
            .hint("is it a Llama, or an adapter in PEFT's layout?"));
    } else {
        wanted.extend(weights(&repository)?);
    }
    let folder = repository.cache.snapshot(commit);
    let paths: Vec<String> = wanted.iter().map(|entry| entry.path.clone()).collect();
    let mut files = Files::new(Arc::new(repository), wanted, true, progress);
    for index in 0..files.len() {
        files.path(index)?;
    }
    let base = match is_adapter {
        true => crate::files::read_json::<serde_json::Value>(&folder.join(CONFIG))?
            .get("base_model_name_or_path")
            .and_then(|base| base.as_str().map(str::to_owned)),
        false => None,
    };
    Ok(Fetched { folder, commit: commit.to_owned(), paths, is_adapter, base })
}

fn weights(repository: &Repository) -> Result<Vec<Entry>> {
    const INDEX: &str = "model.safetensors.index.json";
    if let Some(whole) = repository.entry("model.safetensors") {
        return Ok(vec![whole.clone()]);
    }
    let Some(index) = repository.entry(INDEX) else {
        return Err(Error::new("the model has no safetensors files")
            .at(repository.place())
            .hint("it may have them in another revision; weights in PyTorch's own format are not read"));
    };
    let map: Index = files::read_json(&download::fetch(repository, index, &Transfer::default())?)?;
    let mut shards: Vec<String> = map.weight_map.into_values().collect();
    shards.sort();
    shards.dedup();
    let mut entries = vec![index.clone()];
    for shard in shards {
        let entry = repository.entry(&shard).ok_or_else(|| {
            Error::new(format!("its index names a file that it does not have: {shard}")).at(repository.place())
        })?;
        entries.push(entry.clone());
    }
    Ok(entries)
}
