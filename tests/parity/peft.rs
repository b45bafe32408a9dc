//! The other way round: transformers and PEFT load what emakeel writes, and compute what it computes.
//!
//! Runs with the Python named by `EMAKEEL_PYTHON`, else the one in `~/.cache/emakeel/peers`; without torch,
//! transformers and peft there, the test is skipped, loudly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use candle_core::{DType, Device, Tensor};
use emakeel::adapter::{self, Adapter};
use emakeel::model::{Batch, Config, Llama};
use emakeel::recipe::{LoraSettings, Targets};
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
        ("pattern", targets(Targets::Pattern(r"model\.layers\.(?!0\.)\d+\.(mlp\..*|self_attn\.[kv]_proj)".into()))),
    ]
}

fn make_adapter(model: &mut Llama, settings: &LoraSettings, base: &Path) -> Adapter {
    let (_, config) = adapter::create(model, settings, 11).unwrap();
    let mut adapter = Adapter::take(model, &config).unwrap();
    for (number, pair) in adapter.modules.values_mut().enumerate() {
        let values: Vec<f32> =
            (0..pair.b.elem_count()).map(|i| ((i * 31 + number * 7) % 97) as f32 / 970.0 - 0.05).collect();
        pair.b = Tensor::from_vec(values, pair.b.dims(), &Device::Cpu).unwrap();
    }
    adapter.config.base_model = Some(base.display().to_string());
    adapter.base_hash = Some("c0ffee".into());
    adapter
}

fn prepare(root: &Path, name: &str, mut model: Llama, batch: &Batch) -> Vec<Case> {
    let folder = root.join(name);
    model.save(&folder, DType::F32).unwrap();
    let mut cases = vec![Case { name: name.into(), adapter: None, logits: golden::logits(&model, batch) }];
    for (kind, settings) in kinds(model.head.is_none()) {
        let adapter = make_adapter(&mut model, &settings, &folder);
        adapter.attach(&mut model).unwrap();
        let place = root.join(format!("{name}-{kind}"));
        adapter.save(&place).unwrap();
        cases.push(Case { name: name.into(), adapter: Some(place), logits: golden::logits(&model, batch) });
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
    let file = root.path().join("jobs.json");
    std::fs::write(&file, serde_json::to_string(&jobs).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peft/check.py");
    let output = Command::new(python).arg(script).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let version = String::from_utf8_lossy(&output.stdout);
    if version.trim() != VERSION {
        eprintln!("PEFT here is {}, not {VERSION}: its config keys are not compared", version.trim());
    }
    let mut worst = 0f64;
    for (number, case) in cases.iter().enumerate() {
        let got = golden::tensors(out(number).join("logits.safetensors"));
        let difference = relative(&case.logits, &got["logits"]);
        assert!(difference <= TOLERANCE, "{} {:?}: logits differ by {difference:.2e}", case.name, case.adapter);
        worst = worst.max(difference);
        if let Some(adapter) = &case.adapter {
            check_saved(adapter, &out(number).join("saved"), version.trim() == VERSION);
        }
    }
    println!(
        "{} models and adapters loaded by transformers and PEFT, logits differ by {worst:.1e} at most",
        cases.len()
    );
}

/// What PEFT writes of an adapter it loaded is what was written here, keys in the same order.
fn check_saved(ours: &Path, theirs: &Path, compare_config: bool) {
    let read = |folder: &Path| -> Value {
        let text = std::fs::read_to_string(folder.join("adapter_config.json")).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        // PEFT writes the names in the order of a set.
        if let Some(names) = value["target_modules"].as_array_mut() {
            names.sort_by_key(Value::to_string);
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
        // With the head among the targets, PEFT adds the base's own.
        tensors.filter(|(name, _)| name.contains(".lora_")).collect()
    };
    golden::compare(&ours.display().to_string(), &factors(theirs), &factors(ours), 0.0);
}
