//! Why a row is left out.

use std::fmt;

use serde::Serialize;

/// Why a row is left out. Where several reasons hold, the first of this list is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It shares text with an example of a task of the study.
    Contaminated,
    /// Fewer characters than the least.
    TooFewCharacters,
    /// More characters than the most.
    TooManyCharacters,
    /// Fewer words than the least.
    TooFewWords,
    /// More words than the most.
    TooManyWords,
    /// One sentence of the pair is too much longer than the other.
    Ratio,
    /// A word is longer than the most.
    LongWord,
    /// Too small a share of letters.
    FewLetters,
    /// Too many lines stood in the row before.
    RepeatedLines,
    /// The two sentences of the pair are the same.
    Untranslated,
    /// It is told to be in another language.
    OtherLanguage,
    /// A row before has the same text.
    Duplicate,
    /// A row before has nearly the same words.
    NearDuplicate,
}

impl Reason {
    /// All reasons, in order.
    pub const ALL: [Self; 13] = [
        Self::Contaminated,
        Self::TooFewCharacters,
        Self::TooManyCharacters,
        Self::TooFewWords,
        Self::TooManyWords,
        Self::Ratio,
        Self::LongWord,
        Self::FewLetters,
        Self::RepeatedLines,
        Self::Untranslated,
        Self::OtherLanguage,
        Self::Duplicate,
        Self::NearDuplicate,
    ];

    /// Its name in ledgers: `near-duplicate`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contaminated => "contaminated",
            Self::TooFewCharacters => "too-few-characters",
            Self::TooManyCharacters => "too-many-characters",
            Self::TooFewWords => "too-few-words",
            Self::TooManyWords => "too-many-words",
            Self::Ratio => "ratio",
            Self::LongWord => "long-word",
            Self::FewLetters => "few-letters",
            Self::RepeatedLines => "repeated-lines",
            Self::Untranslated => "untranslated",
            Self::OtherLanguage => "other-language",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near-duplicate",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_are_written_to_files_and_all_are_there() {
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
            assert_eq!(reason as usize, at);
        }
    }
}
