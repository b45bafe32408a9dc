//! The other way round: transformers and PEFT load what emakeel writes, and compute what it computes.
//!
//! Runs with the Python named by `EMAKEEL_PYTHON`, else the one in `~/.cache/emakeel/peers`; without torch,
//! transformers and peft there, the test is skipped, loudly.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::{DType, Device, Tensor};
use emakeel::adapter::{self, Adapter};
use emakeel::model::{Batch, Config, Llama, Projection};
use emakeel::recipe::{AdapterKind, Initial, LoraSettings, Targets};
use serde_json::{Value, json};

use crate::golden::{self, golden, json, relative, settings};

const TOLERANCE: f64 = 1e-4;

/// The release of PEFT whose config keys are written.
const VERSION: &str = "0.21.2";

/// The Python that can do the imports.
pub fn python(imports: &str) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/emakeel/peers/bin/python"));
    let python = std::env::var_os("EMAKEEL_PYTHON").map(PathBuf::from).or_else(usual)?;
    let tried = Command::new(&python).args(["-c", imports]).output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("SKIPPED: {} cannot {imports} (set EMAKEEL_PYTHON)", python.display());
    None
}

/// What PEFT is asked for, and what must come out.
struct Case {
    name: String,
    adapter: Option<PathBuf>,
    logits: Tensor,
}

/// Token ids of which the batch has some.
fn some_tokens() -> Vec<u32> {
    (3..90).rev().step_by(2).chain([1, 100, 101, 102]).collect()
}

/// Adapters with whole modules, rows of tokens, or an update of the embedding.
fn beside(tied: bool) -> Vec<(&'static str, LoraSettings)> {
    let plain = LoraSettings { targets: Targets::Names(vec!["q_proj".into()]), ..settings("lora") };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let rows = |name: &str, ids: Vec<u32>| (name.to_owned(), ids);
    let mut all = vec![
        ("saved-embedding", LoraSettings { modules_to_save: names(&["embed_tokens"]), ..settings("lora") }),
        ("saved-norms", LoraSettings { modules_to_save: names(&["norm", "o_proj"]), ..plain.clone() }),
        (
            "saved-ia3",
            LoraSettings {
                targets: ia3_targets(),
                kind: AdapterKind::Ia3,
                modules_to_save: names(&["model.norm", "v_proj"]),
                ..settings("lora")
            },
        ),
        (
            "embedding",
            LoraSettings { targets: Targets::Names(names(&["q_proj", "embed_tokens"])), ..settings("rslora") },
        ),
        ("tokens", LoraSettings { trainable_tokens: vec![rows("embed_tokens", some_tokens())], ..plain.clone() }),
    ];
    if tied {
        let same = ["embed_tokens", "lm_head"].map(|name| rows(name, some_tokens())).to_vec();
        all.push(("tokens-both", LoraSettings { trainable_tokens: same, ..plain }));
        return all;
    }
    let both = names(&["embed_tokens", "lm_head"]);
    all.push(("saved-both", LoraSettings { modules_to_save: both, ..settings("lora") }));
    let ends = names(&["embed_tokens", "lm_head", "v_proj"]);
    all.push(("embedding-head", LoraSettings { targets: Targets::Names(ends), ..settings("lora") }));
    let differ = vec![rows("embed_tokens", vec![5, 4, 1]), rows("lm_head", some_tokens())];
    all.push((
        "tokens-norm",
        LoraSettings { trainable_tokens: differ, modules_to_save: names(&["model.norm"]), ..plain.clone() },
    ));
    all.push(("tokens-head", LoraSettings { trainable_tokens: vec![rows("lm_head", some_tokens())], ..plain }));
    all
}

