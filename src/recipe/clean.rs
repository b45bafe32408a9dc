//! What is taken out of a source before it is trained on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::count::Count;
use super::written;

/// Which rows of a source are left out. The default leaves out none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Clean {
    /// Rows that are there already.
    pub duplicates: Duplicates,
    /// Characters that a row, or each sentence of a pair, may have.
    pub characters: Sizes,
    /// Words, that is what stands between white space, that a row or each sentence of a pair may have.
    pub words: Sizes,
    /// The most that one sentence of a pair may be longer than the other, in characters: at least 1.
    pub ratio: Option<f64>,
    /// The most characters of a word.
    pub longest_word: Option<u64>,
    /// The least share of letters among characters that are not white space, in `[0, 1]`.
    pub letters: Option<f64>,
    /// The largest share of a document's lines that stood in it before, in `[0, 1]`.
    pub repeated_lines: Option<f64>,
    /// Whether pairs whose two sentences are the same go.
    pub untranslated: bool,
    /// The language that texts must be in.
    pub language: Option<LanguageCheck>,
    /// Whether rows that share text with the examples of the study's tasks go.
    pub decontaminate: bool,
}

/// What counts as a row that is there already; the first of those alike stays.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Duplicates {
    /// Nothing: rows alike stay.
    #[default]
    None,
    /// The same characters, but for the amount of white space.
    Exact,
    /// Nearly the same words.
    Near(Near),
}

/// How nearly the same words are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Words that are looked at together.
    pub words: usize,
    /// The share of such groups of words, of those in either row, that both rows have, from which on they are alike.
    pub similarity: f64,
    /// Hashes that the share is estimated from.
    pub hashes: usize,
}

impl Default for Near {
    fn default() -> Self {
        Self { words: 5, similarity: 0.8, hashes: 128 }
    }
}

/// A least and a most, both allowed themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The least that is kept.
    pub least: Option<u64>,
    /// The most that is kept.
    pub most: Option<u64>,
}

/// How the language of a text is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageCheck {
    /// The English name of the language of all rows; `None` for pairs, which have those of their source.
    pub is: Option<String>,
    /// A text goes if it is told to be in another language with at least this confidence, in `[0, 1]`.
    pub confidence: f64,
    /// Texts with fewer characters are not judged, and stay.
    pub least: u64,
}

impl LanguageCheck {
    /// The confidence where the recipe does not say one.
    pub const CONFIDENCE: f64 = 0.5;
    /// The characters where the recipe does not say them.
    pub const LEAST: u64 = 50;
}

/// The word of a recipe for what counts as a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DuplicatesWord {
    /// Rows alike stay.
    None,
    /// The same characters, but for the amount of white space.
    Exact,
    /// Nearly the same words.
    Near,
}

impl Clean {
    /// Whether every row stays, whatever it is.
    pub fn keeps_everything(&self) -> bool {
        *self == Self::default()
    }

    /// A text that is equal for equal settings, and for no others: for keys of caches.
    pub fn fingerprint(&self) -> String {
        super::write::plain(&self.written()).to_string()
    }

    /// As a recipe says it, in full.
    pub(super) fn written(&self) -> written::Clean {
        let (duplicates, near) = match self.duplicates {
            Duplicates::None => (DuplicatesWord::None, None),
            Duplicates::Exact => (DuplicatesWord::Exact, None),
            Duplicates::Near(near) => (DuplicatesWord::Near, Some(near)),
        };
        written::Clean {
            duplicates: Some(duplicates),
            near: near.map(|near| written::Near {
                words: Some(Count(near.words as u64)),
                similarity: Some(near.similarity),
                hashes: Some(Count(near.hashes as u64)),
            }),
            characters: self.characters.written(),
            words: self.words.written(),
            ratio: self.ratio.map(|most| written::Most { most: Some(most) }),
            longest_word: self.longest_word.map(Count),
            letters: self.letters.map(|least| written::Least { least: Some(least) }),
            repeated_lines: self.repeated_lines.map(|most| written::Most { most: Some(most) }),
            untranslated: self.untranslated.then_some(true),
            language: self.language.as_ref().map(|check| {
                written::LanguageWord::Check(written::LanguageCheck {
                    is: check.is.clone(),
                    confidence: Some(check.confidence),
                    least: Some(Count(check.least)),
                })
            }),
            decontaminate: Some(self.decontaminate),
        }
    }
}

impl Sizes {
    fn written(self) -> Option<written::Sizes> {
        (self != Self::default()).then(|| written::Sizes { least: self.least.map(Count), most: self.most.map(Count) })
    }
}
