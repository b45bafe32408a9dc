//! A vocabulary of a study's own, from some of its sources before anything else: a new one, or more pieces for an old one.

use std::collections::HashSet;

use serde::Serialize;

use crate::data::Tokenizer;
use crate::data::read::{Row, Rows};
use crate::data::tokenizer::{Extended, MOST_BYTES};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::recipe::{Source, Study};

/// Trains a tokenizer with `vocabulary` pieces on the words of sources, as much of one as of another.
///
/// At most 256 MiB are read, an equal part from each source; the same sources give the same tokenizer.
///
/// # Errors
/// A source does not exist or cannot be read; the vocabulary does not suit the texts.
pub fn train_tokenizer(study: &Study, names: &[String], vocabulary: usize, progress: &Progress) -> Result<Tokenizer> {
    let tokenizer = Tokenizer::train(texts(study, names, progress)?, vocabulary)?;
    progress.say(format!("{:>16}  {vocabulary} pieces from {}", "tokenizer", names.join(", ")));
    Ok(tokenizer)
}

/// Gives a tokenizer `tokens` more pieces from the words of sources, read as [`train_tokenizer`] does.
///
/// # Errors
/// A source does not exist or cannot be read; the texts are too small, or the tokenizer cannot be extended.
pub fn extend_tokenizer(
    study: &Study,
    names: &[String],
    tokens: usize,
    old: &Tokenizer,
    progress: &Progress,
) -> Result<Extended> {
    let extended = old.extend(texts(study, names, progress)?, tokens)?;
    progress.say(format!("{:>16}  {tokens} new pieces from {}", "tokenizer", names.join(", ")));
    Ok(extended)
}

fn texts(study: &Study, names: &[String], progress: &Progress) -> Result<Vec<String>> {
    let mut texts: Vec<String> = Vec::new();
    let share = MOST_BYTES / names.len().max(1);
    for name in names {
        let source = study.sources.iter().find(|source| source.name == *name);
        let source = source.ok_or_else(|| Error::new(format!("there is no source named {name}")))?;
        read(source, study.seed, share, progress, &mut texts).map_err(|error| error.at(format!("source {name}")))?;
    }
    Ok(texts)
}

/// What a source is in tokens of two vocabularies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// The source's name.
    pub source: String,
    /// Characters of a token of the old vocabulary, on average.
    pub characters_per_token_before: f64,
    /// Characters of a token of the new one.
    pub characters_per_token_after: f64,
    /// New pieces that occur.
    pub new_pieces_used: usize,
}

/// Text of a source that is looked at for its [`Spread`].
const LOOKED_AT: usize = 16 << 20;

impl Spread {
    /// Tokenizes the first 16 MiB of a source by both.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn of(source: &Source, seed: u64, before: &Tokenizer, after: &Tokenizer) -> Result<Self> {
        let mut texts = Vec::new();
        read(source, seed, LOOKED_AT, &Progress::silent(), &mut texts)
            .map_err(|error| error.at(format!("source {}", source.name)))?;
        let first = before.vocabulary() as u32;
        let (mut before, mut after) = (before.encoder(), after.encoder());
        let (mut characters, mut old, mut new) = (0, 0, 0);
        let mut used = HashSet::new();
        for text in &texts {
            characters += text.chars().count();
            old += before.encode(text)?.len();
            let ids = after.encode(text)?;
            new += ids.len();
            used.extend(ids.into_iter().filter(|id| *id >= first));
        }
        let per = |tokens: usize| characters as f64 / tokens.max(1) as f64;
        Ok(Self {
            source: source.name.clone(),
            characters_per_token_before: per(old),
            characters_per_token_after: per(new),
            new_pieces_used: used.len(),
        })
    }
}

fn read(source: &Source, seed: u64, share: usize, progress: &Progress, texts: &mut Vec<String>) -> Result<()> {
    let mut left = share;
    for read in Rows::open_with(source, seed, *progress)? {
        let words = match read?.row {
            Row::Document(text) => vec![text],
            Row::Pair(first, second) => vec![first, second],
            Row::Tokens { .. } => {
                return Err(Error::new(format!("source {} is tokenized already", source.name))
                    .hint("a tokenizer is trained on sources of text"));
            }
            Row::Conversation(talk) => talk.turns.into_iter().flat_map(|turn| [turn.text, turn.input]).collect(),
        };
        left = left.saturating_sub(words.iter().map(String::len).sum());
        texts.extend(words.into_iter().filter(|text| !text.is_empty()));
        if left == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Base, BaseOrigin, RowTemplate, SourceOrigin};

    #[test]
    fn a_tokenizer_is_trained_on_the_sources_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let row = "{\"instruction\": \"Kirjuta lause kassist.\", \"input\": \"kass\", \"output\": \"Kass magab.\"}\n";
        std::fs::write(&path, row.repeat(5)).unwrap();
        let source = Source {
            name: "a".into(),
            origin: SourceOrigin::Files(vec![path]),
            template: RowTemplate::Alpaca,
            languages: None,
            reading: crate::recipe::Reading::default(),
            limit: None,
            clean: crate::recipe::Clean::default(),
        };
        let study = Study {
            name: "test".into(),
            seed: 1,
            device: crate::device::DeviceChoice::Cpu,
            base: Base {
                origin: BaseOrigin::BuiltIn("none".into()),
                tokenizer: None,
                dtype: candle_core::DType::F32,
                tf32: false,
            },
            sources: vec![source],
            pretrain: None,
            adapters: Vec::new(),
            compare: None,
        };
        let train = |name: &str| train_tokenizer(&study, &[name.to_owned()], 290, &Progress::silent());
        let tokenizer = train("a").unwrap();
        assert_eq!(tokenizer.vocabulary(), 290);
        assert!(tokenizer.encode("Kass magab.").unwrap().len() < 8);
        assert_eq!(tokenizer.fingerprint(), train("a").unwrap().fingerprint());
        assert!(train("b").unwrap_err().to_string().contains("no source named b"));
    }
}
