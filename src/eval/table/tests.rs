//! The whole table, from predictions to what a person sees.

use std::collections::BTreeMap;

use super::*;
use crate::eval::{Chrf, Language, Likelihood, Metric, Prediction, bootstrap};

fn answers(answers: &[&str], references: &[&str]) -> Vec<Prediction> {
    let prediction = |(example, (answer, reference)): (usize, (&&str, &&str))| Prediction {
        read: None,
        example,
        prompt: "?".into(),
        source: String::new(),
        answer: (*answer).into(),
        references: vec![(*reference).into()],
        likelihoods: Vec::new(),
        gold: None,
        scores: BTreeMap::new(),
    };
    answers.iter().zip(references).enumerate().map(prediction).collect()
}

fn text_of(nats: f64, example: usize) -> Prediction {
    let mut prediction = answers(&[""], &[""]).remove(0);
    prediction.example = example;
    prediction.references.clear();
    prediction.likelihoods = vec![Likelihood::new("kakskümmend tähte on", 5, -nats)];
    prediction
}

fn table() -> Table {
    const REFERENCES: [&str; 8] =
        ["üks maja", "kaks maja", "kolm maja", "neli maja", "viis puud", "kuus puud", "jah", "ei"];
    let translations = |answered: &[&str]| {
        let metrics = [Metric::ExactMatch, Metric::Chrf(Chrf::plus_plus())];
        TaskResult::of("English→Estonian, world", &metrics, &Language::Estonian, 7, answers(answered, &REFERENCES))
    };
    let texts = |base: f64| {
        let predictions = (0..8).map(|i| text_of(base + i as f64, i)).collect();
        TaskResult::of(
            "text, Estonian",
            &[Metric::Perplexity, Metric::BitsPerByte],
            &Language::Estonian,
            7,
            predictions,
        )
    };
    let mut table = Table::new();
    table.add("base", &translations(&["a", "b", "c", "d", "e", "f", "g", "h"]));
    table.add("base", &texts(30.0));
    table.add("ratio-1-1", &translations(&REFERENCES));
    table.add("ratio-1-1", &texts(12.0));
    let nearly = ["üks maja", "kaks maja", "kolm maja", "neli maja", "viis puud", "kuus puud", "jah", "jah"];
    table.add("ratio-1-3", &translations(&nearly));
    table
}

#[test]
fn the_best_is_marked_and_so_is_what_cannot_be_told_from_it() {
    let table = table();
    let columns: Vec<_> = table.columns().collect();
    let standings = |at: usize| -> Vec<_> { columns[at].1.iter().map(|cell| cell.map(|c| c.standing)).collect() };
    use Standing::{Behind, Best, Near};
    assert_eq!(standings(0), [Some(Behind), Some(Best), Some(Near)]);
    assert_eq!(standings(2), [Some(Behind), Some(Best), None], "less perplexity is better");
    assert_eq!(columns[0].1[1].unwrap().value, 100.0);
    assert_eq!(columns[0].1[0].unwrap().interval, Some(bootstrap::share_interval(0.0, 8.0)));
    // Eight of eight against none: of 256 ways to swap them, two differ as much. The tasks' first scores are compared
    // three times.
    let worst = columns[0].1[0].unwrap();
    assert!((worst.p_value.unwrap() - 2.0 / 256.0).abs() < 0.0036, "{worst:?}");
    assert!((worst.p_holm.unwrap() - 3.0 * worst.p_value.unwrap()).abs() < 0.03, "{worst:?}");
    // Mean of the eight texts: 12 + 3.5 nats over 5 tokens.
    assert!((columns[2].1[1].unwrap().value - (15.5f64 / 5.0).exp()).abs() < 1e-9);
}

