//! `emakeel report`: a run leaves its page, the page is made again, and runs are compared.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::data::well_formed;
use crate::support::{Place, emakeel};

/// A study of a few steps; its name has signs that a page must not obey.
fn study(place: &Place, seed: u64) -> PathBuf {
    place.model("model");
    place.write(
        "et.txt",
        "Mari loeb raamatut ja joob teed.\n\nKass </pre><script>alert(1)</script> magab & 'nurrub'.\n",
    );
    let root = place.root().display();
    place.write(
        &format!("study-{seed}.yaml"),
        &format!(
            "name: study-{seed}\nseed: {seed}\ndevice: cpu\nbase: {{ model: {root}/model }}\nsources:\n  et: {{ path: {root}/et.txt, template: plain }}\n  pairs: {{ builtin: translation-pairs, rows: 60 }}\npretrain: {{ sequence_length: 64, tokens: 512, batch: 2, mixture: {{ et: 1.0 }} }}\nadapters:\n  defaults: {{ on: pretrain, rank: 2, alpha: 4, sequence_length: 128, batch: 2, tokens: 512 }}\n  even: {{ mixture: {{ pairs: {{ weight: 1, ratio: \"1:1\" }} }} }}\n  third: {{ mixture: {{ pairs: {{ weight: 1, ratio: \"1:2\" }} }} }}\ncompare:\n  limit: 6\n  template: plain\n  tasks:\n    - {{ task: translation, data: world, from: English, to: Estonian, max_new_tokens: 4 }}\n    - {{ task: perplexity, data: world, language: English }}\n",
        ),
    )
}

fn run(place: &Place, seed: u64) -> PathBuf {
    let runs = place.path("runs");
    let output =
        emakeel(&["run".into(), study(place, seed), "--runs".into(), runs.clone(), "--quiet".into(), "--json".into()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let folder = runs.join(format!("study-{seed}"));
    assert_eq!(said["report"], folder.join("report.html").display().to_string());
    folder
}

fn without_scripts(page: &str) -> String {
    let mut parts = page.split("<script");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once("</script>").expect("a script ends").1)
}

#[test]
fn a_run_leaves_its_report_and_two_runs_are_compared() {
    let place = Place::new();
    let (first, second) = (run(&place, 1), run(&place, 2));
    let page = fs::read_to_string(first.join("report.html")).expect("a page");
    let tags = well_formed(&without_scripts(&page));
    for wanted in ["table", "svg", "figure", "fieldset", "pre", "dl"] {
        assert!(tags.iter().any(|tag| tag == wanted), "{wanted} is on the page");
    }
    for part in
        ["Scores against the ratio", "Scores against tokens", "Ledger", "Recipe", "Hashes", "default-src 'none'"]
    {
        assert!(page.contains(part), "{part} is on the page");
    }
    let mut table = csv::Reader::from_path(first.join("comparison.csv")).expect("a table");
    let lines: Vec<csv::StringRecord> = table.records().map(|line| line.expect("a line")).collect();
    assert_eq!(lines.len(), 4 * (3 + 4), "four candidates, two tasks of three and four metrics");

    fs::remove_file(first.join("report.html")).expect("removed");
    let again = emakeel(&["report".as_ref(), first.as_os_str(), "--quiet".as_ref()]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(String::from_utf8_lossy(&again.stdout).starts_with("4 candidates answered 2 tasks, 6 examples each."));
    assert_eq!(fs::read_to_string(first.join("report.html")).expect("a page"), page, "the same bytes again");

    let two = place.path("two.html");
    let arguments = ["report".into(), first, second, "--html".into(), two.clone(), "--json".into(), "--quiet".into()];
    let output = emakeel::<PathBuf>(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(said["runs"], serde_json::json!(["study-1", "study-2"]));
    assert_eq!(said["comparison"]["candidates"].as_array().map(Vec::len), Some(8));
    // The world's examples follow from the seed: what is asked is not the same, and the page says so.
    let notes = said["notes"].to_string();
    assert!(notes.contains("of study-2 is a column of its own"), "{notes}");
    well_formed(&without_scripts(&fs::read_to_string(two).expect("a page")));
}

#[test]
fn a_folder_that_is_no_run_is_refused() {
    let place = Place::new();
    let output = emakeel(&["report".as_ref(), place.root().as_os_str()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no run folder here"), "{said}");
    assert_eq!(emakeel(&["report"]).status.code(), Some(2), "a run must be given");
}
