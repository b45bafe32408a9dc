//! Adapters combined and merged on the command line.

use std::path::Path;

use candle_core::{DType, Device};
use emakeel::adapter::{self, Adapter};
use emakeel::model::Llama;
use emakeel::recipe::{LoraSettings, Targets};
use serde_json::Value;

use crate::support::{Place, emakeel};

/// An adapter with an update, beside a model.
fn adapter(place: &Place, model: &Path, name: &str, seed: u64) -> String {
    let mut llama = Llama::load(model, DType::F32, &Device::Cpu).expect("a model");
    let settings = LoraSettings {
        rank: 3,
        alpha: 6.0,
        dropout: 0.0,
        targets: Targets::Names(vec!["q_proj".into(), "down_proj".into()]),
        ..LoraSettings::default()
    };
    let (_, config) = adapter::create(&mut llama, &settings, seed).expect("an adapter");
    let mut made = Adapter::take(&llama, &config).expect("factors");
    for pair in made.modules.values_mut() {
        pair.b = (pair.b.rand_like(-0.5, 0.5)).expect("numbers");
    }
    made.save(&place.path(name)).expect("saved");
    place.path(name).display().to_string()
}

fn ok(arguments: &[&str]) -> String {
    let output = emakeel(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn refused(arguments: &[&str], code: i32) -> String {
    let output = emakeel(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn adapters_are_combined_merged_and_answered_with() {
    let place = Place::new();
    let model = place.model("base");
    let (one, two) = (adapter(&place, &model, "one", 1), adapter(&place, &model, "two", 2));
    let base = model.to_str().expect("UTF-8");
    let path = |name: &str| place.path(name).display().to_string();
    let (weighted_one, weighted_two) = (format!("{one}:0.7"), format!("{two}:-0.2"));
    let combine = ["adapter", "combine", &weighted_one, &weighted_two];

    let text = ok(&[combine.as_slice(), &["--out", &path("sum")]].concat());
    assert!(text.contains("4 modules, rank 6,") && !text.contains('%'), "{text}");
    let text =
        ok(&[combine.as_slice(), &["--method", "ties", "--density", "0.5", "--rank", "2", "--out", &path("ties")]]
            .concat());
    assert!(text.contains("4 modules, rank 2,") && text.contains("% of the combined update"), "{text}");
    let json = ok(&[combine.as_slice(), &["--method", "svd", "--json", "--out", &path("svd")]].concat());
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["rank"], serde_json::json!([3, 3]));
    ok(&["adapter", "verify", &path("ties"), "--base", base]);

    // Adding both while merging is merging their sum.
    ok(&["merge", base, &weighted_one, &weighted_two, "--out", &path("both"), "--quiet"]);
    ok(&["merge", base, &path("sum"), "--out", &path("sum-merged"), "--shard-size", "20KB", "--quiet"]);
    let head = |folder: &str| {
        let model = Llama::load(&place.path(folder), DType::F32, &Device::Cpu).expect("a model");
        let weight = model.projection("model.layers.1.mlp.down_proj").expect("a module").weight().expect("a weight");
        weight.flatten_all().and_then(|weight| weight.to_vec1::<f32>()).expect("numbers")
    };
    assert!(head("both").iter().zip(head("sum-merged")).all(|(one, two)| (one - two).abs() < 1e-6));
    assert!(head("both").iter().zip(head("base")).any(|(one, two)| (one - two).abs() > 1e-3));
    assert!(place.path("sum-merged/model.safetensors.index.json").is_file());
    for file in ["config.json", "generation_config.json", "tokenizer.json"] {
        assert!(place.path("sum-merged").join(file).is_file(), "{file}");
    }
    ok(&["generate", "--model", &path("sum-merged"), "--max-new-tokens", "3", "Tere"]);
    let half = ["merge", base, &one, "--out", &path("half"), "--dtype", "bf16", "--quantize", "nf4"];
    let output = emakeel(&half);
    assert!(String::from_utf8_lossy(&output.stderr).contains("rounded to 4 bits"), "a warning");
    let eight = emakeel(&["merge", base, &one, "--out", &path("eight"), "--quantize", "int8"]);
    assert!(String::from_utf8_lossy(&eight.stderr).contains("rounded to 8 bits"), "a warning");
    let bytes = |name: &str| std::fs::metadata(place.path(name).join("model.safetensors")).expect("a file").len();
    assert!(bytes("half") < bytes("both") * 6 / 10);
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_overwritten() {
    let place = Place::new();
    let model = place.model("base");
    let one = adapter(&place, &model, "one", 1);
    let base = model.to_str().expect("UTF-8");
    let out = place.path("out").display().to_string();
    let text = refused(&["adapter", "combine", &format!("{one}:much"), "--out", &out], 2);
    assert!(text.contains("the weight is \"much\", must be a number"), "{text}");
    let text = refused(&["adapter", "combine", &one, &one, "--method", "ties", "--out", &out], 2);
    assert!(text.contains("the density is missing"), "{text}");
    let text = refused(&["adapter", "combine", &one, "--out", base], 1);
    assert!(text.contains("already there"), "{text}");
    let text = refused(&["merge", base, &one, "--out", &out, "--shard-size", "lots"], 2);
    assert!(text.contains("expected a size such as 5GB"), "{text}");
    let text = refused(&["merge", base, base, "--out", &out], 1);
    assert!(text.contains("adapter_config.json"), "{text}");
    assert!(!place.path("out").exists() && !place.path(".out.partial").exists());
}

#[test]
fn weights_are_searched_for_and_a_second_search_is_told_what_is_known() {
    let place = Place::new();
    let model = place.model("base");
    let (one, two) = (adapter(&place, &model, "one", 1), adapter(&place, &model, "two", 2));
    let rows = place.write("rows.txt", "Üks sõna loeb raamatut.\nKaks sõna loevad raamatut.\n");
    let out = place.path("found").display().to_string();
    let base = ["search-merge", "--base", model.to_str().expect("UTF-8"), "--data", rows.to_str().expect("UTF-8")];
    let search = |more: &[&'static str]| -> Vec<&str> {
        [base.as_slice(), &[one.as_str(), two.as_str(), "--out", &out, "--quiet"], more].concat()
    };
    let text = ok(&search(&["--steps", "6"]));
    assert!(text.contains("← best") && text.lines().count() == 7, "{text}");
    let kept = std::fs::read_to_string(place.path("found.trials.json")).expect("trials");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept["trials"].as_array().map(Vec::len), Some(6));
    let text = refused(&search(&["--steps", "8"]), 1);
    assert!(text.contains("already there"), "{text}");
    std::fs::remove_dir_all(place.path("found")).expect("removed");
    let json: Value = serde_json::from_str(&ok(&search(&["--steps", "8", "--json"]))).expect("JSON");
    assert_eq!(json["trials"].as_array().map(Vec::len), Some(8));
    assert_eq!(json["trials"][3], kept["trials"][3]);
    assert!(place.path("found/trials.json").is_file() && Adapter::load(&place.path("found")).is_ok());
    let empty = place.write("empty.txt", "");
    let empty = empty.to_str().expect("UTF-8");
    let text = refused(&["search-merge", "--base", base[2], "--data", empty, &one, "--out", "x", "--quiet"], 1);
    assert!(text.contains("empty"), "{text}");
}

#[test]
fn a_merged_model_gives_its_base_back() {
    let place = Place::new();
    let model = place.model("base");
    let (one, two) = (adapter(&place, &model, "one", 1), adapter(&place, &model, "two", 2));
    let (base, merged) = (model.display().to_string(), place.path("merged").display().to_string());
    let back = place.path("back").display().to_string();
    let weighted = format!("{two}:-0.5");
    ok(&["merge", &base, &one, &weighted, "--out", &merged, "--shard-size", "30KB", "--keep-delta", "--quiet"]);
    ok(&["generate", "--model", &merged, "--max-new-tokens", "3", "Tere"]);
    ok(&["unmerge", &merged, "--out", &back, "--quiet"]);
    for file in std::fs::read_dir(&model).expect("a folder") {
        let name = file.expect("a file").file_name();
        let read = |folder: &Path| std::fs::read(folder.join(&name)).expect("a file");
        assert_eq!(read(&place.path("back")), read(&model), "{name:?}");
    }
    // What records its base by the hash of its weights fits the one that came back.
    ok(&["adapter", "verify", &one, "--base", &back]);
    let text = refused(&["unmerge", &merged, "--out", &back], 1);
    assert!(text.contains("already there"), "{text}");
    let text = refused(&["unmerge", &base, "--out", "x"], 1);
    assert!(text.contains("there is no base.delta") && text.contains("--keep-delta"), "{text}");
}

#[test]
fn weights_are_searched_for_on_tasks_of_a_recipe() {
    let place = Place::new();
    let model = place.model("base");
    let (one, two) = (adapter(&place, &model, "one", 1), adapter(&place, &model, "two", 2));
    let texts = place.write("texts.txt", "Üks sõna loeb raamatut.\n").display().to_string();
    let recipe = format!(
        "name: s\nbase: {{ builtin: tiny-english }}\ncompare:\n  template: plain\n  tasks:\n    \
         - {{ task: perplexity, data: world, language: Estonian }}\n    - {{ task: perplexity, data: {texts}, language: Estonian }}\n"
    );
    let recipe = place.write("recipe.yaml", &recipe).display().to_string();
    let out = place.path("found").display().to_string();
    let search = |more: &[&'static str]| -> Vec<String> {
        let base = ["search-merge", "--base", model.to_str().expect("UTF-8"), "--recipe", &recipe, &one, &two];
        [base.as_slice(), &["--out", &out, "--limit", "4", "--steps", "3", "--quiet"], more]
            .concat()
            .iter()
            .map(|w| (*w).to_owned())
            .collect()
    };
    let run = |more: &[&'static str]| emakeel(&search(more));
    let output = run(&["--task", "text-estonian-world,text-estonian-te"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        text.starts_with(
            "score 1: text Estonian, world, bits per byte\nscore 2: text Estonian, texts, bits per byte\n"
        ),
        "{text}"
    );
    assert!(text.contains("mean") && text.contains("← best") && text.lines().count() == 6, "{text}");
    std::fs::remove_dir_all(place.path("found")).expect("removed");
    for (more, said) in [
        (&["--task", "translation"][..], "must be one of text-estonian-world, text-estonian-texts"),
        (&["--task", "text-estonian-world", "--data", "rows.txt"], "cannot be used with"),
        (&[], "--task"),
    ] {
        let output = run(more);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && text.contains(said), "{text}");
    }
}

#[test]
fn what_a_merge_does_to_the_logits_is_measured() {
    let place = Place::new();
    let model = place.model("base");
    let (one, two) = (adapter(&place, &model, "one", 1), adapter(&place, &model, "two", 2));
    let base = model.to_str().expect("UTF-8");
    let shares = |name: &str, more: &[&str]| -> Vec<(f64, bool)> {
        let out = place.path(name).display().to_string();
        let text = ok(&[&["merge", base], more, &["--out", &out, "--measure"]].concat());
        let share = |line: &str| {
            let (_, number) = line.split_once("at most ").expect("a share");
            (number.split(' ').next().expect("a number").parse().expect("a number"), line.ends_with("in 4 bits"))
        };
        text.lines().map(share).collect()
    };
    // In f32 a merge only rounds; what 4 bits do to weights like these is a thousand times as much.
    let [(plain, false), (in_4_bits, true)] = shares("plain", &[&one])[..] else { panic!("two lines") };
    assert!(plain < 0.001 && in_4_bits > 0.1, "{plain}, {in_4_bits}");
    let both = format!("{two}:-0.5");
    let more = [one.as_str(), &both, "--quantize", "nf4"];
    let [(plain, false), (in_4_bits, true)] = shares("quantized", &more)[..] else { panic!("two lines") };
    assert!(plain > 0.1 && in_4_bits < 0.001, "{plain}, {in_4_bits}");
}
