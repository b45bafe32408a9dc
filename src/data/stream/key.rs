//! What the tokens of a source depend on, as a hash: the name of the file that keeps them.

use sha2::{Digest, Sha256};

use super::cache::CacheFolder;
use super::fingerprint;
use crate::data::Tokenizer;
use crate::data::clean::{self, Protected};
use crate::data::template::Template;
use crate::data::world::{self, WorldRow};
use crate::error::Result;
use crate::files;
use crate::progress::Progress;
use crate::recipe::{MixturePart, RowTemplate, Source, SourceOrigin, Study};

/// A change of it makes all files written before be written anew.
const VERSION: &str = "3";

/// How the rows of a source become tokens.
#[derive(Debug, Clone)]
pub(super) struct Recipe<'s> {
    pub source: &'s Source,
    pub template: &'s Template,
    pub forward_share: f64,
    pub seed: u64,
    pub protected: &'s Protected,
}

impl<'s> Recipe<'s> {
    pub fn new(
        study: &Study,
        source: &'s Source,
        part: &MixturePart,
        template: &'s Template,
        protected: &'s Protected,
    ) -> Self {
        Self { source, template, forward_share: part.forward_share, seed: study.seed, protected }
    }

    /// The hash of everything the tokens depend on.
    pub fn key(&self, tokenizer: &Tokenizer, cache: &CacheFolder, progress: &Progress) -> Result<[u8; 32]> {
        let source = self.source;
        let content = source_fingerprint(source, self.seed, cache, progress)?;
        let mut written = vec![
            format!("version {VERSION}"),
            format!("tokenizer {}", tokenizer.fingerprint()),
            format!("content {content}"),
            format!("rows {:?} {:?} {:?}", source.template, source.reading, source.limit),
        ];
        if !matches!(source.template, RowTemplate::Plain | RowTemplate::Tokens) {
            written.push(format!("template {}", self.template.fingerprint()));
        }
        if source.template == RowTemplate::Translation {
            let share = self.forward_share.to_bits();
            written.push(format!("translation {:?} {share:x} {} {:?}", source.languages, self.seed, source.name));
        }
        let cleaned = clean::fingerprint(&source.clean, self.protected);
        if !cleaned.is_empty() {
            written.push(cleaned);
        }
        let hash = files::sha256(written.join("\n"));
        let mut key = [0; 32];
        for (byte, digits) in key.iter_mut().zip(hash.as_bytes().chunks(2)) {
            *byte = std::str::from_utf8(digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok()).unwrap_or(0);
        }
        Ok(key)
    }
}

/// A hash of a source's content, for the lock file: of its files' bytes, or of the rows of the built-in world. The hashes
/// of files that did not change are remembered in the cache.
///
/// # Errors
/// A file cannot be read.
pub fn source_fingerprint(source: &Source, seed: u64, cache: &CacheFolder, progress: &Progress) -> Result<String> {
    match &source.origin {
        SourceOrigin::World { generator, rows } => world_content(generator, *rows, seed),
        SourceOrigin::Files(paths) => {
            let paths = crate::data::read::expanded(paths)?;
            Ok(files::sha256(fingerprint::hashes(&source.name, &paths, cache, progress)?.join("\n")))
        }
        SourceOrigin::Hub(dataset) => Ok(crate::data::read::hub::open(dataset)?.fingerprint()),
    }
}

/// Of the rows themselves, so that a program whose world has changed does not go on with the rows of an older one.
fn world_content(generator: &str, rows: u64, seed: u64) -> Result<String> {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    for row in world::rows(generator, rows, seed)? {
        match row {
            WorldRow::Text(text) => add(&text),
            WorldRow::Pair { english, other } => [english, other].iter().for_each(|text| add(text)),
            WorldRow::Instruction { instruction, input, output } => {
                [instruction, input, output].iter().for_each(|text| add(text));
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
