//! Whole modules, rows of tokens, and updates of the embedding: tied heads, files of other releases, what is refused.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::super::combine::{Method, Part, Settings, combine};
use super::super::*;
use super::{all_linear, difference, logits, model_of, settings};
use crate::model::{Batch, GradientSink, Llama, Parameter, Parameters, Pass, Prompt, Rewrite, Sampling, Weight};
use crate::recipe::{LoraSettings, Quantization, Targets};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn plain() -> LoraSettings {
    LoraSettings { dropout: 0.0, ..settings(Targets::Names(names(&["q_proj"]))) }
}

fn saved(modules: &[&str]) -> LoraSettings {
    LoraSettings { modules_to_save: names(modules), ..plain() }
}

fn tokens(of: &[(&str, &[u32])]) -> LoraSettings {
    let each = of.iter().map(|(name, ids)| ((*name).to_owned(), ids.to_vec()));
    LoraSettings { trainable_tokens: each.collect(), ..plain() }
}

fn embedding() -> LoraSettings {
    LoraSettings { targets: Targets::Names(names(&["q_proj", "embed_tokens"])), ..plain() }
}

fn move_all(parameters: &Parameters) {
    let shift = |i: usize| ((i * 37 + 11) % 23) as f32 / 50.0 - 0.2;
    let shift: Vec<f32> = (0..parameters.elements()).map(shift).collect();
    let shift = Tensor::new(shift.as_slice(), &Device::Cpu).unwrap().to_dtype(parameters.dtype()).unwrap();
    parameters.value().slice_set(&(parameters.value() + shift).unwrap(), 0, 0).unwrap();
}

/// A trained adapter, and the logits of the model that it was trained on.
fn trained(model: &Llama, settings: &LoraSettings) -> (Adapter, Vec<f64>) {
    let mut model = model.clone();
    let (parameters, config) = create(&mut model, settings, 5).unwrap();
    move_all(&parameters);
    (Adapter::take(&model, &config).unwrap(), logits(&model))
}

