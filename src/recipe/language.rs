//! The languages that texts can be told to be in, by the English names that recipes use.

use whatlang::Lang;

/// Names that are more usual than those of the library that tells languages.
const USUAL: [(&str, Lang); 3] = [("Norwegian", Lang::Nob), ("Chinese", Lang::Cmn), ("Slovenian", Lang::Slv)];

/// The English name of a language that texts can be told to be in.
pub(crate) fn language_name(language: Lang) -> &'static str {
    let usual = USUAL.iter().find(|(_, other)| *other == language).map(|(name, _)| *name);
    usual.unwrap_or_else(|| language.eng_name())
}

/// The language of that English name, in any case; `None` if no text can be told to be in it.
pub(crate) fn language_named(name: &str) -> Option<Lang> {
    let name = name.trim();
    let named = |language: &Lang| {
        language_name(*language).eq_ignore_ascii_case(name) || language.eng_name().eq_ignore_ascii_case(name)
    };
    Lang::all().iter().find(|language| named(language)).copied()
}

/// The English names of all languages that texts can be told to be in, in alphabetical order.
pub fn told_languages() -> Vec<&'static str> {
    let mut names: Vec<&str> = Lang::all().iter().map(|language| language_name(*language)).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_found_by_its_name_and_no_two_share_one() {
        let names = told_languages();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
        for language in Lang::all() {
            assert_eq!(language_named(language_name(*language)), Some(*language));
        }
        assert_eq!(language_named(" estonian"), Some(Lang::Est));
        assert_eq!(language_named("Bokmal"), language_named("Norwegian"));
        assert_eq!(language_named("Võro"), None);
    }
}
