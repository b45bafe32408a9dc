//! The report from a run folder made by hand: its words, its points, its page, and two runs in one.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::comparison::Comparison;
use super::curves::Curve;
use super::plot::Scale;
use super::*;
use crate::eval::prediction;
use crate::eval::{Likelihood, Prediction};
use crate::train::LogLine;

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"'";

const RECIPE: &str = "
name: small
seed: 3
base: { builtin: tiny-english }
sources:
  words: { builtin: estonian-text, rows: 500 }
pretrain: { tokens: 1M, snapshots: [250K, 1M], batch: 8, mixture: { words: 1 } }
compare:
  limit: 8
  tasks:
    - { task: translation, data: world, from: English, to: Estonian }
    - { task: perplexity, data: world, language: English }
";

fn cell(value: f64, low: f64, high: f64, standing: &str, p: Option<f64>) -> Value {
    json!({ "value": value, "interval": { "low": low, "high": high }, "standing": standing, "p_value": p, "p_holm": p })
}

fn column(task: &str, metric: &str, name: &str, higher: bool, digits: usize) -> Value {
    json!({ "task": task, "metric": metric, "name": name, "unit": "0–100", "higher_is_better": higher, "examples": 50,
            "signature": null, "digits": digits })
}

fn made_of(tokens: u64, adapter: Option<&str>, share: Option<f64>) -> Value {
    let ratio = share.map(|share| json!({ "from": "English", "to": "Estonian", "share": share, "group": "g" }));
    json!({ "on": if tokens == 0 { "base".to_owned() } else { format!("pretrain@{tokens}") }, "pretrain_tokens": tokens,
            "form": if adapter.is_some() { "adapter" } else { "foundation" }, "adapter": adapter, "ratio": ratio })
}

fn comparison() -> Comparison {
    let to_estonian = column("to Estonian", "bleu", "BLEU", true, 1);
    let texts = column("texts", "bits-per-byte", "bits per byte", false, 3);
    let row = |name: &str, made_of: Value, scores: [Value; 2]| json!({ "candidate": name, "made_of": made_of, "scores": scores });
    let value = json!({
        "columns": [to_estonian, texts],
        "tasks": [
            { "task": "to Estonian", "file": "to-estonian", "kind": "translation", "from": "English", "language": "Estonian" },
            { "task": "texts", "file": "texts", "kind": "perplexity", "from": null, "language": "English" },
        ],
        "candidates": [
            row("base", made_of(0, None, None),
                [cell(0.5, 0.1, 0.9, "behind", Some(0.001)), cell(0.4, 0.35, 0.45, "best", None)]),
            row("pretrain@1M", made_of(1_000_000, None, None),
                [cell(5.0, 3.0, 7.0, "behind", Some(0.004)), cell(0.5, 0.46, 0.55, "behind", Some(0.03))]),
            row("even", made_of(1_000_000, Some("even"), Some(0.5)),
                [cell(20.0, 15.0, 25.0, "best", None), cell(0.6, 0.5, 0.7, "behind", Some(0.01))]),
            row("quarter", made_of(1_000_000, Some("quarter"), Some(0.25)),
                [cell(14.0, 9.0, 19.0, "near", Some(0.2)), cell(0.6, 0.5, 0.7, "behind", Some(0.01))]),
        ],
    });
    serde_json::from_value(value).unwrap()
}

