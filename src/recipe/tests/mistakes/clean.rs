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
    assert_snapshot!(mistakes_in_clean("duplicates: near, near: { words: 0, similarity: 0.1, hashes: 8 }, characters: { least: 0 }, words: { least: 9, most: 5 }, longest_word: 0, letters: { least: 1.5 }, repeated_lines: { most: -1 }, language: { is: Estonian, confidence: 2, least: 0 }"), @"
    recipe r.yaml:7:59  sources.s.clean.near.words is 0, must be from 1 to 100
      hint: 5 is usual
    recipe r.yaml:7:74  sources.s.clean.near.similarity is 0.1, must be from 0.3 to 1
      hint: 0.8 is usual
    recipe r.yaml:7:87  sources.s.clean.near.hashes is 8, must be from 16 to 1024
      hint: 128 is usual
    recipe r.yaml:7:113  sources.s.clean.characters.least is 0, must be at least 1
    recipe r.yaml:7:143  sources.s.clean.words.most is 5, must be at least 9, the least
    recipe r.yaml:7:162  sources.s.clean.longest_word is 0, must be at least 1
      hint: 40 is usual
    recipe r.yaml:7:183  sources.s.clean.letters.least is 1.5, must be from 0 to 1
      hint: such as letters: { least: 0.6 }
    recipe r.yaml:7:214  sources.s.clean.repeated_lines.most is -1, must be from 0 to 1
      hint: such as repeated_lines: { most: 0.3 }
    recipe r.yaml:7:258  sources.s.clean.language.confidence is 2, must be from 0 to 1
      hint: 0.5 takes few texts for others
    recipe r.yaml:7:268  sources.s.clean.language.least is 0, must be at least 1
      hint: texts of 20 characters are told badly
    ");
    assert_snapshot!(mistakes_in_clean_pairs("English, Estonian", "ratio: { most: 0.5 }, language: 50"), @"
    recipe r.yaml:7:101  sources.s.clean.ratio.most is 0.5, must be at least 1
      hint: such as ratio: { most: 3 }
    recipe r.yaml:7:118  sources.s.clean.language is 50, must be from 0 to 1
      hint: 0.5 takes few texts for others
    ");
}

#[test]
fn a_limit_without_a_number_is_missing_it() {
    assert_snapshot!(mistakes_in_clean("characters: {}, words: {}, letters: {}, repeated_lines: {}, language: {}"), @"
    recipe r.yaml:7:26  sources.s.clean.characters is empty, must be a map with least, most or both
    recipe r.yaml:7:42  sources.s.clean.words is empty, must be a map with least, most or both
    recipe r.yaml:7:53  sources.s.clean.letters.least is missing
      hint: such as letters: { least: 0.6 }
    recipe r.yaml:7:66  sources.s.clean.repeated_lines.most is missing
      hint: such as repeated_lines: { most: 0.3 }
    recipe r.yaml:7:86  sources.s.clean.language.is is missing
      hint: name the language in English, such as language: { is: Estonian }
    ");
    assert_snapshot!(mistakes_in_clean("language: true"), @"
    recipe r.yaml:7:26  sources.s.clean.language.is is missing
      hint: name the language in English, such as language: { is: Estonian }
    ");
    assert_snapshot!(mistakes_in_clean_pairs("English, Estonian", "ratio: {}"), @"
    recipe r.yaml:7:86  sources.s.clean.ratio.most is missing
      hint: such as ratio: { most: 3 }
    ");
}

#[test]
fn keys_that_the_rows_give_no_meaning_are_mistakes() {
    assert_snapshot!(mistakes_in_clean("near: { words: 3 }, ratio: { most: 3 }, untranslated: true"), @"
    recipe r.yaml:7:26  sources.s.clean.near has no effect: it says how duplicates: near works
      hint: take it out
    recipe r.yaml:7:46  sources.s.clean.ratio has no effect: only a source with template: translation has pairs of sentences
      hint: take it out
    recipe r.yaml:7:66  sources.s.clean.untranslated has no effect: only a source with template: translation has pairs of sentences
      hint: take it out
    ");
    assert_snapshot!(mistakes_in_clean_pairs("English, Estonian", "repeated_lines: { most: 0.3 }, language: { is: Estonian }"), @"
    recipe r.yaml:7:86  sources.s.clean.repeated_lines has no effect: only documents, with template: plain, are looked at line by line
      hint: take it out
    recipe r.yaml:7:129  sources.s.clean.language.is has no effect: the source's languages name that of each sentence
      hint: take it out
    ");
}

#[test]
fn a_language_must_be_one_that_can_be_told() {
    assert_snapshot!(mistakes_in_clean("language: { is: Estonain }"), @r#"
    recipe r.yaml:7:42  sources.s.clean.language.is is "Estonain", must be a language that can be told
      hint: did you mean Estonian?
    "#);
    assert_snapshot!(mistakes_in_clean("language: { is: Võro }"), @r#"
    recipe r.yaml:7:42  sources.s.clean.language.is is "Võro", must be a language that can be told
      hint: languages that can be told: Afrikaans, Akan, Amharic, Arabic, Armenian, Azerbaijani, Belarusian, Bengali, Bulgarian, Burmese, Catalan, Chinese, Croatian, Czech, Danish, Dutch, English, Esperanto, Estonian, Finnish, French, Georgian, German, Greek, Gujarati, Hebrew, Hindi, Hungarian, Indonesian, Italian, Japanese, Javanese, Kannada, Khmer, Korean, Latin, Latvian, Lithuanian, Macedonian, Malayalam, Marathi, Nepali, Norwegian, Oriya, Persian, Polish, Portuguese, Punjabi, Romanian, Russian, Serbian, Shona, Sinhalese, Slovak, Slovenian, Spanish, Swedish, Tagalog, Tamil, Telugu, Thai, Turkish, Turkmen, Ukrainian, Urdu, Uzbek, Vietnamese, Welsh, Yiddish, Zulu
    "#);
    assert_snapshot!(mistakes_in_clean_pairs("English, Võro", "language: true"), @"
    recipe r.yaml:7:82  sources.s.clean.language: no text can be told to be in Võro
      hint: languages that can be told: Afrikaans, Akan, Amharic, Arabic, Armenian, Azerbaijani, Belarusian, Bengali, Bulgarian, Burmese, Catalan, Chinese, Croatian, Czech, Danish, Dutch, English, Esperanto, Estonian, Finnish, French, Georgian, German, Greek, Gujarati, Hebrew, Hindi, Hungarian, Indonesian, Italian, Japanese, Javanese, Kannada, Khmer, Korean, Latin, Latvian, Lithuanian, Macedonian, Malayalam, Marathi, Nepali, Norwegian, Oriya, Persian, Polish, Portuguese, Punjabi, Romanian, Russian, Serbian, Shona, Sinhalese, Slovak, Slovenian, Spanish, Swedish, Tagalog, Tamil, Telugu, Thai, Turkish, Turkmen, Ukrainian, Urdu, Uzbek, Vietnamese, Welsh, Yiddish, Zulu
    ");
}

#[test]
fn unknown_keys_and_words_get_the_nearest_as_a_hint() {
    assert_snapshot!(mistakes_in_clean("duplicate: exact, duplicates: exakt, characters: { min: 5 }, language: Estonian, ratio: 3, words: 5"), @r#"
    recipe r.yaml:7:26  unknown key sources.s.clean.duplicate
      hint: did you mean duplicates?
    recipe r.yaml:7:56  sources.s.clean.duplicates is "exakt", must be none, exact or near
      hint: did you mean exact?
    recipe r.yaml:7:77  unknown key sources.s.clean.characters.min
      hint: known keys: least, most
    recipe r.yaml:7:97  sources.s.clean.language is "Estonian", must be true, a confidence such as 0.5, or a map with keys of is, confidence, least
    recipe r.yaml:7:114  sources.s.clean.ratio is 3, must be a map with keys of most
    recipe r.yaml:7:124  sources.s.clean.words is 5, must be a map with keys of least, most
    "#);
}
