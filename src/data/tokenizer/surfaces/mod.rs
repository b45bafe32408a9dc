//! A SentencePiece model of either type (unigram or BPE) that cuts text into pieces, as texts, not ids: what scores over
//! pieces, such as spBLEU, count.
//!
//! Unlike the tokenizers of models, it normalises text by the model's character map, and keeps what unknown characters
//! look like. Pieces equal SentencePiece's `EncodeAsPieces`.
//!
//! # Source  `unigram_model.cc`, `bpe_model.cc`, `normalizer.cc` and `sentencepiece_processor.cc` of
//! github.com/google/sentencepiece; Kudo 2018, arXiv:1804.10959

mod merges;
mod normalise;
mod unigram;

use std::collections::HashMap;
use std::path::Path;

use super::sentencepiece::{self, NORMAL, USER_DEFINED};
use crate::error::{Error, Place, Result};
use crate::files;
use normalise::Normaliser;

/// A SentencePiece model that gives pieces as texts.
#[derive(PartialEq)]
pub struct Surfaces {
    normaliser: Normaliser,
    pieces: HashMap<Box<str>, Kind>,
    segmentation: Segmentation,
    byte_fallback: bool,
    fingerprint: String,
}

/// What a piece is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Log-probability, or order of merging.
    Scored(f32),
    /// A text that is never cut.
    UserDefined,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Segmentation {
    Unigram(unigram::Unigram),
    Merges,
}

/// One piece of a text, and whether the model knows it.
type Found<'t> = (&'t str, bool);

impl Surfaces {
    /// Reads a model file.
    ///
    /// # Errors
    /// It cannot be read, is no SentencePiece model, or has what is not supported here: types other than unigram and BPE,
    /// spaces after words, spaces that are not escaped, user-defined symbols in a unigram model.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_bytes(&files::read(path)?).at(path.display().to_string())
    }

    /// Reads the content of a model file; see [`Surfaces::open`].
    ///
    /// # Errors
    /// As there.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let model = sentencepiece::decode(bytes)?;
        let trainer = model.trainer.unwrap_or_default();
        let refuse = |what: String| Err(Error::new(format!("the SentencePiece model {what}, which is not supported")));
        if trainer.space_as_suffix() {
            return refuse("puts spaces after words (treat_whitespace_as_suffix)".to_owned());
        }
        let mut pieces = HashMap::with_capacity(model.pieces.len());
        let mut literals = Vec::new();
        for piece in &model.pieces {
            let (text, score) = (piece.text(), piece.score());
            if text.is_empty() || score.is_nan() {
                return Err(Error::new("the SentencePiece model has a piece without text or without a score"));
            }
            match piece.kind.unwrap_or(NORMAL) {
                NORMAL => pieces.insert(Box::from(text), Kind::Scored(score)),
                USER_DEFINED => {
                    literals.push(text.to_owned());
                    pieces.insert(Box::from(text), Kind::UserDefined)
                }
                // Control symbols, the unknown one and bytes are never found in a text; unused ones are not either.
                _ => None,
            };
        }
        if pieces.is_empty() {
            return Err(Error::new("the SentencePiece model has no pieces").hint("is this a tokenizer.model?"));
        }
        let segmentation = match trainer.model_type.unwrap_or(1) {
            // Releases of SentencePiece differ in what such a symbol is worth.
            1 if !literals.is_empty() => return refuse("is of type unigram and has user-defined symbols".to_owned()),
            1 => Segmentation::Unigram(unigram::Unigram::of(&pieces)),
            2 => Segmentation::Merges,
            other => return refuse(format!("is of type {other}, neither unigram nor BPE")),
        };
        let normaliser = Normaliser::new(&model.normalizer.unwrap_or_default(), literals)?;
        let byte_fallback = trainer.byte_fallback();
        Ok(Self { normaliser, pieces, segmentation, byte_fallback, fingerprint: files::sha256(bytes) })
    }

    /// The pieces of a text. Unknown characters that follow each other are one piece.
    pub fn pieces(&self, text: &str) -> Vec<String> {
        let text = self.normaliser.normalise(text);
        let found = match &self.segmentation {
            Segmentation::Unigram(unigram) => unigram.segment(&text, &self.pieces),
            Segmentation::Merges => merges::segment(&text, &self.pieces, &self.normaliser),
        };
        let mut pieces: Vec<String> = Vec::with_capacity(found.len());
        let mut after_unknown = false;
        for (piece, known) in found {
            match pieces.last_mut() {
                _ if !known && self.byte_fallback => {
                    pieces.extend(piece.bytes().map(|byte| format!("<0x{byte:02X}>")));
                }
                Some(last) if !known && after_unknown => last.push_str(piece),
                _ => pieces.push(piece.to_owned()),
            }
            after_unknown = !known && !self.byte_fallback;
        }
        pieces
    }
}

impl std::fmt::Debug for Surfaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Surfaces({} pieces, {})", self.pieces.len(), self.fingerprint)
    }
}

#[cfg(test)]
mod tests;
