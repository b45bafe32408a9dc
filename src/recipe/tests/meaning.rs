//! What recipes mean, and that the recipe written out in full means the same.

use super::*;

/// The recipe of the README's long study, with files where it has data sets of the Hub.
pub(super) const LLAMMAS: &str = include_str!("../../../recipes/llammas-7b.yaml");

pub(super) fn parsed(text: &str) -> Recipe {
    Recipe::parse(text, "r.yaml", &[]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Reads the recipe, writes it out in full, reads that, and gives back the first.
pub(super) fn round_trip(text: &str) -> Recipe {
    let recipe = parsed(text);
    let full = recipe.resolved_yaml().expect("YAML");
    let again = parsed(&full);
    assert_eq!(again.study, recipe.study, "{full}");
    assert_eq!(again.publish, recipe.publish, "{full}");
    assert_eq!(again.resolved_yaml().expect("YAML"), full);
    recipe
}

#[test]
fn the_llammas_study_means_what_the_paper_says() {
    let study = round_trip(LLAMMAS).study;
    let pretrain = study.pretrain.as_ref().expect("pretraining");
    assert_eq!(pretrain.snapshots, [1_000_000_000, 5_000_000_000]);
    assert_eq!(pretrain.training.micro_batch, 16);
    assert_eq!(pretrain.training.packing, Packing::Concat);
    assert_eq!(pretrain.training.mixture.parts[0].amount, Amount::Share(0.75));
    assert_eq!(pretrain.training.schedule.final_learning_rate, 2e-6);
    let names: Vec<&str> = study.adapters.iter().map(|adapter| adapter.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "general@base",
            "general@pretrain@1B",
            "general@pretrain@5B",
            "translation",
            "ratio-1-1",
            "ratio-1-3",
            "then-general"
        ]
    );
    let then_general = &study.adapters[6];
    assert_eq!(then_general.start_from.as_deref(), Some("translation"));
    assert_eq!(then_general.on, Foundation::Snapshot(5_000_000_000));
    assert_eq!(study.adapters[5].training.mixture.parts[2].forward_share, 0.25);
    assert_eq!(study.compare.map(|compare| compare.tasks.len()), Some(8));
}

#[test]
fn every_recipe_that_comes_with_the_program_has_no_mistakes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("recipes") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let recipe = Recipe::open(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
            round_trip(&recipe.text);
            seen += 1;
        }
    }
    assert!(seen >= 2);
}

/// A recipe that says no more than it must.
const SHORT: &str = "name: x\nbase: { model: m }\nsources: { chat: { path: c.json, template: alpaca }, words: { path: w.txt } }\n\
     pretrain: { tokens: 1B, mixture: { words: 1 } }\nadapters: { a: { mixture: { chat: 1 } } }\n\
     compare: { tasks: [{ task: answer, data: q.json }] }\n";

#[test]
fn an_adapter_gets_the_defaults_of_the_llammas_scripts() {
    let study = round_trip(SHORT).study;
    assert_eq!((study.seed, study.base.dtype), (42, candle_core::DType::F32));
    assert_eq!(study.device, crate::device::DeviceChoice::Auto);
    let adapter = &study.adapters[0];
    assert_eq!(adapter.on, Foundation::Snapshot(1_000_000_000));
    let lora = LoraSettings {
        rank: 64,
        alpha: 16.0,
        dropout: 0.1,
        targets: Targets::AllLinear(AllLinear::AllLinear),
        rslora: false,
        quantization: Quantization::None,
        ..LoraSettings::default()
    };
    assert_eq!(adapter.method, Method::Lora(lora));
    let expected = Training {
        sequence_length: 1024,
        batch: 128,
        micro_batch: 8,
        budget: Budget::Epochs(3.0),
        packing: Packing::BestFit,
        too_long: TooLong::Drop,
        no_target: NoTarget::Error,
        optimizer: OptimizerSettings {
            learning_rate: 2e-4,
            weight_decay: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: Some(1.0),
            ..OptimizerSettings::default()
        },
        schedule: Schedule { kind: ScheduleKind::Linear, warmup: 0.03, final_learning_rate: 0.0 },
        template: ChatTemplate::LlammasChat,
        train_on: TrainOn::Assistant,
        mixture: Mixture {
            parts: vec![MixturePart { source: "chat".into(), amount: Amount::Share(1.0), forward_share: 0.5 }],
            by: MixtureUnit::Tokens,
            stopping: StoppingStrategy::FirstExhausted,
        },
        checkpoint_every: 100,
        evaluate_every: 0,
        held_out: 0.0,
        neftune_alpha: 0.0,
        recompute: Recompute::ToFit(None),
    };
    assert_eq!(adapter.training, expected);
}

