//! Every kind of adapter: made, trained, taken, written, read, put on, and merged.

use candle_core::{DType, Device, Tensor};

use super::super::*;
use super::{all_linear, difference, logits, model_of, settings};
use crate::model::{Llama, Parameters, Projection};
use crate::recipe::{AdapterKind, Initial, LoraSettings, Quantization, Targets};

/// Settings of every kind and start that trains on plain weights.
fn every_kind() -> Vec<LoraSettings> {
    let plain = LoraSettings { dropout: 0.0, ..settings(all_linear()) };
    let names = |names: &[&str]| Targets::Names(names.iter().map(|name| (*name).to_owned()).collect());
    let mut all = vec![plain.clone()];
    for kind in [AdapterKind::LoraFa, AdapterKind::Dora] {
        all.push(LoraSettings { kind, ..plain.clone() });
        all.push(LoraSettings { kind, rslora: true, targets: names(&["v_proj", "lm_head"]), ..plain.clone() });
    }
    all.push(LoraSettings {
        kind: AdapterKind::Ia3,
        targets: names(&["k_proj", "v_proj", "down_proj"]),
        ..LoraSettings::default()
    });
    all.push(LoraSettings { kind: AdapterKind::Vera, ..plain.clone() });
    all.push(LoraSettings {
        kind: AdapterKind::Vera,
        targets: names(&["v_proj", "down_proj", "lm_head"]),
        exclude: Some(names(&["0.mlp.down_proj"])),
        ..plain.clone()
    });
    for init in [Initial::Gaussian, Initial::Pissa, Initial::PissaRounds(4), Initial::Olora] {
        all.push(LoraSettings { init, ..plain.clone() });
        all.push(LoraSettings { init, rslora: true, kind: AdapterKind::LoraFa, ..plain.clone() });
    }
    let saved = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    all.push(LoraSettings { modules_to_save: saved(&["embed_tokens", "lm_head"]), ..plain.clone() });
    all.push(LoraSettings {
        modules_to_save: saved(&["norm", "o_proj"]),
        kind: AdapterKind::Dora,
        lora_plus_ratio: 4.0,
        ..plain.clone()
    });
    all.push(LoraSettings {
        modules_to_save: saved(&["model.embed_tokens"]),
        kind: AdapterKind::Ia3,
        targets: names(&["k_proj", "down_proj"]),
        ..LoraSettings::default()
    });
    all.push(LoraSettings { targets: names(&["embed_tokens", "v_proj", "lm_head"]), rslora: true, ..plain.clone() });
    let tokens = |name: &str, ids: &[u32]| (name.to_owned(), ids.to_vec());
    all.push(LoraSettings { trainable_tokens: vec![tokens("embed_tokens", &[7, 14, 15, 3])], ..plain.clone() });
    let both = vec![tokens("embed_tokens", &[21, 0]), tokens("lm_head", &[1, 2, 3, 39, 14])];
    all.push(LoraSettings { trainable_tokens: both, modules_to_save: saved(&["input_layernorm"]), ..plain.clone() });
    all.push(LoraSettings {
        exclude: Some(names(&["mlp.up_proj"])),
        layers: Some(vec![1]),
        rank_pattern: vec![("down_proj".into(), 2), ("self_attn.q_proj".into(), 6)],
        alpha_pattern: vec![("[kv]_proj".into(), 3.0)],
        init: Initial::Pissa,
        ..plain
    });
    all
}

/// What a base may be kept in beside its own dtype.
const FEW_BITS: [Quantization; 2] = [Quantization::Nf4, Quantization::Int8];

/// Moves every parameter, as training would.
fn train(parameters: &Parameters) {
    let shift = |i: usize| ((i * 37 + 11) % 23) as f64 / 50.0 - 0.2;
    let shift: Vec<f64> = (0..parameters.elements()).map(shift).collect();
    let shift = Tensor::new(shift.as_slice(), &Device::Cpu).unwrap().to_dtype(parameters.dtype()).unwrap();
    let moved = (parameters.value() + shift).unwrap();
    parameters.value().slice_set(&moved, 0, 0).unwrap();
}