fn refused(model: &Llama, settings: &LoraSettings) -> String {
    create(&mut model.clone(), settings, 5).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_tied_head_stays_the_embedding_and_is_written_under_both_names() {
    let model = model_of(true, DType::F32);
    let root = tempfile::tempdir().unwrap();
    for modules in [&["embed_tokens"][..], &["lm_head"], &["embed_tokens", "lm_head", "model.norm"]] {
        let (adapter, expected) = trained(&model, &saved(modules));
        let json = adapter.config.to_json();
        assert_eq!(json["ensure_weight_tying"], true);
        assert!(json["modules_to_save"].as_array().unwrap().iter().all(|name| name != "lm_head"), "{json}");
        adapter.save(root.path()).unwrap();
        let file = candle_core::safetensors::load(root.path().join(WEIGHTS_FILE), &Device::Cpu).unwrap();
        let of = |name: &str| file[&format!("base_model.model.{name}.weight")].to_vec2::<f32>().unwrap();
        assert_eq!(of("lm_head"), of("model.embed_tokens"));
        let mut fresh = model.clone();
        let read = Adapter::load_for(root.path(), &fresh).unwrap();
        assert_eq!(read.elements(), adapter.elements(), "the weight counts once");
        read.attach(&mut fresh).unwrap();
        assert!(difference(&logits(&fresh), &expected) <= 1e-6);
        read.merge(&mut fresh).unwrap();
        assert!(fresh.head.is_none() && difference(&logits(&fresh), &expected) <= 1e-5);
    }
}

#[test]
fn weights_that_would_untie_a_head_are_refused() {
    let model = model_of(true, DType::F32);
    let (mut adapter, _) = trained(&model, &saved(&["embed_tokens"]));
    adapter.config.ensure_weight_tying = false;
    let error = adapter.check_fits(&model).unwrap_err().to_string();
    assert!(error.contains("ensure_weight_tying: false, which leaves the two apart"), "{error}");
    adapter.config.ensure_weight_tying = true;
    adapter.beside.whole.insert("lm_head".into(), Tensor::zeros((40, 16), DType::F32, &Device::Cpu).unwrap());
    let error = adapter.check_fits(&model).unwrap_err().to_string();
    assert!(error.contains("different weights for the two"), "{error}");
    adapter.beside.whole.remove("lm_head");
    let error = adapter.check_fits(&model).unwrap_err().to_string();
    assert!(error.starts_with("lm_head  modules_to_save names the module, but it is not there"), "{error}");
    let error = refused(&model, &tokens(&[("embed_tokens", &[1]), ("lm_head", &[2])]));
    assert!(error.contains("name embed_tokens alone, or the same tokens for both"), "{error}");
    assert!(create(&mut model.clone(), &tokens(&[("embed_tokens", &[1]), ("lm_head", &[1])]), 5).is_ok());
}

#[test]
fn rows_of_a_tied_embedding_are_the_heads_too_and_an_update_of_it_is_not() {
    let model = model_of(true, DType::F32);
    for settings in [tokens(&[("embed_tokens", &[7, 14, 39])]), embedding()] {
        let (adapter, expected) = trained(&model, &settings);
        let mut fresh = model.clone();
        adapter.attach(&mut fresh).unwrap();
        assert!(difference(&logits(&fresh), &expected) <= 1e-6);
        detach(&mut fresh).unwrap();
        assert_eq!(logits(&fresh), logits(&model));
        match adapter.merge(&mut fresh) {
            Ok(()) => assert!(difference(&logits(&fresh), &expected) <= 1e-5),
            Err(error) => {
                assert!(adapter.modules.contains_key("model.embed_tokens"));
                assert!(error.to_string().contains("the head of this model is its embedding"), "{error}");
            }
        }
        assert_eq!(adapter.merge(&mut fresh).is_ok(), adapter.modules.len() == 2);
    }
}

#[test]
fn a_merge_into_files_is_that_in_memory() {
    let root = tempfile::tempdir().unwrap();
    let tied = [saved(&["embed_tokens", "input_layernorm"]), tokens(&[("embed_tokens", &[7, 14])])];
    let apart = [saved(&["embed_tokens", "lm_head", "o_proj"]), tokens(&[("lm_head", &[39])]), embedding()];
    let cases = tied.map(|one| (true, one)).into_iter().chain(apart.map(|one| (false, one)));
    for (number, (tied, settings)) in cases.enumerate() {
        let mut model = model_of(tied, DType::F32);
        let (base, out) = (root.path().join(format!("base{number}")), root.path().join(format!("out{number}")));
        model.save(&base, DType::F32).unwrap();
        let (adapter, expected) = trained(&model, &settings);
        let parts = [combine::Part { name: "it", adapter: &adapter, weight: 1.0 }];
        let rewrite = Rewrite { base: &base, dtype: None, shard_bytes: 1 << 20, keep_delta: false };
        let merge = Merge { rewrite, parts: &parts, quantization: Quantization::None };
        merge.write(&out, &mut |_, _| Ok(()), |_| Ok(())).unwrap();
        adapter.merge(&mut model).unwrap();
        let written = Llama::load(&out, DType::F32, &Device::Cpu).unwrap();
        assert!(difference(&logits(&written), &logits(&model)) <= 1e-6, "{number}");
        assert!(difference(&logits(&written), &expected) <= 1e-5, "{number}");
    }
}

#[test]
fn two_updates_of_an_embedding_are_merged_into_files_and_combined() {
    let root = tempfile::tempdir().unwrap();
    let model = model_of(false, DType::F32);
    model.save(root.path(), DType::F32).unwrap();
    let (one, _) = trained(&model, &embedding());
    let parts = [Part { name: "one", adapter: &one, weight: 0.5 }, Part { name: "again", adapter: &one, weight: 0.25 }];
    let rewrite = Rewrite { base: root.path(), dtype: None, shard_bytes: 1 << 20, keep_delta: false };
    let out = root.path().join("out");
    let merge = Merge { rewrite, parts: &parts, quantization: Quantization::None };
    merge.write(&out, &mut |_, _| Ok(()), |_| Ok(())).unwrap();
    let written = logits(&Llama::load(&out, DType::F32, &Device::Cpu).unwrap());
    let mut attached = model.clone();
    combine(&parts, &Settings::new(Method::Linear)).unwrap().adapter.attach(&mut attached).unwrap();
    assert!(difference(&written, &logits(&attached)) <= 1e-5);
    let (whole, _) = trained(&model, &saved(&["lm_head"]));
    let parts = [Part { name: "whole", adapter: &whole, weight: 1.0 }];
    let error = combine(&parts, &Settings::new(Method::Linear)).unwrap_err().to_string();
    assert!(error.contains("in the place of the base's (lm_head)"), "{error}");
}

#[test]
fn names_of_other_releases_are_read_and_strangers_refused() {
    let root = tempfile::tempdir().unwrap();
    let model = model_of(false, DType::F32);
    let (adapter, expected) = trained(&model, &saved(&["embed_tokens", "lm_head"]));
    adapter.save(root.path()).unwrap();
    let path = root.path().join(WEIGHTS_FILE);
    let file = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let write = |file: &HashMap<String, Tensor>| {
        candle_core::safetensors::save(file, &path).unwrap();
        Adapter::load_for(root.path(), &model)
    };
    let renamed = |from: &str, to: &str| file.iter().map(|(name, it)| (name.replace(from, to), it.clone())).collect();
    for name in ["lm_head.modules_to_save.default.weight", "lm_head.modules_to_save.weight"] {
        let mut file: HashMap<String, Tensor> = renamed("lm_head.weight", name);
        let original = model.projection("lm_head").unwrap().weight().unwrap();
        file.insert("base_model.model.lm_head.original_module.weight".into(), original.clone());
        let mut fresh = model.clone();
        write(&file).unwrap().attach(&mut fresh).unwrap();
        assert!(difference(&logits(&fresh), &expected) <= 1e-6);
        file.insert("base_model.model.lm_head.original_module.weight".into(), (original * 2.0).unwrap());
        assert!(write(&file).unwrap_err().to_string().contains("it is not the base's"));
    }
    let error = write(&renamed("lm_head", "model.norm")).unwrap_err().to_string();
    assert!(error.contains("does not name the module in modules_to_save"), "{error}");
    let mut short = file.clone();
    short.remove("base_model.model.lm_head.weight");
    let error = write(&short).unwrap_err().to_string();
    assert!(error.contains("lm_head  modules_to_save names the module, but it is not there"), "{error}");
}

#[test]
fn rows_must_be_as_many_as_the_config_has_ids_and_within_the_vocabulary() {
    let root = tempfile::tempdir().unwrap();
    let model = model_of(false, DType::F32);
    let (mut adapter, _) = trained(&model, &tokens(&[("embed_tokens", &[3, 5])]));
    adapter.config.trainable_tokens[0].1 = vec![3];
    adapter.save(root.path()).unwrap();
    let error = Adapter::load(root.path()).unwrap_err().to_string();
    assert!(error.contains("the number of rows is 2, must be 1, as trainable_token_indices has ids"), "{error}");
    adapter.config.trainable_tokens[0].1 = vec![3, 40];
    adapter.save(root.path()).unwrap();
    let error = Adapter::load_for(root.path(), &model).unwrap_err().to_string();
    assert!(error.contains("the token id is 40, must be below the model's vocabulary of 40"), "{error}");
    assert!(refused(&model, &tokens(&[("q_proj", &[1])])).contains("embed_tokens or lm_head"));
    let both = LoraSettings { modules_to_save: names(&["embed_tokens"]), ..tokens(&[("embed_tokens", &[1])]) };
    assert!(refused(&model, &both).contains("model.embed_tokens is trained whole already"));
}

#[test]
fn modules_are_meant_by_the_ends_of_their_paths_and_must_be_single_weights() {
    let model = model_of(false, DType::F32);
    let (adapter, _) = trained(&model, &saved(&["norm"]));
    assert_eq!(adapter.beside.whole.len(), 5, "as PEFT has it, both norms of each layer and the last");
    assert!(refused(&model, &saved(&["mlp"])).contains("the end of model.layers.0.mlp as well"));
    let error = refused(&model, &saved(&["embed_token", "score"]));
    assert!(error.contains("embed_token is no module") && error.contains("score is no module"), "{error}");
    let (both, _) = trained(&model, &LoraSettings { modules_to_save: names(&["o_proj"]), ..settings(all_linear()) });
    assert_eq!((both.modules.len(), both.beside.whole.len()), (12, 2), "a whole module has no update");
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), DType::F32).unwrap();
    let four_bits = Llama::load_in(folder.path(), (DType::F32, Quantization::Nf4), &Device::Cpu).unwrap();
    assert!(refused(&four_bits, &saved(&["o_proj"])).contains("in 4 bits, so it cannot be trained whole"));
    assert!(create(&mut four_bits.clone(), &saved(&["embed_tokens", "lm_head", "norm"]), 5).is_ok());
    for kind in [crate::recipe::AdapterKind::LoraFa, crate::recipe::AdapterKind::Dora] {
        let error = refused(&model, &LoraSettings { kind, ..embedding() });
        assert!(error.contains("a low-rank update of embed_tokens"), "{error}");
    }
}

