//! YAML text → what was written → a [`Study`].
//!
//! A recipe is read in three steps, each of which knows where in the text everything is:
//!
//! 1. `yaml`: the text as a tree in which each key and value has its line and column; `set` changes it from the
//!    command line.
//! 2. `written`: the tree as the keys that a recipe may have. `read` reports every unknown key and every value of
//!    the wrong kind, not only the first.
//! 3. `resolve`: a [`Study`], in which every default is filled and every name resolved. It, too, reports every mistake
//!    before anything runs.
//!
//! ```
//! use emakeel::recipe::Recipe;
//! let text = "
//! name: first
//! base: { builtin: tiny-english }
//! sources:
//!   words: { builtin: estonian-text, rows: 500 }
//! pretrain: { tokens: 1M, batch: 8, mixture: { words: 1 } }
//! ";
//! let recipe = Recipe::parse(text, "first.yaml", &["pretrain.batch=16".to_owned()])?;
//! assert_eq!(recipe.study.pretrain.map(|pretrain| pretrain.training.batch), Some(16));
//!
//! let mistaken = Recipe::parse(&text.replace("1M, batch", "1M, btach"), "first.yaml", &[]);
//! assert_eq!(
//!     mistaken.map(|_| ()).map_err(|error| error.to_string()),
//!     Err("recipe first.yaml:6:25  unknown key pretrain.btach\n  hint: did you mean batch?".to_owned())
//! );
//! # Ok::<(), emakeel::error::Error>(())
//! ```

mod clean;
mod count;
mod deserializer;
mod inputs;
mod judge;
mod language;
mod method;
mod mismatch;
mod names;
mod nearest;
mod node;
mod places;
mod ratios;
mod read;
mod reading;
mod resolve;
mod schema;
mod set;
mod shapes;
pub mod study;
pub mod task;
mod task_files;
mod template;
mod training;
mod write;
mod written;
mod yaml;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use clean::{Clean, Duplicates, LanguageCheck, Near, Sizes};
pub use count::Count;
pub use inputs::Stage;
pub use language::told_languages;
pub(crate) use language::{language_name, language_named};
pub use places::Places;
pub use schema::schema;
pub use study::*;
pub use task::*;
pub use task_files::TASKS;

use crate::error::{Error, Result};
use places::Findings;

/// A recipe without mistakes.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The text as written.
    pub text: String,
    /// What it means.
    pub study: Study,
    /// What is published when that is asked for.
    pub publish: Option<Publish>,
    /// Where each key is, for mistakes that only show later: a file that is not there.
    pub places: Places,
}

impl Recipe {
    /// Reads a recipe from a file and changes it by the arguments of `--set`.
    ///
    /// # Errors
    /// The file cannot be read; or all mistakes of the recipe at once, each with its line and column.
    pub fn open(path: impl AsRef<Path>, sets: &[String]) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::io(path, "read the recipe", &source))?;
        let file = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|source| {
            let good = source.utf8_error().valid_up_to();
            let line = source.as_bytes().iter().take(good).filter(|&&byte| byte == b'\n').count();
            Error::new("the recipe is not UTF-8 text").at(format!("recipe {file}:{}", line + 1))
        })?;
        Self::parse(&text, &file, sets)
    }

    /// Reads a recipe from its text; `file` is its name in messages.
    ///
    /// # Errors
    /// All mistakes of the recipe at once, each with its line and column.
    pub fn parse(text: &str, file: &str, sets: &[String]) -> Result<Self> {
        let (mut tree, duplicates) = yaml::read(text, file)?;
        let wrong_sets = sets.iter().filter_map(|set| set::apply(&mut tree, set).err()).collect();
        if let Some(error) = Error::all(wrong_sets) {
            return Err(error);
        }
        let mut refused = task_files::take_in(&mut tree);
        refused.extend(ratios::expand(&mut tree));
        let places = Places::of_tree(&tree, file);
        let mut findings = Findings::new(&places);
        findings.refuse(refused);
        for duplicate in duplicates {
            let error = Error::new(format!("{} is there twice", duplicate.key));
            let first = duplicate.first.in_file(file);
            findings.report_at(duplicate.again, error.hint(format!("the first is at {first}; keep one of them")));
        }
        let resolved = read::read(tree, &mut findings).map(|written| resolve::resolve(&written, &mut findings));
        match (findings.into_error(), resolved) {
            (None, Some((study, publish))) => Ok(Self { text: text.to_owned(), study, publish, places }),
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::new("the recipe cannot be read").at(format!("recipe {file}"))),
        }
    }

    /// The recipe with every default written out, as YAML; read again, it means the same study.
    ///
    /// # Errors
    /// None that a recipe can cause: a text that YAML cannot hold.
    pub fn resolved_yaml(&self) -> Result<String> {
        write::yaml(&self.study, self.publish.as_ref())
    }
}