#[test]
fn a_trained_adapter_written_and_read_does_the_same_attached_and_merged() {
    let root = tempfile::tempdir().unwrap();
    for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-6)] {
        for (number, settings) in every_kind().into_iter().enumerate() {
            let what = format!("{dtype:?} {} {}", settings.kind.name(), settings.init);
            let base = model_of(false, dtype);
            let (before, mut trained) = (logits(&base), base.clone());
            let (parameters, config) = create(&mut trained, &settings, 5).unwrap();
            let fresh = difference(&logits(&trained), &before);
            assert!(fresh <= tolerance, "{what}: fresh it changes {fresh:.1e}");
            train(&parameters);
            let after = logits(&trained);
            assert!(difference(&after, &before) > 0.05, "{what}: training changed nothing");
            let place = root.path().join(format!("{number}-{dtype:?}"));
            Adapter::take(&trained, &config).unwrap().save(&place).unwrap();
            let mut fresh = base.clone();
            let adapter = Adapter::load_for(&place, &fresh).unwrap();
            adapter.attach(&mut fresh).unwrap();
            let attached = logits(&fresh);
            let found = difference(&attached, &after);
            assert!(found <= tolerance, "{what}: attached {found:.1e}");
            detach(&mut fresh).unwrap();
            assert_eq!(logits(&fresh), before, "{what}");
            adapter.merge(&mut fresh).unwrap();
            let found = difference(&logits(&fresh), &attached);
            assert!(found <= tolerance, "{what}: merged {found:.1e}");
        }
    }
}

#[test]
fn training_goes_on_from_a_written_adapter_of_every_kind() {
    for settings in every_kind() {
        let base = model_of(false, DType::F32);
        let mut trained = base.clone();
        let (parameters, config) = create(&mut trained, &settings, 5).unwrap();
        train(&parameters);
        let adapter = Adapter::take(&trained, &config).unwrap();
        let (rank, alpha) = settings.saved();
        let doubled = |entries: &[(String, usize)]| entries.iter().map(|(k, v)| (k.clone(), 2 * v)).collect();
        let mut wanted = LoraSettings { rank, alpha, init: Initial::Kaiming, ..settings.clone() };
        if settings.init.changes_base() {
            wanted.rank_pattern = doubled(&settings.rank_pattern);
            wanted.alpha_pattern = settings.alpha_pattern.iter().map(|(k, v)| (k.clone(), 2.0 * v)).collect();
        }
        let mut again = base.clone();
        adapter.start_from(&mut again, &wanted).unwrap();
        let found = difference(&logits(&again), &logits(&trained));
        assert!(found < 1e-5, "{} {}: {found:.1e}", settings.kind.name(), settings.init);
    }
}

#[test]
fn another_kind_is_no_start() {
    let mut model = model_of(false, DType::F32);
    let dora = LoraSettings { kind: AdapterKind::Dora, ..settings(all_linear()) };
    let (_, config) = create(&mut model, &dora, 1).unwrap();
    let adapter = Adapter::take(&model, &config).unwrap();
    let error = adapter.start_from(&mut model, &settings(all_linear())).unwrap_err().to_string();
    assert_eq!(error, "the kind of adapter is lora, must be dora, as of the adapter it starts from");
    assert!(adapter.only_factors().is_err());
}

#[test]
fn a_base_that_lacks_what_the_factors_began_with_is_not_taken_for_the_base() {
    let mut model = model_of(false, DType::F32);
    create(&mut model, &LoraSettings { init: Initial::Olora, ..settings(all_linear()) }, 1).unwrap();
    let error = detach(&mut model).unwrap_err().to_string();
    assert!(error.contains("began with a part of its weight"), "{error}");
    assert!(create(&mut model, &settings(all_linear()), 1).is_err());
}

/// The squared distance of every layer's weights, with the update, from those of another model.
fn lost(model: &Llama, base: &Llama) -> f64 {
    let mut sum = 0.0;
    for path in base.module_paths().iter().filter(|path| path.starts_with("model.layers.")) {
        let mut weight = model.projection(path).unwrap().weight().unwrap().to_dtype(DType::F64).unwrap();
        if let Some(Projection::Lora(lora)) = model.projection(path) {
            let wide = |factor: &Tensor| factor.to_dtype(DType::F64).unwrap();
            let update = wide(lora.b.value()).matmul(&wide(lora.a.value())).unwrap();
            weight = (weight + (update * lora.scale).unwrap()).unwrap();
        }
        let whole = base.projection(path).unwrap().weight().unwrap().to_dtype(DType::F64).unwrap();
        sum += (weight - whole).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
    }
    sum
}

#[test]
fn starts_on_few_bits_lose_less_of_the_weights_than_few_bits_alone() {
    FEW_BITS.into_iter().for_each(loses_less);
}