/// The largest gradient of each parameter.
struct Largest<'a>(&'a Parameters, HashMap<String, f32>);

impl GradientSink for Largest<'_> {
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        assert_eq!(gradient.dims(), parameter.value.dims());
        let largest = gradient.to_dtype(DType::F32)?.abs()?.flatten_all()?.max(0)?.to_scalar()?;
        let name = self.0.entries()[parameter.index].name.clone();
        assert!(self.1.insert(name, largest).is_none());
        Ok(())
    }
}

#[test]
fn a_bf16_model_trains_whole_modules_in_f32() {
    for (tied, settings) in [
        (false, saved(&["embed_tokens", "lm_head", "norm", "o_proj"])),
        (true, saved(&["embed_tokens"])),
        (true, tokens(&[("embed_tokens", &[1, 2])])),
        (false, tokens(&[("embed_tokens", &[1, 2]), ("lm_head", &[5])])),
        (false, embedding()),
    ] {
        let mut model = model_of(tied, DType::BF16);
        let (parameters, _) = create(&mut model, &settings, 5).unwrap();
        assert_eq!(parameters.dtype(), DType::F32);
        move_all(&parameters);
        let mut sink = Largest(&parameters, HashMap::new());
        let pass = Pass { loss_scale: 1.0, recompute: 1, dropout: None, noise: 0.0 };
        model.train_micro_step(&Batch::document(vec![1, 5, 2, 30, 1]), &pass, &mut sink).unwrap();
        assert_eq!(sink.1.len(), parameters.entries().len());
        assert!(sink.1.values().all(|largest| *largest > 0.0 && largest.is_finite()), "{:?}", sink.1);
    }
}

