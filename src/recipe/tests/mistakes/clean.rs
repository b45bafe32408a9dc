//! Mistakes in what is taken out of a source.

use insta::assert_snapshot;

use super::super::*;

fn mistakes_in_clean(keys: &str) -> String {
    mistakes_in_source(&format!("path: p, clean: {{ {keys} }}"))
}

fn mistakes_in_clean_pairs(languages: &str, keys: &str) -> String {
    mistakes_in_source(&format!("path: [p, q], template: translation, languages: [{languages}], clean: {{ {keys} }}"))
}

#[test]
fn what_may_be_said_of_any_source_and_of_pairs_is_no_mistake() {
    let shared = "duplicates: near, near: { words: 5, similarity: 0.8, hashes: 128 }, characters: { least: 200, most: 1M }, \
                  words: { least: 3 }, longest_word: 40, letters: { least: 0.6 }, decontaminate: true";
    let single =
        format!("{shared}, repeated_lines: {{ most: 0.3 }}, language: {{ is: estonian, confidence: 0.5, least: 50 }}");
    assert_eq!(mistakes_in_clean(&single), "no mistakes");
    for language in ["true", "false", "0.7", "1", "{ confidence: 0.5 }", "{}"] {
        let pairs = format!("{shared}, ratio: {{ most: 3 }}, untranslated: true, language: {language}");
        assert_eq!(mistakes_in_clean_pairs("English, Estonian", &pairs), "no mistakes", "{language}");
    }
    assert_eq!(mistakes_in_clean_pairs("English, Võro", "language: false"), "no mistakes");
    assert_eq!(mistakes_in_source("builtin: english-text, rows: 5, clean: { duplicates: exact }"), "no mistakes");
}

#[test]
fn numbers_are_in_their_ranges() {
    assert_snapshot!(mistakes_in_clean("duplicates: near, near: { words: 0, similarity: 0.1, hashes: 8 }, characters: { least: 0 }, words: { least: 9, most: 5 }, longest_word: 0, letters: { least: 1.5 }, repeated_lines: { most: -1 }, language: { is: Estonian, confidence: 2, least: 0 }"), @"");
    assert_snapshot!(mistakes_in_clean_pairs("English, Estonian", "ratio: { most: 0.5 }, language: 50"), @"");
}

#[test]
fn a_limit_without_a_number_is_missing_it() {
    assert_snapshot!(mistakes_in_clean("characters: {}, words: {}, letters: {}, repeated_lines: {}, language: {}"), @"");
    assert_snapshot!(mistakes_in_clean("language: true"), @"");
    assert_snapshot!(mistakes_in_clean_pairs("English, Estonian", "ratio: {}"), @"");
}

#[test]
fn keys_that_the_rows_give_no_meaning_are_mistakes() {
    assert_snapshot!(mistakes_in_clean("near: { words: 3 }, ratio: { most: 3 }, untranslated: true"), @"");
    assert_snapshot!(mistakes_in_clean_pairs("English, Estonian", "repeated_lines: { most: 0.3 }, language: { is: Estonian }"), @"");
}

#[test]
fn a_language_must_be_one_that_can_be_told() {
    assert_snapshot!(mistakes_in_clean("language: { is: Estonain }"), @"");
    assert_snapshot!(mistakes_in_clean("language: { is: Võro }"), @"");
    assert_snapshot!(mistakes_in_clean_pairs("English, Võro", "language: true"), @"");
}

#[test]
fn unknown_keys_and_words_get_the_nearest_as_a_hint() {
    assert_snapshot!(mistakes_in_clean("duplicate: exact, duplicates: exakt, characters: { min: 5 }, language: Estonian, ratio: 3, words: 5"), @"");
}
