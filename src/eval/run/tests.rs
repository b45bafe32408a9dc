//! A tiny random model answers tasks; its likelihoods are checked against its own logits.

use candle_core::{DType, Device, Tensor};

use super::*;
use crate::error::Kind;
use crate::eval::task::Item;
use crate::eval::writing::{Answers, own_turn};
use crate::eval::{Language, Metric, prediction};
use crate::files;
use crate::model::{Config, Factor, Lora, Projection, Segments};
use crate::progress::Progress;
use crate::recipe::{ChatTemplate, Choose, Compare, NewModel, TaskData, TaskSettings};

fn opened(template: &ChatTemplate, tokenizer: &Tokenizer) -> Template {
    Template::open(template, tokenizer).unwrap()
}

fn prompt(task: &Task, item: &Item, tokenizer: &Tokenizer) -> Vec<u32> {
    opened(&task.template, tokenizer).encode_prompt(&item.question, &mut tokenizer.encoder()).unwrap()
}

struct Setting {
    folder: tempfile::TempDir,
    tokenizer: Tokenizer,
    model: Llama,
}

const TEXTS: [&str; 4] = [
    "Mari elab Tartus ja töötab koolis.",
    "Translate the following English text into Estonian.",
    "Mis oli selle põhjus? Tee oli märg, sest öösel sadas vihma.",
    "The road was wet because it rained. What was the cause of this?",
];

fn setting(context: usize) -> Setting {
    let tokenizer = Tokenizer::train(TEXTS, 320).unwrap();
    let shape = NewModel {
        hidden_size: 32,
        intermediate_size: 48,
        layers: 2,
        heads: 4,
        key_value_heads: 2,
        max_position_embeddings: context,
        tie_word_embeddings: false,
        rope_theta: 10_000.0,
        initializer_range: 0.3,
    };
    let config = Config::new(&shape, tokenizer.vocabulary(), Some(tokenizer.bos()), vec![tokenizer.eos()]).unwrap();
    let model = Llama::random(config, 5, DType::F32, &Device::Cpu).unwrap();
    Setting { folder: tempfile::tempdir().unwrap(), tokenizer, model }
}

impl Setting {
    fn task(&self, kind: TaskKind, rows: &[&str], batch: usize) -> Task {
        let path = self.folder.path().join("examples.jsonl");
        files::write(&path, rows.join("\n")).unwrap();
        let data = TaskData::File { paths: vec![path], language: "Estonian".into() };
        let settings = TaskSettings::of(kind, data, 12);
        let compare = Compare {
            tasks: Vec::new(),
            merged: false,
            batch,
            limit: None,
            template: ChatTemplate::LlammasChat,
            judge: None,
        };
        Task::load(&settings, &compare, 3).unwrap()
    }

    fn run(&self, task: &Task) -> Result<TaskResult> {
        let mut bar = Progress::silent().bar("test", "examples", 0, task.len() as u64);
        let mut results = task.run(&[&self.model], &self.tokenizer, &|| false, &mut bar)?;
        Ok(results.remove(0))
    }

    /// ln p of each token after the first, from the logits of the whole text.
    fn log_likelihoods(&self, ids: &[u32]) -> Vec<f64> {
        let logits = self.model.logits(ids, &Segments::one(ids.len())).unwrap().to_vec2::<f32>().unwrap();
        let one = |(row, id): (&Vec<f32>, &u32)| {
            let largest = row.iter().fold(f32::MIN, |a, b| a.max(*b));
            let sum: f64 = row.iter().map(|l| f64::from(l - largest).exp()).sum();
            f64::from(row[*id as usize] - largest) - sum.ln()
        };
        logits.iter().zip(&ids[1..]).map(one).collect()
    }
}

const CHOICES: [&str; 3] = [
    r#"{"premise":"Tee oli märg.","choice1":"Öösel sadas vihma.","choice2":"Mari töötab.","question":"cause","label":0}"#,
    r#"{"premise":"Vihma sadas.","choice1":"Tee","choice2":"Tee oli väga märg","question":"effect","label":1}"#,
    r#"{"premise":"Mari elab Tartus.","choice1":"koolis","choice2":"Tartus","question":"effect","label":1}"#,
];