fn loses_less(quantization: Quantization) {
    let base = model_of(false, DType::F32);
    let start = |init| {
        let mut model = base.clone();
        let settings = LoraSettings { init, quantization, ..settings(all_linear()) };
        let made = create(&mut model, &settings, 1).unwrap();
        let frozen = model.projection("model.layers.0.self_attn.q_proj").unwrap().frozen().unwrap().clone();
        assert_eq!(frozen.quantization(), quantization);
        (model, made)
    };
    let mut plain = base.clone();
    initial::quantize_others(&mut plain, quantization).unwrap();
    let (plain, once, often) = (lost(&plain, &base), start(Initial::Loftq(1)), start(Initial::Loftq(5)));
    let (once, often, pissa) = (lost(&once.0, &base), lost(&often.0, &base), lost(&start(Initial::Pissa).0, &base));
    assert!(once < 0.75 * plain && often < once && pissa < plain, "{plain} {once} {often} {pissa}");

    // What is written belongs on the weights as they were, and is what training added to them.
    let (mut trained, (parameters, config)) = start(Initial::Loftq(2));
    let untrained = Adapter::take(&trained, &config).unwrap();
    let mut attached = base.clone();
    untrained.attach(&mut attached).unwrap();
    assert!(difference(&logits(&attached), &logits(&base)) < 1e-5);
    train(&parameters);
    let written = Adapter::take(&trained, &config).unwrap();
    assert_eq!(written.config.rank, 8);
    assert!(written.attach(&mut trained).is_err());
    let mut quantized = base.clone();
    initial::quantize_others(&mut quantized, quantization).unwrap();
    let again = LoraSettings { init: Initial::Pissa, ..settings(all_linear()) };
    let error = create(&mut quantized, &again, 1).unwrap_err().to_string();
    assert!(error.contains(&format!("in {} already", quantization.bits())), "{error}");
}

#[test]
fn kinds_train_on_few_bits() {
    let kinds = [AdapterKind::Lora, AdapterKind::Dora, AdapterKind::LoraFa, AdapterKind::Ia3, AdapterKind::Vera];
    for (kind, quantization) in kinds.into_iter().flat_map(|kind| FEW_BITS.map(|quantization| (kind, quantization))) {
        let mut model = model_of(false, DType::F32);
        initial::quantize_others(&mut model, quantization).unwrap();
        let before = logits(&model);
        let (parameters, config) = create(&mut model, &LoraSettings { kind, ..settings(all_linear()) }, 1).unwrap();
        assert!(difference(&logits(&model), &before) < 1e-5);
        train(&parameters);
        let (trained, adapter) = (logits(&model), Adapter::take(&model, &config).unwrap());
        adapter.attach(&mut model).unwrap();
        assert!(difference(&logits(&model), &trained) < 1e-5, "{}", kind.name());
        let error = adapter.merge(&mut model).unwrap_err().to_string();
        assert!(error.contains(&format!("the module is in {}", quantization.bits())), "{error}");
    }
}

#[test]
fn what_is_left_of_the_modules_is_checked() {
    let paths = model_of(false, DType::F32).module_paths();
    let refused = |settings: LoraSettings| choose(&settings, &paths).unwrap_err().to_string();
    let plain = settings(all_linear());
    let names = |name: &str| Some(Targets::Names(vec![name.to_owned()]));
    let text = refused(LoraSettings { layers: Some(vec![1, 2]), ..plain.clone() });
    assert!(text.starts_with("layer 2 has no module that is a target"), "{text}");
    let text = refused(LoraSettings { exclude: names("w_proj"), ..plain.clone() });
    assert!(text.starts_with("the excluded module \"w_proj\" matches no linear module"), "{text}");
    let text = refused(LoraSettings { rank_pattern: vec![("lm_head".into(), 3)], ..plain.clone() });
    assert!(text.starts_with("the pattern \"lm_head\" of a rank or alpha matches no linear module"), "{text}");
    let text = refused(LoraSettings { exclude: Some(Targets::Pattern(".*".into())), ..plain.clone() });
    assert!(text.starts_with("no module is left to train"), "{text}");
    let (chosen, rules) =
        choose(&LoraSettings { layers: Some(vec![1]), exclude: names("mlp.up_proj"), ..plain }, &paths).unwrap();
    assert_eq!((chosen.len(), rules.select(&paths).unwrap().len()), (6, 6));
    assert_eq!(rules.layers, Some(vec![1]));
}
