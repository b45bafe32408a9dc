//! What all rows and tests have in common.

mod constructions;
mod unchanged;

use super::lexicon::{self, PEOPLE, TOWNS};
use super::*;
use std::collections::{BTreeMap, HashMap, HashSet};

const ALL: [Language; 3] = [Language::English, Language::Estonian, Language::Finnish];
/// The languages beside English.
const OTHERS: [Language; 2] = [Language::Estonian, Language::Finnish];
/// The generators of text, and of pairs.
const TEXTS: [&str; 3] = ["english-text", "estonian-text", "finnish-text"];
const PAIRS: [&str; 2] = ["translation-pairs", "english-finnish-pairs"];
const ROWS: u64 = 20_000;
const SEED: u64 = 7;

/// Everything that is written in a row, part by part.
fn parts(row: &WorldRow) -> Vec<&str> {
    match row {
        WorldRow::Text(text) => vec![text],
        WorldRow::Instruction { instruction, input, output } => vec![instruction, input, output],
        WorldRow::Pair { english, other } => vec![english, other],
    }
}

/// The sentences of a text.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '?', '\n'])
        .map(|sentence| sentence.trim().trim_start_matches("- "))
        .filter(|it| !it.is_empty())
}

fn training(generator: &str) -> Vec<WorldRow> {
    rows(generator, ROWS, SEED).unwrap()
}

#[test]
fn rows_depend_on_generator_seed_and_index_only() {
    for generator in GENERATORS {
        let few = rows(generator, 50, 3).unwrap();
        assert_eq!(few, rows(generator, 80, 3).unwrap()[..50], "{generator}");
        assert_ne!(few, rows(generator, 50, 4).unwrap(), "{generator}");
    }
    for other in OTHERS {
        assert_eq!(translation_tests(other, 20, 1), translation_tests(other, 30, 1)[..20]);
    }
    let error = rows("german-text", 1, 0).unwrap_err().to_string();
    assert!(error.contains("german-text") && error.contains("estonian-text"), "{error}");
}

#[test]
fn rows_are_mostly_unique_and_never_empty() {
    for generator in GENERATORS {
        let all = training(generator);
        let distinct: HashSet<&WorldRow> = all.iter().collect();
        // Measured 0.78 to 0.96 at 20 000 rows.
        assert!(distinct.len() as f64 > 0.75 * ROWS as f64, "{generator}: {}", distinct.len());
        for row in &all {
            let parts = parts(row);
            let empty =
                parts.iter().enumerate().any(|(index, part)| part.is_empty() && !(parts.len() == 3 && index == 1));
            assert!(!empty, "{row:?}");
            assert!(parts.iter().all(|part| part.trim() == *part && !part.contains("  ")), "{row:?}");
        }
    }
}

#[test]
fn no_test_sentence_is_in_any_training_row() {
    let mut seen: HashSet<String> = HashSet::new();
    let mut whole: HashSet<String> = HashSet::new();
    for generator in GENERATORS {
        for row in training(generator) {
            for part in parts(&row) {
                seen.extend(sentences(part).map(str::to_owned));
                whole.insert(part.to_owned());
            }
            if let WorldRow::Instruction { instruction, input, .. } = &row {
                whole.insert(format!("{instruction}\n{input}"));
            }
        }
    }
    let n = 1000;
    // The seed of the tests does not matter.
    for seed in [SEED, SEED + 1] {
        for test in OTHERS.into_iter().flat_map(|other| translation_tests(other, n, seed)) {
            assert!(!seen.contains(&test.english) && !seen.contains(&test.other), "{test:?}");
        }
        for language in ALL {
            for test in correction_tests(language, n, seed) {
                assert!(!seen.contains(&test.right), "{test:?}");
            }
            for test in answer_tests(language, n, seed) {
                assert!(!whole.contains(&answer_instruction(language, &test).1), "{test:?}");
                assert!(!whole.contains(&test.passage), "{test:?}");
            }
            for test in choice_tests(language, n, seed) {
                // The same sentences may be asked about the other way round.
                for wording in wordings::wordings(test.question.into(), language) {
                    let asked = format!("{wording}\n{}", choice_instruction(language, &test).1);
                    assert!(!whole.contains(&asked), "{test:?}");
                }
            }
            for test in text_tests(language, n, seed) {
                let first = sentences(&test).next().unwrap();
                assert!(!whole.contains(&test) && (first.ends_with('?') || !seen.contains(first)), "{test}");
            }
        }
    }
}