/// Adapters of every kind that is written, with updates that are not zero.
fn kinds(tied: bool) -> Vec<(&'static str, LoraSettings)> {
    let targets = |targets| LoraSettings { targets, dropout: 0.1, ..settings("lora") };
    let mut names = vec!["self_attn.q_proj".to_string(), "model.layers.1.mlp.down_proj".into()];
    if !tied {
        names.push("lm_head".into());
    }
    vec![
        ("all-linear", settings("lora")),
        ("rslora", LoraSettings { alpha: 2.5, ..settings("rslora") }),
        ("names", targets(Targets::Names(names))),
        ("dora", LoraSettings { kind: AdapterKind::Dora, ..settings("lora") }),
        ("dora-rslora", LoraSettings { kind: AdapterKind::Dora, dropout: 0.1, ..settings("rslora") }),
        ("lora-fa", LoraSettings { kind: AdapterKind::LoraFa, ..settings("lora") }),
        ("ia3", LoraSettings { targets: ia3_targets(), kind: AdapterKind::Ia3, ..settings("lora") }),
        ("vera", LoraSettings { kind: AdapterKind::Vera, ..settings("lora") }),
        (
            "vera-some",
            LoraSettings {
                kind: AdapterKind::Vera,
                dropout: 0.1,
                targets: Targets::Names(["q_proj", "o_proj", "down_proj"].map(String::from).to_vec()),
                layers: Some(vec![1]),
                ..settings("lora")
            },
        ),
        ("pissa", LoraSettings { init: Initial::Pissa, ..settings("lora") }),
        ("olora", LoraSettings { init: Initial::Olora, ..settings("rslora") }),
        (
            "some",
            LoraSettings {
                layers: Some(vec![1]),
                exclude: Some(Targets::Names(vec!["o_proj".into()])),
                rank_pattern: vec![("mlp.down_proj".into(), 2)],
                alpha_pattern: vec![("[qk]_proj".into(), 5.0)],
                init: Initial::Gaussian,
                ..settings("lora")
            },
        ),
        ("pattern", targets(Targets::Pattern(r"model\.layers\.(?!0\.)\d+\.(mlp\..*|self_attn\.[kv]_proj)".into()))),
    ]
}

fn ia3_targets() -> Targets {
    Targets::Names(["k_proj", "v_proj", "down_proj"].map(String::from).to_vec())
}

/// An adapter as training leaves it: every parameter a little off from where it began.
fn make_adapter(model: &Llama, settings: &LoraSettings, base: &Path) -> Adapter {
    let mut model = model.clone();
    let (parameters, config) = adapter::create(&mut model, settings, 11).unwrap();
    let shift: Vec<f32> = (0..parameters.elements()).map(|i| (i * 31 % 97) as f32 / 970.0 - 0.05).collect();
    let shift = Tensor::new(shift.as_slice(), &Device::Cpu).unwrap();
    parameters.value().slice_set(&(parameters.value() + shift).unwrap(), 0, 0).unwrap();
    let mut adapter = Adapter::take(&model, &config).unwrap();
    adapter.config.base_model = Some(base.display().to_string());
    adapter.base_hash = Some("c0ffee".into());
    adapter
}

/// A model's folder, one for each adapter of it, and what they compute.
fn prepare(root: &Path, name: &str, mut model: Llama, batch: &Batch) -> Vec<Case> {
    let folder = root.join(name);
    model.save(&folder, DType::F32).unwrap();
    let mut cases = vec![Case { name: name.into(), adapter: None, logits: golden::logits(&model, batch) }];
    let tied = model.head.is_none();
    for (kind, settings) in kinds(tied).into_iter().chain(beside(tied)) {
        let adapter = make_adapter(&model, &settings, &folder);
        adapter.attach(&mut model).unwrap();
        let logits = golden::logits(&model, batch);
        adapter::detach(&mut model).unwrap();
        let place = root.join(format!("{name}-{kind}"));
        adapter.save(&place).unwrap();
        cases.push(Case { name: name.into(), adapter: Some(place), logits });
    }
    let (first, logits) = (cases[1].adapter.clone().unwrap(), cases[1].logits.clone());
    Adapter::load(&first).unwrap().merge(&mut model).unwrap();
    let merged = format!("{name}-merged");
    model.save(&root.join(&merged), DType::F32).unwrap();
    cases.push(Case { name: merged, adapter: None, logits });
    cases
}

