//! `recipes/estonian-small.yaml` on real files: a real checkpoint, its SentencePiece tokenizer, real text,
//! real instruction rows and conversations, aligned sentences, and the public test sets as they are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Place, emakeel};
use serde_json::Value;

pub fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: ../shared is absent");
    None
}

/// Points the recipe at the real files, with a budget of a few steps.
fn sets(shared: &Path, model: &Path) -> Vec<String> {
    let at = |key: &str, path: &str| format!("{key}={}", shared.join(path).display());
    let pair =
        |key: &str, a: &str, b: &str| format!("{key}=[{}, {}]", shared.join(a).display(), shared.join(b).display());
    vec![
        format!("base.model={}", model.display()),
        at("base.tokenizer", "checkpoints/stories260K/tok512.model"),
        at("sources.estonian.path", "text_et/common_voice_10k.txt"),
        at("sources.english.path", "text_en/wikitext2_valid.txt"),
        at("sources.alpaca.path", "instruct/alpaca_en_demo.json"),
        at("sources.chats.path", "instruct/dummy_conversation.json"),
        pair("sources.bitext.path", "parallel/mlqe_pe_et-en/dev.pe", "parallel/mlqe_pe_et-en/dev.src"),
        "sources.alpaca.limit=200".into(),
        "sources.chats.limit=100".into(),
        "pretrain.tokens=32K".into(),
        "pretrain.snapshots=[16K, 32K]".into(),
        "adapters.general.on=[base, pretrain@32K]".into(),
        "adapters.defaults.tokens=8K".into(),
        "adapters.defaults.epochs=null".into(),
        "compare.limit=6".into(),
        at("compare.tasks.0.data", "parallel/flores_sib200/flores_en_et.tsv"),
        at("compare.tasks.1.data", "parallel/flores_sib200/flores_en_et.tsv"),
        at("compare.tasks.2.data", "eval/estcopa/test.et.jsonl"),
        at("compare.tasks.3.data", "eval/estqa/EstQA-test-v1.0.json"),
        at("compare.tasks.4.data", "text_et/ud_ewt_test.txt"),
    ]
}

/// The checkpoint was trained on 512 positions; questions about real passages are longer in pieces of 512.
pub fn with_a_longer_context(shared: &Path, place: &Place) -> PathBuf {
    let (from, to) = (shared.join("checkpoints/stories260K_hf"), place.path("model"));
    fs::create_dir(&to).expect("a folder");
    fs::copy(from.join("model.safetensors"), to.join("model.safetensors")).expect("copied");
    let config = fs::read_to_string(from.join("config.json")).expect("a config");
    let longer = config.replace("\"max_position_embeddings\": 512", "\"max_position_embeddings\": 2048");
    assert_ne!(config, longer);
    fs::write(to.join("config.json"), longer).expect("written");
    to
}

fn run(command: &str, place: &Place, sets: &[String]) -> Value {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/estonian-small.yaml");
    let mut arguments = vec![command.to_owned(), recipe.display().to_string(), "--json".into(), "--quiet".into()];
    arguments.extend(["--runs".to_owned(), place.path("runs").display().to_string()]);
    arguments.extend(sets.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
    let output = emakeel(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object on standard output")
}

#[test]
fn a_study_on_real_files_runs_from_check_to_comparison() {
    let Some(shared) = shared() else { return };
    let place = Place::new();
    let sets = sets(&shared, &with_a_longer_context(&shared, &place));
    let plan = run("check", &place, &sets);
    let stages = plan["stages"].as_array().expect("stages");
    assert_eq!(stages.len(), 7, "pretrain and six adapters: {plan}");
    assert_eq!(stages[0]["tokens"], 32_768, "a budget is filled with whole steps of 16 × 256 tokens");

    let summary = run("run", &place, &sets);
    let root = place.path("runs/estonian-small");
    for snapshot in ["16000", "32000"] {
        let folder = root.join("pretrain/snapshots").join(snapshot);
        for file in ["config.json", "model.safetensors", "tokenizer.json"] {
            assert!(folder.join(file).exists(), "{snapshot}/{file}");
        }
    }
    for adapter in ["general@base", "general@pretrain@32K", "translation", "ratio-1-1", "ratio-1-3", "then-general"] {
        let folder = root.join("adapters").join(adapter);
        for file in ["adapter_config.json", "adapter_model.safetensors", "README.md"] {
            assert!(folder.join(file).exists(), "{adapter}/{file}");
        }
    }
    let log = fs::read_to_string(root.join("log.jsonl")).expect("a log");
    let losses: Vec<f64> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"))
        .filter(|line| line["job"] == "pretrain")
        .map(|line| line["loss"].as_f64().expect("a loss"))
        .collect();
    assert_eq!(losses.len(), 8);
    // The checkpoint wrote English stories; Estonian news in pieces of 512 begins far worse than it ends.
    assert!(losses[0] > losses[7] + 0.3, "it learns: {losses:?}");
    assert_eq!(summary["study"], "estonian-small");
    assert!(root.join("comparison.md").exists());
    let again = run("run", &place, &sets);
    assert_eq!(again["comparison"], summary["comparison"], "a finished study says the same again");
    let looked = run("data", &place, &sets);
    let chats = looked["stages"].as_array().expect("stages").iter().find(|stage| stage["stage"] == "then-general");
    assert!(chats.is_some_and(|stage| stage["trained_tokens"].as_u64() > Some(0)), "{looked}");
    let compared = emakeel(&["compare", &root.display().to_string(), "--json", "--quiet"]);
    let compared: Value = serde_json::from_slice(&compared.stdout).expect("one JSON object");
    assert_eq!(compared["comparison"], summary["comparison"]);
}
