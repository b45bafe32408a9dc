//! Which rows of a source are left out before training, and why.
//!
//! A row is looked at in two steps, so that the result does not depend on the number of threads:
//! [`Cleaner::examine`] says of a row what follows from the row alone, on any thread; [`Cleaner::decide`] then goes
//! through the rows in their order and drops those that are there already. Every row that goes has a [`Reason`], and
//! [`Cleaner::cleaned`] counts them.
//!
//! | module | concept |
//! |---|---|
//! | `measure` | lengths, letters, repeated lines |
//! | [`language_of`] | which language a text is in |
//! | [`Protected`] | texts that must not be trained on |
//! | `exact`, `near` | rows that are there already |
//! | `words` | words as hashes, without case and punctuation |
//!
//! ```
//! use emakeel::data::clean::{Cleaner, Protected, Reason, Verdict};
//! use emakeel::data::read::Row;
//! use emakeel::recipe::{Clean, Duplicates};
//! let settings = Clean { duplicates: Duplicates::Exact, decontaminate: true, ..Clean::default() };
//! let protected = Protected::of(["Vana tamm seisab keset põldu."]);
//! let mut cleaner = Cleaner::new(&settings, None, &protected)?;
//! let mut verdict = |text: &str| {
//!     let examined = cleaner.examine(&Row::Document(text.to_owned()));
//!     cleaner.decide(&examined)
//! };
//! assert_eq!(verdict("Väljas sajab."), Verdict::Keep);
//! assert_eq!(verdict("Väljas  sajab.\n"), Verdict::Drop(Reason::Duplicate));
//! assert_eq!(verdict("vana tamm seisab keset põldu"), Verdict::Drop(Reason::Contaminated));
//! # Ok::<(), emakeel::error::Error>(())
//! ```

mod exact;
mod identity;
mod language;
mod measure;
mod near;
mod parts;
mod protected;
mod reason;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;

use serde::Serialize;
use whatlang::Lang;

pub use language::language_of;
pub use protected::{Protected, TaskHits};
pub use reason::Reason;

use crate::data::read::Row;
use crate::error::{Error, Result};
use crate::recipe::{Clean, Duplicates, language_named};
use words::Words;

/// A change of it makes what was cleaned before be cleaned anew.
const VERSION: &str = "1";

/// Decides which rows of one source stay.
#[derive(Debug)]
pub struct Cleaner<'p> {
    settings: Clean,
    /// The language of each sentence of a pair; of all text at the first place for other rows.
    languages: Option<[Lang; 2]>,
    protected: Option<&'p Protected>,
    minhash: Option<near::MinHash>,
    seen: exact::Seen,
    kept: near::Kept,
    cleaned: Cleaned,
    marks: Vec<bool>,
}

/// What follows from a row alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    reason: Option<Reason>,
    hits: Vec<u32>,
    hash: Option<u128>,
    signature: Option<Box<[u32]>>,
}

/// Whether a row stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It goes.
    Drop(Reason),
}

/// How many rows stayed and how many went, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Rows that stayed.
    pub kept: u64,
    /// Rows that went; reasons without rows are left out.
    pub dropped: BTreeMap<Reason, u64>,
    /// For each task, how many of its examples were found in the source.
    pub tasks: Vec<TaskHits>,
}

impl<'p> Cleaner<'p> {
    /// A cleaner for one source. `languages` are those of the sentences of its pairs, as the recipe names them.
    ///
    /// # Errors
    /// The language is to be checked and is none that can be told; recipes are checked for that before.
    pub fn new(settings: &Clean, languages: Option<&[String; 2]>, protected: &'p Protected) -> Result<Self> {
        let language = |name: &str| {
            language_named(name).ok_or_else(|| {
                Error::new(format!("no text can be told to be in {name}")).hint("leave language out of clean")
            })
        };
        let languages = match (&settings.language, languages) {
            (None, _) => None,
            (Some(_), Some([first, second])) => Some([language(first)?, language(second)?]),
            (Some(check), None) => {
                let is = check.is.as_ref().ok_or_else(|| Error::new("clean.language does not say which language"))?;
                Some([language(is)?; 2])
            }
        };
        let protected = Some(protected).filter(|protected| settings.decontaminate && !protected.is_empty());
        let minhash = match settings.duplicates {
            Duplicates::Near(near) => Some(near::MinHash::new(near)),
            Duplicates::None | Duplicates::Exact => None,
        };
        Ok(Self {
            settings: settings.clone(),
            languages,
            protected,
            minhash,
            seen: exact::Seen::default(),
            kept: near::Kept::default(),
            cleaned: Cleaned::default(),
            marks: vec![false; protected.map_or(0, Protected::examples)],
        })
    }

