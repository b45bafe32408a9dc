//! The tasks that come with the program, on the public test sets as they are and a real checkpoint.

use std::fs;

use serde_json::Value;

use crate::real_input::{shared, with_a_longer_context};
use crate::support::{Place, emakeel};

/// Task, the keys beside it, and the names of its scores.
const TASKS: [(&str, &str, &[&str]); 11] = [
    (
        "estcopa",
        "data: eval/estcopa/test.et.jsonl",
        &["accuracy", "accuracy-unnormalised", "accuracy-per-byte", "accuracy-gain"],
    ),
    (
        "copa",
        "data: eval/copa_en/copa-test.xml",
        &["accuracy", "accuracy-unnormalised", "accuracy-per-byte", "accuracy-gain"],
    ),
    ("estqa", "data: eval/estqa/EstQA-test-v1.0.json", &["f1", "exact-match"]),
    (
        "estgec",
        "data: eval/estgec_l2/test/source_gold_test.txt",
        &["max-match-f05", "max-match-precision", "max-match-recall", "edit-f05", "same-text", "chrf"],
    ),
    (
        "flores",
        "data: parallel/flores_sib200/flores_en_et.tsv, from: English, to: Estonian",
        &["bleu", "chrf", "chrf++"],
    ),
    (
        "flores",
        "data: parallel/flores_sib200/flores_en_et.tsv, from: Estonian, to: English",
        &["bleu", "chrf", "chrf++"],
    ),
    (
        "belebele",
        "data: eval/belebele_et/belebele-est_Latn-test.csv",
        &["accuracy", "accuracy-unnormalised", "accuracy-per-byte", "accuracy-gain"],
    ),
    (
        "belebele",
        "data: eval/belebele_et/belebele-est_Latn-test.csv, choose: letter, name: Belebele by letter",
        &["accuracy-written", "readable"],
    ),
    ("mt-bench", "data: eval/mtbench/mt_bench_question.jsonl, max_new_tokens: 12", &["in-language"]),
    ("mt-bench", "data: eval/mtbench/vicuna_question.jsonl, max_new_tokens: 12, name: Vicuna", &["in-language"]),
    (
        "perplexity",
        "data: text_en/wikitext2_test.txt",
        &["bits-per-byte", "perplexity", "perplexity-per-word", "perplexity-per-byte"],
    ),
];

#[test]
fn public_test_sets_are_read_and_scored_as_they_are() {
    let Some(shared) = shared() else { return };
    let place = Place::new();
    let model = with_a_longer_context(&shared, &place);
    let tasks: String = TASKS
        .iter()
        .map(|(task, keys, _)| {
            let keys = keys.replacen("data: ", &format!("data: {}/", shared.display()), 1);
            format!("    - {{ task: {task}, {keys} }}\n")
        })
        .collect();
    let recipe = format!(
        "name: public\nbase: {{ model: {}, tokenizer: {} }}\ncompare:\n  limit: 3\n  template: llammas-chat\n  tasks:\n{tasks}",
        model.display(),
        shared.join("checkpoints/stories260K/tok512.model").display(),
    );
    let recipe = place.write("public.yaml", &recipe);
    let runs = place.path("runs").display().to_string();
    let output = emakeel(&["run", &recipe.display().to_string(), "--json", "--quiet", "--runs", &runs]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let columns = summary["comparison"]["columns"].as_array().expect("columns");
    let found: Vec<&str> = columns.iter().map(|column| column["metric"].as_str().expect("a word")).collect();
    let expected: Vec<&str> = TASKS.iter().flat_map(|(_, _, metrics)| metrics.iter().copied()).collect();
    assert_eq!(found, expected, "{columns:#?}");
    // A conversation has two turns: the second is asked with the answer to the first.
    let answers = fs::read_dir(place.path("runs/public/compare/base")).expect("a folder").flatten();
    let bench = answers
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("mt-bench") && path.extension().is_some_and(|it| it == "jsonl"))
        .expect("answers");
    let text = fs::read_to_string(bench).expect("read");
    let turns: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(turns.len(), 6);
    for pair in turns.chunks(2) {
        let (first, second) = (&pair[0], pair[1]["prompt"].as_str().expect("a prompt"));
        let began = first["prompt"].as_str().expect("a prompt");
        assert!(second.starts_with(began), "{second} goes on from {began}");
        assert!(second.len() > began.len() + first["answer"].as_str().expect("an answer").len(), "{second}");
    }
}