fn answer_in(text: &str, template: &Template, example: &Example) -> String {
    Answers::Line.of(own_turn(text, template), example, Choose::Likelihood).0
}

#[test]
fn choices_are_scored_by_the_words_of_the_answer_alone() {
    let setting = setting(256);
    let task = setting.task(TaskKind::Choice, &CHOICES, 2);
    let result = setting.run(&task).unwrap();
    assert_eq!(result.columns.iter().map(|c| c.metric.clone()).collect::<Vec<_>>(), task.metrics());
    let mut right = [0; 4];
    let neutral = opened(&task.template, &setting.tokenizer)
        .encode_prompt(&wording::neutral(&Language::Estonian), &mut setting.tokenizer.encoder())
        .unwrap();
    assert!(setting.tokenizer.decode(&neutral).contains("Vastus:"));
    for (prediction, item) in result.predictions.iter().zip(&task.items) {
        let Example::Choice { choices, right: index, .. } = &item.example else { panic!() };
        for (choice, scored) in choices.iter().zip(&prediction.likelihoods) {
            let mut ids = prompt(&task, item, &setting.tokenizer);
            let prompt = ids.len();
            ids.extend(setting.tokenizer.encode_continuation(choice).unwrap());
            let expected: f64 = setting.log_likelihoods(&ids)[prompt - 1..].iter().sum();
            assert!((scored.log_likelihood - expected).abs() < 1e-4 * expected.abs(), "{scored:?} {expected}");
            assert_eq!((scored.tokens as usize, scored.bytes as usize), (ids.len() - prompt, choice.len()));
            let alone = [neutral.clone(), setting.tokenizer.encode_continuation(choice).unwrap()].concat();
            let expected: f64 = setting.log_likelihoods(&alone)[neutral.len() - 1..].iter().sum();
            assert!((scored.unconditional.unwrap() - expected).abs() < 1e-4 * expected.abs(), "{scored:?} {expected}");
        }
        let score = |by: fn(&Likelihood) -> f64| {
            let scores: Vec<f64> = prediction.likelihoods.iter().map(by).collect();
            usize::from((scores[0] < scores[1]) == (*index == 1))
        };
        right[0] += score(Likelihood::per_token);
        right[1] += score(|l| l.log_likelihood);
        right[2] += score(|l| l.log_likelihood / l.text.len() as f64);
        right[3] += score(|l| l.log_likelihood - l.unconditional.unwrap());
        assert!(prediction.prompt.contains("<|assistant|>") && prediction.references.len() == 1);
    }
    for (column, right) in result.columns.iter().zip(right) {
        assert!((column.value - 100.0 * right as f64 / 3.0).abs() < 1e-9);
    }
}

#[test]
fn a_long_text_is_scored_in_windows_and_a_short_one_whole() {
    let setting = setting(32);
    let long = TEXTS.join(" ").repeat(2);
    let rows = [TEXTS[0], &long].map(|text| serde_json::json!({ "text": text }).to_string());
    let task = setting.task(TaskKind::Perplexity, &[&rows[0], &rows[1]], 3);
    let result = setting.run(&task).unwrap();
    let (mut nats, mut tokens) = (0.0, 0);
    for (prediction, text) in result.predictions.iter().zip([TEXTS[0], &long]) {
        let ids = setting.tokenizer.encode(text).unwrap();
        let mut expected = 0.0;
        for (at, _) in ids.iter().enumerate() {
            // The start of the window that scores token `at`: the first holds 31 tokens, each later one scores 16 more.
            let end = if at < 31 { 31.min(ids.len()) } else { (31 + (at - 31) / 16 * 16 + 16).min(ids.len()) };
            let start = end.saturating_sub(31);
            let window: Vec<u32> =
                [setting.tokenizer.bos()].into_iter().chain(ids[start..=at].iter().copied()).collect();
            expected += setting.log_likelihoods(&window).last().unwrap();
        }
        let scored = &prediction.likelihoods[0];
        assert!((scored.log_likelihood - expected).abs() < 1e-4 * expected.abs(), "{scored:?} {expected}");
        assert_eq!((scored.tokens as usize, scored.bytes as usize), (ids.len(), text.len()));
        nats -= scored.log_likelihood;
        tokens += ids.len();
    }
    let bytes = (TEXTS[0].len() + long.len()) as f64;
    let words = (TEXTS[0].split_whitespace().count() + long.split_whitespace().count()) as f64;
    assert!((result.columns[2].value - (nats / words).exp()).abs() < 1e-9 * result.columns[2].value);
    assert!((result.columns[3].value - (nats / bytes).exp()).abs() < 1e-9 * result.columns[3].value);
    assert!((result.columns[1].value - (nats / tokens as f64).exp()).abs() < 1e-9 * result.columns[1].value);
    assert!((result.columns[0].value - nats / bytes / std::f64::consts::LN_2).abs() < 1e-12);
}

