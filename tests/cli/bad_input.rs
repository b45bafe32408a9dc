//! Everything that can be wrong with what a person gives: an error that names it, exit code 1, nothing lost.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Place, SmallDisk, emakeel};

/// A study on files, all of them right; each test breaks one thing.
fn study(place: &Place) -> PathBuf {
    place.model("model");
    place.write("et.txt", "Kass magab laua all.\n\nKoer jookseb metsas.\n\nMari loeb raamatut.\n");
    place.write("rows.json", r#"[{"instruction": "Tõlgi: cat", "input": "", "output": "kass"}]"#);
    place.write(
        "study.yaml",
        &format!(
            "name: broken\nseed: 1\ndevice: cpu\nbase: {{ model: {root}/model }}\nsources:\n  et: {{ path: {root}/et.txt, template: plain }}\n  rows: {{ path: {root}/rows.json, template: alpaca }}\npretrain: {{ sequence_length: 16, tokens: 64, batch: 2, mixture: {{ et: 1.0 }} }}\nadapters:\n  general: {{ on: pretrain, rank: 2, alpha: 4, sequence_length: 64, batch: 1, tokens: 128, mixture: {{ rows: 1.0 }} }}\n",
            root = place.root().display()
        ),
    )
}

/// Runs the study and returns what it said; it must fail with exit code 1.
fn refused(place: &Place, sets: &[&str]) -> String {
    let recipe = study_path(place);
    let mut arguments = vec!["run".to_owned(), recipe.display().to_string(), "--quiet".to_owned()];
    arguments.extend(["--runs".to_owned(), place.path("runs").display().to_string()]);
    arguments.extend(sets.iter().flat_map(|set| ["--set".to_owned(), (*set).to_owned()]));
    let output = emakeel(&arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "nothing on standard output");
    assert!(said.starts_with("error: "), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn study_path(place: &Place) -> PathBuf {
    place.path("study.yaml")
}

#[track_caller]
fn says(said: &str, wanted: &[&str]) {
    for words in wanted {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
}

fn weights(place: &Place) -> PathBuf {
    place.path("model/model.safetensors")
}

fn edit_config(place: &Place, from: &str, to: &str) {
    let path = place.path("model/config.json");
    let text = fs::read_to_string(&path).expect("a config");
    assert!(text.contains(from), "{from} is in the config: {text}");
    fs::write(&path, text.replace(from, to)).expect("written");
}

#[test]
fn weights_that_are_missing() {
    let place = Place::new();
    study(&place);
    fs::remove_file(weights(&place)).expect("removed");
    says(&refused(&place, &[]), &["model.safetensors", "hint:"]);
}

#[test]
fn weights_cut_short() {
    let place = Place::new();
    study(&place);
    let bytes = fs::read(weights(&place)).expect("weights");
    fs::write(weights(&place), &bytes[..bytes.len() / 2]).expect("written");
    says(&refused(&place, &[]), &["model.safetensors", "hint:"]);
}

#[test]
fn weights_that_are_no_safetensors() {
    let place = Place::new();
    study(&place);
    fs::write(weights(&place), b"<html>404</html>").expect("written");
    says(&refused(&place, &[]), &["model.safetensors", "hint:"]);
}

#[test]
fn a_header_that_lies_about_sizes() {
    let place = Place::new();
    study(&place);
    let mut bytes = fs::read(weights(&place)).expect("weights");
    bytes[..8].copy_from_slice(&(u64::MAX / 2).to_le_bytes());
    fs::write(weights(&place), &bytes).expect("written");
    says(&refused(&place, &[]), &["model.safetensors", "header"]);
}

#[test]
fn a_config_that_disagrees_with_the_weights() {
    let place = Place::new();
    study(&place);
    edit_config(&place, "\"intermediate_size\": 48", "\"intermediate_size\": 64");
    says(&refused(&place, &[]), &["mlp.", "[48, 32]", "[64, 32]"]);
}

#[test]
fn an_unknown_architecture() {
    let place = Place::new();
    study(&place);
    edit_config(&place, "LlamaForCausalLM", "MambaForCausalLM");
    says(&refused(&place, &[]), &["config.json", "MambaForCausalLM", "LlamaForCausalLM"]);
}

#[test]
fn a_tokenizer_larger_than_the_embedding() {
    let place = Place::new();
    study(&place);
    place.tokenizer("big", 304);
    let set = format!("base.tokenizer={}", place.path("big").display());
    says(&refused(&place, &[&set]), &["vocabulary"]);
}

#[test]
fn text_that_is_not_utf8_names_its_line() {
    let place = Place::new();
    study(&place);
    fs::write(place.path("et.txt"), b"Kass magab.\n\nKoer \xff jookseb.\n").expect("written");
    says(&refused(&place, &[]), &["et.txt:3", "UTF-8"]);
}

#[test]
fn json_that_is_wrong_names_its_line() {
    let place = Place::new();
    study(&place);
    fs::write(
        place.path("rows.jsonl"),
        "{\"instruction\": \"a\", \"input\": \"\", \"output\": \"b\"}\n{\"instruction\": \n",
    )
    .expect("written");
    let set = format!("sources.rows.path={}", place.path("rows.jsonl").display());
    says(&refused(&place, &[&set]), &["rows.jsonl:2"]);
}

#[test]
fn a_row_without_its_field_names_line_and_field() {
    let place = Place::new();
    study(&place);
    fs::write(place.path("rows.jsonl"), "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"c\"}\n")
        .expect("written");
    let set = format!("sources.rows.path={}", place.path("rows.jsonl").display());
    says(&refused(&place, &[&set]), &["rows.jsonl:2", "output"]);
}

#[test]
fn an_empty_source() {
    let place = Place::new();
    study(&place);
    fs::write(place.path("et.txt"), "").expect("written");
    says(&refused(&place, &[]), &["et.txt", "empty"]);
}

#[test]
fn a_source_that_is_not_there() {
    let place = Place::new();
    study(&place);
    fs::remove_file(place.path("rows.json")).expect("removed");
    says(&refused(&place, &[]), &["rows.json", "hint:"]);
}

#[test]
fn targets_that_match_nothing() {
    let place = Place::new();
    study(&place);
    says(&refused(&place, &["adapters.general.targets=[c_attn]"]), &["c_attn", "q_proj"]);
}

#[test]
fn nan_in_the_weights() {
    let place = Place::new();
    study(&place);
    let mut bytes = fs::read(weights(&place)).expect("weights");
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(weights(&place), &bytes).expect("written");
    says(&refused(&place, &[]), &["model.safetensors", "model."]);
}

#[test]
fn a_loss_that_is_not_a_number() {
    let place = Place::new();
    study(&place);
    // Each weight is a number, but their products are beyond f32.
    let mut bytes = fs::read(weights(&place)).expect("weights");
    let end = bytes.len();
    bytes[end - 2048..].chunks_exact_mut(4).for_each(|weight| weight.copy_from_slice(&3e38f32.to_le_bytes()));
    fs::write(weights(&place), &bytes).expect("written");
    says(&refused(&place, &[]), &["pretrain, step 1", "loss"]);
}

#[test]
fn an_adapter_for_another_base() {
    let place = Place::new();
    study(&place);
    let runs = place.path("runs").display().to_string();
    let recipe = study_path(&place).display().to_string();
    let output = emakeel(&["run", &recipe, "--quiet", "--runs", &runs]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let adapter = place.path("runs/broken/adapters/general").display().to_string();
    let output = emakeel(&["generate", "--model", "tiny-english", "--adapter", &adapter, "Tere"]);
    assert_eq!(output.status.code(), Some(1));
    says(&String::from_utf8_lossy(&output.stderr), &["adapter", "hint:"]);
}

#[test]
fn a_run_folder_that_is_a_file() {
    let place = Place::new();
    study(&place);
    fs::create_dir(place.path("runs")).expect("made");
    fs::write(place.path("runs/broken"), "not a folder").expect("written");
    says(&refused(&place, &[]), &["runs/broken"]);
}

#[test]
fn half_written_leftovers_are_not_taken_for_results() {
    let place = Place::new();
    study(&place);
    let adapter = place.path("runs/broken/adapters/general");
    fs::create_dir_all(&adapter).expect("made");
    fs::write(adapter.join("adapter_model.safetensors"), b"half").expect("written");
    let runs = place.path("runs").display().to_string();
    let recipe = study_path(&place).display().to_string();
    let output = emakeel(&["run", &recipe, "--quiet", "--runs", &runs]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(adapter.join("stage.json").exists(), "the stage was done");
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let place = Place::new();
    study(&place);
    let disk = place.path("runs");
    fs::create_dir(&disk).expect("made");
    let Some(_mounted) = SmallDisk::mount(&disk, "96k") else {
        eprintln!("SKIPPED: a small disk cannot be mounted here (needs root)");
        return;
    };
    says(&refused(&place, &[]), &["disk", "hint:"]);
    let leftovers = partial_files(&disk);
    assert!(leftovers.iter().all(|path| !path.ends_with(".partial")), "{leftovers:?}");
}

fn partial_files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|e| if e.path().is_dir() { partial_files(&e.path()) } else { vec![e.path().display().to_string()] })
        .collect()
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let output = emakeel(&["run"]);
    assert_eq!(output.status.code(), Some(2));
    let output = emakeel(&["generate", "--dtype", "int7", "Tere"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
