//! The tokens of a source: found in the cache, or made and put there.

use super::cache::{CacheFolder, Entry, TokenFile, Unusable, Writer};
use super::key::Recipe;
use super::tokenize::{self, Encoding, Stopped};
use crate::data::Tokenizer;
use crate::data::clean::Cleaner;
use crate::data::read::Rows;
use crate::data::template::translation::Wording;
use crate::error::{Error, Result};
use crate::files;
use crate::progress::{Progress, short_count};
use crate::random;
use crate::recipe::{RowTemplate, Source, SourceOrigin};

/// How often a file that another process removes or damages is made again.
const ATTEMPTS: usize = 3;

/// Opens the tokens of a source, tokenizing it first where that was not done or something changed. Returns the name of
/// its file too.
///
/// One process tokenizes; others that need the same wait and use what it made.
pub(super) fn open(
    recipe: &Recipe<'_>,
    tokenizer: &Tokenizer,
    cache: &CacheFolder,
    progress: &Progress,
) -> Result<(TokenFile, String)> {
    let entry = cache.entry(recipe.key(tokenizer, cache, progress)?);
    let name = &recipe.source.name;
    for _ in 0..ATTEMPTS {
        let mut found = TokenFile::open(&entry)?;
        if found.is_err() {
            let lock = entry.lock(name, progress)?;
            // Another process may have made it while this one waited.
            found = TokenFile::open(&entry)?;
            if let Err(why) = found {
                if why == Unusable::Damaged {
                    progress.say(format!("{}  is damaged and is written anew", entry.tokens().display()));
                }
                if let Err(error) = build(recipe, tokenizer, &entry, progress) {
                    entry.give_up(lock);
                    return Err(error);
                }
                // Only now: what was found damaged must be made anew even if this process is killed before.
                let _ = std::fs::remove_file(entry.damaged());
                found = TokenFile::open(&entry)?;
            }
            drop(lock);
        }
        if let Ok(file) = found {
            entry.used_by(name);
            return Ok((file, entry.name().to_owned()));
        }
    }
    Err(Error::new("the token cache cannot be read back after it was written")
        .at(entry.tokens().display().to_string())
        .hint("is another process changing it, or the disk failing?"))
}

/// Tokenizes the source into the entry's file, which appears whole or not at all.
fn build(recipe: &Recipe<'_>, tokenizer: &Tokenizer, entry: &Entry, progress: &Progress) -> Result<()> {
    let source = recipe.source;
    let at = |error: Error| error.at(format!("source {}", source.name));
    let rows = Rows::open_with(source, recipe.seed, *progress).map_err(at)?;
    let unit = if matches!(source.origin, SourceOrigin::World { .. }) { "rows" } else { "bytes" };
    let mut bar = progress.bar(&source.name, unit, 0, rows.bytes());
    let encoding = Encoding {
        tokenizer,
        template: recipe.template,
        wording: wording(recipe)?,
        files: rows.files().to_vec(),
        told: random::Stream::new(0, "languages told"),
    };
    let cleaner = Cleaner::new(&source.clean, source.languages.as_ref(), recipe.protected).map_err(at)?;
    let (mut bad_row, mut tokens, mut made) = (None, 0, None);
    let written = files::write_with(&entry.tokens(), |out| {
        let mut writer = Writer::new(out, encoding.is_wide(), &entry.sides())?;
        let mut seen = |bytes, so_far| {
            tokens = so_far;
            bar.advance(bytes, format!("{} tokens", short_count(so_far)));
        };
        match tokenize::all(rows, &encoding, cleaner, &mut writer, &mut seen) {
            Ok(more) => made = Some(writer.finish(*entry.key(), more)?),
            Err(Stopped::Disk(error)) => return Err(error),
            Err(Stopped::Row(error)) => {
                bad_row = Some(at(error));
                return Err(std::io::Error::other("a row is bad"));
            }
        }
        Ok(())
    });
    match (bad_row, made) {
        (Some(error), _) => return Err(error),
        (None, Some(stats)) if written.is_ok() => {
            bar.finish(format!("{} rows, {} tokens", stats.rows, short_count(tokens)));
        }
        _ => {}
    }
    written
}

fn wording(recipe: &Recipe<'_>) -> Result<Option<Wording>> {
    wording_of(recipe.source, recipe.forward_share, recipe.seed)
}

/// How the pairs of a source become instructions to translate, if it has pairs.
pub(super) fn wording_of(source: &Source, forward_share: f64, seed: u64) -> Result<Option<Wording>> {
    if source.template != RowTemplate::Translation {
        return Ok(None);
    }
    let languages = source.languages.clone().ok_or_else(|| {
        Error::new(format!("source {} has no languages", source.name))
            .hint("for example: languages: [English, Estonian]")
    })?;
    let stream = random::Stream::new(seed, &format!("translation {}", source.name));
    Ok(Some(Wording::new(languages, forward_share, stream)))
}
