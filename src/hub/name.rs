//! The name of a repository: `owner/name`.

use std::fmt;

use crate::error::{Error, Result};

/// A checked `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    owner: String,
    name: String,
}

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// It is not `owner/name` in letters, digits, `-`, `_` and `.`.
    pub fn new(text: &str) -> Result<Self> {
        let parts = text.split_once('/').filter(|(owner, name)| is_part(owner) && is_part(name));
        let Some((owner, name)) = parts else {
            return Err(Error::new("the name of a repository on the Hub")
                .got(format!("{text:?}"))
                .expected("owner/name in letters, digits, -, _ and ."));
        };
        Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The user or organisation.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The repository's own name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The rule of `huggingface_hub`'s `validate_repo_id`.
fn is_part(part: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let bad_end = |c: Option<char>| c.is_none_or(|c| "-.".contains(c));
    (1..=96).contains(&part.len())
        && part.chars().all(allowed)
        && !bad_end(part.chars().next())
        && !bad_end(part.chars().last())
        && !part.contains("--")
        && !part.contains("..")
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_cache_folder_are_refused() {
        for good in ["uonlp/CulturaX", "a/b", "meta-llama/Llama-2-7b-hf", "A_b/c.d-e_f"] {
            assert_eq!(Name::new(good).unwrap().to_string(), good);
        }
        for bad in ["", "squad", "a/b/c", "../b", "a/..", "a/", "/b", "a b/c", "a/b--c", "-a/b", "a/b.", "a/ü", "a/b?x"]
        {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }
}