fn corrections() -> Vec<String> {
    let row = |text: &str| serde_json::json!({ "source": text, "correction": text }).to_string();
    TEXTS.iter().map(|text| row(text)).chain([row("Mari"), row("ja")]).collect()
}

#[test]
fn answers_stand_in_the_order_of_the_examples_whatever_the_batch() {
    let setting = setting(256);
    let rows = corrections();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let [one, three] = [1, 3].map(|batch| setting.run(&setting.task(TaskKind::Correction, &rows, batch)).unwrap());
    assert_eq!(one.predictions, three.predictions);
    let task = setting.task(TaskKind::Correction, &rows, 1);
    for (number, (prediction, item)) in one.predictions.iter().zip(&task.items).enumerate() {
        assert_eq!(prediction.example, number);
        assert_eq!(prediction.source, item.example.source());
        let mut ids = prompt(&task, item, &setting.tokenizer);
        let start = ids.len();
        for _ in 0..12 {
            let logits = setting.model.logits(&ids, &Segments::one(ids.len())).unwrap().to_vec2::<f32>().unwrap();
            let last = logits.last().unwrap();
            let best = (0..last.len()).max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap() as u32;
            if best == setting.tokenizer.eos() {
                break;
            }
            ids.push(best);
        }
        let text = setting.tokenizer.decode(&ids[start..]);
        assert_eq!(
            prediction.answer,
            answer_in(&text, &opened(&task.template, &setting.tokenizer), &item.example),
            "{text:?}"
        );
    }
}

#[test]
fn predictions_read_back_give_the_same_scores_to_the_bit() {
    let setting = setting(256);
    let rows = corrections();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    for task in [setting.task(TaskKind::Correction, &rows, 4), setting.task(TaskKind::Choice, &CHOICES, 4)] {
        let result = setting.run(&task).unwrap();
        let path = setting.folder.path().join("kept.jsonl");
        prediction::write(&path, &result.predictions).unwrap();
        let again = task.result(prediction::read(&path).unwrap()).unwrap();
        assert_eq!(again.predictions, result.predictions);
        for (a, b) in again.columns.iter().zip(&result.columns) {
            assert_eq!((a.value.to_bits(), a.interval, &a.rows), (b.value.to_bits(), b.interval, &b.rows));
        }
    }
}

#[test]
fn a_prompt_that_does_not_fit_is_named_before_and_while_running() {
    let setting = setting(40);
    let task = setting.task(TaskKind::Choice, &CHOICES, 2);
    let early = task.check_lengths(&setting.tokenizer, &setting.model.config).unwrap_err().to_string();
    let late = setting.run(&task).unwrap_err().to_string();
    for error in [early, late] {
        assert!(error.starts_with("choice Estonian, examples  the prompt of example "), "{error}");
        assert!(error.contains("tokens, must be at most max_position_embeddings, 40"), "{error}");
    }
}

/// The model with an update of rank 1 on one module, whose factors are waves.
fn adapted(model: &Llama, path: &str, scale: f64) -> Llama {
    let mut model = model.clone();
    let projection = model.projection_mut(path).unwrap();
    let base = projection.frozen().unwrap().clone();
    let (out, inner) = base.dims2().unwrap();
    let wave = |count: usize| Tensor::arange(0f32, count as f32, &Device::Cpu).and_then(|x| x.sin()).unwrap();
    let a = Factor::Frozen(wave(inner).reshape((1, inner)).unwrap());
    let b = Factor::Frozen(wave(out).reshape((out, 1)).unwrap());
    *projection = Projection::Lora(Lora::new(base, a, b, scale, 0.0));
    model
}

