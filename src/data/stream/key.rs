//! What the tokens of a source depend on, as a hash, and the name of the file that keeps them.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::data::Tokenizer;
use crate::data::world::{self, WorldRow};
use crate::error::Result;
use crate::files;
use crate::progress::Progress;
use crate::recipe::{ChatTemplate, MixturePart, RowTemplate, Source, SourceOrigin, Study};

/// A change of it makes all files written before be written anew.
const VERSION: &str = "1";

/// How the rows of a source become tokens.
#[derive(Debug, Clone)]
pub(super) struct Recipe<'s> {
    pub source: &'s Source,
    pub template: ChatTemplate,
    pub forward_share: f64,
    pub seed: u64,
}

impl<'s> Recipe<'s> {
    pub fn new(study: &Study, source: &'s Source, part: &MixturePart, template: ChatTemplate) -> Self {
        Self { source, template, forward_share: part.forward_share, seed: study.seed }
    }

    /// The file's name. Sources that several runs of training read in several ways have several files.
    pub fn path(&self, folder: &Path) -> PathBuf {
        let template = match self.template {
            ChatTemplate::LlammasChat => "llammas-chat",
            ChatTemplate::Alpaca => "alpaca",
            ChatTemplate::Plain => "plain",
        };
        let name = &self.source.name;
        folder.join(match self.source.template {
            RowTemplate::Plain | RowTemplate::Tokens => format!("{name}.tokens"),
            RowTemplate::Alpaca | RowTemplate::Messages | RowTemplate::PromptCompletion => {
                format!("{name}.{template}.tokens")
            }
            RowTemplate::Translation => format!("{name}.{template}.{:.3}.tokens", self.forward_share),
        })
    }

    /// The hash of everything the tokens depend on.
    pub fn key(&self, tokenizer: &Tokenizer, progress: &Progress) -> Result<[u8; 32]> {
        let source = self.source;
        let content = content(source, self.seed, progress)?;
        let mut written = vec![
            format!("version {VERSION}"),
            format!("tokenizer {}", tokenizer.fingerprint()),
            format!("content {content}"),
            format!("rows {:?} {:?} {:?}", source.template, source.reading, source.limit),
        ];
        if !matches!(source.template, RowTemplate::Plain | RowTemplate::Tokens) {
            written.push(format!("template {:?}", self.template));
        }
        if source.template == RowTemplate::Translation {
            let share = self.forward_share.to_bits();
            written.push(format!("translation {:?} {share:x} {} {:?}", source.languages, self.seed, source.name));
        }
        let hash = files::sha256(written.join("\n"));
        let mut key = [0; 32];
        for (byte, digits) in key.iter_mut().zip(hash.as_bytes().chunks(2)) {
            *byte = std::str::from_utf8(digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok()).unwrap_or(0);
        }
        Ok(key)
    }
}

/// A hash of a source's content, for the lock file: of its files' bytes, or of the rows of the built-in world.
///
/// # Errors
/// A file cannot be read.
pub fn source_fingerprint(source: &Source, seed: u64) -> Result<String> {
    content(source, seed, &Progress::silent())
}

fn content(source: &Source, seed: u64, progress: &Progress) -> Result<String> {
    let paths = match &source.origin {
        SourceOrigin::World { generator, rows } => {
            return world_content(generator, *rows, seed);
        }
        SourceOrigin::Files(paths) => crate::data::read::expanded(paths)?,
    };
    let large = paths.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum::<u64>() > 4 << 30;
    if large {
        progress.say(format!("{:>16}  checking whether its files changed", source.name));
    }
    let hashes = paths.iter().map(|path| files::sha256_of_file(path)).collect::<Result<Vec<_>>>()?;
    Ok(files::sha256(hashes.join("\n")))
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
            WorldRow::Pair { english, estonian } => [english, estonian].iter().for_each(|text| add(text)),
            WorldRow::Instruction { instruction, input, output } => {
                [instruction, input, output].iter().for_each(|text| add(text));
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
