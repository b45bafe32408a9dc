//! What can be done with the adapters of a run: looked at, held against a base, written in other formats.

use std::path::Path;
use std::sync::OnceLock;

use candle_core::{Device, Tensor, safetensors};
use serde_json::Value;

use crate::support::{Place, emakeel};

/// A finished study of seconds, with two adapters; made once for all tests here.
fn run() -> &'static Place {
    static RUN: OnceLock<Place> = OnceLock::new();
    RUN.get_or_init(|| {
        let place = Place::new();
        place.model("model");
        place.write("et.txt", "Kass magab laua all.\n\nKoer jookseb metsas.\n\nMari loeb raamatut.\n");
        place.write("rows.json", r#"[{"instruction": "Tõlgi: cat", "input": "", "output": "kass"}]"#);
        let root = place.root().display();
        let recipe = place.write(
            "study.yaml",
            &format!(
                "name: made\nseed: 1\ndevice: cpu\nbase: {{ model: {root}/model }}\nsources:\n  et: {{ path: {root}/et.txt }}\n  \
                 rows: {{ path: {root}/rows.json, template: alpaca }}\npretrain: {{ sequence_length: 16, tokens: 64, batch: 2, \
                 mixture: {{ et: 1 }} }}\nadapters:\n  defaults: {{ on: pretrain, rank: 2, alpha: 4, sequence_length: 64, batch: 1, \
                 tokens: 128, optimizer: {{ learning_rate: 0.01 }}, mixture: {{ rows: 1 }} }}\n  one: {{}}\n  \
                 two: {{ rank: 3, targets: [q_proj, v_proj] }}\n"
            ),
        );
        let runs = place.path("runs").display().to_string();
        let output = emakeel(&["run", &recipe.display().to_string(), "--quiet", "--runs", &runs]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        place
    })
}

fn adapter(name: &str) -> String {
    run().path(&format!("runs/made/adapters/{name}")).display().to_string()
}

/// The model that the adapters were trained on.
fn snapshot() -> String {
    let snapshots = run().path("runs/made/pretrain/snapshots");
    let mut entries = std::fs::read_dir(snapshots).expect("snapshots").flatten();
    entries.next().expect("one").path().display().to_string()
}

/// What the program prints, and its exit code.
fn said(arguments: &[&str]) -> (String, Option<i32>) {
    let output = emakeel(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.code())
}

#[test]
fn an_adapter_is_shown_and_two_are_compared() {
    let (one, two) = (adapter("one"), adapter("two"));
    let (text, code) = said(&["adapter", "show", &one]);
    assert!(code == Some(0) && text.contains("rank        2") && text.contains("made/pretrain/snapshots/64"), "{text}");
    assert!(
        text.contains("layer 0") && text.contains("layer 1") && text.contains('█') && text.contains("gate_proj"),
        "{text}"
    );
    let output = emakeel(&["adapter", "show", &one, "--overlap", &two, "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    let effects = json["effects"].as_array().expect("a list");
    // Four in the attention and three in the MLP of each of two layers.
    assert_eq!((effects.len(), json["modules"].as_u64()), (14, Some(14)));
    for effect in effects {
        let (norm, rank) =
            (effect["norm"].as_f64().expect("a norm"), effect["effective_rank"].as_f64().expect("a rank"));
        assert!(norm > 0.0 && (1.0..=2.0 + 1e-6).contains(&rank), "{effect}");
        let shared = effect["path"].as_str().is_some_and(|path| path.ends_with("q_proj") || path.ends_with("v_proj"));
        assert_eq!(effect["cosine"].is_number(), shared, "{effect}");
    }
    let (text, code) = said(&["adapter", "diff", &one, &two]);
    assert!(code == Some(0) && text.contains("rank        2  →  3") && text.contains("only in one: "), "{text}");
    let (text, _) = said(&["adapter", "diff", &one, &one]);
    assert!(
        text.contains("the settings are the same") && text.contains("cosine of the updates +1.000 on average"),
        "{text}"
    );
}

/// A copy of an adapter whose tensors are changed.
fn changed(name: &str, change: impl Fn(&str, Tensor) -> Tensor) -> String {
    let (from, to) = (adapter("one"), run().path(name));
    std::fs::create_dir_all(&to).expect("made");
    std::fs::copy(Path::new(&from).join("adapter_config.json"), to.join("adapter_config.json")).expect("copied");
    let tensors = safetensors::load(Path::new(&from).join("adapter_model.safetensors"), &Device::Cpu).expect("read");
    let tensors = tensors.into_iter().map(|(name, tensor)| (name.clone(), change(&name, tensor)));
    safetensors::save(&tensors.collect(), to.join("adapter_model.safetensors")).expect("written");
    to.display().to_string()
}

#[test]
fn an_adapter_is_held_against_its_base() {
    let base = snapshot();
    let (text, code) = said(&["adapter", "verify", &adapter("one"), "--base", &base]);
    assert!(code == Some(0) && text.contains("fits"), "{text}");
    let other = run().path("model").display().to_string();
    let (text, code) = said(&["adapter", "verify", &adapter("one"), "--base", &other]);
    assert!(code == Some(1) && text.contains("not the one that the adapter was trained on"), "{text}");
    let (text, code) = said(&["adapter", "verify", &adapter("one"), "--base", "tiny-english"]);
    assert!(code == Some(1) && text.contains("the shape of the update"), "{text}");

    let is_first = |name: &str| name.contains("layers.0.self_attn.q_proj");
    let broken = changed("nan", |name, tensor| match is_first(name) && name.contains("lora_B") {
        true => (tensor * f64::NAN).expect("numbers"),
        false => tensor,
    });
    let (text, code) = said(&["adapter", "verify", &broken, "--base", &base]);
    assert!(code == Some(1) && text.contains("layers.0.self_attn.q_proj") && text.contains("holds NaN"), "{text}");
    let inert = changed("inert", |name, tensor| match is_first(name) && name.contains("lora_B") {
        true => tensor.zeros_like().expect("zeros"),
        false => tensor,
    });
    let (text, code) = said(&["adapter", "verify", &inert, "--base", &base]);
    assert!(code == Some(0) && text.contains("q_proj changes nothing: B is all zeros"), "{text}");
    assert!(text.contains("does not record the weights of its base"), "{text}");
    let output = emakeel(&["adapter", "verify", &inert, "--base", &base, "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    assert_eq!((json["wrong"].as_array().map(Vec::len), json["notes"].as_array().map(Vec::len)), (Some(0), Some(2)));
}

#[test]
fn a_run_is_written_in_the_formats_of_others() {
    let run_folder = run().path("runs/made").display().to_string();
    let out = |name: &str| run().path(name).display().to_string();
    for (format, name) in
        [("gguf", "m.gguf"), ("gguf-lora", "l.gguf"), ("hf", "hf"), ("peft", "peft"), ("ollama", "ollama")]
    {
        let (text, code) = said(&["export", &run_folder, &out(name), "--adapter", "one", "--format", format]);
        assert_eq!(code, Some(0), "{format}: {text}");
        let (text, code) = said(&["export", &run_folder, &out(name), "--adapter", "one", "--format", format]);
        assert!(code == Some(1) && text.contains("is already there"), "{format}: {text}");
    }
    for file in ["m.gguf", "l.gguf", "ollama/model.gguf", "ollama/adapter.gguf"] {
        assert_eq!(&std::fs::read(run().path(file)).expect(file)[..4], b"GGUF", "{file}");
    }
    let modelfile = std::fs::read_to_string(run().path("ollama/Modelfile")).expect("a Modelfile");
    assert!(modelfile.contains("FROM ./model.gguf") && modelfile.contains("ADAPTER ./adapter.gguf"), "{modelfile}");
    // The adapter is the same one, and the merged model answers as the adapter on its base.
    let files = |folder: &str| std::fs::read(Path::new(folder).join("adapter_model.safetensors")).expect("weights");
    assert!(files(&out("peft")) == files(&adapter("one")) && run().path("peft/README.md").is_file());
    let answer = |arguments: &[&str]| {
        let common = ["generate", "--quiet", "--max-new-tokens", "8", "Tõlgi: cat"];
        let (text, code) = said(&[&common[..], arguments].concat());
        assert_eq!(code, Some(0), "{text}");
        text
    };
    assert_eq!(answer(&["--model", &out("hf")]), answer(&["--model", &snapshot(), "--adapter", &adapter("one")]));
    let (text, code) = said(&["export", &run_folder, &out("no"), "--adapter", "three", "--format", "gguf"]);
    assert!(code == Some(1) && text.contains("no finished adapter of that name"), "{text}");
}

#[test]
fn adapters_trained_at_a_time_are_those_trained_alone() {
    let (recipe, runs) = (run().path("study.yaml").display().to_string(), run().path("together").display().to_string());
    let (text, code) = said(&["run", &recipe, "--runs", &runs, "--together", "4"]);
    assert!(code == Some(0) && text.contains("2 adapters"), "{text}");
    for name in ["one", "two"] {
        let read = |folder: String| {
            safetensors::load(Path::new(&folder).join("adapter_model.safetensors"), &Device::Cpu).expect("weights")
        };
        let (alone, together) = (read(adapter(name)), read(format!("{runs}/made/adapters/{name}")));
        assert_eq!(alone.len(), together.len());
        for (key, tensor) in &alone {
            let largest =
                |tensor: Tensor| tensor.abs().and_then(|t| t.max_all()?.to_scalar::<f32>()).expect("a number");
            let (error, size) = (largest((tensor - &together[key]).expect("one shape")), largest(tensor.clone()));
            assert!(error <= 1e-5 * size, "{name} {key}: {error} of {size}");
        }
    }
    // What one way has finished, the other takes as done.
    let (text, code) = said(&["run", &recipe, "--runs", &runs]);
    assert!(code == Some(0) && text.contains("one: done before") && text.contains("two: done before"), "{text}");
}

#[test]
fn whole_modules_rows_and_updates_of_the_embedding_go_from_a_recipe_to_a_merged_model() {
    let place = Place::new();
    place.model("model");
    place.write("rows.json", r#"[{"instruction": "Tõlgi: cat", "input": "", "output": "kass"}]"#);
    let root = place.root().display();
    let recipe = place.write(
        "study.yaml",
        &format!(
            "name: own\nseed: 1\ndevice: cpu\nbase: {{ model: {root}/model }}\nsources:\n  \
             rows: {{ path: {root}/rows.json, template: alpaca }}\nadapters:\n  defaults: {{ on: base, rank: 2, alpha: 4, \
             sequence_length: 64, batch: 1, tokens: 256, checkpoint_every: 1, optimizer: {{ learning_rate: 0.02 }}, \
             mixture: {{ rows: 1 }} }}\n  saved: {{ modules_to_save: [embed_tokens, lm_head] }}\n  \
             norms: {{ method: ia3, modules_to_save: [norm, o_proj] }}\n  \
             rows: {{ trainable_tokens: {{ embed_tokens: [\"5-60\"], lm_head: [\"5-90\"] }} }}\n  \
             embedding: {{ targets: [embed_tokens, q_proj, lm_head] }}\ncompare:\n  merged: true\n  limit: 2\n  tasks:\n    \
             - {{ task: translation, data: world, from: English, to: Estonian }}\n"
        ),
    );
    let (recipe, runs) = (recipe.display().to_string(), place.path("runs").display().to_string());
    let (text, code) = said(&["run", &recipe, "--runs", &runs, "--together", "4"]);
    assert!(code == Some(0) && !text.contains("4 adapters"), "they are trained one after another: {text}");
    let base = place.path("model").display().to_string();
    for (name, words) in [
        ("saved", "whole       embed_tokens, lm_head"),
        ("norms", "whole       input_layernorm, norm, o_proj, post_attention_layernorm"),
        ("rows", "tokens      86 of lm_head, 56 of embed_tokens"),
        ("embedding", "targets     embed_tokens, lm_head, q_proj"),
    ] {
        let adapter = place.path(&format!("runs/own/adapters/{name}")).display().to_string();
        let (text, code) = said(&["adapter", "show", &adapter]);
        assert!(code == Some(0) && text.contains(words), "{text}");
        let (text, code) = said(&["adapter", "verify", &adapter, "--base", &base]);
        assert!(code == Some(0) && text.contains("fits"), "{text}");
        let out = place.path(&format!("merged-{name}")).display().to_string();
        let (text, code) = said(&["merge", &base, &adapter, "--out", &out]);
        assert!(code == Some(0), "{text}");
        let answer = |how: &[&str]| {
            let (text, code) = said(&[&["generate", "--quiet", "--max-new-tokens", "12", "Tõlgi: cat"], how].concat());
            assert!(code == Some(0), "{text}");
            text
        };
        let attached = answer(&["--model", &base, "--adapter", &adapter]);
        assert_eq!(attached, answer(&["--model", &out]), "{name}");
    }
    let (run_folder, out) = (place.path("runs/own").display().to_string(), place.path("no.gguf").display().to_string());
    let (text, code) = said(&["export", &run_folder, &out, "--adapter", "saved", "--format", "gguf-lora"]);
    assert!(code == Some(1) && text.contains("in the place of the base's (embed_tokens, lm_head)"), "{text}");
}