#[test]
fn transformers_and_peft_load_what_is_written_here_and_agree() {
    let Some(python) = python("import torch, transformers, peft") else { return };
    let root = tempfile::tempdir().unwrap();
    let sequences: Vec<golden::Sequence> = json("batch.json");
    let batch = golden::batch(&sequences);
    let mut cases = Vec::new();
    for name in golden::MODELS {
        cases.extend(prepare(root.path(), name, golden::model(name), &batch));
    }
    let weights = std::fs::read(golden("gqa/model.safetensors")).unwrap();
    for kind in ["linear", "llama3"] {
        let config = Config::from_json(&json(format!("gqa/config_{kind}.json"))).unwrap();
        let model = Llama::from_safetensors_bytes(config, kind, weights.clone(), DType::F32, &Device::Cpu).unwrap();
        cases.extend(prepare(root.path(), kind, model, &batch).into_iter().take(1));
    }
    let ids: Vec<&Vec<u32>> = sequences.iter().map(|sequence| &sequence.ids).collect();
    let out = |number: usize| root.path().join(format!("out{number}"));
    let job = |(number, case): (usize, &Case)| json!({ "model": root.path().join(&case.name), "adapter": case.adapter, "batch": ids, "out": out(number) });
    let jobs: Vec<Value> = cases.iter().enumerate().map(job).collect();
    let version = run(&python, &root.path().join("jobs.json"), &jobs);
    if version != VERSION {
        eprintln!("PEFT here is {version}, not {VERSION}: its config keys are not compared");
    }
    let mut worst = 0f64;
    for (number, case) in cases.iter().enumerate() {
        let got = golden::tensors(out(number).join("logits.safetensors"));
        let difference = relative(&case.logits, &got["logits"]);
        assert!(difference <= TOLERANCE, "{} {:?}: logits differ by {difference:.2e}", case.name, case.adapter);
        worst = worst.max(difference);
        if let Some(adapter) = &case.adapter {
            let saved = out(number).join("saved");
            check_saved(adapter, &saved, version == VERSION);
            let mut model = Llama::load(&root.path().join(&case.name), DType::F32, &Device::Cpu).unwrap();
            Adapter::load_for(&saved, &model).unwrap().attach(&mut model).unwrap();
            assert!(relative(&golden::logits(&model, &batch), &case.logits) <= 1e-6, "{saved:?}");
            adapter::detach(&mut model).unwrap();
            check_gradients(adapter, model, &ids, &golden::tensors(out(number).join("gradients.safetensors")));
        }
    }
    println!(
        "{} models and adapters loaded by transformers and PEFT, logits differ by {worst:.1e} at most",
        cases.len()
    );
}

/// The gradients of an adapter are PEFT's; `expected` are those.
fn check_gradients(folder: &Path, mut model: Llama, documents: &[&Vec<u32>], expected: &HashMap<String, Tensor>) {
    let adapter = Adapter::load(folder).unwrap();
    let kind = adapter.config.kind;
    let settings = LoraSettings {
        kind,
        rank: adapter.config.rank,
        alpha: adapter.config.alpha,
        dropout: 0.0,
        targets: adapter.config.rules.targets.clone(),
        rslora: adapter.config.rslora,
        exclude: adapter.config.rules.exclude.clone(),
        layers: adapter.config.rules.layers.clone(),
        rank_pattern: adapter.config.rank_pattern.clone(),
        alpha_pattern: adapter.config.alpha_pattern.clone(),
        modules_to_save: adapter.config.modules_to_save.clone(),
        trainable_tokens: adapter.config.trainable_tokens.clone(),
        ..LoraSettings::default()
    };
    let (parameters, _) = adapter.start_from(&mut model, &settings).unwrap();
    let labels = |ids: &[u32]| ids.iter().map(|id| i64::from(*id)).collect();
    let sequences = documents.iter().map(|ids| golden::Sequence { ids: ids.to_vec(), labels: labels(ids) });
    let batch = golden::batch(&sequences.collect::<Vec<_>>());
    let (_, got) = golden::gradients(&model, &parameters, &batch, 1);
    let expected = expected.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    golden::compare(&folder.display().to_string(), &got, &expected, TOLERANCE);
}

