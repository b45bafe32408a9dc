//! Metrics against sacreBLEU 2.6 and SQuAD's rules: as tests/golden/metrics.py recorded them, and asked now.

mod live;
mod properties;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Bleu, Chrf, Language, Smoothing, Ter, Tokens, matching};

/// Same formulas on the same integers; only the last bits of `exp` and `ln` may differ.
const TOLERANCE: f64 = 1e-12;

/// An example: an answer and its references.
type Example = (String, Vec<String>);

/// One of sacreBLEU's metrics with some options.
enum Variant {
    Bleu(Bleu),
    Chrf(Chrf),
    Ter(Ter),
}

impl Variant {
    /// What tests/golden/metrics.py calls by this name.
    fn named(name: &str) -> Self {
        let mut words = name.split(' ');
        let metric = words.next().unwrap();
        let words: Vec<&str> = words.collect();
        let has = |word: &str| words.contains(&word);
        let value = |default: f64| words.iter().find_map(|word| word.parse().ok()).unwrap_or(default);
        if metric == "ter" {
            return Self::Ter(Ter {
                normalized: has("normalized"),
                no_punct: has("no-punct"),
                asian_support: has("asian"),
                case_sensitive: has("case"),
            });
        }
        if metric.starts_with("chrf") {
            return Self::Chrf(Chrf {
                word_order: if metric == "chrf++" { 2 } else { 0 },
                lowercase: has("lc"),
                whitespace: has("space"),
                smoothing: has("eps"),
            });
        }
        let smoothing = match () {
            () if has("floor") => Smoothing::Floor(value(0.1)),
            () if has("add-k") => Smoothing::AddK(value(1.0)),
            () if has("smooth") => Smoothing::None,
            () => Smoothing::Exponential,
        };
        let plain = if has("none") && !has("smooth") { "none" } else { "13a" };
        let tokens = ["intl", "char"].into_iter().find(|tokens| has(tokens)).unwrap_or(plain);
        static INTERNATIONAL: std::sync::LazyLock<Tokens> =
            std::sync::LazyLock::new(|| Tokens::named("intl", None).unwrap());
        let tokens = if tokens == "intl" { INTERNATIONAL.clone() } else { Tokens::named(tokens, None).unwrap() };
        Self::Bleu(Bleu { tokens, smoothing, lowercase: has("lc"), effective_order: has("effective") })
    }

    fn row(&self, (answer, references): &Example) -> Vec<f64> {
        match self {
            Self::Bleu(bleu) => bleu.statistics(answer, references).to_vec(),
            Self::Chrf(chrf) => chrf.statistics(answer, references),
            Self::Ter(ter) => ter.statistics(answer, references).to_vec(),
        }
    }

    fn score(&self, sums: &[f64]) -> f64 {
        match self {
            Self::Bleu(bleu) => bleu.score(sums),
            Self::Chrf(chrf) => chrf.score(sums),
            Self::Ter(ter) => ter.score(sums),
        }
    }

    fn sentence_score(&self, row: &[f64]) -> f64 {
        match self {
            Self::Bleu(bleu) => bleu.sentence_score(row),
            _ => self.score(row),
        }
    }

    fn corpus_score(&self, examples: &[Example]) -> f64 {
        use rayon::prelude::*;
        let rows: Vec<Vec<f64>> = examples.par_iter().map(|example| self.row(example)).collect();
        let sum = rows.into_iter().reduce(|sum, row| sum.iter().zip(&row).map(|(a, b)| a + b).collect());
        self.score(&sum.unwrap())
    }

    fn signature(&self, examples: &[Example]) -> String {
        let counts: Vec<usize> = examples.iter().map(|(_, references)| references.len()).collect();
        let references = Some(counts[0]).filter(|first| counts.iter().all(|count| count == first));
        match self {
            Self::Bleu(bleu) => bleu.signature(references),
            Self::Chrf(chrf) => chrf.signature(references),
            Self::Ter(ter) => ter.signature(references),
        }
    }
}

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

/// Holds each variant to `[score, signature]`; returns how many there are.
fn assert_corpus(name: &str, examples: &[Example], expected: &Value) -> usize {
    let expected = expected.as_object().unwrap();
    for (variant, expected) in expected {
        let metric = Variant::named(variant);
        assert_near(&format!("{name}, {variant}"), metric.corpus_score(examples), &expected[0]);
        assert_eq!(metric.signature(examples), expected[1], "{name}, {variant}");
    }
    expected.len()
}

/// A folder of the shared data; `None`, with a loud word, if it is not there.
fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("SKIPPED: ../shared is absent");
    None
}

fn lines(path: &Path) -> Vec<String> {
    let text = crate::files::read_text(path).unwrap();
    text.replace("\r\n", "\n").trim_end_matches('\n').split('\n').map(str::to_owned).collect()
}

#[test]
fn every_variant_equals_sacrebleu_on_odd_texts() {
    let recorded = recorded();
    assert_eq!(recorded["sacrebleu"], "2.6.0");
    let corpora = recorded["corpora"].as_object().unwrap();
    assert!(corpora.len() >= 19);
    for (name, corpus) in corpora {
        let mut examples = Vec::new();
        for (index, example) in corpus["examples"].as_array().unwrap().iter().enumerate() {
            let (answer, references) = (text(&example["answer"]), texts(&example["references"]));
            let what = format!("{name}, example {index}");
            assert_eq!(super::tokens::thirteen_a(&answer), text(&example["tokens"]), "{what}");
            examples.push((answer, references));
            for variant in ["bleu", "chrf", "chrf++", "ter"] {
                let metric = Variant::named(variant);
                let score = metric.sentence_score(&metric.row(&examples[index]));
                assert_near(&format!("{what} {variant}"), score, &example[variant]);
            }
        }
        assert_eq!(assert_corpus(name, &examples, &corpus["scores"]), 22);
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
fn metrics_equal_sacrebleu_on_9000_machine_translations() {
    let Some(shared) = shared("") else { return };
    for (name, expected) in recorded()["shared"].as_object().unwrap() {
        let [answers, references] = ["mt", "pe"].map(|kind| lines(&shared.join(name).with_extension(kind)));
        let examples: Vec<_> = answers.into_iter().zip(references.into_iter().map(|line| vec![line])).collect();
        assert!(examples.len() >= 1000);
        assert!(assert_corpus(name, &examples, expected) >= 4);
    }
}
