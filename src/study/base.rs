//! The base of a study: found in a folder, taken out of the program, or made from random weights; with more pieces,
//! where the recipe wants them (see [`extended`]).

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use serde_json::json;

use crate::data::stream::CacheFolder;
use crate::data::{Tokenizer, train_tokenizer};
use crate::error::{Error, Result};
use crate::files;
use crate::hub::{self, Client, Kind, Name};
use crate::model::{Config, Llama};
use crate::progress::Progress;
use crate::recipe::{BaseOrigin, NewModel, Study, TokenizerOrigin};
use crate::study::folder::RunFolder;
use crate::study::{assets, extended};

/// A base that is ready to be loaded.
pub struct OpenedBase {
    /// Its Hugging Face folder.
    pub folder: PathBuf,
    /// How people know it.
    pub name: String,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The hash of its weights, or of the recipe that makes them.
    pub hash: String,
    /// The tokenizer that it had before the study added pieces.
    pub before: Option<Tokenizer>,
}

/// Says what a base in the run folder was made from.
pub(super) const MADE: &str = "made.json";

/// Finds or makes the base of a study.
///
/// # Errors
/// The folder is missing something, or the tokenizer has more pieces than the model has embeddings.
pub fn open(study: &Study, run: &RunFolder, cache: &CacheFolder, progress: Progress) -> Result<OpenedBase> {
    let extended = match &study.base.tokenizer {
        Some(TokenizerOrigin::Extended { sources, tokens }) => Some(extended::Wanted { sources, tokens: *tokens }),
        _ => None,
    };
    let opened = match (&study.base.origin, extended) {
        (BaseOrigin::New(shape), _) => make_new(study, shape, run, progress)?,
        (BaseOrigin::BuiltIn(name), None) => open_built_in(name, run)?,
        (BaseOrigin::BuiltIn(name), Some(wanted)) => {
            extended::open(study, wanted, extended::Original::built_in(name)?, (run, cache), progress)?
        }
        (origin, None) => open_given(study, origin, progress)?,
        (origin, Some(wanted)) => {
            let original = extended::Original::folder(open_given(study, origin, progress)?);
            extended::open(study, wanted, original, (run, cache), progress)?
        }
    };
    let config = Config::read(&opened.folder)?;
    opened.tokenizer.check_vocabulary(config.vocabulary)?;
    Ok(opened)
}

/// A base that someone else made: a folder here, or on the Hub.
fn open_given(study: &Study, origin: &BaseOrigin, progress: Progress) -> Result<OpenedBase> {
    match origin {
        BaseOrigin::Hub { name, revision, commit } => {
            let folder = fetch(name, revision, commit.as_deref(), progress)?;
            Ok(OpenedBase { name: name.clone(), ..open_folder(study, &folder)? })
        }
        BaseOrigin::Folder(folder) => open_folder(study, folder),
        BaseOrigin::BuiltIn(name) => Err(Error::new(format!("{name} is inside the program, and no folder"))),
        BaseOrigin::New(_) => Err(Error::new("a new model is made, and not read")),
    }
}

/// The folder of a model on the Hub, in the Hub's cache.
fn fetch(name: &str, revision: &str, commit: Option<&str>, progress: Progress) -> Result<PathBuf> {
    let (client, name) = (Client::from_environment(), Name::new(name)?);
    let commit = match commit {
        Some(commit) => commit.to_owned(),
        None => hub::commit_of(&client, Kind::Model, &name, revision)?,
    };
    hub::fetch_model(&client, &name, &commit, progress)
}

fn open_folder(study: &Study, folder: &Path) -> Result<OpenedBase> {
    if !folder.is_dir() {
        return Err(Error::new("base.model")
            .got(format!("{:?}, which is no folder here", folder.display().to_string()))
            .expected("a folder with config.json, model.safetensors and a tokenizer")
            .hint("give its path, or the owner/name of a model on the Hub, such as meta-llama/Llama-2-7b-hf"));
    }
    let place = match &study.base.tokenizer {
        Some(TokenizerOrigin::Path(path)) => path,
        _ => folder,
    };
    Ok(OpenedBase {
        folder: folder.to_owned(),
        name: folder.display().to_string(),
        tokenizer: Tokenizer::open(place)?,
        hash: weights_hash(folder)?,
        before: None,
    })
}

fn open_built_in(name: &str, run: &RunFolder) -> Result<OpenedBase> {
    let folder = run.base();
    if folder.join(MADE).exists() {
        // Another recipe's base, with files that this one does not have.
        run.set_aside(&folder)?;
    }
    assets::unpack(name, &folder)?;
    let (tokenizer, hash) = (Tokenizer::open(&folder)?, weights_hash(&folder)?);
    Ok(OpenedBase { tokenizer, hash, name: name.to_owned(), folder, before: None })
}

/// Random weights, made once and kept in the run folder.
fn make_new(study: &Study, shape: &NewModel, run: &RunFolder, progress: Progress) -> Result<OpenedBase> {
    let folder = run.base();
    let wanted = files::sha256(format!("{:?} {:?} {}", study.base.origin, study.base.tokenizer, study.seed));
    let record = folder.join(MADE);
    let made = record.exists() && files::read_json::<serde_json::Value>(&record)?.get("from") == Some(&json!(wanted));
    if !made {
        progress.say("making a base with random weights");
        let tokenizer = match &study.base.tokenizer {
            Some(TokenizerOrigin::Trained { sources, vocabulary }) => {
                train_tokenizer(study, sources, *vocabulary, &progress)?
            }
            Some(TokenizerOrigin::Path(path)) => Tokenizer::open(path)?,
            Some(TokenizerOrigin::Extended { .. }) | None => {
                return Err(Error::new("base.tokenizer is missing")
                    .hint("a new model needs `tokenizer: PATH` or `tokenizer: { train: … }`"));
            }
        };
        let config = Config::new(shape, tokenizer.vocabulary(), Some(tokenizer.bos()), vec![tokenizer.eos()])?;
        let partial = files::temporary_beside(&folder);
        files::remove_folder(&partial)?;
        Llama::random(config, study.seed, DType::F32, &Device::Cpu)?.save(&partial, DType::F32)?;
        tokenizer.save(&partial)?;
        files::write_json(&partial.join(MADE), &json!({ "from": wanted }))?;
        files::rename_folder(&partial, &folder)?;
    }
    let tokenizer = Tokenizer::open(&folder)?;
    Ok(OpenedBase { tokenizer, hash: wanted, name: "random weights".to_owned(), folder, before: None })
}

/// The hash over all weight files of a model folder, in the order of their names.
pub fn weights_hash(folder: &Path) -> Result<String> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, "list the folder", &e))?;
    let mut weights: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "safetensors")).collect();
    weights.sort();
    let each: Result<Vec<String>> = weights.iter().map(|path| files::sha256_of_file(path)).collect();
    Ok(files::sha256(each?.join("\n")))
}