#[test]
fn held_out_pairs_of_cause_and_effect_are_joined_in_no_training_text() {
    for (language, generator) in ALL.into_iter().zip(TEXTS) {
        let (because, so) = match language {
            Language::English => (" because ", ", so "),
            Language::Estonian => (", sest ", ", seepärast "),
            Language::Finnish => (", koska ", ", joten "),
        };
        let joined: Vec<String> = training(generator)
            .iter()
            .flat_map(|row| sentences(parts(row)[0]).map(str::to_owned).collect::<Vec<_>>())
            .filter(|sentence| sentence.contains(because) || sentence.contains(so))
            .collect();
        assert!(joined.len() > 2000);
        let text: HashSet<&str> = joined.iter().map(String::as_str).collect();
        let other = if language == Language::English { Language::Estonian } else { language };
        for test in translation_tests(other, 1000, SEED) {
            let sentence = if language == Language::English { test.english } else { test.other };
            assert!(!text.contains(sentence.as_str()), "{sentence}");
        }
    }
}

#[test]
fn tests_are_as_many_as_asked_for_and_differ() {
    let n = 500;
    for other in OTHERS {
        assert_eq!(translation_tests(other, n, 0).iter().map(|it| &it.other).collect::<HashSet<_>>().len(), n);
    }
    for language in ALL {
        assert_eq!(correction_tests(language, n, 0).iter().map(|it| &it.right).collect::<HashSet<_>>().len(), n);
        assert_eq!(text_tests(language, n, 0).iter().collect::<HashSet<_>>().len(), n);
        let choices = choice_tests(language, n, 0);
        assert_eq!(choices.len(), n);
        let first = choices.iter().filter(|it| it.answer == 0).count();
        let causes = choices.iter().filter(|it| it.question == Question::Cause).count();
        // 250 expected, standard deviation 11; five of them.
        assert!(first.abs_diff(n / 2) < 56 && causes.abs_diff(n / 2) < 56, "{first} {causes}");
        assert!(choices.iter().all(|it| it.choices[0] != it.choices[1] && !it.choices.contains(&it.premise)));
        let answers = answer_tests(language, n, 0);
        assert_eq!(answers.len(), n);
        assert!(answers.iter().all(|it| !it.passage.is_empty() && !it.answers.iter().any(String::is_empty)));
    }
}

#[test]
fn each_sentence_has_one_translation() {
    for (language, generator) in OTHERS.into_iter().zip(PAIRS) {
        let mut other: HashMap<String, String> = HashMap::new();
        let mut english: HashMap<String, String> = HashMap::new();
        let pairs = training(generator).into_iter().filter_map(|row| match row {
            WorldRow::Pair { english, other } => Some((english, other)),
            _ => None,
        });
        let tests = translation_tests(language, 2000, SEED).into_iter().map(|test| (test.english, test.other));
        for (en, it) in pairs.chain(tests).filter(|(en, _)| sentences(en).count() == 1) {
            assert_eq!(other.entry(en.clone()).or_insert_with(|| it.clone()), &it);
            // `ta` and `hän` are he and she, and the person is named in the same sentence.
            assert_eq!(english.entry(it.clone()).or_insert_with(|| en.clone()), &en);
        }
    }
}

