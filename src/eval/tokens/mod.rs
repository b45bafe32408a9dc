//! How BLEU cuts a line into tokens, by sacreBLEU's names: `13a`, `intl`, `char`, `none`, `flores200`.

mod international;
mod western;

use std::path::Path;
use std::sync::Arc;

pub use international::Classes;
pub(super) use western::{tercom, thirteen_a};

use super::words;
use crate::data::tokenizer::Surfaces;
use crate::error::{Error, Result};

/// A way to cut a line into tokens.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Tokens {
    /// `13a`: Western punctuation apart; what most published scores use.
    #[default]
    ThirteenA,
    /// `intl`: punctuation and symbols of all scripts apart.
    International(Arc<Classes>),
    /// `char`: each character.
    Characters,
    /// `none`: what stands between spaces.
    Spaces,
    /// `flores200` and the like: pieces of a SentencePiece model, by the name that the signature has.
    Pieces(String, Arc<Surfaces>),
}

/// The names of tokenizers that need a SentencePiece model.
pub const WITH_MODEL: [&str; 2] = ["flores200", "flores101"];

impl Tokens {
    /// The tokenizer of that name; `model` is the SentencePiece model's file, for those that need one.
    ///
    /// # Errors
    /// There is no such name; a model is missing, cannot be read, or is given where none is needed.
    pub fn named(name: &str, model: Option<&Path>) -> Result<Self> {
        let tokens = match (name, model) {
            ("13a", None) => Self::ThirteenA,
            ("intl", None) => Self::International(Arc::new(Classes::new()?)),
            ("char", None) => Self::Characters,
            ("none", None) => Self::Spaces,
            (name, Some(model)) if WITH_MODEL.contains(&name) => {
                Self::Pieces(name.to_owned(), Arc::new(Surfaces::open(model)?))
            }
            (name, None) if WITH_MODEL.contains(&name) => {
                let error = Error::new(format!("the tokenizer {name} needs a SentencePiece model"));
                return Err(error.hint(
                    "sacreBLEU's is https://tinyurl.com/flores200sacrebleuspm; save it and give its path as the model",
                ));
            }
            ("13a" | "intl" | "char" | "none", Some(_)) => {
                return Err(Error::new(format!("the tokenizer {name} has no model")).hint("leave the model out"));
            }
            _ => return Err(Error::new("the tokenizer").got(name).expected("13a, intl, char, none or flores200")),
        };
        Ok(tokens)
    }

    /// Its name in a signature.
    pub fn name(&self) -> &str {
        match self {
            Self::ThirteenA => "13a",
            Self::International(_) => "intl",
            Self::Characters => "char",
            Self::Spaces => "none",
            Self::Pieces(name, _) => name,
        }
    }

    /// The tokens of a line, with whitespace between them.
    pub(super) fn cut(&self, line: &str) -> String {
        let line = line.trim_end_matches(words::is_space);
        match self {
            Self::ThirteenA => thirteen_a(line),
            Self::International(classes) => classes.tokenize(line),
            Self::Characters => line.chars().flat_map(|c| [c, ' ']).collect(),
            Self::Spaces => line.to_owned(),
            Self::Pieces(_, surfaces) => surfaces.pieces(line).join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_that_needs_a_model_says_so() {
        let error = Tokens::named("flores200", None).unwrap_err().to_string();
        assert!(error.contains("flores200 needs a SentencePiece model") && error.contains("hint: "), "{error}");
        assert!(Tokens::named("13a", Some(Path::new("x"))).is_err());
        assert!(Tokens::named("zh", None).unwrap_err().to_string().contains("is zh, must be 13a, intl"));
        assert_eq!(Tokens::named("char", None).unwrap().cut("a b "), "a   b ");
    }
}
