//! The base form of a word in each language, as it is listed.

use super::super::Language;
use super::{Adjective, Job, Noun, Number};

/// The one of three that is in a language.
fn of(language: Language, [english, estonian, finnish]: [&'static str; 3]) -> &'static str {
    match language {
        Language::English => english,
        Language::Estonian => estonian,
        Language::Finnish => finnish,
    }
}

impl Noun {
    /// `dog`, `koer`, `koira`
    pub(in super::super) fn name(&self, language: Language) -> &'static str {
        of(language, [self.en, self.et[0], self.fi.singular[0]])
    }
}

impl Adjective {
    /// `red`, `punane`, `punainen`
    pub(in super::super) fn name(&self, language: Language) -> &'static str {
        of(language, [self.en, self.et[0], self.fi.forms[0]])
    }
}

impl Job {
    /// `teacher`, `õpetaja`, `opettaja`
    pub(in super::super) fn name(&self, language: Language) -> &'static str {
        of(language, [self.en[0], self.et[0], self.fi[0]])
    }
}

impl Number {
    /// `two`, `kaks`, `kaksi`
    pub(in super::super) fn name(&self, language: Language) -> &'static str {
        of(language, [self.en, self.et[0], self.fi[0]])
    }
}