#[test]
fn texts_of_adapters_with_own_weights_in_one_batch_are_those_of_each_alone() {
    for tied in [true, false] {
        let base = model_of(tied, DType::F64);
        let cases = [
            saved(&["embed_tokens", "lm_head"]),
            saved(&["norm", "o_proj"]),
            tokens(&[("embed_tokens", &[3, 14, 7])]),
            embedding(),
        ];
        let of = |settings: &LoraSettings| {
            let mut model = base.clone();
            trained(&base, settings).0.attach(&mut model).unwrap();
            model
        };
        let adapted: Vec<Llama> = cases.iter().map(of).collect();
        let models: Vec<&Llama> = std::iter::once(&base).chain(&adapted).collect();
        let prompts: Vec<Vec<u32>> = vec![vec![1, 14, 3], vec![9], vec![7, 7, 21, 3, 30]];
        let all: Vec<Prompt<'_>> =
            prompts.iter().flat_map(|ids| (0..5).map(move |model| Prompt { model, ids })).collect();
        let settings = Sampling { stop_ids: vec![], rows_at_once: 7, ..Sampling::greedy(&base, 8) };
        let together = Llama::generate_side_by_side(&models, &all, &settings, &|| false, &mut |_, _| {}).unwrap();
        for (number, model) in models.iter().enumerate() {
            let alone = model.generate(&prompts, &settings, &|| false, &mut |_, _| {}).unwrap();
            let own: Vec<_> = together.iter().skip(number).step_by(5).cloned().collect();
            assert_eq!(own, alone, "tied {tied} model {number}");
        }
        assert!((0..4).all(|model| together[model] != together[model + 1]), "{together:?}");
    }
}

#[test]
fn a_model_with_own_weights_is_neither_saved_nor_trained_whole() {
    let root = tempfile::tempdir().unwrap();
    for settings in [saved(&["norm"]), saved(&["lm_head"]), tokens(&[("embed_tokens", &[1])]), embedding()] {
        let mut model = model_of(false, DType::F32);
        trained(&model.clone(), &settings).0.attach(&mut model).unwrap();
        let error = model.save(root.path(), DType::F32).unwrap_err().to_string();
        assert!(error.contains("a module has an adapter"), "{error}");
        assert!(model.train_all().is_err());
        detach(&mut model).unwrap();
        assert!(model.weights().all(|weight| matches!(weight, Weight::Frozen(_))));
        model.train_all().unwrap();
    }
}