#[test]
fn adapters_that_answer_together_answer_as_each_does_alone() {
    let setting = setting(256);
    let first = adapted(&setting.model, "model.layers.0.mlp.up_proj", 0.5);
    let second = adapted(&setting.model, "model.layers.1.self_attn.v_proj", 0.7);
    let models = [&setting.model, &first, &second];
    let rows = corrections();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    for task in [setting.task(TaskKind::Correction, &rows, 4), setting.task(TaskKind::Choice, &CHOICES, 2)] {
        let ask = |models: &[&Llama]| {
            let mut bar = Progress::silent().bar("test", "examples", 0, 1);
            task.run(models, &setting.tokenizer, &|| false, &mut bar).unwrap()
        };
        let together: Vec<_> = ask(&models).into_iter().map(|result| result.predictions).collect();
        let alone: Vec<_> = models.iter().map(|model| ask(&[model]).remove(0).predictions).collect();
        assert_eq!(together, alone);
        assert!(together[0] != together[1] && together[1] != together[2], "the adapters change the answers");
    }
}

#[test]
fn a_person_can_stop_every_kind_of_task() {
    let setting = setting(256);
    let rows = corrections();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    for task in [setting.task(TaskKind::Correction, &rows, 4), setting.task(TaskKind::Choice, &CHOICES, 4)] {
        let mut bar = Progress::silent().bar("test", "examples", 0, 1);
        let stopped = task.run(&[&setting.model], &setting.tokenizer, &|| true, &mut bar);
        assert_eq!(stopped.map(|_| ()).unwrap_err().kind(), Kind::Interrupted);
    }
}

#[test]
fn an_answer_ends_where_the_model_goes_on_by_itself() {
    let tokenizer = Tokenizer::train(TEXTS, 320).unwrap();
    let example =
        |reference: &str| Example::Correction { source: "x".into(), references: vec![reference.into()], gold: None };
    let cases = [
        ("Tere!\n<|user|>\nJa sina?", ChatTemplate::LlammasChat, "a", "Tere!"),
        ("\n\n Tere! \nJa nii edasi.", ChatTemplate::Plain, "a", "Tere!"),
        ("üks\nkaks\n### Instruction:\nkolm", ChatTemplate::Alpaca, "a\nb", "üks\nkaks"),
        ("<|user|>", ChatTemplate::LlammasChat, "a", ""),
        ("  ", ChatTemplate::Plain, "a", ""),
        ("Tere!\n<|user|>\nJa sina?", ChatTemplate::Tulu, "a\nb", "Tere!"),
        ("Tere! <s>[INST] Ja sina?", ChatTemplate::Llama2Chat, "a\nb", "Tere! <s>"),
    ];
    for (text, template, reference, expected) in cases {
        assert_eq!(answer_in(text, &opened(&template, &tokenizer), &example(reference)), expected, "{text:?}");
    }
}

/// Columns of every kind of task that the built-in world has, asked of a model that knows nothing.
#[test]
fn the_built_in_world_has_every_task_in_both_languages() {
    let setting = setting(512);
    let compare = Compare {
        tasks: Vec::new(),
        merged: false,
        batch: 8,
        limit: Some(6),
        template: ChatTemplate::LlammasChat,
        judge: None,
    };
    let mut kinds = vec![
        (TaskKind::Translation { from: "English".into(), to: "Estonian".into() }, "Estonian"),
        (TaskKind::Translation { from: "Estonian".into(), to: "English".into() }, "English"),
    ];
    for language in ["English", "Estonian"] {
        kinds.extend(
            [TaskKind::Choice, TaskKind::Answer, TaskKind::Correction, TaskKind::Perplexity].map(|k| (k, language)),
        );
    }
    for (kind, language) in kinds {
        let data = TaskData::World { language: language.into() };
        let task = Task::load(&TaskSettings::of(kind, data, 8), &compare, 3).unwrap();
        assert_eq!(task.len(), 6, "{}", task.name());
        let result = setting.run(&task).unwrap();
        assert!(result.columns.iter().all(|c| c.value.is_finite() && c.interval.is_some()), "{}", task.name());
        assert!(result.columns.iter().all(|c| c.metric != Metric::Accuracy || c.examples == 6));
    }
}

