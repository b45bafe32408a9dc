//! Logits and gradients of the two tiny models, and those of PEFT's adapters on them.

use std::collections::BTreeMap;

use candle_core::Tensor;
use emakeel::adapter::{self, Adapter};
use emakeel::model::{Config, Llama};

use crate::golden::*;

const TOLERANCE: f64 = 1e-4;

/// The tensors of `values.safetensors` under a prefix, without it.
fn expected(model: &str, prefix: &str) -> BTreeMap<String, Tensor> {
    let all = tensors(format!("{model}/values.safetensors"));
    let all = all.into_iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_string(), tensor)));
    all.filter(|(name, _)| name != "logits").collect()
}

fn expected_loss(model: &str, kind: &str) -> f64 {
    json::<serde_json::Value>("summary.json")["losses"][model][kind].as_f64().unwrap()
}

fn check_logits(model: &Llama, name: &str, kind: &str) {
    let want = &tensors(format!("{name}/values.safetensors"))[&format!("{kind}.logits")];
    let difference = relative(&logits(model, &batch(&json::<Vec<Sequence>>("batch.json"))), want);
    assert!(difference <= TOLERANCE, "{name} {kind}: logits differ by {difference:.2e}");
    println!("{name} {kind}: logits differ by {difference:.1e} relative");
}

#[test]
fn logits_are_those_of_transformers_for_mha_untied_and_gqa_tied() {
    for name in MODELS {
        check_logits(&model(name), name, "base");
    }
}

#[test]
fn logits_under_linear_and_llama3_rope_scaling_are_those_of_transformers() {
    let weights = std::fs::read(golden("gqa/model.safetensors")).unwrap();
    for kind in ["linear", "llama3"] {
        let config = Config::from_json(&json(format!("gqa/config_{kind}.json"))).unwrap();
        let (f32, cpu) = (candle_core::DType::F32, candle_core::Device::Cpu);
        let model = Llama::from_safetensors_bytes(config, kind, weights.clone(), f32, &cpu).unwrap();
        check_logits(&model, "gqa", kind);
    }
}

#[test]
fn a_full_models_gradients_are_those_of_transformers() {
    let batch = batch(&json::<Vec<Sequence>>("batch.json"));
    for name in MODELS {
        let mut model = model(name);
        let parameters = model.train_all().unwrap();
        for recompute in [0, 1, usize::MAX] {
            let (loss, got) = gradients(&model, &parameters, &batch, recompute);
            let want = expected_loss(name, "full");
            assert!((loss - want).abs() <= 1e-6 * want, "{name}: loss {loss}, expected {want}");
            compare(&format!("{name} full, recompute {recompute}"), &got, &expected(name, "full."), TOLERANCE);
        }
    }
}

#[test]
fn pefts_adapters_give_pefts_logits() {
    for name in MODELS {
        let mut model = model(name);
        for kind in adapters(name) {
            Adapter::load(&golden(format!("{name}/{kind}"))).unwrap().attach(&mut model).unwrap();
            check_logits(&model, name, kind);
        }
        adapter::detach(&mut model).unwrap();
        check_logits(&model, name, "base");
        Adapter::load(&golden(format!("{name}/lora"))).unwrap().merge(&mut model).unwrap();
        check_logits(&model, name, "lora");
    }
}

#[test]
fn the_gradients_of_pefts_factors_are_those_of_peft() {
    let batch = batch(&json::<Vec<Sequence>>("batch.json"));
    for name in MODELS {
        for kind in adapters(name) {
            let mut model = model(name);
            let adapter = Adapter::load(&golden(format!("{name}/{kind}"))).unwrap();
            let (parameters, _) = adapter.start_from(&mut model, &settings(kind)).unwrap();
            for recompute in [0, 1, usize::MAX] {
                let (loss, got) = gradients(&model, &parameters, &batch, recompute);
                let want = expected_loss(name, kind);
                assert!((loss - want).abs() <= 1e-6 * want, "{name} {kind}: loss {loss}, expected {want}");
                let expected = expected(name, &format!("{kind}."));
                compare(&format!("{name} {kind}, recompute {recompute}"), &got, &expected, TOLERANCE);
            }
        }
    }
}

#[test]
fn an_adapter_read_and_written_is_the_one_that_peft_wrote() {
    for name in MODELS {
        for kind in ["lora", "rslora", "fresh"] {
            let (from, to) = (golden(format!("{name}/{kind}")), tempfile::tempdir().unwrap());
            let to = to.path().join("copy");
            Adapter::load(&from).unwrap().save(&to).unwrap();
            let text = |folder: &std::path::Path| std::fs::read_to_string(folder.join("adapter_config.json")).unwrap();
            assert_eq!(text(&to).trim_end(), text(&from).trim_end(), "{name}/{kind}");
            let bytes = |folder: &std::path::Path| std::fs::read(folder.join("adapter_model.safetensors")).unwrap();
            assert!(bytes(&to) == bytes(&from), "{name}/{kind}: the factors' file differs");
        }
    }
}