    /// What follows from a row alone. The same for the same row, on any thread and in any order.
    pub fn examine(&self, row: &Row) -> Examined {
        let parts = parts::parts(row);
        let pair = matches!(row, Row::Pair(..));
        let words = (self.protected.is_some() || self.minhash.is_some()).then(|| Words::of(parts.iter().copied()));
        let hits = self.protected.zip(words.as_ref()).map(|(protected, words)| protected.hits(words));
        let hits = hits.unwrap_or_default();
        let reason = if hits.is_empty() { self.reason(&parts, pair) } else { Some(Reason::Contaminated) };
        let stays = reason.is_none();
        let hash = (stays && self.settings.duplicates != Duplicates::None).then(|| exact::hash(&parts));
        let minhash = self.minhash.as_ref().filter(|_| stays).zip(words.as_ref());
        let signature = minhash.and_then(|(minhash, words)| minhash.signature(words));
        Examined { reason, hits, hash, signature }
    }

    fn reason(&self, parts: &[&str], pair: bool) -> Option<Reason> {
        measure::reason(&self.settings, parts, pair)
            .or_else(|| self.is_in_another_language(parts, pair).then_some(Reason::OtherLanguage))
    }

    fn is_in_another_language(&self, parts: &[&str], pair: bool) -> bool {
        let Some((check, languages)) = self.settings.language.as_ref().zip(self.languages) else { return false };
        let other = |text: &str, expected| language::is_other(text, expected, check.confidence, check.least);
        match parts {
            [text] => other(text, languages[0]),
            parts if pair => parts.iter().zip(languages).any(|(text, expected)| other(text, expected)),
            parts => other(&parts.join("\n"), languages[0]),
        }
    }

    /// Whether a row stays; to be asked of all rows in their order.
    pub fn decide(&mut self, examined: &Examined) -> Verdict {
        for hit in &examined.hits {
            if let Some(mark) = self.marks.get_mut(*hit as usize) {
                *mark = true;
            }
        }
        match examined.reason.or_else(|| self.is_there_already(examined)) {
            None => {
                self.cleaned.kept += 1;
                Verdict::Keep
            }
            Some(reason) => {
                *self.cleaned.dropped.entry(reason).or_default() += 1;
                Verdict::Drop(reason)
            }
        }
    }

    fn is_there_already(&mut self, examined: &Examined) -> Option<Reason> {
        if examined.hash.is_some_and(|hash| self.seen.again(hash)) {
            return Some(Reason::Duplicate);
        }
        let (minhash, signature) = self.minhash.as_ref().zip(examined.signature.as_deref())?;
        self.kept.again(minhash, signature).then_some(Reason::NearDuplicate)
    }

    /// What was decided so far.
    pub fn cleaned(&self) -> Cleaned {
        let tasks = self.protected.map(|protected| protected.report(&self.marks)).unwrap_or_default();
        Cleaned { tasks, ..self.cleaned.clone() }
    }
}

/// A text that is equal where the same rows stay, for the key of a cache: of the settings, and of the protected texts
/// where the settings ask for them. Empty where every row stays, so that such a cache need not know of cleaning.
pub fn fingerprint(settings: &Clean, protected: &Protected) -> String {
    let texts = if settings.decontaminate && !protected.is_empty() { protected.fingerprint() } else { String::new() };
    let others = Clean { decontaminate: false, ..settings.clone() };
    if texts.is_empty() && others.keeps_everything() {
        return String::new();
    }
    format!("clean {VERSION} {} {texts}", others.fingerprint())
}
