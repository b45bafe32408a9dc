//! A study that extends its base's vocabulary, from the recipe to adapters that stand on it.

use std::path::Path;

use emakeel::data::Tokenizer;
use emakeel::model::Config;
use serde_json::Value;

use crate::support::{Place, emakeel};

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recipes/more-pieces.yaml");

fn output(arguments: &[&str]) -> String {
    let output = emakeel(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

/// Bits per byte of a candidate in a language, from the comparison.
fn bits(run: &Path, candidate: &str, language: &str) -> f64 {
    let table = json(&run.join("comparison.json"));
    let task = format!("text {language}, world");
    let columns = table["columns"].as_array().expect("columns");
    let column = columns.iter().position(|column| column["task"] == task && column["metric"] == "bits-per-byte");
    let candidates = table["candidates"].as_array().expect("candidates");
    let row = candidates.iter().find(|row| row["candidate"] == candidate).expect("the candidate");
    row["scores"][column.expect("the column")]["value"].as_f64().expect("a number")
}

#[test]
fn a_model_gets_pieces_and_learns_to_use_them() {
    let place = Place::new();
    let runs = place.path("runs");
    let runs = runs.to_str().expect("UTF-8");
    output(&["run", RECIPE, "--quiet", "--runs", runs]);
    let run = Path::new(runs).join("more-pieces");
    let base = run.join("base");
    // One folder holds the base that everything stands on.
    assert_eq!(Config::read(&base).expect("a config").vocabulary, 1324);
    assert_eq!(json(&base.join("made.json"))["first_new_id"], 1024);
    for folder in [base.clone(), run.join("pretrain/snapshots/32768")] {
        assert_eq!(Tokenizer::open(&folder).expect("a tokenizer").vocabulary(), 1324);
    }
    let (before, after) = (bits(&run, "base", "Estonian"), bits(&run, "pretrain@32768", "Estonian"));
    assert!(after < before * 0.9, "{before} → {after}");

    // The same command finds everything done, and the merge and the answers stand on the saved folders.
    let modified = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).expect("a time");
    let weights = base.join("model.safetensors");
    let made = modified(&weights);
    output(&["run", RECIPE, "--quiet", "--runs", runs]);
    assert_eq!(modified(&weights), made);
    let snapshot = run.join("pretrain/snapshots/32768");
    let (snapshot, adapter) = (snapshot.to_str().expect("UTF-8"), run.join("adapters/general"));
    let merged = place.path("merged");
    let (adapter, merged) = (adapter.to_str().expect("UTF-8"), merged.to_str().expect("UTF-8"));
    output(&["merge", snapshot, adapter, "--out", merged]);
    for model in [base.to_str().expect("UTF-8"), merged] {
        output(&["generate", "--model", model, "--max-new-tokens", "4", "Tere"]);
    }

    // Other pieces make another base; the older one is kept.
    let sets = ["--set", "base.tokenizer.extend.tokens=200"];
    let shown = output(&[&["data", RECIPE, "--json", "--quiet", "--runs", runs], sets.as_slice()].concat());
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["vocabulary"]["new_pieces"], 200);
    let estonian = &shown["vocabulary"]["sources"][0];
    assert_eq!(estonian["source"], "estonian");
    let number = |key: &str| estonian[key].as_f64().expect("a number");
    assert!(number("characters_per_token_after") > 1.15 * number("characters_per_token_before"), "{estonian}");
    assert!(number("new_pieces_used") > 150.0, "{estonian}");
    assert!(run.join("replaced/base-1/made.json").exists());
}

#[test]
fn new_pieces_alone_keep_what_a_model_knows() {
    let place = Place::new();
    let run = |name: &str, sets: &[&str]| {
        let runs = place.path(name);
        let always = ["--set", "pretrain=null", "--set", "adapters=null", "--set", "compare.limit=100"];
        let arguments = ["run", RECIPE, "--quiet", "--runs", runs.to_str().expect("UTF-8")];
        output(&[&arguments[..], &always[..], sets].concat());
        bits(&runs.join("more-pieces"), "base", "Estonian")
    };
    let before = run("before", &["--set", "base.tokenizer=null"]);
    let after = run("after", &[]);
    println!("bits per byte of Estonian: {before:.3} as it was, {after:.3} with 300 untrained pieces");
    assert!(before > 0.0 && after.is_finite() && after < 1.5 * before, "{before} → {after}");
}
