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