#[test]
fn mistakes_are_wrong() {
    for (language, pairs) in ALL.into_iter().zip([PAIRS[0], PAIRS[0], PAIRS[1]]) {
        let mut right = HashSet::new();
        let mut wrong = HashSet::new();
        for test in correction_tests(language, 3000, SEED) {
            if test.wrong != test.right {
                wrong.insert(test.wrong);
            }
            right.insert(test.right);
        }
        for row in training(pairs) {
            let text = parts(&row)[usize::from(language != Language::English)].to_owned();
            right.extend(sentences(&text).map(str::to_owned));
        }
        // Nine of ten have a mistake, but some have no place for it.
        assert!(wrong.len() > 2400, "{}", wrong.len());
        assert!(wrong.is_disjoint(&right), "{:?}", wrong.intersection(&right).next());
    }
}

#[test]
fn the_facts_of_a_seed_are_the_same_in_all_languages() {
    let homes = |generator: &str, verb: &str, form: &dyn Fn(&lexicon::Place) -> &'static str| {
        let mut homes: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
        for row in training(generator) {
            for sentence in sentences(parts(&row)[0]) {
                for person in PEOPLE {
                    let start = format!("{} {verb} ", person.et[0]);
                    let Some(place) = sentence.strip_prefix(&start).and_then(|rest| rest.strip_suffix('.')) else {
                        continue;
                    };
                    homes
                        .entry(person.et[0])
                        .or_default()
                        .extend(TOWNS.iter().filter(|town| form(town) == place).map(|town| town.en[1]));
                }
            }
        }
        homes
    };
    let english = homes("english-text", "lives", &|town| town.en[0]);
    assert_eq!(english, homes("estonian-text", "elab", &|town| town.et[0]));
    assert_eq!(english, homes("finnish-text", "asuu", &|town| town.fi[0]));
    assert!(english.len() == PEOPLE.len() && english.values().all(|towns| towns.len() == 1), "{english:?}");
}

