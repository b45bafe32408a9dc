//! Searches on a model of random weights.

use std::cell::Cell;

use candle_core::{DType, Device, Tensor};

use super::*;
use crate::adapter::{self, Adapter};
use crate::data::Tokenizer;
use crate::eval::Task;
use crate::eval::text_loss::HeldOut;
use crate::model::Config;
use crate::recipe::{ChatTemplate, Compare, LoraSettings, NewModel, Targets, TaskData, TaskKind, TaskSettings};

struct Setting {
    root: tempfile::TempDir,
    model: Llama,
    held_out: HeldOut,
    adapters: Vec<(String, Adapter)>,
}

fn setting() -> Setting {
    let root = tempfile::tempdir().unwrap();
    let words: Vec<String> = (0..300).map(|n| format!("sõna{n} loeb raamatut {n}")).collect();
    let tokenizer = Tokenizer::train(words, 290).unwrap();
    let shape = NewModel {
        hidden_size: 16,
        intermediate_size: 24,
        layers: 1,
        heads: 2,
        key_value_heads: 1,
        max_position_embeddings: 256,
        tie_word_embeddings: false,
        rope_theta: 10_000.0,
        initializer_range: 0.3,
    };
    let config = Config::new(&shape, tokenizer.vocabulary(), Some(tokenizer.bos()), vec![tokenizer.eos()]).unwrap();
    let model = Llama::random(config, 1, DType::F32, &Device::Cpu).unwrap();
    let file = root.path().join("rows.jsonl");
    let rows = (0..12).map(|n| format!("{{\"instruction\":\"Loe {n}\",\"input\":\"\",\"output\":\"sõna{n} loeb\"}}\n"));
    std::fs::write(&file, rows.collect::<String>()).unwrap();
    let held_out = HeldOut::open(&file, (&tokenizer, &ChatTemplate::LlammasChat), 64, Some(10)).unwrap();
    let make = |seed: u64| {
        let settings = LoraSettings {
            rank: 2,
            alpha: 2.0,
            dropout: 0.0,
            targets: Targets::Names(vec!["lm_head".into(), "up_proj".into()]),
            ..LoraSettings::default()
        };
        let mut model = model.clone();
        let (_, config) = adapter::create(&mut model, &settings, seed).unwrap();
        let mut made = Adapter::take(&model, &config).unwrap();
        for pair in made.modules.values_mut() {
            let stream = crate::random::Stream::new(seed, "b");
            let values = (0..pair.b.elem_count() as u64).map(|i| stream.unit_at(i) as f32 - 0.5).collect::<Vec<_>>();
            pair.b = Tensor::from_vec(values, pair.b.dims(), &Device::Cpu).unwrap();
        }
        made
    };
    let adapters = vec![("one".to_owned(), make(1)), ("two".to_owned(), make(2))];
    Setting { root, model, held_out, adapters }
}

fn search<'a>(setting: &'a Setting, settings: Settings, steps: usize) -> Search<'a> {
    let kept = setting.root.path().join("trials.json");
    let (adapters, measure) = (setting.adapters.as_slice(), Measure::Rows(&setting.held_out));
    Search { adapters, settings, measure, identity: "these".into(), steps, kept }
}

#[test]
fn the_best_is_no_worse_than_the_base_and_each_adapter_and_the_folder_gives_its_loss() {
    let setting = setting();
    assert_eq!(setting.held_out.rows(), 10);
    let mut model = setting.model.clone();
    let base = setting.held_out.loss(&model).unwrap();
    let found = search(&setting, Settings::new(Method::Linear), 25).run(&mut model, &|| false, &mut |_| {}).unwrap();
    assert_eq!(found.trials[0].weights, [0.0, 0.0]);
    assert!((found.trials[0].loss - base).abs() < 1e-5, "the base alone");
    assert_eq!((&found.trials[1].weights[..], &found.trials[2].weights[..]), (&[1.0, 0.0][..], &[0.0, 1.0][..]));
    let best = found.trials[found.best].loss;
    assert!(found.trials.iter().all(|trial| trial.loss >= best));
    assert!(best < base - 0.01, "{best} {base}");
    found.combined.adapter.attach(&mut model).unwrap();
    assert!((setting.held_out.loss(&model).unwrap() - best).abs() < 1e-5);
}