#[test]
fn the_summary_says_what_the_numbers_carry() {
    let words = summary::words(&comparison());
    insta::assert_snapshot!(words.lead.join("\n"), @r"
    4 candidates answered 2 tasks, 50 examples each.
    With 1M tokens of pretraining, texts rose from 0.400 to 0.500 bits per byte, 25 % worse (corrected p = 0.030).
    With 50 % instead of 25 % of the translations English→Estonian (even instead of quarter), to Estonian rose from 14.0 to 20.0 BLEU (not shown to differ).
    ");
    let tasks: Vec<String> = words.tasks.iter().map(|(task, text)| format!("{task}: {text}")).collect();
    insta::assert_snapshot!(tasks.join("\n"), @r"
    to Estonian: even is best with 20.0 [15.0, 25.0] BLEU; not shown to be worse: quarter.
    texts: base is best with 0.400 [0.350, 0.450] bits per byte; all others are shown to be worse.
    ");
}

#[test]
fn points_stand_where_their_tokens_and_ratios_are() {
    let comparison = comparison();
    let tokens = series::against_tokens(&comparison, 0);
    let places: Vec<_> = tokens.iter().flat_map(|s| &s.points).map(|p| (p.candidate.as_str(), p.x, p.y)).collect();
    assert_eq!(places, [("base", 0.0, 0.5), ("pretrain@1M", 1e6, 5.0)], "adapters on one foundation have no curve");
    let ratio = series::against_ratio(&comparison, 0);
    let places: Vec<_> = ratio[0].points.iter().map(|p| (p.candidate.as_str(), p.x, p.y)).collect();
    assert_eq!(places, [("quarter", 0.25, 14.0), ("even", 0.5, 20.0)]);
    let names = [ratio[0].name.clone()];
    let frame = plot::Frame {
        x_label: "share",
        title: "BLEU",
        x_text: &|x| format!("{x}"),
        y_text: &|y| format!("{y:.1}"),
        names: &names,
    };
    let svg = plot::plot(&frame, &ratio);
    // From zero, with room above the highest interval: 25 of 26.5 units over 168.
    let y = |value: f64| 180.0 - value / 26.5 * 168.0;
    let line = format!("points=\"64.0,{:.1} 326.0,{:.1}\"", y(14.0), y(20.0));
    assert!(svg.contains(&line), "{line} in {svg}");
    assert!(svg.contains(&format!("M326.0 {:.1}V{:.1}", y(15.0), y(25.0))), "{svg}");
    assert!(svg.contains("<title>even: 0.5, 20.0 [15.0, 25.0]</title>"), "{svg}");
}

#[test]
fn a_knee_is_named_where_the_last_of_four_snapshots_is_surely_better() {
    let of = |width: f64| {
        let mut comparison = comparison();
        let snapshot = comparison.candidates[1].clone();
        comparison.candidates.truncate(1);
        for (tokens, score) in [(1, 2.0), (2, 8.0), (3, 9.0), (4, 10.0)] {
            let mut row = snapshot.clone();
            row.candidate = format!("pretrain@{tokens}");
            let interval = json!({ "low": score - width, "high": score + width });
            row.scores[0] =
                serde_json::from_value(json!({ "value": score, "interval": interval, "standing": "level" })).unwrap();
            row.made_of.as_mut().unwrap().pretrain_tokens = tokens;
            comparison.candidates.push(row);
        }
        series::knee(&comparison, comparison.primary()[0])
    };
    assert_eq!(of(1.0), Some(("pretrain@2".to_owned(), 2.0)));
    assert_eq!(of(5.0), None, "the first and the last may be the same");
}

#[test]
fn ticks_are_round_and_inside() {
    let scale = Scale { low: 0.37, high: 0.81, from: 100.0, to: 0.0 };
    let ticks: Vec<String> = scale.ticks(4).iter().map(|tick| format!("{tick:.1}")).collect();
    assert_eq!(ticks, ["0.4", "0.6", "0.8"]);
    assert_eq!((scale.at(0.37), scale.at(0.81)), (100.0, 0.0));
    assert_eq!(Scale { low: 2.0, high: 2.0, from: 0.0, to: 10.0 }.at(2.0), 5.0);
}

fn lines(job: &str, count: u64) -> Vec<LogLine> {
    let line = |step: u64| LogLine {
        job: job.into(),
        step,
        tokens: step * 100,
        epoch: None,
        loss: 8.0 / (step as f64).sqrt() + if step.is_multiple_of(2) { 0.5 } else { -0.5 },
        gradient_norm: 1.0,
        learning_rate: 1e-3,
        tokens_per_s: 1.0,
        seconds: 1.0,
        evaluation_loss: step.is_multiple_of(1000).then_some(1.0),
    };
    (1..=count).map(line).collect()
}

#[test]
fn a_long_curve_is_thinned_out_and_keeps_its_peaks_and_its_end() {
    let lines = lines("pretrain", 20_000);
    let curve = Curve::of(&lines);
    assert!(curve.raw.len() <= 480 && curve.smooth.len() <= 241, "{} {}", curve.raw.len(), curve.smooth.len());
    let most = |points: &[(f64, f64)]| points.iter().map(|point| point.1).fold(0.0, f64::max);
    assert_eq!(most(&curve.raw), lines.iter().map(|line| line.loss).fold(0.0, f64::max));
    let (tokens, loss) = curve.last().unwrap();
    assert_eq!(tokens, 2_000_000.0);
    assert!((loss - 8.0 / 20_000f64.sqrt()).abs() < 0.01, "up and down cancel: {loss}");
    assert_eq!(curve.held_out.len(), 20);
    assert_eq!(Curve::of(&[]), Curve::default());
}

fn predictions(right: usize) -> Vec<Prediction> {
    let one = |example: usize| Prediction {
        example,
        prompt: format!("translate {example} {HOSTILE}"),
        source: format!("sentence {example} {HOSTILE}"),
        answer: if example < right { format!("üks lause number {example} siin") } else { HOSTILE.to_owned() },
        references: vec![format!("üks lause number {example} siin")],
        read: None,
        likelihoods: Vec::new(),
        gold: None,
        scores: Default::default(),
    };
    (0..8).map(one).collect()
}

fn texts(nats: f64) -> Vec<Prediction> {
    let one = |example: usize| Prediction {
        prompt: String::new(),
        source: String::new(),
        answer: String::new(),
        read: None,
        references: Vec::new(),
        likelihoods: vec![Likelihood::new("a sentence", 3, -nats - example as f64 / 10.0)],
        ..predictions(0).remove(example)
    };
    (0..8).map(one).collect()
}

/// A run folder with two candidates; `right` of the second one's translations are right.
fn run(place: &Path, name: &str, right: usize, tokenizer: &str) -> PathBuf {
    let root = place.join(name);
    for (candidate, right, nats) in [("base", 1, 9.0), ("pretrain@1M", right, 5.0)] {
        let folder = root.join("compare").join(candidate);
        files::make_folder(&folder).unwrap();
        prediction::write(&folder.join("translation-english-estonian-world.jsonl"), &predictions(right)).unwrap();
        prediction::write(&folder.join("text-english-world.jsonl"), &texts(nats)).unwrap();
    }
    files::write(&root.join("recipe.yaml"), RECIPE).unwrap();
    files::write_json(&root.join("lock.json"), &json!({ "origins": { "tokenizer": tokenizer, "base": HOSTILE } }))
        .unwrap();
    let text: Vec<String> = lines("pretrain", 50).iter().map(|line| serde_json::to_string(line).unwrap()).collect();
    files::write(&root.join("log.jsonl"), text.join("\n")).unwrap();
    let mut comparison = serde_json::to_value(comparison()).unwrap();
    let names = ["translation English→Estonian, world", "text English, world"];
    for (number, name) in names.into_iter().enumerate() {
        comparison["columns"][number]["task"] = json!(name);
        comparison["tasks"][number]["task"] = json!(name);
    }
    comparison["tasks"][0]["file"] = json!("translation-english-estonian-world");
    comparison["tasks"][1]["file"] = json!("text-english-world");
    comparison["candidates"].as_array_mut().unwrap().truncate(2);
    files::write_json(&root.join("comparison.json"), &comparison).unwrap();
    root
}

#[test]
fn nothing_from_a_run_becomes_part_of_the_page() {
    let place = tempfile::tempdir().unwrap();
    let root = run(place.path(), "<b>run</b>&", 6, "one");
    let page = files::read_text(&write(&root).unwrap()).unwrap();
    assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains("<b>run"), "all is escaped");
    assert_eq!(page.matches("<script>").count(), 1, "one script that runs");
    assert_eq!(page.matches("<script").count(), page.matches("</script>").count());
    assert!(page.contains("\\u003c/script>\\u003cscript>alert(1)"), "answers are there, as text");
    let at = page.find("id=\"answers-0\">").unwrap() + "id=\"answers-0\">".len();
    let data: Value = serde_json::from_str(page[at..].split("</script>").next().unwrap()).unwrap();
    assert!(data["texts"].as_array().unwrap().iter().any(|text| text == HOSTILE), "and read back as they were");
    for outside in ["http://", "https://", "url(", "@import", " href="] {
        assert!(!page.contains(outside), "{outside} is on the page");
    }
}

#[test]
fn the_policy_names_the_scripts_own_hash() {
    assert_eq!(html::base64(b"light w"), "bGlnaHQgdw==");
    assert_eq!(html::base64(b"light wo"), "bGlnaHQgd28=");
    assert_eq!(html::base64(b"light wor"), "bGlnaHQgd29y");
}

#[test]
fn two_runs_are_one_table_with_the_tests_between_them() {
    let place = tempfile::tempdir().unwrap();
    let runs = [run(place.path(), "a", 1, "one"), run(place.path(), "b", 8, "one")];
    let report = Report::open(&runs).unwrap();
    let names: Vec<&str> = report.comparison.candidates.iter().map(|row| row.candidate.as_str()).collect();
    assert_eq!(names, ["a/base", "a/pretrain@1M", "b/base", "b/pretrain@1M"]);
    assert_eq!(report.notes, Vec::<String>::new());
    let column = &report.comparison.columns[0];
    assert_eq!((column.task.as_str(), column.metric.as_str()), ("translation English→Estonian, world", "bleu"));
    let best = report.comparison.candidates[3].score(0).unwrap();
    assert_eq!((best.value.round(), best.standing), (100.0, crate::eval::table::Standing::Best));
    let other = report.comparison.candidates[1].score(0).unwrap();
    assert!(other.p_value.is_some_and(|p| p < 0.05), "paired with the other run's best: {other:?}");
    let page = report.to_html();
    assert!(page.contains("data-candidate=\"b/pretrain@1M\"") && page.contains("a, b: report"));
}

#[test]
fn what_is_not_the_same_task_is_another_column() {
    let place = tempfile::tempdir().unwrap();
    let runs = [run(place.path(), "a", 1, "one"), run(place.path(), "b", 8, "another")];
    let file = runs[1].join("compare/base/translation-english-estonian-world.jsonl");
    let other: Vec<Prediction> =
        predictions(2).into_iter().map(|it| Prediction { prompt: "other words".into(), ..it }).collect();
    prediction::write(&file, &other).unwrap();
    let report = Report::open(&runs).unwrap();
    let tasks: Vec<String> = report.comparison.primary().iter().map(|(_, column)| column.task.clone()).collect();
    assert_eq!(
        tasks,
        ["translation English→Estonian, world", "text English, world", "translation English→Estonian, world (b)"]
    );
    assert!(report.notes.iter().any(|note| note.contains("of b is a column of its own")), "{:?}", report.notes);
    assert!(report.notes.iter().any(|note| note.contains("different tokenizers")), "{:?}", report.notes);
    assert!(report.comparison.columns.iter().all(|column| column.metric != "perplexity"));
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let error = Report::open(&[place.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("there is no run folder here") && error.contains("runs/quickstart"), "{error}");
}