#[test]
fn a_twin_is_no_second_comparison_and_many_comparisons_get_more_trials() {
    let references: Vec<String> = (0..12).map(|n| format!("vastus {n}")).collect();
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let wrong: Vec<&str> = references.iter().map(|_| "x").collect();
    let result = |answered: &[&str]| {
        TaskResult::of("t", &[Metric::ExactMatch], &Language::English, 1, answers(answered, &references))
    };
    let mut table = Table::new();
    table.add("right", &result(&references));
    for name in ["wrong", "wrong+merged", "wrong again"] {
        table.add(name, &result(&wrong));
    }
    let cells: Vec<Cell> = table.columns().next().unwrap().1.into_iter().flatten().collect();
    assert_eq!(cells[1].p_holm, cells[1].p_value, "one comparison: nothing to correct for");
    assert_eq!((cells[1], cells[2]), (cells[2], cells[3]));
    assert_eq!(table.to_json()["trials"], 10_000);
    // 300 candidates that differ from one another: still some can be told from the best.
    for number in 0..300usize {
        let mut answered = wrong.clone();
        (0..9).filter(|bit| number >> bit & 1 == 1).for_each(|bit| answered[bit] = references[bit]);
        table.add(&format!("{number}"), &result(&answered));
    }
    let cells: Vec<Cell> = table.columns().next().unwrap().1.into_iter().flatten().collect();
    assert!(table.to_json()["trials"].as_u64().unwrap() >= 29_000);
    assert!(cells.iter().all(|cell| cell.p_value.is_none_or(|p| p > 0.0)));
}

#[test]
fn one_score_or_all_equal_scores_have_no_best() {
    let result = TaskResult::of("t", &[Metric::ExactMatch], &Language::English, 1, answers(&["a", "b"], &["a", "a"]));
    let mut table = Table::new();
    table.add("one", &result);
    assert_eq!(table.columns().next().unwrap().1[0].unwrap().standing, Standing::Level);
    table.add("two", &result);
    assert!(table.columns().next().unwrap().1.iter().all(|cell| cell.unwrap().standing == Standing::Level));
}

#[test]
fn a_result_given_again_replaces_the_older_one() {
    let mut table = table();
    let before = table.to_markdown();
    let again = TaskResult::of(
        "English→Estonian, world",
        &[Metric::ExactMatch],
        &Language::Estonian,
        7,
        answers(&["üks maja"], &["üks maja"]),
    );
    table.add("base", &again);
    assert_eq!(table.candidates().len(), 3);
    assert_ne!(table.to_markdown(), before);
}

#[test]
fn markdown_looks_like_this() {
    insta::assert_snapshot!(table().to_markdown());
}

#[test]
fn a_terminal_shows_this_and_plain_text_has_no_colours() {
    let shown = table().to_terminal();
    assert!(shown.contains("\u{1b}["));
    insta::assert_snapshot!(anstream::adapter::strip_str(&shown).to_string());
}

#[test]
fn csv_has_a_line_for_each_score_and_quotes_what_it_must() {
    let csv = table().to_csv();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "candidate,task,metric,value,low,high,unit,higher_is_better,examples,standing,p,p_holm,signature"
    );
    assert_eq!(lines.len(), 1 + 3 + 3 + 2 + 2, "a score that is not there has no line");
    let worst = lines.iter().find(|line| line.starts_with("base,\"English→Estonian, world\",exact-match,0")).unwrap();
    assert!(worst.contains(",behind,0.0"), "{worst}");
    let mut read = ::csv::Reader::from_reader(csv.as_bytes());
    let best = read.records().map(Result::unwrap).find(|record| &record[9] == "best").unwrap();
    assert_eq!((&best[0], &best[3], &best[10]), ("ratio-1-1", "100", ""));
}

#[test]
fn json_holds_numbers_units_and_directions() {
    let json = table().to_json();
    assert_eq!(json["columns"][1]["metric"], "chrf++");
    assert_eq!(json["columns"][2]["higher_is_better"], false);
    assert_eq!(json["candidates"][1]["scores"][0]["standing"], "best");
    assert_eq!(json["candidates"][2]["scores"][2], serde_json::Value::Null);
}
