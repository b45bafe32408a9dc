//! Metrics against sacreBLEU 2.6 and SQuAD's rules, as tests/golden/metrics.py recorded them.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::{Language, bleu, chrf, edits, matching};

/// Same formulas on the same integers; only the last bits of `exp` and `ln` may differ.
const TOLERANCE: f64 = 1e-12;

fn recorded() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.json");
    crate::files::read_json(Path::new(path)).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

fn assert_near(what: &str, got: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (got - expected).abs() <= TOLERANCE * expected.abs().max(1.0),
        "{what}: got {got:?}, sacreBLEU {expected:?}"
    );
}

fn sum_of(rows: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    rows.reduce(|sum, row| sum.iter().zip(&row).map(|(a, b)| a + b).collect()).unwrap()
}

fn assert_corpus(name: &str, examples: &[(String, Vec<String>)], expected: &Value) {
    let counts: Vec<usize> = examples.iter().map(|(_, references)| references.len()).collect();
    let references = Some(counts[0]).filter(|first| counts.iter().all(|count| count == first));
    let bleu_sums = sum_of(examples.iter().map(|(a, r)| bleu::statistics(a, r).to_vec()));
    assert_near(&format!("{name} BLEU"), bleu::score(&bleu_sums), &expected["bleu"]);
    assert_eq!(bleu::signature(references), expected["bleu signature"]);
    for (key, order) in [("chrf", 0), ("chrf++", 2)] {
        let sums = sum_of(examples.iter().map(|(a, r)| chrf::statistics(a, r, order)));
        assert_near(&format!("{name} {key}"), chrf::score(&sums), &expected[key]);
        assert_eq!(chrf::signature(references, order), expected[format!("{key} signature")]);
    }
}

#[test]
fn bleu_and_chrf_equal_sacrebleu_on_odd_texts() {
    let recorded = recorded();
    assert_eq!(recorded["sacrebleu"], "2.6.0");
    let corpora = recorded["corpora"].as_object().unwrap();
    assert!(corpora.len() >= 17);
    for (name, corpus) in corpora {
        let mut examples = Vec::new();
        for (index, example) in corpus["examples"].as_array().unwrap().iter().enumerate() {
            let (answer, references) = (text(&example["answer"]), texts(&example["references"]));
            let what = format!("{name}, example {index}");
            assert_eq!(bleu::tokenize(&answer), text(&example["tokens"]), "{what}");
            let row = bleu::statistics(&answer, &references);
            assert_near(&format!("{what} BLEU"), bleu::sentence_score(&row), &example["bleu"]);
            for (key, order) in [("chrf", 0), ("chrf++", 2)] {
                let row = chrf::statistics(&answer, &references, order);
                assert_near(&format!("{what} {key}"), chrf::score(&row), &example[key]);
            }
            examples.push((answer, references));
        }
        assert_corpus(name, &examples, corpus);
    }
}

#[test]
fn exact_match_and_f1_equal_squad() {
    for example in recorded()["squad"].as_array().unwrap() {
        let (answer, references) = (text(&example["answer"]), texts(&example["references"]));
        let exact = matching::exact_match(&answer, &references, &Language::English);
        assert_near(&format!("{answer:?} exact"), exact, &example["exact"]);
        assert_near(&format!("{answer:?} F1"), matching::f1(&answer, &references, &Language::English), &example["f1"]);
    }
}

#[test]
fn bleu_and_chrf_equal_sacrebleu_on_9000_machine_translations() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    if !shared.exists() {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    }
    for (name, expected) in recorded()["shared"].as_object().unwrap() {
        let lines = |kind: &str| -> Vec<String> {
            let path = shared.join(name).with_extension(kind);
            let text = crate::files::read_text(&path).unwrap();
            text.split('\n').map(str::to_owned).filter(|line| !line.is_empty()).collect()
        };
        let examples: Vec<_> = lines("mt").into_iter().zip(lines("pe").into_iter().map(|pe| vec![pe])).collect();
        assert!(examples.len() >= 1000);
        assert_corpus(name, &examples, expected);
    }
}

proptest! {
    #[test]
    fn a_text_equal_to_its_reference_scores_100(text in "[a-zõäöü.,!?0-9 „“-]{1,60}") {
        let references = [text.clone()];
        let (bleu_row, chrf_row) = (bleu::statistics(&text, &references), chrf::statistics(&text, &references, 2));
        if bleu_row[0] > 0.0 {
            prop_assert!((bleu::sentence_score(&bleu_row) - 100.0).abs() < 1e-9);
            prop_assert!((chrf::score(&chrf_row) - 100.0).abs() < 1e-9);
        }
        prop_assert_eq!(matching::f1(&text, &references, &Language::Estonian), 1.0);
        prop_assert_eq!(matching::exact_match(&text, &references, &Language::English), 1.0);
    }

    #[test]
    fn every_score_stays_in_its_range_and_counts_agree(answer in "\\PC{0,40}", reference in "\\PC{0,40}", source in "\\PC{0,40}") {
        let references = [reference.clone()];
        let row = bleu::statistics(&answer, &references);
        prop_assert!((0.0..=100.0 + 1e-9).contains(&bleu::score(&row)));
        prop_assert!((0..4).all(|n| row[2 + n] <= row[6 + n]), "no more n-grams are right than there are");
        for order in [0, 2] {
            prop_assert!((0.0..=100.0 + 1e-9).contains(&chrf::score(&chrf::statistics(&answer, &references, order))));
        }
        for language in [Language::English, Language::Estonian] {
            let f1 = matching::f1(&answer, &references, &language);
            prop_assert!((0.0..=1.0).contains(&f1));
            prop_assert!(matching::exact_match(&answer, &references, &language) <= f1);
            let back = matching::f1(&reference, std::slice::from_ref(&answer), &language);
            prop_assert!((f1 - back).abs() < 1e-12, "F1 does not depend on which side is the reference");
        }
        let [both, proposed, wanted] = edits::statistics(&source, &answer, &references);
        prop_assert!(both <= proposed.min(wanted));
        let [all, same, _] = edits::statistics(&source, &reference, &references);
        prop_assert_eq!(all, same);
    }

    #[test]
    fn more_references_never_lower_a_score(answer in "[a-d ]{1,30}", first in "[a-d ]{1,30}", second in "[a-d ]{1,30}") {
        let one = [first.clone()];
        let two = [first, second];
        prop_assert!(chrf::score(&chrf::statistics(&answer, &two, 2)) >= chrf::score(&chrf::statistics(&answer, &one, 2)));
        prop_assert!(matching::f1(&answer, &two, &Language::Estonian) >= matching::f1(&answer, &one, &Language::Estonian));
        let (a, b) = (bleu::statistics(&answer, &one), bleu::statistics(&answer, &two));
        prop_assert!((2..6).all(|n| b[n] >= a[n]));
    }
}