#[test]
fn a_search_that_was_stopped_goes_the_same_way_and_computes_nothing_twice() {
    let setting = setting();
    let settings = Settings::new(Method::Ties);
    let mut model = setting.model.clone();
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 6
    };
    let error = search(&setting, settings, 12).run(&mut model, &stop, &mut |_| {}).unwrap_err();
    assert_eq!(error.exit_code(), 130);
    let count = Cell::new(0);
    let counted = || {
        count.set(count.get() + 1);
        false
    };
    let found = search(&setting, settings, 12).run(&mut model, &counted, &mut |_| {}).unwrap();
    assert!(count.get() <= 6, "six of twelve were known");
    assert!(found.trials.iter().all(|trial| trial.density.is_some_and(|density| (THINNEST..=1.0).contains(&density))));
    std::fs::remove_file(setting.root.path().join("trials.json")).unwrap();
    let anew = search(&setting, settings, 12).run(&mut model, &|| false, &mut |_| {}).unwrap();
    assert_eq!(found.trials, anew.trials);
    // Other rows or adapters are another search.
    let other = Search { identity: "others".into(), ..search(&setting, settings, 1) };
    let count = Cell::new(0);
    other
        .run(
            &mut model,
            &|| {
                count.set(count.get() + 1);
                false
            },
            &mut |_| {},
        )
        .unwrap();
    assert_eq!(count.get(), 1);
}

#[test]
fn slerp_is_searched_along_its_arc() {
    let setting = setting();
    let mut model = setting.model.clone();
    let found = search(&setting, Settings::new(Method::Slerp), 8).run(&mut model, &|| false, &mut |_| {}).unwrap();
    assert!(found.trials.iter().all(|trial| (trial.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9));
}

#[test]
fn of_tasks_the_mean_of_main_scores_is_made_large_each_in_its_direction() {
    let setting = setting();
    let tokenizer = Tokenizer::train((0..300).map(|n| format!("sõna{n} loeb raamatut {n}")), 290).unwrap();
    let texts = setting.root.path().join("texts.txt");
    std::fs::write(&texts, "sõna1 loeb raamatut 1\nsõna2 loeb\n").unwrap();
    let choices = setting.root.path().join("choices.jsonl");
    let choice = |n: usize| {
        format!(
            "{{\"premise\":\"sõna{n}\",\"question\":\"effect\",\"choice1\":\"loeb {n}\",\"choice2\":\"raamatut\",\"label\":{}}}\n",
            n % 2
        )
    };
    std::fs::write(&choices, (0..30).map(choice).collect::<String>()).unwrap();
    let compare =
        Compare { tasks: vec![], merged: false, batch: 4, limit: None, template: ChatTemplate::Plain, judge: None };
    let task = |kind, path: &std::path::Path| {
        let data = TaskData::File { paths: vec![path.to_owned()], language: "Estonian".into() };
        Task::load(&TaskSettings::of(kind, data, 8), &compare, 1).unwrap()
    };
    let tasks = [task(TaskKind::Perplexity, &texts), task(TaskKind::Choice, &choices)];
    let mut model = setting.model.clone();
    let measure = |tasks| Measure::Tasks { tasks, tokenizer: &tokenizer };
    let mut found = |tasks, identity: &str| {
        let search = search(&setting, Settings::new(Method::Linear), 6);
        let search = Search { measure: measure(tasks), identity: identity.into(), ..search };
        search.run(&mut model, &|| false, &mut |_| {}).unwrap()
    };
    let texts = found(&tasks[..1], "texts");
    assert!(texts.trials.iter().all(|trial| trial.loss == trial.scores[0]));
    assert!(texts.trials.iter().all(|trial| trial.scores[0] >= texts.trials[texts.best].scores[0]), "less is better");
    let choices = found(&tasks[1..], "choices");
    assert!(choices.trials.iter().all(|trial| trial.loss == -trial.scores[0]));
    assert!(choices.trials.iter().all(|trial| trial.scores[0] <= choices.trials[choices.best].scores[0]), "more is");
    assert!(choices.trials.iter().any(|trial| trial.scores[0] != choices.trials[0].scores[0]), "it moves");
    let both = found(&tasks, "both");
    assert!(both.trials.iter().all(|trial| trial.loss == (trial.scores[0] - trial.scores[1]) / 2.0));
    assert_eq!(both.trials[1].scores, [texts.trials[1].scores[0], choices.trials[1].scores[0]], "as each alone");
    assert_eq!(measure(&tasks).scores()[1], "choice Estonian, choices, accuracy");
}