#[test]
fn pretraining_and_the_comparison_get_theirs() {
    let study = round_trip(SHORT).study;
    let pretrain = study.pretrain.as_ref().expect("pretraining");
    assert_eq!(pretrain.snapshots, [1_000_000_000]);
    let tuned = &study.adapters[0].training.optimizer;
    let optimizer = OptimizerSettings { learning_rate: 2e-5, weight_decay: 0.1, beta2: 0.95, ..tuned.clone() };
    assert_eq!(pretrain.training.optimizer, optimizer);
    assert_eq!(pretrain.training.batch, 256);
    let compare = study.compare.as_ref().expect("a comparison");
    assert_eq!((compare.batch, compare.limit, compare.merged), (16, None, false));
    assert_eq!(compare.template, ChatTemplate::LlammasChat);
    assert_eq!(compare.tasks[0].max_new_tokens, 64);
}

#[test]
fn translations_are_scored_as_the_recipe_says() {
    let text = "
name: x
base: { model: m }
compare:
  tasks:
    - { task: translation, data: a, from: English, to: Estonian }
    - task: translation
      data: a
      from: Estonian
      to: English
      metric: { bleu: { tokenize: flores200, model: spm.model, lowercase: true }, ter: true }
";
    let compare = round_trip(text).study.compare.expect("a comparison");
    assert_eq!(compare.tasks[0].metric, MetricSettings::default());
    let expected =
        MetricSettings { tokenize: BleuTokens::Flores200, model: Some("spm.model".into()), lowercase: true, ter: true };
    assert_eq!(compare.tasks[1].metric, expected);
}

#[test]
fn defaults_go_under_each_adapter_key_by_key() {
    let text = "
name: x
base: { model: m }
sources: { chat: { path: c.json, template: alpaca } }
adapters:
  defaults:
    rank: 8
    epochs: 2
    mixture: { chat: 1 }
    optimizer: { learning_rate: 1e-3, beta2: 0.99 }
    schedule: { kind: cosine, warmup: 0.1 }
  a: {}
  b: { tokens: 1M, rank: 4, optimizer: { learning_rate: 5e-4 }, schedule: { warmup: 0 } }
  c: { method: full }
";
    let study = round_trip(text).study;
    let [a, b, c] = study.adapters.as_slice() else { panic!("three adapters") };
    assert_eq!(a.training.optimizer.learning_rate, 1e-3);
    assert_eq!(b.training.optimizer.learning_rate, 5e-4);
    assert_eq!(b.training.optimizer.beta2, 0.99);
    assert_eq!(b.training.schedule, Schedule { kind: ScheduleKind::Cosine, warmup: 0.0, final_learning_rate: 0.0 });
    assert_eq!(a.training.budget, Budget::Epochs(2.0));
    assert_eq!(b.training.budget, Budget::Tokens(1_000_000));
    assert!(matches!(&b.method, Method::Lora(lora) if lora.rank == 4 && lora.alpha == 16.0));
    assert_eq!(c.method, Method::Full);
}

#[test]
fn adapters_come_after_the_ones_they_start_from_on_each_model() {
    let text = "
name: x
base: { model: m }
sources: { s: { path: s.txt } }
pretrain: { tokens: 2B, snapshots: [1B], mixture: { s: 1 } }
adapters:
  defaults: { mixture: { s: 1 } }
  last: { on: [pretrain@1B, base], start_from: middle }
  middle: { on: [base, pretrain@1000M, pretrain], start_from: first }
  first: { on: [base, pretrain@1B, pretrain@2B] }
  other: { on: pretrain@2B, start_from: middle@pretrain@2B }
";
    let study = round_trip(text).study;
    let starts: Vec<(&str, Option<&str>)> =
        study.adapters.iter().map(|adapter| (adapter.name.as_str(), adapter.start_from.as_deref())).collect();
    assert_eq!(
        starts,
        [
            ("first@base", None),
            ("first@pretrain@1B", None),
            ("first@pretrain@2B", None),
            ("middle@base", Some("first@base")),
            ("middle@pretrain@1B", Some("first@pretrain@1B")),
            ("middle@pretrain@2B", Some("first@pretrain@2B")),
            ("last@pretrain@1B", Some("middle@pretrain@1B")),
            ("last@base", Some("middle@base")),
            ("other", Some("middle@pretrain@2B")),
        ]
    );
}

#[test]
fn the_micro_batch_left_open_is_the_largest_divisor_within_8192_tokens() {
    for (batch, length, expected) in [(4, 512, 4), (256, 1024, 8), (6, 2048, 3), (7, 2048, 1), (3, 10_000, 1)] {
        let text = format!(
            "name: x\nbase: {{ model: m }}\nsources: {{ s: {{ path: s.txt }} }}\n\
             pretrain: {{ tokens: 1B, batch: {batch}, sequence_length: {length}, mixture: {{ s: 1 }} }}\n"
        );
        let study = round_trip(&text).study;
        assert_eq!(study.pretrain.map(|pretrain| pretrain.training.micro_batch), Some(expected), "{batch} × {length}");
    }
}

