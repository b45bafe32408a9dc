//! A tokenizer of its own for a study: trained on some of its sources before anything else.

use crate::data::Tokenizer;
use crate::data::read::{Row, Rows};
use crate::data::tokenizer::MOST_BYTES;
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
    let mut texts: Vec<String> = Vec::new();
    let share = MOST_BYTES / names.len().max(1);
    for name in names {
        let source = study.sources.iter().find(|source| source.name == *name);
        let source = source.ok_or_else(|| Error::new(format!("there is no source named {name}")))?;
        read(source, study.seed, share, &mut texts).map_err(|error| error.at(format!("source {name}")))?;
    }
    let tokenizer = Tokenizer::train(&texts, vocabulary)?;
    progress.say(format!("{:>16}  {vocabulary} pieces from {}", "tokenizer", names.join(", ")));
    Ok(tokenizer)
}

fn read(source: &Source, seed: u64, share: usize, texts: &mut Vec<String>) -> Result<()> {
    let mut left = share;
    for read in Rows::open(source, seed)? {
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
