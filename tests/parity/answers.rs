//! What models answer: likelihoods of choices and greedy texts, as transformers has them for the same prompts.

use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device};
use emakeel::data::Tokenizer;
use emakeel::eval::{Prediction, Task};
use emakeel::model::Llama;
use emakeel::progress::Progress;
use emakeel::recipe::Recipe;
use serde_json::{Value, json};

use crate::peft::python;

/// The largest difference of a log-likelihood, in nats.
const TOLERANCE: f64 = 1e-4;
/// Two tokens may change places in a greedy text only if their logits are as near as this.
const TIE: f64 = 1e-4;

#[test]
fn likelihoods_and_greedy_texts_are_those_of_transformers() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if !shared.is_dir() {
        return eprintln!("SKIPPED: ../shared is absent");
    }
    let Some(python) = python("import torch, transformers, sentencepiece") else { return };
    let checkpoint = shared.join("checkpoints/stories260K_hf");
    let pieces = shared.join("checkpoints/stories260K/tok512.model");
    let flores = shared.join("parallel/flores_sib200/flores_en_et.tsv");
    let recipe = format!(
        "name: parity\nbase: {{ model: {} }}\ncompare:\n  template: tulu\n  limit: 120\n  tasks:\n\
         \x20   - {{ task: estcopa, data: {} }}\n\
         \x20   - {{ task: translation, data: {flores}, from: English, to: Estonian, max_new_tokens: 24, read: all }}\n\
         \x20   - {{ task: translation, data: {flores}, from: Estonian, to: English, max_new_tokens: 24, read: all }}\n",
        checkpoint.display(),
        shared.join("eval/estcopa/test.et.jsonl").display(),
        flores = flores.display(),
    );
    let recipe = Recipe::parse(&recipe, "parity.yaml", &[]).unwrap_or_else(|error| panic!("{error}"));
    let tokenizer = Tokenizer::open(&pieces).unwrap();
    let mut model = Llama::load(&checkpoint, DType::F32, &Device::Cpu).unwrap();
    // Real sentences are longer in pieces of 512 than what it was trained on.
    model.config.max_position_embeddings = 2048;
    let mut asked: Vec<Vec<Prediction>> = Vec::new();
    for task in Task::load_all(&recipe.study).unwrap() {
        let mut bar = Progress::silent().bar("parity", "examples", 0, 0);
        let results = task.run(&[&model], &tokenizer, &|| false, &mut bar).unwrap();
        asked.extend(results.into_iter().map(|result| result.predictions));
    }
    let texts: Vec<&Prediction> = asked[1..].iter().flatten().collect();
    assert!(asked[0].len() >= 100 && texts.len() >= 200, "{} {}", asked[0].len(), texts.len());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asked.json");
    let job =
        json!({ "model": checkpoint, "pieces": pieces, "choices": asked[0], "texts": texts, "max_new_tokens": 24 });
    std::fs::write(&file, job.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/answers.py");
    let output = Command::new(python).arg(script).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_likelihoods(&asked[0], &found["likelihoods"]);
    check_texts(&texts, &found["texts"]);
}

fn check_likelihoods(asked: &[Prediction], found: &Value) {
    let mut worst = 0f64;
    let mut count = 0;
    for (prediction, found) in asked.iter().zip(found.as_array().unwrap()) {
        for (likelihood, found) in prediction.likelihoods.iter().zip(found.as_array().unwrap()) {
            assert_eq!(likelihood.tokens, found["tokens"].as_u64().unwrap(), "{}", prediction.prompt);
            worst = worst.max((likelihood.log_likelihood - found["nats"].as_f64().unwrap()).abs());
            count += 1;
        }
    }
    println!("{count} log-likelihoods of choices differ by {worst:.1e} nats at most");
    assert!(worst <= TOLERANCE, "{worst:.2e}");
    assert!(count >= 200);
}

fn check_texts(asked: &[&Prediction], found: &Value) {
    let mut ties = 0;
    for (prediction, found) in asked.iter().zip(found.as_array().unwrap()) {
        // Where the texts differ, the script says how near the two tokens are that differ first.
        match found["gap"].as_f64() {
            None => assert_eq!(prediction.answer, found["text"].as_str().unwrap(), "{}", prediction.prompt),
            Some(gap) => {
                assert!(gap <= TIE, "{:?} and {}, whose logits are {gap:.1e} apart", prediction.answer, found["text"]);
                ties += 1;
            }
        }
    }
    println!("{} greedy texts, {ties} of them with a tie that fell otherwise", asked.len());
    assert!(ties <= asked.len() / 100, "{ties}");
}