#[test]
fn starts_from_the_weights_are_those_of_peft() {
    let Some(python) = python("import torch, transformers, peft") else { return };
    let root = tempfile::tempdir().unwrap();
    let settings = |init| LoraSettings { init, ..settings("lora") };
    let starts = [("pissa", Initial::Pissa), ("olora", Initial::Olora)];
    let job = |word: &str| {
        let start = json!({ "init_lora_weights": word, "r": 4, "lora_alpha": 12, "target_modules": "all-linear" });
        json!({ "model": golden("mha"), "start": start, "out": root.path().join(word) })
    };
    let jobs: Vec<Value> = starts.iter().map(|(word, _)| job(word)).collect();
    run(&python, &root.path().join("jobs.json"), &jobs);
    for (word, init) in starts {
        let expected = golden::tensors(root.path().join(word).join("factors.safetensors"));
        let mut model = golden::model("mha");
        adapter::create(&mut model, &settings(init), 3).unwrap();
        let mut worst = 0f64;
        for path in model.module_paths().iter().filter(|path| *path != "lm_head") {
            let Some(Projection::Lora(lora)) = model.projection(path) else { panic!("{path} has no factors") };
            let [a, b] = ["lora_A", "lora_B"].map(|name| &expected[&format!("{path}.{name}")]);
            let product = relative(&lora.b.value().matmul(lora.a.value()).unwrap(), &b.matmul(a).unwrap());
            // Singular vectors have a sign that is free; those of Q·R have not.
            let factors = match init {
                Initial::Olora => relative(lora.a.value(), a).max(relative(lora.b.value(), b)),
                _ => relative(&lora.a.value().abs().unwrap(), &a.abs().unwrap()),
            };
            worst = worst.max(product).max(factors);
            assert!(worst <= TOLERANCE, "{word} {path}: {product:.1e} {factors:.1e}");
        }
        println!("{word}: factors and their products differ by {worst:.1e} at most");
    }
}

#[test]
fn the_shared_factors_of_vera_are_drawn_as_peft_draws_them() {
    let Some(python) = python("import torch, transformers, peft") else { return };
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let vera = json!({ "r": 6, "projection_prng_key": 7_000_000_011u64, "target_modules": ["q_proj", "down_proj"] });
    let jobs = [json!({ "model": golden("gqa"), "vera": vera, "out": out })];
    run(&python, &root.path().join("jobs.json"), &jobs);
    let targets = Targets::Names(vec!["q_proj".into(), "down_proj".into()]);
    let settings = LoraSettings { kind: AdapterKind::Vera, rank: 6, targets, ..settings("lora") };
    let mut model = golden::model("gqa");
    let (_, config) = adapter::create(&mut model, &settings, 7_000_000_011).unwrap();
    let ours = root.path().join("ours");
    Adapter::take(&model, &config).unwrap().save(&ours).unwrap();
    let read = |folder: &Path| -> BTreeMap<String, Vec<f32>> {
        let tensors = golden::tensors(folder.join("adapter_model.safetensors")).into_iter();
        tensors.map(|(name, tensor)| (name, tensor.flatten_all().unwrap().to_vec1().unwrap())).collect()
    };
    let (ours, theirs) = (read(&ours), read(&out));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    assert!(ours == theirs, "not the same bits");
    println!("a fresh VeRA: {} tensors are the same bits", ours.len());
}

/// Runs jobs in Python; returns what it prints.
fn run(python: &Path, file: &Path, jobs: &[Value]) -> String {
    std::fs::write(file, serde_json::to_string(jobs).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peft/check.py");
    let output = Command::new(python).arg(script).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What PEFT writes of an adapter it loaded is what was written here, keys in the same order.
fn check_saved(ours: &Path, theirs: &Path, compare_config: bool) {
    let read = |folder: &Path| -> Value {
        let text = std::fs::read_to_string(folder.join("adapter_config.json")).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        // PEFT writes the names in the order of a set.
        for key in ["target_modules", "exclude_modules", "feedforward_modules", "modules_to_save"] {
            if let Some(names) = value.get_mut(key).and_then(Value::as_array_mut) {
                names.sort_by_key(Value::to_string);
            }
        }
        value
    };
    if compare_config {
        let (left, right) = (read(ours), read(theirs));
        assert_eq!(left, right, "{}", ours.display());
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&left), keys(&right));
    }
    let factors = |folder: &Path| -> BTreeMap<String, Tensor> {
        let tensors = golden::tensors(folder.join("adapter_model.safetensors")).into_iter();
        // With the embedding or the head among the targets, PEFT adds the base's own.
        tensors.filter(|(name, _)| !name.contains(".base_layer.")).collect()
    };
    golden::compare(&ours.display().to_string(), &factors(theirs), &factors(ours), 0.0);
}
