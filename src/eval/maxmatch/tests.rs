//! Against the M2 scorer itself, as tests/golden/m2.py recorded it.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn recorded() -> Value {
    crate::files::read_json(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/m2.json"))).unwrap()
}

fn gold_of(example: &Value) -> Gold {
    let edit = |edit: &Value| GoldEdit {
        start: edit[0].as_u64().unwrap() as usize,
        end: edit[1].as_u64().unwrap() as usize,
        corrections: serde_json::from_value(edit[2].clone()).unwrap(),
    };
    let edits = |edits: &Value| edits.as_array().unwrap().iter().map(edit).collect();
    Gold {
        tokens: example["source"].as_str().unwrap().split(' ').map(str::to_owned).collect(),
        annotators: example["annotators"].as_array().unwrap().iter().map(edits).collect(),
        tokenized: true,
    }
}

fn sum(rows: &[Vec<f64>]) -> Vec<f64> {
    (0..WIDTH).map(|at| rows.iter().map(|row| row[at]).sum()).collect()
}

fn assert_scores(what: &str, rows: &[Vec<f64>], expected: &Value) {
    let sums = sum(rows);
    for (got, expected) in [precision(&sums), recall(&sums), f05(&sums)].iter().zip(expected.as_array().unwrap()) {
        assert!((got - expected.as_f64().unwrap()).abs() < 1e-12, "{what}: {got} {expected}");
    }
}

#[test]
fn made_up_corrections_count_as_in_the_m2_scorer() {
    let recorded = recorded();
    let examples = recorded["made up"]["examples"].as_array().unwrap();
    let mut of_annotators = Vec::new();
    for (number, example) in examples.iter().enumerate() {
        let rows = rows_of_annotators(example["answer"].as_str().unwrap(), Some(&gold_of(example)));
        let expected: Vec<[f64; WIDTH]> = serde_json::from_value(example["rows"].clone()).unwrap();
        assert_eq!(rows, expected, "example {number}: {example}");
        of_annotators.push(rows);
    }
    assert!(of_annotators.iter().any(|rows| rows.len() == 3));
    for (group, expected) in of_annotators.chunks(100).zip(recorded["made up"]["groups"].as_array().unwrap()) {
        assert_scores("group", &chosen_in_turn(group), expected);
    }
}

#[test]
fn its_example_files_and_a_system_on_estgec_score_as_in_the_m2_scorer() {
    let shared = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/eval"));
    if !shared.exists() {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    }
    let recorded = recorded();
    assert_eq!(recorded["shared"].as_array().unwrap().len(), 6);
    for file in recorded["shared"].as_array().unwrap() {
        let path = |key: &str| shared.join(file[key].as_str().unwrap());
        let golds = super::super::read::golds(&path("gold")).unwrap();
        let text = crate::files::read_text(&path("output")).unwrap();
        let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
        assert_eq!(lines.len(), golds.len());
        let apart = |line: &str| -> String {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c.is_whitespace();
            line.chars().flat_map(|c| if is_word(c) { vec![c] } else { vec![' ', c, ' '] }).collect()
        };
        let of_annotators: Vec<Vec<[f64; WIDTH]>> = lines
            .iter()
            .zip(&golds)
            .map(|(line, gold)| {
                let gold = Gold { tokenized: true, ..gold.clone() };
                let line = if file["tokenize"] == true { apart(line) } else { (*line).to_owned() };
                rows_of_annotators(&line, Some(&gold))
            })
            .collect();
        assert_scores(file["output"].as_str().unwrap(), &chosen_in_turn(&of_annotators), &file["scores"]);
    }
}

#[test]
fn an_answer_is_cut_like_its_sentence() {
    let edit = GoldEdit { start: 0, end: 1, corrections: vec!["u.".into()] };
    let tokens = ["sõbra(de)", "tuli", "..."].map(str::to_owned).to_vec();
    let gold = Gold { tokens, annotators: vec![vec![edit]], tokenized: false };
    assert_eq!(
        tokens_like("„Ei!“ sõbra(de) u. e-kiri tuli... -- nr.", &gold),
        ["„", "Ei", "!", "“", "sõbra(de)", "u.", "e-kiri", "tuli", "...", "--", "nr", "."]
    );
    assert_eq!(tokens_like("tuli... nr.", &Gold { tokenized: true, ..gold }), ["tuli...", "nr."]);
}

#[test]
fn an_answer_without_anything_in_common_is_counted_in_a_moment() {
    let gold = Gold {
        tokens: (0..60).map(|i| format!("a{i}")).collect(),
        annotators: vec![vec![GoldEdit { start: 3, end: 4, corrections: vec!["b".into()] }]],
        tokenized: true,
    };
    let answer: Vec<String> = (0..250).map(|i| format!("b{i}")).collect();
    let rows = rows_of_annotators(&answer.join(" "), Some(&gold));
    assert_eq!((rows[0][0], rows[0][2]), (0.0, 1.0));
    assert!(rows[0][1] > 0.0);
}

proptest! {
    #[test]
    fn nothing_is_right_more_often_than_it_is_proposed_or_wanted(
        source in prop::collection::vec("[abc]", 0..7),
        answer in prop::collection::vec("[abc]", 0..7),
        edits in prop::collection::vec((0usize..7, 0usize..3, "[abc]?"), 0..4),
    ) {
        let edit = |(start, length, words): (usize, usize, String)| {
            let start = start.min(source.len());
            GoldEdit { start, end: (start + length).min(source.len()), corrections: vec![words] }
        };
        let annotator: Vec<GoldEdit> = edits.into_iter().map(edit).collect();
        let gold = Gold { tokens: source.clone(), annotators: vec![annotator.clone()], tokenized: true };
        let [right, proposed, wanted] = rows_of_annotators(&answer.join(" "), Some(&gold))[0];
        prop_assert!(wanted == annotator.len() as f64 && right <= wanted);
        prop_assert!(proposed > 0.0 || source == answer || annotator.iter().any(|edit| edit.start == edit.end));
        let unchanged = rows_of_annotators(&source.join(" "), Some(&gold))[0];
        prop_assert_eq!(unchanged[1], 0.0);
    }
}