#[test]
fn a_real_model_finds_its_own_story_as_likely_as_the_golden_file_says() {
    let shared = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/checkpoints"));
    if !shared.exists() {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    }
    let tokenizer = Tokenizer::open(&shared.join("stories260K/tok512.model")).unwrap();
    let model = Llama::load(&shared.join("stories260K_hf"), DType::F32, &Device::Cpu).unwrap();
    let golden: serde_json::Value = files::read_json(&shared.join("stories260K_hf/golden.json")).unwrap();
    let ids: Vec<u32> = serde_json::from_value(golden["input_ids"].clone()).unwrap();
    let setting = Setting { folder: tempfile::tempdir().unwrap(), tokenizer, model };
    let text = golden["text"].as_str().unwrap();
    let row = serde_json::json!({ "text": text }).to_string();
    let result = setting.run(&setting.task(TaskKind::Perplexity, &[&row], 1)).unwrap();
    let scored = &result.predictions[0].likelihoods[0];
    assert_eq!(scored.tokens as usize, ids.len() - 1);
    let mean = -scored.per_token();
    eprintln!("mean negative log-likelihood {mean}, golden {}", golden["mean_nll_shifted"]);
    assert!((mean - golden["mean_nll_shifted"].as_f64().unwrap()).abs() < 1e-5, "{mean}");
}

#[test]
fn the_answers_of_a_kept_out_conversation_are_as_likely_as_chosen_ones() {
    let setting = setting(256);
    let chosen = setting.task(TaskKind::Choice, &CHOICES, 2);
    let likelihoods = setting.run(&chosen).unwrap().predictions;
    let answered = |item: &Item| {
        let Example::Choice { choices, .. } = &item.example else { panic!("{item:?}") };
        let question = item.question.clone().answered(&choices[0]);
        Item { question, example: Example::Text(choices[0].clone()) }
    };
    let items = chosen.items.iter().map(answered).collect();
    let mut kept_out = setting.task(TaskKind::Perplexity, &[r#"{"text": "Tee oli märg."}"#], 2);
    kept_out.items = items;
    for (at, prediction) in setting.run(&kept_out).unwrap().predictions.iter().enumerate() {
        let (got, expected) = (&prediction.likelihoods[0], &likelihoods[at].likelihoods[0]);
        assert_eq!((&got.text, got.tokens, got.bytes), (&expected.text, expected.tokens, expected.bytes));
        assert!((got.log_likelihood - expected.log_likelihood).abs() < 1e-4, "{got:?} {expected:?}");
    }
    // What does not fit the model is cut, and as many bytes count as were scored.
    let long = Item {
        question: Conversation::question("Mis?", "").answered(TEXTS.join(" ").repeat(4)),
        example: Example::Text(TEXTS.join(" ").repeat(4)),
    };
    kept_out.items = vec![long];
    kept_out.check_lengths(&setting.tokenizer, &setting.model.config).unwrap();
    let cut = setting.run(&kept_out).unwrap().predictions.remove(0).likelihoods.remove(0);
    let whole_context = Item {
        question: Conversation::question(TEXTS.join(" ").repeat(4), "").answered("Jah."),
        example: Example::Text("Jah.".into()),
    };
    let empty =
        Item { question: Conversation::question("Mis?", "").answered(""), example: Example::Text(String::new()) };
    kept_out.items = vec![whole_context, empty];
    for prediction in setting.run(&kept_out).unwrap().predictions {
        let likelihood = &prediction.likelihoods[0];
        assert_eq!((likelihood.tokens, likelihood.bytes, likelihood.log_likelihood), (0, 0, 0.0));
    }
    assert!(
        cut.tokens < 256 && cut.text.starts_with("Mari elab Tartus") && cut.bytes < TEXTS.join(" ").len() as u64 * 4
    );
}