#[test]
fn holding_rows_out_and_evaluating_ask_for_each_other() {
    for (keys, expected) in [
        ("", (0.0, 0)),
        ("held_out: 0.05,", (0.05, 100)),
        ("evaluate_every: 7,", (0.01, 7)),
        ("held_out: 0.05, evaluate_every: 0,", (0.05, 0)),
    ] {
        let text = format!(
            "name: x\nbase: {{ model: m }}\nsources: {{ s: {{ path: s.txt }} }}\n\
             pretrain: {{ tokens: 1B, {keys} mixture: {{ s: 1 }} }}\n"
        );
        let training = round_trip(&text).study.pretrain.expect("pretraining").training;
        assert_eq!((training.held_out, training.evaluate_every), expected, "{keys}");
    }
}

#[test]
fn what_is_computed_again_is_said_by_hand_or_by_the_memory() {
    for (keys, expected) in [
        ("", Recompute::ToFit(None)),
        ("memory: 2GiB,", Recompute::ToFit(Some(2 << 30))),
        ("recompute: true,", Recompute::All),
        ("recompute: false,", Recompute::Nothing),
    ] {
        let text = format!(
            "name: x\nbase: {{ model: m }}\nsources: {{ s: {{ path: s.txt }} }}\n\
             pretrain: {{ tokens: 1B, {keys} mixture: {{ s: 1 }} }}\n"
        );
        assert_eq!(round_trip(&text).study.pretrain.expect("pretraining").training.recompute, expected, "{keys}");
    }
}

#[test]
fn a_new_model_fills_its_shape() {
    let text = "
name: x
base:
  new: { hidden_size: 4096, layers: 32, heads: 32 }
  tokenizer: { train: { sources: [s], vocabulary: 1K } }
sources: { s: { builtin: english-text, rows: 1K } }
pretrain: { tokens: 1B, mixture: { s: 1 } }
";
    let base = round_trip(text).study.base;
    let BaseOrigin::New(model) = base.origin else { panic!("a new model") };
    // 8/3 of 4096 is 10922⅔; the next multiple of 64 is 10944.
    assert_eq!((model.intermediate_size, model.key_value_heads), (10_944, 32));
    assert_eq!((model.max_position_embeddings, model.rope_theta), (4096, 10_000.0));
    assert_eq!(base.tokenizer, Some(TokenizerOrigin::Trained { sources: vec!["s".into()], vocabulary: 1000 }));
}

#[test]
fn set_changes_the_meaning() {
    let sets = ["adapters.general=null", "adapters.defaults.rank=8", "compare.tasks.0.max_new_tokens=5", "name=y"];
    let sets = sets.map(str::to_owned);
    let recipe = Recipe::parse(LLAMMAS, "r.yaml", &sets).expect("no mistakes");
    assert_eq!(recipe.study.name, "y");
    assert!(recipe.study.adapters.iter().all(|adapter| adapter.entry() != "general"));
    assert!(matches!(&recipe.study.adapters[0].method, Method::Lora(lora) if lora.rank == 8));
    assert_eq!(recipe.study.compare.map(|compare| compare.tasks[0].max_new_tokens), Some(5));
    assert_eq!(recipe.places.of("name"), "--set name=y");
    assert_eq!(recipe.places.of("adapters.defaults.rank"), "--set adapters.defaults.rank=8");
    assert!(recipe.places.of("sources.bitext.path").starts_with("recipe r.yaml:"));
}

#[test]
fn a_recipe_opens_from_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.yaml");
    let absent = Recipe::open(&path, &[]).map(|_| ()).map_err(|error| error.to_string()).unwrap_err();
    assert!(absent.contains("a.yaml  cannot read the recipe: "), "{absent}");
    std::fs::write(&path, b"name: x\nbase: \xff\n").expect("a file");
    let latin = Recipe::open(&path, &[]).map(|_| ()).map_err(|error| error.to_string()).unwrap_err();
    assert!(latin.ends_with("a.yaml:2  the recipe is not UTF-8 text"), "{latin}");
    std::fs::write(&path, LLAMMAS).expect("a file");
    let recipe = Recipe::open(&path, &[]).expect("no mistakes");
    let line = LLAMMAS.lines().position(|line| line.starts_with("name:")).expect("a name") + 1;
    assert_eq!(recipe.places.of("name"), format!("recipe {}:{line}:7", path.display()));
}
