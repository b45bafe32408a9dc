//! The languages that tasks are worded in, and the names by which files call them.

/// A language as a task knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Estonian.
    Estonian,
    /// Finnish.
    Finnish,
    /// Any other, by its English name; its tasks are worded in English.
    Other(String),
}

impl Language {
    /// Reads a name (`Estonian`, `eesti`) or a code (`et`, `est`, `est_Latn`), in any case.
    pub fn named(name: &str) -> Self {
        let name = name.trim();
        let lower = name.to_lowercase().replace('-', "_");
        let known = CODES.into_iter().find(|(_, codes)| codes.contains(&lower.as_str()));
        known.map_or_else(|| Self::Other(name.to_owned()), |(language, _)| language)
    }

    /// The English name.
    pub fn name(&self) -> &str {
        match self {
            Self::English => "English",
            Self::Estonian => "Estonian",
            Self::Finnish => "Finnish",
            Self::Other(name) => name,
        }
    }

    /// Whether a column, a key or a file's extension means this language.
    pub fn is_called(&self, label: &str) -> bool {
        match (self, Self::named(label)) {
            (Self::Other(name), Self::Other(label)) => name.eq_ignore_ascii_case(&label),
            (own, named) => *own == named,
        }
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What each language is called, in small letters.
const CODES: [(Language, &[&str]); 3] = [
    (Language::English, &["en", "eng", "eng_latn", "en_us", "english", "inglise"]),
    (Language::Estonian, &["et", "est", "ekk", "est_latn", "et_ee", "estonian", "eesti"]),
    (Language::Finnish, &["fi", "fin", "fin_latn", "fi_fi", "finnish", "suomi", "soome"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_mean_the_same_language() {
        for label in ["et", "EST", "est_Latn", "Estonian", "et-EE"] {
            assert!(Language::Estonian.is_called(label), "{label}");
        }
        for label in ["fi", "FIN", "fin_Latn", "Finnish", "suomi", "fi-FI"] {
            assert!(Language::Finnish.is_called(label), "{label}");
        }
        assert_eq!(Language::named("eng_Latn"), Language::English);
        assert_eq!(Language::named("Latvian"), Language::Other("Latvian".into()));
        assert!(Language::named("Latvian").is_called("latvian"));
        assert!(!Language::named("Latvian").is_called("et"));
    }
}
