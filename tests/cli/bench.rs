//! `emakeel bench`: figures of every method, beside another program's, and mistakes in how it is called.

use serde_json::Value;

use crate::support::{Place, emakeel};

/// Measures on a tiny shape; returns what was printed as JSON.
#[track_caller]
fn figures(more: &[&str]) -> Value {
    let mut arguments = vec!["bench", "--shape", "32/2/2/64/100", "--steps", "3", "--json", "--quiet"];
    arguments.extend(more);
    printed(&arguments)
}

#[track_caller]
fn printed(arguments: &[&str]) -> Value {
    let output = emakeel(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[track_caller]
fn are_above_zero(figures: &Value, keys: &[&str]) {
    for key in keys {
        assert!(figures[key].as_f64().is_some_and(|value| value > 0.0), "{key} is above 0: {figures}");
    }
}

const OF_STEPS: [&str; 7] =
    ["tokens_per_s", "step_s", "step_min_s", "step_max_s", "gflops", "matmul_share", "peak_gflops"];

#[test]
fn a_swap_of_loaded_adapters_is_measured_at_a_shape_without_its_weights() {
    // 32 layers of the shape of 7 billion parameters; the rank is small so that the test is.
    let swap = printed(&["bench", "--model", "llama-2-7b", "--method", "swap", "--rank", "1", "--json", "--quiet"]);
    are_above_zero(&swap, &["swap_s", "swap_max_s", "load_s", "load_bytes_per_s", "read_bytes_per_s"]);
    assert_eq!((swap["modules"].as_u64(), swap["swaps"].as_u64()), (Some(224), Some(200)));
    // Under a millisecond in a program that is optimised; ten times that otherwise.
    let bound = if cfg!(debug_assertions) { 0.01 } else { 0.001 };
    assert!(swap["swap_s"].as_f64().is_some_and(|seconds| seconds < bound), "{swap}");
}

#[test]
fn training_steps_are_measured_and_counted() {
    let lora = figures(&["--threads", "1", "--rank", "8", "--batch", "2", "--sequence-length", "64"]);
    are_above_zero(&lora, &OF_STEPS);
    assert_eq!(
        (lora["method"].as_str(), lora["threads"].as_u64(), lora["steps"].as_u64()),
        (Some("lora"), Some(1), Some(3))
    );
    // Two layers; 8 numbers for each input and output: of four modules 32 and 32, of three 32 and 64.
    assert_eq!(lora["trainable"], 2 * 8 * (4 * 64 + 3 * 96));
    assert!(lora["matmul_share"].as_f64() < Some(1.0), "{lora}");
    let parts = |figures: &Value| figures["parts_s"].as_object().map(|parts| parts.keys().cloned().collect::<Vec<_>>());
    assert_eq!(parts(&lora).unwrap_or_default(), ["backward", "forward", "head", "update"]);
    are_above_zero(&lora["parts_s"], &["backward", "forward", "head", "update"]);
    // Two sequences in the median step.
    let tokens = lora["tokens_per_s"].as_f64().zip(lora["step_s"].as_f64()).map(|(rate, step)| rate * step);
    assert!(tokens.is_some_and(|tokens| (tokens - 128.0).abs() < 1e-6), "{tokens:?}");
    // Random tokens of 100 kinds.
    assert!(lora["loss"].as_f64().is_some_and(|loss| (loss - 100f64.ln()).abs() < 0.1), "{lora}");

    let within = figures(&["--method", "full", "--clip", "0"]);
    assert_eq!(parts(&within).unwrap_or_default(), ["backward", "forward", "head"], "updates are part of backward");
    let full = figures(&["--method", "full", "--recompute", "--micro-batch", "1"]);
    are_above_zero(&full, &OF_STEPS);
    // Embedding and head; two layers of four square and three MLP modules and two norms; the last norm.
    assert_eq!(full["trainable"], 2 * 3200 + 2 * (4 * 1024 + 3 * 2048 + 64) + 32);
    assert_eq!(full["parameters"], full["trainable"]);
}

#[test]
fn every_way_to_keep_weights_and_state_is_measured_and_learns_the_same() {
    let sizes = ["--batch", "2", "--sequence-length", "64"];
    let loss = |more: &[&str]| {
        let figures = figures(&[&sizes[..], more].concat());
        are_above_zero(&figures, &OF_STEPS);
        figures["loss"].as_f64().expect("a loss")
    };
    let lora = loss(&["--method", "lora"]);
    let eight = loss(&["--method", "lora-int8"]);
    assert!((lora - eight).abs() < 0.02 && lora != eight, "{lora} {eight}");
    let qlora = loss(&["--method", "qlora", "--optimizer", "adamw-8bit"]);
    assert!((lora - qlora).abs() < 0.02 && lora != qlora, "{lora} {qlora}");
    let full = ["--method", "full", "--dtype", "bf16", "--clip", "0"];
    let plain = loss(&full);
    assert_eq!(plain, loss(&[&full[..], &["--offload"]].concat()), "where the state lies changes nothing");
    let small = loss(&[&full[..], &["--optimizer", "adamw-8bit", "--rounding", "stochastic", "--offload"]].concat());
    assert!((plain - small).abs() < 0.02 && plain != small, "{plain} {small}");

    let output = emakeel(&["bench", "--shape", "32/2/2/64/100", "--optimizer", "lion"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("expected `adamw` or `adamw-8bit`"), "{said}");
}

#[test]
fn the_files_of_a_model_are_written_and_read_one_weight_at_a_time() {
    let place = Place::new();
    let folder = place.root().display().to_string();
    let shape = ["bench", "--shape", "256/4/4/512/8000", "--dtype", "bf16", "--method", "files", "--folder", &folder];
    let figures = printed(&[&shape[..], &["--json", "--quiet"]].concat());
    are_above_zero(&figures, &["write_s", "write_bytes_per_s", "read_s", "read_bytes_per_s"]);
    let parameters = 2 * 8000 * 256 + 4 * (4 * 256 * 256 + 3 * 256 * 512 + 2 * 256) + 256;
    assert_eq!((figures["bytes"].as_u64(), figures["files"].as_u64()), (Some(2 * parameters), Some(1)));
    assert_eq!(std::fs::read_dir(place.root()).expect("the folder").count(), 0, "nothing is left");
}

#[test]
fn generation_is_measured() {
    let figures = figures(&["--method", "generate", "--prompts", "3", "--prompt-tokens", "5", "--new-tokens", "4"]);
    are_above_zero(&figures, &["new_tokens_per_s", "seconds", "gflops", "matmul_share"]);
    let tokens = figures["new_tokens_per_s"].as_f64().zip(figures["seconds"].as_f64()).map(|(rate, s)| rate * s);
    assert!(tokens.is_some_and(|tokens| (tokens - 12.0).abs() < 1e-6), "{tokens:?}");
    assert!(figures.get("tokens_per_s").is_none(), "{figures}");
}

#[test]
fn adapters_are_compared_on_one_base() {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/tiny-estonian");
    let adapters = concat!(env!("CARGO_MANIFEST_DIR"), "/adapters");
    let mut arguments = vec!["bench", "--model", model, "--method", "adapters", "--adapter", adapters];
    arguments.extend(["--batch", "2", "--sequence-length", "32", "--steps", "2", "--json", "--quiet"]);
    let figures = printed(&arguments);
    assert_eq!(figures["adapters"], 5);
    are_above_zero(&figures, &["seconds", "load_s", "tokens_per_s", "matmul_share"]);
}

#[test]
fn rows_of_given_lengths_last_as_long_as_they_last() {
    let place = Place::new();
    let lengths = place.write("lengths.json", "[[50, 10], [100, 30], [20, 3], [60, 20], [55, 22]]");
    let (shape, lengths) = ("32/2/4:2/64/100", lengths.display().to_string());
    let mut arguments = vec!["bench", "--shape", shape, "--lengths", &lengths, "--batch", "2"];
    arguments.extend(["--sequence-length", "128", "--json", "--quiet"]);
    let figures = printed(&arguments);
    are_above_zero(&figures, &["rows_per_s", "tokens_per_s", "step_s"]);
    assert_eq!(figures["steps"], 3);
    // The second and third step: three rows of 135 tokens.
    let tokens = figures["tokens_per_s"].as_f64().zip(figures["rows_per_s"].as_f64()).map(|(t, r)| t / r);
    assert!(tokens.is_some_and(|tokens| (tokens - 45.0).abs() < 1e-6), "{tokens:?}");

    for length in arguments.iter_mut().filter(|argument| **argument == "128") {
        *length = "64";
    }
    let output = emakeel(&arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("lengths.json, row 1  its number of tokens is 100, must be from 2 to 64"), "{said}");
}

#[test]
fn another_programs_figures_stand_beside_ours() {
    let place = Place::new();
    let peer = place.write("peer.json", r#"{ "method": "lora", "tokens_per_s": 0.5, "peak_mb": 1e6, "note": "slow" }"#);
    let peer = peer.display().to_string();
    let figures = figures(&["--peer", &peer]);
    let ratio = figures["tokens_per_s"].as_f64().map(|rate| rate / 0.5);
    assert_eq!(figures["ratios"]["tokens_per_s"].as_f64(), ratio);
    assert_eq!(figures["peer"]["note"], "slow");
    let output = emakeel(&["bench", "--shape", "32/2/2/64/100", "--steps", "2", "--quiet", "--peer", &peer]);
    let text = String::from_utf8_lossy(&output.stdout);
    let has = |words: &str| assert!(text.contains(words), "{words} is in:\n{text}");
    ["tokens/s", "GFLOP/s", "in matmul", "matmul peak", "peak memory", "theirs", "ratio"].into_iter().for_each(has);

    let other = place.write("other.json", r#"{ "method": "full", "tokens_per_s": 1 }"#).display().to_string();
    let output = emakeel(&["bench", "--shape", "32/2/2/64/100", "--peer", &other]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("must be \"lora\", as here"));
}

#[test]
fn flags_that_make_no_sense_are_named_all_at_once() {
    let output = emakeel(&["bench", "--shape", "32/2", "--method", "lroa", "--steps", "1"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--method is \"lroa\", must be lora, qlora, lora-int8, full, generate, adapters, files or swap"),
        "{said}"
    );
    assert!(said.contains("--steps is 1, must be at least 2"), "{said}");
    let output = emakeel(&["bench", "--shape", "32/2"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--shape is \"32/2\", must be five numbers"));
    assert_eq!(emakeel(&["bench"]).status.code(), Some(2));
    assert_eq!(emakeel(&["bench", "--shape", "32/2/2/64/100", "--model", "m"]).status.code(), Some(2));
}