#[test]
fn every_form_of_the_tables_is_written() {
    // Hardly a sentence of the world needs these.
    let estonian = ["nende", "temaga", "nendega", "ühte"];
    let finnish = [
        "kaapista",
        "lintunsa",
        "yhtä",
        "täytyä",
        "täytymään",
        "lehmänsä",
        "sikansa",
        "pöytänsä",
        "tuolinsa",
        "autonsa",
        "polkupyöränsä",
    ];
    let mut written = [HashSet::new(), HashSet::new()];
    for (generator, language) in [
        ("estonian-text", 0),
        ("estonian-instructions", 0),
        ("translation-pairs", 0),
        ("finnish-text", 1),
        ("finnish-instructions", 1),
        ("english-finnish-pairs", 1),
    ] {
        // Some forms are only in the rows about single words.
        for row in rows(generator, if language == 1 { 2 } else { 4 } * ROWS, SEED).unwrap() {
            let words = parts(&row).into_iter().flat_map(|part| part.split([' ', ',', '.', '?', '\n']));
            written[language].extend(words.map(str::to_lowercase));
        }
    }
    for ((language, unused), words) in OTHERS.into_iter().zip([&estonian[..], &finnish]).zip(&written) {
        let missing: Vec<&str> = lexicon::forms(language)
            .into_iter()
            .flat_map(|form| form.split(' '))
            .filter(|form| !words.contains(&form.to_lowercase()) && !unused.contains(form))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

#[test]
fn names_are_large_and_other_words_small() {
    let people = PEOPLE.iter().flat_map(|it| it.et.into_iter().chain(it.fi));
    let names: HashSet<&str> = people.chain(TOWNS.iter().flat_map(|it| it.et.into_iter().chain(it.fi))).collect();
    for (language, letters) in OTHERS.into_iter().zip(["abdefghijklmnoprstuvõäöü", "adeghijklmnoprstuvyäö"]) {
        for form in lexicon::forms(language) {
            assert!(!form.is_empty() && form.trim() == form);
            let large = form.chars().next().is_some_and(char::is_uppercase);
            assert_eq!(large, names.contains(form), "{form}");
            // Foreign names keep their letters, and a bus its own.
            let foreign = large || form.starts_with("buss");
            let usual = |letter: char| letter == ' ' || letters.contains(letter);
            assert!(
                form.to_lowercase().chars().all(|letter| usual(letter) || foreign && "bõü".contains(letter)),
                "{form}"
            );
        }
    }
    for form in lexicon::forms(Language::English) {
        let plain = |letter: char| {
            letter.is_ascii_alphabetic() || letter == ' ' || letter == 'ü' || letter == 'õ' || letter == 'ä'
        };
        assert!(!form.is_empty() && form.trim() == form && form.chars().all(plain), "{form}");
    }
}

#[test]
fn the_world_is_small_and_its_sentences_short() {
    for (language, generator, most) in
        [(Language::English, TEXTS[0], 450), (Language::Estonian, TEXTS[1], 1050), (Language::Finnish, TEXTS[2], 1500)]
    {
        let all = training(generator);
        let mut words: HashSet<String> = HashSet::new();
        let (mut sentence_count, mut word_count) = (0, 0);
        for row in &all {
            let text = parts(row)[0];
            sentence_count += sentences(text).count();
            let each = text.split([' ', ',', '.', '?']).filter(|word| !word.is_empty());
            words.extend(each.inspect(|_| word_count += 1).map(str::to_lowercase));
        }
        let documents = all.len() as f64;
        let (length, size) = (word_count as f64 / sentence_count as f64, sentence_count as f64 / documents);
        assert!((3.5..7.0).contains(&length), "{language:?}: {length} words a sentence");
        assert!((3.0..6.0).contains(&size), "{language:?}: {size} sentences a document");
        assert!(words.len() < most, "{language:?}: {} words", words.len());
    }
}

#[test]
fn instructions_of_all_kinds_come_in_fair_shares() {
    for (generator, wordings) in [
        (
            "english-instructions",
            [
                "Answer the question about the text.",
                "Choose the more likely cause.",
                "Correct the sentence.",
                "Make the sentence negative.",
            ],
        ),
        (
            "estonian-instructions",
            [
                "Vasta küsimusele teksti põhjal.",
                "Vali tõenäolisem põhjus.",
                "Paranda lause.",
                "Pane lause eitavasse kõnesse.",
            ],
        ),
        (
            "finnish-instructions",
            [
                "Vastaa kysymykseen tekstin perusteella.",
                "Valitse todennäköisempi syy.",
                "Korjaa lause.",
                "Muuta lause kielteiseksi.",
            ],
        ),
    ] {
        let all = training(generator);
        for (wording, least) in wordings.into_iter().zip([0.06, 0.02, 0.05, 0.015]) {
            let count = all.iter().filter(|row| parts(row)[0] == wording).count();
            assert!(count as f64 > least * ROWS as f64, "{wording}: {count}");
        }
    }
}

#[test]
fn tests_are_worded_as_in_training() {
    let instructions =
        |generator: &str| training(generator).iter().map(|row| parts(row)[0].to_owned()).collect::<HashSet<_>>();
    let generators = ["english-instructions", "estonian-instructions", "finnish-instructions"];
    for (language, generator) in ALL.into_iter().zip(generators) {
        let known = instructions(generator);
        for test in choice_tests(language, 20, 0) {
            assert!(known.contains(&choice_instruction(language, &test).0));
        }
        assert!(known.contains(&answer_instruction(language, &answer_tests(language, 1, 0)[0]).0));
        assert!(known.contains(&correction_instruction(language, &correction_tests(language, 1, 0)[0]).0));
    }
    assert_eq!(Language::from_name("Estonian").unwrap(), Language::Estonian);
    assert_eq!(Language::from_name("Finnish").unwrap(), Language::Finnish);
    assert!(Language::from_name("Latvian").is_err());
}
