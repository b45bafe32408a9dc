//! A base whose vocabulary the study extends, kept whole in the run folder.
//!
//! It could be made anew each time it is loaded. But adapters, `merge` and `chat`, and anybody who is given an adapter,
//! need a folder that has the tokenizer and the rows that it was trained on, and PEFT needs it as well; so it is made
//! once, in `base/`, before anything else. It is made again where the base, the texts or the recipe changed; the older
//! one is then moved aside, since adapters may stand on it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::data::stream::{CacheFolder, source_fingerprint};
use crate::data::{Tokenizer, extend_tokenizer};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::{NewRows, extend_vocabulary};
use crate::progress::Progress;
use crate::recipe::Study;
use crate::study::assets;
use crate::study::base::{MADE, OpenedBase};
use crate::study::folder::RunFolder;

/// What the recipe asks for.
pub struct Wanted<'a> {
    /// Sources that the new pieces are learned from.
    pub sources: &'a [String],
    /// How many there are to be.
    pub tokens: usize,
}

/// The base as it came.
pub struct Original<'a> {
    place: Origin<'a>,
    name: String,
    hash: String,
    tokenizer: Tokenizer,
}

enum Origin<'a> {
    Folder(PathBuf),
    BuiltIn(&'a str),
}

impl<'a> Original<'a> {
    /// A base in a folder.
    pub fn folder(opened: OpenedBase) -> Self {
        let OpenedBase { folder, name, tokenizer, hash, .. } = opened;
        Self { place: Origin::Folder(folder), name, hash, tokenizer }
    }

    /// A base inside the program.
    pub fn built_in(name: &'a str) -> Result<Self> {
        let (tokenizer, hash) = assets::tokenizer_and_hash(name)?;
        Ok(Self { place: Origin::BuiltIn(name), name: name.to_owned(), hash, tokenizer })
    }
}

/// Makes the extended base, or finds it made.
///
/// # Errors
/// The texts are too small for so many pieces; the tokenizer is of a kind that cannot be extended; the disk is full.
pub fn open(
    study: &Study,
    wanted: Wanted<'_>,
    original: Original<'_>,
    (run, cache): (&RunFolder, &CacheFolder),
    progress: Progress,
) -> Result<OpenedBase> {
    let folder = run.base();
    let from = files::sha256(inputs(study, &wanted, &original, cache, &progress)?.to_string());
    let record = folder.join(MADE);
    let made =
        if record.exists() { files::read_json::<Value>(&record)?.get("from") == Some(&json!(from)) } else { false };
    if !made {
        if record.exists() {
            let place = run.set_aside(&folder)?;
            progress.say(format!("the extended base is made again; the older one is kept in {}", place.display()));
        }
        make(study, &wanted, &original, &from, &folder, &progress)?;
    }
    Ok(OpenedBase {
        tokenizer: Tokenizer::open(&folder)?,
        name: format!("{} with {} new pieces", original.name, wanted.tokens),
        hash: from,
        before: Some(original.tokenizer),
        folder,
    })
}

/// Everything that the extended base follows from.
fn inputs(
    study: &Study,
    wanted: &Wanted<'_>,
    original: &Original<'_>,
    cache: &CacheFolder,
    progress: &Progress,
) -> Result<Value> {
    let mut sources = serde_json::Map::new();
    for name in wanted.sources {
        let source = study.sources.iter().find(|source| source.name == *name);
        let source = source.ok_or_else(|| Error::new(format!("there is no source named {name}")))?;
        let hash = source_fingerprint(source, study.seed, cache, progress).at(format!("sources.{name}"))?;
        // Which of its rows and which of their fields are read changes the texts as well.
        let read = format!("{:?}", (&source.template, &source.reading, &source.languages, source.limit));
        sources.insert(name.clone(), json!({ "content": hash, "read": read }));
    }
    Ok(json!({
        "base": original.hash,
        "tokenizer": original.tokenizer.fingerprint(),
        "seed": study.seed,
        "sources": sources,
        "tokens": wanted.tokens,
    }))
}

fn make(
    study: &Study,
    wanted: &Wanted<'_>,
    original: &Original<'_>,
    from: &str,
    folder: &Path,
    progress: &Progress,
) -> Result<()> {
    let extended = extend_tokenizer(study, wanted.sources, wanted.tokens, &original.tokenizer, progress)
        .at("base.tokenizer.extend")?;
    let partial = files::temporary_beside(folder);
    files::remove_folder(&partial)?;
    let unpacked = folder.with_file_name(".base.original");
    let old = match &original.place {
        Origin::Folder(path) => path.as_path(),
        Origin::BuiltIn(name) => {
            assets::unpack(name, &unpacked)?;
            unpacked.as_path()
        }
    };
    let new = NewRows { first: extended.first as usize, spelled: &extended.spelled };
    let config = extend_vocabulary(old, &partial, new)?;
    files::remove_folder(&unpacked)?;
    extended.tokenizer.save(&partial)?;
    let made = json!({
        "from": from, "base": original.name, "first_new_id": extended.first, "new_pieces": wanted.tokens, "rows": config.vocabulary,
    });
    files::write_json(&partial.join(MADE), &made)?;
    files::rename_folder(&partial, folder)
}
